//! From a request to a plan with the exact list of what it hits, and from a plan to its deed.

use std::sync::Arc;

use crate::backends::EngineGone;
use crate::config::reader::nearest;
use crate::model::{
    Action, ActionError, ActionRequest, Hit, NodeKey, NodeState, PipelineKey, Plan, RunKey,
    RunState, SafeText, Target,
};

use super::actor::Actor;
use super::deeds::Deed;
use super::definition::Definition;
use super::drive::{defaults, text};
use super::pending::plural;
use super::slot::{Hold, Slot};

/// A plan and how it is carried out.
pub(super) struct Draft {
    pub summary: String,
    pub hits: Vec<Hit>,
    pub warnings: Vec<String>,
    pub deed: Deed,
}

pub(super) type Drafted = Result<Draft, ActionError>;

pub(super) fn hit(name: impl AsRef<str>, now: impl AsRef<str>, then: impl AsRef<str>) -> Hit {
    Hit {
        name: SafeText::new(name),
        now: SafeText::new(now),
        then: SafeText::new(then),
    }
}

pub(super) fn refused(why: impl AsRef<str>) -> ActionError {
    ActionError::Refused(SafeText::new(why))
}

pub(super) fn nothing(why: impl AsRef<str>) -> ActionError {
    ActionError::Nothing(SafeText::new(why))
}

impl Actor {
    pub(super) async fn plan(&mut self, request: ActionRequest) -> Result<(), EngineGone> {
        let emitter = self.link.emitter.clone();
        match self.draft(&request) {
            Ok(draft) => {
                let plan = Plan {
                    request,
                    summary: SafeText::new(draft.summary),
                    hits: draft.hits,
                    warnings: draft.warnings.into_iter().map(SafeText::new).collect(),
                    server_preview: true,
                };
                emitter.planned(plan).await
            }
            Err(why) => emitter.refused(request.id, why).await,
        }
    }

    /// Plans again, and acts only when nothing would be hit that the person did not see.
    pub(super) async fn execute(&mut self, plan: Plan) -> Result<(), EngineGone> {
        let id = plan.request.id;
        let emitter = self.link.emitter.clone();
        let draft = match self.draft(&plan.request) {
            Ok(draft) => draft,
            Err(why) => return emitter.refused(id, why).await,
        };
        let unseen = draft
            .hits
            .iter()
            .find(|new| !plan.hits.iter().any(|old| old.name == new.name));
        if let Some(unseen) = unseen {
            let why = format!("things have changed: it would now hit {} too", unseen.name);
            return emitter.refused(id, refused(why)).await;
        }
        emitter.requested(id).await?;
        let outcome = self.perform(id, draft.deed);
        self.advance();
        self.flush_now().await?;
        match outcome {
            Ok(Some(what)) => emitter.confirmed(id, what).await,
            Ok(None) => Ok(()),
            Err(why) => emitter.refused(id, why).await,
        }
    }

    fn draft(&mut self, request: &ActionRequest) -> Drafted {
        use Action::{Cancel, Mark, Note, Pause, Restart, Resume, Retry, Stop, Trigger};
        if self.closing {
            return Err(refused("dagtop is being quit"));
        }
        let options = &request.options;
        match (request.action, &request.target) {
            (Stop, Target::Backend(_)) => self.stop(None),
            (Stop, Target::Pipeline(key)) => self.stop(Some(key)),
            (Pause | Resume, Target::Pipeline(key)) => {
                self.pause_pipeline(key, request.action == Pause)
            }
            (Trigger, Target::Pipeline(key)) => self.trigger(key, request),
            (Cancel, Target::Run(key)) => self.cancel(key),
            (Pause, Target::Run(key)) => self.pause_run(key),
            (Resume, Target::Run(key)) => self.resume_run(key),
            (Retry, Target::Run(key)) => self.retry_run(key),
            (Restart, Target::Run(key)) => self.restart(key),
            (Note, Target::Run(key)) => self.write_note(key, None, options.note.as_deref()),
            (Note, Target::Node(key)) => {
                self.write_note(&key.run, Some(key), options.note.as_deref())
            }
            (Pause | Resume | Cancel, Target::Node(key)) => self.signal(key, request.action),
            (Retry, Target::Node(key)) => self.retry_node(key, request),
            (Mark, Target::Node(key)) => self.mark(key, options.mark),
            (action, target) => {
                let what = format!("{} of a {:?}", action.word(), target.kind());
                Err(ActionError::Unsupported(SafeText::new(what.to_lowercase())))
            }
        }
    }

