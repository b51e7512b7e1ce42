//! The views of one run, and what each of them remembers: they share the selection, the folds and the scroll.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::engine::Watch;
use crate::model::{NodeId, NodeState, RunKey};
use crate::tui::command::Command;
use crate::tui::screens;
use crate::world::RunView;

use super::tree::{Tree, TreeRow};
use super::{App, Level, Look, RunScreen, Screen};

/// How a run is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    #[default]
    Graph,
    List,
    Timeline,
    Grid,
}

impl View {
    pub const ALL: [Self; 4] = [Self::Graph, Self::List, Self::Timeline, Self::Grid];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::List => "list",
            Self::Timeline => "timeline",
            Self::Grid => "grid",
        }
    }

    pub const fn next(self) -> Self {
        match self {
            Self::Graph => Self::List,
            Self::List => Self::Timeline,
            Self::Timeline => Self::Grid,
            Self::Grid => Self::Graph,
        }
    }
}

/// What orders the rows, within each group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Along the flow, else as the backend lists them.
    #[default]
    Order,
    State,
    Time,
    Name,
}

impl Sort {
    pub const ALL: [Self; 4] = [Self::Order, Self::State, Self::Time, Self::Name];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::State => "state",
            Self::Time => "time",
            Self::Name => "name",
        }
    }

    pub const fn next(self) -> Self {
        match self {
            Self::Order => Self::State,
            Self::State => Self::Time,
            Self::Time => Self::Name,
            Self::Name => Self::Order,
        }
    }
}

/// The lines that are shown. Sorting stays within each group: worst first, longest first, by name.
pub fn rows_of(
    tree: &Tree,
    view: &RunView,
    folds: &HashMap<NodeId, bool>,
    sort: Sort,
    now: DateTime<Utc>,
) -> Vec<TreeRow> {
    let name = |id: &NodeId| match (tree.group(id), view.nodes.get(id)) {
        (Some(group), _) => group.name.as_str().to_lowercase(),
        (None, Some(node)) => node.name.as_str().to_lowercase(),
        (None, None) => id.safe().as_str().to_lowercase(),
    };
    let node = |id: &NodeId| match tree.is_group(id) {
        true => tree.worst(view, id),
        false => view.nodes.get(id),
    };
    let key = |id: &NodeId| -> (i64, String) {
        match sort {
            Sort::Order => (0, String::new()),
            Sort::State => {
                let state = node(id).map_or(NodeState::Pending, |n| n.state);
                (-i64::from(state.badness()), String::new())
            }
            Sort::Time => {
                let took = match tree.is_group(id) {
                    true => tree.elapsed(view, id, now),
                    false => view.nodes.get(id).and_then(|n| n.elapsed(now)),
                };
                (took.map_or(1, |t| -t.num_milliseconds()), String::new())
            }
            Sort::Name => (0, name(id)),
        }
    };
    match sort {
        Sort::Order => tree.rows(view, folds),
        _ => tree.rows_by(view, folds, Some(&key)),
    }
}

/// Which part of a run's time is in view.
#[derive(Debug, Default)]
pub struct TimeWindow {
    /// The whole run is `2^zoom` windows long.
    pub zoom: u32,
    /// The middle of the window; `None`: around what is selected.
    pub centre: Cell<Option<DateTime<Utc>>>,
    /// Who ended last and what it waited for, at a revision of the world.
    pub critical: RefCell<Option<(u64, HashSet<NodeId>)>>,
}

/// The worst known state in each group of each run.
pub type Worst = HashMap<RunKey, HashMap<NodeId, NodeState>>;

/// What the grid remembers.
#[derive(Debug, Default)]
pub struct GridMemory {
    /// The run under the cursor; `None`: the one that is open.
    pub column: Option<RunKey>,
    /// How runs are shown that are opened from here.
    pub inner: View,
    /// The worst state in each group of each run, at a revision of the world.
    pub worst: RefCell<Option<(u64, Worst)>>,
}

/// How many runs beside the open one the grid has read in full.
const EXTRA: usize = 6;

impl RunScreen {
    pub(super) fn rebuild(&mut self, view: &RunView) {
        self.rows = Arc::new(rows_of(&self.tree, view, &self.folds, self.sort, self.now));
        self.sorted_at = self.wall;
    }

