//! The run screen: what is selected in it, what is folded, how it is laid out.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};

use crate::engine::Watch;
use crate::model::{LogKey, Node, NodeId, NodeState, RunKey};
use crate::tui::widgets::graph::{Form, Scene};
use crate::world::RunView;

use super::beside::Beside;
use super::drawing::Looking;
use super::log::{LogView, merged};
use super::looks::Look;
use super::tree::Tree;
use super::views::{GridMemory, Sort, TimeWindow, View};
use super::{App, Effect, LayoutDone, LayoutWanted, Screen};

/// Which part of a screen has the keyboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    #[default]
    Main,
    Log,
    Alerts,
}

/// How long sorted rows stay in their order.
const RESORT: Duration = Duration::seconds(1);

/// A finished drawing.
#[derive(Debug, Clone)]
pub struct LaidOut {
    pub version: u64,
    pub form: Form,
    pub scene: Arc<Scene>,
}

#[derive(Debug)]
pub struct RunScreen {
    pub run: RunKey,
    /// A node or a group.
    pub selected: Option<NodeId>,
    /// Since when it is selected.
    pub(super) rests_since: DateTime<Utc>,
    /// What the log below, the lit ways and the reasons speak of. It follows the selection when the cursor rests: who
    /// runs through the nodes gets small frames, and no log is asked for in passing.
    pub shown: Option<NodeId>,
    /// A person has moved: the selection is theirs. Before, it is the worst node.
    pub touched: bool,
    /// What a person folded or unfolded.
    pub folds: HashMap<NodeId, bool>,
    pub view: View,
    pub pane: Pane,
    /// The attempt that was picked; `None`: the newest.
    pub attempt: Option<u32>,
    pub log: LogView,
    pub tree: Arc<Tree>,
    /// The rows of the list, the timeline and the grid.
    pub rows: Arc<Vec<super::TreeRow>>,
    pub sort: Sort,
    /// The lines beside the rows of the list.
    pub(super) beside: Beside,
    /// When it was when the screen was last brought up to date, and when the rows were last put in order.
    pub(super) now: DateTime<Utc>,
    pub(super) wall: DateTime<Utc>,
    pub(super) sorted_at: DateTime<Utc>,
    pub time: TimeWindow,
    pub grid: GridMemory,
    /// Counts changes of shape and folds.
    pub version: u64,
    pub laid: Option<LaidOut>,
    asked: Option<(u64, Form)>,
    /// How boxes are drawn: depends on the room there is.
    pub form: Form,
    pub look: Looking,
    /// Shape of the run that `tree` was made of.
    shape: Option<u64>,
    /// Upper left corner of the graph, and first row of the other views, in the last frame.
    pub corner: Cell<Option<(i32, i32)>>,
    pub top: Cell<usize>,
    /// What the last frame showed as selected.
    pub drawn: RefCell<Option<NodeId>>,
    /// What is typed to find a node.
    pub find: tui_input::Input,
    pub finding: bool,
}

impl RunScreen {
    pub fn new(run: RunKey, look: Look) -> Self {
        Self {
            run,
            selected: None,
            rests_since: DateTime::UNIX_EPOCH,
            shown: None,
            touched: false,
            folds: HashMap::new(),
            view: look.view,
            pane: Pane::Main,
            attempt: None,
            log: LogView::default(),
            tree: Arc::default(),
            rows: Arc::default(),
            sort: look.sort,
            beside: Beside::default(),
            now: DateTime::UNIX_EPOCH,
            wall: DateTime::UNIX_EPOCH,
            sorted_at: DateTime::UNIX_EPOCH,
            time: TimeWindow::default(),
            grid: GridMemory::default(),
            version: 0,
            laid: None,
            asked: None,
            form: Form::Boxes,
            look: Looking::at(look.zoom),
            shape: None,
            corner: Cell::new(None),
            top: Cell::new(0),
            drawn: RefCell::new(None),
            find: tui_input::Input::default(),
            finding: false,
        }
    }

    /// The node that the selection speaks of: itself, or the worst of a group.
    pub fn node<'a>(&'a self, view: &'a RunView) -> Option<&'a Node> {
        self.node_of(view, self.selected.as_ref()?)
    }

    /// The node that the pane below speaks of.
    pub fn shown_node<'a>(&'a self, view: &'a RunView) -> Option<&'a Node> {
        self.node_of(view, self.shown.as_ref()?)
    }

    fn node_of<'a>(&'a self, view: &'a RunView, id: &NodeId) -> Option<&'a Node> {
        if self.tree.is_group(id) {
            self.tree.worst(view, id).or_else(|| view.nodes.get(id))
        } else {
            view.nodes.get(id)
        }
    }

    /// What the selection has come to rest on: everything that speaks of it follows.
    pub(super) fn follow(&mut self, view: &RunView) {
        self.shown.clone_from(&self.selected);
        self.bring_window();
        let log = self.log_key(view);
        self.log.show(log.into_iter().collect());
        self.trace();
    }

