//! Telling the engine of runs and task runs, and remembering what was told.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};
use serde_json::Value;

use crate::backends::EngineGone;
use crate::backends::filter::watched;
use crate::model::{Event, Node, Pipeline, PipelineKey, Run, RunKey, RunState, SafeText};

use super::shared::{Deployed, Known, Memory, Shared};
use super::states;
use super::tasks::Source;
use super::wire::{FlowRun, TaskRun};

/// What is planned for so soon has been asked for: the server's clock is known to the second only.
const MOMENT: Duration = Duration::seconds(2);
/// Runs of one pipeline that are remembered.
const KEPT: usize = 60;

/// A run in our words.
pub fn run(known: &Known) -> Run {
    let row = &known.row;
    let mut run = Run::new(known.key.clone(), ordered_at(row));
    run.state = match states::run_state(&row.state) {
        RunState::Running if known.lost => RunState::Lost,
        state => state,
    };
    run.native = match run.state {
        RunState::Lost => SafeText::new("Running, without a heartbeat"),
        _ => states::native(&row.state),
    };
    run.queued_at = row.created;
    run.started_at = row.start_time;
    run.ended_at = row.end_time.filter(|_| states::ended(&row.state.kind));
    let version = row.deployment_version.as_ref();
    run.version = version.or(row.flow_version.as_ref()).map(SafeText::new);
    let by = match &row.created_by {
        _ if row.auto_scheduled => "scheduled".to_owned(),
        Some(by) if !by.display_value.is_empty() => format!("by {}", by.display_value),
        _ => "manual".to_owned(),
    };
    // its name is what Prefect's own pages call it
    run.cause = SafeText::new(format!("{by}, called {}", row.name));
    if let Value::Object(parameters) = &row.parameters {
        let text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        run.params = parameters
            .iter()
            .map(|(name, value)| (SafeText::new(name), SafeText::new(text(value))))
            .collect();
    }
    run
}

fn ordered_at(row: &FlowRun) -> DateTime<Utc> {
    row.expected_start_time
        .or(row.start_time)
        .or(row.created)
        .unwrap_or(DateTime::<Utc>::UNIX_EPOCH)
}

/// Tells of runs of watched pipelines, and remembers them. Subflow runs are nodes of another run, and planned runs are
/// told as what is next of their deployment.
pub async fn runs(shared: &Shared, rows: Vec<(FlowRun, Source)>) -> Result<(), EngineGone> {
    let mut changed: Vec<String> = Vec::new();
    let mut subflows: HashSet<String> = HashSet::new();
    let now = shared.server_now();
    {
        let mut memory = shared.memory();
        for (row, source) in rows {
            if let Some(parent) = &row.parent_task_run_id {
                subflows.extend(subflow(&mut memory, &parent.clone(), row));
                continue;
            }
            let future = row.expected_start_time.is_some_and(|at| at > now + MOMENT);
            if states::planned(&row.state) && future && !memory.runs.contains_key(&row.id) {
                continue;
            }
            let id = row.id.clone();
            if take(&mut memory, shared, row, &source) {
                changed.push(id);
            }
        }
        let pipelines: HashSet<PipelineKey> = changed
            .iter()
            .filter_map(|id| Some(memory.runs.get(id)?.key.pipeline.clone()))
            .collect();
        for pipeline in &pipelines {
            trim(&mut memory, pipeline);
        }
    }
    {
        let _turn = shared.turn().await;
        let list: Vec<Run> = {
            let memory = shared.memory();
            changed
                .iter()
                .filter_map(|id| memory.runs.get(id))
                .map(run)
                .collect()
        };
        if !list.is_empty() {
            shared.emit(Event::Runs { list }).await?;
        }
    }
    shared.reload.notify_waiters();
    // the state of a run decides about nodes that it left behind
    subflows.extend(changed);
    again(shared, subflows).await
}

