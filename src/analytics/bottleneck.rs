//! What the length of runs hangs on: the critical path over many runs, what a faster node would save, waits against
//! work, and how much of what could run at once does.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::path::{Whole, by_run, path, wholes};
use super::series::{seconds, time_of};
use super::shape::Shape;
use super::stats::{Rate, Spread};
use crate::model::{NodeId, PastNode, PastRun, RunKey};

/// Runs that are looked at: the newest.
const RUNS: usize = 1_000;

/// One node over the runs. Times in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bottleneck {
    pub node: NodeId,
    /// Runs whose end hung on it, of those in which it ran.
    pub on_path: Rate,
    /// What it takes, from its first start to its last end, and what it waits before its step on the path, by median
    /// over the runs in which it is on the path.
    pub work: f64,
    pub wait: f64,
    /// What a run would be shorter if the node were faster by the share that was asked for, on average over all runs:
    /// the run is gone through anew with the node's time cut, so another path may take over.
    pub saves: f64,
    /// Its part of all runs' length.
    pub saves_share: f64,
}

/// How much runs at once. All by median over the runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Parallelism {
    /// Nodes at once, over the time in which any run.
    pub average: f64,
    pub peak: f64,
    /// Nodes at once that would be needed at least to be no longer than the minimum: work over minimum.
    pub useful: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bottlenecks {
    pub runs: usize,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// From the run's start to its last node's end, in seconds.
    pub length: Spread,
    /// The length without any wait: the longest chain of work. Seconds, by median.
    pub minimum: f64,
    /// The part of the critical paths that is waiting, of all runs together.
    pub wait_share: f64,
    pub parallelism: Parallelism,
    /// How much faster a node was made for `saves`: 0.3.
    pub faster: f64,
    /// What would save most first.
    pub nodes: Vec<Bottleneck>,
}

#[derive(Default)]
struct Sums {
    ran: usize,
    on: usize,
    work: Vec<f64>,
    wait: Vec<f64>,
    saves: f64,
}

