//! One execution of a pipeline, its nodes and their attempts.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{NodeId, NodeState, Progress, RunKey, SafeText, Usage};

/// Names under which nodes report how many rows they made.
const ROWS: &[&str] = &[
    "rows",
    "records",
    "row_count",
    "dagster/row_count",
    "rows_written",
    "records_written",
    "rows_affected",
];

/// What the backend says of the run as a whole. Health is computed from the nodes instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Due and not started, as the backend itself says.
    Late,
    Queued,
    Running,
    Paused,
    Succeeded,
    Failed,
    Cancelled,
    /// Its supervisor is gone; what became of it is not known.
    Lost,
    #[default]
    Unknown,
}

impl RunState {
    pub const fn ended(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Lost
        )
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
        }
    }
}

/// A run as its backend lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub key: RunKey,
    pub state: RunState,
    /// The backend's own word for the state.
    pub native: SafeText,
    /// What orders the runs of a pipeline: due time, else creation, else start.
    pub ordered_at: DateTime<Utc>,
    pub queued_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Who or what started it: "scheduled", "manual by ann".
    pub cause: SafeText,
    pub note: Option<SafeText>,
    pub params: Vec<(SafeText, SafeText)>,
    /// Counts over all nodes where the backend tells them without listing the nodes.
    pub counts: Option<NodeCounts>,
    /// The version of the pipeline that it ran with, where the backend tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<SafeText>,
}

impl Run {
    pub fn new(key: RunKey, ordered_at: DateTime<Utc>) -> Self {
        Self {
            key,
            state: RunState::Unknown,
            native: SafeText::default(),
            ordered_at,
            queued_at: None,
            started_at: None,
            ended_at: None,
            cause: SafeText::default(),
            note: None,
            params: Vec::new(),
            counts: None,
            version: None,
        }
    }

    /// How long it ran, or has been running at `now`.
    pub fn elapsed(&self, now: DateTime<Utc>) -> Option<chrono::Duration> {
        let start = self.started_at?;
        Some((self.ended_at.unwrap_or(now) - start).max(chrono::Duration::zero()))
    }
}

/// How many nodes are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCounts {
    by_state: [u32; NodeState::ALL.len()],
}

impl NodeCounts {
    pub fn add(&mut self, state: NodeState, count: u32) {
        self.by_state[state as usize] = self.by_state[state as usize].saturating_add(count);
    }

    pub fn remove(&mut self, state: NodeState, count: u32) {
        self.by_state[state as usize] = self.by_state[state as usize].saturating_sub(count);
    }

    pub fn of(&self, state: NodeState) -> u32 {
        self.by_state[state as usize]
    }

    pub fn total(&self) -> u32 {
        self.by_state
            .iter()
            .fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Nodes for which nothing more will happen.
    pub fn ended(&self) -> u32 {
        NodeState::ALL
            .iter()
            .filter(|s| s.ended())
            .map(|s| self.of(*s))
            .sum()
    }

    /// The worst state that occurs.
    pub fn worst(&self) -> Option<NodeState> {
        let occurring = NodeState::ALL.into_iter().filter(|s| self.of(*s) > 0);
        occurring.max_by_key(|s| s.badness())
    }

    /// The states that occur, worst first.
    pub fn worst_first(&self) -> Vec<(NodeState, u32)> {
        let mut all: Vec<_> = NodeState::ALL
            .iter()
            .map(|s| (*s, self.of(*s)))
            .filter(|(_, n)| *n > 0)
            .collect();
        all.sort_by_key(|(s, _)| std::cmp::Reverse(s.badness()));
        all
    }
}

/// One box of the DAG. An instance of a mapped node is a node of its own whose `group` is the
/// mapped node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    pub id: NodeId,
    pub name: SafeText,
    /// The group it lies in, as in [`Topology`]; kept here because dynamic nodes appear late.
    pub group: Option<NodeId>,
    /// Operator, step type, "shell".
    pub kind: SafeText,
    pub state: NodeState,
    /// The backend's own word for the state.
    pub native: SafeText,
    pub progress: Option<Progress>,
    /// The attempt that is running or ran last, from 1; 0 = never started.
    pub attempt: u32,
    /// How many attempts the backend will make in all, where it says.
    pub max_attempts: Option<u32>,
    pub scheduled_at: Option<DateTime<Utc>>,
    pub queued_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Ends its run's story even when it failed (`allow_failure`).
    pub failure_allowed: bool,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub usage: Option<Usage>,
    /// Numbers the node reported: rows, bytes, anything.
    pub metrics: Vec<(SafeText, f64)>,
    /// What it waits for: a pool, a sensor's target, its holder.
    pub waits_for: Option<SafeText>,
    pub host: Option<SafeText>,
    pub pool: Option<SafeText>,
    pub note: Option<SafeText>,
}

impl Node {
    pub fn new(id: NodeId) -> Self {
        Self {
            name: id.safe(),
            id,
            group: None,
            kind: SafeText::default(),
            state: NodeState::Pending,
            native: SafeText::default(),
            progress: None,
            attempt: 0,
            max_attempts: None,
            scheduled_at: None,
            queued_at: None,
            started_at: None,
            ended_at: None,
            failure_allowed: false,
            exit_code: None,
            signal: None,
            usage: None,
            metrics: Vec::new(),
            waits_for: None,
            host: None,
            pool: None,
            note: None,
        }
    }

    /// How many rows it says it made.
    pub fn rows(&self) -> Option<f64> {
        let named = |name: &&str| {
            let mut all = self.metrics.iter();
            let found = all.find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| *value)
        };
        ROWS.iter().find_map(named)
    }

    /// How long its last attempt ran, or has been running at `now`.
    pub fn elapsed(&self, now: DateTime<Utc>) -> Option<chrono::Duration> {
        let start = self.started_at?;
        let end = if self.state.ended() {
            self.ended_at?
        } else {
            now
        };
        Some((end - start).max(chrono::Duration::zero()))
    }
}

/// One try of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    pub state: NodeState,
    pub native: SafeText,
    pub queued_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
}

/// The shape of a run: which nodes and groups there are and what needs what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Topology {
    /// In the backend's order; every id in `edges` is here or in `groups`.
    pub nodes: Vec<NodeId>,
    pub groups: Vec<Group>,
    /// Upstream, downstream. An end may be a group.
    pub edges: Vec<(NodeId, NodeId)>,
}

/// A folder of nodes: task group, mapped node, dbt folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub id: NodeId,
    pub name: SafeText,
    pub parent: Option<NodeId>,
    /// Its members are the instances of one mapped node.
    pub mapped: bool,
}

/// What the backend knows of one node beyond the list: shown in the details, fetched on focus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    pub attempts: Vec<Attempt>,
    /// Heading and rows, e.g. "XCom" -> (key, value).
    pub sections: Vec<(SafeText, Vec<(SafeText, SafeText)>)>,
}
