//! From a key to a request: what is meant, whether it can be done, and what became of it.

use crate::engine::{self, Watch};
use crate::model::{
    Action, ActionId, ActionOptions, ActionRequest, ActionStatus, BackendId, Health, NodeId,
    PipelineKey, Reach, RunKey, RunState, SafeText, Scope, Support, Target, TargetKind,
};

use super::{App, Effect, FleetState, Level, Screen};

/// What is selected, by id, as it was at the key press.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub backend: BackendId,
    pub pipeline: Option<PipelineKey>,
    pub run: Option<RunKey>,
    /// A node or a group.
    pub node: Option<NodeId>,
}

impl Subject {
    pub fn of(target: &Target) -> Self {
        Self {
            backend: target.backend().clone(),
            pipeline: target.pipeline().cloned(),
            run: target.run().cloned(),
            node: match target {
                Target::Node(key) => Some(key.node.clone()),
                _ => None,
            },
        }
    }

    fn target(&self, kind: TargetKind) -> Option<Target> {
        Some(match kind {
            TargetKind::Backend => Target::Backend(self.backend.clone()),
            TargetKind::Queue => return None,
            TargetKind::Pipeline => Target::Pipeline(self.pipeline.clone()?),
            TargetKind::Run => Target::Run(self.run.clone()?),
            TargetKind::Node => Target::Node(self.run.as_ref()?.node(self.node.as_ref()?)),
        })
    }
}

/// An action that a person is about to ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub action: Action,
    /// What it can be aimed at; the nearest to what is selected comes first.
    pub targets: Vec<Target>,
    pub at: usize,
    pub options: ActionOptions,
    /// What should be known first: why it is not aimed at what was selected, what the backend does differently.
    pub caution: Option<SafeText>,
}

impl Draft {
    pub fn target(&self) -> Option<&Target> {
        self.targets.get(self.at)
    }
}

/// What an action can be aimed at here, the nearest first; or why it makes no sense.
fn candidates(watch: &Watch, action: Action, subject: &Subject) -> Result<Vec<TargetKind>, String> {
    use TargetKind::{Backend, Node, Pipeline, Run};
    let run = subject.run.as_ref().and_then(|k| watch.world.run(k));
    let going = run.is_some_and(|r| r.health.active());
    let paused = subject
        .pipeline
        .as_ref()
        .and_then(|k| watch.world.pipeline(k))
        .is_some_and(|p| p.pipeline.paused);
    Ok(match action {
        Action::Pause if going => vec![Run, Pipeline, Node],
        Action::Pause if paused => return Err("it is paused already; u resumes it".into()),
        Action::Pause => vec![Pipeline],
        Action::Resume => {
            let run_paused =
                run.is_some_and(|r| r.run.state == RunState::Paused || r.health == Health::Paused);
            let mut kinds = Vec::new();
            if run_paused {
                kinds.push(Run);
            }
            if paused {
                kinds.push(Pipeline);
            }
            if run_paused {
                kinds.push(Node);
            }
            if kinds.is_empty() {
                return Err("nothing is paused here".into());
            }
            kinds
        }
        Action::Retry => {
            let Some(run) = run else {
                return Err("it has no run yet; t starts one".into());
            };
            if subject.node.is_some() {
                vec![Node, Run]
            } else if matches!(
                run.health,
                Health::Succeeded | Health::Running | Health::Queued
            ) {
                return Err("nothing has failed in this run; R starts the whole run again".into());
            } else {
                vec![Run]
            }
        }
        Action::Restart => {
            if run.is_none() {
                return Err("it has no run yet; t starts one".into());
            }
            vec![Run]
        }
        Action::Cancel => match run {
            None => return Err("it has no run yet".into()),
            // one whose process is gone may still be going for its backend
            Some(r) if r.run.state.ended() && r.run.state != RunState::Lost => {
                return Err(format!(
                    "the run has ended ({}); there is nothing to cancel",
                    r.health.word()
                ));
            }
            Some(_) => vec![Run, Node],
        },
        Action::Trigger => vec![Pipeline],
        Action::Mark => vec![Node, Run],
        Action::Note if subject.node.is_some() => vec![Node, Run],
        Action::Note => vec![Run],
        Action::Stop if subject.pipeline.is_some() => vec![Pipeline, Backend],
        Action::Stop => vec![Backend],
        // queues are not chosen on a screen yet
        Action::Limit => Vec::new(),
    })
}

