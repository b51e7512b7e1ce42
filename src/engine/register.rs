//! What is kept of alerts, for commands that have no engine running: read, and add what a person does.

use std::path::Path;

use chrono::{DateTime, Utc};

use crate::alerts::Life;
use crate::history::audit::{Copier, CopyError};
use crate::history::{Line, Log, Place, Shelf, Store, StoreError, Write};
use crate::model::{AlertId, Silence, Stamped};

use super::deed::{Deed, read_up_to, writes};
use super::replay::Line as Kept;

pub struct Register {
    store: Box<dyn Store>,
}

impl std::fmt::Debug for Register {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Register")
    }
}

impl Register {
    pub fn open(place: &Place) -> Result<Self, StoreError> {
        Ok(Self {
            store: place.open()?,
        })
    }

    /// Every alert, as whoever tells people last wrote it down, with what was done about it since.
    pub fn lives(&mut self) -> Result<Vec<Life>, StoreError> {
        let bodies = self.store.shelf(Shelf::Alerts)?;
        let read = |(_, body): &(String, String)| serde_json::from_str::<Life>(body).ok();
        let mut lives: Vec<Life> = bodies.iter().filter_map(read).collect();
        let read = read_up_to(self.store.as_mut())?;
        for line in self.store.after(Log::Orders, read, usize::MAX)? {
            let Ok(Deed::Alert(order)) = serde_json::from_str(&line.body) else {
                continue;
            };
            if let Some(life) = lives.iter_mut().find(|l| l.alert.id == order.id) {
                life.order(&order);
            }
        }
        Ok(lives)
    }

    pub fn silences(&mut self) -> Result<Vec<Silence>, StoreError> {
        let bodies = self.store.shelf(Shelf::Silences)?;
        let read = |(_, body): (String, String)| serde_json::from_str(&body).ok();
        Ok(bodies.into_iter().filter_map(read).collect())
    }

    /// Writes down what a person did: every program on this store takes it up within a second.
    pub fn did(&mut self, deed: &Deed) -> Result<(), StoreError> {
        let batch: Vec<Write> = writes(deed);
        self.store.write(&batch)
    }

    /// Takes what the files of this machine's audit have new to the store.
    pub fn copy_audit(&mut self, state_dir: &Path) -> Result<(), CopyError> {
        Copier::new(state_dir).all(self.store.as_mut())
    }

    /// What backends told from a time on, the oldest first. Says how many lines could not be read.
    pub fn events(
        &mut self,
        from: DateTime<Utc>,
        mut each: impl FnMut(Stamped),
    ) -> Result<u64, StoreError> {
        let mut broken = 0;
        let mut line = |line: Line| {
            match serde_json::from_str::<Kept>(&line.body) {
                // what only a replay looks at is no event
                Ok(kept) => kept.stamped().into_iter().for_each(&mut each),
                Err(_) => broken += 1,
            }
            true
        };
        self.store.since(Log::Events, from, &mut line)?;
        Ok(broken)
    }

    /// How much room it takes.
    pub fn bytes(&mut self) -> Result<u64, StoreError> {
        self.store.bytes()
    }

    /// Reads every page of the file; says how many records make no sense.
    pub fn check(&mut self) -> Result<u64, StoreError> {
        self.store.check()
    }
}

/// The alert that a person means: its label, or a part of it that only one has.
pub fn meant<'a>(lives: &'a [Life], text: &str) -> Result<&'a AlertId, Vec<&'a AlertId>> {
    let ids = || lives.iter().map(|l| &l.alert.id);
    if let Some(id) = ids().find(|id| id.label().as_str() == text) {
        return Ok(id);
    }
    let near: Vec<&AlertId> = ids().filter(|id| id.label().contains(text)).collect();
    match near[..] {
        [one] => Ok(one),
        _ => Err(near),
    }
}
