//! What surrounds the flows: work pools and queues, concurrency limits, deployments that nothing serves, and runs whose
//! process seems to be gone.

use std::collections::HashMap;

use chrono::{Duration, Utc};

use crate::backends::EngineGone;
use crate::backends::client::Trouble;
use crate::backends::poll::Urgency;
use crate::model::{Component, Event, Notice, NoticeLevel, Queue, SafeText};
use crate::net::http::HttpError;

use super::api::QueueRef;
use super::shared::{Known, Memory, Shared};
use super::wire::{ConcurrencyLimit, Events, WorkPool, WorkQueue};
use super::{api, tell};

/// A run says that it lives every 3 minutes unless it is told otherwise; after two that did not come it is in doubt.
const SILENT: Duration = Duration::seconds(2 * 180 + 30);
/// So long ago a first heartbeat is looked for.
const LOOK_BACK: Duration = Duration::days(2);

/// Pools, queues, limits, heartbeats. What this user may not see is left out and told once.
pub async fn look(shared: &Shared) -> Result<(), Trouble> {
    let pools = seen(
        shared,
        shared
            .list::<WorkPool>(Urgency::WhenDue, 1, |_| api::work_pools())
            .await,
    )
    .await?;
    let queues = seen(
        shared,
        shared
            .list::<WorkQueue>(Urgency::WhenDue, 1, |_| api::work_queues())
            .await,
    )
    .await?;
    let limits = seen(
        shared,
        shared
            .list::<ConcurrencyLimit>(Urgency::WhenDue, 1, |_| api::limits())
            .await,
    )
    .await?;
    let (queues, notices) = {
        let mut memory = shared.memory();
        let found = depths(&memory, &pools, &queues, &limits);
        let refs = found.iter().map(|(q, at)| (q.name.to_string(), at.clone()));
        memory.queues = refs.collect();
        let queues: Vec<Queue> = found.into_iter().map(|(queue, _)| queue).collect();
        (queues, notices(&memory))
    };
    shared.emit(Event::Components(components(&pools))).await?;
    shared.emit(Event::Queues(queues)).await?;
    shared.emit(Event::Notices(notices)).await?;
    heartbeats(shared).await
}

