//! Owns what a query comes to at a moment: a value for each group, or none.

use std::collections::HashMap;

use super::ast::{Aggregate, Expr, Form, Function, Operator, Query, Time};
use super::grid::{self, Grid};
use super::parse::reach;
use super::select::{Group, LACKS, Selection, Source};
use crate::metrics::{Kind, Store};

/// A query made ready: its metrics found.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    sources: Vec<Source>,
    /// `.as_count()`: the totals of the window come before arithmetic.
    totals: bool,
    /// Something measured is in it: between two of its values there is nothing to compare point by point.
    sparse: bool,
    counts: bool,
    wished: Option<u32>,
    grouped: bool,
    pub reach: u32,
    /// Ticks of what was kept as one; an interval is no shorter.
    grain: u32,
    /// How many times longer the window is than the one that is meant.
    stretch: f64,
}

impl Plan {
    pub fn new(query: &Query) -> Self {
        let selects = query.selects();
        let sources: Vec<Source> = selects.iter().filter_map(|s| Source::new(s)).collect();
        let wished = selects.iter().filter_map(|s| s.rollup?.interval).max();
        Self {
            totals: selects.iter().any(|s| s.form == Form::Count),
            sparse: sources.iter().any(|s| s.kind == Kind::Measure),
            counts: sources.iter().all(|s| s.kind == Kind::Count),
            grouped: selects.iter().any(|s| !s.by.is_empty()),
            reach: reach(query),
            wished,
            sources,
            grain: 1,
            stretch: 1.0,
        }
    }

    /// Over what was kept in grains of so many ticks, in a window that is so many times longer than is meant.
    #[must_use]
    pub fn over(mut self, grain: u32, stretch: f64) -> Self {
        for source in &mut self.sources {
            source.kept = true;
        }
        Self {
            grain,
            stretch,
            ..self
        }
    }

    pub fn sources(&self) -> &[Source] {
        &self.sources
    }
}

/// Values of an expression: for each group one for each interval, group after group.
#[derive(Clone, Debug)]
enum Value {
    Scalar(f64),
    Groups {
        groups: Vec<Group>,
        data: Vec<f64>,
        len: usize,
        /// What a group is that is not there.
        default: Option<f64>,
    },
}

struct Scene<'a> {
    store: &'a Store,
    plan: &'a Plan,
    selections: &'a mut Vec<Selection>,
    now: u32,
    time: Time,
    totals: bool,
    next: usize,
}

/// The value of each group at a tick. `selections` is what was found the last time.
pub(super) fn evaluate(
    query: &Query,
    plan: &Plan,
    store: &Store,
    now: u32,
    selections: &mut Vec<Selection>,
) -> Vec<(Group, Option<f64>)> {
    selections.resize_with(plan.sources.len(), Selection::default);
    for (selection, source) in selections.iter_mut().zip(&plan.sources) {
        selection.refresh(store, source);
    }
    let mut scene = Scene {
        store,
        plan,
        selections,
        now,
        time: query.time,
        totals: plan.totals,
        next: 0,
    };
    let value = match query.time {
        Time::Over { aggregate, .. } => {
            let value = reduce(scene.expr(&query.expr, 0), aggregate);
            scene.meant(value, aggregate == Aggregate::Sum)
        }
        Time::Growth { percent, .. } => scene.growth(&query.expr, percent),
        Time::Change {
            percent,
            aggregate,
            ago,
            ..
        } => scene.change(&query.expr, percent, aggregate, ago),
    };
    finish(value, plan.grouped)
}

/// For each group which intervals have a value: for `require_full_window`.
pub(super) fn coverage(
    query: &Query,
    plan: &Plan,
    store: &Store,
    now: u32,
    selections: &mut Vec<Selection>,
) -> Vec<(Group, Vec<bool>)> {
    let mut scene = Scene {
        store,
        plan,
        selections,
        now,
        time: query.time,
        totals: false,
        next: 0,
    };
    let Value::Groups {
        groups, data, len, ..
    } = scene.expr(&query.expr, 0)
    else {
        return Vec::new();
    };
    let rows = data.chunks(len.max(1));
    let has = |row: &[f64]| row.iter().map(|v| !v.is_nan()).collect();
    groups.into_iter().zip(rows.map(has)).collect()
}

