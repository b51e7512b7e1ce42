//! Owns one log in memory: its rows, its errors, what was dropped.

use std::collections::VecDeque;
use std::ops::Range;

use chrono::{DateTime, Utc};

use super::carry::Carry;
use super::json;
use super::line::{LineKind, LogLine};
use super::mark::{Mark, MarkChange, Rank, is_wrapper};
use super::recognise::Recogniser;
use super::search::Search;
use crate::model::{SafeText, StyledText};

/// What memory had no room for, from the beginning of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    pub lines: u64,
    pub bytes: u64,
}

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

/// A log as rows: what was dropped (one row, if anything was), the lines, the line still being written.
#[derive(Debug, Default)]
pub struct Log {
    complete: bool,
    head: Option<LogLine>,
    lines: VecDeque<LogLine>,
    tail: Option<LogLine>,
    /// Number of the first line kept, counted from the beginning of the log.
    first: u64,
    marks: VecDeque<Mark>,
    /// The best error among what was dropped.
    early: Option<(Rank, ErrorSummary)>,
    carry: Carry,
    recogniser: Recogniser,
    dropped: Dropped,
    cost: usize,
    revision: u64,
}

impl Log {
    /// Rows.
    pub fn len(&self) -> usize {
        self.offset() + self.lines.len() + usize::from(self.tail.is_some())
    }

