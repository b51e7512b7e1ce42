//! Carrying out a command of the table.

use crate::engine::{self, Watch};
use crate::model::{Action, AlertDeed, SafeText, Target};
use crate::tui::command::{Command, Context, Key};
use crate::tui::dialogs::{AlertLine, Dialog};

use super::completer::Completer;
use super::{About, ActionRow, App, Effect, Level, ListState, Pane, Screen, Scroll, View, draft};

impl App {
    pub(super) fn carry_out(
        &mut self,
        watch: &Watch,
        command: Command,
        key: Option<Key>,
        effects: &mut Vec<Effect>,
    ) {
        if !command.moves() {
            self.come_to_rest(watch);
        }
        if self.in_replay(command, effects) {
            return;
        }
        if let Some(action) = command.action() {
            self.ask(watch, action, key, effects);
            return;
        }
        if super::log::is_of_log(command, self.context()) {
            self.in_log(watch, command, effects);
            return;
        }
        match command {
            Command::Up | Command::Down | Command::Left | Command::Right => {
                self.step(watch, command)
            }
            Command::PageUp | Command::PageDown | Command::First | Command::Last => {
                self.step(watch, command)
            }
            Command::Open => self.open(watch, effects),
            Command::Back => self.back(key, effects),
            Command::NextPane => self.next_pane(true),
            Command::PrevPane => self.next_pane(false),
            Command::NextProblem => self.next_problem(watch, true),
            Command::PrevProblem => self.next_problem(watch, false),
            Command::NewerRun | Command::OlderRun => {
                if let Some(run) = self.other_run(watch, command == Command::OlderRun) {
                    self.go_run(run);
                    // beside it, not above it
                    let at = self.stack.len().saturating_sub(2);
                    if matches!(self.stack.get(at), Some(Screen::Run(_))) {
                        self.stack.remove(at);
                    }
                }
            }
            Command::NextAttempt => self.pick_attempt(watch, true),
            Command::PrevAttempt => self.pick_attempt(watch, false),
            Command::Expand => self.fold(watch, None),
            Command::ExpandAll => self.fold(watch, Some(true)),
            Command::CollapseAll => self.fold(watch, Some(false)),
            Command::Filter => self.start_filter(watch),
            Command::Search => self.start_search(),
            Command::Palette => self.dialog = Some(Dialog::palette(self, watch)),
            Command::Help => {
                let context = self.context();
                if !matches!(self.stack.last(), Some(Screen::Help(..))) {
                    self.stack.push(Screen::Help(Scroll::default(), context));
                }
            }
            Command::View => self.set_view(watch, None),
            Command::ViewGraph => self.set_view(watch, Some(View::Graph)),
            Command::ViewList => self.set_view(watch, Some(View::List)),
            Command::ViewTimeline => self.set_view(watch, Some(View::Timeline)),
            Command::ViewGrid => self.set_view(watch, Some(View::Grid)),
            Command::Sort => self.next_sort(watch),
            Command::ZoomIn
            | Command::ZoomOut
            | Command::ZoomFit
            | Command::PanLeft
            | Command::PanRight
            | Command::Center
            | Command::Minimap
            | Command::Ancestors
            | Command::Descendants
            | Command::FocusNode => {
                if self.past_screen().is_some() {
                    self.set_span(command);
                } else if !self.in_time(watch, command) {
                    self.in_drawing(watch, command);
                }
            }
            Command::OpenLog => {
                if let Some(key) = self.log_key(watch) {
                    self.go_log(watch, key);
                }
            }
            Command::NodeDetails => {
                if let Some(key) = self.log_key(watch) {
                    self.stack.push(Screen::Node(key.node, Scroll::default()));
                }
            }
            Command::PipelineDetails => {
                if let Some(key) = self.subject(watch).and_then(|s| s.pipeline) {
                    self.stack.push(Screen::Pipeline(key, Scroll::default()));
                }
            }
            Command::Trends => self.show_trends(watch),
            Command::Compare => self.compare(watch),
            Command::CompareWith => self.mark_for_comparison(watch),
            Command::OtherHalf => self.other_half(),
            Command::ShowSla => self.show_past(About::Sla),
            Command::ShowDashboard => self.next_board(),
            Command::ShowCapacity => self.show_past(About::Capacity),
            Command::ShowFleet => self.show(None),
            Command::ShowAlerts => {
                self.alerts.select_at(0);
                self.show(Some(Screen::Alerts));
            }
            Command::ShowSystem => {
                let mut list = ListState::default();
                list.sync((0..watch.world.backends().count()).collect());
                self.show(Some(Screen::System(list)));
            }
            Command::ShowActions => self.show(Some(Screen::Actions(Box::default()))),
            Command::Copy if self.log_has_keys() && self.copy_selection(watch, effects) => {}
            Command::Copy => {
                let text = self.what_to_copy(watch);
                self.copy(text, effects);
            }
            Command::Mark => {
                if let Some(key) = self.fleet.selected().cloned() {
                    self.fleet.mark(&key);
                    self.step(watch, Command::Down);
                }
            }
            Command::MarkAll => self.fleet.mark_all(),
            Command::Ack => {
                if let Some(alert) = self.alert_here(watch) {
                    let id = alert.id.clone();
                    let deed = match alert.acked {
                        None => AlertDeed::Ack,
                        Some(_) => AlertDeed::Unack,
                    };
                    effects.push(Effect::Engine(engine::Command::Alert(id, deed)));
                    let word = if alert.acked.is_none() {
                        "acknowledged"
                    } else {
                        "no longer acknowledged"
                    };
                    let text = format!("{word}: {} {}", alert.title, alert.reason);
                    self.say(Level::Good, text);
                }
            }
            Command::Silence => {
                if let Some(alert) = self.alert_here(watch) {
                    let dialog = AlertLine::silence(alert, self.now);
                    self.dialog = Some(Dialog::Alert(Box::new(dialog)));
                }
            }
            Command::AlertNote => {
                if let Some(alert) = self.alert_here(watch) {
                    let dialog = AlertLine::note(alert, self.now);
                    self.dialog = Some(Dialog::Alert(Box::new(dialog)));
                }
            }
            Command::AlertResolve => {
                if let Some(alert) = self.alert_here(watch) {
                    let text = format!("resolved for now: {}", alert.id.label());
                    let command = engine::Command::Alert(alert.id.clone(), AlertDeed::Resolve);
                    effects.push(Effect::Engine(command));
                    self.say(Level::Good, text);
                }
            }
            Command::RetryLetters => {
                effects.push(Effect::Engine(engine::Command::RetryLetters));
                self.say(Level::Info, "trying to tell again what could not be told");
            }
            Command::Watch => self.toggle_watch(watch),
            Command::Refresh => {
                self.ask_past_again();
                self.read_audit_anew();
                effects.push(Effect::Engine(engine::Command::Refresh));
                self.say(Level::Info, "asking every backend to look again");
            }
            Command::Redraw => effects.push(Effect::Redraw),
            Command::Suspend => effects.push(Effect::Suspend),
            Command::Quit => effects.push(Effect::Quit(0)),
            Command::Pause
            | Command::Resume
            | Command::Retry
            | Command::Restart
            | Command::Cancel
            | Command::Trigger
            | Command::SetState
            | Command::Note
            | Command::Stop => {}
            // carried out by the player
            Command::ReplayPlay
            | Command::ReplayNext
            | Command::ReplayPrev
            | Command::ReplayNextFailure
            | Command::ReplayPrevFailure
            | Command::ReplayFaster
            | Command::ReplaySlower
            | Command::ReplayJump
            | Command::ReplayStart
            | Command::ReplayEnd => {}
            // carried out by the log
            Command::FilterIn
            | Command::FilterOut
            | Command::Filters
            | Command::LevelUp
            | Command::LevelDown
            | Command::Since
            | Command::Until
            | Command::AllTime
            | Command::Fold
            | Command::FoldAll
            | Command::Follow
            | Command::Wrap
            | Command::Raw
            | Command::Times
            | Command::OpenRecord
            | Command::Bookmark
            | Command::NextBookmark
            | Command::PrevBookmark
            | Command::Select
            | Command::MergeLogs
            | Command::ShowNode
            | Command::CopyRecord
            | Command::SaveLog
            | Command::SaveAll
            | Command::Pager
            | Command::Editor
            | Command::NextMatch
            | Command::PrevMatch
            | Command::NextError
            | Command::PrevError => {}
        }
    }

