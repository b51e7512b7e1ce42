//! When to ask again. [`Schedule`] is a pure value: it is told how a look went and says how long to
//! wait. [`Pacer`] keeps all looks at one backend together under a rate.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A schedule never waits longer than this, unless the server asks for more.
const LONGEST: Duration = Duration::from_secs(60);
/// A server that asks for more than this is asked again anyway.
const LONGEST_ASKED: Duration = Duration::from_secs(600);

/// The waits between looks at one thing. The looks are made one after the other, so there are never
/// two at once.
#[derive(Clone, Debug)]
pub struct Schedule {
    base: Duration,
    longest: Duration,
    failures: u32,
    took: Duration,
    asked: Option<Duration>,
    random: u64,
}

impl Schedule {
    /// `base`: time between two looks when all is well. `seed`: any number; the same seed gives the
    /// same waits.
    pub fn new(base: Duration, seed: u64) -> Self {
        Self {
            base,
            longest: LONGEST.max(base),
            failures: 0,
            took: Duration::ZERO,
            asked: None,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    /// Look more or less often from now on. Failures stay counted.
    pub fn set_base(&mut self, base: Duration) {
        self.base = base;
        self.longest = LONGEST.max(base);
    }

    pub fn base(&self) -> Duration {
        self.base
    }

    /// It went well and took so long.
    pub fn succeeded(&mut self, took: Duration) {
        self.failures = 0;
        self.took = took;
        self.asked = None;
    }

    /// It went wrong; `asked` is the wait that the server asked for (`Retry-After`).
    pub fn failed(&mut self, asked: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        self.asked = asked.map(|d| d.min(LONGEST_ASKED));
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How long to wait before the next look. Spread a little, so that many watchers of one server
    /// don't meet; never shorter than the last answer took, so that a slow server is not pushed.
    pub fn wait(&mut self) -> Duration {
        let share = self.random_share();
        if self.failures == 0 {
            return self.base.mul_f64(0.9 + 0.2 * share).max(self.took);
        }
        let doubled = self
            .base
            .max(Duration::from_millis(500))
            .saturating_mul(1 << self.failures.min(16));
        let wait = doubled.min(self.longest).mul_f64(0.5 + 0.5 * share);
        // what was asked for is a minimum
        wait.max(self.asked.unwrap_or_default())
    }

    /// 0.0 to 1.0 (xorshift64: spreading needs no better randomness).
    fn random_share(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// How soon a request must go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// A person waits for it: goes at once, and others wait longer for it.
    Now,
    /// Goes when there is room under the rate.
    WhenDue,
    /// The same, and nobody waits for it: what is read in many pieces lets other looks in between.
    Aside,
}

/// Keeps the mean number of requests to one backend under a rate, whatever the number of things
/// watched. A token bucket; urgent requests may overdraw it.
#[derive(Debug)]
pub struct Pacer {
    /// Tokens a second.
    rate: f64,
    burst: f64,
    state: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Pacer {
    /// `burst` requests may go at once at the start.
    pub fn new(rate: f64, burst: u32) -> Self {
        let burst = f64::from(burst);
        Self {
            rate,
            burst,
            state: Mutex::new(Bucket {
                tokens: burst,
                at: Instant::now(),
            }),
        }
    }

    /// Waits until one more request may go.
    pub async fn turn(&self, urgency: Urgency) {
        let wait = self.take(urgency, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes a token and says how long to wait for it.
    fn take(&self, urgency: Urgency, now: Instant) -> Duration {
        let mut bucket = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * self.rate).min(self.burst);
        bucket.at = now;
        if urgency == Urgency::Now {
            // many of a person's requests must not stop the watching for long
            let floor = bucket.tokens.min(-self.burst / 2.0);
            bucket.tokens = (bucket.tokens - 1.0).max(floor);
            return Duration::ZERO;
        }
        bucket.tokens -= 1.0;
        if bucket.tokens >= 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(-bucket.tokens / self.rate)
    }
}

/// Work under way, at most one piece for each key. Dropping it ends all.
#[derive(Debug)]
pub struct Flights<K> {
    tasks: HashMap<K, JoinHandle<()>>,
}

impl<K> Default for Flights<K> {
    fn default() -> Self {
        Self {
            tasks: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash + Clone> Flights<K> {
    /// Starts the work unless work for this key is under way. Says whether it did.
    pub fn start<F>(&mut self, key: &K, work: impl FnOnce() -> F) -> bool
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if self.tasks.get(key).is_some_and(|task| !task.is_finished()) {
            return false;
        }
        self.tasks.insert(key.clone(), tokio::spawn(work()));
        true
    }

    /// Forgets what has ended.
    pub fn tidy(&mut self) {
        self.tasks.retain(|_, task| !task.is_finished());
    }

    /// Whether work was started for this key, even if it has ended since.
    pub fn known(&self, key: &K) -> bool {
        self.tasks.contains_key(key)
    }

    /// Ends the work whose key is not wanted any more, and forgets it.
    pub fn retain(&mut self, wanted: impl Fn(&K) -> bool) {
        self.tasks.retain(|key, task| {
            let keep = wanted(key);
            if !keep {
                task.abort();
            }
            keep
        });
    }
}

impl<K> Drop for Flights<K> {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn looks_at_its_base_rate_give_or_take_a_tenth() {
        let mut schedule = Schedule::new(3 * SECOND, 7);
        schedule.succeeded(SECOND / 10);
        let waits: Vec<_> = (0..50).map(|_| schedule.wait()).collect();
        assert!(waits.iter().all(|w| (2.7..=3.3).contains(&w.as_secs_f64())));
        assert!(waits.windows(2).any(|w| w[0] != w[1]), "no spread");
    }

    #[test]
    fn is_never_faster_than_the_last_answer() {
        let mut schedule = Schedule::new(2 * SECOND, 1);
        schedule.succeeded(12 * SECOND);
        assert_eq!(schedule.wait(), 12 * SECOND);
    }

    #[test]
    fn backs_off_doubling_up_to_a_cap_and_recovers_at_once() {
        let mut schedule = Schedule::new(2 * SECOND, 3);
        let mut most = Duration::ZERO;
        for failure in 1..30 {
            schedule.failed(None);
            let wait = schedule.wait();
            let full = (2 * SECOND)
                .saturating_mul(1 << failure.min(10))
                .min(LONGEST);
            assert!(wait >= full / 2 && wait <= full, "{failure}: {wait:?}");
            most = most.max(wait);
        }
        assert!(most > 30 * SECOND);
        schedule.succeeded(SECOND);
        assert!(schedule.wait() < 3 * SECOND);
    }

    #[test]
    fn waits_at_least_as_long_as_the_server_asks() {
        let mut schedule = Schedule::new(SECOND, 5);
        schedule.failed(Some(90 * SECOND));
        assert!(schedule.wait() >= 90 * SECOND);
        schedule.failed(Some(Duration::from_secs(1 << 40)));
        assert!(schedule.wait() <= LONGEST_ASKED);
        schedule.succeeded(SECOND);
        assert!(schedule.wait() < 2 * SECOND);
    }

    #[test]
    fn a_pacer_holds_the_rate_over_time_and_urgent_requests_count() {
        let start = Instant::now();
        let pacer = Pacer::new(1.0, 5);
        // the burst goes at once
        for _ in 0..5 {
            assert_eq!(pacer.take(Urgency::WhenDue, start), Duration::ZERO);
        }
        assert_eq!(pacer.take(Urgency::WhenDue, start), SECOND);
        // an urgent one goes at once and the next waits for both
        assert_eq!(pacer.take(Urgency::Now, start), Duration::ZERO);
        assert_eq!(pacer.take(Urgency::WhenDue, start), 3 * SECOND);
        for _ in 0..100 {
            pacer.take(Urgency::Now, start);
        }
        assert_eq!(
            pacer.take(Urgency::WhenDue, start),
            4 * SECOND,
            "the debt has an end"
        );
        // after a while there is room again, but not more than the burst
        let later = start + 100 * SECOND;
        for _ in 0..5 {
            assert_eq!(pacer.take(Urgency::WhenDue, later), Duration::ZERO);
        }
        assert_eq!(pacer.take(Urgency::WhenDue, later), SECOND);
    }

    #[tokio::test]
    async fn flights_are_one_for_each_key_and_end_when_not_wanted() {
        let mut flights = Flights::default();
        assert!(flights.start(&1, std::future::pending::<()>));
        assert!(!flights.start(&1, std::future::pending::<()>));
        assert!(flights.start(&2, std::future::pending::<()>));
        flights.retain(|key| *key == 2);
        assert!(!flights.known(&1) && flights.known(&2));
        assert!(flights.start(&1, || async {}));
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!(
            flights.start(&1, || async {}),
            "an ended flight may start again"
        );
    }
}
