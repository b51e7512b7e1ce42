//! Graphs to look at: some drawn by hand because lines have little room in them, many from seeds.

use std::fmt::Write as _;

/// (name, edge list)
pub const KNOTS: [(&str, &str); 9] = [
    ("two to the same two", "a\tc\na\td\nb\tc\nb\td\n"),
    ("two that change places", "a\td\nb\tc\na\tx\nb\tx\n"),
    (
        "three to the same three",
        "a\tx\na\ty\na\tz\nb\tx\nb\ty\nb\tz\nc\tx\nc\ty\nc\tz\n",
    ),
    (
        "a ring of exits and entries",
        "a\ty\nb\tz\nc\tx\na\tx\nb\ty\nc\tz\n",
    ),
    (
        "fans that meet in their middles",
        "a\tu\na\tv\na\tw\nb\tu\nb\tv\nb\tw\nc\tv\n",
    ),
    ("there and back", "a\tb\nb\ta\na\tc\nc\ta\nb\tc\nc\tb\n"),
    (
        "loops and cycles",
        "a\ta\na\tb\nb\tb\nb\ta\na\tc\nc\tc\nc\ta\n",
    ),
    (
        "long lines into one box",
        "a\tb\nb\tc\nc\td\nd\te\na\te\nb\te\na\td\nx\te\nx\td\n",
    ),
    (
        "one edge many times",
        "a\tb\na\tb\na\tb\nb\ta\nb\ta\nlone\n",
    ),
];

pub struct Seed(u64);

impl Seed {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 16) as usize) % n.max(1)
    }
}

/// An edge list of 2 to 120 nodes: sparse or dense, with near and far edges, some with cycles.
pub fn random(seed: u64) -> String {
    let mut s = Seed::new(seed + 1);
    let most = [6, 12, 40, 120][s.below(4)];
    let nodes = 2 + s.below(most);
    let dense = 1 + s.below(3);
    let edges = 1 + s.below(nodes * dense);
    let cycles = [0, 0, 10, 4][s.below(4)];
    let span = [nodes, nodes / 4 + 2, 4][s.below(3)];
    let mut text = String::new();
    for _ in 0..edges {
        let a = s.below(nodes);
        let b = (a + s.below(span)) % nodes;
        let (a, b) = match cycles {
            n if n > 0 && s.below(n) == 0 => (a, b),
            _ if a == b => (a, (a + 1).min(nodes - 1)),
            _ => (a.min(b), a.max(b)),
        };
        // names of several lengths, so that boxes end at several columns
        let name = |n: usize| format!("n{n}{}", "x".repeat(n % 7));
        writeln!(text, "{}\t{}", name(a), name(b)).unwrap();
    }
    text
}
