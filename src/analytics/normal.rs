//! What is normal for a pipeline and its nodes at an hour of the week, and how one figure stands to it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::like::{ENOUGH, Like, hour_of_week};
use super::series::{Measure, Sample, by_node, node_good, of_runs, sample, time_of};
use super::stats::{Rate, Spread, sane};
use crate::model::span::duration;
use crate::model::{NodeId, NodeState, PastNode, PastRun, SafeText};

/// Further from the median, in robust standard deviations, is an outlier (Iglewicz and Hoaglin 1993).
const OUTLIER: f64 = 3.5;
/// Noise is never taken for less than this share of the median: figures that were all equal are allowed to move a bit.
const LEAST_NOISE: f64 = 0.05;

/// What is normal, what it rests on, and over which time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Norm {
    /// In the unit of the measure.
    pub spread: Spread,
    pub like: Like,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// The norm at this time, of samples before it: of the same hour of the week, or wider when fewer than five are known.
/// `None` when all are fewer.
pub fn norm(samples: &[Sample], at: DateTime<Utc>) -> Option<Norm> {
    near(samples, at).map(|(norm, _)| norm)
}

fn near(samples: &[Sample], at: DateTime<Utc>) -> Option<(Norm, Vec<Sample>)> {
    let before = samples.iter().filter(|s| s.at < at && sane(&s.value));
    let before: Vec<Sample> = before.copied().collect();
    let (like, near) = Like::widen(&before, at, ENOUGH, |s| s.at)?;
    Some((of(&near, like)?, near))
}

fn of(samples: &[Sample], like: Like) -> Option<Norm> {
    Some(Norm {
        spread: Spread::of(samples.iter().map(|s| s.value))?,
        like,
        from: samples.iter().map(|s| s.at).min()?,
        to: samples.iter().map(|s| s.at).max()?,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    Low,
    Normal,
    High,
}

/// How one figure stands to what is normal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Verdict {
    pub value: f64,
    pub at: DateTime<Utc>,
    pub norm: Norm,
    pub stands: Stands,
    /// Of the median; `None` when that is zero.
    pub times: Option<f64>,
    /// The share of compared figures that are below it.
    pub above: f64,
    /// Robust standard deviations from the median.
    pub deviations: f64,
}

/// How a figure of this time stands to what came before. It is out of the ordinary when it is beyond 90 % of all that
/// was (p5 to p95) and an outlier by distance.
pub fn judge(value: f64, at: DateTime<Utc>, samples: &[Sample]) -> Option<Verdict> {
    if !sane(&value) {
        return None;
    }
    let (norm, near) = near(samples, at)?;
    let spread = norm.spread;
    let below = near.iter().filter(|s| s.value < value).count();
    let noise = spread.sigma().max(spread.median.abs() * LEAST_NOISE);
    let apart = value - spread.median;
    let deviations = match noise {
        n if n > 0.0 => (apart / n).clamp(-1e6, 1e6),
        _ if apart == 0.0 => 0.0,
        _ => apart.signum() * 1e6,
    };
    let stands = match () {
        () if value > spread.p95 && deviations > OUTLIER => Stands::High,
        () if value < spread.p5 && deviations < -OUTLIER => Stands::Low,
        () => Stands::Normal,
    };
    Some(Verdict {
        value,
        at,
        norm,
        stands,
        times: (spread.median > 0.0)
            .then(|| value / spread.median)
            .filter(|t| t.is_finite()),
        above: below as f64 / near.len().max(1) as f64,
        deviations,
    })
}

impl Verdict {
    /// "2.4x the usual 9m, slower than 98 % of 41 runs on Tuesdays near 02:00 UTC"
    pub fn words(&self, measure: Measure) -> SafeText {
        let usual = figure(self.norm.spread.median, measure);
        let first = match self.times {
            Some(times) => format!("{times:.1}x the usual {usual}"),
            None => format!("{}, usually {usual}", figure(self.value, measure)),
        };
        let (more, less) = match measure {
            Measure::Duration => ("slower", "faster"),
            Measure::Wait => ("later", "sooner"),
            Measure::Rows | Measure::Memory | Measure::Cpu => ("more", "less"),
        };
        let count = self.norm.spread.count;
        let like = self.norm.like.words(self.at);
        let (word, share) = if self.above >= 0.5 {
            (more, self.above)
        } else {
            (less, 1.0 - self.above)
        };
        let percent = (share * 100.0).floor();
        let text = format!("{first}, {word} than {percent:.0} % of {count} runs {like}");
        SafeText::new(text.trim_end())
    }
}

/// A figure with its unit: "9m", "1200", "512 MB".
pub fn figure(value: f64, measure: Measure) -> String {
    match measure {
        Measure::Duration | Measure::Wait | Measure::Cpu if value < 10.0 => format!("{value:.1}s"),
        Measure::Duration | Measure::Wait | Measure::Cpu => duration(super::series::span(value)),
        Measure::Rows => format!("{value:.0}"),
        Measure::Memory => format!("{:.0} MB", value / 1e6),
    }
}

/// How a run's duration stands to the good runs before it; while it runs, how long it has run.
pub fn judge_run(run: &PastRun, runs: &[PastRun], now: DateTime<Utc>) -> Option<Verdict> {
    let started = run.run.started_at?;
    let took = run.run.elapsed(now)?;
    let others: Vec<Sample> = runs
        .iter()
        .filter(|r| r.run.key != run.run.key)
        .filter_map(|r| {
            let value = Measure::Duration.of_run(r)?;
            Some(Sample {
                at: time_of(r),
                value,
            })
        })
        .collect();
    judge(super::series::seconds(took), started, &others)
}

/// All norms of one pipeline or one node at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Normals {
    pub duration: Option<Norm>,
    pub wait: Option<Norm>,
    pub rows: Option<Norm>,
    pub memory: Option<Norm>,
    pub cpu: Option<Norm>,
    /// How often it ends well, of those that ended well or badly.
    pub success: Option<(Rate, Like)>,
}

