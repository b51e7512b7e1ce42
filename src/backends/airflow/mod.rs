//! Owns the watching and operating of Apache Airflow: 3.x by API v2, 2.x by API v1, found out by itself.
//! Must not know the world, the screen or any other backend.
//!
//! The actor: `connect` gets in; `fleet` reads all DAGs and then what changes; `run`, `logs` and
//! `detail` follow what is in view; `system` looks at pools and heartbeats; `actions` plans and acts.
//! All requests go through one pacer, so the load on the server does not grow with what is watched.

mod actions;
mod api;
mod capabilities;
mod connect;
mod detail;
mod fleet;
mod log_v1;
mod log_v2;
mod logs;
mod plan;
mod round;
mod run;
mod shared;
mod states;
mod structure;
mod system;
mod tell;
mod v1;
mod v2;
mod wire;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::time::Instant;

use crate::backends::http::{HttpError, HttpSettings, MAX_BODY};
use crate::backends::poll::{Flights, Schedule, Urgency};
use crate::backends::{Backend, BackendError, EngineGone, Link, Request, Running};
use crate::config;
use crate::model::{
    ActionError, ActionId, BackendInfo, BackendStatus, Capabilities, Event, Focus, LogKey, NodeKey,
    PipelineKey, RunKey, SafeText,
};

use api::Api;
use shared::{Shared, Trouble, reach};

/// Between two readings of everything; longer when that takes many requests.
const RESYNC: Duration = Duration::from_secs(60);
/// Between two looks at pools and heartbeats.
const SYSTEM: Duration = Duration::from_secs(20);
/// Between two readings of the runs of a DAG in view.
const HISTORY: Duration = Duration::from_secs(60);
/// Looks that find no Airflow where one was, before the version is asked for again.
const LOST: u32 = 5;

/// One Airflow.
#[derive(Debug)]
pub struct Airflow {
    info: BackendInfo,
    http: HttpSettings,
    airflow: config::Airflow,
    refresh: Duration,
}

impl Airflow {
    /// Asks nothing of the server yet. `backend` is the section that `airflow` is the kind of.
    pub fn new(info: BackendInfo, backend: &config::Backend, airflow: &config::Airflow) -> Self {
        let http = HttpSettings {
            base: airflow.url.clone(),
            tls: airflow.tls.clone(),
            proxy: airflow.proxy.clone(),
            headers: airflow.headers.clone(),
            connect_timeout: backend.connect_timeout,
            read_timeout: backend.read_timeout,
            max_body: MAX_BODY,
            not_logged_in: connect::not_logged_in,
        };
        Self {
            info,
            http,
            airflow: airflow.clone(),
            refresh: backend.refresh,
        }
    }

    async fn watch(self, mut link: Link) -> Result<Infallible, BackendError> {
        loop {
            let shared = Arc::new(self.enter(&mut link).await?);
            tokio::select! {
                lost = watch_fleet(&shared) => lost?,
                never = watch_system(&shared) => match never? {},
                never = serve(&shared, &mut link) => match never? {},
            }
        }
    }

