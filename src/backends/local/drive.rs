//! Driving runs: starting them, their nodes, and taking in how those end.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::backends::disk::{Lock, StoreError};
use crate::backends::process::Order;
use crate::model::{NodeState, RunKey, RunState};

use super::actions::given;
use super::actor::{Actor, Heard};
use super::definition::Definition;
use super::output::Report;
use super::process::{self, Ended, Word};
use super::record::{Fact, Header, RunRecord};
use super::runner;
use super::slot::{Hold, Live, Slot};
use super::store::{KEEP_RUNS, VERSION};

/// When a pipeline runs by itself.
#[derive(Debug, Default)]
pub(super) struct Timing {
    pub cron: Option<String>,
    pub next: Option<DateTime<Utc>>,
    /// By a person.
    pub paused: bool,
    /// Held by the one dagtop that starts its scheduled runs.
    pub lock: Option<Lock>,
}

impl Actor {
    /// Lets follow what follows: blocked and ready nodes, new processes, ends of runs.
    pub(super) fn advance(&mut self) {
        let driven: Vec<RunKey> = self
            .slots
            .iter()
            .filter(|(_, s)| s.driven() && s.unsettled)
            .map(|(k, _)| k.clone())
            .collect();
        for key in &driven {
            self.settle(key);
        }
        if !self.closing {
            self.start_queued();
        }
    }

