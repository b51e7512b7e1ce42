//! From the configuration to a running engine.

use std::time::Duration;

use crate::backends::{self, Role};
use crate::cli::Global;
use crate::config::{self, Backend, BackendKind, Config, LoadError, Paths, Problems};
use crate::engine::{DutySettings, Engine, Settings};
use crate::history::{Audit, AuditError, Place, Policy, audit};

use super::session::Session;
use super::{diagnosis, names, say};

/// How long a backend may take to tidy up, beyond what it gives its processes.
const GRACE: Duration = Duration::from_secs(3);

/// The configuration with what the command line says over it.
pub(super) fn config(global: &Global) -> anyhow::Result<(Config, Paths)> {
    let paths = Paths::discover(global.config.as_deref())?;
    let config = load(global, &paths)?;
    Ok((config, paths))
}

/// Where the history is, for commands that need nothing else of the configuration: without one it is in the state
/// directory.
pub(super) fn history(global: &Global) -> anyhow::Result<Place> {
    let paths = Paths::discover(global.config.as_deref())?;
    match config::load(&paths.config_file) {
        Ok(loaded) => Ok(place(&loaded.config, &paths)),
        Err(LoadError::NotFound(_)) => Ok(Place::Folder(paths.state_dir)),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn place(config: &Config, paths: &Paths) -> Place {
    Place::of(&config.history, &paths.state_dir)
}

/// Where it is written down who did what.
pub(super) fn audit_of(config: &Config, paths: &Paths) -> Result<Audit, AuditError> {
    let full = config.history.audit_file;
    Audit::open(&paths.state_dir).map(|audit| audit.rotated_at(full))
}

/// The same when the paths are known. Names that only the screen knows are checked too.
pub(super) fn load(global: &Global, paths: &Paths) -> Result<Config, LoadError> {
    let mut loaded = config::load(&paths.config_file)?;
    let problems = names::problems(&loaded);
    if !problems.is_empty() {
        return Err(LoadError::Problems(Problems(problems)));
    }
    global.over(&mut loaded.config.ui);
    Ok(loaded.config)
}

/// Starts every enabled backend. Must be called inside a tokio runtime.
pub(super) fn session(config: &Config, paths: &Paths, role: Role) -> Session {
    let duty = match role {
        Role::Operate => DutySettings {
            place: Some(place(config, paths)),
            lead: true,
            events: config.alerts.keep_events,
            keep: Policy::from(&config.history.keep),
            channels: config.channels.clone(),
            audit: Some(paths.state_dir.clone()),
        },
        // who only looks, or does one thing, tells nobody and opens no store
        Role::Act | Role::Observe => DutySettings::default(),
    };
    let mut session = with_duty(config, &enabled(config), paths, role, duty);
    if !matches!(role, Role::Observe) {
        audit_config(&mut session, paths);
    }
    session
}

/// What is other in the configuration than when it was last used is written down.
fn audit_config(session: &mut Session, paths: &Paths) {
    match audit::Settings::look(&paths.state_dir, &paths.config_file) {
        Ok(Some((what, seen))) => session.engine.record_before(what, move |written| {
            if written {
                // told once more next time
                let _ = seen.keep();
            }
        }),
        Ok(None) => {}
        Err(error) => say(format!("the configuration can't be audited: {error}")),
    }
}

/// For one look at a screen, which shows what was done about alerts.
pub(super) fn picture(config: &Config, paths: &Paths) -> Session {
    let duty = DutySettings {
        place: Some(place(config, paths)),
        ..DutySettings::default()
    };
    with_duty(config, &enabled(config), paths, Role::Observe, duty)
}

fn enabled(config: &Config) -> Vec<&Backend> {
    config.backends.iter().filter(|b| b.enabled).collect()
}

/// Starts these backends. One that can't be used is shown as such; the others work.
pub(super) fn backends(config: &Config, chosen: &[&Backend], paths: &Paths, role: Role) -> Session {
    with_duty(config, chosen, paths, role, DutySettings::default())
}

fn with_duty(
    config: &Config,
    chosen: &[&Backend],
    paths: &Paths,
    role: Role,
    duty: DutySettings,
) -> Session {
    let started = chosen
        .iter()
        .map(|b| backends::build(b, paths, role))
        .collect();
    let grace = chosen.iter().filter_map(|b| match &b.kind {
        BackendKind::Local(local) => Some(local.grace),
        // INT, TERM, KILL
        BackendKind::Dbt(dbt) => Some(dbt.grace * 2),
        BackendKind::Airflow(_) | BackendKind::Prefect(_) | BackendKind::Dagster(_) => None,
    });
    let grace = grace.max().unwrap_or_default();
    start(config, paths, started, grace, duty)
}

/// `grace` is what a backend gives its processes to end in peace; `duty`: what is kept and who is told.
pub(super) fn start(
    config: &Config,
    paths: &Paths,
    backends: Vec<Box<dyn backends::Backend>>,
    grace: Duration,
    duty: DutySettings,
) -> Session {
    let audit = audit_of(config, paths);
    let settings = Settings {
        log_dir: Some(paths.state_dir.join("logs")),
        duty,
        patterns: diagnosis::of(config),
        ..Settings::from(config)
    };
    let (engine, events) = Engine::start(backends, &settings, audit);
    Session {
        engine,
        events,
        grace: grace.saturating_add(GRACE),
    }
}
