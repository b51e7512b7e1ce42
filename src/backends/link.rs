//! The wire between a backend and the engine.

use chrono::Utc;
use tokio::sync::{mpsc, watch};

use crate::model::{
    ActionError, ActionId, ActionRequest, ActionStatus, BackendId, Event, Focus, Plan, SafeText,
    Stamped,
};

/// The engine has stopped: the backend should end quietly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine has stopped")]
pub struct EngineGone;

/// What the engine asks of a backend.
#[derive(Clone, Debug)]
pub enum Request {
    /// Say exactly what this would hit; answer with `Planned` or `Refused`. Changes nothing.
    Plan(ActionRequest),
    /// A person said yes to this plan: do it, then read back until it is confirmed.
    Execute(Box<Plan>),
    /// Look again now.
    Refresh,
}

/// A backend's end of the wire. The channel is bounded: a backend that says more than the engine
/// can take waits.
#[derive(Debug)]
pub struct Link {
    pub emitter: Emitter,
    pub requests: mpsc::Receiver<Request>,
    /// Always holds the newest focus; `changed()` wakes when there is a newer one.
    pub focus: watch::Receiver<Focus>,
}

/// Sends events; cheap to clone into the parts of a backend.
#[derive(Clone, Debug)]
pub struct Emitter {
    backend: BackendId,
    events: mpsc::Sender<Stamped>,
}

impl Link {
    /// The engine's ends are `requests` and `focus` of the caller's making.
    pub fn new(
        backend: BackendId,
        events: mpsc::Sender<Stamped>,
        requests: mpsc::Receiver<Request>,
        focus: watch::Receiver<Focus>,
    ) -> Self {
        Self {
            emitter: Emitter { backend, events },
            requests,
            focus,
        }
    }

    pub async fn emit(&self, event: Event) -> Result<(), EngineGone> {
        self.emitter.emit(event).await
    }

    /// The newest focus, marked as seen.
    pub fn focus_now(&mut self) -> Focus {
        self.focus.borrow_and_update().clone()
    }
}

impl Emitter {
    pub fn backend(&self) -> &BackendId {
        &self.backend
    }

    /// Stamps the event with the time of its observation, which is now.
    pub async fn emit(&self, event: Event) -> Result<(), EngineGone> {
        let stamped = Stamped {
            backend: self.backend.clone(),
            at: Utc::now(),
            event,
        };
        self.events.send(stamped).await.map_err(|_| EngineGone)
    }

    pub async fn action(&self, id: ActionId, status: ActionStatus) -> Result<(), EngineGone> {
        self.emit(Event::Action { id, status }).await
    }

    pub async fn planned(&self, plan: Plan) -> Result<(), EngineGone> {
        self.action(
            plan.request.id,
            ActionStatus::Planned {
                plan: Box::new(plan),
            },
        )
        .await
    }

    pub async fn refused(&self, id: ActionId, why: ActionError) -> Result<(), EngineGone> {
        self.action(id, ActionStatus::Refused { why }).await
    }

    pub async fn requested(&self, id: ActionId) -> Result<(), EngineGone> {
        self.action(id, ActionStatus::Requested { since: Utc::now() })
            .await
    }

    pub async fn confirmed(&self, id: ActionId, what: impl AsRef<str>) -> Result<(), EngineGone> {
        self.action(
            id,
            ActionStatus::Confirmed {
                what: SafeText::new(what),
            },
        )
        .await
    }

    pub async fn unconfirmed(&self, id: ActionId, why: impl AsRef<str>) -> Result<(), EngineGone> {
        self.action(
            id,
            ActionStatus::Unconfirmed {
                why: SafeText::new(why),
            },
        )
        .await
    }
}
