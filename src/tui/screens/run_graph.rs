//! A run as a graph.

use std::collections::HashMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::graph::Graph;
use crate::model::{NodeId, Topology};
use crate::tui::app::{App, RunScreen, Tree};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::Pen;
use crate::tui::widgets::graph::{self as widget, Form, GraphView, Item, Members};
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

pub fn draw(
    app: &App,
    screen: &RunScreen,
    view: &RunView,
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
    let selected = screen.selected.as_ref().map(NodeId::raw);
    let corner = match screen.corner.get() {
        // the first look shows the selected one in its surroundings
        None => selected
            .and_then(|id| widget::center_on(&laid.layout, id, area))
            .unwrap_or_default(),
        Some(corner) => corner,
    };
    let corner = widget::ensure_visible(corner, &laid.layout, selected, area);
    screen.corner.set(Some(corner));
    let item = |raw: &str| {
        let id = NodeId::new(raw);
        match screen.tree.group(&id) {
            None => view.nodes.get(&id).map(Item::Node),
            Some(group) => {
                let counts = screen.tree.counts(view, &id);
                let total = counts.total().max(1);
                Some(Item::Group {
                    name: group.name.as_str(),
                    counts,
                    fraction: f64::from(counts.ended()) / f64::from(total),
                })
            }
        }
    };
    GraphView {
        layout: &laid.layout,
        form: laid.form,
        selected,
        focused,
        now: app.now,
        item: &item,
    }
    .draw(buf, area, theme, corner);
}
