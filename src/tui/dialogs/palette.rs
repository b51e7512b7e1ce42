//! Any command or pipeline by name.

use crossterm::event::KeyCode;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tui_input::Input as TextInput;

use crate::engine::Watch;
use crate::model::{PipelineKey, SafeText};
use crate::tui::app::{App, Effect, ListState, Pick, edit, type_in};
use crate::tui::command::{Command, TABLE, disabled_reason};
use crate::tui::term::KeyPress;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::{Pen, input, popup};

use super::{Dialog, Next};

#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    Command(Command),
    Pipeline(PipelineKey),
    /// Of the config, by its place there.
    Dashboard(usize),
}

#[derive(Debug)]
pub struct Palette {
    pub line: TextInput,
    /// All there is: what it is, what is searched, why it can't be done.
    all: Vec<(Entry, String, Option<SafeText>)>,
    pub list: ListState<Entry>,
}

impl Palette {
    pub(crate) fn new(app: &App, watch: &Watch) -> Self {
        let mut all: Vec<(Entry, String, Option<SafeText>)> = TABLE
            .iter()
            .filter(|row| row.command != Command::Palette)
            .map(|row| {
                let why = disabled_reason(row.command, app, watch);
                (
                    Entry::Command(row.command),
                    format!("{} {}", row.name, row.doc),
                    why,
                )
            })
            .collect();
        // what can be done comes first
        all.sort_by_key(|(_, _, why)| why.is_some());
        let boards = app.settings.dashboards.iter().enumerate();
        all.extend(boards.map(|(at, board)| {
            let text = format!("dashboard {}", board.name.value);
            (Entry::Dashboard(at), text, None)
        }));
        all.extend(watch.fleet().iter().filter_map(|row| {
            let view = watch.world.pipeline(&row.key)?;
            Some((
                Entry::Pipeline(row.key.clone()),
                view.pipeline.name.as_str().to_owned(),
                None,
            ))
        }));
        let mut palette = Self {
            line: TextInput::default(),
            all,
            list: ListState::default(),
        };
        palette.search();
        palette
    }

