//! Starting and supervising backends.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use indexmap::IndexMap;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::alerts::channels::Screen;
use crate::alerts::{self, Alerts};
use crate::backends::{Backend, Emitter, Link, Request};
use crate::history::audit::{Kind, Scribe, What};
use crate::history::{self, Audit, AuditError, Heard, Reader, StoreError};
use crate::logs::LogStore;
use crate::model::{
    ActionId, Alert, BackendId, BackendStatus, Event, Focus, Reach, SafeText, Stamped,
};
use crate::world::{Changes, World};

use super::duty::{Duty, DutySettings, News};
use super::memory::Memory;
use super::past::{self, Answer, Question, Vantage};
use super::settings::{Settings, alerts, logs};
use super::{Watch, deed, replay};

/// Events that may wait between backends and the engine.
const EVENTS: usize = 1024;
/// Requests that may wait at one backend.
const REQUESTS: usize = 256;

/// How long a message waits for the error line that it is about: with the second between two looks, people hear of it
/// within two.
const PATIENCE: chrono::Duration = chrono::Duration::milliseconds(700);

/// The running whole. Dropping it stops every backend at once; `shutdown` lets them tidy up.
#[derive(Debug)]
pub struct Engine {
    pub watch: Watch,
    pub(super) peers: IndexMap<BackendId, Peer>,
    pub(super) focus: Focus,
    pub(super) scribe: Option<Scribe>,
    /// Why nothing is written down, told once.
    pub(super) audit_trouble: Option<AuditError>,
    pub(super) duty: Duty,
    /// Looks things up in the history, where there is one.
    pub(super) reader: Option<Reader>,
    /// What is promised of pipelines.
    pub(super) expects: Vec<alerts::Expect>,
    pub(super) memory: Memory,
    /// That this program tells people has been written down.
    pub(super) led: bool,
    pub(super) last_action: u64,
    pub(super) sent: usize,
    /// The past is shown: nothing is asked of anybody, nothing is told or written, and this is the time.
    pub(super) still: Option<DateTime<Utc>>,
}

