//! Turns what happens in the world into points. Called after every event with the world as it is then.
//!
//! What an event tells of the past is put where it belongs in time: a run that ended an hour before we first saw it is
//! no error of now. Each end is counted once, however often it is told.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash as _, Hasher as _};

use chrono::{DateTime, Utc};

use crate::model::{
    BackendId, BackendStatus, Event, Health, Node, NodeState, PipelineKey, Queue, Reach, Run,
    RunKey, RunState, SafeText, Stamped, WireStats,
};
use crate::world::{RunView, World};

use super::catalog::Name;
use super::store::Store;
use super::tags::Tags;

/// So many things about the nodes of one run are remembered; of a larger run the rest is not recorded.
const NODES: usize = 200_000;

/// What has been recorded already.
#[derive(Debug, Default)]
pub struct Recorder {
    runs: HashMap<RunKey, SeenRun>,
    queues: HashMap<BackendId, Vec<SafeText>>,
    stats: HashMap<BackendId, WireStats>,
    pipelines: HashMap<BackendId, HashMap<PipelineKey, Tags>>,
    pruned_at: usize,
}

#[derive(Debug, Default)]
struct SeenRun {
    ended: bool,
    failed: bool,
    started: bool,
    /// Hashes of node, attempt and what was recorded of it.
    nodes: HashSet<u64>,
}

