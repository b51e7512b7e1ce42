//! When the screen changes by itself.

use chrono::{DateTime, Duration, DurationRound, Utc};

use crate::engine::Watch;
use crate::model::Reach;

use super::{App, Screen};

impl App {
    /// When the screen would show something else although nothing happened; between two such times nothing is
    /// drawn. Seconds count only where something is going and somebody looks.
    pub fn next_wake(&self, watch: &Watch) -> DateTime<Utc> {
        let step = if self.ticking(watch) && !self.hidden {
            Duration::seconds(1)
        } else {
            Duration::minutes(1)
        };
        if self.replay.is_some() {
            return self.wake_in_replay();
        }
        let now = self.now;
        let mut at = now.duration_trunc(step).unwrap_or(now) + step;
        let awaits = watch.awaiting || watch.patterns.pending();
        let awaiting = awaits.then(|| now + Duration::milliseconds(200));
        for other in [
            awaiting,
            watch.alerts.wake(),
            self.notices.wake(),
            self.rest_until(),
            self.window_until(),
            self.dialog_wake(),
            self.past_wake(),
            self.board_wake(),
        ] {
            at = other.filter(|t| *t > now).map_or(at, |t| t.min(at));
        }
        at
    }

    /// Nothing happens by itself in the past: only what the person at the keyboard began goes on.
    fn wake_in_replay(&self) -> DateTime<Utc> {
        let waits = [
            self.play_wake(),
            self.notices.wake(),
            self.rest_until(),
            self.window_until(),
        ];
        let ahead = waits.into_iter().flatten().filter(|at| *at > self.wall);
        ahead.min().unwrap_or(self.wall + Duration::hours(1))
    }

    /// Whether something on screen is shown to the second.
    pub fn ticking(&self, watch: &Watch) -> bool {
        if self.replay.is_some() {
            return true;
        }
        // "succeeded 15s ago", "retry in 12s"
        let young = (self.now - self.changed_at).abs() <= Duration::seconds(65);
        let retries = |b: &crate::world::BackendView| matches!(b.status.reach, Reach::Down { retry_at: Some(at), .. } if at >= self.now);
        if young || watch.world.backends().any(retries) {
            return true;
        }
        match self.stack.last() {
            None => watch.fleet().iter().any(|row| row.active > 0),
            Some(Screen::Run(run)) => going(watch, &run.run),
            Some(Screen::Log(log)) => going(watch, &log.key.node.run),
            Some(Screen::Node(node, _)) => going(watch, &node.run),
            Some(Screen::Actions(_)) => watch
                .world
                .actions()
                .any(crate::world::ActionView::under_way),
            // "last good answer 3s ago"
            Some(Screen::System(_)) => true,
            Some(_) => false,
        }
    }
}

fn going(watch: &Watch, run: &crate::model::RunKey) -> bool {
    watch
        .world
        .run(run)
        .is_some_and(|view| view.health.active())
}
