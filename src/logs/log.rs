//! Owns one log: its rows, its records, its errors, what is missing of it.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::block::{Block, LINES};
use super::carry::Carry;
use super::decode::{self, Memory, Reading};
use super::errors::Errors;
use super::file::FileSource;
use super::gap::{Dropped, Gap};
use super::line::{LineKind, LogLine};
use super::recognise::Recogniser;
use super::record::Tags;
use super::segment::Segment;
use super::time::{self, Micros};
use crate::model::SafeText;

/// The error a person wants to read first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorSummary {
    /// Row of the cause line (0, the row that says so, when it was dropped).
    pub line: usize,
    /// The cause without time, level and logger.
    pub text: SafeText,
    /// Rows its record has besides the cause line.
    pub more_lines: usize,
    /// When it was logged, if the log says.
    pub at: Option<DateTime<Utc>>,
    /// Row of the last `Caused by:` of a Java trace.
    pub caused_by: Option<usize>,
}

/// A log as rows: what is missing at its beginning (one row, if anything is), the lines, the line still being
/// written. A line has a number that stays; its row moves when earlier lines are let go.
///
/// Rows are made from bytes when they are asked for: asking for a screen costs a screen.
#[derive(Debug, Default)]
pub struct Log {
    pub(super) complete: bool,
    pub(super) segments: VecDeque<Segment>,
    /// Number of the line that comes next.
    pub(super) end: u64,
    pub(super) tail: Option<LogLine>,
    pub(super) carry: Carry,
    pub(super) source: Option<FileSource>,
    /// The file it is or was read from.
    pub(super) path: Option<PathBuf>,
    pub(super) recogniser: Recogniser,
    /// The latest time read, whatever came after it: with it logs can be put in order.
    pub(super) time: Option<Micros>,
    /// About when it was written, for times without a year.
    pub(super) near: Option<Micros>,
    pub(super) errors: Errors,
    /// Error records that are still here, the one read now apart.
    pub(super) error_count: usize,
    pub(super) gap: Gap,
    pub(super) tags: Arc<Tags>,
    pub(super) memory: Memory,
    pub(super) cost: usize,
    pub(super) cost_of_segments: usize,
    pub(super) cost_of_last: usize,
    pub(super) revision: u64,
    /// Changes when the log begins again and numbers mean other lines.
    pub(super) epoch: u64,
    pub(super) scratch: String,
    /// Segments before this line have a digest, or are not to have one.
    pub(super) digested: u64,
}

/// Where a line is: segment, block and bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) segment: usize,
    pub(super) block: usize,
    pub(super) bit: u32,
}

impl Log {
    /// Rows.
    pub fn len(&self) -> usize {
        self.offset() + self.line_count() + usize::from(self.tail.is_some())
    }

    /// Rows that can't change any more: all but a last line that has not ended yet.
    pub fn settled(&self) -> usize {
        if self.complete {
            self.len()
        } else {
            self.offset() + self.line_count()
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn line(&self, row: usize) -> Option<LogLine> {
        let Some(at) = row.checked_sub(self.offset()) else {
            return self.gap.row();
        };
        if at == self.line_count() {
            return self.tail.clone();
        }
        let spot = self.spot(self.first() + at as u64)?;
        let segment = &self.segments[spot.segment];
        let lines = self.memory.block(segment, spot.block, self.reading());
        lines.get(spot.bit as usize).cloned()
    }

    /// Rows of a range, as far as they exist.
    pub fn lines(&self, rows: Range<usize>) -> impl DoubleEndedIterator<Item = LogLine> {
        (rows.start..rows.end.min(self.len())).filter_map(|row| self.line(row))
    }

    /// A row as it was written, every byte shown and nothing interpreted.
    pub fn raw(&self, row: usize) -> Option<SafeText> {
        let number = self.first() + row.checked_sub(self.offset())? as u64;
        let spot = self.spot(number)?;
        let segment = &self.segments[spot.segment];
        let line = u32::try_from(number - segment.first).ok()?;
        let (bytes, cut) = decode::raw(segment, spot.block, line).ok()?;
        Some(SafeText::visible(
            &bytes,
            usize::try_from(cut).unwrap_or(usize::MAX),
        ))
    }

    /// Nothing more will come.
    pub fn complete(&self) -> bool {
        self.complete
    }

    /// Changes with every change of the log, and is never the same for two contents of one store.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Changes when the log begins again: the numbers of its lines mean other lines then.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    pub fn dropped(&self) -> Dropped {
        self.gap.dropped()
    }

    /// Its beginning is not here: fetch it again to see all of it.
    pub fn is_cut(&self) -> bool {
        self.gap.dropped().lines > 0
    }

    /// It is what stands in this file.
    pub(super) fn is_file(&self, path: &Path) -> bool {
        self.path.as_deref() == Some(path)
    }

    /// A number for a row that stays the same when earlier lines are dropped.
    pub fn number_of(&self, row: usize) -> u64 {
        self.first() + row.saturating_sub(self.offset()) as u64
    }

    /// The row of a number; the first row when it was dropped.
    pub fn row_of(&self, number: u64) -> usize {
        match number.checked_sub(self.first()) {
            Some(at) => self.offset() + usize::try_from(at).unwrap_or(usize::MAX),
            None => 0,
        }
    }

    /// Numbers of the lines that are here, the open one left out.
    pub fn numbers(&self) -> Range<u64> {
        self.first()..self.end
    }

    /// What is known of every record of this log.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// All rows of the record a row belongs to.
    pub fn record(&self, row: usize) -> Range<usize> {
        let at = row.checked_sub(self.offset());
        let last = self.offset() + self.line_count();
        let open = self.tail.as_ref();
        let goes_on = open.is_some_and(|tail| tail.kind == LineKind::Continuation);
        let number = match at {
            None => return row..row + 1,
            Some(_) if row >= last && !(goes_on && self.line_count() > 0) => return row..row + 1,
            Some(_) if row >= last => self.end - 1,
            Some(at) => self.first() + at as u64,
        };
        let numbers = self.record_numbers(number);
        let end = self.row_of(numbers.end);
        self.row_of(numbers.start)..end + usize::from(end == last && goes_on)
    }

    /// Numbers of the lines of the record a line belongs to.
    pub fn record_numbers(&self, number: u64) -> Range<u64> {
        let start = self.bit_before(number + 1, |block| block.starts);
        let end = self.bit_from(number + 1, |block| block.starts);
        start.unwrap_or(self.first())..end.unwrap_or(self.end)
    }

    /// Error records.
    pub fn error_count(&self) -> usize {
        self.error_count + usize::from(self.open_cause().is_some())
    }

    /// Row of the line a person wants to read: the cause of the first exception; else the first line logged as
    /// an error; else the first complaint of a program. An error that only passes on that a command failed
    /// counts when nothing else does.
    pub fn first_error(&self) -> Option<usize> {
        self.error_summary().map(|summary| summary.line)
    }

    /// The next cause line below a row.
    pub fn next_error(&self, from: usize) -> Option<usize> {
        let below = if from < self.offset() {
            self.first()
        } else {
            self.number_of(from) + 1
        };
        let next = self.bit_from(below, |block| block.causes);
        let open = self.open_cause().filter(|cause| *cause >= below);
        next.or(open).map(|number| self.row_of(number))
    }

    /// The next cause line above a row.
    pub fn prev_error(&self, from: usize) -> Option<usize> {
        let above = self.number_of(from.max(self.offset()));
        let open = self.open_cause().filter(|cause| *cause < above);
        let prev = self.bit_before(above, |block| block.causes);
        open.or(prev).map(|number| self.row_of(number))
    }

    /// Numbers of the cause lines in a range of lines, in order.
    pub fn causes(&self, numbers: Range<u64>) -> impl Iterator<Item = u64> + '_ {
        let mut from = numbers.start;
        let closed = std::iter::from_fn(move || {
            let next = self.bit_from(from, |block| block.causes)?;
            from = next + 1;
            Some(next)
        });
        let open = self.open_cause().into_iter();
        closed
            .chain(open.filter(move |cause| *cause >= numbers.start))
            .take_while(move |cause| *cause < numbers.end)
    }

