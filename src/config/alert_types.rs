//! What is expected, who is woken and when nobody is: `[alerts]`, `[[expect]]`, `[[escalation]]`, `[[silence]]` as
//! plain data. Whether a cron line, a time zone or a matcher means anything, the room of the alerts knows.

use std::time::Duration;

use super::source::At;

/// `[alerts]`: which of the built-in rules are on, and their limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Alerts {
    pub failing: bool,
    pub blocked: bool,
    pub late: bool,
    pub backend: bool,
    pub import_error: bool,
    pub node_failed: bool,
    pub retries_exhausted: bool,
    pub check_failed: bool,
    /// How long after its due time a run that has not started counts as late.
    pub late_after: Duration,
    pub duration_limit: Option<Duration>,
    pub duration_p95: bool,
    /// Times the usual, above 1.
    pub duration_usual: Option<f64>,
    pub stuck: Option<Duration>,
    pub queue_wait: Option<Duration>,
    pub queue_depth: Option<u64>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Processors, above 0.
    pub cpu: Option<f64>,
    pub rows_zero: bool,
    /// Times the usual, above 1.
    pub rows_usual: Option<f64>,
    /// Rule and priority, as written.
    pub priority: Vec<(At<String>, At<String>)>,
    /// What backends tell is kept, for `dagtop rules test`.
    pub keep_events: bool,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            failing: true,
            blocked: true,
            late: true,
            backend: true,
            import_error: true,
            node_failed: false,
            retries_exhausted: false,
            check_failed: true,
            late_after: Duration::from_secs(300),
            duration_limit: None,
            duration_p95: false,
            duration_usual: None,
            stuck: None,
            queue_wait: None,
            queue_depth: None,
            memory: None,
            cpu: None,
            rows_zero: false,
            rows_usual: None,
            priority: Vec::new(),
            keep_events: true,
        }
    }
}

/// One `[[expect]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// `backend/pipeline` or `pipeline`, with `*` and `?`.
    pub pipelines: String,
    pub zone: Option<At<String>>,
    pub cron: Option<At<String>>,
    pub start_within: Option<Duration>,
    /// `04:00`
    pub done_by: Option<At<String>>,
    pub fresh: Option<Duration>,
    pub finished: bool,
    /// The share of times at which that is to hold.
    pub target: Option<f64>,
    pub duration_limit: Option<Duration>,
    /// Patterns of what it needs.
    pub after: Vec<String>,
    pub priority: Option<At<String>>,
    pub runbook: Option<String>,
}

/// One `[[escalation]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Escalation {
    pub name: String,
    pub conditions: Vec<At<String>>,
    pub hours: Option<Hours>,
    /// At least one.
    pub steps: Vec<EscalationStep>,
    pub repeat: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EscalationStep {
    pub after: Duration,
    /// Names of channels, all known.
    pub channels: Vec<At<String>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Hours {
    pub days: Vec<At<String>>,
    pub from: At<String>,
    pub to: At<String>,
    pub zone: Option<At<String>>,
}

/// One `[[silence]]`
#[derive(Clone, Debug, PartialEq)]
pub struct SilenceWindow {
    pub reason: At<String>,
    /// At least one.
    pub conditions: Vec<At<String>>,
    pub days: Vec<At<String>>,
    /// `02:00`
    pub start: At<String>,
    pub lasts: Duration,
    pub zone: Option<At<String>>,
}
