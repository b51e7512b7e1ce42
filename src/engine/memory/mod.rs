//! From the world to the history: what runs, attempts and metrics were like is handed to the thread that writes, each
//! thing once, and only what changed. Must not wait for it: what it has no room for is handed over later.

mod digest;
pub(super) mod past;
pub(super) mod points;
mod tails;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Duration, Utc};

use crate::history::{self, Shelf, Write};
use crate::model::{
    BackendId, Detail, Event, Node, NodeKey, PastNode, PastRun, PipelineKey, RunKey, Stamped,
    Target,
};
use crate::world::{RunView, World};

use super::Watch;
use digest::{of_node, of_run, text};
use points::Points;
use tails::Tails;

/// Handed over at once.
const BATCH: usize = 4_096;
/// Attempts that may wait; what comes beyond them is counted and gone.
const WAITING: usize = 50_000;
/// Attempts of one run that are remembered.
const ATTEMPTS: usize = 200_000;
/// Between two notes of when a backend was heard.
const HEARD: Duration = Duration::minutes(1);

/// What of a run has been handed over, as hashes of what it said.
#[derive(Debug, Default)]
struct Known {
    run: u64,
    /// How often its nodes had changed; `None`: they have not been looked at.
    changes: Option<u64>,
    /// By node and attempt.
    attempts: HashMap<u64, u64>,
    /// Its shape's version and how many nodes it had, when they were last looked at.
    shape: Option<(u64, usize)>,
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    known: HashMap<RunKey, Known>,
    /// Runs that may have changed.
    runs: BTreeSet<RunKey>,
    attempts: Vec<Write>,
    pipelines: HashMap<PipelineKey, u64>,
    /// What was handed over of the shape of their runs, as a hash.
    shapes: HashMap<PipelineKey, u64>,
    /// Backends that have listed their pipelines, and whether all of them.
    listed: HashMap<BackendId, bool>,
    /// Pipelines that are on the shelf from before.
    shelved: BTreeSet<PipelineKey>,
    tails: Tails,
    points: Points,
    heard: HashMap<BackendId, DateTime<Utc>>,
    /// Attempts there was no room for.
    lost: u64,
    pruned_at: usize,
}

impl Memory {
    /// Everything the world knows is to be handed over (again): this program has just begun to write, or could not.
    pub(super) fn anew(&mut self, world: &World) {
        self.known.clear();
        self.pipelines.clear();
        self.shapes.clear();
        for view in world.pipelines() {
            let known = view.runs.iter().filter_map(|key| world.run(key));
            // what is only remembered is on disk
            let told = known.filter(|run| !run.recalled);
            self.runs.extend(told.map(|run| run.run.key.clone()));
        }
        let all = world.backends().filter(|b| b.listed);
        self.listed.extend(all.map(|b| (b.info.id.clone(), true)));
    }

    /// What is on the shelf, so that it is taken off when it is gone.
    pub(super) fn shelved(&mut self, pipelines: impl Iterator<Item = PipelineKey>) {
        self.shelved.extend(pipelines);
    }

    /// Takes note of what an event has changed; the world has it already.
    pub(super) fn observe(&mut self, world: &World, stamped: &Stamped) {
        match &stamped.event {
            Event::Pipelines { complete, .. } => {
                *self.listed.entry(stamped.backend.clone()).or_default() |= *complete;
            }
            Event::Runs { list } | Event::RunsComplete { list, .. } => {
                let own = list.iter().map(|run| &run.key);
                let own = own.filter(|key| key.backend() == &stamped.backend);
                self.runs.extend(own.cloned());
            }
            Event::Nodes { run, .. } => {
                if let Some(view) = world.run(run) {
                    self.nodes(view);
                    self.runs.insert(run.clone());
                }
            }
            Event::Topology { run, .. } => {
                self.runs.insert(run.clone());
            }
            Event::Detail { node, detail } => self.detail(world, node, detail),
            _ => {}
        }
    }

