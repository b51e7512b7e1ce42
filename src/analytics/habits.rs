//! How the nodes of a pipeline have behaved in its good runs: what a forecast of a run is drawn from.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::like::Like;
use super::path::{Whole, by_run, wholes};
use super::series::{seconds, time_of};
use super::shape::Shape;
use super::stats::{MAD_TO_SIGMA, middle};
use crate::model::{PastNode, PastRun, RunKey};

/// So many of the same hour are compared, or it is widened.
const ENOUGH: usize = 12;
/// Runs that are drawn from: the newest.
const RUNS: usize = 200;
/// No duration is shorter, in seconds: logarithms are taken.
const LEAST: f64 = 0.05;

/// The runs that a forecast rests on.
#[derive(Clone, Debug)]
pub struct Habits {
    pub runs: usize,
    pub like: Like,
    /// Of whole runs, in seconds.
    pub durations: Vec<f64>,
    /// Seconds from the end of the last node to the end of the run, by median.
    pub tail: f64,
    /// By number in the shape.
    pub nodes: Vec<Habit>,
    /// How much all nodes of one run are slower than usual together, as a variance of logarithms.
    pub together: f64,
    /// How much each is by itself.
    pub alone: f64,
}

/// One node's past.
#[derive(Clone, Debug, Default)]
pub struct Habit {
    /// The median of the logarithms of seconds from its first start to its last end.
    pub centre: f64,
    /// How far single runs were from it, without what was common to all nodes of the run.
    pub apart: Vec<f64>,
    /// Seconds from when all before it had ended to its start.
    pub lags: Vec<f64>,
    /// The share of runs in which it ran.
    pub runs: f64,
}

impl Habit {
    pub fn known(&self) -> bool {
        !self.apart.is_empty()
    }
}

impl Habits {
    /// Of good runs before this time, of its hour of the week when there are enough. `None` without any.
    pub fn of(
        runs: &[PastRun],
        nodes: &[PastNode],
        shape: Option<&Shape>,
        at: DateTime<Utc>,
    ) -> Option<Self> {
        let good = runs
            .iter()
            .filter(|r| r.good() && r.took().is_some() && time_of(r) < at);
        let mut good: Vec<&PastRun> = good.collect();
        good.sort_by(|a, b| time_of(a).cmp(&time_of(b)).then(a.run.key.cmp(&b.run.key)));
        let enough = ENOUGH.min(good.len());
        let (like, mut near) = Like::widen(&good, at, enough, |r| time_of(r))?;
        near.drain(..near.len().saturating_sub(RUNS));
        let mut habits = Self {
            runs: near.len(),
            like,
            durations: near
                .iter()
                .filter_map(|r| Some(seconds(r.took()?)))
                .collect(),
            tail: 0.0,
            nodes: Vec::new(),
            together: 0.0,
            alone: 0.0,
        };
        if let Some(shape) = shape {
            habits.learn(&near, nodes, shape);
        }
        Some(habits)
    }

    fn learn(&mut self, runs: &[&PastRun], nodes: &[PastNode], shape: &Shape) {
        let known: HashMap<&RunKey, &PastRun> = runs.iter().map(|r| (&r.run.key, *r)).collect();
        let mut took: Vec<Vec<(usize, f64)>> = vec![Vec::new(); shape.ids.len()];
        self.nodes = vec![Habit::default(); shape.ids.len()];
        let (mut tails, mut seen) = (Vec::new(), 0usize);
        let kept = by_run(nodes, |key| known.contains_key(key));
        for (number, (key, attempts)) in kept.iter().enumerate() {
            let Some(run) = known.get(key) else { continue };
            seen += 1;
            let wholes = wholes(attempts.iter().copied());
            let last = wholes.iter().filter_map(|w| w.to).max();
            if let (Some(end), Some(last)) = (run.run.ended_at, last) {
                tails.push(seconds(end - last).max(0.0));
            }
            for whole in &wholes {
                if let (Some(i), Some(s)) = (shape.index(&whole.last.node), whole.took()) {
                    took[i].push((number, s.max(LEAST).ln()));
                }
            }
            self.lags(run, &wholes, shape);
        }
        self.tail = middle(&mut tails).unwrap_or(0.0);
        for (habit, took) in self.nodes.iter_mut().zip(&took) {
            let mut all: Vec<f64> = took.iter().map(|t| t.1).collect();
            habit.centre = middle(&mut all).unwrap_or(0.0);
            habit.runs = took.len() as f64 / seen.max(1) as f64;
        }
        let common = self.common(&took, kept.len());
        for (habit, took) in self.nodes.iter_mut().zip(&took) {
            let apart = took.iter().map(|(run, log)| {
                let shared = common.get(*run).copied().unwrap_or(0.0);
                log - habit.centre - shared
            });
            habit.apart = apart.collect();
        }
    }

