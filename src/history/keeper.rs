//! The thread that writes: what is handed over is on disk some milliseconds later, many at a time, and nobody waits
//! for the disk. It also looks what other programs on the same store have written.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::model::{Event, SafeText, Stamped};

use super::others::Others;
use super::shapes::Shapes;
use super::sift::Sift;
use super::store::{Line, Log, Shelf, Store, StoreError, Write};
use super::tend::Tend;
use super::worlds::Packing;

/// Orders that may wait for the disk ...
const WAITING: usize = 32_768;
/// ... and records and events: beyond that there is room only for what people do.
const ROOM: usize = 24_576;
/// Written at once.
const BATCH: usize = 8_192;
/// So long what people did is tried at the end.
const PARTING: Duration = Duration::from_secs(5);
/// Between two looks at what others wrote.
const LOOK: Duration = Duration::from_millis(500);
/// So long records wait for more of them: a page that many change is written once. What people do doesn't wait.
const LINGER: Duration = Duration::from_millis(200);

/// What the loop hears from the disk.
#[derive(Debug)]
pub enum Heard {
    /// Another program wrote these lines of [`Log::Orders`].
    Orders(Vec<Line>),
    /// Another program changed the silences: all there are.
    Silences(Vec<String>),
    /// Another program changed these alerts.
    Alerts(Vec<String>),
    /// Something can't be written. Told once until it works again.
    Trouble(SafeText),
    /// It works again; so many events, and records of runs and metrics, were not kept meanwhile.
    Recovered { lost: u64 },
}

/// A piece of a whole world, in the order in which it is handed over.
#[derive(Debug)]
pub enum Retold {
    /// A line that says what follows. Everything that was handed over before is in the world.
    Begin {
        at: DateTime<Utc>,
        head: String,
    },
    Events(Vec<Stamped>),
    /// Of those that no backend tells.
    Line(String),
    End,
}

#[derive(Debug)]
enum Order {
    /// Kept until it can be written.
    Deed(Write),
    Event(Box<Stamped>),
    Records(Vec<Write>),
    World(Retold),
    /// Another program wrote something.
    Look,
}

