//! What Airflow sends, read leniently: one type for both APIs, nothing required but identity.
//! Facts from the OpenAPI documents of 3.3 (`/openapi.json`) and 2.11 (`/api/v1/openapi.json`) and from
//! answers of both.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::backends::lenient::{count, nullable, time};

fn map_index<'de, D: Deserializer<'de>>(d: D) -> Result<i32, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or(-1))
}

const fn unmapped() -> i32 {
    -1
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Dag {
    pub dag_id: String,
    #[serde(default)]
    pub dag_display_name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub is_paused: bool,
    #[serde(default, deserialize_with = "nullable")]
    pub is_stale: bool,
    /// v1's way to say stale.
    #[serde(default)]
    pub is_active: Option<bool>,
    #[serde(default, deserialize_with = "nullable")]
    pub has_import_errors: bool,
    #[serde(default)]
    pub timetable_summary: Option<String>,
    #[serde(default)]
    pub timetable_description: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub tags: Vec<Tag>,
    #[serde(default, deserialize_with = "nullable")]
    pub owners: Vec<String>,
    #[serde(default, deserialize_with = "time")]
    pub next_dagrun_run_after: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub next_dagrun_create_after: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "nullable")]
    pub fileloc: String,
    #[serde(default, deserialize_with = "nullable")]
    pub relative_fileloc: String,
    /// Only from the private `/ui/dags`.
    #[serde(default, deserialize_with = "nullable")]
    pub latest_dag_runs: Vec<Value>,
    /// Only from `/dags/{id}/details`.
    #[serde(default)]
    pub doc_md: Option<String>,
    /// Name to `{"value", "schema", "description"}`; in v1 also `"__class"`.
    #[serde(default, deserialize_with = "nullable")]
    pub params: Value,
}

