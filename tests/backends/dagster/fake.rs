//! A Dagster made of a few lists in memory, for bad days that a real one can't be asked for. It answers the questions
//! that the backend asks, each field by itself, and its sockets say what the test says.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Map, Value, json};
use tokio::sync::broadcast;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Respond, ResponseTemplate};

use crate::rig::door::Door;
pub use crate::rig::door::Say;

/// What the server knows.
#[derive(Default)]
pub struct Db {
    /// `Authorization` as it must be; empty = none is asked for.
    pub auth: String,
    pub jobs: Vec<String>,
    /// Newest first, as Dagster lists them.
    pub runs: Vec<Value>,
    /// By run.
    pub events: HashMap<String, Vec<Value>>,
    pub assets: Vec<Value>,
    /// What asset checks found, newest first, by check. Empty: this version keeps no such list.
    pub results: HashMap<String, Vec<Value>>,
    /// Answers that differ, by a field of the question: how many times, and what.
    pub instead: HashMap<&'static str, (usize, ResponseTemplate)>,
    /// Fields that are answered so.
    pub fields: HashMap<&'static str, Value>,
    pub date: Option<String>,
    /// Questions so far, by field.
    pub asked: HashMap<String, usize>,
    pub requests: usize,
}

pub struct Fake {
    pub url: String,
    pub db: Arc<Mutex<Db>>,
    pub say: broadcast::Sender<Say>,
    pub sockets: Arc<AtomicBool>,
    pub opened: Arc<AtomicUsize>,
    pub heard: Arc<Mutex<Vec<Value>>>,
    _http: MockServer,
}

/// 2026-11-20T02:00:00Z in seconds.
pub const START: f64 = 1_795_140_000.0;

pub fn run(id: &str, job: &str, status: &str, after: f64) -> Value {
    let at = START + after;
    let ended = matches!(status, "SUCCESS" | "FAILURE" | "CANCELED");
    json!({"runId": id, "jobName": job, "status": status, "creationTime": at, "startTime": at + 1.0,
        "endTime": if ended { json!(at + 60.0) } else { Value::Null }, "updateTime": at + if ended { 60.0 } else { 1.0 },
        "rootRunId": null, "parentRunId": null, "tags": [], "stepStats": [], "executionPlan": {"steps": []},
        "stepKeysToExecute": [], "runConfig": {},
        "repositoryOrigin": {"repositoryName": "__repository__", "repositoryLocationName": "shop"}})
}

pub fn step(key: &str, status: &str) -> Value {
    let end = if status == "IN_PROGRESS" {
        Value::Null
    } else {
        json!(START + 9.0)
    };
    json!({"stepKey": key, "status": status, "startTime": START + 2.0, "endTime": end,
        "attempts": [{"startTime": START + 2.0, "endTime": end}], "markers": []})
}

pub fn plan(keys: &[&str]) -> Value {
    let steps: Vec<Value> = keys
        .iter()
        .enumerate()
        .map(|(at, key)| {
            let needs = at
                .checked_sub(1)
                .map(|at| json!({"dependsOn": [{"key": keys[at]}]}));
            json!({"key": key, "kind": "COMPUTE", "inputs": needs.into_iter().collect::<Vec<_>>()})
        })
        .collect();
    json!({"steps": steps})
}

/// `after`: seconds since [`START`].
pub fn event(kind: Option<&str>, step: Option<&str>, said: &str, after: f64) -> Value {
    json!({"__typename": "MessageEvent", "eventType": kind, "stepKey": step, "message": said, "level": "INFO",
        "timestamp": (((START + after) * 1000.0) as i64).to_string()})
}

