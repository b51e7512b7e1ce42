//! What surrounds the runs: daemons, the queue, pools, permissions.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::backends::dagster::gql::Rows;

use super::PythonError;
use super::time::seconds;

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
