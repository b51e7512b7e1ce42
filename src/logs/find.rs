//! Owns searching a log in slices: what can't match is skipped by the index, what may is sought at the speed of
//! bytes, and only what is left is read.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::block::{LINES, Levels};
use super::decode;
use super::filter::Filter;
use super::log::Log;
use super::matches::Matches;
use super::said::Said;
use super::segment::Segment;

/// One record in so many lines is few.
const FEW: u64 = 16;
/// Bytes looked at before the budget is asked again.
const CHUNK: u64 = 256 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

/// How far a search has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes looked at by this step; bytes skipped by the index are not counted.
    pub scanned: u64,
    /// Lines that have not been looked at yet.
    pub left: u64,
}

impl Progress {
    /// There is nothing more for now; a log that grows gives it more to do.
    pub fn done(&self) -> bool {
        self.left == 0
    }
}

/// A search through a log. It does nothing by itself and holds nothing of the log: drop it to cancel it.
#[derive(Debug)]
pub struct Find {
    filter: Arc<Filter>,
    direction: Direction,
    /// Lines still to be looked at, in the order to look at them.
    todo: VecDeque<Range<u64>>,
    /// Lines from the first to before the second have been looked at or are to be.
    first: u64,
    end: u64,
    epoch: u64,
    matches: Matches,
    buffer: Vec<u8>,
}

impl Find {
    /// From line number `from` on in a direction, then the rest from the other end.
    pub fn new(log: &Log, filter: Arc<Filter>, from: u64, direction: Direction) -> Self {
        let lines = log.numbers();
        let from = from.clamp(lines.start, lines.end);
        let (before, after) = (lines.start..from, from..lines.end);
        let todo = match direction {
            Direction::Forward => [after, before],
            Direction::Backward => [before, after],
        };
        Self {
            filter,
            direction,
            todo: todo.into_iter().filter(|r| !r.is_empty()).collect(),
            first: lines.start,
            end: lines.end,
            epoch: log.epoch,
            matches: Matches::from(lines.start),
            buffer: Vec::new(),
        }
    }

    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Looking forward from the beginning: what is found before this line stays, but for the record that was last.
    pub fn looked(&self) -> u64 {
        self.todo.front().map_or(self.end, |range| range.start)
    }

    /// Numbers of the first lines of the records found so far.
    pub fn matches(&self) -> &Matches {
        &self.matches
    }

    /// Looks on until about `budget` bytes have been read. A quarter of a MB takes from 50 µs (a rare word) to some
    /// milliseconds (every record must be read).
    pub fn step(&mut self, log: &Log, budget: u64) -> Progress {
        let lines = log.numbers();
        if lines.start > self.first {
            // what is left of a record that was cut is a record of its own
            self.first = lines.start;
            self.matches.forget_before(lines.start);
            self.todo.push_back(log.record_numbers(lines.start));
        }
        if log.epoch != self.epoch {
            *self = Self::new(log, Arc::clone(&self.filter), lines.start, self.direction);
        }
        if lines.end > self.end {
            // the record that was last may have gone on: it is judged again, with all it says now
            let again = match log.record_numbers(self.end).start {
                start if start < self.end && start >= lines.start => start,
                _ => self.end,
            };
            self.todo.push_back(again..lines.end);
            self.end = lines.end;
        }
        let mut progress = Progress::default();
        let (sure, maybe) = self.filter.levels(&log.tags);
        while progress.scanned < budget
            && let Some(todo) = self.todo.pop_front()
        {
            let todo = todo.start.max(lines.start)..todo.end;
            if todo.is_empty() {
                continue;
            }
            let (part, scanned) = self.look(log, &todo, sure, maybe);
            progress.scanned += scanned;
            let rest = match self.direction {
                Direction::Forward => part.end..todo.end,
                Direction::Backward => todo.start..part.start,
            };
            if !rest.is_empty() {
                self.todo.push_front(rest);
            }
        }
        progress.left = self.todo.iter().map(|r| r.end - r.start).sum();
        progress
    }

