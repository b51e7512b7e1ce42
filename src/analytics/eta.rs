//! When a run that goes on will end: its DAG is gone through many times with durations drawn from its nodes' past.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::chance::Draws;
use super::habits::{Habit, Habits};
use super::like::Like;
use super::series::{seconds, span};
use super::shape::Shape;
use super::stats::quantile;
use crate::model::{Node, NodeState, PastNode, PastRun, Run, Topology};

/// Times the DAG is gone through, at most and at least, and how many vertices are gone through in all.
const DRAWS: usize = 400;
const FEWEST: usize = 40;
const WORK: usize = 2_000_000;
/// Fewer whole runs say nothing.
const ENOUGH: usize = 3;
/// Progress below this says nothing.
const PROGRESS: f64 = 0.02;

/// The run that goes on.
#[derive(Clone, Copy, Debug)]
pub struct Going<'a> {
    pub run: &'a Run,
    pub nodes: &'a [&'a Node],
    pub topology: Option<&'a Topology>,
}

/// What it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The past of its nodes.
    Nodes,
    /// The same, and what nodes that run say of their progress.
    Progress,
    /// The duration of whole runs.
    Usual,
}

/// When it will end, as so many equally likely ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Eta {
    pub by: By,
    /// Good runs that it rests on, and which.
    pub runs: usize,
    pub like: Like,
    /// Nodes that are not done and whose past is not known; they count as the others do.
    pub unknown: usize,
    /// In their order.
    ends: Vec<DateTime<Utc>>,
}

impl Eta {
    /// The end that so many percent are not after.
    pub fn at(&self, percent: usize) -> Option<DateTime<Utc>> {
        quantile(&self.ends, percent)
    }

    pub fn median(&self) -> Option<DateTime<Utc>> {
        self.at(50)
    }

    pub fn p90(&self) -> Option<DateTime<Utc>> {
        self.at(90)
    }

    /// The chance to end after this time; never quite none or all, as there are only so many draws.
    pub fn chance_after(&self, time: DateTime<Utc>) -> f64 {
        let after = self.ends.len() - self.ends.partition_point(|end| *end <= time);
        (after as f64 + 0.5) / (self.ends.len() as f64 + 1.0)
    }
}

/// The end of a run, from the good runs of its pipeline and their attempts. A node that has run for a while takes as
/// long as those that ran longer than that. Slots are not modelled, the usual wait before each node is. `None` when
/// nothing is known of it, or it has not begun, or has ended.
pub fn eta(
    going: Going<'_>,
    runs: &[PastRun],
    nodes: &[PastNode],
    now: DateTime<Utc>,
) -> Option<Eta> {
    let started = going.run.started_at?;
    if going.run.ended_at.is_some() || going.run.state.ended() {
        return None;
    }
    let members = going.nodes.iter().map(|n| (&n.id, n.group.as_ref()));
    let shape = going.topology.map(|t| Shape::new(t, members));
    let habits = Habits::of(runs, nodes, shape.as_ref(), started);
    let by_nodes = shape
        .as_ref()
        .zip(habits.as_ref())
        .and_then(|(shape, habits)| simulate(going, shape, habits, now));
    by_nodes.or_else(|| usual(&habits?, started, now))
}

/// By whole runs that took longer than this one has.
fn usual(habits: &Habits, started: DateTime<Utc>, now: DateTime<Utc>) -> Option<Eta> {
    if habits.durations.len() < ENOUGH {
        return None;
    }
    let elapsed = seconds(now - started).max(0.0);
    let mut logs: Vec<f64> = habits.durations.iter().map(|d| d.max(0.05).ln()).collect();
    let centre = super::stats::middle(&mut logs)?;
    let habit = Habit {
        centre,
        apart: logs.iter().map(|l| l - centre).collect(),
        lags: Vec::new(),
        runs: 1.0,
    };
    let mut draws = Draws::new(1);
    let ends = (0..DRAWS).map(|_| longer(&habit, 0.0, elapsed, &mut draws) - elapsed);
    Some(eta_of(By::Usual, habits, 0, now, ends.collect()))
}

fn eta_of(by: By, habits: &Habits, unknown: usize, now: DateTime<Utc>, left: Vec<f64>) -> Eta {
    let ends = left.into_iter().map(|s| now.checked_add_signed(span(s)));
    let mut ends: Vec<DateTime<Utc>> = ends.map(|e| e.unwrap_or(now)).collect();
    ends.sort_unstable();
    Eta {
        by,
        runs: habits.runs,
        like: habits.like,
        unknown,
        ends,
    }
}

