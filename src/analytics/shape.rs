//! The DAG of a run as numbers: what needs what, through groups, in an order in which it can be gone through once.

use std::collections::HashMap;

use crate::model::{NodeId, Topology};

/// Nodes are numbered 0 to `ids.len() - 1` in the order of their ids; behind them stand two vertices for each group,
/// through which it is entered and left: as many edges as members, not their square.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    pub ids: Vec<NodeId>,
    at: HashMap<NodeId, usize>,
    /// Vertices directly before each vertex.
    pub before: Vec<Vec<usize>>,
    /// Every vertex after all that is before it. Those of a cycle, and what is behind one, come last.
    pub order: Vec<usize>,
}

impl Shape {
    /// Of these nodes, each with the group it lies in; edges to others are left out.
    pub fn new<'a>(
        topology: &Topology,
        nodes: impl IntoIterator<Item = (&'a NodeId, Option<&'a NodeId>)>,
    ) -> Self {
        let nodes: Vec<_> = nodes.into_iter().collect();
        let groups = topology.groups.iter().enumerate();
        let groups: HashMap<&NodeId, usize> = groups.map(|(i, g)| (&g.id, i)).collect();
        let mut ids: Vec<NodeId> = nodes.iter().map(|n| n.0.clone()).collect();
        ids.sort();
        ids.dedup();
        let numbered = ids.iter().enumerate();
        let at: HashMap<NodeId, usize> = numbered.map(|(i, id)| (id.clone(), i)).collect();
        let enter = |group: usize| ids.len() + 2 * group;
        let leave = |group: usize| ids.len() + 2 * group + 1;
        let mut edges = Vec::new();
        for (from, to) in &topology.edges {
            let from = match groups.get(from) {
                Some(group) => Some(leave(*group)),
                None => at.get(from).copied(),
            };
            let to = match groups.get(to) {
                Some(group) => Some(enter(*group)),
                None => at.get(to).copied(),
            };
            edges.extend(from.zip(to));
        }
        for (id, group) in nodes {
            let group = group.and_then(|g| groups.get(g));
            if let (Some(group), Some(node)) = (group, at.get(id)) {
                edges.push((enter(*group), *node));
                edges.push((*node, leave(*group)));
            }
        }
        for (i, group) in topology.groups.iter().enumerate() {
            if let Some(parent) = group.parent.as_ref().and_then(|p| groups.get(p)) {
                edges.push((enter(*parent), enter(i)));
                edges.push((leave(i), leave(*parent)));
            }
        }
        let count = ids.len() + 2 * topology.groups.len();
        let (before, order) = sorted(count, &edges);
        Self {
            ids,
            at,
            before,
            order,
        }
    }

    pub fn index(&self, node: &NodeId) -> Option<usize> {
        self.at.get(node).copied()
    }

    /// Nodes and the vertices of groups.
    pub fn vertices(&self) -> usize {
        self.before.len()
    }
}

/// What is directly before each vertex, and an order in which that comes first.
pub fn sorted(count: usize, edges: &[(usize, usize)]) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut waits = vec![0usize; count];
    for &(from, to) in edges {
        if from < count && to < count && from != to {
            before[to].push(from);
            after[from].push(to);
            waits[to] += 1;
        }
    }
    let mut order: Vec<usize> = (0..count).filter(|v| waits[*v] == 0).collect();
    let mut next = 0;
    while let Some(&vertex) = order.get(next) {
        next += 1;
        for &later in &after[vertex] {
            waits[later] -= 1;
            if waits[later] == 0 {
                order.push(later);
            }
        }
    }
    order.extend((0..count).filter(|v| waits[*v] > 0));
    (before, order)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::Group;
    use proptest::prelude::*;

    #[test]
    fn groups_are_gone_through() {
        let id = NodeId::new;
        let topology = Topology {
            nodes: ["a", "m1", "m2", "z"].map(id).to_vec(),
            groups: vec![Group {
                id: id("g"),
                name: "g".into(),
                parent: None,
                mapped: false,
            }],
            edges: vec![
                (id("a"), id("g")),
                (id("g"), id("z")),
                (id("z"), id("gone")),
            ],
        };
        let group = id("g");
        let nodes = topology.nodes.clone();
        let shape = Shape::new(
            &topology,
            nodes
                .iter()
                .map(|n| (n, n.raw().starts_with('m').then_some(&group))),
        );
        let place = |v: usize| shape.order.iter().position(|o| *o == v).unwrap();
        let of = |name: &str| place(shape.index(&NodeId::new(name)).unwrap());
        assert!(of("a") < of("m1") && of("a") < of("m2"));
        assert!(of("m1") < of("z") && of("m2") < of("z"));
        assert_eq!(shape.vertices(), 6);
    }

    proptest! {
        #[test]
        fn any_edges_give_each_vertex_once(edges in prop::collection::vec((0usize..10, 0usize..10), 0..40)) {
            let (before, mut order) = sorted(8, &edges);
            prop_assert_eq!(before.len(), 8);
            order.sort_unstable();
            prop_assert_eq!(order, (0..8).collect::<Vec<_>>());
        }
    }
}
