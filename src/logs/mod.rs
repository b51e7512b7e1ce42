//! Owns logs: bytes in, safe lines in records out, with time, level, folding marks and the first error.
//! Bounded in memory; what had to be dropped is counted and shown as a row.
//! Must not know backends, the world or the terminal: a key and bytes are all it needs.

mod carry;
mod header;
mod json;
mod line;
mod log;
mod mark;
mod recognise;
mod search;
mod store;
mod tail;
mod time;

pub use line::{Level, LineKind, LogLine};
pub use log::{Dropped, ErrorSummary, Log};
pub use search::{Search, SearchError};
pub use store::{DEFAULT_LIMIT, LogStore};
pub use tail::{FileTail, Restart, TailRead};

#[cfg(test)]
mod corpus;
