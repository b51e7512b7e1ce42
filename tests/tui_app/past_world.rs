//! A history in which everything is that screens about the past show.

use chrono::{Duration, Timelike as _};
use dagtop::alerts::{Expect, Glob};
use dagtop::history::{Grain, Point, Sqlite, Store, Write};
use dagtop::model::*;
use dagtop::tui::app::Settings;

use crate::session::Session;
use crate::world::{self, key, now};

/// Days that are kept.
const DAYS: i64 = 60;

/// Somebody at a screen with a history. The folder must outlive it.
pub fn session(size: (u16, u16)) -> (tempfile::TempDir, Session) {
    session_with(size, Settings::default())
}

pub fn session_with(size: (u16, u16), settings: Settings) -> (tempfile::TempDir, Session) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Sqlite::open(dir.path()).unwrap();
    store.write(&orders()).unwrap();
    store.write(&queue("default_pool")).unwrap();
    let settings = Settings {
        history: true,
        ..settings
    };
    let mut session = Session::with(world::world(), size, settings);
    session.store = Some(Box::new(store));
    session.expects = vec![Expect {
        done_by: chrono::NaiveTime::from_hms_opt(2, 11, 0),
        ..Expect::new(Glob("orders_daily".to_owned()))
    }];
    (dir, session)
}

/// The same numbers every time.
fn noise(n: i64) -> i64 {
    (n * 7_919 + 13) % 17
}

/// A run each night at two; from the 3rd of November on `load` takes a third longer, with version 41. Some failed.
fn orders() -> Vec<Write> {
    let pipeline = key("prod-airflow", "orders_daily");
    let mut writes = Vec::new();
    for day in 1..=DAYS {
        let at = (now() - Duration::days(day)).with_minute(0).unwrap();
        let at = at.with_hour(2).unwrap().with_second(0).unwrap();
        let run_key = pipeline.run(format!("scheduled__{}", at.format("%FT%R")));
        let failed = matches!(day, 6 | 13 | 20 | 41);
        let newer = day <= 17;
        let steps = [
            ("extract", 120 + noise(day)),
            ("clean", 60 + noise(day + 3)),
            ("load", if newer { 420 } else { 280 } + 2 * noise(day + 5)),
            ("report", 30),
        ];
        let begun = at + Duration::seconds(20 + noise(day));
        let mut from = begun;
        for (n, (name, took)) in (0i64..).zip(steps) {
            let ends = from + Duration::seconds(took);
            let mut attempt = PastNode {
                run: run_key.clone(),
                node: NodeId::new(name),
                attempt: 1,
                state: NodeState::Succeeded,
                queued_at: Some(from - Duration::seconds(5 + noise(day + n))),
                started_at: Some(from),
                ended_at: Some(ends),
                exit_code: Some(0),
                rows: (name == "load").then(|| 1_000_000.0 + (noise(day) * 10_000) as f64),
                memory: Some(600_000_000 + 4_000_000 * noise(day + n).unsigned_abs()),
                cpu_seconds: Some(took as f64 * 0.7),
            };
            // the third run of a week needs a second try
            if name == "load" && (failed || day % 9 == 4) {
                let first = PastNode {
                    state: NodeState::Failed,
                    exit_code: Some(137),
                    rows: None,
                    ..attempt.clone()
                };
                writes.push(Write::Node(Box::new(first)));
                let log = run_key.node(&attempt.node).log(1);
                writes.push(Write::Tail {
                    log,
                    at: ends,
                    text: "read 41,230,118 rows\njava.lang.OutOfMemoryError: Java heap space"
                        .into(),
                });
                attempt.attempt = 2;
                attempt.queued_at = Some(ends);
                attempt.started_at = Some(ends + Duration::seconds(30));
                attempt.ended_at = Some(ends + Duration::seconds(30 + took));
            }
            if failed && name == "load" {
                attempt.state = NodeState::Failed;
                attempt.exit_code = Some(137);
                attempt.rows = None;
            }
            from = attempt.ended_at.unwrap() + Duration::seconds(8);
            if failed && name == "report" {
                attempt.state = NodeState::Blocked;
                attempt.attempt = 0;
                (attempt.queued_at, attempt.started_at, attempt.ended_at) = (None, None, None);
            }
            writes.push(Write::Node(Box::new(attempt)));
        }
        let mut run = Run::new(run_key, at);
        run.state = if failed {
            RunState::Failed
        } else {
            RunState::Succeeded
        };
        run.native = SafeText::new(run.state.word());
        run.queued_at = Some(at);
        run.started_at = Some(begun);
        run.ended_at = Some(from);
        run.version = Some(SafeText::new(if newer { "41" } else { "40" }));
        run.params = vec![(
            SafeText::new("day"),
            SafeText::new(at.format("%F").to_string()),
        )];
        writes.push(Write::Run(Box::new(PastRun {
            health: if failed {
                Health::Failed
            } else {
                Health::Succeeded
            },
            seen: from,
            run,
        })));
    }
    writes
}

/// A pool that fills up each night, a little more every week.
pub fn queue(queue: &str) -> Vec<Write> {
    let mut writes = Vec::new();
    for hour in 0..24 * DAYS {
        let at = Grain::Hour.begin(now() - Duration::hours(hour));
        let day = (DAYS - hour / 24) as f64;
        let night = (1..=4).contains(&at.hour());
        let running = if night { 16.0 + day / 8.0 } else { 4.0 } + (noise(hour) % 3) as f64;
        let waiting = if night { (noise(hour) % 5) as f64 } else { 0.0 };
        for (name, value) in [
            ("queue.running", running.min(28.0)),
            ("queue.length", waiting),
            ("queue.slots", 28.0),
        ] {
            writes.push(Write::Point(Point {
                series: format!("{name}{{backend:prod-airflow,kind:airflow,queue:{queue}}}"),
                grain: Grain::Hour,
                at,
                count: 6,
                sum: value * 6.0,
                min: value,
                max: value,
                last: value,
            }));
        }
    }
    writes
}
