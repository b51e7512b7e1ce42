//! Owns tags: `key:value` pairs that tell the series of a metric apart. A key may stand there more than once (`tag`).
//!
//! A value keeps its spelling. It is compared the way Datadog stores it: in lower case, with `_` for every character
//! but letters, digits and `_ - : . /`.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::model::SafeText;

/// One `key:value`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tag(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: Arc<str>,
    value: SafeText,
    plain: Box<str>,
}

impl Tag {
    fn new(key: &str, value: SafeText) -> Self {
        Self(Arc::new(Inner {
            key: Arc::from(key),
            plain: plain(&value).into_boxed_str(),
            value,
        }))
    }

    pub fn key(&self) -> &Arc<str> {
        &self.0.key
    }

    pub fn value(&self) -> &SafeText {
        &self.0.value
    }

    /// As it is compared.
    pub fn plain(&self) -> &str {
        &self.0.plain
    }

    /// Whether nobody else holds it.
    pub(super) fn alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl PartialEq for Tag {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.key == other.0.key && self.0.value == other.0.value)
    }
}

impl Eq for Tag {}

impl Hash for Tag {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
        self.0.value.hash(state);
    }
}

/// The tags of one series, in order of key and value, each once. Empty values are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<Tag>);

impl Tags {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn with(mut self, key: &str, value: &SafeText) -> Self {
        if value.is_empty() {
            return self;
        }
        let tag = Tag::new(key, value.clone());
        let order = |a: &Tag| (a.key().clone(), a.value().clone());
        if let Err(at) = self.0.binary_search_by_key(&order(&tag), order) {
            self.0.insert(at, tag);
        }
        self
    }

    pub fn list(&self) -> &[Tag] {
        &self.0
    }
}

/// A value as it is compared. `*` stays, for patterns.
pub fn plain(value: &str) -> String {
    value
        .chars()
        .flat_map(char::to_lowercase)
        .map(|c| {
            if c.is_alphanumeric() || "_-:./*".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect()
}
