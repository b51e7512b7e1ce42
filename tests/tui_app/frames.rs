//! What every screen looks like.

use dagtop::tui::term::ColorDepth;

use crate::places::{PLACES, at, empty_worlds};
use crate::session::{Session, styles_of, text_of, theme};
use crate::world;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

#[test]
fn every_screen_at_three_sizes() {
    for (name, keys) in PLACES {
        for (width, height) in SIZES {
            let session = at(keys, (width, height));
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), session.screen());
        }
    }
}

#[test]
fn ascii_alone_says_the_same() {
    for (name, keys) in PLACES {
        let mut session = at(keys, (100, 30));
        session.theme = theme(ColorDepth::None, false);
        let screen = session.screen();
        let strange: Vec<char> = screen.chars().filter(|c| !c.is_ascii()).collect();
        assert!(strange.is_empty(), "{name}: {strange:?} in\n{screen}");
        insta::assert_snapshot!(format!("{name}_ascii"), screen);
    }
}

#[test]
fn without_colour_the_text_is_the_same() {
    for (name, keys) in PLACES {
        let mut session = at(keys, (120, 40));
        let coloured = session.draw();
        session.theme = theme(ColorDepth::None, true);
        let plain = session.draw();
        assert_eq!(text_of(&coloured), text_of(&plain), "{name}");
        let accent = dagtop::tui::theme::accent_color("red");
        // the accent of a backend is the config's wish and is left out when bytes are made
        let colours = plain
            .content
            .iter()
            .filter(|c| c.fg != ratatui::style::Color::Reset && Some(c.fg) != accent)
            .count();
        assert_eq!(colours, 0, "{name}");
    }
}

#[test]
fn colours_and_weights_of_the_main_screens() {
    for (name, keys) in [("fleet", ""), ("run_graph", "enter"), ("confirm", "r,PLAN")] {
        for (depth, word) in [(ColorDepth::Ansi16, "16"), (ColorDepth::None, "none")] {
            let mut session = at(keys, (80, 24));
            session.theme = theme(depth, true);
            insta::assert_snapshot!(format!("{name}_style_{word}"), styles_of(&session.draw()));
        }
    }
}

#[test]
fn an_empty_fleet_teaches() {
    for (name, session) in empty_worlds() {
        insta::assert_snapshot!(format!("empty_{name}"), session.screen());
    }
}

#[test]
fn an_unchanged_world_gives_an_unchanged_picture() {
    for (name, keys) in PLACES {
        let session = at(keys, (120, 40));
        let first = session.draw();
        assert!(first == session.draw(), "{name}");
    }
}

#[test]
fn the_first_frame_needs_no_world() {
    let session = Session::new(world::empty(None), (80, 24));
    session.sees("connecting").sees("pipelines 0");
}

#[test]
fn moving_the_cursor_changes_few_cells() {
    let mut session = Session::new(world::world(), (120, 40));
    // a row whose pane says nothing else than its neighbour's
    session.keys("G");
    let before = session.draw();
    session.keys("k");
    let after = session.draw();
    let list = |buffer: &ratatui::buffer::Buffer| -> Vec<ratatui::buffer::Cell> {
        (1..28)
            .flat_map(|y| (0..90).map(move |x| (x, y)))
            .map(|at| buffer[at].clone())
            .collect()
    };
    let changed = list(&before)
        .iter()
        .zip(list(&after))
        .filter(|(a, b)| **a != *b)
        .count();
    // two rows are reversed, nothing else
    assert!(changed > 0 && changed <= 2 * 90, "{changed} cells");
}
