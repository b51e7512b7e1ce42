//! Carrying out what a person said yes to.

use std::sync::Arc;

use chrono::Utc;
use tokio::time::Instant;

use crate::backends::disk::StoreError;
use crate::backends::process::{self, Order};
use crate::model::{Action, ActionError, ActionId, NodeState, RunKey, RunState};

use super::actions::refused;
use super::actor::Actor;
use super::definition::Definition;
use super::pending::{Wish, plural};
use super::record::Fact;
use super::runner;

#[derive(Debug)]
pub(super) enum Deed {
    PausePipeline(String, bool),
    Trigger {
        definition: Arc<Definition>,
        run: Option<String>,
        params: Vec<(String, String)>,
    },
    Cancel(Vec<RunKey>),
    /// End what a lost run left behind.
    Clear(RunKey),
    PauseRun(RunKey),
    ResumeRun(RunKey),
    /// Pause, resume or cancel some nodes.
    Signal(RunKey, Vec<usize>, Action),
    Retry {
        run: RunKey,
        tasks: Vec<usize>,
        /// Commands as they are now, when they changed.
        definition: Option<Arc<Definition>>,
    },
    Restart(RunKey),
    Mark(RunKey, Vec<usize>, NodeState),
    Note(RunKey, Option<String>, String),
}

/// What is confirmed at once; `None`: it is read back later.
type Done = Result<Option<String>, ActionError>;

fn failed(e: &StoreError) -> ActionError {
    refused(format!("it could not be written down: {e}"))
}

impl Actor {
    pub(super) fn perform(&mut self, id: ActionId, deed: Deed) -> Done {
        match deed {
            Deed::PausePipeline(name, pause) => self.set_paused(&name, pause),
            Deed::Trigger {
                definition,
                run,
                params,
            } => self.do_trigger(&definition, run, params),
            Deed::Cancel(runs) => {
                let grace = self.settings.grace;
                for run in &runs {
                    self.cancel_run(run, grace, None);
                }
                self.wish(id, Wish::Over(runs));
                Ok(None)
            }
            Deed::Clear(run) => {
                if let Some(slot) = self.slots.get(&run) {
                    process::end_all(&slot.left, false);
                }
                let kill_at = Instant::now() + self.settings.grace;
                self.wish(id, Wish::Cleared { run, kill_at });
                Ok(None)
            }
            Deed::PauseRun(run) => {
                self.fact(
                    &run,
                    Fact::Run {
                        state: RunState::Paused,
                    },
                );
                let live = self.order(&run, None, Order::Pause);
                self.wish(id, Wish::Stopped(live));
                Ok(None)
            }
            Deed::ResumeRun(run) => {
                self.fact(
                    &run,
                    Fact::Run {
                        state: RunState::Running,
                    },
                );
                self.let_go(&run, None);
                let live = self.order(&run, None, Order::Resume);
                self.wish(id, Wish::Going(live));
                Ok(None)
            }
            Deed::Signal(run, tasks, action) => self.do_signal(id, &run, &tasks, action),
            Deed::Retry {
                run,
                tasks,
                definition,
            } => self.do_retry(&run, &tasks, definition),
            Deed::Restart(run) => {
                self.cancel_if_going(&run);
                self.wish(id, Wish::Again(run));
                Ok(None)
            }
            Deed::Mark(run, tasks, state) => self.do_mark(&run, &tasks, state),
            Deed::Note(run, node, text) => {
                self.take_up(&run)?;
                self.fact(&run, Fact::Note { node, text });
                self.put_down(&run);
                Ok(Some("the note is written".to_owned()))
            }
        }
    }

    fn fact(&mut self, run: &RunKey, fact: Fact) {
        if let Some(slot) = self.slots.get_mut(run) {
            let result = slot.note(fact);
            self.kept(result);
            self.dirty = true;
        }
    }

    /// Sends an order to the processes of some nodes or all; says which have any.
    fn order(&self, run: &RunKey, tasks: Option<&[usize]>, order: Order) -> Vec<(RunKey, usize)> {
        let Some(slot) = self.slots.get(run) else {
            return Vec::new();
        };
        slot.live
            .iter()
            .filter(|(task, _)| tasks.is_none_or(|t| t.contains(task)))
            .filter(|(_, live)| live.orders.send(order).is_ok())
            .map(|(task, _)| (run.clone(), *task))
            .collect()
    }

    /// Nodes that were held back before they began.
    fn let_go(&mut self, run: &RunKey, tasks: Option<&[usize]>) {
        let Some(slot) = self.slots.get(run) else {
            return;
        };
        let held: Vec<Fact> = slot
            .in_state(NodeState::Paused)
            .into_iter()
            .filter(|t| !slot.live.contains_key(t) && tasks.is_none_or(|list| list.contains(t)))
            .map(|t| runner::state(slot.id(t), NodeState::Pending))
            .collect();
        for fact in held {
            self.fact(run, fact);
        }
    }

    fn set_paused(&mut self, name: &str, pause: bool) -> Done {
        self.store.set_paused(name, pause).map_err(|e| failed(&e))?;
        let paused = self.store.paused(name);
        if let Some(timing) = self.timing.get_mut(name) {
            timing.paused = paused;
            if !paused {
                timing.set_next(Utc::now());
            }
        }
        self.dirty = true;
        let word = if paused { "paused" } else { "active" };
        Ok(Some(format!("the pipeline is {word}")))
    }

