//! What was said of a run or an attempt, as a number: whether it is new is a comparison.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use crate::model::{NodeState, PastNode, PastRun};

pub(super) fn text(body: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}

/// Of everything but when it was last heard of. How many of its nodes are done says little while it is going, and
/// changes with each of them.
pub(super) fn of_run(past: &PastRun) -> u64 {
    let run = &past.run;
    let mut hasher = DefaultHasher::new();
    (past.health, run.state, &run.native, run.ordered_at).hash(&mut hasher);
    (run.queued_at, run.started_at, run.ended_at).hash(&mut hasher);
    (&run.cause, &run.note, &run.params, &run.version).hash(&mut hasher);
    if let Some(counts) = run.counts.filter(|_| run.state.ended()) {
        for state in NodeState::ALL {
            counts.of(state).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Which attempt it is, and what is said of it; odd: and it has ended. What it uses is kept when it has ended: until
/// then that grows all the time.
pub(super) fn of_node(past: &PastNode) -> (u64, u64) {
    let mut key = DefaultHasher::new();
    (&past.node, past.attempt).hash(&mut key);
    let mut said = DefaultHasher::new();
    (past.state, past.queued_at, past.started_at, past.ended_at).hash(&mut said);
    let over = past.state.ended() || past.ended_at.is_some();
    if over {
        let bits = |number: Option<f64>| number.map(f64::to_bits);
        (past.exit_code, past.memory).hash(&mut said);
        (bits(past.rows), bits(past.cpu_seconds)).hash(&mut said);
    }
    (key.finish(), (said.finish() & !1) | u64::from(over))
}
