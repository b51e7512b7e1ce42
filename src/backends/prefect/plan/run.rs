//! Plans for runs and task runs: pause, resume, cancel, retry, restart, mark.

use chrono::Duration;
use serde_json::json;

use super::{Deed, Draft, Expect, Maker, Refusal, draft, hit, many, nothing, unsupported, word};
use crate::backends::poll::Urgency;
use crate::backends::prefect::tasks::Subject;
use crate::backends::prefect::wire::{FlowRun, TaskRun};
use crate::backends::prefect::{api, capabilities, states};
use crate::model::{ActionRequest, NodeKey, RunKey, SafeText};

/// A suspended run that nobody resumes by then fails.
const SUSPENDED: Duration = Duration::days(30);
/// What follows on the wish for a resume.
const RESUMED: &[&str] = &[
    "SCHEDULED",
    "PENDING",
    "RUNNING",
    "COMPLETED",
    "FAILED",
    "CRASHED",
    "CANCELLED",
];
/// So many tasks are named in a hit.
const NAMED: usize = 8;
/// A group larger than this is not marked task by task.
const LARGEST_GROUP: usize = 60;

fn deed(row: &FlowRun, call: crate::net::http::Call, expect: Expect) -> Deed {
    Deed {
        call,
        name: SafeText::new(&row.name),
        conflict_is_done: false,
        expect,
    }
}

/// The names of those whose state is such. They stand in one hit: a run goes from task to task while its plan is read,
/// and that is no reason to refuse what was meant for the run.
fn among(tasks: &[TaskRun], is: impl Fn(&str) -> bool) -> String {
    let names: Vec<&str> = tasks
        .iter()
        .filter(|task| is(&task.state.kind))
        .map(|task| task.name.as_str())
        .collect();
    match names.as_slice() {
        [] => "none now".to_owned(),
        few if few.len() <= NAMED => few.join(", "),
        all => format!("{} and {} more", all[..NAMED].join(", "), all.len() - NAMED),
    }
}

