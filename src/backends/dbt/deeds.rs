//! Carrying out what a person said yes to, and reading back whether it happened.

use std::time::Duration;

use tokio::time::Instant;

use crate::backends::EngineGone;
use crate::backends::process::{self, Opener};
use crate::model::{ActionError, ActionId, Plan, RunKey, RunState, SafeText};

use super::actor::Actor;
use super::invoke;
use super::plan::{Outline, plural, refused};
use super::results::Args;

/// A plan of which nobody said yes for so long is made anew.
pub(super) const STALE: Duration = Duration::from_secs(600);
/// How long dbt may take to say that it begins: it reads the whole project first.
const BEGIN: Duration = Duration::from_secs(300);
/// Beyond the grace times, how long to wait before saying that an end was not seen.
const PATIENCE: Duration = Duration::from_secs(12);

#[derive(Clone, Debug)]
pub(super) enum Deed {
    Start {
        args: Args,
        ids: Vec<String>,
        cause: String,
    },
    /// The run is over, then a new one like it begins.
    Restart {
        run: RunKey,
        args: Args,
        ids: Vec<String>,
        cause: String,
    },
    Cancel(Vec<RunKey>),
    /// Interrupt a dbt that was started elsewhere.
    Interrupt(RunKey, Opener),
    /// End what a lost run left behind.
    Clear(RunKey),
}

/// A planned deed that waits for a yes.
#[derive(Debug)]
pub(super) struct Prepared {
    pub deed: Deed,
    pub at: Instant,
}

/// What was asked and is not yet seen.
#[derive(Debug)]
pub(super) struct Pending {
    id: ActionId,
    until: Instant,
    wish: Wish,
}

#[derive(Debug)]
enum Wish {
    /// dbt says that it begins.
    Begun(RunKey),
    /// These runs are over.
    Over(Vec<RunKey>),
    /// The process is gone; it is interrupted again at this time.
    Gone {
        run: RunKey,
        opener: Opener,
        again: Option<Instant>,
    },
    /// What was left behind is gone; TERM and KILL follow at these times.
    Cleared {
        run: RunKey,
        next: Instant,
        sent: u32,
    },
    Again(Box<Deed>),
}

enum Seen {
    Yes(String),
    No(String),
    Refused(ActionError),
    /// It goes on with another wish.
    Then(Wish),
    NotYet,
}

impl Actor {
    /// Acts only when nothing would be hit that the person did not see.
    pub(super) async fn execute(&mut self, plan: Plan) -> Result<(), EngineGone> {
        let id = plan.request.id;
        let emitter = self.link.emitter.clone();
        let prepared = self.prepared.remove(&id);
        let prepared = prepared.filter(|p| p.at.elapsed() < STALE);
        let again = match self.outline(&plan.request) {
            Ok(outline) => outline,
            Err(why) => return emitter.refused(id, why).await,
        };
        let deed = match (again, prepared) {
            (Outline::Ready(draft), _) => {
                let unseen = draft
                    .hits
                    .iter()
                    .find(|new| !plan.hits.iter().any(|old| old.name == new.name));
                if let Some(unseen) = unseen {
                    let why = format!("things have changed: it would now hit {} too", unseen.name);
                    return emitter.refused(id, refused(why)).await;
                }
                draft.deed
            }
            // dbt listed it, not long ago
            (Outline::Ask(_), Some(prepared)) => prepared.deed,
            (Outline::Ask(_), None) => {
                let why = refused("the plan is too old: make it again");
                return emitter.refused(id, why).await;
            }
        };
        emitter.requested(id).await?;
        let outcome = self.perform(id, deed);
        self.flush_now().await?;
        match outcome {
            Ok(()) => Ok(()),
            Err(why) => emitter.refused(id, why).await,
        }
    }

    fn wish(&mut self, id: ActionId, wish: Wish) {
        let grace = self.settings.grace;
        let until = Instant::now()
            + match wish {
                Wish::Begun(_) => BEGIN,
                // INT, TERM, KILL
                _ => grace * 2 + PATIENCE,
            };
        self.pending.push(Pending { id, until, wish });
    }

    fn perform(&mut self, id: ActionId, deed: Deed) -> Result<(), ActionError> {
        match deed {
            Deed::Start { args, ids, cause } => {
                let key = self.begin(args, ids, &cause)?;
                self.wish(id, Wish::Begun(key));
            }
            Deed::Restart { ref run, .. } => {
                self.cancel_run(&run.clone(), self.settings.grace);
                self.wish(id, Wish::Again(Box::new(deed)));
            }
            Deed::Cancel(runs) => {
                for run in &runs {
                    self.cancel_run(run, self.settings.grace);
                }
                self.wish(id, Wish::Over(runs));
            }
            Deed::Interrupt(run, opener) => {
                // the number may be another's by now
                if opener.started.is_none() || process::started(opener.pid) != opener.started {
                    return Err(refused("its process has ended"));
                }
                if !process::interrupt(opener.pid) {
                    return Err(refused(format!(
                        "process {} can't be interrupted by this user",
                        opener.pid
                    )));
                }
                if let Some(slot) = self.slots.get_mut(&run) {
                    slot.cancelled = true;
                }
                let again = Some(Instant::now() + self.settings.grace / 2);
                self.wish(id, Wish::Gone { run, opener, again });
            }
            Deed::Clear(run) => {
                let left = self.slots.get(&run).map(|s| s.left.clone());
                for pid in left.unwrap_or_default() {
                    process::interrupt(pid);
                }
                let next = Instant::now() + self.settings.grace;
                self.wish(id, Wish::Cleared { run, next, sent: 1 });
            }
        }
        Ok(())
    }

