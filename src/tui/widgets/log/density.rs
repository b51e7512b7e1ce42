//! Where in a log something is: marks in the scrollbar, the strip of errors over the whole log.

use std::cell::RefCell;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::logs::{Lens, Point};
use crate::model::NodeState;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::pen::Pen;

/// Places of a merged or filtered log that are looked up for one picture.
const LOOKED_UP: usize = 200;

/// Errors in equal parts of what is shown, and what they were counted of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Density {
    parts: usize,
    errors: usize,
    rows: usize,
    epochs: u64,
    shown: usize,
    pub counts: Vec<u32>,
}

/// Errors in so many parts, counted anew only when the picture would be another one.
pub fn errors(kept: &RefCell<Vec<Density>>, lens: &Lens, parts: usize) -> Vec<u32> {
    let sources = lens.sources();
    let errors = sources.iter().map(|s| s.log.error_count()).sum();
    let rows = lens.len();
    let epochs = sources.iter().map(|s| s.log.epoch()).sum();
    let shown = sources
        .iter()
        .filter_map(|s| s.wanted)
        .map(|w| w.len())
        .sum();
    if errors == 0 || parts == 0 || rows == 0 {
        return vec![0; parts];
    }
    let mut kept = kept.borrow_mut();
    let same = |d: &&Density| {
        // less than half a part more
        let little = rows.abs_diff(d.rows) * parts * 2 <= rows;
        (d.parts, d.errors, d.epochs, d.shown) == (parts, errors, epochs, shown) && little
    };
    if let Some(known) = kept.iter().find(same) {
        return known.counts.clone();
    }
    let counts = spread(lens, parts, |source| match lens.log(source) {
        Some(log) => log.errors_in_parts(parts),
        None => Vec::new(),
    });
    kept.retain(|d| d.parts != parts);
    // a scrollbar and a strip, and the sizes before the last change
    kept.truncate(3);
    kept.push(Density {
        parts,
        errors,
        rows,
        epochs,
        shown,
        counts: counts.clone(),
    });
    counts
}

/// Counts of equal parts of each log as counts of equal parts of what is shown of all of them.
pub fn spread(lens: &Lens, parts: usize, of: impl Fn(usize) -> Vec<u32>) -> Vec<u32> {
    let sources = lens.sources();
    if let [one] = sources
        && one.wanted.is_none()
    {
        return of(0);
    }
    let mut found = Vec::new();
    for (source, s) in sources.iter().enumerate() {
        for (part, count) in of(source).into_iter().enumerate().filter(|(_, c)| *c > 0) {
            let row = (part * 2 + 1) * s.log.len() / (parts * 2);
            found.push((Point { source, row }, count));
        }
    }
    let mut counts = vec![0; parts];
    let every = found.len().div_ceil(LOOKED_UP).max(1);
    for (point, count) in found.into_iter().step_by(every) {
        let (at, all) = lens.place(point);
        if let Some(cell) = counts.get_mut((at * parts / all.max(1)).min(parts - 1)) {
            *cell += count;
        }
    }
    counts
}

/// One row: how many errors where, and which part is in view.
pub fn strip(
    buf: &mut Buffer,
    area: Rect,
    theme: &Theme,
    counts: &[u32],
    view: std::ops::Range<usize>,
) {
    let most = counts.iter().copied().max().unwrap_or_default().max(1);
    let levels = theme.glyphs.spark.len() as u32;
    let mut pen = Pen::new(buf, area, 0, theme);
    for (at, count) in counts.iter().enumerate() {
        let seen = view.contains(&at);
        let (glyph, style) = match count {
            0 if seen => (theme.glyphs.horizontal, theme[Token::Accent]),
            0 => (theme.glyphs.dot, theme[Token::Muted]),
            // by size: one error beside a thousand is seen too
            count => {
                let level = (count.ilog2() + 1) * levels / (most.ilog2() + 2);
                let glyph = theme.glyphs.spark[level.min(levels - 1) as usize];
                (glyph, theme.state(NodeState::Failed))
            }
        };
        pen.put(glyph, style);
    }
}
