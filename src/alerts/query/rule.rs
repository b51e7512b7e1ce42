//! Owns one rule: its text made ready, what is remembered of its groups, and what it finds.

use chrono::{DateTime, TimeDelta, Utc};
use indexmap::IndexMap;
use indexmap::map::Entry;

use super::ast::Query;
use super::composite::Composite;
use super::eval::{self, Plan};
use super::judge::{Options, ThresholdError, Verdict};
use super::select::{Group, Selection};
use super::{parse, say};
use crate::metrics::{Store, tick};
use crate::model::SafeText;
use crate::query::QueryError;

/// A group without data is forgotten after a day, as at Datadog.
const FORGOTTEN: TimeDelta = TimeDelta::days(1);
/// A full window may have so many empty stretches.
const GAPS: usize = 3;

#[derive(Clone, Debug)]
pub struct Rule {
    pub name: String,
    /// As it was written.
    pub text: String,
    pub options: Options,
    pub body: Body,
}

#[derive(Clone, Debug)]
pub enum Body {
    Metric(Box<Ready>),
    Composite(Composite),
}

/// A query with its metrics found.
#[derive(Clone, Debug)]
pub struct Ready {
    pub query: Query,
    plan: Plan,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
}

/// What a rule says of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Empty where the rule has one group only.
    pub group: Group,
    pub verdict: Verdict,
    /// What it comes to now; `None` without data.
    pub value: Option<f64>,
    /// Since when the verdict is what it is.
    pub since: DateTime<Utc>,
    /// Data has been missing for as long as the rule bears.
    pub overdue: bool,
}

/// What is remembered of a rule from one evaluation to the next.
#[derive(Debug, Default)]
pub struct Memory {
    selections: Vec<Selection>,
    groups: IndexMap<Group, Known>,
    /// Whether a group has come since they were put in order.
    unsorted: bool,
}

