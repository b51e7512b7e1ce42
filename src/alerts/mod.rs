//! Owns the alerts: the built-in rules and the life of what they find.
//! Must not know backends, screens or how anybody is told.

pub mod query;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};

use crate::model::{Alert, AlertId, AlertKind, BackendId, SafeText};
use crate::world::{FleetRow, World};

/// Which rules are on, and their limits.
#[derive(Clone, Debug)]
pub struct Rules {
    pub off: Vec<AlertKind>,
    /// Nothing runs and something has been waiting this long.
    pub blocked_after: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            off: Vec::new(),
            blocked_after: Duration::minutes(5),
        }
    }
}

/// What the rules may look at.
pub struct Scene<'a> {
    pub world: &'a World,
    pub fleet: &'a [FleetRow],
    pub now: DateTime<Utc>,
    /// The cause line of a failed run's log, where it has been read.
    pub error_of: &'a dyn Fn(&FleetRow) -> Option<SafeText>,
}

/// All alerts that are firing, the most urgent first.
#[derive(Debug, Default)]
pub struct Alerts {
    rules: Rules,
    firing: Vec<Alert>,
    acked: HashMap<AlertId, DateTime<Utc>>,
}

impl Alerts {
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// Evaluates every rule. One alert per rule and subject; what no rule finds any more is over,
    /// and its acknowledgement with it. Says whether anything changed.
    pub fn evaluate(&mut self, scene: &Scene<'_>) -> bool {
        let mut found = rules::find(scene, &self.rules);
        found.retain(|a| !self.rules.off.contains(&a.id.kind));
        let since: HashMap<&AlertId, DateTime<Utc>> =
            self.firing.iter().map(|a| (&a.id, a.since)).collect();
        for alert in &mut found {
            if let Some(known) = since.get(&alert.id) {
                alert.since = alert.since.min(*known);
            }
            alert.acked = self.acked.get(&alert.id).copied();
        }
        // acknowledged ones sink; then urgency, then the newest
        found.sort_by(|a, b| {
            let rank = |x: &Alert| (x.acked.is_some(), x.priority, std::cmp::Reverse(x.since));
            rank(a).cmp(&rank(b)).then_with(|| a.id.cmp(&b.id))
        });
        self.acked.retain(|id, _| found.iter().any(|a| &a.id == id));
        let changed = self.firing != found;
        self.firing = found;
        changed
    }

    pub fn firing(&self) -> &[Alert] {
        &self.firing
    }

    /// How many nobody has acknowledged.
    pub fn open(&self) -> usize {
        self.firing.iter().filter(|a| a.acked.is_none()).count()
    }

    pub fn get(&self, id: &AlertId) -> Option<&Alert> {
        self.firing.iter().find(|a| &a.id == id)
    }

    /// Somebody has seen it: it stays listed, quietly, until it is over.
    pub fn ack(&mut self, id: &AlertId, at: DateTime<Utc>) {
        if self.get(id).is_some() {
            self.acked.insert(id.clone(), at);
        }
    }

    pub fn unack(&mut self, id: &AlertId) {
        self.acked.remove(id);
    }
}

fn id(kind: AlertKind, backend: &BackendId, subject: &str) -> AlertId {
    AlertId {
        kind,
        backend: backend.clone(),
        subject: subject.to_owned(),
    }
}