    /// See [`Log::first_error`].
    pub fn error_summary(&self) -> Option<ErrorSummary> {
        let told = self.errors.best()?;
        let here = |number: &u64| *number >= self.first();
        Some(ErrorSummary {
            line: self.row_of(told.mark.cause),
            text: told.cause,
            more_lines: told.mark.more_lines(),
            at: told.at.and_then(time::shown),
            caused_by: told.mark.caused_by.filter(here).map(|n| self.row_of(n)),
        })
    }

    /// Bytes of memory, roughly.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// Number of the first line that is here.
    pub(super) fn first(&self) -> u64 {
        self.segments.front().map_or(self.end, |s| s.first)
    }

    pub(super) fn reading(&self) -> Reading {
        Reading { near: self.near }
    }

    pub(super) fn spot(&self, number: u64) -> Option<Spot> {
        if number >= self.end {
            return None;
        }
        let after = self.segments.partition_point(|s| s.first <= number);
        let segment = after.checked_sub(1)?;
        let line = u32::try_from(number - self.segments[segment].first).ok()?;
        Some(Spot {
            segment,
            block: (line / LINES) as usize,
            bit: line % LINES,
        })
    }

    pub(super) fn offset(&self) -> usize {
        usize::from(self.is_cut())
    }

    fn line_count(&self) -> usize {
        (self.end - self.first()) as usize
    }

    /// The cause of the error that is read now.
    fn open_cause(&self) -> Option<u64> {
        let mark = self.errors.open()?;
        (mark.cause >= self.first()).then_some(mark.cause)
    }

    /// The first line at or after `from` whose bit is set.
    pub(super) fn bit_from(&self, from: u64, bits: impl Fn(&Block) -> u64) -> Option<u64> {
        let spot = self.spot(from.max(self.first()))?;
        let mut mask = u64::MAX << spot.bit;
        for (at, segment) in self.segments.iter().enumerate().skip(spot.segment) {
            let skip = if at == spot.segment { spot.block } else { 0 };
            for (index, block) in segment.blocks.iter().enumerate().skip(skip) {
                let set = bits(block) & mask;
                mask = u64::MAX;
                if set != 0 {
                    let line = index as u64 * u64::from(LINES) + u64::from(set.trailing_zeros());
                    return Some(segment.first + line);
                }
            }
        }
        None
    }

    /// The last line before `before` whose bit is set.
    pub(super) fn bit_before(&self, before: u64, bits: impl Fn(&Block) -> u64) -> Option<u64> {
        let last = before.min(self.end).checked_sub(1)?;
        if last < self.first() {
            return None;
        }
        let spot = self.spot(last)?;
        let mut mask = u64::MAX >> (LINES - 1 - spot.bit);
        for at in (0..=spot.segment).rev() {
            let segment = &self.segments[at];
            let end = if at == spot.segment {
                spot.block + 1
            } else {
                segment.blocks.len()
            };
            for index in (0..end).rev() {
                let set = bits(&segment.blocks[index]) & mask;
                mask = u64::MAX;
                if set != 0 {
                    let line = index as u64 * u64::from(LINES) + u64::from(set.ilog2());
                    return Some(segment.first + line);
                }
            }
        }
        None
    }
}
