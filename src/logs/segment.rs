//! Owns a run of whole lines: where their text is, and the index over it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::block::{Block, LINES, Levels};
use super::digest::Digest;
use super::recognise::Recogniser;
use super::spill::Spilled;
use super::time::Micros;
use crate::model::text::MAX_TEXT_BYTES;
use crate::model::{LineText, StyledText};

/// Bytes kept of a line: more than is shown, so that the cut is seen.
pub(super) const MAX_LINE: usize = MAX_TEXT_BYTES + 4;

/// Where the text of a segment is.
#[derive(Debug)]
pub(super) enum Place {
    Memory(Vec<u8>),
    /// In a file of the store's own.
    Spilled(Spilled),
    /// Where it was written, from this byte on.
    File {
        file: Arc<File>,
        at: u64,
    },
}

/// A line that is not what it seems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Odd {
    /// Not from the log: says what is missing here.
    Notice,
    /// So many bytes of it are not kept.
    Cut(u64),
}

#[derive(Debug)]
pub(super) struct Segment {
    /// Number of the first line, counted from the beginning of the log.
    pub(super) first: u64,
    pub(super) lines: u32,
    /// Bytes of text, line breaks included.
    pub(super) len: u64,
    pub(super) place: Place,
    pub(super) blocks: Vec<Block>,
    pub(super) levels: Levels,
    /// The earliest and the latest time of its records.
    pub(super) times: Option<(Micros, Micros)>,
    /// Some record has no time, and none before it has.
    pub(super) untimed: bool,
    /// Of what its rows say, once somebody had the time to make one.
    pub(super) digest: Option<Digest>,
    odd: Vec<(u32, Odd)>,
}

impl Segment {
    pub(super) fn new(first: u64, place: Place) -> Self {
        Self {
            first,
            lines: 0,
            len: 0,
            place,
            blocks: Vec::new(),
            levels: Levels::default(),
            times: None,
            untimed: false,
            digest: None,
            odd: Vec::new(),
        }
    }

    /// Number behind its last line.
    pub(super) fn end(&self) -> u64 {
        self.first + u64::from(self.lines)
    }

    /// Bytes of memory, roughly.
    pub(super) fn cost(&self) -> usize {
        let text = match &self.place {
            Place::Memory(text) => text.capacity(),
            Place::Spilled(_) | Place::File { .. } => 0,
        };
        size_of::<Self>()
            + text
            + self.blocks.capacity() * size_of::<Block>()
            + self.odd.capacity() * size_of::<(u32, Odd)>()
            + self.digest.as_ref().map_or(0, Digest::cost)
    }

    pub(super) fn in_memory(&self) -> bool {
        matches!(self.place, Place::Memory(_))
    }

    /// Adds a line of so many bytes to the index; `set` says what it is. `before` and `time` are what was known
    /// before it.
    pub(super) fn add(
        &mut self,
        before: Recogniser,
        time: Option<Micros>,
        len: u64,
        set: impl FnOnce(&mut Block, u32),
    ) {
        let bit = self.lines % LINES;
        if bit == 0 {
            let at = u32::try_from(self.len).unwrap_or(u32::MAX);
            self.blocks.push(Block::new(at, before, time));
        }
        if let Some(block) = self.blocks.last_mut() {
            set(block, bit);
        }
        self.lines += 1;
        self.len += len;
    }

    /// Says that its last line is not what it seems.
    pub(super) fn mark_odd(&mut self, odd: Odd) {
        self.odd.push((self.lines - 1, odd));
    }

    /// A single line too long to be kept: nothing follows it in its segment.
    pub(super) fn is_giant(&self) -> bool {
        self.lines == 1 && self.len > MAX_LINE as u64 + 1
    }

    pub(super) fn odd(&self, line: u32) -> Option<Odd> {
        let at = self.odd.binary_search_by_key(&line, |(line, _)| *line);
        at.ok().map(|at| self.odd[at].1)
    }

    /// The text of a line, whose bytes are `raw`. `scratch` holds it where it is not the bytes themselves.
    pub(super) fn text_of<'a>(&self, line: u32, raw: &'a [u8], scratch: &'a mut String) -> &'a str {
        match self.odd(line) {
            Some(Odd::Cut(over)) => {
                let over = usize::try_from(over).unwrap_or(usize::MAX);
                *scratch = StyledText::parse_cut(raw, over).text.to_string();
                scratch
            }
            _ => LineText::of(raw, scratch).text,
        }
    }

    /// The first line from a number on that is a notice.
    pub(super) fn notice_from(&self, number: u64) -> Option<u64> {
        let from = number.saturating_sub(self.first);
        let at = self
            .odd
            .partition_point(|(line, _)| u64::from(*line) < from);
        let mut rest = self.odd[at..].iter();
        let found = rest.find(|(_, odd)| *odd == Odd::Notice);
        found.map(|(line, _)| self.first + u64::from(*line))
    }

    /// The last line before a number that is a notice.
    pub(super) fn notice_before(&self, number: u64) -> Option<u64> {
        let before = number.saturating_sub(self.first);
        let at = self
            .odd
            .partition_point(|(line, _)| u64::from(*line) < before);
        let mut rest = self.odd[..at].iter().rev();
        let found = rest.find(|(_, odd)| *odd == Odd::Notice);
        found.map(|(line, _)| self.first + u64::from(*line))
    }

    pub(super) fn see(&mut self, at: Micros) {
        let (low, high) = self.times.unwrap_or((at, at));
        self.times = Some((low.min(at), high.max(at)));
    }

    /// Lines of a block.
    pub(super) fn lines_in(&self, block: usize) -> u32 {
        (self.lines - block as u32 * LINES).min(LINES)
    }

    /// The text of some blocks, read into `buffer` where it is not in memory.
    pub(super) fn text<'a>(
        &'a self,
        blocks: std::ops::Range<usize>,
        buffer: &'a mut Vec<u8>,
    ) -> io::Result<&'a [u8]> {
        let begin = self.blocks.get(blocks.start).map_or(0, |b| u64::from(b.at));
        let end = self
            .blocks
            .get(blocks.end)
            .map_or(self.len, |b| u64::from(b.at));
        // a giant line stands alone; no more of it is read than is shown
        let end = if self.is_giant() {
            MAX_LINE as u64
        } else {
            end
        };
        let missing = || io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter now");
        let length = usize::try_from(end.saturating_sub(begin)).map_err(|_| missing())?;
        let read = |file: &File, at: u64, buffer: &mut Vec<u8>| {
            buffer.resize(length, 0);
            file.read_exact_at(buffer, at + begin)
                .map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => missing(),
                    _ => error,
                })
        };
        match &self.place {
            Place::Memory(text) => {
                let begin = usize::try_from(begin).map_err(|_| missing())?;
                return text.get(begin..begin + length).ok_or_else(missing);
            }
            Place::Spilled(spilled) => read(&spilled.open()?, 0, buffer)?,
            Place::File { file, at } => read(file, *at, buffer)?,
        }
        Ok(buffer)
    }
}
