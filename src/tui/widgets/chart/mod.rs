//! Owns charts of values over time: dots, a line for what is usual, a dashed one for its upper end; failures and
//! changes have signs of their own. What is above the top is shown there as an arrow, not left out.

mod axis;
mod grid;

pub use axis::Unit;

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::format::{self, Zone};
use super::pen::{self, Pen};
use crate::model::NodeState;
use crate::tui::theme::{Theme, Token};
use grid::Grid;

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    Dashed,
    Line,
    Dots,
}

impl Look {
    pub(super) const ALL: [Self; 3] = [Self::Dashed, Self::Line, Self::Dots];

    fn style(self, theme: &Theme) -> Style {
        theme[match self {
            Self::Dashed => Token::Muted,
            Self::Line => Token::Accent,
            Self::Dots => Token::Spark,
        }]
    }
}

/// Values over time; what is no number is left out.
pub type Points = [(DateTime<Utc>, f64)];

pub struct Chart<'a> {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub unit: Unit,
    pub zone: Zone,
    pub series: &'a [(Look, &'a Points)],
    /// What went wrong, and its value where it has one.
    pub bad: &'a [(DateTime<Utc>, Option<f64>)],
    /// When something changed for good.
    pub changes: &'a [DateTime<Utc>],
    /// The top, where single values would press the others down.
    pub most: Option<f64>,
}

/// Where the values are.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// From 0 at the bottom to 1 at the top.
    fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

impl Chart<'_> {
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme) {
        let area = pen::clip(area, buf);
        if area.is_empty() {
            return;
        }
        let values = || {
            let all = self.series.iter().flat_map(|(_, points)| points.iter());
            let bad = self
                .bad
                .iter()
                .filter_map(|(at, value)| Some((*at, (*value)?)));
            let within = |at: &DateTime<Utc>| *at >= self.from && *at <= self.to;
            let all = all.copied().chain(bad);
            all.filter(move |(at, v)| v.is_finite() && within(at))
                .map(|(_, v)| v)
        };
        if values().next().is_none() && self.bad.is_empty() {
            Pen::new(buf, area, area.height / 2, theme)
                .skip(2)
                .put("nothing was measured in this time", theme[Token::Muted]);
            return;
        }
        let most = values().fold(0.0, f64::max);
        let most = match self.most.filter(|m| m.is_finite() && *m > 0.0) {
            Some(cap) => most.min(cap),
            None => most,
        };
        let least = values().fold(0.0, f64::min);
        let axis_rows = u16::from(area.height >= 4);
        let rows = area.height - axis_rows;
        let ticks = axis::ticks(self.unit, least, most, rows);
        let labels: Vec<String> = ticks.iter().map(|t| self.unit.label(*t)).collect();
        let gutter = match area.width >= 24 {
            true => labels.iter().map(|l| format::width(l)).max().unwrap_or(0) + 1,
            false => 0,
        };
        let gutter = u16::try_from(gutter).unwrap_or(0).min(area.width / 2);
        let scale = Scale {
            low: ticks.first().copied().unwrap_or(0.0),
            high: ticks.last().copied().unwrap_or(1.0),
        };
        let plot = Rect {
            x: area.x + gutter,
            width: area.width - gutter,
            height: rows,
            ..area
        };
        if gutter > 0 {
            for (tick, label) in ticks.iter().zip(&labels) {
                let row = row_of(scale.share(*tick), rows);
                Pen::new(buf, area, row, theme).cell_right(
                    label,
                    usize::from(gutter) - 1,
                    theme[Token::Muted],
                );
            }
        }
        self.plot(buf, plot, theme, &scale);
        if axis_rows > 0 {
            let row = Rect {
                y: area.bottom() - 1,
                height: 1,
                ..plot
            };
            for (column, text) in axis::times(self.from, self.to, plot.width, self.zone) {
                Pen::new(buf, row, 0, theme)
                    .skip(column)
                    .put(&text, theme[Token::Muted]);
            }
        }
    }

    /// From 0 at the left edge to 1 at the right one.
    fn across(&self, at: DateTime<Utc>) -> Option<f64> {
        let whole = (self.to - self.from).num_milliseconds().max(1) as f64;
        let share = (at - self.from).num_milliseconds() as f64 / whole;
        (0.0..=1.0).contains(&share).then_some(share)
    }

    fn plot(&self, buf: &mut Buffer, area: Rect, theme: &Theme, scale: &Scale) {
        let mut grid = Grid::new(area.width, area.height);
        let mut above = Vec::new();
        let mut single = Vec::new();
        // few values stand for themselves, many for their crowd
        let few = |points: &Points| points.len() <= usize::from(area.width);
        for (look, points) in self.series {
            let mut before = None;
            for (at, value) in points.iter().filter(|(_, v)| v.is_finite()) {
                let Some(x) = self.across(*at) else {
                    continue;
                };
                let y = scale.share(*value);
                if y > 1.0 && *look == Look::Dots {
                    above.push(x);
                    continue;
                }
                let here = (x, y.clamp(0.0, 1.0));
                if *look == Look::Dots && few(points) {
                    single.push(here);
                    continue;
                }
                match (look, before) {
                    (Look::Dots, _) | (_, None) => grid.dot(*look, here),
                    (_, Some(from)) => grid.line(*look, from, here),
                }
                before = Some(here);
            }
        }
        for at in self.changes {
            if let Some(x) = self.across(*at) {
                let column = column_of(x, area.width);
                let style = theme[Token::Warning];
                for row in 0..area.height {
                    put(buf, area, column, row, theme.glyphs.change, style);
                }
                put(buf, area, column, 0, theme.glyphs.bookmark, style);
            }
        }
        grid.draw(buf, area, theme);
        for (x, y) in single {
            let (column, row) = (column_of(x, area.width), row_of(y, area.height));
            let style = Look::Dots.style(theme);
            put(buf, area, column, row, theme.glyphs.hit, style);
        }
        for x in above {
            let style = Look::Dots.style(theme);
            put(
                buf,
                area,
                column_of(x, area.width),
                0,
                theme.glyphs.arrow_up,
                style,
            );
        }
        for (at, value) in self.bad {
            if let Some(x) = self.across(*at) {
                let share = value
                    .filter(|v| v.is_finite())
                    .map_or(0.0, |v| scale.share(v));
                let row = row_of(share.clamp(0.0, 1.0), area.height);
                let glyph = theme.state_glyph(NodeState::Failed);
                let style = theme.state(NodeState::Failed);
                put(buf, area, column_of(x, area.width), row, glyph, style);
            }
        }
    }
}

fn column_of(share: f64, columns: u16) -> u16 {
    let last = columns.saturating_sub(1);
    ((share * f64::from(columns)) as u16).min(last)
}

/// The row of a share of the height, from the top.
fn row_of(share: f64, rows: u16) -> u16 {
    let last = rows.saturating_sub(1);
    let up = ((share.clamp(0.0, 1.0) * f64::from(rows)) as u16).min(last);
    last - up
}

fn put(buf: &mut Buffer, area: Rect, column: u16, row: u16, glyph: &str, style: Style) {
    if column < area.width && row < area.height {
        buf.set_stringn(area.x + column, area.y + row, glyph, 1, style);
    }
}

#[cfg(test)]
mod tests;
