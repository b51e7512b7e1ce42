//! From the shape of a run to the boxes that are laid out. Sizes depend on names only: no change of a state ever
//! moves a box.

use std::collections::{HashMap, HashSet};

use crate::graph::{Graph, GraphGroup, GraphNode, Options};
use crate::model::{NodeId, Topology};
use crate::tui::widgets::format;

/// Columns of a name; longer ones lose their middle.
pub const NAME: usize = 24;
/// Columns inside of a box for what stands below a name: `retrying · 2nd`, `████████░░  81 %`.
const BELOW: usize = 14;
/// Columns after a name in the compact form: `2d 4h`, `blocked`.
const AFTER: usize = 8;
/// Columns of a folded group's counts: `1,812✓ 3✗ 185…`.
const COUNTS: usize = 18;

/// How nodes are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// Three lines with a border.
    #[default]
    Boxes,
    /// One line.
    Compact,
}

/// How near one looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zoom {
    /// All of it as dots.
    Overview,
    /// One line for each node.
    Compact,
    Boxes,
}

impl Zoom {
    pub const ALL: [Self; 3] = [Self::Overview, Self::Compact, Self::Boxes];

    pub const fn nearer(self) -> Option<Self> {
        match self {
            Self::Overview => Some(Self::Compact),
            Self::Compact => Some(Self::Boxes),
            Self::Boxes => None,
        }
    }

    pub const fn further(self) -> Option<Self> {
        match self {
            Self::Overview => None,
            Self::Compact => Some(Self::Overview),
            Self::Boxes => Some(Self::Compact),
        }
    }

    /// How it is laid out; an overview shows whatever layout there is.
    pub const fn form(self) -> Option<Form> {
        match self {
            Self::Overview => None,
            Self::Compact => Some(Form::Compact),
            Self::Boxes => Some(Form::Boxes),
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Compact => "rows",
            Self::Boxes => "boxes",
        }
    }
}

impl From<Form> for Zoom {
    fn from(form: Form) -> Self {
        match form {
            Form::Boxes => Self::Boxes,
            Form::Compact => Self::Compact,
        }
    }
}

impl Form {
    /// What an area has room for: boxes when at least three fit one above the other and two beside each other.
    pub const fn for_area(width: u16, height: u16) -> Self {
        if height >= 11 && width >= 56 {
            Self::Boxes
        } else {
            Self::Compact
        }
    }

    /// How to lay out in this form. `previous` is the order of the last layout.
    pub fn options(self, previous: Option<Vec<String>>) -> Options {
        Options {
            rank_gap: 4,
            previous,
            ..Options::default()
        }
    }

    /// Width and height of a node's box.
    pub fn node(self, name: &str) -> (u16, u16) {
        let name = format::width(name).clamp(1, NAME);
        match self {
            Self::Boxes => (((name + 2).max(BELOW) + 4) as u16, 3),
            Self::Compact => ((2 + name + 1 + AFTER) as u16, 1),
        }
    }

    /// Width and height of a folded group's box.
    pub fn group(self, name: &str) -> (u16, u16) {
        let name = format::width(name).clamp(1, NAME);
        match self {
            // name, fold sign and number of members; counts; a bar in the lower border
            Self::Boxes => (((name + 2 + MEMBERS).max(COUNTS) + 4) as u16, 4),
            Self::Compact => ((2 + name + MEMBERS + 1 + COUNTS) as u16, 1),
        }
    }
}

/// Columns of a group's number of members: `[2,000]`.
pub const MEMBERS: usize = 7;

/// Which nodes a run has and where they are: whoever keeps the tree of a run knows it.
pub trait Members {
    /// What is shown as the name of a node.
    fn name(&self, node: &NodeId) -> String;
    /// The group a node lies in.
    fn group_of(&self, node: &NodeId) -> Option<NodeId>;
    /// Whether a group is open: its members are boxes then and it is none.
    fn is_open(&self, group: &NodeId) -> bool;
    /// Nodes that the topology does not name: instances of mapped nodes.
    fn late(&self) -> Vec<NodeId>;
}

/// The graph to be laid out. An edge may end at a group; a node that is also a group (a mapped one) is its group.
pub fn build(topology: &Topology, members: &dyn Members, form: Form) -> Graph {
    let groups: HashMap<&NodeId, usize> = topology
        .groups
        .iter()
        .enumerate()
        .map(|(i, g)| (&g.id, i))
        .collect();
    let hidden = |start: Option<NodeId>| {
        let mut next = start;
        let mut steps = 0;
        while let Some(i) = next.as_ref().and_then(|id| groups.get(id)) {
            if !members.is_open(&topology.groups[*i].id) || steps > groups.len() {
                return true;
            }
            steps += 1;
            next = topology.groups[*i].parent.clone();
        }
        false
    };
    let mut seen = HashSet::new();
    let known = topology.nodes.iter().cloned();
    // what is folded away has no edges of its own: a mapped node's thousand instances cost nothing then
    let late = members
        .late()
        .into_iter()
        .filter(|id| !hidden(members.group_of(id)));
    let nodes: Vec<NodeId> = known
        .chain(late)
        .filter(|id| !groups.contains_key(id) && seen.insert(id.clone()))
        .collect();
    let at: HashMap<&NodeId, usize> = nodes
        .iter()
        .enumerate()
        .map(|(i, id)| (id, i))
        .chain(groups.iter().map(|(id, i)| (*id, nodes.len() + i)))
        .collect();
    Graph {
        nodes: nodes
            .iter()
            .map(|id| {
                let (width, height) = form.node(&members.name(id));
                GraphNode {
                    id: id.raw().to_owned(),
                    width,
                    height,
                    group: members.group_of(id).and_then(|g| groups.get(&g).copied()),
                }
            })
            .collect(),
        groups: topology
            .groups
            .iter()
            .map(|g| {
                let (width, height) = form.group(&g.name);
                GraphGroup {
                    id: g.id.raw().to_owned(),
                    parent: g.parent.as_ref().and_then(|p| groups.get(p).copied()),
                    collapsed: !members.is_open(&g.id),
                    width,
                    height,
                }
            })
            .collect(),
        edges: topology
            .edges
            .iter()
            .filter_map(|(from, to)| Some((*at.get(from)?, *at.get(to)?)))
            .collect(),
    }
}
