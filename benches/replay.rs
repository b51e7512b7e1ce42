//! Time to reach any moment of a day of a fleet of 500 pipelines, 10 events a second; room on disk; what whole worlds
//! cost the loop while they are handed over.
//!
//! `cargo bench --bench replay`. Budget: 300 ms for the worst of 200 moments.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/work.rs"]
mod work;

use std::time::{Duration as Time, Instant};

use chrono::{DateTime, Duration, Utc};
use dagtop::alerts::{Alerts, Rules};
use dagtop::engine::Watch;
use dagtop::engine::replay::{Keeping, Moved, Reel, Span};
use dagtop::history::{Keeper, Log, Sqlite, Store as _};
use dagtop::logs::LogStore;
use dagtop::model::{
    BackendId, BackendInfo, BackendStatus, Event, Node, NodeId, NodeState, Pipeline, PipelineKey,
    Reach, Run, RunState, SafeText, Stamped, Topology,
};
use dagtop::world::World;
use work::worked;

const PIPELINES: usize = 500;
const PER_SECOND: i64 = 10;
const NODES: [&str; 6] = ["extract", "clean", "transform", "load", "report", "audit"];
/// Events of one run: queued, started with its shape and its nodes, each node's start and end, its own end.
const STEPS: usize = 4 + 2 * NODES.len();

fn hours() -> i64 {
    let wished = std::env::var("HOURS").ok();
    wished.and_then(|h| h.parse().ok()).unwrap_or(24)
}

fn begin() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn backend(n: usize) -> BackendId {
    BackendId::new(format!("backend-{}", n % 4))
}

fn watch() -> Watch {
    let infos = (0..4).map(|n| BackendInfo {
        id: backend(n),
        name: backend(n).safe(),
        kind: "airflow",
        read_only: false,
        protect: false,
        drives_runs: false,
        accent: None,
    });
    Watch::new(
        World::new(infos),
        LogStore::new(16 << 20),
        Alerts::new(Rules::default()),
        Duration::minutes(5),
    )
}

fn pipeline(n: usize) -> PipelineKey {
    PipelineKey::new(&backend(n), format!("pipeline_{n:04}_daily"))
}

/// What pipeline `n` does as its `step`-th thing.
fn event(n: usize, step: usize, at: DateTime<Utc>) -> Event {
    let (number, part) = (step / STEPS, step % STEPS);
    let key = pipeline(n).run(format!("scheduled__{number:06}"));
    let fails = (n * 31 + number * 17).is_multiple_of(50);
    // a run's steps come one every 50 s
    let begun = at - Duration::seconds(50 * part as i64);
    let mut run = Run::new(key.clone(), begun);
    run.queued_at = Some(begun);
    run.cause = SafeText::new("scheduled");
    run.params = vec![(
        SafeText::new("date"),
        SafeText::new(format!("{}", begun.date_naive())),
    )];
    let node = |name: &str, state: NodeState| {
        let mut node = Node::new(NodeId::new(name));
        node.kind = SafeText::new("PythonOperator");
        node.state = state;
        node.native = SafeText::new(state.word());
        node.attempt = u32::from(state != NodeState::Pending);
        node.started_at = (state != NodeState::Pending).then_some(at);
        node.ended_at = state.ended().then_some(at);
        node.host = Some(SafeText::new(format!("worker-{}", n % 20)));
        node
    };
    match part {
        0 => run.state = RunState::Queued,
        1 => {
            run.state = RunState::Running;
            run.started_at = Some(at);
        }
        2 => {
            let ids = NODES.iter().map(NodeId::new);
            let ids: Vec<NodeId> = ids.collect();
            let edges = ids
                .windows(2)
                .map(|w| (w[0].clone(), w[1].clone()))
                .collect();
            return Event::Topology {
                run: key,
                topology: Topology {
                    nodes: ids
                        .into_iter()
                        .chain([NodeId::new(format!("own_{n}"))])
                        .collect(),
                    groups: Vec::new(),
                    edges,
                },
            };
        }
        3 => {
            return Event::Nodes {
                run: key,
                list: NODES
                    .iter()
                    .map(|name| node(name, NodeState::Pending))
                    .collect(),
                complete: true,
            };
        }
        part if part == STEPS - 1 => {
            run.started_at = Some(begun + Duration::seconds(50));
            run.ended_at = Some(at);
            run.state = if fails {
                RunState::Failed
            } else {
                RunState::Succeeded
            };
        }
        part => {
            let name = NODES[((part - 4) / 2).min(NODES.len() - 1)];
            let ended = (part - 4) % 2 == 1;
            let state = match (ended, fails && name == "load") {
                (false, _) => NodeState::Running,
                (true, true) => NodeState::Failed,
                (true, false) => NodeState::Succeeded,
            };
            return Event::Nodes {
                run: key,
                list: vec![node(name, state)],
                complete: false,
            };
        }
    }
    Event::Runs { list: vec![run] }
}

fn figures(mut all: Vec<Time>) -> (Time, Time, Time) {
    all.sort();
    let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize];
    (at(0.5), at(0.99), at(1.0))
}

