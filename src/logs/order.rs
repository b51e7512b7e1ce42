//! Owns where a log stands among others: the moment of each row, and the places that the index knows by heart.

use super::block::LINES;
use super::log::Log;
use super::segment::Segment;
use super::time::Micros;

/// When a row was logged, as far as order goes; `None` stands before all times. Within a log it never goes back: a
/// line without a time, or with an earlier one, stays behind the line above it.
pub type Moment = Option<Micros>;

impl Log {
    /// The latest time named up to the first line of the record a row belongs to.
    pub(super) fn moment(&self, row: usize) -> Moment {
        let row = self.record(row).start;
        let at = row.checked_sub(self.offset())?;
        let Some(spot) = self.spot(self.first() + at as u64) else {
            let open = self.line(row).and_then(|line| line.at);
            return self.time.max(open.map(|at| at.timestamp_micros()));
        };
        let block = &self.segments[spot.segment].blocks[spot.block];
        let first = row - spot.bit as usize;
        let named = self.lines(first..row + 1).filter_map(|line| line.at);
        block.time.max(named.map(|at| at.timestamp_micros()).max())
    }

    /// The first row that begins a record and whose moment holds; `holds` must go on holding once it does.
    pub(super) fn first_moment(&self, holds: impl Fn(Moment) -> bool) -> usize {
        let before = |segment: &Segment| segment.blocks.first().is_some_and(|b| !holds(b.time));
        let after = self.segments.partition_point(before);
        let Some(at) = after.checked_sub(1) else {
            // nothing but a line that is being written, maybe
            let open = self.segments.is_empty() && self.tail.is_some();
            return match () {
                () if holds(None) => 0,
                () if open && !holds(self.moment(self.offset())) => self.len(),
                () => self.offset(),
            };
        };
        let segment = &self.segments[at];
        let block = segment.blocks.partition_point(|b| !holds(b.time)) - 1;
        let first = self.row_of(segment.first + block as u64 * u64::from(LINES));
        let mut moment = segment.blocks[block].time;
        let mut row = first;
        // one line more than the block has: with all of its times
        for line in self.lines(first..first + segment.lines_in(block) as usize) {
            moment = moment.max(line.at.map(|at| at.timestamp_micros()));
            if holds(moment) {
                break;
            }
            row += 1;
        }
        let settled = self.row_of(self.end);
        if row >= settled && self.tail.is_some() && !holds(self.moment(settled)) {
            return self.len();
        }
        let record = self.record(row);
        if row < self.len() && record.start < row {
            return record.end;
        }
        row
    }

    /// The time that what has none at the beginning of a log stands at: `base`, but never after the first one named.
    pub(super) fn lead(&self, base: Moment) -> Moment {
        let base = base?;
        let settled = self.segments.iter().find_map(|s| s.times);
        let first = settled.map(|(low, _)| low).or_else(|| {
            // of a line that is being written, when it is the first that names one
            self.tail.as_ref()?;
            let at = self.line(self.row_of(self.end))?.at?;
            Some(at.timestamp_micros())
        });
        Some(first.map_or(base, |low| base.min(low)))
    }

    /// Whether a row names the cause of an error.
    pub fn is_cause(&self, row: usize) -> bool {
        let Some(at) = row.checked_sub(self.offset()) else {
            return false;
        };
        let number = self.first() + at as u64;
        if self.errors.open().is_some_and(|mark| mark.cause == number) {
            return true;
        }
        self.spot(number).is_some_and(|spot| {
            self.segments[spot.segment].blocks[spot.block].causes >> spot.bit & 1 == 1
        })
    }

    /// The first row at or below one that says that something is missing there.
    pub fn next_notice(&self, from: usize) -> Option<usize> {
        if from < self.offset() {
            return Some(0);
        }
        let number = self.number_of(from);
        let at = self.segments.partition_point(|s| s.end() <= number);
        let found = self
            .segments
            .iter()
            .skip(at)
            .find_map(|s| s.notice_from(number));
        found.map(|number| self.row_of(number))
    }

    /// The last row above one that says that something is missing there.
    pub fn prev_notice(&self, before: usize) -> Option<usize> {
        let own = before.checked_sub(1).filter(|row| *row >= self.offset());
        let found = own.and_then(|row| {
            let number = self.number_of(row) + 1;
            let end = self.segments.partition_point(|s| s.first < number);
            let segments = self.segments.iter().take(end).rev();
            segments.into_iter().find_map(|s| s.notice_before(number))
        });
        let gap = (before > 0 && self.offset() > 0).then_some(0);
        found.map(|number| self.row_of(number)).or(gap)
    }

    /// Error records in each of so many equal parts of the log.
    pub fn errors_in_parts(&self, parts: usize) -> Vec<u32> {
        let mut counts = vec![0; parts];
        let (first, lines) = (self.first(), self.end - self.first());
        if parts == 0 || lines == 0 {
            return counts;
        }
        let part =
            |line: u64| (u128::from(line - first) * parts as u128 / u128::from(lines)) as usize;
        if let Some(open) = self.errors.open().filter(|mark| mark.cause >= first) {
            counts[part(open.cause)] += 1;
        }
        for segment in &self.segments {
            for (index, block) in segment.blocks.iter().enumerate() {
                let mut causes = block.causes;
                while causes != 0 {
                    let line = index as u64 * u64::from(LINES) + u64::from(causes.trailing_zeros());
                    causes &= causes - 1;
                    let part =
                        (segment.first + line - first) as u128 * parts as u128 / lines as u128;
                    counts[part as usize] += 1;
                }
            }
        }
        counts
    }
}
