//! Assets with their partitions and checks.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::events::Evaluation;
use super::time::{millis_text, seconds};
use super::{AssetKey, Named};

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

impl AssetNode {
    pub fn checks(&self) -> impl Iterator<Item = &AssetCheck> {
        self.asset_checks_or_error.iter().flat_map(|c| &c.checks)
    }
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