/// The engine's ends of one backend's link.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) focus: watch::Sender<Focus>,
    pub(super) task: JoinHandle<()>,
    pub(super) read_only: bool,
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
            Alerts::new(alerts(settings)),
            settings.late_after,
        );
        watch.patterns = settings.patterns.clone();
        let duty = Duty::start(&settings.duty, &mut watch.alerts);
        duty.recall_fleet(backends.iter().map(|b| b.info().id.clone()).collect());
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
        let (scribe, audit_trouble) = match audit {
            Ok(audit) => {
                let news = duty.news();
                // the loop that has no room for it is about to look anyway
                let nudge = move || drop(news.try_send(News::Audit));
                (Some(Scribe::start(audit, nudge)), None)
            }
            Err(trouble) => (None, Some(trouble)),
        };
        let reader = settings.duty.place.clone();
        let reader = reader.map(|place| Reader::start(move || place.open()));
        let engine = Self {
            watch,
            peers,
            focus: Focus::default(),
            scribe,
            audit_trouble,
            duty,
            reader,
            expects: settings.rules.expects.iter().cloned().collect(),
            memory: Memory::default(),
            led: false,
            last_action: 0,
            sent: 0,
            still: None,
        };
        (engine, events)
    }

    /// Without backends, history or channels: for the past.
    pub fn still(settings: &Settings, at: DateTime<Utc>) -> Self {
        let mut watch = Watch::new(
            World::default(),
            LogStore::new(settings.log_memory),
            Alerts::new(alerts(settings)),
            settings.late_after,
        );
        watch.patterns = settings.patterns.clone();
        watch.replayed = true;
        let duty = Duty::start(&DutySettings::default(), &mut watch.alerts);
        Self {
            watch,
            peers: IndexMap::new(),
            focus: Focus::default(),
            scribe: None,
            audit_trouble: None,
            duty,
            reader: None,
            expects: Vec::new(),
            memory: Memory::default(),
            led: false,
            last_action: 0,
            sent: 0,
            still: Some(at),
        }
    }

    /// The past is shown as it was at this time.
    pub fn stand_at(&mut self, at: DateTime<Utc>) {
        if self.still.is_some() {
            self.still = Some(at);
            self.watch.touch();
        }
    }

    /// What is on screen.
    pub fn focus(&self) -> &Focus {
        &self.focus
    }

    /// Takes in an observation; an action's outcome goes to the audit on its way.
    pub fn apply(&mut self, stamped: &Stamped) -> Changes {
        if let Event::Action { id, status } = &stamped.event
            && let Some(action) = self.watch.world.action(*id)
            && let Some(what) = What::status(&action.request, status)
        {
            self.record(what);
        }
        let changes = self.watch.apply(stamped);
        if changes.any() {
            self.duty.event(stamped);
            if self.duty.remembers() {
                self.memory.observe(&self.watch.world, stamped);
            }
        }
        if let Event::Action { id, .. } = &stamped.event {
            self.acted(*id);
        }
        changes
    }

    pub(super) fn acted(&self, id: ActionId) {
        if let Some(view) = self.watch.world.action(id) {
            self.duty.acted(replay::acted(&history::user(), view));
        }
    }

    /// Computes rows and alerts, asks for the logs that explain the worst failures, and has people told.
    pub fn refresh(&mut self) -> bool {
        if let Some(at) = self.still {
            return self.watch.refresh(at);
        }
        let now = Utc::now();
        for news in self.duty.waiting_news() {
            self.heard(news);
        }
        self.duty.lead(now, &mut self.watch.alerts);
        self.audit_lead();
        self.watch.others_tell = self.duty.others_tell();
        let changed = self.watch.refresh(now);
        if changed {
            self.send_focus();
        }
        self.tell(now);
        self.duty.remember(&mut self.memory, &mut self.watch, now);
        self.duty.keep_worlds(&self.watch, now);
        changed
    }

    /// Has people told. A failure whose log is on its way is told with its error line, if that comes at once.
    fn tell(&mut self, now: DateTime<Utc>) {
        if !self.duty.leads() {
            let tellings = self.watch.alerts.take_tellings().into_iter();
            let letters: Vec<_> = tellings.map(|t| self.watch.letter(t, now)).collect();
            self.duty.show(&letters);
            return;
        }
        let young = |alert: &Alert| alert.fired.is_some_and(|at| now - at < PATIENCE);
        let tellings = self.watch.alerts.tellings().iter().map(|t| &t.alert);
        let mut young = tellings.filter(|alert| young(alert)).peekable();
        let awaited = young.peek().is_some() && {
            let unexplained = self.watch.unexplained();
            let mut runs = young.filter_map(Alert::run);
            runs.any(|run| unexplained.contains(run))
        };
        self.watch.awaiting = awaited;
        if awaited {
            return;
        }
        let tellings = self.watch.alerts.take_tellings();
        let letters = tellings.into_iter().map(|t| self.watch.letter(t, now));
        let letters = letters.collect();
        self.duty.tell(letters, &mut self.watch.alerts, now);
    }

    /// What the loop must hear beside the backends. Whoever takes it hands it to [`Engine::heard`]; untaken, it is
    /// looked at in every refresh.
    pub fn take_news(&mut self) -> Option<mpsc::Receiver<News>> {
        self.duty.take_news()
    }

    /// Takes in what no backend tells.
    pub fn heard(&mut self, news: News) -> Option<Screen> {
        match news {
            News::Kept(Heard::Orders(lines)) => {
                self.duty.apply(&lines, &mut self.watch.alerts);
                self.watch.touch();
            }
            News::Kept(Heard::Silences(bodies)) => {
                deed::silence_all(&mut self.watch.alerts, bodies.into_iter());
                self.watch.touch();
            }
            News::Kept(Heard::Alerts(bodies)) => {
                // who tells people knows best
                if !self.duty.leads() {
                    let lives = bodies.iter().filter_map(|b| serde_json::from_str(b).ok());
                    self.watch.alerts.told_elsewhere(lives);
                    self.watch.touch();
                }
            }
            News::Kept(Heard::Trouble(why)) => self.duty.trouble(why),
            News::Kept(Heard::Recovered { lost }) => {
                let text =
                    format!("the history is written again; {lost} records are missing in it");
                self.duty.trouble(SafeText::new(text));
                self.duty.recovered();
            }
            News::Past(past) => {
                if let Some(why) = past.trouble() {
                    self.duty.trouble(why);
                }
                self.memory.shelved(past.shelved.into_iter());
                self.watch.world.recall(past.recalled);
                self.watch.touch();
            }
            News::Usual(usual) => {
                self.watch.baselines.take_up(*usual);
                self.watch.touch();
            }
            News::Opened(opened) => {
                self.duty.opened(*opened, &mut self.watch.alerts);
                self.watch.touch();
            }
            News::Unopened(why) => self.duty.unopened(why),
            News::LeftOut(many) => self.duty.left_out(many),
            News::Channels => {
                if let Some(status) = self.duty.channels() {
                    self.watch.channels = status;
                }
                self.watch.touch();
            }
            News::Screen(screen) => return Some(screen),
            // whoever looks asks for it
            News::Audit => {}
        }
        None
    }

    /// Whether the past can be asked about.
    pub fn has_history(&self) -> bool {
        self.reader.is_some()
    }

    /// Asks about the past; `None`: nothing is kept.
    pub fn ask(
        &self,
        question: Question,
        local: bool,
    ) -> Option<oneshot::Receiver<Result<Answer, StoreError>>> {
        let reader = self.reader.as_ref()?;
        let mut from = Vantage::new(Utc::now(), local).with(&self.watch, &question, &self.expects);
        from.limit = self.duty.limit();
        let news = self.duty.news();
        Some(reader.ask(move |store| {
            let answer = past::answer(store, &question, &from);
            match store.left_out() {
                0 => {}
                // the loop that has no room for it hears it after the next question
                many => drop(news.try_send(News::LeftOut(many))),
            }
            answer
        }))
    }

    /// What a person must know about alerts and history, once each.
    pub fn troubles(&mut self) -> Vec<SafeText> {
        self.duty.take_troubles()
    }

    /// Whether this program is the one that tells people.
    pub fn leads(&self) -> bool {
        self.duty.leads()
    }

    /// Something about the audit that a person must know, once.
    pub fn audit_trouble(&mut self) -> Option<AuditError> {
        let waiting = self.scribe.as_ref().and_then(Scribe::trouble);
        self.audit_trouble.take().or(waiting)
    }

    /// Writes down what was done here.
    pub fn record(&mut self, what: What) {
        if let Some(scribe) = &self.scribe
            && let Err(trouble) = scribe.write(what)
        {
            self.audit_trouble = Some(trouble);
        }
    }

    /// The same, and does this when it is on the disk (true), or can't be.
    pub fn record_before(&mut self, what: What, then: impl FnOnce(bool) + Send + 'static) {
        match &self.scribe {
            Some(scribe) => {
                if let Err(trouble) = scribe.before(what, then) {
                    self.audit_trouble = Some(trouble);
                }
            }
            None => then(false),
        }
    }

    /// That this program tells people from now on is written down.
    fn audit_lead(&mut self) {
        let leads = self.duty.leads() && self.duty.shares();
        if leads && !std::mem::replace(&mut self.led, true) {
            self.record(What::done(
                Kind::Program,
                "lead",
                "tells people from now on",
            ));
        }
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
        if let Some(mut scribe) = self.scribe {
            // its last lines wait for the disk, and are copied from there
            let _ = tokio::task::spawn_blocking(move || scribe.close()).await;
        }
        self.duty.close().await;
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
