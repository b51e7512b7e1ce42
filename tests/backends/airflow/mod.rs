//! Airflow backends, before servers of a few answers and before real ones.

mod bad_days;
pub mod fake;
mod live;
mod recorded;
mod round;

use std::time::Duration;

use dagtop::backends::airflow::Airflow;
use dagtop::config::{self, AirflowApi, BackendKind, Filter, Login};

use crate::rig;
pub use crate::rig::{NAME, Rig, node, password, pipeline as dag, secret, server};

pub fn settings(url: &str, login: Login) -> config::Airflow {
    config::Airflow {
        server: server(url, login),
        api: AirflowApi::Auto,
        dags: Filter::default(),
    }
}

pub fn backend(airflow: &config::Airflow, read_timeout: Duration) -> Airflow {
    backend_at(airflow, read_timeout, Duration::from_secs(2))
}

pub fn backend_at(airflow: &config::Airflow, read_timeout: Duration, refresh: Duration) -> Airflow {
    let kind = BackendKind::Airflow(Box::new(airflow.clone()));
    let (info, section) = rig::section(kind, read_timeout, refresh);
    Airflow::new(info, &section, airflow)
}

pub fn watch(airflow: &config::Airflow) -> Rig {
    Rig::start_with(backend(airflow, Duration::from_secs(30)))
}