/// A subflow's run belongs to the run in view whose task stands for it. Says which run is to be told again.
fn subflow(memory: &mut Memory, parent: &str, row: FlowRun) -> Option<String> {
    let id = row.id.clone();
    let root = match memory.roots.get(&id) {
        Some(root) => root.clone(),
        None => {
            let mut open = memory.runs.iter().filter(|(_, known)| known.open.is_some());
            let (root, _) = open.find(|(_, known)| known.tasks.row(parent).is_some())?;
            root.clone()
        }
    };
    let known = memory.runs.get_mut(&root)?;
    let new = known.tasks.see_subflow(row);
    if let Some(open) = known.open.as_mut().filter(|_| new) {
        // its task runs are not known yet
        open.reload = true;
    }
    memory.roots.insert(id, root.clone());
    Some(root)
}

/// Says whether there is something to tell.
fn take(memory: &mut Memory, shared: &Shared, row: FlowRun, source: &Source) -> bool {
    if let Some(known) = memory.runs.get_mut(&row.id) {
        let over = states::ended(&row.state.kind);
        // what came in between may not have been heard
        let starts = known.row.state.kind != "RUNNING" && row.state.kind == "RUNNING";
        let news = known.see(row, source);
        if let Some(open) = known.open.as_mut().filter(|_| news && starts) {
            // another process may begin again from the flow's beginning
            open.reload = true;
        }
        if news && !over {
            known.examined = false;
        }
        if over {
            known.lost = false;
        }
        return news;
    }
    if row.deployment_id.is_none() && !memory.undeployed.contains_key(&row.flow_id) {
        // a flow that runs without a deployment is a pipeline of its own
        match memory.flows.get(&row.flow_id) {
            Some(flow) if watched(&shared.filter, flow, std::iter::empty()) => {
                let pipeline = Pipeline::new(shared.pipeline_key(flow));
                memory.undeployed.insert(row.flow_id.clone(), pipeline);
            }
            Some(_) => return false,
            None => memory.resync = true,
        }
    }
    let Some(pipeline) = memory.pipeline_of(&row) else {
        // a deployment that came since the list was read
        let new = |id: &String| !memory.ignored.contains(id);
        memory.resync |= row.deployment_id.as_ref().is_some_and(new);
        return false;
    };
    let key = pipeline.key.run(&row.id);
    let flow = memory
        .flows
        .get(&row.flow_id)
        .cloned()
        .unwrap_or_else(|| "flow".to_owned());
    memory
        .runs
        .insert(row.id.clone(), Known::new(row, key, flow, source));
    true
}

/// Bounds what is remembered of one pipeline.
fn trim(memory: &mut Memory, pipeline: &PipelineKey) {
    let mut own: Vec<(DateTime<Utc>, String)> = memory
        .runs
        .values()
        .filter(|known| known.key.pipeline == *pipeline)
        .filter(|known| states::ended(&known.row.state.kind) && known.open.is_none())
        .map(|known| (ordered_at(&known.row), known.row.id.clone()))
        .collect();
    if own.len() <= KEPT + 20 {
        return;
    }
    own.sort_unstable();
    for (_, id) in &own[..own.len() - KEPT] {
        memory.runs.remove(id);
        memory.beats.remove(id);
    }
}

/// Tells the nodes of these runs again, as far as any was told.
async fn again(shared: &Shared, runs: HashSet<String>) -> Result<(), EngineGone> {
    let _turn = shared.turn().await;
    let mut events = Vec::new();
    {
        let memory = shared.memory();
        for known in runs.iter().filter_map(|id| memory.runs.get(id)) {
            if known.loaded() || !known.tasks.is_empty() || known.examined {
                events.push((
                    known.key.clone(),
                    known.tasks.nodes(&known.row, &known.flow),
                ));
            }
        }
    }
    nodes(shared, events).await
}

async fn nodes(shared: &Shared, events: Vec<(RunKey, Vec<Node>)>) -> Result<(), EngineGone> {
    for (run, list) in events {
        let complete = false;
        shared
            .emit(Event::Nodes {
                run,
                list,
                complete,
            })
            .await?;
    }
    Ok(())
}

