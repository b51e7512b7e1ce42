//! Owns the state of the screen and the one function that changes it: `App::update`, which is pure, reads the world
//! and returns effects for somebody else to run. Everything that is selected, marked or asked for is held by id.
//! Must not know the terminal, tokio or how anything is drawn.

mod action;
mod actions;
mod beside;
mod board;
mod command;
mod completer;
mod drawing;
mod fleet;
mod fleet_filter;
mod focus;
mod keys;
mod lists;
mod log;
mod looks;
mod moves;
mod notices;
mod order;
mod overview;
mod past;
mod past_screen;
mod places;
mod rates;
mod replay;
mod run;
mod tree;
mod views;
mod wake;

pub use action::{Batch, Draft, Subject, draft, kind_word};
pub use actions::{ActionRow, ActionsScreen};
pub use beside::{LanesDone, LanesWanted};
pub use board::{Board, Curve, Shown, span as board_span};
pub use completer::Completer;
pub use drawing::Looking;
pub use fleet::FleetState;
pub use fleet_filter::FLEET_FACETS;
pub use keys::{edit, type_in};
pub use lists::{ListState, Pick, Scroll};
pub use log::{
    Anchor, LogView, MOST_LOGS, Merge, Place, Prompt, Purpose, Sieve, Sought, Stage, first_error,
    merged,
};
pub use looks::Look;
pub use notices::{Level, Line, Notices};
pub use overview::KeptOverview;
pub use past::{Looked, Past};
pub use past_screen::{About, PastRow, PastScreen};
pub use replay::{Replay, SPEEDS, Went, moment};
pub use run::{LaidOut, Pane, RunScreen};
pub use tree::{Tree, TreeRow};
pub use views::{Sort, View, Worst};

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::config::Dashboard;
use crate::engine::past::{Answer, Question, Span, Unanswered};
use crate::engine::{self, Watch};
use crate::graph;
use crate::history::Looks;
use crate::logs::Filter;
use crate::model::{
    AlertId, Focus, Health, LogKey, NodeKey, PipelineKey, RunKey, SafeText, Target,
};
use crate::world::Changes;

use super::command::{Command, Context, KeyMap};
use super::dialogs::Dialog;
use super::term::Input;
use super::widgets::format::Zone;
use super::widgets::graph::Scene;

/// What does not change while it runs.
#[derive(Clone, Debug)]
pub struct Settings {
    pub keymap: KeyMap,
    pub zone: Zone,
    /// Ring when a watched run ends.
    pub bell: bool,
    /// How the runs of a pipeline are shown that was never looked at.
    pub view: View,
    /// Where logs are saved to; `None`: saving is not possible.
    pub save_dir: Option<PathBuf>,
    /// Where it is remembered how pipelines are looked at; `None`: nowhere.
    pub looks: Option<Looks>,
    /// There is a store that can be asked about the past.
    pub history: bool,
    pub dashboards: Vec<Dashboard>,
    /// What is shown as soon as it is known.
    pub open: Option<Target>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keymap: KeyMap::default(),
            zone: Zone::Utc,
            bell: true,
            view: View::Graph,
            save_dir: None,
            looks: None,
            history: false,
            dashboards: Vec::new(),
            open: None,
        }
    }
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Msg {
    Input(Input),
    /// Observations were applied to the world.
    World(Changes),
    /// The fleet's rows and the alerts were computed anew.
    Refreshed,
    /// It is this late now. Comes before whatever else happened at that time.
    Tick(DateTime<Utc>),
    LayoutReady(LayoutDone),
    LanesReady(LanesDone),
    /// From the history.
    Answered(Question, Result<Arc<Answer>, Unanswered>),
    /// A replay shows another moment, or can't.
    Went(Went),
    /// There is time to search logs further.
    Slice,
    /// Something to tell, from outside the world: a copy that went through, a file that was saved.
    Say(Level, SafeText),
}

/// What somebody else has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Engine(engine::Command),
    Copy(SafeText),
    CopyLines(Vec<SafeText>),
    ComputeLayout(LayoutWanted),
    ComputeLanes(LanesWanted),
    Bell,
    Redraw,
    Suspend,
    SaveLog {
        what: Wanted,
        path: PathBuf,
    },
    /// Shows logs in another program, which gets the terminal for that time.
    OpenLog {
        what: Wanted,
        with: Viewer,
    },
    /// To be remembered beyond the end of the program.
    KeepLook(PipelineKey, Look),
    /// To be looked up in the history.
    Ask(Question),
    /// Nobody wants to know it any more.
    Unask(Question),
    /// To be asked of the reel of a replay.
    Replay(engine::replay::Ask),
    Quit(i32),
}

