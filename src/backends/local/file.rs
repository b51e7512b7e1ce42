//! A pipeline file: TOML to [`Definition`], with everything wrong in it at once.
//!
//! ```toml
//! name = "orders"            # default: the file's name
//! schedule = "*/5 * * * *"   # UTC
//! [params]
//! region = "eu"
//! [[node]]
//! id = "load"
//! run = "./load.sh"
//! needs = ["extract"]
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use crate::config::reader::{Reader, Table, Value, nearest};
use crate::config::{At, Problems, Span};

use super::definition::{Definition, NodeDef, Param};
use super::schedule;

/// More boxes than this make no pipeline that a person can operate.
const MAX_TASKS: usize = 20_000;
const MAX_NAME: usize = 120;
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// Reads a pipeline. `file` is absolute: relative paths in it start from its folder.
pub fn parse(file: &Path, text: &str) -> Result<Definition, Problems> {
    let reader = Reader::parse(file, text);
    let definition = read(&reader, file);
    let outcome = reader.finish();
    if outcome.problems.0.is_empty() {
        Ok(definition)
    } else {
        Err(outcome.problems)
    }
}

/// What the pipeline would be called: as far as that can be told from a file with errors.
pub fn name_of(file: &Path, text: &str) -> String {
    let reader = Reader::parse(file, text);
    let name = reader.root().take_str("name").map(|at| at.value);
    name.filter(|n| name_trouble(n).is_none())
        .unwrap_or_else(|| stem(file))
}

fn stem(file: &Path) -> String {
    file.file_stem()
        .map_or_else(|| "pipeline".into(), |s| s.to_string_lossy().into_owned())
}

/// A node with the places of what may be wrong with it.
struct Draft {
    def: NodeDef,
    id: At<String>,
    needs: Vec<At<String>>,
    group: Option<At<String>>,
}

fn read(reader: &Reader<'_>, file: &Path) -> Definition {
    let dir = file.parent().unwrap_or(Path::new("/"));
    let mut root = reader.root();
    let name = root.take_str("name").map_or_else(
        || stem(file),
        |name| {
            checked_name(reader, &name, "name");
            name.value
        },
    );
    let schedule = root.take_str("schedule").map(|cron| {
        if let Err(why) = schedule::check(&cron.value) {
            let help =
                "five fields in UTC: minute hour day month weekday, for example \"*/5 * * * *\"";
            reader.problem(cron.span, format!("`schedule`: {why}"), help.to_owned());
        }
        cron.value
    });
    let scheduled = schedule.is_some();
    let cwd = root.take_str("cwd").map(|at| dir.join(at.value));
    let mut definition = Definition {
        name,
        owner: root.take_str("owner").map(|at| at.value),
        tags: strings(&mut root, "tags")
            .into_iter()
            .map(|at| at.value)
            .collect(),
        schedule,
        doc: root.take_str("doc").map(|at| at.value),
        params: params(&mut root, scheduled),
        env: env(&mut root),
        cwd: cwd.unwrap_or_else(|| dir.to_owned()),
        nodes: Vec::new(),
    };
    let span = root.span();
    let drafts: Vec<Draft> = root
        .take_tables("node")
        .into_iter()
        .filter_map(|table| node(table, dir))
        .collect();
    root.finish();
    check(reader, &drafts, span);
    definition.nodes = drafts.into_iter().map(|d| d.def).collect();
    definition
}

fn node(mut table: Table<'_>, dir: &Path) -> Option<Draft> {
    let reader = table.reader();
    let id = table.need_str("id");
    if let Some(id) = &id {
        checked_name(reader, id, "id");
        if id.value.contains(['[', ']', '/']) {
            let help =
                "use letters, digits, `_`, `-`, `.`; folders are written as `group = \"a/b\"`";
            reader.problem(id.span, "an id has no `[`, `]` or `/`", help.to_owned());
        }
    }
    let run = table.need_str("run").map(|at| at.value);
    let needs = strings(&mut table, "needs");
    let group = table.take_str("group").filter(|group| {
        let fine = group.value.split('/').all(|part| !part.trim().is_empty())
            && name_trouble(&group.value).is_none();
        if !fine {
            let help = "a path of names: \"load\" or \"load/orders\"";
            reader.problem(group.span, "`group` is no path", help.to_owned());
        }
        fine
    });
    let each = table.take("each").and_then(|value| each(reader, &value));
    let def = NodeDef {
        id: id.as_ref().map(|at| at.value.clone()).unwrap_or_default(),
        run: run.unwrap_or_default(),
        needs: needs.iter().map(|at| at.value.clone()).collect(),
        group: group.as_ref().map(|at| at.value.clone()),
        retries: table
            .take_u64("retries", 0..=1000)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(0),
        retry_delay: table
            .take_duration("retry_delay")
            .map_or(RETRY_DELAY, |at| at.value),
        timeout: table.take_duration("timeout").and_then(|at| {
            if at.value.is_zero() {
                let help = "leave it out for no limit";
                reader.problem(at.span, "`timeout` must be more than 0", help.to_owned());
                return None;
            }
            Some(at.value)
        }),
        env: env(&mut table),
        cwd: table.take_str("cwd").map(|at| dir.join(at.value)),
        allow_failure: table.take_bool("allow_failure").unwrap_or(false),
        each,
        doc: table.take_str("doc").map(|at| at.value),
    };
    table.finish();
    Some(Draft {
        def,
        id: id?,
        needs,
        group,
    })
}

