//! What is known of one run of dbt, from its lines and its results. Lines come first and in order;
//! results come at the end, hold more, and are believed over the lines.

use chrono::{DateTime, TimeDelta, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::backends::process::ProcessId;
use crate::model::{NodeCounts, NodeState, RunState};

use super::cut::head;
use super::results::{Age, Args, Results};
use super::said::{NodeEnd, Said, What};

/// Longest message kept of a node, in bytes.
const MAX_MESSAGE: usize = 16 << 10;

/// Of a node that a run which is over did not come to.
const NOT_RUN: &str = "not run";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Of this layout on disk.
    pub version: u32,
    /// The id under which it is shown.
    pub run: String,
    /// dbt's own id for it, once it is known.
    pub invocation: Option<String>,
    pub cause: String,
    pub args: Args,
    pub dbt_version: String,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// When it was last heard of.
    pub last_at: DateTime<Utc>,
    pub state: RunState,
    pub native: String,
    /// Why it could not run at all.
    pub fatal: Option<String>,
    pub interrupted: bool,
    /// Nodes that dbt said will run.
    pub total: Option<u32>,
    /// Whether `nodes` were listed before it began.
    pub planned: bool,
    /// As dbt's lines give it.
    pub pid: Option<i32>,
    /// Of a run that dagtop started.
    pub process: Option<ProcessId>,
    /// dbt's results were read.
    pub results: bool,
    /// Two runs wrote one text log: lines may have been taken for the other's.
    pub mixed: bool,
    /// In the order in which they were heard of.
    pub nodes: IndexMap<String, NodeRecord>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeRecord {
    pub state: NodeState,
    /// dbt's word.
    pub native: String,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub rows: Option<f64>,
    /// Rows that failed a test.
    pub failures: Option<u64>,
    pub message: Option<String>,
    /// As dbt says it, from the project's folder.
    pub compiled: Option<String>,
    pub failing_rows: Option<String>,
    pub age: Option<Age>,
    /// Its query was told to stop.
    pub cancelled: bool,
}

impl NodeRecord {
    pub fn pending() -> Self {
        Self {
            state: NodeState::Pending,
            native: "not started".to_owned(),
            ..Self::default()
        }
    }
}

/// What a line changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    Nothing,
    Run,
    /// And the run, whose counts changed.
    Node(usize),
}

/// What dbt's word means.
pub fn state_of(status: &str) -> NodeState {
    match status {
        "success" | "pass" => NodeState::Succeeded,
        "warn" => NodeState::Warned,
        "error" | "fail" | "runtime error" | "partial success" => NodeState::Failed,
        // dbt skips what something above it broke
        "skipped" => NodeState::Blocked,
        "no-op" | "reused" => NodeState::Skipped,
        "started" | "compiling" | "executing" => NodeState::Running,
        _ => NodeState::Unknown,
    }
}

impl Record {
    pub fn new(run: String, cause: String, args: Args, at: DateTime<Utc>) -> Self {
        Self {
            version: super::store::VERSION,
            run,
            invocation: None,
            cause,
            args,
            dbt_version: String::new(),
            created_at: at,
            started_at: None,
            ended_at: None,
            last_at: at,
            state: RunState::Queued,
            native: "starting".to_owned(),
            fatal: None,
            interrupted: false,
            total: None,
            planned: false,
            pid: None,
            process: None,
            results: false,
            mixed: false,
            nodes: IndexMap::new(),
        }
    }

    /// These will run.
    pub fn plan(&mut self, ids: impl IntoIterator<Item = String>) {
        for id in ids {
            self.nodes.entry(id).or_insert_with(NodeRecord::pending);
        }
        self.planned = true;
    }

    pub fn apply(&mut self, said: &Said) -> Touched {
        self.last_at = self.last_at.max(said.at);
        if self.invocation.is_none() {
            self.invocation.clone_from(&said.invocation);
        }
        self.pid = self.pid.or(said.pid);
        if let Some(node) = &said.node {
            return self.of_node(node, said);
        }
        match &said.what {
            What::Begins(version) => {
                self.dbt_version.clone_from(version);
                self.begin(said.at);
            }
            What::Asked(args) if self.args.which.is_empty() => self.args = args.clone(),
            What::Size(n) => {
                self.total = Some(*n);
                self.begin(said.at);
            }
            What::Interrupted => self.interrupted(said.at),
            What::Fatal(why) => {
                // a second time as the traceback of the first
                if !self.interrupted && self.fatal.is_none() {
                    self.fatal = Some(cut(why));
                }
                self.ended(said.at, Some(false));
            }
            What::Nothing => self.native = "nothing to do".to_owned(),
            What::Ends(well) => self.ended(said.at, *well),
            _ => return Touched::Nothing,
        }
        Touched::Run
    }

