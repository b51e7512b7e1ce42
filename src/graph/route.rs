//! Lines in cells: where ranks stand along the flow, which tracks the wires of each gutter take, and the way of each link.

use super::channel::{self, Way};
use super::layers::{Layers, Segment};
use super::part;
use super::stars;

/// What routing has to know of the boxes.
pub(super) struct Boxes<'a> {
    /// Size along the flow.
    pub main: &'a [i32],
    /// Size across the flow, without what a self loop needs.
    pub cross: &'a [i32],
    pub port: &'a [i32],
    /// Boxes with an edge to themselves.
    pub loops: &'a [bool],
    pub rank_gap: i32,
}

/// The lines of one component, as (main, cross) cells.
pub(super) struct Routed {
    /// Where each rank begins.
    pub begin: Vec<i32>,
    /// Of each link, from lower to higher rank.
    pub paths: Vec<Vec<(i32, i32)>>,
    pub end: i32,
    pub tracks: u32,
}

impl Boxes<'_> {
    /// The row at which lines of turned links meet a vertex: the last one of a box, the one below it if it has only
    /// one, so that they never lie on the others.
    fn back_row(&self, row: &[i32], v: u32) -> i32 {
        let v = v as usize;
        match self.cross.get(v) {
            Some(&1) => row[v] + 1,
            Some(&size) => row[v] - self.port[v] + size - 1,
            None => row[v],
        }
    }
}

/// At most four corners.
#[derive(Clone, Copy, Default)]
struct Bend {
    points: [(i32, i32); 4],
    count: u8,
}

impl Bend {
    fn new(points: &[(i32, i32)]) -> Self {
        let mut bend = Self::default();
        for (to, from) in bend.points.iter_mut().zip(points) {
            *to = *from;
            bend.count += 1;
        }
        bend
    }

    fn points(&self) -> &[(i32, i32)] {
        &self.points[..usize::from(self.count)]
    }
}

pub(super) fn route(layers: &Layers, row: &[i32], back: &[bool], boxes: &Boxes) -> Routed {
    let at = |v: u32, back: bool| match back {
        true => boxes.back_row(row, v),
        false => row[v as usize],
    };
    let depth = layers.order.len();
    let mut begin = Vec::with_capacity(depth);
    let mut x = 0;
    let mut most = 0;
    // of each vertex the first segment from it, in its gutter
    let mut first_from = vec![0usize; layers.rank.len()];
    // corner points inside its gutter of each segment
    let mut bends: Vec<Vec<Bend>> = Vec::with_capacity(depth);
    for r in 0..depth {
        begin.push(x);
        let reals = || {
            layers.order[r]
                .iter()
                .filter(|&&v| !layers.is_dummy(v))
                .map(|&v| v as usize)
        };
        x += reals().map(|v| boxes.main[v]).max().unwrap_or(1);
        let loops = i32::from(reals().any(|v| boxes.loops[v]));
        let segments = &layers.segments[r];
        for (i, s) in segments.iter().enumerate().rev() {
            first_from[s.from as usize] = i;
        }
        if segments.is_empty() {
            x += loops * 2;
            bends.push(Vec::new());
            continue;
        }
        let (wires, of) = stars::group(segments, at);
        let parted = part::part(&wires);
        let (ways, tracks) = channel::pack(&parted);
        most = most.max(tracks);
        let least = tracks as i32 + 2 + loops;
        let width = least.max(boxes.rank_gap);
        let first = x + 1 + loops + (width - least) / 2;
        let bend = |(s, &w): (&Segment, &usize)| {
            let (a, b) = (at(s.from, s.back), at(s.to, s.back));
            let way = if a == b {
                Way::Straight
            } else {
                ways[parted.at(w, b)]
            };
            match way {
                Way::Straight => Bend::default(),
                Way::Track(t) => Bend::new(&[(first + t as i32, a), (first + t as i32, b)]),
                Way::Detour {
                    first: f,
                    row,
                    second,
                } => {
                    let (f, second) = (first + f as i32, first + second as i32);
                    Bend::new(&[(f, a), (f, row), (second, row), (second, b)])
                }
            }
        };
        bends.push(segments.iter().zip(&of).map(bend).collect());
        x += width;
    }
    let mut paths = Vec::with_capacity(layers.ways.len());
    let mut path = Vec::new();
    for (l, way) in layers.ways.iter().enumerate() {
        let (Some(&a), Some(&b)) = (way.first(), way.last()) else {
            paths.push(Vec::new());
            continue;
        };
        let mut start = begin[layers.rank[a as usize] as usize] + boxes.main[a as usize];
        let mut stop = begin[layers.rank[b as usize] as usize] - 1;
        // below a box of one row the line goes on to where the box is
        start -= i32::from(back[l] && boxes.cross[a as usize] == 1);
        stop += i32::from(back[l] && boxes.cross[b as usize] == 1);
        path.clear();
        path.push((start, at(a, back[l])));
        for p in way.windows(2) {
            let gutter = layers.rank[p[0] as usize] as usize;
            let key = (p[0], p[1], back[l]);
            let first = first_from[p[0] as usize];
            let here = first..first + layers.down.of(p[0] as usize).len();
            let found = layers.segments[gutter][here].binary_search_by_key(&key, Segment::key);
            let bend = found.ok().and_then(|i| bends[gutter].get(first + i));
            path.extend(bend.iter().flat_map(|b| b.points()));
        }
        path.push((stop, at(b, back[l])));
        smooth(&mut path);
        paths.push(path.clone());
    }
    Routed {
        begin,
        paths,
        end: x,
        tracks: most,
    }
}

/// Without points that a line passes straight through, and without repeated ones.
fn smooth(points: &mut Vec<(i32, i32)>) {
    let mut kept = 0;
    for i in 0..points.len() {
        let p = points[i];
        if kept > 0 && points[kept - 1] == p {
            continue;
        }
        while let [.., a, b] = points[..kept] {
            let straight = (a.0 == b.0 && b.0 == p.0) || (a.1 == b.1 && b.1 == p.1);
            if !straight {
                break;
            }
            kept -= 1;
        }
        points[kept] = p;
        kept += 1;
    }
    points.truncate(kept);
}
