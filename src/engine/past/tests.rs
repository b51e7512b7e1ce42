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
    Vantage::new(now(), false)
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
        span: Some(Span::Month),
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
        span: Some(Span::Week),
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
        span: Some(Span::Day),
    };
    let Answer::Node(found) = answer(&mut store, &day, &frame()).unwrap() else {
        panic!("another answer");
    };
    assert!(found.tries.is_empty());
}

#[test]
fn days_outlive_their_runs() {
    let old = now() - Duration::days(200);
    let (_dir, mut store) = seeded(&[
        put(run("a", old, 9, Health::Failed)),
        put(run("a", now() - Duration::days(2), 9, Health::Succeeded)),
    ]);
    let before = now() - Duration::days(100);
    store.forget(crate::history::Kind::Runs, before).unwrap();
    let question = Question::Pipeline {
        key: key("a"),
        span: Some(Span::Week),
    };
    let Answer::Pipeline(past) = answer(&mut store, &question, &frame()).unwrap() else {
        panic!("another answer");
    };
    let days: Vec<_> = past.days.iter().map(|d| (d.date, d.worst)).collect();
    assert_eq!(days.len(), 2, "{days:?}");
    assert_eq!(days[0], (old.date_naive(), Health::Failed));
}

/// One run a night, each of two nodes; from the 31st on the second takes twice as long, with another version.
fn nights() -> Vec<Write> {
    let mut writes = Vec::new();
    for n in 0..60i64 {
        let at = now() - Duration::days(60 - n) - Duration::hours(1);
        let minutes = if n < 30 { 10 } else { 20 };
        let mut past = run("a", at, minutes + 5, Health::Succeeded);
        past.run.version = Some(SafeText::new(if n < 30 { "1" } else { "2" }));
        past.run.params = vec![("n".into(), n.to_string().as_str().into())];
        let begun = past.run.started_at.unwrap();
        for (name, from, to) in [("x", 0, 5), ("y", 5, 5 + minutes)] {
            writes.push(Write::Node(Box::new(PastNode {
                run: past.run.key.clone(),
                node: NodeId::new(name),
                attempt: 1,
                state: NodeState::Succeeded,
                queued_at: None,
                started_at: Some(begun + Duration::minutes(from)),
                ended_at: Some(begun + Duration::minutes(to)),
                exit_code: None,
                rows: None,
                memory: None,
                cpu_seconds: None,
            })));
        }
        writes.push(put(past));
    }
    writes
}

#[test]
fn what_changed_comes_with_its_version() {
    let (_dir, mut store) = seeded(&nights());
    let question = Question::Pipeline {
        key: key("a"),
        span: Some(Span::Year),
    };
    let Answer::Pipeline(past) = answer(&mut store, &question, &frame()).unwrap() else {
        panic!("another answer");
    };
    let judged = &past.judged;
    assert_eq!(judged.shifts.len(), 1, "{:?}", judged.shifts);
    let version = judged.shifts[0].version.as_ref().map(SafeText::as_str);
    assert_eq!(version, Some("2"));
    let ends = [judged.band.first(), judged.band.last()].map(|b| b.unwrap().p50);
    assert_eq!(ends, [900.0, 1_500.0]);
    assert_eq!(judged.nodes.as_ref().unwrap().runs, 60);
}

#[test]
fn two_runs_differ_by_node_parameter_and_version() {
    let (_dir, mut store) = seeded(&nights());
    let at = |n: i64| now() - Duration::days(60 - n) - Duration::hours(1);
    let of = |n: i64| key("a").run(at(n).to_rfc3339());
    let ask = |store: &mut Sqlite, a: Option<i64>, b: i64| {
        let question = Question::Compare {
            a: a.map(of),
            b: of(b),
        };
        match answer(store, &question, &frame()).unwrap() {
            Answer::Compare(past) => past,
            _ => panic!("another answer"),
        }
    };
    let past = ask(&mut store, Some(29), 30);
    let found = past.comparison.unwrap();
    assert_eq!(found.nodes[0].node.raw(), "y");
    assert_eq!(found.nodes[0].added(), 600.0);
    assert_eq!(found.same_version(), Some(false));
    assert_eq!(found.parameters.len(), 1);
    let past = ask(&mut store, None, 30);
    assert!(past.last_good);
    assert_eq!(past.a.unwrap().run.key, of(29));
    let past = ask(&mut store, None, 0);
    assert!(past.a.is_none() && past.comparison.is_none());
    let past = ask(&mut store, None, 99);
    assert!(past.b.is_none());
}

