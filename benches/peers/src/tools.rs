//! One layout by each tool. Spacing as dagtop's: six cells between ranks, one between boxes, ranks left to right.

use crate::graph::read::Style;
use crate::graph::{self, Graph, Named, Options};
use crate::score::{Point, crossings};
use std::error::Error;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Milliseconds, the line of each edge, width and height in cells.
struct Drawn {
    ms: f64,
    lines: Vec<Vec<Point>>,
    size: (f64, f64),
}

type Drawing = Result<Drawn, Box<dyn Error>>;

pub fn run(tool: &str, file: &str) -> Result<String, Box<dyn Error>> {
    let named: Named = graph::read(&std::fs::read(file)?)?;
    let mut graph = named.graph(Style::Boxes);
    // other tools choke on what occurs twice
    graph.edges.sort_unstable();
    graph.edges.dedup();
    graph.edges.retain(|e| e.0 != e.1);
    let drawn = match tool {
        "dagtop" => ours(&graph),
        "dot" => dot(&graph),
        "ascii-dag" => ascii_dag(&named, &graph),
        "rust-sugiyama" => sugiyama(&graph),
        "dugong" => dugong(&graph),
        _ => Err("no such tool".into()),
    }?;
    Ok(format!(
        "{:.1} ms, {} x, {:.0} x {:.0}",
        drawn.ms,
        crossings(&graph.edges, &drawn.lines),
        drawn.size.0,
        drawn.size.1
    ))
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let begun = Instant::now();
    let done = work();
    (begun.elapsed().as_secs_f64() * 1000.0, done)
}

fn ours(graph: &Graph) -> Drawing {
    let (ms, done) = timed(|| graph::layout(graph, &Options::default()));
    let point = |p: &(i32, i32)| (f64::from(p.0), f64::from(p.1));
    Ok(Drawn {
        ms,
        lines: done
            .routes
            .iter()
            .map(|r| r.points.iter().map(point).collect())
            .collect(),
        size: (f64::from(done.width), f64::from(done.height)),
    })
}

/// Splines count by their control points. The time is that of the whole process.
fn dot(graph: &Graph) -> Drawing {
    let mut text =
        "digraph {rankdir=LR ranksep=0.6 nodesep=0.1 node [shape=box fixedsize=true label=\"\"]\n"
            .to_owned();
    for (i, n) in graph.nodes.iter().enumerate() {
        text += &format!("{i} [width={} height=0.3]\n", f64::from(n.width) / 10.0);
    }
    for (a, b) in &graph.edges {
        text += &format!("{a} -> {b}\n");
    }
    text.push('}');
    let (ms, plain) = timed(|| -> Result<String, Box<dyn Error>> {
        let mut child = Command::new("dot")
            .arg("-Tplain")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|_| "not installed")?;
        child
            .stdin
            .take()
            .ok_or("no pipe")?
            .write_all(text.as_bytes())?;
        Ok(String::from_utf8(child.wait_with_output()?.stdout)?)
    });
    let plain = plain?;
    let mut lines = vec![Vec::new(); graph.edges.len()];
    let mut size = (0.0, 0.0);
    for line in plain.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["graph", _, w, h] => size = (w.parse::<f64>()? * 10.0, h.parse::<f64>()? * 10.0),
            ["edge", from, to, count, ref rest @ ..] => {
                let ends = (from.parse()?, to.parse()?);
                let at = graph
                    .edges
                    .binary_search(&ends)
                    .map_err(|_| "an edge of its own")?;
                for p in rest[..2 * count.parse::<usize>()?].chunks(2) {
                    lines[at].push((p[0].parse()?, p[1].parse()?));
                }
            }
            _ => {}
        }
    }
    Ok(Drawn { ms, lines, size })
}

