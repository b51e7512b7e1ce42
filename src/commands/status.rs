//! `dagtop status`: one look, one line, one exit code, as monitoring plugins do it.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::backends::Role;
use crate::cli::{Global, Status};
use crate::config::LoadError;
use crate::engine::Watch;
use crate::model::{Health, NoticeLevel, Reach, SafeText, Target};
use crate::world::{BackendView, FleetRow};

use super::interrupt::Interrupted;
use super::{Exit, open, print, print_json};

/// Longest wait for the logs that explain the failures, once everything else is known.
const EXPLAIN: Duration = Duration::from_secs(5);

pub(super) fn run(global: &Global, args: &Status) -> anyhow::Result<Exit> {
    let error = match look(global, args) {
        Ok(report) => {
            if global.json {
                print_json(&report)?;
            } else {
                print(text(&report))?;
            }
            return Ok(Exit::Code(report.level as u8));
        }
        Err(error) if super::reader_gone(&error) || error.is::<Interrupted>() => {
            return Err(error);
        }
        Err(error) => error,
    };
    // a plugin that can't look says so on its line, and with its code
    let unable = Unable::new(&error);
    if global.json {
        print_json(&unable)?;
    } else {
        let lines = unable.errors.iter().map(|e| format!("{e}\n"));
        print(format!("UNKNOWN: {}", lines.collect::<String>()))?;
    }
    Ok(Exit::Code(Level::Unknown as u8))
}

