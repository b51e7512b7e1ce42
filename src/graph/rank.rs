//! Ranks: how far along the flow each box stands, so that links are short in sum.

use super::lists::Lists;
use super::simplex;

/// Up to this many boxes the exact method is tried; beyond it, or when its bound is hit, what it reached is kept.
const EXACT: usize = 3000;

/// Ranks from 0, every link (a DAG, all in one component) leads to a higher rank.
pub(super) fn ranks(
    n: usize,
    links: &[(u32, u32)],
    cancelled: &dyn Fn() -> bool,
) -> Option<Vec<i32>> {
    let dag = Dag::new(n, links);
    let mut rank = longest_path(&dag);
    if links.is_empty() {
        return Some(rank);
    }
    tighten(&dag, &mut rank);
    if n <= EXACT {
        rank = simplex::improve(n, links, rank, 40 * n + 2000, cancelled)?;
    }
    let low = rank.iter().copied().min().unwrap_or(0);
    rank.iter_mut().for_each(|r| *r -= low);
    balance(&dag, &mut rank);
    Some(rank)
}

/// Neighbour lists of a DAG and an order in which every link leads forward.
struct Dag {
    order: Vec<u32>,
    out: Lists<u32>,
    into: Lists<u32>,
}

impl Dag {
    fn new(n: usize, links: &[(u32, u32)]) -> Self {
        let out = Lists::new(n, links.iter().copied());
        let into = Lists::new(n, links.iter().map(|&(a, b)| (b, a)));
        let mut missing: Vec<usize> = (0..n).map(|v| into.of(v).len()).collect();
        let mut order: Vec<u32> = (0..n as u32)
            .filter(|&v| missing[v as usize] == 0)
            .collect();
        let mut done = 0;
        while let Some(&v) = order.get(done) {
            done += 1;
            for &w in out.of(v as usize) {
                missing[w as usize] -= 1;
                if missing[w as usize] == 0 {
                    order.push(w);
                }
            }
        }
        Self { order, out, into }
    }

    fn after(&self, v: usize) -> &[u32] {
        self.out.of(v)
    }

    fn before(&self, v: usize) -> &[u32] {
        self.into.of(v)
    }
}

fn longest_path(dag: &Dag) -> Vec<i32> {
    let mut rank = vec![0i32; dag.order.len()];
    for &v in &dag.order {
        let v = v as usize;
        for &w in dag.after(v) {
            rank[w as usize] = rank[w as usize].max(rank[v] + 1);
        }
    }
    rank
}

/// Pulls each box along its slack to the side on which it has more links, until nothing moves.
fn tighten(dag: &Dag, rank: &mut [i32]) {
    for _ in 0..8 {
        let mut moved = false;
        for &v in dag.order.iter().rev() {
            let v = v as usize;
            let (ins, outs) = (dag.before(v), dag.after(v));
            let low = ins.iter().map(|&u| rank[u as usize] + 1).max();
            let high = outs.iter().map(|&w| rank[w as usize] - 1).min();
            let to = match (low, high) {
                (_, Some(h)) if outs.len() > ins.len() => h,
                (Some(l), _) if ins.len() > outs.len() => l,
                _ => continue,
            };
            moved |= to != rank[v];
            rank[v] = to;
        }
        if !moved {
            break;
        }
    }
}

/// A box that may stand on several ranks at the same cost goes to the emptiest one: that keeps the drawing flat.
fn balance(dag: &Dag, rank: &mut [i32]) {
    let top = rank.iter().copied().max().unwrap_or(0);
    let mut filled = vec![0u32; top as usize + 1];
    rank.iter().for_each(|&r| filled[r as usize] += 1);
    for &v in &dag.order {
        let v = v as usize;
        let (ins, outs) = (dag.before(v), dag.after(v));
        if ins.len() != outs.len() {
            continue;
        }
        let low = ins.iter().map(|&u| rank[u as usize] + 1).max().unwrap_or(0);
        let high = outs
            .iter()
            .map(|&w| rank[w as usize] - 1)
            .min()
            .unwrap_or(top);
        let best = (low..=high).min_by_key(|&r| (filled[r as usize], (r - rank[v]).abs()));
        if let Some(r) = best.filter(|&r| filled[r as usize] + 1 < filled[rank[v] as usize]) {
            filled[rank[v] as usize] -= 1;
            filled[r as usize] += 1;
            rank[v] = r;
        }
    }
}
