//! What a store held when it was opened, and opening one that takes time: on a thread beside the loop, until it works.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::alerts::Life;
use crate::alerts::outbox::Delivery;
use crate::history::{Line, Log, Place, Shelf, Store, StoreError};
use crate::model::SafeText;

use super::deed::read_up_to;
use super::duty::News;

/// Between two tries.
const AGAIN: Duration = Duration::from_secs(2);

/// Alerts, silences, letters, and what was done since the leader last wrote.
#[derive(Debug)]
pub(super) struct Held {
    pub lives: Vec<Life>,
    pub silences: Vec<String>,
    pub deliveries: Vec<Delivery>,
    /// The last order that the leader had read.
    pub read: i64,
    pub orders: Vec<Line>,
}

impl Held {
    pub fn read(store: &mut dyn Store) -> Result<Self, StoreError> {
        // one that can't be read is found again by its rule
        let lives = store.shelf(Shelf::Alerts)?;
        let lives = lives
            .iter()
            .filter_map(|(_, body)| serde_json::from_str(body).ok());
        let lives = lives.collect();
        let deliveries = store.shelf(Shelf::Deliveries)?;
        let deliveries = deliveries
            .iter()
            .filter_map(|(_, body)| serde_json::from_str(body).ok());
        let deliveries = deliveries.collect();
        let silences = store.shelf(Shelf::Silences)?;
        let read = read_up_to(store)?;
        Ok(Self {
            lives,
            silences: silences.into_iter().map(|(_, body)| body).collect(),
            deliveries,
            read,
            orders: store.after(Log::Orders, read, usize::MAX)?,
        })
    }
}

/// A store, and what it held.
pub struct Opened {
    pub(super) store: Box<dyn Store>,
    pub(super) held: Held,
    pub(super) why: Why,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opened({:?})", self.why)
    }
}

/// What it was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// To keep what happens.
    Keep,
    /// To tell people.
    Lead,
}

pub(super) fn open(place: &Place, why: Why) -> Result<Opened, StoreError> {
    let mut store = place.open()?;
    let held = Held::read(store.as_mut())?;
    Ok(Opened { store, held, why })
}

/// The news is [`News::Opened`]; until then it is told once that, and why, it can't be.
pub(super) fn begin(place: &Place, why: Why, news: mpsc::Sender<News>) {
    let place = place.clone();
    let work = move || {
        let mut told = false;
        while !news.is_closed() {
            let error = match open(&place, why) {
                Ok(opened) => {
                    // nobody left to tell is fine: then the end is near
                    let _ = news.blocking_send(News::Opened(Box::new(opened)));
                    return;
                }
                Err(error) => error,
            };
            if !std::mem::replace(&mut told, true) {
                let text = format!(
                    "{error}; people are told all the same, and what is done here is kept until it can be written"
                );
                if news
                    .blocking_send(News::Unopened(SafeText::new(text)))
                    .is_err()
                {
                    return;
                }
            }
            std::thread::sleep(AGAIN);
        }
    };
    // without a thread nothing is kept
    let _ = std::thread::Builder::new()
        .name("history opening".to_owned())
        .spawn(work);
}
