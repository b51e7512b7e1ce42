//! `dagtop`: the monitor, or a welcome when there is no configuration yet.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::Context as _;
use futures_util::StreamExt as _;

use crate::backends::Role;
use crate::cli::{Global, Open};
use crate::config::{self, LoadError, Paths};
use crate::model::Target;
use crate::tui::term::guard;
use crate::tui::term::session::{self as terminal, SessionOptions};
use crate::tui::welcome::{Choice, Welcome};

use super::watch::{Screen, need_terminal, watch};
use super::{Exit, address, demo, open, print};

pub(super) fn run(global: &Global) -> anyhow::Result<Exit> {
    at(global, None)
}

/// The same, beginning somewhere.
pub(super) fn open(global: &Global, args: &Open) -> anyhow::Result<Exit> {
    at(global, Some(address::place(&args.address)?))
}

fn at(global: &Global, place: Option<Target>) -> anyhow::Result<Exit> {
    let paths = Paths::discover(global.config.as_deref())?;
    let first =
        global.config.is_none() && std::env::var_os("DAGTOP_CONFIG").is_none_or(|v| v.is_empty());
    let config = match open::load(global, &paths) {
        // a file that was asked for by name and is not there is a mistake, not a first start
        Err(LoadError::NotFound(_)) if first => return welcome(global, &paths),
        other => other?,
    };
    need_terminal("`dagtop status`, `dagtop logs` and `dagtop snapshot` print")?;
    let mut screen = Screen::new(&config, &paths);
    screen.settings.open = place;
    super::runtime()?.block_on(async {
        let session = open::session(&config, &paths, Role::Operate);
        watch(session, screen).await
    })
}

fn welcome(global: &Global, paths: &Paths) -> anyhow::Result<Exit> {
    let file = paths.config_file.display();
    need_terminal("in one, `dagtop` offers to write a configuration; `dagtop --help` tells what else there is")
        .with_context(|| format!("there is no configuration at {file} yet"))?;
    let mut ui = config::Ui::default();
    global.over(&mut ui);
    let mut welcome = Welcome::new(paths.config_file.clone());
    let options = SessionOptions::from_config(&ui);
    // nothing runs beside the welcome
    guard::install_panic_hook(|_| {});
    let exit = super::runtime()?
        .block_on(terminal::run(
            &mut welcome,
            options,
            futures_util::stream::pending().boxed(),
        ))
        .context("can't use this terminal")?;
    if exit.code != 0 {
        return Ok(Exit::Code(u8::try_from(exit.code).unwrap_or(1)));
    }
    match welcome.chosen() {
        Choice::Quit => Ok(Exit::Done),
        Choice::Demo => demo::run(global),
        Choice::WriteConfig => write_config(paths),
    }
}

/// Writes every setting, switched off: nothing in it does anything until a person takes a `#` away.
fn write_config(paths: &Paths) -> anyhow::Result<Exit> {
    let path = &paths.config_file;
    let context = || format!("can't write {}", path.display());
    if let Some(dir) = path.parent() {
        config::paths::create_private_dir(dir).with_context(context)?;
    }
    // never over a file that somebody wrote meanwhile; for nobody else to read: secrets may be put there
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(context)?;
    file.write_all(starting_config().as_bytes())
        .with_context(context)?;
    print(format!(
        "Wrote {}.\nFill in a [[backend]], then `dagtop doctor` checks it and `dagtop` shows it.\n",
        path.display()
    ))?;
    Ok(Exit::Done)
}

/// The documented example with its settings commented out.
fn starting_config() -> String {
    config::EXAMPLE
        .lines()
        .map(|line| match line.chars().next() {
            None | Some('#') => format!("{line}\n"),
            Some(_) => format!("#{line}\n"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[test]
    fn the_starting_config_sets_nothing_and_explains_everything() {
        let text = super::starting_config();
        assert!(text.lines().all(|l| l.is_empty() || l.starts_with('#')));
        assert!(text.contains("#kind = \"airflow\""));
        toml::from_str::<toml::Table>(&text).unwrap();
    }
}
