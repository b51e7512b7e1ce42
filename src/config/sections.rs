//! Reads each section of the file into its type. Every check of one key stands beside its reading.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::{Reader, Table, Value, nearest};
use super::server::server;
use super::source::{At, Span};
use super::types::*;
use super::{alerts, channels, history};
use crate::model::Priority;

/// The whole file. `dir` is where relative paths start.
pub(super) fn config(reader: &Reader<'_>, dir: &Path) -> Config {
    let mut root = reader.root();
    let config = Config {
        ui: root.take_table("ui").map(ui).unwrap_or_default(),
        alerts: root
            .take_table("alerts")
            .map(alerts::alerts)
            .unwrap_or_default(),
        expects: alerts::expects(root.take_tables("expect")),
        escalations: alerts::escalations(root.take_tables("escalation")),
        silences: alerts::silences(root.take_tables("silence")),
        rules: rules(root.take_tables("rule")),
        dashboards: super::dashboards::dashboards(root.take_tables("dashboard")),
        logs: root.take_table("logs").map(logs).unwrap_or_default(),
        history: root
            .take_table("history")
            .map(|table| history::history(table, dir))
            .unwrap_or_default(),
        diagnosis: root
            .take_table("diagnosis")
            .map(|table| diagnosis(table, dir))
            .unwrap_or_default(),
        backends: backends(root.take_tables("backend"), dir),
        channels: channels::channels(root.take_tables("channel"), dir),
        routes: channels::routes(root.take_tables("route")),
    };
    channels::check(reader, &config);
    alerts::check(reader, &config);
    root.finish();
    config
}

fn ui(mut table: Table<'_>) -> Ui {
    let default = Ui::default();
    let ui = Ui {
        theme: table.take_str("theme"),
        color: table
            .take_choice("color", ColorDepth::CHOICES)
            .unwrap_or(default.color),
        ascii: switch(table.take("ascii"), default.ascii),
        max_fps: small(table.take_u64("max_fps", 1..=120), default.max_fps),
        mouse: table.take_bool("mouse").unwrap_or(default.mouse),
        utc: table.take_bool("utc").unwrap_or(default.utc),
        sync_output: switch(table.take("sync_output"), default.sync_output),
        bell: table.take_bool("bell").unwrap_or(default.bell),
        view: table
            .take_choice("view", RunView::CHOICES)
            .unwrap_or(default.view),
        keys: table.take_table("keys").map(keys).unwrap_or_default(),
    };
    table.finish();
    ui
}

/// `"auto"`, `"on"`, `"off"`, and the plain booleans people write for the last two.
fn switch(value: Option<Value<'_>>, default: Switch) -> Switch {
    let Some(value) = value else { return default };
    if value.kind() == "boolean" {
        return if value.bool() == Some(true) {
            Switch::On
        } else {
            Switch::Off
        };
    }
    value.choice(Switch::CHOICES).unwrap_or(default)
}

pub(super) fn small(number: Option<u64>, default: u32) -> u32 {
    number
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or(default)
}

fn keys(mut table: Table<'_>) -> Vec<(At<String>, Vec<At<String>>)> {
    let strings = |value: Value<'_>| {
        value
            .list()
            .unwrap_or_default()
            .iter()
            .filter_map(Value::str)
            .collect()
    };
    table
        .take_rest()
        .into_iter()
        .map(|(name, value)| (name, strings(value)))
        .collect()
}

fn rules(tables: Vec<Table<'_>>) -> Vec<Rule> {
    let mut seen: HashMap<String, Span> = HashMap::new();
    tables
        .into_iter()
        .filter_map(|mut table| {
            let reader = table.reader();
            let name = table.need_str("name");
            if let Some(name) = &name {
                check_name(reader, name, "rule");
                check_unique(reader, name, "rules", &mut seen);
            }
            rule(table, name)
        })
        .collect()
}

fn rule(mut table: Table<'_>, name: Option<At<String>>) -> Option<Rule> {
    let zero = Duration::ZERO;
    let query = table.need_str("query");
    let rule = Rule {
        name: name.clone().unwrap_or_default(),
        enabled: table.take_bool("enabled").unwrap_or(true),
        query: query.clone().unwrap_or_default(),
        priority: table
            .take_choice("priority", Rule::PRIORITIES)
            .unwrap_or(Priority::P3),
        message: table.take_str("message").map(|at| at.value),
        hold: table.take_duration("for").map_or(zero, |at| at.value),
        critical: table.take_f64("critical"),
        warning: table.take_f64("warning"),
        critical_recovery: table.take_f64("critical_recovery"),
        warning_recovery: table.take_f64("warning_recovery"),
        no_data: table.take_duration("no_data").map(|at| at.value),
        full_window: table.take_bool("full_window").unwrap_or(false),
        delay: table.take_duration("delay").map_or(zero, |at| at.value),
        tags: plain(table.take_strings("tags")),
        runbook: table.take_str("runbook").map(|at| at.value),
    };
    table.finish();
    (name.is_some() && query.is_some()).then_some(rule)
}

