//! What there was of one pipeline.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Duration, NaiveDate, Timelike as _, Utc};

use crate::history::{Ask, Of, Store, StoreError};
use crate::model::{Health, PastRun, PipelineKey, RunKey, SafeText};

use super::judged::{Judged, judge};
use super::{Span, Vantage, seconds};

/// Runs that are looked at: over half a year of hourly ones.
pub(super) const RUNS: usize = 5_000;
/// The calendar shows as much, however short the span is.
const CALENDAR: Duration = Duration::weeks(26);
/// Days are shown this far back.
const YEAR: Duration = Duration::weeks(53);

/// A run, as far as curves need it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub run: RunKey,
    /// When it was due or made.
    pub at: DateTime<Utc>,
    pub health: Health,
    /// Seconds.
    pub took: Option<f64>,
    pub waited: Option<f64>,
    pub version: Option<SafeText>,
}

impl Sample {
    fn of(past: &PastRun) -> Self {
        Self {
            run: past.run.key.clone(),
            at: past.run.ordered_at,
            health: past.health,
            took: past.took().map(seconds),
            waited: past.waited().map(seconds),
            version: past.run.version.clone(),
        }
    }

    pub const fn good(&self) -> bool {
        matches!(self.health, Health::Succeeded | Health::Warned)
    }

    pub const fn bad(&self) -> bool {
        matches!(self.health, Health::Failed | Health::Lost)
    }
}

/// A day's runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    pub date: NaiveDate,
    pub runs: u32,
    pub bad: u32,
    /// The worst that happened.
    pub worst: Health,
}

/// Runs of an hour of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub runs: u32,
    pub bad: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PipelinePast {
    pub key: PipelineKey,
    pub span: Span,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Those of the span, the oldest first.
    pub runs: Vec<Sample>,
    /// There are older runs than were looked at.
    pub cut: bool,
    pub good: usize,
    pub bad: usize,
    /// Of as many runs as were looked at: the oldest day first, days without a run left out.
    pub days: Vec<Day>,
    /// By weekday (Monday first) and hour of the run's start.
    pub week: [[Cell; 24]; 7],
    pub judged: Judged,
}

pub(super) fn answer(
    store: &mut dyn Store,
    key: &PipelineKey,
    span: Option<Span>,
    frame: &Vantage,
) -> Result<PipelinePast, StoreError> {
    let to = frame.now;
    let long = span.map_or(CALENDAR, |span| span.length().max(CALENDAR));
    let all = runs(store, key, to - long, to)?;
    let first = all.first().map(|past| past.run.ordered_at);
    let span = span.unwrap_or_else(|| filled(first, to));
    let from = to - span.length();
    let judged = judge(store, key, &all, from, frame)?;
    let mut past = read(key, span, from, &all, judged, frame);
    older_days(store, &mut past, to)?;
    Ok(past)
}

/// The span that what there is fills.
pub(super) fn filled(first: Option<DateTime<Utc>>, to: DateTime<Utc>) -> Span {
    first.map_or_else(Span::default, |first| Span::holding(to - first))
}

/// What became of days outlives their runs: those before the first run that was looked at.
fn older_days(
    store: &mut dyn Store,
    past: &mut PipelinePast,
    to: DateTime<Utc>,
) -> Result<(), StoreError> {
    let ask = Ask {
        of: Of::Pipeline(past.key.clone()),
        from: to - YEAR,
        to,
        newest_first: false,
        most: 400,
    };
    let first = past.days.first().map(|d| d.date);
    let mut older = Vec::new();
    for day in store.days(&ask)? {
        let date = day.at.date_naive();
        if first.is_some_and(|first| date >= first) {
            break;
        }
        let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        older.push(Day {
            date,
            runs: count(day.good + day.bad + day.other),
            bad: count(day.bad),
            worst: match (day.bad, day.other) {
                (1.., _) => Health::Failed,
                (0, 1..) => Health::Cancelled,
                (0, 0) => Health::Succeeded,
            },
        });
    }
    older.append(&mut past.days);
    past.days = older;
    Ok(())
}

/// The newest runs of a time, the oldest first.
pub(super) fn runs(
    store: &mut dyn Store,
    key: &PipelineKey,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<PastRun>, StoreError> {
    let ask = Ask {
        of: Of::Pipeline(key.clone()),
        from,
        // what is due a little later is there already
        to: to + Duration::minutes(5),
        newest_first: true,
        most: RUNS,
    };
    let mut all = Vec::new();
    store.runs(&ask, &mut |run| {
        all.push(run);
        true
    })?;
    all.reverse();
    Ok(all)
}

fn read(
    key: &PipelineKey,
    span: Span,
    from: DateTime<Utc>,
    all: &[PastRun],
    judged: Judged,
    frame: &Vantage,
) -> PipelinePast {
    let samples = all.iter().map(Sample::of);
    let runs: Vec<Sample> = samples.filter(|s| s.at >= from).collect();
    let mut days: BTreeMap<NaiveDate, Day> = BTreeMap::new();
    let mut week = [[Cell::default(); 24]; 7];
    for past in all {
        let wall = frame.wall(past.run.started_at.unwrap_or(past.run.ordered_at));
        let date = wall.date();
        let day = days.entry(date).or_insert(Day {
            date,
            runs: 0,
            bad: 0,
            worst: past.health,
        });
        day.runs += 1;
        day.bad += u32::from(past.bad());
        day.worst = worse(day.worst, past.health);
        let row = week.get_mut(wall.weekday().num_days_from_monday() as usize);
        if let Some(cell) = row.and_then(|r| r.get_mut(wall.hour() as usize)) {
            cell.runs += 1;
            cell.bad += u32::from(past.bad());
        }
    }
    PipelinePast {
        key: key.clone(),
        span,
        from,
        to: frame.now,
        good: runs.iter().filter(|s| s.good()).count(),
        bad: runs.iter().filter(|s| s.bad()).count(),
        runs,
        cut: all.len() >= RUNS,
        days: days.into_values().collect(),
        week,
        judged,
    }
}

/// Of two outcomes the one that matters more: the order of the fleet.
fn worse(a: Health, b: Health) -> Health {
    a.min(b)
}
