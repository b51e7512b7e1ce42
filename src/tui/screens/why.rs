//! One line of why, from what is known: the error, how it ended, who waits for it, when it last went well.

use chrono::{DateTime, Utc};

use crate::analytics::usual_duration;
use crate::diagnosis::{Class, changes, culprit, remedies};
use crate::engine::Watch;
use crate::model::{Health, Node, NodeState};
use crate::tui::app::Settings;
use crate::tui::command::TABLE;
use crate::tui::widgets::format;
use crate::world::{FleetRow, RunView};

/// Lines of a log's end that may tell why.
/// Differences from the last good run that are told.
const CHANGES: usize = 2;
/// Runs with more nodes are not compared with others at every frame.
const MOST_NODES: usize = 2_000;

/// How a node ended, from its exit code or signal: "exit 137 (SIGKILL: killed, often out of memory)".
pub fn ended_how(node: &Node) -> String {
    match (node.signal, node.exit_code) {
        (Some(signal), _) => format!("signal {signal}{}", signal_word(signal)),
        (None, Some(code)) if code > 128 => format!("exit {code}{}", signal_word(code - 128)),
        (None, Some(code)) => format!("exit {code}"),
        (None, None) => node.state.word().to_owned(),
    }
}

fn signal_word(signal: i32) -> &'static str {
    match signal {
        2 => " (SIGINT: interrupted)",
        6 => " (SIGABRT: gave up)",
        9 => " (SIGKILL: killed, often out of memory)",
        11 => " (SIGSEGV: crashed)",
        15 => " (SIGTERM: asked to stop)",
        _ => "",
    }
}

/// Of a row of the fleet.
pub fn of_row(
    watch: &Watch,
    row: &FleetRow,
    now: DateTime<Utc>,
    settings: &Settings,
) -> Option<String> {
    if let Some(stale) = watch
        .world
        .pipeline(&row.key)
        .and_then(|p| p.pipeline.stale.as_ref())
    {
        return Some(stale.as_str().to_owned());
    }
    if row.health == Health::Late {
        let due = row
            .due
            .map(|at| format::due(at, now, settings.zone))
            .unwrap_or_default();
        return Some(format!(
            "due at {due} and not started: is the scheduler alive, are slots free? 3 shows the system"
        ));
    }
    let run = watch.world.run(row.run.as_ref()?)?;
    let node = row.node.as_ref().and_then(|id| run.nodes.get(id));
    of_run(watch, run, node, now, settings)
}