    /// Looks at some of the lines, at the end that is next; returns which, and how many bytes it read.
    fn look(
        &mut self,
        log: &Log,
        todo: &Range<u64>,
        sure: Levels,
        maybe: Levels,
    ) -> (Range<u64>, u64) {
        let next = match self.direction {
            Direction::Forward => todo.start,
            Direction::Backward => todo.end - 1,
        };
        let Some(spot) = log.spot(next) else {
            return (todo.clone(), 0);
        };
        let segment = &log.segments[spot.segment];
        let whole = segment.first.max(todo.start)..segment.end().min(todo.end);
        // the time of a record that began in the segment before is not among the times of this one
        let begins = segment.blocks.first().is_some_and(|b| b.starts & 1 == 1);
        let timed = self
            .filter
            .holds_between(segment)
            .filter(|_| begins || !self.filter.is_timed());
        if timed == Some(false) || !sure.or(maybe).any(segment.levels) {
            return (whole, 0);
        }
        let maybe = match self.filter.may_be_in(segment) {
            true => maybe,
            false => Levels::default(),
        };
        if !sure.or(maybe).any(segment.levels) {
            return (whole, 0);
        }
        if timed == Some(true) && !maybe.any(segment.levels) {
            for number in starts(segment, &whole, sure) {
                self.matches.set(number, true);
            }
            return (whole, 0);
        }
        let blocks = chunk(segment, spot.block, &whole, self.direction);
        let lines = line_range(segment, &blocks);
        let part = lines.start.max(whole.start)..lines.end.min(whole.end);
        if records(log, segment, &part, sure.or(maybe))
            .next()
            .is_none()
        {
            return (part, 0);
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut scanned = 0;
        // what can't be read is a row that says so, not a match
        if let Ok(text) = segment.text(blocks.clone(), &mut buffer) {
            scanned = text.len() as u64 + 1;
            let chunk = Chunk {
                log,
                segment,
                blocks,
                text,
            };
            self.search(&chunk, &part, sure, maybe, timed.is_none());
        }
        self.buffer = buffer;
        (part, scanned)
    }

    fn search(
        &mut self,
        chunk: &Chunk<'_>,
        part: &Range<u64>,
        sure: Levels,
        maybe: Levels,
        timed: bool,
    ) {
        let log = chunk.log;
        for number in starts(chunk.segment, part, sure) {
            let holds = !timed || self.in_time(log, number);
            self.matches.set(number, holds);
        }
        if maybe.any(chunk.segment.levels) {
            // where few records have a level that is wanted, they are read; else the needle is sought first
            let few = ((part.end - part.start) / FEW) as usize;
            let records = records(log, chunk.segment, part, maybe);
            let mut candidates: Vec<u64> = match self.filter.needle() {
                Some(_) => records.take(few + 1).collect(),
                None => records.collect(),
            };
            let sought = self.filter.needle().is_some() && candidates.len() > few;
            if sought {
                candidates = self.needles(chunk, part);
                candidates.dedup();
            }
            let sole = sought && self.filter.is_sole();
            let mut cursor = Cursor::default();
            for number in candidates {
                if !maybe.has(log.level_of(number)) {
                    continue;
                }
                let holds = sole
                    || chunk
                        .said(&mut cursor, number)
                        .is_some_and(|said| self.filter.holds_for(&said));
                let holds = holds && (!timed || self.in_time(log, number));
                self.matches.set(number, holds);
            }
        }
    }

    /// First lines of records with a needle in them.
    fn needles(&self, chunk: &Chunk<'_>, part: &Range<u64>) -> Vec<u64> {
        let mut found = Vec::new();
        let Some(needle) = self.filter.needle() else {
            return found;
        };
        let mut add = |number: u64| {
            if part.contains(&number) {
                let start = chunk.log.record_numbers(number).start;
                if found.last() != Some(&start) {
                    found.push(start);
                }
            }
        };
        let segment = chunk.segment;
        let base = chunk.offset(chunk.blocks.start);
        let mut block = chunk.blocks.start;
        while block < chunk.blocks.end {
            let exact = segment.blocks[block].exact;
            let run = segment.blocks[block..chunk.blocks.end]
                .iter()
                .take_while(|b| b.exact == exact)
                .count();
            let (begin, end) = (chunk.offset(block) - base, chunk.offset(block + run) - base);
            let text = chunk
                .text
                .get(begin..end.min(chunk.text.len()))
                .unwrap_or_default();
            let first = segment.first + block as u64 * u64::from(LINES);
            if exact {
                lines_with(text, needle, first, &mut add);
            } else {
                let count = (block..block + run).map(|b| segment.lines_in(b)).sum();
                let mut scratch = String::new();
                for (number, raw) in (first..).zip(decode::split(text, count)) {
                    if needle.is_match(chunk.text_of(number, raw, &mut scratch).as_bytes()) {
                        add(number);
                    }
                }
            }
            block += run;
        }
        found
    }

    fn in_time(&self, log: &Log, number: u64) -> bool {
        self.filter.holds_at(log.micros_of(number))
    }
}

impl Log {
    pub(super) fn level_of(&self, number: u64) -> Option<super::line::Level> {
        let spot = self.spot(number)?;
        let block = &self.segments[spot.segment].blocks[spot.block];
        let set = |level: &Option<super::line::Level>| block.of_level(*level) >> spot.bit & 1 == 1;
        Levels::ALL.into_iter().find(set).flatten()
    }
}

/// Some blocks of a segment with their text.
struct Chunk<'a> {
    log: &'a Log,
    segment: &'a Segment,
    blocks: Range<usize>,
    text: &'a [u8],
}

/// A line of a chunk and where it begins, so that the next one is near.
#[derive(Default)]
struct Cursor {
    number: u64,
    at: usize,
}