    /// The runs of the grid, oldest first, and where its cursor is.
    pub fn columns<'a>(&self, watch: &'a Watch) -> (Vec<&'a RunView>, usize) {
        let mut runs: Vec<&RunView> = watch.world.runs_of(&self.run.pipeline).collect();
        runs.reverse();
        let at = |key: &RunKey| runs.iter().position(|r| &r.run.key == key);
        let here = self.grid.column.as_ref().and_then(at);
        let cursor = here.or_else(|| at(&self.run)).unwrap_or_default();
        (runs, cursor)
    }

    /// Runs whose nodes the grid wants: those nearest to its cursor, until they are here.
    pub fn wanted_runs(&self, watch: &Watch) -> Vec<RunKey> {
        if self.view != View::Grid {
            return Vec::new();
        }
        let (runs, cursor) = self.columns(watch);
        let mut near: Vec<(usize, &RunView)> = runs
            .into_iter()
            .enumerate()
            .filter(|(_, r)| r.run.key != self.run)
            .collect();
        near.sort_by_key(|(i, _)| (i.abs_diff(cursor), std::cmp::Reverse(*i)));
        near.into_iter()
            .take(EXTRA)
            .filter(|(_, r)| !r.complete || !r.run.state.ended())
            .map(|(_, r)| r.run.key.clone())
            .collect()
    }

    pub(super) fn step_column(&mut self, watch: &Watch, right: bool) {
        let (runs, at) = self.columns(watch);
        let to = if right { at + 1 } else { at.saturating_sub(1) };
        if let Some(view) = runs.get(to.min(runs.len().saturating_sub(1))) {
            self.grid.column = Some(view.run.key.clone());
        }
    }

    /// Why a command on the time in view does nothing; `None`: this is not the timeline.
    pub fn time_reason(&self, command: Command) -> Option<Option<&'static str>> {
        if self.view != View::Timeline {
            return None;
        }
        let whole = "the whole run is in view; + goes nearer";
        Some(match command {
            Command::ZoomIn => None,
            Command::Center | Command::ZoomOut | Command::PanLeft | Command::PanRight => {
                (self.time.zoom == 0).then_some(whole)
            }
            Command::ZoomFit => None,
            _ => Some("works in the graph; v changes the view"),
        })
    }

    /// Moves the window by half of itself.
    fn pan_time(&self, view: &RunView, right: bool) {
        let axis = screens::time_axis(view, self.now);
        let (from, to) = axis.window(self.time.zoom, self.time.centre.get());
        let half = (to - from) / 2.0;
        let middle = f64::midpoint(from, to) + if right { half } else { -half };
        let middle = middle.clamp(half, (axis.len() - half).max(half));
        self.time.centre.set(Some(axis.time(middle)));
    }

    fn zoom_time(&mut self, zoom: u32) {
        self.time.zoom = zoom;
        if zoom == 0 {
            self.time.centre.set(None);
        }
    }

    /// Whether there is something to see nearer.
    fn has_nearer(&self, view: &RunView) -> bool {
        let axis = screens::time_axis(view, self.now);
        let (from, to) = axis.window(self.time.zoom + 1, None);
        to - from >= SHORTEST
    }
}

/// The least time that fills the screen, in milliseconds.
const SHORTEST: f64 = 2_000.0;

impl App {
    pub(super) fn set_view(&mut self, watch: &Watch, wanted: Option<View>) {
        let Some(Screen::Run(run)) = self.stack.last_mut() else {
            return;
        };
        let to = wanted.unwrap_or(run.view.next());
        if to == View::Grid && run.view != View::Grid {
            run.grid.inner = run.view;
            run.grid.column = None;
        }
        run.view = to;
        if let Some(view) = watch.world.run(&run.run) {
            if to == View::Graph {
                run.select_inside(view);
            }
            run.selected_or_visible(view);
        }
        self.remember();
    }

    pub(super) fn next_sort(&mut self, watch: &Watch) {
        let Some(Screen::Run(run)) = self.stack.last_mut() else {
            return;
        };
        run.sort = run.sort.next();
        let said = match (run.sort, run.view) {
            (Sort::Order, _) => "sorted by order: along the flow".to_owned(),
            // lines between rows in any other order would say nothing
            (sort, View::List) => format!("sorted by {}; by order it shows edges too", sort.word()),
            (sort, _) => format!("sorted by {}", sort.word()),
        };
        if let Some(view) = watch.world.run(&run.run) {
            run.rebuild(view);
        }
        self.remember();
        self.say(Level::Info, said);
    }

    /// Carries out a command on the time in view; `false`: this is not the timeline.
    pub(super) fn in_time(&mut self, watch: &Watch, command: Command) -> bool {
        let Some(Screen::Run(run)) = self.stack.last_mut() else {
            return false;
        };
        if run.view != View::Timeline {
            return false;
        }
        let Some(view) = watch.world.run(&run.run) else {
            return true;
        };
        match command {
            Command::ZoomIn if !run.has_nearer(view) => {
                self.say(Level::Info, "the shortest time is in view");
            }
            Command::ZoomIn => run.zoom_time(run.time.zoom + 1),
            Command::ZoomOut => run.zoom_time(run.time.zoom.saturating_sub(1)),
            Command::ZoomFit => run.zoom_time(0),
            Command::Center => run.time.centre.set(None),
            _ => run.pan_time(view, command == Command::PanRight),
        }
        true
    }

    /// Opens the run under the grid's cursor; `false`: there is no other.
    pub(super) fn open_column(&mut self, watch: &Watch) -> bool {
        let Some(Screen::Run(run)) = self.stack.last() else {
            return false;
        };
        if run.view != View::Grid {
            return false;
        }
        let (runs, at) = run.columns(watch);
        let Some(key) = runs.get(at).map(|r| r.run.key.clone()) else {
            return false;
        };
        if key == run.run {
            return false;
        }
        let mut opened = RunScreen::new(
            key,
            Look {
                view: run.grid.inner,
                ..run.look()
            },
        );
        opened.selected.clone_from(&run.selected);
        opened.folds.clone_from(&run.folds);
        opened.touched = run.touched;
        opened.now = run.now;
        opened.wall = run.wall;
        self.stack.push(Screen::Run(Box::new(opened)));
        true
    }
}
