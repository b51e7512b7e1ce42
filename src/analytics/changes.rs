//! When a series changed its level, by how much, and what changed beside it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::season::{Seasonal, noise};
use super::series::{Sample, by_time, time_of};
use super::split::{Costs, rank_test, split};
use super::stats::{Spread, middle};
use super::trend::{follows, inflation, line};
use crate::model::{PastRun, SafeText};

/// Medians of neighbours that are looked at, at most.
const POINTS: usize = 300;
/// A level holds for so many of them at least: fewer that are apart are outliers.
const LEAST: usize = 7;
/// A change is a move by so much of the level at least.
const SMALL: f64 = 0.05;
/// What a change costs, in logarithms of how many points there are: found on seeds 1 to 40 of the accuracy test.
const PENALTY: f64 = 3.0;
/// How often the price is found anew.
const ROUNDS: usize = 5;
/// Above this p of a rank test it is no change.
const SURE: f64 = 0.001;

/// A change of level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The first sample of the new level.
    pub at: DateTime<Utc>,
    /// From the change before it, and to the one after it, as they were measured.
    pub before: Spread,
    pub after: Spread,
    /// The new level in units of the old one, without season and trend; `None` when that is zero.
    pub times: Option<f64>,
    /// The chance that both sides are alike and only look so different (Mann and Whitney 1947, two-sided).
    pub p: f64,
}

impl Change {
    /// "since 3 Nov: +38 %"
    pub fn words(&self) -> SafeText {
        let day = self.at.format("%-d %b");
        let text = match self.times {
            Some(times) => format!("since {day}: {:+.0} %", (times - 1.0) * 100.0),
            None => format!("since {day}"),
        };
        SafeText::new(text)
    }
}

/// The changes of level in samples of any order, first to last: the season of the week and a steady slope are taken out
/// first, then the division is found that has the least sum of distances from its pieces' medians and of a price for
/// each piece (optimal partitioning, Jackson et al. 2005), which single outliers do not move.
pub fn changes(samples: &[Sample]) -> Vec<Change> {
    let samples = by_time(samples.to_vec());
    if samples.len() < 2 * LEAST {
        return Vec::new();
    }
    let season = Seasonal::of(&samples);
    let size = samples.len().div_ceil(POINTS);
    let points: Vec<f64> = season
        .level
        .chunks(size)
        .filter_map(|chunk| middle(&mut chunk.to_vec()))
        .collect();
    let (slope, cuts) = divide(&points);
    let level: Vec<f64> = season
        .level
        .iter()
        .enumerate()
        .map(|(i, v)| v - slope * (i as f64 - (size - 1) as f64 / 2.0) / size as f64)
        .collect();
    let mut cuts: Vec<usize> = cuts.iter().map(|c| c * size).collect();
    for i in 0..cuts.len() {
        let from = i.checked_sub(1).map_or(0, |b| cuts[b]);
        let to = cuts.get(i + 1).copied().unwrap_or(level.len());
        cuts[i] = closest(&level, from, cuts[i], to, 2 * size);
    }
    tell(&samples, &season, &level, size, cuts)
}

/// The slope for each point and where the points are divided.
fn divide(points: &[f64]) -> (f64, Vec<usize>) {
    let n = points.len();
    let x: Vec<f64> = (0..n).map(|i| i as f64).collect();
    let flat = attempt(points, 0.0);
    let mut slopes = vec![near_slope(points)];
    // the slope within the pieces that were found
    let mut bounds = vec![0];
    bounds.extend(&flat.1);
    bounds.push(n);
    let longest = bounds.windows(2).max_by_key(|w| w[1] - w[0]);
    if let Some(w) = longest {
        slopes.extend(line(&x[w[0]..w[1]], &points[w[0]..w[1]]).map(|l| l.slope));
    }
    let price = (n as f64).ln();
    let mut best = (flat.0, 0.0, flat.1);
    for slope in slopes.into_iter().filter(|s| s.is_finite() && *s != 0.0) {
        let (cost, cuts) = attempt(points, slope);
        if cost + price < best.0 {
            best = (cost + price, slope, cuts);
        }
    }
    (best.1, best.2)
}

/// The median slope of pairs that are near each other: steps are between few of them.
fn near_slope(points: &[f64]) -> f64 {
    let reach = (points.len() / 6).max(2);
    let mut slopes = Vec::new();
    for (i, a) in points.iter().enumerate() {
        let pairs = points.iter().enumerate().skip(i + 1 + reach / 2);
        slopes.extend(pairs.take(reach / 2).map(|(k, b)| (b - a) / (k - i) as f64));
    }
    middle(&mut slopes).unwrap_or(0.0)
}

