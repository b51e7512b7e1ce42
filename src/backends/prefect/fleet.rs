//! The fleet: every deployment, its newest runs, and the tasks that matter in them. Read whole at the start and now
//! and then. In between events tell what changes; without them, what goes or ended lately is asked for.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};

use crate::backends::client::Trouble;
use crate::backends::filter::watched;
use crate::backends::poll::Urgency;
use crate::model::{Event, Pipeline, PipelineKey, SafeText, Schedule};
use crate::net::http::path;

use super::params::params;
use super::shared::{Deployed, Memory, Shared};
use super::tasks::Source;
use super::wire::{Deployment, Flow, FlowRun, TaskRun};
use super::{api, states, tell};

/// Deployments, at most.
const ALL: usize = 20_000;
/// Runs that go, at most: more are not followed one by one.
const GOING: usize = 2_000;
/// So many more requests for deployments whose last run is long over, or whose next is far away.
const OLDER: usize = 4;
/// Tasks that matter of 200 runs, at most.
const NOTABLE: usize = 2_000;
/// An end may be written down so long after the time that it carries, and clocks differ.
const OVERLAP: Duration = Duration::seconds(10);

/// Reads everything.
pub async fn resync(shared: &Shared, urgency: Urgency) -> Result<(), Trouble> {
    let began = shared.server_now() - OVERLAP;
    shared.memory().resync = false;
    let (deployments, _) = shared
        .list::<Deployment>(urgency, ALL, api::deployments)
        .await?;
    let (going, going_source) = shared
        .list::<FlowRun>(urgency, GOING, |offset| api::going(None, offset))
        .await?;
    let (over, over_source) = shared
        .list::<FlowRun>(urgency, 1, |_| api::over(&[], 0))
        .await?;
    let flows = deployments.rows.iter().map(|d| &d.flow_id);
    let flows: HashSet<String> = flows
        .chain(going.rows.iter().chain(&over.rows).map(|run| &run.flow_id))
        .cloned()
        .collect();
    name_flows(shared, urgency, &flows).await?;
    remember(shared, deployments.rows, deployments.complete);
    // names at once; the list is whole when their runs and failures are known too
    let list = tell::pipelines(&shared.memory());
    shared
        .emit(Event::Pipelines {
            list,
            complete: false,
        })
        .await?;

    let listed: HashSet<String> = going.rows.iter().map(|run| run.id.clone()).collect();
    let covered: HashSet<String> = over
        .rows
        .iter()
        .filter_map(|run| run.deployment_id.clone())
        .collect();
    let every = over.rows.len() < api::PAGE;
    tell::runs(shared, tell::from(going.rows, &going_source)).await?;
    tell::runs(shared, tell::from(over.rows, &over_source)).await?;
    if going.complete {
        missing(shared, urgency, &listed).await?;
    }
    let crowd = (!going.complete)
        .then(|| format!("of more than {GOING} runs that go only the newest are followed"));
    shared.worse(|worse| worse.crowd = crowd).await?;
    older(shared, urgency, covered, every).await?;
    next_runs(shared, urgency).await?;
    failures(shared, urgency).await?;
    let list = tell::pipelines(&shared.memory());
    let complete = deployments.complete;
    shared.emit(Event::Pipelines { list, complete }).await?;
    shared.memory().since = Some(began);
    Ok(())
}

async fn name_flows(
    shared: &Shared,
    urgency: Urgency,
    flows: &HashSet<String>,
) -> Result<(), Trouble> {
    let unknown: Vec<String> = {
        let memory = shared.memory();
        flows
            .iter()
            .filter(|id| !memory.flows.contains_key(*id))
            .cloned()
            .collect()
    };
    for ids in unknown.chunks(api::PAGE) {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (flows, _) = shared
            .list::<Flow>(urgency, 1, |_| api::flows(&ids))
            .await?;
        let mut memory = shared.memory();
        memory
            .flows
            .extend(flows.rows.into_iter().map(|flow| (flow.id, flow.name)));
    }
    Ok(())
}