    fn search(&mut self) {
        let wanted = self.line.value().trim().to_owned();
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(&wanted, CaseMatching::Smart, Normalization::Smart);
        let mut buffer = Vec::new();
        let mut found: Vec<(u32, usize)> = self
            .all
            .iter()
            .enumerate()
            .filter_map(|(i, (_, text, _))| {
                Some((
                    pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher)?,
                    i,
                ))
            })
            .collect();
        if !wanted.is_empty() {
            // a name that begins with what was typed is meant
            found.sort_by_key(|(score, i)| {
                let (entry, text, why) = &self.all[*i];
                (
                    !text.starts_with(&wanted),
                    why.is_some() && matches!(entry, Entry::Command(_)),
                    std::cmp::Reverse(*score),
                    *i,
                )
            });
        }
        self.list.order = found
            .into_iter()
            .map(|(_, i)| self.all[i].0.clone())
            .collect();
        self.list.select_at(0);
    }

    pub(crate) fn paste(&mut self, text: &str) -> bool {
        type_in(&mut self.line, text);
        self.search();
        true
    }

    pub(crate) fn key(
        mut self: Box<Self>,
        app: &mut App,
        watch: &Watch,
        press: KeyPress,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let page = self.list.page();
        match press.code {
            KeyCode::Esc => return Next::Close,
            KeyCode::Backspace if self.line.value().is_empty() => return Next::Close,
            KeyCode::Up => self.list.pick(Pick::Up(1)),
            KeyCode::Down | KeyCode::Tab => self.list.pick(Pick::Down(1)),
            KeyCode::PageUp => self.list.pick(Pick::Up(page)),
            KeyCode::PageDown => self.list.pick(Pick::Down(page)),
            KeyCode::Enter if press.repeat => {}
            // `at 03:05`, in a replay
            KeyCode::Enter
                if self
                    .line
                    .value()
                    .strip_prefix("at ")
                    .is_some_and(|time| app.jump(time, effects)) =>
            {
                return Next::Close;
            }
            KeyCode::Enter => {
                match self.list.selected.clone() {
                    // the question that it may open was not opened with a letter
                    Some(Entry::Command(command)) => app.run_command(watch, command, None, effects),
                    Some(Entry::Dashboard(at)) => app.show_board(at),
                    Some(Entry::Pipeline(key)) => {
                        app.fleet.touched = true;
                        app.fleet.list.select(key.clone());
                        app.open_pipeline(watch, &key);
                    }
                    None => {}
                }
                return Next::Close;
            }
            _ => {
                edit(&mut self.line, press);
                self.search();
            }
        }
        Next::Keep(Dialog::Palette(self))
    }

    pub(crate) fn draw(
        &self,
        app: &App,
        watch: &Watch,
        theme: &Theme,
        buf: &mut Buffer,
        area: Rect,
    ) {
        let height = area.height.saturating_sub(6).min(18);
        let title = [("command", theme[Token::Title])];
        let inner = popup::draw(
            buf,
            area,
            theme,
            &title,
            area.width.saturating_sub(8).min(92),
            height,
        );
        let line = Rect {
            height: inner.height.min(1),
            ..inner
        };
        input::draw(
            buf,
            line,
            theme,
            ": ",
            &self.line,
            "a command or the name of a pipeline",
        );
        let rows = usize::from(inner.height.saturating_sub(1));
        let top = self.list.top(rows);
        let selected = self.list.index();
        for (i, entry) in self.list.order.iter().enumerate().skip(top).take(rows) {
            let y = 1 + u16::try_from(i - top).unwrap_or(u16::MAX - 1);
            let mut pen = Pen::new(buf, inner, y, theme);
            let here = selected == Some(i);
            let base = if here {
                theme[Token::Selection]
            } else {
                theme[Token::Text]
            };
            pen.put(if here { "> " } else { "  " }, theme[Token::Accent]);
            match entry {
                Entry::Pipeline(key) => {
                    let name = watch
                        .world
                        .pipeline(key)
                        .map_or_else(|| key.pipeline.safe(), |p| p.pipeline.name.clone());
                    let health = super::super::app::FleetState::row(watch, key, 0)
                        .map(|r| r.health)
                        .unwrap_or_default();
                    pen.put(theme.health_glyph(health), theme.health(health))
                        .skip(1);
                    pen.cell(name.as_str(), 36, base).skip(1);
                    pen.put("open pipeline", theme[Token::Muted]);
                }
                Entry::Dashboard(at) => {
                    let board = app.settings.dashboards.get(*at);
                    let name = board.map_or("", |b| b.name.value.as_str());
                    pen.cell(SafeText::new(name).as_str(), 38, base).skip(1);
                    pen.put("open dashboard", theme[Token::Muted]);
                }
                Entry::Command(command) => {
                    let row = command.row();
                    let why = self.why(entry);
                    let style = if why.is_some() && !here {
                        theme[Token::Muted]
                    } else {
                        base
                    };
                    pen.cell(row.name, 18, style).skip(1);
                    pen.cell_right(
                        &app.settings.keymap.label(*command),
                        9,
                        theme[Token::HintKey],
                    )
                    .skip(2);
                    match why {
                        Some(why) => pen
                            .put("not now: ", theme[Token::Warning])
                            .put(why.as_str(), theme[Token::Muted]),
                        None => pen.put(row.doc, theme[Token::Muted]),
                    };
                }
            }
        }
        if self.list.order.is_empty() {
            Pen::new(buf, inner, 1, theme).put("nothing is called that", theme[Token::Muted]);
        }
    }

    fn why(&self, entry: &Entry) -> Option<&SafeText> {
        self.all
            .iter()
            .find(|(e, _, _)| e == entry)
            .and_then(|(_, _, why)| why.as_ref())
    }
}
