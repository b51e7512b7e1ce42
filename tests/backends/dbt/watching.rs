//! What others do in the project: artifacts and logs.

use dagtop::model::{Health, NodeId, NodeState, RunState};
use serde_json::json;

use super::project::{
    ORDERS, Project, SOURCE, STAGED, UNIQUE, began, completed, ends, line, node_info, results,
    starts,
};

const A: &str = "aaaaaaaa-0000-0000-0000-000000000000";
const B: &str = "bbbbbbbb-0000-0000-0000-000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn results_become_a_run_with_folders_and_sources() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    let rows = [
        (STAGED, "success", None),
        (ORDERS, "success", None),
        (UNIQUE, "fail", Some(3)),
        ("model.shop.report", "skipped", None),
    ];
    project.write_results(&results(A, "2026-03-01T10:00:00Z", &rows));
    let mut d = project.drive();
    let run = d.newest(1).await;
    assert_eq!(run.run.raw(), "2026-03-01T10:00:00Z");
    d.until("its nodes", |d| {
        d.world.run(&run).is_some_and(|r| r.complete)
    })
    .await;
    let view = d.world.run(&run).unwrap();
    assert_eq!(
        (view.run.state, view.health),
        (RunState::Failed, Health::Failed)
    );
    let state = |id: &str| view.nodes.get(&NodeId::new(id)).unwrap().state;
    assert_eq!(state(UNIQUE), NodeState::Failed);
    assert_eq!(state("model.shop.report"), NodeState::Blocked);
    // the source is there, and nobody has measured it
    assert_eq!(state(SOURCE), NodeState::Skipped);
    let topology = view.topology.as_ref().unwrap();
    let groups: Vec<&str> = topology.groups.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(groups, ["marts", "staging", "landing"]);
    let edge = (NodeId::new(SOURCE), NodeId::new(STAGED));
    assert!(topology.edges.contains(&edge));
    let log = d.log(&run, UNIQUE, 1).await;
    let log = String::from_utf8(log).unwrap();
    assert!(log.contains("Got 3 results"), "{log}");
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_is_no_failure_and_quality_remembers_since_when() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    let write = |invocation, at, status, failures| {
        let rows = [(ORDERS, "success", None), (UNIQUE, status, failures)];
        project.write_results(&results(invocation, at, &rows));
    };
    write(A, "2026-03-01T10:00:00Z", "warn", Some(2));
    let mut d = project.drive();
    let run = d.newest(1).await;
    d.until("a warning", |d| {
        d.world
            .run(&run)
            .is_some_and(|r| r.health == Health::Warned)
    })
    .await;
    assert_eq!(d.world.run(&run).unwrap().run.state, RunState::Succeeded);
    d.until("a check", |d| {
        !d.world.backends().next().unwrap().checks.is_empty()
    })
    .await;
    let checks = d.checks();
    assert_eq!(checks.len(), 1);
    assert_eq!(checks[0].state, NodeState::Warned);
    assert_eq!(checks[0].on.as_str(), "orders.id");
    assert_eq!(checks[0].kind.as_str(), "unique");
    // worse the next day, bad since the day before
    write(B, "2026-03-02T10:00:00Z", "fail", Some(5));
    d.newest(2).await;
    d.until("the new count", |d| {
        d.world
            .backends()
            .next()
            .unwrap()
            .checks
            .iter()
            .any(|c| c.rows == Some(5))
    })
    .await;
    let check = d.checks().remove(0);
    assert_eq!(check.state, NodeState::Failed);
    assert_eq!(check.since.to_rfc3339(), "2026-03-01T10:00:00+00:00");
    // dagtop is started anew, and still knows
    d.quit().await;
    let mut d = project.drive();
    d.newest(2).await;
    d.until("the checks", |d| {
        !d.world.backends().next().unwrap().checks.is_empty()
    })
    .await;
    assert_eq!(
        d.checks()[0].since.to_rfc3339(),
        "2026-03-01T10:00:00+00:00"
    );
    // good again: nothing to list
    write(
        "cccccccc-0000-0000-0000-000000000000",
        "2026-03-03T10:00:00Z",
        "pass",
        Some(0),
    );
    d.newest(3).await;
    d.until("no bad check", |d| {
        d.world.backends().next().unwrap().checks.is_empty()
    })
    .await;
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn freshness_is_a_run_of_sources_and_a_check() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    let sources = json!({
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json", "dbt_version": "1.11.16",
            "invocation_id": A, "generated_at": "2026-03-01T10:00:00Z", "invocation_started_at": "2026-03-01T09:59:58Z"},
        "results": [{"unique_id": SOURCE, "status": "error", "max_loaded_at": "2026-02-01T00:00:00+00:00",
            "snapshotted_at": "2026-03-01T10:00:00+00:00",
            "criteria": {"warn_after": {"count": 6, "period": "hour"}, "error_after": {"count": 1, "period": "day"}},
            "timing": [{"name": "execute", "started_at": "2026-03-01T09:59:59Z", "completed_at": "2026-03-01T10:00:00Z"}]}],
        "elapsed_time": 0.2,
    });
    project.write("target/sources.json", &sources.to_string());
    let mut d = project.drive();
    let run = d.newest(1).await;
    d.until("a stale source", |d| {
        d.node(&run, SOURCE)
            .is_some_and(|n| n.state == NodeState::Failed)
    })
    .await;
    d.until("a check", |d| {
        !d.world.backends().next().unwrap().checks.is_empty()
    })
    .await;
    let check = d.checks().remove(0);
    assert_eq!(
        (check.on.as_str(), check.kind.as_str()),
        ("landing.clicks", "freshness")
    );
    assert!(check.note.contains("28 days"), "{}", check.note);
    assert!(check.note.contains("fails after 1 day"), "{}", check.note);
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_started_elsewhere_is_followed_through_its_json_log() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    let mut d = project.drive();
    d.listed().await;
    project.append("logs/dbt.log", &began(A, 4));
    let run = d.newest(1).await;
    // everything of a build is known before it starts
    d.until("four pending nodes", |d| {
        d.world.run(&run).is_some_and(|r| {
            r.nodes
                .values()
                .filter(|n| n.state == NodeState::Pending)
                .count()
                == 4
        })
    })
    .await;
    project.append("logs/dbt.log", &starts(A, STAGED, 4));
    d.until_state(&run, STAGED, NodeState::Running).await;
    project.append("logs/dbt.log", &ends(A, STAGED, "success"));
    d.until_state(&run, STAGED, NodeState::Succeeded).await;
    project.append(
        "logs/dbt.log",
        &(starts(A, ORDERS, 4) + &ends(A, ORDERS, "error")),
    );
    d.until_state(&run, ORDERS, NodeState::Failed).await;
    assert_eq!(d.world.run(&run).unwrap().health, Health::Failing);
    let why = "Runtime Error in model orders\n  no such column";
    let error = line(
        A,
        "RunResultError",
        why,
        json!({"msg": why, "node_info": node_info(ORDERS, "None")}),
    );
    project.write("target/compiled/orders.sql", "select missing");
    let compiled = line(
        A,
        "SQLCompiledPath",
        "compiled code at target/compiled/orders.sql",
        json!({"path": "target/compiled/orders.sql", "node_info": node_info(ORDERS, "None")}),
    );
    project.append("logs/dbt.log", &(error + &compiled + &completed(A, false)));
    assert_eq!(d.over(&run).await, RunState::Failed);
    let log = String::from_utf8(d.log(&run, ORDERS, 1).await).unwrap();
    assert!(
        log.contains("no such column") && log.contains("    select missing"),
        "{log}"
    );
    assert!(
        !log.contains(STAGED),
        "another node's lines are in it: {log}"
    );
    d.quit().await;
}

