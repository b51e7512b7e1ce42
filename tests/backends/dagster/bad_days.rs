//! Days on which Dagster is wrong, slow, gone or odd.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::fake::*;
use super::*;
use dagtop::model::*;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

const SOON: Duration = Duration::from_secs(20);

fn quick(fake: &Fake) -> Rig {
    watch_at(
        &fake.url,
        Duration::from_secs(1),
        Duration::from_millis(200),
    )
}

fn orders() -> PipelineKey {
    job("orders")
}

async fn listed(fake: &Fake) -> Rig {
    let mut rig = quick(fake);
    rig.until("the list", SOON, |rig| rig.listed() && rig.up())
        .await;
    rig
}

async fn open(rig: &mut Rig, key: &RunKey) {
    let wanted = key.clone();
    rig.look(move |focus| focus.runs = vec![wanted]);
    rig.until("all of the run", SOON, |rig| {
        rig.run(key).is_some_and(|r| r.complete)
    })
    .await;
}

fn degraded(rig: &Rig) -> Option<String> {
    rig.status().degraded.as_ref().map(ToString::to_string)
}

/// A run that goes, of three steps, one of which runs.
fn going(fake: &Fake) -> RunKey {
    let mut row = run("r1", "orders", "STARTED", 0.0);
    row["executionPlan"] = plan(&["fetch", "load", "report"]);
    row["stepStats"] = json!([step("fetch", "SUCCESS"), step("load", "IN_PROGRESS")]);
    let mut db = fake.db();
    db.runs = vec![row];
    db.events.insert(
        "r1".to_owned(),
        vec![
            event(Some("STEP_START"), Some("load"), "started", 2.0),
            event(None, Some("load"), "line 0", 3.0),
        ],
    );
    orders().run("r1")
}

async fn follow_log(rig: &mut Rig, key: &RunKey) -> LogKey {
    let log = node(key, "load").log(1);
    let wanted = log.clone();
    rig.look(move |focus| focus.logs = vec![wanted]);
    rig.until("the log", SOON, |rig| {
        rig.logs
            .get(&log)
            .is_some_and(|l| l.text.contains("line 0"))
    })
    .await;
    log
}

#[tokio::test]
async fn a_wrong_password_before_it_is_told_as_one() {
    let fake = Fake::start().await;
    fake.db().auth = "Basic bGFiOnMzY3JldA==".to_owned();
    let mut rig = quick(&fake);
    rig.until("a refusal", SOON, |rig| matches!(&rig.status().reach, Reach::Refused { reason } if reason.contains("not logged in")))
        .await;
    assert!(!rig.listed());
    let mut good = settings(&fake.url);
    good.server.login = rig::password("lab", "s3cret");
    let mut rig = watch_with(&good, Duration::from_secs(1), Duration::from_millis(200));
    rig.until("the list", SOON, |rig| rig.listed() && rig.up())
        .await;
}

#[tokio::test]
async fn what_is_no_dagster_is_called_so() {
    let other = wiremock::MockServer::start().await;
    let mut rig = watch(&other.uri());
    rig.until("no Dagster", SOON, |rig| matches!(&rig.status().reach, Reach::Refused { reason } if reason.contains("is no Dagster")))
        .await;
}

