//! What surrounds the runs: daemons, the queue, pools and who holds their slots, code locations, and what schedules and
//! sensors complain about.

use std::collections::HashMap;

use serde_json::json;

use crate::backends::EngineGone;
use crate::backends::client::Trouble;
use crate::backends::poll::Urgency;
use crate::model::{Component, Event, Notice, NoticeLevel, Queue, RunKey, SafeText};

use super::shared::{Memory, Shared};
use super::side;
use super::wire::{Daemon, Instance, Pool, RunStatus, Slot};
use super::{api, gql, tell};

pub async fn look(shared: &Shared, urgency: Urgency) -> Result<(), Trouble> {
    let mut reply = gql::ask(shared, urgency, api::SYSTEM, json!({})).await?;
    let instance: Instance = reply.take("instance")?;
    for bad in &instance.concurrency_limits.bad {
        shared.complain(format!("pools{bad}")).await?;
    }
    let daemons = instance
        .daemon_health
        .unwrap_or_default()
        .all_daemon_statuses
        .rows;
    let parts = components(shared, &daemons);
    shared.emit(Event::Components(parts)).await?;
    let pools = instance.concurrency_limits.rows;
    let queues = queues(
        &shared.memory(),
        &pools,
        instance.run_queue_config.map(|q| q.max_concurrent_runs),
    );
    shared.emit(Event::Queues(queues)).await?;
    waits(shared, pools).await?;
    shared
        .emit(Event::Notices(notices(shared, &daemons)))
        .await?;
    side::tell(shared).await?;
    Ok(())
}

/// A daemon that could not carry something out is healthy all the same: what it says stands in its note.
fn components(shared: &Shared, daemons: &[Daemon]) -> Vec<Component> {
    let mut list: Vec<Component> = daemons
        .iter()
        .filter(|daemon| daemon.required)
        .map(|daemon| Component {
            name: SafeText::new(format!(
                "{} daemon",
                daemon
                    .daemon_type
                    .to_lowercase()
                    .trim_end_matches("_daemon")
                    .replace('_', " ")
            )),
            healthy: daemon.healthy,
            heartbeat: daemon.last_heartbeat_time,
            note: daemon
                .last_heartbeat_errors
                .first()
                .map(|error| SafeText::new(gql::first_line(&error.own().message))),
        })
        .collect();
    let memory = shared.memory();
    list.extend(memory.locations.iter().map(|location| {
        let broken = location.broken();
        Component {
            name: SafeText::new(format!("code location {}", location.name)),
            healthy: match location.load_status.as_str() {
                "LOADED" => Some(broken.is_none()),
                _ => None,
            },
            heartbeat: super::wire::at_seconds(location.updated_timestamp)
                .filter(|_| location.updated_timestamp > 0.0),
            note: broken.map(|error| SafeText::new(gql::first_line(&error.message))),
        }
    }));
    list
}

fn queues(memory: &Memory, pools: &[Pool], most: Option<i64>) -> Vec<Queue> {
    let count = |of: fn(RunStatus) -> bool| {
        let newest = memory.families.values().filter_map(|f| f.last());
        newest.filter(|known| of(known.run.status)).count() as u64
    };
    let mut list = vec![Queue {
        name: SafeText::new("runs"),
        slots: most.and_then(|n| u64::try_from(n).ok()),
        running: count(|s| {
            matches!(
                s,
                RunStatus::Started | RunStatus::Starting | RunStatus::Canceling
            )
        }),
        waiting: count(|s| matches!(s, RunStatus::Queued | RunStatus::NotStarted)),
        held_by: None,
    }];
    list.extend(pools.iter().map(|pool| Queue {
        name: SafeText::new(pool_name(pool)),
        slots: pool.limit.or(Some(pool.slot_count)),
        running: pool.active_slot_count,
        waiting: waiting(pool).count() as u64,
        held_by: held_by(memory, pool),
    }));
    list
}

/// Steps that wait for a slot; one that has been given a slot is among them until it begins.
pub fn waiting(pool: &Pool) -> impl Iterator<Item = &Slot> {
    pool.pending_steps
        .iter()
        .filter(|slot| slot.assigned_timestamp.is_none())
}

/// The name under which a pool is listed.
pub fn pool_name(pool: &Pool) -> String {
    format!("pool {}", pool.concurrency_key)
}

/// Runs that are over and still hold slots of a pool.
pub fn leaks<'a>(memory: &'a Memory, pool: &'a Pool) -> impl Iterator<Item = &'a str> {
    let over = |run: &str| {
        let members = memory.families.values().flat_map(|f| &f.members);
        let mut known = members.filter(|k| k.run.run_id == run);
        known.next().is_some_and(|k| k.run.status.ended())
    };
    pool.claimed_slots
        .iter()
        .map(|slot| slot.run_id.as_str())
        .filter(move |run| over(run))
}

