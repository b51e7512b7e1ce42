//! Which key means which command, with the wishes of the config.

use std::collections::HashMap;

use super::{Command, Context, Key, TABLE};

/// Keys to commands, per context, and back.
#[derive(Clone, Debug)]
pub struct KeyMap {
    by_key: HashMap<(Context, Key), Command>,
    by_command: HashMap<Command, Vec<Key>>,
}

/// Something wrong with the wished keys. `entry` and `key` count from 0 in what was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyProblem {
    pub entry: usize,
    pub key: Option<usize>,
    pub text: String,
}

impl Default for KeyMap {
    fn default() -> Self {
        Self::with(&[]).0
    }
}

impl KeyMap {
    /// The default keys, with the keys of some commands replaced: (command name, keys). What can't be used is told
    /// and left at its default.
    pub fn with(wishes: &[(String, Vec<String>)]) -> (Self, Vec<KeyProblem>) {
        let mut problems = Vec::new();
        let mut by_command: HashMap<Command, Vec<Key>> = TABLE
            .iter()
            .map(|row| {
                (
                    row.command,
                    row.keys.iter().filter_map(|k| Key::parse(k).ok()).collect(),
                )
            })
            .collect();
        let mut wished: HashMap<Command, usize> = HashMap::new();
        for (entry, (name, keys)) in wishes.iter().enumerate() {
            let Some(command) = Command::by_name(name) else {
                problems.push(KeyProblem {
                    entry,
                    key: None,
                    text: unknown(name),
                });
                continue;
            };
            let mut parsed = Vec::new();
            for (i, text) in keys.iter().enumerate() {
                match Key::parse(text) {
                    Ok(key) => parsed.push(key),
                    Err(error) => problems.push(KeyProblem {
                        entry,
                        key: Some(i),
                        text: error.to_string(),
                    }),
                }
            }
            if parsed.len() == keys.len() {
                by_command.insert(command, parsed);
                wished.insert(command, entry);
            }
        }
        let mut map = Self {
            by_key: HashMap::new(),
            by_command,
        };
        // wished keys first: a clash is told at the wish, and the default stays without that key
        let (first, second): (Vec<_>, Vec<_>) =
            TABLE.iter().partition(|r| wished.contains_key(&r.command));
        for row in first.into_iter().chain(second) {
            map.enter(row, &wished, &mut problems);
        }
        (map, problems)
    }

    fn enter(
        &mut self,
        row: &super::Row,
        wished: &HashMap<Command, usize>,
        problems: &mut Vec<KeyProblem>,
    ) {
        let keys = self
            .by_command
            .get(&row.command)
            .cloned()
            .unwrap_or_default();
        let mut kept = Vec::new();
        for key in keys {
            let clash = row
                .contexts
                .iter()
                .find_map(|c| Some((*c, *self.by_key.get(&(*c, key))?)));
            let Some((context, other)) = clash else {
                for context in row.contexts {
                    self.by_key.insert((*context, key), row.command);
                }
                kept.push(key);
                continue;
            };
            let entry = wished.get(&row.command).or_else(|| wished.get(&other));
            problems.push(KeyProblem {
                entry: entry.copied().unwrap_or_default(),
                key: None,
                text: format!(
                    "key {key} would mean both {} and {} in {}; give one of them another key",
                    other.row().name,
                    row.name,
                    context.word()
                ),
            });
        }
        self.by_command.insert(row.command, kept);
    }

    pub fn command(&self, context: Context, key: Key) -> Option<Command> {
        self.by_key.get(&(context, key)).copied()
    }

    pub fn keys(&self, command: Command) -> &[Key] {
        self.by_command
            .get(&command)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// The first key, as it is written; "-" when it has none.
    pub fn label(&self, command: Command) -> String {
        self.keys(command)
            .first()
            .map_or_else(|| "-".to_owned(), Key::to_string)
    }

    /// All keys, as they are written.
    pub fn labels(&self, command: Command) -> String {
        let all: Vec<String> = self.keys(command).iter().map(Key::to_string).collect();
        if all.is_empty() {
            "-".to_owned()
        } else {
            all.join(" ")
        }
    }
}

fn unknown(name: &str) -> String {
    let nearest = TABLE
        .iter()
        .map(|r| (strsim::damerau_levenshtein(name, r.name), r.name))
        .min()
        .filter(|(distance, _)| *distance <= 1 + name.len() / 3);
    match nearest {
        Some((_, near)) => format!("there is no command {name:?}; did you mean {near:?}?"),
        None => format!("there is no command {name:?}; the list is in help (?)"),
    }
}
