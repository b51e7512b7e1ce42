//! The life of one alert: from the moment its condition holds to the moment it is over. Pure: what it does follows
//! from what was found, what people did and the time alone.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use crate::model::{Alert, AlertDeed, AlertId, AlertNote, AlertOrder, AlertState, Silenced};

/// An alert that fired so often within [`FLAP_WINDOW`] comes and goes.
const FLAPS: usize = 4;
const FLAP_WINDOW: Duration = Duration::hours(1);
/// Only after so much quiet is one over that came and went.
const FLAP_QUIET: Duration = Duration::minutes(15);
/// An alert of an earlier process that isn't found again is over after so long: its backend may tell of it piece by
/// piece.
const PROOF: Duration = Duration::minutes(2);
/// And so long when its rule has had nothing to look at since.
const UNJUDGED: Duration = Duration::days(1);
/// One whose cause is over has so long to go away with it, before it is told by itself.
const ORPHAN: Duration = Duration::minutes(15);
/// Notes kept on one alert.
const NOTES: usize = 50;

/// What a rule found, before anybody decides who hears of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub alert: Alert,
    /// The condition must hold so long before it fires.
    pub hold: Duration,
    /// It must be gone so long before it is over.
    pub linger: Duration,
}

impl From<Alert> for Finding {
    /// Fires at once and is over at once.
    fn from(alert: Alert) -> Self {
        Self {
            alert,
            hold: Duration::zero(),
            linger: Duration::zero(),
        }
    }
}

/// Where an alert stands on its way up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Climb {
    /// Name of the escalation policy.
    pub policy: String,
    pub begun: DateTime<Utc>,
    /// The step that comes next, from 0; beyond the last one the last is repeated.
    pub step: usize,
    pub due: DateTime<Utc>,
}

/// One alert with all that decides what happens next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Life {
    pub alert: Alert,
    hold: Duration,
    linger: Duration,
    /// Since when no rule finds it any more.
    gone: Option<DateTime<Utc>>,
    /// When it fired, lately.
    fires: Vec<DateTime<Utc>>,
    /// Somebody said that it is over while its condition held.
    put_away: bool,
    /// When somebody last did something about it: orders are read again after a restart.
    #[serde(default)]
    ordered: Option<DateTime<Utc>>,
    /// People were told that it fired.
    pub announced: bool,
    /// Channels that were told, in order.
    pub told: Vec<String>,
    pub climb: Option<Climb>,
    /// The alert it follows from: people hear of that one.
    pub root: Option<AlertId>,
    /// Since when it follows from nothing any more.
    orphan: Option<DateTime<Utc>>,
    /// Known from an earlier process, not found by this one yet.
    #[serde(skip)]
    unproven: bool,
}

impl Life {
    pub fn new(finding: Finding) -> Self {
        Self {
            alert: finding.alert,
            hold: finding.hold,
            linger: finding.linger,
            gone: None,
            fires: Vec::new(),
            put_away: false,
            ordered: None,
            announced: false,
            told: Vec::new(),
            climb: None,
            root: None,
            orphan: None,
            unproven: false,
        }
    }

    /// As an earlier process left it.
    #[must_use]
    pub fn restored(mut self) -> Self {
        self.unproven = true;
        self
    }

    /// Neither over nor waiting for its time.
    pub fn active(&self) -> bool {
        self.alert.fired.is_some() && self.alert.resolved.is_none()
    }

    /// When it was over, if it is.
    pub fn ended(&self) -> Option<DateTime<Utc>> {
        self.alert.resolved.filter(|_| !self.put_away)
    }

    /// A rule finds it.
    pub fn found(&mut self, finding: Finding) {
        self.unproven = false;
        if self.put_away {
            return;
        }
        if self.alert.resolved.is_some() {
            let fires = std::mem::take(&mut self.fires);
            *self = Self {
                fires,
                ..Self::new(finding)
            };
            return;
        }
        let Finding {
            alert: new,
            hold,
            linger,
        } = finding;
        let alert = &mut self.alert;
        alert.since = alert.since.min(new.since);
        alert.title = new.title;
        alert.reason = new.reason;
        alert.priority = new.priority;
        alert.target = new.target;
        alert.labels = new.labels;
        alert.runbook = new.runbook;
        self.hold = hold;
        self.linger = linger;
        self.gone = None;
    }

