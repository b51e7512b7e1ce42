//! What a person says about one alert: a note beside it, or quiet for a time.

use chrono::{DateTime, Duration, Utc};
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tui_input::Input as TextInput;

use crate::engine::Command;
use crate::history;
use crate::model::{Alert, AlertDeed, AlertId, By, SafeText, Silence, When};
use crate::tui::app::{App, Effect, Level, edit, type_in};
use crate::tui::term::KeyPress;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::{Pen, input, popup};

use super::{Dialog, Next, settled};

/// Words and minutes.
const PERIODS: [(&str, i64); 6] = [
    ("30 minutes", 30),
    ("2 hours", 120),
    ("8 hours", 480),
    ("1 day", 1440),
    ("3 days", 4320),
    ("7 days", 10_080),
];

#[derive(Clone, Debug)]
enum What {
    Note,
    Silence {
        period: usize,
        matchers: Vec<String>,
    },
}

#[derive(Debug)]
pub struct AlertLine {
    id: AlertId,
    title: SafeText,
    what: What,
    line: TextInput,
    since: DateTime<Utc>,
}

impl AlertLine {
    pub(crate) fn note(alert: &Alert, now: DateTime<Utc>) -> Self {
        Self::new(alert, What::Note, now)
    }

    pub(crate) fn silence(alert: &Alert, now: DateTime<Utc>) -> Self {
        let matchers = matchers(alert);
        let period = 1;
        Self::new(alert, What::Silence { period, matchers }, now)
    }

    fn new(alert: &Alert, what: What, since: DateTime<Utc>) -> Self {
        Self {
            id: alert.id.clone(),
            title: SafeText::new(format!("{} {}", alert.title, alert.reason)),
            what,
            line: TextInput::default(),
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
        match (press.code, &mut self.what) {
            (KeyCode::Esc, _) => return Next::Close,
            (KeyCode::Up, What::Silence { period, .. }) => *period = period.saturating_sub(1),
            (KeyCode::Down, What::Silence { period, .. }) => {
                *period = (*period + 1).min(PERIODS.len() - 1);
            }
            (KeyCode::Enter, _) if press.repeat || !settled(self.since, app.now) => {}
            (KeyCode::Enter, What::Note) if self.line.value().trim().is_empty() => {
                return Next::Close;
            }
            (KeyCode::Enter, _) => {
                self.done(app, effects);
                return Next::Close;
            }
            _ => edit(&mut self.line, press),
        }
        Next::Keep(Dialog::Alert(self))
    }

    fn done(&self, app: &mut App, effects: &mut Vec<Effect>) {
        let text = SafeText::new(self.line.value().trim());
        let (command, said) = match &self.what {
            What::Note => (
                Command::Alert(self.id.clone(), AlertDeed::Note(text)),
                format!("noted beside {}", self.id.label()),
            ),
            What::Silence { period, matchers } => {
                let (words, minutes) = PERIODS.get(*period).copied().unwrap_or(PERIODS[0]);
                let reason = match text.is_empty() {
                    true => SafeText::new("no reason given"),
                    false => text,
                };
                let silence = Silence {
                    id: Silence::new_id(app.now),
                    reason,
                    by: By {
                        who: history::user(),
                        at: app.now,
                    },
                    matchers: matchers.clone(),
                    when: When::Once {
                        from: app.now,
                        until: app.now + Duration::minutes(minutes),
                    },
                };
                let said = format!("silenced for {words}: {}", matchers.join(" "));
                (Command::Silence(silence), said)
            }
        };
        effects.push(Effect::Engine(command));
        app.say(Level::Good, said);
    }

    pub(crate) fn draw(&self, theme: &Theme, buf: &mut Buffer, area: Rect) {
        let (name, hint, ask, rows) = match self.what {
            What::Note => (
                "note",
                "enter write  esc no note",
                "what should the next person know?",
                4,
            ),
            What::Silence { .. } => (
                "silence",
                "up/down how long  enter be quiet  esc no",
                "why? the others see it",
                5 + PERIODS.len() as u16,
            ),
        };
        let title = [(name, theme[Token::Title])];
        let inner = popup::draw(buf, area, theme, &title, 66, rows);
        Pen::new(buf, inner, 0, theme).middle(self.title.as_str(), theme[Token::Text]);
        let mut y = 1;
        if let What::Silence { period, matchers } = &self.what {
            let what = SafeText::new(format!("nobody is told of {}", matchers.join(" ")));
            Pen::new(buf, inner, 1, theme).middle(what.as_str(), theme[Token::Muted]);
            for (i, (words, _)) in PERIODS.iter().enumerate() {
                let picked = i == *period;
                let mark = if picked { "> " } else { "  " };
                let style = if picked { Token::Title } else { Token::Text };
                Pen::new(buf, inner, 2 + i as u16, theme)
                    .put(mark, theme[Token::HintKey])
                    .put(words, theme[style]);
            }
            y = 2 + PERIODS.len() as u16;
        }
        let line = Rect {
            y: inner.y.saturating_add(y),
            height: inner.height.saturating_sub(y).min(1),
            ..inner
        };
        input::draw(buf, line, theme, "> ", &self.line, ask);
        Pen::new(buf, inner, y + 2, theme).put(hint, theme[Token::Muted]);
    }
}

/// What is quiet with an alert: everything of its pipeline; else its rule on its backend.
fn matchers(alert: &Alert) -> Vec<String> {
    let value = |name: &str| alert.label(name).next().map(|v| format!("{name}={v}"));
    let mut all: Vec<String> = value("backend").into_iter().collect();
    match value("pipeline") {
        Some(pipeline) => all.push(pipeline),
        None => all.insert(0, format!("rule={}", alert.id.rule)),
    }
    all
}
