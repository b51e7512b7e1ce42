//! Owns what is different from the last run of a pipeline that went well.

use std::collections::HashSet;

use chrono::{DateTime, Duration, Utc};

use super::culprit::{culprit, upstream};
use crate::model::span::duration;
use crate::model::{Health, Node, NodeId, NodeState, SafeText};
use crate::world::{RunView, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    Parameter,
    /// Nodes or edges came or went: another version of the pipeline.
    Shape,
    /// A node before the culprit went otherwise.
    Upstream,
    /// Rows and whatever else nodes count.
    Metric,
    Memory,
    Duration,
    Attempts,
    /// Who or what started it.
    Trigger,
}

/// One difference, with a sentence for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub kind: ChangeKind,
    /// The node it is about, if it is about one.
    pub node: Option<NodeId>,
    /// `load took 12m, 9m last time`
    pub text: SafeText,
}

/// A figure that is so many times more or less than usual is told.
const FACTOR: f64 = 1.5;
/// Runs that went well, at most, that say what is usual.
const USUAL: usize = 10;
/// Differences in time below this say nothing.
const SECONDS: i64 = 10;
/// Differences of memory below this say nothing.
const BYTES: u64 = 64 << 20;

/// The newest run before this one that went well.
pub fn last_good<'a>(world: &'a World, run: &RunView) -> Option<&'a RunView> {
    goods(world, run).next()
}

fn goods<'a>(world: &'a World, run: &RunView) -> impl Iterator<Item = &'a RunView> {
    let (key, at) = (run.run.key.clone(), run.run.ordered_at);
    world
        .runs_of(&run.run.key.pipeline)
        .filter(move |r| r.run.key != key && r.run.ordered_at <= at)
        .filter(|r| matches!(r.health, Health::Succeeded | Health::Warned))
}

/// What changed since the last good run, what is likeliest to matter first: parameters, the shape of the pipeline, what
/// came before the culprit, figures, memory, time, attempts, who started it. Only what both runs are known to have is
/// compared; figures and times with the median of up to ten good runs. Without a good run there is nothing to say.
pub fn changes(world: &World, run: &RunView, now: DateTime<Utc>) -> Vec<Change> {
    let goods: Vec<&RunView> = goods(world, run).take(USUAL).collect();
    let Some(last) = goods.first() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    parameters(run, last, &mut found);
    shape(run, last, &mut found);
    let failed = culprit(run);
    let before = failed.map(|n| upstream(run, &n.id)).unwrap_or_default();
    for node in watched(run, failed, &before) {
        let past: Vec<&Node> = goods.iter().filter_map(|r| r.nodes.get(&node.id)).collect();
        if past.is_empty() {
            continue;
        }
        if failed.is_some_and(|f| f.id != node.id) {
            state(node, past[0], &mut found);
        }
        figures(node, &past, &mut found);
        memory(node, &past, &mut found);
        time(node, &past, now, &mut found);
        attempts(node, &past, &mut found);
    }
    trigger(run, last, &mut found);
    found.sort_by_key(|change| change.kind);
    found
}

/// The culprit and what came before it; without a culprit all.
fn watched<'a>(
    run: &'a RunView,
    failed: Option<&'a Node>,
    before: &HashSet<NodeId>,
) -> Vec<&'a Node> {
    let Some(failed) = failed else {
        return run.nodes.values().collect();
    };
    let others = run.nodes.values().filter(|n| before.contains(&n.id));
    std::iter::once(failed).chain(others).collect()
}

fn change(kind: ChangeKind, node: Option<&Node>, text: String) -> Change {
    Change {
        kind,
        node: node.map(|n| n.id.clone()),
        text: text.into(),
    }
}

fn parameters(run: &RunView, last: &RunView, out: &mut Vec<Change>) {
    let of = |r: &RunView, name: &SafeText| {
        let found = r.run.params.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.clone())
    };
    let mut seen = HashSet::new();
    for (name, _) in run.run.params.iter().chain(&last.run.params) {
        if !seen.insert(name) {
            continue;
        }
        let text = match (of(last, name), of(run, name)) {
            (Some(was), Some(is)) if was != is => format!("parameter {name}: {was} -> {is}"),
            (None, Some(is)) => format!("parameter {name} is new: {is}"),
            (Some(was), None) => format!("parameter {name} is gone, it was {was}"),
            _ => continue,
        };
        out.push(change(ChangeKind::Parameter, None, text));
    }
}

