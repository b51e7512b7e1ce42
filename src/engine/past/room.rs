//! How much room the history takes, and how it grows.

use chrono::{DateTime, Duration, Utc};

use crate::analytics::Sample;
use crate::analytics::forecast::{Reach, reaches};
use crate::analytics::trend::trend;
use crate::history::{Grain, SIZE, Store, StoreError};

/// What was seen for less than that says nothing of how it grows.
const ENOUGH: Duration = Duration::days(1);

/// The history on its disk or server, bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Room {
    pub taken: f64,
    /// What it may take: then the oldest goes.
    pub limit: Option<f64>,
    /// It was seen for long enough to say how it grows.
    pub judged: bool,
    /// A day, where it surely grows.
    pub grows: Option<f64>,
    /// When it takes all that it may, if it goes on as it did.
    pub full: Option<Reach>,
}

/// Of a time, from what is kept of it in one grain; `None`: nothing is.
pub fn room(
    store: &mut dyn Store,
    grain: Grain,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    limit: Option<u64>,
) -> Result<Option<Room>, StoreError> {
    let mut points = store.points(SIZE, grain, from, to)?;
    if points.is_empty() {
        // a wide grain is made when it is over
        points = store.points(SIZE, Grain::Minute, from, to)?;
    }
    let samples: Vec<Sample> = points
        .iter()
        .map(|point| Sample {
            at: point.at,
            value: point.last,
        })
        .collect();
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return Ok(None);
    };
    let judged = last.at - first.at >= ENOUGH;
    let limit = limit.map(|limit| limit as f64);
    let grows = trend(&samples).filter(|t| judged && t.sure() && t.per_day > 0.0);
    let full = limit.filter(|_| judged && grows.is_some());
    Ok(Some(Room {
        taken: last.value,
        limit,
        judged,
        grows: grows.map(|trend| trend.per_day),
        full: full.and_then(|limit| reaches(&samples, limit, to)),
    }))
}
