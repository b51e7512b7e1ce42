//! A large layered graph with states, as it is drawn.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use dagtop::graph::{Graph, GraphNode, Reach, layout};
use dagtop::model::{Node, NodeId, NodeState};
use dagtop::tui::term::ColorDepth;
use dagtop::tui::theme::Theme;
use dagtop::tui::widgets::graph::{
    Drawn, Form, GraphView, Item, Lineage, Overview, Scene, center_on,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const PANE: Rect = Rect::new(0, 0, 200, 60);

pub struct Mesh {
    scene: Scene,
    nodes: HashMap<NodeId, Node>,
    selected: NodeId,
    lineage: Lineage,
    map: Overview,
    theme: Theme,
    now: DateTime<Utc>,
}

pub fn buffer() -> Buffer {
    Buffer::empty(PANE)
}

impl Mesh {
    pub fn new(count: usize) -> Self {
        let layers = 12 + count / 400;
        let per = count.div_ceil(layers);
        let node = |n: usize| GraphNode {
            id: format!("node_{n}"),
            width: 18,
            height: 3,
            group: None,
        };
        let edges = (per..count).flat_map(|n| {
            let above = (n / per - 1) * per;
            let near = above + (n % per + n * 7 % 5).min(per - 1);
            [(above + n % per, n), (near, n)]
        });
        let graph = Graph {
            nodes: (0..count).map(node).collect(),
            edges: edges.collect(),
            ..Graph::default()
        };
        let scene = Scene::new(layout(&graph, &Form::Boxes.options(None)));
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let nodes = scene.ids().iter().enumerate().map(|(n, id)| {
            let mut node = Node::new(id.clone());
            node.attempt = 1;
            node.started_at = Some(now - Duration::minutes(5));
            node.state = match n % 11 {
                0 => NodeState::Running,
                1 => NodeState::Pending,
                _ => NodeState::Succeeded,
            };
            node.ended_at = node.state.ended().then_some(now);
            (id.clone(), node)
        });
        let selected = NodeId::new(format!("node_{}", count / 2));
        let lineage = Lineage::of(&scene, scene.index_of(&selected).unwrap());
        let mut mesh = Self {
            nodes: nodes.collect(),
            selected,
            lineage,
            map: Overview::default(),
            theme: Theme::terminal(ColorDepth::Ansi16, true),
            now,
            scene,
        };
        mesh.map = mesh.overview((30, 10));
        mesh
    }

    pub fn overview(&self, size: (u16, u16)) -> Overview {
        let state = |i: usize| Some(self.nodes.get(self.scene.id(i)?)?.state);
        Overview::of(&self.scene, size, &state)
    }

    pub fn ways(&self) -> Lineage {
        Lineage::of(&self.scene, self.lineage.center)
    }

    pub fn draw(&self, buf: &mut Buffer, map: bool) -> Drawn {
        buf.reset();
        let item = |id: &NodeId| {
            let node = self.nodes.get(id)?;
            Some(Item::Node { node, usual: None })
        };
        let corner = center_on(&self.scene, &self.selected, PANE).unwrap();
        GraphView {
            scene: &self.scene,
            form: Form::Boxes,
            selected: Some(&self.selected),
            lineage: Some(&self.lineage),
            reach: Reach::default(),
            focused: true,
            now: self.now,
            item: &item,
            map: map.then_some(&self.map),
            clear: Some(&self.selected),
        }
        .draw(buf, PANE, &self.theme, corner)
    }
}
