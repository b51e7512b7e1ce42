//! The order within each rank. First orders of several kinds are swept and annealed; what is left is settled by sifting.
//! Work is counted in steps, not in time, so the same graph always gets the same order.

use super::anneal::anneal;
use super::keep;
use super::layers::Layers;
use super::sheet::Sheet;
use super::start;
use super::sweep::{sift, sweeps};
use std::cmp::Ordering;

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
        let crossings = search(&mut sheet, cancelled)?;
        keep::by_name(&mut sheet, layers.real as u32);
        crossings
    };
    let name = sheet.name.clone();
    keep::gather(&mut sheet, &|v| layers.is_dummy(name[v as usize]));
    sheet.write(layers);
    Some(crossings)
}

/// Work, for each vertex and segment, that annealing and that the last settling may use.
const ANNEAL: u64 = 130;
const SETTLE: u64 = 60;
/// Temperature at which annealing begins.
const HOT: f64 = 1.5;
/// Up to so many vertices and segments there are several tries, each of which is swept so often and annealed with so
/// much work for each of them.
const SMALL: u64 = 2_000;
const SWEEPS: usize = 8;
const TRY: u64 = 30;
/// Temperatures at which tries begin: from an order that was swept, and from one that was annealed before.
const FRESH: f64 = 1.8;
const WARM: f64 = 1.2;
const TRIES: u64 = 8;
/// Tries end when so much speaks for it that the best order stays the best: a try that ends with as many crossings
/// speaks twice for it, one that ends with more once.
const SURE: u32 = 3;
/// Up to so many vertices and segments two smooth first orders are swept, the better one is taken.
const MIDDLE: u64 = 6_000;
/// From so many on, first orders are swept as often as those of tries.
const LARGE: u64 = 150_000;
/// Crossings for each segment from which on less work is done: no order makes such a drawing easy to read.
const DENSE: u64 = 2;

/// The best order found from the beginning, and its crossings.
fn search(sheet: &mut Sheet, cancelled: &dyn Fn() -> bool) -> Option<u64> {
    let best = if sheet.size() <= SMALL {
        best_try(sheet, cancelled)?
    } else {
        let first = smooth_first(sheet, cancelled)?;
        // where crossings abound, annealing gains less than settling
        let share = worth(sheet, first.0);
        let work = share(share(ANNEAL * sheet.size()));
        improve(sheet, &first, (1, HOT, work), cancelled)?
    };
    sheet.set(&best.1);
    sheet.upright();
    Some(best.0)
}

/// The best of several tries: from first orders of all kinds, then from what is the best by then.
fn best_try(sheet: &mut Sheet, cancelled: &dyn Fn() -> bool) -> Option<First> {
    let mut kinds = [(true, false), (false, false), (true, true), (false, true)].into_iter();
    let mut best: Option<First> = None;
    let mut sure = 0;
    for seed in 1..=TRIES {
        let (first, heat) = match (kinds.next(), &best) {
            (None, Some(best)) => (best.clone(), WARM),
            (kind, _) => (swept_first(sheet, kind?, cancelled)?, FRESH),
        };
        let work = worth(sheet, first.0)(TRY * sheet.size());
        let tried = improve(sheet, &first, (seed, heat, work), cancelled)?;
        match best.as_ref().map(|b| tried.0.cmp(&b.0)) {
            Some(Ordering::Greater) => sure += 1,
            Some(Ordering::Equal) => sure += 2,
            Some(Ordering::Less) | None => (best, sure) = (Some(tried), 0),
        }
        if sure >= SURE || best.as_ref().is_some_and(|b| b.0 == 0) {
            break;
        }
    }
    best
}

/// Anneals (seed, heat, work) an order. What is left to gain by moves of single vertices is left to settling.
fn improve(
    sheet: &mut Sheet,
    first: &First,
    (seed, heat, work): (u64, f64, u64),
    cancelled: &dyn Fn() -> bool,
) -> Option<First> {
    sheet.set(&first.1);
    if first.0 == 0 {
        return Some(first.clone());
    }
    let change = anneal(sheet, seed, heat, work, cancelled)?;
    let crossings = first.0.saturating_add_signed(change);
    Some((crossings, sheet.order.clone()))
}

/// The part of a piece of work that is worth doing.
fn worth(sheet: &Sheet, crossings: u64) -> impl Fn(u64) -> u64 + use<> {
    let bearable = DENSE * sheet.segments();
    move |work| work * bearable / crossings.max(bearable).max(1)
}

/// An order and its crossings.
type First = (u64, Vec<u32>);

/// A first order (walked from the top, smooth), swept.
fn swept_first(
    sheet: &mut Sheet,
    (from_top, smooth): (bool, bool),
    cancelled: &dyn Fn() -> bool,
) -> Option<First> {
    start::walk(sheet, from_top);
    if smooth {
        start::smooth(sheet, from_top, cancelled)?;
    }
    let crossings = sweeps(sheet, SWEEPS, cancelled)?;
    Some((crossings, sheet.order.clone()))
}

/// The best of the smooth first orders, each swept; a walk if that needs no more work.
fn smooth_first(sheet: &mut Sheet, cancelled: &dyn Fn() -> bool) -> Option<First> {
    start::walk(sheet, true);
    if sheet.count() == 0 {
        return Some((0, sheet.order.clone()));
    }
    // annealing makes more of an order that was swept once than more sweeps do, but not of very many vertices
    let most = if sheet.size() > LARGE { SWEEPS } else { 1 };
    let sweep = |sheet: &mut Sheet| {
        let crossings = sweeps(sheet, most, cancelled)?;
        Some((crossings, sheet.order.clone()))
    };
    // from an order that is no more than smooth, the same rounds may end far from the smoothest
    start::smooth(sheet, true, cancelled)?;
    sweep(sheet)?;
    start::smooth(sheet, false, cancelled)?;
    let stirred = sweep(sheet)?;
    if sheet.size() > MIDDLE {
        return Some(stirred);
    }
    start::walk(sheet, false);
    start::smooth(sheet, false, cancelled)?;
    let walked = sweep(sheet)?;
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
    if crossings == 0 {
        return Some(0);
    }
    let limit = worth(&sheet, crossings)(SETTLE * sheet.size());
    let change = sift(&mut sheet, limit, cancelled)?;
    crossings = crossings.saturating_add_signed(change);
    sheet.write(layers);
    Some(crossings)
}
