//! Owns which series are meant: `{*}`, `{a:x,!b:y}`, `{a:x AND (b:y* OR NOT c IN (p,q))}`.

use std::fmt;

use super::cursor::{Cursor, Parsed, meant};
use crate::metrics::{Metric, Tag, plain};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    All,
    Tag(String, Pattern),
    In(String, Vec<Pattern>),
    Not(Box<Filter>),
    And(Vec<Filter>),
    Or(Vec<Filter>),
}

/// A value, in which `*` stands for any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    pub fn new(text: &str) -> Self {
        Self(plain(text))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    fn matches(&self, tag: &Tag) -> bool {
        let text = tag.plain();
        if !self.0.contains('*') {
            return self.0 == text;
        }
        let mut parts = self.0.split('*');
        let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
            return false;
        };
        let mut parts = parts.peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            match rest.find(part) {
                Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
                None => return false,
            }
        }
        true
    }
}

impl Filter {
    /// A series that lacks the tag does not have the value.
    pub fn matches(&self, tags: &[Tag]) -> bool {
        let any = |key: &str, holds: &dyn Fn(&Tag) -> bool| {
            tags.iter().any(|tag| &**tag.key() == key && holds(tag))
        };
        match self {
            Self::All => true,
            Self::Tag(key, pattern) => any(key, &|tag| pattern.matches(tag)),
            Self::In(key, list) => any(key, &|tag| list.iter().any(|p| p.matches(tag))),
            Self::Not(of) => !of.matches(tags),
            Self::And(list) => list.iter().all(|of| of.matches(tags)),
            Self::Or(list) => list.iter().any(|of| of.matches(tags)),
        }
    }

