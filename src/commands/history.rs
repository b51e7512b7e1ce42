//! `dagtop history`: how much there is, and making room.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::cli::{Global, History as Args, HistoryWhat};
use crate::config::{self, Config, LoadError, Paths};
use crate::engine::past::{self, Room};
use crate::history::audit::{Kind, What};
use crate::history::{Grain, Place, Policy, Pruned, Size, Store, prune};
use crate::tui::widgets::{format, room};

use super::audit::audited;
use super::{Exit, open, print, print_json};

/// How far back it is looked at to say how fast it grows.
const GROWS: chrono::Duration = chrono::Duration::days(30);

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let place = open::history(global)?;
    let mut store = place.open()?;
    match args.what {
        None | Some(HistoryWhat::Size) => size(global, &place, store.as_mut()),
        Some(HistoryWhat::Vacuum) => vacuum(global, &place, store),
        Some(HistoryWhat::Prune) => {
            let config = config(global)?;
            let mut bar = Bar::new("pruning");
            let mut each = |pruned: &Pruned| {
                bar.say(&format!("{} records", format::count(large(pruned.total()))));
            };
            let policy = Policy::from(&config.history.keep);
            let pruned = prune(store.as_mut(), policy, &mut each)?;
            bar.end();
            let mut what = What::done(Kind::History, "prune", "what was too old");
            for (kind, many) in &pruned.records {
                what = what.with(kind, many.to_string());
            }
            audited(global, None, what);
            told(global, &pruned)
        }
        Some(HistoryWhat::Check) => {
            let left_out = store.check()?;
            if global.json {
                print_json(&serde_json::json!({ "whole": true, "unreadable": left_out }))?;
            } else if left_out == 0 {
                print("the history is whole\n")?;
            } else {
                let records =
                    format::plural(usize::try_from(left_out).unwrap_or(usize::MAX), "record");
                print(format!(
                    "the history is whole, but {records} of runs make no sense: no answer has them in it\n"
                ))?;
            }
            Ok(match left_out {
                0 => Exit::Done,
                _ => Exit::Bad,
            })
        }
    }
}

fn config(global: &Global) -> anyhow::Result<Config> {
    let paths = Paths::discover(global.config.as_deref())?;
    match config::load(&paths.config_file) {
        Ok(loaded) => Ok(loaded.config),
        Err(LoadError::NotFound(_)) => Ok(Config::default()),
        Err(error) => Err(error.into()),
    }
}

#[derive(Serialize)]
struct Told<'a> {
    place: String,
    bytes: u64,
    free: u64,
    records: serde_json::Map<String, serde_json::Value>,
    first_run: Option<DateTime<Utc>>,
    last_run: Option<DateTime<Utc>>,
    /// Bytes that it may take.
    limit: u64,
    grows_a_day: Option<u64>,
    full_at: Option<DateTime<Utc>>,
    #[serde(skip)]
    size: &'a Size,
    #[serde(skip)]
    room: Option<Room>,
}

fn size(global: &Global, place: &Place, store: &mut dyn Store) -> anyhow::Result<Exit> {
    let size = &store.size()?;
    let limit = config(global)?.history.keep.size;
    let now = Utc::now();
    let room = past::room(store, Grain::Hour, (now - GROWS, now), Some(limit))?;
    let records = size.records.iter();
    let told = Told {
        place: match place.file() {
            Some(file) => file.display().to_string(),
            None => "shared".to_owned(),
        },
        bytes: size.bytes,
        free: size.free,
        records: records
            .map(|(kind, many)| ((*kind).to_owned(), (*many).into()))
            .collect(),
        first_run: size.span.map(|(first, _)| first),
        last_run: size.span.map(|(_, last)| last),
        limit,
        grows_a_day: room.as_ref().and_then(|r| r.grows).map(|n| n as u64),
        full_at: room
            .as_ref()
            .and_then(|r| r.full.as_ref())
            .map(|full| full.when),
        size,
        room,
    };
    if global.json {
        print_json(&told)?;
        return Ok(Exit::Done);
    }
    print(in_words(&told))?;
    Ok(Exit::Done)
}