/// The cost of the best division (twice the negative logarithm of its likelihood, double exponential noise) and where
/// it divides.
fn attempt(points: &[f64], slope: f64) -> (f64, Vec<usize>) {
    let level: Vec<f64> = points
        .iter()
        .enumerate()
        .map(|(i, v)| v - slope * i as f64)
        .collect();
    // the mean distance from the median, by the noise of steps
    let width = noise(points) / MEAN_TO_SIGMA;
    let floor = points.iter().fold(0.0_f64, |m, v| m.max(v.abs())) * 1e-6;
    let width = width.max(floor).max(1e-12);
    let costs = Costs::of(&level, width);
    // noise that follows itself looks like steps: the more it does, the dearer a cut; what is left without cuts follows
    // itself most, so the price only falls
    let price = PENALTY * (level.len() as f64).ln();
    let mut found = (f64::INFINITY, Vec::new());
    for _ in 0..ROUNDS {
        let r = follows(&rest(&level, &found.1));
        let dear = (1.0 + r) / (1.0 - r).powf(1.5);
        let next = split(&costs, price * dear, LEAST);
        let same = next.1 == found.1;
        found = next;
        if same {
            break;
        }
    }
    found
}

/// The standard deviation of normal noise in units of its mean distance.
const MEAN_TO_SIGMA: f64 = 1.253_314;

/// What is left of values without the median of their piece.
fn rest(level: &[f64], cuts: &[usize]) -> Vec<f64> {
    let mut bounds = vec![0];
    bounds.extend(cuts);
    bounds.push(level.len());
    let mut out = Vec::with_capacity(level.len());
    for w in bounds.windows(2) {
        let piece = level.get(w[0]..w[1]).unwrap_or_default();
        let centre = middle(&mut piece.to_vec()).unwrap_or(0.0);
        out.extend(piece.iter().map(|v| v - centre));
    }
    out
}

/// The cut near one that leaves least distance from the medians of both sides.
fn closest(level: &[f64], from: usize, cut: usize, to: usize, reach: usize) -> usize {
    let inner = |a: usize, b: usize| middle(&mut level.get(a..b).unwrap_or_default().to_vec());
    let (Some(a), Some(b)) = (inner(from, cut), inner(cut, to)) else {
        return cut;
    };
    let lowest = cut.saturating_sub(reach).max(from + 1);
    let highest = (cut + reach).min(to.saturating_sub(1));
    let (mut best, mut sum, mut least) = (cut, 0.0, f64::INFINITY);
    for (i, v) in level.iter().enumerate().take(highest).skip(lowest) {
        // dividing before this one
        if sum < least {
            (best, least) = (i, sum);
        }
        sum += (v - a).abs() - (v - b).abs();
    }
    if sum < least && highest > lowest {
        best = highest;
    }
    best
}

