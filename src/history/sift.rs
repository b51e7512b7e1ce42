//! What of an event is new: backends tell the same again and again, and it is kept once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::Serialize;

use crate::model::{BackendStatus, Event, Stamped};

/// So many things are remembered; then all is new again.
const MOST: usize = 200_000;

/// The last of each thing that was kept, by a hash of what it said.
#[derive(Debug, Default)]
pub struct Sift {
    last: HashMap<u64, u64>,
}

impl Sift {
    /// Whether an event says anything of what rules look at. Logs, details and outcomes of actions don't.
    pub const fn wants(event: &Event) -> bool {
        !matches!(
            event,
            Event::Log(_)
                | Event::Detail { .. }
                | Event::Action { .. }
                | Event::Capabilities(_)
                | Event::BadRecord { .. }
                | Event::Topology { .. }
        )
    }

    /// The event with only what is new in it; `None` when nothing is.
    pub fn new_of(&mut self, stamped: &Stamped) -> Option<Stamped> {
        if self.last.len() > MOST {
            self.last.clear();
        }
        let backend = stamped.backend.raw();
        let event = match &stamped.event {
            Event::Status(status) => {
                // how many bytes have come says nothing about what happened
                let quiet = BackendStatus {
                    stats: Default::default(),
                    clock_skew_ms: None,
                    ..status.clone()
                };
                self.is_new(("status", backend), &quiet)
                    .then_some(Event::Status(quiet))?
            }
            Event::Pipelines { list, complete } => {
                self.is_new(("pipelines", backend), list)
                    .then(|| Event::Pipelines {
                        list: list.clone(),
                        complete: *complete,
                    })?
            }
            Event::Runs { list } | Event::RunsComplete { list, .. } => {
                let new = list.iter();
                let new: Vec<_> = new
                    .filter(|run| self.is_new(("run", &run.key), run))
                    .cloned()
                    .collect();
                if new.is_empty() {
                    return None;
                }
                Event::Runs { list: new }
            }
            Event::Nodes {
                run,
                list,
                complete,
            } => {
                let new = list.iter();
                let new: Vec<_> = new
                    .filter(|node| self.is_new(("node", run, &node.id), node))
                    .cloned()
                    .collect();
                if new.is_empty() {
                    return None;
                }
                Event::Nodes {
                    run: run.clone(),
                    complete: *complete && new.len() == list.len(),
                    list: new,
                }
            }
            Event::Queues(list) => self
                .is_new(("queues", backend), list)
                .then(|| stamped.event.clone())?,
            Event::Components(list) => {
                // a heart that beats is no news
                let quiet: Vec<_> = list.iter().map(|c| (&c.name, c.healthy)).collect();
                self.is_new(("components", backend), &quiet)
                    .then(|| stamped.event.clone())?
            }
            Event::Notices(list) => self
                .is_new(("notices", backend), list)
                .then(|| stamped.event.clone())?,
            Event::Checks(list) => self
                .is_new(("checks", backend), list)
                .then(|| stamped.event.clone())?,
            Event::Log(_)
            | Event::Detail { .. }
            | Event::Action { .. }
            | Event::Capabilities(_)
            | Event::BadRecord { .. }
            | Event::Topology { .. } => return None,
        };
        Some(Stamped {
            backend: stamped.backend.clone(),
            at: stamped.at,
            event,
        })
    }

    fn is_new(&mut self, what: impl std::hash::Hash, body: &impl Serialize) -> bool {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        let what = hasher.finish();
        let mut hasher = DefaultHasher::new();
        // what can't be written can't be kept either
        serde_json::to_vec(body)
            .unwrap_or_default()
            .hash(&mut hasher);
        let said = hasher.finish();
        self.last.insert(what, said) != Some(said)
    }
}
