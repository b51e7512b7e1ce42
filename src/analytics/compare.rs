//! Two runs of a pipeline held against each other: what made the one longer than the other, and what else differs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::path::{Step, Whole, path, wholes};
use super::series::seconds;
use super::shape::Shape;
use crate::model::{NodeId, NodeState, PastNode, PastRun, SafeText};

/// A figure in both runs; `None` where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pair<T> {
    pub a: Option<T>,
    pub b: Option<T>,
}

impl Pair<f64> {
    /// b less a, when both are known.
    pub fn difference(&self) -> Option<f64> {
        Some(self.b? - self.a?)
    }

    /// b in units of a.
    pub fn times(&self) -> Option<f64> {
        let times = self.b? / self.a?;
        times.is_finite().then_some(times)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum In {
    Both,
    OnlyA,
    OnlyB,
}

/// One node in both runs. Times in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeDifference {
    pub node: NodeId,
    pub within: In,
    pub state: Pair<NodeState>,
    /// From the first start to the last end of its attempts.
    pub took: Pair<f64>,
    /// From when its last attempt was queued to its start.
    pub waited: Pair<f64>,
    pub rows: Pair<f64>,
    /// Peak, in bytes.
    pub memory: Pair<f64>,
    pub attempts: Pair<u32>,
    /// Whether the end of the run hung on it.
    pub on_path: (bool, bool),
    /// What it added to the difference in length, by waiting before it and by work: what its step on the critical path
    /// of b takes less what that of a takes. Zero of what is on neither path.
    pub wait_added: f64,
    pub work_added: f64,
}

impl NodeDifference {
    /// Of all nodes these add up to the difference between the two critical paths.
    pub fn added(&self) -> f64 {
        self.wait_added + self.work_added
    }
}

/// A parameter that is not the same in both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParameterDifference {
    pub name: SafeText,
    pub value: Pair<SafeText>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Seconds.
    pub took: Pair<f64>,
    pub waited: Pair<f64>,
    /// From the run's start to the end of its last node, in seconds.
    pub path: Pair<f64>,
    pub version: Pair<SafeText>,
    pub cause: Pair<SafeText>,
    pub parameters: Vec<ParameterDifference>,
    /// What added most to the difference first, then what differs most in its own duration.
    pub nodes: Vec<NodeDifference>,
}

impl Comparison {
    /// Whether both are known to have run with the same version; `None` where one of them is not known.
    pub fn same_version(&self) -> Option<bool> {
        Some(self.version.a.as_ref()? == self.version.b.as_ref()?)
    }
}

/// Holds b against a, each with the attempts of its nodes; others' attempts are left out.
pub fn compare(
    a: (&PastRun, &[PastNode]),
    b: (&PastRun, &[PastNode]),
    shape: Option<&Shape>,
) -> Comparison {
    let (in_a, in_b) = (Side::new(a, shape), Side::new(b, shape));
    let ids: BTreeSet<&NodeId> = in_a
        .nodes
        .keys()
        .chain(in_b.nodes.keys())
        .copied()
        .collect();
    let mut nodes: Vec<NodeDifference> = ids
        .into_iter()
        .map(|id| difference(id, &in_a, &in_b))
        .collect();
    let own = |n: &NodeDifference| n.took.difference().unwrap_or(0.0).abs();
    nodes.sort_by(|x, y| {
        let added = y.added().abs().total_cmp(&x.added().abs());
        added
            .then(own(y).total_cmp(&own(x)))
            .then(x.node.cmp(&y.node))
    });
    let (run_a, run_b) = (&a.0.run, &b.0.run);
    let text = |text: &SafeText| Some(text.clone()).filter(|t| !t.is_empty());
    Comparison {
        took: Pair {
            a: a.0.took().map(seconds),
            b: b.0.took().map(seconds),
        },
        waited: Pair {
            a: a.0.waited().map(seconds),
            b: b.0.waited().map(seconds),
        },
        path: Pair {
            a: in_a.length(),
            b: in_b.length(),
        },
        version: Pair {
            a: run_a.version.clone(),
            b: run_b.version.clone(),
        },
        cause: Pair {
            a: text(&run_a.cause),
            b: text(&run_b.cause),
        },
        parameters: parameters(&run_a.params, &run_b.params),
        nodes,
    }
}

struct Side<'a> {
    nodes: BTreeMap<&'a NodeId, Whole<'a>>,
    steps: BTreeMap<NodeId, Step>,
}

