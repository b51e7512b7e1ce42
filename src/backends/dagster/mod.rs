//! Owns the watching and operating of Dagster 1.x by its GraphQL endpoint.
//! Must not know the world, the screen or any other backend.
//!
//! The actor: `connect` gets in; `fleet` reads all jobs and then what changes; `run` follows what is in view with the
//! events that `feed` reads and `tape` holds; `logs` tells their lines with what `output` reads of processes, `detail`
//! the `ends` of what processes of many steps wrote; `family` makes one story of a run and its re-executions;
//! `side` is what Dagster has beside jobs: code locations with their schedules and sensors, assets, backfills;
//! `system` looks at daemons, the queue and pools; `plan` plans actions and `actions` reads them back.
//! All requests go through one pacer, so the load on the server does not grow with what is watched.

mod actions;
mod api;
mod capabilities;
mod config;
mod connect;
mod detail;
mod ends;
mod events;
mod family;
mod feed;
mod fleet;
mod gql;
mod logs;
mod output;
mod plan;
mod run;
mod shared;
mod side;
mod states;
mod system;
mod table;
mod tape;
mod tell;
mod wire;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use crate::backends::act::{Act, Check, Prepared};
use crate::backends::client::{Client, Trouble};
use crate::backends::fleet::{Fleet, Rhythm, watch, watch_system};
use crate::backends::follow::{Follow, enter, serve};
use crate::backends::poll::{Pacer, Urgency};
use crate::backends::{Backend, BackendError, Link, Running};
use crate::model::{
    ActionRequest, BackendInfo, Capabilities, Event, LogKey, NodeKey, PipelineKey, RunKey,
    SafeText, Target,
};
use crate::net::http::HttpSettings;

use actions::Expect;
use shared::{BURST, Shared};

/// Between two readings of everything; longer when that takes many requests.
const RESYNC: Duration = Duration::from_secs(90);
/// Between two looks at daemons, queue and pools.
const SYSTEM: Duration = Duration::from_secs(30);

/// What is known before the server has said what it permits.
pub fn capabilities() -> Capabilities {
    capabilities::capabilities(&[])
}

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
                Pacer::new(shared::rate(self.refresh), BURST),
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
                lost = watch(&*shared) => lost?,
                never = watch_system(&shared, SYSTEM, || system::look(&shared, Urgency::WhenDue)) => match never? {},
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
        capabilities()
    }

    fn run(self: Box<Self>, link: Link) -> Running {
        Box::pin(self.watch(link))
    }
}

impl Fleet for Shared {
    fn rhythm(&self) -> Rhythm {
        Rhythm {
            look: self.look(),
            resync: RESYNC,
            each: Duration::from_secs(18),
        }
    }

    fn asked(&self) -> bool {
        std::mem::take(&mut self.memory().resync)
    }

    async fn resync(&self, urgency: Urgency) -> Result<(), Trouble> {
        fleet::resync(self, urgency).await
    }

    async fn changes(&self) -> Result<(), Trouble> {
        fleet::changes(self).await
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
        self.memory().deaf.extend(actions::deaf(body));
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
