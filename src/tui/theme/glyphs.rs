//! Signs by meaning, one column each, in two sets: Unicode (BMP, never emoji) and ASCII.

use ratatui::symbols::border;

use crate::model::{Health, NodeState};

/// One of the two sets.
#[derive(Debug, Clone, Copy)]
pub struct Glyphs {
    pub ascii: bool,
    /// In the order of `NodeState::ALL`.
    states: [&'static str; 14],
    /// Around panes.
    pub border: border::Set<'static>,
    /// Around the boxes of a graph.
    pub node_border: border::Set<'static>,
    pub bar_full: &'static str,
    pub bar_rest: &'static str,
    /// From low to high.
    pub spark: [&'static str; 8],
    /// From nothing to much.
    pub heat: [&'static str; 5],
    /// A line from top to bottom where something changed.
    pub change: &'static str,
    pub ellipsis: &'static str,
    pub arrow_right: &'static str,
    pub arrow_left: &'static str,
    pub arrow_up: &'static str,
    pub arrow_down: &'static str,
    /// Before an open and a closed group.
    pub open: &'static str,
    pub closed: &'static str,
    /// In a tree: a child, the last child, a line that passes by.
    pub tree_child: &'static str,
    pub tree_last: &'static str,
    pub tree_line: &'static str,
    pub horizontal: &'static str,
    pub vertical: &'static str,
    /// Before a marked row.
    pub mark: &'static str,
    /// At a bookmarked line, and at a found one.
    pub bookmark: &'static str,
    pub hit: &'static str,
    /// Between two pieces of one line.
    pub dot: &'static str,
    /// No value.
    pub none: &'static str,
    /// Scroll bar: the part in view, and the rest.
    pub thumb: &'static str,
    pub track: &'static str,
    /// The backend answers; it does not.
    pub up: &'static str,
    pub down: &'static str,
}

impl Glyphs {
    pub const UNICODE: Self = Self {
        ascii: false,
        states: [
            "·", "◌", "●", "◔", "↻", "‖", "✓", "!", "≋", "–", "✗", "⊘", "■", "?",
        ],
        border: border::PLAIN,
        node_border: border::ROUNDED,
        bar_full: "█",
        bar_rest: "░",
        spark: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
        heat: ["·", "░", "▒", "▓", "█"],
        change: "┆",
        ellipsis: "…",
        arrow_right: "►",
        arrow_left: "◄",
        arrow_up: "▲",
        arrow_down: "▼",
        open: "▾",
        closed: "▸",
        tree_child: "├",
        tree_last: "└",
        tree_line: "│",
        horizontal: "─",
        vertical: "│",
        mark: "▌",
        bookmark: "◆",
        hit: "•",
        dot: "·",
        none: "–",
        thumb: "┃",
        track: "│",
        up: "✓",
        down: "✗",
    };

    pub const ASCII: Self = Self {
        ascii: true,
        states: [
            ".", ":", "*", "~", "@", "=", "v", "!", "#", "-", "X", "%", "/", "?",
        ],
        border: ASCII_BORDER,
        node_border: ASCII_BORDER,
        bar_full: "#",
        bar_rest: ".",
        spark: ["_", ".", "-", "~", "=", "+", "*", "#"],
        heat: [".", ":", "+", "*", "#"],
        change: "|",
        ellipsis: "~",
        arrow_right: ">",
        arrow_left: "<",
        arrow_up: "^",
        arrow_down: "v",
        open: "-",
        closed: "+",
        tree_child: "|",
        tree_last: "`",
        tree_line: "|",
        horizontal: "-",
        vertical: "|",
        mark: ">",
        bookmark: "$",
        hit: "o",
        dot: "-",
        none: "-",
        thumb: "#",
        track: "|",
        up: "+",
        down: "X",
    };

    pub const fn choose(unicode: bool) -> &'static Self {
        if unicode {
            &Self::UNICODE
        } else {
            &Self::ASCII
        }
    }

    pub const fn state(&self, state: NodeState) -> &'static str {
        self.states[state as usize]
    }

    /// The sign of the state that says the same about a whole run.
    pub const fn health(&self, health: Health) -> &'static str {
        self.state(match health {
            Health::Failing | Health::Failed => NodeState::Failed,
            Health::Lost | Health::Unknown => NodeState::Unknown,
            Health::Late | Health::Warned => NodeState::Warned,
            Health::Retrying => NodeState::Retrying,
            Health::Paused => NodeState::Paused,
            Health::Running => NodeState::Running,
            Health::Queued => NodeState::Queued,
            Health::Cancelled => NodeState::Cancelled,
            Health::Succeeded => NodeState::Succeeded,
            Health::Idle => NodeState::Pending,
        })
    }
}

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use std::collections::HashSet;
    use unicode_width::UnicodeWidthStr;

    fn all(set: &Glyphs) -> Vec<&'static str> {
        let border = |b: &border::Set<'static>| {
            [
                b.top_left,
                b.top_right,
                b.bottom_left,
                b.bottom_right,
                b.vertical_left,
                b.vertical_right,
                b.horizontal_top,
                b.horizontal_bottom,
            ]
        };
        let mut glyphs = vec![
            set.bar_full,
            set.bar_rest,
            set.ellipsis,
            set.arrow_right,
            set.arrow_left,
            set.arrow_up,
            set.arrow_down,
            set.open,
            set.closed,
            set.tree_child,
            set.tree_last,
            set.tree_line,
            set.horizontal,
            set.vertical,
            set.mark,
            set.bookmark,
            set.hit,
            set.dot,
            set.none,
            set.thumb,
            set.track,
            set.up,
            set.down,
        ];
        glyphs.extend(set.states);
        glyphs.extend(set.spark);
        glyphs.extend(set.heat);
        glyphs.push(set.change);
        glyphs.extend(border(&set.border));
        glyphs.extend(border(&set.node_border));
        glyphs
    }

    #[test]
    fn every_glyph_is_one_column_of_one_character() {
        for set in [&Glyphs::UNICODE, &Glyphs::ASCII] {
            for glyph in all(set) {
                assert_eq!(glyph.width(), 1, "{glyph}");
                assert_eq!(glyph.chars().count(), 1, "{glyph}");
            }
        }
    }

    #[test]
    fn the_ascii_set_is_ascii() {
        for glyph in all(&Glyphs::ASCII) {
            assert!(glyph.bytes().all(|b| b.is_ascii_graphic()), "{glyph}");
        }
    }

    #[test]
    fn every_state_has_a_sign_of_its_own() {
        for set in [&Glyphs::UNICODE, &Glyphs::ASCII] {
            let signs: HashSet<_> = NodeState::ALL.iter().map(|s| set.state(*s)).collect();
            assert_eq!(signs.len(), NodeState::ALL.len());
        }
        for (n, state) in NodeState::ALL.into_iter().enumerate() {
            assert_eq!(Glyphs::UNICODE.state(state), Glyphs::UNICODE.states[n]);
        }
        assert_eq!(Glyphs::UNICODE.state(NodeState::Failed), "✗");
        assert_eq!(Glyphs::UNICODE.state(NodeState::Blocked), "⊘");
    }

    /// Characters of the BMP with the property `Emoji` (Unicode 16, emoji-data.txt): some fonts draw them two columns wide.
    const EMOJI: &[(u32, u32)] = &[
        (0x00A9, 0x00A9),
        (0x00AE, 0x00AE),
        (0x203C, 0x203C),
        (0x2049, 0x2049),
        (0x2122, 0x2122),
        (0x2139, 0x2139),
        (0x2194, 0x2199),
        (0x21A9, 0x21AA),
        (0x231A, 0x231B),
        (0x2328, 0x2328),
        (0x23CF, 0x23CF),
        (0x23E9, 0x23F3),
        (0x23F8, 0x23FA),
        (0x24C2, 0x24C2),
        (0x25AA, 0x25AB),
        (0x25B6, 0x25B6),
        (0x25C0, 0x25C0),
        (0x25FB, 0x25FE),
        (0x2600, 0x2604),
        (0x260E, 0x260E),
        (0x2611, 0x2611),
        (0x2614, 0x2615),
        (0x2618, 0x2618),
        (0x261D, 0x261D),
        (0x2620, 0x2620),
        (0x2622, 0x2623),
        (0x2626, 0x2626),
        (0x262A, 0x262A),
        (0x262E, 0x262F),
        (0x2638, 0x263A),
        (0x2640, 0x2640),
        (0x2642, 0x2642),
        (0x2648, 0x2653),
        (0x265F, 0x2660),
        (0x2663, 0x2663),
        (0x2665, 0x2666),
        (0x2668, 0x2668),
        (0x267B, 0x267B),
        (0x267E, 0x267F),
        (0x2692, 0x2697),
        (0x2699, 0x2699),
        (0x269B, 0x269C),
        (0x26A0, 0x26A1),
        (0x26A7, 0x26A7),
        (0x26AA, 0x26AB),
        (0x26B0, 0x26B1),
        (0x26BD, 0x26BE),
        (0x26C4, 0x26C5),
        (0x26C8, 0x26C8),
        (0x26CE, 0x26CF),
        (0x26D1, 0x26D1),
        (0x26D3, 0x26D4),
        (0x26E9, 0x26EA),
        (0x26F0, 0x26F5),
        (0x26F7, 0x26FA),
        (0x26FD, 0x26FD),
        (0x2702, 0x2702),
        (0x2705, 0x2705),
        (0x2708, 0x270D),
        (0x270F, 0x270F),
        (0x2712, 0x2712),
        (0x2714, 0x2714),
        (0x2716, 0x2716),
        (0x271D, 0x271D),
        (0x2721, 0x2721),
        (0x2728, 0x2728),
        (0x2733, 0x2734),
        (0x2744, 0x2744),
        (0x2747, 0x2747),
        (0x274C, 0x274C),
        (0x274E, 0x274E),
        (0x2753, 0x2755),
        (0x2757, 0x2757),
        (0x2763, 0x2764),
        (0x2795, 0x2797),
        (0x27A1, 0x27A1),
        (0x27B0, 0x27B0),
        (0x27BF, 0x27BF),
        (0x2934, 0x2935),
        (0x2B05, 0x2B07),
        (0x2B1B, 0x2B1C),
        (0x2B50, 0x2B50),
        (0x2B55, 0x2B55),
        (0x3030, 0x3030),
        (0x303D, 0x303D),
        (0x3297, 0x3297),
        (0x3299, 0x3299),
    ];

    #[test]
    fn no_glyph_is_emoji_or_outside_the_bmp() {
        for glyph in all(&Glyphs::UNICODE) {
            let code = u32::from(glyph.chars().next().unwrap());
            assert!(code <= 0xFFFF, "{glyph}");
            assert!(
                !EMOJI.iter().any(|(a, b)| (*a..=*b).contains(&code)),
                "{glyph} U+{code:04X}"
            );
        }
    }
}
