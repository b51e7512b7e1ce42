//! Which segments of a gutter share a vertical line.
//!
//! All segments of one port do; what goes up from it and what goes down are two wires, because they seldom want the
//! same track. Wires of this kind can always be ordered without needless crossings: among those that go down the
//! lower port first, among those that go up the upper one.
//! Segments that are alone at their port join others into the same target, but only where that costs no crossing.

use super::layers::Segment;
use super::wire::Wire;
use std::ops::Range;

/// A segment between two rows, upside down if it goes up, so that all go down.
#[derive(Clone, Copy)]
struct Piece {
    index: usize,
    up: bool,
    from: i32,
    to: i32,
    weight: u32,
}

/// The wires, and for each segment the index of its wire. `row` gives the row of a vertex, and of its port for turned links.
pub(super) fn group(
    segments: &[Segment],
    row: impl Fn(u32, bool) -> i32,
) -> (Vec<Wire>, Vec<usize>) {
    let mut groups = Groups {
        wires: Vec::with_capacity(segments.len()),
        of: vec![0; segments.len()],
    };
    let mut pieces: Vec<Piece> = (segments.iter().enumerate())
        .map(|(index, s)| Piece::new(index, row(s.from, s.back), row(s.to, s.back), s.weight))
        .collect();
    let port = |p: &Piece| (segments[p.index].from, segments[p.index].back);
    let target = |p: &Piece| (segments[p.index].to, segments[p.index].back);
    pieces.sort_by_key(port);
    for p in pieces.iter().filter(|p| p.straight()) {
        groups.add(&[*p]);
    }
    let ports = || pieces.chunk_by(|a, b| port(a) == port(b));
    let fans = Fans::new(ports().filter(|p| p.len() > 1));
    let mut halves = Vec::new();
    for fan in ports().filter(|p| p.len() > 1) {
        halves.clear();
        halves.extend(fan.iter().filter(|p| !p.straight()));
        halves.sort_by_key(|p: &Piece| p.up);
        let (down, up) = halves.split_at(halves.partition_point(|p| !p.up));
        groups.add_both(down, up);
    }
    // those that are alone at their port, by target
    let mut single: Vec<Piece> = (ports().filter(|p| p.len() == 1).flatten().copied())
        .filter(|p| !p.straight())
        .collect();
    single.sort_unstable_by_key(|p| (target(p), p.up, p.from, p.index));
    for same in single.chunk_by(|a, b| target(a) == target(b)) {
        let (mut down, mut up) = same.split_at(same.partition_point(|p| !p.up));
        for half in [&mut down, &mut up] {
            let mut run = 0;
            for i in 1..half.len() {
                if fans.part(&half[i - 1], &half[i]) {
                    groups.add(&half[run..i]);
                    run = i;
                }
            }
            // the run next to the target may share its track with the one from the other side
            *half = &half[run..];
        }
        groups.add_both(down, up);
    }
    (groups.wires, groups.of)
}

impl Piece {
    fn new(index: usize, from: i32, to: i32, weight: u32) -> Self {
        let up = from > to;
        let sign = if up { -1 } else { 1 };
        Self {
            index,
            up,
            from: sign * from,
            to: sign * to,
            weight,
        }
    }

    fn straight(&self) -> bool {
        self.from == self.to
    }
}

/// What goes down, and what goes up, from each port with several segments.
struct Fans {
    /// Port, and where its ends are, ascending; by port.
    halves: [Vec<(i32, Range<usize>)>; 2],
    ends: Vec<i32>,
}

impl Fans {
    fn new<'a>(ports: impl Iterator<Item = &'a [Piece]>) -> Self {
        let mut fans = Self {
            halves: [Vec::new(), Vec::new()],
            ends: Vec::new(),
        };
        for port in ports {
            for (half, up) in fans.halves.iter_mut().zip([false, true]) {
                let first = fans.ends.len();
                let bent = || port.iter().filter(|p| !p.straight() && p.up == up);
                fans.ends.extend(bent().map(|p| p.to));
                fans.ends[first..].sort_unstable();
                half.extend(bent().take(1).map(|p| (p.from, first..fans.ends.len())));
            }
        }
        (fans.halves.iter_mut()).for_each(|half| half.sort_by_key(|f| f.0));
        fans
    }

    /// Whether a fan between two single pieces into one target has to stand left of the one and right of the other.
    fn part(&self, upper: &Piece, lower: &Piece) -> bool {
        let half = &self.halves[usize::from(upper.up)];
        let from = half.partition_point(|f| f.0 <= upper.from);
        let mut between = half[from..].iter().take_while(|f| f.0 < lower.from);
        between.any(|(_, ends)| {
            let ends = &self.ends[ends.clone()];
            let beyond = ends.last().is_some_and(|&e| e > lower.to);
            let within = ends.partition_point(|&e| e <= lower.from)
                < ends.partition_point(|&e| e < lower.to);
            beyond && within
        })
    }
}

struct Groups {
    wires: Vec<Wire>,
    of: Vec<usize>,
}

impl Groups {
    /// One wire of pieces of one direction with a common port at one side.
    fn add(&mut self, pieces: &[Piece]) -> Option<usize> {
        let first = pieces.first()?;
        let sign = if first.up { -1 } else { 1 };
        let out = pieces.iter().all(|p| p.from == first.from);
        let wire = if out {
            let spokes = pieces.iter().map(|p| (sign * p.to, p.weight));
            Wire::new(true, sign * first.from, spokes)
        } else {
            let spokes = pieces.iter().map(|p| (sign * p.from, p.weight));
            Wire::new(false, sign * first.to, spokes)
        };
        for p in pieces {
            self.of[p.index] = self.wires.len();
        }
        self.wires.push(wire);
        Some(self.wires.len() - 1)
    }

    fn add_both(&mut self, down: &[Piece], up: &[Piece]) {
        let (a, b) = (self.add(down), self.add(up));
        if let (Some(a), Some(b)) = (a, b) {
            self.wires[a].sibling = Some(b);
            self.wires[b].sibling = Some(a);
        }
    }
}
