//! Where one is: which log, which alert, which run is meant on the screen that has the keys; and going elsewhere.

use crate::engine::Watch;
use crate::model::{Alert, AlertId, LogKey, PipelineKey, QueueKey, RunKey, Target};
use crate::tui::command::Context;

use super::{App, FleetState, Level, ListState, LogScreen, LogView, Pane, RunScreen, Screen};

impl App {
    /// The log on the screen that has the keys.
    pub fn log_key(&self, watch: &Watch) -> Option<LogKey> {
        match self.stack.last() {
            None => self.fleet_log(watch),
            Some(Screen::Run(run)) => run.log_key(watch.world.run(&run.run)?),
            Some(Screen::Log(log)) => match log.merge {
                None => Some(log.key.clone()),
                Some(_) => self.log_at_cursor(watch),
            },
            Some(Screen::Node(key, _)) => Some(key.log(watch.world.node(key)?.attempt)),
            Some(Screen::Alerts) => {
                let alert = watch.alerts.get(self.alerts.selected.as_ref()?)?;
                let row = FleetState::row(watch, alert.pipeline()?, 0)?;
                watch.first_error(row)
            }
            Some(_) => None,
        }
    }

    pub fn log_view(&self) -> Option<&LogView> {
        match self.stack.last() {
            None => Some(&self.fleet.log),
            Some(Screen::Run(run)) => Some(&run.log),
            Some(Screen::Log(log)) => Some(&log.view),
            Some(_) => None,
        }
    }

    pub(in crate::tui) fn log_view_mut(&mut self) -> Option<&mut LogView> {
        match self.stack.last_mut() {
            None => Some(&mut self.fleet.log),
            Some(Screen::Run(run)) => Some(&mut run.log),
            Some(Screen::Log(log)) => Some(&mut log.view),
            Some(_) => None,
        }
    }

    pub(super) fn log_has_keys(&self) -> bool {
        self.context() == Context::Log
    }