pub fn main() {
    let dir = tempfile::tempdir().unwrap();
    let (heard, _keep) = tokio::sync::mpsc::channel(64);
    let mut keeper = Keeper::start(
        Box::new(Sqlite::open(dir.path()).unwrap()),
        heard,
        true,
        None,
    );
    let mut other = Sqlite::open(dir.path()).unwrap();
    let mut watch = watch();
    let mut keeping = Keeping::default();
    let mut pieces = Vec::new();
    let mut handed = 0i64;
    let mut hand = |watch: &mut Watch, keeping: &mut Keeping, keeper: &Keeper, told: Stamped| {
        if watch.apply(&told).any() {
            keeping.event();
            handed += 1;
            while !keeper.event(&told) {
                std::thread::sleep(Time::from_millis(1));
            }
        }
        handed
    };
    for n in 0..4 {
        let event = Event::Status(BackendStatus {
            reach: Reach::Up,
            version: SafeText::new("Airflow 3.1.0, API v2"),
            ..BackendStatus::default()
        });
        let told = Stamped {
            backend: backend(n),
            at: begin(),
            event,
        };
        hand(&mut watch, &mut keeping, &keeper, told);
        let list = (0..PIPELINES).filter(|p| p % 4 == n);
        let event = Event::Pipelines {
            list: list.map(|p| Pipeline::new(pipeline(p))).collect(),
            complete: true,
        };
        let told = Stamped {
            backend: backend(n),
            at: begin(),
            event,
        };
        hand(&mut watch, &mut keeping, &keeper, told);
    }
    let count = hours() * 3600 * PER_SECOND;
    let started = Instant::now();
    let mut steps = vec![0usize; PIPELINES];
    // each began its day somewhere else in its run
    for (n, step) in steps.iter_mut().enumerate() {
        *step = n % STEPS;
    }
    for i in 0..count {
        let at = begin() + Duration::milliseconds(i * 1000 / PER_SECOND);
        let n = (i as usize * 7919) % PIPELINES;
        let told = Stamped {
            backend: backend(n),
            at,
            event: event(n, steps[n], at),
        };
        steps[n] += 1;
        let handed = hand(&mut watch, &mut keeping, &keeper, told);
        if i % PER_SECOND == 0 {
            let before = worked();
            keeping.step(&keeper, &watch, at);
            pieces.push(worked() - before);
        }
        if i % 2000 == 0 {
            // in a real day the disk has time
            while other.last(Log::Events).unwrap() + 4000 < handed {
                std::thread::sleep(Time::from_millis(2));
            }
        }
    }
    keeper.close();
    println!(
        "{count} events of {PIPELINES} pipelines in {} h, kept in {:.1?}",
        hours(),
        started.elapsed()
    );
    let heavy: Vec<Time> = pieces
        .iter()
        .copied()
        .filter(|p| *p > Time::from_micros(50))
        .collect();
    if !heavy.is_empty() {
        let (median, most, worst) = figures(heavy.clone());
        println!(
            "pieces of whole worlds on the loop, processor: {} of {} looks, median {median:.2?}, 99 % {most:.2?}, worst {worst:.2?}",
            heavy.len(),
            pieces.len()
        );
    }
    let lines = other.last(Log::Events).unwrap();
    let worlds = other.last(Log::Worlds).unwrap();
    let mut bytes = (0usize, 0usize);
    other
        .since(Log::Events, begin() - Duration::days(1), &mut |line| {
            bytes.0 += line.body.len();
            true
        })
        .unwrap();
    other
        .since(Log::Worlds, begin() - Duration::days(1), &mut |line| {
            bytes.1 += line.body.len();
            true
        })
        .unwrap();
    drop(other);
    let file = std::fs::metadata(dir.path().join("history.db"))
        .unwrap()
        .len();
    let mega = |bytes: f64| bytes / 1e6;
    println!(
        "{lines} lines, {:.0} MB; {worlds} worlds, {:.1} MB ({:.0} KB each); file {:.0} MB: {:.0} MB per million events",
        mega(bytes.0 as f64),
        mega(bytes.1 as f64),
        bytes.1 as f64 / 1e3 / worlds.max(1) as f64,
        mega(file as f64),
        mega(file as f64 * 1e6 / lines as f64)
    );

    let span = Span {
        from: begin(),
        to: begin() + Duration::hours(hours()),
    };
    let begun = Instant::now();
    let store = Box::new(Sqlite::open(dir.path()).unwrap());
    let mut reel = Reel::open(store, Vec::new(), span).unwrap();
    println!("opened in {:.1?}", begun.elapsed());
    let mut state = 42u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as i64
    };
    let mut shown = self::watch();
    let (mut reads, mut loops, mut both) = (Vec::new(), Vec::new(), Vec::new());
    let mut work = Vec::new();
    for _ in 0..200 {
        let to = span.from + Duration::milliseconds(random() % (hours() * 3_600_000));
        let (begun, before) = (Instant::now(), worked());
        let moved = reel.go(to).unwrap();
        let read = begun.elapsed();
        let begun = Instant::now();
        let old = match moved {
            Moved::Scene(scene) => Some(shown.shows(*scene)),
            Moved::Lines(lines) => {
                for line in lines {
                    shown.goes_on(line);
                }
                None
            }
        };
        shown.refresh(to);
        let on_loop = begun.elapsed();
        work.push(worked() - before);
        // the program does this beside the loop
        drop(old);
        assert_eq!(shown.fleet().len(), PIPELINES);
        reads.push(read);
        loops.push(on_loop);
        both.push(read + on_loop);
    }
    assert_eq!(reel.unreadable(), 0);
    for (what, all) in [
        ("reaching one of 200 moments", both),
        ("of that, the processor worked", work),
        ("of that, away from the loop", reads),
        ("on the loop", loops),
    ] {
        let (median, most, worst) = figures(all);
        println!("{what}: median {median:.1?}, 99 % {most:.1?}, worst {worst:.1?}");
    }
    let begun = Instant::now();
    let mut marks = 0;
    while let Some(more) = reel.marks().unwrap() {
        marks += more.len();
    }
    println!("{marks} failures found in {:.1?}", begun.elapsed());
}
