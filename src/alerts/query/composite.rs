//! Owns composites: `failing && !maintenance`, over the names of other rules.

use std::fmt;

use super::cursor::{Cursor, Parsed};
use super::judge::Verdict;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Composite {
    /// A rule, and where its name begins, in bytes.
    Rule(Name),
    Not(Box<Composite>),
    And(Vec<Composite>),
    Or(Vec<Composite>),
}

/// The name of a rule with its place, which makes no difference to what is meant.
#[derive(Clone, Debug, Eq)]
pub struct Name {
    pub text: String,
    pub at: usize,
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Composite {
    /// Whether a text means a composite rather than a query: a query has a colon and begins like a function.
    pub fn meant(text: &str) -> bool {
        let text = text.trim_start();
        let word = text.find(|c: char| !c.is_alphanumeric() && c != '_');
        let function = word.is_some_and(|end| {
            end > 0
                && text
                    .get(end..)
                    .is_some_and(|rest| rest.trim_start().starts_with('('))
        });
        !text.is_empty() && !text.contains([':', '{', '"']) && !function
    }

    pub fn parse(text: &str) -> Parsed<Self> {
        let mut cursor = Cursor::new(text);
        let found = either(&mut cursor)?;
        if cursor.over() {
            return Ok(found);
        }
        let help = if cursor.ahead(")") {
            "this `)` closes nothing"
        } else {
            "rules are put together with && and ||"
        };
        Err(cursor.expected("`&&`, `||` or the end", help))
    }

    /// The rules it looks at, each as often as it is named.
    pub fn rules(&self) -> Vec<&Name> {
        match self {
            Self::Rule(name) => vec![name],
            Self::Not(of) => of.rules(),
            Self::And(list) | Self::Or(list) => list.iter().flat_map(Self::rules).collect(),
        }
    }

    /// Datadog's table ("Composite Monitor"): of `&&` the least severe when all want attention, of `||` the most
    /// severe; what has no data has none when it is turned round.
    pub fn judge(&self, of: &impl Fn(&str) -> Verdict) -> Verdict {
        match self {
            Self::Rule(name) => of(&name.text),
            Self::Not(inner) => match inner.judge(of) {
                Verdict::NoData => Verdict::NoData,
                Verdict::Ok => Verdict::Alert,
                Verdict::Warn | Verdict::Alert => Verdict::Ok,
            },
            Self::And(list) => {
                let all = list.iter().map(|inner| inner.judge(of));
                all.min().unwrap_or(Verdict::NoData)
            }
            Self::Or(list) => {
                let all = list.iter().map(|inner| inner.judge(of));
                all.max().unwrap_or(Verdict::NoData)
            }
        }
    }
}

fn either(cursor: &mut Cursor<'_>) -> Parsed<Composite> {
    let mut list = vec![all(cursor)?];
    while cursor.take("||") {
        list.push(all(cursor)?);
    }
    if list.len() == 1 {
        return Ok(list.remove(0));
    }
    Ok(Composite::Or(list))
}

fn all(cursor: &mut Cursor<'_>) -> Parsed<Composite> {
    let mut list = vec![one(cursor)?];
    while cursor.take("&&") {
        list.push(one(cursor)?);
    }
    if list.len() == 1 {
        return Ok(list.remove(0));
    }
    Ok(Composite::And(list))
}

fn one(cursor: &mut Cursor<'_>) -> Parsed<Composite> {
    cursor.deeper()?;
    let found = one_inner(cursor);
    cursor.back();
    found
}

fn one_inner(cursor: &mut Cursor<'_>) -> Parsed<Composite> {
    if cursor.take("!") {
        return Ok(Composite::Not(Box::new(one(cursor)?)));
    }
    cursor.space();
    let open = cursor.at;
    if cursor.take("(") {
        let found = either(cursor)?;
        if cursor.take(")") {
            return Ok(found);
        }
        return Err(cursor.wrong(open..open + 1, "this `(` is never closed", "add a `)`"));
    }
    let (text, place) = cursor.run(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    if text.is_empty() {
        return Err(cursor.expected("the name of a rule", "as in: failing && !maintenance"));
    }
    Ok(Composite::Rule(Name {
        text: text.to_owned(),
        at: place.start,
    }))
}

impl fmt::Display for Composite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = |of: &Self, f: &mut fmt::Formatter<'_>| match of {
            Self::And(_) | Self::Or(_) => write!(f, "({of})"),
            _ => of.fmt(f),
        };
        let list = |list: &[Self], word: &str, f: &mut fmt::Formatter<'_>| {
            for (at, of) in list.iter().enumerate() {
                if at > 0 {
                    write!(f, " {word} ")?;
                }
                inner(of, f)?;
            }
            Ok(())
        };
        match self {
            Self::Rule(name) => f.write_str(&name.text),
            Self::Not(of) => {
                f.write_str("!")?;
                inner(of, f)
            }
            Self::And(all) => list(all, "&&", f),
            Self::Or(all) => list(all, "||", f),
        }
    }
}
