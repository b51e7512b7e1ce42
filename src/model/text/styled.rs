//! Owns log text with its colours: SGR sequences become spans of our own.

use super::{SafeText, scrub};

/// A colour a log line asked for. `Ansi` holds 0..16, `Indexed` 16..256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextColor {
    Ansi(u8),
    Indexed(u8),
    Rgb(u8, u8, u8),
}

/// How bytes `start..end` of a text look. Never blinking, concealed or in one colour on itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StyleSpan {
    pub start: u32,
    pub end: u32,
    pub fg: Option<TextColor>,
    pub bg: Option<TextColor>,
    pub bold: bool,
    pub dim: bool,
    pub italic: bool,
    pub underline: bool,
    pub reversed: bool,
}

impl StyleSpan {
    pub(super) fn is_unstyled(&self) -> bool {
        let blank = StyleSpan {
            start: self.start,
            end: self.end,
            ..StyleSpan::default()
        };
        *self == blank
    }
}

/// One log line: its text, and its spans in order, without overlap. What no span covers is plain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StyledText {
    pub text: SafeText,
    pub spans: Box<[StyleSpan]>,
}

impl StyledText {
    /// One line of a log, without its line break. `\r` overwrites: the last part stays.
    pub fn parse(line: &[u8]) -> Self {
        Self::with_mode(line, scrub::Mode::Line)
    }

    /// A line still being written: half a character or half a sequence at its end is left out.
    pub fn parse_unfinished(line: &[u8]) -> Self {
        Self::with_mode(line, scrub::Mode::Unfinished)
    }

    /// The beginning of a line of which `cut` more bytes were not kept.
    pub fn parse_cut(line: &[u8], cut: usize) -> Self {
        if cut == 0 {
            return Self::parse(line);
        }
        let scrubbed = scrub::scrub(line, scrub::Mode::Line, cut);
        Self {
            text: SafeText(scrubbed.text.into()),
            spans: scrubbed.spans.into(),
        }
    }

    /// Plain text, one line.
    pub fn plain(text: SafeText) -> Self {
        Self {
            text,
            spans: Box::default(),
        }
    }

    fn with_mode(line: &[u8], mode: scrub::Mode) -> Self {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(text) = scrub::plain(line) {
            return Self::plain(SafeText(text.into()));
        }
        let scrubbed = scrub::scrub(line, mode, 0);
        Self {
            text: SafeText(scrubbed.text.into()),
            spans: scrubbed.spans.into(),
        }
    }
}

/// The text of a log line without its colours: as [`StyledText::parse`] has it, but cheap for most lines. For
/// whoever reads millions of lines and shows few.
#[derive(Clone, Copy, Debug)]
pub struct LineText<'a> {
    pub text: &'a str,
    /// The bytes of the line are this text, tabs aside: what is searched in one is found in the other.
    pub exact: bool,
}

impl<'a> LineText<'a> {
    /// `scratch` holds the text where it is not the line's own.
    pub fn of(line: &'a [u8], scratch: &'a mut String) -> Self {
        match std::str::from_utf8(line) {
            Ok(text) => Self::of_text(text, scratch),
            Err(_) => Self::scrubbed(line.strip_suffix(b"\r").unwrap_or(line), scratch),
        }
    }

    /// As [`LineText::of`], for who knows already that the line is UTF-8.
    pub fn of_text(line: &'a str, scratch: &'a mut String) -> Self {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if scrub::needs_no_work(line) {
            return Self {
                text: line,
                exact: true,
            };
        }
        match scrub::simple(line, scratch) {
            Some(exact) => Self {
                text: scratch,
                exact,
            },
            None => Self::scrubbed(line.as_bytes(), scratch),
        }
    }

    fn scrubbed(line: &[u8], scratch: &'a mut String) -> Self {
        *scratch = scrub::scrub(line, scrub::Mode::Line, 0).text;
        Self {
            text: scratch,
            exact: false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn line(bytes: &str) -> StyledText {
        StyledText::parse(bytes.as_bytes())
    }

    /// `text|fg/bg` of every span.
    fn spans(line: &StyledText) -> Vec<(&str, Option<TextColor>, Option<TextColor>)> {
        line.spans
            .iter()
            .map(|s| (&line.text[s.start as usize..s.end as usize], s.fg, s.bg))
            .collect()
    }

    #[test]
    fn colours_become_spans() {
        use TextColor::*;
        let l = line("a \x1b[31mred\x1b[0m \x1b[38;5;200mpink\x1b[38;2;1;2;3mrgb\x1b[39m end");
        assert_eq!(l.text, "a red pinkrgb end");
        assert_eq!(
            spans(&l),
            [
                ("red", Some(Ansi(1)), None),
                ("pink", Some(Indexed(200)), None),
                ("rgb", Some(Rgb(1, 2, 3)), None)
            ]
        );
        let l = line("\x1b[38:2::9:8:7;48:5:3mx\x1b[92;104my");
        assert_eq!(
            spans(&l),
            [
                ("x", Some(Rgb(9, 8, 7)), Some(Ansi(3))),
                ("y", Some(Ansi(10)), Some(Ansi(12)))
            ]
        );
    }

    #[test]
    fn attributes_switch_on_and_off() {
        let l = line("\x1b[1;3;4;7mall\x1b[22;24mless\x1b[mnone");
        let s = &l.spans;
        assert_eq!(s.len(), 2);
        assert!(s[0].bold && s[0].italic && s[0].underline && s[0].reversed && !s[0].dim);
        assert!(!s[1].bold && s[1].italic && !s[1].underline && s[1].reversed);
        assert_eq!(l.text, "alllessnone");
    }

    #[test]
    fn blink_conceal_and_ink_on_ink_are_not_taken_over() {
        assert!(line("\x1b[5;8mhidden").spans.is_empty());
        let l = line("\x1b[31;41mhidden\x1b[48;5;1mtoo");
        assert!(
            l.spans
                .iter()
                .all(|s| s.bg.is_none() && s.fg == Some(TextColor::Ansi(1)))
        );
    }

    #[test]
    fn bad_colours_are_ignored() {
        assert!(line("\x1b[38;5;999mx\x1b[38;9my\x1b[38mz").spans.is_empty());
        assert!(line("\x1b[>4;1mx").spans.is_empty());
    }

    #[test]
    fn carriage_return_keeps_the_last_state() {
        assert_eq!(line("10%\r50%\r100%").text, "100%");
        assert_eq!(line("100%\r\r").text, "100%");
        assert_eq!(line("text\r\x1b[K").text, "");
        assert_eq!(line("\r").text, "");
    }

    #[test]
    fn tabs_go_to_columns_of_eight() {
        assert_eq!(line("a\tb").text, "a       b");
        assert_eq!(line("\x1b[31m数\tb").text, "数      b");
        assert_eq!(line("12345678\tb").text, "12345678        b");
    }

    #[test]
    fn a_line_in_the_making_hides_half_sequences() {
        assert_eq!(StyledText::parse_unfinished(b"ab\x1b[3").text, "ab");
        assert_eq!(
            StyledText::parse_unfinished("aé".as_bytes().split_last().unwrap().1).text,
            "a"
        );
        assert_eq!(line("ab\x1b[3").text, "ab␛[3");
    }

    #[test]
    fn spans_end_where_a_long_line_is_cut() {
        let l = line(&format!(
            "\x1b[31m{}",
            "x".repeat(super::super::MAX_TEXT_BYTES * 2)
        ));
        let end = l.spans[0].end as usize;
        assert!(l.text[..end].bytes().all(|b| b == b'x'));
        assert!(l.text.ends_with(" bytes"));
    }
}
