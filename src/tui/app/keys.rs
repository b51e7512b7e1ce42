//! Input: who gets a key, in this order: the program itself, an open question, a line that is typed into, the table.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input as TextInput;
use tui_input::backend::crossterm::EventHandler;

use crate::engine::Watch;
use crate::model::SafeText;
use crate::tui::command::{Command, Context, Key, disabled_reason};
use crate::tui::term::{Input, KeyPress, MouseKind};

use super::{App, Effect, Level, Screen};

/// A notice that was shown for less than this may not have been read when the next key comes.
const READ: chrono::Duration = chrono::Duration::seconds(1);
/// Rows for one turn of the wheel.
const WHEEL: usize = 3;

impl App {
    pub(super) fn input(&mut self, watch: &Watch, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Key(press) => self.key(watch, press, effects),
            Input::Paste(text) => self.paste(watch, &text),
            Input::Resize(width, height) => self.size = (width, height),
            Input::FocusGained => self.hidden = false,
            Input::FocusLost => self.hidden = true,
            Input::Mouse(mouse) => {
                let command = match mouse.kind {
                    MouseKind::WheelUp => Command::Up,
                    MouseKind::WheelDown => Command::Down,
                    MouseKind::Press => return,
                };
                if self.dialog.is_none() {
                    for _ in 0..WHEEL {
                        self.run_command(watch, command, None, effects);
                    }
                }
            }
        }
    }

    fn key(&mut self, watch: &Watch, press: KeyPress, effects: &mut Vec<Effect>) {
        let key = Key::of(&press);
        // these work whatever is open
        let context = self.context();
        // in a replay the keys of its player come first
        let player = self.replay.as_ref();
        let player = player.and_then(|_| self.settings.keymap.command(Context::Replay, key));
        let command = player.or_else(|| self.settings.keymap.command(context, key));
        if let Some(c @ (Command::Quit | Command::Suspend | Command::Redraw)) = command
            && !press.repeat
        {
            self.run_command(watch, c, Some(key), effects);
            return;
        }
        if self.dialog.is_some() {
            self.dialog_key(watch, press, effects);
            return;
        }
        if self.typing_key(watch, press) {
            return;
        }
        let Some(command) = command else {
            if !press.repeat {
                let help = self.settings.keymap.label(Command::Help);
                self.say(
                    Level::Info,
                    format!("{key} does nothing here; {help} lists the keys"),
                );
            }
            return;
        };
        // a held key moves, and does nothing else twice
        if press.repeat && !moves(command) {
            return;
        }
        if self
            .notices
            .current()
            .is_some_and(|l| self.wall - l.at > READ)
        {
            self.notices.dismiss();
        }
        if !self.pin(watch) && command.row().group == crate::tui::command::Group::Act {
            self.say(
                Level::Bad,
                "what was selected has just gone: nothing was done",
            );
            return;
        }
        self.run_command(watch, command, Some(key), effects);
    }

    /// Selects what the last frame showed as selected; `false`: it is gone.
    fn pin(&mut self, watch: &Watch) -> bool {
        if self.context() == Context::Alerts {
            return self.alerts.pin();
        }
        match self.stack.last_mut() {
            None => self.fleet.list.pin(),
            Some(Screen::Run(run)) => match watch.world.run(&run.run) {
                Some(view) => run.pin(view),
                None => true,
            },
            Some(_) => true,
        }
    }

    /// Carries out a command, or says why not.
    pub(crate) fn run_command(
        &mut self,
        watch: &Watch,
        command: Command,
        key: Option<Key>,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(why) = disabled_reason(command, self, watch) {
            self.say(Level::Info, format!("{}: {why}", command.row().short));
            return;
        }
        self.carry_out(watch, command, key, effects);
    }

    fn paste(&mut self, watch: &Watch, text: &str) {
        if self.dialog.is_none() && self.paste_into_log(watch, text) {
            return;
        }
        let pasted = match &mut self.dialog {
            Some(dialog) => dialog.paste(text),
            None => match self.typed_line() {
                Some(line) => {
                    type_in(line, text);
                    true
                }
                None => false,
            },
        };
        if pasted {
            self.typed(watch);
            return;
        }
        let count = text.chars().count();
        self.say(
            Level::Info,
            format!("{count} pasted characters ignored: keys are commands here"),
        );
    }

    fn paste_into_log(&mut self, watch: &Watch, text: &str) -> bool {
        let view = self.log_view_mut();
        let Some((view, prompt)) = view.and_then(|v| v.prompt.take().map(|p| (v, p))) else {
            return false;
        };
        let mut prompt = prompt;
        type_in(&mut prompt.line, text);
        view.prompt = Some(prompt);
        view.prompt_pasted(watch);
        true
    }

    /// The line that is being typed into, outside of questions.
    fn typed_line(&mut self) -> Option<&mut TextInput> {
        if self.stack.is_empty() && self.fleet.typing {
            return Some(&mut self.fleet.filter);
        }
        if let Some(Screen::Run(run)) = self.stack.last_mut()
            && run.finding
        {
            return Some(&mut run.find);
        }
        None
    }

    /// Whether a line took the key.
    fn typing_key(&mut self, watch: &Watch, press: KeyPress) -> bool {
        if let Some(view) = self.log_view_mut().filter(|view| view.prompt.is_some()) {
            let typed = view.prompt_key(watch, press);
            self.log_typed(watch, typed);
            return true;
        }
        if self.typed_line().is_none() {
            return false;
        }
        match press.code {
            KeyCode::Enter => self.end_typing(watch, true),
            KeyCode::Esc => self.end_typing(watch, false),
            KeyCode::Up | KeyCode::Down if self.stack.is_empty() && self.fleet.typing => {
                let mut effects = Vec::new();
                let command = if press.code == KeyCode::Up {
                    Command::Up
                } else {
                    Command::Down
                };
                self.carry_out(watch, command, None, &mut effects);
            }
            KeyCode::Tab | KeyCode::BackTab if self.stack.is_empty() => {
                let fleet = &mut self.fleet;
                let forward = press.code == KeyCode::Tab;
                fleet.completer.take(&mut fleet.filter, forward);
                self.typed(watch);
            }
            _ => {
                if let Some(line) = self.typed_line() {
                    edit(line, press);
                }
                self.fleet.completer.offer(&self.fleet.filter);
                self.typed(watch);
            }
        }
        true
    }

    /// The text of a line changed: what it filters or finds follows at once.
    fn typed(&mut self, watch: &Watch) {
        if self.stack.is_empty() && self.fleet.typing {
            self.fleet.touched = false;
            self.fleet.sync(watch);
            self.fleet.rests_since = self.wall;
        }
        if let Some(Screen::Run(run)) = self.stack.last_mut()
            && run.finding
            && let Some(view) = watch.world.run(&run.run)
        {
            let wanted = run.find.value().to_owned();
            run.jump(view, &wanted);
        }
    }

    fn end_typing(&mut self, watch: &Watch, keep: bool) {
        if self.stack.is_empty() && self.fleet.typing {
            // it stands beside the line until it is right
            if keep && self.fleet.mistake.is_some() {
                return;
            }
            self.fleet.typing = false;
            self.fleet.touched = true;
            if !keep {
                self.fleet.clear_filter();
            }
            self.fleet.sync(watch);
            return;
        }
        if let Some(Screen::Run(run)) = self.stack.last_mut()
            && run.finding
        {
            run.finding = false;
        }
    }

    pub(crate) fn copy(&mut self, text: Option<SafeText>, effects: &mut Vec<Effect>) {
        match text.filter(|t| !t.is_empty()) {
            Some(text) => effects.push(Effect::Copy(text)),
            None => self.say(Level::Info, "copy: nothing is selected"),
        }
    }
}

/// What a held key may do again and again.
fn moves(command: Command) -> bool {
    matches!(
        command,
        Command::Up
            | Command::Down
            | Command::Left
            | Command::Right
            | Command::PageUp
            | Command::PageDown
            | Command::NextError
            | Command::PrevError
            | Command::NextMatch
            | Command::PrevMatch
            | Command::NextBookmark
            | Command::PrevBookmark
            | Command::ReplayNext
            | Command::ReplayPrev
    )
}

/// Edits a line as a shell would.
pub fn edit(line: &mut TextInput, press: KeyPress) {
    let event = Event::Key(KeyEvent::new(press.code, press.mods - KeyModifiers::SHIFT));
    let _ = line.handle_event(&event);
}

pub fn type_in(line: &mut TextInput, text: &str) {
    for c in text.chars() {
        line.handle(tui_input::InputRequest::InsertChar(c));
    }
}
