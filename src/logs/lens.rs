//! Owns what of one or several logs is shown, as one sequence of rows: merged by time, filtered by record, folded.
//! Costs what is walked over, however long the logs are.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Range;

use chrono::{DateTime, Utc};

use super::log::Log;
use super::matches::Matches;
use super::order::Moment;

/// A log among those that are shown.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub log: &'a Log,
    /// First lines of the records that are shown; `None`: all. What says that something is missing always is.
    pub wanted: Option<&'a Matches>,
    /// When it began: there stands what comes before the first time it names.
    pub since: Option<DateTime<Utc>>,
    /// Records from this line on are left out: the last one may go on.
    pub until: Option<u64>,
}

/// A row of one of the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    pub source: usize,
    pub row: usize,
}

/// Which records show only their first line and their cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folds {
    all: bool,
    /// Source and number of the first line of records that are the other way.
    other: BTreeSet<(usize, u64)>,
}

impl Folds {
    pub fn is_folded(&self, source: usize, number: u64) -> bool {
        self.all != self.other.contains(&(source, number))
    }

    /// The record that begins with this line the other way.
    pub fn toggle(&mut self, source: usize, number: u64) {
        if !self.other.remove(&(source, number)) {
            self.other.insert((source, number));
        }
    }

    /// All records folded, or all unfolded when they are.
    pub fn toggle_all(&mut self) {
        self.all = !self.all;
        self.other.clear();
    }

    pub fn all(&self) -> bool {
        self.all
    }

    /// Nothing is folded.
    pub fn is_none(&self) -> bool {
        !self.all && self.other.is_empty()
    }

    /// The sources have other places now, or none.
    pub fn move_sources(&mut self, to: impl Fn(usize) -> Option<usize>) {
        let old = std::mem::take(&mut self.other);
        self.other = old
            .into_iter()
            .filter_map(|(s, n)| Some((to(s)?, n)))
            .collect();
    }
}

/// Records stand in the order of their moments; at the same moment, in the order of their sources.
#[derive(Clone, Copy, Debug)]
pub struct Lens<'a> {
    sources: &'a [Source<'a>],
    folds: &'a Folds,
}

