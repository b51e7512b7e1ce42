//! `dagtop act`: the same plans as on the screen, from a script.

use std::collections::HashMap;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::bail;
use serde::Serialize;

use crate::backends::Role;
use crate::cli::{Act, ActionName, Global};
use crate::engine::{Command, Watch};
use crate::history::audit::What;
use crate::model::{
    Action, ActionError, ActionId, ActionOptions, ActionRequest, ActionStatus, Health, PipelineKey,
    Plan, Run, RunKey, SafeText, Scope, Support, Target, TargetKind,
};
use crate::world::RunView;

use super::session::Session;
use super::{Exit, Usage, address, audit, open, print, print_json, say};

/// A backend confirms within this, or the outcome is unknown.
const PLAN_LIMIT: Duration = Duration::from_secs(30);
const CONFIRM_LIMIT: Duration = Duration::from_secs(120);

pub(super) fn run(global: &Global, args: &Act) -> anyhow::Result<Exit> {
    check(args)?;
    address::check(&args.address)?;
    let (config, paths) = open::config(global)?;
    let exit = super::runtime()?.block_on(async {
        let mut session = open::session(&config, &paths, Role::Act);
        let exit = session
            .interruptible(async |session| carry_out(session, global, args).await)
            .await;
        session.close().await;
        exit
    });
    // nobody else may run here who would send it to the team
    if let Err(error) = audit::share(global) {
        say(format!("{error:#}"));
    }
    exit
}

/// Options that would be taken and then forgotten.
fn check(args: &Act) -> Result<(), Usage> {
    use ActionName::{Limit, Mark, Note, Retry, Trigger};
    let fits: [(&str, bool, &[ActionName]); 7] = [
        ("--param", !args.params.is_empty(), &[Trigger]),
        ("--run-id", args.run_id.is_some(), &[Trigger]),
        ("--upstream", args.upstream, &[Retry, Mark]),
        ("--downstream", args.downstream, &[Retry, Mark]),
        ("--only-failed", args.only_failed, &[Retry]),
        ("--as", args.mark.is_some(), &[Mark]),
        ("--to", args.to.is_some(), &[Limit]),
    ];
    let word = args.action.action().word();
    for (option, given, actions) in fits {
        if given && !actions.contains(&args.action) {
            let known: Vec<&str> = actions.iter().map(|a| a.action().word()).collect();
            return Err(Usage(format!(
                "{option} means nothing to {word}; it is for {}",
                known.join(" and ")
            )));
        }
    }
    match (args.action, &args.mark, &args.note) {
        (Mark, None, _) => Err(Usage(
            "mark needs --as succeeded, --as failed or --as skipped".to_owned(),
        )),
        (Note, _, None) => Err(Usage("note needs --note TEXT".to_owned())),
        (Limit, ..) if args.to.is_none() => Err(Usage("limit needs --to NUMBER".to_owned())),
        (action, _, Some(_)) if action != Note => Err(Usage(format!(
            "--note means nothing to {word}; it is for note"
        ))),
        _ => Ok(()),
    }
}

async fn carry_out(session: &mut Session, global: &Global, args: &Act) -> anyhow::Result<Exit> {
    session.until_listed(Duration::from_secs(args.wait)).await;
    let target = address::resolve(&session.engine.watch, &args.address)?;
    let before = Before::look(session, &target);
    let approve = async |session: &Session, plan: &Plan| approve(args, session, plan).await;
    let action = args.action.action();
    let outcome = act(session, action, target, options(args), approve).await;
    if let Some(trouble) = session.engine.audit_trouble() {
        say(trouble.to_string());
    }
    let outcome = outcome?;
    let asks = asks(args);
    if !global.json {
        print(match outcome {
            // the plan stands above the question
            Outcome::Planned { .. } if asks => "nothing was done\n".to_owned(),
            _ => outcome.text(),
        })?;
    }
    if let (Outcome::Planned { plan }, false, false) = (&outcome, args.dry_run, asks) {
        say(match must_name(session, plan) {
            true => format!("--confirm {} does it", name_of(plan)),
            false => "--yes does it".to_owned(),
        });
    }
    let runs = before.see_through(session, global.json).await?;
    if global.json {
        print_json(&Told {
            outcome: &outcome,
            runs,
        })?;
    }
    Ok(Exit::Code(outcome.code(args.dry_run)))
}

/// What was going on before the action, where runs live no longer than the process that drives them.
struct Before {
    pipeline: Option<PipelineKey>,
    runs: HashMap<RunKey, Run>,
}

impl Before {
    fn look(session: &Session, target: &Target) -> Self {
        let world = &session.engine.watch.world;
        let drives = world
            .backend(target.backend())
            .is_some_and(|b| b.info.drives_runs);
        let pipeline = target.pipeline().filter(|_| drives).cloned();
        let runs = pipeline.iter().flat_map(|key| world.runs_of(key));
        Self {
            runs: runs.map(|r| (r.run.key.clone(), r.run.clone())).collect(),
            pipeline,
        }
    }

