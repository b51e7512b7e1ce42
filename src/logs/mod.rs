//! Owns the log store. Must not know backends or the terminal.

use std::collections::HashMap;
use std::hash::Hash;

use crate::model::SafeText;

#[derive(Debug)]
pub struct LogStore<K> {
    logs: HashMap<K, Log>,
}

#[derive(Debug, Default)]
pub struct Log {
    complete: bool,
}

#[derive(Debug)]
pub struct ErrorSummary {
    pub line: usize,
    pub text: SafeText,
    pub more_lines: usize,
}

impl<K: Clone + Eq + Hash + Ord> LogStore<K> {
    pub fn new(_memory: usize) -> Self {
        Self {
            logs: HashMap::new(),
        }
    }
    pub fn append(&mut self, key: &K, _bytes: &[u8]) {
        self.logs.entry(key.clone()).or_default();
    }
    pub fn reset(&mut self, key: &K) {
        self.logs.remove(key);
    }
    pub fn finish(&mut self, key: &K) {
        self.logs.entry(key.clone()).or_default().complete = true;
    }
    pub fn note_lost(&mut self, _key: &K, _what: SafeText) {}
    pub fn get(&self, key: &K) -> Option<&Log> {
        self.logs.get(key)
    }
}

impl Log {
    pub fn complete(&self) -> bool {
        self.complete
    }
    pub fn error_summary(&self) -> Option<ErrorSummary> {
        None
    }
}
