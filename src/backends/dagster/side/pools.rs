//! Pools of concurrency slots: their limit, who holds them and who waits.

use crate::backends::dagster::shared::Memory;
use crate::backends::dagster::system::{slot_name, waiting};
use crate::backends::dagster::wire::{Pool, RunStatus};
use crate::model::{Node, NodeId, NodeState, ParamSpec, SafeText, Topology};

use super::{Picture, line};

/// What a run is that holds a slot, if it is known.
fn holder(memory: &Memory, run: &str) -> Option<RunStatus> {
    let members = memory.families.values().flat_map(|f| &f.members);
    members
        .filter(|k| k.run.run_id == run)
        .map(|k| k.run.status)
        .next()
}

/// Runs that are over and still hold slots.
pub fn leaks<'a>(memory: &'a Memory, pool: &'a Pool) -> impl Iterator<Item = &'a str> {
    pool.claimed_slots
        .iter()
        .filter(|slot| holder(memory, &slot.run_id).is_some_and(RunStatus::ended))
        .map(|slot| slot.run_id.as_str())
}

pub fn picture(memory: &Memory) -> Picture {
    let nodes: Vec<Node> = memory.pools.iter().map(|pool| node(memory, pool)).collect();
    Picture {
        topology: Topology {
            nodes: nodes.iter().map(|n| n.id.clone()).collect(),
            ..Topology::default()
        },
        nodes,
    }
}

fn node(memory: &Memory, pool: &Pool) -> Node {
    let mut node = Node::new(NodeId::new(&pool.concurrency_key));
    node.kind = SafeText::new("pool");
    node.attempt = 1;
    let limit = pool.limit.unwrap_or(pool.slot_count);
    let waits = waiting(pool).count();
    node.native = SafeText::new(format!(
        "{} of {limit} slots, {waits} wait",
        pool.active_slot_count
    ));
    let leaked = leaks(memory, pool).count();
    node.state = if leaked > 0 {
        node.note = Some(SafeText::new(format!(
            "{leaked} slots are held by runs that are over"
        )));
        NodeState::Failed
    } else if pool.active_slot_count > 0 {
        NodeState::Running
    } else {
        NodeState::Succeeded
    };
    node.metrics = vec![
        (SafeText::new("slots"), limit as f64),
        (SafeText::new("used"), pool.active_slot_count as f64),
        (SafeText::new("waiting"), waits as f64),
    ];
    node
}

/// The limits, to be changed by a launch.
pub fn params(memory: &Memory) -> Vec<ParamSpec> {
    let spec = |pool: &Pool| ParamSpec {
        name: SafeText::new(&pool.concurrency_key),
        kind: SafeText::new("integer"),
        default: serde_json::json!(pool.limit.unwrap_or(pool.slot_count)),
        description: SafeText::new("slots of this pool"),
        choices: Vec::new(),
        required: false,
    };
    memory.pools.iter().map(spec).collect()
}

pub fn log(memory: &Memory, node: &str) -> String {
    let mut out = String::new();
    let Some(pool) = memory
        .pools
        .iter()
        .find(|pool| pool.concurrency_key == node)
    else {
        return out;
    };
    for slot in &pool.claimed_slots {
        let status = holder(memory, &slot.run_id);
        let level = if status.is_some_and(RunStatus::ended) {
            "ERROR"
        } else {
            "INFO"
        };
        let what = format!(
            "slot held by {} (run {}, {})",
            slot_name(memory, slot),
            slot.run_id,
            status.map_or("not known", RunStatus::word)
        );
        line(None, level, &what, &mut out);
    }
    for slot in waiting(pool) {
        line(
            None,
            "INFO",
            &format!("{} waits (run {})", slot_name(memory, slot), slot.run_id),
            &mut out,
        );
    }
    if out.is_empty() {
        line(None, "INFO", "no slot is held and nothing waits", &mut out);
    }
    out
}
