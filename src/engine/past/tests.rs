#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::{DateTime, Duration, TimeZone as _, Utc};

use super::*;
use crate::history::{Sqlite, Write};
use crate::model::{BackendId, Health, NodeState, PastNode, PastRun, Run, RunState};

fn now() -> DateTime<Utc> {
    // a Friday
    Utc.with_ymd_and_hms(2026, 11, 20, 3, 14, 7).unwrap()
}

fn key(name: &str) -> PipelineKey {
    PipelineKey::new(&BackendId::new("prod"), name)
}

fn run(pipeline: &str, at: DateTime<Utc>, minutes: i64, health: Health) -> PastRun {
    let mut run = Run::new(key(pipeline).run(at.to_rfc3339()), at);
    run.state = RunState::Succeeded;
    run.queued_at = Some(at);
    run.started_at = Some(at + Duration::seconds(30));
    run.ended_at = Some(at + Duration::seconds(30) + Duration::minutes(minutes));
    PastRun {
        run,
        health,
        seen: at,
    }
}

fn seeded(writes: &[Write]) -> (tempfile::TempDir, Sqlite) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Sqlite::open(dir.path()).unwrap();
    store.write(writes).unwrap();
    (dir, store)
}

fn frame() -> Vantage {
    Vantage {
        now: now(),
        local: false,
    }
}

fn put(run: PastRun) -> Write {
    Write::Run(Box::new(run))
}

#[test]
fn the_runs_of_a_pipeline_by_day_and_hour() {
    let at = |days: i64, hour: i64| now() - Duration::days(days) - Duration::hours(3 - hour);
    let (_dir, mut store) = seeded(&[
        put(run("a", at(1, 2), 9, Health::Succeeded)),
        put(run("a", at(1, 1), 3, Health::Failed)),
        put(run("a", at(8, 2), 9, Health::Succeeded)),
        put(run("a", at(40, 2), 9, Health::Failed)),
        put(run("b", at(1, 2), 9, Health::Failed)),
    ]);
    let question = Question::Pipeline {
        key: key("a"),
        span: Span::Month,
    };
    let Answer::Pipeline(past) = answer(&mut store, &question, &frame()).unwrap() else {
        panic!("another answer");
    };
    assert_eq!((past.runs.len(), past.good, past.bad), (3, 2, 1));
    assert!(past.runs.is_sorted_by_key(|s| s.at));
    assert_eq!(past.runs[2].took, Some(540.0));
    assert_eq!(past.runs[2].waited, Some(30.0));
    let days: Vec<(u32, u32, Health)> =
        past.days.iter().map(|d| (d.runs, d.bad, d.worst)).collect();
    let failed = |runs| (runs, 1, Health::Failed);
    assert_eq!(days, [failed(1), (1, 0, Health::Succeeded), failed(2)]);
    let thursday = past.week[3];
    assert_eq!((thursday[1].runs, thursday[1].bad), (1, 1));
    assert_eq!((thursday[2].runs, thursday[2].bad), (2, 0));
}

#[test]
fn the_attempts_of_a_node_and_the_end_of_a_log() {
    let past = run("a", now() - Duration::days(2), 9, Health::Failed);
    let key_of_run = past.run.key.clone();
    let load = NodeId::new("load");
    let attempt = |number: u32, state| PastNode {
        run: key_of_run.clone(),
        node: load.clone(),
        attempt: number,
        state,
        queued_at: None,
        started_at: Some(past.run.ordered_at + Duration::minutes(i64::from(number))),
        ended_at: Some(past.run.ordered_at + Duration::minutes(i64::from(number) + 1)),
        exit_code: Some(137),
        rows: Some(12.0),
        memory: Some(1 << 30),
        cpu_seconds: None,
    };
    let log = key_of_run.node(&load).log(1);
    let (_dir, mut store) = seeded(&[
        put(past.clone()),
        Write::Node(Box::new(attempt(1, NodeState::Failed))),
        Write::Node(Box::new(attempt(2, NodeState::Succeeded))),
        Write::Tail {
            log: log.clone(),
            at: now(),
            text: "one\n\u{1b}[31mtwo".to_owned(),
        },
    ]);
    let question = Question::Node {
        pipeline: key("a"),
        node: load.clone(),
        span: Span::Week,
    };
    let Answer::Node(found) = answer(&mut store, &question, &frame()).unwrap() else {
        panic!("another answer");
    };
    let tries: Vec<(u32, Option<f64>)> = found.tries.iter().map(|t| (t.attempt, t.took)).collect();
    assert_eq!(tries, [(2, Some(60.0)), (1, Some(60.0))]);
    let tail = answer(&mut store, &Question::Tail(log), &frame()).unwrap();
    let Answer::Tail(Some(lines)) = tail else {
        panic!("another answer");
    };
    let lines: Vec<&str> = lines.iter().map(SafeText::as_str).collect();
    assert_eq!(lines, ["one", "two"]);
    let day = Question::Node {
        pipeline: key("a"),
        node: load,
        span: Span::Day,
    };
    let Answer::Node(found) = answer(&mut store, &day, &frame()).unwrap() else {
        panic!("another answer");
    };
    assert!(found.tries.is_empty());
}
