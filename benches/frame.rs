//! Time from the world to bytes: a frame, and a key press with its frame, of the fleet and of a run.
//!
//! `cargo bench --bench frame`. Budgets: a frame under 1 ms at 200x60 with 1,000 pipelines, a key to its frame under 5 ms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/mesh.rs"]
mod mesh;
#[path = "../tests/support/mod.rs"]
mod support;

use divan::Bencher;
use support::stage::Stage;

fn main() {
    divan::main();
}

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

/// Nothing has changed: building the picture and comparing it.
#[divan::bench(args = SIZES)]
fn frame_of_1000_pipelines(bencher: Bencher, (width, height): (u16, u16)) {
    let mut stage = Stage::new(1000, width, height);
    stage.frame();
    bencher.bench_local(move || stage.frame().len());
}

/// A key moves the cursor, and back: update, picture, bytes.
#[divan::bench(args = SIZES)]
fn key_to_bytes_with_1000_pipelines(bencher: Bencher, (width, height): (u16, u16)) {
    let mut stage = Stage::new(1000, width, height);
    stage.frame();
    let mut down = false;
    bencher.bench_local(move || {
        down = !down;
        stage.key(if down { 'j' } else { 'k' });
        stage.frame().len()
    });
}

/// What a key waits for while 1,000 events a second arrive: those of the 100 ms between two frames, rows and alerts
/// computed anew, and its own frame.
#[divan::bench(args = SIZES)]
fn key_to_bytes_after_100_events(bencher: Bencher, (width, height): (u16, u16)) {
    let mut stage = Stage::new(1000, width, height);
    stage.frame();
    let mut round = 0;
    bencher.bench_local(move || {
        round += 1;
        for n in 0..99 {
            let stamped = stage.stamped(stage.change_run(n * 10 + 5, round % 2 == 1));
            stage.watch.apply(&stamped);
        }
        // the app is told of all of them at once
        stage.observe(stage.change_run(995, round % 2 == 1));
        stage.settle();
        stage.key(if round % 2 == 1 { 'j' } else { 'k' });
        stage.frame().len()
    });
}

/// The whole picture, as after a resize.
#[divan::bench(args = SIZES)]
fn full_repaint(bencher: Bencher, (width, height): (u16, u16)) {
    let mut stage = Stage::new(1000, width, height);
    bencher.bench_local(move || {
        stage.screen.repaint();
        stage.frame().len()
    });
}

/// A run of 500 nodes as a graph with folded groups, nothing changed.
#[divan::bench(args = SIZES)]
fn frame_of_a_run_of_500(bencher: Bencher, (width, height): (u16, u16)) {
    let mut stage = Stage::with_open_run(500, width, height);
    stage.frame();
    bencher.bench_local(move || stage.frame().len());
}

/// The same with every group unfolded.
#[divan::bench(args = SIZES)]
fn frame_of_a_run_of_500_unfolded(bencher: Bencher, (width, height): (u16, u16)) {
    let mut stage = Stage::with_open_run(500, width, height);
    stage.key('O');
    stage.frame();
    bencher.bench_local(move || stage.frame().len());
}

/// The same as a list.
#[divan::bench(args = SIZES)]
fn frame_of_a_run_of_500_as_a_list(bencher: Bencher, (width, height): (u16, u16)) {
    let mut stage = Stage::with_open_run(500, width, height);
    stage.key('v');
    stage.key('O');
    stage.frame();
    bencher.bench_local(move || stage.frame().len());
}

/// A key moves the selection in the graph, and back.
#[divan::bench(args = SIZES)]
fn key_to_bytes_in_a_run_of_500(bencher: Bencher, (width, height): (u16, u16)) {
    let mut stage = Stage::with_open_run(500, width, height);
    stage.frame();
    let mut down = false;
    bencher.bench_local(move || {
        down = !down;
        stage.key(if down { 'j' } else { 'k' });
        stage.frame().len()
    });
}

/// A node of the open run has changed: the world, the app, the picture.
#[divan::bench(args = SIZES)]
fn change_of_a_node_to_bytes_in_a_run_of_500(bencher: Bencher, (width, height): (u16, u16)) {
    let mut stage = Stage::with_open_run(500, width, height);
    stage.frame();
    let mut rows = 0.0;
    bencher.bench_local(move || {
        rows += 1.0;
        let event = stage.change_node(7, rows);
        stage.observe(event);
        stage.settle();
        stage.frame().len()
    });
}

/// The whole screen with a run of 50,000 nodes open: nothing changed.
#[divan::bench(args = LARGE, sample_count = 20)]
fn large_run_frame(bencher: Bencher, keys: &str) {
    let mut stage = large(keys);
    bencher.bench_local(move || stage.frame().len());
}

/// A state of one of its nodes changes: the world, the app, the picture, the bytes.
#[divan::bench(args = LARGE, sample_count = 20)]
fn large_run_state_to_bytes(bencher: Bencher, keys: &str) {
    let mut stage = large(keys);
    let mut n = 0;
    bencher.bench_local(move || {
        n += 1;
        let event = stage.change_state(n % 50_000, n);
        stage.observe(event);
        stage.settle();
        stage.frame().len()
    });
}

/// A group is folded or opened in the list with all of them open, or all of them are: rows, picture, bytes. Lanes and
/// layout, which are made off the loop, are left out.
#[divan::bench(args = [' ', 'O'], sample_count = 20)]
fn large_run_fold_to_bytes(bencher: Bencher, key: char) {
    let mut stage = large("vO");
    bencher.bench_local(move || {
        stage.key_on_loop(key);
        stage.frame().len()
    });
}

/// Keys after a large run was opened: dots of its folded groups, dots and boxes of all of it, its list.
const LARGE: [&str; 4] = ["-", "O-", "O", "v"];

fn large(keys: &str) -> Stage {
    let mut stage = Stage::with_open_run(50_000, 200, 60);
    for key in keys.chars() {
        // two steps from boxes to dots
        for _ in 0..if key == '-' { 2 } else { 1 } {
            stage.key(key);
        }
    }
    stage.frame();
    stage
}

/// One frame of the window into a large graph, its map left out; selection and states as in a run. Budget: 2 ms.
#[divan::bench(args = [1_000, 50_000])]
fn graph_frame(bencher: Bencher, nodes: usize) {
    let mesh = mesh::Mesh::new(nodes);
    let mut buf = mesh::buffer();
    bencher.bench_local(move || mesh.draw(&mut buf, false));
}

/// The same with the map in its corner, made before: it is made anew when a state has changed.
#[divan::bench(args = [1_000, 50_000])]
fn graph_frame_with_map(bencher: Bencher, nodes: usize) {
    let mesh = mesh::Mesh::new(nodes);
    let mut buf = mesh::buffer();
    bencher.bench_local(move || mesh.draw(&mut buf, true));
}

/// The overview of all boxes, as after a change of a state.
#[divan::bench(args = [1_000, 50_000])]
fn graph_overview_anew(bencher: Bencher, nodes: usize) {
    let mesh = mesh::Mesh::new(nodes);
    bencher.bench_local(move || mesh.overview((200, 59)).size());
}

/// Ancestors and descendants of the selection, as after a key.
#[divan::bench(args = [1_000, 50_000])]
fn graph_ways_of_selection(bencher: Bencher, nodes: usize) {
    let mesh = mesh::Mesh::new(nodes);
    bencher.bench_local(move || mesh.ways().center);
}
