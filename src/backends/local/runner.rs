//! What follows from a run's state: which nodes are blocked, which may start, whether it is over.
//! Pure: knows no process and no clock.

use crate::model::{NodeState, RunState};

use super::record::{Fact, RunRecord};

/// Whether what hangs below may go on. A node that was skipped, or failed where it may, is no
/// reason to stop.
pub fn good(run: &RunRecord, task: usize) -> bool {
    match run.nodes[task].state {
        NodeState::Succeeded | NodeState::Warned | NodeState::Cached | NodeState::Skipped => true,
        NodeState::Failed => run.def_of(task).is_some_and(|d| d.allow_failure),
        _ => false,
    }
}

/// Ended, and what hangs below can't go on.
fn bad(run: &RunRecord, task: usize) -> bool {
    run.nodes[task].state.ended() && !good(run, task)
}

/// Nodes that wait and now can't run, or can again after a retry, or are ready: each with its new
/// state. A node held by a person (paused, with no process) is left alone.
pub fn next_states(run: &RunRecord) -> Vec<Fact> {
    let mut facts = Vec::new();
    // by the failure that everything goes back to
    let mut blocked: Vec<Option<usize>> = vec![None; run.nodes.len()];
    for &task in &run.shape.order {
        let node = &run.nodes[task];
        let waiting = matches!(node.state, NodeState::Pending | NodeState::Blocked);
        if !waiting {
            continue;
        }
        let needs = &run.shape.tasks[task].needs;
        // a blocked node that was looked at before has its new state in `blocked`
        let stopper = |n: usize| match run.nodes[n].state {
            NodeState::Pending | NodeState::Blocked => blocked[n],
            _ => bad(run, n).then_some(n),
        };
        let culprit = needs.iter().find_map(|n| stopper(*n));
        let id = run.shape.tasks[task].id.clone();
        if let Some(culprit) = culprit {
            blocked[task] = Some(culprit);
            if node.state != NodeState::Blocked {
                facts.push(Fact::Node {
                    node: id,
                    state: NodeState::Blocked,
                    native: format!(
                        "blocked by {} ({})",
                        run.shape.tasks[culprit].id,
                        run.nodes[culprit].state.word()
                    ),
                });
            }
        } else if needs.iter().all(|n| good(run, *n)) {
            facts.push(state(id, NodeState::Queued));
        } else if node.state == NodeState::Blocked {
            facts.push(state(id, NodeState::Pending));
        }
    }
    facts
}

pub fn state(node: String, state: NodeState) -> Fact {
    Fact::Node {
        node,
        state,
        native: state.word().to_owned(),
    }
}

/// How the run ended, when it has. `cancelled`: a person ended it as a whole.
pub fn over(run: &RunRecord, cancelled: bool) -> Option<RunState> {
    if !run.nodes.iter().all(|n| n.state.ended()) {
        return None;
    }
    let any = |state: NodeState| run.nodes.iter().any(|n| n.state == state);
    let failed = (0..run.nodes.len())
        .any(|t| matches!(run.nodes[t].state, NodeState::Failed) && !good(run, t));
    Some(if cancelled {
        RunState::Cancelled
    } else if failed {
        RunState::Failed
    } else if any(NodeState::Cancelled) {
        RunState::Cancelled
    } else if any(NodeState::Blocked) {
        RunState::Failed
    } else {
        RunState::Succeeded
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::definition::tests::{definition, node};
    use super::super::record::{Entry, Header};
    use super::*;
    use chrono::Utc;

    fn run(nodes: Vec<super::super::definition::NodeDef>) -> RunRecord {
        RunRecord::new(Header {
            version: 1,
            run: "r".into(),
            created_at: Utc::now(),
            due: None,
            cause: String::new(),
            params: Vec::new(),
            definition: definition(nodes),
        })
    }

    fn put(run: &mut RunRecord, node: &str, to: NodeState) {
        run.apply(&Entry {
            at: Utc::now(),
            fact: state(node.to_owned(), to),
        });
    }

    fn step(run: &mut RunRecord) -> Vec<(String, NodeState)> {
        let facts = next_states(run);
        let mut seen = Vec::new();
        for fact in facts {
            if let Fact::Node { node, state, .. } = &fact {
                seen.push((node.clone(), *state));
            }
            run.apply(&Entry {
                at: Utc::now(),
                fact,
            });
        }
        seen
    }

    #[test]
    fn a_failure_blocks_everything_below_and_a_retry_frees_it() {
        let mut run = run(vec![
            node("a", &[]),
            node("b", &["a"]),
            node("c", &["b"]),
            node("x", &[]),
        ]);
        assert_eq!(
            step(&mut run),
            [
                ("a".into(), NodeState::Queued),
                ("x".into(), NodeState::Queued)
            ]
        );
        put(&mut run, "a", NodeState::Failed);
        put(&mut run, "x", NodeState::Succeeded);
        assert_eq!(
            step(&mut run),
            [
                ("b".into(), NodeState::Blocked),
                ("c".into(), NodeState::Blocked)
            ]
        );
        for below in ["b", "c"] {
            assert_eq!(run.node(below).unwrap().native, "blocked by a (failed)");
        }
        assert_eq!(step(&mut run), []);
        assert_eq!(over(&run, false), Some(RunState::Failed));
        put(&mut run, "a", NodeState::Queued);
        assert_eq!(
            step(&mut run),
            [
                ("b".into(), NodeState::Pending),
                ("c".into(), NodeState::Pending)
            ]
        );
        assert_eq!(over(&run, false), None);
    }

    #[test]
    fn an_allowed_failure_and_a_skip_let_the_rest_go_on() {
        let mut soft = node("soft", &[]);
        soft.allow_failure = true;
        let mut run = run(vec![soft, node("skip", &[]), node("z", &["soft", "skip"])]);
        put(&mut run, "soft", NodeState::Failed);
        put(&mut run, "skip", NodeState::Skipped);
        assert_eq!(step(&mut run), [("z".into(), NodeState::Queued)]);
        put(&mut run, "z", NodeState::Succeeded);
        assert_eq!(over(&run, false), Some(RunState::Succeeded));
    }

    #[test]
    fn a_cancelled_node_makes_the_run_cancelled_unless_something_failed() {
        let mut run = run(vec![node("a", &[]), node("b", &["a"]), node("c", &[])]);
        put(&mut run, "a", NodeState::Cancelled);
        put(&mut run, "c", NodeState::Succeeded);
        step(&mut run);
        assert_eq!(over(&run, false), Some(RunState::Cancelled));
        put(&mut run, "c", NodeState::Failed);
        assert_eq!(over(&run, false), Some(RunState::Failed));
        assert_eq!(over(&run, true), Some(RunState::Cancelled));
    }
}
