//! Reading that nobody waits for takes turns: what is read beside the looks at changes never comes together in one
//! moment, however many things are read again now and then.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep_until};

/// One reading at a time, and a pause after each.
#[derive(Debug)]
pub struct Turns {
    gap: Duration,
    /// When the last one ended; held while one is under way.
    ended: Mutex<Option<Instant>>,
}

/// The right to read; it ends when it is dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    ended: MutexGuard<'a, Option<Instant>>,
}

impl Turns {
    /// Between the end of one turn and the begin of the next lies at least `gap`.
    pub fn new(gap: Duration) -> Self {
        Self {
            gap,
            ended: Mutex::new(None),
        }
    }

    /// Waits for a turn, first come first served.
    pub async fn wait(&self) -> Turn<'_> {
        let ended = self.ended.lock().await;
        if let Some(last) = *ended {
            sleep_until(last + self.gap).await;
        }
        Turn { ended }
    }

    /// A turn, if one is free now.
    pub fn now(&self) -> Option<Turn<'_>> {
        let ended = self.ended.try_lock().ok()?;
        match ended.is_none_or(|last| last.elapsed() >= self.gap) {
            true => Some(Turn { ended }),
            // made and dropped it would count as a turn
            false => None,
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.ended = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GAP: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn turns_never_overlap_and_keep_their_distance() {
        let turns = Turns::new(GAP);
        let read = async |took: Duration| {
            let turn = turns.wait().await;
            let from = Instant::now();
            tokio::time::sleep(took).await;
            drop(turn);
            (from, Instant::now())
        };
        let (a, b, c) = tokio::join!(read(GAP), read(GAP * 2), read(Duration::ZERO));
        let slack = Duration::from_millis(5);
        assert!(b.0 + slack >= a.1 + GAP && c.0 + slack >= b.1 + GAP);
    }

    #[tokio::test]
    async fn a_turn_is_free_only_when_nobody_reads_and_the_pause_is_over() {
        let turns = Turns::new(GAP);
        let turn = turns.now().unwrap();
        assert!(turns.now().is_none());
        drop(turn);
        tokio::time::sleep(GAP / 2).await;
        assert!(turns.now().is_none());
        // an attempt that failed is no turn: the pause does not begin anew
        tokio::time::sleep(GAP * 3 / 4).await;
        assert!(turns.now().is_some());
    }
}
