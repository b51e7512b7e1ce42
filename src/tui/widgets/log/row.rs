//! One row of a log: its marks, its time, its level, its fields, its text.

use std::borrow::Cow;
use std::ops::Range;

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::shape::Shape;
use super::text::{chunks, scrolled, segments};
use super::{LogPane, level_style};
use crate::logs::{LineKind, LogLine, Point};
use crate::model::{NodeState, SafeText, StyledText};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::format;
use crate::tui::widgets::pen::{self, Pen};
use crate::tui::widgets::table::selection;

/// What of a row is text: all of it, or what follows time and level.
pub(super) struct Content {
    line: LogLine,
    text: StyledText,
    from: usize,
    /// "(+38 lines)" behind it.
    more: String,
    fields: Vec<SafeText>,
}

impl Content {
    pub(super) fn of(pane: &LogPane, point: Point, fields: usize) -> Option<Self> {
        let log = pane.lens.log(point.source)?;
        let line = log.line(point.row)?;
        let hidden = pane.lens.hidden_after(point);
        let more = match hidden {
            0 => String::new(),
            n => format!("  (+{})", format::plural(n, "line")),
        };
        let mut shown = Self {
            text: StyledText::default(),
            from: 0,
            more,
            fields: Vec::new(),
            line,
        };
        if pane.look.raw
            && let Some(raw) = log.raw(point.row)
        {
            shown.text = StyledText::plain(raw);
            return Some(shown);
        }
        let columns = pane.look.columns.iter().take(fields);
        if fields > 0
            && shown.line.kind == LineKind::Start
            && let Some(record) = log.record_of(log.number_of(point.row))
            && !record.fields().is_empty()
        {
            let cells = columns.map(|name| {
                let field = record.fields().iter().find(|f| &f.name == name);
                let value = field.map(|f| match f.value.as_str() {
                    Some(text) => text.to_owned(),
                    None => f.value.to_string(),
                });
                SafeText::new(value.unwrap_or_default())
            });
            shown.fields = cells.collect();
            // what an object says, not how it is written
            if shown.line.message().trim_start().starts_with('{') {
                shown.text = StyledText::plain(SafeText::new(record.message()));
                return Some(shown);
            }
        }
        shown.from = match shown.line.kind {
            LineKind::Notice | LineKind::Continuation | LineKind::GroupEnd => 0,
            LineKind::Start | LineKind::GroupStart => shown.line.message_start(),
        };
        shown.text = shown.line.text.clone();
        Some(shown)
    }

    fn shown(&self) -> &str {
        self.text.text.get(self.from..).unwrap_or_default()
    }

    /// With what is folded away behind it.
    fn whole(&self) -> Cow<'_, str> {
        match self.more.is_empty() {
            true => Cow::Borrowed(self.shown()),
            false => Cow::Owned(format!("{}{}", self.shown(), self.more)),
        }
    }

    /// Lines of the screen it takes when it is wrapped.
    pub(super) fn height(&self, columns: usize, most: usize) -> usize {
        chunks(&self.whole(), columns, most).len()
    }
}

/// Where a row is drawn and what is around it.
pub(super) struct At<'a> {
    pub(super) area: Rect,
    /// The line of the area it begins on.
    pub(super) y: usize,
    pub(super) shape: Shape,
    pub(super) theme: &'a Theme,
    /// The time of the row above.
    pub(super) above: Option<DateTime<Utc>>,
}

