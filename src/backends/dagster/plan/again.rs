//! Plans that do again: re-execution of a run from its failure, of all of it, of chosen steps; backfills again.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Maker, REQUEST, Refusal, nothing};
use crate::backends::act::{Draft, hit, many};
use crate::backends::dagster::actions::Expect;
use crate::backends::dagster::family::{RUN, Story, template};
use crate::backends::dagster::side::backfills;
use crate::backends::dagster::wire::{Run, RunStatus};
use crate::backends::dagster::{api, tell};
use crate::backends::poll::Urgency;
use crate::model::{NodeId, NodeKey, NodeState, RunKey, RunState, Scope};

/// Dagster sets these itself, for each run anew.
const OWN_TAGS: [&str; 8] = [
    "dagster/parent_run_id",
    "dagster/root_run_id",
    "dagster/is_resume_retry",
    "dagster/failure_reason",
    "dagster/will_retry",
    "dagster/run_key",
    "dagster/backfill",
    REQUEST,
];

impl Maker<'_> {
    /// The family's story as it is now, and its newest run, which must be over.
    async fn over(&self, key: &RunKey) -> Result<(Story, Run), Refusal> {
        self.permit("launch_pipeline_reexecution")?;
        let mut runs = self.family(key).await?;
        let Some(last) = runs.pop() else {
            return nothing("the run is not there");
        };
        if !last.status.ended() {
            return nothing(format!(
                "run {} is {}: it must be over first",
                last.run_id,
                last.status.word()
            ));
        }
        let memory = self.shared.memory();
        let story = memory
            .families
            .get(key.run.raw())
            .map(|family| tell::story_of(&memory, family))
            .unwrap_or_default();
        Ok((story, last))
    }

    pub(super) async fn continued(&self, key: &RunKey) -> Result<Draft<Expect>, Refusal> {
        let (story, last) = self.over(key).await?;
        if last.status == RunStatus::Success {
            let checks = story
                .nodes
                .iter()
                .filter(|n| n.state == NodeState::Failed)
                .count();
            return nothing(match checks {
                0 => "nothing has failed in this run".to_owned(),
                n => format!(
                    "Dagster calls this run a success: {} failed in it, no step did. Retry the step, or start all of it again",
                    many(n, "check")
                ),
            });
        }
        use NodeState::{Blocked, Cancelled, Failed};
        let hits = story
            .nodes
            .iter()
            .filter(|n| matches!(n.state, Failed | Blocked | Cancelled) && n.id.raw() != RUN)
            .map(|n| hit(n.id.raw(), n.native.as_str(), "runs again"))
            .collect();
        let mut draft = self.strategy(&last, "FROM_FAILURE");
        draft.summary = format!(
            "Re-executes run {} of {} from its failure: a new run does what failed and what hangs below it.",
            last.run_id, last.job_name
        );
        draft.hits = hits;
        Ok(draft)
    }

    pub(super) async fn all_steps(&self, key: &RunKey) -> Result<Draft<Expect>, Refusal> {
        let (story, last) = self.over(key).await?;
        let mut draft = self.strategy(&last, "ALL_STEPS");
        draft.summary = format!(
            "Re-executes all of run {} of {} in a new run.",
            last.run_id, last.job_name
        );
        let steps = story.nodes.iter().filter(|n| n.id.raw() != RUN);
        draft.hits = steps
            .map(|n| hit(n.id.raw(), n.native.as_str(), "runs again"))
            .collect();
        Ok(draft)
    }

    fn strategy(&self, last: &Run, strategy: &str) -> Draft<Expect> {
        let by = json!({"parentRunId": last.run_id, "strategy": strategy, "extraTags": self.tags(), "useParentRunTags": true});
        let deed = self.deed(
            &last.run_id,
            &api::reexecute(),
            json!({"by": by}),
            self.launched(),
        );
        self.draft(String::new(), vec![deed])
    }

    pub(super) fn launched(&self) -> Expect {
        Expect::Launched {
            tag: self.tag.to_owned(),
        }
    }

    /// Chosen steps: a step, the members of a group, and what hangs below them if wanted.
    pub(super) async fn steps(
        &self,
        key: &NodeKey,
        scope: &Scope,
    ) -> Result<Draft<Expect>, Refusal> {
        if key.node.raw() == RUN {
            return self.continued(&key.run).await;
        }
        let (story, last) = self.over(&key.run).await?;
        let wanted = chosen(&story, &key.node, scope);
        if wanted.is_empty() {
            return nothing(format!("there is no step {} in this run", key.node.raw()));
        }
        let tags: Vec<Value> = last
            .tags
            .iter()
            .filter(|tag| {
                !OWN_TAGS.contains(&tag.key.as_str()) && !tag.key.starts_with(".dagster/")
            })
            .map(|tag| json!({"key": tag.key, "value": tag.value}))
            .chain([
                json!({"key": "dagster/is_resume_retry", "value": "true"}),
                json!({"key": REQUEST, "value": self.tag}),
            ])
            .collect();
        let origin = last.repository_origin.clone().unwrap_or_default();
        let mut selector = api::repository(&origin);
        if let Value::Object(selector) = &mut selector {
            selector.insert("jobName".to_owned(), json!(last.job_name));
            if let Some(assets) = last.asset_selection.as_ref().filter(|a| !a.is_empty()) {
                let keys: Vec<Value> = assets.iter().map(|a| json!({"path": a.path})).collect();
                selector.insert("assetSelection".to_owned(), json!(keys));
            }
        }
        let params = json!({"selector": selector, "mode": "default", "stepKeys": wanted, "runConfigData": last.run_config,
            "executionMetadata": {"rootRunId": last.root(), "parentRunId": last.run_id, "tags": tags}});
        let deed = self.deed(
            &last.run_id,
            &api::reexecute(),
            json!({"params": params}),
            self.launched(),
        );
        let mut draft = self.draft(
            format!(
                "Re-executes {} of run {} in a new run.",
                many(wanted.len(), "step"),
                last.run_id
            ),
            vec![deed],
        );
        let is = |step: &str| {
            let node = story.nodes.iter().find(|n| n.id.raw() == step);
            node.map_or_else(|| "not begun".to_owned(), |n| n.native.as_str().to_owned())
        };
        draft.hits = wanted
            .iter()
            .map(|step| hit(step, is(step), "runs again"))
            .collect();
        Ok(draft)
    }

    /// Launches a backfill again: what failed of it, or all.
    pub(super) async fn backfill_again(
        &self,
        key: &RunKey,
        failed: bool,
    ) -> Result<Draft<Expect>, Refusal> {
        self.permit("launch_partition_backfill")?;
        let id = key.run.raw();
        let backfill = backfills::one(self.shared, id, Urgency::Now).await?;
        let state = backfills::state(&backfill.status);
        if !state.ended() {
            return nothing(format!(
                "the backfill is {}: it must be over first",
                backfill.status
            ));
        }
        if failed && state == RunState::Succeeded {
            return nothing("nothing has failed in this backfill");
        }
        let strategy = if failed { "FROM_FAILURE" } else { "ALL_STEPS" };
        let by = json!({"parentRunId": id, "strategy": strategy});
        let expect = Expect::BackfilledAgain {
            parent: id.to_owned(),
            after: self.shared.server_now() - chrono::Duration::seconds(2),
        };
        let deed = self.deed(id, &api::reexecute_backfill(), json!({"by": by}), expect);
        let what = if failed { "what failed of" } else { "all of" };
        let mut draft = self.draft(
            format!("Launches a new backfill for {what} backfill {id}."),
            vec![deed],
        );
        draft.hits = vec![hit(
            format!("backfill {id}"),
            &backfill.status,
            "a new backfill does it again",
        )];
        Ok(draft)
    }

    /// Goes on with a backfill that broke off.
    pub(super) async fn resume_backfill(&self, key: &RunKey) -> Result<Draft<Expect>, Refusal> {
        self.permit("launch_partition_backfill")?;
        let id = key.run.raw();
        let backfill = backfills::one(self.shared, id, Urgency::Now).await?;
        if !matches!(backfill.status.as_str(), "FAILED" | "CANCELED") {
            return nothing(format!(
                "the backfill is {}: only one that broke off can be resumed; retry does what failed",
                backfill.status
            ));
        }
        let expect = Expect::BackfillResumed {
            id: id.to_owned(),
            was: backfill.status.clone(),
        };
        let deed = self.deed(id, &api::resume_backfill(), json!({"id": id}), expect);
        let mut draft = self.draft(
            format!("Resumes backfill {id} where it broke off."),
            vec![deed],
        );
        draft.hits = vec![hit(format!("backfill {id}"), &backfill.status, "REQUESTED")];
        Ok(draft)
    }
}

