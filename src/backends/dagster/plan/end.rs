//! Plans that end things: runs, backfills, slots that were left behind.

use std::time::Duration;

use serde_json::json;

use super::{Maker, Refusal, nothing};
use crate::backends::act::{Draft, hit, many};
use crate::backends::dagster::actions::Expect;
use crate::backends::dagster::side::backfills;
use crate::backends::dagster::wire::{Run, RunStatus};
use crate::backends::dagster::{api, run, system};
use crate::backends::poll::Urgency;
use crate::model::{ActionError, PipelineKey, QueueKey, RunKey, SafeText};

/// A run whose process is being started can't be told to stop yet; so often it is looked at again.
const STARTING: u32 = 8;

impl Maker<'_> {
    pub(super) async fn cancel(&self, key: &RunKey) -> Result<Draft<Expect>, Refusal> {
        self.permit("terminate_pipeline_execution")?;
        let mut going = self.going(key).await?;
        for _ in 0..STARTING {
            if going.iter().all(|run| run.status != RunStatus::Starting) {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            going = self.going(key).await?;
        }
        let Some(last) = going.last() else {
            return nothing("the run is over");
        };
        if last.status == RunStatus::Starting {
            let why = "its process is still being started, and Dagster can stop it only once it runs; try again in some seconds";
            return Err(ActionError::Refused(SafeText::new(why)).into());
        }
        // the second time is by force
        let force = {
            let memory = self.shared.memory();
            let told =
                |run: &Run| run.status == RunStatus::Canceling || memory.deaf.contains(&run.run_id);
            going.iter().all(told)
        };
        let mut draft = self.terminate(&going, force);
        draft.summary = match force {
            false => format!("Cancels run {} of {}.", last.run_id, last.job_name),
            true => format!(
                "Marks run {} of {} as cancelled by force: it was told to stop and has not.",
                last.run_id, last.job_name
            ),
        };
        Ok(draft)
    }

    async fn going(&self, key: &RunKey) -> Result<Vec<Run>, Refusal> {
        let mut runs = self.family(key).await?;
        runs.retain(|run| !run.status.ended());
        Ok(runs)
    }

    fn terminate(&self, runs: &[Run], force: bool) -> Draft<Expect> {
        let ids: Vec<&str> = runs.iter().map(|run| run.run_id.as_str()).collect();
        let policy = match force {
            false => "SAFE_TERMINATE",
            true => "MARK_AS_CANCELED_IMMEDIATELY",
        };
        let expect = Expect::Ended {
            runs: ids.iter().map(|id| (*id).to_owned()).collect(),
        };
        let deed = self.deed(
            many(ids.len(), "run"),
            &api::terminate(),
            json!({"runs": ids, "policy": policy}),
            expect,
        );
        let mut draft = self.draft(String::new(), vec![deed]);
        let then = match force {
            false => "CANCELED: its process is told to stop",
            true => "CANCELED at once",
        };
        // another name: whoever said yes to the one has not said yes to the other
        let how = if force { ", by force" } else { "" };
        let name = |run: &Run| format!("{} / {}{how}", run.job_name, run.run_id);
        draft.hits = runs
            .iter()
            .map(|run| hit(name(run), run.status.word(), then))
            .collect();
        if force {
            draft.warnings.push(
                "processes, pods and slots that the run holds are not ended by this".to_owned(),
            );
        }
        draft
    }

    /// Ends all runs that go, of one job or of all that are watched.
    pub(super) async fn stop(&self, key: Option<&PipelineKey>) -> Result<Draft<Expect>, Refusal> {
        self.permit("terminate_pipeline_execution")?;
        let mut runs = run::active(self.shared, Urgency::Now).await?;
        {
            let memory = self.shared.memory();
            runs.retain(|run| {
                let origin = run.repository_origin.clone().unwrap_or_default();
                let id = crate::backends::dagster::shared::pipeline_id(&run.job_name, &origin);
                match key {
                    Some(key) => key.pipeline.raw() == id,
                    None => memory.jobs.contains_key(&id),
                }
            });
        }
        if runs.is_empty() {
            return nothing("no run is going");
        }
        let mut draft = self.terminate(&runs, false);
        draft.summary = format!("Cancels {}.", many(runs.len(), "run"));
        draft.server_preview = true;
        Ok(draft)
    }

    pub(super) async fn cancel_backfill(&self, key: &RunKey) -> Result<Draft<Expect>, Refusal> {
        self.permit("cancel_partition_backfill")?;
        let id = key.run.raw();
        let backfill = backfills::one(self.shared, id, Urgency::Now).await?;
        if backfills::state(&backfill.status).ended() {
            return nothing(format!("the backfill is {}", backfill.status));
        }
        let expect = Expect::BackfillEnded { id: id.to_owned() };
        let deed = self.deed(id, &api::cancel_backfill(), json!({"id": id}), expect);
        let mut draft = self.draft(format!("Cancels backfill {id}."), vec![deed]);
        draft.hits = vec![hit(format!("backfill {id}"), &backfill.status, "CANCELED")];
        if backfill.num_cancelable > 0 {
            let what = format!(
                "{} that it started and that go are cancelled with it",
                many(
                    usize::try_from(backfill.num_cancelable).unwrap_or(usize::MAX),
                    "run",
                )
            );
            draft.warnings.push(what);
        }
        Ok(draft)
    }

    /// Gives back the slots of a pool that runs hold which are over.
    pub(super) async fn free(&self, key: &QueueKey) -> Result<Draft<Expect>, Refusal> {
        self.permit("edit_concurrency_limit")?;
        system::look(self.shared, Urgency::Now).await?;
        let pool = self.pool(key)?;
        let memory = self.shared.memory();
        let mut runs: Vec<&str> = system::leaks(&memory, &pool).collect();
        runs.sort_unstable();
        runs.dedup();
        if runs.is_empty() {
            return nothing(match system::held_by(&memory, &pool) {
                Some(who) => {
                    format!("its slots are held by runs that go ({who}): cancel those instead")
                }
                None => "no slot of it is held".to_owned(),
            });
        }
        let name = &pool.concurrency_key;
        let deed = |run: &&str| {
            let expect = Expect::Freed {
                pool: name.clone(),
                run: (*run).to_owned(),
            };
            self.deed(run, api::FREE_SLOTS, json!({"run": run}), expect)
        };
        let deeds = runs.iter().map(deed).collect();
        let summary = format!("Frees slots of pool {name} that runs hold which are over.");
        let mut draft = self.draft(summary, deeds);
        draft.hits = runs
            .iter()
            .map(|run| hit(format!("run {run}"), "over, holds slots", "holds none"))
            .collect();
        Ok(draft)
    }
}
