//! A period in figures, for a report: success, slowest, flakiest, promises, by pipeline.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::flaky::{Flaky, flaky};
use super::series::{Measure, seconds, time_of};
use super::sla::{Budget, Objective, budget, outcomes};
use super::stats::{Rate, Spread};
use crate::model::{Health, PastNode, PastRun, PipelineKey, RunKey};

/// Of each list so many are told.
const TOP: usize = 10;

/// What was promised of a pipeline, and the times at which it was due (none: see [`outcomes`]).
#[derive(Clone, Debug)]
pub struct Promised {
    pub objective: Objective,
    pub dues: Vec<DateTime<Utc>>,
    /// The share that is to be met: 0.99.
    pub target: f64,
}

/// Runs by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub runs: usize,
    pub good: usize,
    pub bad: usize,
    pub cancelled: usize,
    /// Not ended, or not known how.
    pub other: usize,
}

impl Counts {
    fn add(&mut self, run: &PastRun) {
        self.runs += 1;
        match () {
            () if run.good() => self.good += 1,
            () if run.bad() => self.bad += 1,
            () if run.health == Health::Cancelled => self.cancelled += 1,
            () => self.other += 1,
        }
    }

    /// Of those that ended well or badly.
    pub fn success(&self) -> Option<Rate> {
        Rate::of(self.good, self.good + self.bad)
    }
}

/// One pipeline over the period. Times in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PipelineSummary {
    pub pipeline: PipelineKey,
    pub counts: Counts,
    pub success: Option<Rate>,
    /// Of the period of the same length before it.
    pub success_before: Option<Rate>,
    /// Of good runs.
    pub duration: Option<Spread>,
    pub duration_before: Option<Spread>,
    pub wait: Option<Spread>,
    /// Of all its runs together, in which it ran.
    pub busy: f64,
    /// The longest time in a row without a good end, between two ends of good runs within the period.
    pub longest_without: Option<f64>,
    pub last_bad: Option<RunKey>,
    pub flaky: Vec<Flaky>,
    /// Promises that were due in the period; `None` where nothing is promised.
    pub sla: Option<Budget>,
}

/// One run and how long it took, in seconds, and in units of its pipeline's median.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SlowRun {
    pub run: RunKey,
    pub started: DateTime<Utc>,
    pub took: f64,
    pub times: Option<f64>,
}

/// A flaky node and its pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlakyNode {
    pub pipeline: PipelineKey,
    #[serde(flatten)]
    pub flaky: Flaky,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub counts: Counts,
    pub success: Option<Rate>,
    /// Seconds, of all runs together.
    pub busy: f64,
    /// Worst success first, then by name.
    pub pipelines: Vec<PipelineSummary>,
    /// The ten runs that took most of their pipeline's median; of those with at least three good runs.
    pub slowest: Vec<SlowRun>,
    /// The ten that are certainly flaky most often.
    pub flakiest: Vec<FlakyNode>,
    /// All promises together; their target is the mean of the pipelines' by how much was due.
    pub sla: Option<Budget>,
}

