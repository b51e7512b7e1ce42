//! How a backend is reached and how well it answers.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{BackendId, SafeText};

/// What does not change while it is watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackendInfo {
    pub id: BackendId,
    pub name: SafeText,
    /// "airflow", "local".
    pub kind: &'static str,
    pub read_only: bool,
    /// A dangerous action asks for the target's name to be typed.
    pub protect: bool,
    /// Its runs are children of this process: they end with it.
    pub drives_runs: bool,
    /// Accent colour as written in the config.
    pub accent: Option<SafeText>,
}

/// Whether it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum Reach {
    /// No answer yet, none missed.
    #[default]
    Connecting,
    Up,
    /// The last answers are missing; what is shown is old.
    Down {
        /// One sentence: what, and what to do.
        reason: SafeText,
        retry_at: Option<DateTime<Utc>>,
    },
    /// It answers, and refuses us.
    Refused {
        reason: SafeText,
    },
}

/// One backend's state of reach, sent whenever it changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BackendStatus {
    pub reach: Reach,
    /// Product and version as the server gives it: "Airflow 3.3.2, API v2".
    pub version: SafeText,
    /// Server's clock minus ours, in milliseconds, where an answer told it.
    pub clock_skew_ms: Option<i64>,
    /// Something that works less well than it could: "private /ui API not there: slower polling".
    pub degraded: Option<SafeText>,
    pub stats: WireStats,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireStats {
    pub requests: u64,
    pub failures: u64,
    /// Bytes of answers as they came over the wire (compressed).
    pub bytes: u64,
    /// Of the last answer, in microseconds.
    pub latency_us: u64,
}