    fn open(&mut self, watch: &Watch, effects: &mut Vec<Effect>) {
        let context = self.context();
        if context == Context::Log {
            match self.stack.last() {
                Some(Screen::Log(_)) => self.in_log(watch, Command::OpenRecord, effects),
                _ => {
                    if let Some(key) = self.log_key(watch) {
                        self.go_log(watch, key);
                    }
                }
            }
            return;
        }
        if context == Context::Alerts {
            if let Some(target) = self.alert_here(watch).and_then(|a| a.target.clone()) {
                self.open_target(watch, &target);
            }
            return;
        }
        if self.open_column(watch) {
            return;
        }
        match self.stack.last_mut() {
            None => {
                if let Some(run) = self.fleet.selected_row(watch).and_then(|r| r.run.clone()) {
                    self.fleet.touched = true;
                    self.go_run(run);
                }
            }
            Some(Screen::Run(run)) => {
                let group = run
                    .selected
                    .as_ref()
                    .is_some_and(|id| run.tree.is_group(id));
                if group {
                    self.carry_out(watch, Command::Expand, None, effects);
                } else if let Some(key) = self.log_key(watch) {
                    self.go_log(watch, key);
                }
            }
            Some(Screen::Node(key, _)) => {
                let key = key.clone();
                if let Some(node) = watch.world.node(&key) {
                    self.go_log(watch, key.log(node.attempt));
                }
            }
            Some(Screen::Pipeline(key, _)) => {
                let run = super::FleetState::row(watch, key, 0).and_then(|r| r.run.clone());
                match run {
                    Some(run) => self.go_run(run),
                    None => self.say(Level::Info, "it has no run yet; t starts one"),
                }
            }
            Some(Screen::Actions(screen)) => match screen.list.selected {
                Some(ActionRow::Asked(id)) => {
                    let target = watch.world.action(id).map(|a| a.request.target.clone());
                    if let Some(target) = target {
                        self.open_target(watch, &target);
                    }
                }
                Some(ActionRow::Kept(_)) => {
                    self.say(Level::Info, "what the audit says of it stands below");
                }
                None => {}
            },
            Some(Screen::System(list)) => {
                // the fleet of that backend
                let name = list
                    .index()
                    .and_then(|i| watch.world.backends().nth(i))
                    .map(|b| b.info.name.as_str().to_owned());
                if let Some(name) = name {
                    self.show(None);
                    self.fleet.filter = tui_input::Input::new(backend_query(&name));
                    self.fleet.touched = false;
                    self.fleet.sync(watch);
                }
            }
            Some(Screen::Past(_)) => self.open_past(watch),
            Some(Screen::Log(_) | Screen::Alerts | Screen::Board(_) | Screen::Help(..)) => {}
        }
    }

