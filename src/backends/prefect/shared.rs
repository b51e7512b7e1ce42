//! What the parts of the backend share: the client, and the memory of what was told.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::backends::EngineGone;
use crate::backends::client::{Client, Pages, Trouble};
use crate::backends::poll::Urgency;
use crate::config::Filter;
use crate::model::{Pipeline, RunKey};
use crate::net::http::{BARE, Call, HttpError};

use super::api::QueueRef;
use super::tasks::{Heard, Source, Tasks};
use super::wire::FlowRun;

/// Requests a second to one server, as a mean over time, whatever is watched.
pub const RATE: f64 = 2.0;
/// So many may go at once at the start and after a quiet time.
pub const BURST: u32 = 24;
/// SQLite below the server answers 503 while its database is locked: a question is asked again so often.
const LOCKED: u32 = 3;

pub struct Shared {
    client: Client,
    pub filter: Filter,
    /// Whether the server streams logs.
    pub logs: bool,
    /// Runs that nobody knows have been heard of, or task runs are in doubt; they stand in the memory.
    pub strangers: Notify,
    /// Pools, queues and limits should be looked at again.
    pub system: Notify,
    /// A subscription that is not there should be tried again now.
    pub retry: Notify,
    live: AtomicBool,
    memory: Mutex<Memory>,
    turn: tokio::sync::Mutex<()>,
}

impl Deref for Shared {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// What was told to the engine, as far as it decides what is asked and told next.
#[derive(Default)]
pub struct Memory {
    /// The deployments that are watched, by their id.
    pub deployments: HashMap<String, Deployed>,
    /// Flows that have runs without a deployment, by their id.
    pub undeployed: HashMap<String, Pipeline>,
    /// Deployments that are filtered out.
    pub ignored: HashSet<String>,
    /// Names of flows.
    pub flows: HashMap<String, String>,
    pub runs: HashMap<String, Known>,
    /// The run that a subflow's run belongs to, for runs in view.
    pub roots: HashMap<String, String>,
    /// Deployments of which the server said that no run of them is over.
    pub never_ran: HashSet<String>,
    /// Ids of runs that were heard of and are not known.
    pub strangers: HashSet<String>,
    /// Task runs of which an event came that may be older than what is known.
    pub doubts: HashSet<String>,
    /// The newest heartbeat of runs, as far as any was heard.
    pub beats: HashMap<String, DateTime<Utc>>,
    /// Queues, by the name under which they were told.
    pub queues: HashMap<String, QueueRef>,
    /// What ended up to then (the server's clock) has been seen.
    pub since: Option<DateTime<Utc>>,
    /// Everything should be read again soon.
    pub resync: bool,
    /// A person wants that now.
    pub hurry: bool,
    worse: Worse,
}

/// What works less well than it could. One being well again says nothing of the other.
#[derive(Clone, Default, PartialEq)]
pub struct Worse {
    /// There is no subscription.
    pub live: Option<String>,
    /// More runs go than are followed.
    pub crowd: Option<String>,
}

/// A deployment.
#[derive(Clone, Debug)]
pub struct Deployed {
    pub pipeline: Pipeline,
    pub flow: String,
    pub ready: bool,
    /// Whether a schedule of it is on.
    pub scheduled: bool,
}

/// A run that was told of.
pub struct Known {
    pub row: FlowRun,
    pub key: RunKey,
    /// The name of its flow.
    pub flow: String,
    heard: Heard,
    /// All task runs when it is in view, else those that matter.
    pub tasks: Tasks,
    /// It is over and its failures are known.
    pub examined: bool,
    /// Its process seems to be gone.
    pub lost: bool,
    /// In view.
    pub open: Option<Open>,
}

/// A run in view.
#[derive(Default)]
pub struct Open {
    /// All nodes have been told.
    pub loaded: bool,
    /// Load it again.
    pub reload: bool,
    /// Its shape is another than the one that was told.
    pub dirty: bool,
}

impl Known {
    pub fn new(row: FlowRun, key: RunKey, flow: String, source: &Source) -> Self {
        Self {
            heard: Heard::new(source, row.state.timestamp),
            row,
            key,
            flow,
            tasks: Tasks::default(),
            examined: false,
            lost: false,
            open: None,
        }
    }

