//! Owns saying where a query is wrong and what would be right.

use std::fmt;
use std::ops::Range;

/// A query that can't be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// The bytes of the text that are meant.
    pub at: Range<usize>,
    /// Where they begin, in characters, from 1.
    pub column: usize,
    pub what: String,
    /// What would be right.
    pub help: String,
}

impl QueryError {
    pub fn new(
        text: &str,
        at: Range<usize>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let before = text.get(..at.start).unwrap_or(text);
        Self {
            column: before.chars().count() + 1,
            at,
            what: what.into(),
            help: help.into(),
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.what)?;
        if !self.help.is_empty() {
            write!(f, "; {}", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for QueryError {}
