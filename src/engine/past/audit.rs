//! Who did what on any machine, page by page, the newest first.

use chrono::{DateTime, Utc};

use crate::history::audit::{Copied, CopiedAsk, Entry, Who};
use crate::history::{Store, StoreError};

/// Lines of a page.
pub const PAGE: usize = 200;

/// A place between two lines: the time of the one before it, and its number in the store.
pub type Place = (DateTime<Utc>, i64);

#[derive(Clone, Debug)]
pub struct AuditLine {
    /// Its number in the store.
    pub seq: i64,
    pub entry: Entry,
    /// This very program wrote it.
    pub own: bool,
}

#[derive(Clone, Debug)]
pub struct AuditPage {
    pub lines: Vec<AuditLine>,
    /// Where it goes on; `None`: there is nothing older.
    pub next: Option<Place>,
}

pub(super) fn answer(
    store: &mut dyn Store,
    after: Option<Place>,
    me: &Who,
) -> Result<AuditPage, StoreError> {
    let ask = CopiedAsk {
        from: DateTime::<Utc>::MIN_UTC,
        to: DateTime::<Utc>::MAX_UTC,
        newest_first: true,
        after,
        most: PAGE,
    };
    let (mut lines, mut next, mut many) = (Vec::new(), None, 0);
    let mut each = |seq, copied: Copied| {
        many += 1;
        next = Some((copied.at, seq));
        // one that can't be read is told by who verifies
        lines.extend(copied.found().map(|found| AuditLine {
            seq,
            own: (&found.entry.who.host, found.entry.who.pid) == (&me.host, me.pid),
            entry: found.entry,
        }));
        true
    };
    store.audit(&ask, &mut each)?;
    Ok(AuditPage {
        lines,
        next: next.filter(|_| many == PAGE),
    })
}
