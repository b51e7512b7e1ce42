//! Applying an event.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::model::{
    BackendId, Event, Node, NodeId, NodeState, Pipeline, PipelineKey, Reach, Run, RunKey, Stamped,
    Topology,
};

use super::view::{PipelineView, RunView};
use super::{World, run_health};

/// How many runs of a pipeline are remembered.
const MAX_RUNS: usize = 40;
/// How many runs keep all their nodes; the others keep those that are a problem.
pub(super) const MAX_DETAILED: usize = 12;
/// How many requests are remembered; settled ones go first.
pub(super) const MAX_ACTIONS: usize = 64;

/// What an event changed, coarsely: enough to know what must be computed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Backends, queues, components, notices.
    pub system: bool,
    /// Pipelines, runs, health: the fleet's rows.
    pub fleet: bool,
    /// Nodes of some run.
    pub nodes: bool,
    /// The shape of some run.
    pub shape: bool,
    pub actions: bool,
    /// A log (kept outside the world).
    pub log: bool,
}

impl Changes {
    pub fn any(self) -> bool {
        self != Self::default()
    }

    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            system: self.system || other.system,
            fleet: self.fleet || other.fleet,
            nodes: self.nodes || other.nodes,
            shape: self.shape || other.shape,
            actions: self.actions || other.actions,
            log: self.log || other.log,
        }
    }
}

impl World {
    /// Takes in one observation. Pure: depends on nothing but the world and the event.
    /// An event of a backend that is not watched changes nothing.
    pub fn apply(&mut self, stamped: &Stamped) -> Changes {
        let Some(backend) = self.backends.get_mut(&stamped.backend) else {
            return Changes::default();
        };
        let up = !matches!(&stamped.event, Event::Status(s) if s.reach != Reach::Up)
            && !matches!(
                &stamped.event,
                Event::Action { .. } | Event::Capabilities(_)
            );
        if up && backend.up() {
            backend.last_good = Some(stamped.at);
        }
        let changes = self.change(stamped);
        if changes.any() {
            self.revision += 1;
        }
        if changes.fleet || changes.nodes {
            self.touch(stamped);
        }
        changes
    }

    /// Remembers which pipelines an event has changed.
    fn touch(&mut self, stamped: &Stamped) {
        let revision = self.revision;
        let mut touch = |key: &PipelineKey| {
            if let Some(view) = self.pipelines.get_mut(key) {
                view.touched = revision;
            }
        };
        match &stamped.event {
            Event::Pipelines { list, .. } => list.iter().for_each(|p| touch(&p.key)),
            Event::Runs { list } => list.iter().for_each(|r| touch(&r.key.pipeline)),
            Event::RunsComplete { pipeline, .. } => touch(pipeline),
            Event::Nodes { run, .. } => touch(&run.pipeline),
            // what its backend is like shows in every row
            Event::Status(_) => {
                for (key, view) in &mut self.pipelines {
                    if key.backend == stamped.backend {
                        view.touched = revision;
                    }
                }
            }
            _ => {}
        }
    }

