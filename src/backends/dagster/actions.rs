//! Reading back what an action did, and looking again at what it changed.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::backends::act::Check;
use crate::backends::client::Trouble;
use crate::backends::poll::Urgency;
use crate::model::{SafeText, Target};

use super::api::{self, Lists};
use super::plan::REQUEST;
use super::shared::Shared;
use super::side::{self, backfills, location};
use super::wire::{Backfill, RunStatus, Runs, State};
use super::{gql, system, tell};

/// What the server says when a deed has been done.
#[derive(Clone, Debug)]
pub enum Expect {
    /// There is a run with this tag.
    Launched {
        tag: String,
    },
    /// There is a backfill with this tag.
    Backfilled {
        tag: String,
    },
    /// There is a backfill that does this one again, and is newer than that.
    BackfilledAgain {
        parent: String,
        after: DateTime<Utc>,
    },
    Ended {
        runs: Vec<String>,
    },
    Switched {
        location: String,
        node: String,
        on: bool,
    },
    Limit {
        pool: String,
        limit: u64,
    },
    Freed {
        pool: String,
        run: String,
    },
    /// The location was loaded after what it was.
    Reloaded {
        location: String,
        before: f64,
    },
    /// The backfill is over.
    BackfillEnded {
        id: String,
    },
    /// The backfill is not any more what it was.
    BackfillResumed {
        id: String,
        was: String,
    },
}

/// Whether an answer refuses the deed, and why: mutations answer 200 whatever became of them.
pub fn refused(body: &[u8]) -> Option<SafeText> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    if let Some(said) = answer["errors"][0]["message"].as_str() {
        return Some(SafeText::new(gql::first_line(said)));
    }
    let done = &answer["data"]["done"];
    if let Some((_, said)) = gql::problem(done) {
        return Some(said);
    }
    // one answer for each run: refused when all are
    let each = done["terminateRunResults"]
        .as_array()
        .filter(|each| !each.is_empty())?;
    let problems: Option<Vec<SafeText>> = each
        .iter()
        .map(|one| gql::problem(one).map(|(_, said)| said))
        .collect();
    problems?.into_iter().next()
}

/// The runs whose process could not be told to stop.
pub fn deaf(body: &[u8]) -> Vec<String> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let each = answer["data"]["done"]["terminateRunResults"].as_array();
    each.into_iter()
        .flatten()
        .filter(|one| one["__typename"] == "TerminateRunFailure")
        .filter_map(|one| one["run"]["runId"].as_str().map(str::to_owned))
        .collect()
}

/// Whether the server says that it is so; what it says is told on.
pub async fn check(shared: &Shared, expect: &Expect) -> Result<Check, Trouble> {
    match expect {
        Expect::Launched { tag } => {
            let variables = json!({"tag": {"key": REQUEST, "value": tag}});
            let mut reply = gql::ask(shared, Urgency::Now, api::TAGGED, variables).await?;
            let runs: Runs = reply.take("runs")?;
            let Some(run) = runs.results.rows.first().cloned() else {
                return Ok(Check::NotYet("there is no new run".to_owned()));
            };
            let said = format!("run {} is {}", run.run_id, run.status.word());
            for key in tell::runs(shared, vec![run]).await? {
                tell::nodes(shared, &key).await?;
            }
            Ok(Check::Done(said))
        }
        Expect::Backfilled { tag } => backfilled(shared, |b| tagged(b, REQUEST, tag)).await,
        // Dagster copies the tags of the old one and takes none of ours
        Expect::BackfilledAgain { parent, after } => {
            let again = |b: &Backfill| {
                tagged(b, "dagster/parent_backfill_id", parent)
                    && b.timestamp.is_some_and(|at| at >= *after)
            };
            backfilled(shared, again).await
        }
        Expect::Ended { runs } => ended(shared, runs).await,
        Expect::Switched { location, node, on } => {
            side::read(shared, Urgency::Now).await?;
            side::tell(shared).await?;
            let memory = shared.memory();
            let found = memory.automation.get(location);
            let schedules = found
                .iter()
                .flat_map(|i| &i.schedules)
                .map(|s| (location::schedule_id(&s.name), &s.schedule_state));
            let sensors = found
                .iter()
                .flat_map(|i| &i.sensors)
                .map(|s| (location::sensor_id(&s.name), &s.sensor_state));
            let state: Option<&State> = schedules
                .chain(sensors)
                .find(|(id, _)| id == node)
                .map(|(_, state)| state);
            Ok(match state {
                Some(state) => {
                    Check::done(state.runs() == *on, format!("{node} is {}", state.status))
                }
                None => Check::NotYet(format!("{node} is not there")),
            })
        }
        Expect::Limit { pool, limit } => {
            system::look(shared, Urgency::Now).await?;
            let memory = shared.memory();
            let now = memory
                .pools
                .iter()
                .find(|p| p.concurrency_key == *pool)
                .map(|p| p.limit.unwrap_or(p.slot_count));
            Ok(Check::done(
                now == Some(*limit),
                format!(
                    "pool {pool} has {} slots",
                    now.map_or("no".to_owned(), |n| n.to_string())
                ),
            ))
        }
        Expect::Freed { pool, run } => {
            system::look(shared, Urgency::Now).await?;
            let memory = shared.memory();
            let held = memory
                .pools
                .iter()
                .filter(|p| p.concurrency_key == *pool)
                .flat_map(|p| &p.claimed_slots)
                .filter(|slot| slot.run_id == *run)
                .count();
            Ok(Check::done(
                held == 0,
                format!("run {run} holds {held} slots of {pool}"),
            ))
        }
        Expect::Reloaded { location, before } => {
            let mut reply = gql::ask(shared, Urgency::Now, api::LOCATIONS, json!({})).await?;
            let workspace: super::wire::Workspace = reply.take("workspace")?;
            let mut memory = shared.memory();
            memory.locations = workspace.location_entries.rows;
            memory.resync = true;
            let now = memory.locations.iter().find(|l| l.name == *location);
            let loaded =
                now.is_some_and(|l| l.load_status == "LOADED" && l.updated_timestamp > *before);
            let said = match now.and_then(|l| l.broken()) {
                Some(error) => format!(
                    "the code location {location} was read again and can't be loaded: {}",
                    gql::first_line(&error.message)
                ),
                None => format!(
                    "the code location {location} was {}",
                    if loaded {
                        "loaded anew"
                    } else {
                        "not loaded yet"
                    }
                ),
            };
            Ok(Check::done(loaded, said))
        }
        Expect::BackfillEnded { id } => {
            let status = backfill(shared, id).await?;
            let ended = backfills::state(&status).ended();
            Ok(Check::done(ended, format!("backfill {id} is {status}")))
        }
        Expect::BackfillResumed { id, was } => {
            let status = backfill(shared, id).await?;
            let said = format!("backfill {id} is {status}");
            Ok(Check::done(status != *was, said))
        }
    }
}