    fn back(&mut self, key: Option<Key>, effects: &mut Vec<Effect>) {
        if self.log_has_keys()
            && let Some(view) = self.log_view_mut()
            && (view.unselect() || view.search.take().is_some())
        {
            return;
        }
        match self.stack.last_mut() {
            Some(Screen::Run(run)) if run.pane != Pane::Main => {
                run.pane = Pane::Main;
                return;
            }
            Some(Screen::Run(run)) if run.view == View::Graph && run.look.focus.is_some() => {
                run.set_focus(None);
                return;
            }
            Some(_) => {
                self.stack.pop();
                return;
            }
            None => {}
        }
        if self.fleet.pane != Pane::Main {
            self.fleet.pane = Pane::Main;
        } else if !self.fleet.marks.is_empty() {
            self.fleet.marks.clear();
        } else if self.fleet.filtered() {
            self.fleet.clear_filter();
            self.dirty = true;
        } else if key == Key::parse("q").ok() {
            effects.push(Effect::Quit(0));
        } else if !self.notices.dismiss() {
            self.say(Level::Info, "this is the first screen; q leaves dagtop");
        }
    }

    /// Folds the selected group, or the group around the selected node; all of them when told how.
    fn fold(&mut self, watch: &Watch, all: Option<bool>) {
        let Some(Screen::Run(run)) = self.stack.last_mut() else {
            return;
        };
        let Some(view) = watch.world.run(&run.run) else {
            return;
        };
        run.touched = true;
        if let Some(open) = all {
            run.fold_all(view, open);
            return;
        }
        let Some(id) = run.selected.clone() else {
            return;
        };
        if run.tree.is_group(&id) {
            let open = run.tree.is_open(view, &run.folds, &id);
            run.fold(view, &id, !open);
        } else if let Some(group) = run.tree.around(view, &id).first().cloned() {
            run.select(group.clone());
            run.fold(view, &group, false);
        } else {
            self.say(Level::Info, "this node is in no group");
        }
    }

