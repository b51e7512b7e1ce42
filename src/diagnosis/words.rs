//! Owns finding which of thousands of words a line holds: all plain pieces are looked for at once, and only a word
//! whose piece is there is tried as a whole. Must not know what words mean.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};

/// Bytes of a line that are looked at.
const MOST: usize = 8 * 1024;

/// Words as they are written: `*` is anything between, `|` the edge of a word; ASCII letters in any case.
#[derive(Debug, Default)]
pub(super) struct Words {
    all: Vec<Word>,
    /// The longest plain piece of each word, by its index. A hundredth of what an automaton of the whole words takes.
    pieces: Option<AhoCorasick>,
}

#[derive(Debug)]
struct Word {
    text: String,
    /// What it belongs to.
    belongs: usize,
    /// Made when its piece is first seen.
    regex: OnceLock<Option<Regex>>,
}

impl Words {
    pub(super) fn build(all: Vec<(String, usize)>) -> Self {
        let all: Vec<Word> = all
            .into_iter()
            .map(|(text, belongs)| Word {
                text,
                belongs,
                regex: OnceLock::new(),
            })
            .collect();
        let pieces = all.iter().map(|word| piece(&word.text));
        let pieces = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(pieces)
            // nothing matches then; there are far fewer than it bears
            .ok();
        Self { all, pieces }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Words whose piece a line holds, in their order.
    fn candidates(&self, head: &str) -> Vec<&Word> {
        let Some(pieces) = &self.pieces else {
            return Vec::new();
        };
        let found = pieces.find_overlapping_iter(head);
        let mut at: Vec<usize> = found.map(|m| m.pattern().as_usize()).collect();
        at.sort_unstable();
        at.dedup();
        at.into_iter().filter_map(|at| self.all.get(at)).collect()
    }

    /// What the first matching word belongs to, with the part of the line that matches.
    pub(super) fn first<'a>(&self, line: &'a str) -> Option<(usize, &'a str)> {
        let head = head(line);
        self.candidates(head).into_iter().find_map(|word| {
            let found = word.find(head)?;
            Some((word.belongs, widened(line, found)))
        })
    }

    /// What every matching word belongs to.
    pub(super) fn kinds(&self, line: &str) -> impl Iterator<Item = usize> {
        let head = head(line);
        let all = self.candidates(head).into_iter();
        all.filter(|word| word.find(head).is_some())
            .map(|word| word.belongs)
    }
}

impl Word {
    fn find(&self, head: &str) -> Option<std::ops::Range<usize>> {
        let regex = self.regex.get_or_init(|| {
            let mut builder = RegexBuilder::new(&expression(&self.text));
            builder.unicode(false).case_insensitive(true).build().ok()
        });
        Some(regex.as_ref()?.find(head.as_bytes())?.range())
    }
}

/// The longest part of a word without a sign.
fn piece(text: &str) -> &str {
    let pieces = text.split(['*', '|']);
    pieces.max_by_key(|piece| piece.len()).unwrap_or(text)
}

/// The last place at or before this one where a letter begins.
pub(super) fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn head(line: &str) -> &str {
    line.get(..boundary(line, MOST)).unwrap_or(line)
}

/// A whole class name says more than its end: `java.lang.OutOfMemoryError`.
fn widened(line: &str, found: std::ops::Range<usize>) -> &str {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '$');
    let (start, end) = (
        boundary(line, found.start),
        line.len() - line.get(found.end..).map_or(0, str::len),
    );
    let (Some(before), Some(after)) = (line.get(..start), line.get(end..)) else {
        return line;
    };
    let start = before.trim_end_matches(name).len();
    let more = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    line.get(start..end + after.len() - more.len())
        .unwrap_or(line)
}

/// Words as they are written, as a regular expression: `*` is anything between, `|` the edge of a word.
fn expression(words: &str) -> String {
    let mut out = String::new();
    let mut plain = String::new();
    for c in words.chars() {
        let special = match c {
            '*' => ".*?",
            '|' => r"\b",
            _ => {
                plain.push(c);
                continue;
            }
        };
        out.push_str(&regex::escape(&plain));
        plain.clear();
        out.push_str(special);
    }
    out + &regex::escape(&plain)
}
