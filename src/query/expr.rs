//! Owns what a query means, as data, and writing it out again.

use std::fmt::{self, Write as _};
use std::ops::Bound;

use super::number;
use super::pattern::{Pattern, Piece, Source};

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    All,
    /// At least two.
    And(Vec<Expr>),
    /// At least two.
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// Somewhere in the text.
    Text(Pattern),
    Is(Key, Test),
}

/// What stands before a colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub name: String,
    /// Written with `@`: a field of the record's own.
    pub field: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Has any value.
    Exists,
    Matches(Pattern),
    /// `>5`, `[10 TO 20}`. At least one end is bounded.
    Range(Bound<Operand>, Bound<Operand>),
}

/// A number, or a word for things that have an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Operand {
    pub written: String,
    pub number: Option<f64>,
}

impl Operand {
    pub(super) fn new(written: String) -> Self {
        let number = number::parse(&written);
        Self { written, number }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", if self.field { "@" } else { "" })?;
        for c in self.name.chars() {
            if !is_key(c) {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        Ok(())
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_char('*'),
            Self::And(list) => joined(f, list, " ", |e| matches!(e, Self::And(_) | Self::Or(_))),
            Self::Or(list) => joined(f, list, " OR ", |e| matches!(e, Self::Or(_))),
            Self::Not(inner) => {
                f.write_char('-')?;
                wrapped(f, inner, matches!(**inner, Self::And(_) | Self::Or(_)))
            }
            Self::Text(pattern) => write_pattern(f, pattern, true),
            Self::Is(key, test) => {
                write!(f, "{key}:")?;
                match test {
                    Test::Exists => f.write_char('*'),
                    Test::Matches(pattern) => write_pattern(f, pattern, false),
                    Test::Range(low, high) => write_range(f, low, high),
                }
            }
        }
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    list: &[Expr],
    between: &str,
    wrap: impl Fn(&Expr) -> bool,
) -> fmt::Result {
    for (i, expr) in list.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        wrapped(f, expr, wrap(expr))?;
    }
    Ok(())
}

fn wrapped(f: &mut fmt::Formatter<'_>, expr: &Expr, wrap: bool) -> fmt::Result {
    if wrap {
        write!(f, "({expr})")
    } else {
        write!(f, "{expr}")
    }
}

fn write_range(
    f: &mut fmt::Formatter<'_>,
    low: &Bound<Operand>,
    high: &Bound<Operand>,
) -> fmt::Result {
    match (low, high) {
        (Bound::Excluded(o), Bound::Unbounded) => write!(f, ">{}", Word(&o.written)),
        (Bound::Included(o), Bound::Unbounded) => write!(f, ">={}", Word(&o.written)),
        (Bound::Unbounded, Bound::Excluded(o)) => write!(f, "<{}", Word(&o.written)),
        (Bound::Unbounded, Bound::Included(o)) => write!(f, "<={}", Word(&o.written)),
        _ => {
            let end = |bound: &Bound<Operand>| match bound {
                Bound::Included(o) | Bound::Excluded(o) => Word(&o.written).to_string(),
                Bound::Unbounded => "*".to_owned(),
            };
            let open = if matches!(low, Bound::Excluded(_)) {
                '{'
            } else {
                '['
            };
            let close = if matches!(high, Bound::Excluded(_)) {
                '}'
            } else {
                ']'
            };
            write!(f, "{open}{} TO {}{close}", end(low), end(high))
        }
    }
}

fn write_pattern(f: &mut fmt::Formatter<'_>, pattern: &Pattern, in_text: bool) -> fmt::Result {
    match pattern.source() {
        Source::Regex {
            pattern,
            ignore_case,
        } => {
            f.write_char('/')?;
            let mut escaped = false;
            for c in pattern.chars() {
                if c == '/' && !escaped {
                    f.write_char('\\')?;
                }
                escaped = c == '\\' && !escaped;
                f.write_char(c)?;
            }
            f.write_str(if *ignore_case { "/i" } else { "/" })
        }
        Source::Glob(pieces) => match pieces.as_slice() {
            [] => f.write_str("\"\""),
            [Piece::Literal(text)] if !in_text || !reads_otherwise(text) => {
                write!(f, "{}", Word(text))
            }
            [Piece::Literal(text)] => write_quoted(f, text),
            pieces => {
                for (i, piece) in pieces.iter().enumerate() {
                    match piece {
                        Piece::Any => f.write_char('*')?,
                        Piece::One => f.write_char('?')?,
                        Piece::Literal(text) => write_escaped(f, text, i == 0)?,
                    }
                }
                Ok(())
            }
        },
    }
}

/// A word that is something else when it stands in a text without quotes.
fn reads_otherwise(text: &str) -> bool {
    matches!(text, "AND" | "OR" | "NOT") || text.contains(':')
}

fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str, first: bool) -> fmt::Result {
    for (i, c) in text.chars().enumerate() {
        if is_special(c) || (first && i == 0 && is_sign(c)) {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    Ok(())
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

/// Text as it must be written to be read as itself.
pub(super) struct Word<'a>(pub(super) &'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0;
        let plain = !text.is_empty()
            && !text.starts_with(is_sign)
            && !text.contains(is_special_in_word)
            && !matches!(text, "AND" | "OR" | "NOT" | "TO");
        if plain {
            f.write_str(text)
        } else {
            write_quoted(f, text)
        }
    }
}

/// May stand in a key without a backslash.
pub(super) fn is_key(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/')
}

/// Means something wherever it stands.
fn is_special(c: char) -> bool {
    is_special_in_word(c) || c == ':'
}

fn is_special_in_word(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '(' | ')' | '[' | ']' | '{' | '}' | '"' | '\\' | '*' | '?'
        )
}

/// Means something at the beginning of a word.
fn is_sign(c: char) -> bool {
    matches!(c, '-' | '@' | '/' | '<' | '>')
}
