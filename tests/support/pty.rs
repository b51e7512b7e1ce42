//! A program in a pseudo terminal, with an emulator that shows what a person would see.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal};
use rustix::termios::LocalModes;

/// Far more than anything needs, so that a loaded machine fails no test.
pub const PATIENCE: Duration = Duration::from_secs(20);

struct Seen {
    emulator: vt100::Parser,
    raw: Vec<u8>,
    /// Reads that returned something: about the number of writes.
    chunks: usize,
    closed: bool,
}

struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
    stop: AtomicBool,
}

pub struct Pty {
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    reader: Option<JoinHandle<()>>,
    child: Box<dyn Child + Send + Sync>,
    shared: Arc<Shared>,
}

fn size(cols: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        ..PtySize::default()
    }
}

/// A command with a small, known environment.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> CommandBuilder {
    let mut command = CommandBuilder::new(program);
    command.env_clear();
    for name in ["PATH", "HOME", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    command
}

impl Pty {
    /// Starts the program as the leader of a session on a terminal of this size.
    pub fn spawn(command: CommandBuilder, cols: u16, rows: u16) -> Self {
        let pair = native_pty_system().openpty(size(cols, rows)).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        // Only the program holds the other end from here on.
        drop(pair.slave);
        let emulator = vt100::Parser::new(cells(rows), cells(cols), 0);
        let shared = Arc::new(Shared {
            seen: Mutex::new(Seen {
                emulator,
                raw: Vec::new(),
                chunks: 0,
                closed: false,
            }),
            changed: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let input = pair.master.try_clone_reader().unwrap();
        let reader = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || read_all(input, &shared)
        });
        Self {
            writer: Some(pair.master.take_writer().unwrap()),
            master: Some(pair.master),
            reader: Some(reader),
            child,
            shared,
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let writer = self.writer.as_mut().expect("not hung up");
        writer.write_all(bytes.as_ref()).unwrap();
        writer.flush().unwrap();
    }

    /// What a person sees.
    pub fn text(&self) -> String {
        self.shared
            .seen
            .lock()
            .unwrap()
            .emulator
            .screen()
            .contents()
    }

    /// Looks at the emulator's screen.
    pub fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(self.shared.seen.lock().unwrap().emulator.screen())
    }

    /// Everything the program has sent.
    pub fn raw(&self) -> Vec<u8> {
        self.shared.seen.lock().unwrap().raw.clone()
    }

    pub fn raw_len(&self) -> usize {
        self.shared.seen.lock().unwrap().raw.len()
    }

    pub fn chunks(&self) -> usize {
        self.shared.seen.lock().unwrap().chunks
    }

    /// Waits until the screen is as wanted; panics with the screen when it never is.
    pub fn wait(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut seen = self.shared.seen.lock().unwrap();
        while !wanted(seen.emulator.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || seen.closed {
                let screen = seen.emulator.screen().contents();
                panic!("never saw {what}; the screen is:\n{screen}");
            }
            seen = self.shared.changed.wait_timeout(seen, left).unwrap().0;
        }
    }

    pub fn wait_text(&self, text: &str) {
        self.wait(&format!("{text:?}"), |screen| {
            screen.contents().contains(text)
        });
    }

    /// Waits until nothing has come for this long.
    pub fn settle(&self, quiet: Duration) {
        let end = Instant::now() + PATIENCE;
        let mut last = (self.raw_len(), Instant::now());
        while last.1.elapsed() < quiet {
            assert!(Instant::now() < end, "never quiet:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(5));
            if self.raw_len() != last.0 {
                last = (self.raw_len(), Instant::now());
            }
        }
    }

    pub fn resize(&self, cols: u16, rows: u16) {
        let mut seen = self.shared.seen.lock().unwrap();
        seen.emulator
            .screen_mut()
            .set_size(cells(rows), cells(cols));
        drop(seen);
        let master = self.master.as_ref().expect("not hung up");
        master.resize(size(cols, rows)).unwrap();
    }

    pub fn pid(&self) -> Pid {
        let id = self.child.process_id().unwrap();
        Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    /// Line editing and echo are off.
    pub fn is_raw(&self) -> bool {
        let master = self.master.as_ref().expect("not hung up");
        let flags = master.get_termios().unwrap().local_flags.bits();
        let local = LocalModes::from_bits_retain(flags);
        !local.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Nobody reads any more, as on a link that is stuck. The program must draw when its size changes: that wakes
    /// the reader for the last time.
    pub fn stall(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let now = self.look(vt100::Screen::size);
        self.resize(now.1.get() + 1, now.0.get());
        self.reader.take().unwrap().join().unwrap();
    }

    /// The terminal window is closed.
    pub fn hang_up(&mut self) {
        self.stall();
        // the change of size is seen before: crossterm's poll is edge-triggered and tells of one thing at a look
        std::thread::sleep(Duration::from_millis(300));
        self.writer = None;
        self.master = None;
    }

    /// Waits for the end of the program and of its output.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "still running:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        };
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status
    }

    /// The terminal is as it was before: main screen, cursor, no modes, cooked.
    pub fn assert_restored(&self) {
        self.look(|screen| {
            assert!(!screen.alternate_screen(), "alternate screen");
            assert!(!screen.hide_cursor(), "cursor");
            assert!(!screen.bracketed_paste(), "bracketed paste");
            assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        });
        let raw = String::from_utf8_lossy(&self.raw()).into_owned();
        for mode in ["1004", "2026"] {
            let on = raw.rfind(&format!("\x1b[?{mode}h"));
            let off = raw.rfind(&format!("\x1b[?{mode}l"));
            assert!(on <= off, "mode {mode} is left on");
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cells(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("a terminal has cells")
}

fn read_all(mut input: Box<dyn Read + Send>, shared: &Shared) {
    let mut chunk = [0; 65536];
    loop {
        let got = input.read(&mut chunk).unwrap_or(0);
        let mut seen = shared.seen.lock().unwrap();
        if got == 0 {
            seen.closed = true;
        } else {
            seen.raw.extend_from_slice(&chunk[..got]);
            seen.emulator.process(&chunk[..got]);
            seen.chunks += 1;
        }
        shared.changed.notify_all();
        if got == 0 || shared.stop.load(Ordering::SeqCst) {
            return;
        }
    }
}
