//! What must hold for every layout, on graphs drawn by seeds.

use dagtop::graph::{
    Direction, Graph, GraphGroup, GraphNode, Layout, Options, Rect, What, glyphs, layout,
    layout_until,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::OnceLock;

struct Seed(u64);

impl Seed {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % n.max(1)
    }
}

fn node(i: usize, width: u16, height: u16) -> GraphNode {
    GraphNode {
        id: format!("n{i}"),
        width,
        height,
        group: None,
    }
}

/// Any graph: cycles, self loops, repeated edges, several components, boxes of all sizes, groups.
fn any_graph(seed: u64) -> Graph {
    let mut s = Seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1);
    let n = s.below(40);
    let mut g = Graph::default();
    for i in 0..n {
        let tall = [1, 3, 3, 3, 5][s.below(5)];
        g.nodes.push(node(i, 3 + s.below(25) as u16, tall));
    }
    let groups = if s.below(2) == 0 { 0 } else { s.below(6) };
    for i in 0..groups {
        g.groups.push(GraphGroup {
            id: format!("g{i}"),
            parent: (s.below(2) == 0).then(|| s.below(groups)),
            collapsed: s.below(2) == 0,
            width: 12,
            height: 3,
        });
    }
    for node in &mut g.nodes {
        if groups > 0 && s.below(2) == 0 {
            node.group = Some(s.below(groups));
        }
    }
    let edges = if n == 0 { 0 } else { s.below(n * 2) };
    for _ in 0..edges {
        let ends = n + if s.below(8) == 0 { groups } else { 0 };
        let (a, b) = (s.below(ends), s.below(ends));
        // mostly a DAG
        g.edges.push(if s.below(10) > 0 {
            (a.min(b), a.max(b))
        } else {
            (a, b)
        });
    }
    g
}

/// A DAG in one piece or a few, with long edges and hubs.
fn dag(seed: u64, n: usize, edges: usize) -> Graph {
    let mut s = Seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 7);
    let mut g = Graph::default();
    for i in 0..n {
        g.nodes.push(node(i, 5 + s.below(24) as u16, 3));
    }
    for _ in 0..edges {
        let a = if s.below(4) == 0 {
            s.below(3.min(n))
        } else {
            s.below(n)
        };
        let b = (a + 1 + s.below(n / 4 + 1)).min(n - 1);
        if a < b {
            g.edges.push((a, b));
        }
    }
    g
}

fn options(direction: Direction) -> Options {
    Options {
        direction,
        ..Options::default()
    }
}

fn graphs() -> Vec<(String, Graph)> {
    let mut all: Vec<(String, Graph)> = (0..150)
        .map(|s| (format!("any {s}"), any_graph(s)))
        .collect();
    all.extend((0..30).map(|s| {
        (
            format!("dag {s}"),
            dag(s, 10 + s as usize * 4, 12 + s as usize * 7),
        )
    }));
    all
}

/// Runs a check on every graph in both directions; the layouts are made once for all checks.
fn each(check: impl Fn(&str, &Graph, &Layout, Direction)) {
    static DONE: OnceLock<Vec<(String, Graph, Layout, Direction)>> = OnceLock::new();
    let all = DONE.get_or_init(|| {
        graphs()
            .into_iter()
            .flat_map(|(name, graph)| {
                [Direction::LeftRight, Direction::TopBottom].map(|direction| {
                    let done = layout(&graph, &options(direction));
                    (
                        format!("{name} {direction:?}"),
                        graph.clone(),
                        done,
                        direction,
                    )
                })
            })
            .collect()
    });
    for (name, graph, done, direction) in all {
        check(name, graph, done, *direction);
    }
}

/// All cells of a polyline, each once in its order.
fn cells(points: &[(i32, i32)]) -> Vec<(i32, i32)> {
    let mut all = vec![points[0]];
    for p in points.windows(2) {
        let (mut x, mut y) = p[0];
        while (x, y) != p[1] {
            x += (p[1].0 - x).signum();
            y += (p[1].1 - y).signum();
            all.push((x, y));
        }
    }
    all
}

