//! The actor: owns everything, wakes for words of its processes, requests, focus and time.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::backends::disk::StoreError;
use crate::backends::process::Word;
use crate::backends::{EngineGone, Link, Request};
use crate::model::{
    ActionId, ActionRequest, BackendId, BackendInfo, BackendStatus, Check, Event, Focus, LogKey,
    Pipeline, PipelineKey, RunKey,
};

use super::deeds::{Pending, Prepared};
use super::follow::Follower;
use super::invoke::Listing;
use super::ledger::Ledger;
use super::log::Stranger;
use super::manifest::Manifest;
use super::project::Project;
use super::slot::{Hold, Slot};
use super::store::Store;
use super::stream::Heard;
use super::watch::Stamp;
use super::{Settings, Start, capabilities};

/// How often files are looked at while something goes.
const CLOSE: Duration = Duration::from_millis(250);
/// How often what was asked is read back.
const CHECK: Duration = Duration::from_millis(50);
/// Whoever quits does not wait longer than this for what runs.
const QUIT_GRACE: Duration = Duration::from_secs(8);

/// What comes from inside.
#[derive(Debug)]
pub(super) enum Told {
    Word {
        run: RunKey,
        word: Word<Heard>,
    },
    /// dbt listed what a command would run.
    Listed {
        request: Box<ActionRequest>,
        listing: Listing,
    },
}

pub(super) struct Actor {
    pub info: BackendInfo,
    pub settings: Settings,
    pub store: Store,
    pub link: Link,
    pub focus: Focus,
    pub told: mpsc::Receiver<Told>,
    pub tell: mpsc::Sender<Told>,
    /// `None` while its folder is missing.
    pub project: Option<Project>,
    /// Why there is none.
    pub missing: Option<String>,
    /// The name under which it is listed; it stays when the folder goes.
    pub name: String,
    pub manifest: Arc<Manifest>,
    pub stamps: HashMap<&'static str, Stamp>,
    /// What is wrong with each file, beside which everything else is shown.
    pub troubles: BTreeMap<&'static str, String>,
    /// The invocation whose results lie in the target folder.
    pub last_results: Option<String>,
    pub follower: Option<Follower>,
    /// Runs in the log of which it is not known yet whether they are shown.
    pub strangers: HashMap<String, Stranger>,
    pub slots: BTreeMap<RunKey, Slot>,
    pub ledger: Ledger,
    pub ledger_changed: bool,
    pub prepared: HashMap<ActionId, Prepared>,
    pub pending: Vec<Pending>,
    pub skew_ms: Option<i64>,
    pub(super) tails: HashMap<LogKey, JoinHandle<Result<(), EngineGone>>>,
    pub(super) told_status: Option<BackendStatus>,
    pub(super) told_pipelines: Option<Vec<Pipeline>>,
    pub(super) told_checks: Option<Vec<Check>>,
    pub dirty: bool,
    pub(super) next_flush: Instant,
    pub next_look: Instant,
    /// The run that was asked for at the start, and who wants to know how it ends.
    pub started: Option<(RunKey, oneshot::Sender<Option<i32>>)>,
    pub closing: bool,
}

impl Actor {
    pub fn new(info: BackendInfo, settings: Settings, store: Store, link: Link) -> Self {
        let (tell, told) = mpsc::channel(256);
        let now = Instant::now();
        let name = settings
            .project
            .file_name()
            .map_or_else(|| "dbt".to_owned(), |n| n.to_string_lossy().into_owned());
        Self {
            info,
            settings,
            store,
            link,
            focus: Focus::default(),
            told,
            tell,
            project: None,
            missing: None,
            name,
            manifest: Arc::default(),
            stamps: HashMap::new(),
            troubles: BTreeMap::new(),
            last_results: None,
            follower: None,
            strangers: HashMap::new(),
            slots: BTreeMap::new(),
            ledger: Ledger::default(),
            ledger_changed: false,
            prepared: HashMap::new(),
            pending: Vec::new(),
            skew_ms: None,
            tails: HashMap::new(),
            told_status: None,
            told_pipelines: None,
            told_checks: None,
            dirty: true,
            next_flush: now,
            next_look: now,
            started: None,
            closing: false,
        }
    }