/// Logs that are written to a file: by time when there are several.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub keys: Vec<LogKey>,
    /// Only what passes it.
    pub filter: Option<Filter>,
}

/// A program of the person's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    Pager,
    Editor,
}

/// A drawing that is wanted of a run's graph.
#[derive(Clone, Debug, PartialEq)]
pub struct LayoutWanted {
    pub run: RunKey,
    /// Which state of shape and folds it is of.
    pub version: u64,
    pub graph: Arc<graph::Graph>,
    pub options: graph::Options,
}

#[derive(Clone, Debug)]
pub struct LayoutDone {
    pub run: RunKey,
    pub version: u64,
    pub scene: Arc<Scene>,
}

impl LayoutWanted {
    /// Does the work: runs outside of the loop.
    pub fn compute(&self) -> LayoutDone {
        LayoutDone {
            run: self.run.clone(),
            version: self.version,
            scene: Arc::new(Scene::new(graph::layout(&self.graph, &self.options))),
        }
    }
}

/// A screen above the fleet.
#[derive(Debug)]
pub enum Screen {
    Run(Box<RunScreen>),
    Log(Box<LogScreen>),
    Node(NodeKey, Scroll),
    Pipeline(PipelineKey, Scroll),
    Alerts,
    System(ListState<usize>),
    Actions(Box<ActionsScreen>),
    Past(Box<PastScreen>),
    Board(Box<Board>),
    Help(Scroll, Context),
}

/// One log on the whole screen.
#[derive(Debug)]
pub struct LogScreen {
    pub key: LogKey,
    /// No attempt was picked: goes to the newest one by itself.
    pub newest: bool,
    /// What stands beside it, by time; and how many logs there would be without a bound.
    pub merge: Option<Merge>,
    pub all: usize,
    pub view: LogView,
}

/// Everything the screen remembers.
#[derive(Debug)]
pub struct App {
    pub settings: Settings,
    /// The time that what is shown is of: in a replay, that of the moment.
    pub now: DateTime<Utc>,
    /// The clock on the wall: how long something has been on screen.
    pub wall: DateTime<Utc>,
    pub replay: Option<Replay>,
    pub size: (u16, u16),
    /// The terminal told that nobody looks.
    pub hidden: bool,
    pub fleet: FleetState,
    /// What lies above the fleet, the last on top.
    pub stack: Vec<Screen>,
    pub dialog: Option<Dialog>,
    pub notices: Notices,
    pub watched: BTreeSet<RunKey>,
    pub alerts: ListState<AlertId>,
    /// How the runs of a pipeline were last looked at, and for which of them that is not written down yet.
    looks: HashMap<PipelineKey, Look>,
    unkept: Vec<PipelineKey>,
    /// What was said yes to, until it is settled and told.
    pub batches: Vec<Batch>,
    rates: rates::Rates,
    pub past: Past,
    /// As the past was last looked at.
    /// As somebody last chose it.
    past_span: Option<Span>,
    /// The run that others of its pipeline are held against.
    compare_with: Option<RunKey>,
    /// What the last frame hinted at, and where.
    pub hinted: RefCell<(Option<Context>, Vec<Command>)>,
    focus: Focus,
    last_action: u64,
    /// Something that the order of rows depends on may have changed.
    dirty: bool,
    /// When something last changed: what is younger than a minute is shown to the second.
    changed_at: DateTime<Utc>,
}

impl App {
    pub fn new(settings: Settings, now: DateTime<Utc>, size: (u16, u16)) -> Self {
        Self {
            settings,
            now,
            wall: now,
            replay: None,
            size,
            hidden: false,
            fleet: FleetState::default(),
            stack: Vec::new(),
            dialog: None,
            notices: Notices::default(),
            watched: BTreeSet::new(),
            alerts: ListState::default(),
            looks: HashMap::new(),
            unkept: Vec::new(),
            batches: Vec::new(),
            rates: rates::Rates::default(),
            past: Past::default(),
            past_span: None,
            compare_with: None,
            hinted: RefCell::default(),
            focus: Focus::default(),
            last_action: 0,
            dirty: true,
            changed_at: now,
        }
    }

