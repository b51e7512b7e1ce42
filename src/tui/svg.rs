//! A drawn buffer as a picture (SVG), as coloured text (ANSI) and as plain text.
//!
//! Lines, blocks and arrow heads are drawn as shapes, not as letters: they join whatever font the viewer has.

mod palette;
mod shapes;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use super::term::ColorDepth;
use super::term::color::fit;
use super::term::encode::sgr;
use palette::{BACKGROUND, FRAME, Paint, TITLE};
use shapes::Shape;

/// One cell in pixels; the width is that of DejaVu Sans Mono and Menlo at this size.
const CELL_W: f64 = 8.43;
const CELL_H: f64 = 18.0;
const FONT: f64 = 14.0;
/// From the top of a cell to the foot of its letters.
const BASELINE: f64 = 13.5;
const MARGIN: f64 = 12.0;
const BAR: f64 = 30.0;
const FAMILY: &str =
    "Menlo, 'DejaVu Sans Mono', Consolas, 'Liberation Mono', 'Noto Sans Mono', monospace";

/// The buffer as a picture on a dark ground, with `title` above it.
pub fn buffer_to_svg(buffer: &Buffer, title: &str) -> String {
    let width = f64::from(buffer.area.width) * CELL_W + 2.0 * MARGIN;
    let height = f64::from(buffer.area.height) * CELL_H + MARGIN + BAR;
    let mut picture = Picture::default();
    for y in 0..buffer.area.height {
        picture.row(y, &cells(buffer, y));
    }
    let mut svg = String::new();
    // Writing to a String never fails.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" role=\"img\">\n\
         <title>{title}</title>\n\
         <rect x=\".5\" y=\".5\" width=\"{iw}\" height=\"{ih}\" rx=\"8\" fill=\"{BACKGROUND}\" stroke=\"{FRAME}\"/>\n\
         <g font-family=\"{FAMILY}\" font-size=\"{FONT}\" xml:space=\"preserve\">\n\
         <text x=\"{mid}\" y=\"20\" fill=\"{TITLE}\" text-anchor=\"middle\">{title}</text>\n\
         <g transform=\"translate({MARGIN} {BAR})\">\n",
        w = px(width),
        h = px(height),
        iw = px(width - 1.0),
        ih = px(height - 1.0),
        mid = px(width / 2.0),
        title = escape(title),
    );
    picture.write(&mut svg);
    svg.push_str("</g>\n</g>\n</svg>\n");
    svg
}

/// The buffer as lines with SGR sequences that fit the depth; every line ends plain.
pub fn buffer_to_ansi(buffer: &Buffer, depth: ColorDepth) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let row = cells(buffer, y);
        let used = row.iter().rposition(|(_, cell)| !is_empty(cell));
        let plain = sgr(Color::Reset, Color::Reset, Modifier::empty());
        let mut last = plain.clone();
        for (_, cell) in row.iter().take(used.map_or(0, |n| n + 1)) {
            let look = sgr(fit(cell.fg, depth), fit(cell.bg, depth), cell.modifier);
            if look != last {
                out.push_str(&look);
                last = look;
            }
            out.push_str(clean(cell.symbol()));
        }
        if last != plain {
            out.push_str(&plain);
        }
        out.push('\n');
    }
    out
}

/// The buffer as plain lines without trailing blanks.
pub fn buffer_to_text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let row: String = cells(buffer, y)
            .iter()
            .map(|(_, cell)| clean(cell.symbol()))
            .collect();
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

/// The cells of a row and their columns, without those hidden behind a wide character.
fn cells(buffer: &Buffer, y: u16) -> Vec<(u16, &Cell)> {
    let mut row = Vec::with_capacity(usize::from(buffer.area.width));
    let mut x = 0;
    while x < buffer.area.width {
        let Some(cell) = buffer.cell((buffer.area.x + x, buffer.area.y + y)) else {
            break;
        };
        row.push((x, cell));
        x += columns(cell);
    }
    row
}

fn columns(cell: &Cell) -> u16 {
    if cell.symbol().width() > 1 { 2 } else { 1 }
}

fn is_empty(cell: &Cell) -> bool {
    cell.symbol() == " "
        && cell.bg == Color::Reset
        && !cell
            .modifier
            .intersects(Modifier::REVERSED | Modifier::UNDERLINED | Modifier::CROSSED_OUT)
}

