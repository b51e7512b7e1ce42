//! `dagtop status`: what a monitoring system reads.

use std::net::TcpListener;
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::home::{Done, Home, alive, pid_in, until};
use crate::{BAD, BROKEN, ENDLESS, FLAKY, GOOD, fake};

/// Figures after the bar of the first line, which every plugin has.
fn figure(done: &Done, name: &str) -> u64 {
    let first = done.out.lines().next().unwrap();
    let (_, figures) = first.split_once(" | ").unwrap();
    let found = figures
        .split(' ')
        .find_map(|f| f.strip_prefix(&format!("{name}=")));
    found
        .unwrap_or_else(|| panic!("{name}: {first}"))
        .parse()
        .unwrap()
}

/// A port that nobody listens on.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn airflow(name: &str, url: &str) -> String {
    format!(
        "[[backend]]\nname = \"{name}\"\nkind = \"airflow\"\nurl = \"{url}\"\nuser = \"u\"\npassword = \"env:HOME\"\n"
    )
}

#[test]
fn what_never_ran_and_what_went_well_is_ok() {
    let home = Home::new();
    home.pipeline("good", GOOD);
    home.pipeline("flaky", FLAKY);
    home.here("");
    let done = home.dagtop(&["status"]).code(0).quietly();
    assert!(done.out.starts_with("OK: 0 failing"), "{}", done.out);
    assert_eq!(done.out.lines().count(), 1, "{}", done.out);
    home.dagtop(&["act", "trigger", "here/flaky", "--yes"])
        .code(0);
    let done = home.dagtop(&["status"]).code(0);
    assert_eq!(
        (figure(&done, "pipelines"), figure(&done, "failing")),
        (2, 0)
    );
    let json = home.dagtop(&["status", "--json"]).code(0).json();
    assert_eq!(
        (&json["level"], &json["problems"]),
        (&json!("ok"), &json!([]))
    );
    assert_eq!(json["backends"][0], json!({"name": "here", "up": true}));
}

#[test]
fn a_failure_is_critical_and_its_address_leads_to_its_log() {
    let home = Home::new();
    home.pipeline("bad", BAD);
    home.pipeline("good", GOOD);
    home.here("");
    for pipeline in ["good", "bad"] {
        let address = format!("here/{pipeline}");
        home.dagtop(&["act", "trigger", &address, "--yes"]).code(0);
    }
    let done = home.dagtop(&["status"]).code(2);
    assert!(done.out.starts_with("CRITICAL: 1 failing"), "{}", done.out);
    assert_eq!(
        (figure(&done, "pipelines"), figure(&done, "failing")),
        (2, 1)
    );
    let line = done.out.lines().nth(1).unwrap();
    let (address, error) = line
        .strip_prefix("failed ")
        .and_then(|rest| rest.split_once(": "))
        .unwrap();
    assert_eq!(error, "ValueError: no such region");
    home.dagtop(&["logs", address])
        .code(0)
        .says(&["loading\nValueError: no such region\n"]);
    let json = home.dagtop(&["status", "--json"]).code(2).json();
    assert_eq!(json["level"], "critical");
    let problem = &json["problems"][0];
    assert_eq!(
        (
            &problem["pipeline"],
            &problem["node"],
            &problem["health"],
            &problem["error"]
        ),
        (
            &json!("bad"),
            &json!("load"),
            &json!("failed"),
            &json!(error)
        )
    );
    assert_eq!(problem["address"], address);
}

#[test]
fn what_is_paused_is_not_counted_as_wrong() {
    let home = Home::new();
    home.pipeline("bad", BAD);
    home.here("");
    home.dagtop(&["act", "trigger", "here/bad", "--yes"])
        .code(0);
    home.dagtop(&["act", "pause", "here/bad", "--yes"]).code(0);
    let done = home.dagtop(&["status"]).code(0);
    assert_eq!((figure(&done, "failing"), done.out.lines().count()), (0, 1));
    home.dagtop(&["act", "resume", "here/bad", "--yes"]).code(0);
    home.dagtop(&["status"]).code(2);
}

#[test]
fn a_run_that_lost_its_dagtop_is_a_warning_until_it_is_cleared() {
    let home = Home::new();
    home.pipeline("endless", ENDLESS);
    home.here("");
    let mut going = home.start(&["act", "trigger", "here/endless", "--yes"]);
    let node = pid_in(&home.path().join("p/pid"));
    going.until_says("started");
    let running = home.dagtop(&["status"]).code(0);
    assert_eq!(figure(&running, "running"), 1);
    going.signal(Signal::KILL);
    drop(going);
    let done = home.dagtop(&["status"]).code(1);
    assert!(
        done.out.starts_with("WARNING: 0 failing, 1 lost"),
        "{}",
        done.out
    );
    assert!(alive(node), "killing dagtop kills nothing else");
    home.dagtop(&["act", "cancel", "here/endless/latest", "--yes"])
        .code(0);
    until("the end of what was left", || !alive(node));
    home.dagtop(&["status"]).code(0);
}

#[test]
fn a_file_that_cant_be_used_is_critical_with_its_first_problem() {
    let home = Home::new();
    home.pipeline("good", GOOD);
    home.pipeline("broken", BROKEN);
    home.here("");
    let done = home.dagtop(&["status"]).code(2);
    done.says(&["failed here/broken: ", "broken.toml:1:1: unknown key `nam`"]);
}