fn look(global: &Global, args: &Status) -> anyhow::Result<Report> {
    let (config, paths) = open::config(global)?;
    super::runtime()?.block_on(async {
        let mut session = open::session(&config, &paths, Role::Observe);
        let report = session
            .interruptible(async |session| {
                session.until_listed(Duration::from_secs(args.wait)).await;
                session.until_explained(EXPLAIN).await;
                session.refresh();
                Ok(report(&session.engine.watch))
            })
            .await;
        session.close().await;
        report
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

/// What `--json` prints when nothing could be looked at.
#[derive(Debug, Serialize)]
struct Unable {
    level: Level,
    /// The first says what, the others where.
    errors: Vec<SafeText>,
}

impl Unable {
    fn new(error: &anyhow::Error) -> Self {
        let mut errors = Vec::new();
        match error.downcast_ref::<LoadError>() {
            Some(LoadError::Problems(problems)) => {
                let what = match problems.0.len() {
                    1 => "the configuration can't be used".to_owned(),
                    n => format!("the configuration can't be used, {n} problems"),
                };
                errors.push(SafeText::new(what));
                errors.extend(problems.0.iter().map(|p| SafeText::new(p.headline())));
            }
            _ => errors.push(SafeText::new(format!("{error:#}"))),
        }
        Self {
            level: Level::Unknown,
            errors,
        }
    }
}

/// What `--json` prints. What is paused is not counted among what is wrong.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub level: Level,
    pub pipelines: usize,
    pub failing: usize,
    pub lost: usize,
    pub late: usize,
    pub running: usize,
    pub queued: usize,
    pub problems: Vec<Problem>,
    pub backends: Vec<BackendLine>,
}

#[derive(Debug, Serialize)]
pub(super) struct Problem {
    pub pipeline: SafeText,
    pub backend: SafeText,
    pub health: Health,
    /// For `dagtop logs` and `dagtop act`: of the node, else of the run, else of the pipeline.
    pub address: SafeText,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<SafeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<SafeText>,
    /// When it should have started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<DateTime<Utc>>,
    /// Why, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<SafeText>,
}

#[derive(Debug, Serialize)]
pub(super) struct BackendLine {
    pub name: SafeText,
    pub up: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<SafeText>,
    /// Files that it can't load and the like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<SafeText>,
}

/// Critical: something fails. Unknown: a backend can't be asked. Warning: late or lost runs, files
/// that a backend can't load. The first that holds.
fn report(watch: &Watch) -> Report {
    let rows: Vec<&FleetRow> = watch
        .fleet()
        .iter()
        .filter(|r| !r.paused || r.health.active())
        .collect();
    let count = |of: &[Health]| rows.iter().filter(|r| of.contains(&r.health)).count();
    let failing = count(&[Health::Failing, Health::Failed]);
    let (lost, late) = (count(&[Health::Lost]), count(&[Health::Late]));
    let backends: Vec<BackendLine> = watch.world.backends().map(backend).collect();
    let level = if failing > 0 {
        Level::Critical
    } else if backends.is_empty() || watch.world.backends().any(|b| !b.up() || !b.listed) {
        Level::Unknown
    } else if lost + late > 0 || backends.iter().any(|b| !b.errors.is_empty()) {
        Level::Warning
    } else {
        Level::Ok
    };
    Report {
        level,
        pipelines: watch.fleet().len(),
        failing,
        lost,
        late,
        running: count(&[Health::Failing, Health::Retrying, Health::Running]),
        queued: count(&[Health::Queued]),
        problems: rows
            .iter()
            .filter(|r| r.health.needs_person())
            .map(|r| problem(watch, r))
            .collect(),
        backends,
    }
}

fn backend(view: &BackendView) -> BackendLine {
    let trouble = match (&view.status.reach, view.listed) {
        (Reach::Connecting, _) => Some(SafeText::new("no answer yet")),
        (Reach::Up, false) => Some(SafeText::new("its pipelines were not listed in time")),
        _ => view.trouble().cloned(),
    };
    let errors = view
        .notices
        .iter()
        .filter(|n| n.level == NoticeLevel::Error);
    BackendLine {
        name: view.info.name.clone(),
        up: view.up(),
        trouble,
        errors: errors
            .map(|n| SafeText::new(super::notice_line(n)))
            .collect(),
    }
}

fn problem(watch: &Watch, row: &FleetRow) -> Problem {
    let view = watch.world.pipeline(&row.key);
    // of a run that has not begun there is nothing to tell yet
    let run = row.run.as_ref().filter(|_| row.health != Health::Late);
    let key = run.and_then(|run| Some(run.node(row.node.as_ref()?)));
    let node = key.as_ref().and_then(|key| watch.world.node(key));
    let target = match (key.filter(|_| node.is_some()), run) {
        (Some(key), _) => Target::Node(key),
        (None, Some(run)) => Target::Run(run.clone()),
        (None, None) => Target::Pipeline(row.key.clone()),
    };
    let error = watch
        .first_error(row)
        .and_then(|key| watch.error_line(&key));
    Problem {
        pipeline: view.map_or_else(|| row.key.pipeline.safe(), |p| p.pipeline.name.clone()),
        backend: row.key.backend.safe(),
        health: row.health,
        address: SafeText::new(target.address()),
        run: run.map(|r| r.run.safe()),
        node: node.map(|n| n.name.clone()),
        due: row.due,
        error: error.or_else(|| view?.pipeline.stale.clone()),
    }
}

/// One line of summary with the figures after a bar, then one line a problem.
fn text(report: &Report) -> String {
    let mut out = format!("{}: {} failing", report.level.word(), report.failing);
    // writing to a string does not fail
    for (count, what) in [
        (report.lost, "lost"),
        (report.late, "late"),
        (report.running, "running"),
        (report.queued, "queued"),
    ] {
        let _ = write!(out, ", {count} {what}");
    }
    let _ = write!(out, " of {} pipelines", report.pipelines);
    let down: Vec<&str> = report
        .backends
        .iter()
        .filter(|b| b.trouble.is_some())
        .map(|b| b.name.as_str())
        .collect();
    if report.backends.is_empty() {
        out.push_str("; there is no backend in the configuration");
    } else if !down.is_empty() {
        let _ = write!(out, "; can't be asked: {}", down.join(", "));
    }
    let _ = writeln!(
        out,
        " | pipelines={} failing={} lost={} late={} running={} queued={} backends_down={}",
        report.pipelines,
        report.failing,
        report.lost,
        report.late,
        report.running,
        report.queued,
        down.len(),
    );
    for BackendLine {
        name,
        trouble,
        errors,
        ..
    } in &report.backends
    {
        if let Some(trouble) = trouble {
            let _ = writeln!(out, "{name}: {trouble}");
        }
        for error in errors {
            let _ = writeln!(out, "{name}: can't load {error}");
        }
    }
    for problem in &report.problems {
        let _ = write!(out, "{} {}", problem.health.word(), problem.address);
        if let (Some(due), Health::Late) = (problem.due, problem.health) {
            let _ = write!(out, ", due {}", due.format("%Y-%m-%d %H:%M UTC"));
        }
        if let Some(error) = &problem.error {
            let _ = write!(out, ": {error}");
        }
        out.push('\n');
    }
    out
}
