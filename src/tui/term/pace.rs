//! When to draw: as a value that is told the time, so that every rule is a test without a clock.

use std::time::{Duration, Instant};

const LOCAL: Duration = Duration::from_millis(100);
const OVER_SSH: Duration = Duration::from_millis(200);
const UNFOCUSED: Duration = Duration::from_secs(1);
/// A write that blocked longer than this means that the link can't keep up.
const SLOW_WRITE: Duration = Duration::from_millis(50);
/// Writes that must go through quickly before the rate is doubled again.
const QUICK_WRITES: u32 = 8;
const MAX_SLOWDOWN: u32 = 16;
/// What only new data may send, on average: more is a waste over a slow link, and nobody reads it.
const BYTES_PER_SECOND: u32 = 20_000;
/// However large a frame was, the next one comes after this.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// A frame that is due this long is drawn even though more keeps arriving.
const PATIENCE: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Want {
    /// New data: wait for the next slot.
    Data,
    /// A key: at once.
    Input,
}

/// Frame pacing. Nothing is due, and no timer runs, while nothing has changed.
#[derive(Debug, Clone)]
pub struct Pace {
    interval: Duration,
    want: Option<(Want, Instant)>,
    last: Option<Instant>,
    focused: bool,
    slowdown: u32,
    quick: u32,
    /// How long the last frame with new data was worth.
    rest: Duration,
}

impl Pace {
    pub fn new(ssh: bool) -> Self {
        Self::with_interval(if ssh { OVER_SSH } else { LOCAL })
    }

    /// `interval`: the shortest time between two frames that only bring new data.
    pub fn with_interval(interval: Duration) -> Self {
        Self {
            interval,
            want: None,
            last: None,
            focused: true,
            slowdown: 1,
            quick: 0,
            rest: Duration::ZERO,
        }
    }

    /// At most so many frames a second that only bring new data; never more than the default allows.
    pub fn limit(&mut self, max_fps: u32) {
        self.interval = self.interval.max(Duration::from_secs(1) / max_fps.max(1));
    }

    /// A key changed the screen: draw at once.
    pub fn input(&mut self, now: Instant) {
        match &mut self.want {
            Some((Want::Input, _)) => {}
            want => *want = Some((Want::Input, now)),
        }
    }

    /// New data changed the screen: draw in the next slot.
    pub fn data(&mut self, now: Instant) {
        self.want.get_or_insert((Want::Data, now));
    }

    pub fn focus(&mut self, focused: bool) {
        self.focused = focused;
    }

    pub fn is_dirty(&self) -> bool {
        self.want.is_some()
    }

    /// A key waits for its frame: data that arrives meanwhile has to wait.
    pub fn is_urgent(&self) -> bool {
        matches!(self.want, Some((Want::Input, _)))
    }

    /// When to draw; `None` when nothing changed. May lie in the past.
    pub fn next_deadline(&self) -> Option<Instant> {
        let (want, since) = self.want?;
        Some(match (want, self.last) {
            (Want::Input, _) | (_, None) => since,
            (Want::Data, Some(last)) => last + self.spacing(),
        })
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.next_deadline().is_some_and(|at| at <= now)
    }

    /// Due for so long that it is drawn although more is waiting.
    pub fn is_overdue(&self, now: Instant) -> bool {
        match (self.next_deadline(), self.want) {
            (Some(at), Some((_, since))) => at.max(since) + PATIENCE <= now,
            _ => false,
        }
    }

    /// A frame was drawn and is on its way.
    pub fn drawn(&mut self, now: Instant) {
        self.want = None;
        self.last = Some(now);
    }

