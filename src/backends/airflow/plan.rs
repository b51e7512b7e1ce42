//! Plans: what exactly an action would hit, asked of Airflow's own dry run where it has one, and the
//! deeds that carry it out.

mod clear;
mod dag;
mod mark;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::backends::act::{self, Prepared, Refusal, hit, many, nothing, unsupported};
use crate::backends::poll::Urgency;
use crate::model::{Action, ActionRequest, NodeState, RunKey, Target};
use crate::net::http::HttpError;

use super::api::{Api, Clear, PAGE, TiQuery};
use super::shared::Shared;
use super::wire::{Dag, Run, TaskInstance};
use crate::backends::client::Trouble;

/// A group larger than this is not marked task by task.
const LARGEST_GROUP: usize = 60;
/// Task instances read of one run for a plan.
const MOST: usize = 20_000;

pub type Deed = act::Deed<Expect>;
type Draft = act::Draft<Expect>;

/// What the server says when a deed has been done.
#[derive(Clone, Debug)]
pub enum Expect {
    Paused {
        dag: String,
        paused: bool,
    },
    RunThere {
        dag: String,
        run: String,
    },
    /// With `success` or `failed`, no task of it may be going any more.
    RunState {
        dag: String,
        run: String,
        state: &'static str,
    },
    /// These task instances are not what they were.
    Cleared {
        dag: String,
        run: String,
        before: Vec<Before>,
    },
    Marked {
        dag: String,
        run: String,
        tasks: BTreeSet<(String, i32)>,
        state: &'static str,
    },
    RunNote {
        dag: String,
        run: String,
        note: String,
    },
    TaskNote {
        dag: String,
        run: String,
        task: String,
        map_index: Option<i32>,
        note: String,
    },
}

/// A task instance before it was cleared.
#[derive(Clone, Debug, PartialEq)]
pub struct Before {
    pub task: String,
    pub map_index: i32,
    pub state: Option<String>,
    pub try_number: u32,
    pub start_date: Option<DateTime<Utc>>,
}

impl Before {
    pub fn of(ti: &TaskInstance) -> Self {
        Self {
            task: ti.task_id.clone(),
            map_index: ti.map_index,
            state: ti.state.clone(),
            try_number: ti.try_number,
            start_date: ti.start_date,
        }
    }
}

/// The plan of a request as things are now, and its deeds. Changes nothing.
pub async fn prepare(shared: &Shared, request: ActionRequest) -> Prepared<Expect> {
    let maker = Maker {
        shared,
        api: shared.api,
    };
    let target = request.target.clone();
    let draft = match (request.action, &target) {
        (Action::Pause | Action::Resume, Target::Pipeline(_) | Target::Run(_)) => {
            maker
                .pause(&target, request.action == Action::Pause)
                .await?
        }
        (Action::Trigger, Target::Pipeline(key)) => return maker.trigger(key, request).await,
        (Action::Retry, Target::Run(key)) => {
            let clear = Clear {
                only_failed: true,
                ..Clear::default()
            };
            maker.clear(key, clear).await?
        }
        (Action::Restart, Target::Run(key)) => maker.clear(key, Clear::default()).await?,
        (Action::Retry, Target::Node(key)) => maker.retry(key, &request).await?,
        (Action::Cancel, Target::Run(key)) => maker.end_run(key, "failed").await?,
        (Action::Cancel, Target::Node(key)) => maker.mark(key, "failed", true).await?,
        (Action::Mark, Target::Run(key)) => match request.options.mark {
            Some(NodeState::Succeeded) => maker.end_run(key, "success").await?,
            Some(NodeState::Failed) => maker.end_run(key, "failed").await?,
            _ => return unsupported("Airflow can mark a run as succeeded or failed only"),
        },
        (Action::Mark, Target::Node(key)) => match request.options.mark {
            Some(NodeState::Succeeded) => maker.mark(key, "success", false).await?,
            Some(NodeState::Failed) => maker.mark(key, "failed", false).await?,
            Some(NodeState::Skipped) => maker.mark(key, "skipped", false).await?,
            _ => {
                return unsupported("Airflow can mark a task as succeeded, failed or skipped only");
            }
        },
        (Action::Note, Target::Run(_) | Target::Node(_)) => {
            let Some(note) = &request.options.note else {
                return nothing("there is no text to note");
            };
            maker.note(&target, note).await?
        }
        (Action::Stop, Target::Pipeline(key)) => maker.stop(Some(key)).await?,
        (Action::Stop, Target::Backend(_)) => maker.stop(None).await?,
        (action, target) => {
            let support =
                super::capabilities::capabilities(Some(shared.api)).support(action, target.kind());
            return match support {
                crate::model::Support::No { why, .. } => unsupported(why),
                _ => unsupported("Airflow has no such operation"),
            };
        }
    };
    Ok(draft.finish(request))
}

struct Maker<'a> {
    shared: &'a Shared,
    api: Api,
}

impl Maker<'_> {
    async fn dag(&self, dag: &str) -> Result<Dag, HttpError> {
        self.shared.json(Urgency::Now, &self.api.dag(dag)).await
    }

    async fn run(&self, key: &RunKey) -> Result<Run, HttpError> {
        let call = self.api.run(key.pipeline.pipeline.raw(), key.run.raw());
        self.shared.json(Urgency::Now, &call).await
    }

    /// All task instances of a run.
    async fn tis(&self, key: &RunKey) -> Result<Vec<TaskInstance>, Trouble> {
        let (dag, run) = (key.pipeline.pipeline.raw(), key.run.raw());
        let pages = self
            .shared
            .pages(Urgency::Now, "task_instances", MOST, |offset| {
                self.api.run_tis(dag, run, offset, PAGE)
            })
            .await?;
        Ok(pages.rows)
    }

    /// Runs that are going, of one DAG or of all that are watched.
    async fn active(&self, dag: Option<&str>) -> Result<Vec<Run>, Trouble> {
        let pages = self
            .shared
            .pages::<Run>(Urgency::Now, "dag_runs", 2000, |offset| {
                self.api.active_runs(dag.unwrap_or("~"), offset)
            })
            .await?;
        let mut runs = pages.rows;
        if dag.is_none() {
            let memory = self.shared.memory();
            runs.retain(|run| memory.dags.contains_key(&run.dag_id));
        }
        Ok(runs)
    }
}

/// Task instances of a run, by task.
pub async fn tis_of(
    shared: &Shared,
    run: &str,
    dag: &str,
    tasks: &[&str],
) -> Result<Vec<TaskInstance>, Trouble> {
    let (dags, runs) = ([dag], [run]);
    let query = TiQuery {
        dags: &dags,
        runs: &runs,
        tasks,
        ..TiQuery::default()
    };
    let pages = shared
        .pages(Urgency::Now, "task_instances", MOST, |offset| {
            shared.api.tis_list(&query, offset)
        })
        .await?;
    Ok(pages.rows)
}
