//! A person at the keyboard, without a terminal: keys in, text and effects out.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use dagtop::alerts::Expect;
use dagtop::engine::past::{self, Question, Unanswered, Vantage};
use dagtop::engine::{self, Watch};
use dagtop::history::Store;
use dagtop::model::*;
use dagtop::tui::app::{App, Effect, Msg, Settings};
use dagtop::tui::command::Key;
use dagtop::tui::screens;
use dagtop::tui::term::{ColorDepth, Input, KeyPress};
use dagtop::tui::theme::Theme;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

pub struct Session {
    pub app: App,
    pub watch: Watch,
    pub theme: Theme,
    pub size: (u16, u16),
    /// All that was asked of others, in order.
    pub effects: Vec<Effect>,
    pub now: DateTime<Utc>,
    /// What was, where anything is kept.
    pub store: Option<Box<dyn Store>>,
    /// What is promised of pipelines.
    pub expects: Vec<Expect>,
    /// The history takes its time: questions wait here until [`Session::answer`].
    pub slow: bool,
    waiting: Vec<Question>,
}

pub fn theme(depth: ColorDepth, unicode: bool) -> Theme {
    Theme::terminal(depth, unicode)
}

impl Session {
    pub fn new(watch: Watch, size: (u16, u16)) -> Self {
        Self::with(watch, size, Settings::default())
    }

    pub fn with(watch: Watch, size: (u16, u16), settings: Settings) -> Self {
        let now = super::world::now();
        let mut session = Self {
            app: App::new(settings, now, size),
            watch,
            theme: theme(ColorDepth::Ansi16, true),
            size,
            effects: Vec::new(),
            now,
            store: None,
            expects: Vec::new(),
            slow: false,
            waiting: Vec::new(),
        };
        session.send(Msg::Refreshed);
        session.draw();
        session
    }

    pub fn send(&mut self, msg: Msg) {
        let effects = self.app.update(&self.watch, msg);
        for effect in effects {
            self.run(effect);
        }
    }

    /// What the engine would do, as far as the screen depends on it.
    fn run(&mut self, effect: Effect) {
        match &effect {
            Effect::ComputeLayout(wanted) => {
                let done = wanted.compute();
                self.send(Msg::LayoutReady(done));
            }
            Effect::ComputeLanes(wanted) => {
                let done = wanted.compute();
                self.send(Msg::LanesReady(done));
            }
            Effect::Engine(engine::Command::Plan(request)) => {
                self.watch.world.asked(request.clone(), self.now);
            }
            Effect::Engine(engine::Command::Withdraw(id)) => self.watch.world.withdraw(*id),
            Effect::Engine(engine::Command::Execute(id)) => {
                let since = self.now;
                self.action(*id, ActionStatus::Requested { since });
            }
            Effect::Engine(engine::Command::Alert(id, deed)) => {
                let by = By {
                    who: SafeText::new("ann"),
                    at: self.now,
                };
                let order = AlertOrder {
                    id: id.clone(),
                    by,
                    deed: deed.clone(),
                };
                self.watch.alerts.order(&order);
                self.watch.touch();
                self.refresh();
            }
            Effect::Ask(question) => {
                self.waiting.push(question.clone());
                if !self.slow {
                    self.answer();
                }
            }
            _ => {}
        }
        self.effects.push(effect);
    }

    /// The history answers what it was asked.
    pub fn answer(&mut self) -> &mut Self {
        for question in std::mem::take(&mut self.waiting) {
            let from = Vantage::new(self.now, false).with(&self.watch, &question, &self.expects);
            let store = self.store.as_mut().expect("a store to ask");
            let came = past::answer(store.as_mut(), &question, &from);
            let came = came.map(Arc::new).map_err(Unanswered::from);
            self.send(Msg::Answered(question, came));
        }
        self
    }

    /// What was asked of the history so far.
    pub fn asked(&self) -> Vec<&Question> {
        let asked = self.effects.iter().filter_map(|effect| match effect {
            Effect::Ask(question) => Some(question),
            _ => None,
        });
        asked.collect()
    }

    /// Time passes.
    pub fn wait(&mut self, milliseconds: i64) -> &mut Self {
        self.now += Duration::milliseconds(milliseconds);
        self.send(Msg::Tick(self.now));
        self
    }

    pub fn refresh(&mut self) -> &mut Self {
        self.watch.touch();
        self.watch.refresh(self.now);
        // rows that were kept are those that would be computed
        let all = self.watch.world.fleet(self.now, super::world::LATE_AFTER);
        assert_eq!(self.watch.fleet(), all);
        self.send(Msg::Refreshed);
        self
    }

    pub fn event(&mut self, backend: &str, event: Event) -> &mut Self {
        let stamped = Stamped {
            backend: BackendId::new(backend),
            at: self.now,
            event,
        };
        let changes = self.watch.apply(&stamped);
        self.send(Msg::World(changes));
        self.refresh()
    }

    pub fn action(&mut self, id: ActionId, status: ActionStatus) {
        let target = self
            .watch
            .world
            .action(id)
            .map(|a| a.request.target.backend().raw().to_owned());
        self.event(&target.unwrap(), Event::Action { id, status });
    }

