//! Carrying out the commands of a log.

use chrono::Duration;

use crate::engine::Watch;
use crate::logs::{Lens, Point};
use crate::model::{LogKey, Target};
use crate::tui::app::{App, Effect, Level, Screen, Viewer, Wanted};
use crate::tui::command::{Command, Context};
use crate::tui::dialogs::Dialog;
use crate::tui::widgets::format;

use super::marks::TooMuch;
use super::prompt::Typed;
use super::{LogView, Merge, Purpose, Sieve};

/// Bytes searched at once after a key or an event: what is left is searched between frames.
const AT_ONCE: u64 = 256 << 10;
/// Columns for one step sideways.
const SIDEWAYS: usize = 8;

impl App {
    /// Searches a little further; more than once between two frames.
    pub(in crate::tui::app) fn search_logs(&mut self, watch: &Watch) {
        if let Some(view) = self.log_view_mut() {
            view.search_on(watch, AT_ONCE);
        }
    }

    /// A search or a filter has more to look at.
    pub fn searching(&self) -> bool {
        self.log_view().is_some_and(LogView::busy)
    }

    /// The log that the cursor is in.
    pub(in crate::tui) fn log_at_cursor(&self, watch: &Watch) -> Option<LogKey> {
        let view = self.log_view()?;
        let at = view.with(watch, |lens| view.cursor(lens).map(|at| at.source));
        view.keys().get(at.unwrap_or_default()).cloned()
    }

    /// A command about the log on the screen.
    pub(in crate::tui::app) fn in_log(
        &mut self,
        watch: &Watch,
        command: Command,
        effects: &mut Vec<Effect>,
    ) {
        match command {
            Command::Filters => self.dialog = Some(Dialog::filters(self.wall)),
            Command::MergeLogs => self.dialog = Dialog::logs(self, watch),
            Command::OpenRecord => self.dialog = Dialog::record(self, watch),
            Command::CopyRecord => self.copy_record(watch, effects),
            Command::SaveLog | Command::SaveAll => {
                self.save_log(command == Command::SaveLog, effects);
            }
            Command::Pager | Command::Editor => {
                let with = match command {
                    Command::Pager => Viewer::Pager,
                    _ => Viewer::Editor,
                };
                if let Some(what) = self.wanted(true) {
                    effects.push(Effect::OpenLog { what, with });
                }
            }
            Command::ShowNode => {
                if let Some(key) = self.log_at_cursor(watch) {
                    self.open_target(watch, &Target::Node(key.node));
                }
            }
            _ => {
                let Some(view) = self.log_view_mut() else {
                    return;
                };
                if let Some(told) = view.carry_out(watch, command) {
                    self.say(Level::Info, told);
                }
            }
        }
    }

    pub(in crate::tui::app) fn step_log(&mut self, watch: &Watch, command: Command) {
        let Some(view) = self.log_view_mut() else {
            return;
        };
        let page = isize::try_from(view.page()).unwrap_or(1);
        view.with_mut(watch, |view, lens| match command {
            Command::Up => view.step(lens, -1),
            Command::Down => view.step(lens, 1),
            Command::PageUp => view.step(lens, -page),
            Command::PageDown => view.step(lens, page),
            Command::First => {
                if let Some(first) = lens.first() {
                    view.go(lens, first);
                }
            }
            Command::Last => view.pin(),
            Command::Left => view.look.left = view.look.left.saturating_sub(SIDEWAYS),
            Command::Right if !view.look.wrap => {
                view.look.left = (view.look.left + SIDEWAYS).min(10_000);
            }
            _ => {}
        });
    }

    /// Shows what stands beside a log, on the whole screen.
    pub(in crate::tui) fn merge_logs(&mut self, watch: &Watch, key: LogKey, merge: Option<Merge>) {
        if !matches!(self.stack.last(), Some(Screen::Log(_))) {
            self.go_log(watch, key.clone());
        }
        if let Some(Screen::Log(log)) = self.stack.last_mut() {
            log.merge = merge;
            log.key = key;
        }
    }

    /// What became of a key for the line that is typed for a log.
    pub(in crate::tui::app) fn log_typed(&mut self, watch: &Watch, typed: Typed) {
        match typed {
            Typed::Open | Typed::GivenUp => {}
            Typed::Searched => {
                let missed = self.log_view_mut().and_then(|view| {
                    view.search_on(watch, AT_ONCE);
                    let search = view.search.as_ref()?;
                    let none = search.total() == 0 && search.percent().is_none();
                    none.then(|| search.text.clone())
                });
                if let Some(text) = missed {
                    self.say(Level::Info, format!("{text:?} is not in this log"));
                }
            }
            Typed::Filtered => self.search_logs(watch),
        }
    }

