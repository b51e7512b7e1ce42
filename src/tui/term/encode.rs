//! Changed cells as few bytes: shortest cursor move, one SGR per change of style, erasing instead of long runs of blanks.

use ratatui::buffer::Cell;
use ratatui::layout::Position;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use super::caps::ColorDepth;
use super::color::{ansi_index, fit};

/// A changed cell and where it is.
pub(super) type Changed<'a> = (u16, u16, &'a Cell);

/// Look, whether alone, and place: by this neighbouring cells are put in order.
type RunKey = (usize, bool, u16, u16);

/// Attributes that show on a blank.
pub(super) const SHOWS_ON_BLANK: Modifier = Modifier::REVERSED
    .union(Modifier::UNDERLINED)
    .union(Modifier::CROSSED_OUT);

/// A run of blanks at least this long is erased (`CSI n X` and a move) rather than written.
const ERASE_FROM: u16 = 11;
/// The same up to the right edge (`CSI K`, no move).
const ERASE_LINE_FROM: u16 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pen {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

impl Pen {
    pub const PLAIN: Self = Self {
        fg: Color::Reset,
        bg: Color::Reset,
        modifier: Modifier::empty(),
    };
}

/// What is known of the terminal while cells are written to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoder {
    depth: ColorDepth,
    pen: Pen,
    /// Where the terminal's cursor is, when that is certain.
    pub cursor: Option<Position>,
    /// Nothing has been drawn since the screen was cleared: what is skipped is blank.
    pub blank: bool,
}

/// From so many changed cells on they are written as they come: nearly all of them are neighbours.
const MANY: usize = 1000;

impl Encoder {
    pub fn new(depth: ColorDepth) -> Self {
        Self {
            depth,
            pen: Pen::PLAIN,
            cursor: None,
            blank: true,
        }
    }

    /// Somebody else has written to the terminal.
    pub fn forget(&mut self) {
        self.cursor = None;
        self.pen = Pen::PLAIN;
    }

    /// Writes the cells of one frame, in the order that takes fewer bytes: row by row, or look by look.
    pub fn frame(&mut self, out: &mut Vec<u8>, cells: &[Changed], width: u16) {
        let (mut by_row, mut rows) = (*self, Vec::new());
        by_row.cells(&mut rows, cells, width);
        if cells.len() < MANY {
            let (mut by_look, mut looks) = (*self, Vec::new());
            by_look.cells(&mut looks, &self.look_by_look(cells), width);
            if looks.len() < rows.len() {
                (by_row, rows) = (by_look, looks);
            }
        }
        *self = by_row;
        self.blank = false;
        out.extend_from_slice(&rows);
    }

    fn cells(&mut self, out: &mut Vec<u8>, cells: &[Changed], width: u16) {
        // The first move of a frame is absolute: a multiplexer may have moved the cursor.
        let mut trust = false;
        let mut cells = cells.iter().peekable();
        while let Some(&(x, y, cell)) = cells.next() {
            let at = Position::new(x, y);
            self.move_to(out, at, trust);
            trust = true;
            if cell.symbol() == " " {
                let mut count = 1;
                while cells
                    .next_if(|(nx, ny, next)| {
                        *ny == y && *nx == x + count && same_blank(cell, next)
                    })
                    .is_some()
                {
                    count += 1;
                }
                self.blanks(out, at, cell, count, width);
            } else {
                self.set_pen(out, self.pen_of(cell));
                self.print(out, at, cell.symbol(), width);
            }
        }
        // Whoever writes next finds a plain pen.
        self.set_pen(out, Pen::PLAIN);
    }

