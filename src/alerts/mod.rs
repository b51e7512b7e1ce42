//! Owns the alerts: the rules that find them, their life, and who is told of them.
//! Must not know backends, screens or stores: what is to be remembered and what is to be told is handed out.

pub mod channels;
pub mod courier;
mod escalation;
mod group;
mod life;
pub mod matchers;
pub mod outbox;
mod own;
pub mod query;
mod rules;
mod settings;
mod silences;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};

use crate::model::{
    Alert, AlertDeed, AlertId, AlertOrder, Occasion, PipelineKey, SafeText, Silence, Target,
};
use crate::world::World;

pub use escalation::{Hours, Policy, Step};
pub use group::Needs;
pub use life::{Finding, Life};
pub use own::Own;
pub use rules::{Builtin, Cron, CronError, Expect, Expects, Glob, Rules, Scene};
pub use settings::{Configured, configured};
pub use silences::{SilenceError, Silences};

/// So long what is over is remembered.
const REMEMBERED: Duration = Duration::hours(24);
/// And so many of it.
const MOST_OVER: usize = 500;

/// Somebody is to be told something. What the message says beside the alert is added by whoever knows more.
#[derive(Clone, Debug, PartialEq)]
pub struct Telling {
    pub occasion: Occasion,
    pub alert: Alert,
    pub channels: Vec<String>,
}

/// Who is told first: the names of channels.
pub type Route = Box<dyn Fn(&Alert) -> Vec<String> + Send>;

/// Everything that is configured.
pub struct Settings {
    pub rules: Rules,
    pub route: Route,
    pub policies: Vec<Policy>,
    /// Silences that are configured.
    pub windows: Vec<Silence>,
    /// Rules of the user's own.
    pub own: Own,
}

impl Default for Settings {
    /// The built-in rules, and nobody to tell.
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            route: Box::new(|_| Vec::new()),
            policies: Vec::new(),
            windows: Vec::new(),
            own: Own::default(),
        }
    }
}

impl From<Rules> for Settings {
    fn from(rules: Rules) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("rules", &self.rules)
            .field("policies", &self.policies)
            .finish_non_exhaustive()
    }
}

/// All alerts: those that are going and, for a day, those that are over.
#[derive(Debug, Default)]
pub struct Alerts {
    settings: Settings,
    lives: BTreeMap<AlertId, Life>,
    silences: Silences,
    /// Silences that are over for good.
    expired: Vec<String>,
    /// What needs what, as far as it is configured.
    needs: Needs,
    /// What a person should see, the most urgent first.
    shown: Vec<Alert>,
    tellings: Vec<Telling>,
    /// As it was when it was last handed out to be remembered.
    remembered: HashMap<AlertId, Life>,
}

impl Alerts {
    pub fn new(settings: impl Into<Settings>) -> Self {
        let mut alerts = Self {
            settings: settings.into(),
            ..Self::default()
        };
        alerts.silence_all([]);
        alerts
    }

    /// Takes up what an earlier process knew. Nothing of it is told again, and nothing of it is over before what it
    /// is about has been heard of.
    pub fn restore(&mut self, lives: impl IntoIterator<Item = Life>) {
        for life in lives {
            let id = life.alert.id.clone();
            self.remembered.insert(id.clone(), life.clone());
            self.lives.insert(id, life.restored());
        }
        self.show();
    }

    /// Takes up whom another program told of the same alerts, where that one tells people.
    pub fn told_elsewhere(&mut self, lives: impl IntoIterator<Item = Life>) {
        for theirs in lives {
            if let Some(life) = self.lives.get_mut(&theirs.alert.id)
                && theirs.alert.resolved.is_none()
            {
                life.announced = theirs.announced;
                life.told = theirs.told;
                life.climb = theirs.climb.filter(|_| life.alert.acked.is_none());
            }
        }
        self.show();
    }

    /// How it was: for a replay, in which no rule is evaluated and nobody is told.
    pub fn replay(&mut self, changed: impl IntoIterator<Item = Life>, gone: &[AlertId]) {
        for id in gone {
            self.lives.remove(id);
        }
        for life in changed {
            self.lives.insert(life.alert.id.clone(), life);
        }
        self.show();
    }

    /// Knows of no alert any more.
    pub fn forget_all(&mut self) {
        self.lives.clear();
        self.show();
    }

    /// Evaluates every rule. One alert per rule and subject. Says whether anything changed that a person sees.
    pub fn evaluate(&mut self, scene: &Scene<'_>) -> bool {
        let expects = &mut self.settings.rules.expects;
        if expects.learn(scene.fleet.iter().map(|row| &row.key), scene.now) {
            self.needs = expects.needs();
        }
        let mut found = rules::find(scene, &self.settings.rules);
        let own = &mut self.settings.own;
        found.extend_from_slice(own.find(scene.metrics, scene.world, scene.now));
        self.step(found, scene)
    }

