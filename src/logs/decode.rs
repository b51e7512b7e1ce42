//! Owns turning a block back into rows, and remembering the blocks that were looked at last.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use super::line::LogLine;
use super::recognise::Recogniser;
use super::segment::{MAX_LINE, Odd, Segment};
use super::time::{self, Micros};
use crate::model::{SafeText, StyledText};

/// Bytes of text remembered at most, the last block apart.
const REMEMBERED: usize = 2 << 20;

/// What is needed to read a line beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) near: Option<Micros>,
}

/// The rows of a block.
pub(super) fn block(segment: &Segment, index: usize, reading: Reading) -> Vec<LogLine> {
    let lines = segment.lines_in(index);
    let first = index as u32 * super::block::LINES;
    let Some(block) = segment.blocks.get(index) else {
        return Vec::new();
    };
    let mut buffer = Vec::new();
    let text = match segment.text(index..index + 1, &mut buffer) {
        Ok(text) => text,
        Err(error) => {
            let notice = LogLine::notice(SafeText::new(format!("… can't be read: {error}")));
            return vec![notice; lines as usize];
        }
    };
    let mut recogniser = block.before;
    let raw = split(text, lines);
    (first..first + lines)
        .zip(raw)
        .map(|(line, raw)| {
            let odd = segment.odd(line);
            if odd == Some(Odd::Notice) {
                recogniser.interrupt();
                return LogLine::notice(SafeText::from_bytes(raw));
            }
            let text = match odd {
                Some(Odd::Cut(over)) => {
                    StyledText::parse_cut(raw, usize::try_from(over).unwrap_or(usize::MAX))
                }
                _ => StyledText::parse(raw),
            };
            let verdict = recogniser.read(&text.text, reading.near);
            LogLine::new(text, verdict)
        })
        .collect()
}

/// The lines of a block as they were written: the bytes kept and how many were not.
pub(super) fn raw(segment: &Segment, index: usize, line: u32) -> std::io::Result<(Vec<u8>, u64)> {
    let mut buffer = Vec::new();
    let text = segment.text(index..index + 1, &mut buffer)?;
    let bit = line - index as u32 * super::block::LINES;
    let raw = split(text, segment.lines_in(index)).nth(bit as usize);
    let cut = match segment.odd(line) {
        Some(Odd::Cut(over)) => over,
        _ => 0,
    };
    Ok((raw.unwrap_or_default().to_vec(), cut))
}

/// So many lines; the last one may lack its line break.
pub(super) fn split(text: &[u8], lines: u32) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    (0..lines).map(move |_| {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        line.get(..MAX_LINE).unwrap_or(line)
    })
}

impl LogLine {
    pub(super) fn new(text: StyledText, verdict: super::recognise::Verdict) -> Self {
        Self {
            text,
            level: verdict.level,
            at: verdict.at.and_then(time::shown),
            kind: verdict.kind,
            message: u32::try_from(verdict.message).unwrap_or_default(),
        }
    }

    /// What a line is that follows what was read before, without going on.
    pub(super) fn tentative(text: StyledText, recogniser: &Recogniser, reading: Reading) -> Self {
        let verdict = recogniser.clone().read(&text.text, reading.near);
        Self::new(text, verdict)
    }
}

/// Rows that were looked at: a screen asks for the same ones again and again.
#[derive(Debug, Default)]
pub(super) struct Memory {
    seen: RefCell<VecDeque<Seen>>,
}

#[derive(Debug)]
struct Seen {
    /// Number of the first line.
    first: u64,
    lines: Arc<[LogLine]>,
    bytes: usize,
}

impl Memory {
    /// The rows of a block, from memory where it has not grown since.
    pub(super) fn block(
        &self,
        segment: &Segment,
        index: usize,
        reading: Reading,
    ) -> Arc<[LogLine]> {
        let first = segment.first + index as u64 * u64::from(super::block::LINES);
        let count = segment.lines_in(index) as usize;
        let mut seen = self.seen.borrow_mut();
        if let Some(at) = seen
            .iter()
            .position(|s| s.first == first && s.lines.len() == count)
            && let Some(found) = seen.remove(at)
        {
            let lines = Arc::clone(&found.lines);
            seen.push_back(found);
            return lines;
        }
        let lines: Arc<[LogLine]> = block(segment, index, reading).into();
        seen.retain(|s| s.first != first);
        let bytes = lines.iter().map(LogLine::cost).sum();
        seen.push_back(Seen {
            first,
            lines: Arc::clone(&lines),
            bytes,
        });
        let mut total: usize = seen.iter().map(|s| s.bytes).sum();
        while total > REMEMBERED && seen.len() > 1 {
            total -= seen.pop_front().map_or(0, |s| s.bytes);
        }
        lines
    }

    pub(super) fn forget(&self) {
        self.seen.borrow_mut().clear();
    }
}
