//! What broke: backends, runs, nodes.

use chrono::{DateTime, Utc};

use crate::model::{Alert, AlertId, Health, Node, NodeState, NoticeLevel, Reach, SafeText, Target};
use crate::world::{BackendView, FleetRow, RunView};

use super::super::life::Finding;
use super::super::outbox::Trouble;
use super::{Builtin, Found};

pub(super) fn backend(found: &mut Found<'_>, view: &BackendView) {
    let (id, name) = (&view.info.id, view.info.name.clone());
    let since = view.down_since.unwrap_or(found.now());
    match &view.status.reach {
        Reach::Down { reason, .. } => {
            let rule = Builtin::BackendUnreachable;
            found.of_backend(rule, id, "", name, reason.clone(), since);
        }
        Reach::Refused { reason } => {
            let rule = Builtin::BackendUnauthorised;
            found.of_backend(rule, id, "", name, reason.clone(), since);
        }
        Reach::Up => {
            for component in view.components.iter().filter(|c| c.healthy == Some(false)) {
                let why = component
                    .note
                    .as_ref()
                    .map_or("no heartbeat", |n| n.as_str());
                let reason = SafeText::new(format!("{}: {why}", component.name));
                let since = component.heartbeat.unwrap_or(found.now());
                let part = component.name.as_str();
                let rule = Builtin::BackendDegraded;
                found.of_backend(rule, id, part, name.clone(), reason, since);
            }
            let errors = view.notices.iter();
            for notice in errors.filter(|n| n.level == NoticeLevel::Error) {
                let last = notice.text.iter().rev().find(|t| !t.is_empty()).cloned();
                let reason = last.unwrap_or_else(|| SafeText::new("can't be loaded"));
                let since = notice.at.unwrap_or(found.now());
                let (part, title) = (notice.subject.as_str(), notice.subject.clone());
                found.of_backend(Builtin::ImportError, id, part, title, reason, since);
            }
        }
        Reach::Connecting => {}
    }
}

/// To be told on the other channels.
pub(super) fn channel(found: &mut Found<'_>, trouble: &Trouble) {
    let rule = Builtin::ChannelFailing;
    if !found.on(rule) {
        return;
    }
    let lost = match trouble.dead {
        0 => String::new(),
        n => format!(", {n} could not be told"),
    };
    let what = format!("{}; {} wait{lost}", trouble.why, trouble.waiting);
    let priority = found.priority(rule, None);
    found.list.push(Finding::from(Alert {
        title: SafeText::new(format!("channel {}", trouble.channel)),
        reason: SafeText::new(what),
        labels: vec![
            ("rule".to_owned(), rule.word().to_owned()),
            ("channel".to_owned(), trouble.channel.clone()),
        ],
        ..Alert::new(
            AlertId::new(rule.word(), trouble.channel.as_str()),
            priority,
            trouble.since,
        )
    }));
}

pub(super) fn pipeline(found: &mut Found<'_>, row: &FleetRow) {
    let now = found.now();
    // one alert for a backend that is down, not one for each of its pipelines
    if row.stale && row.health == Health::Late {
        return;
    }
    let view = row.run.as_ref().and_then(|k| found.scene.world.run(k));
    let of_run = |view: &RunView| Target::Run(view.run.key.clone());
    match (row.health, view) {
        (Health::Failing | Health::Failed, Some(view)) => {
            let since = failed_at(view).unwrap_or(now);
            let reason = failure(found, row, view);
            let rule = Builtin::RunFailing;
            found.of_pipeline(rule, &row.key, None, of_run(view), reason, since);
        }
        (Health::Lost, Some(view)) => {
            let reason = SafeText::new("nobody supervises this run any more");
            let since = row.since.unwrap_or(now);
            let rule = Builtin::RunLost;
            found.of_pipeline(rule, &row.key, None, of_run(view), reason, since);
        }
        (Health::Late, _) => {
            let Some(due) = row.due else { return };
            // a time zone of its own says it better
            if found
                .rules
                .expect(&row.key)
                .is_some_and(|e| e.cron.is_some())
            {
                return;
            }
            let reason = SafeText::new(format!("not started, due {}", due.format("%H:%M UTC")));
            let target = Target::Pipeline(row.key.clone());
            found.of_pipeline(Builtin::RunLate, &row.key, None, target, reason, due);
        }
        (Health::Running | Health::Queued | Health::Retrying, Some(view)) => {
            if let Some((since, what)) = blocked(view)
                && now - since >= found.rules.blocked_after
            {
                let rule = Builtin::RunBlocked;
                found.of_pipeline(rule, &row.key, None, of_run(view), what, since);
            }
        }
        _ => {}
    }
    if let Some(view) = view {
        nodes(found, row, view);
    }
}

