//! Owns the world: the one state, built by applying events. `apply` is pure: the same events give
//! the same world, so a recording can be replayed and a screen tested without a network.
//! Must not know where events come from, what draws it, or what time it is: questions that depend
//! on the time get it as an argument.

mod apply;
mod fleet;
mod health;
mod recall;
mod retell;
mod sum;
#[cfg(test)]
mod tests;
mod view;

pub use apply::Changes;
pub use fleet::{Fleet, FleetRow, Tally};
pub use health::run_health;
pub use recall::Recalled;
pub use view::{ActionView, BackendView, PipelineView, RunView};

use std::collections::{BTreeMap, HashMap};

use indexmap::IndexMap;

use crate::model::{ActionId, BackendId, BackendInfo, Node, NodeKey, PipelineKey, RunKey, Target};

/// How many runs keep all their nodes.
#[derive(Debug)]
struct MostDetailed(usize);

/// Everything that is known, as last observed.
#[derive(Debug, Default)]
pub struct World {
    backends: IndexMap<BackendId, BackendView>,
    pipelines: BTreeMap<PipelineKey, PipelineView>,
    runs: HashMap<RunKey, RunView>,
    actions: BTreeMap<ActionId, ActionView>,
    /// Runs whose nodes are all here, oldest first: bounds what is kept.
    detailed: Vec<RunKey>,
    most_detailed: MostDetailed,
    revision: u64,
}

impl World {
    /// A world in which these backends are watched and nothing has been seen yet.
    pub fn new(backends: impl IntoIterator<Item = BackendInfo>) -> Self {
        Self {
            backends: backends
                .into_iter()
                .map(|info| (info.id.clone(), BackendView::new(info)))
                .collect(),
            ..Self::default()
        }
    }

    /// Grows with every change: whoever caches something derived compares this.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn backends(&self) -> impl Iterator<Item = &BackendView> {
        self.backends.values()
    }

    pub fn backend(&self, id: &BackendId) -> Option<&BackendView> {
        self.backends.get(id)
    }

    pub fn pipelines(&self) -> impl Iterator<Item = &PipelineView> {
        self.pipelines.values()
    }

    pub fn pipeline(&self, key: &PipelineKey) -> Option<&PipelineView> {
        self.pipelines.get(key)
    }

    pub fn run(&self, key: &RunKey) -> Option<&RunView> {
        self.runs.get(key)
    }

    pub fn node(&self, key: &NodeKey) -> Option<&Node> {
        self.runs.get(&key.run)?.nodes.get(&key.node)
    }

    /// The runs of a pipeline that are known, newest first.
    pub fn runs_of<'a>(&'a self, key: &PipelineKey) -> impl Iterator<Item = &'a RunView> + use<'a> {
        self.pipelines
            .get(key)
            .map(|p| p.runs.as_slice())
            .unwrap_or_default()
            .iter()
            .filter_map(|k| self.runs.get(k))
    }

    pub fn actions(&self) -> impl DoubleEndedIterator<Item = &ActionView> {
        self.actions.values()
    }

    pub fn action(&self, id: ActionId) -> Option<&ActionView> {
        self.actions.get(&id)
    }

    /// The action on this very target that is under way, if any: shown as *requested*.
    pub fn pending_action(&self, target: &Target) -> Option<&ActionView> {
        self.actions
            .values()
            .rev()
            .find(|a| a.under_way() && &a.request.target == target)
    }

    /// Records that a person asked for something; its answers come as events.
    pub fn asked(
        &mut self,
        request: crate::model::ActionRequest,
        at: chrono::DateTime<chrono::Utc>,
    ) {
        self.revision += 1;
        self.actions
            .insert(request.id, ActionView::new(request, at));
        // settled ones are history: the audit keeps them
        while self.actions.len() > apply::MAX_ACTIONS {
            let Some(oldest) = self
                .actions
                .iter()
                .find(|(_, a)| a.status.settled())
                .map(|(id, _)| *id)
            else {
                break;
            };
            self.actions.remove(&oldest);
        }
    }

    /// Forgets a plan that nobody said yes to.
    pub fn withdraw(&mut self, id: ActionId) {
        self.revision += 1;
        self.actions.remove(&id);
    }
}
