//! From a request to a plan with the exact list of what it hits. What starts dbt is listed by dbt
//! itself (`dbt ls`), or from the manifest when the whole project is meant.

use serde_json::Value;
use tokio::time::Instant;

use crate::backends::EngineGone;
use crate::config::Dbt;
use crate::model::{
    Action, ActionError, ActionRequest, Hit, NodeState, PipelineKey, Plan, RunKey, SafeText, Target,
};

use super::actor::{Actor, Told};
use super::deeds::{Deed, Prepared};
use super::invoke::{self, Listing};
use super::results::Args;
use super::slot::{Hold, Slot};

/// A plan and how it is carried out.
pub(super) struct Draft {
    pub summary: String,
    pub hits: Vec<Hit>,
    pub warnings: Vec<String>,
    pub deed: Deed,
}

pub(super) type Drafted = Result<Draft, ActionError>;

/// What a request comes to.
pub(super) enum Outline {
    Ready(Box<Draft>),
    /// dbt has to be asked what these would run.
    Ask(Args),
}

pub(super) fn refused(why: impl AsRef<str>) -> ActionError {
    ActionError::Refused(SafeText::new(why))
}

pub(super) fn nothing(why: impl AsRef<str>) -> ActionError {
    ActionError::Nothing(SafeText::new(why))
}

pub(super) fn hit(name: impl AsRef<str>, now: impl AsRef<str>, then: impl AsRef<str>) -> Hit {
    Hit {
        name: SafeText::new(name),
        now: SafeText::new(now),
        then: SafeText::new(then),
    }
}

pub(super) fn plural(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}

impl Actor {
    pub(super) async fn plan(&mut self, request: ActionRequest) -> Result<(), EngineGone> {
        match self.outline(&request) {
            Ok(Outline::Ready(draft)) => self.planned(request, *draft).await,
            Ok(Outline::Ask(args)) => {
                self.ask(request, args);
                Ok(())
            }
            Err(why) => self.link.emitter.refused(request.id, why).await,
        }
    }

    async fn planned(&mut self, request: ActionRequest, draft: Draft) -> Result<(), EngineGone> {
        let plan = Plan {
            summary: SafeText::new(draft.summary),
            hits: draft.hits,
            warnings: draft.warnings.into_iter().map(SafeText::new).collect(),
            // dbt's own list, its manifest, or what our own process is at
            server_preview: true,
            request,
        };
        let prepared = Prepared {
            deed: draft.deed,
            at: Instant::now(),
        };
        self.prepared
            .retain(|_, p| p.at.elapsed() < super::deeds::STALE);
        self.prepared.insert(plan.request.id, prepared);
        self.link.emitter.planned(plan).await
    }

    /// Lets dbt list what it would run; the answer comes as `Told::Listed`.
    fn ask(&self, request: ActionRequest, args: Args) {
        let Some(program) = self.settings.program() else {
            return;
        };
        let (settings, manifest) = (self.settings.clone(), self.manifest.clone());
        let tell = self.tell.clone();
        tokio::spawn(async move {
            let listing = invoke::list(settings, program, args, &manifest).await;
            let request = Box::new(request);
            // nobody may be left to hear it
            let _ = tell.send(Told::Listed { request, listing }).await;
        });
    }

    pub(super) async fn listed(
        &mut self,
        request: ActionRequest,
        listing: Listing,
    ) -> Result<(), EngineGone> {
        // dbt has written its manifest anew
        self.look().await?;
        let draft = match listing {
            Ok(ids) => self.with_listing(&request, ids),
            Err(why) => Err(refused(format!("dbt can't say what it would run: {why}"))),
        };
        match draft {
            Ok(draft) => self.planned(request, draft).await,
            Err(why) => self.link.emitter.refused(request.id, why).await,
        }
    }

    fn with_listing(&self, request: &ActionRequest, ids: Vec<String>) -> Drafted {
        match &request.target {
            Target::Pipeline(_) => {
                let args = self.wanted(request)?;
                self.start_draft(args, ids, true, "triggered".to_owned())
            }
            Target::Run(key) => self.restart_draft(key, ids, true),
            Target::Node(key) => self.retry_node_draft(key, request, ids),
            Target::Queue(_) | Target::Backend(_) => {
                Err(refused("nothing of a backend or a queue is started"))
            }
        }
    }

