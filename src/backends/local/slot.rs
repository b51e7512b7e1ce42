//! One run as the actor holds it: its record, who drives it, what is alive of it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::backends::disk::StoreError;
use crate::backends::process::{self, Order, ProcessId};
use crate::model::{NodeState, RunState, Usage};

use super::definition::Definition;
use super::file::variable;
use super::process::{Ended, Spec, marks};
use super::record::{AttemptEnd, Entry, Fact, RunRecord};
use super::store::{Journal, RunDir};

/// Who drives a run.
#[derive(Debug)]
pub enum Hold {
    /// This process.
    Ours(Journal),
    /// Another dagtop: we only read.
    Other { pid: Option<i32> },
    /// It has ended.
    Nobody,
}

/// A running attempt of ours.
#[derive(Debug)]
pub struct Live {
    pub attempt: u32,
    pub process: ProcessId,
    pub orders: mpsc::UnboundedSender<Order>,
    pub usage: Option<Usage>,
}

#[derive(Debug)]
pub struct Slot {
    pub dir: RunDir,
    pub record: RunRecord,
    pub hold: Hold,
    pub live: HashMap<usize, Live>,
    /// When nodes in `Retrying` are tried again.
    pub retry_at: HashMap<usize, Instant>,
    /// A person cancelled the run as a whole.
    pub cancelled: bool,
    /// Processes of a lost run that are still there.
    pub left: Vec<i32>,
    /// Nodes of which some process survived KILL.
    pub unkillable: usize,
    /// Size of the journal when it was last read or written.
    pub seen: u64,
    /// Changed since it was last told to the engine.
    pub dirty: Dirty,
    /// Something happened from which more may follow.
    pub unsettled: bool,
    /// Whoever follows the log of an attempt that may still write: node, attempt.
    followers: HashMap<(usize, u32), watch::Sender<bool>>,
}

#[derive(Debug, Default)]
pub struct Dirty {
    pub run: bool,
    pub nodes: BTreeSet<usize>,
    pub all: bool,
}

impl Slot {
    pub fn new(dir: RunDir, record: RunRecord, hold: Hold) -> Self {
        Self {
            seen: dir.journal_size(),
            dir,
            record,
            hold,
            live: HashMap::new(),
            retry_at: HashMap::new(),
            cancelled: false,
            left: Vec::new(),
            unkillable: 0,
            dirty: Dirty::default(),
            unsettled: true,
            followers: HashMap::new(),
        }
    }

    pub fn ours(&self) -> bool {
        matches!(self.hold, Hold::Ours(_))
    }

    /// Going, and driven by us.
    pub fn driven(&self) -> bool {
        self.ours() && !self.record.state.ended()
    }

    /// Writes a fact down and lets it count. What can't be written still counts in memory: a full
    /// disk must not stop a pause.
    pub fn note(&mut self, fact: Fact) -> Result<(), StoreError> {
        self.note_at(Utc::now(), fact)
    }

    pub fn note_at(&mut self, at: DateTime<Utc>, fact: Fact) -> Result<(), StoreError> {
        let entry = Entry { at, fact };
        let written = match &mut self.hold {
            Hold::Ours(journal) => journal.write(&entry),
            Hold::Other { .. } | Hold::Nobody => Ok(()),
        };
        self.seen = self.dir.journal_size();
        if let Some(node) = self.record.apply(&entry) {
            self.dirty.nodes.insert(node);
        }
        // a run carries the counts of its nodes
        self.dirty.run = true;
        self.unsettled = true;
        self.release_followers();
        written
    }

    /// Says whether the attempt may still write.
    pub fn follow(&mut self, node: usize, attempt: u32) -> watch::Receiver<bool> {
        let open = self.writing(node, attempt);
        if !open {
            return watch::channel(true).1;
        }
        self.followers
            .entry((node, attempt))
            .or_insert_with(|| watch::channel(false).0)
            .subscribe()
    }

    /// Whether an attempt is open and somebody drives it; one that has yet to begin counts.
    fn writing(&self, node: usize, attempt: u32) -> bool {
        if self.record.state.ended() {
            return false;
        }
        let known = self.record.nodes.get(node);
        known.is_some_and(|n| {
            n.attempts
                .iter()
                .find(|a| a.number == attempt)
                .map_or(n.attempt() < attempt, |a| a.end.is_none())
        })
    }

