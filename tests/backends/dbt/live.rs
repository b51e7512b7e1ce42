//! The dbt backend with a real dbt on DuckDB: every action is proven by what dbt itself wrote.
//! Run by `tests/run`; needs the variables that `tests/lab/dbt/lab.sh env` prints.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dagtop::backends::dbt::{DbtBackend, Settings};
use dagtop::model::{
    Action, ActionOptions, Health, NodeState, PipelineKey, RunKey, RunState, Target,
};
use serde_json::{Value, json};

use crate::link_driver::{LinkDriver, backend, info, key};

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: use tests/run"))
}

/// A copy of the lab's project, and a driver that watches it.
struct Lab {
    dir: PathBuf,
    d: LinkDriver,
    _temp: tempfile::TempDir,
}

impl Lab {
    fn new(change: impl FnOnce(&Path)) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("shop");
        let made = Command::new(variable("DAGTOP_TEST_DBT_LAB"))
            .arg("new")
            .arg(&dir)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        change(&dir);
        let mut settings = Settings::single(dir.clone(), &temp.path().join("state"));
        settings.dbt = variable("DAGTOP_TEST_DBT").into();
        settings.grace = Duration::from_secs(10);
        settings.profiles = Some(dir.clone());
        let dbt = DbtBackend::new(info("dbt"), settings).unwrap();
        let mut d = LinkDriver::start(Box::new(dbt));
        d.patience = Duration::from_secs(120);
        Self {
            dir,
            d,
            _temp: temp,
        }
    }

    fn project(&self) -> PipelineKey {
        PipelineKey::new(&backend(), "shop")
    }

    async fn trigger(&mut self, params: &[(&str, Value)]) -> (RunKey, Vec<String>) {
        let options = ActionOptions {
            params: params
                .iter()
                .map(|(k, v)| ((*k).to_owned(), v.clone()))
                .collect(),
            ..ActionOptions::default()
        };
        let target = Target::Pipeline(self.project());
        self.act(Action::Trigger, target, options).await
    }

    /// Starts something: the new run, and the names the plan had.
    async fn act(
        &mut self,
        action: Action,
        target: Target,
        options: ActionOptions,
    ) -> (RunKey, Vec<String>) {
        let project = self.project();
        self.d
            .until("the project", |d| {
                d.world.backend(&backend()).unwrap().listed
            })
            .await;
        let before: Vec<RunKey> = self
            .d
            .world
            .runs_of(&project)
            .map(|r| r.run.key.clone())
            .collect();
        let plan = self.d.plan(action, target, options).await.unwrap();
        let mut hits: Vec<String> = plan.hits.iter().map(|h| h.name.to_string()).collect();
        hits.sort();
        println!("{}", plan.summary);
        println!("  {}", self.d.execute(plan).await.unwrap());
        let new = |d: &LinkDriver| {
            let mut runs = d.world.runs_of(&project).map(|r| r.run.key.clone());
            runs.find(|k| !before.contains(k))
        };
        self.d.until("a new run", |d| new(d).is_some()).await;
        let run = new(&self.d).unwrap();
        self.d.focus(|f| f.runs = vec![run.clone()]);
        (run, hits)
    }

    fn artifact(&self, name: &str) -> Value {
        let path = self.dir.join("target").join(name);
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// What dbt itself says: unique id and status.
    fn statuses(&self) -> BTreeMap<String, String> {
        let results = self.artifact("run_results.json");
        let text = |v: &Value| v.as_str().unwrap().to_owned();
        let rows = results["results"].as_array().unwrap();
        rows.iter()
            .map(|r| (text(&r["unique_id"]), text(&r["status"])))
            .collect()
    }

    /// The run is over and holds what dbt wrote down.
    async fn ended_as_dbt_says(&mut self, run: &RunKey) -> BTreeMap<String, String> {
        self.d.over(run).await;
        let statuses = self.statuses();
        let invocation = self.artifact("run_results.json")["metadata"]["invocation_id"].clone();
        let params = self.d.world.run(run).unwrap().run.params.clone();
        let ours = params
            .iter()
            .find(|(k, _)| k.as_str() == "invocation")
            .unwrap();
        assert_eq!(json!(ours.1.as_str()), invocation);
        for (id, status) in &statuses {
            let want = match status.as_str() {
                "success" | "pass" => NodeState::Succeeded,
                "warn" => NodeState::Warned,
                "error" | "fail" => NodeState::Failed,
                "skipped" => NodeState::Blocked,
                "no-op" => NodeState::Skipped,
                other => panic!("{id}: {other}"),
            };
            self.d.until_state(run, id, want).await;
        }
        statuses
    }

    fn dbt(&self, args: &[&str]) -> Child {
        Command::new(variable("DAGTOP_TEST_DBT"))
            .args(args)
            .current_dir(&self.dir)
            .env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.dir.join(path), text).unwrap();
    }
}

