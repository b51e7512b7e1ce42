//! A run's nodes as a tree of groups: what the list shows, what the graph is made of, what can be selected.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::model::{Group, NodeCounts, NodeId, NodeState};
use crate::world::RunView;

use super::order::sort_by_flow;

/// A run with more nodes than this starts with its groups collapsed.
const SMALL: usize = 60;

/// One line of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeRow {
    pub id: NodeId,
    pub depth: usize,
    /// `Some` for a group: whether its members are shown.
    pub expanded: Option<bool>,
}

/// What members of a group are ordered by.
pub type Key<'a> = &'a dyn Fn(&NodeId) -> (i64, String);

/// The groups of a run and who is in them.
#[derive(Debug, Default, PartialEq)]
pub struct Tree {
    groups: HashMap<NodeId, Group>,
    /// The group that each node stands in.
    home: HashMap<NodeId, NodeId>,
    /// Members of a group, or of the run itself (`None`), groups and nodes: what something needs stands above it,
    /// as far as a group can stand in one place; else as the backend lists them.
    members: HashMap<Option<NodeId>, Vec<NodeId>>,
}

impl Tree {
    pub fn of(view: &RunView) -> Self {
        let mut tree = Self::default();
        let topology = view.topology.as_deref();
        for group in topology.into_iter().flat_map(|t| &t.groups) {
            tree.groups.insert(group.id.clone(), group.clone());
        }
        let known = topology.map(|t| t.nodes.as_slice()).unwrap_or_default();
        let in_shape: HashSet<&NodeId> = known.iter().collect();
        let mut placed: HashSet<NodeId> = HashSet::new();
        let late = view.nodes.keys().filter(|id| !in_shape.contains(id));
        for id in known.iter().chain(late) {
            // a mapped node stands in the topology as a node and as the group of its instances
            if tree.groups.contains_key(id) {
                continue;
            }
            let group = view
                .nodes
                .get(id)
                .and_then(|n| n.group.clone())
                .filter(|g| tree.groups.contains_key(g));
            tree.put(group.clone(), id.clone());
            if let Some(group) = &group {
                tree.home.insert(id.clone(), group.clone());
            }
            let mut above = group;
            // a group stands where its first member does
            while let Some(id) = above.filter(|id| placed.insert(id.clone())) {
                let parent = tree.parent(&id);
                tree.put(parent.clone(), id);
                above = parent;
            }
        }
        for group in topology.into_iter().flat_map(|t| &t.groups) {
            if placed.insert(group.id.clone()) {
                tree.put(tree.parent(&group.id), group.id.clone());
            }
        }
        sort_by_flow(
            &mut tree.members,
            topology.map(|t| t.edges.as_slice()).unwrap_or_default(),
        );
        tree
    }

    fn put(&mut self, group: Option<NodeId>, id: NodeId) {
        self.members.entry(group).or_default().push(id);
    }

    pub fn group(&self, id: &NodeId) -> Option<&Group> {
        self.groups.get(id)
    }

    pub fn is_group(&self, id: &NodeId) -> bool {
        self.groups.contains_key(id)
    }

    fn parent(&self, id: &NodeId) -> Option<NodeId> {
        self.groups
            .get(id)?
            .parent
            .clone()
            .filter(|p| p != id && self.groups.contains_key(p))
    }