#[test]
fn boxes_do_not_overlap_and_lie_inside() {
    each(|name, _, l, _| {
        let mut taken: HashMap<(i32, i32), usize> = HashMap::new();
        for (i, b) in l.boxes.iter().enumerate() {
            assert!(
                b.x >= 0 && b.y >= 0 && b.x + b.w <= l.width && b.y + b.h <= l.height,
                "{name} {b:?}"
            );
            for y in b.y..b.y + b.h {
                for x in b.x..b.x + b.w {
                    assert_eq!(taken.insert((x, y), i), None, "{name}: boxes on {x},{y}");
                }
            }
        }
    });
}

#[test]
fn lines_are_orthogonal_and_lead_from_box_to_box_around_all_others() {
    each(|name, _, l, _| {
        let inside: HashSet<(i32, i32)> = l
            .boxes
            .iter()
            .flat_map(|b| (b.y..b.y + b.h).flat_map(move |y| (b.x..b.x + b.w).map(move |x| (x, y))))
            .collect();
        let beside = |p: (i32, i32), b: usize| {
            [(1, 0), (-1, 0), (0, 1), (0, -1)].iter().any(|d| {
                Rect::new(l.boxes[b].x, l.boxes[b].y, l.boxes[b].w, l.boxes[b].h)
                    .contains(p.0 + d.0, p.1 + d.1)
            })
        };
        for r in &l.routes {
            assert!(r.points.len() >= 2, "{name} {r:?}");
            for p in r.points.windows(2) {
                assert!((p[0].0 == p[1].0) != (p[0].1 == p[1].1), "{name} {r:?}");
            }
            for c in cells(&r.points) {
                assert!(!inside.contains(&c), "{name}: line in a box at {c:?} {r:?}");
                assert!(
                    c.0 >= 0 && c.1 >= 0 && c.0 < l.width && c.1 < l.height,
                    "{name}: outside {c:?} {r:?}"
                );
            }
            assert!(beside(r.points[0], r.from), "{name} {r:?}");
            assert!(beside(r.points[r.points.len() - 1], r.to), "{name} {r:?}");
        }
    });
}

#[test]
fn lines_share_cells_only_with_a_common_end_or_in_a_crossing() {
    each(|name, _, l, _| {
        // per cell and route: whether it passes straight along x, along y, or neither
        let mut at: BTreeMap<(i32, i32), Vec<(usize, char)>> = BTreeMap::new();
        for (i, r) in l.routes.iter().enumerate() {
            let way = cells(&r.points);
            for (k, &c) in way.iter().enumerate() {
                let kind = match (k.checked_sub(1).map(|k| way[k]), way.get(k + 1)) {
                    (Some(a), Some(b)) if a.1 == b.1 => '-',
                    (Some(a), Some(b)) if a.0 == b.0 => '|',
                    _ => '+',
                };
                at.entry(c).or_default().push((i, kind));
            }
        }
        for (cell, lines) in at {
            for (k, &(i, a)) in lines.iter().enumerate() {
                for &(j, b) in &lines[k + 1..] {
                    let (r, s) = (&l.routes[i], &l.routes[j]);
                    let akin = r.from == s.from || r.to == s.to || r.from == s.to || r.to == s.from;
                    let crossing = (a == '-' && b == '|') || (a == '|' && b == '-');
                    assert!(akin || crossing, "{name}: {cell:?} is shared\n{r:?}\n{s:?}");
                }
            }
        }
    });
}

