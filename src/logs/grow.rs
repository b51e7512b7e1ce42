//! Owns how a log grows and shrinks: lines into segments and index, segments out.

use std::sync::Arc;

use super::gap::Reason;
use super::line::{LineKind, LogLine};
use super::log::Log;
use super::mark::MarkChange;
use super::record::Tags;
use super::segment::{MAX_LINE, Odd, Place, Segment};
use super::spill::Spill;
use crate::model::{LineText, SafeText, StyledText};

/// A line as it comes in.
pub(super) struct Incoming<'a> {
    /// The bytes to read, at most [`MAX_LINE`].
    pub(super) raw: &'a [u8],
    /// The same as text, where somebody has looked already.
    pub(super) text: Option<&'a str>,
    /// Bytes that followed and were left out.
    pub(super) cut: u64,
    /// Bytes it takes in its segment, its line break included.
    pub(super) len: u64,
}

impl Log {
    /// More bytes, in chunks of any size, cut anywhere. `segment` is how large a segment may grow.
    pub(super) fn append(&mut self, bytes: &[u8], segment: usize) {
        let mut carry = std::mem::take(&mut self.carry);
        carry.feed(bytes, |raw, cut| self.push_kept(raw, cut, segment));
        let text = carry.preview();
        self.carry = carry;
        self.show_open(text);
        self.complete = false;
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, segment: usize) {
        self.end_open(segment);
        self.finish_file();
        if let Some(mark) = self.errors.end() {
            self.set_cause(mark.cause);
        }
        self.complete = true;
    }

    /// A row that is not from the log.
    pub(super) fn note(&mut self, text: &SafeText, segment: usize) {
        self.end_open(segment);
        self.interrupt();
        self.keep(text.as_bytes(), segment);
        let (before, time) = (self.recogniser, self.time);
        if let Some(last) = self.segments.back_mut() {
            let len = text.len() as u64 + 1;
            last.add(before, time, len, |block, bit| block.starts |= 1 << bit);
            last.levels.add(None);
            last.mark_odd(Odd::Notice);
        }
        self.end += 1;
        self.recount_last();
    }

    pub(super) fn reset(&mut self) {
        *self = Self {
            revision: self.revision,
            epoch: self.epoch + 1,
            near: self.near,
            tags: Arc::clone(&self.tags),
            ..Self::default()
        };
    }

    pub(super) fn set_tags(&mut self, tags: Tags) {
        self.tags = Arc::new(tags);
    }

    /// Takes a line into the last segment, whose text has been put in place; whether its text is its bytes.
    pub(super) fn push(&mut self, line: &Incoming<'_>) -> bool {
        let mut scratch = std::mem::take(&mut self.scratch);
        let text = match (line.text, line.cut) {
            (Some(text), _) => LineText::of_text(text, &mut scratch),
            (None, 0) => LineText::of(line.raw, &mut scratch),
            (None, cut) => {
                let cut = usize::try_from(cut).unwrap_or(usize::MAX);
                scratch = StyledText::parse_cut(line.raw, cut).text.to_string();
                LineText {
                    text: &scratch,
                    exact: false,
                }
            }
        };
        let before = self.recogniser;
        let verdict = self.recogniser.read(text.text, self.near);
        let ended = match verdict.mark {
            MarkChange::None => None,
            _ => self.errors.read(self.end, &verdict, text.text),
        };
        let exact = text.exact;
        self.scratch = scratch;
        if let Some(mark) = ended {
            self.set_cause(mark.cause);
        }
        let time = self.time;
        self.time = time.max(verdict.at);
        let (level, at) = (verdict.level, verdict.at.or(time));
        let starts = u64::from(verdict.kind != LineKind::Continuation);
        if let Some(last) = self.segments.back_mut() {
            last.add(before, time, line.len, |block, bit| {
                block.starts |= starts << bit;
                block.set_level(bit, level);
                block.exact &= exact;
            });
            last.levels.add(level);
            match at {
                Some(at) => last.see(at),
                None => last.untimed = true,
            }
            if line.cut > 0 {
                last.mark_odd(Odd::Cut(line.cut));
            }
        }
        self.end += 1;
        exact
    }

    /// Moves the text of the oldest segment in memory to disk. `Ok(false)`: there is none.
    pub(super) fn spill(&mut self, spill: &mut Spill) -> std::io::Result<bool> {
        let Some(segment) = self.segments.iter_mut().find(|s| s.in_memory()) else {
            return Ok(false);
        };
        let Place::Memory(text) = &segment.place else {
            return Ok(false);
        };
        segment.place = Place::Spilled(spill.write(text)?);
        segment.blocks.shrink_to_fit();
        self.recount();
        Ok(true)
    }