    fn begin(&mut self, at: DateTime<Utc>) {
        self.started_at.get_or_insert(at);
        if self.state == RunState::Queued {
            self.state = RunState::Running;
            self.native = RunState::Running.word().to_owned();
        }
    }

    fn of_node(&mut self, id: &str, said: &Said) -> Touched {
        if matches!(said.what, What::Line) {
            return Touched::Nothing;
        }
        let entry = self.nodes.entry(id.to_owned());
        let index = entry.index();
        let node = entry.or_insert_with(NodeRecord::pending);
        let before = node.clone();
        match &said.what {
            What::NodeStarts { total } => {
                if total.is_some() {
                    self.total = *total;
                }
                // its end may come first when it is read from two places
                if !node.state.ended() {
                    node.state = NodeState::Running;
                    node.native = "started".to_owned();
                    node.started_at.get_or_insert(said.at);
                }
                self.begin(said.at);
            }
            What::NodeEnds(end) => node.end(end, said.at),
            What::NodeCancelled => {
                node.cancelled = true;
                node.stop(said.at);
            }
            What::NodeError(text) => {
                if !node.cancelled {
                    node.message = Some(cut(text));
                }
            }
            What::Compiled(path) => node.compiled = Some(path.clone()),
            What::FailingRows(table) => node.failing_rows = Some(table.clone()),
            _ => return Touched::Nothing,
        }
        if self
            .nodes
            .get_index(index)
            .is_some_and(|(_, n)| *n == before)
            && !before.native.is_empty()
        {
            return Touched::Nothing;
        }
        Touched::Node(index)
    }

    /// It was told to stop. Whatever it broke on then is no failure of its own.
    fn interrupted(&mut self, at: DateTime<Utc>) {
        self.interrupted = true;
        if self.fatal.take().is_none() || self.state != RunState::Failed {
            return;
        }
        for node in self.nodes.values_mut() {
            match node.state {
                NodeState::Unknown => node.state = NodeState::Running,
                NodeState::Skipped if node.native == NOT_RUN => node.state = NodeState::Pending,
                _ => {}
            }
        }
        self.ended(at, Some(false));
    }

    /// The last word of dbt: what it calls well may still hold a failed node.
    fn ended(&mut self, at: DateTime<Utc>, well: Option<bool>) {
        let failed = self.nodes.values().any(|n| n.state == NodeState::Failed);
        let state = match well {
            _ if self.interrupted => RunState::Cancelled,
            Some(false) => RunState::Failed,
            _ if failed => RunState::Failed,
            Some(true) | None => RunState::Succeeded,
        };
        let native = match (state, &self.fatal) {
            (RunState::Cancelled, _) => "interrupted",
            (_, Some(_)) => "could not run",
            (RunState::Succeeded, _) if self.native == "nothing to do" => "nothing to do",
            (RunState::Succeeded, _) => "success",
            _ => "error",
        };
        self.close(state, native, at);
    }

    /// It is over, in this way.
    pub fn close(&mut self, state: RunState, native: &str, at: DateTime<Utc>) {
        self.state = state;
        native.clone_into(&mut self.native);
        // a state that was told again does not move the end
        if self
            .ended_at
            .is_none_or(|was| at - was >= TimeDelta::minutes(1))
        {
            self.ended_at = Some(at);
        }
        let going = |n: &NodeRecord| matches!(n.state, NodeState::Running | NodeState::Pending);
        for node in self.nodes.values_mut().filter(|n| going(n)) {
            match state {
                RunState::Cancelled => node.stop(at),
                // it may have ended in any way
                _ if node.state == NodeState::Running => {
                    node.state = NodeState::Unknown;
                    node.native = "nobody saw it end".to_owned();
                }
                RunState::Lost => {}
                // dbt ended and did not run it
                _ => {
                    node.state = NodeState::Skipped;
                    node.native = NOT_RUN.to_owned();
                }
            }
        }
    }