impl Dag {
    pub fn stale(&self) -> bool {
        self.is_stale || self.is_active == Some(false)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Tag {
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Run {
    #[serde(default, deserialize_with = "nullable")]
    pub dag_id: String,
    #[serde(alias = "run_id")]
    pub dag_run_id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub state: String,
    #[serde(default, deserialize_with = "time")]
    pub run_after: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub data_interval_end: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub logical_date: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub queued_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub start_date: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub end_date: Option<DateTime<Utc>>,
    /// Missing in the short form that `/ui/dags` gives.
    #[serde(default)]
    pub run_type: Option<String>,
    #[serde(default)]
    pub triggering_user_name: Option<String>,
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub conf: Value,
    #[serde(default, deserialize_with = "nullable")]
    pub dag_versions: Vec<DagVersion>,
}

impl Run {
    /// The newest version of the DAG that it ran with; v1 knows none.
    pub fn version(&self) -> Option<u32> {
        let all = self.dag_versions.iter().map(|v| v.version_number);
        all.max().filter(|version| *version > 0)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct DagVersion {
    #[serde(default, deserialize_with = "count")]
    pub version_number: u32,
}

#[derive(Clone, Debug, Deserialize)]
pub struct TaskInstance {
    pub task_id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub dag_id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub dag_run_id: String,
    #[serde(default = "unmapped", deserialize_with = "map_index")]
    pub map_index: i32,
    /// `None`: not yet scheduled.
    #[serde(default)]
    pub state: Option<String>,
    /// 0: never ran.
    #[serde(default, deserialize_with = "count")]
    pub try_number: u32,
    #[serde(default, deserialize_with = "count")]
    pub max_tries: u32,
    #[serde(default, deserialize_with = "time")]
    pub start_date: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub end_date: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub queued_when: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub scheduled_when: Option<DateTime<Utc>>,
    #[serde(default)]
    pub rendered_map_index: Option<String>,
    #[serde(default)]
    pub operator: Option<String>,
    #[serde(default)]
    pub operator_name: Option<String>,
    #[serde(default)]
    pub hostname: Option<String>,
    #[serde(default)]
    pub pool: Option<String>,
    #[serde(default)]
    pub queue: Option<String>,
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default)]
    pub pid: Option<i64>,
    #[serde(default)]
    pub executor: Option<String>,
    #[serde(default)]
    pub priority_weight: Option<i64>,
    #[serde(default)]
    pub rendered_fields: Option<Value>,
}

/// `GET /dags/{id}/tasks`
#[derive(Clone, Debug, Deserialize)]
pub struct Task {
    pub task_id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub downstream_task_ids: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub is_mapped: bool,
}

/// `GET /ui/structure/structure_data`
#[derive(Clone, Debug, Deserialize)]
pub struct StructureData {
    #[serde(default, deserialize_with = "nullable")]
    pub nodes: Vec<StructureNode>,
    #[serde(default, deserialize_with = "nullable")]
    pub edges: Vec<StructureEdge>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct StructureNode {
    pub id: String,
    #[serde(default)]
    pub label: Option<String>,
    /// `Some`: a task group.
    #[serde(default)]
    pub children: Option<Vec<StructureNode>>,
    #[serde(default, deserialize_with = "nullable")]
    pub is_mapped: bool,
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct StructureEdge {
    pub source_id: String,
    pub target_id: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Pool {
    pub name: String,
    /// -1: unlimited.
    #[serde(default, deserialize_with = "nullable")]
    pub slots: i64,
    #[serde(default, deserialize_with = "nullable")]
    pub occupied_slots: i64,
    #[serde(default, deserialize_with = "nullable")]
    pub running_slots: i64,
    #[serde(default, deserialize_with = "nullable")]
    pub queued_slots: i64,
    /// Tasks that wait for a slot stay `scheduled`; they are never `queued`.
    #[serde(default, deserialize_with = "nullable")]
    pub scheduled_slots: i64,
    #[serde(default, deserialize_with = "nullable")]
    pub open_slots: i64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ImportError {
    #[serde(default, deserialize_with = "nullable")]
    pub filename: String,
    #[serde(default, deserialize_with = "nullable")]
    pub stack_trace: String,
    #[serde(default, deserialize_with = "time")]
    pub timestamp: Option<DateTime<Utc>>,
}

impl ImportError {
    /// The line that says what is wrong: the last of the traceback.
    pub fn cause(&self) -> &str {
        self.stack_trace
            .trim()
            .lines()
            .last()
            .unwrap_or("its file can't be imported")
    }

    pub fn is_of(&self, dag: &Dag) -> bool {
        !self.filename.is_empty()
            && (self.filename == dag.fileloc || self.filename == dag.relative_fileloc)
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct DagWarning {
    #[serde(default, deserialize_with = "nullable")]
    pub dag_id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub message: String,
    #[serde(default, deserialize_with = "time")]
    pub timestamp: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct EventLog {
    #[serde(default, deserialize_with = "time")]
    pub when: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "nullable")]
    pub event: String,
    #[serde(default)]
    pub extra: Option<String>,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub map_index: Option<i32>,
    #[serde(default)]
    pub try_number: Option<u32>,
}

/// The key of one XCom, or one XCom.
#[derive(Clone, Debug, Deserialize)]
pub struct XCom {
    pub key: String,
    #[serde(default, deserialize_with = "nullable")]
    pub value: Value,
    #[serde(default)]
    pub map_index: Option<i32>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Variable {
    pub key: String,
    #[serde(default, deserialize_with = "nullable")]
    pub value: Value,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ServerVersion {
    pub version: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn nulls_missing_fields_and_odd_values_are_survived() {
        let dag: Dag =
            serde_json::from_value(json!({"dag_id": "d", "is_paused": null, "tags": null,
            "owners": null, "next_dagrun_run_after": "soon", "params": null, "new_in_9": [1]}))
            .unwrap();
        assert!(!dag.is_paused && dag.tags.is_empty() && dag.next_dagrun_run_after.is_none());
        let ti: TaskInstance = serde_json::from_value(json!({"task_id": "t", "map_index": null,
            "try_number": null, "max_tries": 2.0, "start_date": 5, "state": null}))
        .unwrap();
        assert_eq!((ti.map_index, ti.try_number, ti.max_tries), (-1, 0, 2));
        assert!(ti.start_date.is_none() && ti.state.is_none());
        let ti: TaskInstance = serde_json::from_value(json!({"task_id": "t"})).unwrap();
        assert_eq!(ti.map_index, -1);
        let run: Run = serde_json::from_value(
            json!({"run_id": "r", "run_after": "2026-11-20T20:29:01.978852Z"}),
        )
        .unwrap();
        assert_eq!(run.dag_run_id, "r");
        assert!(run.run_after.is_some());
        assert!(serde_json::from_value::<Run>(json!({"state": "success"})).is_err());
    }
}
