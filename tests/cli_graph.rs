//! `dagtop graph` as a tool of its own: from a pipe, in parts, and with input that is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// `dagtop graph` with the input in a pipe.
fn graph(input: &[u8], args: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_dagtop"))
        .args(["graph", "-"])
        .args(args)
        .current_dir(home.path())
        .env("HOME", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feed = std::thread::spawn(move || {
        // a program that says no early need not read to the end
        let _ = pipe.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    output
}

fn drawn(input: &str, args: &[&str]) -> String {
    let output = graph(input.as_bytes(), args);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {err}");
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code and what was said.
fn refused(input: &[u8], args: &[&str]) -> String {
    let output = graph(input, args);
    assert_eq!(output.stdout, b"");
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

fn json(input: &str, args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&drawn(input, &[&["--format", "json"], args].concat())).unwrap()
}

const CLUSTERS: &str = r#"digraph {
    src -> a; a -> b; b -> out; out -> mail; out -> chat
    subgraph cluster_stage { label = "the stage"; a; b [label="second"] }
}"#;

#[test]
fn groups_collapse_all_or_by_name() {
    let whole = drawn(CLUSTERS, &[]);
    assert!(
        whole.contains("second") && !whole.contains("the stage"),
        "{whole}"
    );
    for args in [
        "--collapse",
        "--collapse=cluster_stage",
        "--collapse=the stage",
    ] {
        let text = drawn(CLUSTERS, &[args]);
        assert!(
            text.contains("the stage") && !text.contains("second"),
            "{text}"
        );
    }
    let said = refused(CLUSTERS.as_bytes(), &["--collapse=nowhere"]);
    assert!(said.contains("nowhere"), "{said}");
}

#[test]
fn focus_shows_what_a_node_hangs_on() {
    let names = |args: &[&str]| -> Vec<String> {
        let found = json(CLUSTERS, args);
        let mut names: Vec<String> = (found["nodes"].as_array().unwrap().iter())
            .map(|n| n["id"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names(&["--focus", "mail"]),
        ["a", "b", "mail", "out", "src"]
    );
    assert_eq!(names(&["--focus", "mail", "--depth", "1"]), ["mail", "out"]);
    assert_eq!(
        names(&["--focus", "second", "--depth", "1"]),
        ["a", "b", "out"]
    );
    assert_eq!(
        names(&["--collapse", "--focus", "cluster_stage", "--depth", "1"]),
        ["cluster_stage", "out", "src"]
    );
    let said = refused(CLUSTERS.as_bytes(), &["--focus", "nobody"]);
    assert!(said.contains("nobody"), "{said}");
    assert!(!graph(b"a\tb\n", &["--depth", "1"]).status.success());
}

#[test]
fn lines_are_cut_where_the_screen_ends() {
    let long = "a\tb\nb\tc\nc\td\nd\te\ne\tf\nf\tg\ng\th\n";
    let whole = drawn(long, &[]);
    assert!(whole.lines().any(|l| l.chars().count() > 60), "{whole}");
    let cut = drawn(long, &["--width", "40"]);
    assert_eq!(cut.lines().count(), whole.lines().count());
    assert!(cut.lines().all(|l| l.chars().count() <= 40), "{cut}");
    assert!(cut.lines().any(|l| l.ends_with('…')), "{cut}");
    assert_eq!(drawn(long, &["--width", "0"]), whole);
}

#[test]
fn odd_graphs_are_drawn() {
    let odd = json("a\ta\na\tb\na\tb\nb\ta\nlone\n", &[]);
    assert_eq!(odd["nodes"].as_array().unwrap().len(), 3);
    assert_eq!(odd["edges"].as_array().unwrap().len(), 4);
    let back = odd["edges"].as_array().unwrap().iter();
    assert_eq!(back.filter(|e| e["reversed"] == true).count(), 1);
    for empty in ["", "\n", "# words\n", "digraph {}", "{}"] {
        for format in ["text", "ansi", "svg", "json"] {
            drawn(empty, &["--format", format]);
        }
    }
    let name = "n".repeat(1 << 20);
    let text = drawn(&format!("{name}\tb\n"), &[]);
    assert!(text.lines().all(|l| l.chars().count() < 100));
    let output = graph(b"a\xff\xfe\tb\n", &[]);
    assert!(output.status.success());
    let hostile = drawn("a\u{1b}]0;x\u{7}\tb\n", &["--direction", "tb", "--compact"]);
    assert!(
        !hostile.contains('\u{1b}') && !hostile.contains('\u{7}'),
        "{hostile:?}"
    );
}

#[test]
fn wrong_input_is_told_with_its_line() {
    for (input, line) in [
        ("a\tb\nx\ty\tz\n", "line 2"),
        ("a\tb\n\n\tz\n", "line 3"),
        ("digraph {\n a -> b\n b -> ;\n}", "line 3"),
        ("digraph {\n a -> b\n", "line 2"),
        ("graph {\n a -- b\n}", "line 2"),
        ("{\n \"edges\": [\n ,", "line 3"),
    ] {
        let said = refused(input.as_bytes(), &[]);
        assert!(said.contains(line), "{input:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
