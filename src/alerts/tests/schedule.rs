//! What is expected by the clock, across time zones and clock changes; and what is unusual.

use super::*;
use crate::alerts::{Cron, Expect, Glob};
use crate::model::{Check, Queue, Usage};
use chrono::NaiveTime;
use chrono_tz::Tz;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn utc(time: DateTime<Utc>) -> String {
    time.format("%m-%d %H:%M").to_string()
}

#[test]
fn a_cron_line_follows_the_clock_of_its_place() {
    // line, zone, now, last time, next time
    let cases = [
        (
            "0 3 * * *",
            Tz::UTC,
            "2026-11-20T03:00:00Z",
            "11-20 03:00",
            "11-21 03:00",
        ),
        (
            "0 3 * * *",
            Tz::Europe__Berlin,
            "2026-11-20T02:30:00Z",
            "11-20 02:00",
            "11-21 02:00",
        ),
        (
            "0 3 * * *",
            Tz::Europe__Berlin,
            "2026-07-20T01:30:00Z",
            "07-20 01:00",
            "07-21 01:00",
        ),
        (
            "0 3 * * *",
            Tz::America__New_York,
            "2026-11-20T02:30:00Z",
            "11-19 08:00",
            "11-20 08:00",
        ),
        // 02:30 is left out on the 29th of March: it comes right after the gap
        (
            "30 2 * * *",
            Tz::Europe__Berlin,
            "2026-03-28T12:00:00Z",
            "03-28 01:30",
            "03-29 01:00",
        ),
        // and shown twice on the 25th of October: it comes once
        (
            "30 2 * * *",
            Tz::Europe__Berlin,
            "2026-10-24T12:00:00Z",
            "10-24 00:30",
            "10-25 00:30",
        ),
        (
            "30 2 * * *",
            Tz::Europe__Berlin,
            "2026-10-25T01:45:00Z",
            "10-25 00:30",
            "10-26 01:30",
        ),
        (
            "0 9 * * MON",
            Tz::Asia__Tokyo,
            "2026-11-20T00:00:00Z",
            "11-16 00:00",
            "11-23 00:00",
        ),
    ];
    for (line, zone, now, last, next) in cases {
        let cron = Cron::parse(line, zone).unwrap();
        let got = (
            utc(cron.before(at(now)).unwrap()),
            utc(cron.after(at(now)).unwrap()),
        );
        assert_eq!(got, (last.into(), next.into()), "{line} {zone} {now}");
    }
    for line in ["", "often", "61 * * * *", "0 0 31 2 *"] {
        assert!(Cron::parse(line, Tz::UTC).is_err(), "{line} was taken");
    }
}

#[test]
fn globs_name_pipelines_with_or_without_their_backend() {
    let key = |pipeline| PipelineKey::new(&BackendId::new("prod"), pipeline);
    for (glob, pipeline, want) in [
        ("orders_*", "orders_daily", true),
        ("prod/orders_*", "orders_daily", true),
        ("dev/orders_*", "orders_daily", false),
        ("prod/*", "flow/deployment", true),
        ("flow/*", "flow/deployment", true),
        ("*", "flow/deployment", true),
        ("orders", "orders_daily", false),
    ] {
        let got = Glob(glob.to_owned()).matches(&key(pipeline));
        assert_eq!(got, want, "{glob} {pipeline}");
    }
}

/// A pipeline with runs that started at these times and took so many minutes; 0: still going.
fn ran(starts: &[(&str, i64)]) -> Vec<Event> {
    let mut list = Vec::new();
    for (n, (start, minutes)) in starts.iter().enumerate() {
        let start = at(start);
        let mut run = Run::new(key("orders").run(n.to_string()), start);
        run.started_at = Some(start);
        run.state = RunState::Running;
        if *minutes > 0 {
            run.ended_at = Some(start + Duration::minutes(*minutes));
            run.state = RunState::Succeeded;
        }
        list.push(run);
    }
    let pipelines = Event::Pipelines {
        list: vec![Pipeline::new(key("orders"))],
        complete: true,
    };
    vec![pipelines, Event::Runs { list }]
}

