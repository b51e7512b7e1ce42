//! Dividing a series where its median changes, and whether two pieces differ.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Values of a heap; all are numbers.
#[derive(Clone, Copy, PartialEq)]
struct Value(f64);

impl Eq for Value {}
impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Value {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// What each piece of a series costs: the sum of distances from its median, in units of the noise, doubled.
#[derive(Clone, Debug)]
pub struct Costs {
    count: usize,
    /// Of the piece from `i` (inclusive) to `j` (exclusive) at `i * (count + 1) + j`.
    of: Vec<f64>,
}

impl Costs {
    /// Square in the number of values: for hundreds of them.
    pub fn of(values: &[f64], width: f64) -> Self {
        let count = values.len();
        let mut of = vec![0.0; count * (count + 1)];
        for from in 0..count {
            let (mut low, mut high) = (BinaryHeap::new(), BinaryHeap::new());
            let (mut sum_low, mut sum_high) = (0.0, 0.0);
            for to in from..count {
                let value = values[to];
                if low.peek().is_none_or(|top: &Value| value <= top.0) {
                    low.push(Value(value));
                    sum_low += value;
                } else {
                    high.push(Reverse(Value(value)));
                    sum_high += value;
                }
                if low.len() > high.len() + 1
                    && let Some(Value(moved)) = low.pop()
                {
                    high.push(Reverse(Value(moved)));
                    sum_low -= moved;
                    sum_high += moved;
                } else if high.len() > low.len()
                    && let Some(Reverse(Value(moved))) = high.pop()
                {
                    low.push(Value(moved));
                    sum_high -= moved;
                    sum_low += moved;
                }
                let median = low.peek().map_or(0.0, |top| top.0);
                let below = median * low.len() as f64 - sum_low;
                let above = sum_high - median * high.len() as f64;
                of[from * (count + 1) + to + 1] = 2.0 * (below + above).max(0.0) / width;
            }
        }
        Self { count, of }
    }

    fn piece(&self, from: usize, to: usize) -> f64 {
        self.of
            .get(from * (self.count + 1) + to)
            .copied()
            .unwrap_or(0.0)
    }
}

/// The division with the least cost, `price` for each cut included, no piece shorter than `least`: its cost and the
/// first value of each piece but the first.
pub fn split(costs: &Costs, price: f64, least: usize) -> (f64, Vec<usize>) {
    let n = costs.count;
    let least = least.max(1);
    let mut best = vec![f64::INFINITY; n + 1];
    let mut from = vec![0usize; n + 1];
    best[0] = -price;
    for to in least..=n {
        for start in 0..=to - least {
            let cost = best[start] + price + costs.piece(start, to);
            if cost < best[to] {
                best[to] = cost;
                from[to] = start;
            }
        }
    }
    let mut cuts = Vec::new();
    let mut at = from[n];
    while at > 0 {
        cuts.push(at);
        at = from[at];
    }
    cuts.reverse();
    (best[n], cuts)
}

/// The two-sided p of the rank-sum test of Mann and Whitney by its normal approximation, corrected for ties; so many
/// values that follow each other count as one.
pub fn rank_test(a: &[f64], b: &[f64], as_one: f64) -> f64 {
    let (na, nb) = (a.len() as f64, b.len() as f64);
    if a.is_empty() || b.is_empty() {
        return 1.0;
    }
    let mut all: Vec<(f64, bool)> = a.iter().map(|v| (*v, true)).collect();
    all.extend(b.iter().map(|v| (*v, false)));
    all.sort_unstable_by(|x, y| x.0.total_cmp(&y.0));
    let (mut ranks, mut ties, mut i) = (0.0, 0.0, 0);
    while i < all.len() {
        let equal = all[i..]
            .iter()
            .take_while(|v| v.0 == all[i].0)
            .count()
            .max(1);
        let rank = i as f64 + (equal as f64 + 1.0) / 2.0;
        ranks += all[i..i + equal].iter().filter(|v| v.1).count() as f64 * rank;
        ties += (equal as f64).powi(3) - equal as f64;
        i += equal;
    }
    let n = na + nb;
    let u = ranks - na * (na + 1.0) / 2.0;
    let variance = na * nb / 12.0 * ((n + 1.0) - ties / (n * (n - 1.0)).max(1.0));
    if variance <= 0.0 {
        return 1.0;
    }
    let z = ((u - na * nb / 2.0).abs() - 0.5).max(0.0) / (variance * as_one.max(1.0)).sqrt();
    two_sided(z)
}

/// The chance that a normal deviate is further from zero than this (Abramowitz and Stegun 7.1.26).
pub fn two_sided(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly = t
        * (0.254_829_592
            + t * (-0.284_496_736
                + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    (poly * (-x * x).exp()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cost(values: &[f64]) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let median = sorted
            .get(sorted.len().saturating_sub(1) / 2)
            .copied()
            .unwrap_or(0.0);
        2.0 * values.iter().map(|v| (v - median).abs()).sum::<f64>()
    }

    proptest! {
        #[test]
        fn it_is_the_cheapest_of_all_divisions(values in prop::collection::vec(0i32..9, 2..9), price in 0i32..8) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let price = f64::from(price);
            let (found, cuts) = split(&Costs::of(&values, 1.0), price, 1);
            let mut least = f64::INFINITY;
            for bits in 0..1u32 << (values.len() - 1) {
                let mut bounds = vec![0];
                bounds.extend((1..values.len()).filter(|i| bits >> (i - 1) & 1 == 1));
                bounds.push(values.len());
                let pieces: f64 = bounds.windows(2).map(|w| cost(&values[w[0]..w[1]])).sum();
                least = least.min(pieces + price * (bounds.len() - 2) as f64);
            }
            prop_assert!((found - least).abs() < 1e-9, "{found} {least} {cuts:?}");
        }
    }

    #[test]
    fn the_rank_test_by_hand() {
        // all of one below all of the other: U = 0, z = (12.5 - 0.5) / sqrt(25 * 11 / 12)
        let p = rank_test(&[1.0, 2.0, 3.0, 4.0, 5.0], &[6.0, 7.0, 8.0, 9.0, 10.0], 1.0);
        assert!((p - 0.0122).abs() < 2e-4, "{p}");
        assert_eq!(rank_test(&[1.0; 9], &[1.0; 9], 1.0), 1.0);
        assert!((two_sided(1.96) - 0.05).abs() < 1e-4);
    }
}