    /// Attempts of nodes that have changed since the last look.
    fn nodes(&mut self, view: &RunView) {
        let key = &view.run.key;
        let known = self.known.entry(key.clone()).or_default();
        let seen = known.changes.replace(view.changes());
        let changed = seen.and_then(|seen| view.changed_since(seen));
        let mut told = Vec::new();
        let mut note = |node: &Node, failed: &mut Tails| {
            if node.started_at.is_none() && !node.state.ended() {
                return;
            }
            let past = PastNode::of(key, node);
            if known.is_news(&past) {
                failed.note(&past);
                told.push(Write::Node(Box::new(past)));
            }
        };
        match changed {
            Some(places) => {
                for (_, node) in places.filter_map(|at| view.nodes.get_index(at)) {
                    note(node, &mut self.tails);
                }
            }
            None => {
                for node in view.nodes.values() {
                    note(node, &mut self.tails);
                }
            }
        }
        self.push(told);
    }

    /// Details tell of attempts before the last.
    fn detail(&mut self, world: &World, key: &NodeKey, detail: &Detail) {
        let Some(node) = world.node(key) else { return };
        let known = self.known.entry(key.run.clone()).or_default();
        let mut told = Vec::new();
        let earlier = detail.attempts.iter().filter(|a| a.number < node.attempt);
        for attempt in earlier.filter(|a| a.started_at.is_some() || a.state.ended()) {
            let past = PastNode {
                attempt: attempt.number,
                state: attempt.state,
                queued_at: attempt.queued_at,
                started_at: attempt.started_at,
                ended_at: attempt.ended_at,
                exit_code: attempt.exit_code,
                rows: None,
                memory: None,
                cpu_seconds: None,
                ..PastNode::of(&key.run, node)
            };
            // one that was followed to its end is known better than it is told afterwards
            if !known.has_ended(&past) && known.is_news(&past) {
                told.push(Write::Node(Box::new(past)));
            }
        }
        self.push(told);
    }

    fn push(&mut self, told: Vec<Write>) {
        let room = WAITING.saturating_sub(self.attempts.len());
        self.lost += u64::try_from(told.len().saturating_sub(room)).unwrap_or(0);
        self.attempts.extend(told.into_iter().take(room));
    }

    /// Attempts for which there was no room since this was last asked.
    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// What is to be written, at most so much of it. What waits is taken the next time.
    pub(super) fn take(
        &mut self,
        watch: &mut Watch,
        room: usize,
        now: DateTime<Utc>,
    ) -> Vec<Write> {
        let most = room.min(BATCH);
        if most < BATCH / 4 {
            return Vec::new();
        }
        let mut out: Vec<Write> = Vec::new();
        while out.len() < most
            && let Some(key) = self.runs.pop_first()
        {
            if let Some(view) = watch.world.run(&key) {
                let unseen = self.known.get(&key).is_none_or(|k| k.changes.is_none());
                if unseen && !view.nodes.is_empty() {
                    self.nodes(view);
                }
                out.extend(self.run(view));
                self.shape(&watch.world, view, now, &mut out);
            }
        }
        let many = self.attempts.len().min(most.saturating_sub(out.len()));
        out.extend(self.attempts.drain(..many));
        if !self.listed.is_empty() {
            self.take_pipelines(&watch.world, &mut out);
        }
        self.take_heard(&watch.world, now, &mut out);
        self.tails.take(&watch.logs, now, &mut out);
        let room = most.saturating_sub(out.len());
        self.points.take(&mut watch.metrics, now, room, &mut out);
        self.prune(&watch.world);
        out
    }

    fn run(&mut self, view: &RunView) -> Option<Write> {
        let mut past = PastRun {
            run: view.run.clone(),
            health: view.health,
            seen: view.seen,
        };
        past.run.counts = view.counts();
        let said = of_run(&past);
        let known = self.known.entry(past.run.key.clone()).or_default();
        let before = std::mem::replace(&mut known.run, said);
        (before != said).then(|| Write::Run(Box::new(past)))
    }

