//! Ways down the hill: median sweeps, exchanges of neighbours, and moves of single vertices to their best place.

use super::sheet::{Ends, Sheet, Ties};

/// Places to each side that sifting tries, unless it has become so much worse on the way.
const WINDOW: usize = 100;
const STEEP: i64 = 4;

/// At most so many median sweeps down and up, with exchanges; leaves the best order in place and says its crossings.
pub(super) fn sweeps(sheet: &mut Sheet, most: usize, cancelled: &dyn Fn() -> bool) -> Option<u64> {
    let mut best = sheet.count();
    let mut kept = sheet.order.clone();
    let depth = sheet.depth();
    let mut keys = Vec::new();
    for sweep in 0..most {
        if best == 0 {
            break;
        }
        if cancelled() {
            return None;
        }
        let down = sweep % 2 == 0;
        let flip = sweep % 4 >= 2;
        for k in 1..depth {
            let r = if down { k } else { depth - 1 - k };
            median(sheet, r, down, flip, &mut keys);
        }
        exchange(sheet, !flip);
        let now = sheet.count();
        if now < best {
            best = now;
            kept.copy_from_slice(&sheet.order);
        }
    }
    sheet.set(&kept);
    Some(best)
}

/// Sorts rank `r` by the medians of the neighbours on the side the sweep comes from; what has none there stays.
fn median(sheet: &mut Sheet, r: usize, down: bool, flip: bool, keys: &mut Vec<(f32, u32)>) {
    let slots = sheet.slots(r);
    let ties = if down { &sheet.up } else { &sheet.down };
    keys.clear();
    let mut ends = Vec::new();
    for &v in &sheet.order[slots.clone()] {
        if let Some(m) = median_of(ties, v, &sheet.slot, &mut ends) {
            keys.push((m, v));
        }
    }
    if flip {
        keys.reverse();
    }
    keys.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut sorted = keys.iter();
    for i in slots.clone() {
        if ties.degree(sheet.order[i]) > 0
            && let Some(&(_, v)) = sorted.next()
        {
            sheet.order[i] = v;
        }
    }
    sheet.number(slots);
}

/// The weighted median of Gansner et al.: between the two middle ones, nearer to the denser side.
pub(super) fn median_of(ties: &Ties, v: u32, slot: &[u32], ends: &mut Vec<u32>) -> Option<f32> {
    let to = ties.of(v);
    let at = |w: u32| slot[w as usize] as f32;
    match *to {
        [] => return None,
        [(a, _)] => return Some(at(a)),
        [(a, _), (b, _)] => return Some((at(a) + at(b)) / 2.0),
        _ => {}
    }
    ends.clear();
    ends.extend(to.iter().map(|t| slot[t.0 as usize]));
    ends.sort_unstable();
    let (n, m) = (ends.len(), ends.len() / 2);
    let at = |i: usize| ends[i] as f32;
    if n % 2 == 1 {
        return Some(at(m));
    }
    let (left, right) = (at(m - 1) - at(0), at(n - 1) - at(m));
    Some(if left + right == 0.0 {
        (at(m - 1) + at(m)) / 2.0
    } else {
        (at(m - 1) * right + at(m) * left) / (left + right)
    })
}

/// Exchanges neighbours where that saves crossings; with `ties` also where it costs nothing, which opens ways that
/// savings alone do not find.
fn exchange(sheet: &mut Sheet, ties: bool) {
    for r in 0..sheet.depth() {
        for i in sheet.slots(r).skip(1) {
            let d = sheet.delta(sheet.order[i - 1], sheet.order[i]);
            if d < 0 || (ties && d == 0) {
                sheet.swap(i - 1);
            }
        }
    }
}

/// Moves single vertices to the best place near them until that gains no more or the work is used up.
pub(super) fn sift(sheet: &mut Sheet, limit: u64, cancelled: &dyn Fn() -> bool) -> Option<i64> {
    let depth = sheet.depth();
    let mut dirty = vec![true; depth];
    let mut sum = 0;
    let mut members = Vec::new();
    let mut ends = Ends::default();
    for round in 0..20 {
        let before = sum;
        for k in 0..depth {
            let r = if round % 2 == 0 { k } else { depth - 1 - k };
            if !std::mem::replace(&mut dirty[r], false) {
                continue;
            }
            if cancelled() {
                return None;
            }
            members.clear();
            members.extend_from_slice(&sheet.order[sheet.slots(r)]);
            ends.gather(sheet, r);
            let mut gained = 0;
            for &v in &members {
                if sheet.work >= limit {
                    return Some(sum + gained);
                }
                gained += sift_one(sheet, &ends, v, r);
            }
            sum += gained;
            if gained < 0 {
                mark(&mut dirty, r);
            }
        }
        if sum == before {
            break;
        }
    }
    Some(sum)
}

fn mark(dirty: &mut [bool], r: usize) {
    for q in [r.wrapping_sub(1), r, r + 1] {
        if let Some(d) = dirty.get_mut(q) {
            *d = true;
        }
    }
}

/// Moves `v` to its best place within the window, and says the change of crossings.
fn sift_one(sheet: &mut Sheet, ends: &Ends, v: u32, r: usize) -> i64 {
    let slots = sheet.slots(r);
    let at = sheet.slot[v as usize] as usize;
    let mut best = (0, at);
    let mut sum = 0;
    for k in (slots.start.max(at.saturating_sub(WINDOW))..at).rev() {
        let (change, work) = ends.delta(sheet.order[k], v);
        sheet.work += work;
        sum += change;
        if sum < best.0 {
            best = (sum, k);
        } else if sum > STEEP {
            break;
        }
    }
    sum = 0;
    for k in at + 1..slots.end.min(at + 1 + WINDOW) {
        let (change, work) = ends.delta(v, sheet.order[k]);
        sheet.work += work;
        sum += change;
        if sum < best.0 {
            best = (sum, k);
        } else if sum > STEEP {
            break;
        }
    }
    let to = best.1;
    if to < at {
        sheet.order[to..=at].rotate_right(1);
        sheet.number(to..at + 1);
    } else if to > at {
        sheet.order[at..=to].rotate_left(1);
        sheet.number(at..to + 1);
    }
    best.0
}
