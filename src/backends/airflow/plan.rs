//! Plans: what exactly an action would hit, asked of Airflow's own dry run where it has one, and the
//! deeds that carry it out.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use crate::backends::http::{Call, HttpError};
use crate::backends::poll::Urgency;
use crate::model::{
    Action, ActionError, ActionRequest, Hit, NodeKey, NodeState, PipelineKey, Plan, RunKey,
    SafeText, Target,
};

use super::api::{Api, Clear, TiQuery};
use super::shared::{Shared, Trouble};
use super::wire::{Dag, Run, TaskInstance};
use super::{run, states};

/// A group larger than this is not marked task by task.
const LARGEST_GROUP: usize = 60;
/// Task instances read of one run for a plan.
const MOST: usize = 20_000;

/// A request that changes something, and how to see that it did.
#[derive(Clone, Debug)]
pub struct Deed {
    pub call: Call,
    /// What it is for, when one of several fails.
    pub name: SafeText,
    /// "Already there" (409) is what was wanted.
    pub conflict_is_done: bool,
    pub expect: Expect,
}

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

/// Why there is no plan.
pub enum Refusal {
    Trouble(Trouble),
    Action(ActionError),
}

impl<T: Into<Trouble>> From<T> for Refusal {
    fn from(trouble: T) -> Self {
        Self::Trouble(trouble.into())
    }
}

impl From<ActionError> for Refusal {
    fn from(error: ActionError) -> Self {
        Self::Action(error)
    }
}

/// A server's refusal in the words of an action.
pub fn action_error(error: &HttpError, target: &Target) -> ActionError {
    match error {
        HttpError::Unauthorised { said, .. } | HttpError::Forbidden { said, .. } => {
            ActionError::Forbidden(said.clone())
        }
        HttpError::NotFound { .. } => ActionError::Gone(target.label()),
        HttpError::Refused { reason, .. } => ActionError::Refused(reason.clone()),
        other => ActionError::Unreachable(SafeText::new(other.to_string())),
    }
}

fn nothing<T>(why: impl AsRef<str>) -> Result<T, Refusal> {
    Err(ActionError::Nothing(SafeText::new(why)).into())
}

fn unsupported<T>(why: impl AsRef<str>) -> Result<T, Refusal> {
    Err(ActionError::Unsupported(SafeText::new(why)).into())
}

/// The plan of a request as things are now, and its deeds. Changes nothing.
pub async fn prepare(
    shared: &Shared,
    request: ActionRequest,
) -> Result<(Plan, Vec<Deed>), Refusal> {
    let maker = Maker {
        shared,
        api: shared.api,
    };
    let target = request.target.clone();
    let mut draft = match (request.action, &target) {
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
    draft.warnings.dedup();
    let plan = Plan {
        request,
        summary: SafeText::new(draft.summary),
        hits: draft.hits,
        warnings: draft.warnings.iter().map(SafeText::new).collect(),
        server_preview: draft.server_preview,
    };
    Ok((plan, draft.deeds))
}

struct Draft {
    summary: String,
    hits: Vec<Hit>,
    warnings: Vec<String>,
    server_preview: bool,
    deeds: Vec<Deed>,
}

struct Maker<'a> {
    shared: &'a Shared,
    api: Api,
}

fn hit(name: impl AsRef<str>, now: impl AsRef<str>, then: impl AsRef<str>) -> Hit {
    Hit {
        name: SafeText::new(name),
        now: SafeText::new(now),
        then: SafeText::new(then),
    }
}