    /// No rule finds it, and the source of what it is about has been heard. `judged`: its rule has looked at just this.
    pub fn missed(&mut self, now: DateTime<Utc>, judged: bool) {
        self.put_away = false;
        if !self.active() {
            return;
        }
        let gone = *self.gone.get_or_insert(now);
        let mut linger = self.linger;
        if self.alert.flapping {
            linger = linger.max(FLAP_QUIET);
        }
        if self.unproven {
            linger = linger.max(if judged { PROOF } else { UNJUDGED });
        }
        if now - gone >= linger {
            self.alert.resolved = Some(now);
            if std::mem::take(&mut self.alert.flapping) {
                self.fires.clear();
            }
        }
    }

    /// A condition that went away before it fired leaves nothing behind.
    pub fn came_to_nothing(&self) -> bool {
        self.alert.fired.is_none()
    }

    /// Fires when its time has come.
    pub fn ripen(&mut self, now: DateTime<Utc>) {
        let alert = &mut self.alert;
        if alert.fired.is_some() || alert.resolved.is_some() || now - alert.since < self.hold {
            return;
        }
        alert.fired = Some(now);
        self.fires.retain(|at| now - *at < FLAP_WINDOW);
        self.fires.push(now);
        alert.flapping = self.fires.len() >= FLAPS;
    }

    /// What it follows from now.
    pub fn follow(&mut self, root: Option<AlertId>, now: DateTime<Utc>) {
        if self.root.is_some() && root.is_none() {
            self.orphan = Some(now);
        }
        if root.is_some() {
            self.orphan = None;
        }
        self.root = root;
    }

    /// Nobody is to be told of it now.
    pub fn quiet(&self, now: DateTime<Utc>) -> bool {
        self.root.is_some()
            || self.alert.silenced.is_some()
            || self.orphan.is_some_and(|at| now - at < ORPHAN)
    }

    /// Sets what it is called from what it is.
    pub fn name_state(&mut self, silenced: Option<Silenced>) {
        let alert = &mut self.alert;
        alert.silenced = silenced;
        alert.state = match &*alert {
            a if a.resolved.is_some() => AlertState::Resolved,
            a if a.fired.is_none() => AlertState::Pending,
            a if a.acked.is_some() => AlertState::Acknowledged,
            a if a.silenced.is_some() => AlertState::Silenced,
            _ => AlertState::Firing,
        };
    }

    /// A person does something about it. False: there is nothing to be done (any more), it has been done already, or
    /// an earlier alert of this name was meant.
    pub fn order(&mut self, order: &AlertOrder) -> bool {
        let at = order.by.at;
        let done = self.ordered.is_some_and(|last| at <= last);
        let earlier = self.alert.fired.is_some_and(|fired| at < fired);
        if done || earlier || !self.obey(order) {
            return false;
        }
        self.ordered = Some(at);
        self.name_state(self.alert.silenced.clone());
        true
    }

    fn obey(&mut self, AlertOrder { by, deed, .. }: &AlertOrder) -> bool {
        match deed {
            AlertDeed::Note(text) => {
                let note = AlertNote {
                    by: by.clone(),
                    text: text.clone(),
                };
                if self.alert.notes.contains(&note) || self.alert.notes.len() >= NOTES {
                    return false;
                }
                self.alert.notes.push(note);
            }
            _ if !self.active() => return false,
            AlertDeed::Ack if self.alert.acked.is_some() => return false,
            AlertDeed::Ack => {
                self.alert.acked = Some(by.clone());
                self.climb = None;
            }
            AlertDeed::Unack if self.alert.acked.is_none() => return false,
            AlertDeed::Unack => self.alert.acked = None,
            AlertDeed::Resolve => {
                self.alert.resolved = Some(by.at);
                // while its condition holds; `missed` ends that
                self.put_away = self.gone.is_none();
            }
        }
        true
    }

    /// When it does something by itself although nothing happens.
    pub fn wake(&self) -> Option<DateTime<Utc>> {
        if self.alert.resolved.is_some() {
            return None;
        }
        let ripe = (self.alert.fired.is_none()).then(|| self.alert.since + self.hold);
        let over = self.gone.map(|at| at + self.linger);
        let climb = self.climb.as_ref().map(|c| c.due);
        let told = self
            .orphan
            .filter(|_| !self.announced)
            .map(|at| at + ORPHAN);
        [ripe, over, climb, told].into_iter().flatten().min()
    }

    /// Whether something is different that a restart must know; words that grow with the time are not.
    pub fn differs(&self, other: &Self) -> bool {
        fn key(l: &Life) -> impl PartialEq + '_ {
            let a = &l.alert;
            (
                (a.state, a.priority, a.fired, a.resolved, a.flapping),
                (&a.acked, &a.silenced, a.notes.len(), l.ordered),
                (l.gone, l.put_away, l.announced, &l.told),
                (&l.climb, &l.root, l.orphan, l.fires.len()),
            )
        }
        key(self) != key(other)
    }
}
