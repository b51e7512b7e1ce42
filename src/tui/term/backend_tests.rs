#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::num::NonZeroU16;

use proptest::prelude::*;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::super::caps::ColorDepth;
use super::super::color::ansi_index;
use super::super::encode::SHOWS_ON_BLANK;
use super::super::screen::Screen;
use super::*;

fn caps(color: ColorDepth, sync_output: bool) -> Caps {
    Caps {
        color,
        unicode: true,
        sync_output,
        ssh: false,
        tmux: false,
        dumb: false,
    }
}

fn screen(width: u16, height: u16, caps: Caps) -> Screen<Vec<u8>> {
    let size = Size::new(width, height);
    Screen::new(Vec::new(), &caps, Box::new(move || size)).unwrap()
}

fn frame_bytes(screen: &mut Screen<Vec<u8>>, render: impl FnOnce(&mut Frame)) -> Vec<u8> {
    screen.get_mut().clear();
    screen.draw(render).unwrap();
    screen.get_mut().clone()
}

fn put(frame: &mut Frame, x: u16, y: u16, text: &str, style: Style) {
    frame.buffer_mut().set_string(x, y, text, style);
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\x1b', "^")
}

#[test]
fn the_first_frame_hides_the_cursor_and_the_same_frame_again_sends_nothing() {
    let mut s = screen(10, 2, caps(ColorDepth::Ansi16, false));
    let draw = |f: &mut Frame| put(f, 2, 1, "hi", Style::new().fg(Color::Red));
    assert_eq!(shown(&frame_bytes(&mut s, draw)), "^[2;3H^[31mhi^[m^[?25l");
    assert_eq!(shown(&frame_bytes(&mut s, draw)), "");
    assert_eq!(s.stats().writes, 1);
    assert_eq!(s.stats().frames, 2);
}

#[test]
fn the_cursor_is_shown_moved_and_hidden_only_when_it_changes() {
    let mut s = screen(10, 2, caps(ColorDepth::Ansi16, false));
    let at = |x: u16| move |f: &mut Frame| f.set_cursor_position(Position::new(x, 1));
    assert_eq!(shown(&frame_bytes(&mut s, at(3))), "^[?25h^[2;4H");
    assert_eq!(shown(&frame_bytes(&mut s, at(3))), "");
    assert_eq!(shown(&frame_bytes(&mut s, at(4))), "^[2;5H");
    assert_eq!(shown(&frame_bytes(&mut s, |_| {})), "^[?25l");
    assert_eq!(shown(&frame_bytes(&mut s, |_| {})), "");
}

#[test]
fn a_cursor_in_a_text_field_returns_after_cells_elsewhere_changed() {
    let mut s = screen(10, 2, caps(ColorDepth::Ansi16, false));
    let with = |text: &'static str| {
        move |f: &mut Frame| {
            put(f, 0, 0, text, Style::new());
            f.set_cursor_position(Position::new(3, 1));
        }
    };
    frame_bytes(&mut s, with("a"));
    assert_eq!(shown(&frame_bytes(&mut s, with("b"))), "^[1Hb^[2;4H");
}

#[test]
fn without_colour_the_attributes_stay() {
    let mut s = screen(10, 1, caps(ColorDepth::None, false));
    let style = Style::new()
        .fg(Color::Red)
        .bg(Color::Rgb(1, 2, 3))
        .add_modifier(Modifier::BOLD | Modifier::REVERSED);
    let bytes = frame_bytes(&mut s, |f| put(f, 0, 0, "x", style));
    assert_eq!(shown(&bytes), "^[1H^[1;7mx^[m^[?25l");
}

