//! A list in which something is selected: by id, so that it stays selected when rows move.

use std::cell::{Cell, RefCell};

/// Which row of a list is meant when its own is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    Up(usize),
    Down(usize),
    First,
    Last,
}

/// The order of a list, what is selected in it, and how far it was scrolled when last drawn.
#[derive(Debug, Clone)]
pub struct ListState<T> {
    pub order: Vec<T>,
    pub selected: Option<T>,
    /// Where the selected one was last seen.
    at: usize,
    /// First row shown and number of rows shown in the last frame.
    seen: Cell<(usize, usize)>,
    /// What the last frame showed as selected.
    drawn: RefCell<Option<T>>,
}

impl<T> Default for ListState<T> {
    fn default() -> Self {
        Self {
            order: Vec::new(),
            selected: None,
            at: 0,
            seen: Cell::new((0, 0)),
            drawn: RefCell::new(None),
        }
    }
}

impl<T: Clone + PartialEq> ListState<T> {
    /// Takes a new order. The selected one stays selected wherever it went; when it is gone, the row in its place is.
    pub fn sync(&mut self, order: Vec<T>) {
        self.order = order;
        match self
            .selected
            .as_ref()
            .and_then(|id| self.order.iter().position(|o| o == id))
        {
            Some(at) => self.at = at,
            None => self.select_at(self.at),
        }
    }

    pub fn select_at(&mut self, at: usize) {
        self.at = at.min(self.order.len().saturating_sub(1));
        self.selected = self.order.get(self.at).cloned();
    }

    /// Selects something that may not be in the list yet.
    pub fn select(&mut self, id: T) {
        if let Some(at) = self.order.iter().position(|o| *o == id) {
            self.at = at;
        }
        self.selected = Some(id);
    }

    pub fn index(&self) -> Option<usize> {
        (self.order.get(self.at) == self.selected.as_ref() && self.selected.is_some())
            .then_some(self.at)
    }

    pub fn pick(&mut self, pick: Pick) {
        let last = self.order.len().saturating_sub(1);
        let at = match pick {
            Pick::Up(n) => self.at.saturating_sub(n),
            Pick::Down(n) => self.at.saturating_add(n),
            Pick::First => 0,
            Pick::Last => last,
        };
        self.select_at(at.min(last));
    }

    /// The first row of the last frame.
    pub fn first_seen(&self) -> usize {
        self.seen.get().0
    }

    /// Remembers what a frame showed.
    pub fn saw(&self, top: usize, rows: usize) {
        self.seen.set((top, rows));
        self.drawn.replace(self.selected.clone());
    }

    /// A key speaks of what was on screen when it was pressed: selects that again when it has moved since.
    /// `false`: it is gone, so the key speaks of nothing.
    pub fn pin(&mut self) -> bool {
        let Some(drawn) = self.drawn.take() else {
            return true;
        };
        if self.selected.as_ref() == Some(&drawn) {
            return true;
        }
        match self.order.iter().position(|o| *o == drawn) {
            Some(at) => {
                self.select_at(at);
                true
            }
            None => false,
        }
    }

    /// Rows of a page, as last drawn.
    pub fn page(&self) -> usize {
        self.seen.get().1.max(1)
    }

    /// The first row to show in `height` rows so that the selected one is among them and the list moves least.
    pub fn top(&self, height: usize) -> usize {
        let (mut top, _) = self.seen.get();
        if self.at < top {
            top = self.at;
        }
        if height > 0 && self.at >= top + height {
            top = self.at + 1 - height;
        }
        top = top.min(self.order.len().saturating_sub(height));
        self.seen.set((top, height));
        top
    }
}

/// How far a page was scrolled. What is drawn decides how far that can be.
#[derive(Debug, Clone, Default)]
pub struct Scroll {
    pub top: Cell<usize>,
    /// Rows of a page in the last frame.
    pub height: Cell<usize>,
}

impl Scroll {
    pub fn pick(&self, pick: Pick) {
        let top = self.top.get();
        self.top.set(match pick {
            Pick::Up(n) => top.saturating_sub(n),
            Pick::Down(n) => top.saturating_add(n),
            Pick::First => 0,
            // drawing comes back to the last page
            Pick::Last => usize::MAX / 2,
        });
    }
}
