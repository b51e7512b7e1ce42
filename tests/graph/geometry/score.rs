//! Judges a drawing by nothing but the JSON that `dagtop graph --format json` prints.

use serde::Deserialize;
use std::collections::HashMap;

#[derive(Debug, Deserialize)]
pub struct Drawing {
    pub width: i32,
    pub height: i32,
    pub nodes: Vec<Box>,
    pub edges: Vec<Edge>,
    pub stats: Stats,
}

#[derive(Debug, Deserialize)]
pub struct Box {
    pub id: String,
    pub x: i32,
    pub y: i32,
    pub w: i32,
    pub h: i32,
}

#[derive(Debug, Deserialize)]
pub struct Edge {
    pub from: String,
    pub to: String,
    pub reversed: bool,
    pub points: Vec<(i32, i32)>,
}

#[derive(Debug, Deserialize)]
pub struct Stats {
    pub crossings: u64,
    pub order_crossings: u64,
}

/// Where the flow goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    LeftRight,
    TopBottom,
}

/// The port that an edge uses at one of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Port {
    Forward,
    /// Of reversed edges and self loops.
    Lower,
}

/// How a line goes through a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pass {
    Across,
    Down,
    /// It turns or ends.
    Other,
}

/// A line in a cell, its ends given with their ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Visit {
    cell: (i32, i32),
    pass: Pass,
    edge: u32,
}

/// What is wrong with a drawing of the graph with these edges; nothing if it is right.
///
/// Lines share a cell only if all of them leave one port, or all of them enter one port, or if those that pass
/// strictly along x do and those that pass strictly along y do and no other line is there.
pub fn faults(drawing: &Drawing, edges: &[(String, String)], flow: Flow) -> Vec<String> {
    let mut faults = Vec::new();
    let mut cover: HashMap<(i32, i32), usize> = HashMap::new();
    let mut box_of: HashMap<&str, &Box> = HashMap::new();
    for (i, b) in drawing.nodes.iter().enumerate() {
        if box_of.insert(&b.id, b).is_some() {
            faults.push(format!("{} is drawn twice", b.id));
        }
        for y in b.y..b.y + b.h {
            for x in b.x..b.x + b.w {
                if !(0..drawing.width).contains(&x) || !(0..drawing.height).contains(&y) {
                    faults.push(format!("{} lies outside", b.id));
                }
                if let Some(other) = cover.insert((x, y), i) {
                    faults.push(format!("{} lies on {}", b.id, drawing.nodes[other].id));
                }
            }
        }
    }
    let mut wanted: Vec<(&str, &str)> = edges.iter().map(|(a, b)| (&a[..], &b[..])).collect();
    let mut drawn: Vec<(&str, &str)> = (drawing.edges.iter())
        .map(|e| (&e.from[..], &e.to[..]))
        .collect();
    wanted.sort_unstable();
    drawn.sort_unstable();
    if wanted != drawn {
        faults.push(format!(
            "{} edges are drawn, {} were given, or others",
            drawn.len(),
            wanted.len()
        ));
    }
    let mut visits: Vec<Visit> = Vec::new();
    // the same ends have the same line: it is looked at once
    let mut first: HashMap<(&str, &str, bool), usize> = HashMap::new();
    for (i, e) in drawing.edges.iter().enumerate() {
        let twin = *first.entry((&e.from, &e.to, e.reversed)).or_insert(i);
        if twin != i {
            if drawing.edges[twin].points != e.points {
                faults.push(format!("{} to {} is drawn in two ways", e.from, e.to));
            }
            continue;
        }
        let (Some(from), Some(to)) = (box_of.get(&e.from[..]), box_of.get(&e.to[..])) else {
            faults.push(format!("an end of {} to {} is not drawn", e.from, e.to));
            continue;
        };
        if let Some(fault) = line_fault(e, from, to, flow) {
            faults.push(format!("{} to {}: {fault} {:?}", e.from, e.to, e.points));
            continue;
        }
        let way = cells(&e.points);
        for (k, &cell) in way.iter().enumerate() {
            if let Some(&b) = cover.get(&cell) {
                let through = &drawing.nodes[b].id;
                faults.push(format!("{} to {} runs through {through}", e.from, e.to));
            }
            if !(0..drawing.width).contains(&cell.0) || !(0..drawing.height).contains(&cell.1) {
                faults.push(format!("{} to {} runs outside", e.from, e.to));
            }
            let pass = match (k.checked_sub(1).map(|k| way[k]), way.get(k + 1)) {
                (Some(a), Some(b)) if a.1 == b.1 => Pass::Across,
                (Some(a), Some(b)) if a.0 == b.0 => Pass::Down,
                _ => Pass::Other,
            };
            visits.push(Visit {
                cell,
                pass,
                edge: i as u32,
            });
        }
    }
    visits.sort_unstable();
    for here in visits.chunk_by(|a, b| a.cell == b.cell) {
        let apart = |pass: Pass| here.iter().filter(move |v| v.pass == pass);
        let star = |lines: &mut dyn Iterator<Item = &Visit>| -> bool {
            let ends: Vec<_> = lines
                .map(|v| ends(&drawing.edges[v.edge as usize]))
                .collect();
            ends.windows(2).all(|p| p[0].0 == p[1].0) || ends.windows(2).all(|p| p[0].1 == p[1].1)
        };
        let crossing = apart(Pass::Other).next().is_none()
            && star(&mut apart(Pass::Across))
            && star(&mut apart(Pass::Down));
        if !crossing && !star(&mut here.iter()) {
            let names: Vec<String> = (here.iter())
                .map(|v| {
                    let e = &drawing.edges[v.edge as usize];
                    format!("{} to {} ({:?}) {:?}", e.from, e.to, v.pass, e.points)
                })
                .collect();
            let cell = here[0].cell;
            faults.push(format!("{cell:?} is shared:\n  {}", names.join("\n  ")));
        }
    }
    faults
}