impl Fake {
    /// One job `orders` and nothing that ran; sockets are there and tell a run's events from a cursor.
    pub async fn start() -> Self {
        let db = Arc::new(Mutex::new(Db {
            jobs: vec!["orders".to_owned()],
            ..Db::default()
        }));
        let http = MockServer::start().await;
        Mock::given(any())
            .respond_with(Answer(Arc::clone(&db)))
            .mount(&http)
            .await;
        let known = Arc::clone(&db);
        let hear = move |_: usize, frame: &Value| match frame["type"].as_str() {
            Some("connection_init") => {
                vec![Say::Text(json!({"type": "connection_ack"}).to_string())]
            }
            Some("start") => {
                let asked = &frame["payload"]["variables"];
                let page = events(&known.lock().unwrap(), asked, "messages", usize::MAX);
                vec![Say::Text(data(page))]
            }
            _ => Vec::new(),
        };
        let door = Door::open(*http.address(), &["/graphql"], "graphql-ws", hear).await;
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

    pub fn asked(&self, field: &str) -> usize {
        self.db().asked.get(field).copied().unwrap_or(0)
    }

    /// Something happens in a run: it is written down, and told to whoever listens.
    pub fn happen(&self, run: &str, event: Value) {
        let at = {
            let mut db = self.db();
            let list = db.events.entry(run.to_owned()).or_default();
            list.push(event.clone());
            list.len()
        };
        let page = json!({"__typename": "PipelineRunLogsSubscriptionSuccess", "cursor": at.to_string(),
            "hasMorePastEvents": false, "messages": [event]});
        let _ = self.say.send(Say::Text(data(page)));
    }
}

pub fn data(page: Value) -> String {
    json!({"type": "data", "id": "1", "payload": {"data": {"events": page}}}).to_string()
}

/// `list`: what the server calls them there.
fn events(db: &Db, asked: &Value, list: &str, most: usize) -> Value {
    let run = asked["run"].as_str().unwrap_or_default();
    let from: usize = asked["after"]
        .as_str()
        .and_then(|c| c.parse().ok())
        .unwrap_or(0);
    let all = db.events.get(run).map(Vec::as_slice).unwrap_or_default();
    let page: Vec<&Value> = all.iter().skip(from).take(most).collect();
    let to = from + page.len();
    json!({"__typename": "EventConnection", "cursor": to.to_string(), "hasMore": to < all.len(), "hasMorePastEvents": false,
        list: page})
}

struct Answer(Arc<Mutex<Db>>);

impl Respond for Answer {
    fn respond(&self, request: &wiremock::Request) -> ResponseTemplate {
        let mut db = self.0.lock().unwrap();
        db.requests += 1;
        let answer = answer(&mut db, request);
        match &db.date {
            Some(date) => answer.insert_header("date", date.as_str()),
            None => answer,
        }
    }
}

fn answer(db: &mut Db, request: &wiremock::Request) -> ResponseTemplate {
    let given = request
        .headers
        .get("authorization")
        .map_or("", |v| v.to_str().unwrap());
    if !db.auth.is_empty() && given != db.auth {
        return ResponseTemplate::new(401).set_body_string("who are you?");
    }
    if request.url.path() != "/graphql" || request.method.as_str() != "POST" {
        return ResponseTemplate::new(404);
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let (query, variables) = (body["query"].as_str().unwrap(), &body["variables"]);
    if let Some(left) = db
        .instead
        .iter_mut()
        .find(|(field, _)| query.contains(**field))
        .map(|(_, left)| left)
        && left.0 > 0
    {
        left.0 -= 1;
        return left.1.clone();
    }
    let mut data = Map::new();
    for name in [
        "repositories",
        "workspace",
        "assets",
        "backfills",
        "events",
        "instance",
        "permissions",
        "version",
    ] {
        if query.contains(&format!("{name}:"))
            || query.contains(&format!("{{{name}"))
            || query.contains(&format!(" {name}{{"))
        {
            data.insert(name.to_owned(), field(db, name, variables));
        }
    }
    if query.contains(":assetCheckExecutions(") {
        if db.results.is_empty() {
            let unknown = "Cannot query field 'assetCheckExecutions' on type 'Query'.";
            return ResponseTemplate::new(400)
                .set_body_json(json!({"errors": [{"message": unknown}]}));
        }
        for (name, check) in variables.as_object().into_iter().flatten() {
            if let Some(n) = name.strip_prefix('n') {
                let results = db.results.get(check.as_str().unwrap());
                data.insert(format!("c{n}"), json!(results));
            }
        }
    }
    for (name, filter) in variables.as_object().into_iter().flatten() {
        if query.contains(&format!("{name}:runsOrError")) {
            let limit = query
                .split(&format!("cursor:${name}c,limit:"))
                .nth(1)
                .unwrap();
            let limit = limit.split(')').next().unwrap().parse().unwrap();
            data.insert(
                name.clone(),
                runs(db, filter, variables[format!("{name}c")].as_str(), limit),
            );
        } else if query.contains(&format!("{name}:runGroupOrError")) {
            data.insert(name.clone(), group(db, filter.as_str().unwrap()));
        }
    }
    for name in data.keys() {
        *db.asked.entry(name.clone()).or_default() += 1;
    }
    ResponseTemplate::new(200).set_body_json(json!({"data": data}))
}

fn field(db: &Db, name: &str, variables: &Value) -> Value {
    if let Some(fixed) = db.fields.get(name) {
        return fixed.clone();
    }
    match name {
        "version" => json!("1.13.27"),
        "permissions" => json!([]),
        "repositories" => {
            let job = |name: &String| json!({"name": name, "tags": []});
            let jobs: Vec<Value> = db.jobs.iter().map(job).collect();
            json!({"__typename": "RepositoryConnection", "nodes": [{"name": "__repository__", "location": {"name": "shop"},
                "pipelines": jobs, "schedules": [], "sensors": []}]})
        }
        "workspace" => {
            json!({"__typename": "Workspace", "locationEntries": [{"name": "shop", "loadStatus": "LOADED",
            "updatedTimestamp": START, "locationOrLoadError": {"__typename": "RepositoryLocation"}}]})
        }
        "assets" => json!(db.assets),
        "backfills" => json!({"__typename": "PartitionBackfills", "results": []}),
        "instance" => {
            json!({"runQueueConfig": {"maxConcurrentRuns": 4}, "daemonHealth": {"allDaemonStatuses": []},
            "concurrencyLimits": []})
        }
        "events" => events(db, variables, "events", 1000),
        other => panic!("the fake knows no {other}"),
    }
}

fn runs(db: &Db, filter: &Value, cursor: Option<&str>, limit: usize) -> Value {
    let passes = |run: &&Value| {
        let statuses = filter["statuses"].as_array();
        statuses.is_none_or(|s| s.contains(&run["status"]))
            && filter["updatedAfter"]
                .as_f64()
                .is_none_or(|t| run["updateTime"].as_f64().unwrap() > t)
            && filter["pipelineName"]
                .as_str()
                .is_none_or(|name| run["jobName"] == name)
            && filter["runIds"]
                .as_array()
                .is_none_or(|ids| ids.contains(&run["runId"]))
    };
    let all: Vec<&Value> = db.runs.iter().filter(passes).collect();
    let from = cursor.map_or(0, |id| {
        all.iter()
            .position(|run| run["runId"] == id)
            .map_or(all.len(), |at| at + 1)
    });
    let row = |run: &&&Value| {
        let mut row = (**run).clone();
        // a list tells less than a run
        for more in [
            "stepStats",
            "executionPlan",
            "stepKeysToExecute",
            "runConfig",
        ] {
            row.as_object_mut().unwrap().remove(more);
        }
        row
    };
    let page: Vec<Value> = all
        .iter()
        .skip(from)
        .take(limit)
        .map(|run| row(&run))
        .collect();
    json!({"__typename": "Runs", "results": page})
}

fn group(db: &Db, id: &str) -> Value {
    let runs: Vec<&Value> = db
        .runs
        .iter()
        .filter(|run| run["runId"] == id || run["rootRunId"] == id)
        .collect();
    match runs.is_empty() {
        true => json!({"__typename": "RunGroupNotFoundError", "message": "no such group"}),
        false => json!({"__typename": "RunGroup", "runs": runs}),
    }
}
