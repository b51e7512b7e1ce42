//! Runs and attempts for tests, in seconds from one fixed time.
#![allow(clippy::unwrap_used)]

use chrono::{DateTime, Duration, Utc};

use crate::model::{
    BackendId, Health, NodeId, NodeState, PastNode, PastRun, PipelineKey, Run, RunState,
};

/// A Monday, 00:00.
pub fn start() -> DateTime<Utc> {
    "2026-01-05T00:00:00Z".parse().unwrap()
}

pub fn at(seconds: i64) -> DateTime<Utc> {
    start() + Duration::seconds(seconds)
}

pub fn pipeline(name: &str) -> PipelineKey {
    PipelineKey::new(&BackendId::new("lab"), name)
}

/// A run that started so many seconds after the start, and ended well after it took so long.
pub fn run(name: &str, number: usize, started: i64, took: Option<i64>) -> PastRun {
    let mut run = Run::new(pipeline(name).run(format!("{number:06}")), at(started));
    run.started_at = Some(at(started));
    run.ended_at = took.map(|t| at(started + t));
    run.state = took.map_or(RunState::Running, |_| RunState::Succeeded);
    PastRun {
        run,
        health: took.map_or(Health::Running, |_| Health::Succeeded),
        seen: at(started + took.unwrap_or(0)),
    }
}

/// The same, ended badly.
pub fn bad(mut run: PastRun) -> PastRun {
    run.run.state = RunState::Failed;
    run.health = Health::Failed;
    run
}

/// An attempt that started so long after its run, and ended well after it took so long.
pub fn node(run: &PastRun, id: &str, attempt: u32, after: i64, took: i64) -> PastNode {
    let from = run.run.started_at.unwrap() + Duration::seconds(after);
    PastNode {
        run: run.run.key.clone(),
        node: NodeId::new(id),
        attempt,
        state: NodeState::Succeeded,
        queued_at: Some(from),
        started_at: Some(from),
        ended_at: Some(from + Duration::seconds(took)),
        exit_code: None,
        rows: None,
        memory: None,
        cpu_seconds: None,
    }
}

/// The same, failed.
pub fn failed(mut node: PastNode) -> PastNode {
    node.state = NodeState::Failed;
    node
}
