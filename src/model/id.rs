//! Identity. An id is the backend's own string, kept byte for byte because requests are built from
//! it; it has no `Display`, so it can't reach a screen without becoming [`SafeText`] first.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::SafeText;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(raw: impl AsRef<str>) -> Self {
                Self(Arc::from(raw.as_ref()))
            }

            /// The backend's own string, for requests and comparison only.
            pub fn raw(&self) -> &str {
                &self.0
            }

            /// What may be shown.
            pub fn safe(&self) -> SafeText {
                SafeText::new(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

id!(
    /// The `name` of a `[[backend]]` in the config.
    BackendId
);
id!(
    /// A pipeline inside one backend: DAG id, deployment id, job id, file.
    PipelineId
);
id!(
    /// A run inside one pipeline.
    RunId
);
id!(
    /// A node or a group inside one run: both live in one space, so an edge may end at either.
    NodeId
);

id!(
    /// A queue inside one backend, by the name under which its backend lists it.
    QueueId
);

/// A queue anywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueueKey {
    pub backend: BackendId,
    pub queue: QueueId,
}

/// A pipeline anywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PipelineKey {
    pub backend: BackendId,
    pub pipeline: PipelineId,
}

/// A run anywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunKey {
    pub pipeline: PipelineKey,
    pub run: RunId,
}

/// A node of a run anywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeKey {
    pub run: RunKey,
    pub node: NodeId,
}

/// The log of one attempt (counted from 1; 0 = the node never ran but its backend has a word on why).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogKey {
    pub node: NodeKey,
    pub attempt: u32,
}

impl PipelineKey {
    pub fn new(backend: &BackendId, pipeline: impl AsRef<str>) -> Self {
        Self {
            backend: backend.clone(),
            pipeline: PipelineId::new(pipeline),
        }
    }

    pub fn run(&self, run: impl AsRef<str>) -> RunKey {
        RunKey {
            pipeline: self.clone(),
            run: RunId::new(run),
        }
    }
}

impl RunKey {
    pub fn backend(&self) -> &BackendId {
        &self.pipeline.backend
    }

    pub fn node(&self, node: &NodeId) -> NodeKey {
        NodeKey {
            run: self.clone(),
            node: node.clone(),
        }
    }
}

impl NodeKey {
    pub fn backend(&self) -> &BackendId {
        self.run.backend()
    }

    pub fn log(&self, attempt: u32) -> LogKey {
        LogKey {
            node: self.clone(),
            attempt,
        }
    }
}

impl LogKey {
    pub fn backend(&self) -> &BackendId {
        self.node.backend()
    }
}
