//! What is on screen, for the backends.

use chrono::{DateTime, Duration, Utc};

use crate::engine::Watch;
use crate::model::{Focus, LogKey};

use super::{App, Dialog, Screen};

/// The cursor rests on a row or a box when it has been there this long: only then is its log asked for.
const REST: Duration = Duration::milliseconds(200);

impl App {
    /// What backends should follow closely. The fleet's own first errors are asked for by the engine.
    pub fn focus(&self, watch: &Watch) -> Focus {
        let mut focus = Focus {
            hidden: self.hidden,
            ..Focus::default()
        };
        match self.stack.last() {
            None => {
                if let Some(key) = self.fleet.log.key().cloned().filter(|_| self.rests()) {
                    self.fleet_focus(watch, key, &mut focus);
                }
            }
            Some(Screen::Run(run)) => {
                focus.runs.push(run.run.clone());
                focus.runs.extend(run.wanted_runs(watch));
                focus.logs.extend(run.log.key().cloned());
                focus.detail = (watch.world.run(&run.run))
                    .and_then(|view| Some(run.run.node(&run.shown_node(view)?.id)));
            }
            Some(Screen::Log(log)) => {
                focus.runs.push(log.key.node.run.clone());
                focus.logs.extend(log.view.keys().iter().cloned());
                let at = self.log_at_cursor(watch);
                focus.detail = Some(at.as_ref().unwrap_or(&log.key).node.clone());
            }
            Some(Screen::Node(node, _)) => {
                focus.runs.push(node.run.clone());
                focus.detail = Some(node.clone());
            }
            Some(Screen::Pipeline(pipeline, _)) => focus.pipeline = Some(pipeline.clone()),
            Some(
                Screen::Alerts
                | Screen::System(_)
                | Screen::Actions(_)
                | Screen::Past(_)
                | Screen::Board(_)
                | Screen::Help(..),
            ) => {}
        }
        if let Some(Dialog::Trigger(form)) = &self.dialog {
            focus.pipeline = Some(form.pipeline.clone());
        }
        // those whose end somebody waits for
        for run in &self.watched {
            if !focus.runs.contains(run) {
                focus.runs.push(run.clone());
            }
        }
        focus
    }

    fn fleet_focus(&self, watch: &Watch, key: LogKey, focus: &mut Focus) {
        let failed = self
            .fleet
            .shown_row(watch)
            .is_some_and(|row| watch.first_error(row).as_ref() == Some(&key));
        if !failed {
            focus.logs.push(key);
        } else if watch.logs.get(&key).is_none_or(|log| !log.complete()) {
            focus.tails.push(key);
        }
    }

    /// Whether the cursor stands still; where nothing follows it, it always does.
    pub fn rests(&self) -> bool {
        (self.moved_at()).is_none_or(|moved| (self.wall - moved).abs() >= REST)
    }

    pub(super) fn rest_until(&self) -> Option<DateTime<Utc>> {
        self.moved_at()
            .filter(|_| !self.rests())
            .map(|moved| moved + REST)
    }

    /// When the window into the graph follows the cursor.
    pub(super) fn window_until(&self) -> Option<DateTime<Utc>> {
        match self.stack.last() {
            Some(Screen::Run(run)) => run.window_until(),
            _ => None,
        }
    }

    fn moved_at(&self) -> Option<DateTime<Utc>> {
        match self.stack.last() {
            None => Some(self.fleet.rests_since),
            Some(Screen::Run(run)) => Some(run.rests_since),
            Some(Screen::Past(screen)) => Some(screen.rests_since),
            Some(_) => None,
        }
    }

    /// What is done now is about what is selected: what follows the cursor does not wait for it to rest.
    pub(super) fn come_to_rest(&mut self, watch: &Watch) {
        match self.stack.last_mut() {
            None => self.fleet.rests_since = DateTime::UNIX_EPOCH,
            Some(Screen::Run(run)) => {
                run.rests_since = DateTime::UNIX_EPOCH;
                if let Some(view) = watch.world.run(&run.run) {
                    run.follow(view);
                }
            }
            Some(Screen::Past(screen)) => screen.rests_since = DateTime::UNIX_EPOCH,
            Some(_) => {}
        }
        if self.stack.is_empty() {
            self.fleet.shown = self.fleet.selected().cloned();
            let log = self.fleet_log(watch);
            self.fleet.log.show(log.into_iter().collect());
        }
    }
}
