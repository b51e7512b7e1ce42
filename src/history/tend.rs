//! What the writing thread does for the store when nothing waits to be written: metrics are rolled up, the audit is
//! copied there, its size is noted, and what is old goes away, a little at a time.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::Utc;

use crate::model::SafeText;

use super::audit::{Copier, CopyError};
use super::retention::{Policy, Retention};
use super::rollup::Rollup;
use super::store::{Store, StoreError, Write};
use super::weigh::Weigh;

/// So long the end of the audit is copied when the program ends; the rest is when it begins.
const PARTING: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Tend {
    rollup: Rollup,
    retention: Retention,
    weigh: Weigh,
    copier: Option<Copier>,
    /// Told once until it goes well.
    trouble: bool,
}

impl Tend {
    /// `copier`: of the audit of this machine.
    pub fn new(policy: Policy, copier: Option<Copier>) -> Self {
        Self {
            copier,
            rollup: Rollup::default(),
            retention: Retention::new(policy),
            weigh: Weigh::default(),
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
        self.retention.busy() || self.copies()
    }

    fn copies(&self) -> bool {
        self.copier.as_ref().is_some_and(Copier::busy)
    }

    fn copy(&mut self, store: &mut dyn Store) -> Result<(), CopyError> {
        match &mut self.copier {
            Some(copier) => copier.step(store),
            None => Ok(()),
        }
    }

    /// A little of it. What can't be done is told once.
    pub(super) fn step(&mut self, store: &mut dyn Store) -> Option<SafeText> {
        // one that can't be done holds up no other
        let copied = self.copy(store).map_err(TendError::from);
        let now = Utc::now();
        let rolled = self.rollup.step(store, now).map_err(TendError::Store);
        let weighed = self.weigh.step(store, now).map(|point| {
            self.rollup.written(point.as_slice());
        });
        let rolled = rolled.and(weighed.map_err(TendError::Store));
        let done = rolled.and_then(|()| self.retention.step(store, now));
        match copied.and(done) {
            Ok(_) => {
                self.trouble = false;
                None
            }
            // locked by another: later
            Err(
                TendError::Store(StoreError::Busy)
                | TendError::Copy(CopyError::Store(StoreError::Busy)),
            ) => None,
            Err(error) => {
                let news = !std::mem::replace(&mut self.trouble, true);
                news.then(|| SafeText::new(error.to_string()))
            }
        }
    }

    pub(super) fn end(&mut self, store: &mut dyn Store) {
        self.rollup.end(store, Utc::now());
        let begun = Instant::now();
        // what can't be copied now is copied by whoever runs next
        let mut copied = self.copy(store);
        while copied.is_ok() && self.copies() && begun.elapsed() < PARTING {
            copied = self.copy(store);
        }
    }
}

/// What went wrong beside the writing.
#[derive(Debug, thiserror::Error)]
pub enum TendError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error(
        "what is old can't be archived in {path}: {source}; it stays in the history until it can"
    )]
    Archive {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}