    pub(super) fn outline(&mut self, request: &ActionRequest) -> Result<Outline, ActionError> {
        use Action::{Cancel, Restart, Retry, Stop, Trigger};
        if self.closing {
            return Err(refused("dagtop is being quit"));
        }
        let starts = matches!(request.action, Trigger | Retry | Restart);
        if starts && let Some(why) = &self.missing {
            return Err(refused(why));
        }
        if starts && self.settings.program().is_none() {
            let dbt = self.settings.dbt.display();
            return Err(refused(format!("{dbt} is not installed here")));
        }
        let ready = |draft: Drafted| draft.map(|d| Outline::Ready(Box::new(d)));
        match (request.action, &request.target) {
            (Stop, Target::Backend(_)) => ready(self.stop(None)),
            (Stop, Target::Pipeline(key)) => ready(self.stop(Some(key))),
            (Cancel, Target::Run(key)) => ready(self.cancel(key)),
            (Trigger, Target::Pipeline(key)) => {
                if *key != self.pipeline_key() {
                    return Err(ActionError::Gone(key.pipeline.safe()));
                }
                let args = self.wanted(request)?;
                match self.whole_project(&args) {
                    Some(ids) => ready(self.start_draft(args, ids, false, "triggered".to_owned())),
                    None => Ok(Outline::Ask(args)),
                }
            }
            (Retry, Target::Run(key)) => ready(self.retry_draft(key)),
            (Restart, Target::Run(key)) => {
                let args = self.restart_args(key)?;
                match self.whole_project(&args) {
                    Some(ids) => ready(self.restart_draft(key, ids, false)),
                    None => Ok(Outline::Ask(args)),
                }
            }
            (Retry, Target::Node(key)) => self.retry_node_args(key, request).map(Outline::Ask),
            (action, target) => {
                let what = format!("{} of a {:?}", action.word(), target.kind());
                Err(ActionError::Unsupported(SafeText::new(what.to_lowercase())))
            }
        }
    }

    /// All nodes of the command, when it names none and the manifest knows them.
    fn whole_project(&self, args: &Args) -> Option<Vec<String>> {
        let plain = args.select.is_empty() && args.exclude.is_empty();
        let known = !self.manifest.items.is_empty()
            && !self.manifest.default_selector
            && self.settings.target == args.target;
        (plain && known).then(|| invoke::all_of(&self.manifest, &args.which))
    }

    /// What a trigger asks for: what was given over what is configured.
    fn wanted(&self, request: &ActionRequest) -> Result<Args, ActionError> {
        let mut args = Args {
            which: self.settings.command.clone(),
            select: self.settings.select.clone(),
            exclude: self.settings.exclude.clone(),
            target: self.settings.target.clone(),
            ..Args::default()
        };
        for (name, value) in &request.options.params {
            match (name.as_str(), value) {
                ("command", Value::String(which)) => {
                    if !Dbt::COMMANDS.contains(&which.as_str()) {
                        let choices = Dbt::COMMANDS.join(", ");
                        return Err(refused(format!("`command` must be one of: {choices}")));
                    }
                    args.which.clone_from(which);
                }
                ("select", Value::String(text)) => args.select = selectors(text)?,
                ("exclude", Value::String(text)) => args.exclude = selectors(text)?,
                ("full_refresh", Value::Bool(full)) => args.full_refresh = *full,
                ("full_refresh", Value::String(text)) if text == "true" || text == "false" => {
                    args.full_refresh = text == "true";
                }
                ("command" | "select" | "exclude" | "full_refresh", _) => {
                    return Err(refused(format!("`{name}` can't be `{value}`")));
                }
                _ => return Err(refused(format!("there is no parameter `{name}`"))),
            }
        }
        if args.full_refresh && !matches!(args.which.as_str(), "build" | "run" | "seed") {
            return Err(refused(format!("dbt {} knows no full refresh", args.which)));
        }
        Ok(args)
    }

    pub(super) fn start_draft(
        &self,
        args: Args,
        ids: Vec<String>,
        listed: bool,
        cause: String,
    ) -> Drafted {
        if ids.is_empty() {
            return Err(nothing("no node of the project fits this selection"));
        }
        let mut warnings = self.going_warnings();
        if args.full_refresh {
            warnings
                .push("full refresh: incremental models are built anew from all data".to_owned());
        }
        if !listed {
            let at = self.stamps.get("manifest.json").copied().flatten();
            let age = at.and_then(|(at, _)| at.elapsed().ok());
            if let Some(age) = age.filter(|a| a.as_secs() > 3600) {
                warnings.push(format!(
                    "listed from a manifest that is {} h old: what was added since runs too",
                    age.as_secs() / 3600
                ));
            }
        }
        Ok(Draft {
            summary: format!(
                "Runs `dbt {}`{}: {}, as {} lists them.",
                args.words(),
                match &args.target {
                    Some(target) => format!(" on target {target}"),
                    None => String::new(),
                },
                plural(ids.len(), "node"),
                if listed { "dbt" } else { "its manifest" },
            ),
            hits: self.hits(&ids),
            warnings,
            deed: Deed::Start { args, ids, cause },
        })
    }

    /// What is known of the nodes that will run, from the newest run that had them.
    pub(super) fn hits(&self, ids: &[String]) -> Vec<Hit> {
        let newest = self.slots.values().filter(|s| s.loaded);
        let newest = newest.max_by_key(|s| s.record.created_at);
        ids.iter()
            .map(|id| {
                let name = self.manifest.get(id).map_or(id.as_str(), |i| &i.name);
                let known = newest.and_then(|s| s.record.nodes.get(id));
                let now = known.map_or("", |n| n.native.as_str());
                hit(name, now, verb(id))
            })
            .collect()
    }

