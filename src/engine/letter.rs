//! What a message says beside its alert: all that somebody needs who was asleep.

use chrono::{DateTime, Utc};

use crate::alerts::Telling;
use crate::alerts::courier::Letter;
use crate::model::{Alert, Health, Message, NodeKey, RunKey, SafeText, Target};
use crate::world::RunView;

use super::Watch;

impl Watch {
    /// The message of a telling, and the channels it is for.
    pub(super) fn letter(&self, telling: Telling, now: DateTime<Utc>) -> Letter {
        let Telling {
            occasion,
            alert,
            channels,
        } = telling;
        // its words may be better by now
        let newest = self
            .alerts
            .get(&alert.id)
            .filter(|a| a.fired == alert.fired);
        let reason = newest.map(|a| a.reason.clone());
        let mut message = Message::new(occasion, alert, now);
        if let Some(reason) = reason {
            message.alert.reason = reason;
        }
        self.add_place(&mut message, now);
        (message, channels)
    }

    fn add_place(&self, message: &mut Message, now: DateTime<Utc>) {
        let Some(target) = message.alert.target.clone() else {
            return;
        };
        let name = |view: &crate::world::BackendView| view.info.name.clone();
        message.backend = self.world.backend(target.backend()).map(name);
        message.open = SafeText::new(format!("dagtop open {}", target.address()));
        let Some(key) = target.pipeline() else { return };
        if let Some(view) = self.world.pipeline(key) {
            message.pipeline = Some(view.pipeline.name.clone());
            message.url.clone_from(&view.pipeline.url);
        }
        let runs = || self.world.runs_of(key);
        let good = |r: &&RunView| matches!(r.health, Health::Succeeded | Health::Warned);
        message.last_success = runs().filter(good).filter_map(|r| r.run.ended_at).max();
        let run = target.run().cloned().or_else(|| self.row_run(key));
        let Some(view) = run.as_ref().and_then(|run| self.world.run(run)) else {
            return;
        };
        if target.run().is_some() {
            message.run = Some(view.run.key.run.safe());
        }
        message.sla = self.alerts.sla(key, now);
        if let Some(node) = node_of(&message.alert, view) {
            self.add_failure(message, view, &node);
        }
    }

    fn row_run(&self, key: &crate::model::PipelineKey) -> Option<RunKey> {
        let row = self.fleet().iter().find(|row| &row.key == key)?;
        row.run.clone()
    }

    fn add_failure(&self, message: &mut Message, view: &RunView, key: &NodeKey) {
        let Some(node) = view.nodes.get(&key.node) else {
            return;
        };
        message.node = Some(node.name.clone());
        message.error = self.error_line(&key.log(node.attempt));
        if let Some(diagnosis) = self.diagnosis(view, node) {
            message.cause = Some(diagnosis.summary);
            message.advice = Some(diagnosis.advice);
        }
    }
}

/// The node that an alert is about: its own, or the worst of its run.
fn node_of(alert: &Alert, view: &RunView) -> Option<NodeKey> {
    match &alert.target {
        Some(Target::Node(key)) => Some(key.clone()),
        _ => {
            let worst = view.worst_node().filter(|n| n.state.problem())?;
            Some(view.run.key.node(&worst.id))
        }
    }
}
