//! Time for what is observed: events into the world, and what follows from it.
//!
//! `cargo bench --bench world`. The loop must take 1,000 events a second beside everything else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/support/mod.rs"]
mod support;

use chrono::Duration;
use divan::Bencher;
use divan::counter::ItemsCount;
use support::stage::Stage;

fn main() {
    divan::main();
}

const PIPELINES: [usize; 3] = [100, 1000, 5000];

/// 1,000 observations of one run each that change something.
#[divan::bench(args = PIPELINES)]
fn apply_1000_changed_runs(bencher: Bencher, pipelines: usize) {
    let mut stage = Stage::new(pipelines, 80, 24);
    let mut round = 0;
    bencher
        .counter(ItemsCount::new(1000u32))
        .with_inputs(|| ())
        .bench_local_values(move |()| {
            round += 1;
            for n in 0..1000 {
                let event = stage.change_run(n % pipelines, (round + n / pipelines) % 2 == 1);
                let stamped = stage.stamped(event);
                divan::black_box(stage.watch.apply(&stamped));
            }
        });
}

/// 1,000 observations of one node each of a run of 500.
#[divan::bench]
fn apply_1000_changed_nodes(bencher: Bencher) {
    let mut stage = Stage::with_open_run(500, 80, 24);
    let mut rows = 0.0;
    bencher
        .counter(ItemsCount::new(1000u32))
        .bench_local(move || {
            for n in 0..1000 {
                rows += 1.0;
                let event = stage.change_node(n % 500, rows);
                let stamped = stage.stamped(event);
                divan::black_box(stage.watch.apply(&stamped));
            }
        });
}

/// Rows and their order.
#[divan::bench(args = PIPELINES)]
fn fleet(bencher: Bencher, pipelines: usize) {
    let stage = Stage::new(pipelines, 80, 24);
    bencher.bench_local(move || {
        stage
            .watch
            .world
            .fleet(stage.now, Duration::minutes(5))
            .len()
    });
}

/// Rows and alerts after a change, as before each frame that shows one.
#[divan::bench(args = PIPELINES)]
fn refresh_after_a_change(bencher: Bencher, pipelines: usize) {
    let mut stage = Stage::new(pipelines, 80, 24);
    let mut round = 0;
    bencher.bench_local(move || {
        round += 1;
        let stamped = stage.stamped(stage.change_run(5, round % 2 == 1));
        stage.watch.apply(&stamped);
        stage.watch.refresh(stage.now)
    });
}

/// The same with what the app derives from it.
#[divan::bench(args = PIPELINES)]
fn update_after_a_change(bencher: Bencher, pipelines: usize) {
    let mut stage = Stage::new(pipelines, 80, 24);
    let mut round = 0;
    bencher.bench_local(move || {
        round += 1;
        stage.observe(stage.change_run(5, round % 2 == 1));
        stage.settle();
    });
}
