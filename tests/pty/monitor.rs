//! The real program on a real pseudo terminal: what a person at the other end of a connection lives through.

use std::time::{Duration, Instant};

use crate::support::pty::{Pty, command};
use crate::support::sequences::{Sequences, assert_allowed};
use rustix::process::Signal;
use tempfile::TempDir;

const DAGTOP: &str = env!("CARGO_BIN_EXE_dagtop");

/// A home of its own for each test: nothing is read from or left in the real one.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn command(&self, program: &str) -> portable_pty::CommandBuilder {
        let mut command = command(program);
        command.env("HOME", self.0.path());
        command.cwd(self.0.path());
        command
    }

    fn dagtop(&self, args: &[&str]) -> portable_pty::CommandBuilder {
        let mut command = self.command(DAGTOP);
        command.args(args);
        command
    }

    /// A pipeline file.
    fn pipeline(&self, text: &str) -> String {
        let path = self.0.path().join("pipeline.toml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// Nothing fails, nothing is noisy: one node that sleeps.
const QUIET: &str = "name = \"quiet_one\"\n[[node]]\nid = \"sleeper\"\nrun = \"sleep 300\"\n";

/// One quiet pipeline on the screen.
fn quiet(home: &Home, cols: u16, rows: u16) -> Pty {
    let file = home.pipeline(QUIET);
    let pty = Pty::spawn(home.dagtop(&["run", &file]), cols, rows);
    pty.wait_text("quiet_one");
    pty
}

#[test]
fn the_demo_shows_what_fails_and_why_and_quits_clean() {
    let home = Home::new();
    let start = Instant::now();
    let mut pty = Pty::spawn(home.dagtop(&["demo"]), 120, 40);
    pty.wait("the first frame", |screen| {
        screen.contents().contains("dagtop")
    });
    println!("first frame after {:?} (debug build)", start.elapsed());
    pty.wait_text("billing_close");
    pty.wait_text("ExchangeRateError");
    println!("cause on the screen after {:?}", start.elapsed());
    pty.look(|screen| assert!(screen.alternate_screen() && screen.hide_cursor()));
    pty.send("q");
    assert_eq!(pty.wait_exit().exit_code(), 0);
    pty.assert_restored();
    assert_allowed(&pty.raw());
}

#[test]
fn the_view_of_a_pipeline_outlives_the_program() {
    let home = Home::new();
    let file = home.pipeline(QUIET);
    let views = home.0.path().join(".local/state/dagtop/views.json");
    let start = || {
        let pty = Pty::spawn(home.dagtop(&["run", &file]), 100, 30);
        pty.wait_text("quiet_one");
        pty
    };
    let leave = |mut pty: Pty| {
        pty.send("\x03");
        pty.wait_exit();
        pty.assert_restored();
    };
    let mut pty = start();
    pty.send("\r");
    pty.wait_text("graph");
    // left at once: what was chosen is written down all the same
    pty.send("vv");
    pty.wait_text("critical path");
    leave(pty);
    let kept = std::fs::read_to_string(&views).unwrap();
    assert!(
        kept.contains("quiet_one") && kept.contains("timeline"),
        "{kept}"
    );
    let mut pty = start();
    pty.send("\r");
    pty.wait_text("critical path");
    leave(pty);
    // nobody is kept from working by it
    std::fs::write(&views, "{ broken").unwrap();
    let mut pty = start();
    pty.wait_text("makes no sense");
    pty.send("\r");
    pty.wait_text("sleeper");
    pty.send("v");
    leave(pty);
}

#[test]
fn any_size_is_survived() {
    let home = Home::new();
    let mut pty = quiet(&home, 120, 40);
    for (cols, rows) in [(80, 24), (20, 5), (1, 1), (300, 100), (59, 14), (200, 60)] {
        pty.resize(cols, rows);
        pty.settle(Duration::from_millis(60));
    }
    pty.wait_text("quiet_one");
    // a key that comes with a change of size may wait for the next key (see `Pty::hang_up`)
    pty.settle(Duration::from_millis(500));
    pty.send("q");
    assert_eq!(pty.wait_exit().exit_code(), 0);
    pty.assert_restored();
}

#[test]
fn signals_end_it_and_restore() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let home = Home::new();
        let mut pty = quiet(&home, 80, 24);
        pty.signal(signal);
        assert_eq!(pty.wait_exit().exit_code(), code, "{signal:?}");
        pty.assert_restored();
    }
}

