//! The terminal room on a real pseudo terminal: whatever happens, the terminal is given back.
//!
//! The program under test is this test binary itself, started again to run `child` only.

use std::time::Duration;

use crate::support::pty::{Pty, command};
use crate::support::sequences::{Sequences, assert_allowed};
use crossterm::event::KeyCode;
use dagtop::tui::term::guard;
use dagtop::tui::term::runtime::{Notice, events_of};
use dagtop::tui::term::session::{self, SessionOptions};
use dagtop::tui::term::{Application, Flow, GuardOptions, Input, KeyPress, Overrides, Request};
use ratatui::Frame;
use ratatui::style::{Color, Modifier, Style};
use rustix::process::Signal;
use tokio::sync::mpsc;

/// Shows what it has been told.
struct Probe {
    said: Vec<String>,
    row: u16,
    requests: Vec<Request>,
}

impl Application for Probe {
    type Event = String;

    fn handle(&mut self, input: Input) -> Flow {
        match input {
            Input::Key(key) if key == KeyPress::char('q') => return Flow::Quit(3),
            Input::Key(key) if key == KeyPress::ctrl('z') => return Flow::Suspend,
            Input::Key(key) if key == KeyPress::char('P') => panic!("the screen's own fault"),
            Input::Key(key) if key == KeyPress::char('B') => {
                tokio::spawn(async { panic!("a task's fault") });
                return Flow::Idle;
            }
            Input::Key(key) if key == KeyPress::char('y') => {
                self.requests.push(Request::Copy("copied text".to_owned()));
                return Flow::Idle;
            }
            Input::Key(key) if key.code == KeyCode::Down => self.row = (self.row + 1).min(30),
            Input::Key(key) => self.said.push(format!("key {:?}", key.code)),
            Input::Paste(text) => self.said.push(format!("paste {text}")),
            Input::Resize(w, h) => self.said.push(format!("resize {w}x{h}")),
            other => self.said.push(format!("{other:?}")),
        }
        Flow::Redraw
    }

    fn handle_event(&mut self, event: String) -> Flow {
        self.said.push(event);
        Flow::Redraw
    }

    fn draw(&mut self, frame: &mut Frame) {
        let area = frame.area();
        let title = format!("probe {}x{}", area.width, area.height);
        let buffer = frame.buffer_mut();
        buffer.set_string(0, 0, title, Style::new().fg(Color::Green));
        for (y, said) in (1..area.height).zip(&self.said) {
            buffer.set_string(50, y, said, Style::new());
        }
        for y in 1..area.height.min(31) {
            let style = if y == self.row + 1 {
                Style::new().add_modifier(Modifier::REVERSED)
            } else {
                Style::new()
            };
            buffer.set_string(0, y, format!("row {y:2} of a list of things"), style);
        }
    }

    fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    fn notice(&mut self, notice: Notice) -> Flow {
        self.said.push(format!("{notice:?}"));
        Flow::Redraw
    }
}

#[test]
#[ignore = "the program that the other tests start"]
fn child() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (send, receive) = mpsc::channel(16);
    guard::install_panic_hook(move |what| {
        let _ = send.try_send(format!("background: {what}"));
    });
    let mut probe = Probe {
        said: Vec::new(),
        row: 0,
        requests: Vec::new(),
    };
    let options = SessionOptions {
        overrides: Overrides::default(),
        guard: GuardOptions {
            mouse: std::env::var_os("PROBE_MOUSE").is_some(),
            focus: true,
        },
        max_fps: 30,
    };
    let run = session::run(&mut probe, options, events_of(receive));
    let code = match runtime.block_on(run) {
        Ok(exit) => {
            if !exit.hung_up {
                println!("\r\nended {}", exit.code);
            }
            exit.code
        }
        Err(e) => {
            println!("\r\nrefused: {e}");
            2
        }
    };
    std::process::exit(code);
}

const CHILD: [&str; 5] = [
    "terminal::child",
    "--exact",
    "--ignored",
    "--nocapture",
    "--test-threads=1",
];