fn expect(change: impl FnOnce(&mut Expect)) -> Rules {
    let mut expect = Expect::new(Glob("orders".to_owned()));
    expect.zone = Tz::Europe__Berlin;
    change(&mut expect);
    Rules {
        expects: vec![expect].into(),
        ..Rules::default()
    }
}

/// What the rules find at a time, with what is usual learnt from the same runs.
fn found(rules: &Rules, events: Vec<Event>, now: &str) -> Vec<(String, String)> {
    let now = at(now);
    let world = world(events);
    let mut baselines = Baselines::default();
    for view in world.runs_of(&key("orders")) {
        baselines.observe(view);
    }
    let fleet = world.fleet(now, Duration::minutes(5));
    let mut alerts = Alerts::new(rules.clone());
    alerts.evaluate(&Scene {
        world: &world,
        fleet: &fleet,
        baselines: &baselines,
        metrics: &Store::new(Limits::default()),
        troubles: &[],
        now,
        error_of: &|_| None,
    });
    // behind a root or not
    let all = alerts.lives().map(|l| &l.alert);
    all.map(|a| (a.id.rule.clone(), a.reason.to_string()))
        .collect()
}

fn one(rule: &str, reason: &str) -> (String, String) {
    (rule.to_owned(), reason.to_owned())
}

#[test]
fn late_missing_and_never_started_by_schedule() {
    let daily = |line: &str| {
        let cron = Cron::parse(line, Tz::Europe__Berlin).unwrap();
        expect(|e| {
            e.cron = Some(cron);
            e.start_within = Duration::minutes(10);
        })
    };
    let rules = daily("0 3 * * *");
    let yesterday = || ran(&[("2026-11-19T02:00:20Z", 30)]);
    // 03:00 in Berlin is 02:00 UTC; ten minutes of grace
    assert_eq!(found(&rules, yesterday(), "2026-11-20T02:09:00Z"), []);
    assert_eq!(
        found(&rules, yesterday(), "2026-11-20T02:10:00Z"),
        [one("run-late", "not started, due 03:00 CET")]
    );
    let started = || ran(&[("2026-11-19T02:00:20Z", 30), ("2026-11-20T01:59:30Z", 0)]);
    assert_eq!(
        found(&rules, started(), "2026-11-20T02:10:00Z"),
        [],
        "clocks differ by half a minute"
    );
    assert_eq!(
        found(&rules, yesterday(), "2026-11-22T02:30:00Z"),
        [
            one("run-late", "not started, due 03:00 CET"),
            one(
                "run-missing",
                "3 runs did not start, the first was due 03:00 CET"
            )
        ]
    );
    assert_eq!(
        found(&rules, ran(&[]), "2026-11-20T02:10:00Z"),
        [one("never-started", "has never run, due 03:00 CET")]
    );
    // the night without a 02:30
    let rules = daily("30 2 * * *");
    let before = || ran(&[("2026-03-28T01:30:00Z", 5)]);
    assert_eq!(found(&rules, before(), "2026-03-29T01:05:00Z"), []);
    assert_eq!(
        found(&rules, before(), "2026-03-29T01:11:00Z"),
        [one("run-late", "not started, due 03:00 CEST")]
    );
    // the night with two: one run is enough
    let once = || ran(&[("2026-10-25T00:30:00Z", 5)]);
    assert_eq!(found(&rules, once(), "2026-10-25T01:45:00Z"), []);
    assert_eq!(found(&rules, once(), "2026-10-25T12:00:00Z"), []);
    // what is paused is not late, nor what its backend does not tell
    let mut paused = Pipeline::new(key("orders"));
    paused.paused = true;
    let paused = Event::Pipelines {
        list: vec![paused],
        complete: true,
    };
    let mut events = yesterday();
    events.push(paused);
    assert_eq!(found(&rules, events, "2026-11-22T02:30:00Z"), []);
    let mut events = yesterday();
    events.push(Event::Status(BackendStatus {
        reach: Reach::Down {
            reason: SafeText::new("refused"),
            retry_at: None,
        },
        ..BackendStatus::default()
    }));
    assert_eq!(
        found(&rules, events, "2026-11-22T02:30:00Z"),
        [one("backend-unreachable", "refused")]
    );
}