    /// The alert that is meant: the selected one, or the first of the selected pipeline that nobody acknowledged.
    pub fn alert_here<'a>(&self, watch: &'a Watch) -> Option<&'a Alert> {
        if self.context() == Context::Alerts {
            return watch.alerts.get(self.alerts.selected.as_ref()?);
        }
        let pipeline = self.subject(watch)?.pipeline?;
        let mut own = watch
            .alerts
            .firing()
            .iter()
            .filter(|a| a.pipeline() == Some(&pipeline));
        let first = own.next()?;
        Some(
            std::iter::once(first)
                .chain(own)
                .find(|a| a.open())
                .unwrap_or(first),
        )
    }

    pub fn alert_of<'a>(watch: &'a Watch, id: &AlertId) -> Option<&'a Alert> {
        watch.alerts.get(id)
    }

    /// Attempts of the node whose log is shown, and which one it is.
    fn attempts(&self, watch: &Watch) -> Option<(u32, u32)> {
        let key = self.log_key(watch)?;
        let node = watch.world.node(&key.node)?;
        Some((key.attempt, node.attempt))
    }

    pub fn has_attempts(&self, watch: &Watch) -> bool {
        self.attempts(watch).is_some_and(|(_, newest)| newest > 1)
    }

    pub(super) fn pick_attempt(&mut self, watch: &Watch, forward: bool) {
        let Some((now, newest)) = self.attempts(watch) else {
            return;
        };
        let to = if forward {
            now + 1
        } else {
            now.saturating_sub(1)
        };
        let to = to.clamp(1, newest.max(1));
        match self.stack.last_mut() {
            Some(Screen::Run(run)) => run.attempt = (to != newest).then_some(to),
            Some(Screen::Log(log)) => {
                log.key.attempt = to;
                log.newest = to == newest;
            }
            _ => {}
        }
    }

    /// The run before or after the one on the screen.
    pub fn other_run(&self, watch: &Watch, older: bool) -> Option<RunKey> {
        let Some(Screen::Run(run)) = self.stack.last() else {
            return None;
        };
        let runs = &watch.world.pipeline(&run.run.pipeline)?.runs;
        let at = runs.iter().position(|k| *k == run.run)?;
        // newest first
        let to = if older { at + 1 } else { at.checked_sub(1)? };
        runs.get(to).cloned()
    }

    pub(in crate::tui) fn go_run(&mut self, run: RunKey) {
        let look = match self.stack.last() {
            Some(Screen::Run(open)) if open.run.pipeline == run.pipeline => open.look(),
            _ => self.look_of(&run.pipeline),
        };
        self.stack
            .push(Screen::Run(Box::new(RunScreen::new(run, look))));
    }

    pub(crate) fn open_pipeline(&mut self, watch: &Watch, key: &PipelineKey) {
        match FleetState::row(watch, key, 0).and_then(|r| r.run.clone()) {
            Some(run) => self.go_run(run),
            None => self
                .stack
                .push(Screen::Pipeline(key.clone(), super::Scroll::default())),
        }
    }

    pub(in crate::tui) fn go_log(&mut self, watch: &Watch, key: LogKey) {
        let newest = watch
            .world
            .node(&key.node)
            .is_none_or(|n| n.attempt <= key.attempt);
        let mut view = match self.log_view() {
            Some(open) => open.inherit(),
            None => LogView::default(),
        };
        view.show(vec![key.clone()]);
        self.stack.push(Screen::Log(Box::new(LogScreen {
            key,
            newest,
            merge: None,
            all: 1,
            view,
        })));
    }

    pub(in crate::tui) fn open_target(&mut self, watch: &Watch, target: &Target) {
        match target {
            Target::Backend(id) | Target::Queue(QueueKey { backend: id, .. }) => {
                let at = watch.world.backends().position(|b| &b.info.id == id);
                let mut list = ListState::default();
                list.sync((0..watch.world.backends().count()).collect());
                list.select_at(at.unwrap_or_default());
                self.stack.push(Screen::System(list));
            }
            Target::Pipeline(key) => self.open_pipeline(watch, key),
            Target::Run(key) => self.go_run(key.clone()),
            Target::Node(key) => {
                self.go_run(key.run.clone());
                if let (Some(Screen::Run(run)), Some(view)) =
                    (self.stack.last_mut(), watch.world.run(&key.run))
                {
                    run.sync(view);
                    run.touched = true;
                    run.reveal(view, &key.node);
                }
            }
        }
    }

    /// Goes where the command line said, as soon as that is known; says so when it is not there.
    pub(super) fn open_when_known(&mut self, watch: &Watch) {
        let Some(target) = &self.settings.open else {
            return;
        };
        let world = &watch.world;
        let known = match target {
            Target::Run(key) => world.run(key).is_some(),
            Target::Node(key) => world.node(key).is_some(),
            Target::Pipeline(key) => world.pipeline(key).is_some_and(|p| !p.runs.is_empty()),
            Target::Backend(_) | Target::Queue(_) => true,
        };
        // a run that is long over, or a node whose run is not read in whole: the nearest that is known
        let listed = world.backend(target.backend()).is_none_or(|b| b.listed);
        let pipeline = target
            .pipeline()
            .filter(|key| world.pipeline(key).is_some());
        let place = match (known, pipeline) {
            (true, _) => Some(target.clone()),
            (false, Some(key)) if listed => {
                Some(match target.run().filter(|r| world.run(r).is_some()) {
                    Some(run) => Target::Run(run.clone()),
                    None => Target::Pipeline(key.clone()),
                })
            }
            (false, None) if listed => None,
            _ => return,
        };
        let wanted = target.address();
        self.settings.open = None;
        match place {
            Some(target) => {
                self.stack.clear();
                self.open_target(watch, &target);
            }
            None => self.say(Level::Bad, format!("there is no {wanted} to open")),
        }
    }

    /// Shows one of the four main screens, with the fleet below it.
    pub(in crate::tui) fn show(&mut self, screen: Option<Screen>) {
        self.stack.clear();
        self.stack.extend(screen);
    }

    pub(super) fn next_pane(&mut self, forward: bool) {
        let wide = crate::tui::screens::has_sidebar(self.size);
        let pane = match self.stack.last_mut() {
            None => &mut self.fleet.pane,
            Some(Screen::Run(run)) => &mut run.pane,
            Some(_) => return,
        };
        let mut ring = vec![Pane::Main, Pane::Log];
        if wide {
            ring.push(Pane::Alerts);
        }
        let at = ring.iter().position(|p| p == pane).unwrap_or_default();
        let step = if forward { 1 } else { ring.len() - 1 };
        *pane = ring[(at + step) % ring.len()];
        if *pane == Pane::Alerts {
            self.alerts.select_at(0);
        }
    }
}
