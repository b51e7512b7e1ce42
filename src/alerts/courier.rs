//! Carries messages from the outbox to the channels. One task owns both and the ledger; whoever wants something told sends it
//! an order, and it says how things stand.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::channels::{Channel, Receipt, Screen, SendError};
use super::outbox::{
    Beside, Change, Delivery, DeliveryState, LaneCounts, LaneSettings, Ledger, LedgerError,
    NoRetry, Outbox, Trouble,
};
use crate::config;
use crate::model::Message;

/// So many are sent at once, over all channels.
const AT_ONCE: usize = 16;
/// Orders that wait to be taken in.
const ORDERS: usize = 256;
/// What the screen has not taken yet; more bells would say nothing new.
const SCREENS: usize = 64;
/// How long sends that are under way may take when everything ends.
const GRACE: Duration = Duration::from_secs(3);
/// When a ledger that failed is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// Between two looks for what is too old to keep.
const PRUNE: TimeDelta = TimeDelta::hours(1);

/// A message and the channels that it is for.
pub type Letter = (Message, Vec<String>);

/// How it stands with all channels.
#[derive(Clone, Debug, Default)]
pub struct Status {
    pub channels: Vec<LaneCounts>,
    pub troubles: Vec<Trouble>,
    /// The oldest first.
    pub dead: Arc<[Delivery]>,
    /// The ledger can't be written: what is told now may be told again after a restart, or be lost with it.
    pub ledger: Option<LedgerError>,
}

/// The courier has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing is told any more: the courier has ended")]
pub struct CourierGone;

enum Order {
    Tell(
        Vec<Letter>,
        Vec<Beside>,
        Option<oneshot::Sender<Result<(), LedgerError>>>,
    ),
    Retry(u64, oneshot::Sender<Result<(), NoRetry>>),
    Discard(u64),
}

/// Where messages are handed in. When it goes, what is under way is finished, and the rest is in the ledger.
#[derive(Debug)]
pub struct Courier {
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<Status>,
    task: tokio::task::JoinHandle<()>,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Order")
    }
}

impl Courier {
    /// Goes on with what was not told before: `deliveries`, as the ledger has them. Must be called inside a runtime. The
    /// ledger is written in the task; what the screen should do comes out of the receiver.
    pub fn start(
        channels: &[config::Channel],
        deliveries: Vec<Delivery>,
        ledger: Box<dyn Ledger + Send>,
    ) -> (Self, mpsc::Receiver<(String, Screen)>) {
        let enabled: Vec<&config::Channel> = channels.iter().filter(|c| c.enabled).collect();
        let lanes = enabled.iter().map(|c| LaneSettings::new(c));
        let outbox = Outbox::restore(lanes, deliveries);
        let slots = enabled.into_iter().map(|config| {
            let config = Arc::new(config.clone());
            (config.name.clone(), Slot { config, open: None })
        });
        let (orders, inbox) = mpsc::channel(ORDERS);
        let (screens, screen) = mpsc::channel(SCREENS);
        let (status, seen) = watch::channel(Status::default());
        let work = Work {
            slots: slots.collect(),
            ledger,
            outbox,
            under_way: JoinSet::new(),
            ids: HashMap::new(),
            screens,
            status,
            broken: None,
            settled: Vec::new(),
            owed: BTreeMap::new(),
            owed_beside: Vec::new(),
            pruned: Utc::now() - PRUNE,
            dead: Arc::new([]),
        };
        let task = tokio::spawn(work.run(inbox));
        let courier = Self {
            orders,
            status: seen,
            task,
        };
        (courier, screen)
    }

    /// Hands messages in. When it returns Ok they are on disk; with an error of the ledger they are told all the same.
    pub async fn tell(&self, letters: Vec<Letter>) -> Result<Result<(), LedgerError>, CourierGone> {
        let (kept, answer) = oneshot::channel();
        self.order(Order::Tell(letters, Vec::new(), Some(kept)))
            .await?;
        answer.await.map_err(|_| CourierGone)
    }

