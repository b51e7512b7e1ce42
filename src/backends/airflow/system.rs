//! What surrounds the DAGs: pools, the health of Airflow's own parts, import errors and warnings.

use std::collections::HashMap;

use serde_json::Value;

use crate::backends::EngineGone;
use crate::backends::poll::Urgency;
use crate::model::{Component, Event, Notice, NoticeLevel, Queue, SafeText};
use crate::net::http::HttpError;

use super::api::TiQuery;
use super::shared::Shared;
use super::wire::{DagWarning, ImportError, Pool, TaskInstance};
use crate::backends::client::Trouble;
use crate::backends::lenient::parse_time;

/// Heartbeats and pools. What this user may not see is left out and told once.
pub async fn look(shared: &Shared) -> Result<(), Trouble> {
    match shared
        .json::<Value>(Urgency::WhenDue, &shared.api.health())
        .await
    {
        Ok(health) => shared.emit(Event::Components(components(&health))).await?,
        Err(error) => not_seen(shared, error).await?,
    }
    match shared
        .records::<Pool>(Urgency::WhenDue, &shared.api.pools(), "pools")
        .await
    {
        Ok(pools) => queues(shared, pools.rows).await,
        Err(Trouble::Http(error)) => Ok(not_seen(shared, error).await?),
        Err(gone) => Err(gone),
    }
}

/// A lack of rights is told once; anything else shows in the backend's reach anyway.
async fn not_seen(shared: &Shared, error: HttpError) -> Result<(), EngineGone> {
    match error {
        HttpError::Forbidden { .. } | HttpError::NotFound { .. } => {
            shared.complain(error.to_string()).await
        }
        _ => Ok(()),
    }
}

/// `{"scheduler": {"status": "healthy", "latest_scheduler_heartbeat": time}, ...}`; a part whose status is
/// null does not run by itself (v1 without a triggerer).
fn components(health: &Value) -> Vec<Component> {
    let parts = health.as_object().into_iter().flatten();
    parts
        .filter_map(|(name, part)| {
            let status = part["status"].as_str()?;
            let heartbeat = part
                .as_object()?
                .iter()
                .find(|(key, _)| key.ends_with("_heartbeat"));
            Some(Component {
                name: SafeText::new(name.replace('_', " ")),
                healthy: Some(status == "healthy"),
                heartbeat: heartbeat.and_then(|(_, time)| parse_time(time)),
                note: (status != "healthy").then(|| SafeText::new(status)),
            })
        })
        .collect()
}

async fn queues(shared: &Shared, pools: Vec<Pool>) -> Result<(), Trouble> {
    let full: Vec<&str> = pools
        .iter()
        .filter(|p| p.slots >= 0 && p.open_slots <= 0 && p.scheduled_slots > 0)
        .map(|p| p.name.as_str())
        .collect();
    let mut holders: Vec<TaskInstance> = Vec::new();
    if !full.is_empty() {
        let query = TiQuery {
            pools: &full,
            states: &["running", "queued", "deferred"],
            ..TiQuery::default()
        };
        let call = shared.api.tis_list(&query, 0);
        match shared
            .records(Urgency::WhenDue, &call, "task_instances")
            .await
        {
            Ok(found) => holders = found.rows,
            Err(Trouble::Http(error)) => not_seen(shared, error).await?,
            Err(gone) => return Err(gone),
        }
    }
    let held_by = |pool: &Pool| {
        let all: Vec<&TaskInstance> = holders
            .iter()
            .filter(|ti| ti.pool.as_ref() == Some(&pool.name))
            .collect();
        let first = all.first()?;
        let more = match all.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        Some(SafeText::new(format!(
            "{} / {}{more}",
            first.dag_id, first.task_id
        )))
    };
    let queues: Vec<Queue> = pools
        .iter()
        .map(|pool| Queue {
            name: SafeText::new(&pool.name),
            slots: u64::try_from(pool.slots).ok(),
            running: u64::try_from(
                pool.running_slots
                    .max(pool.occupied_slots - pool.queued_slots),
            )
            .unwrap_or(0),
            waiting: u64::try_from(pool.scheduled_slots.max(0) + pool.queued_slots.max(0))
                .unwrap_or(0),
            held_by: held_by(pool),
        })
        .collect();
    let full_pools: HashMap<String, SafeText> = pools
        .iter()
        .filter(|p| full.contains(&p.name.as_str()))
        .map(|pool| {
            let by = held_by(pool)
                .map(|h| format!(", held by {h}"))
                .unwrap_or_default();
            (
                pool.name.clone(),
                SafeText::new(format!("a slot of pool {}{by}", pool.name)),
            )
        })
        .collect();
    shared.emit(Event::Queues(queues)).await?;
    Ok(waits(shared, full_pools).await?)
}

