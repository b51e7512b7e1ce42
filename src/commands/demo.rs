//! `dagtop demo`: the bundled pipelines, run and watched.

use crate::backends;
use crate::backends::local::{LocalBackend, demo};
use crate::cli::Global;
use crate::config::{Config, Paths};

use super::session::Session;
use super::watch::{Screen, watch};
use super::{Exit, open};

pub(super) fn run(global: &Global) -> anyhow::Result<Exit> {
    let paths = Paths::discover(global.config.as_deref())?;
    let mut config = Config::default();
    global.over(&mut config.ui);
    let screen = Screen::new(&config, &paths);
    super::runtime()?.block_on(async {
        let session = session(&config, &paths)?;
        watch(session, screen).await
    })
}

/// The demo's pipelines, some of them started.
pub(super) fn session(config: &Config, paths: &Paths) -> anyhow::Result<Session> {
    let settings = demo::prepare(&paths.state_dir.join("demo"))?;
    let backend = LocalBackend::new(backends::local_info("demo"), settings)?;
    Ok(open::start(config, paths, vec![Box::new(backend)]))
}