/// The last lock against control characters: a snapshot may be printed on a terminal.
fn clean(symbol: &str) -> &str {
    if symbol.chars().any(char::is_control) {
        "?"
    } else {
        symbol
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML 1.0 allows no control characters, escaped or not.
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

/// A coordinate with two decimals at most.
fn px(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Letters in one style that stand side by side.
struct Run {
    column: u16,
    text: String,
    columns: u16,
    paint: Paint,
}

/// What has been collected, by layer: grounds below, shapes by colour, letters on top.
#[derive(Default)]
struct Picture {
    grounds: String,
    lines: BTreeMap<String, String>,
    fills: BTreeMap<(String, u8), String>,
    letters: String,
}

impl Picture {
    fn row(&mut self, y: u16, cells: &[(u16, &Cell)]) {
        let top = f64::from(y) * CELL_H;
        self.ground(top, cells);
        let mut run: Option<Run> = None;
        for (x, cell) in cells {
            let paint = Paint::of(cell);
            let symbol = cell.symbol();
            if let Some(shape) = Shape::of(symbol) {
                self.finish(run.take(), top);
                self.shape(&shape, *x, top, &paint);
                continue;
            }
            let simple = symbol.is_ascii() && symbol.len() == 1;
            if symbol == " " && !paint.on_blank() {
                self.finish(run.take(), top);
                continue;
            }
            match &mut run {
                Some(run) if simple && run.paint == paint && run.text.is_ascii() => {
                    run.text.push_str(symbol);
                    run.columns += 1;
                }
                _ => {
                    self.finish(run.take(), top);
                    run = Some(Run {
                        column: *x,
                        text: clean(symbol).to_owned(),
                        columns: columns(cell),
                        paint,
                    });
                }
            }
        }
        self.finish(run.take(), top);
    }

    /// Backgrounds, joined where they are the same.
    fn ground(&mut self, top: f64, cells: &[(u16, &Cell)]) {
        let mut open: Option<(u16, u16, String)> = None;
        for (x, cell) in cells {
            let color = Paint::of(cell).ground;
            let end = x + columns(cell);
            match (&mut open, color) {
                (Some((_, to, same)), Some(color)) if *same == color => *to = end,
                (_, color) => {
                    self.put_ground(open.take(), top);
                    open = color.map(|color| (*x, end, color));
                }
            }
        }
        self.put_ground(open, top);
    }

    fn put_ground(&mut self, ground: Option<(u16, u16, String)>, top: f64) {
        if let Some((from, to, color)) = ground {
            let _ = writeln!(
                self.grounds,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{color}\"/>",
                px(f64::from(from) * CELL_W),
                px(top),
                px(f64::from(to - from) * CELL_W),
                px(CELL_H),
            );
        }
    }

    fn shape(&mut self, shape: &Shape, x: u16, top: f64, paint: &Paint) {
        let left = f64::from(x) * CELL_W;
        match shape {
            Shape::Lines(_) => {
                let path = self.lines.entry(paint.ink.clone()).or_default();
                shape.path(left, top, CELL_W, CELL_H, path);
            }
            Shape::Block { percent, .. } => {
                let key = (paint.ink.clone(), *percent);
                let path = self.fills.entry(key).or_default();
                shape.path(left, top, CELL_W, CELL_H, path);
            }
            Shape::Arrow(_) => {
                let path = self.fills.entry((paint.ink.clone(), 100)).or_default();
                shape.path(left, top, CELL_W, CELL_H, path);
            }
        }
    }

    fn finish(&mut self, run: Option<Run>, top: f64) {
        let Some(run) = run else { return };
        let left = f64::from(run.column) * CELL_W;
        let width = f64::from(run.columns) * CELL_W;
        let base = top + BASELINE;
        let mut place = format!("x=\"{}\" y=\"{}\"", px(left), px(base));
        if !run.text.is_ascii() {
            // A sign may come from a font of another width: it stands in the middle of its cell.
            place = format!(
                "x=\"{}\" y=\"{}\" text-anchor=\"middle\"",
                px(left + width / 2.0),
                px(base)
            );
        } else if run.columns > 1 {
            let _ = write!(
                place,
                " textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"",
                px(width)
            );
        }
        let _ = writeln!(
            self.letters,
            "<text {place} fill=\"{}\"{}>{}</text>",
            run.paint.ink,
            run.paint.attributes(),
            escape(&run.text)
        );
    }

    fn write(&self, svg: &mut String) {
        svg.push_str(&self.grounds);
        for ((color, percent), path) in &self.fills {
            let opacity = match percent {
                100 => String::new(),
                percent => format!(" fill-opacity=\".{percent:02}\""),
            };
            let _ = writeln!(svg, "<path fill=\"{color}\"{opacity} d=\"{path}\"/>");
        }
        for (color, path) in &self.lines {
            let _ = writeln!(
                svg,
                "<path fill=\"none\" stroke=\"{color}\" stroke-width=\"1.2\" d=\"{path}\"/>"
            );
        }
        svg.push_str(&self.letters);
    }
}

#[cfg(test)]
#[path = "svg/tests.rs"]
mod tests;
