//! The part of a graph that one box depends on and that depends on it.

use super::types::{Graph, GraphNode};
use super::visible;

/// How many edges ways are followed against and along the flow; `None`: to their ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    pub before: Option<u32>,
    pub after: Option<u32>,
}

impl Reach {
    /// As far on both sides.
    pub const fn within(depth: Option<u32>) -> Self {
        Self {
            before: depth,
            after: depth,
        }
    }
}

/// The box of that id with its ancestors and descendants within reach, as a graph without groups: a collapsed group
/// becomes a node of its size. `None`: nothing that is drawn has that id.
pub fn around(graph: &Graph, id: &str, reach: Reach) -> Option<Graph> {
    let visible = visible::resolve(graph);
    let center = visible.boxes.iter().position(|b| b.id == id)?;
    let count = visible.boxes.len();
    let mut kept = vec![false; count];
    for down in [true, false] {
        let limit = if down { reach.after } else { reach.before };
        let limit = limit.unwrap_or(u32::MAX);
        let mut next: Vec<Vec<usize>> = vec![Vec::new(); count];
        for link in &visible.links {
            let (near, far) = if down {
                (link.from, link.to)
            } else {
                (link.to, link.from)
            };
            next[near].push(far);
        }
        let mut seen = vec![false; count];
        seen[center] = true;
        let mut ring = vec![center];
        let mut steps = 0;
        while !ring.is_empty() {
            let mut further = Vec::new();
            for at in ring {
                kept[at] = true;
                if steps == limit {
                    continue;
                }
                for &to in &next[at] {
                    if !std::mem::replace(&mut seen[to], true) {
                        further.push(to);
                    }
                }
            }
            ring = further;
            steps = steps.saturating_add(1);
        }
    }
    let mut place = vec![usize::MAX; count];
    let mut part = Graph::default();
    for (i, b) in visible.boxes.iter().enumerate().filter(|(i, _)| kept[*i]) {
        place[i] = part.nodes.len();
        part.nodes.push(GraphNode {
            id: b.id.to_owned(),
            width: u16::try_from(b.w).unwrap_or(u16::MAX),
            height: u16::try_from(b.h).unwrap_or(u16::MAX),
            group: None,
        });
    }
    part.edges = visible
        .links
        .iter()
        .map(|l| (place[l.from], place[l.to]))
        .filter(|(from, to)| *from != usize::MAX && *to != usize::MAX)
        .collect();
    Some(part)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::graph::GraphGroup;

    /// `a → b → c → d`, `x → c`, `b → y`, `y` and `z` in a collapsed group `g`.
    fn graph() -> Graph {
        let node = |id: &str, group| GraphNode {
            id: id.to_owned(),
            width: 9,
            height: 3,
            group,
        };
        Graph {
            nodes: vec![
                node("a", None),
                node("b", None),
                node("c", None),
                node("d", None),
                node("x", None),
                node("y", Some(0)),
                node("z", Some(0)),
            ],
            groups: vec![GraphGroup {
                id: "g".to_owned(),
                parent: None,
                collapsed: true,
                width: 20,
                height: 4,
            }],
            edges: vec![(0, 1), (1, 2), (2, 3), (4, 2), (1, 5)],
        }
    }

    fn ids(id: &str, depth: Option<u32>) -> Option<Vec<String>> {
        let part = around(&graph(), id, Reach::within(depth))?;
        Some(part.nodes.into_iter().map(|n| n.id).collect())
    }

    #[test]
    fn ancestors_and_descendants_to_a_depth() {
        assert_eq!(ids("c", None).unwrap(), ["a", "b", "c", "d", "x"]);
        assert_eq!(ids("c", Some(1)).unwrap(), ["b", "c", "d", "x"]);
        assert_eq!(ids("c", Some(0)).unwrap(), ["c"]);
        assert_eq!(ids("a", None).unwrap(), ["a", "b", "c", "d", "g"]);
        assert_eq!(ids("y", None), None);
        let before = Reach {
            after: Some(0),
            ..Reach::default()
        };
        let part = around(&graph(), "c", before).unwrap();
        assert_eq!(part.nodes.len(), 4, "a, b, c, x");
        let part = around(&graph(), "b", Reach::within(Some(1))).unwrap();
        assert_eq!(part.edges.len(), 3);
        let group = part.nodes.iter().find(|n| n.id == "g").unwrap();
        assert_eq!((group.width, group.height), (20, 4));
    }

    #[test]
    fn a_ring_ends() {
        let mut ring = graph();
        ring.edges.push((3, 0));
        assert_eq!(around(&ring, "b", Reach::default()).unwrap().nodes.len(), 6);
    }
}
