//! Neighbours change places at random, worse orders are accepted ever more seldom (Kirkpatrick, Gelatt, Vecchi:
//! Optimization by simulated annealing, 1983): single exchanges are cheap, so this finds more than repeated descents.
//! The chance comes from a seed and work is counted in steps, so the same graph always gets the same order.

use super::sheet::Sheet;

/// The last temperature, in crossings.
const COLD: f64 = 0.2;
const STEPS: u64 = 40;
/// From this many crossings on a change is never accepted.
const NEVER: usize = 20;

/// Uses `allowed` work from the temperature `hot` on, and says by how much the crossings changed.
pub(super) fn anneal(
    sheet: &mut Sheet,
    seed: u64,
    hot: f64,
    allowed: u64,
    cancelled: &dyn Fn() -> bool,
) -> Option<i64> {
    // slots that can be exchanged with the next one
    let last = |i: &usize| sheet.begin.binary_search(&(*i as u32 + 1)).is_ok();
    let places: Vec<u32> = (0..sheet.order.len())
        .filter(|i| !last(i))
        .map(|i| i as u32)
        .collect();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut sum = 0;
    for step in 0..STEPS {
        if cancelled() {
            return None;
        }
        let heat = hot * (COLD / hot).powf(step as f64 / (STEPS - 1) as f64);
        // of a change by -1 and less, 0, 1, ...; the last one is never
        let chance: [u32; NEVER + 2] = std::array::from_fn(|i| match i.saturating_sub(1) {
            NEVER => 0,
            d => ((-(d as f64) / heat).exp() * 65536.0) as u32,
        });
        let end = sheet.work + allowed / STEPS;
        while sheet.work < end {
            sheet.work += 2;
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let drawn = ((state >> 32) * places.len() as u64) >> 32;
            let Some(&i) = places.get(drawn as usize) else {
                break;
            };
            let i = i as usize;
            let d = sheet.delta(sheet.order[i], sheet.order[i + 1]);
            let kind = d.clamp(-1, NEVER as i64) + 1;
            if (state as u32 & 0xffff) < chance[kind as usize] {
                sheet.swap(i);
                sum += d;
            }
        }
    }
    Some(sum)
}