/// The end of the thread that the loop holds. When it goes, what waits is written and the thread ends.
#[derive(Debug)]
pub struct Keeper {
    orders: Option<Arc<SyncSender<Order>>>,
    /// Records and events that wait.
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// `events`: what backends tell is kept as well, for rules to be tested against and for replay. `tend`: what else
    /// the thread does for the store when there is time.
    pub fn start(
        store: Box<dyn Store>,
        heard: mpsc::Sender<Heard>,
        events: bool,
        tend: Option<Tend>,
    ) -> Self {
        let (orders, inbox) = sync_channel(WAITING);
        let orders = Arc::new(orders);
        let bell = Arc::downgrade(&orders);
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut desk = Desk {
            store,
            heard,
            sift: events.then(Sift::default),
            waiting: Arc::clone(&waiting),
            shapes: Shapes::default(),
            packing: None,
            unwritten: Vec::new(),
            hurry: false,
            trouble: false,
            lost: 0,
            read: 0,
            others: Others::default(),
            looked: Instant::now(),
            tend,
        };
        let thread = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || desk.run(&inbox, bell))
            .ok();
        Self {
            orders: Some(orders),
            waiting,
            thread,
        }
    }

    /// Is written before any event that waits is dropped. False: the thread has ended, nothing is kept.
    pub fn write(&self, write: Write) -> bool {
        // records and events leave room for thousands of these: it doesn't wait in practice, and never drops
        self.orders
            .as_ref()
            .is_some_and(|orders| orders.send(Order::Deed(write)).is_ok())
    }

    /// So many records there is room for.
    pub fn room(&self) -> usize {
        ROOM.saturating_sub(self.waiting.load(Ordering::Relaxed))
    }

    /// Keeps what a backend told. False: there is no room for it, the disk is too slow.
    pub fn event(&self, stamped: &Stamped) -> bool {
        if !Sift::wants(&stamped.event) {
            return true;
        }
        self.hand(Order::Event(Box::new(stamped.clone())), 1)
            .is_ok()
    }

    /// Keeps what follows from it. Gives it back when there is no room for it.
    pub fn records(&self, records: Vec<Write>) -> Result<(), Vec<Write>> {
        if records.is_empty() {
            return Ok(());
        }
        let many = records.len();
        self.hand(Order::Records(records), many)
            .map_err(|order| match order {
                Order::Records(records) => records,
                Order::Deed(_) | Order::Event(_) | Order::World(_) | Order::Look => Vec::new(),
            })
    }

    fn hand(&self, order: Order, weight: usize) -> Result<(), Order> {
        let Some(orders) = &self.orders else {
            return Ok(());
        };
        if self.room() < weight {
            return Err(order);
        }
        self.waiting.fetch_add(weight, Ordering::Relaxed);
        orders.try_send(order).map_err(|refused| {
            self.waiting.fetch_sub(weight, Ordering::Relaxed);
            match refused {
                TrySendError::Full(order) | TrySendError::Disconnected(order) => order,
            }
        })
    }

    /// Keeps a line beside the events that a replay could do without.
    pub fn beside(&self, at: DateTime<Utc>, body: String) {
        let write = Write::Append {
            log: Log::Events,
            at,
            body,
        };
        // it finds no room: so be it
        let _ = self.hand(Order::Records(vec![write]), 1);
    }

    /// Keeps a piece of a whole world. False: there is no room for it, and all of it is to begin again.
    pub fn world(&self, piece: Retold) -> bool {
        self.hand(Order::World(piece), 1).is_ok()
    }

    /// Writes what waits, and ends.
    pub fn close(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // a panic of it has been told where it happened
            let _ = thread.join();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the thread has before it.
struct Desk {
    store: Box<dyn Store>,
    heard: mpsc::Sender<Heard>,
    sift: Option<Sift>,
    waiting: Arc<AtomicUsize>,
    shapes: Shapes,
    /// A whole world that is being handed over, and its time.
    packing: Option<(DateTime<Utc>, Packing)>,
    unwritten: Vec<Write>,
    /// Among them is something that somebody did.
    hurry: bool,
    trouble: bool,
    lost: u64,
    /// The last order that was read or written here.
    read: i64,
    others: Others,
    looked: Instant,
    tend: Option<Tend>,
}

impl Desk {
    fn run(&mut self, inbox: &Receiver<Order>, bell: Weak<SyncSender<Order>>) {
        // an inbox that is full is looked into at once, and then at what others wrote
        self.store.listen(Box::new(move || match bell.upgrade() {
            Some(orders) => !matches!(
                orders.try_send(Order::Look),
                Err(TrySendError::Disconnected(_))
            ),
            None => false,
        }));
        // what was there at the start was read by whoever opened the store
        self.read = self.store.last(Log::Orders).unwrap_or(0);
        if let Some(tend) = &mut self.tend {
            tend.begin(self.store.as_mut());
        }
        loop {
            match inbox.recv_timeout(self.patience()) {
                Ok(order) => {
                    self.take(order);
                    self.gather(inbox);
                    self.flush();
                }
                Err(RecvTimeoutError::Timeout) => self.flush(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.flush();
                    // what people did is worth waiting for a moment
                    let begun = Instant::now();
                    while !self.unwritten.is_empty() && begun.elapsed() < PARTING {
                        self.flush();
                    }
                    if let Some(tend) = &mut self.tend {
                        tend.end(self.store.as_mut());
                    }
                    return;
                }
            }
            self.look_about();
            if self.heard.is_closed() {
                match inbox.try_recv() {
                    Ok(order) => self.take(order),
                    Err(_) => {
                        self.flush();
                        return;
                    }
                }
            }
        }
    }

    fn patience(&self) -> Duration {
        let busy = self.tend.as_ref().is_some_and(Tend::busy);
        // what is pruned goes in small steps, with time for others between them
        match busy && !self.trouble {
            true => Duration::from_millis(20),
            false => LOOK,
        }
    }

    /// What else is there, or comes at once.
    fn gather(&mut self, inbox: &Receiver<Order>) {
        let begun = Instant::now();
        while self.unwritten.len() < BATCH {
            let left = match self.hurry {
                true => Duration::ZERO,
                false => LINGER.saturating_sub(begun.elapsed()),
            };
            let next = match left.is_zero() {
                true => inbox.try_recv().ok(),
                false => inbox.recv_timeout(left).ok(),
            };
            let Some(order) = next else { return };
            self.take(order);
        }
    }

    /// Now and then: what others wrote, and what is old.
    fn look_about(&mut self) {
        if self.looked.elapsed() >= LOOK {
            self.look();
            self.looked = Instant::now();
        }
        if !self.trouble
            && let Some(tend) = &mut self.tend
            && let Some(trouble) = tend.step(self.store.as_mut())
        {
            self.tell(Heard::Trouble(trouble));
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Deed(write) => {
                self.hurry = true;
                self.unwritten.push(write);
            }
            Order::Look => self.look(),
            Order::Event(stamped) => {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                let Some(sift) = &mut self.sift else { return };
                let Some(new) = sift.new_of(&stamped) else {
                    return;
                };
                if let Some(body) = self.line(&new) {
                    self.unwritten.push(Write::Append {
                        log: Log::Events,
                        at: stamped.at,
                        body,
                    });
                }
            }
            Order::Records(records) => {
                self.waiting.fetch_sub(records.len(), Ordering::Relaxed);
                self.unwritten.extend(records);
            }
            Order::World(piece) => {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                self.pack(piece);
            }
        }
    }

    /// How an event is written down; its shape is written first.
    fn line(&mut self, stamped: &Stamped) -> Option<String> {
        let Event::Topology { run, topology } = &stamped.event else {
            return serde_json::to_string(stamped).ok();
        };
        let (line, put) = self.shapes.line(stamped, run, topology, Utc::now())?;
        self.unwritten.extend(put);
        Some(line)
    }

    fn pack(&mut self, piece: Retold) {
        match piece {
            Retold::Begin { at, head } => {
                // what came before it must have its number
                self.flush();
                let begun = match self.unwritten.is_empty() {
                    true => self.store.last(Log::Events).ok(),
                    false => None,
                };
                self.packing = begun.map(|upto| {
                    let mut packing = Packing::new(upto);
                    packing.line(&head);
                    (at, packing)
                });
                if let Some(sift) = &mut self.sift {
                    sift.begin_anew();
                }
            }
            Retold::Events(all) => {
                if self.packing.is_none() {
                    return;
                }
                let lines: Vec<String> = all.iter().filter_map(|one| self.line(one)).collect();
                if let Some((_, packing)) = &mut self.packing {
                    lines.iter().for_each(|line| packing.line(line));
                }
            }
            Retold::Line(line) => {
                if let Some((_, packing)) = &mut self.packing {
                    packing.line(&line);
                }
            }
            Retold::End => {
                if let Some((at, packing)) = self.packing.take()
                    && let Some(body) = packing.finish()
                {
                    self.unwritten.push(Write::Append {
                        log: Log::Worlds,
                        at,
                        body,
                    });
                }
            }
        }
    }

    fn flush(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        // orders of others that lie before ours are read first: then all that come after are known
        if !self.own_orders().is_empty() {
            self.look();
        }
        match self.store.write(&self.unwritten) {
            Ok(()) => {
                if let Some(tend) = &mut self.tend {
                    tend.written(&self.unwritten);
                }
                self.read_own();
                self.unwritten.clear();
                self.hurry = false;
                if std::mem::take(&mut self.trouble) {
                    let lost = std::mem::take(&mut self.lost);
                    self.tell(Heard::Recovered { lost });
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    /// What people did here, among what is to be written.
    fn own_orders(&self) -> Vec<String> {
        let order = |write: &Write| match write {
            Write::Append {
                log: Log::Orders,
                body,
                ..
            } => Some(body.clone()),
            _ => None,
        };
        self.unwritten.iter().filter_map(order).collect()
    }

    /// Reads on to behind what was just written here; others may have written between.
    fn read_own(&mut self) {
        let mut own = self.own_orders();
        while !own.is_empty()
            && let Ok(mut lines) = self.store.after(Log::Orders, self.read, BATCH)
            && let Some(last) = lines.last()
        {
            self.read = last.seq;
            lines.retain(
                |line| match own.iter().position(|body| *body == line.body) {
                    Some(at) => {
                        own.swap_remove(at);
                        false
                    }
                    None => true,
                },
            );
            if !lines.is_empty() {
                self.tell(Heard::Orders(lines));
            }
        }
    }

    /// What people did and were told is kept until it can be written; events and records give way.
    fn failed(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.trouble, true) {
            self.tell(Heard::Trouble(SafeText::new(error.to_string())));
        }
        let before = self.unwritten.len();
        self.unwritten.retain(|write| match write {
            Write::Append { log, .. } => !matches!(log, Log::Events | Log::Worlds),
            Write::Put { shelf, .. } | Write::Remove { shelf, .. } => {
                !matches!(shelf, Shelf::Pipelines | Shelf::Shapes | Shelf::ShapesOf)
            }
            Write::Audit(_) => true,
            Write::Run(_) | Write::Node(_) | Write::Point(_) | Write::Tail { .. } => false,
        });
        // shapes may be among what is gone
        self.shapes = Shapes::default();
        self.lost += u64::try_from(before - self.unwritten.len()).unwrap_or(0);
        // nothing else makes what could not be written be tried again
        std::thread::sleep(LOOK);
    }

    /// What others wrote.
    fn look(&mut self) {
        if !self.store.changed().unwrap_or(false) {
            return;
        }
        if let Ok(lines) = self.store.after(Log::Orders, self.read, BATCH)
            && let Some(last) = lines.last()
        {
            self.read = last.seq;
            self.tell(Heard::Orders(lines));
        }
        if let Some(silences) = self.others.silences(self.store.as_mut()) {
            self.tell(Heard::Silences(silences));
        }
        if let Some(alerts) = self.others.alerts(self.store.as_mut()) {
            self.tell(Heard::Alerts(alerts));
        }
    }

    fn tell(&self, heard: Heard) {
        // nobody left to tell is fine: then the end is near
        let _ = self.heard.blocking_send(heard);
    }
}
