//! Owns the questions in front of a screen: confirm, trigger form, palette, state and note. A question holds what it
//! is about by id, as it was at the key press, and gets every key until it is answered.
//! Must not know what lies behind it.

mod alert;
mod choose;
mod confirm;
mod confirm_view;
mod filters;
mod jump;
mod logs;
mod palette;
mod record;
mod trigger;
mod trigger_view;

pub use alert::AlertLine;
pub use choose::{Choose, NoteLine};
pub use confirm::{Confirm, Item, Stage};
pub use filters::Filters;
pub use jump::Jump;
pub use logs::Logs;
pub use palette::{Entry, Palette};
pub use record::RecordView;
pub use trigger::{Field, TriggerForm};

use chrono::{DateTime, Duration, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Watch;
use crate::model::{Action, SafeText};
use crate::tui::app::{App, Draft, Effect, Level};
use crate::tui::command::Key;
use crate::tui::term::KeyPress;
use crate::tui::theme::Theme;

/// What comes in sooner than this after a question appears was typed for something else.
pub const TYPE_AHEAD: Duration = Duration::milliseconds(300);

#[derive(Debug)]
pub enum Dialog {
    Confirm(Box<Confirm>),
    Trigger(Box<TriggerForm>),
    Palette(Box<Palette>),
    State(Choose),
    Note(Box<NoteLine>),
    Alert(Box<AlertLine>),
    Filters(Filters),
    Logs(Box<Logs>),
    Record(Box<RecordView>),
    Jump(Box<Jump>),
}

/// What happens to a question after a key.
pub(crate) enum Next {
    Keep(Dialog),
    Close,
}

impl Dialog {
    /// The first question an action asks.
    pub(crate) fn for_action(
        app: &mut App,
        watch: &Watch,
        drafts: Vec<Draft>,
        refused: Vec<(SafeText, SafeText)>,
        key: Option<Key>,
        effects: &mut Vec<Effect>,
    ) -> Option<Self> {
        let first = drafts.first()?;
        let action = first.action;
        Some(match action {
            Action::Trigger if drafts.len() == 1 => {
                let pipeline = first.target()?.pipeline()?.clone();
                Self::Trigger(Box::new(TriggerForm::new(watch, pipeline, app.now)))
            }
            Action::Mark => Self::State(Choose::new(drafts, refused, app.now)),
            Action::Note => Self::Note(Box::new(NoteLine::new(drafts, refused))),
            _ => Self::Confirm(Box::new(Confirm::ask(
                app, watch, drafts, refused, key, effects,
            ))),
        })
    }

    pub(crate) fn palette(app: &App, watch: &Watch) -> Self {
        Self::Palette(Box::new(Palette::new(app, watch)))
    }

    pub(crate) fn filters(now: DateTime<Utc>) -> Self {
        Self::Filters(Filters::new(now))
    }

    pub(crate) fn logs(app: &App, watch: &Watch) -> Option<Self> {
        Some(Self::Logs(Box::new(Logs::new(app, watch)?)))
    }

    pub(crate) fn record(app: &App, watch: &Watch) -> Option<Self> {
        Some(Self::Record(Box::new(RecordView::new(app, watch)?)))
    }

    /// What escape does.
    pub fn way_out(&self) -> &'static str {
        match self {
            Self::Filters(_) | Self::Logs(_) | Self::Record(_) => "close",
            Self::Jump(_) => "stay",
            _ => "no, leave everything as it is",
        }
    }

    /// Whether pasted text has a place here.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        match self {
            Self::Trigger(form) => form.paste(text),
            Self::Palette(palette) => palette.paste(text),
            Self::Note(note) => note.paste(text),
            Self::Alert(line) => line.paste(text),
            Self::Jump(jump) => jump.paste(text),
            // a name that has to be typed has to be typed
            Self::Confirm(_) | Self::State(_) => false,
            Self::Filters(_) | Self::Logs(_) | Self::Record(_) => false,
        }
    }

    pub(crate) fn draw(
        &self,
        app: &App,
        watch: &Watch,
        theme: &Theme,
        buf: &mut Buffer,
        area: Rect,
    ) {
        match self {
            Self::Confirm(confirm) => confirm.draw(app, watch, theme, buf, area),
            Self::Trigger(form) => form.draw(watch, theme, buf, area),
            Self::Palette(palette) => palette.draw(app, watch, theme, buf, area),
            Self::State(choose) => choose.draw(watch, theme, buf, area),
            Self::Note(note) => note.draw(watch, theme, buf, area),
            Self::Alert(line) => line.draw(theme, buf, area),
            Self::Filters(filters) => filters.draw(app, theme, buf, area),
            Self::Logs(logs) => logs.draw(theme, buf, area),
            Self::Record(record) => record.draw(app, theme, buf, area),
            Self::Jump(jump) => jump.draw(app, theme, buf, area),
        }
    }
}

impl App {
    pub(crate) fn dialog_key(&mut self, watch: &Watch, press: KeyPress, effects: &mut Vec<Effect>) {
        let Some(dialog) = self.dialog.take() else {
            return;
        };
        let next = match dialog {
            Dialog::Confirm(confirm) => confirm.key(self, watch, press, effects),
            Dialog::Trigger(form) => form.key(self, watch, press, effects),
            Dialog::Palette(palette) => palette.key(self, watch, press, effects),
            Dialog::State(choose) => choose.key(self, watch, press, effects),
            Dialog::Note(note) => note.key(self, watch, press, effects),
            Dialog::Alert(line) => line.key(self, press, effects),
            Dialog::Filters(filters) => filters.key(self, watch, press),
            Dialog::Logs(logs) => logs.key(self, watch, press),
            Dialog::Record(record) => record.key(self, press, effects),
            Dialog::Jump(jump) => jump.key(self, press, effects),
        };
        // a command that was chosen in a question may have opened another one
        if let Next::Keep(dialog) = next {
            self.dialog = Some(dialog);
        }
    }

    /// A question follows the world as far as it must: plans arrive, parameters become known, targets vanish.
    pub(crate) fn sync_dialog(&mut self, watch: &Watch) {
        let now = self.now;
        match &mut self.dialog {
            Some(Dialog::Confirm(confirm)) => confirm.sync(watch, now),
            Some(Dialog::Trigger(form)) => form.sync(watch),
            _ => {}
        }
    }

    /// When an open question changes by itself.
    pub(crate) fn dialog_wake(&self) -> Option<DateTime<Utc>> {
        match &self.dialog {
            Some(Dialog::Confirm(confirm)) => confirm.armed_at(),
            _ => None,
        }
    }

    pub(crate) fn nothing_done(&mut self, action: Action) {
        self.say(Level::Info, format!("{}: nothing was done", action.word()));
    }
}

/// Whether enough time has passed since a question appeared; a clock that jumps back doesn't lock it.
pub(crate) fn settled(since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (now - since).abs() >= TYPE_AHEAD
}
