//! What surrounds the pipelines: queues, components of the orchestrator, its notices.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::SafeText;

/// A pool, queue or worker group. Units: slots, or messages where there are no slots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    pub name: SafeText,
    /// `None` = unlimited.
    pub slots: Option<u64>,
    pub running: u64,
    /// Waiting for a slot.
    pub waiting: u64,
    /// Who holds the slots, where known.
    pub held_by: Option<SafeText>,
}

/// A part of the orchestrator with a heartbeat: scheduler, triggerer, daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    pub name: SafeText,
    /// `None` = the backend does not tell.
    pub healthy: Option<bool>,
    pub heartbeat: Option<DateTime<Utc>>,
    pub note: Option<SafeText>,
}

/// Something the orchestrator itself complains about: an import error, a warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about: a file, a pipeline.
    pub subject: SafeText,
    pub level: NoticeLevel,
    /// One entry per line.
    pub text: Vec<SafeText>,
    pub at: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeLevel {
    Warning,
    Error,
}
