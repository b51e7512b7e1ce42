//! The actor: owns everything, wakes for words of its processes, requests, focus and time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use chrono::Utc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::backends::{EngineGone, Link, Request};
use crate::model::{
    BackendId, BackendInfo, BackendStatus, Event, Focus, LogKey, Notice, NoticeLevel, Pipeline,
    PipelineKey, Queue, Reach, RunKey, SafeText,
};

use super::catalog::Catalog;
use super::drive::Timing;
use super::pending::Pending;
use super::process::Word;
use super::slot::{Hold, Slot};
use super::store::{Store, StoreError};
use super::{Settings, capabilities, tail, view};

/// How often files and other dagtops' runs are looked at.
const SCAN: Duration = Duration::from_secs(2);
/// How often what runs is measured.
const SAMPLE: Duration = Duration::from_secs(1);
/// Changes are told at most this often.
const FLUSH: Duration = Duration::from_millis(40);
/// How often what was asked is read back.
const CHECK: Duration = Duration::from_millis(50);

/// What comes from inside.
#[derive(Debug)]
pub(super) enum Heard {
    Word {
        run: RunKey,
        node: usize,
        attempt: u32,
        word: Word,
    },
    Measured(Vec<(i32, crate::model::Usage)>),
}

pub(super) struct Actor {
    pub info: BackendInfo,
    pub settings: Settings,
    pub store: Store,
    pub catalog: Catalog,
    pub slots: BTreeMap<RunKey, Slot>,
    /// Of listed pipelines.
    pub timing: BTreeMap<String, Timing>,
    pub pending: Vec<Pending>,
    /// Folders of pipelines whose runs were read, as of when.
    pub loaded: BTreeMap<String, Option<SystemTime>>,
    pub link: Link,
    pub focus: Focus,
    pub heard: mpsc::Receiver<Heard>,
    pub hear: mpsc::Sender<Heard>,
    tails: HashMap<LogKey, JoinHandle<Result<(), EngineGone>>>,
    /// Pipelines as last told.
    told: Vec<Pipeline>,
    told_queue: Option<Queue>,
    told_notices: Vec<Notice>,
    /// State that could not be written or read, for the status line.
    pub trouble: Option<String>,
    told_trouble: Option<String>,
    pub dirty: bool,
    next_flush: Instant,
    next_scan: Instant,
    next_sample: Instant,
    sampled_at: Option<Instant>,
    sampling: bool,
    pub closing: bool,
}

impl Actor {
    pub fn new(info: BackendInfo, settings: Settings, store: Store, link: Link) -> Self {
        let (hear, heard) = mpsc::channel(1024);
        let now = Instant::now();
        Self {
            catalog: Catalog::new(settings.pipelines.clone()),
            info,
            settings,
            store,
            slots: BTreeMap::new(),
            timing: BTreeMap::new(),
            pending: Vec::new(),
            loaded: BTreeMap::new(),
            link,
            focus: Focus::default(),
            heard,
            hear,
            tails: HashMap::new(),
            told: Vec::new(),
            told_queue: None,
            told_notices: Vec::new(),
            trouble: None,
            told_trouble: None,
            dirty: true,
            next_flush: now,
            next_scan: now,
            next_sample: now,
            sampled_at: None,
            sampling: false,
            closing: false,
        }
    }

    pub fn backend(&self) -> &BackendId {
        &self.info.id
    }

    pub fn pipeline_key(&self, name: &str) -> PipelineKey {
        PipelineKey::new(self.backend(), name)
    }

    /// Runs until the engine is gone; then ends what runs.
    pub async fn run(mut self) -> Result<Infallible, EngineGone> {
        let gone = match self.watch().await {
            Ok(never) => match never {},
            Err(gone) => gone,
        };
        self.shutdown().await;
        Err(gone)
    }

    async fn watch(&mut self) -> Result<Infallible, EngineGone> {
        self.tell_status().await?;
        self.link
            .emit(Event::Capabilities(capabilities::all()))
            .await?;
        self.scan().await?;
        for name in std::mem::take(&mut self.settings.start) {
            self.start_named(&name);
        }
        self.next_scan = Instant::now() + SCAN;
        loop {
            self.advance();
            self.flush().await?;
            let wake = self.wake();
            tokio::select! {
                biased;
                Some(heard) = self.heard.recv() => self.take(heard),
                request = self.link.requests.recv() => match request {
                    None => return Err(EngineGone),
                    Some(Request::Refresh) => self.scan().await?,
                    Some(Request::Plan(request)) => self.plan(request).await?,
                    Some(Request::Execute(plan)) => self.execute(*plan).await?,
                },
                changed = self.link.focus.changed() => {
                    changed.map_err(|_| EngineGone)?;
                    self.look().await?;
                }
                () = sleep_until(wake) => self.tick().await?,
            }
        }
    }