    /// The one way in. Pure: the same state, world and message give the same state and effects.
    pub fn update(&mut self, watch: &Watch, msg: Msg) -> Vec<Effect> {
        let mut effects = Vec::new();
        match msg {
            Msg::Input(input) => self.input(watch, input, &mut effects),
            Msg::World(changes) => {
                self.dirty |= changes.fleet || changes.system;
                if changes.fleet || changes.actions {
                    self.changed_at = self.now;
                }
                if changes.actions {
                    self.actions_changed(watch);
                }
                if changes.fleet {
                    self.watched_ended(watch, &mut effects);
                }
            }
            Msg::Refreshed => {
                self.open_when_known(watch);
                self.dirty = true;
                self.changed_at = self.now;
            }
            Msg::Tick(now) => {
                self.wall = now;
                if self.replay.is_none() {
                    self.now = now;
                    self.rates.sample(watch, now);
                }
                self.notices.expire(now);
                self.play(&mut effects);
            }
            Msg::LayoutReady(done) => self.layout_ready(done),
            Msg::LanesReady(done) => self.lanes_ready(&done),
            Msg::Answered(question, came) => self.past_answered(&question, came),
            Msg::Went(went) => self.went(went),
            Msg::Slice => {
                self.search_logs(watch);
                return effects;
            }
            Msg::Say(level, text) => self.notices.say(self.wall, level, text),
        }
        self.settle(watch, &mut effects);
        effects
    }

    /// Makes everything derived fit the world again.
    fn settle(&mut self, watch: &Watch, effects: &mut Vec<Effect>) {
        // nothing moves under the cursor while a question is open
        if self.dirty && self.dialog.is_none() {
            self.dirty = false;
            self.fleet.sync(watch);
            self.alerts
                .sync(watch.alerts.firing().iter().map(|a| a.id.clone()).collect());
        }
        self.sync_screens(watch, effects);
        self.search_logs(watch);
        self.sync_dialog(watch);
        self.sync_board(watch);
        self.ask_past(watch, effects);
        self.keep_looks(effects);
        let focus = self.focus(watch);
        if focus != self.focus {
            self.focus = focus.clone();
            effects.push(Effect::Engine(engine::Command::Focus(focus)));
        }
    }

    /// Whether the order of rows waits for a question to be answered.
    pub fn frozen(&self) -> bool {
        self.dirty && self.dialog.is_some()
    }

    /// Where keys go.
    pub fn context(&self) -> Context {
        match self.stack.last() {
            None => match self.fleet.pane {
                Pane::Main => Context::Fleet,
                Pane::Log => Context::Log,
                Pane::Alerts => Context::Alerts,
            },
            Some(Screen::Run(run)) => match run.pane {
                Pane::Main => Context::Run,
                Pane::Log => Context::Log,
                Pane::Alerts => Context::Alerts,
            },
            Some(Screen::Log(_)) => Context::Log,
            Some(Screen::Node(..)) => Context::Node,
            Some(Screen::Pipeline(..)) => Context::Pipeline,
            Some(Screen::Alerts) => Context::Alerts,
            Some(Screen::System(_)) => Context::System,
            Some(Screen::Actions(_)) => Context::Actions,
            Some(Screen::Past(screen)) => screen.context(),
            Some(Screen::Board(_)) => Context::Dashboard,
            Some(Screen::Help(..)) => Context::Help,
        }
    }

    pub(crate) fn say(&mut self, level: Level, text: impl AsRef<str>) {
        self.notices.say(self.wall, level, SafeText::new(text));
    }

    /// Runs that somebody waits for and that have ended.
    fn watched_ended(&mut self, watch: &Watch, effects: &mut Vec<Effect>) {
        let ended: Vec<(RunKey, Option<Health>)> = self
            .watched
            .iter()
            .filter_map(|key| match watch.world.run(key) {
                None => Some((key.clone(), None)),
                Some(view) => view
                    .run
                    .state
                    .ended()
                    .then(|| (key.clone(), Some(view.health))),
            })
            .collect();
        for (key, health) in ended {
            self.watched.remove(&key);
            let (level, word) = match health {
                Some(Health::Succeeded) => (Level::Good, "succeeded"),
                Some(health) => (Level::Bad, health.word()),
                None => (Level::Bad, "is no longer listed by its backend"),
            };
            self.say(
                level,
                format!(
                    "watched run ended: {} {word}",
                    crate::model::Target::Run(key).label()
                ),
            );
            if self.settings.bell {
                effects.push(Effect::Bell);
            }
        }
    }
}
