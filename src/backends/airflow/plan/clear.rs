//! Plans that clear tasks: retry and restart.

use std::collections::BTreeSet;

use super::{Before, Deed, Draft, Expect, Maker, Refusal, hit, many, nothing};
use crate::backends::airflow::api::{Api, Clear};
use crate::backends::airflow::states;
use crate::backends::airflow::wire::TaskInstance;
use crate::backends::poll::Urgency;
use crate::model::{ActionRequest, NodeKey, RunKey, SafeText};

impl Maker<'_> {
    pub(super) async fn retry(
        &self,
        key: &NodeKey,
        request: &ActionRequest,
    ) -> Result<Draft, Refusal> {
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
    pub(super) fn members(&self, key: &NodeKey) -> Vec<String> {
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

    pub(super) async fn clear(&self, key: &RunKey, clear: Clear<'_>) -> Result<Draft, Refusal> {
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
}
