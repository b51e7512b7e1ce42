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

const MIXED: &str = "\
2026-11-20T03:11:01Z INFO loader - started rows=5
2026-11-20T03:11:03Z ERROR loader - it broke
Traceback (most recent call last):
  File \"x.py\", line 3
KeyError: 'x'
2026-11-20T03:11:05Z WARN loader - slow
plain
";

#[test]
fn files_are_filtered_by_record() {
    let home = Home::new();
    home.file("a.log", MIXED);
    let logs = |args: &[&str]| {
        let mut all = vec!["logs", "a.log"];
        all.extend(args);
        home.dagtop(&all).code(0).quietly().out
    };
    assert_eq!(logs(&[]), MIXED);
    let error: String = MIXED
        .lines()
        .skip(1)
        .take(4)
        .map(|l| format!("{l}\n"))
        .collect();
    assert_eq!(logs(&["--query", "keyerror"]), error);
    assert_eq!(logs(&["--level", "error"]), error);
    assert_eq!(
        logs(&["-q", "level:>=warn -KeyError"]),
        "2026-11-20T03:11:05Z WARN loader - slow\n"
    );
    assert_eq!(
        logs(&["-q", "@rows:[1 TO 5]"]),
        "2026-11-20T03:11:01Z INFO loader - started rows=5\n"
    );
    assert_eq!(
        logs(&[
            "--since",
            "2026-11-20 03:11:02",
            "--until",
            "2026-11-20T03:11:05Z"
        ]),
        error
    );
    assert_eq!(logs(&["-q", "nothing"]), "");
}

#[test]
fn records_are_printed_as_json() {
    let home = Home::new();
    home.file("a.log", MIXED);
    let done = home.dagtop(&["logs", "a.log", "--json"]).code(0);
    let records: Vec<serde_json::Value> = done
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 4);
    assert_eq!(records[0]["fields"]["rows"], 5);
    let error = &records[1];
    assert_eq!(error["time"], "2026-11-20T03:11:03Z");
    assert_eq!(
        (&error["level"], &error["source"]),
        (&"error".into(), &"loader".into())
    );
    assert_eq!(
        (&error["message"], &error["cause"]),
        (&"it broke".into(), &"KeyError: 'x'".into())
    );
    assert_eq!(error["text"].as_str().unwrap().lines().count(), 4);
    // a record without a time has that of the one before it
    assert_eq!(records[3]["time"], "2026-11-20T03:11:05Z");
}

#[test]
fn several_files_are_merged_by_time_record_by_record() {
    let home = Home::new();
    home.file("a.log", MIXED);
    home.file(
        "b.log",
        "2026-11-20T03:11:02Z INFO x - b2\n2026-11-20T03:11:04Z INFO x - b4",
    );
    let done = home.dagtop(&["logs", "a.log", "b.log"]).code(0).quietly();
    let order: Vec<&str> = done.out.lines().map(|l| l.split_at(6).0).collect();
    assert_eq!(
        order,
        [
            "a.log ", "b.log ", "a.log ", "a.log ", "a.log ", "a.log ", "b.log ", "a.log ",
            "a.log "
        ]
    );
    assert!(
        done.out
            .contains("b.log | 2026-11-20T03:11:04Z INFO x - b4\n")
    );
    let done = home
        .dagtop(&["logs", "b.log", "a.log", "-l", "error"])
        .code(0);
    assert_eq!(done.out.lines().count(), 4);
}

#[test]
fn stdin_is_read_and_hostile_bytes_are_text_or_shown() {
    let home = Home::new();
    let evil = "a\u{1b}]0;title\u{7}b\u{1b}[2Jc\u{202e}\n\u{1b}[31mred\u{1b}[0m 10%\r20%\n";
    home.file("evil.log", evil);
    let shown = home.dagtop(&["logs", "evil.log"]).code(0).out;
    assert_eq!(shown, "abc⟨U+202E⟩\n20%\n");
    let raw = home.dagtop(&["logs", "evil.log", "--raw"]).code(0).out;
    assert_eq!(raw, "a␛]0;title␇b␛[2Jc⟨U+202E⟩\n␛[31mred␛[0m 10%␍20%\n");
    // colours only where they are wanted, and only our own
    let colour = home
        .dagtop(&["logs", "evil.log", "--color", "16"])
        .code(0)
        .out;
    assert_eq!(colour, "abc⟨U+202E⟩\n20%\n");
    home.file("red.log", "\u{1b}[31;5mred\u{1b}[0m plain\n");
    let colour = home
        .dagtop(&["logs", "red.log", "--color", "16"])
        .code(0)
        .out;
    assert_eq!(colour, "\u{1b}[31mred\u{1b}[0m plain\n");
    home.file("e.log", "ERROR x\n");
    let colour = home
        .dagtop(&["logs", "e.log", "--color", "256"])
        .code(0)
        .out;
    assert_eq!(colour, "\u{1b}[31mERROR x\u{1b}[0m\n");
    let piped = home.dagtop(&["logs", "-"]).code(0);
    assert_eq!(piped.out, "");
}

#[test]
fn a_file_is_followed_through_rotation() {
    let home = Home::new();
    home.file("a.log", "one\n");
    let mut follow = home.start(&["logs", "-f", "a.log"]);
    follow.until_says("one\n");
    std::fs::rename(home.path().join("a.log"), home.path().join("a.log.1")).unwrap();
    home.file("a.log", "two\n");
    follow.until_says("the file was replaced here; what follows is from the new one\ntwo\n");
    follow.signal(rustix::process::Signal::INT);
    assert_eq!(follow.wait().out.lines().next(), Some("one"));
}

#[test]
fn what_is_wrong_with_the_command_line_is_told() {
    let home = Home::new();
    home.file("a.log", MIXED);
    let wrong = |args: &[&str], wanted: &[&str]| {
        let mut all = vec!["logs"];
        all.extend(args);
        home.dagtop(&all).code(2).complains(wanted);
    };
    wrong(
        &["a.log", "-q", "level:"],
        &["column 1: a value is missing after `level:`"],
    );
    wrong(
        &["a.log", "-q", "lvel:error"],
        &["there is no facet `lvel`", "did you mean level:?"],
    );
    wrong(
        &["a.log", "--since", "yesterday"],
        &["`yesterday` is no time", "90m"],
    );
    wrong(&["a.log", "here/x"], &["there is no file `here/x`"]);
    wrong(&["-", "-"], &["stdin can be read only once"]);
    wrong(&[], &["required"]);
    home.dagtop(&["logs", "./none.log"])
        .code(1)
        .complains(&["can't read ./none.log", "No such file"]);
    home.dagtop(&["logs", "."])
        .code(1)
        .complains(&["can't read .", "directory"]);
}
