//! What is usual for a pipeline at this hour of this weekday: the durations of its runs that ended well.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, Duration, Utc};

use super::like::{ENOUGH, Like};
use super::stats::quantile;
use crate::model::{Health, PastRun, PipelineKey, Run, RunId};
use crate::world::RunView;

/// Runs remembered of each pipeline: over a year of daily ones, 17 days of hourly ones.
const RUNS: usize = 400;

/// What is usual, and how many runs it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usual {
    pub median: Duration,
    /// Of twenty runs, nineteen are not longer.
    pub p95: Duration,
    pub runs: usize,
    pub of: Like,
}

#[derive(Clone, Debug)]
struct Sample {
    run: RunId,
    started: DateTime<Utc>,
    took: Duration,
}

/// The durations of all pipelines, bounded.
#[derive(Clone, Debug, Default)]
pub struct Baselines {
    of: HashMap<PipelineKey, VecDeque<Sample>>,
}

impl Baselines {
    /// Takes in a run that ended well; any other says nothing about what is usual. Each run counts once.
    pub fn observe(&mut self, view: &RunView) {
        self.add(&view.run, view.health);
    }

    /// The same of one that was.
    pub fn recall(&mut self, past: &PastRun) {
        self.add(&past.run, past.health);
    }

    /// Takes up what another knows, where it is not known here.
    pub fn take_up(&mut self, other: Self) {
        for (key, samples) in other.of {
            match self.of.entry(key) {
                Entry::Vacant(vacant) => {
                    vacant.insert(samples);
                }
                Entry::Occupied(mut known) => {
                    let known = known.get_mut();
                    for sample in samples {
                        if known.iter().all(|k| k.run != sample.run) {
                            let at = known.partition_point(|s| s.started <= sample.started);
                            known.insert(at, sample);
                        }
                    }
                    while known.len() > RUNS {
                        known.pop_front();
                    }
                }
            }
        }
    }

    fn add(&mut self, run: &Run, health: Health) {
        let (Some(started), Some(ended)) = (run.started_at, run.ended_at) else {
            return;
        };
        if !matches!(health, Health::Succeeded | Health::Warned) || ended < started {
            return;
        }
        let samples = self.of.entry(run.key.pipeline.clone()).or_default();
        let sample = Sample {
            run: run.key.run.clone(),
            started,
            took: ended - started,
        };
        if let Some(known) = samples.iter_mut().find(|s| s.run == sample.run) {
            *known = sample;
            return;
        }
        let at = samples.partition_point(|s| s.started <= started);
        samples.insert(at, sample);
        while samples.len() > RUNS {
            samples.pop_front();
        }
    }

    /// What is usual for a run that starts at this time; runs at or after it don't count. `None` while fewer than
    /// five runs are known.
    pub fn usual(&self, pipeline: &PipelineKey, starts: DateTime<Utc>) -> Option<Usual> {
        let samples = self.of.get(pipeline)?;
        let before = || samples.iter().filter(|s| s.started < starts);
        Like::ALL.into_iter().find_map(|like| {
            let near = before().filter(|s| like.holds(s.started, starts));
            of(near, like)
        })
    }

    /// Forgets pipelines that are gone.
    pub fn retain(&mut self, keep: impl Fn(&PipelineKey) -> bool) {
        self.of.retain(|key, _| keep(key));
    }
}

fn of<'a>(samples: impl Iterator<Item = &'a Sample>, like: Like) -> Option<Usual> {
    let mut all: Vec<Duration> = samples.map(|s| s.took).collect();
    if all.len() < ENOUGH {
        return None;
    }
    all.sort_unstable();
    Some(Usual {
        median: quantile(&all, 50)?,
        p95: quantile(&all, 95)?,
        runs: all.len(),
        of: like,
    })
}
