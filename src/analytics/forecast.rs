//! What a series will be: its level, trend and season, the way of following it that was best in its own past, and
//! intervals by how far that way was off.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::changes::{changes, since_last};
use super::season::Seasonal;
use super::series::{Sample, by_time};
use super::stats::quantile;
use super::trend::{Trend, trend};

/// How fast the level follows what is new: the share of each new value.
const PACES: &[f64] = &[0.02, 0.05, 0.1, 0.2, 0.4, 0.8];
/// How much of a slope is believed in for each step ahead (Gardner and McKenzie 1985), none at all first.
const SLOPES: &[f64] = &[0.0, 0.1];
const DAMPED: f64 = 0.98;
/// Fewer samples have no forecast.
const ENOUGH: usize = 10;
/// Forecasts of the past that are judged, at most, for each way.
const JUDGED: usize = 200;
/// A new value moves the level by at most so many of the usual errors.
const CLIP: f64 = 3.0;
const DAY: f64 = 86_400.0;

/// What a value will likely be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Band {
    pub at: DateTime<Utc>,
    pub median: f64,
    /// Nine of ten lie between.
    pub low: f64,
    pub high: f64,
}

/// The state of one way to follow a level.
#[derive(Clone, Copy)]
struct Follow {
    pace: f64,
    slope_pace: f64,
    level: f64,
    slope: f64,
    error: f64,
}

impl Follow {
    fn step(&mut self, value: f64) {
        let guess = self.level + self.slope * DAMPED;
        let off = value - guess;
        let limit = CLIP * self.error;
        let off_clipped = if limit > 0.0 {
            off.clamp(-limit, limit)
        } else {
            off
        };
        self.error = if self.error > 0.0 {
            self.error + 0.05 * (off.abs().min(5.0 * self.error) - self.error)
        } else {
            off.abs()
        };
        let level = guess + self.pace * off_clipped;
        self.slope = DAMPED * self.slope + self.slope_pace * self.pace * off_clipped;
        self.level = level;
    }

    fn ahead(&self, steps: f64) -> f64 {
        let sum = DAMPED * (1.0 - DAMPED.powf(steps)) / (1.0 - DAMPED);
        self.level
            + if self.slope == 0.0 {
                0.0
            } else {
                self.slope * sum
            }
    }
}

/// The values at these times, of samples in any order. `None` of fewer than ten.
pub fn forecast(samples: &[Sample], at: &[DateTime<Utc>]) -> Option<Vec<Band>> {
    let samples = by_time(samples.to_vec());
    if samples.len() < ENOUGH {
        return None;
    }
    let season = Seasonal::of(&samples);
    let (first, last) = (samples.first()?.at, samples.last()?.at);
    let step = (last - first).num_milliseconds() as f64 / (samples.len() - 1) as f64;
    let steps = |t: DateTime<Utc>| match step {
        s if s > 0.0 => ((t - last).num_milliseconds() as f64 / s).clamp(0.0, 1e5),
        _ => 0.0,
    };
    let furthest = at.iter().map(|t| steps(*t)).fold(1.0, f64::max);
    let horizon = (furthest / 2.0)
        .round()
        .clamp(1.0, samples.len() as f64 / 4.0) as usize;
    let (way, errors) = best(&season.level, horizon)?;
    let spread = |percent: usize| quantile(&errors, percent).unwrap_or(0.0);
    let bands = at.iter().map(|t| {
        let n = steps(*t);
        // errors were measured at one distance; they grow with the root of it where the level wanders
        let grow = 1.0 + way.pace * ((n / horizon as f64).sqrt() - 1.0).max(-0.9);
        let centre = way.ahead(n);
        Band {
            at: *t,
            median: season.value(centre, *t),
            low: season.value(centre + spread(5) * grow, *t),
            high: season.value(centre + spread(95) * grow, *t),
        }
    });
    Some(bands.collect())
}

