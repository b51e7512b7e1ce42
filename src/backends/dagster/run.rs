//! A run in view: the plans of its family before a step has begun, overlaid with what the steps are at; then kept
//! current by the events of its newest run.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::backends::EngineGone;
use crate::backends::client::Trouble;
use crate::backends::poll::{Schedule, Urgency};
use crate::model::{Event as Told, PipelineKey, RunKey};

use super::api::{self, Lists};
use super::feed::Feed;
use super::shared::Shared;
use super::wire::{Event, RunGroup, RunStatus, Runs};
use super::{config, gql, tell};

/// Between two readings of a run whose events come by themselves, and of one that is over.
const CALM: Duration = Duration::from_secs(60);
/// Runs of a job that is looked at.
const HISTORY: usize = 40;

/// Keeps one run loaded for as long as it is in view. Ends only with the engine.
pub async fn follow(shared: Arc<Shared>, key: RunKey) {
    shared.memory().open.entry(key.clone()).or_default();
    let mut schedule = Schedule::new(shared.refresh, key.run.raw().len() as u64);
    let mut urgency = Urgency::Now;
    // held here, so that it ends with this
    let mut feed: Option<(String, Arc<Feed>)> = None;
    loop {
        let began = Instant::now();
        match load(&shared, &key, urgency).await {
            Ok(newest) => {
                if feed.as_ref().map(|(run, _)| run) != newest.as_ref() {
                    feed = newest.map(|run| (run.clone(), Feed::of(&shared, &run)));
                }
                let live = feed.as_ref().is_some_and(|(_, feed)| feed.live());
                let calm = live || over(&shared, &key);
                let pause = if calm { CALM } else { shared.look() };
                schedule.set_base(pause);
                schedule.succeeded(began.elapsed());
                urgency = Urgency::WhenDue;
            }
            Err(Trouble::Gone(_)) => return,
            Err(Trouble::Http(error)) => {
                schedule.set_base(shared.look());
                schedule.failed(error.retry_after());
                let what = format!("run {}: {error}", key.run.raw());
                if shared.complain(what).await.is_err() {
                    return;
                }
            }
        }
        let due = Instant::now() + schedule.wait();
        loop {
            let asked = shared.reload.notified();
            if shared
                .memory()
                .open
                .get(&key)
                .is_some_and(|open| open.reload)
            {
                urgency = Urgency::Now;
                break;
            }
            tokio::select! {
                () = tokio::time::sleep_until(due) => break,
                () = asked => {}
            }
        }
    }
}

fn over(shared: &Shared, key: &RunKey) -> bool {
    let memory = shared.memory();
    memory
        .families
        .get(key.run.raw())
        .is_some_and(|family| family.ended())
}

/// A run is not in view any more.
pub fn close(shared: &Shared, key: &RunKey) {
    let mut memory = shared.memory();
    memory.open.remove(key);
    if let Some(family) = memory.families.get_mut(key.run.raw()) {
        // of what is over, nothing more will be told
        family
            .told
            .retain(|_, node| !node.state.ended() || node.state.problem());
    }
}

/// Reads the family with its plans, and tells of it. Says which run is its newest.
async fn load(shared: &Shared, key: &RunKey, urgency: Urgency) -> Result<Option<String>, Trouble> {
    if let Some(open) = shared.memory().open.get_mut(key) {
        open.reload = false;
    }
    // plans don't change: they are read again only when there is a run without
    let planned = {
        let memory = shared.memory();
        let family = memory.families.get(key.run.raw());
        family.is_some_and(|f| f.rooted() && f.members.iter().all(|k| k.plan.is_some()))
    };
    group(shared, key, urgency, !planned).await?;
    let newest = {
        let mut memory = shared.memory();
        let newest = memory
            .families
            .get(key.run.raw())
            .and_then(|family| family.last())
            .map(|known| known.run.run_id.clone());
        if let Some(open) = memory.open.get_mut(key) {
            open.loaded = true;
        }
        newest
    };
    tell::nodes(shared, key).await?;
    Ok(newest)
}

/// Reads a family and remembers it.
pub async fn group(
    shared: &Shared,
    key: &RunKey,
    urgency: Urgency,
    whole: bool,
) -> Result<(), Trouble> {
    let mut lists = Lists::new();
    lists.group("group", key.run.raw(), whole);
    let (query, variables) = lists.finish();
    let mut reply = gql::ask(shared, urgency, &query, variables).await?;
    let group: RunGroup = reply.take("group")?;
    for bad in &group.runs.bad {
        shared
            .complain(format!("run {}: {bad}", key.run.raw()))
            .await?;
    }
    tell::runs(shared, group.runs.rows).await?;
    Ok(())
}

