//! Where a person is in a log, or in several merged ones, and how they look at it.

mod commands;
mod hunt;
mod marks;
mod merge;
mod prompt;
mod search;
mod sieve;

pub(super) use commands::is_of_log;
pub use merge::{MOST_LOGS, Merge, merged};
pub use prompt::{Prompt, Purpose};
pub use search::Sought;
pub use sieve::{Sieve, Stage};

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use crate::engine::Watch;
use crate::logs::{Lens, Log, Point, Source};
use crate::model::LogKey;
use crate::tui::widgets::log::{Density, Look};

/// A line by its number: it stays when earlier lines are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anchor {
    pub source: usize,
    /// `None`: the row that says what is missing at the beginning.
    pub number: Option<u64>,
}

impl Anchor {
    fn of(lens: &Lens, point: Point) -> Self {
        let log = lens.log(point.source);
        let number = log.map(|log| match point.row {
            0 if log.is_cut() => None,
            row => Some(log.number_of(row)),
        });
        Self {
            source: point.source,
            number: number.flatten(),
        }
    }

    fn point(self, lens: &Lens) -> Point {
        let log = lens.log(self.source);
        let row = log.zip(self.number).map(|(log, number)| log.row_of(number));
        Point {
            source: self.source,
            row: row.unwrap_or_default(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Nobody moved yet: at the first error when there is one, else at the end.
    #[default]
    Auto,
    At(Anchor),
    /// At the end, wherever that goes.
    End,
}

#[derive(Debug, Default)]
pub struct LogView {
    /// Whose logs these are; other ones start anew.
    keys: Vec<LogKey>,
    pub place: Place,
    /// First row, number of rows and last row in the last frame.
    top: Cell<Option<Anchor>>,
    rows: Cell<usize>,
    pub look: Look,
    pub sieve: Sieve,
    pub search: Option<Sought>,
    /// What is being typed.
    pub prompt: Option<Prompt>,
    bookmarks: BTreeSet<Anchor>,
    /// Where the selection begins; it ends at the cursor.
    selecting: Option<Anchor>,
    /// How much there was when following stopped.
    unpinned: Option<u64>,
    /// Errors over the whole log, kept until they change.
    pub density: RefCell<Vec<Density>>,
}

impl LogView {
    /// Points at logs. Forgets places in other ones, keeps what is searched and filtered and how lines are shown.
    pub fn show(&mut self, keys: Vec<LogKey>) {
        if self.keys == keys {
            return;
        }
        let old = std::mem::replace(&mut self.keys, keys);
        let keys = &self.keys;
        let to = |source: usize| {
            let key = old.get(source)?;
            keys.iter().position(|k| k == key)
        };
        let moved = |anchor: Anchor| {
            let source = to(anchor.source)?;
            Some(Anchor { source, ..anchor })
        };
        let kept = |anchor: &Anchor| moved(*anchor);
        self.place = match self.place {
            Place::At(anchor) => moved(anchor).map_or(Place::Auto, Place::At),
            Place::End if keys.iter().any(|key| old.contains(key)) => Place::End,
            Place::End | Place::Auto => Place::Auto,
        };
        self.top.set(self.top.get().and_then(moved));
        self.bookmarks = self.bookmarks.iter().filter_map(kept).collect();
        self.selecting = self.selecting.and_then(moved);
        self.unpinned = self.unpinned.filter(|_| self.place != Place::Auto);
        self.look.folds.move_sources(to);
        if self.place == Place::Auto {
            self.look.left = 0;
        }
        self.density.get_mut().clear();
        self.sieve.restart();
        if let Some(search) = &mut self.search {
            search.restart();
        }
    }

    /// The same place and the same look at it, for another screen.
    pub(super) fn inherit(&self) -> Self {
        Self {
            keys: self.keys.clone(),
            place: self.place,
            look: self.look.clone(),
            sieve: self.sieve.again(),
            search: self.search.as_ref().map(Sought::again),
            bookmarks: self.bookmarks.clone(),
            ..Self::default()
        }
    }

    pub fn keys(&self) -> &[LogKey] {
        &self.keys
    }

    /// The first log: the only one as a rule.
    pub fn key(&self) -> Option<&LogKey> {
        self.keys.first()
    }

    /// Looks at the logs as they are shown.
    pub fn with<T>(&self, watch: &Watch, look: impl FnOnce(&Lens) -> T) -> T {
        let nothing = Log::default();
        let sources = sources(watch, &self.keys, &self.sieve, &nothing);
        look(&Lens::new(&sources, &self.look.folds))
    }

    pub fn following(&self, lens: &Lens) -> bool {
        match self.place {
            Place::End => true,
            Place::Auto => first_error(lens).is_none(),
            Place::At(_) => false,
        }
    }

    /// The row the cursor is on.
    pub fn cursor(&self, lens: &Lens) -> Option<Point> {
        match self.place {
            Place::At(anchor) => lens.nearest(anchor.point(lens)),
            Place::End => lens.last(),
            Place::Auto => match first_error(lens) {
                Some(error) => lens.nearest(error),
                None => lens.last(),
            },
        }
    }

    /// The first row in the last frame.
    pub fn top(&self, lens: &Lens) -> Option<Point> {
        lens.nearest(self.top.get()?.point(lens))
    }

    /// What a frame showed.
    pub fn saw(&self, lens: &Lens, top: Option<Point>, rows: usize) {
        self.top.set(top.map(|top| Anchor::of(lens, top)));
        self.rows.set(rows);
    }

    /// Rows in the last frame.
    pub fn seen(&self) -> usize {
        self.rows.get()
    }

    pub(super) fn page(&self) -> usize {
        self.rows.get().saturating_sub(1).max(1)
    }

    /// Lines, or records where some are hidden, that came since following stopped.
    pub fn fresh(&self, lens: &Lens) -> u64 {
        let before = self.unpinned.unwrap_or(u64::MAX);
        self.size(lens).saturating_sub(before)
    }

    fn size(&self, lens: &Lens) -> u64 {
        let of = |source: &Source| match source.wanted {
            Some(wanted) => wanted.len() as u64,
            None => source.log.number_of(source.log.len()),
        };
        lens.sources().iter().map(of).sum()
    }

    pub fn go(&mut self, lens: &Lens, to: Point) {
        if self.following(lens) {
            self.unpinned = Some(self.size(lens));
        }
        self.place = Place::At(Anchor::of(lens, to));
    }

    pub(super) fn step(&mut self, lens: &Lens, by: isize) {
        let Some(at) = self.cursor(lens) else {
            return;
        };
        let to = lens.shift(at, by);
        // walking off the end is following
        if by > 0 && lens.last() == Some(to) {
            self.pin();
        } else if to != at {
            self.go(lens, to);
        }
    }

    /// Stays at the end from now on.
    pub(super) fn pin(&mut self) {
        self.place = Place::End;
        self.unpinned = None;
    }

    pub(super) fn toggle_follow(&mut self, lens: &Lens) {
        match (self.place, lens.last()) {
            (Place::End, Some(last)) => self.go(lens, last),
            _ => self.pin(),
        }
    }

    /// To the next error that is shown; whether there is one.
    pub(super) fn next_error(&mut self, lens: &Lens, forward: bool) -> bool {
        let mut from = self.cursor(lens);
        while let Some(at) = from {
            from = lens.seek(at, forward, |source, row| {
                let log = lens.log(source)?;
                match (forward, row.checked_sub(1)) {
                    (true, Some(above)) => log.next_error(above),
                    (true, None) if log.is_cause(0) => Some(0),
                    (true, None) => log.next_error(0),
                    (false, _) => log.prev_error(row),
                }
            });
            if let Some(to) = from.filter(|to| lens.shows(*to)) {
                self.go(lens, to);
                return true;
            }
        }
        false
    }
}

/// The error a person wants to read first; of several logs the earliest one.
pub fn first_error(lens: &Lens) -> Option<Point> {
    let errors = lens.sources().iter().enumerate().filter_map(|(source, s)| {
        let row = s.log.first_error()?;
        Some(Point { source, row })
    });
    lens.earliest(errors)
}

fn sources<'a>(
    watch: &'a Watch,
    keys: &[LogKey],
    sieve: &'a Sieve,
    nothing: &'a Log,
) -> Vec<Source<'a>> {
    let source = |(at, key): (usize, &LogKey)| {
        let node = watch.world.node(&key.node);
        let own = node.filter(|node| node.attempt == key.attempt);
        Source {
            log: watch.logs.get(key).unwrap_or(nothing),
            wanted: sieve.wanted(at),
            since: own.and_then(|node| node.started_at),
            until: None,
        }
    };
    keys.iter().enumerate().map(source).collect()
}