#[test]
fn a_closed_window_ends_it_with_and_without_a_signal() {
    let home = Home::new();
    let mut pty = quiet(&home, 80, 24);
    pty.hang_up();
    assert_eq!(pty.wait_exit().exit_code(), 129);

    // A shell that ignores SIGHUP leads the session: only the watcher can know.
    let home = Home::new();
    let file = home.pipeline(QUIET);
    let mut shell = home.command("sh");
    shell.args([
        "-c",
        "trap '' HUP; \"$@\"; exit $?",
        "sh",
        DAGTOP,
        "run",
        &file,
    ]);
    let mut pty = Pty::spawn(shell, 80, 24);
    pty.wait_text("quiet_one");
    pty.hang_up();
    assert_eq!(pty.wait_exit().exit_code(), 129);
}

#[test]
fn ctrl_z_and_fg() {
    let home = Home::new();
    let file = home.pipeline(QUIET);
    let mut shell = home.command("sh");
    let script =
        "set -m; \"$@\"; echo \"stopped with $?\"; read go; fg >/dev/null; echo \"shell sees $?\"";
    shell.args(["-c", script, "sh", DAGTOP, "run", &file]);
    let mut pty = Pty::spawn(shell, 100, 30);
    pty.wait_text("quiet_one");
    pty.send("\x1a");
    pty.wait_text("stopped with");
    pty.assert_restored();
    assert!(!pty.is_raw());
    pty.send("\n");
    pty.wait("the screen again", |screen| {
        screen.alternate_screen() && screen.contents().contains("quiet_one")
    });
    assert!(pty.is_raw());
    pty.send("q");
    pty.wait_exit();
    pty.assert_restored();
    assert!(pty.text().contains("shell sees 0"), "{}", pty.text());
}

#[test]
fn a_paste_presses_no_keys() {
    let home = Home::new();
    let mut pty = quiet(&home, 120, 40);
    // Would quit, open dialogs and confirm them.
    pty.send("\x1b[200~q\nxy\ry!\x1b[201~");
    pty.settle(Duration::from_millis(300));
    pty.look(|screen| assert!(screen.alternate_screen()));
    let text = pty.text();
    assert!(
        text.contains("quiet_one") && !text.contains("cancel quiet_one"),
        "{text}"
    );
    pty.send("q");
    assert_eq!(pty.wait_exit().exit_code(), 0);
}

#[test]
fn what_a_process_prints_never_reaches_the_terminal_as_a_command() {
    let home = Home::new();
    let file = home.pipeline(
        r#"
name = "hostile"
owner = "evil\u001b[2J\u202eowner"
tags = ["tag\u009b31m"]
[[node]]
id = "talker"
run = '''
printf '\033]0;title\007\033]52;c;ZXZpbA==\007\033[6n\033[c\033[?1003h\033Pq\033\\\n'
printf '\033[31mred\033[0m plain \302\233 c1 \342\200\256 bidi \033]8;;http://x\033\\link\033]8;;\033\\\n'
printf 'bell\007 tab\there 10%%\r50%%\r99%%\n\377\376 bytes\n'
printf 'marker-end\n'
exit 3
'''
"#,
    );
    let mut pty = Pty::spawn(home.dagtop(&["run", &file]), 120, 40);
    pty.wait_text("hostile");
    pty.wait_text("marker-end");
    pty.send("\r");
    pty.settle(Duration::from_millis(300));
    pty.send("d");
    pty.settle(Duration::from_millis(300));
    pty.send("qqqq");
    pty.wait_exit();
    pty.assert_restored();
    let raw = pty.raw();
    assert_allowed(&raw);
    // One bell may be ours (a run ended); the clipboard is nobody's business.
    assert_eq!(Sequences::of(&raw).seen.get("OSC 52"), None);
}

