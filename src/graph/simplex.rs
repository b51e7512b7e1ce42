//! Network simplex for ranks (Gansner, Koutsofios, North, Vo: A technique for drawing directed graphs, 1993, section 2):
//! a spanning tree of tight links is exchanged link by link while some cut value is negative.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

const NONE: u32 = u32::MAX;

/// Links that are looked at together.
const STRIDE: usize = 32;

struct Simplex<'a> {
    links: &'a [(u32, u32)],
    rank: Vec<i32>,
    /// All links at each vertex: `at[at_start[v]..at_start[v + 1]]`.
    at_start: Vec<u32>,
    at: Vec<u32>,
    in_tree: Vec<bool>,
    /// Tree links at each vertex, and the vertex at their other end.
    tree: Vec<Vec<(u32, u32)>>,
    /// The tree link towards the root, and how many there are on the way.
    parent: Vec<u32>,
    depth: Vec<u32>,
    cut: Vec<i32>,
    /// The side of the leaving link that is away from the root: its vertices from there on, and a mark on each.
    side: Vec<u32>,
    marked: Vec<bool>,
    /// Vertices yet to be walked.
    open: Vec<u32>,
}

/// Shortens links in sum from a feasible ranking of one connected DAG, at most `bound` exchanges.
pub(super) fn improve(
    n: usize,
    links: &[(u32, u32)],
    rank: Vec<i32>,
    bound: usize,
    cancelled: &dyn Fn() -> bool,
) -> Option<Vec<i32>> {
    if n < 3 || links.len() + 1 < n {
        return Some(rank);
    }
    let mut s = Simplex::new(n, links, rank);
    if !s.tight_tree() {
        return Some(s.rank);
    }
    s.hang(0, NONE, 0);
    let middle = s.middle();
    s.hang(middle, NONE, 0);
    s.first_cuts();
    let mut from = 0;
    for step in 0..bound {
        if step % 64 == 0 && cancelled() {
            return None;
        }
        let Some(leaving) = s.leaving(&mut from) else {
            break;
        };
        let out = s.part(leaving);
        let Some(entering) = s.entering(out) else {
            break;
        };
        s.exchange(leaving, entering, out);
    }
    Some(s.rank)
}

impl<'a> Simplex<'a> {
    fn new(n: usize, links: &'a [(u32, u32)], rank: Vec<i32>) -> Self {
        let mut at_start = vec![0u32; n + 1];
        for &(a, b) in links {
            at_start[a as usize + 1] += 1;
            at_start[b as usize + 1] += 1;
        }
        for v in 0..n {
            at_start[v + 1] += at_start[v];
        }
        let mut cursor = at_start.clone();
        let mut at = vec![0u32; links.len() * 2];
        for (l, &(a, b)) in links.iter().enumerate() {
            for v in [a, b] {
                at[cursor[v as usize] as usize] = l as u32;
                cursor[v as usize] += 1;
            }
        }
        Self {
            links,
            rank,
            at_start,
            at,
            in_tree: vec![false; links.len()],
            tree: vec![Vec::new(); n],
            parent: vec![NONE; n],
            depth: vec![0; n],
            cut: vec![0; links.len()],
            side: Vec::new(),
            marked: vec![false; n],
            open: Vec::new(),
        }
    }

    fn slack(&self, l: u32) -> i32 {
        let (a, b) = self.links[l as usize];
        self.rank[b as usize] - self.rank[a as usize] - 1
    }

    fn links_at(&self, v: usize) -> std::ops::Range<usize> {
        self.at_start[v] as usize..self.at_start[v + 1] as usize
    }

    fn other(&self, l: u32, v: u32) -> u32 {
        let (a, b) = self.links[l as usize];
        if a == v { b } else { a }
    }