impl Scene<'_> {
    fn expr(&mut self, expr: &Expr, ago: u32) -> Value {
        self.next = 0;
        self.value(expr, ago)
    }

    fn value(&mut self, expr: &Expr, ago: u32) -> Value {
        match expr {
            Expr::Number(number) => Value::Scalar(*number),
            Expr::Select(select) => {
                let at = self.next;
                self.next += 1;
                let reach = self.plan.reach;
                let window = self.time.window();
                let grid = Grid::new(self.now, window, ago, self.plan.wished, reach);
                let grid = grid.at_least(self.plan.grain);
                let (Some(source), Some(selection)) =
                    (self.plan.sources.get(at), self.selections.get(at))
                else {
                    return Value::Scalar(f64::NAN);
                };
                let value = Value::Groups {
                    groups: selection.groups.clone(),
                    data: grid::fill(self.store, &grid, select, source, selection),
                    len: grid.len,
                    default: None,
                };
                if self.totals {
                    self.stretched(reduce(value, Aggregate::Sum))
                } else {
                    value
                }
            }
            Expr::Negative(of) => map(self.value(of, ago), |v| -v),
            Expr::Binary(operator, left, right) => {
                let left = self.value(left, ago);
                let right = self.value(right, ago);
                join(left, right, |a, b| apply(*operator, a, b))
            }
            Expr::Call(function, of) => {
                let shift = match function {
                    Function::Ago(seconds) => *seconds,
                    _ => 0,
                };
                let value = self.value(of, ago + shift);
                call(*function, value)
            }
        }
    }

    /// What was added up over a longer window than is meant, as of that one. Totals are, before arithmetic.
    fn meant(&self, value: Value, sum: bool) -> Value {
        match sum && !self.totals {
            true => self.stretched(value),
            false => value,
        }
    }

    fn stretched(&self, value: Value) -> Value {
        let stretch = self.plan.stretch;
        map(value, |v| v / stretch)
    }

    /// From the window's start to its end.
    fn growth(&mut self, expr: &Expr, percent: bool) -> Value {
        let value = self.expr(expr, 0);
        if self.plan.counts {
            let value = reduce(value, Aggregate::Sum);
            return self.meant(value, true);
        }
        let grown = move |row: &[f64]| {
            let mut known = row.iter().copied().filter(|v| !v.is_nan());
            let first = known.next().unwrap_or(f64::NAN);
            let last = known.next_back().unwrap_or(first);
            difference(last, first, percent)
        };
        let value = rows(value, grown);
        self.meant(value, !percent)
    }

    /// Point by point and then put together; totals and what was measured put together first.
    fn change(&mut self, expr: &Expr, percent: bool, aggregate: Aggregate, ago: u32) -> Value {
        let now = self.expr(expr, 0);
        let then = self.expr(expr, ago);
        let compare = |a, b| difference(a, b, percent);
        if self.totals || self.plan.sparse {
            let value = join(reduce(now, aggregate), reduce(then, aggregate), compare);
            return self.meant(value, !percent && aggregate == Aggregate::Sum);
        }
        let value = reduce(join(now, then, compare), aggregate);
        self.meant(value, aggregate == Aggregate::Sum)
    }
}

fn difference(now: f64, then: f64, percent: bool) -> f64 {
    match percent {
        false => now - then,
        true if then == 0.0 => f64::NAN,
        true => (now - then) / then * 100.0,
    }
}

fn apply(operator: Operator, a: f64, b: f64) -> f64 {
    match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide if b == 0.0 => f64::NAN,
        Operator::Divide => a / b,
    }
}

fn call(function: Function, value: Value) -> Value {
    match function {
        Function::Abs => map(value, f64::abs),
        Function::Ceil => map(value, f64::ceil),
        Function::Floor => map(value, f64::floor),
        // of 0 and less there is none
        Function::Log2 => map(value, |v| finite(v.log2())),
        Function::Log10 => map(value, |v| finite(v.log10())),
        // `max` would make a value of nothing
        Function::ClampMin(least) => map(value, |v| if v < least { least } else { v }),
        Function::ClampMax(most) => map(value, |v| if v > most { most } else { v }),
        Function::Ago(_) => value,
        Function::DefaultZero => {
            let mut value = map(value, |v| if v.is_nan() { 0.0 } else { v });
            if let Value::Groups { default, .. } = &mut value {
                *default = Some(0.0);
            }
            value
        }
        Function::ExcludeNull => exclude(value),
    }
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

fn exclude(value: Value) -> Value {
    let Value::Groups {
        groups,
        data,
        len,
        default,
    } = value
    else {
        return value;
    };
    let (mut kept, mut values) = (Vec::new(), Vec::new());
    for (group, row) in groups.into_iter().zip(data.chunks(len.max(1))) {
        if !group.iter().any(|(_, value)| value.as_str() == LACKS) {
            kept.push(group);
            values.extend_from_slice(row);
        }
    }
    Value::Groups {
        groups: kept,
        data: values,
        len,
        default,
    }
}

fn map(value: Value, change: impl Fn(f64) -> f64) -> Value {
    match value {
        Value::Scalar(number) => Value::Scalar(change(number)),
        Value::Groups {
            groups,
            mut data,
            len,
            default,
        } => {
            data.iter_mut().for_each(|v| *v = change(*v));
            Value::Groups {
                groups,
                data,
                len,
                default: default.map(change),
            }
        }
    }
}

/// Each group's values to one.
fn rows(value: Value, change: impl Fn(&[f64]) -> f64) -> Value {
    match value {
        Value::Scalar(_) => value,
        Value::Groups {
            groups,
            data,
            len,
            default,
        } => Value::Groups {
            data: data.chunks(len.max(1)).map(change).collect(),
            groups,
            len: 1,
            default,
        },
    }
}

fn reduce(value: Value, aggregate: Aggregate) -> Value {
    rows(value, |row| {
        let mut known = row.iter().copied().filter(|v| !v.is_nan());
        let least = |a: f64, b: f64| if b < a { b } else { a };
        let most = |a: f64, b: f64| if b > a { b } else { a };
        match aggregate {
            Aggregate::Sum => known.reduce(|a, b| a + b).unwrap_or(f64::NAN),
            Aggregate::Avg | Aggregate::Count => {
                let (count, sum) = known.fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + v));
                // nothing by nothing is none
                sum / count
            }
            Aggregate::Min => known.reduce(least).unwrap_or(f64::NAN),
            Aggregate::Max => known.reduce(most).unwrap_or(f64::NAN),
            Aggregate::Last => known.next_back().unwrap_or(f64::NAN),
        }
    })
}