#[test]
fn a_first_start_without_configuration_is_a_welcome() {
    let home = Home::new();
    let mut pty = Pty::spawn(home.dagtop(&[]), 80, 24);
    pty.wait_text("There is no configuration yet");
    pty.send("q");
    assert_eq!(pty.wait_exit().exit_code(), 0);
    pty.assert_restored();
    assert_allowed(&pty.raw());
}

#[test]
fn the_demo_can_be_started_from_the_welcome() {
    let home = Home::new();
    let mut pty = Pty::spawn(home.dagtop(&[]), 120, 40);
    pty.wait_text("There is no configuration yet");
    pty.send("\r");
    pty.wait_text("billing_close");
    pty.send("q");
    assert_eq!(pty.wait_exit().exit_code(), 0);
    pty.assert_restored();
}

#[test]
fn without_a_terminal_it_says_so() {
    let home = Home::new();
    let out = assert_cmd::Command::new(DAGTOP)
        .arg("demo")
        .env("HOME", home.0.path())
        .env("TERM", "xterm")
        .assert()
        .failure();
    let text = String::from_utf8_lossy(&out.get_output().stderr).into_owned();
    assert!(text.contains("needs a terminal"), "{text}");
}

/// Clock ticks (10 ms) of processor time used by a process, and its memory in kilobytes.
#[cfg(target_os = "linux")]
fn usage(pid: rustix::process::Pid) -> (u64, u64) {
    let process = procfs::process::Process::new(pid.as_raw_nonzero().get()).unwrap();
    let stat = process.stat().unwrap();
    (stat.utime + stat.stime, stat.rss * 4)
}

#[test]
#[cfg(target_os = "linux")]
fn idle_costs_next_to_nothing() {
    let home = Home::new();
    let mut pty = quiet(&home, 120, 40);
    pty.settle(Duration::from_millis(150));
    std::thread::sleep(Duration::from_secs(1));
    let before = (pty.raw_len(), pty.chunks(), usage(pty.pid()).0);
    std::thread::sleep(Duration::from_secs(4));
    let (ticks, rss) = usage(pty.pid());
    let bytes = (pty.raw_len() - before.0) / 4;
    let writes = pty.chunks() - before.1;
    println!(
        "idle with a run going: {bytes} bytes/s, {writes} writes in 4 s, {} ms of processor in 4 s, {rss} kB",
        (ticks - before.2) * 10
    );
    // A clock and a duration once a second, each in one write.
    assert!((2..=10).contains(&writes), "{writes} writes");
    assert!(bytes <= 400, "{bytes} bytes a second");
    pty.send("q");
    pty.wait_exit();
}

#[test]
fn a_key_is_answered_at_once_while_a_process_floods() {
    let home = Home::new();
    let file = home.pipeline(
        r#"
name = "flood"
[[node]]
id = "talker"
run = '''
i=0
while :; do
  for n in 1 2 3 4 5 6 7 8 9 10; do i=$((i+1)); echo "line $i of a log that does not end"; done
  sleep 0.01
done
'''
"#,
    );
    let mut pty = Pty::spawn(home.dagtop(&["run", &file]), 120, 40);
    pty.wait_text("flood");
    pty.send("\r");
    pty.wait_text("of a log that does not end");
    let sent = (pty.raw_len(), Instant::now());
    let mut times: Vec<Duration> = Vec::new();
    for n in 0..40 {
        // Help opens and closes: a frame nobody else would have drawn.
        let open = n % 2 == 0;
        let start = Instant::now();
        pty.send(if open { "?" } else { "q" });
        pty.wait("the answer", |screen| {
            screen.contents().contains("Keys in: run") == open
        });
        times.push(start.elapsed());
        std::thread::sleep(Duration::from_millis(30));
    }
    let rate = (pty.raw_len() - sent.0) as f64 / 1000.0 / sent.1.elapsed().as_secs_f64();
    times.sort();
    println!(
        "key to screen while ~1,000 lines/s arrive (debug build): median {:?}, worst {:?}; {rate:.1} kB/s",
        times[20], times[39]
    );
    // Far above what is printed: only a loop that drowns in the flood fails here.
    assert!(times[20] < Duration::from_millis(250), "{:?}", times[20]);
    pty.signal(Signal::TERM);
    pty.wait_exit();
    pty.assert_restored();
    assert_allowed(&pty.raw());
}
