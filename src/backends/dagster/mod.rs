//! Owns the watching and operating of Dagster 1.x by its GraphQL endpoint.
//! Must not know the world, the screen or any other backend.
//!
//! The actor: `connect` gets in; `fleet` reads all jobs and then what changes; `run` follows what is in view with the
//! events that `feed` reads, and `logs` tells their lines; `family` makes one story of a run and its re-executions;
//! `side` is what Dagster has beside jobs: code locations with their schedules and sensors, assets, backfills, pools;
//! `system` looks at daemons and the queue; `plan` plans actions and `actions` reads them back.
//! All requests go through one pacer, so the load on the server does not grow with what is watched.

mod actions;
mod api;
mod capabilities;
mod config;
mod connect;
mod detail;
mod events;
mod family;
mod feed;
mod fleet;
mod gql;
mod logs;
mod plan;
mod run;
mod shared;
mod side;
mod states;
mod system;
mod table;
mod tell;
mod wire;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::time::Instant;

use crate::backends::act::{Act, Check, Deed, Refusal};
use crate::backends::client::{Client, Trouble, reach};
use crate::backends::follow::{Follow, enter, pause, serve};
use crate::backends::http::{HttpError, HttpSettings};
use crate::backends::poll::{Pacer, Schedule, Urgency};
use crate::backends::{Backend, BackendError, EngineGone, Link, Running};
use crate::model::{
    ActionRequest, BackendInfo, Capabilities, Event, LogKey, NodeKey, PipelineKey, Plan, RunKey,
    SafeText, Target,
};

use actions::Expect;
use shared::{BURST, RATE, Shared};

/// Between two looks at what changed, at least.
const LOOK: Duration = Duration::from_millis(2600);
/// Between two readings of everything; longer when that takes many requests.
const RESYNC: Duration = Duration::from_secs(60);
/// Between two looks at daemons, queue and pools.
const SYSTEM: Duration = Duration::from_secs(30);
/// Looks that find no Dagster where one was, before it is asked again what it is.
const LOST: u32 = 5;

/// One Dagster.
#[derive(Debug)]
pub struct Dagster {
    info: BackendInfo,
    http: HttpSettings,
    dagster: crate::config::Dagster,
    refresh: Duration,
}

impl Dagster {
    /// Asks nothing of the server yet. `backend` is the section that `dagster` is the kind of.
    pub fn new(
        info: BackendInfo,
        backend: &crate::config::Backend,
        dagster: &crate::config::Dagster,
    ) -> Self {
        Self {
            info,
            http: HttpSettings::new(backend, &dagster.server, connect::not_logged_in),
            dagster: dagster.clone(),
            refresh: backend.refresh,
        }
    }

    async fn watch(self, mut link: Link) -> Result<Infallible, BackendError> {
        let seed = self.info.name.len() as u64;
        loop {
            let connect = || connect::connect(&self.http, &self.dagster.server);
            let connected = enter(&mut link, seed, connect).await?;
            let client = Client::new(
                connected.http,
                link.emitter.clone(),
                Pacer::new(RATE, BURST),
                api::PAGE,
                self.refresh,
                format!("Dagster {}", connected.version),
            );
            let filter = self.dagster.jobs.clone();
            let shared = Arc::new(Shared::new(client, filter, connected.permissions));
            shared.up().await?;
            let able = capabilities::capabilities(&shared.permissions());
            shared.emit(Event::Capabilities(able)).await?;
            tokio::select! {
                lost = watch_fleet(&shared) => lost?,
                never = watch_system(&shared) => match never? {},
                never = serve(&shared, &mut link) => match never? {},
            }
        }
    }
}

impl Backend for Dagster {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        capabilities::capabilities(&[])
    }

    fn run(self: Box<Self>, link: Link) -> Running {
        Box::pin(self.watch(link))
    }
}

/// Looks at the fleet for ever; ends when the server seems to be another one than it was.
async fn watch_fleet(shared: &Shared) -> Result<(), EngineGone> {
    let base = shared.refresh.max(LOOK);
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
                    let pause = Duration::from_secs(10) * u32::try_from(used).unwrap_or(u32::MAX);
                    resync_at = Instant::now() + RESYNC.max(pause);
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
        match system::look(shared, Urgency::WhenDue).await {
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

    async fn prepare(&self, request: ActionRequest) -> Result<(Plan, Vec<Deed<Expect>>), Refusal> {
        plan::prepare(self, request).await
    }

    async fn check(&self, expect: &Expect) -> Result<Check, Trouble> {
        actions::check(self, expect).await
    }

    fn refused(&self, body: &[u8]) -> Option<SafeText> {
        actions::refused(body)
    }

    fn changed(&self, target: &Target) {
        actions::changed(self, target);
    }
}

impl Follow for Shared {
    fn client(&self) -> &Client {
        self
    }

    async fn run(self: Arc<Self>, key: RunKey) {
        match side::Side::of(&key.pipeline) {
            Some(side) => side::follow(self, side, key).await,
            None => run::follow(self, key).await,
        }
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
        match side::Side::of(key) {
            Some(_) => Ok(()),
            None => run::history(self, key).await,
        }
    }

    fn refresh(&self) {
        let mut memory = self.memory();
        memory.resync = true;
        for open in memory.open.values_mut() {
            open.reload = true;
        }
    }
}
