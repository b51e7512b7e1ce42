//! Dashboards of the config: what their widgets show, and what they say when they can't.

use dagtop::config::{self, Dashboard};
use dagtop::engine::past::Question;
use dagtop::tui::app::Settings;
use dagtop::tui::term::ColorDepth;

use crate::past_world::session_with;
use crate::session::{Session, theme};
use crate::world;

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

fn boards() -> Vec<Dashboard> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    std::fs::write(&path, NIGHT).unwrap();
    config::load(&path).unwrap().config.dashboards
}

fn at(keys: &str, size: (u16, u16)) -> (tempfile::TempDir, Session) {
    let settings = Settings {
        dashboards: boards(),
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
    assert_eq!(asked.len(), 2, "{asked:?}");
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
    for _ in 0..30 {
        s.wait(1_000);
    }
    assert_eq!(s.asked().len(), 2);
}
