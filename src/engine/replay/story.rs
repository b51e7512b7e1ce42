//! What happened in a span, told in order: for whoever reads about it afterwards.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use crate::engine::Watch;
use crate::model::{
    ActionId, ActionStatus, Alert, Event, Health, Node, NodeState, PipelineKey, Reach, Run, RunKey,
    RunState, SafeText, Target,
};

use super::line::{Acted, Line, Lives};

/// Entries that are told; what comes after is only counted.
const MOST: usize = 5_000;
/// Failed nodes that are explained.
const FAILURES: usize = 50;
/// What ended longer ago than this when it was told is no news.
const FRESH: chrono::Duration = chrono::Duration::minutes(10);

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub at: DateTime<Utc>,
    pub what: What,
    /// What it is about.
    pub subject: SafeText,
    pub text: SafeText,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Backend,
    Run,
    Node,
    Alert,
    Action,
}

impl What {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Run => "run",
            Self::Node => "node",
            Self::Alert => "alert",
            Self::Action => "action",
        }
    }
}

/// The story as far as it has been read.
#[derive(Debug)]
pub struct Story {
    /// Only this pipeline, and then also runs that go well.
    only: Option<PipelineKey>,
    pub entries: Vec<Entry>,
    /// Entries that found no room.
    pub more: u64,
    /// Failed nodes, as they failed.
    pub failures: Vec<(RunKey, Node)>,
    /// Runs that were told to have failed.
    failed: HashSet<RunKey>,
    /// Requests that were told to be under way.
    asked: HashSet<ActionId>,
    pub events: u64,
}

impl Story {
    pub fn new(only: Option<PipelineKey>) -> Self {
        Self {
            only,
            entries: Vec::new(),
            more: 0,
            failures: Vec::new(),
            failed: HashSet::new(),
            asked: HashSet::new(),
            events: 0,
        }
    }

    fn is_about(&self, key: &PipelineKey) -> bool {
        self.only.as_ref().is_none_or(|only| only == key)
    }

    fn add(&mut self, at: DateTime<Utc>, what: What, subject: SafeText, text: impl AsRef<str>) {
        if self.entries.len() >= MOST {
            self.more += 1;
            return;
        }
        self.entries.push(Entry {
            at,
            what,
            subject,
            text: SafeText::new(text),
        });
    }

    /// What a line changes in what was: before it is applied.
    pub fn line(&mut self, before: &Watch, line: &Line) {
        self.events += 1;
        if let Some(lives) = &line.alerts {
            self.alerts(before, line.at, lives);
        }
        if let Some(acted) = &line.action {
            self.acted(line.at, acted);
        }
        match &line.event {
            Some(Event::Status(status)) => {
                let Some(view) = line
                    .backend
                    .as_ref()
                    .and_then(|id| before.world.backend(id))
                else {
                    return;
                };
                if view.status.reach == status.reach || line.heart {
                    return;
                }
                let text = match &status.reach {
                    Reach::Up if view.down_since.is_some() => "answers again".to_owned(),
                    Reach::Up | Reach::Connecting => return,
                    Reach::Down { reason, .. } => format!("does not answer: {reason}"),
                    Reach::Refused { reason } => format!("refuses: {reason}"),
                };
                self.add(line.at, What::Backend, view.info.name.clone(), text);
            }
            Some(Event::Runs { list } | Event::RunsComplete { list, .. }) => {
                for run in list
                    .iter()
                    .filter(|r| self.only.as_ref().is_none_or(|o| *o == r.key.pipeline))
                    .collect::<Vec<_>>()
                {
                    self.run(before, line.at, run);
                }
            }
            Some(Event::Nodes { run, list, .. }) if self.is_about(&run.pipeline) => {
                for node in list {
                    self.node(before, line.at, run, node);
                }
            }
            _ => {}
        }
    }

    fn run(&mut self, before: &Watch, at: DateTime<Utc>, run: &Run) {
        let key = &run.key;
        let known = before.world.run(key);
        if known.is_some_and(|view| view.run.state == run.state) {
            return;
        }
        let fresh = |time: Option<DateTime<Utc>>| time.is_none_or(|time| at - time < FRESH);
        if run.state.ended() && !fresh(run.ended_at) || !run.state.ended() && !fresh(run.started_at)
        {
            // it was so before anybody told
            return;
        }
        let bad =
            |health: Health| matches!(health, Health::Failed | Health::Failing | Health::Lost);
        let text = match run.state {
            RunState::Failed => {
                self.failed.insert(key.clone());
                "failed".to_owned()
            }
            RunState::Lost => "is lost: its supervisor is gone".to_owned(),
            RunState::Cancelled => "was cancelled".to_owned(),
            RunState::Late => "is late".to_owned(),
            RunState::Succeeded => {
                let retried = self.failed.remove(key) || known.is_some_and(|view| bad(view.health));
                let others = before.world.runs_of(&key.pipeline);
                let mut others = others.filter(|view| view.run.key != *key);
                match (retried, others.next().is_some_and(|view| bad(view.health))) {
                    (true, _) => "succeeded after all".to_owned(),
                    (_, true) => "succeeded: the run before it had not".to_owned(),
                    _ if self.only.is_some() => "succeeded".to_owned(),
                    _ => return,
                }
            }
            RunState::Running if self.only.is_some() => format!("started ({})", run.cause),
            RunState::Queued if self.only.is_some() => "queued".to_owned(),
            _ => return,
        };
        self.add(at, What::Run, Target::Run(key.clone()).label(), text);
    }

