#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::*;

fn buffer() -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 30, 4));
    buffer.set_string(0, 0, "╭─ a<b & \"c\" ─╮", Style::new());
    buffer.set_string(0, 1, "│ ✗ failed      │", Style::new().fg(Color::Red));
    buffer.set_string(2, 2, "████░░ コx", Style::new().fg(Color::Cyan));
    let selected = Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD);
    buffer.set_string(2, 3, "selected row", selected);
    buffer
}

#[test]
fn text_has_the_characters_and_no_trailing_blanks() {
    assert_eq!(
        buffer_to_text(&buffer()),
        "╭─ a<b & \"c\" ─╮\n│ ✗ failed      │\n  ████░░ コx\n  selected row\n"
    );
}

#[test]
fn ansi_has_one_sequence_per_change_and_ends_every_line_plain() {
    let shown = buffer_to_ansi(&buffer(), ColorDepth::Ansi16).replace('\x1b', "^");
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines[1], "^[;31m│ ✗ failed      │^[m");
    assert_eq!(lines[3], "  ^[;1;7mselected row^[m");
    assert!(!buffer_to_ansi(&buffer(), ColorDepth::None).contains("31m"));
}

#[test]
fn an_emulator_shows_the_ansi_text() {
    let ansi = buffer_to_ansi(&buffer(), ColorDepth::Ansi16).replace('\n', "\r\n");
    let size = |n| std::num::NonZeroU16::new(n).unwrap();
    let mut emulator = vt100::Parser::new(size(6), size(30), 0);
    emulator.process(ansi.as_bytes());
    assert_eq!(
        emulator.screen().contents().trim_end(),
        buffer_to_text(&buffer()).trim_end()
    );
}

#[test]
fn svg_escapes_text_and_title() {
    let svg = buffer_to_svg(&buffer(), "<a & \"b\" \x1b>");
    assert!(
        svg.contains("<title>&lt;a &amp; &quot;b&quot; ?&gt;</title>"),
        "{svg}"
    );
    assert!(svg.contains(">a&lt;b<"), "{svg}");
    assert!(!svg.contains('\x1b'));
}

#[test]
fn svg_is_well_formed_whatever_a_cell_holds() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 1));
    for (x, symbol) in ["\x1b", "\u{9b}", "<", "&", "\u{0}", "é", "コ"]
        .into_iter()
        .enumerate()
    {
        buffer[(u16::try_from(x).unwrap() * 2, 0)].set_symbol(symbol);
    }
    let svg = buffer_to_svg(&buffer, "t");
    assert!(svg.chars().all(|c| c == '\n' || !c.is_control()));
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    // Every "<" opens or closes an element of ours.
    for rest in svg.split('<').skip(1) {
        let name: String = rest
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect();
        assert!(
            ["svg", "title", "rect", "g", "text", "path"].contains(&name.as_str()),
            "{rest}"
        );
    }
}

#[test]
fn lines_and_blocks_are_shapes_and_letters_are_merged() {
    let svg = buffer_to_svg(&buffer(), "t");
    for drawn in ["╭", "─", "│", "█", "░"] {
        assert!(!svg.contains(drawn), "{drawn} is left to the font");
    }
    assert!(svg.contains(">failed</text>"));
    assert!(svg.contains("fill-opacity=\".20\""));
    assert!(svg.contains("font-weight=\"bold\""));
}

#[test]
fn a_selection_gets_one_ground() {
    let svg = buffer_to_svg(&buffer(), "t");
    // The picture's own and one for the selected row.
    assert_eq!(svg.matches("<rect").count(), 2, "{svg}");
}

#[test]
fn vertical_lines_of_two_rows_meet() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 1, 2));
    buffer.set_string(0, 0, "│", Style::new());
    buffer.set_string(0, 1, "│", Style::new());
    let svg = buffer_to_svg(&buffer, "t");
    // From -0.25 to 18.25, and from 17.75 to 36.25: they overlap.
    assert!(svg.contains("M4.21 -0.25V18.25M4.21 17.75V36.25"), "{svg}");
}

#[test]
fn an_empty_buffer_is_still_a_picture() {
    let buffer = Buffer::empty(Rect::new(0, 0, 0, 0));
    assert!(buffer_to_svg(&buffer, "").ends_with("</svg>\n"));
    assert_eq!(buffer_to_text(&buffer), "");
    assert_eq!(buffer_to_ansi(&buffer, ColorDepth::Rgb), "");
}
