//! Owns the timeline: a row for each node, bars where it waited and ran.

use std::cell::Cell;

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::format::{self, Zone};
use super::pen::{self, Pen};
use super::time_axis::Axis;
use super::{scroll, table};
use crate::model::NodeState;
use crate::tui::theme::{Theme, Token};

/// From this height on the last row tells what the signs mean.
const LEGEND_FROM: u16 = 8;
/// From this width on there is a column with how long each took.
const TIME_FROM: u16 = 64;
const TIME: u16 = 7;

/// What a bar says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Ready, and waiting for a slot.
    Queued,
    /// One attempt.
    Ran(NodeState),
    /// Something in this open group did something.
    Inside,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub what: What,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    pub depth: usize,
    /// `Some` for a group: whether it is open.
    pub open: Option<bool>,
    pub name: String,
    pub state: NodeState,
    /// In the order of time; later ones are drawn over earlier ones.
    pub bars: Vec<Bar>,
    /// The end of the run hangs on it.
    pub critical: bool,
    pub took: Option<chrono::Duration>,
}

/// One timeline as it is drawn now.
pub struct Timeline<'a> {
    pub axis: &'a Axis,
    /// Part of the axis that is in view.
    pub window: (f64, f64),
    pub now: DateTime<Utc>,
    pub zone: Zone,
    pub len: usize,
    pub selected: Option<usize>,
    pub focused: bool,
    /// Called for rows in view only.
    pub row: &'a dyn Fn(usize) -> Row,
}

struct Signs {
    queued: &'static str,
    ran: &'static str,
    critical: &'static str,
    inside: &'static str,
    now: &'static str,
    gap: &'static str,
}

fn signs(theme: &Theme) -> Signs {
    if theme.glyphs.ascii {
        Signs {
            queued: ".",
            ran: "=",
            critical: "#",
            inside: "-",
            now: "|",
            gap: "/",
        }
    } else {
        Signs {
            queued: "░",
            ran: "▄",
            critical: "█",
            inside: "─",
            now: "│",
            gap: "╱",
        }
    }
}

/// Columns of the name, which never vanishes, and of the bars.
fn split(area: Rect) -> (u16, u16, u16) {
    let time = if area.width >= TIME_FROM { TIME + 1 } else { 0 };
    let name = (area.width * 3 / 10).clamp(12, 40).min(area.width);
    // a space after the name, and the scrollbar's column
    let bars = area.width.saturating_sub(name + 1 + time + 1);
    (name, bars, time)
}

