//! The monitor: the screen on top of a running engine. Hands observations to the engine and keys
//! to the app, runs the effects, draws. The only place where the two meet.

mod player;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use ratatui::Frame;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};

use crate::alerts::channels::Screen;
use crate::engine::past::{Answer, Question, Unanswered};
use crate::engine::replay::{self, Reel, ReelError};
use crate::engine::{Engine, News};
use crate::history::{self, Looks, LooksError};
use crate::model::{PipelineKey, SafeText, Stamped};
use crate::world::Changes;

use super::app::{
    App, Effect, LanesDone, LanesWanted, LayoutDone, LayoutWanted, Level, Msg, Settings, Viewer,
    Wanted,
};
use super::export::{Open, TempFile, Writing};
use super::screens;
use super::term::runtime::Notice;
use super::term::{Application, Flow, Input, Program, Request};
use super::theme::Theme;
use super::widgets::Zone;
use player::Player;

/// Results of effects that may wait for the loop.
const RESULTS: usize = 16;
/// Time for searching and writing logs between two looks at keys and events.
const SLICE: Duration = Duration::from_millis(8);
/// Bytes of logs in files that are read between two looks at the clock.
const READ: u64 = 1 << 20;

/// What the loop hears besides keys.
#[derive(Debug)]
pub enum Happening {
    Observed(Stamped),
    /// From the history or the channels.
    News(News),
    LaidOut(LayoutDone),
    Lined(LanesDone),
    Said(Level, SafeText),
    /// A log was written to a file for another program to show.
    Written(Program),
    NotWritten(SafeText),
    /// From the history.
    Answered(Question, Result<Arc<Answer>, Unanswered>),
    /// Looks were written down, or could not be.
    Kept(Result<(), LooksError>),
    /// The reel of a replay is back.
    Reeled(Box<Reel>, Result<replay::Answer, ReelError>),
}

/// The engine with a screen.
pub struct Monitor {
    engine: Engine,
    app: App,
    theme: Theme,
    results: mpsc::Sender<Happening>,
    requests: Vec<Request>,
    /// What has changed since the app was told.
    changes: Changes,
    /// One layout is computed at a time; of each run the newest that is wanted waits. The same holds for lanes.
    laying_out: bool,
    layouts: Vec<LayoutWanted>,
    lining: bool,
    lanes: Vec<LanesWanted>,
    looks: Option<Looks>,
    /// Looks that are to be written down; one write at a time.
    unkept: Vec<(PipelineKey, history::Look)>,
    keeping: Option<JoinHandle<()>>,
    /// That they can't be is told once.
    keeping_failed: bool,
    /// Logs on their way to files.
    writings: Vec<Writing>,
    /// What another program shows, until it has ended.
    shown: Option<TempFile>,
    files: u64,
    /// What is looked up in the history.
    asking: HashMap<Question, AbortHandle>,
    player: Player,
}

impl Monitor {
    /// The monitor and the stream of what it must be told.
    pub fn new(
        mut engine: Engine,
        events: mpsc::Receiver<Stamped>,
        mut settings: Settings,
        theme: Theme,
        size: (u16, u16),
    ) -> (Self, BoxStream<'static, Happening>) {
        let (results, back) = mpsc::channel(RESULTS);
        let observed = received(events).map(Happening::Observed);
        let happenings = stream::select(observed, received(back));
        let happenings = match engine.take_news() {
            Some(news) => stream::select(happenings, received(news).map(Happening::News)).boxed(),
            None => happenings.boxed(),
        };
        // no frame waits for them
        engine.watch.patterns.begin();
        settings.history = engine.has_history();
        let looks = settings.looks.clone();
        let mut app = App::new(settings, Utc::now(), size);
        match looks.as_ref().map(Looks::load) {
            None => {}
            Some(Ok(known)) => app.recall(&known),
            Some(Err(error)) => {
                let text = SafeText::new(error.to_string());
                app.notices.say(app.now, Level::Bad, text);
            }
        }
        let changes = Changes {
            fleet: true,
            system: true,
            ..Changes::default()
        };
        let monitor = Self {
            engine,
            app,
            theme,
            results,
            requests: Vec::new(),
            changes,
            laying_out: false,
            layouts: Vec::new(),
            lining: false,
            lanes: Vec::new(),
            looks,
            unkept: Vec::new(),
            keeping: None,
            keeping_failed: false,
            writings: Vec::new(),
            shown: None,
            files: 0,
            asking: HashMap::new(),
            player: Player::default(),
        };
        (monitor, happenings)
    }

