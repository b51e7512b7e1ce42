//! Dashboards of the config: what their widgets show, and what they say when they can't.

use chrono::{DateTime, Utc};
use dagtop::config::{self, Dashboard};
use dagtop::engine::past::{POINTS, Question};
use dagtop::history::{Grain, Point, Sqlite, Store, Write};
use dagtop::model::*;
use dagtop::tui::app::{Settings, Shown};
use dagtop::tui::term::ColorDepth;

use crate::past_world::session_with;
use crate::session::{Session, theme};
use crate::world::{self, Builder};

const NIGHT: &str = r#"
[[dashboard]]
name = "night"
columns = 2

[[dashboard.widget]]
kind = "chart"
title = "what waits"
query = "max(last_5m):sum:queue.length{*} by {queue}"

[[dashboard.widget]]
kind = "number"
title = "runs that failed"
query = "sum(last_1h):sum:pipeline.errors{*}.as_count()"

[[dashboard.widget]]
kind = "top"
query = "max(last_5m):sum:queue.running{*} by {queue}"

[[dashboard.widget]]
kind = "list"
title = "broken"
filter = "status:failing"

[[dashboard.widget]]
kind = "sla"
columns = 2

[[dashboard.widget]]
kind = "heat"
pipeline = "prod-airflow/orders_daily"
columns = 2

[[dashboard]]
name = "odd"

[[dashboard.widget]]
kind = "number"
title = "too many"
query = "max(last_5m):sum:queue.running{*} by {queue}"

[[dashboard.widget]]
kind = "heat"
title = "unknown"
pipeline = "prod-airflow/nothing"

[[dashboard.widget]]
kind = "list"
title = "wrong"
filter = "status:("
"#;

fn boards(text: &str) -> Vec<Dashboard> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    config::load(&path).unwrap().config.dashboards
}

fn at(keys: &str, size: (u16, u16)) -> (tempfile::TempDir, Session) {
    let settings = Settings {
        dashboards: boards(NIGHT),
        ..Settings::default()
    };
    let (dir, mut s) = session_with(size, settings);
    if !keys.is_empty() {
        s.keys(keys);
    }
    for _ in 0..10 {
        s.wait(40);
    }
    (dir, s)
}

#[test]
fn a_grid_of_widgets() {
    for (width, height) in [(80, 24), (160, 48)] {
        let (_dir, s) = at("7", (width, height));
        insta::assert_snapshot!(format!("board_{width}x{height}"), s.screen());
    }
    let (_dir, mut s) = at("7", (160, 48));
    s.theme = theme(ColorDepth::None, false);
    let ascii = s.screen();
    assert!(ascii.is_ascii(), "{ascii}");
    for size in [(0, 0), (1, 1), (20, 5), (60, 15), (99, 16), (300, 100)] {
        s.resize(size.0, size.1).draw();
    }
}

#[test]
fn what_cannot_be_shown_says_why_in_its_own_cell() {
    let (_dir, mut s) = at("7 7", (120, 40));
    s.sees("dashboard odd").sees("a number shows one");
    s.sees("the history knows no run of it").sees("wrong");
    s.keys("7").sees("dashboard night");
}

#[test]
fn a_dashboard_is_found_by_its_name() {
    let (_dir, mut s) = at("j", (120, 40));
    s.keys(":")
        .text("dashboard odd")
        .keys("enter")
        .sees("dashboard odd");
}

#[test]
fn without_one_the_key_says_so() {
    let mut s = Session::new(world::world(), (80, 24));
    s.keys("7").sees("the config has no [[dashboard]]");
}

