//! How a run's graph is looked at: how near, which part of it, how far ways are followed.

use std::cell::RefCell;

use chrono::{DateTime, Duration, Utc};

use crate::engine::Watch;
use crate::graph::{self, Reach};
use crate::model::NodeId;
use crate::tui::command::Command;
use crate::tui::widgets::format;
use crate::tui::widgets::graph::{Form, Lineage, Scene, Zoom};

use super::{App, KeptOverview, Level, RunScreen, Screen, View};

/// So long after a step the window is brought to where it went.
const LAG: Duration = Duration::milliseconds(100);
/// Ways that are followed farther than this are followed to their ends.
const DEEPEST: u32 = 9;

#[derive(Debug, Default)]
pub struct Looking {
    /// What a person chose; `None`: as near as there is room for.
    pub zoom: Option<Zoom>,
    /// Looks for the nearest zoom at which all of it fits.
    fitting: bool,
    /// How far ways are followed from the selection.
    pub reach: Reach,
    /// Only this box with its ancestors and descendants is shown.
    pub focus: Option<NodeId>,
    /// No map in the corner.
    pub no_map: bool,
    /// The window was moved away from the selection.
    pub panned: bool,
    /// What the window was last brought to. It follows the selection [`LAG`] after the first step away from it: the
    /// answer to a key stays small however much of the drawing comes into view, and a key that is held moves the
    /// window ten times a second at most.
    pub brought_to: Option<NodeId>,
    left_at: DateTime<Utc>,
    /// Of the box that is spoken of, in the layout of that version.
    lineage: Option<(u64, NodeId, Lineage)>,
    /// Columns and rows of the pane.
    room: (u16, u16),
    /// Order of the last layout of the whole graph: what comes back stands where it stood.
    order: Option<Vec<String>>,
    pub overview: RefCell<Option<KeptOverview>>,
}

impl Looking {
    pub(super) fn at(zoom: Option<Zoom>) -> Self {
        Self {
            zoom,
            ..Self::default()
        }
    }
}

impl RunScreen {
    /// How near the graph is looked at now.
    pub fn zoom(&self) -> Zoom {
        self.look.zoom.unwrap_or(Zoom::from(self.form))
    }

    /// Boxes or lines: as a person wants, else what there is room for.
    pub(super) fn fit(&mut self, room: (u16, u16)) {
        self.look.room = room;
        let form = match self.look.zoom {
            None => Form::for_area(room.0, room.1),
            Some(zoom) => zoom.form().unwrap_or(self.form),
        };
        if self.form != form {
            self.form = form;
            self.corner.set(None);
            self.reshaped();
        }
    }

    fn set_zoom(&mut self, zoom: Zoom) {
        self.touched = true;
        self.look.zoom = Some(zoom);
        self.look.panned = false;
        self.corner.set(None);
        self.fit(self.look.room);
    }

    /// Another box will be selected: the window stays for a moment.
    pub(super) fn leave(&mut self) {
        if self.look.brought_to == self.selected {
            self.look.left_at = self.wall;
        }
    }

    /// When the window will follow the selection, where it has not.
    pub(super) fn window_until(&self) -> Option<DateTime<Utc>> {
        let behind = self.view == View::Graph && self.look.brought_to != self.selected;
        behind.then(|| self.look.left_at + LAG)
    }

    /// Whether it is time for the window to follow.
    pub(super) fn window_is_late(&self) -> bool {
        (self.wall - self.look.left_at).abs() >= LAG
    }

    /// Brings the window to the selection.
    pub(super) fn bring_window(&mut self) {
        if self.look.brought_to != self.selected {
            self.look.brought_to.clone_from(&self.selected);
            self.look.panned = false;
        }
    }

    /// As near as it gets with all of it in view.
    fn zoom_to_fit(&mut self) {
        let room = self.look.room;
        let fits = self.laid.as_ref().is_some_and(|l| l.scene.fits(room));
        let next = match (self.zoom(), fits) {
            (Zoom::Overview, true) => Zoom::from(self.form),
            (Zoom::Boxes, false) => Zoom::Compact,
            (Zoom::Compact, false) => Zoom::Overview,
            (zoom, _) => zoom,
        };
        self.set_zoom(next);
        self.look.fitting = next == Zoom::Compact && !fits;
    }