/// Aims an action at what is selected. `Err` says why it can't be done, and what can be done instead.
pub fn draft(watch: &Watch, action: Action, subject: &Subject) -> Result<Draft, SafeText> {
    let refuse = |why: String| Err(SafeText::new(why));
    let Some(backend) = watch.world.backend(&subject.backend) else {
        return refuse(format!(
            "{} is not watched any more",
            subject.backend.safe()
        ));
    };
    let name = &backend.info.name;
    if backend.info.read_only {
        return refuse(format!(
            "{name} is read_only in the config: nothing can be changed from here"
        ));
    }
    match &backend.status.reach {
        Reach::Up => {}
        Reach::Connecting => return refuse(format!("{name} has not answered yet")),
        Reach::Down { reason, .. } | Reach::Refused { reason } => {
            return refuse(format!("{name} does not answer: {reason}"));
        }
    }
    let kinds = candidates(watch, action, subject).or_else(|why| {
        // a backend that can't do it at all should say so first
        let never = TARGETS
            .iter()
            .all(|k| !backend.capabilities.allows(action, *k));
        match never {
            true => Ok(vec![TargetKind::Pipeline]),
            false => Err(SafeText::new(why)),
        }
    })?;
    let mut targets = Vec::new();
    let mut caution = None;
    let mut refused = None;
    for kind in kinds {
        let Some(target) = subject.target(kind) else {
            continue;
        };
        match backend.capabilities.support(action, kind) {
            Support::Yes => {}
            Support::But(why) if targets.is_empty() => caution = Some(why.into_owned()),
            Support::But(_) => {}
            Support::No { why, nearest } => {
                if targets.is_empty() && refused.is_none() {
                    refused = Some((why, nearest));
                }
                continue;
            }
        }
        targets.push(target);
    }
    let Some(first) = targets.first() else {
        return refuse(match refused {
            None => "nothing is selected".into(),
            Some((why, None)) => why.into_owned(),
            Some((why, Some((other, kind)))) => {
                format!("{why}; nearest: {} the {}", other.word(), kind_word(kind))
            }
        });
    };
    if let Some(pending) = watch.world.pending_action(first) {
        return refuse(format!(
            "{} is under way for {}",
            pending.request.action.word(),
            first.label()
        ));
    }
    if let Some((why, _)) = refused {
        let instead = format!("{why}: this takes the {}", kind_word(first.kind()));
        caution = Some(caution.map_or(instead.clone(), |c| format!("{instead}. {c}")));
    }
    let scope = Scope {
        upstream: false,
        downstream: action == Action::Retry,
        only_failed: action == Action::Retry && first.kind() == TargetKind::Run,
    };
    Ok(Draft {
        action,
        targets,
        at: 0,
        options: ActionOptions {
            scope,
            ..ActionOptions::default()
        },
        caution: caution.map(SafeText::new),
    })
}

const TARGETS: [TargetKind; 4] = [
    TargetKind::Backend,
    TargetKind::Pipeline,
    TargetKind::Run,
    TargetKind::Node,
];

pub fn kind_word(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Backend => "backend",
        TargetKind::Queue => "queue",
        TargetKind::Pipeline => "pipeline",
        TargetKind::Run => "run",
        TargetKind::Node => "node",
    }
}

/// Requests that were said yes to together.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub action: Action,
    pub ids: Vec<ActionId>,
    requested: bool,
}

impl Batch {
    pub fn new(action: Action, ids: Vec<ActionId>) -> Self {
        Self {
            action,
            ids,
            requested: false,
        }
    }
}

impl App {
    /// What is selected on the screen that has the keys.
    pub fn subject(&self, watch: &Watch) -> Option<Subject> {
        let of_pipeline = |key: &PipelineKey| {
            let row = FleetState::row(watch, key, 0);
            Subject {
                backend: key.backend.clone(),
                pipeline: Some(key.clone()),
                run: row.and_then(|r| r.run.clone()),
                node: None,
            }
        };
        let of_alert = || {
            let alert = watch.alerts.get(self.alerts.selected.as_ref()?)?;
            Some(match alert.target.as_ref()? {
                Target::Pipeline(key) => of_pipeline(key),
                other => Subject::of(other),
            })
        };
        match self.stack.last() {
            None if self.fleet.pane == super::Pane::Alerts => of_alert(),
            None => self.fleet.selected().map(|key| Subject {
                backend: key.backend.clone(),
                pipeline: Some(key.clone()),
                run: self.fleet.selected_row(watch).and_then(|r| r.run.clone()),
                node: None,
            }),
            Some(Screen::Run(run)) if run.pane == super::Pane::Alerts => of_alert(),
            Some(Screen::Run(run)) => Some(Subject {
                node: run.selected.clone(),
                ..Subject::of(&Target::Run(run.run.clone()))
            }),
            Some(Screen::Log(_)) => Some(Subject::of(&Target::Node(self.log_key(watch)?.node))),
            Some(Screen::Node(node, _)) => Some(Subject::of(&Target::Node(node.clone()))),
            Some(Screen::Pipeline(key, _)) => Some(of_pipeline(key)),
            Some(Screen::Alerts) => of_alert(),
            Some(Screen::System(list)) => {
                let backend = watch
                    .world
                    .backends()
                    .nth(list.index().unwrap_or_default())?;
                Some(Subject::of(&Target::Backend(backend.info.id.clone())))
            }
            Some(Screen::Past(screen)) => screen.pipeline().map(of_pipeline),
            Some(Screen::Actions(_) | Screen::Board(_) | Screen::Help(..)) => None,
        }
    }

