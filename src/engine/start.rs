//! Starting and supervising backends.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::Duration;

use chrono::Utc;
use futures_util::FutureExt;
use indexmap::IndexMap;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::alerts::{Alerts, Builtin, Rules};
use crate::backends::{Backend, Emitter, Link, Request};
use crate::config::Config;
use crate::history::{self, Audit, AuditError};
use crate::logs::{DEFAULT_LIMIT, LogStore, Spill};
use crate::model::{
    ActionError, ActionId, ActionRequest, ActionStatus, AlertOrder, BackendId, BackendStatus, By,
    Event, Focus, LogKey, Reach, SafeText, Stamped,
};
use crate::world::{Changes, World};

use super::{Command, Watch};

/// Events that may wait between backends and the engine.
const EVENTS: usize = 1024;
/// Requests that may wait at one backend.
const REQUESTS: usize = 256;

/// What the engine needs to know beside its backends.
#[derive(Clone, Debug)]
pub struct Settings {
    pub rules: Rules,
    pub late_after: chrono::Duration,
    /// Bytes of log text kept in memory over all logs.
    pub log_memory: usize,
    /// Bytes kept on disk when memory is full, and for how long.
    pub log_disk: u64,
    pub log_keep: Duration,
    /// Where; without it what has no room in memory is dropped.
    pub log_dir: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            late_after: chrono::Duration::minutes(2),
            log_memory: DEFAULT_LIMIT,
            log_disk: 1 << 30,
            log_keep: Duration::from_secs(7 * 86_400),
            log_dir: None,
        }
    }
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        let on = &config.alerts;
        let off = [
            (on.failing, &[Builtin::RunFailing, Builtin::RunLost][..]),
            (on.blocked, &[Builtin::RunBlocked]),
            (on.late, &[Builtin::RunLate]),
            (
                on.backend,
                &[
                    Builtin::BackendUnreachable,
                    Builtin::BackendUnauthorised,
                    Builtin::BackendDegraded,
                ],
            ),
            (on.import_error, &[Builtin::ImportError]),
        ];
        let off = off
            .iter()
            .filter(|(on, _)| !on)
            .flat_map(|(_, kinds)| kinds.iter().copied())
            .collect();
        Self {
            rules: Rules {
                off,
                ..Rules::default()
            },
            late_after: chrono::Duration::from_std(on.late_after).unwrap_or(chrono::Duration::MAX),
            log_memory: usize::try_from(config.logs.memory).unwrap_or(usize::MAX),
            log_disk: config.logs.disk,
            log_keep: config.logs.keep,
            log_dir: None,
        }
    }
}

/// The running whole. Dropping it stops every backend at once; `shutdown` lets them tidy up.
#[derive(Debug)]
pub struct Engine {
    pub watch: Watch,
    peers: IndexMap<BackendId, Peer>,
    focus: Focus,
    audit: Option<Audit>,
    /// Why nothing is written down, told once.
    audit_trouble: Option<AuditError>,
    last_action: u64,
    sent: usize,
}

/// The engine's ends of one backend's link.
#[derive(Debug)]
struct Peer {
    requests: mpsc::Sender<Request>,
    focus: watch::Sender<Focus>,
    task: JoinHandle<()>,
    read_only: bool,
}

impl Engine {
    /// Starts every backend as a task, and returns the stream of what they observe: whoever runs
    /// the loop hands each event back to `apply`. Must be called inside a tokio runtime.
    pub fn start(
        backends: Vec<Box<dyn Backend>>,
        settings: &Settings,
        audit: Result<Audit, AuditError>,
    ) -> (Self, mpsc::Receiver<Stamped>) {
        let world = World::new(backends.iter().map(|b| b.info().clone()));
        let mut watch = Watch::new(
            world,
            logs(settings),
            Alerts::new(settings.rules.clone()),
            settings.late_after,
        );
        let (sender, events) = mpsc::channel(EVENTS);
        let mut peers = IndexMap::new();
        for backend in backends {
            let info = backend.info().clone();
            watch.apply(&Stamped {
                backend: info.id.clone(),
                at: Utc::now(),
                event: Event::Capabilities(backend.capabilities()),
            });
            let (requests, inbox) = mpsc::channel(REQUESTS);
            let (focus, seen) = watch::channel(Focus::default());
            let link = Link::new(info.id.clone(), sender.clone(), inbox, seen);
            let task = tokio::spawn(supervise(backend, link));
            peers.insert(
                info.id,
                Peer {
                    requests,
                    focus,
                    task,
                    read_only: info.read_only,
                },
            );
        }
        watch.refresh(Utc::now());
        let (audit, audit_trouble) = match audit {
            Ok(audit) => (Some(audit), None),
            Err(trouble) => (None, Some(trouble)),
        };
        let engine = Self {
            watch,
            peers,
            focus: Focus::default(),
            audit,
            audit_trouble,
            last_action: 0,
            sent: 0,
        };
        (engine, events)
    }

