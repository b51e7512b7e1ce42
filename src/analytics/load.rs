//! When runs go: how many at once in each hour of the week.

use chrono::{DateTime, Duration, Timelike as _, Utc};
use serde::Serialize;

use super::like::hour_of_week;
use super::series::seconds;
use crate::model::PastRun;

/// Hours of one run that are counted, at most: five weeks.
const HOURS: usize = 24 * 35;

/// Load by hour of the week, from Monday 00:00 UTC.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Load {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub runs: usize,
    /// Runs at once, on average over the weeks: 168 of them.
    pub at_once: Vec<f64>,
}

impl Load {
    /// The busiest hours of the week first: (hour, runs at once).
    pub fn busiest(&self) -> Vec<(usize, f64)> {
        let mut all: Vec<(usize, f64)> = self.at_once.iter().copied().enumerate().collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all
    }

    pub fn mean(&self) -> f64 {
        self.at_once.iter().sum::<f64>() / self.at_once.len().max(1) as f64
    }
}

/// The load that runs of any pipelines made in `[from, to)`; what has not ended goes on until `to`. `None` when that is
/// shorter than a week: then not every hour was seen.
pub fn load(runs: &[PastRun], from: DateTime<Utc>, to: DateTime<Utc>) -> Option<Load> {
    let weeks = seconds(to - from) / (7.0 * 86_400.0);
    if weeks < 1.0 {
        return None;
    }
    let mut busy = vec![0.0; 168];
    let mut count = 0;
    for run in runs {
        let Some(start) = run.run.started_at else {
            continue;
        };
        let end = match run.run.ended_at {
            Some(end) => end,
            None if run.run.state.ended() => continue,
            None => to,
        };
        let (mut at, end) = (start.max(from), end.min(to));
        if at >= end {
            continue;
        }
        count += 1;
        for _ in 0..HOURS {
            let into = i64::from(at.minute() * 60 + at.second()) * 1000
                + i64::from(at.timestamp_subsec_millis());
            let rest = Duration::milliseconds((3_600_000 - into).max(1));
            let next = at.checked_add_signed(rest).unwrap_or(end).min(end);
            busy[hour_of_week(at)] += seconds(next - at);
            at = next;
            if at >= end {
                break;
            }
        }
    }
    let hours = busy.iter().map(|b| b / (weeks * 3_600.0));
    Some(Load {
        from,
        to,
        runs: count,
        at_once: hours.collect(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tell::{at, run};
    use super::*;

    #[test]
    fn hours_by_hand() {
        const WEEK: i64 = 7 * 86_400;
        // Mondays 00:30 to 02:00, in two weeks; one that has not ended from Sunday 23:00 of the second
        let runs = [
            run("p", 0, 1800, Some(5400)),
            run("p", 1, WEEK + 1800, Some(5400)),
            run("q", 0, 2 * WEEK - 3600, None),
        ];
        let found = load(&runs, at(0), at(2 * WEEK)).unwrap();
        assert_eq!(found.busiest()[..3], [(1, 1.0), (0, 0.5), (167, 0.5)]);
        assert_eq!(found.runs, 3);
        assert!((found.mean() * 168.0 - 2.0).abs() < 1e-9);
        assert_eq!(load(&runs, at(0), at(WEEK - 1)), None);
    }
}