impl Timeline<'_> {
    /// `top` is the first row in view; it moves as little as possible to keep the selected one in view.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme, top: &Cell<usize>) {
        let area = pen::clip(area, buf);
        if area.is_empty() {
            return;
        }
        let (name, bars, time) = split(area);
        let head = u16::from(area.height > 1);
        let legend = u16::from(area.height >= LEGEND_FROM);
        let body = Rect {
            y: area.y + head,
            height: area.height - head - legend,
            ..area
        };
        let shown = usize::from(body.height);
        let mut first = top.get();
        scroll::keep_visible(&mut first, self.selected, shown, self.len);
        top.set(first);
        let strip = Rect {
            x: area.x + name + 1,
            width: bars,
            ..area
        };
        if head > 0 {
            self.header(buf, area, strip, theme, name);
        }
        let signs = signs(theme);
        for i in 0..shown.min(self.len.saturating_sub(first)) {
            let index = first + i;
            let row = (self.row)(index);
            let line = pen::row(body, i as u16);
            let label = Rect {
                width: name,
                ..line
            };
            draw_name(buf, label, theme, &row);
            if self.selected == Some(index) {
                buf.set_style(label, table::selection(theme, self.focused));
            }
            let strip = Rect {
                x: strip.x,
                width: strip.width,
                ..line
            };
            self.strip(buf, strip, theme, &signs, &row);
            if time > 0 {
                let took = row.took.map(format::duration_fine);
                let at = Rect {
                    x: strip.right(),
                    width: time,
                    ..line
                };
                Pen::new(buf, at, 0, theme).skip(1).cell_right(
                    took.as_deref().unwrap_or(theme.glyphs.none),
                    usize::from(TIME),
                    theme[Token::Text],
                );
            }
        }
        if self.len > shown && area.width > 8 {
            let column = Rect {
                x: area.right() - 1,
                width: 1,
                ..body
            };
            scroll::bar(buf, column, theme, first, self.len, std::iter::empty());
        }
        if legend > 0 {
            self.legend(buf, area, theme, &signs);
        }
    }

    fn column(&self, time: DateTime<Utc>, columns: u16) -> f64 {
        let wide = (self.window.1 - self.window.0).max(1.0);
        (self.axis.place(time) - self.window.0) / wide * f64::from(columns)
    }

    fn header(&self, buf: &mut Buffer, area: Rect, strip: Rect, theme: &Theme, name: u16) {
        let zone = format::zone_word(self.now, self.zone);
        let mut pen = Pen::new(buf, area, 0, theme);
        let mut label = pen.cell_of(usize::from(name), format::Align::Left);
        label.skip(2).put("NODE", theme[Token::Title]);
        let gap = label.room().saturating_sub(zone.len());
        label.skip(gap).put(&zone, theme[Token::Muted]);
        let columns = usize::from(strip.width);
        for tick in self.axis.ticks(self.window, columns, self.now, self.zone) {
            Pen::new(buf, strip, 0, theme)
                .skip(tick.column)
                .put(&tick.text, theme[Token::Muted]);
        }
        if strip.right() < area.right().saturating_sub(1) {
            let at = Rect {
                x: strip.right(),
                width: area.right() - 1 - strip.right(),
                ..area
            };
            Pen::new(buf, at, 0, theme).cell_right(
                "TIME",
                usize::from(at.width),
                theme[Token::Title],
            );
        }
    }

    fn strip(&self, buf: &mut Buffer, area: Rect, theme: &Theme, signs: &Signs, row: &Row) {
        let columns = usize::from(area.width);
        if columns == 0 {
            return;
        }
        let mut cells: Vec<Option<(&'static str, Style)>> = vec![None; columns];
        // first column, column after the last, whether the end is in view
        let mut ends = Vec::new();
        let (mut left, mut right) = (false, false);
        for bar in &row.bars {
            let from = self.column(bar.from, area.width);
            let to = self.column(bar.to, area.width);
            if to < 0.0 {
                left = true;
                continue;
            }
            if from >= columns as f64 {
                right = true;
                continue;
            }
            // casts saturate; what is shorter than a cell is one cell
            let a = from.max(0.0).floor() as usize;
            let b = (to.ceil().max(0.0) as usize).clamp(a + 1, columns.max(a + 1));
            let (glyph, style) = match bar.what {
                What::Queued => (signs.queued, theme[Token::Muted]),
                What::Inside => (signs.inside, theme[Token::Border]),
                What::Ran(state) if row.critical => (signs.critical, theme.state(state)),
                What::Ran(state) => (signs.ran, theme.state(state)),
            };
            for cell in cells.iter_mut().take(b.min(columns)).skip(a) {
                *cell = Some((glyph, style));
            }
            if let What::Ran(state) = bar.what
                && to <= columns as f64 + 0.5
            {
                ends.push((b.min(columns), state));
            }
        }
        let wide = (self.window.1 - self.window.0).max(1.0);
        for (at, _) in self.axis.breaks(self.window) {
            let at = (at - self.window.0) / wide * columns as f64;
            if let Some(cell @ None) = cells.get_mut(at as usize) {
                *cell = Some((signs.gap, theme[Token::Warning]));
            }
        }
        for (end, state) in &ends {
            // behind the bar where there is room, else on its last cell
            let at = match cells.get(*end) {
                Some(None) => *end,
                _ => end.saturating_sub(1),
            };
            if let Some(cell) = cells.get_mut(at) {
                *cell = Some((theme.state_glyph(*state), theme.state(*state)));
            }
        }
        if ends.is_empty() && (left || right) {
            let glyph = if left {
                Some((0, theme.glyphs.arrow_left))
            } else {
                right.then_some((columns - 1, theme.glyphs.arrow_right))
            };
            if let Some((at, glyph)) = glyph
                && let Some(cell) = cells.get_mut(at)
            {
                *cell = Some((glyph, theme[Token::Muted]));
            }
        }
        let now = self.column(self.now, area.width);
        if now >= 0.0
            && self.axis.place(self.now) <= self.axis.len()
            && let Some(cell @ None) = cells.get_mut(now as usize)
        {
            *cell = Some((signs.now, theme[Token::Accent]));
        }
        for (i, cell) in cells.into_iter().enumerate() {
            if let Some((glyph, style)) = cell {
                Pen::new(buf, area, 0, theme).skip(i).put(glyph, style);
            }
        }
    }

    fn legend(&self, buf: &mut Buffer, area: Rect, theme: &Theme, signs: &Signs) {
        let mut pen = Pen::new(buf, area, area.height - 1, theme);
        pen.skip(2);
        let mut put = |sign: &str, style: Style, word: &str| {
            if pen.room() > format::width(sign) + word.len() + 3 {
                pen.put(sign, style)
                    .put(" ", style)
                    .put(word, theme[Token::Muted])
                    .skip(2);
            }
        };
        put(signs.critical, theme[Token::Text], "critical path");
        put(signs.ran, theme[Token::Text], "other");
        put(signs.queued, theme[Token::Muted], "queued");
        if self.axis.place(self.now) <= self.axis.len() {
            put(signs.now, theme[Token::Accent], "now");
        }
        let left_out = self
            .axis
            .breaks(self.window)
            .fold(chrono::Duration::zero(), |sum, (_, d)| sum + d);
        if left_out > chrono::Duration::zero() {
            let text = format!("{} left out", format::duration(left_out));
            put(signs.gap, theme[Token::Warning], &text);
        }
        if self.window.1 - self.window.0 < self.axis.len() - 1.0 {
            let times = (self.axis.len() / (self.window.1 - self.window.0).max(1.0)).round();
            let arrows = format!("{}{}", theme.glyphs.arrow_left, theme.glyphs.arrow_right);
            put(
                &arrows,
                theme[Token::Accent],
                &format!("{times} times nearer"),
            );
        }
    }
}