    /// Runs that the action began or took up again: those that were going before are another dagtop's.
    fn touched<'a>(&'a self, watch: &'a Watch) -> impl Iterator<Item = &'a RunView> {
        let runs = self.pipeline.iter();
        runs.flat_map(|key| watch.world.runs_of(key))
            .filter(|view| match self.runs.get(&view.run.key) {
                None => true,
                Some(known) => known.state.ended() && known.ended_at != view.run.ended_at,
            })
    }

    /// Stays until these runs are over, and says what came of them.
    async fn see_through(&self, session: &mut Session, json: bool) -> anyhow::Result<Vec<Ended>> {
        let over = |watch: &Watch| self.touched(watch).all(|r| r.run.state.ended());
        if !over(&session.engine.watch) {
            say("the run lives in this process: waiting for its end; ctrl-c cancels it");
        }
        while !session.until(Duration::from_secs(3600), over).await {}
        let ended: Vec<Ended> = self
            .touched(&session.engine.watch)
            .map(|view| Ended {
                run: SafeText::new(Target::Run(view.run.key.clone()).address()),
                health: view.health,
            })
            .collect();
        if !json {
            for Ended { run, health } in &ended {
                print(format!("{} {run}\n", health.word()))?;
            }
        }
        Ok(ended)
    }
}

/// A run that the action set going, when it is over.
#[derive(Debug, Serialize)]
struct Ended {
    run: SafeText,
    health: Health,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<Ended>,
}

fn options(args: &Act) -> ActionOptions {
    // a value that is no JSON is meant as text
    let value = |text: &str| {
        serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::String(text.to_owned()))
    };
    ActionOptions {
        scope: Scope {
            upstream: args.upstream,
            downstream: args.downstream,
            only_failed: args.only_failed,
        },
        params: args
            .params
            .iter()
            .map(|(n, v)| (n.clone(), value(v)))
            .collect(),
        run_id: args.run_id.clone(),
        mark: args.mark.map(|m| m.state()),
        note: args.note.clone(),
        limit: args.to,
    }
}

/// Whether the target's name has to be typed: where a slip would cost most.
fn must_name(session: &Session, plan: &Plan) -> bool {
    let request = &plan.request;
    let world = &session.engine.watch.world;
    let protected = world
        .backend(request.target.backend())
        .is_some_and(|b| b.info.protect);
    protected || request.action == Action::Stop
}

fn name_of(plan: &Plan) -> SafeText {
    let target = &plan.request.target;
    match (target, target.pipeline()) {
        (Target::Queue(key), _) => key.queue.safe(),
        (_, Some(key)) => key.pipeline.safe(),
        (_, None) => target.backend().safe(),
    }
}

/// Whether there is somebody to ask, and something that was not said already.
fn asks(args: &Act) -> bool {
    let said = args.dry_run || args.yes || args.confirm.is_some();
    !said && io::stdin().is_terminal()
}

/// Whether a person, or a script that says so, wants this.
async fn approve(args: &Act, session: &Session, plan: &Plan) -> anyhow::Result<bool> {
    let (named, name) = (must_name(session, plan), name_of(plan));
    if args.dry_run {
        return Ok(false);
    }
    if args.yes {
        if named {
            let why = match plan.request.action {
                Action::Stop => "stop hits everything that is going".to_owned(),
                _ => format!("{} is protected", plan.request.target.backend().safe()),
            };
            bail!("{why}: --confirm {name} instead of --yes; nothing was done");
        }
        return Ok(true);
    }
    if let Some(given) = &args.confirm {
        if *given != name.as_str() {
            bail!(
                "--confirm {given:?} is not the name of what this would hit, {name:?}; nothing was done"
            );
        }
        return Ok(true);
    }
    if !asks(args) {
        return Ok(false);
    }
    let wanted = if named { name.as_str() } else { "yes" };
    let mut err = io::stderr();
    write!(err, "{}Type {wanted} to do it: ", plan_text(plan))?;
    err.flush()?;
    Ok(answer().await.trim() == wanted)
}

/// A line from the terminal. Reading can't be called off, so it has a thread that nobody waits for.
async fn answer() -> String {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        // an error is no yes
        let _ = io::stdin().lock().read_line(&mut line);
        let _ = tell.send(line);
    });
    told.await.unwrap_or_default()
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase", tag = "outcome")]
pub(super) enum Outcome {
    /// Nothing was done: this is what would be.
    Planned {
        plan: Box<Plan>,
    },
    Confirmed {
        plan: Box<Plan>,
        what: SafeText,
    },
    Refused {
        why: SafeText,
    },
    /// It was sent; whether it happened is not known.
    Unconfirmed {
        why: SafeText,
    },
}

