//! One wire of a gutter: where its lines come in and go out, and what its vertical part meets.

/// A row at which lines enter or leave.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pin {
    pub row: i32,
    pub links: u32,
    /// Links of this spoke and of all above it.
    upto: u32,
}

/// A star: one row at one side, the hub, and one or more rows at the other, the spokes.
#[derive(Debug, Clone, Default)]
pub(super) struct Wire {
    hub: Pin,
    spokes: Spokes,
    /// The hub is on the left.
    out: bool,
    pub low: i32,
    pub high: i32,
    /// The other half of the same star: they may touch at the hub.
    pub sibling: Option<usize>,
    /// Wires of one number leave one port to one side; what is true of the port holds for all of them.
    pub family: usize,
}

/// Spokes in ascending order. Most wires have one, which needs no memory of its own.
#[derive(Debug, Clone)]
enum Spokes {
    One([Pin; 1]),
    Many(Vec<Pin>),
}

impl Default for Spokes {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Spokes {
    fn new(mut rows: impl Iterator<Item = (i32, u32)>) -> Self {
        let (first, second) = (rows.next(), rows.next());
        let mut sum = 0;
        let mut pin = |(row, links)| {
            sum += links;
            Pin {
                row,
                links,
                upto: sum,
            }
        };
        if let (Some(one), None) = (first, second) {
            return Self::One([pin(one)]);
        }
        let mut many: Vec<(i32, u32)> = first.into_iter().chain(second).chain(rows).collect();
        many.sort_unstable_by_key(|p| p.0);
        Self::Many(many.into_iter().map(pin).collect())
    }
}

impl std::ops::Deref for Spokes {
    type Target = [Pin];

    #[inline]
    fn deref(&self) -> &[Pin] {
        match self {
            Self::One(pin) => pin,
            Self::Many(pins) => pins,
        }
    }
}

impl Wire {
    /// `spokes` are (row, links).
    pub(super) fn new(out: bool, hub: i32, spokes: impl Iterator<Item = (i32, u32)>) -> Self {
        let spokes = Spokes::new(spokes);
        let sum = spokes.last().map_or(0, |p| p.upto);
        let ends = (spokes.first(), spokes.last());
        Self {
            low: ends.0.map_or(hub, |p| p.row.min(hub)),
            high: ends.1.map_or(hub, |p| p.row.max(hub)),
            hub: Pin {
                row: hub,
                links: sum,
                upto: sum,
            },
            spokes,
            out,
            ..Self::default()
        }
    }

    pub(super) fn left(&self) -> &[Pin] {
        if self.out {
            std::slice::from_ref(&self.hub)
        } else {
            &self.spokes
        }
    }

    pub(super) fn right(&self) -> &[Pin] {
        if self.out {
            &self.spokes
        } else {
            std::slice::from_ref(&self.hub)
        }
    }

    /// The row of the port that it leaves, the first of several.
    pub(super) fn port(&self) -> i32 {
        self.left().first().map_or(0, |p| p.row)
    }

    pub(super) fn links(&self) -> u64 {
        u64::from(self.hub.links)
    }

    /// It has no vertical part.
    pub(super) fn straight(&self) -> bool {
        self.low == self.high
    }

    /// From one port to several rows: its vertical part may go on beyond a row that it leaves at.
    pub(super) fn fans_out(&self) -> bool {
        self.out && self.spokes.len() > 1
    }

    /// Whether the vertical part goes on beyond this row, at which the wire leaves.
    pub(super) fn goes_beyond(&self, row: i32) -> bool {
        row != self.low && row != self.high
    }

    /// Rule of thumb: of what goes down the lower first, of what goes up the upper first.
    pub(super) fn turn(&self) -> (bool, i32) {
        match (self.left().first(), self.right().first()) {
            (Some(l), Some(r)) if l.row > r.row => (true, l.row),
            (Some(l), _) => (false, -l.row),
            _ => (false, 0),
        }
    }

    /// The rows at which it comes in and goes out, if that is one each.
    fn simple(&self) -> Option<(i32, i32)> {
        match &self.spokes {
            Spokes::One([pin]) if self.out => Some((self.hub.row, pin.row)),
            Spokes::One([pin]) => Some((pin.row, self.hub.row)),
            Spokes::Many(_) => None,
        }
    }

    /// Links on the vertical part at a row strictly inside it.
    fn load(&self, row: i32) -> u64 {
        let upto = |i: usize| if i == 0 { 0 } else { self.spokes[i - 1].upto };
        u64::from(if row > self.hub.row {
            self.hub.links - upto(self.spokes.partition_point(|s| s.row <= row))
        } else {
            upto(self.spokes.partition_point(|s| s.row < row))
        })
    }

    /// Crossings of the vertical part with horizontal pieces at these rows.
    fn crossed(&self, pins: &[Pin]) -> u64 {
        let from = pins.partition_point(|p| p.row <= self.low);
        let met = pins[from..].iter().take_while(|p| p.row < self.high);
        if let Spokes::One(_) = self.spokes {
            return self.links() * met.map(|p| u64::from(p.links)).sum::<u64>();
        }
        met.map(|p| u64::from(p.links) * self.load(p.row)).sum()
    }
}

/// Crossings of two wires if the first, and if the second stands left of the other one.
pub(super) fn either_way(a: &Wire, b: &Wire) -> (u64, u64) {
    if let (Some((a_in, a_out)), Some((b_in, b_out))) = (a.simple(), b.simple()) {
        let inside = |w: &Wire, row: i32| u64::from(w.low < row && row < w.high);
        let pairs = a.links() * b.links();
        return (
            (inside(b, a_out) + inside(a, b_in)) * pairs,
            (inside(a, b_out) + inside(b, a_in)) * pairs,
        );
    }
    (
        b.crossed(a.right()) + a.crossed(b.left()),
        a.crossed(b.right()) + b.crossed(a.left()),
    )
}
