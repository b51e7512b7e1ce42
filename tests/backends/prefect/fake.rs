//! A Prefect made of a few lists in memory, for bad days that a real one can't be asked for. It answers the filters
//! that the backend sends, and its sockets say what the test says, stay silent, or break off.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tokio::sync::broadcast;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Respond, ResponseTemplate};

use crate::rig::door::Door;
pub use crate::rig::door::Say;

/// What the server knows.
#[derive(Default)]
pub struct Db {
    pub version: String,
    /// `Authorization` as it must be; empty = none is asked for.
    pub auth: String,
    /// What the first frame of a socket must hold.
    pub token: Option<String>,
    pub deployments: Vec<Value>,
    pub flows: Vec<Value>,
    pub flow_runs: Vec<Value>,
    pub task_runs: Vec<Value>,
    pub logs: Vec<Value>,
    pub streams_logs: bool,
    /// Answers that differ, by the end of the path: how many times, and what.
    pub instead: HashMap<&'static str, (usize, ResponseTemplate)>,
    pub date: Option<&'static str>,
    /// The next run that is asked for is made, and the answer is that the database is locked.
    pub mute: bool,
    /// Requests by path.
    pub asked: HashMap<String, usize>,
    /// Largest `limit` that was asked for.
    pub largest: u64,
}

pub struct Fake {
    pub url: String,
    pub db: Arc<Mutex<Db>>,
    pub say: broadcast::Sender<Say>,
    /// Whether there are sockets at all.
    pub sockets: Arc<AtomicBool>,
    /// Sockets that were let in so far.
    pub opened: Arc<AtomicUsize>,
    /// Frames that clients sent.
    pub heard: Arc<Mutex<Vec<Value>>>,
    _http: MockServer,
}

pub const START: &str = "2026-11-20T02:00:00Z";

pub fn deployment(id: &str, name: &str) -> Value {
    json!({"id": id, "name": name, "flow_id": "flow-1", "paused": false, "status": "READY", "tags": [], "schedules": []})
}

pub fn flow_run(id: &str, deployment: &str, kind: &str, at: &str) -> Value {
    let over = matches!(kind, "COMPLETED" | "FAILED" | "CRASHED" | "CANCELLED");
    let name = kind[..1].to_owned() + &kind[1..].to_lowercase();
    json!({"id": id, "name": format!("name-{id}"), "flow_id": "flow-1", "deployment_id": deployment, "run_count": 1,
        "state": {"type": kind, "name": name, "timestamp": at}, "created": at, "expected_start_time": at, "start_time": at,
        "end_time": over.then_some(at), "parameters": {}})
}

pub fn task_run(id: &str, run: &str, task: &str, kind: &str, at: &str) -> Value {
    let over = matches!(kind, "COMPLETED" | "FAILED" | "CRASHED" | "CANCELLED");
    let name = kind[..1].to_owned() + &kind[1..].to_lowercase();
    json!({"id": id, "name": format!("{task}-abc"), "flow_run_id": run, "task_key": format!("{task}-0123abcd"), "dynamic_key": "abcdef",
        "run_count": 1, "state": {"type": kind, "name": name, "timestamp": at}, "expected_start_time": at, "start_time": at,
        "end_time": over.then_some(at), "task_inputs": {}, "empirical_policy": {"retries": 0}})
}

/// An event about a task run, as a socket says it.
pub fn task_event(id: &str, follows: Option<&str>, row: &Value) -> String {
    let state = &row["state"];
    let resource = |kind: &str, id: &Value| format!("prefect.{kind}.{}", id.as_str().unwrap());
    json!({"type": "event", "event": {
        "id": id, "follows": follows, "event": format!("prefect.task-run.{}", state["name"].as_str().unwrap()),
        "occurred": state["timestamp"],
        "resource": {"prefect.resource.id": resource("task-run", &row["id"]), "prefect.resource.name": row["name"],
            "prefect.state-type": state["type"], "prefect.state-name": state["name"],
            "prefect.state-timestamp": state["timestamp"], "prefect.state-message": ""},
        "related": [{"prefect.resource.id": resource("flow-run", &row["flow_run_id"]), "prefect.resource.role": "flow-run"}],
        "payload": {"task_run": row, "validated_state": {"type": state["type"], "name": state["name"]}}}})
    .to_string()
}

