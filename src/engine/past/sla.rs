//! Whether promises were kept.

use chrono::{DateTime, Duration, Utc};

use crate::analytics::eta::{By, Eta, Going, eta};
use crate::analytics::sla::{Budget, Kept, Objective, Outcome, budget, deadline, outcomes};
use crate::history::{Ask, Of, Store, StoreError, read_shape_of};
use crate::model::{Node, PastNode, PastRun, PipelineKey, RunKey};

use super::vantage::Promise;
use super::{Span, Vantage};

/// Runs that are looked at, of all pipelines together, and of one at least.
const RUNS: usize = 30_000;
const FEWEST: usize = 60;
/// Due times that are looked at.
const DUES: usize = 10_000;
/// Attempts of the nodes of one pipeline that are looked at.
const ATTEMPTS: usize = 6_000;
/// Misses that are told.
const MISSES: usize = 3;

/// One pipeline's promises.
#[derive(Clone, Debug, PartialEq)]
pub struct SlaRow {
    pub pipeline: PipelineKey,
    pub objective: Objective,
    pub budget: Budget,
    /// What is due now, or was last.
    pub now: Option<Outcome>,
    /// The end of the run that goes on: likely, and nine times of ten not after.
    pub eta: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// What that rests on.
    pub by: Option<By>,
    /// When the next one is due, and by when it is to be done.
    pub next: Option<DateTime<Utc>>,
    /// The newest misses, the last first.
    pub misses: Vec<Outcome>,
    /// The last outcomes, the oldest first.
    pub last: Vec<Kept>,
    /// There are older runs than were looked at.
    pub cut: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SlaPast {
    pub span: Span,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// The worst first.
    pub rows: Vec<SlaRow>,
}

pub(super) fn answer(
    store: &mut dyn Store,
    span: Span,
    from: &Vantage,
) -> Result<SlaPast, StoreError> {
    let begin = from.now - span.length();
    let most = (RUNS / from.promised.len().max(1)).max(FEWEST);
    let mut rows = Vec::with_capacity(from.promised.len());
    for promise in &from.promised {
        let ask = Ask {
            of: Of::Pipeline(promise.pipeline.clone()),
            from: begin - Duration::days(1),
            to: from.now + Duration::minutes(5),
            newest_first: true,
            most,
        };
        let mut runs = Vec::new();
        store.runs(&ask, &mut |run| {
            runs.push(run);
            true
        })?;
        let ends = ends(store, promise, &runs, begin, from.now)?;
        rows.push(row(promise, runs, ends.as_ref(), begin, (from.now, most)));
    }
    // of equal ones the one with least budget left
    rows.sort_by(|a, b| {
        let kept = |r: &SlaRow| r.now.as_ref().map(|o| o.kept);
        kept(b)
            .cmp(&kept(a))
            .then(a.budget.left.total_cmp(&b.budget.left))
            .then(a.pipeline.cmp(&b.pipeline))
    });
    Ok(SlaPast {
        span,
        from: begin,
        to: from.now,
        rows,
    })
}

/// When the run that goes on will end: by what its nodes took, where those are known, else by whole runs.
fn ends(
    store: &mut dyn Store,
    promise: &Promise,
    runs: &[PastRun],
    begin: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Eta>, StoreError> {
    let Some(ongoing) = &promise.ongoing else {
        return Ok(None);
    };
    let mut attempts: Vec<PastNode> = Vec::new();
    let mut kept = None;
    if !ongoing.nodes.is_empty() {
        let ask = Ask {
            of: Of::Pipeline(promise.pipeline.clone()),
            from: begin - Duration::days(1),
            to: now,
            newest_first: true,
            most: ATTEMPTS,
        };
        store.nodes(&ask, None, &mut |node| {
            attempts.push(node);
            true
        })?;
        if attempts.len() >= ATTEMPTS {
            // the oldest run is not there in whole
            let cut = attempts.last().map(|n| n.run.clone());
            attempts.retain(|n| Some(&n.run) != cut.as_ref());
        }
        if ongoing.topology.is_none() {
            kept = read_shape_of(store, &promise.pipeline)?;
        }
    }
    let topology = ongoing.topology.as_deref();
    let nodes: Vec<&Node> = ongoing.nodes.iter().collect();
    let going = Going {
        run: &ongoing.run,
        nodes: &nodes,
        topology: topology.or(kept.as_ref().map(|(topology, _)| topology)),
    };
    Ok(eta(going, runs, &attempts, now))
}

fn row(
    promise: &Promise,
    mut runs: Vec<PastRun>,
    ends: Option<&Eta>,
    begin: DateTime<Utc>,
    (now, most): (DateTime<Utc>, usize),
) -> SlaRow {
    let cut = runs.len() >= most;
    for live in &promise.live {
        match runs.iter_mut().find(|r| r.run.key == live.run.key) {
            Some(kept) => kept.clone_from(live),
            None => runs.push(live.clone()),
        }
    }
    let first = runs.iter().map(|r| r.run.ordered_at).min();
    let seen = first.unwrap_or(now).max(begin);
    let cron = promise.cron.as_ref();
    let dues = cron.map_or_else(Vec::new, |cron| cron.between(seen, now, DUES));
    let ongoing = promise.ongoing.as_ref();
    let chance = |key: &RunKey, at: DateTime<Utc>| {
        let own = ongoing.is_some_and(|going| going.run.key == *key);
        Some(ends.filter(|_| own)?.chance_after(at))
    };
    let all = outcomes(&promise.objective, &runs, &dues, now, &chance);
    let misses = all.iter().rev().filter(|o| o.kept == Kept::Missed);
    let next = promise.cron.as_ref().and_then(|cron| cron.after(now));
    let by = promise.objective.done_by;
    SlaRow {
        pipeline: promise.pipeline.clone(),
        objective: promise.objective.clone(),
        budget: budget(&all, promise.target, begin, now + Duration::seconds(1)),
        now: all.last().cloned(),
        eta: ends.and_then(|e| Some((e.median()?, e.p90()?))),
        by: ends.map(|e| e.by),
        next: next.map(|due| match by {
            Some(by) => deadline(promise.objective.zone, by, due).unwrap_or(due),
            None => due,
        }),
        misses: misses.take(MISSES).cloned().collect(),
        last: all.iter().map(|o| o.kept).collect(),
        cut,
    }
}