    /// When something is due without anyone saying so.
    fn wake(&self) -> Instant {
        let mut wake = self.next_scan;
        let mut by = |at: Instant| wake = wake.min(at);
        if self.dirty {
            by(self.next_flush);
        }
        if self.slots.values().any(|s| !s.live.is_empty()) {
            by(self.next_sample);
        }
        if !self.pending.is_empty() {
            by(Instant::now() + CHECK);
        }
        for slot in self.slots.values() {
            slot.retry_at.values().for_each(|at| by(*at));
        }
        if let Some(due) = self.next_due() {
            let left = (due - Utc::now()).to_std().unwrap_or_default();
            by(Instant::now() + left.max(Duration::from_millis(10)));
        }
        wake
    }

    async fn tick(&mut self) -> Result<(), EngineGone> {
        let now = Instant::now();
        if now >= self.next_scan {
            self.next_scan = now + SCAN;
            self.scan().await?;
        }
        if now >= self.next_sample && !self.sampling {
            self.sample(now);
        }
        self.start_due();
        self.start_retries(now);
        self.check_pending().await
    }

    fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Word {
                run,
                node,
                attempt,
                word,
            } => self.word(&run, node, attempt, word),
            Heard::Measured(list) => {
                self.sampling = false;
                self.measured(&list);
            }
        }
    }

    fn sample(&mut self, now: Instant) {
        self.next_sample = now + SAMPLE;
        let groups: Vec<_> = self
            .slots
            .values()
            .flat_map(|s| s.live.values())
            .map(|l| (l.process.group, l.usage))
            .collect();
        if groups.is_empty() {
            self.sampled_at = None;
            return;
        }
        let seconds = self.sampled_at.map_or(0.0, |at| (now - at).as_secs_f64());
        self.sampled_at = Some(now);
        self.sampling = true;
        let hear = self.hear.clone();
        tokio::task::spawn_blocking(move || {
            let usage = super::procs::usage(&groups, seconds);
            // nobody may be left to hear it
            let _ = hear.blocking_send(Heard::Measured(usage));
        });
    }

    fn measured(&mut self, list: &[(i32, crate::model::Usage)]) {
        for slot in self.slots.values_mut() {
            for (node, live) in &mut slot.live {
                let found = list.iter().find(|(group, _)| *group == live.process.group);
                let Some((_, usage)) = found else { continue };
                if live.usage != Some(*usage) {
                    live.usage = Some(*usage);
                    slot.record.nodes[*node].usage = Some(*usage);
                    slot.dirty.nodes.insert(*node);
                    self.dirty = true;
                }
            }
        }
    }

    /// Remembers what could not be written, to be told.
    pub fn kept<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(e) => {
                self.trouble = Some(e.to_string());
                self.dirty = true;
                None
            }
        }
    }

    async fn tell_status(&mut self) -> Result<(), EngineGone> {
        self.told_trouble.clone_from(&self.trouble);
        let n = self.settings.parallelism;
        let status = BackendStatus {
            reach: Reach::Up,
            version: SafeText::new(format!("processes of this machine, {n} at once")),
            degraded: self.trouble.as_ref().map(SafeText::new),
            ..BackendStatus::default()
        };
        self.link.emit(Event::Status(status)).await
    }

    /// Takes in what is on screen now.
    async fn look(&mut self) -> Result<(), EngineGone> {
        let focus = self.link.focus_now();
        let new: Vec<RunKey> = focus
            .runs
            .iter()
            .filter(|k| !self.focus.runs.contains(k))
            .cloned()
            .collect();
        let detail = focus
            .detail
            .clone()
            .filter(|d| self.focus.detail.as_ref() != Some(d));
        self.focus = focus;
        for key in new {
            self.tell_whole(&key).await?;
        }
        if let Some(key) = detail {
            self.tell_detail(&key.run, &[key.node.raw().to_owned()])
                .await?;
        }
        let wanted: BTreeSet<LogKey> = self
            .focus
            .logs
            .iter()
            .chain(&self.focus.tails)
            .cloned()
            .collect();
        self.tails.retain(|key, task| {
            let keep = wanted.contains(key);
            if !keep {
                task.abort();
            }
            keep
        });
        for key in wanted {
            if !self.tails.contains_key(&key) {
                self.follow(key).await?;
            }
        }
        Ok(())
    }

    async fn follow(&mut self, key: LogKey) -> Result<(), EngineGone> {
        let id = key.node.node.raw();
        let found = self.slots.get_mut(&key.node.run).and_then(|slot| {
            let node = slot.record.shape.task(id)?;
            Some((
                slot.dir.log(id, key.attempt),
                slot.follow(node, key.attempt),
            ))
        });
        let Some((path, ended)) = found else {
            let what = SafeText::new("this run is no longer kept");
            let update = crate::model::LogUpdate::Failed(what);
            let chunk = crate::model::LogChunk { key, update };
            return self.link.emit(Event::Log(chunk)).await;
        };
        let emitter = self.link.emitter.clone();
        let task = tokio::spawn(tail::follow(path, key.clone(), ended, emitter));
        self.tails.insert(key, task);
        Ok(())
    }

    /// Topology and all nodes of a run.
    pub async fn tell_whole(&mut self, key: &RunKey) -> Result<(), EngineGone> {
        let Some(slot) = self.slots.get_mut(key) else {
            return Ok(());
        };
        slot.dirty.all = false;
        slot.dirty.nodes.clear();
        let topology = view::topology(&slot.record);
        let list = view::nodes(&slot.record);
        let run = key.clone();
        self.link.emit(Event::Topology { run, topology }).await?;
        self.link
            .emit(Event::Nodes {
                run: key.clone(),
                list,
                complete: true,
            })
            .await
    }

    async fn tell_detail(&self, run: &RunKey, changed: &[String]) -> Result<(), EngineGone> {
        let Some(key) = self.focus.detail.clone().filter(|d| &d.run == run) else {
            return Ok(());
        };
        let id = key.node.raw();
        if !changed.iter().any(|c| c == id) {
            return Ok(());
        }
        let detail = self.slots.get(run).and_then(|slot| {
            let task = slot.record.shape.task(id)?;
            view::detail(&slot.record, task)
        });
        match detail {
            Some(detail) => self.link.emit(Event::Detail { node: key, detail }).await,
            None => Ok(()),
        }
    }

    /// Tells what changed since it was last told, not too often.
    pub async fn flush(&mut self) -> Result<(), EngineGone> {
        let now = Instant::now();
        if !self.dirty || now < self.next_flush {
            return Ok(());
        }
        self.dirty = false;
        self.next_flush = now + FLUSH;
        if self.trouble != self.told_trouble {
            self.tell_status().await?;
        }
        self.tell_pipelines().await?;
        let keys: Vec<RunKey> = self
            .slots
            .iter()
            .filter(|(_, s)| s.dirty.run || s.dirty.all || !s.dirty.nodes.is_empty())
            .map(|(k, _)| k.clone())
            .collect();
        for key in keys {
            self.tell_run(&key).await?;
        }
        self.tell_queue().await?;
        self.tell_notices().await
    }

    /// Tells what changed before something is said about it.
    pub async fn flush_now(&mut self) -> Result<(), EngineGone> {
        self.dirty = true;
        self.next_flush = Instant::now();
        self.flush().await
    }

    async fn tell_run(&mut self, key: &RunKey) -> Result<(), EngineGone> {
        let Some(slot) = self.slots.get_mut(key) else {
            return Ok(());
        };
        let dirty = std::mem::take(&mut slot.dirty);
        let list = vec![view::run(&slot.record, key.clone())];
        // nobody is to see an end before what led to it
        let ended = slot.record.state.ended() && !dirty.all;
        let run = Event::Runs { list };
        if !ended {
            self.link.emit(run.clone()).await?;
        }
        if dirty.all {
            self.tell_whole(key).await?;
        } else {
            self.tell_nodes(key, &dirty.nodes).await?;
        }
        if ended {
            self.link.emit(run).await?;
        }
        Ok(())
    }

    async fn tell_nodes(
        &mut self,
        key: &RunKey,
        tasks: &BTreeSet<usize>,
    ) -> Result<(), EngineGone> {
        let Some(slot) = self.slots.get(key) else {
            return Ok(());
        };
        let list: Vec<_> = tasks
            .iter()
            .filter_map(|at| view::node(&slot.record, *at))
            .collect();
        if list.is_empty() {
            return Ok(());
        }
        let changed: Vec<String> = list.iter().map(|n| n.id.raw().to_owned()).collect();
        let run = key.clone();
        let complete = false;
        self.link
            .emit(Event::Nodes {
                run,
                list,
                complete,
            })
            .await?;
        self.tell_detail(key, &changed).await
    }

    /// Pipelines as they are now: those of the files, and those whose file went away under a
    /// going run.
    fn pipelines(&self) -> Vec<Pipeline> {
        let mut list: Vec<Pipeline> = Vec::new();
        for (name, listed) in self.catalog.listed() {
            let key = self.pipeline_key(name);
            let mut pipeline = match &listed.definition {
                Some(definition) => view::pipeline(definition, key),
                None => Pipeline::new(key),
            };
            pipeline.stale = listed.broken.as_ref().map(SafeText::new);
            if let Some(timing) = self.timing.get(name) {
                pipeline.paused = timing.paused;
                pipeline.schedule.next = timing
                    .next
                    .filter(|_| !timing.paused && pipeline.stale.is_none());
            }
            list.push(pipeline);
        }
        for (key, slot) in self.slots.iter().filter(|(_, s)| s.driven()) {
            if !list.iter().any(|p| p.key == key.pipeline) {
                let mut pipeline = view::pipeline(&slot.record.definition, key.pipeline.clone());
                pipeline.stale = Some(SafeText::new("its file is gone"));
                list.push(pipeline);
            }
        }
        list
    }

    pub async fn tell_pipelines(&mut self) -> Result<(), EngineGone> {
        let list = self.pipelines();
        if list != self.told {
            self.told.clone_from(&list);
            let complete = true;
            self.link.emit(Event::Pipelines { list, complete }).await?;
        }
        Ok(())
    }

    async fn tell_queue(&mut self) -> Result<(), EngineGone> {
        let driven = || self.slots.values().filter(|s| s.driven());
        let queue = Queue {
            name: SafeText::new("processes"),
            slots: Some(self.settings.parallelism as u64),
            running: driven().map(|s| s.busy() as u64).sum(),
            waiting: driven()
                .map(|s| s.in_state(crate::model::NodeState::Queued).len() as u64)
                .sum(),
            held_by: None,
        };
        if self.told_queue.as_ref() != Some(&queue) {
            self.told_queue = Some(queue.clone());
            self.link.emit(Event::Queues(vec![queue])).await?;
        }
        Ok(())
    }

    async fn tell_notices(&mut self) -> Result<(), EngineGone> {
        let mut notices = self.catalog.notices().to_vec();
        for (key, slot) in &self.slots {
            if !slot.left.is_empty() {
                let pids: Vec<String> = slot.left.iter().map(ToString::to_string).collect();
                notices.push(Notice {
                    subject: crate::model::Target::Run(key.clone()).label(),
                    level: NoticeLevel::Warning,
                    text: vec![SafeText::new(format!(
                        "its dagtop died and left processes behind ({}): cancel the run to stop them",
                        pids.join(", ")
                    ))],
                    at: slot.record.ended_at,
                });
            }
        }
        if notices != self.told_notices {
            self.told_notices.clone_from(&notices);
            self.link.emit(Event::Notices(notices)).await?;
        }
        Ok(())
    }

    /// Ends what runs, writes it down, and lets the engine hear of it while it listens.
    async fn shutdown(&mut self) {
        self.closing = true;
        for (_, task) in self.tails.drain() {
            task.abort();
        }
        let driven: Vec<RunKey> = self
            .slots
            .iter()
            .filter(|(_, s)| s.driven())
            .map(|(k, _)| k.clone())
            .collect();
        for key in &driven {
            self.cancel_run(key, Some("dagtop was quit"));
        }
        let limit = Instant::now() + self.settings.grace + Duration::from_secs(2);
        while self.slots.values().any(|s| !s.live.is_empty()) {
            match tokio::time::timeout_at(limit, self.heard.recv()).await {
                Ok(Some(heard)) => self.take(heard),
                Ok(None) | Err(_) => break,
            }
            self.advance();
        }
        self.advance();
        self.next_flush = Instant::now();
        // the engine may have stopped listening
        let _ = tokio::time::timeout(Duration::from_millis(100), self.flush()).await;
    }

    /// Who drives a run that we don't.
    pub fn driver(slot: &Slot) -> Option<String> {
        match &slot.hold {
            Hold::Other { pid: Some(pid) } => Some(format!("another dagtop (process {pid})")),
            Hold::Other { pid: None } => Some("another dagtop".to_owned()),
            Hold::Ours(_) | Hold::Nobody => None,
        }
    }
}