#[test]
fn a_place_without_files_is_a_warning() {
    let home = Home::new();
    home.here("");
    home.dagtop(&["status"]).code(1).says(&[
        "WARNING",
        "here: can't load ",
        "No such file or directory",
    ]);
}

#[test]
fn a_backend_that_cant_be_asked_is_unknown_and_a_failure_beside_it_critical() {
    let home = Home::new();
    let down = airflow("down", &format!("http://127.0.0.1:{}", closed_port()));
    home.config(&down);
    let done = home.dagtop(&["status"]).code(3);
    assert!(done.out.starts_with("UNKNOWN: "), "{}", done.out);
    let first = done.out.lines().next().unwrap();
    assert!(first.contains("; can't be asked: down | "), "{first}");
    assert_eq!(figure(&done, "backends_down"), 1);
    done.says(&["\ndown: ", "Connection refused"]);
    let json = home.dagtop(&["status", "--json"]).code(3).json();
    assert_eq!(
        (&json["level"], &json["backends"][0]["up"]),
        (&json!("unknown"), &json!(false))
    );

    home.pipeline("bad", BAD);
    home.here("");
    let local = std::fs::read_to_string(home.path().join(".config/dagtop/config.toml")).unwrap();
    home.dagtop(&["act", "trigger", "here/bad", "--yes"])
        .code(0);
    home.config(&format!("{local}{down}"));
    home.dagtop(&["status"])
        .code(2)
        .says(&["CRITICAL", "Connection refused"]);
}

#[test]
fn a_configuration_that_cant_be_used_is_unknown_with_every_problem() {
    let home = Home::new();
    home.config("[ui]\ncolour = 1\n[[backend]]\nname = \"a\"\nkind = \"airflw\"\n");
    let done = home.dagtop(&["status"]).code(3).quietly();
    let lines: Vec<&str> = done.out.lines().collect();
    assert_eq!(
        lines[0],
        "UNKNOWN: the configuration can't be used, 3 problems"
    );
    assert!(
        lines[1].contains("config.toml:2:1: unknown key `colour`"),
        "{lines:?}"
    );
    assert!(lines[2].contains("missing key `url`"), "{lines:?}");
    assert!(lines[3].contains("did you mean `airflow`?"), "{lines:?}");
    let json = home.dagtop(&["status", "--json"]).code(3).json();
    assert_eq!(
        (&json["level"], json["errors"].as_array().unwrap().len()),
        (&json!("unknown"), 4)
    );

    home.config("");
    home.dagtop(&["status"])
        .code(3)
        .says(&["UNKNOWN", "there is no backend in the configuration"]);
    Home::new()
        .dagtop(&["status"])
        .code(3)
        .says(&["UNKNOWN: there is no configuration at "]);
    home.dagtop(&["status", "--nonsense"]).code(3);
}

/// `dagtop status` beside a server that lives in this test.
async fn ask(home: &Arc<Home>, args: &'static [&str]) -> Done {
    let home = Arc::clone(home);
    tokio::task::spawn_blocking(move || home.dagtop(args))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_its_backend_calls_a_success_is_critical_when_a_task_failed() {
    let server = fake::airflow().await;
    let home = Arc::new(Home::new());
    home.config(&airflow("lab", &server.uri()));
    let done = ask(&home, &["status"]).await.code(2);
    done.says(&["CRITICAL: 1 failing", "failed lab/orders/r1/load"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_has_passed_without_a_run_is_a_warning() {
    let server = fake::airflow().await;
    let none = json!({"task_instances": [], "total_entries": 0});
    fake::answer(
        &server,
        "/api/v2/dags/~/dagRuns/~/taskInstances/list",
        fake::ok(none),
    )
    .await;
    let mut dag: Value = fake::dag("orders", json!([fake::run("r1", "success")]));
    dag["next_dagrun_run_after"] = json!((Utc::now() - TimeDelta::hours(2)).to_rfc3339());
    let list = json!({"dags": [dag], "total_entries": 1});
    for path in ["/ui/dags", "/api/v2/dags"] {
        fake::answer(&server, path, fake::ok(list.clone())).await;
    }
    let home = Arc::new(Home::new());
    home.config(&airflow("lab", &server.uri()));
    let done = ask(&home, &["status"]).await.code(1);
    assert!(
        done.out.starts_with("WARNING: 0 failing, 0 lost, 1 late"),
        "{}",
        done.out
    );
    done.says(&["\nlate lab/orders, due 20"]);
    let json = ask(&home, &["status", "--json"]).await.code(1).json();
    assert_eq!(json["problems"][0]["health"], "late");
    assert!(json["problems"][0]["due"].is_string(), "{json:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_html_instead_of_json_is_no_airflow() {
    let server = wiremock::MockServer::start().await;
    let page = wiremock::ResponseTemplate::new(200)
        .set_body_raw("<html><title>It works!</title></html>", "text/html");
    wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(page)
        .mount(&server)
        .await;
    let home = Arc::new(Home::new());
    home.config(&airflow("web", &server.uri()));
    for args in [&["status"][..], &["doctor", "web"]] {
        let home = Arc::clone(&home);
        let done = tokio::task::spawn_blocking(move || home.dagtop(args))
            .await
            .unwrap();
        let code = if args[0] == "status" { 3 } else { 1 };
        done.code(code).says(&["is no Airflow"]);
    }
}
