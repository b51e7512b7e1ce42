//! Owns getting a log ready to be searched: digests of its segments, made half while a file is read for the first
//! time and whole when there is nothing else to do.

use std::io;

use super::block::LINES;
use super::decode;
use super::digest::{Groups, Take};
use super::log::Log;
use super::segment::Segment;

/// Bytes of a segment from which on a digest is worth its room.
const WORTH: u64 = 256 << 10;

/// What is known so far of the segment that is read.
#[derive(Debug, Default)]
pub(super) struct Making {
    groups: Groups,
    /// Number of the first line of the segment, if it was read from its beginning.
    first: Option<u64>,
}

impl Making {
    pub(super) fn add(&mut self, text: &[u8]) {
        if self.first.is_some() {
            self.groups.add(text, Take::EverySecond);
        }
    }
}

impl Log {
    /// There is room for digests as far as is known.
    pub(super) fn digests(&self) -> bool {
        self.digested != u64::MAX
    }

    /// A segment has begun behind the one that was made a digest of.
    pub(super) fn settle(&mut self, making: &mut Making) {
        let last = self.segments.len().saturating_sub(1);
        let begun = self.segments.back().map(|segment| segment.first);
        let first = std::mem::replace(&mut making.first, begun);
        let done = last.checked_sub(1).and_then(|at| self.segments.get_mut(at));
        if let Some(segment) = done
            && first == Some(segment.first)
        {
            let digest = making.groups.take(Take::EverySecond);
            if segment.len >= WORTH {
                self.cost_of_segments += digest.cost();
                segment.digest = Some(digest);
            }
        }
    }

    /// Makes digests of segments whose text is in files; see [`super::LogStore::prepare`].
    pub(super) fn prepare(&mut self, budget: u64) -> bool {
        let mut groups = Groups::default();
        let mut buffer = Vec::new();
        let mut read = 0;
        let next = self.segments.partition_point(|s| s.first < self.digested);
        // the last one may grow yet
        let last = self.segments.len().saturating_sub(1);
        let mut more = false;
        for segment in self.segments.range_mut(next.min(last)..last) {
            if segment.in_memory() {
                break;
            }
            if read >= budget {
                more = true;
                break;
            }
            read += segment.len;
            self.digested = segment.end();
            // what can't be read has none, and is read again when it is searched
            if segment.len >= WORTH && add(segment, &mut groups, &mut buffer).is_ok() {
                segment.digest = Some(groups.take(Take::All));
            }
        }
        self.recount();
        more
    }

    /// Lets go of what only makes searches faster; whether there was any.
    pub(super) fn drop_digests(&mut self) -> bool {
        let digests = self.segments.iter_mut().map(|s| s.digest.take());
        let any = digests.fold(false, |any, digest| any | digest.is_some());
        if any {
            // there is no room for more
            self.digested = u64::MAX;
            self.recount();
        }
        any
    }
}

/// Adds the text of a segment.
fn add(segment: &Segment, groups: &mut Groups, buffer: &mut Vec<u8>) -> io::Result<()> {
    let text = segment.text(0..segment.blocks.len(), buffer)?;
    let mut scratch = String::new();
    for (index, block) in segment.blocks.iter().enumerate() {
        let end = segment
            .blocks
            .get(index + 1)
            .map_or(text.len(), |b| b.at as usize);
        let bytes = text.get(block.at as usize..end).unwrap_or_default();
        if block.exact {
            groups.add(bytes, Take::All);
            continue;
        }
        let first = index as u32 * LINES;
        for (line, raw) in (first..).zip(decode::split(bytes, segment.lines_in(index))) {
            let text = segment.text_of(line, raw, &mut scratch);
            groups.add(text.as_bytes(), Take::All);
        }
    }
    Ok(())
}
