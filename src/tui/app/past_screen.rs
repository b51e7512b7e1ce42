//! A screen about the past: whose, over which span, and what is selected on it.

use chrono::{DateTime, Utc};

use crate::engine::past::{Answer, NodePast, PipelinePast, Question, Span};
use crate::model::{NodeId, NodeState, PipelineKey, RunKey};
use crate::tui::command::{Command, Context};

use super::{App, Level, ListState, Screen};

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    Pipeline(PipelineKey),
    Node(PipelineKey, NodeId),
    /// Two runs; without the first the last good one before the second.
    Compare {
        a: Option<RunKey>,
        b: RunKey,
    },
    Sla,
    Capacity,
}

/// A row of a screen about the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PastRow {
    Try(RunKey, u32),
    Node(NodeId),
    Pipeline(PipelineKey),
    /// Names of backend and queue.
    Queue(String, String),
}

#[derive(Debug)]
pub struct PastScreen {
    pub about: About,
    /// The one that is shown.
    pub span: Span,
    /// Somebody chose it; else it is what the history fills.
    pub chosen: bool,
    pub list: ListState<PastRow>,
    /// The other half of what has no room at once.
    pub second: bool,
    /// What the panes beside the rows speak of: they follow when the cursor rests.
    pub shown: Option<PastRow>,
    pub rests_since: DateTime<Utc>,
}

impl PastScreen {
    pub fn new(about: About, span: Option<Span>) -> Self {
        Self {
            about,
            span: span.unwrap_or_default(),
            chosen: span.is_some(),
            list: ListState::default(),
            second: false,
            shown: None,
            rests_since: DateTime::UNIX_EPOCH,
        }
    }

    /// The one that the screen as a whole is about.
    pub fn question(&self) -> Question {
        let span = self.span;
        let chosen = self.chosen.then_some(span);
        match &self.about {
            About::Pipeline(key) => Question::Pipeline {
                key: key.clone(),
                span: chosen,
            },
            About::Node(pipeline, node) => Question::Node {
                pipeline: pipeline.clone(),
                node: node.clone(),
                span: chosen,
            },
            About::Compare { a, b } => Question::Compare {
                a: a.clone(),
                b: b.clone(),
            },
            About::Sla => Question::Sla { span },
            About::Capacity => Question::Capacity { span },
        }
    }

    pub fn questions(&self) -> Vec<Question> {
        let mut all = vec![self.question()];
        all.extend(self.tail());
        all
    }

    /// The end of the selected attempt's log.
    pub fn tail(&self) -> Option<Question> {
        let About::Node(_, node) = &self.about else {
            return None;
        };
        let Some(PastRow::Try(run, attempt)) = &self.shown else {
            return None;
        };
        (*attempt > 0).then(|| Question::Tail(run.node(node).log(*attempt)))
    }

    /// Whether there may be more than has room at once.
    pub const fn halved(&self) -> bool {
        matches!(self.about, About::Pipeline(_))
    }

    pub fn context(&self) -> Context {
        match &self.about {
            About::Pipeline(_) | About::Node(..) => Context::Trends,
            About::Compare { .. } => Context::Compare,
            About::Sla => Context::Sla,
            About::Capacity => Context::Capacity,
        }
    }

    pub fn pipeline(&self) -> Option<&PipelineKey> {
        match &self.about {
            About::Pipeline(key) | About::Node(key, _) => Some(key),
            About::Compare { b, .. } => Some(&b.pipeline),
            About::Sla => match &self.list.selected {
                Some(PastRow::Pipeline(key)) => Some(key),
                _ => None,
            },
            About::Capacity => None,
        }
    }

    /// The span a command leads to.
    fn other_span(&self, command: Command) -> Option<Span> {
        match command {
            Command::Left | Command::ZoomIn => self.span.shorter(),
            Command::Right | Command::ZoomOut => self.span.longer(),
            Command::ZoomFit => Some(Span::Year).filter(|s| *s != self.span),
            _ => None,
        }
    }

    /// Why a command about the span can't be carried out.
    pub fn span_reason(&self, command: Command) -> Option<&'static str> {
        if self.other_span(command).is_some() {
            return None;
        }
        Some(match command {
            Command::Left | Command::ZoomIn => "a day is the shortest time that is shown",
            _ => "a year is the longest time that is shown",
        })
    }
}

/// The attempts of a node in their order on screen.
fn tries(past: &NodePast) -> Vec<PastRow> {
    let row = |t: &crate::engine::past::Try| PastRow::Try(t.run.clone(), t.attempt);
    past.tries.iter().map(row).collect()
}

/// Nodes that the length of runs hangs on, then those that are only flaky.
fn nodes(past: &PipelinePast) -> Vec<PastRow> {
    let Some(known) = &past.judged.nodes else {
        return Vec::new();
    };
    let found = known.bottlenecks.iter().flat_map(|b| &b.nodes);
    let mut all: Vec<PastRow> = found.map(|n| PastRow::Node(n.node.clone())).collect();
    for flaky in &known.flaky {
        let row = PastRow::Node(flaky.node.clone());
        if !all.contains(&row) {
            all.push(row);
        }
    }
    all
}

impl App {
    pub fn past_screen(&self) -> Option<&PastScreen> {
        match self.stack.last() {
            Some(Screen::Past(screen)) => Some(screen),
            _ => None,
        }
    }

    fn past_screen_mut(&mut self) -> Option<&mut PastScreen> {
        match self.stack.last_mut() {
            Some(Screen::Past(screen)) => Some(screen),
            _ => None,
        }
    }

