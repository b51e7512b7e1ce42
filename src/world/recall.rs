//! What was known before this program began. It is shown until its backend tells it anew, and marked as old.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use crate::model::{BackendId, PastRun, Pipeline, RunKey};

use super::view::{PipelineView, RunView};
use super::{Changes, World};

/// What an earlier program knew.
#[derive(Clone, Debug, Default)]
pub struct Recalled {
    pub pipelines: Vec<Pipeline>,
    /// Of these pipelines, the oldest first.
    pub runs: Vec<PastRun>,
    /// When each backend was last heard.
    pub heard: Vec<(BackendId, DateTime<Utc>)>,
}

impl World {
    /// Takes in what was known. What has been told meanwhile stays as it was told; what isn't watched stays out.
    pub fn recall(&mut self, recalled: Recalled) -> Changes {
        self.revision += 1;
        let revision = self.revision;
        let awaited = |backend: &BackendId, world: &Self| {
            world.backends.get(backend).is_some_and(|b| !b.listed)
        };
        let mut of = HashSet::new();
        for pipeline in recalled.pipelines {
            if !awaited(&pipeline.key.backend, self) {
                continue;
            }
            of.insert(pipeline.key.backend.clone());
            let key = pipeline.key.clone();
            let new = || PipelineView::new(pipeline);
            self.pipelines.entry(key).or_insert_with(new).touched = revision;
        }
        for past in recalled.runs {
            let key = past.run.key.clone();
            if self.runs.contains_key(&key) || !awaited(key.backend(), self) {
                continue;
            }
            let Some(pipeline) = self.pipelines.get_mut(&key.pipeline) else {
                continue;
            };
            pipeline.runs.push(key.clone());
            pipeline.touched = revision;
            let mut view = RunView::new(past.run, past.seen);
            view.health = past.health;
            view.recalled = true;
            self.runs.insert(key, view);
        }
        let pipelines: Vec<_> = self.pipelines.keys().cloned().collect();
        for key in pipelines.iter().filter(|key| of.contains(&key.backend)) {
            self.sort_runs(key);
        }
        for backend in of {
            let told = recalled.heard.iter().find(|(id, _)| *id == backend);
            let runs = self.runs.values();
            let seen = runs.filter(|r| r.recalled && r.run.key.backend() == &backend);
            let newest = seen.map(|r| r.seen).max();
            if let Some(view) = self.backends.get_mut(&backend) {
                let at = told.map(|(_, at)| *at).or(newest);
                view.recalled = Some(at.unwrap_or(DateTime::UNIX_EPOCH));
                view.last_good = view.last_good.or(at);
            }
        }
        Changes {
            system: true,
            fleet: true,
            nodes: true,
            ..Changes::default()
        }
    }

    /// The backend has listed what there is: nobody knows any more what became of those that were going.
    pub(super) fn recalled_no_more(&mut self, backend: &BackendId) {
        let Some(view) = self.backends.get_mut(backend) else {
            return;
        };
        if view.recalled.take().is_none() {
            return;
        }
        let gone: Vec<RunKey> = self
            .runs
            .values()
            .filter(|r| r.recalled && !r.run.state.ended() && r.run.key.backend() == backend)
            .map(|r| r.run.key.clone())
            .collect();
        for key in gone {
            if let Some(view) = self.pipelines.get_mut(&key.pipeline) {
                view.runs.retain(|run| *run != key);
            }
            self.forget(&key);
        }
        let revision = self.revision + 1;
        let own = self.pipelines.iter_mut();
        for (_, view) in own.filter(|(key, _)| &key.backend == backend) {
            view.touched = revision;
        }
    }
}
