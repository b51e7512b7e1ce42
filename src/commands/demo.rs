//! `dagtop demo`: the bundled pipelines, run and watched.

use std::path::Path;

use anyhow::{Context as _, anyhow};

use crate::backends;
use crate::backends::local::{LocalBackend, demo};
use crate::cli::Global;
use crate::config::{Config, Paths};
use crate::engine::DutySettings;

use super::session::Session;
use super::watch::{Screen, need_terminal, watch};
use super::{Exit, open};

pub(super) fn run(global: &Global) -> anyhow::Result<Exit> {
    need_terminal("`dagtop snapshot --demo` prints a picture of the same")?;
    let paths = Paths::discover(global.config.as_deref())?;
    let mut config = Config::default();
    global.over(&mut config.ui);
    let screen = Screen::new(&config, &paths);
    super::runtime()?.block_on(async {
        let session = session(&config, &paths, &paths.state_dir.join("demo"))?;
        watch(session, screen).await
    })
}

/// The demo's pipelines, some of them started. Everything is kept under `dir`.
pub(super) fn session(config: &Config, paths: &Paths, dir: &Path) -> anyhow::Result<Session> {
    let settings = demo::prepare(dir).with_context(|| format!("can't write {}", dir.display()))?;
    let grace = settings.grace;
    let backend = LocalBackend::new(backends::own_info("demo", "local"), settings)
        .map_err(|e| anyhow!("runs can't be kept: {e}"))?;
    Ok(open::start(
        config,
        paths,
        vec![Box::new(backend)],
        grace,
        DutySettings::default(),
    ))
}
