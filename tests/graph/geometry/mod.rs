//! Drawings judged from outside: no box on another, every edge once from port to port, no cell that could be misread.
//! More graphs: `DAGTOP_GRAPHS="a.edges b.edges" cargo test --release --test graph geometry -- --nocapture`;
//! more seeds: `DAGTOP_SEEDS=5000`.

mod score;
mod seeds;

use dagtop::graph::read::Style;
use dagtop::graph::{Direction, Named, Options, layout, read, to_json};
use score::{Drawing, Flow, crossings, faults};

fn drawn(named: &Named, style: Style, direction: Direction) -> Drawing {
    let options = Options {
        direction,
        ..Options::default()
    };
    let json = to_json(&layout(&named.graph(style), &options), 0.0).unwrap();
    serde_json::from_str(&json).unwrap()
}

/// Looks at the drawings of a graph in both directions and both styles; crossings of the default one.
fn judge(name: &str, text: &str) -> (u64, u64) {
    let named = read(text.as_bytes()).unwrap();
    let edges: Vec<(String, String)> = (named.edges.iter())
        .map(|&(a, b)| (named.name(a).to_owned(), named.name(b).to_owned()))
        .collect();
    let mut counted = None;
    for style in [Style::Boxes, Style::Compact] {
        for (direction, flow) in [
            (Direction::LeftRight, Flow::LeftRight),
            (Direction::TopBottom, Flow::TopBottom),
        ] {
            let drawing = drawn(&named, style, direction);
            let faults = faults(&drawing, &edges, flow);
            assert!(
                faults.is_empty(),
                "{name} {style:?} {direction:?}: {} faults\n{}\n{text:.2000}",
                faults.len(),
                faults
                    .iter()
                    .take(3)
                    .cloned()
                    .collect::<Vec<_>>()
                    .join("\n")
            );
            assert_eq!(drawing.stats.crossings, crossings(&drawing), "{name}");
            counted = counted.or(Some((
                drawing.stats.crossings,
                drawing.stats.order_crossings,
            )));
        }
    }
    counted.unwrap()
}

#[test]
fn knots() {
    for (name, text) in seeds::KNOTS {
        judge(name, text);
    }
}

#[test]
fn seeded_graphs() {
    let seeds = std::env::var("DAGTOP_SEEDS").map_or(250, |s| s.parse().unwrap());
    let (mut drawn, mut ordered) = (0, 0);
    for seed in 0..seeds {
        let (d, o) = judge(&format!("seed {seed}"), &seeds::random(seed));
        drawn += d;
        ordered += o;
    }
    println!("{seeds} graphs: {drawn} crossings drawn, {ordered} by the order of the ranks");
}

#[test]
fn given_graphs() {
    for path in (std::env::var("DAGTOP_GRAPHS").unwrap_or_default()).split_whitespace() {
        let (drawn, ordered) = judge(path, &std::fs::read_to_string(path).unwrap());
        println!("{path}: {drawn} crossings drawn, {ordered} by the order of the ranks");
    }
}

#[test]
fn wrong_drawings_are_told() {
    let named = read(b"a\tc\na\td\nb\tc\nb\td\n").unwrap();
    let edges: Vec<(String, String)> = (["a", "a", "b", "b"].iter())
        .zip(["c", "d", "c", "d"])
        .map(|(a, b)| (a.to_string(), b.to_owned()))
        .collect();
    let right = || drawn(&named, Style::Boxes, Direction::LeftRight);
    assert_eq!(faults(&right(), &edges, Flow::LeftRight), [""; 0]);
    type Spoiler = (&'static str, fn(&mut Drawing));
    let spoilers: [Spoiler; 7] = [
        ("lies on", |d| d.nodes[1].y = d.nodes[2].y),
        ("edges are drawn", |d| {
            d.edges.pop();
        }),
        ("box to box", |d| d.edges[0].points[0].0 += 1),
        ("orthogonal", |d| d.edges[0].points[0].1 += 1),
        ("middle", |d| {
            let last = d.edges[0].points.len() - 1;
            for p in &mut d.edges[0].points[last - 1..] {
                p.1 += 1;
            }
        }),
        ("runs through", |d| d.nodes[0].w += 9),
        ("shared", |d| {
            // a to d the way b to c goes back
            let (a, c) = (d.edges[0].points[0], *d.edges[2].points.last().unwrap());
            let (b, e) = (d.edges[2].points[0], *d.edges[1].points.last().unwrap());
            d.edges[1].points = vec![a, (a.0 + 2, a.1), (a.0 + 2, e.1), e];
            d.edges[2].points = vec![b, (b.0 + 2, b.1), (b.0 + 2, c.1), c];
        }),
    ];
    for (word, spoil) in spoilers {
        let mut drawing = right();
        spoil(&mut drawing);
        let said = faults(&drawing, &edges, Flow::LeftRight).join("\n");
        assert!(said.contains(word), "{word}: {said}");
    }
}
