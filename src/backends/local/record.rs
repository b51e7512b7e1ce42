//! What is remembered of a run: a header written once and the entries of its journal. An entry is
//! the only thing that changes a record, so a run read back from disk is what it was in memory.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::backends::process::ProcessId;
use crate::model::{NodeState, Progress, RunState, Usage};

use super::definition::{Definition, NodeDef, Shape};

/// Written once, when the run is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Of this layout on disk.
    pub version: u32,
    pub run: String,
    pub created_at: DateTime<Utc>,
    /// When the schedule wanted it.
    pub due: Option<DateTime<Utc>>,
    pub cause: String,
    pub params: Vec<(String, String)>,
    pub definition: Definition,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub at: DateTime<Utc>,
    #[serde(flatten)]
    pub fact: Fact,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    Run {
        state: RunState,
    },
    Node {
        node: String,
        state: NodeState,
        /// In words: "queued", "marked by hand".
        native: String,
    },
    Started {
        node: String,
        attempt: u32,
        process: Option<ProcessId>,
    },
    Ended {
        node: String,
        attempt: u32,
        end: AttemptEnd,
    },
    /// A person allows this many attempts in all.
    Budget {
        node: String,
        attempts: u32,
    },
    Note {
        node: Option<String>,
        text: String,
    },
    /// From here on the commands are these.
    Definition {
        definition: Box<Definition>,
    },
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptEnd {
    /// Succeeded, Failed, Retrying (failed, another follows), Cancelled.
    pub state: NodeState,
    /// "exit 1", "killed by signal 9", "timed out after 5s".
    pub native: String,
    pub exit: Option<i32>,
    pub signal: Option<i32>,
    pub progress: Option<Progress>,
    pub metrics: Vec<(String, f64)>,
    pub usage: Option<Usage>,
    pub note: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRecord {
    pub number: u32,
    pub queued_at: Option<DateTime<Utc>>,
    pub started_at: DateTime<Utc>,
    pub process: Option<ProcessId>,
    /// When and how; `None` while it runs, and for good when nobody was there to see it.
    pub end: Option<(DateTime<Utc>, AttemptEnd)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NodeRecord {
    pub state: NodeState,
    pub native: String,
    pub changed_at: Option<DateTime<Utc>>,
    pub queued_at: Option<DateTime<Utc>>,
    pub attempts: Vec<AttemptRecord>,
    pub max_attempts: u32,
    pub note: Option<String>,
    pub progress: Option<Progress>,
    pub metrics: Vec<(String, f64)>,
    pub usage: Option<Usage>,
}

impl NodeRecord {
    fn new(def: &NodeDef) -> Self {
        Self {
            state: NodeState::Pending,
            native: NodeState::Pending.word().to_owned(),
            changed_at: None,
            queued_at: None,
            attempts: Vec::new(),
            max_attempts: def.retries.saturating_add(1),
            note: None,
            progress: None,
            metrics: Vec::new(),
            usage: None,
        }
    }

    /// The attempt that was started last and has not been seen to end.
    pub fn open_attempt(&self) -> Option<&AttemptRecord> {
        self.attempts.last().filter(|a| a.end.is_none())
    }

    pub fn attempt(&self) -> u32 {
        self.attempts.last().map_or(0, |a| a.number)
    }
}

/// One run.
#[derive(Clone, Debug)]
pub struct RunRecord {
    pub header: Header,
    pub definition: Arc<Definition>,
    pub shape: Arc<Shape>,
    pub state: RunState,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub note: Option<String>,
    /// As `shape.tasks`.
    pub nodes: Vec<NodeRecord>,
    /// When it was last heard of.
    pub last_at: DateTime<Utc>,
}

impl RunRecord {
    pub fn new(header: Header) -> Self {
        let definition = Arc::new(header.definition.clone());
        let shape = Arc::new(Shape::of(&definition));
        let nodes = shape
            .tasks
            .iter()
            .filter_map(|t| definition.nodes.get(t.def))
            .map(NodeRecord::new)
            .collect();
        Self {
            last_at: header.created_at,
            header,
            definition,
            shape,
            state: RunState::Queued,
            started_at: None,
            ended_at: None,
            note: None,
            nodes,
        }
    }

    pub fn def_of(&self, task: usize) -> Option<&NodeDef> {
        self.definition.nodes.get(self.shape.tasks.get(task)?.def)
    }

    pub fn node(&self, id: &str) -> Option<&NodeRecord> {
        self.nodes.get(self.shape.task(id)?)
    }

    /// Which task an entry is about.
    pub fn apply(&mut self, entry: &Entry) -> Option<usize> {
        let at = entry.at;
        self.last_at = self.last_at.max(at);
        let index = match &entry.fact {
            Fact::Run { state } => {
                self.run_is(*state, at);
                return None;
            }
            Fact::Note { node: None, text } => {
                self.note = Some(text.clone());
                return None;
            }
            Fact::Definition { definition } => {
                let shape = Shape::of(definition);
                if shape.fits(&self.shape) {
                    self.definition = Arc::new((**definition).clone());
                    self.shape = Arc::new(shape);
                }
                return None;
            }
            Fact::Node { node, .. }
            | Fact::Started { node, .. }
            | Fact::Ended { node, .. }
            | Fact::Budget { node, .. }
            | Fact::Note {
                node: Some(node), ..
            } => self.shape.task(node)?,
        };
        let node = self.nodes.get_mut(index)?;
        match &entry.fact {
            Fact::Node { state, native, .. } => {
                node.state = *state;
                native.clone_into(&mut node.native);
                node.changed_at = Some(at);
                match state {
                    NodeState::Queued => node.queued_at = Some(at),
                    NodeState::Pending => {
                        node.queued_at = None;
                        node.progress = None;
                        node.metrics.clear();
                        node.usage = None;
                    }
                    _ => {}
                }
            }
            Fact::Started {
                attempt, process, ..
            } => {
                node.state = NodeState::Running;
                NodeState::Running.word().clone_into(&mut node.native);
                node.changed_at = Some(at);
                node.progress = None;
                node.metrics.clear();
                node.usage = None;
                node.attempts.push(AttemptRecord {
                    number: *attempt,
                    queued_at: node.queued_at,
                    started_at: at,
                    process: *process,
                    end: None,
                });
            }
            Fact::Ended { attempt, end, .. } => {
                node.state = end.state;
                node.native.clone_from(&end.native);
                node.changed_at = Some(at);
                node.progress = end.progress;
                node.metrics.clone_from(&end.metrics);
                node.usage = end.usage;
                if end.note.is_some() {
                    node.note.clone_from(&end.note);
                }
                if let Some(known) = node.attempts.iter_mut().find(|a| a.number == *attempt) {
                    known.end = Some((at, end.clone()));
                }
            }
            Fact::Budget { attempts, .. } => node.max_attempts = *attempts,
            Fact::Note { text, .. } => node.note = Some(text.clone()),
            Fact::Run { .. } | Fact::Definition { .. } => {}
        }
        Some(index)
    }

    fn run_is(&mut self, state: RunState, at: DateTime<Utc>) {
        self.state = state;
        if state.ended() {
            self.ended_at = Some(at);
        } else {
            self.ended_at = None;
            if state == RunState::Running {
                self.started_at.get_or_insert(at);
            }
        }
    }
}
