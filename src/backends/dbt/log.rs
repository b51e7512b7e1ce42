//! Runs that were started elsewhere, as the project's log tells of them.

use chrono::Utc;
use tokio::time::Instant;

use crate::model::{RunKey, RunState};

use super::actor::Actor;
use super::follow::{Found, Item};
use super::record::{Record, Touched};
use super::results::Args;
use super::said::{Said, What};
use super::slot::{Followed, Hold, Slot};
use super::store::LogFile;

/// Lines kept of a run of which it is not known yet whether it is shown, in bytes.
const MAX_HELD: usize = 1 << 20;
/// Runs of which it is not known yet whether they are shown.
const MAX_STRANGERS: usize = 64;
/// A line's clock may differ from ours by this much without being told, in milliseconds.
const SKEW_MS: i64 = 2_000;

/// A run in the log that is not shown (yet).
#[derive(Debug)]
pub(super) enum Stranger {
    /// It runs no nodes: "dbt ls", "dbt parse".
    Idle,
    New {
        record: Box<Record>,
        lines: Vec<u8>,
    },
}

impl Actor {
    pub(super) fn look_at_log(&mut self) {
        // a run of ours is known by dbt's id for it, which its first line brings
        let nameless = |s: &Slot| s.driven() && s.record.invocation.is_none();
        if self.slots.values().any(nameless) {
            return;
        }
        loop {
            let Some(follower) = &mut self.follower else {
                return;
            };
            match follower.look() {
                Ok(found) => {
                    self.trouble("dbt.log", None);
                    let more = found.more;
                    self.take_found(found);
                    if !more {
                        return;
                    }
                }
                Err(e) => {
                    let path = follower.path().display().to_string();
                    return self.trouble("dbt.log", Some(format!("{path}: {e}")));
                }
            }
        }
    }

    fn take_found(&mut self, found: Found) {
        let old = found.first;
        for item in found.items {
            self.take_item(item, old);
        }
        if old && !found.more {
            self.sort_out();
        }
    }

    fn take_item(&mut self, item: Item, old: bool) {
        // what was said is about the run it names, the line belongs to the run that goes on now
        for said in &item.said {
            if let Some(invocation) = said.invocation.clone() {
                self.take_said(&invocation, said, old);
            }
        }
        let Some(invocation) = &item.invocation else {
            return;
        };
        match self.strangers.get_mut(invocation) {
            Some(Stranger::New { lines, .. }) => {
                if lines.len() + item.line.len() <= MAX_HELD {
                    lines.extend_from_slice(&item.line);
                }
                return;
            }
            Some(Stranger::Idle) => return,
            None => {}
        }
        if let Some(key) = self.find(invocation)
            && let Some(slot) = self.slots.get_mut(&key)
            && let Hold::Followed(followed) = &mut slot.hold
        {
            followed.log.write(&item.line);
        }
    }

    fn take_said(&mut self, invocation: &str, said: &Said, old: bool) {
        if !old {
            let ahead = (said.at - Utc::now()).num_milliseconds();
            self.skew_ms = Some(if ahead > SKEW_MS { ahead } else { 0 });
        }
        if let Some(key) = self.find(invocation) {
            return self.follow_said(&key, said);
        }
        let stranger = self
            .strangers
            .entry(invocation.to_owned())
            .or_insert_with(|| {
                let cause = "started elsewhere".to_owned();
                let record = Record::new(String::new(), cause, Args::default(), said.at);
                Stranger::New {
                    record: Box::new(record),
                    lines: Vec::new(),
                }
            });
        let Stranger::New { record, .. } = stranger else {
            return;
        };
        record.apply(said);
        let runs = match &said.what {
            What::Asked(args) if args.which.is_empty() => None,
            What::Asked(args) => Some(args.runs_nodes()),
            What::Size(_) | What::NodeStarts { .. } => Some(true),
            // it ended before it said that it would run anything
            What::Ends(_) => Some(false),
            _ => None,
        };
        match runs {
            // what is over for long is sorted out when all was read
            Some(true) if !old => {
                self.show(invocation);
            }
            Some(false) if !record.args.runs_nodes() => {
                self.strangers.insert(invocation.to_owned(), Stranger::Idle);
            }
            _ => {}
        }
        if self.strangers.len() > MAX_STRANGERS {
            self.strangers
                .retain(|id, s| id == invocation || matches!(s, Stranger::New { .. }));
        }
    }

    fn follow_said(&mut self, key: &RunKey, said: &Said) {
        let going = self
            .slots
            .iter()
            .filter(|(k, s)| *k != key && matches!(s.hold, Hold::Followed(_)) && s.open())
            .count();
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        let Hold::Followed(followed) = &mut slot.hold else {
            return;
        };
        followed.heard_at = Instant::now();
        if slot.record.state == RunState::Lost {
            slot.record.revive();
            slot.changed();
        }
        // only text lines say nothing of their process
        if going > 0 && said.pid.is_none() && !slot.record.mixed {
            slot.record.mixed = true;
            slot.changed();
        }
        let touched = slot.apply(said);
        self.dirty |= touched != Touched::Nothing;
        if touched != Touched::Nothing {
            self.judge(key);
        }
    }

    /// What was in the log before dagtop looked: shown is what goes on, and what says its day.
    fn sort_out(&mut self) {
        let strangers = std::mem::take(&mut self.strangers);
        let last = strangers
            .iter()
            .filter_map(|(id, s)| match s {
                Stranger::New { record, .. } => Some((record.last_at, id.clone())),
                Stranger::Idle => None,
            })
            .max();
        for (id, stranger) in strangers {
            let keep = match &stranger {
                Stranger::Idle => true,
                Stranger::New { record, .. } => {
                    // a text log does not say on which day its older runs were
                    let dated = record.pid.is_some() || last.as_ref().is_some_and(|l| l.1 == id);
                    let runs = record.args.runs_nodes() || !record.nodes.is_empty();
                    dated && runs
                }
            };
            if keep {
                let new = matches!(stranger, Stranger::New { .. });
                self.strangers.insert(id.clone(), stranger);
                if new {
                    self.show(&id);
                }
            }
        }
    }

    /// Makes a run of what is known of a stranger.
    pub(super) fn show(&mut self, invocation: &str) -> Option<RunKey> {
        let Some(Stranger::New { .. }) = self.strangers.get(invocation) else {
            return None;
        };
        let Some(Stranger::New { mut record, lines }) = self.strangers.remove(invocation) else {
            return None;
        };
        // another dagtop may have been quicker
        self.load_new();
        if let Some(key) = self.find(invocation) {
            return Some(key);
        }
        record.invocation = Some(invocation.to_owned());
        self.expect(&mut record);
        let made = self.make(*record)?;
        let opened = LogFile::open(&made.dir.log());
        let mut log = self.kept(opened)?;
        log.write(&lines);
        let hold = Hold::Followed(Followed {
            lock: made.lock,
            log,
            heard_at: Instant::now(),
            results_at: None,
            opener: None,
        });
        self.insert(Slot::new(made.dir, made.record, hold))
    }

    /// Plans the nodes of a run whose command names none: all of their kind.
    fn expect(&self, record: &mut Record) {
        let args = &record.args;
        let all = args.select.is_empty() && args.exclude.is_empty();
        if all && !self.manifest.default_selector && record.total.is_none() {
            let ids = super::invoke::all_of(&self.manifest, &args.which);
            record.plan(ids);
        }
    }
}