/// How long something takes that has gone on for so long already, in seconds: drawn from what took longer; when nothing
/// did, from the tail of a lognormal (its excess is about exponential).
fn longer(habit: &Habit, shift: f64, elapsed: f64, draws: &mut Draws) -> f64 {
    let floor = elapsed.max(0.05).ln() - habit.centre - shift;
    let longer: usize = habit.apart.iter().filter(|a| **a > floor).count();
    if longer > 0 {
        let pick = draws.below(longer);
        let mut all = habit.apart.iter().filter(|a| **a > floor);
        let apart = all.nth(pick).copied().unwrap_or(floor);
        return (habit.centre + shift + apart).min(50.0).exp();
    }
    let n = habit.apart.len().max(1) as f64;
    let mean = habit.apart.iter().map(|a| a * a).sum::<f64>() / n;
    let sigma = mean.sqrt().clamp(0.1, 2.0);
    let z = (floor / sigma).max(1.0);
    let excess = (draws.exponential() * sigma / z).min(5.0);
    elapsed.max(0.05) * excess.exp()
}

/// One node as the simulation sees it.
enum Now<'a> {
    /// Ended so many seconds ago.
    Ended(f64),
    /// Has run for so many seconds; the share that is done, where it says.
    Running {
        elapsed: f64,
        done: Option<f64>,
        habit: Option<&'a Habit>,
    },
    /// Has waited for so many seconds since all before it had ended.
    Ahead {
        waited: f64,
        habit: Option<&'a Habit>,
    },
}

fn simulate(going: Going<'_>, shape: &Shape, habits: &Habits, now: DateTime<Utc>) -> Option<Eta> {
    if habits.nodes.iter().all(|h| !h.known()) {
        return None;
    }
    let all = pooled(habits);
    let mut unknown = 0;
    let mut by = By::Nodes;
    let mut states: Vec<Option<Now<'_>>> = (0..shape.vertices()).map(|_| None).collect();
    let ago = |t: DateTime<Utc>| seconds(now - t).max(0.0);
    for node in going.nodes {
        let Some(i) = shape.index(&node.id) else {
            continue;
        };
        let habit = habits.nodes.get(i).filter(|h| h.known());
        if habit.is_none() && !node.state.ended() {
            unknown += 1;
        }
        let habit = habit.or(Some(&all));
        states[i] = Some(match node.started_at {
            _ if node.state.ended() => Now::Ended(node.ended_at.map_or(0.0, ago)),
            Some(started) if node.state != NodeState::Queued => {
                let done = node.progress.map(|p| p.fraction());
                let done = done.filter(|d| *d >= PROGRESS && *d < 1.0);
                if done.is_some() {
                    by = By::Progress;
                }
                Now::Running {
                    elapsed: ago(started),
                    done,
                    habit,
                }
            }
            _ => Now::Ahead {
                waited: node.queued_at.map_or(0.0, ago),
                habit,
            },
        });
    }
    let (mean, deviation) = shared(going, shape, habits);
    let count = (WORK / shape.vertices().max(1)).clamp(FEWEST, DRAWS);
    let mut draws = Draws::new(2);
    let left = (0..count).map(|_| {
        let shift = mean + deviation * draws.normal();
        once(shape, &states, shift, &mut draws) + habits.tail
    });
    Some(eta_of(by, habits, unknown, now, left.collect()))
}

/// All nodes' pasts as one, for those without their own.
fn pooled(habits: &Habits) -> Habit {
    let known = || habits.nodes.iter().filter(|h| h.known());
    let mut centres: Vec<f64> = known().map(|h| h.centre).collect();
    let centre = super::stats::middle(&mut centres).unwrap_or(0.0);
    Habit {
        centre,
        apart: known().map(|h| h.centre - centre).collect(),
        lags: Vec::new(),
        runs: 1.0,
    }
}

/// How much slower this run is than usual, by its nodes that have ended: the mean and deviation of what is known of it
/// (normal, of logarithms).
fn shared(going: Going<'_>, shape: &Shape, habits: &Habits) -> (f64, f64) {
    if habits.together <= 0.0 {
        return (0.0, 0.0);
    }
    let mut apart: Vec<f64> = Vec::new();
    for node in going.nodes.iter().filter(|n| n.state.ended()) {
        let habit = shape.index(&node.id).and_then(|i| habits.nodes.get(i));
        let took = node.started_at.zip(node.ended_at);
        if let (Some(habit), Some((from, to))) =
            (habit.filter(|h| h.known() && h.centre > 0.0), took)
        {
            apart.push(seconds(to - from).max(0.05).ln() - habit.centre);
        }
    }
    let n = apart.len() as f64;
    let middle = super::stats::middle(&mut apart).unwrap_or(0.0);
    let noise = (habits.alone * std::f64::consts::FRAC_PI_2).max(1e-9);
    let weight = n * habits.together / (n * habits.together + noise);
    let mean = (middle * weight).clamp(-2.0, 2.0);
    (mean, (habits.together * (1.0 - weight)).sqrt())
}

