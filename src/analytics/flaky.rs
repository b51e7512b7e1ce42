//! Nodes that fail now and then and work again by themselves: not the ones that are plainly broken.

use std::collections::HashMap;

use serde::Serialize;

use super::path::{Whole, by_run, wholes};
use super::series::{node_good, seconds, time_of};
use super::stats::Rate;
use crate::model::{NodeId, NodeState, PastNode, PastRun, RunKey};

/// One failure may have had a cause.
const ENOUGH: usize = 2;

/// How a node ended in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Well,
    /// After attempts that failed.
    Recovered,
    Badly,
}

/// A flaky node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flaky {
    pub node: NodeId,
    /// Runs in which it ended well or badly.
    pub runs: usize,
    /// Runs in which it failed and a later attempt was good.
    pub recovered: usize,
    /// Runs in which it failed in the end, and was good in the runs before and after.
    pub alone: usize,
    /// Runs in which it failed like the run beside it: broken for a while.
    pub broken: usize,
    /// Recovered and alone, of all runs in which it was not broken.
    pub rate: Rate,
    /// Seconds that its failed attempts took where a later one was good.
    pub lost: f64,
}

/// The flaky nodes of a pipeline, those that are certainly flaky most often first. A node is flaky when it recovered or
/// failed alone at least twice, and not more often was broken.
pub fn flaky<'a>(
    runs: impl IntoIterator<Item = &'a PastRun>,
    nodes: impl IntoIterator<Item = &'a PastNode>,
) -> Vec<Flaky> {
    let mut order: Vec<&PastRun> = runs.into_iter().collect();
    order.sort_by(|a, b| {
        let by = |r: &PastRun| (r.run.ordered_at, time_of(r));
        by(a).cmp(&by(b)).then(a.run.key.cmp(&b.run.key))
    });
    let numbered = order.iter().enumerate();
    let place: HashMap<&RunKey, usize> = numbered.map(|(i, r)| (&r.run.key, i)).collect();
    let mut told: HashMap<&NodeId, Vec<(usize, Ended, f64)>> = HashMap::new();
    for (key, attempts) in by_run(nodes, |key| place.contains_key(key)) {
        let Some(place) = place.get(key) else {
            continue;
        };
        for whole in wholes(attempts) {
            if let Some(ended) = ended(&whole) {
                let last = whole.last.took().map_or(0.0, seconds);
                let lost = (whole.work - last).max(0.0);
                let one = (*place, ended, lost);
                told.entry(&whole.last.node).or_default().push(one);
            }
        }
    }
    let mut all: Vec<Flaky> = told
        .into_iter()
        .filter_map(|(node, ends)| of(node, ends))
        .collect();
    all.sort_by(|a, b| {
        let rate = b.rate.low.total_cmp(&a.rate.low);
        rate.then(b.lost.total_cmp(&a.lost))
            .then(a.node.cmp(&b.node))
    });
    all
}

fn ended(whole: &Whole<'_>) -> Option<Ended> {
    match whole.last.state {
        NodeState::Failed => Some(Ended::Badly),
        _ if !node_good(whole.last) => None,
        // where only the last attempt is known, its number says that there were others
        _ if whole.attempts > 1 || whole.last.attempt > 1 => Some(Ended::Recovered),
        _ => Some(Ended::Well),
    }
}

fn of(node: &NodeId, mut ends: Vec<(usize, Ended, f64)>) -> Option<Flaky> {
    ends.sort_by_key(|e| e.0);
    let (mut recovered, mut alone, mut broken, mut lost) = (0, 0, 0, 0.0);
    for (i, (_, ended, cost)) in ends.iter().enumerate() {
        let is_bad =
            |at: Option<usize>| at.and_then(|at| ends.get(at)).map(|e| e.1 == Ended::Badly);
        match ended {
            Ended::Well => {}
            Ended::Recovered => {
                recovered += 1;
                lost += cost;
            }
            // the newest one that failed may be the first of many
            Ended::Badly
                if is_bad(i.checked_sub(1)) == Some(false)
                    && is_bad(Some(i + 1)) == Some(false) =>
            {
                alone += 1;
            }
            Ended::Badly => broken += 1,
        }
    }
    let flaky = recovered + alone;
    if flaky < ENOUGH || flaky < broken {
        return None;
    }
    Some(Flaky {
        node: node.clone(),
        runs: ends.len(),
        recovered,
        alone,
        broken,
        rate: Rate::of(flaky, ends.len() - broken)?,
        lost,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tell::{bad, failed, node, run};
    use super::*;

    #[test]
    fn flaky_is_not_broken() {
        let (mut runs, mut nodes) = (Vec::new(), Vec::new());
        for i in 0..20 {
            let one = run("p", i, i as i64 * 3600, Some(60));
            // fails every fifth time and works at the second attempt
            if i % 5 == 2 {
                nodes.push(failed(node(&one, "shaky", 1, 0, 7)));
                nodes.push(node(&one, "shaky", 2, 10, 20));
            } else {
                nodes.push(node(&one, "shaky", 1, 0, 20));
            }
            // fails twice alone
            let lone = node(&one, "lone", 1, 0, 5);
            nodes.push(if i == 4 || i == 9 { failed(lone) } else { lone });
            // broken since the twelfth run
            let broken = node(&one, "broken", 1, 0, 5);
            nodes.push(if i >= 12 { failed(broken) } else { broken });
            nodes.push(node(&one, "good", 1, 0, 5));
            runs.push(if i >= 12 { bad(one) } else { one });
        }
        let found = flaky(&runs, &nodes);
        let told: Vec<_> = found
            .iter()
            .map(|f| (f.node.raw(), f.recovered, f.alone, f.broken, f.rate.of))
            .collect();
        assert_eq!(told, [("shaky", 4, 0, 0, 20), ("lone", 0, 2, 0, 20)]);
        assert_eq!(found[0].lost, 28.0);
        nodes.reverse();
        runs.reverse();
        assert_eq!(flaky(&runs, &nodes), found);
    }
}