    /// The same cells: first text of several looks, then what has one look, by look; lone cells, which are mostly
    /// those of upright lines, column by column.
    fn look_by_look<'a>(&self, cells: &[Changed<'a>]) -> Vec<Changed<'a>> {
        let mut looks: Vec<Pen> = Vec::new();
        let mut runs: Vec<(RunKey, &[Changed])> = Vec::new();
        let joined = |a: &Changed, b: &Changed| {
            a.1 == b.1 && usize::from(a.0) + a.2.symbol().width().max(1) == usize::from(b.0)
        };
        for run in cells.chunk_by(joined) {
            let Some(&(x, y, first)) = run.first() else {
                continue;
            };
            let pen = self.pen_of(first);
            let key = if run.iter().any(|(_, _, cell)| self.pen_of(cell) != pen) {
                (0, false, y, x)
            } else {
                let known = looks.iter().position(|look| *look == pen);
                let look = known.unwrap_or_else(|| {
                    looks.push(pen);
                    looks.len() - 1
                });
                match run.len() {
                    1 => (look + 1, true, x, y),
                    _ => (look + 1, false, y, x),
                }
            };
            runs.push((key, run));
        }
        runs.sort_unstable_by_key(|(key, _)| *key);
        runs.into_iter().flat_map(|(_, run)| run).copied().collect()
    }

    fn pen_of(&self, cell: &Cell) -> Pen {
        Pen {
            fg: fit(cell.fg, self.depth),
            bg: fit(cell.bg, self.depth),
            modifier: cell.modifier,
        }
    }

    /// The pen for a blank: what can't be seen on a blank is left as it is, which saves a change of style.
    fn pen_of_blank(&self, cell: &Cell) -> Pen {
        let wanted = self.pen_of(cell);
        if wanted.modifier.intersects(SHOWS_ON_BLANK) {
            return wanted;
        }
        Pen {
            fg: self.pen.fg,
            bg: wanted.bg,
            modifier: self.pen.modifier.difference(SHOWS_ON_BLANK),
        }
    }

    pub fn set_pen(&mut self, out: &mut Vec<u8>, to: Pen) {
        if to == self.pen {
            return;
        }
        if to == Pen::PLAIN {
            out.extend_from_slice(b"\x1b[m");
        } else {
            let step = sgr_step(self.pen, to);
            let afresh = sgr_afresh(to);
            out.extend_from_slice(b"\x1b[");
            out.extend_from_slice(if step.len() <= afresh.len() {
                &step
            } else {
                &afresh
            });
            out.push(b'm');
        }
        self.pen = to;
    }

    pub fn move_to(&mut self, out: &mut Vec<u8>, to: Position, trust: bool) {
        if trust && self.cursor == Some(to) {
            return;
        }
        let absolute = if to.x == 0 {
            format!("\x1b[{}H", to.y + 1)
        } else {
            format!("\x1b[{};{}H", to.y + 1, to.x + 1)
        };
        let shorter = self
            .cursor
            .filter(|_| trust)
            .and_then(|from| {
                self.step_over_blanks(from, to)
                    .or_else(|| relative_move(from, to))
            })
            .filter(|bytes| bytes.len() < absolute.len());
        let bytes = shorter.unwrap_or(absolute);
        out.extend_from_slice(bytes.as_bytes());
        self.cursor = Some(to);
    }

    /// On a cleared screen a blank or two cost less than a move.
    fn step_over_blanks(&self, from: Position, to: Position) -> Option<String> {
        let unseen = self.pen.bg == Color::Reset && !self.pen.modifier.intersects(SHOWS_ON_BLANK);
        let gap = to.x.checked_sub(from.x).filter(|n| (1..=2).contains(n))?;
        (self.blank && unseen && from.y == to.y).then(|| " ".repeat(usize::from(gap)))
    }

    fn print(&mut self, out: &mut Vec<u8>, at: Position, symbol: &str, width: u16) {
        // Text from outside is cleaned at the door; this is the last lock.
        let clean = if symbol.chars().any(char::is_control) {
            "?"
        } else {
            symbol
        };
        out.extend_from_slice(clean.as_bytes());
        // Terminals disagree about wide and combined characters, and about the cursor behind the last column.
        let sure = clean.chars().nth(1).is_none() && clean.width() == 1 && at.x + 1 < width;
        self.cursor = sure.then_some(Position::new(at.x + 1, at.y));
    }

    /// Draws `count` blanks that look like `cell`, starting at `at`.
    fn blanks(&mut self, out: &mut Vec<u8>, at: Position, cell: &Cell, count: u16, width: u16) {
        let pen = self.pen_of_blank(cell);
        let to_edge = at.x.saturating_add(count) >= width;
        let long = count >= ERASE_FROM || (to_edge && count >= ERASE_LINE_FROM);
        let erase = long && pen.bg == Color::Reset && !pen.modifier.intersects(SHOWS_ON_BLANK);
        self.set_pen(out, pen);
        if !erase {
            for n in 0..count {
                self.print(out, Position::new(at.x + n, at.y), " ", width);
            }
        } else if to_edge {
            out.extend_from_slice(b"\x1b[K");
        } else {
            let bytes = format!("\x1b[{count}X");
            out.extend_from_slice(bytes.as_bytes());
        }
    }
}

