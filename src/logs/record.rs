//! Owns a record as people see it: lines, level, time, source, message, fields.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::fields::Field;
use super::line::{Level, LineKind, LogLine};
use super::log::Log;
use super::said::Said;
use super::time::{self, Micros};
use crate::model::SafeText;
use crate::query::{Document, Value};

/// The facets that every record has, as far as its log or the record itself knows them.
pub const FACETS: [&str; 12] = [
    "status",
    "level",
    "source",
    "stream",
    "service",
    "pipeline",
    "pipeline_id",
    "run",
    "node",
    "attempt",
    "backend",
    "host",
];

/// Values of facets that hold for all records of a log.
pub type Tags = Vec<(&'static str, SafeText)>;

/// A record: its first line and those that belong to it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Numbers of its lines.
    pub numbers: Range<u64>,
    pub lines: Vec<LogLine>,
    /// When it was logged; without a time of its own, when the record before it was.
    pub at: Option<DateTime<Utc>>,
    /// Index in `lines` of the line that names the cause, in an error.
    pub cause: Option<usize>,
    said: Said,
}

impl Log {
    /// The record that a line belongs to. The line still being written is left out.
    pub fn record_of(&self, number: u64) -> Option<Record> {
        self.spot(number)?;
        let numbers = self.record_numbers(number);
        let lines: Vec<LogLine> = numbers.clone().filter_map(|n| self.numbered(n)).collect();
        let own = lines.iter().find_map(|line| line.at);
        let mut said = Said::new(lines.first()?.level, Arc::clone(&self.tags), self.near);
        for line in &lines {
            said.add_line(&line.text.text);
        }
        let cause = self.causes(numbers.clone()).next();
        Some(Record {
            at: own.or_else(|| self.time_before(numbers.start)),
            cause: cause.map(|number| (number - numbers.start) as usize),
            numbers,
            lines,
            said,
        })
    }

    /// When the record was logged that a line belongs to; without a time of its own, when the one before it was.
    pub fn time_of(&self, number: u64) -> Option<DateTime<Utc>> {
        let mut numbers = self.record_numbers(number);
        let start = numbers.start;
        let own = numbers.find_map(|n| self.numbered(n)?.at);
        own.or_else(|| self.time_before(start))
    }

    pub(super) fn micros_of(&self, number: u64) -> Option<Micros> {
        self.time_of(number).map(|at| at.timestamp_micros())
    }

    /// The latest time named before a line.
    fn time_before(&self, number: u64) -> Option<DateTime<Utc>> {
        let spot = self.spot(number)?;
        let first = number - u64::from(spot.bit);
        let mut near = (first..number).rev().filter_map(|n| self.numbered(n)?.at);
        near.next().or_else(|| {
            let block = &self.segments[spot.segment].blocks[spot.block];
            block.time.and_then(time::shown)
        })
    }

    fn numbered(&self, number: u64) -> Option<LogLine> {
        self.line(self.row_of(number))
    }
}

impl Record {
    pub fn level(&self) -> Option<Level> {
        self.said.level
    }

    /// Not from the log: says what is missing here.
    pub fn is_notice(&self) -> bool {
        self.lines
            .first()
            .is_some_and(|line| line.kind == LineKind::Notice)
    }

    /// All of its text, a line each.
    pub fn text(&self) -> &str {
        &self.said.text
    }

    /// What it says: without time, level and logger; of a JSON object its message.
    pub fn message(&self) -> Cow<'_, str> {
        let first = || self.lines.first().map_or("", LogLine::message);
        self.said
            .message()
            .map_or_else(|| Cow::Borrowed(first()), Cow::Owned)
    }

    /// The logger, module, class or program that it came from.
    pub fn source(&self) -> Option<Cow<'_, str>> {
        self.said.source()
    }

    /// Fields of a JSON object or of `name=value` pairs in the first line, as they are written. Nested ones have a
    /// path with dots.
    pub fn fields(&self) -> &[Field] {
        self.said.fields()
    }
}

impl Document for Record {
    fn text(&self) -> Option<Cow<'_, str>> {
        Document::text(&self.said)
    }

    fn facet(&self, name: &str) -> Option<Vec<Value<'_>>> {
        self.said.facet(name)
    }

    fn field(&self, path: &str) -> Option<Vec<Value<'_>>> {
        self.said.field(path)
    }

    fn rank(&self, facet: &str, word: &str) -> Option<f64> {
        self.said.rank(facet, word)
    }
}
