//! Owns dbt projects: a folder of files and a command, no server. What a project consists of is read
//! from its artifacts, what goes on from its log, and runs are started as child processes.
//! Must not know who watches; must not write into the project (dbt itself does).
//!
//! The parts: `project`, `manifest`, `results` read what lies in the folder; `lines` with `json_line`
//! and `text_line` read what dbt says into `said`; `record` is what is known of one run, `ledger` what
//! is known of data quality, `store` keeps both; `follow` reads the project's log, `stream` the output
//! of a run of our own; `shape`, `view`, `node_log` say it in the words of the house; `actor`, `watch`,
//! `log`, `keep`, `drive`, `tell`, `plan`, `again`, `deeds` are the one task that owns it all.
//!
//! When dagtop ends, what it runs is interrupted. When it is killed, its runs are lost: what is left of
//! them can be stopped by cancelling the run.

mod actor;
mod again;
mod capabilities;
mod cut;
mod deeds;
mod drive;
mod follow;
mod invoke;
mod json_line;
mod keep;
mod ledger;
mod lines;
mod log;
mod manifest;
mod node_log;
mod plan;
mod project;
mod record;
mod results;
mod said;
mod shape;
mod slot;
mod store;
mod stream;
mod tell;
#[cfg(test)]
mod tests;
mod text_line;
mod view;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::backends::disk::{StoreError, file_name};
use crate::backends::{Backend, BackendError, Link, Running};
use crate::config::Dbt;
use crate::model::{BackendInfo, Capabilities};

pub use capabilities::all as capabilities;

pub use project::{ProjectError, find_program};

use store::Store;

/// What the backend needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The folder with `dbt_project.yml`. Absolute.
    pub project: PathBuf,
    /// The folder with `profiles.yml`, where it is not where dbt looks by itself.
    pub profiles: Option<PathBuf>,
    /// The target in the profile, where it is not the default one.
    pub target: Option<String>,
    /// Name or path of dbt.
    pub dbt: PathBuf,
    /// What a run does when nobody says otherwise.
    pub command: String,
    pub select: Vec<String>,
    pub exclude: Vec<String>,
    /// Between INT, TERM and KILL.
    pub grace: Duration,
    /// How often files are looked at.
    pub refresh: Duration,
    /// Where runs and their logs are kept: a folder of this backend alone.
    pub state: PathBuf,
}

impl Settings {
    /// `state_dir` is dagtop's; every backend has a folder of its own in it.
    pub fn new(config: &Dbt, backend: &str, refresh: Duration, state_dir: &Path) -> Self {
        Self {
            project: config.project.clone(),
            profiles: config.profiles.clone(),
            target: config.target.clone(),
            dbt: config.dbt.clone(),
            command: config.command.clone(),
            select: config.select.clone(),
            exclude: config.exclude.clone(),
            grace: config.grace,
            refresh,
            state: state_dir.join("dbt").join(file_name(backend)),
        }
    }

    /// One project that no configuration describes; its runs are kept by where it is.
    pub fn single(project: PathBuf, state_dir: &Path) -> Self {
        let name = file_name(&project.to_string_lossy());
        let config = Dbt::new(project);
        let mut settings = Self::new(&config, &name, Duration::from_millis(500), state_dir);
        settings.state = state_dir.join("dbt").join("run").join(name);
        settings
    }

    /// Where dbt is, if it is installed.
    pub fn program(&self) -> Option<PathBuf> {
        find_program(&self.dbt)
    }
}

/// Says what is wrong with a folder before anything is started. Gives the project's name.
pub fn check(project: &Path) -> Result<String, ProjectError> {
    project::Project::read(project).map(|p| p.name)
}

/// The dbt backend.
#[derive(Debug)]
pub struct DbtBackend {
    info: BackendInfo,
    settings: Settings,
    store: Store,
    start: Option<Start>,
}

/// What is run once, as soon as the project is read.
#[derive(Debug)]
struct Start {
    /// After `dbt`.
    words: Vec<String>,
    /// Hears dbt's exit code; `None` when it has none.
    ended: oneshot::Sender<Option<i32>>,
}

impl DbtBackend {
    /// Makes the folder for its state, and nothing else yet.
    pub fn new(info: BackendInfo, settings: Settings) -> Result<Self, StoreError> {
        let store = Store::open(settings.state.clone())?;
        Ok(Self {
            info,
            settings,
            store,
            start: None,
        })
    }

    /// Runs this once, as soon as the project is read. Gives dbt's exit code when it has ended.
    pub fn start(&mut self, words: Vec<String>) -> oneshot::Receiver<Option<i32>> {
        let (ended, receiver) = oneshot::channel();
        self.start = Some(Start { words, ended });
        receiver
    }
}

impl Backend for DbtBackend {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        capabilities::all(self.settings.program().is_some())
    }

    fn run(self: Box<Self>, link: Link) -> Running {
        Box::pin(async move {
            drive::let_children_be_interrupted();
            let actor = actor::Actor::new(self.info, self.settings, self.store, link);
            actor
                .run(self.start)
                .await
                .map_err(BackendError::EngineGone)
        })
    }
}