    /// Grows one tree of tight links from vertex 0; the whole tree slides when no tight link leaves it.
    /// False if the graph is not connected.
    fn tight_tree(&mut self) -> bool {
        let n = self.rank.len();
        let mut inside = vec![false; n];
        // links out of the tree, and links into it, each with its slack as if the tree had not slid
        let mut out: BinaryHeap<Reverse<(i32, u32)>> = BinaryHeap::new();
        let mut into: BinaryHeap<Reverse<(i32, u32)>> = BinaryHeap::new();
        let mut slid = 0;
        let mut newest = 0u32;
        let mut count = 0;
        loop {
            inside[newest as usize] = true;
            // inside the tree ranks are kept without the slide, which is added at the end
            self.rank[newest as usize] -= slid;
            count += 1;
            if count == n {
                break;
            }
            for i in self.links_at(newest as usize) {
                let l = self.at[i];
                let (a, b) = self.links[l as usize];
                let o = self.other(l, newest);
                if inside[o as usize] {
                    continue;
                }
                if a == newest {
                    out.push(Reverse((
                        self.rank[b as usize] - self.rank[a as usize] - 1,
                        l,
                    )));
                } else {
                    into.push(Reverse((
                        self.rank[b as usize] - self.rank[a as usize] - 1,
                        l,
                    )));
                }
            }
            let stale = |s: &Self, l: u32, inside: &[bool]| {
                let (a, b) = s.links[l as usize];
                inside[a as usize] && inside[b as usize]
            };
            while out.peek().is_some_and(|r| stale(self, r.0.1, &inside)) {
                out.pop();
            }
            while into.peek().is_some_and(|r| stale(self, r.0.1, &inside)) {
                into.pop();
            }
            // slack now: out shrinks with the slide, into grows
            let o = out.peek().map(|r| (r.0.0 - slid, r.0.1));
            let i = into.peek().map(|r| (r.0.0 + slid, r.0.1));
            let (l, slide) = match (o, i) {
                (Some((so, l)), Some((si, _))) if so <= si => (l, so),
                (_, Some((si, l))) => (l, -si),
                (Some((so, l)), None) => (l, so),
                (None, None) => break,
            };
            slid += slide;
            let (a, b) = self.links[l as usize];
            newest = if inside[a as usize] { b } else { a };
            self.in_tree[l as usize] = true;
            self.tree[a as usize].push((l, b));
            self.tree[b as usize].push((l, a));
        }
        for (v, r) in self.rank.iter_mut().enumerate() {
            if inside[v] {
                *r += slid;
            }
        }
        count == n
    }

    /// Hangs what is below `root` up anew, `parent` being its link upwards; leaves all of it in `side`.
    fn hang(&mut self, root: u32, parent: u32, depth: u32) {
        self.parent[root as usize] = parent;
        self.depth[root as usize] = depth;
        self.side.clear();
        self.open.push(root);
        while let Some(v) = self.open.pop() {
            self.side.push(v);
            for &(l, w) in &self.tree[v as usize] {
                if l != self.parent[v as usize] {
                    self.parent[w as usize] = l;
                    self.depth[w as usize] = self.depth[v as usize] + 1;
                    self.open.push(w);
                }
            }
        }
    }

    /// A vertex without which no piece of the tree has more than half of all: as the root it keeps subtrees small.
    fn middle(&self) -> u32 {
        let mut size = vec![1u32; self.rank.len()];
        for &v in self.side.iter().rev() {
            if size[v as usize] * 2 > self.rank.len() as u32 {
                return v;
            }
            let p = self.parent[v as usize];
            if p != NONE {
                size[self.other(p, v) as usize] += size[v as usize];
            }
        }
        0
    }

    fn first_cuts(&mut self) {
        for i in (0..self.side.len()).rev() {
            let v = self.side[i];
            let p = self.parent[v as usize];
            if p == NONE {
                continue;
            }
            // v is the lower end of p and all links below it have their cuts
            let down = self.links[p as usize].1 == v;
            let mut sum = 1;
            for k in self.links_at(v as usize) {
                let l = self.at[k];
                if l == p {
                    continue;
                }
                let along = (self.links[l as usize].1 == v) == down;
                // a link of the other direction than p's at v counts against it
                let sign = if along { 1 } else { -1 };
                let c = if self.in_tree[l as usize] {
                    1 - self.cut[l as usize]
                } else {
                    1
                };
                sum += sign * c;
            }
            self.cut[p as usize] = sum;
        }
    }

    /// A tree link with a negative cut value, the worst of the next few.
    fn leaving(&self, from: &mut usize) -> Option<u32> {
        let mut best: Option<(i32, usize)> = None;
        let mut seen = 0;
        // links outside of the tree have the value 0
        for range in [*from..self.cut.len(), 0..*from] {
            for first in range.clone().step_by(STRIDE) {
                let some = first..range.end.min(first + STRIDE);
                // most are not negative: a look at many at once
                if self.cut[some.clone()].iter().fold(0, |m, &c| m.min(c)) == 0 {
                    continue;
                }
                for l in some.filter(|&l| self.cut[l] < 0) {
                    if best.is_none_or(|b| self.cut[l] < b.0) {
                        best = Some((self.cut[l], l));
                    }
                    seen += 1;
                    if seen >= 30 {
                        *from = l + 1;
                        return best.map(|b| b.1 as u32);
                    }
                }
            }
        }
        best.map(|b| b.1 as u32)
    }

