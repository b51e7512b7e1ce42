//! Questions about the past, asked of a store of ten million node records: `cargo bench --bench past`.
//! `RECORDS=1000000` takes another size. Prints the median and the worst of several answers, in milliseconds; the budget
//! is 200.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Duration, Utc};
use dagtop::analytics::Shape;
use dagtop::analytics::sla::Objective;
use dagtop::engine::past::{self, Promise, Question, Span, Vantage};
use dagtop::history::{Grain, Point, Sqlite, Store, Write};
use dagtop::model::*;

const PIPELINES: i64 = 100;
const NODES: i64 = 100;
/// Answers of which the median is taken.
const TIMES: usize = 7;

fn key(n: i64) -> PipelineKey {
    PipelineKey::new(&BackendId::new("prod"), format!("pipeline_{n:03}"))
}

fn run(pipeline: i64, n: i64, at: DateTime<Utc>) -> (PastRun, Vec<PastNode>) {
    let mut run = Run::new(key(pipeline).run(format!("run_{n:06}")), at);
    run.state = RunState::Succeeded;
    run.queued_at = Some(at);
    run.started_at = Some(at + Duration::seconds(5));
    let took = 600 + (n * 7_919 + pipeline * 31) % 97;
    run.ended_at = Some(at + Duration::seconds(5 + took));
    run.version = Some(SafeText::new((n / 200).to_string()));
    let failed = (n * 13 + pipeline) % 41 == 0;
    let node = |i: i64| PastNode {
        run: run.key.clone(),
        node: NodeId::new(format!("node_{i:03}")),
        attempt: 1,
        state: if failed && i == 7 {
            NodeState::Failed
        } else {
            NodeState::Succeeded
        },
        queued_at: Some(at + Duration::seconds(i * 5)),
        started_at: Some(at + Duration::seconds(5 + i * 5)),
        ended_at: Some(at + Duration::seconds(25 + i * 6)),
        exit_code: Some(i32::from(failed && i == 7)),
        rows: Some((i * 1_000) as f64),
        memory: Some(1 << 28),
        cpu_seconds: Some(3.0),
    };
    let nodes = (0..NODES).map(node).collect();
    let health = if failed {
        Health::Failed
    } else {
        Health::Succeeded
    };
    let seen = at + Duration::hours(1);
    (PastRun { run, health, seen }, nodes)
}

fn seed(store: &mut Sqlite, records: i64, now: DateTime<Utc>) {
    let runs = records / PIPELINES / NODES;
    let mut batch = Vec::new();
    for n in 0..runs {
        // hourly, the newest an hour ago
        let at = now - Duration::hours(runs - n);
        for pipeline in 0..PIPELINES {
            let (run, nodes) = run(pipeline, n, at);
            batch.push(Write::Run(Box::new(run)));
            batch.extend(nodes.into_iter().map(|node| Write::Node(Box::new(node))));
        }
        if batch.len() > 20_000 {
            store.write(&batch).unwrap();
            batch.clear();
        }
    }
    for queue in 0..20i64 {
        for hour in 0..720 {
            for name in ["queue.running", "queue.length", "queue.slots"] {
                let value = ((hour * 7 + queue) % 30) as f64;
                batch.push(Write::Point(Point {
                    series: format!("{name}{{backend:prod,kind:airflow,queue:q{queue}}}"),
                    grain: Grain::Hour,
                    at: Grain::Hour.begin(now - Duration::hours(hour)),
                    count: 6,
                    sum: value * 6.0,
                    min: value,
                    max: value,
                    last: value,
                }));
            }
        }
    }
    store.write(&batch).unwrap();
}

fn main() {
    let records = std::env::var("RECORDS").ok().and_then(|r| r.parse().ok());
    let records: i64 = records.unwrap_or(10_000_000);
    let dir = tempfile::tempdir().unwrap();
    let now = Utc::now();
    let mut store = Sqlite::open(dir.path()).unwrap();
    let begun = Instant::now();
    seed(&mut store, records, now);
    println!(
        "{records} node records written in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    drop(store);
    let mut store = Sqlite::open(dir.path()).unwrap();
    let pipeline = key(7);
    let node = NodeId::new("node_007");
    let ids: Vec<NodeId> = (0..NODES)
        .map(|i| NodeId::new(format!("node_{i:03}")))
        .collect();
    let topology = Topology {
        edges: ids
            .windows(2)
            .map(|w| (w[0].clone(), w[1].clone()))
            .collect(),
        nodes: ids.clone(),
        groups: Vec::new(),
    };
    let shape = Arc::new(Shape::new(&topology, ids.iter().map(|id| (id, None))));
    let promise = |n| Promise {
        pipeline: key(n),
        objective: Objective {
            zone: Default::default(),
            done_by: None,
            start_within: None,
            duration_limit: Some(Duration::seconds(660)),
        },
        cron: None,
        target: 0.99,
        live: Vec::new(),
        ongoing: None,
    };
    let promised: Vec<Promise> = (0..PIPELINES).map(promise).collect();
    let newest = records / PIPELINES / NODES - 1;
    let of = |span| {
        [
            (
                format!("trends, {}", Span::word(span)),
                Question::Pipeline {
                    key: pipeline.clone(),
                    span: Some(span),
                },
            ),
            (
                format!("node, {}", span.word()),
                Question::Node {
                    pipeline: pipeline.clone(),
                    node: node.clone(),
                    span: Some(span),
                },
            ),
            (
                format!("capacity, {}", span.word()),
                Question::Capacity { span },
            ),
            (format!("promises, {}", span.word()), Question::Sla { span }),
        ]
    };
    let mut questions: Vec<(String, Question)> = [Span::Week, Span::Month, Span::Year]
        .into_iter()
        .flat_map(of)
        .collect();
    questions.push((
        "compare with the last good".to_owned(),
        Question::Compare {
            a: None,
            b: pipeline.run(format!("run_{newest:06}")),
        },
    ));
    for (name, question) in questions {
        let mut times: Vec<f64> = (0..TIMES)
            .map(|_| {
                let begun = Instant::now();
                let mut from = Vantage::new(now, false);
                from.shape = Some(shape.clone());
                from.promised = promised.clone();
                past::answer(&mut store, &question, &from).unwrap();
                begun.elapsed().as_secs_f64() * 1000.0
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!(
            "{name:28} {:8.1} ms, worst {:8.1} ms",
            times[TIMES / 2],
            times[TIMES - 1]
        );
    }
}
