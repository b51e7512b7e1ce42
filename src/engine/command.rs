//! What may be asked of the engine, and carrying it out.

use chrono::Utc;
use tokio::sync::mpsc::error::TrySendError;

use crate::backends::Request;
use crate::history;
use crate::history::audit::What;
use crate::model::{
    ActionError, ActionId, ActionRequest, ActionStatus, AlertDeed, AlertId, AlertOrder, BackendId,
    By, Event, Focus, SafeText, Silence, Stamped,
};

use super::{Deed, Engine};

#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// This is on screen now.
    Focus(Focus),
    /// Find out what exactly this would hit. The id comes from [`super::Engine::next_action`]
    /// or is any that was not used before.
    Plan(ActionRequest),
    /// A person said yes to the plan of this request.
    Execute(ActionId),
    /// A person said no.
    Withdraw(ActionId),
    /// The person at this terminal does something about an alert.
    Alert(AlertId, AlertDeed),
    /// Asks for quiet.
    Silence(Silence),
    /// Ends a silence, by its id.
    Unsilence(String),
    /// Tries to tell again what could not be told.
    RetryLetters,
    /// Ask every backend to look again now.
    Refresh,
}

impl Engine {
    pub fn command(&mut self, command: Command) {
        if self.still.is_some() && !matches!(command, Command::Focus(_)) {
            return;
        }
        match command {
            Command::Focus(focus) => {
                let read = focus.logs.iter().chain(&focus.tails).cloned();
                self.watch.logs.set_focus(read);
                self.focus = focus;
                self.send_focus();
            }
            Command::Plan(request) => self.plan(request),
            Command::Execute(id) => self.execute(id),
            Command::Withdraw(id) => self.watch.world.withdraw(id),
            Command::Alert(id, deed) => {
                let order = AlertOrder { id, by: me(), deed };
                if self.watch.alerts.order(&order) {
                    self.record(What::alert(&order));
                    self.duty.did(&Deed::Alert(order));
                }
                self.watch.touch();
            }
            Command::Silence(silence) => {
                match self.watch.alerts.silence(silence.clone()) {
                    Ok(()) => {
                        self.record(What::silence(&silence));
                        self.duty.did(&Deed::Silence(silence));
                    }
                    Err(error) => self.duty.trouble(SafeText::new(error.to_string())),
                }
                self.watch.touch();
            }
            Command::Unsilence(id) => {
                if self.watch.alerts.unsilence(&id) {
                    self.record(What::unsilence(&id));
                    self.duty.did(&Deed::Unsilence { id, by: me() });
                }
                self.watch.touch();
            }
            Command::RetryLetters => {
                for letter in self.watch.channels.dead.iter() {
                    self.duty.retry(letter.id);
                }
            }
            Command::Refresh => {
                for peer in self.peers.values() {
                    // a full inbox means that it will look anyway
                    let _ = peer.requests.try_send(Request::Refresh);
                }
            }
        }
    }

    pub(super) fn send_focus(&self) {
        let mut wanted = self.focus.clone();
        wanted.tails.extend(self.watch.wanted_tails());
        for (id, peer) in &self.peers {
            let own = wanted.only(id);
            peer.focus.send_if_modified(|known| {
                let changed = *known != own;
                *known = own;
                changed
            });
        }
    }

    fn plan(&mut self, request: ActionRequest) {
        let id = request.id;
        self.last_action = self.last_action.max(id.0);
        let backend = request.target.backend().clone();
        self.watch.world.asked(request.clone(), Utc::now());
        match self.peers.get(&backend) {
            Some(peer) if peer.read_only => {
                let why = format!("{} is read_only in the config", backend.safe());
                self.settle(&backend, id, ActionError::Forbidden(SafeText::new(why)));
            }
            _ => self.send(&backend, id, Request::Plan(request)),
        }
    }

    fn execute(&mut self, id: ActionId) {
        let Some(action) = self.watch.world.action(id) else {
            return;
        };
        let ActionStatus::Planned { plan } = action.status.clone() else {
            return;
        };
        let backend = action.request.target.backend().clone();
        let what = What::approved(&action.request, &plan);
        let permit = match self.peers.get(&backend) {
            None => Err("there is no such backend"),
            Some(peer) => peer.requests.clone().try_reserve_owned().map_err(unsent),
        };
        let permit = match permit {
            Ok(permit) => permit,
            Err(why) => {
                self.record(what);
                self.settle(&backend, id, ActionError::Unreachable(SafeText::new(why)));
                return;
            }
        };
        let at = Utc::now();
        let requested = Event::Action {
            id,
            status: ActionStatus::Requested { since: at },
        };
        self.watch.apply(&Stamped {
            backend: backend.clone(),
            at,
            event: requested,
        });
        self.acted(id);
        self.sent += 1;
        // it goes out when the line is on the disk; one that can't be written is told
        self.record_before(what, move |_| drop(permit.send(Request::Execute(plan))));
    }

    fn send(&mut self, backend: &BackendId, id: ActionId, request: Request) {
        let why = match self.peers.get(backend) {
            None => "there is no such backend",
            Some(peer) => match peer.requests.try_send(request) {
                Ok(()) => return,
                Err(error) => unsent(error),
            },
        };
        self.settle(backend, id, ActionError::Unreachable(SafeText::new(why)));
    }

    fn settle(&mut self, backend: &BackendId, id: ActionId, why: ActionError) {
        let event = Event::Action {
            id,
            status: ActionStatus::Refused { why },
        };
        let stamped = Stamped {
            backend: backend.clone(),
            at: Utc::now(),
            event,
        };
        self.apply(&stamped);
    }
}

fn unsent<T>(error: TrySendError<T>) -> &'static str {
    match error {
        TrySendError::Full(_) => "it has not answered earlier requests",
        TrySendError::Closed(_) => "its watcher has stopped",
    }
}

/// The person at this terminal, now.
fn me() -> By {
    By {
        who: history::user(),
        at: Utc::now(),
    }
}
