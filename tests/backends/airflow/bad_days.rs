//! Bad days of a server: what is known stays, the trouble is told in a sentence, nothing is hammered,
//! and one bad record never hides the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::fake::{self, airflow, airflow_at, answer, ok, run, ti};
use super::*;
use dagtop::config::Login;
use dagtop::model::*;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const SOON: Duration = Duration::from_secs(30);

fn start(server: &MockServer) -> Rig {
    watch(&settings(&server.uri(), password("admin", "s3cret")))
}

async fn healthy(server: &MockServer) -> Rig {
    let mut rig = start(server);
    rig.until("the failing node", SOON, |rig| {
        rig.up() && load(rig).is_some()
    })
    .await;
    rig
}

fn load(rig: &Rig) -> Option<NodeState> {
    Some(
        rig.run(&dag("orders").run("r1"))?
            .nodes
            .get(&NodeId::new("load"))?
            .state,
    )
}

fn reason(rig: &Rig) -> String {
    match &rig.status().reach {
        Reach::Down { reason, .. } | Reach::Refused { reason } => reason.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A look at changes that goes wrong like this: told as `word`, and what was known stays.
async fn bad_day(template: ResponseTemplate, word: &str) -> Rig {
    let server = airflow().await;
    let mut rig = healthy(&server).await;
    answer(&server, "/api/v2/dags/~/dagRuns", template).await;
    rig.until(word, SOON, |rig| !rig.up()).await;
    let said = reason(&rig);
    assert!(said.contains(word), "{said}");
    assert!(
        !said.contains("s3cret") && !said.contains('\u{1b}'),
        "{said}"
    );
    assert_eq!(
        load(&rig),
        Some(NodeState::Failed),
        "the last known state stays"
    );
    assert!(
        rig.world
            .backend(&BackendId::new(NAME))
            .unwrap()
            .stale_since()
            .is_some()
    );
    rig
}

#[tokio::test]
async fn a_run_called_success_is_failed_when_a_task_failed() {
    let server = airflow().await;
    let rig = healthy(&server).await;
    assert_eq!(
        rig.run(&dag("orders").run("r1")).unwrap().health,
        Health::Failed
    );
}

#[tokio::test]
async fn errors_of_the_server_are_told_and_known_states_stay() {
    let text = |status: u16| {
        ResponseTemplate::new(status).set_body_json(json!({"detail": "because\u{1b}[2J"}))
    };
    let html = ResponseTemplate::new(200).set_body_raw("<html>", "text/html");
    let sso =
        ResponseTemplate::new(302).insert_header("location", "https://sso.example/login?x=s3cret");
    let cut = ResponseTemplate::new(200).set_body_raw("{\"dag_runs\": [", "application/json");
    let days = [
        (text(500), "the server failed: because"),
        (text(404), "not there"),
        (text(401), "not logged in"),
        (text(403), "not permitted"),
        (
            ResponseTemplate::new(429).insert_header("retry-after", "40"),
            "waiting 40 s",
        ),
        (html, "a web page instead of an answer"),
        (sso, "redirected to https://sso.example/login"),
        (cut, "ends in the middle"),
        (
            ok(json!({"runs": []})),
            "can't be read at dag_runs: missing",
        ),
        (ok(json!({"dag_runs": 5})), "can't be read at dag_runs"),
    ];
    futures_util::future::join_all(days.map(|(template, word)| bad_day(template, word))).await;
}

#[tokio::test]
async fn a_server_that_asks_to_be_left_alone_is() {
    let server = airflow().await;
    let mut rig = healthy(&server).await;
    answer(
        &server,
        "/api/v2/dags/~/dagRuns",
        ResponseTemplate::new(429).insert_header("retry-after", "40"),
    )
    .await;
    rig.until("the limit", SOON, |rig| !rig.up()).await;
    let asked = async || {
        server
            .received_requests()
            .await
            .unwrap()
            .iter()
            .filter(|r| r.url.path() == "/api/v2/dags/~/dagRuns")
            .count()
    };
    let before = asked().await;
    rig.for_(Duration::from_secs(5)).await;
    assert_eq!(asked().await, before);
    let Reach::Down {
        retry_at: Some(at), ..
    } = &rig.status().reach
    else {
        panic!()
    };
    assert!((*at - chrono::Utc::now()).num_seconds() > 20);
}

#[tokio::test]
async fn a_server_that_comes_back_is_up_again() {
    let server = airflow().await;
    let mut rig = healthy(&server).await;
    Mock::given(path("/api/v2/dags/~/dagRuns"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&server)
        .await;
    rig.until("down", SOON, |rig| !rig.up()).await;
    rig.until("up", SOON, Rig::up).await;
    assert!(
        rig.world
            .backend(&BackendId::new(NAME))
            .unwrap()
            .stale_since()
            .is_none()
    );
}

#[tokio::test]
async fn an_old_token_is_renewed_without_a_word_and_a_lack_of_rights_is_not() {
    let server = airflow().await;
    Mock::given(path("/auth/token"))
        .respond_with(ok(json!({"access_token": "new"})))
        .with_priority(3)
        .mount(&server)
        .await;
    Mock::given(path("/auth/token"))
        .respond_with(ok(json!({"access_token": "old"})))
        .up_to_n_times(1)
        .with_priority(2)
        .mount(&server)
        .await;
    let mut rig = healthy(&server).await;
    // a login is not repeated within 10 s
    rig.for_(Duration::from_secs(10)).await;
    let old = ResponseTemplate::new(403).set_body_json(json!({"detail": "Invalid JWT token"}));
    Mock::given(header("authorization", "Bearer old"))
        .respond_with(old)
        .with_priority(1)
        .mount(&server)
        .await;
    let forbidden = ResponseTemplate::new(403).set_body_json(json!({"detail": "Forbidden"}));
    answer(&server, "/api/v2/pools", forbidden).await;
    rig.for_(Duration::from_secs(4)).await;
    assert!(rig.up(), "{:?}", rig.status());
    let logins = server
        .received_requests()
        .await
        .unwrap()
        .iter()
        .filter(|r| r.url.path() == "/auth/token")
        .count();
    assert_eq!(logins, 2);
}

#[tokio::test]
async fn what_a_user_may_not_see_is_left_out_and_told_once() {
    let server = airflow().await;
    let forbidden = || ResponseTemplate::new(403).set_body_json(json!({"detail": "Forbidden"}));
    for at in [
        "/api/v2/pools",
        "/api/v2/importErrors",
        "/api/v2/dagWarnings",
    ] {
        answer(&server, at, forbidden()).await;
    }
    let mut rig = healthy(&server).await;
    rig.until("three complaints", SOON, |rig| rig.complaints.len() == 3)
        .await;
    assert!(rig.up());
}

#[tokio::test]
async fn without_the_private_endpoints_everything_is_there_by_the_public_ones() {
    let server = airflow().await;
    for at in ["/ui/dags", "/ui/structure/structure_data"] {
        answer(
            &server,
            at,
            ResponseTemplate::new(404).set_body_json(json!({"detail": "Not Found"})),
        )
        .await;
    }
    let tasks = json!({"tasks": [{"task_id": "load", "downstream_task_ids": ["check"]}, {"task_id": "check"}]});
    answer(&server, "/api/v2/dags/orders/tasks", ok(tasks)).await;
    let mut rig = healthy(&server).await;
    assert!(
        rig.status().degraded.as_ref().unwrap().contains("/ui"),
        "{:?}",
        rig.status()
    );
    let run = dag("orders").run("r1");
    rig.look(|focus| focus.runs = vec![run.clone()]);
    rig.until("the shape", SOON, |rig| {
        rig.run(&run)
            .is_some_and(|r| r.complete && r.topology.as_ref().is_some_and(|t| t.edges.len() == 1))
    })
    .await;
}

#[tokio::test]
async fn odd_records_are_told_and_the_others_shown() {
    let server = airflow().await;
    let dags = json!({"total_entries": 4, "dags": [
        {"dag_id": "a\u{202e}\u{1b}[31m", "is_paused": null, "latest_dag_runs": null, "tags": [{"name": null}], "next_dagrun_run_after": "soon"},
        {"is_paused": true}, "what",
        {"dag_id": "orders", "latest_dag_runs": [run("r1", "levitating"), {"no": "id"}]}]});
    answer(&server, "/ui/dags", ok(dags)).await;
    let odd = json!({"total_entries": 4, "task_instances": [ti("load", json!("failed")), {"map_index": 3},
        ti("float", json!("levitating")), {"task_id": "bare", "dag_id": "orders", "dag_run_id": "r1"}]});
    answer(
        &server,
        "/api/v2/dags/~/dagRuns/~/taskInstances/list",
        ok(odd.clone()),
    )
    .await;
    answer(
        &server,
        "/api/v2/dags/orders/dagRuns/r1/taskInstances",
        ok(odd),
    )
    .await;
    let mut rig = healthy(&server).await;
    assert_eq!(rig.world.pipelines().count(), 2);
    let name = &rig.world.pipelines().next().unwrap().pipeline.name;
    assert!(
        !name.contains('\u{1b}') && !name.contains('\u{202e}'),
        "{name:?}"
    );
    assert_eq!(
        rig.run(&dag("orders").run("r1")).unwrap().run.state,
        RunState::Unknown
    );
    let run = dag("orders").run("r1");
    rig.look(|focus| focus.runs = vec![run.clone()]);
    rig.until("the nodes", SOON, |rig| {
        rig.run(&run)
            .is_some_and(|r| r.nodes.contains_key(&NodeId::new("bare")))
    })
    .await;
    let nodes = &rig.run(&run).unwrap().nodes;
    let float = &nodes[&NodeId::new("float")];
    assert_eq!(
        (float.state, float.native.as_str()),
        (NodeState::Unknown, "levitating")
    );
    assert_eq!(nodes[&NodeId::new("bare")].state, NodeState::Pending);
    let told = |part: &str| rig.complaints.iter().any(|c| c.contains(part));
    assert!(
        told("dags[1]: missing field `dag_id`") && told("dags[2]") && told("task_instances[1]"),
        "{:?}",
        rig.complaints
    );
}

#[tokio::test]
async fn a_server_whose_clock_is_wrong_is_asked_in_its_own_time() {
    let then = chrono::Utc::now() - chrono::Duration::minutes(90);
    let server = airflow_at(Some(&then.to_rfc2822())).await;
    let mut rig = start(&server);
    rig.until("a look at changes", SOON, |rig| {
        rig.status().stats.requests > 12
    })
    .await;
    let asked = server.received_requests().await.unwrap();
    let since = asked
        .iter()
        .filter(|r| r.url.path() == "/api/v2/dags/~/dagRuns")
        .filter_map(|r| {
            r.url
                .query_pairs()
                .find(|(k, _)| k == "updated_at_gte")
                .map(|(_, v)| v.into_owned())
        })
        .next_back()
        .unwrap();
    let since = chrono::DateTime::parse_from_rfc3339(&since)
        .unwrap()
        .to_utc();
    let off = (since - then).num_seconds();
    assert!(
        (-30..=10).contains(&off),
        "{off} s from the server's own time"
    );
    let skew = rig.status().clock_skew_ms.unwrap();
    assert!((-5_460_000..=-5_340_000).contains(&skew), "{skew}");
}

#[tokio::test]
async fn silence_is_a_timeout_and_the_rest_goes_on() {
    let server = airflow().await;
    let slow =
        ok(json!({"task_instances": [], "total_entries": 0})).set_delay(Duration::from_secs(20));
    let airflow = settings(&server.uri(), password("admin", "s3cret"));
    let mut rig = Rig::start_with(backend(&airflow, Duration::from_secs(1)));
    rig.until("the failing node", SOON, |rig| {
        rig.up() && load(rig).is_some()
    })
    .await;
    answer(&server, "/api/v2/dags/~/dagRuns/~/taskInstances", slow).await;
    rig.until("a timeout", SOON, |rig| !rig.up()).await;
    assert!(
        reason(&rig).contains("no answer within 1 s"),
        "{}",
        reason(&rig)
    );
    // what a person asks for is answered meanwhile
    let run = dag("orders").run("r1");
    rig.look(|focus| focus.runs = vec![run.clone()]);
    rig.until("the run", SOON, |rig| {
        rig.run(&run).is_some_and(|r| r.complete)
    })
    .await;
}

/// 200 MB of JSON, in chunks, to whoever asks.
async fn endless() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 8192];
                let _ = socket.read(&mut request).await;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nc\r\n{\"version\":\"\r\n";
                let _ = socket.write_all(head.as_bytes()).await;
                let mut chunk = b"100000\r\n".to_vec();
                chunk.resize(8 + (1 << 20), b'x');
                chunk.extend_from_slice(b"\r\n");
                for _ in 0..200 {
                    if socket.write_all(&chunk).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_body_of_200_mb_is_not_swallowed() {
    let mut rig = watch(&settings(&endless().await, Login::None));
    rig.until("a refusal to read it", SOON, |rig| {
        matches!(rig.status().reach, Reach::Down { .. })
    })
    .await;
    assert!(
        reason(&rig).contains("larger than 64 MB"),
        "{}",
        reason(&rig)
    );
}

#[tokio::test]
async fn what_is_no_airflow_is_called_so() {
    let nothing = MockServer::start().await;
    let mut rig = start(&nothing);
    rig.until("an explanation", SOON, |rig| {
        matches!(rig.status().reach, Reach::Refused { .. })
    })
    .await;
    assert!(reason(&rig).contains("is no Airflow"), "{}", reason(&rig));

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let mut rig = watch(&settings(&nobody, Login::None));
    rig.until("nobody there", SOON, |rig| {
        matches!(rig.status().reach, Reach::Down { .. })
    })
    .await;
    assert!(reason(&rig).contains("refused"), "{}", reason(&rig));
    // and an action is refused at once, not lost
    let plan = rig
        .plan(
            Action::Pause,
            Target::Pipeline(dag("orders")),
            ActionOptions::default(),
        )
        .await
        .unwrap_err();
    assert!(
        matches!(
            plan,
            ActionStatus::Refused {
                why: ActionError::Unreachable(_)
            }
        ),
        "{plan:?}"
    );
}

#[tokio::test]
async fn a_log_that_can_not_be_read_says_why_and_is_tried_again() {
    let server = airflow().await;
    let at = "/api/v2/dags/orders/dagRuns/r1/taskInstances/load/logs/1";
    let lines = json!({"content": [{"timestamp": "2026-11-20T02:08:00Z", "event": "bye", "level": "info", "logger": "task"}], "continuation_token": null});
    Mock::given(path(at))
        .respond_with(ResponseTemplate::new(500))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&server)
        .await;
    answer(&server, at, ok(lines)).await;
    // the log holds no error: the audit log says why
    let events = json!({"event_logs": [
        {"when": "2026-11-20T02:08:01Z", "event": "heartbeat timeout", "owner": "airflow", "extra": "no sign of life for 300 s", "map_index": -1, "try_number": 1},
        {"when": "2026-11-20T02:00:01Z", "event": "running", "map_index": -1, "try_number": 1}], "total_entries": 2});
    answer(&server, "/api/v2/eventLogs", ok(events)).await;
    let mut rig = healthy(&server).await;
    let log = node(&dag("orders").run("r1"), "load").log(1);
    rig.look(|focus| focus.logs = vec![log.clone()]);
    rig.until("the log", SOON, |rig| {
        rig.logs.get(&log).is_some_and(|l| l.ended)
    })
    .await;
    let seen = &rig.logs[&log];
    assert!(
        seen.failed.as_ref().unwrap().contains("the server failed"),
        "{:?}",
        seen.failed
    );
    assert_eq!(
        seen.text,
        "2026-11-20T02:08:00Z INFO task - bye\n2026-11-20T02:08:01.000000Z ERROR airflow.events - heartbeat timeout by airflow: no sign of life for 300 s\n"
    );
}

#[tokio::test]
async fn a_token_that_another_server_signed_is_dropped_and_the_log_read_again() {
    let server = airflow().await;
    let at = "/api/v2/dags/orders/dagRuns/r1/taskInstances/load/logs/1";
    let first = json!({"content": [{"event": "one"}], "continuation_token": "signed"});
    let whole = json!({"content": [{"event": "one"}, {"event": "Traceback (most recent call last):"}], "continuation_token": null});
    let refused = ResponseTemplate::new(400).set_body_json(
        json!({"detail": "Bad Signature. Please use only the tokens provided by the API."}),
    );
    Mock::given(path(at))
        .respond_with(ok(first))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(path(at))
        .and(wiremock::matchers::query_param("token", "signed"))
        .respond_with(refused)
        .with_priority(1)
        .mount(&server)
        .await;
    answer(&server, at, ok(whole)).await;
    let mut rig = healthy(&server).await;
    let log = node(&dag("orders").run("r1"), "load").log(1);
    rig.look(|focus| focus.logs = vec![log.clone()]);
    rig.until("the log", SOON, |rig| {
        rig.logs.get(&log).is_some_and(|l| l.ended)
    })
    .await;
    assert_eq!(
        rig.logs[&log].text,
        "one\nTraceback (most recent call last):\n"
    );
    assert_eq!(rig.logs[&log].replaced, 2);
}

#[tokio::test]
async fn an_unclear_answer_to_a_deed_is_settled_by_asking_not_by_hoping() {
    let server = airflow().await;
    let paused = |yes: bool| ok(json!({"dag_id": "orders", "is_paused": yes}));
    // not paused while the plan is made twice; then paused, although the answer to the deed was 500
    Mock::given(path("/api/v2/dags/orders"))
        .and(wiremock::matchers::method("GET"))
        .respond_with(paused(false))
        .up_to_n_times(2)
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(path("/api/v2/dags/orders"))
        .and(wiremock::matchers::method("GET"))
        .respond_with(paused(true))
        .with_priority(2)
        .mount(&server)
        .await;
    let locked = ResponseTemplate::new(500)
        .set_body_json(json!({"detail": {"reason": "Database error", "message": "locked"}}));
    Mock::given(path("/api/v2/dags/orders"))
        .and(wiremock::matchers::method("PATCH"))
        .respond_with(locked)
        .expect(1)
        .mount(&server)
        .await;
    answer(
        &server,
        "/api/v2/dags/orders/dagRuns",
        ok(json!({"dag_runs": [], "total_entries": 0})),
    )
    .await;
    let mut rig = healthy(&server).await;
    let (_, status) = rig
        .act(
            Action::Pause,
            Target::Pipeline(dag("orders")),
            ActionOptions::default(),
        )
        .await;
    assert!(
        matches!(status, ActionStatus::Confirmed { .. }),
        "{status:?}"
    );
}

#[tokio::test]
async fn a_plan_that_would_hit_more_than_was_shown_is_refused() {
    let server = airflow().await;
    let clear = "/api/v2/dags/orders/clearTaskInstances";
    let one = json!({"task_instances": [ti("load", json!("failed"))], "total_entries": 1});
    let two = json!({"task_instances": [ti("load", json!("failed")), ti("check", json!("failed"))], "total_entries": 2});
    Mock::given(path(clear))
        .respond_with(ok(one))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&server)
        .await;
    answer(&server, clear, ok(two)).await;
    answer(
        &server,
        "/api/v2/dags/orders",
        ok(json!({"dag_id": "orders"})),
    )
    .await;
    let mut rig = healthy(&server).await;
    let plan = rig
        .plan(
            Action::Retry,
            Target::Run(dag("orders").run("r1")),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    assert_eq!(plan.hits.len(), 1);
    let status = rig.execute(plan).await;
    let ActionStatus::Refused {
        why: ActionError::Refused(why),
    } = status
    else {
        panic!("{status:?}")
    };
    assert!(why.contains("it would now also hit check"), "{why}");
    let real = server
        .received_requests()
        .await
        .unwrap()
        .iter()
        .filter(|r| r.url.path() == clear)
        .filter(|r| String::from_utf8_lossy(&r.body).contains("\"dry_run\":false"))
        .count();
    assert_eq!(real, 0);
}

#[tokio::test]
async fn the_load_does_not_grow_with_the_number_of_dags() {
    const DAGS: usize = 3000;
    let server = airflow().await;
    Mock::given(path("/ui/dags"))
        .respond_with(|request: &wiremock::Request| {
            let offset = request
                .url
                .query_pairs()
                .find(|(k, _)| k == "offset")
                .and_then(|(_, v)| v.parse().ok())
                .unwrap_or(0);
            let id = |n: usize| format!("d{n:04}");
            let last = (offset + 100).min(DAGS);
            let dags: Vec<_> = (offset..last)
                .map(|n| fake::dag(&id(n), json!([run(&format!("r{n}"), "success")])))
                .collect();
            ok(json!({"dags": dags, "total_entries": DAGS}))
        })
        .with_priority(1)
        .mount(&server)
        .await;
    let mut rig = start(&server);
    rig.until("the list", SOON, |rig| {
        rig.world.pipelines().count() == DAGS
    })
    .await;
    let asked = async || server.received_requests().await.unwrap().len();
    rig.for_(Duration::from_secs(2)).await;
    let before = asked().await;
    rig.for_(Duration::from_secs(8)).await;
    let rate = (asked().await - before) as f64 / 8.0;
    assert!(rate <= 1.2, "{rate} requests/s");
    assert!(rig.up());
}

#[tokio::test]
async fn the_log_of_a_task_that_has_not_begun_is_not_over() {
    let server = airflow().await;
    // one state, whichever way it is asked for
    let over = Arc::new(AtomicBool::new(false));
    for tasks in [
        "/api/v2/dags/orders/dagRuns/r1/taskInstances",
        "/api/v2/dags/~/dagRuns/~/taskInstances",
    ] {
        let over = Arc::clone(&over);
        Mock::given(path(tasks))
            .respond_with(move |_: &wiremock::Request| {
                let state = match over.load(Ordering::SeqCst) {
                    true => "success",
                    false => "queued",
                };
                ok(json!({"task_instances": [ti("load", json!(state))], "total_entries": 1}))
            })
            .with_priority(1)
            .mount(&server)
            .await;
    }
    let at = "/api/v2/dags/orders/dagRuns/r1/taskInstances/load/logs/1";
    let content =
        |event: &str| ok(json!({"content": [{"event": event}], "continuation_token": null}));
    Mock::given(path(at))
        .respond_with(content("nothing yet"))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&server)
        .await;
    answer(&server, at, content("done")).await;
    let mut rig = start(&server);
    rig.until("the list", SOON, Rig::listed).await;
    let run = dag("orders").run("r1");
    rig.look(|focus| focus.runs = vec![run.clone()]);
    rig.until("the queued task", SOON, |rig| {
        load(rig) == Some(NodeState::Queued)
    })
    .await;
    let log = node(&run, "load").log(1);
    rig.look(|focus| focus.logs = vec![log.clone()]);
    rig.until("the first words", SOON, |rig| rig.logs.contains_key(&log))
        .await;
    assert!(!rig.logs[&log].ended);
    over.store(true, Ordering::SeqCst);
    rig.until("the end", SOON, |rig| rig.logs[&log].ended).await;
    assert_eq!(rig.logs[&log].text, "done\n");
}