    pub(super) fn and(self, more: impl IntoIterator<Item = Self>) -> Self {
        let mut list = match self {
            Self::All => Vec::new(),
            Self::And(list) => list,
            other => vec![other],
        };
        list.extend(more);
        match list.len() {
            0 => Self::All,
            1 => list.remove(0),
            _ => Self::And(list),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |list: &[Pattern]| {
            let words: Vec<&str> = list.iter().map(Pattern::text).collect();
            words.join(",")
        };
        match self {
            Self::All => f.write_str("*"),
            Self::Tag(key, pattern) => write!(f, "{key}:{}", pattern.text()),
            Self::In(key, list) => write!(f, "{key} IN ({})", words(list)),
            Self::Not(of) => match &**of {
                Self::In(key, list) => write!(f, "{key} NOT IN ({})", words(list)),
                Self::And(_) | Self::Or(_) => write!(f, "NOT ({of})"),
                of => write!(f, "NOT {of}"),
            },
            Self::And(list) | Self::Or(list) => {
                let word = if matches!(self, Self::And(_)) {
                    "AND"
                } else {
                    "OR"
                };
                for (at, of) in list.iter().enumerate() {
                    if at > 0 {
                        write!(f, " {word} ")?;
                    }
                    if matches!(of, Self::And(_) | Self::Or(_)) {
                        write!(f, "({of})")?;
                    } else {
                        of.fmt(f)?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// After the `{`, up to and with the `}`.
pub(super) fn parse(cursor: &mut Cursor<'_>, metric: &'static Metric) -> Parsed<Filter> {
    let open = cursor.at.saturating_sub(1);
    if cursor.take("}") {
        return Err(cursor.wrong(
            open..cursor.at,
            "the braces are empty",
            "write {*} for every series",
        ));
    }
    let filter = either(cursor, metric)?;
    if cursor.take("}") {
        return Ok(filter);
    }
    if cursor.over() {
        return Err(cursor.wrong(open..open + 1, "this `{` is never closed", "add a `}`"));
    }
    Err(cursor.expected("`,`, AND, OR or `}`", "tags are written key:value"))
}

fn either(cursor: &mut Cursor<'_>, metric: &'static Metric) -> Parsed<Filter> {
    let (first, mut comma) = all(cursor, metric)?;
    let mut list = vec![first];
    while cursor.keyword("OR") {
        let (next, at) = all(cursor, metric)?;
        comma = comma.or(at);
        list.push(next);
    }
    if list.len() == 1 {
        return Ok(list.remove(0));
    }
    match comma {
        None => Ok(Filter::Or(list)),
        Some(at) => Err(cursor.wrong(
            at..at + 1,
            "`,` and OR don't go together",
            "write AND, with parentheses",
        )),
    }
}

/// And where a comma stands in it.
fn all(cursor: &mut Cursor<'_>, metric: &'static Metric) -> Parsed<(Filter, Option<usize>)> {
    let mut list = vec![one(cursor, metric)?];
    let mut comma = None;
    loop {
        if cursor.take(",") {
            comma = Some(cursor.at - 1);
        } else if !cursor.keyword("AND") {
            break;
        }
        list.push(one(cursor, metric)?);
    }
    list.retain(|filter| *filter != Filter::All);
    let filter = match list.len() {
        0 => Filter::All,
        1 => list.remove(0),
        _ => Filter::And(list),
    };
    Ok((filter, comma))
}

fn one(cursor: &mut Cursor<'_>, metric: &'static Metric) -> Parsed<Filter> {
    cursor.space();
    let negated = cursor.take("!") || cursor.keyword("NOT");
    if negated {
        cursor.deeper()?;
        let of = one(cursor, metric)?;
        cursor.back();
        return Ok(match of {
            Filter::Not(of) => *of,
            of => Filter::Not(Box::new(of)),
        });
    }
    if cursor.ahead("(") {
        cursor.space();
        let open = cursor.at;
        cursor.take("(");
        cursor.deeper()?;
        let of = either(cursor, metric)?;
        cursor.back();
        if !cursor.take(")") {
            return Err(cursor.wrong(open..open + 1, "this `(` is never closed", "add a `)`"));
        }
        return Ok(of);
    }
    let before = cursor.at;
    let alone = |c: char| c.is_whitespace() || "},)".contains(c);
    if cursor.take("*") && cursor.peek().is_none_or(alone) {
        return Ok(Filter::All);
    }
    cursor.at = before;
    tag(cursor, metric)
}

fn tag(cursor: &mut Cursor<'_>, metric: &'static Metric) -> Parsed<Filter> {
    let (key, place) = key(cursor)?;
    if !cursor.take(":") {
        let negated = cursor.keyword("NOT");
        if !cursor.keyword("IN") {
            return Err(cursor.wrong(
                place,
                format!("`{key}` has no value"),
                format!("write {key}:value, or {key} IN (one,two)"),
            ));
        }
        known(cursor, &key, place, metric)?;
        let list = list(cursor)?;
        let of = Filter::In(key, list);
        return Ok(if negated {
            Filter::Not(Box::new(of))
        } else {
            of
        });
    }
    known(cursor, &key, place, metric)?;
    Ok(Filter::Tag(key, value(cursor)?))
}

fn list(cursor: &mut Cursor<'_>) -> Parsed<Vec<Pattern>> {
    cursor.need("(", "write IN (one,two)")?;
    let mut list = vec![value(cursor)?];
    while cursor.take(",") {
        list.push(value(cursor)?);
    }
    cursor.need(")", "write IN (one,two)")?;
    Ok(list)
}

/// The key of a tag, as it is stored.
pub(super) fn key(cursor: &mut Cursor<'_>) -> Parsed<(String, std::ops::Range<usize>)> {
    cursor.space();
    if cursor.peek() == Some('$') {
        let at = cursor.at;
        return Err(cursor.wrong(
            at..at + 1,
            "a `$variable` is a dashboard's: a rule has none",
            "write the value",
        ));
    }
    let (text, place) = cursor.run(|c| c.is_alphanumeric() || "_-./".contains(c));
    if text.is_empty() {
        return Err(cursor.expected("a tag", "tags are written key:value"));
    }
    Ok((plain(text), place))
}

/// A tag the metric never has would hold for nothing, for ever.
pub(super) fn known(
    cursor: &Cursor<'_>,
    key: &str,
    place: std::ops::Range<usize>,
    metric: &'static Metric,
) -> Parsed<()> {
    if metric.tags.contains(&key) {
        return Ok(());
    }
    Err(cursor.wrong(
        place,
        format!("{} has no tag `{key}`", metric.name),
        meant(key, metric.tags.iter().copied()),
    ))
}

fn value(cursor: &mut Cursor<'_>) -> Parsed<Pattern> {
    cursor.space();
    if cursor.peek() == Some('$') {
        return key(cursor).map(|(key, _)| Pattern::new(&key));
    }
    let (text, place) = cursor.run(|c| !c.is_whitespace() && !",(){}\"".contains(c));
    if cursor.peek() == Some('"') {
        let at = cursor.at;
        return Err(cursor.wrong(
            at..at + 1,
            "values are written without quotes",
            "a space, comma or quote in a value is written `_`",
        ));
    }
    if text.is_empty() {
        return Err(cursor.wrong(
            place,
            "a value is missing here",
            "write key:value; `*` stands for any text",
        ));
    }
    Ok(Pattern::new(text))
}
