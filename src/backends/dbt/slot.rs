//! One run as the actor holds it: its record, who drives it, what of it was not told yet.

use std::collections::BTreeSet;

use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant};

use crate::backends::disk::{Lock, StoreError};
use crate::backends::process::{Opener, Order};
use crate::model::NodeCounts;

use super::record::{Record, Touched};
use super::said::Said;
use super::store::{LogFile, RunDir};

/// A going run is written down at most this often.
const SAVE: Duration = Duration::from_secs(2);

/// Who drives a run, and who writes it down.
#[derive(Debug)]
pub enum Hold {
    /// Started by this process.
    Ours {
        /// Held, never looked at.
        #[expect(dead_code)]
        lock: Lock,
        orders: mpsc::UnboundedSender<Order>,
        /// The end of what it said beside its log.
        complaint: String,
    },
    /// Started elsewhere; we write down what its log says.
    Followed(Followed),
    /// Another dagtop writes it down.
    Other,
    /// It has ended.
    Nobody,
}

#[derive(Debug)]
pub struct Followed {
    /// Held, never looked at.
    #[expect(dead_code)]
    pub lock: Lock,
    pub log: LogFile,
    /// When its log last said something.
    pub heard_at: Instant,
    /// When its results were read, and its log had not said yet how it ended.
    pub results_at: Option<Instant>,
    /// The process that writes it, where that was found.
    pub opener: Option<Opener>,
}

#[derive(Debug, Default)]
pub struct Dirty {
    pub run: bool,
    pub nodes: BTreeSet<usize>,
    pub all: bool,
}

#[derive(Debug)]
pub struct Slot {
    pub dir: RunDir,
    pub record: Record,
    pub hold: Hold,
    pub dirty: Dirty,
    /// Processes of a lost run of a dagtop that are still there.
    pub left: Vec<i32>,
    /// Some of its processes survived KILL.
    pub unkillable: bool,
    /// A person asked for its end.
    pub cancelled: bool,
    /// The nodes of the record are in memory; else only their counts are.
    pub loaded: bool,
    /// The engine has heard of it.
    pub told: bool,
    /// How many nodes the shape had when it was told, and when that was.
    pub shaped: (usize, Option<Instant>),
    counts: NodeCounts,
    saved_at: Option<Instant>,
    unsaved: bool,
    over: watch::Sender<bool>,
}

impl Slot {
    pub fn new(dir: RunDir, record: Record, hold: Hold) -> Self {
        Self {
            counts: record.counts(),
            over: watch::channel(record.state.ended()).0,
            dir,
            record,
            hold,
            dirty: Dirty {
                all: true,
                ..Dirty::default()
            },
            left: Vec::new(),
            unkillable: false,
            cancelled: false,
            loaded: true,
            told: false,
            shaped: (0, None),
            saved_at: None,
            unsaved: false,
        }
    }

    pub fn ours(&self) -> bool {
        matches!(self.hold, Hold::Ours { .. })
    }

    /// Going, and a child of this process.
    pub fn driven(&self) -> bool {
        self.ours() && !self.record.state.ended()
    }

    /// Going, as far as anyone here can tell.
    pub fn open(&self) -> bool {
        !self.record.state.ended()
    }

    pub fn counts(&self) -> NodeCounts {
        if self.loaded {
            self.record.counts()
        } else {
            self.counts
        }
    }

    /// Whether it is over, for whoever follows its log.
    pub fn over(&self) -> watch::Receiver<bool> {
        self.over.subscribe()
    }

    pub fn apply(&mut self, said: &Said) -> Touched {
        let touched = self.record.apply(said);
        match touched {
            Touched::Nothing => {}
            Touched::Run => self.dirty.run = true,
            Touched::Node(index) => {
                self.dirty.run = true;
                self.dirty.nodes.insert(index);
            }
        }
        self.unsaved |= touched != Touched::Nothing;
        touched
    }

    /// The record was changed by other than a line.
    pub fn changed(&mut self) {
        self.dirty.all = true;
        self.unsaved = true;
    }

    /// Writes the record down when it is due: at once when it is over.
    pub fn save(&mut self, now: Instant) -> Result<(), StoreError> {
        let over = self.record.state.ended();
        self.over.send_replace(over);
        let due = self.saved_at.is_none_or(|at| now - at >= SAVE);
        if !self.unsaved || !(over || due) || matches!(self.hold, Hold::Other) || !self.loaded {
            return Ok(());
        }
        self.unsaved = false;
        self.saved_at = Some(now);
        self.dir.save(&self.record)
    }

    /// Lets go of the nodes: they are on disk.
    pub fn unload(&mut self) {
        let idle = matches!(self.hold, Hold::Nobody) && !self.unsaved && self.left.is_empty();
        if self.loaded && idle && self.record.state.ended() && !self.dirty() {
            self.counts = self.record.counts();
            self.record.nodes = indexmap::IndexMap::new();
            self.loaded = false;
        }
    }

    /// Reads the nodes again.
    pub fn load(&mut self) -> Result<(), StoreError> {
        if !self.loaded {
            self.record = self.dir.load()?;
            self.loaded = true;
        }
        Ok(())
    }

    /// Whether anything happened since it was last told.
    pub fn dirty(&self) -> bool {
        self.dirty.run || self.dirty.all || !self.dirty.nodes.is_empty()
    }
}
