//! The order of rows: along the flow, what belongs together close together.

use std::collections::HashMap;

use crate::model::NodeId;

/// Nobody is in a group that deep; deeper is a ring of groups.
const DEEPEST: usize = 1_000;

/// Where something stands: in which list, and as which of its members.
#[derive(Clone, Copy)]
struct Place {
    list: usize,
    member: usize,
    depth: usize,
}

/// Sorts the members of each group so that edges lead down. An edge between two groups is one between all that is
/// in them. Costs a look at each edge and each member.
pub(super) fn sort_by_flow(
    members: &mut HashMap<Option<NodeId>, Vec<NodeId>>,
    edges: &[(NodeId, NodeId)],
) {
    let lists: Vec<Option<NodeId>> = members.keys().cloned().collect();
    let mut places: HashMap<&NodeId, Place> = HashMap::new();
    for (list, group) in lists.iter().enumerate() {
        for (member, id) in members.get(group).into_iter().flatten().enumerate() {
            places.insert(
                id,
                Place {
                    list,
                    member,
                    depth: 0,
                },
            );
        }
    }
    let above = |place: &Place| places.get(lists.get(place.list)?.as_ref()?).copied();
    let depth = |place: Place| {
        let ways = std::iter::successors(Some(place), |p| above(p));
        Place {
            depth: ways.take(DEEPEST).count(),
            ..place
        }
    };
    let mut within: Vec<Vec<(usize, usize)>> = vec![Vec::new(); lists.len()];
    for (from, to) in edges {
        let (Some(from), Some(to)) = (places.get(from), places.get(to)) else {
            continue;
        };
        let (mut from, mut to) = (depth(*from), depth(*to));
        while from.list != to.list {
            let deeper = if from.depth > to.depth {
                &mut from
            } else {
                &mut to
            };
            match above(deeper) {
                Some(group) if deeper.depth > 1 => {
                    *deeper = Place {
                        depth: deeper.depth - 1,
                        ..group
                    }
                }
                _ => break,
            }
        }
        if from.list == to.list
            && from.member != to.member
            && let Some(list) = within.get_mut(from.list)
        {
            list.push((from.member, to.member));
        }
    }
    for (group, edges) in lists.into_iter().zip(within) {
        if let Some(list) = members.get_mut(&group) {
            let order = by_flow(list.len(), &edges);
            let sorted = order
                .into_iter()
                .filter_map(|i| list.get(i).cloned())
                .collect();
            *list = sorted;
        }
    }
}

/// All of `0..count`, every edge from an earlier one to a later one. Of those that could be next it is what the last
/// one made possible, and of these the lowest: a chain stays together. In a cycle the lowest one breaks it.
fn by_flow(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut waits = vec![0usize; count];
    for (from, to) in edges {
        after[*from].push(*to);
        waits[*to] += 1;
    }
    let mut done = vec![false; count];
    let mut order = Vec::with_capacity(count);
    let mut ready: Vec<usize> = (0..count).rev().filter(|i| waits[*i] == 0).collect();
    let mut lowest = 0;
    while order.len() < count {
        let next = ready.pop().or_else(|| {
            let rest = (lowest..count).find(|i| !done[*i]);
            lowest = rest.unwrap_or(count);
            rest
        });
        let Some(next) = next else {
            break;
        };
        if std::mem::replace(&mut done[next], true) {
            continue;
        }
        order.push(next);
        let mut freed: Vec<usize> = Vec::new();
        for to in &after[next] {
            waits[*to] -= 1;
            if waits[*to] == 0 && !done[*to] {
                freed.push(*to);
            }
        }
        freed.sort_unstable_by(|a, b| b.cmp(a));
        ready.extend(freed);
    }
    order
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_one_comes_once_and_after_what_it_needs(
            count in 1usize..12,
            picks in prop::collection::vec((0usize..12, 0usize..12), 0..30),
        ) {
            let edges: Vec<_> = picks.into_iter().filter(|(a, b)| a < b && *b < count).collect();
            // names that say nothing of the order
            let shuffled = |i: usize| (i * 7 + 3) % 12;
            let renamed: Vec<_> = edges.iter().map(|(a, b)| (shuffled(*a), shuffled(*b))).collect();
            let order = by_flow(12, &renamed);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..12).collect::<Vec<_>>());
            let at = |i: usize| order.iter().position(|o| *o == i).unwrap();
            for (a, b) in renamed {
                prop_assert!(at(a) < at(b));
            }
        }

        #[test]
        fn cycles_leave_nobody_out(picks in prop::collection::vec((0usize..6, 0usize..6), 0..20)) {
            let mut order = by_flow(6, &picks);
            order.sort_unstable();
            prop_assert_eq!(order, (0..6).collect::<Vec<_>>());
        }
    }

    #[test]
    fn without_edges_the_order_stays_and_chains_stay_together() {
        assert_eq!(by_flow(4, &[]), [0, 1, 2, 3]);
        assert_eq!(
            by_flow(6, &[(0, 2), (1, 3), (2, 4), (3, 5)]),
            [0, 2, 4, 1, 3, 5]
        );
    }

    #[test]
    fn an_edge_into_a_group_moves_the_whole_group() {
        let id = NodeId::new;
        let mut members = HashMap::from([
            (None, vec![id("g"), id("first")]),
            (Some(id("g")), vec![id("h"), id("b")]),
            (Some(id("h")), vec![id("c")]),
        ]);
        sort_by_flow(&mut members, &[(id("first"), id("c")), (id("b"), id("c"))]);
        assert_eq!(members[&None], [id("first"), id("g")]);
        assert_eq!(members[&Some(id("g"))], [id("b"), id("h")]);
    }

    #[test]
    fn groups_in_a_ring_end() {
        let id = NodeId::new;
        let mut members = HashMap::from([
            (Some(id("a")), vec![id("b"), id("x")]),
            (Some(id("b")), vec![id("a"), id("y")]),
            (None, vec![id("z")]),
        ]);
        sort_by_flow(
            &mut members,
            &[(id("x"), id("y")), (id("y"), id("z")), (id("z"), id("x"))],
        );
        assert_eq!(members[&None], [id("z")]);
    }
}