fn remember(shared: &Shared, rows: Vec<Deployment>, complete: bool) {
    let mut memory = shared.memory();
    let mut all = HashMap::new();
    for row in rows {
        let Some(flow) = memory.flows.get(&row.flow_id) else {
            continue;
        };
        let name = format!("{flow}/{}", row.name);
        if !watched(&shared.filter, &name, row.tags.iter().map(String::as_str)) {
            memory.ignored.insert(row.id);
            continue;
        }
        let next = memory
            .deployments
            .get(&row.id)
            .and_then(|d| d.pipeline.schedule.next);
        let deployed = Deployed {
            pipeline: pipeline(shared, &row, &name, next),
            flow: row.flow_id.clone(),
            ready: row.status != "NOT_READY",
            scheduled: row.schedules.iter().any(|s| s.active),
        };
        all.insert(row.id, deployed);
    }
    if complete {
        memory.deployments = all;
    } else {
        memory.deployments.extend(all);
    }
    let there: HashSet<PipelineKey> = tell::pipelines(&memory)
        .into_iter()
        .map(|pipeline| pipeline.key)
        .collect();
    let Memory { runs, beats, .. } = &mut *memory;
    runs.retain(|_, known| there.contains(&known.key.pipeline));
    beats.retain(|id, _| runs.contains_key(id));
}

/// A deployment in our words.
fn pipeline(
    shared: &Shared,
    row: &Deployment,
    name: &str,
    next: Option<DateTime<Utc>>,
) -> Pipeline {
    let mut pipeline = Pipeline::new(shared.pipeline_key(name));
    pipeline.paused = row.paused;
    pipeline.tags = row.tags.iter().map(SafeText::new).collect();
    pipeline.schedule = Schedule {
        text: SafeText::new(schedule_text(row)),
        next: next.filter(|_| !row.paused),
    };
    pipeline.params = params(row);
    // Prefect writes the word itself where there is no description
    if row.description != "None" {
        pipeline.doc = SafeText::lines(row.description.trim_end());
    }
    let base = shared.http.base();
    // the pages of the cloud are on another host than its API
    pipeline.url = base
        .as_str()
        .trim_end_matches('/')
        .strip_suffix("/api")
        .map(|ui| {
            SafeText::new(format!(
                "{ui}{}",
                path(["deployments", "deployment", &row.id])
            ))
        });
    pipeline
}

