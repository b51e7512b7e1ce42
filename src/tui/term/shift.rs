//! Rows that have moved up or down: what the terminal can scroll by itself (DECSTBM with SU or SD, VT100 and xterm) need
//! not be sent again. The terminal scrolls whole rows, so what stands still beside them is sent anew; whether that pays
//! is for the bytes to say.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::RangeInclusive;

use ratatui::buffer::{Buffer, Cell};

/// Fewer rows than this are sent anew.
const FEWEST: usize = 4;
/// As far as rows are looked for.
const FARTHEST: usize = 30;

/// Rows `top` to `bottom` go up by `by` rows, or down where it is negative; what comes into view is blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    pub top: u16,
    pub bottom: u16,
    pub by: i16,
}

impl Shift {
    /// The shift after which the most rows of `shown` stand where `wanted` has them, if any does, and the same of all
    /// rows that change: the one before the last may go along though it is selected no more.
    pub fn find(shown: &Buffer, wanted: &Buffer) -> Vec<Self> {
        let Some((rows, columns)) = changed(shown, wanted) else {
            return Vec::new();
        };
        let all = Self::within(shown, wanted, rows.clone(), columns.clone());
        // a scrollbar at the edge goes its own way
        let (first, last) = (*columns.start(), *columns.end());
        let inner = (last > first)
            .then(|| Self::within(shown, wanted, rows.clone(), first..=last - 1))
            .flatten();
        let most = [all, inner].into_iter().flatten();
        let Some((_, best)) = most.reduce(|a, b| if b.0 > a.0 { b } else { a }) else {
            return Vec::new();
        };
        let row = |y: usize| u16::try_from(y).unwrap_or(u16::MAX);
        let whole = Self {
            top: row(*rows.start()),
            bottom: row(*rows.end()),
            ..best
        };
        let mut found = vec![best];
        found.extend((whole != best).then_some(whole));
        found
    }

    /// The same as far as these columns tell, and how many rows stand right after it.
    fn within(
        shown: &Buffer,
        wanted: &Buffer,
        rows: RangeInclusive<usize>,
        columns: RangeInclusive<usize>,
    ) -> Option<(usize, Self)> {
        let (first, last) = (*rows.start(), *rows.end());
        let before: Vec<u64> = hashes(shown, rows.clone(), columns.clone());
        let after: Vec<u64> = hashes(wanted, rows, columns);
        let count = last - first + 1;
        let mut best: Option<(usize, Self)> = None;
        for distance in 1..count.min(FARTHEST + 1) {
            for up in [true, false] {
                // row y of the wanted screen was row y + distance, or y - distance, of the shown one
                let was = |y: usize| match up {
                    true => Some(y + distance).filter(|y| *y < count),
                    false => y.checked_sub(distance),
                };
                let same = |y: &usize| {
                    was(*y).is_some_and(|w| after[*y] == before[w] && before[*y] != after[*y])
                };
                let found = (0..count).filter(same).count();
                if found < FEWEST || best.as_ref().is_some_and(|(most, _)| *most >= found) {
                    continue;
                }
                let moved: Vec<usize> = (0..count).filter(same).collect();
                let (Some(low), Some(high)) = (moved.first(), moved.last()) else {
                    continue;
                };
                let row = |y: usize| u16::try_from(first + y).unwrap_or(u16::MAX);
                let by = i16::try_from(distance).unwrap_or(i16::MAX);
                let shift = match up {
                    true => Self {
                        top: row(*low),
                        bottom: row(high + distance),
                        by,
                    },
                    false => Self {
                        top: row(low - distance),
                        bottom: row(*high),
                        by: -by,
                    },
                };
                best = Some((found, shift));
            }
        }
        best
    }

    /// Does to a picture what the terminal does.
    pub fn apply(self, shown: &mut Buffer) {
        let width = usize::from(shown.area.width);
        let (from, to) = (
            usize::from(self.top) * width,
            (usize::from(self.bottom) + 1) * width,
        );
        let far = usize::from(self.by.unsigned_abs()) * width;
        let Some(band) = shown.content.get_mut(from..to) else {
            return;
        };
        if self.by > 0 {
            band.rotate_left(far);
            let kept = band.len() - far;
            band[kept..].fill(Cell::default());
        } else {
            band.rotate_right(far);
            band[..far].fill(Cell::default());
        }
    }