#[test]
fn every_edge_between_seen_boxes_is_drawn_and_ranks_respect_it() {
    each(|name, graph, l, direction| {
        for r in &l.routes {
            let (a, b) = (&l.boxes[r.from], &l.boxes[r.to]);
            if r.from != r.to {
                assert!(
                    if r.reversed {
                        a.rank > b.rank
                    } else {
                        a.rank < b.rank
                    },
                    "{name} {r:?}"
                );
                let (before, after) = if r.reversed { (b, a) } else { (a, b) };
                match direction {
                    Direction::LeftRight => assert!(before.x + before.w < after.x, "{name} {r:?}"),
                    Direction::TopBottom => assert!(before.y + before.h < after.y, "{name} {r:?}"),
                }
            }
        }
        // nodes outside of all groups are always seen
        let box_of: HashMap<What, usize> = l
            .boxes
            .iter()
            .enumerate()
            .map(|(i, b)| (b.what, i))
            .collect();
        for (e, &(a, b)) in graph.edges.iter().enumerate() {
            let plain = |i: usize| graph.nodes.get(i).is_some_and(|n| n.group.is_none());
            if plain(a) && plain(b) {
                let drawn: Vec<_> = l.routes.iter().filter(|r| r.edge == e).collect();
                assert_eq!(drawn.len(), 1, "{name} edge {e}");
                assert_eq!(
                    (drawn[0].from, drawn[0].to),
                    (box_of[&What::Node(a)], box_of[&What::Node(b)])
                );
            }
        }
        assert_eq!(
            l.stats.reversed,
            l.routes.iter().filter(|r| r.reversed).count(),
            "{name}"
        );
    });
}

#[test]
fn a_dag_has_no_reversed_edge() {
    for seed in 0..30 {
        let l = layout(&dag(seed, 60, 120), &Options::default());
        assert_eq!(l.stats.reversed, 0);
    }
}

#[test]
fn same_input_same_output() {
    for (name, graph) in graphs().into_iter().step_by(3) {
        let once = layout(&graph, &Options::default());
        assert!(once == layout(&graph, &Options::default()), "{name}");
    }
}

#[test]
fn windows_show_what_the_whole_shows() {
    for (name, graph) in graphs().into_iter().step_by(5) {
        let l = layout(&graph, &Options::default());
        let all = glyphs(&l, Rect::new(0, 0, l.width, l.height), false);
        let window = Rect::new(l.width / 3, l.height / 4, 40, 12);
        let part: Vec<_> = all
            .iter()
            .filter(|c| window.contains(c.x, c.y))
            .copied()
            .collect();
        assert_eq!(glyphs(&l, window, false), part, "{name}");
        let seen: Vec<usize> = l.visible(window).map(|(i, _)| i).collect();
        let expected: Vec<usize> = (0..l.boxes.len())
            .filter(|&i| l.boxes[i].rect().overlaps(&window))
            .collect();
        assert_eq!(seen, expected, "{name}");
    }
}

#[test]
fn strange_input_is_no_reason_to_panic() {
    let lone = |w, h| GraphNode {
        id: "a".into(),
        width: w,
        height: h,
        group: Some(9),
    };
    let mut g = Graph {
        nodes: vec![lone(0, 0), lone(u16::MAX, u16::MAX)],
        ..Graph::default()
    };
    g.edges = vec![
        (0, 1),
        (1, 0),
        (0, 0),
        (0, 99),
        (usize::MAX, 1),
        (1, 1),
        (1, 1),
    ];
    // a group inside itself
    g.groups = vec![
        GraphGroup {
            id: "g".into(),
            parent: Some(1),
            collapsed: false,
            width: 0,
            height: 0,
        },
        GraphGroup {
            id: "h".into(),
            parent: Some(0),
            collapsed: true,
            width: 3,
            height: 1,
        },
        GraphGroup {
            id: "i".into(),
            parent: Some(77),
            collapsed: false,
            width: 3,
            height: 1,
        },
    ];
    g.edges.extend([(0, 2), (2, 3), (3, 4), (4, 0)]);
    for direction in [Direction::LeftRight, Direction::TopBottom] {
        for gap in [0, u16::MAX] {
            let o = Options {
                direction,
                rank_gap: gap,
                node_gap: gap,
                previous: Some(vec!["zz".into(), "a".into()]),
            };
            let l = layout(&g, &o);
            assert!(l.width > 0);
        }
    }
    let empty = layout(&Graph::default(), &Options::default());
    assert_eq!((empty.width, empty.height, empty.boxes.len()), (0, 0, 0));
    assert!(glyphs(&empty, Rect::new(-5, -5, 100, 100), false).is_empty());
}

