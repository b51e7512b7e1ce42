//! Owns the tables of what surrounds the pipelines: backends, queues, components, notices.

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::model::{BackendId, Component, NodeState, Notice, NoticeLevel, Queue, Reach};
use crate::tui::theme::{Theme, Token};
use crate::world::BackendView;

use super::bar;
use super::format;
use super::pen::Pen;
use super::table::{Column, Table, Width};

/// What these tables have in common.
#[derive(Clone, Copy)]
pub struct Place {
    pub area: Rect,
    pub selected: Option<usize>,
    pub focused: bool,
    pub now: DateTime<Utc>,
}

impl Place {
    pub(super) fn table<'a>(&self, columns: &'a [Column], len: usize) -> Table<'a> {
        Table {
            columns,
            len,
            selected: self.selected,
            focused: self.focused,
            header: true,
            marked: &|_| false,
        }
    }
}

const BACKENDS: [Column; 9] = [
    Column::new("", Width::Fixed(1)),
    Column::new("BACKEND", Width::Min(10, 20)),
    Column::new("STATE", Width::Fixed(11)),
    Column::new("VERSION", Width::Min(10, 28)).drop(3),
    Column::new("LATENCY", Width::Fixed(7)).right().drop(2),
    Column::new("REQ/S", Width::Fixed(5)).right().drop(4),
    Column::new("FAILED", Width::Fixed(6)).right().drop(5),
    Column::new("LAST GOOD", Width::Fixed(10)).right().drop(1),
    Column::new("WHAT", Width::Fill(28)),
];

/// `rate`: requests a second of late, from whoever samples the counters.
pub fn backends(
    buf: &mut Buffer,
    place: Place,
    theme: &Theme,
    rows: &[&BackendView],
    rate: &dyn Fn(&BackendId) -> Option<f64>,
    top: &mut usize,
) -> usize {
    let mut cell = |row: usize, column: usize, pen: &mut Pen| {
        let Some(view) = rows.get(row) else {
            return;
        };
        let (glyph, word, style) = reach(view, theme);
        let stats = view.status.stats;
        let muted = theme[Token::Muted];
        match column {
            0 => pen.fill(glyph, style),
            1 => pen.fill(&view.info.name, theme[Token::Text]),
            2 => pen.fill(word, style),
            3 if view.status.version.is_empty() => pen.fill(view.info.kind, muted),
            3 => pen.fill(&view.status.version, theme[Token::Text]),
            4 if stats.requests == 0 => pen.fill(theme.glyphs.none, muted),
            4 => pen.fill(&milliseconds(stats.latency_us), theme[Token::Text]),
            5 => match rate(&view.info.id) {
                Some(rate) => pen.fill(&format!("{rate:.1}"), theme[Token::Text]),
                None => pen.fill(theme.glyphs.none, muted),
            },
            6 => pen.fill(&format::count(stats.failures), theme[Token::Text]),
            7 => {
                let age = view.last_good.map(|at| format::age(at, place.now));
                let style = theme[if view.up() { Token::Text } else { Token::Stale }];
                pen.fill(age.as_deref().unwrap_or("never"), style)
            }
            _ => {
                let (what, style) = trouble(view, theme, place.now);
                pen.fill(&what, style)
            }
        };
    };
    place
        .table(&BACKENDS, rows.len())
        .draw(buf, place.area, theme, top, &mut cell)
}

fn reach(view: &BackendView, theme: &Theme) -> (&'static str, &'static str, Style) {
    match view.status.reach {
        Reach::Connecting => (
            theme.state_glyph(NodeState::Queued),
            "connecting",
            theme[Token::Muted],
        ),
        Reach::Up if view.status.degraded.is_some() => (
            theme.state_glyph(NodeState::Warned),
            "degraded",
            theme[Token::Warning],
        ),
        Reach::Up => (theme.glyphs.up, "up", theme[Token::Good]),
        Reach::Down { .. } => (theme.glyphs.down, "down", theme.state(NodeState::Failed)),
        Reach::Refused { .. } => (theme.glyphs.down, "refused", theme.state(NodeState::Failed)),
    }
}

