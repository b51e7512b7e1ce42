//! Which logs to look at together.

use chrono::{DateTime, Utc};
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Watch;
use crate::model::LogKey;
use crate::tui::app::{App, MOST_LOGS, Merge, Screen, merged};
use crate::tui::term::KeyPress;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::{Pen, format, popup};

use super::{Dialog, Next, settled};

#[derive(Debug)]
pub struct Logs {
    /// The log it began with.
    key: LogKey,
    /// What may stand beside it, and how many logs that is.
    offers: Vec<(Option<Merge>, usize)>,
    at: usize,
    since: DateTime<Utc>,
}

impl Logs {
    pub(crate) fn new(app: &App, watch: &Watch) -> Option<Self> {
        let key = app.log_key(watch)?;
        let now = match app.stack.last() {
            Some(Screen::Log(log)) => log.merge,
            _ => None,
        };
        let offers: Vec<_> = std::iter::once((None, 1))
            .chain(Merge::ALL.map(|merge| (Some(merge), merged(watch, &key, merge).1)))
            .collect();
        // the one after what is shown, so that enter goes on
        let at = offers.iter().position(|(merge, _)| *merge == now);
        let next = at.map_or(0, |at| (at + 1) % offers.len());
        Some(Self {
            key,
            offers,
            at: next,
            since: app.wall,
        })
    }

    pub(crate) fn key(mut self, app: &mut App, watch: &Watch, press: KeyPress) -> Next {
        let settled = settled(self.since, app.wall);
        let last = self.offers.len() - 1;
        match press.code {
            KeyCode::Esc | KeyCode::Char('q' | '*') => return Next::Close,
            KeyCode::Up | KeyCode::Char('k') => self.at = self.at.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.at = (self.at + 1).min(last),
            KeyCode::Enter if !press.repeat && settled => {
                let (merge, count) = self.offers[self.at];
                if count == 0 {
                    return Next::Keep(Dialog::Logs(Box::new(self)));
                }
                app.merge_logs(watch, self.key, merge);
                return Next::Close;
            }
            _ => {}
        }
        Next::Keep(Dialog::Logs(Box::new(self)))
    }

    pub(crate) fn draw(&self, theme: &Theme, buf: &mut Buffer, area: Rect) {
        let title = [("logs, by time", theme[Token::Title])];
        let inner = popup::draw(buf, area, theme, &title, 52, 6);
        for (i, (merge, count)) in self.offers.iter().enumerate() {
            let here = i == self.at;
            let mut pen = Pen::new(buf, inner, i as u16, theme);
            let token = match (here, *count) {
                (true, _) => Token::Selection,
                (false, 0) => Token::Muted,
                _ => Token::Text,
            };
            let name = merge.map_or("this log alone", Merge::word);
            pen.put(if here { "> " } else { "  " }, theme[Token::Accent])
                .cell(name, 16, theme[token])
                .skip(1);
            let count = match *count {
                0 => "none".to_owned(),
                n if n > MOST_LOGS => format!("{MOST_LOGS} of {}", format::count(n as u64)),
                n => format::count(n as u64),
            };
            pen.put(&count, theme[Token::Muted]);
        }
        Pen::new(buf, inner, 5, theme).put("enter open  esc leave it", theme[Token::Muted]);
    }
}
