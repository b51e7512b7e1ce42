//! Owns a set of lines of one log: a bit a line, so that all lines of a large log are still little.

use std::ops::Range;

/// Words that are counted together.
const GROUP: usize = 64;
const LINES: u64 = u64::BITS as u64;

/// Numbers of lines, in order.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    /// Number of the line of the first bit.
    base: u64,
    words: Vec<u64>,
    /// Set bits of each group of words.
    counts: Vec<u32>,
    total: usize,
}

impl Matches {
    /// For lines from a number on.
    pub(super) fn from(first: u64) -> Self {
        let group = GROUP as u64 * LINES;
        Self {
            base: first / group * group,
            ..Self::default()
        }
    }

    pub fn len(&self) -> usize {
        self.total
    }

    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    pub fn contains(&self, number: u64) -> bool {
        self.place(number)
            .and_then(|(word, bit)| Some(self.words.get(word)? >> bit & 1 == 1))
            .unwrap_or(false)
    }

    /// The first one at or after a number.
    pub fn next(&self, from: u64) -> Option<u64> {
        let (mut word, bit) = self.place(from.max(self.base))?;
        let mut mask = u64::MAX << bit;
        while let Some(bits) = self.words.get(word) {
            let set = bits & mask;
            if set != 0 {
                return Some(self.number(word, set.trailing_zeros()));
            }
            mask = u64::MAX;
            word += 1;
        }
        None
    }

    /// The last one before a number.
    pub fn prev(&self, before: u64) -> Option<u64> {
        let end = self.base + self.words.len() as u64 * LINES;
        let (mut word, bit) = self.place(before.min(end).checked_sub(1)?)?;
        let mut mask = u64::MAX >> (LINES as u32 - 1 - bit);
        loop {
            let set = self.words.get(word)? & mask;
            if set != 0 {
                return Some(self.number(word, set.ilog2()));
            }
            mask = u64::MAX;
            word = word.checked_sub(1)?;
        }
    }

    /// How many there are before a number.
    pub fn rank(&self, number: u64) -> usize {
        let Some((word, bit)) = self.place(number) else {
            return 0;
        };
        if word >= self.words.len() {
            return self.total;
        }
        let group = word / GROUP;
        let groups: u32 = self.counts[..group].iter().sum();
        let words: u32 = self.words[group * GROUP..word]
            .iter()
            .map(|w| w.count_ones())
            .sum();
        let own = self.words[word] & !(u64::MAX << bit);
        (groups + words + own.count_ones()) as usize
    }

    /// The one that so many are before.
    pub fn nth(&self, n: usize) -> Option<u64> {
        let mut left = u32::try_from(n).ok()?;
        let group = self
            .counts
            .iter()
            .position(|count| match left.checked_sub(*count) {
                Some(rest) => {
                    left = rest;
                    false
                }
                None => true,
            })?;
        for (word, bits) in self.words.iter().enumerate().skip(group * GROUP) {
            let mut bits = *bits;
            if left >= bits.count_ones() {
                left -= bits.count_ones();
                continue;
            }
            for _ in 0..left {
                bits &= bits - 1;
            }
            return Some(self.number(word, bits.trailing_zeros()));
        }
        None
    }

    /// Those in a range, in order.
    pub fn within(&self, numbers: Range<u64>) -> impl Iterator<Item = u64> + '_ {
        let mut from = numbers.start;
        std::iter::from_fn(move || {
            let next = self.next(from).filter(|n| *n < numbers.end)?;
            from = next + 1;
            Some(next)
        })
    }

    pub(super) fn set(&mut self, number: u64, on: bool) {
        let Some((word, bit)) = self.place(number) else {
            return;
        };
        if word >= self.words.len() {
            if !on {
                return;
            }
            self.words.resize(word + 1, 0);
            self.counts.resize(word / GROUP + 1, 0);
        }
        let was = self.words[word] >> bit & 1 == 1;
        match (was, on) {
            (false, true) => {
                self.words[word] |= 1 << bit;
                self.counts[word / GROUP] += 1;
                self.total += 1;
            }
            (true, false) => {
                self.words[word] &= !(1 << bit);
                self.counts[word / GROUP] -= 1;
                self.total -= 1;
            }
            _ => {}
        }
    }

    /// Lets go of all before a number.
    pub(super) fn forget_before(&mut self, number: u64) {
        while let Some(first) = self.next(0).filter(|first| *first < number) {
            self.set(first, false);
        }
    }

    fn place(&self, number: u64) -> Option<(usize, u32)> {
        let line = number.checked_sub(self.base)?;
        Some(((line / LINES) as usize, (line % LINES) as u32))
    }

    fn number(&self, word: usize, bit: u32) -> u64 {
        self.base + word as u64 * LINES + u64::from(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_an_ordered_set(
            first in 0u64..20_000,
            changes in proptest::collection::vec((0u64..20_000, any::<bool>()), 0..200),
            asked in proptest::collection::vec(0u64..50_000, 1..20),
        ) {
            let mut matches = Matches::from(first);
            let mut set = BTreeSet::new();
            for (offset, on) in changes {
                let number = first + offset;
                matches.set(number, on);
                if on { set.insert(number); } else { set.remove(&number); }
            }
            prop_assert_eq!(matches.len(), set.len());
            for number in asked {
                prop_assert_eq!(matches.contains(number), set.contains(&number));
                prop_assert_eq!(matches.next(number), set.range(number..).next().copied());
                prop_assert_eq!(matches.prev(number), set.range(..number).next_back().copied());
                prop_assert_eq!(matches.rank(number), set.range(..number).count());
                let n = number as usize % (set.len() + 2);
                prop_assert_eq!(matches.nth(n), set.iter().nth(n).copied());
            }
            prop_assert_eq!(matches.within(0..u64::MAX).collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
            if let Some(middle) = matches.nth(set.len() / 2) {
                matches.forget_before(middle);
                prop_assert_eq!(matches.within(0..u64::MAX).collect::<Vec<_>>(), set.range(middle..).copied().collect::<Vec<_>>());
            }
        }
    }
}
