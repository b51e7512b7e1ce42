//! Owns the intervals into which a window is cut, and putting the points of many series into them.

use super::ast::{Aggregate, Fill, Form, Select};
use super::select::{Selection, Source};
use crate::metrics::{Bucket, Kind, Series, Store, width_at};

/// A window in ticks: so many intervals from a tick on, the last one perhaps shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub from: u32,
    pub to: u32,
    pub step: u32,
    pub len: usize,
}

impl Grid {
    /// The window of so many seconds that ends with this tick, `ago` seconds before. The interval is the wished one;
    /// else ten seconds up to five minutes, one up to an hour, five up to four, ten up to a day, an hour beyond; but
    /// never finer than what is kept of that time. `reach` is how far back the whole rule looks, in seconds.
    pub fn new(now: u32, window: u32, ago: u32, wished: Option<u32>, reach: u32) -> Self {
        let usual = match window {
            ..=300 => 1,
            301..=3_600 => 6,
            3_601..=14_400 => 30,
            14_401..=86_400 => 60,
            _ => 360,
        };
        let wished = wished.map_or(usual, |seconds| (seconds / 10).max(1));
        let step = wished.max(width_at(reach / 10));
        let ticks = (window / 10).max(1);
        let to = now.saturating_add(1).saturating_sub(ago / 10);
        Self {
            from: to.saturating_sub(ticks),
            to,
            step,
            len: ticks.div_ceil(step) as usize,
        }
    }

    /// With intervals of so many ticks at least.
    #[must_use]
    pub fn at_least(self, step: u32) -> Self {
        let step = self.step.max(step);
        let len = (self.to - self.from).div_ceil(step) as usize;
        Self { step, len, ..self }
    }

    fn start(&self, at: usize) -> u32 {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.from.saturating_add(at.saturating_mul(self.step))
    }

    fn end(&self, at: usize) -> u32 {
        self.start(at + 1).min(self.to)
    }

    /// The interval of a tick, or the first or last.
    fn place(&self, tick: u32) -> usize {
        ((tick.saturating_sub(self.from) / self.step) as usize).min(self.len)
    }

    fn seconds(&self, at: usize) -> f64 {
        f64::from((self.end(at) - self.start(at)).max(1)) * 10.0
    }
}

/// One interval of one group.
#[derive(Clone, Copy, Debug)]
struct Cell {
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
    /// Change in the number of series that are 0 when nothing was counted.
    live: f64,
}

const EMPTY: Cell = Cell {
    count: 0.0,
    sum: 0.0,
    min: f64::INFINITY,
    max: f64::NEG_INFINITY,
    live: 0.0,
};

impl Cell {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    fn pool(&mut self, bucket: &Bucket) {
        self.count += f64::from(bucket.count);
        self.sum += bucket.sum;
        self.min = self.min.min(bucket.min);
        self.max = self.max.max(bucket.max);
    }

    fn value(&self, aggregate: Aggregate) -> f64 {
        if self.count == 0.0 {
            return f64::NAN;
        }
        match aggregate {
            Aggregate::Avg => self.sum / self.count,
            Aggregate::Sum | Aggregate::Last => self.sum,
            Aggregate::Min => self.min,
            Aggregate::Max => self.max,
            Aggregate::Count => self.count,
        }
    }
}

/// When the source of a series was heard, by interval. `None`: all the time.
struct Heard(Vec<(Option<usize>, Option<Vec<bool>>)>);

impl Heard {
    fn of(&mut self, store: &Store, grid: &Grid, source: Option<usize>) -> usize {
        if let Some(at) = self.0.iter().position(|(known, _)| *known == source) {
            return at;
        }
        let times: Vec<bool> = (0..grid.len)
            .map(|at| store.heard(source, grid.start(at), grid.end(at)))
            .collect();
        let always = times.iter().all(|heard| *heard);
        self.0.push((source, (!always).then_some(times)));
        self.0.len() - 1
    }

    fn at(&self, source: usize, interval: usize) -> bool {
        match self.0.get(source) {
            Some((_, Some(times))) => times.get(interval).copied().unwrap_or(false),
            _ => true,
        }
    }

    fn always(&self, source: usize) -> bool {
        self.0.get(source).is_none_or(|(_, times)| times.is_none())
    }
}

/// A value for each group and interval, NaN where there is none; group after group.
pub(super) fn fill(
    store: &Store,
    grid: &Grid,
    select: &Select,
    source: &Source,
    selection: &Selection,
) -> Vec<f64> {
    let mut cells = vec![EMPTY; selection.groups.len() * grid.len];
    let mut heard = Heard(Vec::new());
    let natural = matches!(select.fill, Fill::Natural | Fill::Last(_));
    // of what was kept nobody knows when a level was over: it is known where it was told
    let holds = natural && !source.kept;
    let counts = source.kind == Kind::Count && natural;
    for (id, group) in &selection.members {
        let Some(series) = store.get(*id) else {
            continue;
        };
        let first = *group as usize * grid.len;
        let Some(row) = cells.get_mut(first..first + grid.len) else {
            continue;
        };
        match source.kind {
            Kind::Gauge if holds => {
                let by = heard.of(store, grid, series.source);
                levels(grid, series, select, row, |at| heard.at(by, at));
            }
            _ => points(grid, series, select, source.kind, row),
        }
        if counts {
            let by = heard.of(store, grid, series.source);
            zeros(grid, series, row, &heard, by);
        }
    }
    let mut values = Vec::with_capacity(cells.len());
    for row in cells.chunks_mut(grid.len.max(1)) {
        let mut live = 0.0;
        for cell in row.iter_mut() {
            live += cell.live;
            if counts && live > cell.count {
                cell.count = live;
                cell.min = cell.min.min(0.0);
                cell.max = cell.max.max(0.0);
            }
            values.push(cell.value(select.space));
        }
    }
    patch(grid, select.fill, &mut values);
    values
}

