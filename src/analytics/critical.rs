//! The critical path: the node that ended last, what it waited for, what that waited for, and so on to the start.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::model::{Node, NodeId};
use crate::world::RunView;

/// The nodes of a run that its end time hangs on. Nodes that never ran are not in it; what is still running ends
/// at `now`.
pub fn critical_path(view: &RunView, now: DateTime<Utc>) -> HashSet<NodeId> {
    let Some(topology) = view.topology.as_deref() else {
        return HashSet::new();
    };
    let mut nodes: Vec<&Node> = view.nodes.values().collect();
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    let at: HashMap<&NodeId, usize> = nodes.iter().enumerate().map(|(i, n)| (&n.id, i)).collect();
    let groups: HashMap<&NodeId, usize> = topology
        .groups
        .iter()
        .enumerate()
        .map(|(i, g)| (&g.id, i))
        .collect();
    // a group is entered and left through a vertex of its own: as many edges as members, not their square
    let enter = |group: usize| nodes.len() + 2 * group;
    let leave = |group: usize| nodes.len() + 2 * group + 1;
    let mut edges = Vec::new();
    for (from, to) in &topology.edges {
        let from = groups
            .get(from)
            .map(|g| leave(*g))
            .or_else(|| at.get(from).copied());
        let to = groups
            .get(to)
            .map(|g| enter(*g))
            .or_else(|| at.get(to).copied());
        edges.extend(from.zip(to));
    }
    for (i, node) in nodes.iter().enumerate() {
        if let Some(group) = node.group.as_ref().and_then(|g| groups.get(g)) {
            edges.push((enter(*group), i));
            edges.push((i, leave(*group)));
        }
    }
    for (i, group) in topology.groups.iter().enumerate() {
        if let Some(parent) = group.parent.as_ref().and_then(|p| groups.get(p)) {
            edges.push((enter(*parent), enter(i)));
            edges.push((leave(i), leave(*parent)));
        }
    }
    let mut ends: Vec<Option<i64>> = nodes.iter().map(|n| end(n, now)).collect();
    ends.resize(nodes.len() + 2 * topology.groups.len(), None);
    chain(&ends, &edges)
        .into_iter()
        .filter(|i| ends.get(*i).is_some_and(Option::is_some))
        .filter_map(|i| nodes.get(i).map(|n| n.id.clone()))
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
    let count = ends.len();
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut waits = vec![0usize; count];
    for &(from, to) in edges
        .iter()
        .filter(|(a, b)| *a < count && *b < count && a != b)
    {
        before[to].push(from);
        after[from].push(to);
        waits[to] += 1;
    }
    // what is in a cycle, or behind one, keeps its own end
    let mut reach: Vec<Option<i64>> = ends.to_vec();
    let mut ready: Vec<usize> = (0..count).filter(|i| waits[*i] == 0).collect();
    while let Some(i) = ready.pop() {
        if ends[i].is_none() {
            reach[i] = before[i].iter().filter_map(|b| reach[*b]).max();
        }
        for next in &after[i] {
            waits[*next] -= 1;
            if waits[*next] == 0 {
                ready.push(*next);
            }
        }
    }
    let latest = |all: &mut dyn Iterator<Item = usize>| {
        all.filter_map(|i| Some((reach[i]?, std::cmp::Reverse(i))))
            .max()
            .map(|(_, i)| i.0)
    };
    let mut seen = vec![false; count];
    let mut path = Vec::new();
    let mut next = latest(&mut (0..count).filter(|i| ends[*i].is_some()));
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