    /// Writes down what is still to be, after the screen is gone.
    pub async fn finish(&mut self) {
        while let Some(keeping) = self.keeping.take() {
            // what went wrong with it can't be told any more
            let _ = keeping.await;
            self.keep_looks();
        }
    }

    /// The engine, to be shut down.
    pub fn into_engine(self) -> Engine {
        self.engine
    }

    /// Tells something bad from anywhere, if the loop has room to hear it.
    pub fn teller(&self) -> impl Fn(SafeText) + Send + Sync + 'static {
        let results = self.results.clone();
        move |text| {
            let _ = results.try_send(Happening::Said(Level::Bad, text));
        }
    }

    /// How many actions were sent in this session, for the last line after the screen is gone.
    pub fn actions_sent(&self) -> usize {
        self.engine.actions_sent()
    }

    /// How many runs are going that end with this process.
    pub fn drives_runs(&self) -> usize {
        let watch = &self.engine.watch;
        let driven = |row: &&crate::world::FleetRow| {
            watch
                .world
                .backend(&row.key.backend)
                .is_some_and(|b| b.info.drives_runs)
        };
        watch
            .fleet()
            .iter()
            .filter(driven)
            .map(|row| row.active)
            .sum()
    }

    /// Tells the app everything that has changed, and what follows from it.
    fn catch_up(&mut self) -> Flow {
        let mut flow = self.update(Msg::Tick(Utc::now()));
        if let Some(trouble) = self.engine.audit_trouble() {
            let text = SafeText::new(trouble.to_string());
            flow = stronger(flow, self.update(Msg::Say(Level::Bad, text)));
        }
        let refreshed = self.engine.refresh();
        for trouble in self.engine.troubles() {
            flow = stronger(flow, self.update(Msg::Say(Level::Bad, trouble)));
        }
        let changes = std::mem::take(&mut self.changes);
        if changes.any() {
            flow = stronger(flow, self.update(Msg::World(changes)));
        }
        if refreshed {
            flow = stronger(flow, self.update(Msg::Refreshed));
        }
        flow
    }

    fn update(&mut self, msg: Msg) -> Flow {
        let effects = self.app.update(&self.engine.watch, msg);
        let mut flow = Flow::Redraw;
        for effect in effects {
            flow = stronger(flow, self.run(effect));
        }
        flow
    }

    fn run(&mut self, effect: Effect) -> Flow {
        match effect {
            Effect::Engine(command) => {
                self.engine.command(command);
                self.want_tails();
                self.reel_on();
                // an answer may be there already: a read-only backend refuses at once
                self.changes.actions = true;
            }
            Effect::Copy(text) => self.requests.push(Request::Copy(text.to_string())),
            Effect::Bell => self.requests.push(Request::Bell),
            Effect::ComputeLayout(wanted) => {
                self.layouts.retain(|other| other.run != wanted.run);
                self.layouts.push(wanted);
                self.lay_out();
            }
            Effect::ComputeLanes(wanted) => {
                self.lanes.retain(|other| other.run != wanted.run);
                self.lanes.push(wanted);
                self.line();
            }
            Effect::CopyLines(lines) => {
                let lines: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();
                self.requests.push(Request::Copy(lines.join("\n")));
            }
            Effect::SaveLog { what, path } => self.save(what, path),
            Effect::OpenLog { what, with } => self.open(what, with),
            Effect::KeepLook(pipeline, look) => {
                self.unkept.push((pipeline, look.into()));
                if self.keeping.is_none() {
                    self.keep_looks();
                }
            }
            Effect::Ask(question) => self.ask(question),
            Effect::Unask(question) => {
                if let Some(asked) = self.asking.remove(&question) {
                    asked.abort();
                }
            }
            Effect::Replay(ask) => self.ask_reel(ask),
            Effect::Redraw => return Flow::Repaint,
            Effect::Suspend => return Flow::Suspend,
            Effect::Quit(code) => return Flow::Quit(code),
        }
        Flow::Redraw
    }

    /// A channel that is this terminal has something to show.
    fn show_notice(&mut self, screen: Screen) {
        if screen.bell {
            self.requests.push(Request::Bell);
        }
        if let Some(title) = screen.title {
            self.requests.push(Request::Title(title));
        }
        if let Some(notice) = screen.notice {
            self.requests.push(Request::Notice(notice));
        }
    }

    /// Does what takes long on a thread of its own; what came of it is a happening.
    fn off_the_loop(&self, work: impl FnOnce() -> Happening + Send + 'static) -> JoinHandle<()> {
        let results = self.results.clone();
        tokio::task::spawn_blocking(move || {
            // nobody hears it after the end
            let _ = results.blocking_send(work());
        })
    }

    fn lay_out(&mut self) {
        if self.laying_out {
            return;
        }
        let Some(wanted) = self.layouts.pop() else {
            return;
        };
        self.laying_out = true;
        self.off_the_loop(move || Happening::LaidOut(wanted.compute()));
    }

    fn line(&mut self) {
        if self.lining {
            return;
        }
        let Some(wanted) = self.lanes.pop() else {
            return;
        };
        self.lining = true;
        self.off_the_loop(move || Happening::Lined(wanted.compute()));
    }

    fn ask(&mut self, question: Question) {
        let local = self.app.settings.zone == Zone::Local;
        let Some(answer) = self.engine.ask(question.clone(), local) else {
            return;
        };
        let results = self.results.clone();
        let about = question.clone();
        let asked = tokio::spawn(async move {
            let came = match answer.await {
                Ok(came) => came.map_err(Unanswered::from),
                Err(_) => Err(Unanswered::gone()),
            };
            // nobody hears it after the end
            let _ = results
                .send(Happening::Answered(question, came.map(Arc::new)))
                .await;
        });
        if let Some(before) = self.asking.insert(about, asked.abort_handle()) {
            before.abort();
        }
    }

    fn keep_looks(&mut self) {
        let Some(looks) = self.looks.clone().filter(|_| !self.unkept.is_empty()) else {
            return;
        };
        let changed = std::mem::take(&mut self.unkept);
        self.keeping = Some(self.off_the_loop(move || Happening::Kept(looks.keep(&changed))));
    }

    fn save(&mut self, what: Wanted, path: PathBuf) {
        let results = self.results.clone();
        let name = path.display().to_string();
        let done = move |ended: std::io::Result<()>| {
            let said = match ended {
                Ok(()) => (Level::Good, format!("saved to {name}")),
                Err(error) => (Level::Bad, format!("can't save to {name}: {error}")),
            };
            let _ = results.blocking_send(Happening::Said(said.0, SafeText::new(said.1)));
        };
        let watch = &self.engine.watch;
        self.writings
            .push(Writing::start(watch, what, path, Open::Replace, done));
    }

    /// Writes logs to a file that only this user can read, and shows it in another program.
    fn open(&mut self, what: Wanted, with: Viewer) {
        if self.shown.is_some() {
            return;
        }
        self.files += 1;
        let file = TempFile::new(self.files);
        let path = file.path().to_owned();
        self.shown = Some(file);
        let wish = |name: &str| std::env::var(name).ok();
        let program = match with {
            Viewer::Pager => Program::of(&[wish("PAGER")], "less", &path),
            Viewer::Editor => Program::of(&[wish("VISUAL"), wish("EDITOR")], "vi", &path),
        };
        let results = self.results.clone();
        let done = move |ended: std::io::Result<()>| {
            let happening = match ended {
                Ok(()) => Happening::Written(program),
                Err(error) => {
                    let text = format!("can't write a file for {}: {error}", program.name());
                    Happening::NotWritten(SafeText::new(text))
                }
            };
            let _ = results.blocking_send(happening);
        };
        let watch = &self.engine.watch;
        self.writings
            .push(Writing::start(watch, what, path, Open::New, done));
    }

    /// Reads, searches and writes for a few milliseconds; keys come first again after that.
    fn work(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < SLICE {
            let reading = self.engine.watch.is_reading();
            if reading {
                self.engine.watch.read_on(READ);
                self.changes.log = true;
            }
            let searching = self.app.searching();
            if searching {
                self.app.update(&self.engine.watch, Msg::Slice);
            }
            let watch = &self.engine.watch;
            let writing = self.writings.iter().any(Writing::has_room);
            self.writings.retain_mut(|writing| writing.step(watch));
            if !reading && !searching && !writing && !self.engine.watch.get_ready(READ) {
                return;
            }
        }
    }
}

