//! Enters the terminal and gives it back, whatever happens: on exit, suspend, panic and signals exactly once,
//! and not at all when the terminal is gone.

use std::fs::File;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, TryLockError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::outlet::ThreadOutlet;

/// What is switched on besides raw mode, the alternate screen and bracketed paste.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GuardOptions {
    /// Clicks and wheel (modes 1000 and 1006 only, never motion). Off: the terminal's own selection keeps working.
    pub mouse: bool,
    /// Focus reports (mode 1004), to slow down when nobody looks.
    pub focus: bool,
}

/// Alternate screen, clear (some remote shells keep the old text), bracketed paste, no cursor.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[2J\x1b[?2004h\x1b[?25l";
const FOCUS_ON: &[u8] = b"\x1b[?1004h";
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
/// End of a frame, mouse, paste and focus off, plain pen, cursor, main screen. Harmless where a mode was never on.
const LEAVE: &[u8] =
    b"\x1b[?2026l\x1b[r\x1b[?1006l\x1b[?1000l\x1b[?2004l\x1b[?1004l\x1b[m\x1b[?25h\x1b[?1049l";

/// True while the terminal is ours. There is one terminal per process, and the panic hook must find it.
static ENTERED: AtomicBool = AtomicBool::new(false);
/// Who draws: a panic there ends the screen, a panic elsewhere does not.
static OWNER: Mutex<Option<Owner>> = Mutex::new(None);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owner {
    thread: ThreadId,
    task: Option<tokio::task::Id>,
}

impl Owner {
    fn here() -> Self {
        Self {
            thread: thread::current().id(),
            task: tokio::task::try_id(),
        }
    }

    /// A task may move between threads; outside of a task the thread counts.
    fn is_here(self) -> bool {
        let here = Self::here();
        match self.task {
            Some(_) => self.task == here.task,
            None => here.task.is_none() && self.thread == here.thread,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    #[error("standard input and output must be a terminal")]
    NotATerminal,
    #[error("the terminal refused: {0}")]
    Io(#[from] io::Error),
}

/// Holds the terminal; dropping it gives the terminal back.
#[derive(Debug)]
pub struct TerminalGuard {
    options: GuardOptions,
}

impl TerminalGuard {
    /// Raw mode and everything in `options`. Call it on the thread or task that will draw.
    pub fn enter(options: GuardOptions) -> Result<Self, GuardError> {
        if !rustix::termios::isatty(rustix::stdio::stdin())
            || !rustix::termios::isatty(rustix::stdio::stdout())
        {
            return Err(GuardError::NotATerminal);
        }
        if let Ok(mut owner) = OWNER.lock() {
            *owner = Some(Owner::here());
        }
        let guard = Self { options };
        guard.reenter()?;
        Ok(guard)
    }

    /// Takes the terminal again after `restore`; harmless when it is ours already.
    pub fn reenter(&self) -> io::Result<()> {
        if !ENTERED.swap(true, Ordering::SeqCst) {
            crossterm::terminal::enable_raw_mode()?;
        } else {
            // Stopped without warning (SIGSTOP), the shell has set its own mode; crossterm would think raw mode is on.
            crossterm::terminal::disable_raw_mode()?;
            crossterm::terminal::enable_raw_mode()?;
        }
        // With a frame stuck in the terminal nothing more gets through; it is repainted when that is over.
        let Some(_turn) = take_turn() else {
            return Ok(());
        };
        let mut bytes = ENTER.to_vec();
        if self.options.focus {
            bytes.extend_from_slice(FOCUS_ON);
        }
        if self.options.mouse {
            bytes.extend_from_slice(MOUSE_ON);
        }
        open_output()?.write_all(&bytes)
    }

    /// Gives the terminal back. The second call does nothing.
    pub fn restore(&self) {
        restore();
    }

    /// The terminal is gone: from now on nothing is written to it.
    pub fn abandon(&self) {
        ENTERED.store(false, Ordering::SeqCst);
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
        if let Ok(mut owner) = OWNER.lock() {
            *owner = None;
        }
    }
}

/// Gives the terminal back if it is ours, from anywhere (panic hook, signal path). Errors have nowhere to go.
pub fn restore() {
    if !ENTERED.swap(false, Ordering::SeqCst) {
        return;
    }
    if let Some(_turn) = take_turn()
        && can_write()
        && let Ok(mut out) = open_output()
    {
        let _ = out.write_all(LEAVE);
    }
    let _ = crossterm::terminal::disable_raw_mode();
}

/// Who writes to the terminal: one at a time, so that the way back never lands inside a frame.
static TURN: Mutex<()> = Mutex::new(());

/// Waits a little for a frame that is on its way; `None` when it is stuck.
fn take_turn() -> Option<MutexGuard<'static, ()>> {
    for _ in 0..100 {
        match TURN.try_lock() {
            Ok(turn) => return Some(turn),
            Err(TryLockError::Poisoned(turn)) => return Some(turn.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(2)),
        }
    }
    None
}

/// The way out for frames, which writes only while the terminal is ours.
pub fn outlet() -> io::Result<ThreadOutlet> {
    let mut out = open_output()?;
    ThreadOutlet::start(move |bytes| {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if ENTERED.load(Ordering::SeqCst) {
            write_all(&mut out, bytes)
        } else {
            Ok(())
        }
    })
}

/// Another program that shares the terminal may have made it non-blocking: then waits until there is room.
fn write_all(out: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                rustix::event::poll(&mut [PollFd::new(&*out, PollFlags::OUT)], None)?;
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Standard output without the line buffer of `std::io::Stdout`.
pub fn open_output() -> io::Result<File> {
    Ok(File::from(rustix::io::dup(rustix::stdio::stdout())?))
}

/// Not hung up, and with room: a write to a dead or stuck terminal would fail or never return.
pub fn can_write() -> bool {
    let out = rustix::stdio::stdout();
    let mut fds = [PollFd::new(&out, PollFlags::OUT)];
    let patience = Timespec {
        tv_sec: 0,
        tv_nsec: 200_000_000,
    };
    match rustix::event::poll(&mut fds, Some(&patience)) {
        Ok(_) => {
            let got = fds[0].revents();
            got.contains(PollFlags::OUT) && !got.intersects(PollFlags::HUP | PollFlags::ERR)
        }
        Err(_) => false,
    }
}

type Tell = Arc<dyn Fn(String) + Send + Sync>;
/// Who hears of a panic that is not the screen's.
static BACKGROUND: Mutex<Option<Tell>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// Makes panics safe for the screen; call it before `TerminalGuard::enter`. A later call replaces `background`.
///
/// Where the screen is drawn, the terminal is restored first and the usual report follows. A panic in any other task
/// or thread while the screen is up goes to `background` as one line (message and place) and writes nothing;
/// its `JoinHandle` tells the rest.
pub fn install_panic_hook(background: impl Fn(String) + Send + Sync + 'static) {
    if let Ok(mut tell) = BACKGROUND.lock() {
        *tell = Some(Arc::new(background));
    }
    HOOK.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // A lock that can't be had counts as the screen's own fault: better a restored terminal than a lost report.
            let owner = OWNER.try_lock().ok().and_then(|owner| *owner);
            let elsewhere = owner.is_some_and(|owner| !owner.is_here());
            if elsewhere && ENTERED.load(Ordering::SeqCst) {
                let tell = BACKGROUND.try_lock().ok().and_then(|tell| tell.clone());
                if let Some(tell) = tell {
                    tell(describe(info));
                }
                return;
            }
            restore();
            report(info);
        }));
    });
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic");
    match info.location() {
        Some(at) => format!("{message} ({}:{})", at.file(), at.line()),
        None => message.to_owned(),
    }
}

