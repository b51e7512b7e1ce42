//! Owns cutting a stream of bytes into lines, whatever its chunks: what a chunk leaves open waits here.

use super::segment::MAX_LINE;
use crate::model::StyledText;

/// Shown of a line that has no end yet.
const PREVIEW_BYTES: usize = 4096;

/// The line that is being written. Bounded, however long the line gets: then what a `\r` overwrote goes first, and
/// what is too much after that is counted.
#[derive(Debug, Default)]
pub(super) struct Carry {
    waiting: Vec<u8>,
    /// Bytes beyond what waits.
    over: u64,
    /// Beyond what waits, a `\r` was the last thing seen: what follows overwrites.
    returned: bool,
}

impl Carry {
    /// Calls `line` with every line that is whole now, and how many bytes of it were not kept.
    pub(super) fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8], u64)) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let part = &bytes[start..end];
            start = end + 1;
            if self.waiting.is_empty() && part.len() <= MAX_LINE {
                line(part, 0);
            } else {
                self.add(part);
                line(&self.waiting, self.over);
                self.clear();
            }
        }
        self.add(&bytes[start..]);
    }

    /// The open line, as far as it goes; `None` when nothing waits.
    pub(super) fn preview(&self) -> Option<StyledText> {
        if self.is_empty() {
            return None;
        }
        Some(preview(&self.waiting))
    }

    /// Ends the open line; does not call `line` when nothing waits.
    pub(super) fn finish(&mut self, line: impl FnOnce(&[u8], u64)) {
        if !self.is_empty() {
            line(&self.waiting, self.over);
        }
        self.clear();
    }

    /// Bytes of memory.
    pub(super) fn cost(&self) -> usize {
        self.waiting.capacity()
    }

    fn is_empty(&self) -> bool {
        self.waiting.iter().all(|b| *b == b'\r')
    }

    fn clear(&mut self) {
        self.waiting.clear();
        // one giant line must not hold its room for ever
        self.waiting.shrink_to(PREVIEW_BYTES);
        self.over = 0;
        self.returned = false;
    }

    fn add(&mut self, part: &[u8]) {
        let mut part = part;
        while !part.is_empty() {
            if self.returned {
                match part.iter().position(|b| *b != b'\r') {
                    None => return,
                    Some(at) => part = &part[at..],
                }
                self.waiting.clear();
                self.over = 0;
                self.returned = false;
            }
            let room = MAX_LINE - self.waiting.len();
            if room > 0 {
                let (now, later) = part.split_at(room.min(part.len()));
                self.waiting.extend_from_slice(now);
                part = later;
            } else if self.over > 0 || !self.forget_overwritten() {
                let end = memchr::memchr(b'\r', part).unwrap_or(part.len());
                self.over += end as u64;
                self.returned = end < part.len();
                part = &part[end..];
            }
        }
    }

    /// Makes room by what a terminal would not show any more; whether there was any.
    fn forget_overwritten(&mut self) -> bool {
        let line = trim_end(&self.waiting);
        self.returned = line.len() < self.waiting.len();
        let end = line.len();
        let from = memchr::memrchr(b'\r', line).map_or(0, |at| at + 1);
        let forgot = from > 0 || self.returned;
        self.waiting.truncate(end);
        self.waiting.drain(..from);
        forgot
    }
}

/// What can be seen of a line that has no end yet.
pub(super) fn preview(line: &[u8]) -> StyledText {
    let line = trim_end(line);
    let from = memchr::memrchr(b'\r', line).map_or(0, |at| at + 1);
    let shown = (line.len() - from).min(PREVIEW_BYTES);
    StyledText::parse_unfinished(&line[from..from + shown])
}

fn trim_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|b| *b != b'\r');
    &line[..end.map_or(0, |at| at + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw(chunks: &[&[u8]]) -> Vec<(Vec<u8>, u64)> {
        let mut carry = Carry::default();
        let mut out = Vec::new();
        for chunk in chunks {
            carry.feed(chunk, |line, over| out.push((line.to_vec(), over)));
        }
        carry.finish(|line, over| out.push((line.to_vec(), over)));
        out
    }

    fn lines(chunks: &[&str]) -> Vec<String> {
        let chunks: Vec<&[u8]> = chunks.iter().map(|c| c.as_bytes()).collect();
        let text = |(line, _): (Vec<u8>, u64)| StyledText::parse(&line).text.to_string();
        raw(&chunks).into_iter().map(text).collect()
    }

    #[test]
    fn chunks_do_not_matter() {
        assert_eq!(lines(&["a\nb", "c\n", "", "d"]), ["a", "bc", "d"]);
        assert_eq!(lines(&["caf\u{c3}", "\n\n"]), ["caf\u{c3}", ""]);
        assert_eq!(lines(&["a\r", "\nb\r\n"]), ["a", "b"]);
        assert_eq!(lines(&["10%\r", "20", "%", "\r\r", "30%\r\n"]), ["30%"]);
        assert_eq!(lines(&["\r", "\n"]), [""]);
        assert_eq!(lines(&["\r"]), [""; 0]);
        assert_eq!(lines(&[]), [""; 0]);
    }

    #[test]
    fn a_line_in_the_making_can_be_seen() {
        let mut carry = Carry::default();
        let preview = |carry: &Carry| carry.preview().map(|l| l.text.to_string());
        carry.feed(b"10%\r20%", |_, _| {});
        assert_eq!(preview(&carry).as_deref(), Some("20%"));
        carry.feed(b"\r", |_, _| {});
        assert_eq!(preview(&carry).as_deref(), Some("20%"));
        carry.feed(b"\n", |_, _| {});
        assert_eq!(preview(&carry), None);
    }

    #[test]
    fn a_giant_line_is_cut_not_kept() {
        let mut carry = Carry::default();
        for _ in 0..1000 {
            carry.feed(&[b'x'; 4000], |_, _| {});
        }
        assert_eq!(carry.waiting.len(), MAX_LINE);
        let bytes = vec![b'x'; 4_000_000];
        assert_eq!(raw(&[&bytes, b"\n"]), raw(&[&bytes]));
        assert_eq!(raw(&[&bytes])[0].1, 4_000_000 - MAX_LINE as u64);
    }

    #[test]
    fn a_long_progress_bar_keeps_its_last_state() {
        let mut carry = Carry::default();
        let mut last = Vec::new();
        for i in 0..100_000 {
            carry.feed(format!("{i:05} of 100,000\r").as_bytes(), |_, _| {});
            assert!(carry.waiting.len() <= MAX_LINE);
        }
        carry.feed(b"\n", |line, over| last = vec![(line.to_vec(), over)]);
        assert_eq!(StyledText::parse(&last[0].0).text, "99999 of 100,000");
        assert_eq!(last[0].1, 0);
    }

    proptest! {
        #[test]
        fn giant_lines_are_the_same_in_any_chunks(
            parts in proptest::collection::vec((prop_oneof![Just(b'x'), Just(b'\r'), Just(b'y')], 1usize..40_000), 1..8),
            cut in 1usize..50_000,
        ) {
            let bytes: Vec<u8> = parts.iter().flat_map(|(b, n)| std::iter::repeat_n(*b, *n)).collect();
            let chunks: Vec<&[u8]> = bytes.chunks(cut).collect();
            prop_assert_eq!(raw(&[&bytes]), raw(&chunks));
        }
    }
}
