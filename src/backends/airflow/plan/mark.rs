//! Plans that set states and notes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Deed, Draft, Expect, LARGEST_GROUP, Maker, Refusal, hit, many, nothing, unsupported};
use crate::backends::airflow::api::{Api, Clear};
use crate::backends::airflow::states;
use crate::backends::airflow::wire::TaskInstance;
use crate::backends::poll::Urgency;
use crate::model::{Hit, NodeKey, NodeState, RunKey, SafeText, Target};

impl Maker<'_> {
    /// Ends a run as failed or succeeded.
    pub(super) async fn end_run(
        &self,
        key: &RunKey,
        state: &'static str,
    ) -> Result<Draft, Refusal> {
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
    pub(super) async fn mark(
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

    pub(super) async fn note(&self, target: &Target, note: &str) -> Result<Draft, Refusal> {
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
}
