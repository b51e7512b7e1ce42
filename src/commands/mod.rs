//! Owns the subcommands, one thin file each: reads what the command line says, asks the rooms below, prints.
//! Must not know how the rooms do their work.

mod act;
mod address;
mod alerts;
mod audit;
mod completions;
mod demo;
mod diagnose;
mod diagnosis;
mod doctor;
mod export;
mod graph;
mod history;
mod interrupt;
mod logs;
mod moment;
mod monitor;
mod names;
mod notify;
mod open;
mod outlet;
mod paths;
mod record;
mod replay;
mod report;
mod rules;
mod run;
mod run_dbt;
mod serve;
mod session;
mod silence;
mod snapshot;
mod status;
mod times;
mod watch;

use std::io::{self, Write as _};

use anyhow::Context as _;

use crate::backends::local::ReadError;
use crate::cli::{Cli, Command};
use crate::config::reader::nearest;
use crate::config::{Backend, LoadError};
use crate::model::{Notice, SafeText};

use address::AddressError;
use interrupt::Interrupted;

/// How a command ended, as the shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// Carried out, and the answer is bad.
    Bad,
    /// Any other code, for commands that document their own.
    Code(u8),
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Bad => Self::FAILURE,
            Exit::Code(code) => Self::from(code),
        }
    }
}

/// Carries out the command line.
pub fn run(cli: Cli) -> anyhow::Result<Exit> {
    let global = &cli.global;
    if cli.paths {
        return paths::run(global);
    }
    match cli.command {
        None | Some(Command::Monitor(_)) => monitor::run(global),
        Some(Command::Demo(_)) => demo::run(global),
        Some(Command::Run(args)) => run::run(global, &args),
        Some(Command::Alerts(args)) => alerts::run(global, &args),
        Some(Command::Export(args)) => export::run(global, &args),
        Some(Command::Audit(args)) => audit::run(global, &args),
        Some(Command::Silence(args)) => silence::run(global, &args),
        Some(Command::Rules(args)) => rules::run(global, &args),
        Some(Command::Serve(_)) => serve::run(global),
        Some(Command::Replay(args)) => replay::run(global, &args),
        Some(Command::Record(args)) => record::run(global, &args),
        Some(Command::Report(args)) => report::run(global, &args),
        Some(Command::Open(args)) => monitor::open(global, &args),
        Some(Command::Doctor(args)) => doctor::run(global, &args),
        Some(Command::Notify(args)) => notify::run(global, &args),
        Some(Command::Diagnose(args)) => diagnose::run(global, &args),
        Some(Command::History(args)) => history::run(global, &args),
        Some(Command::Graph(args)) => graph::run(global, &args),
        Some(Command::Snapshot(args)) => snapshot::run(global, &args),
        Some(Command::Status(args)) => status::run(global, &args),
        Some(Command::Logs(args)) => logs::run(global, &args),
        Some(Command::Act(args)) => act::run(global, &args),
        Some(Command::Completions(args)) => completions::run(&args),
    }
}

/// The command line asks for something that can't be: code 2, as for one that can't be parsed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// The exit code of a command that ended with an error.
pub fn failure(error: &anyhow::Error) -> Exit {
    if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
        return Exit::Code(interrupted.exit_code());
    }
    let theirs = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<Usage>()
            || cause.is::<LoadError>()
            || cause.is::<ReadError>()
            || cause
                .downcast_ref::<AddressError>()
                .is_some_and(AddressError::is_wrong)
    };
    if error.chain().any(theirs) {
        Exit::Code(2)
    } else {
        Exit::Bad
    }
}

/// What to do about an error, where that does not go without saying.
pub fn hint(error: &anyhow::Error) -> Option<&'static str> {
    let not_there = |cause: &(dyn std::error::Error + 'static)| {
        matches!(
            cause.downcast_ref::<LoadError>(),
            Some(LoadError::NotFound(_))
        )
    };
    error.chain().any(not_there).then_some(
        "`dagtop` in a terminal offers to write one, `dagtop demo` needs none; --config names another file",
    )
}

/// The exit code of a command line that can't be parsed: a monitoring plugin must not call that critical.
pub fn usage_code(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Exit {
    let status = arguments.into_iter().skip(1).any(|a| a == "status");
    Exit::Code(if status { 3 } else { 2 })
}

/// Whoever read our output has gone; there is nobody to tell.
pub fn reader_gone(error: &anyhow::Error) -> bool {
    let gone = |cause: &(dyn std::error::Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    };
    error.chain().any(gone)
}

/// The named backends, or all that are enabled.
fn choose<'a>(all: &'a [Backend], names: &[String]) -> anyhow::Result<Vec<&'a Backend>> {
    if names.is_empty() {
        return Ok(all.iter().filter(|backend| backend.enabled).collect());
    }
    names
        .iter()
        .map(|name| {
            let known = all.iter().map(|backend| backend.name.as_str());
            let found = all.iter().find(|backend| backend.name == *name);
            found.ok_or_else(|| {
                let near = did_you_mean(name, known);
                Usage(format!(
                    "there is no backend `{name}` in the configuration{near}"
                ))
                .into()
            })
        })
        .collect()
}

/// `; did you mean …?`, or nothing when no candidate is near.
fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates)
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default()
}

/// An error with all its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// A notice of a backend on one line; some begin with what they are about.
fn notice_line(notice: &Notice) -> String {
    match notice.text.first() {
        Some(line) if line.as_str().starts_with(notice.subject.as_str()) => line.to_string(),
        Some(line) => format!("{}: {line}", notice.subject),
        None => notice.subject.to_string(),
    }
}

/// A runtime for commands that talk to backends.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(2)
        .enable_all()
        .build()
        .context("can't start the runtime")
}

/// A line for whoever watches, beside what is printed.
fn say(text: impl AsRef<str>) {
    // with stderr closed there is nobody to tell
    let _ = writeln!(io::stderr(), "dagtop: {}", SafeText::new(text));
}

/// Writes all of it to stdout at once.
fn print(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref())
        .and_then(|()| out.flush())
        .context("can't write to stdout")
}

/// Prints one JSON document and a newline.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value).context("can't write as JSON")?;
    text.push('\n');
    print(text)
}
