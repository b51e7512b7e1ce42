//! Whether a series grows, by how much, and how sure that is.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::season::{Seasonal, noise};
use super::series::{Sample, by_time};
use super::stats::{MAD_TO_SIGMA, middle};

/// Points that pairs are made of, at most: 300 make 44,850 pairs.
const POINTS: usize = 300;
/// Fewer samples have no trend.
const ENOUGH: usize = 8;
const DAY: f64 = 86_400.0;

/// A straight line through a series without its season.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Trend {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub samples: usize,
    /// Unit a day: the median of all pairs' slopes (Theil 1950, Sen 1968), and its 95 % interval.
    pub per_day: f64,
    pub low: f64,
    pub high: f64,
    /// The line's values at both ends.
    pub start: f64,
    pub end: f64,
}

impl Trend {
    /// Whether the interval leaves out that there is no trend.
    pub fn sure(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }

    /// Growth over thirty days as a share of the value at the end.
    pub fn monthly(&self) -> Option<f64> {
        let share = self.per_day * 30.0 / self.end;
        share.is_finite().then_some(share)
    }
}

/// The trend of samples in any order. `None` of fewer than eight, or all at one time.
pub fn trend(samples: &[Sample]) -> Option<Trend> {
    let samples = by_time(samples.to_vec());
    let first = samples.first()?.at;
    let season = Seasonal::of(&samples);
    // a season is taken out by factors, the line is straight in the unit itself
    let days: Vec<f64> = samples
        .iter()
        .map(|s| (s.at - first).num_milliseconds() as f64 / 1000.0 / DAY)
        .collect();
    let plain: Vec<f64> = season.level.iter().map(|l| season.plain(*l)).collect();
    if samples.len() < ENOUGH {
        return None;
    }
    let line = line(&days, &plain)?;
    let (from, to) = (*days.first()?, *days.last()?);
    Some(Trend {
        from: first,
        to: samples.last()?.at,
        samples: samples.len(),
        per_day: line.slope,
        low: line.low,
        high: line.high,
        start: line.at(from),
        end: line.at(to),
    })
}

/// A line by Theil and Sen, with the 95 % interval of its slope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    pub slope: f64,
    pub low: f64,
    pub high: f64,
    pub base: f64,
}

impl Line {
    pub fn at(&self, x: f64) -> f64 {
        self.base + self.slope * x
    }
}

/// Through points sorted by x. More than 300 are first put together by medians of neighbours.
pub fn line(x: &[f64], y: &[f64]) -> Option<Line> {
    let size = x.len().div_ceil(POINTS).max(1);
    let mean = |c: &[f64]| c.iter().sum::<f64>() / c.len().max(1) as f64;
    let points: Vec<(f64, f64)> = x
        .chunks(size)
        .zip(y.chunks(size))
        .filter_map(|(x, y)| Some((mean(x), middle(&mut y.to_vec())?)))
        .collect();
    let n = points.len();
    let mut slopes = Vec::with_capacity(n * n.saturating_sub(1) / 2);
    for (i, a) in points.iter().enumerate() {
        for b in points.iter().skip(i + 1) {
            let slope = (b.1 - a.1) / (b.0 - a.0);
            if slope.is_finite() {
                slopes.push(slope);
            }
        }
    }
    if slopes.is_empty() {
        return None;
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let slope = middle(&mut slopes.clone())?;
    let mut bases: Vec<f64> = points.iter().map(|(x, y)| y - slope * x).collect();
    let base = middle(&mut bases)?;
    // the interval by the variance of Kendall's S (Sen 1968), wider where residuals follow each other
    let rest: Vec<f64> = points.iter().map(|(x, y)| y - base - slope * x).collect();
    let n = n as f64;
    let deviation = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt() * inflation(&rest).sqrt();
    let half = 1.96 * deviation;
    let count = slopes.len() as f64;
    let at = |rank: f64| {
        let rank = rank.clamp(0.0, count - 1.0) as usize;
        slopes.get(rank).copied().unwrap_or(slope)
    };
    let low = at(((count - half) / 2.0).floor()).min(slope);
    let high = at(((count + half) / 2.0).ceil()).max(slope);
    let finite = [slope, low, high, base].iter().all(|v| v.is_finite());
    finite.then_some(Line {
        slope,
        low,
        high,
        base,
    })
}

/// How many values that follow each other count as one: `(1 + r) / (1 - r)` with their autocorrelation `r`, from 1.
pub fn inflation(rest: &[f64]) -> f64 {
    let r = follows(rest);
    (1.0 + r) / (1.0 - r)
}

/// The autocorrelation of values around one level, 0 to 0.8, by medians: `r = 1 - (noise of steps / noise)^2`.
pub fn follows(rest: &[f64]) -> f64 {
    let Some(centre) = middle(&mut rest.to_vec()) else {
        return 0.0;
    };
    let mut apart: Vec<f64> = rest.iter().map(|v| (v - centre).abs()).collect();
    let all = middle(&mut apart).unwrap_or(0.0) * MAD_TO_SIGMA;
    if all <= 0.0 {
        return 0.0;
    }
    (1.0 - (noise(rest) / all).powi(2)).clamp(0.0, 0.8)
}
