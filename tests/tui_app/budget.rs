//! What the screen costs: bytes to the terminal, work for a frame. Counts, not seconds.

use std::cell::Cell;

use dagtop::model::*;
use dagtop::tui::screens;
use dagtop::tui::term::{Caps, ColorDepth, Screen};
use ratatui::layout::Size;

use crate::places::{PLACES, at};
use crate::session::Session;
use crate::world::{self, Builder, key};

fn caps(color: ColorDepth) -> Caps {
    Caps {
        color,
        unicode: true,
        sync_output: true,
        ssh: true,
        tmux: false,
        dumb: false,
    }
}

/// Bytes that a frame sends after what was on screen before.
struct Wire {
    screen: Screen<Vec<u8>>,
    /// Bytes of the screen from nothing.
    first: usize,
}

impl Wire {
    fn new(session: &Session) -> Self {
        let (width, height) = session.size;
        let size = Box::new(move || Size::new(width, height));
        let screen = Screen::new(Vec::new(), &caps(ColorDepth::Ansi16), size).unwrap();
        let mut wire = Self { screen, first: 0 };
        wire.first = wire.bytes(session);
        wire
    }

    fn bytes(&mut self, session: &Session) -> usize {
        let sent = self
            .screen
            .draw(|frame| screens::draw(&session.app, &session.watch, &session.theme, frame));
        sent.unwrap().bytes
    }
}

/// Many pipelines that all went well.
fn healthy(count: usize) -> Session {
    let mut b = Builder::new(vec![world::info("prod-airflow", "airflow")]);
    b.up("prod-airflow", "Airflow 3.3.2", 41_000);
    let keys: Vec<PipelineKey> = (0..count)
        .map(|i| key("prod-airflow", &format!("pipeline_{i:04}")))
        .collect();
    let list = keys.iter().cloned().map(Pipeline::new).collect();
    let complete = false;
    b.event("prod-airflow", Event::Pipelines { list, complete });
    for pipeline in &keys {
        b.past(pipeline, 3, 5);
    }
    Session::new(b.done(), (120, 40))
}

#[test]
fn an_unchanged_screen_sends_nothing() {
    for (name, keys) in PLACES {
        let session = at(keys, (120, 40));
        let mut wire = Wire::new(&session);
        assert_eq!(wire.bytes(&session), 0, "{name}");
    }
}

#[test]
fn a_cursor_move_is_cheap() {
    let mut session = healthy(200);
    session.keys("j");
    let mut wire = Wire::new(&session);
    let mut most = 0;
    for _ in 0..60 {
        session.quick("j");
        most = most.max(wire.bytes(&session));
    }
    println!("cursor move at 120x40: at most {most} bytes");
    assert!(most > 0 && most <= 256, "{most} bytes");
}

/// 500 nodes in 10 layers of 50, three edges into each, in 50 groups: as dense as graphs get.
fn dense(size: (u16, u16)) -> Session {
    let mut b = Builder::new(vec![world::info("airflow", "airflow")]);
    b.up("airflow", "3.1", 9000);
    let pipeline = key("airflow", "big500");
    b.pipeline(Pipeline::new(pipeline.clone()));
    let run = pipeline.run("r1");
    b.run(world::running(&pipeline, "r1", 12));
    let id = |layer: usize, n: usize| NodeId::new(format!("t{layer:02}_{n:03}"));
    let mut edges = Vec::new();
    let mut nodes = Vec::new();
    for (layer, n) in (0..10).flat_map(|layer| (0..50).map(move |n| (layer, n))) {
        if layer > 0 {
            edges.extend((0..3).map(|j| (id(layer - 1, (n * 7 + j * 11) % 50), id(layer, n))));
        }
        nodes.push(world::node(id(layer, n).raw(), NodeState::Succeeded, 9, 1));
    }
    let topology = Topology {
        nodes: nodes.iter().map(|n| n.id.clone()).collect(),
        groups: Vec::new(),
        edges,
    };
    b.event(
        "airflow",
        Event::Topology {
            run: run.clone(),
            topology,
        },
    );
    b.nodes(&run, nodes, true);
    let mut session = Session::new(b.done(), size);
    session.keys("enter");
    session
}

