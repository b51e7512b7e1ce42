//! Backfills and how far they are.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::backends::dagster::gql::Rows;

use super::runs::RunStatus;
use super::time::seconds;
use super::{AssetKey, PythonError, Results, Tag};

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
