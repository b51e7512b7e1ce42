//! How often, and how long after a failure.

use chrono::{DateTime, TimeDelta, Utc};

/// The first wait after a failure, and the longest.
const FIRST: TimeDelta = TimeDelta::seconds(5);
const LONGEST: TimeDelta = TimeDelta::minutes(10);

/// The wait after the nth failure: doubles up to the longest, of which between half and all is waited, differently for each
/// id, so that what failed together is not tried together. The same for the same arguments.
pub(super) fn backoff(id: u64, nth: u32) -> TimeDelta {
    let doubled = FIRST.num_milliseconds() << nth.saturating_sub(1).min(20);
    let whole = doubled.min(LONGEST.num_milliseconds());
    let part = i64::try_from(scatter(id ^ u64::from(nth).rotate_left(32)) % 1000).unwrap_or(0);
    TimeDelta::milliseconds(whole / 2 + whole / 2 * part / 1000)
}

/// SplitMix64's finaliser (Steele, Lea, Flood 2014).
const fn scatter(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// So many a minute, of which what comes in ten seconds may come at once: the generic cell rate algorithm (ITU-T I.371),
/// which is a token bucket that keeps one time instead of a count.
#[derive(Debug)]
pub(super) struct Pace {
    interval: TimeDelta,
    tolerance: TimeDelta,
    /// When the bucket would be full again.
    full: DateTime<Utc>,
}

impl Pace {
    pub(super) fn new(rate: u32) -> Self {
        let rate = i64::from(rate.max(1));
        let interval = TimeDelta::microseconds(60_000_000 / rate);
        let burst = i32::try_from((rate / 6).max(1)).unwrap_or(i32::MAX);
        Self {
            interval,
            tolerance: interval * (burst - 1),
            full: DateTime::<Utc>::UNIX_EPOCH,
        }
    }

    /// The next that may be sent.
    pub(super) fn next(&self) -> DateTime<Utc> {
        self.full - self.tolerance
    }

    pub(super) fn open(&self, now: DateTime<Utc>) -> bool {
        self.next() <= now
    }

    pub(super) fn take(&mut self, now: DateTime<Utc>) {
        self.full = self.full.max(now) + self.interval;
    }
}