/// "1 task", "3 tasks"
fn many(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
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
                self.api.run_tis(dag, run, offset)
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

    async fn pause(&self, target: &Target, paused: bool) -> Result<Draft, Refusal> {
        let Some(key) = target.pipeline() else {
            return unsupported("only a DAG can be paused");
        };
        let dag = key.pipeline.raw();
        let now = self.dag(dag).await?;
        if now.is_paused == paused {
            return nothing(format!(
                "{dag} is already {}",
                if paused { "paused" } else { "active" }
            ));
        }
        let runs = self.active(Some(dag)).await?;
        let mut hits = vec![match paused {
            true => hit(dag, "active", "paused: no new runs"),
            false => hit(dag, "paused", "active"),
        }];
        hits.extend(runs.iter().map(|run| match paused {
            true => hit(
                format!("run {}", run.dag_run_id),
                &run.state,
                "waits once its running tasks have ended",
            ),
            false => hit(
                format!("run {}", run.dag_run_id),
                format!("{} (DAG paused)", run.state),
                "goes on",
            ),
        }));
        let mut warnings = Vec::new();
        if matches!(target, Target::Run(_)) {
            warnings.push(format!(
                "Airflow can't {} one run: this is for the whole DAG with {}",
                if paused { "pause" } else { "resume" },
                match runs.len() {
                    0 => "no run that is going".to_owned(),
                    n => format!(
                        "its {} that {} going",
                        many(n, "run"),
                        if n == 1 { "is" } else { "are" }
                    ),
                }
            ));
        }
        if paused && !runs.is_empty() {
            warnings.push("tasks that run or are queued now still finish".to_owned());
        }
        let summary = match paused {
            true => format!("Pauses DAG {dag}: nothing new is scheduled, in any of its runs."),
            false => {
                format!("Resumes DAG {dag}: scheduled runs start again and waiting tasks go on.")
            }
        };
        let deed = Deed {
            call: self.api.set_paused(dag, paused),
            name: SafeText::new(dag),
            conflict_is_done: false,
            expect: Expect::Paused {
                dag: dag.to_owned(),
                paused,
            },
        };
        Ok(Draft {
            summary,
            hits,
            warnings,
            server_preview: false,
            deeds: vec![deed],
        })
    }

    async fn trigger(
        &self,
        key: &PipelineKey,
        mut request: ActionRequest,
    ) -> Result<(Plan, Vec<Deed>), Refusal> {
        run::describe(self.shared, key, Urgency::Now).await?;
        let dag = key.pipeline.raw();
        let now = self.dag(dag).await?;
        let stamp = self
            .shared
            .server_now()
            .to_rfc3339_opts(SecondsFormat::Millis, false);
        let run = request
            .options
            .run_id
            .get_or_insert_with(|| format!("dagtop__{stamp}"))
            .clone();
        let conf: serde_json::Map<String, Value> = request.options.params.iter().cloned().collect();
        let specs = self
            .shared
            .memory()
            .details
            .get(dag)
            .map(|(params, _)| params.clone())
            .unwrap_or_default();
        let mut warnings = Vec::new();
        if now.is_paused {
            warnings.push("the DAG is paused: the run waits until it is resumed".to_owned());
        }
        if now.stale() || now.has_import_errors {
            warnings.push("the DAG's file can't be imported now: the run may not start".to_owned());
        }
        for spec in &specs {
            let given = conf.contains_key(spec.name.as_str());
            if spec.required && !given {
                warnings.push(format!(
                    "the parameter {} has no value and none is given",
                    spec.name
                ));
            }
        }
        for name in conf
            .keys()
            .filter(|name| !specs.is_empty() && !specs.iter().any(|s| s.name == name.as_str()))
        {
            warnings.push(format!("the DAG knows no parameter {name}"));
        }
        let mut hits = vec![hit(format!("run {run}"), "not there", "queued")];
        for spec in &specs {
            if !conf.contains_key(spec.name.as_str()) {
                hits.push(hit(
                    format!("param {}", spec.name),
                    spec.default.to_string(),
                    "default",
                ));
            }
        }
        hits.extend(conf.iter().map(|(name, value)| {
            let default = specs
                .iter()
                .find(|s| s.name == name.as_str())
                .map(|s| s.default.to_string());
            hit(
                format!("param {name}"),
                default.unwrap_or_else(|| "not there".to_owned()),
                value.to_string(),
            )
        }));
        let deed = Deed {
            call: self.api.trigger(
                dag,
                &run,
                Value::Object(conf),
                request.options.note.as_deref(),
            ),
            name: SafeText::new(&run),
            conflict_is_done: true,
            expect: Expect::RunThere {
                dag: dag.to_owned(),
                run: run.clone(),
            },
        };
        let plan = Plan {
            summary: SafeText::new(format!("Starts a new run of DAG {dag} with id {run}.")),
            request,
            hits,
            warnings: warnings.iter().map(SafeText::new).collect(),
            server_preview: false,
        };
        Ok((plan, vec![deed]))
    }

    async fn retry(&self, key: &NodeKey, request: &ActionRequest) -> Result<Draft, Refusal> {
        let (task, index) = states::task_of(&key.node);
        let scope = request.options.scope;
        let members = self.members(key);
        let tasks: Vec<(&str, Option<i32>)> = match members.is_empty() {
            true => vec![(task, index)],
            false => members.iter().map(|m| (m.as_str(), None)).collect(),
        };
        let clear = Clear {
            tasks,
            upstream: scope.upstream,
            downstream: scope.downstream,
            only_failed: scope.only_failed,
        };
        self.clear(&key.run, clear).await
    }

    /// The tasks of a group; empty if the node is none.
    fn members(&self, key: &NodeKey) -> Vec<String> {
        let memory = self.shared.memory();
        let structure = memory
            .open
            .get(&key.run)
            .and_then(|open| open.structure.clone());
        let structure = structure.or_else(|| {
            let dag = key.run.pipeline.pipeline.raw();
            let newest = memory
                .structures
                .iter()
                .filter(|((d, _), _)| d == dag)
                .max_by_key(|((_, version), _)| *version);
            newest.map(|(_, structure)| structure.clone())
        });
        let node = key.node.raw();
        structure
            .filter(|s| s.is_group(node))
            .map(|s| s.members(node).into_iter().map(str::to_owned).collect())
            .unwrap_or_default()
    }

    async fn clear(&self, key: &RunKey, clear: Clear<'_>) -> Result<Draft, Refusal> {
        let (dag, run) = (key.pipeline.pipeline.raw(), key.run.raw());
        let dry = self.api.clear(dag, run, &clear, true);
        let listed: Vec<TaskInstance> = self
            .shared
            .records(Urgency::Now, &dry, "task_instances")
            .await?
            .rows;
        let all = self.tis(key).await?;
        let mut warnings = Vec::new();
        let before: Vec<Before> = match self.api {
            Api::V2 => listed.iter().map(Before::of).collect(),
            // only ids of tasks are listed: their instances and states are in the run
            Api::V1 => {
                let tasks: BTreeSet<&str> = listed.iter().map(|ti| ti.task_id.as_str()).collect();
                let failed = |ti: &TaskInstance| {
                    matches!(ti.state.as_deref(), Some("failed" | "upstream_failed"))
                };
                all.iter()
                    .filter(|ti| {
                        tasks.contains(ti.task_id.as_str()) && (!clear.only_failed || failed(ti))
                    })
                    .map(Before::of)
                    .collect()
            }
        };
        if before.is_empty() {
            return nothing(match clear.only_failed {
                true => format!("no task of {run} has failed"),
                false => format!("there is nothing to clear in {run}"),
            });
        }
        if self.api == Api::V1 && clear.tasks.iter().any(|(_, index)| index.is_some()) {
            warnings.push("Airflow 2 clears all instances of a mapped task together".to_owned());
        }
        let going = before
            .iter()
            .filter(|b| matches!(b.state.as_deref(), Some("running" | "deferred" | "queued")))
            .count();
        if going > 0 {
            let what = match going {
                1 => "1 task runs or is queued now: it is".to_owned(),
                n => format!("{n} tasks run or are queued now: they are"),
            };
            warnings.push(format!("{what} stopped first, then started again"));
        }
        let blocked = all
            .iter()
            .filter(|ti| ti.state.as_deref() == Some("upstream_failed"))
            .filter(|ti| {
                !before
                    .iter()
                    .any(|b| b.task == ti.task_id && b.map_index == ti.map_index)
            })
            .count();
        if blocked > 0 && !clear.tasks.is_empty() && !clear.downstream {
            warnings.push(format!(
                "{} stay blocked: choose downstream to clear what hangs below too",
                many(blocked, "task")
            ));
        }
        let now = self.dag(dag).await?;
        if now.is_paused {
            warnings.push("the DAG is paused: cleared tasks wait until it is resumed".to_owned());
        }
        let hits = before
            .iter()
            .map(|b| {
                let then = match b.state.as_deref() {
                    Some("running" | "deferred") => {
                        format!("stopped, then attempt {}", b.try_number + 1)
                    }
                    _ => format!("attempt {}", b.try_number + 1),
                };
                hit(
                    states::node_id(&b.task, b.map_index).safe(),
                    states::native(b.state.as_deref()),
                    then,
                )
            })
            .collect();
        let summary = format!(
            "Clears {} of run {run}; the scheduler starts them again.",
            many(before.len(), "task instance")
        );
        let deed = Deed {
            call: self.api.clear(dag, run, &clear, false),
            name: SafeText::new(run),
            conflict_is_done: false,
            expect: Expect::Cleared {
                dag: dag.to_owned(),
                run: run.to_owned(),
                before,
            },
        };
        Ok(Draft {
            summary,
            hits,
            warnings,
            server_preview: true,
            deeds: vec![deed],
        })
    }

    /// Ends a run as failed or succeeded.
    async fn end_run(&self, key: &RunKey, state: &'static str) -> Result<Draft, Refusal> {
        let (dag, run) = (key.pipeline.pipeline.raw(), key.run.raw());
        let now = self.run(key).await?;
        if now.state == state {
            return nothing(format!("run {run} is already {state}"));
        }
        let tis = self.tis(key).await?;
        let (mut hits, mut warnings) = (
            vec![hit(format!("run {run}"), &now.state, state)],
            Vec::new(),
        );
        let mut siblings = 0;
        for ti in &tis {
            let word = ti.state.as_deref();
            let node = states::node_state(word);
            if node.ended() {
                let sibling_runs = ti.map_index >= 0
                    && node == NodeState::Succeeded
                    && tis
                        .iter()
                        .any(|o| o.task_id == ti.task_id && o.state.as_deref() == Some("running"));
                siblings += usize::from(sibling_runs && state == "failed");
                continue;
            }
            let then = match (word, state) {
                (Some("running" | "deferred" | "up_for_reschedule"), "failed") => {
                    "failed: its process is stopped"
                }
                (_, "failed") => "skipped",
                _ => "success, without having run to its end",
            };
            hits.push(hit(
                states::node_id(&ti.task_id, ti.map_index).safe(),
                states::native(word),
                then,
            ));
        }
        if siblings > 0 {
            warnings.push(format!(
                "{} of a mapped task succeeded already and may be marked failed with their running siblings (Airflow does this)",
                many(siblings, "instance")
            ));
        }
        if state == "success" && hits.len() > 1 {
            warnings.push("tasks that have not run count as succeeded then".to_owned());
        }
        let summary = match state {
            "failed" => format!(
                "Cancels run {run} of {dag}: it is marked failed and {} ended.",
                many(hits.len() - 1, "task")
            ),
            _ => format!(
                "Marks run {run} of {dag} as succeeded, {} with it.",
                many(hits.len() - 1, "task")
            ),
        };
        let deed = Deed {
            call: self.api.set_run_state(dag, run, state),
            name: SafeText::new(run),
            conflict_is_done: false,
            expect: Expect::RunState {
                dag: dag.to_owned(),
                run: run.to_owned(),
                state,
            },
        };
        Ok(Draft {
            summary,
            hits,
            warnings,
            server_preview: false,
            deeds: vec![deed],
        })
    }

    /// Sets the state of a task, of one instance or all, or of all tasks of a group. `cancel`: only what
    /// is not over.
    async fn mark(
        &self,
        key: &NodeKey,
        state: &'static str,
        cancel: bool,
    ) -> Result<Draft, Refusal> {
        let (dag, run) = (key.run.pipeline.pipeline.raw(), key.run.run.raw());
        let (task, index) = states::task_of(&key.node);
        let members = self.members(key);
        if members.len() > LARGEST_GROUP {
            return unsupported(format!(
                "the group has {} tasks: mark them in smaller parts",
                members.len()
            ));
        }
        let all = self.tis(&key.run).await?;
        let wanted: Vec<(&str, Option<i32>)> = match members.is_empty() {
            true => vec![(task, index)],
            false => members.iter().map(|m| (m.as_str(), None)).collect(),
        };
        let (mut deeds, mut hits, mut server_preview) = (Vec::new(), Vec::new(), true);
        for (task, index) in wanted {
            let own: Vec<&TaskInstance> = all
                .iter()
                .filter(|ti| ti.task_id == task && index.is_none_or(|i| i == ti.map_index))
                .filter(|ti| ti.state.as_deref() != Some(state))
                .filter(|ti| !cancel || !states::node_state(ti.state.as_deref()).ended())
                .collect();
            if own.is_empty() {
                continue;
            }
            // one call for all instances, unless some must be left alone; v1 has none for all
            let whole =
                index.is_none() && own.len() == all.iter().filter(|ti| ti.task_id == task).count();
            let mapped = own.iter().any(|ti| ti.map_index >= 0);
            let calls: Vec<Option<i32>> = match (mapped, whole && self.api == Api::V2) {
                (false, _) | (true, true) => vec![index],
                (true, false) => own.iter().map(|ti| Some(ti.map_index)).collect(),
            };
            for index in calls {
                let here: BTreeSet<(String, i32)> = own
                    .iter()
                    .filter(|ti| index.is_none_or(|i| i == ti.map_index))
                    .map(|ti| (ti.task_id.clone(), ti.map_index))
                    .collect();
                let dry = self.api.mark(dag, run, task, index, state, true);
                match self.api {
                    Api::V2 => {
                        let listed = self
                            .shared
                            .records::<TaskInstance>(Urgency::Now, &dry, "task_instances")
                            .await?;
                        for ti in &listed.rows {
                            hits.push(hit(
                                states::node_id(&ti.task_id, ti.map_index).safe(),
                                states::native(ti.state.as_deref()),
                                state,
                            ));
                        }
                    }
                    // names the task only
                    Api::V1 => {
                        self.shared.json::<Value>(Urgency::Now, &dry).await?;
                        server_preview = false;
                        for ti in own
                            .iter()
                            .filter(|ti| here.contains(&(ti.task_id.clone(), ti.map_index)))
                        {
                            hits.push(hit(
                                states::node_id(&ti.task_id, ti.map_index).safe(),
                                states::native(ti.state.as_deref()),
                                state,
                            ));
                        }
                    }
                }
                deeds.push(Deed {
                    call: self.api.mark(dag, run, task, index, state, false),
                    name: SafeText::new(task),
                    conflict_is_done: false,
                    expect: Expect::Marked {
                        dag: dag.to_owned(),
                        run: run.to_owned(),
                        tasks: here,
                        state,
                    },
                });
            }
        }
        if hits.is_empty() {
            let node = key.node.raw();
            return nothing(match cancel {
                true => format!("{node} is not running"),
                false => format!("{node} is already {state}"),
            });
        }
        let resumed = self.resumed(&key.run, &deeds, &all).await?;
        let mut warnings = Vec::new();
        if !resumed.is_empty() {
            warnings.push(
                "Airflow clears what failed or is blocked below a marked task, and runs it again"
                    .to_owned(),
            );
        }
        hits.extend(resumed);
        let running = hits.iter().filter(|h| h.now == "running").count();
        if running > 0 {
            warnings.push(format!("{} stopped", many(running, "running task")));
        }
        if state == "failed" {
            warnings.push("tasks that need it are blocked (upstream_failed)".to_owned());
        }
        let count = hits.iter().filter(|h| h.then == state).count();
        let what = many(count, "task instance");
        let summary = match cancel {
            true => format!("Cancels {what} of run {run}: Airflow marks them failed."),
            false => format!("Marks {what} of run {run} as {state}."),
        };
        Ok(Draft {
            summary,
            hits,
            warnings,
            server_preview,
            deeds,
        })
    }

    /// Setting the state of a task also clears the tasks below it that failed or are blocked (measured on
    /// 3.3 and written in 2.11's `set_task_instance_state`); the dry run of marking does not say so.
    async fn resumed(
        &self,
        key: &RunKey,
        deeds: &[Deed],
        all: &[TaskInstance],
    ) -> Result<Vec<Hit>, Refusal> {
        let mut marked = BTreeSet::new();
        for deed in deeds {
            if let Expect::Marked { tasks, .. } = &deed.expect {
                marked.extend(tasks.iter().cloned());
            }
        }
        let names: BTreeSet<&str> = marked.iter().map(|(task, _)| task.as_str()).collect();
        let clear = Clear {
            tasks: names.iter().map(|task| (*task, None)).collect(),
            downstream: true,
            only_failed: true,
            ..Clear::default()
        };
        let dry = self
            .api
            .clear(key.pipeline.pipeline.raw(), key.run.raw(), &clear, true);
        let listed = self
            .shared
            .records::<TaskInstance>(Urgency::Now, &dry, "task_instances")
            .await?
            .rows;
        let below: BTreeSet<&str> = listed
            .iter()
            .map(|ti| ti.task_id.as_str())
            .filter(|t| !names.contains(t))
            .collect();
        Ok(all
            .iter()
            .filter(|ti| below.contains(ti.task_id.as_str()))
            .filter(|ti| matches!(ti.state.as_deref(), Some("failed" | "upstream_failed")))
            .map(|ti| {
                hit(
                    states::node_id(&ti.task_id, ti.map_index).safe(),
                    states::native(ti.state.as_deref()),
                    "cleared: runs again",
                )
            })
            .collect())
    }

    async fn note(&self, target: &Target, note: &str) -> Result<Draft, Refusal> {
        let Some(key) = target.run() else {
            return unsupported("Airflow keeps notes on runs and tasks");
        };
        let (dag, run) = (key.pipeline.pipeline.raw(), key.run.raw());
        let (hit, call, expect) = match target {
            Target::Node(node) => {
                let (task, index) = states::task_of(&node.node);
                let now: TaskInstance = self
                    .shared
                    .json(Urgency::Now, &self.api.ti(dag, run, task, index))
                    .await?;
                let expect = Expect::TaskNote {
                    dag: dag.to_owned(),
                    run: run.to_owned(),
                    task: task.to_owned(),
                    map_index: index,
                    note: note.to_owned(),
                };
                let hit = hit(
                    node.node.safe(),
                    now.note.as_deref().unwrap_or("no note"),
                    note,
                );
                (hit, self.api.note_ti(dag, run, task, index, note), expect)
            }
            _ => {
                let now = self.run(key).await?;
                let expect = Expect::RunNote {
                    dag: dag.to_owned(),
                    run: run.to_owned(),
                    note: note.to_owned(),
                };
                let hit = hit(
                    format!("run {run}"),
                    now.note.as_deref().unwrap_or("no note"),
                    note,
                );
                (hit, self.api.note_run(dag, run, note), expect)
            }
        };
        let summary = format!("Writes a note on {}.", target.label());
        let deed = Deed {
            call,
            name: target.label(),
            conflict_is_done: false,
            expect,
        };
        Ok(Draft {
            summary,
            hits: vec![hit],
            warnings: Vec::new(),
            server_preview: false,
            deeds: vec![deed],
        })
    }

    /// Ends all runs that are going, of one DAG or of all that are watched.
    async fn stop(&self, key: Option<&PipelineKey>) -> Result<Draft, Refusal> {
        let runs = self.active(key.map(|k| k.pipeline.raw())).await?;
        if runs.is_empty() {
            return nothing("no run is going");
        }
        let hits = runs
            .iter()
            .map(|run| {
                hit(
                    format!("{} / {}", run.dag_id, run.dag_run_id),
                    &run.state,
                    "failed: its tasks are stopped",
                )
            })
            .collect();
        let deeds = runs
            .iter()
            .map(|run| Deed {
                call: self
                    .api
                    .set_run_state(&run.dag_id, &run.dag_run_id, "failed"),
                name: SafeText::new(format!("{} / {}", run.dag_id, run.dag_run_id)),
                conflict_is_done: false,
                expect: Expect::RunState {
                    dag: run.dag_id.clone(),
                    run: run.dag_run_id.clone(),
                    state: "failed",
                },
            })
            .collect();
        let of = key.map_or_else(
            || "all watched DAGs".to_owned(),
            |k| k.pipeline.raw().to_owned(),
        );
        let warnings = vec![
            "schedules go on: pause the DAG too if no new run may start".to_owned(),
            "instances of mapped tasks that had succeeded may be marked failed with running ones (Airflow does this)".to_owned(),
        ];
        let summary = format!(
            "Ends {} of {of}: Airflow marks them failed and stops their tasks.",
            many(runs.len(), "run")
        );
        Ok(Draft {
            summary,
            hits,
            warnings,
            server_preview: false,
            deeds,
        })
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