    /// Nobody answers for it any more.
    pub fn lose(&mut self) {
        let at = self.last_at;
        self.close(RunState::Lost, "lost", at);
    }

    /// It was thought lost, and says something again.
    pub fn revive(&mut self) {
        if self.state == RunState::Lost {
            self.state = RunState::Running;
            self.native = RunState::Running.word().to_owned();
            self.ended_at = None;
            for node in self.nodes.values_mut() {
                if node.state == NodeState::Unknown {
                    node.state = NodeState::Running;
                    node.native = "started".to_owned();
                }
            }
        }
    }

    /// Takes in what dbt wrote at its end.
    pub fn take_results(&mut self, results: &Results) {
        self.results = true;
        // a retry has the options of the command it goes on with, and runs less
        if !results.args.which.is_empty() && self.args.which != "retry" {
            self.args = results.args.clone();
        }
        if self.dbt_version.is_empty() {
            self.dbt_version.clone_from(&results.dbt_version);
        }
        self.invocation = Some(results.invocation.clone());
        self.started_at = self.started_at.or(results.started_at);
        for row in &results.rows {
            let node = self
                .nodes
                .entry(row.id.clone())
                .or_insert_with(NodeRecord::pending);
            if node.cancelled {
                continue;
            }
            node.state = state_of(&row.status);
            node.native.clone_from(&row.status);
            node.rows = row.rows.or(node.rows);
            node.failures = row.failures.or(node.failures);
            node.started_at = node.started_at.or(row.started_at);
            node.ended_at = node.ended_at.or(row.ended_at).or(results.generated_at);
            if let Some(message) = row.message.as_deref().filter(|m| !m.is_empty()) {
                node.message = Some(cut(message));
            }
            if node.failures.is_some_and(|n| n > 0) && node.failing_rows.is_none() {
                node.failing_rows.clone_from(&row.relation);
            }
            node.age.clone_from(&row.age);
        }
        if !self.state.ended() || self.state == RunState::Lost {
            let at = results.generated_at.unwrap_or(self.last_at);
            self.ended(at, None);
        }
    }

    /// Its log has not said how it ended: its results have to do.
    pub fn ends_as_results_say(&mut self) {
        let last = self.nodes.values().filter_map(|n| n.ended_at).max();
        self.ended(last.unwrap_or(self.last_at), None);
    }

    /// How many nodes are in each state; those that dbt counts and has not named yet are pending.
    pub fn counts(&self) -> NodeCounts {
        let mut counts = NodeCounts::default();
        let mut named = 0;
        for (id, node) in &self.nodes {
            counts.add(node.state, 1);
            named += u32::from(!id.starts_with("operation."));
        }
        if !self.state.ended() {
            let total = self.total.unwrap_or_default();
            counts.add(NodeState::Pending, total.saturating_sub(named));
        }
        counts
    }

    /// Whether every node is known by name.
    pub fn complete(&self) -> bool {
        self.state.ended() || self.counts().total() as usize == self.nodes.len()
    }
}

impl NodeRecord {
    fn end(&mut self, end: &NodeEnd, at: DateTime<Utc>) {
        // what was told to stop ends with an error that means just this
        if self.cancelled {
            return self.stop(at);
        }
        self.state = state_of(&end.status);
        self.native.clone_from(&end.status);
        if self.ended_at.is_none() {
            self.ended_at = Some(at);
        }
        if self.started_at.is_none()
            && let Some(seconds) = end.seconds.filter(|s| (0.0..1e8).contains(s) && *s > 0.0)
        {
            self.started_at = Some(at - TimeDelta::milliseconds((seconds * 1000.0) as i64));
        }
        self.rows = end.rows.or(self.rows);
        // models say 0 for what they don't count
        self.failures = end.failures.filter(|n| *n > 0).or(self.failures);
        if let Some(message) = end.message.as_deref().filter(|m| !m.is_empty()) {
            self.message = Some(cut(message));
        }
    }

    fn stop(&mut self, at: DateTime<Utc>) {
        self.state = NodeState::Cancelled;
        self.native = if self.started_at.is_some() {
            "cancelled"
        } else {
            "not started"
        }
        .to_owned();
        if self.started_at.is_some() {
            self.ended_at.get_or_insert(at);
        }
    }
}

fn cut(text: &str) -> String {
    head(text.trim_end(), MAX_MESSAGE).to_owned()
}