impl Chunk<'_> {
    /// Where a block begins in its segment.
    fn offset(&self, block: usize) -> usize {
        let end = || usize::try_from(self.segment.len).unwrap_or(usize::MAX);
        self.segment
            .blocks
            .get(block)
            .map_or_else(end, |b| b.at as usize)
    }

    /// A record, from the text at hand where it is all there.
    fn said(&self, cursor: &mut Cursor, number: u64) -> Option<Said> {
        let log = self.log;
        let numbers = log.record_numbers(number);
        let mut said = Said::new(log.level_of(numbers.start), Arc::clone(&log.tags), log.near);
        let lines = line_range(self.segment, &self.blocks);
        if numbers.start < lines.start || numbers.end > lines.end {
            for number in numbers {
                said.add_line(&log.line(log.row_of(number))?.text.text);
            }
            return Some(said);
        }
        let block = ((numbers.start - self.segment.first) / u64::from(LINES)) as usize;
        let block_first = self.segment.first + block as u64 * u64::from(LINES);
        if cursor.number < block_first || cursor.number > numbers.start {
            cursor.number = block_first;
            cursor.at = self.offset(block) - self.offset(self.blocks.start);
        }
        while cursor.number < numbers.start {
            let rest = self.text.get(cursor.at..)?;
            cursor.at += memchr::memchr(b'\n', rest)? + 1;
            cursor.number += 1;
        }
        let count = u32::try_from(numbers.end - numbers.start).ok()?;
        let mut scratch = String::new();
        for (number, raw) in numbers.zip(decode::split(self.text.get(cursor.at..)?, count)) {
            said.add_line(self.text_of(number, raw, &mut scratch));
        }
        Some(said)
    }

    fn text_of<'t>(&self, number: u64, raw: &'t [u8], scratch: &'t mut String) -> &'t str {
        let line = (number - self.segment.first) as u32;
        self.segment.text_of(line, raw, scratch)
    }
}

/// First lines of records with these levels in a part of a segment; of the one that began before it as well.
fn records<'a>(
    log: &Log,
    segment: &'a Segment,
    part: &'a Range<u64>,
    levels: Levels,
) -> impl Iterator<Item = u64> + 'a {
    let open = log.record_numbers(part.start).start;
    let open = (open < part.start && levels.has(log.level_of(open))).then_some(open);
    open.into_iter().chain(starts(segment, part, levels))
}

/// First lines of records with these levels, in order.
fn starts<'a>(
    segment: &'a Segment,
    part: &Range<u64>,
    levels: Levels,
) -> impl Iterator<Item = u64> + 'a {
    let lines = (part.start - segment.first) as u32..(part.end - segment.first) as u32;
    let blocks = lines.start / LINES..lines.end.div_ceil(LINES);
    blocks.flat_map(move |index| {
        let block = &segment.blocks[index as usize];
        let mut bits = block.starts & levels.lines(block);
        let first = index * LINES;
        bits &= u64::MAX
            .checked_shl(lines.start.saturating_sub(first))
            .unwrap_or(0);
        bits &= u64::MAX >> (first + LINES).saturating_sub(lines.end).min(LINES - 1);
        std::iter::from_fn(move || {
            let bit = (bits != 0).then(|| bits.trailing_zeros())?;
            bits &= bits - 1;
            Some(segment.first + u64::from(first + bit))
        })
    })
}

/// Blocks from the one at hand on in a direction, up to the size of a chunk.
fn chunk(
    segment: &Segment,
    block: usize,
    lines: &Range<u64>,
    direction: Direction,
) -> Range<usize> {
    let at = |block: usize| {
        segment
            .blocks
            .get(block)
            .map_or(segment.len, |b| u64::from(b.at))
    };
    let index = |number: u64| ((number - segment.first) / u64::from(LINES)) as usize;
    match direction {
        Direction::Forward => {
            let last = index(lines.end - 1);
            let mut end = block + 1;
            while end <= last && at(end + 1) - at(block) <= CHUNK {
                end += 1;
            }
            block..end
        }
        Direction::Backward => {
            let first = index(lines.start);
            let mut start = block;
            while start > first && at(block + 1) - at(start - 1) <= CHUNK {
                start -= 1;
            }
            start..block + 1
        }
    }
}

fn line_range(segment: &Segment, blocks: &Range<usize>) -> Range<u64> {
    let at = |block: usize| (segment.first + block as u64 * u64::from(LINES)).min(segment.end());
    at(blocks.start)..at(blocks.end)
}

/// Calls `add` with the number of every line that has a needle in it, in order.
fn lines_with(text: &[u8], needle: &regex::bytes::Regex, first: u64, add: &mut impl FnMut(u64)) {
    let (mut number, mut counted, mut from) = (first, 0, 0);
    while let Some(hit) = needle.find_at(text, from) {
        number += memchr::memchr_iter(b'\n', &text[counted..hit.start()]).count() as u64;
        counted = hit.start();
        add(number);
        match memchr::memchr(b'\n', &text[counted..]) {
            Some(end) => from = counted + end + 1,
            None => return,
        }
    }
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