    /// The region, the scroll, the whole screen as region again. Leaves the cursor in the first cell.
    pub fn write(self, out: &mut Vec<u8>) {
        let far = self.by.unsigned_abs();
        let way = if self.by > 0 { 'S' } else { 'T' };
        let text = format!(
            "\x1b[{};{}r\x1b[{far}{way}\x1b[r",
            self.top + 1,
            self.bottom + 1
        );
        out.extend_from_slice(text.as_bytes());
    }
}

/// The first and last row and column in which two pictures of one size differ.
fn changed(
    shown: &Buffer,
    wanted: &Buffer,
) -> Option<(RangeInclusive<usize>, RangeInclusive<usize>)> {
    let width = usize::from(shown.area.width);
    if shown.area != wanted.area || width == 0 {
        return None;
    }
    let (mut rows, mut columns) = ((usize::MAX, 0), (usize::MAX, 0));
    for (i, _) in
        (shown.content.iter().zip(&wanted.content).enumerate()).filter(|(_, (a, b))| a != b)
    {
        let (x, y) = (i % width, i / width);
        rows = (rows.0.min(y), rows.1.max(y));
        columns = (columns.0.min(x), columns.1.max(x));
    }
    (rows.0 <= rows.1).then_some((rows.0..=rows.1, columns.0..=columns.1))
}

fn hashes(
    buffer: &Buffer,
    rows: RangeInclusive<usize>,
    columns: RangeInclusive<usize>,
) -> Vec<u64> {
    let width = usize::from(buffer.area.width);
    rows.map(|y| {
        let mut hasher = DefaultHasher::new();
        let row = buffer.content.get(y * width..(y + 1) * width);
        let part = row.and_then(|row| row.get(columns.clone()));
        part.unwrap_or_default().hash(&mut hasher);
        hasher.finish()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    fn picture(rows: &[&str]) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, rows.len() as u16));
        for (y, row) in rows.iter().enumerate() {
            buffer.set_string(0, y as u16, row, Style::new());
        }
        buffer
    }

    #[test]
    fn rows_that_went_up_are_found_and_scrolled() {
        let before = picture(&["title", "a", "b", "c", "d", "e", "f", "end"]);
        let after = picture(&["title", "c", "d", "e", "f", "g", "h", "end"]);
        let shift = Shift::find(&before, &after)[0];
        assert_eq!((shift.top, shift.bottom, shift.by), (1, 6, 2));
        let mut shown = before;
        shift.apply(&mut shown);
        let rest: Vec<u16> = shown.diff(&after).iter().map(|(_, y, _)| *y).collect();
        assert_eq!(rest, [5, 6]);
        let mut out = Vec::new();
        shift.write(&mut out);
        assert_eq!(out, b"\x1b[2;7r\x1b[2S\x1b[r");
    }

    #[test]
    fn a_bar_at_the_edge_that_does_not_go_along_is_no_hindrance() {
        let before = picture(&["a   |", "b   #", "c   |", "d   |", "e   |", "f   |"]);
        let after = picture(&["b   |", "c   |", "d   #", "e   |", "f   |", "g   |"]);
        let shift = Shift::find(&before, &after)[0];
        assert_eq!((shift.top, shift.bottom, shift.by), (0, 5, 1));
    }

    #[test]
    fn all_rows_that_change_may_go_along() {
        let before = picture(&["title", "a", "b", "c", "d", "e", ">f", "end"]);
        let after = picture(&["title", "b", "c", "d", "e", "f", ">g", "end"]);
        let found = Shift::find(&before, &after);
        let bands: Vec<_> = found.iter().map(|s| (s.top, s.bottom, s.by)).collect();
        assert_eq!(bands, [(1, 5, 1), (1, 6, 1)]);
    }

    #[test]
    fn rows_that_went_down_too() {
        let before = picture(&["a", "b", "c", "d", "e", "f"]);
        let after = picture(&["z", "a", "b", "c", "d", "e"]);
        let shift = Shift::find(&before, &after)[0];
        assert_eq!((shift.top, shift.bottom, shift.by), (0, 5, -1));
        let mut shown = before;
        shift.apply(&mut shown);
        assert_eq!(shown.diff(&after).len(), 1);
    }

    #[test]
    fn what_only_changes_does_not_scroll() {
        let before = picture(&["a", "b", "c", "d", "e", "f"]);
        let after = picture(&["1", "2", "3", "4", "5", "6"]);
        assert_eq!(Shift::find(&before, &after), []);
        assert_eq!(Shift::find(&before, &before), []);
        assert_eq!(Shift::find(&before, &picture(&["a"])), []);
    }
}
