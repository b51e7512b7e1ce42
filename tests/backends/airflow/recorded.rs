//! The answers of real servers, recorded by the live tests (`DAGTOP_RECORD=1 tests/run --live`), served
//! again: both APIs from the connection to runs, logs, details and plans, without an Airflow.

use std::time::Duration;

use super::*;
use dagtop::model::*;
use serde_json::{Value, json};
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

const SOON: Duration = Duration::from_secs(30);

fn fixture(api: &str, name: &str) -> String {
    let path = format!(
        "{}/tests/fixtures/airflow/{api}/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn recorded(api: &str, name: &str) -> Value {
    serde_json::from_str(&fixture(api, name)).unwrap()
}

/// Serves the fixtures of one API at their paths; lists of changes are empty.
async fn server(api: &str, run: &RunKey, log: &str, ui: bool) -> MockServer {
    let server = MockServer::start().await;
    let (dag, run) = (run.pipeline.pipeline.raw(), run.run.raw());
    let prefix = format!("^/api/{api}");
    let at = |rest: &str| format!("{prefix}{rest}$");
    let mut answers = vec![
        ("GET", at("/version"), fixture(api, "version")),
        ("GET", at("(/monitor)?/health"), fixture(api, "health")),
        ("GET", at("/pools"), fixture(api, "pools")),
        ("GET", at("/importErrors"), fixture(api, "import_errors")),
        ("GET", at("/dagWarnings"), fixture(api, "dag_warnings")),
        ("GET", at("/dags"), fixture(api, "dags")),
        ("POST", at("/dags/~/dagRuns/list"), fixture(api, "runs")),
        (
            "GET",
            at("/dags/~/dagRuns"),
            json!({"dag_runs": [], "total_entries": 0}).to_string(),
        ),
        (
            "GET",
            at("/dags/~/dagRuns/~/taskInstances"),
            json!({"task_instances": [], "total_entries": 0}).to_string(),
        ),
        (
            "POST",
            at("/dags/~/dagRuns/~/taskInstances/list"),
            fixture(api, "task_instances"),
        ),
        (
            "GET",
            at(&format!("/dags/{dag}/dagRuns/{run}")),
            fixture(api, "run"),
        ),
        (
            "GET",
            at(&format!("/dags/{dag}/dagRuns/{run}/taskInstances")),
            fixture(api, "task_instances"),
        ),
        (
            "GET",
            at(&format!(
                "/dags/{dag}/dagRuns/{run}/taskInstances/{log}/logs/[0-9]+"
            )),
            fixture(api, "log"),
        ),
        (
            "GET",
            at(&format!("/dags/{dag}/dagRuns/{run}/taskInstances/.*/tries")),
            fixture(api, "tries"),
        ),
        (
            "GET",
            at(&format!("/dags/{dag}/details")),
            fixture(api, "details"),
        ),
        (
            "GET",
            at(&format!("/dags/{dag}/tasks")),
            fixture(api, "tasks"),
        ),
        (
            "POST",
            at(&format!("/dags/{dag}/clearTaskInstances")),
            fixture(api, "clear_dry"),
        ),
        (
            "GET",
            at(&format!("/dags/{dag}")),
            json!({"dag_id": dag}).to_string(),
        ),
        (
            "POST",
            "^/auth/token$".to_owned(),
            json!({"access_token": "t"}).to_string(),
        ),
    ];
    for ti in recorded(api, "task_instances")["task_instances"]
        .as_array()
        .unwrap()
    {
        let (task, index) = (
            ti["task_id"].as_str().unwrap(),
            ti["map_index"].as_i64().unwrap(),
        );
        let rest = if index >= 0 {
            format!("/{index}")
        } else {
            String::new()
        };
        answers.push((
            "GET",
            at(&format!(
                "/dags/{dag}/dagRuns/{run}/taskInstances/{task}{rest}"
            )),
            ti.to_string(),
        ));
    }
    if ui {
        answers.push(("GET", "^/ui/dags$".to_owned(), fixture(api, "ui_dags")));
        answers.push((
            "GET",
            "^/ui/structure/structure_data$".to_owned(),
            fixture(api, "ui_structure"),
        ));
        answers.push(("GET", "^/ui/gantt/.*$".to_owned(), fixture(api, "ui_gantt")));
    }
    for (verb, at, body) in answers {
        let answer = ResponseTemplate::new(200).set_body_raw(body, "application/json");
        Mock::given(method(verb))
            .and(path_regex(at))
            .respond_with(answer)
            .mount(&server)
            .await;
    }
    server
}

fn key(api: &str, dag_id: &str) -> RunKey {
    dag(dag_id).run(recorded(api, "run")["dag_run_id"].as_str().unwrap())
}

fn state(rig: &Rig, run: &RunKey, id: &str) -> NodeState {
    rig.run(run)
        .unwrap()
        .nodes
        .get(&NodeId::new(id))
        .unwrap_or_else(|| panic!("no {id}"))
        .state
}

async fn airflow3(ui: bool) {
    let run = key("v2", "lab_etl");
    let server = server("v2", &run, "quality.schema", ui).await;
    let mut rig = watch(&settings(&server.uri(), password("admin", "x")));
    rig.until("the failing node", SOON, |rig| {
        rig.listed()
            && rig
                .run(&run)
                .is_some_and(|r| r.nodes.contains_key(&NodeId::new("quality.schema")))
    })
    .await;
    // the fleet, before anybody looks: failed although the server says success
    assert!(rig.status().version.starts_with("Airflow 3."));
    assert_eq!(rig.world.pipelines().count(), 7);
    let view = rig.run(&run).unwrap();
    assert_eq!(
        (view.run.state, view.run.native.as_str(), view.health),
        (RunState::Succeeded, "success", Health::Failed)
    );
    assert_eq!(
        rig.world
            .pipeline(&dag("lab_minute"))
            .unwrap()
            .pipeline
            .schedule
            .text,
        "* * * * *"
    );

    rig.look(|focus| {
        focus.runs = vec![run.clone()];
        focus.logs = vec![node(&run, "quality.schema").log(2)];
        focus.detail = Some(node(&run, "extract.pull[3]"));
    });
    rig.until("run, log and details", SOON, |rig| {
        let Some(view) = rig.run(&run) else {
            return false;
        };
        view.complete
            && view.details.contains_key(&NodeId::new("extract.pull[3]"))
            && rig.logs.values().any(|l| l.ended)
    })
    .await;
    let view = rig.run(&run).unwrap();
    assert_eq!(view.nodes.len(), 15);
    let topology = view.topology.as_ref().unwrap();
    assert_eq!((topology.edges.len(), topology.nodes.len()), (16, 11));
    let mut groups: Vec<_> = topology.groups.iter().map(|g| g.id.raw()).collect();
    groups.sort_unstable();
    assert_eq!(
        groups,
        [
            "extract",
            "extract.pull",
            "quality",
            "transform",
            "transform.sums"
        ]
    );
    assert_eq!(
        view.nodes[&NodeId::new("extract.pull[3]")].name,
        "pull [part=3]"
    );
    assert_eq!(state(&rig, &run, "choose"), NodeState::Blocked);
    assert_eq!(state(&rig, &run, "cleanup"), NodeState::Succeeded);
    assert_eq!(
        view.details[&NodeId::new("extract.pull[3]")].attempts.len(),
        2
    );
    let log = &rig.logs[&node(&run, "quality.schema").log(2)].text;
    let cause = log.find("KeyError: 'customer_id'").unwrap();
    assert!(
        log[cause..].contains("\nSchemaError: column customer_id missing in orders"),
        "{log}"
    );
    let pipeline = &rig.world.pipeline(&dag("lab_etl")).unwrap().pipeline;
    assert!(
        pipeline
            .params
            .iter()
            .any(|p| p.name == "region" && p.choices.len() == 2)
    );
    assert!(pipeline.doc.iter().any(|l| l.contains("vendor desk")));
    let backend = rig.world.backend(&BackendId::new(NAME)).unwrap();
    assert!(
        backend
            .notices
            .iter()
            .any(|n| n.subject == "broken.py" && n.level == NoticeLevel::Error)
    );

    let plan = rig
        .plan(
            Action::Retry,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    let mut hits: Vec<_> = plan
        .hits
        .iter()
        .map(|h| (h.name.as_str(), h.now.as_str()))
        .collect();
    hits.sort_unstable();
    let blocked = "upstream_failed";
    assert_eq!(
        hits,
        [
            ("choose", blocked),
            ("publish_eu", blocked),
            ("publish_us", blocked),
            ("quality.schema", "failed")
        ]
    );
    assert!(plan.server_preview);
    assert!(rig.complaints.is_empty(), "{:?}", rig.complaints);
    rig.until("pools and health", SOON, |rig| {
        let backend = rig.world.backend(&BackendId::new(NAME)).unwrap();
        backend
            .queues
            .iter()
            .any(|q| q.name == "lab_slot" && q.slots == Some(1))
            && backend
                .components
                .iter()
                .any(|c| c.name == "scheduler" && c.healthy == Some(true))
    })
    .await;
}

#[tokio::test]
async fn airflow_3_as_recorded() {
    airflow3(true).await;
}

#[tokio::test]
async fn airflow_3_as_recorded_without_its_private_endpoints() {
    airflow3(false).await;
}

#[tokio::test]
async fn airflow_2_as_recorded() {
    let run = key("v1", "lab_chain");
    let server = server("v1", &run, "load", false).await;
    let mut rig = watch(&settings(&server.uri(), password("admin", "x")));
    rig.until("the failing node", SOON, |rig| {
        rig.listed()
            && rig
                .run(&run)
                .is_some_and(|r| r.nodes.contains_key(&NodeId::new("load")))
    })
    .await;
    assert!(rig.status().version.starts_with("Airflow 2."));
    assert_eq!(rig.world.pipelines().count(), 7);
    assert_eq!(
        rig.world
            .pipeline(&dag("lab_minute"))
            .unwrap()
            .pipeline
            .schedule
            .text,
        "Every minute"
    );
    rig.look(|focus| {
        focus.runs = vec![run.clone()];
        focus.logs = vec![node(&run, "load").log(1)];
        focus.detail = Some(node(&run, "load"));
    });
    rig.until("run, log and details", SOON, |rig| {
        let Some(view) = rig.run(&run) else {
            return false;
        };
        view.complete
            && view.details.contains_key(&NodeId::new("load"))
            && rig.logs.values().any(|l| l.ended)
    })
    .await;
    let view = rig.run(&run).unwrap();
    assert_eq!((view.nodes.len(), view.health), (3, Health::Failed));
    assert_eq!(view.topology.as_ref().unwrap().edges.len(), 2);
    assert_eq!(
        (state(&rig, &run, "load"), state(&rig, &run, "report")),
        (NodeState::Failed, NodeState::Blocked)
    );
    let log = &rig.logs[&node(&run, "load").log(1)].text;
    let cause = log
        .find("\nValueError: invalid literal for int()")
        .expect("the cause");
    assert!(
        log[cause..].contains("\nRuntimeError: load refused the file\n"),
        "{log}"
    );
    assert!(
        log.contains("{local_task_job_runner.py:123} INFO - ::group::"),
        "{log}"
    );
    assert_eq!(view.details[&NodeId::new("load")].attempts.len(), 1);
    assert!(
        rig.world
            .pipeline(&dag("lab_chain"))
            .unwrap()
            .pipeline
            .doc
            .iter()
            .any(|l| l.contains("Clear the middle"))
    );

    // v1 lists only ids: states come from the run
    let plan = rig
        .plan(
            Action::Retry,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    let mut hits: Vec<_> = plan
        .hits
        .iter()
        .map(|h| (h.name.as_str(), h.now.as_str()))
        .collect();
    hits.sort_unstable();
    assert_eq!(hits, [("load", "failed"), ("report", "upstream_failed")]);
    assert!(rig.complaints.is_empty(), "{:?}", rig.complaints);
}