/// Makes `slow_rollup` take minutes.
fn slow(dir: &Path) {
    let path = dir.join("dbt_project.yml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("slow: 500"));
    std::fs::write(path, text.replace("slow: 500", "slow: 90000")).unwrap();
}

fn names(statuses: &BTreeMap<String, String>) -> Vec<String> {
    let mut names: Vec<String> = statuses
        .keys()
        .filter(|id| !id.starts_with("operation.") && !id.starts_with("exposure."))
        .map(|id| id.split('.').nth(2).unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dbt: tests/run"]
async fn a_build_a_retry_and_a_restart() {
    let mut lab = Lab::new(|_| {});
    // everything, never parsed before: dbt lists it
    let (run, hits) = lab.trigger(&[]).await;
    let statuses = lab.ended_as_dbt_says(&run).await;
    assert_eq!(hits, names(&statuses), "the plan was what dbt ran");
    let margin = "model.shop.margin";
    assert_eq!(statuses[margin], "error");
    assert_eq!(lab.d.world.run(&run).unwrap().health, Health::Failed);
    // the explanation, the code and the failing rows
    let log = String::from_utf8(lab.d.log(&run, margin, 1).await).unwrap();
    assert!(
        log.contains("cost_price\" not found") && log.contains("    select order_id"),
        "{log}"
    );
    let unique = statuses
        .keys()
        .find(|k| k.contains("unique_stg_payments"))
        .unwrap();
    let node = lab.d.node(&run, unique).unwrap();
    assert!(
        node.metrics
            .iter()
            .any(|(k, v)| k.as_str() == "failing rows" && *v == 2.0)
    );
    // data quality: what failed, how many rows; a warning is none of the failures
    lab.d
        .until("checks", |d| {
            d.world.backend(&backend()).unwrap().checks.len() == 3
        })
        .await;
    let checks = &lab.d.world.backend(&backend()).unwrap().checks;
    let list: Vec<_> = checks
        .iter()
        .map(|c| (c.on.as_str(), c.state, c.rows))
        .collect();
    assert_eq!(
        list[0],
        ("stg_payments.payment_id", NodeState::Failed, Some(2))
    );
    assert!(list.contains(&("stg_orders.customer_id", NodeState::Warned, Some(3))));

    // mended, and only what failed or was skipped runs again
    lab.write(
        "models/marts/margin.sql",
        "select order_id, amount * 0.2 as margin from {{ ref('stg_orders') }}\n",
    );
    let (again, hits) = lab
        .act(
            Action::Retry,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await;
    let statuses = lab.ended_as_dbt_says(&again).await;
    let retried: Vec<String> = hits
        .iter()
        .filter(|h| *h != "board_report")
        .cloned()
        .collect();
    assert_eq!(retried, names(&statuses));
    assert_eq!(statuses[margin], "success");
    assert!(!statuses.contains_key("model.shop.stg_orders"));

    // one node with what hangs below it
    let mut options = ActionOptions::default();
    options.scope.downstream = true;
    let (node, hits) = lab
        .act(Action::Retry, Target::Node(key(&run, margin)), options)
        .await;
    let statuses = lab.ended_as_dbt_says(&node).await;
    assert_eq!(hits, ["margin", "margin_by_country"]);
    assert_eq!(hits, names(&statuses));
    assert_eq!(
        lab.artifact("run_results.json")["args"]["select"],
        json!(["shop.marts.margin+"])
    );

    // the same again
    let (restart, hits) = lab
        .act(
            Action::Restart,
            Target::Run(node.clone()),
            ActionOptions::default(),
        )
        .await;
    let statuses = lab.ended_as_dbt_says(&restart).await;
    assert_eq!(hits, names(&statuses));
    assert_eq!(lab.d.world.run(&restart).unwrap().health, Health::Succeeded);
    // an older one can't be retried, and says so
    let target = Target::Run(run);
    let why = lab
        .d
        .plan(Action::Retry, target, ActionOptions::default())
        .await
        .unwrap_err();
    assert!(why.contains("only its last command"), "{why}");
    lab.d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dbt: tests/run"]
async fn a_cancel_interrupts_the_query_and_dbt_says_so() {
    let mut lab = Lab::new(slow);
    let (run, _) = lab.trigger(&[("command", json!("run"))]).await;
    lab.d
        .until_state(&run, "model.shop.slow_rollup", NodeState::Running)
        .await;
    // dbt misses an interrupt that comes just before its query begins; the second one ends it, without
    // a cancelled query. Its log says when it is about to begin
    let log = key(&run, "model.shop.slow_rollup").log(1);
    lab.d.focus(|f| f.logs = vec![log.clone()]);
    lab.d
        .until("its transaction", |d| {
            let text = d.logs.get(&log).map(|l| String::from_utf8_lossy(&l.bytes));
            text.is_some_and(|text| text.contains("On model.shop.slow_rollup: BEGIN"))
        })
        .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let asked = Instant::now();
    let what = lab
        .d
        .act(Action::Cancel, Target::Run(run.clone()))
        .await
        .unwrap();
    println!("cancelled after {:?}: {what}", asked.elapsed());
    assert!(
        what.contains("exit 2"),
        "dbt's code for an interruption: {what}"
    );
    assert_eq!(
        lab.d.world.run(&run).unwrap().run.state,
        RunState::Cancelled
    );
    let node = lab.d.node(&run, "model.shop.slow_rollup").unwrap();
    assert_eq!(node.state, NodeState::Cancelled);
    // dbt's own word: its query was cancelled, and it never succeeded
    let log = String::from_utf8(lab.d.log(&run, "model.shop.slow_rollup", 1).await).unwrap();
    assert!(log.contains("CANCEL query model.shop.slow_rollup"), "{log}");
    assert_ne!(
        lab.statuses()
            .get("model.shop.slow_rollup")
            .map(String::as_str),
        Some("success")
    );
    lab.d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dbt: tests/run"]
async fn runs_started_elsewhere_are_followed_in_both_formats_and_can_be_interrupted() {
    for format in ["text", "json"] {
        let mut lab = Lab::new(|_| {});
        let mut dbt = lab.dbt(&["build", "--log-format-file", format, "--profiles-dir", "."]);
        let project = lab.project();
        let going = |d: &LinkDriver| d.world.runs_of(&project).next().map(|r| r.run.key.clone());
        lab.d.until("the run", |d| going(d).is_some()).await;
        let run = going(&lab.d).unwrap();
        lab.d.focus(|f| f.runs = vec![run.clone()]);
        assert_eq!(dbt.wait().unwrap().code(), Some(1));
        lab.ended_as_dbt_says(&run).await;
        assert_eq!(lab.d.world.runs_of(&project).count(), 1, "seen twice");
        let log = String::from_utf8(lab.d.log(&run, "model.shop.margin", 1).await).unwrap();
        assert!(log.contains("cost_price\" not found"), "{format}: {log}");
        lab.d.quit().await;
    }
    let mut lab = Lab::new(slow);
    let mut dbt = lab.dbt(&["run", "--profiles-dir", "."]);
    let project = lab.project();
    lab.d
        .until("the slow model", |d| {
            d.world.runs_of(&project).any(|r| {
                r.nodes
                    .values()
                    .any(|n| n.name.as_str() == "slow_rollup" && n.state == NodeState::Running)
            })
        })
        .await;
    let run = lab
        .d
        .world
        .runs_of(&project)
        .next()
        .unwrap()
        .run
        .key
        .clone();
    // its process is found by the log it writes
    tokio::time::sleep(Duration::from_secs(1)).await;
    lab.d
        .act(Action::Cancel, Target::Run(run.clone()))
        .await
        .unwrap();
    assert!(!dbt.wait().unwrap().success());
    assert_eq!(lab.d.over(&run).await, RunState::Cancelled);
    lab.d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dbt: tests/run"]
async fn freshness_and_a_broken_profile() {
    let mut lab = Lab::new(|_| {});
    // the sources have to be there
    assert!(
        lab.dbt(&["seed", "--profiles-dir", "."])
            .wait()
            .unwrap()
            .success()
    );
    let (run, hits) = lab.trigger(&[("command", json!("freshness"))]).await;
    assert_eq!(hits, ["clicks", "raw_payments"]);
    lab.d.over(&run).await;
    let sources = lab.artifact("sources.json");
    for row in sources["results"].as_array().unwrap() {
        let want = match row["status"].as_str().unwrap() {
            "pass" => NodeState::Succeeded,
            "error" => NodeState::Failed,
            other => panic!("{other}"),
        };
        lab.d
            .until_state(&run, row["unique_id"].as_str().unwrap(), want)
            .await;
    }
    lab.d
        .until("freshness", |d| {
            d.world.backend(&backend()).unwrap().checks.len() == 2
        })
        .await;
    let stale = lab.d.world.backend(&backend()).unwrap().checks[0].clone();
    assert_eq!(
        (stale.on.as_str(), stale.state),
        ("seeded.raw_payments", NodeState::Failed)
    );

    lab.write(
        "profiles.yml",
        "shop:\n  target: dev\n  outputs:\n    dev:\n      type: nosuch\n",
    );
    let target = Target::Pipeline(lab.project());
    let options = ActionOptions {
        params: vec![("select", json!("stg_orders"))]
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v))
            .collect(),
        ..ActionOptions::default()
    };
    let why = lab
        .d
        .plan(Action::Trigger, target, options)
        .await
        .unwrap_err();
    assert!(why.contains("Could not find adapter type nosuch"), "{why}");
    lab.d.quit().await;
}