#[test]
fn promises_are_counted_and_the_worst_comes_first() {
    use crate::analytics::sla::{Kept, Objective};
    let (_dir, mut store) = seeded(&nights());
    let promise = |limit: i64| Promise {
        pipeline: key("a"),
        objective: Objective {
            zone: chrono_tz::Tz::UTC,
            done_by: None,
            start_within: None,
            duration_limit: Some(Duration::minutes(limit)),
        },
        cron: None,
        target: 0.9,
        live: Vec::new(),
        ongoing: None,
    };
    let mut from = frame();
    from.promised = vec![promise(60), promise(20)];
    let question = Question::Sla { span: Span::Year };
    let Answer::Sla(past) = answer(&mut store, &question, &from).unwrap() else {
        panic!("another answer");
    };
    let kept: Vec<_> = past
        .rows
        .iter()
        .map(|r| r.now.as_ref().unwrap().kept)
        .collect();
    assert_eq!(kept, [Kept::Missed, Kept::Met]);
    let worst = &past.rows[0];
    assert_eq!((worst.budget.met, worst.budget.missed), (30, 30));
    assert_eq!(worst.misses.len(), 3);
}

#[test]
fn queues_are_read_from_their_series() {
    use crate::history::{Grain, Point};
    let point = |name: &str, hour: i64, value: f64| {
        Write::Point(Point {
            series: format!("{name}{{backend:b,kind:k,queue:q}}"),
            grain: Grain::Hour,
            at: Grain::Hour.begin(now() - Duration::hours(hour)),
            count: 1,
            sum: value,
            min: value,
            max: value,
            last: value,
        })
    };
    let mut writes: Vec<Write> = (1..100)
        .map(|h| point("queue.running", h, (h % 7) as f64))
        .collect();
    writes.push(point("queue.slots", 1, 8.0));
    writes.push(point("queue.length", 3, 2.0));
    let (_dir, mut store) = seeded(&writes);
    let question = Question::Capacity { span: Span::Month };
    let Answer::Capacity(past) = answer(&mut store, &question, &frame()).unwrap() else {
        panic!("another answer");
    };
    let queue = &past.queues[0];
    assert_eq!((queue.backend.as_str(), queue.queue.as_str()), ("b", "q"));
    assert_eq!(
        (queue.slots, queue.peak.map(|p| p.1)),
        (Some(8.0), Some(6.0))
    );
    assert_eq!(queue.running.len(), 99);
    assert!(past.load.is_none(), "no run, no load");
}

fn shaped(writes: &mut Vec<Write>) {
    let ids = ["x", "y"].map(NodeId::new);
    let topology = crate::model::Topology {
        nodes: ids.to_vec(),
        groups: Vec::new(),
        edges: vec![(ids[0].clone(), ids[1].clone())],
    };
    let members = ids.map(|id| (id, None)).to_vec();
    writes.extend(crate::history::put_shape_of(&key("a"), &topology, members, now()).unwrap());
}

#[test]
fn what_runs_hang_on_is_said_from_the_shape_that_was_kept() {
    let question = Question::Pipeline {
        key: key("a"),
        span: Some(Span::Month),
    };
    let found = |store: &mut Sqlite| {
        let Answer::Pipeline(past) = answer(store, &question, &frame()).unwrap() else {
            panic!("another answer");
        };
        past.judged.nodes.unwrap().bottlenecks
    };
    let mut writes = nights();
    let (_dir, mut store) = seeded(&writes);
    assert!(found(&mut store).is_none(), "nobody told the shape");
    shaped(&mut writes);
    let (_dir, mut store) = seeded(&writes);
    let all = found(&mut store).unwrap();
    assert_eq!(all.nodes[0].node.raw(), "y", "it takes most");
}