#[test]
fn one_sgr_per_change_of_style_and_the_shorter_form() {
    let mut s = screen(20, 1, caps(ColorDepth::Rgb, false));
    let line = Line::from(vec![
        Span::styled(
            "a",
            Style::new().fg(Color::Green).add_modifier(Modifier::BOLD),
        ),
        Span::styled("b", Style::new().fg(Color::Green)),
        Span::styled(
            "c",
            Style::new().fg(Color::Indexed(208)).bg(Color::LightBlue),
        ),
        Span::styled("d", Style::new().add_modifier(Modifier::DIM)),
        Span::styled(
            "e",
            Style::new()
                .fg(Color::Rgb(1, 2, 3))
                .add_modifier(Modifier::BOLD),
        ),
    ]);
    let bytes = frame_bytes(&mut s, |f| f.render_widget(line, f.area()));
    assert_eq!(
        shown(&bytes),
        "^[1H^[1;32ma^[22mb^[38;5;208;104mc^[;2md^[;1;38;2;1;2;3me^[m^[?25l"
    );
}

#[test]
fn long_blanks_are_erased_and_short_ones_written() {
    let mut s = screen(40, 1, caps(ColorDepth::Ansi16, false));
    let full = "x".repeat(40);
    frame_bytes(&mut s, |f| put(f, 0, 0, &full, Style::new()));
    let bytes = frame_bytes(&mut s, |f| {
        put(f, 0, 0, "xxx  xxx", Style::new());
        put(f, 20, 0, "xxx", Style::new());
    });
    assert_eq!(shown(&bytes), "^[1;4H  ^[3C^[12X^[15C^[K");
}

#[test]
fn control_characters_in_a_cell_never_reach_the_terminal() {
    let mut s = screen(40, 1, caps(ColorDepth::Ansi16, false));
    let bytes = frame_bytes(&mut s, |f| {
        f.buffer_mut()[(0, 0)].set_symbol("\x1b]0;evil\x07");
        f.buffer_mut()[(30, 0)].set_symbol("\u{9b}");
        f.buffer_mut()[(31, 0)].set_symbol("k");
    });
    assert_eq!(shown(&bytes), "^[1H?^[29C?k^[?25l");
}

#[test]
fn a_resize_clears_once_and_repaints_in_the_same_write() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU16, Ordering};
    let width = Arc::new(AtomicU16::new(10));
    let source = Arc::clone(&width);
    let mut s = Screen::new(
        Vec::new(),
        &caps(ColorDepth::Ansi16, true),
        Box::new(move || Size::new(source.load(Ordering::Relaxed), 2)),
    )
    .unwrap();
    let draw = |f: &mut Frame| put(f, 0, 0, "hi", Style::new());
    frame_bytes(&mut s, draw);
    width.store(12, Ordering::Relaxed);
    assert_eq!(
        shown(&frame_bytes(&mut s, draw)),
        "^[?2026h^[2J^[1Hhi^[?2026l"
    );
    assert_eq!(s.stats().writes, 2);
}

#[test]
fn repaint_paints_everything_in_one_write() {
    let mut s = screen(10, 2, caps(ColorDepth::Ansi16, true));
    let draw = |f: &mut Frame| put(f, 0, 0, "hi", Style::new());
    frame_bytes(&mut s, draw);
    s.repaint();
    let bytes = shown(&frame_bytes(&mut s, draw));
    assert_eq!(bytes.matches("^[2J").count(), 1, "{bytes}");
    assert!(
        bytes.contains("hi") && bytes.ends_with("^[?25l^[?2026l"),
        "{bytes}"
    );
    assert_eq!(s.stats().writes, 2);
}

/// A fleet row of 92 columns as on a 120x40 screen: coloured glyph, name, backend, sparkline, words, blanks.
fn fleet_row(frame: &mut Frame, y: u16, selected: bool) {
    let row = Line::from(vec![
        Span::styled("✗ ", Style::new().fg(Color::Red)),
        Span::raw("orders_daily          prod-airflow  "),
        Span::styled("▂▂▃▂▂▂▂▃▂✗", Style::new().fg(Color::Green)),
        Span::raw("      load · OutOfMemory           12m     9m   04:00"),
    ]);
    let area = Rect::new(1, y, 92, 1);
    frame.render_widget(row, area);
    if selected {
        frame
            .buffer_mut()
            .set_style(area, Style::new().add_modifier(Modifier::REVERSED));
    }
}