    /// The shape of the newest run of its pipeline that tells it.
    fn shape(&mut self, world: &World, view: &RunView, now: DateTime<Utc>, out: &mut Vec<Write>) {
        let Some(topology) = view.topology.as_deref().filter(|_| view.complete) else {
            return;
        };
        let key = &view.run.key;
        let told = |run: &&RunView| run.topology.is_some() && run.complete;
        let newest = world.runs_of(&key.pipeline).find(told);
        let known = self.known.entry(key.clone()).or_default();
        let looked = Some((view.shape, view.nodes.len()));
        if newest.is_none_or(|run| run.run.key != *key)
            || std::mem::replace(&mut known.shape, looked) == looked
        {
            return;
        }
        let members = view.nodes.values();
        let members = members.map(|n| (n.id.clone(), n.group.clone())).collect();
        let Some(writes) = history::put_shape_of(&key.pipeline, topology, members, now) else {
            return;
        };
        let said = match &writes[1] {
            Write::Put { body, .. } => text(body),
            _ => return,
        };
        if self.shapes.insert(key.pipeline.clone(), said) != Some(said) {
            out.extend(writes);
        }
    }

    fn take_pipelines(&mut self, world: &World, out: &mut Vec<Write>) {
        let shelf = Shelf::Pipelines;
        let listed = std::mem::take(&mut self.listed);
        for view in world.pipelines() {
            let key = &view.pipeline.key;
            if !listed.contains_key(&key.backend) {
                continue;
            }
            let Ok(body) = serde_json::to_string(&view.pipeline) else {
                continue;
            };
            let said = text(&body);
            if self.pipelines.insert(key.clone(), said) != Some(said) {
                let key = shelf_key(key);
                out.push(Write::Put { shelf, key, body });
            }
        }
        let all = |key: &PipelineKey| listed.get(&key.backend) == Some(&true);
        let gone = |key: &PipelineKey| all(key) && world.pipeline(key).is_none();
        let known = self.pipelines.keys().chain(&self.shelved);
        let gone: BTreeSet<PipelineKey> = known.filter(|key| gone(key)).cloned().collect();
        for key in gone {
            self.pipelines.remove(&key);
            self.shelved.remove(&key);
            self.shapes.remove(&key);
            let key = shelf_key(&key);
            for shelf in [shelf, Shelf::ShapesOf] {
                let key = key.clone();
                out.push(Write::Remove { shelf, key });
            }
        }
    }

    /// When backends were last heard, so that what is remembered of them tells its age.
    fn take_heard(&mut self, world: &World, now: DateTime<Utc>, out: &mut Vec<Write>) {
        for view in world.backends().filter(|b| b.up()) {
            let Some(at) = view.last_good.filter(|at| *at <= now) else {
                continue;
            };
            let noted = self.heard.get(&view.info.id);
            if noted.is_none_or(|noted| at - *noted >= HEARD) {
                self.heard.insert(view.info.id.clone(), at);
                out.push(Write::Put {
                    shelf: Shelf::Marks,
                    key: heard_key(&view.info.id),
                    body: at.to_rfc3339(),
                });
            }
        }
    }

    /// What the world has forgotten need not be remembered.
    fn prune(&mut self, world: &World) {
        if self.known.len() > 2 * self.pruned_at + 256 {
            self.known.retain(|key, _| world.run(key).is_some());
            self.pruned_at = self.known.len();
        }
    }
}

impl Known {
    fn is_news(&mut self, past: &PastNode) -> bool {
        let (key, said) = of_node(past);
        if self.attempts.len() >= ATTEMPTS {
            self.attempts.clear();
        }
        self.attempts.insert(key, said) != Some(said)
    }

    fn has_ended(&self, past: &PastNode) -> bool {
        self.attempts
            .get(&of_node(past).0)
            .is_some_and(|said| said & 1 == 1)
    }
}

fn shelf_key(key: &PipelineKey) -> String {
    Target::Pipeline(key.clone()).address()
}

fn heard_key(backend: &BackendId) -> String {
    format!("heard {}", backend.raw())
}
