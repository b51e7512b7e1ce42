//! Owns logs: bytes in, safe lines in records out, with time, level, fields, folding marks and errors; searching them.
//! Bounded in memory: older text goes to disk or is dropped, and what was dropped is counted and shown as a row.
//! Must not know backends, the world or the terminal: a key and bytes, or a file, are all it needs.

mod block;
mod carry;
mod decode;
mod digest;
mod errors;
mod export;
mod fields;
mod file;
mod filter;
mod find;
mod gap;
mod grow;
mod header;
mod json;
mod lens;
mod line;
mod log;
mod mark;
mod matches;
mod order;
mod ready;
mod recognise;
mod record;
mod said;
mod segment;
mod spill;
mod store;
mod time;

pub use export::Export;
pub use fields::Field;
pub use file::Advance;
pub use filter::Filter;
pub use find::{Direction, Find, Progress};
pub use gap::Dropped;
pub use lens::{Folds, Lens, Point, Source, Walk};
pub use line::{Level, LineKind, LogLine};
pub use log::{ErrorSummary, Log};
pub use matches::Matches;
pub use record::{FACETS, Record, Tags};
pub use spill::Spill;
pub use store::{DEFAULT_LIMIT, LogStore};

#[cfg(test)]
mod corpus;
