//! What is in view is followed: one piece of work for each thing, begun and ended as the focus moves.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;

use super::act::{self, Act};
use super::client::{Client, Trouble, reach};
use super::poll::{Flights, Schedule};
use super::{EngineGone, Link, Request};
use crate::model::{
    ActionError, ActionId, BackendStatus, Event, Focus, LogKey, NodeKey, PipelineKey, RunKey,
    SafeText,
};
use crate::net::http::HttpError;

/// Between two readings of the runs of a pipeline in view.
const HISTORY: Duration = Duration::from_secs(60);

/// A backend that follows what is in view. Each method's work goes on until there is nothing more to come; it is
/// dropped when its subject goes out of view.
pub trait Follow: Act {
    fn client(&self) -> &Client;

    /// Keeps one run loaded: its shape and all its nodes.
    fn run(self: Arc<Self>, key: RunKey) -> impl Future<Output = ()> + Send;

    /// A run is not in view any more.
    fn close(&self, key: &RunKey);

    /// Reads a log, and goes on until its end if `on`.
    fn log(self: Arc<Self>, key: LogKey, on: bool) -> impl Future<Output = ()> + Send;

    fn detail(self: Arc<Self>, key: NodeKey) -> impl Future<Output = ()> + Send;

    /// Reads the newest runs of a pipeline, and its parameters, once.
    fn history(&self, key: &PipelineKey) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// Everything should be read again; `client().look` and `client().reload` are woken after this.
    fn refresh(&self);
}

/// What is followed now. Dropping it ends all.
#[derive(Default)]
struct View {
    runs: Flights<RunKey>,
    /// Whether the log is followed to its end.
    logs: Flights<(LogKey, bool)>,
    details: Flights<NodeKey>,
    histories: Flights<PipelineKey>,
    /// Planning (false) and doing (true).
    actions: Flights<(ActionId, bool)>,
}

/// Takes focus and requests until the engine goes away.
pub async fn serve<B: Follow>(backend: &Arc<B>, link: &mut Link) -> Result<Infallible, EngineGone> {
    let mut view = View::default();
    let focus = link.focus_now();
    view.turn(backend, &focus);
    loop {
        tokio::select! {
            changed = link.focus.changed() => {
                changed.map_err(|_| EngineGone)?;
                let focus = link.focus_now();
                view.turn(backend, &focus);
            }
            request = link.requests.recv() => match request.ok_or(EngineGone)? {
                Request::Plan(request) => {
                    let id = (request.id, false);
                    view.actions.start(&id, || act::plan(Arc::clone(backend), request));
                }
                Request::Execute(plan) => {
                    let id = (plan.request.id, true);
                    view.actions.start(&id, || act::execute(Arc::clone(backend), plan));
                }
                Request::Refresh => {
                    backend.refresh();
                    backend.client().look.notify_one();
                    backend.client().reload.notify_waiters();
                }
            },
        }
    }
}

impl View {
    /// Begins what is in view now and was not, ends what is not any more.
    fn turn<B: Follow>(&mut self, backend: &Arc<B>, focus: &Focus) {
        backend.client().hide(focus.hidden);
        self.actions.tidy();
        self.runs.retain(|key| {
            let keep = focus.runs.contains(key);
            if !keep {
                backend.close(key);
            }
            keep
        });
        for key in &focus.runs {
            if !self.runs.known(key) {
                self.runs
                    .start(key, || Arc::clone(backend).run(key.clone()));
            }
        }
        let wanted = |(key, on): &(LogKey, bool)| match on {
            true => focus.logs.contains(key),
            false => focus.tails.contains(key) && !focus.logs.contains(key),
        };
        self.logs.retain(wanted);
        let logs = focus.logs.iter().map(|key| (key.clone(), true));
        let tails = focus
            .tails
            .iter()
            .map(|key| (key.clone(), false))
            .filter(wanted);
        for log in logs.chain(tails) {
            // one that has been read to its end while in view is not read again
            if !self.logs.known(&log) {
                self.logs
                    .start(&log, || Arc::clone(backend).log(log.0.clone(), log.1));
            }
        }
        self.details
            .retain(|key| focus.detail.as_ref() == Some(key));
        if let Some(key) = focus.detail.as_ref().filter(|key| !self.details.known(key)) {
            self.details
                .start(key, || Arc::clone(backend).detail(key.clone()));
        }
        self.histories
            .retain(|key| focus.pipeline.as_ref() == Some(key));
        if let Some(key) = focus
            .pipeline
            .as_ref()
            .filter(|key| !self.histories.known(key))
        {
            self.histories
                .start(key, || histories(Arc::clone(backend), key.clone()));
        }
    }
}

async fn histories<B: Follow>(backend: Arc<B>, key: PipelineKey) {
    loop {
        match backend.history(&key).await {
            Ok(()) => {}
            Err(Trouble::Gone(_)) => return,
            Err(Trouble::Http(error)) => {
                let what = format!("runs of {}: {error}", key.pipeline.raw());
                if backend.client().complain(what).await.is_err() {
                    return;
                }
            }
        }
        tokio::time::sleep(HISTORY).await;
    }
}

/// Tries to get in until it works. Requests are refused meanwhile. `seed`: any number.
pub async fn enter<T, C: Future<Output = Result<T, HttpError>>>(
    link: &mut Link,
    seed: u64,
    connect: impl Fn() -> C,
) -> Result<T, EngineGone> {
    let mut schedule = Schedule::new(Duration::from_secs(2), seed);
    loop {
        let error = match refusing(link, connect(), "it is not connected yet").await? {
            Ok(connected) => return Ok(connected),
            Err(error) => error,
        };
        schedule.failed(error.retry_after());
        let wait = schedule.wait();
        let retry_at = Utc::now() + chrono::Duration::from_std(wait).unwrap_or_default();
        let said = error.to_string();
        let status = BackendStatus {
            reach: reach(&error, retry_at),
            ..BackendStatus::default()
        };
        link.emit(Event::Status(status)).await?;
        refusing(link, tokio::time::sleep(wait), &said).await?;
    }
}

/// Waits for `work`, and meanwhile refuses what is asked; a refresh ends the wait for nothing.
async fn refusing<T>(
    link: &mut Link,
    work: impl Future<Output = T>,
    why: &str,
) -> Result<T, EngineGone> {
    tokio::pin!(work);
    loop {
        let request = tokio::select! {
            done = &mut work => return Ok(done),
            request = link.requests.recv() => request.ok_or(EngineGone)?,
        };
        let id = match request {
            Request::Plan(request) => request.id,
            Request::Execute(plan) => plan.request.id,
            Request::Refresh => continue,
        };
        let why = ActionError::Unreachable(SafeText::new(why));
        link.emitter.refused(id, why).await?;
    }
}

/// Waits, less when somebody asks for a look now.
pub async fn pause(client: &Client, wait: Duration) {
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = client.look.notified() => {}
    }
}
