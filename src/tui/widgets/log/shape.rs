//! How a row divides into columns.

use chrono::{DateTime, Utc};
use ratatui::layout::Rect;

use crate::logs::Point;

use super::LogPane;
use crate::tui::widgets::format;

/// Columns of a field.
const FIELD: usize = 14;
/// Columns of the short name of a log at most.
const NAME: usize = 12;
/// Columns that stay for the text.
const TEXT: usize = 16;

/// Name of the log, mark, time, level, fields, text, scrollbar.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Columns of the name of the log, its bar apart; 0: there is one log.
    pub(super) name: usize,
    pub(super) times: bool,
    pub(super) levels: bool,
    /// Fields for which there is room.
    pub(super) fields: usize,
    /// Columns before the text.
    pub(super) prefix: usize,
    /// Of the text.
    pub(super) columns: usize,
    /// When the logs began, where times count from there.
    pub(super) start: Option<DateTime<Utc>>,
}

impl Shape {
    pub(super) const FIELD: usize = FIELD;

    pub(super) fn of(pane: &LogPane, area: Rect, top: Option<Point>) -> Self {
        let width = usize::from(area.width);
        let height = usize::from(area.height);
        let lens = pane.lens;
        let line = |p: Point| lens.log(p.source)?.line(p.row);
        // a long traceback has its time at its first line, above the view
        let first = top.map(|top| Point {
            row: lens.record(top).start,
            ..top
        });
        let near: Vec<_> = first
            .into_iter()
            .chain(top)
            .chain(top.into_iter().flat_map(|top| lens.after(top).take(height)))
            .filter_map(line)
            .collect();
        let mut name = 0;
        if lens.sources().len() > 1 {
            let widest = pane.names.iter().map(|(name, _)| format::width(name)).max();
            name = widest
                .unwrap_or_default()
                .clamp(1, NAME.min(width / 6).max(1));
        }
        let times = width >= 40 && near.iter().any(|l| l.at.is_some());
        let levels = width >= 20 && near.iter().any(|l| l.level.is_some());
        let mut prefix = 1;
        prefix += if name > 0 { name + 2 } else { 0 };
        prefix += if times { 9 } else { 0 };
        prefix += if levels { 2 } else { 0 };
        let room = width.saturating_sub(prefix + 1 + TEXT);
        let fields = pane.look.columns.len().min(room / (FIELD + 1));
        prefix += fields * (FIELD + 1);
        let begin = |s: &crate::logs::Source| {
            let named = s.log.lines(0..64).find_map(|line| line.at);
            named.or(s.since)
        };
        Self {
            name,
            times,
            levels,
            fields,
            prefix,
            columns: width.saturating_sub(prefix + 1).max(1),
            start: lens.sources().iter().filter_map(begin).min(),
        }
    }
}
