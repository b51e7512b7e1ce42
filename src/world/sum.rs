//! What follows from all nodes of a run, kept up node by node: a run may have fifty thousand of them, and one of
//! them changes.

use std::cmp::Reverse;
use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;

use crate::model::{Node, NodeCounts, NodeId, NodeState};

/// So many changes are remembered.
const RECENT: usize = 1024;

/// Counts, the worst node, and which nodes changed last.
#[derive(Debug, Default)]
pub(super) struct Sum {
    pub counts: NodeCounts,
    /// The same without nodes whose failure is allowed.
    pub strict: NodeCounts,
    /// Index of the node to look at first.
    pub worst: Option<usize>,
    /// How many changes there were, and the indexes of the last of them.
    changes: u64,
    recent: VecDeque<usize>,
}

impl Sum {
    /// The node at an index is new, or was `before`.
    pub fn changed(&mut self, nodes: &IndexMap<NodeId, Node>, at: usize, before: Option<&Node>) {
        let Some((_, node)) = nodes.get_index(at) else {
            return;
        };
        if let Some(before) = before {
            self.counts.remove(before.state, 1);
            if !before.failure_allowed {
                self.strict.remove(before.state, 1);
            }
        }
        self.add(node);
        let order = |at: usize| nodes.get_index(at).and_then(|(_, n)| order(n));
        if self.worst == Some(at) {
            let was = before.and_then(self::order);
            if order(at).is_none() || order(at) > was {
                self.worst = worst(nodes);
            }
        } else if let Some(own) = order(at)
            && self.worst.and_then(order).is_none_or(|worst| own < worst)
        {
            self.worst = Some(at);
        }
        self.changes += 1;
        self.recent.push_back(at);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// Some nodes are gone: places have moved.
    pub fn anew(&mut self, nodes: &IndexMap<NodeId, Node>) {
        self.counts = NodeCounts::default();
        self.strict = NodeCounts::default();
        for node in nodes.values() {
            self.add(node);
        }
        self.worst = worst(nodes);
        // nobody can follow
        self.changes += RECENT as u64 + 1;
        self.recent.clear();
    }

    fn add(&mut self, node: &Node) {
        self.counts.add(node.state, 1);
        if !node.failure_allowed {
            self.strict.add(node.state, 1);
        }
    }

    /// Comes after another of which nobody can say how often it has changed, but less often than so many times.
    pub fn follows(&mut self, generation: u64) {
        self.changes += generation << 20;
        self.recent.clear();
    }

    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Indexes of nodes that changed after there had been so many changes; `None`: too long ago.
    pub fn since(&self, changes: u64) -> Option<impl Iterator<Item = usize> + '_> {
        let missed = usize::try_from(self.changes.checked_sub(changes)?).ok()?;
        let from = self.recent.len().checked_sub(missed)?;
        Some(self.recent.iter().skip(from).copied())
    }
}

/// The earliest failure comes first, because later ones often follow from it; then the earliest retry, what runs
/// longest, what is held up. `None`: nothing to look at.
fn order(node: &Node) -> Option<(u8, DateTime<Utc>, &NodeId)> {
    let kind = match node.state {
        NodeState::Failed if !node.failure_allowed => 0,
        NodeState::Failed => 1,
        NodeState::Retrying => 2,
        NodeState::Running => 3,
        NodeState::Paused => 4,
        NodeState::Waiting => 5,
        NodeState::Queued => 6,
        _ => return None,
    };
    let at = node.ended_at.or(node.started_at);
    Some((kind, at.unwrap_or(DateTime::<Utc>::MAX_UTC), &node.id))
}

fn worst(nodes: &IndexMap<NodeId, Node>) -> Option<usize> {
    let ordered = nodes.values().enumerate();
    ordered
        .filter_map(|(i, node)| Some((Reverse(order(node)?), i)))
        .max()
        .map(|(_, i)| i)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_kept_up_is_what_would_be_found(
            steps in prop::collection::vec((0usize..9, 0usize..14, any::<bool>(), 0i64..5), 1..60),
        ) {
            let mut nodes: IndexMap<NodeId, Node> = IndexMap::new();
            let mut sum = Sum::default();
            for (n, state, allowed, at) in steps {
                let mut node = Node::new(NodeId::new(format!("n{n}")));
                node.state = NodeState::ALL[state];
                node.failure_allowed = allowed;
                node.started_at = DateTime::from_timestamp(at, 0);
                let seen = sum.changes();
                let (at, before) = nodes.insert_full(node.id.clone(), node);
                sum.changed(&nodes, at, before.as_ref());
                prop_assert_eq!(sum.since(seen).unwrap().collect::<Vec<_>>(), vec![at]);
                let mut found = Sum::default();
                found.anew(&nodes);
                prop_assert_eq!(&sum.counts, &found.counts);
                prop_assert_eq!(&sum.strict, &found.strict);
                prop_assert_eq!(sum.worst, found.worst);
            }
        }
    }

    #[test]
    fn who_comes_too_late_is_told_so() {
        let mut nodes: IndexMap<NodeId, Node> = IndexMap::new();
        let mut sum = Sum::default();
        let node = Node::new(NodeId::new("n"));
        nodes.insert(node.id.clone(), node.clone());
        for _ in 0..=RECENT {
            sum.changed(&nodes, 0, Some(&node));
        }
        assert!(sum.since(0).is_none());
        assert_eq!(sum.since(1).unwrap().count(), RECENT);
        assert_eq!(sum.since(sum.changes()).unwrap().count(), 0);
        let seen = sum.changes();
        sum.anew(&nodes);
        assert!(sum.since(seen).is_none());
        assert!(sum.since(sum.changes()).is_some());
        assert!(sum.since(u64::MAX).is_none());
    }
}