    /// What is written to a file: the logs in view, and which part of them.
    fn wanted(&self, filtered: bool) -> Option<Wanted> {
        let view = self.log_view()?;
        let filter = view.sieve.filter();
        Some(Wanted {
            keys: view.keys().to_vec(),
            filter: (filtered && !filter.is_all()).then_some(filter),
        })
    }

    fn save_log(&mut self, filtered: bool, effects: &mut Vec<Effect>) {
        let (Some(what), Some(dir)) = (self.wanted(filtered), self.settings.save_dir.clone())
        else {
            return;
        };
        let Some(key) = what.keys.first() else {
            return;
        };
        let run = &key.node.run;
        let mut name = format!(
            "{}_{}",
            clean(run.pipeline.pipeline.raw()),
            clean(run.run.raw())
        );
        name += &match what.keys.len() {
            1 => format!("_{}_{}", clean(key.node.node.raw()), key.attempt),
            n => format!("_{n}_logs"),
        };
        if what.filter.is_some() {
            name += "_filtered";
        }
        let path = dir.join(format!("{name}.log"));
        effects.push(Effect::SaveLog { what, path });
    }

    fn copy_record(&mut self, watch: &Watch, effects: &mut Vec<Effect>) {
        let lines = self
            .log_view()
            .and_then(|view| view.with(watch, |lens| view.record_lines(lens)));
        self.copy_lines(lines, effects);
    }

    /// The selection, if there is one.
    pub(in crate::tui::app) fn copy_selection(
        &mut self,
        watch: &Watch,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let lines = self
            .log_view()
            .and_then(|view| view.with(watch, |lens| view.selected_lines(lens)));
        let there = lines.is_some();
        if there {
            self.copy_lines(lines, effects);
            if let Some(view) = self.log_view_mut() {
                view.unselect();
            }
        }
        there
    }

    fn copy_lines(
        &mut self,
        lines: Option<Result<Vec<crate::model::SafeText>, TooMuch>>,
        effects: &mut Vec<Effect>,
    ) {
        match lines {
            Some(Ok(lines)) if !lines.is_empty() => effects.push(Effect::CopyLines(lines)),
            Some(Err(TooMuch)) => {
                let key = self.settings.keymap.label(Command::SaveLog);
                self.say(
                    Level::Info,
                    format!("that is more than a clipboard takes; {key} saves to a file"),
                );
            }
            _ => self.say(Level::Info, "copy: nothing is selected"),
        }
    }
}

/// A part of a file's name that is harmless everywhere.
fn clean(text: &str) -> String {
    let harmless = |c: char| match c.is_ascii_alphanumeric() || c == '-' || c == '_' {
        true => c,
        false => '_',
    };
    text.chars().take(60).map(harmless).collect()
}

impl LogView {
    /// Other filters: what is searched is searched among what they leave.
    pub(in crate::tui) fn change_filters(&mut self, change: impl FnOnce(&mut Sieve)) {
        change(&mut self.sieve);
        self.search_again();
    }

    /// Opens a filter of the stack to be typed anew.
    pub(in crate::tui) fn edit_filter(&mut self, watch: &Watch, at: usize) {
        if let Some(text) = self.sieve.stages.get(at).map(|s| s.text.clone()) {
            self.open_prompt(watch, Purpose::Change(at), &text);
        }
    }

    /// Carries out a command; returns what there is to tell.
    fn carry_out(&mut self, watch: &Watch, command: Command) -> Option<String> {
        match command {
            Command::Search => self.open_prompt(watch, Purpose::Search, ""),
            Command::FilterIn => self.open_prompt(watch, Purpose::FilterIn, ""),
            Command::FilterOut => self.open_prompt(watch, Purpose::FilterOut, ""),
            Command::NextMatch | Command::PrevMatch => {
                let forward = command == Command::NextMatch;
                return (!self.next_match(watch, forward)).then(|| "no match".to_owned());
            }
            Command::LevelUp | Command::LevelDown => {
                let least = self.sieve.next_threshold(command == Command::LevelUp)?;
                self.change_filters(|sieve| sieve.set_least(least));
                return Some(match least {
                    None => "all levels".to_owned(),
                    Some(least) => format!("{} and louder", least.word()),
                });
            }
            Command::Since | Command::Until => return self.cut_time(watch, command),
            Command::AllTime => {
                self.change_filters(|sieve| sieve.set_span(None, None));
            }
            Command::Times => self.look.times = self.look.times.next(),
            Command::Raw => self.look.raw = !self.look.raw,
            Command::Wrap => {
                self.look.wrap = !self.look.wrap;
                self.look.left = 0;
            }
            Command::FoldAll => self.look.folds.toggle_all(),
            Command::Fold => {
                let record = self.with(watch, |lens| {
                    let at = self.cursor(lens)?;
                    let start = lens.record(at).start;
                    Some((at.source, lens.log(at.source)?.number_of(start)))
                });
                let (source, number) = record?;
                self.look.folds.toggle(source, number);
            }
            _ => {
                let mut told = None;
                self.with_mut(watch, |view, lens| told = view.walk(lens, command));
                return told;
            }
        }
        None
    }

