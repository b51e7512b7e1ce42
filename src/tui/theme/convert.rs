//! Colours that come from elsewhere: the configuration's accents and the colours inside log lines.

use ratatui::style::{Color, Modifier, Style};

use crate::config::Colour;
use crate::model::{StyleSpan, TextColor};

pub const fn config_color(colour: Colour) -> Color {
    match colour {
        Colour::Ansi(n) => ansi(n),
        Colour::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}

/// A backend's accent as it is written in the configuration (`red`, `bright-blue`, `#ff8800`).
pub fn accent_color(text: &str) -> Option<Color> {
    Colour::parse(text).map(config_color)
}

/// How a span of a log line wants to look; the terminal's depth is seen to when it is sent.
pub fn span_style(span: &StyleSpan) -> Style {
    let mut style = Style {
        fg: span.fg.map(text_color),
        bg: span.bg.map(text_color),
        ..Style::new()
    };
    for (on, modifier) in [
        (span.bold, Modifier::BOLD),
        (span.dim, Modifier::DIM),
        (span.italic, Modifier::ITALIC),
        (span.underline, Modifier::UNDERLINED),
        (span.reversed, Modifier::REVERSED),
    ] {
        if on {
            style = style.add_modifier(modifier);
        }
    }
    style
}

const fn text_color(color: TextColor) -> Color {
    match color {
        TextColor::Ansi(n) => ansi(n),
        TextColor::Indexed(n) => Color::Indexed(n),
        TextColor::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}

/// 0 to 15 by number: the same colour as the name, without a table of names.
const fn ansi(n: u8) -> Color {
    Color::Indexed(n & 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_are_read_as_in_the_configuration() {
        assert_eq!(accent_color("red"), Some(Color::Indexed(1)));
        assert_eq!(accent_color("#ff8800"), Some(Color::Rgb(255, 136, 0)));
        assert_eq!(accent_color("reddish"), None);
    }

    #[test]
    fn a_span_keeps_its_colours_and_attributes() {
        let span = StyleSpan {
            start: 0,
            end: 4,
            fg: Some(TextColor::Ansi(9)),
            bg: Some(TextColor::Indexed(20)),
            bold: true,
            ..StyleSpan::default()
        };
        let want = Style::new()
            .fg(Color::Indexed(9))
            .bg(Color::Indexed(20))
            .add_modifier(Modifier::BOLD);
        assert_eq!(span_style(&span), want);
    }
}
