//! The runs that are kept: reading them back, those of other dagtops, those that nobody drives any
//! more, and letting go of the oldest.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::backends::EngineGone;
use crate::backends::disk::{Lock, StoreError};
use crate::backends::process::{self, Opener};
use crate::model::{Event, RunKey, RunState, SafeText};

use super::actor::Actor;
use super::invoke;
use super::record::Record;
use super::slot::{Hold, Slot};
use super::store::{KEEP_RUNS, RunDir};

/// A run whose process is gone is lost when its log says nothing for this long.
const SILENCE: Duration = Duration::from_secs(10);
/// The same where it can't be known whether its process is gone.
const LONG_SILENCE: Duration = Duration::from_secs(1800);
/// So long its log may add to what it said at the end, or be behind its results: that it was interrupted comes last.
const LAST_WORD: Duration = Duration::from_secs(5);

/// A run with its own folder, not yet shown.
pub(super) struct Made {
    pub record: Record,
    pub dir: RunDir,
    pub lock: Lock,
}

impl Actor {
    /// Reads every run that was kept.
    pub(super) async fn load_runs(&mut self) -> Result<(), EngineGone> {
        let read = self.store.ledger();
        if let Some(ledger) = self.kept(read) {
            self.ledger = ledger;
        }
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || {
            let read = |dir: RunDir| (dir.clone(), dir.load());
            store.runs().into_iter().map(read).collect::<Vec<_>>()
        });
        for (dir, record) in read.await.unwrap_or_default() {
            match record {
                Ok(record) => self.found(dir, record),
                Err(e) => {
                    let what = SafeText::new(e.to_string());
                    self.link.emit(Event::BadRecord { what }).await?;
                }
            }
        }
        self.forget_old();
        Ok(())
    }

    /// Runs that another dagtop has written down since.
    pub(super) fn load_new(&mut self) {
        let have: BTreeSet<RunDir> = self.slots.values().map(|s| s.dir.clone()).collect();
        for dir in self.store.runs() {
            // one that can't be read is being written, or was told at the start
            if !have.contains(&dir)
                && let Ok(record) = dir.load()
            {
                self.found(dir, record);
            }
        }
    }

    fn found(&mut self, dir: RunDir, record: Record) {
        let key = self.pipeline_key().run(&record.run);
        let mut slot = Slot::new(dir, record, Hold::Nobody);
        if slot.open() || slot.record.state == RunState::Lost {
            let taken = take_up(&mut slot);
            self.kept(taken);
        }
        self.ledger_changed |= self.ledger.take(&slot.record);
        self.slots.insert(key, slot);
        self.dirty = true;
    }

    /// Gives a run its id and its folder.
    pub(super) fn make(&mut self, mut record: Record) -> Option<Made> {
        let at = record.started_at.unwrap_or(record.created_at);
        let wanted = at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        record.run.clone_from(&wanted);
        let mut count = 1;
        let made = loop {
            match self.store.create(&record) {
                Err(StoreError::Exists(_)) if count < 1000 => {
                    count += 1;
                    record.run = format!("{wanted}.{count}");
                }
                other => break other,
            }
        };
        let (dir, lock) = self.kept(made)?;
        Some(Made { record, dir, lock })
    }

    pub(super) fn insert(&mut self, mut slot: Slot) -> Option<RunKey> {
        let key = self.pipeline_key().run(&slot.record.run);
        slot.changed();
        self.slots.insert(key.clone(), slot);
        self.judge(&key);
        self.dirty = true;
        Some(key)
    }

    /// Takes what a run found into the ledger.
    pub(super) fn judge(&mut self, key: &RunKey) {
        if let Some(slot) = self.slots.get(key) {
            self.ledger_changed |= self.ledger.take(&slot.record);
        }
    }

    /// The run with dbt's own id.
    pub(super) fn find(&self, invocation: &str) -> Option<RunKey> {
        self.slots
            .iter()
            .find(|(_, s)| s.record.invocation.as_deref() == Some(invocation))
            .map(|(key, _)| key.clone())
    }

    /// Reads again what other dagtops write down.
    pub(super) fn look_at_others(&mut self) {
        let mut results = Vec::new();
        for slot in self.slots.values_mut() {
            if !matches!(slot.hold, Hold::Other) || !slot.dir.exists() {
                continue;
            }
            // one that can't be read is being written
            if let Ok(record) = slot.dir.load()
                && (record.last_at, record.state) != (slot.record.last_at, slot.record.state)
            {
                slot.record = record;
                slot.loaded = true;
                slot.dirty.all = true;
                self.dirty = true;
            }
            if slot.open() {
                results.push(take_up(slot));
            } else {
                slot.hold = Hold::Nobody;
            }
            self.ledger_changed |= self.ledger.take(&slot.record);
        }
        for result in results {
            self.kept(result);
        }
    }

    /// Runs whose process has gone without a last word.
    pub(super) async fn look_for_lost(&mut self) {
        let mut silent = false;
        for slot in self.slots.values_mut() {
            if slot.record.state == RunState::Lost && slot.record.process.is_some() {
                self.dirty |= slot.look_for_left();
            }
            let Hold::Followed(followed) = &mut slot.hold else {
                continue;
            };
            if slot.record.state.ended() && slot.record.state != RunState::Lost {
                if followed.heard_at.elapsed() <= LAST_WORD {
                    continue;
                }
                slot.hold = Hold::Nobody;
                self.dirty = true;
                continue;
            }
            let late = followed
                .results_at
                .is_some_and(|at| at.elapsed() > LAST_WORD);
            if late && !slot.record.state.ended() {
                slot.record.ends_as_results_say();
                slot.hold = Hold::Nobody;
                slot.changed();
                self.dirty = true;
                continue;
            }
            silent |= followed.opener.is_none()
                || slot.cancelled
                || followed.heard_at.elapsed() > SILENCE;
        }
        let Some(log) = self.follower.as_ref().map(|f| f.path().to_owned()) else {
            return;
        };
        if !silent {
            return;
        }
        // reads every process of this user
        let look = tokio::task::spawn_blocking(move || {
            let log = std::fs::canonicalize(&log).unwrap_or(log);
            process::opened_by(&log)
        });
        let openers = look.await.unwrap_or_default();
        for slot in self.slots.values_mut() {
            let Hold::Followed(followed) = &mut slot.hold else {
                continue;
            };
            if slot.record.state.ended() {
                continue;
            }
            let silence = followed.heard_at.elapsed();
            let gone = match &openers {
                Some(list) => {
                    followed.opener = opener(list, slot.record.pid);
                    followed.opener.is_none() && (silence > SILENCE || slot.cancelled)
                }
                None => silence > LONG_SILENCE,
            };
            if gone && slot.cancelled {
                let (state, at) = (RunState::Cancelled, Utc::now());
                slot.record
                    .close(state, "interrupted, without a last word", at);
                slot.changed();
                self.dirty = true;
            } else if gone {
                slot.record.lose();
                slot.changed();
                self.dirty = true;
            }
        }
    }

    /// Writes down what has changed.
    pub(super) fn keep(&mut self) {
        let now = Instant::now();
        let mut results: Vec<_> = self.slots.values_mut().map(|s| s.save(now)).collect();
        if std::mem::take(&mut self.ledger_changed) {
            results.push(self.store.save_ledger(&self.ledger));
            self.dirty = true;
        }
        for result in results {
            self.kept(result);
        }
    }

    pub(super) fn save_all(&mut self) {
        self.ledger_changed = true;
        self.keep();
    }

    /// Lets go of the oldest ended runs.
    pub(super) fn forget_old(&mut self) {
        let mut ended: Vec<(DateTime<Utc>, RunKey)> = self
            .slots
            .iter()
            .filter(|(_, s)| matches!(s.hold, Hold::Nobody) && s.left.is_empty() && !s.open())
            .map(|(k, s)| (s.record.created_at, k.clone()))
            .collect();
        ended.sort();
        let surplus = ended.len().saturating_sub(KEEP_RUNS);
        for (_, key) in ended.into_iter().take(surplus) {
            if let Some(slot) = self.slots.remove(&key)
                && let Ok(Some(_lock)) = slot.dir.lock()
            {
                let removed = slot.dir.remove();
                self.kept(removed);
                self.dirty = true;
            }
        }
    }
}

/// The process that writes the log, when it is this run's.
fn opener(list: &[Opener], pid: Option<i32>) -> Option<Opener> {
    match pid {
        Some(pid) => list.iter().find(|o| o.pid == pid).copied(),
        // a text log does not say
        None => list.first().copied(),
    }
}

/// A run that goes on with nobody who writes it down: its dagtop is gone. dbt may be there still.
fn take_up(slot: &mut Slot) -> Result<(), StoreError> {
    let Some(_lock) = slot.dir.lock()? else {
        slot.hold = Hold::Other;
        return Ok(());
    };
    // its writer may have written more before it let go
    slot.record = slot.dir.load()?;
    if slot.open() {
        slot.record.lose();
        slot.changed();
    }
    slot.hold = Hold::Nobody;
    slot.look_for_left();
    Ok(())
}

impl Slot {
    /// Looks for processes that a dead dagtop left behind. Says whether there is any news.
    pub fn look_for_left(&mut self) -> bool {
        let mut left: Vec<i32> = Vec::new();
        if self.record.state == RunState::Lost && self.record.process.is_some() {
            left = process::left_behind(&invoke::marks(&self.dir), self.record.process);
        }
        let changed = left != self.left;
        self.left = left;
        changed
    }
}
