//! A run as a graph.

use std::collections::HashMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::graph::{Graph, GraphGroup, GraphNode};
use crate::model::NodeId;
use crate::tui::app::{App, RunScreen, Tree};
use crate::tui::theme::Theme;
use crate::world::RunView;

/// The graph of a run as it is folded now.
pub fn run_graph(view: &RunView, tree: &Tree, folds: &HashMap<NodeId, bool>) -> Graph {
    let mut graph = Graph::default();
    let mut at: HashMap<NodeId, usize> = HashMap::new();
    let groups: Vec<&crate::model::Group> = view.topology.iter().flat_map(|t| &t.groups).collect();
    let group_at: HashMap<&NodeId, usize> =
        groups.iter().enumerate().map(|(i, g)| (&g.id, i)).collect();
    let mut nodes: Vec<&NodeId> = view.topology.iter().flat_map(|t| &t.nodes).collect();
    nodes.extend(view.nodes.keys());
    for id in nodes {
        if at.contains_key(id) || group_at.contains_key(id) {
            continue;
        }
        let node = view.nodes.get(id);
        let name = node.map_or_else(|| id.safe(), |n| n.name.clone());
        at.insert(id.clone(), graph.nodes.len());
        graph.nodes.push(GraphNode {
            id: id.raw().to_owned(),
            width: box_width(name.as_str()),
            height: 3,
            group: node
                .and_then(|n| n.group.as_ref())
                .and_then(|g| group_at.get(g))
                .copied(),
        });
    }
    for group in &groups {
        graph.groups.push(GraphGroup {
            id: group.id.raw().to_owned(),
            parent: group.parent.as_ref().and_then(|p| group_at.get(p)).copied(),
            collapsed: !tree.is_open(view, folds, &group.id),
            width: box_width(group.name.as_str()),
            height: 3,
        });
    }
    let place = |id: &NodeId| {
        group_at
            .get(id)
            .map(|g| graph.nodes.len() + g)
            .or_else(|| at.get(id).copied())
    };
    graph.edges = view
        .topology
        .iter()
        .flat_map(|t| &t.edges)
        .filter_map(|(from, to)| Some((place(from)?, place(to)?)))
        .collect();
    graph
}

fn box_width(name: &str) -> u16 {
    u16::try_from(crate::tui::widgets::format::width(name))
        .unwrap_or(u16::MAX)
        .clamp(6, 28)
        + 10
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
    super::run_list::draw(app, screen, view, theme, buf, area, focused);
}