/// The period `[from, to)`. `runs` and `nodes` may hold more: what lies in the period of the same length before it is
/// compared, all else left out. A run belongs to the time of its start.
pub fn summary(
    runs: &[PastRun],
    nodes: &[PastNode],
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    promised: &dyn Fn(&PipelineKey) -> Option<Promised>,
    now: DateTime<Utc>,
) -> Summary {
    let before = from.checked_sub_signed(to - from).unwrap_or(from);
    let mut own: BTreeMap<&PipelineKey, (Vec<&PastRun>, Vec<&PastRun>)> = BTreeMap::new();
    for run in runs {
        let at = time_of(run);
        if (from..to).contains(&at) {
            own.entry(run.pipeline()).or_default().0.push(run);
        } else if (before..from).contains(&at) {
            own.entry(run.pipeline()).or_default().1.push(run);
        }
    }
    let mut of_nodes: HashMap<&PipelineKey, Vec<&PastNode>> = HashMap::new();
    for node in nodes {
        let key = &node.run.pipeline;
        if own.contains_key(key) {
            of_nodes.entry(key).or_default().push(node);
        }
    }
    let mut pipelines: Vec<PipelineSummary> = own
        .into_iter()
        .filter(|(_, (runs, _))| !runs.is_empty())
        .map(|(key, (runs, earlier))| {
            let nodes = of_nodes.remove(key).unwrap_or_default();
            one(key, &runs, &earlier, &nodes, (from, to), promised(key), now)
        })
        .collect();
    pipelines.sort_by(|a, b| {
        let share = |p: &PipelineSummary| p.success.map_or(2.0, |r| r.share);
        let share = share(a).total_cmp(&share(b));
        share.then(a.pipeline.cmp(&b.pipeline))
    });
    let mut counts = Counts::default();
    let within = |run: &&PastRun| (from..to).contains(&time_of(run));
    runs.iter().filter(within).for_each(|run| counts.add(run));
    let mut flakiest: Vec<FlakyNode> = pipelines
        .iter()
        .flat_map(|p| {
            p.flaky.iter().map(|f| FlakyNode {
                pipeline: p.pipeline.clone(),
                flaky: f.clone(),
            })
        })
        .collect();
    flakiest.sort_by(|a, b| b.flaky.rate.low.total_cmp(&a.flaky.rate.low));
    flakiest.truncate(TOP);
    Summary {
        from,
        to,
        counts,
        success: counts.success(),
        busy: pipelines.iter().map(|p| p.busy).sum(),
        slowest: slowest(runs.iter().filter(within), &pipelines),
        flakiest,
        sla: together(pipelines.iter().filter_map(|p| p.sla)),
        pipelines,
    }
}

fn one(
    key: &PipelineKey,
    runs: &[&PastRun],
    earlier: &[&PastRun],
    nodes: &[&PastNode],
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    promised: Option<Promised>,
    now: DateTime<Utc>,
) -> PipelineSummary {
    let (mut counts, mut past) = (Counts::default(), Counts::default());
    runs.iter().for_each(|run| counts.add(run));
    earlier.iter().for_each(|run| past.add(run));
    let measured = |measure: Measure| Spread::of(runs.iter().filter_map(|r| measure.of_run(r)));
    let took = runs.iter().filter_map(|r| r.took());
    let bad = runs.iter().filter(|r| r.bad());
    let mut good: Vec<DateTime<Utc>> = runs
        .iter()
        .filter(|r| r.good())
        .filter_map(|r| r.run.ended_at)
        .collect();
    good.sort_unstable();
    let gaps = good.windows(2).map(|w| seconds(w[1] - w[0]));
    PipelineSummary {
        pipeline: key.clone(),
        counts,
        success: counts.success(),
        success_before: past.success(),
        duration: measured(Measure::Duration),
        duration_before: Spread::of(earlier.iter().filter_map(|r| Measure::Duration.of_run(r))),
        wait: measured(Measure::Wait),
        busy: took.map(seconds).sum(),
        longest_without: gaps.max_by(f64::total_cmp),
        last_bad: bad
            .max_by_key(|r| (time_of(r), &r.run.key))
            .map(|r| r.run.key.clone()),
        flaky: flaky(runs.iter().copied(), nodes.iter().copied()),
        sla: promised.map(|p| {
            let none = |_: &RunKey, _: DateTime<Utc>| None;
            let all = outcomes(&p.objective, runs.iter().copied(), &p.dues, now, &none);
            budget(&all, p.target, from, to)
        }),
    }
}

