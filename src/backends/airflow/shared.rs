//! What the parts of the backend share: the client, the budget, the wire to the engine, and the memory
//! of what was told.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use crate::backends::http::{Call, Http, HttpError, Records};
use crate::backends::poll::{Pacer, Urgency};
use crate::backends::turns::Turns;
use crate::backends::{Emitter, EngineGone};
use crate::config::DagFilter;
use crate::model::{
    BackendStatus, Event, Node, NodeId, NodeState, ParamSpec, Pipeline, PipelineKey, Progress,
    Reach, Run, RunKey, SafeText,
};

use super::api::{Api, PAGE};
use super::structure::Structure;
use super::wire::ImportError;

/// Requests a second to one server, as a mean over time, whatever is watched.
pub const RATE: f64 = 1.15;
/// So many may go at once at the start and after a quiet time.
const BURST: u32 = 24;
/// Looks at changes between two turns of what is read beside them: none falls into the same look as another.
const APART: f64 = 1.5;
/// So many different complaints about records are told; more would say nothing new.
const COMPLAINTS: usize = 200;

/// Why a piece of work ended early.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error(transparent)]
    Gone(#[from] EngineGone),
    #[error(transparent)]
    Http(#[from] HttpError),
}

pub struct Shared {
    pub http: Http,
    pub api: Api,
    /// As the server says it: "3.3.2".
    pub version: String,
    pub emitter: Emitter,
    pub pacer: Pacer,
    /// What is read again now and then, beside the looks at changes, takes turns.
    pub turns: Turns,
    pub filter: DagFilter,
    /// Time between two looks at what is on screen, as configured.
    pub refresh: Duration,
    /// Look at the fleet now.
    pub look: Notify,
    /// A run in view should be loaded again; which one stands in the memory.
    pub reload: Notify,
    ui: AtomicBool,
    hidden: AtomicBool,
    memory: Mutex<Memory>,
    status: Mutex<BackendStatus>,
    complaints: Mutex<HashSet<SafeText>>,
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

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub progress: Option<Progress>,
    pub metrics: Vec<(SafeText, f64)>,
}

impl OpenRun {
    /// Adds what only logs tell.
    pub fn add_report(&self, node: &mut Node) {
        if let Some(report) = self.reports.get(&(node.id.clone(), node.attempt)) {
            node.metrics.clone_from(&report.metrics);
            if node.state == NodeState::Running {
                node.progress = report.progress;
            }
        }
    }
}

/// The rows of all pages of a list.
pub struct Pages<T> {
    pub rows: Vec<T>,
    /// How many there are, where the server says.
    pub total: usize,
    /// Every page was read, and every record in it.
    pub complete: bool,
}

impl Shared {
    pub fn new(
        http: Http,
        api: Api,
        version: String,
        emitter: Emitter,
        filter: DagFilter,
        refresh: Duration,
    ) -> Self {
        Self {
            http,
            api,
            version,
            emitter,
            pacer: Pacer::new(RATE, BURST),
            turns: Turns::new(refresh.mul_f64(APART)),
            filter,
            refresh,
            look: Notify::new(),
            reload: Notify::new(),
            ui: AtomicBool::new(api == Api::V2),
            hidden: AtomicBool::new(false),
            memory: Mutex::default(),
            status: Mutex::default(),
            complaints: Mutex::default(),
        }
    }

    /// Never held across an await.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn pipeline_key(&self, dag: &str) -> PipelineKey {
        PipelineKey::new(self.emitter.backend(), dag)
    }

    pub fn run_key(&self, dag: &str, run: &str) -> RunKey {
        self.pipeline_key(dag).run(run)
    }

    pub async fn emit(&self, event: Event) -> Result<(), EngineGone> {
        self.emitter.emit(event).await
    }

    /// The server's time, as near as its `Date` tells.
    pub fn server_now(&self) -> DateTime<Utc> {
        Utc::now() + self.http.clock_skew().unwrap_or_default()
    }

    /// Whether the private `/ui` endpoints are worth asking.
    pub fn ui(&self) -> bool {
        self.ui.load(Ordering::Relaxed)
    }

    /// Whether nobody looks.
    pub fn hidden(&self) -> bool {
        self.hidden.load(Ordering::Relaxed)
    }

    pub fn hide(&self, hidden: bool) {
        // whoever comes back sees news at once
        if self.hidden.swap(hidden, Ordering::Relaxed) && !hidden {
            self.look.notify_one();
        }
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

    // ---- asking ----

    pub async fn json<T: DeserializeOwned>(
        &self,
        urgency: Urgency,
        call: &Call,
    ) -> Result<T, HttpError> {
        self.pacer.turn(urgency).await;
        self.http.json(call).await
    }

    pub async fn records<T: DeserializeOwned>(
        &self,
        urgency: Urgency,
        call: &Call,
        list: &str,
    ) -> Result<Records<T>, Trouble> {
        self.pacer.turn(urgency).await;
        let records = self.http.records(call, list).await?;
        for what in &records.bad {
            self.complain(format!("{what} ({})", self.http.place(call)))
                .await?;
        }
        Ok(records)
    }

    /// Page after page until all is read or `most` rows are.
    pub async fn pages<T: DeserializeOwned>(
        &self,
        urgency: Urgency,
        list: &str,
        most: usize,
        call: impl Fn(usize) -> Call,
    ) -> Result<Pages<T>, Trouble> {
        self.pages_from(urgency, list, 0, most, call).await
    }

    /// As [`Shared::pages`], without the first `offset` rows.
    pub async fn pages_from<T: DeserializeOwned>(
        &self,
        urgency: Urgency,
        list: &str,
        mut offset: usize,
        most: usize,
        call: impl Fn(usize) -> Call,
    ) -> Result<Pages<T>, Trouble> {
        let mut pages = Pages {
            rows: Vec::new(),
            total: 0,
            complete: true,
        };
        loop {
            let page = self.records::<T>(urgency, &call(offset), list).await?;
            offset += page.held;
            pages.total = page.total.unwrap_or(offset);
            pages.complete &= page.bad.is_empty();
            pages.rows.extend(page.rows);
            let over = match page.total {
                Some(total) => offset >= total,
                None => page.held < PAGE,
            };
            if over || page.held == 0 {
                // some servers count more than they show; what can't be paged to is not there
                return Ok(pages);
            }
            if offset >= most {
                pages.complete = false;
                return Ok(pages);
            }
        }
    }

    /// Tells of a record that can't be read, once.
    pub async fn complain(&self, what: String) -> Result<(), EngineGone> {
        let what = SafeText::new(what);
        let new = {
            let mut known = self
                .complaints
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            known.len() < COMPLAINTS && known.insert(what.clone())
        };
        if new {
            self.emit(Event::BadRecord { what }).await?;
        }
        Ok(())
    }

    // ---- how well it answers ----

    pub async fn up(&self) -> Result<(), EngineGone> {
        self.tell(|status| status.reach = Reach::Up).await
    }

    /// No use now; `again`: when the next try is made.
    pub async fn down(&self, reach: Reach) -> Result<(), EngineGone> {
        self.tell(|status| status.reach = reach).await
    }

    pub async fn degraded(&self, why: impl AsRef<str>) -> Result<(), EngineGone> {
        let why = SafeText::new(why);
        self.tell(|status| status.degraded = Some(why)).await
    }

    async fn tell(&self, change: impl FnOnce(&mut BackendStatus)) -> Result<(), EngineGone> {
        let status = {
            let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut status);
            status.stats = self.http.stats();
            status.version = SafeText::new(match self.api {
                Api::V1 => format!("Airflow {}, API v1", self.version),
                Api::V2 => format!("Airflow {}, API v2", self.version),
            });
            status.clock_skew_ms = self.http.clock_skew().map(|d| d.num_milliseconds());
            status.clone()
        };
        self.emit(Event::Status(status)).await
    }
}