    /// Takes in an observation; an action's outcome goes to the audit on its way.
    pub fn apply(&mut self, stamped: &Stamped) -> Changes {
        if let (Event::Action { id, status }, Some(audit)) = (&stamped.event, &mut self.audit)
            && let Some(action) = self.watch.world.action(*id)
            && let Err(trouble) = audit.status(&action.request, status)
        {
            self.audit_trouble = Some(trouble);
        }
        self.watch.apply(stamped)
    }

    /// Computes rows and alerts, and asks for the logs that explain the worst failures.
    pub fn refresh(&mut self) -> bool {
        let changed = self.watch.refresh(Utc::now());
        if changed {
            self.send_focus();
        }
        changed
    }

    /// Something about the audit that a person must know, once.
    pub fn audit_trouble(&mut self) -> Option<AuditError> {
        self.audit_trouble.take()
    }

    /// How many actions were approved and sent.
    pub fn actions_sent(&self) -> usize {
        self.sent
    }

    /// An id for a new request.
    pub fn next_action(&mut self) -> ActionId {
        self.last_action += 1;
        ActionId(self.last_action)
    }

    pub fn command(&mut self, command: Command) {
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
                let by = By {
                    who: history::user(),
                    at: Utc::now(),
                };
                self.watch.alerts.order(&AlertOrder { id, by, deed });
                self.watch.touch();
            }
            Command::Silence(silence) => {
                // the screen has checked it
                let _ = self.watch.alerts.silence(silence);
                self.watch.touch();
            }
            Command::Unsilence(id) => {
                self.watch.alerts.unsilence(&id);
                self.watch.touch();
            }
            Command::Refresh => {
                for peer in self.peers.values() {
                    // a full inbox means that it will look anyway
                    let _ = peer.requests.try_send(Request::Refresh);
                }
            }
        }
    }

    fn send_focus(&self) {
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
        if let Some(audit) = &mut self.audit
            && let Err(trouble) = audit.approved(&action.request, &plan.summary, plan.hits.len())
        {
            self.audit_trouble = Some(trouble);
        }
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
        self.sent += 1;
        self.send(&backend, id, Request::Execute(plan));
    }

    fn send(&mut self, backend: &BackendId, id: ActionId, request: Request) {
        let why = match self.peers.get(backend) {
            None => "there is no such backend",
            Some(peer) => match peer.requests.try_send(request) {
                Ok(()) => return,
                Err(TrySendError::Full(_)) => "it has not answered earlier requests",
                Err(TrySendError::Closed(_)) => "its watcher has stopped",
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

    /// Lets every backend tidy up (end what it started, write down what it knows), for at most
    /// `grace`; then stops them. The stream of events must have been dropped: a backend that waits
    /// to be heard would wait for ever.
    pub async fn shutdown(self, grace: Duration) {
        let mut tasks = Vec::new();
        for (_, peer) in self.peers {
            // a closed inbox is how a backend learns of the end
            drop(peer.requests);
            drop(peer.focus);
            tasks.push(peer.task);
        }
        let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        let all = futures_util::future::join_all(tasks);
        if tokio::time::timeout(grace, all).await.is_err() {
            for abort in aborts {
                abort.abort();
            }
        }
    }
}

fn logs(settings: &Settings) -> LogStore<LogKey> {
    let logs = LogStore::new(settings.log_memory);
    match &settings.log_dir {
        Some(dir) if settings.log_disk > 0 => {
            logs.with_spill(Spill::new(dir, settings.log_disk).kept_for(settings.log_keep))
        }
        _ => logs,
    }
}

/// Runs a backend; its end is told as its status, for nothing else will tell.
async fn supervise(backend: Box<dyn Backend>, link: Link) {
    let emitter: Emitter = link.emitter.clone();
    let reason = match AssertUnwindSafe(backend.run(link)).catch_unwind().await {
        Ok(Ok(never)) => match never {},
        Ok(Err(crate::backends::BackendError::EngineGone(_))) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "dagtop's own watcher of this backend crashed; the others go on. Restart dagtop to watch it again".to_owned(),
    };
    let status = BackendStatus {
        reach: Reach::Down {
            reason: SafeText::new(reason),
            retry_at: None,
        },
        ..BackendStatus::default()
    };
    // nobody left to tell is fine too
    let _ = emitter.emit(Event::Status(status)).await;
}