#[test]
fn the_end_of_a_run_is_reckoned_from_its_nodes() {
    use crate::analytics::eta::By;
    use crate::analytics::sla::Objective;
    use crate::model::Node;
    let mut writes = nights();
    shaped(&mut writes);
    let (_dir, mut store) = seeded(&writes);
    // it began 4 minutes ago, and `x`, which takes 5, is done already: what is left are the 20 of `y`
    let begun = now() - Duration::minutes(4);
    let mut going = Run::new(key("a").run("now"), begun);
    going.state = RunState::Running;
    going.started_at = Some(begun);
    let node = |name: &str, state, from: Option<i64>, to: Option<i64>| {
        let mut node = Node::new(NodeId::new(name));
        node.state = state;
        node.started_at = from.map(|m| now() - Duration::minutes(m));
        node.ended_at = to.map(|m| now() - Duration::minutes(m));
        node
    };
    let nodes = vec![
        node("x", NodeState::Succeeded, Some(4), Some(0)),
        node("y", NodeState::Running, Some(0), None),
    ];
    let row = |store: &mut Sqlite, nodes: Vec<Node>| {
        let mut from = frame();
        from.promised = vec![Promise {
            pipeline: key("a"),
            objective: Objective {
                zone: chrono_tz::Tz::UTC,
                done_by: None,
                start_within: None,
                duration_limit: Some(Duration::minutes(60)),
            },
            cron: None,
            target: 0.9,
            live: Vec::new(),
            ongoing: Some(vantage::Ongoing {
                run: going.clone(),
                nodes,
                topology: None,
            }),
        }];
        match answer(store, &Question::Sla { span: Span::Week }, &from).unwrap() {
            Answer::Sla(mut past) => past.rows.remove(0),
            _ => panic!("another answer"),
        }
    };
    let known = row(&mut store, nodes);
    assert_eq!(known.by, Some(By::Nodes));
    let left = (known.eta.unwrap().0 - now()).num_seconds();
    assert!((1_190..=1_210).contains(&left), "{left}");
    // of one whose nodes nobody told, by whole runs of 25 minutes
    let unknown = row(&mut store, Vec::new());
    assert_eq!(unknown.by, Some(By::Usual));
    let left = (unknown.eta.unwrap().0 - now()).num_seconds();
    assert!((1_255..=1_265).contains(&left), "{left}");
}

#[test]
fn the_span_is_what_there_is() {
    let span = |age: Duration| {
        let (_dir, mut store) = seeded(&[put(run("a", now() - age, 1, Health::Succeeded))]);
        let question = Question::Pipeline {
            key: key("a"),
            span: None,
        };
        match answer(&mut store, &question, &frame()).unwrap() {
            Answer::Pipeline(past) => (
                past.span,
                past.from == now() - past.span.length(),
                past.runs.len(),
            ),
            _ => panic!("another answer"),
        }
    };
    assert_eq!(span(Duration::minutes(9)), (Span::Day, true, 1));
    assert_eq!(span(Duration::days(3)), (Span::Week, true, 1));
    assert_eq!(span(Duration::days(8)), (Span::Month, true, 1));
    assert_eq!(span(Duration::days(100)), (Span::Month, true, 0));
}

mod curves {
    use super::*;
    use crate::history::{Grain, Point};

    fn point(name: &str, grain: Grain, at: DateTime<Utc>, value: f64, count: u64) -> Write {
        Write::Point(Point {
            series: format!("{name}{{backend:b,kind:k,pipeline:p}}"),
            grain,
            at: grain.begin(at),
            count,
            sum: value * count as f64,
            min: value,
            max: value,
            last: value,
        })
    }

    fn series(store: &mut Sqlite, query: &str, span: Span) -> SeriesPast {
        let upto = readable(span, now()).timestamp().div_euclid(step(span));
        let question = Question::Series {
            query: query.to_owned(),
            span,
            upto,
        };
        match answer(store, &question, &frame()).unwrap() {
            Answer::Series(past) => past,
            _ => panic!("another answer"),
        }
    }

    /// An error each ten minutes for three days, by the hour and of the last six hours by the minute too.
    fn errors() -> Vec<Write> {
        let mut writes = Vec::new();
        for hour in 1..72 {
            let at = now() - Duration::hours(hour);
            writes.push(point("pipeline.errors", Grain::Hour, at, 1.0, 6));
        }
        for tenth in 0..36 {
            let at = Grain::Hour.begin(now()) - Duration::minutes(10 * tenth);
            writes.push(point("pipeline.errors", Grain::Minute, at, 1.0, 1));
        }
        writes
    }

    #[test]
    fn each_moment_is_read_in_one_grain() {
        let (_dir, mut store) = seeded(&errors());
        let query = "sum(last_1h):sum:pipeline.errors{*}.as_count()";
        let past = series(&mut store, query, Span::Day);
        let places: Vec<i64> = past.values.keys().copied().collect();
        assert_eq!(places.len() as i64, POINTS, "no gap");
        assert!(places.windows(2).all(|p| p[1] == p[0] + 1));
        let mut values: Vec<f64> = past.values.values().map(|v| v[0].1).collect();
        // the newest hour has begun only
        let newest: Vec<f64> = values.split_off(values.len() - 2);
        assert!(values.iter().all(|v| *v == 6.0), "no doubles: {values:?}");
        assert!(newest.iter().all(|v| (1.0..=6.0).contains(v)), "{newest:?}");
        assert!(!past.cut && past.values.values().all(|v| v.len() == 1));
    }