/// Six daily runs at 02:00 UTC of half an hour each, and what comes after them.
fn week(then: &[(&str, i64)]) -> Vec<Event> {
    let days = ["14", "15", "16", "17", "18", "19"];
    let days = days.map(|day| format!("2026-11-{day}T02:00:00Z"));
    let mut all: Vec<(&str, i64)> = days.iter().map(|day| (day.as_str(), 30)).collect();
    all.extend(then);
    ran(&all)
}

#[test]
fn an_sla_is_at_risk_before_it_is_missed() {
    let rules = expect(|e| {
        e.cron = Some(Cron::parse("0 3 * * *", Tz::Europe__Berlin).unwrap());
        e.start_within = Duration::hours(5);
        e.done_by = NaiveTime::from_hms_opt(3, 45, 0);
    });
    let at_time = |then: &[(&str, i64)], now: &str| found(&rules, week(then), now);
    // in time: begun at 03:10, done at 03:40 by its usual
    let fine = [("2026-11-20T02:10:00Z", 0)];
    assert_eq!(at_time(&fine, "2026-11-20T02:12:00Z"), []);
    // begun at 03:27, it will be done at 03:57
    let late = [("2026-11-20T02:27:00Z", 0)];
    assert_eq!(
        at_time(&late, "2026-11-20T02:30:00Z"),
        [one("sla-risk", "will miss 03:45 CET by 12m")]
    );
    // not begun at 03:20: the same by the clock
    assert_eq!(
        at_time(&[], "2026-11-20T02:20:00Z"),
        [one("sla-risk", "will miss 03:45 CET by 5m")]
    );
    assert_eq!(
        at_time(&late, "2026-11-20T03:00:00Z"),
        [one("sla-missed", "missed 03:45 CET, 15m ago")]
    );
    let done = [("2026-11-20T02:27:00Z", 40)];
    assert_eq!(at_time(&done, "2026-11-20T03:30:00Z"), [], "late, and done");
    // a time that is past when it starts is of the next day
    let overnight = expect(|e| {
        e.cron = Some(Cron::parse("0 3 * * *", Tz::Europe__Berlin).unwrap());
        e.done_by = NaiveTime::from_hms_opt(1, 0, 0);
    });
    let running = week(&[("2026-11-20T02:00:00Z", 0)]);
    assert_eq!(found(&overnight, running, "2026-11-20T23:30:00Z"), []);
    let running = week(&[("2026-11-20T02:00:00Z", 0)]);
    assert_eq!(
        found(&overnight, running, "2026-11-21T00:10:00Z"),
        [one("sla-missed", "missed 01:00 CET, 10m ago")]
    );
}

#[test]
fn durations_are_held_against_limits_and_the_usual() {
    let mut rules = Rules {
        duration_limit: Some(Duration::hours(1)),
        ..Rules::default()
    };
    let going = || week(&[("2026-11-20T02:00:00Z", 0)]);
    assert_eq!(found(&rules, going(), "2026-11-20T02:59:00Z"), []);
    assert_eq!(
        found(&rules, going(), "2026-11-20T03:30:00Z"),
        [one("duration-limit", "takes 1h30, its limit is 1h00")]
    );
    rules.duration_limit = None;
    rules.duration_unusual = Some(1.5);
    assert_eq!(found(&rules, going(), "2026-11-20T02:44:00Z"), []);
    assert_eq!(
        found(&rules, going(), "2026-11-20T02:46:00Z"),
        [one(
            "duration-unusual",
            "takes 46m, 6 runs of this hour usually take 30m"
        )]
    );
    // at noon it has never run: all its runs are compared
    let noon = week(&[("2026-11-20T12:00:00Z", 0)]);
    assert_eq!(
        found(&rules, noon, "2026-11-20T12:46:00Z"),
        [one(
            "duration-unusual",
            "takes 46m, its last 6 runs usually take 30m"
        )]
    );
    rules.duration_unusual = None;
    rules.duration_high = true;
    assert_eq!(
        found(&rules, going(), "2026-11-20T02:32:00Z"),
        [one(
            "duration-high",
            "takes 32m, 95 % of 6 runs of this hour take up to 30m"
        )]
    );
}