async fn seen<T>(
    shared: &Shared,
    found: Result<(crate::backends::client::Pages<T>, super::tasks::Source), Trouble>,
) -> Result<Vec<T>, Trouble> {
    match found {
        Ok((pages, _)) => Ok(pages.rows),
        Err(Trouble::Http(error @ (HttpError::Forbidden { .. } | HttpError::NotFound { .. }))) => {
            shared.complain(error.to_string()).await?;
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// A pool is well when something polls it.
fn components(pools: &[WorkPool]) -> Vec<Component> {
    let each = pools.iter().map(|pool| {
        let (healthy, note) = match pool.status.as_str() {
            _ if pool.is_paused => (None, Some("paused")),
            "READY" => (Some(true), None),
            "NOT_READY" => (Some(false), Some("no worker polls it")),
            _ => (None, None),
        };
        Component {
            name: SafeText::new(format!("work pool {}", pool.name)),
            healthy,
            heartbeat: None,
            note: note.map(SafeText::new),
        }
    });
    each.collect()
}

/// Work pools, their queues, and concurrency limits, with what runs and waits in each.
fn depths(
    memory: &Memory,
    pools: &[WorkPool],
    queues: &[WorkQueue],
    limits: &[ConcurrencyLimit],
) -> Vec<(Queue, QueueRef)> {
    let late = |known: &&Known| {
        let state = &known.row.state;
        state.kind == "SCHEDULED" && state.name != "AwaitingRetry"
    };
    let waiting = |is: &dyn Fn(&Known) -> bool| {
        memory
            .runs
            .values()
            .filter(late)
            .filter(|known| is(known))
            .count() as u64
    };
    let running = |is: &dyn Fn(&Known) -> bool| {
        let busy = |known: &&Known| {
            matches!(
                known.row.state.kind.as_str(),
                "PENDING" | "RUNNING" | "CANCELLING"
            )
        };
        memory
            .runs
            .values()
            .filter(busy)
            .filter(|known| is(known))
            .count() as u64
    };
    let paused = |paused: bool| paused.then(|| SafeText::new("paused"));
    let mut out = Vec::new();
    for pool in pools {
        let own = |known: &Known| known.row.work_pool_name.as_deref() == Some(&*pool.name);
        let at = QueueRef::Pool(pool.name.clone());
        out.push((
            Queue {
                name: SafeText::new(format!("work pool {}", pool.name)),
                slots: pool.concurrency_limit,
                running: pool.active_slots.max(running(&own)),
                waiting: waiting(&own),
                held_by: paused(pool.is_paused),
            },
            at,
        ));
        for queue in queues
            .iter()
            .filter(|q| q.work_pool_name.as_deref() == Some(&*pool.name))
        {
            let own = |known: &Known| {
                own(known) && known.row.work_queue_name.as_deref() == Some(&*queue.name)
            };
            let at = QueueRef::Queue {
                pool: pool.name.clone(),
                name: queue.name.clone(),
            };
            out.push((
                Queue {
                    name: SafeText::new(format!("{} / {}", pool.name, queue.name)),
                    slots: queue.concurrency_limit,
                    running: running(&own),
                    waiting: waiting(&own),
                    held_by: paused(queue.is_paused),
                },
                at,
            ));
        }
    }
    for limit in limits.iter().filter(|limit| limit.active) {
        let deployment = limit.name.strip_prefix("deployment:");
        let known = deployment.and_then(|id| memory.deployments.get(id));
        let name = match (known, deployment) {
            (Some(deployed), _) => format!("limit of {}", deployed.pipeline.name),
            _ => format!("limit {}", limit.name),
        };
        let own = |known: &Known| {
            deployment.is_some()
                && known.row.deployment_id.as_deref() == deployment
                && known.row.state.name == "AwaitingConcurrencySlot"
        };
        let at = QueueRef::Limit(limit.name.clone());
        out.push((
            Queue {
                name: SafeText::new(name),
                slots: Some(limit.limit),
                running: limit.active_slots,
                waiting: waiting(&own),
                held_by: None,
            },
            at,
        ));
    }
    out
}

/// Deployments whose schedule is on and whose runs nothing will take.
fn notices(memory: &Memory) -> Vec<Notice> {
    let mut all: Vec<Notice> = memory
        .deployments
        .values()
        .filter(|deployed| deployed.scheduled && !deployed.ready && !deployed.pipeline.paused)
        .map(|deployed| Notice {
            subject: deployed.pipeline.name.clone(),
            level: NoticeLevel::Warning,
            text: vec![SafeText::new(
                "no worker or runner polls for its runs: they will be late",
            )],
            at: None,
        })
        .collect();
    all.sort_by(|a, b| a.subject.cmp(&b.subject));
    all
}

/// A run whose heartbeat was heard and then was not is possibly dead: nothing on the server ends it by itself. One of
/// which none was ever heard may not send any.
async fn heartbeats(shared: &Shared) -> Result<(), Trouble> {
    let now = Utc::now();
    let silent = |memory: &Memory| -> Vec<String> {
        let going = memory.runs.values().filter(|known| {
            let began = known.row.start_time.is_some_and(|at| at + SILENT < now);
            let beat = memory
                .beats
                .get(&known.row.id)
                .is_some_and(|at| *at + SILENT >= now);
            known.row.state.kind == "RUNNING" && began && !beat
        });
        going.map(|known| known.row.id.clone()).take(50).collect()
    };
    let ids = silent(&shared.memory());
    if !ids.is_empty() {
        let wanted: Vec<&str> = ids.iter().map(String::as_str).collect();
        let call = api::heartbeats(&wanted, now - LOOK_BACK);
        match shared.ask::<Events>(Urgency::WhenDue, &call).await {
            Ok(found) => newest(&mut shared.memory(), found),
            Err(HttpError::Forbidden { .. } | HttpError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    let silent = silent(&shared.memory());
    Ok(doubt(shared, &silent).await?)
}

fn newest(memory: &mut Memory, found: Events) {
    for event in found.events {
        let id = event.resource.get("prefect.resource.id");
        let id = id.and_then(|id| id.strip_prefix("prefect.flow-run."));
        if let (Some(id), Some(at)) = (id, event.occurred) {
            let last = memory.beats.entry(id.to_owned()).or_insert(at);
            *last = at.max(*last);
        }
    }
}

/// Tells of runs that are in doubt now, and of those that are not any more.
async fn doubt(shared: &Shared, silent: &[String]) -> Result<(), EngineGone> {
    let _turn = shared.turn().await;
    let list = {
        let mut memory = shared.memory();
        let beats: HashMap<String, _> = memory.beats.clone();
        let mut changed = Vec::new();
        for (id, known) in &mut memory.runs {
            let lost = silent.contains(id) && beats.contains_key(id);
            if std::mem::replace(&mut known.lost, lost) != lost {
                changed.push(tell::run(known));
            }
        }
        changed
    };
    if !list.is_empty() {
        shared.emit(Event::Runs { list }).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pool_that_nothing_polls_is_not_well_and_a_paused_one_is_not_ill() {
        let pool = |status: &str, paused: bool| -> WorkPool {
            serde_json::from_value(json!({"name": "p", "status": status, "is_paused": paused}))
                .unwrap()
        };
        let all = components(&[
            pool("READY", false),
            pool("NOT_READY", false),
            pool("PAUSED", true),
            pool("", false),
        ]);
        let healthy: Vec<Option<bool>> = all.iter().map(|c| c.healthy).collect();
        assert_eq!(healthy, [Some(true), Some(false), None, None]);
    }

    #[test]
    fn what_waits_is_counted_where_it_waits() {
        use crate::backends::prefect::tasks::Source;
        use crate::backends::prefect::wire::FlowRun;
        use crate::model::{BackendId, PipelineKey};
        let mut memory = Memory::default();
        for (id, kind, name, pool) in [
            ("1", "SCHEDULED", "Late", Some("p")),
            ("2", "RUNNING", "Running", Some("p")),
            ("3", "SCHEDULED", "Late", None),
            ("4", "SCHEDULED", "AwaitingConcurrencySlot", None),
        ] {
            let row: FlowRun = serde_json::from_value(
                json!({"id": id, "deployment_id": "d", "work_pool_name": pool,
                "work_queue_name": pool.map(|_| "default"), "state": {"type": kind, "name": name}}),
            )
            .unwrap();
            let key = PipelineKey::new(&BackendId::new("b"), "f/d").run(id);
            let source = Source::Asked(tokio::time::Instant::now());
            memory
                .runs
                .insert(id.to_owned(), Known::new(row, key, "f".to_owned(), &source));
        }
        let pool: WorkPool =
            serde_json::from_value(json!({"name": "p", "concurrency_limit": 3})).unwrap();
        let queue: WorkQueue = serde_json::from_value(
            json!({"name": "default", "work_pool_name": "p", "is_paused": true}),
        )
        .unwrap();
        let limit: ConcurrencyLimit = serde_json::from_value(
            json!({"name": "deployment:d", "active": true, "limit": 1, "active_slots": 1}),
        )
        .unwrap();
        let all = depths(&memory, &[pool], &[queue], &[limit]);
        let shown: Vec<(&str, Option<u64>, u64, u64)> = all
            .iter()
            .map(|(q, _)| (q.name.as_str(), q.slots, q.running, q.waiting))
            .collect();
        assert_eq!(
            shown,
            [
                ("work pool p", Some(3), 1, 1),
                ("p / default", None, 1, 1),
                ("limit deployment:d", Some(1), 1, 1)
            ]
        );
        assert_eq!(all[1].0.held_by, Some(SafeText::new("paused")));
    }
}