/// Of a run, with the node to look at.
pub fn of_run(
    watch: &Watch,
    run: &RunView,
    node: Option<&Node>,
    now: DateTime<Utc>,
    settings: &Settings,
) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    match node {
        Some(node) if node.state.problem() => {
            parts.push(match cause(watch, run, node, settings) {
                Some(cause) => cause,
                None if node.state == NodeState::Blocked => {
                    format!("{} can't run: something upstream failed", node.name)
                }
                None => format!("{} {}", node.name, ended_how(node)),
            });
            if let Some(max) = node.max_attempts.filter(|max| *max > 1) {
                parts.push(format!("attempt {} of {max}", node.attempt));
            }
            if node.state == NodeState::Retrying {
                parts.push("its backend tries it again".to_owned());
            }
            let blocked = run
                .nodes
                .values()
                .filter(|n| n.state == NodeState::Blocked)
                .count();
            if blocked > 0 {
                let waits = if blocked == 1 {
                    "waits for it"
                } else {
                    "wait for it"
                };
                parts.push(format!("{} {waits}", format::plural(blocked, "node")));
            }
        }
        _ => going(watch, run, node, now, &mut parts),
    }
    if run.health.needs_person() && run.nodes.len() <= MOST_NODES {
        before(watch, run, node, now, &mut parts);
    }
    if run.health.needs_person()
        && let Some(good) = last_good(watch, run)
    {
        parts.push(format!(
            "last good run {}",
            format::due(good, now, settings.zone)
        ));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What the diagnosis says of the node's last attempt: "executor ran out of memory (exit 137). Try: ...".
fn cause(watch: &Watch, run: &RunView, node: &Node, settings: &Settings) -> Option<String> {
    let found = watch.diagnosis(run, node)?;
    let mut text = found.summary.as_str().to_owned();
    if !found.evidence.is_empty() {
        text += &format!(" ({})", found.evidence);
    }
    // "read the log" is no advice beside the log
    if found.class != Class::Unknown {
        text += &format!("; try: {}", found.advice);
    }
    text += &keys(watch, run, node, found.class, settings);
    Some(text)
}

/// The keys that carry out what helps here: " (r retry, p pause)".
fn keys(watch: &Watch, run: &RunView, node: &Node, class: Class, settings: &Settings) -> String {
    let Some(backend) = watch.world.backend(run.run.key.backend()) else {
        return String::new();
    };
    if backend.info.read_only {
        return String::new();
    }
    let key = run.run.key.node(&node.id);
    let all = remedies(class, &key, node.attempt, &backend.capabilities);
    let shown: Vec<String> = all
        .iter()
        .filter_map(|remedy| {
            let row = TABLE
                .iter()
                .find(|row| row.command.action() == Some(remedy.action))?;
            let label = settings.keymap.label(row.command);
            Some(format!("{label} {}", remedy.action.word()))
        })
        .collect();
    match shown.is_empty() {
        true => String::new(),
        false => format!(" ({})", shown.join(", ")),
    }
}

/// Where it began, when that is another node, and what is different from the last good run.
fn before(
    watch: &Watch,
    run: &RunView,
    node: Option<&Node>,
    now: DateTime<Utc>,
    parts: &mut Vec<String>,
) {
    if let Some(first) = culprit(run)
        && node.is_some_and(|n| n.id != first.id)
    {
        parts.push(format!("it began at {}", first.name));
    }
    let found = changes(&watch.world, run, now);
    let shown: Vec<&str> = found
        .iter()
        .take(CHANGES)
        .map(|c| c.text.as_str())
        .collect();
    if !shown.is_empty() {
        parts.push(format!("changed: {}", shown.join(", ")));
    }
}

/// Nothing failed: how far, how fast, what it waits for.
fn going(
    watch: &Watch,
    run: &RunView,
    node: Option<&Node>,
    now: DateTime<Utc>,
    parts: &mut Vec<String>,
) {
    if run.health == Health::Lost {
        parts.push(
            "nobody answers for this run any more; what became of it is not known".to_owned(),
        );
    }
    if let Some(waits) = run
        .nodes
        .values()
        .find_map(|n| Some((n, n.waits_for.as_ref()?)))
    {
        parts.push(format!("{} waits for {}", waits.0.name, waits.1));
    }
    if !run.health.active() {
        ended(watch, run, now, parts);
        return;
    }
    if let Some(node) = node.filter(|n| n.state == NodeState::Running) {
        let progress = node.progress.map(|p| format!(" {} %", p.percent()));
        parts.push(format!(
            "{} runs{}",
            node.name,
            progress.unwrap_or_default()
        ));
    }
    let usual = usual_duration(watch.world.runs_of(&run.run.key.pipeline));
    if let (Some(usual), Some(elapsed)) = (usual, run.run.elapsed(now)) {
        let pace = if elapsed > usual + usual / 2 {
            "slower than usual: "
        } else {
            ""
        };
        parts.push(format!(
            "{pace}{} of usual {}",
            format::duration(elapsed),
            format::duration(usual)
        ));
    }
}

/// It is over and nothing failed.
fn ended(watch: &Watch, run: &RunView, now: DateTime<Utc>, parts: &mut Vec<String>) {
    let Some(at) = run.run.ended_at else {
        return;
    };
    let took = run
        .run
        .elapsed(now)
        .map(|t| format!(", took {}", format::duration(t)));
    let usual = usual_duration(watch.world.runs_of(&run.run.key.pipeline))
        .map(|t| format!(" of usual {}", format::duration(t)));
    parts.push(format!(
        "{} {}{}{}",
        run.health.word(),
        format::age(at, now),
        took.unwrap_or_default(),
        usual.unwrap_or_default()
    ));
}

fn last_good(watch: &Watch, run: &RunView) -> Option<DateTime<Utc>> {
    watch
        .world
        .runs_of(&run.run.key.pipeline)
        .find(|r| matches!(r.health, Health::Succeeded | Health::Warned))
        .and_then(|r| r.run.ended_at.or(r.run.started_at))
}
