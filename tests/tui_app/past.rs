//! Looking back: what is asked, what is shown, and what it costs.

use chrono::Duration;
use dagtop::engine::past::{Question, Span};
use dagtop::model::*;
use dagtop::tui::app::Msg;
use dagtop::tui::term::ColorDepth;
use tempfile::TempDir;

use crate::past_world::session;
use crate::places::go;
use crate::session::{Session, text_of, theme};
use crate::world::{self, key};

/// Name and keys.
const PLACES: &[(&str, &str)] = &[
    ("trends", "H"),
    ("trends_year", "H,l"),
    ("trends_nodes", "H,v"),
    ("node", "enter,H"),
    ("compare", "V"),
    ("sla", "5"),
    ("capacity", "6"),
];

fn at(keys: &str, size: (u16, u16)) -> (TempDir, Session) {
    let (dir, mut s) = session(size);
    go(&mut s, keys);
    (dir, s)
}

#[test]
fn every_screen_of_the_past() {
    for (name, keys) in PLACES {
        for (width, height) in [(80, 24), (160, 48)] {
            let (_dir, s) = at(keys, (width, height));
            insta::assert_snapshot!(format!("past_{name}_{width}x{height}"), s.screen());
        }
        let (_dir, mut s) = at(keys, (80, 24));
        let coloured = s.screen();
        s.theme = theme(ColorDepth::None, true);
        assert_eq!(
            text_of(&s.draw()),
            coloured,
            "{name}: nothing is said by colour alone"
        );
        s.theme = theme(ColorDepth::None, false);
        let ascii = s.screen();
        assert!(ascii.is_ascii(), "{name}:\n{ascii}");
        insta::assert_snapshot!(format!("past_{name}_ascii"), ascii);
        for size in [(0, 0), (1, 1), (20, 5), (60, 15), (99, 16), (300, 100)] {
            s.resize(size.0, size.1).draw();
        }
    }
}

#[test]
fn the_span_is_chosen_and_remembered() {
    let (_dir, mut s) = at("H", (120, 40));
    s.sees("[30 days]");
    s.keys("l").sees("[year]");
    s.keys("l").sees("a year is the longest time");
    s.keys("h h h").sees("[day]");
    s.keys("h").sees("a day is the shortest time");
    s.keys("esc H").sees("[day]");
    let spans: Vec<Option<Span>> = (s.asked().iter())
        .filter_map(|q| match q {
            Question::Pipeline { span, .. } => Some(*span),
            _ => None,
        })
        .collect();
    let chosen = [Span::Year, Span::Month, Span::Week, Span::Day].map(Some);
    assert_eq!(spans[0], None, "nobody chose the first");
    assert_eq!(spans[1..], chosen, "each is asked once");
}

#[test]
fn a_node_of_a_run_has_a_history_with_the_end_of_its_log() {
    let (_dir, mut s) = at("enter,H", (160, 48));
    s.sees("orders_daily / load")
        .sees("137")
        .sees("OutOfMemoryError: Java heap space");
    s.keys("g").wait(400);
    s.sees("only the ends of failed attempts are");
    s.keys("H").sees("trends orders_daily");
}

#[test]
fn without_a_history_it_says_so_and_asks_nothing() {
    let mut s = Session::new(world::world(), (80, 24));
    s.keys("H").sees("No history is kept in this session");
    assert!(s.asked().is_empty());
}

#[test]
fn what_the_history_does_not_know_is_said() {
    let (_dir, mut s) = session((80, 24));
    s.keys("G H").sees("The history knows no run of it yet");
}

#[test]
fn a_short_wait_is_not_worth_a_word_and_the_last_answer_stays() {
    let (_dir, mut s) = session((80, 24));
    s.slow = true;
    s.keys("H").sees_not("looking it up");
    let wake = s.app.next_wake(&s.watch);
    assert_eq!(wake - s.now, Duration::milliseconds(100));
    s.wait(100).sees("looking it up");
    s.answer().sees_not("looking it up").sees("29 runs");
    s.quick("l").sees("29 runs").sees("[year]");
    s.wait(100).sees("looking it up").sees("29 runs");
    s.answer().sees("60 runs");
}

