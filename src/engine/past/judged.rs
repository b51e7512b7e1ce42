//! What statistics say of the runs of one pipeline.

use chrono::{DateTime, Duration, Utc};

use crate::analytics::bottleneck::{Bottlenecks, bottlenecks};
use crate::analytics::changes::{Change, changes};
use crate::analytics::flaky::{Flaky, flaky};
use crate::analytics::normal::{Verdict, judge_run};
use crate::analytics::series::of_runs;
use crate::analytics::{Measure, Sample, Spread};
use crate::history::{Ask, Of, Store, StoreError};
use crate::model::{PastRun, PipelineKey, SafeText};

use super::{Vantage, shape};

/// Good runs of which a point of the band is made: those before it and those after it.
const WINDOW: usize = 21;
/// Points of the band.
const POINTS: usize = 160;
/// Fewer runs make no band.
const ENOUGH: usize = 5;
/// Attempts that are looked at.
const ATTEMPTS: usize = 12_000;
/// How much faster a node is thought to be.
const FASTER: f64 = 0.3;

/// What was usual around a time, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    pub at: DateTime<Utc>,
    pub p50: f64,
    pub p95: f64,
}

/// When runs began to take longer or shorter for good.
#[derive(Clone, Debug, PartialEq)]
pub struct Shift {
    pub change: Change,
    /// The version that came with it, when it was another before.
    pub version: Option<SafeText>,
}

/// What is known of the nodes, from the newest runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Nodes {
    pub runs: usize,
    pub flaky: Vec<Flaky>,
    /// `None` while nobody has told the shape of its runs.
    pub bottlenecks: Option<Bottlenecks>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub band: Vec<Band>,
    /// How long good runs took.
    pub took: Option<Spread>,
    pub waited: Option<Spread>,
    pub shifts: Vec<Shift>,
    /// How the newest run stands to those before it.
    pub newest: Option<Verdict>,
    pub nodes: Option<Nodes>,
}

/// `all`: the oldest first; what began before `begin` is only looked at for what is usual.
pub(super) fn judge(
    store: &mut dyn Store,
    key: &PipelineKey,
    all: &[PastRun],
    begin: DateTime<Utc>,
    from: &Vantage,
) -> Result<Judged, StoreError> {
    let took = of_runs(all, Measure::Duration);
    let within = |s: &&Sample| s.at >= begin;
    let recent: Vec<Sample> = took.iter().filter(within).copied().collect();
    let waits = of_runs(all, Measure::Wait);
    let waits = waits.iter().filter(within).map(|s| s.value);
    let newest = all.iter().rev().find(|r| r.run.ended_at.is_some());
    Ok(Judged {
        band: band(&took, begin),
        took: Spread::of(recent.iter().map(|s| s.value)),
        waited: Spread::of(waits),
        shifts: shifts(all, &took, begin),
        newest: newest.and_then(|run| judge_run(run, all, from.now)),
        nodes: nodes(store, key, all, begin, from)?,
    })
}

/// What was usual over the time: of each few runs and their neighbours.
fn band(took: &[Sample], begin: DateTime<Utc>) -> Vec<Band> {
    if took.len() < ENOUGH {
        return Vec::new();
    }
    let first = took.partition_point(|s| s.at < begin);
    let step = (took.len() - first).div_ceil(POINTS).max(1);
    let points = (first..took.len()).step_by(step);
    let last = took.len().checked_sub(1).filter(|l| *l >= first);
    let mut out: Vec<Band> = Vec::new();
    for at in points.chain(last) {
        let half = WINDOW / 2;
        let to = (at + half + 1).max(WINDOW).min(took.len());
        let window = took.get(to.saturating_sub(WINDOW)..to).unwrap_or_default();
        let Some(spread) = Spread::of(window.iter().map(|s| s.value)) else {
            continue;
        };
        out.push(Band {
            at: took[at].at,
            p50: spread.median,
            p95: spread.p95,
        });
    }
    out
}

fn shifts(all: &[PastRun], took: &[Sample], begin: DateTime<Utc>) -> Vec<Shift> {
    let found = changes(took).into_iter().filter(|c| c.at >= begin);
    let version = |change: &Change| {
        let began = |r: &PastRun| r.run.started_at.unwrap_or(r.run.ordered_at);
        let mut after = all.iter().filter(|r| began(r) >= change.at);
        let mut before = all.iter().rev().filter(|r| began(r) < change.at);
        let (old, new) = (before.next()?, after.next()?);
        let new = new.run.version.clone()?;
        (old.run.version.as_ref() != Some(&new)).then_some(new)
    };
    found
        .map(|change| Shift {
            version: version(&change),
            change,
        })
        .collect()
}

fn nodes(
    store: &mut dyn Store,
    key: &PipelineKey,
    all: &[PastRun],
    begin: DateTime<Utc>,
    from: &Vantage,
) -> Result<Option<Nodes>, StoreError> {
    let ask = Ask {
        of: Of::Pipeline(key.clone()),
        from: begin,
        to: from.now + Duration::minutes(5),
        newest_first: true,
        most: ATTEMPTS,
    };
    let mut nodes = Vec::new();
    store.nodes(&ask, None, &mut |node| {
        nodes.push(node);
        true
    })?;
    if nodes.len() >= ATTEMPTS {
        // the oldest run is not there in whole
        let cut = nodes.last().map(|n| n.run.clone());
        nodes.retain(|n| Some(&n.run) != cut.as_ref());
    }
    let mut runs: Vec<_> = nodes.iter().map(|n| &n.run).collect();
    runs.dedup();
    let known = runs.len();
    if nodes.is_empty() {
        return Ok(None);
    }
    let shape = shape::of(store, key, from)?;
    Ok(Some(Nodes {
        runs: known,
        flaky: flaky(all, &nodes),
        bottlenecks: shape.and_then(|shape| bottlenecks(all, &nodes, &shape, FASTER)),
    }))
}
