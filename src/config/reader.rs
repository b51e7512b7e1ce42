//! Reads a TOML document so that everything wrong in it comes out at once, each with its place and the nearest known name.
//!
//! ```
//! use std::path::Path;
//! use dagtop::config::reader::Reader;
//!
//! let reader = Reader::parse(Path::new("pipe.toml"), "name = \"a\"\nretires = 3\n");
//! let mut root = reader.root();
//! let name = root.need_str("name");
//! let retries = root.take_u64("retries", 0..=100).unwrap_or(0);
//! root.finish();
//! let outcome = reader.finish();
//! assert_eq!(name.map(|n| n.value).as_deref(), Some("a"));
//! assert_eq!(retries, 0);
//! assert_eq!(outcome.problems.0[0].headline(), "pipe.toml:2:1: unknown key `retires`; did you mean `retries`?");
//! ```
//!
//! A `take_…` gives `None` both for a key that is absent and for one that is wrong; the wrong one has been noted.
//! So read everything with its default, then ask [`Reader::finish`] whether the result may be used.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::source::{At, Problem, Problems, Source, Span};
use super::units::{parse_bytes, parse_duration};

/// One document being read. Hands out [`Table`]s and gathers what they find wrong.
pub struct Reader<'t> {
    source: RefCell<Source>,
    root: DeTable<'t>,
    syntax_lines: BTreeSet<usize>,
    notes: RefCell<Notes>,
}

#[derive(Default)]
struct Notes {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    asked: BTreeSet<String>,
}

/// What reading a document came to.
pub struct Outcome {
    /// Empty when the document may be used.
    pub problems: Problems,
    pub warnings: Vec<Problem>,
    /// To point at spans later, when another room finds something wrong.
    pub source: Source,
    /// Every key that was asked for, as `table.key`.
    pub known_keys: BTreeSet<String>,
}

impl<'t> Reader<'t> {
    /// Parses as much as can be parsed. `file` is only the name used in messages.
    pub fn parse(file: &Path, text: &'t str) -> Self {
        let (parsed, errors) = DeTable::parse_recoverable(text);
        let root = parsed.into_inner();
        let mut scalars = Vec::new();
        for value in root.values() {
            gather_scalars(value.get_ref(), value.span().into(), &mut scalars);
        }
        let source = Source::new(file, text, scalars);
        let mut problems: Vec<Problem> = Vec::new();
        for error in &errors {
            let span = error.span().map_or(Span::default(), Span::from);
            // no excerpt: on a line that can't be parsed nobody knows what is a secret
            let problem = source.problem_without_excerpt(span, error.message(), None);
            // what follows on the same line is nearly always a consequence
            if problems.last().is_none_or(|last| last.line != problem.line) {
                problems.push(problem);
            }
        }
        Self {
            syntax_lines: problems.iter().map(|problem| problem.line).collect(),
            source: RefCell::new(source),
            root,
            notes: RefCell::new(Notes {
                problems,
                ..Notes::default()
            }),
        }
    }

    /// The whole document as a table.
    pub fn root(&self) -> Table<'_> {
        Table::new(self, String::new(), Span::default(), &self.root)
    }

    /// Notes a problem at a span; the document will not be usable.
    pub fn problem(&self, span: Span, message: impl Into<String>, help: impl Into<Option<String>>) {
        let problem = self.source.borrow().problem(span, message, help);
        // a line with a syntax error has been reported; what was recovered from it proves nothing
        if !self.syntax_lines.contains(&problem.line) {
            self.notes.borrow_mut().problems.push(problem);
        }
    }

    /// Notes something the user should know; the document stays usable.
    pub fn warn(&self, span: Span, message: impl Into<String>, help: impl Into<Option<String>>) {
        let problem = self.source.borrow().problem(span, message, help);
        self.notes.borrow_mut().warnings.push(problem);
    }

    /// Everything found, in order of place.
    pub fn finish(self) -> Outcome {
        let mut notes = self.notes.into_inner();
        notes
            .problems
            .sort_by_key(|problem| (problem.line, problem.column));
        notes.problems.dedup();
        notes
            .warnings
            .sort_by_key(|problem| (problem.line, problem.column));
        Outcome {
            problems: Problems(notes.problems),
            warnings: notes.warnings,
            source: self.source.into_inner(),
            known_keys: notes.asked,
        }
    }

    /// From now on no problem shows what stands at this span.
    pub fn hide(&self, span: Span) {
        self.source.borrow_mut().hide(span);
    }

    /// Line and column of a span's start, both from 1.
    pub fn position(&self, span: Span) -> (usize, usize) {
        self.source.borrow().position(span.start)
    }
}

