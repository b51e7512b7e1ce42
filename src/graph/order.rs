//! The order within each rank. First orders of several kinds are swept; the best is annealed and sifted.
//! Work is counted in steps, not in time, so the same graph always gets the same order.

use super::anneal::anneal;
use super::keep;
use super::layers::Layers;
use super::sheet::Sheet;
use super::start;
use super::sweep::{exchange, sift, sweeps};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Level,
    Whole,
    Walk,
    WalkBack,
}

const FIRSTS: [First; 4] = [First::Walk, First::WalkBack, First::Level, First::Whole];

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

/// Work, for each vertex and segment, that each first order may be swept, that annealing and that sifting may use.
const SWEEP: u64 = 30;
const ANNEAL: u64 = 170;
const SIFT: u64 = 90;
/// Work of annealing up to which small graphs are tried over and over.
const SMALL: u64 = 1_000_000;
const TRIES: u64 = 8;
/// Tries without a gain after which no more are made.
const PATIENCE: u64 = 3;

/// The best order found from the beginning, and its crossings.
fn search(sheet: &mut Sheet, cancelled: &dyn Fn() -> bool) -> Option<u64> {
    let size = sheet.size();
    let tries = (SMALL / (ANNEAL * size).max(1)).clamp(1, TRIES);
    let each = (ANNEAL * size).max(SMALL / TRIES);
    let mut firsts: Vec<(u64, Vec<u32>)> = Vec::new();
    for kind in FIRSTS {
        if cancelled() {
            return None;
        }
        // walks as they are pay where all can be tried over and over; of big ones they show what needs no more work
        match kind {
            First::Level => {
                start::walk(sheet, true);
                start::smooth(sheet, true, cancelled)?;
            }
            First::Whole => {
                start::walk(sheet, false);
                start::smooth(sheet, false, cancelled)?;
            }
            First::Walk => start::walk(sheet, true),
            First::WalkBack => start::walk(sheet, false),
        }
        let rough = tries == 1 && matches!(kind, First::Walk | First::WalkBack);
        let limit = sheet.work + if rough { 0 } else { SWEEP * size };
        let crossings = sweeps(sheet, limit, cancelled)?;
        firsts.push((crossings, sheet.order.clone()));
        if crossings == 0 {
            sheet.upright();
            return Some(0);
        }
    }
    firsts.sort_by_key(|f| f.0);
    let mut best = firsts.first()?.clone();
    let mut gained = 0;
    for (seed, first) in (1..=tries).zip(firsts.iter().cycle()) {
        if best.0 == 0 || seed > gained + PATIENCE {
            break;
        }
        sheet.set(&first.1);
        let mut crossings = first.0 as i64;
        crossings += anneal(sheet, seed, each, cancelled)?;
        let limit = sheet.work + SIFT * size;
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

/// Settles an order that is already good.
pub(super) fn polish(layers: &mut Layers, cancelled: &dyn Fn() -> bool) -> Option<u64> {
    let mut sheet = Sheet::new(layers);
    let limit = 100 * sheet.size();
    let mut crossings = sheet.count() as i64;
    crossings += sift(&mut sheet, limit, cancelled)?;
    sheet.write(layers);
    Some(crossings.max(0) as u64)
}