    /// Moves the window by half of the pane; the selection stays.
    pub(super) fn pan(&mut self, across: i32, down: i32) {
        if let Some((x, y)) = self.corner.get() {
            let half = |size: u16| (i32::from(size) / 2).max(1);
            let (w, h) = (half(self.look.room.0), half(self.look.room.1));
            self.touched = true;
            self.look.panned = true;
            self.corner.set(Some((
                x.saturating_add(across * w),
                y.saturating_add(down * h),
            )));
        }
    }

    /// The graph itself, or the part around what is in focus.
    pub(super) fn in_focus(&mut self, whole: graph::Graph) -> graph::Graph {
        let roots = [self.look.focus.clone(), self.selected.clone()];
        if self.look.focus.is_some() {
            for root in roots.into_iter().flatten() {
                if let Some(part) = graph::around(&whole, root.raw(), self.look.reach) {
                    self.look.focus = Some(root);
                    return part;
                }
            }
            self.look.focus = None;
        }
        whole
    }

    pub(super) fn set_focus(&mut self, focus: Option<NodeId>) {
        self.touched = true;
        self.look.focus = focus;
        self.look.panned = false;
        self.reshaped();
    }

    /// Which order the next layout begins with.
    pub(super) fn order_before(&self) -> Option<Vec<String>> {
        match self.look.focus {
            Some(_) => self.laid.as_ref().map(|l| l.scene.layout.order()),
            None => self.look.order.clone(),
        }
    }

    /// A new layout is there: what was under a person's eyes stays where it was.
    pub(super) fn settle_in(&mut self, scene: &Scene, form: Form) {
        if self.look.focus.is_none() {
            self.look.order = Some(scene.layout.order());
        }
        if std::mem::take(&mut self.look.fitting) && !scene.fits(self.look.room) {
            self.look.zoom = Some(Zoom::Overview);
        }
        let old = self.laid.as_ref().filter(|l| l.form == form);
        let (Some(old), Some((x, y)), true) = (old, self.corner.get(), self.touched) else {
            self.corner.set(None);
            return;
        };
        let drawn = self.drawn.borrow();
        let place = |scene: &Scene, ids: [Option<&NodeId>; 2]| {
            let found = ids.into_iter().flatten().find_map(|id| scene.find(id));
            found.map(|b| (b.x, b.y))
        };
        let before = place(&old.scene, [drawn.as_ref(), self.selected.as_ref()]);
        let after = place(scene, [self.selected.as_ref(), drawn.as_ref()]);
        if let (Some(before), Some(after)) = (before, after) {
            let moved = |at: i32, from: i32, to: i32| at.saturating_add(to.saturating_sub(from));
            self.corner.set(Some((
                moved(x, before.0, after.0),
                moved(y, before.1, after.1),
            )));
        }
    }

    /// Fits what follows from the box that is spoken of and the layout to both.
    pub(super) fn trace(&mut self) {
        let (Some(laid), Some(id)) = (&self.laid, &self.shown) else {
            self.look.lineage = None;
            return;
        };
        let index = laid.scene.index_of(id);
        if self.look.focus.is_some() && index.is_none() && laid.version == self.version {
            // what was gone to lies outside: the focus goes with it
            self.look.focus = Some(id.clone());
            self.reshaped();
            return;
        }
        let known =
            |(version, of, _): &(u64, NodeId, Lineage)| *version == laid.version && of == id;
        if !self.look.lineage.as_ref().is_some_and(known) {
            self.look.lineage =
                index.map(|i| (laid.version, id.clone(), Lineage::of(&laid.scene, i)));
        }
    }

    /// The ways from and to the box that is spoken of, when it is in the layout that is shown.
    pub fn lineage(&self) -> Option<&Lineage> {
        let (version, of, lineage) = self.look.lineage.as_ref()?;
        let fits = self.laid.as_ref()?.version == *version && self.shown.as_ref() == Some(of);
        fits.then_some(lineage)
    }

