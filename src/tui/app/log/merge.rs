//! Which logs are looked at together.

use crate::engine::Watch;
use crate::model::{LogKey, Node};

/// Logs at once at most: more are fetched by nobody, and told by nobody apart.
pub const MOST_LOGS: usize = 16;

/// What stands beside a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The other attempts of its node.
    Attempts,
    /// The nodes of the run that failed.
    Failing,
    /// Every node of the run that has run.
    All,
}

impl Merge {
    pub const ALL: [Self; 3] = [Self::Attempts, Self::Failing, Self::All];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Attempts => "all attempts",
            Self::Failing => "failing nodes",
            Self::All => "all nodes",
        }
    }
}

/// The logs, and how many there would be without a bound: then what failed and what is going comes first.
pub fn merged(watch: &Watch, key: &LogKey, merge: Merge) -> (Vec<LogKey>, usize) {
    let Some(run) = watch.world.run(&key.node.run) else {
        return (vec![key.clone()], 1);
    };
    if merge == Merge::Attempts {
        let newest = run.nodes.get(&key.node.node).map_or(0, |n| n.attempt);
        let all = newest.max(key.attempt);
        let first = all.saturating_sub(MOST_LOGS as u32 - 1).max(1);
        let keys = (first..=all).map(|n| key.node.log(n)).collect();
        return (keys, all as usize);
    }
    let wanted = |node: &&Node| {
        let failing = merge == Merge::All || node.state.problem();
        node.attempt > 0 && failing
    };
    let mut nodes: Vec<(usize, &Node)> = run.nodes.values().filter(wanted).enumerate().collect();
    let total = nodes.len();
    if total > MOST_LOGS {
        nodes.sort_by_key(|(at, node)| {
            let own = node.id != key.node.node;
            (own, !node.state.problem(), node.state.ended(), *at)
        });
        nodes.truncate(MOST_LOGS);
        nodes.sort_by_key(|(at, _)| *at);
    }
    let of = |node: &Node| key.node.run.node(&node.id).log(node.attempt);
    (nodes.into_iter().map(|(_, node)| of(node)).collect(), total)
}
