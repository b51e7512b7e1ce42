//! `dagtop act`: the same plans as on the screen, from a script.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::bail;
use serde::Serialize;

use crate::backends::Role;
use crate::cli::{Act, Global};
use crate::engine::Command;
use crate::model::{
    Action, ActionError, ActionId, ActionOptions, ActionRequest, ActionStatus, Plan, SafeText,
    Scope, Target,
};

use super::session::Session;
use super::{Exit, address, open, print, print_json};

/// A backend confirms within this, or the outcome is unknown.
const PLAN_LIMIT: Duration = Duration::from_secs(30);
const CONFIRM_LIMIT: Duration = Duration::from_secs(120);

pub(super) fn run(global: &Global, args: &Act) -> anyhow::Result<Exit> {
    let (config, paths) = open::config(global)?;
    let outcome = super::runtime()?.block_on(async {
        let mut session = open::session(&config, &paths, Role::Act);
        session.until_listed(Duration::from_secs(args.wait)).await;
        let outcome = match address::resolve(&session.engine.watch, &args.address) {
            Ok(target) => {
                let approve =
                    |session: &Session, plan: &Plan| approve(args, plan, &password(session, plan));
                act(
                    &mut session,
                    args.action.action(),
                    target,
                    options(args),
                    approve,
                )
                .await
            }
            Err(error) => Err(error.into()),
        };
        if let Some(trouble) = session.engine.audit_trouble() {
            let _ = writeln!(io::stderr(), "dagtop: {trouble}");
        }
        if outcome.is_ok() {
            session.until_idle().await;
        }
        session.close().await;
        outcome
    })?;
    if global.json {
        print_json(&outcome)?;
    } else {
        print(outcome.text())?;
    }
    Ok(Exit::Code(outcome.code(args.dry_run)))
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
    }
}

/// What has to be typed for a yes: the target's name where a slip would cost most.
fn password(session: &Session, plan: &Plan) -> String {
    let request = &plan.request;
    let protected = session
        .engine
        .watch
        .world
        .backend(request.target.backend())
        .is_some_and(|b| b.info.protect);
    if !protected && request.action != Action::Stop {
        return "yes".to_owned();
    }
    match request.target.pipeline() {
        Some(key) => key.pipeline.raw().to_owned(),
        None => request.target.backend().raw().to_owned(),
    }
}

/// Whether a person, or a script that says so, wants this.
fn approve(args: &Act, plan: &Plan, password: &str) -> anyhow::Result<bool> {
    if args.dry_run {
        return Ok(false);
    }
    if args.yes {
        if password != "yes" {
            bail!("this target is protected: --confirm NAME with its name, instead of --yes");
        }
        return Ok(true);
    }
    if let Some(name) = &args.confirm {
        if name != password && password != "yes" {
            bail!("--confirm {name:?} is not the name of what this would hit; nothing was done");
        }
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut err = io::stderr();
    write!(
        err,
        "{}Type {} to do it: ",
        plan_text(plan),
        SafeText::new(password)
    )?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == password)
}

/// What `--json` prints.
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
        out.push_str(&format!("  {}  {} -> {}\n", hit.name, hit.now, hit.then));
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
    approve: impl FnOnce(&Session, &Plan) -> anyhow::Result<bool>,
) -> anyhow::Result<Outcome> {
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
    let approved = approve(session, &plan);
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
