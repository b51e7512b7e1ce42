//! Plans: what exactly an action would hit as the server says it now, and the deeds that carry it out. Prefect has no
//! dry run of its own.

mod deployment;
mod queue;
mod run;

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::backends::act::{self, Prepared, Refusal, hit, many, nothing, unsupported};
use crate::backends::client::Trouble;
use crate::backends::poll::Urgency;
use crate::model::{Action, ActionRequest, NodeState, PipelineKey, RunKey, Support, Target};

use super::api::QueueRef;
use super::shared::Shared;
use super::wire::{FlowRun, TaskRun};
use super::{api, capabilities};

pub type Deed = act::Deed<Expect>;
type Draft = act::Draft<Expect>;

/// Runs that are listed for a plan, at most.
const MOST: usize = 2_000;
/// More runs than this are not ended one by one.
const MANY: usize = 400;

/// What the server says when a deed has been done.
#[derive(Clone, Debug)]
pub enum Expect {
    Deployment {
        id: String,
        paused: bool,
    },
    /// There is a run that was made with this key.
    Keyed(String),
    /// The run's state is of one of these types.
    Run {
        id: String,
        kinds: &'static [&'static str],
    },
    /// The run goes, or did after `before`.
    Started {
        id: String,
        before: Option<DateTime<Utc>>,
    },
    Task {
        id: String,
        kind: &'static str,
        name: &'static str,
    },
    /// A field of a queue has this value.
    Queue {
        at: QueueRef,
        field: &'static str,
        want: Value,
    },
    /// None of these runs is there.
    Gone(Vec<String>),
}

/// The plan of a request as things are now, and its deeds. Changes nothing.
pub async fn prepare(shared: &Shared, mut request: ActionRequest) -> Prepared<Expect> {
    let maker = Maker { shared };
    let target = request.target.clone();
    let draft = match (request.action, &target) {
        (Action::Pause, Target::Pipeline(key)) => maker.pause_deployment(key, true).await?,
        (Action::Resume, Target::Pipeline(key)) => maker.pause_deployment(key, false).await?,
        (Action::Trigger, Target::Pipeline(key)) => maker.trigger(key, &mut request).await?,
        (Action::Stop, Target::Pipeline(key)) => maker.stop(Some(key)).await?,
        (Action::Stop, Target::Backend(_)) => maker.stop(None).await?,
        (Action::Cancel, Target::Pipeline(key)) => maker.delete_late(Some(key)).await?,
        (Action::Cancel, Target::Backend(_)) => maker.delete_late(None).await?,
        (Action::Pause, Target::Queue(key)) => maker.pause_queue(key, true).await?,
        (Action::Resume, Target::Queue(key)) => maker.pause_queue(key, false).await?,
        (Action::Limit, Target::Queue(key)) => maker.limit(key, request.options.limit).await?,
        (Action::Pause, Target::Run(key)) => maker.pause_run(key).await?,
        (Action::Resume, Target::Run(key)) => maker.resume_run(key).await?,
        (Action::Cancel, Target::Run(key)) => maker.cancel(key).await?,
        (Action::Retry, Target::Run(key)) => maker.retry(key).await?,
        (Action::Restart, Target::Run(key)) => maker.restart(key, &mut request).await?,
        (Action::Mark, Target::Run(key)) => match request.options.mark {
            Some(NodeState::Succeeded) => maker.mark_run(key, "COMPLETED").await?,
            Some(NodeState::Failed) => maker.mark_run(key, "FAILED").await?,
            _ => return unsupported("a run can be marked as succeeded or failed only"),
        },
        (Action::Mark, Target::Node(key)) => match request.options.mark {
            Some(NodeState::Succeeded) => maker.mark_task(key, "COMPLETED", "Completed").await?,
            Some(NodeState::Failed) => maker.mark_task(key, "FAILED", "Failed").await?,
            Some(NodeState::Skipped) => maker.mark_task(key, "COMPLETED", "Skipped").await?,
            _ => return unsupported("a task can be marked as succeeded, failed or skipped only"),
        },
        (action, target) => {
            return match capabilities::capabilities().support(action, target.kind()) {
                Support::No { why, .. } => unsupported(why),
                _ => unsupported("Prefect has no such operation"),
            };
        }
    };
    Ok(draft.finish(request))
}

/// So often is a run asked for whose answer is older than what was heard of it, and so long after one another.
const TRIES: u32 = 5;
const AGAIN: Duration = Duration::from_millis(200);

struct Maker<'a> {
    shared: &'a Shared,
}

impl Maker<'_> {
    /// The run as it is now. An event can tell of a state a moment before the server has written it down: an answer
    /// that is older than what was heard is asked for again.
    async fn flow_run(&self, key: &RunKey) -> Result<FlowRun, Trouble> {
        let id = key.run.raw();
        let mut tries = 0;
        loop {
            let row = super::run::row(self.shared, id, Urgency::Now).await?;
            let heard = self
                .shared
                .memory()
                .runs
                .get(id)
                .map(|k| k.row.state.timestamp);
            tries += 1;
            if heard.is_none_or(|heard| heard <= row.state.timestamp) || tries >= TRIES {
                return Ok(row);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// All task runs of a run that are not history.
    async fn tasks(&self, key: &RunKey) -> Result<Vec<TaskRun>, Trouble> {
        let id = key.run.raw();
        let ids = [id];
        let (found, _) = self
            .shared
            .list::<TaskRun>(Urgency::Now, MOST, |offset| api::task_runs(&ids, offset))
            .await?;
        let memory = self.shared.memory();
        let mut rows = found.rows;
        if let Some(known) = memory.runs.get(id) {
            rows.retain(|row| !known.tasks.history(&row.id));
        }
        Ok(rows)
    }

    /// The deployment of a pipeline.
    fn deployment(&self, key: &PipelineKey) -> Result<String, Refusal> {
        let memory = self.shared.memory();
        match memory.deployment(key.pipeline.raw()) {
            Some((id, _)) => Ok(id.to_owned()),
            None => unsupported(
                "this flow has no deployment: nothing starts it by itself, and nothing can be asked to",
            ),
        }
    }

    /// Runs that go or should, of one deployment or of all that are watched.
    async fn active(&self, key: Option<&PipelineKey>) -> Result<Vec<FlowRun>, Refusal> {
        let deployment = key.map(|key| self.deployment(key)).transpose()?;
        let call = |offset| api::active(deployment.as_deref(), offset);
        self.watched(
            self.shared
                .list::<FlowRun>(Urgency::Now, MOST, call)
                .await?
                .0
                .rows,
        )
    }

    fn watched(&self, mut rows: Vec<FlowRun>) -> Result<Vec<FlowRun>, Refusal> {
        let memory = self.shared.memory();
        rows.retain(|row| memory.pipeline_of(row).is_some());
        Ok(rows)
    }

    /// "flow/deployment / name of the run"
    fn label(&self, row: &FlowRun) -> String {
        let memory = self.shared.memory();
        let pipeline = memory
            .pipeline_of(row)
            .map(|p| p.key.pipeline.raw().to_owned());
        format!("{} / {}", pipeline.unwrap_or_default(), row.name)
    }
}

fn draft(summary: String, deeds: Vec<Deed>) -> Draft {
    Draft {
        summary,
        hits: Vec::new(),
        warnings: Vec::new(),
        server_preview: false,
        deeds,
    }
}

fn word(row: &FlowRun) -> String {
    super::states::native(&row.state).to_string()
}
