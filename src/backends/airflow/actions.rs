//! Carrying out what a person said yes to: once more the plan, so that nothing is hit that was not shown;
//! the deeds; then reading back until the server says that it is so. An answer 200 is no proof.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::backends::EngineGone;
use crate::backends::http::HttpError;
use crate::backends::poll::Urgency;
use crate::model::{ActionError, ActionId, ActionRequest, Event, Plan, SafeText, Target};

use super::api::Api;
use super::plan::{Deed, Expect, Refusal, action_error, prepare, tis_of};
use super::shared::{Shared, Trouble};
use super::{fleet, states, tell, wire};

/// A change that is not seen by then is not confirmed.
const LIMIT: Duration = Duration::from_secs(60);
/// A deed whose outcome is in doubt is tried so often.
const TRIES: u32 = 3;

pub async fn plan(shared: Arc<Shared>, request: ActionRequest) {
    let (id, target) = (request.id, request.target.clone());
    let told = match prepare(&shared, request).await {
        Ok((plan, _)) => shared.emitter.planned(plan).await,
        Err(refusal) => refuse(&shared, id, refusal, &target).await,
    };
    // an engine that is gone has nobody left to tell
    let _ = told;
}

async fn refuse(
    shared: &Shared,
    id: ActionId,
    refusal: Refusal,
    target: &Target,
) -> Result<(), EngineGone> {
    let why = match refusal {
        Refusal::Action(why) => why,
        Refusal::Trouble(Trouble::Http(error)) => action_error(&error, target),
        Refusal::Trouble(Trouble::Gone(gone)) => return Err(gone),
    };
    shared.emitter.refused(id, why).await
}

pub async fn execute(shared: Arc<Shared>, plan: Box<Plan>) {
    // an engine that is gone has nobody left to tell
    let _ = carry_out(&shared, &plan).await;
}

async fn carry_out(shared: &Shared, plan: &Plan) -> Result<(), EngineGone> {
    let (id, target) = (plan.request.id, &plan.request.target);
    let deeds = match prepare(shared, plan.request.clone()).await {
        Ok((now, deeds)) => {
            if let Some(new) = beyond(plan, &now) {
                let why = SafeText::new(format!(
                    "things have changed since you looked: it would now also hit {new}. Look again"
                ));
                return shared.emitter.refused(id, ActionError::Refused(why)).await;
            }
            deeds
        }
        Err(refusal) => return refuse(shared, id, refusal, target).await,
    };
    let mut waiting = Vec::new();
    let mut failed = Vec::new();
    let total = deeds.len();
    for deed in deeds {
        match send(shared, &deed).await {
            Ok(()) => waiting.push(deed),
            Err(Trouble::Gone(gone)) => return Err(gone),
            Err(Trouble::Http(error)) => failed.push((deed.name, error)),
        }
    }
    if waiting.is_empty()
        && let Some((_, error)) = failed.first()
    {
        return shared
            .emitter
            .refused(id, action_error(error, target))
            .await;
    }
    shared.emitter.requested(id).await?;
    let outcome = read_back(shared, &waiting).await;
    refresh(shared, target);
    match (outcome?, failed.first()) {
        (Outcome::Seen(what), None) => shared.emitter.confirmed(id, what).await,
        (Outcome::Seen(what), Some((name, error))) => {
            let why = format!(
                "{} of {total} failed ({name}: {}); the others: {what}",
                failed.len(),
                error.said()
            );
            shared.emitter.unconfirmed(id, why).await
        }
        (Outcome::NotSeen(last), _) => {
            let why = format!(
                "sent, but after {} s the server still says: {last}",
                LIMIT.as_secs()
            );
            shared.emitter.unconfirmed(id, why).await
        }
    }
}

/// The first thing that would be hit and was not shown.
fn beyond(shown: &Plan, now: &Plan) -> Option<SafeText> {
    let known: HashSet<&SafeText> = shown.hits.iter().map(|h| &h.name).collect();
    now.hits
        .iter()
        .find(|h| !known.contains(&h.name))
        .map(|h| h.name.clone())
}

