//! Where the courier writes: letters and the lives of alerts in one transaction of the store.

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::alerts::outbox::{Beside, Change, Ledger, LedgerError};
use crate::history::{Shelf, Store, Write};
use crate::model::SafeText;

/// Without a store nothing is kept, and everything is told all the same.
pub(super) struct StoreLedger(pub Option<Box<dyn Store>>);

/// Numbers as keys that sort like numbers.
pub(super) fn key(id: u64) -> String {
    format!("{id:020}")
}

impl Ledger for StoreLedger {
    fn write(&mut self, changes: &[Change], beside: &[Beside]) -> Result<(), LedgerError> {
        let wrong = |why: String| LedgerError(SafeText::new(why));
        let mut batch = Vec::with_capacity(changes.len() + beside.len());
        for change in changes {
            batch.push(match change {
                Change::Put(delivery) => Write::Put {
                    shelf: Shelf::Deliveries,
                    key: key(delivery.id),
                    body: serde_json::to_string(delivery).map_err(|e| wrong(e.to_string()))?,
                },
                Change::Remove(id) => Write::Remove {
                    shelf: Shelf::Deliveries,
                    key: key(*id),
                },
            });
        }
        for Beside { shelf, key, body } in beside {
            let Some(shelf) = Shelf::ALL.into_iter().find(|s| s.word() == *shelf) else {
                continue;
            };
            let key = key.clone();
            batch.push(match body.clone() {
                Some(body) => Write::Put { shelf, key, body },
                None => Write::Remove { shelf, key },
            });
        }
        let Some(store) = &mut self.0 else {
            return Ok(());
        };
        // a server may let us wait: others of this runtime go on meanwhile
        let written = match Handle::try_current().map(|here| here.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| store.write(&batch)),
            _ => store.write(&batch),
        };
        written.map_err(|e| wrong(e.to_string()))
    }
}