fn each(reader: &Reader<'_>, value: &Value<'_>) -> Option<Vec<String>> {
    let list = value.list()?;
    if list.is_empty() {
        let help = "give at least one item, or leave `each` out for a single node";
        reader.problem(value.span(), "`each` must not be empty", help.to_owned());
    }
    let items: Vec<At<String>> = list.iter().filter_map(Value::scalar).collect();
    for item in &items {
        if item.value.contains('\0') {
            reader.problem(item.span, "an item can't contain a NUL", None);
        }
    }
    Some(items.into_iter().map(|at| at.value).collect())
}

fn strings(table: &mut Table<'_>, key: &'static str) -> Vec<At<String>> {
    table.take_strings(key).unwrap_or_default()
}

fn env(table: &mut Table<'_>) -> Vec<(String, String)> {
    let reader = table.reader();
    let Some(mut env) = table.take_table("env") else {
        return Vec::new();
    };
    env.take_rest()
        .into_iter()
        .filter_map(|(name, value)| {
            if name.value.is_empty() || name.value.contains(['=', '\0']) {
                reader.problem(name.span, "a variable's name has no `=`", None);
                return None;
            }
            let text = value.scalar()?;
            if text.value.contains('\0') {
                reader.problem(text.span, "a variable can't contain a NUL", None);
                return None;
            }
            Some((name.value, text.value))
        })
        .collect()
}

/// `name = default`, or a table with `default`, `type`, `description`, `choices`.
fn params(table: &mut Table<'_>, scheduled: bool) -> Vec<Param> {
    let reader = table.reader();
    let Some(mut params) = table.take_table("params") else {
        return Vec::new();
    };
    let mut list: Vec<Param> = Vec::new();
    for (name, value) in params.take_rest() {
        checked_name(reader, &name, "a parameter's name");
        let twin = list
            .iter()
            .find(|p| variable(&p.name) == variable(&name.value))
            .map(|p| p.name.clone());
        if let Some(twin) = twin {
            let message = format!(
                "parameters `{twin}` and `{}` would both be ${}",
                name.value,
                variable(&name.value)
            );
            reader.problem(name.span, message, "rename one of them".to_owned());
        }
        let span = name.span;
        let mut param = Param {
            name: name.value,
            kind: String::new(),
            default: None,
            description: String::new(),
            choices: Vec::new(),
        };
        let default = if value.kind() == "table" {
            let Some(mut table) = value.table() else {
                continue;
            };
            let kinds = ["string", "integer", "number", "boolean"].map(|k| (k, k));
            param.kind = table
                .take_choice("type", &kinds)
                .unwrap_or_default()
                .to_owned();
            param.description = table
                .take_str("description")
                .map(|at| at.value)
                .unwrap_or_default();
            param.choices = strings(&mut table, "choices")
                .into_iter()
                .map(|at| at.value)
                .collect();
            let default = table.take("default");
            table.finish();
            default
        } else {
            Some(value)
        };
        if default.is_none() && scheduled {
            let message = format!(
                "nobody can be asked for `{}` when the schedule starts a run",
                param.name
            );
            reader.problem(span, message, "give it a `default`".to_owned());
        }
        if let Some(default) = default {
            let kind = match default.kind() {
                "integer" => "integer",
                "float" => "number",
                "boolean" => "boolean",
                _ => "string",
            };
            if param.kind.is_empty() {
                kind.clone_into(&mut param.kind);
            }
            param.default = default.scalar().map(|at| json(&at.value, kind));
        }
        list.push(param);
    }
    list
}

/// A value of a parameter, typed.
fn json(text: &str, kind: &str) -> serde_json::Value {
    let typed = match kind {
        "integer" | "number" | "boolean" => serde_json::from_str(text).ok(),
        _ => None,
    };
    typed.unwrap_or_else(|| serde_json::Value::String(text.to_owned()))
}

/// The environment variable in which a parameter reaches its commands.
pub fn variable(param: &str) -> String {
    let upper = param.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    });
    format!("PARAM_{}", upper.collect::<String>())
}