/// What lies in each interval, oldest first.
fn each(grid: &Grid, series: &Series, mut take: impl FnMut(usize, &Bucket)) {
    let mut current: Option<(usize, Bucket)> = None;
    for bucket in series.history.between(grid.from, grid.to) {
        let at = grid.place(bucket.start);
        match &mut current {
            Some((known, sum)) if *known == at => {
                sum.count = sum.count.saturating_add(bucket.count);
                sum.sum += bucket.sum;
                sum.min = sum.min.min(bucket.min);
                sum.max = sum.max.max(bucket.max);
                sum.last = bucket.last;
            }
            _ => {
                if let Some((at, sum)) = current.replace((at, *bucket)) {
                    take(at, &sum);
                }
            }
        }
    }
    if let Some((at, sum)) = current {
        take(at, &sum);
    }
}

/// How a series' points of one interval become one.
fn rolled(grid: &Grid, select: &Select, kind: Kind, at: usize, bucket: &Bucket) -> f64 {
    let usual = match kind {
        Kind::Count => Aggregate::Sum,
        Kind::Gauge | Kind::Measure => Aggregate::Avg,
    };
    let aggregate = select.rollup.and_then(|r| r.aggregate).unwrap_or(usual);
    let value = match aggregate {
        Aggregate::Avg => bucket.sum / f64::from(bucket.count),
        Aggregate::Sum => bucket.sum,
        Aggregate::Min => bucket.min,
        Aggregate::Max => bucket.max,
        Aggregate::Last => bucket.last,
        Aggregate::Count => f64::from(bucket.count),
    };
    if select.form == Form::Rate {
        value / grid.seconds(at)
    } else {
        value
    }
}

fn points(grid: &Grid, series: &Series, select: &Select, kind: Kind, row: &mut [Cell]) {
    // what was measured is put together as if one series had it all
    let pooled = kind == Kind::Measure && select.rollup.is_none_or(|r| r.aggregate.is_none());
    each(grid, series, |at, bucket| {
        let Some(cell) = row.get_mut(at).filter(|_| bucket.count > 0) else {
            return;
        };
        if pooled {
            cell.pool(bucket);
        } else {
            cell.add(rolled(grid, select, kind, at, bucket));
        }
    });
}

/// A level holds until it changes, is over, or its source falls silent.
fn levels(
    grid: &Grid,
    series: &Series,
    select: &Select,
    row: &mut [Cell],
    heard: impl Fn(usize) -> bool,
) {
    let mut level = series.history.last_before(grid.from).unwrap_or(f64::NAN);
    let mut next = 0;
    let hold = |level: f64, from: usize, to: usize, row: &mut [Cell]| {
        if level.is_nan() {
            return;
        }
        for at in from..to {
            if let Some(cell) = row.get_mut(at).filter(|_| heard(at)) {
                cell.add(level);
            }
        }
    };
    each(grid, series, |at, bucket| {
        hold(level, next, at, row);
        if let Some(cell) = row.get_mut(at).filter(|_| bucket.count > 0) {
            cell.add(rolled(grid, select, Kind::Gauge, at, bucket));
        }
        level = bucket.last;
        next = at + 1;
    });
    hold(level, next, grid.len, row);
}

/// Where the series was counted and nothing was, there is a 0.
fn zeros(grid: &Grid, series: &Series, row: &mut [Cell], heard: &Heard, by: usize) {
    let end = series.until.map_or(grid.to, |until| until.min(grid.to));
    if series.since >= end || end <= grid.from {
        return;
    }
    let from = grid.place(series.since);
    let to = grid.place(end.saturating_sub(1)) + 1;
    let mut span = |from: usize, to: usize| {
        if let Some(cell) = row.get_mut(from) {
            cell.live += 1.0;
        }
        if let Some(cell) = row.get_mut(to) {
            cell.live -= 1.0;
        }
    };
    if heard.always(by) {
        span(from, to);
        return;
    }
    for at in (from..to.min(grid.len)).filter(|at| heard.at(by, *at)) {
        span(at, at + 1);
    }
}

fn patch(grid: &Grid, fill: Fill, values: &mut [f64]) {
    match fill {
        Fill::Natural | Fill::Null => {}
        Fill::Zero => {
            for value in values.iter_mut().filter(|v| v.is_nan()) {
                *value = 0.0;
            }
        }
        Fill::Last(limit) => {
            let most = limit.map_or(usize::MAX, |seconds| (seconds / 10 / grid.step) as usize);
            for row in values.chunks_mut(grid.len.max(1)) {
                let mut last = (f64::NAN, 0);
                for value in row {
                    if value.is_nan() {
                        last.1 += 1;
                        if last.1 <= most {
                            *value = last.0;
                        }
                    } else {
                        last = (*value, 0);
                    }
                }
            }
        }
    }
}
