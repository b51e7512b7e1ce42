//! Characters that are drawn rather than written: box drawing, blocks, arrow heads.

use std::fmt::Write as _;

use super::px;

/// Lines go this far over the edge of their cell: no seam shows where two meet.
const OVERLAP: f64 = 0.25;

/// Blocks leave a little air above and below, so that the bars of two rows stay two bars.
const BLOCK_TOP: f64 = 0.12;
const BLOCK_HEIGHT: f64 = 0.8;

/// Which of its four sides a line character reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arms {
    up: bool,
    right: bool,
    down: bool,
    left: bool,
    round: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Right,
    Left,
    Up,
    Down,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    Lines(Arms),
    /// A filled part of the cell, from 0 to 1 each way; `percent` is how dense.
    Block {
        x: (f64, f64),
        y: (f64, f64),
        percent: u8,
    },
    Arrow(Direction),
}

impl Shape {
    /// `None`: a character that is written.
    pub fn of(symbol: &str) -> Option<Self> {
        let mut chars = symbol.chars();
        let c = chars.next()?;
        if chars.next().is_some() {
            return None;
        }
        arms(c)
            .map(Self::Lines)
            .or_else(|| block(c))
            .or_else(|| arrow(c).map(Self::Arrow))
    }

    /// Adds the shape to the data of an SVG path; the cell's corner is at `left`, `top`.
    pub fn path(&self, left: f64, top: f64, width: f64, height: f64, path: &mut String) {
        match self {
            Self::Lines(arms) => lines(*arms, left, top, width, height, path),
            Self::Block { x, y, .. } => {
                let _ = write!(
                    path,
                    "M{} {}H{}V{}H{}z",
                    px(left + x.0 * width),
                    px(top + (BLOCK_TOP + y.0 * BLOCK_HEIGHT) * height),
                    px(left + x.1 * width),
                    px(top + (BLOCK_TOP + y.1 * BLOCK_HEIGHT) * height),
                    px(left + x.0 * width),
                );
            }
            Self::Arrow(direction) => head(*direction, left, top, width, height, path),
        }
    }
}

fn lines(arms: Arms, left: f64, top: f64, width: f64, height: f64, path: &mut String) {
    let (mx, my) = (left + width / 2.0, top + height / 2.0);
    let (x0, x1) = (left - OVERLAP, left + width + OVERLAP);
    let (y0, y1) = (top - OVERLAP, top + height + OVERLAP);
    if arms.round {
        let end_y = if arms.up { y0 } else { y1 };
        let end_x = if arms.left { x0 } else { x1 };
        let _ = write!(
            path,
            "M{x} {}Q{x} {y} {} {y}",
            px(end_y),
            px(end_x),
            x = px(mx),
            y = px(my)
        );
        return;
    }
    if arms.left || arms.right {
        let from = if arms.left { x0 } else { mx };
        let to = if arms.right { x1 } else { mx };
        let _ = write!(path, "M{} {}H{}", px(from), px(my), px(to));
    }
    if arms.up || arms.down {
        let from = if arms.up { y0 } else { my };
        let to = if arms.down { y1 } else { my };
        let _ = write!(path, "M{} {}V{}", px(mx), px(from), px(to));
    }
}

fn head(direction: Direction, left: f64, top: f64, width: f64, height: f64, path: &mut String) {
    let (mx, my) = (left + width / 2.0, top + height / 2.0);
    let (w, h) = (width / 2.0, width * 0.55);
    let points = match direction {
        Direction::Right => [(mx - w, my - h), (mx + w, my), (mx - w, my + h)],
        Direction::Left => [(mx + w, my - h), (mx - w, my), (mx + w, my + h)],
        Direction::Up => [(mx - w, my + h), (mx, my - h), (mx + w, my + h)],
        Direction::Down => [(mx - w, my - h), (mx, my + h), (mx + w, my - h)],
    };
    for (n, (x, y)) in points.into_iter().enumerate() {
        let _ = write!(
            path,
            "{}{} {}",
            if n == 0 { 'M' } else { 'L' },
            px(x),
            px(y)
        );
    }
    path.push('z');
}

/// Up, right, down, left as bits 8, 4, 2, 1. Heavy, double and dashed lines are drawn as light ones.
fn arms(c: char) -> Option<Arms> {
    let bits = match c {
        '─' | '━' | '═' | '╌' | '┄' | '┈' | '╍' | '┅' | '┉' => 0b0101,
        '│' | '┃' | '║' | '╎' | '┆' | '┊' | '╏' | '┇' | '┋' => 0b1010,
        '┌' | '┏' | '╔' | '╭' => 0b0110,
        '┐' | '┓' | '╗' | '╮' => 0b0011,
        '└' | '┗' | '╚' | '╰' => 0b1100,
        '┘' | '┛' | '╝' | '╯' => 0b1001,
        '├' | '┝' | '┠' | '┣' | '╠' | '╞' => 0b1110,
        '┤' | '┥' | '┨' | '┫' | '╣' | '╡' => 0b1011,
        '┬' | '┯' | '┰' | '┳' | '╦' | '╤' => 0b0111,
        '┴' | '┷' | '┸' | '┻' | '╩' | '╧' => 0b1101,
        '┼' | '┿' | '╂' | '╋' | '╬' | '╪' => 0b1111,
        '╵' | '╹' => 0b1000,
        '╶' | '╺' => 0b0100,
        '╷' | '╻' => 0b0010,
        '╴' | '╸' => 0b0001,
        _ => return None,
    };
    Some(Arms {
        up: bits & 8 != 0,
        right: bits & 4 != 0,
        down: bits & 2 != 0,
        left: bits & 1 != 0,
        round: matches!(c, '╭' | '╮' | '╰' | '╯'),
    })
}

/// U+2580 to U+2595 without the quadrants.
fn block(c: char) -> Option<Shape> {
    let solid = |x: (f64, f64), y: (f64, f64)| Shape::Block { x, y, percent: 100 };
    let all = (0.0, 1.0);
    Some(match c {
        '▀' => solid(all, (0.0, 0.5)),
        '▁'..='█' => {
            let eighths = f64::from(u32::from(c) - u32::from('▁') + 1);
            solid(all, (1.0 - eighths / 8.0, 1.0))
        }
        '▉'..='▏' => {
            let eighths = f64::from(u32::from('▏') - u32::from(c) + 1);
            solid((0.0, eighths / 8.0), all)
        }
        '▐' => solid((0.5, 1.0), all),
        '░' | '▒' | '▓' => Shape::Block {
            x: all,
            // A bar is as high whether done or not.
            y: all,
            percent: match c {
                '░' => 20,
                '▒' => 45,
                _ => 70,
            },
        },
        _ => return None,
    })
}

fn arrow(c: char) -> Option<Direction> {
    Some(match c {
        '►' | '▶' | '▸' => Direction::Right,
        '◄' | '◀' | '◂' => Direction::Left,
        '▲' | '▴' => Direction::Up,
        '▼' | '▾' => Direction::Down,
        _ => return None,
    })
}