    pub fn members(&self, id: Option<&NodeId>) -> &[NodeId] {
        self.members
            .get(&id.cloned())
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Groups around a node or group, the nearest first.
    pub fn around(&self, view: &RunView, id: &NodeId) -> Vec<NodeId> {
        let mut all = Vec::new();
        let mut next = match self.groups.get(id) {
            Some(_) => self.parent(id),
            None => view
                .nodes
                .get(id)
                .and_then(|n| n.group.clone())
                .filter(|g| self.is_group(g)),
        };
        while let Some(group) = next.filter(|g| !all.contains(g)) {
            next = self.parent(&group);
            all.push(group);
        }
        all
    }

    /// Every node in a group, however deep.
    pub fn nodes_in(&self, id: &NodeId) -> Vec<&NodeId> {
        let mut found = Vec::new();
        let mut open = vec![id];
        let mut left = self.groups.len() + 1;
        while let Some(group) = open.pop().filter(|_| left > 0) {
            left -= 1;
            for member in self.members(Some(group)) {
                if self.is_group(member) {
                    open.push(member);
                } else {
                    found.push(member);
                }
            }
        }
        found
    }

    pub fn counts(&self, view: &RunView, id: &NodeId) -> NodeCounts {
        let mut counts = NodeCounts::default();
        for node in self.nodes_in(id) {
            let state = view.nodes.get(node).map_or(NodeState::Pending, |n| n.state);
            counts.add(state, 1);
        }
        counts
    }

    /// Whether a group is open when nobody said anything: small ones are, mapped ones aren't.
    pub fn open_at_first(&self, view: &RunView, id: &NodeId) -> bool {
        self.groups.get(id).is_some_and(|g| !g.mapped) && view.nodes.len() <= SMALL
    }

    pub fn is_open(&self, view: &RunView, folds: &HashMap<NodeId, bool>, id: &NodeId) -> bool {
        folds
            .get(id)
            .copied()
            .unwrap_or_else(|| self.open_at_first(view, id))
    }

    /// Edges between rows, each end as the row that stands for it: its own, or that of the folded group it lies in.
    pub fn edges(&self, edges: &[(NodeId, NodeId)], rows: &[TreeRow]) -> Vec<(usize, usize)> {
        let at: HashMap<&NodeId, usize> = rows.iter().map(|r| &r.id).zip(0..).collect();
        let above = |id: &&NodeId| match self.groups.get(*id) {
            Some(group) => group.parent.as_ref(),
            None => self.home.get(*id),
        };
        let row = |id| {
            // more steps than there are groups go round in a ring
            let ways = std::iter::successors(Some(id), above).take(self.groups.len() + 1);
            ways.into_iter().find_map(|id| at.get(id).copied())
        };
        edges
            .iter()
            .filter_map(|(from, to)| Some((row(from)?, row(to)?)))
            .collect()
    }

    /// The lines that are shown.
    pub fn rows(&self, view: &RunView, folds: &HashMap<NodeId, bool>) -> Vec<TreeRow> {
        self.rows_by(view, folds, None)
    }

    /// As [`Tree::rows`], members of each group in the order of a key.
    pub fn rows_by(
        &self,
        view: &RunView,
        folds: &HashMap<NodeId, bool>,
        key: Option<Key>,
    ) -> Vec<TreeRow> {
        let mut rows = Vec::new();
        self.rows_in(view, folds, key, None, 0, &mut rows);
        rows
    }

    /// From the first start to the last end in a group; to `now` while one is running.
    pub fn elapsed(
        &self,
        view: &RunView,
        id: &NodeId,
        now: DateTime<Utc>,
    ) -> Option<chrono::Duration> {
        let mut span: Option<(DateTime<Utc>, DateTime<Utc>)> = None;
        for node in self
            .nodes_in(id)
            .into_iter()
            .filter_map(|n| view.nodes.get(n))
        {
            let (Some(from), Some(took)) = (node.started_at, node.elapsed(now)) else {
                continue;
            };
            let to = from + took;
            span = Some(match span {
                Some((a, b)) => (a.min(from), b.max(to)),
                None => (from, to),
            });
        }
        span.map(|(from, to)| to - from)
    }

    fn rows_in(
        &self,
        view: &RunView,
        folds: &HashMap<NodeId, bool>,
        key: Option<Key>,
        group: Option<&NodeId>,
        depth: usize,
        rows: &mut Vec<TreeRow>,
    ) {
        // deeper than there are groups is a ring of groups
        if depth > self.groups.len() {
            return;
        }
        let mut members: Vec<&NodeId> = self.members(group).iter().collect();
        if let Some(key) = key {
            members.sort_by_cached_key(|id| key(id));
        }
        for id in members {
            let expanded = self.is_group(id).then(|| self.is_open(view, folds, id));
            rows.push(TreeRow {
                id: id.clone(),
                depth,
                expanded,
            });
            if expanded == Some(true) {
                self.rows_in(view, folds, key, Some(id), depth + 1, rows);
            }
        }
    }

    /// The worst state in a group, and how many of its members are in each.
    pub fn worst<'a>(&'a self, view: &'a RunView, id: &NodeId) -> Option<&'a crate::model::Node> {
        self.nodes_in(id)
            .into_iter()
            .filter_map(|n| view.nodes.get(n))
            .max_by_key(|n| {
                (
                    n.state.badness(),
                    std::cmp::Reverse(n.ended_at.or(n.started_at)),
                )
            })
    }
}
