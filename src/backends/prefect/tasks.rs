//! The task runs of one flow run and of its subflows as nodes, groups and edges.
//!
//! Task runs have random ids and mostly random names, so a node is called by its task: the first run of `clean` is the
//! node `clean`, the next `clean[1]`. That way the nodes of two runs of a flow can be held side by side. A subflow is a
//! group, and its nodes are called `enrich/look_up`. What a flow's own code does is a node too: `@flow`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::model::{Group, Node, NodeId, NodeState, Progress, SafeText, Topology};

use super::states;
use super::wire::{FlowRun, TaskRun};

/// Prefect tells an event at once and writes task runs down from its events, which takes it so long when it is busy:
/// until then, an answer may be from before an event.
const WRITTEN: Duration = Duration::from_secs(30);
/// The node of a flow's own code.
const FLOW: &str = "@flow";

/// Where an observation comes from, for deciding which of two is newer.
#[derive(Clone, Debug)]
pub enum Source {
    /// An answer to a request that was made then: it is the truth about everything up to that.
    Asked(Instant),
    /// An event: its id, and that of the one before it where it says so.
    Event { id: String, follows: Option<String> },
}

/// What decides whether something else is newer.
#[derive(Clone, Debug)]
pub struct Heard {
    at: Instant,
    event: Option<String>,
    /// The time of the state, by whichever clock set it.
    stamp: Option<DateTime<Utc>>,
}

impl Heard {
    pub fn new(source: &Source, stamp: Option<DateTime<Utc>>) -> Self {
        let (at, event) = match source {
            Source::Asked(at) => (*at, None),
            Source::Event { id, .. } => (Instant::now(), Some(id.clone())),
        };
        Self { at, event, stamp }
    }

    /// When the server has certainly written down what was heard.
    fn written(&self) -> Instant {
        match self.event {
            Some(_) => self.at + WRITTEN,
            None => self.at,
        }
    }

    /// Whether something that is not news by its stamp may be all the same: it follows on an event that was never heard,
    /// and what is known was told by an answer alone.
    fn doubts(&self, source: &Source, stamp: Option<DateTime<Utc>>) -> bool {
        let follows = matches!(
            source,
            Source::Event {
                follows: Some(_),
                ..
            }
        );
        follows && self.event.is_none() && !self.allows(source, stamp)
    }

    /// As it is after more was heard. What an answer says again is no other state, so the event that told of it first
    /// is still the one that the next follows on.
    pub fn then(&self, source: &Source, stamp: Option<DateTime<Utc>>) -> Self {
        let mut heard = Self::new(source, stamp);
        if stamp == self.stamp {
            heard.event = heard.event.or_else(|| self.event.clone());
        }
        heard
    }

