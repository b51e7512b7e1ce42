//! What the parts of the backend share: the client, the budget, the wire to the engine, and the memory
//! of what was told.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::backends::EngineGone;
use crate::backends::client::Client;
use crate::backends::report::Report;
use crate::config::Filter;
use crate::model::{Node, NodeId, NodeState, ParamSpec, Pipeline, Run, RunKey, SafeText};
use crate::net::http::HttpError;

use super::api::Api;
use super::structure::Structure;
use super::wire::ImportError;

/// Requests a second to one server, as a mean over time, whatever is watched.
pub const RATE: f64 = 1.15;
/// So many may go at once at the start and after a quiet time.
pub const BURST: u32 = 24;

pub struct Shared {
    client: Client,
    pub api: Api,
    pub filter: Filter,
    ui: AtomicBool,
    memory: Mutex<Memory>,
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
    /// The DAGs that are watched, as last told.
    pub dags: HashMap<String, Pipeline>,
    /// Parameters and runbook, fetched for DAGs that were looked at.
    pub details: HashMap<String, (Vec<ParamSpec>, Vec<SafeText>)>,
    /// Runs by DAG and run id.
    pub runs: HashMap<String, HashMap<String, Run>>,
    /// DAGs of which the server said that there is no run.
    pub never_ran: HashSet<String>,
    /// Nodes told of runs that nobody looks at.
    pub told: HashMap<RunKey, HashMap<NodeId, NodeState>>,
    /// Ended runs whose failures are known.
    pub examined: HashSet<RunKey>,
    /// Runs in view.
    pub open: HashMap<RunKey, OpenRun>,
    /// Structures by DAG and version.
    pub structures: HashMap<(String, Option<u32>), Arc<Structure>>,
    /// Changes up to then (the server's clock) have been seen.
    pub since: Option<DateTime<Utc>>,
    /// The list of DAGs should be read again soon.
    pub resync: bool,
    pub import_errors: Vec<ImportError>,
    /// Pools without an open slot, and who holds them.
    pub full_pools: HashMap<String, SafeText>,
}

/// A run in view.
#[derive(Default)]
pub struct OpenRun {
    pub structure: Option<Arc<Structure>>,
    /// The version of the DAG that the structure is of.
    pub version: Option<u32>,
    /// Mapped tasks of which there are instances.
    pub expanded: BTreeSet<String>,
    /// All nodes have been told.
    pub loaded: bool,
    /// Load it again.
    pub reload: bool,
    /// Its nodes as last told, without what its logs said.
    pub nodes: HashMap<NodeId, Node>,
    /// Tries beyond the first, of all nodes, when the attempts were last read.
    pub retried: u64,
    /// What its logs said about progress, by node and attempt.
    pub reports: HashMap<(NodeId, u32), Report>,
}

impl OpenRun {
    /// Adds what only logs tell.
    pub fn add_report(&self, node: &mut Node) {
        if let Some(report) = self.reports.get(&(node.id.clone(), node.attempt)) {
            report.add_to(node);
        }
    }
}

impl Shared {
    pub fn new(client: Client, api: Api, filter: Filter) -> Self {
        Self {
            client,
            api,
            filter,
            ui: AtomicBool::new(api == Api::V2),
            memory: Mutex::default(),
        }
    }

    /// Never held across an await.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the private `/ui` endpoints are worth asking.
    pub fn ui(&self) -> bool {
        self.ui.load(Ordering::Relaxed)
    }

    /// The private endpoints can't be used; everything goes on without them.
    pub async fn no_ui(&self, why: &HttpError) -> Result<(), EngineGone> {
        if self.ui.swap(false, Ordering::Relaxed) {
            self.degraded(format!(
                "slower: the private /ui endpoints can't be used: {why}"
            ))
            .await?;
        }
        Ok(())
    }
}
