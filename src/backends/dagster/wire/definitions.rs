//! What the code of a location defines: jobs, schedules and sensors with their ticks; whether it could be loaded.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::backends::dagster::gql::Rows;

use super::time::seconds;
use super::{Named, PythonError, Results, Tag};

#[derive(Debug, Default, Deserialize)]
pub struct Repositories {
    #[serde(default)]
    pub nodes: Rows<Repository>,
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
