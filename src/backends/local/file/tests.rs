#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn problems(text: &str) -> Vec<String> {
    match parse(Path::new("/w/p.toml"), text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(|p| p.headline()).collect(),
    }
}

fn nodes(list: &[(&str, &[&str])]) -> String {
    list.iter()
        .map(|(id, needs)| format!("[[node]]\nid = \"{id}\"\nrun = \"true\"\nneeds = {needs:?}\n"))
        .collect()
}

#[test]
fn everything_that_can_be_said_is_read() {
    let text = r#"
name = "orders"
owner = "ann"
tags = ["a", "b"]
schedule = "*/5 * * * *"
cwd = "sub"
doc = "text"
[params]
day = 2026-01-02
rows = 10
share = 0.5
dry = true
[params.region]
default = "eu"
type = "string"
description = "where"
choices = ["eu", "us"]
[env]
A = "1"
B = 2
[[node]]
id = "x"
run = "true"
group = "g/h"
retries = 2
retry_delay = "1s"
timeout = "2m"
allow_failure = true
each = ["a", 1, 2.5, true]
cwd = "/abs"
env = { C = "3" }
doc = "why"
[[node]]
id = "y"
run = "true"
needs = ["x", "g"]
"#;
    let definition = parse(Path::new("/w/p.toml"), text).unwrap();
    assert_eq!(definition.cwd, Path::new("/w/sub"));
    assert_eq!(
        definition.env,
        [("A", "1"), ("B", "2")].map(|(k, v)| (k.into(), v.into()))
    );
    let kinds: Vec<_> = definition
        .params
        .iter()
        .map(|p| (p.name.as_str(), p.kind.as_str(), p.default.clone().unwrap()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("day", "string", "2026-01-02".into()),
            ("rows", "integer", 10.into()),
            ("share", "number", 0.5.into()),
            ("dry", "boolean", true.into()),
            ("region", "string", "eu".into()),
        ]
    );
    let x = &definition.nodes[0];
    assert_eq!(x.each.as_deref().unwrap(), ["a", "1", "2.5", "true"]);
    assert_eq!(
        (x.retries, x.retry_delay, x.timeout),
        (2, Duration::from_secs(1), Some(Duration::from_secs(120)))
    );
    assert_eq!(x.cwd.as_deref(), Some(Path::new("/abs")));
    assert_eq!(definition.nodes[1].needs, ["x", "g"]);
    let short = parse(Path::new("/w/short name.toml"), &nodes(&[("a", &[])])).unwrap();
    assert_eq!(
        (short.name.as_str(), short.cwd.as_path()),
        ("short name", Path::new("/w"))
    );
}

