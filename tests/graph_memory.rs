//! The memory of a layout grows with the graph and no faster. This file has one test, so that the process is its own:
//! the kernel says the most that it ever held.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use dagtop::graph::{Graph, GraphNode, Options, layout};

/// Layers that grow with the graph; most edges go to the next layer, some further.
fn pipeline(nodes: usize) -> Graph {
    let mut seed = 20_261_120_u64;
    let mut below = move |n: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        ((seed >> 16) as usize) % n
    };
    let per = 100;
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
        for _ in 0..1 + below(2) {
            let layer = (to / per).saturating_sub(1 + below(9) / 8) * per;
            graph
                .edges
                .push((layer + (to % per + per - 4 + below(9)) % per, to));
        }
    }
    graph
}

/// A figure of `/proc/self/status` in bytes.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|l| l.starts_with(name)).unwrap();
    let kb: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kb * 1024
}

#[test]
fn memory_is_linear() {
    // what is left in the allocator after one size is used again by the next, larger one
    let before = status("VmRSS");
    let mut each = Vec::new();
    for nodes in [5_000, 10_000, 20_000, 40_000] {
        let graph = pipeline(nodes);
        let items = (graph.nodes.len() + graph.edges.len()) as u64;
        let done = layout(&graph, &Options::default());
        let peak = status("VmHWM") - before;
        println!(
            "{nodes} nodes, {} edges: at most {} KB, {} bytes for each",
            done.routes.len(),
            peak / 1024,
            peak / items
        );
        each.push(peak / items);
    }
    let (least, most) = (each.iter().min().unwrap(), each.iter().max().unwrap());
    assert!(
        most * 2 < least * 3,
        "bytes for each node and edge: {each:?}"
    );
}