/// Remembers which pools are full, and tells of waiting tasks in view what they wait for now.
async fn waits(shared: &Shared, full_pools: HashMap<String, SafeText>) -> Result<(), EngineGone> {
    let mut events = Vec::new();
    {
        let mut memory = shared.memory();
        memory.full_pools.clone_from(&full_pools);
        for (run, open) in &mut memory.open {
            let mut list = Vec::new();
            for node in open.nodes.values_mut().filter(|n| n.native == "scheduled") {
                let waits_for = node
                    .pool
                    .as_ref()
                    .and_then(|p| full_pools.get(p.as_str()))
                    .cloned();
                if node.waits_for != waits_for {
                    node.waits_for = waits_for;
                    list.push(node.clone());
                }
            }
            if !list.is_empty() {
                events.push(Event::Nodes {
                    run: run.clone(),
                    list,
                    complete: false,
                });
            }
        }
    }
    for event in events {
        shared.emit(event).await?;
    }
    Ok(())
}

/// Import errors and warnings. The errors are remembered: they tell why a DAG is stale.
pub async fn notices(shared: &Shared, urgency: Urgency) -> Result<(), Trouble> {
    let mut list = Vec::new();
    match shared
        .records::<ImportError>(urgency, &shared.api.import_errors(), "import_errors")
        .await
    {
        Ok(errors) => {
            list.extend(errors.rows.iter().map(|error| Notice {
                subject: SafeText::new(&error.filename),
                level: NoticeLevel::Error,
                text: SafeText::lines(error.stack_trace.trim_end()),
                at: error.timestamp,
            }));
            shared.memory().import_errors = errors.rows;
        }
        Err(Trouble::Http(error @ (HttpError::Forbidden { .. } | HttpError::NotFound { .. }))) => {
            not_seen(shared, error).await?
        }
        Err(error) => return Err(error),
    }
    match shared
        .records::<DagWarning>(urgency, &shared.api.dag_warnings(), "dag_warnings")
        .await
    {
        Ok(warnings) => list.extend(warnings.rows.iter().map(|warning| Notice {
            subject: SafeText::new(&warning.dag_id),
            level: NoticeLevel::Warning,
            text: SafeText::lines(&warning.message),
            at: warning.timestamp,
        })),
        Err(Trouble::Http(error @ (HttpError::Forbidden { .. } | HttpError::NotFound { .. }))) => {
            not_seen(shared, error).await?
        }
        Err(error) => return Err(error),
    }
    shared.emit(Event::Notices(list)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_that_do_not_run_are_left_out_and_sick_ones_say_so() {
        let parts = components(&json!({"metadatabase": {"status": "healthy"},
            "scheduler": {"status": "unhealthy", "latest_scheduler_heartbeat": "2026-11-20T20:24:16.825596+00:00"},
            "triggerer": {"status": null, "latest_triggerer_heartbeat": null}, "odd": 5}));
        assert_eq!(parts.len(), 2);
        let scheduler = parts.iter().find(|p| p.name == "scheduler").unwrap();
        assert_eq!(scheduler.healthy, Some(false));
        assert!(scheduler.heartbeat.is_some());
    }
}
