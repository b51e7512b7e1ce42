//! Owns the numbers: what metrics there are, their series in memory, and how what happens in the world becomes points
//! of them. Must not know who asks: rules, screens and exporters read the [`Store`].
//!
//! Time runs in ticks of ten seconds. Values are seconds, bytes, or counts.

pub mod catalog;
mod history;
mod news;
mod recorder;
mod source;
mod store;
mod tags;
#[cfg(test)]
mod tests;

pub use catalog::{Kind, Metric, Name};
pub use history::{Bucket, History, width_at};
pub use news::Width;
pub use recorder::Recorder;
pub use store::{Limits, Series, SeriesId, Stats, Store};
pub use tags::{Tag, Tags, plain};

use chrono::{DateTime, Utc};

/// Seconds of a tick.
pub const TICK: i64 = 10;

/// When a tick begins.
pub fn moment(tick: u32) -> DateTime<Utc> {
    DateTime::from_timestamp(i64::from(tick) * TICK, 0).unwrap_or_default()
}

/// The tick a moment lies in, counted from the epoch. Moments before it are in its first.
pub fn tick(at: DateTime<Utc>) -> u32 {
    u32::try_from(at.timestamp().max(0) / TICK).unwrap_or(u32::MAX)
}
