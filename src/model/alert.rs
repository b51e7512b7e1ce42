//! What a person should know without having looked.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{BackendId, PipelineKey, RunKey, SafeText, Target};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Priority {
    P1,
    P2,
    P3,
    P4,
    P5,
}

impl Priority {
    pub const fn word(self) -> &'static str {
        match self {
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
            Self::P4 => "P4",
            Self::P5 => "P5",
        }
    }
}

/// The built-in rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    RunFailing,
    RunBlocked,
    RunLate,
    RunLost,
    BackendUnreachable,
    BackendUnauthorised,
    BackendDegraded,
    ImportError,
}

/// One alert per rule and subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertId {
    pub kind: AlertKind,
    pub backend: BackendId,
    /// The pipeline, run or file it is about, raw.
    pub subject: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub id: AlertId,
    pub priority: Priority,
    /// "orders_daily"
    pub title: SafeText,
    /// "failed at load: OutOfMemoryError"
    pub reason: SafeText,
    pub since: DateTime<Utc>,
    /// Who acknowledged it and when; it stays listed until it is over.
    pub acked: Option<DateTime<Utc>>,
    pub target: Target,
}

impl Alert {
    pub fn pipeline(&self) -> Option<&PipelineKey> {
        self.target.pipeline()
    }

    pub fn run(&self) -> Option<&RunKey> {
        self.target.run()
    }
}