    /// Lets those go whose attempt has ended.
    pub fn release_followers(&mut self) {
        let over: Vec<(usize, u32)> = self
            .followers
            .keys()
            .copied()
            .filter(|(node, attempt)| !self.writing(*node, *attempt))
            .collect();
        for key in over {
            if let Some(follower) = self.followers.remove(&key) {
                // nobody may be left to hear it
                let _ = follower.send(true);
            }
        }
    }

    /// Running attempts that use a slot: a stopped one does not.
    pub fn busy(&self) -> usize {
        self.live
            .keys()
            .filter(|t| self.record.nodes[**t].state != NodeState::Paused)
            .count()
    }

    pub fn in_state(&self, state: NodeState) -> Vec<usize> {
        let order = self.record.shape.order.iter().copied();
        order
            .filter(|t| self.record.nodes[*t].state == state)
            .collect()
    }

    pub fn id(&self, task: usize) -> String {
        self.record.shape.tasks[task].id.clone()
    }

    /// What to run for the next attempt of a node.
    pub fn spec(&self, task: usize, attempt: u32, grace: Duration) -> Option<Spec> {
        let def = self.record.def_of(task)?;
        let boxed = self.record.shape.tasks.get(task)?;
        let pipeline: &Definition = &self.record.definition;
        let own = |k: &str, v: String| (k.to_owned(), v);
        let header = &self.record.header;
        let mut env: Vec<(String, String)> = header
            .params
            .iter()
            .map(|(name, value)| (variable(name), value.clone()))
            .collect();
        env.extend(pipeline.env.iter().chain(&def.env).cloned());
        env.push(own("DAGTOP_PIPELINE", pipeline.name.clone()));
        env.push(own("DAGTOP_RUN", header.run.clone()));
        env.push(own("DAGTOP_ATTEMPT", attempt.to_string()));
        if let Some((index, item)) = &boxed.item {
            env.push(own("DAGTOP_INDEX", index.to_string()));
            env.push(own("DAGTOP_ITEM", item.clone()));
        }
        Some(Spec {
            name: boxed.id.clone(),
            script: def.run.clone(),
            cwd: def.cwd.as_ref().unwrap_or(&pipeline.cwd).clone(),
            env,
            marks: marks(self.mark(), Some(boxed.id.clone())),
            log: self.dir.log(&boxed.id, attempt),
            timeout: def.timeout,
            grace,
        })
    }

    /// What an attempt's end means for its node.
    pub fn judge(&self, task: usize, ended: Ended, usage: Option<Usage>) -> AttemptEnd {
        let node = &self.record.nodes[task];
        let def = self.record.def_of(task);
        let fine = ended.exit == Some(0) && !ended.timed_out;
        let state = if ended.cancelled {
            NodeState::Cancelled
        } else if fine {
            NodeState::Succeeded
        } else if node.attempt() < node.max_attempts && !self.cancelled {
            NodeState::Retrying
        } else {
            NodeState::Failed
        };
        let limit = def.and_then(|d| d.timeout).unwrap_or_default();
        let native = match (&ended, ended.exit, ended.signal) {
            (e, ..) if e.cancelled => "cancelled".to_owned(),
            (e, ..) if e.timed_out => format!("timed out after {limit:?}"),
            (_, Some(code), _) => format!("exit {code}"),
            (_, _, Some(signal)) => format!("killed by signal {signal}"),
            _ => "could not be started".to_owned(),
        };
        AttemptEnd {
            state,
            native,
            exit: ended.exit,
            signal: ended.signal,
            progress: ended.last.progress,
            metrics: ended.last.metrics,
            usage,
            note: ended.note,
        }
    }

    /// What the processes of this run carry.
    fn mark(&self) -> String {
        self.dir.work().to_string_lossy().into_owned()
    }

    /// Marks of the processes a dead driver left behind, looked for among those alive.
    pub fn look_for_left(&mut self) -> bool {
        let mut left: Vec<i32> = Vec::new();
        if self.record.state == RunState::Lost {
            let open = self.record.nodes.iter().filter_map(|n| n.open_attempt());
            left = process::left_behind(&marks(self.mark(), None), open.filter_map(|a| a.process));
        }
        let changed = left != self.left;
        self.left = left;
        changed
    }
}

impl Slot {
    /// Whether anything happened since it was last told.
    pub fn dirty(&self) -> bool {
        self.dirty.run || self.dirty.all || !self.dirty.nodes.is_empty()
    }
}
