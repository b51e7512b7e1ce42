//! What Dagster answers, as far as it is used. Fields that may be missing in older or newer versions have defaults.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::gql::Rows;

/// Seconds since 1970 as a float: runs, steps, ticks, heartbeats.
fn seconds<'de, D: Deserializer<'de>>(d: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    Ok(Option::<f64>::deserialize(d)?.and_then(at_seconds))
}

/// `None` beyond what a date can be.
pub fn at_seconds(seconds: f64) -> Option<DateTime<Utc>> {
    let micros = (seconds * 1e6).round();
    // as text of milliseconds, or milliseconds as a float, it would be 50,000 years later
    (micros.is_finite() && micros.abs() < 1e17)
        .then(|| DateTime::from_timestamp_micros(micros as i64))
        .flatten()
}

/// Milliseconds since 1970 as text: events and materialisations.
fn millis_text<'de, D: Deserializer<'de>>(d: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<String>::deserialize(d)?;
    Ok(text
        .and_then(|text| text.parse().ok())
        .and_then(DateTime::from_timestamp_millis))
}

/// What the server wants to be asked with: seconds.
pub fn to_seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_micros() as f64 / 1e6
}

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

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    pub repository_name: String,
    pub repository_location_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct AssetKey {
    pub path: Vec<String>,
}

