//! Records in the words of the house.

use std::path::Path;

use chrono::{DateTime, Utc};

use crate::model::{
    Attempt, Check, Detail, Node, NodeCounts, NodeId, NodeState, PipelineKey, Run, RunKey,
    SafeText, quality,
};

use super::ledger::{Entry, Ledger};
use super::manifest::{Item, Manifest};
use super::record::{NodeRecord, Record};
use super::results::Age;
use super::shape;

/// Stands for dbt itself in a run that could not begin: it carries the reason and the log.
pub const COMMAND: &str = "dbt";
/// More lines of compiled code are not shown in the details.
const MAX_CODE: usize = 200;

pub fn run(record: &Record, key: RunKey, counts: NodeCounts) -> Run {
    let mut run = Run::new(key, record.started_at.unwrap_or(record.created_at));
    run.state = record.state;
    run.native = SafeText::new(&record.native);
    run.queued_at = Some(record.created_at);
    run.started_at = record.started_at;
    run.ended_at = record.ended_at;
    let words = record.args.words();
    run.cause = SafeText::new(if words.is_empty() {
        record.cause.clone()
    } else {
        format!("dbt {words} · {}", record.cause)
    });
    run.note = note(record).map(SafeText::new);
    let mut param = |name: &str, value: String| {
        if !value.is_empty() {
            run.params.push((SafeText::new(name), SafeText::new(value)));
        }
    };
    param("command", record.args.which.clone());
    param("select", record.args.select.join(" "));
    param("exclude", record.args.exclude.join(" "));
    if record.args.full_refresh {
        param("full_refresh", "true".to_owned());
    }
    param("target", record.args.target.clone().unwrap_or_default());
    param("vars", record.args.vars.clone());
    param("invocation", record.invocation.clone().unwrap_or_default());
    let mut counts = counts;
    if command_node(record) {
        counts.add(NodeState::Failed, 1);
    }
    run.counts = Some(counts);
    run
}

fn note(record: &Record) -> Option<String> {
    if let Some(fatal) = &record.fatal {
        return Some(fatal.clone());
    }
    record.mixed.then(|| {
        "two runs of dbt wrote one text log: what belongs to which is not certain until dbt's results are there (--log-format-file json keeps them apart)".to_owned()
    })
}

/// Whether dbt itself is shown as a node.
pub fn command_node(record: &Record) -> bool {
    record.fatal.is_some()
}

/// What the views need to know beside the record.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub manifest: &'a Manifest,
    pub ledger: &'a Ledger,
    pub now: DateTime<Utc>,
}

/// Every node of a run, the sources above them, and dbt itself when it failed.
pub fn nodes(record: &Record, around: Around<'_>) -> Vec<Node> {
    let own: Vec<&str> = record.nodes.keys().map(String::as_str).collect();
    let members = shape::members(around.manifest, &own);
    let packages = shape::packages(around.manifest, &members);
    let mut list: Vec<Node> = members
        .iter()
        .map(|id| match record.nodes.get(*id) {
            Some(known) => node(id, known, around.manifest.get(id), packages),
            None => source(id, around, packages),
        })
        .collect();
    if command_node(record) {
        list.push(command(record));
    }
    list
}

/// Whether the groups of packages are shown.
pub fn packages(record: &Record, manifest: &Manifest) -> bool {
    let own: Vec<&str> = record.nodes.keys().map(String::as_str).collect();
    shape::packages(manifest, &shape::members(manifest, &own))
}

pub fn node(id: &str, known: &NodeRecord, item: Option<&Item>, packages: bool) -> Node {
    let mut node = described(id, item, packages);
    node.state = known.state;
    node.native = SafeText::new(&known.native);
    node.attempt = u32::from(known.started_at.is_some());
    node.started_at = known.started_at;
    node.ended_at = known.ended_at.filter(|_| known.state.ended());
    node.note = known.message.as_ref().map(SafeText::new);
    for (name, value) in [
        ("rows", known.rows),
        ("failing rows", known.failures.map(|n| n as f64)),
    ] {
        node.metrics
            .extend(value.map(|value| (SafeText::new(name), value)));
    }
    node
}

