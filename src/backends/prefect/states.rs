//! Prefect's words in ours. A state has a type of a closed set and a name that is free text: the type decides, a few
//! names that Prefect itself gives tell more.

use crate::model::{NodeState, RunState, SafeText};

use super::wire::State;

/// Types of a run or task run for which nothing more happens by itself.
pub const ENDED: [&str; 4] = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"];
/// Types of a flow run that is going, and the names of those that wait to go (their type is `SCHEDULED`, as that of
/// runs of the future is).
pub const GOING: [&str; 4] = ["RUNNING", "PENDING", "PAUSED", "CANCELLING"];
pub const WAITING: [&str; 4] = [
    "Late",
    "AwaitingConcurrencySlot",
    "AwaitingRetry",
    "Resuming",
];

pub fn ended(kind: &str) -> bool {
    ENDED.contains(&kind)
}

pub fn failed(kind: &str) -> bool {
    matches!(kind, "FAILED" | "CRASHED")
}

/// A run that is planned and not due yet, as far as its state tells.
pub fn planned(state: &State) -> bool {
    state.kind == "SCHEDULED" && !WAITING.contains(&state.name.as_str())
}

pub fn run_state(state: &State) -> RunState {
    match (state.kind.as_str(), state.name.as_str()) {
        ("SCHEDULED", "Late") => RunState::Late,
        ("SCHEDULED" | "PENDING", _) => RunState::Queued,
        ("RUNNING" | "CANCELLING", _) => RunState::Running,
        ("PAUSED", _) => RunState::Paused,
        ("COMPLETED", _) => RunState::Succeeded,
        ("FAILED" | "CRASHED", _) => RunState::Failed,
        ("CANCELLED", _) => RunState::Cancelled,
        _ => RunState::Unknown,
    }
}

/// A task run's state. `run`: the type of its flow run's state. What is not over in a run that is over will never be:
/// Prefect leaves it as it was.
pub fn node_state(state: &State, run: &str) -> NodeState {
    let own = match (state.kind.as_str(), state.name.as_str()) {
        ("SCHEDULED", "AwaitingRetry") => NodeState::Retrying,
        ("SCHEDULED", _) => NodeState::Queued,
        // a task above it did not complete
        ("PENDING", "NotReady") => NodeState::Blocked,
        ("PENDING", _) => NodeState::Pending,
        ("RUNNING" | "CANCELLING", _) => NodeState::Running,
        ("PAUSED", _) => NodeState::Paused,
        ("COMPLETED", "Cached") => NodeState::Cached,
        ("COMPLETED", "Skipped") => NodeState::Skipped,
        ("COMPLETED", _) => NodeState::Succeeded,
        ("FAILED" | "CRASHED", _) => NodeState::Failed,
        ("CANCELLED", _) => NodeState::Cancelled,
        _ => NodeState::Unknown,
    };
    match (own, run) {
        (own, _) if own.ended() => own,
        // its process is gone with the run's
        (_, "CANCELLED") => NodeState::Cancelled,
        (NodeState::Running | NodeState::Retrying, "CRASHED") => NodeState::Failed,
        (NodeState::Retrying, "FAILED") => NodeState::Failed,
        (NodeState::Pending | NodeState::Queued | NodeState::Paused, "FAILED" | "CRASHED") => {
            NodeState::Blocked
        }
        (NodeState::Pending | NodeState::Queued | NodeState::Paused, "COMPLETED") => {
            NodeState::Skipped
        }
        // a task may well go on for a while after its flow has failed
        (own, _) => own,
    }
}

/// What Prefect calls the state.
pub fn native(state: &State) -> SafeText {
    SafeText::new(match state.name.is_empty() {
        true => state.kind.as_str(),
        false => state.name.as_str(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn state(kind: &str, name: &str) -> State {
        State {
            kind: kind.to_owned(),
            name: name.to_owned(),
            ..State::default()
        }
    }

    #[test]
    fn every_type_has_a_state_and_a_new_one_is_unknown_with_its_name() {
        for kind in [
            "SCHEDULED",
            "PENDING",
            "RUNNING",
            "COMPLETED",
            "FAILED",
            "CANCELLED",
            "CRASHED",
            "PAUSED",
            "CANCELLING",
        ] {
            assert_ne!(
                node_state(&state(kind, "x"), "RUNNING"),
                NodeState::Unknown,
                "{kind}"
            );
            assert_ne!(run_state(&state(kind, "x")), RunState::Unknown, "{kind}");
        }
        let odd = state("LEVITATING", "Up");
        assert_eq!(node_state(&odd, "RUNNING"), NodeState::Unknown);
        assert_eq!(native(&odd), "Up");
        assert_eq!(native(&state("RUNNING", "")), "RUNNING");
    }

    #[test]
    fn the_type_decides_and_the_names_of_prefect_tell_more() {
        let is = |kind, name, run| node_state(&state(kind, name), run);
        assert_eq!(
            is("SCHEDULED", "AwaitingRetry", "RUNNING"),
            NodeState::Retrying
        );
        assert_eq!(is("RUNNING", "Retrying", "RUNNING"), NodeState::Running);
        assert_eq!(is("PENDING", "NotReady", "RUNNING"), NodeState::Blocked);
        assert_eq!(is("COMPLETED", "Loaded", "RUNNING"), NodeState::Succeeded);
        assert_eq!(run_state(&state("SCHEDULED", "Late")), RunState::Late);
        assert!(planned(&state("SCHEDULED", "Scheduled")) && !planned(&state("SCHEDULED", "Late")));
    }

    #[test]
    fn what_is_left_in_a_run_that_is_over_is_not_shown_as_going() {
        let is = |kind, name, run| node_state(&state(kind, name), run);
        assert_eq!(is("PENDING", "Pending", "FAILED"), NodeState::Blocked);
        assert_eq!(is("PENDING", "Pending", "COMPLETED"), NodeState::Skipped);
        assert_eq!(is("RUNNING", "Running", "CANCELLED"), NodeState::Cancelled);
        assert_eq!(is("RUNNING", "Running", "CRASHED"), NodeState::Failed);
        assert_eq!(is("RUNNING", "Running", "FAILED"), NodeState::Running);
        assert_eq!(
            is("SCHEDULED", "AwaitingRetry", "FAILED"),
            NodeState::Failed
        );
        assert_eq!(
            is("COMPLETED", "Completed", "CRASHED"),
            NodeState::Succeeded
        );
    }
}