    #[test]
    fn what_is_added_up_is_of_the_window_that_is_meant() {
        let (_dir, mut store) = seeded(&errors());
        let value = |store: &mut Sqlite, query: &str| {
            let past = series(store, query, Span::Month);
            let mut values = past.values.into_values();
            values.next_back().unwrap()[0].1
        };
        let five = "sum(last_5m):sum:pipeline.errors{*}.as_count()";
        assert_eq!(value(&mut store, five), 0.5);
        let growth = "change(last_10m):sum:pipeline.errors{*}";
        assert_eq!(value(&mut store, growth), 1.0);
        let both =
            "sum(last_5m):sum:pipeline.errors{*}.as_count() / sum:pipeline.errors{*}.as_count()";
        assert_eq!(value(&mut store, both), 1.0);
        let most = "max(last_5m):sum:pipeline.errors{*}";
        assert_eq!(value(&mut store, most), 6.0);
    }

    #[test]
    fn where_its_backend_was_heard_nothing_counted_is_zero_and_a_level_does_not_hold() {
        let hour = |hour: i64| Grain::Hour.begin(now()) - Duration::hours(hour);
        let mut writes = vec![
            point("pipeline.errors", Grain::Hour, hour(60), 1.0, 2),
            point("queue.length", Grain::Hour, hour(60), 4.0, 9),
        ];
        writes.extend((40..100).map(|h| point("backend.up", Grain::Hour, hour(h), 1.0, 9)));
        writes.extend((20..40).map(|h| point("backend.up", Grain::Hour, hour(h), 0.0, 9)));
        let (_dir, mut store) = seeded(&writes);
        let past = series(
            &mut store,
            "sum(last_8h):sum:pipeline.errors{*}.as_count()",
            Span::Month,
        );
        let values: Vec<f64> = past.values.values().map(|v| v[0].1).collect();
        assert!((6..=9).contains(&values.len()), "{values:?}");
        assert_eq!(values.iter().sum::<f64>(), 2.0, "{values:?}");
        let past = series(
            &mut store,
            "avg(last_8h):avg:queue.length{*} by {backend}",
            Span::Month,
        );
        let values: Vec<_> = past.values.into_values().collect();
        assert_eq!(values, [vec![("b".to_owned(), 4.0)]]);
    }

    #[test]
    fn a_value_is_as_of_a_minute_and_a_query_that_makes_no_sense_has_none() {
        let (_dir, mut store) = seeded(&errors());
        let mut ask = |query: &str| {
            let question = Question::Value {
                query: query.to_owned(),
                minute: Grain::Hour.begin(now()).timestamp() / 60,
            };
            match answer(&mut store, &question, &frame()).unwrap() {
                Answer::Value(past) => past.values,
                _ => panic!("another answer"),
            }
        };
        let hour = ask("sum(last_1h):sum:pipeline.errors{*} by {pipeline}.as_count()");
        assert_eq!(hour, [("p".to_owned(), 6.0)]);
        assert_eq!(
            ask("sum(last_1h):sum:pipeline.errors{pipeline:q}.as_count()"),
            []
        );
        assert_eq!(ask("nonsense"), []);
    }
}

#[test]
fn the_history_says_when_it_is_full() {
    use crate::history::{Grain, Point, SIZE};
    let point = |day: i64, bytes: f64| {
        Write::Point(Point {
            series: SIZE.to_owned(),
            grain: Grain::Day,
            at: Grain::Day.begin(now() - Duration::days(day)),
            count: 1,
            sum: bytes,
            min: bytes,
            max: bytes,
            last: bytes,
        })
    };
    // 10 MB a day, 400 MB yesterday
    let writes: Vec<Write> = (1..40)
        .map(|day| point(day, (410 - 10 * day) as f64 * 1e6))
        .collect();
    let (_dir, mut store) = seeded(&writes);
    let span = (now() - Duration::days(60), now());
    let found = room(&mut store, Grain::Day, span, Some(1_000_000_000));
    let found = found.unwrap().unwrap();
    assert_eq!(found.taken, 4e8);
    assert!((found.grows.unwrap() / 1e7 - 1.0).abs() < 0.01);
    let days = (found.full.unwrap().when - now()).num_days();
    assert!((57..=61).contains(&days), "{days}");
    let unlimited = room(&mut store, Grain::Day, span, None).unwrap().unwrap();
    assert_eq!(unlimited.full, None);
    assert_eq!(room(&mut store, Grain::Hour, span, None).unwrap(), None);
    let short = (now() - Duration::days(2), now());
    let found = room(&mut store, Grain::Day, short, Some(1)).unwrap();
    assert_eq!(found.unwrap().full, None, "a day says nothing");
}
