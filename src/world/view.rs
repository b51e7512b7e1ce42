//! What the world keeps of each thing.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;

use super::sum::Sum;
use crate::model::{
    ActionRequest, ActionStatus, BackendInfo, BackendStatus, Capabilities, Check, Component,
    Detail, Health, Node, NodeCounts, NodeId, NodeState, Notice, Pipeline, Queue, Reach, Run,
    RunKey, SafeText, Topology,
};

/// One backend and what it says about itself.
#[derive(Debug)]
pub struct BackendView {
    pub info: BackendInfo,
    pub status: BackendStatus,
    pub capabilities: Capabilities,
    pub queues: Vec<Queue>,
    pub components: Vec<Component>,
    pub notices: Vec<Notice>,
    /// Data quality, worst first.
    pub checks: Vec<Check>,
    /// When it last told us anything while it was up.
    pub last_good: Option<DateTime<Utc>>,
    /// Since when it has not been up.
    pub down_since: Option<DateTime<Utc>>,
    /// What is shown of it is from before this program began, from then.
    pub recalled: Option<DateTime<Utc>>,
    /// Whether its pipelines have been listed once: before that, "none" is "not known yet".
    pub listed: bool,
    /// Records that could not be read, and the last of them.
    pub bad_records: u64,
    pub last_bad: Option<SafeText>,
}

impl BackendView {
    pub(super) fn new(info: BackendInfo) -> Self {
        Self {
            info,
            status: BackendStatus::default(),
            capabilities: Capabilities::default(),
            queues: Vec::new(),
            components: Vec::new(),
            notices: Vec::new(),
            checks: Vec::new(),
            last_good: None,
            down_since: None,
            recalled: None,
            listed: false,
            bad_records: 0,
            last_bad: None,
        }
    }

    pub fn up(&self) -> bool {
        self.status.reach == Reach::Up
    }

    /// Since when what is shown of it is old: `None` while it answers.
    pub fn stale_since(&self) -> Option<DateTime<Utc>> {
        match self.status.reach {
            Reach::Up | Reach::Connecting => self.recalled,
            Reach::Down { .. } | Reach::Refused { .. } => {
                self.recalled.or(self.last_good).or(self.down_since)
            }
        }
    }

    /// Why it doesn't answer, in one sentence.
    pub fn trouble(&self) -> Option<&SafeText> {
        match &self.status.reach {
            Reach::Up | Reach::Connecting => None,
            Reach::Down { reason, .. } | Reach::Refused { reason } => Some(reason),
        }
    }
}

/// One pipeline and its runs, newest first.
#[derive(Debug)]
pub struct PipelineView {
    pub pipeline: Pipeline,
    pub runs: Vec<RunKey>,
    /// Revision of the world at which it, its runs or their nodes last changed.
    pub(super) touched: u64,
}

impl PipelineView {
    pub(super) fn new(pipeline: Pipeline) -> Self {
        Self {
            pipeline,
            runs: Vec::new(),
            touched: 0,
        }
    }
}

/// One run and as many of its nodes as are known.
#[derive(Debug)]
pub struct RunView {
    pub run: Run,
    pub topology: Option<Arc<Topology>>,
    /// Grows when the shape changes, for whoever lays it out.
    pub shape: u64,
    pub nodes: IndexMap<NodeId, Node>,
    pub(super) sum: Sum,
    /// Whether `nodes` are all there are; else only those that were worth telling.
    pub complete: bool,
    pub details: HashMap<NodeId, Detail>,
    pub health: Health,
    /// When we last heard of it.
    pub seen: DateTime<Utc>,
    /// When we last heard something new of it or of one of its nodes.
    pub moved: DateTime<Utc>,
    /// It is from before this program began: nobody has told it since.
    pub recalled: bool,
}

impl RunView {
    pub(super) fn new(run: Run, seen: DateTime<Utc>) -> Self {
        Self {
            run,
            topology: None,
            shape: 0,
            nodes: IndexMap::new(),
            sum: Sum::default(),
            complete: false,
            details: HashMap::new(),
            health: Health::Unknown,
            seen,
            moved: seen,
            recalled: false,
        }
    }

    /// How many nodes are in each state: from the nodes when all are known, else as the backend counts.
    pub fn counts(&self) -> Option<NodeCounts> {
        if !self.complete {
            return self.run.counts;
        }
        Some(self.sum.counts)
    }

    /// The node to look at first: the earliest failure, because later ones often follow from it;
    /// else the earliest retry; else what runs longest; else what is held up.
    pub fn worst_node(&self) -> Option<&Node> {
        let (_, node) = self.nodes.get_index(self.sum.worst?)?;
        Some(node)
    }

    /// How often a node has changed, for [`RunView::changed_since`].
    pub fn changes(&self) -> u64 {
        self.sum.changes()
    }

    /// Places in `nodes` of those that have changed since there had been so many changes, perhaps more than once.
    /// `None`: that is too long ago, or places have moved.
    pub fn changed_since(&self, changes: u64) -> Option<impl Iterator<Item = usize> + '_> {
        self.sum.since(changes)
    }

    /// Overall progress, 0.0 to 1.0: ended nodes plus what running ones report. `None` if unknown.
    pub fn fraction(&self) -> Option<f64> {
        let counts = self.counts()?;
        let total = counts.total();
        if total == 0 {
            return None;
        }
        let partial: f64 = self
            .nodes
            .values()
            .filter(|n| n.state == NodeState::Running)
            .filter_map(|n| n.progress.map(crate::model::Progress::fraction))
            .sum();
        Some(((f64::from(counts.ended()) + partial) / f64::from(total)).min(1.0))
    }
}

/// A request of a person and what became of it.
#[derive(Debug)]
pub struct ActionView {
    pub request: ActionRequest,
    pub status: ActionStatus,
    pub asked_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
}

impl ActionView {
    pub(super) fn new(request: ActionRequest, at: DateTime<Utc>) -> Self {
        Self {
            request,
            status: ActionStatus::Planning,
            asked_at: at,
            changed_at: at,
        }
    }

    /// Sent and not settled.
    pub fn under_way(&self) -> bool {
        matches!(self.status, ActionStatus::Requested { .. })
    }
}
