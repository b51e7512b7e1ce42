//! Owns the subcommands, one thin file each: reads what the command line says, asks the rooms below, prints.
//! Must not know how the rooms do their work.

mod completions;
mod graph;
mod paths;

use std::io::{self, Write as _};

use anyhow::Context as _;

use crate::cli::{Cli, Command};
use crate::config::LoadError;

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
        Some(Command::Graph(args)) => graph::run(global, &args),
        Some(Command::Completions(args)) => completions::run(&args),
        None => Ok(Exit::Done),
    }
}

/// The exit code of a command that ended with an error.
pub fn failure(error: &anyhow::Error) -> Exit {
    if error.chain().any(|cause| cause.is::<LoadError>()) {
        Exit::Code(2)
    } else {
        Exit::Bad
    }
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
