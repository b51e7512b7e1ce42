//! Owns what a finding says to a person.

use super::ast::{Aggregate, Expr, Form, Query, Select, Time, span};
use super::composite::Composite;
use super::filter::Filter;
use super::judge::{Options, Verdict};
use super::rule::Finding;
use crate::metrics::catalog::{self, Unit};
use crate::model::SafeText;

const fn noun(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Avg => "average",
        Aggregate::Sum => "sum",
        Aggregate::Min => "minimum",
        Aggregate::Max => "maximum",
        Aggregate::Last => "newest value",
        Aggregate::Count => "number of values",
    }
}

/// "sum of pipeline.errors over 5m is 3, above 0 (pipeline orders)"
pub(super) fn query(query: &Query, options: &Options, finding: &Finding) -> SafeText {
    let what = subject(query);
    let said = match finding.value {
        None => format!("{what}: no data"),
        Some(value) => {
            let unit = unit(query);
            let limit = match finding.verdict {
                Verdict::Alert => Some(query.threshold),
                Verdict::Warn => options.warning,
                Verdict::Ok | Verdict::NoData => None,
            };
            let beyond = match limit {
                None => String::new(),
                Some(limit) if query.compare.holds(value, limit) => {
                    format!(", {} {}{unit}", query.compare.words(), number(limit))
                }
                Some(_) => ", not yet recovered".to_owned(),
            };
            format!("{what} is {}{unit}{beyond}", number(value))
        }
    };
    SafeText::new(format!("{said}{}", of_group(finding)))
}

pub(super) fn composite(composite: &Composite, finding: &Finding) -> SafeText {
    let said = match finding.verdict {
        Verdict::Alert | Verdict::Warn => format!("{composite} holds"),
        Verdict::Ok => format!("{composite} does not hold"),
        Verdict::NoData => format!("{composite}: no data"),
    };
    SafeText::new(format!("{said}{}", of_group(finding)))
}

fn of_group(finding: &Finding) -> String {
    if finding.group.is_empty() {
        return String::new();
    }
    let tags: Vec<String> = finding
        .group
        .iter()
        .map(|(key, value)| format!("{key} {value}"))
        .collect();
    format!(" ({})", tags.join(", "))
}

fn subject(query: &Query) -> String {
    let inner = |aggregate: Aggregate| match &query.expr {
        // said once when both say the same
        Expr::Select(select) if select.space == aggregate || select.space == Aggregate::Count => {
            metric(select)
        }
        Expr::Select(select) => format!("the {} of {}", noun(select.space), metric(select)),
        expr => expr.to_string(),
    };
    match query.time {
        Time::Over { aggregate, window } => {
            format!(
                "{} of {} over {}",
                noun(aggregate),
                inner(aggregate),
                span(window)
            )
        }
        Time::Change {
            aggregate,
            window,
            ago,
            ..
        } => format!(
            "change of the {} of {} over {} against {} ago",
            noun(aggregate),
            inner(aggregate),
            span(window),
            span(ago)
        ),
        Time::Growth { window, .. } => {
            format!("change of {} over {}", inner(Aggregate::Last), span(window))
        }
    }
}

fn metric(select: &Select) -> String {
    let rate = if select.form == Form::Rate {
        " a second"
    } else {
        ""
    };
    match &select.filter {
        Filter::All => format!("{}{rate}", select.metric),
        filter => format!("{}{{{filter}}}{rate}", select.metric),
    }
}

/// After a number, where all of it has one unit.
fn unit(query: &Query) -> &'static str {
    match query.time {
        Time::Change { percent: true, .. } | Time::Growth { percent: true, .. } => return " %",
        _ => {}
    }
    let Expr::Select(select) = &query.expr else {
        return "";
    };
    if select.space == Aggregate::Count || select.form == Form::Rate {
        return "";
    }
    match catalog::find(&select.metric).map(|meaning| meaning.metric.unit) {
        Some(Unit::Seconds) => " s",
        Some(Unit::Bytes) => " bytes",
        Some(Unit::Cores) => " cores",
        Some(Unit::Flag | Unit::Of(_)) | None => "",
    }
}

/// Four digits that count, no more zeros than needed.
fn number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        return format!("{value}");
    }
    let size = value.abs().log10().floor();
    let places = (3.0 - size).clamp(0.0, 12.0) as usize;
    let text = format!("{value:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
