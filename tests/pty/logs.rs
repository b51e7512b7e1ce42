//! Logs full of what a terminal would obey, looked at in a real terminal in every way there is: nothing of it gets out.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::attacks;
use crate::support::pty::{Pty, command};
use crate::support::sequences::{Sequences, assert_allowed};
use base64::Engine as _;
use tempfile::TempDir;

const DAGTOP: &str = env!("CARGO_BIN_EXE_dagtop");
const QUIET: Duration = Duration::from_millis(250);

/// A home with a pipeline whose one node prints a file and fails; what may say anything says something hostile.
fn home(log: &[u8]) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("evil.log"), log).unwrap();
    let pipeline = r#"
name = "hostile"
owner = "own\u009b31mer\u001b]0;PWNED\u0007"
tags = ["tag\u202e", "\u001b[2J"]
[[node]]
id = "talker"
run = "cat evil.log; exit 3"
"#;
    std::fs::write(home.path().join("pipeline.toml"), pipeline).unwrap();
    home
}

fn start(home: &TempDir, pager: &str) -> Pty {
    let mut dagtop = command(DAGTOP);
    dagtop.env("HOME", home.path());
    dagtop.env("TMPDIR", home.path());
    dagtop.env("PAGER", pager);
    dagtop.cwd(home.path());
    dagtop.args(["run", "pipeline.toml"]);
    Pty::spawn(dagtop, 120, 40)
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

/// Nothing in a text would be obeyed.
fn assert_harmless(text: &str, what: &str) {
    let bad = text.chars().find(|c| {
        let hidden = matches!(*c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{ad}');
        (c.is_control() && *c != '\n') || hidden
    });
    assert_eq!(bad, None, "{what}: {text:?}");
}

#[test]
fn hostile_text_never_gets_out() {
    let home = home(&attacks::log());
    // keeps what it is given, and how it may be read; prints nothing
    let script = "cp \"$1\" seen.txt; stat -c %a \"$1\" > mode.txt; echo \"$1\" > name.txt";
    std::fs::write(home.path().join("pager.sh"), script).unwrap();
    let mut pty = start(&home, "sh pager.sh");
    pty.wait_text("marker-end");
    let mut go = |keys: &str| {
        pty.send(keys);
        pty.settle(QUIET);
        pty.text()
    };
    // the run, the full log, its beginning
    go("\r");
    go("L");
    let text = go("gg");
    assert!(text.contains("red as it should be"), "{text}");
    for (name, _) in attacks::ATTACKS.iter().take(12) {
        assert!(text.contains(&format!("after-{name}")), "{name} in\n{text}");
    }
    assert!(!text.contains("ERROR it failed"), "overwritten: {text}");
    // raw: what was there, visibly
    let raw = go("#");
    assert!(raw.contains("␛]0;PWNED"), "{raw}");
    assert!(raw.contains("ERROR it failed"), "{raw}");
    go("#");
    // typed, completed, found, filtered
    go("/after-field");
    go("\r");
    go("o");
    go(" ");
    go("y");
    go("\x1b");
    go("&after");
    go("\r");
    go("-\x1b");
    go("=");
    go("\x1b");
    // everything copied, saved, paged
    go("gv");
    go("G");
    go("y");
    go("Y");
    go("sS");
    let text = go("\x0f");
    assert!(
        text.contains("marker-end") || text.contains("after-"),
        "back again: {text}"
    );
    go("*");
    go("\r");
    go("ZwD");
    go("d");
    go("qqqqqqqq");
    pty.wait_exit();
    pty.assert_restored();

    let raw = pty.raw();
    assert_allowed(&raw);
    let seen = Sequences::of(&raw).seen;
    assert!(
        seen.get("OSC 52").is_some_and(|n| (1..=4).contains(n)),
        "{seen:?}"
    );
    let text = String::from_utf8_lossy(&raw).into_owned();
    for copy in text.split("\x1b]52;c;").skip(1) {
        let payload = copy.split('\x07').next().unwrap();
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(payload)
            .unwrap();
        assert_harmless(&String::from_utf8(bytes).unwrap(), "copied");
    }

    let mut all = Vec::new();
    files(home.path(), &mut all);
    let saved: Vec<&PathBuf> = all
        .iter()
        .filter(|p| p.parent().unwrap().ends_with("saved"))
        .collect();
    assert_eq!(saved.len(), 2, "{all:?}");
    for path in saved {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b)),
            "{name}"
        );
        assert_harmless(&std::fs::read_to_string(path).unwrap(), name);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let read = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap();
    assert_harmless(&read("seen.txt"), "paged");
    assert!(read("seen.txt").contains("after-clear"));
    assert_eq!(read("mode.txt").trim(), "600");
    assert!(
        !Path::new(read("name.txt").trim()).exists(),
        "it is gone afterwards"
    );
}

