//! Two small questions before the real one: which state, which note.

use chrono::{DateTime, Utc};
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tui_input::Input as TextInput;

use crate::engine::Watch;
use crate::model::{NodeState, SafeText, Target};
use crate::tui::app::{App, Draft, Effect, edit, type_in};
use crate::tui::term::KeyPress;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::{Pen, input, popup};

use super::{Confirm, Dialog, Next, settled};

const STATES: [(char, NodeState); 3] = [
    ('s', NodeState::Succeeded),
    ('f', NodeState::Failed),
    ('k', NodeState::Skipped),
];

/// Which state a node shall have.
#[derive(Debug)]
pub struct Choose {
    drafts: Vec<Draft>,
    refused: Vec<(SafeText, SafeText)>,
    since: DateTime<Utc>,
}

impl Choose {
    pub(crate) fn new(
        drafts: Vec<Draft>,
        refused: Vec<(SafeText, SafeText)>,
        since: DateTime<Utc>,
    ) -> Self {
        Self {
            drafts,
            refused,
            since,
        }
    }

    pub(crate) fn key(
        mut self,
        app: &mut App,
        watch: &Watch,
        press: KeyPress,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if press.repeat || !settled(self.since, app.now) {
            return Next::Keep(Dialog::State(self));
        }
        let picked = match press.code {
            KeyCode::Char(c) => STATES
                .iter()
                .find(|(key, _)| *key == c)
                .map(|(_, state)| *state),
            KeyCode::Esc | KeyCode::Enter | KeyCode::Backspace => return Next::Close,
            _ => None,
        };
        let Some(state) = picked else {
            return Next::Keep(Dialog::State(self));
        };
        for draft in &mut self.drafts {
            draft.options.mark = Some(state);
        }
        let confirm = Confirm::ask(app, watch, self.drafts, self.refused, None, effects);
        Next::Keep(Dialog::Confirm(Box::new(confirm)))
    }

    pub(crate) fn draw(&self, _watch: &Watch, theme: &Theme, buf: &mut Buffer, area: Rect) {
        let title = [("set state", theme[Token::Title])];
        let inner = popup::draw(buf, area, theme, &title, 56, 6);
        let target = self
            .drafts
            .first()
            .and_then(Draft::target)
            .map(Target::label)
            .unwrap_or_default();
        Pen::new(buf, inner, 0, theme).middle(target.as_str(), theme[Token::Text]);
        for (i, (key, state)) in STATES.iter().enumerate() {
            Pen::new(buf, inner, 2 + i as u16, theme)
                .put(&key.to_string(), theme[Token::HintKey])
                .skip(2)
                .put(theme.state_glyph(*state), theme.state(*state))
                .skip(1)
                .put(state.word(), theme[Token::Text]);
        }
        Pen::new(buf, inner, 5, theme).put("esc no change", theme[Token::Muted]);
    }
}

/// The text of a note.
#[derive(Debug)]
pub struct NoteLine {
    drafts: Vec<Draft>,
    refused: Vec<(SafeText, SafeText)>,
    line: TextInput,
}

impl NoteLine {
    pub(crate) fn new(drafts: Vec<Draft>, refused: Vec<(SafeText, SafeText)>) -> Self {
        Self {
            drafts,
            refused,
            line: TextInput::default(),
        }
    }

    pub(crate) fn paste(&mut self, text: &str) -> bool {
        type_in(&mut self.line, text);
        true
    }

    pub(crate) fn key(
        mut self: Box<Self>,
        app: &mut App,
        watch: &Watch,
        press: KeyPress,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match press.code {
            KeyCode::Esc => return Next::Close,
            KeyCode::Enter if self.line.value().trim().is_empty() => return Next::Close,
            KeyCode::Enter => {
                for draft in &mut self.drafts {
                    draft.options.note = Some(self.line.value().trim().to_owned());
                }
                let confirm = Confirm::ask(app, watch, self.drafts, self.refused, None, effects);
                return Next::Keep(Dialog::Confirm(Box::new(confirm)));
            }
            _ => edit(&mut self.line, press),
        }
        Next::Keep(Dialog::Note(self))
    }

    pub(crate) fn draw(&self, _watch: &Watch, theme: &Theme, buf: &mut Buffer, area: Rect) {
        let title = [("note", theme[Token::Title])];
        let inner = popup::draw(buf, area, theme, &title, 66, 4);
        let target = self
            .drafts
            .first()
            .and_then(Draft::target)
            .map(Target::label)
            .unwrap_or_default();
        Pen::new(buf, inner, 0, theme).middle(target.as_str(), theme[Token::Text]);
        let line = Rect {
            y: inner.y.saturating_add(1),
            height: inner.height.saturating_sub(1).min(1),
            ..inner
        };
        input::draw(
            buf,
            line,
            theme,
            "> ",
            &self.line,
            "what should the next person know?",
        );
        Pen::new(buf, inner, 3, theme).put("enter go on  esc no note", theme[Token::Muted]);
    }
}
