//! What is to be drawn of a graph: collapsed groups stand for all that is in them, edges are lifted to them.

use super::types::{Graph, What};
use std::collections::HashMap;

/// The graph after collapsing: boxes, and links between different boxes, each pair once.
#[derive(Debug, Default)]
pub(super) struct Visible<'a> {
    pub boxes: Vec<VisibleBox<'a>>,
    pub links: Vec<Link>,
    /// (box, input edge) of edges that end where they start.
    pub loops: Vec<(usize, usize)>,
}

#[derive(Debug)]
pub(super) struct VisibleBox<'a> {
    pub what: What,
    pub id: &'a str,
    pub w: i32,
    pub h: i32,
    /// The innermost group around it.
    pub group: Option<usize>,
}

/// All input edges from one box to another one.
#[derive(Debug)]
pub(super) struct Link {
    pub from: usize,
    pub to: usize,
    pub edges: Vec<usize>,
}

/// Lines from or to an expanded group go to its last or first members. A group with more than this many pairs
/// of ends is joined by one end on one side, so that group to group edges cannot grow quadratically.
const PAIRS: usize = 400;

pub(super) fn resolve(graph: &Graph) -> Visible<'_> {
    let groups = &graph.groups;
    let nodes = graph.nodes.len();
    let parents: Vec<Option<usize>> = parents_without_cycles(graph);
    // outermost collapsed group around each group, itself included
    let outer: Vec<Option<usize>> = (0..groups.len())
        .map(|g| {
            ancestors(&parents, Some(g))
                .filter(|&a| groups[a].collapsed)
                .last()
        })
        .collect();
    let mut has_members = vec![false; groups.len()];
    for n in &graph.nodes {
        for a in ancestors(&parents, n.group.filter(|&g| g < groups.len())) {
            has_members[a] = true;
        }
    }
    // a group of nothing but groups is no leaf: what it holds is drawn
    for g in 0..groups.len() {
        for a in ancestors(&parents, parents[g]) {
            has_members[a] = true;
        }
    }
    let mut seen = Visible::default();
    let mut box_of_group: Vec<Option<usize>> = vec![None; groups.len()];
    let mut box_of_node: Vec<usize> = Vec::with_capacity(nodes);
    for (i, n) in graph.nodes.iter().enumerate() {
        let group = n.group.filter(|&g| g < groups.len());
        match group.and_then(|g| outer[g]) {
            Some(g) => {
                let b = group_box(graph, &parents, g, &mut seen, &mut box_of_group);
                box_of_node.push(b);
            }
            None => {
                box_of_node.push(seen.boxes.len());
                seen.boxes.push(VisibleBox {
                    what: What::Node(i),
                    id: &n.id,
                    w: i32::from(n.width.max(1)),
                    h: i32::from(n.height.max(1)),
                    group,
                });
            }
        }
    }
    for g in 0..groups.len() {
        match outer[g] {
            Some(o) => {
                box_of_group[g] = Some(group_box(graph, &parents, o, &mut seen, &mut box_of_group))
            }
            None if !has_members[g] => {
                group_box(graph, &parents, g, &mut seen, &mut box_of_group);
            }
            None => {}
        }
    }
    let mut known = HashMap::with_capacity(graph.edges.len());
    let mut late = Vec::new();
    for (e, &(a, b)) in graph.edges.iter().enumerate() {
        let end = |id: usize| -> Option<Option<usize>> {
            if id < nodes {
                Some(Some(box_of_node[id]))
            } else {
                box_of_group.get(id - nodes).copied()
            }
        };
        match (end(a), end(b)) {
            (Some(Some(from)), Some(Some(to))) => {
                // what happens inside a collapsed group is not seen
                if from == to && (a != b || a >= nodes || seen.boxes[from].what != What::Node(a)) {
                    continue;
                }
                seen.add(from, to, e, &mut known);
            }
            (Some(_), Some(_)) => late.push(e),
            _ => {}
        }
    }
    link_groups(
        graph,
        &parents,
        &box_of_node,
        &box_of_group,
        &late,
        &mut seen,
        &mut known,
    );
    seen
}

impl Visible<'_> {
    fn add(
        &mut self,
        from: usize,
        to: usize,
        edge: usize,
        known: &mut HashMap<(usize, usize), usize>,
    ) {
        if from == to {
            self.loops.push((from, edge));
            return;
        }
        let next = self.links.len();
        let at = *known.entry((from, to)).or_insert(next);
        match self.links.get_mut(at) {
            Some(link) => link.edges.push(edge),
            None => self.links.push(Link {
                from,
                to,
                edges: vec![edge],
            }),
        }
    }
}

