//! The thread that writes the audit: the disk is waited for, and the loop is not.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use chrono::{DateTime, Utc};

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
    troubles: Receiver<AuditError>,
    path: PathBuf,
}

impl Scribe {
    /// `nudge` is called when there is a trouble to be asked for.
    pub fn start(audit: Audit, nudge: impl Fn() + Send + 'static) -> Self {
        let (orders, inbox) = sync_channel(WAITING);
        let path = audit.path().to_owned();
        let (trouble, troubles) = sync_channel(TROUBLES);
        let nudge: Nudge = Box::new(nudge);
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write(audit, &inbox, &(trouble, nudge)));
        Self {
            orders: Some(orders),
            thread: thread.ok(),
            troubles,
            path,
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

    /// Why a line could not be written.
    pub fn trouble(&self) -> Option<AuditError> {
        self.troubles.try_recv().ok()
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

impl Drop for Scribe {
    fn drop(&mut self) {
        self.close();
    }
}

fn write(
    mut audit: Audit,
    inbox: &Receiver<Order>,
    (trouble, nudge): &(SyncSender<AuditError>, Nudge),
) {
    while let Ok(Order { at, what, then }) = inbox.recv() {
        let written = audit.write(at, what);
        let good = written.is_ok();
        if let Err(error) = written {
            // one of many is enough
            let _ = trouble.try_send(error);
            nudge();
        }
        if let Some(then) = then {
            then(good);
        }
    }
}