#[test]
fn a_board_looks_every_ten_seconds_and_asks_the_history_once() {
    let (_dir, mut s) = at("", (120, 40));
    s.keys("7");
    let asked: Vec<Question> = s.asked().into_iter().cloned().collect();
    // what is promised, the hours of the week, and for a session this young a curve and a number
    assert_eq!(asked.len(), 4, "{asked:?}");
    let wake = s.app.next_wake(&s.watch);
    assert!(
        (wake - s.now).num_milliseconds() <= 20,
        "a few points at once"
    );
    for _ in 0..10 {
        s.wait(20);
    }
    let wake = s.app.next_wake(&s.watch);
    assert!((wake - s.now).num_milliseconds() > 20, "all are there");
    let minute = s.now.timestamp().div_euclid(60);
    for _ in 0..180 {
        s.wait(1_000);
    }
    let minutes = s.now.timestamp().div_euclid(60) - minute;
    let more = s.asked().len() - 4;
    assert!(
        minutes == 3 && more <= 4,
        "the number of each minute: {more}"
    );
}

const AFTER: &str = r#"
[[dashboard]]
name = "after a restart"
columns = 1

[[dashboard.widget]]
kind = "chart"
title = "what waits"
query = "avg(last_5m):avg:queue.length{*} by {queue}"

[[dashboard.widget]]
kind = "number"
title = "runs that failed"
query = "sum(last_1h):sum:pipeline.errors{*}.as_count()"

[[dashboard.widget]]
kind = "chart"
title = "a month of it"
query = "avg(last_1h):avg:queue.length{*}"
span = "month"
"#;

/// A session that began a moment ago; what was before is in the history by the minute, and older than a day by the hour.
fn after_a_restart(history: bool) -> (tempfile::TempDir, Session) {
    let mut b = Builder::new(vec![world::info("prod", "airflow")]);
    b.up("prod", "3.1", 9_000);
    let dir = tempfile::tempdir().unwrap();
    let mut store = Sqlite::open(dir.path()).unwrap();
    let mut writes = Vec::new();
    let point = |name: &str, tags: &str, grain: Grain, at: DateTime<Utc>, value: f64| {
        Write::Point(Point {
            series: format!("{name}{{backend:prod,kind:airflow{tags}}}"),
            grain,
            at: grain.begin(at),
            count: 1,
            sum: value,
            min: value,
            max: value,
            last: value,
        })
    };
    let queue = ",queue:etl_pool";
    for minute in 1..2_000 {
        let at = world::ago(minute);
        writes.push(point("queue.length", queue, Grain::Minute, at, 4.0));
        writes.push(point("backend.up", "", Grain::Minute, at, 1.0));
    }
    for hour in 1..1_000 {
        writes.push(point(
            "queue.length",
            queue,
            Grain::Hour,
            world::ago(hour * 60),
            4.0,
        ));
    }
    let errors = ",pipeline:orders";
    writes.push(point(
        "pipeline.errors",
        errors,
        Grain::Minute,
        world::ago(30),
        3.0,
    ));
    writes.push(point(
        "pipeline.errors",
        errors,
        Grain::Minute,
        world::ago(90),
        50.0,
    ));
    store.write(&writes).unwrap();
    let settings = Settings {
        dashboards: boards(AFTER),
        history,
        ..Settings::default()
    };
    let mut s = Session::with(b.watch, (100, 30), settings);
    s.store = Some(Box::new(store));
    (dir, s)
}

/// The backend tells how much waits, under the name as it writes it.
fn waits(s: &mut Session, waiting: u64) {
    s.event(
        "prod",
        Event::Queues(vec![Queue {
            name: SafeText::new("ETL Pool"),
            waiting,
            slots: None,
            running: 0,
            held_by: None,
        }]),
    );
}