/// What is normal for a run of the pipeline that starts at this time.
pub fn of_pipeline(runs: &[PastRun], at: DateTime<Utc>) -> Normals {
    let norm = |measure| norm(&of_runs(runs, measure), at);
    let ended: Vec<(DateTime<Utc>, bool)> = runs
        .iter()
        .filter(|r| r.good() || r.bad())
        .map(|r| (time_of(r), r.good()))
        .collect();
    Normals {
        duration: norm(Measure::Duration),
        wait: norm(Measure::Wait),
        success: success(&ended, at),
        ..Normals::default()
    }
}

/// What is normal for each node in a run at this time; a node's attempts count one by one.
pub fn of_nodes(nodes: &[PastNode], at: DateTime<Utc>) -> BTreeMap<NodeId, Normals> {
    let started = |n: &&&PastNode| n.started_at.is_some_and(|start| start < at);
    let one = |attempts: Vec<&PastNode>| {
        // which hour an attempt belongs to is found once, not for each measure
        let near = Like::ALL.map(|like| {
            let holds = |n: &&&PastNode| n.started_at.is_some_and(|start| like.holds(start, at));
            let before = attempts.iter().filter(started).filter(holds);
            (like, before.copied().collect::<Vec<&PastNode>>())
        });
        let norm = |measure| {
            near.iter().find_map(|(like, attempts)| {
                let samples = attempts.iter().filter_map(|n| sample(n, measure));
                let samples: Vec<Sample> = samples.filter(|s| sane(&s.value)).collect();
                (samples.len() >= ENOUGH).then(|| of(&samples, *like))?
            })
        };
        let success = near.iter().find_map(|(like, attempts)| {
            let good = attempts.iter().filter(|n| node_good(n)).count();
            let bad = attempts.iter().filter(|n| n.state == NodeState::Failed);
            let ended = good + bad.count();
            (ended >= ENOUGH).then(|| Some((Rate::of(good, ended)?, *like)))?
        });
        Normals {
            duration: norm(Measure::Duration),
            wait: norm(Measure::Wait),
            rows: norm(Measure::Rows),
            memory: norm(Measure::Memory),
            cpu: norm(Measure::Cpu),
            success,
        }
    };
    let all = by_node(nodes).into_iter();
    all.map(|(id, attempts)| (id.clone(), one(attempts)))
        .collect()
}

fn success(ended: &[(DateTime<Utc>, bool)], at: DateTime<Utc>) -> Option<(Rate, Like)> {
    let before: Vec<_> = ended.iter().filter(|e| e.0 < at).copied().collect();
    let (like, near) = Like::widen(&before, at, ENOUGH, |e| e.0)?;
    let good = near.iter().filter(|e| e.1).count();
    Some((Rate::of(good, near.len())?, like))
}

