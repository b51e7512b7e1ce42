//! Carrying out what a person said yes to: once more the plan, so that nothing is hit that was not shown;
//! the deeds; then reading back until the server says that it is so. An answer 200 is no proof.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::EngineGone;
use super::client::{Client, Trouble};
use super::poll::Urgency;
pub use crate::model::many;
use crate::model::{ActionError, ActionId, ActionRequest, Hit, ParamSpec, Plan, SafeText, Target};
use crate::net::http::{Call, HttpError};

/// A change that is not seen by then is not confirmed.
const LIMIT: Duration = Duration::from_secs(60);
/// A deed whose outcome is in doubt is tried so often.
const TRIES: u32 = 3;

/// A request that changes something, and how to see that it did.
#[derive(Clone, Debug)]
pub struct Deed<E> {
    pub call: Call,
    /// What it is for, when one of several fails.
    pub name: SafeText,
    /// "Already there" (409) is what was wanted.
    pub conflict_is_done: bool,
    pub expect: E,
}

/// Whether the server says that it is so, in words.
pub enum Check {
    Done(String),
    NotYet(String),
}

impl Check {
    pub fn done(yes: bool, what: String) -> Self {
        if yes {
            Self::Done(what)
        } else {
            Self::NotYet(what)
        }
    }
}

/// Why there is no plan.
pub enum Refusal {
    Trouble(Trouble),
    Action(ActionError),
}

impl<T: Into<Trouble>> From<T> for Refusal {
    fn from(trouble: T) -> Self {
        Self::Trouble(trouble.into())
    }
}

impl From<ActionError> for Refusal {
    fn from(error: ActionError) -> Self {
        Self::Action(error)
    }
}

/// A plan and the deeds that carry it out.
pub type Prepared<E> = Result<(Plan, Vec<Deed<E>>), Refusal>;

/// A plan before its request stands with it.
pub struct Draft<E> {
    pub summary: String,
    pub hits: Vec<Hit>,
    pub warnings: Vec<String>,
    pub server_preview: bool,
    pub deeds: Vec<Deed<E>>,
}

impl<E> Draft<E> {
    pub fn finish(mut self, request: ActionRequest) -> (Plan, Vec<Deed<E>>) {
        self.warnings.dedup();
        let plan = Plan {
            request,
            summary: SafeText::new(self.summary),
            hits: self.hits,
            warnings: self.warnings.iter().map(SafeText::new).collect(),
            server_preview: self.server_preview,
        };
        (plan, self.deeds)
    }
}

/// A backend that can be acted on.
pub trait Act: Send + Sync + 'static {
    /// What the server says when a deed has been done.
    type Expect: Send + Sync;

    fn wire(&self) -> &Client;

    /// The plan of a request as things are now, and its deeds. Changes nothing.
    fn prepare(
        &self,
        request: ActionRequest,
    ) -> impl Future<Output = Prepared<Self::Expect>> + Send;

    /// Time between two readings back.
    fn read_back(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Whether the server says that it is so; what it says is told on.
    fn check(&self, expect: &Self::Expect) -> impl Future<Output = Result<Check, Trouble>> + Send;

    /// Whether an answer of status 2xx refuses the deed all the same, and why.
    fn refused(&self, _body: &[u8]) -> Option<SafeText> {
        None
    }

    /// What was changed should be looked at again at once.
    fn changed(&self, target: &Target);
}

/// A server's refusal in the words of an action.
fn action_error(error: &HttpError, target: &Target) -> ActionError {
    match error {
        HttpError::Unauthorised { said, .. } | HttpError::Forbidden { said, .. } => {
            ActionError::Forbidden(said.clone())
        }
        HttpError::NotFound { .. } => ActionError::Gone(target.label()),
        HttpError::Refused { reason, .. } => ActionError::Refused(reason.clone()),
        other => ActionError::Unreachable(SafeText::new(other.to_string())),
    }
}

pub fn nothing<T>(why: impl AsRef<str>) -> Result<T, Refusal> {
    Err(ActionError::Nothing(SafeText::new(why)).into())
}