impl Application for Monitor {
    type Event = Happening;

    fn handle(&mut self, input: Input) -> Flow {
        // a key acts on what is, not on what was drawn last
        let before = self.catch_up();
        stronger(before, self.update(Msg::Input(input)))
    }

    fn handle_event(&mut self, happening: Happening) -> Flow {
        match happening {
            Happening::Observed(stamped) => {
                let changes = self.engine.apply(&stamped);
                self.changes = self.changes.and(changes);
                if changes.any() {
                    Flow::Redraw
                } else {
                    Flow::Idle
                }
            }
            Happening::News(news) => {
                if let Some(screen) = self.engine.heard(news) {
                    self.show_notice(screen);
                }
                Flow::Redraw
            }
            Happening::LaidOut(done) => {
                self.laying_out = false;
                self.lay_out();
                self.update(Msg::LayoutReady(done))
            }
            Happening::Lined(done) => {
                self.lining = false;
                self.line();
                self.update(Msg::LanesReady(done))
            }
            Happening::Reeled(reel, answer) => self.reeled(reel, answer),
            Happening::Said(level, text) => self.update(Msg::Say(level, text)),
            Happening::Written(program) => {
                self.requests.push(Request::Run(program));
                Flow::Idle
            }
            Happening::NotWritten(text) => {
                self.shown = None;
                self.update(Msg::Say(Level::Bad, text))
            }
            Happening::Answered(question, came) => {
                self.asking.remove(&question);
                self.update(Msg::Answered(question, came))
            }
            Happening::Kept(kept) => {
                self.keeping = None;
                self.keep_looks();
                match kept {
                    Err(error) if !std::mem::replace(&mut self.keeping_failed, true) => {
                        let text = SafeText::new(error.to_string());
                        self.update(Msg::Say(Level::Bad, text))
                    }
                    _ => Flow::Idle,
                }
            }
        }
    }

