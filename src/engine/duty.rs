//! The duty of telling people: keeps what alerts there are and what was done about them, and, in the one program of
//! several that leads, hands messages to the courier.

use std::path::PathBuf;

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::alerts::Alerts;
use crate::alerts::channels::{self, Screen};
use crate::alerts::courier::{Courier, Letter, Status};
use crate::alerts::outbox::{Beside, Delivery};
use crate::analytics::Baselines;
use crate::config::Channel;
use crate::history::audit::Copier;
use crate::history::{
    Heard, Keeper, Leader, Line, Log, Place, Policy, READ, Shelf, Store, StoreError, Tend, Write,
};
use crate::model::{BackendId, Message, SafeText, Stamped};

use super::Watch;
use super::deed::{Deed, silence_all, writes};
use super::held::{self, Held, Opened, Why};
use super::ledger::StoreLedger;
use super::memory::Memory;
use super::memory::past::{self, Past};
use super::replay::{Keeping, Line as Kept, Lives};

/// Between two tries to lead.
const TRY: Duration = Duration::seconds(5);
/// News that may wait for the loop.
const NEWS: usize = 64;

/// What the loop must hear that no backend tells.
#[derive(Debug)]
pub enum News {
    Kept(Heard),
    /// A channel that is this terminal has something to show.
    Screen(Screen),
    /// It stands otherwise with the channels.
    Channels,
    /// What an earlier program left of the fleet, ...
    Past(Box<Past>),
    /// ... and what was usual.
    Usual(Box<Baselines>),
    /// The audit can't be written.
    Audit,
    /// So many records of the history made no sense to an answer.
    LeftOut(u64),
    /// A store was opened beside the loop ...
    Opened(Box<Opened>),
    /// ... or can't be so far, and why.
    Unopened(SafeText),
}

/// Where things are kept, and who is told.
#[derive(Clone, Debug, Default)]
pub struct DutySettings {
    /// Without it nothing outlives this process.
    pub place: Option<Place>,
    pub channels: Vec<Channel>,
    /// May lead: a one-shot command never does.
    pub lead: bool,
    /// What backends tell is kept, for rules to be tested against.
    pub events: bool,
    /// How long what is kept, and how much of it.
    pub keep: Policy,
    /// The folder of the audit that is copied there.
    pub audit: Option<PathBuf>,
}

#[derive(Debug)]
pub(super) struct Duty {
    settings: DutySettings,
    keeper: Option<Keeper>,
    leader: Option<Leader>,
    courier: Option<Courier>,
    /// What the courier had no room for.
    waiting: (Vec<Letter>, Vec<Beside>),
    tried: Option<DateTime<Utc>>,
    /// The last order that was applied.
    read: i64,
    news: mpsc::Sender<News>,
    inbox: Option<mpsc::Receiver<News>>,
    /// What a person must know, once each.
    troubles: Vec<SafeText>,
    /// Events found no room in the history: told once.
    behind: bool,
    /// So were records in it that make no sense.
    senseless: bool,
    /// What makes a replay out of what is kept.
    keeping: Keeping,
    /// Why this program could not take over, as it was last told.
    hindered: Option<SafeText>,
    /// Everything that was known when this program began to write has been handed over.
    remembers: bool,
    /// A store is being opened beside the loop; so far it could not be.
    opening: Option<Why>,
    unopened: bool,
    /// What was done here meanwhile.
    meanwhile: Vec<Deed>,
}

/// A telling as it is kept: what was said, and on which channels.
#[derive(Serialize)]
struct Told<'a> {
    message: &'a Message,
    channels: &'a [String],
}

impl Duty {
    /// Takes up what an earlier process left. Must be called inside a runtime.
    pub(super) fn start(settings: &DutySettings, alerts: &mut Alerts) -> Self {
        let (news, inbox) = mpsc::channel(NEWS);
        let mut duty = Self {
            settings: settings.clone(),
            keeper: None,
            leader: None,
            courier: None,
            waiting: (Vec::new(), Vec::new()),
            tried: None,
            read: 0,
            news,
            inbox: Some(inbox),
            troubles: Vec::new(),
            behind: false,
            senseless: false,
            keeping: Keeping::default(),
            hindered: None,
            remembers: false,
            opening: None,
            unopened: false,
            meanwhile: Vec::new(),
        };
        let Some(place) = &settings.place else {
            if settings.lead {
                duty.hire(Vec::new(), None);
            }
            return duty;
        };
        // who looks once must see at once what is there
        let beside = place.is_far() && settings.lead;
        if beside {
            duty.opening = Some(Why::Keep);
            held::begin(place, Why::Keep, duty.news.clone());
        }
        match (!beside).then(|| duty.open(place, alerts)) {
            None => {}
            Some(Ok(keeper)) => duty.keeper = Some(keeper),
            Some(Err(error)) => {
                let text = format!(
                    "{error}; people are told all the same, but what is known of alerts ends with this process"
                );
                duty.troubles.push(SafeText::new(text));
            }
        }
        if settings.lead {
            duty.leader = Some(place.leader());
            duty.lead(Utc::now(), alerts);
        }
        duty
    }