    pub(in crate::tui) fn go_past(&mut self, about: About) {
        let span = self.past_span;
        let screen = PastScreen::new(about, span);
        self.stack.push(Screen::Past(Box::new(screen)));
    }

    /// One of the main screens, with the fleet below it.
    pub(super) fn show_past(&mut self, about: About) {
        self.show(None);
        self.go_past(about);
    }

    /// The history of what is selected: of a node where one is, else of the pipeline.
    pub(super) fn show_trends(&mut self, watch: &crate::engine::Watch) {
        let Some(subject) = self.subject(watch) else {
            return;
        };
        let on_node = !self.stack.is_empty() && subject.node.is_some();
        let about = match (subject.pipeline, subject.node) {
            (Some(pipeline), Some(node)) if on_node => About::Node(pipeline, node),
            (Some(pipeline), _) => About::Pipeline(pipeline),
            (None, _) => return,
        };
        // from a node's history to that of its pipeline
        match self.past_screen().map(|s| &s.about) {
            Some(About::Node(pipeline, _)) => {
                let about = About::Pipeline(pipeline.clone());
                self.go_past(about);
            }
            _ => self.go_past(about),
        }
    }

    /// The run that is meant: of the fleet's row, or the one on screen.
    fn run_here(&self, watch: &crate::engine::Watch) -> Option<RunKey> {
        match self.past_screen().map(|s| &s.about) {
            Some(About::Compare { b, .. }) => Some(b.clone()),
            _ => self.subject(watch)?.run,
        }
    }

    /// Remembers the run for the next comparison of its pipeline.
    pub(super) fn mark_for_comparison(&mut self, watch: &crate::engine::Watch) {
        let Some(run) = self.run_here(watch) else {
            return;
        };
        let label = crate::model::Target::Run(run.clone()).label();
        let key = self.settings.keymap.label(Command::Compare);
        let text = format!("{label} is marked: {key} on another run holds that one against it");
        self.compare_with = Some(run);
        self.say(Level::Good, text);
    }

    /// The run on screen against the one that was marked, else against the last good one before it.
    pub(super) fn compare(&mut self, watch: &crate::engine::Watch) {
        let Some(b) = self.run_here(watch) else {
            return;
        };
        let marked = self.compare_with.clone();
        let a = marked.filter(|a| a.pipeline == b.pipeline && *a != b);
        self.go_past(About::Compare { a, b });
    }

    /// The other half of a screen that has no room for both.
    pub(super) fn other_half(&mut self) {
        if let Some(screen) = self.past_screen_mut() {
            screen.second = !screen.second;
        }
    }

    pub(super) fn set_span(&mut self, command: Command) {
        let Some(screen) = self.past_screen_mut() else {
            return;
        };
        if let Some(span) = screen.other_span(command) {
            screen.span = span;
            screen.chosen = true;
            self.past_span = Some(span);
        }
    }

    /// What is selected follows what is known.
    pub(super) fn sync_past(&mut self) {
        let rests = self.rests();
        let Some(Screen::Past(screen)) = self.stack.last_mut() else {
            return;
        };
        let looked = self.past.look(&screen.question(), self.now);
        let fresh = screen.list.order.is_empty();
        match looked.answer.as_deref() {
            Some(Answer::Node(past)) => {
                if !screen.chosen {
                    screen.span = past.span;
                }
                screen.list.sync(tries(past));
                // the last failure is why somebody came
                let mut all = past.tries.iter();
                let failed = all.position(|t| t.state == NodeState::Failed);
                if let Some(at) = failed.filter(|_| fresh) {
                    screen.list.select_at(at);
                }
            }
            Some(Answer::Pipeline(past)) => {
                if !screen.chosen {
                    screen.span = past.span;
                }
                screen.list.sync(nodes(past));
            }
            Some(Answer::Compare(past)) => {
                let nodes = past.comparison.iter().flat_map(|c| &c.nodes);
                let nodes = nodes.map(|n| PastRow::Node(n.node.clone()));
                screen.list.sync(nodes.collect());
            }
            Some(Answer::Sla(past)) => {
                let rows = past.rows.iter();
                let rows = rows.map(|r| PastRow::Pipeline(r.pipeline.clone()));
                screen.list.sync(rows.collect());
            }
            Some(Answer::Capacity(past)) => {
                let queues = past.queues.iter();
                let queues = queues.map(|q| PastRow::Queue(q.backend.clone(), q.queue.clone()));
                screen.list.sync(queues.collect());
            }
            Some(Answer::Tail(_) | Answer::Series(_) | Answer::Value(_) | Answer::Audit(_))
            | None => {}
        }
        if rests || screen.shown.is_none() {
            screen.shown.clone_from(&screen.list.selected);
        }
    }

    /// From a row of the past to what it speaks of.
    pub(super) fn open_past(&mut self, watch: &crate::engine::Watch) {
        let Some(screen) = self.past_screen() else {
            return;
        };
        match screen.list.selected.clone() {
            Some(PastRow::Try(run, _)) if watch.world.run(&run).is_some() => self.go_run(run),
            Some(PastRow::Try(..)) => self.say(
                Level::Info,
                "its backend no longer lists that run; what is kept of it is shown here",
            ),
            Some(PastRow::Node(node)) => {
                if let Some(pipeline) = screen.pipeline().cloned() {
                    self.go_past(About::Node(pipeline, node));
                }
            }
            Some(PastRow::Pipeline(key)) => self.open_pipeline(watch, &key),
            Some(PastRow::Queue(..)) => self.say(Level::Info, "3 shows the queues as they are now"),
            None => {
                if let Some(key) = screen.pipeline().cloned() {
                    self.open_pipeline(watch, &key);
                }
            }
        }
    }
}
