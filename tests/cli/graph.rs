//! `dagtop graph` as a tool of its own: from a pipe, in parts, and with input that is wrong.

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

/// Names of the nodes, and pairs of names of the edges, sorted.
fn read_as(input: &str) -> (Vec<String>, Vec<(String, String)>) {
    let found = json(input, &[]);
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    let list = |key: &str| found[key].as_array().unwrap().clone();
    let mut nodes: Vec<String> = list("nodes").iter().map(|n| text(&n["id"])).collect();
    let mut edges: Vec<(String, String)> = (list("edges").iter())
        .map(|e| (text(&e["from"]), text(&e["to"])))
        .collect();
    nodes.sort();
    edges.sort();
    (nodes, edges)
}

#[test]
fn dot_as_people_write_it() {
    type Edges = &'static [(&'static str, &'static str)];
    let cases: [(&str, &[&str], Edges); 12] = [
        ("strict digraph g { a -> b }", &["a", "b"], &[("a", "b")]),
        (
            "DIGRAPH { a -> b -> c; }",
            &["a", "b", "c"],
            &[("a", "b"), ("b", "c")],
        ),
        (
            "digraph { a -> {b c} }",
            &["a", "b", "c"],
            &[("a", "b"), ("a", "c")],
        ),
        (
            "digraph { {a b} -> c }",
            &["a", "b", "c"],
            &[("a", "c"), ("b", "c")],
        ),
        ("digraph { a:out:e -> b:in }", &["a", "b"], &[("a", "b")]),
        (
            "digraph { node [shape=box, style=\"a,b\"]; edge [color=red] a [label=<<b>A</b>>]; a -> b [weight=2; label=\"x\"][style=dashed] }",
            &["a", "b"],
            &[("a", "b")],
        ),
        (
            "// one\n/* two\n */ digraph { # three\n a -> b // four\n}",
            &["a", "b"],
            &[("a", "b")],
        ),
        (
            r#"digraph { "say \"hi\"" -> "back\\slash"; "to" + "gether" -> "say \"hi\"" }"#,
            &["back\\slash", "say \"hi\"", "together"],
            &[("say \"hi\"", "back\\slash"), ("together", "say \"hi\"")],
        ),
        ("digraph { a;;b;\n;c }", &["a", "b", "c"], &[]),
        (
            "digraph { -1.5 -> .5 -> 2. }",
            &["-1.5", ".5", "2."],
            &[("-1.5", ".5"), (".5", "2.")],
        ),
        (
            "digraph { subgraph cluster_a { x -> y } subgraph { rank=same; y; z } x -> subgraph q { v } }",
            &["v", "x", "y", "z"],
            &[("x", "v"), ("x", "y")],
        ),
        (
            "\u{feff}digraph { ä -> 日本 }",
            &["ä", "日本"],
            &[("ä", "日本")],
        ),
    ];
    for (input, nodes, edges) in cases {
        let (found_nodes, found_edges) = read_as(input);
        assert_eq!(found_nodes, nodes, "{input}");
        let found: Vec<(&str, &str)> = found_edges.iter().map(|(a, b)| (&a[..], &b[..])).collect();
        assert_eq!(found, edges, "{input}");
    }
}

#[test]
fn wrong_input_is_refused_with_its_reason() {
    for (input, line, reason) in [
        (&b"a b -> c ->\n\tx\n"[..], "line 2", "empty"),
        (b"strict graph {\n\n a -- b }", "line 3", "direction"),
        (b"digraph {\n a -> \"b\n}\n", "line 2", "without end"),
        (b"digraph {\n a -> <b\n}\n", "line 2", "without end"),
        (b"digraph {\n a [label=\n", "line 2", "before the end"),
        (b"digraph {\n /* a -> b\n", "line 2", "without end"),
        (b"digraph {\n a -> b\n}\n}\n", "line 4", "closing"),
        (b"{\"nodes\": [\n {\"id\": 7}\n]}", "nodes[0]", "expected"),
        (b"{\"edges\": {}}", "edges", "a list"),
        (b"[]", "object", "expected"),
    ] {
        let said = refused(input, &[]);
        let shown = String::from_utf8_lossy(input);
        assert!(
            said.contains(line) && said.contains(reason),
            "{shown}: {said}"
        );
    }
    let missing = refused_file("no such file");
    assert!(missing.contains("no such file"), "{missing}");
    let folder = refused_file("/");
    assert!(folder.contains("directory"), "{folder}");
}

fn refused_file(path: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_dagtop"))
        .args(["graph", path])
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn junk_never_reaches_the_terminal() {
    let mut state = 7u64;
    for length in [1, 40, 4_000] {
        let junk: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .take(length)
        .collect();
        let output = graph(&junk, &[]);
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let text = String::from_utf8(said).unwrap();
        assert!(!text.contains("panicked"), "{text}");
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{text:?}"
        );
    }
}

#[test]
fn large_input_is_drawn_or_refused_at_once() {
    // 100,000 edges: fans of a hundred, so that the drawing stays small enough to print
    let mut many = String::new();
    for i in 0..100_000 {
        many.push_str(&format!("hub{}\tleaf{i}\n", i / 100));
    }
    let found = json(&many, &["--compact"]);
    assert_eq!(found["edges"].as_array().unwrap().len(), 100_000);
    // a chain as long
    let chain: String = (0..20_000).map(|i| format!("n{i}\tn{}\n", i + 1)).collect();
    assert_eq!(json(&chain, &[])["height"], 3);
    // names of a megabyte in every notation
    let name = "n".repeat(1 << 20);
    for input in [
        format!("{name}\t{name}x\n"),
        format!("digraph {{ {name} -> \"{name}y\" }}"),
        format!("{{\"edges\": [[\"{name}\", \"b\"]]}}"),
    ] {
        let text = drawn(&input, &[]);
        assert!(text.lines().all(|l| l.chars().count() < 100));
    }
    let too_large = vec![b'a'; (64 << 20) + 1];
    let said = refused(&too_large, &[]);
    assert!(said.contains("larger"), "{said}");
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let edges: String = (0..3_000).map(|i| format!("a\tb{i}\n")).collect();
    let mut child = Command::new(env!("CARGO_BIN_EXE_dagtop"))
        .args(["graph", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(edges.as_bytes())
        .unwrap();
    let mut first = [0; 1];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success(), "{:?}", output.status);
}

#[test]
fn directions_and_styles() {
    let size = |args: &[&str]| {
        let found = json("a\tb\nb\tc\n", args);
        (
            found["width"].as_i64().unwrap(),
            found["height"].as_i64().unwrap(),
        )
    };
    let (wide, flat) = size(&[]);
    let (narrow, tall) = size(&["--direction", "tb"]);
    assert!(wide > narrow && tall > flat);
    assert_eq!((flat, size(&["--compact"]).1), (3, 1));
}
