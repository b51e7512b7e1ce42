//! Components: what hangs together is laid out by itself.

use super::cycle;
use super::layers::Layers;
use super::natural;
use super::order;
use super::place::{self, Sizes};
use super::rank;
use super::route::{self, Boxes};
use super::types::{Direction, Options};
use super::visible::Visible;
use std::collections::HashMap;

/// One component: indices into `Visible::boxes` and `Visible::links`.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub boxes: Vec<usize>,
    pub links: Vec<usize>,
    /// Boxes of it with an edge to themselves.
    pub loops: Vec<usize>,
}

/// A laid out component, as (main, cross) cells from 0,0.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    pub main: i32,
    pub cross: i32,
    /// Place and rank of each box of the part.
    pub at: Vec<(i32, i32)>,
    pub rank: Vec<u32>,
    /// Of each link of the part, from its source to its target.
    pub paths: Vec<Vec<(i32, i32)>>,
    pub back: Vec<bool>,
    /// Of each box in `Part::loops`.
    pub loops: Vec<Vec<(i32, i32)>>,
    pub crossings: u64,
    pub ranks: u32,
    pub dummies: usize,
    pub tracks: u32,
}

/// Components in the order of their first box, and the place of each box in its component.
pub(super) fn split(visible: &Visible) -> (Vec<Part>, Vec<u32>) {
    let n = visible.boxes.len();
    let mut parent: Vec<usize> = (0..n).collect();
    fn root(parent: &mut [usize], mut v: usize) -> usize {
        while parent[v] != v {
            parent[v] = parent[parent[v]];
            v = parent[v];
        }
        v
    }
    for l in &visible.links {
        let (a, b) = (root(&mut parent, l.from), root(&mut parent, l.to));
        parent[a.max(b)] = a.min(b);
    }
    let mut part_of = vec![usize::MAX; n];
    let mut parts: Vec<Part> = Vec::new();
    for v in 0..n {
        let r = root(&mut parent, v);
        if part_of[r] == usize::MAX {
            part_of[r] = parts.len();
            parts.push(Part::default());
        }
        let p = part_of[r];
        part_of[v] = p;
        parts[p].boxes.push(v);
    }
    for (i, l) in visible.links.iter().enumerate() {
        parts[part_of[l.from]].links.push(i);
    }
    // the same graph is drawn the same whatever its order: backends list as they please, and not always the same
    let id = |b: usize| visible.boxes[b].id;
    let mut place = vec![0; n];
    for part in &mut parts {
        (part.boxes).sort_by(|&a, &b| natural::compare(id(a), id(b)));
        for (at, &b) in part.boxes.iter().enumerate() {
            place[b] = at as u32;
        }
        (part.links)
            .sort_by_cached_key(|&l| (place[visible.links[l].from], place[visible.links[l].to]));
    }
    for &(b, _) in &visible.loops {
        let loops = &mut parts[part_of[b]].loops;
        if loops.last() != Some(&b) && !loops.contains(&b) {
            loops.push(b);
        }
    }
    (parts, place)
}

