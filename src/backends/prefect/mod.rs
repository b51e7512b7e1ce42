//! Owns the watching and operating of Prefect 3, a server of one's own or Prefect Cloud.
//! Must not know the world, the screen or any other backend.
//!
//! The actor: `connect` gets in; `fleet` reads everything now and then; `live` hears what changes by subscription, and
//! where there is none `fleet` and `run` ask for it; `run`, `logs` and `detail` follow what is in view; `system` looks
//! at pools, limits and heartbeats; `plan` and `actions` act. `tasks` makes nodes of task runs, without any I/O.

mod actions;
mod api;
mod capabilities;
mod connect;
mod detail;
mod fleet;
mod live;
mod logs;
mod params;
mod plan;
mod run;
mod shared;
mod states;
mod system;
mod tasks;
mod tell;
mod wire;

pub use capabilities::capabilities;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::backends::act::{Act, Check, Prepared};
use crate::backends::client::{Client, Trouble};
use crate::backends::follow::{Follow, enter, pause, serve};
use crate::backends::poll::{Pacer, Schedule, Urgency};
use crate::backends::{Backend, BackendError, EngineGone, Link, Running};
use crate::config;
use crate::model::{
    ActionRequest, BackendInfo, Capabilities, LogKey, NodeKey, PipelineKey, RunKey, SafeText,
    Target,
};
use crate::net::http::HttpSettings;

use plan::Expect;
use shared::{BURST, RATE, Shared};

/// Between two readings of everything; longer when that takes many requests.
const RESYNC: Duration = Duration::from_secs(60);
/// Something about deployments was said: everything is read again, but not more often than this.
const AGAIN: Duration = Duration::from_secs(10);
/// Between two looks at pools, limits and heartbeats.
const SYSTEM: Duration = Duration::from_secs(30);
/// What events say of pools and limits is looked at once for so long.
const GATHER: Duration = Duration::from_secs(3);
/// The subscription gets so long to come about before the first reading.
const FIRST: Duration = Duration::from_secs(3);
/// Looks that find no Prefect where one was, before it is connected to anew.
const LOST: u32 = 5;

/// One Prefect.
#[derive(Debug)]
pub struct Prefect {
    info: BackendInfo,
    http: HttpSettings,
    prefect: config::Prefect,
    refresh: Duration,
}

impl Prefect {
    /// Asks nothing of the server yet. `backend` is the section that `prefect` is the kind of.
    pub fn new(info: BackendInfo, backend: &config::Backend, prefect: &config::Prefect) -> Self {
        let mut http = HttpSettings::new(backend, &prefect.server, connect::not_logged_in);
        http.base = connect::base(&prefect.server.url);
        Self {
            info,
            http,
            prefect: prefect.clone(),
            refresh: backend.refresh,
        }
    }

    async fn watch(self, mut link: Link) -> Result<Infallible, BackendError> {
        let seed = self.info.name.len() as u64;
        loop {
            let connect = || connect::connect(&self.http, &self.prefect.server);
            let connected = enter(&mut link, seed, connect).await?;
            let client = Client::new(
                connected.http,
                link.emitter.clone(),
                Pacer::new(RATE, BURST),
                api::PAGE,
                self.refresh,
                connected.version,
            );
            let filter = self.prefect.deployments.clone();
            let shared = Arc::new(Shared::new(client, filter, connected.logs));
            shared.up().await?;
            tokio::select! {
                lost = watch_fleet(&shared) => lost?,
                never = live::watch(&shared) => match never? {},
                never = watch_strangers(&shared) => match never? {},
                never = watch_system(&shared) => match never? {},
                never = serve(&shared, &mut link) => match never? {},
            }
        }
    }
}

impl Backend for Prefect {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        capabilities::capabilities()
    }

    fn run(self: Box<Self>, link: Link) -> Running {
        Box::pin(self.watch(link))
    }
}

/// Looks at the fleet for ever; ends when the server seems to be another one than it was.
async fn watch_fleet(shared: &Shared) -> Result<(), EngineGone> {
    // what is read after the subscription has begun needs no second reading
    pause(shared, FIRST).await;
    let mut schedule = Schedule::new(shared.refresh, u64::from(std::process::id()));
    let mut resync_at = Instant::now();
    let mut resynced: Option<Instant> = None;
    let mut lost = 0;
    loop {
        let base = if shared.hidden() {
            shared.refresh * 5
        } else {
            shared.refresh
        };
        schedule.set_base(base);
        let began = Instant::now();
        let hurry = std::mem::take(&mut shared.memory().hurry);
        let gathered = hurry || resynced.is_none_or(|at| at.elapsed() >= AGAIN);
        let asked = gathered && shared.memory().resync;
        let whole = asked || began >= resync_at;
        let before = shared.http.stats().requests;
        let urgency = if resynced.is_none() {
            Urgency::Now
        } else {
            Urgency::WhenDue
        };
        let result = match whole {
            true => fleet::resync(shared, urgency).await,
            false if shared.live() => Ok(()),
            false => fleet::changes(shared).await,
        };
        let wait = match result {
            Ok(()) => {
                if whole {
                    let used = shared.http.stats().requests - before;
                    let used = u32::try_from(used).unwrap_or(u32::MAX);
                    resync_at = Instant::now() + RESYNC.max(Duration::from_secs(4) * used);
                    resynced = Some(Instant::now());
                }
                lost = 0;
                if schedule.failures() > 0 {
                    // a server that answers again speaks again
                    shared.retry.notify_one();
                }
                schedule.succeeded(began.elapsed());
                shared.up().await?;
                let waits = shared.memory().resync;
                match shared.live() {
                    // nothing to do until everything is read again, unless somebody asks
                    true if waits => AGAIN,
                    true => resync_at.saturating_duration_since(Instant::now()),
                    false => schedule.wait(),
                }
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
                wait
            }
        };
        pause(shared, wait).await;
    }
}

/// Asks about what events spoke of and leave open, several at once.
async fn watch_strangers(shared: &Shared) -> Result<Infallible, EngineGone> {
    loop {
        shared.strangers.notified().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        match fleet::strangers(shared).await {
            Ok(()) => {}
            Err(Trouble::Gone(gone)) => return Err(gone),
            // everything is read again anyway
            Err(Trouble::Http(_)) => shared.memory().resync = true,
        }
    }
}

async fn watch_system(shared: &Shared) -> Result<Infallible, EngineGone> {
    // the fleet comes first
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut schedule = Schedule::new(SYSTEM, 3);
    loop {
        let began = Instant::now();
        match system::look(shared).await {
            Ok(()) => schedule.succeeded(began.elapsed()),
            Err(Trouble::Gone(gone)) => return Err(gone),
            Err(Trouble::Http(error)) => schedule.failed(error.retry_after()),
        }
        tokio::select! {
            () = tokio::time::sleep(schedule.wait()) => {}
            () = shared.system.notified() => tokio::time::sleep(GATHER).await,
        }
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

    async fn check(&self, expect: &Expect) -> Result<Check, Trouble> {
        actions::check(self, expect).await
    }

    fn refused(&self, body: &[u8]) -> Option<SafeText> {
        actions::refused(body)
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
        self.retry.notify_one();
        let mut memory = self.memory();
        (memory.resync, memory.hurry) = (true, true);
        for open in memory
            .runs
            .values_mut()
            .filter_map(|known| known.open.as_mut())
        {
            open.reload = true;
        }
    }
}
