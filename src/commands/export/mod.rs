//! `dagtop export`: the history as tables for other programs, row by row: nothing is held but what is written next.
//! Must not know how the history keeps what it has.

mod parquet;
mod sink;
mod sources;
mod table;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::cli::{Export, ExportFormat, ExportWhat, Global, GrainName};
use crate::history::Grain;
use crate::history::audit::{Kind, What};

use super::audit::audited;
use super::audit::lines::Lines;
use super::outlet::Outlet;
use super::{Exit, Usage, open, say, times};

use self::parquet::ParquetSink;
use sink::{CsvSink, JsonSink, Sink};
use sources::{Chosen, Failed};
use table::{Cell, Table};

/// How far back, unless told otherwise.
const SINCE: chrono::Duration = chrono::Duration::days(30);
/// Between two words of how far it is.
const WORD: Duration = Duration::from_millis(250);

pub(super) fn run(global: &Global, args: &Export) -> anyhow::Result<Exit> {
    let of_metrics = args.what == ExportWhat::Metrics;
    if of_metrics && (args.pipeline.is_some() || args.backend.is_some()) {
        let why =
            "--pipeline and --backend mean nothing to metrics; --series chooses them by their name";
        return Err(Usage(why.to_owned()).into());
    }
    if args.series.is_some() && !of_metrics {
        return Err(Usage("--series is for metrics".to_owned()).into());
    }
    let now = Utc::now();
    let (since, until) = times::span(args.since.as_ref(), args.until.as_ref())?;
    let (from, to) = (since.unwrap_or(now - SINCE), until.unwrap_or(now));
    if from >= to {
        return Err(Usage(format!("--since {from} is not before --until {to}")).into());
    }
    let chosen = Chosen {
        from,
        to,
        pipeline: args.pipeline.clone(),
        backend: args.backend.clone(),
        series: args.series.clone().unwrap_or_default(),
        grain: grain(args.grain),
    };
    let out = Outlet::open(args.output.as_deref())?;
    if args.format == ExportFormat::Parquet && out.is_terminal() {
        let why = "Parquet is no text: give a file with -o, or a pipe";
        return Err(Usage(why.to_owned()).into());
    }
    audited(global, None, what(args, from, to, &out));
    let table = args.what.table();
    let mut out = match args.format {
        ExportFormat::Csv => write(global, args, &chosen, CsvSink::new(out, table, !args.raw)?)?,
        ExportFormat::Jsonl => write(global, args, &chosen, JsonSink::new(out, table))?,
        ExportFormat::Parquet => write(global, args, &chosen, ParquetSink::new(out, table)?)?,
    };
    out.flush()?;
    out.finish()?;
    Ok(Exit::Done)
}

const fn grain(name: GrainName) -> Grain {
    match name {
        GrainName::Minute => Grain::Minute,
        GrainName::QuarterHour => Grain::QuarterHour,
        GrainName::Hour => Grain::Hour,
        GrainName::Day => Grain::Day,
    }
}

/// What the audit says of it.
fn what(args: &Export, from: DateTime<Utc>, to: DateTime<Utc>, out: &Outlet) -> What {
    let mut what = What::done(Kind::Export, "export", args.what.word())
        .with("format", args.format.word())
        .with("to", out.name())
        .with("since", from.to_rfc3339())
        .with("until", to.to_rfc3339());
    let named = [
        ("pipeline", &args.pipeline),
        ("backend", &args.backend),
        ("series", &args.series),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            what = what.with(name, value);
        }
    }
    what
}

/// Hands every row to the sink; gives back where it all went.
fn write<S: Sink>(
    global: &Global,
    args: &Export,
    chosen: &Chosen,
    mut sink: S,
) -> anyhow::Result<Outlet> {
    let mut progress = Progress::new();
    let mut row = |cells: Vec<Cell>| -> Result<(), Failed> {
        sink.row(cells).map_err(Failed)?;
        progress.one();
        Ok(())
    };
    match args.what {
        ExportWhat::Audit => {
            sources::audit(Lines::open(global, None)?, chosen, &mut row)?;
        }
        what => {
            let mut store = open::history(global)?.open()?;
            sources::of(what, store.as_mut(), chosen, &mut row)?;
        }
    }
    progress.end(args.what.word());
    Ok(sink.finish()?)
}

/// How many rows there are so far, for whoever watches.
struct Progress {
    shown: bool,
    rows: u64,
    told: Instant,
}

impl Progress {
    fn new() -> Self {
        Self {
            shown: io::stderr().is_terminal(),
            rows: 0,
            told: Instant::now(),
        }
    }

    fn one(&mut self) {
        self.rows += 1;
        // a look at the clock for every row would cost more than the row
        if self.shown && self.rows.is_multiple_of(1024) && self.told.elapsed() >= WORD {
            self.told = Instant::now();
            let _ = write!(io::stderr(), "\r{} rows\u{2026}", self.rows);
        }
    }

    fn end(&self, what: &str) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
            say(format!("{} rows of {what}", self.rows));
        }
    }
}

impl ExportWhat {
    fn table(self) -> &'static Table {
        match self {
            Self::Runs => &table::RUNS,
            Self::Nodes => &table::NODES,
            Self::Metrics => &table::METRICS,
            Self::Audit => &table::AUDIT,
        }
    }
}
