//! The states of a node, the same words for every backend.

use serde::{Deserialize, Serialize};

/// What a node is doing. The backend's own word is kept beside it in `Node::native`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// Not yet scheduled: its upstream is not done.
    Pending,
    /// Ready, waiting for a slot or a worker.
    Queued,
    Running,
    /// Deferred, a sensor between pokes, or waiting for a person.
    Waiting,
    /// Failed and will be tried again by the backend itself.
    Retrying,
    /// Stopped on request; can be resumed.
    Paused,
    Succeeded,
    /// Ended well enough, with something to look at.
    Warned,
    /// Not run because an earlier result still holds.
    Cached,
    /// Not run on purpose (branch, condition).
    Skipped,
    Failed,
    /// Can't run: something upstream failed.
    Blocked,
    Cancelled,
    /// The backend said a word that we do not know, or said nothing.
    #[default]
    Unknown,
}

impl NodeState {
    pub const ALL: [Self; 14] = [
        Self::Pending,
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Retrying,
        Self::Paused,
        Self::Succeeded,
        Self::Warned,
        Self::Cached,
        Self::Skipped,
        Self::Failed,
        Self::Blocked,
        Self::Cancelled,
        Self::Unknown,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Paused => "paused",
            Self::Succeeded => "succeeded",
            Self::Warned => "warned",
            Self::Cached => "cached",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// Nothing more will happen by itself.
    pub const fn ended(self) -> bool {
        matches!(
            self,
            Self::Succeeded
                | Self::Warned
                | Self::Cached
                | Self::Skipped
                | Self::Failed
                | Self::Blocked
                | Self::Cancelled
        )
    }

    /// Holds a slot or will by itself.
    pub const fn active(self) -> bool {
        matches!(
            self,
            Self::Queued | Self::Running | Self::Waiting | Self::Retrying | Self::Paused
        )
    }

    /// Wants a person's eye.
    pub const fn problem(self) -> bool {
        matches!(self, Self::Failed | Self::Retrying | Self::Blocked)
    }

    /// For picking the worst of several: larger is worse.
    pub const fn badness(self) -> u8 {
        match self {
            Self::Failed => 13,
            Self::Retrying => 12,
            Self::Blocked => 11,
            Self::Unknown => 10,
            Self::Cancelled => 9,
            Self::Paused => 8,
            Self::Warned => 7,
            Self::Running => 6,
            Self::Waiting => 5,
            Self::Queued => 4,
            Self::Pending => 3,
            Self::Skipped => 2,
            Self::Cached => 1,
            Self::Succeeded => 0,
        }
    }
}
