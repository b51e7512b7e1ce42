//! Series and runs whose truth is known, by seed.

use chrono::{DateTime, Datelike as _, TimeDelta, Timelike as _, Utc};
use dagtop::analytics::Sample;
use dagtop::model::{
    BackendId, Health, Node, NodeId, NodeState, PastNode, PastRun, PipelineKey, Progress, Run,
    RunState, Topology,
};

pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        let mut rng = Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x1234_5678_9abc_def1);
        for _ in 0..8 {
            rng.next();
        }
        rng
    }

    fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }

    pub fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    /// Normal, as the sum of twelve.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.share()).sum::<f64>() - 6.0
    }

    /// Student's t with three degrees of freedom: heavy tails, standard deviation of about 1.7.
    pub fn heavy(&mut self) -> f64 {
        let chi: f64 = (0..3).map(|_| self.normal().powi(2)).sum();
        self.normal() / (chi / 3.0).sqrt().max(0.05)
    }
}

pub fn start() -> DateTime<Utc> {
    "2026-01-05T00:00:00Z".parse().unwrap()
}

/// What a series is made of.
#[derive(Clone, Copy, Debug)]
pub struct Make {
    /// Hours between samples.
    pub every: i64,
    pub count: usize,
    /// Size of the season of the week, in logarithms.
    pub season: f64,
    /// Scale of the noise, in logarithms, and how much each value follows the one before.
    pub noise: f64,
    pub follows: f64,
    /// Growth from the first to the last sample, in logarithms.
    pub growth: f64,
    pub steps: usize,
    /// The smallest and the largest of them, in logarithms.
    pub sizes: (f64, f64),
    /// Share of outliers, three times the value or a third.
    pub outliers: f64,
    /// Share of samples that are missing.
    pub missing: f64,
}

/// A series and where its level changed.
pub struct Made {
    pub samples: Vec<Sample>,
    pub steps: Vec<DateTime<Utc>>,
}

pub fn series(seed: u64, make: Make) -> Made {
    let mut rng = Rng::new(seed);
    let hours: Vec<f64> = (0..24).map(|_| rng.between(-1.0, 1.0)).collect();
    let days: Vec<f64> = (0..7).map(|_| rng.between(-1.0, 1.0)).collect();
    let phase = rng.between(0.0, std::f64::consts::TAU);
    let base = rng.between(3.0, 8.0);
    let least = make.count / (2 * (make.steps + 1)).max(4);
    let mut cuts: Vec<usize> = Vec::new();
    while cuts.len() < make.steps {
        let cut = least + rng.below(make.count - 2 * least);
        if cuts.iter().all(|c| c.abs_diff(cut) >= least) {
            cuts.push(cut);
        }
    }
    cuts.sort_unstable();
    let sizes: Vec<f64> = cuts
        .iter()
        .map(|_| {
            let size = rng.between(make.sizes.0, make.sizes.1);
            if rng.share() < 0.5 { size } else { -size }
        })
        .collect();
    let mut samples = Vec::new();
    let mut carried = 0.0;
    for i in 0..make.count {
        let at = start() + TimeDelta::hours(make.every * i as i64);
        let hour = at.hour() as usize;
        let daily = (f64::from(at.hour()) / 24.0 * std::f64::consts::TAU + phase).sin();
        let weekly = days[at.weekday().num_days_from_monday() as usize];
        let season = make.season * (0.5 * daily + 0.2 * hours[hour] + 0.5 * weekly);
        carried = make.follows * carried + rng.heavy() * make.noise;
        let level: f64 = cuts
            .iter()
            .zip(&sizes)
            .filter(|(cut, _)| i >= **cut)
            .map(|(_, size)| size)
            .sum();
        let growth = make.growth * i as f64 / make.count as f64;
        let odd = match rng.share() {
            s if s < make.outliers / 2.0 => 3f64.ln(),
            s if s < make.outliers => -(3f64.ln()),
            _ => 0.0,
        };
        if rng.share() >= make.missing {
            let value = (base + season + carried + level + growth + odd).exp();
            samples.push(Sample { at, value });
        }
    }
    let steps = cuts
        .iter()
        .map(|cut| start() + TimeDelta::hours(make.every * *cut as i64))
        .collect();
    Made { samples, steps }
}

/// A pipeline: its shape and how long its nodes take.
pub struct Pipe {
    pub key: PipelineKey,
    pub topology: Topology,
    before: Vec<Vec<usize>>,
    centres: Vec<f64>,
    spread: Vec<f64>,
    /// Hours between runs.
    every: i64,
    night: f64,
}