impl Recorder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what an event changed; the world has it already.
    pub fn observe(&mut self, store: &mut Store, world: &World, stamped: &Stamped) {
        let Some(backend) = world.backend(&stamped.backend) else {
            return;
        };
        let own = Tags::new()
            .with("backend", &backend.info.name)
            .with("kind", &SafeText::new(backend.info.kind));
        let mut scene = Scene {
            store,
            world,
            at: stamped.at,
            backend: &stamped.backend,
            own,
        };
        match &stamped.event {
            Event::Status(status) => self.status(&mut scene, &backend.info.name, status),
            Event::Pipelines { complete, .. } => self.pipelines(&mut scene, *complete),
            Event::Runs { list } | Event::RunsComplete { list, .. } => {
                for run in list.iter().filter(|r| r.key.backend() == &stamped.backend) {
                    self.run(&mut scene, &run.key);
                }
            }
            Event::Nodes { run, list, .. } if run.backend() == &stamped.backend => {
                self.nodes(&mut scene, run, list);
                self.run(&mut scene, run);
            }
            Event::Queues(list) => self.queues(&mut scene, list),
            _ => {}
        }
        scene.store.sweep(stamped.at);
        self.prune(world);
    }

    fn status(&mut self, scene: &mut Scene<'_>, name: &SafeText, status: &BackendStatus) {
        let up = match status.reach {
            Reach::Up => true,
            Reach::Down { .. } | Reach::Refused { .. } => false,
            // neither yet
            Reach::Connecting => return,
        };
        let (store, at, own) = (&mut *scene.store, scene.at, &scene.own);
        store.record(at, Name::BackendUp, own, f64::from(u8::from(up)));
        if up {
            store.up(at, name);
        } else {
            store.down(at, name);
        }
        let stats = status.stats;
        let before = self.stats.insert(scene.backend.clone(), stats);
        // counters begin again with a new connection
        let before = before
            .filter(|b| b.requests <= stats.requests)
            .unwrap_or_default();
        if stats.requests > before.requests {
            let more = |now: u64, before: u64| now.saturating_sub(before) as f64;
            let (requests, failures) = (
                more(stats.requests, before.requests),
                more(stats.failures, before.failures),
            );
            store.record(at, Name::BackendRequests, own, requests);
            store.record(at, Name::BackendFailures, own, failures);
            if up {
                let seconds = stats.latency_us as f64 / 1e6;
                store.record(at, Name::BackendLatency, own, seconds);
            }
        }
    }

    /// A pipeline that is known and has not failed has 0 errors, which is more than nothing.
    fn pipelines(&mut self, scene: &mut Scene<'_>, complete: bool) {
        let known = self.pipelines.entry(scene.backend.clone()).or_default();
        let mut now: HashMap<PipelineKey, Tags> = HashMap::new();
        let own = |key: &PipelineKey| &key.backend == scene.backend;
        for view in scene.world.pipelines().filter(|p| own(&p.pipeline.key)) {
            let key = &view.pipeline.key;
            now.insert(key.clone(), scene.pipeline(key));
        }
        for (key, tags) in &now {
            let before = known.insert(key.clone(), tags.clone());
            if let Some(before) = before.filter(|before| before != tags) {
                retire(scene, &before);
            }
            scene.store.declare(scene.at, Name::PipelineErrors, tags);
            scene
                .store
                .declare(scene.at, Name::PipelineRuns, &succeeded(tags));
        }
        if complete {
            known.retain(|key, tags| {
                let there = now.contains_key(key);
                if !there {
                    retire(scene, tags);
                }
                there
            });
        }
    }

    fn run(&mut self, scene: &mut Scene<'_>, key: &RunKey) {
        // one that the world let go at once is too old
        let Some(view) = scene.world.run(key) else {
            return;
        };
        let seen = self.runs.entry(key.clone()).or_default();
        let failed = matches!(view.health, Health::Failing | Health::Failed | Health::Lost);
        let ended = view.run.state.ended();
        if !seen.started
            && let (Some(queued), Some(started)) = (view.run.queued_at, view.run.started_at)
        {
            seen.started = true;
            let tags = scene.pipeline(&key.pipeline);
            scene.measure(started, Name::RunWait, &tags, queued, started);
        }
        if failed && !seen.failed {
            let at = scene.past(failed_at(view));
            let tags = scene.pipeline(&key.pipeline);
            scene.store.record(at, Name::PipelineErrors, &tags, 1.0);
        }
        seen.failed = failed;
        if ended && !seen.ended {
            let tags = scene.pipeline(&key.pipeline);
            let tags = tags.with("state", &SafeText::new(state(view)));
            let at = scene.past(view.run.ended_at);
            scene.store.record(at, Name::PipelineRuns, &tags, 1.0);
            if let (Some(from), Some(to)) = (view.run.started_at, view.run.ended_at) {
                scene.measure(at, Name::RunDuration, &tags, from, to);
            }
        }
        // a run that was ended and is cleared ends once more
        if !ended && seen.ended {
            seen.started = false;
        }
        seen.ended = ended;
    }

    fn nodes(&mut self, scene: &mut Scene<'_>, run: &RunKey, list: &[Node]) {
        let Some(view) = scene.world.run(run) else {
            return;
        };
        let seen = self.runs.entry(run.clone()).or_default();
        let mut pipeline = None;
        for node in list {
            let over = node.state.ended() || node.state == NodeState::Retrying;
            let waited = node.queued_at.zip(node.started_at);
            let rows = node.rows().filter(|_| over);
            if !over && waited.is_none() && node.usage.is_none() {
                continue;
            }
            let mut first = |what: u8| {
                let mut hasher = DefaultHasher::new();
                (&node.id, node.attempt, node.started_at, what).hash(&mut hasher);
                seen.nodes.len() < NODES && seen.nodes.insert(hasher.finish())
            };
            // hashed before anything is built: most nodes of a list are known
            let over = over && node.attempt > 0 && first(0);
            let waited = waited.filter(|_| first(1));
            let rows = rows.filter(|_| first(2));
            let usage = node.usage.filter(|_| !node.state.ended() || first(3));
            if !over && waited.is_none() && rows.is_none() && usage.is_none() {
                continue;
            }
            let pipeline = pipeline.get_or_insert_with(|| scene.pipeline(&run.pipeline));
            let tags = stage(pipeline.clone(), view, node);
            let ended = scene.past(node.ended_at);
            let with_state = || {
                tags.clone()
                    .with("state", &SafeText::new(node.state.word()))
            };
            if let Some((queued, started)) = waited {
                scene.measure(started, Name::StageWait, &tags, queued, started);
            }
            if over
                && node.state != NodeState::Retrying
                && let (Some(from), Some(to)) = (node.started_at, node.ended_at)
            {
                scene.measure(ended, Name::StageDuration, &with_state(), from, to);
            }
            if over && matches!(node.state, NodeState::Failed | NodeState::Retrying) {
                scene.store.record(ended, Name::StageErrors, &tags, 1.0);
            }
            if let Some(rows) = rows {
                scene
                    .store
                    .record(ended, Name::StageRows, &with_state(), rows);
            }
            if let Some(usage) = usage {
                let (store, at) = (&mut *scene.store, scene.at);
                if node.state.ended() {
                    store.end(at, Name::NodeCpu, &tags);
                    store.end(at, Name::NodeMemory, &tags);
                } else {
                    store.record(at, Name::NodeCpu, &tags, usage.cpu_now);
                    store.record(at, Name::NodeMemory, &tags, usage.memory as f64);
                }
            }
        }
    }

    fn queues(&mut self, scene: &mut Scene<'_>, list: &[Queue]) {
        let names: Vec<SafeText> = list.iter().map(|queue| queue.name.clone()).collect();
        let before = self.queues.insert(scene.backend.clone(), names);
        let (store, at) = (&mut *scene.store, scene.at);
        let tags = |name: &SafeText| scene.own.clone().with("queue", name);
        let gone = before.into_iter().flatten();
        for name in gone.filter(|name| !list.iter().any(|queue| &queue.name == name)) {
            let tags = tags(&name);
            for metric in [
                Name::QueueLength,
                Name::QueueRunning,
                Name::QueueSlots,
                Name::QueueOpen,
            ] {
                store.end(at, metric, &tags);
            }
        }
        for queue in list {
            let tags = tags(&queue.name);
            store.record(at, Name::QueueLength, &tags, queue.waiting as f64);
            store.record(at, Name::QueueRunning, &tags, queue.running as f64);
            match queue.slots {
                Some(slots) => {
                    let open = slots.saturating_sub(queue.running);
                    store.record(at, Name::QueueSlots, &tags, slots as f64);
                    store.record(at, Name::QueueOpen, &tags, open as f64);
                }
                None => {
                    store.end(at, Name::QueueSlots, &tags);
                    store.end(at, Name::QueueOpen, &tags);
                }
            }
        }
    }

    /// Runs of which something is remembered.
    pub fn remembered(&self) -> usize {
        self.runs.len()
    }

    /// What the world has forgotten need not be remembered.
    fn prune(&mut self, world: &World) {
        if self.runs.len() > 2 * self.pruned_at + 256 {
            self.runs.retain(|key, _| world.run(key).is_some());
            self.pruned_at = self.runs.len();
        }
    }
}

