//! The history on SQLite: what it costs to write, how long its answers take, and how much room it takes.
//!
//! `cargo bench --bench history` takes a minute with 1 million attempts; `DAGTOP_HISTORY_NODES=10000000` makes the
//! figures of the README. The disk is that of the temporary directory (`TMPDIR`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use dagtop::backends::{Backend, BackendError, Link, Running};
use dagtop::engine::{DutySettings, Engine, News, Settings};
use dagtop::history::{Ask, Audit, Grain, Of, Place, Point, Store, Write};
use dagtop::model::{
    BackendId, BackendInfo, BackendStatus, Capabilities, Event, Health, Node, NodeId, NodeState,
    PastNode, PastRun, Pipeline, PipelineKey, Reach, Run, RunKey, RunState, SafeText,
};

const PIPELINES: usize = 500;
/// Nodes of each run.
const NODES: usize = 25;
const EVENTS_A_SECOND: usize = 5_000;
const SECONDS: usize = 20;

fn main() {
    write_5000_a_second();
    let nodes = std::env::var("DAGTOP_HISTORY_NODES").ok();
    let nodes = nodes.map_or(1_000_000, |n| n.parse().expect("a number"));
    questions(nodes);
}

fn backend() -> BackendId {
    BackendId::new("prod-airflow")
}

fn pipeline(n: usize) -> PipelineKey {
    PipelineKey::new(&backend(), format!("pipeline_{n:04}_daily"))
}

fn size(dir: &Path) -> u64 {
    let file = |name: &str| std::fs::metadata(dir.join(name)).map_or(0, |meta| meta.len());
    file("history.db")
}

/// A year of a fleet, and what screens ask of it.
fn questions(nodes: usize) {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::Folder(dir.path().to_owned());
    let mut store = place.open().unwrap();
    let runs = nodes / NODES;
    let of_each = (runs / PIPELINES).max(1);
    let year = 365 * 86_400;
    let begin = Utc::now().timestamp() - year;
    let begun = Instant::now();
    let mut batch = Vec::new();
    for n in 0..of_each {
        for p in 0..PIPELINES {
            let at = begin + i64::try_from(n).unwrap() * year / i64::try_from(of_each).unwrap();
            whole_run(
                &mut batch,
                pipeline(p).run(format!("scheduled__{at}")),
                at,
                n + p,
            );
        }
        if batch.len() > 8_000 {
            store.write(&batch).unwrap();
            batch.clear();
        }
    }
    store.write(&batch).unwrap();
    let made = of_each * PIPELINES * NODES;
    println!(
        "{made} attempts of {} runs of {PIPELINES} pipelines written in {:.1} s",
        of_each * PIPELINES,
        begun.elapsed().as_secs_f64()
    );
    drop(store);
    let bytes = size(dir.path());
    println!(
        "size: {:.1} MB, {:.1} MB a million attempts (runs included)",
        bytes as f64 / 1e6,
        bytes as f64 / made as f64
    );

    let begun = Instant::now();
    let mut store = place.open().unwrap();
    let recent = store.recent(25).unwrap();
    println!(
        "open, and recent(25): {} runs: {:.1} ms (budget 100)",
        recent.len(),
        begun.elapsed().as_secs_f64() * 1e3
    );
    drop(store);
    let mut store = place.open().unwrap();
    let store = store.as_mut();
    let time = |days: i64| Utc::now() - chrono::Duration::days(days);
    let ask = |of, days| Ask {
        of,
        from: time(days),
        to: Utc::now(),
        newest_first: true,
        most: usize::MAX,
    };
    let one = || Of::Pipeline(pipeline(7));
    timed("recent(25) again", || store.recent(25).unwrap().len());
    timed("all runs of one pipeline, a year", || {
        let mut count = 0;
        store
            .runs(&ask(one(), 366), &mut |_| {
                count += 1;
                true
            })
            .unwrap();
        count
    });
    timed("one node of it, a year", || {
        let mut count = 0;
        let node = NodeId::new("task_07");
        store
            .nodes(&ask(one(), 366), Some(&node), &mut |_| {
                count += 1;
                true
            })
            .unwrap();
        count
    });
    timed("all nodes of it, 30 days", || {
        let mut count = 0;
        store
            .nodes(&ask(one(), 30), None, &mut |_| {
                count += 1;
                true
            })
            .unwrap();
        count
    });
    timed("outcomes by day of all pipelines, 30 days", || {
        store.days(&ask(Of::All, 30)).unwrap().len()
    });
    timed("all runs of all pipelines, 30 days", || {
        let mut count = 0;
        store
            .runs(&ask(Of::All, 30), &mut |_| {
                count += 1;
                true
            })
            .unwrap();
        count
    });
    timed("nodes of one run", || {
        store.nodes_of(&recent[0].run.key).unwrap().len()
    });
    timed("bytes", || usize::from(store.bytes().unwrap() > 0));
    points(store);
}