fn logs(mut table: Table<'_>) -> Logs {
    let default = Logs::default();
    let memory = table.take_bytes("memory");
    if let Some(at) = memory.as_ref().filter(|at| at.value < 1_000_000) {
        table
            .reader()
            .problem(at.span, "`logs.memory` must be at least 1MB", None);
    }
    let logs = Logs {
        memory: memory.map_or(default.memory, |at| at.value),
        disk: table.take_bytes("disk").map_or(default.disk, |at| at.value),
        keep: table
            .take_duration("keep")
            .map_or(default.keep, |at| at.value),
    };
    table.finish();
    logs
}

fn diagnosis(mut table: Table<'_>, dir: &Path) -> Diagnosis {
    let patterns = table.take_str("patterns");
    let patterns = patterns.and_then(|at| path(table.reader(), at, dir));
    table.finish();
    Diagnosis {
        patterns: patterns.map(|at| at.value),
    }
}

fn backends(tables: Vec<Table<'_>>, dir: &Path) -> Vec<Backend> {
    let mut seen: HashMap<String, Span> = HashMap::new();
    let mut backends = Vec::new();
    for mut table in tables {
        let reader = table.reader();
        let name = table.need_str("name");
        if let Some(name) = &name {
            check_name(reader, name, "backend");
            check_unique(reader, name, "backends", &mut seen);
        }
        backends.extend(backend(
            table,
            name.map(|name| name.value).unwrap_or_default(),
            dir,
        ));
    }
    backends
}

fn check_unique(
    reader: &Reader<'_>,
    name: &At<String>,
    things: &str,
    seen: &mut HashMap<String, Span>,
) {
    if let Some(first) = seen.insert(name.value.clone(), name.span) {
        let (line, _) = reader.position(first);
        reader.problem(
            name.span,
            format!("there are two {things} called `{}`", name.value),
            format!("the other is on line {line}"),
        );
    }
}

pub(super) fn check_name(reader: &Reader<'_>, name: &At<String>, thing: &str) {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    if name.value.len() > 64 || !name.value.bytes().all(fine) {
        let help = "use 1 to 64 letters, digits, `.`, `-` and `_`".to_owned();
        reader.problem(name.span, format!("not a name for a {thing}"), help);
    }
}

fn backend(mut table: Table<'_>, name: String, dir: &Path) -> Option<Backend> {
    let (ms, s) = (Duration::from_millis, Duration::from_secs);
    Some(Backend {
        name,
        enabled: table.take_bool("enabled").unwrap_or(true),
        read_only: table.take_bool("read_only").unwrap_or(false),
        protect: table.take_bool("protect").unwrap_or(false),
        accent: accent(&mut table),
        tags: plain(table.take_strings("tags")),
        refresh: at_least(&mut table, "refresh", ms(200), s(2)),
        connect_timeout: at_least(&mut table, "connect_timeout", ms(100), s(5)),
        read_timeout: at_least(&mut table, "read_timeout", ms(100), s(30)),
        // last, because the keys left are those of the kind
        kind: kind(table, dir)?,
    })
}

fn plain(list: Option<Vec<At<String>>>) -> Vec<String> {
    list.unwrap_or_default()
        .into_iter()
        .map(|at| at.value)
        .collect()
}

fn at_least(
    table: &mut Table<'_>,
    key: &'static str,
    least: Duration,
    default: Duration,
) -> Duration {
    let Some(at) = table.take_duration(key) else {
        return default;
    };
    if at.value < least {
        table.reader().problem(
            at.span,
            format!("`backend.{key}` must be at least {}ms", least.as_millis()),
            None,
        );
    }
    at.value
}

fn accent(table: &mut Table<'_>) -> Option<Colour> {
    let at = table.take_str("accent")?;
    let colour = Colour::parse(&at.value);
    if colour.is_none() {
        let help = match nearest(&at.value, Colour::NAMES) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write #rrggbb or one of: {}", Colour::NAMES.join(", ")),
        };
        table
            .reader()
            .problem(at.span, format!("unknown colour \"{}\"", at.value), help);
    }
    colour
}

fn kind(table: Table<'_>, dir: &Path) -> Option<BackendKind> {
    const KINDS: &[(&str, Read<BackendKind>)] = &[
        ("airflow", airflow),
        ("prefect", prefect),
        ("dagster", dagster),
        ("local", local),
        ("dbt", dbt),
    ];
    of_kind(table, dir, KINDS)
}

