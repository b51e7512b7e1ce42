//! What the hour of the week does to a series, and the series without it.

use chrono::{DateTime, Utc};
use stlrs::Stl;

use super::like::hour_of_week;
use super::series::Sample;
use super::stats::{MAD_TO_SIGMA, middle};

/// A week is seen so often before it is believed in.
const WEEKS: usize = 3;
/// Samples of one time of the week, at least, where they are not evenly spaced.
const ENOUGH: usize = 3;
/// Steps of a grid, in hours: each divides a week.
const STEPS: &[i64] = &[1, 2, 3, 4, 6, 8, 12, 24];
/// Cells of a grid, at most: a year of hours and a bit.
const CELLS: usize = 9_000;
const HOUR: i64 = 3_600;

/// A series as level times (or plus) season.
#[derive(Clone, Debug, PartialEq)]
pub struct Seasonal {
    /// The values are logarithms: the season is a factor.
    pub log: bool,
    /// The samples' values without the season, in the same order (logarithms when `log`).
    pub level: Vec<f64>,
    /// What is added (to logarithms when `log`) in each hour of the week.
    season: Vec<f64>,
}

impl Seasonal {
    /// Of samples by time. All above zero are taken as logarithms: durations and sizes vary by factors.
    pub fn of(samples: &[Sample]) -> Self {
        let log = !samples.is_empty() && samples.iter().all(|s| s.value > 1e-9);
        let values: Vec<f64> = samples
            .iter()
            .map(|s| if log { s.value.ln() } else { s.value })
            .collect();
        let season = stl(samples, &values).or_else(|| by_hours(samples, &values));
        let flat = Self {
            log,
            level: values.clone(),
            season: vec![0.0; 168],
        };
        let Some(season) = season else {
            return flat;
        };
        let hours = samples.iter().map(|s| hour_of_week(s.at));
        let less = values.iter().zip(hours);
        let level: Vec<f64> = less.map(|(v, hour)| v - season[hour]).collect();
        // a season that explains nothing is noise
        if noise(&level) >= noise(&values) * 0.97 {
            return flat;
        }
        Self { log, level, season }
    }

    /// A level as it shows at a time, in the unit of the samples.
    pub fn value(&self, level: f64, at: DateTime<Utc>) -> f64 {
        let value = level + self.season.get(hour_of_week(at)).copied().unwrap_or(0.0);
        if self.log {
            value.min(200.0).exp()
        } else {
            value
        }
    }

    /// Without any season.
    pub fn plain(&self, level: f64) -> f64 {
        if self.log {
            level.min(200.0).exp()
        } else {
            level
        }
    }
}

/// A standard deviation of what differs from one value to the next, not moved by outliers or by changes of level.
pub fn noise(values: &[f64]) -> f64 {
    let mut steps: Vec<f64> = values.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    middle(&mut steps).unwrap_or(0.0) * MAD_TO_SIGMA / std::f64::consts::SQRT_2
}

/// By the robust STL of Cleveland et al. (1990) on an even grid, when the samples fill one over three weeks.
fn stl(samples: &[Sample], values: &[f64]) -> Option<Vec<f64>> {
    let (first, last) = (samples.first()?.at, samples.last()?.at);
    let mut gaps: Vec<f64> = samples
        .windows(2)
        .map(|w| (w[1].at - w[0].at).num_seconds() as f64)
        .collect();
    let gap = middle(&mut gaps)? * 0.9;
    let step = *STEPS.iter().find(|s| (**s * HOUR) as f64 >= gap)?;
    let period = usize::try_from(168 / step).ok()?;
    // cells begin at whole steps of the week
    let monday = 4 * 24 * HOUR;
    let cell = |t: DateTime<Utc>| (t.timestamp() - monday).div_euclid(step * HOUR);
    let (start, end) = (cell(first), cell(last));
    let count = usize::try_from(end - start).ok()?.checked_add(1)?;
    if !(WEEKS * period..=CELLS).contains(&count) {
        return None;
    }
    let mut cells: Vec<Vec<f64>> = vec![Vec::new(); count];
    for (sample, value) in samples.iter().zip(values) {
        let at = usize::try_from(cell(sample.at) - start).ok()?;
        cells.get_mut(at)?.push(*value);
    }
    let filled = cells.iter().filter(|c| !c.is_empty()).count();
    if filled * 10 < count * 8 {
        return None;
    }
    let mut known: Option<f64> = None;
    let grid: Vec<f32> = cells
        .iter_mut()
        .map(|cell| {
            known = middle(cell).or(known);
            known.unwrap_or(0.0) as f32
        })
        .collect();
    let fit = Stl::params().robust(true).fit(&grid, period).ok()?;
    // what each time of the week does, by its median over the weeks
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); period];
    for (i, seasonal) in fit.seasonal().iter().enumerate() {
        let time = (start + i64::try_from(i).ok()?).rem_euclid(168 / step);
        times
            .get_mut(usize::try_from(time).ok()?)?
            .push(f64::from(*seasonal));
    }
    let times: Vec<f64> = times.iter_mut().map(|t| middle(t).unwrap_or(0.0)).collect();
    let width = usize::try_from(step).ok()?;
    (0..168)
        .map(|hour| times.get(hour / width).copied())
        .collect()
}

/// By the median of each hour of the week (of the day, when weeks are too few) above the running level.
fn by_hours(samples: &[Sample], values: &[f64]) -> Option<Vec<f64>> {
    let week = chrono::Duration::days(7);
    let (first, last) = (samples.first()?.at, samples.last()?.at);
    let weeks = (last - first).num_seconds() as f64 / week.num_seconds() as f64;
    if weeks < WEEKS as f64 {
        return None;
    }
    let per_week = (samples.len() as f64 / weeks).ceil() as usize;
    let level = running(values, per_week.max(5));
    let mut hours: Vec<Vec<f64>> = vec![Vec::new(); 168];
    for ((sample, value), level) in samples.iter().zip(values).zip(&level) {
        hours[hour_of_week(sample.at)].push(value - level);
    }
    let used: Vec<usize> = hours.iter().map(Vec::len).filter(|n| *n > 0).collect();
    let thin = used.iter().filter(|n| **n < ENOUGH).count() * 4 > used.len();
    if thin {
        let mut days: Vec<Vec<f64>> = vec![Vec::new(); 24];
        for (hour, values) in hours.iter().enumerate() {
            days[hour % 24].extend(values);
        }
        hours = (0..168).map(|hour| days[hour % 24].clone()).collect();
    }
    let season: Vec<f64> = hours
        .iter_mut()
        .map(|all| match all.len() {
            n if n < ENOUGH => 0.0,
            _ => middle(all).unwrap_or(0.0),
        })
        .collect();
    Some(season)
}

/// The median of so many values around each, taken at some of them and drawn straight between.
pub fn running(values: &[f64], window: usize) -> Vec<f64> {
    let half = (window / 2).max(1);
    let stride = (window / 8).max(1);
    let at = |i: usize| {
        let from = i.saturating_sub(half);
        let to = (i + half + 1).min(values.len());
        let mut near = values.get(from..to).unwrap_or_default().to_vec();
        middle(&mut near).unwrap_or(0.0)
    };
    let mut out = Vec::with_capacity(values.len());
    let mut i = 0;
    while i < values.len() {
        let next = (i + stride).min(values.len() - 1);
        let (here, there) = (at(i), at(next));
        let steps = (next - i).max(1);
        for k in 0..steps {
            let share = k as f64 / steps as f64;
            out.push(here + (there - here) * share);
        }
        i += steps;
    }
    out.truncate(values.len());
    out
}