    fn start_filter(&mut self, watch: &Watch) {
        self.fleet.pane = Pane::Main;
        self.fleet.typing = true;
        self.fleet.completer = Completer::new(super::fleet_filter::facets(watch));
        self.fleet.completer.offer(&self.fleet.filter);
    }

    fn start_search(&mut self) {
        if let Some(Screen::Run(run)) = self.stack.last_mut() {
            run.find.reset();
            run.finding = true;
        }
    }

    fn toggle_watch(&mut self, watch: &Watch) {
        let Some(run) = self.subject(watch).and_then(|s| s.run) else {
            return;
        };
        let label = Target::Run(run.clone()).label();
        if self.watched.remove(&run) {
            self.say(Level::Info, format!("no longer watching {label}"));
        } else {
            self.watched.insert(run);
            self.say(
                Level::Good,
                format!("watching {label}: a bell and a word when it ends"),
            );
        }
    }

    fn what_to_copy(&self, watch: &Watch) -> Option<SafeText> {
        if self.log_has_keys() {
            let view = self.log_view()?;
            return view.with(watch, |lens| view.line_to_copy(lens));
        }
        match self.context() {
            Context::Alerts => {
                let alert = self.alert_here(watch)?;
                Some(SafeText::new(format!(
                    "{} {}: {}",
                    alert.priority.word(),
                    alert.title,
                    alert.reason
                )))
            }
            Context::System => {
                let Some(Screen::System(list)) = self.stack.last() else {
                    return None;
                };
                let backend = watch.world.backends().nth(list.index()?)?;
                let trouble = backend.trouble().cloned().unwrap_or_default();
                Some(SafeText::new(format!("{} {trouble}", backend.info.name)))
            }
            _ => {
                let subject = self.subject(watch)?;
                let target = match (&subject.run, &subject.node) {
                    (Some(run), Some(node)) => Target::Node(run.node(node)),
                    (Some(run), None) if !self.stack.is_empty() => Target::Run(run.clone()),
                    _ => Target::Pipeline(subject.pipeline?),
                };
                let error = self.log_key(watch).and_then(|k| watch.error_line(&k));
                Some(match error {
                    Some(error) => SafeText::new(format!("{}: {error}", target.label())),
                    None => target.label(),
                })
            }
        }
    }

    /// Opens the question for an action.
    fn ask(&mut self, watch: &Watch, action: Action, key: Option<Key>, effects: &mut Vec<Effect>) {
        let many = self.context() == Context::Fleet && !self.fleet.marks.is_empty();
        let subjects = if many {
            let order: Vec<_> = watch.fleet().iter().map(|r| r.key.clone()).collect();
            order
                .into_iter()
                .filter(|k| self.fleet.marks.contains(k))
                .map(|k| super::Subject {
                    backend: k.backend.clone(),
                    run: super::FleetState::row(watch, &k, 0).and_then(|r| r.run.clone()),
                    pipeline: Some(k),
                    node: None,
                })
                .collect()
        } else {
            Vec::from_iter(self.subject(watch))
        };
        let mut drafts = Vec::new();
        let mut refused = Vec::new();
        for subject in subjects {
            let label = subject
                .pipeline
                .as_ref()
                .map_or_else(|| subject.backend.safe(), |p| p.pipeline.safe());
            match draft(watch, action, &subject) {
                Ok(draft) => drafts.push(draft),
                Err(why) => refused.push((label, why)),
            }
        }
        if drafts.is_empty() {
            let why = refused
                .first()
                .map(|(label, why)| format!("{label}: {why}"))
                .unwrap_or_default();
            self.say(Level::Info, format!("{}: {why}", action.word()));
            return;
        }
        self.dialog = Dialog::for_action(self, watch, drafts, refused, key, effects);
    }
}

/// The fleet of one backend.
fn backend_query(name: &str) -> String {
    let plain = name
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
    match plain {
        true => format!("backend:{name}"),
        false => format!(
            "backend:\"{}\"",
            name.replace('\\', "\\\\").replace('"', "\\\"")
        ),
    }
}