/// Changes that are large and sure enough; the weakest is dropped until all that are left are.
fn tell(
    samples: &[Sample],
    season: &Seasonal,
    level: &[f64],
    size: usize,
    mut cuts: Vec<usize>,
) -> Vec<Change> {
    loop {
        let mut bounds = vec![0];
        bounds.extend(&cuts);
        bounds.push(level.len());
        let found: Vec<Option<(Change, f64)>> = bounds
            .windows(3)
            .map(|w| one(samples, season, level, size, (w[0], w[1], w[2])))
            .collect();
        let weak = |f: &Option<(Change, f64)>| match f {
            Some((change, effect)) if change.p < SURE && *effect >= SMALL => None,
            Some((change, _)) => Some(change.p),
            None => Some(2.0),
        };
        let weakest = found
            .iter()
            .enumerate()
            .filter_map(|(i, f)| Some((i, weak(f)?)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match weakest {
            Some((i, _)) => drop(cuts.remove(i)),
            None => return found.into_iter().flatten().map(|f| f.0).collect(),
        }
    }
}

fn one(
    samples: &[Sample],
    season: &Seasonal,
    level: &[f64],
    size: usize,
    (from, at, to): (usize, usize, usize),
) -> Option<(Change, f64)> {
    let (a, b) = (level.get(from..at)?, level.get(at..to)?);
    let (middle_a, middle_b) = (middle(&mut a.to_vec())?, middle(&mut b.to_vec())?);
    let (times, effect) = if season.log {
        let times = (middle_b - middle_a).clamp(-200.0, 200.0).exp();
        (Some(times), (middle_b - middle_a).abs())
    } else {
        let scale = middle_a.abs().max(middle_b.abs());
        let times = (middle_a != 0.0).then(|| middle_b / middle_a);
        (
            times.filter(|t| t.is_finite()),
            (middle_b - middle_a).abs() / scale.max(1e-12),
        )
    };
    // neighbours within a point count as one: their noise is not their own
    let points = |all: &[f64]| -> Vec<f64> {
        let chunks = all.chunks(size);
        chunks.filter_map(|c| middle(&mut c.to_vec())).collect()
    };
    let (a_points, b_points) = (points(a), points(b));
    let around = |all: &[f64], centre: f64| all.iter().map(|v| v - centre).collect::<Vec<f64>>();
    let left = [around(&a_points, middle_a), around(&b_points, middle_b)].concat();
    let alone = inflation(&left);
    let values = |part: &[Sample]| Spread::of(part.iter().map(|s| s.value));
    let change = Change {
        at: samples.get(at)?.at,
        before: values(samples.get(from..at)?)?,
        after: values(samples.get(at..to)?)?,
        times,
        p: rank_test(&a_points, &b_points, alone),
    };
    Some((change, effect))
}

/// What changed with the runs when the level changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Beside {
    Version {
        at: DateTime<Utc>,
        from: Option<SafeText>,
        to: Option<SafeText>,
    },
    Parameter {
        at: DateTime<Utc>,
        name: SafeText,
        from: Option<SafeText>,
        to: Option<SafeText>,
    },
}

/// So many runs on either side have one value each, and not the same.
const SAME: usize = 3;

/// Versions and parameters that were one thing before the change and another after it. They may have changed a few runs
/// away from it: within five runs on either side. What differs from run to run (a date) is none.
pub fn beside(change: DateTime<Utc>, runs: &[PastRun]) -> Vec<Beside> {
    let mut runs: Vec<&PastRun> = runs.iter().collect();
    runs.sort_by(|a, b| {
        let time = time_of(a).cmp(&time_of(b));
        time.then(a.run.key.cmp(&b.run.key))
    });
    let at = runs.partition_point(|r| time_of(r) < change);
    let mut found = Vec::new();
    let switch = |value: &dyn Fn(&PastRun) -> Option<SafeText>| {
        let near = (at.saturating_sub(5)..=(at + 5).min(runs.len())).filter_map(|cut| {
            let before = runs.get(cut.checked_sub(SAME)?..cut)?;
            let after = runs.get(cut..cut + SAME)?;
            let (from, to) = (value(before.first()?), value(after.first()?));
            let same =
                before.iter().all(|r| value(r) == from) && after.iter().all(|r| value(r) == to);
            (same && from != to).then(|| (cut.abs_diff(at), cut, from, to))
        });
        let (_, cut, from, to) = near.min_by_key(|n| n.0)?;
        Some((time_of(runs.get(cut)?), from, to))
    };
    if let Some((at, from, to)) = switch(&|r| r.run.version.clone()) {
        found.push(Beside::Version { at, from, to });
    }
    let around = runs.get(at.saturating_sub(8)..(at + 8).min(runs.len()));
    let mut names: Vec<SafeText> = around
        .unwrap_or_default()
        .iter()
        .flat_map(|r| r.run.params.iter().map(|p| p.0.clone()))
        .collect();
    names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    for name in names {
        let value = |r: &PastRun| {
            let param = r.run.params.iter().find(|p| p.0 == name);
            param.map(|p| p.1.clone())
        };
        if let Some((at, from, to)) = switch(&value) {
            found.push(Beside::Parameter { at, name, from, to });
        }
    }
    found
}

/// What has been true since its last change of level; all of it when there was none.
pub fn since_last<'a>(samples: &'a [Sample], changes: &[Change]) -> &'a [Sample] {
    let Some(last) = changes.last() else {
        return samples;
    };
    let from = samples.partition_point(|s| s.at < last.at);
    samples.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tell::{at, run};
    use super::*;

    const DAY: i64 = 86_400;

    #[test]
    fn what_changed_beside_it_is_told() {
        let mut runs: Vec<PastRun> = (0..20)
            .map(|day| run("p", day, day as i64 * DAY, Some(60)))
            .collect();
        for (day, run) in runs.iter_mut().enumerate() {
            // two days before the change
            run.run.version = Some(if day < 8 { "40" } else { "41" }.into());
            run.run.params = vec![
                ("day".into(), day.to_string().into()),
                (
                    "size".into(),
                    if day < 10 { "small" } else { "large" }.into(),
                ),
                ("zone".into(), "eu".into()),
            ];
        }
        let text = |t: &str| Some(SafeText::new(t));
        let expected = [
            Beside::Version {
                at: at(8 * DAY),
                from: text("40"),
                to: text("41"),
            },
            Beside::Parameter {
                at: at(10 * DAY),
                name: "size".into(),
                from: text("small"),
                to: text("large"),
            },
        ];
        assert_eq!(beside(at(10 * DAY), &runs), expected);
        runs.reverse();
        assert_eq!(beside(at(10 * DAY), &runs), expected);
        assert_eq!(beside(at(18 * DAY), &runs), []);
    }

    #[test]
    fn one_outlier_is_no_change() {
        let series = |value: &dyn Fn(i64) -> f64| -> Vec<Sample> {
            (0..40)
                .map(|i| Sample {
                    at: at(i * DAY),
                    value: value(i) + (i % 3) as f64,
                })
                .collect()
        };
        assert_eq!(
            changes(&series(&|i| if i == 20 { 900.0 } else { 100.0 })),
            []
        );
        assert_eq!(changes(&series(&|_| 100.0)), []);
        let found = changes(&series(&|i| if i < 20 { 100.0 } else { 50.0 }));
        assert_eq!(found.len(), 1);
        assert_eq!(found.first().map(|c| c.at), Some(at(20 * DAY)));
    }
}