/// dbt writes its results before its log says how it ended.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_is_no_failure_though_the_results_come_first() {
    for interrupted in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let project = Project::new(dir.path());
        let mut d = project.drive();
        d.listed().await;
        project.append("logs/dbt.log", &(began(A, 4) + &starts(A, ORDERS, 4)));
        let run = d.newest(1).await;
        d.until_state(&run, ORDERS, NodeState::Running).await;
        let rows = [(STAGED, "success", None), (ORDERS, "error", None)];
        project.write_results(&results(A, "2026-03-01T10:00:00Z", &rows));
        d.until_state(&run, ORDERS, NodeState::Failed).await;
        assert_eq!(d.world.run(&run).unwrap().run.state, RunState::Running);
        if interrupted {
            let trace =
                "Traceback (most recent call last):\n  waiter.acquire()\nKeyboardInterrupt\n";
            let error = line(A, "MainEncounteredError", "", json!({"exc": ""}));
            let trace = line(A, "MainStackTrace", trace, json!({"stack_trace": trace}));
            project.append("logs/dbt.log", &(error + &trace + &completed(A, false)));
            assert_eq!(d.over(&run).await, RunState::Cancelled);
        } else {
            // the log says nothing more: the results do
            assert_eq!(d.over(&run).await, RunState::Failed);
        }
        d.quit().await;
    }
}

