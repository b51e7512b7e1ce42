//! Requests a second of each backend, from two looks at its counters.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};

use crate::engine::Watch;
use crate::model::BackendId;

use super::App;

/// Two looks are at least this far apart.
const SAMPLE: Duration = Duration::seconds(10);

#[derive(Debug, Default)]
pub struct Rates {
    seen: HashMap<BackendId, (DateTime<Utc>, u64, Option<f64>)>,
}

impl Rates {
    pub fn sample(&mut self, watch: &Watch, now: DateTime<Utc>) {
        for backend in watch.world.backends() {
            let requests = backend.status.stats.requests;
            let entry = self
                .seen
                .entry(backend.info.id.clone())
                .or_insert((now, requests, None));
            let passed = now - entry.0;
            if passed >= SAMPLE || passed < Duration::zero() {
                let rate = requests.saturating_sub(entry.1) as f64
                    / (passed.num_milliseconds().max(1) as f64 / 1000.0);
                *entry = (now, requests, (passed > Duration::zero()).then_some(rate));
            }
        }
    }
}

impl App {
    /// Requests a second of late; `None` before enough time has passed.
    pub fn rate(&self, backend: &BackendId) -> Option<f64> {
        self.rates.seen.get(backend)?.2
    }
}
