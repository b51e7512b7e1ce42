//! `dagtop act`

use rustix::process::Signal;
use serde_json::json;

use crate::support::home::{Home, alive, pid_in, until};
use crate::support::pty::{Pty, command};
use crate::{BAD, ENDLESS, FLAKY, GOOD};

fn home(more: &str) -> Home {
    let home = Home::new();
    home.here(more);
    home.pipeline("good", GOOD);
    home.pipeline("bad", BAD);
    home
}

/// How often the pipeline has run.
fn runs(home: &Home, pipeline: &str) -> usize {
    let dir = home.state().join("local/here").join(pipeline);
    let Ok(entries) = std::fs::read_dir(dir) else {
        return 0;
    };
    entries
        .filter(|e| e.as_ref().unwrap().path().is_dir())
        .count()
}

fn steps(home: &Home) -> Vec<(String, String)> {
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    let audit = home.audit();
    audit
        .iter()
        .map(|l| (text(&l["action"]), text(&l["step"])))
        .collect()
}

#[test]
fn without_a_yes_the_plan_is_printed_and_nothing_done() {
    let home = home("");
    let done = home.dagtop(&["act", "trigger", "here/good"]).code(1);
    done.says(&[
        "Starts a run of 2 nodes",
        "good -> a new run",
        "nothing was done",
    ])
    .complains(&["--yes does it"]);
    let done = home
        .dagtop(&["act", "trigger", "here/good", "--dry-run"])
        .code(0)
        .quietly();
    done.says(&["nothing was done"]);
    let json = home
        .dagtop(&["act", "trigger", "here/good", "--dry-run", "--json"])
        .code(0)
        .json();
    assert_eq!(json["outcome"], "planned");
    assert_eq!(json["plan"]["hits"][0]["name"], "good");
    assert_eq!(runs(&home, "good"), 0);
    assert_eq!(home.audit(), Vec::<serde_json::Value>::new());
}

#[test]
fn what_is_triggered_runs_to_its_end_and_is_seen_and_audited() {
    let home = home("");
    let args = [
        "act",
        "trigger",
        "here/good",
        "--yes",
        "--param",
        "who=me",
        "--param",
        "n=7",
        "--run-id",
        "mine",
    ];
    home.dagtop(&args).code(0).says(&[
        "confirmed: run mine started\n",
        "succeeded here/good/mine\n",
    ]);
    let log = home.dagtop(&["logs", "here/good/mine/greet"]).code(0);
    assert_eq!(log.out, "hello me 7\n");
    let line = |action: &str, step: &str| (action.to_owned(), step.to_owned());
    let wanted = ["approved", "requested", "confirmed"].map(|s| line("trigger", s));
    assert_eq!(steps(&home), wanted);
    let audit = &home.audit()[0];
    assert_eq!(
        (&audit["target"], &audit["backend"]),
        (&json!("good"), &json!("here"))
    );
    let text = audit.to_string();
    assert!(
        audit["at"].is_string() && !text.contains("\"me\""),
        "{text}"
    );
    // twice is once
    home.dagtop(&args)
        .code(0)
        .says(&["run mine was started before"]);
    assert_eq!(runs(&home, "good"), 1);
}

#[test]
fn a_run_that_fails_is_told_and_the_action_was_done_all_the_same() {
    let home = home("");
    home.dagtop(&["act", "trigger", "here/bad", "--yes", "--run-id", "r"])
        .code(0)
        .says(&["failed here/bad/r\n"]);
    let json = home
        .dagtop(&["act", "restart", "here/bad/r", "--yes", "--json"])
        .code(0)
        .json();
    assert_eq!(json["outcome"], "confirmed");
    assert_eq!(json["runs"][0]["health"], "failed");
    assert_eq!(runs(&home, "bad"), 2);
}

#[test]
fn a_retry_runs_what_failed_and_what_waits_for_it() {
    let home = Home::new();
    home.here("");
    home.pipeline(
        "bad",
        &BAD.replace("exit 3", "test -e ../p/fixed || exit 3"),
    );
    home.dagtop(&["act", "trigger", "here/bad", "--yes"])
        .code(0);
    home.dagtop(&["act", "retry", "here/bad/latest"])
        .code(1)
        .says(&[
            "  load  exit 3 -> pending\n",
            "  report  blocked by load (failed) -> pending\n",
        ]);
    home.file("p/fixed", "");
    home.dagtop(&["act", "retry", "here/bad/latest", "--yes"])
        .code(0)
        .says(&["confirmed: 2 nodes will run again", "succeeded here/bad/"]);
    home.dagtop(&["status"]).code(0);
    assert_eq!(runs(&home, "bad"), 1);
    home.dagtop(&["act", "retry", "here/bad/latest", "--yes"])
        .code(1)
        .says(&["nothing to do"]);
}

