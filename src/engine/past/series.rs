//! What a query came to over a time that memory does not hold, from what is kept of its metrics.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use super::Span;
use crate::alerts::query::{Found, Reading, group_name};
use crate::engine::memory::points;
use crate::history::{Grain, Point, Store, StoreError};
use crate::metrics::{self, Limits, Name, TICK, Tags};

/// Moments of a curve.
pub const POINTS: i64 = 90;
/// Points that are looked at, of all series together.
const MOST: usize = 1_000_000;
/// So long after its end a minute is on disk, ...
const WRITTEN: Duration = Duration::seconds(40);
/// ... and a wider grain made of those.
const ROLLED: Duration = Duration::minutes(3);
/// A query that looks back no further than this is looked up by the minute.
const NEAR: Duration = Duration::days(1);

/// Names of groups (empty where there are none; tags in lower case) and their values.
pub type Values = Vec<(String, f64)>;

/// What a query came to at moments of a time.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesPast {
    pub span: Span,
    /// By moment, in [steps](step) from the epoch. One at which nothing was measured is left out.
    pub values: BTreeMap<i64, Values>,
    /// There was more than was looked at: some series are not in it.
    pub cut: bool,
}

/// What a query comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct ValuePast {
    pub at: DateTime<Utc>,
    pub values: Values,
}

/// Seconds between two moments of a curve.
pub fn step(span: Span) -> i64 {
    (span.length().num_seconds() / POINTS).max(1)
}

/// The time up to which it can be asked about now.
pub fn readable(span: Span, now: DateTime<Utc>) -> DateTime<Utc> {
    now - behind(span.grain())
}

fn behind(grain: Grain) -> Duration {
    match grain {
        Grain::Minute => WRITTEN,
        Grain::QuarterHour | Grain::Hour | Grain::Day => ROLLED,
    }
}

pub(super) fn answer(
    store: &mut dyn Store,
    query: &str,
    span: Span,
    upto: i64,
) -> Result<SeriesPast, StoreError> {
    let step = step(span);
    let moments = (upto - POINTS + 1..=upto)
        .filter_map(|place| DateTime::from_timestamp(place.checked_mul(step)?, 0));
    let found = look(store, query, span.grain(), moments.collect())?;
    let place = |at: DateTime<Utc>| at.timestamp().div_euclid(step);
    let values = found.values.into_iter();
    Ok(SeriesPast {
        span,
        values: values.map(|(at, values)| (place(at), values)).collect(),
        cut: found.cut,
    })
}

pub(super) fn value(
    store: &mut dyn Store,
    query: &str,
    minute: i64,
) -> Result<ValuePast, StoreError> {
    let at = minute.checked_mul(60);
    let at = at.and_then(|at| DateTime::from_timestamp(at, 0));
    let at = at.unwrap_or_default();
    let near = Reading::parse(query).is_ok_and(|r| Duration::seconds(r.reach().into()) <= NEAR);
    let (grain, at) = match near {
        true => (Grain::Minute, at),
        false => (Grain::QuarterHour, at - ROLLED),
    };
    let mut found = look(store, query, grain, vec![at])?;
    Ok(ValuePast {
        at,
        values: found.values.remove(&at).unwrap_or_default(),
    })
}

#[derive(Default)]
struct Looked {
    values: BTreeMap<DateTime<Utc>, Values>,
    cut: bool,
}

/// Each moment is read in one grain, so that nothing is in it twice: the narrowest from this one on that is kept of all
/// of the window that ends with it, else the narrowest of which anything is.
fn look(
    store: &mut dyn Store,
    query: &str,
    grain: Grain,
    mut moments: Vec<DateTime<Utc>>,
) -> Result<Looked, StoreError> {
    let mut looked = Looked::default();
    // what is wrong with a query is said where it is written
    let Ok(reading) = Reading::parse(query) else {
        return Ok(looked);
    };
    for grain in Grain::ALL.into_iter().filter(|g| *g >= grain) {
        let (Some(first), Some(last)) = (moments.first(), moments.last()) else {
            break;
        };
        let reading = reading.over(u32::try_from(grain.seconds()).unwrap_or(u32::MAX));
        let reach = Duration::seconds(reading.reach().into());
        let kept = load(store, &reading, grain, grain.begin(*first) - reach, *last)?;
        looked.cut |= kept.cut;
        let mut found = Found::default();
        moments.retain(|at| {
            // a grain that has begun is not over: what lies in it is later
            let end = grain.begin(*at);
            let whole = kept.first.is_some_and(|first| end - reach >= first);
            let values = reading.values(&kept.metrics, end - Duration::seconds(TICK), &mut found);
            let values = values
                .into_iter()
                .filter_map(|(group, value)| Some((group_name(&group), value?)));
            let values: Values = values.filter(|(_, v)| v.is_finite()).collect();
            if !values.is_empty() && (whole || !looked.values.contains_key(at)) {
                looked.values.insert(*at, values);
            }
            !whole
        });
    }
    Ok(looked)
}

/// What a store has in one grain of the metrics that a query looks at.
struct Kept {
    metrics: metrics::Store,
    /// When it begins.
    first: Option<DateTime<Utc>>,
    cut: bool,
}

fn load(
    store: &mut dyn Store,
    reading: &Reading,
    grain: Grain,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Kept, StoreError> {
    let mut kept = Kept {
        // bounded by its points
        metrics: metrics::Store::new(Limits {
            series: usize::MAX,
            buckets: usize::MAX,
        }),
        first: None,
        cut: false,
    };
    let long = Duration::seconds(grain.seconds());
    let mut left = MOST;
    // when a backend answered: what it did not count then was 0
    let mut heard: BTreeMap<DateTime<Utc>, Vec<String>> = BTreeMap::new();
    let names = reading.metrics();
    let up = Name::BackendUp;
    for name in names
        .iter()
        .copied()
        .chain((!names.contains(&up)).then_some(up))
    {
        let mut series: Option<(String, Option<Tags>)> = None;
        let prefix = format!("{}{{", name.metric().name);
        store.each_point(&prefix, grain, from, to, &mut |point: Point| {
            if left == 0 {
                kept.cut = true;
                return false;
            }
            left -= 1;
            if series
                .as_ref()
                .is_none_or(|(known, _)| *known != point.series)
            {
                let tags = points::read(&point.series).map(|(_, tags)| tags);
                series = Some((point.series.clone(), tags));
            }
            let Some((_, Some(tags))) = &series else {
                return true;
            };
            kept.first = Some(kept.first.map_or(point.at, |first| first.min(point.at)));
            if name == up && point.max > 0.0 {
                let backend = tags.list().iter().find(|tag| &**tag.key() == "backend");
                let backend = backend.map(|tag| tag.value().as_str().to_owned());
                heard.entry(point.at).or_default().extend(backend);
            }
            if reading.wants(name, tags) {
                kept.metrics.lay(name, tags, points::bucket(&point));
            }
            true
        })?;
    }
    for (at, backends) in heard {
        for backend in backends {
            kept.metrics.up(at, &backend);
            kept.metrics.down(at + long, &backend);
        }
    }
    Ok(kept)
}
