//! `dagtop doctor` on backends that are up, down and wrong.

use crate::support::home::Home;
use crate::{BROKEN, GOOD, fake};

#[test]
fn a_local_backend_is_up_and_its_broken_file_is_a_problem() {
    let home = Home::new();
    home.here("");
    home.pipeline("good", GOOD);
    home.dagtop(&["doctor"]).code(0).says(&[
        "config.toml: 1 backend\n",
        "here\n",
        "✓ up",
        "✓ 1 pipeline\n",
        "every action is possible",
    ]);
    home.pipeline("broken", BROKEN);
    home.dagtop(&["doctor"]).code(1).says(&[
        "✗ problem: can't be loaded: ",
        "broken.toml:1:1: unknown key `nam`",
    ]);
    let json = home.dagtop(&["doctor", "--json", "here"]).code(1).json();
    let sections = json["sections"].as_array().unwrap();
    assert!(sections.iter().any(|s| s["about"] == "here"), "{json:#}");
}

#[test]
fn one_backend_that_is_down_hides_no_other() {
    let home = Home::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    home.pipeline("good", GOOD);
    home.config(&format!(
        "[[backend]]\nname = \"down\"\nkind = \"airflow\"\nurl = \"http://127.0.0.1:{port}\"\ntoken = \"env:HOME\"\n\
         [[backend]]\nname = \"here\"\nkind = \"local\"\npipelines = [\"{}/*.toml\"]\nread_only = true\n",
        home.path().join("p").display()
    ));
    let done = home.dagtop(&["doctor"]).code(1);
    done.says(&[
        "Connection refused",
        "check the address",
        "✓ up",
        "read_only: no action is possible",
    ]);
    home.dagtop(&["doctor", "here"]).code(0);
    home.dagtop(&["doctor", "her"])
        .code(2)
        .complains(&["did you mean `here`?"]);
}

#[test]
fn a_secret_is_told_by_where_it_is_never_by_what_it_is() {
    let home = Home::new();
    home.config(
        "[[backend]]\nname = \"a\"\nkind = \"airflow\"\nurl = \"http://127.0.0.1:9\"\nuser = \"u\"\npassword = \"hunter2\"\n",
    );
    for args in [
        &["doctor"][..],
        &["doctor", "--json"],
        &["status"],
        &["status", "--json"],
    ] {
        let done = home.dagtop(args);
        assert!(
            !done.out.contains("hunter2") && !done.err.contains("hunter2"),
            "{done:?}"
        );
    }
    home.dagtop(&["doctor"]).says(&[
        "config.toml:6:12: a secret stands in the config file itself",
        "chmod 600",
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_airflow_that_lets_us_in_tells_its_version_and_what_may_be_done() {
    let server = fake::airflow_at(Some("Fri, 20 Nov 2026 03:00:00 GMT")).await;
    let home = Home::new();
    home.config(&format!(
        "[[backend]]\nname = \"lab\"\nkind = \"airflow\"\nurl = \"{}\"\nuser = \"u\"\npassword = \"env:HOME\"\n",
        server.uri()
    ));
    let done = tokio::task::spawn_blocking(move || home.dagtop(&["doctor", "lab"]))
        .await
        .unwrap();
    // a clock that is years off is a warning, no problem
    done.code(0).says(&[
        "✓ password from env:HOME",
        "✓ up, Airflow 3.3.2",
        "warning: its clock is ",
        "✓ 1 pipeline\n",
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_airflow_that_refuses_us_says_so_to_every_command() {
    let server = fake::airflow().await;
    let refusal = serde_json::json!({"detail": "Invalid credentials"});
    fake::answer(
        &server,
        "/auth/token",
        wiremock::ResponseTemplate::new(401).set_body_json(refusal),
    )
    .await;
    let home = Home::new();
    home.config(&format!(
        "[[backend]]\nname = \"lab\"\nkind = \"airflow\"\nurl = \"{}\"\nuser = \"u\"\npassword = \"env:HOME\"\n",
        server.uri()
    ));
    tokio::task::spawn_blocking(move || {
        let why = "user or password was refused";
        home.dagtop(&["doctor"]).code(1).says(&[why]);
        home.dagtop(&["status"]).code(3).says(&["UNKNOWN", why]);
        home.dagtop(&["logs", "lab/orders"])
            .code(1)
            .complains(&["lab can't be asked: ", why]);
        home.dagtop(&["act", "trigger", "lab/orders", "--yes"])
            .code(1)
            .complains(&["lab can't be asked: ", why]);
        let secret = home.path().to_str().unwrap().to_owned();
        let picture = home.dagtop(&["snapshot", "--size", "120x24"]).code(0);
        assert!(!picture.out.contains(&secret), "{}", picture.out);
    })
    .await
    .unwrap();
}
