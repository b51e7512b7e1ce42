//! Two runs held against each other.

use chrono::Duration;

use crate::analytics::compare::{Comparison, compare};
use crate::history::{Ask, Of, Store, StoreError};
use crate::model::{PastNode, PastRun, RunKey};

use super::{Vantage, shape};

#[derive(Clone, Debug, PartialEq)]
pub struct ComparePast {
    /// What is held against.
    pub a: Option<PastRun>,
    pub b: Option<PastRun>,
    /// Nobody chose a: it is the last good run before b.
    pub last_good: bool,
    /// `None` when one of the two is not known.
    pub comparison: Option<Comparison>,
    /// Whether attempts of both are known.
    pub nodes: (bool, bool),
}

pub(super) fn answer(
    store: &mut dyn Store,
    a: Option<&RunKey>,
    b: &RunKey,
    from: &Vantage,
) -> Result<ComparePast, StoreError> {
    let after = side(store, b, from)?;
    let before = match (a, &after) {
        (Some(a), _) => side(store, a, from)?,
        (None, Some((run, _))) => match last_good(store, run)? {
            Some(key) => side(store, &key, from)?,
            None => None,
        },
        (None, None) => None,
    };
    let known = |side: &Option<(PastRun, Vec<PastNode>)>| {
        side.as_ref().is_some_and(|(_, nodes)| !nodes.is_empty())
    };
    let nodes = (known(&before), known(&after));
    let shape = shape::of(store, &b.pipeline, from)?;
    let comparison = before.as_ref().zip(after.as_ref()).map(|(a, b)| {
        let shape = shape.as_deref();
        compare((&a.0, &a.1), (&b.0, &b.1), shape)
    });
    Ok(ComparePast {
        a: before.map(|s| s.0),
        b: after.map(|s| s.0),
        last_good: a.is_none(),
        comparison,
        nodes,
    })
}

/// A run with its attempts: as the world knows it while it goes on, else as it is kept.
fn side(
    store: &mut dyn Store,
    key: &RunKey,
    from: &Vantage,
) -> Result<Option<(PastRun, Vec<PastNode>)>, StoreError> {
    let live = from.live.iter().find(|(run, _)| run.run.key == *key);
    if let Some((run, nodes)) = live
        && !nodes.is_empty()
        && !run.run.state.ended()
    {
        return Ok(Some((run.clone(), nodes.clone())));
    }
    let kept = store.run(key)?;
    let nodes = store.nodes_of(key)?;
    let run = kept.or_else(|| live.map(|(run, _)| run.clone()));
    Ok(run.map(|run| match (nodes.is_empty(), live) {
        (true, Some((_, live))) => (run, live.clone()),
        _ => (run, nodes),
    }))
}

/// The good run before one.
fn last_good(store: &mut dyn Store, run: &PastRun) -> Result<Option<RunKey>, StoreError> {
    let ask = Ask {
        of: Of::Pipeline(run.run.key.pipeline.clone()),
        from: run.run.ordered_at - Duration::days(3 * 365),
        to: run.run.ordered_at,
        newest_first: true,
        most: 5_000,
    };
    let mut found = None;
    store.runs(&ask, &mut |before| {
        if before.good() {
            found = Some(before.run.key);
            return false;
        }
        true
    })?;
    Ok(found)
}