pub fn flow_event(id: &str, run: &str, kind: &str, name: &str, at: &str) -> String {
    json!({"type": "event", "event": {"id": id, "follows": null, "event": format!("prefect.flow-run.{name}"), "occurred": at,
        "resource": {"prefect.resource.id": format!("prefect.flow-run.{run}"), "prefect.state-type": kind,
            "prefect.state-name": name, "prefect.state-timestamp": at, "prefect.run-count": "1"},
        "related": [], "payload": {}}})
    .to_string()
}

impl Fake {
    /// One deployment `orders/nightly` and nothing that ran; sockets are there.
    pub async fn start() -> Self {
        let db = Arc::new(Mutex::new(Db {
            version: "3.8.8".to_owned(),
            deployments: vec![deployment("dep-1", "nightly")],
            flows: vec![json!({"id": "flow-1", "name": "orders"})],
            ..Db::default()
        }));
        let http = MockServer::start().await;
        Mock::given(any())
            .respond_with(Answer(Arc::clone(&db)))
            .mount(&http)
            .await;
        let known = Arc::clone(&db);
        let hear = move |before: usize, frame: &Value| {
            if before > 0 {
                return Vec::new();
            }
            let token = known.lock().unwrap().token.clone();
            let wanted = token.map_or(Value::Null, Value::String);
            match *frame == json!({"type": "auth", "token": wanted}) {
                true => vec![Say::Text(r#"{"type":"auth_success"}"#.to_owned())],
                false => vec![Say::Close(1008, "Invalid token")],
            }
        };
        const SOCKETS: &[&str] = &["/api/events/out", "/api/logs/out"];
        let door = Door::open(*http.address(), SOCKETS, "prefect", hear).await;
        Self {
            url: door.url,
            db,
            say: door.say,
            sockets: door.sockets,
            opened: door.opened,
            heard: door.heard,
            _http: http,
        }
    }

    pub fn db(&self) -> MutexGuard<'_, Db> {
        self.db.lock().unwrap()
    }

    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    pub fn tell(&self, text: String) {
        self.say.send(Say::Text(text)).unwrap();
    }

    pub fn asked(&self, path: &str) -> usize {
        self.db().asked.get(path).copied().unwrap_or(0)
    }
}

/// What it answers when its database is locked.
pub fn locked() -> ResponseTemplate {
    ResponseTemplate::new(503).set_body_json(json!({"exception_message": "Service Unavailable"}))
}

struct Answer(Arc<Mutex<Db>>);

impl Respond for Answer {
    fn respond(&self, request: &wiremock::Request) -> ResponseTemplate {
        let mut db = self.0.lock().unwrap();
        let path = request
            .url
            .path()
            .strip_prefix("/api")
            .unwrap_or_default()
            .to_owned();
        *db.asked.entry(path.clone()).or_default() += 1;
        let answer = answer(&mut db, &path, request);
        match db.date {
            Some(date) => answer.insert_header("date", date),
            None => answer,
        }
    }
}

fn answer(db: &mut Db, path: &str, request: &wiremock::Request) -> ResponseTemplate {
    if let Some(left) = db
        .instead
        .iter_mut()
        .find(|(end, _)| path.ends_with(**end))
        .map(|(_, i)| i)
        && left.0 > 0
    {
        left.0 -= 1;
        return left.1.clone();
    }
    let given = request
        .headers
        .get("authorization")
        .map_or("", |v| v.to_str().unwrap());
    if !db.auth.is_empty() && given != db.auth {
        return ResponseTemplate::new(401)
            .set_body_json(json!({"exception_message": "Unauthorized"}));
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let ok = |value: Value| ResponseTemplate::new(200).set_body_json(value);
    db.largest = db.largest.max(body["limit"].as_u64().unwrap_or(0));
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let one = |list: &[Value], id: &str| match list.iter().find(|row| row["id"] == id) {
        Some(row) => ok(row.clone()),
        None => ResponseTemplate::new(404).set_body_json(json!({"detail": "not found"})),
    };
    match parts.as_slice() {
        ["admin", "version"] => ok(json!(db.version)),
        ["admin", "settings"] => ok(
            json!({"server": {"logs": {"stream_out_enabled": db.streams_logs, "stream_publishing_enabled": db.streams_logs}}}),
        ),
        ["deployments", "filter"] => ok(page(&db.deployments, &body)),
        ["deployments", id] => one(&db.deployments, id),
        ["flows", "filter"] => ok(page(&db.flows, &body)),
        ["flow_runs", "filter"] => {
            let mut rows: Vec<Value> = db
                .flow_runs
                .iter()
                .filter(|row| run_passes(row, &body["flow_runs"]))
                .cloned()
                .collect();
            let by = if body["sort"] == "END_TIME_DESC" {
                "end_time"
            } else {
                "expected_start_time"
            };
            rows.sort_by(|a, b| b[by].as_str().cmp(&a[by].as_str()));
            ok(page(&rows, &body))
        }
        ["deployments", id, "create_flow_run"] => {
            let key = &body["idempotency_key"];
            let known = db
                .flow_runs
                .iter()
                .find(|row| row["idempotency_key"] == *key);
            let row = known.cloned().unwrap_or_else(|| {
                let at = chrono::Utc::now().to_rfc3339();
                let mut row =
                    flow_run(&format!("new-{}", db.flow_runs.len()), id, "SCHEDULED", &at);
                row["idempotency_key"] = key.clone();
                db.flow_runs.push(row.clone());
                row
            });
            match std::mem::take(&mut db.mute) {
                true => locked(),
                false => ok(row),
            }
        }
        ["flow_runs", id] => one(&db.flow_runs, id),
        ["flow_runs", _, "graph-v2"] => ok(json!({"nodes": [], "states": []})),
        ["task_runs", "filter"] => {
            let runs = &body["flow_runs"]["id"]["any_"];
            let of = |row: &&Value| {
                runs.is_null() || runs.as_array().unwrap().contains(&row["flow_run_id"])
            };
            let rows: Vec<Value> = db
                .task_runs
                .iter()
                .filter(of)
                .filter(|row| body["task_runs"].is_null() || run_passes(row, &body["task_runs"]))
                .cloned()
                .collect();
            ok(page(&rows, &body))
        }
        ["task_runs", id] => one(&db.task_runs, id),
        ["logs", "filter"] => {
            let task = &body["logs"]["task_run_id"]["any_"][0];
            let rows: Vec<Value> = db
                .logs
                .iter()
                .filter(|row| task.is_null() || row["task_run_id"] == *task)
                .cloned()
                .collect();
            ok(page(&rows, &body))
        }
        [_, "filter"] | [_, _, "filter"] => ok(json!([])),
        _ => ResponseTemplate::new(404).set_body_json(json!({"detail": "Not Found"})),
    }
}

fn page(rows: &[Value], body: &Value) -> Value {
    let number =
        |key: &str, default: u64| usize::try_from(body[key].as_u64().unwrap_or(default)).unwrap();
    Value::Array(
        rows.iter()
            .skip(number("offset", 0))
            .take(number("limit", 200))
            .cloned()
            .collect(),
    )
}

/// The filters that the backend uses: of ids, of types or names of states, of times.
fn run_passes(row: &Value, filter: &Value) -> bool {
    let any = |list: &Value, value: &Value| {
        list["any_"]
            .as_array()
            .is_some_and(|all| all.contains(value))
    };
    let state = |filter: &Value| {
        let each: Vec<bool> = [
            ("type", &row["state"]["type"]),
            ("name", &row["state"]["name"]),
        ]
        .into_iter()
        .filter(|(key, _)| !filter[*key].is_null())
        .map(|(key, value)| any(&filter[key], value))
        .collect();
        match filter["operator"] == "or_" {
            true => each.contains(&true),
            false => !each.contains(&false),
        }
    };
    let mut each = Vec::new();
    for (key, test) in filter.as_object().into_iter().flatten() {
        each.push(match key.as_str() {
            "operator" => continue,
            "id" | "deployment_id" | "idempotency_key" => any(test, &row[key]),
            "parent_task_run_id" => row[key].is_null() == test["is_null_"],
            "parent_flow_run_id" => any(test, &row["parent_flow_run_id"]),
            "state" => state(test),
            "end_time" | "expected_start_time" if !test["after_"].is_null() => {
                row[key].as_str() >= test["after_"].as_str()
            }
            "end_time" | "expected_start_time" => row[key].as_str() <= test["before_"].as_str(),
            other => panic!("the fake knows no filter by {other}"),
        });
    }
    match filter["operator"] == "or_" {
        true => each.contains(&true),
        false => !each.contains(&false),
    }
}
