//! What a service saw is there when it is gone: counted, exported, reported, shown again, and audited when it goes.

use rustix::process::Signal;

use crate::support::home::{Home, until};
use crate::support::team::Team;

const FAILS: &str = "name = \"bad\"\n[[node]]\nid = \"load\"\n\
    run = \"echo 'ValueError: bad row 7' >&2; exit 3\"\n";
const WORKS: &str = "name = \"bad\"\n[[node]]\nid = \"load\"\nrun = \"echo fine\"\n";

fn records(home: &Home, kind: &str) -> u64 {
    let size = home.dagtop(&["history", "size", "--json"]).code(0).json();
    size["records"][kind].as_u64().unwrap()
}

#[test]
fn what_was_seen_outlives_the_program_that_saw_it() {
    let home = Home::new();
    home.pipeline("bad", FAILS);
    home.here("");
    let mut serve = home.start(&["serve"]);
    serve.until_complains("event=backend");
    home.dagtop(&["act", "trigger", "here/bad", "--yes"]);
    until("the failure is kept with the end of its log", || {
        records(&home, "nodes") == 1 && records(&home, "tails") == 1
    });
    home.pipeline("bad", WORKS);
    home.dagtop(&["act", "trigger", "here/bad", "--yes"]);
    until("the success is kept", || {
        let runs = home.dagtop(&["export", "runs", "--format", "csv"]);
        records(&home, "nodes") == 2 && runs.out.contains(",succeeded,")
    });
    serve.signal(Signal::TERM);
    serve.wait().code(0);

    home.dagtop(&["history", "check"])
        .code(0)
        .says(&["the history is whole"]);
    let runs = home
        .dagtop(&["export", "runs", "--format", "csv"])
        .code(0)
        .out;
    let of = |health: &str| runs.lines().filter(|l| l.contains(health)).count();
    assert_eq!((of("failed"), of("succeeded")), (1, 1), "{runs}");
    let nodes = home
        .dagtop(&["export", "nodes", "--format", "jsonl"])
        .code(0)
        .out;
    let codes: Vec<i64> = nodes
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap())
        .map(|node| node["exit_code"].as_i64().unwrap())
        .collect();
    assert_eq!(codes, [3, 0]);
    let report = home
        .dagtop(&["report", "--period", "1d", "--format", "json"])
        .code(0)
        .json();
    assert!(report.to_string().contains("here"), "{report}");
    home.dagtop(&["report", "--incident", "--since", "1h"])
        .code(0)
        .says(&["ValueError: bad row 7"]);

    // what is exported is shown where nothing else is known
    home.dagtop(&["record", "incident.dagtop", "--since", "1h"])
        .code(0);
    let elsewhere = Home::new();
    std::fs::copy(
        home.path().join("incident.dagtop"),
        elsewhere.path().join("incident.dagtop"),
    )
    .unwrap();
    elsewhere
        .dagtop(&["report", "--incident", "incident.dagtop"])
        .code(0)
        // all of it although nobody watches that backend there: also why it failed, and what mended it
        .says(&[
            "failed (exit 3)",
            "began: ",
            "ValueError: bad row 7. Try: read the log.",
            "succeeded: the run before it had not",
        ]);

    home.dagtop(&["history", "size"])
        .code(0)
        .says(&[" of 5.0 GB; how it grows is known after a day"]);
    home.dagtop(&["history", "prune"]).code(0);
    home.dagtop(&["history", "vacuum"])
        .code(0)
        .says(&["given back"]);
    assert_eq!(records(&home, "nodes"), 2);
    home.dagtop(&["audit", "verify"]).code(0);
    let audit = home.dagtop(&["audit", "--json"]).code(0).out;
    let audited: Vec<String> = audit
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap())
        .map(|line| line["action"].as_str().unwrap_or_default().to_owned())
        .collect();
    for action in ["serve", "trigger", "export", "report", "prune", "vacuum"] {
        assert!(audited.iter().any(|a| a == action), "{action}: {audited:?}");
    }
}

/// Seen as it happened, by whoever has nothing but the file.
#[test]
fn what_happens_is_recorded_until_it_is_interrupted() {
    let home = Home::new();
    home.pipeline("bad", FAILS);
    home.here("");
    let mut recording = home.start(&["record", "live.dagtop", "--follow"]);
    recording.until_complains("recording");
    home.dagtop(&["act", "trigger", "here/bad", "--yes"]);
    until("the failure was seen", || {
        let status = home.dagtop(&["status", "--json"]);
        status.out.contains("failed")
    });
    assert!(!home.path().join("live.dagtop").exists(), "it isn't whole");
    // looked at every second
    std::thread::sleep(std::time::Duration::from_secs(3));
    recording.signal(Signal::INT);
    recording.wait().code(0);
    let elsewhere = Home::new();
    let file = elsewhere.path().join("live.dagtop");
    std::fs::copy(home.path().join("live.dagtop"), &file).unwrap();
    elsewhere
        .dagtop(&["report", "--incident", "live.dagtop"])
        .code(0)
        .says(&["ValueError: bad row 7", "failed (exit 3)", "failed at load"]);
}

/// What one machine saw is reported, exported and shown again on another.
#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn postgres_shows_a_colleague_what_was_seen() {
    let (team, home, colleague) = (Team::new("cli"), Home::new(), Home::new());
    home.pipeline("bad", FAILS);
    for machine in [&home, &colleague] {
        machine.here(&format!("[history]\nurl = \"{}\"\n", team.url()));
    }
    let mut serve = home.start(&["serve"]);
    serve.until_complains("event=backend");
    home.dagtop(&["act", "trigger", "here/bad", "--yes"]);
    until("the failure is kept with the end of its log", || {
        records(&colleague, "nodes") == 1 && records(&colleague, "tails") == 1
    });
    serve.signal(Signal::TERM);
    serve.wait().code(0);

    let runs = colleague.dagtop(&["export", "runs", "--format", "csv"]);
    assert!(runs.code(0).out.contains("failed"));
    colleague
        .dagtop(&["report", "--incident", "--since", "1h"])
        .code(0)
        .says(&["ValueError: bad row 7", "failed (exit 3)"]);
    for record in [
        ["record", "a.dagtop", "--since", "1h"],
        ["replay", "--export", "b.dagtop", "--since=1h"],
    ] {
        let done = colleague.dagtop(&record).code(0);
        assert!(done.err.contains("events are in"), "{}", done.err);
    }
    let alone = Home::new();
    for file in ["a.dagtop", "b.dagtop"] {
        std::fs::copy(colleague.path().join(file), alone.path().join(file)).unwrap();
        alone
            .dagtop(&["report", "--incident", file])
            .code(0)
            .says(&["ValueError: bad row 7"]);
    }
}
