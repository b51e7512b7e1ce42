//! Data quality: what was checked of the data itself, whatever became of the run that checked it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{NodeKey, NodeState, SafeText};

/// The last result of one check: a test, the freshness of a source, an expectation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The check as a node of the run that saw it last.
    pub node: NodeKey,
    pub name: SafeText,
    /// What it looks at: "stg_payments.payment_id".
    pub on: SafeText,
    /// "unique", "not_null", "freshness".
    pub kind: SafeText,
    /// `Failed`, `Warned` or `Succeeded`.
    pub state: NodeState,
    /// Rows that failed, where they are counted.
    pub rows: Option<u64>,
    /// Since when it has been so: the first result of an unbroken row of bad (or good) ones.
    pub since: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    /// Where the failing rows are, how old the data is, or what was said.
    pub note: SafeText,
}

/// The worst first, of those the longest bad.
pub fn worst_first(list: &mut [Check]) {
    list.sort_by(|a, b| {
        let rank = |c: &Check| std::cmp::Reverse(c.state.badness());
        (rank(a), a.since, &a.name).cmp(&(rank(b), b.since, &b.name))
    });
}
