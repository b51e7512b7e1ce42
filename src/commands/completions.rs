//! `dagtop completions SHELL`

use clap::CommandFactory as _;

use crate::cli::{Cli, Completions};

use super::{Exit, print};

pub(super) fn run(args: &Completions) -> anyhow::Result<Exit> {
    // into memory first: the generator panics when its reader goes away
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "dagtop", &mut script);
    print(script)?;
    Ok(Exit::Done)
}