#[test]
fn pause_resume_mark_and_note_are_done_and_twice_is_nothing_to_do() {
    let home = home("");
    let act = |args: &[&str]| home.dagtop(&[&["act"], args, &["--yes"]].concat());
    act(&["pause", "here/good"])
        .code(0)
        .says(&["confirmed: the pipeline is paused"]);
    act(&["pause", "here/good"])
        .code(1)
        .says(&["nothing to do"]);
    act(&["resume", "here/good"])
        .code(0)
        .says(&["confirmed: the pipeline is active"]);
    act(&["trigger", "here/bad"]).code(0);
    act(&["cancel", "here/bad/latest"])
        .code(1)
        .says(&["nothing to do: the run is over (failed)"]);
    act(&["note", "here/bad/latest", "--note", "region is new"]).code(0);
    act(&["mark", "here/bad/latest/load", "--as", "succeeded"]).code(0);
    let report = home.dagtop(&["logs", "here/bad/latest/report"]).code(0);
    assert_eq!(report.out, "reported\n", "what waited for it went on");
    home.dagtop(&["status"]).code(0);
}

#[test]
fn what_cant_be_done_says_what_comes_nearest() {
    let home = home("");
    home.dagtop(&["act", "trigger", "here/good", "--yes"])
        .code(0);
    let refused = |args: &[&str], wanted: &str| {
        home.dagtop(&[&["act"], args, &["--yes"]].concat())
            .code(1)
            .says(&[wanted]);
    };
    refused(
        &["retry", "here/good"],
        "nearest: dagtop act retry BACKEND/PIPELINE/RUN",
    );
    refused(
        &["trigger", "here/good/latest"],
        "nearest: dagtop act restart BACKEND/PIPELINE/RUN",
    );
    refused(
        &["trigger", "here/good", "--param", "n=x"],
        "`n` must be of type integer, not `x`",
    );
    refused(
        &["trigger", "here/good", "--param", "wo=x"],
        "did you mean `who`?",
    );
}

#[test]
fn options_that_mean_nothing_are_refused_before_anything_is_asked() {
    let home = home("");
    let wrong = |args: &[&str], wanted: &str| {
        home.dagtop(&[&["act"], args].concat())
            .code(2)
            .complains(&[wanted]);
    };
    wrong(
        &["retry", "here/bad", "--param", "a=b"],
        "--param means nothing to retry; it is for trigger",
    );
    wrong(
        &["pause", "here/bad", "--note", "x"],
        "--note means nothing to pause",
    );
    wrong(
        &["mark", "here/bad/latest/load"],
        "mark needs --as succeeded",
    );
    wrong(&["note", "here/bad/latest"], "note needs --note TEXT");
    wrong(&["explode", "here/bad"], "possible values: pause, resume");
    wrong(
        &["trigger", "here/bad", "--yes", "--dry-run"],
        "cannot be used with",
    );
    wrong(
        &["trigger", "there/bad"],
        "there is no backend \"there\"; there are: here",
    );
    assert!(!home.state().join("audit.jsonl").exists() || home.audit().is_empty());
}

#[test]
fn a_protected_backend_wants_the_name() {
    let home = home("protect = true");
    let act = |more: &[&str]| home.dagtop(&[&["act", "trigger", "here/good"], more].concat());
    act(&[]).code(1).complains(&["--confirm good does it"]);
    act(&["--yes"])
        .code(1)
        .complains(&["here is protected: --confirm good instead of --yes; nothing was done"]);
    act(&["--confirm", "goof"]).code(1).complains(&[
        "\"goof\" is not the name of what this would hit, \"good\"; nothing was done",
    ]);
    assert_eq!(runs(&home, "good"), 0);
    act(&["--confirm", "good"])
        .code(0)
        .says(&["succeeded here/good/"]);
    assert_eq!(runs(&home, "good"), 1);
}

#[test]
fn a_confirmed_name_must_fit_where_it_is_not_asked_for_too() {
    let home = home("");
    home.dagtop(&["act", "trigger", "here/good", "--confirm", "bad"])
        .code(1);
    assert_eq!(runs(&home, "good"), 0);
    home.dagtop(&["act", "trigger", "here/good", "--confirm", "good"])
        .code(0);
}