/// Reads the keys of one kind of thing.
pub(super) type Read<T> = fn(Table<'_>, &Path) -> Option<T>;

/// Reads a table whose `kind` says what its other keys are.
pub(super) fn of_kind<T>(mut table: Table<'_>, dir: &Path, kinds: &[(&str, Read<T>)]) -> Option<T> {
    let value = table.need("kind")?;
    if let Some(read) = value.choice(kinds) {
        return read(table, dir);
    }
    if value.kind() != "string" {
        return None;
    }
    // the other keys are held against the kind that was meant, so that their mistakes are told at once as well
    let near = nearest(&value.str()?.value, kinds.iter().map(|(word, _)| *word));
    if let Some((_, read)) = kinds.iter().find(|(word, _)| near == Some(*word)) {
        read(table, dir);
    }
    None
}

fn local(mut table: Table<'_>, dir: &Path) -> Option<BackendKind> {
    let reader = table.reader();
    let pipelines = table.take_strings("pipelines").unwrap_or_default();
    let pipelines = pipelines
        .into_iter()
        .filter_map(|at| path(reader, at, dir))
        .collect();
    let parallelism = small(table.take_u64("parallelism", 1..=1024), 4);
    let grace = table
        .take_duration("grace")
        .map_or(Duration::from_secs(10), |at| at.value);
    table.finish();
    Some(BackendKind::Local(Local {
        pipelines,
        parallelism,
        grace,
    }))
}

fn dbt(mut table: Table<'_>, dir: &Path) -> Option<BackendKind> {
    let reader = table.reader();
    let project = table.need_str("project");
    let project = project.and_then(|at| path(reader, at, dir));
    let mut dbt = Dbt::new(PathBuf::new());
    let profiles = table.take_str("profiles");
    dbt.profiles = profiles
        .and_then(|at| path(reader, at, dir))
        .map(|at| at.value);
    dbt.target = table.take_str("target").map(|at| at.value);
    if let Some(at) = table.take_str("dbt") {
        // a bare name is looked for on PATH
        if at.value.contains('/') {
            dbt.dbt = path(reader, at, dir).map(|at| at.value).unwrap_or_default();
        } else {
            dbt.dbt = PathBuf::from(at.value);
        }
    }
    if let Some(at) = table.take_str("command") {
        if !Dbt::COMMANDS.contains(&at.value.as_str()) {
            let help = match nearest(&at.value, Dbt::COMMANDS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write one of: {}", Dbt::COMMANDS.join(", ")),
            };
            let message = format!("unknown command \"{}\"", at.value);
            reader.problem(at.span, message, help);
        }
        dbt.command = at.value;
    }
    dbt.select = selectors(reader, table.take_strings("select"));
    dbt.exclude = selectors(reader, table.take_strings("exclude"));
    if let Some(at) = table.take_duration("grace") {
        dbt.grace = at.value;
    }
    table.finish();
    dbt.project = project?.value;
    Some(BackendKind::Dbt(dbt))
}

/// None may be taken for an option.
fn selectors(reader: &Reader<'_>, list: Option<Vec<At<String>>>) -> Vec<String> {
    let list = list.unwrap_or_default();
    for at in &list {
        if at.value.starts_with('-') || at.value.trim().is_empty() {
            reader.problem(at.span, "not a selector of nodes", None);
        }
    }
    plain(Some(list))
}

fn airflow(mut table: Table<'_>, dir: &Path) -> Option<BackendKind> {
    let server = server(&mut table, dir);
    let api = table
        .take_choice("api", AirflowApi::CHOICES)
        .unwrap_or(AirflowApi::Auto);
    let dags = table.take_table("dags").map(filter).unwrap_or_default();
    table.finish();
    Some(BackendKind::Airflow(Box::new(Airflow {
        server: server?,
        api,
        dags,
    })))
}

fn prefect(mut table: Table<'_>, dir: &Path) -> Option<BackendKind> {
    let server = server(&mut table, dir);
    let deployments = table
        .take_table("deployments")
        .map(filter)
        .unwrap_or_default();
    table.finish();
    Some(BackendKind::Prefect(Box::new(Prefect {
        server: server?,
        deployments,
    })))
}

fn dagster(mut table: Table<'_>, dir: &Path) -> Option<BackendKind> {
    let server = server(&mut table, dir);
    let jobs = table.take_table("jobs").map(filter).unwrap_or_default();
    table.finish();
    Some(BackendKind::Dagster(Box::new(Dagster {
        server: server?,
        jobs,
    })))
}

fn filter(mut table: Table<'_>) -> Filter {
    let filter = Filter {
        include: plain(table.take_strings("include")),
        exclude: plain(table.take_strings("exclude")),
        tags: plain(table.take_strings("tags")),
    };
    table.finish();
    filter
}

pub(super) fn path(reader: &Reader<'_>, at: At<String>, dir: &Path) -> Option<At<PathBuf>> {
    match expand(&at.value, dir) {
        Ok(value) => Some(At {
            value,
            span: at.span,
        }),
        Err(message) => {
            reader.problem(at.span, message, None);
            None
        }
    }
}

/// `~/x` from the home directory, anything relative from the directory of the file. Variables are not expanded.
pub(super) fn expand(text: &str, dir: &Path) -> Result<PathBuf, String> {
    if text.trim().is_empty() {
        return Err("a path must not be empty".to_owned());
    }
    if text.contains('$') {
        return Err(
            "variables are not expanded in a path; write it out or begin it with ~".to_owned(),
        );
    }
    let home = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    match text.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            let home = home().ok_or("no home directory is known, so `~` means nothing")?;
            Ok(home.join(rest.trim_start_matches('/')))
        }
        Some(_) => Err("the home of another user can't be found; write the path out".to_owned()),
        None => Ok(dir.join(text)),
    }
}
