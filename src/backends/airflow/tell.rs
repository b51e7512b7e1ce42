//! Telling the engine of runs and task instances, and remembering what was told.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::backends::EngineGone;
use crate::model::{Event, Node, Run, RunKey, SafeText};

use super::shared::Shared;
use super::states::{self, NOTABLE};
use super::structure::Structure;
use super::wire;

/// The time that orders the runs of a DAG: when it was due (`run_after`; v1 has the end of the interval).
pub fn ordered_at(run: &wire::Run) -> DateTime<Utc> {
    run.run_after
        .or(run.data_interval_end)
        .or(run.logical_date)
        .or(run.queued_at)
        .or(run.start_date)
        .unwrap_or(DateTime::<Utc>::UNIX_EPOCH)
}

/// A run in our words; what a short form leaves out is kept from `known`.
pub fn run(shared: &Shared, row: &wire::Run, known: Option<&Run>, paused: bool) -> Run {
    let mut run = Run::new(
        shared.run_key(&row.dag_id, &row.dag_run_id),
        ordered_at(row),
    );
    run.state = states::run_state(&row.state, paused);
    run.native = match run.state {
        crate::model::RunState::Paused => SafeText::new(format!("{} (DAG paused)", row.state)),
        _ => states::native(Some(&row.state)),
    };
    run.queued_at = row.queued_at;
    run.started_at = row.start_date;
    run.ended_at = row.end_date;
    let short = row.run_type.is_none();
    if let (true, Some(known)) = (short, known) {
        run.cause = known.cause.clone();
        run.note.clone_from(&known.note);
        run.params.clone_from(&known.params);
        run.queued_at = known.queued_at;
        run.version.clone_from(&known.version);
        return run;
    }
    run.version = row.version().map(|v| SafeText::new(v.to_string()));
    let kind = match &row.run_type {
        Some(kind) => kind.as_str(),
        None => row.dag_run_id.split_once("__").map_or("", |(kind, _)| kind),
    };
    run.cause = SafeText::new(match &row.triggering_user_name {
        Some(user) => format!("{kind} by {user}"),
        None => kind.to_owned(),
    });
    run.note = row
        .note
        .as_deref()
        .filter(|n| !n.is_empty())
        .map(SafeText::new);
    if let Value::Object(conf) = &row.conf {
        let text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        run.params = conf
            .iter()
            .map(|(k, v)| (SafeText::new(k), SafeText::new(text(v))))
            .collect();
    }
    run
}

/// Tells of runs of watched DAGs, and remembers them. Says which of them are new.
pub async fn emit_runs(shared: &Shared, rows: &[wire::Run]) -> Result<(), EngineGone> {
    let mut list = Vec::new();
    {
        let mut memory = shared.memory();
        for row in rows {
            let Some(paused) = memory.dags.get(&row.dag_id).map(|p| p.paused) else {
                // a DAG that came since the list was read; one that is filtered out is never in it
                memory.resync |= shared.filter == crate::config::Filter::default();
                continue;
            };
            memory.never_ran.remove(&row.dag_id);
            let known = memory.runs.entry(row.dag_id.clone()).or_default();
            let told = run(shared, row, known.get(&row.dag_run_id), paused);
            if !told.state.ended() {
                memory.examined.remove(&told.key);
            }
            let known = memory.runs.entry(row.dag_id.clone()).or_default();
            known.insert(row.dag_run_id.clone(), told.clone());
            list.push(told);
        }
        for known in memory.runs.values_mut() {
            trim(known);
        }
    }
    if !list.is_empty() {
        shared.emit(Event::Runs { list }).await?;
    }
    Ok(())
}

/// Bounds what is remembered of one DAG.
fn trim(known: &mut HashMap<String, Run>) {
    const KEPT: usize = 60;
    if known.len() <= KEPT + 20 {
        return;
    }
    let mut times: Vec<DateTime<Utc>> = known.values().map(|r| r.ordered_at).collect();
    times.sort_unstable_by(|a, b| b.cmp(a));
    let oldest = times[KEPT - 1];
    known.retain(|_, run| run.ordered_at >= oldest || !run.state.ended());
}

/// Tells of task instances: all of runs in view, of others what matters or was told before.
pub async fn emit_tis(shared: &Shared, rows: &[wire::TaskInstance]) -> Result<(), EngineGone> {
    let mut events: Vec<(RunKey, Vec<Node>)> = Vec::new();
    let mut reload = false;
    {
        let mut memory = shared.memory();
        let mut by_run: HashMap<(&str, &str), Vec<&wire::TaskInstance>> = HashMap::new();
        for ti in rows {
            by_run
                .entry((&ti.dag_id, &ti.dag_run_id))
                .or_default()
                .push(ti);
        }
        for ((dag, run), tis) in by_run {
            let known = memory
                .runs
                .get(dag)
                .is_some_and(|runs| runs.contains_key(run));
            if !known {
                continue;
            }
            let key = shared.run_key(dag, run);
            let pools = memory.full_pools.clone();
            let list = if let Some(open) = memory.open.get_mut(&key).filter(|open| open.loaded) {
                // an instance of a mapped task that was one row until now: its row is gone
                let expands = tis
                    .iter()
                    .any(|ti| ti.map_index >= 0 && !open.expanded.contains(&ti.task_id));
                open.reload |= expands;
                reload |= expands;
                let structure = open.structure.clone();
                tis.iter()
                    .map(|ti| {
                        let mut node = node(ti, structure.as_ref(), &pools);
                        open.nodes.insert(node.id.clone(), node.clone());
                        open.add_report(&mut node);
                        node
                    })
                    .collect()
            } else {
                let told = memory.told.entry(key.clone()).or_default();
                let mut list = Vec::new();
                for ti in tis {
                    let node = node(ti, None, &pools);
                    let matters = ti.state.as_deref().is_some_and(|s| NOTABLE.contains(&s));
                    if matters || told.contains_key(&node.id) {
                        told.insert(node.id.clone(), node.state);
                        list.push(node);
                    }
                }
                if told.is_empty() {
                    memory.told.remove(&key);
                }
                list
            };
            if !list.is_empty() {
                events.push((key, list));
            }
        }
    }
    if reload {
        shared.reload.notify_waiters();
    }
    for (run, list) in events {
        shared
            .emit(Event::Nodes {
                run,
                list,
                complete: false,
            })
            .await?;
    }
    Ok(())
}

/// A task instance in our words, with what it waits for.
pub fn node(
    ti: &wire::TaskInstance,
    structure: Option<&Arc<Structure>>,
    full_pools: &HashMap<String, SafeText>,
) -> Node {
    let label = structure.and_then(|s| s.label(&ti.task_id));
    let group = structure.and_then(|s| s.group(&ti.task_id));
    let mut node = states::node(ti, label, group);
    if ti.state.as_deref() == Some("scheduled")
        && let Some(held) = ti.pool.as_ref().and_then(|pool| full_pools.get(pool))
    {
        node.waits_for = Some(held.clone());
    }
    node
}