pub fn unsupported<T>(why: impl AsRef<str>) -> Result<T, Refusal> {
    Err(ActionError::Unsupported(SafeText::new(why)).into())
}

pub fn hit(name: impl AsRef<str>, now: impl AsRef<str>, then: impl AsRef<str>) -> Hit {
    Hit {
        name: SafeText::new(name),
        now: SafeText::new(now),
        then: SafeText::new(then),
    }
}

/// What a trigger would start a pipeline with, and what is odd about it. `what`: "DAG", "flow".
pub fn params_of_trigger(
    what: &str,
    specs: &[ParamSpec],
    given: &serde_json::Map<String, Value>,
) -> (Vec<Hit>, Vec<String>) {
    let (mut hits, mut warnings) = (Vec::new(), Vec::new());
    for spec in specs
        .iter()
        .filter(|s| !given.contains_key(s.name.as_str()))
    {
        if spec.required {
            warnings.push(format!(
                "the parameter {} has no value and none is given",
                spec.name
            ));
        }
        hits.push(hit(
            format!("param {}", spec.name),
            spec.default.to_string(),
            "default",
        ));
    }
    for (name, value) in given {
        let spec = specs.iter().find(|s| s.name == name.as_str());
        if spec.is_none() && !specs.is_empty() {
            warnings.push(format!("the {what} knows no parameter {name}"));
        }
        hits.push(hit(
            format!("param {name}"),
            spec.map_or_else(|| "not there".to_owned(), |s| s.default.to_string()),
            value.to_string(),
        ));
    }
    (hits, warnings)
}

pub(super) async fn plan<B: Act>(backend: Arc<B>, request: ActionRequest) {
    let (id, target) = (request.id, request.target.clone());
    let told = match backend.prepare(request).await {
        Ok((plan, _)) => backend.wire().emitter.planned(plan).await,
        Err(refusal) => refuse(backend.wire(), id, refusal, &target).await,
    };
    // an engine that is gone has nobody left to tell
    let _ = told;
}

async fn refuse(
    client: &Client,
    id: ActionId,
    refusal: Refusal,
    target: &Target,
) -> Result<(), EngineGone> {
    let why = match refusal {
        Refusal::Action(why) => why,
        Refusal::Trouble(Trouble::Http(error)) => action_error(&error, target),
        Refusal::Trouble(Trouble::Gone(gone)) => return Err(gone),
    };
    client.emitter.refused(id, why).await
}

pub(super) async fn execute<B: Act>(backend: Arc<B>, plan: Box<Plan>) {
    // an engine that is gone has nobody left to tell
    let _ = carry_out(&*backend, &plan).await;
}

async fn carry_out<B: Act>(backend: &B, plan: &Plan) -> Result<(), EngineGone> {
    let (id, target) = (plan.request.id, &plan.request.target);
    let emitter = &backend.wire().emitter;
    let deeds = match backend.prepare(plan.request.clone()).await {
        Ok((now, deeds)) => {
            if let Some(new) = beyond(plan, &now) {
                let why = SafeText::new(format!(
                    "things have changed since you looked: it would now also hit {new}. Look again"
                ));
                return emitter.refused(id, ActionError::Refused(why)).await;
            }
            deeds
        }
        Err(refusal) => return refuse(backend.wire(), id, refusal, target).await,
    };
    let mut waiting = Vec::new();
    let mut failed = Vec::new();
    let total = deeds.len();
    for deed in deeds {
        match send(backend, &deed).await {
            Ok(()) => waiting.push(deed),
            Err(Trouble::Gone(gone)) => return Err(gone),
            Err(Trouble::Http(error)) => failed.push((deed.name, error)),
        }
    }
    if waiting.is_empty()
        && let Some((_, error)) = failed.first()
    {
        return emitter.refused(id, action_error(error, target)).await;
    }
    emitter.requested(id).await?;
    let outcome = read_back(backend, &waiting).await;
    backend.changed(target);
    match (outcome?, failed.first()) {
        (Outcome::Seen(what), None) => emitter.confirmed(id, what).await,
        (Outcome::Seen(what), Some((name, error))) => {
            let why = format!(
                "{} of {total} failed ({name}: {}); the others: {what}",
                failed.len(),
                error.said()
            );
            emitter.unconfirmed(id, why).await
        }
        (Outcome::NotSeen(last), _) => {
            let why = format!(
                "sent, but after {} s the server still says: {last}",
                LIMIT.as_secs()
            );
            emitter.unconfirmed(id, why).await
        }
    }
}

