//! Owns which records are wanted, and what can be told of them before they are read.

use chrono::{DateTime, Utc};
use regex::bytes::{Regex, RegexBuilder};

use super::block::Levels;
use super::digest::Word;
use super::line::Level;
use super::record::{Record, Tags};
use super::said::{Outline, Said};
use super::segment::Segment;
use super::time::Micros;
use crate::query::{Document, Query};

/// A query with a threshold and a span of time.
#[derive(Clone, Debug)]
pub struct Filter {
    query: Query,
    least: Option<Level>,
    since: Option<Micros>,
    until: Option<Micros>,
    /// Found in the text of every record the query holds for.
    needle: Option<Regex>,
    /// The needle is one of these.
    words: Vec<Word>,
    /// A record with the needle in it is one the query holds for.
    sole: bool,
}

/// The needle follows from the query.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        let key = |f: &Self| (f.least, f.since, f.until);
        self.query == other.query && key(self) == key(other)
    }
}

impl Filter {
    pub fn new(query: Query) -> Self {
        let words = query.needles();
        let needle = words.as_ref().and_then(|words| {
            let any: Vec<String> = words.iter().map(|word| regex::escape(word)).collect();
            let mut builder = RegexBuilder::new(&any.join("|"));
            // too large to be compiled: then every record is looked at
            builder.case_insensitive(true).build().ok()
        });
        Self {
            words: words.into_iter().flatten().map(Word::new).collect(),
            sole: query.sole_needle().is_some() && needle.is_some(),
            query,
            least: None,
            since: None,
            until: None,
            needle,
        }
    }

    /// Only records of this level or a louder one; those without a level are left out.
    #[must_use]
    pub fn at_least(mut self, level: Option<Level>) -> Self {
        self.least = level;
        self
    }

    /// Only records from `since` on and before `until`; where a time is asked for, those without one are left out.
    #[must_use]
    pub fn between(mut self, since: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) -> Self {
        self.since = since.map(|at| at.timestamp_micros());
        self.until = until.map(|at| at.timestamp_micros());
        self
    }

    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Leaves nothing out.
    pub fn is_all(&self) -> bool {
        self.query.is_all() && self.least.is_none() && !self.is_timed()
    }

    /// Whether a record is wanted.
    pub fn holds(&self, record: &Record) -> bool {
        let at = record.at.map(|at| at.timestamp_micros());
        self.loud(record.level())
            && self.holds_at(at)
            && self.query.matches(record as &dyn Document)
    }

    pub(super) fn holds_for(&self, said: &Said) -> bool {
        self.loud(said.level) && self.query.matches(said as &dyn Document)
    }

    pub(super) fn is_timed(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    pub(super) fn holds_at(&self, at: Option<Micros>) -> bool {
        match at {
            None => !self.is_timed(),
            Some(at) => {
                self.since.is_none_or(|since| at >= since)
                    && self.until.is_none_or(|until| at < until)
            }
        }
    }

    /// Of the records of a segment: `Some` when the time of all of them is wanted, or that of none.
    pub(super) fn holds_between(&self, segment: &Segment) -> Option<bool> {
        if !self.is_timed() {
            return Some(true);
        }
        let Some((low, high)) = segment.times else {
            return Some(false);
        };
        if self.since.is_some_and(|since| high < since)
            || self.until.is_some_and(|until| low >= until)
        {
            return Some(false);
        }
        let all = self.holds_at(Some(low)) && self.holds_at(Some(high)) && !segment.untimed;
        all.then_some(true)
    }

    /// Whether a record of a segment may have a needle in it, as far as can be told without reading it.
    pub(super) fn may_be_in(&self, segment: &Segment) -> bool {
        let Some(digest) = segment.digest.as_ref().filter(|_| self.needle.is_some()) else {
            return true;
        };
        self.words.iter().any(|word| word.may_be_in(digest))
    }

    pub(super) fn needle(&self) -> Option<&Regex> {
        self.needle.as_ref()
    }

    pub(super) fn is_sole(&self) -> bool {
        self.sole
    }

    /// Levels whose records are wanted whatever they say, and levels whose records must be read.
    pub(super) fn levels(&self, tags: &Tags) -> (Levels, Levels) {
        let (mut sure, mut maybe) = (Levels::default(), Levels::default());
        for level in Levels::ALL {
            if !self.loud(level) {
                continue;
            }
            match self.query.judge(&Outline { level, tags }) {
                Some(true) => sure.add(level),
                None => maybe.add(level),
                Some(false) => {}
            }
        }
        (sure, maybe)
    }

    fn loud(&self, level: Option<Level>) -> bool {
        match self.least {
            None => true,
            Some(least) => level.is_some_and(|level| level >= least),
        }
    }
}