#[tokio::test]
async fn a_field_that_this_version_does_not_know_takes_only_its_own_away() {
    let fake = Fake::start().await;
    {
        let mut db = fake.db();
        db.runs = vec![run("r1", "orders", "SUCCESS", 0.0)];
        let unknown = json!({"data": null, "errors": [{"message": "Cannot query field 'staleStatus' on type 'AssetNode'."}]});
        db.instead.insert(
            "assets:",
            (
                usize::MAX,
                ResponseTemplate::new(400).set_body_json(unknown),
            ),
        );
        let broken = json!({"__typename": "PythonError", "message": "boom\n  in storage"});
        db.fields.insert("backfills", broken);
    }
    let mut rig = listed(&fake).await;
    assert!(rig.run(&orders().run("r1")).is_some());
    rig.until("two complaints", SOON, |rig| rig.complaints.len() >= 2)
        .await;
    let said: Vec<&str> = rig.complaints.iter().map(SafeText::as_str).collect();
    assert!(
        said.iter()
            .any(|s| s.contains("Cannot query field 'staleStatus'")),
        "{said:?}"
    );
    assert!(
        said.iter()
            .any(|s| s.contains("boom") && !s.contains("in storage")),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_check_is_bad_since_its_first_bad_result_or_where_none_are_kept_since_the_last() {
    let fake = Fake::start().await;
    let result = |status: &str, after: f64| {
        json!({"status": status, "runId": "r1", "stepKey": "s", "timestamp": START + after,
            "evaluation": {"checkName": "unique", "assetKey": {"path": ["mart"]}, "success": status == "SUCCEEDED",
                "severity": "ERROR", "description": "3 ids twice"}})
    };
    let asset = |last: Value| {
        json!({"assetKey": {"path": ["mart"]}, "repository": {"name": "__repository__", "location": {"name": "shop"}},
            "assetChecksOrError": {"checks": [{"name": "unique", "executionForLatestMaterialization": last}]}})
    };
    fake.db().assets = vec![asset(result("FAILED", 500.0))];
    let mut rig = listed(&fake).await;
    let since = |rig: &Rig| -> Vec<i64> {
        let view = rig.world.backend(&BackendId::new(NAME)).unwrap();
        let after = |check: &Check| check.since.timestamp() - START as i64;
        view.checks.iter().map(after).collect()
    };
    rig.until("the check", SOON, |rig| since(rig) == [500])
        .await;
    let said = "Cannot query field 'assetCheckExecutions'";
    assert_eq!(
        rig.complaints
            .iter()
            .filter(|c| c.as_str().contains(said))
            .count(),
        1
    );
    let list = [
        ("FAILED", 500.0),
        ("FAILED", 400.0),
        ("SUCCEEDED", 300.0),
        ("FAILED", 200.0),
    ];
    fake.db().results.insert(
        "unique".to_owned(),
        list.map(|(s, at)| result(s, at)).to_vec(),
    );
    rig.refresh().await;
    rig.until("the first of the bad ones", SOON, |rig| since(rig) == [400])
        .await;
    // good again: off the list; bad once more: asked anew
    fake.db().assets = vec![asset(result("SUCCEEDED", 600.0))];
    rig.refresh().await;
    rig.until("nothing bad", SOON, |rig| since(rig).is_empty())
        .await;
    let list = [("FAILED", 700.0), ("SUCCEEDED", 600.0)];
    fake.db().results.insert(
        "unique".to_owned(),
        list.map(|(s, at)| result(s, at)).to_vec(),
    );
    fake.db().assets = vec![asset(result("FAILED", 700.0))];
    rig.refresh().await;
    rig.until("bad since the new one", SOON, |rig| since(rig) == [700])
        .await;
}

#[tokio::test]
async fn a_check_whose_results_are_not_told_hides_no_other() {
    let fake = Fake::start().await;
    let check = |name: &str| json!({"name": name, "executionForLatestMaterialization": {"status": "FAILED", "timestamp": START + 500.0}});
    {
        let mut db = fake.db();
        db.assets = vec![json!({"assetKey": {"path": ["mart"]},
            "repository": {"name": "__repository__", "location": {"name": "shop"}},
            "assetChecksOrError": {"checks": [check("lost"), check("unique")]}})];
        let first = json!({"status": "FAILED", "timestamp": START + 400.0});
        db.results.insert("unique".to_owned(), vec![first]);
    }
    let mut rig = listed(&fake).await;
    rig.until("both checks", SOON, |rig| {
        let view = rig.world.backend(&BackendId::new(NAME)).unwrap();
        let after = |c: &Check| (c.name.to_string(), c.since.timestamp() - START as i64);
        let told: Vec<_> = view.checks.iter().map(after).collect();
        told == [("unique".to_owned(), 400), ("lost".to_owned(), 500)]
    })
    .await;
}

/// A server whose database is locked for a while says so in more than one way.
async fn breaks_and_comes_back(answer: ResponseTemplate) {
    let fake = Fake::start().await;
    let mut rig = listed(&fake).await;
    fake.db().instead.insert("changed:", (3, answer));
    rig.until("it is broken", SOON, |rig| matches!(&rig.status().reach, Reach::Down { reason, .. } if reason.contains("database is locked")))
        .await;
    fake.db().runs = vec![run("r9", "orders", "SUCCESS", 4_000_000_000.0)];
    rig.until("it is back", SOON, |rig| rig.up()).await;
    rig.until("and what came meanwhile", SOON, |rig| {
        rig.run(&orders().run("r9")).is_some()
    })
    .await;
    assert_eq!(rig.stats().failures, 3);
}

fn locked() -> Value {
    json!({"errors": [{"message": "database is locked"}]})
}

#[tokio::test]
async fn a_server_that_breaks_and_comes_back_is_told_as_both() {
    breaks_and_comes_back(ResponseTemplate::new(500).set_body_json(locked())).await;
}

#[tokio::test]
async fn a_server_that_is_not_available_for_a_while_is_told_as_such() {
    breaks_and_comes_back(ResponseTemplate::new(503).set_body_json(locked())).await;
}

#[tokio::test]
async fn an_answer_200_that_is_an_error_is_one() {
    let answer = json!({"data": null, "errors": [{"message": "database is locked"}]});
    let fake = Fake::start().await;
    let mut rig = listed(&fake).await;
    let answer = ResponseTemplate::new(200).set_body_json(answer);
    fake.db().instead.insert("changed:", (2, answer));
    rig.until("it is broken", SOON, |rig| matches!(&rig.status().reach, Reach::Down { reason, .. } if reason.contains("database is locked")))
        .await;
    rig.until("it is back", SOON, |rig| rig.up()).await;
}

#[tokio::test]
async fn ten_thousand_runs_cost_no_more_than_the_newest_of_them() {
    let fake = Fake::start().await;
    {
        let mut db = fake.db();
        db.jobs = (0..40).map(|n| format!("job{n}")).collect();
        // one job ran long ago and only then
        db.runs = (0..9_999)
            .map(|n| {
                run(
                    &format!("r{n}"),
                    &format!("job{}", n % 39),
                    "SUCCESS",
                    -(n as f64),
                )
            })
            .collect();
        db.runs.push(run("old", "job39", "FAILURE", -20_000.0));
    }
    let rig = listed(&fake).await;
    let requests = fake.db().requests;
    println!(
        "10,000 runs: {requests} requests, {} bytes, until the list is whole",
        rig.stats().bytes
    );
    assert!(requests <= 9, "{requests}");
    assert!(rig.world.pipelines().all(|p| p.runs.len() <= 40));
    assert!(rig.run(&job("job39").run("old")).is_some());
    assert!(rig.run(&job("job0").run("r0")).is_some());
}

#[tokio::test]
async fn a_run_of_two_thousand_steps_is_loaded_once_and_then_told_by_what_changes() {
    let fake = Fake::start().await;
    let keys: Vec<String> = (0..2000).map(|n| format!("step{n}")).collect();
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    {
        let mut row = run("big", "orders", "STARTED", 0.0);
        row["executionPlan"] = plan(&names);
        row["stepStats"] = json!([step("step0", "IN_PROGRESS")]);
        fake.db().runs = vec![row];
    }
    let mut rig = listed(&fake).await;
    let key = orders().run("big");
    open(&mut rig, &key).await;
    assert_eq!(rig.run(&key).unwrap().nodes.len(), 2000);
    rig.until("the subscription", SOON, |_| fake.opened() == 1)
        .await;
    rig.for_(Duration::from_millis(300)).await;
    let (asked, events) = (fake.asked("group"), rig.events);
    fake.happen("big", event(Some("STEP_SUCCESS"), Some("step0"), "", 20.0));
    fake.happen("big", event(Some("STEP_START"), Some("step1"), "", 20.5));
    rig.until("what happened", SOON, |rig| {
        let run = rig.run(&key).unwrap();
        state(run, "step0") == Some(NodeState::Succeeded)
            && state(run, "step1") == Some(NodeState::Running)
    })
    .await;
    assert_eq!(fake.asked("group"), asked, "it was loaded again");
    assert!(
        rig.events - events < 12,
        "{} events for two steps",
        rig.events - events
    );
    assert_eq!(rig.run(&key).unwrap().nodes.len(), 2000);
}

#[tokio::test]
async fn events_out_of_order_and_twice_make_no_other_story() {
    let fake = Fake::start().await;
    let key = going(&fake);
    let mut rig = listed(&fake).await;
    open(&mut rig, &key).await;
    rig.until("the subscription", SOON, |_| fake.opened() == 1)
        .await;
    let retry = event(Some("STEP_UP_FOR_RETRY"), Some("load"), "again", 10.0);
    let restart = event(Some("STEP_RESTARTED"), Some("load"), "second", 11.0);
    let end = event(Some("STEP_SUCCESS"), Some("load"), "done", 12.0);
    for one in [&end, &retry, &restart, &end, &retry] {
        fake.happen("r1", one.clone());
    }
    fake.happen(
        "r1",
        event(Some("STEP_SUCCESS"), Some("report"), "done", 14.0),
    );
    fake.happen(
        "r1",
        event(Some("STEP_START"), Some("report"), "start", 13.0),
    );
    rig.until("its end", SOON, |rig| {
        state(rig.run(&key).unwrap(), "report") == Some(NodeState::Succeeded)
    })
    .await;
    let load = rig
        .run(&key)
        .unwrap()
        .nodes
        .values()
        .find(|n| n.id.raw() == "load")
        .unwrap()
        .clone();
    assert_eq!((load.state, load.attempt), (NodeState::Succeeded, 2));
    let report = rig
        .run(&key)
        .unwrap()
        .nodes
        .values()
        .find(|n| n.id.raw() == "report")
        .unwrap()
        .clone();
    assert!(report.started_at < report.ended_at);
    // an end that is heard of twice, and a beginning after it, begin nothing anew
    fake.happen("r1", event(Some("RUN_SUCCESS"), None, "", 15.0));
    fake.happen("r1", event(Some("RUN_START"), None, "", 1.0));
    rig.until("the run's end", SOON, |rig| {
        rig.run(&key).unwrap().run.state == RunState::Succeeded
    })
    .await;
    rig.for_(Duration::from_millis(300)).await;
    assert_eq!(rig.run(&key).unwrap().run.state, RunState::Succeeded);
}

#[tokio::test]
async fn a_socket_that_is_cut_goes_on_where_it_was() {
    let fake = Fake::start().await;
    let key = going(&fake);
    let mut rig = listed(&fake).await;
    open(&mut rig, &key).await;
    let log = follow_log(&mut rig, &key).await;
    rig.until("the subscription", SOON, |_| fake.opened() == 1)
        .await;
    fake.happen("r1", event(None, Some("load"), "line 1", 4.0));
    rig.until("a line", SOON, |rig| rig.logs[&log].text.contains("line 1"))
        .await;
    fake.say.send(Say::Cut).unwrap();
    rig.until("it is said", SOON, |rig| {
        degraded(rig).is_some_and(|d| d.contains("run events by asking"))
    })
    .await;
    // what happens while nobody tells is asked for
    fake.db()
        .events
        .get_mut("r1")
        .unwrap()
        .push(event(None, Some("load"), "line 2", 5.0));
    rig.until("the next line", SOON, |rig| {
        rig.logs[&log].text.contains("line 2")
    })
    .await;
    rig.until("a second socket", Duration::from_secs(40), |_| {
        fake.opened() == 2
    })
    .await;
    rig.until("it is well again", SOON, |rig| degraded(rig).is_none())
        .await;
    fake.happen("r1", event(None, Some("load"), "line 3", 6.0));
    rig.until("a line of the second", SOON, |rig| {
        rig.logs[&log].text.contains("line 3")
    })
    .await;
    let lines: Vec<&str> = rig.logs[&log]
        .text
        .lines()
        .filter_map(|l| l.split(" - ").nth(1))
        .collect();
    assert_eq!(lines, ["started", "line 0", "line 1", "line 2", "line 3"]);
    let asked: Vec<Value> = fake
        .heard
        .lock()
        .unwrap()
        .iter()
        .filter(|f| f["type"] == "start")
        .cloned()
        .collect();
    assert_eq!(asked[1]["payload"]["variables"]["after"], "4");
}

#[tokio::test]
async fn a_socket_that_falls_silent_is_given_up_and_the_run_is_asked_for() {
    let fake = Fake::start().await;
    let key = going(&fake);
    let mut rig = listed(&fake).await;
    open(&mut rig, &key).await;
    let log = follow_log(&mut rig, &key).await;
    rig.until("the subscription", SOON, |_| fake.opened() == 1)
        .await;
    fake.say.send(Say::Freeze).unwrap();
    rig.until("it is said", SOON, |rig| {
        degraded(rig).is_some_and(|d| d.contains("silent"))
    })
    .await;
    fake.db()
        .events
        .get_mut("r1")
        .unwrap()
        .push(event(None, Some("load"), "line 1", 4.0));
    rig.until("the next line", SOON, |rig| {
        rig.logs[&log].text.contains("line 1")
    })
    .await;
}

#[tokio::test]
async fn without_sockets_a_run_is_asked_for_and_it_is_said() {
    let fake = Fake::start().await;
    fake.sockets.store(false, Ordering::SeqCst);
    let key = going(&fake);
    let mut rig = listed(&fake).await;
    open(&mut rig, &key).await;
    let log = follow_log(&mut rig, &key).await;
    rig.until("it is said", SOON, |rig| {
        degraded(rig).is_some_and(|d| d.contains("run events by asking"))
    })
    .await;
    {
        let mut db = fake.db();
        let list = db.events.get_mut("r1").unwrap();
        list.push(event(None, Some("load"), "line 1", 4.0));
        list.push(event(Some("STEP_FAILURE"), Some("load"), "failed", 5.0));
        list.push(event(Some("RUN_FAILURE"), None, "failed", 6.0));
    }
    rig.until("the end of the log", SOON, |rig| {
        rig.logs[&log].ended && rig.logs[&log].text.contains("line 1")
    })
    .await;
    assert_eq!(
        state(rig.run(&key).unwrap(), "load"),
        Some(NodeState::Failed)
    );
    assert_eq!(
        state(rig.run(&key).unwrap(), "report"),
        Some(NodeState::Blocked)
    );
    // what is over needs no socket
    rig.until("nothing is amiss any more", SOON, |rig| {
        degraded(rig).is_none()
    })
    .await;
}

#[tokio::test]
async fn what_is_amiss_with_a_run_is_not_said_when_nobody_looks_at_it_any_more() {
    let fake = Fake::start().await;
    fake.sockets.store(false, Ordering::SeqCst);
    let key = going(&fake);
    let mut rig = listed(&fake).await;
    open(&mut rig, &key).await;
    rig.until("it is said", SOON, |rig| degraded(rig).is_some())
        .await;
    rig.look(|focus| focus.runs.clear());
    rig.until("nothing is amiss any more", SOON, |rig| {
        degraded(rig).is_none()
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_loses_no_change() {
    let fake = Fake::start().await;
    // the server lives an hour ago
    let server = chrono::Utc::now() - chrono::Duration::hours(1);
    fake.db().date = Some(server.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    let mut rig = listed(&fake).await;
    let skew = rig.status().clock_skew_ms.unwrap();
    assert!((skew + 3_600_000).abs() < 5_000, "{skew}");
    let after = (server.timestamp() as f64) - START + 1.0;
    fake.db().runs = vec![run("r1", "orders", "STARTED", after)];
    rig.until("the new run", SOON, |rig| {
        rig.run(&orders().run("r1")).is_some()
    })
    .await;
}

#[tokio::test]
async fn a_re_execution_that_was_started_elsewhere_joins_its_run() {
    let fake = Fake::start().await;
    let mut first = run("r1", "orders", "FAILURE", 0.0);
    first["executionPlan"] = plan(&["fetch", "load"]);
    first["stepStats"] = json!([step("fetch", "SUCCESS"), step("load", "FAILURE")]);
    fake.db().runs = vec![first];
    let mut rig = listed(&fake).await;
    let key = orders().run("r1");
    open(&mut rig, &key).await;
    assert_eq!(
        state(rig.run(&key).unwrap(), "load"),
        Some(NodeState::Failed)
    );
    let now = chrono::Utc::now().timestamp() as f64 - START;
    let mut second = run("r2", "orders", "SUCCESS", now);
    (second["rootRunId"], second["parentRunId"]) = (json!("r1"), json!("r1"));
    second["executionPlan"] = plan(&["load"]);
    second["stepStats"] = json!([step("load", "SUCCESS")]);
    fake.db().runs.insert(0, second);
    rig.until("one story", SOON, |rig| {
        rig.run(&key).is_some_and(|r| {
            r.health == Health::Succeeded && state(r, "load") == Some(NodeState::Succeeded)
        })
    })
    .await;
    assert_eq!(rig.world.runs_of(&orders()).count(), 1);
    assert!(rig.run(&key).unwrap().run.cause.contains("re-executed"));
}

#[tokio::test]
async fn a_location_that_breaks_leaves_its_jobs_and_says_why() {
    let fake = Fake::start().await;
    fake.db().runs = vec![run("r1", "orders", "SUCCESS", 0.0)];
    let mut rig = listed(&fake).await;
    {
        let mut db = fake.db();
        db.jobs.clear();
        db.fields.insert(
            "repositories",
            json!({"__typename": "RepositoryConnection", "nodes": []}),
        );
        db.fields.insert("workspace", json!({"__typename": "Workspace", "locationEntries": [{"name": "shop",
            "loadStatus": "LOADED", "updatedTimestamp": START, "locationOrLoadError": {"__typename": "PythonError",
            "message": "ImportError: no module\n", "stack": ["  File \"x.py\", line 1\n"]}}]}));
    }
    rig.requests
        .send(dagtop::backends::Request::Refresh)
        .await
        .unwrap();
    rig.until("why", SOON, |rig| {
        let view = rig.world.pipeline(&orders());
        view.is_some_and(|v| {
            v.pipeline
                .stale
                .as_ref()
                .is_some_and(|s| s.contains("ImportError: no module"))
        })
    })
    .await;
    assert!(rig.run(&orders().run("r1")).is_some());
}

#[tokio::test]
async fn a_run_that_can_not_be_told_to_stop_is_ended_by_force_the_next_time() {
    let fake = Fake::start().await;
    let key = going(&fake);
    let mut rig = listed(&fake).await;
    let answer = json!({"data": {"done": {"__typename": "TerminateRunsResult", "terminateRunResults": [
        {"__typename": "TerminateRunFailure", "message": "Unable to terminate run r1", "run": {"runId": "r1"}}]}}});
    let answer = ResponseTemplate::new(200).set_body_json(answer);
    fake.db().instead.insert("terminateRuns", (1, answer));
    let cancel = Target::Run(key);
    let (plan, status) = rig
        .act(Action::Cancel, cancel.clone(), ActionOptions::default())
        .await;
    assert_eq!(plan.hits[0].name.as_str(), "orders / r1");
    let ActionStatus::Refused { why } = status else {
        panic!("{status:?}")
    };
    assert!(why.to_string().contains("Unable to terminate"), "{why}");
    let plan = rig
        .plan(Action::Cancel, cancel, ActionOptions::default())
        .await
        .unwrap();
    assert_eq!(plan.hits[0].name.as_str(), "orders / r1, by force");
}

#[tokio::test]
async fn who_said_yes_to_a_cancel_has_not_said_yes_to_force() {
    let fake = Fake::start().await;
    let key = going(&fake);
    let mut rig = listed(&fake).await;
    let plan = rig
        .plan(Action::Cancel, Target::Run(key), ActionOptions::default())
        .await
        .unwrap();
    // somebody else cancels it meanwhile
    fake.db().runs[0]["status"] = json!("CANCELING");
    fake.db().runs[0]["updateTime"] = json!(START + 5.0);
    let asked = fake.db().requests;
    let status = rig.execute(plan).await;
    let ActionStatus::Refused { why } = status else {
        panic!("{status:?}")
    };
    assert!(why.to_string().contains("things have changed"), "{why}");
    assert!(fake.db().requests > asked);
}
