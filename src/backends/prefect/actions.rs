//! Reading back what an action did.

use std::collections::HashSet;

use tokio::time::Instant;

use crate::backends::act::Check;
use crate::backends::client::Trouble;
use crate::backends::poll::Urgency;
use crate::model::{Event, SafeText, Target};

use super::plan::Expect;
use super::shared::Shared;
use super::tasks::Source;
use super::wire::{Deployment, FlowRun, Orchestrated, TaskRun};
use super::{api, run, states, tell};

/// Why the server did not do what was asked although it answered well.
pub fn refused(body: &[u8]) -> Option<SafeText> {
    let answer: Orchestrated = serde_json::from_slice(body).ok()?;
    match (answer.status.as_str(), answer.details.reason.as_str()) {
        ("ABORT" | "WAIT", "") => Some(SafeText::new(
            "Prefect did not accept it, and does not say why",
        )),
        ("ABORT" | "WAIT", reason) => Some(SafeText::new(reason)),
        // another state was put in place, which may be the one that is wanted: it is read back
        _ => None,
    }
}

/// Whether the server says that it is so; what it says is told on.
pub async fn check(shared: &Shared, expect: &Expect) -> Result<Check, Trouble> {
    match expect {
        Expect::Deployment { id, paused } => {
            let now: Deployment = shared.ask(Urgency::Now, &api::deployment(id)).await?;
            let yes = now.paused == *paused;
            let told = {
                let mut memory = shared.memory();
                memory.deployments.get_mut(id).map(|known| {
                    known.pipeline.paused = now.paused;
                    known.pipeline.schedule.next =
                        known.pipeline.schedule.next.filter(|_| !now.paused);
                    known.pipeline.clone()
                })
            };
            if let Some(pipeline) = told {
                let list = vec![pipeline];
                shared
                    .emit(Event::Pipelines {
                        list,
                        complete: false,
                    })
                    .await?;
            }
            let is = if now.paused { "paused" } else { "active" };
            Ok(Check::done(yes, format!("{} is {is}", now.name)))
        }
        Expect::Keyed(key) => {
            let (found, source) = shared
                .list::<FlowRun>(Urgency::Now, 1, |_| api::keyed(key))
                .await?;
            let what = found
                .rows
                .first()
                .map(|row| (row.name.clone(), states::native(&row.state)));
            tell::runs(shared, tell::from(found.rows, &source)).await?;
            Ok(match what {
                Some((name, state)) => Check::Done(format!("run {name} is {state}")),
                None => Check::NotYet("there is no such run".to_owned()),
            })
        }
        Expect::Run { id, kinds } => {
            let row = run::row(shared, id, Urgency::Now).await?;
            let yes = kinds.contains(&row.state.kind.as_str());
            Ok(Check::done(
                yes,
                format!("run {} is {}", row.name, states::native(&row.state)),
            ))
        }
        Expect::Started { id, before } => {
            let row = run::row(shared, id, Urgency::Now).await?;
            let yes = row.state.timestamp > *before || !states::ended(&row.state.kind);
            Ok(Check::done(
                yes,
                format!("run {} is {}", row.name, states::native(&row.state)),
            ))
        }
        Expect::Task { id, kind, name } => {
            let asked = Source::Asked(Instant::now());
            let row: TaskRun = shared.ask(Urgency::Now, &api::task_run(id)).await?;
            let yes = row.state.kind == *kind && row.state.name == *name;
            let what = format!("{} is {}", row.name, states::native(&row.state));
            tell::tasks(shared, vec![(row, asked)]).await?;
            Ok(Check::done(yes, what))
        }
        Expect::Queue { at, field, want } => {
            let now: serde_json::Value = shared.ask(Urgency::Now, &api::queue(at)).await?;
            let yes = now[*field] == *want;
            Ok(Check::done(yes, format!("{field} is {}", now[*field])))
        }
        Expect::Gone(ids) => {
            let wanted: Vec<&str> = ids.iter().map(String::as_str).collect();
            let (found, _) = shared
                .list::<FlowRun>(Urgency::Now, 1, |_| api::flow_runs(&wanted))
                .await?;
            let there: HashSet<&str> = found.rows.iter().map(|row| row.id.as_str()).collect();
            let gone: HashSet<String> = ids
                .iter()
                .filter(|id| !there.contains(id.as_str()))
                .cloned()
                .collect();
            tell::forget(shared, &gone).await?;
            let what = format!("{} of {} deleted", gone.len(), ids.len());
            Ok(Check::done(there.is_empty(), what))
        }
    }
}

/// What was changed is looked at again at once.
pub fn refresh(shared: &Shared, target: &Target) {
    if let Some(run) = target.run() {
        let mut memory = shared.memory();
        if let Some(known) = memory.runs.get_mut(run.run.raw()) {
            known.examined = false;
            if let Some(open) = &mut known.open {
                open.reload = true;
            }
        }
    } else {
        shared.memory().resync = true;
    }
    shared.look.notify_one();
    shared.system.notify_one();
    shared.reload.notify_waiters();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_good_answer_may_refuse_and_one_that_rejects_may_be_what_is_wanted() {
        let why = |text: &str| refused(text.as_bytes()).map(|why| why.to_string());
        assert_eq!(
            why(r#"{"state":null,"status":"ABORT","details":{"type":"abort_details","reason":"not paused"}}"#).as_deref(),
            Some("not paused")
        );
        assert!(why(r#"{"status":"WAIT","details":{}}"#).is_some());
        assert_eq!(
            why(r#"{"status":"REJECT","details":{"reason":"no process"}}"#),
            None
        );
        assert_eq!(
            why(r#"{"status":"ACCEPT","state":{"type":"CANCELLING"}}"#),
            None
        );
        assert_eq!(why("null"), None);
        assert_eq!(
            why(r#"{"id":"a new run","state":{"type":"SCHEDULED"}}"#),
            None
        );
    }
}
