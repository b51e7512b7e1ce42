//! Lists every escape sequence and control character in a program's output and checks each against our own list.

use std::collections::BTreeMap;

use vte::{Params, Parser, Perform};

/// Private modes we switch: mouse, focus, alternate screen, paste, synchronized output, cursor.
const MODES: [u16; 7] = [25, 1000, 1004, 1006, 1049, 2004, 2026];

/// Everything in `raw` that is not plain text, with how often it occurs; and what is not allowed.
#[derive(Default)]
pub struct Sequences {
    pub seen: BTreeMap<String, usize>,
    pub forbidden: Vec<String>,
    /// The control character just before.
    control: Option<u8>,
}

impl Sequences {
    pub fn of(raw: &[u8]) -> Self {
        let mut all = Self::default();
        Parser::new().advance(&mut all, raw);
        all
    }

    fn note(&mut self, name: String, allowed: bool) {
        self.control = None;
        if !allowed {
            self.forbidden.push(name.clone());
        }
        *self.seen.entry(name).or_default() += 1;
    }
}

/// Panics unless the output holds nothing but text and the sequences we mean to send.
pub fn assert_allowed(raw: &[u8]) {
    let all = Sequences::of(raw);
    assert!(all.forbidden.is_empty(), "forbidden: {:?}", all.forbidden);
}

fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

fn sgr_allowed(params: &[Vec<u16>]) -> bool {
    let flat: Vec<u16> = params.iter().flatten().copied().collect();
    let mut rest = flat.as_slice();
    loop {
        rest = match rest {
            [] => return true,
            [38 | 48, 5, n, rest @ ..] if *n < 256 => rest,
            [38 | 48, 2, r, g, b, rest @ ..] if r.max(g).max(b) < &256 => rest,
            [0..=5 | 7..=9 | 22..=25 | 27..=29, rest @ ..] => rest,
            [30..=37 | 39..=47 | 49 | 90..=97 | 100..=107, rest @ ..] => rest,
            _ => return false,
        };
    }
}

impl Perform for Sequences {
    fn print(&mut self, c: char) {
        self.control = None;
        if is_hidden(c) {
            self.note(format!("U+{:04X}", u32::from(c)), false);
        }
    }

    fn execute(&mut self, byte: u8) {
        // a step back only after a step down: a move of ours, not a character overwritten
        let down = matches!(self.control, Some(b'\n' | 0x08));
        let allowed = matches!(byte, b'\r' | b'\n' | 0x07) || byte == 0x08 && down;
        self.note(format!("control {byte:02x}"), allowed);
        self.control = Some(byte);
    }

    fn csi_dispatch(&mut self, params: &Params, between: &[u8], ignore: bool, action: char) {
        let params: Vec<Vec<u16>> = params.iter().map(<[u16]>::to_vec).collect();
        let first = params.first().and_then(|p| p.first()).copied().unwrap_or(0);
        let (name, allowed) = match (between, action) {
            (b"", 'm') => ("CSI m".to_owned(), sgr_allowed(&params)),
            (b"", 'H' | 'C' | 'X') => (format!("CSI {action}"), params.len() <= 2),
            // a scroll region, scrolled, and the whole screen as region again
            (b"", 'r' | 'S' | 'T') => (format!("CSI {action}"), params.len() <= 2),
            (b"", 'K') => (format!("CSI {first} K"), first == 0),
            (b"", 'J') => (format!("CSI {first} J"), first == 2),
            (b"?", 'h' | 'l') => {
                let known = params.iter().flatten().all(|mode| MODES.contains(mode));
                (format!("CSI ? {first} {action}"), known)
            }
            _ => (format!("CSI {between:?} {params:?} {action}"), false),
        };
        self.note(name, allowed && !ignore);
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], bell: bool) {
        let base64 = |b: &u8| b.is_ascii_alphanumeric() || b"+/=".contains(b);
        let allowed = matches!(params, [b"52", b"c", text] if text.iter().all(base64));
        let number = params
            .first()
            .map(|p| String::from_utf8_lossy(p).into_owned());
        self.note(
            format!("OSC {}", number.unwrap_or_default()),
            allowed && bell,
        );
    }

    fn esc_dispatch(&mut self, between: &[u8], _ignore: bool, byte: u8) {
        // The end of a string (ST) is told as an escape of its own.
        self.note(format!("ESC {between:?} {}", char::from(byte)), false);
    }

    fn hook(&mut self, _: &Params, between: &[u8], _: bool, action: char) {
        self.note(format!("DCS {between:?} {action}"), false);
    }
}

#[test]
fn the_list_tells_ours_from_others() {
    let ours = b"\x1b[?2026h\x1b[2J\x1b[3;4Hx\x1b[;1;38;5;208mtext\x1b[m\x1b[5C\x1b[12X\x1b[K\r\n\x08\x1b[?25l\x1b]52;c;YQ==\x07";
    assert_allowed(ours);
    for theirs in [
        "\x1b[6n",
        "\x1b[c",
        "\x1b]0;title\x07",
        "\x1b]8;;http://x\x07",
        "\x1b]52;c;?\x07",
        "\x1b[?1003h",
        "\x1b[31;58;5;1m",
        "\x1bc",
        "\x1bPq\x1b\\",
        "\u{9b}31m",
        "a\u{202e}b",
        "\x08",
        "\t",
    ] {
        let got = Sequences::of(theirs.as_bytes()).forbidden;
        assert!(!got.is_empty(), "{theirs:?}");
    }
}