    /// Collects the side of a tree link that is away from the root; says whether the link leads out of it.
    fn part(&mut self, leaving: u32) -> bool {
        let (tail, head) = self.links[leaving as usize];
        let out = self.parent[tail as usize] == leaving;
        self.side.clear();
        self.open.push(if out { tail } else { head });
        while let Some(v) = self.open.pop() {
            self.side.push(v);
            self.marked[v as usize] = true;
            let below = (self.tree[v as usize].iter()).filter(|t| t.0 != self.parent[v as usize]);
            self.open.extend(below.map(|t| t.1));
        }
        out
    }

    /// The link with the least slack that leads from one side to the other against the leaving one. Among several
    /// the one furthest from the root: it moves least, and the ranking stays nearer to the given one.
    fn entering(&self, out: bool) -> Option<u32> {
        let mut best: Option<(i32, u32)> = None;
        for &u in self.side.iter().rev() {
            for k in self.links_at(u as usize) {
                let l = self.at[k];
                let (a, b) = self.links[l as usize];
                let (inner, outer) = if out { (b, a) } else { (a, b) };
                if inner != u || self.marked[outer as usize] {
                    continue;
                }
                let s = self.slack(l);
                if s == 0 {
                    return Some(l);
                }
                if best.is_none_or(|(bs, _)| s < bs) {
                    best = Some((s, l));
                }
            }
        }
        best.map(|b| b.1)
    }

    /// Puts `entering` in the place of `leaving`; `side` is what `part` said.
    fn exchange(&mut self, leaving: u32, entering: u32, out: bool) {
        let slack = self.slack(entering);
        let shift = if out { -slack } else { slack };
        for &u in &self.side {
            self.rank[u as usize] += shift;
            self.marked[u as usize] = false;
        }
        let (from, to) = self.links[entering as usize];
        let value = self.cut[leaving as usize];
        self.update_cuts(from, to, value);
        self.cut[entering as usize] = -value;
        self.cut[leaving as usize] = 0;
        self.in_tree[leaving as usize] = false;
        self.in_tree[entering as usize] = true;
        let (tail, head) = self.links[leaving as usize];
        for w in [tail, head] {
            self.tree[w as usize].retain(|t| t.0 != leaving);
        }
        for (w, other) in [(from, to), (to, from)] {
            self.tree[w as usize].push((entering, other));
        }
        let (inner, outer) = if out { (to, from) } else { (from, to) };
        self.hang(inner, entering, self.depth[outer as usize] + 1);
    }

    /// Changes cut values on the way through the tree between the ends of the entering link.
    fn update_cuts(&mut self, mut from: u32, mut to: u32, value: i32) {
        while from != to {
            // the deeper end goes up; against the way of the entering link it loses what the other one gains
            let up_from = self.depth[from as usize] >= self.depth[to as usize];
            let v = if up_from { from } else { to };
            let p = self.parent[v as usize];
            if p == NONE {
                break;
            }
            let along = (self.links[p as usize].0 == v) == up_from;
            self.cut[p as usize] += if along { value } else { -value };
            let above = self.other(p, v);
            if up_from {
                from = above;
            } else {
                to = above;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn length(links: &[(u32, u32)], rank: &[i32]) -> i32 {
        links
            .iter()
            .map(|&(a, b)| rank[b as usize] - rank[a as usize])
            .sum()
    }

    /// The optimum of the linear programme by trying every ranking of a small graph.
    fn brute(n: usize, links: &[(u32, u32)]) -> i32 {
        let mut best = i32::MAX;
        let total = (n as u32).pow(n as u32);
        for code in 0..total {
            let mut c = code;
            let rank: Vec<i32> = (0..n)
                .map(|_| {
                    let r = (c % n as u32) as i32;
                    c /= n as u32;
                    r
                })
                .collect();
            if links
                .iter()
                .all(|&(a, b)| rank[b as usize] > rank[a as usize])
            {
                best = best.min(length(links, &rank));
            }
        }
        best
    }

    #[test]
    fn reaches_the_optimum_on_small_graphs() {
        let mut seed = 7u64;
        let mut random = move |n: u64| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        for _ in 0..150 {
            let n = 4 + random(3) as usize;
            let mut links: Vec<(u32, u32)> = (1..n as u32)
                .map(|b| (random(u64::from(b)) as u32, b))
                .collect();
            for _ in 0..random(6) {
                let (a, b) = (random(n as u64) as u32, random(n as u64) as u32);
                if a != b && !links.contains(&(a.min(b), a.max(b))) {
                    links.push((a.min(b), a.max(b)));
                }
            }
            // the identity is a feasible start
            let start: Vec<i32> = (0..n as i32).collect();
            let rank = improve(n, &links, start, 1000, &|| false).unwrap();
            assert!(
                links
                    .iter()
                    .all(|&(a, b)| rank[b as usize] > rank[a as usize])
            );
            assert_eq!(
                length(&links, &rank),
                brute(n, &links),
                "{links:?} {rank:?}"
            );
        }
    }
}
