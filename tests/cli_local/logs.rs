//! `dagtop logs`

use crate::support::home::{Home, pid_in};
use crate::{BAD, ENDLESS, FLAKY, GOOD};

fn ran(pipelines: &[(&str, &str)]) -> Home {
    let home = Home::new();
    home.here("");
    for (name, text) in pipelines {
        home.pipeline(name, text);
    }
    for (name, _) in pipelines {
        let address = format!("here/{name}");
        home.dagtop(&["act", "trigger", &address, "--yes"]).code(0);
    }
    home
}

#[test]
fn a_log_is_printed_by_node_by_worst_node_and_as_json() {
    let home = ran(&[("bad", BAD)]);
    let failure = "loading\nValueError: no such region\n";
    for address in ["here/bad", "here/bad/latest", "here/bad/latest/load"] {
        let done = home.dagtop(&["logs", address]).code(0).quietly();
        assert_eq!(done.out, failure, "{address}");
    }
    let made = home.dagtop(&["logs", "here/bad/latest/make"]).code(0);
    assert_eq!(made.out, "made\n");
    let done = home.dagtop(&["logs", "here/bad", "--json"]).code(0);
    let texts: Vec<String> = done
        .out
        .lines()
        .map(|l| {
            serde_json::from_str::<serde_json::Value>(l).unwrap()["text"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(texts.join("\n") + "\n", failure);
}

#[test]
fn every_attempt_has_its_log() {
    let home = ran(&[("flaky", FLAKY)]);
    let log =
        |attempt: &str| home.dagtop(&["logs", "here/flaky/latest/fetch", "--attempt", attempt]);
    assert_eq!(log("1").code(0).out, "ERROR not yet\n");
    assert_eq!(log("2").code(0).out, "fetched in attempt 2\n");
    assert_eq!(
        home.dagtop(&["logs", "here/flaky"]).code(0).out,
        "fetched in attempt 2\n"
    );
    log("3")
        .code(2)
        .complains(&["fetch has had 2 attempts, not 3"]);
    log("0").code(2);
}

#[test]
fn an_address_that_names_nothing_says_what_is_there() {
    let home = ran(&[("bad", BAD)]);
    let wrong = |address: &str, wanted: &[&str]| {
        let done = home.dagtop(&["logs", address]).code(2).complains(wanted);
        assert_eq!(done.out, "");
    };
    wrong(
        "nowhere/bad",
        &["there is no backend \"nowhere\"; there are: here"],
    );
    wrong("here/bd", &["no pipeline \"bd\"; did you mean \"bad\"?"]);
    wrong(
        "here/bad/never",
        &["bad has no run \"never\"; the newest are: 20"],
    );
    wrong(
        "here/bad/latest/laod",
        &["no node \"laod\"; did you mean \"load\"?"],
    );
    wrong("here", &["write BACKEND/PIPELINE/RUN/NODE"]);
    for form in ["", "here//bad", "here/bad/latest/load/1", "here/%zz"] {
        wrong(form, &["is not an address", "%2F"]);
    }
}

#[test]
fn a_log_that_is_not_there_yet_is_code_1() {
    let home = ran(&[("bad", BAD)]);
    home.pipeline("good", GOOD);
    home.dagtop(&["logs", "here/good"])
        .code(1)
        .complains(&["good has not run yet"]);
    home.dagtop(&["logs", "here/good/latest/make"])
        .code(1)
        .complains(&["good has not run yet"]);
    home.dagtop(&["logs", "here/bad/latest/report"])
        .code(1)
        .complains(&["report has not run in", "there is no log"]);
}

#[test]
fn names_with_slashes_and_percent_signs_can_be_written() {
    let odd = "name = \"team/100%\"\n[[node]]\nid = \"a.b\"\nrun = \"echo odd\"\n";
    let home = Home::new();
    home.here("");
    home.pipeline("odd", odd);
    home.dagtop(&["act", "trigger", "here/team%2F100%25", "--yes"])
        .code(0);
    let done = home
        .dagtop(&["logs", "here/team%2f100%25/latest/a.b"])
        .code(0);
    assert_eq!(done.out, "odd\n");
}

#[test]
fn following_waits_for_a_node_that_has_not_begun_and_ends_with_it() {
    let home = Home::new();
    home.here("");
    home.pipeline(
        "slow",
        "[[node]]\nid = \"first\"\nrun = 'while test ! -e go; do sleep 0.05; done'\n\
         [[node]]\nid = \"second\"\nneeds = [\"first\"]\nrun = 'echo one; printf two'\n",
    );
    let mut act = home.start(&["act", "trigger", "here/slow", "--yes"]);
    act.until_says("started");
    home.dagtop(&["logs", "here/slow/latest/second"])
        .code(1)
        .complains(&["second has not run in", "-f waits for it"]);
    let follow = home.start(&["logs", "-f", "here/slow/latest/second"]);
    home.file("p/go", "");
    assert_eq!(follow.wait().code(0).quietly().out, "one\ntwo\n");
    act.wait().code(0);
}

#[test]
fn a_log_that_is_still_written_is_printed_as_far_as_it_is() {
    let home = Home::new();
    home.here("");
    home.pipeline("endless", ENDLESS);
    let act = home.start(&["act", "trigger", "here/endless", "--yes"]);
    pid_in(&home.path().join("p/pid"));
    let done = home.dagtop(&["logs", "here/endless"]).code(0);
    assert_eq!(done.out, "begun\n");
    let mut follow = home.start(&["logs", "--follow", "here/endless"]);
    follow.until_says("begun\n");
    follow.signal(rustix::process::Signal::INT);
    follow.wait().code(130);
    act.signal(rustix::process::Signal::INT);
    act.wait().code(130);
}

#[test]
fn hostile_bytes_in_a_log_are_text_in_the_end() {
    let home = ran(&[(
        "evil",
        r#"[[node]]
id = "e"
run = "printf 'a\\033]0;title\\007b\\033[2Jc\\n'"
"#,
    )]);
    let done = home.dagtop(&["logs", "here/evil"]).code(0);
    assert!(
        !done.out.contains('\u{1b}') && !done.out.contains('\u{7}'),
        "{:?}",
        done.out
    );
    assert_eq!(done.out, "abc\n");
}
