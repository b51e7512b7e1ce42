//! A run in view: its task runs, its subflows, what they report. Loaded whole when it comes into view and now and then
//! after; in between events keep it current, or, without them, a question for what changed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::backends::client::Trouble;
use crate::backends::poll::{Schedule, Urgency};
use crate::model::{Event, PipelineKey, RunKey};
use crate::net::http::HttpError;

use super::shared::{Open, Shared};
use super::wire::{Artifact, FlowRun, Graph, State, TaskRun};
use super::{api, states, tell};

/// So many task runs are read of one run.
const MOST: usize = 20_000;
/// So deep may subflows lie in each other.
const DEEP: usize = 8;
/// Between two readings of everything.
const WHOLE: Duration = Duration::from_secs(60);
/// The shape is not told more often than this.
const SHAPE: Duration = Duration::from_millis(200);

/// Keeps one run loaded for as long as it is in view. Ends only with the engine.
pub async fn follow(shared: Arc<Shared>, key: RunKey) {
    let id = key.run.raw();
    open(&shared, id);
    let mut schedule = Schedule::new(shared.refresh, id.len() as u64);
    let mut whole = Some(Urgency::Now);
    let mut read_at = Instant::now();
    let mut since = shared.server_now();
    loop {
        let began = Instant::now();
        let at = shared.server_now() - chrono::Duration::seconds(10);
        let looked = match whole {
            Some(urgency) => load(&shared, &key, urgency).await,
            None if shared.live() || over(&shared, id) => Ok(()),
            None => changes(&shared, id, since).await,
        };
        match looked {
            // a run that nobody had heard of is known now
            Ok(()) if whole.is_some() && open(&shared, id) => continue,
            Ok(()) => {
                if whole.take().is_some() {
                    read_at = began;
                }
                since = at;
                schedule.succeeded(began.elapsed());
            }
            Err(Trouble::Gone(_)) => return,
            Err(Trouble::Http(error)) => {
                schedule.failed(error.retry_after());
                let what = format!("run {id}: {error}");
                if shared.complain(what).await.is_err() {
                    return;
                }
            }
        }
        let quiet = shared.live() || over(&shared, id);
        let next = match schedule.failures() {
            0 if quiet => read_at + WHOLE.max(schedule.wait()),
            _ => Instant::now() + schedule.wait(),
        };
        loop {
            let asked = shared.reload.notified();
            tokio::pin!(asked);
            asked.as_mut().enable();
            let (reload, dirty) = wishes(&shared, id);
            // a run that was only planned when it was looked for has begun
            if reload || open(&shared, id) {
                whole = Some(Urgency::Now);
                break;
            }
            if dirty {
                if tell_shape(&shared, id).await.is_err() {
                    return;
                }
                tokio::time::sleep(SHAPE).await;
                continue;
            }
            if shared.live() != quiet && !over(&shared, id) {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep_until(next) => break,
                () = asked => {}
            }
        }
        if read_at.elapsed() >= WHOLE && whole.is_none() {
            whole = Some(Urgency::WhenDue);
        }
    }
}

/// Marks a run as one in view. Says whether that is news.
fn open(shared: &Shared, id: &str) -> bool {
    let mut memory = shared.memory();
    memory.runs.get_mut(id).is_some_and(|known| {
        let new = known.open.is_none();
        known.open.get_or_insert_with(Open::default);
        new
    })
}

/// A run is not in view any more.
pub fn close(shared: &Shared, key: &RunKey) {
    let mut memory = shared.memory();
    let id = key.run.raw();
    memory.roots.retain(|_, root| root != id);
    if let Some(known) = memory.runs.get_mut(id) {
        known.open = None;
    }
}

/// Whether nothing more happens in it by itself.
fn over(shared: &Shared, id: &str) -> bool {
    let memory = shared.memory();
    memory.runs.get(id).is_some_and(|known| {
        let busy = |row: &TaskRun| row.state.kind == "RUNNING";
        states::ended(&known.row.state.kind) && !known.tasks.rows().any(busy)
    })
}

/// Whether it is to be loaded again, and whether its shape is to be told again.
fn wishes(shared: &Shared, id: &str) -> (bool, bool) {
    let mut memory = shared.memory();
    let open = memory
        .runs
        .get_mut(id)
        .and_then(|known| known.open.as_mut());
    open.map_or((false, false), |open| {
        (
            std::mem::take(&mut open.reload),
            std::mem::take(&mut open.dirty),
        )
    })
}

