//! What is on screen, for the backends.

use chrono::Duration;

use crate::engine::Watch;
use crate::model::{Focus, LogKey};

use super::{App, Dialog, Screen};

/// The cursor rests on a row when it has been there this long: only then is its log asked for.
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
                if let Some(key) = self.fleet.log.key.clone().filter(|_| self.rests()) {
                    self.fleet_focus(watch, key, &mut focus);
                }
            }
            Some(Screen::Run(run)) => {
                focus.runs.push(run.run.clone());
                focus.runs.extend(run.wanted_runs(watch));
                focus.logs.extend(run.log.key.clone());
                focus.detail = watch.world.run(&run.run).and_then(|v| run.node_key(v));
            }
            Some(Screen::Log(log)) => {
                focus.runs.push(log.key.node.run.clone());
                focus.logs.push(log.key.clone());
                focus.detail = Some(log.key.node.clone());
            }
            Some(Screen::Node(node, _)) => {
                focus.runs.push(node.run.clone());
                focus.detail = Some(node.clone());
            }
            Some(Screen::Pipeline(pipeline, _)) => focus.pipeline = Some(pipeline.clone()),
            Some(Screen::Alerts | Screen::System(_) | Screen::Actions(_) | Screen::Help(..)) => {}
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

    /// Whether the cursor of the fleet stands still; anywhere else it always does.
    pub fn rests(&self) -> bool {
        !self.stack.is_empty() || (self.now - self.fleet.rests_since).abs() >= REST
    }

    pub(super) fn rest_until(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        (self.stack.is_empty() && !self.rests()).then(|| self.fleet.rests_since + REST)
    }
}
