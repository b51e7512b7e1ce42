//! What a query that is being typed may go on with, and putting it in.

use tui_input::Input as TextInput;

use crate::query::{Completion, Facet, Value, complete};

/// Values of a facet that are kept.
const VALUES: usize = 40;
/// Longer values are typed by nobody.
const LONGEST: usize = 80;

#[derive(Debug, Default)]
pub struct Completer {
    facets: Vec<Facet>,
    /// What may stand at the cursor, and which of it does by the last tab.
    pub offers: Vec<Completion>,
    pub taken: Option<usize>,
}

impl Completer {
    pub(super) fn new(facets: Vec<Facet>) -> Self {
        Self {
            facets,
            ..Self::default()
        }
    }

    /// The line is another one.
    pub(super) fn offer(&mut self, line: &TextInput) {
        self.taken = None;
        self.offers = complete(line.value(), cursor(line), &self.facets);
    }

    /// Puts in the next of what may stand here.
    pub(super) fn take(&mut self, line: &mut TextInput, forward: bool) {
        let count = self.offers.len();
        let next = match (self.taken, forward) {
            _ if count == 0 => return,
            (None, true) => 0,
            (None, false) => count - 1,
            (Some(at), true) => (at + 1) % count,
            (Some(at), false) => (at + count - 1) % count,
        };
        let start = self.offers[next].range.start;
        let end = match self.taken {
            Some(at) => start + self.offers[at].text.len(),
            None => self.offers[next].range.end,
        };
        let mut text = line.value().to_owned();
        if text.get(start..end).is_none() {
            return;
        }
        let put = &self.offers[next].text;
        text.replace_range(start..end, put);
        let cursor = text[..start + put.len()].chars().count();
        let named = put.ends_with(':');
        *line = TextInput::new(text).with_cursor(cursor);
        self.taken = Some(next);
        // a name goes on with its values, where they are known
        if named {
            let values = complete(line.value(), self::cursor(line), &self.facets);
            if !values.is_empty() {
                self.offers = values;
                self.taken = None;
            }
        }
    }
}

/// Where the cursor is, in bytes.
fn cursor(line: &TextInput) -> usize {
    let text = line.value();
    let mut at = text.char_indices().map(|(at, _)| at);
    at.nth(line.cursor()).unwrap_or(text.len())
}

/// A facet whose values are gathered.
pub(super) struct Gathered(Facet);

impl Gathered {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self(Facet {
            name: name.into(),
            ..Facet::default()
        })
    }

    pub(super) fn add(&mut self, value: &str) {
        let values = &mut self.0.values;
        let fits = !value.is_empty() && value.len() <= LONGEST && values.len() < VALUES;
        if fits && !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    }

    pub(super) fn add_all<'a>(&mut self, values: impl IntoIterator<Item = Value<'a>>) {
        for value in values {
            match value {
                Value::Text(text) => self.add(&text),
                Value::Number(number) => self.add(&number.to_string()),
            }
        }
    }

    pub(super) fn done(self) -> Facet {
        self.0
    }
}