    fn do_trigger(
        &mut self,
        definition: &Definition,
        run: Option<String>,
        params: Vec<(String, String)>,
    ) -> Done {
        match self.start_run(definition, run.clone(), "triggered", None, params) {
            Ok(key) => Ok(Some(format!("run {} started", key.run.raw()))),
            // sent twice: it is what was asked for
            Err(StoreError::Exists(_)) => {
                let run = run.unwrap_or_default();
                Ok(Some(format!("run {run} was started before")))
            }
            Err(e) => Err(failed(&e)),
        }
    }

    fn cancel_if_going(&mut self, run: &RunKey) {
        if self.slots.get(run).is_some_and(|s| s.driven()) {
            self.cancel_run(run, self.settings.grace, None);
        }
    }

    fn do_signal(&mut self, id: ActionId, run: &RunKey, tasks: &[usize], action: Action) -> Done {
        let without = |actor: &Self| -> Vec<usize> {
            let slot = actor.slots.get(run);
            let idle = |t: &usize| slot.is_some_and(|s| !s.live.contains_key(t));
            tasks.iter().copied().filter(idle).collect()
        };
        let idle = without(self);
        match action {
            Action::Resume => self.let_go(run, Some(tasks)),
            Action::Pause => self.put(run, &idle, NodeState::Paused, "held back"),
            _ => self.put(run, &idle, NodeState::Cancelled, "cancelled"),
        }
        let (order, wish): (_, fn(_) -> Wish) = match action {
            Action::Pause => (Order::Pause, Wish::Stopped),
            Action::Resume => (Order::Resume, Wish::Going),
            _ => {
                let grace = self.settings.grace;
                (Order::Cancel { grace }, Wish::Ended)
            }
        };
        let live = self.order(run, Some(tasks), order);
        if live.is_empty() {
            let n = plural(idle.len(), "node");
            return Ok(Some(format!("{n}: {} done", action.word())));
        }
        self.wish(id, wish(live));
        Ok(None)
    }

    fn put(&mut self, run: &RunKey, tasks: &[usize], state: NodeState, native: &str) {
        for task in tasks {
            let Some(slot) = self.slots.get_mut(run) else {
                return;
            };
            slot.retry_at.remove(task);
            let node = slot.id(*task);
            let native = native.to_owned();
            self.fact(
                run,
                Fact::Node {
                    node,
                    state,
                    native,
                },
            );
        }
    }

    /// Makes the run ours, so that it can be written to.
    fn take_up(&mut self, run: &RunKey) -> Result<(), ActionError> {
        let slot = self.slots.get_mut(run);
        let slot = slot.ok_or_else(|| refused("the run is no longer kept"))?;
        match slot.take() {
            Ok(true) => Ok(()),
            Ok(false) => Err(refused("another dagtop has taken this run up: act there")),
            Err(e) => Err(failed(&e)),
        }
    }

    /// Lets go of an ended run again.
    fn put_down(&mut self, run: &RunKey) {
        if let Some(slot) = self.slots.get_mut(run)
            && slot.record.state.ended()
        {
            slot.hold = super::slot::Hold::Nobody;
        }
    }

    /// An ended run goes on.
    fn reopen(&mut self, run: &RunKey) {
        let ended = self.slots.get_mut(run).map(|slot| {
            slot.cancelled = false;
            slot.record.state.ended()
        });
        if ended == Some(true) {
            let state = RunState::Running;
            self.fact(run, Fact::Run { state });
        }
    }

    fn do_retry(
        &mut self,
        run: &RunKey,
        tasks: &[usize],
        definition: Option<Arc<Definition>>,
    ) -> Done {
        self.take_up(run)?;
        if let Some(definition) = definition {
            let definition = Box::new((*definition).clone());
            self.fact(run, Fact::Definition { definition });
        }
        self.reopen(run);
        for task in tasks {
            let Some(slot) = self.slots.get(run) else {
                continue;
            };
            let retries = slot.record.def_of(*task).map_or(0, |d| d.retries);
            let attempts = slot.record.nodes[*task].attempt() + retries + 1;
            let node = slot.id(*task);
            self.fact(run, Fact::Budget { node, attempts });
        }
        self.put(run, tasks, NodeState::Pending, "pending");
        let n = plural(tasks.len(), "node");
        Ok(Some(format!("{n} will run again")))
    }

    fn do_mark(&mut self, run: &RunKey, tasks: &[usize], state: NodeState) -> Done {
        self.take_up(run)?;
        self.reopen(run);
        let native = format!("marked {} by hand", state.word());
        self.put(run, tasks, state, &native);
        Ok(Some(format!(
            "{} marked {}",
            plural(tasks.len(), "node"),
            state.word()
        )))
    }

    /// A lost run of which nothing is left becomes a cancelled one.
    pub(super) fn write_off(&mut self, run: &RunKey) {
        if self.take_up(run).is_err() {
            return;
        }
        let open: Vec<usize> = self
            .slots
            .get(run)
            .map(|s| {
                let all = 0..s.record.nodes.len();
                all.filter(|t| !s.record.nodes[*t].state.ended()).collect()
            })
            .unwrap_or_default();
        self.put(
            run,
            &open,
            NodeState::Cancelled,
            "cancelled after it was lost",
        );
        let state = RunState::Cancelled;
        self.fact(run, Fact::Run { state });
        self.put_down(run);
    }
}