/// The selected node, and the corner of the window in the last frame.
fn place(session: &Session) -> (NodeId, Option<(i32, i32)>) {
    let run = session.app.run_screen().unwrap();
    (run.selected.clone().unwrap(), run.corner.get())
}

/// Where the selected box is out of the window its name stands at the border.
fn named_or_in_view(session: &Session) -> bool {
    let (selected, corner) = place(session);
    let run = session.app.run_screen().unwrap();
    let scene = &run.laid.as_ref().unwrap().scene;
    let b = scene.find(&selected).unwrap();
    let (x, y) = corner.unwrap();
    let outside = b.x + b.w <= x || b.y + b.h <= y;
    session.screen().contains(selected.raw()) || !outside && b.x < x + 120 && b.y < y + 40
}

#[test]
fn a_move_in_a_dense_graph_is_cheap_and_its_ways_light_up_when_it_rests() {
    let mut session = dense((120, 40));
    session.wait(1000);
    let mut wire = Wire::new(&session);
    let anew = wire.first;
    let (mut answers, mut follows, mut rests) = (Vec::new(), Vec::new(), Vec::new());
    for key in "k k k j j j j k k l l h h k l j h k j".split(' ') {
        let (before, corner) = place(&session);
        session.quick(key);
        let bytes = wire.bytes(&session);
        let (selected, _) = place(&session);
        if selected == before {
            continue;
        }
        answers.push(bytes);
        assert_eq!(place(&session).1, corner, "the window waits");
        assert!(named_or_in_view(&session));
        session.wait(100);
        let bytes = wire.bytes(&session);
        match place(&session).1 == corner {
            // the clock may have gone on
            true => assert!(bytes <= 64, "{bytes} bytes"),
            false => follows.push(bytes),
        }
        let lit = session.screen();
        session.wait(200);
        let bytes = wire.bytes(&session);
        let now = session.screen();
        let cells = lit.chars().zip(now.chars()).filter(|(a, b)| a != b).count();
        rests.push((bytes, cells));
    }
    println!(
        "answers to keys: {answers:?}\nthe window follows: {follows:?}\nways and log when it rests: {rests:?}\nthe screen anew: {anew}"
    );
    assert!(answers.len() >= 15 && follows.len() >= 4);
    assert!(answers.iter().all(|m| *m > 0 && *m <= 256), "{answers:?}");
    // most of what is in the pane is new; far less than the screen anew
    assert!(follows.iter().all(|f| f * 4 <= anew * 3), "{follows:?}");
    // what lights up and fades is a small part of the screen
    let cheap = |(bytes, _): &(usize, usize)| *bytes > 0 && *bytes <= 1280;
    assert!(rests.iter().all(cheap), "bytes and cells: {rests:?}");
}

#[test]
fn a_key_that_is_held_takes_the_window_along_ten_times_a_second_at_most() {
    let mut session = dense((120, 40));
    session.keys("G").wait(1000);
    let mut wire = Wire::new(&session);
    let (mut moves, mut windows) = (0, 0);
    // the window has followed when it was brought to another box; its map may move then though it itself does not
    let brought = |session: &Session| session.app.run_screen().unwrap().look.brought_to.clone();
    for _ in 0..30 {
        let (before, corner) = place(&session);
        let last = brought(&session);
        session.wait(33);
        session.held("k");
        let bytes = wire.bytes(&session);
        let (selected, now) = place(&session);
        moves += usize::from(selected != before);
        let followed = brought(&session) != last;
        windows += usize::from(followed);
        assert!(followed || now == corner, "the window moves by itself");
        if selected != before && !followed {
            assert!(bytes <= 256, "{bytes} bytes");
        }
        assert!(named_or_in_view(&session));
    }
    assert!(moves >= 15, "{moves}");
    assert!((3..=10).contains(&windows), "{windows}");
    session.wait(100).draw();
    let (selected, corner) = place(&session);
    let run = session.app.run_screen().unwrap();
    let (x, y) = corner.unwrap();
    let b = run.laid.as_ref().unwrap().scene.find(&selected).unwrap();
    assert!(b.x >= x && b.y >= y, "the window has caught up");
}

