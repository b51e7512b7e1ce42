//! Owns pipelines of this machine: files of nodes that are shell commands, run as real processes.
//! For scripts and for the demo: no orchestrator, no queue beyond a number of slots.
//! Must not know who watches; must not run anything that a file does not say.
//!
//! The parts: `file` and `catalog` read pipeline files; `definition` unfolds them; `record` and
//! `store` remember runs; `runner` says what follows from a run's state; `process` runs one attempt
//! (by `backends::process`); `actor`, `drive`, `keep`, `tell`,
//! `actions`, `redo`, `deeds`, `pending` are the one task that owns it all.
//!
//! When dagtop ends, what it runs is ended too. When it is killed, its runs are lost: they are
//! shown so, and what is left of them can be stopped by cancelling the run.

mod actions;
mod actor;
mod capabilities;
mod catalog;
mod deeds;
mod definition;
pub mod demo;
mod directive;
mod drive;
mod file;
mod keep;
mod output;
mod pending;
mod process;
mod record;
mod redo;
mod runner;
mod schedule;
mod slot;
mod store;
mod tail;
mod tell;
mod view;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::backends::disk::{StoreError, file_name};
use crate::backends::{Backend, BackendError, Link, Role, Running};
use crate::config::{Local, Problems};
use crate::model::{BackendInfo, Capabilities};

pub use capabilities::all as capabilities;
pub use definition::{Definition, NodeDef, Param};

use store::Store;

/// What the backend needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Files, folders of `*.toml`, or paths whose last part holds `*`. Absolute.
    pub pipelines: Vec<PathBuf>,
    /// Nodes that run at once, over all runs.
    pub parallelism: usize,
    /// Between TERM and KILL.
    pub grace: Duration,
    /// Where runs and their logs are kept: a folder of this backend alone.
    pub state: PathBuf,
    /// Names of pipelines that are run once, as soon as they are read.
    pub start: Vec<String>,
    /// Whether scheduled runs are started by this process, if no other does it already.
    pub schedules: bool,
}

impl Settings {
    /// `state_dir` is dagtop's; every backend has a folder of its own in it.
    pub fn new(config: &Local, backend: &str, state_dir: &Path) -> Self {
        Self {
            pipelines: config.pipelines.iter().map(|at| at.value.clone()).collect(),
            parallelism: usize::try_from(config.parallelism).unwrap_or(1).max(1),
            grace: config.grace,
            state: state_dir.join("local").join(file_name(backend)),
            start: Vec::new(),
            schedules: true,
        }
    }

    /// One pipeline alone, run on demand.
    pub fn single(file: PathBuf, state_dir: &Path) -> Self {
        Self {
            pipelines: vec![file],
            parallelism: 4,
            grace: Duration::from_secs(10),
            state: state_dir.join("local").join("run"),
            start: Vec::new(),
            schedules: false,
        }
    }

    /// As fits what the process is for.
    #[must_use]
    pub fn with_role(mut self, role: Role) -> Self {
        self.schedules = role == Role::Operate;
        self
    }
}

/// Reads one pipeline file, to say what is wrong with it before anything is started.
/// Relative paths in it start from its folder.
pub fn read(path: &Path) -> Result<Definition, ReadError> {
    let failed = |source| ReadError::Io {
        path: path.to_owned(),
        source,
    };
    let path = std::path::absolute(path).map_err(failed)?;
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    file::parse(&path, &text).map_err(ReadError::Problems)
}

/// Why a pipeline file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("can't read {}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0}")]
    Problems(Problems),
}

/// The local backend.
#[derive(Debug)]
pub struct LocalBackend {
    info: BackendInfo,
    settings: Settings,
    store: Store,
}

impl LocalBackend {
    /// Makes the folder for its state, and nothing else yet.
    pub fn new(info: BackendInfo, settings: Settings) -> Result<Self, StoreError> {
        let store = Store::open(settings.state.clone())?;
        Ok(Self {
            info,
            settings,
            store,
        })
    }
}

impl Backend for LocalBackend {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        capabilities::all()
    }

    fn run(self: Box<Self>, link: Link) -> Running {
        Box::pin(async move {
            let actor = actor::Actor::new(self.info, self.settings, self.store, link);
            actor.run().await.map_err(BackendError::EngineGone)
        })
    }
}
