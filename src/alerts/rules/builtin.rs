//! The names of the built-in rules, and what each means.

use crate::model::Priority;

/// One built-in rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Builtin {
    RunFailing,
    RunBlocked,
    RunLate,
    RunLost,
    BackendUnreachable,
    BackendUnauthorised,
    BackendDegraded,
    ImportError,
    NodeFailed,
    RetriesExhausted,
    RunMissing,
    NeverStarted,
    Finished,
    DurationLimit,
    DurationHigh,
    DurationUnusual,
    Stuck,
    QueueWait,
    QueueDepth,
    Resources,
    RowsZero,
    RowsUnusual,
    CheckFailed,
    Stale,
    SlaRisk,
    SlaMissed,
    ChannelFailing,
}

/// Name, priority, meaning.
type Row = (Builtin, &'static str, Priority, &'static str);

#[rustfmt::skip]
const TABLE: [Row; 27] = {
    use Builtin::*;
    use Priority::*;
    [
        (RunFailing, "run-failing", P1, "a run has a failed node, whatever its backend calls the run"),
        (RunBlocked, "run-blocked", P3, "nothing of a run runs, and something waits for a slot"),
        (RunLate, "run-late", P3, "a run has not started when it was due"),
        (RunLost, "run-lost", P2, "nobody supervises a run any more"),
        (BackendUnreachable, "backend-unreachable", P1, "a backend does not answer"),
        (BackendUnauthorised, "backend-unauthorised", P1, "a backend does not let dagtop in"),
        (BackendDegraded, "backend-degraded", P2, "a part of a backend has no heartbeat"),
        (ImportError, "import-error", P3, "a backend can't load a pipeline's file"),
        (NodeFailed, "node-failed", P3, "a node failed, also one that is allowed to"),
        (RetriesExhausted, "retries-exhausted", P2, "a node failed in its last attempt"),
        (RunMissing, "run-missing", P2, "more than one run that was due never started"),
        (NeverStarted, "never-started", P2, "a pipeline with a schedule has never run"),
        (Finished, "finished", P5, "a critical pipeline is done"),
        (DurationLimit, "duration-limit", P2, "a run takes longer than a fixed time"),
        (DurationHigh, "duration-high", P3, "a run takes longer than 95 % of its runs of this weekday and hour"),
        (DurationUnusual, "duration-unusual", P3, "a run takes so many times its usual time for this weekday and hour"),
        (Stuck, "stuck", P2, "a run is going and nothing of it has moved"),
        (QueueWait, "queue-wait", P3, "a node waits in a queue for too long"),
        (QueueDepth, "queue-depth", P3, "too much waits in a queue"),
        (Resources, "resources", P2, "a node uses more memory or processor than its limit"),
        (RowsZero, "rows-zero", P2, "a node that ended well made no rows"),
        (RowsUnusual, "rows-unusual", P3, "a node made far fewer or far more rows than usual"),
        (CheckFailed, "check-failed", P2, "a check of data quality failed"),
        (Stale, "stale", P2, "a pipeline has not ended well for too long"),
        (SlaRisk, "sla-risk", P2, "a run will be done too late, by its usual time"),
        (SlaMissed, "sla-missed", P1, "a pipeline was not done in time"),
        (ChannelFailing, "channel-failing", P2, "a channel can't be told anything"),
    ]
};

impl Builtin {
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    fn row(self) -> &'static Row {
        // the table is in the order of the names: a test holds it to that
        &TABLE[self as usize]
    }

    /// The name of the rule.
    pub fn word(self) -> &'static str {
        self.row().1
    }

    pub fn priority(self) -> Priority {
        self.row().2
    }

    /// When it fires, in a few words.
    pub fn meaning(self) -> &'static str {
        self.row().3
    }

    /// The table of the README.
    pub fn markdown() -> String {
        let row = |r: &Row| format!("| `{}` | {} | {} |\n", r.1, r.2.word(), r.3);
        let rows: String = TABLE.iter().map(row).collect();
        format!("| rule | urgency | fires when |\n| --- | --- | --- |\n{rows}")
    }

    pub fn parse(word: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == word).map(|row| row.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_names() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, at, "{}", row.1);
            assert_eq!(Builtin::parse(row.1), Some(row.0));
        }
    }
}
