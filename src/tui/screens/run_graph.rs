//! A run as a graph.

use std::collections::HashMap;

use chrono::Duration;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::analytics::median;
use crate::engine::Watch;
use crate::graph::{Graph, Reach};
use crate::model::{Node, NodeId, NodeState, Topology};
use crate::tui::app::{App, KeptOverview, RunScreen, Tree};
use crate::tui::command::Command;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::graph::{self as widget, Form, GraphView, Item, Members, Zoom};
use crate::tui::widgets::{Pen, format};
use crate::world::RunView;

struct Shown<'a> {
    view: &'a RunView,
    tree: &'a Tree,
    folds: &'a HashMap<NodeId, bool>,
}

impl Members for Shown<'_> {
    fn name(&self, node: &NodeId) -> String {
        match self.view.nodes.get(node) {
            Some(node) => node.name.as_str().to_owned(),
            None => node.safe().as_str().to_owned(),
        }
    }

    fn group_of(&self, node: &NodeId) -> Option<NodeId> {
        self.view.nodes.get(node)?.group.clone()
    }

    fn is_open(&self, group: &NodeId) -> bool {
        self.tree.is_open(self.view, self.folds, group)
    }

    fn late(&self) -> Vec<NodeId> {
        let known: std::collections::HashSet<&NodeId> =
            self.view.topology.iter().flat_map(|t| &t.nodes).collect();
        let all = self.view.nodes.keys();
        all.filter(|id| !known.contains(id)).cloned().collect()
    }
}

/// The graph of a run as it is folded now.
pub fn run_graph(view: &RunView, tree: &Tree, folds: &HashMap<NodeId, bool>, form: Form) -> Graph {
    let nothing = Topology::default();
    let topology = view.topology.as_deref().unwrap_or(&nothing);
    widget::build(topology, &Shown { view, tree, folds }, form)
}

/// So many runs before are asked how long a node takes.
const RUNS: usize = 20;

#[allow(clippy::too_many_arguments)]
pub fn draw(
    app: &App,
    screen: &RunScreen,
    view: &RunView,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
    focused: bool,
) {
    let Some(laid) = &screen.laid else {
        Pen::new(buf, area, 0, theme)
            .skip(2)
            .put("drawing its graph...", theme[Token::Muted]);
        return;
    };
    let area = in_focus(app, screen, view, theme, buf, area);
    let scene = &*laid.scene;
    let item = |id: &NodeId| match screen.tree.group(id) {
        None => view.nodes.get(id).map(|node| Item::Node {
            node,
            usual: usual(watch, view, id),
        }),
        Some(group) => {
            let counts = screen.tree.counts(view, id);
            let total = counts.total().max(1);
            Some(Item::Group {
                name: group.name.as_str(),
                counts,
                fraction: f64::from(counts.ended()) / f64::from(total),
            })
        }
    };
    let selected = screen.selected.as_ref();
    let mut shown = GraphView {
        scene,
        form: laid.form,
        selected,
        lineage: screen.lineage(),
        reach: screen.look.reach,
        focused,
        now: app.now,
        item: &item,
        map: None,
        clear: screen.look.brought_to.as_ref().or(selected),
    };
    let overview = screen.zoom() == Zoom::Overview;
    let room = if overview {
        Some((area.width, area.height.saturating_sub(1)))
    } else if screen.look.no_map || scene.fits((area.width, area.height)) {
        None
    } else {
        widget::map_room(area)
    };
    let mut kept = screen.look.overview.borrow_mut();
    if let Some(room) = room {
        let (fitted, _) = KeptOverview::fit(kept.take(), laid, room, view, &screen.tree);
        *kept = Some(fitted);
    }
    let map = kept.as_ref().filter(|_| room.is_some());
    if let (true, Some(map)) = (overview, map) {
        shown.draw_overview(&map.overview, buf, area, theme);
        return;
    }
    shown.map = map.map(|k| &k.overview);
    let corner = match screen.corner.get() {
        // the first look shows the selected one in its surroundings
        None => selected
            .and_then(|id| widget::center_on(scene, id, area))
            .unwrap_or_default(),
        Some(corner) => corner,
    };
    let corner = if screen.look.panned {
        widget::clamp(corner, scene, area)
    } else {
        let target = screen.look.brought_to.as_ref();
        let target = target.filter(|id| scene.find(id).is_some()).or(selected);
        widget::ensure_visible(corner, scene, target, area)
    };
    screen.corner.set(Some(corner));
    shown.draw(buf, area, theme, corner);
}

/// Says that this is only a part of the graph, and how to get back. Returns what is left for the drawing.
fn in_focus(
    app: &App,
    screen: &RunScreen,
    view: &RunView,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) -> Rect {
    let Some(id) = screen.look.focus.as_ref().filter(|_| area.height > 2) else {
        return area;
    };
    let known = view.nodes.get(id).map(|n| n.name.clone());
    let group = || screen.tree.group(id).map(|g| g.name.clone());
    let name = known.or_else(group).unwrap_or_else(|| id.safe());
    let name = format::fit_middle(name.as_str(), 24, theme.glyphs.ellipsis);
    let back = app.settings.keymap.label(Command::FocusNode);
    Pen::new(buf, area, 0, theme)
        .skip(1)
        .put(&only(&name, screen.look.reach), theme[Token::Accent])
        .put(
            &format!(" {} {back} shows all", theme.glyphs.dot),
            theme[Token::Muted],
        );
    Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    }
}

/// "only what load needs, 2 edges deep, and what needs it".
fn only(name: &str, reach: Reach) -> String {
    let deep = |depth: Option<u32>| match depth {
        None => String::new(),
        Some(n) => format!(", {} deep", format::plural(n as usize, "edge")),
    };
    let needs = format!("what {name} needs{}", deep(reach.before));
    let needed = deep(reach.after);
    match (reach.before, reach.after) {
        (Some(0), Some(0)) => format!("only {name}"),
        (_, Some(0)) => format!("only {needs}"),
        (Some(0), _) => format!("only what needs {name}{needed}"),
        (None, None) => format!("only {needs} and what needs it"),
        (before, after) if before == after => {
            format!("only what {name} needs and what needs it{needed}")
        }
        (Some(_), _) => format!("only {needs}, and what needs it{needed}"),
        (None, _) => format!("only {needs} and what needs it{needed}"),
    }
}

/// How long a node took in the runs before, where they are known.
fn usual(watch: &Watch, view: &RunView, id: &NodeId) -> Option<Duration> {
    let ended_well = |node: &&Node| matches!(node.state, NodeState::Succeeded | NodeState::Warned);
    median(
        watch
            .world
            .runs_of(&view.run.key.pipeline)
            .filter(|other| other.run.key != view.run.key)
            .take(RUNS)
            .filter_map(|other| other.nodes.get(id).filter(ended_well))
            .filter_map(|node| Some(node.ended_at? - node.started_at?)),
    )
}