#[test]
fn a_collapsed_fan_is_one_box() {
    let mut g = Graph {
        nodes: vec![node(0, 9, 3), node(1, 9, 3)],
        ..Graph::default()
    };
    g.groups.push(GraphGroup {
        id: "map".into(),
        parent: None,
        collapsed: true,
        width: 20,
        height: 3,
    });
    for i in 0..2000 {
        g.nodes.push(GraphNode {
            group: Some(0),
            ..node(i + 2, 9, 3)
        });
        g.edges.extend([(0, i + 2), (i + 2, 1)]);
    }
    let l = layout(&g, &Options::default());
    assert_eq!((l.boxes.len(), l.height), (3, 3));
    assert_eq!(l.routes.len(), 4000);
    g.groups[0].collapsed = false;
    assert_eq!(layout(&g, &Options::default()).boxes.len(), 2002);
}

#[test]
fn an_open_group_of_folded_groups_is_no_box() {
    let group = |id: &str, parent, collapsed| GraphGroup {
        id: id.to_owned(),
        parent,
        collapsed,
        width: 12,
        height: 3,
    };
    // nothing of the folded group's members is named: they would be hidden anyway
    let graph = Graph {
        nodes: vec![node(0, 8, 3)],
        groups: vec![group("extract", None, false), group("pull", Some(0), true)],
        edges: vec![(0, 2)],
    };
    let layout = layout(&graph, &options(Direction::LeftRight));
    let ids: Vec<&str> = layout.boxes.iter().map(|b| b.id.as_str()).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert!(ids.contains(&"pull"), "{ids:?}");
}

#[test]
fn cancelling_ends_it() {
    let g = dag(1, 500, 900);
    assert!(layout_until(&g, &Options::default(), &|| true).is_none());
    let asked = std::cell::Cell::new(0);
    let late = layout_until(&g, &Options::default(), &|| {
        asked.set(asked.get() + 1);
        asked.get() > 5
    });
    assert!(late.is_none());
    assert_eq!(asked.get(), 6, "asked again after it was told to stop");
}

#[test]
fn what_was_placed_stays_in_order_when_the_graph_grows() {
    let mut checked = 0;
    for seed in 0..20 {
        let before = dag(seed, 60, 200);
        let first = layout(&before, &Options::default());
        let mut after = before.clone();
        let mut s = Seed(seed);
        for k in 0..6 {
            after.nodes.push(node(60 + k, 12, 3));
            after.edges.push((s.below(60), 60 + k));
        }
        let second = layout(
            &after,
            &Options {
                previous: Some(first.order()),
                ..Options::default()
            },
        );
        let place = |l: &Layout| -> HashMap<String, (u32, i32)> {
            l.boxes
                .iter()
                .map(|b| (b.id.clone(), (b.rank, b.y)))
                .collect()
        };
        let (old, new) = (place(&first), place(&second));
        let mut turned = 0;
        for a in old.keys() {
            for b in old.keys() {
                let same_ranks =
                    old[a].0 == old[b].0 && new[a].0 == new[b].0 && new[a].0 == old[a].0;
                if same_ranks && old[a].1 < old[b].1 && new[a].1 > new[b].1 {
                    turned += 1;
                }
            }
        }
        // components are packed anew, so boxes of different ones may change sides
        if first.stats.components == 1 {
            checked += 1;
            assert_eq!(turned, 0, "seed {seed}");
        }
    }
    assert!(checked >= 5, "only {checked} graphs in one piece");
}