    /// Rows that can't change any more: all but a last line that has not ended yet.
    pub fn settled(&self) -> usize {
        if self.complete {
            self.len()
        } else {
            self.offset() + self.lines.len()
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn line(&self, row: usize) -> Option<&LogLine> {
        match row.checked_sub(self.offset()) {
            None => self.head.as_ref(),
            Some(at) if at == self.lines.len() => self.tail.as_ref(),
            Some(at) => self.lines.get(at),
        }
    }

    /// Rows of a range, as far as they exist.
    pub fn lines(&self, rows: Range<usize>) -> impl DoubleEndedIterator<Item = &LogLine> {
        (rows.start..rows.end.min(self.len())).filter_map(|row| self.line(row))
    }

    /// Nothing more will come.
    pub fn complete(&self) -> bool {
        self.complete
    }

    /// Changes with every change of the log, and is never the same for two contents of one store.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Its beginning is not here: fetch it again to see all of it.
    pub fn is_cut(&self) -> bool {
        self.dropped.lines > 0
    }

    /// A number for a row that stays the same when earlier lines are dropped.
    pub fn number_of(&self, row: usize) -> u64 {
        self.first + row.saturating_sub(self.offset()) as u64
    }

    /// The row of a number; the first row when it was dropped.
    pub fn row_of(&self, number: u64) -> usize {
        match number.checked_sub(self.first) {
            Some(at) => self.offset() + usize::try_from(at).unwrap_or(usize::MAX),
            None => 0,
        }
    }

    /// All rows of the record a row belongs to.
    pub fn record(&self, row: usize) -> Range<usize> {
        let goes_on = |row: usize| {
            self.line(row)
                .is_some_and(|line| line.kind == LineKind::Continuation)
        };
        let mut start = row;
        while start > 0 && goes_on(start) {
            start -= 1;
        }
        let mut end = row + 1;
        while goes_on(end) {
            end += 1;
        }
        start..end
    }

    /// Error records.
    pub fn error_count(&self) -> usize {
        self.marks.len()
    }

    /// Row of the line a person wants to read: the cause of the first exception; else the first line logged as
    /// an error; else the first complaint of a program. An error that only passes on that a command failed
    /// counts when nothing else does.
    pub fn first_error(&self) -> Option<usize> {
        self.error_summary().map(|summary| summary.line)
    }

    /// The next cause line below a row.
    pub fn next_error(&self, from: usize) -> Option<usize> {
        let at = self
            .marks
            .partition_point(|mark| self.row_of(mark.cause) <= from);
        self.marks.get(at).map(|mark| self.row_of(mark.cause))
    }

    /// The next cause line above a row.
    pub fn prev_error(&self, from: usize) -> Option<usize> {
        let at = self
            .marks
            .partition_point(|mark| self.row_of(mark.cause) < from);
        self.marks
            .get(at.checked_sub(1)?)
            .map(|mark| self.row_of(mark.cause))
    }

    /// See [`Log::first_error`].
    pub fn error_summary(&self) -> Option<ErrorSummary> {
        let best = self.best_mark();
        match &self.early {
            Some((rank, early)) if best.is_none_or(|mark| mark.rank <= *rank) => {
                Some(early.clone())
            }
            _ => best.map(|mark| self.summarise(mark)),
        }
    }

    /// Row of the first hit at or below `from` (`forward`), or of the last one above it.
    pub fn search(&self, search: &Search, from: usize, forward: bool) -> Option<usize> {
        let hit = |row: &usize| {
            self.line(*row)
                .is_some_and(|line| search.is_match(&line.text.text))
        };
        if forward {
            (from..self.len()).find(hit)
        } else {
            (0..from.min(self.len())).rev().find(hit)
        }
    }

    /// Rows with a hit.
    pub fn count_hits(&self, search: &Search) -> usize {
        self.lines(0..self.len())
            .filter(|line| search.is_match(&line.text.text))
            .count()
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        let mut carry = std::mem::take(&mut self.carry);
        carry.feed(bytes, |line| self.push(line));
        self.tail = carry.preview().map(|text| self.tentative(text));
        self.carry = carry;
        self.complete = false;
    }

    pub(super) fn finish(&mut self) {
        self.tail = None;
        if let Some(line) = self.carry.finish() {
            self.push(line);
        }
        self.complete = true;
    }

    /// A row that is not from the log.
    pub(super) fn note(&mut self, text: SafeText) {
        self.tail = None;
        if let Some(line) = self.carry.finish() {
            self.push(line);
        }
        self.recogniser.interrupt();
        self.keep(LogLine::notice(text));
    }

    pub(super) fn reset(&mut self) {
        *self = Self {
            revision: self.revision,
            ..Self::default()
        };
    }

    pub(super) fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    /// Bytes of memory, roughly.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// Drops lines from the beginning until `target` bytes are left at most.
    pub(super) fn shrink_to(&mut self, target: usize) {
        let before = self.early_best();
        while self.cost > target
            && let Some(line) = self.lines.pop_front()
        {
            self.cost -= line.cost();
            self.first += 1;
            self.dropped.lines += 1;
            self.dropped.bytes += line.text.text.len() as u64 + 1;
        }
        while self
            .marks
            .front()
            .is_some_and(|mark| mark.cause < self.first)
        {
            self.marks.pop_front();
        }
        if let Some((rank, number, summary)) = before
            && number < self.first
            && self.early.as_ref().is_none_or(|(known, _)| *known < rank)
        {
            self.early = Some((
                rank,
                ErrorSummary {
                    line: 0,
                    caused_by: None,
                    ..summary
                },
            ));
        }
        if self.lines.len() * 4 < self.lines.capacity() {
            self.lines.shrink_to(self.lines.len() * 2);
        }
        if self.is_cut() {
            self.head = Some(LogLine::notice(SafeText::new(format!(
                "… {} earlier lines ({}) dropped to save memory",
                grouped(self.dropped.lines),
                size(self.dropped.bytes),
            ))));
        }
    }

    fn offset(&self) -> usize {
        usize::from(self.head.is_some())
    }

    fn push(&mut self, text: StyledText) {
        let number = self.first + self.lines.len() as u64;
        let verdict = self.recogniser.read(&text.text);
        match (verdict.mark, self.marks.back_mut()) {
            (MarkChange::None, _) => {}
            (MarkChange::New(rank), _) => {
                let rank = if is_wrapper(&text.text) {
                    Rank::Wrapper
                } else {
                    rank
                };
                self.marks.push_back(Mark::new(number, rank));
            }
            (change, Some(mark)) => {
                mark.change(number, change);
                if matches!(change, MarkChange::Cause(_)) && is_wrapper(&text.text) {
                    mark.rank = Rank::Wrapper;
                }
            }
            (_, None) => {}
        }
        self.keep(line(text, verdict));
    }

    fn tentative(&self, text: StyledText) -> LogLine {
        let verdict = self.recogniser.clone().read(&text.text);
        line(text, verdict)
    }

    fn keep(&mut self, line: LogLine) {
        self.cost += line.cost();
        self.lines.push_back(line);
    }

    fn best_mark(&self) -> Option<&Mark> {
        let rank = self.marks.iter().map(|mark| mark.rank).max()?;
        self.marks.iter().find(|mark| mark.rank == rank)
    }

    fn early_best(&self) -> Option<(Rank, u64, ErrorSummary)> {
        self.best_mark()
            .map(|mark| (mark.rank, mark.cause, self.summarise(mark)))
    }

    fn summarise(&self, mark: &Mark) -> ErrorSummary {
        let row = self.row_of(mark.cause);
        let cause = self.line(row);
        ErrorSummary {
            line: row,
            text: cause.map(cause_text).unwrap_or_default(),
            more_lines: mark.more_lines(),
            at: cause
                .and_then(|line| line.at)
                .or_else(|| self.line(self.row_of(mark.start))?.at),
            caused_by: mark.caused_by.map(|number| self.row_of(number)),
        }
    }
}

fn line(text: StyledText, verdict: super::recognise::Verdict) -> LogLine {
    LogLine {
        text,
        level: verdict.level,
        at: verdict.at,
        kind: verdict.kind,
        message: u32::try_from(verdict.message).unwrap_or_default(),
    }
}

fn cause_text(line: &LogLine) -> SafeText {
    let message = line.message().trim();
    if message.starts_with('{')
        && let Some(cause) = json::cause(message)
    {
        return SafeText::new(cause);
    }
    // `Exception in thread "main" java.lang.X: …`, and py4j's `: java.lang.X: …`
    let thread = message
        .strip_prefix("Exception in thread \"")
        .and_then(|rest| rest.split_once("\" "));
    let own = thread.map_or(message, |(_, rest)| rest);
    SafeText::new(own.trim_start_matches([':', '|', ' ']))
}

/// `1204` as `1,204`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
