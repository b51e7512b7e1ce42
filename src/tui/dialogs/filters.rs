//! The filters of a log, switched, changed and removed singly.

use chrono::{DateTime, Utc};
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Watch;
use crate::tui::app::{App, Sieve};
use crate::tui::term::KeyPress;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::{Pen, format, popup};

use super::{Dialog, Next, settled};

#[derive(Debug)]
pub struct Filters {
    at: usize,
    since: DateTime<Utc>,
}

impl Filters {
    pub(crate) fn new(since: DateTime<Utc>) -> Self {
        Self { at: 0, since }
    }

    pub(crate) fn key(mut self, app: &mut App, watch: &Watch, press: KeyPress) -> Next {
        let settled = settled(self.since, app.wall);
        let Some(view) = app.log_view_mut() else {
            return Next::Close;
        };
        let count = rows(
            view.sieve.stages.len(),
            view.sieve.least.is_some(),
            view.sieve.is_timed(),
        );
        let last = count.len().saturating_sub(1);
        self.at = self.at.min(last);
        let row = count.get(self.at).copied();
        match press.code {
            KeyCode::Esc | KeyCode::Char('q' | '=') => return Next::Close,
            KeyCode::Up | KeyCode::Char('k') => self.at = self.at.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.at = (self.at + 1).min(last),
            _ if press.repeat || !settled => {}
            KeyCode::Char(' ') => match row {
                Some(Row::Stage(at)) => view.change_filters(|sieve| sieve.toggle(at)),
                _ => view.change_filters(|sieve| remove(sieve, row)),
            },
            KeyCode::Char('d') | KeyCode::Delete | KeyCode::Backspace => {
                view.change_filters(|sieve| remove(sieve, row));
            }
            KeyCode::Char('c') => view.change_filters(Sieve::clear),
            KeyCode::Enter => {
                if let Some(Row::Stage(at)) = row {
                    view.edit_filter(watch, at);
                }
                return Next::Close;
            }
            _ => {}
        }
        if view.sieve.is_empty() {
            return Next::Close;
        }
        Next::Keep(Dialog::Filters(self))
    }

    pub(crate) fn draw(&self, app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
        let Some(view) = app.log_view() else {
            return;
        };
        let title = [("filters", theme[Token::Title])];
        let chips = view.chips(app.settings.zone);
        let height = u16::try_from(chips.len() + 2)
            .unwrap_or(u16::MAX)
            .min(area.height.saturating_sub(4));
        let inner = popup::draw(
            buf,
            area,
            theme,
            &title,
            area.width.saturating_sub(8).min(70),
            height,
        );
        let rows = usize::from(inner.height.saturating_sub(2));
        let top = (self.at + 1).saturating_sub(rows);
        for (i, (label, on)) in chips.iter().enumerate().skip(top).take(rows) {
            let here = i == self.at;
            let mut pen = Pen::new(buf, inner, (i - top) as u16, theme);
            pen.put(if here { "> " } else { "  " }, theme[Token::Accent])
                .put(if *on { "[x] " } else { "[ ] " }, theme[Token::HintKey]);
            let room = pen.room();
            let token = if here { Token::Selection } else { Token::Text };
            pen.put(
                &format::fit(label, room, theme.glyphs.ellipsis),
                theme[token],
            );
        }
        let hint = "space on, off  enter change  d remove  c remove all";
        let last = inner.height.saturating_sub(1);
        Pen::new(buf, inner, last, theme).put(hint, theme[Token::Muted]);
    }
}

/// A line of the list: a filter, the threshold, the span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    Stage(usize),
    Level,
    Time,
}

fn rows(stages: usize, level: bool, time: bool) -> Vec<Row> {
    let level = level.then_some(Row::Level);
    let time = time.then_some(Row::Time);
    (0..stages)
        .map(Row::Stage)
        .chain(level)
        .chain(time)
        .collect()
}

fn remove(sieve: &mut Sieve, row: Option<Row>) {
    match row {
        Some(Row::Stage(at)) => sieve.remove(at),
        Some(Row::Level) => sieve.set_least(None),
        Some(Row::Time) => sieve.set_span(None, None),
        None => {}
    }
}