    pub fn backend(&self) -> &BackendId {
        &self.info.id
    }

    pub fn pipeline_key(&self) -> PipelineKey {
        PipelineKey::new(self.backend(), &self.name)
    }

    /// Runs until the engine is gone; then ends what runs.
    pub async fn run(mut self, start: Option<Start>) -> Result<Infallible, EngineGone> {
        let gone = match self.watch(start).await {
            Ok(never) => match never {},
            Err(gone) => gone,
        };
        self.shutdown().await;
        Err(gone)
    }

    async fn watch(&mut self, start: Option<Start>) -> Result<Infallible, EngineGone> {
        let capabilities = capabilities::all(self.settings.program().is_some());
        self.link.emit(Event::Capabilities(capabilities)).await?;
        self.look_for_project();
        self.load_runs().await?;
        self.look().await?;
        if let Some(start) = start {
            self.start_asked(start);
        }
        self.flush_now().await?;
        loop {
            self.flush().await?;
            let wake = self.wake();
            tokio::select! {
                biased;
                Some(told) = self.told.recv() => self.take(told).await?,
                request = self.link.requests.recv() => match request {
                    None => return Err(EngineGone),
                    Some(Request::Refresh) => self.look().await?,
                    Some(Request::Plan(request)) => self.plan(request).await?,
                    Some(Request::Execute(plan)) => self.execute(*plan).await?,
                },
                changed = self.link.focus.changed() => {
                    changed.map_err(|_| EngineGone)?;
                    self.see().await?;
                }
                () = sleep_until(wake) => self.tick().await?,
            }
        }
    }

    fn wake(&self) -> Instant {
        let mut wake = self.next_look;
        if self.dirty {
            wake = wake.min(self.next_flush);
        }
        if !self.pending.is_empty() {
            wake = wake.min(Instant::now() + CHECK);
        }
        wake
    }

    async fn tick(&mut self) -> Result<(), EngineGone> {
        if Instant::now() >= self.next_look {
            self.look().await?;
        }
        self.check_pending().await
    }

    /// When files are looked at again.
    pub(super) fn plan_look(&mut self) {
        let going = |slot: &Slot| slot.open() || matches!(slot.hold, Hold::Followed(_));
        let open = self.slots.values().any(going) || !self.strangers.is_empty();
        let wait = if open {
            CLOSE.min(self.settings.refresh)
        } else if self.focus.hidden {
            self.settings.refresh * 4
        } else {
            self.settings.refresh
        };
        self.next_look = Instant::now() + wait;
    }

    async fn take(&mut self, told: Told) -> Result<(), EngineGone> {
        match told {
            Told::Word { run, word } => {
                self.word(&run, word);
                Ok(())
            }
            Told::Listed { request, listing } => self.listed(*request, listing).await,
        }
    }

    /// Remembers what could not be written, to be told.
    pub fn kept<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(e) => {
                self.trouble("state", Some(e.to_string()));
                None
            }
        }
    }

    /// What is wrong with something, or that nothing is any more.
    pub fn trouble(&mut self, with: &'static str, what: Option<String>) {
        let before = match what {
            Some(what) => self.troubles.insert(with, what.clone()) != Some(what),
            None => self.troubles.remove(with).is_some(),
        };
        self.dirty |= before;
    }

    /// Ends what runs, writes it down, and lets the engine hear of it while it listens.
    async fn shutdown(&mut self) {
        self.closing = true;
        let grace = self.settings.grace.min(QUIT_GRACE);
        for (_, task) in self.tails.drain() {
            task.abort();
        }
        self.cancel_all(grace);
        // INT, TERM, KILL
        let limit = Instant::now() + grace * 2 + Duration::from_secs(2);
        while self.slots.values().any(Slot::driven) {
            match tokio::time::timeout_at(limit, self.told.recv()).await {
                Ok(Some(Told::Word { run, word })) => self.word(&run, word),
                Ok(Some(Told::Listed { .. })) => {}
                Ok(None) | Err(_) => break,
            }
        }
        // the engine may have stopped listening
        let _ = tokio::time::timeout(Duration::from_millis(100), self.flush_now()).await;
        self.save_all();
    }
}