/// Tells of task runs: all of runs in view, of others what matters or was told before.
pub async fn tasks(shared: &Shared, rows: Vec<(TaskRun, Source)>) -> Result<(), EngineGone> {
    let _turn = shared.turn().await;
    let mut events = Vec::new();
    let mut dirty = false;
    let mut doubts = Vec::new();
    {
        let mut memory = shared.memory();
        let mut by_root: HashMap<String, Vec<(TaskRun, Source)>> = HashMap::new();
        for (row, source) in rows {
            if let Some(root) = memory.root(&row.flow_run_id) {
                by_root.entry(root).or_default().push((row, source));
            }
        }
        for (root, rows) in by_root {
            let Some(known) = memory.runs.get_mut(&root) else {
                continue;
            };
            let mut news = Vec::new();
            for (row, source) in rows {
                let matters = matters(&row) || known.tasks.row(&row.id).is_some();
                if known.open.is_none() && !matters {
                    continue;
                }
                let id = row.id.clone();
                if known.tasks.doubts(&row, &source) {
                    doubts.push(id);
                    continue;
                }
                if let Some(reshaped) = known.tasks.see(row, &source) {
                    news.push(id);
                    if let Some(open) = known.open.as_mut().filter(|open| open.loaded && reshaped) {
                        open.dirty = true;
                        dirty = true;
                    }
                }
            }
            let mut list: Vec<Node> = news
                .iter()
                .filter_map(|id| known.tasks.node(id, &known.row))
                .collect();
            if !list.is_empty() {
                list.push(known.tasks.flow_node(&known.row, &known.flow));
                events.push((known.key.clone(), list));
            }
        }
        if !doubts.is_empty() {
            memory.doubts.extend(doubts);
            shared.strangers.notify_one();
        }
    }
    if dirty {
        shared.reload.notify_waiters();
    }
    nodes(shared, events).await
}

/// Rows of one answer, each with where it is from.
pub fn from<T>(rows: Vec<T>, source: &Source) -> Vec<(T, Source)> {
    rows.into_iter().map(|row| (row, source.clone())).collect()
}

/// What the fleet must know of a run that nobody looks at.
fn matters(row: &TaskRun) -> bool {
    let state = &row.state;
    states::failed(&state.kind) || state.kind == "RUNNING" || state.name == "AwaitingRetry"
}

/// Tells how far task runs are: `(flow run, task run, percent)`.
pub async fn progress(
    shared: &Shared,
    reports: &[(String, String, f64)],
) -> Result<(), EngineGone> {
    let _turn = shared.turn().await;
    let mut events: HashMap<RunKey, Vec<Node>> = HashMap::new();
    {
        let mut memory = shared.memory();
        for (flow_run, task, percent) in reports {
            let Some(root) = memory.root(flow_run) else {
                continue;
            };
            let Some(known) = memory.runs.get_mut(&root) else {
                continue;
            };
            if known.tasks.see_progress(task, *percent) {
                let node = known.tasks.node(task, &known.row);
                events.entry(known.key.clone()).or_default().extend(node);
            }
        }
    }
    nodes(shared, events.into_iter().collect()).await
}

/// Runs that are not there any more.
pub async fn forget(shared: &Shared, ids: &HashSet<String>) -> Result<(), EngineGone> {
    let _turn = shared.turn().await;
    let mut events = Vec::new();
    {
        let mut memory = shared.memory();
        let mut pipelines = HashSet::new();
        memory.runs.retain(|id, known| {
            let gone = ids.contains(id);
            if gone {
                pipelines.insert(known.key.pipeline.clone());
            }
            !gone
        });
        memory.roots.retain(|_, root| !ids.contains(root));
        for pipeline in pipelines {
            let own = memory
                .runs
                .values()
                .filter(|known| known.key.pipeline == pipeline);
            let list = own.map(run).collect();
            events.push(Event::RunsComplete { pipeline, list });
        }
    }
    for event in events {
        shared.emit(event).await?;
    }
    Ok(())
}

/// Every pipeline that is known: deployments, and flows that ran without one.
pub fn pipelines(memory: &Memory) -> Vec<Pipeline> {
    let deployed = memory
        .deployments
        .values()
        .map(|Deployed { pipeline, .. }| pipeline);
    deployed
        .chain(memory.undeployed.values())
        .cloned()
        .collect()
}
