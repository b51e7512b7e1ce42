//! Runs that dagtop starts, with a shell script in dbt's place: what it is told, what becomes of what
//! it says, how it is ended.

use std::fs;
use std::path::PathBuf;

use dagtop::model::{Action, ActionOptions, Health, NodeState, RunKey, RunState, Target};
use serde_json::{Value, json};

use super::project::{
    Driver, ORDERS, Project, STAGED, UNIQUE, began, completed, ends, line, results, starts,
};
use crate::link_driver::key;

const A: &str = "aaaaaaaa-0000-0000-0000-000000000000";

/// Writes down what it is told; lists what `ls` is asked for, else says what lies in `said`.
const DBT: &str = r#"
echo "$@" >> told
case " $* " in
  *" ls "*) cat listed; exit 0 ;;
esac
cat said
test -f results && cp results target/run_results.json
exit "$(cat exit 2>/dev/null || echo 0)"
"#;

/// Begins, and ends only when it is interrupted, as dbt does then.
const LASTING: &str = r#"
trap 'cat interrupted; exit 2' INT
cat said
while :; do sleep 0.05; done
"#;

struct Stage {
    project: Project,
    _dir: tempfile::TempDir,
}

impl Stage {
    fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let project = Project::new(dir.path());
        project.install(script);
        Self { project, _dir: dir }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.project.dir.join(name)
    }

    fn told(&self) -> Vec<String> {
        let text = fs::read_to_string(self.file("told")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn lists(&self, ids: &[&str]) {
        let lines: String = ids
            .iter()
            .map(|id| {
                let text = json!({"unique_id": id}).to_string();
                line(A, "ListCmdOut", &text, json!({"msg": text}))
            })
            .collect();
        self.project.write("listed", &lines);
    }
}

fn with(params: &[(&str, Value)]) -> ActionOptions {
    ActionOptions {
        params: params
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect(),
        ..ActionOptions::default()
    }
}

async fn trigger(d: &mut Driver, options: ActionOptions) -> Result<RunKey, String> {
    d.listed().await;
    let target = Target::Pipeline(d.project());
    let plan = d.plan(Action::Trigger, target, options).await?;
    let before = d.world.runs_of(&d.project()).count();
    d.execute(plan).await?;
    Ok(d.newest(before + 1).await)
}

fn good_build() -> String {
    began(A, 4)
        + &starts(A, STAGED, 4)
        + &ends(A, STAGED, "success")
        + &starts(A, ORDERS, 4)
        + &ends(A, ORDERS, "success")
        + &completed(A, true)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_is_planned_from_the_manifest_and_runs() {
    let stage = Stage::new(DBT);
    stage.project.write("said", &good_build());
    let mut d = stage.project.drive();
    d.listed().await;
    let target = Target::Pipeline(d.project());
    let plan = d
        .plan(Action::Trigger, target, ActionOptions::default())
        .await
        .unwrap();
    let names: Vec<&str> = plan.hits.iter().map(|h| h.name.as_str()).collect();
    assert_eq!(
        names,
        ["orders", "report", "stg_orders", "unique_orders_id"]
    );
    assert!(plan.summary.contains("its manifest"), "{}", plan.summary);
    let what = d.execute(plan).await.unwrap();
    assert!(what.contains(A), "confirmed by dbt's own id: {what}");
    let run = d.newest(1).await;
    assert_eq!(d.over(&run).await, RunState::Succeeded);
    assert_eq!(d.state_of(&run, ORDERS), Some(NodeState::Succeeded));
    // dbt did not come to these
    assert_eq!(d.state_of(&run, UNIQUE), Some(NodeState::Skipped));
    assert_eq!(stage.told(), ["--log-format json --log-level debug build"]);
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selection_is_listed_by_dbt_itself() {
    let stage = Stage::new(DBT);
    stage.project.write("said", &good_build());
    // a source is in the list, and not run by a build
    stage.lists(&[ORDERS, STAGED, super::project::SOURCE]);
    let mut d = stage.project.drive();
    d.listed().await;
    let target = Target::Pipeline(d.project());
    let options = with(&[("select", json!("+orders")), ("full_refresh", json!(true))]);
    let plan = d.plan(Action::Trigger, target, options).await.unwrap();
    let names: Vec<&str> = plan.hits.iter().map(|h| h.name.as_str()).collect();
    assert_eq!(names, ["orders", "stg_orders"]);
    assert!(plan.summary.contains("as dbt lists"), "{}", plan.summary);
    assert!(plan.warnings.iter().any(|w| w.contains("full refresh")));
    assert_eq!(
        stage.told().len(),
        1,
        "a plan runs nothing: {:?}",
        stage.told()
    );
    d.execute(plan).await.unwrap();
    assert_eq!(
        stage.told()[1],
        "--log-format json --log-level debug build --select +orders --full-refresh"
    );
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_before_dbt_is_asked() {
    let stage = Stage::new(DBT);
    let mut d = stage.project.drive();
    d.listed().await;
    let target = Target::Pipeline(d.project());
    for (params, want) in [
        (vec![("select", json!("--vars x"))], "is an option"),
        (vec![("command", json!("rm"))], "must be one of"),
        (vec![("selct", json!("x"))], "no parameter"),
        (
            vec![("command", json!("test")), ("full_refresh", json!(true))],
            "no full refresh",
        ),
    ] {
        let why = d
            .plan(Action::Trigger, target.clone(), with(&params))
            .await
            .unwrap_err();
        assert!(why.contains(want), "{why}");
    }
    assert!(stage.told().is_empty());
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_interrupts_and_dbts_error_then_means_cancelled() {
    let stage = Stage::new(LASTING);
    let said =
        began(A, 4) + &starts(A, STAGED, 4) + &ends(A, STAGED, "success") + &starts(A, ORDERS, 4);
    stage.project.write("said", &said);
    let cancel = line(
        A,
        "LogCancelLine",
        "CANCEL query",
        json!({"conn_name": ORDERS}),
    ) + &ends(A, ORDERS, "error")
        + &line(
            A,
            "EndOfRunSummary",
            "Exited because of keyboard interrupt",
            json!({"keyboard_interrupt": true}),
        )
        + &line(
            A,
            "MainEncounteredError",
            "Encountered an error:",
            json!({"exc": ""}),
        );
    stage.project.write("interrupted", &cancel);
    let mut d = stage.project.drive();
    let run = trigger(&mut d, ActionOptions::default()).await.unwrap();
    d.until_state(&run, ORDERS, NodeState::Running).await;
    let plan = d
        .plan(
            Action::Cancel,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    let hits: Vec<(&str, &str)> = plan
        .hits
        .iter()
        .map(|h| (h.name.as_str(), h.then.as_str()))
        .collect();
    assert_eq!(
        hits,
        [
            ("orders", "cancelled"),
            ("report", "not run"),
            ("unique_orders_id", "not run")
        ]
    );
    let what = d.execute(plan).await.unwrap();
    assert!(what.contains("exit 2"), "{what}");
    let view = d.world.run(&run).unwrap();
    assert_eq!(
        (view.run.state, view.health),
        (RunState::Cancelled, Health::Cancelled)
    );
    assert_eq!(d.state_of(&run, ORDERS), Some(NodeState::Cancelled));
    assert_eq!(d.state_of(&run, STAGED), Some(NodeState::Succeeded));
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dbt_that_does_not_listen_is_ended_in_the_end() {
    let stage = Stage::new("trap '' INT TERM\ncat said\nwhile :; do sleep 0.05; done\n");
    stage
        .project
        .write("said", &(began(A, 4) + &starts(A, ORDERS, 4)));
    let mut d = stage.project.drive();
    let run = trigger(&mut d, ActionOptions::default()).await.unwrap();
    d.act(Action::Cancel, Target::Run(run.clone()))
        .await
        .unwrap();
    let native = d.world.run(&run).unwrap().run.native.clone();
    assert_eq!(native.as_str(), "interrupted, killed by signal 9");
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quitting_dagtop_interrupts_dbt() {
    let stage = Stage::new(
        "trap 'echo yes > was_interrupted; exit 2' INT\ncat said\nwhile :; do sleep 0.05; done\n",
    );
    stage
        .project
        .write("said", &(began(A, 4) + &starts(A, ORDERS, 4)));
    let mut d = stage.project.drive();
    trigger(&mut d, ActionOptions::default()).await.unwrap();
    d.quit().await;
    assert!(stage.file("was_interrupted").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_hits_what_dbt_would_run_again() {
    let stage = Stage::new(DBT);
    let said =
        began(A, 4) + &starts(A, ORDERS, 4) + &ends(A, ORDERS, "error") + &completed(A, false);
    stage.project.write("said", &said);
    stage.project.write("exit", "1");
    let rows = [
        (STAGED, "success", None),
        (ORDERS, "error", None),
        ("model.shop.report", "skipped", None),
    ];
    stage.project.write(
        "results",
        &results(A, "2026-03-01T10:00:00Z", &rows).to_string(),
    );
    let mut d = stage.project.drive();
    let run = trigger(&mut d, ActionOptions::default()).await.unwrap();
    assert_eq!(d.over(&run).await, RunState::Failed);
    // the results are read after the end
    d.until_state(&run, "model.shop.report", NodeState::Blocked)
        .await;
    let plan = d
        .plan(
            Action::Retry,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    let names: Vec<&str> = plan.hits.iter().map(|h| h.name.as_str()).collect();
    assert_eq!(names, ["orders", "report"]);
    d.execute(plan).await.unwrap();
    assert_eq!(
        stage.told().last().unwrap(),
        "--log-format json --log-level debug retry"
    );
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_run_again_by_its_path_with_what_hangs_below() {
    let stage = Stage::new(DBT);
    stage.project.write("said", &good_build());
    stage.lists(&[ORDERS, "model.shop.report"]);
    let mut d = stage.project.drive();
    let run = trigger(&mut d, ActionOptions::default()).await.unwrap();
    d.over(&run).await;
    let mut options = ActionOptions::default();
    options.scope.downstream = true;
    let target = Target::Node(key(&run, ORDERS));
    let plan = d.plan(Action::Retry, target, options).await.unwrap();
    assert_eq!(plan.hits.len(), 2);
    d.execute(plan).await.unwrap();
    let told = stage.told();
    assert!(
        told[1].contains(" ls ") && told[1].ends_with("--select shop.marts.orders+"),
        "{told:?}"
    );
    assert!(
        told[2].ends_with("build --select shop.marts.orders+"),
        "{told:?}"
    );
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_dbt_could_not_run_is_the_answer() {
    let stage = Stage::new(
        "echo 'Error: Invalid value for --profiles-dir: Path /x does not exist.' >&2; exit 2\n",
    );
    let mut d = stage.project.drive();
    let why = trigger(&mut d, ActionOptions::default()).await.unwrap_err();
    assert!(why.contains("--profiles-dir"), "{why}");
    // and it is shown where the run is: a node that failed, with the reason as its log
    let run = d.newest(1).await;
    d.until_state(&run, "dbt", NodeState::Failed).await;
    assert_eq!(d.world.run(&run).unwrap().health, Health::Failed);
    let log = String::from_utf8(d.log(&run, "dbt", 1).await).unwrap();
    assert!(log.contains("--profiles-dir"), "{log}");
    // asked for a selection, dbt says so before anything is started
    let target = Target::Pipeline(d.project());
    let plan = d
        .plan(Action::Trigger, target, with(&[("select", json!("x"))]))
        .await;
    assert!(plan.unwrap_err().contains("--profiles-dir"));
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_dagtop_left_behind_can_be_stopped() {
    let stage = Stage::new(LASTING);
    stage
        .project
        .write("said", &(began(A, 4) + &starts(A, ORDERS, 4)));
    stage.project.write("interrupted", "");
    let mut d = stage.project.drive();
    let run = trigger(&mut d, ActionOptions::default()).await.unwrap();
    d.until_state(&run, ORDERS, NodeState::Running).await;
    // written down while it runs; then dagtop is gone, and its dbt is not
    let mark = stage.project.state.join(run.run.raw());
    let record = fs::read_to_string(mark.join("run.json")).unwrap();
    d.quit().await;
    fs::write(mark.join("run.json"), record).unwrap();
    let script = "trap 'exit 0' INT; while :; do sleep 0.05; done";
    let mut orphan = std::process::Command::new("sh")
        .args(["-c", script])
        .env("DAGTOP_DBT_RUN_DIR", fs::canonicalize(&mark).unwrap())
        .spawn()
        .unwrap();
    let mut d = stage.project.drive();
    d.newest(1).await;
    d.until("a lost run", |d| {
        d.world
            .run(&run)
            .is_some_and(|r| r.run.state == RunState::Lost)
    })
    .await;
    let plan = d
        .plan(
            Action::Cancel,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    assert_eq!(
        plan.hits[0].name.as_str(),
        format!("process {}", orphan.id())
    );
    let end = std::thread::spawn(move || orphan.wait().unwrap());
    d.execute(plan).await.unwrap();
    assert!(end.join().unwrap().success(), "it was not interrupted");
    assert_eq!(d.world.run(&run).unwrap().run.state, RunState::Cancelled);
    d.quit().await;
}