    /// Bytes of text in memory that could go to disk next.
    pub(super) fn oldest_in_memory(&self) -> Option<usize> {
        let segment = self.segments.iter().find(|s| s.in_memory())?;
        usize::try_from(segment.len).ok()
    }

    /// Something of it can be let go.
    pub(super) fn can_shrink(&self) -> bool {
        !self.segments.is_empty()
    }

    pub(super) fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    /// Lets the oldest segment go; whether there was one.
    pub(super) fn drop_oldest(&mut self, reason: Reason) -> bool {
        let Some(gone) = self.segments.pop_front() else {
            return false;
        };
        let causes: u32 = gone.blocks.iter().map(|b| b.causes.count_ones()).sum();
        self.error_count -= causes as usize;
        self.gap.add(u64::from(gone.lines), gone.len, reason);
        // what is left of a record is one of its own
        if let Some(block) = self.segments.front_mut().and_then(|s| s.blocks.first_mut()) {
            block.starts |= 1;
        }
        self.recount();
        true
    }

    /// Begins a segment; the one before it is done.
    pub(super) fn begin_segment(&mut self, place: Place) {
        let first = self.end;
        if let Some(last) = self.segments.back_mut() {
            last.blocks.shrink_to_fit();
            if let Place::Memory(text) = &mut last.place {
                text.shrink_to_fit();
            }
        }
        self.recount_last();
        let segment = Segment::new(first, place);
        self.cost_of_last = segment.cost();
        self.cost_of_segments += self.cost_of_last;
        self.segments.push_back(segment);
    }

    /// What is open ends here, and what comes next belongs to nothing before it.
    pub(super) fn interrupt(&mut self) {
        if let Some(mark) = self.errors.end() {
            self.set_cause(mark.cause);
        }
        self.recogniser.interrupt();
    }

    pub(super) fn show_open(&mut self, text: Option<StyledText>) {
        let reading = self.reading();
        self.tail = text.map(|text| LogLine::tentative(text, &self.recogniser, reading));
        self.recount_last();
    }

    /// Counts the memory anew; all segments: for the seldom changes.
    pub(super) fn recount(&mut self) {
        let segments: usize = self.segments.iter().map(Segment::cost).sum();
        self.settle_cost(segments);
    }

    /// Counts the last segment anew; the others have not changed.
    pub(super) fn recount_last(&mut self) {
        let before = self.cost_of_segments - self.cost_of_last;
        let last = self.segments.back().map_or(0, Segment::cost);
        self.settle_cost(before + last);
    }

    fn settle_cost(&mut self, segments: usize) {
        self.cost_of_segments = segments;
        self.cost_of_last = self.segments.back().map_or(0, Segment::cost);
        let tail = self.tail.as_ref().map_or(0, LogLine::cost);
        self.cost =
            segments + tail + self.carry.cost() + self.errors.cost() + self.scratch.capacity();
    }

    fn push_kept(&mut self, raw: &[u8], cut: u64, segment: usize) {
        let raw = raw.get(..MAX_LINE).unwrap_or(raw);
        self.keep(raw, segment);
        self.push(&Incoming {
            raw,
            text: None,
            cut,
            len: raw.len() as u64 + 1,
        });
    }

    /// Puts the text of a line into memory.
    fn keep(&mut self, raw: &[u8], segment: usize) {
        let room = self.segments.back().is_some_and(|last| {
            last.in_memory() && (last.len == 0 || last.len as usize + raw.len() < segment)
        });
        if !room {
            self.begin_segment(Place::Memory(Vec::new()));
        }
        if let Some(Segment {
            place: Place::Memory(text),
            ..
        }) = self.segments.back_mut()
        {
            text.extend_from_slice(raw);
            text.push(b'\n');
        }
    }

    fn end_open(&mut self, segment: usize) {
        self.tail = None;
        let mut carry = std::mem::take(&mut self.carry);
        carry.finish(|raw, cut| self.push_kept(raw, cut, segment));
        self.carry = carry;
    }

    fn set_cause(&mut self, number: u64) {
        if let Some(spot) = self.spot(number).filter(|_| number >= self.first()) {
            self.segments[spot.segment].blocks[spot.block].causes |= 1 << spot.bit;
            self.error_count += 1;
        }
    }
}