/// What a backfill is now.
async fn backfill(shared: &Shared, id: &str) -> Result<String, Trouble> {
    let backfill = backfills::one(shared, id, Urgency::Now).await?;
    let status = backfill.status.clone();
    if let Some(known) = shared.memory().backfills.iter_mut().find(|b| b.id == id) {
        *known = backfill;
    }
    side::tell(shared).await?;
    Ok(status)
}

fn tagged(backfill: &Backfill, key: &str, value: &str) -> bool {
    let mut tags = backfill.tags.iter();
    tags.any(|tag| tag.key == key && tag.value == value)
}

/// Whether there is such a backfill.
async fn backfilled(shared: &Shared, is: impl Fn(&Backfill) -> bool) -> Result<Check, Trouble> {
    let list = backfills::read(shared, Urgency::Now).await?;
    let found = list.iter().find(|b| is(b));
    let said = found.map(|b| format!("backfill {} is {}", b.id, b.status));
    shared.memory().backfills = list;
    side::tell(shared).await?;
    Ok(match said {
        Some(said) => Check::Done(said),
        None => Check::NotYet("there is no new backfill".to_owned()),
    })
}

/// Whether runs are over.
async fn ended(shared: &Shared, runs: &[String]) -> Result<Check, Trouble> {
    let mut lists = Lists::new();
    lists.runs("runs", json!({"runIds": runs}), None, runs.len());
    let (query, variables) = lists.finish();
    let mut reply = gql::ask(shared, Urgency::Now, &query, variables).await?;
    let found: Runs = reply.take("runs")?;
    let rows = found.results.rows;
    let going: Vec<&super::wire::Run> = rows.iter().filter(|run| !run.status.ended()).collect();
    let words = |list: &[&super::wire::Run]| match list {
        [one] => format!("run {} is {}", one.run_id, one.status.word()),
        many => {
            let cancelled = many
                .iter()
                .filter(|r| r.status == RunStatus::Canceled)
                .count();
            format!("{cancelled} of {} runs are CANCELED", many.len())
        }
    };
    let check = match going.is_empty() {
        true => Check::Done(words(&rows.iter().collect::<Vec<_>>())),
        false => Check::NotYet(words(&going)),
    };
    for key in tell::runs(shared, rows).await? {
        tell::nodes(shared, &key).await?;
    }
    Ok(check)
}

/// What was changed is looked at again at once.
pub fn changed(shared: &Shared, target: &Target) {
    {
        let mut memory = shared.memory();
        if let Some(open) = target.run().and_then(|run| memory.open.get_mut(run)) {
            open.reload = true;
        }
        // the state of a job's schedules stands with the definitions
        memory.resync |= target.run().is_none();
    }
    shared.look.notify_one();
    shared.reload.notify_waiters();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn an_answer_200_that_refuses_says_why() {
        let said =
            |value: Value| refused(value.to_string().as_bytes()).map(|s| s.as_str().to_owned());
        let fail =
            json!({"__typename": "TerminateRunFailure", "message": "could not be terminated"});
        let fine = json!({"__typename": "TerminateRunSuccess"});
        let many = |list: Value| json!({"data": {"done": {"__typename": "TerminateRunsResult", "terminateRunResults": list}}});
        assert_eq!(
            said(many(json!([fail.clone()]))).as_deref(),
            Some("could not be terminated")
        );
        assert_eq!(said(many(json!([fail, fine]))), None);
        assert_eq!(said(json!({"data": {"done": true}})), None);
        assert_eq!(
            said(json!({"data": null, "errors": [{"message": "no"}]})).as_deref(),
            Some("no")
        );
        assert_eq!(
            said(
                json!({"data": {"done": {"__typename": "UnauthorizedError", "message": "not you"}}})
            )
            .as_deref(),
            Some("not you")
        );
    }
}