impl Outcome {
    /// 0 done, 1 refused or declined, 3 not known.
    fn code(&self, dry_run: bool) -> u8 {
        match self {
            Self::Confirmed { .. } => 0,
            Self::Planned { .. } => u8::from(!dry_run),
            Self::Refused { .. } => 1,
            Self::Unconfirmed { .. } => 3,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Planned { plan } => format!("{}nothing was done\n", plan_text(plan)),
            Self::Confirmed { what, .. } => format!("confirmed: {what}\n"),
            Self::Refused { why } => format!("{why}\n"),
            Self::Unconfirmed { why } => format!("not confirmed: {why}\n"),
        }
    }
}

/// The preview: what it does, everything that it hits, what to know first.
fn plan_text(plan: &Plan) -> String {
    let mut out = format!("{}\n", plan.summary);
    for hit in &plan.hits {
        let now = if hit.now.is_empty() { "" } else { "  " };
        out.push_str(&format!("  {}{now}{} -> {}\n", hit.name, hit.now, hit.then));
    }
    for warning in &plan.warnings {
        out.push_str(&format!("! {warning}\n"));
    }
    if !plan.server_preview {
        out.push_str("(listed from what was last seen: the backend has no preview for this)\n");
    }
    out
}

/// Plans; asks; executes when the answer is yes; waits for the confirmation.
pub(super) async fn act(
    session: &mut Session,
    action: Action,
    target: Target,
    options: ActionOptions,
    approve: impl AsyncFnOnce(&Session, &Plan) -> anyhow::Result<bool>,
) -> anyhow::Result<Outcome> {
    if let Some(why) = impossible(session, action, &target) {
        let what = What::impossible(action.word(), &target, &why);
        session.engine.record(what);
        return Ok(Outcome::Refused { why });
    }
    let id = session.engine.next_action();
    session.engine.command(Command::Plan(ActionRequest {
        id,
        action,
        target,
        options,
    }));
    let plan = match wait(session, id, PLAN_LIMIT).await {
        ActionStatus::Planned { plan } => plan,
        ActionStatus::Refused { why } => return Ok(refused(&why)),
        _ => {
            session.engine.command(Command::Withdraw(id));
            return Ok(refused(&ActionError::Unreachable(SafeText::new(
                "it did not say in time what this would hit; nothing was done",
            ))));
        }
    };
    let approved = approve(session, &plan).await;
    if !matches!(approved, Ok(true)) {
        session.engine.command(Command::Withdraw(id));
        return approved.map(|_| Outcome::Planned { plan });
    }
    session.engine.command(Command::Execute(id));
    Ok(match wait(session, id, CONFIRM_LIMIT).await {
        ActionStatus::Confirmed { what } => Outcome::Confirmed { plan, what },
        ActionStatus::Refused { why } => refused(&why),
        ActionStatus::Unconfirmed { why } => Outcome::Unconfirmed { why },
        _ => Outcome::Unconfirmed {
            why: SafeText::new("sent, and no answer within two minutes"),
        },
    })
}

/// What the backend can't do at all, with what comes nearest. One that does not answer speaks for itself.
fn impossible(session: &Session, action: Action, target: &Target) -> Option<SafeText> {
    let backend = session.engine.watch.world.backend(target.backend())?;
    if !backend.up() || backend.info.read_only {
        return None;
    }
    let Support::No { why, nearest } = backend.capabilities.support(action, target.kind()) else {
        return None;
    };
    let kind = |kind: TargetKind| match kind {
        TargetKind::Backend => "BACKEND",
        TargetKind::Queue => "BACKEND/QUEUE",
        TargetKind::Pipeline => "BACKEND/PIPELINE",
        TargetKind::Run => "BACKEND/PIPELINE/RUN",
        TargetKind::Node => "BACKEND/PIPELINE/RUN/NODE",
    };
    let near = nearest.map(|(action, target)| {
        format!("; nearest: dagtop act {} {}", action.word(), kind(target))
    });
    Some(SafeText::new(format!(
        "not possible: {} of {}: {why}{}",
        action.word(),
        kind(target.kind()),
        near.unwrap_or_default()
    )))
}

fn refused(why: &ActionError) -> Outcome {
    Outcome::Refused {
        why: SafeText::new(why.to_string()),
    }
}

/// The status once it is no longer on its way.
async fn wait(session: &mut Session, id: ActionId, limit: Duration) -> ActionStatus {
    let status = |session: &Session| {
        session
            .engine
            .watch
            .world
            .action(id)
            .map_or(ActionStatus::Planning, |a| a.status.clone())
    };
    session
        .until(limit, |watch| {
            watch.world.action(id).is_none_or(|a| {
                !matches!(
                    a.status,
                    ActionStatus::Planning | ActionStatus::Requested { .. }
                )
            })
        })
        .await;
    status(session)
}