    fn begin(&mut self, args: Args, ids: Vec<String>, cause: &str) -> Result<RunKey, ActionError> {
        let words = invoke::words(&self.settings, &args);
        self.start_run(words, args, Some(ids), cause)
            .map_err(refused)
    }

    pub(super) async fn check_pending(&mut self) -> Result<(), EngineGone> {
        let now = Instant::now();
        let mut waiting = Vec::new();
        for mut pending in std::mem::take(&mut self.pending) {
            let seen = self.seen(&mut pending.wish, now);
            if !matches!(seen, Seen::NotYet | Seen::Then(_)) {
                // the change is told before its confirmation
                self.flush_now().await?;
            }
            let (id, emitter) = (pending.id, self.link.emitter.clone());
            match seen {
                Seen::Yes(what) => emitter.confirmed(id, what).await?,
                Seen::No(why) => emitter.unconfirmed(id, why).await?,
                Seen::Refused(why) => emitter.refused(id, why).await?,
                Seen::Then(wish) => {
                    waiting.push(Pending {
                        id,
                        until: now + BEGIN,
                        wish,
                    });
                }
                Seen::NotYet if now >= pending.until => {
                    let why = match pending.wish {
                        Wish::Begun(_) => "dbt has not begun to run anything",
                        Wish::Gone { .. } => {
                            "its process is still there: it may ignore SIGINT, as what a shell starts in the background does"
                        }
                        _ => "its processes have not been seen to end",
                    };
                    emitter.unconfirmed(id, why).await?;
                }
                Seen::NotYet => waiting.push(pending),
            }
        }
        self.pending.append(&mut waiting);
        Ok(())
    }

    fn seen(&mut self, wish: &mut Wish, now: Instant) -> Seen {
        match wish {
            Wish::Begun(run) => self.begun(run),
            Wish::Over(runs) => {
                let slots = || runs.iter().filter_map(|k| self.slots.get(k));
                if slots().any(super::slot::Slot::open) {
                    return Seen::NotYet;
                }
                if slots().any(|s| s.unkillable) {
                    return Seen::No(
                        "some processes can't be killed: the kernel holds them".to_owned(),
                    );
                }
                let how: Vec<&str> = slots().map(|s| s.record.native.as_str()).collect();
                let n = plural(runs.len(), "run");
                Seen::Yes(format!("{n} over ({}), no process left", how.join("; ")))
            }
            Wish::Gone { run, opener, again } => {
                if process::started(opener.pid) == opener.started {
                    // dbt misses an interrupt that comes just before its query begins
                    if again.is_some_and(|at| now >= at) {
                        *again = None;
                        process::interrupt(opener.pid);
                    }
                    return Seen::NotYet;
                }
                // its last words are in the log
                let word = self.slots.get(run).map(|s| s.record.state);
                match word {
                    Some(state) if !state.ended() => {
                        self.next_look = now;
                        Seen::NotYet
                    }
                    Some(RunState::Cancelled) => {
                        Seen::Yes("dbt says it was interrupted".to_owned())
                    }
                    _ => Seen::Yes(format!("process {} is gone", opener.pid)),
                }
            }
            Wish::Cleared { run, next, sent } => {
                let Some(slot) = self.slots.get_mut(run) else {
                    return Seen::No("the run is no longer kept".to_owned());
                };
                slot.look_for_left();
                if slot.left.is_empty() {
                    slot.record.state = RunState::Running;
                    slot.record.close(
                        RunState::Cancelled,
                        "cancelled after it was lost",
                        chrono::Utc::now(),
                    );
                    slot.changed();
                    self.dirty = true;
                    return Seen::Yes("no process left".to_owned());
                }
                if now >= *next {
                    process::end_all(&slot.left, *sent > 1);
                    *sent += 1;
                    *next = now + self.settings.grace;
                }
                Seen::NotYet
            }
            Wish::Again(deed) => {
                let Deed::Restart {
                    run,
                    args,
                    ids,
                    cause,
                } = &**deed
                else {
                    return Seen::NotYet;
                };
                if self.slots.get(run).is_some_and(super::slot::Slot::open) {
                    return Seen::NotYet;
                }
                match self.begin(args.clone(), ids.clone(), cause) {
                    Ok(key) => Seen::Then(Wish::Begun(key)),
                    Err(why) => Seen::Refused(why),
                }
            }
        }
    }

    /// Whether dbt has begun, or why it could not.
    fn begun(&self, run: &RunKey) -> Seen {
        let Some(slot) = self.slots.get(run) else {
            return Seen::No("the run is no longer kept".to_owned());
        };
        let record = &slot.record;
        if record.total.is_some() || record.nodes.values().any(|n| n.started_at.is_some()) {
            let invocation = record.invocation.as_deref().unwrap_or("without an id");
            return Seen::Yes(format!(
                "run {} has begun: dbt {}, invocation {invocation}",
                run.run.raw(),
                record.dbt_version
            ));
        }
        if let Some(fatal) = &record.fatal {
            return Seen::Refused(ActionError::Refused(SafeText::new(fatal)));
        }
        if !slot.open() {
            return Seen::Yes(format!("run {} is over: {}", run.run.raw(), record.native));
        }
        Seen::NotYet
    }
}
