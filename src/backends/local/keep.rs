//! Looking around: pipeline files, runs on disk, runs of other dagtops, runs whose dagtop died.

use std::collections::BTreeSet;
use std::fs;

use chrono::{DateTime, Utc};

use crate::backends::EngineGone;
use crate::backends::disk::StoreError;
use crate::model::{Event, NodeState, RunKey, RunState, SafeText};

use super::actor::Actor;
use super::drive::Timing;
use super::record::{Fact, RunRecord};
use super::runner;
use super::schedule;
use super::slot::{Hold, Slot};
use super::store::RunDir;
use super::view;

/// A run as found on disk.
struct Found {
    slot: Result<Slot, StoreError>,
    /// Lines of its journal that made no sense.
    wrong: usize,
}

impl Actor {
    /// Looks at everything that others may have changed.
    pub(super) async fn scan(&mut self) -> Result<(), EngineGone> {
        if self.catalog.scan() {
            self.dirty = true;
        }
        self.update_timing();
        self.load_runs().await?;
        self.follow_others();
        Ok(())
    }

    fn update_timing(&mut self) {
        let now = Utc::now();
        let listed = self.catalog.listed();
        self.timing.retain(|name, _| listed.contains_key(name));
        let mut troubles = Vec::new();
        for (name, entry) in listed {
            let timing = self.timing.entry(name.clone()).or_default();
            let paused = self.store.paused(name);
            self.dirty |= paused != timing.paused;
            timing.paused = paused;
            let Some(definition) = &entry.definition else {
                continue;
            };
            if timing.cron != definition.schedule {
                timing.cron.clone_from(&definition.schedule);
                timing.set_next(now);
                self.dirty = true;
            }
            if timing.cron.is_none() {
                timing.lock = None;
                continue;
            }
            if self.settings.schedules && timing.lock.is_none() {
                match self.store.schedule_lock(name) {
                    Ok(lock) => timing.lock = lock,
                    Err(e) => troubles.push(e),
                }
                // another dagtop starts these runs
                if timing.lock.is_none() && timing.next.is_some_and(|at| at <= now) {
                    timing.set_next(now);
                    self.dirty = true;
                }
            }
        }
        for trouble in troubles {
            self.kept::<()>(Err(trouble));
        }
    }

