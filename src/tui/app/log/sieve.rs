//! Which records are shown: a stack of filters that are switched singly, a threshold, a span of time.

use chrono::{DateTime, Utc};

use crate::logs::{Direction, Filter, Level, Log, Matches};
use crate::query::Query;

use super::hunt::Hunt;

/// One filter. Each narrows what the others leave.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// As it was typed.
    pub text: String,
    pub query: Query,
    /// What matches is left out.
    pub out: bool,
    pub on: bool,
}

impl Stage {
    /// As the language writes it: what is left out begins with a minus.
    pub fn label(&self) -> String {
        match (self.out, self.text.contains(char::is_whitespace)) {
            (false, _) => self.text.clone(),
            (true, false) => format!("-{}", self.text),
            (true, true) => format!("-({})", self.text),
        }
    }
}

#[derive(Debug, Default)]
pub struct Sieve {
    pub stages: Vec<Stage>,
    /// The quietest level that is shown.
    pub least: Option<Level>,
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    hunt: Option<Hunt>,
}

/// From all to the loudest only.
const THRESHOLDS: [Option<Level>; 6] = [
    None,
    Some(Level::Debug),
    Some(Level::Info),
    Some(Level::Warn),
    Some(Level::Error),
    Some(Level::Fatal),
];

impl Sieve {
    /// Leaves nothing out.
    pub fn is_open(&self) -> bool {
        self.filter().is_all()
    }

    /// Nothing was asked for, switched on or not.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty() && self.least.is_none() && !self.is_timed()
    }

    pub fn is_timed(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    pub fn push(&mut self, stage: Stage) {
        self.stages
            .retain(|other| (&other.text, other.out) != (&stage.text, stage.out));
        self.stages.push(stage);
        self.changed();
    }

    pub(super) fn insert(&mut self, at: usize, stage: Stage) {
        self.stages.insert(at.min(self.stages.len()), stage);
        self.changed();
    }

    pub fn toggle(&mut self, at: usize) {
        if let Some(stage) = self.stages.get_mut(at) {
            stage.on = !stage.on;
            self.changed();
        }
    }

    pub fn remove(&mut self, at: usize) {
        if at < self.stages.len() {
            self.stages.remove(at);
            self.changed();
        }
    }

    /// The next threshold, louder or quieter; `None`: there is none.
    pub fn next_threshold(&self, louder: bool) -> Option<Option<Level>> {
        let at = THRESHOLDS.iter().position(|t| *t == self.least)?;
        let to = if louder { at + 1 } else { at.checked_sub(1)? };
        THRESHOLDS.get(to).copied()
    }

    pub fn set_least(&mut self, least: Option<Level>) {
        self.least = least;
        self.changed();
    }

    pub fn set_span(&mut self, since: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) {
        self.since = since;
        self.until = until;
        self.changed();
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Everything as one filter, with one more query.
    pub(super) fn filter_and(&self, also: Option<&Query>) -> Filter {
        let on = self.stages.iter().filter(|stage| stage.on);
        let queries = on.map(|stage| match stage.out {
            true => stage.query.clone().negated(),
            false => stage.query.clone(),
        });
        Filter::new(Query::all(queries.chain(also.cloned())))
            .at_least(self.least)
            .between(self.since, self.until)
    }

    pub fn filter(&self) -> Filter {
        self.filter_and(None)
    }

    /// Records of a log that are shown; `None`: all.
    pub(super) fn wanted(&self, source: usize) -> Option<&Matches> {
        self.hunt.as_ref().map(|hunt| hunt.matches(source))
    }

    /// Records that are shown, and how much of the logs was looked at when it was not all.
    pub fn found(&self) -> Option<(usize, Option<u64>)> {
        let hunt = self.hunt.as_ref()?;
        Some((hunt.total(), (!hunt.done()).then(|| hunt.percent())))
    }

    pub(super) fn step(
        &mut self,
        logs: &[Option<&Log>],
        from: impl Fn(usize, &Log) -> (u64, Direction),
        budget: u64,
    ) {
        if let Some(hunt) = &mut self.hunt {
            hunt.step(logs, from, budget);
        }
    }

    pub(super) fn busy(&self) -> bool {
        self.hunt.as_ref().is_some_and(|hunt| !hunt.done())
    }

    /// The logs are other ones.
    pub(super) fn restart(&mut self) {
        self.hunt = self.hunt.as_ref().map(Hunt::again);
    }

    pub(super) fn again(&self) -> Self {
        Self {
            stages: self.stages.clone(),
            least: self.least,
            since: self.since,
            until: self.until,
            hunt: self.hunt.as_ref().map(Hunt::again),
        }
    }

    fn changed(&mut self) {
        let filter = self.filter();
        self.hunt = (!filter.is_all()).then(|| Hunt::new(filter));
    }
}