    fn slot(&self, key: &RunKey) -> Result<&Slot, ActionError> {
        self.slots
            .get(key)
            .ok_or_else(|| ActionError::Gone(Target::Run(key.clone()).label()))
    }

    /// A run that we drive.
    fn own(&self, key: &RunKey) -> Result<&Slot, ActionError> {
        let slot = self.slot(key)?;
        if let Some(who) = Self::driver(slot) {
            return Err(refused(format!("this run is driven by {who}: act there")));
        }
        if slot.record.state.ended() {
            let word = slot.record.state.word();
            return Err(nothing(format!("the run is over ({word})")));
        }
        Ok(slot)
    }

    /// A run that is ours, or that nobody drives: it can be taken up again.
    pub(super) fn free(&self, key: &RunKey) -> Result<&Slot, ActionError> {
        let slot = self.slot(key)?;
        if let Some(who) = Self::driver(slot) {
            return Err(refused(format!("this run is driven by {who}: act there")));
        }
        if !slot.left.is_empty() {
            let n = plural(slot.left.len(), "process");
            return Err(refused(format!(
                "the dagtop that drove it left {n} behind: cancel the run first"
            )));
        }
        Ok(slot)
    }

    fn stop(&self, pipeline: Option<&PipelineKey>) -> Drafted {
        let mine = |k: &RunKey| pipeline.is_none_or(|p| &k.pipeline == p);
        let going: Vec<(&RunKey, &Slot)> = self
            .slots
            .iter()
            .filter(|(k, s)| mine(k) && s.driven())
            .collect();
        let others = self
            .slots
            .iter()
            .filter(|(k, s)| mine(k) && matches!(s.hold, Hold::Other { .. }))
            .count();
        let mut warnings = Vec::new();
        if others > 0 {
            let n = plural(others, "run");
            warnings.push(format!("{n} driven by another dagtop will not be hit"));
        }
        if going.is_empty() {
            let more: String = warnings.iter().map(|w| format!("; {w}")).collect();
            return Err(nothing(format!("no run of ours is going{more}")));
        }
        let hits = going
            .iter()
            .map(|(k, s)| {
                let now = format!(
                    "{}, {}",
                    s.record.state.word(),
                    plural(s.live.len(), "process group")
                );
                hit(Target::Run((*k).clone()).label(), now, "cancelled")
            })
            .collect();
        Ok(Draft {
            summary: format!(
                "Cancels {}: TERM to every process, KILL after {:?}.",
                plural(going.len(), "run"),
                self.settings.grace
            ),
            hits,
            warnings,
            deed: Deed::Cancel(going.iter().map(|(k, _)| (*k).clone()).collect()),
        })
    }

    fn pause_pipeline(&self, key: &PipelineKey, pause: bool) -> Drafted {
        let name = key.pipeline.raw();
        let timing = self.timing.get(name);
        let gone = || ActionError::Gone(key.pipeline.safe());
        let timing = timing.ok_or_else(gone)?;
        let word = |paused: bool| if paused { "paused" } else { "active" };
        if timing.paused == pause {
            return Err(nothing(format!("the pipeline is {}", word(pause))));
        }
        let going = self
            .slots
            .iter()
            .filter(|(k, s)| &k.pipeline == key && !s.record.state.ended())
            .count();
        let mut warnings = Vec::new();
        if pause && going > 0 {
            let n = plural(going, "run");
            warnings.push(format!(
                "{n} going now will go on: pause the run to stop it"
            ));
        }
        if timing.cron.is_none() {
            warnings.push("it has no schedule: it starts only when triggered".to_owned());
        }
        Ok(Draft {
            summary: if pause {
                "Starts no scheduled runs until it is resumed.".to_owned()
            } else {
                "Starts scheduled runs again, from the next due time on.".to_owned()
            },
            hits: vec![hit(name, word(timing.paused), word(pause))],
            warnings,
            deed: Deed::PausePipeline(name.to_owned(), pause),
        })
    }

