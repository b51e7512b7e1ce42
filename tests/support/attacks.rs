//! What a log may hold that a terminal would obey: each attack ends with a word, so that it can be looked for.

/// Name and bytes of every attack, a line each.
pub const ATTACKS: &[(&str, &[u8])] = &[
    ("title", b"\x1b]0;PWNED\x07 after-title"),
    ("title-st", b"\x1b]2;PWNED\x1b\\ after-title-st"),
    ("clipboard", b"\x1b]52;c;ZXZpbA==\x07 after-clipboard"),
    ("clipboard-read", b"\x1b]52;c;?\x07 after-clipboard-read"),
    (
        "link",
        b"\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\ after-link",
    ),
    ("dcs", b"\x1bP+q544e\x1b\\ after-dcs"),
    ("apc", b"\x1b_Gf=100;AAAA\x1b\\ after-apc"),
    ("report", b"\x1b[6n\x1b[c\x1b[>q after-report"),
    ("clear", b"\x1b[2J\x1b[H$ rm -rf / after-clear"),
    ("reset", b"\x1bc\x1b[!p after-reset"),
    ("screen", b"\x1b[?1049l\x1b[?25h\x1b[?1003h after-screen"),
    (
        "c1-utf8",
        b"\xc2\x9b31m\xc2\x9d0;PWNED\xc2\x9c after-c1-utf8",
    ),
    ("c1-raw", b"\x9b31m\x9d0;PWNED\x9c after-c1-raw"),
    (
        "overwrite",
        b"ERROR it failed\rINFO all is well after-overwrite",
    ),
    (
        "backspace",
        b"failed\x08\x08\x08\x08\x08\x08passed after-backspace",
    ),
    (
        "bidi",
        "user\u{202e}txt.exe\u{2066}x\u{2069} after-bidi".as_bytes(),
    ),
    (
        "zero-width",
        "pass\u{200b}word\u{feff} a\u{ad}b after-zero-width".as_bytes(),
    ),
    (
        "zalgo",
        "z\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}\u{309}\u{30a} after-zalgo"
            .as_bytes(),
    ),
    (
        "prompt",
        b"\x1b[1;32mops@prod\x1b[0m:~$ sudo yes after-prompt",
    ),
    ("bell", b"\x07\x07\x07 after-bell"),
    ("unfinished", b"after-unfinished \x1b]0;PWN"),
];

/// All of them as lines of a log, with something harmless and coloured around them.
pub fn log() -> Vec<u8> {
    let mut log =
        b"2026-11-20T03:00:00Z INFO first line, \x1b[31mred as it should be\x1b[0m\n".to_vec();
    for (name, bytes) in ATTACKS {
        log.extend_from_slice(format!("2026-11-20T03:00:01Z INFO {name} ").as_bytes());
        log.extend_from_slice(bytes);
        log.push(b'\n');
    }
    log.extend_from_slice(
        "{\"ts\":\"2026-11-20T03:00:02Z\",\"level\":\"error\",\"msg\":\"field \\u001b[2J\\u202e after-field\",\"na\\u001b]0;x\\u0007me\":\"va\\u009b31m\\u0007lue\"}\n"
            .as_bytes(),
    );
    log.extend_from_slice(b"2026-11-20T03:00:03Z ERROR last marker-end\n");
    log
}