    /// Hands messages in without waiting, and what is to be written together with them. What there is no room for comes
    /// back.
    pub fn post(
        &self,
        letters: Vec<Letter>,
        beside: Vec<Beside>,
    ) -> Result<(), (Vec<Letter>, Vec<Beside>)> {
        use mpsc::error::TrySendError;
        let order = Order::Tell(letters, beside, None);
        match self.orders.try_send(order) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(order) | TrySendError::Closed(order)) => match order {
                Order::Tell(letters, beside, _) => Err((letters, beside)),
                Order::Retry(..) | Order::Discard(_) => Ok(()),
            },
        }
    }

    /// Tries a dead letter again.
    pub async fn retry(&self, id: u64) -> Result<Result<(), NoRetry>, CourierGone> {
        let (done, answer) = oneshot::channel();
        self.order(Order::Retry(id, done)).await?;
        answer.await.map_err(|_| CourierGone)
    }

    /// The same without waiting for what comes of it.
    pub fn post_retry(&self, id: u64) {
        let (done, _) = oneshot::channel();
        // whoever asked may ask again
        let _ = self.orders.try_send(Order::Retry(id, done));
    }

    /// Forgets a dead letter.
    pub async fn discard(&self, id: u64) -> Result<(), CourierGone> {
        self.order(Order::Discard(id)).await
    }

    async fn order(&self, order: Order) -> Result<(), CourierGone> {
        self.orders.send(order).await.map_err(|_| CourierGone)
    }

    /// How things stand, and a wait for the next change.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Ends it: takes no more in, gives what is under way a little time, leaves the rest to the next start.
    pub async fn stop(self) {
        drop(self.orders);
        // it has ended either way
        let _ = self.task.await;
    }
}

/// A channel, opened when it is first needed and anew after a failure: its secret may be another one by then.
struct Slot {
    config: Arc<config::Channel>,
    open: Option<Arc<Channel>>,
}

/// What came of one send, and the channel if it can be used again.
struct Sent {
    result: Result<Receipt, SendError>,
    channel: Option<Arc<Channel>>,
}

struct Work {
    slots: HashMap<String, Slot>,
    ledger: Box<dyn Ledger + Send>,
    outbox: Outbox,
    under_way: JoinSet<Sent>,
    /// Which delivery a task carries, and its channel.
    ids: HashMap<Id, (u64, String)>,
    screens: mpsc::Sender<(String, Screen)>,
    status: watch::Sender<Status>,
    broken: Option<LedgerError>,
    /// How sends ended, to be written with whatever is written next, and before anything else is sent.
    settled: Vec<Change>,
    /// What could not be written, the last of each delivery.
    owed: BTreeMap<u64, Change>,
    owed_beside: Vec<Beside>,
    pruned: DateTime<Utc>,
    dead: Arc<[Delivery]>,
}

impl Work {
    async fn run(mut self, mut inbox: mpsc::Receiver<Order>) {
        self.dead = self.outbox.dead().cloned().collect();
        loop {
            self.send_due();
            self.tell_status();
            let wake = self.wake();
            tokio::select! {
                order = inbox.recv() => match order {
                    Some(order) => self.take_in(order),
                    None => break,
                },
                Some(joined) = self.under_way.join_next_with_id() => {
                    self.settle(joined);
                    // what ended meanwhile is written down together
                    while let Some(joined) = self.under_way.try_join_next_with_id() {
                        self.settle(joined);
                    }
                }
                () = sleep(wake) => {}
            }
        }
        let finish = async {
            while let Some(joined) = self.under_way.join_next_with_id().await {
                self.settle(joined);
                self.write(&[]);
            }
        };
        // what is not done by then stands as being sent in the ledger
        let _ = tokio::time::timeout(GRACE, finish).await;
        self.tell_status();
    }

    /// How long nothing is to be done of itself.
    fn wake(&self) -> Option<Duration> {
        let again = self.broken.is_some().then_some(AGAIN);
        if self.under_way.len() >= AT_ONCE {
            return again;
        }
        // not in a hot loop when a clock is set back and forth
        let least = Duration::from_millis(1);
        let next = self.outbox.next();
        let next = next.map(|at| (at - Utc::now()).to_std().unwrap_or(least).max(least));
        next.into_iter().chain(again).min()
    }

    fn send_due(&mut self) {
        let now = Utc::now();
        if now - self.pruned >= PRUNE {
            self.pruned = now;
            let changes = self.outbox.prune(now);
            self.write(&changes);
            self.recount();
        }
        let room = AT_ONCE.saturating_sub(self.under_way.len());
        let (due, changes) = match room {
            0 => (Vec::new(), Vec::new()),
            room => self.outbox.due(now, room),
        };
        self.write(&changes);
        for delivery in due {
            self.send(delivery);
        }
    }

