//! What only Airflow 3 has: the private `/ui` endpoints and the shapes of some bodies.
//! `/ui` is a fast path and may be missing, slow or changed: everything has a public way too.

use serde_json::{Value, json};

use crate::net::http::Call;

use super::api::{Api, Clear, page};

/// Where a user and a password give a token. At the root, not under `/api`.
pub const LOGIN: &str = "/auth/token";

/// DAGs with their newest runs in one answer.
pub fn ui_dags(offset: usize, runs: usize) -> Call {
    page(Call::get("/ui/dags"), offset)
        .query("dag_runs_limit", runs)
        .query("exclude_stale", false)
}

/// Task groups, tasks and edges of a version of a DAG.
pub fn ui_structure(dag: &str, version: Option<u32>) -> Call {
    let call = Call::get("/ui/structure/structure_data").query("dag_id", dag);
    match version {
        Some(version) => call.query("version_number", version),
        None => call,
    }
}

/// The defaults of the API are `dry_run` and `only_failed`: everything is said.
pub fn clear(run: &str, clear: &Clear<'_>, dry_run: bool) -> Value {
    let mut body = json!({
        "dry_run": dry_run,
        "dag_run_id": run,
        "only_failed": clear.only_failed,
        "include_upstream": clear.upstream,
        "include_downstream": clear.downstream,
        "reset_dag_runs": true,
    });
    if !clear.tasks.is_empty() {
        body["task_ids"] = clear
            .tasks
            .iter()
            .map(|(task, index)| match index {
                Some(index) => json!([task, index]),
                None => json!(task),
            })
            .collect();
    }
    body
}

/// Without an index all instances of a mapped task are marked.
pub fn mark(
    api: Api,
    dag: &str,
    run: &str,
    task: &str,
    map_index: Option<i32>,
    state: &str,
    dry_run: bool,
) -> Call {
    let rest = if dry_run { ["dry_run"].as_slice() } else { &[] };
    let path = api.ti_path(dag, run, task, map_index, rest.iter().copied());
    Call::patch(path, json!({"new_state": state}))
}
