//! Owns all logs and the memory they share.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::file::Advance;
use super::gap::Reason;
use super::log::Log;
use super::record::Tags;
use super::segment::Place;
use super::spill::Spill;
use crate::model::SafeText;

/// Memory over all logs, in bytes.
pub const DEFAULT_LIMIT: usize = 64 << 20;

/// Bytes read between two looks at the memory.
const STEP: usize = 256 << 10;
/// Bytes of a segment at most; less in a small store, so that letting one go is little.
const SEGMENT: usize = 1 << 20;

/// Logs by key, within a bound. When it is reached, the oldest text goes to disk, where there is a place for it,
/// and else is dropped: that of logs nobody looks at first, the longest untouched one before the others.
#[derive(Debug)]
pub struct LogStore<K> {
    logs: HashMap<K, Log>,
    focus: HashSet<K>,
    limit: usize,
    cost: usize,
    clock: u64,
    spill: Option<Spill>,
}

impl<K> Default for LogStore<K> {
    fn default() -> Self {
        Self::new(DEFAULT_LIMIT)
    }
}

impl<K> LogStore<K> {
    /// A store of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            logs: HashMap::new(),
            focus: HashSet::new(),
            limit,
            cost: 0,
            clock: 0,
            spill: None,
        }
    }

    /// With a place on disk for what has no room in memory.
    #[must_use]
    pub fn with_spill(mut self, spill: Spill) -> Self {
        self.spill = Some(spill);
        self
    }

    /// Memory used, in bytes, roughly.
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// Bytes on disk.
    pub fn spilled(&self) -> u64 {
        self.spill.as_ref().map_or(0, Spill::used)
    }

    fn segment(&self) -> usize {
        (self.limit / 64).clamp(1 << 10, SEGMENT)
    }
}

impl<K: Clone + Eq + Hash + Ord> LogStore<K> {
    /// More bytes of a log, in chunks of any size, cut anywhere.
    pub fn append(&mut self, key: &K, bytes: &[u8]) {
        let segment = self.segment();
        if bytes.is_empty() {
            self.change(key, |_| {});
        }
        for step in bytes.chunks(STEP) {
            self.change(key, |log| log.append(step, segment));
            self.make_room(key);
        }
    }

    /// The log begins again: what was there is void.
    pub fn reset(&mut self, key: &K) {
        self.change(key, Log::reset);
    }

    /// Nothing more will come.
    pub fn finish(&mut self, key: &K) {
        let segment = self.segment();
        self.change(key, |log| log.finish(segment));
        self.make_room(key);
    }

    /// Something is missing here: `12 MB cut by the server`.
    pub fn note_lost(&mut self, key: &K, what: SafeText) {
        let segment = self.segment();
        let text = SafeText::new(format!("… {what}"));
        self.change(key, |log| log.note(&text, segment));
        self.make_room(key);
    }

    /// A log that is a file: it is read where it is and not copied. [`LogStore::advance`] reads it and what is
    /// written to it later; a log that was there under this key is gone.
    pub fn open_file(&mut self, key: &K, path: impl AsRef<Path>) -> io::Result<()> {
        let file = Log::open_file(path.as_ref())?;
        self.change(key, |log| {
            let (tags, epoch) = (log.tags().clone(), log.epoch + 1);
            *log = file;
            log.epoch = epoch;
            log.set_tags(tags);
        });
        Ok(())
    }

    /// As [`LogStore::open_file`], but a log that is this file already is only read on.
    pub fn follow_file(&mut self, key: &K, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let same = |log: &Log| log.is_file(path) && !log.is_cut();
        match self.logs.get(key).is_some_and(same) {
            true => Ok(()),
            false => self.open_file(key, path),
        }
    }

    /// Reads about `budget` bytes of a file on: half a MB takes about a millisecond. Call it until it has caught up,
    /// and again to follow what is written; a log that is no file has always caught up.
    pub fn advance(&mut self, key: &K, budget: u64) -> io::Result<Advance> {
        let Some(log) = self.logs.get_mut(key) else {
            return Ok(Advance {
                caught_up: true,
                ..Advance::default()
            });
        };
        let (cost, end, tail) = (log.cost(), log.numbers(), log.tail.clone());
        let advance = log.advance(budget);
        // an idle file changes nothing
        if log.numbers() != end || log.tail != tail {
            self.clock += 1;
            log.set_revision(self.clock);
        }
        self.cost = self.cost + log.cost() - cost;
        self.make_room(key);
        advance
    }

    /// Gets a log that is not in memory ready to be searched, for when there is nothing else to do: reads about
    /// `budget` bytes of it, a MB in half a millisecond. True while there is more.
    pub fn prepare(&mut self, key: &K, budget: u64) -> bool {
        let Some(log) = self.logs.get_mut(key) else {
            return false;
        };
        let before = log.cost();
        let more = log.prepare(budget);
        self.cost = self.cost + log.cost() - before;
        self.make_room(key);
        more
    }

