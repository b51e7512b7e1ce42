//! Reads how long what is kept, the part of `[history]` that is about that.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::Table;
use super::sections::path;

/// How long what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// How long runs are kept, with their attempts, what was told of alerts and what people did about them.
    pub runs: Duration,
    /// How long what backends told is kept, for replay and `dagtop rules test`.
    pub events: Duration,
    /// How long the ends of the logs of failed attempts are kept.
    pub tails: Duration,
    /// How long metrics are kept, by the minute, quarter of an hour, hour and day. Outcomes by day as long as the last.
    pub metrics: [Duration; 4],
    /// Bytes that all of it may take; then the oldest goes.
    pub size: u64,
    /// Folder in which what goes is written down before. Absolute.
    pub archive: Option<PathBuf>,
}

const DAY: u64 = 86_400;

impl Default for Keep {
    fn default() -> Self {
        let days = |days| Duration::from_secs(days * DAY);
        Self {
            runs: days(400),
            events: days(14),
            tails: days(90),
            metrics: [2, 14, 90, 1_100].map(days),
            size: 5_000_000_000,
            archive: None,
        }
    }
}

/// Takes its keys out of the section.
pub(super) fn keep(table: &mut Table<'_>, dir: &Path) -> Keep {
    let default = Keep::default();
    let mut long = |key, default: Duration| {
        let at = table.take_duration(key);
        if let Some(at) = at
            .as_ref()
            .filter(|at| at.value < Duration::from_secs(3_600))
        {
            let message = format!("`history.{key}` must be at least 1h");
            table.reader().problem(at.span, message, None);
        }
        at.map_or(default, |at| at.value)
    };
    let runs = long("keep_runs", default.runs);
    let events = long("keep_events", default.events);
    let tails = long("keep_tails", default.tails);
    let [minutes, quarters, hours, days] = default.metrics;
    let metrics = [
        long("keep_minutes", minutes),
        long("keep_quarters", quarters),
        long("keep_hours", hours),
        long("keep_days", days),
    ];
    let size = table.take_bytes("size");
    if let Some(at) = size.as_ref().filter(|at| at.value < 10_000_000) {
        let message = "`history.size` must be at least 10MB";
        table.reader().problem(at.span, message, None);
    }
    let archive = table.take_str("archive");
    let archive = archive.and_then(|at| path(table.reader(), at, dir));
    Keep {
        runs,
        events,
        tails,
        metrics,
        size: size.map_or(default.size, |at| at.value),
        archive: archive.map(|at| at.value),
    }
}