    fn trigger(&self, key: &PipelineKey, request: &ActionRequest) -> Drafted {
        let name = key.pipeline.raw();
        let listed = self.catalog.get(name);
        let listed = listed.ok_or_else(|| ActionError::Gone(key.pipeline.safe()))?;
        if let Some(why) = &listed.broken {
            return Err(refused(format!("its file can't be used: {why}")));
        }
        let definition = listed.definition.clone();
        let definition = definition.ok_or_else(|| ActionError::Gone(key.pipeline.safe()))?;
        let params = given(&definition, &request.options.params)?;
        let run = request.options.run_id.clone();
        if let Some(run) = &run
            && (run.trim().is_empty() || run.len() > 120 || run.chars().any(char::is_control))
        {
            return Err(refused(
                "a run id has 1 to 120 bytes and no control characters",
            ));
        }
        let mut warnings = Vec::new();
        let going = self
            .slots
            .iter()
            .filter(|(k, s)| &k.pipeline == key && !s.record.state.ended())
            .count();
        if going > 0 {
            warnings.push(format!("{} of it going already", plural(going, "run")));
        }
        let with = params
            .iter()
            .map(|(k, v)| format!(" {k}={v}"))
            .collect::<String>();
        let n = super::definition::Shape::of(&definition).tasks.len();
        Ok(Draft {
            summary: format!("Starts a run of {}{}.", plural(n, "node"), with),
            hits: vec![hit(name, "", "a new run")],
            warnings,
            deed: Deed::Trigger {
                definition,
                run,
                params,
            },
        })
    }

    fn cancel(&self, key: &RunKey) -> Drafted {
        let slot = self.slot(key)?;
        if slot.record.state == RunState::Lost && !slot.left.is_empty() {
            let hits = slot.left.iter();
            let hits = hits.map(|pid| hit(format!("process {pid}"), "left behind", "gone"));
            return Ok(Draft {
                summary: format!(
                    "Ends the processes that its dead dagtop left behind: TERM, KILL after {:?}.",
                    self.settings.grace
                ),
                hits: hits.collect(),
                warnings: Vec::new(),
                deed: Deed::Clear(key.clone()),
            });
        }
        let slot = self.own(key)?;
        let hits = nodes(slot, |s, _| !s.ended(), NodeState::Cancelled);
        Ok(Draft {
            summary: format!(
                "Ends {}: TERM, KILL after {:?}. What has not begun will not.",
                plural(slot.live.len(), "process group"),
                self.settings.grace
            ),
            hits,
            warnings: Vec::new(),
            deed: Deed::Cancel(vec![key.clone()]),
        })
    }

    fn pause_run(&self, key: &RunKey) -> Drafted {
        let slot = self.own(key)?;
        if slot.record.state == RunState::Paused {
            return Err(nothing("the run is paused"));
        }
        let word = slot.record.state.word();
        let mut hits = vec![hit(key.run.raw(), word, "paused")];
        hits.extend(nodes(
            slot,
            |s, live| live && s != NodeState::Paused,
            NodeState::Paused,
        ));
        Ok(Draft {
            summary: format!(
                "Stops {} (SIGSTOP) and starts nothing new in this run.",
                plural(hits.len() - 1, "process group")
            ),
            hits,
            warnings: Vec::new(),
            deed: Deed::PauseRun(key.clone()),
        })
    }

    fn resume_run(&self, key: &RunKey) -> Drafted {
        let slot = self.own(key)?;
        let held = nodes(slot, |s, _| s == NodeState::Paused, NodeState::Running);
        if slot.record.state != RunState::Paused && held.is_empty() {
            return Err(nothing("the run is not paused"));
        }
        let mut hits = vec![hit(key.run.raw(), slot.record.state.word(), "running")];
        hits.extend(held);
        Ok(Draft {
            summary: "Lets its processes go on (SIGCONT) and starts what is ready.".to_owned(),
            hits,
            warnings: Vec::new(),
            deed: Deed::ResumeRun(key.clone()),
        })
    }

    pub(super) fn members(&self, slot: &Slot, key: &NodeKey) -> Result<Vec<usize>, ActionError> {
        let tasks = slot.record.shape.resolve(key.node.raw());
        if tasks.is_empty() {
            return Err(ActionError::Gone(key.node.safe()));
        }
        Ok(tasks)
    }

