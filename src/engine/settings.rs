//! What the engine needs to know, and what of the configuration says it.

use std::path::PathBuf;
use std::time::Duration;

use crate::alerts::matchers::Routes;
use crate::alerts::{self, Policy, Rules};
use crate::config::{self, Config};
use crate::diagnosis::Ready;
use crate::history;
use crate::logs::{DEFAULT_LIMIT, LogStore, Spill};
use crate::model::{LogKey, Silence};

use super::DutySettings;

/// What the engine needs to know beside its backends.
#[derive(Clone, Debug)]
pub struct Settings {
    pub rules: Rules,
    pub routes: Routes,
    pub policies: Vec<Policy>,
    /// Silences that are configured.
    pub windows: Vec<Silence>,
    /// Rules of the user's own.
    pub own: Vec<config::Rule>,
    /// What failures say.
    pub patterns: Ready,
    pub duty: DutySettings,
    pub late_after: chrono::Duration,
    /// Bytes of log text kept in memory over all logs.
    pub log_memory: usize,
    /// Bytes kept on disk when memory is full, and for how long.
    pub log_disk: u64,
    pub log_keep: Duration,
    /// Where; without it what has no room in memory is dropped.
    pub log_dir: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            routes: Routes::default(),
            policies: Vec::new(),
            windows: Vec::new(),
            own: Vec::new(),
            patterns: Ready::default(),
            duty: DutySettings::default(),
            late_after: chrono::Duration::minutes(2),
            log_memory: DEFAULT_LIMIT,
            log_disk: 1 << 30,
            log_keep: Duration::from_secs(7 * 86_400),
            log_dir: None,
        }
    }
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        let on = &config.alerts;
        let configured = alerts::configured(config);
        Self {
            rules: configured.rules,
            routes: Routes::new(config),
            policies: configured.policies,
            windows: configured.windows,
            own: config.rules.clone(),
            patterns: Ready::default(),
            duty: DutySettings {
                channels: config.channels.clone(),
                events: on.keep_events,
                keep: history::Policy::from(&config.history.keep),
                ..DutySettings::default()
            },
            late_after: chrono::Duration::from_std(on.late_after).unwrap_or(chrono::Duration::MAX),
            log_memory: usize::try_from(config.logs.memory).unwrap_or(usize::MAX),
            log_disk: config.logs.disk,
            log_keep: config.logs.keep,
            log_dir: None,
        }
    }
}

pub(super) fn alerts(settings: &Settings) -> alerts::Settings {
    let routes = settings.routes.clone();
    alerts::Settings {
        rules: settings.rules.clone(),
        route: Box::new(move |alert| {
            let names = routes.channels(alert);
            names.into_iter().map(str::to_owned).collect()
        }),
        policies: settings.policies.clone(),
        windows: settings.windows.clone(),
        own: alerts::Own::new(&settings.own),
    }
}

pub(super) fn logs(settings: &Settings) -> LogStore<LogKey> {
    let logs = LogStore::new(settings.log_memory);
    match &settings.log_dir {
        Some(dir) if settings.log_disk > 0 => {
            logs.with_spill(Spill::new(dir, settings.log_disk).kept_for(settings.log_keep))
        }
        _ => logs,
    }
}
