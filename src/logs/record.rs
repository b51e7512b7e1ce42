//! Owns what a record says: level, time, source, message, fields; and how a query sees it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::fields::{self, Field};
use super::header;
use super::line::{Level, LineKind, LogLine};
use super::log::Log;
use super::time;
use crate::model::SafeText;
use crate::query::{Document, Value};

/// The facets that every record has, as far as its log or the record itself knows them.
pub const FACETS: [&str; 11] = [
    "status",
    "level",
    "source",
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
    /// Index in `lines` of the line that names the cause, in an error of several lines.
    pub cause: Option<usize>,
    tags: Arc<Tags>,
    fields: OnceCell<Vec<Field>>,
}

impl Log {
    /// The record that a line belongs to. The line still being written is left out.
    pub fn record_of(&self, number: u64) -> Option<Record> {
        self.spot(number)?;
        let numbers = self.record_numbers(number);
        let spot = self.spot(numbers.start)?;
        let row = |number| self.line(self.row_of(number));
        let lines: Vec<LogLine> = numbers.clone().filter_map(row).collect();
        let own = lines.iter().find_map(|line| line.at);
        let at = own.or_else(|| {
            let block = &self.segments[spot.segment].blocks[spot.block];
            let first = numbers.start - u64::from(spot.bit);
            let earlier = (first..numbers.start).rev().filter_map(row);
            let mut earlier = earlier.map(|line| line.at);
            earlier
                .find_map(|at| at)
                .or_else(|| block.time.and_then(time::shown))
        });
        let cause = self.causes(numbers.clone()).next();
        Some(Record {
            cause: cause.map(|number| (number - numbers.start) as usize),
            numbers,
            lines,
            at,
            tags: Arc::clone(&self.tags),
            fields: OnceCell::new(),
        })
    }
}

impl Record {
    pub fn level(&self) -> Option<Level> {
        self.lines.first()?.level
    }

    /// Not from the log: says what is missing here.
    pub fn is_notice(&self) -> bool {
        self.lines
            .first()
            .is_some_and(|line| line.kind == LineKind::Notice)
    }

    /// All of its text, a line each.
    pub fn text(&self) -> Cow<'_, str> {
        match self.lines.as_slice() {
            [] => Cow::Borrowed(""),
            [only] => Cow::Borrowed(&only.text.text),
            lines => {
                let lines: Vec<&str> = lines.iter().map(|line| line.text.text.as_str()).collect();
                Cow::Owned(lines.join("\n"))
            }
        }
    }

    /// What it says: without time, level and logger; of a JSON object its message.
    pub fn message(&self) -> Cow<'_, str> {
        let Some(first) = self.lines.first() else {
            return Cow::Borrowed("");
        };
        let said = fields::message(self.fields());
        said.map_or(Cow::Borrowed(first.message()), Cow::Owned)
    }

    /// The logger, module, class or program that it came from.
    pub fn source(&self) -> Option<Cow<'_, str>> {
        if let Some(named) = fields::source(self.fields()) {
            return Some(Cow::Owned(named));
        }
        let first = self
            .lines
            .first()
            .filter(|line| line.kind == LineKind::Start)?;
        header::source(&first.text.text, first.message_start()).map(Cow::Borrowed)
    }

    /// Fields of a JSON object or of `name=value` pairs, in the order they are written. Nested ones have a path
    /// with dots.
    pub fn fields(&self) -> &[Field] {
        self.fields.get_or_init(|| {
            let first = self
                .lines
                .first()
                .filter(|line| line.kind != LineKind::Notice);
            first.map_or_else(Vec::new, |line| fields::of(&line.text.text))
        })
    }

    fn tagged(&self, name: &str) -> impl Iterator<Item = Value<'_>> {
        let tags = self.tags.iter().filter(move |(known, _)| *known == name);
        tags.map(|(_, value)| Value::Text(Cow::Borrowed(value.as_str())))
    }
}

impl Document for Record {
    fn text(&self) -> Option<Cow<'_, str>> {
        Some(Self::text(self))
    }

    fn facet(&self, name: &str) -> Option<Vec<Value<'_>>> {
        let mut values: Vec<Value<'_>> = self.tagged(name).collect();
        match name {
            "level" | "status" => values.extend(self.level().map(|level| level.word().into())),
            "source" => values.extend(self.source().map(Value::Text)),
            // the log knows better than what is written into it
            _ if values.is_empty() => {
                let own = fields::facet(self.fields(), name);
                values.extend(own.map(|text| Value::Text(Cow::Owned(text))));
            }
            _ => {}
        }
        Some(values)
    }

    fn field(&self, path: &str) -> Option<Vec<Value<'_>>> {
        let named = self.fields().iter().filter(|field| field.name == path);
        Some(named.flat_map(|field| flat(&field.value)).collect())
    }

    fn rank(&self, facet: &str, word: &str) -> Option<f64> {
        rank(facet, word)
    }
}

/// The order of levels.
pub(super) fn rank(facet: &str, word: &str) -> Option<f64> {
    let level = matches!(facet, "level" | "status").then(|| Level::from_word(word))?;
    level.map(|level| f64::from(level as u8))
}

fn flat(value: &Json) -> Vec<Value<'_>> {
    match value {
        Json::String(text) => vec![Value::Text(Cow::Borrowed(text))],
        Json::Number(number) => number.as_f64().map(Value::Number).into_iter().collect(),
        Json::Bool(true) => vec!["true".into()],
        Json::Bool(false) => vec!["false".into()],
        Json::Array(list) => list.iter().flat_map(flat).collect(),
        Json::Null | Json::Object(_) => Vec::new(),
    }
}
