//! The fleet: every pipeline with the run that matters, worst first.

use std::cmp::Reverse;

use chrono::{DateTime, Duration, Utc};

use crate::model::{Health, NodeId, PipelineKey, RunKey};

use super::{PipelineView, RunView, World};

/// How many past runs a row shows.
const LAST_RUNS: usize = 10;

/// One pipeline at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetRow {
    pub key: PipelineKey,
    pub health: Health,
    pub paused: bool,
    /// Its backend does not answer: what is shown is old.
    pub stale: bool,
    /// The run that the row speaks of: the worst of those that are going and the newest.
    pub run: Option<RunKey>,
    /// The node to look at first in that run.
    pub node: Option<NodeId>,
    /// How many runs are going.
    pub active: usize,
    /// Oldest first; health and how long it took (or has taken).
    pub last: Vec<(Health, Option<Duration>)>,
    /// Due and not started.
    pub due: Option<DateTime<Utc>>,
    /// When its present story began: orders rows of equal health, the newest first.
    pub since: Option<DateTime<Utc>>,
}

/// How many pipelines are in which condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub total: usize,
    pub failing: usize,
    pub running: usize,
    pub queued: usize,
    pub late: usize,
}

impl World {
    /// All pipelines, worst first. A pipeline is late when it was due more than `late_after` ago.
    pub fn fleet(&self, now: DateTime<Utc>, late_after: Duration) -> Vec<FleetRow> {
        let mut rows: Vec<FleetRow> = self
            .pipelines
            .values()
            .map(|p| self.fleet_row(p, now, late_after))
            .collect();
        rows.sort_by(|a, b| {
            let rank = |r: &FleetRow| (r.paused && !r.health.active(), r.health, Reverse(r.since));
            rank(a).cmp(&rank(b)).then_with(|| a.key.cmp(&b.key))
        });
        rows
    }

    fn fleet_row(&self, view: &PipelineView, now: DateTime<Utc>, late_after: Duration) -> FleetRow {
        let key = &view.pipeline.key;
        let runs: Vec<&RunView> = view.runs.iter().filter_map(|k| self.runs.get(k)).collect();
        let active = runs.iter().filter(|r| r.health.active()).count();
        // ties go to the newest: runs are newest first and min_by_key keeps the first
        let run = runs
            .iter()
            .enumerate()
            .filter(|(i, r)| *i == 0 || r.health.active())
            .min_by_key(|(_, r)| r.health)
            .map(|(_, r)| *r);
        let paused = view.pipeline.paused;
        let due = view
            .pipeline
            .schedule
            .next
            .filter(|due| !paused && *due + late_after < now)
            // a run for that time, or after it, is there already
            .filter(|due| runs.first().is_none_or(|r| r.run.ordered_at < *due));
        let mut health = match run {
            Some(r) => r.health,
            None if view.pipeline.stale.is_some() => Health::Failed,
            None => Health::Idle,
        };
        if due.is_some() && Health::Late < health {
            health = Health::Late;
        }
        if view.pipeline.stale.is_some() && !health.needs_person() {
            health = Health::Failed;
        }
        FleetRow {
            key: key.clone(),
            health,
            paused,
            stale: self
                .backends
                .get(&key.backend)
                .is_some_and(|b| b.stale_since().is_some()),
            run: run.map(|r| r.run.key.clone()),
            node: run.and_then(|r| r.worst_node()).map(|n| n.id.clone()),
            active,
            last: runs
                .iter()
                .take(LAST_RUNS)
                .rev()
                .map(|r| (r.health, r.run.elapsed(now)))
                .collect(),
            due,
            since: due.or_else(|| {
                run.and_then(|r| {
                    r.run
                        .ended_at
                        .or(r.run.started_at)
                        .or(Some(r.run.ordered_at))
                })
            }),
        }
    }
}

impl Tally {
    pub fn of(rows: &[FleetRow]) -> Self {
        let mut tally = Self {
            total: rows.len(),
            ..Self::default()
        };
        for row in rows {
            match row.health {
                Health::Failing | Health::Failed | Health::Lost => tally.failing += 1,
                Health::Running | Health::Retrying => tally.running += 1,
                Health::Queued => tally.queued += 1,
                Health::Late => tally.late += 1,
                _ => {}
            }
        }
        tally
    }
}
