//! Which segments of a gutter share a vertical line.
//!
//! All segments of one port do; what goes up from it and what goes down are two wires, because they seldom want the
//! same track. Wires of this kind can always be ordered without needless crossings: among those that go down the
//! lower port first, among those that go up the upper one.
//! Segments that are alone at their port join others into the same target, but only where that costs no crossing.

use super::layers::Segment;
use super::wire::Wire;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Segments between two rows, upside down if they go up, so that all go down.
struct Piece {
    index: usize,
    from: i32,
    to: i32,
    weight: u32,
}

/// Port of a fan and the ends of what goes down from it, ascending.
type Fan = (i32, Vec<i32>);

/// The wires, and for each segment the index of its wire. `row` gives the row of a vertex, and of its port for turned links.
pub(super) fn group(
    segments: &[Segment],
    row: impl Fn(u32, bool) -> i32,
) -> (Vec<Wire>, Vec<usize>) {
    let mut groups = Groups {
        wires: Vec::new(),
        of: vec![0; segments.len()],
    };
    // pieces that go up and down, of each port with several segments and into each target of the single ones
    let mut outs: BTreeMap<(u32, bool), Vec<usize>> = BTreeMap::new();
    for (i, s) in segments.iter().enumerate() {
        outs.entry((s.from, s.back)).or_default().push(i);
    }
    let mut fans = Vec::new();
    let mut singles: BTreeMap<(u32, bool), [Vec<Piece>; 2]> = BTreeMap::new();
    for list in outs.into_values() {
        let mut halves = [Vec::new(), Vec::new()];
        let single = list.len() == 1;
        for index in list {
            let s = segments[index];
            let (from, to) = (row(s.from, s.back), row(s.to, s.back));
            let weight = s.weight;
            let half = match from.cmp(&to) {
                Ordering::Equal => {
                    groups.add(
                        &[Piece {
                            index,
                            from,
                            to,
                            weight,
                        }],
                        false,
                    );
                    continue;
                }
                Ordering::Less => 0,
                Ordering::Greater => 1,
            };
            let sign = 1 - 2 * half as i32;
            let piece = Piece {
                index,
                from: sign * from,
                to: sign * to,
                weight,
            };
            if single {
                singles.entry((s.to, s.back)).or_default()[half].push(piece);
            } else {
                halves[half].push(piece);
            }
        }
        fans.push(halves);
    }
    let mut ports: [Vec<Fan>; 2] = [Vec::new(), Vec::new()];
    for halves in &fans {
        for (half, pieces) in halves.iter().enumerate() {
            if let Some(first) = pieces.first() {
                let mut ends: Vec<i32> = pieces.iter().map(|p| p.to).collect();
                ends.sort_unstable();
                ports[half].push((first.from, ends));
            }
        }
    }
    ports.iter_mut().for_each(|p| p.sort_unstable());
    for [down, up] in fans {
        groups.add_both(&down, &up);
    }
    for [mut down, mut up] in singles.into_values() {
        for (half, pieces) in [&mut down, &mut up].into_iter().enumerate() {
            pieces.sort_by_key(|p| (p.from, p.index));
            let mut run = 0;
            for i in 1..pieces.len() {
                if parted(&ports[half], &pieces[i - 1], &pieces[i]) {
                    groups.add(&pieces[run..i], half == 1);
                    run = i;
                }
            }
            // the run next to the target may share its track with the one from the other side
            pieces.drain(..run);
        }
        groups.add_both(&down, &up);
    }
    (groups.wires, groups.of)
}

/// Whether a fan between two single pieces into one target has to stand left of the one and right of the other.
fn parted(fans: &[Fan], upper: &Piece, lower: &Piece) -> bool {
    let from = fans.partition_point(|f| f.0 <= upper.from);
    fans[from..]
        .iter()
        .take_while(|f| f.0 < lower.from)
        .any(|(_, ends)| {
            let beyond = ends.last().is_some_and(|&e| e > lower.to);
            let within = ends.partition_point(|&e| e <= lower.from)
                < ends.partition_point(|&e| e < lower.to);
            beyond && within
        })
}

struct Groups {
    wires: Vec<Wire>,
    of: Vec<usize>,
}

impl Groups {
    /// One wire of pieces with a common port at one side.
    fn add(&mut self, pieces: &[Piece], up: bool) -> Option<usize> {
        let first = pieces.first()?;
        let sign = if up { -1 } else { 1 };
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
        let (a, b) = (self.add(down, false), self.add(up, true));
        if let (Some(a), Some(b)) = (a, b) {
            self.wires[a].sibling = Some(b);
            self.wires[b].sibling = Some(a);
        }
    }
}