/// The first thing that would be hit and was not shown.
fn beyond(shown: &Plan, now: &Plan) -> Option<SafeText> {
    let known: HashSet<&SafeText> = shown.hits.iter().map(|h| &h.name).collect();
    now.hits
        .iter()
        .find(|h| !known.contains(&h.name))
        .map(|h| h.name.clone())
}

/// Sends a deed. When there is no clear answer (Airflow on SQLite answers 500 when its database is
/// locked, and may or may not have done it) the server is asked before it is sent again.
async fn send<B: Act>(backend: &B, deed: &Deed<B::Expect>) -> Result<(), Trouble> {
    let client = backend.wire();
    for attempt in 1.. {
        client.pacer.turn(Urgency::Now).await;
        let error = match client.http.bytes(&deed.call).await {
            Ok(body) => {
                return match backend.refused(&body) {
                    None => Ok(()),
                    Some(reason) => Err(Trouble::Http(HttpError::Refused {
                        place: client.http.place(&deed.call),
                        status: 200,
                        reason,
                    })),
                };
            }
            Err(HttpError::Refused { status: 409, .. }) if deed.conflict_is_done => return Ok(()),
            Err(error) => error,
        };
        if !error.in_doubt() || attempt >= TRIES {
            return Err(error.into());
        }
        tokio::time::sleep(Duration::from_secs(u64::from(attempt))).await;
        if let Ok(Check::Done(_)) = backend.check(&deed.expect).await {
            return Ok(());
        }
    }
    Ok(())
}

enum Outcome {
    Seen(String),
    NotSeen(String),
}

/// Reads until everything is as expected, or the time is up.
async fn read_back<B: Act>(backend: &B, deeds: &[Deed<B::Expect>]) -> Result<Outcome, EngineGone> {
    let deadline = Instant::now() + LIMIT;
    let mut seen = Vec::new();
    for deed in deeds {
        loop {
            let last = match backend.check(&deed.expect).await {
                Ok(Check::Done(what)) => {
                    seen.push(what);
                    break;
                }
                Ok(Check::NotYet(what)) => what,
                Err(Trouble::Gone(gone)) => return Err(gone),
                Err(Trouble::Http(error)) => error.to_string(),
            };
            if Instant::now() >= deadline {
                return Ok(Outcome::NotSeen(last));
            }
            tokio::time::sleep(backend.read_back()).await;
        }
    }
    Ok(Outcome::Seen(match seen.as_slice() {
        [one] => one.clone(),
        all => format!(
            "{} done: {}",
            all.len(),
            all.last().map_or("", String::as_str)
        ),
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::model::{Action, ActionOptions, BackendId, Hit, PipelineKey};

    fn plan(hits: &[&str]) -> Plan {
        Plan {
            request: ActionRequest {
                id: ActionId(1),
                action: Action::Retry,
                target: Target::Pipeline(PipelineKey::new(&BackendId::new("b"), "p")),
                options: ActionOptions::default(),
            },
            summary: SafeText::default(),
            hits: hits
                .iter()
                .map(|name| Hit {
                    name: SafeText::new(name),
                    now: SafeText::default(),
                    then: SafeText::default(),
                })
                .collect(),
            warnings: Vec::new(),
            server_preview: true,
        }
    }

    #[test]
    fn a_plan_holds_while_nothing_more_would_be_hit() {
        assert_eq!(beyond(&plan(&["a", "b"]), &plan(&["b"])), None);
        assert_eq!(
            beyond(&plan(&["a"]), &plan(&["a", "c"])),
            Some(SafeText::new("c"))
        );
    }
}
