//! Owns the map of the week: seven days of twenty-four hours, more where the sign is denser.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::pen::{self, Pen};
use crate::model::NodeState;
use crate::tui::theme::{Theme, Token};

pub const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// Columns for the names of days.
const NAMES: usize = 4;

/// One hour of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hour {
    /// `None`: nothing is known of it.
    pub value: Option<f64>,
    /// Shown as a problem.
    pub bad: bool,
}

/// How dense, from 0 (nothing) to 4.
fn level(value: f64, most: f64) -> usize {
    if !value.is_finite() || value <= 0.0 || most <= 0.0 || most.is_nan() {
        return 0;
    }
    ((value / most).clamp(0.0, 1.0) * 4.0).ceil() as usize
}

/// Hours by weekday (Monday first). Needs 9 rows and 28 columns to be whole.
pub fn draw(buf: &mut Buffer, area: Rect, theme: &Theme, week: &[[Hour; 24]; 7]) {
    let area = pen::clip(area, buf);
    let room = usize::from(area.width).saturating_sub(NAMES);
    let wide = (room / 24).clamp(1, 3);
    let most = week.iter().flatten().filter_map(|h| h.value);
    let most = most.filter(|v| v.is_finite()).fold(0.0, f64::max);
    let mut head = Pen::new(buf, area, 0, theme);
    head.skip(NAMES);
    for hour in (0..24).step_by(if wide == 1 { 6 } else { 3 }) {
        let columns = wide * if wide == 1 { 6 } else { 3 };
        head.cell(&format!("{hour:02}"), columns, theme[Token::Muted]);
    }
    for (row, (name, hours)) in (1u16..).zip(DAYS.iter().zip(week)) {
        let mut pen = Pen::new(buf, area, row, theme);
        pen.cell(name, NAMES, theme[Token::Muted]);
        for hour in hours {
            let (sign, style) = match hour.value {
                None => (" ", theme[Token::Muted]),
                Some(value) => {
                    let sign = theme.glyphs.heat[level(value, most).min(4)];
                    let style = match (hour.bad, value > 0.0) {
                        (true, _) => theme.state(NodeState::Failed),
                        (false, true) => theme[Token::Spark],
                        (false, false) => theme[Token::Muted],
                    };
                    (sign, style)
                }
            };
            pen.put(&sign.repeat(wide.max(2) - 1), style);
            if wide > 1 {
                pen.skip(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, suffix, theme};
    use super::*;

    fn week() -> [[Hour; 24]; 7] {
        let mut week = [[Hour::default(); 24]; 7];
        for (d, hours) in week.iter_mut().enumerate() {
            for (h, hour) in hours.iter_mut().enumerate() {
                hour.value = match (d, h) {
                    (5.., _) => None,
                    (_, 2..=9) => Some((h * (d + 1)) as f64),
                    _ => Some(0.0),
                };
                hour.bad = h == 2;
            }
        }
        week
    }

    #[test]
    fn looks() {
        for (width, ascii) in [(78, false), (52, false), (28, false), (78, true)] {
            let text = testing::text(width, 8, |buf, area| {
                draw(buf, area, theme(ascii), &week());
            });
            insta::assert_snapshot!(format!("heat_{width}{}", suffix(ascii)), text);
        }
    }

    #[test]
    fn any_size_and_any_number() {
        let mut odd = week();
        for (n, value) in [f64::NAN, f64::INFINITY, -1.0, f64::MAX]
            .into_iter()
            .enumerate()
        {
            odd[n][3].value = Some(value);
        }
        testing::every_size(|buf, area| draw(buf, area, theme(false), &odd));
        assert_eq!([0.0, 0.01, 1.0, 2.0].map(|v| level(v, 1.0)), [0, 1, 4, 4]);
        assert_eq!(level(f64::NAN, 1.0), 0);
    }
}