    fn change(
        &mut self,
        Stamped {
            backend: id,
            at,
            event,
        }: &Stamped,
    ) -> Changes {
        let system = Changes {
            system: true,
            ..Changes::default()
        };
        let Some(backend) = self.backends.get_mut(id) else {
            return Changes::default();
        };
        match event {
            Event::Status(status) => {
                if status.reach == Reach::Up {
                    backend.down_since = None;
                    backend.last_good = Some(*at);
                } else if backend.down_since.is_none() && status.reach != Reach::Connecting {
                    backend.down_since = Some(*at);
                }
                if backend.status == *status {
                    return Changes::default();
                }
                // staleness shows in the fleet's rows
                let fleet = backend.status.reach != status.reach;
                backend.status = status.clone();
                Changes { fleet, ..system }
            }
            Event::Capabilities(capabilities) => {
                backend.capabilities = capabilities.clone();
                system
            }
            Event::Queues(queues) => replace(&mut backend.queues, queues, system),
            Event::Components(components) => replace(&mut backend.components, components, system),
            Event::Notices(notices) => replace(&mut backend.notices, notices, system),
            Event::Checks(checks) => replace(&mut backend.checks, checks, system),
            Event::BadRecord { what } => {
                backend.bad_records += 1;
                backend.last_bad = Some(what.clone());
                system
            }
            Event::Pipelines { list, complete } => {
                backend.listed |= *complete;
                self.pipelines_seen(id, list, *complete);
                if *complete {
                    self.recalled_no_more(id);
                }
                Changes {
                    fleet: true,
                    ..Changes::default()
                }
            }
            Event::Runs { list } => {
                let mut changed = false;
                for run in list.iter().filter(|r| r.key.backend() == id) {
                    changed |= self.run_seen(run, *at);
                }
                Changes {
                    fleet: changed,
                    nodes: changed,
                    ..Changes::default()
                }
            }
            Event::RunsComplete { pipeline, list } if &pipeline.backend == id => {
                self.runs_complete(pipeline, list, *at);
                Changes {
                    fleet: true,
                    nodes: true,
                    ..Changes::default()
                }
            }
            Event::Topology { run, topology } if run.backend() == id => Changes {
                shape: self.topology_seen(run, topology),
                ..Changes::default()
            },
            Event::Nodes {
                run,
                list,
                complete,
            } if run.backend() == id => self.nodes_seen(run, list, *complete, *at),
            Event::Detail { node, detail } if node.backend() == id => {
                let Some(view) = self.runs.get_mut(&node.run) else {
                    return Changes::default();
                };
                view.details.insert(node.node.clone(), detail.clone());
                Changes {
                    nodes: true,
                    ..Changes::default()
                }
            }
            Event::Action { id, status } => {
                let Some(action) = self.actions.get_mut(id) else {
                    return Changes::default();
                };
                action.status = status.clone();
                action.changed_at = *at;
                Changes {
                    actions: true,
                    ..Changes::default()
                }
            }
            Event::Log(_) => Changes {
                log: true,
                ..Changes::default()
            },
            // said in another backend's name
            Event::RunsComplete { .. }
            | Event::Topology { .. }
            | Event::Nodes { .. }
            | Event::Detail { .. } => Changes::default(),
        }
    }

    fn pipelines_seen(&mut self, backend: &BackendId, list: &[Pipeline], complete: bool) {
        for pipeline in list.iter().filter(|p| &p.key.backend == backend) {
            match self.pipelines.get_mut(&pipeline.key) {
                Some(known) => known.pipeline = pipeline.clone(),
                None => {
                    let view = PipelineView::new(pipeline.clone());
                    self.pipelines.insert(pipeline.key.clone(), view);
                }
            }
        }
        if !complete {
            return;
        }
        let listed: HashSet<_> = list.iter().map(|p| &p.key).collect();
        let gone: Vec<PipelineKey> = self
            .pipelines
            .keys()
            .filter(|k| &k.backend == backend && !listed.contains(k))
            .cloned()
            .collect();
        for key in gone {
            if let Some(view) = self.pipelines.remove(&key) {
                for run in view.runs {
                    self.forget(&run);
                }
            }
        }
    }

    /// Whether anything changed.
    fn run_seen(&mut self, run: &Run, at: DateTime<Utc>) -> bool {
        let key = &run.key;
        if let Some(view) = self.runs.get_mut(key) {
            view.seen = at;
            let recalled = std::mem::take(&mut view.recalled);
            let mut run = run.clone();
            run.counts = run.counts.or(view.run.counts);
            if view.run == run {
                return recalled;
            }
            let moved = view.run.ordered_at != run.ordered_at;
            view.moved = at;
            view.run = run;
            view.health = run_health(view);
            if moved {
                self.sort_runs(&key.pipeline);
            }
            return true;
        }
        // a run may be heard of before its pipeline is listed
        let pipeline = self
            .pipelines
            .entry(key.pipeline.clone())
            .or_insert_with(|| PipelineView::new(Pipeline::new(key.pipeline.clone())));
        pipeline.runs.push(key.clone());
        let mut view = RunView::new(run.clone(), at);
        view.health = run_health(&view);
        self.runs.insert(key.clone(), view);
        self.sort_runs(&key.pipeline);
        true
    }