#[test]
fn a_selection_across_a_whole_coloured_row_is_dear() {
    let mut s = screen(120, 40, caps(ColorDepth::Ansi16, true));
    let draw =
        |selected: u16| move |f: &mut Frame| (5..15).for_each(|y| fleet_row(f, y, y == selected));
    frame_bytes(&mut s, draw(5));
    let bytes = frame_bytes(&mut s, draw(6));
    // Every column of both rows changes style: over the budget of 256 bytes. Screens select the first columns only.
    assert_eq!(bytes.len(), WHOLE_ROW_BYTES, "{}", shown(&bytes));
}

#[test]
fn a_selection_of_the_first_columns_stays_within_its_budget() {
    let mut s = screen(120, 40, caps(ColorDepth::Ansi16, true));
    let draw = |selected: u16| {
        move |f: &mut Frame| {
            (5..15).for_each(|y| fleet_row(f, y, false));
            let name = Rect::new(1, selected, 24, 1);
            f.buffer_mut()
                .set_style(name, Style::new().add_modifier(Modifier::REVERSED));
        }
    };
    frame_bytes(&mut s, draw(5));
    let bytes = frame_bytes(&mut s, draw(6));
    assert_eq!(bytes.len(), NAME_ONLY_BYTES, "{}", shown(&bytes));
}

const WHOLE_ROW_BYTES: usize = 297;
const NAME_ONLY_BYTES: usize = 102;
const _: () = assert!(NAME_ONLY_BYTES <= 256);

fn style() -> impl Strategy<Value = Style> {
    let color = prop_oneof![
        4 => Just(Color::Reset),
        2 => (0u8..16).prop_map(Color::Indexed),
        1 => Just(Color::Green),
        1 => (16u8..).prop_map(Color::Indexed),
        1 => any::<(u8, u8, u8)>().prop_map(|(r, g, b)| Color::Rgb(r, g, b)),
    ];
    let attributes = prop::sample::subsequence(
        vec![
            Modifier::BOLD,
            Modifier::DIM,
            Modifier::ITALIC,
            Modifier::UNDERLINED,
            Modifier::REVERSED,
        ],
        0..3,
    );
    (color.clone(), color, attributes).prop_map(|(fg, bg, flags)| {
        let all = flags.into_iter().fold(Modifier::empty(), |a, b| a | b);
        Style::new().fg(fg).bg(bg).add_modifier(all)
    })
}

type Piece = (u16, u16, String, Style);

/// Wide characters have a row of their own and start in even columns: no terminal agrees with another on halves.
fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let narrow = prop_oneof!["[a-z ]{1,20}", " {5,40}", "[│─✗▂a]{1,6}"];
    let piece = prop_oneof![
        4 => (0u16..40, 0u16..7, narrow, style()),
        1 => (0u16..20, Just(7u16), "[コ界]{1,4}", style()).prop_map(|(x, y, text, s)| (x * 2, y, text, s)),
    ];
    prop::collection::vec(piece, 0..12)
}

fn paint(pieces: &[Piece]) -> impl Fn(&mut Frame) {
    move |frame: &mut Frame| {
        for (x, y, text, style) in pieces {
            frame.buffer_mut().set_string(*x, *y, text, *style);
        }
    }
}

fn vt_color(color: Color) -> vt100::Color {
    match (ansi_index(color), color) {
        (Some(n), _) => vt100::Color::Idx(n),
        (None, Color::Indexed(n)) => vt100::Color::Idx(n),
        (None, Color::Rgb(r, g, b)) => vt100::Color::Rgb(r, g, b),
        _ => vt100::Color::Default,
    }
}

