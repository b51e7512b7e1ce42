//! One filter through all logs of a view, a slice at a time.

use std::sync::Arc;

use crate::logs::{Direction, Filter, Find, Log, Matches};

/// What has been found so far. Dropping it cancels the search.
#[derive(Debug)]
pub(super) struct Hunt {
    filter: Arc<Filter>,
    finds: Vec<Option<Find>>,
    nothing: Matches,
    left: u64,
    all: u64,
}

impl Hunt {
    pub(super) fn new(filter: Filter) -> Self {
        Self {
            filter: Arc::new(filter),
            finds: Vec::new(),
            nothing: Matches::default(),
            left: 1,
            all: 1,
        }
    }

    pub(super) fn again(&self) -> Self {
        Self::new((*self.filter).clone())
    }

    /// Looks at about `budget` bytes more. `from` tells where to begin in a log: it is asked once for each.
    pub(super) fn step(
        &mut self,
        logs: &[Option<&Log>],
        from: impl Fn(usize, &Log) -> (u64, Direction),
        budget: u64,
    ) {
        self.finds.resize_with(logs.len(), || None);
        (self.left, self.all) = (0, 0);
        let mut budget = budget;
        for (at, (log, find)) in logs.iter().zip(&mut self.finds).enumerate() {
            let Some(log) = log else {
                continue;
            };
            let find = find.get_or_insert_with(|| {
                let (line, direction) = from(at, log);
                Find::new(log, Arc::clone(&self.filter), line, direction)
            });
            let progress = find.step(log, budget);
            budget = budget.saturating_sub(progress.scanned);
            self.left += progress.left;
            let lines = log.numbers();
            self.all += lines.end - lines.start;
        }
    }

    /// First lines of the records found in a log.
    pub(super) fn matches(&self, source: usize) -> &Matches {
        let find = self.finds.get(source).and_then(Option::as_ref);
        find.map_or(&self.nothing, Find::matches)
    }

    pub(super) fn total(&self) -> usize {
        self.finds.iter().flatten().map(|f| f.matches().len()).sum()
    }

    pub(super) fn done(&self) -> bool {
        self.left == 0
    }

    /// How much of the logs was looked at.
    pub(super) fn percent(&self) -> u64 {
        100 - self.left * 100 / self.all.max(1)
    }
}