fn name_trouble(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        Some("must not be empty")
    } else if name.len() > MAX_NAME {
        Some("is longer than 120 bytes")
    } else if name.chars().any(char::is_control) {
        Some("has a control character")
    } else {
        None
    }
}

fn checked_name(reader: &Reader<'_>, name: &At<String>, what: &str) {
    if let Some(trouble) = name_trouble(&name.value) {
        reader.problem(name.span, format!("`{what}` {trouble}"), None);
    }
}

/// What can only be seen over all nodes: ids, groups, needs, cycles.
fn check(reader: &Reader<'_>, drafts: &[Draft], file: Span) {
    if drafts.is_empty() {
        let help = "write a [[node]] with `id` and `run`";
        reader.problem(file, "a pipeline needs at least one node", help.to_owned());
        return;
    }
    let tasks: usize = drafts
        .iter()
        .map(|d| d.def.each.as_ref().map_or(1, Vec::len))
        .sum();
    if tasks > MAX_TASKS {
        let message = format!("{tasks} nodes are more than the {MAX_TASKS} that fit");
        reader.problem(file, message, "split the pipeline".to_owned());
    }
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    let mut groups: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        if let Some(first) = ids.get(draft.id.value.as_str()) {
            let (line, _) = reader.position(drafts[*first].id.span);
            let message = format!(
                "`{}` is already the id of the node on line {line}",
                draft.id.value
            );
            reader.problem(
                draft.id.span,
                message,
                "give one of them another id".to_owned(),
            );
        } else {
            ids.insert(&draft.id.value, at);
        }
        if let Some(path) = &draft.group {
            let ends = path.value.match_indices('/').map(|(i, _)| i);
            for end in ends.chain([path.value.len()]) {
                groups.entry(&path.value[..end]).or_default().insert(at);
            }
        }
    }
    for draft in drafts {
        if let Some(group) = &draft.group
            && let Some(first) = group.value.split('/').next()
            && ids.contains_key(first)
        {
            let message = format!("`{first}` is the id of a node and can't be a group too");
            reader.problem(group.span, message, "rename the group".to_owned());
        }
    }
    let known = || ids.keys().chain(groups.keys()).copied();
    let mut needs: Vec<Vec<usize>> = Vec::new();
    for (at, draft) in drafts.iter().enumerate() {
        let mut list = Vec::new();
        for need in &draft.needs {
            let name = need.value.as_str();
            if let Some(other) = ids.get(name) {
                if *other == at {
                    let message = format!("`{name}` needs itself");
                    reader.problem(need.span, message, "take it out of `needs`".to_owned());
                    continue;
                }
                list.push(*other);
            } else if let Some(members) = groups.get(name) {
                list.extend(members);
            } else {
                let help = nearest(name, known()).map_or_else(
                    || format!("nodes: {}", some(ids.keys().copied())),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("`{}` needs `{name}`, which is no node here", draft.id.value);
                reader.problem(need.span, message, help);
            }
        }
        needs.push(list);
    }
    if let Some(cycle) = find_cycle(&needs) {
        let names: Vec<&str> = cycle.iter().map(|i| drafts[*i].id.value.as_str()).collect();
        let first = &drafts[cycle[0]];
        let span = first.needs.first().map_or(first.id.span, |n| n.span);
        let message = format!("these nodes wait for each other: {}", names.join(" → "));
        reader.problem(
            span,
            message,
            "take one of these out of a `needs`".to_owned(),
        );
    }
}

fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.collect();
    let more = names.len() > 8;
    names.truncate(8);
    names.join(", ") + if more { ", …" } else { "" }
}

/// A cycle as it runs: a → b → a, where b needs a.
fn find_cycle(needs: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut left: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut feeds = vec![Vec::new(); needs.len()];
    for (at, list) in needs.iter().enumerate() {
        for need in list {
            feeds[*need].push(at);
        }
    }
    let mut free: Vec<usize> = (0..needs.len()).filter(|n| left[*n] == 0).collect();
    while let Some(at) = free.pop() {
        for next in &feeds[at] {
            left[*next] -= 1;
            if left[*next] == 0 {
                free.push(*next);
            }
        }
    }
    // what is left can't start: walk up what it needs until a node comes again
    let mut at = (0..needs.len()).find(|n| left[*n] > 0)?;
    let mut path = Vec::new();
    while !path.contains(&at) {
        path.push(at);
        at = *needs[at].iter().find(|n| left[**n] > 0)?;
    }
    let start = path.iter().position(|n| *n == at)?;
    let mut cycle = path.split_off(start);
    cycle.reverse();
    let smallest = (0..cycle.len()).min_by_key(|i| cycle[*i])?;
    cycle.rotate_left(smallest);
    cycle.push(cycle[0]);
    Some(cycle)
}

#[cfg(test)]
mod tests;