/// The keys of the steps that a node and a scope mean.
fn chosen(story: &Story, node: &NodeId, scope: &Scope) -> BTreeSet<String> {
    let mut ids: BTreeSet<String> = BTreeSet::from([node.raw().to_owned()]);
    if scope.downstream {
        let mut before = 0;
        while before < ids.len() {
            before = ids.len();
            for (from, to) in &story.topology.edges {
                let below = ids
                    .iter()
                    .any(|id| holds(from.raw(), id) || holds(id, from.raw()));
                if below {
                    ids.insert(to.raw().to_owned());
                }
            }
        }
    }
    let nodes = story.nodes.iter().filter(|n| n.id.raw() != RUN);
    nodes
        .filter(|n| ids.iter().any(|id| holds(id, n.id.raw())))
        .filter(|n| {
            let failed = matches!(
                n.state,
                NodeState::Failed | NodeState::Blocked | NodeState::Cancelled
            );
            failed || !scope.only_failed
        })
        .map(|n| n.id.raw().to_owned())
        .collect()
}

/// Whether a step lies in a group, or is it.
fn holds(group: &str, step: &str) -> bool {
    group == step
        || template(step).as_deref() == Some(group)
        || step
            .strip_prefix(group)
            .is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::model::{Node, Topology};

    fn story() -> Story {
        let steps = [
            ("split", NodeState::Succeeded),
            ("clean[k1]", NodeState::Failed),
            ("clean[k2]", NodeState::Succeeded),
            ("g.total", NodeState::Blocked),
            ("report", NodeState::Blocked),
            ("other", NodeState::Succeeded),
        ];
        let node = |(id, state): (&str, NodeState)| {
            let mut node = Node::new(NodeId::new(id));
            node.state = state;
            node
        };
        let edge = |(a, b): (&str, &str)| (NodeId::new(a), NodeId::new(b));
        Story {
            nodes: steps.map(node).to_vec(),
            topology: Topology {
                edges: [
                    ("split", "clean[?]"),
                    ("clean[?]", "g.total"),
                    ("g.total", "report"),
                ]
                .map(edge)
                .to_vec(),
                ..Topology::default()
            },
            ..Story::default()
        }
    }

    #[test]
    fn a_step_with_what_hangs_below_it() {
        let of = |node: &str, downstream: bool, only_failed: bool| -> Vec<String> {
            let scope = Scope {
                upstream: false,
                downstream,
                only_failed,
            };
            chosen(&story(), &NodeId::new(node), &scope)
                .into_iter()
                .collect()
        };
        assert_eq!(of("clean[k1]", false, false), ["clean[k1]"]);
        assert_eq!(
            of("clean[k1]", true, false),
            ["clean[k1]", "g.total", "report"]
        );
        assert_eq!(of("clean[?]", false, false), ["clean[k1]", "clean[k2]"]);
        assert_eq!(
            of("clean[?]", true, true),
            ["clean[k1]", "g.total", "report"]
        );
        assert_eq!(of("g", false, false), ["g.total"]);
        assert!(of("nowhere", true, false).is_empty());
    }
}
