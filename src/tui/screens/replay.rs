//! The line of a replay: where in its span it stands, and where something failed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::app::{App, Replay};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::{Pen, format};

/// The screen without the line, and the line.
pub fn split(area: Rect) -> (Rect, Rect) {
    let line = u16::from(area.height >= 4);
    let rest = Rect {
        height: area.height - line,
        ..area
    };
    let line = Rect {
        y: rest.bottom(),
        height: line,
        ..area
    };
    (rest, line)
}

pub fn draw(app: &App, replay: &Replay, theme: &Theme, buf: &mut Buffer, area: Rect) {
    if area.is_empty() {
        return;
    }
    let zone = app.settings.zone;
    let mut pen = Pen::new(buf, area, 0, theme);
    let date = format!(" {} ", format::date_time(replay.at, zone));
    pen.put(&date, theme[Token::Title]);
    let from = format::date_minute(replay.span.from, zone);
    let to = format::date_minute(replay.span.to, zone);
    let ends = format::width(&from) + format::width(&to) + 4;
    let room = pen.room();
    let wide = room >= ends + 20;
    if wide {
        pen.put(&from, theme[Token::Muted]).skip(1);
    }
    let columns = if wide {
        room - ends
    } else {
        room.saturating_sub(1)
    };
    if columns == 0 {
        return;
    }
    let cell = |at| ((replay.place(at) * columns as f64) as usize).min(columns - 1);
    let mut failed = vec![false; columns];
    for at in &replay.marks {
        if let Some(cell) = failed.get_mut(cell(*at)) {
            *cell = true;
        }
    }
    let here = cell(replay.at);
    let (stands, fails) = match theme.glyphs.ascii {
        true => ("#", "x"),
        false => ("█", "✗"),
    };
    for (i, failed) in failed.into_iter().enumerate() {
        let (glyph, style) = match (i == here, failed) {
            (true, _) => (stands, theme[Token::Accent]),
            (false, true) => (fails, theme[Token::LogError]),
            (false, false) => (theme.glyphs.horizontal, theme[Token::Muted]),
        };
        pen.put(glyph, style);
    }
    if wide {
        pen.skip(1).put(&to, theme[Token::Muted]);
    }
    if !replay.marked && pen.room() > 0 {
        // more failures may be found yet
        pen.put(theme.glyphs.ellipsis, theme[Token::Muted]);
    }
}