fn probe_command() -> portable_pty::CommandBuilder {
    let mut probe = command(std::env::current_exe().unwrap());
    probe.args(CHILD);
    probe
}

fn start() -> Pty {
    let pty = Pty::spawn(probe_command(), 120, 40);
    pty.wait_text("probe 120x40");
    pty
}

/// The probe below a shell with job control.
fn start_in_shell() -> Pty {
    let mut shell = command("sh");
    let script =
        "set -m; \"$@\"; echo \"stopped with $?\"; read go; fg >/dev/null; echo \"shell sees $?\"";
    shell.args(["-c", script, "sh"]);
    shell.arg(std::env::current_exe().unwrap());
    shell.args(CHILD);
    let pty = Pty::spawn(shell, 120, 40);
    pty.wait_text("probe 120x40");
    pty
}

#[test]
fn quit_gives_the_terminal_back() {
    let mut pty = start();
    assert!(pty.is_raw());
    pty.look(|screen| {
        assert!(screen.alternate_screen() && screen.hide_cursor() && screen.bracketed_paste());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    });
    pty.send("q");
    assert_eq!(pty.wait_exit().exit_code(), 3);
    pty.assert_restored();
    assert!(pty.text().contains("ended 3"));
    assert_allowed(&pty.raw());
}

#[test]
fn the_mouse_is_asked_for_only_on_wish_and_given_back() {
    let mut probe = probe_command();
    probe.env("PROBE_MOUSE", "1");
    let mut pty = Pty::spawn(probe, 120, 40);
    pty.wait_text("probe 120x40");
    pty.send("\x1b[<65;10;5M");
    pty.wait_text("WheelDown, column: 9, row: 4");
    pty.send("q");
    pty.wait_exit();
    pty.assert_restored();
}

#[test]
fn a_resize_is_drawn_in_the_new_size() {
    let mut pty = start();
    for (cols, rows) in [(80, 24), (200, 60), (20, 5)] {
        pty.resize(cols, rows);
        pty.wait_text(&format!("probe {cols}x{rows}"));
    }
    pty.send("q");
    pty.wait_exit();
    pty.assert_restored();
}

#[test]
fn signals_give_the_terminal_back() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let mut pty = start();
        pty.signal(signal);
        assert_eq!(pty.wait_exit().exit_code(), code, "{signal:?}");
        pty.assert_restored();
    }
}

#[test]
fn a_stuck_link_does_not_keep_the_program_from_ending() {
    let mut pty = start();
    pty.stall();
    // More frames than a terminal holds: the last of them gets stuck.
    for n in 0..150 {
        pty.resize(100 + n % 2, 40);
        std::thread::sleep(Duration::from_millis(4));
    }
    pty.signal(Signal::TERM);
    assert_eq!(pty.wait_exit().exit_code(), 143);
}

#[test]
fn a_panic_of_the_screen_restores_first_and_reports_then() {
    let mut pty = start();
    pty.send("P");
    assert_ne!(pty.wait_exit().exit_code(), 0);
    pty.assert_restored();
    // On the main screen, where it stays readable.
    assert!(
        pty.text().contains("the screen's own fault"),
        "{}",
        pty.text()
    );
    assert!(pty.text().contains("terminal.rs"), "{}", pty.text());
}

#[test]
fn a_panic_in_a_task_becomes_a_message_on_the_screen() {
    let mut pty = start();
    pty.send("B");
    pty.wait_text("background: a task's fault (tests/pty/terminal.rs");
    assert!(pty.is_raw());
    pty.look(|screen| assert!(screen.alternate_screen()));
    pty.send("q");
    assert_eq!(pty.wait_exit().exit_code(), 3);
    pty.assert_restored();
    assert_allowed(&pty.raw());
}

#[test]
fn a_closed_window_ends_the_program() {
    let mut pty = start();
    pty.hang_up();
    assert_eq!(pty.wait_exit().exit_code(), 129);
}

