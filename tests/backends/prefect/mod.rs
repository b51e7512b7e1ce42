//! Prefect backends, before servers of a few answers and before real ones.

mod bad_days;
pub mod fake;
mod live;

use std::time::Duration;

use dagtop::backends::prefect::Prefect;
use dagtop::config::{self, BackendKind, Filter, Login};

use crate::rig;
pub use crate::rig::{NAME, Rig, node, password, pipeline, secret, server};

pub fn settings(url: &str, login: Login) -> config::Prefect {
    config::Prefect {
        server: server(url, login),
        deployments: Filter::default(),
    }
}

pub fn watch(prefect: &config::Prefect) -> Rig {
    watch_with(prefect, Duration::from_secs(30), Duration::from_secs(2))
}

/// `silence`: how long the server may be silent. `refresh`: time between two looks.
pub fn watch_with(prefect: &config::Prefect, silence: Duration, refresh: Duration) -> Rig {
    let kind = BackendKind::Prefect(Box::new(prefect.clone()));
    let (info, section) = rig::section(kind, silence, refresh);
    Rig::start_with(Prefect::new(info, &section, prefect))
}
