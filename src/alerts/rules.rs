//! The built-in rules: pure functions of what is known.

use chrono::{DateTime, Utc};

use crate::model::{
    Alert, AlertId, Health, NodeState, NoticeLevel, Priority, Reach, SafeText, Target,
};
use crate::world::{BackendView, FleetRow, RunView};

use super::{Builtin, Rules, Scene};

pub(super) fn find(scene: &Scene<'_>, rules: &Rules) -> Vec<Alert> {
    let mut found: Vec<Alert> = scene
        .world
        .backends()
        .flat_map(|b| of_backend(b, scene))
        .collect();
    found.extend(
        scene
            .fleet
            .iter()
            .filter_map(|row| of_pipeline(row, scene, rules)),
    );
    found
}

fn of_backend(view: &BackendView, scene: &Scene<'_>) -> Vec<Alert> {
    let backend = &view.info.id;
    let target = Target::Backend(backend.clone());
    let mut found = Vec::new();
    let mut add = |kind,
                   subject: &str,
                   priority,
                   title: SafeText,
                   reason: SafeText,
                   since: Option<DateTime<Utc>>| {
        let subject = match subject {
            "" => backend.raw().to_owned(),
            part => format!("{}/{part}", backend.raw()),
        };
        let id = AlertId::new(Builtin::word(kind), subject);
        found.push(Alert {
            title,
            reason,
            target: Some(target.clone()),
            ..Alert::new(id, priority, since.unwrap_or(scene.now))
        });
    };
    match &view.status.reach {
        Reach::Down { reason, .. } => add(
            Builtin::BackendUnreachable,
            "",
            Priority::P1,
            view.info.name.clone(),
            reason.clone(),
            view.down_since,
        ),
        Reach::Refused { reason } => add(
            Builtin::BackendUnauthorised,
            "",
            Priority::P1,
            view.info.name.clone(),
            reason.clone(),
            view.down_since,
        ),
        Reach::Up => {
            for component in view.components.iter().filter(|c| c.healthy == Some(false)) {
                let why = component
                    .note
                    .as_ref()
                    .map_or("no heartbeat", |n| n.as_str());
                add(
                    Builtin::BackendDegraded,
                    component.name.as_str(),
                    Priority::P2,
                    view.info.name.clone(),
                    SafeText::new(format!("{}: {why}", component.name)),
                    component.heartbeat,
                );
            }
            for notice in view
                .notices
                .iter()
                .filter(|n| n.level == NoticeLevel::Error)
            {
                let last = notice.text.iter().rev().find(|t| !t.is_empty()).cloned();
                add(
                    Builtin::ImportError,
                    notice.subject.as_str(),
                    Priority::P3,
                    notice.subject.clone(),
                    last.unwrap_or_else(|| SafeText::new("can't be loaded")),
                    notice.at,
                );
            }
        }
        Reach::Connecting => {}
    }
    found
}

fn of_pipeline(row: &FleetRow, scene: &Scene<'_>, rules: &Rules) -> Option<Alert> {
    let backend = &row.key.backend;
    // one alert for a backend that is down, not one for each of its pipelines
    if row.stale && row.health == Health::Late {
        return None;
    }
    let view = row.run.as_ref().and_then(|k| scene.world.run(k));
    let name = scene
        .world
        .pipeline(&row.key)
        .map_or_else(|| row.key.pipeline.safe(), |p| p.pipeline.name.clone());
    let make = |kind: Builtin, priority, reason: SafeText, since: DateTime<Utc>| {
        let target = match (&row.run, kind) {
            (Some(run), Builtin::RunFailing | Builtin::RunBlocked | Builtin::RunLost) => {
                Target::Run(run.clone())
            }
            _ => Target::Pipeline(row.key.clone()),
        };
        let subject = format!("{}/{}", backend.raw(), row.key.pipeline.raw());
        Some(Alert {
            title: name.clone(),
            reason,
            target: Some(target),
            ..Alert::new(AlertId::new(kind.word(), subject), priority, since)
        })
    };
    match (row.health, view) {
        (Health::Failing | Health::Failed, Some(view)) => {
            let since = failed_at(view).unwrap_or(scene.now);
            make(
                Builtin::RunFailing,
                Priority::P1,
                failure(row, view, scene),
                since,
            )
        }
        (Health::Lost, Some(_)) => make(
            Builtin::RunLost,
            Priority::P2,
            SafeText::new("nobody supervises this run any more"),
            row.since.unwrap_or(scene.now),
        ),
        (Health::Late, _) => {
            let due = row.due?;
            make(
                Builtin::RunLate,
                Priority::P3,
                SafeText::new(format!("not started, due {}", due.format("%H:%M UTC"))),
                due,
            )
        }
        (Health::Running | Health::Queued | Health::Retrying, Some(view)) => {
            let (since, what) = blocked(view)?;
            (scene.now - since >= rules.blocked_after)
                .then(|| make(Builtin::RunBlocked, Priority::P3, what, since))
                .flatten()
        }
        _ => None,
    }
}

/// "failed at load: OutOfMemoryError", with as much of it as is known.
fn failure(row: &FleetRow, view: &RunView, scene: &Scene<'_>) -> SafeText {
    let node = view.worst_node().filter(|n| n.state == NodeState::Failed);
    let error = (scene.error_of)(row);
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
