//! What is missing, broken, cut, huge or moved.

use std::fs;

use dagtop::model::{
    Action, ActionOptions, Health, NodeId, NodeState, Reach, Support, Target, TargetKind,
};
use serde_json::{Value, json};

use super::project::{
    ORDERS, Project, STAGED, began, ends, manifest, model, nodes, results, starts,
};
use crate::link_driver::backend;

const A: &str = "aaaaaaaa-0000-0000-0000-000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn without_a_manifest_the_project_is_listed_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::bare(dir.path());
    let mut d = project.drive();
    d.listed().await;
    assert!(
        d.degraded().contains("no manifest.json yet"),
        "{}",
        d.degraded()
    );
    // results are shown all the same
    project.write_results(&results(
        A,
        "2026-03-01T10:00:00Z",
        &[(ORDERS, "error", None)],
    ));
    let run = d.newest(1).await;
    d.until_state(&run, ORDERS, NodeState::Failed).await;
    // it comes
    project.write_manifest(&manifest(nodes()));
    d.until("a good manifest", |d| {
        d.node(&run, ORDERS)
            .is_some_and(|n| n.kind.as_str() == "table model")
    })
    .await;
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_manifest_keeps_the_last_one_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    project.write_results(&results(
        A,
        "2026-03-01T10:00:00Z",
        &[(ORDERS, "success", None)],
    ));
    let mut d = project.drive();
    let run = d.newest(1).await;
    d.until_state(&run, ORDERS, NodeState::Succeeded).await;
    let whole = manifest(nodes()).to_string();
    project.write("target/manifest.json", &whole[..whole.len() / 2]);
    // it may be in the middle of being written, so this takes a while
    d.until("the trouble", |d| {
        let status = &d.world.backend(&backend()).unwrap().status;
        status
            .degraded
            .as_ref()
            .is_some_and(|t| t.contains("manifest.json"))
    })
    .await;
    assert_eq!(d.node(&run, ORDERS).unwrap().kind.as_str(), "table model");
    project.write("target/manifest.json", &whole);
    d.until("no trouble", |d| {
        let status = &d.world.backend(&backend()).unwrap().status;
        status
            .degraded
            .as_ref()
            .is_none_or(|t| !t.contains("manifest.json"))
    })
    .await;
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_versions_are_shown_as_far_as_they_are_understood() {
    for (version, told) in [
        ("v10", false),
        ("v11", false),
        ("v12", false),
        ("v20", true),
        ("v4", true),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let project = Project::bare(dir.path());
        let mut text = manifest(nodes());
        text["metadata"]["dbt_schema_version"] = json!(format!(
            "https://schemas.getdbt.com/dbt/manifest/{version}.json"
        ));
        // and with things nobody expected
        text["nodes"]["model.shop.odd"] = json!("a text");
        text["nodes"][ORDERS]["tags"] = json!({"not": "a list"});
        text["nodes"][ORDERS]["config"] = Value::Null;
        project.write_manifest(&text);
        project.write_results(&results(
            A,
            "2026-03-01T10:00:00Z",
            &[(STAGED, "success", None), (ORDERS, "what", None)],
        ));
        let mut d = project.drive();
        let run = d.newest(1).await;
        d.until_state(&run, STAGED, NodeState::Succeeded).await;
        assert_eq!(
            d.state_of(&run, ORDERS),
            Some(NodeState::Unknown),
            "a word nobody knows"
        );
        assert_eq!(
            d.degraded().contains("not known"),
            told,
            "{version}: {}",
            d.degraded()
        );
        assert_eq!(d.bad_records.len(), 1, "{:?}", d.bad_records);
        d.quit().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_may_be_missing_come_move_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    let away = dir.path().join("away");
    fs::rename(&project.dir, &away).unwrap();
    let mut d = project.drive();
    d.listed().await;
    let down = |d: &crate::link_driver::LinkDriver| matches!(&d.world.backend(&backend()).unwrap().status.reach, Reach::Down { reason, .. } if reason.contains("is not there"));
    d.until("the missing folder", down).await;
    let target = Target::Pipeline(d.project());
    let why = d
        .plan(Action::Trigger, target, ActionOptions::default())
        .await
        .unwrap_err();
    assert!(why.contains("is not there"), "{why}");
    fs::rename(&away, &project.dir).unwrap();
    d.until("the project", |d| d.world.backend(&backend()).unwrap().up())
        .await;
    project.append("logs/dbt.log", &(began(A, 4) + &starts(A, STAGED, 4)));
    let run = d.newest(1).await;
    d.until_state(&run, STAGED, NodeState::Running).await;
    // moved in the middle of a run, and back
    fs::rename(&project.dir, &away).unwrap();
    d.until("the missing folder", down).await;
    fs::rename(&away, &project.dir).unwrap();
    project.append("logs/dbt.log", &ends(A, STAGED, "success"));
    d.until_state(&run, STAGED, NodeState::Succeeded).await;
    assert_eq!(d.world.runs_of(&d.project()).count(), 1);
    // a folder that is no project
    fs::remove_file(project.dir.join("dbt_project.yml")).unwrap();
    d.until("no project", |d| {
        matches!(&d.world.backend(&backend()).unwrap().status.reach, Reach::Down { reason, .. } if reason.contains("dbt_project.yml"))
    })
    .await;
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_dbt_a_project_is_watched_and_every_start_says_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    let mut d = project.drive();
    d.listed().await;
    assert!(d.degraded().contains("not installed"), "{}", d.degraded());
    let capabilities = &d.world.backend(&backend()).unwrap().capabilities;
    for (action, target) in [
        (Action::Trigger, TargetKind::Pipeline),
        (Action::Retry, TargetKind::Run),
        (Action::Restart, TargetKind::Run),
    ] {
        assert!(
            matches!(capabilities.support(action, target), Support::No { why, .. } if why.contains("not installed")),
            "{action:?}"
        );
    }
    let target = Target::Pipeline(d.project());
    let why = d
        .plan(Action::Trigger, target, ActionOptions::default())
        .await
        .unwrap_err();
    assert!(why.contains("not installed"), "{why}");
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_nodes_are_told_once_and_then_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::bare(dir.path());
    let mut all = serde_json::Map::new();
    let id = |i: usize| format!("model.shop.m{i:04}");
    for i in 0..5000 {
        let above = if i < 50 { Vec::new() } else { vec![id(i - 50)] };
        let above: Vec<&str> = above.iter().map(String::as_str).collect();
        let mut node = model(&format!("m{i:04}"), "all", &above);
        node["compiled_code"] = json!("select 1 as x\n".repeat(200));
        all.insert(id(i), node);
    }
    project.write_manifest(&manifest(Value::Object(all)));
    let mut d = project.drive();
    d.listed().await;
    project.append("logs/dbt.log", &began(A, 5000));
    let run = d.newest(1).await;
    d.until("all of them", |d| {
        d.world.run(&run).is_some_and(|r| r.nodes.len() == 5000)
    })
    .await;
    // once because it is the newest, once because it is looked at
    d.until("the shape", |d| d.told["topology"] == 2).await;
    let mut text = String::new();
    for i in 0..2000 {
        text += &starts(A, &id(i), 5000);
        text += &ends(A, &id(i), if i == 1999 { "error" } else { "success" });
    }
    project.append("logs/dbt.log", &text);
    d.until_state(&run, &id(1999), NodeState::Failed).await;
    assert_eq!(d.told["topology"], 2, "the shape was told again");
    assert_eq!(d.world.run(&run).unwrap().health, Health::Failing);
    let counts = d.world.run(&run).unwrap().counts().unwrap();
    assert_eq!(
        (counts.total(), counts.of(NodeState::Succeeded)),
        (5000, 1999)
    );
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_in_the_log_hides_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    let mut d = project.drive();
    d.listed().await;
    let long = format!("{{\"info\": {}}}\n", "x".repeat(2 << 20));
    let junk = format!("{{}}\n{{\"info\": 3}}\n\u{1b}[31mwhat\n\u{0}\u{0}\n{long}[]\n");
    project.append(
        "logs/dbt.log",
        &(began(A, 4) + &junk + &starts(A, STAGED, 4) + &junk),
    );
    project.append("logs/dbt.log", &ends(A, STAGED, "success"));
    let run = d.newest(1).await;
    d.until_state(&run, STAGED, NodeState::Succeeded).await;
    // hostile names are shown as text
    let evil = "model.shop.\u{1b}[2J\u{202e}";
    project.append("logs/dbt.log", &starts(A, evil, 4));
    d.until("the odd node", |d| {
        d.world
            .run(&run)
            .is_some_and(|r| r.nodes.contains_key(&NodeId::new(evil)))
    })
    .await;
    let name = d.node(&run, evil).unwrap().name;
    assert!(
        !name.chars().any(|c| c == '\u{1b}' || c == '\u{202e}'),
        "{name:?}"
    );
    d.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ahead_is_told_and_nothing_lasts_negative_time() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    let mut d = project.drive();
    d.listed().await;
    let at = |text: &str| {
        let ahead = chrono::Utc::now() + chrono::TimeDelta::hours(2);
        let ahead = ahead.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let mut line: Value = serde_json::from_str(text.trim()).unwrap();
        line["info"]["ts"] = json!(ahead);
        line.to_string() + "\n"
    };
    let text: String = (began(A, 4) + &starts(A, STAGED, 4))
        .lines()
        .map(at)
        .collect();
    project.append("logs/dbt.log", &text);
    let run = d.newest(1).await;
    d.until_state(&run, STAGED, NodeState::Running).await;
    d.until("the skew", |d| {
        d.world
            .backend(&backend())
            .unwrap()
            .status
            .clock_skew_ms
            .is_some_and(|ms| ms > 7_000_000)
    })
    .await;
    let view = d.world.run(&run).unwrap();
    assert_eq!(
        view.run.elapsed(chrono::Utc::now()).unwrap(),
        chrono::TimeDelta::zero()
    );
    d.quit().await;
}
