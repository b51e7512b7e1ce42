//! What is scheduled.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{ParamSpec, PipelineKey, SafeText};

/// One pipeline as its backend describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
    pub key: PipelineKey,
    pub name: SafeText,
    /// The scheduler starts nothing new and, in most systems, nothing pending.
    pub paused: bool,
    /// Its definition is broken or gone; what is known of it is its past.
    pub stale: Option<SafeText>,
    pub owner: Option<SafeText>,
    pub tags: Vec<SafeText>,
    pub schedule: Schedule,
    /// What the backend wants to be asked at a trigger.
    pub params: Vec<ParamSpec>,
    /// Runbook text, Markdown, one entry per line.
    pub doc: Vec<SafeText>,
    /// Where a browser would look.
    pub url: Option<SafeText>,
}

impl Pipeline {
    pub fn new(key: PipelineKey) -> Self {
        Self {
            name: key.pipeline.safe(),
            key,
            paused: false,
            stale: None,
            owner: None,
            tags: Vec::new(),
            schedule: Schedule::default(),
            params: Vec::new(),
            doc: Vec::new(),
            url: None,
        }
    }
}

/// When it runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The backend's words: a cron line, "every 5 minutes"; empty = on demand.
    pub text: SafeText,
    /// When the next run is due, where the backend knows.
    pub next: Option<DateTime<Utc>>,
}