/// Reads the run itself, and tells of it.
pub async fn row(shared: &Shared, id: &str, urgency: Urgency) -> Result<FlowRun, Trouble> {
    let asked = super::tasks::Source::Asked(Instant::now());
    let row: FlowRun = shared.ask(urgency, &api::flow_run(id)).await?;
    tell::runs(shared, vec![(row.clone(), asked)]).await?;
    Ok(row)
}

/// Loads the run whole, and tells of it if it is in view.
pub async fn load(shared: &Shared, key: &RunKey, urgency: Urgency) -> Result<(), Trouble> {
    let id = key.run.raw();
    row(shared, id, urgency).await?;
    let graph = match shared.ask::<Graph>(urgency, &api::graph(id)).await {
        Ok(graph) => graph,
        // a graph of too many nodes is refused; it only adds to what the task runs tell
        Err(
            HttpError::Refused { .. } | HttpError::NotFound { .. } | HttpError::BadAnswer { .. },
        ) => Graph::default(),
        Err(error) => return Err(error.into()),
    };
    let mut family = vec![id.to_owned()];
    let mut level = family.clone();
    let has_subflow = |graph: &Graph| graph.nodes.iter().any(|(_, node)| node.kind == "flow-run");
    // a graph that could not be read may hold subflows
    if has_subflow(&graph) || graph.nodes.is_empty() {
        for _ in 0..DEEP {
            let ids: Vec<&str> = level.iter().map(String::as_str).take(api::PAGE).collect();
            let (found, _) = shared
                .list::<FlowRun>(urgency, 1, |_| api::subflows(&ids))
                .await?;
            level = found.rows.iter().map(|run| run.id.clone()).collect();
            if level.is_empty() {
                break;
            }
            let mut memory = shared.memory();
            for row in found.rows {
                memory.roots.insert(row.id.clone(), id.to_owned());
                if let Some(known) = memory.runs.get_mut(id) {
                    known.tasks.see_subflow(row);
                }
            }
            family.extend(level.iter().cloned());
        }
    }
    let ids: Vec<&str> = family.iter().map(String::as_str).take(api::PAGE).collect();
    let (tasks, source) = shared
        .list::<TaskRun>(urgency, MOST, |offset| api::task_runs(&ids, offset))
        .await?;
    let listed: HashSet<String> = tasks.rows.iter().map(|task| task.id.clone()).collect();
    // names may change: nothing is told in between
    let turn = shared.turn().await;
    {
        let mut memory = shared.memory();
        let Some(known) = memory.runs.get_mut(id) else {
            return Ok(());
        };
        for task in tasks.rows {
            known.tasks.see(task, &source);
        }
        if tasks.complete {
            known.tasks.keep(&listed, &source);
        }
        known.tasks.begin(began(&graph.states));
        for (task, node) in &graph.nodes {
            for artifact in &node.artifacts {
                if let Some(percent) = percent(artifact) {
                    known.tasks.see_progress(task, percent);
                }
            }
        }
        if let Some(open) = &mut known.open {
            open.loaded = true;
            open.dirty = false;
        }
    }
    shape(shared, id).await?;
    drop(turn);
    let busy = family.len() > 1 && !over(shared, id);
    if busy {
        progress(shared, &ids).await?;
    }
    Ok(())
}

/// When the process that runs the flow now was asked for, if it is not the first: a retry and a resume after a
/// suspension run the flow from its beginning, and the tasks of the last time are still listed.
fn began(history: &[State]) -> Option<DateTime<Utc>> {
    let ran = history.iter().position(|state| state.kind == "RUNNING")?;
    let later = history.get(ran..)?;
    // `Submitting` follows on `Pending`: the first of them
    let last = later.iter().rposition(|state| state.kind == "PENDING")?;
    let first = later[..last]
        .iter()
        .rposition(|state| state.kind != "PENDING")?
        + 1;
    later.get(first)?.timestamp
}

fn percent(artifact: &Artifact) -> Option<f64> {
    (artifact.kind.as_deref() == Some("progress"))
        .then(|| artifact.data.as_f64())
        .flatten()
}

async fn progress(shared: &Shared, runs: &[&str]) -> Result<(), Trouble> {
    let (found, _) = shared
        .list::<Artifact>(Urgency::WhenDue, 1, |_| api::progress(runs))
        .await?;
    let mut reports = Vec::new();
    for artifact in &found.rows {
        if let (Some(task), Some(percent)) = (&artifact.task_run_id, percent(artifact)) {
            let flow_run = runs.first().copied().unwrap_or_default();
            reports.push((flow_run.to_owned(), task.clone(), percent));
        }
    }
    tell::progress(shared, &reports).await?;
    Ok(())
}

