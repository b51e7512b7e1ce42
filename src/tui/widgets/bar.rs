//! Owns progress bars: `████████░░  81 %`.

use super::pen::Pen;
use crate::tui::theme::{Theme, Token};
use ratatui::style::Style;

/// Whole percent, 0 to 100; never 100 before all is done.
pub fn percent(fraction: f64) -> u8 {
    // NaN casts to 0
    (fraction.clamp(0.0, 1.0) * 100.0 + 1e-9) as u8
}

/// How many of `columns` cells are full: some as soon as anything is done, all only when all is done.
fn filled(fraction: f64, columns: usize) -> usize {
    let fraction = fraction.clamp(0.0, 1.0);
    if columns == 0 || fraction.is_nan() || fraction <= 0.0 {
        return 0;
    }
    if fraction >= 1.0 {
        return columns;
    }
    ((fraction * columns as f64).round() as usize).clamp(1, columns.max(2) - 1)
}

/// The bar alone.
pub fn text(theme: &Theme, fraction: f64, columns: usize) -> String {
    let full = filled(fraction, columns);
    theme.glyphs.bar_full.repeat(full) + &theme.glyphs.bar_rest.repeat(columns - full)
}

/// A bar and its percentage in exactly `columns` (or what is left of the row); without the bar when there is no
/// room for at least three cells of it.
pub fn draw(pen: &mut Pen, theme: &Theme, fraction: f64, columns: usize, style: Style) {
    let columns = columns.min(pen.room());
    let figure = format!("{:>3} %", percent(fraction));
    let bar = columns.saturating_sub(figure.len() + 1);
    if bar < 3 {
        pen.cell(figure.trim_start(), columns, theme[Token::Text]);
        return;
    }
    pen.put(&text(theme, fraction, bar), style)
        .put(" ", theme[Token::Text])
        .put(&figure, theme[Token::Text]);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{one_line, theme};
    use super::*;

    #[test]
    fn percent_never_lies_at_the_ends() {
        for (fraction, shown) in [
            (-1.0, 0),
            (0.0, 0),
            (0.29, 29),
            (0.999, 99),
            (1.0, 100),
            (7.0, 100),
            (f64::NAN, 0),
        ] {
            assert_eq!(percent(fraction), shown, "{fraction}");
        }
        assert_eq!(filled(0.001, 10), 1);
        assert_eq!(filled(0.999, 10), 9);
        assert_eq!(filled(0.5, 1), 1);
        assert_eq!(filled(0.5, 0), 0);
    }

    #[test]
    fn bars() {
        let draw_at = |fraction, columns, ascii| {
            one_line(columns, |pen| {
                draw(
                    pen,
                    theme(ascii),
                    fraction,
                    usize::from(columns),
                    Style::new(),
                );
            })
        };
        assert_eq!(draw_at(0.81, 16, false), "████████░░  81 %");
        assert_eq!(draw_at(0.81, 16, true), "########..  81 %");
        assert_eq!(draw_at(1.0, 9, false), "███ 100 %");
        assert_eq!(draw_at(0.81, 8, false), "81 %    ");
        assert_eq!(draw_at(0.81, 2, false), "8…");
        assert_eq!(draw_at(0.81, 0, false), "");
    }
}