#[test]
fn a_read_only_backend_refuses_everything() {
    let home = home("read_only = true");
    for args in [
        &["act", "trigger", "here/good", "--yes"][..],
        &["act", "stop", "here", "--confirm", "here"],
    ] {
        home.dagtop(args)
            .code(1)
            .says(&["here is read_only in the config"]);
    }
    assert_eq!(runs(&home, "good"), 0);
    home.dagtop(&["status"]).code(0);
}

#[test]
fn a_run_of_another_dagtop_is_refused_with_the_reason() {
    let home = home("");
    home.pipeline("endless", ENDLESS);
    let mut other = home.start(&["act", "trigger", "here/endless", "--yes"]);
    let node = pid_in(&home.path().join("p/pid"));
    other.until_says("started");
    let pid = other.pid().as_raw_nonzero().to_string();
    for action in ["cancel", "pause", "restart"] {
        home.dagtop(&["act", action, "here/endless/latest", "--yes"])
            .code(1)
            .says(&["driven by another dagtop", &pid, "act there"]);
    }
    home.dagtop(&["act", "stop", "here", "--confirm", "here"])
        .code(1)
        .says(&["1 run driven by another dagtop will not be hit"]);
    // what it did itself is not held up by the other's run
    home.dagtop(&["act", "trigger", "here/good", "--yes"])
        .code(0)
        .says(&["succeeded here/good/"]);
    assert!(alive(node));
    let refused = steps(&home).iter().filter(|(_, s)| s == "refused").count();
    assert_eq!(refused, 4, "{:?}", steps(&home));
    other.signal(Signal::TERM);
    other.wait().code(143);
    until("the end of the node's process", || !alive(node));
    home.dagtop(&["status"]).code(0);
}

#[test]
fn stop_is_never_done_with_a_bare_yes() {
    let home = home("");
    home.pipeline("flaky", FLAKY);
    // nothing runs, and that comes before the question
    home.dagtop(&["act", "stop", "here/flaky", "--yes"])
        .code(1)
        .says(&["nothing to do"]);
    home.dagtop(&["act", "stop", "here", "--yes"])
        .code(1)
        .says(&["nothing to do"]);
}

/// `dagtop act` in a terminal, where it asks.
fn asked(home: &Home, args: &[&str]) -> Pty {
    let mut dagtop = command(env!("CARGO_BIN_EXE_dagtop"));
    dagtop.env("HOME", home.path());
    dagtop.cwd(home.path());
    dagtop.arg("act");
    dagtop.args(args);
    let pty = Pty::spawn(dagtop, 100, 30);
    pty.wait_text("to do it:");
    pty
}

#[test]
fn in_a_terminal_it_asks_and_only_a_typed_yes_counts() {
    let home = home("");
    for (answer, code) in [
        ("\r", 1),
        ("y\r", 1),
        ("no\r", 1),
        ("\x04", 1),
        ("\x03", 130),
    ] {
        let mut pty = asked(&home, &["trigger", "here/good"]);
        pty.send(answer);
        assert_eq!(
            pty.wait_exit().exit_code(),
            code,
            "{answer:?}: {}",
            pty.text()
        );
        let plans = pty.text().matches("Starts a run of 2 nodes").count();
        assert_eq!(plans, 1, "the plan is shown once: {}", pty.text());
    }
    assert_eq!((runs(&home, "good"), home.audit().len()), (0, 0));
    let mut pty = asked(&home, &["trigger", "here/good"]);
    pty.send("yes\r");
    assert_eq!(pty.wait_exit().exit_code(), 0, "{}", pty.text());
    pty.wait_text("succeeded here/good/");
    assert_eq!(runs(&home, "good"), 1);
}

#[test]
fn in_a_terminal_a_protected_backend_asks_for_the_name() {
    let home = home("protect = true");
    let mut pty = asked(&home, &["trigger", "here/good"]);
    pty.wait_text("Type good to do it:");
    pty.send("yes\r");
    assert_eq!(pty.wait_exit().exit_code(), 1);
    let mut pty = asked(&home, &["trigger", "here/good"]);
    pty.send("good\r");
    assert_eq!(pty.wait_exit().exit_code(), 0, "{}", pty.text());
    assert_eq!(runs(&home, "good"), 1);
}