    pub(crate) fn next_action(&mut self) -> ActionId {
        self.last_action += 1;
        ActionId(self.last_action)
    }

    /// Asks for the plan of a draft.
    pub(crate) fn plan(&mut self, draft: &Draft, effects: &mut Vec<Effect>) -> Option<ActionId> {
        let target = draft.target()?.clone();
        let id = self.next_action();
        effects.push(Effect::Engine(engine::Command::Plan(ActionRequest {
            id,
            action: draft.action,
            target,
            options: draft.options.clone(),
        })));
        Some(id)
    }

    /// Tells what became of what was said yes to.
    pub(super) fn actions_changed(&mut self, watch: &Watch) {
        let mut lines = Vec::new();
        self.batches.retain_mut(|batch| {
            let all: Vec<&ActionStatus> = batch
                .ids
                .iter()
                .filter_map(|id| Some(&watch.world.action(*id)?.status))
                .collect();
            if all.is_empty() {
                return false;
            }
            if !all.iter().all(|s| s.settled()) {
                if !batch.requested
                    && all
                        .iter()
                        .any(|s| matches!(s, ActionStatus::Requested { .. }))
                {
                    batch.requested = true;
                    lines.push((
                        Level::Info,
                        format!("{}: requested, not yet confirmed", batch_name(watch, batch)),
                    ));
                }
                return true;
            }
            lines.push(outcome(watch, batch, &all));
            false
        });
        for (level, text) in lines {
            self.say(level, text);
        }
    }
}

/// A target without the id of its run: that is long and rarely what one looks for.
fn short(target: &Target) -> String {
    match target {
        Target::Backend(id) => id.safe().as_str().to_owned(),
        Target::Queue(key) => key.queue.safe().as_str().to_owned(),
        Target::Pipeline(key) => key.pipeline.safe().as_str().to_owned(),
        Target::Run(key) => key.pipeline.pipeline.safe().as_str().to_owned(),
        Target::Node(key) => format!("{} / {}", key.run.pipeline.pipeline.safe(), key.node.safe()),
    }
}

fn batch_name(watch: &Watch, batch: &Batch) -> String {
    match batch.ids.as_slice() {
        [one] => {
            let target = watch.world.action(*one).map(|a| short(&a.request.target));
            format!("{} {}", batch.action.word(), target.unwrap_or_default())
        }
        many => format!("{} {} targets", batch.action.word(), many.len()),
    }
}

fn outcome(watch: &Watch, batch: &Batch, all: &[&ActionStatus]) -> (Level, String) {
    let name = batch_name(watch, batch);
    if let [one] = all {
        return match one {
            ActionStatus::Confirmed { what } => (Level::Good, format!("{name}: {what}")),
            ActionStatus::Refused { why } => (Level::Bad, format!("{name}: {why}")),
            ActionStatus::Unconfirmed { why } => {
                (Level::Bad, format!("{name}: not confirmed: {why}"))
            }
            _ => (Level::Info, name),
        };
    }
    let count = |wanted: fn(&ActionStatus) -> bool| all.iter().filter(|s| wanted(s)).count();
    let confirmed = count(|s| matches!(s, ActionStatus::Confirmed { .. }));
    let refused = count(|s| matches!(s, ActionStatus::Refused { .. }));
    let unconfirmed = count(|s| matches!(s, ActionStatus::Unconfirmed { .. }));
    let mut text = format!("{name}: {confirmed} confirmed");
    if refused > 0 {
        text += &format!(", {refused} refused");
    }
    if unconfirmed > 0 {
        text += &format!(", {unconfirmed} not confirmed");
    }
    let level = if refused + unconfirmed == 0 {
        Level::Good
    } else {
        Level::Bad
    };
    (level, format!("{text} (4 lists them)"))
}
