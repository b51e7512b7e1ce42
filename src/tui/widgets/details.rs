//! Owns pages of headings, names and values: what is known of a node, a run, a pipeline.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::theme::{Theme, Token};

use super::format;
use super::pen::{self, Pen};
use super::scroll;

/// Columns a name gets at most.
const NAME: usize = 22;
/// Longer values are cut: a page is for looking, the whole value can be copied.
const VALUE_LINES: usize = 12;

/// One line or value of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    Heading(String),
    /// Name, value, how the value looks.
    Pair(String, String, Token),
    /// A line of running text, wrapped at words.
    Text(String),
    Gap,
}

impl Entry {
    pub fn pair(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Pair(name.into(), value.into(), Token::Text)
    }
}

/// One line as it is shown.
struct Line<'a> {
    name: &'a str,
    text: &'a str,
    token: Token,
    cut: bool,
}

/// How the entries break into lines at a width.
fn lines(entries: &[Entry], columns: usize) -> Vec<Line<'_>> {
    let name = name_width(entries, columns);
    let mut out = Vec::new();
    let line = |name, text, token| Line {
        name,
        text,
        token,
        cut: false,
    };
    for entry in entries {
        match entry {
            Entry::Gap => out.push(line("", "", Token::Text)),
            Entry::Heading(text) => out.push(line("", text, Token::Title)),
            Entry::Text(text) => {
                for part in format::wrap(text, columns) {
                    out.push(line("", part, Token::Text));
                }
            }
            Entry::Pair(key, value, token) => {
                let parts = format::wrap(value, columns.saturating_sub(name + 1).max(1));
                for (i, part) in parts.iter().take(VALUE_LINES).enumerate() {
                    // a lone space keeps the value's column on lines without a name
                    let key = if i == 0 { key.as_str() } else { " " };
                    out.push(Line {
                        cut: i + 1 == VALUE_LINES && parts.len() > VALUE_LINES,
                        ..line(key, part, *token)
                    });
                }
            }
        }
    }
    out
}

fn name_width(entries: &[Entry], columns: usize) -> usize {
    entries
        .iter()
        .map(|e| match e {
            Entry::Pair(name, _, _) => format::width(name),
            _ => 0,
        })
        .max()
        .unwrap_or(0)
        .min(NAME)
        .min(columns / 3)
}

/// Draws the lines from `top` on, which stays within the page. Returns how many lines the page has at this width.
pub fn draw(
    buf: &mut Buffer,
    area: Rect,
    theme: &Theme,
    entries: &[Entry],
    top: &mut usize,
) -> usize {
    let area = pen::clip(area, buf);
    // the scrollbar's column stays free also when there is none
    let columns = usize::from(area.width).saturating_sub(2);
    let lines = lines(entries, columns.max(1));
    let shown = usize::from(area.height);
    scroll::keep_visible(top, None, shown, lines.len());
    let name = name_width(entries, columns);
    for (i, line) in lines.iter().skip(*top).take(shown).enumerate() {
        let mut pen = Pen::new(buf, area, i as u16, theme);
        if !line.name.is_empty() {
            pen.cell(line.name, name, theme[Token::Muted]).skip(1);
        }
        let room = pen.room().saturating_sub(2);
        pen.put(
            &format::fit(line.text, room, theme.glyphs.ellipsis),
            theme[line.token],
        );
        if line.cut {
            pen.put(theme.glyphs.ellipsis, theme[Token::Muted]);
        }
    }
    if lines.len() > shown {
        let column = Rect {
            x: area.right().saturating_sub(1),
            width: area.width.min(1),
            ..area
        };
        scroll::bar(buf, column, theme, *top, lines.len(), std::iter::empty());
    }
    lines.len()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, theme};
    use super::*;

    fn page() -> Vec<Entry> {
        vec![
            Entry::Heading("load".into()),
            Entry::Pair("state".into(), "failed".into(), Token::State(crate::model::NodeState::Failed)),
            Entry::pair("the backend's word", "upstream_failed"),
            Entry::pair("a_very_long_name_of_a_value_that_is_cut", "x"),
            Entry::pair("note", "executor ran out of memory and nobody has looked yet, ask the team that owns it"),
            Entry::pair("payload", "abc ".repeat(2000)),
            Entry::Gap,
            Entry::Heading("runbook".into()),
            Entry::Text("Restart it with more memory. When that does not help, call the people who own the source.".into()),
        ]
    }

    #[test]
    fn looks() {
        for (width, height, top, ascii) in
            [(70, 24, 0, false), (36, 10, 4, false), (70, 12, 99, true)]
        {
            let text = testing::text(width, height, |buf, area| {
                let mut top = top;
                draw(buf, area, theme(ascii), &page(), &mut top);
            });
            let name = format!("details_{width}x{height}{}", testing::suffix(ascii));
            insta::assert_snapshot!(name, text);
        }
    }

    #[test]
    fn scrolling_ends_at_the_end() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 60, 5));
        let area = buf.area;
        let mut top = usize::MAX;
        let all = draw(&mut buf, area, theme(false), &page(), &mut top);
        assert_eq!(top, all - 5);
    }

    #[test]
    fn any_size() {
        testing::every_size(|buf, area| {
            draw(buf, area, theme(false), &page(), &mut 3);
            draw(buf, area, theme(false), &[], &mut 3);
        });
    }
}
