//! What is to be told to whom, kept until it is told. Pure: no clock, no chance, no I/O; whoever owns it writes every
//! [`Change`] down before going on, and sends what is [due](Outbox::due).
//!
//! What holds:
//! * A message is sent at least once, or becomes a dead letter that a person sees and may retry.
//! * Messages about one alert reach one channel in their order: a resolve never overtakes its trigger.
//! * A trigger that was never tried and whose alert is over is dropped together with its resolve.
//! * More than [`MERGE`] messages that wait for a channel where people read become one digest. Never for a paging service:
//!   there each has its own key.
//! * A channel has a rate, and is left alone for as long as it asks for (`Retry-After`). While it fails, one message at a time
//!   is tried, after a growing time.
//!
//! What can be doubled: a message is written down as [`DeliveryState::Sending`] before it is sent, and as sent after the peer
//! took it. Whoever is killed in between finds it as sending at the next start and sends it again, with the same
//! deduplication key; so does whoever lost the answer (a time limit). Services that know keys (PagerDuty, Opsgenie,
//! ServiceNow, webhooks by `webhook-id`, mail by `Message-ID`) can make one of two; Slack, Teams, Twilio, syslog, Event Hubs
//! and commands show both.

mod digest;
mod lane;
mod pace;
#[cfg(test)]
mod tests;
mod types;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::channels::text::dedup_key;
use super::channels::{Receipt, Retry, SendError};
use crate::model::{AlertId, Message, Occasion, SafeText};

pub use types::{
    Beside, Change, Delivery, DeliveryState, LaneCounts, LaneSettings, Ledger, LedgerError,
    NoRetry, Trouble,
};

use lane::Lane;
use pace::backoff;

/// More messages than this that wait for people become one.
pub const MERGE: usize = 20;
/// So often a message is tried.
pub const ATTEMPTS: u32 = 100;
/// So long a message is tried.
pub const GIVE_UP: TimeDelta = TimeDelta::hours(24);
/// A channel is not left alone for longer, whatever it asks for.
const LONGEST_HOLD: TimeDelta = TimeDelta::hours(1);
/// A channel that failed so often in a row is in trouble.
const TROUBLE: u32 = 3;
/// So long dead letters are listed, and threads of alerts that never end are remembered.
const KEEP: TimeDelta = TimeDelta::days(30);

/// Deliveries to all channels.
#[derive(Debug, Default)]
pub struct Outbox {
    lanes: BTreeMap<String, Lane>,
    deliveries: BTreeMap<u64, Delivery>,
    last_id: u64,
}

impl Outbox {
    pub fn new(channels: impl IntoIterator<Item = LaneSettings>) -> Self {
        let lanes = channels.into_iter().map(Lane::new);
        Self {
            lanes: lanes.map(|l| (l.settings.name.clone(), l)).collect(),
            ..Self::default()
        }
    }

    /// As it was written down. What was being sent may have arrived: it is sent again, with the same key.
    pub fn restore(
        channels: impl IntoIterator<Item = LaneSettings>,
        mut deliveries: Vec<Delivery>,
    ) -> Self {
        let mut outbox = Self::new(channels);
        deliveries.sort_by_key(|d| d.id);
        for mut delivery in deliveries {
            outbox.last_id = outbox.last_id.max(delivery.id);
            let id = delivery.id;
            match outbox.lanes.get_mut(&delivery.channel) {
                // the channel has gone: nobody will take it
                None => {
                    delivery.state = DeliveryState::Dead;
                    delivery.last_error = Some(SafeText::new(NoRetry::NoChannel.to_string()));
                }
                Some(lane) => {
                    let alert = delivery.message.alert.id.clone();
                    let queue = lane.queues.entry(alert).or_default();
                    match delivery.state {
                        DeliveryState::Waiting | DeliveryState::Sending => {
                            delivery.state = DeliveryState::Waiting;
                            queue.line.push_back(id);
                            lane.waiting += 1;
                            if queue.line.len() == 1 {
                                lane.stage(&delivery);
                            }
                        }
                        DeliveryState::Sent => queue.told = Some(id),
                        DeliveryState::Dead => {
                            queue.dead.push(id);
                            lane.dead += 1;
                        }
                    }
                }
            }
            outbox.deliveries.insert(id, delivery);
        }
        outbox
    }

