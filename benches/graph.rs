//! Layout of seeded graphs and one frame of a big one: `cargo bench --bench graph`.
#![allow(clippy::unwrap_used)]

use dagtop::graph::{Graph, GraphNode, Layout, Options, Rect, glyphs, layout};

fn main() {
    divan::main();
}

/// Layers of about the same size; most edges go to the next layer, one in eight further, a few start at hubs.
fn pipeline(nodes: usize) -> Graph {
    let mut seed = 20_261_120_u64;
    let mut below = move |n: usize| {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((seed >> 33) as usize) % n.max(1)
    };
    let layers = 12 + nodes / 400;
    let per = nodes.div_ceil(layers);
    let node = |i: usize| GraphNode {
        id: format!("node_{i}"),
        width: 16,
        height: 3,
        group: None,
    };
    let mut graph = Graph {
        nodes: (0..nodes).map(node).collect(),
        ..Graph::default()
    };
    for to in per..nodes {
        for _ in 0..1 + below(3) / 2 {
            let back = if below(8) == 0 { 2 + below(4) } else { 1 };
            let start = (to / per).saturating_sub(back) * per;
            // neighbours in the list tend to be neighbours in the flow
            let near = (to % per + per + below(9) - 4) % per;
            let from = if below(20) == 0 { start } else { start + near };
            graph.edges.push((from, to));
        }
    }
    graph
}

#[divan::bench(args = [100, 1_000, 10_000, 50_000], sample_count = 5, sample_size = 1)]
fn whole(bencher: divan::Bencher, nodes: usize) {
    let graph = pipeline(nodes);
    bencher.bench_local(|| layout(&graph, &Options::default()));
}

#[divan::bench(args = [1_000, 10_000, 50_000], sample_count = 50)]
fn frame(bencher: divan::Bencher, nodes: usize) {
    let done: Layout = layout(&pipeline(nodes), &Options::default());
    let window = Rect::new(done.width / 2, done.height / 2, 200, 60);
    bencher.bench_local(|| {
        (
            done.visible(window).count(),
            glyphs(&done, window, false).len(),
        )
    });
}
