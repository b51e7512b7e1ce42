//! From components to one drawing: packing, turning to the wanted direction, one route for each input edge.

use super::component::{Drawing, Part};
use super::index::Index;
use super::types::{Direction, Layout, Options, Placed, Route, Stats};
use super::visible::Visible;
use std::collections::HashMap;

/// Free cells between components.
const APART: (i32, i32) = (3, 1);

pub(super) fn assemble(
    visible: &Visible,
    parts: &[Part],
    mut drawings: Vec<Drawing>,
    options: &Options,
) -> Layout {
    let turn = |p: (i32, i32)| match options.direction {
        Direction::LeftRight => p,
        Direction::TopBottom => (p.1, p.0),
    };
    let sizes: Vec<(i32, i32)> = drawings.iter().map(|d| turn((d.main, d.cross))).collect();
    let corner = pack(&sizes);
    let mut layout = Layout::default();
    let mut placed: Vec<Option<Placed>> = visible.boxes.iter().map(|_| None).collect();
    // reversed links have nets of their own, by target; forward ones are named by their source
    let boxes = visible.boxes.len() as u32;
    for ((part, drawing), &(dx, dy)) in parts.iter().zip(&mut drawings).zip(&corner) {
        let moved = |p: &(i32, i32)| {
            let (x, y) = turn(*p);
            (x + dx, y + dy)
        };
        for (i, &b) in part.boxes.iter().enumerate() {
            let (x, y) = moved(&drawing.at[i]);
            let it = &visible.boxes[b];
            placed[b] = Some(Placed {
                id: it.id.to_owned(),
                what: it.what,
                x,
                y,
                w: it.w,
                h: it.h,
                rank: drawing.rank[i],
            });
        }
        for (i, &l) in part.links.iter().enumerate() {
            let link = &visible.links[l];
            let mut points = std::mem::take(&mut drawing.paths[i]);
            points.iter_mut().for_each(|p| *p = moved(p));
            let reversed = drawing.back[i];
            for (k, &edge) in link.edges.iter().enumerate() {
                let last = k + 1 == link.edges.len();
                layout.routes.push(Route {
                    from: link.from,
                    to: link.to,
                    edge,
                    reversed,
                    net: if reversed {
                        boxes + link.to as u32
                    } else {
                        link.from as u32
                    },
                    points: if last {
                        std::mem::take(&mut points)
                    } else {
                        points.clone()
                    },
                });
                layout.stats.reversed += usize::from(reversed);
            }
        }
        let stats = &mut layout.stats;
        stats.crossings += drawing.crossings;
        stats.ranks = stats.ranks.max(drawing.ranks);
        stats.dummies += drawing.dummies;
        stats.tracks = stats.tracks.max(drawing.tracks);
    }
    let mut loop_of: HashMap<usize, Vec<(i32, i32)>> = HashMap::new();
    for ((part, drawing), &(dx, dy)) in parts.iter().zip(&drawings).zip(&corner) {
        for (&b, path) in part.loops.iter().zip(&drawing.loops) {
            let points = path.iter().map(|&p| {
                let (x, y) = turn(p);
                (x + dx, y + dy)
            });
            loop_of.insert(b, points.collect());
        }
    }
    for &(b, edge) in &visible.loops {
        layout.routes.push(Route {
            from: b,
            to: b,
            edge,
            reversed: false,
            net: b as u32,
            points: loop_of.get(&b).cloned().unwrap_or_default(),
        });
    }
    layout.routes = by_edge(layout.routes);
    layout.boxes = placed.into_iter().flatten().collect();
    layout.stats = Stats {
        components: parts.len(),
        ..layout.stats
    };
    for (size, at) in sizes.iter().zip(&corner) {
        layout.width = layout.width.max(size.0 + at.0);
        layout.height = layout.height.max(size.1 + at.1);
    }
    layout.index = Index::new(layout.width, layout.height, &layout.boxes, &layout.routes);
    layout
}

/// In the order of their edges; few edges have more than one route, and a route is large to move.
fn by_edge(routes: Vec<Route>) -> Vec<Route> {
    let mut order: Vec<(usize, usize, usize, usize)> = (routes.iter().enumerate())
        .map(|(i, r)| (r.edge, r.from, r.to, i))
        .collect();
    order.sort_unstable();
    let mut routes: Vec<Option<Route>> = routes.into_iter().map(Some).collect();
    (order.into_iter())
        .filter_map(|(.., i)| routes[i].take())
        .collect()
}

/// Corners of blocks put on shelves, the big ones first, so that the whole is about as wide as it looks tall
/// (a cell is twice as tall as wide).
fn pack(sizes: &[(i32, i32)]) -> Vec<(i32, i32)> {
    let mut corner = vec![(0, 0); sizes.len()];
    let area: i64 = sizes
        .iter()
        .map(|s| i64::from(s.0 + APART.0) * i64::from(s.1 + APART.1))
        .sum();
    let widest = sizes.iter().map(|s| s.0).max().unwrap_or(0);
    let wanted = ((area as f64) * 2.0).sqrt().ceil() as i32;
    let limit = widest.max(wanted);
    let mut by_height: Vec<usize> = (0..sizes.len()).collect();
    by_height.sort_by_key(|&i| (std::cmp::Reverse(sizes[i].1), i));
    let (mut x, mut y, mut shelf) = (0, 0, 0);
    for i in by_height {
        let (w, h) = sizes[i];
        if x > 0 && x + w > limit {
            x = 0;
            y += shelf + APART.1;
            shelf = 0;
        }
        corner[i] = (x, y);
        x += w + APART.0;
        shelf = shelf.max(h);
    }
    corner
}