    fn settle(&mut self, key: &RunKey) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        slot.unsettled = false;
        let facts = if slot.cancelled {
            Vec::new()
        } else {
            runner::next_states(&slot.record)
        };
        let mut results: Vec<_> = facts.into_iter().map(|fact| slot.note(fact)).collect();
        if slot.live.is_empty()
            && let Some(state) = runner::over(&slot.record, slot.cancelled)
        {
            results.push(slot.note(Fact::Run { state }));
            slot.retry_at.clear();
            slot.hold = Hold::Nobody;
            slot.release_followers();
            self.forget_old(key);
        }
        for result in results {
            self.kept(result);
        }
        self.dirty = true;
    }

    /// Starts queued nodes, those of the oldest run first, while there are free slots.
    fn start_queued(&mut self) {
        let busy: usize = self.slots.values().map(Slot::busy).sum();
        let mut free = self.settings.parallelism.saturating_sub(busy);
        if free == 0 {
            return;
        }
        let mut going: Vec<(DateTime<Utc>, RunKey)> = self
            .slots
            .iter()
            .filter(|(_, s)| s.driven() && s.record.state != RunState::Paused)
            .map(|(k, s)| (s.record.header.created_at, k.clone()))
            .collect();
        going.sort();
        for (_, key) in going {
            let queued = self
                .slots
                .get(&key)
                .map(|s| s.in_state(NodeState::Queued))
                .unwrap_or_default();
            for task in queued {
                if free == 0 {
                    return;
                }
                if self.start_node(&key, task) {
                    free -= 1;
                }
            }
        }
    }

    /// Whether it runs now.
    fn start_node(&mut self, key: &RunKey, task: usize) -> bool {
        let hear = self.hear.clone();
        let grace = self.settings.grace;
        let Some(slot) = self.slots.get_mut(key) else {
            return false;
        };
        let attempt = slot.record.nodes[task].attempt() + 1;
        let Some(spec) = slot.spec(task, attempt, grace) else {
            return false;
        };
        let run = key.clone();
        let tell = move |word| {
            let (hear, run) = (hear.clone(), run.clone());
            async move {
                let node = task;
                let heard = Heard::Word {
                    run,
                    node,
                    attempt,
                    word,
                };
                // after the end nobody listens
                let _ = hear.send(heard).await;
            }
        };
        let started = process::start(spec, tell);
        let node = slot.id(task);
        let mut results = Vec::new();
        if slot.record.state == RunState::Queued {
            results.push(slot.note(Fact::Run {
                state: RunState::Running,
            }));
        }
        let process = started.as_ref().ok().map(|s| s.process);
        results.push(slot.note(Fact::Started {
            node: node.clone(),
            attempt,
            process,
        }));
        let running = started.is_ok();
        match started {
            Ok(started) => {
                let live = Live {
                    attempt,
                    process: started.process,
                    orders: started.orders,
                    usage: None,
                };
                slot.live.insert(task, live);
            }
            Err(e) => {
                let ended = Ended {
                    note: Some(e.to_string()),
                    ..Ended::default()
                };
                results.push(end_attempt(slot, task, attempt, ended));
            }
        }
        for result in results {
            self.kept(result);
        }
        self.dirty = true;
        running
    }

    /// Takes in what an attempt tells.
    pub(super) fn word(&mut self, key: &RunKey, task: usize, attempt: u32, word: Word) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        if slot.live.get(&task).is_none_or(|l| l.attempt != attempt) {
            return;
        }
        self.dirty = true;
        let result = match word {
            Word::Reported(Report { progress, metrics }) => {
                let node = &mut slot.record.nodes[task];
                node.progress = progress;
                node.metrics = metrics;
                slot.dirty.nodes.insert(task);
                Ok(())
            }
            Word::Paused => slot.note(Fact::Node {
                node: slot.id(task),
                state: NodeState::Paused,
                native: "stopped (SIGSTOP)".to_owned(),
            }),
            Word::Resumed => slot.note(runner::state(slot.id(task), NodeState::Running)),
            Word::Trouble(what) => slot.note(Fact::Note {
                node: Some(slot.id(task)),
                text: what,
            }),
            Word::Ended(ended) => end_attempt(slot, task, attempt, ended),
        };
        self.kept(result);
    }

    /// Nodes whose pause between two attempts is over.
    pub(super) fn start_retries(&mut self, now: Instant) {
        let mut results = Vec::new();
        for slot in self.slots.values_mut() {
            let due: Vec<usize> = slot
                .retry_at
                .iter()
                .filter(|(_, at)| **at <= now)
                .map(|(task, _)| *task)
                .collect();
            for task in due {
                slot.retry_at.remove(&task);
                if slot.record.nodes[task].state == NodeState::Retrying {
                    results.push(slot.note(runner::state(slot.id(task), NodeState::Queued)));
                    self.dirty = true;
                }
            }
        }
        for result in results {
            self.kept(result);
        }
    }

    /// Makes a run and lets it begin.
    pub(super) fn start_run(
        &mut self,
        definition: &Definition,
        run: Option<String>,
        cause: &str,
        due: Option<DateTime<Utc>>,
        params: Vec<(String, String)>,
    ) -> Result<RunKey, StoreError> {
        let now = Utc::now();
        let wanted = run.clone().unwrap_or_else(|| {
            let at = due.unwrap_or(now);
            at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
        });
        let mut header = Header {
            version: VERSION,
            run: wanted.clone(),
            created_at: now,
            due,
            cause: cause.to_owned(),
            params,
            definition: definition.clone(),
        };
        let mut count = 1;
        let (dir, journal) = loop {
            match self.store.create(&header) {
                Err(StoreError::Exists(_)) if run.is_none() && count < 1000 => {
                    count += 1;
                    header.run = format!("{wanted}.{count}");
                }
                other => break other?,
            }
        };
        let key = self.pipeline_key(&definition.name).run(&header.run);
        let mut slot = Slot::new(dir, RunRecord::new(header), Hold::Ours(journal));
        slot.dirty.all = true;
        self.slots.insert(key.clone(), slot);
        self.dirty = true;
        Ok(key)
    }

    /// A pipeline that is to run once from the start.
    pub(super) fn start_named(&mut self, name: &str) {
        let Some(definition) = self.catalog.get(name).and_then(|l| l.definition.clone()) else {
            return;
        };
        match given(&definition, &[]) {
            Ok(params) => {
                let cause = "started with dagtop";
                let started = self.start_run(&definition, None, cause, None, params);
                self.kept(started);
            }
            Err(why) => self.trouble = Some(format!("{name} was not started: {why}")),
        }
    }

    pub(super) fn next_due(&self) -> Option<DateTime<Utc>> {
        self.timing
            .iter()
            .filter(|(name, t)| t.lock.is_some() && !t.paused && !self.held_up(name))
            .filter_map(|(_, t)| t.next)
            .min()
    }

    /// A due run waits for the one before it, and for its file to be mended.
    fn held_up(&self, pipeline: &str) -> bool {
        self.catalog
            .get(pipeline)
            .is_none_or(|l| l.broken.is_some())
            || self
                .slots
                .iter()
                .any(|(k, s)| k.pipeline.pipeline.raw() == pipeline && !s.record.state.ended())
    }

    pub(super) fn start_due(&mut self) {
        let now = Utc::now();
        let due: Vec<(String, DateTime<Utc>)> = self
            .timing
            .iter()
            .filter(|(name, t)| t.lock.is_some() && !t.paused && !self.held_up(name))
            .filter_map(|(name, t)| Some((name.clone(), t.next.filter(|at| *at <= now)?)))
            .collect();
        for (name, at) in due {
            if let Some(timing) = self.timing.get_mut(&name) {
                timing.set_next(now);
            }
            let Some(definition) = self.catalog.get(&name).and_then(|l| l.definition.clone())
            else {
                continue;
            };
            let params = defaults(&definition);
            let started = self.start_run(&definition, None, "scheduled", Some(at), params);
            self.kept(started);
        }
    }

    /// Tells the processes of a run to end, and writes off what has not begun.
    pub(super) fn cancel_run(&mut self, key: &RunKey, grace: Duration, note: Option<&str>) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        slot.cancelled = true;
        slot.retry_at.clear();
        let mut results = Vec::new();
        if let Some(text) = note {
            let text = text.to_owned();
            results.push(slot.note(Fact::Note { node: None, text }));
        }
        for task in 0..slot.record.nodes.len() {
            if let Some(live) = slot.live.get(&task) {
                // one that has just ended has no need of it
                let _ = live.orders.send(Order::Cancel { grace });
            } else if !slot.record.nodes[task].state.ended() {
                results.push(slot.note(runner::state(slot.id(task), NodeState::Cancelled)));
            }
        }
        slot.dirty.run = true;
        self.dirty = true;
        for result in results {
            self.kept(result);
        }
    }

    /// Lets go of the oldest ended runs of the pipeline.
    fn forget_old(&mut self, key: &RunKey) {
        let mut ended: Vec<(DateTime<Utc>, RunKey)> = self
            .slots
            .iter()
            .filter(|(k, s)| {
                k.pipeline == key.pipeline
                    && matches!(s.hold, Hold::Nobody)
                    && s.record.state.ended()
                    && s.left.is_empty()
            })
            .map(|(k, s)| (s.record.header.created_at, k.clone()))
            .collect();
        ended.sort();
        let surplus = ended.len().saturating_sub(KEEP_RUNS);
        for (_, old) in ended.into_iter().take(surplus) {
            if let Some(slot) = self.slots.remove(&old) {
                // another dagtop may have taken it up again
                if let Ok(Some(_lock)) = slot.dir.journal() {
                    let removed = slot.dir.remove();
                    self.kept(removed);
                }
            }
        }
    }
}

fn end_attempt(slot: &mut Slot, task: usize, attempt: u32, ended: Ended) -> Result<(), StoreError> {
    let usage = slot.live.remove(&task).and_then(|l| l.usage);
    let node = slot.id(task);
    slot.unkillable += usize::from(ended.unkillable);
    let end = slot.judge(task, ended, usage);
    if end.state == NodeState::Retrying {
        let delay = slot
            .record
            .def_of(task)
            .map(|d| d.retry_delay)
            .unwrap_or_default();
        slot.retry_at.insert(task, Instant::now() + delay);
    }
    slot.note(Fact::Ended { node, attempt, end })
}

/// Parameters as they are when nobody says otherwise.
pub(super) fn defaults(definition: &Definition) -> Vec<(String, String)> {
    definition
        .params
        .iter()
        .filter_map(|p| Some((p.name.clone(), text(p.default.as_ref()?))))
        .collect()
}

/// A parameter's value as a command gets it.
pub(super) fn text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    }
}
