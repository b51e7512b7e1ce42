//! No size is too small or too odd.

use crate::places::{PLACES, at, empty_worlds};

const ODD: [(u16, u16); 12] = [
    (0, 0),
    (1, 1),
    (2, 2),
    (1, 30),
    (30, 1),
    (20, 5),
    (59, 15),
    (60, 14),
    (60, 15),
    (99, 16),
    (300, 100),
    (80, 6),
];

#[test]
fn every_screen_at_every_odd_size() {
    for (name, keys) in PLACES {
        let mut session = at(keys, (80, 24));
        for size in ODD {
            // reached at that size, and arrived at by resizing
            at(keys, size).draw();
            session.resize(80, 24).draw();
            session.resize(size.0, size.1);
            let buffer = session.draw();
            assert_eq!((buffer.area.width, buffer.area.height), size, "{name}");
        }
    }
    for (_, mut session) in empty_worlds() {
        for size in ODD {
            session.resize(size.0, size.1).draw();
        }
    }
}

#[test]
fn a_small_terminal_shows_one_pane() {
    let mut session = at("", (50, 12));
    session.sees("orders_daily").sees_not("log ·");
    session.keys("tab").sees("log ·");
    session.keys("esc").sees("pipelines 12");
}

#[test]
fn the_name_is_readable_at_80_columns() {
    let session = at("", (80, 24));
    session
        .sees("marketing_attribution_weekly_eu")
        .sees("orders_daily")
        .sees("NOW");
    // what gives way first
    session
        .sees_not("USUAL")
        .sees_not("NEXT")
        .sees_not("LAST RUNS");
    at("", (200, 60))
        .sees("USUAL")
        .sees("NEXT")
        .sees("LAST RUNS")
        .sees("BACKEND");
}

#[test]
fn columns_go_in_their_order() {
    let order = ["USUAL", "NEXT", "LAST RUNS", "TIME", "BACKEND"];
    let mut gone = Vec::new();
    for width in (44..=98).rev() {
        let screen = at("", (width, 24)).screen();
        for column in order {
            if !screen.contains(column) && !gone.contains(&column) {
                gone.push(column);
            }
        }
        assert!(screen.contains("PIPELINE"), "{width}");
    }
    assert_eq!(gone, order);
}
