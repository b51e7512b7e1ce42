//! Which colour a hue is, picked by hand for each depth.

use ratatui::style::Color;

use super::Hue;
use crate::tui::term::ColorDepth;

/// One colour, three times: for 16 colours, for 256 and for 24 bits. `None` is the terminal's own foreground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ink {
    ansi: Option<Color>,
    indexed: Option<Color>,
    rgb: Option<Color>,
}

impl Ink {
    const PLAIN: Self = Self {
        ansi: None,
        indexed: None,
        rgb: None,
    };

    /// The same of the terminal's sixteen at every depth: follows the user's palette and costs the fewest bytes.
    const fn ansi(color: Color) -> Self {
        Self {
            ansi: Some(color),
            indexed: Some(color),
            rgb: Some(color),
        }
    }

    const fn new(ansi: Option<Color>, indexed: u8, rgb: u32) -> Self {
        let [_, r, g, b] = rgb.to_be_bytes();
        Self {
            ansi,
            indexed: Some(Color::Indexed(indexed)),
            rgb: Some(Color::Rgb(r, g, b)),
        }
    }

    pub(super) const fn at(self, depth: ColorDepth) -> Option<Color> {
        match depth {
            ColorDepth::None => None,
            ColorDepth::Ansi16 => self.ansi,
            ColorDepth::Indexed256 => self.indexed,
            ColorDepth::Rgb => self.rgb,
        }
    }
}

/// A named set of colours.
#[derive(Debug, Clone, Copy)]
pub struct Palette {
    pub name: &'static str,
    muted: Ink,
    bad: Ink,
    good: Ink,
    warn: Ink,
    busy: Ink,
    odd: Ink,
    accent: Ink,
}

const RED: Option<Color> = Some(Color::Red);
const GREEN: Option<Color> = Some(Color::Green);
const YELLOW: Option<Color> = Some(Color::Yellow);
const CYAN: Option<Color> = Some(Color::Cyan);
const MAGENTA: Option<Color> = Some(Color::Magenta);
const BLUE: Option<Color> = Some(Color::Blue);

impl Palette {
    pub const ALL: [Self; 4] = [Self::TERMINAL, Self::NIGHT, Self::DAY, Self::BLUE_ORANGE];

    /// The terminal's own colours. Blue is left out (unreadable on black in many palettes), grey too (on white).
    pub const TERMINAL: Self = Self {
        name: "terminal",
        muted: Ink::PLAIN,
        bad: Ink::ansi(Color::Red),
        good: Ink::ansi(Color::Green),
        warn: Ink::ansi(Color::Yellow),
        busy: Ink::ansi(Color::Cyan),
        odd: Ink::ansi(Color::Magenta),
        accent: Ink::ansi(Color::Cyan),
    };

    /// For dark backgrounds.
    const NIGHT: Self = Self {
        name: "night",
        muted: Ink::new(None, 246, 0x93_9a_a6),
        bad: Ink::new(RED, 210, 0xff_7b_85),
        good: Ink::new(GREEN, 114, 0x8c_cf_7e),
        warn: Ink::new(YELLOW, 221, 0xf2_c5_5c),
        busy: Ink::new(CYAN, 81, 0x67_b8_f7),
        odd: Ink::new(MAGENTA, 183, 0xc7_9b_f0),
        accent: Ink::new(CYAN, 80, 0x5f_d7_d0),
    };

    /// For light backgrounds.
    const DAY: Self = Self {
        name: "day",
        muted: Ink::new(None, 241, 0x5c_63_6e),
        bad: Ink::new(RED, 160, 0xb4_18_24),
        good: Ink::new(GREEN, 22, 0x1d_6b_2a),
        warn: Ink::new(YELLOW, 94, 0x86_56_00),
        busy: Ink::new(CYAN, 25, 0x0b_5c_ad),
        odd: Ink::new(MAGENTA, 91, 0x7d_32_a8),
        accent: Ink::new(CYAN, 23, 0x00_62_6b),
    };

    /// For eyes that confuse red and green: after Okabe and Ito, orange for bad and blue for good. Dark backgrounds.
    const BLUE_ORANGE: Self = Self {
        name: "blue-orange",
        muted: Ink::new(None, 246, 0x93_9a_a6),
        bad: Ink::new(YELLOW, 214, 0xf5_9b_30),
        good: Ink::new(BLUE, 75, 0x56_b4_e9),
        warn: Ink::new(MAGENTA, 228, 0xf0_e4_42),
        busy: Ink::new(CYAN, 255, 0xee_ee_ee),
        odd: Ink::new(MAGENTA, 182, 0xdc_a0_c8),
        accent: Ink::new(CYAN, 79, 0x4c_c9_a6),
    };

    pub(super) const fn ink(&self, hue: Hue) -> Ink {
        match hue {
            Hue::Plain => Ink::PLAIN,
            Hue::Muted => self.muted,
            Hue::Bad => self.bad,
            Hue::Good => self.good,
            Hue::Warn => self.warn,
            Hue::Busy => self.busy,
            Hue::Odd => self.odd,
            Hue::Accent => self.accent,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::tui::term::color::rgb_of_index;

    const HUES: [Hue; 7] = [
        Hue::Muted,
        Hue::Bad,
        Hue::Good,
        Hue::Warn,
        Hue::Busy,
        Hue::Odd,
        Hue::Accent,
    ];

    fn luminance((r, g, b): (u8, u8, u8)) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.040_45 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    /// WCAG 2 contrast ratio.
    fn contrast(a: (u8, u8, u8), b: (u8, u8, u8)) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn rgb(color: Color) -> (u8, u8, u8) {
        match color {
            Color::Indexed(n) => rgb_of_index(n),
            Color::Rgb(r, g, b) => (r, g, b),
            other => panic!("{other:?} depends on the user's palette"),
        }
    }

    #[test]
    fn text_is_readable_on_the_background_a_palette_is_made_for() {
        let dark = (0x1e, 0x1e, 0x2e);
        let light = (0xfa, 0xfa, 0xfa);
        for (palette, background) in [
            (Palette::NIGHT, dark),
            (Palette::DAY, light),
            (Palette::BLUE_ORANGE, dark),
        ] {
            for hue in HUES {
                for depth in [ColorDepth::Indexed256, ColorDepth::Rgb] {
                    let color = palette.ink(hue).at(depth).unwrap();
                    let ratio = contrast(rgb(color), background);
                    assert!(
                        ratio >= 4.5,
                        "{} {hue:?} {depth:?}: {ratio:.2}",
                        palette.name
                    );
                }
            }
        }
    }

    #[test]
    fn names_are_the_ones_on_offer() {
        assert_eq!(Palette::ALL.map(|p| p.name), super::super::Theme::NAMES);
    }
}
