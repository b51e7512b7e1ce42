//! Runs with their steps, plans and families.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::backends::dagster::gql::Rows;

use super::time::seconds;
use super::{AssetKey, Origin, Tag};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    Queued,
    NotStarted,
    Managed,
    Starting,
    Started,
    Suspended,
    Success,
    Failure,
    Canceling,
    Canceled,
    #[default]
    #[serde(other)]
    Unknown,
}

impl RunStatus {
    /// Those for which something may still happen.
    pub const ACTIVE: [&str; 7] = [
        "QUEUED",
        "NOT_STARTED",
        "MANAGED",
        "STARTING",
        "STARTED",
        "SUSPENDED",
        "CANCELING",
    ];

    pub const fn ended(self) -> bool {
        matches!(self, Self::Success | Self::Failure | Self::Canceled)
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::NotStarted => "NOT_STARTED",
            Self::Managed => "MANAGED",
            Self::Starting => "STARTING",
            Self::Started => "STARTED",
            Self::Suspended => "SUSPENDED",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Canceling => "CANCELING",
            Self::Canceled => "CANCELED",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    pub run_id: String,
    pub job_name: String,
    #[serde(default)]
    pub status: RunStatus,
    #[serde(default, deserialize_with = "seconds")]
    pub creation_time: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "seconds")]
    pub start_time: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "seconds")]
    pub end_time: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "seconds")]
    pub update_time: Option<DateTime<Utc>>,
    #[serde(default)]
    pub root_run_id: Option<String>,
    #[serde(default)]
    pub parent_run_id: Option<String>,
    #[serde(default)]
    pub repository_origin: Option<Origin>,
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Only where it was asked for.
    #[serde(default)]
    pub step_stats: Option<Vec<StepStats>>,
    #[serde(default)]
    pub step_keys_to_execute: Option<Vec<String>>,
    #[serde(default)]
    pub execution_plan: Option<ExecutionPlan>,
    #[serde(default)]
    pub run_config: Value,
    #[serde(default)]
    pub asset_selection: Option<Vec<AssetKey>>,
}

impl Run {
    /// The first run of its family.
    pub fn root(&self) -> &str {
        self.root_run_id.as_deref().unwrap_or(&self.run_id)
    }

    pub fn tag(&self, key: &str) -> Option<&str> {
        let tag = self.tags.iter().find(|tag| tag.key == key)?;
        Some(&tag.value)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepStats {
    pub step_key: String,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    pub start_time: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "seconds")]
    pub end_time: Option<DateTime<Utc>>,
    #[serde(default)]
    pub attempts: Vec<Marker>,
    /// The start of the step's process, where it has one of its own.
    #[serde(default)]
    pub markers: Vec<Marker>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Marker {
    #[serde(default, deserialize_with = "seconds")]
    pub start_time: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "seconds")]
    pub end_time: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct ExecutionPlan {
    pub steps: Vec<PlanStep>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct PlanStep {
    pub key: String,
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub inputs: Vec<PlanInput>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanInput {
    #[serde(default)]
    pub depends_on: Vec<PlanKey>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct PlanKey {
    pub key: String,
}

#[derive(Debug, Default, Deserialize)]
pub struct Runs {
    #[serde(default)]
    pub results: Rows<Run>,
}

#[derive(Debug, Default, Deserialize)]
pub struct RunGroup {
    #[serde(default)]
    pub runs: Rows<Run>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_word_that_is_new_is_unknown_and_hides_nothing() {
        let runs: Runs = serde_json::from_value(json!({"results": [
            {"runId": "a", "jobName": "j", "status": "LEVITATING", "tags": []}, {"runId": 5}]}))
        .unwrap();
        assert_eq!(runs.results.rows[0].status, RunStatus::Unknown);
        assert_eq!(runs.results.bad.len(), 1);
    }
}