fn in_words(told: &Told<'_>) -> String {
    let mut text = format!("{}\n", told.place);
    let mut row = |name: &str, value: String| {
        // a String takes everything
        let _ = writeln!(text, "{name:<10} {value:>14}");
    };
    row("size", format::bytes(told.bytes));
    row("of it free", format::bytes(told.free));
    for (kind, many) in &told.size.records {
        row(kind, format::count(*many));
    }
    if let Some((first, last)) = told.size.span {
        let day = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
        let _ = writeln!(text, "runs from {} to {}", day(first), day(last));
    }
    if let Some(room) = &told.room {
        let _ = writeln!(text, "{}", room::words(room, format::Zone::Utc));
    }
    text
}

fn told(global: &Global, pruned: &Pruned) -> anyhow::Result<Exit> {
    let records = pruned.records.iter();
    if global.json {
        let all: serde_json::Map<String, serde_json::Value> = records
            .map(|(kind, many)| ((*kind).to_owned(), (*many).into()))
            .collect();
        print_json(&serde_json::json!({ "pruned": all }))?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for (kind, many) in records {
        let _ = writeln!(text, "{many} {kind} went");
    }
    if text.is_empty() {
        text.push_str("nothing was too old\n");
    } else {
        text.push_str("`dagtop history vacuum` gives their room back to the disk\n");
    }
    print(text)?;
    Ok(Exit::Done)
}

fn vacuum(global: &Global, place: &Place, mut store: Box<dyn Store>) -> anyhow::Result<Exit> {
    let before = store.size()?.bytes;
    let kept = store.bytes()?;
    let mut bar = Bar::new("vacuum");
    let (done, ended) = std::sync::mpsc::channel();
    let work = std::thread::Builder::new()
        .name("vacuum".to_owned())
        .spawn(move || {
            let result = store
                .vacuum()
                .and_then(|()| store.size())
                .map(|size| size.bytes);
            // whoever waits has gone only with the program
            let _ = done.send(result);
        })?;
    let after = loop {
        match ended.recv_timeout(Duration::from_millis(200)) {
            Ok(result) => break result?,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => bar.progress(written(place), kept),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                anyhow::bail!("the vacuum ended without an answer")
            }
        }
    };
    // it has told its result
    let _ = work.join();
    bar.end();
    let back = before.saturating_sub(after);
    let what = What::done(Kind::History, "vacuum", "the history");
    audited(global, None, what.with("given back", back.to_string()));
    if global.json {
        print_json(&serde_json::json!({ "before": before, "after": after, "given_back": back }))?;
        return Ok(Exit::Done);
    }
    print(format!(
        "{} given back: {} before, {} now\n",
        format::bytes(back),
        format::bytes(before),
        format::bytes(after)
    ))?;
    Ok(Exit::Done)
}

/// SQLite writes all that is kept anew into its log before it takes the place of what was.
fn written(place: &Place) -> Option<u64> {
    let mut log = place.file()?.into_os_string();
    log.push("-wal");
    std::fs::metadata(log).ok().map(|meta| meta.len())
}

/// What goes on, on one line of stderr, when that is a terminal.
struct Bar {
    what: &'static str,
    on: bool,
    began: Instant,
    drawn: Option<Instant>,
}

const WIDTH: usize = 30;

impl Bar {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            on: std::io::stderr().is_terminal(),
            began: Instant::now(),
            drawn: None,
        }
    }

    fn progress(&mut self, done: Option<u64>, all: u64) {
        let Some(done) = done else {
            let seconds = self.began.elapsed().as_secs();
            return self.say(&format!("{seconds}s"));
        };
        let all = all.max(1);
        let done = done.min(all);
        let full = usize::try_from(done * 30 / all).unwrap_or(WIDTH);
        let bar = "#".repeat(full) + &"-".repeat(WIDTH - full);
        self.say(&format!("[{bar}] {:>3} %", done * 100 / all));
    }

    fn say(&mut self, text: &str) {
        let soon = |at: Instant| at.elapsed() < Duration::from_millis(100);
        if !self.on || self.drawn.is_some_and(soon) {
            return;
        }
        self.drawn = Some(Instant::now());
        let mut out = std::io::stderr().lock();
        // a line that can't be drawn is no trouble
        let _ = write!(out, "\r{} {text}\x1b[K", self.what);
        let _ = out.flush();
    }

    fn end(&mut self) {
        if self.drawn.is_some() {
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "\r\x1b[K");
            let _ = out.flush();
        }
    }
}

fn large(many: usize) -> u64 {
    u64::try_from(many).unwrap_or(u64::MAX)
}
