//! What a line of a dbt log says, whether it was written as JSON or as text.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::results::Args;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Debug,
    #[default]
    Info,
    Warn,
    Error,
}

impl Level {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "debug" | "test" => Self::Debug,
            "info" => Self::Info,
            "warn" | "warning" => Self::Warn,
            "error" => Self::Error,
            _ => return None,
        })
    }
}

/// One line, or one with those that continue it.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Which run of dbt says it, where the line tells.
    pub invocation: Option<String>,
    pub pid: Option<i32>,
    pub at: DateTime<Utc>,
    pub level: Level,
    /// The unique id it is about.
    pub node: Option<String>,
    pub what: What,
    pub text: String,
}

/// What it means for the run or the node.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum What {
    /// Nothing beyond its text.
    #[default]
    Line,
    /// The first line of a run: dbt's version.
    Begins(String),
    Asked(Args),
    /// How many nodes will run.
    Size(u32),
    NodeStarts {
        /// Of so many.
        total: Option<u32>,
    },
    NodeEnds(NodeEnd),
    /// Its query was told to stop.
    NodeCancelled,
    /// Why it failed.
    NodeError(String),
    Compiled(String),
    /// Where the rows that failed a test are kept.
    FailingRows(String),
    /// The run was interrupted.
    Interrupted,
    /// The run as a whole can't go on, and why.
    Fatal(String),
    /// There was nothing to run.
    Nothing,
    /// The last word of a run; whether it went well, where it says.
    Ends(Option<bool>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeEnd {
    /// dbt's word: "success", "error", "fail", "warn", "pass", "skipped", ...
    pub status: String,
    pub seconds: Option<f64>,
    pub failures: Option<u64>,
    pub rows: Option<f64>,
    pub message: Option<String>,
    pub total: Option<u32>,
}

/// Whether a traceback began with an interrupt: a second one breaks off what dbt does about the first, and then it says
/// nothing else of it.
pub fn interrupted(traceback: &str) -> bool {
    traceback.lines().any(|line| line == "KeyboardInterrupt")
}