/// The ports at which an edge leaves and enters.
fn ends(e: &Edge) -> ((&str, Port), (&str, Port)) {
    let (out, into) = match (e.from == e.to, e.reversed) {
        (true, _) => (Port::Forward, Port::Lower),
        (_, true) => (Port::Lower, Port::Lower),
        _ => (Port::Forward, Port::Forward),
    };
    ((&e.from, out), (&e.to, into))
}

/// What is wrong with a line by itself.
fn line_fault(e: &Edge, from: &Box, to: &Box, flow: Flow) -> Option<&'static str> {
    let (Some(&first), Some(&last)) = (e.points.first(), e.points.last()) else {
        return Some("has no points");
    };
    if e.points.len() < 2 {
        return Some("is a single point");
    }
    if (e.points.windows(2)).any(|p| (p[0].0 == p[1].0) == (p[0].1 == p[1].1)) {
        return Some("is not orthogonal");
    }
    let beside = |p: (i32, i32), b: &Box| {
        let (x, y) = (p.0 - b.x, p.1 - b.y);
        ((0..b.w).contains(&x) && (y == -1 || y == b.h))
            || ((0..b.h).contains(&y) && (x == -1 || x == b.w))
    };
    if !beside(first, from) || !beside(last, to) {
        return Some("does not lead from box to box");
    }
    let ahead = match flow {
        Flow::LeftRight => (
            (from.x + from.w, from.y + (from.h - 1) / 2),
            (to.x - 1, to.y + (to.h - 1) / 2),
        ),
        Flow::TopBottom => (
            (from.x + (from.w - 1) / 2, from.y + from.h),
            (to.x + (to.w - 1) / 2, to.y - 1),
        ),
    };
    if !e.reversed && e.from != e.to && (first, last) != ahead {
        return Some("does not use the middle of the boxes' sides");
    }
    None
}

/// All cells of a line in their order.
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

/// Pairs of edges and cells in which one passes strictly along x and the other strictly along y.
pub fn crossings(drawing: &Drawing) -> u64 {
    let mut passes: Vec<((i32, i32), bool)> = Vec::new();
    for e in &drawing.edges {
        let way = cells(&e.points);
        for p in way.windows(3) {
            if p[0].1 == p[2].1 && p[0].0 != p[2].0 {
                passes.push((p[1], true));
            } else if p[0].0 == p[2].0 && p[0].1 != p[2].1 {
                passes.push((p[1], false));
            }
        }
    }
    passes.sort_unstable();
    (passes.chunk_by(|a, b| a.0 == b.0))
        .map(|here| {
            let across = here.iter().filter(|p| p.1).count() as u64;
            across * (here.len() as u64 - across)
        })
        .sum()
}
