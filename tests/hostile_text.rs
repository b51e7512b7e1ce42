//! Text from outside, whatever is in it, reaches the terminal as text and as nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use dagtop::model::SafeText;
use dagtop::tui::svg::{buffer_to_ansi, buffer_to_svg, buffer_to_text};
use dagtop::tui::term::{Caps, ColorDepth, Screen};
use proptest::prelude::*;
use ratatui::layout::Size;
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph, Wrap};
use support::sequences::{Sequences, assert_allowed};

/// Bytes that a terminal would obey, mixed with ordinary ones.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => "[a-z 0-9]{1,8}".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 1..12),
        1 => any::<char>().prop_map(|c| c.to_string().into_bytes()),
        4 => prop::sample::select(vec![
            "\x1b[2J", "\x1b[6n", "\x1b]0;title\x07", "\x1b]52;c;YQ==\x07", "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
            "\x1bP+q544e\x1b\\", "\x1b[?1003h", "\x1bc", "\u{9b}31m", "\u{202e}", "\u{200b}", "\u{feff}", "\r10%\r50%",
            "\t", "\x08\x08", "\x1b[31mred\x1b[m", "\x1b[38;2;1;2;3mrgb", "⚠\u{fe0f}", "コンテナ", "e\u{301}\u{301}",
        ]).prop_map(|s| s.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_our_own_sequences_are_sent(texts in prop::collection::vec(hostile(), 1..5)) {
        let caps = Caps {
            color: ColorDepth::Rgb,
            unicode: true,
            sync_output: true,
            ssh: false,
            tmux: false,
            dumb: false,
        };
        let size = Box::new(|| Size::new(40, 8));
        let mut screen = Screen::new(Vec::new(), &caps, size).unwrap();
        for bytes in &texts {
            let text = SafeText::from_bytes(bytes);
            let mut drawn = None;
            screen.draw(|frame| {
                let block = Block::bordered().title(text.as_str());
                let body = Paragraph::new(Line::raw(text.as_str())).wrap(Wrap { trim: false }).block(block);
                frame.render_widget(body, frame.area());
                drawn = Some(frame.buffer_mut().clone());
            }).unwrap();
            let buffer = drawn.unwrap();
            let ansi = buffer_to_ansi(&buffer, ColorDepth::Rgb);
            assert_allowed(ansi.as_bytes());
            let plain = Sequences::of(buffer_to_text(&buffer).replace('\n', "").as_bytes());
            prop_assert!(plain.seen.is_empty(), "{:?}", plain.seen);
            let svg = buffer_to_svg(&buffer, text.as_str());
            prop_assert!(svg.chars().all(|c| c == '\n' || !c.is_control()));
        }
        assert_allowed(screen.get_mut());
    }
}