#[test]
fn a_closed_window_is_noticed_without_any_signal() {
    // The shell leads the session and ignores SIGHUP, so nobody else is told; crossterm alone would spin for ever.
    let mut shell = command("sh");
    shell.args(["-c", "trap '' HUP; \"$@\"; exit $?", "sh"]);
    shell.arg(std::env::current_exe().unwrap());
    shell.args(CHILD);
    let mut pty = Pty::spawn(shell, 120, 40);
    pty.wait_text("probe 120x40");
    pty.hang_up();
    assert_eq!(pty.wait_exit().exit_code(), 129);
}

#[test]
fn ctrl_z_stops_and_fg_brings_everything_back() {
    let mut pty = start_in_shell();
    pty.send("\x1a");
    pty.wait_text("stopped with");
    pty.assert_restored();
    assert!(!pty.is_raw());
    pty.send("\n");
    pty.wait("the probe again", |screen| {
        screen.alternate_screen() && screen.contents().contains("Resumed")
    });
    pty.wait_text("row  1 of a list");
    assert!(pty.is_raw());
    pty.look(|screen| assert!(screen.bracketed_paste() && screen.hide_cursor()));
    pty.send("q");
    pty.wait_exit();
    pty.assert_restored();
    assert!(pty.text().contains("shell sees 3"), "{}", pty.text());
}

#[test]
fn without_a_shell_ctrl_z_is_refused() {
    let mut pty = start();
    pty.send("\x1a");
    pty.wait_text("CannotSuspend");
    pty.send("q");
    pty.wait_exit();
    pty.assert_restored();
}

#[test]
fn a_stop_and_continue_from_outside_repaints() {
    let mut pty = start();
    pty.signal(Signal::STOP);
    pty.signal(Signal::CONT);
    pty.wait_text("Resumed");
    assert!(pty.is_raw());
    pty.send("q");
    assert_eq!(pty.wait_exit().exit_code(), 3);
    pty.assert_restored();
}

#[test]
fn a_paste_is_one_event_and_no_keys() {
    let mut pty = start();
    pty.send("\x1b[200~rm -rf\nq\x1b[201~");
    pty.wait_text("paste rm -rf q");
    pty.send("q");
    assert_eq!(pty.wait_exit().exit_code(), 3);
}

#[test]
fn a_copy_is_sent_as_osc_52() {
    let mut pty = start();
    pty.send("y");
    pty.wait_text("Copied(Ok(Osc52))");
    assert_eq!(Sequences::of(&pty.raw()).seen.get("OSC 52"), Some(&1));
    assert_allowed(&pty.raw());
}

#[test]
fn a_cursor_move_is_small_and_nothing_is_sent_while_nothing_changes() {
    let mut pty = start();
    pty.settle(Duration::from_millis(200));
    let before = (pty.raw_len(), pty.chunks());
    pty.send("\x1b[B");
    pty.wait("row 2 selected", |screen| {
        screen.cell(2, 0).is_some_and(vt100::Cell::inverse)
    });
    pty.settle(Duration::from_millis(300));
    let after = (pty.raw_len(), pty.chunks());
    assert!(after.0 - before.0 <= 256, "{} bytes", after.0 - before.0);
    assert_eq!(after.1 - before.1, 1, "one write");
}

#[test]
fn no_colour_and_a_dumb_terminal_are_respected() {
    let mut probe = probe_command();
    probe.env("NO_COLOR", "1");
    let mut pty = Pty::spawn(probe, 80, 24);
    pty.wait_text("probe 80x24");
    pty.look(|screen| assert_eq!(screen.cell(0, 0).unwrap().fgcolor(), vt100::Color::Default));
    pty.look(|screen| assert!(screen.cell(1, 0).unwrap().inverse()));
    pty.send("q");
    pty.wait_exit();

    let mut probe = probe_command();
    probe.env("TERM", "dumb");
    let mut pty = Pty::spawn(probe, 80, 24);
    assert_eq!(pty.wait_exit().exit_code(), 2);
    assert!(
        pty.text()
            .contains("refused: this terminal (TERM=\"dumb\")"),
        "{}",
        pty.text()
    );
    assert_eq!(
        Sequences::of(&pty.raw())
            .seen
            .keys()
            .filter(|k| k.starts_with("CSI"))
            .count(),
        0
    );
}
