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

use tokio::time::Instant;

use crate::backends::act::{Act, Check, Prepared};
use crate::backends::client::{Client, Trouble};
use crate::backends::follow::{Follow, enter, pause, serve};
use crate::backends::http::HttpSettings;
use crate::backends::poll::{Pacer, Schedule, Urgency};
use crate::backends::{Backend, BackendError, EngineGone, Link, Running};
use crate::config;
use crate::model::{
    ActionRequest, BackendInfo, Capabilities, Event, LogKey, NodeKey, PipelineKey, RunKey, Target,
};

use api::{Api, PAGE};
use plan::Expect;
use shared::{BURST, RATE, Shared};

/// Between two readings of everything; longer when that takes many requests.
const RESYNC: Duration = Duration::from_secs(60);
/// Between two looks at pools and heartbeats.
const SYSTEM: Duration = Duration::from_secs(20);
/// Looks that find no Airflow where one was, before the version is asked for again.
const LOST: u32 = 5;

/// What is known before the server has said which API it speaks.
pub fn capabilities() -> Capabilities {
    capabilities::capabilities(None)
}

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
        let http = HttpSettings::new(backend, &airflow.server, connect::not_logged_in);
        Self {
            info,
            http,
            airflow: airflow.clone(),
            refresh: backend.refresh,
        }
    }

    async fn watch(self, mut link: Link) -> Result<Infallible, BackendError> {
        let seed = self.info.name.len() as u64;
        loop {
            let connect = || connect::connect(&self.http, &self.airflow);
            let connected = enter(&mut link, seed, connect).await?;
            let version = match connected.api {
                Api::V1 => format!("Airflow {}, API v1", connected.version),
                Api::V2 => format!("Airflow {}, API v2", connected.version),
            };
            let client = Client::new(
                connected.http,
                link.emitter.clone(),
                Pacer::new(RATE, BURST),
                PAGE,
                self.refresh,
                version,
            );
            let shared = Shared::new(client, connected.api, self.airflow.dags.clone());
            shared.up().await?;
            let able = capabilities::capabilities(Some(shared.api));
            shared.emit(Event::Capabilities(able)).await?;
            let shared = Arc::new(shared);
            tokio::select! {
                lost = watch_fleet(&shared) => lost?,
                never = watch_system(&shared) => match never? {},
                never = serve(&shared, &mut link) => match never? {},
            }
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
        let whole = asked || began >= resync_at;
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
                schedule.failed(error.retry_after());
                lost = if error.elsewhere() { lost + 1 } else { 0 };
                let wait = schedule.wait();
                shared.fell(&error, wait).await?;
                if lost >= LOST {
                    return Ok(());
                }
                pause(shared, wait).await;
                continue;
            }
        }
        let wait = schedule.wait();
        pause(shared, wait).await;
    }
}

async fn watch_system(shared: &Shared) -> Result<Infallible, EngineGone> {
    // the fleet comes first
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut schedule = Schedule::new(SYSTEM, 3);
    loop {
        let began = Instant::now();
        match system::look(shared).await {
            Ok(()) => schedule.succeeded(began.elapsed()),
            Err(Trouble::Gone(gone)) => return Err(gone),
            Err(Trouble::Http(error)) => schedule.failed(error.retry_after()),
        }
        tokio::time::sleep(schedule.wait()).await;
    }
}

impl Act for Shared {
    type Expect = Expect;

    fn wire(&self) -> &Client {
        self
    }

    async fn prepare(&self, request: ActionRequest) -> Prepared<Expect> {
        plan::prepare(self, request).await
    }

    fn read_back(&self) -> Duration {
        match self.api {
            Api::V1 => Duration::from_secs(2),
            Api::V2 => Duration::from_secs(1),
        }
    }

    async fn check(&self, expect: &Expect) -> Result<Check, Trouble> {
        actions::check(self, expect).await
    }

    fn changed(&self, target: &Target) {
        actions::refresh(self, target);
    }
}

impl Follow for Shared {
    fn client(&self) -> &Client {
        self
    }

    async fn run(self: Arc<Self>, key: RunKey) {
        run::follow(self, key).await;
    }

    fn close(&self, key: &RunKey) {
        run::close(self, key);
    }

    async fn log(self: Arc<Self>, key: LogKey, on: bool) {
        logs::read(self, key, on).await;
    }

    async fn detail(self: Arc<Self>, key: NodeKey) {
        detail::follow(self, key).await;
    }

    async fn history(&self, key: &PipelineKey) -> Result<(), Trouble> {
        run::history(self, key).await
    }

    fn refresh(&self) {
        let mut memory = self.memory();
        memory.resync = true;
        for open in memory.open.values_mut() {
            open.reload = true;
        }
    }
}
