//! Plans that run something again: retry of what failed, restart, one node.

use crate::model::{Action, ActionError, ActionRequest, NodeKey, NodeState, RunKey, RunState};

use super::actor::Actor;
use super::deeds::Deed;
use super::plan::{Draft, Drafted, nothing, plural, refused};
use super::record::{NodeRecord, Record};
use super::results::Args;

/// What `dbt retry` runs again.
fn retried(id: &str, node: &NodeRecord) -> bool {
    matches!(
        node.native.as_str(),
        "error" | "fail" | "skipped" | "runtime error" | "partial success"
    ) && !id.starts_with("operation.")
}

impl Actor {
    /// `dbt retry` knows only the last command: what lies in the target folder.
    pub(super) fn retry_draft(&self, key: &RunKey) -> Drafted {
        let slot = self.slot(key)?;
        let record = &slot.record;
        if slot.open() {
            return Err(refused("the run is going: cancel it first"));
        }
        if record.args.which == "freshness" {
            return Err(refused(
                "dbt retry does not know freshness: restart measures it again",
            ));
        }
        if self.slots.values().any(|s| s.open()) {
            return Err(refused(
                "a run is going, and dbt retries only the command that ended last: wait for it or cancel it",
            ));
        }
        if record.invocation.is_none() || record.invocation != self.last_results {
            return Err(refused(
                "dbt retries only its last command, and this is an older one, or it left no results: restart runs all of it again",
            ));
        }
        // unloaded runs are not the newest
        let ids: Vec<String> = record
            .nodes
            .iter()
            .filter(|(id, n)| retried(id, n))
            .map(|(id, _)| id.clone())
            .collect();
        if ids.is_empty() {
            let why = match record.state {
                RunState::Cancelled => {
                    "dbt retry runs what failed or was skipped, not what an interrupted run never came to: restart does"
                }
                _ => "nothing in this run has failed or was skipped",
            };
            return Err(nothing(why));
        }
        let args = Args {
            which: "retry".to_owned(),
            ..Args::default()
        };
        Ok(Draft {
            summary: format!(
                "Runs `dbt retry`: {} of run {} again, as a new run with the same options.",
                plural(ids.len(), "node"),
                key.run.raw()
            ),
            hits: self.hits(&ids),
            warnings: Vec::new(),
            deed: Deed::Start {
                args,
                ids,
                cause: format!("retry of {}", key.run.raw()),
            },
        })
    }

    /// What the run was told, for another like it.
    pub(super) fn restart_args(&self, key: &RunKey) -> Result<Args, ActionError> {
        let slot = self.slot(key)?;
        if slot.open() && !slot.driven() {
            return Err(refused(
                "it was started elsewhere and is going: cancel it first",
            ));
        }
        let args = slot.record.args.clone();
        if args.which == "retry" {
            return Err(refused(
                "a retry runs what its predecessor left: restart that one, or trigger",
            ));
        }
        if !args.runs_nodes() {
            return Err(refused("it is not known what this run was told"));
        }
        Ok(args)
    }

    pub(super) fn restart_draft(&self, key: &RunKey, ids: Vec<String>, listed: bool) -> Drafted {
        let args = self.restart_args(key)?;
        let cause = format!("restart of {}", key.run.raw());
        let mut draft = self.start_draft(args, ids, listed, cause)?;
        if self.slot(key)?.driven()
            && let Deed::Start { args, ids, cause } = draft.deed
        {
            draft.warnings.retain(|w| !w.contains("going"));
            draft
                .warnings
                .push("this run is going: it is interrupted first".to_owned());
            draft.deed = Deed::Restart {
                run: key.clone(),
                args,
                ids,
                cause,
            };
        }
        Ok(draft)
    }

    /// The command and selection that runs a node, or a folder, again.
    pub(super) fn retry_node_args(
        &self,
        key: &NodeKey,
        request: &ActionRequest,
    ) -> Result<Args, ActionError> {
        let slot = self.slot(&key.run)?;
        let id = key.node.raw();
        let scope = request.options.scope;
        let which = which(id, &slot.record);
        let base = if let Some(folder) = id.strip_prefix('/') {
            let path = folder.replace('/', ".");
            let package = &self.manifest.project;
            // a folder's path begins with its package where there are several
            let several = super::view::packages(&slot.record, &self.manifest);
            if several {
                path
            } else {
                format!("{package}.{path}")
            }
        } else {
            let Some(item) = self.manifest.get(id) else {
                return Err(ActionError::Gone(key.node.safe()));
            };
            let kind = item.resource.as_str();
            match kind {
                "operation" | "exposure" => {
                    return Err(refused(format!("dbt does not run {kind}s by themselves")));
                }
                "source" => format!("source:{}", item.fqn_tail(2)),
                _ => item.fqn.join("."),
            }
        };
        let up = if scope.upstream { "+" } else { "" };
        let down = if scope.downstream { "+" } else { "" };
        Ok(Args {
            which,
            select: vec![format!("{up}{base}{down}")],
            target: slot.record.args.target.clone(),
            vars: slot.record.args.vars.clone(),
            ..Args::default()
        })
    }

    pub(super) fn retry_node_draft(
        &self,
        key: &NodeKey,
        request: &ActionRequest,
        ids: Vec<String>,
    ) -> Drafted {
        let mut args = self.retry_node_args(key, request)?;
        let mut ids = ids;
        if request.options.scope.only_failed {
            let slot = self.slot(&key.run)?;
            let stuck = |id: &String| {
                slot.record
                    .nodes
                    .get(id)
                    .is_some_and(|n| matches!(n.state, NodeState::Failed | NodeState::Blocked))
            };
            ids.retain(stuck);
            if ids.is_empty() {
                return Err(nothing("nothing there has failed"));
            }
            args.select = ids
                .iter()
                .filter_map(|id| self.manifest.get(id))
                .map(|item| item.fqn.join("."))
                .collect();
        }
        let cause = format!("{} of {}", Action::Retry.word(), key.run.run.raw());
        self.start_draft(args, ids, true, cause)
    }
}

/// The command that runs a node as its run did.
fn which(id: &str, record: &Record) -> String {
    let kind = id.split('.').next().unwrap_or_default();
    let own = match kind {
        "test" | "unit_test" => "test",
        "source" => "freshness",
        "seed" if record.args.which == "seed" => "seed",
        "snapshot" if record.args.which == "snapshot" => "snapshot",
        "model" if record.args.which == "run" => "run",
        _ => "build",
    };
    own.to_owned()
}