/// State, fold and name of a row.
pub(super) fn draw_name(buf: &mut Buffer, area: Rect, theme: &Theme, row: &Row) {
    let mut pen = Pen::new(buf, area, 0, theme);
    pen.put(theme.state_glyph(row.state), theme.state(row.state))
        .skip(1)
        // deep names keep some room
        .skip((row.depth * 2).min(usize::from(area.width) / 3));
    match row.open {
        None => pen.middle(&row.name, theme[Token::Text]),
        Some(open) => {
            let sign = if open {
                theme.glyphs.open
            } else {
                theme.glyphs.closed
            };
            pen.put(sign, theme[Token::Accent])
                .skip(1)
                .middle(&row.name, theme[Token::Title])
        }
    };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::testing::{every_size, suffix, text, theme};
    use super::*;
    use chrono::Duration;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap() + Duration::minutes(minutes)
    }

    fn bar(from: i64, to: i64, what: What) -> Bar {
        Bar {
            from: at(from),
            to: at(to),
            what,
        }
    }

    fn rows() -> Vec<Row> {
        let ran = |state, a, b| bar(a, b, What::Ran(state));
        let row = |name: &str, state, bars: Vec<Bar>, critical| Row {
            name: name.to_owned(),
            state,
            bars,
            critical,
            took: Some(Duration::minutes(3)),
            ..Row::default()
        };
        let mut rows = vec![
            row(
                "extract",
                NodeState::Succeeded,
                vec![bar(0, 2, What::Queued), ran(NodeState::Succeeded, 2, 6)],
                true,
            ),
            row(
                "load_orders_into_the_warehouse_of_the_west",
                NodeState::Running,
                vec![
                    ran(NodeState::Failed, 6, 9),
                    ran(NodeState::Failed, 2886, 2889),
                    bar(2889, 2892, What::Queued),
                    ran(NodeState::Running, 2892, 2897),
                ],
                true,
            ),
            row("audit", NodeState::Pending, vec![], false),
        ];
        rows.push(Row {
            open: Some(true),
            name: "transform [2]".to_owned(),
            state: NodeState::Succeeded,
            bars: vec![bar(3, 8, What::Inside)],
            ..Row::default()
        });
        rows.push(Row {
            depth: 1,
            ..row(
                "join",
                NodeState::Succeeded,
                vec![ran(NodeState::Succeeded, 3, 8)],
                false,
            )
        });
        rows
    }

    fn draw(buf: &mut Buffer, area: Rect, ascii: bool, zoom: u32) {
        let rows = rows();
        let axis = Axis::of(
            rows.iter().flat_map(|r| &r.bars).map(|b| (b.from, b.to)),
            true,
        );
        Timeline {
            axis: &axis,
            window: axis.window(zoom, Some(at(2890))),
            now: at(2897),
            zone: Zone::Utc,
            len: rows.len(),
            selected: Some(1),
            focused: true,
            row: &|i| rows[i].clone(),
        }
        .draw(buf, area, theme(ascii), &Cell::new(0));
    }

    #[test]
    fn attempts_days_apart_share_a_row() {
        for ascii in [false, true] {
            for zoom in [0, 1] {
                let name = format!("timeline_{zoom}{}", suffix(ascii));
                insta::assert_snapshot!(
                    name,
                    text(78, 9, |buf, area| draw(buf, area, ascii, zoom))
                );
            }
        }
    }

    #[test]
    fn any_size() {
        every_size(|buf, area| draw(buf, area, false, 0));
        every_size(|buf, area| draw(buf, area, true, 9));
    }
}
