//! The layered form of one component: every link cut into segments between neighbouring ranks.
//! Long links of one port share one chain of dummies, which branches as late as it can.

use super::lists::Lists;

/// Dummies for each box and link, on average, up to which links have chains of their own.
const OWN_CHAINS: usize = 3;

/// Boxes `0..real`, then dummies.
pub(super) struct Layers {
    pub real: usize,
    pub rank: Vec<u32>,
    /// Vertices of each rank, in order.
    pub order: Vec<Vec<u32>>,
    pub up: Lists<Tie>,
    pub down: Lists<Tie>,
    /// Segments by the rank they start at.
    pub segments: Vec<Vec<Segment>>,
    /// For each link: its vertices from first to last rank.
    pub ways: Lists<u32>,
}

/// A piece of line from a vertex to one on the next rank, shared by `weight` links.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub from: u32,
    pub to: u32,
    pub weight: u32,
    /// It belongs to turned links, which use ports of their own.
    pub back: bool,
}

impl Segment {
    /// Segments of a gutter are in the order of this key.
    pub(super) fn key(&self) -> (u32, u32, bool) {
        (self.from, self.to, self.back)
    }
}

/// One end of a segment as the other end sees it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tie {
    pub vertex: u32,
    pub weight: u32,
}

/// How long links are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chains {
    /// Every link has dummies of its own.
    Own,
    /// Links of one port share theirs.
    Shared,
}

impl Layers {
    /// `links` lead from lower to higher rank; `back[l]` says that link `l` was turned.
    /// Each long link gets a chain of its own, which orders better, unless that were too many dummies.
    pub(super) fn new(ranks: &[i32], links: &[(u32, u32)], back: &[bool]) -> Self {
        let span = |l: &(u32, u32)| (ranks[l.1 as usize] - ranks[l.0 as usize] - 1).max(0) as usize;
        let own: usize = links.iter().map(span).sum();
        let few = own <= OWN_CHAINS * (ranks.len() + links.len());
        Self::with(
            ranks,
            links,
            back,
            if few { Chains::Own } else { Chains::Shared },
        )
    }

    fn with(ranks: &[i32], links: &[(u32, u32)], back: &[bool], kind: Chains) -> Self {
        let real = ranks.len();
        let mut rank: Vec<u32> = ranks.iter().map(|&r| r.max(0) as u32).collect();
        // chain of each port: the dummies on the ranks after it
        let mut chains: Vec<[Vec<u32>; 2]> = vec![[Vec::new(), Vec::new()]; real];
        let mut ways = Lists::default();
        for (l, &(a, b)) in links.iter().enumerate() {
            let chain = &mut chains[a as usize][usize::from(back[l])];
            if kind == Chains::Own {
                chain.clear();
            }
            let span = (rank[b as usize] - rank[a as usize]).saturating_sub(1) as usize;
            while chain.len() < span {
                let r = rank[a as usize] + chain.len() as u32 + 1;
                chain.push(rank.len() as u32);
                rank.push(r);
            }
            let between = chain[..span].iter().copied();
            ways.push(std::iter::once(a).chain(between).chain([b]));
        }
        Self::from_ways(real, rank, ways, back)
    }

    /// Layers from the ranks of all vertices and the ways of all links; the order is that of the vertex numbers.
    fn from_ways(real: usize, rank: Vec<u32>, ways: Lists<u32>, back: &[bool]) -> Self {
        let depth = rank.iter().copied().max().map_or(0, |r| r as usize + 1);
        let pieces = (ways.iter().zip(back))
            .flat_map(|(way, &back)| way.windows(2).map(move |p| (p[0], (p[1], back))));
        let mut pieces = Lists::new(rank.len(), pieces);
        let mut segments: Vec<Vec<Segment>> = vec![Vec::new(); depth];
        for (from, &r) in rank.iter().enumerate() {
            let range = pieces.range(from);
            let onwards = &mut pieces.items[range];
            onwards.sort_unstable();
            for same in onwards.chunk_by(|a, b| a == b) {
                segments[r as usize].push(Segment {
                    from: from as u32,
                    to: same[0].0,
                    weight: same.len() as u32,
                    back: same[0].1,
                });
            }
        }
        let all = || segments.iter().flatten();
        let tie = |vertex, weight| Tie { vertex, weight };
        let down = all().map(|s| (s.from, tie(s.to, s.weight)));
        let up = all().map(|s| (s.to, tie(s.from, s.weight)));
        let n = rank.len();
        let mut order = vec![Vec::new(); depth];
        for (v, &r) in rank.iter().enumerate() {
            order[r as usize].push(v as u32);
        }
        Self {
            real,
            up: Lists::new(n, up),
            down: Lists::new(n, down),
            order,
            rank,
            segments,
            ways,
        }
    }

    /// Joins dummies of one port that stand side by side after the same vertex: their links run as one line.
    /// The order stays, and so do the crossings.
    pub(super) fn merged(&self, back: &[bool]) -> Self {
        // the port that each dummy belongs to
        let mut port = vec![(u32::MAX, false); self.rank.len()];
        let mut before = vec![u32::MAX; self.rank.len()];
        for (l, way) in self.ways.iter().enumerate() {
            for p in way.windows(2) {
                if self.is_dummy(p[1]) {
                    port[p[1] as usize] = (way[0], back[l]);
                    before[p[1] as usize] = p[0];
                }
            }
        }
        // new number of each vertex; ranks are walked in order, so what stands before a dummy has its number
        let mut number: Vec<u32> = (0..self.rank.len() as u32).collect();
        let mut rank = self.rank[..self.real].to_vec();
        let mut order = Vec::with_capacity(self.order.len());
        for (r, layer) in self.order.iter().enumerate() {
            let mut kept: Vec<u32> = Vec::with_capacity(layer.len());
            // of the latest vertex: its port and what stands before it
            let mut last = None;
            for &v in layer {
                if !self.is_dummy(v) {
                    last = None;
                    kept.push(v);
                    continue;
                }
                let key = (port[v as usize], number[before[v as usize] as usize]);
                if last != Some(key) {
                    kept.push(rank.len() as u32);
                    rank.push(r as u32);
                    last = Some(key);
                }
                number[v as usize] = rank.len() as u32 - 1;
            }
            order.push(kept);
        }
        let mut ways = Lists::default();
        for way in self.ways.iter() {
            ways.push(way.iter().map(|&v| number[v as usize]));
        }
        let mut layers = Self::from_ways(self.real, rank, ways, back);
        layers.order = order;
        layers
    }

    pub(super) fn is_dummy(&self, v: u32) -> bool {
        v as usize >= self.real
    }
}
