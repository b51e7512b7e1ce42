//! Neighbours change places at random, worse orders are accepted ever more seldom (Kirkpatrick, Gelatt, Vecchi:
//! Optimization by simulated annealing, 1983): single exchanges are cheap, so this finds more than repeated descents.
//! The chance comes from a seed and work is counted in steps, so the same graph always gets the same order.

use super::sheet::Sheet;

/// Temperatures, in crossings.
const HOT: f64 = 2.0;
const COLD: f64 = 0.3;
const STEPS: u64 = 40;
/// From this many crossings on a change is never accepted.
const NEVER: usize = 20;

/// Uses `allowed` work, and says by how much the crossings changed.
pub(super) fn anneal(
    sheet: &mut Sheet,
    seed: u64,
    allowed: u64,
    cancelled: &dyn Fn() -> bool,
) -> Option<i64> {
    let n = sheet.order.len() as u64;
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut sum = 0;
    for step in 0..STEPS {
        if cancelled() {
            return None;
        }
        let heat = HOT * (COLD / HOT).powf(step as f64 / (STEPS - 1) as f64);
        let mut chance = [0u32; NEVER];
        for (d, c) in chance.iter_mut().enumerate() {
            *c = ((-(d as f64) / heat).exp() * 65536.0) as u32;
        }
        let end = sheet.work + allowed / STEPS;
        while sheet.work < end {
            sheet.work += 2;
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let i = (((state >> 32) * n) >> 32) as usize;
            let Some(&[u, v]) = sheet.order.get(i..i + 2).and_then(|p| p.first_chunk()) else {
                continue;
            };
            if sheet.rank[u as usize] != sheet.rank[v as usize] {
                continue;
            }
            let d = sheet.delta(u, v);
            let fine = d <= 0
                || chance
                    .get(d as usize)
                    .is_some_and(|&c| (state as u32 & 0xffff) < c);
            if fine {
                sheet.swap(i);
                sum += d;
            }
        }
    }
    Some(sum)
}