/// The most important thing to say of a backend.
fn trouble(view: &BackendView, theme: &Theme, now: DateTime<Utc>) -> (String, Style) {
    match &view.status.reach {
        Reach::Down { reason, retry_at } => {
            let retry = retry_at.map(|at| format!(", retry {}", format::age(at, now)));
            let since = view
                .down_since
                .map(|at| format!(", since {}", format::duration(now - at)));
            let text = format!(
                "{reason}{}{}",
                since.unwrap_or_default(),
                retry.unwrap_or_default()
            );
            (text, theme.state(NodeState::Failed))
        }
        Reach::Refused { reason } => (reason.to_string(), theme.state(NodeState::Failed)),
        Reach::Connecting => (String::new(), theme[Token::Muted]),
        Reach::Up => {
            if let Some(why) = &view.status.degraded {
                return (why.to_string(), theme[Token::Warning]);
            }
            if view.bad_records > 0 {
                let last = view.last_bad.as_ref().map(|l| format!(": {l}"));
                let n = format::plural(view.bad_records as usize, "unreadable record");
                return (
                    format!("{n}{}", last.unwrap_or_default()),
                    theme[Token::Warning],
                );
            }
            if let Some(skew) = view.status.clock_skew_ms.filter(|ms| ms.abs() > 5_000) {
                let side = if skew > 0 { "ahead" } else { "behind" };
                let by = format::duration(chrono::Duration::milliseconds(skew.saturating_abs()));
                return (format!("its clock is {by} {side}"), theme[Token::Warning]);
            }
            let mode = match (view.info.read_only, view.info.protect) {
                (true, _) => "read only",
                (false, true) => "protected",
                (false, false) => "",
            };
            (mode.to_owned(), theme[Token::Muted])
        }
    }
}

