//! The order within each rank. First orders of several kinds are swept; the best is annealed and sifted.
//! Work is counted in steps, not in time, so the same graph always gets the same order.

use super::anneal::anneal;
use super::keep;
use super::layers::Layers;
use super::sheet::Sheet;
use super::start;
use super::sweep::{sift, sweeps};

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

/// Work, for each vertex and segment, that each first order may be swept, that it may be swept between two smoothings,
/// that annealing, that sifting and that the last settling may use.
const SWEEP: u64 = 30;
const STIR: u64 = 10;
const ANNEAL: u64 = 170;
const SIFT: u64 = 90;
const SETTLE: u64 = 60;
/// Temperatures at which annealing begins: from an order of whatever kind, and from one that was annealed before.
const HOT: f64 = 1.5;
const WARM: f64 = 0.8;
/// Work that is always spent on annealing, as long as it is no more than so much for each vertex and segment.
const SMALL: u64 = 750_000;
const MOST: u64 = 3_000;
/// Up to so many vertices and segments two smooth first orders are swept, the better one is taken.
const MIDDLE: u64 = 6_000;
/// First orders that are tried where there is more than twice the usual work, each with a part of it.
const TRIES: u64 = 4;
const PART: u64 = 8;
/// Times that the best of them is annealed, each from what is the best by then.
const ROUNDS: u64 = 2;
/// Crossings for each segment from which on less work is done: no order makes such a drawing easy to read.
const DENSE: u64 = 2;

/// The best order found from the beginning, and its crossings.
fn search(sheet: &mut Sheet, cancelled: &dyn Fn() -> bool) -> Option<u64> {
    let size = sheet.size();
    let effort = (SMALL / size.max(1)).clamp(ANNEAL, MOST);
    let small = effort > 2 * ANNEAL;
    let mut firsts = if small {
        swept_firsts(sheet, cancelled)?
    } else {
        vec![smooth_first(sheet, cancelled)?]
    };
    firsts.sort_by_key(|f| f.0);
    let mut best = firsts.first()?.clone();
    let share = worth(sheet, best.0);
    // where crossings abound, annealing gains less than sifting
    let mut left = share(share(effort * size));
    let sifting = share(SIFT * size);
    if small {
        let part = left / PART;
        for (seed, first) in (1..=TRIES).zip(&firsts) {
            let tried = improve(sheet, first, (seed, HOT, part), sifting, cancelled)?;
            left -= part;
            best = if tried.0 < best.0 { tried } else { best };
        }
    }
    let (heat, rounds) = if small { (WARM, ROUNDS) } else { (HOT, 1) };
    for seed in 1..=rounds {
        let tried = improve(
            sheet,
            &best,
            (seed, heat, left / rounds),
            sifting,
            cancelled,
        )?;
        best = if tried.0 < best.0 { tried } else { best };
    }
    sheet.set(&best.1);
    sheet.upright();
    Some(best.0)
}

/// Anneals (seed, heat, work) and sifts an order.
fn improve(
    sheet: &mut Sheet,
    first: &First,
    (seed, heat, work): (u64, f64, u64),
    sifting: u64,
    cancelled: &dyn Fn() -> bool,
) -> Option<First> {
    sheet.set(&first.1);
    if first.0 == 0 {
        return Some(first.clone());
    }
    let mut crossings = first.0 as i64;
    crossings += anneal(sheet, seed, heat, work, cancelled)?;
    crossings += sift(sheet, sheet.work + sifting, cancelled)?;
    Some((u64::try_from(crossings).unwrap_or(0), sheet.order.clone()))
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

/// The best of the smooth first orders, each swept; a walk if that needs no more work.
fn smooth_first(sheet: &mut Sheet, cancelled: &dyn Fn() -> bool) -> Option<First> {
    start::walk(sheet, true);
    if sheet.count() == 0 {
        return Some((0, sheet.order.clone()));
    }
    let sweep = |sheet: &mut Sheet, work: u64| {
        let crossings = sweeps(sheet, sheet.work + work * sheet.size(), cancelled)?;
        Some((crossings, sheet.order.clone()))
    };
    // from an order that is no more than smooth, the same rounds may end far from the smoothest
    start::smooth(sheet, true, cancelled)?;
    sweep(sheet, STIR)?;
    start::smooth(sheet, false, cancelled)?;
    let stirred = sweep(sheet, SWEEP)?;
    if sheet.size() > MIDDLE {
        return Some(stirred);
    }
    start::walk(sheet, false);
    start::smooth(sheet, false, cancelled)?;
    let walked = sweep(sheet, SWEEP)?;
    Some(if walked.0 < stirred.0 {
        walked
    } else {
        stirred
    })
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
