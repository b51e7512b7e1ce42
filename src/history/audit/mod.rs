//! Owns the audit: who did what, one JSON line for every step, appended to a private file and chained by hashes, so that
//! a line that was changed, removed, inserted or moved shows. Must not know screens or backends.
//!
//! A line is `{"n":…,"prev":"…",…,"hash":"…"}`: its number, the hash of the line before it, what was done, and last its
//! own hash: SHA-256 over the bytes of the line before `,"hash":`. The numbers go on over files.

mod cef;
mod chain;
mod copied;
mod copier;
mod copies;
mod deeds;
mod entry;
mod file;
mod mask;
mod read;
mod scribe;
mod settings;
#[cfg(test)]
mod tests;
mod verify;
mod who;

use std::path::Path;

pub use cef::line as cef;
pub use chain::{Hash, Link};
pub use copied::{Copied, CopiedAsk};
pub use copier::{Copier, CopyError};
pub use copies::{Copies, copies};
pub use entry::{Entry, Kind, Step, What};
pub use file::{Audit, AuditError};
pub use read::{Found, Trail};
pub use scribe::Scribe;
pub use settings::Settings;
pub use verify::{Finding, Verdict, Wanted};
pub use who::{Who, user};

/// Whose the audit in a folder is, among those of all machines that share a store.
pub fn chain_of(state_dir: &Path) -> String {
    format!("{}:{}", who::host(), state_dir.display())
}

/// Under which the last line of a machine's audit is noted in the store.
pub fn mark(chain: &str) -> String {
    format!("audit:{chain}")
}