pub fn pipe(seed: u64, nodes: usize, every: i64) -> Pipe {
    let mut rng = Rng::new(seed ^ 0x00ab_cdef);
    let ids: Vec<NodeId> = (0..nodes)
        .map(|i| NodeId::new(format!("node_{i:03}")))
        .collect();
    let before: Vec<Vec<usize>> = (0..nodes)
        .map(|i| {
            let count = if i == 0 { 0 } else { 1 + rng.below(2) };
            let mut all: Vec<usize> = (0..count).map(|_| i - 1 - rng.below(i.min(6))).collect();
            all.sort_unstable();
            all.dedup();
            all
        })
        .collect();
    let edges = before.iter().enumerate().flat_map(|(i, all)| {
        let ids = &ids;
        all.iter().map(move |b| (ids[*b].clone(), ids[i].clone()))
    });
    Pipe {
        key: PipelineKey::new(&BackendId::new("lab"), format!("pipe_{seed}")),
        topology: Topology {
            edges: edges.collect(),
            nodes: ids.clone(),
            groups: Vec::new(),
        },
        centres: (0..nodes).map(|_| rng.between(1.5, 5.5)).collect(),
        spread: (0..nodes).map(|_| rng.between(0.08, 0.3)).collect(),
        before,
        every,
        night: rng.between(-0.3, 0.3),
    }
}

impl Pipe {
    /// A run, its attempts and when each of its nodes started and ended. Nodes share how slow the run is; a few take
    /// very long; each waits a little before it starts, some fail first.
    pub fn run(&self, number: usize) -> (PastRun, Vec<PastNode>) {
        let seed = self
            .key
            .pipeline
            .raw()
            .bytes()
            .map(u64::from)
            .fold(7u64, |a, b| a.wrapping_mul(31).wrapping_add(b));
        let mut rng = Rng::new(seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let started = start() + TimeDelta::hours(self.every * number as i64);
        let mut run = Run::new(self.key.run(format!("run_{number:06}")), started);
        let night = if started.hour() < 6 { self.night } else { 0.0 };
        let shared = night + 0.15 * rng.normal();
        let millis = |s: f64| TimeDelta::milliseconds((s * 1000.0) as i64);
        let mut ends: Vec<f64> = Vec::new();
        let mut nodes = Vec::new();
        for (i, before) in self.before.iter().enumerate() {
            let ready = before.iter().map(|b| ends[*b]).fold(0.0, f64::max);
            let mut from = ready + rng.between(0.5, 4.0);
            let mut took = (self.centres[i] + shared + self.spread[i] * rng.normal()).exp();
            if rng.share() < 0.01 {
                took *= rng.between(2.0, 4.0);
            }
            let fails = rng.share() < 0.01;
            let attempt = |attempt: u32, from: f64, to: f64, state| PastNode {
                run: run.key.clone(),
                node: self.topology.nodes[i].clone(),
                attempt,
                state,
                queued_at: Some(started + millis(ready)),
                started_at: Some(started + millis(from)),
                ended_at: Some(started + millis(to)),
                exit_code: None,
                rows: Some((1000.0 * (1.0 + i as f64) * shared.exp()).round()),
                memory: Some((1e8 * (1.0 + i as f64 / 10.0) * shared.exp()) as u64),
                cpu_seconds: Some(took / 2.0),
            };
            if fails {
                let half = from + took / 2.0;
                nodes.push(attempt(1, from, half, NodeState::Failed));
                from = half + 10.0;
            }
            let number = 1 + u32::from(fails);
            nodes.push(attempt(number, from, from + took, NodeState::Succeeded));
            ends.push(from + took);
        }
        let end = ends.iter().fold(0.0_f64, |a, b| a.max(*b)) + 1.0;
        run.queued_at = Some(started - TimeDelta::seconds(20));
        run.started_at = Some(started);
        run.ended_at = Some(started + millis(end));
        run.state = RunState::Succeeded;
        let past = PastRun {
            run,
            health: Health::Succeeded,
            seen: started,
        };
        (past, nodes)
    }
}

/// What is seen of a run at a time; with the progress of each node that runs, a bit off, when asked for.
pub fn seen(
    topology: &Topology,
    (run, attempts): &(PastRun, Vec<PastNode>),
    now: DateTime<Utc>,
    progress: bool,
) -> (Run, Vec<Node>) {
    let mut going = run.run.clone();
    going.ended_at = None;
    going.state = RunState::Running;
    let mut rng = Rng::new(now.timestamp() as u64);
    let nodes = topology.nodes.iter().map(|id| {
        let mut node = Node::new(id.clone());
        for past in attempts.iter().filter(|a| a.node == *id) {
            let (from, to) = (past.started_at.unwrap(), past.ended_at.unwrap());
            if past.queued_at.unwrap() <= now && node.state == NodeState::Pending {
                node.state = NodeState::Queued;
                node.queued_at = past.queued_at;
            }
            if from <= now {
                node.state = NodeState::Running;
                node.started_at = Some(from);
                node.attempt = past.attempt;
                node.ended_at = None;
                let share = (now - from).num_milliseconds() as f64
                    / (to - from).num_milliseconds().max(1) as f64;
                let told = (share * (1.0 + 0.1 * rng.normal())).clamp(0.0, 0.99);
                node.progress = Progress::new((told * 100.0) as u64, 100).filter(|_| progress);
            }
            if to <= now {
                node.state = past.state;
                node.ended_at = Some(to);
                if past.state == NodeState::Failed {
                    node.state = NodeState::Retrying;
                }
            }
        }
        node
    });
    (going, nodes.collect())
}
