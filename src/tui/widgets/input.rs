//! Owns a line that is typed into.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use tui_input::Input;

use super::pen::{self, Pen};
use crate::tui::theme::{Theme, Token};

/// One line with a prompt, the text around the cursor, and the cursor as a reversed cell: the terminal's own cursor
/// stays hidden. `hint` stands there as long as nothing is typed.
pub fn draw(buf: &mut Buffer, area: Rect, theme: &Theme, prompt: &str, input: &Input, hint: &str) {
    let area = pen::clip(area, buf);
    let mut pen = Pen::new(buf, area, 0, theme);
    pen.put(prompt, theme[Token::Accent]);
    let room = pen.room();
    if room == 0 {
        return;
    }
    // one cell is the cursor's at the end of the text
    let scroll = input.visual_scroll(room.saturating_sub(1));
    let (start, left) = (pen.x(), input.visual_cursor().saturating_sub(scroll));
    if input.value().is_empty() {
        pen.skip(1).put(hint, theme[Token::Muted]);
    } else {
        pen.put(after_columns(input.value(), scroll), theme[Token::Text]);
    }
    let x = start.saturating_add(left.min(room - 1) as u16);
    let cursor = Style::new().add_modifier(Modifier::REVERSED);
    if !area.is_empty() {
        buf.set_style(Rect::new(x, area.y, 1, 1), cursor);
    }
}

/// What is left of a text when its first columns are scrolled away.
fn after_columns(text: &str, columns: usize) -> &str {
    use unicode_segmentation::UnicodeSegmentation;
    let mut used = 0;
    for (at, g) in text.grapheme_indices(true) {
        if used >= columns {
            return &text[at..];
        }
        used += super::format::width(g);
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, theme};
    use super::*;

    fn shown(text: &str, cursor: usize, columns: u16) -> String {
        testing::text(columns, 1, |buf, area| {
            draw(
                buf,
                area,
                theme(false),
                "/",
                &Input::new(text.to_owned()).with_cursor(cursor),
                "type to filter",
            );
        })
    }

    #[test]
    fn the_cursor_is_always_in_view() {
        assert_eq!(
            shown("", 0, 20),
            "/ type to filter\n[reversed: row 0, columns 1 to 1]"
        );
        assert_eq!(
            shown("abc", 3, 20),
            "/abc\n[reversed: row 0, columns 4 to 4]"
        );
        assert_eq!(
            shown("abc", 1, 20),
            "/abc\n[reversed: row 0, columns 2 to 2]"
        );
        assert!(shown("abcdefghijkl", 12, 6).starts_with("/ijkl"));
    }

    #[test]
    fn any_size() {
        testing::every_size(|buf, area| {
            let input = Input::new("数据 and much more text than fits".to_owned());
            draw(buf, area, theme(false), "filter: ", &input, "");
        });
    }
}
