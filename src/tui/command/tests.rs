#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashSet;

use crossterm::event::{KeyCode, KeyModifiers};

use super::*;
use crate::tui::term::KeyPress;

#[test]
fn every_command_has_one_line_with_words_for_it() {
    // the last variant counts them: a new one needs a line
    assert_eq!(TABLE.len(), Command::Quit as usize + 1);
    let commands: HashSet<Command> = TABLE.iter().map(|r| r.command).collect();
    let names: HashSet<&str> = TABLE.iter().map(|r| r.name).collect();
    assert_eq!((commands.len(), names.len()), (TABLE.len(), TABLE.len()));
    for row in TABLE {
        assert!(
            !row.doc.is_empty() && !row.short.is_empty() && !row.contexts.is_empty(),
            "{row:?}"
        );
        assert!(
            row.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
            "{}",
            row.name
        );
        assert!(row.short.len() <= 16, "{} is for a narrow line", row.short);
        assert!(row.doc.len() <= 56, "{} is cut at 80 columns", row.doc);
        assert!(!row.keys.is_empty(), "{} has no key", row.name);
        assert_eq!(row.command.row().name, row.name);
    }
}

#[test]
fn what_asks_the_engine_to_change_something_is_dangerous() {
    for row in TABLE {
        assert_eq!(row.danger, row.command.action().is_some(), "{}", row.name);
    }
}

#[test]
fn no_key_means_two_things_in_one_place() {
    let (_, problems) = KeyMap::with(&[]);
    assert_eq!(problems, []);
    let mut seen = HashSet::new();
    for row in TABLE {
        for key in row.keys {
            let parsed = Key::parse(key).unwrap();
            assert_eq!(parsed.to_string(), *key);
            for context in row.contexts {
                assert!(
                    seen.insert((*context, parsed)),
                    "{key} in {}",
                    context.word()
                );
            }
        }
    }
}

#[test]
fn keys_are_read_as_they_are_written() {
    for (text, code, mods) in [
        ("R", KeyCode::Char('R'), KeyModifiers::NONE),
        ("ctrl-r", KeyCode::Char('r'), KeyModifiers::CONTROL),
        ("shift-tab", KeyCode::BackTab, KeyModifiers::NONE),
        ("-", KeyCode::Char('-'), KeyModifiers::NONE),
        ("ctrl--", KeyCode::Char('-'), KeyModifiers::CONTROL),
        ("space", KeyCode::Char(' '), KeyModifiers::NONE),
        ("f5", KeyCode::F(5), KeyModifiers::NONE),
        ("alt-enter", KeyCode::Enter, KeyModifiers::ALT),
    ] {
        let key = Key::parse(text).unwrap();
        assert_eq!(key, Key::of(&KeyPress::new(code, mods)), "{text}");
        assert_eq!(Key::parse(&key.to_string()), Ok(key));
    }
    for wrong in ["", "entre", "hyper-x", "f13", "ctrl-", "ab"] {
        let error = Key::parse(wrong).unwrap_err();
        assert!(error.to_string().contains("pgdn"), "{error}");
    }
}

fn wish(name: &str, keys: &[&str]) -> (String, Vec<String>) {
    (
        name.to_owned(),
        keys.iter().map(|k| (*k).to_owned()).collect(),
    )
}

#[test]
fn the_config_replaces_the_keys_of_a_command() {
    let (map, problems) = KeyMap::with(&[wish("retry", &["T", "ctrl-t"])]);
    assert_eq!(problems, []);
    let at = |key: &str| map.command(Context::Fleet, Key::parse(key).unwrap());
    assert_eq!(at("T"), Some(Command::Retry));
    assert_eq!(at("ctrl-t"), Some(Command::Retry));
    assert_eq!(at("r"), None);
    assert_eq!(map.labels(Command::Retry), "T ctrl-t");
}

#[test]
fn what_is_wrong_with_wished_keys_is_told() {
    let (map, problems) = KeyMap::with(&[
        wish("retyr", &["F"]),
        wish("cancel", &["X", "entre"]),
        wish("pause", &["r"]),
    ]);
    let told: Vec<(usize, &str)> = problems
        .iter()
        .map(|p| (p.entry, p.text.as_str()))
        .collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].0 == 0 && told[0].1.contains("did you mean \"retry\"?"));
    assert!(told[1].0 == 1 && told[1].1.contains("\"entre\" is not a key"));
    assert!(told[2].0 == 2 && told[2].1.contains("both pause and retry"));
    // the wish wins, what can't be read leaves the default
    let at = |key: &str| map.command(Context::Fleet, Key::parse(key).unwrap());
    assert_eq!(at("r"), Some(Command::Pause));
    assert_eq!(at("x"), Some(Command::Cancel));
}

#[test]
fn the_documentation_names_every_command_and_key() {
    let text = keys_markdown();
    for row in TABLE {
        assert!(text.contains(&format!("`{}`", row.name)), "{}", row.name);
        assert!(text.contains(row.doc));
    }
    assert!(!text.contains("| `|`"), "a pipe would end a cell");
}
