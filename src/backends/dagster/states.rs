//! Dagster's words in ours.

use crate::model::{NodeState, RunState, SafeText};

use super::table::{Status, Step};
use super::wire::{AssetCheck, CheckExecution, RunStatus};

pub fn run(status: RunStatus) -> RunState {
    match status {
        RunStatus::Queued | RunStatus::NotStarted | RunStatus::Managed | RunStatus::Starting => {
            RunState::Queued
        }
        RunStatus::Started | RunStatus::Canceling => RunState::Running,
        RunStatus::Suspended => RunState::Paused,
        RunStatus::Success => RunState::Succeeded,
        RunStatus::Failure => RunState::Failed,
        RunStatus::Canceled => RunState::Cancelled,
        RunStatus::Unknown => RunState::Unknown,
    }
}

/// A run as if it were a node.
pub fn own(status: RunStatus) -> (NodeState, SafeText) {
    let state = match run(status) {
        RunState::Queued | RunState::Late => NodeState::Queued,
        RunState::Running => NodeState::Running,
        RunState::Paused => NodeState::Paused,
        RunState::Succeeded => NodeState::Succeeded,
        RunState::Failed => NodeState::Failed,
        RunState::Cancelled => NodeState::Cancelled,
        RunState::Lost | RunState::Unknown => NodeState::Unknown,
    };
    (state, SafeText::new(status.word()))
}

/// A step that began, in a run of this status. A step whose asset check failed is not well, whatever it is called.
pub fn step(step: &Step, run: RunStatus) -> (NodeState, SafeText) {
    let status = step.status();
    let cancelled = matches!(run, RunStatus::Canceled | RunStatus::Canceling);
    let state = match status {
        // a run that is over runs nothing
        Status::Starting | Status::Running | Status::UpForRetry if run.ended() => {
            let state = match run {
                RunStatus::Canceled => NodeState::Cancelled,
                _ => NodeState::Failed,
            };
            let native = format!("{}, and its run is {}", status.word(), run.word());
            return (state, SafeText::new(native));
        }
        Status::Starting => NodeState::Queued,
        Status::Running => NodeState::Running,
        Status::UpForRetry => NodeState::Retrying,
        Status::Skipped => NodeState::Skipped,
        // what is told to stop is called failed; without word of its error nothing else tells the two apart
        Status::Failure if cancelled && step.own_failure != Some(true) => NodeState::Cancelled,
        Status::Failure => NodeState::Failed,
        Status::Success => match step.checks.iter().map(|(error, _)| *error).max() {
            None => NodeState::Succeeded,
            Some(error) => {
                let native = SafeText::new("SUCCESS, its check failed");
                return match error {
                    true => (NodeState::Failed, native),
                    false => (NodeState::Warned, native),
                };
            }
        },
    };
    (state, SafeText::new(status.word()))
}

/// How an asset check stands for the newest materialisation.
pub fn check(check: &AssetCheck) -> NodeState {
    let last = check.execution_for_latest_materialization.as_ref();
    last.map_or(NodeState::Pending, check_result)
}

/// One result of an asset check. A failure of severity WARN is a warning.
pub fn check_result(result: &CheckExecution) -> NodeState {
    let found = result.evaluation.as_ref();
    let warns = found.is_some_and(|found| found.severity != "ERROR");
    match result.status.as_str() {
        "SUCCEEDED" => NodeState::Succeeded,
        "FAILED" if warns => NodeState::Warned,
        "FAILED" | "EXECUTION_FAILED" => NodeState::Failed,
        "IN_PROGRESS" => NodeState::Running,
        "SKIPPED" => NodeState::Skipped,
        _ => NodeState::Unknown,
    }
}

/// A step of the plan that has not begun, in a run of this status. Dagster has no word for it.
pub fn not_begun(run: RunStatus) -> (NodeState, SafeText) {
    match run {
        RunStatus::Success => (NodeState::Skipped, SafeText::new("never ran")),
        RunStatus::Failure => (NodeState::Blocked, SafeText::new("never ran")),
        RunStatus::Canceled => (NodeState::Cancelled, SafeText::new("never ran")),
        _ => (NodeState::Pending, SafeText::new("not begun")),
    }
}
