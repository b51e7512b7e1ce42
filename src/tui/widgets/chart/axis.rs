//! Round numbers for axes.

use chrono::{DateTime, Duration, Utc};

use crate::tui::widgets::format::{self, Zone};

/// What the values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Duration,
    Bytes,
    Count,
    /// From 0 to 1.
    Share,
}

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;
/// Steps of a clock.
const CLOCK: [f64; 19] = [
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    30.0,
    MINUTE,
    2.0 * MINUTE,
    5.0 * MINUTE,
    10.0 * MINUTE,
    15.0 * MINUTE,
    30.0 * MINUTE,
    HOUR,
    2.0 * HOUR,
    3.0 * HOUR,
    6.0 * HOUR,
    12.0 * HOUR,
    DAY,
    2.0 * DAY,
];
/// Steps of a ruler of time, in seconds.
const RULER: [i64; 17] = [
    60, 300, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 345_600, 604_800,
    1_209_600, 2_592_000, 5_184_000, 7_776_000,
];

impl Unit {
    /// The smallest round step that is not smaller.
    fn step(self, least: f64) -> f64 {
        if self == Self::Duration && least > 0.5 {
            if let Some(step) = CLOCK.iter().find(|s| **s >= least) {
                return *step;
            }
            return decimal(least / DAY) * DAY;
        }
        let step = decimal(least);
        match self {
            Self::Count => step.max(1.0),
            _ => step,
        }
    }

    pub fn label(self, value: f64) -> String {
        match self {
            Self::Duration if value > 0.0 && value < 1.0 => format!("{}s", round(value)),
            Self::Duration => format::duration(span(value)),
            Self::Bytes => format::bytes(value.max(0.0) as u64),
            Self::Count => compact(value),
            Self::Share => format!("{:.0} %", value * 100.0),
        }
    }

    /// A value as precise as a person wants it.
    pub fn say(self, value: f64) -> String {
        match self {
            Self::Duration if value > 0.0 && value < 1.0 => format!("{value:.2}s"),
            Self::Duration => format::duration_fine(span(value)),
            Self::Count => format::metric(value),
            Self::Share => format!("{:.1} %", value * 100.0),
            Self::Bytes => self.label(value),
        }
    }
}

/// So many seconds.
pub(in crate::tui) fn span(seconds: f64) -> Duration {
    let most = 1e12;
    Duration::milliseconds((seconds.clamp(-most, most) * 1000.0) as i64)
}

/// 1, 2 or 5 and zeros.
fn decimal(least: f64) -> f64 {
    if !least.is_finite() || least <= 0.0 {
        return 1.0;
    }
    let size = 10f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0];
    let step = step.iter().find(|s| **s * size >= least * (1.0 - 1e-9));
    step.copied().unwrap_or(10.0) * size
}

fn round(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// "812", "1.2k", "41M".
fn compact(value: f64) -> String {
    for (size, letter) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")] {
        if value.abs() >= size {
            let unit = if letter == "k" { 1e3 } else { size };
            return format!("{}{letter}", round((value / unit * 10.0).round() / 10.0));
        }
    }
    format::metric(value)
}

/// Marks of an axis with so many rows, from the lowest to the highest; all values lie between the two.
pub(super) fn ticks(unit: Unit, least: f64, most: f64, rows: u16) -> Vec<f64> {
    let wanted = f64::from((rows / 3).clamp(1, 6));
    let most = if most > least { most } else { least + 1.0 };
    let mut step = unit.step((most - least) / wanted);
    if !step.is_finite() || step <= 0.0 {
        step = 1.0;
    }
    let first = (least / step).floor();
    let last = (most / step - 1e-9).ceil().max(first + 1.0);
    // a step that is lost in the size of its values would go on for ever
    let count = (last - first).clamp(1.0, 20.0) as usize;
    (0..=count)
        .map(|i| match i == count {
            true => last * step,
            false => (first + i as f64) * step,
        })
        .collect()
}

/// Labels of a ruler of time: their columns and texts.
pub(super) fn times(
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    columns: u16,
    zone: Zone,
) -> Vec<(usize, String)> {
    let whole = (to - from).num_seconds();
    if whole <= 0 || columns < 6 {
        return Vec::new();
    }
    let most = i64::from(columns / 10).max(1);
    let step = RULER.iter().copied().find(|s| whole / s <= most);
    let step = step.unwrap_or(31_536_000);
    let mut labels: Vec<(usize, String)> = Vec::new();
    let mut free = 0;
    let first = (from.timestamp() + format::offset(from, zone).num_seconds()).div_euclid(step);
    for n in 0..=(whole / step + 1) {
        let wall = (first + n) * step;
        let Some(guess) = DateTime::from_timestamp(wall, 0) else {
            break;
        };
        let at = guess - format::offset(guess, zone);
        if at < from || at > to {
            continue;
        }
        let text = match step >= 86_400 || wall.rem_euclid(86_400) == 0 {
            true => format::day(at, zone),
            false => format::tick(at, zone, false, false),
        };
        let share = (at - from).num_seconds() as f64 / whole as f64;
        let column = (share * f64::from(columns)) as usize;
        if column >= free && column + text.len() <= usize::from(columns) {
            free = column + text.len() + 2;
            labels.push((column, text));
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_hold_all_values() {
        for (unit, most, rows, labels) in [
            (Unit::Duration, 727.0, 9, vec!["0s", "5m", "10m", "15m"]),
            (Unit::Duration, 0.4, 6, vec!["0s", "0.2s", "0.4s"]),
            (Unit::Duration, 90_000.0, 6, vec!["0s", "1d 0h", "2d 0h"]),
            (Unit::Bytes, 3.2e9, 6, vec!["0 B", "2.0 GB", "4.0 GB"]),
            (Unit::Count, 3.0, 9, vec!["0", "1", "2", "3"]),
            (Unit::Count, 41_230_118.0, 6, vec!["0", "50M"]),
            (Unit::Share, 1.0, 6, vec!["0 %", "50 %", "100 %"]),
        ] {
            let ticks = ticks(unit, 0.0, most, rows);
            let shown: Vec<String> = ticks.iter().map(|t| unit.label(*t)).collect();
            assert_eq!(shown, labels, "{most}");
        }
    }

    #[test]
    fn odd_values_give_few_marks() {
        for (least, most) in [
            (0.0, f64::MAX),
            (0.0, f64::MIN_POSITIVE),
            (-1e300, 1e300),
            (1e17, 1e17 + 1.0),
            (0.0, 0.0),
            (0.0, f64::INFINITY),
        ] {
            for unit in [Unit::Duration, Unit::Bytes, Unit::Count, Unit::Share] {
                assert!(ticks(unit, least, most, 12).len() <= 21, "{least} {most}");
            }
        }
    }
}
