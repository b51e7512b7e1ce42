//! What a person has marked in a log: bookmarks, a selection; and what is taken of it.

use std::ops::RangeInclusive;

use crate::logs::{Lens, Point};
use crate::model::SafeText;

use super::{Anchor, LogView};

/// Bytes that are gathered for the clipboard at most: it takes no more.
const CLIPBOARD: usize = 55_000;

impl LogView {
    pub(super) fn toggle_bookmark(&mut self, lens: &Lens) -> Option<bool> {
        let at = Anchor::of(lens, self.cursor(lens)?);
        let on = !self.bookmarks.remove(&at);
        if on {
            self.bookmarks.insert(at);
        }
        Some(on)
    }

    pub fn is_bookmarked(&self, lens: &Lens, at: Point) -> bool {
        !self.bookmarks.is_empty() && self.bookmarks.contains(&Anchor::of(lens, at))
    }

    /// Rows with a bookmark.
    pub fn bookmarks(&self, lens: &Lens) -> Vec<Point> {
        self.bookmarks.iter().map(|mark| mark.point(lens)).collect()
    }

    pub fn has_bookmarks(&self) -> bool {
        !self.bookmarks.is_empty()
    }

    /// To the next bookmark that is shown, around the end.
    pub(super) fn next_bookmark(&mut self, lens: &Lens, forward: bool) -> bool {
        let mut marks = self.bookmarks(lens);
        marks.retain(|mark| lens.shows(*mark));
        let Some(at) = self.cursor(lens) else {
            return false;
        };
        let before = |mark: &&Point| lens.is_before(**mark, at);
        let after = |mark: &&Point| lens.is_before(at, **mark);
        let first = |marks: Vec<Point>| lens.earliest(marks.into_iter());
        let last = |marks: Vec<Point>| {
            let mut marks = marks.into_iter();
            let one = marks.next()?;
            Some(marks.fold(one, |a, b| if lens.is_before(a, b) { b } else { a }))
        };
        let next = match forward {
            true => first(marks.iter().filter(after).copied().collect()).or_else(|| first(marks)),
            false => last(marks.iter().filter(before).copied().collect()).or_else(|| last(marks)),
        };
        if let Some(next) = next {
            self.go(lens, next);
        }
        next.is_some()
    }

    pub(super) fn toggle_selecting(&mut self, lens: &Lens) {
        self.selecting = match self.selecting {
            Some(_) => None,
            None => self.cursor(lens).map(|at| Anchor::of(lens, at)),
        };
    }

    /// Forgets the selection; whether there was one.
    pub(in crate::tui::app) fn unselect(&mut self) -> bool {
        self.selecting.take().is_some()
    }

    /// First and last row of what is selected.
    pub fn selection(&self, lens: &Lens) -> Option<RangeInclusive<Point>> {
        let from = lens.nearest(self.selecting?.point(lens))?;
        let to = self.cursor(lens)?;
        Some(match lens.is_before(to, from) {
            true => to..=from,
            false => from..=to,
        })
    }

    /// The selected lines. `Err`: they are too many for a clipboard.
    pub(super) fn selected_lines(&self, lens: &Lens) -> Option<Result<Vec<SafeText>, TooMuch>> {
        let selection = self.selection(lens)?;
        let (from, to) = (*selection.start(), *selection.end());
        let points = std::iter::once(from).chain(lens.after(from));
        let mut ended = false;
        let upto = points.take_while(|point| {
            let inside = !ended;
            ended = *point == to;
            inside
        });
        Some(self.gather(lens, upto))
    }

    /// The line at the cursor, as it is shown.
    pub(in crate::tui::app) fn line_to_copy(&self, lens: &Lens) -> Option<SafeText> {
        let at = self.cursor(lens)?;
        self.gather(lens, std::iter::once(at)).ok()?.pop()
    }

    /// All lines of the record at the cursor, folded or not.
    pub(super) fn record_lines(&self, lens: &Lens) -> Option<Result<Vec<SafeText>, TooMuch>> {
        let at = self.cursor(lens)?;
        let rows = lens.record(at).map(|row| Point { row, ..at });
        Some(self.gather(lens, rows))
    }

    fn gather(
        &self,
        lens: &Lens,
        points: impl Iterator<Item = Point>,
    ) -> Result<Vec<SafeText>, TooMuch> {
        let mut lines = Vec::new();
        let mut bytes = 0;
        for point in points {
            let log = lens.log(point.source);
            let Some(line) = log.and_then(|log| log.line(point.row)) else {
                continue;
            };
            let raw = log.and_then(|log| log.raw(point.row).filter(|_| self.look.raw));
            let text = raw.unwrap_or(line.text.text);
            bytes += text.len() + 1;
            if bytes > CLIPBOARD {
                return Err(TooMuch);
            }
            lines.push(text);
        }
        Ok(lines)
    }
}

/// More than a clipboard takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMuch;
