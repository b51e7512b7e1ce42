//! What is kept beside the audit: small documents that are replaced, and logs that only grow. What they say is text
//! to this room; whoever wrote it knows what it means.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::model::SafeText;

/// A folder of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shelf {
    /// The life of each alert, by its label.
    Alerts,
    /// Silences, by id.
    Silences,
    /// Messages to channels, by number.
    Deliveries,
    /// Where somebody stopped reading a log, by reader.
    Marks,
}

impl Shelf {
    pub const ALL: [Self; 4] = [Self::Alerts, Self::Silences, Self::Deliveries, Self::Marks];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Silences => "silences",
            Self::Deliveries => "deliveries",
            Self::Marks => "marks",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Log {
    /// What people did about alerts.
    Orders,
    /// What backends told.
    Events,
}

impl Log {
    pub const ALL: [Self; 2] = [Self::Orders, Self::Events];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Events => "events",
        }
    }
}

/// One change of what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    Put {
        shelf: Shelf,
        key: String,
        body: String,
    },
    Remove {
        shelf: Shelf,
        key: String,
    },
    Append {
        log: Log,
        at: DateTime<Utc>,
        body: String,
    },
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Grows with every line.
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub body: String,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the history {path} can't be used: {why}")]
    Open { path: PathBuf, why: SafeText },
    #[error(
        "the history {0} was written by a newer dagtop; use that one, or move the file away to begin anew"
    )]
    Newer(PathBuf),
    #[error(
        "the history {0} is damaged; move the file away to begin anew, or restore a copy of it"
    )]
    Damaged(PathBuf),
    #[error("the history is locked by another program; what was to be written is tried again")]
    Busy,
    #[error(
        "there is no room on the disk for the history; make some, what was to be written is tried again"
    )]
    Full,
    #[error("the history can't be read or written: {0}")]
    Other(SafeText),
}

impl StoreError {
    /// Trying again may help.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Busy | Self::Full)
    }
}

/// Where it is kept. Everything that implements it passes the same tests (`history::contract`).
pub trait Store: Send {
    /// All documents of a shelf, by key.
    fn shelf(&mut self, shelf: Shelf) -> Result<Vec<(String, String)>, StoreError>;

    /// All of it or nothing; on disk when it returns.
    fn write(&mut self, batch: &[Write]) -> Result<(), StoreError>;

    /// Lines after a number, the oldest first, at most so many.
    fn after(&mut self, log: Log, seq: i64, most: usize) -> Result<Vec<Line>, StoreError>;

    /// Lines from a time on, the oldest first, handed over one by one; `false` ends it.
    fn since(
        &mut self,
        log: Log,
        from: DateTime<Utc>,
        line: &mut dyn FnMut(Line) -> bool,
    ) -> Result<(), StoreError>;

    /// The number of the last line; 0 when there is none.
    fn last(&mut self, log: Log) -> Result<i64, StoreError>;

    /// Lines before a time go away; says how many.
    fn forget(&mut self, log: Log, before: DateTime<Utc>) -> Result<usize, StoreError>;

    /// Whether another writer has changed anything since this was last asked.
    fn changed(&mut self) -> Result<bool, StoreError>;
}