fn timed(what: &str, mut question: impl FnMut() -> usize) {
    let begun = Instant::now();
    let many = question();
    let took = begun.elapsed().as_secs_f64() * 1e3;
    println!("{what}: {many} records: {took:.1} ms (budget 200)");
}

fn points(store: &mut dyn Store) {
    let now = Grain::Hour.begin(Utc::now());
    let begun = Instant::now();
    let mut many = 0;
    for hour in 0..90 * 24 {
        let at = now - chrono::Duration::hours(hour);
        let batch: Vec<Write> = (0..200)
            .map(|series| {
                Write::Point(Point {
                    series: format!("run.duration{{backend:prod,pipeline:p{series}}}"),
                    grain: Grain::Hour,
                    at,
                    count: 4,
                    sum: 12.0,
                    min: 1.0,
                    max: 5.0,
                    last: 3.0,
                })
            })
            .collect();
        many += batch.len();
        store.write(&batch).unwrap();
    }
    println!(
        "{many} points written in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    timed("one series by the hour, 90 days", || {
        let from = now - chrono::Duration::days(90);
        let of = "run.duration{backend:prod,pipeline:p7}";
        store.points(of, Grain::Hour, from, now).unwrap().len()
    });
}

fn whole_run(batch: &mut Vec<Write>, key: RunKey, at: i64, n: usize) {
    let time = |second: i64| DateTime::from_timestamp(at + second, 0).unwrap();
    let mut run = Run::new(key.clone(), time(0));
    let bad = n.is_multiple_of(17);
    run.state = if bad {
        RunState::Failed
    } else {
        RunState::Succeeded
    };
    run.native = SafeText::new(run.state.word());
    run.queued_at = Some(time(0));
    run.started_at = Some(time(3));
    run.ended_at = Some(time(300 + i64::try_from(n % 60).unwrap()));
    run.cause = SafeText::new("scheduled");
    for node in 0..NODES {
        let start = 3 + i64::try_from(node).unwrap() * 10;
        batch.push(Write::Node(Box::new(PastNode {
            run: key.clone(),
            node: NodeId::new(format!("task_{node:02}")),
            attempt: 1,
            state: if bad && node == 20 {
                NodeState::Failed
            } else {
                NodeState::Succeeded
            },
            queued_at: Some(time(start - 2)),
            started_at: Some(time(start)),
            ended_at: Some(time(start + 9)),
            exit_code: None,
            rows: (node % 5 == 0).then_some(1234.0),
            memory: None,
            cpu_seconds: None,
        })));
    }
    let health = if bad {
        Health::Failed
    } else {
        Health::Succeeded
    };
    let seen = time(400);
    // as in life: the run is known before its nodes
    let first = batch.len() - NODES;
    batch.insert(first, Write::Run(Box::new(PastRun { run, health, seen })));
}

/// Says 5,000 things a second: runs that begin and end, and their nodes.
struct Flood {
    info: BackendInfo,
}

impl Flood {
    async fn pour(self, link: Link) -> Result<std::convert::Infallible, BackendError> {
        link.emit(Event::Status(BackendStatus {
            reach: Reach::Up,
            ..BackendStatus::default()
        }))
        .await?;
        link.emit(Event::Pipelines {
            list: (0..PIPELINES).map(pipeline).map(Pipeline::new).collect(),
            complete: true,
        })
        .await?;
        let began = Instant::now();
        let mut count = 0;
        while count < EVENTS_A_SECOND * SECONDS {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let due = began.elapsed().as_secs_f64() * EVENTS_A_SECOND as f64;
            while (count as f64) < due && count < EVENTS_A_SECOND * SECONDS {
                link.emit(event(count)).await?;
                count += 1;
            }
        }
        std::future::pending().await
    }
}