    /// The next reach of ways: on one side none, one edge, two, and so on to their ends. `None`: there are no ways.
    fn other_reach(&self, before: bool) -> Option<Reach> {
        let farthest = match (self.look.focus.is_some(), self.lineage(), before) {
            // a part of the graph does not know how far it could go
            (true, ..) => DEEPEST + 1,
            (false, Some(lineage), true) => lineage.farthest.0,
            (false, Some(lineage), false) => lineage.farthest.1,
            (false, None, _) => 0,
        };
        let further = |depth: Option<u32>| match depth {
            None => Some(0),
            Some(n) if n + 1 >= farthest || n >= DEEPEST => None,
            Some(n) => Some(n + 1),
        };
        let mut reach = self.look.reach;
        let side = if before {
            &mut reach.before
        } else {
            &mut reach.after
        };
        *side = further(*side);
        (farthest > 0).then_some(reach)
    }

    /// Why a command about the drawing can't be carried out; `None`: it can.
    pub fn drawing_reason(&self, command: Command) -> Option<&'static str> {
        if self.view != View::Graph {
            return Some("works in the graph; v changes the view");
        }
        if self.laid.is_none() {
            return Some("the graph is not drawn yet");
        }
        let zoom = self.zoom();
        match command {
            Command::ZoomIn if zoom.nearer().is_none() => Some("this is as near as it gets"),
            Command::ZoomOut if zoom.further().is_none() => Some("this is all of it"),
            Command::PanLeft | Command::PanRight if zoom == Zoom::Overview => {
                Some("all of it is in view; + goes nearer")
            }
            Command::Minimap if zoom == Zoom::Overview => Some("this is the map itself"),
            Command::Ancestors if self.other_reach(true).is_none() => Some("nothing leads to it"),
            Command::Descendants if self.other_reach(false).is_none() => {
                Some("nothing hangs on it")
            }
            _ => None,
        }
    }
}

impl App {
    pub(super) fn in_drawing(&mut self, watch: &Watch, command: Command) {
        let Some(Screen::Run(run)) = self.stack.last_mut() else {
            return;
        };
        let mut told = None;
        match command {
            Command::ZoomIn => {
                if let Some(zoom) = run.zoom().nearer() {
                    run.set_zoom(zoom);
                }
            }
            Command::ZoomOut => {
                if let Some(zoom) = run.zoom().further() {
                    run.set_zoom(zoom);
                }
            }
            Command::ZoomFit => run.zoom_to_fit(),
            Command::PanLeft => run.pan(-1, 0),
            Command::PanRight => run.pan(1, 0),
            Command::Center => {
                run.look.panned = false;
                run.corner.set(None);
            }
            Command::Minimap => {
                run.look.no_map = !run.look.no_map;
                told = Some(format!(
                    "map {}",
                    if run.look.no_map { "off" } else { "on" }
                ));
            }
            Command::Ancestors | Command::Descendants => {
                let before = command == Command::Ancestors;
                if let Some(reach) = run.other_reach(before) {
                    run.look.reach = reach;
                    if run.look.focus.is_some() {
                        run.set_focus(run.look.focus.clone());
                    }
                    told = Some(run.reach_told(before));
                }
            }
            Command::FocusNode => {
                let focus = match run.look.focus {
                    Some(_) => None,
                    None => run.selected.clone(),
                };
                run.set_focus(focus);
            }
            _ => {}
        }
        if let Some(view) = watch.world.run(&run.run) {
            run.selected_or_visible(view);
        }
        self.remember();
        if let Some(text) = told {
            self.say(Level::Info, text);
        }
    }
}

impl RunScreen {
    /// "ancestors: 2 edges deep, 4 of 17".
    fn reach_told(&self, before: bool) -> String {
        let reach = self.look.reach;
        let (word, depth) = match before {
            true => ("ancestors", reach.before),
            false => ("descendants", reach.after),
        };
        let far = match depth {
            None => "all".to_owned(),
            Some(0) => "none".to_owned(),
            Some(n) => format!("{} deep", format::plural(n as usize, "edge")),
        };
        match self.lineage().filter(|_| self.look.focus.is_none()) {
            None => format!("{word}: {far}"),
            Some(lineage) => {
                let of = |(up, down): (usize, usize)| if before { up } else { down };
                let shown = of(lineage.counts(reach));
                let all = of(lineage.counts(Reach::default()));
                format!("{word}: {far}, {shown} of {all}")
            }
        }
    }
}
