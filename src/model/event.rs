//! Observations. Only an event changes the world.

use chrono::{DateTime, Utc};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    ActionId, ActionStatus, BackendId, BackendStatus, Capabilities, Check, Component, Detail,
    LogKey, Node, NodeId, NodeKey, Notice, Pipeline, PipelineKey, Queue, Run, RunKey, SafeText,
    Topology,
};

/// An event with its sender and the time it was observed (our clock).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    pub backend: BackendId,
    pub at: DateTime<Utc>,
    pub event: Event,
}

/// One observation from a backend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Status(BackendStatus),
    /// Not written down: it is code.
    #[serde(skip_deserializing)]
    Capabilities(Capabilities),
    /// Pipelines as listed. `complete`: what is not in the list is gone.
    Pipelines {
        list: Vec<Pipeline>,
        complete: bool,
    },
    /// Runs of any pipelines. A run replaces the one with its key.
    Runs {
        list: Vec<Run>,
    },
    /// Every run of a pipeline that the backend still has among its newest; older ones are gone.
    RunsComplete {
        pipeline: PipelineKey,
        list: Vec<Run>,
    },
    /// The shape of a run.
    Topology {
        run: RunKey,
        topology: Topology,
    },
    /// Nodes of a run. `complete`: all there are, what is not in the list is gone; else a delta.
    Nodes {
        run: RunKey,
        list: Vec<Node>,
        complete: bool,
    },
    Detail {
        node: NodeKey,
        detail: Detail,
    },
    Log(LogChunk),
    Queues(Vec<Queue>),
    Components(Vec<Component>),
    Notices(Vec<Notice>),
    /// Every check of data that is bad, worst first, and those worth seeing while they are good.
    Checks(Vec<Check>),
    Action {
        id: ActionId,
        status: ActionStatus,
    },
    /// Something that could not be read, beside everything that could.
    BadRecord {
        what: SafeText,
    },
}

/// A piece of the log of one attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogChunk {
    pub key: LogKey,
    pub update: LogUpdate,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogUpdate {
    /// Follows what was sent before.
    Append(Vec<u8>),
    /// What was sent before is void: the log begins again with this.
    Replace(Vec<u8>),
    /// The log is this file of this machine, to be read where it is. What was sent before is void, unless it was the
    /// same file. Absolute.
    File(PathBuf),
    /// There is more in its file.
    Grown,
    /// Nothing more will come.
    End,
    /// So much is missing, and why.
    Lost(SafeText),
    /// Could not be read; what is there stays.
    Failed(SafeText),
}

/// What is on screen: tells a backend what to follow closely. The engine sends one to every backend
/// whenever it changes; a backend sees only what is its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Focus {
    /// Runs in view: followed closely, with topology and all nodes.
    pub runs: Vec<RunKey>,
    /// Logs in view: followed until they end.
    pub logs: Vec<LogKey>,
    /// Logs whose content is wanted once, up to their end as it is now: first errors of the fleet.
    pub tails: Vec<LogKey>,
    /// The node whose details are open.
    pub detail: Option<NodeKey>,
    /// The pipeline whose older runs and parameters are wanted.
    pub pipeline: Option<PipelineKey>,
    /// Nobody looks: poll coarsely.
    pub hidden: bool,
}

impl Focus {
    /// The part of it that belongs to one backend.
    #[must_use]
    pub fn only(&self, backend: &BackendId) -> Self {
        Self {
            runs: self
                .runs
                .iter()
                .filter(|k| k.backend() == backend)
                .cloned()
                .collect(),
            logs: self
                .logs
                .iter()
                .filter(|k| k.backend() == backend)
                .cloned()
                .collect(),
            tails: self
                .tails
                .iter()
                .filter(|k| k.backend() == backend)
                .cloned()
                .collect(),
            detail: self.detail.clone().filter(|k| k.backend() == backend),
            pipeline: self.pipeline.clone().filter(|k| &k.backend == backend),
            hidden: self.hidden,
        }
    }

    /// Whether a node's log is wanted in any way.
    pub fn wants_log(&self, run: &RunKey, node: &NodeId) -> bool {
        self.logs
            .iter()
            .chain(&self.tails)
            .any(|k| &k.node.run == run && &k.node.node == node)
    }
}