/// What a failed look means for the backend as a whole.
pub fn reach(error: &HttpError, retry_at: DateTime<Utc>) -> Reach {
    let reason = SafeText::new(error.to_string());
    match error {
        HttpError::Unauthorised { .. } | HttpError::Forbidden { .. } | HttpError::Setup(_) => {
            Reach::Refused { reason }
        }
        _ => Reach::Down {
            reason,
            retry_at: Some(retry_at),
        },
    }
}

/// `*` is any text, `?` any character.
fn glob(pattern: &str, text: &str) -> bool {
    let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut i, mut j, mut star) = (0, 0, None);
    while j < t.len() {
        if i < p.len() && (p[i] == '?' || p[i] == t[j]) && p[i] != '*' {
            i += 1;
            j += 1;
        } else if i < p.len() && p[i] == '*' {
            star = Some((i, j));
            i += 1;
        } else if let Some((at, from)) = star {
            i = at + 1;
            j = from + 1;
            star = Some((at, from + 1));
        } else {
            return false;
        }
    }
    p[i..].iter().all(|c| *c == '*')
}

/// Whether a DAG is to be watched.
pub fn watched<'a>(filter: &DagFilter, dag: &str, mut tags: impl Iterator<Item = &'a str>) -> bool {
    let any = |patterns: &[String]| patterns.iter().any(|p| glob(p, dag));
    (filter.include.is_empty() || any(&filter.include))
        && !any(&filter.exclude)
        && (filter.tags.is_empty() || tags.any(|tag| filter.tags.iter().any(|t| t == tag)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, want) in [
            ("*", "", true),
            ("orders_*", "orders_daily", true),
            ("orders_*", "my_orders_daily", false),
            ("*_dai?y", "orders_daily", true),
            ("a*b*c", "a--b--b-c", true),
            ("a*b*c", "a--c--b", false),
            ("x", "xy", false),
            ("", "", true),
            ("?", "ä", true),
            ("**", "q", true),
        ] {
            assert_eq!(glob(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn a_filter_includes_excludes_and_asks_for_tags() {
        let filter = DagFilter {
            include: vec!["o*".to_owned()],
            exclude: vec!["*_test".to_owned()],
            tags: vec!["prod".to_owned()],
        };
        let is = |dag: &str, tags: &[&str]| watched(&filter, dag, tags.iter().copied());
        assert!(is("orders", &["x", "prod"]));
        assert!(!is("orders", &["x"]) && !is("orders_test", &["prod"]) && !is("users", &["prod"]));
        assert!(watched(&DagFilter::default(), "any", std::iter::empty()));
    }
}