fn described(id: &str, item: Option<&Item>, packages: bool) -> Node {
    let mut node = Node::new(NodeId::new(id));
    match item {
        Some(item) => {
            node.name = SafeText::new(&item.name);
            node.group = shape::group_of(item, packages);
            node.kind = SafeText::new(kind(item));
        }
        None => {
            node.name = SafeText::new(super::text_line::name_of(id));
            let resource = id.split('.').next().unwrap_or_default();
            node.kind = SafeText::new(if resource == "operation" {
                "hook"
            } else {
                resource
            });
        }
    }
    node
}

/// "table model", "unique test", "dashboard exposure".
pub fn kind(item: &Item) -> String {
    let resource = match item.resource.as_str() {
        "operation" => return "hook".to_owned(),
        "unit_test" => return "unit test".to_owned(),
        "" => "node",
        resource => resource,
    };
    let what = match (resource, &item.test) {
        ("test", Some(test)) => test.name.as_str(),
        ("model" | "exposure", _) => item.materialized.as_str(),
        _ => "",
    };
    format!("{what} {resource}").trim().to_owned()
}

/// A source that a run reads: what was last found of its freshness.
fn source(id: &str, around: Around<'_>, packages: bool) -> Node {
    let mut node = described(id, around.manifest.get(id), packages);
    match around.ledger.entries.get(id) {
        Some(entry) => {
            node.state = NodeState::Cached;
            node.native = SafeText::new(format!("freshness: {}", entry.native));
            node.note = Some(SafeText::new(age(entry.age.as_ref(), around.now)));
        }
        None => {
            node.state = NodeState::Skipped;
            node.native = SafeText::new("freshness not measured");
        }
    }
    node
}

fn command(record: &Record) -> Node {
    let mut node = Node::new(NodeId::new(COMMAND));
    node.kind = SafeText::new("command");
    node.state = NodeState::Failed;
    node.native = SafeText::new(&record.native);
    node.attempt = 1;
    node.started_at = record.started_at.or(Some(record.created_at));
    node.ended_at = record.ended_at;
    node.note = record.fatal.as_ref().map(SafeText::new);
    node
}

/// How old a source's data was, in words.
fn age(age: Option<&Age>, now: DateTime<Utc>) -> String {
    let Some(age) = age else {
        return String::new();
    };
    let mut text = match age.loaded_at {
        Some(at) => format!("loaded {} ago", rough(now - at)),
        None => "no data".to_owned(),
    };
    if let Some(at) = age.measured_at {
        text.push_str(&format!(", measured {} ago", rough(now - at)));
    }
    if !age.limits.is_empty() {
        text.push_str(&format!(" ({})", age.limits));
    }
    text
}