    /// What holds for every record of a log, for searching.
    pub fn set_tags(&mut self, key: &K, tags: Tags) {
        self.change(key, |log| log.set_tags(tags));
    }

    /// About when a log was written, for times that name no year.
    pub fn set_written(&mut self, key: &K, about: chrono::DateTime<chrono::Utc>) {
        self.change(key, |log| log.near = Some(about.timestamp_micros()));
    }

    pub fn get(&self, key: &K) -> Option<&Log> {
        self.logs.get(key)
    }

    /// Logs in view: let go last.
    pub fn set_focus(&mut self, keys: impl IntoIterator<Item = K>) {
        self.focus = keys.into_iter().collect();
    }

    /// Forgets logs whose runs are gone.
    pub fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.logs.retain(|key, _| keep(key));
        self.cost = self.logs.values().map(Log::cost).sum();
    }

    /// Removes text from disk that has been there for too long.
    pub fn expire(&mut self, now: SystemTime) {
        let Some(age) = self
            .spill
            .as_ref()
            .filter(|s| s.used() > 0)
            .map(Spill::keep)
        else {
            return;
        };
        let keys: Vec<K> = self.logs.keys().cloned().collect();
        for key in keys {
            let old = |log: &Log| {
                let Place::Spilled(spilled) = &log.segments.front()?.place else {
                    return None;
                };
                let since = now.duration_since(spilled.since).ok()?;
                (since > age).then_some(())
            };
            while self.logs.get(&key).and_then(old).is_some() {
                self.change(&key, |log| {
                    log.drop_oldest(Reason::Age);
                });
            }
        }
    }

    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.logs.keys()
    }

    fn change(&mut self, key: &K, change: impl FnOnce(&mut Log)) {
        self.clock += 1;
        if !self.logs.contains_key(key) {
            self.logs.insert(key.clone(), Log::default());
        }
        if let Some(log) = self.logs.get_mut(key) {
            let before = log.cost();
            change(log);
            log.set_revision(self.clock);
            self.cost = self.cost + log.cost() - before;
        }
    }

    fn make_room(&mut self, current: &K) {
        // One log nobody looks at must not push out all others.
        let half = self.limit / 2;
        while !self.focus.contains(current)
            && self.logs.get(current).is_some_and(|log| log.cost() > half)
            && self.relieve(&current.clone())
        {}
        while self.cost > self.limit {
            let idle = self
                .logs
                .iter()
                .filter(|(key, log)| {
                    *key != current && !self.focus.contains(*key) && log.can_shrink()
                })
                .min_by_key(|(_, log)| log.revision());
            let all = || self.logs.iter().filter(|(_, log)| log.can_shrink());
            let victim = idle.or_else(|| all().max_by_key(|(_, log)| log.cost()));
            let Some(key) = victim.map(|(key, _)| key.clone()) else {
                return;
            };
            if !self.relieve(&key) {
                return;
            }
        }
    }

    /// Takes the oldest text of a log out of memory; whether there was any.
    fn relieve(&mut self, key: &K) -> bool {
        let text = self.logs.get(key).and_then(Log::oldest_in_memory);
        let reason = match (text, &mut self.spill) {
            (Some(len), Some(spill)) => {
                if spill.is_full(len) {
                    return match self.oldest_on_disk() {
                        Some(key) => self.drop_oldest(&key, Reason::Full),
                        None => self.drop_oldest(key, Reason::Full),
                    };
                }
                let Some(log) = self.logs.get_mut(key) else {
                    return false;
                };
                let before = log.cost();
                let done = log.spill(spill);
                self.cost = self.cost + log.cost() - before;
                match done {
                    Ok(true) => return true,
                    Ok(false) => Reason::Memory,
                    Err(error) => Reason::Disk(error.to_string()),
                }
            }
            _ => Reason::Memory,
        };
        // rows are worth more than what makes it fast to search them
        let mut relieved = false;
        self.change(key, |log| relieved = log.drop_digests());
        relieved || self.drop_oldest(key, reason)
    }

    fn drop_oldest(&mut self, key: &K, reason: Reason) -> bool {
        let mut dropped = false;
        self.change(key, |log| dropped = log.drop_oldest(reason));
        dropped
    }

    /// The log that begins on disk and was not touched for longest; those in view last.
    fn oldest_on_disk(&self) -> Option<K> {
        let begins = |log: &Log| {
            let front = log.segments.front();
            front.is_some_and(|s| matches!(s.place, Place::Spilled(_)))
        };
        self.logs
            .iter()
            .filter(|(_, log)| begins(log))
            .min_by_key(|(key, log)| (self.focus.contains(*key), log.revision()))
            .map(|(key, _)| key.clone())
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
