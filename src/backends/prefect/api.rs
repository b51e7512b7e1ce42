//! The requests that Prefect's REST API is asked (3.x). Lists are asked by POST with a filter, come as bare arrays, and
//! hold at most 200 rows.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::net::http::{Call, path};

use super::states::{ENDED, GOING, WAITING};

/// Rows of a list in one answer: more is refused with 422.
pub const PAGE: usize = 200;

/// `"3.8.8"`, and only with credentials; `/version` is that of the API and `/health` needs no credentials.
pub fn version() -> Call {
    Call::get("/admin/version")
}

pub fn settings() -> Call {
    Call::get("/admin/settings")
}

fn list(at: &str, mut filter: Value, sort: &str, offset: usize) -> Call {
    filter["limit"] = json!(PAGE);
    if !sort.is_empty() {
        filter["sort"] = json!(sort);
    }
    if offset > 0 {
        filter["offset"] = json!(offset);
    }
    Call::post(format!("{at}/filter"), filter)
}

pub fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn any(ids: &[&str]) -> Value {
    json!({"any_": ids})
}

// ---- what there is ----

pub fn deployments(offset: usize) -> Call {
    list("/deployments", json!({}), "NAME_ASC", offset)
}

pub fn deployment(id: &str) -> Call {
    Call::get(path(["deployments", id]))
}

pub fn flows(ids: &[&str]) -> Call {
    list("/flows", json!({"flows": {"id": any(ids)}}), "", 0)
}

/// Runs that go or should, and those that ended since.
pub fn going(since: Option<DateTime<Utc>>, offset: usize) -> Call {
    let mut runs = json!({
        "operator": "or_",
        "state": {"operator": "or_", "type": any(&GOING), "name": any(&WAITING)},
    });
    if let Some(since) = since {
        runs["end_time"] = json!({"after_": stamp(since)});
    }
    list(
        "/flow_runs",
        json!({"flow_runs": runs}),
        "EXPECTED_START_TIME_DESC",
        offset,
    )
}

/// The newest runs that are over; of these deployments, or of any.
pub fn over(deployments: &[&str], offset: usize) -> Call {
    let mut runs =
        json!({"state": {"type": any(&ENDED)}, "parent_task_run_id": {"is_null_": true}});
    if !deployments.is_empty() {
        runs["deployment_id"] = any(deployments);
    }
    list(
        "/flow_runs",
        json!({"flow_runs": runs}),
        "END_TIME_DESC",
        offset,
    )
}

/// Runs that were due and have not started.
pub fn late(deployment: Option<&str>, offset: usize) -> Call {
    let mut runs = json!({"state": {"type": any(&["SCHEDULED"]), "name": any(&["Late"])}});
    if let Some(id) = deployment {
        runs["deployment_id"] = any(&[id]);
    }
    list(
        "/flow_runs",
        json!({"flow_runs": runs}),
        "EXPECTED_START_TIME_ASC",
        offset,
    )
}

/// Runs that go or should, of one deployment or of all.
pub fn active(deployment: Option<&str>, offset: usize) -> Call {
    let mut runs = json!({
        "state": {"operator": "or_", "type": any(&GOING), "name": any(&WAITING)},
        "parent_task_run_id": {"is_null_": true},
    });
    if let Some(id) = deployment {
        runs["deployment_id"] = any(&[id]);
    }
    list(
        "/flow_runs",
        json!({"flow_runs": runs}),
        "EXPECTED_START_TIME_DESC",
        offset,
    )
}

/// Runs that are planned, the next first.
pub fn planned(deployments: &[&str]) -> Call {
    let mut runs = json!({"state": {"name": {"any_": ["Scheduled"]}}});
    if !deployments.is_empty() {
        runs["deployment_id"] = any(deployments);
    }
    list(
        "/flow_runs",
        json!({"flow_runs": runs}),
        "NEXT_SCHEDULED_START_TIME_ASC",
        0,
    )
}