#[test]
fn a_program_gets_the_terminal_and_its_keys_and_gives_them_back() {
    let home = home(b"2026-11-20T03:00:00Z INFO one line marker-end\n");
    let script = "stty sane; printf 'pager has it\\n'; read answer; printf \"it read %s\\n\" \"$answer\"; read more";
    std::fs::write(home.path().join("pager.sh"), script).unwrap();
    let mut pty = start(&home, "sh pager.sh");
    pty.wait_text("marker-end");
    pty.send("\r");
    pty.settle(QUIET);
    pty.send("L");
    pty.settle(QUIET);
    pty.send("\x0f");
    pty.wait_text("pager has it");
    pty.look(|screen| assert!(!screen.alternate_screen()));
    assert!(!pty.is_raw());
    // these are keys of ours too: they must not reach us
    pty.send("qq!\n");
    pty.wait_text("it read qq!");
    pty.send("\x03");
    pty.wait("the screen again", |screen| {
        screen.alternate_screen() && screen.contents().contains("marker-end")
    });
    assert!(pty.is_raw());
    pty.send("qqqqq");
    pty.wait_exit();
    pty.assert_restored();
}

/// Lines of a flood, numbered.
fn flood(numbers: std::ops::Range<usize>) -> Vec<u8> {
    use std::io::Write as _;
    let mut text = Vec::new();
    for n in numbers {
        let (second, milli) = (n / 1000 % 60, n % 1000);
        writeln!(
            text,
            "2026-11-20T03:11:{second:02}.{milli:03}Z INFO load: line {n:08} of the flood"
        )
        .unwrap();
    }
    text
}

/// The pane follows a file that is written to as fast as a machine can be expected to write it; what goes to the
/// terminal stays little, and in the end every line is there. What it took is printed:
/// `FLOOD=6000000 cargo test --release --test pty -- --nocapture a_flood`
#[test]
fn a_flood_is_followed_with_few_bytes_and_no_line_lost() {
    use std::io::Write as _;
    /// Lines a second.
    const RATE: usize = 600_000;
    let asked = std::env::var("FLOOD").ok().and_then(|n| n.parse().ok());
    let lines: usize = asked.unwrap_or(200_000);
    let home = tempfile::tempdir().unwrap();
    let node = "name = \"flooded\"\n[[node]]\nid = \"load\"\nrun = \"echo begin; sleep 600\"\n";
    std::fs::write(home.path().join("pipeline.toml"), node).unwrap();
    let mut pty = start(&home, "true");
    pty.wait_text("begin");
    pty.send("\r");
    pty.settle(QUIET);
    pty.send("L");
    pty.settle(QUIET);
    let mut all = Vec::new();
    files(home.path(), &mut all);
    let log = all
        .iter()
        .find(|path| std::fs::read(path).is_ok_and(|bytes| bytes == b"begin\n"))
        .unwrap();

    let (began, before) = (Instant::now(), pty.raw_len());
    let mut file = std::fs::File::options().append(true).open(log).unwrap();
    let mut written = 0;
    while written < lines {
        // what is due by now: who was late makes up for it
        let due = (began.elapsed().as_millis() as usize + 10) * RATE / 1000;
        let next = due.min(lines);
        file.write_all(&flood(written..next)).unwrap();
        written = next;
        std::thread::sleep(Duration::from_millis(10));
    }
    let wrote = began.elapsed();
    pty.wait_text(&format!("line {:08} of the flood", lines - 1));
    let seen = began.elapsed();
    let bytes = pty.raw_len() - before;
    println!(
        "{lines} lines written in {wrote:?}: {:.0}/s, the last one on screen after {seen:?}: {:.0}/s; {bytes} bytes to the terminal: {:.0}/s",
        lines as f64 / wrote.as_secs_f64(),
        lines as f64 / seen.as_secs_f64(),
        bytes as f64 / seen.as_secs_f64(),
    );
    // and a frame that was not paid for yet
    let most = (20_000.0 * seen.as_secs_f64()) as usize + 8_000;
    assert!(bytes <= most, "{bytes} bytes in {seen:?}");

    pty.send("S");
    pty.wait_text("saved");
    let mut all = Vec::new();
    files(home.path(), &mut all);
    let saved = all.iter().find(|p| p.parent().unwrap().ends_with("saved"));
    let saved = std::fs::read(saved.unwrap()).unwrap();
    let mut expected = b"begin\n".to_vec();
    expected.append(&mut flood(0..lines));
    let count = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'\n').count();
    assert_eq!(count(&saved), lines + 1);
    assert!(saved == expected, "lines are not what was written");
    pty.send("qqqq");
}