/// Group by group; what is not grouped goes with every group, and a group that one side lacks has no value.
fn join(left: Value, right: Value, apply: impl Fn(f64, f64) -> f64) -> Value {
    match (left, right) {
        (Value::Scalar(a), Value::Scalar(b)) => Value::Scalar(apply(a, b)),
        (Value::Scalar(a), groups) => map(groups, |b| apply(a, b)),
        (groups, Value::Scalar(b)) => map(groups, |a| apply(a, b)),
        (
            Value::Groups {
                groups,
                data,
                len,
                default,
            },
            Value::Groups {
                groups: others,
                data: other,
                len: other_len,
                default: other_default,
            },
        ) => {
            let len = len.min(other_len);
            let ungrouped = |groups: &[Group]| groups.iter().all(|g| g.is_empty());
            let all = if groups == others || ungrouped(&others) && !groups.is_empty() {
                groups.clone()
            } else if ungrouped(&groups) && !others.is_empty() {
                others.clone()
            } else {
                let known: std::collections::HashSet<&Group> = groups.iter().collect();
                let more = others.iter().filter(|g| !known.contains(g));
                groups.iter().chain(more).cloned().collect()
            };
            let left = Rows::new(&groups, &data, default);
            let right = Rows::new(&others, &other, other_default);
            let mut joined = Vec::with_capacity(all.len() * len);
            for (place, group) in all.iter().enumerate() {
                let (a, b) = (left.find(place, group), right.find(place, group));
                joined.extend((0..len).map(|at| apply(a.at(at), b.at(at))));
            }
            Value::Groups {
                groups: all,
                data: joined,
                len,
                default: default.zip(other_default).map(|(a, b)| apply(a, b)),
            }
        }
    }
}

/// Finds the values of a group on one side of an operator.
struct Rows<'a> {
    groups: &'a [Group],
    data: &'a [f64],
    len: usize,
    default: f64,
    index: std::cell::OnceCell<HashMap<&'a Group, usize>>,
}

enum Row<'a> {
    Known(&'a [f64]),
    Default(f64),
}

impl Row<'_> {
    fn at(&self, at: usize) -> f64 {
        match self {
            Self::Known(row) => row.get(at).copied().unwrap_or(f64::NAN),
            Self::Default(value) => *value,
        }
    }
}

impl<'a> Rows<'a> {
    fn new(groups: &'a [Group], data: &'a [f64], default: Option<f64>) -> Self {
        Self {
            groups,
            data,
            len: data.len().checked_div(groups.len()).unwrap_or(0),
            default: default.unwrap_or(f64::NAN),
            index: std::cell::OnceCell::new(),
        }
    }

    /// `place` is where it would stand if both sides had the same groups.
    fn find(&self, place: usize, group: &Group) -> Row<'a> {
        let at = match self.groups.get(place) {
            Some(own) if own == group => Some(place),
            _ if self.groups.len() == 1 && self.groups.first().is_some_and(|g| g.is_empty()) => {
                Some(0)
            }
            _ => self
                .index
                .get_or_init(|| {
                    self.groups
                        .iter()
                        .enumerate()
                        .map(|(i, g)| (g, i))
                        .collect()
                })
                .get(group)
                .copied(),
        };
        let row = at.and_then(|at| self.data.get(at * self.len..(at + 1) * self.len));
        row.map_or(Row::Default(self.default), Row::Known)
    }
}

fn finish(value: Value, grouped: bool) -> Vec<(Group, Option<f64>)> {
    match value {
        // no series at all, and a number stands for that
        Value::Groups {
            groups,
            default: Some(default),
            ..
        } if groups.is_empty() && !grouped => vec![(Group::from([]), Some(default))],
        Value::Groups { groups, data, .. } => {
            let number = |v: f64| v.is_finite().then_some(v);
            let values = data.into_iter().map(number);
            groups.into_iter().zip(values).collect()
        }
        Value::Scalar(_) => Vec::new(),
    }
}
