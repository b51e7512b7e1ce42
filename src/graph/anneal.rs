//! Neighbours change places at random, worse orders are accepted ever more seldom (Kirkpatrick, Gelatt, Vecchi:
//! Optimization by simulated annealing, 1983): single exchanges are cheap, so this finds more than repeated descents.
//! The chance comes from a seed and work is counted in steps, so the same graph always gets the same order.
//!
//! Pairs are not drawn but walked, always rank after rank along the flow and each rank from its first slot on: what
//! moves is carried on as far as it likes, and what hangs on it can follow at once. Walks in turns of both directions
//! take back what costs nothing and end in more crossings.

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
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut pairs = Pairs::new(sheet);
    let mut sum = 0;
    let mut ranks = (0..pairs.sheet.depth()).cycle();
    for step in 0..STEPS {
        if cancelled() {
            return None;
        }
        let heat = hot * (COLD / hot).powf(step as f64 / (STEPS - 1) as f64);
        let chance = chances(heat);
        let end = pairs.sheet.work + allowed / STEPS;
        while pairs.sheet.work < end {
            let Some(r) = ranks.next() else { break };
            let slots = pairs.sheet.slots(r);
            pairs.sheet.work += slots.len() as u64;
            for i in slots.skip(1) {
                let d = pairs.change(i);
                let taken = d <= 0 || {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    (state as u32 & 0xffff) < chance[d.min(NEVER as i64) as usize]
                };
                if taken {
                    pairs.exchange(i, d);
                    sum += d;
                }
            }
        }
    }
    Some(sum)
}

/// The chance, in 65,536, that a change for the worse by 0, 1, ... is accepted; the last one is never.
fn chances(heat: f64) -> [u32; NEVER + 1] {
    let fading = (-1.0 / heat).exp();
    let mut chance = [0; NEVER + 1];
    let mut left = 65536.0;
    for c in &mut chance[..NEVER] {
        *c = left as u32;
        left *= fading;
    }
    chance
}

/// What an exchange of neighbours would change, kept from one look to the next: most exchanges are refused, and most
/// of those that are made change nothing elsewhere.
struct Pairs<'a> {
    sheet: &'a mut Sheet,
    /// Of the vertices in slots `i - 1` and `i`.
    change: Vec<i64>,
}

const UNKNOWN: i64 = i64::MIN;

impl<'a> Pairs<'a> {
    fn new(sheet: &'a mut Sheet) -> Self {
        let change = vec![UNKNOWN; sheet.order.len() + 1];
        Self { sheet, change }
    }

    #[inline]
    fn change(&mut self, i: usize) -> i64 {
        if self.change[i] == UNKNOWN {
            self.change[i] = (self.sheet).delta(self.sheet.order[i - 1], self.sheet.order[i]);
        }
        self.change[i]
    }

    /// Exchanges the vertices in slots `i - 1` and `i`; `d` is what that changes.
    #[inline]
    fn exchange(&mut self, i: usize, d: i64) {
        let Self { sheet, change } = self;
        let (u, v) = (sheet.order[i - 1], sheet.order[i]);
        sheet.swap(i - 1);
        change[i - 1] = UNKNOWN;
        change[i] = -d;
        change[i + 1] = UNKNOWN;
        for ties in [&sheet.up, &sheet.down] {
            let (us, vs) = (ties.of(u), ties.of(v));
            sheet.work += (us.len() * vs.len()) as u64;
            // two neighbours on the next rank, one tied to `u` and one to `v`
            for &(a, wa) in us {
                let a = sheet.slot[a as usize];
                for &(b, wb) in vs {
                    let b = sheet.slot[b as usize];
                    let (at, twice) = if b == a + 1 {
                        (b, -2)
                    } else if a == b + 1 {
                        (a, 2)
                    } else {
                        continue;
                    };
                    let known = &mut change[at as usize];
                    if *known != UNKNOWN {
                        *known += twice * i64::from(wa) * i64::from(wb);
                    }
                }
            }
        }
    }
}