fn curve(s: &Session, at: usize) -> Vec<(DateTime<Utc>, f64)> {
    match &s.app.board().unwrap().shown[at] {
        Shown::Chart { curves, all, .. } => {
            assert_eq!(
                (curves.len(), *all),
                (1, 1),
                "of one queue, however it is spelled"
            );
            curves[0].1.clone()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn after_a_restart_the_past_is_as_the_history_has_it() {
    let (_dir, mut s) = after_a_restart(true);
    waits(&mut s, 9);
    s.keys("7");
    for _ in 0..20 {
        s.wait(40);
    }
    insta::assert_snapshot!("board_after_a_restart_100x30", s.screen());
    s.sees("3").sees("ETL Pool").sees_not("none of it");
    for span in [0, 2] {
        let curve = curve(&s, span);
        assert!(curve.len() as i64 >= POINTS - 1, "{}", curve.len());
        let step = (curve[1].0 - curve[0].0).num_seconds();
        let apart = |w: &[(DateTime<Utc>, f64)]| (w[1].0 - w[0].0).num_seconds();
        assert!(
            curve.windows(2).all(|w| (1..=2 * step).contains(&apart(w))),
            "no gap, nothing twice"
        );
        let (now, before) = curve.split_last().unwrap();
        assert!(s.now - now.0 < chrono::Duration::seconds(10));
        assert!(before.iter().all(|(_, v)| *v == 4.0), "{before:?}");
    }
    // an hour and a half later the session knows of all that the number looks back to, and asks no more of it
    let asked = s.asked().len();
    for _ in 0..90 {
        waits(&mut s, 9);
        s.wait(60_000);
    }
    let during = s.asked().len() - asked;
    assert!(
        (100..=125).contains(&during),
        "two look back an hour, one a minute each, for an hour: {during}"
    );
    let asked = s.asked().len();
    for _ in 0..30 {
        waits(&mut s, 9);
        s.wait(60_000);
    }
    assert_eq!(s.asked().len(), asked);
    s.sees("nothing was measured");
    let curve = curve(&s, 0);
    let places: Vec<i64> = curve[..curve.len() - 1]
        .iter()
        .map(|(at, _)| at.timestamp() / 960)
        .collect();
    assert!(
        places.windows(2).all(|p| p[1] == p[0] + 1),
        "no gap, nothing twice at the seam: {places:?}"
    );
    let began = world::now();
    for (at, value) in &curve {
        // a value of the session's first five minutes looks back to before it
        let known: &[f64] = match (*at - began).num_minutes() {
            ..0 => &[4.0],
            0..5 => &[4.0, 9.0],
            _ => &[9.0],
        };
        assert!(known.contains(value), "{at}: {value}");
    }
}

#[test]
fn without_a_history_or_while_it_is_slow_that_is_said() {
    let (_dir, mut s) = after_a_restart(false);
    waits(&mut s, 9);
    s.keys("7").wait(40);
    s.sees("no history is kept in this session");
    s.resize(40, 24).sees("no history is kept in this session");
    assert!(s.asked().is_empty());
    let (_dir, mut s) = after_a_restart(true);
    s.slow = true;
    waits(&mut s, 9);
    s.keys("7").wait(100).wait(100).wait(100);
    s.sees("looking it up");
    s.answer().wait(40);
    s.sees_not("looking it up");
    // a history that knows nothing of it
    let (_dir, mut s) = after_a_restart(true);
    let dir = tempfile::tempdir().unwrap();
    s.store = Some(Box::new(Sqlite::open(dir.path()).unwrap()));
    waits(&mut s, 9);
    s.keys("7").wait(40).sees("the history has none of it");
}

#[test]
fn many_widgets_are_asked_for_a_few_at_a_time_and_once() {
    let widget = |n: usize| {
        format!(
            "[[dashboard.widget]]\nkind = \"chart\"\nquery = \"avg(last_{}m):avg:queue.length{{*}}\"\n",
            n + 11
        )
    };
    let all: String = (0..30).map(widget).collect();
    let (_dir, mut s) = after_a_restart(true);
    s.app = dagtop::tui::app::App::new(
        Settings {
            dashboards: boards(&format!("[[dashboard]]\nname = \"many\"\n{all}")),
            history: true,
            ..Settings::default()
        },
        s.now,
        s.size,
    );
    s.slow = true;
    s.keys("7");
    assert_eq!(s.asked().len(), 8, "the rest waits");
    for _ in 0..20 {
        s.answer().wait(40);
    }
    // for each a curve, and what it comes to now
    assert_eq!(s.asked().len(), 60);
    s.wait(1_000).answer().wait(1_000);
    assert_eq!(s.asked().len(), 60, "answers that are on screen stay");
}
