//! Crossings and height against Graphviz, where `dot` is installed.
//! More graphs: `DAGTOP_GRAPHS="a.edges b.edges" cargo test --release --test graph dot -- --nocapture`.

use dagtop::graph::{Named, Options, Style, layout, read};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Layers of 8; most edges lead to the next one, some further.
fn seeded(mut seed: u64, nodes: usize) -> String {
    let mut below = move |n: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((seed >> 33) as usize) % n
    };
    let mut text = String::new();
    for to in 8..nodes {
        for _ in 0..1 + below(2) {
            let layer = (to / 8).saturating_sub(1 + below(6) / 5) * 8;
            writeln!(text, "n{}\tn{to}", layer + below(8)).unwrap();
        }
    }
    text
}

/// Height in cells and the crossings that dot itself counts; `None` where it is not installed.
fn dot(named: &Named) -> Option<(f64, u64)> {
    let mut text = String::from(
        "digraph {rankdir=LR ranksep=0.6 nodesep=0.1 node [shape=box fixedsize=true label=\"\"]\n",
    );
    for (i, n) in named.graph(Style::Boxes).nodes.iter().enumerate() {
        writeln!(text, "{i} [width={} height=0.3]", f64::from(n.width) / 10.0).unwrap();
    }
    for (a, b) in &named.edges {
        writeln!(text, "{a} -> {b}").unwrap();
    }
    text.push('}');
    let mut child = Command::new("dot")
        .args(["-v", "-Tplain"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let mut pipe = child.stdin.take().unwrap();
    let feed = std::thread::spawn(move || pipe.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    let plain = String::from_utf8_lossy(&output.stdout);
    let height: f64 = plain.split_whitespace().nth(3)?.parse().ok()?;
    // "mincross digraph: 12 crossings, 0.00 secs." once for each part
    let said = String::from_utf8_lossy(&output.stderr);
    let crossings = (said.lines())
        .filter_map(|l| l.strip_prefix("mincross")?.split_once(" crossings,"))
        .filter_map(|(l, _)| l.rsplit(' ').next()?.parse::<u64>().ok())
        .max();
    Some((height * 10.0, crossings?))
}

#[test]
fn no_more_crossings_and_no_higher_than_dot() {
    let mut graphs: Vec<(String, String)> = (1..7)
        .map(|s| (format!("seed {s}"), seeded(s, 40 + 20 * s as usize)))
        .collect();
    for path in std::env::var("DAGTOP_GRAPHS")
        .unwrap_or_default()
        .split_whitespace()
    {
        graphs.push((path.to_owned(), std::fs::read_to_string(path).unwrap()));
    }
    println!(
        "{:>40} {:>8} {:>9} {:>9} {:>7} {:>7}",
        "graph", "ms", "crossings", "dot", "height", "dot"
    );
    for (name, text) in &graphs {
        let named = read(text.as_bytes()).unwrap();
        let Some((height, crossings)) = dot(&named) else {
            eprintln!("SKIPPED: dot is not installed, nothing was compared");
            return;
        };
        let started = Instant::now();
        let ours = layout(&named.graph(Style::Boxes), &Options::default());
        let ms = started.elapsed().as_secs_f64() * 1000.0;
        println!(
            "{name:>40} {ms:>8.1} {:>9} {crossings:>9} {:>7} {height:>7.0}",
            ours.stats.crossings, ours.height
        );
        assert!(ours.stats.crossings * 100 <= crossings * 115, "{name}");
        assert!(f64::from(ours.height) <= height + 1.0, "{name}");
    }
}

/// Where everything of a drawing is, by name.
fn drawn(lines: &[&str]) -> (Boxes, Ways) {
    let named = read(lines.join("\n").as_bytes()).unwrap();
    let layout = layout(&named.graph(Style::Boxes), &Options::default());
    let boxes = (layout.boxes.iter()).map(|b| (b.id.clone(), [b.x, b.y, b.w, b.h]));
    let id = |at: usize| layout.boxes[at].id.clone();
    let ways = (layout.routes.iter()).map(|r| ((id(r.from), id(r.to)), r.points.clone()));
    (boxes.collect(), ways.collect())
}

type Boxes = BTreeMap<String, [i32; 4]>;
type Ways = BTreeMap<(String, String), Vec<(i32, i32)>>;

#[test]
fn the_order_of_the_input_changes_nothing() {
    for seed in 1..=20 {
        let text = seeded(seed, 40 + 8 * seed as usize);
        let mut lines: Vec<&str> = text.lines().collect();
        let first = drawn(&lines);
        assert!(first.0.len() > 40 && first.1.len() > 40);
        for turn in [7, 31, 53] {
            let middle = turn % lines.len();
            lines.rotate_left(middle);
            lines[middle..].reverse();
            assert!(drawn(&lines) == first, "seed {seed}, turn {turn}");
        }
    }
}