impl<'a> Side<'a> {
    fn new((run, nodes): (&PastRun, &'a [PastNode]), shape: Option<&Shape>) -> Self {
        let own = nodes.iter().filter(|n| n.run == run.run.key);
        let all = wholes(own);
        let first = all.iter().filter_map(|n| n.from).min();
        let steps = match run.run.started_at.or(first) {
            Some(start) => path(&all, shape, start),
            None => Vec::new(),
        };
        Self {
            nodes: all.into_iter().map(|n| (&n.last.node, n)).collect(),
            steps: steps.into_iter().map(|s| (s.node.clone(), s)).collect(),
        }
    }

    fn length(&self) -> Option<f64> {
        let all = self.steps.values().map(|s| s.wait + s.work);
        (!self.steps.is_empty()).then(|| all.sum())
    }
}

fn difference(id: &NodeId, in_a: &Side<'_>, in_b: &Side<'_>) -> NodeDifference {
    let (a, b) = (in_a.nodes.get(id), in_b.nodes.get(id));
    let (step_a, step_b) = (in_a.steps.get(id), in_b.steps.get(id));
    let added = |of: fn(&Step) -> f64| step_b.map_or(0.0, of) - step_a.map_or(0.0, of);
    NodeDifference {
        node: id.clone(),
        within: match (a, b) {
            (Some(_), None) => In::OnlyA,
            (None, Some(_)) => In::OnlyB,
            _ => In::Both,
        },
        state: both(a, b, |n| Some(n.last.state)),
        took: both(a, b, |n| n.took()),
        waited: both(a, b, |n| n.last.waited().map(seconds)),
        rows: both(a, b, |n| n.last.rows.filter(super::stats::sane)),
        memory: both(a, b, |n| n.last.memory.map(|m| m as f64)),
        attempts: both(a, b, |n| Some(n.attempts)),
        on_path: (step_a.is_some(), step_b.is_some()),
        wait_added: added(|s| s.wait),
        work_added: added(|s| s.work),
    }
}

fn both<T>(
    a: Option<&Whole<'_>>,
    b: Option<&Whole<'_>>,
    of: impl Fn(&Whole<'_>) -> Option<T>,
) -> Pair<T> {
    Pair {
        a: a.and_then(&of),
        b: b.and_then(&of),
    }
}

/// Parameters that came, went or changed, by name.
pub fn parameters(
    a: &[(SafeText, SafeText)],
    b: &[(SafeText, SafeText)],
) -> Vec<ParameterDifference> {
    let of = |all: &[(SafeText, SafeText)]| -> BTreeMap<String, SafeText> {
        let named = all.iter();
        named
            .map(|(name, value)| (name.as_str().to_owned(), value.clone()))
            .collect()
    };
    let (a, b) = (of(a), of(b));
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    names
        .into_iter()
        .filter(|name| a.get(*name) != b.get(*name))
        .map(|name| ParameterDifference {
            name: SafeText::new(name),
            value: Pair {
                a: a.get(name).cloned(),
                b: b.get(name).cloned(),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tell::{node, run};
    use super::*;
    use crate::model::Topology;

    #[test]
    fn what_each_node_added_adds_up() {
        let topology = Topology {
            nodes: ["a", "b", "c"].map(NodeId::new).to_vec(),
            groups: Vec::new(),
            edges: vec![
                (NodeId::new("a"), NodeId::new("c")),
                (NodeId::new("b"), NodeId::new("c")),
            ],
        };
        let shape = Shape::new(&topology, topology.nodes.iter().map(|n| (n, None)));
        // first: a 0-10, b 0-4, c 12-20; then: a 0-10, b 0-30, c 31-41
        let (mut one, mut two) = (run("p", 1, 0, Some(20)), run("p", 2, 1000, Some(41)));
        let nodes_one = [
            node(&one, "a", 1, 0, 10),
            node(&one, "b", 1, 0, 4),
            node(&one, "c", 1, 12, 8),
        ];
        let nodes_two = [
            node(&two, "a", 1, 0, 10),
            node(&two, "b", 1, 0, 30),
            node(&two, "c", 1, 31, 10),
            node(&two, "new", 1, 5, 1),
        ];
        one.run.params = vec![("day".into(), "1".into()), ("same".into(), "x".into())];
        two.run.params = vec![("day".into(), "2".into()), ("same".into(), "x".into())];
        let found = compare((&one, &nodes_one), (&two, &nodes_two), Some(&shape));
        let told: Vec<(&str, f64, f64)> = found
            .nodes
            .iter()
            .map(|n| (n.node.raw(), n.wait_added, n.work_added))
            .collect();
        assert_eq!(
            told,
            [
                ("b", 0.0, 30.0),
                ("a", 0.0, -10.0),
                ("c", -1.0, 2.0),
                ("new", 0.0, 0.0)
            ]
        );
        assert_eq!(found.path.difference(), Some(21.0));
        let sum: f64 = found.nodes.iter().map(NodeDifference::added).sum();
        assert_eq!(Some(sum), found.took.difference());
        assert_eq!(found.nodes[3].within, In::OnlyB);
        assert_eq!(found.parameters.len(), 1);
        assert_eq!(found.parameters[0].value.b, Some("2".into()));
        assert_eq!(found.same_version(), None);
    }

    #[test]
    fn without_a_shape_time_says_what_was_waited_for() {
        let (one, two) = (run("p", 1, 0, Some(20)), run("p", 2, 1000, Some(25)));
        let nodes_one = [node(&one, "a", 1, 0, 10), node(&one, "c", 1, 10, 10)];
        let nodes_two = [
            node(&two, "a", 1, 0, 10),
            node(&two, "c", 1, 10, 3),
            node(&two, "c", 2, 14, 11),
        ];
        let found = compare((&one, &nodes_one), (&two, &nodes_two), None);
        assert_eq!(found.nodes[0].node.raw(), "c");
        assert_eq!(found.nodes[0].added(), 5.0);
        assert_eq!(
            found.nodes[0].attempts,
            Pair {
                a: Some(1),
                b: Some(2)
            }
        );
    }
}