/// Over the good runs among these, at most the newest thousand, with the shape they have. `faster` is the share of its
/// time that a node would save: 0.3. `None` without a run whose nodes are known.
pub fn bottlenecks(
    runs: &[PastRun],
    nodes: &[PastNode],
    shape: &Shape,
    faster: f64,
) -> Option<Bottlenecks> {
    let faster = if faster.is_finite() {
        faster.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let mut good: Vec<&PastRun> = runs.iter().filter(|r| r.good()).collect();
    good.sort_by(|a, b| time_of(b).cmp(&time_of(a)).then(b.run.key.cmp(&a.run.key)));
    good.truncate(RUNS);
    let known: HashMap<&RunKey, &PastRun> = good.iter().map(|r| (&r.run.key, *r)).collect();
    let mut sums: Vec<Sums> = (0..shape.ids.len()).map(|_| Sums::default()).collect();
    let (mut lengths, mut minima) = (Vec::new(), Vec::new());
    let (mut averages, mut peaks, mut useful) = (Vec::new(), Vec::new(), Vec::new());
    let (mut waits, mut total, mut span) = (0.0, 0.0, None);
    for (key, attempts) in by_run(nodes, |key| known.contains_key(key)) {
        let Some(run) = known.get(key) else { continue };
        let wholes = wholes(attempts);
        let Some(first) = wholes.iter().filter_map(|w| w.from).min() else {
            continue;
        };
        let start = run.run.started_at.map_or(first, |start| start.min(first));
        let model = Model::of(&wholes, shape, start);
        let Some(length) = model.length() else {
            continue;
        };
        for step in path(&wholes, Some(shape), start) {
            waits += step.wait;
            total += step.wait + step.work;
            if let Some(sum) = shape.index(&step.node).and_then(|i| sums.get_mut(i)) {
                let i = shape.index(&step.node).unwrap_or(0);
                sum.on += 1;
                sum.wait.push(step.wait);
                sum.work.push(model.took[i].unwrap_or(0.0));
                sum.saves += length - model.faster(i, faster);
            }
        }
        for (sum, took) in sums.iter_mut().zip(&model.took) {
            sum.ran += usize::from(took.is_some());
        }
        let (average, peak) = at_once(&wholes);
        let minimum = model.minimum();
        let work: f64 = model.took.iter().flatten().sum();
        lengths.push(length);
        minima.push(minimum);
        averages.push(average);
        peaks.push(peak);
        useful.extend((minimum > 0.0).then(|| work / minimum));
        let (from, to) = span.unwrap_or((start, start));
        span = Some((start.min(from), start.max(to)));
    }
    let (from, to) = span?;
    let all: f64 = lengths.iter().sum();
    let count = lengths.len();
    let half = |values: Vec<f64>| Spread::of(values).map_or(0.0, |s| s.median);
    let mut found: Vec<Bottleneck> = shape
        .ids
        .iter()
        .zip(sums)
        .filter_map(|(id, sum)| {
            Some(Bottleneck {
                node: id.clone(),
                on_path: Rate::of(sum.on, sum.ran)?,
                work: half(sum.work),
                wait: half(sum.wait),
                saves: sum.saves / count as f64,
                saves_share: if all > 0.0 { sum.saves / all } else { 0.0 },
            })
        })
        .collect();
    found.sort_by(|a, b| {
        let saves = b.saves.total_cmp(&a.saves);
        saves
            .then(b.on_path.hits.cmp(&a.on_path.hits))
            .then(a.node.cmp(&b.node))
    });
    Some(Bottlenecks {
        runs: count,
        from,
        to,
        length: Spread::of(lengths)?,
        minimum: half(minima),
        wait_share: if total > 0.0 { waits / total } else { 0.0 },
        parallelism: Parallelism {
            average: half(averages),
            peak: half(peaks),
            useful: half(useful),
        },
        faster,
        nodes: found,
    })
}

/// A run as its shape explains it: each node starts when all before it have ended, and a lag that is its own.
struct Model<'a> {
    shape: &'a Shape,
    /// Seconds, by vertex.
    took: Vec<Option<f64>>,
    lag: Vec<f64>,
}