/// The way with the least mean error at so many steps ahead over the later part of the series, as it stands at the end,
/// and its errors, sorted.
fn best(level: &[f64], horizon: usize) -> Option<(Follow, Vec<f64>)> {
    let start = super::stats::middle(&mut level.get(..level.len().min(7))?.to_vec())?;
    let noise = super::season::noise(level);
    let judged_from = (level.len() / 3).max(level.len().saturating_sub(JUDGED + horizon));
    let mut best: Option<(f64, Follow, Vec<f64>)> = None;
    for pace in PACES {
        for slope_pace in SLOPES {
            let mut way = Follow {
                pace: *pace,
                slope_pace: *slope_pace,
                level: start,
                slope: 0.0,
                error: noise,
            };
            let mut errors = Vec::new();
            for (i, value) in level.iter().enumerate() {
                way.step(*value);
                let then = level.get(i + horizon).filter(|_| i >= judged_from);
                errors.extend(then.map(|then| then - way.ahead(horizon as f64)));
            }
            if errors.is_empty() {
                continue;
            }
            let mut sizes: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
            sizes.sort_unstable_by(f64::total_cmp);
            // a tenth of all may be outliers
            let kept = (sizes.len() * 9).div_ceil(10);
            let mean = sizes.iter().take(kept).sum::<f64>() / kept.max(1) as f64;
            if mean.is_finite() && best.as_ref().is_none_or(|b| mean < b.0) {
                errors.sort_unstable_by(f64::total_cmp);
                best = Some((mean, way, errors));
            }
        }
    }
    best.map(|(_, way, errors)| (way, errors))
}

/// When a growing (or falling) series reaches a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reach {
    pub limit: f64,
    pub when: DateTime<Utc>,
    /// By the ends of the slope's 95 % interval; `latest` is `None` when by the slower one it never does.
    pub earliest: DateTime<Utc>,
    pub latest: Option<DateTime<Utc>>,
    /// Since the last change of level.
    pub trend: Trend,
}

/// Later than this is no forecast.
const YEARS: f64 = 5.0 * 365.0;

/// When the series reaches the limit if it goes on as it did since its last change of level. `None` without a sure
/// trend towards it, or when it would take more than five years. A limit that is reached already is reached now.
pub fn reaches(samples: &[Sample], limit: f64, now: DateTime<Utc>) -> Option<Reach> {
    let samples = by_time(samples.to_vec());
    let found = changes(&samples);
    let trend = trend(since_last(&samples, &found))?;
    if !trend.sure() || !limit.is_finite() {
        return None;
    }
    let since_end = (now - trend.to).num_milliseconds() as f64 / 1000.0 / DAY;
    let level = trend.end + trend.per_day * since_end.max(0.0);
    let gap = limit - level;
    let days = |slope: f64| {
        let days = (gap / trend.per_day.signum()).max(0.0) / slope.abs();
        (days.is_finite() && days <= YEARS).then_some(days)
    };
    // a limit above where the trend began is a ceiling, one below it a floor
    if (limit > trend.start) != (trend.per_day > 0.0) {
        return None;
    }
    let at = |days: f64| now.checked_add_signed(super::series::span(days * DAY));
    let (slow, fast) = match trend.per_day > 0.0 {
        true => (trend.low, trend.high),
        false => (trend.high, trend.low),
    };
    Some(Reach {
        limit,
        when: at(days(trend.per_day)?)?,
        earliest: at(days(fast)?)?,
        latest: days(slow).and_then(at),
        trend,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tell::at;
    use super::*;

    const HALF_DAY: i64 = 43_200;

    fn line(per_day: f64) -> Vec<Sample> {
        let sample = |i: i64| Sample {
            at: at(i * HALF_DAY),
            value: 100.0 + per_day * i as f64 / 2.0 + (i % 2) as f64 / 10.0,
        };
        (0..41).map(sample).collect()
    }

    #[test]
    fn limits_are_reached_from_below_and_from_above() {
        let now = at(40 * HALF_DAY);
        let days = |per_day, limit| {
            let reach = reaches(&line(per_day), limit, now)?;
            Some(((reach.when - now).num_hours() as f64 / 24.0).round())
        };
        // 140 now
        assert_eq!(days(2.0, 160.0), Some(10.0));
        assert_eq!(days(2.0, 120.0), Some(0.0));
        assert_eq!(days(2.0, 90.0), None);
        assert_eq!(days(2.0, 1e9), None);
        // 60 now
        assert_eq!(days(-2.0, 50.0), Some(5.0));
        assert_eq!(days(-2.0, 150.0), None);
        assert_eq!(days(0.0, 150.0), None);
    }

    #[test]
    fn a_level_stays_and_few_say_nothing() {
        let later = [at(60 * HALF_DAY)];
        let band = forecast(&line(0.0), &later).unwrap()[0];
        assert!(band.low <= band.median && band.median <= band.high);
        assert!((99.9..100.3).contains(&band.median), "{}", band.median);
        assert_eq!(forecast(&line(0.0)[..9], &later), None);
    }
}