    fn runs_complete(&mut self, pipeline: &PipelineKey, list: &[Run], at: DateTime<Utc>) {
        for run in list.iter().filter(|r| &r.key.pipeline == pipeline) {
            self.run_seen(run, at);
        }
        let listed: HashSet<_> = list.iter().map(|r| &r.key).collect();
        let Some(view) = self.pipelines.get_mut(pipeline) else {
            return;
        };
        let (keep, gone) = view.runs.drain(..).partition(|k| listed.contains(k));
        view.runs = keep;
        let gone: Vec<RunKey> = gone;
        for key in gone {
            self.forget(&key);
        }
    }

    pub(super) fn sort_runs(&mut self, pipeline: &PipelineKey) {
        let Some(view) = self.pipelines.get_mut(pipeline) else {
            return;
        };
        let runs = &self.runs;
        view.runs.sort_by(|a, b| {
            let time = |k: &RunKey| runs.get(k).map(|r| r.run.ordered_at);
            time(b).cmp(&time(a)).then_with(|| b.cmp(a))
        });
        let gone: Vec<RunKey> = view.runs.drain(MAX_RUNS.min(view.runs.len())..).collect();
        for key in gone {
            self.forget(&key);
        }
    }

    pub(super) fn forget(&mut self, run: &RunKey) {
        self.runs.remove(run);
        self.detailed.retain(|k| k != run);
    }

    fn topology_seen(&mut self, run: &RunKey, topology: &Topology) -> bool {
        let Some(view) = self.runs.get_mut(run) else {
            return false;
        };
        if view.topology.as_deref() == Some(topology) {
            return false;
        }
        // runs of one version share one shape
        let shared = self
            .pipelines
            .get(&run.pipeline)
            .into_iter()
            .flat_map(|p| &p.runs)
            .filter(|k| *k != run)
            .filter_map(|k| self.runs.get(k)?.topology.clone())
            .find(|t| **t == *topology);
        if let Some(view) = self.runs.get_mut(run) {
            view.topology = Some(shared.unwrap_or_else(|| Arc::new(topology.clone())));
            view.shape += 1;
        }
        true
    }

    fn nodes_seen(
        &mut self,
        run: &RunKey,
        list: &[Node],
        complete: bool,
        at: DateTime<Utc>,
    ) -> Changes {
        let Some(view) = self.runs.get_mut(run) else {
            return Changes::default();
        };
        view.seen = at;
        let mut changed = false;
        let mut shape = false;
        for node in list {
            let known = view.nodes.get(&node.id);
            if known == Some(node) {
                continue;
            }
            changed = true;
            shape |= known.is_none();
            let (at, before) = view.nodes.insert_full(node.id.clone(), node.clone());
            view.sum.changed(&view.nodes, at, before.as_ref());
        }
        if complete {
            let listed: HashSet<&NodeId> = list.iter().map(|n| &n.id).collect();
            let before = view.nodes.len();
            view.nodes.retain(|id, _| listed.contains(id));
            if before != view.nodes.len() {
                shape = true;
                view.sum.anew(&view.nodes);
            }
            changed |= shape || !view.complete;
            view.complete = true;
        }
        if shape {
            view.shape += 1;
        }
        if changed {
            view.moved = at;
        }
        let health = run_health(view);
        let fleet = changed || health != view.health;
        view.health = health;
        if complete {
            self.keep_detailed(run);
        }
        Changes {
            nodes: changed,
            fleet,
            shape,
            ..Changes::default()
        }
    }

    /// Remembers that all nodes of this run are here, and lets go of the nodes of the run that has
    /// been so for longest.
    fn keep_detailed(&mut self, run: &RunKey) {
        self.detailed.retain(|k| k != run);
        self.detailed.push(run.clone());
        if self.detailed.len() <= self.most_detailed.0 {
            return;
        }
        let oldest = self.detailed.remove(0);
        if let Some(view) = self.runs.get_mut(&oldest) {
            view.run.counts = view.counts();
            view.nodes
                .retain(|_, n| matches!(n.state, NodeState::Failed | NodeState::Retrying));
            view.nodes.shrink_to_fit();
            view.sum.anew(&view.nodes);
            view.details.clear();
            view.topology = None;
            view.complete = false;
            view.shape += 1;
        }
    }
}

fn replace<T: PartialEq + Clone>(known: &mut Vec<T>, seen: &[T], changes: Changes) -> Changes {
    if known.as_slice() == seen {
        return Changes::default();
    }
    known.clear();
    known.extend_from_slice(seen);
    changes
}