impl<'a> Model<'a> {
    fn of(wholes: &[Whole<'_>], shape: &'a Shape, start: DateTime<Utc>) -> Self {
        let count = shape.vertices();
        let mut times: Vec<Option<(f64, f64)>> = vec![None; count];
        for whole in wholes {
            if let (Some(i), Some(from), Some(to)) =
                (shape.index(&whole.last.node), whole.from, whole.to)
            {
                times[i] = Some((seconds(from - start), seconds(to - start)));
            }
        }
        let mut model = Self {
            shape,
            took: times
                .iter()
                .map(|t| t.map(|(from, to)| to - from))
                .collect(),
            // one that starts before what it needs has ended did not wait: less than nothing keeps its times as they were
            lag: vec![0.0; count],
        };
        let mut ends = vec![0.0; count];
        for &vertex in &shape.order {
            let before = shape.before[vertex].iter().map(|b| ends[*b]);
            let ready = before.fold(0.0, f64::max);
            ends[vertex] = match times[vertex] {
                Some((from, to)) => {
                    model.lag[vertex] = from - ready;
                    to
                }
                None => ready,
            };
        }
        model
    }

    /// The end of the last node, with each one's time and lag as these say.
    fn end(&self, took: impl Fn(usize, f64) -> f64, lag: impl Fn(f64) -> f64) -> Option<f64> {
        let mut ends = vec![0.0; self.took.len()];
        let mut last: Option<f64> = None;
        for &vertex in &self.shape.order {
            let before = self.shape.before[vertex].iter().map(|b| ends[*b]);
            let ready = before.fold(0.0, f64::max);
            ends[vertex] = match self.took[vertex] {
                Some(own) => {
                    let end = ready + lag(self.lag[vertex]) + took(vertex, own);
                    last = Some(last.map_or(end, |l| l.max(end)));
                    end
                }
                None => ready,
            };
        }
        last
    }

    fn length(&self) -> Option<f64> {
        self.end(|_, took| took, |lag| lag)
    }

    fn faster(&self, node: usize, share: f64) -> f64 {
        let cut = |i: usize, took: f64| {
            if i == node {
                took * (1.0 - share)
            } else {
                took
            }
        };
        self.end(cut, |lag| lag).unwrap_or(0.0)
    }

    fn minimum(&self) -> f64 {
        self.end(|_, took| took, |lag| lag.min(0.0))
            .unwrap_or(0.0)
            .max(0.0)
    }
}

/// Nodes at once: on average while any runs, and at most.
fn at_once(wholes: &[Whole<'_>]) -> (f64, f64) {
    let mut turns: Vec<(DateTime<Utc>, i32)> = Vec::with_capacity(2 * wholes.len());
    for whole in wholes {
        if let (Some(from), Some(to)) = (whole.from, whole.to)
            && to > from
        {
            turns.push((from, 1));
            turns.push((to, -1));
        }
    }
    // at one time ends come before starts
    turns.sort_unstable();
    let (mut now, mut peak, mut busy, mut work) = (0, 0, 0.0, 0.0);
    let mut since: Option<DateTime<Utc>> = None;
    for (at, turn) in turns {
        if let Some(since) = since.filter(|_| now > 0) {
            let passed = seconds(at - since);
            busy += passed;
            work += passed * f64::from(now);
        }
        now += turn;
        peak = peak.max(now);
        since = Some(at);
    }
    let average = if busy > 0.0 { work / busy } else { 0.0 };
    (average, f64::from(peak))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tell::{node, run};
    use super::*;
    use crate::model::Topology;

    fn shape(edges: &[(&str, &str)], nodes: &[&str]) -> Shape {
        let topology = Topology {
            nodes: nodes.iter().map(NodeId::new).collect(),
            groups: Vec::new(),
            edges: edges
                .iter()
                .map(|(a, b)| (NodeId::new(a), NodeId::new(b)))
                .collect(),
        };
        Shape::new(&topology, topology.nodes.iter().map(|n| (n, None)))
    }

    #[test]
    fn another_path_takes_over() {
        // a (10) and b (9) before c (10, after a wait of 2): a faster a saves one second only
        let shape = shape(&[("a", "c"), ("b", "c")], &["a", "b", "c"]);
        let (mut runs, mut nodes) = (Vec::new(), Vec::new());
        for i in 0..4 {
            let one = run("p", i, i as i64 * 3600, Some(22));
            nodes.extend([
                node(&one, "a", 1, 0, 10),
                node(&one, "b", 1, 0, 9),
                node(&one, "c", 1, 12, 10),
            ]);
            runs.push(one);
        }
        let found = bottlenecks(&runs, &nodes, &shape, 0.3).unwrap();
        let told: Vec<_> = found
            .nodes
            .iter()
            .map(|n| (n.node.raw(), n.on_path.hits, n.work, n.wait, n.saves))
            .collect();
        assert_eq!(
            told,
            [
                ("c", 4, 10.0, 2.0, 3.0),
                ("a", 4, 10.0, 0.0, 1.0),
                ("b", 0, 0.0, 0.0, 0.0)
            ]
        );
        assert_eq!((found.minimum, found.length.median), (20.0, 22.0));
        assert!((found.wait_share - 2.0 / 22.0).abs() < 1e-12);
        // 29 seconds of work in 20 in which anything runs
        assert_eq!(found.parallelism.peak, 2.0);
        assert_eq!(found.parallelism.average, 29.0 / 20.0);
        assert_eq!(found.parallelism.useful, 29.0 / 20.0);
    }
}