fn same_blank(a: &Cell, b: &Cell) -> bool {
    let plain = !(a.modifier | b.modifier).intersects(SHOWS_ON_BLANK);
    let same_ink = a.fg == b.fg && a.modifier == b.modifier;
    b.symbol() == " " && a.bg == b.bg && (plain || same_ink)
}

/// Further back than this it is said with a number.
const STEPS_BACK: u16 = 3;

/// A move that needs to know where the cursor is: forward in the row, or down and to a side.
fn relative_move(from: Position, to: Position) -> Option<String> {
    let forward = |n: u16| match n {
        0 => String::new(),
        1 => "\x1b[C".to_owned(),
        n => format!("\x1b[{n}C"),
    };
    if to.y == from.y && to.x > from.x {
        return Some(forward(to.x - from.x));
    }
    let down = to.y.checked_sub(from.y).filter(|n| (1..=3).contains(n))?;
    // Raw mode leaves LF alone: it goes down one row and stays in its column.
    let feeds = "\n".repeat(usize::from(down));
    if to.x >= from.x {
        return Some(feeds + &forward(to.x - from.x));
    }
    if from.x - to.x <= STEPS_BACK {
        return Some(feeds + &"\x08".repeat(usize::from(from.x - to.x)));
    }
    Some(format!("\r{feeds}{}", forward(to.x)))
}

/// (attribute, on, off) as in ECMA-48 8.3.117. Bold and dim share one "off".
const ATTRIBUTES: [(Modifier, &str, &str); 8] = [
    (Modifier::BOLD, "1", "22"),
    (Modifier::DIM, "2", "22"),
    (Modifier::ITALIC, "3", "23"),
    (Modifier::UNDERLINED, "4", "24"),
    (Modifier::SLOW_BLINK, "5", "25"),
    (Modifier::REVERSED, "7", "27"),
    (Modifier::HIDDEN, "8", "28"),
    (Modifier::CROSSED_OUT, "9", "29"),
];

/// SGR parameters that turn one pen into the other.
fn sgr_step(from: Pen, to: Pen) -> Vec<u8> {
    let mut params: Vec<String> = Vec::new();
    let mut have = from.modifier;
    for (flag, _, off) in ATTRIBUTES {
        if have.contains(flag) && !to.modifier.contains(flag) {
            params.push(off.to_owned());
            let gone = if off == "22" {
                Modifier::BOLD | Modifier::DIM
            } else {
                flag
            };
            have.remove(gone);
        }
    }
    for (flag, on, _) in ATTRIBUTES {
        if to.modifier.contains(flag) && !have.contains(flag) {
            params.push(on.to_owned());
        }
    }
    if from.fg != to.fg {
        params.push(color_param(to.fg, false));
    }
    if from.bg != to.bg {
        params.push(color_param(to.bg, true));
    }
    params.join(";").into_bytes()
}

/// SGR parameters that start from a reset (an empty first parameter is 0).
fn sgr_afresh(to: Pen) -> Vec<u8> {
    let mut bytes = b";".to_vec();
    bytes.extend_from_slice(&sgr_step(Pen::PLAIN, to));
    bytes
}

/// The SGR sequence for a look, from whatever was before; for text outside of frames.
pub fn sgr(fg: Color, bg: Color, modifier: Modifier) -> String {
    let pen = Pen { fg, bg, modifier };
    if pen == Pen::PLAIN {
        return "\x1b[m".to_owned();
    }
    let step = String::from_utf8_lossy(&sgr_step(Pen::PLAIN, pen)).into_owned();
    format!("\x1b[;{step}m")
}

/// 30-37, 90-97, 38;5;n, 38;2;r;g;b, 39; ten more for the background.
fn color_param(color: Color, background: bool) -> String {
    let base: u16 = if background { 40 } else { 30 };
    match (ansi_index(color), color) {
        (Some(n), _) if n < 8 => (base + u16::from(n)).to_string(),
        (Some(n), _) => (base + 60 + u16::from(n) - 8).to_string(),
        (None, Color::Indexed(n)) => format!("{};5;{n}", base + 8),
        (None, Color::Rgb(r, g, b)) => format!("{};2;{r};{g};{b}", base + 8),
        (None, _) => (base + 9).to_string(),
    }
}
