//! Cutting a stream of bytes that comes in pieces of any size into lines, and reading each.

use chrono::{DateTime, Utc};

use super::json_line;
use super::said::Said;
use super::text_line::TextReader;

/// A longer line is dropped, in bytes: dbt repeats all results in one at the end of a run.
const MAX_LINE: usize = 1 << 20;

/// Cuts at line breaks; what is longer than a line may be is left out.
#[derive(Debug, Default)]
pub struct Lines {
    held: Vec<u8>,
    /// The present line is too long.
    skipping: bool,
    /// Lines that were too long.
    pub dropped: u64,
}

impl Lines {
    /// Gives every whole line, its line break included.
    pub fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(&[u8])) {
        while let Some(at) = memchr::memchr(b'\n', bytes) {
            let (piece, rest) = bytes.split_at(at + 1);
            bytes = rest;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.held.is_empty() && piece.len() <= MAX_LINE {
                take(piece);
                continue;
            }
            if self.held.len() + piece.len() > MAX_LINE {
                self.dropped += 1;
            } else {
                self.held.extend_from_slice(piece);
                take(&self.held);
            }
            self.held.clear();
        }
        if self.skipping || bytes.is_empty() {
            return;
        }
        if self.held.len() + bytes.len() > MAX_LINE {
            self.held = Vec::new();
            self.skipping = true;
            self.dropped += 1;
        } else {
            self.held.extend_from_slice(bytes);
        }
    }

    /// A last line without an end.
    pub fn finish(&mut self, take: impl FnOnce(&[u8])) {
        if !self.held.is_empty() {
            take(&self.held);
            self.held.clear();
        }
    }

    /// What has been held back of a line, in bytes.
    pub fn held(&self) -> usize {
        self.held.len()
    }
}

/// Understands lines of either format, each by how it begins.
#[derive(Debug, Default)]
pub struct Reader {
    text: TextReader,
}

impl Reader {
    /// What this line says, or what the lines before it said: the end of a text message is only
    /// known by the next.
    pub fn read(&mut self, line: &[u8], now: DateTime<Utc>) -> Vec<Said> {
        let mut said = Vec::new();
        if line.starts_with(b"{") {
            let parsed = json_line::parse(line);
            if parsed.is_some() {
                said.extend(self.text.flush());
            }
            said.extend(parsed);
        } else {
            said.extend(self.text.feed(&String::from_utf8_lossy(line), now));
        }
        said
    }

    pub fn flush(&mut self) -> Option<Said> {
        self.text.flush()
    }

    /// Whose text is being read.
    pub fn invocation(&self) -> Option<&str> {
        self.text.invocation()
    }
}
