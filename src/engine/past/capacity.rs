//! How full queues and pools were, and when it is busy.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::analytics::advice::{Advice, of_load, of_use};
use crate::analytics::forecast::{Reach, reaches};
use crate::analytics::load::{Load, load};
use crate::analytics::{Sample, Spread};
use crate::history::{Ask, Of, Point, Store, StoreError};

use super::room::{Room, room};
use super::{Span, Vantage};

/// Runs that are looked at for the hours of the week.
const RUNS: usize = 20_000;

/// A queue or pool over the time.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuePast {
    pub backend: String,
    pub queue: String,
    /// The most that ran and waited at once in each grain.
    pub running: Vec<(DateTime<Utc>, f64)>,
    pub waiting: Vec<(DateTime<Utc>, f64)>,
    /// Slots, as last told.
    pub slots: Option<f64>,
    pub peak: Option<(DateTime<Utc>, f64)>,
    pub peak_waiting: Option<(DateTime<Utc>, f64)>,
    /// How the grains' peaks of what waited lie.
    pub waits: Option<Spread>,
    /// When what runs reaches the slots, if it goes on as it did.
    pub full: Option<Reach>,
    pub advice: Option<Advice>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CapacityPast {
    pub span: Span,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub queues: Vec<QueuePast>,
    /// `None`: less than a week was seen.
    pub load: Option<Load>,
    /// Whether runs crowd into a few hours.
    pub crowd: Option<Advice>,
    /// There are older runs than were looked at.
    pub cut: bool,
    /// The history itself; `None`: its size was not noted in this time.
    pub room: Option<Room>,
}

pub(super) fn answer(
    store: &mut dyn Store,
    span: Span,
    from: &Vantage,
) -> Result<CapacityPast, StoreError> {
    let begin = from.now - span.length();
    let grain = span.grain();
    let mut queues: BTreeMap<(String, String), QueuePast> = BTreeMap::new();
    for name in ["queue.running", "queue.length", "queue.slots"] {
        let series = format!("{name}{{");
        for point in store.points(&series, grain, begin, from.now)? {
            take(&mut queues, name, &point);
        }
    }
    for queue in queues.values_mut() {
        finish(queue, from.now);
    }
    let mut queues: Vec<QueuePast> = queues.into_values().collect();
    // the fullest first
    let full = |q: &QueuePast| {
        let share = q.slots.filter(|s| *s > 0.0).zip(q.peak);
        let share = share.map_or(0.0, |(slots, (_, peak))| peak / slots);
        (share, q.peak_waiting.map_or(0.0, |p| p.1))
    };
    queues.sort_by(|a, b| {
        let (a, b) = (full(a), full(b));
        b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    let ask = Ask {
        of: Of::All,
        from: begin,
        to: from.now,
        newest_first: true,
        most: RUNS,
    };
    let mut runs = Vec::new();
    store.runs(&ask, &mut |run| {
        runs.push(run);
        true
    })?;
    let cut = runs.len() >= RUNS;
    let oldest = runs.iter().map(|r| r.run.ordered_at).min();
    let load = oldest.and_then(|oldest| load(&runs, oldest, from.now));
    Ok(CapacityPast {
        span,
        from: begin,
        to: from.now,
        queues,
        crowd: load.as_ref().and_then(of_load),
        load,
        cut,
        room: room(store, grain, (begin, from.now), from.limit)?,
    })
}

fn take(queues: &mut BTreeMap<(String, String), QueuePast>, name: &str, point: &Point) {
    let (Some(backend), Some(queue)) = (tag(&point.series, "backend"), tag(&point.series, "queue"))
    else {
        return;
    };
    let key = (backend.to_owned(), queue.to_owned());
    let entry = queues.entry(key.clone()).or_insert_with(|| QueuePast {
        backend: key.0,
        queue: key.1,
        running: Vec::new(),
        waiting: Vec::new(),
        slots: None,
        peak: None,
        peak_waiting: None,
        waits: None,
        full: None,
        advice: None,
    });
    match name {
        "queue.running" => entry.running.push((point.at, point.max)),
        "queue.length" => entry.waiting.push((point.at, point.max)),
        _ => entry.slots = Some(point.last),
    }
}

fn finish(queue: &mut QueuePast, now: DateTime<Utc>) {
    let most = |all: &[(DateTime<Utc>, f64)]| {
        let all = all.iter().copied();
        all.max_by(|a, b| a.1.total_cmp(&b.1))
    };
    queue.peak = most(&queue.running);
    queue.peak_waiting = most(&queue.waiting);
    queue.waits = Spread::of(queue.waiting.iter().map(|w| w.1));
    if let Some(slots) = queue.slots.filter(|s| *s > 0.0) {
        let samples = queue.running.iter().map(|(at, value)| Sample {
            at: *at,
            value: *value,
        });
        let samples: Vec<Sample> = samples.collect();
        queue.full = reaches(&samples, slots, now);
        queue.advice = of_use(&samples, slots, queue.full.as_ref(), now);
    }
}

/// The value of a tag in a series' text: `name{tag:value,…}`.
pub(super) fn tag<'a>(series: &'a str, name: &str) -> Option<&'a str> {
    let inside = series.split_once('{')?.1.strip_suffix('}')?;
    let pairs = inside.split(',').filter_map(|pair| pair.split_once(':'));
    pairs
        .filter(|(key, _)| key.trim() == name)
        .map(|(_, v)| v)
        .next()
}
