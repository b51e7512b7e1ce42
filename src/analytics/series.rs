//! Runs and attempts as plain series of (time, value).

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;

use crate::model::{NodeId, NodeState, PastNode, PastRun};

/// One value at its time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sample {
    pub at: DateTime<Utc>,
    pub value: f64,
}

/// What is measured of runs and nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Seconds from start to end.
    Duration,
    /// Seconds from when it was queued (or due) to its start.
    Wait,
    /// Of nodes only.
    Rows,
    /// Peak, in bytes; of nodes only.
    Memory,
    /// Processor time in seconds; of nodes only.
    Cpu,
}

impl Measure {
    pub const ALL: [Self; 5] = [
        Self::Duration,
        Self::Wait,
        Self::Rows,
        Self::Memory,
        Self::Cpu,
    ];

    /// Of one run: its duration when it ended well, its wait however it ended.
    pub fn of_run(self, run: &PastRun) -> Option<f64> {
        match self {
            Self::Duration => run.took().filter(|_| run.good()).map(seconds),
            Self::Wait => run.waited().map(seconds),
            Self::Rows | Self::Memory | Self::Cpu => None,
        }
    }

    /// Of one attempt: its wait however it ended, all else when it ended well.
    pub fn of_node(self, node: &PastNode) -> Option<f64> {
        let good = node_good(node);
        match self {
            Self::Wait => node.waited().map(seconds),
            Self::Duration => node.took().filter(|_| good).map(seconds),
            Self::Rows => node.rows.filter(|_| good),
            Self::Memory => node.memory.filter(|_| good).map(|bytes| bytes as f64),
            Self::Cpu => node.cpu_seconds.filter(|_| good),
        }
    }
}

pub fn node_good(node: &PastNode) -> bool {
    matches!(node.state, NodeState::Succeeded | NodeState::Warned)
}

pub fn seconds(span: Duration) -> f64 {
    span.num_milliseconds() as f64 / 1000.0
}

/// As near as a span can be.
pub fn span(seconds: f64) -> Duration {
    let most = Duration::days(36_500);
    let millis = (seconds * 1000.0)
        .round()
        .clamp(0.0, most.num_milliseconds() as f64);
    Duration::milliseconds(millis as i64)
}

/// When a run belongs into a series: its start, else what orders it.
pub fn time_of(run: &PastRun) -> DateTime<Utc> {
    run.run.started_at.unwrap_or(run.run.ordered_at)
}

/// A measure of the runs, by time.
pub fn of_runs(runs: &[PastRun], measure: Measure) -> Vec<Sample> {
    let value = |run: &PastRun| {
        let (at, value) = (time_of(run), measure.of_run(run)?);
        Some(Sample { at, value })
    };
    by_time(runs.iter().filter_map(value).collect())
}

/// A measure of the attempts of one node, by time.
pub fn of_node(nodes: &[PastNode], node: &NodeId, measure: Measure) -> Vec<Sample> {
    let own = nodes.iter().filter(|n| n.node == *node);
    by_time(own.filter_map(|n| sample(n, measure)).collect())
}

/// A measure of each node's attempts, by time.
pub fn of_nodes(nodes: &[PastNode], measure: Measure) -> BTreeMap<NodeId, Vec<Sample>> {
    let mut all: BTreeMap<NodeId, Vec<Sample>> = BTreeMap::new();
    for (id, attempts) in by_node(nodes) {
        let samples: Vec<Sample> = attempts.iter().filter_map(|n| sample(n, measure)).collect();
        if !samples.is_empty() {
            all.insert(id.clone(), by_time(samples));
        }
    }
    all
}

/// Attempts by node, as they came.
pub fn by_node(nodes: &[PastNode]) -> BTreeMap<&NodeId, Vec<&PastNode>> {
    let mut all: std::collections::HashMap<&NodeId, Vec<&PastNode>> =
        std::collections::HashMap::new();
    for node in nodes {
        all.entry(&node.node).or_default().push(node);
    }
    all.into_iter().collect()
}

pub fn sample(node: &PastNode, measure: Measure) -> Option<Sample> {
    let at = node.started_at?;
    let value = measure.of_node(node)?;
    Some(Sample { at, value })
}

/// The order of values at one time does not hang on the order they came in.
pub fn by_time(mut samples: Vec<Sample>) -> Vec<Sample> {
    samples.retain(|s| super::stats::sane(&s.value));
    samples.sort_by(|a, b| a.at.cmp(&b.at).then(a.value.total_cmp(&b.value)));
    samples
}
