//! "Do you really?": what will be hit, and a yes that can't be slipped into.

use chrono::{DateTime, Utc};
use crossterm::event::KeyCode;
use tui_input::Input as TextInput;

use crate::engine::{self, Watch};
use crate::model::{Action, ActionId, ActionStatus, Plan, QueueKey, SafeText, Target, TargetKind};
use crate::tui::app::{App, Batch, Draft, Effect};
use crate::tui::command::Key;
use crate::tui::term::KeyPress;

use super::{Dialog, Next, TYPE_AHEAD, settled};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Shows the plan; default is no.
    Asking,
    /// The plan was accepted; the name has to be typed.
    Naming,
    /// Several targets: what became of each.
    Results,
}

/// One target and the request that was made for it.
#[derive(Debug)]
pub struct Item {
    pub id: ActionId,
    pub draft: Draft,
}

#[derive(Debug)]
pub struct Confirm {
    pub action: Action,
    pub items: Vec<Item>,
    /// Marked rows that can't take this action, and why.
    pub refused: Vec<(SafeText, SafeText)>,
    pub stage: Stage,
    pub yes: char,
    /// When this or the newest plan appeared: keys that come at once were typed for something else.
    pub since: DateTime<Utc>,
    planned: bool,
    /// What has to be typed, where it has to be.
    pub name: Option<SafeText>,
    pub typed: TextInput,
    pub wrong: bool,
    /// First line shown of the list, and how many there were room for.
    pub scroll: usize,
    pub shown: std::cell::Cell<(usize, usize)>,
}

impl Confirm {
    pub(crate) fn ask(
        app: &mut App,
        watch: &Watch,
        drafts: Vec<Draft>,
        refused: Vec<(SafeText, SafeText)>,
        key: Option<Key>,
        effects: &mut Vec<Effect>,
    ) -> Self {
        let action = drafts.first().map_or(Action::Pause, |d| d.action);
        let mut items = Vec::new();
        for draft in drafts {
            if let Some(id) = app.plan(&draft, effects) {
                items.push(Item { id, draft });
            }
        }
        let mut confirm = Self {
            action,
            items,
            refused,
            stage: Stage::Asking,
            yes: yes_key(key),
            since: app.now,
            planned: false,
            name: None,
            typed: TextInput::default(),
            wrong: false,
            scroll: 0,
            shown: std::cell::Cell::new((0, 0)),
        };
        confirm.name = confirm.name_to_type(watch);
        confirm
    }

    /// The name that has to be typed: on a protected backend, and for an emergency stop anywhere.
    fn name_to_type(&self, watch: &Watch) -> Option<SafeText> {
        let target = |item: &Item| item.draft.target().cloned();
        let asks = |target: &Target| {
            self.action == Action::Stop
                || watch
                    .world
                    .backend(target.backend())
                    .is_some_and(|b| b.info.protect)
        };
        let asking: Vec<Target> = self
            .items
            .iter()
            .filter_map(target)
            .filter(|t| asks(t))
            .collect();
        match asking.as_slice() {
            [] => None,
            [one] if self.items.len() == 1 => Some(match one {
                Target::Backend(id) => id.safe(),
                Target::Queue(key) => key.queue.safe(),
                other => other
                    .pipeline()
                    .map(|p| p.pipeline.safe())
                    .unwrap_or_default(),
            }),
            // many names can't be typed: their number and the word can
            _ => Some(SafeText::new(format!(
                "{} {}",
                self.action.word(),
                self.items.len()
            ))),
        }
    }