#[test]
fn every_mistake_is_named_with_its_place_and_the_way_out() {
    for (text, want) in [
        (
            "",
            "/w/p.toml:1:1: a pipeline needs at least one node; write a [[node]]",
        ),
        (
            &nodes(&[("load", &["extrct"]), ("extract", &[])]),
            ":4:10: `load` needs `extrct`, which is no node here; did you mean `extract`?",
        ),
        (
            &nodes(&[("a", &["zzzzzz"]), ("b", &[])]),
            "which is no node here; nodes: a, b",
        ),
        (
            &nodes(&[("a", &[]), ("a", &[])]),
            ":6:6: `a` is already the id of the node on line 2; give one of them another id",
        ),
        (
            &nodes(&[("a", &["a"])]),
            ":4:10: `a` needs itself; take it out",
        ),
        (
            &nodes(&[("x", &[]), ("a", &["c", "x"]), ("b", &["a"]), ("c", &["b"])]),
            ":8:10: these nodes wait for each other: a → b → c → a; take one",
        ),
        (
            "[[node]]\nid = \"a\"\nrun = \"x\"\neach = []\n",
            ":4:8: `each` must not be empty; give at least one item",
        ),
        (
            "schedule = \"often\"\n[[node]]\nid = \"a\"\nrun = \"x\"\n",
            ":1:12: `schedule`: ",
        ),
        (
            "[[node]]\nid = \"a\"\nrun = \"x\"\nretrys = 1\n",
            "unknown key `retrys` in `node`; did you mean `retries`?",
        ),
        (
            "[[node]]\nid = \"a\"\nrun = 3\n",
            "`node.run` must be a string, not an integer",
        ),
        (
            "[[node]]\nid = \"a/b\"\nrun = \"x\"\n",
            "an id has no `[`, `]` or `/`; use letters",
        ),
        (
            "[[node]]\nid = \"a\\u001b\"\nrun = \"x\"\n",
            "`id` has a control character",
        ),
        (
            "[[node]]\nid = \"a\"\nrun = \"x\"\ntimeout = \"0s\"\n",
            "`timeout` must be more than 0; leave it out",
        ),
        (
            "[[node]]\nid = \"a\"\nrun = \"x\"\ngroup = \"g//h\"\n",
            "`group` is no path",
        ),
        (
            "[[node]]\nid = \"g\"\nrun = \"x\"\n[[node]]\nid = \"a\"\nrun = \"x\"\ngroup = \"g\"\n",
            ":7:9: `g` is the id of a node and can't be a group too",
        ),
        (
            "[params]\na-b = 1\na_b = 2\n[[node]]\nid = \"a\"\nrun = \"x\"\n",
            "parameters `a-b` and `a_b` would both be $PARAM_A_B; rename one",
        ),
        ("[node]\nid = \"a\"\n", "write [[node]] instead of [node]"),
        (
            "[[node]]\nid = \"a\"\nrun = \"x\"\n[node.env]\n\"A=B\" = \"1\"\n",
            "a variable's name has no `=`",
        ),
    ] {
        let all = problems(text);
        assert!(
            all.iter().any(|p| p.contains(want)),
            "wanted {want}\ngot {all:#?}"
        );
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text =
        "nme = \"x\"\nschedule = \"no\"\n[[node]]\nid = \"a\"\nneeds = [\"b\", 3]\nretries = -1\n";
    assert_eq!(problems(text).len(), 6, "{:#?}", problems(text));
}

#[test]
fn a_group_that_needs_itself_is_a_cycle() {
    let text = "[[node]]\nid = \"a\"\nrun = \"x\"\ngroup = \"g\"\n[[node]]\nid = \"b\"\nrun = \"x\"\ngroup = \"g\"\nneeds = [\"g\"]\n";
    let all = problems(text);
    assert!(
        all[0].contains("these nodes wait for each other: b → b"),
        "{all:#?}"
    );
}

#[test]
fn the_name_is_known_even_when_the_rest_is_wrong() {
    let path = Path::new("/w/file.toml");
    assert_eq!(name_of(path, "name = \"n\"\n[[nod"), "n");
    assert_eq!(name_of(path, "name = 3"), "file");
    assert_eq!(name_of(path, "name = \"\\u0007\""), "file");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_a_crash(text in "([a-z\\[\\]=\"'#. \\n{},0-9-]|node|\\[\\[node\\]\\]\\n|id = |run = ){0,60}") {
        let _ = parse(Path::new("/w/p.toml"), &text);
        let _ = name_of(Path::new("/w/p.toml"), &text);
    }

    /// Whatever the edges: either a cycle is named, or every node has its place in the order.
    #[test]
    fn a_cycle_is_found_exactly_when_there_is_one(edges in proptest::collection::vec((0usize..7, 0usize..7), 0..14)) {
        let mut needs = vec![Vec::new(); 7];
        for (a, b) in edges {
            needs[a].push(b);
        }
        let reaches_itself = |start: usize| {
            let (mut seen, mut todo) = (BTreeSet::new(), needs[start].clone());
            while let Some(n) = todo.pop() {
                if seen.insert(n) {
                    todo.extend(&needs[n]);
                }
            }
            seen.contains(&start)
        };
        match find_cycle(&needs) {
            None => prop_assert!(!(0..7).any(reaches_itself)),
            Some(cycle) => {
                prop_assert!(cycle.len() >= 2 && cycle.first() == cycle.last());
                for pair in cycle.windows(2) {
                    prop_assert!(needs[pair[1]].contains(&pair[0]), "{cycle:?}");
                }
            }
        }
    }
}
