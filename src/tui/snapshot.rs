//! A screen without a terminal: the app is led to a place as keys would lead it there, and drawn
//! once into a buffer.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::past::{Answer, Question, Unanswered};
use crate::engine::{Command, Watch};
use crate::model::Target;
use crate::world::Changes;

use super::app::{About, App, Effect, ListState, Msg, Replay, Screen, Settings};
use super::screens;
use super::theme::Theme;

/// Which screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Fleet,
    /// The run of a target; of a pipeline its worst.
    Run(Target),
    /// The log that explains that run.
    Log(Target),
    System,
    Alerts,
    Past(About),
    /// By its place in the config.
    Dashboard(usize),
}

/// An app that nobody types at.
#[derive(Debug)]
pub struct Snapshot {
    app: App,
    place: Place,
    /// The log's screen is opened once the run has told its nodes.
    log_open: bool,
    /// For the history, not asked yet.
    questions: Vec<Question>,
}

impl Snapshot {
    pub fn new(settings: Settings, size: (u16, u16), place: Place, watch: &Watch) -> Self {
        let mut app = App::new(settings, Utc::now(), size);
        match &place {
            Place::Fleet => {}
            Place::Run(target) | Place::Log(target) => app.open_target(watch, target),
            Place::System => {
                let mut list = ListState::default();
                list.sync((0..watch.world.backends().count()).collect());
                app.show(Some(Screen::System(list)));
            }
            Place::Alerts => app.show(Some(Screen::Alerts)),
            Place::Past(about) => app.go_past(about.clone()),
            Place::Dashboard(at) => app.show_board(*at),
        }
        Self {
            app,
            place,
            log_open: false,
            questions: Vec::new(),
        }
    }

    /// What is shown was.
    pub fn replays(&mut self, replay: Replay) {
        self.app.start_replay(replay);
    }

    /// Takes in what the world has become. The engine must carry out what comes back.
    pub fn settle(&mut self, watch: &Watch, now: DateTime<Utc>) -> Vec<Command> {
        let all = Changes {
            system: true,
            fleet: true,
            nodes: true,
            shape: true,
            actions: false,
            log: true,
        };
        let mut commands = Vec::new();
        for msg in [Msg::Tick(now), Msg::World(all), Msg::Refreshed] {
            self.tell(watch, msg, &mut commands);
        }
        if matches!(self.place, Place::Log(_))
            && !self.log_open
            && let Some(key) = self.app.log_key(watch)
        {
            self.log_open = true;
            self.app.go_log(watch, key);
            self.tell(watch, Msg::Refreshed, &mut commands);
        }
        commands
    }

    fn tell(&mut self, watch: &Watch, msg: Msg, commands: &mut Vec<Command>) {
        let mut waiting = vec![msg];
        while let Some(msg) = waiting.pop() {
            for effect in self.app.update(watch, msg) {
                match effect {
                    Effect::Engine(command) => commands.push(command),
                    // nobody waits for a frame: it is laid out here and now
                    Effect::ComputeLayout(wanted) => {
                        waiting.push(Msg::LayoutReady(wanted.compute()));
                    }
                    Effect::ComputeLanes(wanted) => {
                        waiting.push(Msg::LanesReady(wanted.compute()));
                    }
                    Effect::Ask(question) => self.questions.push(question),
                    _ => {}
                }
            }
        }
    }

    /// What the history is to be asked; each question once.
    pub fn take_questions(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.questions)
    }

    pub fn answered(
        &mut self,
        watch: &Watch,
        question: Question,
        came: Result<Answer, Unanswered>,
    ) -> Vec<Command> {
        let mut commands = Vec::new();
        let msg = Msg::Answered(question, came.map(Arc::new));
        self.tell(watch, msg, &mut commands);
        commands
    }

    /// Whether everything that the picture shows has come.
    pub fn ready(&self, watch: &Watch) -> bool {
        if !self.questions.is_empty() || self.app.board_pending() {
            return false;
        }
        let Some(run) = self.app.focus(watch).runs.first().cloned() else {
            return watch.wanted_tails().is_empty();
        };
        let told = watch.world.run(&run).is_some_and(|view| view.complete);
        let explained = self.app.log_key(watch).is_none_or(|key| {
            watch
                .logs
                .get(&key)
                .is_some_and(|log| !log.is_empty() || log.complete())
        });
        told && explained
    }

    pub fn draw(&self, watch: &Watch, theme: &Theme) -> Buffer {
        let (width, height) = self.app.size;
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        screens::draw_in(&self.app, watch, theme, &mut buffer, area);
        buffer
    }
}
