//! The layered form of one component: every link cut into segments between neighbouring ranks.
//! Long links of one port share one chain of dummies, which branches as late as it can.

/// Boxes `0..real`, then dummies.
pub(super) struct Layers {
    pub real: usize,
    pub rank: Vec<u32>,
    /// Vertices of each rank, in order.
    pub order: Vec<Vec<u32>>,
    /// Place of each vertex in its rank.
    pub pos: Vec<u32>,
    pub up: Neighbours,
    pub down: Neighbours,
    /// Segments by the rank they start at.
    pub segments: Vec<Vec<Segment>>,
    /// For each link: its vertices from first to last rank.
    pub ways: Vec<Vec<u32>>,
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

/// Adjacency in one direction: (vertex, weight) of `v` are `items[start[v]..start[v + 1]]`.
pub(super) struct Neighbours {
    pub start: Vec<u32>,
    pub items: Vec<(u32, u32)>,
}

impl Neighbours {
    fn new(n: usize, pairs: &[(u32, u32, u32)]) -> Self {
        let mut start = vec![0u32; n + 1];
        for p in pairs {
            start[p.0 as usize + 1] += 1;
        }
        for v in 0..n {
            start[v + 1] += start[v];
        }
        let mut cursor = start.clone();
        let mut items = vec![(0, 0); pairs.len()];
        for &(a, b, w) in pairs {
            items[cursor[a as usize] as usize] = (b, w);
            cursor[a as usize] += 1;
        }
        Self { start, items }
    }

    pub(super) fn of(&self, v: u32) -> &[(u32, u32)] {
        &self.items[self.start[v as usize] as usize..self.start[v as usize + 1] as usize]
    }
}

impl Layers {
    /// `links` lead from lower to higher rank; `back[l]` says that link `l` was turned.
    pub(super) fn new(ranks: &[i32], links: &[(u32, u32)], back: &[bool]) -> Self {
        let real = ranks.len();
        let mut rank: Vec<u32> = ranks.iter().map(|&r| r.max(0) as u32).collect();
        let depth = rank.iter().copied().max().map_or(0, |r| r as usize + 1);
        // chain of each port: the dummies on the ranks after it
        let mut chains: Vec<[Vec<u32>; 2]> = vec![[Vec::new(), Vec::new()]; real];
        let mut ways = Vec::with_capacity(links.len());
        for (l, &(a, b)) in links.iter().enumerate() {
            let chain = &mut chains[a as usize][usize::from(back[l])];
            let span = (rank[b as usize] - rank[a as usize]).saturating_sub(1) as usize;
            while chain.len() < span {
                let r = rank[a as usize] + chain.len() as u32 + 1;
                chain.push(rank.len() as u32);
                rank.push(r);
            }
            let mut way = Vec::with_capacity(span + 2);
            way.push(a);
            way.extend_from_slice(&chain[..span]);
            way.push(b);
            ways.push(way);
        }
        let mut pieces: Vec<(u32, u32, bool)> = Vec::new();
        for (l, way) in ways.iter().enumerate() {
            pieces.extend(way.windows(2).map(|p| (p[0], p[1], back[l])));
        }
        pieces.sort_unstable();
        let mut segments: Vec<Vec<Segment>> = vec![Vec::new(); depth];
        for same in pieces.chunk_by(|a, b| a == b) {
            let (from, to, back) = same[0];
            segments[rank[from as usize] as usize].push(Segment {
                from,
                to,
                weight: same.len() as u32,
                back,
            });
        }
        let all = || segments.iter().flatten();
        let down: Vec<_> = all().map(|s| (s.from, s.to, s.weight)).collect();
        let up: Vec<_> = all().map(|s| (s.to, s.from, s.weight)).collect();
        let n = rank.len();
        let mut order = vec![Vec::new(); depth];
        for (v, &r) in rank.iter().enumerate() {
            order[r as usize].push(v as u32);
        }
        let mut layers = Self {
            real,
            up: Neighbours::new(n, &up),
            down: Neighbours::new(n, &down),
            order,
            pos: vec![0; n],
            rank,
            segments,
            ways,
        };
        layers.number();
        layers
    }

    pub(super) fn is_dummy(&self, v: u32) -> bool {
        v as usize >= self.real
    }

    /// Sets `pos` from `order`.
    pub(super) fn number(&mut self) {
        for layer in &self.order {
            for (i, &v) in layer.iter().enumerate() {
                self.pos[v as usize] = i as u32;
            }
        }
    }
}