fn shape(run: &RunView, last: &RunView, out: &mut Vec<Change>) {
    let (Some(now), Some(then)) = (run.topology.as_deref(), last.topology.as_deref()) else {
        return;
    };
    if now == then {
        return;
    }
    let names = |here: &[NodeId], there: &[NodeId]| -> Vec<SafeText> {
        let there: HashSet<&NodeId> = there.iter().collect();
        here.iter()
            .filter(|id| !there.contains(id))
            .map(NodeId::safe)
            .collect()
    };
    let said = |names: &[SafeText]| {
        let shown: Vec<&str> = names.iter().take(3).map(SafeText::as_str).collect();
        let more = names.len().saturating_sub(3);
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        shown.join(", ") + &rest
    };
    let (came, went) = (
        names(&now.nodes, &then.nodes),
        names(&then.nodes, &now.nodes),
    );
    if !came.is_empty() {
        out.push(change(
            ChangeKind::Shape,
            None,
            format!("new in the pipeline: {}", said(&came)),
        ));
    }
    if !went.is_empty() {
        out.push(change(
            ChangeKind::Shape,
            None,
            format!("gone from the pipeline: {}", said(&went)),
        ));
    }
    let edges = |t: &crate::model::Topology| t.edges.iter().cloned().collect::<HashSet<_>>();
    if came.is_empty() && went.is_empty() && edges(now) != edges(then) {
        out.push(change(
            ChangeKind::Shape,
            None,
            "nodes depend on others than last time".to_owned(),
        ));
    }
}

fn state(node: &Node, was: &Node, out: &mut Vec<Change>) {
    if node.state != was.state && node.state.ended() && node.state != NodeState::Succeeded {
        let text = format!(
            "{} was {}, {} last time",
            node.name,
            node.state.word(),
            was.state.word()
        );
        out.push(change(ChangeKind::Upstream, Some(node), text));
    }
}

fn median<T: Ord + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// `2.4x usual`, when it is far from it.
fn off(is: f64, usual: f64) -> Option<String> {
    if !(is.is_finite() && usual.is_finite()) || is < 0.0 || usual < 0.0 {
        return None;
    }
    if usual == 0.0 || is == 0.0 {
        return (is != usual).then(|| format!("{is}, usually {usual}"));
    }
    let times = is / usual;
    match times {
        _ if times >= FACTOR => Some(format!("{times:.1}x usual")),
        _ if times <= 1.0 / FACTOR => Some(format!("{:.0} % of usual", times * 100.0)),
        _ => None,
    }
}

fn figures(node: &Node, past: &[&Node], out: &mut Vec<Change>) {
    for (name, is) in &node.metrics {
        let of = |n: &&Node| {
            n.metrics
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, v)| *v)
        };
        let mut values: Vec<f64> = past.iter().filter_map(of).collect();
        values.sort_by(f64::total_cmp);
        let Some(usual) = values.get(values.len() / 2) else {
            continue;
        };
        if let Some(off) = off(*is, *usual) {
            let text = format!("{} of {}: {off}", name, node.name);
            out.push(change(ChangeKind::Metric, Some(node), text));
        }
    }
}

fn memory(node: &Node, past: &[&Node], out: &mut Vec<Change>) {
    let of = |n: &Node| {
        n.usage
            .as_ref()
            .map(|u| u.memory_peak)
            .filter(|peak| *peak > 0)
    };
    let usual = median(past.iter().filter_map(|n| of(n)).collect());
    let (Some(is), Some(usual)) = (of(node), usual) else {
        return;
    };
    if is > usual
        && is - usual >= BYTES
        && let Some(off) = off(is as f64, usual as f64)
    {
        let text = format!("memory of {}: {off} ({} MB)", node.name, is / 1_000_000);
        out.push(change(ChangeKind::Memory, Some(node), text));
    }
}

fn time(node: &Node, past: &[&Node], now: DateTime<Utc>, out: &mut Vec<Change>) {
    let usual = median(past.iter().filter_map(|n| n.elapsed(now)).collect());
    let (Some(is), Some(usual)) = (node.elapsed(now), usual) else {
        return;
    };
    let slower = is.num_milliseconds() as f64 >= usual.num_milliseconds() as f64 * FACTOR;
    if slower && is - usual >= Duration::seconds(SECONDS) {
        let before = if past.len() > 1 {
            "usually"
        } else {
            "last time"
        };
        let (is, usual) = (duration(is), duration(usual));
        let text = format!("{} took {is}, {usual} {before}", node.name);
        out.push(change(ChangeKind::Duration, Some(node), text));
    }
}

fn attempts(node: &Node, past: &[&Node], out: &mut Vec<Change>) {
    let usual = median(past.iter().map(|n| n.attempt).filter(|n| *n > 0).collect());
    if let Some(usual) = usual.filter(|usual| node.attempt > *usual) {
        let text = format!(
            "{} needed attempt {}, {usual} last time",
            node.name, node.attempt
        );
        out.push(change(ChangeKind::Attempts, Some(node), text));
    }
}

fn trigger(run: &RunView, last: &RunView, out: &mut Vec<Change>) {
    let (is, was) = (&run.run.cause, &last.run.cause);
    if is != was && !is.is_empty() && !was.is_empty() {
        out.push(change(
            ChangeKind::Trigger,
            None,
            format!("started {is}, {was} last time"),
        ));
    }
}