/// A run is told ten times: begun, four nodes begun and ended, over.
fn event(n: usize) -> Event {
    // 500 at a time go side by side
    let (lap, place) = (n / (PIPELINES * 10), n % (PIPELINES * 10));
    let (step, p) = (place / PIPELINES, place % PIPELINES);
    let key = pipeline(p).run(format!("scheduled__{lap}"));
    let now = Utc::now();
    if step == 0 || step == 9 {
        let mut run = Run::new(key, now);
        run.state = if step == 0 {
            RunState::Running
        } else {
            RunState::Succeeded
        };
        run.native = SafeText::new(run.state.word());
        run.started_at = Some(now);
        run.ended_at = (step == 9).then_some(now);
        run.cause = SafeText::new("scheduled");
        return Event::Runs { list: vec![run] };
    }
    let mut node = Node::new(NodeId::new(format!("task_{}", (step - 1) / 2)));
    node.attempt = 1;
    node.state = if step % 2 == 1 {
        NodeState::Running
    } else {
        NodeState::Succeeded
    };
    node.started_at = Some(now);
    node.ended_at = (step % 2 == 0).then_some(now);
    Event::Nodes {
        run: key,
        list: vec![node],
        complete: false,
    }
}

impl Backend for Flood {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn run(self: Box<Self>, link: Link) -> Running {
        Box::pin(self.pour(link))
    }
}

/// Processor seconds of the threads of this name.
fn used(name: &str) -> f64 {
    let mut ticks = 0.0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let dir = task.unwrap().path();
        let comm = std::fs::read_to_string(dir.join("comm")).unwrap_or_default();
        if comm.trim() != name {
            continue;
        }
        let stat = std::fs::read_to_string(dir.join("stat")).unwrap_or_default();
        let rest = stat.rsplit(')').next().unwrap_or_default();
        let numbers: Vec<f64> = rest.split(' ').filter_map(|n| n.parse().ok()).collect();
        // user and system time, the 14th and 15th of proc(5); the state's letter is no number
        ticks += numbers[10] + numbers[11];
    }
    ticks / 100.0
}

fn write_5000_a_second() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let place = Place::Folder(dir.path().to_owned());
    let info = BackendInfo {
        id: backend(),
        name: SafeText::new("prod-airflow"),
        kind: "airflow",
        read_only: false,
        protect: false,
        drives_runs: false,
        accent: None,
    };
    runtime.block_on(async {
        let settings = Settings {
            duty: DutySettings {
                place: Some(place.clone()),
                lead: true,
                events: true,
                ..DutySettings::default()
            },
            ..Settings::default()
        };
        let backends: Vec<Box<dyn Backend>> = vec![Box::new(Flood { info })];
        let (mut engine, mut events) =
            Engine::start(backends, &settings, Audit::open(dir.path()));
        let mut news = engine.take_news().unwrap();
        let all = EVENTS_A_SECOND * SECONDS + 2;
        let (mut taken, mut longest, mut in_loop) = (0, Duration::ZERO, Duration::ZERO);
        let mut looked = Instant::now();
        let begun = Instant::now();
        while taken < all {
            tokio::select! {
                stamped = events.recv() => {
                    let stamped = stamped.unwrap();
                    let at = Instant::now();
                    engine.apply(&stamped);
                    in_loop += at.elapsed();
                    longest = longest.max(at.elapsed());
                    taken += 1;
                }
                heard = news.recv() => { hear(&mut engine, heard.unwrap()); }
            }
            if looked.elapsed() > Duration::from_millis(50) {
                engine.refresh();
                looked = Instant::now();
            }
        }
        let took = begun.elapsed().as_secs_f64();
        engine.refresh();
        tokio::time::sleep(Duration::from_millis(800)).await;
        let share = used("history") / took;
        let troubles = engine.troubles();
        drop(events);
        engine.shutdown(Duration::from_secs(1)).await;
        let mut store = place.open().unwrap();
        let size = store.size().unwrap();
        println!(
            "{:.0} events/s for {took:.0} s: writer {:.1} % of a core (budget 10); the loop: {:.1} us an event, the longest {:.2} ms",
            taken as f64 / took,
            share * 100.0,
            in_loop.as_secs_f64() * 1e6 / taken as f64,
            longest.as_secs_f64() * 1e3,
        );
        let many = |kind: &str| {
            let found = size.records.iter().find(|(known, _)| *known == kind);
            found.map_or(0, |(_, many)| *many)
        };
        println!(
            "on disk: {} events, {} runs, {} attempts; {:.0} MB a million events with what follows from them; troubles: {troubles:?}",
            many("events"),
            many("runs"),
            many("nodes"),
            size.bytes as f64 / many("events") as f64,
        );
    });
}

fn hear(engine: &mut Engine, news: News) {
    engine.heard(news);
}
