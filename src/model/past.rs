//! What was: runs and attempts as the history keeps them, plain enough for statistics.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::{Health, Node, NodeId, NodeState, PipelineKey, Run, RunKey};

/// A run as it was last told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastRun {
    pub run: Run,
    pub health: Health,
    /// When it was last heard of (our clock).
    pub seen: DateTime<Utc>,
}

impl PastRun {
    pub fn pipeline(&self) -> &PipelineKey {
        &self.run.key.pipeline
    }

    /// From its start to its end; `None` while it has not ended.
    pub fn took(&self) -> Option<Duration> {
        took(self.run.started_at, self.run.ended_at)
    }

    /// From when it was queued (or due) to its start.
    pub fn waited(&self) -> Option<Duration> {
        took(self.run.queued_at, self.run.started_at)
    }

    /// Ended, and well.
    pub const fn good(&self) -> bool {
        matches!(self.health, Health::Succeeded | Health::Warned)
    }

    /// Ended, and not well. What a person cancelled is neither.
    pub const fn bad(&self) -> bool {
        matches!(self.health, Health::Failed | Health::Lost)
    }
}

/// One attempt of a node of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastNode {
    pub run: RunKey,
    pub node: NodeId,
    /// From 1; 0 = it never started (skipped, blocked).
    pub attempt: u32,
    pub state: NodeState,
    pub queued_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub exit_code: Option<i32>,
    /// What it reported as rows.
    pub rows: Option<f64>,
    /// Peak of resident memory, in bytes.
    pub memory: Option<u64>,
    /// Processor time, in seconds.
    pub cpu_seconds: Option<f64>,
}

impl PastNode {
    /// The last attempt of a node as the world knows it.
    pub fn of(run: &RunKey, node: &Node) -> Self {
        Self {
            run: run.clone(),
            node: node.id.clone(),
            attempt: node.attempt,
            state: node.state,
            queued_at: node.queued_at,
            started_at: node.started_at,
            ended_at: node.ended_at,
            exit_code: node.exit_code,
            rows: node.rows(),
            memory: node.usage.map(|u| u.memory_peak).filter(|m| *m > 0),
            cpu_seconds: node.usage.map(|u| u.cpu_seconds),
        }
    }

    pub fn took(&self) -> Option<Duration> {
        took(self.started_at, self.ended_at)
    }

    /// From when it was queued to its start.
    pub fn waited(&self) -> Option<Duration> {
        took(self.queued_at, self.started_at)
    }
}

/// Times that run backwards say nothing.
fn took(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Option<Duration> {
    let took = to? - from?;
    (took >= Duration::zero()).then_some(took)
}