    fn node(&mut self, before: &Watch, at: DateTime<Utc>, run: &RunKey, node: &Node) {
        let known = before
            .world
            .run(run)
            .and_then(|view| view.nodes.get(&node.id));
        let same = |n: &Node| n.state == node.state && n.attempt == node.attempt;
        let old = node.ended_at.is_some_and(|ended| at - ended >= FRESH);
        if known.is_some_and(same) || old {
            return;
        }
        let mut facts = Vec::new();
        if node.attempt > 1 || node.max_attempts.is_some_and(|most| most > 1) {
            facts.push(match node.max_attempts {
                Some(most) => format!("attempt {} of {most}", node.attempt),
                None => format!("attempt {}", node.attempt),
            });
        }
        facts.extend(node.exit_code.map(|code| format!("exit {code}")));
        facts.extend(node.signal.map(|signal| format!("signal {signal}")));
        facts.extend(node.host.as_ref().map(|host| format!("on {host}")));
        let facts = match facts.is_empty() {
            true => String::new(),
            false => format!(" ({})", facts.join(", ")),
        };
        let text = match node.state {
            NodeState::Failed => {
                if self.failures.len() < FAILURES {
                    self.failures.push((run.clone(), node.clone()));
                }
                format!("failed{facts}")
            }
            NodeState::Retrying => format!("will be tried again{facts}"),
            NodeState::Succeeded if known.is_some_and(|n| n.state.problem()) => {
                format!("succeeded after all{facts}")
            }
            _ => return,
        };
        let target = Target::Node(run.node(&node.id));
        self.add(at, What::Node, target.label(), text);
    }

    fn alerts(&mut self, before: &Watch, at: DateTime<Utc>, lives: &Lives) {
        for life in &lives.changed {
            let alert = &life.alert;
            if alert.pipeline().is_some_and(|key| !self.is_about(key)) || life.root.is_some() {
                continue;
            }
            let known = before.alerts.get(&alert.id);
            let (time, text) = match told(known, alert) {
                Some((time, text)) => (time.unwrap_or(at), text),
                None => continue,
            };
            self.add(
                time,
                What::Alert,
                SafeText::new(format!("{} {}", alert.priority.word(), alert.title)),
                text,
            );
        }
    }

    fn acted(&mut self, at: DateTime<Utc>, acted: &Acted) {
        let request = &acted.request;
        if request
            .target
            .pipeline()
            .is_some_and(|key| !self.is_about(key))
        {
            return;
        }
        let word = request.action.word();
        let text = match &acted.status {
            // the engine says so, and then the backend
            ActionStatus::Requested { .. } if !self.asked.insert(request.id) => return,
            ActionStatus::Requested { .. } => format!("{} asked for: {word}", acted.who),
            ActionStatus::Confirmed { what } => format!("{word} confirmed: {what}"),
            ActionStatus::Refused { why } => format!("{word} refused: {why}"),
            ActionStatus::Unconfirmed { why } => format!("{word} not confirmed: {why}"),
            ActionStatus::Planning | ActionStatus::Planned { .. } => return,
        };
        self.add(at, What::Action, request.target.label(), text);
    }
}

/// What is new of an alert, and when that was.
fn told(known: Option<&Alert>, alert: &Alert) -> Option<(Option<DateTime<Utc>>, String)> {
    if alert.fired.is_some() && known.is_none_or(|k| k.fired != alert.fired) {
        return Some((alert.fired, format!("began: {}", alert.reason)));
    }
    if alert.resolved.is_some() && known.is_none_or(|k| k.resolved != alert.resolved) {
        return Some((alert.resolved, "is over".to_owned()));
    }
    let acked = known.and_then(|k| k.acked.as_ref());
    match (&alert.acked, acked) {
        (Some(by), None) => return Some((Some(by.at), format!("taken on by {}", by.who))),
        (None, Some(by)) => return Some((None, format!("given back by {}", by.who))),
        _ => {}
    }
    if alert.notes.len() > known.map_or(0, |k| k.notes.len())
        && let Some(note) = alert.notes.last()
    {
        return Some((Some(note.by.at), format!("{}: {}", note.by.who, note.text)));
    }
    if let Some(silenced) = &alert.silenced
        && known.is_none_or(|k| k.silenced.is_none())
    {
        return Some((None, format!("silenced by {}", silenced.name)));
    }
    None
}
