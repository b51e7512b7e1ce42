//! The thread that writes the audit: the disk is waited for, and the loop is not.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::chain::Link;
use super::entry::What;
use super::file::{Audit, AuditError};

/// Lines that may wait for the disk.
const WAITING: usize = 1024;
/// Troubles that wait to be told.
const TROUBLES: usize = 16;

/// What is done when the line is on the disk (true), or can't be.
type Then = Box<dyn FnOnce(bool) + Send>;
type Nudge = Box<dyn Fn() + Send>;

struct Order {
    at: DateTime<Utc>,
    what: What,
    then: Option<Then>,
}

/// The end that the loop holds. When it goes, what waits is written and the thread ends.
#[derive(Debug)]
pub struct Scribe {
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
    head: watch::Receiver<Option<Link>>,
    troubles: Receiver<AuditError>,
    path: PathBuf,
    mark: String,
}

impl Scribe {
    /// `nudge` is called when there is a trouble to be asked for.
    pub fn start(audit: Audit, nudge: impl Fn() + Send + 'static) -> Self {
        let (orders, inbox) = sync_channel(WAITING);
        let (tell, head) = watch::channel(None);
        let path = audit.path().to_owned();
        let mark = audit.mark();
        let (trouble, troubles) = sync_channel(TROUBLES);
        let nudge: Nudge = Box::new(nudge);
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write(audit, &inbox, &(trouble, nudge), &tell));
        Self {
            orders: Some(orders),
            thread: thread.ok(),
            head,
            troubles,
            path,
            mark,
        }
    }

    /// Writes a line, soon. An error: there is no room for it.
    pub fn write(&self, what: What) -> Result<(), AuditError> {
        self.order(what, None)
    }

    /// Writes a line, and does this when it is on the disk, or when it can't be written, which is told. An error: it
    /// was done at once, and nothing is written.
    pub fn before(
        &self,
        what: What,
        then: impl FnOnce(bool) + Send + 'static,
    ) -> Result<(), AuditError> {
        self.order(what, Some(Box::new(then)))
    }

    fn order(&self, what: What, then: Option<Then>) -> Result<(), AuditError> {
        let order = Order {
            at: Utc::now(),
            what,
            then,
        };
        let Some(orders) = &self.orders else {
            return Ok(());
        };
        match orders.try_send(order) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(order) | TrySendError::Disconnected(order)) => {
                if let Some(then) = order.then {
                    then(false);
                }
                Err(AuditError::behind(&self.path))
            }
        }
    }

    /// Under which the last line is noted in the store.
    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// Why a line could not be written.
    pub fn trouble(&self) -> Option<AuditError> {
        self.troubles.try_recv().ok()
    }

    /// The last line that was written here, where it is another than when this was last asked.
    pub fn new_head(&mut self) -> Option<Link> {
        let changed = self.head.has_changed().unwrap_or(false);
        changed.then(|| *self.head.borrow_and_update()).flatten()
    }

    /// Writes what waits, and ends; says the last line that was written.
    pub fn close(&mut self) -> Option<Link> {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // a panic of it has been told where it happened
            let _ = thread.join();
        }
        *self.head.borrow()
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        self.close();
    }
}

fn write(
    mut audit: Audit,
    inbox: &Receiver<Order>,
    (trouble, nudge): &(SyncSender<AuditError>, Nudge),
    head: &watch::Sender<Option<Link>>,
) {
    while let Ok(Order { at, what, then }) = inbox.recv() {
        let written = audit.write(at, what);
        let good = written.is_ok();
        match written {
            Ok(link) => {
                // nobody is obliged to look
                let _ = head.send(Some(link));
            }
            Err(error) => {
                // one of many is enough
                let _ = trouble.try_send(error);
                nudge();
            }
        }
        if let Some(then) = then {
            then(good);
        }
    }
}
