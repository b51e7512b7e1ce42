//! Owns what a value or a text is compared with: literal text with wildcards, or a regular expression.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

use super::literals;

/// Most memory a compiled pattern may take.
const SIZE: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Literal(String),
    /// `*`: any text. Within a text it ends at white space.
    Any,
    /// `?`: any one character.
    One,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Glob(Vec<Piece>),
    Regex { pattern: String, ignore_case: bool },
}

/// Compiled once, with what it was made of.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: Source,
    regex: Regex,
    /// Of a regular expression: each hit holds one of these, in some case. Empty where that can't be told.
    words: Vec<String>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.regex.as_str() == other.regex.as_str()
    }
}

/// Where a pattern is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Anywhere in a text, in any case.
    Text,
    /// The whole of a value.
    Value { ignore_case: bool },
}

impl Pattern {
    pub(super) fn new(source: Source, scope: Scope) -> Result<Self, String> {
        let (pattern, ignore_case) = match &source {
            Source::Glob(pieces) => (
                glob(pieces, scope),
                !matches!(scope, Scope::Value { ignore_case: false }),
            ),
            Source::Regex {
                pattern,
                ignore_case,
            } => (pattern.clone(), *ignore_case),
        };
        let words = match &source {
            Source::Glob(_) => Vec::new(),
            Source::Regex { pattern, .. } => literals::words(pattern),
        };
        RegexBuilder::new(&pattern)
            .case_insensitive(ignore_case)
            .size_limit(SIZE)
            .build()
            .map(|regex| Self {
                source,
                regex,
                words,
            })
            .map_err(|error| reason(&error))
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Byte ranges of all hits in a text. Empty hits are left out.
    pub fn hits<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        let hits = self.regex.find_iter(text).map(|hit| hit.range());
        hits.filter(|range| !range.is_empty())
    }

    pub(super) fn words(&self) -> &[String] {
        &self.words
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// The text itself, where there is no wildcard.
    pub fn literal(&self) -> Option<&str> {
        match &self.source {
            Source::Glob(pieces) => match pieces.as_slice() {
                [] => Some(""),
                [Piece::Literal(text)] => Some(text),
                _ => None,
            },
            Source::Regex { .. } => None,
        }
    }
}

fn glob(pieces: &[Piece], scope: Scope) -> String {
    let whole = scope != Scope::Text;
    let mut out = String::new();
    if whole {
        out.push_str("(?s)^");
    }
    for piece in pieces {
        match piece {
            Piece::Literal(text) => out.push_str(&regex::escape(text)),
            Piece::Any if whole => out.push_str(".*"),
            Piece::Any => out.push_str(r"\S*"),
            Piece::One if whole => out.push('.'),
            Piece::One => out.push_str(r"\S"),
        }
    }
    if whole {
        out.push('$');
    }
    out
}

/// The regex crate draws its message over several lines; the last one says what is wrong.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}