    /// What follows from these findings.
    pub fn step(&mut self, findings: Vec<Finding>, scene: &Scene<'_>) -> bool {
        let now = scene.now;
        let mut found: HashSet<AlertId> = HashSet::with_capacity(findings.len());
        for finding in findings {
            found.insert(finding.alert.id.clone());
            match self.lives.get_mut(&finding.alert.id) {
                Some(life) => life.found(finding),
                None => {
                    let id = finding.alert.id.clone();
                    self.lives.insert(id, Life::new(finding));
                }
            }
        }
        self.lives.retain(|id, life| {
            if found.contains(id) || !heard(scene.world, &life.alert) {
                return true;
            }
            // of numbers that are not there (yet) nothing is known
            life.missed(now, self.settings.own.judges(id));
            !life.came_to_nothing()
        });
        self.settle(scene.world, now);
        self.show()
    }

    /// Brings every life up to the time: what fires, what follows from what, what is silenced, who is told.
    fn settle(&mut self, world: &World, now: DateTime<Utc>) {
        let needs = &self.needs;
        for life in self.lives.values_mut() {
            life.ripen(now);
        }
        let mut roots = group::roots(&self.lives, needs);
        let mut behind = group::behind(&self.lives, &roots, needs, |key| {
            world
                .pipeline(key)
                .map_or_else(|| key.pipeline.safe(), |v| v.pipeline.name.clone())
        });
        self.expired
            .extend(self.silences.expire(now).into_iter().map(|s| s.id));
        for (id, life) in &mut self.lives {
            life.follow(roots.remove(id), now);
            life.alert.behind = behind.remove(id).unwrap_or_default();
            let silenced = self.silences.covers(&life.alert, now);
            life.name_state(silenced);
            tell(life, &self.settings, now, &mut self.tellings);
        }
        self.forget(now);
    }

    fn forget(&mut self, now: DateTime<Utc>) {
        let over = |l: &Life| l.ended();
        self.lives
            .retain(|_, l| over(l).is_none_or(|at| now - at < REMEMBERED));
        let mut ended: Vec<(DateTime<Utc>, AlertId)> = self
            .lives
            .iter()
            .filter_map(|(id, l)| Some((over(l)?, id.clone())))
            .collect();
        if ended.len() > MOST_OVER {
            ended.sort();
            for (_, id) in ended.drain(..ended.len() - MOST_OVER) {
                self.lives.remove(&id);
            }
        }
    }

    /// Makes the list anew; says whether it is another.
    fn show(&mut self) -> bool {
        let going = self.lives.values();
        let going = going.filter(|l| l.active() && l.root.is_none());
        let policies = &self.settings.policies;
        let with_escalation = |life: &Life| Alert {
            escalation: escalation::of(policies, life),
            ..life.alert.clone()
        };
        let mut list: Vec<Alert> = going.map(with_escalation).collect();
        // acknowledged and silenced ones sink; then urgency, then the newest
        list.sort_by(|a, b| {
            let rank = |x: &Alert| (!x.open(), x.priority, std::cmp::Reverse(x.since));
            rank(a).cmp(&rank(b)).then_with(|| a.id.cmp(&b.id))
        });
        let changed = self.shown != list;
        self.shown = list;
        changed
    }

    /// What is going and follows from nothing else, the most urgent first.
    pub fn firing(&self) -> &[Alert] {
        &self.shown
    }

    /// How many nobody has taken on.
    pub fn open(&self) -> usize {
        self.shown.iter().filter(|a| a.open()).count()
    }

    /// Any that is known, also one that is over or follows from another.
    pub fn get(&self, id: &AlertId) -> Option<&Alert> {
        self.lives.get(id).map(|l| &l.alert)
    }

    pub fn lives(&self) -> impl Iterator<Item = &Life> {
        self.lives.values()
    }

    pub fn silences(&self) -> &Silences {
        &self.silences
    }

    /// A person does something about an alert. False: there was nothing to be done.
    pub fn order(&mut self, order: &AlertOrder) -> bool {
        let Some(life) = self.lives.get_mut(&order.id) else {
            return false;
        };
        if !life.order(order) {
            return false;
        }
        match order.deed {
            AlertDeed::Ack if life.announced => self.tellings.push(Telling {
                occasion: Occasion::Acknowledged,
                alert: life.alert.clone(),
                channels: life.told.clone(),
            }),
            AlertDeed::Unack if life.announced => {
                let at = order.by.at;
                life.climb = escalation::begin(&self.settings.policies, &life.alert, at).1;
            }
            AlertDeed::Resolve => tell(life, &self.settings, order.by.at, &mut self.tellings),
            _ => {}
        }
        self.show();
        true
    }

    /// Asks for quiet, or changes what was asked for.
    pub fn silence(&mut self, silence: Silence) -> Result<(), SilenceError> {
        self.silences.put(silence)
    }