impl AssetKey {
    /// "prefix/name", as Dagster shows it.
    pub fn text(&self) -> String {
        self.path.join("/")
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

// ---- definitions ----

#[derive(Debug, Default, Deserialize)]
pub struct Repositories {
    #[serde(default)]
    pub nodes: Rows<Repository>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Named {
    pub name: String,
}

#[derive(Debug, Default, Deserialize)]
pub struct Repository {
    pub name: String,
    pub location: Named,
    #[serde(default)]
    pub pipelines: Rows<Job>,
    #[serde(default)]
    pub schedules: Rows<Schedule>,
    #[serde(default)]
    pub sensors: Rows<Sensor>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    pub name: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub tags: Vec<Tag>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    pub name: String,
    #[serde(default)]
    pub pipeline_name: String,
    #[serde(default)]
    pub cron_schedule: String,
    #[serde(default)]
    pub execution_timezone: Option<String>,
    pub schedule_state: State,
    #[serde(default)]
    pub future_ticks: Results<Tick>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sensor {
    pub name: String,
    #[serde(default)]
    pub targets: Option<Vec<Target>>,
    pub sensor_state: State,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    #[serde(default)]
    pub pipeline_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Results<T> {
    #[serde(default = "Vec::new")]
    pub results: Vec<T>,
}

/// Of a schedule or a sensor.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct State {
    /// To stop it by.
    pub id: String,
    pub status: String,
    #[serde(default)]
    pub ticks: Vec<Tick>,
}

impl State {
    pub fn runs(&self) -> bool {
        self.status == "RUNNING"
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tick {
    #[serde(default)]
    pub status: String,
    #[serde(default, deserialize_with = "seconds")]
    pub timestamp: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "seconds")]
    pub end_timestamp: Option<DateTime<Utc>>,
    #[serde(default)]
    pub run_ids: Vec<String>,
    #[serde(default)]
    pub skip_reason: Option<String>,
    #[serde(default)]
    pub error: Option<PythonError>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PythonError {
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub stack: Vec<String>,
    /// Outermost first.
    #[serde(default)]
    pub causes: Vec<PythonError>,
}

impl PythonError {
    /// What the code of the user said: the outermost is Dagster's own wrapping where there is a cause.
    pub fn own(&self) -> &Self {
        self.causes.first().unwrap_or(self)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    #[serde(default)]
    pub location_entries: Rows<Location>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    pub name: String,
    #[serde(default)]
    pub load_status: String,
    #[serde(default)]
    pub updated_timestamp: f64,
    #[serde(default)]
    pub location_or_load_error: Option<LoadResult>,
}

/// A broken location is `LOADED`: only the type tells.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct LoadResult {
    #[serde(default, rename = "__typename")]
    pub kind: String,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub stack: Vec<String>,
}

impl Location {
    pub fn broken(&self) -> Option<&LoadResult> {
        self.location_or_load_error
            .as_ref()
            .filter(|result| result.kind == "PythonError")
    }
}

// ---- events ----

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Events {
    #[serde(default)]
    pub cursor: Option<String>,
    #[serde(default)]
    pub has_more: bool,
    /// `messages` in a subscription.
    #[serde(default, alias = "messages")]
    pub events: Rows<Event>,
    #[serde(default)]
    pub has_more_past_events: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    #[serde(default, deserialize_with = "millis_text")]
    pub timestamp: Option<DateTime<Utc>>,
    #[serde(default)]
    pub level: String,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub step_key: Option<String>,
    /// `None`: a line that the code of a step logged.
    #[serde(default)]
    pub event_type: Option<String>,
    #[serde(default)]
    pub error: Option<PythonError>,
    /// `INTERRUPT`: it was told to stop.
    #[serde(default)]
    pub error_source: Option<String>,
    /// Where standard output goes.
    #[serde(default)]
    pub file_key: Option<String>,
    #[serde(default)]
    pub step_keys: Option<Vec<String>>,
    #[serde(default)]
    pub evaluation: Option<Evaluation>,
    #[serde(default)]
    pub metadata_entries: Vec<Metadata>,
}

impl Event {
    pub fn is(&self, kind: &str) -> bool {
        self.event_type.as_deref() == Some(kind)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    #[serde(default)]
    pub check_name: String,
    #[serde(default)]
    pub asset_key: AssetKey,
    pub success: bool,
    #[serde(default)]
    pub severity: String,
    #[serde(default)]
    pub description: Option<String>,
}

/// A number that a step reported.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    #[serde(default)]
    pub label: String,
    /// Integers come as text: they may be longer than a float can hold.
    #[serde(default)]
    pub int_repr: Option<String>,
    #[serde(default)]
    pub float_value: Option<f64>,
}

impl Metadata {
    pub fn number(&self) -> Option<f64> {
        self.float_value
            .or_else(|| self.int_repr.as_ref()?.parse().ok())
    }
}

#[derive(Debug, Default, Deserialize)]
pub struct Captured {
    #[serde(default)]
    pub stdout: Option<String>,
    #[serde(default)]
    pub stderr: Option<String>,
    /// "bytes of stdout:bytes of stderr"
    #[serde(default)]
    pub cursor: Option<String>,
}

// ---- what surrounds the runs ----

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    #[serde(default)]
    pub run_queue_config: Option<QueueConfig>,
    #[serde(default)]
    pub daemon_health: Option<DaemonHealth>,
    #[serde(default)]
    pub concurrency_limits: Rows<Pool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueConfig {
    /// -1: without a limit.
    pub max_concurrent_runs: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DaemonHealth {
    #[serde(default)]
    pub all_daemon_statuses: Rows<Daemon>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Daemon {
    pub daemon_type: String,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub healthy: Option<bool>,
    #[serde(default, deserialize_with = "seconds")]
    pub last_heartbeat_time: Option<DateTime<Utc>>,
    #[serde(default)]
    pub last_heartbeat_errors: Vec<PythonError>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pool {
    pub concurrency_key: String,
    #[serde(default)]
    pub limit: Option<u64>,
    #[serde(default)]
    pub slot_count: u64,
    #[serde(default)]
    pub active_slot_count: u64,
    #[serde(default)]
    pub claimed_slots: Vec<Slot>,
    #[serde(default)]
    pub pending_steps: Vec<Slot>,
}

/// Of a pool: held, or waited for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    pub run_id: String,
    #[serde(default)]
    pub step_key: String,
    #[serde(default, deserialize_with = "seconds")]
    pub assigned_timestamp: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permission {
    pub permission: String,
    pub value: bool,
    #[serde(default)]
    pub disabled_reason: Option<String>,
}

// ---- assets and backfills ----

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetNode {
    pub asset_key: AssetKey,
    #[serde(default)]
    pub group_name: String,
    pub repository: AssetRepository,
    #[serde(default)]
    pub dependency_keys: Vec<AssetKey>,
    #[serde(default)]
    pub is_partitioned: bool,
    #[serde(default)]
    pub is_executable: bool,
    #[serde(default)]
    pub stale_status: Option<String>,
    #[serde(default)]
    pub partition_stats: Option<PartitionStats>,
    #[serde(default)]
    pub asset_materializations: Vec<Materialization>,
    #[serde(default)]
    pub asset_checks_or_error: Option<AssetChecks>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct AssetRepository {
    pub name: String,
    pub location: Named,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionStats {
    #[serde(default)]
    pub num_partitions: u64,
    #[serde(default)]
    pub num_materialized: u64,
    #[serde(default)]
    pub num_failed: u64,
    #[serde(default)]
    pub num_materializing: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Materialization {
    #[serde(default)]
    pub run_id: String,
    #[serde(default, deserialize_with = "millis_text")]
    pub timestamp: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct AssetChecks {
    #[serde(default)]
    pub checks: Vec<AssetCheck>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetCheck {
    pub name: String,
    #[serde(default)]
    pub blocking: bool,
    #[serde(default)]
    pub execution_for_latest_materialization: Option<CheckExecution>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckExecution {
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub run_id: String,
    #[serde(default)]
    pub step_key: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    pub timestamp: Option<DateTime<Utc>>,
    #[serde(default)]
    pub evaluation: Option<Evaluation>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Backfills {
    #[serde(default)]
    pub results: Rows<Backfill>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backfill {
    pub id: String,
    pub status: String,
    #[serde(default, deserialize_with = "seconds")]
    pub timestamp: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "seconds")]
    pub end_timestamp: Option<DateTime<Utc>>,
    #[serde(default)]
    pub num_partitions: Option<u64>,
    #[serde(default)]
    pub num_cancelable: u64,
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub job_name: Option<String>,
    #[serde(default)]
    pub asset_selection: Option<Vec<AssetKey>>,
    #[serde(default)]
    pub error: Option<PythonError>,
    #[serde(default)]
    pub tags: Vec<Tag>,
    #[serde(default)]
    pub partition_statuses: Option<Results<PartitionStatus>>,
    #[serde(default)]
    pub asset_backfill_data: Option<AssetBackfillData>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionStatus {
    pub partition_name: String,
    #[serde(default)]
    pub run_id: Option<String>,
    #[serde(default)]
    pub run_status: Option<RunStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetBackfillData {
    #[serde(default)]
    pub asset_backfill_statuses: Vec<AssetBackfillStatus>,
}

/// Counts where the asset is partitioned, else what became of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetBackfillStatus {
    pub asset_key: AssetKey,
    #[serde(default)]
    pub num_partitions_targeted: Option<u64>,
    #[serde(default)]
    pub num_partitions_in_progress: u64,
    #[serde(default)]
    pub num_partitions_materialized: u64,
    #[serde(default)]
    pub num_partitions_failed: u64,
    #[serde(default)]
    pub in_progress: bool,
    #[serde(default)]
    pub materialized: bool,
    #[serde(default)]
    pub failed: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn all_forms_of_time_are_read_and_none_is_taken_for_another() {
        let want = "2026-11-20T02:00:00.250Z".parse::<DateTime<Utc>>().unwrap();
        let run: Run = serde_json::from_value(
            json!({"runId": "r", "jobName": "j", "creationTime": 1795140000.25,
            "startTime": null}),
        )
        .unwrap();
        assert_eq!((run.creation_time, run.start_time), (Some(want), None));
        let event: Event = serde_json::from_value(json!({"timestamp": "1795140000250"})).unwrap();
        assert_eq!(event.timestamp, Some(want));
        assert_eq!(to_seconds(want), 1_795_140_000.25);
        assert_eq!(at_seconds(1_795_140_000_250.0), None);
        assert_eq!(at_seconds(f64::NAN), None);
    }

    #[test]
    fn a_word_that_is_new_is_unknown_and_hides_nothing() {
        let runs: Runs = serde_json::from_value(json!({"results": [
            {"runId": "a", "jobName": "j", "status": "LEVITATING", "tags": []}, {"runId": 5}]}))
        .unwrap();
        assert_eq!(runs.results.rows[0].status, RunStatus::Unknown);
        assert_eq!(runs.results.bad.len(), 1);
    }
}
