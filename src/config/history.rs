//! Reads `[history]`: where what dagtop has seen is kept, and for how long.

use std::path::Path;

use super::keep::{Keep, keep};
use super::reader::Table;

/// `[history]`
#[derive(Clone, Debug, Default)]
pub struct History {
    /// How long what is kept.
    pub keep: Keep,
}

pub(super) fn history(mut table: Table<'_>, dir: &Path) -> History {
    let history = History {
        keep: keep(&mut table, dir),
    };
    table.finish();
    history
}