/// Tells shape and nodes of a run in view.
async fn tell_shape(shared: &Shared, id: &str) -> Result<(), Trouble> {
    let _turn = shared.turn().await;
    shape(shared, id).await
}

/// As [`tell_shape`], for whoever holds the turn.
async fn shape(shared: &Shared, id: &str) -> Result<(), Trouble> {
    let told = {
        let memory = shared.memory();
        memory
            .runs
            .get(id)
            .filter(|known| known.loaded())
            .map(|known| {
                let topology = known.tasks.topology(&known.row, &known.flow);
                let nodes = known.tasks.nodes(&known.row, &known.flow);
                (known.key.clone(), topology, nodes)
            })
    };
    let Some((run, topology, list)) = told else {
        return Ok(());
    };
    shared
        .emit(Event::Topology {
            run: run.clone(),
            topology,
        })
        .await?;
    shared
        .emit(Event::Nodes {
            run,
            list,
            complete: true,
        })
        .await?;
    Ok(())
}

/// What changed since then, where no events tell.
async fn changes(shared: &Shared, id: &str, since: DateTime<Utc>) -> Result<(), Trouble> {
    let family: Vec<String> = {
        let memory = shared.memory();
        let subflows = memory
            .runs
            .get(id)
            .into_iter()
            .flat_map(|known| known.tasks.subflows());
        std::iter::once(id)
            .chain(subflows)
            .map(str::to_owned)
            .collect()
    };
    let ids: Vec<&str> = family.iter().map(String::as_str).take(api::PAGE).collect();
    let (tasks, source) = shared
        .list::<TaskRun>(Urgency::WhenDue, MOST, |offset| {
            api::tasks_since(&ids, since, offset)
        })
        .await?;
    let busy = tasks.rows.iter().any(|task| task.state.kind == "RUNNING");
    tell::tasks(shared, tell::from(tasks.rows, &source)).await?;
    if busy {
        progress(shared, &ids).await?;
    }
    Ok(())
}

/// The newest runs of a pipeline that is looked at.
pub async fn history(shared: &Shared, key: &PipelineKey) -> Result<(), Trouble> {
    let (deployment, flow) = {
        let memory = shared.memory();
        let name = key.pipeline.raw();
        let undeployed = memory.undeployed.iter().find(|(_, p)| &p.key == key);
        match (memory.deployment(name), undeployed) {
            (Some((id, deployed)), _) => (Some(id.to_owned()), deployed.flow.clone()),
            (None, Some((flow, _))) => (None, flow.clone()),
            (None, None) => return Ok(()),
        }
    };
    let call = api::history(deployment.as_deref(), &flow, shared.server_now());
    let (found, source) = shared
        .list::<FlowRun>(Urgency::Now, 1, |_| call.clone())
        .await?;
    let listed: HashSet<String> = found.rows.iter().map(|run| run.id.clone()).collect();
    let oldest = found
        .rows
        .iter()
        .filter_map(|run| run.expected_start_time)
        .min();
    tell::runs(shared, tell::from(found.rows, &source)).await?;
    let gone: HashSet<String> = {
        let memory = shared.memory();
        let own = memory
            .runs
            .iter()
            .filter(|(_, known)| known.key.pipeline == *key);
        let within = own.filter(|(_, known)| known.row.expected_start_time >= oldest);
        within
            .filter(|(id, known)| !listed.contains(*id) && states::ended(&known.row.state.kind))
            .map(|(id, _)| id.clone())
            .collect()
    };
    if !gone.is_empty() {
        tell::forget(shared, &gone).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn history(words: &[&str]) -> Vec<State> {
        let each = words.iter().enumerate();
        each.map(|(second, kind)| {
            let at = format!("2026-11-20T20:00:{second:02}Z");
            serde_json::from_value(json!({"type": kind, "timestamp": at})).unwrap()
        })
        .collect()
    }

    #[test]
    fn another_process_began_when_it_was_asked_for_after_the_first_had_run() {
        let second = |words: &[&str]| began(&history(words)).map(|at| at.format("%S").to_string());
        assert_eq!(second(&[]), None);
        assert_eq!(
            second(&["SCHEDULED", "PENDING", "PENDING", "RUNNING", "FAILED"]),
            None
        );
        // paused and resumed within one process
        assert_eq!(second(&["PENDING", "RUNNING", "PAUSED", "RUNNING"]), None);
        let retried = [
            "PENDING",
            "RUNNING",
            "FAILED",
            "SCHEDULED",
            "PENDING",
            "PENDING",
            "RUNNING",
        ];
        assert_eq!(second(&retried).as_deref(), Some("04"));
    }
}
