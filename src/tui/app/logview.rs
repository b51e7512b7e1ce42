//! Where a person is in a log.

use std::cell::Cell;

use tui_input::Input as TextInput;

use crate::logs::{Log, Search};
use crate::model::LogKey;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Nobody moved yet: at the first error when there is one, else at the end.
    #[default]
    Auto,
    /// At the row of this number: numbers stay when earlier lines are dropped.
    Line(u64),
    /// At the end, wherever that goes.
    End,
}

#[derive(Debug, Default)]
pub struct LogView {
    /// Whose log this is; another log starts anew.
    pub key: Option<LogKey>,
    pub place: Place,
    pub wrap: bool,
    /// Columns scrolled to the right.
    pub left: usize,
    pub search: Option<Search>,
    /// What is or was typed at `/`.
    pub typed: TextInput,
    pub typing: bool,
    /// First row and number of rows in the last frame.
    pub seen: Cell<(usize, usize)>,
}

impl LogView {
    /// Points at a log; forgets the place in another one, keeps what is searched and how lines are shown.
    pub fn show(&mut self, key: Option<LogKey>) {
        if self.key != key {
            self.key = key;
            self.place = Place::Auto;
            self.left = 0;
            self.seen.set((0, 0));
        }
    }

    pub fn following(&self, log: &Log) -> bool {
        match self.place {
            Place::End => true,
            Place::Auto => log.first_error().is_none(),
            Place::Line(_) => false,
        }
    }

    /// The row the cursor is on.
    pub fn cursor(&self, log: &Log) -> Option<usize> {
        let last = log.len().checked_sub(1)?;
        Some(match self.place {
            Place::Line(number) => log.row_of(number).min(last),
            Place::End => last,
            Place::Auto => log.first_error().unwrap_or(last),
        })
    }

    pub fn page(&self) -> usize {
        self.seen.get().1.saturating_sub(1).max(1)
    }

    pub fn go(&mut self, log: &Log, to: usize) {
        self.place = Place::Line(log.number_of(to.min(log.len().saturating_sub(1))));
    }

    pub fn step(&mut self, log: &Log, by: isize) {
        let Some(at) = self.cursor(log) else {
            return;
        };
        let last = log.len().saturating_sub(1);
        let to = at.saturating_add_signed(by).min(last);
        // walking off the end is following
        self.place = if to == last && by > 0 {
            Place::End
        } else {
            Place::Line(log.number_of(to))
        };
    }

    pub fn follow(&mut self, log: Option<&Log>) {
        self.place = match (self.place, log) {
            (Place::End, Some(log)) => Place::Line(log.number_of(log.len().saturating_sub(1))),
            _ => Place::End,
        };
    }

    /// To the next error; whether there is one.
    pub fn next_error(&mut self, log: &Log, forward: bool) -> bool {
        let from = self.cursor(log).unwrap_or_default();
        let to = if forward {
            log.next_error(from)
        } else {
            log.prev_error(from)
        };
        if let Some(to) = to {
            self.go(log, to);
        }
        to.is_some()
    }

    /// To the next match of the search, around the end; whether there is one.
    pub fn next_match(&mut self, log: &Log, forward: bool) -> bool {
        let Some(search) = &self.search else {
            return false;
        };
        let from = self.cursor(log).unwrap_or_default();
        let to = if forward {
            log.search(search, from + 1, true)
                .or_else(|| log.search(search, 0, true))
        } else {
            log.search(search, from, false)
                .or_else(|| log.search(search, log.len(), false))
        };
        if let Some(to) = to {
            self.go(log, to);
        }
        to.is_some()
    }
}