struct Scene<'a> {
    store: &'a mut Store,
    world: &'a World,
    at: DateTime<Utc>,
    backend: &'a BackendId,
    /// Tags of everything the backend tells.
    own: Tags,
}

impl Scene<'_> {
    fn pipeline(&self, key: &PipelineKey) -> Tags {
        let view = self.world.pipeline(key).map(|view| &view.pipeline);
        let name = view.map_or_else(|| key.pipeline.safe(), |p| p.name.clone());
        let mut tags = self.own.clone().with("pipeline", &name);
        if let Some(pipeline) = view {
            if let Some(owner) = &pipeline.owner {
                tags = tags.with("owner", owner);
            }
            for tag in &pipeline.tags {
                tags = tags.with("tag", tag);
            }
        }
        tags
    }

    /// A time a backend told; nothing has happened later than now.
    fn past(&self, told: Option<DateTime<Utc>>) -> DateTime<Utc> {
        told.unwrap_or(self.at).min(self.at)
    }

    /// Records how long something took, in seconds; clocks that disagree make no negative time.
    fn measure(
        &mut self,
        at: DateTime<Utc>,
        name: Name,
        tags: &Tags,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) {
        let seconds = ((to - from).num_milliseconds() as f64 / 1000.0).max(0.0);
        let at = self.past(Some(at));
        self.store.record(at, name, tags, seconds);
    }
}

/// Its series are counted no more.
fn retire(scene: &mut Scene<'_>, tags: &Tags) {
    scene.store.end(scene.at, Name::PipelineErrors, tags);
    scene
        .store
        .end(scene.at, Name::PipelineRuns, &succeeded(tags));
}

fn succeeded(tags: &Tags) -> Tags {
    let state = SafeText::new(RunState::Succeeded.word());
    tags.clone().with("state", &state)
}

/// What became of a run, by its nodes rather than by its backend.
fn state(view: &RunView) -> &'static str {
    match view.health {
        Health::Failing | Health::Failed => RunState::Failed.word(),
        _ => view.run.state.word(),
    }
}

fn failed_at(view: &RunView) -> Option<DateTime<Utc>> {
    let worst = view.worst_node().filter(|n| n.state == NodeState::Failed);
    worst.and_then(|n| n.ended_at).or(ended(&view.run))
}

fn ended(run: &Run) -> Option<DateTime<Utc>> {
    run.ended_at.filter(|_| run.state.ended())
}

/// Instances of a mapped node are one stage: two thousand of them tell no more than their node does.
fn stage(tags: Tags, view: &RunView, node: &Node) -> Tags {
    let mapped = node.group.as_ref().filter(|group| {
        let groups = view.topology.iter().flat_map(|t| &t.groups);
        let told = groups.filter(|g| &g.id == *group).any(|g| g.mapped);
        let rest = node.id.raw().strip_prefix(group.raw());
        told || rest.is_some_and(|rest| rest.starts_with('['))
    });
    let name = mapped.map_or_else(|| node.name.clone(), |group| group.safe());
    let mut tags = tags.with("stage", &name).with("type", &node.kind);
    for (key, value) in [("pool", &node.pool), ("host", &node.host)] {
        if let Some(value) = value {
            tags = tags.with(key, value);
        }
    }
    tags
}
