//! The critical path of a past run, cut into steps that add up to its length, each divided into waiting and work.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::series::seconds;
use super::shape::Shape;
use crate::model::{NodeId, PastNode, RunKey};

/// All attempts of one node in one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Whole<'a> {
    /// The last attempt.
    pub last: &'a PastNode,
    pub attempts: u32,
    /// The first start and the last end of all attempts; `None` when it never ran or has not ended.
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    /// Seconds in which attempts ran, without what lay between them.
    pub work: f64,
}

impl Whole<'_> {
    /// Seconds from the first start to the last end.
    pub fn took(&self) -> Option<f64> {
        let took = seconds(self.to? - self.from?);
        (took >= 0.0).then_some(took)
    }
}

/// The attempts of one run put together by node, by id.
pub fn wholes<'a>(nodes: impl IntoIterator<Item = &'a PastNode>) -> Vec<Whole<'a>> {
    let mut nodes: Vec<&PastNode> = nodes.into_iter().collect();
    let time = |n: &PastNode| (n.attempt, n.started_at, n.ended_at);
    nodes.sort_by(|a, b| a.node.cmp(&b.node).then(time(a).cmp(&time(b))));
    let mut all: Vec<Whole<'a>> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let work = node.took().map_or(0.0, seconds);
        let attempts = u32::from(node.attempt > 0);
        match all.last_mut().filter(|one| one.last.node == node.node) {
            Some(one) => {
                one.last = node;
                one.attempts += attempts;
                one.work += work;
                one.from = match (one.from, node.started_at) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
            None => all.push(Whole {
                last: node,
                attempts,
                from: node.started_at,
                to: None,
                work,
            }),
        }
    }
    for one in &mut all {
        let from = one.from;
        one.to = (one.last.ended_at).filter(|end| from.is_some_and(|from| from <= *end));
    }
    all
}

/// The attempts of the runs that are asked for, by run, in the order of their keys.
pub fn by_run<'a>(
    nodes: impl IntoIterator<Item = &'a PastNode>,
    keep: impl Fn(&RunKey) -> bool,
) -> Vec<(&'a RunKey, Vec<&'a PastNode>)> {
    let mut at: HashMap<&RunKey, Option<usize>> = HashMap::new();
    let mut all: Vec<(&RunKey, Vec<&PastNode>)> = Vec::new();
    let mut last: Option<(&RunKey, Option<usize>)> = None;
    for node in nodes {
        // attempts of a run mostly come together
        let here = match last {
            Some((key, here)) if *key == node.run => here,
            _ => *at.entry(&node.run).or_insert_with(|| {
                keep(&node.run).then(|| {
                    all.push((&node.run, Vec::new()));
                    all.len() - 1
                })
            }),
        };
        last = Some((&node.run, here));
        if let Some((_, nodes)) = here.and_then(|i| all.get_mut(i)) {
            nodes.push(node);
        }
    }
    all.sort_by(|a, b| a.0.cmp(b.0));
    all
}

/// One node on the critical path. Seconds; `wait` and `work` of all steps add up to the time from `start` to the last
/// end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    pub node: NodeId,
    /// From the end of the step before it (or the run's start) to its own start.
    pub wait: f64,
    /// From there to its end.
    pub work: f64,
}

/// What the end of a run hung on, first to last: the node that ended last, before it the one of those it needs that
/// ended last, and so on. Without a shape: the one of all that ended last before it started. `start` is the run's.
pub fn path(nodes: &[Whole<'_>], shape: Option<&Shape>, start: DateTime<Utc>) -> Vec<Step> {
    let ran: Vec<(&Whole<'_>, DateTime<Utc>, DateTime<Utc>)> = nodes
        .iter()
        .filter_map(|n| Some((n, n.from?, n.to?)))
        .collect();
    let chain = match shape {
        Some(shape) => by_shape(&ran.iter().map(|r| (r.0, r.2)).collect::<Vec<_>>(), shape),
        None => by_time(&ran),
    };
    let times: HashMap<&NodeId, (DateTime<Utc>, DateTime<Utc>)> =
        ran.iter().map(|r| (&r.0.last.node, (r.1, r.2))).collect();
    let mut at = start;
    let mut steps = Vec::new();
    for node in chain {
        let Some(&(from, to)) = times.get(&node) else {
            continue;
        };
        // clocks of workers differ: no step takes less than nothing
        let from = from.clamp(at, to.max(at));
        let to = to.max(from);
        steps.push(Step {
            node,
            wait: seconds(from - at),
            work: seconds(to - from),
        });
        at = to;
    }
    steps
}

fn by_shape(ran: &[(&Whole<'_>, DateTime<Utc>)], shape: &Shape) -> Vec<NodeId> {
    let mut ends: Vec<Option<i64>> = vec![None; shape.vertices()];
    for (whole, end) in ran {
        if let Some(i) = shape.index(&whole.last.node) {
            ends[i] = Some(end.timestamp_millis());
        }
    }
    let on = super::critical::walk(&ends, &shape.before, &shape.order);
    on.into_iter()
        .filter(|i| ends.get(*i).is_some_and(Option::is_some))
        .filter_map(|i| shape.ids.get(i).cloned())
        .collect()
}

fn by_time(ran: &[(&Whole<'_>, DateTime<Utc>, DateTime<Utc>)]) -> Vec<NodeId> {
    let mut by_end: Vec<_> = ran.iter().collect();
    by_end.sort_by(|a, b| a.2.cmp(&b.2).then(b.0.last.node.cmp(&a.0.last.node)));
    let mut chain = Vec::new();
    let mut before: Option<DateTime<Utc>> = None;
    while let Some((whole, from, to)) = by_end.pop() {
        // what ended after its start it did not wait for
        if before.is_some_and(|start| *to > start) {
            continue;
        }
        chain.push(whole.last.node.clone());
        before = Some(*from);
    }
    chain.reverse();
    chain
}
