//! Where in a log something is: marks in the scrollbar, the strip of errors over the whole log.

use std::cell::RefCell;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::logs::{Lens, Point};
use crate::model::NodeState;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::pen::Pen;

/// Places of merged logs that are looked up for one picture.
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
    let counts = spread(lens, parts, &Errors(lens));
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

/// What is marked in logs.
pub trait Marks {
    /// How many there are in all logs.
    fn total(&self) -> usize;

    /// Counts of equal parts of the lines of a log.
    fn in_parts(&self, source: usize, parts: usize) -> Vec<u32>;

    /// Numbers of the marked lines of a log, in order.
    fn numbers(&self, source: usize) -> Box<dyn Iterator<Item = u64> + '_>;

    /// Counts of the marked records that pass the filters, before, between and behind some lines of a log.
    fn between(&self, lens: &Lens, source: usize, bounds: &[u64]) -> Vec<u32>
    where
        Self: Sized,
    {
        let mut counts = vec![0; bounds.len() + 1];
        let mut at = 0;
        for start in shown(lens, source, self) {
            at += bounds[at..]
                .iter()
                .take_while(|bound| **bound <= start)
                .count();
            counts[at] += 1;
        }
        counts
    }
}

/// Causes of errors.
struct Errors<'a>(&'a Lens<'a>);

impl Marks for Errors<'_> {
    fn total(&self) -> usize {
        let sources = self.0.sources().iter();
        sources.map(|s| s.log.error_count()).sum()
    }

    fn in_parts(&self, source: usize, parts: usize) -> Vec<u32> {
        let log = self.0.log(source);
        log.map_or_else(Vec::new, |log| log.errors_in_parts(parts))
    }

    fn numbers(&self, source: usize) -> Box<dyn Iterator<Item = u64> + '_> {
        let log = self.0.log(source);
        Box::new(log.into_iter().flat_map(|log| log.causes(log.numbers())))
    }
}

/// Marks in equal parts of what is shown of all logs. Exact for one log; for several up to [`LOOKED_UP`] marks, more
/// than that stand where the middle of their part of their log does.
pub fn spread(lens: &Lens, parts: usize, marks: &impl Marks) -> Vec<u32> {
    let sources = lens.sources();
    if parts == 0 {
        return Vec::new();
    }
    let mut counts = vec![0; parts];
    let mut add = |at: usize, all: usize, count: u32| {
        if let Some(cell) = counts.get_mut((at * parts / all.max(1)).min(parts - 1)) {
            *cell += count;
        }
    };
    match sources {
        [one] => match one.wanted {
            None => return marks.in_parts(0, parts),
            Some(wanted) => {
                let bound = |part: usize| wanted.nth((part * wanted.len()).div_ceil(parts));
                let bounds = (1..parts).map(|part| bound(part).unwrap_or(u64::MAX));
                return marks.between(lens, 0, &bounds.collect::<Vec<_>>());
            }
        },
        _ if marks.total() <= LOOKED_UP => {
            for (source, s) in sources.iter().enumerate() {
                for start in shown(lens, source, marks) {
                    let row = s.log.row_of(start);
                    let (at, all) = lens.place(Point { source, row });
                    add(at, all, 1);
                }
            }
        }
        _ => {
            let mut found = Vec::new();
            for (source, s) in sources.iter().enumerate() {
                let counts = marks.in_parts(source, parts).into_iter().enumerate();
                for (part, count) in counts.filter(|(_, count)| *count > 0) {
                    let row = (part * 2 + 1) * s.log.len() / (parts * 2);
                    found.push((Point { source, row }, count));
                }
            }
            let every = found.len().div_ceil(LOOKED_UP).max(1);
            for (point, count) in found.into_iter().step_by(every) {
                let (at, all) = lens.place(point);
                add(at, all, count);
            }
        }
    }
    counts
}

/// First lines of the marked records of a log that pass the filters.
fn shown<'a>(
    lens: &'a Lens,
    source: usize,
    marks: &'a impl Marks,
) -> impl Iterator<Item = u64> + 'a {
    marks.numbers(source).filter_map(move |number| {
        let source = lens.sources().get(source)?;
        let start = source.log.record_numbers(number).start;
        let passes = source.wanted.is_none_or(|wanted| wanted.contains(start));
        passes.then_some(start)
    })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::sync::Arc;

    use super::*;
    use crate::logs::{Direction, FACETS, Filter, Find, Folds, LogStore, Source};
    use crate::query::Query;

    /// Two logs whose lines are seconds apart by chance; every so many is an error with a trace.
    fn store(lines: u64, every: u64) -> LogStore<u8> {
        let mut store = LogStore::default();
        let (mut state, mut second) = (7u64, 0);
        for n in 0..lines {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            second += state >> 62;
            let at = format!(
                "2026-11-20T{:02}:{:02}:{:02}Z",
                second / 3600,
                second / 60 % 60,
                second % 60
            );
            // the second log is silent at first
            let key = u8::from(n > lines / 3 && state >> 40 & 1 == 1);
            let text = match state >> 33 & 0xffff {
                draw if draw % every == 0 => format!(
                    "{at} ERROR load - broke\nTraceback (most recent call last):\n  File \"x\"\nKeyError: {n}\n"
                ),
                draw if draw % 3 == 0 => format!("{at} DEBUG load - detail {n}\n"),
                _ => format!("{at} INFO load - read {n}\n"),
            };
            store.append(&key, text.as_bytes());
        }
        store.finish(&0);
        store.finish(&1);
        store
    }

    /// Every shown record looked at.
    fn naive(lens: &Lens, parts: usize) -> Vec<u32> {
        let mut counts = vec![0; parts];
        let first = lens.first().unwrap();
        for point in std::iter::once(first).chain(lens.after(first)) {
            let record = lens.record(point);
            let log = lens.log(point.source).unwrap();
            if record.start == point.row && record.into_iter().any(|row| log.is_cause(row)) {
                let (at, all) = lens.place(point);
                counts[(at * parts / all).min(parts - 1)] += 1;
            }
        }
        counts
    }

    #[test]
    fn errors_stand_where_their_records_are_shown() {
        let store = store(3000, 40);
        let find = |key: u8| {
            let filter =
                Filter::new(Query::parse(r"-level:debug -/KeyError: \d*[37]/", &FACETS).unwrap());
            let log = store.get(&key).unwrap();
            let mut find = Find::new(log, Arc::new(filter), 0, Direction::Forward);
            while !find.step(log, 1 << 20).done() {}
            find
        };
        let finds = [find(0), find(1)];
        let folds = Folds::default();
        for keys in [0..1, 1..2, 0..2] {
            for filtered in [false, true] {
                let sources: Vec<Source> = keys
                    .clone()
                    .map(|key| Source {
                        log: store.get(&key).unwrap(),
                        wanted: filtered.then(|| finds[usize::from(key)].matches()),
                        since: None,
                        until: None,
                    })
                    .collect();
                let lens = Lens::new(&sources, &folds);
                if sources.len() == 1 && !filtered {
                    continue;
                }
                let expected = naive(&lens, 50);
                assert!(expected.iter().filter(|count| **count > 0).count() > 5);
                assert_eq!(
                    spread(&lens, 50, &Errors(&lens)),
                    expected,
                    "{keys:?} {filtered}"
                );
            }
        }
    }
}
