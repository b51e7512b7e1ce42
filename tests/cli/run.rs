//! `dagtop run FILE --plain`

use rustix::process::Signal;

use crate::support::home::{Home, alive, pid_in, until};
use crate::{BAD, BROKEN, ENDLESS, FLAKY, GOOD};

#[test]
fn a_good_run_tells_its_nodes_and_ends_with_0() {
    let home = Home::new();
    home.file("good.toml", GOOD);
    let done = home
        .dagtop(&["run", "good.toml", "--plain"])
        .code(0)
        .quietly();
    let words: Vec<&str> = done.out.lines().map(|l| l[9..].trim()).collect();
    assert_eq!(words.last(), Some(&"succeeded"), "{words:?}");
    let at = |line: &str| words.iter().position(|w| *w == line);
    assert!(at("succeeded  make") < at("succeeded  greet"), "{words:?}");
    assert!(at("succeeded  make").is_some(), "{words:?}");
}

#[test]
fn a_failing_run_says_where_and_why_and_ends_with_1() {
    let home = Home::new();
    home.file("bad.toml", BAD);
    let done = home.dagtop(&["run", "bad.toml", "--plain"]).code(1);
    done.says(&[
        "failed     load exit 3",
        "blocked    report",
        "  load: ValueError: no such region",
    ]);
}

#[test]
fn a_flaky_run_succeeds_on_its_retry() {
    let home = Home::new();
    home.file("flaky.toml", FLAKY);
    let done = home.dagtop(&["run", "flaky.toml", "--plain"]).code(0);
    done.says(&["retrying   fetch exit 75", "succeeded  fetch (attempt 2)"]);
}

#[test]
fn everything_wrong_in_a_file_is_told_with_its_place_before_anything_starts() {
    let home = Home::new();
    home.file("broken.toml", BROKEN);
    for args in [
        &["run", "broken.toml"][..],
        &["run", "broken.toml", "--plain"],
    ] {
        let done = home.dagtop(args).code(2).complains(&[
            "broken.toml:1:1: unknown key `nam`; did you mean `name`?",
            "broken.toml:4:7: `node.run` must be a string",
            "broken.toml:5:10: `a` needs `zz`",
            "broken.toml:7:6: `a` is already the id of the node on line 3",
        ]);
        assert_eq!(done.out, "");
    }
    assert!(!home.state().exists());
}

#[test]
fn a_file_that_is_not_there_is_code_2() {
    let home = Home::new();
    let done = home.dagtop(&["run", "none.toml", "--plain"]).code(2);
    assert_eq!(
        done.err,
        "dagtop: can't read none.toml: No such file or directory (os error 2)\n"
    );
    home.dagtop(&["run", ".", "--plain"])
        .code(2)
        .complains(&["can't read .", "directory"]);
}

#[test]
fn parameters_reach_the_commands_and_wrong_ones_start_nothing() {
    let home = Home::new();
    home.file(
        "p.toml",
        &GOOD.replace(
            "hello $PARAM_WHO $PARAM_N\"",
            "hello $PARAM_WHO $PARAM_N\" > said",
        ),
    );
    let run = |param: &str| home.dagtop(&["run", "p.toml", "--plain", "--param", param]);
    run("who=a b=c").code(0);
    let said = std::fs::read_to_string(home.path().join("said")).unwrap();
    assert_eq!(said, "hello a b=c 1\n");
    run("n=many")
        .code(1)
        .complains(&["`n` must be of type integer, not `many`"]);
    run("whom=me")
        .code(1)
        .complains(&["there is no parameter `whom`; did you mean `who`?"]);
    run("who").code(2).complains(&["NAME=VALUE"]);
    let said = std::fs::read_to_string(home.path().join("said")).unwrap();
    assert_eq!(said, "hello a b=c 1\n", "nothing ran after the first");
}

#[test]
fn as_json_every_line_is_an_object() {
    let home = Home::new();
    home.file("bad.toml", BAD);
    let done = home
        .dagtop(&["run", "bad.toml", "--plain", "--json"])
        .code(1);
    let lines: Vec<serde_json::Value> = done
        .out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let of = |node: &str, state: &str| {
        lines
            .iter()
            .find(|l| l["node"] == node && l["state"] == state)
            .unwrap_or_else(|| panic!("{node} {state}: {lines:#?}"))
    };
    assert_eq!(of("load", "failed")["exit_code"], 3);
    assert!(
        lines
            .iter()
            .any(|l| l["error"] == "ValueError: no such region")
    );
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["node"], &last["state"]),
        (&serde_json::Value::Null, &"failed".into())
    );
}

#[test]
fn without_a_terminal_no_screen_is_begun_and_nothing_starts() {
    let home = Home::new();
    home.file("good.toml", GOOD);
    home.dagtop(&["run", "good.toml"])
        .code(1)
        .complains(&["a screen needs a terminal", "--plain"]);
    assert!(!home.state().exists());
}

#[test]
fn a_signal_ends_the_run_with_everything_in_it() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let home = Home::new();
        home.file("endless.toml", ENDLESS);
        let mut going = home.start(&["run", "endless.toml", "--plain"]);
        let node = pid_in(&home.path().join("pid"));
        going.until_says("running    wait");
        going.signal(signal);
        going.wait().code(code).complains(&["ending the run"]);
        until("the end of the node's process", || !alive(node));
    }
}
