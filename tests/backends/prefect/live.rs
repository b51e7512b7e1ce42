//! Against a real Prefect 3. `tests/run` starts it and sets DAGTOP_TEST_PREFECT_URL, _PASSWORD and _DIR and runs these;
//! `cargo test` alone reports them as ignored.
//! Whatever our backend claims is proven by asking Prefect itself with a client of the test's own.

use std::time::{Duration, Instant};

use super::*;
use chrono::{DateTime, Utc};
use dagtop::config::Login;
use dagtop::model::*;
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

/// The real server and our own, independent way to ask it.
struct Lab {
    url: String,
    password: String,
    dir: String,
    http: reqwest::Client,
}

impl Lab {
    fn new() -> Self {
        let var = |name: &str| {
            std::env::var(format!("DAGTOP_TEST_PREFECT_{name}")).unwrap_or_else(|_| {
                panic!("DAGTOP_TEST_PREFECT_{name} is not set: run tests/run --live")
            })
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            url: var("URL"),
            password: var("PASSWORD"),
            dir: var("DIR"),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    fn watch(&self) -> Rig {
        watch(&settings(&self.url, password("lab", &self.password)))
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> (u16, Value) {
        for _ in 0..20 {
            let mut request = self
                .http
                .request(method.clone(), format!("{}/api{path}", self.url));
            request = request.basic_auth("lab", Some(&self.password));
            if let Some(body) = &body {
                request = request.json(body);
            }
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            // its SQLite is locked now and then
            if status == 503 {
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
            let text = answer.text().await.unwrap();
            return (status, serde_json::from_str(&text).unwrap_or(Value::Null));
        }
        panic!("{path}: the server's database stays locked");
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(reqwest::Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.ask(reqwest::Method::POST, path, Some(body)).await;
        assert!((200..300).contains(&status), "{path}: {status} {body}");
        body
    }

    async fn deployment(&self, name: &str) -> Value {
        self.get(&format!("/deployments/name/{name}")).await
    }

    /// Starts a run by our own request; its id.
    async fn trigger(&self, name: &str, parameters: Value) -> String {
        let id = self.deployment(name).await["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let run = self
            .post(
                &format!("/deployments/{id}/create_flow_run"),
                json!({"parameters": parameters}),
            )
            .await;
        run["id"].as_str().unwrap().to_owned()
    }

    async fn run(&self, id: &str) -> Value {
        self.get(&format!("/flow_runs/{id}")).await
    }

    async fn tasks(&self, id: &str) -> Vec<Value> {
        let body = json!({"flow_runs": {"id": {"any_": [id]}}, "sort": "EXPECTED_START_TIME_ASC"});
        self.post("/task_runs/filter", body)
            .await
            .as_array()
            .unwrap()
            .clone()
    }
}

fn run_key(name: &str, id: &str) -> RunKey {
    pipeline(name).run(id)
}

fn state(rig: &Rig, key: &RunKey) -> RunState {
    rig.run(key).map_or(RunState::Unknown, |run| run.run.state)
}

fn named<'a>(rig: &'a Rig, key: &RunKey, id: &str) -> Option<&'a Node> {
    rig.run(key)?.nodes.get(&NodeId::new(id))
}

fn confirmed(status: &ActionStatus) -> String {
    match status {
        ActionStatus::Confirmed { what } => what.to_string(),
        other => panic!("not confirmed: {other:?}"),
    }
}

async fn listed(rig: &mut Rig) {
    rig.until("the list", MINUTE, |rig| rig.listed() && rig.up())
        .await;
    rig.until("live events", MINUTE, |rig| rig.status().degraded.is_none())
        .await;
}

#[tokio::test]
#[ignore = "needs the Prefect lab"]
async fn prefect_a_wrong_password_is_told_as_one() {
    let lab = Lab::new();
    let mut rig = watch(&settings(&lab.url, password("lab", "wrong")));
    rig.until("a refusal", MINUTE, |rig| {
        matches!(&rig.status().reach, Reach::Refused { reason } if reason.contains("user or password was refused"))
    })
    .await;
    assert!(!rig.listed());
    assert!(rig.stats().requests < 4, "it is not tried again and again");
}

/// The lab behind what Prefect Cloud has in front of it; that it is like the cloud, Prefect's own clients say.
#[tokio::test]
#[ignore = "needs the Prefect lab"]
async fn prefect_as_in_the_cloud_is_watched_live_and_operated() {
    let lab = Lab::new();
    let theirs = std::process::Command::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/lab/prefect/lab.sh"
    ))
    .arg("cloud")
    .output()
    .unwrap();
    let said = String::from_utf8_lossy(&theirs.stdout);
    assert!(
        theirs.status.success() && said.contains("heard: prefect.flow-run.Completed"),
        "Prefect's own clients: {theirs:?}"
    );
    let var = |name: &str| std::env::var(format!("DAGTOP_TEST_PREFECT_{name}")).unwrap();
    let cloud = |key: &str| settings(&var("CLOUD_URL"), Login::Token(secret(key)));
    let mut wrong = watch(&cloud("pnu_wrong"));
    wrong
        .until("a refusal", MINUTE, |rig| {
            matches!(&rig.status().reach, Reach::Refused { reason } if reason.contains("the `token` was refused"))
        })
        .await;
    drop(wrong);
    let mut rig = watch(&cloud(&var("KEY")));
    listed(&mut rig).await;
    assert_eq!(rig.status().version, "Prefect Cloud");
    let theirs = lab.post("/deployments/count", json!({})).await;
    assert_eq!(
        rig.world.pipelines().count() as u64,
        theirs.as_u64().unwrap()
    );
    let target = Target::Pipeline(pipeline("hello/prod"));
    let (_, status) = rig
        .act(Action::Trigger, target, ActionOptions::default())
        .await;
    let said = confirmed(&status);
    let name = said.split(' ').nth(1).unwrap();
    let body = json!({"flow_runs": {"name": {"any_": [name]}}});
    let found = lab.post("/flow_runs/filter", body).await;
    let key = run_key("hello/prod", found[0]["id"].as_str().unwrap());
    rig.until("the end of the new run", MINUTE, |rig| {
        state(rig, &key) == RunState::Succeeded
    })
    .await;
    let new = rig.run(&key).unwrap();
    let late = Utc::now() - new.run.ended_at.unwrap();
    println!(
        "through the cloud's door, a run's end to us by subscription: {} ms",
        late.num_milliseconds()
    );
    assert_eq!(lab.run(key.run.raw()).await["state_type"], "COMPLETED");
    let log = node(&key, "report").log(1);
    rig.look(|focus| (focus.runs, focus.logs) = (vec![key.clone()], vec![log.clone()]));
    rig.until("its log, by asking", MINUTE, |rig| {
        rig.logs
            .get(&log)
            .is_some_and(|log| log.text.contains("Finished in state Completed"))
    })
    .await;
}

#[tokio::test]
#[ignore = "needs the Prefect lab"]
async fn prefect_lists_what_there_is() {
    let lab = Lab::new();
    let mut rig = lab.watch();
    listed(&mut rig).await;
    assert!(
        rig.status().version.starts_with("Prefect 3."),
        "{}",
        rig.status().version
    );
    let theirs = lab.post("/deployments/count", json!({})).await;
    assert_eq!(
        rig.world.pipelines().count() as u64,
        theirs.as_u64().unwrap()
    );
    let orders = rig.world.pipeline(&pipeline("orders/nightly")).unwrap();
    assert_eq!(orders.pipeline.schedule.text, "0 2 * * *");
    let next = orders.pipeline.schedule.next.unwrap();
    assert!(
        next > Utc::now() && next < Utc::now() + chrono::Duration::hours(25),
        "{next}"
    );
    let params: Vec<_> = orders
        .pipeline
        .params
        .iter()
        .map(|p| (p.name.as_str(), p.default.clone()))
        .collect();
    assert_eq!(params, [("rows", json!(4)), ("fail", json!(true))]);
    assert_eq!(orders.pipeline.doc.len(), 2);
    rig.until("pools and limits", MINUTE, |rig| {
        let backend = rig.world.backend(&BackendId::new(NAME)).unwrap();
        backend
            .queues
            .iter()
            .any(|q| q.name == "work pool idle-pool" && q.slots == Some(3))
            && backend
                .queues
                .iter()
                .any(|q| q.name == "limit warehouse" && q.slots == Some(2))
            && backend
                .queues
                .iter()
                .any(|q| q.name == "limit of bare/one" && q.slots == Some(1))
            && backend
                .components
                .iter()
                .any(|c| c.name == "work pool idle-pool" && c.healthy == Some(false))
    })
    .await;
}

#[tokio::test]
#[ignore = "needs the Prefect lab"]
async fn prefect_a_run_is_told_whole_with_its_cause() {
    let lab = Lab::new();
    let mut rig = lab.watch();
    listed(&mut rig).await;
    let id = lab
        .trigger("orders/nightly", json!({"rows": 3, "fail": true}))
        .await;
    let key = run_key("orders/nightly", &id);
    rig.look(|focus| focus.runs = vec![key.clone()]);
    rig.until("its end", MINUTE * 3, |rig| {
        state(rig, &key) == RunState::Failed && rig.run(&key).unwrap().complete
    })
    .await;
    rig.until("all of it", MINUTE, |rig| {
        rig.run(&key).unwrap().nodes.len() == 12
    })
    .await;
    let run = rig.run(&key).unwrap();
    assert_eq!(run.health, Health::Failed);
    assert_eq!(run.worst_node().unwrap().id, NodeId::new("load"));
    for (id, wanted, tries) in [
        ("fetch", NodeState::Succeeded, 1),
        ("clean", NodeState::Succeeded, 1),
        ("clean[2]", NodeState::Succeeded, 1),
        ("shaky", NodeState::Succeeded, 3),
        ("load", NodeState::Failed, 1),
        ("report", NodeState::Blocked, 0),
        ("enrich/look_up[1]", NodeState::Succeeded, 1),
        ("enrich/@flow", NodeState::Succeeded, 1),
        ("@flow", NodeState::Blocked, 1),
    ] {
        let node =
            named(&rig, &key, id).unwrap_or_else(|| panic!("no node {id}: {:?}", run.nodes.keys()));
        assert_eq!((node.state, node.attempt), (wanted, tries), "{id}");
    }
    // what Prefect says of each task, asked by ourselves
    for theirs in lab.tasks(&id).await {
        let name = theirs["task_key"]
            .as_str()
            .unwrap()
            .rsplit_once('-')
            .unwrap()
            .0
            .to_owned();
        if name == "clean" || name == "enrich" {
            continue;
        }
        let ours = named(&rig, &key, &name).unwrap();
        assert_eq!(
            ours.native,
            theirs["state"]["name"].as_str().unwrap(),
            "{name}"
        );
    }
    let topology = run.topology.as_ref().unwrap();
    let edge = |a: &str, b: &str| topology.edges.contains(&(NodeId::new(a), NodeId::new(b)));
    assert!(
        edge("fetch", "clean")
            && edge("clean[2]", "total")
            && edge("total", "shaky")
            && edge("load", "report")
    );
    assert!(
        topology
            .groups
            .iter()
            .any(|g| g.id == NodeId::new("enrich"))
    );
    assert!(
        topology
            .groups
            .iter()
            .any(|g| g.id == NodeId::new("clean[*]") && g.mapped)
    );
    // the log of the cause, once, to its end
    let log = node(&key, "load").log(1);
    rig.look(|focus| focus.logs = vec![log.clone()]);
    rig.until("the log's end", MINUTE, |rig| {
        rig.logs.get(&log).is_some_and(|log| log.ended)
    })
    .await;
    let text = &rig.logs[&log].text;
    assert!(
        text.contains("KeyError: 'customers'") && text.contains("Traceback"),
        "{text}"
    );
    // each try of a task has its own lines
    let (first, last) = (node(&key, "shaky").log(1), node(&key, "shaky").log(3));
    rig.look(|focus| focus.logs = vec![first.clone(), last.clone()]);
    rig.until("both tries", MINUTE, |rig| {
        [&first, &last]
            .iter()
            .all(|l| rig.logs.get(l).is_some_and(|log| log.ended))
    })
    .await;
    assert!(
        rig.logs[&first].text.contains("(try 1)") && !rig.logs[&first].text.contains("(try 2)"),
        "{}",
        rig.logs[&first].text
    );
    assert!(
        !rig.logs[&last].text.contains("(try 1)"),
        "{}",
        rig.logs[&last].text
    );
    rig.look(|focus| focus.detail = Some(node(&key, "shaky")));
    rig.until("its attempts", MINUTE, |rig| {
        rig.run(&key)
            .unwrap()
            .details
            .get(&NodeId::new("shaky"))
            .is_some_and(|d| d.attempts.len() == 3)
    })
    .await;
}

/// Times of a run's log lines over the stream, and progress by events.
#[tokio::test]
#[ignore = "needs the Prefect lab"]
async fn prefect_what_happens_is_here_at_once_and_rest_costs_little() {
    let lab = Lab::new();
    let mut rig = lab.watch();
    listed(&mut rig).await;
    let id = lab
        .trigger("slow/prod", json!({"seconds": 5, "parts": 2}))
        .await;
    let key = run_key("slow/prod", &id);
    rig.look(|focus| focus.runs = vec![key.clone()]);
    rig.until("it runs", MINUTE * 2, |rig| {
        state(rig, &key) == RunState::Running
    })
    .await;
    let log = node(&key, "work").log(1);
    rig.look(|focus| focus.logs = vec![log.clone()]);
    rig.until("progress", MINUTE, |rig| {
        named(rig, &key, "work").is_some_and(|n| n.progress.is_some_and(|p| p.done > 0))
    })
    .await;
    let mut late: Vec<i64> = Vec::new();
    let (mut ended, mut second) = (false, false);
    while !(ended && second && state(&rig, &key) == RunState::Succeeded) {
        rig.until("the next change", MINUTE, |rig| {
            let over = named(rig, &key, "work").is_some_and(|n| n.state == NodeState::Succeeded);
            let next = named(rig, &key, "work[1]").is_some_and(|n| n.state == NodeState::Running);
            (over && !ended) || (next && !second) || state(rig, &key) == RunState::Succeeded
        })
        .await;
        let took = |at: Option<DateTime<Utc>>| (Utc::now() - at.unwrap()).num_milliseconds();
        if let Some(node) =
            named(&rig, &key, "work").filter(|n| n.state == NodeState::Succeeded && !ended)
        {
            late.push(took(node.ended_at));
            ended = true;
        }
        if let Some(node) =
            named(&rig, &key, "work[1]").filter(|n| n.state == NodeState::Running && !second)
        {
            late.push(took(node.started_at));
            second = true;
        }
        if state(&rig, &key) == RunState::Succeeded {
            late.push(took(rig.run(&key).unwrap().run.ended_at));
        }
    }
    println!("change to event by subscription, ms: {late:?}");
    rig.until("the log's end", MINUTE, |rig| {
        rig.logs.get(&log).is_some_and(|log| log.ended)
    })
    .await;
    let lines = rig.logs[&log]
        .text
        .lines()
        .filter(|l| l.contains(" second "))
        .count();
    assert_eq!(lines, 5, "each line once: {}", rig.logs[&log].text);
    // at rest, with a run and its log in view
    rig.for_(Duration::from_secs(5)).await;
    let (before, began) = (rig.stats().requests, Instant::now());
    rig.for_(Duration::from_secs(65)).await;
    let used = rig.stats().requests - before;
    let rate = used as f64 / began.elapsed().as_secs_f64();
    println!(
        "at rest with a subscription: {used} requests in {:?}, {rate:.2}/s",
        began.elapsed()
    );
    assert!(used <= 33, "{used} requests in 65 s");
}

#[tokio::test]
#[ignore = "needs the Prefect lab"]
async fn prefect_without_a_subscription_it_is_polled_within_three_seconds() {
    let lab = Lab::new();
    // whatever is below /api/events goes nowhere
    let front = Front::before(&lab.url).await;
    let mut rig = watch(&settings(&front, password("lab", &lab.password)));
    rig.until("a word on it", MINUTE, |rig| {
        rig.listed() && rig.status().degraded.is_some()
    })
    .await;
    let id = lab.trigger("hello/prod", json!({"name": "polled"})).await;
    let key = run_key("hello/prod", &id);
    let began = rig.stats().requests;
    let clock = Instant::now();
    rig.until("its end", MINUTE * 2, |rig| {
        state(rig, &key) == RunState::Succeeded
    })
    .await;
    let late = (Utc::now() - rig.run(&key).unwrap().run.ended_at.unwrap()).num_milliseconds();
    let rate = (rig.stats().requests - began) as f64 / clock.elapsed().as_secs_f64();
    println!("change to event by polling: {late} ms, at {rate:.2} requests/s");
}

/// Passes everything on to the server but sockets.
struct Front;

impl Front {
    async fn before(url: &str) -> String {
        let to = url.trim_start_matches("http://").to_owned();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let to = to.clone();
                tokio::spawn(async move {
                    let mut head = [0; 32];
                    let read = client.peek(&mut head).await.unwrap_or(0);
                    if head[..read].starts_with(b"GET /api/events") {
                        return;
                    }
                    let mut server = tokio::net::TcpStream::connect(&to).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        own
    }
}

// ---- actions: each is proven by asking Prefect ----

#[tokio::test]
#[ignore = "needs the Prefect lab"]
async fn prefect_trigger_cancel_retry_restart_and_mark() {
    let lab = Lab::new();
    let mut rig = lab.watch();
    listed(&mut rig).await;
    // trigger, with parameters and a key that makes sending twice harmless
    let options = ActionOptions {
        params: vec![
            ("seconds".to_owned(), json!("many")),
            ("nonsense".to_owned(), json!(1)),
        ],
        ..ActionOptions::default()
    };
    let plan = rig
        .plan(
            Action::Trigger,
            Target::Pipeline(pipeline("slow/prod")),
            options,
        )
        .await
        .unwrap();
    assert!(
        plan.warnings.iter().any(|w| w.contains("nonsense")),
        "{:?}",
        plan.warnings
    );
    let refused = rig.execute(plan).await;
    assert!(
        matches!(&refused, ActionStatus::Refused { why: ActionError::Refused(why) } if why.contains("many")),
        "{refused:?}"
    );
    let options = ActionOptions {
        params: vec![("seconds".to_owned(), json!(90))],
        ..ActionOptions::default()
    };
    let (plan, status) = rig
        .act(
            Action::Trigger,
            Target::Pipeline(pipeline("slow/prod")),
            options,
        )
        .await;
    confirmed(&status);
    let made_key = plan.request.options.run_id.unwrap();
    let made = lab
        .post(
            "/flow_runs/filter",
            json!({"flow_runs": {"idempotency_key": {"any_": [made_key]}}}),
        )
        .await;
    let made = made.as_array().unwrap();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["parameters"]["seconds"], 90);
    let id = made[0]["id"].as_str().unwrap().to_owned();
    let key = run_key("slow/prod", &id);
    rig.until("it runs", MINUTE * 2, |rig| {
        state(rig, &key) == RunState::Running
    })
    .await;
    rig.look(|focus| focus.runs = vec![key.clone()]);
    rig.until("its task", MINUTE, |rig| {
        named(rig, &key, "work").is_some_and(|n| n.state == NodeState::Running)
    })
    .await;
    // cancel
    let (plan, status) = rig
        .act(
            Action::Cancel,
            Target::Run(key.clone()),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert!(plan.hits.len() >= 2, "{:?}", plan.hits);
    assert_eq!(lab.run(&id).await["state_type"], "CANCELLED");
    rig.until("no node goes on", MINUTE, |rig| {
        rig.run(&key)
            .is_some_and(|run| !run.nodes.values().any(|n| n.state.active()))
    })
    .await;
    let again = rig
        .plan(
            Action::Cancel,
            Target::Run(key.clone()),
            ActionOptions::default(),
        )
        .await;
    assert!(
        matches!(
            again,
            Err(ActionStatus::Refused {
                why: ActionError::Nothing(_)
            })
        ),
        "{again:?}"
    );

    // a failed run is retried within itself
    let failed = lab
        .trigger("bare/prod", json!({"seconds": 1, "fail": true}))
        .await;
    let failed_key = run_key("bare/prod", &failed);
    rig.until("its failure", MINUTE * 2, |rig| {
        state(rig, &failed_key) == RunState::Failed
    })
    .await;
    rig.until("its own code is the cause", MINUTE, |rig| {
        named(rig, &failed_key, "@flow").is_some_and(|n| n.state == NodeState::Failed)
    })
    .await;
    let (_, status) = rig
        .act(
            Action::Retry,
            Target::Run(failed_key.clone()),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    let began = Instant::now();
    while lab.run(&failed).await["run_count"] != 2 {
        assert!(began.elapsed() < MINUTE * 2, "it did not run again");
        rig.for_(Duration::from_secs(1)).await;
    }
    rig.until("its second end", MINUTE * 2, |rig| {
        state(rig, &failed_key) == RunState::Failed
            && named(rig, &failed_key, "@flow").is_some_and(|n| n.attempt == 2)
    })
    .await;
    // restart: a new run with the same parameters
    let before = lab
        .post(
            "/flow_runs/count",
            json!({"flows": {"name": {"any_": ["bare"]}}}),
        )
        .await;
    let (plan, status) = rig
        .act(
            Action::Restart,
            Target::Run(failed_key.clone()),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    let after = lab
        .post(
            "/flow_runs/count",
            json!({"flows": {"name": {"any_": ["bare"]}}}),
        )
        .await;
    assert_eq!(after.as_u64().unwrap(), before.as_u64().unwrap() + 1);
    let made_key = plan.request.options.run_id.unwrap();
    let made = lab
        .post(
            "/flow_runs/filter",
            json!({"flow_runs": {"idempotency_key": {"any_": [made_key]}}}),
        )
        .await;
    assert_eq!(made[0]["parameters"], json!({"seconds": 1, "fail": true}));
    // mark a run
    let options = ActionOptions {
        mark: Some(NodeState::Succeeded),
        ..ActionOptions::default()
    };
    let (_, status) = rig
        .act(Action::Mark, Target::Run(failed_key.clone()), options)
        .await;
    confirmed(&status);
    assert_eq!(lab.run(&failed).await["state_type"], "COMPLETED");
}

#[tokio::test]
#[ignore = "needs the Prefect lab"]
async fn prefect_mark_a_task_and_retry_takes_kept_results() {
    let lab = Lab::new();
    let mut rig = lab.watch();
    listed(&mut rig).await;
    let id = lab
        .trigger("orders/nightly", json!({"rows": 2, "fail": true}))
        .await;
    let key = run_key("orders/nightly", &id);
    rig.look(|focus| focus.runs = vec![key.clone()]);
    rig.until("its failure", MINUTE * 3, |rig| {
        state(rig, &key) == RunState::Failed
            && named(rig, &key, "load").is_some_and(|n| n.state == NodeState::Failed)
    })
    .await;
    let options = ActionOptions {
        mark: Some(NodeState::Skipped),
        ..ActionOptions::default()
    };
    let (plan, status) = rig
        .act(Action::Mark, Target::Node(node(&key, "load")), options)
        .await;
    confirmed(&status);
    assert_eq!(plan.hits.len(), 1);
    let theirs = lab.tasks(&id).await;
    let load = theirs
        .iter()
        .find(|t| t["name"].as_str().unwrap().starts_with("load-"))
        .unwrap();
    assert_eq!(
        (&load["state"]["type"], &load["state"]["name"]),
        (&json!("COMPLETED"), &json!("Skipped"))
    );
    assert_eq!(
        lab.run(&id).await["state_type"],
        "FAILED",
        "the run stays what it is"
    );
    // retry: what is kept is taken
    let (plan, status) = rig
        .act(
            Action::Retry,
            Target::Run(key.clone()),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert!(
        plan.hits.iter().any(|h| h.then.contains("result is taken")),
        "{:?}",
        plan.hits
    );
    rig.until("the second process", MINUTE * 2, |rig| {
        named(rig, &key, "fetch").is_some_and(|n| n.state == NodeState::Cached)
    })
    .await;
    rig.until("its end", MINUTE * 2, |rig| {
        state(rig, &key) == RunState::Failed
            && named(rig, &key, "load").is_some_and(|n| n.state == NodeState::Failed)
    })
    .await;
    let run = rig.run(&key).unwrap();
    let fetches: Vec<&Node> = run
        .nodes
        .values()
        .filter(|n| n.id.raw().starts_with("fetch"))
        .collect();
    assert_eq!(
        fetches.len(),
        1,
        "of each task one node, not one a process: {fetches:#?}"
    );
    assert!(
        lab.tasks(&id).await.len() > 12,
        "Prefect lists those of both processes"
    );
}

#[tokio::test]
#[ignore = "needs the Prefect lab"]
async fn prefect_pause_resume_and_stop() {
    let lab = Lab::new();
    let mut rig = lab.watch();
    listed(&mut rig).await;
    // a deployment
    let key = pipeline("orders/nightly");
    let (plan, status) = rig
        .act(
            Action::Pause,
            Target::Pipeline(key.clone()),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert!(
        plan.hits.iter().any(|h| h.then.contains("deleted")),
        "{:?}",
        plan.hits
    );
    assert_eq!(lab.deployment("orders/nightly").await["paused"], true);
    rig.until("it is shown", MINUTE, |rig| {
        rig.world.pipeline(&key).unwrap().pipeline.paused
    })
    .await;
    let (_, status) = rig
        .act(
            Action::Resume,
            Target::Pipeline(key.clone()),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert_eq!(lab.deployment("orders/nightly").await["paused"], false);
    // a run, at its next task
    let id = lab
        .trigger("slow/prod", json!({"seconds": 3, "parts": 40}))
        .await;
    let run = run_key("slow/prod", &id);
    rig.look(|focus| focus.runs = vec![run.clone()]);
    rig.until("it works", MINUTE * 2, |rig| {
        named(rig, &run, "work").is_some_and(|n| n.state == NodeState::Running)
    })
    .await;
    let (plan, status) = rig
        .act(
            Action::Pause,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.contains("before the next task")),
        "{:?}",
        plan.warnings
    );
    let theirs = lab.run(&id).await;
    assert_eq!(
        (&theirs["state_type"], &theirs["state_name"]),
        (&json!("PAUSED"), &json!("Suspended"))
    );
    rig.for_(Duration::from_secs(6)).await;
    assert_eq!(state(&rig, &run), RunState::Paused);
    let (_, status) = rig
        .act(
            Action::Resume,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    rig.until("it runs again", MINUTE * 2, |rig| {
        state(rig, &run) == RunState::Running
    })
    .await;
    assert_eq!(lab.run(&id).await["state_type"], "RUNNING");
    let nothing = rig
        .plan(
            Action::Resume,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await;
    assert!(nothing.is_err());
    // a run that waits for a person
    let gate = lab.trigger("gate/prod", json!({})).await;
    let gate_key = run_key("gate/prod", &gate);
    rig.until("it waits", MINUTE * 2, |rig| {
        state(rig, &gate_key) == RunState::Paused
    })
    .await;
    let (_, status) = rig
        .act(
            Action::Resume,
            Target::Run(gate_key.clone()),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    rig.until("its end", MINUTE, |rig| {
        state(rig, &gate_key) == RunState::Succeeded
    })
    .await;
    assert_eq!(lab.run(&gate).await["state_type"], "COMPLETED");
    // everything that goes of one deployment
    let second = lab
        .trigger("slow/prod", json!({"seconds": 60, "parts": 1}))
        .await;
    let second_key = run_key("slow/prod", &second);
    // Prefect's runner forgets a run that is cancelled while its process starts: it stays `Cancelling` for ever
    rig.until("it runs", MINUTE * 2, |rig| {
        state(rig, &second_key) == RunState::Running
    })
    .await;
    let (plan, status) = rig
        .act(
            Action::Stop,
            Target::Pipeline(pipeline("slow/prod")),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert!(plan.hits.len() >= 2, "{:?}", plan.hits);
    for id in [&id, &second] {
        assert_eq!(lab.run(id).await["state_type"], "CANCELLED");
    }
}

#[tokio::test]
#[ignore = "needs the Prefect lab"]
async fn prefect_late_runs_are_shown_and_deleted_and_a_queued_one_is_cancelled() {
    let lab = Lab::new();
    let mut rig = lab.watch();
    listed(&mut rig).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(lab.trigger("hello/idle", json!({})).await);
    }
    let key = |id: &str| run_key("hello/idle", id);
    rig.until("they are late", MINUTE, |rig| {
        ids.iter().all(|id| state(rig, &key(id)) == RunState::Late)
    })
    .await;
    let view = rig.run(&key(&ids[0])).unwrap();
    assert_eq!(view.health, Health::Late);
    rig.until("the pool's depth", MINUTE, |rig| {
        let backend = rig.world.backend(&BackendId::new(NAME)).unwrap();
        backend
            .queues
            .iter()
            .any(|q| q.name == "work pool idle-pool" && q.waiting >= 3)
    })
    .await;
    // one of them alone
    let (_, status) = rig
        .act(
            Action::Cancel,
            Target::Run(key(&ids[0])),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert_eq!(lab.run(&ids[0]).await["state_type"], "CANCELLED");
    // the others at once
    let (plan, status) = rig
        .act(
            Action::Cancel,
            Target::Pipeline(pipeline("hello/idle")),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert!(plan.hits.len() >= 2, "{:?}", plan.hits);
    for id in &ids[1..] {
        let (code, _) = lab
            .ask(reqwest::Method::GET, &format!("/flow_runs/{id}"), None)
            .await;
        assert_eq!(code, 404);
        assert!(rig.run(&key(id)).is_none());
    }
    // one that waits for a slot
    let first = lab.trigger("bare/one", json!({"seconds": 60})).await;
    let second_id = lab.trigger("bare/one", json!({"seconds": 60})).await;
    let one = |id: &str| run_key("bare/one", id);
    // whoever starts now would stay `Cancelling`: see below
    rig.until("one runs and one waits", MINUTE * 2, |rig| {
        let waits = |id: &&String| {
            rig.run(&one(id))
                .is_some_and(|r| r.run.native == "AwaitingConcurrencySlot")
        };
        let runs = |id: &&String| state(rig, &one(id)) == RunState::Running;
        let both = [&first, &second_id];
        both.iter().any(waits) && both.iter().any(runs)
    })
    .await;
    let (_, status) = rig
        .act(
            Action::Stop,
            Target::Pipeline(pipeline("bare/one")),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    for id in [&first, &second_id] {
        assert_eq!(lab.run(id).await["state_type"], "CANCELLED");
    }
}

#[tokio::test]
#[ignore = "needs the Prefect lab"]
async fn prefect_pools_queues_and_limits_are_paused_and_limited() {
    let lab = Lab::new();
    let mut rig = lab.watch();
    listed(&mut rig).await;
    let named = |name: &str| {
        Target::Queue(QueueKey {
            backend: BackendId::new(NAME),
            queue: QueueId::new(name),
        })
    };
    let held = |rig: &Rig, name: &str| {
        let backend = rig.world.backend(&BackendId::new(NAME)).unwrap();
        backend.queues.iter().find(|q| q.name == name).cloned()
    };
    rig.until("the queues", MINUTE, |rig| {
        held(rig, "limit warehouse").is_some()
    })
    .await;
    let options = |limit| ActionOptions {
        limit: Some(limit),
        ..ActionOptions::default()
    };
    for (name, path) in [
        ("work pool idle-pool", "/work_pools/idle-pool"),
        (
            "idle-pool / default",
            "/work_pools/idle-pool/queues/default",
        ),
    ] {
        for (action, paused) in [(Action::Pause, true), (Action::Resume, false)] {
            let (_, status) = rig.act(action, named(name), ActionOptions::default()).await;
            confirmed(&status);
            assert_eq!(lab.get(path).await["is_paused"], paused, "{name}");
        }
        let (_, status) = rig.act(Action::Limit, named(name), options(7)).await;
        confirmed(&status);
        assert_eq!(lab.get(path).await["concurrency_limit"], 7, "{name}");
    }
    for (name, limit) in [("limit warehouse", 5), ("limit of bare/one", 2)] {
        let (_, status) = rig.act(Action::Limit, named(name), options(limit)).await;
        confirmed(&status);
    }
    let theirs = lab.get("/v2/concurrency_limits/warehouse").await;
    assert_eq!(theirs["limit"], 5);
    let theirs = lab.deployment("bare/one").await;
    assert_eq!(theirs["global_concurrency_limit"]["limit"], 2);
    rig.until("it is shown", MINUTE, |rig| {
        held(rig, "limit warehouse").is_some_and(|q| q.slots == Some(5))
    })
    .await;
    let pause = rig.plan(
        Action::Pause,
        named("limit warehouse"),
        ActionOptions::default(),
    );
    assert!(pause.await.is_err());
    // as it was, for whoever comes after
    for (name, limit) in [
        ("limit warehouse", 2),
        ("limit of bare/one", 1),
        ("work pool idle-pool", 3),
    ] {
        let (_, status) = rig.act(Action::Limit, named(name), options(limit)).await;
        confirmed(&status);
    }
}

/// Last, because everything else needs the server.
#[tokio::test]
#[ignore = "needs the Prefect lab"]
async fn prefect_zz_a_restart_in_the_middle_is_survived() {
    let lab = Lab::new();
    let mut rig = lab.watch();
    listed(&mut rig).await;
    let id = lab
        .trigger("slow/prod", json!({"seconds": 100, "parts": 1}))
        .await;
    let key = run_key("slow/prod", &id);
    rig.until("it runs", MINUTE * 2, |rig| {
        state(rig, &key) == RunState::Running
    })
    .await;
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/prefect/lab.sh");
    assert!(std::path::Path::new(&lab.dir).exists());
    let restart = tokio::process::Command::new(script)
        .args(["restart", "8"])
        .status();
    let restart = tokio::spawn(restart);
    rig.until("it is gone", MINUTE, |rig| {
        matches!(rig.status().reach, Reach::Down { .. }) || rig.status().degraded.is_some()
    })
    .await;
    rig.until("it is back", MINUTE * 3, |rig| {
        rig.up() && rig.status().degraded.is_none()
    })
    .await;
    assert!(restart.await.unwrap().unwrap().success());
    let (_, status) = rig
        .act(
            Action::Cancel,
            Target::Run(key.clone()),
            ActionOptions::default(),
        )
        .await;
    println!("cancel after the restart: {status:?}");
    let theirs = lab.run(&id).await;
    assert_eq!(
        theirs["state_type"] == "CANCELLED",
        matches!(status, ActionStatus::Confirmed { .. }),
        "{status:?} {theirs}"
    );
}