impl<'a> Lens<'a> {
    pub fn new(sources: &'a [Source<'a>], folds: &'a Folds) -> Self {
        Self { sources, folds }
    }

    pub fn sources(&self) -> &'a [Source<'a>] {
        self.sources
    }

    pub fn log(&self, source: usize) -> Option<&'a Log> {
        self.sources.get(source).map(|s| s.log)
    }

    /// Rows of all logs, shown or not.
    pub fn len(&self) -> usize {
        self.sources.iter().map(|s| s.log.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.sources.iter().all(|s| s.log.is_empty())
    }

    /// Nothing is hidden: a row is as many rows from the beginning as its index says.
    fn is_plain(&self) -> bool {
        self.folds.is_none() && matches!(self.sources, [one] if one.wanted.is_none())
    }

    pub fn first(&self) -> Option<Point> {
        let heads = (0..self.sources.len()).map(|s| self.head(s, self.record_from(s, 0)));
        let (source, head) = earliest(heads)?;
        Some(Point {
            source,
            row: head.row,
        })
    }

    pub fn last(&self) -> Option<Point> {
        let heads = (0..self.sources.len()).map(|s| {
            let end = self.sources[s].log.len();
            self.head(s, self.record_before(s, end))
        });
        let (source, head) = latest(heads)?;
        Some(self.end_of(source, head.row))
    }

    /// The rows after one, in order.
    pub fn after(&self, point: Point) -> Walk<'_> {
        Walk::new(*self, point, true)
    }

    /// The rows from one of each source on, in order, for who goes on when the logs have grown. What comes late, with
    /// a time that has passed, comes where one is then.
    pub fn from(&self, rows: &[usize]) -> Walk<'_> {
        Walk::from(*self, rows)
    }

    /// The rows before one, backwards.
    pub fn before(&self, point: Point) -> Walk<'_> {
        Walk::new(*self, point, false)
    }

    /// So many rows further, or as far as there are rows.
    pub fn shift(&self, point: Point, by: isize) -> Point {
        if self.is_plain() {
            let last = self.len().saturating_sub(1);
            let row = point.row.saturating_add_signed(by).min(last);
            return Point { row, ..point };
        }
        let far = by.unsigned_abs();
        let walk = if by < 0 {
            self.before(point)
        } else {
            self.after(point)
        };
        walk.take(far).last().unwrap_or(point)
    }

    /// The row itself when it is shown, else the one of its record that stands for it, else the next or the last one.
    pub fn nearest(&self, point: Point) -> Option<Point> {
        let log = self.log(point.source)?;
        if log.is_empty() {
            return self.last();
        }
        let point = Point {
            row: point.row.min(log.len() - 1),
            ..point
        };
        let record = log.record(point.row);
        if self.record_from(point.source, record.start) == Some(record.start) {
            let mut rows = self.shown(point.source, record).rev();
            return rows
                .find(|row| *row <= point.row)
                .map(|row| Point { row, ..point });
        }
        let mut walk = self.after(point);
        walk.next().or_else(|| self.last())
    }

    pub fn shows(&self, point: Point) -> bool {
        self.nearest(point) == Some(point)
    }

    /// Rows of a point's record, shown or not.
    pub fn record(&self, point: Point) -> Range<usize> {
        match self.log(point.source) {
            Some(log) => log.record(point.row),
            None => point.row..point.row,
        }
    }

    /// Rows that are folded away behind this one.
    pub fn hidden_after(&self, point: Point) -> usize {
        let record = self.record(point);
        if !self.folded(point.source, &record) {
            return 0;
        }
        let last = self.shown(point.source, record.clone()).next_back();
        match last == Some(point.row) {
            true => record.len() - self.shown(point.source, record).count(),
            false => 0,
        }
    }

    /// The nearest row of a kind below a point, or above it: `pick` finds, in a source, the first one at or below a
    /// row, or the last one above it.
    pub fn seek(
        &self,
        from: Point,
        forward: bool,
        pick: impl Fn(usize, usize) -> Option<usize>,
    ) -> Option<Point> {
        let starts = self.cut(from);
        let found = starts.into_iter().enumerate().map(|(source, start)| {
            let start = match (source == from.source, forward) {
                (true, true) => from.row + 1,
                (true, false) => from.row,
                (false, _) => start,
            };
            self.head(source, pick(source, start))
        });
        let found = if forward {
            earliest(found)
        } else {
            latest(found)
        };
        found.map(|(source, head)| Point {
            source,
            row: head.row,
        })
    }

    /// The one of several rows that stands before the others.
    pub fn earliest(&self, points: impl Iterator<Item = Point>) -> Option<Point> {
        points.min_by_key(|p| (self.moment(p.source, p.row), *p))
    }

    /// Whether a row stands above another one.
    pub fn is_before(&self, a: Point, b: Point) -> bool {
        let key = |p: Point| (self.moment(p.source, p.row), p);
        key(a) < key(b)
    }

    /// How far down a point is: rows of all logs above it, or shown records where some are hidden; and how many
    /// there are.
    pub fn place(&self, point: Point) -> (usize, usize) {
        let starts = self.cut(point);
        let mut place = (0, 0);
        for (source, start) in self.sources.iter().zip(starts) {
            let (above, all) = match source.wanted {
                None => (start, source.log.len()),
                Some(wanted) => (wanted.rank(source.log.number_of(start)), wanted.len()),
            };
            place.0 += above;
            place.1 += all;
        }
        place
    }

    /// For each source the first row that stands behind a point's record; for its own the point itself.
    pub fn cut(&self, point: Point) -> Vec<usize> {
        if self.sources.len() == 1 {
            return vec![point.row];
        }
        let moment = self.moment(point.source, point.row);
        (0..self.sources.len())
            .map(|source| {
                if source == point.source {
                    return point.row;
                }
                let lead = self.lead(source);
                let log = self.sources[source].log;
                log.first_moment(|own| match own.or(lead).cmp(&moment) {
                    Ordering::Equal => source > point.source,
                    order => order.is_gt(),
                })
            })
            .collect()
    }

    fn lead(&self, source: usize) -> Moment {
        let source = &self.sources[source];
        source
            .log
            .lead(source.since.map(|at| at.timestamp_micros()))
    }

    fn moment(&self, source: usize, row: usize) -> Moment {
        match self.sources {
            [_] => None,
            sources => sources[source]
                .log
                .moment(row)
                .or_else(|| self.lead(source)),
        }
    }

    fn head(&self, source: usize, row: Option<usize>) -> Option<Head> {
        let row = row?;
        Some(Head {
            moment: self.moment(source, row),
            row,
        })
    }

    /// The first shown record that begins at or below a row.
    fn record_from(&self, source: usize, row: usize) -> Option<usize> {
        let Source {
            log, wanted, until, ..
        } = self.sources[source];
        let end = until.map_or(log.len(), |number| log.row_of(number).min(log.len()));
        let Some(wanted) = wanted else {
            return (row < end).then_some(row);
        };
        let hit = wanted.next(log.number_of(row)).map(|n| log.row_of(n));
        let notice = log.next_notice(row);
        let found = [hit, notice].into_iter().flatten().min();
        found.filter(|found| *found < end)
    }

    /// The last shown record that begins above a row.
    fn record_before(&self, source: usize, row: usize) -> Option<usize> {
        let Source { log, wanted, .. } = self.sources[source];
        let Some(wanted) = wanted else {
            return row.checked_sub(1).map(|above| log.record(above).start);
        };
        let first = log.numbers().start;
        let hit = wanted.prev(log.number_of(row)).filter(|n| *n >= first);
        let notice = log.prev_notice(row);
        [hit.map(|n| log.row_of(n)), notice]
            .into_iter()
            .flatten()
            .max()
    }

    fn folded(&self, source: usize, record: &Range<usize>) -> bool {
        let log = self.sources[source].log;
        record.len() > 1 && self.folds.is_folded(source, log.number_of(record.start))
    }

    /// The shown rows of a shown record.
    fn shown(&self, source: usize, record: Range<usize>) -> Shown {
        if !self.folded(source, &record) {
            return Shown::All(record);
        }
        let log = self.sources[source].log;
        let numbers = log.number_of(record.start)..log.number_of(record.end);
        let cause = log.causes(numbers).next().map(|n| log.row_of(n));
        Shown::Folded(Some(record.start), cause.filter(|row| *row > record.start))
    }

    /// The last shown row of the record that begins at a row.
    fn end_of(&self, source: usize, row: usize) -> Point {
        let record = self.sources[source].log.record(row);
        let last = self.shown(source, record).next_back();
        Point {
            source,
            row: last.unwrap_or(row),
        }
    }
}