/// Sends a deed. When there is no clear answer (Airflow on SQLite answers 500 when its database is
/// locked, and may or may not have done it) the server is asked before it is sent again.
async fn send(shared: &Shared, deed: &Deed) -> Result<(), Trouble> {
    for attempt in 1.. {
        shared.pacer.turn(Urgency::Now).await;
        let error = match shared.http.bytes(&deed.call).await {
            Ok(_) => return Ok(()),
            Err(HttpError::Refused { status: 409, .. }) if deed.conflict_is_done => return Ok(()),
            Err(error) => error,
        };
        if !error.in_doubt() || attempt >= TRIES {
            return Err(error.into());
        }
        tokio::time::sleep(Duration::from_secs(u64::from(attempt))).await;
        if let Ok(Check::Done(_)) = check(shared, &deed.expect).await {
            return Ok(());
        }
    }
    Ok(())
}

enum Outcome {
    Seen(String),
    NotSeen(String),
}

enum Check {
    Done(String),
    NotYet(String),
}

/// Reads until everything is as expected, or the time is up.
async fn read_back(shared: &Shared, deeds: &[Deed]) -> Result<Outcome, EngineGone> {
    let interval = match shared.api {
        Api::V1 => Duration::from_secs(2),
        Api::V2 => Duration::from_secs(1),
    };
    let deadline = Instant::now() + LIMIT;
    let mut seen = Vec::new();
    for deed in deeds {
        loop {
            let last = match check(shared, &deed.expect).await {
                Ok(Check::Done(what)) => {
                    seen.push(what);
                    break;
                }
                Ok(Check::NotYet(what)) => what,
                Err(Trouble::Gone(gone)) => return Err(gone),
                Err(Trouble::Http(error)) => error.to_string(),
            };
            if Instant::now() >= deadline {
                return Ok(Outcome::NotSeen(last));
            }
            tokio::time::sleep(interval).await;
        }
    }
    Ok(Outcome::Seen(match seen.as_slice() {
        [one] => one.clone(),
        all => format!(
            "{} done: {}",
            all.len(),
            all.last().map_or("", String::as_str)
        ),
    }))
}

/// Whether the server says that it is so; what it says is told on.
async fn check(shared: &Shared, expect: &Expect) -> Result<Check, Trouble> {
    let api = shared.api;
    let done = |yes: bool, what: String| {
        if yes {
            Check::Done(what)
        } else {
            Check::NotYet(what)
        }
    };
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
            Ok(done(
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
            Ok(done(
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
            Ok(done(
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
            Ok(done(
                is >= tasks.len(),
                format!("{is} of {} {state}", tasks.len()),
            ))
        }
        Expect::RunNote { dag, run, note } => {
            let row = read_run(shared, dag, run).await?;
            Ok(done(
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
            Ok(done(
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
fn refresh(shared: &Shared, target: &Target) {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::model::{Action, ActionOptions, BackendId, Hit, PipelineKey};

    fn plan(hits: &[&str]) -> Plan {
        Plan {
            request: ActionRequest {
                id: ActionId(1),
                action: Action::Retry,
                target: Target::Pipeline(PipelineKey::new(&BackendId::new("b"), "p")),
                options: ActionOptions::default(),
            },
            summary: SafeText::default(),
            hits: hits
                .iter()
                .map(|name| Hit {
                    name: SafeText::new(name),
                    now: SafeText::default(),
                    then: SafeText::default(),
                })
                .collect(),
            warnings: Vec::new(),
            server_preview: true,
        }
    }

    #[test]
    fn a_plan_holds_while_nothing_more_would_be_hit() {
        assert_eq!(beyond(&plan(&["a", "b"]), &plan(&["b"])), None);
        assert_eq!(
            beyond(&plan(&["a"]), &plan(&["a", "c"])),
            Some(SafeText::new("c"))
        );
    }
}
