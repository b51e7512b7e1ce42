//! What the tests of widgets share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::LazyLock;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::pen::Pen;
use crate::tui::term::ColorDepth;
use crate::tui::theme::Theme;

/// The default theme in sixteen colours.
pub fn theme(ascii: bool) -> &'static Theme {
    static UNICODE: LazyLock<Theme> = LazyLock::new(|| Theme::terminal(ColorDepth::Ansi16, true));
    static ASCII: LazyLock<Theme> = LazyLock::new(|| Theme::terminal(ColorDepth::Ansi16, false));
    if ascii { &ASCII } else { &UNICODE }
}

pub fn suffix(ascii: bool) -> &'static str {
    if ascii { "_ascii" } else { "" }
}

/// What `draw` leaves on one row.
pub fn one_line(columns: u16, draw: impl FnOnce(&mut Pen)) -> String {
    let area = Rect::new(0, 0, columns, 1);
    let mut buf = Buffer::empty(area);
    draw(&mut Pen::new(&mut buf, area, 0, theme(false)));
    lines(&buf).join("\n")
}

/// The characters of a buffer, row by row.
pub fn lines(buf: &Buffer) -> Vec<String> {
    let area = buf.area;
    (area.top()..area.bottom())
        .map(|y| {
            let mut line = String::new();
            let mut skip = 0;
            for x in area.left()..area.right() {
                if skip == 0 {
                    line.push_str(buf[(x, y)].symbol());
                    skip = super::format::width(buf[(x, y)].symbol());
                }
                skip = skip.saturating_sub(1);
            }
            line
        })
        .collect()
}

/// A drawing as text, what is reversed between `⟦⟧` on a line of its own below: position counts, not only colour.
pub fn text(width: u16, height: u16, draw: impl FnOnce(&mut Buffer, Rect)) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    draw(&mut buf, area);
    let mut out = lines(&buf)
        .iter()
        .map(|l| l.trim_end().to_owned())
        .collect::<Vec<_>>();
    for y in 0..height {
        let reversed: Vec<u16> = (0..width)
            .filter(|x| {
                buf[(*x, y)]
                    .modifier
                    .contains(ratatui::style::Modifier::REVERSED)
            })
            .collect();
        if let (Some(first), Some(last)) = (reversed.first(), reversed.last()) {
            out.push(format!("[reversed: row {y}, columns {first} to {last}]"));
        }
    }
    out.join("\n")
}

/// Draws in areas of many odd sizes, on buffers that hold them fully, partly and not at all.
/// Cells outside of the area must stay as they were.
pub fn every_size(mut draw: impl FnMut(&mut Buffer, Rect)) {
    let sizes = [0, 1, 2, 3, 4, 5, 7, 11, 20, 33, 80, 300];
    for width in sizes {
        for height in [0, 1, 2, 3, 5, 9, 24, 100] {
            let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
            draw(&mut buf, Rect::new(0, 0, width, height));
            draw(&mut buf, Rect::new(width / 2, height / 3, width, height));
            draw(&mut buf, Rect::new(500, 500, width, height));

            let mut buf = Buffer::filled(
                Rect::new(0, 0, width + 4, height + 2),
                ratatui::buffer::Cell::new("¤"),
            );
            let area = Rect::new(2, 1, width, height);
            draw(&mut buf, area);
            for y in 0..height + 2 {
                for x in 0..width + 4 {
                    let outside = !area.contains((x, y).into());
                    assert!(
                        !outside || buf[(x, y)].symbol() == "¤",
                        "{area:?} drew on {x},{y}"
                    );
                }
            }
        }
    }
}
