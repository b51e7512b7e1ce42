//! Order statistics and shares: what every question of this room is answered with.

use serde::Serialize;

/// Larger figures are no measurements, and their squares would not be numbers.
const ABSURD: f64 = 1e100;
/// A normal deviate that 95 % of all lie within.
const Z95: f64 = 1.959_963_985;
/// The median absolute deviation of normal noise times this is its standard deviation.
pub const MAD_TO_SIGMA: f64 = 1.482_602_219;

pub fn sane(value: &f64) -> bool {
    value.is_finite() && value.abs() < ABSURD
}

/// The smallest of sorted values that so many percent are not above (nearest rank); of 50 and an even count the
/// lower of the middle two.
pub fn quantile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent.min(100)).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The median of values in any order, which it puts into another: the mean of the middle two when they are even.
pub fn middle(values: &mut [f64]) -> Option<f64> {
    let half = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let even = values.len().is_multiple_of(2);
    let (below, at, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    let at = *at;
    if !even {
        return Some(at);
    }
    let lower = below.iter().copied().max_by(f64::total_cmp)?;
    Some(lower / 2.0 + at / 2.0)
}

/// How values lie, in their own unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub count: usize,
    pub median: f64,
    /// Median of the distances from the median.
    pub mad: f64,
    pub p5: f64,
    pub p25: f64,
    pub p75: f64,
    pub p95: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// `None` of none; what is no number is left out.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut all: Vec<f64> = values.into_iter().filter(sane).collect();
        all.sort_unstable_by(f64::total_cmp);
        let median = quantile(&all, 50)?;
        let mut apart: Vec<f64> = all.iter().map(|v| (v - median).abs()).collect();
        Some(Self {
            count: all.len(),
            median,
            mad: middle(&mut apart)?,
            p5: quantile(&all, 5)?,
            p25: quantile(&all, 25)?,
            p75: quantile(&all, 75)?,
            p95: quantile(&all, 95)?,
            min: *all.first()?,
            max: *all.last()?,
        })
    }

    /// A standard deviation that outliers don't move: by the MAD, or by the quartiles where half of all are equal.
    pub fn sigma(&self) -> f64 {
        if self.mad > 0.0 {
            self.mad * MAD_TO_SIGMA
        } else {
            (self.p75 - self.p25) / 1.349
        }
    }
}

/// So many of so many, and the share's interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    pub hits: usize,
    pub of: usize,
    pub share: f64,
    /// The 95 % interval of Wilson (1927): it holds for few, and near none and all.
    pub low: f64,
    pub high: f64,
}

impl Rate {
    /// `None` of none.
    pub fn of(hits: usize, of: usize) -> Option<Self> {
        if of == 0 {
            return None;
        }
        let (n, hits) = (of as f64, hits.min(of));
        let share = hits as f64 / n;
        let z2 = Z95 * Z95;
        let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = Z95 * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
        Some(Self {
            hits,
            of,
            share,
            low: (centre - half).clamp(0.0, share),
            high: (centre + half).clamp(share, 1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_ones_by_hand() {
        assert_eq!(quantile(&[1, 2, 3, 4], 50), Some(2));
        assert_eq!(quantile(&[1, 2, 3, 4, 5], 50), Some(3));
        assert_eq!(quantile(&[7], 5), Some(7));
        assert_eq!(quantile(&[1, 2], 0), Some(1));
        assert_eq!(quantile::<u8>(&[], 50), None);
        let twenty: Vec<u32> = (1..=20).collect();
        assert_eq!(quantile(&twenty, 95), Some(19));
        assert_eq!(middle(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(middle(&mut [4.0, 1.0, 3.0]), Some(3.0));
        let spread = Spread::of([1.0, 2.0, 3.0, 4.0, 100.0, f64::NAN]).unwrap();
        assert_eq!((spread.count, spread.median, spread.mad), (5, 3.0, 1.0));
        assert_eq!((spread.min, spread.p25, spread.max), (1.0, 2.0, 100.0));
    }

    #[test]
    fn wilsons_own_figures() {
        // 15 of 20: 0.531 to 0.888; 0 of 10: 0 to 0.278 (Newcombe 1998, method 3)
        let rate = Rate::of(15, 20).unwrap();
        assert!((rate.low - 0.5313).abs() < 1e-4 && (rate.high - 0.8881).abs() < 1e-4);
        let none = Rate::of(0, 10).unwrap();
        assert!(none.low == 0.0 && (none.high - 0.2775).abs() < 1e-4);
        assert_eq!(Rate::of(0, 0), None);
    }

    proptest! {
        #[test]
        fn any_values_have_their_order(values in prop::collection::vec(any::<f64>(), 0..60)) {
            let Some(s) = Spread::of(values.iter().copied()) else {
                prop_assert!(values.iter().all(|v| !sane(v)));
                return Ok(());
            };
            let ordered = [s.min, s.p5, s.p25, s.median, s.p75, s.p95, s.max];
            prop_assert!(ordered.is_sorted() && s.mad >= 0.0 && s.sigma().is_finite());
            let mut back = values;
            back.reverse();
            prop_assert_eq!(Spread::of(back), Some(s));
        }

        #[test]
        fn an_interval_holds_its_share(hits in 0usize..500, more in 0usize..500) {
            if let Some(r) = Rate::of(hits, hits + more) {
                prop_assert!(0.0 <= r.low && r.low <= r.share && r.share <= r.high && r.high <= 1.0);
            }
        }
    }
}
