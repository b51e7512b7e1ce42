//! What Prefect sends, read leniently: nothing is required but identity.
//! Facts from the OpenAPI document of 3.8 (`/openapi.json`) and from answers and events of a server.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::backends::lenient::{count, nullable, time};

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Flow {
    pub id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Deployment {
    pub id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    pub flow_id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub description: String,
    #[serde(default, deserialize_with = "nullable")]
    pub paused: bool,
    /// `READY` or `NOT_READY`: whether something polls for its runs.
    #[serde(default, deserialize_with = "nullable")]
    pub status: String,
    #[serde(default, deserialize_with = "nullable")]
    pub schedules: Vec<DeploymentSchedule>,
    #[serde(default, deserialize_with = "nullable")]
    pub tags: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub parameters: Value,
    #[serde(default, deserialize_with = "nullable")]
    pub parameter_openapi_schema: Value,
    #[serde(default)]
    pub work_pool_name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct DeploymentSchedule {
    #[serde(default, deserialize_with = "nullable")]
    pub active: bool,
    #[serde(default, deserialize_with = "nullable")]
    pub schedule: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct State {
    #[serde(default, rename = "type", deserialize_with = "nullable")]
    pub kind: String,
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    #[serde(default, deserialize_with = "time")]
    pub timestamp: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "nullable")]
    pub message: String,
    /// Where the result is kept, if it is.
    #[serde(default, deserialize_with = "nullable")]
    pub data: Value,
    #[serde(default, deserialize_with = "nullable")]
    pub state_details: StateDetails,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct StateDetails {
    /// Of a task run that stands for a subflow: the subflow's run.
    #[serde(default)]
    pub child_flow_run_id: Option<String>,
    #[serde(default, deserialize_with = "time")]
    pub scheduled_time: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct FlowRun {
    pub id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    #[serde(default, deserialize_with = "nullable")]
    pub flow_id: String,
    #[serde(default)]
    pub deployment_id: Option<String>,
    /// Of the deployment, where it has one; else of the flow.
    #[serde(default)]
    pub deployment_version: Option<String>,
    #[serde(default)]
    pub flow_version: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub state: State,
    #[serde(default, deserialize_with = "count")]
    pub run_count: u32,
    #[serde(default, deserialize_with = "time")]
    pub created: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub expected_start_time: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub start_time: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub end_time: Option<DateTime<Utc>>,
    /// Set in a subflow's run.
    #[serde(default)]
    pub parent_task_run_id: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub parameters: Value,
    #[serde(default, deserialize_with = "nullable")]
    pub tags: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub auto_scheduled: bool,
    #[serde(default)]
    pub created_by: Option<CreatedBy>,
    #[serde(default)]
    pub work_pool_name: Option<String>,
    #[serde(default)]
    pub work_queue_name: Option<String>,
    #[serde(default)]
    pub infrastructure_pid: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct CreatedBy {
    #[serde(default, deserialize_with = "nullable")]
    pub display_value: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct TaskRun {
    /// Missing inside an event, which has it beside the task run.
    #[serde(default, deserialize_with = "nullable")]
    pub id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    #[serde(default, deserialize_with = "nullable")]
    pub flow_run_id: String,
    /// Qualified name of the function, `-`, and 8 digits of a hash.
    #[serde(default, deserialize_with = "nullable")]
    pub task_key: String,
    #[serde(default, deserialize_with = "nullable")]
    pub dynamic_key: String,
    #[serde(default, deserialize_with = "nullable")]
    pub tags: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub task_inputs: HashMap<String, Value>,
    #[serde(default, deserialize_with = "nullable")]
    pub empirical_policy: Policy,
    #[serde(default, deserialize_with = "nullable")]
    pub state: State,
    #[serde(default, deserialize_with = "count")]
    pub run_count: u32,
    #[serde(default, deserialize_with = "time")]
    pub expected_start_time: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub start_time: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub end_time: Option<DateTime<Utc>>,
    #[serde(default)]
    pub cache_key: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Policy {
    #[serde(default, deserialize_with = "count")]
    pub retries: u32,
}

impl TaskRun {
    /// The runs that it takes something from or is called by: task runs and subflow runs, each once.
    pub fn parents(&self) -> Vec<&str> {
        let mut parents: Vec<&str> = self
            .task_inputs
            .values()
            .filter_map(Value::as_array)
            .flatten()
            .filter(|input| matches!(input["input_type"].as_str(), Some("task_run" | "flow_run")))
            .filter_map(|input| input["id"].as_str())
            .collect();
        parents.sort_unstable();
        parents.dedup();
        parents
    }
}

/// `GET /flow_runs/{id}/graph-v2`, of which only what no other answer has is read.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Graph {
    #[serde(default, deserialize_with = "nullable")]
    pub states: Vec<State>,
    #[serde(default, deserialize_with = "nullable")]
    pub nodes: Vec<(String, GraphNode)>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct GraphNode {
    /// `task-run` or `flow-run`.
    #[serde(default, deserialize_with = "nullable")]
    pub kind: String,
    #[serde(default, deserialize_with = "nullable")]
    pub artifacts: Vec<Artifact>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Artifact {
    #[serde(default)]
    pub key: Option<String>,
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub data: Value,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub task_run_id: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Log {
    pub id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    #[serde(default, deserialize_with = "count")]
    pub level: u32,
    #[serde(default, deserialize_with = "nullable")]
    pub message: String,
    #[serde(default, deserialize_with = "time")]
    pub timestamp: Option<DateTime<Utc>>,
    #[serde(default)]
    pub flow_run_id: Option<String>,
    #[serde(default)]
    pub task_run_id: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct WorkPool {
    pub name: String,
    #[serde(default, deserialize_with = "nullable")]
    pub is_paused: bool,
    #[serde(default)]
    pub concurrency_limit: Option<u64>,
    /// `READY`, `NOT_READY` or `PAUSED`.
    #[serde(default, deserialize_with = "nullable")]
    pub status: String,
    #[serde(default, deserialize_with = "nullable")]
    pub active_slots: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct WorkQueue {
    pub name: String,
    #[serde(default, deserialize_with = "nullable")]
    pub is_paused: bool,
    #[serde(default)]
    pub concurrency_limit: Option<u64>,
    #[serde(default)]
    pub work_pool_name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct ConcurrencyLimit {
    /// `tag:NAME`, `deployment:UUID`, or a name of somebody's choice.
    pub name: String,
    #[serde(default, deserialize_with = "nullable")]
    pub active: bool,
    #[serde(default, deserialize_with = "nullable")]
    pub limit: u64,
    #[serde(default, deserialize_with = "nullable")]
    pub active_slots: u64,
}

/// What the server did with a wish for a state. `ACCEPT`; `REJECT` = it put another state in place, which may be
/// what was wanted; `ABORT` and `WAIT` = nothing changed.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Orchestrated {
    #[serde(default, deserialize_with = "nullable")]
    pub status: String,
    #[serde(default, deserialize_with = "nullable")]
    pub details: Reason,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Reason {
    #[serde(default, deserialize_with = "nullable")]
    pub reason: String,
}

/// An event as it comes over the socket and out of `/events/filter`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Event {
    pub id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub event: String,
    #[serde(default, deserialize_with = "time")]
    pub occurred: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "nullable")]
    pub resource: HashMap<String, String>,
    #[serde(default, deserialize_with = "nullable")]
    pub related: Vec<HashMap<String, String>>,
    #[serde(default, deserialize_with = "nullable")]
    pub payload: Value,
    /// The event before it about the same thing, where the sender knows it.
    #[serde(default)]
    pub follows: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Events {
    #[serde(default, deserialize_with = "nullable")]
    pub events: Vec<Event>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn nulls_missing_fields_and_odd_values_are_survived() {
        let run: FlowRun =
            serde_json::from_value(json!({"id": "r", "state": null, "run_count": null,
            "start_time": "soon", "parameters": null, "new_in_9": 1}))
            .unwrap();
        assert!(run.start_time.is_none() && run.state.kind.is_empty());
        let task: TaskRun = serde_json::from_value(
            json!({"id": "t", "run_count": "2", "empirical_policy": {"retries": 2.0},
            "task_inputs": {"a": null, "b": 5, "c": [{"input_type": "parameter", "name": "x"}]}}),
        )
        .unwrap();
        assert_eq!((task.run_count, task.empirical_policy.retries), (2, 2));
        assert!(task.parents().is_empty());
        assert!(serde_json::from_value::<FlowRun>(json!({"name": "no id"})).is_err());
        let graph: Graph = serde_json::from_value(
            json!({"nodes": [["x", {"kind": "task-run", "artifacts": null}]]}),
        )
        .unwrap();
        assert_eq!(graph.nodes.len(), 1);
    }

    #[test]
    fn a_parent_named_many_times_counts_once() {
        let input = |id: &str| json!({"input_type": "task_run", "id": id});
        let task: TaskRun = serde_json::from_value(json!({"id": "t", "task_inputs": {
            "rows": [input("b"), input("a"), input("b")], "__parents__": [input("a")], "sub": [{"input_type": "flow_run", "id": "f"}]}}))
        .unwrap();
        assert_eq!(task.parents(), ["a", "b", "f"]);
    }
}
