//! Owns text from outside: nothing a backend, a file or a socket says reaches a screen, a clipboard, an
//! export or a notification except as [`SafeText`] or [`StyledText`]. Must not know who reads or sends it.
//!
//! Both are free of control characters, escape sequences, bidi controls and zero-width characters.
//! Widths are counted in terminal columns.

mod scrub;
mod styled;

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_width::UnicodeWidthStr;

pub use styled::{LineText, StyleSpan, StyledText, TextColor};

/// Longest text kept, in bytes, the note about what was cut included.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// One line of text that is safe to show anywhere. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SafeText(Arc<str>);

impl SafeText {
    /// One line: tabs and line breaks become spaces, escape sequences go, other controls, bidi and
    /// zero-width characters become visible. Longer than [`MAX_TEXT_BYTES`]: cut, ends in `… +N bytes`.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self::from_bytes(text.as_ref().as_bytes())
    }

    /// As [`SafeText::new`]; what is not UTF-8 becomes `U+FFFD`.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        match scrub::plain(bytes) {
            Some(text) => Self(text.into()),
            None => Self(scrub::scrub(bytes, scrub::Mode::Name, 0).text.into()),
        }
    }

    /// One line in which every byte is shown and nothing interpreted: what is there, for whoever doubts what is seen.
    /// `cut` more bytes followed and were not kept.
    pub fn visible(bytes: &[u8], cut: usize) -> Self {
        Self(scrub::visible(bytes, cut).into())
    }

    /// Text of several lines, a line each. Tabs are expanded to columns of eight.
    pub fn lines(text: &str) -> Vec<SafeText> {
        text.lines()
            .map(|line| StyledText::parse(line.as_bytes()).text)
            .collect()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Columns it takes in a terminal.
    pub fn width(&self) -> usize {
        self.0.width()
    }
}

