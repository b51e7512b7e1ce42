//! What there was of one node.

use chrono::{DateTime, Utc};

use crate::history::{Ask, Of, Store, StoreError};
use crate::model::{NodeId, NodeState, PastNode, PipelineKey, RunKey};

use super::pipeline::filled;
use super::{Span, Vantage, seconds};

/// Attempts that are looked at.
const TRIES: usize = 5_000;

/// One attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Try {
    pub run: RunKey,
    pub attempt: u32,
    pub state: NodeState,
    /// When it began, else when it was queued or ended.
    pub at: Option<DateTime<Utc>>,
    /// Seconds.
    pub took: Option<f64>,
    pub waited: Option<f64>,
    pub rows: Option<f64>,
    /// Bytes.
    pub memory: Option<u64>,
    pub exit_code: Option<i32>,
}

impl From<PastNode> for Try {
    fn from(past: PastNode) -> Self {
        Self {
            attempt: past.attempt,
            state: past.state,
            at: past.started_at.or(past.queued_at).or(past.ended_at),
            took: past.took().map(seconds),
            waited: past.waited().map(seconds),
            rows: past.rows,
            memory: past.memory,
            exit_code: past.exit_code,
            run: past.run,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct NodePast {
    pub pipeline: PipelineKey,
    pub node: NodeId,
    pub span: Span,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// The newest first.
    pub tries: Vec<Try>,
    /// There are older ones than were looked at.
    pub cut: bool,
}

pub(super) fn answer(
    store: &mut dyn Store,
    pipeline: &PipelineKey,
    node: &NodeId,
    span: Option<Span>,
    frame: &Vantage,
) -> Result<NodePast, StoreError> {
    let ask = Ask {
        of: Of::Pipeline(pipeline.clone()),
        from: frame.now - span.unwrap_or_default().length(),
        to: frame.now + chrono::Duration::minutes(5),
        newest_first: true,
        most: TRIES,
    };
    let mut tries: Vec<Try> = Vec::new();
    store.nodes(&ask, Some(node), &mut |past| {
        tries.push(past.into());
        true
    })?;
    tries.sort_by_key(|t| std::cmp::Reverse((t.at, t.attempt)));
    let first = tries.iter().filter_map(|t| t.at).min();
    let span = span.unwrap_or_else(|| filled(first, frame.now));
    Ok(NodePast {
        pipeline: pipeline.clone(),
        node: node.clone(),
        span,
        from: frame.now - span.length(),
        to: frame.now,
        cut: tries.len() >= TRIES,
        tries,
    })
}
