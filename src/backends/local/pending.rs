//! What was asked and is not yet seen: each is read back until it is so, or its time is up.

use std::time::Duration;

use tokio::time::Instant;

use crate::backends::{EngineGone, process};
use crate::model::{ActionId, NodeState, RunKey};

use super::actor::Actor;
use super::drive::defaults;

/// Beyond the grace time, how long to wait before saying that it was not seen.
const PATIENCE: Duration = Duration::from_secs(12);

#[derive(Debug)]
pub(super) struct Pending {
    pub id: ActionId,
    pub until: Instant,
    pub wish: Wish,
}

#[derive(Debug)]
pub(super) enum Wish {
    /// These nodes' processes are stopped.
    Stopped(Vec<(RunKey, usize)>),
    /// These nodes' processes go on.
    Going(Vec<(RunKey, usize)>),
    /// These nodes' processes are gone.
    Ended(Vec<(RunKey, usize)>),
    /// These runs are over.
    Over(Vec<RunKey>),
    /// Processes that a lost run left behind are gone; they get KILL from this time on.
    Cleared { run: RunKey, kill_at: Instant },
    /// The run is over, then a new one like it has begun.
    Again(RunKey),
}

/// Where a wish is.
enum Seen {
    Yes(String),
    No(String),
    NotYet,
}

impl Actor {
    pub(super) fn wish(&mut self, id: ActionId, wish: Wish) {
        let until = Instant::now() + self.settings.grace + PATIENCE;
        self.pending.push(Pending { id, until, wish });
    }

    pub(super) async fn check_pending(&mut self) -> Result<(), EngineGone> {
        let now = Instant::now();
        let mut waiting = Vec::new();
        for pending in std::mem::take(&mut self.pending) {
            match self.seen(&pending.wish, now) {
                Seen::Yes(what) => {
                    // the change is told before its confirmation
                    self.flush_now().await?;
                    self.link.emitter.confirmed(pending.id, what).await?;
                }
                Seen::No(why) => self.link.emitter.unconfirmed(pending.id, why).await?,
                Seen::NotYet if now >= pending.until => {
                    let why = "its processes have not been seen to do so";
                    self.link.emitter.unconfirmed(pending.id, why).await?;
                }
                Seen::NotYet => waiting.push(pending),
            }
        }
        self.pending.append(&mut waiting);
        Ok(())
    }

    fn seen(&mut self, wish: &Wish, now: Instant) -> Seen {
        match wish {
            Wish::Stopped(nodes) => self.nodes_seen(nodes, "stopped", |state, live| {
                !live || state == NodeState::Paused
            }),
            Wish::Going(nodes) => self.nodes_seen(nodes, "going on", |state, live| {
                !live || state != NodeState::Paused
            }),
            Wish::Ended(nodes) => self.nodes_seen(nodes, "ended", |_, live| !live),
            Wish::Over(runs) => {
                let over = runs
                    .iter()
                    .all(|k| self.slots.get(k).is_none_or(|s| s.record.state.ended()));
                let stuck: usize = runs
                    .iter()
                    .filter_map(|k| self.slots.get(k))
                    .map(|s| s.unkillable)
                    .sum();
                if over && stuck > 0 {
                    let n = plural(stuck, "node");
                    Seen::No(format!(
                        "processes of {n} can't be killed: the kernel holds them"
                    ))
                } else if over {
                    let n = runs.len();
                    Seen::Yes(format!("{} over, no process left", plural(n, "run")))
                } else {
                    Seen::NotYet
                }
            }
            Wish::Cleared { run, kill_at } => self.cleared(run, *kill_at, now),
            Wish::Again(run) => self.again(run),
        }
    }

    fn nodes_seen(
        &self,
        nodes: &[(RunKey, usize)],
        what: &str,
        so: impl Fn(NodeState, bool) -> bool,
    ) -> Seen {
        let mut count = 0;
        for (key, task) in nodes {
            let Some(slot) = self.slots.get(key) else {
                continue;
            };
            let live = slot.live.contains_key(task);
            if !so(slot.record.nodes[*task].state, live) {
                return Seen::NotYet;
            }
            count += 1;
        }
        Seen::Yes(format!("{} {what}", plural(count, "node")))
    }

    fn cleared(&mut self, run: &RunKey, kill_at: Instant, now: Instant) -> Seen {
        let Some(slot) = self.slots.get_mut(run) else {
            return Seen::No("the run is no longer kept".to_owned());
        };
        slot.look_for_left();
        if slot.left.is_empty() {
            let key = run.clone();
            self.write_off(&key);
            return Seen::Yes("no process left".to_owned());
        }
        if now >= kill_at {
            process::end_all(&slot.left, true);
        }
        Seen::NotYet
    }

    fn again(&mut self, run: &RunKey) -> Seen {
        let Some(slot) = self.slots.get(run) else {
            return Seen::No("the run is no longer kept".to_owned());
        };
        if !slot.record.state.ended() {
            return Seen::NotYet;
        }
        let name = run.pipeline.pipeline.raw();
        let listed = self.catalog.get(name).and_then(|l| l.definition.clone());
        let definition = listed.unwrap_or_else(|| slot.record.definition.clone());
        // parameters that are new since then have their defaults
        let mut params = defaults(&definition);
        for (name, value) in &slot.record.header.params {
            if let Some(known) = params.iter_mut().find(|(n, _)| n == name) {
                known.1.clone_from(value);
            } else if definition.params.iter().any(|p| &p.name == name) {
                params.push((name.clone(), value.clone()));
            }
        }
        let cause = format!("restart of {}", run.run.raw());
        match self.start_run(&definition, None, &cause, None, params) {
            Ok(key) => Seen::Yes(format!("run {} started", key.run.raw())),
            Err(e) => Seen::No(e.to_string()),
        }
    }
}

pub(super) fn plural(n: usize, what: &str) -> String {
    if n == 1 {
        format!("1 {what}")
    } else {
        format!("{n} {what}s")
    }
}