impl Deref for SafeText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for SafeText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for SafeText {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for SafeText {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for SafeText {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl From<&str> for SafeText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for SafeText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<SafeText> for String {
    fn from(text: SafeText) -> Self {
        text.0.to_string()
    }
}

impl From<Cow<'_, str>> for SafeText {
    fn from(text: Cow<'_, str>) -> Self {
        Self::new(text)
    }
}

impl Serialize for SafeText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SafeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    pub(super) fn assert_safe(text: &str) {
        for c in text.chars() {
            let n = c as u32;
            let control = n < 0x20 || (0x7f..=0x9f).contains(&n);
            let bidi = matches!(n, 0x061c | 0x200e | 0x200f | 0x202a..=0x202e | 0x2066..=0x2069);
            let hidden = matches!(n, 0xad | 0x200b..=0x200d | 0x2060..=0x2064 | 0x2028 | 0x2029 | 0xfeff | 0xe0000..=0xe01ef);
            assert!(!control && !bidi && !hidden, "U+{n:04X} in {text:?}");
        }
        assert!(text.len() <= MAX_TEXT_BYTES, "{} bytes", text.len());
    }

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in [
            "orders_daily",
            "Größe → 数据",
            "manual__2026-11-20T20:26:51+00:00",
            "",
            "e\u{301}clair",
        ] {
            assert_eq!(SafeText::new(name), name);
        }
    }

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(SafeText::new("a\tb\nc\r\nd"), "a b c  d");
    }

    #[test]
    fn escapes_leave_nothing_behind() {
        assert_eq!(SafeText::new("\x1b[31mred\x1b[0m"), "red");
        assert_eq!(SafeText::new("a\x1b]0;PWN\x07b"), "ab");
        assert_eq!(SafeText::new("a\x1b]52;c;ZXZpbA==\x1b\\b"), "ab");
        assert_eq!(
            SafeText::new("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\!"),
            "link!"
        );
        assert_eq!(SafeText::new("a\x1bP+q544e\x1b\\b"), "ab");
        assert_eq!(
            SafeText::new("a\x1b_apc\x1b\\b\x1b^pm\x1b\\c\x1bXsos\x1b\\d"),
            "abcd"
        );
        assert_eq!(SafeText::new("\x1b[2J\x1b[H\x1b[6n$ "), "$ ");
        assert_eq!(SafeText::new("\x1b(Bx\x1bcy"), "xy");
    }

    #[test]
    fn c1_introducers_are_understood_in_both_encodings() {
        assert_eq!(SafeText::new("a\u{9b}31mb"), "ab");
        assert_eq!(SafeText::new("a\u{9d}0;t\u{9c}b"), "ab");
        assert_eq!(SafeText::from_bytes(b"a\x9b31mb"), "ab");
        assert_eq!(SafeText::from_bytes(b"a\x9d0;t\x07b"), "ab");
        assert_eq!(SafeText::new("a\u{85}b"), "a⟨U+0085⟩b");
    }

    #[test]
    fn a_sequence_without_an_end_hides_no_text() {
        assert_eq!(SafeText::new("ok \x1b]0;rest of it"), "ok ␛]0;rest of it");
        assert_eq!(SafeText::from_bytes(b"caf\x9e et puis"), "caf␛^ et puis");
        assert_eq!(SafeText::new("end\x1b"), "end␛");
    }

    #[test]
    fn what_is_invisible_is_shown() {
        assert_eq!(SafeText::new("a\u{202e}b"), "a⟨U+202E⟩b");
        assert_eq!(SafeText::new("a\u{200b}\u{feff}b"), "a⟨U+200B⟩⟨U+FEFF⟩b");
        assert_eq!(SafeText::new("\u{e0041}"), "⟨U+E0041⟩");
        assert_eq!(SafeText::new("a\0\x07\x08\x7fb"), "a␀␇␈␡b");
        assert_eq!(SafeText::from_bytes(b"a\xffb"), "a\u{fffd}b");
    }

    #[test]
    fn every_byte_can_be_seen() {
        let raw = b"\x1b[31mred\tone\r\x9b2J\xff\xe2\x80\xae a\xcc\x81";
        let text = SafeText::visible(raw, 0);
        assert_eq!(text, "␛[31mred␉one␍⟨9B⟩2J⟨FF⟩⟨U+202E⟩ a\u{301}");
        let long = SafeText::visible(&[7; 100_000], 5);
        assert!(long.ends_with(" bytes"), "{}", &long[long.len() - 20..]);
        assert_safe(&long);
    }

    #[test]
    fn zalgo_is_capped_and_never_leans_on_what_stands_before() {
        let text = SafeText::new(format!("a{}b", "\u{301}".repeat(50)));
        assert_eq!(
            text,
            format!("a{}b", "\u{301}".repeat(scrub::MAX_MARKS)).as_str()
        );
        assert_eq!(SafeText::new("\u{301}a"), "⟨U+0301⟩a");
    }

    #[test]
    fn long_text_says_how_much_was_cut() {
        let text = SafeText::new("x".repeat(100_000));
        let (kept, cut) = text.split_once("… +").unwrap();
        let cut: usize = cut.strip_suffix(" bytes").unwrap().parse().unwrap();
        assert_eq!(kept.len() + cut, 100_000);
        assert_eq!(SafeText::new(&text), text);
        assert_safe(&SafeText::new("\t\u{202e}".repeat(40_000)));
    }

    #[test]
    fn several_lines() {
        let lines = SafeText::lines("a\tb\r\n\x1b[1mc\n\nd");
        assert_eq!(lines, ["a       b", "c", "", "d"]);
    }

    #[test]
    fn json_in_and_out() {
        let text: SafeText = serde_json::from_str(r#""a\u001b[2Jb\u202e""#).unwrap();
        assert_eq!(text, "ab⟨U+202E⟩");
        assert_eq!(serde_json::to_string(&text).unwrap(), r#""ab⟨U+202E⟩""#);
    }

    #[test]
    fn width_is_in_columns() {
        assert_eq!(SafeText::new("数据 e\u{301}").width(), 6);
        assert_eq!(format!("[{:>5}]", SafeText::new("ab")), "[   ab]");
    }

    /// Bytes that often form something dangerous, so that the property below meets it.
    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..6),
            proptest::sample::select(vec![
                "\x1b[",
                "\x1b]",
                "\x1bP",
                "\x1b_",
                "\x1b\\",
                "\u{9b}",
                "\u{9d}",
                "\u{202e}",
                "\u{200b}",
                "\u{301}",
                "\r",
                "\t",
                "31;1m",
                "\x1b[32m",
                "\x1b[0;38:5:2m",
                "\x07",
                "text",
                "数",
                "\u{e0041}",
                "\x18",
            ])
            .prop_map(|s| s.as_bytes().to_vec()),
        ];
        proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_bytes_get_through(bytes in hostile()) {
            let name = SafeText::from_bytes(&bytes);
            assert_safe(&name);
            prop_assert_eq!(SafeText::new(name.as_str()), name.clone());
            let line = StyledText::parse(&bytes);
            assert_safe(&line.text);
            let mut last = 0;
            for span in &line.spans {
                prop_assert!(span.start >= last && span.start < span.end);
                prop_assert!(line.text.get(span.start as usize..span.end as usize).is_some());
                prop_assert!(span.fg.is_none() || span.fg != span.bg);
                last = span.end;
            }
            assert_safe(&StyledText::parse_unfinished(&bytes).text);
            assert_safe(&SafeText::visible(&bytes, 0));
            let mut scratch = String::new();
            let quick = LineText::of(&bytes, &mut scratch);
            prop_assert_eq!(quick.text, line.text.as_str());
            if quick.exact {
                let squeezed = |text: &str| text.replace(['\t', ' '], "");
                let raw = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
                prop_assert_eq!(squeezed(quick.text), squeezed(&String::from_utf8_lossy(raw)));
            }
        }
    }
}