/// "pooled / hold and 2 more"
pub fn held_by(memory: &Memory, pool: &Pool) -> Option<SafeText> {
    let first = pool.claimed_slots.first()?;
    let more = match pool.claimed_slots.len() {
        1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    Some(SafeText::new(format!("{}{more}", slot_name(memory, first))))
}

/// "pooled / hold", or the run's id where the run is not known.
pub fn slot_name(memory: &Memory, slot: &Slot) -> String {
    let job = memory
        .families
        .values()
        .flat_map(|f| &f.members)
        .find(|k| k.run.run_id == slot.run_id)
        .map(|k| k.run.job_name.as_str());
    format!("{} / {}", job.unwrap_or(&slot.run_id), slot.step_key)
}

/// Remembers who waits for a slot, and tells of those runs.
async fn waits(shared: &Shared, pools: Vec<Pool>) -> Result<(), EngineGone> {
    let keys: Vec<RunKey> = {
        let mut memory = shared.memory();
        let mut waits = HashMap::new();
        for pool in &pools {
            let by = held_by(&memory, pool)
                .map(|who| format!(", held by {who}"))
                .unwrap_or_default();
            let what = SafeText::new(format!("a slot of pool {}{by}", pool.concurrency_key));
            for slot in waiting(pool) {
                waits.insert((slot.run_id.clone(), slot.step_key.clone()), what.clone());
            }
        }
        memory.pools = pools;
        let changed = |run: &str| {
            let of = |all: &HashMap<(String, String), SafeText>| {
                let mut list: Vec<_> = all
                    .iter()
                    .filter(|((r, _), _)| r == run)
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect();
                list.sort();
                list
            };
            of(&waits) != of(&memory.waits)
        };
        let touched: std::collections::HashSet<String> = waits
            .keys()
            .chain(memory.waits.keys())
            .map(|(run, _)| run.clone())
            .filter(|run| changed(run))
            .collect();
        memory.waits = waits;
        memory
            .families
            .iter()
            .filter(|(_, f)| f.members.iter().any(|k| touched.contains(&k.run.run_id)))
            .map(|(root, f)| shared.run_key(&f.pipeline, root))
            .collect()
    };
    for key in keys {
        tell::nodes(shared, &key).await?;
    }
    Ok(())
}

/// Broken code locations, and the last tick of a schedule or sensor when it failed.
fn notices(shared: &Shared, daemons: &[Daemon]) -> Vec<Notice> {
    let memory = shared.memory();
    let mut list: Vec<Notice> = Vec::new();
    for location in &memory.locations {
        if let Some(error) = location.broken() {
            let mut text = SafeText::lines(&error.stack.concat());
            text.extend(SafeText::lines(error.message.trim_end()));
            list.push(Notice {
                subject: SafeText::new(format!("code location {}", location.name)),
                level: NoticeLevel::Error,
                text,
                at: super::wire::at_seconds(location.updated_timestamp),
            });
        }
    }
    for instigators in memory.automation.values() {
        let schedules = instigators
            .schedules
            .iter()
            .map(|s| ("schedule", &s.name, &s.schedule_state));
        let sensors = instigators
            .sensors
            .iter()
            .map(|s| ("sensor", &s.name, &s.sensor_state));
        for (kind, name, state) in schedules.chain(sensors) {
            let last = state.ticks.first();
            if let Some((tick, error)) = last
                .and_then(|t| Some((t, t.error.as_ref()?)))
                .filter(|_| state.runs())
            {
                list.push(Notice {
                    subject: SafeText::new(format!("{kind} {name}")),
                    level: NoticeLevel::Error,
                    text: SafeText::lines(error.own().message.trim_end()),
                    at: tick.timestamp,
                });
            }
        }
    }
    for pool in &memory.pools {
        let leaked = leaks(&memory, pool).count();
        if leaked > 0 {
            let what = format!(
                "{leaked} of its slots are held by runs that are over: cancel on this queue frees them"
            );
            list.push(Notice {
                subject: SafeText::new(pool_name(pool)),
                level: NoticeLevel::Warning,
                text: SafeText::lines(&what),
                at: None,
            });
        }
    }
    for daemon in daemons
        .iter()
        .filter(|d| d.required && d.healthy == Some(false))
    {
        list.push(Notice {
            subject: SafeText::new(format!("{} daemon", daemon.daemon_type.to_lowercase())),
            level: NoticeLevel::Error,
            text: SafeText::lines(
                "no heartbeat: what it does is not done, runs or schedules may not start",
            ),
            at: daemon.last_heartbeat_time,
        });
    }
    list
}
