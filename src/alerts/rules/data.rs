//! What the data itself says: rows, checks.

use crate::model::{Health, Node, NodeState, SafeText, Target};
use crate::world::{BackendView, FleetRow, RunView};

use super::{Builtin, Found};

/// So many runs say what is usual.
const ENOUGH: usize = 3;

pub(super) fn checks(found: &mut Found<'_>, view: &BackendView) {
    if !found.on(Builtin::CheckFailed) {
        return;
    }
    for check in view.checks.iter().filter(|c| c.state == NodeState::Failed) {
        let rows = check.rows.map(|n| format!(", {n} rows"));
        let reason = format!("{} on {}{}", check.name, check.on, rows.unwrap_or_default());
        let key = &check.node.run.pipeline;
        let part = format!("{}/{}", check.on, check.name);
        let target = Target::Node(check.node.clone());
        let (rule, reason) = (Builtin::CheckFailed, SafeText::new(reason));
        found.of_pipeline(rule, key, Some(&part), target, reason, check.since);
    }
}

/// Rows of the nodes of a run that have ended well.
pub(super) fn run(found: &mut Found<'_>, row: &FleetRow, view: &RunView) {
    let (zero, factor) = (found.rules.rows_zero, found.rules.rows_unusual);
    if (!zero && factor.is_none()) || view.health == Health::Cancelled {
        return;
    }
    for node in view.nodes.values() {
        let Some(made) = node.rows().filter(|_| node.state == NodeState::Succeeded) else {
            continue;
        };
        let before = usual(found, row, view, node);
        let since = node.ended_at.unwrap_or(view.moved);
        let usually = before
            .map(|n| format!(", usually {n:.0}"))
            .unwrap_or_default();
        let (rule, what) = match (before, factor) {
            // what never makes any is meant to
            _ if zero && made == 0.0 && before != Some(0.0) => (
                Builtin::RowsZero,
                format!("{} made no rows{usually}", node.name),
            ),
            (Some(usual), Some(factor)) if made > usual * factor || made * factor < usual => (
                Builtin::RowsUnusual,
                format!("{} made {made:.0} rows{usually}", node.name),
            ),
            _ => continue,
        };
        let target = Target::Node(view.run.key.node(&node.id));
        let part = Some(node.id.raw());
        found.of_pipeline(rule, &row.key, part, target, SafeText::new(what), since);
    }
}

/// The median over the earlier runs of which the node is known.
fn usual(found: &Found<'_>, row: &FleetRow, view: &RunView, node: &Node) -> Option<f64> {
    let earlier = found.scene.world.runs_of(&row.key);
    let mut all: Vec<f64> = earlier
        .filter(|r| r.run.ordered_at < view.run.ordered_at)
        .filter_map(|r| r.nodes.get(&node.id))
        .filter(|n| n.state == NodeState::Succeeded)
        .filter_map(Node::rows)
        .collect();
    if all.len() < ENOUGH {
        return None;
    }
    all.sort_unstable_by(f64::total_cmp);
    all.get((all.len() - 1) / 2).copied()
}
