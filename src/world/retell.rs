//! The world in the events that make it anew: where a replay begins. What a world knows beyond them (details of
//! nodes, what could not be read, what can be done) is not told.

use std::collections::BTreeMap;
use std::ops::Bound;

use chrono::{DateTime, Utc};

use crate::model::{BackendId, BackendStatus, Event, PipelineKey, Reach, Run, Stamped};

use super::apply::MAX_DETAILED;
use super::{BackendView, MostDetailed, RunView, World};

impl World {
    /// All of it; of every pipeline so many of the newest runs, and those that are going.
    pub fn retell(&self, runs: usize) -> Vec<Stamped> {
        let mut all = self.retell_lists();
        let mut after = None;
        loop {
            let (more, last) = self.retell_runs(after.as_ref(), usize::MAX, runs);
            all.extend(more);
            after = last;
            if after.is_none() {
                break;
            }
        }
        all.extend(self.retell_end());
        all
    }

    /// First: which pipelines there are, and what backends tell beside runs.
    pub fn retell_lists(&self) -> Vec<Stamped> {
        let mut all = Vec::new();
        let mut lists: BTreeMap<&BackendId, Vec<_>> = BTreeMap::new();
        for view in self.pipelines.values() {
            let list = lists.entry(&view.pipeline.key.backend).or_default();
            list.push(view.pipeline.clone());
        }
        for backend in self.backends.values() {
            let id = &backend.info.id;
            let at = told_at(backend);
            let mut tell = |event| {
                all.push(Stamped {
                    backend: id.clone(),
                    at,
                    event,
                });
            };
            tell(Event::Pipelines {
                list: lists.remove(id).unwrap_or_default(),
                complete: backend.listed,
            });
            tell(Event::Queues(backend.queues.clone()));
            tell(Event::Components(backend.components.clone()));
            tell(Event::Notices(backend.notices.clone()));
            tell(Event::Checks(backend.checks.clone()));
        }
        all
    }

    /// Then: the runs of pipelines after one, at most so many of each, with the nodes that are known of them, until there
    /// are `most` runs and nodes; and the pipeline to go on after, if there are more. Piece by piece, because nobody has
    /// time for all at once.
    pub fn retell_runs(
        &self,
        after: Option<&PipelineKey>,
        most: usize,
        runs: usize,
    ) -> (Vec<Stamped>, Option<PipelineKey>) {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.pipelines.range((from, Bound::Unbounded));
        let mut all = Vec::new();
        let mut last = None;
        let mut told = 0;
        for (key, view) in rest.by_ref() {
            last = Some(key.clone());
            let known = view.runs.iter().filter_map(|run| self.runs.get(run));
            let chosen = known.enumerate();
            let chosen =
                chosen.filter(|(i, view)| *i < runs || view.health.active() || view.complete);
            let mut lists: Vec<(DateTime<Utc>, Vec<Run>)> = Vec::new();
            for (_, view) in chosen.clone() {
                told += 1;
                match lists.last_mut() {
                    Some((at, list)) if *at == view.moved => list.push(view.run.clone()),
                    _ => lists.push((view.moved, vec![view.run.clone()])),
                }
            }
            let tell = |at, event| Stamped {
                backend: key.backend.clone(),
                at,
                event,
            };
            let lists = lists.into_iter();
            all.extend(lists.map(|(at, list)| tell(at, Event::Runs { list })));
            for (_, view) in chosen.filter(|(_, view)| !view.complete) {
                told += view.nodes.len();
                all.extend(nodes(view));
            }
            if told >= most {
                break;
            }
        }
        let more = rest.next().is_some();
        (all, last.filter(|_| more))
    }

    /// At last: runs with all their nodes, in the order in which they will be let go of, and whether backends answer.
    pub fn retell_end(&self) -> Vec<Stamped> {
        let detailed = self.detailed.iter().filter_map(|key| self.runs.get(key));
        let mut all: Vec<Stamped> = detailed.flat_map(nodes).collect();
        for backend in self.backends.values() {
            let mut tell = |at, status| {
                all.push(Stamped {
                    backend: backend.info.id.clone(),
                    at,
                    event: Event::Status(status),
                });
            };
            if let Some(at) = backend.last_good {
                let answers = BackendStatus {
                    reach: Reach::Up,
                    ..backend.status.clone()
                };
                tell(at, answers);
            }
            if !backend.up() {
                let at = backend.down_since.unwrap_or_else(|| told_at(backend));
                tell(at, backend.status.clone());
            }
        }
        all
    }

    /// A world that lets go of nobody's nodes: what a replay has read it keeps until it goes elsewhere.
    #[must_use]
    pub fn keeping_all(mut self) -> Self {
        self.most_detailed = MostDetailed(usize::MAX);
        self
    }

    /// Takes the place of another: whoever remembers what they last saw of that one sees here that it has changed.
    pub fn follows(&mut self, old: &Self) {
        self.revision += old.revision + 1;
        let revision = self.revision;
        for view in self.pipelines.values_mut() {
            view.touched = revision;
        }
        for (key, view) in &mut self.runs {
            match old.runs.get(key) {
                Some(known)
                    if known.topology == view.topology
                        && known.nodes.keys().eq(view.nodes.keys()) =>
                {
                    view.shape = known.shape;
                }
                // more than any count of an earlier world
                _ => view.shape += revision,
            }
            view.sum.follows(revision);
        }
    }
}

impl Default for MostDetailed {
    fn default() -> Self {
        Self(MAX_DETAILED)
    }
}

/// When a backend's lists may have been told.
fn told_at(backend: &BackendView) -> DateTime<Utc> {
    let at = backend.last_good.or(backend.down_since);
    at.unwrap_or(DateTime::UNIX_EPOCH)
}

fn nodes(view: &RunView) -> Vec<Stamped> {
    let tell = |event| Stamped {
        backend: view.run.key.backend().clone(),
        at: view.moved,
        event,
    };
    let run = &view.run.key;
    let mut all = Vec::new();
    all.extend(view.topology.as_ref().map(|topology| {
        tell(Event::Topology {
            run: run.clone(),
            topology: (**topology).clone(),
        })
    }));
    if view.complete || !view.nodes.is_empty() {
        all.push(tell(Event::Nodes {
            run: run.clone(),
            list: view.nodes.values().cloned().collect(),
            complete: view.complete,
        }));
    }
    all
}