    /// Takes a message in for each of these channels; names that there are not are left out.
    pub fn enqueue<'a>(
        &mut self,
        message: &Message,
        channels: impl IntoIterator<Item = &'a str>,
        now: DateTime<Utc>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        for channel in channels {
            if !self.lanes.contains_key(channel) {
                continue;
            }
            if message.occasion == Occasion::Resolved
                && !self.resolve(channel, &message.alert.id, &mut changes)
            {
                continue;
            }
            self.push(channel, message.clone(), now, now, &mut changes);
        }
        changes
    }

    fn push(
        &mut self,
        channel: &str,
        message: Message,
        created: DateTime<Utc>,
        now: DateTime<Utc>,
        changes: &mut Vec<Change>,
    ) {
        let Some(lane) = self.lanes.get_mut(channel) else {
            return;
        };
        self.last_id += 1;
        let delivery = Delivery {
            id: self.last_id,
            channel: channel.to_owned(),
            attempts: 0,
            created,
            next_at: now,
            state: DeliveryState::Waiting,
            last_error: None,
            thread: None,
            over: false,
            message,
        };
        let alert = delivery.message.alert.id.clone();
        let queue = lane.queues.entry(alert).or_default();
        queue.line.push_back(delivery.id);
        lane.waiting += 1;
        if queue.line.len() == 1 {
            lane.stage(&delivery);
        }
        changes.push(Change::Put(Box::new(delivery.clone())));
        self.deliveries.insert(delivery.id, delivery);
    }

    /// An alert is over: what was never tried is dropped. Says whether the end is still to be told.
    fn resolve(&mut self, channel: &str, alert: &AlertId, changes: &mut Vec<Change>) -> bool {
        let Some(lane) = self.lanes.get_mut(channel) else {
            return false;
        };
        let wanted = lane.settings.send_resolved;
        let Some(queue) = lane.queues.get(alert) else {
            return wanted;
        };
        for id in queue.dead.clone() {
            if let Some(dead) = self.deliveries.get_mut(&id)
                && !dead.over
            {
                dead.over = true;
                changes.push(Change::Put(Box::new(dead.clone())));
            }
        }
        let untried: Vec<u64> = queue
            .line
            .iter()
            .filter_map(|id| self.deliveries.get(id))
            .filter(|d| d.state == DeliveryState::Waiting && d.attempts == 0)
            .filter(|d| d.message.occasion != Occasion::Resolved)
            .map(|d| d.id)
            .collect();
        for id in &untried {
            self.take_out(*id, changes);
        }
        let Some(queue) = self.lanes.get(channel).and_then(|l| l.queues.get(alert)) else {
            return wanted && untried.is_empty();
        };
        let last = queue.line.back().and_then(|id| self.deliveries.get(id));
        let said = last.is_some_and(|d| d.message.occasion == Occasion::Resolved);
        let told = !queue.line.is_empty() || queue.told.is_some();
        let forgotten = queue.told.filter(|_| !wanted);
        if let Some(id) = forgotten {
            self.forget_told(id, changes);
        }
        wanted && !said && (told || untried.is_empty())
    }

    /// Removes one that waits, wherever it stands.
    fn take_out(&mut self, id: u64, changes: &mut Vec<Change>) {
        let Some(delivery) = self.deliveries.remove(&id) else {
            return;
        };
        changes.push(Change::Remove(id));
        let Some(lane) = self.lanes.get_mut(&delivery.channel) else {
            return;
        };
        lane.waiting -= 1;
        lane.unstage(&delivery);
        let alert = &delivery.message.alert.id;
        if let Some(queue) = lane.queues.get_mut(alert) {
            queue.line.retain(|other| *other != id);
        }
        self.advance(&delivery.channel, alert);
    }

    /// The first of a queue is staged; an empty queue goes.
    fn advance(&mut self, channel: &str, alert: &AlertId) {
        let Some(lane) = self.lanes.get_mut(channel) else {
            return;
        };
        let Some(queue) = lane.queues.get(alert) else {
            return;
        };
        if queue.is_empty() {
            lane.queues.remove(alert);
            return;
        }
        let first = queue.line.front().and_then(|id| self.deliveries.get(id));
        if let Some(first) = first.filter(|d| d.state == DeliveryState::Waiting)
            && !lane
                .ready
                .contains(&(first.message.alert.priority, first.id))
        {
            lane.stage(first);
        }
    }

    fn forget_told(&mut self, id: u64, changes: &mut Vec<Change>) {
        let Some(delivery) = self.deliveries.remove(&id) else {
            return;
        };
        changes.push(Change::Remove(id));
        let alert = &delivery.message.alert.id;
        if let Some(lane) = self.lanes.get_mut(&delivery.channel)
            && let Some(queue) = lane.queues.get_mut(alert)
        {
            queue.told = queue.told.filter(|told| *told != id);
            if queue.is_empty() {
                lane.queues.remove(alert);
            }
        }
    }

    /// At most so many that may be sent now, the most urgent first, taken from the channels in turn. They are being sent from
    /// here on: write the changes down, send, and say how it went with [`Outbox::settled`].
    pub fn due(&mut self, now: DateTime<Utc>, most: usize) -> (Vec<Delivery>, Vec<Change>) {
        let (mut due, mut changes) = (Vec::new(), Vec::new());
        let names: Vec<String> = self.lanes.keys().cloned().collect();
        for name in &names {
            self.ripen(name, now);
            self.merge(name, now, &mut changes);
        }
        loop {
            let before = due.len();
            for name in &names {
                if due.len() < most
                    && let Some(delivery) = self.take(name, now, &mut changes)
                {
                    due.push(delivery);
                }
            }
            if due.len() == before {
                return (due, changes);
            }
        }
    }

    /// Moves those whose time has come to where the most urgent goes first.
    fn ripen(&mut self, channel: &str, now: DateTime<Utc>) {
        let Some(lane) = self.lanes.get_mut(channel) else {
            return;
        };
        let ripe = lane.later.range(..=(now, u64::MAX)).count();
        for _ in 0..ripe {
            if let Some((_, id)) = lane.later.pop_first()
                && let Some(delivery) = self.deliveries.get(&id)
            {
                lane.ready.insert((delivery.message.alert.priority, id));
            }
        }
    }

    fn take(
        &mut self,
        channel: &str,
        now: DateTime<Utc>,
        changes: &mut Vec<Change>,
    ) -> Option<Delivery> {
        loop {
            let lane = self.lanes.get_mut(channel)?;
            if !lane.open(now) || !lane.pace.open(now) {
                return None;
            }
            let (_, id) = lane.ready.pop_first()?;
            let delivery = self.deliveries.get_mut(&id)?;
            if now - delivery.created >= GIVE_UP {
                self.bury(id, now, None, changes);
                continue;
            }
            lane.pace.take(now);
            lane.waiting -= 1;
            lane.sending += 1;
            delivery.state = DeliveryState::Sending;
            delivery.attempts += 1;
            let delivery = delivery.clone();
            changes.push(Change::Put(Box::new(delivery.clone())));
            let thread = self.thread(&delivery);
            return Some(Delivery { thread, ..delivery });
        }
    }

    /// What the last message about the same firing left behind.
    fn thread(&self, delivery: &Delivery) -> Option<String> {
        let lane = self.lanes.get(&delivery.channel)?;
        let told = lane.queues.get(&delivery.message.alert.id)?.told?;
        let told = self.deliveries.get(&told)?;
        let same = dedup_key(&told.message) == dedup_key(&delivery.message);
        told.thread.clone().filter(|_| same)
    }

    /// What waits for people and has not been told of yet becomes one message, when it is too much.
    fn merge(&mut self, channel: &str, now: DateTime<Utc>, changes: &mut Vec<Change>) {
        let Some(lane) = self.lanes.get(channel) else {
            return;
        };
        if !lane.settings.merges || lane.waiting <= MERGE || !lane.open(now) || !lane.pace.open(now)
        {
            return;
        }
        // what has a thread is changed there, so that nothing that is over goes on saying otherwise
        let queues = lane.queues.values().filter(|queue| queue.told.is_none());
        let waiting = queues.filter_map(|queue| {
            let all: Option<Vec<&Delivery>> = queue
                .line
                .iter()
                .map(|id| {
                    let delivery = self.deliveries.get(id)?;
                    let free = delivery.state == DeliveryState::Waiting
                        && !digest::is_one(&delivery.message)
                        && delivery.message.occasion != Occasion::Test;
                    free.then_some(delivery)
                })
                .collect();
            all
        });
        let mut waiting: Vec<&Delivery> = waiting.flatten().collect();
        if waiting.len() <= MERGE {
            return;
        }
        waiting.sort_by_key(|d| d.id);
        let oldest = waiting.iter().map(|d| d.created).min().unwrap_or(now);
        let messages: Vec<&Message> = waiting.iter().map(|d| &d.message).collect();
        let one = digest::of(channel, &messages, now);
        let ids: Vec<u64> = waiting.iter().map(|d| d.id).collect();
        for id in ids {
            self.take_out(id, changes);
        }
        self.push(channel, one, oldest, now, changes);
        self.ripen(channel, now);
    }

    /// How a send ended.
    pub fn settled(
        &mut self,
        id: u64,
        result: Result<Receipt, SendError>,
        now: DateTime<Utc>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let Some(delivery) = self.deliveries.get_mut(&id) else {
            return changes;
        };
        let Some(lane) = self.lanes.get_mut(&delivery.channel) else {
            return changes;
        };
        if delivery.state != DeliveryState::Sending {
            return changes;
        }
        match result {
            Ok(receipt) => {
                lane.sending -= 1;
                lane.sent += 1;
                lane.failures = 0;
                lane.held = None;
                lane.trouble = None;
                lane.lost = false;
                self.sent(id, receipt, &mut changes);
            }
            Err(error) => {
                lane.fail(&error.what, now);
                delivery.last_error = Some(error.what.clone());
                if error.retry == Retry::Never {
                    lane.sending -= 1;
                    lane.waiting += 1;
                    self.bury(id, now, Some(error.what), &mut changes);
                    return changes;
                }
                lane.sending -= 1;
                lane.waiting += 1;
                lane.failures += 1;
                let asked = match error.retry {
                    Retry::After(time) => TimeDelta::from_std(time).unwrap_or(LONGEST_HOLD),
                    Retry::Later | Retry::Never => TimeDelta::zero(),
                };
                let asked = asked.min(LONGEST_HOLD);
                let until = now + asked.max(backoff(0, lane.failures));
                lane.held = Some(lane.held.map_or(until, |held| held.max(until)));
                delivery.state = DeliveryState::Waiting;
                delivery.next_at = now + asked.max(backoff(id, delivery.attempts));
                if delivery.attempts >= ATTEMPTS || delivery.next_at - delivery.created > GIVE_UP {
                    self.bury(id, now, Some(error.what), &mut changes);
                    return changes;
                }
                lane.stage(delivery);
                changes.push(Change::Put(Box::new(delivery.clone())));
            }
        }
        changes
    }

    fn sent(&mut self, id: u64, receipt: Receipt, changes: &mut Vec<Change>) {
        let Some(delivery) = self.deliveries.get(&id) else {
            return;
        };
        let thread = receipt.thread.or_else(|| self.thread(delivery));
        let channel = delivery.channel.clone();
        let alert = delivery.message.alert.id.clone();
        let ends = matches!(
            delivery.message.occasion,
            Occasion::Resolved | Occasion::Test
        ) || digest::is_one(&delivery.message);
        let before = self
            .lanes
            .get_mut(&channel)
            .and_then(|lane| lane.queues.get_mut(&alert))
            .and_then(|queue| {
                queue.line.retain(|other| *other != id);
                std::mem::replace(&mut queue.told, (!ends).then_some(id))
            });
        if let Some(before) = before {
            self.deliveries.remove(&before);
            changes.push(Change::Remove(before));
        }
        if ends {
            self.deliveries.remove(&id);
            changes.push(Change::Remove(id));
        } else if let Some(delivery) = self.deliveries.get_mut(&id) {
            delivery.state = DeliveryState::Sent;
            delivery.thread = thread;
            delivery.last_error = None;
            changes.push(Change::Put(Box::new(delivery.clone())));
        }
        self.advance(&channel, &alert);
    }

    /// It will not be sent any more. Counted among those that wait until here.
    fn bury(
        &mut self,
        id: u64,
        now: DateTime<Utc>,
        why: Option<SafeText>,
        changes: &mut Vec<Change>,
    ) {
        let Some(delivery) = self.deliveries.get_mut(&id) else {
            return;
        };
        let why = why
            .or_else(|| delivery.last_error.clone())
            .unwrap_or_else(|| SafeText::new("its turn did not come within a day"));
        delivery.state = DeliveryState::Dead;
        delivery.last_error = Some(why.clone());
        let (channel, alert) = (delivery.channel.clone(), delivery.message.alert.id.clone());
        if let Some(lane) = self.lanes.get_mut(&channel) {
            lane.unstage(delivery);
            lane.waiting -= 1;
            lane.dead += 1;
            lane.lost = true;
            lane.fail(&why, now);
            let queue = lane.queues.entry(alert.clone()).or_default();
            queue.line.retain(|other| *other != id);
            queue.dead.push(id);
        }
        changes.push(Change::Put(Box::new(delivery.clone())));
        self.advance(&channel, &alert);
    }

    /// When there will be something to send, if nothing else happens: may be in the past.
    pub fn next(&self) -> Option<DateTime<Utc>> {
        let lanes = self.lanes.values();
        let each = lanes.filter_map(|lane| {
            if lane.failures > 0 && lane.sending > 0 {
                return None;
            }
            let first = match lane.ready.is_empty() {
                false => DateTime::<Utc>::MIN_UTC,
                true => lane.later.first()?.0,
            };
            let held = lane.held.unwrap_or(DateTime::<Utc>::MIN_UTC);
            Some(first.max(held).max(lane.pace.next()))
        });
        each.min()
    }

    /// A person wants a dead letter tried again, now.
    pub fn retry(&mut self, id: u64, now: DateTime<Utc>) -> Result<Vec<Change>, NoRetry> {
        let dead = self.deliveries.get_mut(&id);
        let dead = dead.filter(|d| d.state == DeliveryState::Dead);
        let delivery = dead.ok_or(NoRetry::Unknown)?;
        let lane = self.lanes.get_mut(&delivery.channel);
        let lane = lane.ok_or(NoRetry::NoChannel)?;
        if delivery.over {
            return Err(NoRetry::Over);
        }
        delivery.state = DeliveryState::Waiting;
        delivery.attempts = 0;
        delivery.created = now;
        delivery.next_at = now;
        lane.dead -= 1;
        lane.waiting += 1;
        lane.held = None;
        let alert = delivery.message.alert.id.clone();
        let queue = lane.queues.entry(alert).or_default();
        queue.dead.retain(|other| *other != id);
        queue.line.push_back(id);
        if queue.line.len() == 1 {
            lane.stage(delivery);
        }
        Ok(vec![Change::Put(Box::new(delivery.clone()))])
    }

    /// A person has seen a dead letter and wants it gone.
    pub fn discard(&mut self, id: u64) -> Vec<Change> {
        let dead = self.deliveries.get(&id);
        if dead.is_none_or(|d| d.state != DeliveryState::Dead) {
            return Vec::new();
        }
        let Some(delivery) = self.deliveries.remove(&id) else {
            return Vec::new();
        };
        if let Some(lane) = self.lanes.get_mut(&delivery.channel) {
            lane.dead -= 1;
            let alert = &delivery.message.alert.id;
            if let Some(queue) = lane.queues.get_mut(alert) {
                queue.dead.retain(|other| *other != id);
                if queue.is_empty() {
                    lane.queues.remove(alert);
                }
            }
        }
        vec![Change::Remove(id)]
    }

    /// Forgets dead letters and threads that are older than a month.
    pub fn prune(&mut self, now: DateTime<Utc>) -> Vec<Change> {
        let old: Vec<(u64, DeliveryState)> = self
            .deliveries
            .values()
            .filter(|d| now - d.created > KEEP)
            .map(|d| (d.id, d.state))
            .collect();
        let mut changes = Vec::new();
        for (id, state) in old {
            match state {
                DeliveryState::Sent => self.forget_told(id, &mut changes),
                DeliveryState::Dead => changes.extend(self.discard(id)),
                DeliveryState::Waiting | DeliveryState::Sending => {}
            }
        }
        changes
    }

    /// Channels that fail, or lost a message since the last one that they took.
    pub fn troubles(&self) -> Vec<Trouble> {
        let lanes = self.lanes.values();
        let failing = lanes.filter(|lane| lane.failures >= TROUBLE || lane.lost);
        let each = failing.filter_map(|lane| {
            let (since, why) = lane.trouble.clone()?;
            Some(Trouble {
                channel: lane.settings.name.clone(),
                since,
                why,
                waiting: lane.waiting,
                dead: lane.dead,
            })
        });
        each.collect()
    }

    /// The oldest first.
    pub fn dead(&self) -> impl Iterator<Item = &Delivery> {
        self.deliveries
            .values()
            .filter(|d| d.state == DeliveryState::Dead)
    }

    pub fn counts(&self) -> Vec<LaneCounts> {
        let lanes = self.lanes.values();
        lanes
            .map(|lane| LaneCounts {
                channel: lane.settings.name.clone(),
                waiting: lane.waiting,
                sending: lane.sending,
                sent: lane.sent,
                dead: lane.dead,
                held: lane.held,
            })
            .collect()
    }

    /// Nothing waits and nothing is being sent.
    pub fn idle(&self) -> bool {
        let mut lanes = self.lanes.values();
        lanes.all(|lane| lane.waiting == 0 && lane.sending == 0)
    }
}