    /// The log of the selection: of the attempt that was picked or the newest.
    pub fn log_key(&self, view: &RunView) -> Option<LogKey> {
        let node = self.node(view)?;
        let attempt = self.attempt.unwrap_or(node.attempt);
        Some(self.run.node(&node.id).log(attempt))
    }

    /// As [`super::ListState::pin`].
    pub fn pin(&mut self, view: &RunView) -> bool {
        match self.drawn.take() {
            Some(drawn) if self.selected.as_ref() != Some(&drawn) => {
                let there = view.nodes.contains_key(&drawn) || self.tree.is_group(&drawn);
                if there {
                    self.select(drawn);
                }
                there
            }
            _ => true,
        }
    }

    /// The selection lies outside of the part that is drawn.
    fn off_the_drawing(&self) -> bool {
        let laid = self.laid.as_ref().filter(|l| l.version == self.version);
        let id = self.selected.as_ref();
        laid.zip(id)
            .is_some_and(|(laid, id)| laid.scene.index_of(id).is_none())
    }

    pub fn select(&mut self, id: NodeId) {
        if self.selected.as_ref() == Some(&id) {
            self.look.panned = false;
        } else {
            self.attempt = None;
            self.leave();
        }
        self.rests_since = self.wall;
        self.selected = Some(id);
    }

    /// Selects a node even when it lies in a collapsed group.
    pub fn reveal(&mut self, view: &RunView, id: &NodeId) {
        for group in self.tree.around(view, id) {
            if !self.tree.is_open(view, &self.folds, &group) {
                self.folds.insert(group, true);
                self.reshaped();
            }
        }
        self.select(id.clone());
        self.rebuild(view);
    }

    /// Opens or closes a group.
    pub fn fold(&mut self, view: &RunView, id: &NodeId, open: bool) {
        self.folds.insert(id.clone(), open);
        self.reshaped();
        self.rebuild(view);
        if self.view == View::Graph && self.selected.as_ref() == Some(id) {
            self.select_inside(view);
        }
        self.selected_or_visible(view);
    }

    /// An open group is no box of the graph: its worst member is selected instead.
    pub(super) fn select_inside(&mut self, view: &RunView) {
        let Some(id) = self.selected.clone().filter(|id| self.tree.is_group(id)) else {
            return;
        };
        if !self.tree.is_open(view, &self.folds, &id) {
            return;
        }
        let worst = self.tree.worst(view, &id).map(|n| n.id.clone());
        if let Some(inside) = worst.or_else(|| self.tree.members(Some(&id)).first().cloned()) {
            self.select(inside);
        }
    }

    pub fn fold_all(&mut self, view: &RunView, open: bool) {
        let groups: Vec<NodeId> = view
            .topology
            .iter()
            .flat_map(|t| &t.groups)
            .map(|g| g.id.clone())
            .collect();
        for group in groups {
            self.folds.insert(group, open);
        }
        self.reshaped();
        self.rebuild(view);
        self.selected_or_visible(view);
    }

    pub(super) fn reshaped(&mut self) {
        self.version += 1;
    }

    /// Fits everything derived to the run as it is now.
    pub fn sync(&mut self, view: &RunView) {
        if self.shape != Some(view.shape) {
            self.shape = Some(view.shape);
            self.tree = Arc::new(Tree::of(view));
            self.reshaped();
            self.rebuild(view);
        }
        // rows that are sorted by what changes stay where they are for a second
        if self.sort != Sort::Order && self.wall - self.sorted_at >= RESORT {
            self.rebuild(view);
        }
        if !self.touched
            && let Some(worst) = view.worst_node().map(|n| n.id.clone())
        {
            let shown = self.visible_for(view, &worst);
            if self.selected.as_ref() != Some(&shown) {
                self.select(shown);
            }
        }
        self.selected_or_visible(view);
    }

    /// The node itself, or the outermost collapsed group that hides it. Groups that are not mapped open to show the
    /// worst node; a mapped one with a thousand instances stays folded and stands for it.
    fn visible_for(&mut self, view: &RunView, id: &NodeId) -> NodeId {
        let around = self.tree.around(view, id);
        for group in around.iter().rev() {
            let mapped = self.tree.group(group).is_some_and(|g| g.mapped);
            if self.tree.is_open(view, &self.folds, group) {
                continue;
            }
            if mapped || self.folds.contains_key(group) {
                return group.clone();
            }
            self.folds.insert(group.clone(), true);
            self.reshaped();
            self.rebuild(view);
        }
        id.clone()
    }

    /// What is selected must be something that is shown.
    pub fn selected_or_visible(&mut self, view: &RunView) {
        let graph = self.view == View::Graph;
        let can = |row: &super::TreeRow| !(graph && row.expanded == Some(true));
        let shown =
            |id: &NodeId, rows: &[super::TreeRow]| rows.iter().any(|r| &r.id == id && can(r));
        if let Some(id) = self.selected.clone() {
            if shown(&id, &self.rows) {
                return;
            }
            let around = self.tree.around(view, &id);
            if let Some(group) = around.iter().find(|g| shown(g, &self.rows)) {
                self.select(group.clone());
                return;
            }
        }
        match self.rows.iter().find(|r| can(r)).map(|r| r.id.clone()) {
            Some(first) => self.select(first),
            None => self.selected = None,
        }
    }

