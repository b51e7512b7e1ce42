//! `dagtop status`: one look, one line, one exit code, as monitoring plugins do it.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::backends::Role;
use crate::cli::{Global, Status};
use crate::engine::Watch;
use crate::model::{Health, SafeText};
use crate::world::{FleetRow, Tally};

use super::{Exit, open, print, print_json};

/// Longest wait for the logs that explain the failures, once everything else is known.
const EXPLAIN: Duration = Duration::from_secs(5);

pub(super) fn run(global: &Global, args: &Status) -> anyhow::Result<Exit> {
    match look(global, args) {
        Ok(report) => {
            if global.json {
                print_json(&report)?;
            } else {
                print(text(&report))?;
            }
            Ok(Exit::Code(report.level as u8))
        }
        Err(error) if super::reader_gone(&error) => Err(error),
        // a plugin that can't look says so on its line, and with its code
        Err(error) => {
            print(format!(
                "UNKNOWN: {}\n",
                SafeText::new(format!("{error:#}"))
            ))?;
            Ok(Exit::Code(Level::Unknown as u8))
        }
    }
}

fn look(global: &Global, args: &Status) -> anyhow::Result<Report> {
    let (config, paths) = open::config(global)?;
    super::runtime()?.block_on(async {
        let mut session = open::session(&config, &paths, Role::Observe);
        session.until_listed(Duration::from_secs(args.wait)).await;
        session.until_explained(EXPLAIN).await;
        session.refresh();
        let report = report(&session.engine.watch);
        session.close().await;
        Ok(report)
    })
}

/// The monitoring-plugin convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub level: Level,
    pub pipelines: usize,
    pub failing: usize,
    pub running: usize,
    pub queued: usize,
    pub late: usize,
    pub problems: Vec<Problem>,
    pub backends: Vec<BackendLine>,
}

#[derive(Debug, Serialize)]
pub(super) struct Problem {
    pub pipeline: SafeText,
    pub backend: SafeText,
    pub health: Health,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<SafeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<SafeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<SafeText>,
}

#[derive(Debug, Serialize)]
pub(super) struct BackendLine {
    pub name: SafeText,
    pub up: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<SafeText>,
}

/// Critical: something fails. Unknown: a backend can't be asked. Warning: late or lost runs. The
/// first that holds.
fn report(watch: &Watch) -> Report {
    let fleet = watch.fleet();
    let tally = Tally::of(fleet);
    let backends: Vec<BackendLine> = watch
        .world
        .backends()
        .map(|b| BackendLine {
            name: b.info.name.clone(),
            up: b.up(),
            trouble: b.trouble().cloned(),
        })
        .collect();
    let bad = |health: Health| fleet.iter().any(|r| r.health == health && !r.paused);
    let level = if bad(Health::Failing) || bad(Health::Failed) {
        Level::Critical
    } else if backends.is_empty() || backends.iter().any(|b| !b.up) {
        Level::Unknown
    } else if bad(Health::Late) || bad(Health::Lost) {
        Level::Warning
    } else {
        Level::Ok
    };
    Report {
        level,
        pipelines: tally.total,
        failing: tally.failing,
        running: tally.running,
        queued: tally.queued,
        late: tally.late,
        problems: fleet
            .iter()
            .filter(|r| r.health.needs_person() && !r.paused)
            .map(|r| problem(watch, r))
            .collect(),
        backends,
    }
}

fn problem(watch: &Watch, row: &FleetRow) -> Problem {
    let view = watch.world.pipeline(&row.key);
    let node = row
        .run
        .as_ref()
        .and_then(|run| watch.world.node(&run.node(row.node.as_ref()?)));
    Problem {
        pipeline: view.map_or_else(|| row.key.pipeline.safe(), |p| p.pipeline.name.clone()),
        backend: row.key.backend.safe(),
        health: row.health,
        run: row.run.as_ref().map(|r| r.run.safe()),
        node: node.map(|n| n.name.clone()),
        error: watch
            .first_error(row)
            .and_then(|key| watch.error_line(&key)),
    }
}

/// One line of summary with the figures after a bar, then one line a problem.
fn text(report: &Report) -> String {
    let mut out = format!(
        "{}: {} failing, {} late, {} running, {} queued of {} pipelines | failing={} late={} running={} queued={}\n",
        report.level.word(),
        report.failing,
        report.late,
        report.running,
        report.queued,
        report.pipelines,
        report.failing,
        report.late,
        report.running,
        report.queued,
    );
    for backend in report.backends.iter().filter(|b| !b.up) {
        let why = backend
            .trouble
            .as_ref()
            .map_or("no answer yet", SafeText::as_str);
        let _ = writeln!(out, "{}: {why}", backend.name);
    }
    for problem in &report.problems {
        let _ = write!(
            out,
            "{} {} ({})",
            problem.health.word(),
            problem.pipeline,
            problem.backend
        );
        if let Some(node) = &problem.node {
            let _ = write!(out, " at {node}");
        }
        if let Some(error) = &problem.error {
            let _ = write!(out, ": {error}");
        }
        out.push('\n');
    }
    out
}