/// Whether stopping ourselves makes sense: some shell must be there to continue us.
///
/// In the session leader's own process group (`ssh -t host dagtop`, a multiplexer's only command) nobody would.
pub fn can_suspend() -> bool {
    let group = rustix::process::getpgrp();
    rustix::process::getsid(None).is_ok_and(|session| session != group)
}

/// Stops the process group, as ctrl-z does for a program that doesn't handle it: a wrapper script stops with us.
/// Returns when continued.
pub fn stop_self() -> io::Result<()> {
    Ok(rustix::process::kill_current_process_group(
        rustix::process::Signal::STOP,
    )?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn restore_without_enter_does_nothing() {
        // Would leave the test runner's terminal in a strange state if it did.
        assert!(!ENTERED.load(Ordering::SeqCst));
        restore();
        assert!(!ENTERED.load(Ordering::SeqCst));
    }

    #[test]
    fn every_mode_that_is_switched_on_is_switched_off() {
        let on = [ENTER, FOCUS_ON, MOUSE_ON].concat();
        let on = String::from_utf8(on).unwrap();
        let off = String::from_utf8(LEAVE.to_vec()).unwrap();
        for mode in on.split("\x1b[?").filter_map(|s| s.split_once('h')) {
            assert!(off.contains(&format!("\x1b[?{}l", mode.0)), "{}", mode.0);
        }
        assert!(on.contains("?25l") && off.contains("?25h"));
        assert!(off.ends_with("?1049l"), "the main screen comes last");
    }

    #[tokio::test]
    async fn a_task_that_is_not_the_owner_is_told_apart() {
        let here = Owner::here();
        assert!(here.is_here());
        let other = tokio::spawn(async move { here.is_here() });
        assert!(!other.await.unwrap());
        let thread = std::thread::spawn(move || here.is_here());
        assert!(!thread.join().unwrap());
    }
}
