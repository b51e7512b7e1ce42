//! Orders that hold on to something: boxes of an earlier order keep it, lines of one port run side by side.

use super::sheet::Sheet;
use super::start;
use super::sweep::median_of;

/// Places over which a line is moved to its kin.
const NEAR: usize = 40;

/// Keeps boxes of an earlier order in that order and works the new ones and the lines in between them.
/// `known` is the earlier place of each vertex.
pub(super) fn keep(
    sheet: &mut Sheet,
    known: &[Option<u32>],
    cancelled: &dyn Fn() -> bool,
) -> Option<u64> {
    start::walk(sheet, true);
    let depth = sheet.depth();
    for r in 0..depth {
        let slots = sheet.slots(r);
        let mut old: Vec<(u32, u32)> = sheet.order[slots.clone()]
            .iter()
            .filter_map(|&v| known[v as usize].map(|p| (p, v)))
            .collect();
        old.sort_unstable();
        let mut old = old.into_iter();
        for i in slots {
            if known[sheet.order[i] as usize].is_some()
                && let Some((_, v)) = old.next()
            {
                sheet.order[i] = v;
            }
        }
    }
    sheet.number(0..sheet.order.len());
    for round in 0..6 {
        if cancelled() {
            return None;
        }
        for k in 0..depth {
            let down = round % 2 == 0;
            let r = if down { k } else { depth - 1 - k };
            insert_new(sheet, r, down, known);
        }
        for r in (0..depth).chain(0..depth) {
            for i in sheet.slots(r).skip(1) {
                let (u, v) = (sheet.order[i - 1], sheet.order[i]);
                let free = known[u as usize].is_none() || known[v as usize].is_none();
                if free && sheet.delta(u, v) < 0 {
                    sheet.swap(i - 1);
                }
            }
        }
    }
    Some(sheet.count())
}

/// Puts vertices without an earlier place where their neighbours' median says, between those with one.
fn insert_new(sheet: &mut Sheet, r: usize, down: bool, known: &[Option<u32>]) {
    let side = if down { &sheet.up } else { &sheet.down };
    let mut ends = Vec::new();
    let (mut old, mut new) = (Vec::new(), Vec::new());
    let mut high = f32::MIN;
    for &v in &sheet.order[sheet.slots(r)] {
        let key = median_of(side, v, &sheet.slot, &mut ends);
        if known[v as usize].is_some() {
            // old ones keep their order: their keys may only grow
            high = key.map_or(high, |k| high.max(k));
            old.push((high, v));
        } else {
            new.push((key.unwrap_or(sheet.slot[v as usize] as f32), v));
        }
    }
    new.sort_by(|a: &(f32, u32), b| a.0.total_cmp(&b.0));
    let mut merged = Vec::with_capacity(old.len() + new.len());
    let mut news = new.into_iter().peekable();
    for (k, v) in old {
        while let Some((_, n)) = news.next_if(|n| n.0 < k) {
            merged.push(n);
        }
        merged.push(v);
    }
    merged.extend(news.map(|n| n.1));
    let slots = sheet.slots(r);
    sheet.order[slots.clone()].copy_from_slice(&merged);
    sheet.number(slots);
}

/// Lets boxes that stand side by side, and may as well stand the other way round, stand in the order of their names.
/// `real` boxes are named before all dummies.
pub(super) fn by_name(sheet: &mut Sheet, real: u32) {
    for r in 0..sheet.depth() {
        for i in sheet.slots(r).skip(1) {
            let (u, v) = (sheet.order[i - 1], sheet.order[i]);
            let boxes = sheet.name[u as usize] < real && sheet.name[v as usize] < real;
            if u > v && boxes && sheet.delta(u, v) == 0 {
                sheet.swap(i - 1);
            }
        }
    }
}

/// Moves dummies that come from one vertex side by side where that costs no crossing.
pub(super) fn gather(sheet: &mut Sheet, is_dummy: &dyn Fn(u32) -> bool) {
    // the latest dummy of each vertex on the rank before
    let mut last: Vec<Option<u32>> = vec![None; sheet.order.len()];
    for i in 0..sheet.order.len() {
        let v = sheet.order[i];
        let Some(&(from, _)) = sheet.up.of(v).first().filter(|_| is_dummy(v)) else {
            continue;
        };
        let kin = last[from as usize].replace(v);
        let Some(at) = kin.map(|k| sheet.slot[k as usize] as usize) else {
            continue;
        };
        if i - at > 1 && i - at < NEAR {
            let cost: i64 = (at + 1..i).map(|k| sheet.delta(sheet.order[k], v)).sum();
            if cost <= 0 {
                sheet.order[at + 1..=i].rotate_right(1);
                sheet.number(at + 1..i + 1);
            }
        }
    }
}
