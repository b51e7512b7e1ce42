//! Reads `[history]`: where what dagtop has seen is kept, and for how long.

use std::path::Path;

use super::reader::Table;

/// `[history]`
#[derive(Clone, Debug, Default)]
pub struct History {}

pub(super) fn history(table: Table<'_>, _dir: &Path) -> History {
    let history = History {};
    table.finish();
    history
}
