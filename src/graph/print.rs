//! The whole drawing as text lines and as JSON.

use super::glyphs::glyphs;
use super::measure::crossings;
use super::read::Named;
use super::types::{Layout, Placed, Rect, What};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The most cells of a name that are shown.
pub const NAME: usize = 24;

/// Rows drawn at a time, so that a huge drawing needs no huge canvas.
const STRIP: i32 = 64;

/// Cells that a name takes.
pub fn name_width(name: &str) -> usize {
    name.width()
}

/// A name in at most `width` cells: the middle gives way to `…`.
pub fn elide(name: &str, width: usize) -> String {
    if name.width() <= width {
        return name.to_owned();
    }
    let Some(room) = width.checked_sub(1) else {
        return String::new();
    };
    let (head, tail) = (room - room / 2, room / 2);
    let take = |chars: &mut dyn Iterator<Item = char>, room: usize| {
        let mut used = 0;
        let mut taken = Vec::new();
        for c in chars {
            used += c.width().unwrap_or(0);
            if used > room {
                break;
            }
            taken.push(c);
        }
        taken
    };
    let mut text: String = take(&mut name.chars(), head).into_iter().collect();
    text.push('…');
    text.extend(take(&mut name.chars().rev(), tail).into_iter().rev());
    text
}

/// All rows, without trailing blanks, each ended by a line feed.
pub fn to_text(layout: &Layout, named: &Named, ascii: bool) -> String {
    let mut text = String::new();
    let mut top = 0;
    while top < layout.height {
        let strip = Rect::new(0, top, layout.width, STRIP.min(layout.height - top));
        let mut rows = vec![vec![' '; layout.width.max(0) as usize]; strip.h as usize];
        for cell in glyphs(layout, strip, ascii) {
            rows[(cell.y - top) as usize][cell.x as usize] = cell.glyph;
        }
        for (_, b) in layout.visible(strip) {
            let name = match b.what {
                What::Node(i) => named.node_text(i),
                What::Group(g) => named.group_text(g),
            };
            draw_box(b, name, strip, ascii, &mut rows);
        }
        for row in rows {
            let line: String = row.into_iter().filter(|&c| c != SKIP).collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        top += STRIP;
    }
    text
}

/// Marks the second cell of a wide character.
const SKIP: char = '\0';

fn draw_box(b: &Placed, name: &str, strip: Rect, ascii: bool, rows: &mut [Vec<char>]) {
    let mut put = |x: i32, y: i32, c: char| {
        if strip.contains(x, y) {
            rows[(y - strip.y) as usize][x as usize] = c;
        }
    };
    let framed = b.h >= 3;
    let group = matches!(b.what, What::Group(_));
    let (corners, across, down) = match (ascii, group) {
        (true, _) => (['+', '+', '+', '+'], '-', '|'),
        (false, false) => (['╭', '╮', '╰', '╯'], '─', '│'),
        (false, true) => (['╔', '╗', '╚', '╝'], '═', '║'),
    };
    let (right, bottom) = (b.x + b.w - 1, b.y + b.h - 1);
    for y in b.y..=bottom {
        for x in b.x..=right {
            let c = match (x == b.x, x == right, y == b.y, y == bottom) {
                _ if !framed => ' ',
                (true, _, true, _) => corners[0],
                (_, true, true, _) => corners[1],
                (true, _, _, true) => corners[2],
                (_, true, _, true) => corners[3],
                (true, ..) | (_, true, ..) => down,
                (_, _, true, _) | (.., true) => across,
                _ => ' ',
            };
            put(x, y, c);
        }
    }
    let margin = if framed { 2 } else { 1 }.min(b.w / 2);
    let mut x = b.x + margin;
    let y = b.y + (b.h - 1) / 2;
    let shown = elide(name, (b.w - 2 * margin).max(0) as usize);
    let shown = if ascii {
        shown.replace('…', "~")
    } else {
        shown
    };
    for c in shown.chars() {
        match c.width() {
            // a control character must not reach a terminal
            None => {
                put(x, y, '\u{fffd}');
                x += 1;
            }
            Some(0) => {}
            Some(w) => {
                put(x, y, c);
                for k in 1..w as i32 {
                    put(x + k, y, SKIP);
                }
                x += w as i32;
            }
        }
    }
}

#[derive(serde::Serialize)]
struct Json<'a> {
    width: i32,
    height: i32,
    nodes: Vec<JsonNode<'a>>,
    edges: Vec<JsonEdge<'a>>,
    stats: JsonStats,
}

#[derive(serde::Serialize)]
struct JsonNode<'a> {
    id: &'a str,
    x: i32,
    y: i32,
    w: i32,
    h: i32,
    rank: u32,
}

#[derive(serde::Serialize)]
struct JsonEdge<'a> {
    from: &'a str,
    to: &'a str,
    reversed: bool,
    points: &'a [(i32, i32)],
}

#[derive(serde::Serialize)]
struct JsonStats {
    /// Counted from the drawn lines.
    crossings: u64,
    /// Counted from the order of the ranks alone.
    order_crossings: u64,
    ranks: u32,
    dummies: usize,
    components: usize,
    reversed: usize,
    tracks: u32,
    ms: f64,
}

/// The drawing as one line of JSON; `ms` is the time the layout took.
pub fn to_json(layout: &Layout, ms: f64) -> Result<String, serde_json::Error> {
    let id = |b: usize| layout.boxes.get(b).map_or("", |b| b.id.as_str());
    let s = layout.stats;
    serde_json::to_string(&Json {
        width: layout.width,
        height: layout.height,
        nodes: layout
            .boxes
            .iter()
            .map(|b| JsonNode {
                id: &b.id,
                x: b.x,
                y: b.y,
                w: b.w,
                h: b.h,
                rank: b.rank,
            })
            .collect(),
        edges: layout
            .routes
            .iter()
            .map(|r| JsonEdge {
                from: id(r.from),
                to: id(r.to),
                reversed: r.reversed,
                points: &r.points,
            })
            .collect(),
        stats: JsonStats {
            crossings: crossings(layout),
            order_crossings: s.crossings,
            ranks: s.ranks,
            dummies: s.dummies,
            components: s.components,
            reversed: s.reversed,
            tracks: s.tracks,
            ms,
        },
    })
}
