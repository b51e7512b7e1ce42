//! Owns frames around things: a border with a title at the left and a note at the right.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::line;

use super::format;
use super::pen::{self, Pen};
use crate::tui::theme::{Theme, Token};

/// A frame. The title is pieces of text with their styles.
#[derive(Clone, Copy)]
pub struct Panel<'a> {
    pub title: &'a [(&'a str, Style)],
    /// At the right end of the upper border; the first to go when it gets narrow.
    pub note: &'a str,
    pub focused: bool,
}

impl Panel<'_> {
    /// Draws the frame and returns what is inside. Too small for a frame: nothing is inside.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme) -> Rect {
        let area = pen::clip(area, buf);
        if area.width < 2 || area.height < 2 {
            return Rect {
                width: 0,
                height: 0,
                ..area
            };
        }
        let style = border(theme, self.focused);
        edges(buf, area, theme, style);
        self.draw_title(buf, area, theme);
        inside(area)
    }

    fn draw_title(&self, buf: &mut Buffer, area: Rect, theme: &Theme) {
        let room = usize::from(area.width - 2);
        let title: usize = self.title.iter().map(|(t, _)| format::width(t)).sum();
        if title == 0 || room < 3 {
            return;
        }
        let top = Rect {
            x: area.x + 1,
            width: area.width - 2,
            ..area
        };
        let mut pen = Pen::new(buf, top, 0, theme);
        pen.put(" ", theme[Token::Text]);
        for (text, style) in self.title {
            // the last cell stays free for the space that closes the title
            let room = pen.room().saturating_sub(1);
            pen.put(&format::fit(text, room, theme.glyphs.ellipsis), *style);
        }
        pen.put(" ", theme[Token::Text]);
        let note = format::width(self.note);
        if note > 0 && title + note + 6 <= room {
            let text = format!(" {} ", self.note);
            let left = pen.room() - note - 3;
            pen.skip(left).put(&text, theme[Token::Muted]);
        }
    }
}

/// The style of a pane's border.
pub fn border(theme: &Theme, focused: bool) -> Style {
    theme[if focused {
        Token::BorderFocused
    } else {
        Token::Border
    }]
}

/// What a frame leaves inside.
pub fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x.saturating_add(1),
        y: area.y.saturating_add(1),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    }
}

fn edges(buf: &mut Buffer, area: Rect, theme: &Theme, style: Style) {
    let set = theme.glyphs.border;
    let (left, right) = (area.left(), area.right() - 1);
    let (top, bottom) = (area.top(), area.bottom() - 1);
    for x in left..=right {
        buf.set_stringn(x, top, set.horizontal_top, 1, style);
        buf.set_stringn(x, bottom, set.horizontal_bottom, 1, style);
    }
    for y in top..=bottom {
        buf.set_stringn(left, y, set.vertical_left, 1, style);
        buf.set_stringn(right, y, set.vertical_right, 1, style);
    }
    for (x, y, corner) in [
        (left, top, set.top_left),
        (right, top, set.top_right),
        (left, bottom, set.bottom_left),
        (right, bottom, set.bottom_right),
    ] {
        buf.set_stringn(x, y, corner, 1, style);
    }
}

/// A line across a framed area, joined to its border, with a title in it: `├ why: … ┤`.
pub fn divider(buf: &mut Buffer, area: Rect, index: u16, theme: &Theme, focused: bool) {
    let at = pen::clip(pen::row(area, index), buf);
    if at.is_empty() {
        return;
    }
    let style = border(theme, focused);
    let set = theme.glyphs.border;
    for x in at.left()..at.right() {
        buf.set_stringn(x, at.y, set.horizontal_top, 1, style);
    }
    let (left, right) = match theme.glyphs.ascii {
        true => ("+", "+"),
        false => (line::VERTICAL_RIGHT, line::VERTICAL_LEFT),
    };
    buf.set_stringn(at.left(), at.y, left, 1, style);
    if at.width > 1 {
        buf.set_stringn(at.right() - 1, at.y, right, 1, style);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, theme};
    use super::*;

    fn draw(buf: &mut Buffer, area: Rect, ascii: bool) {
        let theme = theme(ascii);
        let title = [
            ("pipelines 277", theme[Token::Title]),
            (" - worst first", theme[Token::Muted]),
        ];
        let inner = Panel {
            title: &title,
            note: "filter: orders",
            focused: true,
        }
        .draw(buf, area, theme);
        Pen::new(buf, inner, 0, theme).put("inside", theme[Token::Text]);
        divider(buf, area, 2, theme, true);
    }

    #[test]
    fn looks() {
        for (width, ascii) in [(60, false), (30, false), (60, true)] {
            let text = testing::text(width, 5, |buf, area| draw(buf, area, ascii));
            insta::assert_snapshot!(format!("panel_{width}{}", testing::suffix(ascii)), text);
        }
    }

    #[test]
    fn any_size() {
        testing::every_size(|buf, area| draw(buf, area, false));
    }
}
