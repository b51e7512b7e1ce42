//! The critical path: the node that ended last, what it waited for, what that waited for, and so on to the start.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::shape::{Shape, sorted};
use crate::model::{Node, NodeId};
use crate::world::RunView;

/// The nodes of a run that its end time hangs on. Nodes that never ran are not in it; what is still running ends
/// at `now`.
pub fn critical_path(view: &RunView, now: DateTime<Utc>) -> HashSet<NodeId> {
    let Some(topology) = view.topology.as_deref() else {
        return HashSet::new();
    };
    let nodes = view.nodes.values();
    let shape = Shape::new(topology, nodes.map(|n| (&n.id, n.group.as_ref())));
    let mut ends: Vec<Option<i64>> = vec![None; shape.vertices()];
    for node in view.nodes.values() {
        if let Some(i) = shape.index(&node.id) {
            ends[i] = end(node, now);
        }
    }
    walk(&ends, &shape.before, &shape.order)
        .into_iter()
        .filter(|i| ends.get(*i).is_some_and(Option::is_some))
        .filter_map(|i| shape.ids.get(i).cloned())
        .collect()
}

fn end(node: &Node, now: DateTime<Utc>) -> Option<i64> {
    node.started_at?;
    let end = match node.ended_at.filter(|_| node.state.ended()) {
        Some(end) => end,
        None if node.state.ended() => return None,
        None => now,
    };
    Some(end.timestamp_millis())
}

/// The chain that ends with the latest end and goes back to the latest end before it, through vertices that have
/// none as if they ended with what comes before them. Of equal ones the lowest index; first to last. An edge of a
/// cycle is followed at most once.
pub fn chain(ends: &[Option<i64>], edges: &[(usize, usize)]) -> Vec<usize> {
    let (before, order) = sorted(ends.len(), edges);
    walk(ends, &before, &order)
}

/// The chain, where it is known what is before each vertex and in which order they can be gone through.
pub(super) fn walk(ends: &[Option<i64>], before: &[Vec<usize>], order: &[usize]) -> Vec<usize> {
    let mut reach: Vec<Option<i64>> = ends.to_vec();
    for &i in order {
        if ends[i].is_none() {
            reach[i] = before[i].iter().filter_map(|b| reach[*b]).max();
        }
    }
    let latest = |all: &mut dyn Iterator<Item = usize>| {
        all.filter_map(|i| Some((reach[i]?, std::cmp::Reverse(i))))
            .max()
            .map(|(_, i)| i.0)
    };
    let mut seen = vec![false; ends.len()];
    let mut path = Vec::new();
    let mut next = latest(&mut (0..ends.len()).filter(|i| ends[*i].is_some()));
    while let Some(i) = next.filter(|i| !seen[*i]) {
        seen[i] = true;
        path.push(i);
        next = latest(&mut before[i].iter().copied());
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    /// Every chain that can't be made longer at its start, from its last to its first.
    fn all_chains(edges: &[(usize, usize)], last: usize) -> Vec<Vec<usize>> {
        let before: Vec<usize> = edges.iter().filter(|e| e.1 == last).map(|e| e.0).collect();
        if before.is_empty() {
            return vec![vec![last]];
        }
        let mut all = Vec::new();
        for b in before {
            for rest in all_chains(edges, b) {
                all.push([vec![last], rest].concat());
            }
        }
        all
    }

    proptest! {
        #[test]
        fn it_is_the_chain_with_the_latest_ends(
            ends in prop::collection::vec(0i64..6, 1..8),
            bits in prop::collection::vec(any::<bool>(), 28),
        ) {
            let mut edges = Vec::new();
            let mut bit = bits.iter();
            for a in 0..ends.len() {
                for b in a + 1..ends.len() {
                    if *bit.next().unwrap() {
                        edges.push((a, b));
                    }
                }
            }
            let some: Vec<Option<i64>> = ends.iter().copied().map(Some).collect();
            let mut found = chain(&some, &edges);
            found.reverse();
            let read = |path: &[usize]| path.iter().map(|i| (ends[*i], std::cmp::Reverse(*i))).collect::<Vec<_>>();
            let best = (0..ends.len()).flat_map(|last| all_chains(&edges, last)).max_by_key(|p| read(p)).unwrap();
            prop_assert_eq!(found, best);
        }

        #[test]
        fn any_graph_gives_a_chain_of_its_edges(
            ends in prop::collection::vec(prop::option::of(0i64..9), 0..9),
            edges in prop::collection::vec((0usize..10, 0usize..10), 0..30),
        ) {
            let path = chain(&ends, &edges);
            for pair in path.windows(2) {
                prop_assert!(edges.contains(&(pair[0], pair[1])));
            }
            let distinct: HashSet<usize> = path.iter().copied().collect();
            prop_assert_eq!(distinct.len(), path.len());
            prop_assert_eq!(path.is_empty(), ends.iter().all(Option::is_none));
        }
    }

    #[test]
    fn what_has_no_time_is_passed_through() {
        // 0 -> 1 (no time) -> 2, and 3 -> 2 which ended before 0 did
        let ends = [Some(5), None, Some(9), Some(2)];
        assert_eq!(chain(&ends, &[(0, 1), (1, 2), (3, 2)]), [0, 1, 2]);
    }
}