/// Lays out one component.
pub(super) fn draw(
    visible: &Visible,
    (part, place): (&Part, &[u32]),
    options: &Options,
    cancelled: &dyn Fn() -> bool,
) -> Option<Drawing> {
    if cancelled() {
        return None;
    }
    let across = |w: i32, h: i32| match options.direction {
        Direction::LeftRight => (w, h),
        Direction::TopBottom => (h, w),
    };
    let n = part.boxes.len();
    let (main, cross): (Vec<i32>, Vec<i32>) = part
        .boxes
        .iter()
        .map(|&b| across(visible.boxes[b].w, visible.boxes[b].h))
        .unzip();
    let mut loops = vec![false; n];
    for b in &part.loops {
        loops[place[*b] as usize] = true;
    }
    let port: Vec<i32> = cross.iter().map(|c| (c - 1) / 2).collect();
    let mut links: Vec<(u32, u32)> = part
        .links
        .iter()
        .map(|&l| (place[visible.links[l].from], place[visible.links[l].to]))
        .collect();
    let back = cycle::back_links(n, &links);
    for (l, turned) in links.iter_mut().zip(&back) {
        if *turned {
            *l = (l.1, l.0);
        }
    }
    let ranks = rank::ranks(n, &links, cancelled)?;
    let mut layers = Layers::new(&ranks, &links, &back);
    let prior = prior_places(visible, part, options);
    let mut crossings = order::arrange(&mut layers, &prior, cancelled)?;
    layers = layers.merged(&back);
    if prior.iter().all(Option::is_none) {
        crossings = order::polish(&mut layers, cancelled)?;
    }
    // self loops run below their boxes, and turned links below those of one row
    let mut below = loops.clone();
    for (&(a, b), _) in links.iter().zip(&back).filter(|l| *l.1) {
        for v in [a as usize, b as usize] {
            below[v] |= cross[v] == 1;
        }
    }
    let size: Vec<i32> = cross
        .iter()
        .zip(&below)
        .map(|(c, &l)| c + i32::from(l))
        .collect();
    let sizes = Sizes {
        size: &size,
        port: &port,
        box_gap: i32::from(options.node_gap),
        line_gap: match options.direction {
            Direction::LeftRight => 0,
            Direction::TopBottom => 1,
        },
    };
    let row = place::rows(&layers, &sizes, cancelled)?;
    if cancelled() {
        return None;
    }
    let boxes = Boxes {
        main: &main,
        cross: &cross,
        port: &port,
        loops: &loops,
        rank_gap: i32::from(options.rank_gap),
    };
    let mut routed = route::route(&layers, &row, &back, &boxes);
    for (path, turned) in routed.paths.iter_mut().zip(&back) {
        if *turned {
            path.reverse();
        }
    }
    let mut drawing = Drawing {
        at: (0..n)
            .map(|v| (routed.begin[layers.rank[v] as usize], row[v] - port[v]))
            .collect(),
        rank: layers.rank[..n].to_vec(),
        paths: routed.paths,
        back,
        crossings,
        ranks: layers.order.len() as u32,
        dummies: layers.rank.len() - n,
        tracks: routed.tracks,
        main: routed.end,
        ..Drawing::default()
    };
    for b in &part.loops {
        let v = place[*b] as usize;
        let (m, c) = drawing.at[v];
        let (right, below, p) = (m + main[v], c + cross[v], c + port[v]);
        drawing.loops.push(vec![
            (right, p),
            (right + 1, p),
            (right + 1, below),
            (right - 1, below),
        ]);
    }
    drawing.shift(&size);
    Some(drawing)
}

impl Drawing {
    /// Moves all so that nothing lies before 0 across the flow, and measures.
    fn shift(&mut self, size: &[i32]) {
        let rows = |d: &Self| -> (i32, i32) {
            let lines = d
                .paths
                .iter()
                .chain(&d.loops)
                .flatten()
                .map(|p| (p.1, p.1 + 1));
            let boxes = d.at.iter().zip(size).map(|(a, s)| (a.1, a.1 + s));
            lines
                .chain(boxes)
                .fold((i32::MAX, i32::MIN), |m, r| (m.0.min(r.0), m.1.max(r.1)))
        };
        let (low, high) = rows(self);
        if low > high {
            return;
        }
        self.at.iter_mut().for_each(|a| a.1 -= low);
        self.paths
            .iter_mut()
            .chain(&mut self.loops)
            .flatten()
            .for_each(|p| p.1 -= low);
        self.cross = high - low;
    }
}

fn prior_places(visible: &Visible, part: &Part, options: &Options) -> Vec<Option<u32>> {
    let Some(previous) = &options.previous else {
        return vec![None; part.boxes.len()];
    };
    let mine: HashMap<&str, usize> = part
        .boxes
        .iter()
        .enumerate()
        .map(|(i, &b)| (visible.boxes[b].id, i))
        .collect();
    let mut prior = vec![None; part.boxes.len()];
    for (place, id) in previous.iter().enumerate() {
        if let Some(&i) = mine.get(id.as_str()) {
            prior[i] = Some(place as u32);
        }
    }
    prior
}
