//! The report as tables: what every form of it is made from.

use chrono::{DateTime, Utc};

use crate::analytics::{Rate, Spread};
use crate::model::{PipelineKey, RunKey, Target, many};

use super::figures::{Compliance, Figures};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    None,
    Text(String),
    Count(u64),
    /// From 0 to 1.
    Share(f64),
    Seconds(f64),
    Number(f64),
    Time(DateTime<Utc>),
}

pub(super) struct Section {
    pub title: &'static str,
    /// A sentence below it.
    pub note: String,
    pub headers: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
}

fn text(text: impl AsRef<str>) -> Cell {
    match text.as_ref() {
        "" => Cell::None,
        text => Cell::Text(text.to_owned()),
    }
}

fn count(n: usize) -> Cell {
    Cell::Count(u64::try_from(n).unwrap_or(u64::MAX))
}

fn share(rate: Option<&Rate>) -> Cell {
    rate.map_or(Cell::None, |rate| Cell::Share(rate.share))
}

fn median(spread: Option<&Spread>) -> Cell {
    spread.map_or(Cell::None, |s| Cell::Seconds(s.median))
}

fn p95(spread: Option<&Spread>) -> Cell {
    spread.map_or(Cell::None, |s| Cell::Seconds(s.p95))
}

fn of(key: &PipelineKey) -> Cell {
    text(crate::model::SafeText::new(
        Target::Pipeline(key.clone()).address(),
    ))
}

fn run(key: &RunKey) -> Cell {
    text(crate::model::SafeText::new(
        Target::Run(key.clone()).address(),
    ))
}

impl Cell {
    /// As people read it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::None => "\u{2013}".to_owned(),
            Self::Text(text) => text.clone(),
            Self::Count(n) => n.to_string(),
            Self::Share(share) => format!("{:.1} %", share * 100.0),
            Self::Seconds(seconds) => span(*seconds),
            Self::Number(number) => format!("{number:.1}"),
            Self::Time(at) => at.format("%Y-%m-%d %H:%M UTC").to_string(),
        }
    }

    /// As programs read it.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Text(text) => text.clone(),
            Self::Count(n) => n.to_string(),
            Self::Share(n) | Self::Seconds(n) | Self::Number(n) => n.to_string(),
            Self::Time(at) => at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        }
    }

    /// Stands on the right.
    pub(super) fn is_number(&self) -> bool {
        !matches!(self, Self::Text(_) | Self::Time(_))
    }
}

/// Days and hours, hours and minutes, minutes and seconds, or seconds.
fn span(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    let whole = chrono::Duration::milliseconds(round(seconds.abs() * 1000.0)).num_seconds();
    let (d, h, m, s) = (
        whole / 86_400,
        whole / 3600 % 24,
        whole / 60 % 60,
        whole % 60,
    );
    match (d, h, m) {
        (0, 0, 0) if seconds.abs() < 10.0 => format!("{seconds:.1} s"),
        (0, 0, 0) => format!("{sign}{s} s"),
        (0, 0, m) => format!("{sign}{m} m {s:02} s"),
        (0, h, m) => format!("{sign}{h} h {m:02} m"),
        (d, h, _) => format!("{sign}{d} d {h} h"),
    }
}

/// What is larger than ten thousand years is a mistake.
#[allow(clippy::cast_possible_truncation)]
fn round(millis: f64) -> i64 {
    millis.clamp(0.0, 3.2e14).round() as i64
}

pub(super) fn all(figures: &Figures) -> Vec<Section> {
    let summary = &figures.summary;
    let counts = &summary.counts;
    let mut all = vec![Section {
        title: "At a glance",
        note: String::new(),
        headers: vec!["figure", "value"],
        rows: vec![
            vec![text("runs"), count(counts.runs)],
            vec![text("went well"), count(counts.good)],
            vec![text("failed or lost"), count(counts.bad)],
            vec![text("cancelled"), count(counts.cancelled)],
            vec![text("not over, or not known"), count(counts.other)],
            vec![text("success"), share(summary.success.as_ref())],
            vec![text("time run, together"), Cell::Seconds(summary.busy)],
            vec![
                text("promises kept"),
                summary
                    .sla
                    .as_ref()
                    .and_then(|s| s.share)
                    .map_or(Cell::None, Cell::Share),
            ],
            vec![text("pages"), Cell::Count(figures.on_call.pages)],
            vec![text("pages at night"), Cell::Count(figures.on_call.night)],
        ],
    }];
    all.push(Section {
        title: "Pipelines",
        note: "The worst first. Success is of the runs that ended well or badly; durations are of good runs.".to_owned(),
        headers: vec!["pipeline", "runs", "failed", "success", "success before", "median", "median before", "p95", "queued", "longest without success"],
        rows: summary.pipelines.iter().map(|p| vec![
            of(&p.pipeline),
            count(p.counts.runs),
            count(p.counts.bad),
            share(p.success.as_ref()),
            share(p.success_before.as_ref()),
            median(p.duration.as_ref()),
            median(p.duration_before.as_ref()),
            p95(p.duration.as_ref()),
            median(p.wait.as_ref()),
            p.longest_without.map_or(Cell::None, Cell::Seconds),
        ]).collect(),
    });
    all.push(Section {
        title: "Promises",
        note: "What [[expect]] asks for. `left` is how many more may be missed, by its `target`."
            .to_owned(),
        headers: vec![
            "pipeline", "met", "missed", "open", "at risk", "kept", "left",
        ],
        rows: summary
            .pipelines
            .iter()
            .filter_map(|p| {
                let sla = p.sla.as_ref()?;
                Some(vec![
                    of(&p.pipeline),
                    count(sla.met),
                    count(sla.missed),
                    count(sla.open),
                    count(sla.at_risk),
                    sla.share.map_or(Cell::None, Cell::Share),
                    Cell::Number(sla.left),
                ])
            })
            .collect(),
    });
    all.push(Section {
        title: "Slowest runs",
        note: "Against the median of their pipeline.".to_owned(),
        headers: vec!["run", "started", "took", "times its usual"],
        rows: summary
            .slowest
            .iter()
            .map(|slow| {
                vec![
                    run(&slow.run),
                    Cell::Time(slow.started),
                    Cell::Seconds(slow.took),
                    slow.times.map_or(Cell::None, Cell::Number),
                ]
            })
            .collect(),
    });
    all.push(Section {
        title: "Flakiest nodes",
        note: "They failed now and then, and worked again by themselves.".to_owned(),
        headers: vec![
            "pipeline",
            "node",
            "runs",
            "recovered",
            "failed alone",
            "flaky",
            "time lost",
        ],
        rows: summary
            .flakiest
            .iter()
            .map(|f| {
                vec![
                    of(&f.pipeline),
                    text(f.flaky.node.safe().as_str()),
                    count(f.flaky.runs),
                    count(f.flaky.recovered),
                    count(f.flaky.alone),
                    share(Some(&f.flaky.rate)),
                    Cell::Seconds(f.flaky.lost),
                ]
            })
            .collect(),
    });
    on_call(figures, &mut all);
    compliance(figures, &mut all);
    all
}

