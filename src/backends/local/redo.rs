//! Plans that make something run again, or say that it need not: retry, restart, mark.

use std::collections::BTreeSet;

use crate::model::{ActionRequest, NodeKey, NodeState, RunKey, RunState};

use super::actions::{Draft, Drafted, hit, hits_of, nodes, nothing, refused};
use super::actor::Actor;
use super::deeds::Deed;
use super::definition::Shape;
use super::pending::plural;
use super::slot::Slot;

impl Actor {
    pub(super) fn retry_run(&self, key: &RunKey) -> Drafted {
        let slot = self.free(key)?;
        let lost = slot.record.state == RunState::Lost;
        let tasks: Vec<usize> = (0..slot.record.nodes.len())
            .filter(|t| {
                let node = &slot.record.nodes[*t];
                match node.state {
                    NodeState::Failed
                    | NodeState::Blocked
                    | NodeState::Cancelled
                    | NodeState::Unknown => true,
                    NodeState::Pending => lost,
                    _ => false,
                }
            })
            .collect();
        if tasks.is_empty() {
            return Err(nothing("nothing in this run has failed"));
        }
        self.retry(key, slot, tasks)
    }

    pub(super) fn retry_node(&self, key: &NodeKey, request: &ActionRequest) -> Drafted {
        let slot = self.free(&key.run)?;
        let own = self.members(slot, key)?;
        let shape = &slot.record.shape;
        let scope = request.options.scope;
        let state = |t: usize| slot.record.nodes[t].state;
        let stuck = |t: usize| {
            matches!(
                state(t),
                NodeState::Failed | NodeState::Blocked | NodeState::Cancelled | NodeState::Unknown
            )
        };
        if let Some(live) = own
            .iter()
            .find(|t| !state(**t).ended() && state(**t) != NodeState::Unknown)
        {
            let (id, word) = (slot.id(*live), state(*live).word());
            return Err(refused(format!("{id} is {word}: cancel it first")));
        }
        let mut tasks: BTreeSet<usize> = own.iter().copied().collect();
        let below = shape.reach(&own, true);
        if scope.downstream {
            tasks.extend(&below);
        } else {
            // what waits for it starts by itself when it succeeds
            tasks.extend(below.iter().filter(|t| state(**t) == NodeState::Blocked));
        }
        if scope.upstream {
            tasks.extend(shape.reach(&own, false));
        }
        let tasks: Vec<usize> = tasks
            .into_iter()
            .filter(|t| state(*t).ended() || state(*t) == NodeState::Unknown)
            .filter(|t| !scope.only_failed || stuck(*t))
            .collect();
        if tasks.is_empty() {
            return Err(nothing("nothing there has failed"));
        }
        self.retry(&key.run, slot, tasks)
    }

    fn retry(&self, key: &RunKey, slot: &Slot, tasks: Vec<usize>) -> Drafted {
        let mut warnings = Vec::new();
        let mut definition = None;
        let now = self
            .catalog
            .get(key.pipeline.pipeline.raw())
            .filter(|l| l.broken.is_none())
            .and_then(|l| l.definition.clone());
        match now {
            Some(now) if *now == *slot.record.definition => {}
            Some(now) if Shape::of(&now).fits(&slot.record.shape) => {
                warnings.push("its file has changed: the commands are as they are now".to_owned());
                definition = Some(now);
            }
            _ => warnings.push(
                "its file has other nodes now, or none: the commands are those of this run"
                    .to_owned(),
            ),
        }
        let n = tasks
            .iter()
            .filter(|t| slot.record.nodes[**t].state != NodeState::Blocked)
            .count();
        Ok(Draft {
            summary: format!("Runs {} again, and what waits for them.", plural(n, "node")),
            hits: hits_of(slot, &tasks, "pending"),
            warnings,
            deed: Deed::Retry {
                run: key.clone(),
                tasks,
                definition,
            },
        })
    }

    pub(super) fn restart(&self, key: &RunKey) -> Drafted {
        let slot = self.free(key)?;
        let going = !slot.record.state.ended();
        let mut hits = Vec::new();
        if going {
            hits = nodes(slot, |s, _| !s.ended(), NodeState::Cancelled);
        }
        hits.push(hit(key.pipeline.pipeline.raw(), "", "a new run"));
        let with: String = slot
            .record
            .header
            .params
            .iter()
            .map(|(k, v)| format!(" {k}={v}"))
            .collect();
        Ok(Draft {
            summary: if going {
                format!("Cancels this run, then starts a new one{with}.")
            } else {
                format!("Starts a new run{with}; this one stays as it is.")
            },
            hits,
            warnings: Vec::new(),
            deed: Deed::Restart(key.clone()),
        })
    }

    pub(super) fn mark(&self, key: &NodeKey, state: Option<NodeState>) -> Drafted {
        let slot = self.free(&key.run)?;
        let state = state.filter(|s| {
            matches!(
                s,
                NodeState::Succeeded | NodeState::Failed | NodeState::Skipped
            )
        });
        let state =
            state.ok_or_else(|| refused("a node is marked succeeded, failed or skipped"))?;
        let tasks = self.members(slot, key)?;
        if let Some(live) = tasks.iter().find(|t| slot.live.contains_key(t)) {
            return Err(refused(format!(
                "{} is running: cancel it first",
                slot.id(*live)
            )));
        }
        let tasks: Vec<usize> = tasks
            .into_iter()
            .filter(|t| slot.record.nodes[*t].state != state)
            .collect();
        if tasks.is_empty() {
            return Err(nothing(format!("it is {}", state.word())));
        }
        let mut warnings = Vec::new();
        let below = slot.record.shape.reach(&tasks, true);
        let freed = below
            .iter()
            .filter(|t| slot.record.nodes[**t].state == NodeState::Blocked)
            .count();
        if freed > 0 && state != NodeState::Failed {
            let n = plural(freed, "blocked node");
            warnings.push(format!("{n} below may start"));
        }
        Ok(Draft {
            summary: format!("Records the state {} by hand; runs nothing.", state.word()),
            hits: hits_of(slot, &tasks, state.word()),
            warnings,
            deed: Deed::Mark(key.run.clone(), tasks, state),
        })
    }
}