/// What an emulator shows is what the buffer says, cell by cell.
fn assert_same(buffer: &Buffer, emulator: &vt100::Screen) -> Result<(), TestCaseError> {
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let ours = &buffer[(x, y)];
            let theirs = emulator.cell(y, x).unwrap();
            let text = if theirs.contents().is_empty() {
                " "
            } else {
                theirs.contents()
            };
            let place = format!("at {x},{y}");
            prop_assert_eq!(ours.symbol(), text, "{}", place);
            let shows = ours.modifier.intersects(SHOWS_ON_BLANK);
            prop_assert_eq!(vt_color(ours.bg), theirs.bgcolor(), "background {}", place);
            prop_assert_eq!(
                ours.modifier.contains(Modifier::REVERSED),
                theirs.inverse(),
                "{}",
                place
            );
            prop_assert_eq!(
                ours.modifier.contains(Modifier::UNDERLINED),
                theirs.underline()
            );
            if text != " " || shows {
                prop_assert_eq!(vt_color(ours.fg), theirs.fgcolor(), "foreground {}", place);
            }
            if text != " " {
                let both = Modifier::BOLD | Modifier::DIM;
                // The emulator knows one intensity only.
                if !ours.modifier.contains(both) {
                    prop_assert_eq!(ours.modifier.contains(Modifier::BOLD), theirs.bold());
                    prop_assert_eq!(ours.modifier.contains(Modifier::DIM), theirs.dim());
                }
                prop_assert_eq!(ours.modifier.contains(Modifier::ITALIC), theirs.italic());
            }
            x += u16::try_from(text.width().max(1)).unwrap();
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_emulator_shows_what_was_drawn(frames in prop::collection::vec(pieces(), 1..4)) {
        let mut s = screen(40, 8, caps(ColorDepth::Rgb, true));
        let rows = NonZeroU16::new(8).unwrap();
        let cols = NonZeroU16::new(40).unwrap();
        let mut emulator = vt100::Parser::new(rows, cols, 0);
        for frame in &frames {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 8));
            let bytes = frame_bytes(&mut s, |f| {
                paint(frame)(f);
                buffer = f.buffer_mut().clone();
            });
            emulator.process(&bytes);
            assert_same(&buffer, emulator.screen())?;
        }
    }
}

/// A list with something beside it, from its row `top` on: what scrolls on real screens.
fn list(frame: &mut Frame, top: usize, selected: usize, seed: usize) {
    let name = |n: usize| match (n * 7 + seed) % 3 {
        0 => format!("{n:>3} ✓ some_pipeline_界_daily"),
        _ => format!("{n:>3} ✗ another_of_them_hourly"),
    };
    for row in 0..14u16 {
        let n = top + usize::from(row);
        let style = match n == selected {
            true => Style::new().add_modifier(Modifier::REVERSED),
            false => Style::new().fg(Color::Indexed((n % 7) as u8)),
        };
        put(frame, 1, row + 2, &format!("{:<44}", name(n)), style);
        put(frame, 48, row + 2, "│ beside", Style::new());
    }
    put(frame, 0, 0, "title", Style::new());
    put(frame, 0, 18, &format!("row {selected}"), Style::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_emulator_shows_what_was_scrolled(tops in prop::collection::vec((0usize..20, 0usize..30, 0usize..2), 2..8)) {
        let mut s = screen(60, 20, caps(ColorDepth::Ansi16, true));
        let mut emulator = vt100::Parser::new(NonZeroU16::new(20).unwrap(), NonZeroU16::new(60).unwrap(), 0);
        for (top, selected, seed) in tops {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 60, 20));
            let bytes = frame_bytes(&mut s, |f| {
                list(f, top, selected, seed);
                buffer = f.buffer_mut().clone();
            });
            emulator.process(&bytes);
            assert_same(&buffer, emulator.screen())?;
        }
    }
}

#[test]
fn a_list_that_moves_by_a_few_rows_is_scrolled_by_the_terminal() {
    let mut s = screen(60, 20, caps(ColorDepth::Ansi16, false));
    let all = frame_bytes(&mut s, |f| list(f, 0, 3, 0)).len();
    let bytes = frame_bytes(&mut s, |f| list(f, 2, 3, 0));
    let text = shown(&bytes);
    assert!(text.contains("^[3;16r^[2S^[r"), "{text}");
    assert!(bytes.len() * 3 < all, "{} of {all}", bytes.len());
}
