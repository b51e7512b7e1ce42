//! The fleet: every pipeline with the run that matters, worst first.

use std::cmp::Reverse;
use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};

use crate::model::{Health, NodeId, PipelineKey, RunKey, RunState};

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
    /// What it says is from before this program began.
    pub recalled: bool,
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
    /// A run of `last` has not ended: how long it takes grows with the time.
    grows: bool,
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

/// The rows of the fleet as last computed: only what was touched since, or what the time moves, is computed again.
#[derive(Debug, Default)]
pub struct Fleet {
    rows: Vec<FleetRow>,
    /// World revision of the rows.
    seen: u64,
    computed: u64,
}

impl Fleet {
    /// All pipelines, worst first, as of the last `refresh`.
    pub fn rows(&self) -> &[FleetRow] {
        &self.rows
    }

    /// How many rows were ever computed.
    pub fn computed(&self) -> u64 {
        self.computed
    }

    /// Fits the rows to the world and the time. A pipeline is late when it was due more than `late_after` ago.
    /// Says whether anything changed.
    pub fn refresh(&mut self, world: &World, now: DateTime<Utc>, late_after: Duration) -> bool {
        let mut changed = self.rows.len() != world.pipelines.len();
        let mut known: HashMap<PipelineKey, usize> = HashMap::with_capacity(self.rows.len());
        for (at, row) in self.rows.iter().enumerate() {
            known.insert(row.key.clone(), at);
        }
        let mut kept = vec![false; self.rows.len()];
        for view in world.pipelines.values() {
            let at = known.get(&view.pipeline.key).copied();
            let row = at.and_then(|at| self.rows.get_mut(at));
            if let Some(kept) = at.and_then(|at| kept.get_mut(at)) {
                *kept = true;
            }
            let over = |next: DateTime<Utc>| next + late_after < now;
            let holds = |row: &FleetRow| {
                view.touched <= self.seen
                    && !row.grows
                    && row.due.is_none()
                    && !view.pipeline.schedule.next.is_some_and(over)
            };
            if row.as_deref().is_some_and(holds) {
                continue;
            }
            self.computed += 1;
            let new = world.fleet_row(view, now, late_after);
            match row {
                Some(row) if *row == new => {}
                Some(row) => {
                    *row = new;
                    changed = true;
                }
                None => {
                    self.rows.push(new);
                    changed = true;
                }
            }
        }
        self.seen = world.revision;
        if changed || kept.contains(&false) {
            changed = true;
            // those that were pushed come after those that were known
            let mut kept = kept.into_iter();
            self.rows.retain(|_| kept.next().unwrap_or(true));
            sort(&mut self.rows);
        }
        changed
    }
}

fn sort(rows: &mut [FleetRow]) {
    rows.sort_by(|a, b| {
        let rank = |r: &FleetRow| (r.paused && !r.health.active(), r.health, Reverse(r.since));
        rank(a).cmp(&rank(b)).then_with(|| a.key.cmp(&b.key))
    });
}

impl World {
    /// All pipelines, worst first. A pipeline is late when it was due more than `late_after` ago.
    pub fn fleet(&self, now: DateTime<Utc>, late_after: Duration) -> Vec<FleetRow> {
        let mut fleet = Fleet::default();
        fleet.refresh(self, now, late_after);
        fleet.rows
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
            .filter(|due| runs.first().is_none_or(|r| r.run.ordered_at < *due))
            // or the backend itself calls a run late
            .or_else(|| {
                run.filter(|r| r.run.state == RunState::Late)
                    .map(|r| r.run.ordered_at)
            });
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
            recalled: run.is_some_and(|r| r.recalled)
                || self
                    .backends
                    .get(&key.backend)
                    .is_some_and(|b| b.recalled.is_some()),
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
            grows: runs
                .iter()
                .take(LAST_RUNS)
                .any(|r| r.run.started_at.is_some() && r.run.ended_at.is_none()),
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
