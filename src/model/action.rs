//! Actions and plans: what a person asks for, what exactly it will hit, what became of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{BackendId, NodeKey, NodeState, PipelineKey, QueueKey, RunKey, SafeText};

/// What can be done to a pipeline, a run or a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Pause,
    Resume,
    Cancel,
    Retry,
    /// Start the whole run again from its first node.
    Restart,
    Trigger,
    /// Set a node's state by hand.
    Mark,
    Note,
    /// Cancel everything that is active in a pipeline or a backend.
    Stop,
    /// Set how many a queue lets run at once.
    Limit,
}

impl Action {
    pub const ALL: [Self; 10] = [
        Self::Pause,
        Self::Resume,
        Self::Cancel,
        Self::Retry,
        Self::Restart,
        Self::Trigger,
        Self::Mark,
        Self::Note,
        Self::Stop,
        Self::Limit,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Restart => "restart",
            Self::Trigger => "trigger",
            Self::Mark => "mark",
            Self::Note => "note",
            Self::Stop => "stop",
            Self::Limit => "limit",
        }
    }

    /// What is shown between the request and its confirmation.
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Pause => "pausing",
            Self::Resume => "resuming",
            Self::Cancel => "cancelling",
            Self::Retry => "retrying",
            Self::Restart => "restarting",
            Self::Trigger => "triggering",
            Self::Mark => "marking",
            Self::Note => "noting",
            Self::Stop => "stopping",
            Self::Limit => "limiting",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    Backend,
    Queue,
    Pipeline,
    Run,
    Node,
}

/// What an action is aimed at, by id, fixed at the key press.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    Backend(BackendId),
    /// A pool, a queue, a concurrency limit.
    Queue(QueueKey),
    Pipeline(PipelineKey),
    Run(RunKey),
    /// A node, or a group (all its members).
    Node(NodeKey),
}

impl Target {
    pub const fn kind(&self) -> TargetKind {
        match self {
            Self::Backend(_) => TargetKind::Backend,
            Self::Queue(_) => TargetKind::Queue,
            Self::Pipeline(_) => TargetKind::Pipeline,
            Self::Run(_) => TargetKind::Run,
            Self::Node(_) => TargetKind::Node,
        }
    }

    pub fn backend(&self) -> &BackendId {
        match self {
            Self::Backend(id) => id,
            Self::Queue(key) => &key.backend,
            Self::Pipeline(key) => &key.backend,
            Self::Run(key) => key.backend(),
            Self::Node(key) => key.backend(),
        }
    }

    /// As it is typed on a command line: `BACKEND/PIPELINE/RUN/NODE`, a slash inside a name as %2F.
    pub fn address(&self) -> String {
        let mut parts = vec![self.backend().raw()];
        parts.extend(self.pipeline().map(|key| key.pipeline.raw()));
        parts.extend(self.run().map(|key| key.run.raw()));
        if let Self::Node(key) = self {
            parts.push(key.node.raw());
        }
        let encode = |part: &str| part.replace('%', "%25").replace('/', "%2F");
        let parts: Vec<String> = parts.into_iter().map(encode).collect();
        parts.join("/")
    }

    pub fn pipeline(&self) -> Option<&PipelineKey> {
        match self {
            Self::Backend(_) | Self::Queue(_) => None,
            Self::Pipeline(key) => Some(key),
            Self::Run(key) => Some(&key.pipeline),
            Self::Node(key) => Some(&key.run.pipeline),
        }
    }

    pub fn run(&self) -> Option<&RunKey> {
        match self {
            Self::Backend(_) | Self::Queue(_) | Self::Pipeline(_) => None,
            Self::Run(key) => Some(key),
            Self::Node(key) => Some(&key.run),
        }
    }

    /// "orders_daily / run id / node", for dialogs, notices and the audit.
    pub fn label(&self) -> SafeText {
        match self {
            Self::Backend(id) => id.safe(),
            Self::Queue(key) => key.queue.safe(),
            Self::Pipeline(key) => key.pipeline.safe(),
            Self::Run(key) => SafeText::new(format!(
                "{} / {}",
                key.pipeline.pipeline.raw(),
                key.run.raw()
            )),
            Self::Node(key) => SafeText::new(format!(
                "{} / {} / {}",
                key.run.pipeline.pipeline.raw(),
                key.run.run.raw(),
                key.node.raw()
            )),
        }
    }
}

/// How far around its target an action reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scope {
    pub upstream: bool,
    pub downstream: bool,
    /// Only nodes that failed or are blocked.
    pub only_failed: bool,
}

/// The choices of a person beyond action and target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ActionOptions {
    pub scope: Scope,
    /// For trigger: name and JSON value.
    pub params: Vec<(String, serde_json::Value)>,
    /// For trigger: the client's own run id, so that sending twice starts one run.
    pub run_id: Option<String>,
    /// For mark: the state wanted (succeeded, failed, skipped).
    pub mark: Option<NodeState>,
    /// For note.
    pub note: Option<String>,
    /// For limit.
    #[serde(default)]
    pub limit: Option<u64>,
}

/// Which request an answer belongs to. Given out by the engine, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ActionId(pub u64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionRequest {
    pub id: ActionId,
    pub action: Action,
    pub target: Target,
    pub options: ActionOptions,
}

/// One thing that an action will hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// "load [3]", "orders_daily".
    pub name: SafeText,
    /// What it is now, in the backend's word.
    pub now: SafeText,
    /// What it will be.
    pub then: SafeText,
}

/// An action with the exact list of what it will hit, made by the backend (its own dry run where it has one).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub request: ActionRequest,
    /// One sentence: "Clears 3 task instances of run X; the scheduler starts them again."
    pub summary: SafeText,
    pub hits: Vec<Hit>,
    pub warnings: Vec<SafeText>,
    /// Whether the backend itself listed the hits (else they come from what is on screen).
    pub server_preview: bool,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "status")]
pub enum ActionStatus {
    /// The plan is being made.
    Planning,
    /// The plan is made and waits for a yes.
    Planned {
        plan: Box<Plan>,
    },
    /// Sent; the backend took it; not yet seen to have happened.
    Requested {
        since: DateTime<Utc>,
    },
    /// Read back from the backend.
    Confirmed {
        what: SafeText,
    },
    Refused {
        why: ActionError,
    },
    /// The time limit passed without the change being seen.
    Unconfirmed {
        why: SafeText,
    },
}

impl ActionStatus {
    pub const fn settled(&self) -> bool {
        matches!(
            self,
            Self::Confirmed { .. } | Self::Refused { .. } | Self::Unconfirmed { .. }
        )
    }
}

/// Why an action could not be planned or sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "lowercase", tag = "error", content = "text")]
pub enum ActionError {
    #[error("not possible here: {0}")]
    Unsupported(SafeText),
    #[error("{0} is no longer there")]
    Gone(SafeText),
    #[error("not allowed: {0}")]
    Forbidden(SafeText),
    #[error("refused: {0}")]
    Refused(SafeText),
    #[error("the backend could not be reached: {0}")]
    Unreachable(SafeText),
    #[error("nothing to do: {0}")]
    Nothing(SafeText),
}

/// One parameter a trigger asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParamSpec {
    pub name: SafeText,
    /// JSON schema type: "string", "integer", "boolean", ... empty = anything.
    pub kind: SafeText,
    pub default: serde_json::Value,
    pub description: SafeText,
    /// Allowed values, when there is a closed list.
    pub choices: Vec<SafeText>,
    pub required: bool,
}
