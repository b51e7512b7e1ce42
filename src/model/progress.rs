//! How far a node is and what it uses.

use serde::{Deserialize, Serialize};

/// `done` of `total`, in whatever the node counts (rows, files, percent).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Progress {
    pub done: u64,
    /// Never 0.
    pub total: u64,
}

impl Progress {
    /// `None` when there is nothing to divide by. More than all is all.
    pub fn new(done: u64, total: u64) -> Option<Self> {
        (total > 0).then_some(Self {
            done: done.min(total),
            total,
        })
    }

    /// 0.0 to 1.0.
    pub fn fraction(self) -> f64 {
        self.done as f64 / self.total as f64
    }

    /// 0 to 100, never 100 before all is done.
    pub fn percent(self) -> u8 {
        u8::try_from(u128::from(self.done) * 100 / u128::from(self.total)).unwrap_or(100)
    }
}

/// What a node's processes use now, or used at their peak when it has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time used so far, in seconds.
    pub cpu_seconds: f64,
    /// Share of one processor over the last sample: 1.0 = one core.
    pub cpu_now: f64,
    /// Resident memory, in bytes.
    pub memory: u64,
    /// Largest resident memory seen, in bytes.
    pub memory_peak: u64,
    /// Bytes read from and written to storage; `None` where the system does not tell.
    pub read: Option<u64>,
    pub written: Option<u64>,
}