    fn signal(&self, key: &NodeKey, action: Action) -> Drafted {
        let slot = self.own(&key.run)?;
        let tasks = self.members(slot, key)?;
        let fits = |task: &usize| {
            let state = slot.record.nodes[*task].state;
            match action {
                Action::Pause => !state.ended() && state != NodeState::Paused,
                Action::Resume => state == NodeState::Paused,
                _ => !state.ended(),
            }
        };
        if action == Action::Resume && slot.record.state == RunState::Paused {
            return Err(refused("the whole run is paused: resume the run"));
        }
        let (then, summary) = match action {
            Action::Pause => (
                "paused",
                "Stops its processes (SIGSTOP); what has not begun is held back.",
            ),
            Action::Resume => ("running", "Lets its processes go on (SIGCONT)."),
            _ => ("cancelled", "Ends its processes: TERM, then KILL."),
        };
        let hit_tasks: Vec<usize> = tasks.into_iter().filter(fits).collect();
        if hit_tasks.is_empty() {
            return Err(nothing(format!("nothing there can be {then}")));
        }
        let mut warnings = Vec::new();
        if action == Action::Cancel {
            let below = slot.record.shape.reach(&hit_tasks, true).len();
            if below > 0 {
                let n = plural(below, "node");
                warnings.push(format!("{n} below will be blocked"));
            }
        }
        Ok(Draft {
            summary: summary.to_owned(),
            hits: hits_of(slot, &hit_tasks, then),
            warnings,
            deed: Deed::Signal(key.run.clone(), hit_tasks, action),
        })
    }

    fn write_note(&self, run: &RunKey, node: Option<&NodeKey>, note: Option<&str>) -> Drafted {
        let slot = self.slot(run)?;
        if let Some(who) = Self::driver(slot) {
            return Err(refused(format!("this run is driven by {who}: act there")));
        }
        let text = note.map(str::trim).filter(|t| !t.is_empty());
        let text = text.ok_or_else(|| refused("the note is empty"))?;
        if text.len() > 4096 {
            return Err(refused("a note has at most 4096 bytes"));
        }
        let (name, now, id) = match node {
            None => (run.run.raw().to_owned(), slot.record.note.clone(), None),
            Some(key) => {
                let known = slot.record.node(key.node.raw());
                let known = known.ok_or_else(|| ActionError::Gone(key.node.safe()))?;
                let id = key.node.raw().to_owned();
                (id.clone(), known.note.clone(), Some(id))
            }
        };
        Ok(Draft {
            summary: "Writes a note; changes nothing else.".to_owned(),
            hits: vec![hit(name, now.unwrap_or_default(), text)],
            warnings: Vec::new(),
            deed: Deed::Note(run.clone(), id, text.to_owned()),
        })
    }
}

/// The nodes of a run in some states. The test gets the state and whether it has a process.
pub(super) fn nodes(
    slot: &Slot,
    test: impl Fn(NodeState, bool) -> bool,
    then: NodeState,
) -> Vec<Hit> {
    let tasks: Vec<usize> = (0..slot.record.nodes.len())
        .filter(|t| test(slot.record.nodes[*t].state, slot.live.contains_key(t)))
        .collect();
    hits_of(slot, &tasks, then.word())
}

pub(super) fn hits_of(slot: &Slot, tasks: &[usize], then: &str) -> Vec<Hit> {
    tasks
        .iter()
        .map(|t| {
            let task = &slot.record.shape.tasks[*t];
            hit(&task.name, &slot.record.nodes[*t].native, then)
        })
        .collect()
}

/// Parameters for a run: what was given over what is default.
pub(super) fn given(
    definition: &Arc<Definition>,
    given: &[(String, serde_json::Value)],
) -> Result<Vec<(String, String)>, ActionError> {
    let mut params = defaults(definition);
    for (name, value) in given {
        let Some(spec) = definition.params.iter().find(|p| &p.name == name) else {
            let names = definition.params.iter().map(|p| p.name.as_str());
            let near = nearest(name, names)
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            return Err(refused(format!("there is no parameter `{name}`{near}")));
        };
        let value = text(value);
        let fine = match spec.kind.as_str() {
            "integer" => value.parse::<i64>().is_ok(),
            "number" => value.parse::<f64>().is_ok(),
            "boolean" => matches!(value.as_str(), "true" | "false"),
            _ => !value.contains('\0'),
        };
        if !fine {
            let kind = &spec.kind;
            return Err(refused(format!(
                "`{name}` must be of type {kind}, not `{value}`"
            )));
        }
        if !spec.choices.is_empty() && !spec.choices.contains(&value) {
            let choices = spec.choices.join(", ");
            return Err(refused(format!("`{name}` must be one of: {choices}")));
        }
        match params.iter_mut().find(|(n, _)| n == name) {
            Some(known) => known.1 = value,
            None => params.push((name.clone(), value)),
        }
    }
    let missing = definition
        .params
        .iter()
        .find(|p| !params.iter().any(|(n, _)| n == &p.name));
    match missing {
        Some(missing) => Err(refused(format!(
            "parameter `{}` must be given",
            missing.name
        ))),
        None => Ok(params),
    }
}
