//! To which time a replay goes.

use chrono::{DateTime, Utc};
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tui_input::Input as TextInput;

use crate::tui::app::{App, Effect, edit, type_in};
use crate::tui::term::KeyPress;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::{Pen, format, input, popup};

use super::{Dialog, Next, settled};

#[derive(Debug)]
pub struct Jump {
    line: TextInput,
    /// What was written is no time.
    wrong: bool,
    since: DateTime<Utc>,
}

impl Jump {
    pub(crate) fn new(since: DateTime<Utc>) -> Self {
        Self {
            line: TextInput::default(),
            wrong: false,
            since,
        }
    }

    pub(crate) fn paste(&mut self, text: &str) -> bool {
        type_in(&mut self.line, text);
        true
    }

    pub(crate) fn key(
        mut self: Box<Self>,
        app: &mut App,
        press: KeyPress,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match press.code {
            KeyCode::Esc => return Next::Close,
            KeyCode::Enter if press.repeat || !settled(self.since, app.wall) => {}
            KeyCode::Enter if self.line.value().trim().is_empty() => return Next::Close,
            KeyCode::Enter => {
                if app.jump(self.line.value(), effects) {
                    return Next::Close;
                }
                self.wrong = true;
            }
            _ => {
                self.wrong = false;
                edit(&mut self.line, press);
            }
        }
        Next::Keep(Dialog::Jump(self))
    }

    pub(crate) fn draw(&self, app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
        let title = [("go to", theme[Token::Title])];
        let inner = popup::draw(buf, area, theme, &title, 62, 4);
        let line = Rect {
            height: inner.height.min(1),
            ..inner
        };
        input::draw(
            buf,
            line,
            theme,
            "> ",
            &self.line,
            "03:05, 2026-11-20 03:05, +10m, -2h",
        );
        let zone = app.settings.zone;
        if let Some(replay) = &app.replay {
            let text = format!(
                "from {} to {} {}",
                format::date_minute(replay.span.from, zone),
                format::date_minute(replay.span.to, zone),
                format::zone_word(replay.span.to, zone),
            );
            let (text, token) = match self.wrong {
                true => ("this is no time".to_owned(), Token::Warning),
                false => (text, Token::Muted),
            };
            Pen::new(buf, inner, 1, theme).put(&text, theme[token]);
        }
        Pen::new(buf, inner, 3, theme).put("enter go  esc stay", theme[Token::Muted]);
    }
}
