//! The order within each rank. First orders of several kinds are swept; the best is annealed and sifted.
//! Work is counted in steps, not in time, so the same graph always gets the same order.

use super::anneal::anneal;
use super::keep;
use super::layers::Layers;
use super::sheet::Sheet;
use super::start;
use super::sweep::{exchange, sift, sweeps};

/// Orders all ranks. `prior` gives the place in an earlier order to boxes that had one.
pub(super) fn arrange(
    layers: &mut Layers,
    prior: &[Option<u32>],
    cancelled: &dyn Fn() -> bool,
) -> Option<u64> {
    let mut sheet = Sheet::new(layers);
    if layers.order.len() < 2 {
        return Some(0);
    }
    let crossings = if prior.iter().any(Option::is_some) {
        let known: Vec<Option<u32>> = (sheet.name.iter())
            .map(|&v| prior.get(v as usize).copied().flatten())
            .collect();
        keep::keep(&mut sheet, &known, cancelled)?
    } else {
        search(&mut sheet, cancelled)?
    };
    let name = sheet.name.clone();
    keep::gather(&mut sheet, &|v| layers.is_dummy(name[v as usize]));
    sheet.write(layers);
    Some(crossings)
}

/// Work, for each vertex and segment, that each first order may be swept, that annealing, that sifting and that the
/// last settling may use.
const SWEEP: u64 = 30;
const ANNEAL: u64 = 170;
const SIFT: u64 = 90;
const SETTLE: u64 = 100;
/// Work of annealing up to which small graphs are tried over and over.
const SMALL: u64 = 1_000_000;
const TRIES: u64 = 8;
/// Tries without a gain after which no more are made.
const PATIENCE: u64 = 3;
/// Crossings for each segment from which on less work is done: no order makes such a drawing easy to read.
const DENSE: u64 = 2;

/// The best order found from the beginning, and its crossings.
fn search(sheet: &mut Sheet, cancelled: &dyn Fn() -> bool) -> Option<u64> {
    let size = sheet.size();
    let tries = (SMALL / (ANNEAL * size).max(1)).clamp(1, TRIES);
    let mut firsts = if tries > 1 {
        swept_firsts(sheet, cancelled)?
    } else {
        vec![smooth_first(sheet, cancelled)?]
    };
    firsts.sort_by_key(|f| f.0);
    let mut best = firsts.first()?.clone();
    let share = worth(sheet, best.0);
    let each = (share(ANNEAL * size)).max(SMALL / TRIES);
    let mut gained = 0;
    for (seed, first) in (1..=tries).zip(firsts.iter().cycle()) {
        if best.0 == 0 || seed > gained + PATIENCE {
            break;
        }
        sheet.set(&first.1);
        let mut crossings = first.0 as i64;
        crossings += anneal(sheet, seed, each, cancelled)?;
        let limit = sheet.work + share(SIFT * size);
        crossings += exchange(sheet, false, 40, limit, cancelled)?;
        crossings += sift(sheet, limit, cancelled)?;
        let crossings = u64::try_from(crossings).unwrap_or(0);
        if crossings < best.0 {
            best = (crossings, sheet.order.clone());
            gained = seed;
        }
    }
    sheet.set(&best.1);
    sheet.upright();
    Some(best.0)
}

/// The part of a piece of work that is worth doing.
fn worth(sheet: &Sheet, crossings: u64) -> impl Fn(u64) -> u64 + use<> {
    let bearable = DENSE * sheet.segments();
    move |work| work * bearable / crossings.max(bearable).max(1)
}

/// An order and its crossings.
type First = (u64, Vec<u32>);

/// First orders of all kinds, each swept; only the last one if it has no crossings.
fn swept_firsts(sheet: &mut Sheet, cancelled: &dyn Fn() -> bool) -> Option<Vec<First>> {
    let mut firsts = Vec::new();
    for from_top in [true, false] {
        for smooth in [false, true] {
            start::walk(sheet, from_top);
            if smooth {
                start::smooth(sheet, from_top, cancelled)?;
            }
            let limit = sheet.work + SWEEP * sheet.size();
            let crossings = sweeps(sheet, limit, cancelled)?;
            firsts.push((crossings, sheet.order.clone()));
            if crossings == 0 {
                return Some(vec![(0, sheet.order.clone())]);
            }
        }
    }
    Some(firsts)
}

/// The best of the smooth first orders, swept; a walk if that needs no more work.
fn smooth_first(sheet: &mut Sheet, cancelled: &dyn Fn() -> bool) -> Option<First> {
    start::walk(sheet, true);
    if sheet.count() == 0 {
        return Some((0, sheet.order.clone()));
    }
    start::smooth(sheet, true, cancelled)?;
    let level = (sheet.count(), sheet.order.clone());
    start::walk(sheet, false);
    start::smooth(sheet, false, cancelled)?;
    if level.0 < sheet.count() {
        sheet.set(&level.1);
    }
    let crossings = sweeps(sheet, sheet.work + SWEEP * sheet.size(), cancelled)?;
    Some((crossings, sheet.order.clone()))
}

/// Settles an order that is already good.
pub(super) fn polish(layers: &mut Layers, cancelled: &dyn Fn() -> bool) -> Option<u64> {
    let mut sheet = Sheet::new(layers);
    let mut crossings = sheet.count();
    let limit = worth(&sheet, crossings)(SETTLE * sheet.size());
    let change = sift(&mut sheet, limit, cancelled)?;
    crossings = crossings.saturating_add_signed(change);
    sheet.write(layers);
    Some(crossings)
}
