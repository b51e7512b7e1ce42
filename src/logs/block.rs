//! Owns the index of 64 lines: everything that is asked of lines without reading them.

use super::line::Level;
use super::recognise::Recogniser;
use super::time::Micros;

/// Lines in a block: as many as a word has bits.
pub(super) const LINES: u32 = u64::BITS;

/// 64 lines of a segment in 72 bytes. Bit n is about line n.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Byte of the segment at which the first line begins.
    pub(super) at: u32,
    /// What the reader of records knew before the first line: with it any block can be read by itself.
    pub(super) before: Recogniser,
    /// The latest time named before the first line.
    pub(super) time: Option<Micros>,
    /// Lines that begin a record.
    pub(super) starts: u64,
    /// Lines that name the cause of an error.
    pub(super) causes: u64,
    /// The level of each line as three bits: 0 for none, else 1 and up.
    levels: [u64; 3],
    /// The text of every line is its bytes, tabs aside: a search may look at the bytes alone.
    pub(super) exact: bool,
}

impl Block {
    pub(super) fn new(at: u32, before: Recogniser, time: Option<Micros>) -> Self {
        Self {
            at,
            before,
            time,
            starts: 0,
            causes: 0,
            levels: [0; 3],
            exact: true,
        }
    }

    pub(super) fn set_level(&mut self, bit: u32, level: Option<Level>) {
        let code = code(level);
        for (plane, bits) in self.levels.iter_mut().enumerate() {
            *bits |= u64::from(code >> plane & 1) << bit;
        }
    }

    /// Lines of one level.
    pub(super) fn of_level(&self, level: Option<Level>) -> u64 {
        let code = code(level);
        let plane = |n: usize| match code >> n & 1 {
            1 => self.levels[n],
            _ => !self.levels[n],
        };
        plane(0) & plane(1) & plane(2)
    }
}

fn code(level: Option<Level>) -> u8 {
    level.map_or(0, |level| level as u8 + 1)
}

/// A set of levels, "none" among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Levels(u8);

impl Levels {
    pub(super) const ALL: [Option<Level>; 7] = [
        None,
        Some(Level::Trace),
        Some(Level::Debug),
        Some(Level::Info),
        Some(Level::Warn),
        Some(Level::Error),
        Some(Level::Fatal),
    ];

    pub(super) fn add(&mut self, level: Option<Level>) {
        self.0 |= 1 << code(level);
    }

    pub(super) fn has(self, level: Option<Level>) -> bool {
        self.0 >> code(level) & 1 == 1
    }

    /// Some level is in both.
    pub(super) fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// All levels of either.
    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Lines of a block whose level is in the set.
    pub(super) fn lines(self, block: &Block) -> u64 {
        Self::ALL
            .into_iter()
            .filter(|level| self.has(*level))
            .fold(0, |lines, level| lines | block.of_level(level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_come_back_as_they_went_in() {
        let mut block = Block::new(0, Recogniser::default(), None);
        for (bit, level) in (0..).zip(Levels::ALL) {
            block.set_level(bit, level);
        }
        for (bit, level) in (0..).zip(Levels::ALL) {
            assert_eq!(block.of_level(level) & 0x7f, 1 << bit);
        }
        let mut levels = Levels::default();
        levels.add(Some(Level::Error));
        levels.add(None);
        assert_eq!(levels.lines(&block) & 0x7f, 0b10_0001);
        assert!(size_of::<Block>() <= 88, "{}", size_of::<Block>());
    }
}
