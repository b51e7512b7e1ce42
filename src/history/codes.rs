//! States as the numbers that stand in the tables. What stands on disk means the same for ever: new words go to the end.

use crate::model::{Health, NodeState, RunState};

/// The triggers of the tables know that 1 and 2 are good, 3 and 4 bad.
const HEALTHS: [Health; 13] = [
    Health::Unknown,
    Health::Succeeded,
    Health::Warned,
    Health::Failed,
    Health::Lost,
    Health::Cancelled,
    Health::Failing,
    Health::Retrying,
    Health::Running,
    Health::Queued,
    Health::Paused,
    Health::Late,
    Health::Idle,
];

const RUN_STATES: [RunState; 9] = [
    RunState::Unknown,
    RunState::Succeeded,
    RunState::Failed,
    RunState::Cancelled,
    RunState::Lost,
    RunState::Running,
    RunState::Queued,
    RunState::Paused,
    RunState::Late,
];

const NODE_STATES: [NodeState; 14] = [
    NodeState::Unknown,
    NodeState::Succeeded,
    NodeState::Failed,
    NodeState::Skipped,
    NodeState::Cached,
    NodeState::Warned,
    NodeState::Blocked,
    NodeState::Cancelled,
    NodeState::Running,
    NodeState::Retrying,
    NodeState::Queued,
    NodeState::Waiting,
    NodeState::Paused,
    NodeState::Pending,
];

fn code<T: PartialEq>(all: &[T], state: &T) -> i64 {
    let at = all.iter().position(|known| known == state);
    // 0 is "unknown" in each list
    at.and_then(|at| i64::try_from(at).ok()).unwrap_or(0)
}

/// A number of a newer version is as good as none.
fn state<T: Copy + Default>(all: &[T], code: i64) -> T {
    let at = usize::try_from(code).ok();
    at.and_then(|at| all.get(at).copied()).unwrap_or_default()
}

pub(super) fn of_health(health: Health) -> i64 {
    code(&HEALTHS, &health)
}

pub(super) fn health(code: i64) -> Health {
    state(&HEALTHS, code)
}

pub(super) fn of_run(run: RunState) -> i64 {
    code(&RUN_STATES, &run)
}

pub(super) fn run(code: i64) -> RunState {
    state(&RUN_STATES, code)
}

pub(super) fn of_node(node: NodeState) -> i64 {
    code(&NODE_STATES, &node)
}

pub(super) fn node(code: i64) -> NodeState {
    state(&NODE_STATES, code)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_state_has_its_number_and_a_strange_one_is_unknown() {
        for known in NodeState::ALL {
            assert_eq!(node(of_node(known)), known);
        }
        for known in RUN_STATES {
            assert_eq!(run(of_run(known)), known);
            // fails to compile when a word is added, and then it is added above too
            match known {
                RunState::Unknown => assert_eq!(of_run(known), 0),
                RunState::Late
                | RunState::Queued
                | RunState::Running
                | RunState::Paused
                | RunState::Succeeded
                | RunState::Failed
                | RunState::Cancelled
                | RunState::Lost => assert_ne!(of_run(known), 0),
            }
        }
        for known in HEALTHS {
            assert_eq!(health(of_health(known)), known);
            // fails to compile when a word is added, and then it is added above too
            let good = match known {
                Health::Succeeded | Health::Warned => 1..=2,
                Health::Failed | Health::Lost => 3..=4,
                Health::Failing
                | Health::Late
                | Health::Retrying
                | Health::Paused
                | Health::Running
                | Health::Queued
                | Health::Cancelled
                | Health::Idle => 5..=99,
                Health::Unknown => 0..=0,
            };
            assert!(good.contains(&of_health(known)), "{known:?}");
        }
        assert_eq!(node(99), NodeState::Unknown);
        assert_eq!(health(-1), Health::Unknown);
    }
}