/// A record that comes next in its source.
#[derive(Clone, Copy, Debug)]
struct Head {
    moment: Moment,
    row: usize,
}

fn earliest(heads: impl Iterator<Item = Option<Head>>) -> Option<(usize, Head)> {
    let there = heads
        .enumerate()
        .filter_map(|(source, head)| Some((source, head?)));
    there.min_by_key(|(source, head)| (head.moment, *source))
}

fn latest(heads: impl Iterator<Item = Option<Head>>) -> Option<(usize, Head)> {
    let there = heads
        .enumerate()
        .filter_map(|(source, head)| Some((source, head?)));
    there.max_by_key(|(source, head)| (head.moment, *source))
}

/// Rows of one record.
enum Shown {
    All(Range<usize>),
    Folded(Option<usize>, Option<usize>),
}

impl Iterator for Shown {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        match self {
            Self::All(rows) => rows.next(),
            Self::Folded(first, cause) => first.take().or_else(|| cause.take()),
        }
    }
}

impl DoubleEndedIterator for Shown {
    fn next_back(&mut self) -> Option<usize> {
        match self {
            Self::All(rows) => rows.next_back(),
            Self::Folded(first, cause) => cause.take().or_else(|| first.take()),
        }
    }
}

/// Goes from row to row; a step costs the same wherever it is.
pub struct Walk<'a> {
    lens: Lens<'a>,
    /// The row one is at; none before the first step from given rows.
    at: Option<Point>,
    /// What is left of the record.
    rows: Shown,
    /// The record that is next in each source but the one that is walked in.
    heads: Vec<Option<Head>>,
    forward: bool,
}

