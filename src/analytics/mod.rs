//! Owns the question "is this normal?": plain statistics over what the world remembers.
//! Must not know backends, screens or stores.

mod baseline;
mod critical;

pub use baseline::{Baselines, Like, Usual};
pub use critical::{chain, critical_path};

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
    all.get((all.len() - 1) / 2).copied()
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