fn rough(time: chrono::TimeDelta) -> String {
    match time.num_seconds().max(0) {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7200 => format!("{} min", s / 60),
        s @ 7200..172_800 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}

/// Everything known of one node beyond the list.
pub fn detail(id: &str, known: &NodeRecord, around: Around<'_>, project: &Path) -> Detail {
    let row = |k: &str, v: String| (SafeText::new(k), SafeText::new(v));
    let item = around.manifest.get(id);
    let mut about = vec![row("id", id.to_owned())];
    if let Some(item) = item {
        about.push(row("kind", kind(item)));
        about.push(row("file", item.path.clone()));
        for (name, value) in [("table", &item.relation), ("tags", &None)] {
            about.extend(value.as_ref().map(|v| row(name, v.clone())));
        }
        if !item.tags.is_empty() {
            about.push(row("tags", item.tags.join(", ")));
        }
        if let Some(test) = &item.test {
            about.push(row("checks", checked(item, around.manifest)));
            let severity = if test.warns { "warn" } else { "error" };
            about.push(row("severity", severity.to_owned()));
        }
        about.extend(item.freshness.as_ref().map(|f| row("freshness", f.clone())));
    }
    let mut result = vec![row("status", known.native.clone())];
    result.extend(known.rows.map(|n| row("rows written", n.to_string())));
    result.extend(known.failures.map(|n| row("failing rows", n.to_string())));
    if known.age.is_some() {
        result.push(row("data", age(known.age.as_ref(), around.now)));
    }
    let mut sections = vec![
        (SafeText::new("dbt"), about),
        (SafeText::new("Result"), result),
    ];
    if let Some(message) = &known.message {
        sections.push((SafeText::new("Message"), lines(message)));
    }
    if let Some(table) = &known.failing_rows {
        let query = format!("select * from {table}");
        let rows = vec![row("table", table.clone()), row("query", query)];
        sections.push((SafeText::new("Failing rows"), rows));
    }
    let compiled = known.compiled.as_ref();
    let compiled = compiled.or(item.and_then(|i| i.compiled_path.as_ref()));
    if known.state == NodeState::Failed
        && let Some(path) = compiled
        && let Ok(code) = std::fs::read_to_string(project.join(path))
    {
        let code: Vec<&str> = code.lines().take(MAX_CODE).collect();
        let title = SafeText::new(format!("Compiled: {path}"));
        sections.push((title, lines(&code.join("\n"))));
    }
    if let Some(text) = item.map(|i| &i.description).filter(|d| !d.is_empty()) {
        sections.push((SafeText::new("Notes"), lines(text)));
    }
    let attempts = known.started_at.map(|at| Attempt {
        number: 1,
        state: known.state,
        native: SafeText::new(&known.native),
        queued_at: None,
        started_at: Some(at),
        ended_at: known.ended_at,
        exit_code: None,
        signal: None,
    });
    Detail {
        attempts: attempts.into_iter().collect(),
        sections,
    }
}

fn lines(text: &str) -> Vec<(SafeText, SafeText)> {
    SafeText::lines(text)
        .into_iter()
        .enumerate()
        .map(|(i, line)| (SafeText::new((i + 1).to_string()), line))
        .collect()
}

/// What a test looks at: "stg_payments.payment_id".
fn checked(item: &Item, manifest: &Manifest) -> String {
    let test = item.test.clone().unwrap_or_default();
    let on = test.on.as_ref().or(item.needs.first());
    let on = on.map_or("", |id| {
        manifest
            .get(id)
            .map_or_else(|| super::text_line::name_of(id), |i| i.name.as_str())
    });
    match test.column {
        Some(column) if !on.is_empty() => format!("{on}.{column}"),
        _ => on.to_owned(),
    }
}

/// The ledger as a list: what is bad, worst first, then the sources that are fresh.
pub fn checks(around: Around<'_>, pipeline: &PipelineKey) -> Vec<Check> {
    let shown = |id: &str, entry: &Entry| entry.bad() || id.starts_with("source.");
    let mut list: Vec<Check> = around
        .ledger
        .entries
        .iter()
        .filter(|(id, entry)| shown(id, entry))
        .map(|(id, entry)| check(id, entry, around, pipeline))
        .collect();
    quality::worst_first(&mut list);
    list
}

fn check(id: &str, entry: &Entry, around: Around<'_>, pipeline: &PipelineKey) -> Check {
    let item = around.manifest.get(id);
    let source = id.starts_with("source.");
    let (on, kind) = match item {
        Some(item) if source => (
            // source and table
            item.fqn_tail(2),
            "freshness".to_owned(),
        ),
        Some(item) => {
            let name = item.test.as_ref().map_or("", |t| t.name.as_str());
            let kind = if name.is_empty() { "query" } else { name };
            (checked(item, around.manifest), kind.to_owned())
        }
        None => (String::new(), String::new()),
    };
    let note = if source {
        age(entry.age.as_ref(), entry.seen_at)
    } else if let Some(table) = entry.failing_rows.as_ref().filter(|_| entry.bad()) {
        format!("rows in {table}")
    } else {
        let first = entry.message.as_deref().unwrap_or_default().lines().next();
        first.unwrap_or_default().to_owned()
    };
    Check {
        node: pipeline.run(&entry.run).node(&NodeId::new(id)),
        name: match item {
            Some(item) => SafeText::new(&item.name),
            None => SafeText::new(super::text_line::name_of(id)),
        },
        on: SafeText::new(on),
        kind: SafeText::new(kind),
        state: entry.state,
        rows: entry.failures,
        since: entry.since,
        seen_at: entry.seen_at,
        note: SafeText::new(note),
    }
}
