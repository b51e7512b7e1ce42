//! The floors of the house, enforced: a room imports only from floors below its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up. Rooms on one floor don't import each other.
const FLOORS: &[&[&str]] = &[
    &["model", "graph", "query"],
    &["config", "logs", "world"],
    &["diagnosis", "analytics", "metrics", "net"],
    &["alerts", "history", "backends"],
    &["engine"],
    &["server", "tui"],
    &["cli", "commands"],
    &["main"],
];

/// `cli` is what `commands` carries out; it stands on the same floor for the reader, below for the compiler.
const ALLOWED: &[(&str, &str)] = &[("commands", "cli")];

fn floor(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|rooms| rooms.contains(&room))
        .unwrap_or_else(|| panic!("`{room}` stands on no floor: give it one in FLOORS"))
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The room of a file: its first folder or file name under `src`.
fn room(path: &Path, src: &Path) -> Option<String> {
    let first = path.strip_prefix(src).unwrap().components().next()?;
    let name = Path::new(first.as_os_str())
        .file_stem()?
        .to_str()?
        .to_owned();
    (name != "lib").then_some(name)
}

/// The rooms that a source text names after `crate::` (or `dagtop::` in the binary), with line numbers.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for prefix in ["crate::", "dagtop::"] {
            for (at, _) in code.match_indices(prefix) {
                if code[..at].ends_with("$") || code[..at].ends_with(|c: char| c.is_alphanumeric())
                {
                    continue;
                }
                let rest = &code[at + prefix.len()..];
                if let Some(list) = rest.strip_prefix('{') {
                    // `use crate::{a::X, b::Y}` on one line
                    let list = list.split('}').next().unwrap_or_default();
                    for item in list.split(',') {
                        let name = item.trim().split("::").next().unwrap_or_default();
                        found.push((number + 1, name.to_owned()));
                    }
                } else {
                    let name: String = rest
                        .chars()
                        .take_while(|c| c.is_alphanumeric() || *c == '_')
                        .collect();
                    found.push((number + 1, name));
                }
            }
        }
    }
    found
        .retain(|(_, name)| !name.is_empty() && name.chars().all(|c| c.is_lowercase() || c == '_'));
    found
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn no_import_climbs() {
    let src = src();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in sources(&src) {
        let Some(here) = room(&path, &src) else {
            continue;
        };
        for (line, there) in imports(&fs::read_to_string(&path).unwrap()) {
            if here == there || ALLOWED.contains(&(here.as_str(), there.as_str())) {
                continue;
            }
            seen += 1;
            if floor(&there) >= floor(&here) {
                wrong.push(format!(
                    "{}:{line}: `{here}` imports `{there}`",
                    path.display()
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports that climb:\n{}",
        wrong.join("\n")
    );
    assert!(
        seen > 20,
        "only {seen} imports seen: the reader of this test is broken"
    );
}

#[test]
fn every_room_says_what_it_owns() {
    let mut wrong = Vec::new();
    for path in sources(&src()) {
        if path.file_name().is_some_and(|n| n == "mod.rs")
            && !fs::read_to_string(&path).unwrap().starts_with("//! ")
        {
            wrong.push(path.display().to_string());
        }
    }
    assert!(
        wrong.is_empty(),
        "no first line on what the room owns: {wrong:?}"
    );
}

#[test]
fn graph_query_and_logs_stand_alone() {
    for (dir, allowed) in [
        ("graph", &[][..]),
        ("query", &[][..]),
        ("logs", &["model", "query"][..]),
    ] {
        for path in sources(&src().join(dir)) {
            let text = fs::read_to_string(&path).unwrap();
            for (line, there) in imports(&text) {
                assert!(
                    there == dir || allowed.contains(&there.as_str()),
                    "{}:{line}: `{dir}` must be usable alone, and imports `{there}`",
                    path.display()
                );
            }
            assert!(
                !text.contains("ratatui"),
                "{}: knows ratatui",
                path.display()
            );
        }
    }
}

#[test]
fn the_reader_of_imports_reads() {
    let text = "use crate::model::A;\nuse crate::{world::W, logs::L};\nlet x = crate::engine::run();\n// crate::tui::no\n";
    let names: Vec<_> = imports(text)
        .into_iter()
        .map(|(n, name)| format!("{n}:{name}"))
        .collect();
    assert_eq!(names, ["1:model", "2:world", "2:logs", "3:engine"]);
}
