//! Owns the one pass that makes text safe. The parser is `vte` (ECMA-48 with the usual xterm strings).

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;
use vte::{Params, Parser, Perform};

use super::MAX_TEXT_BYTES;
use super::styled::{StyleSpan, TextColor};

/// Combining marks kept on one character.
pub(super) const MAX_MARKS: usize = 4;

/// Room kept for the note about what was cut.
const NOTE_BYTES: usize = 32;
const MAX_KEPT: usize = MAX_TEXT_BYTES - NOTE_BYTES;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// A name or a message: all white space becomes a space.
    Name,
    /// A line of a log: colours become spans, tabs go to columns of eight, `\r` overwrites.
    Line,
    /// A line still being written: as `Line`, but what may yet become whole at its end is left out.
    Unfinished,
}

pub(super) struct Scrubbed {
    pub(super) text: String,
    pub(super) spans: Vec<StyleSpan>,
}

/// The text itself when nothing in it needs work and it is short enough.
pub(super) fn plain(bytes: &[u8]) -> Option<&str> {
    if bytes.len() > MAX_TEXT_BYTES {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    needs_no_work(text).then_some(text)
}

/// Nothing in a text needs work, and it is short enough.
pub(super) fn needs_no_work(text: &str) -> bool {
    text.len() <= MAX_TEXT_BYTES && (is_ascii(text.as_bytes()) || text.chars().all(is_plain))
}

/// Printable ASCII alone. Looks at many bytes at once: this runs over every byte of every log.
fn is_ascii(bytes: &[u8]) -> bool {
    fn all<const N: usize>(bytes: &[u8]) -> Option<bool> {
        let fine = |part: &[u8; N]| {
            part.iter()
                .fold(true, |fine, b| fine & (0x20..0x7f).contains(b))
        };
        // the last part overlaps the one before, so that no byte is left over
        let last = bytes.last_chunk()?;
        Some(bytes.as_chunks().0.iter().all(fine) && fine(last))
    }
    all::<32>(bytes)
        .or_else(|| all::<8>(bytes))
        .unwrap_or_else(|| bytes.iter().all(|b| (0x20..0x7f).contains(b)))
}

/// The text of a line in ASCII whose only controls are tabs and SGR sequences, put into `out`: exactly what
/// [`scrub`] makes of it, without its spans, at a fraction of the price. True when it held tabs only.
pub(super) fn simple(line: &str, out: &mut String) -> Option<bool> {
    if line.len() > MAX_KEPT {
        return None;
    }
    out.clear();
    let mut tabs_only = true;
    let mut rest = line;
    loop {
        let control = memchr::memchr2(b'\t', 0x1b, rest.as_bytes());
        let run = rest.get(..control.unwrap_or(rest.len()))?;
        if !is_ascii(run.as_bytes()) {
            return None;
        }
        out.push_str(run);
        let Some(at) = control else {
            break;
        };
        rest = rest.get(at..)?;
        if let Some(after) = rest.strip_prefix('\t') {
            const COLUMNS: &str = "        ";
            out.push_str(COLUMNS.get(out.len() % 8..)?);
            rest = after;
            continue;
        }
        let params = rest.strip_prefix("\x1b[")?;
        let end = params
            .bytes()
            .position(|b| !matches!(b, b'0'..=b'9' | b';' | b':'))?;
        rest = params.get(end..)?.strip_prefix('m')?;
        tabs_only = false;
    }
    (out.len() <= MAX_KEPT).then_some(tabs_only)
}

/// Every byte shown, nothing interpreted: controls as pictures, what is invisible by its number, what is not UTF-8
/// by its value. `cut` counts bytes that followed and were not kept.
pub(super) fn visible(bytes: &[u8], cut: usize) -> String {
    let (bytes, more) = cap(bytes);
    let mut painter = Painter::new(Mode::Name, bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\t' => painter.push('\u{2409}', 1),
                '\n' => painter.push('\u{240a}', 1),
                '\r' => painter.push('\u{240d}', 1),
                c => painter.put(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(painter.text, "⟨{byte:02X}⟩");
            painter.marks = 0;
        }
    }
    let mut text = painter.text;
    let mut cut = cut + more;
    if cut > 0 || text.len() > MAX_TEXT_BYTES {
        let end = floor_char(&text, MAX_KEPT.min(text.len()));
        cut += text.len() - end;
        text.truncate(end);
        let _ = write!(text, "… +{cut} bytes");
    }
    text
}

fn is_plain(c: char) -> bool {
    match c as u32 {
        0x20..0x7f => true,
        0..0xa0 | 0xad => false,
        0xa0..0x300 => true,
        _ => !is_hidden(c) && c.width() != Some(0),
    }
}

/// Characters that take no room, turn the reading direction or break the line (Unicode categories Cf, Zl, Zp,
/// the invisible fillers and the variation selectors that can carry data).
fn is_hidden(c: char) -> bool {
    matches!(c as u32,
        0xad | 0x034f | 0x061c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f
        | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfeff | 0xffa0
        | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

/// `cut` counts bytes that followed and were not kept.
pub(super) fn scrub(bytes: &[u8], mode: Mode, cut: usize) -> Scrubbed {
    let (bytes, more) = cap(segment(bytes, mode));
    let mut cut = cut + more;
    let buffer = decode(bytes, mode);
    let mut painter = Painter::new(mode, buffer.len());
    let whole = match ground(&buffer) {
        true => buffer.len(),
        false => last_ground(&buffer),
    };
    let mut parser: Parser = Parser::new();
    parser.advance(
        &mut painter,
        buffer.get(..whole).unwrap_or(&buffer).as_bytes(),
    );
    if mode != Mode::Unfinished {
        for c in buffer.get(whole..).unwrap_or("").chars() {
            painter.put(c);
        }
    }
    painter.close_span();
    let mut out = Scrubbed {
        text: painter.text,
        spans: painter.spans,
    };
    if cut > 0 || out.text.len() > MAX_TEXT_BYTES {
        let end = floor_char(&out.text, MAX_KEPT.min(out.text.len()));
        cut += out.text.len() - end;
        out.text.truncate(end);
        out.spans.retain_mut(|span| {
            span.end = span.end.min(end as u32);
            span.start < span.end
        });
        let _ = write!(out.text, "… +{cut} bytes");
    }
    out
}

/// What a terminal would show of a line with carriage returns: the part after the last one that is followed
/// by anything.
fn segment(bytes: &[u8], mode: Mode) -> &[u8] {
    if mode == Mode::Name {
        return bytes;
    }
    let end = bytes
        .iter()
        .rposition(|b| *b != b'\r')
        .map_or(0, |at| at + 1);
    let line = &bytes[..end];
    memchr::memrchr(b'\r', line).map_or(line, |at| &line[at + 1..])
}

fn cap(bytes: &[u8]) -> (&[u8], usize) {
    if bytes.len() <= MAX_TEXT_BYTES {
        return (bytes, 0);
    }
    // Not in the middle of a character: step back over its continuation bytes.
    let mut end = MAX_KEPT;
    while end > MAX_KEPT - 4 && bytes[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    (&bytes[..end], bytes.len() - end)
}

fn floor_char(text: &str, at: usize) -> usize {
    (0..=at)
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0)
}

/// UTF-8 in which C1 controls, raw or encoded, are written as the two-character escapes they stand for.
fn decode(bytes: &[u8], mode: Mode) -> String {
    let mut out = String::with_capacity(bytes.len() + 8);
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        for c in chunk.valid().chars() {
            match introducer(c as u32) {
                Some(second) => out.extend(['\x1b', second]),
                None => out.push(c),
            }
        }
        let bad = chunk.invalid();
        if bad.is_empty() {
            continue;
        }
        let may_grow = chunks.peek().is_none() && bad[0] >= 0xc2;
        match introducer(u32::from(bad[0])) {
            Some(second) if bad.len() == 1 => out.extend(['\x1b', second]),
            _ if mode == Mode::Unfinished && may_grow => {}
            _ => out.push(char::REPLACEMENT_CHARACTER),
        }
    }
    out
}

/// The letter after ESC for those C1 controls that begin or end a sequence: DCS SOS CSI ST OSC PM APC.
fn introducer(c: u32) -> Option<char> {
    match c {
        0x90 | 0x98 | 0x9b..=0x9f => char::from_u32(c - 0x40),
        _ => None,
    }
}

/// True when the text leaves no sequence open.
fn ground(text: &str) -> bool {
    if memchr::memchr(0x1b, text.as_bytes()).is_none() {
        return true;
    }
    let mut probe = Probe::default();
    let mut parser: Parser = Parser::new();
    parser.advance(&mut probe, text.as_bytes());
    let before = probe.printed;
    // A sentinel: printed only when the parser is not inside a sequence.
    parser.advance(&mut probe, b"x");
    probe.printed > before
}

/// Where the sequence that is left open begins.
fn last_ground(text: &str) -> usize {
    let mut probe = Probe::default();
    let mut parser: Parser = Parser::new();
    let mut seen = 0;
    let mut at = 0;
    for (i, byte) in text.bytes().enumerate() {
        parser.advance(&mut probe, &[byte]);
        if probe.events > seen {
            seen = probe.events;
            at = i + 1;
        }
    }
    at
}

#[derive(Default)]
struct Probe {
    printed: usize,
    events: usize,
}

impl Perform for Probe {
    fn print(&mut self, _: char) {
        self.printed += 1;
        self.events += 1;
    }
    fn execute(&mut self, _: u8) {
        self.events += 1;
    }
    fn csi_dispatch(&mut self, _: &Params, _: &[u8], _: bool, _: char) {
        self.events += 1;
    }
    fn esc_dispatch(&mut self, _: &[u8], _: bool, _: u8) {
        self.events += 1;
    }
    fn osc_dispatch(&mut self, _: &[&[u8]], _: bool) {
        self.events += 1;
    }
    fn unhook(&mut self) {
        self.events += 1;
    }
}

struct Painter {
    mode: Mode,
    text: String,
    spans: Vec<StyleSpan>,
    style: StyleSpan,
    column: usize,
    marks: usize,
}

impl Painter {
    fn new(mode: Mode, room: usize) -> Self {
        Self {
            mode,
            text: String::with_capacity(room),
            spans: Vec::new(),
            style: StyleSpan::default(),
            column: 0,
            marks: MAX_MARKS,
        }
    }

    fn put(&mut self, c: char) {
        // A little more than is kept, so that the cut is seen and counted.
        if self.text.len() > 2 * MAX_TEXT_BYTES {
            return;
        }
        match c {
            '\t' if self.mode != Mode::Name => {
                let spaces = 8 - self.column % 8;
                self.text.extend(std::iter::repeat_n(' ', spaces));
                self.column += spaces;
            }
            '\t' | '\n' | '\r' => self.push(' ', 1),
            '\0'..='\x1f' => self.push(char::from_u32(0x2400 + c as u32).unwrap_or(' '), 1),
            '\x7f' => self.push('\u{2421}', 1),
            '\u{80}'..='\u{9f}' => self.push_visible(c),
            _ if is_hidden(c) => self.push_visible(c),
            _ => match c.width().unwrap_or(0) {
                0 if self.text.is_empty() => self.push_visible(c),
                0 if self.marks >= MAX_MARKS => {}
                0 => {
                    self.marks += 1;
                    self.text.push(c);
                }
                width => self.push(c, width),
            },
        }
    }

    fn push(&mut self, c: char, width: usize) {
        self.text.push(c);
        self.column += width;
        self.marks = 0;
    }

    fn push_visible(&mut self, c: char) {
        let before = self.text.len();
        let _ = write!(self.text, "⟨U+{:04X}⟩", c as u32);
        // Two brackets of three bytes and one column each, the rest is ASCII.
        self.column += self.text.len() - before - 4;
        self.marks = 0;
    }

    fn close_span(&mut self) {
        let end = self.text.len() as u32;
        let mut span = StyleSpan { end, ..self.style };
        if span.fg.is_some() && span.fg == span.bg {
            span.bg = None;
        }
        if span.start < end && !span.is_unstyled() && self.mode != Mode::Name {
            self.spans.push(span);
        }
        self.style.start = end;
    }
}

impl Perform for Painter {
    fn print(&mut self, c: char) {
        self.put(c);
    }

    fn execute(&mut self, byte: u8) {
        self.put(char::from(byte));
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _: bool, action: char) {
        if action == 'm' && intermediates.is_empty() && self.mode != Mode::Name {
            self.close_span();
            sgr(&mut self.style, params);
        }
    }
}

/// Select Graphic Rendition, without blink and conceal (ECMA-48 8.3.117; colours as in xterm, with `;` or `:`).
fn sgr(style: &mut StyleSpan, params: &Params) {
    let start = style.start;
    let mut params = params.iter();
    while let Some(param) = params.next() {
        match param.first().copied().unwrap_or(0) {
            0 => {
                *style = StyleSpan {
                    start,
                    ..StyleSpan::default()
                }
            }
            1 => style.bold = true,
            2 => style.dim = true,
            3 => style.italic = true,
            4 => style.underline = param.get(1) != Some(&0),
            7 => style.reversed = true,
            22 => (style.bold, style.dim) = (false, false),
            23 => style.italic = false,
            24 => style.underline = false,
            27 => style.reversed = false,
            n @ 30..=37 => style.fg = ansi(n - 30),
            39 => style.fg = None,
            n @ 40..=47 => style.bg = ansi(n - 40),
            49 => style.bg = None,
            n @ 90..=97 => style.fg = ansi(n - 90 + 8),
            n @ 100..=107 => style.bg = ansi(n - 100 + 8),
            n @ (38 | 48) => {
                let color = match param.get(1..) {
                    Some(rest) if !rest.is_empty() => colon_color(rest),
                    _ => {
                        let mut next = || params.next().and_then(|p| p.first().copied());
                        semicolon_color(&mut next)
                    }
                };
                match n {
                    38 => style.fg = color.or(style.fg),
                    _ => style.bg = color.or(style.bg),
                }
            }
            _ => {}
        }
    }
}

fn ansi(n: u16) -> Option<TextColor> {
    u8::try_from(n).ok().map(TextColor::Ansi)
}

fn indexed(n: u16) -> Option<TextColor> {
    u8::try_from(n).ok().map(|n| {
        if n < 16 {
            TextColor::Ansi(n)
        } else {
            TextColor::Indexed(n)
        }
    })
}

fn rgb(r: u16, g: u16, b: u16) -> Option<TextColor> {
    Some(TextColor::Rgb(
        u8::try_from(r).ok()?,
        u8::try_from(g).ok()?,
        u8::try_from(b).ok()?,
    ))
}

fn semicolon_color(next: &mut impl FnMut() -> Option<u16>) -> Option<TextColor> {
    match next()? {
        5 => indexed(next()?),
        2 => rgb(next()?, next()?, next()?),
        _ => None,
    }
}

/// `38:5:n`, `38:2:r:g:b` and `38:2:<colour space>:r:g:b`.
fn colon_color(rest: &[u16]) -> Option<TextColor> {
    match *rest {
        [5, n, ..] => indexed(n),
        [2, r, g, b] | [2, _, r, g, b, ..] => rgb(r, g, b),
        _ => None,
    }
}