#[test]
fn an_answer_that_nobody_wants_any_more_is_dropped() {
    let (_dir, mut s) = session((80, 24));
    s.slow = true;
    s.keys("H esc");
    s.answer();
    s.keys("H").sees_not("29 runs");
    assert_eq!(s.asked().len(), 2);
}

#[test]
fn trouble_is_said_where_one_looks_and_what_was_known_stays() {
    let (_dir, mut s) = at("H", (80, 24));
    s.slow = true;
    s.keys("ctrl-r");
    let question = (*s.asked().last().unwrap()).clone();
    let trouble = dagtop::engine::past::Unanswered(SafeText::new("the disk is on fire"));
    s.send(Msg::Answered(question, Err(trouble)));
    s.sees("the disk is on fire; ctrl-r asks again")
        .sees("29 runs");
    s.answer();
    s.keys("ctrl-r").answer().sees_not("on fire");
}

#[test]
fn it_is_asked_again_when_a_run_ends_and_not_more_often_than_that() {
    let (_dir, mut s) = at("H", (120, 40));
    let asked = |s: &Session| s.asked().len();
    assert_eq!(asked(&s), 1);
    // an idle screen asks nothing and draws nothing
    for _ in 0..100 {
        let before = s.screen();
        s.wait(60_000);
        let after = s.screen();
        let below = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(below(&before), below(&after), "only the clock goes on");
    }
    assert_eq!(asked(&s), 1);
    let orders = key("prod-airflow", "orders_daily");
    for n in 0..20 {
        let mut run = world::running(&orders, &format!("r{n}"), 5);
        run.state = RunState::Succeeded;
        run.ended_at = Some(s.now);
        s.event("prod-airflow", Event::Runs { list: vec![run] });
        s.wait(1_000);
    }
    let during = asked(&s) - 1;
    assert!((1..=5).contains(&during), "{during} in 20 seconds");
    s.wait(6_000);
    let settled = asked(&s);
    s.wait(60_000).wait(60_000);
    assert_eq!(asked(&s), settled);
    // runs of others change nothing
    let other = key("prod-airflow", "flaky_import");
    let mut run = world::running(&other, "r1", 5);
    run.state = RunState::Succeeded;
    run.ended_at = Some(s.now);
    s.event("prod-airflow", Event::Runs { list: vec![run] })
        .wait(10_000);
    assert_eq!(asked(&s), settled);
}

#[test]
fn trends_say_what_changed_and_what_it_hangs_on() {
    let (_dir, mut s) = at("H", (160, 48));
    s.sees("since 3 Nov: +").sees("version 41").sees("usually");
    s.sees("load")
        .sees("of 29 runs")
        .sees("flaky".to_uppercase().as_str());
    s.keys("enter").sees("orders_daily / ");
}

#[test]
fn a_run_is_held_against_the_last_good_one_or_the_marked_one() {
    let (_dir, mut s) = at("V", (160, 48));
    s.sees("the last good run").sees("2026-11-19 02:00");
    s.keys("esc enter ( B").sees("is marked");
    s.keys(") V").sees("marked").sees_not("the last good run");
    let asked = s.asked();
    let Some(Question::Compare { a: Some(a), b }) = asked.last() else {
        panic!("{asked:?}");
    };
    assert_ne!(a, b);
}

#[test]
fn the_board_says_how_much_may_still_be_missed() {
    let (_dir, mut s) = at("5", (160, 48));
    s.sees("orders_daily")
        .sees("missed")
        .sees("99 % is to be met")
        .sees("due 2026-11-");
    s.keys("H").sees("trends orders_daily");
    let mut s = session((80, 24)).1;
    s.expects.clear();
    s.keys("5").sees("Nothing is promised");
}

#[test]
fn capacity_comes_with_its_figures() {
    let (_dir, mut s) = at("6", (160, 48));
    s.sees("default_pool")
        .sees("28")
        .sees("give more: limit 28")
        .sees("busy hours");
    s.keys("h h").sees("no figures of queues");
}