    fn send(&mut self, delivery: Delivery) {
        let Some(slot) = self.slots.get(&delivery.channel) else {
            return;
        };
        let (config, open) = (Arc::clone(&slot.config), slot.open.clone());
        let (id, name) = (delivery.id, delivery.channel.clone());
        let handle = self.under_way.spawn(async move {
            let channel = match open {
                Some(channel) => Ok(channel),
                None => Channel::open(&config).await.map(Arc::new),
            };
            match channel {
                Ok(channel) => {
                    let thread = delivery.thread.as_deref();
                    let result = channel.send(&delivery.message, thread).await;
                    Sent {
                        channel: result.is_ok().then_some(channel),
                        result,
                    }
                }
                Err(error) => Sent {
                    result: Err(error),
                    channel: None,
                },
            }
        });
        self.ids.insert(handle.id(), (id, name));
    }

    fn settle(&mut self, joined: Result<(Id, Sent), JoinError>) {
        let (task, sent) = match joined {
            Ok((task, sent)) => (task, sent),
            Err(error) => {
                let result = Err(SendError::later("dagtop failed while it was sending this"));
                let channel = None;
                (error.id(), Sent { result, channel })
            }
        };
        let Some((id, name)) = self.ids.remove(&task) else {
            return;
        };
        if let Some(slot) = self.slots.get_mut(&name) {
            slot.open = sent.channel;
        }
        let screen = sent.result.as_ref().ok().and_then(|r| r.screen.clone());
        if let Some(screen) = screen {
            // a screen that is that far behind has rung already
            let _ = self.screens.try_send((name, screen));
        }
        let changes = self.outbox.settled(id, sent.result, Utc::now());
        self.settled.extend(changes);
    }

    fn take_in(&mut self, order: Order) {
        let now = Utc::now();
        match order {
            Order::Tell(letters, beside, kept) => {
                let mut changes = Vec::new();
                for (message, channels) in &letters {
                    let names = channels.iter().map(String::as_str);
                    changes.extend(self.outbox.enqueue(message, names, now));
                }
                self.write_with(&changes, beside);
                if let Some(kept) = kept {
                    // whoever gave up waiting does not need to know
                    let _ = kept.send(self.broken.clone().map_or(Ok(()), Err));
                }
            }
            Order::Retry(id, done) => {
                let result = self.outbox.retry(id, now);
                let result = result.map(|changes| self.write(&changes));
                let _ = done.send(result);
                self.recount();
            }
            Order::Discard(id) => {
                let changes = self.outbox.discard(id);
                self.write(&changes);
                self.recount();
            }
        }
    }

    fn write(&mut self, changes: &[Change]) {
        self.write_with(changes, Vec::new());
    }

    /// What can't be written now is owed, and written before anything else.
    fn write_with(&mut self, changes: &[Change], beside: Vec<Beside>) {
        let mut all = std::mem::take(&mut self.settled);
        all.extend_from_slice(changes);
        let changes = all.as_slice();
        let died = |change: &Change| matches!(change, Change::Put(delivery) if delivery.state == DeliveryState::Dead);
        if changes.iter().any(died) {
            self.recount();
        }
        let due = self.owed.is_empty() && self.owed_beside.is_empty();
        self.owed_beside.extend(beside);
        let written = match due {
            true if changes.is_empty() && self.owed_beside.is_empty() => return,
            true => self.ledger.write(changes, &self.owed_beside),
            false => {
                self.owe(changes);
                let owed: Vec<Change> = self.owed.values().cloned().collect();
                self.ledger.write(&owed, &self.owed_beside)
            }
        };
        match written {
            Ok(()) => {
                self.owed.clear();
                self.owed_beside.clear();
                self.broken = None;
            }
            Err(error) => {
                self.owe(changes);
                self.broken = Some(error);
            }
        }
    }

    fn owe(&mut self, changes: &[Change]) {
        for change in changes {
            let id = match change {
                Change::Put(delivery) => delivery.id,
                Change::Remove(id) => *id,
            };
            self.owed.insert(id, change.clone());
        }
    }

    fn recount(&mut self) {
        self.dead = self.outbox.dead().cloned().collect();
    }

    fn tell_status(&self) {
        let status = Status {
            channels: self.outbox.counts(),
            troubles: self.outbox.troubles(),
            dead: Arc::clone(&self.dead),
            ledger: self.broken.clone(),
        };
        self.status.send_if_modified(|old| {
            let changed = old.channels != status.channels
                || old.troubles != status.troubles
                || old.ledger != status.ledger
                || !Arc::ptr_eq(&old.dead, &status.dead);
            if changed {
                *old = status;
            }
            changed
        });
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep_until(Instant::now() + wait).await,
        None => std::future::pending().await,
    }
}