    /// Reads runs that are new on disk; the first time, all of a pipeline.
    async fn load_runs(&mut self) -> Result<(), EngineGone> {
        let mut wanted: Vec<(String, Vec<RunDir>)> = Vec::new();
        for name in self.catalog.listed().keys() {
            let stamp = fs::metadata(self.store.pipeline(name))
                .and_then(|m| m.modified())
                .ok();
            if self.loaded.get(name) == Some(&stamp) {
                continue;
            }
            let first = self.loaded.insert(name.clone(), stamp).is_none();
            let have: BTreeSet<&RunDir> = self
                .slots
                .iter()
                .filter(|(k, _)| k.pipeline.pipeline.raw() == name)
                .map(|(_, s)| &s.dir)
                .collect();
            let dirs = self.store.runs(name);
            let gone = have.iter().any(|d| !dirs.contains(d));
            let new: Vec<RunDir> = dirs.into_iter().filter(|d| !have.contains(d)).collect();
            if first || gone || !new.is_empty() {
                wanted.push((name.clone(), new));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        // many files: not on the threads that draw
        let read = tokio::task::spawn_blocking(move || {
            let read = |(name, dirs): (String, Vec<RunDir>)| {
                let found: Vec<Found> = dirs.into_iter().map(find).collect();
                (name, found)
            };
            wanted.into_iter().map(read).collect::<Vec<_>>()
        });
        let Ok(read) = read.await else { return Ok(()) };
        for (name, found) in read {
            self.take_in(&name, found).await?;
        }
        Ok(())
    }

    async fn take_in(&mut self, name: &str, found: Vec<Found>) -> Result<(), EngineGone> {
        let pipeline = self.pipeline_key(name);
        for Found { slot, wrong } in found {
            let slot = match slot {
                Ok(slot) => slot,
                Err(e) => {
                    let what = SafeText::new(e.to_string());
                    self.link.emit(Event::BadRecord { what }).await?;
                    continue;
                }
            };
            if wrong > 0 {
                let path = slot.dir.path().display();
                let what =
                    SafeText::new(format!("{path}: {wrong} unreadable lines in its journal"));
                self.link.emit(Event::BadRecord { what }).await?;
            }
            let key = pipeline.run(&slot.record.header.run);
            self.slots.insert(key, slot);
        }
        self.slots
            .retain(|k, s| k.pipeline != pipeline || s.ours() || s.dir.path().exists());
        let own: Vec<(&RunKey, &Slot)> = self
            .slots
            .iter()
            .filter(|(k, _)| k.pipeline == pipeline)
            .collect();
        let list = own
            .iter()
            .map(|(k, s)| view::run(&s.record, (*k).clone()))
            .collect();
        // the newest run is what the fleet shows; going ones must be right
        let newest = own
            .iter()
            .max_by_key(|(_, s)| s.record.header.created_at)
            .map(|(k, _)| (*k).clone());
        let told: Vec<RunKey> = own
            .iter()
            .filter(|(k, s)| {
                Some(*k) == newest.as_ref()
                    || !s.record.state.ended()
                    || self.focus.runs.contains(k)
            })
            .map(|(k, _)| (*k).clone())
            .collect();
        self.link
            .emit(Event::RunsComplete { pipeline, list })
            .await?;
        for key in told {
            self.tell_whole(&key).await?;
        }
        self.dirty = true;
        Ok(())
    }

    /// Reads again what other dagtops drive, and looks for what dead ones left behind.
    fn follow_others(&mut self) {
        let mut results = Vec::new();
        for (key, slot) in &mut self.slots {
            let changed = match slot.hold {
                Hold::Ours(_) => false,
                Hold::Other { .. } => true,
                // a run that ended may be taken up again by another
                Hold::Nobody => {
                    self.focus.runs.contains(key) && slot.dir.journal_size() != slot.seen
                }
            };
            if changed && slot.dir.path().exists() {
                results.push(slot.read_again());
            }
            if slot.record.state == RunState::Lost && slot.look_for_left() {
                self.dirty = true;
            }
            self.dirty |= slot.dirty();
        }
        for result in results {
            self.kept(result);
        }
    }
}

impl Timing {
    pub fn set_next(&mut self, after: DateTime<Utc>) {
        self.next = self
            .cron
            .as_deref()
            .and_then(|cron| schedule::next(cron, after));
    }
}

fn find(dir: RunDir) -> Found {
    let read = dir.load().and_then(|(record, wrong)| {
        let mut slot = Slot::new(dir, record, Hold::Nobody);
        slot.find_driver()?;
        Ok((slot, wrong))
    });
    match read {
        Ok((slot, wrong)) => Found {
            slot: Ok(slot),
            wrong,
        },
        Err(e) => Found {
            slot: Err(e),
            wrong: 0,
        },
    }
}

impl Slot {
    /// Who drives a run that is not ours. A run that goes on with nobody at the wheel is lost.
    fn find_driver(&mut self) -> Result<(), StoreError> {
        self.hold = Hold::Nobody;
        if self.record.state.ended() {
            return Ok(());
        }
        let Some(journal) = self.dir.journal()? else {
            let pid = self.dir.driver();
            self.hold = Hold::Other { pid };
            return Ok(());
        };
        // its driver may have written more before it let go
        self.record = self.dir.load()?.0;
        if !self.record.state.ended() {
            self.hold = Hold::Ours(journal);
            let lost = self.lose();
            self.hold = Hold::Nobody;
            lost?;
        }
        self.dirty.all = true;
        self.release_followers();
        Ok(())
    }

    /// Writes down that the driver is gone: what ran may have ended in any way.
    fn lose(&mut self) -> Result<(), StoreError> {
        let at = self.record.last_at;
        for task in 0..self.record.nodes.len() {
            let node = &self.record.nodes[task];
            let fact = match node.state {
                _ if node.open_attempt().is_some() => Fact::Node {
                    node: self.id(task),
                    state: NodeState::Unknown,
                    native: "lost: nobody saw it end".to_owned(),
                },
                NodeState::Retrying => Fact::Node {
                    node: self.id(task),
                    state: NodeState::Failed,
                    native: node.native.clone(),
                },
                NodeState::Queued | NodeState::Paused => {
                    runner::state(self.id(task), NodeState::Pending)
                }
                _ => continue,
            };
            self.note_at(at, fact)?;
        }
        let state = RunState::Lost;
        self.note_at(at, Fact::Run { state })
    }

    /// Reads the run again as another dagtop has written it.
    fn read_again(&mut self) -> Result<(), StoreError> {
        let size = self.dir.journal_size();
        if size != self.seen {
            let record: RunRecord = self.dir.load()?.0;
            self.seen = size;
            self.record = record;
            self.dirty.all = true;
        }
        self.find_driver()?;
        self.release_followers();
        Ok(())
    }

    /// Takes the right to drive an ended run again.
    pub fn take(&mut self) -> Result<bool, StoreError> {
        if self.ours() {
            return Ok(true);
        }
        let Some(journal) = self.dir.journal()? else {
            let pid = self.dir.driver();
            self.hold = Hold::Other { pid };
            return Ok(false);
        };
        if self.dir.journal_size() != self.seen {
            self.record = self.dir.load()?.0;
            self.dirty.all = true;
        }
        self.hold = Hold::Ours(journal);
        Ok(true)
    }
}
