//! Owns cutting a stream of bytes into lines, whatever its chunks: what a chunk leaves open waits here.

use crate::model::StyledText;
use crate::model::text::MAX_TEXT_BYTES;

/// More than a line may keep, so that the cut is seen.
const MAX_WAITING: usize = MAX_TEXT_BYTES + 4;
/// Shown of a line that has no end yet.
const PREVIEW_BYTES: usize = 4096;

/// The line that is being written. Bounded, however long the line gets.
#[derive(Debug, Default)]
pub(super) struct Carry {
    waiting: Vec<u8>,
    /// Bytes beyond what waits.
    over: usize,
    /// A `\r` was the last thing seen: what follows overwrites.
    returned: bool,
}

impl Carry {
    /// Calls `line` with every line that is whole now.
    pub(super) fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(StyledText)) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let part = &bytes[start..end];
            start = end + 1;
            if self.is_empty() && !self.returned {
                line(StyledText::parse(part));
            } else {
                self.add(part);
                line(self.take());
            }
        }
        self.add(&bytes[start..]);
    }

    /// The open line, as far as it goes; `None` when nothing waits.
    pub(super) fn preview(&self) -> Option<StyledText> {
        if self.is_empty() {
            return None;
        }
        let shown = self.waiting.len().min(PREVIEW_BYTES);
        Some(StyledText::parse_unfinished(&self.waiting[..shown]))
    }

    /// Ends the open line; `None` when nothing waits.
    pub(super) fn finish(&mut self) -> Option<StyledText> {
        let open = !self.is_empty();
        let line = self.take();
        open.then_some(line)
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn take(&mut self) -> StyledText {
        let line = StyledText::parse_cut(&self.waiting, self.over);
        self.waiting.clear();
        // One giant line must not hold its room for ever.
        self.waiting.shrink_to(PREVIEW_BYTES);
        self.over = 0;
        self.returned = false;
        line
    }

    fn add(&mut self, part: &[u8]) {
        let mut part = part;
        if part.is_empty() {
            return;
        }
        // Only what stands after the last `\r` that anything follows can still be seen.
        let end = part
            .iter()
            .rposition(|b| *b != b'\r')
            .map_or(0, |at| at + 1);
        let trailing = end < part.len();
        part = &part[..end];
        if let Some(at) = memchr::memrchr(b'\r', part) {
            self.overwrite();
            part = &part[at + 1..];
        } else if self.returned && !part.is_empty() {
            self.overwrite();
        }
        let room = (MAX_WAITING - self.waiting.len()).min(part.len());
        self.waiting.extend_from_slice(&part[..room]);
        self.over += part.len() - room;
        self.returned = trailing || (self.returned && part.is_empty());
    }

    fn overwrite(&mut self) {
        self.waiting.clear();
        self.over = 0;
        self.returned = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&str]) -> Vec<String> {
        let mut carry = Carry::default();
        let mut out = Vec::new();
        for chunk in chunks {
            carry.feed(chunk.as_bytes(), |line| out.push(line.text.to_string()));
        }
        out.extend(carry.finish().map(|line| line.text.to_string()));
        out
    }

    #[test]
    fn chunks_do_not_matter() {
        assert_eq!(lines(&["a\nb", "c\n", "", "d"]), ["a", "bc", "d"]);
        assert_eq!(lines(&["caf\u{c3}", "\n\n"]), ["caf\u{c3}", ""]);
        assert_eq!(lines(&["a\r", "\nb\r\n"]), ["a", "b"]);
        assert_eq!(lines(&["10%\r", "20", "%", "\r\r", "30%\r\n"]), ["30%"]);
        assert_eq!(lines(&["\r", "\n"]), [""]);
        assert_eq!(lines(&[]), [""; 0]);
    }

    #[test]
    fn a_line_in_the_making_can_be_seen() {
        let mut carry = Carry::default();
        carry.feed(b"10%\r20%", |_| {});
        assert_eq!(
            carry.preview().map(|l| l.text.to_string()).as_deref(),
            Some("20%")
        );
        carry.feed(b"\r", |_| {});
        assert_eq!(
            carry.preview().map(|l| l.text.to_string()).as_deref(),
            Some("20%")
        );
        carry.feed(b"\n", |_| {});
        assert_eq!(carry.preview(), None);
    }

    #[test]
    fn a_giant_line_is_cut_not_kept() {
        let mut carry = Carry::default();
        for _ in 0..1000 {
            carry.feed(&[b'x'; 4000], |_| {});
        }
        assert_eq!(carry.waiting.len(), MAX_WAITING);
        let mut whole = Carry::default();
        let mut bytes = vec![b'x'; 4_000_000];
        bytes.push(b'\n');
        let mut direct = Vec::new();
        whole.feed(&bytes, |line| direct.push(line));
        assert_eq!(direct, carry.finish().into_iter().collect::<Vec<_>>());
        assert!(direct[0].text.ends_with(" bytes"));
    }
}