/// Whether a run is over with this event.
pub fn ends(event: &Event) -> bool {
    status(event).is_some_and(RunStatus::ended)
}

/// What a run is with this event.
fn status(event: &Event) -> Option<RunStatus> {
    let kind = event.event_type.as_deref()?;
    // versions before 1.0 said PIPELINE
    let word = kind
        .strip_prefix("RUN_")
        .or_else(|| kind.strip_prefix("PIPELINE_"))?;
    Some(match word {
        "ENQUEUED" => RunStatus::Queued,
        "STARTING" => RunStatus::Starting,
        "START" => RunStatus::Started,
        "SUCCESS" => RunStatus::Success,
        "FAILURE" => RunStatus::Failure,
        "CANCELING" => RunStatus::Canceling,
        "CANCELED" => RunStatus::Canceled,
        _ => return None,
    })
}

/// Takes in events of a run, and tells what changed by them.
pub async fn happened(shared: &Shared, run: &str, events: &[Event]) -> Result<(), EngineGone> {
    let mut told = None;
    let key = {
        let mut memory = shared.memory();
        let found = memory.families.iter_mut().find_map(|(root, family)| {
            let at = family.members.iter().position(|k| k.run.run_id == run)?;
            Some((root.clone(), family, at))
        });
        let Some((root, family, at)) = found else {
            return Ok(());
        };
        let key = shared.run_key(&family.pipeline, &root);
        let newest = at + 1 == family.members.len();
        let known = &mut family.members[at];
        let table = known.table.get_or_insert_default();
        for event in events {
            table.apply(event);
            let (Some(status), Some(at)) = (status(event), event.timestamp) else {
                continue;
            };
            // an event that was on its way for longer takes nothing back
            let news = !known.run.status.ended() && known.run.update_time.is_none_or(|t| t < at);
            if news && known.run.status != status {
                known.run.status = status;
                known.run.update_time = Some(at);
                match status {
                    RunStatus::Started => known.run.start_time = Some(at),
                    s if s.ended() => known.run.end_time = Some(at),
                    _ => {}
                }
                if newest {
                    told = Some(());
                }
            }
        }
        if told.is_some() {
            Some((key.clone(), Some(tell::run(key, family))))
        } else {
            Some((key, None))
        }
    };
    if let Some((key, run)) = key {
        if let Some(run) = run {
            shared.emit(Told::Runs { list: vec![run] }).await?;
        }
        tell::nodes(shared, &key).await?;
    }
    Ok(())
}

/// The newest runs of a job that is looked at, and what it asks for at a launch.
pub async fn history(shared: &Shared, key: &PipelineKey) -> Result<(), Trouble> {
    let pipeline = key.pipeline.raw();
    let Some(job) = shared.memory().jobs.get(pipeline).cloned() else {
        return Ok(());
    };
    config::describe(shared, key, Urgency::Now).await?;
    let mut lists = Lists::new();
    lists.runs("runs", json!({"pipelineName": job.name}), None, HISTORY);
    let (query, variables) = lists.finish();
    let mut reply = gql::ask(shared, Urgency::Now, &query, variables).await?;
    let runs: Runs = reply.take("runs")?;
    let whole = runs.results.rows.len() < HISTORY && runs.results.bad.is_empty();
    let there: std::collections::HashSet<String> =
        runs.results.rows.iter().map(|r| r.run_id.clone()).collect();
    tell::runs(shared, runs.results.rows).await?;
    if whole {
        // what is not in the whole list was deleted
        shared.memory().families.retain(|_, family| {
            family.pipeline != pipeline
                || family.members.iter().any(|k| there.contains(&k.run.run_id))
        });
        let list = shared.runs_of(pipeline);
        shared
            .emit(Told::RunsComplete {
                pipeline: key.clone(),
                list,
            })
            .await?;
    }
    Ok(())
}

/// The query for one page of active runs; also what an emergency stop reads.
pub async fn active(shared: &Shared, urgency: Urgency) -> Result<Vec<super::wire::Run>, Trouble> {
    let mut lists = Lists::new();
    lists.runs("active", api::active(), None, api::PAGE * 5);
    let (query, variables) = lists.finish();
    let mut reply = gql::ask(shared, urgency, &query, variables).await?;
    let runs: Runs = reply.take("active")?;
    Ok(runs.results.rows)
}
