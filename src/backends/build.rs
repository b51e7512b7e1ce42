//! From a section of the configuration to a backend.

use crate::config::{self, BackendKind, Paths};
use crate::model::{BackendId, BackendInfo, Capabilities, SafeText};

use super::airflow::Airflow;
use super::dagster::Dagster;
use super::dbt::{self, DbtBackend};
use super::local::{self, LocalBackend};
use super::prefect::Prefect;
use super::{Backend, BackendError, Link, Role, Running};

/// The backend that a section describes. One that can't be used is a backend too: it says why.
pub fn build(section: &config::Backend, paths: &Paths, role: Role) -> Box<dyn Backend> {
    let info = BackendInfo {
        id: BackendId::new(&section.name),
        name: SafeText::new(&section.name),
        kind: section.kind.name(),
        read_only: section.read_only,
        protect: section.protect,
        drives_runs: matches!(section.kind, BackendKind::Local(_) | BackendKind::Dbt(_)),
        accent: section.accent.map(|colour| SafeText::new(colour.text())),
    };
    let built: Result<Box<dyn Backend>, String> = match &section.kind {
        BackendKind::Airflow(airflow) => Ok(Box::new(Airflow::new(info.clone(), section, airflow))),
        BackendKind::Prefect(prefect) => Ok(Box::new(Prefect::new(info.clone(), section, prefect))),
        BackendKind::Dagster(dagster) => Ok(Box::new(Dagster::new(info.clone(), section, dagster))),
        BackendKind::Local(settings) => {
            let settings = local::Settings::new(settings, &section.name, &paths.state_dir);
            LocalBackend::new(info.clone(), settings.with_role(role))
                .map(|b| Box::new(b) as Box<dyn Backend>)
                .map_err(|e| format!("its runs can't be kept: {e}"))
        }
        BackendKind::Dbt(settings) => {
            let (name, state) = (&section.name, &paths.state_dir);
            let settings = dbt::Settings::new(settings, name, section.refresh, state);
            DbtBackend::new(info.clone(), settings)
                .map(|b| Box::new(b) as Box<dyn Backend>)
                .map_err(|e| format!("its runs can't be kept: {e}"))
        }
    };
    built.unwrap_or_else(|why| {
        Box::new(Unusable {
            info,
            why: SafeText::new(why),
        })
    })
}

/// What is known of a backend that no configuration describes and that runs things itself.
pub fn own_info(name: &str, kind: &'static str) -> BackendInfo {
    BackendInfo {
        id: BackendId::new(name),
        name: SafeText::new(name),
        kind,
        read_only: false,
        protect: false,
        drives_runs: true,
        accent: None,
    }
}

/// Stands in for a backend whose settings can't be used.
struct Unusable {
    info: BackendInfo,
    why: SafeText,
}

impl Backend for Unusable {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn run(self: Box<Self>, _link: Link) -> Running {
        Box::pin(async move { Err(BackendError::Setup(self.why)) })
    }
}
