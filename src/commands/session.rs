//! A running engine without a screen.

use std::time::Duration;

use chrono::Utc;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use crate::engine::{Engine, Watch};
use crate::model::{Reach, Stamped};

/// How long a backend may take to tidy up after a one-shot command.
const GRACE: Duration = Duration::from_secs(2);

/// An engine and the stream of what its backends observe.
#[derive(Debug)]
pub struct Session {
    pub engine: Engine,
    pub events: Receiver<Stamped>,
}

impl Session {
    /// Takes events in until `done` says so; says whether that came before the limit.
    pub async fn until(&mut self, limit: Duration, mut done: impl FnMut(&Watch) -> bool) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            self.engine.refresh();
            if done(&self.engine.watch) {
                return true;
            }
            match tokio::time::timeout_at(deadline, self.events.recv()).await {
                Ok(Some(stamped)) => {
                    self.engine.apply(&stamped);
                    while let Ok(stamped) = self.events.try_recv() {
                        self.engine.apply(&stamped);
                    }
                }
                Ok(None) | Err(_) => {
                    self.engine.refresh();
                    return done(&self.engine.watch);
                }
            }
        }
    }

    /// Waits until every backend has listed its pipelines or has said why it can't.
    pub async fn until_listed(&mut self, limit: Duration) -> bool {
        self.until(limit, |watch| {
            watch.world.backends().all(|b| {
                b.listed || matches!(b.status.reach, Reach::Down { .. } | Reach::Refused { .. })
            })
        })
        .await
    }

    /// Waits a little longer for the logs that explain the worst failures.
    pub async fn until_explained(&mut self, limit: Duration) -> bool {
        self.until(limit, |watch| watch.wanted_tails().is_empty())
            .await
    }

    /// Waits for what this very process drives: a local run lives no longer than its driver.
    pub async fn until_idle(&mut self) {
        let driven = |watch: &Watch| {
            watch.fleet().iter().any(|row| {
                row.active > 0
                    && watch
                        .world
                        .backend(&row.key.backend)
                        .is_some_and(|b| b.info.drives_runs)
            })
        };
        while driven(&self.engine.watch) {
            self.until(Duration::from_secs(3600), |watch| !driven(watch))
                .await;
        }
    }

    /// The rows and alerts as of now.
    pub fn refresh(&mut self) {
        self.engine.watch.touch();
        self.engine.watch.refresh(Utc::now());
    }

    pub async fn close(self) {
        drop(self.events);
        self.engine.shutdown(GRACE).await;
    }
}