#[test]
fn what_is_usual_is_that_of_the_weekday_where_enough_is_known() {
    let mut events = Vec::new();
    // five weeks: an hour on Mondays, ten minutes on other days
    for day in 0..35 {
        let start = at("2026-10-05T02:00:00Z") + Duration::days(day);
        let minutes = if day % 7 == 0 { 60 } else { 10 };
        events.push((start.to_rfc3339(), minutes));
    }
    let events: Vec<(&str, i64)> = events.iter().map(|(s, m)| (s.as_str(), *m)).collect();
    let world = world(ran(&events));
    let mut baselines = Baselines::default();
    for _ in 0..3 {
        for view in world.runs_of(&key("orders")) {
            baselines.observe(view);
        }
    }
    let usual = |start: &str| {
        let usual = baselines.usual(&key("orders"), at(start)).unwrap();
        (usual.median.num_minutes(), usual.runs)
    };
    assert_eq!(usual("2026-11-09T02:30:00Z"), (60, 5), "a Monday");
    assert_eq!(usual("2026-11-10T01:30:00Z"), (10, 5), "a Tuesday");
    assert_eq!(usual("2026-11-10T12:00:00Z"), (10, 35), "no run at noon");
    assert_eq!(
        usual("2026-10-12T02:00:00Z"),
        (10, 7),
        "too few Mondays yet"
    );
    assert!(
        baselines
            .usual(&key("orders"), at("2026-10-08T02:00:00Z"))
            .is_none()
    );
}

#[test]
fn freshness_and_good_news() {
    let rules = expect(|e| {
        e.fresh = Some(Duration::hours(26));
        e.finished = true;
    });
    assert_eq!(found(&rules, week(&[]), "2026-11-20T04:29:00Z"), []);
    assert_eq!(
        found(&rules, week(&[]), "2026-11-20T05:30:00Z"),
        [one("stale", "ended well 1d 3h ago, limit 1d 2h")]
    );
    assert_eq!(
        found(&rules, week(&[]), "2026-11-19T02:35:00Z"),
        [one("finished", "done at 03:30 CET in 30m")]
    );
    assert_eq!(found(&rules, week(&[]), "2026-11-19T02:45:00Z"), []);
}

fn going(nodes: Vec<Node>) -> Vec<Event> {
    let run = Run {
        state: RunState::Running,
        started_at: Some(t(0)),
        ..Run::new(key("orders").run("1"), t(0))
    };
    let of_run = Event::Nodes {
        run: run.key.clone(),
        list: nodes,
        complete: true,
    };
    vec![Event::Runs { list: vec![run] }, of_run]
}

fn load(state: NodeState) -> Node {
    Node {
        state,
        ..Node::new(NodeId::new("load"))
    }
}

fn minute(n: i64) -> String {
    t(n).to_rfc3339()
}

