//! Health from nodes.

use crate::model::{Health, NodeState, RunState};

use super::view::RunView;

/// The health of a run. A failed node decides, whatever the backend says of the run: orchestrators
/// call a run successful when its last node succeeded although others failed.
/// The run's own state is used only for what nodes can't tell: whether it is over, paused or lost.
pub fn run_health(view: &RunView) -> Health {
    let has = |state: NodeState| {
        view.sum.strict.of(state) > 0
            || (!view.complete && view.run.counts.is_some_and(|c| c.of(state) > 0))
    };
    let failed = has(NodeState::Failed) || has(NodeState::Blocked);
    match view.run.state {
        RunState::Lost => Health::Lost,
        RunState::Late => Health::Late,
        RunState::Cancelled => Health::Cancelled,
        RunState::Failed => Health::Failed,
        RunState::Succeeded if failed => Health::Failed,
        RunState::Succeeded => {
            let allowed = view.sum.counts.of(NodeState::Failed) > 0;
            if allowed || has(NodeState::Warned) {
                Health::Warned
            } else {
                Health::Succeeded
            }
        }
        RunState::Paused if failed => Health::Failing,
        RunState::Paused => Health::Paused,
        RunState::Queued | RunState::Running if failed => Health::Failing,
        RunState::Running if has(NodeState::Retrying) => Health::Retrying,
        RunState::Running => Health::Running,
        RunState::Queued => Health::Queued,
        RunState::Unknown => from_nodes(view),
    }
}

/// The backend says nothing that we understand about the run itself.
fn from_nodes(view: &RunView) -> Health {
    let counts = &view.sum.counts;
    if counts.total() == 0 {
        return Health::Unknown;
    }
    let over = view.complete && counts.ended() == counts.total();
    let any = |state: NodeState| counts.of(state) > 0;
    match (any(NodeState::Failed), over) {
        (true, true) => Health::Failed,
        (true, false) => Health::Failing,
        (false, true) if any(NodeState::Cancelled) => Health::Cancelled,
        (false, true) => Health::Succeeded,
        (false, false) if any(NodeState::Retrying) => Health::Retrying,
        (false, false) if any(NodeState::Running) => Health::Running,
        (false, false) => Health::Unknown,
    }
}
