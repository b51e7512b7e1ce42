//! Against a real Dagster (`tests/run`): every action is proven by asking the server itself, not our client.

use std::time::{Duration, Instant};

use super::{Rig, job, newest, node, pipeline, state, watch, watch_at};
use dagtop::model::{
    Action, ActionError, ActionOptions, ActionStatus, BackendId, Health, NodeState, Plan, QueueId,
    QueueKey, RunKey, RunState, Support, Target, TargetKind,
};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(120);

fn url() -> String {
    std::env::var("DAGTOP_TEST_DAGSTER_URL")
        .expect("the lab's address: tests/lab/dagster/lab.sh env")
}

/// The server itself.
struct Server {
    client: reqwest::Client,
    url: String,
}

impl Server {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            url: format!("{}/graphql", url()),
        }
    }

    async fn ask(&self, query: &str, variables: Value) -> Value {
        let body = json!({"query": query, "variables": variables});
        let answer = self
            .client
            .post(&self.url)
            .json(&body)
            .send()
            .await
            .unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].clone()
    }

    async fn run(&self, id: &str) -> Value {
        let query = "query($id:ID!){run:runOrError(runId:$id){... on Run{runId status jobName runConfig rootRunId parentRunId \
            stepKeysToExecute tags{key value} stepStats{stepKey status}}}}";
        self.ask(query, json!({"id": id})).await["run"].clone()
    }

    async fn launch(&self, name: &str, config: Value) -> String {
        let params = json!({"selector": {"repositoryLocationName": "shop", "repositoryName": "__repository__", "jobName": name},
            "runConfigData": config});
        let query = "mutation($p:ExecutionParams!){done:launchRun(executionParams:$p){__typename ... on LaunchRunSuccess{run{runId}} \
            ... on PythonError{message} ... on RunConfigValidationInvalid{errors{message}}}}";
        let done = self.ask(query, json!({"p": params})).await;
        done["done"]["run"]["runId"]
            .as_str()
            .unwrap_or_else(|| panic!("{done}"))
            .to_owned()
    }

    /// Waits until a run is so.
    async fn until(&self, id: &str, wanted: &[&str]) -> Value {
        let began = Instant::now();
        loop {
            let run = self.run(id).await;
            if wanted.contains(&run["status"].as_str().unwrap_or_default()) {
                return run;
            }
            assert!(
                began.elapsed() < LONG,
                "run {id} is {} and not {wanted:?}",
                run["status"]
            );
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Waits until nothing goes that another test began.
    async fn at_rest(&self) {
        let began = Instant::now();
        let query = "{r:runsOrError(filter:{statuses:[QUEUED,NOT_STARTED,STARTING,STARTED,CANCELING]}){... on Runs{results{runId}}}}";
        while self.ask(query, json!({})).await["r"]["results"] != json!([]) {
            assert!(began.elapsed() < LONG, "runs of other tests still go");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

async fn listed() -> Rig {
    let mut rig = watch(&url());
    rig.until("the list", LONG, |rig| rig.listed() && rig.up())
        .await;
    rig
}

/// Opens a run and waits until all of it is there.
async fn open(rig: &mut Rig, key: &RunKey) {
    let wanted = key.clone();
    rig.look(move |focus| focus.runs = vec![wanted]);
    let key = key.clone();
    rig.until("the whole run", LONG, |rig| {
        rig.run(&key)
            .is_some_and(|r| r.complete && r.topology.is_some())
    })
    .await;
}

fn key(name: &str, run: &str) -> RunKey {
    job(name).run(run)
}

fn queue(name: &str) -> QueueKey {
    QueueKey {
        backend: BackendId::new(super::NAME),
        queue: QueueId::new(name),
    }
}

fn hits(plan: &Plan) -> Vec<&str> {
    plan.hits.iter().map(|hit| hit.name.as_str()).collect()
}

fn confirmed(status: &ActionStatus) -> &str {
    match status {
        ActionStatus::Confirmed { what } => what.as_str(),
        other => panic!("not confirmed: {other:?}"),
    }
}

/// The id of a run in "run X is Y".
fn id_in(said: &str) -> String {
    said.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn params(list: &[(&str, Value)]) -> ActionOptions {
    ActionOptions {
        params: list
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        ..ActionOptions::default()
    }
}

// ---- what is seen -----------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_a_failed_run_is_seen_whole_with_its_cause() {
    let server = Server::new();
    let id = server.launch("orders", json!({})).await;
    server.until(&id, &["FAILURE"]).await;
    let mut rig = listed().await;
    assert!(
        rig.status().version.starts_with("Dagster 1."),
        "{}",
        rig.status().version
    );
    let key = key("orders", &id);
    // unasked, the fleet knows what failed
    rig.until("the failed step", LONG, |rig| {
        rig.run(&key).is_some_and(|r| {
            state(r, "load") == Some(NodeState::Failed) && r.health == Health::Failed
        })
    })
    .await;
    open(&mut rig, &key).await;
    let run = rig.run(&key).unwrap();
    let told: Vec<(&str, NodeState, u32)> = run
        .nodes
        .values()
        .map(|n| (n.id.raw(), n.state, n.attempt))
        .collect();
    for wanted in [
        ("fetch", NodeState::Succeeded, 1),
        ("clean[k1]", NodeState::Succeeded, 1),
        ("checks.check_ranges", NodeState::Succeeded, 1),
        ("shaky", NodeState::Succeeded, 3),
        ("load", NodeState::Failed, 1),
        ("report", NodeState::Blocked, 0),
        ("when_no", NodeState::Skipped, 0),
        ("when_yes", NodeState::Succeeded, 1),
    ] {
        assert!(told.contains(&wanted), "{wanted:?} is not among {told:?}");
    }
    let topology = run.topology.as_ref().unwrap();
    let groups: Vec<(&str, bool)> = topology
        .groups
        .iter()
        .map(|g| (g.id.raw(), g.mapped))
        .collect();
    assert!(
        groups.contains(&("clean[?]", true)) && groups.contains(&("checks", false)),
        "{groups:?}"
    );
    assert_eq!(run.worst_node().unwrap().id.raw(), "load");

    let log = node(&key, "load").log(1);
    let wanted = log.clone();
    rig.look(move |focus| focus.logs = vec![wanted]);
    rig.until("the log's end", LONG, |rig| {
        rig.logs.get(&log).is_some_and(|l| l.ended)
    })
    .await;
    let text = &rig.logs[&log].text;
    assert!(
        text.contains("Traceback (most recent call last)")
            && text.contains("KeyError: 'customers'"),
        "{text}"
    );
    assert!(
        text.trim_end()
            .lines()
            .any(|l| l == "ValueError: bad record 42"),
        "{text}"
    );
    // the second of three tries is its own
    let second = node(&key, "shaky").log(2);
    let wanted = second.clone();
    rig.look(move |focus| focus.logs = vec![wanted]);
    rig.until("the second try", LONG, |rig| {
        rig.logs.get(&second).is_some_and(|l| l.ended)
    })
    .await;
    let text = &rig.logs[&second].text;
    assert!(
        text.contains("(try 2)") && !text.contains("(try 1)"),
        "{text}"
    );
    let blocked = node(&key, "report").log(0);
    let wanted = blocked.clone();
    rig.look(move |focus| focus.logs = vec![wanted]);
    rig.until("why it is blocked", LONG, |rig| {
        rig.logs
            .get(&blocked)
            .is_some_and(|l| l.text.contains("Dependencies for step report failed"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_each_step_of_a_run_of_processes_has_its_own_output() {
    let server = Server::new();
    let id = server.launch("spread", json!({})).await;
    server.until(&id, &["SUCCESS"]).await;
    let mut rig = listed().await;
    let key = key("spread", &id);
    open(&mut rig, &key).await;
    let log = node(&key, "left").log(1);
    let wanted = log.clone();
    rig.look(move |focus| focus.logs = vec![wanted]);
    rig.until("the log's end", LONG, |rig| {
        rig.logs.get(&log).is_some_and(|l| l.ended)
    })
    .await;
    let text = &rig.logs[&log].text;
    assert!(
        text.contains("INFO dagster.stdout - printed on the left"),
        "{text}"
    );
    assert!(
        text.contains("INFO dagster.stderr - complained on the left"),
        "{text}"
    );
    // Dagster writes its events to standard error too: they are not told twice
    assert_eq!(text.matches("STEP_START").count(), 0, "{text}");
    assert!(!text.contains("printed on the right"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_a_run_in_view_is_told_by_subscription_and_costs_little() {
    let server = Server::new();
    let id = server
        .launch(
            "slow",
            json!({"ops": {"work": {"config": {"seconds": 115}}}}),
        )
        .await;
    let mut rig = listed().await;
    let key = key("slow", &id);
    rig.until("the run", LONG, |rig| rig.run(&key).is_some())
        .await;
    open(&mut rig, &key).await;
    assert_eq!(
        state(rig.run(&key).unwrap(), "rest"),
        Some(NodeState::Pending)
    );
    rig.until("progress", LONG, |rig| {
        let work = rig
            .run(&key)
            .and_then(|r| r.nodes.values().find(|n| n.id.raw() == "work"));
        work.is_some_and(|n| n.progress.is_some_and(|p| p.done >= 3))
    })
    .await;
    assert_eq!(rig.status().degraded, None);
    let log = node(&key, "work").log(1);
    let wanted = log.clone();
    rig.look(move |focus| focus.logs = vec![wanted]);
    rig.until("the log", LONG, |rig| rig.logs.contains_key(&log))
        .await;
    // how long after it was written is a line here
    let mut late = Vec::new();
    let before = rig.stats();
    let began = Instant::now();
    // everything is read again once in it
    while began.elapsed() < Duration::from_secs(95) {
        let known = rig.logs[&log].text.len();
        rig.until("a line", LONG, |rig| rig.logs[&log].text.len() > known)
            .await;
        let text = &rig.logs[&log].text;
        let time = text
            .trim_end()
            .lines()
            .rfind(|l| l.contains("::progress"))
            .and_then(|l| l.split(' ').next());
        if let Some(at) = time.and_then(|t| t.parse::<chrono::DateTime<chrono::Utc>>().ok()) {
            late.push((chrono::Utc::now() - at).num_milliseconds());
        }
    }
    late.sort_unstable();
    let after = rig.stats();
    let asked = after.requests - before.requests;
    println!(
        "line to us by subscription: median {} ms, worst {} ms of {}; {} requests and {} bytes in {:.1} s",
        late[late.len() / 2],
        late[late.len() - 1],
        late.len(),
        asked,
        after.bytes - before.bytes,
        began.elapsed().as_secs_f64()
    );
    assert!(asked <= 47, "{asked} requests in 95 s with a subscription");
    rig.until("the end", LONG, |rig| {
        rig.run(&key).is_some_and(|r| r.health == Health::Succeeded)
    })
    .await;
    let seen = chrono::Utc::now();
    let ended = rig.run(&key).unwrap().run.ended_at.unwrap();
    println!(
        "end of a run to us by subscription: {} ms",
        (seen - ended).num_milliseconds()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_a_run_that_nobody_looks_at_is_told_by_asking() {
    let server = Server::new();
    let mut rig = listed().await;
    rig.for_(Duration::from_secs(5)).await;
    let before = rig.stats();
    // everything is read again once in it
    rig.for_(Duration::from_secs(90)).await;
    let rest = rig.stats();
    println!(
        "at rest: {:.2} requests/s, {:.0} bytes/s",
        (rest.requests - before.requests) as f64 / 90.0,
        (rest.bytes - before.bytes) as f64 / 90.0
    );
    assert!(
        rest.requests - before.requests <= 45,
        "{} in 90 s",
        rest.requests - before.requests
    );
    let id = server.launch("hello", json!({})).await;
    let key = key("hello", &id);
    let launched = chrono::Utc::now();
    rig.until("the run", LONG, |rig| rig.run(&key).is_some())
        .await;
    println!(
        "a new run to us by asking: {} ms",
        (chrono::Utc::now() - launched).num_milliseconds()
    );
    rig.until("its end", LONG, |rig| {
        rig.run(&key)
            .is_some_and(|r| r.run.state == RunState::Succeeded)
    })
    .await;
    let ended = rig.run(&key).unwrap().run.ended_at.unwrap();
    println!(
        "end of a run to us by asking: {} ms",
        (chrono::Utc::now() - ended).num_milliseconds()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_checks_warn_and_fail_although_the_run_is_called_a_success() {
    let server = Server::new();
    let id = server.launch("marts", json!({})).await;
    server.until(&id, &["SUCCESS"]).await;
    let mut rig = listed().await;
    let key = key("marts", &id);
    rig.until("the failed check, unasked", LONG, |rig| {
        rig.run(&key)
            .is_some_and(|r| r.health == Health::Failed && r.run.state == RunState::Succeeded)
    })
    .await;
    open(&mut rig, &key).await;
    rig.until("the checks", LONG, |rig| {
        let run = rig.run(&key).unwrap();
        state(run, "mart_orders_totals_match") == Some(NodeState::Failed)
            && state(run, "mart_orders_no_nulls") == Some(NodeState::Warned)
            && state(run, "mart_orders_rows_positive") == Some(NodeState::Succeeded)
    })
    .await;
    let plan = rig
        .plan(
            Action::Retry,
            Target::Run(key.clone()),
            ActionOptions::default(),
        )
        .await;
    assert!(
        matches!(
            plan,
            Err(ActionStatus::Refused {
                why: ActionError::Nothing(_)
            })
        ),
        "{plan:?}"
    );
    let assets = pipeline("assets:shop").run("now");
    open(&mut rig, &assets).await;
    let run = rig.run(&assets).unwrap();
    assert_eq!(
        state(run, "mart_orders#totals_match"),
        Some(NodeState::Failed)
    );
    assert_eq!(state(run, "mart_orders#no_nulls"), Some(NodeState::Warned));
    // bad once more: since the first time, as Dagster's own list of results has it
    let again = server.launch("marts", json!({})).await;
    server.until(&again, &["SUCCESS"]).await;
    let query = "query($k:AssetKeyInput!,$n:String!){r:assetCheckExecutions(assetKey:$k,checkName:$n,limit:100){status timestamp}}";
    for (name, state, said) in [
        ("totals_match", NodeState::Failed, "7 rows"),
        ("no_nulls", NodeState::Warned, ""),
    ] {
        let variables = json!({"k": {"path": ["mart_orders"]}, "n": name});
        let found = server.ask(query, variables).await;
        let results = found["r"].as_array().unwrap();
        assert!(results.len() >= 2 && results.iter().all(|r| r["status"] == "FAILED"));
        let at = |result: &Value| result["timestamp"].as_f64().unwrap();
        let (first, last) = (at(results.last().unwrap()), at(&results[0]));
        let millis = |at: f64| (at * 1000.0).round() as i64;
        rig.until("both results in the list of data quality", LONG, |rig| {
            let view = rig.world.backend(&BackendId::new(super::NAME));
            view.unwrap().checks.iter().any(|check| {
                check.name.as_str() == name
                    && check.on.as_str() == "mart_orders"
                    && check.state == state
                    && check.note.as_str().contains(said)
                    && (check.since.timestamp_millis() - millis(first)).abs() <= 1
                    && (check.seen_at.timestamp_millis() - millis(last)).abs() <= 1
            })
        })
        .await;
    }
    let view = rig.world.backend(&BackendId::new(super::NAME));
    let names = view.unwrap().checks.iter().map(|c| c.name.as_str());
    assert!(
        names.take(2).eq(["totals_match", "no_nulls"]),
        "worst first, and none that passed"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_what_surrounds_the_runs_is_seen() {
    let mut rig = listed().await;
    let id = BackendId::new(super::NAME);
    rig.until("daemons, pools and complaints", LONG, |rig| {
        let view = rig.world.backend(&id).unwrap();
        let subjects: Vec<&str> = view.notices.iter().map(|n| n.subject.as_str()).collect();
        view.components
            .iter()
            .any(|c| c.name.as_str() == "sensor daemon" && c.healthy == Some(true))
            && view
                .components
                .iter()
                .any(|c| c.name.as_str() == "code location broken" && c.healthy == Some(false))
            && view
                .queues
                .iter()
                .any(|q| q.name.as_str() == "pool warehouse" && q.slots == Some(1))
            && subjects.contains(&"code location broken")
            && subjects.contains(&"sensor broken_sensor")
    })
    .await;
    let view = rig.world.backend(&id).unwrap();
    let sensor = view
        .notices
        .iter()
        .find(|n| n.subject.as_str() == "sensor broken_sensor")
        .unwrap();
    assert!(
        sensor.text[0].contains("the bucket does not answer"),
        "{:?}",
        sensor.text
    );
    let broken = pipeline("location:broken").run("now");
    let log = node(&broken, "code").log(1);
    let (run, wanted) = (broken.clone(), log.clone());
    rig.look(move |focus| {
        focus.runs = vec![run];
        focus.logs = vec![wanted];
    });
    rig.until("why it is broken", LONG, |rig| {
        rig.run(&broken)
            .is_some_and(|r| state(r, "code") == Some(NodeState::Failed))
            && rig
                .logs
                .get(&log)
                .is_some_and(|l| l.text.contains("no_such_module"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_a_step_that_waits_for_a_slot_says_who_holds_it() {
    let server = Server::new();
    let first = server
        .launch(
            "pooled",
            json!({"ops": {"hold": {"config": {"seconds": 40}}}}),
        )
        .await;
    server.until(&first, &["STARTED"]).await;
    let mut rig = listed().await;
    let id = BackendId::new(super::NAME);
    rig.until("the holder", LONG, |rig| {
        let view = rig.world.backend(&id).unwrap();
        view.queues.iter().any(|q| {
            q.name.as_str() == "pool warehouse"
                && q.held_by
                    .as_ref()
                    .is_some_and(|h| h.as_str() == "pooled / hold")
        })
    })
    .await;
    let plan = rig
        .plan(
            Action::Cancel,
            Target::Queue(queue("pool warehouse")),
            ActionOptions::default(),
        )
        .await;
    let Err(ActionStatus::Refused { why }) = plan else {
        panic!("{plan:?}")
    };
    assert!(why.to_string().contains("cancel those instead"), "{why}");
    let (_, status) = rig
        .act(
            Action::Cancel,
            Target::Run(key("pooled", &first)),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
}

// ---- actions ----------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_launch_with_a_configuration_and_refuse_a_wrong_one() {
    let server = Server::new();
    let mut rig = listed().await;
    let target = Target::Pipeline(job("hello"));
    let wrong = params(&[("ops.greet.config.nmae", json!("x"))]);
    let plan = rig.plan(Action::Trigger, target.clone(), wrong).await;
    let Err(ActionStatus::Refused { why }) = plan else {
        panic!("{plan:?}")
    };
    assert!(why.to_string().contains("nmae"), "{why}");
    let good = params(&[("ops.greet.config.name", json!("the lab"))]);
    let (plan, status) = rig.act(Action::Trigger, target, good).await;
    assert!(
        plan.server_preview && hits(&plan).contains(&"greet"),
        "{plan:?}"
    );
    let id = id_in(confirmed(&status));
    let run = server.run(&id).await;
    assert_eq!(
        run["runConfig"]["ops"]["greet"]["config"]["name"],
        "the lab"
    );
    // what a job asks for is known once it is looked at
    rig.look(|focus| focus.pipeline = Some(job("hello")));
    rig.until("its values", LONG, |rig| {
        let view = rig.world.pipeline(&job("hello")).unwrap();
        view.pipeline
            .params
            .iter()
            .any(|p| p.name.as_str() == "ops.greet.config.name" && p.default == "world")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_a_plan_that_is_sent_twice_starts_one_run() {
    let server = Server::new();
    let mut rig = listed().await;
    let plan = rig
        .plan(
            Action::Trigger,
            Target::Pipeline(job("hello")),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    let tag = plan.request.options.run_id.clone().unwrap();
    let status = rig.execute(plan).await;
    confirmed(&status);
    let query =
        "query($t:ExecutionTag!){r:runsOrError(filter:{tags:[$t]}){... on Runs{results{runId}}}}";
    let found = server
        .ask(query, json!({"t": {"key": "dagtop/request", "value": tag}}))
        .await;
    assert_eq!(found["r"]["results"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_retry_from_failure_is_one_story_with_the_run() {
    let server = Server::new();
    let id = server.launch("orders", json!({})).await;
    server.until(&id, &["FAILURE"]).await;
    let mut rig = listed().await;
    let key = key("orders", &id);
    open(&mut rig, &key).await;
    let (plan, status) = rig
        .act(
            Action::Retry,
            Target::Run(key.clone()),
            ActionOptions::default(),
        )
        .await;
    let mut hit = hits(&plan);
    hit.sort_unstable();
    assert_eq!(hit, ["load", "report"]);
    let new = id_in(confirmed(&status));
    let run = server.until(&new, &["FAILURE"]).await;
    assert_eq!(run["rootRunId"], id.as_str());
    let mut steps: Vec<&str> = run["stepKeysToExecute"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    steps.sort_unstable();
    assert_eq!(steps, ["load", "report"]);
    rig.until("the second attempt", LONG, |rig| {
        let load = rig
            .run(&key)
            .and_then(|r| r.nodes.values().find(|n| n.id.raw() == "load").cloned());
        load.is_some_and(|n| n.state == NodeState::Failed && n.attempt == 2)
    })
    .await;
    // one story: the run that was started for it is no run of its own
    assert_eq!(
        rig.world
            .runs_of(&job("orders"))
            .filter(|r| r.run.key.run.raw() == new)
            .count(),
        0
    );
    assert_eq!(
        state(rig.run(&key).unwrap(), "fetch"),
        Some(NodeState::Succeeded)
    );
    let log = node(&key, "load").log(2);
    let wanted = log.clone();
    rig.look(move |focus| focus.logs = vec![wanted]);
    rig.until("its log", LONG, |rig| {
        rig.logs.get(&log).is_some_and(|l| l.ended)
    })
    .await;
    assert!(rig.logs[&log].text.contains("bad record 42"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_retry_chosen_steps_and_restart_all() {
    let server = Server::new();
    let id = server
        .launch(
            "orders",
            json!({"ops": {"load": {"config": {"fail": false}}}}),
        )
        .await;
    server.until(&id, &["SUCCESS"]).await;
    let mut rig = listed().await;
    let key = key("orders", &id);
    open(&mut rig, &key).await;
    let mut options = ActionOptions::default();
    options.scope.downstream = true;
    let (plan, status) = rig
        .act(Action::Retry, Target::Node(node(&key, "shaky")), options)
        .await;
    let mut hit = hits(&plan);
    hit.sort_unstable();
    assert_eq!(hit, ["load", "report", "shaky"]);
    let new = id_in(confirmed(&status));
    let run = server.until(&new, &["SUCCESS"]).await;
    let ran: Vec<&str> = run["stepStats"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|s| s["stepKey"].as_str())
        .collect();
    assert_eq!(ran, ["shaky", "load", "report"]);
    assert_eq!(
        (
            &run["parentRunId"],
            &run["runConfig"]["ops"]["load"]["config"]["fail"]
        ),
        (&json!(id), &json!(false))
    );
    rig.until("both as one", LONG, |rig| {
        rig.run(&key).is_some_and(|r| {
            let shaky = r.nodes.values().find(|n| n.id.raw() == "shaky").unwrap();
            shaky.attempt == 6 && r.health == Health::Succeeded
        })
    })
    .await;
    let (plan, status) = rig
        .act(
            Action::Restart,
            Target::Run(key.clone()),
            ActionOptions::default(),
        )
        .await;
    assert!(hits(&plan).contains(&"fetch"));
    let new = id_in(confirmed(&status));
    let run = server.until(&new, &["SUCCESS"]).await;
    assert_eq!(run["stepStats"].as_array().unwrap().len(), 14);
    assert_eq!(run["rootRunId"], id.as_str());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_cancel_one_run_and_stop_all_of_a_job() {
    let server = Server::new();
    let config = json!({"ops": {"work": {"config": {"seconds": 120}}}});
    let id = server.launch("slow", config.clone()).await;
    server.until(&id, &["STARTED"]).await;
    let mut rig = listed().await;
    let run = key("slow", &id);
    open(&mut rig, &run).await;
    let (plan, status) = rig
        .act(
            Action::Cancel,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await;
    assert_eq!(plan.hits.len(), 1);
    confirmed(&status);
    assert_eq!(server.run(&id).await["status"], "CANCELED");
    rig.until("its steps", LONG, |rig| {
        rig.run(&run).is_some_and(|r| {
            r.health == Health::Cancelled
                && state(r, "work") == Some(NodeState::Cancelled)
                && state(r, "rest") == Some(NodeState::Cancelled)
        })
    })
    .await;
    let again = rig
        .plan(Action::Cancel, Target::Run(run), ActionOptions::default())
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
    let two = [
        server.launch("slow", config.clone()).await,
        server.launch("slow", config).await,
    ];
    server.until(&two[1], &["STARTED"]).await;
    server.until(&two[0], &["STARTED"]).await;
    let (plan, status) = rig
        .act(
            Action::Stop,
            Target::Pipeline(job("slow")),
            ActionOptions::default(),
        )
        .await;
    assert_eq!(plan.hits.len(), 2, "{:?}", plan.hits);
    confirmed(&status);
    for id in two {
        assert_eq!(server.run(&id).await["status"], "CANCELED");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_stop_everything_ends_what_goes_in_all_jobs_and_nothing_else() {
    let server = Server::new();
    server.at_rest().await;
    let seconds = json!({"config": {"seconds": 120}});
    let two = [
        server
            .launch("slow", json!({"ops": {"work": seconds}}))
            .await,
        server
            .launch("pooled", json!({"ops": {"hold": seconds}}))
            .await,
    ];
    let over = server.launch("hello", json!({})).await;
    server.until(&over, &["SUCCESS"]).await;
    for id in &two {
        server.until(id, &["STARTED"]).await;
    }
    let mut rig = listed().await;
    let stop = (Action::Stop, Target::Backend(BackendId::new(super::NAME)));
    let (plan, status) = rig
        .act(stop.0, stop.1.clone(), ActionOptions::default())
        .await;
    assert_eq!(plan.hits.len(), 2, "{:?}", plan.hits);
    confirmed(&status);
    for id in &two {
        assert_eq!(server.run(id).await["status"], "CANCELED");
    }
    assert_eq!(server.run(&over).await["status"], "SUCCESS");
    let again = rig.plan(stop.0, stop.1, ActionOptions::default()).await;
    let nothing = matches!(
        &again,
        Err(ActionStatus::Refused {
            why: ActionError::Nothing(_)
        })
    );
    assert!(nothing, "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_cancel_by_force_and_free_the_slots_that_are_left() {
    let server = Server::new();
    let held = async || {
        let all = server
            .ask(
                "{instance{concurrencyLimits{concurrencyKey claimedSlots{runId}}}}",
                json!({}),
            )
            .await;
        let list = all["instance"]["concurrencyLimits"].as_array().unwrap();
        let pool = list.iter().find(|p| p["concurrencyKey"] == "annex");
        pool.map_or(0, |p| p["claimedSlots"].as_array().unwrap().len())
    };
    let config = json!({"ops": {"deafen": {"config": {"seconds": 240}}}});
    let id = server.launch("deaf", config).await;
    server.until(&id, &["STARTED"]).await;
    let mut rig = listed().await;
    let run = key("deaf", &id);
    open(&mut rig, &run).await;
    let log = node(&run, "deafen").log(1);
    let wanted = log.clone();
    rig.look(move |focus| focus.logs = vec![wanted]);
    rig.until("it hears nothing", LONG, |rig| {
        rig.logs
            .get(&log)
            .is_some_and(|l| l.text.contains("listening to nobody"))
    })
    .await;
    let cancel = Target::Run(run.clone());
    let (_, status) = rig
        .act(Action::Cancel, cancel.clone(), ActionOptions::default())
        .await;
    // what is not seen is not claimed
    let ActionStatus::Unconfirmed { why } = &status else {
        panic!("{status:?}")
    };
    assert!(why.contains("CANCELING"), "{why}");
    assert_eq!(server.run(&id).await["status"], "CANCELING");
    let (plan, status) = rig
        .act(Action::Cancel, cancel, ActionOptions::default())
        .await;
    assert!(hits(&plan)[0].ends_with(", by force"), "{:?}", plan.hits);
    confirmed(&status);
    assert_eq!(server.run(&id).await["status"], "CANCELED");
    // its process goes on and holds the slot
    assert_eq!(held().await, 1);
    let backend = BackendId::new(super::NAME);
    rig.until("the slot that is left", LONG, |rig| {
        let view = rig.world.backend(&backend).unwrap();
        view.notices
            .iter()
            .any(|n| n.subject.as_str() == "pool annex" && n.text[0].contains("1 of its slots"))
    })
    .await;
    let (plan, status) = rig
        .act(
            Action::Cancel,
            Target::Queue(queue("pool annex")),
            ActionOptions::default(),
        )
        .await;
    assert_eq!(hits(&plan), [format!("run {id}")]);
    confirmed(&status);
    assert_eq!(held().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_stop_and_start_schedules_and_sensors() {
    let server = Server::new();
    let states = async || {
        let query = "{r:repositoriesOrError{... on RepositoryConnection{nodes{schedules{name scheduleState{status}} \
            sensors{name sensorState{status}}}}}}";
        let all = server.ask(query, json!({})).await;
        let node = &all["r"]["nodes"][0];
        let mut list: Vec<(String, bool)> = Vec::new();
        for (kind, of) in [("schedules", "scheduleState"), ("sensors", "sensorState")] {
            for one in node[kind].as_array().unwrap() {
                list.push((
                    one["name"].as_str().unwrap().to_owned(),
                    one[of]["status"] == "RUNNING",
                ));
            }
        }
        list
    };
    let mut rig = listed().await;
    let now = pipeline("location:shop").run("now");
    open(&mut rig, &now).await;
    let is = |list: &[(String, bool)], name: &str| list.iter().find(|(n, _)| n == name).unwrap().1;
    let before = states().await;
    assert!(
        is(&before, "broken_sensor") && !is(&before, "nightly"),
        "{before:?}"
    );
    // one schedule, one sensor
    for (id, name) in [
        ("schedule nightly", "nightly"),
        ("sensor new_files", "new_files"),
    ] {
        let target = Target::Node(node(&now, id));
        let (_, status) = rig
            .act(Action::Resume, target.clone(), ActionOptions::default())
            .await;
        confirmed(&status);
        assert!(is(&states().await, name));
        let (_, status) = rig
            .act(Action::Pause, target, ActionOptions::default())
            .await;
        confirmed(&status);
        assert!(!is(&states().await, name));
    }
    // all of a job: what goes is listed, and nothing else
    let (plan, status) = rig
        .act(
            Action::Pause,
            Target::Pipeline(job("hello")),
            ActionOptions::default(),
        )
        .await;
    assert_eq!(hits(&plan), ["sensor broken_sensor"]);
    confirmed(&status);
    assert!(states().await.iter().all(|(_, on)| !on));
    rig.until("the job is paused", LONG, |rig| {
        rig.world.pipeline(&job("hello")).unwrap().pipeline.paused
    })
    .await;
    let (_, status) = rig
        .act(
            Action::Resume,
            Target::Node(node(&now, "sensor broken_sensor")),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert!(is(&states().await, "broken_sensor"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_backfills_are_launched_followed_and_done_again() {
    let server = Server::new();
    let backfill = async |id: &str| {
        let query = "query($id:String!){b:partitionBackfillOrError(backfillId:$id){... on PartitionBackfill{status numPartitions partitionNames}}}";
        server.ask(query, json!({"id": id})).await["b"].clone()
    };
    let mut rig = listed().await;
    let target = Target::Pipeline(job("daily_orders"));
    let none = rig
        .plan(
            Action::Trigger,
            target.clone(),
            params(&[("partitions", json!("2026-12-24"))]),
        )
        .await;
    assert!(
        matches!(none, Err(ActionStatus::Refused { .. })),
        "{none:?}"
    );
    let wanted = params(&[("partitions", json!("2026-11-04...2026-11-05"))]);
    let (plan, status) = rig.act(Action::Trigger, target, wanted).await;
    assert_eq!(
        hits(&plan),
        ["partition 2026-11-04", "partition 2026-11-05"]
    );
    let id = id_in(confirmed(&status));
    assert_eq!(backfill(&id).await["numPartitions"], 2);
    let run = pipeline("backfills").run(&id);
    let open_it = run.clone();
    rig.look(move |focus| focus.runs = vec![open_it]);
    rig.until(
        "its end with one partition failed",
        Duration::from_secs(240),
        |rig| {
            rig.run(&run)
                .is_some_and(|r| r.health == Health::Failed && r.run.state == RunState::Failed)
        },
    )
    .await;
    let (plan, status) = rig
        .act(Action::Retry, Target::Run(run), ActionOptions::default())
        .await;
    println!("retry of a backfill: {}", plan.summary);
    let again = id_in(confirmed(&status));
    assert_ne!(again, id);
    // cancel it while it goes
    let run = pipeline("backfills").run(&again);
    let (_, status) = rig
        .act(Action::Cancel, Target::Run(run), ActionOptions::default())
        .await;
    println!("cancel of a backfill: {}", confirmed(&status));
    let now = backfill(&again).await;
    assert!(
        matches!(
            now["status"].as_str(),
            Some("CANCELED" | "COMPLETED_FAILED" | "COMPLETED_SUCCESS")
        ),
        "{now}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_a_backfill_is_cancelled_and_resumed() {
    let server = Server::new();
    let backfill = async |id: &str| {
        let query = "query($id:String!){b:partitionBackfillOrError(backfillId:$id){... on PartitionBackfill{status \
            partitionStatuses{results{partitionName runStatus}}}}}";
        server.ask(query, json!({"id": id})).await["b"].clone()
    };
    let mut rig = listed().await;
    let target = Target::Pipeline(pipeline("assets:shop"));
    let wanted = params(&[
        ("assets", json!("slow_import")),
        ("partitions", json!("all")),
    ]);
    let (plan, status) = rig.act(Action::Trigger, target, wanted).await;
    assert_eq!(plan.hits.len(), 7, "{:?}", plan.hits);
    let id = id_in(confirmed(&status));
    let run = pipeline("backfills").run(&id);
    let open_it = run.clone();
    rig.look(move |focus| focus.runs = vec![open_it]);
    rig.until("it goes", LONG, |rig| {
        rig.run(&run).is_some_and(|r| {
            let progress = r.nodes.values().find_map(|n| n.progress);
            r.run.state == RunState::Running && progress.is_some_and(|p| p.total == 7)
        })
    })
    .await;
    let (_, status) = rig
        .act(
            Action::Cancel,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert_eq!(backfill(&id).await["status"], "CANCELED");
    let again = rig
        .plan(
            Action::Cancel,
            Target::Run(run.clone()),
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
    let (plan, status) = rig
        .act(
            Action::Resume,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await;
    println!(
        "resume of a backfill: {}: {}",
        plan.summary,
        confirmed(&status)
    );
    let now = backfill(&id).await;
    assert_ne!(now["status"], "CANCELED");
    rig.until("it is over", Duration::from_secs(240), |rig| {
        rig.run(&run).is_some_and(|r| r.run.state.ended())
    })
    .await;
    println!("a resumed backfill ended as {}", backfill(&id).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_assets_are_materialised() {
    let server = Server::new();
    let mut rig = listed().await;
    let (plan, status) = rig
        .act(
            Action::Trigger,
            Target::Pipeline(pipeline("assets:shop")),
            params(&[("assets", json!("kpi"))]),
        )
        .await;
    assert_eq!(hits(&plan), ["kpi"]);
    let id = id_in(confirmed(&status));
    let run = server.until(&id, &["SUCCESS"]).await;
    let ran: Vec<&str> = run["stepStats"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|s| s["stepKey"].as_str())
        .collect();
    assert_eq!(ran, ["kpi"]);
    let mixed = rig
        .plan(
            Action::Trigger,
            Target::Pipeline(pipeline("assets:shop")),
            params(&[("assets", json!("raw_orders"))]),
        )
        .await;
    assert!(
        matches!(mixed, Err(ActionStatus::Refused { .. })),
        "{mixed:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_pool_limits_are_set() {
    let server = Server::new();
    let limit = async || {
        let all = server
            .ask(
                "{instance{concurrencyLimits{concurrencyKey limit}}}",
                json!({}),
            )
            .await;
        let list = all["instance"]["concurrencyLimits"]
            .as_array()
            .unwrap()
            .clone();
        list.iter()
            .find(|p| p["concurrencyKey"] == "warehouse")
            .unwrap()["limit"]
            .clone()
    };
    let mut rig = listed().await;
    let target = Target::Queue(queue("pool warehouse"));
    let to = |limit: u64| ActionOptions {
        limit: Some(limit),
        ..ActionOptions::default()
    };
    rig.for_(Duration::from_secs(2)).await;
    for slots in [2, 1] {
        let (plan, status) = rig.act(Action::Limit, target.clone(), to(slots)).await;
        assert_eq!(hits(&plan), ["pool warehouse"]);
        confirmed(&status);
        assert_eq!(limit().await, slots);
    }
    let same = rig.plan(Action::Limit, target, to(1)).await;
    let nothing = matches!(
        same,
        Err(ActionStatus::Refused {
            why: ActionError::Nothing(_)
        })
    );
    assert!(nothing, "{same:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_a_code_location_is_reloaded() {
    let server = Server::new();
    let loaded = async || {
        let all = server
            .ask(
                "{w:workspaceOrError{... on Workspace{locationEntries{name updatedTimestamp}}}}",
                json!({}),
            )
            .await;
        let list = all["w"]["locationEntries"].as_array().unwrap().clone();
        list.iter().find(|l| l["name"] == "shop").unwrap()["updatedTimestamp"]
            .as_f64()
            .unwrap()
    };
    let before = loaded().await;
    let mut rig = listed().await;
    let (_, status) = rig
        .act(
            Action::Restart,
            Target::Pipeline(pipeline("location:shop")),
            ActionOptions::default(),
        )
        .await;
    confirmed(&status);
    assert!(loaded().await > before);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_a_server_that_only_reads_refuses_with_its_reason() {
    let reader = std::env::var("DAGTOP_TEST_DAGSTER_READER").unwrap();
    let mut rig = watch(&reader);
    rig.until("the list", LONG, |rig| rig.listed() && rig.up())
        .await;
    let view = rig.world.backend(&BackendId::new(super::NAME)).unwrap();
    for (action, target) in [
        (Action::Trigger, TargetKind::Pipeline),
        (Action::Cancel, TargetKind::Run),
        (Action::Retry, TargetKind::Run),
        (Action::Pause, TargetKind::Pipeline),
    ] {
        let Support::No { why, .. } = view.capabilities.support(action, target) else {
            panic!("{action:?} {target:?} is allowed")
        };
        println!("{}: {why}", action.word());
    }
    let plan = rig
        .plan(
            Action::Trigger,
            Target::Pipeline(job("hello")),
            ActionOptions::default(),
        )
        .await;
    assert!(
        matches!(
            plan,
            Err(ActionStatus::Refused {
                why: ActionError::Forbidden(_)
            })
        ),
        "{plan:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Dagster lab"]
async fn dagster_a_server_that_is_restarted_in_the_middle_is_found_again() {
    let server = Server::new();
    let id = server
        .launch(
            "slow",
            json!({"ops": {"work": {"config": {"seconds": 90}}}}),
        )
        .await;
    server.until(&id, &["STARTED"]).await;
    let mut rig = watch_at(&url(), Duration::from_secs(10), Duration::from_secs(2));
    rig.until("the list", LONG, |rig| rig.listed() && rig.up())
        .await;
    let key = key("slow", &id);
    open(&mut rig, &key).await;
    let log = node(&key, "work").log(1);
    let wanted = log.clone();
    rig.look(move |focus| focus.logs = vec![wanted]);
    rig.until("the log", LONG, |rig| {
        rig.logs
            .get(&log)
            .is_some_and(|l| l.text.contains("::progress"))
    })
    .await;
    let lab = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/dagster/lab.sh");
    let mut restart = tokio::process::Command::new(lab)
        .args(["restart", "3"])
        .spawn()
        .unwrap();
    rig.until("it is gone", LONG, |rig| !rig.up()).await;
    println!("gone: {:?}", rig.status().reach);
    rig.until("it is back", LONG, |rig| rig.up()).await;
    assert!(restart.wait().await.unwrap().success());
    let known = rig.logs[&log].text.len();
    rig.until("the log goes on", LONG, |rig| {
        rig.logs[&log].text.len() > known
    })
    .await;
    rig.until("the subscription is back", LONG, |rig| {
        rig.status().degraded.is_none()
    })
    .await;
    // nothing twice and nothing left out
    let text = &rig.logs[&log].text;
    let seconds: Vec<u32> = text
        .lines()
        .filter_map(|l| {
            l.split_once("::progress ")?
                .1
                .split('/')
                .next()?
                .parse()
                .ok()
        })
        .collect();
    let want: Vec<u32> = (1..=*seconds.last().unwrap()).collect();
    assert_eq!(seconds, want);
    let (_, status) = rig
        .act(Action::Cancel, Target::Run(key), ActionOptions::default())
        .await;
    confirmed(&status);
    assert!(newest(&rig, &job("slow")).is_some());
}
