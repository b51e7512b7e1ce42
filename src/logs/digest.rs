//! Owns what is known of the words of a segment without reading it: enough to pass over nearly all segments that a
//! rare word is not in.
//!
//! Kept are the groups of four bytes in its lines, by their hash and without case. A group may seem to be there that
//! is not; none that is there seems missing. Who is in a hurry takes every second group of a line: a word is then looked
//! for as it would stand at an even place and as it would stand at an odd one, and must have five letters to be told.

/// Hashes.
const BITS: usize = 1 << 16;
const GROUP: usize = 4;
/// A letter without its case; what else falls together does so on both sides.
const FOLD: u64 = u64::from_ne_bytes([0x20; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

fn hash(group: u32) -> u16 {
    // by the golden ratio (D. Knuth, "The Art of Computer Programming" 3, 6.4)
    (group.wrapping_mul(0x9e37_79b1) >> 16) as u16
}

/// The groups of a segment that is being read: a byte each, which is faster than a bit each.
#[derive(Debug)]
pub(super) struct Groups {
    seen: Box<[u8; BITS]>,
    bytes: u64,
}

/// Which groups of a line are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    /// Half the work.
    EverySecond,
    All,
}

/// The groups of a segment, a bit each.
#[derive(Debug)]
pub(super) struct Digest {
    bits: Box<[u64; BITS / 64]>,
    ascii: bool,
    take: Take,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            seen: Box::new([0; BITS]),
            bytes: 0,
        }
    }
}

impl Groups {
    /// Adds a text: a line or several.
    pub(super) fn add(&mut self, line: &[u8], take: Take) {
        match take {
            Take::EverySecond => self.add_by::<2>(line),
            Take::All => self.add_by::<1>(line),
        }
    }

    fn add_by<const STEP: usize>(&mut self, line: &[u8]) {
        let (words, _) = line.as_chunks::<8>();
        let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
        let mut rest = 0;
        if let Some(mut word) = words.next() {
            let mut bytes = word;
            word |= FOLD;
            for next in words {
                bytes |= next;
                let next = next | FOLD;
                self.set(word);
                self.set(word >> 16);
                self.set(word >> 32);
                self.set(word >> 48 | next << 16);
                if STEP == 1 {
                    self.set(word >> 8);
                    self.set(word >> 24);
                    self.set(word >> 40 | next << 24);
                    self.set(word >> 56 | next << 8);
                }
                word = next;
                rest += 8;
            }
            self.bytes |= bytes;
        }
        // from the last word on
        let rest = line.get(rest..).unwrap_or_default();
        for group in rest.windows(GROUP).step_by(STEP) {
            self.set(u64::from(number(group)) | FOLD);
        }
        for byte in rest {
            self.bytes |= u64::from(*byte);
        }
    }

    fn set(&mut self, group: u64) {
        self.seen[usize::from(hash(group as u32))] = 1;
    }

    /// What was added since the last time.
    pub(super) fn take(&mut self, take: Take) -> Digest {
        let mut bits = Box::new([0; BITS / 64]);
        let (words, _) = self.seen.as_chunks::<64>();
        for (word, seen) in bits.iter_mut().zip(words) {
            *word = seen
                .iter()
                .rev()
                .fold(0, |word, seen| word << 1 | u64::from(*seen));
        }
        let ascii = self.bytes & HIGH == 0;
        self.seen.fill(0);
        self.bytes = 0;
        Digest { bits, ascii, take }
    }
}

impl Digest {
    pub(super) fn cost(&self) -> usize {
        size_of_val(&*self.bits)
    }

    fn has(&self, hash: u16) -> bool {
        let at = usize::from(hash);
        self.bits[at / 64] >> (at % 64) & 1 == 1
    }
}

/// A word that is looked for in any case, by its groups.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// Those at even places and those at odd ones: of one kind all must be there.
    groups: [Vec<Wanted>; 2],
}

#[derive(Clone, Copy, Debug)]
struct Wanted {
    hash: u16,
    /// Holds a letter that has another form outside of ASCII: `ſ` is an s, `K` (U+212A) a k.
    other: bool,
}

impl Word {
    pub(super) fn new(word: &str) -> Self {
        let mut groups = [Vec::new(), Vec::new()];
        for (at, group) in word.as_bytes().windows(GROUP).enumerate() {
            if group.is_ascii() {
                groups[at % 2].push(Wanted {
                    hash: hash(number(group) | FOLD as u32),
                    other: group.iter().any(|b| matches!(b | 0x20, b'k' | b's')),
                });
            }
        }
        Self { groups }
    }

    /// Whether it can be in a segment.
    pub(super) fn may_be_in(&self, digest: &Digest) -> bool {
        let all = |groups: &Vec<Wanted>| {
            groups
                .iter()
                .all(|group| digest.has(group.hash) || group.other && !digest.ascii)
        };
        match digest.take {
            Take::EverySecond => self.groups.iter().any(all),
            Take::All => self.groups.iter().all(all),
        }
    }
}

fn number(group: &[u8]) -> u32 {
    group
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(lines: &[&str], take: Take) -> Digest {
        let mut groups = Groups::default();
        for line in lines {
            groups.add(line.as_bytes(), take);
        }
        groups.take(take)
    }

    #[test]
    fn what_is_not_there_is_told() {
        for take in [Take::EverySecond, Take::All] {
            let digest = digest(&["2026-11-20 INFO load: wrote 17 rows", "no"], take);
            assert!(Word::new("WROTE").may_be_in(&digest));
            assert!(!Word::new("needle-7f3a9c").may_be_in(&digest));
            assert!(!Word::new("wrong").may_be_in(&digest));
            // may be too short to be told
            assert!(Word::new("xyz").may_be_in(&digest));
            assert_eq!(
                Word::new("xyzz").may_be_in(&digest),
                take == Take::EverySecond
            );
        }
    }

    #[test]
    fn taken_is_gone() {
        let mut groups = Groups::default();
        groups.add("needle é".as_bytes(), Take::All);
        assert!(Word::new("needle").may_be_in(&groups.take(Take::All)));
        let digest = groups.take(Take::All);
        assert!(!Word::new("needle").may_be_in(&digest) && digest.ascii);
    }

    #[test]
    fn other_forms_of_letters_count() {
        for take in [Take::EverySecond, Take::All] {
            assert!(Word::new("tasks").may_be_in(&digest(&["ta\u{17f}\u{212a}s"], take)));
            assert!(Word::new("straße").may_be_in(&digest(&["STRASSE STRAẞE"], take)));
        }
    }

    proptest! {
        #[test]
        fn what_is_there_never_seems_missing(line in "[a-zA-Z0-9 é_-]{0,60}", from in 0usize..60, len in 0usize..30) {
            let chars: Vec<char> = line.chars().collect();
            let word: String = chars.iter().skip(from).take(len).collect();
            for take in [Take::EverySecond, Take::All] {
                let digest = digest(&[&line], take);
                prop_assert!(Word::new(&word).may_be_in(&digest));
                prop_assert!(Word::new(&word.to_ascii_uppercase()).may_be_in(&digest));
            }
        }
    }
}
