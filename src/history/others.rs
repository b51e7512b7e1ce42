//! What other programs changed in a store that is shared, as far as it is news: each change is handed out once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::store::{Shelf, Store};

#[derive(Debug, Default)]
pub(super) struct Others {
    /// As they were last handed out.
    silences: Vec<String>,
    /// Hashes of alerts as they were last handed out, by key.
    alerts: HashMap<String, u64>,
}

impl Others {
    /// All silences, if they are not what they were: most of what others write is not about them.
    pub fn silences(&mut self, store: &mut dyn Store) -> Option<Vec<String>> {
        let silences = store.shelf(Shelf::Silences).ok()?;
        let bodies: Vec<String> = silences.into_iter().map(|(_, body)| body).collect();
        if self.silences == bodies {
            return None;
        }
        self.silences.clone_from(&bodies);
        Some(bodies)
    }

    /// Alerts that are new or not what they were.
    pub fn alerts(&mut self, store: &mut dyn Store) -> Option<Vec<String>> {
        let known = std::mem::take(&mut self.alerts);
        let mut new = Vec::new();
        for (key, body) in store.shelf(Shelf::Alerts).ok()? {
            let hash = hash(&body);
            if known.get(&key) != Some(&hash) {
                new.push(body);
            }
            self.alerts.insert(key, hash);
        }
        (!new.is_empty()).then_some(new)
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
