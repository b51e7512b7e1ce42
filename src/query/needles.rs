//! Owns what can be told of a text before a query is asked: words that must be in it.

use super::expr::{Expr, Key};
use super::pattern::{Pattern, Piece, Source};

pub(super) fn needles(expr: &Expr) -> Option<Vec<&str>> {
    match expr {
        Expr::Text(pattern) => words(pattern),
        // the needles that are rarest: the longer the rarer
        Expr::And(list) => list
            .iter()
            .filter_map(needles)
            .max_by_key(|words| words.iter().map(|word| word.len()).min()),
        Expr::Or(list) => {
            let all: Option<Vec<_>> = list.iter().map(needles).collect();
            all.map(|lists| lists.concat())
        }
        Expr::Is(key, _) if key.field => name(key),
        Expr::All | Expr::Not(_) | Expr::Is(..) => None,
    }
}

/// The longest part of a field's path, which is written where the field is: as it is, or with JSON's `\u…`.
fn name(key: &Key) -> Option<Vec<&str>> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let parts = key.name.split(|c: char| !plain(c));
    let longest = parts.max_by_key(|part| part.len())?;
    (!longest.is_empty()).then(|| vec![longest, "\\u"])
}

pub(super) fn sole(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Text(pattern) => pattern
            .literal()
            .filter(|word| !word.is_empty() && !word.contains(char::is_whitespace)),
        _ => None,
    }
}

pub(super) fn wanted<'a>(expr: &'a Expr, found: &mut Vec<&'a Pattern>) {
    match expr {
        Expr::Text(pattern) => found.push(pattern),
        Expr::And(list) | Expr::Or(list) => list.iter().for_each(|expr| wanted(expr, found)),
        Expr::All | Expr::Not(_) | Expr::Is(..) => {}
    }
}

/// The longest word that stands in every hit; of a regular expression some, one of which does.
fn words(pattern: &Pattern) -> Option<Vec<&str>> {
    let Source::Glob(pieces) = pattern.source() else {
        let words = pattern.words().iter().map(String::as_str);
        return (!pattern.words().is_empty()).then(|| words.collect());
    };
    let literals = pieces.iter().filter_map(|piece| match piece {
        Piece::Literal(text) => Some(text.as_str()),
        Piece::Any | Piece::One => None,
    });
    let words = literals.flat_map(str::split_whitespace);
    words.max_by_key(|word| word.len()).map(|word| vec![word])
}