fn milliseconds(us: u64) -> String {
    match us {
        0..10_000 => format!("{:.1} ms", us as f64 / 1000.0),
        10_000..1_000_000 => format!("{} ms", us / 1000),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}

const QUEUES: [Column; 6] = [
    Column::new("QUEUE", Width::Min(12, 28)),
    Column::new("BACKEND", Width::Min(8, 16)).drop(2),
    Column::new("USED", Width::Fixed(18)).drop(1),
    Column::new("RUNNING", Width::Fixed(11)).right(),
    Column::new("WAITING", Width::Fixed(8)).right(),
    Column::new("HELD BY", Width::Fill(8)).drop(3),
];

/// Queues with the name of the backend they belong to.
pub fn queues(
    buf: &mut Buffer,
    place: Place,
    theme: &Theme,
    rows: &[(&str, &Queue)],
    top: &mut usize,
) -> usize {
    let mut cell = |row: usize, column: usize, pen: &mut Pen| {
        let Some((backend, queue)) = rows.get(row) else {
            return;
        };
        let full = queue.slots.is_some_and(|n| queue.running >= n);
        let text = theme[Token::Text];
        match (column, queue.slots) {
            (0, _) => {
                pen.fill(&queue.name, text);
            }
            (1, _) => {
                pen.fill(backend, theme[Token::Muted]);
            }
            (2, Some(slots)) if slots > 0 => {
                let style = theme[if full { Token::Warning } else { Token::Bar }];
                let fraction = queue.running as f64 / slots as f64;
                bar::draw(pen, theme, fraction, 18, style);
            }
            (2, _) => {
                pen.fill("no limit", theme[Token::Muted]);
            }
            (3, Some(slots)) => {
                let figures = format!(
                    "{} / {}",
                    format::count(queue.running),
                    format::count(slots)
                );
                pen.fill(&figures, text);
            }
            (3, None) => {
                pen.fill(&format::count(queue.running), text);
            }
            (4, _) => {
                // waiting while there is room is ordinary; waiting for a full queue is what one looks for
                let style = if full && queue.waiting > 0 {
                    theme[Token::Warning]
                } else {
                    text
                };
                pen.fill(&format::count(queue.waiting), style);
            }
            _ => {
                let held = queue.held_by.as_deref().unwrap_or_default();
                pen.fill(held, theme[Token::Muted]);
            }
        }
    };
    place
        .table(&QUEUES, rows.len())
        .draw(buf, place.area, theme, top, &mut cell)
}

const COMPONENTS: [Column; 6] = [
    Column::new("", Width::Fixed(1)),
    Column::new("COMPONENT", Width::Min(12, 24)),
    Column::new("BACKEND", Width::Min(8, 16)).drop(1),
    Column::new("STATE", Width::Fixed(9)),
    Column::new("HEARTBEAT", Width::Fixed(10)).right().drop(2),
    Column::new("NOTE", Width::Fill(8)).drop(3),
];

/// Components with the name of the backend they belong to.
pub fn components(
    buf: &mut Buffer,
    place: Place,
    theme: &Theme,
    rows: &[(&str, &Component)],
    top: &mut usize,
) -> usize {
    let mut cell = |row: usize, column: usize, pen: &mut Pen| {
        let Some((backend, part)) = rows.get(row) else {
            return;
        };
        let (glyph, word, style) = match part.healthy {
            Some(true) => (theme.glyphs.up, "healthy", theme[Token::Good]),
            Some(false) => (
                theme.glyphs.down,
                "unhealthy",
                theme.state(NodeState::Failed),
            ),
            None => (
                theme.state_glyph(NodeState::Unknown),
                "unknown",
                theme[Token::Muted],
            ),
        };
        match column {
            0 => pen.fill(glyph, style),
            1 => pen.fill(&part.name, theme[Token::Text]),
            2 => pen.fill(backend, theme[Token::Muted]),
            3 => pen.fill(word, style),
            4 => {
                let age = part.heartbeat.map(|at| format::age(at, place.now));
                pen.fill(
                    age.as_deref().unwrap_or(theme.glyphs.none),
                    theme[Token::Text],
                )
            }
            _ => pen.fill(
                part.note.as_deref().unwrap_or_default(),
                theme[Token::Muted],
            ),
        };
    };
    place
        .table(&COMPONENTS, rows.len())
        .draw(buf, place.area, theme, top, &mut cell)
}

const NOTICES: [Column; 5] = [
    Column::new("", Width::Fixed(1)),
    Column::new("ABOUT", Width::Min(16, 32)),
    Column::new("BACKEND", Width::Min(8, 16)).drop(2),
    Column::new("SINCE", Width::Fixed(8)).right().drop(1),
    Column::new("WHAT", Width::Fill(28)),
];

/// Notices with the name of the backend that says them; the last line of a text says what is wrong.
pub fn notices(
    buf: &mut Buffer,
    place: Place,
    theme: &Theme,
    rows: &[(&str, &Notice)],
    top: &mut usize,
) -> usize {
    let mut cell = |row: usize, column: usize, pen: &mut Pen| {
        let Some((backend, notice)) = rows.get(row) else {
            return;
        };
        let (glyph, style) = match notice.level {
            NoticeLevel::Error => (
                theme.state_glyph(NodeState::Failed),
                theme.state(NodeState::Failed),
            ),
            NoticeLevel::Warning => (theme.state_glyph(NodeState::Warned), theme[Token::Warning]),
        };
        match column {
            0 => pen.fill(glyph, style),
            1 => pen.middle(&notice.subject, theme[Token::Text]),
            2 => pen.fill(backend, theme[Token::Muted]),
            3 => {
                let age = notice.at.map(|at| format::duration(place.now - at));
                pen.fill(
                    age.as_deref().unwrap_or(theme.glyphs.none),
                    theme[Token::Muted],
                )
            }
            _ => {
                let last = notice.text.iter().rev().find(|l| !l.trim().is_empty());
                pen.fill(last.map_or("", |l| l.trim()), style)
            }
        };
    };
    place
        .table(&NOTICES, rows.len())
        .draw(buf, place.area, theme, top, &mut cell)
}

#[cfg(test)]
#[path = "system_tests.rs"]
mod tests;