fn slowest<'a>(
    runs: impl Iterator<Item = &'a PastRun>,
    pipelines: &[PipelineSummary],
) -> Vec<SlowRun> {
    let usual: HashMap<&PipelineKey, f64> = pipelines
        .iter()
        .filter_map(|p| {
            let spread = p.duration.filter(|d| d.count >= 3 && d.median > 0.0)?;
            Some((&p.pipeline, spread.median))
        })
        .collect();
    let mut all: Vec<SlowRun> = runs
        .filter_map(|run| {
            let took = seconds(run.took()?);
            let times = took / usual.get(run.pipeline())?;
            Some(SlowRun {
                run: run.run.key.clone(),
                started: run.run.started_at?,
                took,
                times: times.is_finite().then_some(times),
            })
        })
        .collect();
    all.sort_by(|a, b| {
        let times = b.times.unwrap_or(0.0).total_cmp(&a.times.unwrap_or(0.0));
        times.then(a.run.cmp(&b.run))
    });
    all.truncate(TOP);
    all
}

/// Budgets of several pipelines as one.
pub fn together(budgets: impl Iterator<Item = Budget>) -> Option<Budget> {
    let all: Vec<Budget> = budgets.collect();
    let sum = |of: fn(&Budget) -> usize| all.iter().map(of).sum::<usize>();
    let (met, missed) = (sum(|b| b.met), sum(|b| b.missed));
    let over = met + missed;
    let allowed: f64 = all.iter().map(|b| b.allowed).sum();
    let target = match over {
        0 => all.iter().map(|b| b.target).sum::<f64>() / all.len().max(1) as f64,
        over => 1.0 - allowed / over as f64,
    };
    (!all.is_empty()).then(|| Budget {
        target,
        met,
        missed,
        open: sum(|b| b.open),
        at_risk: sum(|b| b.at_risk),
        share: (over > 0).then(|| met as f64 / over as f64),
        allowed,
        left: allowed - missed as f64,
        burn: (allowed > 0.0).then(|| missed as f64 / allowed),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chrono::Duration;
    use chrono_tz::Tz;

    use super::super::tell::{at, bad, run};
    use super::*;

    const DAY: i64 = 86_400;

    #[test]
    fn two_pipelines_over_ten_days() {
        let mut runs: Vec<PastRun> = Vec::new();
        for day in 0..20 {
            let took = if day == 15 { 300 } else { 100 };
            let one = run("good", day, day as i64 * DAY, Some(took));
            runs.push(one);
            let two = run("poor", day, day as i64 * DAY + 60, Some(50));
            runs.push(if day.is_multiple_of(4) { bad(two) } else { two });
        }
        let promised = |key: &PipelineKey| {
            (key.pipeline.raw() == "good").then(|| Promised {
                objective: Objective {
                    zone: Tz::UTC,
                    done_by: None,
                    start_within: None,
                    duration_limit: Some(Duration::seconds(200)),
                },
                dues: Vec::new(),
                target: 0.95,
            })
        };
        let period = (at(10 * DAY), at(20 * DAY));
        let found = summary(&runs, &[], period, &promised, at(20 * DAY));
        let told: Vec<_> = found
            .pipelines
            .iter()
            .map(|p| (p.pipeline.pipeline.raw(), p.counts.good, p.counts.bad))
            .collect();
        assert_eq!(told, [("poor", 8, 2), ("good", 10, 0)]);
        assert_eq!(found.counts.runs, 20);
        assert_eq!(found.busy, 10.0 * 100.0 + 200.0 + 10.0 * 50.0);
        assert_eq!(found.slowest[0].run.run.raw(), "000015");
        assert_eq!(found.slowest[0].times, Some(3.0));
        let sla = found.pipelines[1].sla.unwrap();
        assert_eq!((sla.met, sla.missed), (9, 1));
        assert!((sla.burn.unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(found.sla.unwrap().missed, 1);
        assert_eq!(found.pipelines[0].success_before.unwrap().hits, 7);
        assert_eq!(found.pipelines[0].longest_without, Some(2.0 * DAY as f64));
        runs.reverse();
        assert_eq!(summary(&runs, &[], period, &promised, at(20 * DAY)), found);
        assert!(serde_json::to_string(&found).unwrap().contains("\"burn\""));
    }
}
