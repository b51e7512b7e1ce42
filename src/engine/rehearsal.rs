//! The rules on what was seen: the same world and the same lives, by the clock of the past.

use chrono::{DateTime, Duration, Utc};

use crate::alerts::{Alerts, Telling};
use crate::config::Config;
use crate::logs::LogStore;
use crate::model::{BackendId, BackendInfo, SafeText, Stamped};
use crate::world::World;

use super::settings::{Settings, alerts};
use super::watch::Watch;

/// Between two looks while nothing happens.
const STEP: Duration = Duration::minutes(1);
/// Between two looks while much happens.
const SPACE: Duration = Duration::seconds(10);
/// Longer gaps than this were a time in which nobody watched: then nothing can have been noticed.
const GAP: Duration = Duration::minutes(30);

#[derive(Debug)]
pub struct Rehearsal {
    watch: Watch,
    now: Option<DateTime<Utc>>,
    begun: Option<DateTime<Utc>>,
    events: u64,
}

impl Rehearsal {
    pub fn new(config: &Config, settings: &Settings) -> Self {
        let info = config.backends.iter().map(|backend| BackendInfo {
            id: BackendId::new(&backend.name),
            name: SafeText::new(&backend.name),
            kind: backend.kind.name(),
            read_only: true,
            protect: true,
            drives_runs: false,
            accent: None,
        });
        Self {
            watch: Watch::new(
                World::new(info),
                LogStore::new(1 << 20),
                Alerts::new(alerts(settings)),
                settings.late_after,
            ),
            now: None,
            begun: None,
            events: 0,
        }
    }

    /// Goes on to an event, and says what was to be told by then.
    pub fn apply(&mut self, stamped: &Stamped) -> Vec<(DateTime<Utc>, Telling)> {
        self.events += 1;
        self.begun.get_or_insert(stamped.at);
        let mut told = self.until(stamped.at);
        // what was seen up to here, before it changes
        if self.now.is_some_and(|now| stamped.at - now >= SPACE) {
            self.look(stamped.at, &mut told);
        }
        self.watch.apply(stamped);
        told
    }

    fn until(&mut self, to: DateTime<Utc>) -> Vec<(DateTime<Utc>, Telling)> {
        let Some(mut now) = self.now else {
            self.now = Some(to);
            return Vec::new();
        };
        let mut told = Vec::new();
        if to - now > GAP {
            now = to - STEP;
        }
        while now + STEP <= to {
            now += STEP;
            self.look(now, &mut told);
        }
        told
    }

    /// Goes on to the end, and says what was to be told by then.
    pub fn finish(&mut self, at: DateTime<Utc>) -> Vec<(DateTime<Utc>, Telling)> {
        let mut told = self.until(at);
        self.look(at, &mut told);
        told
    }

    fn look(&mut self, at: DateTime<Utc>, told: &mut Vec<(DateTime<Utc>, Telling)>) {
        self.now = Some(at);
        self.watch.refresh(at);
        let tellings = self.watch.alerts.take_tellings().into_iter();
        told.extend(tellings.map(|t| (at, t)));
    }

    pub fn events(&self) -> u64 {
        self.events
    }

    /// When the first event was.
    pub fn begun(&self) -> Option<DateTime<Utc>> {
        self.begun
    }
}