    fn going_warnings(&self) -> Vec<String> {
        let going = self.slots.values().filter(|s| s.open()).count();
        if going == 0 {
            return Vec::new();
        }
        vec![format!(
            "{} of dbt going in this project: they share its target folder, and some warehouses let only one write",
            plural(going, "run")
        )]
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
            .filter(|(k, s)| mine(k) && s.open() && !s.driven())
            .count();
        let warnings: Vec<String> = (others > 0)
            .then(|| {
                let n = plural(others, "run");
                format!("{n} that dagtop did not start will not be hit: cancel each by itself")
            })
            .into_iter()
            .collect();
        if going.is_empty() {
            let more: String = warnings.iter().map(|w| format!("; {w}")).collect();
            return Err(nothing(format!("no run of ours is going{more}")));
        }
        let hits = going
            .iter()
            .map(|(k, s)| {
                hit(
                    Target::Run((*k).clone()).label(),
                    &s.record.native,
                    "cancelled",
                )
            })
            .collect();
        Ok(Draft {
            summary: format!(
                "Interrupts {}: SIGINT, TERM after {:?}, then KILL.",
                plural(going.len(), "run"),
                self.settings.grace
            ),
            hits,
            warnings,
            deed: Deed::Cancel(going.iter().map(|(k, _)| (*k).clone()).collect()),
        })
    }

    pub(super) fn slot(&self, key: &RunKey) -> Result<&Slot, ActionError> {
        self.slots
            .get(key)
            .ok_or_else(|| ActionError::Gone(Target::Run(key.clone()).label()))
    }

    pub(super) fn cancel(&self, key: &RunKey) -> Drafted {
        let slot = self.slot(key)?;
        if !slot.left.is_empty() {
            let hits = slot.left.iter();
            let hits = hits.map(|pid| hit(format!("process {pid}"), "left behind", "gone"));
            return Ok(Draft {
                summary: format!(
                    "Ends the processes that its dead dagtop left behind: SIGINT, TERM after {:?}, then KILL.",
                    self.settings.grace
                ),
                hits: hits.collect(),
                warnings: Vec::new(),
                deed: Deed::Clear(key.clone()),
            });
        }
        if !slot.open() {
            return Err(nothing("the run is over"));
        }
        let mut hits: Vec<Hit> = slot
            .record
            .nodes
            .iter()
            .filter(|(_, n)| !n.state.ended())
            .map(|(id, n)| {
                let then = match n.state {
                    NodeState::Running => "cancelled",
                    _ => "not run",
                };
                let name = self.manifest.get(id).map_or(id.as_str(), |i| &i.name);
                hit(name, &n.native, then)
            })
            .collect();
        if hits.is_empty() {
            hits.push(hit(key.run.raw(), &slot.record.native, "cancelled"));
        }
        let (summary, warnings, deed) = match &slot.hold {
            Hold::Ours { .. } => (
                format!(
                    "Interrupts dbt (SIGINT), which cancels its queries; TERM after {:?}, then KILL.",
                    self.settings.grace
                ),
                vec![
                    "if dbt has to be ended by TERM or KILL, a query may go on in the warehouse"
                        .to_owned(),
                ],
                Deed::Cancel(vec![key.clone()]),
            ),
            Hold::Followed(followed) => {
                let Some(opener) = followed.opener else {
                    return Err(refused(
                        "it was started elsewhere and its process is not to be found on this machine: interrupt it where it runs",
                    ));
                };
                (
                    format!(
                        "Interrupts process {} (SIGINT), the dbt that writes this log.",
                        opener.pid
                    ),
                    vec![
                        "it was started elsewhere: whoever started it sees an interrupted dbt"
                            .to_owned(),
                    ],
                    Deed::Interrupt(key.clone(), opener),
                )
            }
            Hold::Other => {
                return Err(refused("this run is driven by another dagtop: act there"));
            }
            Hold::Nobody => return Err(nothing("the run is over")),
        };
        Ok(Draft {
            summary,
            hits,
            warnings,
            deed,
        })
    }
}

/// What a run does with a node.
fn verb(id: &str) -> &'static str {
    match id.split('.').next() {
        Some("test" | "unit_test") => "tested",
        Some("seed") => "loaded",
        Some("source") => "measured",
        Some("snapshot") => "snapshotted",
        _ => "built",
    }
}

/// The words of a selection. None may be taken for an option.
fn selectors(text: &str) -> Result<Vec<String>, ActionError> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    match words.iter().find(|w| w.starts_with('-')) {
        Some(option) => Err(refused(format!("`{option}` is an option, not a selector"))),
        None => Ok(words),
    }
}
