//! A graph grows while it is looked at: tasks appear, a fan-out expands, a group opens and closes.
//! Counted is which boxes change sides with one of their rank; printed is by how far boxes move (`--nocapture`).

use std::collections::HashMap;

use dagtop::graph::{Graph, GraphGroup, GraphNode, Layout, Options, layout};

struct Seed(u64);

impl Seed {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 16) as usize) % n.max(1)
    }
}

fn node(i: usize, group: Option<usize>) -> GraphNode {
    GraphNode {
        id: format!("n{i}"),
        width: 8 + (i % 9) as u16,
        height: 3,
        group,
    }
}

/// One piece of `n` nodes: each has one or two earlier ones before it; every fifth is in a group of ten.
fn pipeline(seed: u64, n: usize) -> Graph {
    let mut s = Seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut graph = Graph::default();
    for i in 0..n {
        let group = (i % 5 == 0).then_some(i / 50);
        graph.nodes.push(node(i, group));
        for _ in 0..1 + s.below(2) {
            let near = s.below(i.min(20));
            if i > 0 && !graph.edges.contains(&(i - 1 - near, i)) {
                graph.edges.push((i - 1 - near, i));
            }
        }
    }
    for g in 0..n.div_ceil(50) {
        graph.groups.push(GraphGroup {
            id: format!("g{g}"),
            parent: None,
            collapsed: true,
            width: 12,
            height: 3,
        });
    }
    graph
}

fn grow(graph: &Graph, count: usize, seed: u64) -> Graph {
    let mut s = Seed(seed | 1);
    let mut grown = graph.clone();
    let n = graph.nodes.len();
    // edges to groups are numbered behind the nodes
    assert!(graph.edges.iter().all(|e| e.0 < n && e.1 < n));
    for k in 0..count {
        grown.nodes.push(node(n + k, None));
        grown.edges.push((s.below(n), n + k));
    }
    grown
}

/// A mapped task: `n` copies between one node and the next.
fn fan_out(graph: &Graph, n: usize) -> Graph {
    let mut grown = graph.clone();
    let (from, to) = graph.edges[graph.edges.len() / 2];
    let first = graph.nodes.len();
    for k in 0..n {
        grown.nodes.push(node(first + k, None));
        grown.edges.extend([(from, first + k), (first + k, to)]);
    }
    grown
}

fn after(graph: &Graph, before: &Layout) -> Layout {
    let options = Options {
        previous: Some(before.order()),
        ..Options::default()
    };
    layout(graph, &options)
}

/// Of boxes seen in both: pairs of one rank, and of one rank again, that changed sides; the cells that each moved
/// against the middle one, in sum; their number.
fn moved(a: &Layout, b: &Layout) -> (usize, i64, i64) {
    let of = |l: &Layout| -> HashMap<String, (u32, i32, i32)> {
        let boxes = l.boxes.iter();
        boxes.map(|b| (b.id.clone(), (b.rank, b.y, b.x))).collect()
    };
    let (a, b) = (of(a), of(b));
    let both: Vec<_> = (a.iter())
        .filter_map(|(id, old)| Some((*old, *b.get(id)?)))
        .collect();
    let mut turned = 0;
    for (i, (a0, a1)) in both.iter().enumerate() {
        for (b0, b1) in &both[..i] {
            let one_rank = a0.0 == b0.0 && a1.0 == b1.0;
            turned += usize::from(one_rank && (a0.1 < b0.1) != (a1.1 < b1.1));
        }
    }
    let by = |way: fn(&(u32, i32, i32)) -> i32| -> i64 {
        let mut by: Vec<i32> = both.iter().map(|(old, new)| way(new) - way(old)).collect();
        by.sort_unstable();
        let middle = by.get(by.len() / 2).copied().unwrap_or(0);
        by.iter().map(|d| i64::from((d - middle).abs())).sum()
    };
    (turned, by(|p| p.1) + by(|p| p.2), both.len() as i64)
}

#[test]
fn what_is_placed_stays_in_order() {
    type Change = fn(&Graph, u64) -> Graph;
    let changes: [(&str, Change); 4] = [
        ("one task more", |g, s| grow(g, 1, s)),
        ("5 % more", |g, s| grow(g, g.nodes.len().div_ceil(20), s)),
        ("a task mapped to 12", |g, _| fan_out(g, 12)),
        ("a group opened", |g, s| {
            let mut open = g.clone();
            let count = open.groups.len();
            open.groups[s as usize % count].collapsed = false;
            open
        }),
    ];
    for (name, change) in changes {
        let (mut cells, mut all) = (0, 0);
        for seed in 1..=20 {
            let graph = pipeline(seed, 40 + 15 * seed as usize);
            let first = layout(&graph, &Options::default());
            assert_eq!(first.stats.components, 1, "components are packed anew");
            let second = after(&change(&graph, seed), &first);
            let (turned, out, of) = moved(&first, &second);
            assert_eq!(turned, 0, "{name}, seed {seed}");
            // and back again
            let third = after(&graph, &second);
            assert_eq!(moved(&second, &third).0, 0, "{name} and back, seed {seed}");
            cells += out;
            all += of;
        }
        let each = cells as f64 / all as f64;
        println!("{name}: {all} boxes moved by {each:.1} cells on average, none changed sides");
    }
}
