//! Owns what a query that is being typed may go on with.

use std::ops::Range;

use super::expr::{Word, is_key};

/// A facet, or a field under its name with `@`, as completion knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facet {
    pub name: String,
    /// One line on what it is.
    pub doc: String,
    /// The values that are known, the most likely first.
    pub values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The bytes of the input that `text` replaces.
    pub range: Range<usize>,
    pub text: String,
    /// One line beside it.
    pub doc: String,
}

/// What may stand at `cursor` (a byte offset): names while a name is typed, values after a colon. What begins with
/// what is typed comes first, what has it inside after it.
pub fn complete(input: &str, cursor: usize, facets: &[Facet]) -> Vec<Completion> {
    let Some(before) = input.get(..cursor) else {
        return Vec::new();
    };
    let Some(start) = word_start(before) else {
        return Vec::new();
    };
    let typed = &before[start..];
    match typed.split_once(':') {
        Some((name, value)) if name.chars().all(|c| is_key(c) || c == '@') => {
            let from = start + name.len() + 1;
            let known = facets.iter().find(|facet| facet.name == name);
            values(known, value, from..cursor)
        }
        _ => match scope(before, start) {
            Some(name) => values(
                facets.iter().find(|facet| facet.name == name),
                typed,
                start..cursor,
            ),
            None => names(facets, typed, start..cursor),
        },
    }
}

/// Where the word before the cursor begins; `None` inside a phrase that stands alone.
fn word_start(before: &str) -> Option<usize> {
    let mut start = 0;
    let mut quoted = None;
    let mut escaped = false;
    for (at, c) in before.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match c {
            '\\' => escaped = true,
            '"' if quoted.is_some() => quoted = None,
            '"' => quoted = Some(at),
            _ if quoted.is_some() => {}
            c if c.is_whitespace() || matches!(c, '(' | ')') => start = at + c.len_utf8(),
            '-' if start == at => start = at + 1,
            _ => {}
        }
    }
    match quoted {
        // a value may be in quotes
        Some(at) => before.get(start..at)?.ends_with(':').then_some(start),
        None => Some(start),
    }
}

/// The name of `name:(` when the word stands inside it.
fn scope(before: &str, start: usize) -> Option<&str> {
    let open = before.get(..start)?.rfind(['(', ')'])?;
    let head = before.get(..open)?.strip_suffix(':')?;
    let at = head
        .rfind(|c: char| !is_key(c) && c != '@')
        .map_or(0, |at| at + 1);
    before[open..]
        .starts_with('(')
        .then(|| head[at..].trim_start_matches('-'))
}

fn names(facets: &[Facet], typed: &str, range: Range<usize>) -> Vec<Completion> {
    let matching = facets
        .iter()
        .filter_map(|facet| rank(&facet.name, typed).map(|rank| (rank, facet)));
    let mut found: Vec<_> = matching.collect();
    found.sort_by_key(|(rank, _)| *rank);
    found
        .into_iter()
        .map(|(_, facet)| Completion {
            range: range.clone(),
            text: format!("{}:", facet.name),
            doc: facet.doc.clone(),
        })
        .collect()
}

fn values(facet: Option<&Facet>, typed: &str, range: Range<usize>) -> Vec<Completion> {
    let typed = typed.trim_start_matches('"');
    let values = facet
        .map(|facet| facet.values.as_slice())
        .unwrap_or_default();
    let mut found: Vec<_> = values
        .iter()
        .filter_map(|value| rank(value, typed).map(|rank| (rank, value)))
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found
        .into_iter()
        .map(|(_, value)| Completion {
            range: range.clone(),
            text: Word(value).to_string(),
            doc: String::new(),
        })
        .collect()
}

fn rank(candidate: &str, typed: &str) -> Option<u8> {
    let (candidate, typed) = (candidate.to_lowercase(), typed.to_lowercase());
    match candidate.find(&typed)? {
        0 => Some(0),
        _ => Some(1),
    }
}