impl Memory {
    fn known(&mut self, group: Group, now: DateTime<Utc>) -> &mut Known {
        match self.groups.entry(group) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                self.unsorted = true;
                place.insert(Known::new(now))
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Known {
    verdict: Verdict,
    value: Option<f64>,
    since: DateTime<Utc>,
    /// Last time there was data, or when the group was first seen.
    data: DateTime<Utc>,
    /// Since when the value has been beyond the warning and the critical threshold.
    warn: Option<DateTime<Utc>>,
    alert: Option<DateTime<Utc>>,
}

impl Known {
    fn new(now: DateTime<Utc>) -> Self {
        Self {
            verdict: Verdict::NoData,
            value: None,
            since: now,
            data: now,
            warn: None,
            alert: None,
        }
    }

    fn become_(&mut self, verdict: Verdict, now: DateTime<Utc>) {
        if self.verdict != verdict {
            self.verdict = verdict;
            self.since = now;
        }
    }
}

impl Rule {
    /// A query, or a composite of other rules' names (`a && !b`).
    pub fn parse(name: &str, text: &str, options: Options) -> Result<Self, RuleError> {
        let body = if Composite::meant(text) {
            for (key, given) in [
                ("critical", options.critical),
                ("warning", options.warning),
                ("critical_recovery", options.critical_recovery),
                ("warning_recovery", options.warning_recovery),
            ] {
                if given.is_some() {
                    let reason = "belongs to a query; a composite has no value".to_owned();
                    return Err(ThresholdError { key, reason }.into());
                }
            }
            Body::Composite(Composite::parse(text)?)
        } else {
            let query = parse::parse(text)?;
            options.check(query.compare, query.threshold)?;
            let plan = Plan::new(&query);
            Body::Metric(Box::new(Ready { query, plan }))
        };
        Ok(Self {
            name: name.to_owned(),
            text: text.to_owned(),
            options,
            body,
        })
    }

    pub fn query(&self) -> Option<&Query> {
        match &self.body {
            Body::Metric(ready) => Some(&ready.query),
            Body::Composite(_) => None,
        }
    }

    /// The tags its groups are made by; of a composite see [`super::Rulebook`].
    pub(super) fn by(&self) -> &[String] {
        let selects = self.query().map(Query::selects).unwrap_or_default();
        let by = selects.into_iter().map(|s| s.by.as_slice());
        by.max_by_key(|by| by.len()).unwrap_or_default()
    }

    /// What it finds now, group by group. A composite finds nothing by itself.
    pub fn evaluate(&self, store: &Store, now: DateTime<Utc>, memory: &mut Memory) -> Vec<Finding> {
        let Body::Metric(ready) = &self.body else {
            return Vec::new();
        };
        let then = now - TimeDelta::from_std(self.options.delay).unwrap_or_default();
        let at = tick(then);
        let values = eval::evaluate(&ready.query, &ready.plan, store, at, &mut memory.selections);
        let full = self
            .options
            .full_window
            .then(|| self.full(ready, store, at, memory));
        for known in memory.groups.values_mut() {
            known.value = None;
        }
        if self.by().is_empty() && values.is_empty() {
            memory.known(Group::from([]), now);
        }
        for (group, value) in values {
            let known = memory.known(group.clone(), now);
            let Some(value) = value else { continue };
            known.data = now;
            known.value = Some(value);
            // not judged, so it stays what it was
            if full.as_ref().is_some_and(|full| !full.contains(&group)) {
                continue;
            }
            self.judge(&ready.query, known, value, now);
        }
        self.findings(memory, now)
    }

    fn judge(&self, query: &Query, known: &mut Known, value: f64, now: DateTime<Utc>) {
        let raw = self
            .options
            .judge(query.compare, query.threshold, value, known.verdict);
        self.settle(known, raw, now);
    }

    /// Takes a verdict over once it has held for as long as it must.
    fn settle(&self, known: &mut Known, raw: Verdict, now: DateTime<Utc>) {
        let mark = |since: &mut Option<DateTime<Utc>>, beyond: bool| {
            *since = beyond.then(|| since.unwrap_or(now));
        };
        mark(&mut known.warn, raw >= Verdict::Warn);
        mark(&mut known.alert, raw >= Verdict::Alert);
        let hold = TimeDelta::from_std(self.options.hold).unwrap_or(TimeDelta::MAX);
        let held = |since: Option<DateTime<Utc>>| since.is_some_and(|since| now - since >= hold);
        // on the way to an alert it is a warning, where there is such a thing
        let warns = self.options.warning.is_some() || raw == Verdict::Warn;
        let verdict = if held(known.alert) || raw == known.verdict {
            raw
        } else if held(known.warn) && warns {
            Verdict::Warn
        } else {
            Verdict::Ok
        };
        known.become_(verdict, now);
    }

    /// Groups whose window is full: data in its first stretch, and at most three without. Stretches as in Datadog's
    /// "Metric Monitor": a minute of minutes, ten minutes of hours, an hour of days.
    fn full(&self, ready: &Ready, store: &Store, at: u32, memory: &mut Memory) -> Vec<Group> {
        let window = ready.query.time.window();
        let stretch = match window {
            ..3_600 => 60,
            3_600..86_400 => 600,
            _ => 3_600,
        };
        let stretches = (window / stretch).max(1) as usize;
        let covered = eval::coverage(&ready.query, &ready.plan, store, at, &mut memory.selections);
        let full = |row: &[bool]| {
            let many = stretches.min(row.len()).max(1);
            let has = |n: usize| {
                let part = row.get(n * row.len() / many..(n + 1) * row.len() / many);
                part.is_some_and(|part| part.contains(&true))
            };
            has(0) && (0..many).filter(|n| !has(*n)).count() <= GAPS
        };
        let full = covered.into_iter().filter(|(_, row)| full(row));
        full.map(|(group, _)| group).collect()
    }

    /// What stands after a round, in order of the groups; forgets those that have been silent for long.
    fn findings(&self, memory: &mut Memory, now: DateTime<Utc>) -> Vec<Finding> {
        let bears = self.options.no_data.map(TimeDelta::from_std);
        let bears = bears.map(|time| time.unwrap_or(TimeDelta::MAX));
        memory
            .groups
            .retain(|group, known| group.is_empty() || now - known.data < FORGOTTEN);
        // groups come seldom
        if std::mem::take(&mut memory.unsorted) {
            memory.groups.sort_unstable_keys();
        }
        let finding = |(group, known): (&Group, &mut Known)| {
            let overdue = bears.is_some_and(|bears| now - known.data >= bears);
            if overdue {
                known.become_(Verdict::NoData, now);
                (known.warn, known.alert) = (None, None);
            }
            Finding {
                group: group.clone(),
                verdict: known.verdict,
                value: known.value,
                since: known.since,
                overdue,
            }
        };
        memory.groups.iter_mut().map(finding).collect()
    }

    /// The findings of a composite from the verdicts of its rules. Without data it stays what it was.
    pub(super) fn compose(
        &self,
        memory: &mut Memory,
        verdicts: Vec<(Group, Verdict)>,
        now: DateTime<Utc>,
    ) -> Vec<Finding> {
        for (group, verdict) in verdicts {
            let known = memory.known(group, now);
            if verdict != Verdict::NoData {
                known.data = now;
                self.settle(known, verdict, now);
            }
        }
        self.findings(memory, now)
    }

    /// What a finding says, in words: "sum of pipeline.errors over 5m is 3, above 0".
    pub fn sentence(&self, finding: &Finding) -> SafeText {
        match &self.body {
            Body::Metric(ready) => say::query(&ready.query, &self.options, finding),
            Body::Composite(composite) => say::composite(composite, finding),
        }
    }
}
