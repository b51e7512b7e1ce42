//! Owns the question "is this normal?": plain statistics over what the world remembers and the history kept.
//! Every function is pure: what is asked about comes in as an argument, the present time too. All times are UTC, all
//! durations seconds unless they are of a type of their own.
//! Must not know backends, screens or stores.

pub mod advice;
mod baseline;
pub mod bottleneck;
mod chance;
pub mod changes;
pub mod compare;
mod critical;
pub mod eta;
pub mod flaky;
pub mod forecast;
mod habits;
mod like;
pub mod load;
pub mod normal;
pub mod path;
mod season;
pub mod series;
mod shape;
pub mod sla;
mod split;
mod stats;
pub mod summary;
#[cfg(test)]
mod tell;
pub mod trend;

pub use baseline::{Baselines, Usual};
pub use critical::{chain, critical_path};
pub use like::{Like, hour_of_week};
pub use series::{Measure, Sample};
pub use shape::Shape;
pub use stats::{Rate, Spread, quantile};

use chrono::Duration;

use crate::model::Health;
use crate::world::RunView;

/// Fewer runs than this say nothing about what is usual.
const ENOUGH: usize = 3;

/// The usual duration of a pipeline: the median of its runs that ended well.
/// `None` when fewer than three are known.
pub fn usual_duration<'a>(runs: impl Iterator<Item = &'a RunView>) -> Option<Duration> {
    median(
        runs.filter(|r| matches!(r.health, Health::Succeeded | Health::Warned))
            .filter_map(|r| Some(r.run.ended_at? - r.run.started_at?)),
    )
}

/// Median; of an even number the lower of the middle two. `None` when there are fewer than three.
pub fn median(durations: impl Iterator<Item = Duration>) -> Option<Duration> {
    let mut all: Vec<Duration> = durations.collect();
    if all.len() < ENOUGH {
        return None;
    }
    all.sort_unstable();
    quantile(&all, 50)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seconds: &[i64]) -> Option<Duration> {
        median(seconds.iter().map(|s| Duration::seconds(*s)))
    }

    #[test]
    fn the_median_needs_three() {
        assert_eq!(of(&[1, 2]), None);
        assert_eq!(of(&[9, 1, 5]), Some(Duration::seconds(5)));
        assert_eq!(of(&[9, 1, 5, 7]), Some(Duration::seconds(5)));
    }
}
