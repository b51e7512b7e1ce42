//! Owns boxes in front of a screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::panel::Panel;
use super::pen;
use crate::tui::theme::Theme;

/// A rectangle of this size in the middle of an area, or as much of it as there is.
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let width = width.min(area.width);
    let height = height.min(area.height);
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    }
}

/// Clears a centred box for `width` x `height` cells of content (a frame and one column of air at each side are
/// added), frames it and returns where the content goes.
pub fn draw(
    buf: &mut Buffer,
    area: Rect,
    theme: &Theme,
    title: &[(&str, Style)],
    width: u16,
    height: u16,
) -> Rect {
    let outer = centred(
        pen::clip(area, buf),
        width.saturating_add(4),
        height.saturating_add(2),
    );
    pen::clear(buf, outer);
    let inner = Panel {
        title,
        note: "",
        focused: true,
    }
    .draw(buf, outer, theme);
    let air = u16::from(inner.width > 2);
    Rect {
        x: inner.x + air,
        width: inner.width - 2 * air,
        ..inner
    }
}

#[cfg(test)]
mod tests {
    use super::super::pen::Pen;
    use super::super::testing::{self, theme};
    use super::*;
    use crate::tui::theme::Token;

    fn popup(buf: &mut Buffer, area: Rect, ascii: bool) {
        let theme = theme(ascii);
        for y in 0..area.height {
            Pen::new(buf, area, y, theme).put(&"background ".repeat(40), theme[Token::Text]);
        }
        let inner = draw(
            buf,
            area,
            theme,
            &[("Cancel the run?", theme[Token::Title])],
            24,
            2,
        );
        Pen::new(buf, inner, 0, theme).put("It hits 3 nodes.", theme[Token::Text]);
    }

    #[test]
    fn looks() {
        for (width, height, ascii) in [(50, 8, false), (20, 4, false), (50, 8, true)] {
            let text = testing::text(width, height, |buf, area| popup(buf, area, ascii));
            insta::assert_snapshot!(
                format!("popup_{width}x{height}{}", testing::suffix(ascii)),
                text
            );
        }
    }

    #[test]
    fn any_size() {
        testing::every_size(|buf, area| popup(buf, area, false));
    }
}