impl<'a> Walk<'a> {
    fn new(lens: Lens<'a>, at: Point, forward: bool) -> Self {
        let mut walk = Self {
            lens,
            at: Some(at),
            rows: Shown::Folded(None, None),
            heads: Vec::new(),
            forward,
        };
        if at.source >= lens.sources.len() {
            return walk;
        }
        let starts = lens.cut(at);
        walk.heads = (0..lens.sources.len())
            .map(|source| {
                let beside = source != at.source;
                beside
                    .then(|| walk.beyond(source, starts[source]))
                    .flatten()
            })
            .collect();
        let record = lens.record(at);
        let shown = lens.record_from(at.source, record.start) == Some(record.start);
        walk.rows = match (shown, forward) {
            (false, _) => Shown::Folded(None, None),
            (true, true) => match lens.shown(at.source, record) {
                Shown::All(rows) => Shown::All(at.row + 1..rows.end),
                Shown::Folded(first, cause) => Shown::Folded(
                    first.filter(|row| *row > at.row),
                    cause.filter(|row| *row > at.row),
                ),
            },
            (true, false) => match lens.shown(at.source, record) {
                Shown::All(rows) => Shown::All(rows.start..at.row),
                Shown::Folded(first, cause) => Shown::Folded(
                    first.filter(|row| *row < at.row),
                    cause.filter(|row| *row < at.row),
                ),
            },
        };
        walk
    }

    fn from(lens: Lens<'a>, rows: &[usize]) -> Self {
        let heads = rows.iter().enumerate();
        let heads = heads.map(|(source, row)| lens.head(source, lens.record_from(source, *row)));
        Self {
            lens,
            at: None,
            rows: Shown::Folded(None, None),
            heads: heads.take(lens.sources.len()).collect(),
            forward: true,
        }
    }

    /// The record next to a row in a source, in the direction of the walk.
    fn beyond(&self, source: usize, row: usize) -> Option<Head> {
        let row = match self.forward {
            true => self.lens.record_from(source, row),
            false => self.lens.record_before(source, row),
        };
        self.lens.head(source, row)
    }
}

impl Iterator for Walk<'_> {
    type Item = Point;

    fn next(&mut self) -> Option<Point> {
        let inside = match self.forward {
            true => self.rows.next(),
            false => self.rows.next_back(),
        };
        if let (Some(row), Some(at)) = (inside, &mut self.at) {
            at.row = row;
            return Some(*at);
        }
        if self.heads.is_empty() {
            return None;
        }
        if let Some(at) = self.at {
            let record = self.lens.record(at);
            let edge = if self.forward {
                record.end
            } else {
                record.start
            };
            self.heads[at.source] = self.beyond(at.source, edge);
        }
        let heads = self.heads.iter().copied();
        let (source, head) = match self.forward {
            true => earliest(heads)?,
            false => latest(heads)?,
        };
        let record = self.lens.sources[source].log.record(head.row);
        self.rows = self.lens.shown(source, record);
        let row = match self.forward {
            true => self.rows.next(),
            false => self.rows.next_back(),
        };
        self.at = Some(Point { source, row: row? });
        self.at
    }
}

#[cfg(test)]
#[path = "lens_tests.rs"]
mod tests;