fn on_call(figures: &Figures, all: &mut Vec<Section>) {
    let load = &figures.on_call;
    let minutes = load.zone / 60;
    let zone = format!("{:+03}:{:02}", minutes / 60, minutes.abs() % 60);
    all.push(Section {
        title: "On call",
        note: format!("{} pages on {} days, at most {} on one; {} at weekends. A page is an alert that fired, or that nobody took on, to one channel. Night is from 22 to 7 by clocks at UTC{zone}.", load.pages, load.days, load.most, load.weekend),
        headers: vec!["channel", "pages", "at night", "escalated"],
        rows: load.channels.iter().map(|(name, pages)| vec![
            text(name),
            Cell::Count(pages.pages),
            Cell::Count(pages.night),
            Cell::Count(pages.escalated),
        ]).collect(),
    });
    all.push(Section {
        title: "Who took alerts on",
        note: String::new(),
        headers: vec!["person", "acknowledged", "at night", "median time to it"],
        rows: load
            .people
            .iter()
            .map(|(name, acks)| {
                vec![
                    text(name),
                    Cell::Count(acks.acks),
                    Cell::Count(acks.night),
                    acks.median.map_or(Cell::None, Cell::Seconds),
                ]
            })
            .collect(),
    });
    let pages = load
        .hours
        .iter()
        .enumerate()
        .filter(|(_, pages)| **pages > 0);
    all.push(Section {
        title: "Pages by hour",
        note: format!("By clocks at UTC{zone}; hours without any are left out."),
        headers: vec!["hour", "pages"],
        rows: pages
            .map(|(hour, pages)| vec![text(format!("{hour:02}:00")), Cell::Count(*pages)])
            .collect(),
    });
}

fn compliance(figures: &Figures, all: &mut Vec<Section>) {
    let told = &figures.compliance;
    let chain = chain(told);
    all.push(Section {
        title: "Who did what",
        note: chain,
        headers: vec!["user", "kind", "action", "done", "refused", "not confirmed"],
        rows: told
            .people
            .iter()
            .map(|p| {
                vec![
                    text(&p.user),
                    text(p.kind),
                    text(&p.action),
                    Cell::Count(p.done),
                    Cell::Count(p.refused),
                    Cell::Count(p.unconfirmed),
                ]
            })
            .collect(),
    });
    let more = match told.more {
        0 => String::new(),
        more => format!("{more} older lines are not listed: `dagtop audit` has them."),
    };
    all.push(Section {
        title: "Deeds",
        note: more,
        headers: vec![
            "at", "user", "from", "on", "action", "target", "backend", "step",
        ],
        rows: told
            .newest
            .iter()
            .map(|deed| {
                vec![
                    Cell::Time(deed.at),
                    text(&deed.user),
                    text(deed.from.as_deref().unwrap_or_default()),
                    text(deed.host.as_deref().unwrap_or_default()),
                    text(&deed.action),
                    text(&deed.target),
                    text(&deed.backend),
                    text(deed.step),
                ]
            })
            .collect(),
    });
}

/// Whether the record holds, and of how many machines it is.
fn chain(told: &Compliance) -> String {
    let lines = many(told.lines, "line");
    match (told.chain_holds, &told.head) {
        (false, _) => {
            let broken = told.machines.iter().filter(|m| !m.chain_holds);
            let of: Vec<&str> = broken.map(|m| m.machine.as_str()).collect();
            let of = match of[..] {
                [] => String::new(),
                _ => format!(" of {}", of.join(", ")),
            };
            format!("The chain of the audit{of} is BROKEN: `dagtop audit verify` says where.")
        }
        (true, Some(head)) => {
            format!("The chain of the audit holds over {lines}; its head is {head}.")
        }
        (true, None) if !told.machines.is_empty() => format!(
            "The chains of the audits of {} hold over {lines}.",
            many(told.machines.len(), "machine")
        ),
        (true, None) => "Nothing in the audit is chained yet.".to_owned(),
    }
}