    /// Puts these in the place of all there are. One that makes no sense here is left out.
    pub fn silence_all(&mut self, all: impl IntoIterator<Item = Silence>) {
        self.silences = Silences::default();
        for silence in self.settings.windows.iter().cloned().chain(all) {
            // those of the configuration have been checked, those of others were where they were made
            let _ = self.silences.put(silence);
        }
    }

    /// What is left of a pipeline's time: "done by 04:00 CET, 38m left".
    pub fn sla(&self, key: &PipelineKey, now: DateTime<Utc>) -> Option<SafeText> {
        self.settings.rules.expects.sla(key, now)
    }

    /// Says whether there was such a silence.
    pub fn unsilence(&mut self, id: &str) -> bool {
        self.silences.end(id)
    }

    /// What is to be told and was not taken yet.
    pub fn tellings(&self) -> &[Telling] {
        &self.tellings
    }

    /// What is to be told since this was last asked.
    pub fn take_tellings(&mut self) -> Vec<Telling> {
        std::mem::take(&mut self.tellings)
    }

    /// Lives that are different from what was last handed out, and those that are to be forgotten.
    pub fn take_changes(&mut self) -> (Vec<Life>, Vec<AlertId>) {
        let differs = |life: &&Life| {
            self.remembered
                .get(&life.alert.id)
                .is_none_or(|known| life.differs(known))
        };
        let changed: Vec<Life> = self.lives.values().filter(differs).cloned().collect();
        let gone: Vec<AlertId> = self
            .remembered
            .keys()
            .filter(|id| !self.lives.contains_key(*id))
            .cloned()
            .collect();
        for life in &changed {
            self.remembered.insert(life.alert.id.clone(), life.clone());
        }
        for id in &gone {
            self.remembered.remove(id);
        }
        (changed, gone)
    }

    /// Silences that are over for good, by id.
    pub fn take_expired(&mut self) -> Vec<String> {
        std::mem::take(&mut self.expired)
    }

    /// When something happens by itself although nothing is observed.
    pub fn wake(&self) -> Option<DateTime<Utc>> {
        self.lives.values().filter_map(Life::wake).min()
    }
}

/// Whether the source of an alert has been heard: what is not found there is not there.
fn heard(world: &World, alert: &Alert) -> bool {
    let Some(backend) = alert.target.as_ref().map(Target::backend) else {
        return true;
    };
    match world.backend(backend) {
        // no longer watched
        None => true,
        Some(view) => match alert.target {
            // whether it answers is known as soon as anything of it is; what it tells of itself only while it does
            Some(Target::Backend(_)) if is_of_reach(alert) => {
                view.status != crate::model::BackendStatus::default()
            }
            Some(Target::Backend(_)) => view.up(),
            _ => {
                let known = alert
                    .pipeline()
                    .is_some_and(|p| world.pipeline(p).is_some());
                // what is only remembered was not heard
                view.up() && view.recalled.is_none() && (view.listed || known)
            }
        },
    }
}

fn is_of_reach(alert: &Alert) -> bool {
    let rule = Builtin::parse(&alert.id.rule);
    rule.is_some_and(|rule| {
        matches!(
            rule,
            Builtin::BackendUnreachable | Builtin::BackendUnauthorised
        )
    })
}

/// Tells what has not been told of one alert.
fn tell(life: &mut Life, settings: &Settings, now: DateTime<Utc>, out: &mut Vec<Telling>) {
    let mut say = |occasion, life: &Life, channels: Vec<String>| {
        if !channels.is_empty() {
            out.push(Telling {
                occasion,
                alert: life.alert.clone(),
                channels,
            });
        }
    };
    if life.alert.resolved.is_some() {
        let told = std::mem::take(&mut life.told);
        if std::mem::take(&mut life.announced) {
            say(Occasion::Resolved, life, told);
        }
        life.climb = None;
        return;
    }
    if !life.active() || life.quiet(now) || life.alert.acked.is_some() {
        return;
    }
    let mut channels = Vec::new();
    let occasion = if life.announced {
        let Some(climb) = life.climb.take_if(|c| c.due <= now) else {
            return;
        };
        (channels, life.climb) = escalation::advance(&settings.policies, &climb, now);
        Occasion::Escalated
    } else {
        let (at_once, climb) = escalation::begin(&settings.policies, &life.alert, now);
        for channel in (settings.route)(&life.alert).into_iter().chain(at_once) {
            if !channels.contains(&channel) {
                channels.push(channel);
            }
        }
        life.climb = climb;
        life.announced = true;
        Occasion::Fired
    };
    // a channel can't tell that it can't tell
    if life.alert.id.rule == Builtin::ChannelFailing.word() {
        channels.retain(|channel| channel != &life.alert.id.subject);
    }
    for channel in &channels {
        if !life.told.contains(channel) {
            life.told.push(channel.clone());
        }
    }
    say(occasion, life, channels);
}