/// One way it may go: seconds until the last node ends.
fn once(shape: &Shape, states: &[Option<Now<'_>>], shift: f64, draws: &mut Draws) -> f64 {
    let mut ends: Vec<f64> = vec![f64::NEG_INFINITY; shape.vertices()];
    let mut last: f64 = 0.0;
    for &vertex in &shape.order {
        let before = shape.before[vertex].iter().map(|b| ends[*b]);
        let ready = before.fold(f64::NEG_INFINITY, f64::max);
        ends[vertex] = match &states[vertex] {
            None => ready,
            Some(Now::Ended(ago)) => -ago,
            Some(Now::Running {
                elapsed,
                done,
                habit,
            }) => running(*elapsed, *done, *habit, shift, draws),
            Some(Now::Ahead { waited, habit }) => {
                let ready = ready.max(0.0);
                match habit {
                    Some(habit) if draws.share() >= habit.runs => ready,
                    Some(habit) => {
                        let lag = draws.one(&habit.lags).unwrap_or(0.0);
                        let lag = if ready > 0.0 {
                            lag
                        } else {
                            (lag - waited).max(0.0)
                        };
                        let apart = draws.one(&habit.apart).unwrap_or(0.0);
                        ready + lag + (habit.centre + shift + apart).min(50.0).exp()
                    }
                    None => ready,
                }
            }
        };
        last = last.max(ends[vertex]);
    }
    last
}

/// Seconds until a running node ends: by its past, and the more it has done by itself the more by its own pace.
fn running(
    elapsed: f64,
    done: Option<f64>,
    habit: Option<&Habit>,
    shift: f64,
    draws: &mut Draws,
) -> f64 {
    let past = habit.map(|h| longer(h, shift, elapsed, draws) - elapsed);
    let pace = done.map(|done| {
        let noise = 0.25 * (1.0 - done) * draws.normal();
        (elapsed * (1.0 - done) / done * noise.exp(), done.sqrt())
    });
    match (past, pace) {
        (Some(past), Some((pace, weight))) => pace * weight + past * (1.0 - weight),
        (past, pace) => past.or(pace.map(|p| p.0)).unwrap_or(0.0),
    }
    .max(0.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tell::{at, node, run};
    use super::*;
    use crate::model::{NodeId, Progress};

    const HOUR: i64 = 3600;

    /// `a` takes 100 seconds, then `b` 60.
    fn past() -> (Vec<PastRun>, Vec<PastNode>, Topology) {
        let (mut runs, mut nodes) = (Vec::new(), Vec::new());
        for i in 0..20 {
            let one = run("p", i, i as i64 * HOUR, Some(160));
            nodes.extend([node(&one, "a", 1, 0, 100), node(&one, "b", 1, 100, 60)]);
            runs.push(one);
        }
        let (a, b) = (NodeId::new("a"), NodeId::new("b"));
        let topology = Topology {
            nodes: vec![a.clone(), b.clone()],
            groups: Vec::new(),
            edges: vec![(a, b)],
        };
        (runs, nodes, topology)
    }

    /// `a` runs since the start of a run at 20:00; how many seconds are left after so many.
    fn left(after: i64, shaped: bool, done: Option<u64>) -> Option<(By, i64)> {
        let (runs, nodes, topology) = past();
        let going = run("p", 99, 20 * HOUR, None);
        let mut a = Node::new(NodeId::new("a"));
        a.state = NodeState::Running;
        a.started_at = going.run.started_at;
        a.progress = done.and_then(|done| Progress::new(done, 100));
        let b = Node::new(NodeId::new("b"));
        let all = [&a, &b];
        let going = Going {
            run: &going.run,
            nodes: &all,
            topology: shaped.then_some(&topology),
        };
        let now = at(20 * HOUR + after);
        let found = eta(going, &runs, &nodes, now)?;
        assert_eq!(found.runs, 20);
        Some((found.by, (found.median()? - now).num_seconds()))
    }

    #[test]
    fn what_always_takes_as_long_ends_then() {
        assert_eq!(left(40, true, None), Some((By::Nodes, 120)));
        assert_eq!(left(40, false, None), Some((By::Usual, 120)));
        // longer than it ever took: a bit more, and then all of b
        let (_, late) = left(150, true, None).unwrap();
        assert!((61..150).contains(&late), "{late}");
    }

    #[test]
    fn progress_says_more_the_further_it_is() {
        // half is done after 100 seconds: that is slower than ever
        let (by, half) = left(100, true, Some(50)).unwrap();
        assert_eq!(by, By::Progress);
        let (_, most) = left(100, true, Some(90)).unwrap();
        assert!(half > most && most > 60, "{half} {most}");
    }

    #[test]
    fn without_a_past_there_is_no_end() {
        let going = run("p", 99, 20 * HOUR, None);
        let going = Going {
            run: &going.run,
            nodes: &[],
            topology: None,
        };
        assert_eq!(eta(going, &[], &[], at(21 * HOUR)), None);
    }
}