/// "0 2 * * * (Europe/Berlin), every 60 s"
fn schedule_text(row: &Deployment) -> String {
    let on = row
        .schedules
        .iter()
        .filter(|s| s.active)
        .map(|s| &s.schedule);
    let texts = on.map(|schedule| {
        let zone = schedule["timezone"]
            .as_str()
            .filter(|zone| !matches!(*zone, "UTC" | ""));
        let zone = zone.map(|zone| format!(" ({zone})")).unwrap_or_default();
        if let Some(cron) = schedule["cron"].as_str() {
            format!("{cron}{zone}")
        } else if let Some(seconds) = schedule["interval"].as_f64() {
            format!("every {seconds} s")
        } else if let Some(rule) = schedule["rrule"].as_str() {
            format!("{rule}{zone}")
        } else {
            "some other way".to_owned()
        }
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// The newest runs of deployments that were not among the newest of all.
async fn older(
    shared: &Shared,
    urgency: Urgency,
    mut covered: HashSet<String>,
    every: bool,
) -> Result<(), Trouble> {
    for _ in 0..OLDER {
        let missing: Vec<String> = {
            let mut memory = shared.memory();
            let ran: HashSet<String> = memory
                .runs
                .values()
                .filter_map(|known| known.row.deployment_id.clone())
                .collect();
            let missing: Vec<String> = memory
                .deployments
                .keys()
                .filter(|id| !covered.contains(*id) && !ran.contains(*id))
                .filter(|id| !memory.never_ran.contains(*id))
                .take(api::PAGE)
                .cloned()
                .collect();
            if every {
                memory.never_ran.extend(missing);
                return Ok(());
            }
            missing
        };
        if missing.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = missing.iter().map(String::as_str).collect();
        let (found, source) = shared
            .list::<FlowRun>(urgency, 1, |_| api::over(&ids, 0))
            .await?;
        let whole = found.rows.len() < api::PAGE;
        covered.extend(
            found
                .rows
                .iter()
                .filter_map(|run| run.deployment_id.clone()),
        );
        tell::runs(shared, tell::from(found.rows, &source)).await?;
        if whole {
            let never = missing.into_iter().filter(|id| !covered.contains(id));
            shared.memory().never_ran.extend(never);
        }
    }
    Ok(())
}

/// When each deployment is to run next.
async fn next_runs(shared: &Shared, urgency: Urgency) -> Result<(), Trouble> {
    let mut next: HashMap<String, DateTime<Utc>> = HashMap::new();
    let mut asked: HashSet<String> = HashSet::new();
    for round in 0..OLDER {
        let wanted: Vec<String> = {
            let memory = shared.memory();
            let on = memory
                .deployments
                .iter()
                .filter(|(_, d)| d.scheduled && !d.pipeline.paused);
            let open = on
                .map(|(id, _)| id)
                .filter(|id| !next.contains_key(*id) && !asked.contains(*id));
            open.take(api::PAGE).cloned().collect()
        };
        if wanted.is_empty() {
            break;
        }
        // the first time for all at once: one deployment of every minute may fill the answer
        let ids: Vec<&str> = match round {
            0 => Vec::new(),
            _ => wanted.iter().map(String::as_str).collect(),
        };
        let (rows, _) = shared
            .list::<FlowRun>(urgency, 1, |_| api::planned(&ids))
            .await?;
        if rows.rows.len() < api::PAGE {
            asked.extend(wanted);
        }
        for row in rows.rows {
            if let (Some(id), Some(at)) = (row.deployment_id, row.expected_start_time) {
                let first = next.entry(id).or_insert(at);
                *first = at.min(*first);
            }
        }
    }
    let mut memory = shared.memory();
    for (id, deployed) in &mut memory.deployments {
        deployed.pipeline.schedule.next =
            next.get(id).copied().filter(|_| !deployed.pipeline.paused);
    }
    Ok(())
}

/// Runs that went when last heard of and are not among those that go: over, or deleted.
async fn missing(
    shared: &Shared,
    urgency: Urgency,
    listed: &HashSet<String>,
) -> Result<(), Trouble> {
    let ids: Vec<String> = {
        let memory = shared.memory();
        let going = memory
            .runs
            .iter()
            .filter(|(_, known)| !states::ended(&known.row.state.kind));
        going
            .map(|(id, _)| id)
            .filter(|id| !listed.contains(*id))
            .cloned()
            .collect()
    };
    for ids in ids.chunks(api::PAGE) {
        reread(shared, urgency, ids).await?;
    }
    Ok(())
}

/// Reads these runs (200 at most) again; those that are not there are forgotten.
async fn reread(shared: &Shared, urgency: Urgency, ids: &[String]) -> Result<(), Trouble> {
    let wanted: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (found, source) = shared
        .list::<FlowRun>(urgency, 1, |_| api::flow_runs(&wanted))
        .await?;
    let there: HashSet<&str> = found.rows.iter().map(|run| run.id.as_str()).collect();
    let gone: HashSet<String> = ids
        .iter()
        .filter(|id| !there.contains(id.as_str()))
        .cloned()
        .collect();
    tell::runs(shared, tell::from(found.rows, &source)).await?;
    if found.complete && !gone.is_empty() {
        tell::forget(shared, &gone).await?;
    }
    Ok(())
}

/// Runs that events spoke of and nobody knows, and task runs that they leave in doubt.
pub async fn strangers(shared: &Shared) -> Result<(), Trouble> {
    let ids: Vec<String> = std::mem::take(&mut shared.memory().strangers)
        .into_iter()
        .collect();
    for ids in ids.chunks(api::PAGE) {
        let wanted: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (found, source) = shared
            .list::<FlowRun>(Urgency::Now, 1, |_| api::flow_runs(&wanted))
            .await?;
        let flows: HashSet<String> = found.rows.iter().map(|run| run.flow_id.clone()).collect();
        name_flows(shared, Urgency::Now, &flows).await?;
        tell::runs(shared, tell::from(found.rows, &source)).await?;
    }
    let ids: Vec<String> = std::mem::take(&mut shared.memory().doubts)
        .into_iter()
        .collect();
    for ids in ids.chunks(api::PAGE) {
        let wanted: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (found, source) = shared
            .list::<TaskRun>(Urgency::WhenDue, 1, |_| api::tasks_by_id(&wanted))
            .await?;
        tell::tasks(shared, tell::from(found.rows, &source)).await?;
    }
    Ok(())
}

/// The failed, retrying and running tasks of every newest and every unfinished run, whatever the run's own state says.
async fn failures(shared: &Shared, urgency: Urgency) -> Result<(), Trouble> {
    let wanted: Vec<String> = {
        let memory = shared.memory();
        let mut newest: HashMap<&PipelineKey, (DateTime<Utc>, &str)> = HashMap::new();
        for (id, known) in &memory.runs {
            let at = known
                .row
                .expected_start_time
                .unwrap_or(DateTime::<Utc>::MIN_UTC);
            let first = newest.entry(&known.key.pipeline).or_insert((at, id));
            if at > first.0 {
                *first = (at, id);
            }
        }
        let newest: HashSet<&str> = newest.values().map(|(_, id)| *id).collect();
        let matters = memory.runs.iter().filter(|(id, known)| {
            let began = known.row.run_count > 0;
            let going = !states::ended(&known.row.state.kind);
            began && !known.loaded() && !known.examined && (going || newest.contains(id.as_str()))
        });
        matters.map(|(id, _)| id.clone()).collect()
    };
    for runs in wanted.chunks(api::PAGE) {
        examine(shared, urgency, runs).await?;
    }
    Ok(())
}

/// Reads the tasks that matter of these runs (200 at most).
async fn examine(shared: &Shared, urgency: Urgency, runs: &[String]) -> Result<(), Trouble> {
    let ids: Vec<&str> = runs.iter().map(String::as_str).collect();
    let (found, source) = shared
        .list::<TaskRun>(urgency, NOTABLE, |offset| api::notable_tasks(&ids, offset))
        .await?;
    let listed: HashSet<String> = found.rows.iter().map(|task| task.id.clone()).collect();
    tell::tasks(shared, tell::from(found.rows, &source)).await?;
    // what mattered and does not any more
    let past: Vec<String> = {
        let memory = shared.memory();
        let known = runs.iter().filter_map(|id| memory.runs.get(id));
        let rows = known.flat_map(|known| known.tasks.rows());
        let left = rows.filter(|row| !states::ended(&row.state.kind) && !listed.contains(&row.id));
        left.map(|row| row.id.clone()).take(api::PAGE).collect()
    };
    if !past.is_empty() {
        let ids: Vec<&str> = past.iter().map(String::as_str).collect();
        let (rows, source) = shared
            .list::<TaskRun>(urgency, 1, |_| api::tasks_by_id(&ids))
            .await?;
        tell::tasks(shared, tell::from(rows.rows, &source)).await?;
    }
    let _turn = shared.turn().await;
    let mut events = Vec::new();
    {
        let mut memory = shared.memory();
        for id in runs {
            let Some(known) = memory.runs.get_mut(id) else {
                continue;
            };
            known.examined = states::ended(&known.row.state.kind);
            events.push(Event::Nodes {
                run: known.key.clone(),
                list: vec![known.tasks.flow_node(&known.row, &known.flow)],
                complete: false,
            });
        }
    }
    for event in events {
        shared.emit(event).await?;
    }
    Ok(())
}

/// What changed since the last look, where no events tell.
pub async fn changes(shared: &Shared) -> Result<(), Trouble> {
    let began = shared.server_now() - OVERLAP;
    let since = shared.memory().since;
    let (rows, source): (_, Source) = shared
        .list::<FlowRun>(Urgency::WhenDue, GOING, |offset| api::going(since, offset))
        .await?;
    let listed: HashSet<String> = rows.rows.iter().map(|run| run.id.clone()).collect();
    tell::runs(shared, tell::from(rows.rows, &source)).await?;
    if rows.complete {
        missing(shared, Urgency::WhenDue, &listed).await?;
    }
    failures(shared, Urgency::WhenDue).await?;
    shared.memory().since = Some(began);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn only_schedules_that_are_on_are_named() {
        let row: Deployment =
            serde_json::from_value(json!({"id": "d", "flow_id": "f", "schedules": [
            {"active": true, "schedule": {"cron": "0 2 * * *", "timezone": "Europe/Berlin"}},
            {"active": false, "schedule": {"cron": "0 3 * * *"}},
            {"active": true, "schedule": {"interval": 60.0, "timezone": "UTC"}},
            {"active": true, "schedule": {"moon": "full"}}]}))
            .unwrap();
        assert_eq!(
            schedule_text(&row),
            "0 2 * * * (Europe/Berlin), every 60 s, some other way"
        );
    }
}