fn gather_scalars(value: &DeValue<'_>, span: Span, out: &mut Vec<Span>) {
    match value {
        DeValue::Array(items) => items
            .iter()
            .for_each(|item| gather_scalars(item.get_ref(), item.span().into(), out)),
        DeValue::Table(table) => table
            .values()
            .for_each(|item| gather_scalars(item.get_ref(), item.span().into(), out)),
        _ => out.push(span),
    }
}

/// The candidate a mistyped word most likely meant, if any is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let reach = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A table of the document. Keys are taken out one by one; what is left at [`Table::finish`] is unknown.
pub struct Table<'r> {
    reader: &'r Reader<'r>,
    path: String,
    span: Span,
    entries: Vec<Entry<'r>>,
    asked: Vec<&'static str>,
}

struct Entry<'r> {
    key: &'r str,
    key_span: Span,
    value: Value<'r>,
}

impl<'r> Table<'r> {
    fn new(reader: &'r Reader<'r>, path: String, span: Span, table: &'r DeTable<'r>) -> Self {
        let mut entries: Vec<Entry<'r>> = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref(),
                key_span: key.span().into(),
                value: Value {
                    reader,
                    path: join(&path, key.get_ref()),
                    span: value.span().into(),
                    value: value.get_ref(),
                },
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_span.start);
        Self {
            reader,
            path,
            span,
            entries,
            asked: Vec::new(),
        }
    }

    /// The header `[name]` or the braces of the table; the start of the file for the root.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The reader, to note problems at spans.
    pub fn reader(&self) -> &'r Reader<'r> {
        self.reader
    }

    /// Takes whatever stands under the key.
    pub fn take(&mut self, key: &'static str) -> Option<Value<'r>> {
        self.asked.push(key);
        self.reader
            .notes
            .borrow_mut()
            .asked
            .insert(join(&self.path, key));
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at).value)
    }

    /// Like [`Table::take`], and an absent key is a problem.
    pub fn need(&mut self, key: &'static str) -> Option<Value<'r>> {
        let found = self.take(key);
        if found.is_none() {
            self.reader
                .problem(self.span, format!("missing key `{key}`"), None);
        }
        found
    }

    pub fn take_str(&mut self, key: &'static str) -> Option<At<String>> {
        self.take(key)?.str()
    }

    /// A string that must be there and not be blank.
    pub fn need_str(&mut self, key: &'static str) -> Option<At<String>> {
        let text = self.need(key)?.str()?;
        if text.value.trim().is_empty() {
            self.reader.problem(
                text.span,
                format!("`{}` must not be empty", join(&self.path, key)),
                None,
            );
            return None;
        }
        Some(text)
    }

    /// A string no message will ever show.
    pub fn take_secret(&mut self, key: &'static str) -> Option<At<String>> {
        self.take(key)?.secret()
    }

    pub fn take_bool(&mut self, key: &'static str) -> Option<bool> {
        self.take(key)?.bool()
    }

    pub fn take_u64(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.take(key)?.u64(range)
    }

    /// A number, whole or not.
    pub fn take_f64(&mut self, key: &'static str) -> Option<At<f64>> {
        self.take(key)?.f64()
    }

    /// One within bounds.
    pub fn take_number(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        self.take(key)?.number(range)
    }

    /// A string like `10s` or `1m30s`.
    pub fn take_duration(&mut self, key: &'static str) -> Option<At<Duration>> {
        self.take(key)?.duration()
    }

    /// A string like `16MB`, in bytes.
    pub fn take_bytes(&mut self, key: &'static str) -> Option<At<u64>> {
        self.take(key)?.bytes()
    }

    /// One of a few words.
    pub fn take_choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        self.take(key)?.choice(choices)
    }

    pub fn take_list(&mut self, key: &'static str) -> Option<Vec<Value<'r>>> {
        self.take(key)?.list()
    }

    /// A list of strings, each with its own place. Items that are no strings are noted and left out.
    pub fn take_strings(&mut self, key: &'static str) -> Option<Vec<At<String>>> {
        Some(
            self.take_list(key)?
                .into_iter()
                .filter_map(|item| item.str())
                .collect(),
        )
    }

    pub fn take_table(&mut self, key: &'static str) -> Option<Table<'r>> {
        self.take(key)?.table()
    }

    /// The tables of `[[key]]`; empty when there is none.
    pub fn take_tables(&mut self, key: &'static str) -> Vec<Table<'r>> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        if value.value.is_table() {
            let help = format!("write [[{}]] instead of [{0}]", value.path);
            self.reader
                .problem(value.span, format!("`{key}` is a list of tables"), help);
            return Vec::new();
        }
        value
            .list()
            .unwrap_or_default()
            .into_iter()
            .filter_map(|item| item.table())
            .collect()
    }

    /// Everything not taken yet, in order of the file, for tables whose keys the user chooses (`env`, `params`).
    pub fn take_rest(&mut self) -> Vec<(At<String>, Value<'r>)> {
        let entries = std::mem::take(&mut self.entries);
        entries
            .into_iter()
            .map(|e| {
                (
                    At {
                        value: e.key.to_owned(),
                        span: e.key_span,
                    },
                    e.value,
                )
            })
            .collect()
    }

    /// Notes every key nobody asked for.
    pub fn finish(self) {
        for entry in &self.entries {
            let place = if self.path.is_empty() {
                String::new()
            } else {
                format!(" in `{}`", self.path)
            };
            let message = format!("unknown key `{}`{place}", entry.key);
            let help = match nearest(entry.key, self.asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys: {}", self.asked.join(", ")),
            };
            self.reader.problem(entry.key_span, message, help);
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// One value of the document with its place. The readers note a problem and give `None` when it is of another kind.
#[derive(Clone)]
pub struct Value<'r> {
    reader: &'r Reader<'r>,
    path: String,
    span: Span,
    value: &'r DeValue<'r>,
}

impl<'r> Value<'r> {
    pub fn span(&self) -> Span {
        self.span
    }

    /// `string`, `integer`, `float`, `boolean`, `datetime`, `array` or `table`.
    pub fn kind(&self) -> &'static str {
        self.value.type_str()
    }

    fn wrong(&self, want: &str, help: impl Into<Option<String>>) {
        let (article, kind) = match self.kind() {
            "integer" => ("an", "integer"),
            "array" => ("a", "list"),
            kind => ("a", kind),
        };
        self.reader.problem(
            self.span,
            format!("`{}` must be {want}, not {article} {kind}", self.path),
            help,
        );
    }

    fn at<T>(&self, value: T) -> At<T> {
        At {
            value,
            span: self.span,
        }
    }

    pub fn str(&self) -> Option<At<String>> {
        let text = self.value.as_str();
        if text.is_none() {
            let quotable = matches!(self.kind(), "integer" | "float" | "boolean" | "datetime");
            self.wrong("a string", quotable.then(|| "put it in quotes".to_owned()));
        }
        text.map(|text| self.at(text.to_owned()))
    }

    /// A string no message will ever show.
    pub fn secret(&self) -> Option<At<String>> {
        let mut spans = Vec::new();
        gather_scalars(self.value, self.span, &mut spans);
        spans.into_iter().for_each(|span| self.reader.hide(span));
        self.str()
    }

    pub fn bool(&self) -> Option<bool> {
        let value = self.value.as_bool();
        if value.is_none() {
            self.wrong("true or false", None);
        }
        value
    }

    pub fn u64(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let Some(integer) = self.value.as_integer() else {
            self.wrong("a whole number", None);
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|n| range.contains(n));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            let bounds = if *high == u64::MAX {
                format!("at least {low}")
            } else {
                format!("between {low} and {high}")
            };
            self.reader
                .problem(self.span, format!("`{}` must be {bounds}", self.path), None);
        }
        number
    }

    /// A number, whole or not, within bounds.
    pub fn number(&self, range: RangeInclusive<f64>) -> Option<f64> {
        let number = self.f64()?.value;
        if !range.contains(&number) {
            let (low, high) = (range.start(), range.end());
            let message = format!("`{}` must be between {low} and {high}", self.path);
            self.reader.problem(self.span, message, None);
            return None;
        }
        Some(number)
    }

    pub fn f64(&self) -> Option<At<f64>> {
        let written = match self.value {
            DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str()),
            DeValue::Float(number) => Some(number.as_str()),
            _ => None,
        };
        let number = written.and_then(|text| text.parse().ok());
        let number = number.filter(|number: &f64| number.is_finite());
        if number.is_none() {
            self.wrong("a number", None);
        }
        number.map(|number| self.at(number))
    }

    pub fn duration(&self) -> Option<At<Duration>> {
        self.unit("a duration like \"10s\"", parse_duration)
    }

    /// A size like `16MB`, in bytes.
    pub fn bytes(&self) -> Option<At<u64>> {
        self.unit("a size like \"16MB\"", parse_bytes)
    }

    fn unit<T>(&self, want: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<At<T>> {
        let Some(text) = self.value.as_str() else {
            self.wrong(want, None);
            return None;
        };
        match parse(text) {
            Ok(value) => Some(self.at(value)),
            Err(message) => {
                self.reader
                    .problem(self.span, format!("`{}`: {message}", self.path), None);
                None
            }
        }
    }

    /// One of a few words; another word is noted with the nearest.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let Some(text) = self.value.as_str() else {
            self.wrong("a string", format!("one of: \"{}\"", words.join("\", \"")));
            return None;
        };
        let found = choices
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value);
        if found.is_none() {
            let message = format!("`{}` can't be \"{text}\"", self.path);
            let all = format!("one of: {}", words.join(", "));
            let help = match nearest(text, words) {
                Some(near) => format!("did you mean `{near}`? ({all})"),
                None => all,
            };
            self.reader.problem(self.span, message, help);
        }
        found
    }

    pub fn list(&self) -> Option<Vec<Value<'r>>> {
        let Some(items) = self.value.as_array() else {
            self.wrong(
                "a list",
                self.value.is_str().then(|| "put it in [ ]".to_owned()),
            );
            return None;
        };
        let item = |item: &'r toml::Spanned<DeValue<'r>>| Value {
            reader: self.reader,
            path: self.path.clone(),
            span: item.span().into(),
            value: item.get_ref(),
        };
        Some(items.iter().map(item).collect())
    }

    pub fn table(&self) -> Option<Table<'r>> {
        let Some(table) = self.value.as_table() else {
            // what was meant for a whole table may be any of its secrets
            self.reader.hide(self.span);
            self.wrong("a table", None);
            return None;
        };
        Some(Table::new(self.reader, self.path.clone(), self.span, table))
    }

    /// A string, number, boolean or date, as the text a command line would get.
    pub fn scalar(&self) -> Option<At<String>> {
        let text = match self.value {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(value) => value.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            DeValue::Array(_) | DeValue::Table(_) => {
                self.wrong("a single value", None);
                return None;
            }
        };
        Some(self.at(text))
    }
}
