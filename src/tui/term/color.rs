//! Colours that fit the terminal's depth, and the numbers that SGR wants for them.

use ratatui::style::Color;

use super::caps::ColorDepth;

/// The nearest colour the depth can show; `Reset` where there is none.
pub fn fit(color: Color, depth: ColorDepth) -> Color {
    match (depth, color) {
        (ColorDepth::None, _) => Color::Reset,
        (ColorDepth::Rgb, any) => any,
        (ColorDepth::Indexed256, Color::Rgb(r, g, b)) => Color::Indexed(nearest_256(r, g, b)),
        (ColorDepth::Indexed256, any) => any,
        (ColorDepth::Ansi16, Color::Rgb(r, g, b)) => nearest_16(r, g, b),
        (ColorDepth::Ansi16, Color::Indexed(n)) if n >= 16 => {
            let (r, g, b) = rgb_of_index(n);
            nearest_16(r, g, b)
        }
        (ColorDepth::Ansi16, any) => any,
    }
}

/// Index 0..=15 of a named colour, `None` for the others.
pub fn ansi_index(color: Color) -> Option<u8> {
    Some(match color {
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        Color::Indexed(n) if n < 16 => n,
        _ => return None,
    })
}

const NAMED: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

/// xterm's default palette; a user's own palette differs, so it is only used to find a neighbour.
const PALETTE: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];

/// Levels of the 6x6x6 cube of the 256-colour table.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The colour an index of the 256-colour table stands for.
pub fn rgb_of_index(n: u8) -> (u8, u8, u8) {
    match n {
        0..=15 => PALETTE[usize::from(n)],
        16..=231 => {
            let n = usize::from(n - 16);
            (CUBE[n / 36], CUBE[n / 6 % 6], CUBE[n % 6])
        }
        232..=255 => {
            let grey = 8 + 10 * (n - 232);
            (grey, grey, grey)
        }
    }
}

fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let square = |x: u8, y: u8| u32::from(x.abs_diff(y)).pow(2);
    square(a.0, b.0) + square(a.1, b.1) + square(a.2, b.2)
}

fn nearest_256(r: u8, g: u8, b: u8) -> u8 {
    // The first sixteen belong to the user's palette: never chosen for an exact colour.
    (16..=255)
        .min_by_key(|n| distance(rgb_of_index(*n), (r, g, b)))
        .unwrap_or(16)
}

fn nearest_16(r: u8, g: u8, b: u8) -> Color {
    (0..16)
        // Bright black is invisible in some palettes.
        .filter(|n| *n != 8)
        .min_by_key(|n| distance(PALETTE[*n], (r, g, b)))
        .map_or(Color::Reset, |n| NAMED[n])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_fits_every_depth() {
        let samples = [
            Color::Reset,
            Color::Red,
            Color::White,
            Color::Indexed(3),
            Color::Indexed(208),
            Color::Rgb(250, 10, 10),
        ];
        for color in samples {
            assert_eq!(fit(color, ColorDepth::None), Color::Reset);
            let sixteen = fit(color, ColorDepth::Ansi16);
            assert!(sixteen == Color::Reset || ansi_index(sixteen).is_some());
            assert!(!matches!(
                fit(color, ColorDepth::Indexed256),
                Color::Rgb(..)
            ));
            assert_eq!(fit(color, ColorDepth::Rgb), color);
        }
    }

    #[test]
    fn neighbours_are_the_ones_an_eye_would_choose() {
        assert_eq!(
            fit(Color::Rgb(250, 10, 10), ColorDepth::Ansi16),
            Color::LightRed
        );
        assert_eq!(
            fit(Color::Rgb(0, 95, 135), ColorDepth::Indexed256),
            Color::Indexed(24)
        );
        assert_eq!(
            fit(Color::Rgb(128, 128, 128), ColorDepth::Indexed256),
            Color::Indexed(244)
        );
        assert_eq!(
            fit(Color::Indexed(196), ColorDepth::Ansi16),
            Color::LightRed
        );
    }

    #[test]
    fn named_colours_and_their_index_agree() {
        for (n, color) in NAMED.into_iter().enumerate() {
            assert_eq!(ansi_index(color).map(usize::from), Some(n));
        }
    }
}