/// The newest runs of a deployment, or of a flow without one, that were to start by then.
pub fn history(deployment: Option<&str>, flow: &str, before: DateTime<Utc>) -> Call {
    let mut runs = json!({
        "expected_start_time": {"before_": stamp(before)},
        "parent_task_run_id": {"is_null_": true},
    });
    runs["deployment_id"] = match deployment {
        Some(id) => any(&[id]),
        None => json!({"is_null_": true}),
    };
    let mut filter = json!({"flow_runs": runs});
    if deployment.is_none() {
        filter["flows"] = json!({"id": any(&[flow])});
    }
    let mut call = filter;
    call["limit"] = json!(40);
    call["sort"] = json!("EXPECTED_START_TIME_DESC");
    Call::post("/flow_runs/filter", call)
}

pub fn flow_runs(ids: &[&str]) -> Call {
    list("/flow_runs", json!({"flow_runs": {"id": any(ids)}}), "", 0)
}

/// Runs that were made with this key.
pub fn keyed(key: &str) -> Call {
    list(
        "/flow_runs",
        json!({"flow_runs": {"idempotency_key": any(&[key])}}),
        "",
        0,
    )
}

/// The subflow runs of these runs.
pub fn subflows(parents: &[&str]) -> Call {
    list(
        "/flow_runs",
        json!({"flow_runs": {"parent_flow_run_id": any(parents)}}),
        "",
        0,
    )
}

pub fn flow_run(id: &str) -> Call {
    Call::get(path(["flow_runs", id]))
}

pub fn graph(id: &str) -> Call {
    Call::get(path(["flow_runs", id, "graph-v2"]))
}

fn tasks(runs: &[&str], tasks: Value, offset: usize) -> Call {
    let filter = json!({"flow_runs": {"id": any(runs)}, "task_runs": tasks});
    list("/task_runs", filter, "EXPECTED_START_TIME_ASC", offset)
}

pub fn task_runs(runs: &[&str], offset: usize) -> Call {
    tasks(runs, Value::Null, offset)
}

/// Task runs that do something, and those that were made or ended since. What only waits is left out: there may be
/// thousands of it.
pub fn tasks_since(runs: &[&str], since: DateTime<Utc>, offset: usize) -> Call {
    let changed = json!({
        "operator": "or_",
        "state": {"type": any(&["SCHEDULED", "RUNNING", "PAUSED", "CANCELLING"])},
        "end_time": {"after_": stamp(since)},
        "expected_start_time": {"after_": stamp(since)},
    });
    tasks(runs, changed, offset)
}

/// What the fleet must know of runs that nobody looks at.
pub fn notable_tasks(runs: &[&str], offset: usize) -> Call {
    let notable = json!({"state": {
        "operator": "or_",
        "type": any(&["FAILED", "CRASHED", "RUNNING"]),
        "name": any(&["AwaitingRetry"]),
    }});
    tasks(runs, notable, offset)
}

pub fn tasks_by_id(ids: &[&str]) -> Call {
    list("/task_runs", json!({"task_runs": {"id": any(ids)}}), "", 0)
}

pub fn task_run(id: &str) -> Call {
    Call::get(path(["task_runs", id]))
}

pub fn task_states(id: &str) -> Call {
    Call::get("/task_run_states/").query("task_run_id", id)
}

pub fn run_states(id: &str) -> Call {
    Call::get("/flow_run_states/").query("flow_run_id", id)
}

/// What these runs report as their progress. (`/artifacts/latest` is by key: two runs that share one hide each other.)
pub fn progress(runs: &[&str]) -> Call {
    let artifacts = json!({"type": any(&["progress"]), "flow_run_id": any(runs)});
    list("/artifacts", json!({"artifacts": artifacts}), "", 0)
}

pub fn artifacts(run: &str, task: Option<&str>) -> Call {
    let mut artifacts = json!({"flow_run_id": any(&[run])});
    if let Some(task) = task {
        artifacts["task_run_id"] = any(&[task]);
    }
    list("/artifacts", json!({"artifacts": artifacts}), "", 0)
}

/// Which lines: of a task run, of a flow run without its tasks, or of a flow run with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lines {
    Task(String),
    Flow(String),
    /// With those of its tasks.
    Whole(String),
}

