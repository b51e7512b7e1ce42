//! What was read: names, groups and edges, and the graph made of them.

use super::super::print::{NAME, name_width};
use super::super::types::{Graph, GraphGroup, GraphNode};
use std::collections::HashMap;

/// A graph with names, before its boxes have sizes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    pub nodes: Vec<NamedNode>,
    pub groups: Vec<NamedGroup>,
    /// In the id space of [`Graph::edges`].
    pub edges: Vec<(usize, usize)>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedNode {
    pub id: String,
    /// Shown instead of the id.
    pub label: Option<String>,
    pub group: Option<usize>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedGroup {
    pub id: String,
    pub label: Option<String>,
    pub parent: Option<usize>,
    pub collapsed: bool,
}

/// How boxes look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Style {
    /// Framed, three rows, the name and two cells on each side.
    #[default]
    Boxes,
    /// One row, the name and one cell on each side.
    Compact,
}

impl Named {
    /// The id of a node or a group, by its place in the id space of edges.
    pub fn name(&self, end: usize) -> &str {
        match end.checked_sub(self.nodes.len()) {
            None => &self.nodes[end].id,
            Some(g) => self.groups.get(g).map_or("", |g| &g.id),
        }
    }

    /// What is shown for a node.
    pub fn node_text(&self, node: usize) -> &str {
        self.nodes
            .get(node)
            .map_or("", |n| n.label.as_deref().unwrap_or(&n.id))
    }

    /// What is shown for a group.
    pub fn group_text(&self, group: usize) -> &str {
        self.groups
            .get(group)
            .map_or("", |g| g.label.as_deref().unwrap_or(&g.id))
    }

    /// The graph with boxes as wide as the names, at most 24 cells of them.
    pub fn graph(&self, style: Style) -> Graph {
        let size = |text: &str| {
            let name = name_width(text).min(NAME) as u16;
            match style {
                Style::Boxes => (name + 4, 3),
                Style::Compact => (name + 2, 1),
            }
        };
        Graph {
            nodes: (0..self.nodes.len())
                .map(|i| {
                    let (width, height) = size(self.node_text(i));
                    GraphNode {
                        id: self.nodes[i].id.clone(),
                        width,
                        height,
                        group: self.nodes[i].group,
                    }
                })
                .collect(),
            groups: (0..self.groups.len())
                .map(|i| {
                    let (width, height) = size(self.group_text(i));
                    let g = &self.groups[i];
                    GraphGroup {
                        id: g.id.clone(),
                        parent: g.parent,
                        collapsed: g.collapsed,
                        width,
                        height,
                    }
                })
                .collect(),
            edges: self.edges.clone(),
        }
    }
}

/// Collects nodes and edges by name. Edges to groups are settled at the end, when all names are known.
#[derive(Default)]
pub(super) struct Builder {
    pub named: Named,
    nodes: HashMap<String, usize>,
    groups: HashMap<String, usize>,
    edges: Vec<(End, End)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Node(usize),
    Group(usize),
}

impl Builder {
    pub(super) fn node(&mut self, id: &str) -> usize {
        if let Some(&i) = self.nodes.get(id) {
            return i;
        }
        let i = self.named.nodes.len();
        self.nodes.insert(id.to_owned(), i);
        self.named.nodes.push(NamedNode {
            id: id.to_owned(),
            ..NamedNode::default()
        });
        i
    }

    pub(super) fn group(&mut self, id: &str) -> usize {
        if let Some(&i) = self.groups.get(id) {
            return i;
        }
        let i = self.named.groups.len();
        self.groups.insert(id.to_owned(), i);
        self.named.groups.push(NamedGroup {
            id: id.to_owned(),
            ..NamedGroup::default()
        });
        i
    }

    /// A node of that name, else a group of that name, else a new node.
    pub(super) fn end(&mut self, id: &str) -> End {
        match (self.nodes.get(id), self.groups.get(id)) {
            (None, Some(&g)) => End::Group(g),
            _ => End::Node(self.node(id)),
        }
    }

    pub(super) fn edge(&mut self, from: End, to: End) {
        self.edges.push((from, to));
    }

    pub(super) fn finish(mut self) -> Named {
        let nodes = self.named.nodes.len();
        let place = |e: End| match e {
            End::Node(i) => i,
            End::Group(g) => nodes + g,
        };
        self.named.edges = self
            .edges
            .iter()
            .map(|&(a, b)| (place(a), place(b)))
            .collect();
        self.named
    }
}