/// Edges that touch an expanded group: from its members without an inner successor, to those without an inner predecessor.
fn link_groups(
    graph: &Graph,
    parents: &[Option<usize>],
    box_of_node: &[usize],
    box_of_group: &[Option<usize>],
    late: &[usize],
    seen: &mut Visible,
    known: &mut HashMap<(usize, usize), usize>,
) {
    if late.is_empty() {
        return;
    }
    let nodes = graph.nodes.len();
    let wanted: Vec<usize> = {
        let mut w: Vec<usize> = late
            .iter()
            .flat_map(|&e| [graph.edges[e].0, graph.edges[e].1])
            .filter(|&id| id >= nodes && box_of_group[id - nodes].is_none())
            .map(|id| id - nodes)
            .collect();
        w.sort_unstable();
        w.dedup();
        w
    };
    let mut members: HashMap<usize, Vec<usize>> = wanted.iter().map(|&g| (g, Vec::new())).collect();
    for (b, it) in seen.boxes.iter().enumerate() {
        for a in ancestors(parents, it.group) {
            if let Some(list) = members.get_mut(&a) {
                list.push(b);
            }
        }
    }
    // (first members, last members) of each wanted group
    let mut ends: HashMap<usize, (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (&g, list) in &members {
        let mut inside = vec![false; seen.boxes.len()];
        list.iter().for_each(|&b| inside[b] = true);
        let (mut fed, mut feeds) = (vec![false; seen.boxes.len()], vec![false; seen.boxes.len()]);
        for l in &seen.links {
            if inside[l.from] && inside[l.to] {
                fed[l.to] = true;
                feeds[l.from] = true;
            }
        }
        let pick = |not: &[bool]| {
            let some: Vec<usize> = list.iter().copied().filter(|&b| !not[b]).collect();
            if some.is_empty() {
                list.iter().copied().take(1).collect()
            } else {
                some
            }
        };
        ends.insert(g, (pick(&fed), pick(&feeds)));
    }
    let side = |id: usize, first: bool| -> Vec<usize> {
        if id < nodes {
            return vec![box_of_node[id]];
        }
        match (box_of_group[id - nodes], ends.get(&(id - nodes))) {
            (Some(b), _) => vec![b],
            (None, Some((firsts, lasts))) => if first { firsts } else { lasts }.clone(),
            (None, None) => Vec::new(),
        }
    };
    for &e in late {
        let (from, to) = (side(graph.edges[e].0, false), side(graph.edges[e].1, true));
        let many = from.len().saturating_mul(to.len()) > PAIRS;
        for (i, &a) in from.iter().enumerate() {
            for (j, &b) in to.iter().enumerate() {
                if a != b && (!many || i == 0 || j == 0) {
                    seen.add(a, b, e, known);
                }
            }
        }
    }
}

fn group_box<'a>(
    graph: &'a Graph,
    parents: &[Option<usize>],
    g: usize,
    seen: &mut Visible<'a>,
    box_of_group: &mut [Option<usize>],
) -> usize {
    if let Some(b) = box_of_group[g] {
        return b;
    }
    let b = seen.boxes.len();
    box_of_group[g] = Some(b);
    let it = &graph.groups[g];
    seen.boxes.push(VisibleBox {
        what: What::Group(g),
        id: &it.id,
        w: i32::from(it.width.max(1)),
        h: i32::from(it.height.max(1)),
        group: parents[g],
    });
    b
}

/// The parents as given, but a group that lies inside itself is taken out of its parent.
fn parents_without_cycles(graph: &Graph) -> Vec<Option<usize>> {
    let n = graph.groups.len();
    let mut parents: Vec<Option<usize>> = graph
        .groups
        .iter()
        .map(|g| g.parent.filter(|&p| p < n))
        .collect();
    // 0 not seen, 1 on the way, 2 fine
    let mut state = vec![0u8; n];
    for g in 0..n {
        let mut way = Vec::new();
        let mut at = Some(g);
        while let Some(a) = at {
            if state[a] != 0 {
                break;
            }
            state[a] = 1;
            way.push(a);
            match parents[a] {
                Some(p) if state[p] == 1 => {
                    parents[a] = None;
                    at = None;
                }
                next => at = next,
            }
        }
        way.into_iter().for_each(|a| state[a] = 2);
    }
    parents
}

/// A group and all groups around it, from the inside out.
fn ancestors(parents: &[Option<usize>], from: Option<usize>) -> impl Iterator<Item = usize> + '_ {
    std::iter::successors(from, move |&g| parents[g])
}
