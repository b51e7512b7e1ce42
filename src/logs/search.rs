//! Owns looking for text in lines.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

use crate::model::SafeText;

/// What is looked for: plain text or a regular expression. Case matters only when it holds a capital letter.
#[derive(Clone, Debug)]
pub struct Search(Regex);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SearchError(pub SafeText);

impl Search {
    pub fn plain(text: &str) -> Result<Self, SearchError> {
        Self::build(&regex::escape(text), text)
    }

    pub fn regex(pattern: &str) -> Result<Self, SearchError> {
        Self::build(pattern, pattern)
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// Byte ranges of all hits in a text, for highlighting. Empty hits are left out.
    pub fn hits<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.0
            .find_iter(text)
            .map(|hit| hit.range())
            .filter(|range| !range.is_empty())
    }

    fn build(pattern: &str, typed: &str) -> Result<Self, SearchError> {
        RegexBuilder::new(pattern)
            .case_insensitive(!typed.chars().any(char::is_uppercase))
            .size_limit(1 << 20)
            .build()
            .map(Self)
            .map_err(|error| SearchError(reason(&error)))
    }
}

/// The regex crate draws its message over several lines; the last one says what is wrong.
fn reason(error: &regex::Error) -> SafeText {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    SafeText::new(last.strip_prefix("error: ").unwrap_or(last))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn small_letters_find_any_case() {
        let search = Search::plain("out of [memory").unwrap();
        assert!(search.is_match("OUT of [Memory"));
        assert!(!Search::plain("Memory").unwrap().is_match("memory"));
        assert_eq!(
            Search::regex("o.").unwrap().hits("foo o").next(),
            Some(1..3)
        );
        assert_eq!(Search::regex("x*").unwrap().hits("ab").count(), 0);
    }

    #[test]
    fn a_mistake_is_explained_in_one_line() {
        assert_eq!(
            Search::regex("a(").unwrap_err().to_string(),
            "unclosed group"
        );
    }
}