    fn open(&mut self, place: &Place, alerts: &mut Alerts) -> Result<Keeper, StoreError> {
        let opened = held::open(place, Why::Keep)?;
        self.take_up(opened.held, alerts);
        Ok(self.keep(opened.store))
    }

    fn keep(&self, store: Box<dyn Store>) -> Keeper {
        let (heard, mut inbox) = mpsc::channel(NEWS);
        let news = self.news.clone();
        tokio::spawn(async move {
            while let Some(heard) = inbox.recv().await {
                if news.send(News::Kept(heard)).await.is_err() {
                    return;
                }
            }
        });
        // who only looks once writes nothing and tidies nothing
        let tend = self.settings.lead.then(|| {
            let copier = self.settings.audit.as_deref().map(Copier::new);
            Tend::new(self.settings.keep.clone(), copier)
        });
        Keeper::start(store, heard, self.settings.events, tend)
    }

    /// Takes up alerts, silences, and what was done since the leader last wrote; what is to be told is left.
    fn take_up(&mut self, held: Held, alerts: &mut Alerts) -> Vec<Delivery> {
        // whatever was to be told of what was known before is found again in what is known now
        alerts.take_tellings();
        alerts.restore(held.lives);
        silence_all(alerts, held.silences.into_iter());
        self.read = held.read;
        self.apply(&held.orders, alerts);
        held.deliveries
    }

    /// A store has been opened beside the loop.
    pub(super) fn opened(&mut self, opened: Opened, alerts: &mut Alerts) {
        let deliveries = self.take_up(opened.held, alerts);
        let meanwhile = std::mem::take(&mut self.meanwhile);
        for deed in &meanwhile {
            match deed {
                Deed::Alert(order) => {
                    alerts.order(order);
                }
                // those that make no sense have been told when they were made
                Deed::Silence(silence) => alerts.silence(silence.clone()).unwrap_or_default(),
                Deed::Unsilence { id, .. } => {
                    alerts.unsilence(id);
                }
            }
        }
        self.opening = None;
        self.unopened = false;
        match opened.why {
            Why::Keep => {
                let keeper = self.keep(opened.store);
                for write in meanwhile.iter().flat_map(writes) {
                    keeper.write(write);
                }
                self.keeper = Some(keeper);
                // who told people without it takes over from itself
                self.courier = None;
                self.tried = None;
            }
            Why::Lead => self.hire(deliveries, Some(opened.store)),
        }
    }

    /// It can't be opened yet: people are told all the same.
    pub(super) fn unopened(&mut self, why: SafeText) {
        self.unopened = true;
        self.tried = None;
        self.troubles.push(why);
    }

    /// Applies what others did; says whether anything came of it.
    pub(super) fn apply(&mut self, lines: &[Line], alerts: &mut Alerts) -> bool {
        let mut changed = false;
        for line in lines {
            self.read = self.read.max(line.seq);
            if let Ok(Deed::Alert(order)) = serde_json::from_str(&line.body) {
                changed |= alerts.order(&order);
            }
        }
        changed
    }

    /// Writes down what the person here did.
    pub(super) fn did(&mut self, deed: &Deed) {
        if self.opening.is_some() {
            self.meanwhile.push(deed.clone());
        }
        if let Some(keeper) = &self.keeper {
            writes(deed).into_iter().for_each(|write| {
                keeper.write(write);
            });
        }
    }

    /// Keeps what a backend told: one of several programs is enough.
    pub(super) fn event(&mut self, stamped: &Stamped) {
        let wanted = self.settings.events && self.leads();
        let Some(keeper) = self.keeper.as_ref().filter(|_| wanted) else {
            return;
        };
        self.keeping.event();
        if !keeper.event(stamped) {
            self.fell_behind();
        }
    }

    /// Reads what an earlier program left of these backends.
    pub(super) fn recall_fleet(&self, backends: Vec<BackendId>) {
        if let Some(place) = self.settings.place.as_ref().filter(|_| self.settings.lead) {
            past::begin(place, backends, self.news.clone());
        }
    }