    pub fn status<'a>(&self, watch: &'a Watch, item: &Item) -> Option<&'a ActionStatus> {
        watch.world.action(item.id).map(|a| &a.status)
    }

    pub fn plan<'a>(&self, watch: &'a Watch, item: &Item) -> Option<&'a Plan> {
        match self.status(watch, item)? {
            ActionStatus::Planned { plan } => Some(plan),
            _ => None,
        }
    }

    /// What the item was aimed at is not there any more.
    pub fn gone(watch: &Watch, item: &Item) -> bool {
        match item.draft.target() {
            None => true,
            Some(Target::Backend(id) | Target::Queue(QueueKey { backend: id, .. })) => {
                watch.world.backend(id).is_none()
            }
            Some(Target::Pipeline(key)) => watch.world.pipeline(key).is_none(),
            Some(Target::Run(key)) => watch.world.run(key).is_none(),
            Some(Target::Node(key)) => watch.world.run(&key.run).is_none(),
        }
    }

    /// Items whose plan is here and whose target is too.
    pub fn ready<'a>(&'a self, watch: &'a Watch) -> impl Iterator<Item = (&'a Item, &'a Plan)> {
        self.items
            .iter()
            .filter(|item| !Self::gone(watch, item))
            .filter_map(|item| Some((item, self.plan(watch, item)?)))
    }

    pub fn planning(&self, watch: &Watch) -> bool {
        self.items.iter().any(|item| {
            matches!(
                self.status(watch, item),
                None | Some(ActionStatus::Planning)
            )
        })
    }

    /// Whether a yes would do something now.
    pub fn can_yes(&self, watch: &Watch) -> bool {
        self.stage != Stage::Results && !self.planning(watch) && self.ready(watch).next().is_some()
    }

    pub fn armed_at(&self) -> Option<DateTime<Utc>> {
        (self.stage == Stage::Asking).then(|| self.since + TYPE_AHEAD)
    }

    /// A plan that appears starts the time anew in which keys are not taken for an answer.
    pub(crate) fn sync(&mut self, watch: &Watch, now: DateTime<Utc>) {
        let planned = !self.planning(watch);
        if planned && !self.planned {
            self.since = now;
        }
        self.planned = planned;
    }

    pub(crate) fn key(
        mut self: Box<Self>,
        app: &mut App,
        watch: &Watch,
        press: KeyPress,
        effects: &mut Vec<Effect>,
    ) -> Next {
        // scrolling is harmless, also with a held key
        match press.code {
            KeyCode::Up => {
                self.scroll = self.scroll.saturating_sub(1);
                return self.keep();
            }
            KeyCode::Down => {
                self.scroll_down(1);
                return self.keep();
            }
            KeyCode::PageUp => {
                self.scroll = self.scroll.saturating_sub(self.shown.get().0.max(1));
                return self.keep();
            }
            KeyCode::PageDown => {
                self.scroll_down(self.shown.get().0.max(1));
                return self.keep();
            }
            _ => {}
        }
        if press.repeat || !settled(self.since, app.now) {
            return self.keep();
        }
        match self.stage {
            Stage::Results => match press.code {
                KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q') | KeyCode::Backspace => {
                    Next::Close
                }
                _ => self.keep(),
            },
            Stage::Naming => self.name_key(app, watch, press, effects),
            Stage::Asking => self.ask_key(app, watch, press, effects),
        }
    }

    fn keep(self: Box<Self>) -> Next {
        Next::Keep(Dialog::Confirm(self))
    }

    fn scroll_down(&mut self, by: usize) {
        let (height, total) = self.shown.get();
        self.scroll = (self.scroll + by).min(total.saturating_sub(height));
    }

    fn ask_key(
        mut self: Box<Self>,
        app: &mut App,
        watch: &Watch,
        press: KeyPress,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match press.code {
            // no is what is meant unless it is said otherwise
            KeyCode::Enter | KeyCode::Esc | KeyCode::Backspace | KeyCode::Char('n' | 'N' | 'q') => {
                self.withdraw(effects);
                app.nothing_done(self.action);
                Next::Close
            }
            KeyCode::Char(c) if c == self.yes && press.mods.is_empty() => {
                if !self.can_yes(watch) {
                    return self.keep();
                }
                if self.name.is_some() {
                    self.stage = Stage::Naming;
                    self.since = app.now;
                    return self.keep();
                }
                self.execute(app, watch, effects)
            }
            KeyCode::Char(c) if press.mods.is_empty() => {
                if self.choose(c, watch) {
                    self.again(app, watch, effects);
                }
                self.keep()
            }
            _ => self.keep(),
        }
    }

    fn name_key(
        mut self: Box<Self>,
        app: &mut App,
        watch: &Watch,
        press: KeyPress,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match press.code {
            KeyCode::Esc => {
                self.withdraw(effects);
                app.nothing_done(self.action);
                Next::Close
            }
            KeyCode::Enter if self.typed.value().is_empty() => {
                self.withdraw(effects);
                app.nothing_done(self.action);
                Next::Close
            }
            KeyCode::Enter => {
                let right = self
                    .name
                    .as_ref()
                    .is_some_and(|n| n.as_str() == self.typed.value());
                if !right {
                    self.wrong = true;
                    return self.keep();
                }
                if !self.can_yes(watch) {
                    return self.keep();
                }
                self.execute(app, watch, effects)
            }
            _ => {
                self.wrong = false;
                crate::tui::app::edit(&mut self.typed, press);
                self.keep()
            }
        }
    }

    /// The choices that change what is hit: key and whether it is on; only those that make sense here.
    pub fn choices(&self) -> Vec<(char, &'static str, bool)> {
        let [item] = self.items.as_slice() else {
            return Vec::new();
        };
        let mut all = Vec::new();
        if self.action == Action::Retry {
            let scope = item.draft.options.scope;
            if item.draft.target().map(Target::kind) == Some(TargetKind::Node) {
                all.push(('u', "upstream too", scope.upstream));
                all.push(('d', "downstream too", scope.downstream));
            }
            all.push(('f', "only failed", scope.only_failed));
        }
        all.retain(|(key, _, _)| *key != self.yes);
        all
    }

    /// Other targets the same action can be aimed at.
    pub fn other_target(&self) -> Option<&Target> {
        let [item] = self.items.as_slice() else {
            return None;
        };
        let next = (item.draft.at + 1) % item.draft.targets.len().max(1);
        item.draft
            .targets
            .get(next)
            .filter(|_| next != item.draft.at)
    }

    fn choose(&mut self, key: char, watch: &Watch) -> bool {
        let known = self.choices().iter().any(|(k, _, _)| *k == key);
        let switch = key == 's' && self.other_target().is_some();
        let action = self.action;
        let [item] = self.items.as_mut_slice() else {
            return false;
        };
        let scope = &mut item.draft.options.scope;
        match key {
            'u' if known => scope.upstream = !scope.upstream,
            'd' if known => scope.downstream = !scope.downstream,
            'f' if known => scope.only_failed = !scope.only_failed,
            's' if switch => {
                item.draft.at = (item.draft.at + 1) % item.draft.targets.len();
                item.draft.caution = None;
                let run = item.draft.target().map(Target::kind) == Some(TargetKind::Run);
                item.draft.options.scope.only_failed = action == Action::Retry && run;
                self.name = self.name_to_type(watch);
            }
            _ => return false,
        }
        true
    }

    /// Asks for the plan anew after a choice.
    fn again(&mut self, app: &mut App, _watch: &Watch, effects: &mut Vec<Effect>) {
        for item in &mut self.items {
            effects.push(Effect::Engine(engine::Command::Withdraw(item.id)));
            if let Some(id) = app.plan(&item.draft, effects) {
                item.id = id;
            }
        }
        self.planned = false;
        self.scroll = 0;
        self.since = app.now;
    }

    fn withdraw(&self, effects: &mut Vec<Effect>) {
        for item in &self.items {
            effects.push(Effect::Engine(engine::Command::Withdraw(item.id)));
        }
    }

    fn execute(
        mut self: Box<Self>,
        app: &mut App,
        watch: &Watch,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let go: Vec<ActionId> = self.ready(watch).map(|(item, _)| item.id).collect();
        for item in &self.items {
            let command = if go.contains(&item.id) {
                engine::Command::Execute(item.id)
            } else if matches!(self.status(watch, item), Some(ActionStatus::Refused { .. })) {
                continue;
            } else {
                engine::Command::Withdraw(item.id)
            };
            effects.push(Effect::Engine(command));
        }
        app.batches.push(Batch::new(self.action, go));
        if self.items.len() + self.refused.len() == 1 {
            return Next::Close;
        }
        app.fleet.marks.clear();
        self.stage = Stage::Results;
        self.scroll = 0;
        self.keep()
    }
}

/// Never the key that opened the question.
fn yes_key(opened_with: Option<Key>) -> char {
    let used = opened_with.map(|k| k.to_string().to_lowercase());
    if used.as_deref() == Some("y") {
        'o'
    } else {
        'y'
    }
}
