//! Owns a query that is looked at and not judged: what it came to at any time that is remembered.

use chrono::{DateTime, Utc};

use super::ast::Query;
use super::eval::{self, Plan};
use super::parse;
use super::select::{Group, Selection};
use crate::metrics::catalog::{self, Unit};
use crate::metrics::{Store, tick};
use crate::query::QueryError;

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
