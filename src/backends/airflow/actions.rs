//! Reading back what an action did.

use crate::backends::act::Check;
use crate::backends::client::Trouble;
use crate::backends::poll::Urgency;
use crate::model::{Event, Target};
use crate::net::http::HttpError;

use super::plan::{Expect, tis_of};
use super::shared::Shared;
use super::{fleet, states, tell, wire};

/// Whether the server says that it is so; what it says is told on.
pub async fn check(shared: &Shared, expect: &Expect) -> Result<Check, Trouble> {
    let api = shared.api;
    match expect {
        Expect::Paused { dag, paused } => {
            let now: wire::Dag = shared.json(Urgency::Now, &api.dag(dag)).await?;
            let list = vec![fleet::pipeline(shared, &now)];
            let yes = now.is_paused == *paused;
            if yes && let Some(known) = shared.memory().dags.get_mut(dag) {
                *known = list[0].clone();
            }
            shared
                .emit(Event::Pipelines {
                    list,
                    complete: false,
                })
                .await?;
            if yes {
                // its runs are called paused or not with it
                let going = shared
                    .pages::<wire::Run>(Urgency::Now, "dag_runs", 200, |offset| {
                        api.active_runs(dag, offset)
                    })
                    .await?;
                tell::emit_runs(shared, &going.rows).await?;
            }
            Ok(Check::done(
                yes,
                format!(
                    "{dag} is {}",
                    if now.is_paused { "paused" } else { "active" }
                ),
            ))
        }
        Expect::RunThere { dag, run } => match read_run(shared, dag, run).await {
            Ok(row) => Ok(Check::Done(format!("run {run} is {}", row.state))),
            Err(Trouble::Http(HttpError::NotFound { .. })) => {
                Ok(Check::NotYet(format!("there is no run {run}")))
            }
            Err(error) => Err(error),
        },
        Expect::RunState { dag, run, state } => {
            let row = read_run(shared, dag, run).await?;
            if row.state != *state {
                return Ok(Check::NotYet(format!("run {run} is {}", row.state)));
            }
            let tis = tis_of(shared, run, dag, &[]).await?;
            tell::emit_tis(shared, &tis).await?;
            let going = tis
                .iter()
                .filter(|ti| states::node_state(ti.state.as_deref()).active())
                .count();
            Ok(Check::done(
                going == 0,
                match going {
                    0 => format!("run {run} is {state}"),
                    n => format!("run {run} is {state}, but {n} of its tasks still go"),
                },
            ))
        }
        Expect::Cleared { dag, run, before } => {
            let mut tasks: Vec<&str> = before.iter().map(|b| b.task.as_str()).collect();
            tasks.sort_unstable();
            tasks.dedup();
            // a run with very many tasks is read whole instead of by a list of names
            let tasks = if tasks.len() > 400 { &[][..] } else { &tasks };
            let tis = tis_of(shared, run, dag, tasks).await?;
            tell::emit_tis(shared, &tis).await?;
            let same = before
                .iter()
                .filter(|b| {
                    let now = tis
                        .iter()
                        .find(|ti| ti.task_id == b.task && ti.map_index == b.map_index);
                    // gone: a mapped task that is expanded anew
                    now.is_some_and(|ti| super::plan::Before::of(ti) == **b && b.state.is_some())
                })
                .count();
            if same == 0 {
                read_run(shared, dag, run).await?;
            }
            Ok(Check::done(
                same == 0,
                match same {
                    0 => format!("{} of {} cleared", before.len(), run),
                    n => format!("{n} of {} tasks are as they were", before.len()),
                },
            ))
        }
        Expect::Marked {
            dag,
            run,
            tasks,
            state,
        } => {
            let mut names: Vec<&str> = tasks.iter().map(|(task, _)| task.as_str()).collect();
            names.dedup();
            let tis = tis_of(shared, run, dag, &names).await?;
            tell::emit_tis(shared, &tis).await?;
            let is = tis
                .iter()
                .filter(|ti| tasks.contains(&(ti.task_id.clone(), ti.map_index)))
                .filter(|ti| ti.state.as_deref() == Some(state))
                .count();
            Ok(Check::done(
                is >= tasks.len(),
                format!("{is} of {} {state}", tasks.len()),
            ))
        }
        Expect::RunNote { dag, run, note } => {
            let row = read_run(shared, dag, run).await?;
            Ok(Check::done(
                row.note.as_deref() == Some(note),
                format!(
                    "the note on run {run} is {:?}",
                    row.note.unwrap_or_default()
                ),
            ))
        }
        Expect::TaskNote {
            dag,
            run,
            task,
            map_index,
            note,
        } => {
            let mut ti: wire::TaskInstance = shared
                .json(Urgency::Now, &api.ti(dag, run, task, *map_index))
                .await?;
            ti.dag_id.clone_from(dag);
            ti.dag_run_id.clone_from(run);
            tell::emit_tis(shared, std::slice::from_ref(&ti)).await?;
            Ok(Check::done(
                ti.note.as_deref() == Some(note),
                format!("the note on {task} is {:?}", ti.note.unwrap_or_default()),
            ))
        }
    }
}

async fn read_run(shared: &Shared, dag: &str, run: &str) -> Result<wire::Run, Trouble> {
    let mut row: wire::Run = shared.json(Urgency::Now, &shared.api.run(dag, run)).await?;
    row.dag_id = dag.to_owned();
    tell::emit_runs(shared, std::slice::from_ref(&row)).await?;
    Ok(row)
}

/// What was changed is looked at again at once.
pub fn refresh(shared: &Shared, target: &Target) {
    if let Some(run) = target.run() {
        let mut memory = shared.memory();
        memory.examined.remove(run);
        if let Some(open) = memory.open.get_mut(run) {
            open.reload = true;
        }
    }
    shared.look.notify_one();
    shared.reload.notify_waiters();
}
