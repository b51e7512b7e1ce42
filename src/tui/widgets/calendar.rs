//! Owns the calendar of outcomes: a column for each week, a row for each weekday, the sign of the worst that happened.

use std::collections::HashMap;

use chrono::{Datelike as _, Days, NaiveDate};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::format;
use super::heat::DAYS;
use super::pen::{self, Pen};
use crate::model::Health;
use crate::tui::theme::{Theme, Token};

const NAMES: usize = 4;

/// Days up to `today`, which is in the last column; as many weeks as there is room for.
pub fn draw(
    buf: &mut Buffer,
    area: Rect,
    theme: &Theme,
    days: &[(NaiveDate, Health)],
    today: NaiveDate,
) {
    let area = pen::clip(area, buf);
    let room = usize::from(area.width).saturating_sub(NAMES);
    // two columns for a week, as long as half a year fits
    let wide = if room >= 2 * 12 { 2 } else { 1 };
    let weeks = (room / wide).min(53);
    let by_date: HashMap<NaiveDate, Health> = days.iter().copied().collect();
    let monday = today.checked_sub_days(Days::new(today.weekday().num_days_from_monday().into()));
    let first =
        monday.and_then(|m| m.checked_sub_days(Days::new(7 * weeks.saturating_sub(1) as u64)));
    let Some(first) = first.filter(|_| weeks > 0) else {
        return;
    };
    for (row, name) in (1u16..).zip(DAYS) {
        Pen::new(buf, area, row, theme).cell(name, NAMES - 1, theme[Token::Muted]);
    }
    let mut free = 0;
    let mut month = 0;
    for week in 0..weeks {
        let Some(begins) = first.checked_add_days(Days::new(7 * week as u64)) else {
            return;
        };
        let column = NAMES + week * wide;
        if begins.month() != month && column >= free {
            let text = begins.format("%b").to_string();
            if column + format::width(&text) <= usize::from(area.width) {
                Pen::new(buf, area, 0, theme)
                    .skip(column)
                    .put(&text, theme[Token::Muted]);
            }
            month = begins.month();
            free = column + 4;
        }
        for (row, day) in (1u16..).zip(0..7) {
            let Some(date) = begins
                .checked_add_days(Days::new(day))
                .filter(|d| *d <= today)
            else {
                continue;
            };
            let (glyph, style) = match by_date.get(&date) {
                Some(health) => (theme.health_glyph(*health), theme.health(*health)),
                None => (theme.glyphs.heat[0], theme[Token::Muted]),
            };
            Pen::new(buf, area, row, theme)
                .skip(column)
                .put(glyph, style);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::testing::{self, suffix, theme};
    use super::*;

    fn days() -> Vec<(NaiveDate, Health)> {
        let today = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap();
        (0..150)
            .filter(|n| n % 7 != 5)
            .map(|n| {
                let health = match n {
                    0 => Health::Running,
                    3 | 40 => Health::Failed,
                    11 => Health::Warned,
                    _ => Health::Succeeded,
                };
                (today.checked_sub_days(Days::new(n)).unwrap(), health)
            })
            .collect()
    }

    #[test]
    fn looks() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap();
        for (width, ascii) in [(78, false), (30, false), (78, true), (20, false)] {
            let text = testing::text(width, 8, |buf, area| {
                draw(buf, area, theme(ascii), &days(), today);
            });
            insta::assert_snapshot!(format!("calendar_{width}{}", suffix(ascii)), text);
        }
    }

    #[test]
    fn any_size_and_any_day() {
        for today in [
            NaiveDate::MIN,
            NaiveDate::MAX,
            NaiveDate::from_ymd_opt(2026, 11, 20).unwrap(),
        ] {
            testing::every_size(|buf, area| draw(buf, area, theme(false), &days(), today));
        }
    }
}
