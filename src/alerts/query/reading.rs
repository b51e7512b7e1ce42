//! Owns a query that is looked at and not judged: what it came to at any time that is remembered.

use chrono::{DateTime, Utc};

use super::ast::{Query, Time};
use super::eval::{self, Plan};
use super::parse;
use super::select::{Group, Selection};
use crate::metrics::catalog::{self, Unit};
use crate::metrics::{Name, Store, TICK, Tags, tick};
use crate::query::QueryError;

const TICK_SECONDS: u32 = TICK as u32;

/// A query made ready. A comparison at its end is allowed, and means nothing.
#[derive(Clone, Debug)]
pub struct Reading {
    query: Query,
    plan: Plan,
}

/// Series that were found the last time.
#[derive(Debug, Default)]
pub struct Found(Vec<Selection>);

impl Reading {
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let query = parse::parse_open(text)?;
        let plan = Plan::new(&query);
        Ok(Self { query, plan })
    }

    /// The value of each group at a time.
    pub fn values(
        &self,
        store: &Store,
        at: DateTime<Utc>,
        found: &mut Found,
    ) -> Vec<(Group, Option<f64>)> {
        eval::evaluate(&self.query, &self.plan, store, tick(at), &mut found.0)
    }

    /// How far back a value of it looks, in seconds.
    pub const fn reach(&self) -> u32 {
        self.plan.reach
    }

    /// The same of a store that holds what was [kept](Store::lay) in grains of so many seconds. Its windows are whole
    /// grains, one at least; what is added up is what it was in the window that is meant, on the average. Levels are
    /// known where they were told, and do not hold.
    #[must_use]
    pub fn over(&self, grain: u32) -> Self {
        let grain = grain.max(TICK_SECONDS);
        let mut query = self.query.clone();
        let window = query.time.window().max(1);
        let whole = window.div_ceil(grain) * grain;
        match &mut query.time {
            Time::Over { window, .. }
            | Time::Change { window, .. }
            | Time::Growth { window, .. } => {
                *window = whole;
            }
        }
        let stretch = f64::from(whole) / f64::from(window);
        let plan = Plan::new(&query).over(grain / TICK_SECONDS, stretch);
        Self { query, plan }
    }

    /// The metrics it looks at, each once.
    pub fn metrics(&self) -> Vec<Name> {
        let mut names: Vec<Name> = self.plan.sources().iter().map(|s| s.name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether a series of these tags is among those it looks at.
    pub fn wants(&self, name: Name, tags: &Tags) -> bool {
        let mut sources = self.plan.sources().iter();
        sources.any(|s| s.name == name && s.filter.matches(tags.list()))
    }

    /// What its values are, where all its metrics agree.
    pub fn unit(&self) -> Option<Unit> {
        let selects = self.query.selects();
        let mut units = selects
            .iter()
            .filter_map(|s| Some(catalog::find(&s.metric)?.metric.unit));
        let first = units.next()?;
        units.all(|unit| unit == first).then_some(first)
    }
}
