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

use crate::backends::act::{Act, Check, Prepared};
use crate::backends::client::{Client, Trouble};
use crate::backends::fleet::{Fleet, Rhythm, watch, watch_system};
use crate::backends::follow::{Follow, enter, serve};
use crate::backends::poll::{Pacer, Urgency};
use crate::backends::{Backend, BackendError, Link, Running};
use crate::config;
use crate::model::{
    ActionRequest, BackendInfo, Capabilities, Event, LogKey, NodeKey, PipelineKey, RunKey, Target,
};
use crate::net::http::HttpSettings;

use api::{Api, PAGE};
use plan::Expect;
use shared::{BURST, RATE, Shared};

/// Between two readings of everything; longer when that takes many requests.
const RESYNC: Duration = Duration::from_secs(60);
/// Between two looks at pools and heartbeats.
const SYSTEM: Duration = Duration::from_secs(20);

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
                lost = watch(&*shared) => lost?,
                never = watch_system(&shared, SYSTEM, || system::look(&shared)) => match never? {},
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

impl Fleet for Shared {
    fn rhythm(&self) -> Rhythm {
        let least = match self.api {
            // v1 takes half a second of the server's time for each request
            Api::V1 => Duration::from_secs(5),
            Api::V2 => Duration::from_secs(3),
        };
        Rhythm {
            look: self.refresh.max(least),
            resync: RESYNC,
            each: Duration::from_secs(8),
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
