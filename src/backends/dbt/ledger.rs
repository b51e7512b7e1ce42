//! Data quality: of every test and every source the last result, and since when it has been bad.
//! Fed with the results of all runs; what comes late and is older changes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::model::NodeState;

use super::record::{NodeRecord, Record};
use super::results::Age;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// By unique id.
    pub entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub state: NodeState,
    /// dbt's word.
    pub native: String,
    /// Rows that failed.
    pub failures: Option<u64>,
    pub message: Option<String>,
    pub failing_rows: Option<String>,
    pub age: Option<Age>,
    /// When it last became what it is: good or bad.
    pub since: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    /// The run that saw it.
    pub run: String,
}

impl Entry {
    pub fn bad(&self) -> bool {
        matches!(self.state, NodeState::Failed | NodeState::Warned)
    }
}

impl Entry {
    /// As a node of a run.
    pub fn node(&self) -> NodeRecord {
        NodeRecord {
            state: self.state,
            native: self.native.clone(),
            failures: self.failures,
            message: self.message.clone(),
            age: self.age.clone(),
            ..NodeRecord::default()
        }
    }
}

/// Whether a node is a check of data.
pub fn is_check(id: &str) -> bool {
    ["test.", "unit_test.", "source."]
        .iter()
        .any(|p| id.starts_with(p))
}

impl Ledger {
    /// Takes in what a run found. Says whether anything is different now.
    pub fn take(&mut self, record: &Record) -> bool {
        let mut changed = false;
        for (id, node) in record.nodes.iter().filter(|(id, _)| is_check(id)) {
            changed |= self.take_node(id, node, record);
        }
        changed
    }

    pub fn take_node(&mut self, id: &str, node: &NodeRecord, record: &Record) -> bool {
        let told = matches!(
            node.state,
            NodeState::Succeeded | NodeState::Warned | NodeState::Failed
        );
        let Some(at) = node.ended_at.filter(|_| told) else {
            return false;
        };
        let known = self.entries.get(id);
        if known.is_some_and(|k| k.seen_at > at) {
            return false;
        }
        let bad = node.state != NodeState::Succeeded;
        let since = known
            .filter(|k| k.bad() == bad)
            .map_or(at, |k| k.since.min(at));
        let entry = Entry {
            state: node.state,
            native: node.native.clone(),
            failures: node.failures,
            message: node.message.clone(),
            failing_rows: node.failing_rows.clone(),
            age: node.age.clone(),
            since,
            seen_at: at,
            run: record.run.clone(),
        };
        if known == Some(&entry) {
            return false;
        }
        self.entries.insert(id.to_owned(), entry);
        true
    }

    /// Forgets what is no longer part of the project.
    pub fn retain(&mut self, there: impl Fn(&str) -> bool) -> bool {
        let before = self.entries.len();
        self.entries.retain(|id, _| there(id));
        before != self.entries.len()
    }
}