    /// Tries to get in until it works. Requests are refused meanwhile.
    async fn enter(&self, link: &mut Link) -> Result<Shared, EngineGone> {
        let mut schedule = Schedule::new(Duration::from_secs(2), self.info.name.len() as u64);
        loop {
            let trying = connect::connect(&self.http, &self.airflow);
            let error = match refusing(link, trying, "it is not connected yet").await? {
                Ok(connected) => {
                    let shared = Shared::new(
                        connected.http,
                        connected.api,
                        connected.version,
                        link.emitter.clone(),
                        self.airflow.dags.clone(),
                        self.refresh,
                    );
                    shared.up().await?;
                    let able = capabilities::capabilities(Some(shared.api));
                    shared.emit(Event::Capabilities(able)).await?;
                    return Ok(shared);
                }
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
}

impl Backend for Airflow {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        capabilities::capabilities(None)
    }

    fn run(self: Box<Self>, link: Link) -> Running {
        Box::pin(self.watch(link))
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

/// Looks at the fleet for ever; ends when the server seems to be another one than it was.
async fn watch_fleet(shared: &Shared) -> Result<(), EngineGone> {
    let least = match shared.api {
        // v1 takes half a second of the server's time for each request
        Api::V1 => Duration::from_secs(5),
        Api::V2 => Duration::from_secs(3),
    };
    let base = shared.refresh.max(least);
    let mut schedule = Schedule::new(base, u64::from(std::process::id()));
    let mut resync_at = Instant::now();
    let mut resynced = Instant::now();
    let mut first = true;
    let mut lost = 0;
    loop {
        schedule.set_base(if shared.hidden() { base * 5 } else { base });
        let began = Instant::now();
        let asked =
            std::mem::take(&mut shared.memory().resync) && (first || resynced.elapsed() > base * 3);
        let due = began >= resync_at;
        // what nobody asked for waits until nothing else is read beside the changes, but not for ever
        let turn = match due && !asked && !first {
            true if began >= resync_at + RESYNC => Some(shared.turns.wait().await),
            true => shared.turns.now(),
            false => None,
        };
        let whole = asked || first || turn.is_some();
        let before = shared.http.stats().requests;
        let result = match (whole, first) {
            (true, true) => fleet::resync(shared, Urgency::Now).await,
            (true, false) => fleet::resync(shared, Urgency::WhenDue).await,
            (false, _) => fleet::changes(shared).await,
        };
        match result {
            Ok(()) => {
                if whole {
                    let used = shared.http.stats().requests - before;
                    resync_at = Instant::now()
                        + RESYNC
                            .max(Duration::from_secs(8) * u32::try_from(used).unwrap_or(u32::MAX));
                    resynced = Instant::now();
                    first = false;
                }
                lost = 0;
                schedule.succeeded(began.elapsed());
                shared.up().await?;
            }
            Err(Trouble::Gone(gone)) => return Err(gone),
            Err(Trouble::Http(error)) => {
                if whole {
                    resync_at = began;
                }
                drop(turn);
                schedule.failed(error.retry_after());
                lost = match error {
                    HttpError::NotFound { .. }
                    | HttpError::Html { .. }
                    | HttpError::BadAnswer { .. } => lost + 1,
                    _ => 0,
                };
                let wait = schedule.wait();
                let retry_at = Utc::now() + chrono::Duration::from_std(wait).unwrap_or_default();
                shared.down(reach(&error, retry_at)).await?;
                if lost >= LOST {
                    return Ok(());
                }
                pause(shared, wait).await;
                continue;
            }
        }
        drop(turn);
        let wait = schedule.wait();
        pause(shared, wait).await;
    }
}

/// Waits, less when somebody asks for a look now.
async fn pause(shared: &Shared, wait: Duration) {
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = shared.look.notified() => {}
    }
}

async fn watch_system(shared: &Shared) -> Result<Infallible, EngineGone> {
    // the fleet comes first
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut schedule = Schedule::new(SYSTEM, 3);
    loop {
        let turn = shared.turns.wait().await;
        let began = Instant::now();
        let looked = system::look(shared).await;
        drop(turn);
        match looked {
            Ok(()) => schedule.succeeded(began.elapsed()),
            Err(Trouble::Gone(gone)) => return Err(gone),
            Err(Trouble::Http(error)) => schedule.failed(error.retry_after()),
        }
        tokio::time::sleep(schedule.wait()).await;
    }
}

/// What is followed because it is in view, one piece of work for each. Dropping it ends all.
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
async fn serve(shared: &Arc<Shared>, link: &mut Link) -> Result<Infallible, EngineGone> {
    let mut view = View::default();
    let focus = link.focus_now();
    view.turn(shared, &focus);
    loop {
        tokio::select! {
            changed = link.focus.changed() => {
                changed.map_err(|_| EngineGone)?;
                let focus = link.focus_now();
                view.turn(shared, &focus);
            }
            request = link.requests.recv() => match request.ok_or(EngineGone)? {
                Request::Plan(request) => {
                    let id = (request.id, false);
                    view.actions.start(&id, || actions::plan(Arc::clone(shared), request));
                }
                Request::Execute(plan) => {
                    let id = (plan.request.id, true);
                    view.actions.start(&id, || actions::execute(Arc::clone(shared), plan));
                }
                Request::Refresh => {
                    let mut memory = shared.memory();
                    memory.resync = true;
                    for open in memory.open.values_mut() {
                        open.reload = true;
                    }
                    drop(memory);
                    shared.look.notify_one();
                    shared.reload.notify_waiters();
                }
            },
        }
    }
}

impl View {
    /// Begins what is in view now and was not, ends what is not any more.
    fn turn(&mut self, shared: &Arc<Shared>, focus: &Focus) {
        shared.hide(focus.hidden);
        self.actions.tidy();
        self.runs.retain(|key| {
            let keep = focus.runs.contains(key);
            if !keep {
                run::close(shared, key);
            }
            keep
        });
        for key in &focus.runs {
            if !self.runs.known(key) {
                self.runs
                    .start(key, || run::follow(Arc::clone(shared), key.clone()));
            }
        }
        let wanted = |(key, follow): &(LogKey, bool)| match follow {
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
                self.logs.start(&log, || {
                    logs::read(Arc::clone(shared), log.0.clone(), log.1)
                });
            }
        }
        self.details
            .retain(|key| focus.detail.as_ref() == Some(key));
        if let Some(key) = focus.detail.as_ref().filter(|key| !self.details.known(key)) {
            self.details
                .start(key, || detail::follow(Arc::clone(shared), key.clone()));
        }
        self.histories
            .retain(|key| focus.pipeline.as_ref() == Some(key));
        if let Some(key) = focus
            .pipeline
            .as_ref()
            .filter(|key| !self.histories.known(key))
        {
            self.histories
                .start(key, || history(Arc::clone(shared), key.clone()));
        }
    }
}

async fn history(shared: Arc<Shared>, key: PipelineKey) {
    loop {
        match run::history(&shared, &key).await {
            Ok(()) => {}
            Err(Trouble::Gone(_)) => return,
            Err(Trouble::Http(error)) => {
                if shared
                    .complain(format!("runs of {}: {error}", key.pipeline.raw()))
                    .await
                    .is_err()
                {
                    return;
                }
            }
        }
        tokio::time::sleep(HISTORY).await;
    }
}
