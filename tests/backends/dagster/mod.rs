//! Dagster backends, before servers of a few answers and before real ones.

mod bad_days;
pub mod fake;
mod live;

use std::time::Duration;

use dagtop::backends::dagster::Dagster;
use dagtop::config::{self, BackendKind, Filter, Login};
use dagtop::model::{NodeState, PipelineKey, RunKey};
use dagtop::world::RunView;

use crate::rig;
pub use crate::rig::{NAME, Rig, node, pipeline, server};

pub fn settings(url: &str) -> config::Dagster {
    config::Dagster {
        server: server(url, Login::None),
        jobs: Filter::default(),
    }
}

pub fn watch(url: &str) -> Rig {
    watch_at(url, Duration::from_secs(30), Duration::from_secs(2))
}

pub fn watch_at(url: &str, read_timeout: Duration, refresh: Duration) -> Rig {
    watch_with(&settings(url), read_timeout, refresh)
}

pub fn watch_with(dagster: &config::Dagster, read_timeout: Duration, refresh: Duration) -> Rig {
    let kind = BackendKind::Dagster(Box::new(dagster.clone()));
    let (info, section) = rig::section(kind, read_timeout, refresh);
    Rig::start_with(Dagster::new(info, &section, dagster))
}

/// A job of the lab's code location.
pub fn job(name: &str) -> PipelineKey {
    pipeline(&format!("{name}@shop"))
}

/// The newest run of a job that is known.
pub fn newest(rig: &Rig, job: &PipelineKey) -> Option<RunKey> {
    rig.world
        .runs_of(job)
        .next()
        .map(|view| view.run.key.clone())
}

pub fn state(view: &RunView, node: &str) -> Option<NodeState> {
    let node = view.nodes.values().find(|n| n.id.raw() == node)?;
    Some(node.state)
}
