//! Owns the row of last runs: `▂▂▃▂✗`. Height says how long a run took against the usual one, a run that did not
//! just end well shows the glyph of its health instead.

use chrono::Duration;

use crate::model::Health;

use super::pen::Pen;
use crate::tui::theme::Theme;

/// The height of a usual run, of eight.
const USUAL: f64 = 2.0;

/// Heights 1 to 8 of the runs that ended well, `None` for the others. The median is height 2.
fn heights(runs: &[(Health, Option<Duration>)]) -> Vec<Option<u8>> {
    let mut well: Vec<i64> = runs
        .iter()
        .filter(|(health, _)| *health == Health::Succeeded)
        .filter_map(|(_, took)| Some(took.as_ref()?.num_milliseconds()))
        .collect();
    well.sort_unstable();
    let median = well.get(well.len() / 2).copied().unwrap_or(0).max(1);
    runs.iter()
        .map(|(health, took)| {
            (*health == Health::Succeeded).then(|| match took {
                None => USUAL as u8,
                Some(took) => {
                    let times = took.num_milliseconds() as f64 / median as f64;
                    // NaN can't come from whole numbers; the cast saturates
                    (times * USUAL).round().clamp(1.0, 8.0) as u8
                }
            })
        })
        .collect()
}

/// The newest of `runs` (oldest first) that fit into `columns`, at the left edge.
pub fn draw(pen: &mut Pen, theme: &Theme, runs: &[(Health, Option<Duration>)], columns: usize) {
    let columns = columns.min(pen.room());
    let heights = heights(runs);
    for ((health, _), height) in runs
        .iter()
        .zip(heights)
        .skip(runs.len().saturating_sub(columns))
    {
        let glyph = match height {
            Some(height) => theme.glyphs.spark[usize::from(height - 1)],
            None => theme.health_glyph(*health),
        };
        pen.put(glyph, theme.health(*health));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{one_line, theme};
    use super::*;
    use Health::*;

    fn shown(runs: &[(Health, i64)], columns: u16, ascii: bool) -> String {
        let runs: Vec<_> = runs
            .iter()
            .map(|(h, s)| (*h, (*s >= 0).then(|| Duration::seconds(*s))))
            .collect();
        one_line(columns, |pen| {
            draw(pen, theme(ascii), &runs, usize::from(columns));
        })
    }

    #[test]
    fn height_is_against_the_usual() {
        let runs = [
            (Succeeded, 60),
            (Succeeded, 60),
            (Succeeded, 90),
            (Succeeded, 10),
            (Succeeded, 600),
            (Failed, 10),
            (Running, 30),
        ];
        assert_eq!(shown(&runs, 8, false), "▂▂▃▁█✗● ");
        assert_eq!(shown(&runs, 3, false), "█✗●");
        assert_eq!(shown(&runs, 0, false), "");
    }

    #[test]
    fn every_condition_has_a_glyph_of_its_own_kind() {
        let runs = [
            (Succeeded, -1),
            (Warned, 1),
            (Cancelled, 1),
            (Queued, -1),
            (Failed, 1),
        ];
        let glyphs = shown(&runs, 5, false);
        assert_eq!(glyphs.chars().next(), Some('▂'));
        assert!(!glyphs.contains(' '), "{glyphs:?}");
        assert!(shown(&runs, 5, true).is_ascii());
    }
}
