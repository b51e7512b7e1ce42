//! What the parts of the backend share: the client, the permissions, and the memory of what was seen and told.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::backends::EngineGone;
use crate::backends::client::Client;
use crate::config::Filter;
use crate::model::{Attempt, Node, NodeId, NodeKey, Pipeline, Run, RunKey, SafeText, Topology};

use super::family::Place;
use super::feed::Feed;
use super::table::Table;
use super::wire;

/// Requests to one server from one refresh to the next, as a mean over time, whatever is watched.
const REQUESTS: f64 = 2.3;
/// So many may go at once at the start and after a quiet time.
pub const BURST: u32 = 24;

pub struct Shared {
    client: Client,
    pub filter: Filter,
    memory: Mutex<Memory>,
    permissions: Mutex<Vec<wire::Permission>>,
    /// The events of runs that are read now.
    feeds: Mutex<HashMap<String, Weak<Feed>>>,
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
    /// By pipeline id.
    pub jobs: BTreeMap<String, Job>,
    /// Runs with their re-executions, by the id of the first.
    pub families: HashMap<String, Family>,
    /// Jobs whose older runs were asked for.
    pub dug: HashSet<String>,
    /// Updates up to then (seconds, the server's clock) have been seen.
    pub since: Option<f64>,
    pub open: HashMap<RunKey, OpenRun>,
    /// Everything should be read again soon.
    pub resync: bool,
    pub locations: Vec<wire::Location>,
    /// What a step waits for, by run and step.
    pub waits: HashMap<(String, String), SafeText>,
    /// What asset checks found, by run and step.
    pub checks: HashMap<String, Vec<(String, wire::Evaluation)>>,
    /// Since when asset checks are bad, by asset and check.
    pub bad_since: HashMap<(String, String), DateTime<Utc>>,
    pub pools: Vec<wire::Pool>,
    /// Schedules and sensors, by pipeline id.
    pub automation: BTreeMap<String, Instigators>,
    pub assets: Vec<wire::AssetNode>,
    pub backfills: Vec<wire::Backfill>,
    /// Nodes told of what is no run.
    pub side_nodes: HashSet<NodeKey>,
    /// Runs whose events are asked for, because no subscription comes about.
    pub cut: HashSet<String>,
    /// Runs of which Dagster said that it can't tell their process to stop.
    pub deaf: HashSet<String>,
    /// The next active runs that nobody looks at, in turn.
    pub turn: usize,
}

/// A job of a code location.
#[derive(Clone)]
pub struct Job {
    pub name: String,
    pub origin: wire::Origin,
    pub pipeline: Pipeline,
    pub schedules: Vec<wire::Schedule>,
    pub sensors: Vec<wire::Sensor>,
    /// Newest first; `None`: not asked for yet. Empty: it has none.
    pub partitions: Option<Vec<String>>,
}

#[derive(Clone, Default)]
pub struct Instigators {
    pub origin: wire::Origin,
    pub schedules: Vec<wire::Schedule>,
    pub sensors: Vec<wire::Sensor>,
}

/// A run and its re-executions.
#[derive(Default)]
pub struct Family {
    pub pipeline: String,
    /// Oldest first.
    pub members: Vec<Known>,
    /// Nodes as last told.
    pub told: HashMap<NodeId, Node>,
    /// Where the log of each attempt of a told node is.
    pub attempts: HashMap<NodeId, Vec<(Place, Attempt)>>,
}

#[derive(Clone)]
pub struct Known {
    pub run: wire::Run,
    pub table: Option<Table>,
    pub plan: Option<Arc<wire::ExecutionPlan>>,
    /// Its steps were read after it had ended.
    pub examined: bool,
}

/// A run in view.
#[derive(Default)]
pub struct OpenRun {
    /// Its plan and all nodes have been told.
    pub loaded: bool,
    pub reload: bool,
    /// All its nodes have been told once.
    pub told: bool,
    pub topology: Topology,
    /// How many attempts have been told in details.
    pub tries: usize,
}

/// Requests a second.
pub fn rate(refresh: Duration) -> f64 {
    REQUESTS / refresh.as_secs_f64()
}

impl Family {
    pub fn last(&self) -> Option<&Known> {
        self.members.last()
    }

    pub fn ended(&self) -> bool {
        self.last().is_some_and(|k| k.run.status.ended())
    }

    /// When its first run was made, as far as that is known.
    pub fn ordered_at(&self) -> DateTime<Utc> {
        self.members
            .iter()
            .filter_map(|k| k.run.creation_time)
            .min()
            .unwrap_or(DateTime::<Utc>::UNIX_EPOCH)
    }

    /// Whether the first run is among those that are known.
    pub fn rooted(&self) -> bool {
        self.members.iter().any(|k| k.run.root() == k.run.run_id)
    }
}

impl Shared {
    pub fn new(client: Client, filter: Filter, permissions: Vec<wire::Permission>) -> Self {
        Self {
            client,
            filter,
            memory: Mutex::default(),
            permissions: Mutex::new(permissions),
            feeds: Mutex::default(),
        }
    }

    /// Never held across an await.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn permissions(&self) -> MutexGuard<'_, Vec<wire::Permission>> {
        self.permissions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub fn feeds(&self) -> MutexGuard<'_, HashMap<String, Weak<Feed>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The events of a run come as they should, or nobody wants them any more.
    pub async fn well(&self, run: &str) -> Result<(), EngineGone> {
        let lifted = {
            let mut memory = self.memory();
            memory.cut.remove(run) && memory.cut.is_empty()
        };
        match lifted {
            true => self.restored().await,
            false => Ok(()),
        }
    }

    /// Lifts what is said of runs whose events nobody reads any more.
    pub async fn unread(&self) -> Result<(), EngineGone> {
        let cut: Vec<String> = self.memory().cut.iter().cloned().collect();
        for run in cut {
            let read = self.feeds().get(&run).is_some_and(|f| f.strong_count() > 0);
            if !read {
                self.well(&run).await?;
            }
        }
        Ok(())
    }

    /// Between two looks at what can only be asked for.
    pub fn look(&self) -> Duration {
        self.refresh.mul_f64(1.3)
    }

    /// Whether a pipeline is watched.
    pub fn watches(&self, job: &str, tags: &[wire::Tag]) -> bool {
        let tags = tags.iter().map(|tag| tag.value.as_str());
        crate::backends::filter::watched(&self.filter, job, tags)
    }

    /// The families of a pipeline in our words.
    pub fn runs_of(&self, pipeline: &str) -> Vec<Run> {
        let memory = self.memory();
        let key = self.pipeline_key(pipeline);
        memory
            .families
            .iter()
            .filter(|(_, family)| family.pipeline == pipeline)
            .map(|(root, family)| super::tell::run(key.run(root), family))
            .collect()
    }
}

/// "orders@shop": a job's name is unique in its code location only.
pub fn pipeline_id(job: &str, origin: &wire::Origin) -> String {
    let place = place(origin);
    format!("{job}@{place}")
}

/// A location, with its repository where that is not the one that a location has by itself.
pub fn place(origin: &wire::Origin) -> String {
    match origin.repository_name.as_str() {
        "__repository__" => origin.repository_location_name.clone(),
        other => format!("{}:{other}", origin.repository_location_name),
    }
}