    /// Takes in a newer row; an older one changes nothing.
    pub fn see(&mut self, row: FlowRun, source: &Source) -> bool {
        let stamp = row.state.timestamp;
        if !self.heard.allows(source, stamp) {
            return false;
        }
        self.heard = self.heard.then(source, stamp);
        self.row = row;
        true
    }

    pub fn loaded(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.loaded)
    }
}

impl Shared {
    pub fn new(client: Client, filter: Filter, logs: bool) -> Self {
        Self {
            client,
            filter,
            logs,
            strangers: Notify::new(),
            system: Notify::new(),
            retry: Notify::new(),
            live: AtomicBool::new(false),
            memory: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Never held across an await.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held from a look into the memory until what was found has been told: what is told last must be newest. A run's
    /// nodes change their names when another process runs it, and an old name that came late would stay.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Whether events come by themselves.
    pub fn live(&self) -> bool {
        self.live.load(Ordering::Relaxed)
    }

    /// Says whether that is a change.
    pub fn set_live(&self, live: bool) -> bool {
        let changed = self.live.swap(live, Ordering::Relaxed) != live;
        if changed {
            // whoever polls does so at another rate from now on
            self.look.notify_one();
            self.reload.notify_waiters();
        }
        changed
    }

    /// Says what works less well, if that is another than was said.
    pub async fn worse(&self, change: impl FnOnce(&mut Worse)) -> Result<(), EngineGone> {
        let why = {
            let mut memory = self.memory();
            let before = memory.worse.clone();
            change(&mut memory.worse);
            let Worse { live, crowd } = &memory.worse;
            if memory.worse == before {
                return Ok(());
            }
            [live, crowd]
                .into_iter()
                .flatten()
                .cloned()
                .collect::<Vec<_>>()
        };
        match why.is_empty() {
            true => self.restored().await,
            false => self.degraded(why.join("; ")).await,
        }
    }

    // ---- asking ----

    /// A question, asked again when the server's database is locked.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        urgency: Urgency,
        call: &Call,
    ) -> Result<T, HttpError> {
        let mut tries = 1;
        loop {
            match self.json(urgency, call).await {
                Err(HttpError::Server { status: 503, .. }) if tries < LOCKED => {
                    tokio::time::sleep(Duration::from_millis(300) * tries).await;
                    tries += 1;
                }
                answer => return answer,
            }
        }
    }

    /// One list, in pages of 200; and when it was asked for.
    pub async fn list<T: DeserializeOwned>(
        &self,
        urgency: Urgency,
        most: usize,
        call: impl Fn(usize) -> Call,
    ) -> Result<(Pages<T>, Source), Trouble> {
        let mut tries = 1;
        loop {
            let asked = Source::Asked(Instant::now());
            match self.pages(urgency, BARE, most, &call).await {
                Err(Trouble::Http(HttpError::Server { status: 503, .. })) if tries < LOCKED => {
                    tokio::time::sleep(Duration::from_millis(300) * tries).await;
                    tries += 1;
                }
                answer => return Ok((answer?, asked)),
            }
        }
    }
}

impl Memory {
    /// The pipeline of a run: its deployment's, or its flow's when it has none.
    pub fn pipeline_of(&self, run: &FlowRun) -> Option<&Pipeline> {
        match &run.deployment_id {
            Some(id) => self.deployments.get(id).map(|d| &d.pipeline),
            None => self.undeployed.get(&run.flow_id),
        }
    }

    /// The deployment of a pipeline's name.
    pub fn deployment(&self, pipeline: &str) -> Option<(&str, &Deployed)> {
        let mut all = self.deployments.iter();
        let found = all.find(|(_, d)| d.pipeline.key.pipeline.raw() == pipeline);
        found.map(|(id, deployed)| (id.as_str(), deployed))
    }

    /// The run that a flow run is or belongs to.
    pub fn root(&self, flow_run: &str) -> Option<String> {
        match self.runs.contains_key(flow_run) {
            true => Some(flow_run.to_owned()),
            false => self.roots.get(flow_run).cloned(),
        }
    }
}
