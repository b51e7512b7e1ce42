//! What a service saw is there when it is gone: counted, exported, reported, shown again, and audited when it goes.

use rustix::process::Signal;

use crate::support::home::{Home, until};

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
    until("the success is kept", || records(&home, "nodes") == 2);
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
        .says(&["ValueError: bad row 7", "the run failed"]);

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