/// Draws a row; returns how many lines it took and its time.
pub(super) fn draw(
    pane: &LogPane,
    buf: &mut Buffer,
    at: &At,
    point: Point,
) -> (usize, Option<DateTime<Utc>>) {
    let At {
        area,
        y,
        shape,
        theme,
        ..
    } = *at;
    let Some(content) = Content::of(pane, point, shape.fields) else {
        return (1, None);
    };
    let line = &content.line;
    let at_cursor = pane.cursor == Some(point) && !pane.following;
    let cause = pane
        .lens
        .log(point.source)
        .is_some_and(|log| log.is_cause(point.row));
    let selected = pane.selects(point);
    let mut pen = Pen::new(buf, area, y as u16, theme);
    if shape.name > 0 {
        let (name, style) = pane
            .names
            .get(point.source)
            .map_or(("", Style::new()), |(name, style)| (name.as_str(), *style));
        let name = match line.kind {
            LineKind::Continuation => "",
            _ => name,
        };
        pen.put(theme.glyphs.mark, style);
        pen.cell(name, shape.name, style).skip(1);
    }
    let marked = (pane.bookmarked)(point);
    match (cause, marked, selected, at_cursor) {
        (_, true, ..) => pen.put(theme.glyphs.bookmark, theme[Token::Mark]),
        (true, ..) => pen.put(theme.state_glyph(NodeState::Failed), theme[Token::LogError]),
        (_, _, true, _) => pen.put(theme.glyphs.mark, theme[Token::Accent]),
        (.., true) => pen.put(theme.glyphs.arrow_right, theme[Token::Accent]),
        _ => pen.skip(1),
    };
    if shape.times {
        let time = line.at.map(|time| {
            pane.look
                .times
                .shown(time, pane.zone, shape.start, at.above)
        });
        pen.cell(&time.unwrap_or_default(), 8, theme[Token::LogTime])
            .skip(1);
    }
    if shape.levels {
        let letter = match (line.level, line.kind) {
            (Some(level), LineKind::Start) => level.letter(),
            _ => ' ',
        };
        pen.put(
            letter.encode_utf8(&mut [0; 4]),
            level_style(theme, line.level),
        )
        .skip(1);
    }
    for cell in 0..shape.fields {
        let text = content.fields.get(cell).map_or("", SafeText::as_str);
        pen.cell(text, Shape::FIELD, theme[Token::Text]).skip(1);
    }
    if at_cursor || selected {
        let rect = Rect {
            width: shape.prefix.max(1).min(usize::from(area.width)) as u16,
            ..pen::row(area, y as u16)
        };
        buf.set_style(rect, selection(theme, pane.focused && at_cursor));
    }
    let used = text(pane, buf, at, &content, at_cursor, cause);
    (used, line.at)
}

/// The text of a row, in one line or wrapped; returns how many lines it took.
fn text(
    pane: &LogPane,
    buf: &mut Buffer,
    at: &At,
    content: &Content,
    at_cursor: bool,
    cause: bool,
) -> usize {
    let At {
        area,
        y,
        shape,
        theme,
        ..
    } = *at;
    let whole = content.whole();
    let pieces = match pane.look.wrap {
        true => chunks(&whole, shape.columns, usize::from(area.height) - y),
        false => vec![scrolled(&whole, pane.look.left, shape.columns)],
    };
    let cut = !pane.look.wrap && pieces.first().is_some_and(|p| p.end < whole.len());
    let base = base_style(theme, &content.line, cause);
    let hit = theme[if at_cursor {
        Token::MatchCurrent
    } else {
        Token::Match
    }];
    let mut hits: Vec<Range<usize>> = Vec::new();
    for pattern in pane.highlights {
        hits.extend(pattern.hits(&content.text.text));
    }
    let body = Rect {
        x: area.x.saturating_add(shape.prefix as u16),
        width: (shape.columns as u16).min(area.width.saturating_sub(shape.prefix as u16)),
        ..area
    };
    let own = content.shown().len();
    for (i, piece) in pieces.iter().enumerate() {
        let mut pen = Pen::new(buf, body, (y + i) as u16, theme);
        let range = piece.start.min(own) + content.from..piece.end.min(own) + content.from;
        for (part, style) in segments(&content.text, range, base, &hits, hit) {
            pen.put(part, style);
        }
        if piece.end > own {
            let more = whole.get(piece.start.max(own)..piece.end);
            pen.put(more.unwrap_or_default(), theme[Token::Muted]);
        }
    }
    if cut && !body.is_empty() {
        let last = Rect {
            x: body.right() - 1,
            width: 1,
            ..body
        };
        Pen::new(buf, last, y as u16, theme).put(theme.glyphs.ellipsis, theme[Token::Muted]);
    }
    pieces.len().max(1)
}

fn base_style(theme: &Theme, line: &LogLine, cause: bool) -> Style {
    match line.kind {
        LineKind::Notice => theme[Token::Stale],
        LineKind::GroupStart => theme[Token::Title],
        LineKind::GroupEnd => theme[Token::Muted],
        _ if cause => theme.state(NodeState::Failed),
        LineKind::Start => level_style(theme, line.level),
        LineKind::Continuation => theme[Token::Text],
    }
}
