//! What of an event is new: backends tell the same again and again, and it is kept once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use serde::Serialize;

use crate::model::{BackendStatus, Event, Node, RunKey, Stamped};

/// So many things are remembered; then all is new again.
const MOST: usize = 200_000;

/// The last of each thing that was kept, by a hash of what it said.
#[derive(Debug, Default)]
pub struct Sift {
    last: HashMap<u64, u64>,
    /// Which nodes and which shape a run had when all of that was last kept.
    complete: HashMap<u64, u64>,
}

impl Sift {
    /// Whether an event says anything that is kept here. Logs, details and outcomes of actions don't.
    pub const fn wants(event: &Event) -> bool {
        !matches!(
            event,
            Event::Log(_)
                | Event::Detail { .. }
                | Event::Action { .. }
                | Event::Capabilities(_)
                | Event::BadRecord { .. }
        )
    }

    /// From here on a replay may not know all nodes of a run, nor its shape: they are kept again when they are told.
    pub fn begin_anew(&mut self) {
        self.complete.clear();
    }

    /// The event with only what is new in it; `None` when nothing is.
    pub fn new_of(&mut self, stamped: &Stamped) -> Option<Stamped> {
        if self.last.len() > MOST {
            self.last.clear();
        }
        if self.complete.len() > MOST {
            self.complete.clear();
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
                let anew = *complete && self.is_other_set(run, list);
                let new = list.iter();
                let new: Vec<_> = new
                    .filter(|node| self.is_new(("node", run, &node.id), node) || anew)
                    .cloned()
                    .collect();
                if new.is_empty() && !anew {
                    return None;
                }
                Event::Nodes {
                    run: run.clone(),
                    complete: anew,
                    list: new,
                }
            }
            Event::Topology { run, topology } => {
                let known = hashed(&(serde_json::to_vec(topology).unwrap_or_default()));
                let before = self.complete.insert(hashed(&("topology", run)), known);
                (before != Some(known)).then(|| stamped.event.clone())?
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
            | Event::BadRecord { .. } => return None,
        };
        Some(Stamped {
            backend: stamped.backend.clone(),
            at: stamped.at,
            event,
        })
    }

    /// Whether all nodes of a run are others than when all were last kept.
    fn is_other_set(&mut self, run: &RunKey, list: &[Node]) -> bool {
        let ids: Vec<_> = list.iter().map(|node| &node.id).collect();
        let set = hashed(&ids);
        self.complete.insert(hashed(&("nodes", run)), set) != Some(set)
    }

    fn is_new(&mut self, what: impl Hash, body: &impl Serialize) -> bool {
        // what can't be written can't be kept either
        let said = hashed(&serde_json::to_vec(body).unwrap_or_default());
        self.last.insert(hashed(&what), said) != Some(said)
    }
}

fn hashed(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
