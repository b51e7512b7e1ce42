//! What people do about alerts, as it lies in the store: written by whoever is there, read by all.

use serde::{Deserialize, Serialize};

use crate::alerts::Alerts;
use crate::history::{Log, READ, Shelf, Store, StoreError, Write};
use crate::model::{AlertOrder, By, Silence};

/// What a person did, as it is written down for all who watch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deed {
    Alert(AlertOrder),
    Silence(Silence),
    Unsilence { id: String, by: By },
}

/// Puts these in the place of all silences that there were.
pub(super) fn silence_all(alerts: &mut Alerts, bodies: impl Iterator<Item = String>) {
    let all: Vec<Silence> = bodies
        .filter_map(|b| serde_json::from_str(&b).ok())
        .collect();
    alerts.silence_all(all);
}

/// The last order that the leader had read when it last wrote.
pub(super) fn read_up_to(store: &mut dyn Store) -> Result<i64, StoreError> {
    let mark = store.document(Shelf::Marks, READ)?;
    Ok(mark.and_then(|body| body.parse().ok()).unwrap_or(0))
}

/// How a deed is written down.
pub(super) fn writes(deed: &Deed) -> Vec<Write> {
    let at = match deed {
        Deed::Alert(order) => order.by.at,
        Deed::Silence(silence) => silence.by.at,
        Deed::Unsilence { by, .. } => by.at,
    };
    let shelf = Shelf::Silences;
    let of_shelf = match deed {
        Deed::Alert(_) => None,
        Deed::Silence(silence) => serde_json::to_string(silence).ok().map(|body| Write::Put {
            shelf,
            key: silence.id.clone(),
            body,
        }),
        Deed::Unsilence { id, .. } => Some(Write::Remove {
            shelf,
            key: id.clone(),
        }),
    };
    let line = serde_json::to_string(deed).ok();
    let line = line.map(|body| Write::Append {
        log: Log::Orders,
        at,
        body,
    });
    of_shelf.into_iter().chain(line).collect()
}
