//! Owns walking through a rule's text.

use std::ops::Range;

use crate::config::reader::nearest;
use crate::query::QueryError;

/// Things within each other.
const DEPTH: usize = 48;

pub(super) type Parsed<T> = Result<T, QueryError>;

pub(super) struct Cursor<'a> {
    pub text: &'a str,
    pub at: usize,
    depth: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// White space and then this, taken when it is there.
    pub fn take(&mut self, text: &str) -> bool {
        let before = self.at;
        self.space();
        if self.rest().starts_with(text) {
            self.at += text.len();
            return true;
        }
        self.at = before;
        false
    }

    /// Whether this follows after white space.
    pub fn ahead(&self, text: &str) -> bool {
        self.rest().trim_start().starts_with(text)
    }

    /// The characters from here that are of a kind, with their place.
    pub fn run(&mut self, of: impl Fn(char) -> bool) -> (&'a str, Range<usize>) {
        let rest = self.rest();
        let end = rest.find(|c| !of(c)).unwrap_or(rest.len());
        let start = self.at;
        self.at += end;
        (rest.get(..end).unwrap_or_default(), start..self.at)
    }

    /// A word of letters, digits and `_` after white space.
    pub fn word(&mut self) -> (&'a str, Range<usize>) {
        self.space();
        self.run(|c| c.is_alphanumeric() || c == '_')
    }

    /// A word in any case, not the beginning of a longer one and no tag's key.
    pub fn keyword(&mut self, wanted: &str) -> bool {
        let before = self.at;
        let (word, _) = self.word();
        if word.eq_ignore_ascii_case(wanted) && self.peek() != Some(':') {
            return true;
        }
        self.at = before;
        false
    }

    pub fn wrong(
        &self,
        at: Range<usize>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> QueryError {
        QueryError::new(self.text, at, what, help)
    }

    /// Something else should stand here.
    pub fn expected(&mut self, what: &str, help: impl Into<String>) -> QueryError {
        self.space();
        let at = self.at;
        let found = match self.peek() {
            None => "the text ends".to_owned(),
            Some(c) => format!("`{c}` stands"),
        };
        let end = at + self.peek().map_or(0, char::len_utf8);
        self.wrong(at..end, format!("{found} where {what} should be"), help)
    }

    pub fn need(&mut self, text: &str, help: impl Into<String>) -> Parsed<()> {
        if self.take(text) {
            return Ok(());
        }
        Err(self.expected(&format!("`{text}`"), help))
    }

    pub fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH {
            let at = self.at;
            return Err(self.wrong(at..at, "this is nested too deeply", "take parentheses away"));
        }
        Ok(())
    }

    pub fn back(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Nothing but white space is left.
    pub fn over(&mut self) -> bool {
        self.space();
        self.at >= self.text.len()
    }

    /// A number as it is written: `5`, `-0.3`, `1e6`.
    pub fn number(&mut self) -> Option<f64> {
        let before = self.at;
        self.space();
        let start = self.at;
        if matches!(self.peek(), Some('-' | '+')) {
            self.at += 1;
        }
        let digits = |cursor: &mut Self| !cursor.run(|c| c.is_ascii_digit()).0.is_empty();
        let mut some = digits(self);
        if self.peek() == Some('.') {
            self.at += 1;
            some |= digits(self);
        }
        if some && matches!(self.peek(), Some('e' | 'E')) {
            let exponent = self.at;
            self.at += 1;
            if matches!(self.peek(), Some('-' | '+')) {
                self.at += 1;
            }
            if !digits(self) {
                self.at = exponent;
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let number = text.parse().ok().filter(|n: &f64| some && n.is_finite());
        if number.is_none() {
            self.at = before;
        }
        number
    }
}

/// "did you mean …", or everything there is.
pub(super) fn meant<'a>(word: &str, all: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = all.into_iter().collect();
    match nearest(word, all.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", all.join(", ")),
    }
}
