//! Owns the language of rules, which is that of Datadog's metric monitors: reading it, saying where it is wrong,
//! evaluating it over the [metrics](crate::metrics), and judging values by thresholds.
//! Must not know how alerts live on, or how anybody is told.
//!
//! What follows from Datadog's documentation ("Metric Monitor", "Change Alert", "as_count() in Monitor Evaluations",
//! "Composite Monitor", "Advanced Filtering"), and what is our own:
//! * A query is cut into intervals; in each the points of a series become one value, the series of a group become one,
//!   and the values over time become one. Intervals: see [`grid`].
//! * Counts are 0 where nothing was counted and levels hold, while their backend answers (Datadog leaves gaps there).
//! * `change(last_10m)` is what a level moved, or a count grew, from the window's start to its end.
//! * What can't hold here is refused by name, with the reason, and never read as something else.

mod ast;
mod composite;
mod config;
mod cursor;
mod eval;
mod filter;
mod grid;
mod judge;
mod parse;
mod reading;
mod refused;
mod rule;
mod rulebook;
mod say;
mod select;
#[cfg(test)]
mod tests;

pub use ast::{
    Aggregate, Compare, Expr, Fill, Form, Function, Operator, Query, Rollup, Select, Time,
};
pub use composite::Composite;
pub use config::{book, dashboards, read};
pub use filter::{Filter, Pattern};
pub use judge::{Options, ThresholdError, Verdict};
pub use reading::{Found, Reading};
pub use rule::{Body, Finding, Memory, Rule, RuleError};
pub use rulebook::{Outcome, Rulebook, RulebookError};
pub use select::{Group, group_name};

pub use crate::query::QueryError;
