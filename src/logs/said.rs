//! Owns a record as a query sees it: its text, its level, and what can be read out of its first line.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::Value as Json;

use super::fields::{self, Field};
use super::header;
use super::line::Level;
use super::record::Tags;
use super::time::Micros;
use crate::query::{Document, Value};

/// What was said, cheap to make: fields and source are read when they are asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// All lines of the record.
    pub(super) text: String,
    /// Bytes of its first line.
    pub(super) first: usize,
    pub(super) level: Option<Level>,
    pub(super) tags: Arc<Tags>,
    pub(super) near: Option<Micros>,
    fields: OnceCell<Vec<Field>>,
}

impl Said {
    pub(super) fn new(level: Option<Level>, tags: Arc<Tags>, near: Option<Micros>) -> Self {
        Self {
            level,
            tags,
            near,
            ..Self::default()
        }
    }

    pub(super) fn add_line(&mut self, text: &str) {
        if self.first == 0 && self.text.is_empty() {
            self.first = text.len();
        } else {
            self.text.push('\n');
        }
        self.text.push_str(text);
    }

    pub(super) fn first_line(&self) -> &str {
        self.text.get(..self.first).unwrap_or_default()
    }

    pub(super) fn fields(&self) -> &[Field] {
        self.fields.get_or_init(|| fields::of(self.first_line()))
    }

    pub(super) fn message(&self) -> Option<String> {
        fields::message(self.fields())
    }

    pub(super) fn source(&self) -> Option<Cow<'_, str>> {
        if let Some(named) = fields::source(self.fields()) {
            return Some(Cow::Owned(named));
        }
        let line = self.first_line();
        let head = header::header(line, self.near)?;
        header::source(line, head.message).map(Cow::Borrowed)
    }

    /// What a process wrote it to, where whoever kept it says so: Docker in a field, Airflow and Dagster in the logger's
    /// name (`task.stdout`).
    pub(super) fn stream(&self) -> Option<&'static str> {
        let named = fields::facet(self.fields(), "stream");
        named
            .as_deref()
            .and_then(stream)
            .or_else(|| stream(self.source()?.rsplit('.').next()?))
    }

    fn tagged(&self, name: &str) -> impl Iterator<Item = Value<'_>> {
        let tags = self.tags.iter().filter(move |(known, _)| *known == name);
        tags.map(|(_, value)| Value::Text(Cow::Borrowed(value.as_str())))
    }
}

impl Document for Said {
    fn text(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.text))
    }

    fn facet(&self, name: &str) -> Option<Vec<Value<'_>>> {
        let mut values: Vec<Value<'_>> = self.tagged(name).collect();
        match name {
            "level" | "status" => values.extend(self.level.map(|level| level.word().into())),
            "source" => values.extend(self.source().map(Value::Text)),
            "stream" if values.is_empty() => values.extend(self.stream().map(Value::from)),
            // the log knows better than what is written into it
            _ if values.is_empty() => {
                let own = fields::facet(self.fields(), name);
                values.extend(own.map(|text| Value::Text(Cow::Owned(text))));
            }
            _ => {}
        }
        Some(values)
    }

    fn field(&self, path: &str) -> Option<Vec<Value<'_>>> {
        if self.fields.get().is_none()
            && let Some(one) = fields::one(self.first_line(), path)
        {
            return Some(one.map(owned).unwrap_or_default());
        }
        let named = self.fields().iter().filter(|field| field.name == path);
        Some(named.flat_map(|field| flat(&field.value)).collect())
    }

    fn rank(&self, facet: &str, word: &str) -> Option<f64> {
        rank(facet, word)
    }
}

fn stream(word: &str) -> Option<&'static str> {
    ["stdout", "stderr"]
        .into_iter()
        .find(|known| *known == word)
}

/// What is known of a record before it is read: its level and its log.
pub(super) struct Outline<'a> {
    pub(super) level: Option<Level>,
    pub(super) tags: &'a Tags,
}

impl Document for Outline<'_> {
    fn text(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn facet(&self, name: &str) -> Option<Vec<Value<'_>>> {
        let tags = self.tags.iter().filter(|(known, _)| *known == name);
        let mut values: Vec<Value<'_>> = tags.map(|(_, v)| v.as_str().into()).collect();
        match name {
            "level" | "status" => {
                values.extend(self.level.map(|level| level.word().into()));
                Some(values)
            }
            "source" => None,
            _ => (!values.is_empty()).then_some(values),
        }
    }

    fn field(&self, _path: &str) -> Option<Vec<Value<'_>>> {
        None
    }

    fn rank(&self, facet: &str, word: &str) -> Option<f64> {
        rank(facet, word)
    }
}

/// The order of levels.
fn rank(facet: &str, word: &str) -> Option<f64> {
    let level = matches!(facet, "level" | "status").then(|| Level::from_word(word))?;
    level.map(|level| f64::from(level as u8))
}

fn owned(value: Json) -> Vec<Value<'static>> {
    let owned = |value| match value {
        Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        Value::Number(number) => Value::Number(number),
    };
    flat(&value).into_iter().map(owned).collect()
}

fn flat(value: &Json) -> Vec<Value<'_>> {
    match value {
        Json::String(text) => vec![Value::Text(Cow::Borrowed(text))],
        Json::Number(number) => number.as_f64().map(Value::Number).into_iter().collect(),
        Json::Bool(true) => vec!["true".into()],
        Json::Bool(false) => vec!["false".into()],
        Json::Array(list) => list.iter().flat_map(flat).collect(),
        Json::Null | Json::Object(_) => Vec::new(),
    }
}
