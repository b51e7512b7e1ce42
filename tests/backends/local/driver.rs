//! The local backend before a stand-in for the engine.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dagtop::backends::local::{LocalBackend, Settings};
use dagtop::model::{Action, ActionOptions, RunKey, Target};

pub use crate::link_driver::{LinkDriver, backend, key};

pub struct Driver {
    link: LinkDriver,
    pub settings: Settings,
}

impl Deref for Driver {
    type Target = LinkDriver;

    fn deref(&self) -> &LinkDriver {
        &self.link
    }
}

impl DerefMut for Driver {
    fn deref_mut(&mut self) -> &mut LinkDriver {
        &mut self.link
    }
}

pub fn settings(dir: &Path) -> Settings {
    Settings {
        pipelines: vec![dir.join("pipelines")],
        parallelism: 4,
        grace: Duration::from_millis(700),
        state: dir.join("state"),
        start: Vec::new(),
        schedules: true,
    }
}

/// Writes a pipeline file.
pub fn write(dir: &Path, name: &str, text: &str) {
    let dir = dir.join("pipelines");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join(format!("{name}.toml")), text).unwrap();
}

impl Driver {
    pub fn new(dir: &Path) -> Self {
        Self::with(settings(dir))
    }

    pub fn with(settings: Settings) -> Self {
        let info = crate::link_driver::info("local");
        let local = LocalBackend::new(info, settings.clone()).unwrap();
        Self {
            link: LinkDriver::start(Box::new(local)),
            settings,
        }
    }

    /// Starts a run under an id of ours.
    pub async fn trigger(&mut self, pipeline: &str, run: &str) -> RunKey {
        let key = self.pipeline(pipeline);
        self.until("the pipeline", |d| d.world.pipeline(&key).is_some())
            .await;
        let options = ActionOptions {
            run_id: Some(run.to_owned()),
            ..ActionOptions::default()
        };
        let plan = self
            .plan(Action::Trigger, Target::Pipeline(key.clone()), options)
            .await
            .unwrap();
        self.execute(plan).await.unwrap();
        key.run(run)
    }

    /// What the nodes of a run leave each other.
    pub fn work(&self, run: &RunKey) -> PathBuf {
        self.run_dir(run).join("work")
    }

    pub fn run_dir(&self, run: &RunKey) -> PathBuf {
        self.settings
            .state
            .join(run.pipeline.pipeline.raw())
            .join(run.run.raw())
    }

    /// As when dagtop is quit: the backend may end what runs.
    pub async fn quit(self) {
        self.link.quit().await;
    }
}

/// Living processes (no zombies) in whose command line or environment this text is.
pub fn processes_with(text: &str) -> Vec<(i32, char)> {
    let mut list = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|n| n.parse::<i32>().ok())
        else {
            continue;
        };
        let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let mut all = read("environ");
        all.extend(read("cmdline"));
        if pid == i32::try_from(std::process::id()).unwrap()
            || !all.windows(text.len()).any(|w| w == text.as_bytes())
        {
            continue;
        }
        let stat = String::from_utf8_lossy(&read("stat")).into_owned();
        let state = stat.rsplit(')').next().unwrap().trim().chars().next();
        if let Some(state) = state.filter(|s| !matches!(s, 'Z' | 'X')) {
            list.push((pid, state));
        }
    }
    list
}
