//! One channel's side of the outbox: what waits for it in which order, and how it has fared.

use std::collections::{BTreeSet, HashMap, VecDeque};

use chrono::{DateTime, Utc};

use super::pace::Pace;
use super::types::{Delivery, LaneSettings};
use crate::model::{AlertId, Priority, SafeText};

/// One channel.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) settings: LaneSettings,
    pub(super) queues: HashMap<AlertId, Queue>,
    /// The first of each queue whose time has come, the most urgent first.
    pub(super) ready: BTreeSet<(Priority, u64)>,
    /// The first of each queue that is to wait.
    pub(super) later: BTreeSet<(DateTime<Utc>, u64)>,
    pub(super) waiting: usize,
    pub(super) sending: usize,
    pub(super) sent: u64,
    pub(super) dead: usize,
    pub(super) pace: Pace,
    pub(super) held: Option<DateTime<Utc>>,
    /// In a row.
    pub(super) failures: u32,
    pub(super) trouble: Option<(DateTime<Utc>, SafeText)>,
    /// A message died since the last that was taken.
    pub(super) lost: bool,
}

/// What is to be told of one alert to one channel.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) line: VecDeque<u64>,
    /// The last that was sent.
    pub(super) told: Option<u64>,
    pub(super) dead: Vec<u64>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty() && self.told.is_none() && self.dead.is_empty()
    }
}

impl Lane {
    pub(super) fn new(settings: LaneSettings) -> Self {
        Self {
            pace: Pace::new(settings.rate),
            settings,
            queues: HashMap::new(),
            ready: BTreeSet::new(),
            later: BTreeSet::new(),
            waiting: 0,
            sending: 0,
            sent: 0,
            dead: 0,
            held: None,
            failures: 0,
            trouble: None,
            lost: false,
        }
    }

    /// The first of a queue is to be sent; the others wait for it.
    pub(super) fn stage(&mut self, delivery: &Delivery) {
        self.later.insert((delivery.next_at, delivery.id));
    }

    pub(super) fn unstage(&mut self, delivery: &Delivery) {
        self.later.remove(&(delivery.next_at, delivery.id));
        self.ready
            .remove(&(delivery.message.alert.priority, delivery.id));
    }

    /// Whether it takes another message now, for all but its rate.
    pub(super) fn open(&self, now: DateTime<Utc>) -> bool {
        self.held.is_none_or(|until| until <= now) && (self.failures == 0 || self.sending == 0)
    }

    pub(super) fn fail(&mut self, why: &SafeText, now: DateTime<Utc>) {
        let since = self.trouble.as_ref().map_or(now, |(since, _)| *since);
        self.trouble = Some((since, why.clone()));
    }
}
