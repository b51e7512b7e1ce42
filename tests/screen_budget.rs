//! What the screen costs on the wire: counted, not timed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::sequences::assert_allowed;
use support::stage::Stage;

#[test]
fn nothing_changed_sends_nothing() {
    let mut stage = Stage::new(277, 120, 40);
    assert!(!stage.frame().is_empty());
    assert_eq!(stage.frame().len(), 0);
    stage.settle();
    assert_eq!(stage.frame().len(), 0);
    assert_eq!(stage.screen.stats().writes, 1);
}

#[test]
fn a_cursor_move_in_the_fleet_costs_at_most_256_bytes() {
    let mut stage = Stage::new(277, 120, 40);
    println!("first frame at 120x40: {} bytes", stage.frame().len());
    let mut costs = Vec::new();
    for _ in 0..20 {
        stage.key('j');
        let bytes = stage.frame();
        assert_allowed(&bytes);
        costs.push(bytes.len());
    }
    println!("cursor moves: {costs:?} bytes");
    // among failing rows too: the pane below follows when the cursor rests
    for (n, cost) in costs.iter().enumerate() {
        assert!(*cost <= 256, "move {n}: {cost} bytes");
    }
}
