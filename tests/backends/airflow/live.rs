//! Against real Airflows. `tests/run` starts them and sets DAGTOP_TEST_AIRFLOW3_URL, _PASSWORD, _DIR
//! (and AIRFLOW2 for the other) and runs them; `cargo test` alone reports them as ignored.
//! Whatever our backend claims is proven by asking Airflow itself with a client of the test's own.
//! With DAGTOP_RECORD=1 the answers of the servers become the fixtures of `recorded.rs`.

use std::path::Path;
use std::time::Duration;

use super::*;
use dagtop::model::*;
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

/// A real server and our own, independent way to ask it.
struct Lab {
    major: u32,
    url: String,
    password: String,
    dir: String,
    http: reqwest::Client,
    token: String,
}

impl Lab {
    async fn of(major: u32) -> Self {
        let var = |name: &str| {
            let name = format!("DAGTOP_TEST_AIRFLOW{major}_{name}");
            std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set: run tests/run"))
        };
        let (url, password, dir) = (var("URL"), var("PASSWORD"), var("DIR"));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut lab = Self {
            major,
            url,
            password,
            dir,
            http,
            token: String::new(),
        };
        if major == 3 {
            lab.token = lab.login("admin").await;
        }
        lab
    }

    async fn login(&self, user: &str) -> String {
        let body = json!({"username": user, "password": self.password});
        let answer = self
            .http
            .post(format!("{}/auth/token", self.url))
            .json(&body)
            .send()
            .await
            .unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    fn settings(&self) -> dagtop::config::Airflow {
        settings(&self.url, password("admin", &self.password))
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, String) {
        let api = if self.major == 3 {
            "/api/v2"
        } else {
            "/api/v1"
        };
        let path = if path.starts_with("/ui/") {
            path.to_owned()
        } else {
            format!("{api}{path}")
        };
        let mut request = self
            .http
            .request(method.parse().unwrap(), format!("{}{path}", self.url));
        request = match self.major {
            3 => request.bearer_auth(&self.token),
            _ => request.basic_auth("admin", Some(&self.password)),
        };
        if let Some(body) = body {
            request = request.json(&body);
        }
        // Airflow 2 gives a log as text else
        let answer = request
            .header("accept", "application/json")
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// What Airflow itself says.
    async fn ask(&self, path: &str) -> Value {
        let (status, text) = self.call("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Changes something behind our backend's back. SQLite may be locked: tried again.
    async fn make(&self, method: &str, path: &str, body: Value) -> Value {
        for _ in 0..5 {
            let (status, text) = self.call(method, path, Some(body.clone())).await;
            if status < 300 || status == 409 {
                return serde_json::from_str(&text).unwrap_or_default();
            }
            assert!(status >= 500, "{method} {path}: {status} {text}");
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        panic!("{method} {path}: never worked");
    }

    async fn pause(&self, dag: &str, paused: bool) {
        self.make(
            "PATCH",
            &format!("/dags/{dag}?update_mask=is_paused"),
            json!({"is_paused": paused}),
        )
        .await;
    }

    /// A new run with an id of its own, of a DAG that is not paused.
    async fn trigger(&self, dag: &str, conf: Value) -> RunKey {
        self.pause(dag, false).await;
        let run = format!("test_{}", chrono::Utc::now().format("%H%M%S%3f"));
        let mut body = json!({"dag_run_id": run, "conf": conf});
        if self.major == 3 {
            body["logical_date"] = Value::Null;
        }
        self.make("POST", &format!("/dags/{dag}/dagRuns"), body)
            .await;
        super::dag(dag).run(run)
    }

    async fn run(&self, key: &RunKey) -> Value {
        self.ask(&path(key, "")).await
    }

    async fn tis(&self, key: &RunKey) -> Vec<Value> {
        let list = self.ask(&path(key, "/taskInstances?limit=100")).await;
        list["task_instances"].as_array().unwrap().clone()
    }

    async fn state(&self, key: &RunKey, task: &str, index: i64) -> Value {
        let tis = self.tis(key).await;
        let ti = tis
            .iter()
            .find(|ti| ti["task_id"] == task && ti["map_index"] == index);
        ti.unwrap_or_else(|| panic!("no {task} {index} in {tis:?}"))["state"].clone()
    }

    /// Waits until Airflow itself says so.
    async fn until(
        &self,
        what: &str,
        limit: Duration,
        key: &RunKey,
        holds: impl Fn(&Value, &[Value]) -> bool,
    ) {
        let end = std::time::Instant::now() + limit;
        loop {
            let (run, tis) = (self.run(key).await, self.tis(key).await);
            if holds(&run, &tis) {
                return;
            }
            assert!(
                std::time::Instant::now() < end,
                "{what}: run {}, tasks {:?}",
                run["state"],
                states(&tis)
            );
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
    }

    async fn ended(&self, key: &RunKey) {
        self.until("the run's end", 8 * MINUTE, key, |run, _| {
            matches!(run["state"].as_str(), Some("success" | "failed"))
        })
        .await;
    }

    async fn task_is(&self, key: &RunKey, task: &str, state: &str) {
        let limit = 4 * MINUTE;
        self.until(&format!("{task} {state}"), limit, key, |_, tis| {
            tis.iter()
                .any(|ti| ti["task_id"] == task && ti["state"] == state)
        })
        .await;
    }

    /// Writes an answer of this server as a fixture, without what is of this machine.
    async fn record(&self, name: &str, method: &str, path: &str, body: Option<Value>) {
        if std::env::var_os("DAGTOP_RECORD").is_none() {
            return;
        }
        let (status, text) = self.call(method, path, body).await;
        assert!(status < 300, "{path}: {status} {text}");
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let mut text = text.replace(&self.dir, "/srv/airflow");
        let packages = Path::new(&self.dir).with_file_name(format!("airflow{}", self.major));
        text = text.replace(packages.to_str().unwrap(), "/opt/airflow");
        text = text.replace(
            &format!("\"hostname\":\"{}\"", host.trim()),
            "\"hostname\":\"worker-1\"",
        );
        text = text.replace(
            &format!("\"hostname\": \"{}\"", host.trim()),
            "\"hostname\": \"worker-1\"",
        );
        text = text.replace(&format!("('{}'", host.trim()), "('worker-1'");
        let scratch = regex::Regex::new("/tmp/tmp[a-z0-9_]+").unwrap();
        text = scratch.replace_all(&text, "/tmp/scratch").into_owned();
        if let Ok(json) = serde_json::from_str::<Value>(&text) {
            text = serde_json::to_string_pretty(&json).unwrap() + "\n";
        }
        let dir = format!(
            "{}/tests/fixtures/airflow/v{}",
            env!("CARGO_MANIFEST_DIR"),
            self.major - 1
        );
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(format!("{dir}/{name}.json"), text).unwrap();
    }
}

fn states(tis: &[Value]) -> Vec<String> {
    tis.iter()
        .map(|ti| format!("{}[{}]={}", ti["task_id"], ti["map_index"], ti["state"]))
        .collect()
}

fn path(key: &RunKey, rest: &str) -> String {
    format!(
        "/dags/{}/dagRuns/{}{rest}",
        key.pipeline.pipeline.raw(),
        key.run.raw()
    )
}

fn state_of(rig: &Rig, run: &RunKey, id: &str) -> Option<NodeState> {
    Some(rig.run(run)?.nodes.get(&NodeId::new(id))?.state)
}

fn scope(upstream: bool, downstream: bool, only_failed: bool) -> ActionOptions {
    let scope = Scope {
        upstream,
        downstream,
        only_failed,
    };
    ActionOptions {
        scope,
        ..ActionOptions::default()
    }
}

fn mark(state: NodeState) -> ActionOptions {
    ActionOptions {
        mark: Some(state),
        ..ActionOptions::default()
    }
}

fn note(text: &str) -> ActionOptions {
    ActionOptions {
        note: Some(text.to_owned()),
        ..ActionOptions::default()
    }
}

fn confirmed(status: &ActionStatus) {
    assert!(
        matches!(status, ActionStatus::Confirmed { .. }),
        "{status:?}"
    );
}

fn hits(plan: &Plan) -> Vec<&str> {
    plan.hits.iter().map(|h| h.name.as_str()).collect()
}

async fn connected(lab: &Lab) -> Rig {
    let mut rig = watch(&lab.settings());
    rig.until("a list", 2 * MINUTE, |rig| rig.listed() && rig.up())
        .await;
    rig
}

// ---- Airflow 3 -----------------------------------------------------------------------------------

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow3_the_fleet_is_whole_and_a_success_that_failed_is_shown_as_failed() {
    let lab = Lab::of(3).await;
    let mut rig = connected(&lab).await;
    // more than a page, and what Airflow itself counts
    let total = lab.ask("/dags?limit=1").await["total_entries"]
        .as_u64()
        .unwrap();
    assert!(total > 100);
    assert_eq!(rig.world.pipelines().count() as u64, total);
    assert!(
        rig.status().version.starts_with("Airflow 3."),
        "{:?}",
        rig.status()
    );
    let minute = &rig.world.pipeline(&dag("lab_minute")).unwrap().pipeline;
    assert_eq!(minute.schedule.text, "* * * * *");
    let etl = &rig.world.pipeline(&dag("lab_etl")).unwrap().pipeline;
    assert_eq!(etl.owner.as_ref().unwrap(), &"oncall");
    assert!(etl.tags.iter().any(|t| *t == "tier:1"));
    let view = rig.world.backend(&BackendId::new(NAME)).unwrap();
    let broken = view
        .notices
        .iter()
        .find(|n| n.subject == "broken.py")
        .expect("the import error");
    assert!(
        broken
            .text
            .iter()
            .any(|l| l.contains("no_such_module_in_this_lab"))
    );

    // nobody looks at the run: its failing node must be known all the same
    let run = lab
        .trigger("lab_etl", json!({"fail": true, "secs": 2}))
        .await;
    rig.until("the failing node", 5 * MINUTE, |rig| {
        state_of(rig, &run, "quality.schema") == Some(NodeState::Failed)
            && rig
                .run(&run)
                .is_some_and(|r| r.run.state == RunState::Succeeded)
    })
    .await;
    assert_eq!(lab.run(&run).await["state"], "success");
    assert_eq!(lab.state(&run, "quality.schema", -1).await, "failed");
    assert_eq!(rig.run(&run).unwrap().health, Health::Failed);
    let rows = rig
        .world
        .fleet(chrono::Utc::now(), chrono::Duration::minutes(5));
    let row = rows.iter().find(|r| r.key == run.pipeline).unwrap();
    assert_eq!(
        (row.health, row.node.as_ref().unwrap().raw()),
        (Health::Failed, "quality.schema")
    );

    // a backend that starts afterwards finds it too
    let mut late = connected(&lab).await;
    late.until("the failing node from the start", MINUTE, |rig| {
        rig.run(&run)
            .is_some_and(|r| r.health == Health::Failed && !r.nodes.is_empty())
    })
    .await;
    drop(late);

    // in view: shape, all nodes, every instance with its own log and tries
    rig.look(|focus| {
        focus.runs = vec![run.clone()];
        focus.logs = vec![
            node(&run, "quality.schema").log(2),
            node(&run, "extract.pull[3]").log(1),
        ];
        focus.detail = Some(node(&run, "extract.pull[3]"));
        focus.pipeline = Some(run.pipeline.clone());
    });
    rig.until("the run", MINUTE, |rig| {
        let view = rig.run(&run).unwrap();
        view.complete
            && view.topology.is_some()
            && view
                .details
                .get(&NodeId::new("extract.pull[3]"))
                .is_some_and(|d| d.sections.len() >= 4)
            && rig.logs.values().filter(|l| l.ended).count() == 2
    })
    .await;
    let view = rig.run(&run).unwrap();
    let tis = lab.tis(&run).await;
    assert_eq!(view.nodes.len(), tis.len());
    for ti in &tis {
        let index = ti["map_index"].as_i64().unwrap();
        let task = ti["task_id"].as_str().unwrap();
        let id = if index >= 0 {
            format!("{task}[{index}]")
        } else {
            task.to_owned()
        };
        let node = &view.nodes[&NodeId::new(id)];
        assert_eq!(
            node.native.as_str(),
            ti["state"].as_str().unwrap_or("no_status")
        );
        assert_eq!(u64::from(node.attempt), ti["try_number"].as_u64().unwrap());
    }
    let topology = view.topology.as_ref().unwrap();
    assert_eq!(topology.edges.len(), 16);
    let pull = topology
        .groups
        .iter()
        .find(|g| g.id.raw() == "extract.pull")
        .unwrap();
    assert!(pull.mapped && pull.parent.as_ref().unwrap().raw() == "extract");
    assert_eq!(
        topology
            .groups
            .iter()
            .find(|g| g.id.raw() == "transform.sums")
            .unwrap()
            .parent,
        Some(NodeId::new("transform"))
    );
    let detail = &view.details[&NodeId::new("extract.pull[3]")];
    let tries: Vec<_> = detail
        .attempts
        .iter()
        .map(|a| (a.number, a.state))
        .collect();
    assert_eq!(tries, [(1, NodeState::Failed), (2, NodeState::Succeeded)]);
    let section = |name: &str| {
        detail
            .sections
            .iter()
            .find(|(n, _)| *n == name)
            .unwrap_or_else(|| panic!("{name}"))
            .1
            .clone()
    };
    assert!(
        section("XCom")
            .iter()
            .any(|(k, v)| *k == "return_value" && *v == "4000")
    );
    assert!(
        section("Variables of this Airflow")
            .iter()
            .any(|(k, v)| *k == "lab_region" && *v == "eu")
    );
    let etl = &rig.world.pipeline(&dag("lab_etl")).unwrap().pipeline;
    assert_eq!(etl.params.len(), 3);
    assert!(etl.doc.iter().any(|l| l.contains("vendor desk")));

    let log = &rig.logs[&node(&run, "quality.schema").log(2)].text;
    let cause = log.find("KeyError: 'customer_id'").expect("the cause");
    let error = log
        .find("\nSchemaError: column customer_id missing")
        .expect("the error");
    assert!(
        cause < error && log[cause..error].contains("direct cause of the following exception"),
        "{log}"
    );
    assert!(
        !log.contains("error_detail") && !log.contains("ti_id"),
        "{log}"
    );
    let first = &rig.logs[&node(&run, "extract.pull[3]").log(1)].text;
    assert!(
        first.contains("ConnectionResetError: connection reset by peer while reading part 3"),
        "{first}"
    );
    assert!(rig.complaints.is_empty(), "{:?}", rig.complaints);

    // fixtures
    lab.pause("lab_minute", true).await;
    lab.record("version", "GET", "/version", None).await;
    lab.record("health", "GET", "/monitor/health", None).await;
    lab.record("pools", "GET", "/pools", None).await;
    lab.record("import_errors", "GET", "/importErrors", None)
        .await;
    lab.record("dag_warnings", "GET", "/dagWarnings", None)
        .await;
    let few = "dag_id_prefix_pattern=lab_&limit=100&exclude_stale=false";
    lab.record("dags", "GET", &format!("/dags?{few}"), None)
        .await;
    lab.record(
        "ui_dags",
        "GET",
        "/ui/dags?dag_id_prefix_pattern=lab_&limit=100&exclude_stale=false&dag_runs_limit=10",
        None,
    )
    .await;
    lab.record(
        "runs",
        "POST",
        "/dags/~/dagRuns/list",
        Some(json!({"dag_ids": ["lab_etl"], "page_limit": 5, "order_by": "-run_after"})),
    )
    .await;
    lab.record("run", "GET", &path(&run, ""), None).await;
    lab.record(
        "task_instances",
        "GET",
        &path(&run, "/taskInstances?limit=100"),
        None,
    )
    .await;
    lab.record("details", "GET", "/dags/lab_etl/details", None)
        .await;
    lab.record("tasks", "GET", "/dags/lab_etl/tasks", None)
        .await;
    lab.record(
        "ui_structure",
        "GET",
        "/ui/structure/structure_data?dag_id=lab_etl",
        None,
    )
    .await;
    lab.record(
        "ui_gantt",
        "GET",
        &format!("/ui/gantt/lab_etl/{}", run.run.raw()),
        None,
    )
    .await;
    lab.record(
        "log",
        "GET",
        &path(&run, "/taskInstances/quality.schema/logs/2?map_index=-1"),
        None,
    )
    .await;
    lab.record(
        "tries",
        "GET",
        &path(&run, "/taskInstances/extract.pull/3/tries"),
        None,
    )
    .await;
    lab.record(
        "clear_dry",
        "POST",
        "/dags/lab_etl/clearTaskInstances",
        Some(json!({"dry_run": true, "dag_run_id": run.run.raw(), "only_failed": true})),
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow3_a_running_log_is_followed_line_by_line_and_its_progress_is_seen() {
    let lab = Lab::of(3).await;
    let mut rig = connected(&lab).await;
    let run = lab.trigger("lab_long", json!({"secs": 20})).await;
    lab.task_is(&run, "spin", "running").await;
    let log = node(&run, "spin").log(1);
    rig.look(|focus| {
        focus.runs = vec![run.clone()];
        focus.logs = vec![log.clone()];
    });
    let mut percent = Vec::new();
    rig.until("the end of the log", 2 * MINUTE, |rig| {
        let seen = rig
            .run(&run)
            .and_then(|r| r.nodes.get(&NodeId::new("spin")))
            .and_then(|n| n.progress);
        percent.extend(seen.map(Progress::percent));
        rig.logs.get(&log).is_some_and(|l| l.ended)
    })
    .await;
    let seen = &rig.logs[&log];
    // by token: the whole once, then only what was new
    assert_eq!(seen.replaced, 1);
    for tick in 1..=20 {
        let line = format!("lab.long - tick {tick}\n");
        assert_eq!(seen.text.matches(&line).count(), 1, "{line}: {}", seen.text);
    }
    percent.dedup();
    assert!(percent.len() >= 3 && percent.is_sorted(), "{percent:?}");
    rig.until("the run's end", MINUTE, |rig| {
        rig.run(&run).unwrap().health == Health::Succeeded
    })
    .await;
    assert_eq!(lab.run(&run).await["state"], "success");
}

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow3_pause_resume_and_trigger_are_what_airflow_says_they_are() {
    let lab = Lab::of(3).await;
    lab.pause("lab_chain", false).await;
    let mut rig = connected(&lab).await;
    let target = Target::Pipeline(dag("lab_chain"));
    let is_paused = async || lab.ask("/dags/lab_chain").await["is_paused"] == true;

    let plan = rig
        .plan(Action::Pause, target.clone(), ActionOptions::default())
        .await
        .unwrap();
    assert!(hits(&plan).contains(&"lab_chain"));
    assert!(!is_paused().await, "a plan changes nothing");
    confirmed(&rig.execute(plan).await);
    assert!(is_paused().await);
    assert!(
        rig.world
            .pipeline(&dag("lab_chain"))
            .unwrap()
            .pipeline
            .paused
    );
    let again = rig
        .plan(Action::Pause, target.clone(), ActionOptions::default())
        .await
        .unwrap_err();
    assert!(
        matches!(
            again,
            ActionStatus::Refused {
                why: ActionError::Nothing(_)
            }
        ),
        "{again:?}"
    );

    // a paused DAG takes a run and lets it wait
    let (plan, status) = rig
        .act(Action::Trigger, target.clone(), ActionOptions::default())
        .await;
    confirmed(&status);
    assert!(
        plan.warnings.iter().any(|w| w.contains("paused")),
        "{:?}",
        plan.warnings
    );
    let id = plan.request.options.run_id.clone().unwrap();
    let waiting = dag("lab_chain").run(&id);
    assert_eq!(lab.run(&waiting).await["state"], "queued");
    assert_eq!(rig.run(&waiting).unwrap().run.state, RunState::Paused);
    // the same plan twice is one run
    confirmed(&rig.execute(plan).await);
    let runs = lab.ask("/dags/lab_chain/dagRuns?limit=100").await;
    let same = runs["dag_runs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| r["dag_run_id"] == id.as_str())
        .count();
    assert_eq!(same, 1);

    let (_, status) = rig
        .act(
            Action::Resume,
            Target::Run(waiting.clone()),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert!(!is_paused().await);
    lab.ended(&waiting).await;

    // params go with it, and what the server refuses is told in its words
    let with = |name: &str, value: Value| ActionOptions {
        params: vec![(name.to_owned(), value)],
        ..ActionOptions::default()
    };
    let (plan, status) = rig
        .act(Action::Trigger, target.clone(), with("fail", json!(true)))
        .await;
    confirmed(&status);
    let run = dag("lab_chain").run(plan.request.options.run_id.unwrap());
    assert_eq!(lab.run(&run).await["conf"], json!({"fail": true}));
    let plan = rig
        .plan(Action::Trigger, target, with("fail", json!("perhaps")))
        .await
        .unwrap();
    let status = rig.execute(plan).await;
    let ActionStatus::Refused {
        why: ActionError::Refused(why),
    } = status
    else {
        panic!("{status:?}")
    };
    assert!(why.contains("Invalid input for param fail"), "{why}");
    lab.ended(&run).await;
}

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow3_retry_restart_mark_and_note_hit_exactly_what_was_shown() {
    let lab = Lab::of(3).await;
    let mut rig = connected(&lab).await;
    let run = lab.trigger("lab_chain", json!({"fail": true})).await;
    lab.ended(&run).await;
    assert_eq!(lab.state(&run, "load", -1).await, "failed");
    rig.look(|focus| focus.runs = vec![run.clone()]);
    rig.until("the run", MINUTE, |rig| {
        rig.run(&run)
            .is_some_and(|r| r.complete && r.health == Health::Failed)
    })
    .await;

    // only the task: what hangs below stays blocked, and the plan says so
    let load = Target::Node(node(&run, "load"));
    let plan = rig
        .plan(Action::Retry, load.clone(), ActionOptions::default())
        .await
        .unwrap();
    assert_eq!(hits(&plan), ["load"]);
    assert!(
        plan.server_preview && plan.warnings.iter().any(|w| w.contains("blocked")),
        "{plan:?}"
    );
    let plan = rig
        .plan(Action::Retry, load.clone(), scope(false, true, false))
        .await
        .unwrap();
    let mut names = hits(&plan);
    names.sort_unstable();
    assert_eq!(names, ["load", "report"]);
    let before: Vec<Value> = lab.tis(&run).await;
    confirmed(&rig.execute(plan).await);
    lab.ended(&run).await;
    let after = lab.tis(&run).await;
    let of = |tis: &[Value], task: &str, key: &str| {
        tis.iter().find(|t| t["task_id"] == task).unwrap()[key].clone()
    };
    assert_eq!(of(&after, "load", "try_number"), 2);
    assert_ne!(
        of(&after, "load", "start_date"),
        of(&before, "load", "start_date")
    );
    assert_eq!(
        of(&after, "extract", "start_date"),
        of(&before, "extract", "start_date"),
        "not hit"
    );
    rig.until("the second failure", MINUTE, |rig| {
        rig.run(&run)
            .unwrap()
            .nodes
            .get(&NodeId::new("load"))
            .is_some_and(|n| n.attempt == 2 && n.state == NodeState::Failed)
    })
    .await;

    // retry failed of the run: the failed and the blocked
    let plan = rig
        .plan(
            Action::Retry,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    assert_eq!(plan.hits.len(), 2, "{plan:?}");
    confirmed(&rig.execute(plan).await);
    lab.ended(&run).await;
    assert_eq!(of(&lab.tis(&run).await, "load", "try_number"), 3);

    // mark: the failed task is called succeeded, and Airflow runs what was blocked by it
    let (plan, status) = rig
        .act(Action::Mark, load.clone(), mark(NodeState::Succeeded))
        .await;
    assert_eq!(hits(&plan), ["load", "report"]);
    confirmed(&status);
    assert_eq!(lab.state(&run, "load", -1).await, "success");
    lab.task_is(&run, "report", "success").await;
    assert_eq!(
        of(&lab.tis(&run).await, "load", "try_number"),
        3,
        "not run again"
    );
    rig.until("the mark", MINUTE, |rig| {
        state_of(rig, &run, "load") == Some(NodeState::Succeeded)
    })
    .await;
    let (_, status) = rig
        .act(
            Action::Mark,
            Target::Node(node(&run, "report")),
            mark(NodeState::Skipped),
        )
        .await;
    confirmed(&status);
    assert_eq!(lab.state(&run, "report", -1).await, "skipped");
    let odd = rig
        .plan(Action::Mark, load.clone(), mark(NodeState::Running))
        .await
        .unwrap_err();
    assert!(
        matches!(
            odd,
            ActionStatus::Refused {
                why: ActionError::Unsupported(_)
            }
        ),
        "{odd:?}"
    );

    // notes
    let (_, status) = rig
        .act(
            Action::Note,
            Target::Run(run.clone()),
            note("vendor called"),
        )
        .await;
    confirmed(&status);
    assert_eq!(lab.run(&run).await["note"], "vendor called");
    let (_, status) = rig.act(Action::Note, load, note("third try")).await;
    confirmed(&status);
    let ti = lab.ask(&path(&run, "/taskInstances/load")).await;
    assert_eq!(ti["note"], "third try");

    // restart: all tasks, from the first. A scheduler that is just about to end the run would write over the clearing
    lab.ended(&run).await;
    let (plan, status) = rig
        .act(
            Action::Restart,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await;
    assert_eq!(plan.hits.len(), 3);
    confirmed(&status);
    lab.ended(&run).await;
    assert_eq!(of(&lab.tis(&run).await, "extract", "try_number"), 2);

    // gone is gone
    let nobody = Target::Run(dag("lab_chain").run("no_such_run"));
    let gone = rig
        .plan(Action::Cancel, nobody, ActionOptions::default())
        .await
        .unwrap_err();
    assert!(
        matches!(
            gone,
            ActionStatus::Refused {
                why: ActionError::Gone(_)
            }
        ),
        "{gone:?}"
    );
}

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow3_cancel_and_stop_end_what_runs() {
    let lab = Lab::of(3).await;
    let mut rig = connected(&lab).await;
    let run = lab.trigger("lab_long", json!({"secs": 600})).await;
    lab.task_is(&run, "spin", "running").await;

    // a task: marked failed, its process ends, the log says no more
    let spin = Target::Node(node(&run, "spin"));
    let (plan, status) = rig
        .act(Action::Cancel, spin.clone(), ActionOptions::default())
        .await;
    assert_eq!(hits(&plan), ["spin"]);
    confirmed(&status);
    assert_eq!(lab.state(&run, "spin", -1).await, "failed");
    let again = rig
        .plan(Action::Cancel, spin, ActionOptions::default())
        .await
        .unwrap_err();
    assert!(
        matches!(
            again,
            ActionStatus::Refused {
                why: ActionError::Nothing(_)
            }
        ),
        "{again:?}"
    );
    lab.ended(&run).await;

    // a run
    let run = lab.trigger("lab_long", json!({"secs": 600})).await;
    lab.task_is(&run, "spin", "running").await;
    let (plan, status) = rig
        .act(
            Action::Cancel,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await;
    assert_eq!(plan.hits.len(), 2, "{plan:?}");
    confirmed(&status);
    assert_eq!(lab.run(&run).await["state"], "failed");
    assert_eq!(lab.state(&run, "spin", -1).await, "failed");
    rig.until("the cancelled run", MINUTE, |rig| {
        rig.run(&run)
            .is_some_and(|r| r.run.state == RunState::Failed)
    })
    .await;

    // all runs of a DAG
    let runs = [
        lab.trigger("lab_long", json!({"secs": 600})).await,
        lab.trigger("lab_long", json!({"secs": 600})).await,
    ];
    for run in &runs {
        lab.task_is(run, "spin", "running").await;
    }
    let (plan, status) = rig
        .act(
            Action::Stop,
            Target::Pipeline(dag("lab_long")),
            ActionOptions::default(),
        )
        .await;
    assert_eq!(plan.hits.len(), 2);
    confirmed(&status);
    for run in &runs {
        assert_eq!(lab.run(run).await["state"], "failed");
    }
    let none = rig
        .plan(
            Action::Stop,
            Target::Pipeline(dag("lab_long")),
            ActionOptions::default(),
        )
        .await
        .unwrap_err();
    assert!(
        matches!(
            none,
            ActionStatus::Refused {
                why: ActionError::Nothing(_)
            }
        ),
        "{none:?}"
    );

    // everything that runs on the backend, of whatever DAG
    let long = lab.trigger("lab_long", json!({"secs": 600})).await;
    let etl = lab
        .trigger("lab_etl", json!({"fail": false, "secs": 300}))
        .await;
    lab.task_is(&long, "spin", "running").await;
    lab.task_is(&etl, "train", "running").await;
    let all = Target::Backend(BackendId::new(NAME));
    let (plan, status) = rig.act(Action::Stop, all, ActionOptions::default()).await;
    assert!(plan.hits.len() >= 2, "{plan:?}");
    confirmed(&status);
    for run in [&long, &etl] {
        assert_eq!(lab.run(run).await["state"], "failed");
    }
    assert_eq!(lab.state(&etl, "train", -1).await, "failed");
}

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow3_a_whole_group_is_marked_task_by_task() {
    let lab = Lab::of(3).await;
    let mut rig = connected(&lab).await;
    let run = lab
        .trigger("lab_etl", json!({"fail": true, "secs": 1}))
        .await;
    lab.ended(&run).await;
    assert_eq!(lab.state(&run, "quality.schema", -1).await, "failed");
    rig.look(|focus| focus.runs = vec![run.clone()]);
    rig.until("the run", MINUTE, |rig| {
        rig.run(&run).is_some_and(|r| r.complete)
    })
    .await;
    let quality = Target::Node(node(&run, "quality"));
    let (plan, status) = rig
        .act(Action::Mark, quality, mark(NodeState::Succeeded))
        .await;
    assert!(hits(&plan).contains(&"quality.schema"), "{plan:?}");
    confirmed(&status);
    for task in ["quality.schema", "quality.nulls"] {
        assert_eq!(lab.state(&run, task, -1).await, "success", "{task}");
    }
}

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow3_mapped_instances_are_hit_one_by_one_or_all_and_a_queue_names_its_holder() {
    let lab = Lab::of(3).await;
    let mut rig = connected(&lab).await;
    let run = lab.trigger("lab_waits", json!({})).await;
    rig.look(|focus| focus.runs = vec![run.clone()]);
    lab.until("one instance running", 3 * MINUTE, &run, |_, tis| {
        tis.iter()
            .filter(|t| t["task_id"] == "one_at_a_time")
            .count()
            == 3
            && tis
                .iter()
                .any(|t| t["task_id"] == "one_at_a_time" && t["state"] == "running")
    })
    .await;
    rig.until("three instances and no placeholder", MINUTE, |rig| {
        let Some(view) = rig.run(&run) else {
            return false;
        };
        (0..3).all(|i| {
            view.nodes
                .contains_key(&NodeId::new(format!("one_at_a_time[{i}]")))
        }) && !view.nodes.contains_key(&NodeId::new("one_at_a_time"))
            && view
                .topology
                .as_ref()
                .is_some_and(|t| t.groups.iter().any(|g| g.mapped))
    })
    .await;
    rig.until("the holder of the pool", 2 * MINUTE, |rig| {
        let backend = rig.world.backend(&BackendId::new(NAME)).unwrap();
        backend.queues.iter().any(|q| {
            q.name == "lab_slot"
                && q.waiting == 2
                && q.held_by
                    .as_ref()
                    .is_some_and(|h| h.contains("one_at_a_time"))
        })
    })
    .await;
    rig.until("what a task waits for", 2 * MINUTE, |rig| {
        let view = rig.run(&run).unwrap();
        view.nodes
            .values()
            .any(|n| n.waits_for.as_ref().is_some_and(|w| w.contains("lab_slot")))
    })
    .await;
    // one waiting instance
    let waiting = (0..3)
        .rev()
        .find(|i| state_of(&rig, &run, &format!("one_at_a_time[{i}]")) == Some(NodeState::Queued))
        .unwrap();
    let one = Target::Node(node(&run, &format!("one_at_a_time[{waiting}]")));
    let (plan, status) = rig.act(Action::Mark, one, mark(NodeState::Skipped)).await;
    assert_eq!(hits(&plan), [format!("one_at_a_time[{waiting}]")]);
    confirmed(&status);
    assert_eq!(lab.state(&run, "one_at_a_time", waiting).await, "skipped");
    let skipped = lab
        .tis(&run)
        .await
        .iter()
        .filter(|t| t["state"] == "skipped")
        .count();
    assert_eq!(skipped, 1);
    // all of them
    let all = Target::Node(node(&run, "one_at_a_time"));
    let (_, status) = rig.act(Action::Mark, all, mark(NodeState::Succeeded)).await;
    confirmed(&status);
    for i in 0..3 {
        assert_eq!(lab.state(&run, "one_at_a_time", i).await, "success");
    }
    let (_, status) = rig
        .act(
            Action::Cancel,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert_eq!(lab.run(&run).await["state"], "failed");
}

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow3_a_viewer_is_told_that_it_may_not() {
    let lab = Lab::of(3).await;
    let mut rig = watch(&settings(&lab.url, password("viewer", &lab.password)));
    rig.until("a list", 2 * MINUTE, |rig| rig.listed() && rig.up())
        .await;
    lab.pause("fleet_000", true).await;
    let plan = rig
        .plan(
            Action::Resume,
            Target::Pipeline(dag("fleet_000")),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    let status = rig.execute(plan).await;
    assert!(
        matches!(
            status,
            ActionStatus::Refused {
                why: ActionError::Forbidden(_)
            }
        ),
        "{status:?}"
    );
    assert_eq!(lab.ask("/dags/fleet_000").await["is_paused"], true);
    assert!(
        rig.up(),
        "a refused deed is no trouble of the backend: {:?}",
        rig.status()
    );
}

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow3_logins_of_every_kind() {
    let lab = Lab::of(3).await;
    let refused = async |login: dagtop::config::Login| {
        let mut rig = watch(&settings(&lab.url, login));
        rig.until("a refusal", MINUTE, |rig| {
            matches!(rig.status().reach, Reach::Refused { .. })
        })
        .await;
        let Reach::Refused { reason } = rig.status().reach.clone() else {
            panic!()
        };
        reason
    };
    let why = refused(password("admin", "wrong-pw")).await;
    assert!(
        why.contains("user or password was refused") && !why.contains("wrong-pw"),
        "{why}"
    );
    let why = refused(dagtop::config::Login::None).await;
    assert!(why.contains("wants a login"), "{why}");
    let why = refused(dagtop::config::Login::Token(secret("bad.token.here"))).await;
    assert!(
        why.contains("the `token` was refused") && !why.contains("bad.token"),
        "{why}"
    );

    let token = dagtop::config::Login::Token(secret(&lab.token));
    let mut rig = watch(&settings(&lab.url, token));
    rig.until("a list by token", MINUTE, |rig| rig.listed())
        .await;
    let file = std::env::temp_dir().join(format!("dagtop-token-{}", std::process::id()));
    std::fs::write(&file, &lab.token).unwrap();
    let command = dagtop::config::Secret::Command(format!("cat {}", file.display()));
    let mut rig = watch(&settings(&lab.url, dagtop::config::Login::Token(command)));
    rig.until("a list by command", MINUTE, |rig| rig.listed())
        .await;
    std::fs::remove_file(file).unwrap();

    let mut wrong = lab.settings();
    wrong.api = dagtop::config::AirflowApi::V1;
    let mut rig = watch(&wrong);
    rig.until("an explanation", MINUTE, |rig| {
        matches!(&rig.status().reach, Reach::Refused { reason } if reason.contains("the server is Airflow 3."))
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow3_a_dag_that_breaks_does_not_vanish() {
    let lab = Lab::of(3).await;
    let run = lab.trigger("lab_breaks", json!({})).await;
    lab.ended(&run).await;
    let marker = format!("{}/break", lab.dir);
    std::fs::write(&marker, "").unwrap();
    let token = lab.ask("/dags/lab_breaks").await["file_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut broken = false;
    for round in 0..60 {
        if round % 10 == 0 {
            lab.call("PUT", &format!("/parseDagFile/{token}"), None)
                .await;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        let errors = lab.ask("/importErrors").await["total_entries"]
            .as_u64()
            .unwrap();
        if errors >= 2 {
            broken = true;
            break;
        }
    }
    assert!(broken, "Airflow never saw the import error");
    let mut rig = connected(&lab).await;
    let view = rig
        .world
        .pipeline(&dag("lab_breaks"))
        .expect("still listed");
    let why = view.pipeline.stale.clone().expect("and called broken");
    assert!(why.contains("breaks_later was told to break"), "{why}");
    rig.until("its last good run", MINUTE, |rig| {
        rig.run(&run)
            .is_some_and(|r| r.run.state == RunState::Succeeded)
    })
    .await;
    std::fs::remove_file(marker).unwrap();
    lab.call("PUT", &format!("/parseDagFile/{token}"), None)
        .await;
}

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow3_a_very_long_log_comes_in_pieces() {
    let lab = Lab::of(3).await;
    let run = lab.trigger("lab_huge_log", json!({"lines": 20000})).await;
    lab.ended(&run).await;
    let mut rig = connected(&lab).await;
    let log = node(&run, "talk").log(1);
    let before = rig.events;
    rig.look(|focus| focus.tails = vec![log.clone()]);
    rig.until("the log", 2 * MINUTE, |rig| {
        rig.logs.get(&log).is_some_and(|l| l.ended)
    })
    .await;
    let text = &rig.logs[&log].text;
    assert_eq!(
        text.matches("of a task that reports every row").count(),
        20000
    );
    assert!(text.contains("line 19999 of"));
    assert!(rig.events - before > 20, "in pieces of 64 KB, not at once");
}

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow3_the_load_on_the_server_is_within_its_budget() {
    let lab = Lab::of(3).await;
    let big = lab.trigger("big500", json!({})).await;
    lab.pause("lab_minute", true).await;
    lab.ended(&big).await;
    let mut rig = connected(&lab).await;
    // what was asked at the start is in the figures with the next look
    rig.for_(Duration::from_secs(8)).await;
    let boot = rig.stats();
    rig.for_(Duration::from_secs(90)).await;
    let idle = rig.stats();
    let fleet = idle.requests - boot.requests;
    let rate = fleet as f64 / 90.0;
    println!(
        "FIGURES fleet of {}: boot {} requests, {} bytes; then {rate:.2} requests/s, {:.0} bytes/s",
        rig.world.pipelines().count(),
        boot.requests,
        boot.bytes,
        (idle.bytes - boot.bytes) as f64 / 90.0
    );
    assert!(rate <= 1.2, "{rate} requests/s");

    rig.look(|focus| {
        focus.runs = vec![big.clone()];
        focus.logs = vec![node(&big, "layer0_g0.t00_000").log(1)];
    });
    rig.until("all nodes", MINUTE, |rig| {
        rig.run(&big)
            .is_some_and(|r| r.complete && r.nodes.len() == 500)
    })
    .await;
    rig.for_(Duration::from_secs(8)).await;
    let opened = rig.stats();
    println!(
        "FIGURES 500-task run: opened with {} requests, {} bytes",
        opened.requests - idle.requests,
        opened.bytes - idle.bytes
    );
    assert_eq!(
        rig.run(&big)
            .unwrap()
            .topology
            .as_ref()
            .unwrap()
            .edges
            .len(),
        1350
    );
    rig.for_(Duration::from_secs(60)).await;
    let after = rig.stats();
    let (requests, bytes) = (after.requests - opened.requests, after.bytes - opened.bytes);
    println!(
        "FIGURES 500-task run in view, nothing changes: {:.2} requests/s, {} bytes/poll, {:.0} bytes/s",
        requests as f64 / 60.0,
        bytes / 20,
        bytes as f64 / 60.0
    );
    assert!(requests as f64 / 60.0 <= 1.2, "{requests} in 60 s");
    // a look every 3 s
    assert!(bytes / 20 < 5000, "{bytes} bytes in 20 polls");
}

// ---- Airflow 2 -----------------------------------------------------------------------------------

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow2_is_watched_and_operated_too() {
    let lab = Lab::of(2).await;
    let mut rig = connected(&lab).await;
    let total = lab.ask("/dags?limit=1").await["total_entries"]
        .as_u64()
        .unwrap();
    assert!(total > 100);
    assert_eq!(rig.world.pipelines().count() as u64, total);
    assert!(
        rig.status().version.starts_with("Airflow 2."),
        "{:?}",
        rig.status()
    );
    let view = rig.world.backend(&BackendId::new(NAME)).unwrap();
    assert!(view.notices.iter().any(|n| {
        n.text
            .iter()
            .any(|l| l.contains("no_such_module_in_this_lab"))
    }));

    let run = lab.trigger("lab_chain", json!({"fail": true})).await;
    rig.until("the failing node", 6 * MINUTE, |rig| {
        state_of(rig, &run, "load") == Some(NodeState::Failed)
    })
    .await;
    assert_eq!(lab.state(&run, "load", -1).await, "failed");
    lab.ended(&run).await;
    let log = node(&run, "load").log(1);
    rig.look(|focus| {
        focus.runs = vec![run.clone()];
        focus.logs = vec![log.clone()];
        focus.detail = Some(node(&run, "load"));
    });
    rig.until("run, log and details", 2 * MINUTE, |rig| {
        rig.run(&run).is_some_and(|r| {
            r.complete && r.topology.is_some() && r.details.contains_key(&NodeId::new("load"))
        }) && rig.logs.get(&log).is_some_and(|l| l.ended)
    })
    .await;
    let view = rig.run(&run).unwrap();
    assert_eq!(
        (
            view.nodes.len(),
            view.topology.as_ref().unwrap().edges.len()
        ),
        (3, 2)
    );
    assert_eq!(view.details[&NodeId::new("load")].attempts.len(), 1);
    let text = &rig.logs[&log].text;
    let cause = text
        .find("\nValueError: invalid literal")
        .expect("the cause");
    let error = text
        .find("\nRuntimeError: load refused the file")
        .expect("the error");
    assert!(
        cause < error && text.contains("\nTraceback (most recent call last):\n"),
        "{text}"
    );
    let chain = &rig.world.pipeline(&dag("lab_chain")).unwrap().pipeline;
    assert!(chain.params.len() == 1 && chain.doc.len() >= 2, "{chain:?}");

    lab.record("version", "GET", "/version", None).await;
    lab.record("health", "GET", "/health", None).await;
    lab.record("pools", "GET", "/pools", None).await;
    lab.record("import_errors", "GET", "/importErrors", None)
        .await;
    lab.record("dag_warnings", "GET", "/dagWarnings", None)
        .await;
    lab.record(
        "dags",
        "GET",
        "/dags?dag_id_pattern=lab_&limit=100&only_active=false",
        None,
    )
    .await;
    lab.record(
        "runs",
        "POST",
        "/dags/~/dagRuns/list",
        Some(json!({"dag_ids": ["lab_chain"], "page_limit": 5})),
    )
    .await;
    lab.record("run", "GET", &path(&run, ""), None).await;
    lab.record(
        "task_instances",
        "GET",
        &path(&run, "/taskInstances?limit=100"),
        None,
    )
    .await;
    lab.record("details", "GET", "/dags/lab_chain/details", None)
        .await;
    lab.record("tasks", "GET", "/dags/lab_chain/tasks", None)
        .await;
    lab.record(
        "log",
        "GET",
        &path(&run, "/taskInstances/load/logs/1?map_index=-1"),
        None,
    )
    .await;
    lab.record(
        "tries",
        "GET",
        &path(&run, "/taskInstances/load/tries"),
        None,
    )
    .await;
    lab.record(
        "clear_dry",
        "POST",
        "/dags/lab_chain/clearTaskInstances",
        Some(json!({"dry_run": true, "dag_run_id": run.run.raw(), "only_failed": true})),
    )
    .await;

    // actions, each proven by the server itself
    let target = Target::Pipeline(dag("lab_chain"));
    let (_, status) = rig
        .act(Action::Pause, target.clone(), ActionOptions::default())
        .await;
    confirmed(&status);
    assert_eq!(lab.ask("/dags/lab_chain").await["is_paused"], true);
    let (_, status) = rig
        .act(Action::Resume, target.clone(), ActionOptions::default())
        .await;
    confirmed(&status);
    assert_eq!(lab.ask("/dags/lab_chain").await["is_paused"], false);

    let load = Target::Node(node(&run, "load"));
    let (plan, status) = rig
        .act(Action::Retry, load.clone(), scope(false, true, false))
        .await;
    assert_eq!(plan.hits.len(), 2, "{plan:?}");
    confirmed(&status);
    lab.ended(&run).await;
    let tries = lab
        .tis(&run)
        .await
        .iter()
        .find(|t| t["task_id"] == "load")
        .unwrap()["try_number"]
        .clone();
    assert_eq!(tries, 2);
    let (_, status) = rig
        .act(Action::Mark, load.clone(), mark(NodeState::Succeeded))
        .await;
    confirmed(&status);
    assert_eq!(lab.state(&run, "load", -1).await, "success");
    let (_, status) = rig
        .act(
            Action::Note,
            Target::Run(run.clone()),
            note("vendor called"),
        )
        .await;
    confirmed(&status);
    assert_eq!(lab.run(&run).await["note"], "vendor called");
    let (_, status) = rig.act(Action::Note, load, note("second try")).await;
    confirmed(&status);
    assert_eq!(
        lab.ask(&path(&run, "/taskInstances/load")).await["note"],
        "second try"
    );

    let (plan, status) = rig
        .act(Action::Trigger, target, ActionOptions::default())
        .await;
    confirmed(&status);
    let second = dag("lab_chain").run(plan.request.options.run_id.clone().unwrap());
    assert!(lab.run(&second).await["state"].is_string());
    confirmed(&rig.execute(plan).await);
    let (_, status) = rig
        .act(
            Action::Cancel,
            Target::Run(second.clone()),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert_eq!(lab.run(&second).await["state"], "failed");
    assert!(rig.complaints.is_empty(), "{:?}", rig.complaints);
}

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow2_a_running_log_is_followed_and_its_task_cancelled() {
    let lab = Lab::of(2).await;
    let mut rig = connected(&lab).await;
    let run = lab.trigger("lab_long", json!({"secs": 600})).await;
    lab.task_is(&run, "spin", "running").await;
    let log = node(&run, "spin").log(1);
    rig.look(|focus| {
        focus.runs = vec![run.clone()];
        focus.logs = vec![log.clone()];
    });
    rig.until("twelve ticks", 2 * MINUTE, |rig| {
        rig.logs
            .get(&log)
            .is_some_and(|l| l.text.contains("tick 12\n"))
    })
    .await;
    let seen = &rig.logs[&log];
    assert_eq!(seen.replaced, 1);
    for tick in 1..=12 {
        assert_eq!(
            seen.text.matches(&format!("INFO - tick {tick}\n")).count(),
            1,
            "tick {tick}: {}",
            seen.text
        );
    }
    let (_, status) = rig
        .act(
            Action::Cancel,
            Target::Node(node(&run, "spin")),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert_eq!(lab.state(&run, "spin", -1).await, "failed");
    rig.until("the log's end", 2 * MINUTE, |rig| rig.logs[&log].ended)
        .await;
}

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow2_a_wrong_login_is_explained() {
    let lab = Lab::of(2).await;
    let refused = async |login: dagtop::config::Login| {
        let mut rig = watch(&settings(&lab.url, login));
        rig.until("a refusal", MINUTE, |rig| {
            matches!(rig.status().reach, Reach::Refused { .. })
        })
        .await;
        let Reach::Refused { reason } = rig.status().reach.clone() else {
            panic!()
        };
        reason
    };
    let why = refused(password("admin", "wrong-pw")).await;
    assert!(
        why.contains("user or password was refused") && !why.contains("wrong-pw"),
        "{why}"
    );
    let why = refused(dagtop::config::Login::Token(secret("some.token"))).await;
    assert!(why.contains("takes `user` and `password`"), "{why}");
    let why = refused(dagtop::config::Login::None).await;
    assert!(why.contains("wants a login"), "{why}");
}

#[tokio::test]
#[ignore = "needs a real Airflow: tests/run starts one"]
async fn airflow2_the_load_on_the_server_is_within_its_budget() {
    let lab = Lab::of(2).await;
    let mut rig = connected(&lab).await;
    let boot = rig.stats();
    rig.for_(MINUTE).await;
    let idle = rig.stats();
    let rate = (idle.requests - boot.requests) as f64 / 60.0;
    println!(
        "FIGURES Airflow 2, fleet of {}: boot {} requests; then {rate:.2} requests/s, {:.0} bytes/s",
        rig.world.pipelines().count(),
        boot.requests,
        (idle.bytes - boot.bytes) as f64 / 60.0
    );
    assert!(rate <= 1.2, "{rate} requests/s");
}
