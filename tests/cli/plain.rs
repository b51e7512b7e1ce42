//! The command line as a shell sees it: output, errors, exit codes.

use std::process::{Command, Stdio};

use crate::support::home::{Done, Home};

fn out(done: &Done) -> &str {
    &done.out
}

fn err(done: &Done) -> &str {
    &done.err
}

#[test]
fn paths_are_told_as_text_and_as_json() {
    let home = Home::new();
    let text = home.dagtop(&["--paths"]);
    let config = home.path().join(".config/dagtop/config.toml");
    assert!(
        out(&text).contains(&format!("{}  (not there yet)", config.display())),
        "{}",
        out(&text)
    );
    let json: serde_json::Value = home.dagtop(&["--paths", "--json"]).json();
    assert_eq!(json["config"]["path"], config.to_str().unwrap());
    assert_eq!(json["config"]["exists"], false);
}

#[test]
fn every_shell_gets_its_completions() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = home.dagtop(&["completions", shell]);
        assert!(
            output.code == Some(0) && out(&output).contains("dagtop"),
            "{shell}: {}",
            err(&output)
        );
    }
}

#[test]
fn a_wrong_command_line_is_code_2() {
    let output = Home::new().dagtop(&["completion"]);
    assert_eq!(output.code, Some(2));
    assert!(err(&output).contains("completions"), "{}", err(&output));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_dagtop"));
    let child = command
        .args(["completions", "bash"])
        .stdout(writer)
        .stderr(Stdio::piped());
    let output = child.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn a_graph_comes_out_in_every_form() {
    let home = Home::new();
    home.file("g.tsv", "extract\tload\nload\treport\n");
    let graph = |args: &[&str]| {
        let output = home.dagtop(&[&["graph", "g.tsv"], args].concat());
        assert!(output.code == Some(0), "{args:?}: {}", err(&output));
        out(&output).to_owned()
    };
    let text = graph(&[]);
    assert!(
        text.contains("extract") && text.contains('╭') && !text.contains('\x1b'),
        "{text}"
    );
    let ascii = graph(&["--ascii"]);
    assert!(ascii.is_ascii() && ascii.contains("report"), "{ascii}");
    assert!(graph(&["--compact"]).lines().count() < text.lines().count());
    assert!(graph(&["--direction", "tb"]).lines().count() > text.lines().count());
    let ansi = graph(&["--format", "ansi"]);
    assert!(
        ansi.contains("\x1b[") && ansi.contains("extract"),
        "{ansi:?}"
    );
    let names: Vec<&str> = ansi.lines().filter(|line| line.contains("load")).collect();
    assert!(
        names.iter().all(|line| line.contains("\x1b[;1m")),
        "names stand out: {names:?}"
    );
    let bare = graph(&["--format", "ansi", "--color", "never"]);
    assert!(
        !bare.contains("\x1b[3") && bare.contains("extract"),
        "{bare:?}"
    );
    let svg = graph(&["--format", "svg"]);
    assert!(
        svg.starts_with("<svg ") && svg.contains("extract") && svg.trim_end().ends_with("</svg>"),
        "{svg}"
    );
    let json: serde_json::Value = serde_json::from_str(&graph(&["--format", "json"])).unwrap();
    let same: serde_json::Value = serde_json::from_str(&graph(&["--json"])).unwrap();
    assert_eq!(same["nodes"], json["nodes"]);
    assert_eq!(
        (
            json["nodes"].as_array().unwrap().len(),
            json["edges"].as_array().unwrap().len()
        ),
        (3, 2)
    );
}

#[test]
fn a_graph_that_is_none_says_where_it_is_wrong() {
    let home = Home::new();
    home.file("g.tsv", "a\tb\na\tb\tc\n");
    let output = home.dagtop(&["graph", "g.tsv"]);
    assert_eq!(output.code, Some(1));
    assert!(
        err(&output).starts_with("dagtop: g.tsv: line 2"),
        "{}",
        err(&output)
    );
    let output = home.dagtop(&["graph", "none"]);
    assert!(
        err(&output).contains("can't open none: No such file"),
        "{}",
        err(&output)
    );
}

#[test]
fn doctor_without_a_configuration_shows_the_way() {
    let output = Home::new().dagtop(&["doctor"]);
    assert_eq!(output.code, Some(0), "{}", err(&output));
    assert!(out(&output).contains("dagtop demo"), "{}", out(&output));
}

#[test]
fn doctor_tells_everything_wrong_in_the_file_and_ends_with_2() {
    let home = Home::new();
    home.config("[ui]\ncolour = 1\nmouse = 3\n");
    let output = home.dagtop(&["doctor", "--json"]);
    assert_eq!(output.code, Some(2));
    let json: serde_json::Value = output.json();
    let sections = json["sections"].as_array().unwrap();
    let config = sections
        .iter()
        .find(|section| section["about"] == "configuration")
        .unwrap();
    let checks = config["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 2, "{checks:?}");
    assert!(
        checks[0]["text"]
            .as_str()
            .unwrap()
            .contains("config.toml:2:1: unknown key `colour`"),
        "{checks:?}"
    );
}

#[test]
fn doctor_finds_what_is_wrong_before_any_server_is_asked() {
    let home = Home::new();
    home.config(
        "[[backend]]\nname = \"a\"\nkind = \"airflow\"\nurl = \"http://127.0.0.1:1\"\nuser = \"u\"\n\
         password = \"env:DAGTOP_TEST_UNSET\"\ntls = { ca = \"none.pem\" }\n",
    );
    let output = home.dagtop(&["doctor"]);
    assert_eq!(output.code, Some(1), "{}", err(&output));
    let text = out(&output);
    assert!(
        text.contains("password: the environment variable DAGTOP_TEST_UNSET is not set"),
        "{text}"
    );
    assert!(
        text.contains("tls.ca: ") && text.contains("none.pem"),
        "{text}"
    );
}

#[test]
fn doctor_knows_the_themes() {
    let home = Home::new();
    home.config("[ui]\ntheme = \"nigth\"\n");
    let output = home.dagtop(&["doctor"]);
    assert_eq!(output.code, Some(2));
    let text = out(&output);
    assert!(
        text.contains("config.toml:2:9: there is no theme \"nigth\"; did you mean `night`?"),
        "{text}"
    );
    home.config(dagtop::config::EXAMPLE);
    let output = home.dagtop(&["doctor"]);
    assert_eq!(output.code, Some(0), "{}", out(&output));
}

#[test]
fn a_wrong_name_of_a_backend_gets_the_nearest() {
    let home = Home::new();
    home.config("[[backend]]\nname = \"prod\"\nkind = \"local\"\n");
    let output = home.dagtop(&["doctor", "prd"]);
    assert_eq!(output.code, Some(2));
    assert!(
        err(&output).contains("did you mean `prod`?"),
        "{}",
        err(&output)
    );
}
