//! A running engine without a screen.

use std::time::Duration;

use anyhow::Context as _;
use chrono::Utc;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use crate::engine::{Engine, Watch};
use crate::model::{Reach, Stamped};

use super::interrupt::Interrupts;
use super::say;

/// Bytes of logs in files that are read between two looks at what was asked for.
const READ: u64 = 4 << 20;

/// An engine and the stream of what its backends observe.
#[derive(Debug)]
pub struct Session {
    pub engine: Engine,
    pub events: Receiver<Stamped>,
    /// How long the backends may take to tidy up: more than a local one gives its processes.
    pub grace: Duration,
}

impl Session {
    /// Does the work unless a signal comes first; then the error says which. The session must
    /// be closed afterwards either way.
    pub async fn interruptible<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut interrupts = Interrupts::listen().context("can't listen for signals")?;
        tokio::select! {
            done = work(self) => done,
            which = interrupts.next() => Err(which.into()),
        }
    }

    /// Takes events in until `done` says so; says whether that came before the limit.
    pub async fn until(&mut self, limit: Duration, mut done: impl FnMut(&Watch) -> bool) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            self.engine.refresh();
            if done(&self.engine.watch) {
                return true;
            }
            if Instant::now() < deadline && self.engine.watch.read_on(READ) {
                continue;
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

    /// The rows and alerts as of now.
    pub fn refresh(&mut self) {
        self.engine.watch.touch();
        self.engine.watch.refresh(Utc::now());
    }

    /// Lets the backends tidy up.
    pub async fn close(self) {
        drop(self.events);
        shutdown(self.engine, self.grace).await;
    }
}

/// Lets the backends tidy up; their events must go nowhere any more. Ctrl-c again means now.
pub(super) async fn shutdown(engine: Engine, grace: Duration) {
    let shutdown = engine.shutdown(grace);
    let Ok(mut interrupts) = Interrupts::listen() else {
        return shutdown.await;
    };
    let impatience = async {
        // a terminal that goes away may say so more than once
        while interrupts.next().await.is_hang_up() {}
    };
    tokio::select! {
        () = shutdown => {}
        () = impatience => say("left at once; what was still going is shown as lost next time"),
    }
}