    fn draw(&mut self, frame: &mut Frame) {
        // frames are paced, so what follows from observations is computed as seldom as it is seen
        self.catch_up();
        screens::draw(&self.app, &self.engine.watch, &self.theme, frame);
    }

    fn next_wake(&self) -> Option<Instant> {
        let at = self.app.next_wake(&self.engine.watch);
        let watch = &self.engine.watch;
        let busy = self.app.searching() || watch.is_reading() || watch.could_get_ready();
        if busy || self.writings.iter().any(Writing::has_room) {
            return Some(Instant::now());
        }
        if !self.writings.is_empty() {
            return Some(Instant::now() + SLICE);
        }
        let ahead = (at - Utc::now()).to_std().unwrap_or(Duration::ZERO);
        Some(Instant::now() + ahead)
    }

    fn wake(&mut self, _now: Instant) -> Flow {
        self.work();
        self.catch_up()
    }

    fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    fn notice(&mut self, notice: Notice) -> Flow {
        let (level, text) = match notice {
            Notice::Copied(Ok(how)) => (Level::Good, how.to_string()),
            Notice::Copied(Err(why)) => (Level::Bad, why.to_string()),
            Notice::CannotSuspend => (
                Level::Bad,
                "nobody could continue this program, so it was not stopped".to_owned(),
            ),
            Notice::Resumed => return self.catch_up(),
            Notice::Returned(ended) => {
                self.shown = None;
                let flow = self.catch_up();
                return match ended {
                    Ok(()) => flow,
                    Err(why) => {
                        stronger(flow, self.update(Msg::Say(Level::Bad, SafeText::new(why))))
                    }
                };
            }
        };
        self.update(Msg::Say(level, SafeText::new(text)))
    }
}

/// Of two wishes the one that matters more.
fn stronger(a: Flow, b: Flow) -> Flow {
    let rank = |flow: &Flow| match flow {
        Flow::Idle => 0,
        Flow::Redraw => 1,
        Flow::RedrawNow => 2,
        Flow::Repaint => 3,
        Flow::Suspend => 4,
        Flow::Quit(_) => 5,
    };
    if rank(&b) > rank(&a) { b } else { a }
}

fn received<T: Send + 'static>(
    mut receiver: mpsc::Receiver<T>,
) -> impl futures_util::Stream<Item = T> {
    stream::poll_fn(move |cx| receiver.poll_recv(cx))
}