fn ascii_dag(named: &Named, graph: &Graph) -> Drawing {
    use ascii_dag::ir::EdgePath;
    let text: Vec<String> = (0..graph.nodes.len())
        .map(|i| named.node_text(i).chars().take(24).collect())
        .collect();
    let mut dag = ascii_dag::Graph::new();
    dag.set_direction(ascii_dag::graph::Direction::LeftRight);
    for (i, text) in text.iter().enumerate() {
        dag.add_node(i, ascii_dag::BoxedNode(text));
    }
    for &(a, b) in &graph.edges {
        dag.add_edge(a, b, None);
    }
    let (ms, done) = timed(|| dag.compute_layout());
    let mut lines = vec![Vec::new(); graph.edges.len()];
    for edge in done.edges() {
        let at = |p: (usize, usize)| (p.0 as f64, p.1 as f64);
        let (from, to) = (at((edge.from_x, edge.from_y)), at((edge.to_x, edge.to_y)));
        let mut line = vec![from];
        match &edge.path {
            EdgePath::Corner { bend_at } => {
                line.extend([(*bend_at as f64, from.1), (*bend_at as f64, to.1)]);
            }
            EdgePath::MultiSegment { waypoints, .. } => {
                line.extend(waypoints.iter().copied().map(at))
            }
            _ => {}
        }
        line.push(to);
        let ends = (edge.from_id, edge.to_id);
        let turned = (edge.to_id, edge.from_id);
        let found = graph
            .edges
            .binary_search(&ends)
            .or_else(|_| graph.edges.binary_search(&turned));
        lines[found.map_err(|_| "an edge of its own")?] = line;
    }
    Ok(Drawn {
        ms,
        lines,
        size: (done.width() as f64, done.height() as f64),
    })
}

/// It draws from top to bottom and without lines: boxes are turned, edges are straight. Components stand below
/// one another.
fn sugiyama(graph: &Graph) -> Drawing {
    let boxes: Vec<(u32, (f64, f64))> = (graph.nodes.iter().enumerate())
        .map(|(i, n)| (i as u32, (f64::from(n.height), f64::from(n.width))))
        .collect();
    let edges: Vec<(u32, u32)> = graph
        .edges
        .iter()
        .map(|e| (e.0 as u32, e.1 as u32))
        .collect();
    let config = rust_sugiyama::configure::Config {
        vertex_spacing: 1.0,
        ..Default::default()
    };
    let (ms, parts) = timed(|| rust_sugiyama::from_vertices_and_edges(&boxes, &edges, &config));
    let mut at = vec![(0.0, 0.0); graph.nodes.len()];
    let mut size = (0.0f64, 0.0f64);
    for (places, ..) in parts {
        // its places are the middles of boxes
        let half = |id: usize| {
            let n = &graph.nodes[id];
            (f64::from(n.width) / 2.0, f64::from(n.height) / 2.0)
        };
        let ends = |low: &dyn Fn(usize, (f64, f64)) -> f64| {
            let all = places.iter().map(|&(id, p)| low(id, p));
            all.fold(f64::MAX, f64::min)
        };
        let left = ends(&|id, p| p.1 - half(id).0);
        let top = ends(&|id, p| p.0 - half(id).1) - size.1;
        for &(id, (x, y)) in &places {
            at[id] = (y - left, x - top);
        }
        let right = -ends(&|id, _| -(at[id].0 + half(id).0));
        let bottom = -ends(&|id, _| -(at[id].1 + half(id).1));
        size = (size.0.max(right), bottom + 1.0);
    }
    let lines = graph.edges.iter().map(|e| vec![at[e.0], at[e.1]]).collect();
    Ok(Drawn { ms, lines, size })
}

fn dugong(graph: &Graph) -> Drawing {
    use dugong::graphlib::{Graph as Dagre, GraphOptions};
    use dugong::{EdgeLabel, GraphLabel, NodeLabel, RankDir};
    let mut dagre: Dagre<NodeLabel, EdgeLabel, GraphLabel> = Dagre::new(GraphOptions {
        directed: true,
        multigraph: true,
        ..Default::default()
    });
    dagre.set_graph(GraphLabel {
        rankdir: RankDir::LR,
        nodesep: 1.0,
        ranksep: 6.0,
        edgesep: 1.0,
        ..Default::default()
    });
    for (i, n) in graph.nodes.iter().enumerate() {
        let label = NodeLabel {
            width: f64::from(n.width),
            height: f64::from(n.height),
            ..Default::default()
        };
        dagre.set_node(i.to_string(), label);
    }
    for (a, b) in &graph.edges {
        let label = EdgeLabel {
            weight: 1.0,
            ..Default::default()
        };
        dagre.set_edge_with_label(a.to_string(), b.to_string(), label);
    }
    let (ms, done) = timed(|| dugong::layout(&mut dagre));
    done.map_err(|e| format!("{e:?}"))?;
    let mut lines = Vec::new();
    for (a, b) in &graph.edges {
        let edge = dagre
            .edge(&a.to_string(), &b.to_string(), None)
            .ok_or("an edge is lost")?;
        lines.push(edge.points.iter().map(|p| (p.x, p.y)).collect());
    }
    Ok(Drawn {
        ms,
        lines,
        size: (dagre.graph().width, dagre.graph().height),
    })
}
