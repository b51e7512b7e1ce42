//! Owns which node of a run a failure began at.

use std::collections::{HashMap, HashSet};

use crate::model::{Node, NodeId, NodeState, Topology};
use crate::world::RunView;

/// The failed node before which nothing failed, in order of dependency; of several the one that ended first. Nodes
/// whose failure is allowed count when no others failed. Without a topology: the one that ended first.
pub fn culprit(run: &RunView) -> Option<&Node> {
    let failed = |allowed: bool| {
        let of = move |n: &&Node| n.state == NodeState::Failed && n.failure_allowed == allowed;
        run.nodes.values().filter(of).collect::<Vec<_>>()
    };
    let mut all = failed(false);
    if all.is_empty() {
        all = failed(true);
    }
    if all.len() < 2 {
        return all.pop();
    }
    let below = match run.topology.as_deref() {
        Some(topology) => Edges::new(topology, run).below(all.iter().map(|n| &n.id)),
        None => HashSet::new(),
    };
    let first = |nodes: &mut dyn Iterator<Item = &&'_ Node>| -> Option<NodeId> {
        let order = |n: &&&Node| (n.ended_at.is_none(), n.ended_at, n.started_at, n.id.clone());
        nodes.min_by_key(order).map(|n| n.id.clone())
    };
    let root = first(&mut all.iter().filter(|n| !below.contains(&n.id)));
    // all of them are in a cycle
    let id = root.or_else(|| first(&mut all.iter()))?;
    run.nodes.get(&id)
}

/// Every node before this one, at any distance.
pub(super) fn upstream(run: &RunView, id: &NodeId) -> HashSet<NodeId> {
    let Some(topology) = run.topology.as_deref() else {
        return HashSet::new();
    };
    let mut turned = topology.clone();
    for (from, to) in &mut turned.edges {
        std::mem::swap(from, to);
    }
    let edges = Edges::new(&turned, run);
    let mut found: HashSet<NodeId> = edges.below([id].into_iter()).into_iter().cloned().collect();
    found.remove(id);
    found
}

/// What follows what, groups taken apart.
struct Edges<'a> {
    next: HashMap<&'a NodeId, Vec<&'a NodeId>>,
    /// Of a group: its nodes and the groups in it.
    members: HashMap<&'a NodeId, Vec<&'a NodeId>>,
    /// Of a node or a group: the group it lies in.
    parent: HashMap<&'a NodeId, &'a NodeId>,
}

impl<'a> Edges<'a> {
    fn new(topology: &'a Topology, run: &'a RunView) -> Self {
        let mut next: HashMap<&NodeId, Vec<&NodeId>> = HashMap::new();
        for (from, to) in &topology.edges {
            next.entry(from).or_default().push(to);
        }
        let groups = topology.groups.iter().map(|g| (&g.id, g.parent.as_ref()));
        let nodes = run.nodes.values().map(|n| (&n.id, n.group.as_ref()));
        let mut members: HashMap<&NodeId, Vec<&NodeId>> = HashMap::new();
        let mut parent = HashMap::new();
        for (id, group) in groups.chain(nodes) {
            if let Some(group) = group {
                members.entry(group).or_default().push(id);
                parent.insert(id, group);
            }
        }
        Self {
            next,
            members,
            parent,
        }
    }

    /// All that comes after any of these.
    fn below(&self, from: impl Iterator<Item = &'a NodeId>) -> HashSet<&'a NodeId> {
        let mut seen = HashSet::new();
        // steps: leaving it and the groups it lies in
        let mut leave: Vec<&NodeId> = from.collect();
        let mut left = HashSet::new();
        while let Some(id) = leave.pop() {
            let mut around = Some(id);
            while let Some(here) = around {
                if !left.insert(here) {
                    break;
                }
                for to in self.next.get(here).into_iter().flatten() {
                    self.enter(to, &mut seen, &mut leave);
                }
                around = self.parent.get(here).copied();
            }
        }
        seen
    }

    /// A node, or all that lies in a group.
    fn enter(&self, id: &'a NodeId, seen: &mut HashSet<&'a NodeId>, leave: &mut Vec<&'a NodeId>) {
        let mut inside = vec![id];
        while let Some(id) = inside.pop() {
            if seen.insert(id) {
                leave.push(id);
                inside.extend(self.members.get(id).into_iter().flatten());
            }
        }
    }
}