impl Lines {
    fn filter(&self) -> Value {
        match self {
            Self::Task(id) => json!({"task_run_id": any(&[id])}),
            Self::Flow(id) => json!({"flow_run_id": any(&[id]), "task_run_id": {"is_null_": true}}),
            Self::Whole(id) => json!({"flow_run_id": any(&[id])}),
        }
    }

    /// As the socket takes it, which knows no `is_null_`.
    pub fn stream(&self) -> Value {
        match self {
            Self::Task(id) => json!({"task_run_id": any(&[id])}),
            Self::Flow(id) | Self::Whole(id) => json!({"flow_run_id": any(&[id])}),
        }
    }
}

/// `after` is part of what is given.
pub fn logs(lines: &Lines, after: Option<DateTime<Utc>>, offset: usize) -> Call {
    let mut logs = lines.filter();
    if let Some(after) = after {
        logs["timestamp"] = json!({"after_": stamp(after)});
    }
    list("/logs", json!({"logs": logs}), "TIMESTAMP_ASC", offset)
}

/// The newest heartbeats of these runs.
pub fn heartbeats(runs: &[&str], since: DateTime<Utc>) -> Call {
    let ids: Vec<String> = runs
        .iter()
        .map(|id| format!("prefect.flow-run.{id}"))
        .collect();
    let filter = json!({
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": ids},
        "occurred": {"since": stamp(since)},
        "order": "DESC",
    });
    Call::post("/events/filter", json!({"filter": filter, "limit": 50}))
}

pub fn work_pools() -> Call {
    list("/work_pools", json!({}), "", 0)
}

pub fn work_queues() -> Call {
    list("/work_queues", json!({}), "", 0)
}

pub fn limits() -> Call {
    list("/v2/concurrency_limits", json!({}), "", 0)
}

// ---- what changes something ----

/// `key`: sending twice starts one run.
pub fn create_run(deployment: &str, parameters: Value, key: &str) -> Call {
    let body = json!({"parameters": parameters, "idempotency_key": key});
    Call::post(path(["deployments", deployment, "create_flow_run"]), body)
}

pub fn set_run_state(id: &str, state: Value, force: bool) -> Call {
    Call::post(
        path(["flow_runs", id, "set_state"]),
        json!({"state": state, "force": force}),
    )
}

pub fn set_task_state(id: &str, state: Value) -> Call {
    Call::post(
        path(["task_runs", id, "set_state"]),
        json!({"state": state, "force": true}),
    )
}

pub fn resume(id: &str) -> Call {
    Call::post(path(["flow_runs", id, "resume"]), json!({}))
}

pub fn pause_deployment(id: &str, paused: bool) -> Call {
    let verb = if paused {
        "pause_deployment"
    } else {
        "resume_deployment"
    };
    Call::post(path(["deployments", id, verb]), json!({}))
}

/// What is said of a queue: of a work pool, of a queue in one, or of a concurrency limit.
pub fn queue(queue: &QueueRef) -> Call {
    Call::get(queue.path())
}

/// `field` is `is_paused`, `concurrency_limit` (pools and queues) or `limit`.
pub fn set_queue(queue: &QueueRef, field: &str, value: Value) -> Call {
    let mut body = json!({});
    body[field] = value;
    Call::patch(queue.path(), body)
}

/// What stands behind the name of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueRef {
    Pool(String),
    Queue {
        pool: String,
        name: String,
    },
    /// `tag:NAME`, `deployment:UUID`, or a name of somebody's choice.
    Limit(String),
}

impl QueueRef {
    fn path(&self) -> String {
        match self {
            Self::Pool(name) => path(["work_pools", name]),
            Self::Queue { pool, name } => path(["work_pools", pool, "queues", name]),
            Self::Limit(name) => path(["v2", "concurrency_limits", name]),
        }
    }
}

pub fn delete_runs(ids: &[&str]) -> Call {
    let body = json!({"flow_runs": {"id": any(ids)}, "limit": ids.len()});
    Call::post("/flow_runs/bulk_delete", body)
}
