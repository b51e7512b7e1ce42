//! A line of one machine's audit as the store keeps a copy of it, and which of them are asked for.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::model::SafeText;

use super::chain::{Link, unseal};
use super::read::Found;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Whose ([`super::chain_of`]).
    pub chain: String,
    /// Its number and its hash there, as it says itself.
    pub n: u64,
    pub hash: String,
    /// To the millisecond.
    pub at: DateTime<Utc>,
    /// The line as it stands in the file, without its end.
    pub body: String,
}

/// Lines of all machines, by their times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedAsk {
    /// From (with) to (without).
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub newest_first: bool,
    /// Only what comes after this one, by its time and its number in the store.
    pub after: Option<(DateTime<Utc>, i64)>,
    pub most: usize,
}

#[derive(Deserialize)]
struct When {
    at: DateTime<Utc>,
}

impl Copied {
    /// Of a line without its end; `None`: it is no line of a chain, or was changed.
    pub(super) fn of(chain: &str, line: &[u8]) -> Option<(Self, Link)> {
        let sealed = unseal(line).filter(|sealed| sealed.right)?;
        let body = String::from_utf8(line.to_vec()).ok()?;
        let when = serde_json::from_str::<When>(&body);
        let at = when.map_or(DateTime::UNIX_EPOCH, |when| when.at);
        let at = DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or_default();
        let link = sealed.link;
        let copied = Self {
            chain: chain.to_owned(),
            n: link.n,
            hash: link.hash.to_string(),
            at,
            body,
        };
        Some((copied, link))
    }

    /// What it says, with its number if its hash is right; `None`: it can't be read.
    pub fn found(&self) -> Option<Found> {
        let own = Self::of(&self.chain, self.body.as_bytes());
        let right = own.is_some_and(|(own, _)| own == *self);
        Some(Found {
            file: SafeText::new(&self.chain).as_str().into(),
            line: self.n,
            n: right.then_some(self.n),
            entry: serde_json::from_str(&self.body).ok()?,
        })
    }
}