/// As `logs/dbt.log` is when nobody asked for JSON.
const TEXT: &str = "

============================== 10:00:00.000001 | aaaaaaaa-0000-0000-0000-000000000000 ==============================
\u{1b}[0m10:00:00.000001 [info ] [MainThread]: Running with dbt=1.11.16
\u{1b}[0m10:00:00.100000 [debug] [MainThread]: running dbt with arguments {'quiet': 'False', 'invocation_command': 'dbt build', 'empty': 'None'}
\u{1b}[0m10:00:02.000000 [info ] [MainThread]: Concurrency: 2 threads (target='dev')
\u{1b}[0m10:00:02.100000 [debug] [Thread-1 (]: Began running node model.shop.stg_orders
\u{1b}[0m10:00:02.100001 [info ] [Thread-1 (]: 1 of 4 START sql table model main.stg_orders ................... [RUN]
\u{1b}[0m10:00:02.150000 [debug] [Thread-1 (]: On model.shop.stg_orders: create table x as (
  select 1
)
\u{1b}[0m10:00:02.500000 [info ] [Thread-1 (]: 1 of 4 OK created sql table model main.stg_orders .............. [\u{1b}[32mOK\u{1b}[0m in 0.40s]
\u{1b}[0m10:00:02.500001 [debug] [Thread-1 (]: Finished running node model.shop.stg_orders
\u{1b}[0m10:00:02.600000 [debug] [Thread-1 (]: Began running node model.shop.orders
\u{1b}[0m10:00:02.600001 [info ] [Thread-1 (]: 2 of 4 START sql table model main.orders ....................... [RUN]
";

const TEXT_END: &str = "\u{1b}[0m10:00:03.000000 [error] [Thread-1 (]: 2 of 4 ERROR creating sql table model main.orders ........ [\u{1b}[31mERROR\u{1b}[0m in 0.40s]
\u{1b}[0m10:00:03.000001 [debug] [Thread-1 (]: Finished running node model.shop.orders
\u{1b}[0m10:00:03.100000 [error] [MainThread]: \u{1b}[31mFailure in model orders (models/marts/orders.sql)\u{1b}[0m
\u{1b}[0m10:00:03.100001 [error] [MainThread]:   Runtime Error in model orders (models/marts/orders.sql)
  Binder Error: no column \"missing\"
\u{1b}[0m10:00:03.200000 [info ] [MainThread]: Done. PASS=1 WARN=0 ERROR=1 SKIP=2 NO-OP=0 TOTAL=4
\u{1b}[0m10:00:03.300000 [debug] [MainThread]: Command `dbt build` failed at 10:00:03.300000 after 3.30 seconds
";

#[tokio::test(flavor = "multi_thread")]
async fn a_text_log_is_understood_too_and_survives_its_rotation() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    let mut d = project.drive();
    d.listed().await;
    project.append("logs/dbt.log", TEXT);
    let run = d.newest(1).await;
    d.until_state(&run, STAGED, NodeState::Succeeded).await;
    d.until_state(&run, ORDERS, NodeState::Running).await;
    // dbt renames its full log and goes on in a new one
    let log = project.dir.join("logs/dbt.log");
    std::fs::rename(&log, project.dir.join("logs/dbt.log.1")).unwrap();
    project.append("logs/dbt.log", TEXT_END);
    assert_eq!(d.over(&run).await, RunState::Failed);
    assert_eq!(d.state_of(&run, ORDERS), Some(NodeState::Failed));
    let note = d.node(&run, ORDERS).unwrap().note.unwrap();
    assert!(note.contains("no column \"missing\""), "{note}");
    let log = String::from_utf8(d.log(&run, STAGED, 1).await).unwrap();
    assert!(
        log.contains("create table x") && log.contains("  select 1"),
        "{log}"
    );
    assert!(!log.contains("missing"), "{log}");
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_that_is_there_at_the_start_shows_only_the_run_that_has_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    let filler = "\u{1b}[0m10:00:02.550000 [debug] [Thread-1 (]: SQL status: OK in 0.001 seconds\n"
        .repeat(25_000);
    for id in ["aaaaaaaa", "bbbbbbbb", "cccccccc"] {
        let began = TEXT.replace("aaaaaaaa", id);
        project.append("logs/dbt.log", &(began + &filler + TEXT_END));
    }
    let mut d = project.drive();
    d.listed().await;
    let run = d.newest(1).await;
    d.until_state(&run, ORDERS, NodeState::Failed).await;
    assert_eq!(d.world.runs_of(&d.project()).count(), 1);
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_in_a_json_log_are_kept_apart() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    let mut d = project.drive();
    d.listed().await;
    project.append("logs/dbt.log", &began(A, 4));
    let first = d.newest(1).await;
    project.append(
        "logs/dbt.log",
        &(began(B, 4) + &starts(A, STAGED, 4) + &starts(B, STAGED, 4) + &ends(B, STAGED, "error")),
    );
    d.until("the second run", |d| {
        d.world.runs_of(&first.pipeline).count() == 2
    })
    .await;
    let second = d
        .world
        .runs_of(&first.pipeline)
        .map(|r| r.run.key.clone())
        .find(|k| *k != first)
        .unwrap();
    d.focus(|f| f.runs = vec![first.clone(), second.clone()]);
    d.until_state(&second, STAGED, NodeState::Failed).await;
    d.until_state(&first, STAGED, NodeState::Running).await;
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_run_nothing_are_no_runs() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    let mut d = project.drive();
    d.listed().await;
    let ls = line(
        A,
        "MainReportVersion",
        "Running with dbt=1.11.16",
        json!({"version": "=1.11.16"}),
    ) + &line(
        A,
        "MainReportArgs",
        "",
        json!({"args": {"invocation_command": "dbt ls --select x"}}),
    ) + &completed(A, true);
    project.append("logs/dbt.log", &(ls + &began(B, 4)));
    d.newest(1).await;
    assert_eq!(d.world.runs_of(&d.project()).count(), 1);
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_is_lost_and_its_results_are_partial() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    // nobody has this log open
    let mut text =
        began(A, 4) + &starts(A, STAGED, 4) + &ends(A, STAGED, "success") + &starts(A, ORDERS, 4);
    // cut in the middle of a line, as a kill does
    text.push_str("{\"info\": {\"name\": \"LogMod");
    project.append("logs/dbt.log", &text);
    let mut d = project.drive();
    let run = d.newest(1).await;
    assert_eq!(d.over(&run).await, RunState::Lost);
    assert_eq!(d.state_of(&run, STAGED), Some(NodeState::Succeeded));
    assert_eq!(d.state_of(&run, ORDERS), Some(NodeState::Unknown));
    d.quit().await;
}
