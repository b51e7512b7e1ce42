//! The actor: owns everything, wakes for words of its processes, requests, focus and time.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use chrono::Utc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::backends::disk::StoreError;
use crate::backends::{EngineGone, Link, Request, process};
use crate::model::{
    BackendId, BackendInfo, Event, Focus, LogKey, Notice, Pipeline, PipelineKey, Queue, RunKey,
    Usage,
};

use super::catalog::Catalog;
use super::drive::Timing;
use super::pending::Pending;
use super::process::Word;
use super::slot::{Hold, Slot};
use super::store::Store;
use super::{Settings, capabilities};

/// How often files and other dagtops' runs are looked at.
const SCAN: Duration = Duration::from_secs(2);
/// Looking takes at most one part in so many of the time.
const SCAN_SHARE: u32 = 500;
/// How often what runs is measured.
const SAMPLE: Duration = Duration::from_secs(1);
/// Whoever quits does not wait longer than this for what runs.
const QUIT_GRACE: Duration = Duration::from_secs(8);
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
    Measured(Vec<(i32, Usage)>),
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
    pub(super) tails: HashMap<LogKey, JoinHandle<Result<(), EngineGone>>>,
    /// Pipelines as last told.
    pub(super) told: Option<Vec<Pipeline>>,
    pub(super) told_queue: Option<Queue>,
    pub(super) told_notices: Vec<Notice>,
    /// State that could not be written or read, for the status line.
    pub trouble: Option<String>,
    pub(super) told_trouble: Option<String>,
    pub dirty: bool,
    pub(super) next_flush: Instant,
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
            told: None,
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
            self.scan().await?;
            // many files are looked at less often
            let wait = (now.elapsed() * SCAN_SHARE).clamp(SCAN, SCAN * 3);
            self.next_scan = now + wait;
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
            let usage = process::usage(&groups, seconds);
            // nobody may be left to hear it
            let _ = hear.blocking_send(Heard::Measured(usage));
        });
    }

    fn measured(&mut self, list: &[(i32, Usage)]) {
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

    /// Ends what runs, writes it down, and lets the engine hear of it while it listens.
    async fn shutdown(&mut self) {
        self.closing = true;
        let grace = self.settings.grace.min(QUIT_GRACE);
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
            self.cancel_run(key, grace, Some("dagtop was quit"));
        }
        let limit = Instant::now() + grace + Duration::from_secs(2);
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