#[test]
fn what_follows_the_cursor_waits_for_it_to_rest_but_not_for_a_key_that_acts() {
    let mut session = dense((120, 40));
    session.wait(1000);
    let ids = |session: &Session| {
        let run = session.app.run_screen().unwrap();
        (run.selected.clone().unwrap(), run.shown.clone().unwrap())
    };
    let first = ids(&session).0;
    let asked = session.effects.len();
    session.quick("j").quick("j");
    let (selected, shown) = ids(&session);
    assert!(selected != first && shown == first);
    assert_eq!(
        session.effects.len(),
        asked,
        "no log is asked for in passing"
    );
    session.wait(300);
    assert_eq!(ids(&session), (selected.clone(), selected));
    session.quick("j").quick("L");
    let (selected, shown) = ids(&session);
    assert_eq!(selected, shown);
    session.sees(selected.raw());
}

#[test]
fn a_second_that_passes_is_cheap() {
    let mut session = at("", (120, 40));
    let mut wire = Wire::new(&session);
    session.wait(1000);
    let bytes = wire.bytes(&session);
    println!("a second at 120x40: {bytes} bytes");
    assert!(bytes <= 128, "{bytes} bytes");
}

#[test]
fn a_flood_of_events_does_not_move_the_rows_between_two_frames() {
    let mut session = healthy(50);
    let order = session.app.fleet.list.order.clone();
    let computed = Cell::new(0);
    for i in 0..1000 {
        let pipeline = key("prod-airflow", &format!("pipeline_{:04}", i % 50));
        let stamped = Stamped {
            backend: BackendId::new("prod-airflow"),
            at: session.now,
            event: Event::Runs {
                list: vec![world::running(&pipeline, "now", 1)],
            },
        };
        let changes = session.watch.apply(&stamped);
        session.send(dagtop::tui::app::Msg::World(changes));
    }
    // rows are computed when a frame is due, once for each state of the world
    assert_eq!(session.app.fleet.list.order, order);
    for _ in 0..5 {
        computed.set(computed.get() + usize::from(session.watch.refresh(session.now)));
    }
    assert_eq!(computed.get(), 1);
}

#[test]
fn a_thousand_pipelines_draw_only_what_is_in_view() {
    let session = healthy(1000);
    let screen = session.screen();
    let rows = screen.lines().filter(|l| l.contains("pipeline_")).count();
    assert!(rows < 40, "{rows}");
    session.sees("pipelines 1,000");
}

#[test]
#[ignore = "prints a time, asserts nothing: debug builds say little"]
fn time_of_a_frame() {
    let mut session = healthy(1000);
    session.resize(200, 60);
    let mut failing = Session::new(world::world(), (200, 60));
    failing.keys("j k");
    let mut run = Session::new(world::world(), (200, 60));
    run.keys("enter");
    for (name, session) in [
        ("1000 healthy", &session),
        ("failing", &failing),
        ("run", &run),
    ] {
        let area = ratatui::layout::Rect::new(0, 0, 200, 60);
        let mut buffer = ratatui::buffer::Buffer::empty(area);
        let start = std::time::Instant::now();
        for _ in 0..50 {
            screens::draw_in(
                &session.app,
                &session.watch,
                &session.theme,
                &mut buffer,
                area,
            );
        }
        println!("{name}: {:?} a frame", start.elapsed() / 50);
    }
}

#[test]
fn a_cursor_move_over_the_past_is_cheap_and_asks_nothing_in_passing() {
    for keys in ["enter,H", "6", "5"] {
        let (_dir, mut session) = crate::past_world::session((120, 40));
        // more than one row in each
        for name in ["etl", "ml", "reports"] {
            let store = session.store.as_mut().unwrap();
            store.write(&crate::past_world::queue(name)).unwrap();
        }
        session.expects[0].pipelines = dagtop::alerts::Glob("*".to_owned());
        crate::places::go(&mut session, keys);
        let mut wire = Wire::new(&session);
        let asked = session.asked().len();
        let moves: Vec<usize> = (0..15).map(|_| wire.bytes(session.quick("j"))).collect();
        println!("cursor moves at {keys}: {moves:?} bytes");
        // the list of attempts has eleven rows: what comes behind them moves the window along, too
        assert!(moves.iter().all(|m| *m <= 256), "{keys}: {moves:?}");
        assert!(moves.iter().any(|m| *m > 0), "{keys}: nothing moved");
        assert_eq!(session.asked().len(), asked, "{keys}");
    }
}
