//! Queues that are too long, nodes that use too much.

use crate::model::{NodeState, SafeText, Target};
use crate::world::{BackendView, RunView};

use super::{Builtin, Found};

pub(super) fn queues(found: &mut Found<'_>, view: &BackendView) {
    let Some(limit) = found.rules.queue_depth.filter(|_| view.up()) else {
        return;
    };
    for queue in view.queues.iter().filter(|q| q.waiting > limit) {
        let title = SafeText::new(format!("queue {}", queue.name));
        let reason = SafeText::new(format!("{} wait, more than {limit}", queue.waiting));
        let (part, now) = (queue.name.as_str(), found.now());
        found.of_backend(Builtin::QueueDepth, &view.info.id, part, title, reason, now);
    }
}

pub(super) fn run(found: &mut Found<'_>, view: &RunView) {
    let (memory, cpu) = (found.rules.memory, found.rules.cpu);
    if memory.is_none() && cpu.is_none() || !view.health.active() {
        return;
    }
    let running = view.nodes.values();
    for node in running.filter(|n| n.state == NodeState::Running) {
        let Some(usage) = node.usage else { continue };
        let over_memory = memory.filter(|limit| usage.memory > *limit);
        let over_cpu = cpu.filter(|limit| usage.cpu_now > *limit);
        let mut what = Vec::new();
        if let Some(limit) = over_memory {
            what.push(format!(
                "{} of memory, limit {}",
                bytes(usage.memory),
                bytes(limit)
            ));
        }
        if let Some(limit) = over_cpu {
            what.push(format!("{:.1} processors, limit {limit:.1}", usage.cpu_now));
        }
        if what.is_empty() {
            continue;
        }
        let reason = SafeText::new(format!("{} uses {}", node.name, what.join("; ")));
        let target = Target::Node(view.run.key.node(&node.id));
        let key = &view.run.key.pipeline;
        let (part, now) = (Some(node.id.raw()), found.now());
        found.of_pipeline(Builtin::Resources, key, part, target, reason, now);
    }
}

/// In powers of 1000, as the configuration writes sizes.
fn bytes(n: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1_000, "kB"),
    ];
    match UNITS.iter().find(|(size, _)| n >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", n as f64 / *size as f64),
        None => format!("{n} B"),
    }
}
