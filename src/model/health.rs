//! The health of a run and of a pipeline.

use serde::{Deserialize, Serialize};

/// How a run is doing, computed from its nodes and never copied from the backend's run state.
/// The order is the order of the fleet: the worst first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Still going, with a failed node in it.
    Failing,
    /// Ended, with a failed node in it, whatever the backend calls the run.
    Failed,
    /// Nobody answers for it any more.
    Lost,
    /// Should have started and has not.
    Late,
    /// Going, with a node in a retry.
    Retrying,
    /// Ended well, with a warning.
    Warned,
    Paused,
    Running,
    Queued,
    Cancelled,
    /// Nothing is known (yet).
    #[default]
    Unknown,
    Succeeded,
    /// Never ran.
    Idle,
}

impl Health {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Late => "late",
            Self::Retrying => "retrying",
            Self::Warned => "warned",
            Self::Paused => "paused",
            Self::Running => "running",
            Self::Queued => "queued",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
            Self::Succeeded => "succeeded",
            Self::Idle => "idle",
        }
    }

    /// A person should look.
    pub const fn needs_person(self) -> bool {
        matches!(self, Self::Failing | Self::Failed | Self::Lost | Self::Late)
    }

    pub const fn active(self) -> bool {
        matches!(
            self,
            Self::Failing | Self::Retrying | Self::Running | Self::Queued | Self::Paused
        )
    }
}