    /// Hands what is to be kept of the world to who writes it. One of several programs is enough.
    pub(super) fn remember(&mut self, memory: &mut Memory, watch: &mut Watch, now: DateTime<Utc>) {
        if !self.leads() {
            return;
        }
        let Some(keeper) = &self.keeper else { return };
        if !std::mem::replace(&mut self.remembers, true) {
            memory.anew(&watch.world);
        }
        let writes = memory.take(watch, keeper.room(), now);
        // there was room for it; the thread that is gone has been told of
        let refused = keeper.records(writes).is_err();
        if refused || memory.take_lost() > 0 {
            self.fell_behind();
        }
    }

    /// It could not be written for a while: everything that is known is handed over again.
    pub(super) fn recovered(&mut self) {
        self.remembers = false;
    }

    /// Whether what backends tell is written here.
    pub(super) fn remembers(&self) -> bool {
        self.remembers
    }

    /// Notes what was told of alerts.
    fn note(&self, letters: &[Letter]) {
        let Some(keeper) = &self.keeper else { return };
        for (message, channels) in letters {
            let told = Told { message, channels };
            if let Ok(body) = serde_json::to_string(&told) {
                keeper.write(Write::Append {
                    log: Log::Tellings,
                    at: message.at,
                    body,
                });
            }
        }
    }

    fn fell_behind(&mut self) {
        if !std::mem::replace(&mut self.behind, true) {
            let text = "the history can't be written as fast as backends tell; some of it is missing in it";
            self.troubles.push(SafeText::new(text));
        }
    }

    /// Bytes that the history may take.
    pub(super) fn limit(&self) -> Option<u64> {
        self.settings.keep.size
    }

    /// Keeps whole worlds for a replay, a piece at a time.
    pub(super) fn keep_worlds(&mut self, watch: &Watch, now: DateTime<Utc>) {
        if let Some(keeper) = self.keeper.as_ref()
            && self.settings.events
            && self.courier.is_some()
        {
            self.keeping.step(keeper, watch, now);
        }
    }

    /// Keeps a line of what a person did here.
    pub(super) fn acted(&self, line: Option<Kept>) {
        let keeper = self.keeper.as_ref().filter(|_| self.settings.events);
        if let (Some(keeper), Some(line)) = (keeper, line)
            && let Some(body) = line.text()
        {
            keeper.beside(line.at, body);
        }
    }

    /// Becomes the one that tells, when nobody else is; then alerts are as the last one left them. Steps down when
    /// another is it.
    pub(super) fn lead(&mut self, now: DateTime<Utc>, alerts: &mut Alerts) {
        if self.courier.is_some() {
            if self.leader.as_mut().is_some_and(|leader| !leader.lead()) {
                // what it has under way is finished
                self.courier = None;
            }
            return;
        }
        if self.tried.is_some_and(|at| (now - at).abs() < TRY) {
            return;
        }
        self.tried = Some(now);
        let (Some(leader), Some(place)) = (&mut self.leader, &self.settings.place) else {
            return;
        };
        if !leader.lead() {
            return;
        }
        if self.opening.is_some() || self.keeper.is_none() {
            // it is opened in a moment, or can't be
            if self.opening.is_none() || self.unopened {
                self.hire(Vec::new(), None);
            }
            return;
        }
        if place.is_far() {
            self.opening = Some(Why::Lead);
            held::begin(place, Why::Lead, self.news.clone());
            return;
        }
        match held::open(place, Why::Lead) {
            Ok(opened) => self.opened(opened, alerts),
            Err(error) => {
                let why = SafeText::new(error.to_string());
                if self.hindered.replace(why.clone()) != Some(why.clone()) {
                    self.troubles.push(why);
                }
            }
        }
    }

    fn hire(&mut self, deliveries: Vec<Delivery>, store: Option<Box<dyn Store>>) {
        let ledger = StoreLedger(store);
        let (courier, mut screens) =
            Courier::start(&self.settings.channels, deliveries, Box::new(ledger));
        let (news, mut status) = (self.news.clone(), courier.status());
        tokio::spawn(async move {
            loop {
                let what = tokio::select! {
                    screen = screens.recv() => match screen {
                        Some((_, screen)) => News::Screen(screen),
                        None => return,
                    },
                    changed = status.changed() => match changed {
                        Ok(()) => News::Channels,
                        Err(_) => return,
                    },
                };
                if news.send(what).await.is_err() {
                    return;
                }
            }
        });
        self.courier = Some(courier);
    }