    /// How many bytes the last frame took. One that somebody waited for costs nothing.
    pub fn weigh(&mut self, bytes: usize, waited_for: bool) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.rest = match waited_for {
            true => Duration::ZERO,
            false => (Duration::from_secs(1) * bytes / BYTES_PER_SECOND).min(LONGEST_REST),
        };
    }

    /// The terminal has taken a frame and made us wait so long for it.
    pub fn sent(&mut self, blocked: Duration) {
        if blocked > SLOW_WRITE {
            self.slowdown = (self.slowdown * 2).min(MAX_SLOWDOWN);
            self.quick = 0;
            return;
        }
        self.quick += 1;
        if self.slowdown > 1 && self.quick >= QUICK_WRITES {
            self.slowdown /= 2;
            self.quick = 0;
        }
    }

    /// The time between two frames with new data, as it stands.
    pub fn spacing(&self) -> Duration {
        let spacing = (self.interval * self.slowdown).max(self.rest);
        if self.focused {
            spacing
        } else {
            spacing.max(UNFOCUSED)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn large_frames_of_data_come_less_often_and_keys_never_wait_for_them() {
        let start = Instant::now();
        let mut pace = Pace::with_interval(100 * MS);
        let (mut now, mut bytes) = (start, 0);
        for _ in 0..50 {
            pace.data(now);
            now = now.max(pace.next_deadline().unwrap());
            pace.drawn(now);
            pace.weigh(4000, false);
            bytes += 4000;
        }
        let seconds = (now - start).as_secs_f64();
        assert!(
            f64::from(bytes - 4000) / seconds <= 20_000.0,
            "{bytes} in {seconds}"
        );
        pace.input(now);
        assert_eq!(pace.next_deadline(), Some(now));
        pace.drawn(now);
        pace.weigh(50_000, true);
        pace.data(now);
        assert_eq!(pace.next_deadline(), Some(now + 100 * MS));
        pace.drawn(now);
        pace.weigh(10_000_000, false);
        assert_eq!(pace.spacing(), 1000 * MS);
    }

    fn drawn_at(t: Instant) -> Pace {
        let mut pace = Pace::new(false);
        pace.drawn(t);
        pace
    }

    #[test]
    fn no_deadline_while_nothing_changed() {
        let t = Instant::now();
        let pace = drawn_at(t);
        assert_eq!(pace.next_deadline(), None);
        assert!(!pace.is_due(t + 1000 * MS) && !pace.is_overdue(t + 1000 * MS));
    }

    #[test]
    fn a_key_is_drawn_at_once() {
        let t = Instant::now();
        let mut pace = drawn_at(t);
        pace.input(t + MS);
        assert!(pace.is_due(t + MS) && pace.is_urgent());
    }

    #[test]
    fn a_key_overtakes_data_that_waits() {
        let t = Instant::now();
        let mut pace = drawn_at(t);
        pace.data(t + MS);
        assert!(!pace.is_due(t + 2 * MS));
        pace.input(t + 2 * MS);
        assert!(pace.is_due(t + 2 * MS));
        pace.data(t + 3 * MS);
        assert!(pace.is_urgent(), "data must not slow a key down");
    }

    #[test]
    fn data_waits_for_the_next_slot() {
        for (ssh, slot) in [(false, 100), (true, 200)] {
            let t = Instant::now();
            let mut pace = Pace::new(ssh);
            pace.data(t);
            assert!(pace.is_due(t), "the first frame waits for nothing");
            pace.drawn(t);
            pace.data(t + 5 * MS);
            pace.data(t + 50 * MS);
            assert_eq!(pace.next_deadline(), Some(t + slot * MS));
        }
    }

    #[test]
    fn the_user_can_only_slow_it_down() {
        for (fps, ms) in [(0, 1000), (4, 250), (30, 100)] {
            let mut pace = Pace::new(false);
            pace.limit(fps);
            assert_eq!(pace.spacing(), ms * MS);
        }
    }

    #[test]
    fn unfocused_means_one_frame_a_second_but_keys_still_at_once() {
        let t = Instant::now();
        let mut pace = drawn_at(t);
        pace.focus(false);
        pace.data(t);
        assert_eq!(pace.next_deadline(), Some(t + 1000 * MS));
        pace.input(t + MS);
        assert!(pace.is_due(t + MS));
        pace.drawn(t + MS);
        pace.focus(true);
        pace.data(t + 2 * MS);
        assert_eq!(pace.next_deadline(), Some(t + 101 * MS));
    }

    #[test]
    fn a_slow_link_halves_the_rate_and_a_quick_one_restores_it() {
        let mut pace = Pace::new(false);
        pace.sent(51 * MS);
        assert_eq!(pace.spacing(), 200 * MS);
        pace.sent(300 * MS);
        assert_eq!(pace.spacing(), 400 * MS);
        for _ in 0..10 {
            pace.sent(300 * MS);
        }
        assert_eq!(pace.spacing(), 1600 * MS, "bounded");
        for _ in 0..QUICK_WRITES * 4 {
            pace.sent(MS);
        }
        assert_eq!(pace.spacing(), 100 * MS);
    }

    #[test]
    fn a_flood_does_not_starve_the_screen() {
        let t = Instant::now();
        let mut pace = drawn_at(t);
        pace.data(t + 10 * MS);
        assert!(!pace.is_overdue(t + 120 * MS));
        assert!(pace.is_overdue(t + 150 * MS));
        // Data that arrives after a long silence is due at once but not overdue.
        let mut pace = drawn_at(t);
        pace.data(t + 5000 * MS);
        assert!(pace.is_due(t + 5000 * MS) && !pace.is_overdue(t + 5001 * MS));
    }
}
