//! An Airflow 3 made of a few answers, for bad days that a real one can't be asked for.

use serde_json::{Value, json};
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

pub fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

pub fn dag(id: &str, runs: Value) -> Value {
    json!({"dag_id": id, "is_paused": false, "tags": [], "owners": ["x"], "latest_dag_runs": runs})
}

pub fn run(id: &str, state: &str) -> Value {
    json!({"dag_id": "orders", "run_id": id, "state": state, "run_after": "2026-11-20T02:00:00Z",
        "start_date": "2026-11-20T02:00:01Z", "end_date": "2026-11-20T02:09:00Z"})
}

pub fn ti(task: &str, state: Value) -> Value {
    json!({"task_id": task, "dag_id": "orders", "dag_run_id": "r1", "map_index": -1, "state": state, "try_number": 1,
        "max_tries": 0, "start_date": "2026-11-20T02:00:02Z", "end_date": "2026-11-20T02:08:00Z"})
}

/// Answers when nothing else is mounted for a path. One DAG, one run called `success`, one failed task.
pub async fn airflow() -> MockServer {
    airflow_at(None).await
}

/// The same with a clock of its own.
pub async fn airflow_at(date: Option<&str>) -> MockServer {
    let server = MockServer::start().await;
    let full = json!({"dag_run_id": "r1", "dag_id": "orders", "state": "success", "run_type": "manual", "conf": {},
        "run_after": "2026-11-20T02:00:00Z", "start_date": "2026-11-20T02:00:01Z", "end_date": "2026-11-20T02:09:00Z",
        "dag_versions": [{"version_number": 1}]});
    let tis = json!({"task_instances": [ti("load", json!("failed")), ti("check", json!("success"))], "total_entries": 2});
    let answers = [
        ("POST", "^/auth/token$", json!({"access_token": "t"})),
        ("GET", "^/api/v2/version$", json!({"version": "3.3.2"})),
        (
            "GET",
            "^/api/v2/monitor/health$",
            json!({"scheduler": {"status": "healthy"}}),
        ),
        (
            "GET",
            "^/api/v2/pools$",
            json!({"pools": [], "total_entries": 0}),
        ),
        (
            "GET",
            "^/api/v2/importErrors$",
            json!({"import_errors": [], "total_entries": 0}),
        ),
        (
            "GET",
            "^/api/v2/dagWarnings$",
            json!({"dag_warnings": [], "total_entries": 0}),
        ),
        (
            "GET",
            "^/(ui|api/v2)/dags$",
            json!({"dags": [dag("orders", json!([run("r1", "success")]))], "total_entries": 1}),
        ),
        (
            "POST",
            "^/api/v2/dags/~/dagRuns/list$",
            json!({"dag_runs": [full.clone()], "total_entries": 1}),
        ),
        (
            "GET",
            "^/api/v2/dags/~/dagRuns$",
            json!({"dag_runs": [], "total_entries": 0}),
        ),
        (
            "POST",
            "^/api/v2/dags/~/dagRuns/~/taskInstances/list$",
            tis.clone(),
        ),
        (
            "GET",
            "^/api/v2/dags/~/dagRuns/~/taskInstances$",
            json!({"task_instances": [], "total_entries": 0}),
        ),
        ("GET", "^/api/v2/dags/orders/dagRuns/r1$", full),
        ("GET", "^/api/v2/dags/orders/dagRuns/r1/taskInstances$", tis),
        (
            "GET",
            "^/api/v2/dags/orders/details$",
            json!({"dag_id": "orders", "doc_md": "# Orders", "params": {}}),
        ),
        (
            "GET",
            "^/ui/structure/structure_data$",
            json!({"nodes": [{"id": "load", "label": "load"}, {"id": "check", "label": "check"}],
            "edges": [{"source_id": "load", "target_id": "check"}]}),
        ),
    ];
    for (verb, at, body) in answers {
        let mut answer = ok(body);
        if let Some(date) = date {
            answer = answer.insert_header("date", date);
        }
        Mock::given(method(verb))
            .and(path_regex(at))
            .respond_with(answer)
            .with_priority(9)
            .mount(&server)
            .await;
    }
    server
}

/// From now on this path answers so (GET and POST).
pub async fn answer(server: &MockServer, at: &str, template: ResponseTemplate) {
    Mock::given(path(at))
        .respond_with(template)
        .with_priority(2)
        .mount(server)
        .await;
}