    /// A key at a time, slowly enough that nothing is taken for type-ahead.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.split(' ') {
            self.wait(400);
            self.quick(key);
        }
        self
    }

    /// A key at once.
    pub fn quick(&mut self, key: &str) -> &mut Self {
        let press = Key::parse(key).unwrap().press();
        self.press(press)
    }

    pub fn held(&mut self, key: &str) -> &mut Self {
        let press = Key::parse(key).unwrap().press();
        self.press(KeyPress {
            repeat: true,
            ..press
        })
    }

    fn press(&mut self, press: KeyPress) -> &mut Self {
        self.send(Msg::Input(Input::Key(press)));
        self.draw();
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.wait(400);
        for c in text.chars() {
            self.press(KeyPress::char(c));
        }
        self
    }

    pub fn paste(&mut self, text: &str) -> &mut Self {
        self.send(Msg::Input(Input::Paste(text.to_owned())));
        self
    }

    pub fn resize(&mut self, width: u16, height: u16) -> &mut Self {
        self.size = (width, height);
        self.send(Msg::Input(Input::Resize(width, height)));
        self
    }

    pub fn draw(&self) -> Buffer {
        let (width, height) = self.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| screens::draw(&self.app, &self.watch, &self.theme, frame))
            .unwrap();
        terminal.backend().buffer().clone()
    }

    pub fn screen(&self) -> String {
        text_of(&self.draw())
    }

    pub fn sees(&self, text: &str) -> &Self {
        let screen = self.screen();
        assert!(screen.contains(text), "{text:?} is not in\n{screen}");
        self
    }

    pub fn sees_not(&self, text: &str) -> &Self {
        let screen = self.screen();
        assert!(!screen.contains(text), "{text:?} is in\n{screen}");
        self
    }

    pub fn selected(&self) -> &str {
        self.app
            .fleet
            .selected()
            .map(|k| k.pipeline.raw())
            .unwrap_or_default()
    }

    /// What the engine was asked for, focus left out.
    pub fn commands(&self) -> Vec<&engine::Command> {
        self.effects
            .iter()
            .filter_map(|e| match e {
                Effect::Engine(engine::Command::Focus(_)) => None,
                Effect::Engine(command) => Some(command),
                _ => None,
            })
            .collect()
    }

    pub fn plans(&self) -> Vec<&ActionRequest> {
        self.commands()
            .into_iter()
            .filter_map(|c| match c {
                engine::Command::Plan(request) => Some(request),
                _ => None,
            })
            .collect()
    }

    pub fn executed(&self) -> Vec<ActionId> {
        self.commands()
            .into_iter()
            .filter_map(|c| match c {
                engine::Command::Execute(id) => Some(*id),
                _ => None,
            })
            .collect()
    }

    pub fn focus(&self) -> Focus {
        self.effects
            .iter()
            .rev()
            .find_map(|e| match e {
                Effect::Engine(engine::Command::Focus(focus)) => Some(focus.clone()),
                _ => None,
            })
            .unwrap_or_default()
    }

    /// The backend answers every plan that is being made.
    pub fn planned(&mut self, hits: &[&str]) -> &mut Self {
        let waiting: Vec<ActionRequest> = self
            .watch
            .world
            .actions()
            .filter(|a| a.status == ActionStatus::Planning)
            .map(|a| a.request.clone())
            .collect();
        for request in waiting {
            let plan = Plan {
                summary: SafeText::new(format!(
                    "{}s {}.",
                    request.action.word(),
                    request.target.label()
                )),
                hits: hits
                    .iter()
                    .map(|name| Hit {
                        name: SafeText::new(name),
                        now: SafeText::new("failed"),
                        then: SafeText::new("queued"),
                    })
                    .collect(),
                warnings: Vec::new(),
                server_preview: true,
                request: request.clone(),
            };
            self.action(
                request.id,
                ActionStatus::Planned {
                    plan: Box::new(plan),
                },
            );
        }
        self
    }
}

pub fn text_of(buffer: &Buffer) -> String {
    use unicode_width::UnicodeWidthStr;
    let area = buffer.area;
    let mut out = String::new();
    for y in area.top()..area.bottom() {
        let mut line = String::new();
        let mut skip = 0;
        for x in area.left()..area.right() {
            let symbol = buffer[(x, y)].symbol();
            if skip == 0 {
                line.push_str(symbol);
                skip = symbol.width();
            }
            skip = skip.saturating_sub(1);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Runs of equal looks, for the one snapshot that bears them: "y:x-x fg modifiers".
pub fn styles_of(buffer: &Buffer) -> String {
    let mut out = String::new();
    let area = buffer.area;
    for y in area.top()..area.bottom() {
        let mut x = area.left();
        while x < area.right() {
            let cell = &buffer[(x, y)];
            let look = (cell.fg, cell.bg, cell.modifier);
            let start = x;
            while x < area.right()
                && (
                    buffer[(x, y)].fg,
                    buffer[(x, y)].bg,
                    buffer[(x, y)].modifier,
                ) == look
            {
                x += 1;
            }
            if look
                != (
                    ratatui::style::Color::Reset,
                    ratatui::style::Color::Reset,
                    ratatui::style::Modifier::empty(),
                )
            {
                out.push_str(&format!(
                    "{y}:{start}-{} {:?} {:?} {:?}\n",
                    x - 1,
                    look.0,
                    look.1,
                    look.2
                ));
            }
        }
    }
    out
}
