//! Owns scrolling: which rows are in view, and the bar that tells where that is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::pen;
use crate::model::NodeState;
use crate::tui::theme::{Theme, Token};

/// Moves `top` as little as possible so that `selected` is among the `shown` rows, and never past the end.
pub fn keep_visible(top: &mut usize, selected: Option<usize>, shown: usize, len: usize) {
    *top = (*top).min(len.saturating_sub(shown));
    let Some(selected) = selected.filter(|s| *s < len) else {
        return;
    };
    if selected < *top {
        *top = selected;
    } else if shown > 0 && selected >= *top + shown {
        *top = selected + 1 - shown;
    }
}

/// First cell and number of cells of the thumb on a track of `track` cells.
fn thumb(top: usize, shown: usize, len: usize, track: usize) -> (usize, usize) {
    if len == 0 || track == 0 {
        return (0, 0);
    }
    let size = (track * shown.min(len) / len).clamp(1, track);
    let room = track - size;
    let most = len.saturating_sub(shown);
    if most == 0 {
        return (0, track);
    }
    let top = top.min(most);
    // the ends are reached only at the ends
    let at = match top {
        0 => 0,
        t if t == most => room,
        t => (room * t / most).clamp(1.min(room), room.saturating_sub(1).max(1.min(room))),
    };
    (at, size)
}

/// Draws a scrollbar into a one-column area, when not everything is in view. `marks` are rows worth jumping to.
pub fn bar(
    buf: &mut Buffer,
    column: Rect,
    theme: &Theme,
    top: usize,
    len: usize,
    marks: impl Iterator<Item = usize>,
) {
    let column = pen::clip(column, buf);
    let track = usize::from(column.height);
    if column.is_empty() || len <= track {
        return;
    }
    let (start, size) = thumb(top, track, len, track);
    for i in 0..track {
        let on = i >= start && i < start + size;
        let (glyph, style) = if on {
            (theme.glyphs.thumb, theme[Token::Accent])
        } else {
            (theme.glyphs.track, theme[Token::Muted])
        };
        buf.set_stringn(column.x, column.y + i as u16, glyph, 1, style);
    }
    for mark in marks.filter(|m| *m < len) {
        let at = column.y + (mark * track / len) as u16;
        buf.set_stringn(
            column.x,
            at,
            theme.state_glyph(NodeState::Failed),
            1,
            theme.state(NodeState::Failed),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_moves_as_little_as_possible() {
        for (top, selected, shown, len, then) in [
            (0, Some(3), 5, 10, 0),
            (0, Some(5), 5, 10, 1),
            (4, Some(2), 5, 10, 2),
            (9, None, 5, 10, 5),
            (9, Some(99), 5, 10, 5),
            (3, Some(4), 0, 10, 3),
            (3, Some(0), 5, 0, 0),
            (3, Some(1), 5, 2, 0),
        ] {
            let mut now = top;
            keep_visible(&mut now, selected, shown, len);
            assert_eq!(now, then, "{top} {selected:?} {shown} {len}");
        }
    }

    #[test]
    fn the_thumb_touches_an_end_only_there() {
        let at = |top| thumb(top, 10, 100, 10);
        assert_eq!(at(0), (0, 1));
        assert_eq!(at(1), (1, 1));
        assert_eq!(at(89), (8, 1));
        assert_eq!(at(90), (9, 1));
        assert_eq!(thumb(0, 10, 10, 10), (0, 10));
        assert_eq!(thumb(5, 0, 0, 4), (0, 0));
        assert_eq!(thumb(1, 1, 3, 1), (0, 1));
        assert_eq!(thumb(1, 2, 4, 2), (1, 1));
    }
}
