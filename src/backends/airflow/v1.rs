//! What only Airflow 2 has.

use serde_json::{Value, json};

use crate::net::http::Call;

use super::api::{Api, Clear};

/// v1 takes no map index: an instance of a mapped task can only be cleared with all its siblings.
/// The dry run lists ids, without states.
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
        body["task_ids"] = clear.tasks.iter().map(|(task, _)| *task).collect();
    }
    body
}

/// `dry_run` is true by default here. An instance of a mapped task has a path of its own.
pub fn mark(
    api: Api,
    dag: &str,
    run: &str,
    task: &str,
    map_index: Option<i32>,
    state: &str,
    dry_run: bool,
) -> Call {
    let body = json!({"dry_run": dry_run, "new_state": state});
    Call::patch(api.ti_path(dag, run, task, map_index, []), body)
}
