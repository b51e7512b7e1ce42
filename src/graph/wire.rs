//! One wire of a gutter: where its lines come in and go out, and what its vertical part meets.

/// Rows at both sides, each with the number of links that use it. One side has exactly one row, the hub.
#[derive(Debug, Clone, Default)]
pub(super) struct Wire {
    /// (row, links)
    pub left: Vec<(i32, u32)>,
    /// (row, links)
    pub right: Vec<(i32, u32)>,
    /// The other half of the same star: they may touch at the hub.
    pub sibling: Option<usize>,
    /// Wires of one number leave one port to one side; what is true of the port holds for all of them.
    pub family: usize,
}

impl Wire {
    /// From one port to several rows: its vertical part may go on beyond a row that it leaves at.
    pub(super) fn fans_out(&self) -> bool {
        self.left.len() == 1 && self.right.len() > 1
    }
}

/// Lets a wire be asked for its rows and its load without a walk over all of it.
pub(super) struct Line {
    pub low: i32,
    pub high: i32,
    hub: i32,
    /// Rows of the other side ascending, with the sum of links up to and including each.
    spokes: Vec<(i32, u64)>,
    pub straight: bool,
    /// Rule of thumb: what goes down, the lower first; what goes up, the upper first.
    pub turn: (bool, i32),
}

impl Line {
    pub(super) fn new(wire: &Wire) -> Self {
        let rows = || wire.left.iter().chain(&wire.right).map(|p| p.0);
        let (low, high) = (rows().min().unwrap_or(0), rows().max().unwrap_or(0));
        let (hub, side) = if wire.left.len() == 1 {
            (wire.left[0].0, &wire.right)
        } else {
            (wire.right.first().map_or(0, |p| p.0), &wire.left)
        };
        let mut spokes: Vec<(i32, u64)> = side.iter().map(|p| (p.0, u64::from(p.1))).collect();
        spokes.sort_unstable();
        let mut sum = 0;
        for s in &mut spokes {
            sum += s.1;
            s.1 = sum;
        }
        Self {
            low,
            high,
            hub,
            spokes,
            straight: low == high,
            turn: match (wire.left.first(), wire.right.first()) {
                (Some(l), Some(r)) if l.0 > r.0 => (true, l.0),
                (Some(l), _) => (false, -l.0),
                _ => (false, 0),
            },
        }
    }

    /// Whether the vertical part goes on beyond this row, at which the wire leaves.
    pub(super) fn goes_beyond(&self, row: i32) -> bool {
        row != self.low && row != self.high
    }

    /// Links on the vertical part at a row strictly inside it.
    fn load(&self, row: i32) -> u64 {
        let total = self.spokes.last().map_or(0, |s| s.1);
        let upto = |i: usize| if i == 0 { 0 } else { self.spokes[i - 1].1 };
        if row > self.hub {
            total - upto(self.spokes.partition_point(|s| s.0 <= row))
        } else {
            upto(self.spokes.partition_point(|s| s.0 < row))
        }
    }

    /// Crossings of the vertical part with horizontal pieces at these rows.
    pub(super) fn crossed(&self, pins: &[(i32, u32)]) -> u64 {
        pins.iter()
            .filter(|p| p.0 > self.low && p.0 < self.high)
            .map(|p| u64::from(p.1) * self.load(p.0))
            .sum()
    }
}

/// Crossings of two wires if the first, and if the second stands left of the other one.
pub(super) fn either_way(wires: [&Wire; 2], lines: [&Line; 2]) -> (u64, u64) {
    (
        lines[1].crossed(&wires[0].right) + lines[0].crossed(&wires[1].left),
        lines[0].crossed(&wires[1].right) + lines[1].crossed(&wires[0].left),
    )
}