    /// For others who have news.
    pub(super) fn news(&self) -> mpsc::Sender<News> {
        self.news.clone()
    }

    /// Several programs could do this.
    pub(super) fn shares(&self) -> bool {
        self.leader.is_some()
    }

    pub(super) fn leads(&self) -> bool {
        self.courier.is_some()
    }

    /// May lead, and another does.
    pub(super) fn others_tell(&self) -> bool {
        self.courier.is_none() && self.leader.is_some() && self.tried.is_some()
    }

    /// Tries a dead letter again; what comes of it shows in the status.
    pub(super) fn retry(&self, id: u64) {
        if let Some(courier) = &self.courier {
            courier.post_retry(id);
        }
    }

    /// Another program tells people; what is for the terminal is for every one.
    pub(super) fn show(&self, letters: &[Letter]) {
        let all = &self.settings.channels;
        for (message, channels) in letters {
            let named = all.iter().filter(|c| channels.contains(&c.name));
            for channel in named {
                if let Some(screen) = channels::screen(channel, message) {
                    // a screen that is that far behind has rung already
                    let _ = self.news.try_send(News::Screen(screen));
                }
            }
        }
    }

    /// Hands over what is to be told and what is to be remembered with it.
    pub(super) fn tell(&mut self, letters: Vec<Letter>, alerts: &mut Alerts, now: DateTime<Utc>) {
        self.note(&letters);
        let Some(courier) = &self.courier else {
            return;
        };
        let (changed, gone) = alerts.take_changes();
        if let Some(keeper) = self.keeper.as_ref().filter(|_| self.settings.events)
            && !(changed.is_empty() && gone.is_empty())
        {
            let lives = Lives {
                changed: changed.clone(),
                gone: gone.clone(),
            };
            if let Some(body) = Kept::alerts(now, lives).text() {
                keeper.beside(now, body);
            }
        }
        let shelf = Shelf::Alerts.word();
        let puts = changed.iter().filter_map(|life| {
            Some(Beside {
                shelf,
                key: life.alert.id.label().to_string(),
                body: Some(serde_json::to_string(life).ok()?),
            })
        });
        let (all, beside) = &mut self.waiting;
        beside.extend(puts);
        beside.extend(gone.iter().map(|id| Beside {
            shelf,
            key: id.label().to_string(),
            body: None,
        }));
        beside.extend(alerts.take_expired().into_iter().map(|id| Beside {
            shelf: Shelf::Silences.word(),
            key: id,
            body: None,
        }));
        all.extend(letters);
        if all.is_empty() && beside.is_empty() {
            return;
        }
        beside.push(Beside {
            shelf: Shelf::Marks.word(),
            key: READ.to_owned(),
            body: Some(self.read.to_string()),
        });
        let (all, beside) = std::mem::take(&mut self.waiting);
        if let Err(back) = courier.post(all, beside) {
            self.waiting = back;
        }
    }

    /// How it stands with the channels, where this program tells.
    pub(super) fn channels(&self) -> Option<Status> {
        Some(self.courier.as_ref()?.status().borrow().clone())
    }

    pub(super) fn take_news(&mut self) -> Option<mpsc::Receiver<News>> {
        self.inbox.take()
    }

    /// News that nobody takes from the stream.
    pub(super) fn waiting_news(&mut self) -> Vec<News> {
        let mut all = Vec::new();
        while let Some(Ok(news)) = self.inbox.as_mut().map(mpsc::Receiver::try_recv) {
            all.push(news);
        }
        all
    }

    /// Records of the history made no sense: told once.
    pub(super) fn left_out(&mut self, many: u64) {
        if !std::mem::replace(&mut self.senseless, true) {
            let text = format!(
                "{many} records of the history make no sense and are left out; `dagtop history check` counts all of them"
            );
            self.troubles.push(SafeText::new(text));
        }
    }

    pub(super) fn trouble(&mut self, text: SafeText) {
        self.troubles.push(text);
    }

    pub(super) fn take_troubles(&mut self) -> Vec<SafeText> {
        std::mem::take(&mut self.troubles)
    }

    /// What is under way is finished, what waits is written.
    pub(super) async fn close(self) {
        drop(self.inbox);
        if let Some(courier) = self.courier {
            courier.stop().await;
        }
        if let Some(mut keeper) = self.keeper {
            // its last writes wait for the disk
            let _ = tokio::task::spawn_blocking(move || keeper.close()).await;
        }
    }
}
