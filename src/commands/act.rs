//! `dagtop act`: the same plans as on the screen, from a script.

use std::time::Duration;

use serde::Serialize;

use crate::engine::Command;
use crate::model::{
    Action, ActionError, ActionId, ActionOptions, ActionRequest, ActionStatus, Plan, SafeText,
    Target,
};

use super::session::Session;

/// A backend confirms within this, or the outcome is unknown.
const PLAN_LIMIT: Duration = Duration::from_secs(30);
const CONFIRM_LIMIT: Duration = Duration::from_secs(120);

/// What `--json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase", tag = "outcome")]
pub enum Outcome {
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
    /// 0 done (or planned), 1 refused, 3 not known.
    pub fn code(&self) -> u8 {
        match self {
            Self::Planned { .. } | Self::Confirmed { .. } => 0,
            Self::Refused { .. } => 1,
            Self::Unconfirmed { .. } => 3,
        }
    }

    pub fn text(&self) -> String {
        match self {
            Self::Planned { plan } => plan_text(plan),
            Self::Confirmed { what, .. } => format!("confirmed: {what}\n"),
            Self::Refused { why } => format!("{why}\n"),
            Self::Unconfirmed { why } => format!("not confirmed: {why}\n"),
        }
    }
}

/// The preview: what it does, everything that it hits, what to know first.
pub fn plan_text(plan: &Plan) -> String {
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
pub async fn act(
    session: &mut Session,
    action: Action,
    target: Target,
    options: ActionOptions,
    approve: impl FnOnce(&Plan) -> anyhow::Result<bool>,
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
    if !approve(&plan)? {
        session.engine.command(Command::Withdraw(id));
        return Ok(Outcome::Planned { plan });
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