/// The spread in each hour of the week, from Monday 00:00 UTC: 168 of them.
pub fn week(samples: &[Sample]) -> Vec<Option<Spread>> {
    let mut hours: Vec<Vec<f64>> = vec![Vec::new(); 168];
    for sample in samples {
        if let Some(hour) = hours.get_mut(hour_of_week(sample.at)) {
            hour.push(sample.value);
        }
    }
    hours.into_iter().map(Spread::of).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chrono::Duration;

    use super::super::tell::{at, bad, run};
    use super::*;

    const HOUR: i64 = 3600;
    const WEEK: i64 = 7 * 24 * HOUR;

    /// Ten weeks: on Tuesdays at 02:00 in 9 minutes and a bit, on Tuesdays at 12:00 in an hour.
    fn runs() -> Vec<PastRun> {
        let mut runs = Vec::new();
        for week in 0..10 {
            let tuesday = week * WEEK + 24 * HOUR;
            let number = usize::try_from(week * 2).unwrap();
            runs.push(run("p", number, tuesday + 2 * HOUR, Some(540 + week)));
            runs.push(run("p", number + 1, tuesday + 12 * HOUR, Some(3600)));
        }
        runs
    }

    #[test]
    fn a_night_run_is_held_against_night_runs() {
        let runs = runs();
        let slow = run("p", 99, 10 * WEEK + 26 * HOUR, Some(1306));
        let found = judge_run(&slow, &runs, at(11 * WEEK)).unwrap();
        assert_eq!(found.norm.like, Like::WeekdayAndHour);
        assert_eq!(
            (found.norm.spread.count, found.norm.spread.median),
            (10, 544.0)
        );
        assert_eq!((found.stands, found.above), (Stands::High, 1.0));
        assert_eq!(
            found.words(Measure::Duration).as_str(),
            "2.4x the usual 9m, slower than 100 % of 10 runs on Tuesdays near 02:00 UTC"
        );
        let noon = run("p", 98, 10 * WEEK + 36 * HOUR, Some(3600));
        let found = judge_run(&noon, &runs, at(11 * WEEK)).unwrap();
        assert_eq!(found.stands, Stands::Normal);
        // on another day the same hour of any day counts, at another hour all
        let thursday = run("p", 97, 10 * WEEK + 3 * 24 * HOUR + 2 * HOUR, Some(540));
        let found = judge_run(&thursday, &runs, at(11 * WEEK)).unwrap();
        assert_eq!((found.norm.like, found.norm.spread.count), (Like::Hour, 10));
        let evening = run("p", 96, 10 * WEEK + 44 * HOUR, Some(540));
        let found = judge_run(&evening, &runs, at(11 * WEEK)).unwrap();
        assert_eq!((found.norm.like, found.norm.spread.count), (Like::Any, 20));
    }

    #[test]
    fn success_and_norms_of_a_pipeline() {
        let mut runs = runs();
        runs[0] = bad(runs[0].clone());
        let found = of_pipeline(&runs, at(10 * WEEK + 26 * HOUR));
        let (rate, like) = found.success.unwrap();
        assert_eq!((rate.hits, rate.of, like), (9, 10, Like::WeekdayAndHour));
        assert_eq!(found.duration.unwrap().spread.count, 9);
        assert_eq!(found.rows, None);
        // what comes later is not known then
        assert_eq!(of_pipeline(&runs, at(2 * WEEK)).duration, None);
        assert_eq!(
            found.duration.unwrap().to - found.duration.unwrap().from,
            Duration::weeks(8)
        );
    }

    #[test]
    fn what_never_moved_may_move_a_bit() {
        let samples: Vec<Sample> = (0..10)
            .map(|i| Sample {
                at: at(i * WEEK),
                value: 100.0,
            })
            .collect();
        let of = |value| judge(value, at(10 * WEEK), &samples).unwrap().stands;
        assert_eq!(of(110.0), Stands::Normal);
        assert_eq!(of(120.0), Stands::High);
        assert_eq!(of(80.0), Stands::Low);
        assert_eq!(judge(f64::NAN, at(10 * WEEK), &samples), None);
    }
}
