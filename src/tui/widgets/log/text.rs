//! Owns cutting one line of a log: into pieces that fit, and where its looks change.

use std::ops::Range;

use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;

use crate::model::StyledText;
use crate::tui::theme::span_style;

use crate::tui::widgets::format;

/// Ranges of a text, each at most `columns` wide, `most` of them; one empty range for an empty text.
pub fn chunks(text: &str, columns: usize, most: usize) -> Vec<Range<usize>> {
    let columns = columns.max(1);
    let mut out = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (at, g) in text.grapheme_indices(true) {
        let width = format::width(g);
        if used + width > columns && at > start {
            out.push(start..at);
            if out.len() >= most.max(1) {
                return out;
            }
            (start, used) = (at, 0);
        }
        used += width;
    }
    out.push(start..text.len());
    out
}

/// What is in view when the first `left` columns are scrolled away.
pub fn scrolled(text: &str, left: usize, columns: usize) -> Range<usize> {
    let (mut start, mut used) = (text.len(), 0);
    for (at, g) in text.grapheme_indices(true) {
        if used >= left {
            start = at;
            break;
        }
        used += format::width(g);
    }
    if left == 0 {
        start = 0;
    }
    let mut used = 0;
    for (at, g) in text[start..].grapheme_indices(true) {
        used += format::width(g);
        if used > columns {
            return start..start + at;
        }
    }
    start..text.len()
}

/// A range of a line cut where its looks change.
pub fn segments<'a>(
    line: &'a StyledText,
    range: Range<usize>,
    base: Style,
    hits: &[Range<usize>],
    hit: Style,
) -> Vec<(&'a str, Style)> {
    let text = line.text.as_str();
    let spans = line
        .spans
        .iter()
        .map(|s| (s.start as usize..s.end as usize, span_style(s)));
    let in_view = |r: &Range<usize>| r.start < range.end && r.end > range.start;
    let spans: Vec<_> = spans.filter(|(r, _)| in_view(r)).collect();
    let hits: Vec<_> = hits.iter().filter(|r| in_view(r)).collect();
    let mut cuts = vec![range.start, range.end];
    for r in spans.iter().map(|(r, _)| r).chain(hits.iter().copied()) {
        cuts.extend([r.start, r.end].map(|c| c.clamp(range.start, range.end)));
    }
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2)
        .filter_map(|w| {
            let part = text.get(w[0]..w[1])?;
            let covers = |r: &Range<usize>| r.start <= w[0] && w[1] <= r.end;
            let own = spans.iter().find(|(r, _)| covers(r)).map(|(_, s)| *s);
            let mut style = base.patch(own.unwrap_or_default());
            if hits.iter().any(|r| covers(r)) {
                style = style.patch(hit);
            }
            Some((part, style))
        })
        .collect()
}