    /// The drawing that is wanted and has not been asked for.
    fn wanted(&mut self, view: &RunView) -> Option<LayoutWanted> {
        if self.view != View::Graph || self.rows.is_empty() {
            return None;
        }
        if self
            .laid
            .as_ref()
            .is_some_and(|l| l.version == self.version)
            || self.asked.as_ref().is_some_and(|(v, _)| *v == self.version)
        {
            return None;
        }
        self.asked = Some((self.version, self.form));
        let graph = crate::tui::screens::run_graph(view, &self.tree, &self.folds, self.form);
        let graph = self.in_focus(graph);
        let previous = self.order_before();
        Some(LayoutWanted {
            run: self.run.clone(),
            version: self.version,
            graph: Arc::new(graph),
            options: self.form.options(previous),
        })
    }

    fn layout_ready(&mut self, done: LayoutDone) {
        if let Some((version, form)) = self.asked.take_if(|(v, _)| *v == done.version) {
            self.settle_in(&done.scene, form);
            self.laid = Some(LaidOut {
                version,
                form,
                scene: done.scene,
            });
        }
    }

    /// Nodes that are a problem, in the order of the tree, also those in collapsed groups.
    pub fn problems(&self, view: &RunView) -> Vec<NodeId> {
        let mut order = Vec::new();
        let all: HashMap<NodeId, bool> = view
            .topology
            .iter()
            .flat_map(|t| &t.groups)
            .map(|g| (g.id.clone(), true))
            .collect();
        for row in self.tree.rows(view, &all) {
            if row.expanded.is_none()
                && view
                    .nodes
                    .get(&row.id)
                    .is_some_and(|n| matches!(n.state, NodeState::Failed | NodeState::Retrying))
            {
                order.push(row.id);
            }
        }
        order
    }
}

impl App {
    pub fn run_screen(&self) -> Option<&RunScreen> {
        self.stack.iter().rev().find_map(|s| match s {
            Screen::Run(run) => Some(&**run),
            _ => None,
        })
    }

    pub(super) fn layout_ready(&mut self, done: LayoutDone) {
        let mut chose = false;
        for screen in &mut self.stack {
            if let Screen::Run(run) = screen
                && run.run == done.run
            {
                let zoom = run.look.zoom;
                run.layout_ready(done.clone());
                chose |= run.look.zoom != zoom;
            }
        }
        // only now it is known how near all of it fits
        if chose {
            self.remember();
        }
    }

    /// Screens follow the world; what a screen was about may be gone.
    pub(super) fn sync_screens(&mut self, watch: &Watch, effects: &mut Vec<Effect>) {
        let moves = self.dialog.is_none();
        if self.rests() || self.fleet.shown_row(watch).is_none() {
            self.fleet.shown = self.fleet.selected().cloned();
        }
        let fleet_log = self.fleet_log(watch);
        self.fleet.log.show(fleet_log.into_iter().collect());
        let rests = self.rests();
        let room = crate::tui::screens::graph_room(self.size, self.replay.is_some());
        for screen in &mut self.stack {
            match screen {
                Screen::Run(run) => {
                    run.now = self.now;
                    run.wall = self.wall;
                    run.fit(room);
                    if let Some(view) = watch.world.run(&run.run) {
                        if moves {
                            run.sync(view);
                        }
                        let there =
                            |id: &NodeId| run.tree.is_group(id) || view.nodes.contains_key(id);
                        let lost = !run.shown.as_ref().is_some_and(there) || run.off_the_drawing();
                        if rests || !run.touched || lost {
                            run.follow(view);
                        } else if run.window_is_late() {
                            run.bring_window();
                        }
                        effects.extend(run.wanted(view).map(Effect::ComputeLayout));
                        let lanes = run.lanes_wanted(view, room.0);
                        effects.extend(lanes.map(Effect::ComputeLanes));
                    }
                }
                Screen::Log(log) => {
                    if log.newest
                        && let Some(node) = watch.world.node(&log.key.node)
                        && node.attempt > log.key.attempt
                    {
                        log.key.attempt = node.attempt;
                    }
                    let (keys, all) = match log.merge {
                        None => (vec![log.key.clone()], 1),
                        Some(merge) => merged(watch, &log.key, merge),
                    };
                    log.all = all;
                    log.view.show(keys);
                }
                Screen::Actions(screen) => screen.sync(watch),
                _ => {}
            }
        }
    }

    /// The log that the fleet's pane shows: of the node to look at first in the selected row.
    pub fn fleet_log(&self, watch: &Watch) -> Option<LogKey> {
        let row = self.fleet.shown_row(watch)?;
        if let Some(key) = watch.first_error(row) {
            return Some(key);
        }
        let view = watch.world.run(row.run.as_ref()?)?;
        let node = view.nodes.get(row.node.as_ref()?)?;
        (node.attempt > 0).then(|| view.run.key.node(&node.id).log(node.attempt))
    }
}
