//! From where the past is looked at: the present time, and what the present adds to what is kept.

use std::sync::Arc;

use chrono::{DateTime, Local, NaiveDateTime, Utc};

use crate::alerts::{Cron, Expect};
use crate::analytics::Shape;
use crate::analytics::sla::Objective;
use crate::engine::Watch;
use crate::history::audit::Who;
use crate::model::{Node, PastNode, PastRun, PipelineKey, Run, Topology};
use crate::world::RunView;

use super::Question;

/// Newest runs of a pipeline with a promise that the present knows of.
const NEWEST: usize = 3;

/// Nodes of runs that go on which are looked at, of all promises together: of runs beyond that the past of their nodes
/// is left aside.
const NODES: usize = 20_000;

/// A run that goes on, with its nodes as the world knows them.
#[derive(Clone, Debug)]
pub struct Ongoing {
    pub run: Run,
    pub nodes: Vec<Node>,
    pub topology: Option<Arc<Topology>>,
}

/// What is promised of a pipeline.
#[derive(Clone, Debug)]
pub struct Promise {
    pub pipeline: PipelineKey,
    pub objective: Objective,
    pub cron: Option<Cron>,
    /// The share that is to be met.
    pub target: f64,
    /// Runs that may not be written down yet, or go on.
    pub live: Vec<PastRun>,
    /// The newest of those that go on.
    pub ongoing: Option<Ongoing>,
}

/// A run as the world knows it.
pub type Live = (PastRun, Vec<PastNode>);

#[derive(Clone, Debug)]
pub struct Vantage {
    pub now: DateTime<Utc>,
    /// Days and hours are those of this machine's zone, not of UTC.
    pub local: bool,
    /// The shape that runs of the pipeline have now.
    pub shape: Option<Arc<Shape>>,
    pub live: Vec<Live>,
    pub promised: Vec<Promise>,
    /// Bytes that the history may take.
    pub limit: Option<u64>,
    /// Who asks about the audit.
    pub me: Who,
}

impl Vantage {
    pub fn new(now: DateTime<Utc>, local: bool) -> Self {
        Self {
            now,
            local,
            shape: None,
            live: Vec::new(),
            promised: Vec::new(),
            limit: None,
            me: Who::default(),
        }
    }

    /// With what the world knows about a question.
    #[must_use]
    pub fn with(mut self, watch: &Watch, question: &Question, expects: &[Expect]) -> Self {
        let world = &watch.world;
        match question {
            Question::Pipeline { key, .. } => self.shape = shape(watch, key),
            Question::Compare { a, b } => {
                let views = a.iter().chain([b]).filter_map(|key| world.run(key));
                self.live = views.map(live).collect();
                self.shape = shape(watch, &b.pipeline);
            }
            Question::Sla { .. } => self.promised = promised(watch, expects, self.now),
            Question::Node { .. }
            | Question::Tail(_)
            | Question::Capacity { .. }
            | Question::Series { .. }
            | Question::Value { .. } => {}
            Question::Audit { .. } => self.me = Who::here(),
        }
        self
    }

    /// What a clock on the wall shows.
    pub fn wall(&self, at: DateTime<Utc>) -> NaiveDateTime {
        match self.local {
            true => at.with_timezone(&Local).naive_local(),
            false => at.naive_utc(),
        }
    }
}

fn past(view: &RunView) -> PastRun {
    PastRun {
        run: view.run.clone(),
        health: view.health,
        seen: view.run.ended_at.unwrap_or(view.run.ordered_at),
    }
}

fn live(view: &RunView) -> Live {
    let key = &view.run.key;
    let nodes = view.nodes.values().map(|n| PastNode::of(key, n));
    (past(view), nodes.collect())
}

fn shape(watch: &Watch, key: &PipelineKey) -> Option<Arc<Shape>> {
    let mut runs = watch.world.runs_of(key);
    let view = runs.find(|r| r.topology.is_some() && !r.nodes.is_empty())?;
    let topology = view.topology.as_deref()?;
    let members = view.nodes.values().map(|n| (&n.id, n.group.as_ref()));
    Some(Arc::new(Shape::new(topology, members)))
}

fn promised(watch: &Watch, expects: &[Expect], now: DateTime<Utc>) -> Vec<Promise> {
    let mut room = NODES;
    let mut ongoing = |view: &RunView| {
        let fits = view.nodes.len() <= room;
        room = room.saturating_sub(view.nodes.len());
        Ongoing {
            run: view.run.clone(),
            nodes: match fits {
                true => view.nodes.values().cloned().collect(),
                false => Vec::new(),
            },
            topology: view.topology.clone(),
        }
    };
    let mut promise = |key: &PipelineKey| {
        let expect = expects.iter().find(|e| e.pipelines.matches(key))?;
        let objective = expect.objective()?;
        let runs = || {
            let runs = watch.world.runs_of(key).take(NEWEST);
            runs.filter(|r| r.run.ordered_at <= now)
        };
        Some(Promise {
            pipeline: key.clone(),
            objective,
            cron: expect.cron.clone(),
            target: expect.target,
            live: runs().map(past).collect(),
            ongoing: runs().find(|r| r.run.ended_at.is_none()).map(&mut ongoing),
        })
    };
    let pipelines = watch.world.pipelines();
    pipelines.filter_map(|p| promise(&p.pipeline.key)).collect()
}