#[test]
fn stuck_waiting_hungry_and_out_of_retries() {
    let rules = Rules {
        off: Vec::new(),
        stuck: Some(Duration::minutes(30)),
        queue_wait: Some(Duration::minutes(10)),
        queue_depth: Some(100),
        memory: Some(2_000_000_000),
        blocked_after: Duration::hours(9),
        ..Rules::default()
    };
    let running = || going(vec![load(NodeState::Running)]);
    assert_eq!(found(&rules, running(), &minute(29)), []);
    assert_eq!(
        found(&rules, running(), &minute(31)),
        [one("stuck", "nothing has moved for 31m")]
    );
    let mut queued = load(NodeState::Queued);
    queued.queued_at = Some(t(0));
    queued.pool = Some(SafeText::new("tiny"));
    assert_eq!(
        found(&rules, going(vec![queued]), &minute(12)),
        [one("queue-wait", "load waits in tiny for 12m")]
    );
    let mut hungry = load(NodeState::Running);
    hungry.usage = Some(Usage {
        memory: 2_500_000_000,
        ..Usage::default()
    });
    assert_eq!(
        found(&rules, going(vec![hungry]), &minute(1)),
        [one("resources", "load uses 2.5 GB of memory, limit 2.0 GB")]
    );
    let mut last = load(NodeState::Failed);
    (last.attempt, last.max_attempts, last.ended_at) = (3, Some(3), Some(t(1)));
    assert_eq!(
        found(&rules, going(vec![last.clone()]), &minute(2)),
        [
            one("node-failed", "load failed"),
            one("retries-exhausted", "load failed in the last of 3 attempts"),
            one("run-failing", "failed at load"),
        ]
    );
    last.attempt = 2;
    assert_eq!(found(&rules, going(vec![last]), &minute(2)).len(), 2);
    let queue = |waiting| {
        vec![Event::Queues(vec![Queue {
            name: SafeText::new("celery"),
            slots: None,
            running: 1,
            waiting,
            held_by: None,
        }])]
    };
    assert_eq!(found(&rules, queue(100), &minute(2)), []);
    assert_eq!(
        found(&rules, queue(812), &minute(2)),
        [one("queue-depth", "812 wait, more than 100")]
    );
}

/// A run that made so many rows, a day after the one before it.
fn made(rows: &[f64]) -> Vec<Event> {
    let mut events = Vec::new();
    for (day, rows) in rows.iter().enumerate() {
        let start = t(day as i64 * 1440);
        let run = Run {
            state: RunState::Succeeded,
            started_at: Some(start),
            ended_at: Some(start),
            ..Run::new(key("orders").run(day.to_string()), start)
        };
        let mut node = load(NodeState::Succeeded);
        node.metrics = vec![(SafeText::new("rows"), *rows)];
        let nodes = Event::Nodes {
            run: run.key.clone(),
            list: vec![node],
            complete: true,
        };
        events.push(Event::Runs { list: vec![run] });
        events.push(nodes);
    }
    events
}

#[test]
fn rows_and_checks() {
    let rules = Rules {
        rows_zero: true,
        rows_unusual: Some(3.0),
        ..Rules::default()
    };
    let of = |rows: &[f64]| found(&rules, made(rows), &minute(9999));
    assert_eq!(of(&[100.0, 110.0, 90.0, 120.0]), []);
    assert_eq!(of(&[0.0]), [one("rows-zero", "load made no rows")]);
    assert_eq!(of(&[0.0; 4]), [], "it never makes any");
    assert_eq!(
        of(&[100.0, 110.0, 90.0, 0.0]),
        [one("rows-zero", "load made no rows, usually 100")]
    );
    assert_eq!(
        of(&[100.0, 110.0, 90.0, 30.0]),
        [one("rows-unusual", "load made 30 rows, usually 100")]
    );
    assert_eq!(
        of(&[100.0, 110.0, 90.0, 301.0]),
        [one("rows-unusual", "load made 301 rows, usually 100")]
    );
    assert_eq!(of(&[100.0, 110.0, 301.0]), [], "too few to say");
    let check = |state| {
        Event::Checks(vec![Check {
            node: key("orders").run("1").node(&NodeId::new("unique_id")),
            name: SafeText::new("unique_id"),
            on: SafeText::new("payments.id"),
            kind: SafeText::new("unique"),
            state,
            rows: Some(5),
            since: t(0),
            seen_at: t(0),
            note: SafeText::default(),
        }])
    };
    assert_eq!(
        found(&rules, vec![check(NodeState::Warned)], &minute(1)),
        []
    );
    assert_eq!(
        found(&rules, vec![check(NodeState::Failed)], &minute(1)),
        [one("check-failed", "unique_id on payments.id, 5 rows")]
    );
}