    /// Commands that need what is shown.
    fn walk(&mut self, lens: &Lens, command: Command) -> Option<String> {
        match command {
            Command::Follow => self.toggle_follow(lens),
            Command::NextError if !self.next_error(lens, true) => {
                return Some("no error below".to_owned());
            }
            Command::PrevError if !self.next_error(lens, false) => {
                return Some("no error above".to_owned());
            }
            Command::Bookmark => {
                let word = match self.toggle_bookmark(lens)? {
                    true => "bookmarked",
                    false => "bookmark removed",
                };
                return Some(word.to_owned());
            }
            Command::NextBookmark | Command::PrevBookmark => {
                let forward = command == Command::NextBookmark;
                if !self.next_bookmark(lens, forward) {
                    return Some("no bookmark is shown".to_owned());
                }
            }
            Command::Select => {
                // what is selected stays where it is
                if let Some(at) = self.cursor(lens) {
                    self.go(lens, at);
                }
                self.toggle_selecting(lens);
            }
            _ => {}
        }
        None
    }

    /// Shows only what was logged from the cursor on, or up to it.
    fn cut_time(&mut self, watch: &Watch, command: Command) -> Option<String> {
        let at = self.with(watch, |lens| self.time_at(lens, self.cursor(lens)?))?;
        let (since, until) = match command {
            Command::Since => (Some(at), self.sieve.until.filter(|until| *until > at)),
            // the record itself is in
            _ => {
                let until = at + Duration::microseconds(1);
                (self.sieve.since.filter(|since| *since < until), Some(until))
            }
        };
        self.change_filters(|sieve| sieve.set_span(since, until));
        None
    }

    /// When the record of a row was logged.
    pub(in crate::tui) fn time_at(
        &self,
        lens: &Lens,
        at: Point,
    ) -> Option<chrono::DateTime<chrono::Utc>> {
        let log = lens.log(at.source)?;
        log.record_of(log.number_of(at.row))?.at
    }

    /// The filters as chips: text and whether it is on.
    pub fn chips(&self, zone: format::Zone) -> Vec<(String, bool)> {
        let stages = self.sieve.stages.iter().map(|s| (s.label(), s.on));
        let least = self.sieve.least.map(|l| (format!("{}+", l.word()), true));
        let clock = |at| format::clock(at, zone);
        let span = match (self.sieve.since, self.sieve.until) {
            (None, None) => None,
            (Some(since), None) => Some(format!("from {}", clock(since))),
            (None, Some(until)) => Some(format!("until {}", clock(until))),
            (Some(since), Some(until)) => Some(format!("{} to {}", clock(since), clock(until))),
        };
        stages.chain(least).chain(span.map(|s| (s, true))).collect()
    }
}

/// Commands that [`App::in_log`] carries out.
pub(in crate::tui::app) fn is_of_log(command: Command, context: Context) -> bool {
    use Command as C;
    match command {
        C::Search => context == Context::Log,
        C::FilterIn
        | C::FilterOut
        | C::Filters
        | C::LevelUp
        | C::LevelDown
        | C::Since
        | C::Until
        | C::AllTime
        | C::Fold
        | C::FoldAll
        | C::Raw
        | C::Times
        | C::Wrap
        | C::Follow
        | C::Bookmark
        | C::NextBookmark
        | C::PrevBookmark
        | C::Select
        | C::CopyRecord
        | C::SaveLog
        | C::SaveAll
        | C::Pager
        | C::Editor
        | C::MergeLogs
        | C::ShowNode
        | C::OpenRecord
        | C::NextMatch
        | C::PrevMatch
        | C::NextError
        | C::PrevError => true,
        _ => false,
    }
}
