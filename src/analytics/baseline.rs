//! What is usual for a pipeline at this hour of this weekday: the durations of its runs that ended well.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, Datelike as _, Duration, Timelike as _, Utc};

use crate::model::{Health, PipelineKey, RunId};
use crate::world::RunView;

/// Runs remembered of each pipeline: over a year of daily ones, 17 days of hourly ones.
const RUNS: usize = 400;
/// So many runs of the same time say what is usual then.
const ENOUGH: usize = 5;

/// What is usual, and how many runs it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usual {
    pub median: Duration,
    /// Of twenty runs, nineteen are not longer.
    pub p95: Duration,
    pub runs: usize,
    pub of: Like,
}

/// Which runs were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Like {
    /// The same weekday, started within an hour of the same time (UTC).
    WeekdayAndHour,
    /// Any day, within an hour of the same time.
    Hour,
    Any,
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
        let run = &view.run;
        let (Some(started), Some(ended)) = (run.started_at, run.ended_at) else {
            return;
        };
        if !matches!(view.health, Health::Succeeded | Health::Warned) || ended < started {
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
        let near = |s: &&Sample| {
            let minute = |t: DateTime<Utc>| i64::from(t.hour() * 60 + t.minute());
            let apart = (minute(s.started) - minute(starts)).abs();
            apart.min(24 * 60 - apart) <= 60
        };
        let weekday = |s: &&Sample| near(s) && s.started.weekday() == starts.weekday();
        of(before().filter(weekday), Like::WeekdayAndHour)
            .or_else(|| of(before().filter(near), Like::Hour))
            .or_else(|| of(before(), Like::Any))
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
        median: *all.get((all.len() - 1) / 2)?,
        // nearest rank: the smallest that 95 % are not above
        p95: *all.get((all.len() * 95).div_ceil(100) - 1)?,
        runs: all.len(),
        of: like,
    })
}
