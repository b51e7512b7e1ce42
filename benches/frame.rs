//! Time from the world to bytes: one frame of the fleet, and a key press with its frame.
//!
//! `cargo bench --bench frame`. Budgets: a frame under 1 ms at 200x60 with 1,000 pipelines, a key to its frame under 5 ms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

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

/// The whole picture, as after a resize.
#[divan::bench(args = SIZES)]
fn full_repaint(bencher: Bencher, (width, height): (u16, u16)) {
    let mut stage = Stage::new(1000, width, height);
    bencher.bench_local(move || {
        stage.screen.repaint();
        stage.frame().len()
    });
}