fn nodes(found: &mut Found<'_>, row: &FleetRow, view: &RunView) {
    if !found.on(Builtin::NodeFailed) && !found.on(Builtin::RetriesExhausted) {
        return;
    }
    let failed = view.nodes.values();
    for node in failed.filter(|n| n.state == NodeState::Failed) {
        let since = node.ended_at.unwrap_or(view.moved);
        let target = Target::Node(view.run.key.node(&node.id));
        let part = Some(node.id.raw());
        let mut tell = |rule, reason: String| {
            let reason = SafeText::new(reason);
            found.of_pipeline(rule, &row.key, part, target.clone(), reason, since);
        };
        tell(Builtin::NodeFailed, format!("{} failed", node.name));
        if let Some(attempts) = exhausted(node) {
            let what = format!("{} failed in the last of {attempts} attempts", node.name);
            tell(Builtin::RetriesExhausted, what);
        }
    }
}

/// How many attempts it had, when there were several and none is left.
fn exhausted(node: &Node) -> Option<u32> {
    let all = node.max_attempts?;
    (all > 1 && node.attempt >= all).then_some(all)
}

/// "failed at load: OutOfMemoryError", with as much of it as is known.
fn failure(found: &Found<'_>, row: &FleetRow, view: &RunView) -> SafeText {
    let node = view.worst_node().filter(|n| n.state == NodeState::Failed);
    let error = (found.scene.error_of)(row);
    match (node, error) {
        (Some(node), Some(error)) => SafeText::new(format!("failed at {}: {error}", node.name)),
        (Some(node), None) => SafeText::new(format!("failed at {}", node.name)),
        (None, _) => SafeText::new("the run failed"),
    }
}

fn failed_at(view: &RunView) -> Option<DateTime<Utc>> {
    let node = view.worst_node().filter(|n| n.state == NodeState::Failed);
    node.and_then(|n| n.ended_at)
        .or(view.run.ended_at)
        .or(view.run.started_at)
}

/// Nothing of the run runs and something waits for a slot: since when, and for what.
fn blocked(view: &RunView) -> Option<(DateTime<Utc>, SafeText)> {
    let busy = |s| {
        matches!(
            s,
            NodeState::Running | NodeState::Waiting | NodeState::Retrying
        )
    };
    if view.nodes.values().any(|n| busy(n.state)) {
        return None;
    }
    let first = view
        .nodes
        .values()
        .filter(|n| n.state == NodeState::Queued)
        .min_by_key(|n| {
            n.scheduled_at
                .or(n.queued_at)
                .unwrap_or(DateTime::<Utc>::MAX_UTC)
        })?;
    let since = first.scheduled_at.or(first.queued_at)?;
    let for_what = match (&first.waits_for, &first.pool) {
        (Some(what), _) => format!("{} waits for {what}", first.name),
        (None, Some(pool)) => format!("{} waits for a slot in {pool}", first.name),
        (None, None) => format!("{} waits for a slot", first.name),
    };
    Some((since, SafeText::new(for_what)))
}
