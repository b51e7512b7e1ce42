//! Owns the points of one series: buckets of ten seconds for half an hour, of a minute for 26 hours, of an hour for
//! eight days. Only buckets in which something was recorded are kept.

use std::collections::VecDeque;

/// What was recorded within one stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// First tick.
    pub start: u32,
    pub count: u32,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    /// The level from here on. NaN: it is over.
    pub last: f64,
}

impl Bucket {
    fn of(start: u32, value: f64) -> Self {
        Self {
            start,
            count: 1,
            sum: value,
            min: value,
            max: value,
            last: value,
        }
    }

    fn over(start: u32) -> Self {
        Self {
            start,
            count: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            last: f64::NAN,
        }
    }

    /// Takes in what came later.
    fn merge(&mut self, later: &Self) {
        self.count = self.count.saturating_add(later.count);
        self.sum += later.sum;
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.last = later.last;
    }
}

/// Ticks of a bucket, and ticks for which such buckets are kept.
const TIERS: [(u32, u32); 3] = [(1, 180), (6, 9_360), (360, 69_120)];

/// How old what is recorded may be so that it is known to the minute, in ticks.
pub(super) const MINUTES: u32 = TIERS[1].1;

/// How far back anything is known, in ticks: eight days.
pub const REACH: u32 = TIERS[2].1;

/// Ticks of the buckets that hold what is so many ticks old.
pub fn width_at(age: u32) -> u32 {
    let tier = TIERS.iter().find(|(_, keep)| age <= *keep);
    tier.unwrap_or(&TIERS[2]).0
}

#[derive(Debug, Default)]
pub struct History {
    tiers: [VecDeque<Bucket>; 3],
}

impl History {
    /// Whether it was taken in: what is too old is not.
    pub(super) fn add(&mut self, tick: u32, value: f64, now: u32) -> bool {
        self.put(Bucket::of(tick, value), now)
    }

    /// Puts a bucket where it began, however old it is.
    pub(super) fn lay(&mut self, bucket: Bucket) {
        self.insert(0, bucket);
    }

    /// From now on there is no level.
    pub(super) fn end(&mut self, tick: u32, now: u32) {
        let gone = self.last_before(u32::MAX).is_none_or(f64::is_nan);
        if !gone {
            self.put(Bucket::over(tick), now);
        }
    }

    fn put(&mut self, bucket: Bucket, now: u32) -> bool {
        let age = now.saturating_sub(bucket.start);
        let Some(tier) = TIERS.iter().position(|(_, keep)| age < *keep) else {
            return false;
        };
        self.insert(tier, bucket);
        self.settle(now);
        true
    }

    fn insert(&mut self, tier: usize, mut bucket: Bucket) {
        let (Some((width, _)), Some(list)) = (TIERS.get(tier), self.tiers.get_mut(tier)) else {
            return;
        };
        bucket.start -= bucket.start % width;
        let at = match list.back() {
            Some(last) if last.start >= bucket.start => {
                list.partition_point(|b| b.start < bucket.start)
            }
            _ => list.len(),
        };
        match list.get_mut(at) {
            Some(known) if known.start == bucket.start => known.merge(&bucket),
            _ => list.insert(at, bucket),
        }
    }

    /// Moves what has grown old into wider buckets; what is older than that goes.
    pub(super) fn settle(&mut self, now: u32) {
        for (tier, (_, keep)) in TIERS.iter().enumerate() {
            while let Some(list) = self.tiers.get_mut(tier)
                && list
                    .front()
                    .is_some_and(|b| now.saturating_sub(b.start) >= *keep)
            {
                if let Some(old) = list.pop_front() {
                    self.insert(tier + 1, old);
                }
            }
        }
    }

    /// Forgets what lies before a tick.
    pub(super) fn forget_before(&mut self, tick: u32) {
        for list in &mut self.tiers {
            while list.front().is_some_and(|b| b.start < tick) {
                list.pop_front();
            }
            if list.capacity() > 2 * list.len() + 8 {
                list.shrink_to_fit();
            }
        }
    }

    pub fn len(&self) -> usize {
        self.tiers.iter().map(VecDeque::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        let cells: usize = self.tiers.iter().map(VecDeque::capacity).sum();
        cells * size_of::<Bucket>()
    }

    /// The buckets whose middle lies between two ticks, oldest first.
    pub fn between(&self, from: u32, to: u32) -> impl Iterator<Item = &Bucket> {
        let tiers = self.tiers.iter().zip(TIERS).rev();
        tiers.flat_map(move |(list, (width, _))| {
            let from = from.saturating_sub(width / 2);
            let to = to.saturating_sub(width / 2);
            let newer = list.back().is_some_and(|b| b.start >= from);
            let at = if newer {
                list.partition_point(|b| b.start < from)
            } else {
                list.len()
            };
            list.range(at..).take_while(move |b| b.start < to)
        })
    }

    /// All that was recorded from a tick on for so many, as far as it is known that exactly.
    pub(super) fn sum(&self, from: u32, ticks: u32) -> Option<Bucket> {
        let mut sum: Option<Bucket> = None;
        // wider ones are older
        for (list, (width, _)) in self.tiers.iter().zip(TIERS).rev() {
            if width > ticks {
                continue;
            }
            let at = list.partition_point(|b| b.start < from);
            for bucket in list.range(at..).take_while(|b| b.start - from < ticks) {
                match &mut sum {
                    Some(sum) => sum.merge(bucket),
                    None => {
                        sum = Some(Bucket {
                            start: from,
                            ..*bucket
                        })
                    }
                }
            }
        }
        sum.filter(|bucket| bucket.count > 0)
    }

    /// The level just before a tick: NaN where it was over, `None` where there was none yet.
    pub fn last_before(&self, tick: u32) -> Option<f64> {
        self.tiers.iter().find_map(|list| {
            let at = list.partition_point(|b| b.start < tick);
            list.get(at.checked_sub(1)?).map(|b| b.last)
        })
    }

    /// The first tick of which something is known.
    pub fn first(&self) -> Option<u32> {
        self.tiers
            .iter()
            .rev()
            .find_map(|l| l.front())
            .map(|b| b.start)
    }
}