    /// When each node could have started: when all before it had ended.
    fn lags(&mut self, run: &PastRun, wholes: &[Whole<'_>], shape: &Shape) {
        let first = wholes.iter().filter_map(|w| w.from).min();
        let Some(start) = run.run.started_at.or(first) else {
            return;
        };
        let mut ends: Vec<f64> = vec![0.0; shape.vertices()];
        let mut times: Vec<Option<(f64, f64)>> = vec![None; shape.vertices()];
        for whole in wholes {
            if let (Some(i), Some(from), Some(to)) =
                (shape.index(&whole.last.node), whole.from, whole.to)
            {
                times[i] = Some((seconds(from - start), seconds(to - start)));
            }
        }
        for &vertex in &shape.order {
            let ready = shape.before[vertex].iter().map(|b| ends[*b]);
            let ready = ready.fold(0.0, f64::max);
            ends[vertex] = match times[vertex] {
                Some((from, to)) => {
                    if let Some(habit) = self.nodes.get_mut(vertex) {
                        habit.lags.push((from - ready).max(0.0));
                    }
                    to
                }
                None => ready,
            };
        }
    }

    /// How much each run was slower than usual as a whole, and the two variances (a one-way analysis of variance by
    /// medians, shrunk by what the noise of the nodes alone makes).
    fn common(&mut self, took: &[Vec<(usize, f64)>], runs: usize) -> Vec<f64> {
        let mut of_run: Vec<Vec<f64>> = vec![Vec::new(); runs];
        for (habit, took) in self.nodes.iter().zip(took) {
            // what takes no time says little about how fast the run is
            if habit.centre > 0.0 && took.len() >= 3 {
                for (run, log) in took {
                    of_run[*run].push(log - habit.centre);
                }
            }
        }
        let counts: Vec<f64> = of_run.iter().map(|r| r.len() as f64).collect();
        let typical = middle(&mut counts.clone()).unwrap_or(0.0);
        if runs < 8 || typical < 2.0 {
            return vec![0.0; runs];
        }
        let mut middles: Vec<f64> = of_run
            .iter_mut()
            .map(|r| middle(r).unwrap_or(0.0))
            .collect();
        let mut within: Vec<f64> = of_run
            .iter()
            .zip(&middles)
            .flat_map(|(all, m)| all.iter().map(move |v| (v - m).abs()))
            .collect();
        let sigma = middle(&mut within).unwrap_or(0.0) * MAD_TO_SIGMA;
        let mut between: Vec<f64> = middles.iter().map(|m| m.abs()).collect();
        let spread = middle(&mut between).unwrap_or(0.0) * MAD_TO_SIGMA;
        // the variance of a median of n is about pi / 2n of its values'
        let chance = sigma * sigma * std::f64::consts::FRAC_PI_2 / typical;
        self.alone = sigma * sigma;
        self.together = (spread * spread - chance).max(0.0);
        let shrink = self.together / (self.together + chance).max(1e-12);
        middles.iter_mut().for_each(|m| *m *= shrink);
        middles
    }
}
