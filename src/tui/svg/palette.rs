//! The colours of a picture: a dark ground and sixteen colours that are readable on it.

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

use crate::tui::term::color::{ansi_index, rgb_of_index};

type Rgb = (u8, u8, u8);

pub const BACKGROUND: &str = "#15181e";
pub const FRAME: &str = "#323843";
pub const TITLE: &str = "#8b93a1";

const GROUND: Rgb = (0x15, 0x18, 0x1e);
const INK: Rgb = (0xd5, 0xd9, 0xe0);

const SIXTEEN: [Rgb; 16] = [
    (0x2a, 0x2f, 0x38),
    (0xf2, 0x6b, 0x72),
    (0x7e, 0xc6, 0x74),
    (0xe5, 0xc0, 0x6b),
    (0x6a, 0xa5, 0xf0),
    (0xc6, 0x8c, 0xe8),
    (0x5b, 0xc4, 0xcf),
    (0xd5, 0xd9, 0xe0),
    (0x6b, 0x74, 0x82),
    (0xff, 0x8c, 0x92),
    (0x9a, 0xdb, 0x91),
    (0xf6, 0xd7, 0x8a),
    (0x8f, 0xbf, 0xff),
    (0xdc, 0xad, 0xf7),
    (0x82, 0xdd, 0xe6),
    (0xff, 0xff, 0xff),
];

/// How a cell is painted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paint {
    pub ink: String,
    /// `None`: the ground of the picture.
    pub ground: Option<String>,
    modifier: Modifier,
}

impl Paint {
    pub fn of(cell: &Cell) -> Self {
        let mut ink = rgb(cell.fg).unwrap_or(INK);
        let mut ground = rgb(cell.bg);
        if cell.modifier.contains(Modifier::REVERSED) {
            let behind = ground.unwrap_or(GROUND);
            ground = Some(ink);
            ink = behind;
        }
        if cell.modifier.contains(Modifier::DIM) {
            ink = mix(ink, ground.unwrap_or(GROUND));
        }
        let seen = Modifier::BOLD | Modifier::ITALIC | Modifier::UNDERLINED | Modifier::CROSSED_OUT;
        Self {
            ink: hex(ink),
            ground: ground.map(hex),
            modifier: cell.modifier & seen,
        }
    }

    /// Whether a blank in this paint shows letters' attributes.
    pub fn on_blank(&self) -> bool {
        self.modifier
            .intersects(Modifier::UNDERLINED | Modifier::CROSSED_OUT)
    }

    /// SVG attributes, with a leading blank.
    pub fn attributes(&self) -> String {
        let mut out = String::new();
        if self.modifier.contains(Modifier::BOLD) {
            out.push_str(" font-weight=\"bold\"");
        }
        if self.modifier.contains(Modifier::ITALIC) {
            out.push_str(" font-style=\"italic\"");
        }
        let under = self.modifier.contains(Modifier::UNDERLINED);
        let through = self.modifier.contains(Modifier::CROSSED_OUT);
        out.push_str(match (under, through) {
            (false, false) => "",
            (true, false) => " text-decoration=\"underline\"",
            (false, true) => " text-decoration=\"line-through\"",
            (true, true) => " text-decoration=\"underline line-through\"",
        });
        out
    }
}

fn rgb(color: Color) -> Option<Rgb> {
    if let Some(n) = ansi_index(color) {
        return SIXTEEN.get(usize::from(n)).copied();
    }
    match color {
        Color::Indexed(n) => Some(rgb_of_index(n)),
        Color::Rgb(r, g, b) => Some((r, g, b)),
        _ => None,
    }
}

/// Three fifths of the first colour.
fn mix(a: Rgb, b: Rgb) -> Rgb {
    let part = |a: u8, b: u8| {
        let sum = u16::from(a) * 3 + u16::from(b) * 2;
        u8::try_from(sum / 5).unwrap_or(u8::MAX)
    };
    (part(a.0, b.0), part(a.1, b.1), part(a.2, b.2))
}

fn hex((r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}