    /// Whether something is news after this. States are stamped by different machines, so a stamp alone does not
    /// decide: an answer that was asked for after this was written down is newer, and so is the event that follows on it.
    pub fn allows(&self, source: &Source, stamp: Option<DateTime<Utc>>) -> bool {
        let newer = || stamp >= self.stamp;
        match source {
            Source::Asked(at) => *at >= self.written() || newer(),
            Source::Event { follows, .. } => {
                (follows.is_some() && *follows == self.event) || newer()
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Seen {
    row: TaskRun,
    heard: Heard,
    progress: Option<Progress>,
}

/// What a node is, as far as requests need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A task run's id.
    Task(String),
    /// A flow run's own code, by the flow run's id.
    Flow(String),
    /// A whole subflow: the task run that stands for it, and its flow run where that is known.
    Subflow { task: String, run: Option<String> },
}

/// All task runs that are known of one flow run.
#[derive(Debug, Default)]
pub struct Tasks {
    seen: HashMap<String, Seen>,
    /// Subflow runs by their own id.
    subflows: HashMap<String, FlowRun>,
    /// When the process that runs the flow now was asked for; task runs of an earlier one are history.
    since: Option<DateTime<Utc>>,
    names: HashMap<String, NodeId>,
    /// How many nodes of a name there are, by the group they lie in and the name.
    counts: BTreeMap<(String, String), usize>,
}

impl Tasks {
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Another process runs the flow from its beginning: a retry, or a resume after a suspension.
    pub fn begin(&mut self, since: Option<DateTime<Utc>>) {
        if self.since != since {
            self.since = since;
            self.names.clear();
            self.counts.clear();
            self.name_all();
        }
    }

    /// Whether the server must be asked what a task run is, because nothing tells whether this is older.
    pub fn doubts(&self, row: &TaskRun, source: &Source) -> bool {
        let known = self.seen.get(&row.id);
        known.is_some_and(|known| known.heard.doubts(source, row.state.timestamp))
    }

    /// Takes in a task run. Says whether it is news, and whether the shape is another now.
    pub fn see(&mut self, row: TaskRun, source: &Source) -> Option<bool> {
        let stamp = row.state.timestamp;
        let known = self.seen.get_mut(&row.id);
        if known
            .as_ref()
            .is_some_and(|k| !k.heard.allows(source, stamp))
        {
            return None;
        }
        match known {
            Some(known) => {
                let reshaped = known.row.task_inputs != row.task_inputs;
                known.heard = known.heard.then(source, stamp);
                known.row = keep(row, &known.row);
                Some(reshaped)
            }
            None => {
                let id = row.id.clone();
                let seen = Seen {
                    heard: Heard::new(source, stamp),
                    row,
                    progress: None,
                };
                self.seen.insert(id.clone(), seen);
                self.name(&id);
                Some(true)
            }
        }
    }

    /// Only these task runs are left, and those that were heard of since, or are not written down yet.
    pub fn keep(&mut self, ids: &HashSet<String>, source: &Source) {
        let before = self.seen.len();
        self.seen
            .retain(|id, seen| ids.contains(id) || !seen.heard.allows(source, None));
        if self.seen.len() < before {
            self.names.clear();
            self.counts.clear();
            self.name_all();
        }
    }

    /// Says whether it is new.
    pub fn see_subflow(&mut self, row: FlowRun) -> bool {
        let older = |known: &FlowRun| row.state.timestamp < known.state.timestamp;
        if self.subflows.get(&row.id).is_some_and(older) {
            return false;
        }
        self.subflows.insert(row.id.clone(), row).is_none()
    }

    pub fn subflow(&self, id: &str) -> Option<&FlowRun> {
        self.subflows.get(id)
    }

    pub fn subflows(&self) -> impl Iterator<Item = &str> {
        self.subflows.keys().map(String::as_str)
    }

    /// Says whether it is another than it was.
    pub fn see_progress(&mut self, task: &str, percent: f64) -> bool {
        let progress = (percent.is_finite() && percent >= 0.0)
            .then(|| Progress::new(percent.round() as u64, 100))
            .flatten();
        let Some(seen) = self.seen.get_mut(task) else {
            return false;
        };
        std::mem::replace(&mut seen.progress, progress) != progress
    }

    pub fn row(&self, task: &str) -> Option<&TaskRun> {
        self.seen.get(task).map(|seen| &seen.row)
    }

    /// Whether a task run is of a process before the one that runs the flow now.
    pub fn history(&self, task: &str) -> bool {
        self.seen.contains_key(task) && !self.names.contains_key(task)
    }

    /// Every task run that is not history.
    pub fn rows(&self) -> impl Iterator<Item = &TaskRun> {
        self.seen
            .values()
            .map(|seen| &seen.row)
            .filter(|row| self.names.contains_key(&row.id))
    }

    // ---- names ----

    /// Whether a task run belongs to the process that runs the flow now.
    fn current(&self, row: &TaskRun) -> bool {
        match self.parent(row) {
            Some(parent) => self.seen.get(parent).is_some_and(|p| self.current(&p.row)),
            None => match (self.since, row.expected_start_time) {
                (Some(since), Some(at)) => at >= since,
                _ => true,
            },
        }
    }

    /// The task run that stands for the subflow in which a task run is.
    fn parent(&self, row: &TaskRun) -> Option<&str> {
        self.subflows
            .get(&row.flow_run_id)?
            .parent_task_run_id
            .as_deref()
    }

    fn name_all(&mut self) {
        let mut ids: Vec<_> = self
            .seen
            .values()
            .map(|s| (s.row.expected_start_time, s.row.id.clone()))
            .collect();
        ids.sort();
        for (_, id) in ids {
            self.name(&id);
        }
    }

    /// Gives a task run its node's id, unless it has one or is history.
    fn name(&mut self, id: &str) -> Option<NodeId> {
        if let Some(known) = self.names.get(id) {
            return Some(known.clone());
        }
        let row = self.seen.get(id)?.row.clone();
        if !self.current(&row) {
            return None;
        }
        let scope = match self.parent(&row).map(str::to_owned) {
            Some(parent) => format!("{}/", self.name(&parent)?.raw()),
            None => String::new(),
        };
        let base = base(&row.task_key, &row.name);
        let count = self
            .counts
            .entry((scope.clone(), base.clone()))
            .or_default();
        let name = match *count {
            0 => NodeId::new(format!("{scope}{base}")),
            n => NodeId::new(format!("{scope}{base}[{n}]")),
        };
        *count += 1;
        self.names.insert(id.to_owned(), name.clone());
        Some(name)
    }

    /// What a node is. `root`: the flow run itself.
    pub fn subject(&self, root: &str, node: &NodeId) -> Option<Subject> {
        if node.raw() == FLOW {
            return Some(Subject::Flow(root.to_owned()));
        }
        let found = |name: &NodeId| {
            self.names
                .iter()
                .find(|(_, id)| *id == name)
                .map(|(id, _)| id)
        };
        if let Some(group) = node
            .raw()
            .strip_suffix(FLOW)
            .and_then(|g| g.strip_suffix('/'))
        {
            let task = found(&NodeId::new(group))?;
            return self.run_of(task).map(|run| Subject::Flow(run.to_owned()));
        }
        // the words of Prefect itself are understood as well
        let task = found(node).or_else(|| {
            let mut named = self
                .rows()
                .filter(|row| row.id == node.raw() || row.name == node.raw());
            named.next().map(|row| &row.id)
        })?;
        let run = self.run_of(task).map(str::to_owned);
        let subflow = run.is_some() || self.row(task).is_some_and(stands_for_subflow);
        Some(match subflow {
            true => Subject::Subflow {
                task: task.clone(),
                run,
            },
            false => Subject::Task(task.clone()),
        })
    }

    /// The subflow run that a task run stands for.
    fn run_of(&self, task: &str) -> Option<&str> {
        let own = self
            .row(task)?
            .state
            .state_details
            .child_flow_run_id
            .as_deref();
        own.or_else(|| {
            let mut runs = self.subflows.values();
            runs.find(|run| run.parent_task_run_id.as_deref() == Some(task))
                .map(|run| run.id.as_str())
        })
    }

    /// The task runs of a mapped task, by the id of their group; empty if it is no such group.
    pub fn mapped(&self, group: &NodeId) -> Vec<String> {
        if !group.raw().ends_with("[*]") {
            return Vec::new();
        }
        let own = self
            .rows()
            .filter(|row| self.group(row).as_ref() == Some(group));
        own.map(|row| row.id.clone()).collect()
    }

    // ---- shape ----

    /// The group of a task run: that of all runs of its task where there are several, else its subflow.
    fn group(&self, row: &TaskRun) -> Option<NodeId> {
        let parent = self.parent(row).and_then(|parent| self.names.get(parent));
        let scope = parent.map(|p| format!("{}/", p.raw())).unwrap_or_default();
        let base = base(&row.task_key, &row.name);
        match self.counts.get(&(scope.clone(), base.clone())) {
            Some(2..) => Some(NodeId::new(format!("{scope}{base}[*]"))),
            _ => parent.cloned(),
        }
    }

    /// `root`: the flow run itself.
    pub fn topology(&self, root: &FlowRun, flow: &str) -> Topology {
        let mut topology = Topology::default();
        let mut rows: Vec<&TaskRun> = self.rows().collect();
        rows.sort_by_key(|row| (row.expected_start_time, &row.id));
        for ((scope, base), _) in self.counts.iter().filter(|(_, n)| **n > 1) {
            topology.groups.push(Group {
                id: NodeId::new(format!("{scope}{base}[*]")),
                name: SafeText::new(base),
                parent: scope.strip_suffix('/').map(NodeId::new),
                mapped: true,
            });
        }
        for row in &rows {
            let Some(id) = self.names.get(&row.id) else {
                continue;
            };
            let subflow = self.run_of(&row.id).and_then(|run| self.subflows.get(run));
            match subflow {
                None => topology.nodes.push(id.clone()),
                Some(_) => {
                    topology
                        .nodes
                        .push(NodeId::new(format!("{}/{FLOW}", id.raw())));
                    topology.groups.push(Group {
                        id: id.clone(),
                        name: self.label(row),
                        parent: self.group(row),
                        mapped: false,
                    });
                }
            }
            for parent in row.parents() {
                let task = self
                    .subflows
                    .get(parent)
                    .and_then(|run| run.parent_task_run_id.as_deref())
                    .unwrap_or(parent);
                if let Some(from) = self.names.get(task) {
                    topology.edges.push((from.clone(), id.clone()));
                }
            }
        }
        // the flow that is called first is looked at first
        topology.nodes.insert(0, self.flow_node(root, flow).id);
        topology
    }

    fn label(&self, row: &TaskRun) -> SafeText {
        let base = base(&row.task_key, &row.name);
        // Prefect's own names end with the beginning of a random key, or with a number
        let key: String = row.dynamic_key.chars().take(3).collect();
        let plain = row
            .name
            .strip_suffix(&format!("-{}", row.dynamic_key))
            .or_else(|| row.name.strip_suffix(&format!("-{key}")))
            .filter(|_| !row.dynamic_key.is_empty());
        let number = self.names.get(&row.id).and_then(|id| {
            id.raw()
                .rsplit_once('[')?
                .1
                .strip_suffix(']')?
                .parse::<usize>()
                .ok()
        });
        match (plain, number) {
            (None, _) if !row.name.is_empty() => SafeText::new(&row.name),
            (plain, None) => SafeText::new(plain.unwrap_or(&base)),
            (plain, Some(number)) => {
                SafeText::new(format!("{} [{number}]", plain.unwrap_or(&base)))
            }
        }
    }

    // ---- nodes ----

    /// The nodes of task runs and of flows. `flow`: the name of the flow; subflows are called by their group.
    pub fn nodes(&self, root: &FlowRun, flow: &str) -> Vec<Node> {
        let mut nodes = vec![self.flow_node(root, flow)];
        for row in self.rows() {
            nodes.extend(self.node(&row.id, root));
        }
        nodes
    }

    /// The node of a task run; that of its flow's own code when it stands for a subflow that is known.
    pub fn node(&self, task: &str, root: &FlowRun) -> Option<Node> {
        let seen = self.seen.get(task)?;
        let row = &seen.row;
        let id = self.names.get(task)?;
        if let Some(run) = self.run_of(task).and_then(|run| self.subflows.get(run)) {
            let mut node = self.of_flow(NodeId::new(format!("{}/{FLOW}", id.raw())), run);
            node.name = self.label(row);
            node.group = Some(id.clone());
            return Some(node);
        }
        let mut node = Node::new(id.clone());
        node.name = self.label(row);
        node.group = self.group(row);
        let subflow = stands_for_subflow(row);
        node.kind = SafeText::new(if subflow { "subflow" } else { "task" });
        let run = self.subflows.get(&row.flow_run_id).unwrap_or(root);
        node.state = states::node_state(&row.state, &run.state.kind);
        node.native = states::native(&row.state);
        node.attempt = row.run_count;
        node.max_attempts = Some((row.empirical_policy.retries + 1).max(row.run_count));
        node.scheduled_at = row.expected_start_time;
        // a task that only waits has the time at which it was expected
        let began = !matches!(
            node.state,
            NodeState::Pending | NodeState::Queued | NodeState::Blocked
        );
        node.started_at = row.start_time.filter(|_| began);
        node.ended_at = row.end_time.filter(|_| node.state.ended());
        if node.state.ended() && node.ended_at.is_none() {
            node.ended_at = row.state.timestamp;
        }
        node.progress = seen.progress.filter(|_| node.state == NodeState::Running);
        node.waits_for =
            match node.state {
                NodeState::Retrying => row.state.state_details.scheduled_time.map(|at| {
                    SafeText::new(format!("its next try at {} UTC", at.format("%H:%M:%S")))
                }),
                NodeState::Blocked | NodeState::Pending if !row.state.message.is_empty() => {
                    Some(SafeText::new(&row.state.message))
                }
                _ => None,
            };
        Some(node)
    }

    /// The node of the flow's own code.
    pub fn flow_node(&self, root: &FlowRun, flow: &str) -> Node {
        let mut node = self.of_flow(NodeId::new(FLOW), root);
        node.name = SafeText::new(flow);
        node
    }

    /// The node of a flow's own code. When a task of it failed, that is why the flow did; while one runs, the flow
    /// mostly waits for it.
    fn of_flow(&self, id: NodeId, run: &FlowRun) -> Node {
        let mut node = flow_node(id, run);
        let any =
            |is: fn(&TaskRun) -> bool| self.rows().any(|row| row.flow_run_id == run.id && is(row));
        match node.state {
            NodeState::Failed if any(|row| states::failed(&row.state.kind)) => {
                node.state = NodeState::Blocked;
            }
            NodeState::Running if any(|row| row.state.kind == "RUNNING") => {
                node.state = NodeState::Waiting;
                node.waits_for = Some(SafeText::new("its tasks"));
            }
            _ => {}
        }
        node
    }
}

/// What an event leaves out is kept from what is known.
fn keep(mut row: TaskRun, known: &TaskRun) -> TaskRun {
    if row.task_key.is_empty() {
        row.task_key.clone_from(&known.task_key);
        row.dynamic_key.clone_from(&known.dynamic_key);
    }
    if row.flow_run_id.is_empty() {
        row.flow_run_id.clone_from(&known.flow_run_id);
    }
    row.expected_start_time = row.expected_start_time.or(known.expected_start_time);
    let child = &known.state.state_details.child_flow_run_id;
    if row.state.state_details.child_flow_run_id.is_none() {
        row.state.state_details.child_flow_run_id.clone_from(child);
    }
    row
}

fn stands_for_subflow(row: &TaskRun) -> bool {
    row.state.state_details.child_flow_run_id.is_some()
}

fn flow_node(id: NodeId, run: &FlowRun) -> Node {
    let mut node = Node::new(id);
    node.kind = SafeText::new("flow");
    node.state = match (run.state.kind.as_str(), run.state.name.as_str()) {
        ("SCHEDULED", "AwaitingRetry") => NodeState::Retrying,
        ("SCHEDULED" | "PENDING", _) => NodeState::Queued,
        (kind, _) => states::node_state(&run.state, kind),
    };
    node.native = states::native(&run.state);
    node.attempt = run.run_count;
    node.scheduled_at = run.expected_start_time;
    node.queued_at = run.created;
    node.started_at = run.start_time;
    node.ended_at = run.end_time.filter(|_| node.state.ended());
    node.pool = run.work_pool_name.as_deref().map(SafeText::new);
    node.waits_for = match run.state.name.as_str() {
        "AwaitingConcurrencySlot" => Some(SafeText::new(
            "a slot of its deployment's concurrency limit",
        )),
        "Late" => Some(SafeText::new(match &run.work_pool_name {
            Some(pool) => format!("a worker of the work pool {pool}"),
            None => "the runner that serves its deployment".to_owned(),
        })),
        _ => None,
    };
    node
}

/// What the function is called: the last part of its qualified name, without the hash.
fn base(key: &str, name: &str) -> String {
    let plain = match key.rsplit_once('-') {
        Some((plain, hash)) if hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            plain
        }
        _ => key,
    };
    let last = plain.rsplit('.').next().unwrap_or(plain);
    match last.is_empty() {
        true => name.to_owned(),
        false => last.to_owned(),
    }
}

#[cfg(test)]
mod tests;
