//! Owns asking a document. What it does not know makes the answer unknown only where it matters.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Bound;

use super::expr::{Expr, Key, Operand, Test};
use super::number;
use super::pattern::Pattern;

#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Text(Cow<'a, str>),
    Number(f64),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

/// Something that can be searched.
pub trait Document {
    /// What words are looked for in. `None`: not known.
    fn text(&self) -> Option<Cow<'_, str>>;

    /// Whether its text holds a pattern. For who looks for words by other rules than that they are there.
    fn says(&self, pattern: &Pattern) -> Option<bool> {
        self.text().map(|text| pattern.is_match(&text))
    }

    /// The values of a facet, none or several. `None`: not known.
    fn facet(&self, name: &str) -> Option<Vec<Value<'_>>>;

    /// The values of a field, named by its path: `http.status`. `None`: not known.
    fn field(&self, path: &str) -> Option<Vec<Value<'_>>>;

    /// The place of a word among the values of a facet that have an order (`level:>=warn`).
    fn rank(&self, _facet: &str, _word: &str) -> Option<f64> {
        None
    }
}

pub(super) fn judge(expr: &Expr, document: &dyn Document) -> Option<bool> {
    match expr {
        Expr::All => Some(true),
        Expr::And(list) => until(list, document, false),
        Expr::Or(list) => until(list, document, true),
        Expr::Not(inner) => judge(inner, document).map(|holds| !holds),
        Expr::Text(pattern) => document.says(pattern),
        Expr::Is(key, test) => {
            let values = match key.field {
                true => document.field(&key.name)?,
                false => document.facet(&key.name)?,
            };
            Some(values.iter().any(|value| holds(key, test, value, document)))
        }
    }
}

/// One that is `last` decides; else one that is unknown.
fn until(list: &[Expr], document: &dyn Document, last: bool) -> Option<bool> {
    let mut all = Some(!last);
    for expr in list {
        match judge(expr, document) {
            Some(holds) if holds == last => return Some(last),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}

fn holds(key: &Key, test: &Test, value: &Value<'_>, document: &dyn Document) -> bool {
    match test {
        Test::Exists => true,
        Test::Matches(pattern) => matches(pattern, value),
        Test::Range(low, high) => {
            let order = |operand: &Operand| order(key, value, operand, document);
            let above = match low {
                Bound::Unbounded => true,
                Bound::Included(o) => order(o).is_some_and(Ordering::is_ge),
                Bound::Excluded(o) => order(o).is_some_and(Ordering::is_gt),
            };
            above
                && match high {
                    Bound::Unbounded => true,
                    Bound::Included(o) => order(o).is_some_and(Ordering::is_le),
                    Bound::Excluded(o) => order(o).is_some_and(Ordering::is_lt),
                }
        }
    }
}

fn matches(pattern: &Pattern, value: &Value<'_>) -> bool {
    match value {
        Value::Text(text) => pattern.is_match(text),
        Value::Number(number) => {
            let wanted = pattern.literal().and_then(number::parse);
            match wanted {
                Some(wanted) => wanted == *number,
                None => pattern.is_match(&number.to_string()),
            }
        }
    }
}

/// How a value stands to an operand: as numbers, by rank, or as text.
fn order(
    key: &Key,
    value: &Value<'_>,
    operand: &Operand,
    document: &dyn Document,
) -> Option<Ordering> {
    let text = match (value, operand.number) {
        (Value::Number(number), Some(wanted)) => return number.partial_cmp(&wanted),
        (Value::Number(_), None) => return None,
        (Value::Text(text), Some(wanted)) => return number::parse(text)?.partial_cmp(&wanted),
        (Value::Text(text), None) => text,
    };
    let rank = |word: &str| match key.field {
        true => None,
        false => document.rank(&key.name, word),
    };
    match rank(&operand.written) {
        Some(wanted) => rank(text)?.partial_cmp(&wanted),
        None => Some(text.as_ref().cmp(operand.written.as_str())),
    }
}