impl Maker<'_> {
    pub(super) async fn pause_run(&self, key: &RunKey) -> Result<Draft, Refusal> {
        let row = self.flow_run(key).await?;
        match row.state.kind.as_str() {
            "RUNNING" => {}
            "PAUSED" => return nothing(format!("the run is already {}", word(&row))),
            "SCHEDULED" | "PENDING" => {
                return unsupported(
                    "the run has not started: pause its deployment, or cancel the run",
                );
            }
            _ => return nothing(format!("the run is {}", word(&row))),
        }
        if row.deployment_id.is_none() {
            return unsupported(
                "a run without a deployment can't be suspended: nothing could start it again",
            );
        }
        let until = self.shared.server_now() + SUSPENDED;
        let state = json!({"type": "PAUSED", "name": "Suspended", "message": "suspended with dagtop", "state_details":
            {"pause_timeout": api::stamp(until), "pause_reschedule": true}});
        let call = api::set_run_state(&row.id, state, false);
        let expect = Expect::Run {
            id: row.id.clone(),
            kinds: &["PAUSED"],
        };
        let summary = format!(
            "Suspends run {}: it stops before its next task, and can be resumed until {} UTC.",
            row.name,
            until.format("%Y-%m-%d")
        );
        let mut draft = draft(summary, vec![deed(&row, call, expect)]);
        draft
            .hits
            .push(hit(format!("run {}", row.name), word(&row), "Suspended"));
        let tasks = self.tasks(key).await?;
        let running = among(&tasks, |kind| kind == "RUNNING");
        let waiting = among(&tasks, |kind| matches!(kind, "PENDING" | "SCHEDULED"));
        draft
            .hits
            .push(hit("its tasks that run", running, "go on to their end"));
        draft
            .hits
            .push(hit("its tasks that wait", waiting, "do not start"));
        draft.warnings.push(capabilities::PAUSE_RUN.to_owned());
        Ok(draft)
    }

    pub(super) async fn resume_run(&self, key: &RunKey) -> Result<Draft, Refusal> {
        let row = self.flow_run(key).await?;
        if row.state.kind != "PAUSED" {
            return nothing(format!("the run is not paused, it is {}", word(&row)));
        }
        let expect = Expect::Run {
            id: row.id.clone(),
            kinds: RESUMED,
        };
        let mut draft = draft(
            format!("Resumes run {}.", row.name),
            vec![deed(&row, api::resume(&row.id), expect)],
        );
        let suspended = row.state.name == "Suspended";
        let then = match suspended {
            true => "starts again in a new process",
            false => "goes on where it waits",
        };
        draft
            .hits
            .push(hit(format!("run {}", row.name), word(&row), then));
        if suspended {
            self.again(key, &mut draft).await?;
        }
        Ok(draft)
    }

    pub(super) async fn cancel(&self, key: &RunKey) -> Result<Draft, Refusal> {
        let row = self.flow_run(key).await?;
        let kind = row.state.kind.as_str();
        if states::ended(kind) {
            return nothing(format!("the run is already {}", word(&row)));
        }
        let lost = self
            .shared
            .memory()
            .runs
            .get(&row.id)
            .is_some_and(|known| known.lost);
        let force = kind == "CANCELLING" || lost;
        let deeds = match force {
            false => vec![self.cancelling(&row)],
            true => {
                let state =
                    json!({"type": "CANCELLED", "message": "marked as cancelled with dagtop"});
                let expect = Expect::Run {
                    id: row.id.clone(),
                    kinds: &["CANCELLED"],
                };
                vec![deed(&row, api::set_run_state(&row.id, state, true), expect)]
            }
        };
        let summary = match force {
            false => format!("Cancels run {}.", row.name),
            true => format!("Marks run {} as cancelled by force.", row.name),
        };
        let mut draft = draft(summary, deeds);
        draft
            .hits
            .push(hit(format!("run {}", row.name), word(&row), "cancelled"));
        let tasks = self.tasks(key).await?;
        let open = among(&tasks, |kind| !states::ended(kind));
        draft.hits.push(hit(
            "its tasks that are not over",
            open,
            "end with the run's process",
        ));
        if force {
            draft.warnings.push("nobody answered for this run: if its process still goes somewhere, this does not stop it".to_owned());
        } else if matches!(kind, "RUNNING" | "PENDING") {
            draft.warnings.push(
                "the worker or runner of the run has to end its process; this takes a few seconds"
                    .to_owned(),
            );
        }
        Ok(draft)
    }

    pub(super) async fn retry(&self, key: &RunKey) -> Result<Draft, Refusal> {
        let row = self.flow_run(key).await?;
        if !states::ended(&row.state.kind) {
            return nothing(format!("the run is not over, it is {}", word(&row)));
        }
        if row.deployment_id.is_none() {
            return unsupported(
                "a run without a deployment can't be retried: nothing would start it",
            );
        }
        let state =
            json!({"type": "SCHEDULED", "name": "AwaitingRetry", "message": "retried with dagtop"});
        let call = api::set_run_state(&row.id, state, row.state.kind == "COMPLETED");
        let expect = Expect::Started {
            id: row.id.clone(),
            before: row.state.timestamp,
        };
        let mut draft = draft(
            format!(
                "Retries run {}: the same run starts again from its beginning.",
                row.name
            ),
            vec![deed(&row, call, expect)],
        );
        draft.hits.push(hit(
            format!("run {}", row.name),
            word(&row),
            "AwaitingRetry",
        ));
        self.again(key, &mut draft).await?;
        Ok(draft)
    }

    /// What a flow that begins again does with the tasks of before.
    async fn again(&self, key: &RunKey, draft: &mut Draft) -> Result<(), Refusal> {
        let kept = |task: &TaskRun| task.state.data["storage_key"].is_string();
        let mut lost = 0;
        for task in self.tasks(key).await? {
            let done = task.state.kind == "COMPLETED";
            let then = match done && kept(&task) {
                true => "its result is taken if its inputs are the same",
                false => "runs again",
            };
            lost += usize::from(done && !kept(&task));
            draft
                .hits
                .push(hit(&task.name, states::native(&task.state), then));
        }
        if lost > 0 {
            draft.warnings.push(format!(
                "{} completed and will run again, because {} not kept (persist_result is off)",
                many(lost, "task"),
                if lost == 1 {
                    "its result is"
                } else {
                    "their results are"
                }
            ));
        }
        Ok(())
    }

    pub(super) async fn restart(
        &self,
        key: &RunKey,
        request: &mut ActionRequest,
    ) -> Result<Draft, Refusal> {
        let row = self.flow_run(key).await?;
        let Some(deployment) = row.deployment_id.clone() else {
            return unsupported(
                "a run without a deployment can't be started again: nothing would start it",
            );
        };
        let mut draft = self.new_run(&key.pipeline, &deployment, row.parameters.clone(), request);
        draft.summary = format!(
            "Starts a new run with the parameters of {}; that one stays as it is.",
            row.name
        );
        for (name, value) in row.parameters.as_object().into_iter().flatten() {
            draft.hits.push(hit(
                format!("param {name}"),
                value.to_string(),
                value.to_string(),
            ));
        }
        if !states::ended(&row.state.kind) {
            draft
                .warnings
                .push(format!("{} still goes: there will be two runs", row.name));
        }
        Ok(draft)
    }

    pub(super) async fn mark_run(
        &self,
        key: &RunKey,
        kind: &'static str,
    ) -> Result<Draft, Refusal> {
        let row = self.flow_run(key).await?;
        if row.state.kind == kind {
            return nothing(format!("the run is already {}", word(&row)));
        }
        let state = json!({"type": kind, "message": "marked with dagtop"});
        let kinds: &'static [&'static str] = match kind {
            "COMPLETED" => &["COMPLETED"],
            _ => &["FAILED"],
        };
        let expect = Expect::Run {
            id: row.id.clone(),
            kinds,
        };
        let call = api::set_run_state(&row.id, state, true);
        let mut draft = draft(
            format!("Marks run {} as {kind}, whatever it is.", row.name),
            vec![deed(&row, call, expect)],
        );
        draft
            .hits
            .push(hit(format!("run {}", row.name), word(&row), kind));
        if !states::ended(&row.state.kind) {
            draft
                .warnings
                .push("its process is not stopped by this".to_owned());
        }
        Ok(draft)
    }

    /// Sets the state of a task run, or of all runs of a mapped task.
    pub(super) async fn mark_task(
        &self,
        key: &NodeKey,
        kind: &'static str,
        name: &'static str,
    ) -> Result<Draft, Refusal> {
        let tasks = self.members(key).await?;
        let (mut deeds, mut hits) = (Vec::new(), Vec::new());
        for id in tasks {
            let task: TaskRun = self.shared.ask(Urgency::Now, &api::task_run(&id)).await?;
            if task.state.kind == kind && task.state.name == name {
                continue;
            }
            let state = json!({"type": kind, "name": name, "message": "marked with dagtop"});
            hits.push(hit(&task.name, states::native(&task.state), name));
            deeds.push(Deed {
                call: api::set_task_state(&id, state),
                name: SafeText::new(&task.name),
                conflict_is_done: false,
                expect: Expect::Task { id, kind, name },
            });
        }
        if deeds.is_empty() {
            return nothing(format!("{} is already {name}", key.node.raw()));
        }
        let summary = format!("Marks {} as {name}.", many(deeds.len(), "task run"));
        let mut draft = draft(summary, deeds);
        draft.hits = hits;
        draft.warnings.push(
            "only the record changes: the run stays what it is, and nothing runs because of it"
                .to_owned(),
        );
        Ok(draft)
    }

    /// The task runs of a node or of a mapped task.
    async fn members(&self, key: &NodeKey) -> Result<Vec<String>, Refusal> {
        let run = key.run.run.raw();
        // a run that is not in view has not been read
        if !self
            .shared
            .memory()
            .runs
            .get(run)
            .is_some_and(|known| known.loaded())
        {
            super::super::run::load(self.shared, &key.run, Urgency::Now).await?;
        }
        let memory = self.shared.memory();
        let Some(known) = memory.runs.get(run) else {
            return unsupported("this run is not known");
        };
        let group = known.tasks.mapped(&key.node);
        if group.len() > LARGEST_GROUP {
            return unsupported(format!(
                "the group has {} tasks: mark them in smaller parts",
                group.len()
            ));
        }
        if !group.is_empty() {
            return Ok(group);
        }
        match known.tasks.subject(run, &key.node) {
            Some(Subject::Task(task)) => Ok(vec![task]),
            Some(Subject::Flow(_) | Subject::Subflow { .. }) => {
                unsupported("this is a flow: mark its run instead")
            }
            None => unsupported("there is no such task run"),
        }
    }
}
