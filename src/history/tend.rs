//! What the writing thread does for the store when nothing waits to be written: metrics are rolled up, and what is old
//! goes away, a little at a time.

use std::path::PathBuf;

use chrono::Utc;

use crate::model::SafeText;

use super::retention::{Policy, Retention};
use super::rollup::Rollup;
use super::store::{Store, StoreError, Write};

#[derive(Debug)]
pub struct Tend {
    rollup: Rollup,
    retention: Retention,
    /// Told once until it goes well.
    trouble: bool,
}

impl Tend {
    pub fn new(policy: Policy) -> Self {
        Self {
            rollup: Rollup::default(),
            retention: Retention::new(policy),
            trouble: false,
        }
    }

    pub(super) fn begin(&mut self, store: &mut dyn Store) {
        self.rollup.begin(store, Utc::now());
    }

    pub(super) fn written(&mut self, batch: &[Write]) {
        self.rollup.written(batch);
    }

    /// There is more to be done at once.
    pub(super) fn busy(&self) -> bool {
        self.retention.busy()
    }

    /// A little of it. What can't be done is told once.
    pub(super) fn step(&mut self, store: &mut dyn Store) -> Option<SafeText> {
        let now = Utc::now();
        let rolled = self.rollup.step(store, now).map_err(TendError::Store);
        let done = rolled.and_then(|()| self.retention.step(store, now));
        match done {
            Ok(_) => {
                self.trouble = false;
                None
            }
            // locked by another: later
            Err(TendError::Store(StoreError::Busy)) => None,
            Err(error) => {
                let news = !std::mem::replace(&mut self.trouble, true);
                news.then(|| SafeText::new(error.to_string()))
            }
        }
    }

    pub(super) fn end(&mut self, store: &mut dyn Store) {
        self.rollup.end(store, Utc::now());
    }
}

/// What went wrong beside the writing.
#[derive(Debug, thiserror::Error)]
pub enum TendError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "what is old can't be archived in {path}: {source}; it stays in the history until it can"
    )]
    Archive {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}
