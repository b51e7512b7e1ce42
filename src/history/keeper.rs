//! The thread that writes: what is handed over is on disk some milliseconds later, many at a time, and nobody waits
//! for the disk. It also looks what other programs on the same store have written.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::model::{SafeText, Stamped};

use super::sift::Sift;
use super::store::{Kind, Line, Log, Shelf, Store, StoreError, Write};

/// What may wait for the disk.
const WAITING: usize = 8192;
/// Written at once.
const BATCH: usize = 1024;
/// Between two looks at what others wrote.
const LOOK: Duration = Duration::from_millis(500);
/// What was told before is kept so long.
const KEEP_EVENTS: chrono::Duration = chrono::Duration::days(14);
/// And is looked through for what is older so often.
const PRUNE: chrono::Duration = chrono::Duration::hours(1);

/// What the loop hears from the disk.
#[derive(Debug)]
pub enum Heard {
    /// Another program wrote these lines of [`Log::Orders`].
    Orders(Vec<Line>),
    /// Another program changed the silences: all there are.
    Silences(Vec<String>),
    /// Something can't be written. Told once until it works again.
    Trouble(SafeText),
    /// It works again; so many events were not kept meanwhile.
    Recovered { lost: u64 },
}

#[derive(Debug)]
enum Order {
    Write(Write),
    Event(Box<Stamped>),
}

/// The end of the thread that the loop holds. When it goes, what waits is written and the thread ends.
#[derive(Debug)]
pub struct Keeper {
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// `events`: what backends tell is kept as well, for rules to be tested against.
    pub fn start(store: Box<dyn Store>, heard: mpsc::Sender<Heard>, events: bool) -> Self {
        let (orders, inbox) = sync_channel(WAITING);
        let mut desk = Desk {
            store,
            heard,
            sift: events.then(Sift::default),
            unwritten: Vec::new(),
            trouble: false,
            lost: 0,
            read: 0,
            silences: Vec::new(),
            pruned: None,
        };
        let thread = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || desk.run(&inbox))
            .ok();
        Self {
            orders: Some(orders),
            thread,
        }
    }

    /// Is written before any event that waits is dropped. False: the thread has ended, nothing is kept.
    pub fn write(&self, write: Write) -> bool {
        // waits when thousands of events are before it: what people did is never dropped
        self.orders
            .as_ref()
            .is_some_and(|orders| orders.send(Order::Write(write)).is_ok())
    }

    /// Keeps what a backend told. False: there is no room for it, the disk is too slow.
    pub fn event(&self, stamped: &Stamped) -> bool {
        if !Sift::wants(&stamped.event) {
            return true;
        }
        let Some(orders) = &self.orders else {
            return true;
        };
        let order = Order::Event(Box::new(stamped.clone()));
        !matches!(orders.try_send(order), Err(TrySendError::Full(_)))
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
    unwritten: Vec<Write>,
    trouble: bool,
    lost: u64,
    /// The last order that was read or written here.
    read: i64,
    /// As they were last told.
    silences: Vec<String>,
    pruned: Option<DateTime<Utc>>,
}

impl Desk {
    fn run(&mut self, inbox: &Receiver<Order>) {
        // what was there at the start was read by whoever opened the store
        self.read = self.store.last(Log::Orders).unwrap_or(0);
        loop {
            match inbox.recv_timeout(LOOK) {
                Ok(order) => {
                    self.take(order);
                    while self.unwritten.len() < BATCH
                        && let Ok(order) = inbox.try_recv()
                    {
                        self.take(order);
                    }
                    self.flush();
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.flush();
                    self.look();
                    self.prune();
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.flush();
                    return;
                }
            }
            if self.heard.is_closed() && inbox.try_recv().is_err() {
                self.flush();
                return;
            }
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Write(write) => self.unwritten.push(write),
            Order::Event(stamped) => {
                let Some(sift) = &mut self.sift else { return };
                let Some(new) = sift.new_of(&stamped) else {
                    return;
                };
                if let Ok(body) = serde_json::to_string(&new) {
                    self.unwritten.push(Write::Append {
                        log: Log::Events,
                        at: stamped.at,
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
        let own = self.unwritten.iter();
        let own = own.filter(|w| {
            matches!(
                w,
                Write::Append {
                    log: Log::Orders,
                    ..
                }
            )
        });
        if own.count() > 0 {
            self.look();
        }
        match self.store.write(&self.unwritten) {
            Ok(()) => {
                self.unwritten.clear();
                self.read = self.store.last(Log::Orders).unwrap_or(self.read);
                if std::mem::take(&mut self.trouble) {
                    let lost = std::mem::take(&mut self.lost);
                    self.tell(Heard::Recovered { lost });
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    /// What people did is kept until it can be written; events give way.
    fn failed(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.trouble, true) {
            self.tell(Heard::Trouble(SafeText::new(error.to_string())));
        }
        let before = self.unwritten.len();
        self.unwritten.retain(|w| {
            !matches!(
                w,
                Write::Append {
                    log: Log::Events,
                    ..
                }
            )
        });
        self.lost += u64::try_from(before - self.unwritten.len()).unwrap_or(0);
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
        if let Ok(silences) = self.store.shelf(Shelf::Silences) {
            let bodies: Vec<String> = silences.into_iter().map(|(_, body)| body).collect();
            // most of what the leader writes is not about them
            if self.silences != bodies {
                self.silences.clone_from(&bodies);
                self.tell(Heard::Silences(bodies));
            }
        }
    }

    fn prune(&mut self) {
        let now = Utc::now();
        if self.sift.is_none() || self.pruned.is_some_and(|at| now - at < PRUNE) {
            return;
        }
        self.pruned = Some(now);
        // an old event more is no trouble
        let _ = self.store.forget(Kind::Log(Log::Events), now - KEEP_EVENTS);
    }

    fn tell(&self, heard: Heard) {
        // nobody left to tell is fine: then the end is near
        let _ = self.heard.blocking_send(heard);
    }
}
