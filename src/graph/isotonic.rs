//! Least weighted sum of |z - wish| over non-decreasing integer z, in O(n log n).

use std::collections::BinaryHeap;

/// The cost of the first values, as far as it falls, is a convex line; these are its bends (place, change of slope).
/// Wishes mostly ascend, so most bends come in order and need no heap.
#[derive(Default)]
pub(super) struct Bends {
    ascending: Vec<(i32, u64)>,
    others: BinaryHeap<(i32, u64)>,
}

impl Bends {
    fn clear(&mut self) {
        self.ascending.clear();
        self.others.clear();
    }

    fn push(&mut self, place: i32, change: u64) {
        match self.ascending.last() {
            Some(last) if last.0 > place => self.others.push((place, change)),
            _ => self.ascending.push((place, change)),
        }
    }

    /// The last place at which the line bends.
    fn last(&self) -> Option<i32> {
        let ends = (self.ascending.last(), self.others.peek());
        ends.0.max(ends.1).map(|b| b.0)
    }

    fn pop(&mut self) -> Option<(i32, u64)> {
        if self.ascending.last() >= self.others.peek() {
            self.ascending.pop()
        } else {
            self.others.pop()
        }
    }
}

/// `wishes` are (wanted value, weight > 0). The answer, put into `z`, is non-decreasing and consists of wanted values.
pub(super) fn fit(wishes: &[(i32, u32)], bends: &mut Bends, z: &mut Vec<i32>) {
    bends.clear();
    z.clear();
    for &(wish, weight) in wishes {
        let weight = u64::from(weight.max(1));
        if bends.last().is_none_or(|last| last <= wish) {
            bends.push(wish, weight);
            z.push(wish);
            continue;
        }
        bends.push(wish, 2 * weight);
        let mut flat = weight;
        while flat > 0 {
            let Some((place, change)) = bends.pop() else {
                break;
            };
            if change > flat {
                bends.push(place, change - flat);
            }
            flat = flat.saturating_sub(change);
        }
        z.push(bends.last().unwrap_or(wish));
    }
    for i in (1..z.len()).rev() {
        z[i - 1] = z[i - 1].min(z[i]);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::{Bends, fit};

    fn cost(wishes: &[(i32, u32)], z: &[i32]) -> i64 {
        wishes
            .iter()
            .zip(z)
            .map(|(w, z)| i64::from(w.1) * i64::from((w.0 - z).abs()))
            .sum()
    }

    #[test]
    fn no_non_decreasing_sequence_is_cheaper() {
        let mut seed = 3u64;
        let mut random = move |n: u64| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        for _ in 0..300 {
            let wishes: Vec<(i32, u32)> = (0..5)
                .map(|_| (random(5) as i32, 1 + random(4) as u32))
                .collect();
            let mut z = Vec::new();
            fit(&wishes, &mut Bends::default(), &mut z);
            assert!(z.is_sorted());
            let mut best = i64::MAX;
            for code in 0..3125 {
                let t: Vec<i32> = (0..5).map(|i| code / 5i32.pow(i) % 5).collect();
                if t.is_sorted() {
                    best = best.min(cost(&wishes, &t));
                }
            }
            assert_eq!(cost(&wishes, &z), best, "{wishes:?} {z:?}");
        }
    }
}
