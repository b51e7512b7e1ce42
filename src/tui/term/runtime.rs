//! The loop: signals, hang-up, keys, events, frames, in this order of importance. Draws only when something changed,
//! everything that waits has been taken in, and a frame is due.

use std::future::{pending, ready};
use std::io;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, FuturesUnordered};
use futures_util::{FutureExt, StreamExt};
use ratatui::Frame;
use tokio::sync::mpsc;

use crate::alerts::channels::ScreenNotice;
use crate::model::SafeText;

use super::caps::Caps;
use super::clipboard::{self, Copied, CopyError};
use super::guard::{self, TerminalGuard};
use super::hangup;
use super::input::Input;
use super::outlet::Outlet;
use super::pace::Pace;
use super::program::Program;
use super::screen::Screen;
use super::signals::Signal;
use super::writer::WriteStats;

/// Events taken in one go before input is looked at again.
const EVENT_BATCH: usize = 64;
/// A signal to all that share the terminal may be heard this much later than that another program died of it.
const LATE_SIGNAL: Duration = Duration::from_millis(500);
/// An application that asks to be woken in the past is woken this often.
const MIN_WAKE_GAP: Duration = Duration::from_millis(10);

/// What a step did to the screen, or asks of the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Nothing on the screen changed.
    Idle,
    /// Something changed: after a key it is drawn at once, after an event in the next slot.
    Redraw,
    /// Something changed and somebody waits for it.
    RedrawNow,
    /// Paint everything anew (ctrl-l).
    Repaint,
    /// Give the terminal back and stop, as ctrl-z does.
    Suspend,
    /// End with this exit code.
    Quit(i32),
}

/// What the application wants from the terminal besides a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Copy this text; it must have been cleaned (`SafeText`). The outcome comes back as `Notice::Copied`.
    Copy(String),
    Bell,
    /// Names the window.
    Title(SafeText),
    /// A notification of the desktop that the terminal stands on.
    Notice(ScreenNotice),
    /// Gives the terminal to a program until it ends. The outcome comes back as `Notice::Returned`.
    Run(Program),
}

/// What the loop tells the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    Copied(Result<Copied, CopyError>),
    /// Nobody could continue us: not stopped.
    CannotSuspend,
    /// Back after a stop; clocks may have jumped.
    Resumed,
    /// The program that had the terminal has ended, or could not begin.
    Returned(Result<(), String>),
}

/// What the loop drives.
pub trait Application {
    type Event;

    fn handle(&mut self, input: Input) -> Flow;
    fn handle_event(&mut self, event: Self::Event) -> Flow;
    fn draw(&mut self, frame: &mut Frame);

    /// When `wake` wants to be called (a clock, a notice that disappears); `None`: no timer at all.
    fn next_wake(&self) -> Option<Instant> {
        None
    }
    fn wake(&mut self, _now: Instant) -> Flow {
        Flow::Idle
    }
    /// Asked after every step and every frame.
    fn take_requests(&mut self) -> Vec<Request> {
        Vec::new()
    }
    fn notice(&mut self, _notice: Notice) -> Flow {
        Flow::Idle
    }
}

/// Where everything comes from; all of it can be faked.
pub struct Sources<E> {
    /// Its end, or an error, means that the terminal can't be read any more.
    pub input: BoxStream<'static, io::Result<Input>>,
    pub events: BoxStream<'static, E>,
    pub signals: BoxStream<'static, Signal>,
    /// Ready when the terminal is gone.
    pub hangup: BoxFuture<'static, ()>,
}

/// The events of a channel as a stream.
pub fn events_of<E: Send + 'static>(mut receiver: mpsc::Receiver<E>) -> BoxStream<'static, E> {
    stream::poll_fn(move |cx| receiver.poll_recv(cx)).boxed()
}

/// Leaving the terminal and coming back.
pub trait Lifecycle {
    fn can_suspend(&self) -> bool;
    /// Gives the terminal back and stops; returns when continued.
    fn suspend(&mut self) -> io::Result<()>;
    /// Takes the terminal again.
    fn resume(&mut self) -> io::Result<()>;
    /// Gives the terminal to another program; `resume` takes it back.
    fn leave(&mut self);
    /// What is typed, from now on: nothing of it may be read while another program has the terminal.
    fn input(&mut self) -> BoxStream<'static, io::Result<Input>>;
}

impl Lifecycle for TerminalGuard {
    fn can_suspend(&self) -> bool {
        guard::can_suspend()
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.restore();
        guard::stop_self()
    }

    fn resume(&mut self) -> io::Result<()> {
        self.reenter()
    }

    fn leave(&mut self) {
        self.restore();
    }

    fn input(&mut self) -> BoxStream<'static, io::Result<Input>> {
        super::input::stream()
    }
}

/// How the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    pub code: i32,
    /// The terminal is gone, or stuck: nothing may be written to it any more, no last line either.
    pub hung_up: bool,
    pub stats: WriteStats,
}

enum Step<E> {
    Signal(Signal),
    HungUp,
    Input(Input),
    /// The terminal has taken the last frame.
    Sent(io::Result<Duration>),
    Draw,
    Copied(Result<Copied, CopyError>),
    /// The program that had the terminal has ended.
    Returned(Result<(), String>),
    Event(E),
    NoMoreEvents,
    Timer,
}

/// Runs until the application quits, a signal ends it or the terminal is gone. Never fails: a terminal that can't be
/// written or read any more is a terminal that is gone.
pub async fn run<A: Application, W: Outlet, L: Lifecycle>(
    app: &mut A,
    screen: &mut Screen<W>,
    lifecycle: &mut L,
    caps: &Caps,
    pace: Pace,
    sources: Sources<A::Event>,
) -> Exit {
    let driver = Driver {
        app,
        screen,
        lifecycle,
        tmux: caps.tmux,
        pace,
        copies: FuturesUnordered::new(),
        program: None,
        away: None,
        returned: None,
        suspended: false,
        last_wake: None,
    };
    driver.run(sources).await
}

/// Why the loop ends.
enum End {
    Code(i32),
    HungUp,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::HungUp
    }
}

struct Driver<'a, A, W: Outlet, L> {
    app: &'a mut A,
    screen: &'a mut Screen<W>,
    lifecycle: &'a mut L,
    tmux: bool,
    pace: Pace,
    copies: FuturesUnordered<BoxFuture<'static, Result<(), String>>>,
    /// A program that wants the terminal, and one that has it.
    program: Option<Program>,
    away: Option<BoxFuture<'static, Result<(), String>>>,
    returned: Option<Instant>,
    suspended: bool,
    last_wake: Option<Instant>,
}

impl<A: Application, W: Outlet, L: Lifecycle> Driver<'_, A, W, L> {
    async fn run(mut self, mut sources: Sources<A::Event>) -> Exit {
        let end = match self.cycle(&mut sources).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        let (code, hung_up) = match end {
            End::Code(code) => (code, false),
            End::HungUp => (hangup::EXIT_CODE, true),
        };
        Exit {
            code,
            hung_up,
            stats: self.screen.stats(),
        }
    }

    async fn cycle(
        &mut self,
        sources: &mut Sources<A::Event>,
    ) -> Result<std::convert::Infallible, End> {
        // The first frame waits for nobody.
        self.pace.input(Instant::now());
        let mut more_events = true;
        loop {
            if let Some(program) = self.program.take() {
                sources.input = stream::pending().boxed();
                self.go_away(program);
            }
            if self.may_paint() && self.pace.is_overdue(Instant::now()) {
                self.paint()?;
            }
            let urgent = self.may_paint() && self.pace.is_urgent();
            let wake = self.wake_at();
            let timer = self.frame_at().into_iter().chain(wake).min();
            let step = tokio::select! {
                biased;
                Some(signal) = sources.signals.next() => Step::Signal(signal),
                () = &mut sources.hangup => Step::HungUp,
                input = sources.input.next() => match input {
                    Some(Ok(input)) => Step::Input(input),
                    Some(Err(_)) | None => Step::HungUp,
                },
                sent = self.screen.done(), if self.screen.is_busy() => Step::Sent(sent),
                () = ready(()), if urgent => Step::Draw,
                Some(done) = self.copies.next(), if !self.copies.is_empty() => {
                    Step::Copied(self.finish_copy(done))
                }
                ended = returned(&mut self.away) => Step::Returned(ended),
                event = sources.events.next(), if more_events => match event {
                    Some(event) => Step::Event(event),
                    None => Step::NoMoreEvents,
                },
                () = sleep_until(timer) => Step::Timer,
            };
            match step {
                Step::Signal(signal) => self.signal(signal)?,
                Step::HungUp => return Err(End::HungUp),
                Step::Input(input) => self.input(input)?,
                Step::Sent(took) => self.pace.sent(took?),
                Step::Draw => self.paint()?,
                Step::Copied(outcome) => self.notice(Notice::Copied(outcome))?,
                Step::Returned(ended) => {
                    self.away = None;
                    self.returned = Some(Instant::now());
                    self.lifecycle.resume()?;
                    sources.input = self.lifecycle.input();
                    self.screen.repaint();
                    self.pace.input(Instant::now());
                    self.notice(Notice::Returned(ended))?;
                }
                Step::Event(event) => self.events(event, &mut sources.events)?,
                Step::NoMoreEvents => more_events = false,
                Step::Timer => self.timer_passed(wake)?,
            }
        }
    }

    fn frame_at(&self) -> Option<Instant> {
        self.pace.next_deadline().filter(|_| self.may_paint())
    }

    fn wake_at(&self) -> Option<Instant> {
        let at = self.app.next_wake()?;
        Some(match self.last_wake {
            Some(last) => at.max(last + MIN_WAKE_GAP),
            None => at,
        })
    }

    /// `wake` is what was waited for: asked again, an application that is late may say "now" for ever.
    fn timer_passed(&mut self, wake: Option<Instant>) -> Result<(), End> {
        let now = Instant::now();
        if wake.is_some_and(|at| at <= now) {
            self.last_wake = Some(now);
            let flow = self.app.wake(now);
            self.apply(flow, false)?;
        }
        if self.may_paint() && self.pace.is_due(now) {
            self.paint()?;
        }
        Ok(())
    }

    fn input(&mut self, input: Input) -> Result<(), End> {
        match input {
            Input::FocusGained => self.pace.focus(true),
            Input::FocusLost => self.pace.focus(false),
            // After sleep and wake the size may be the same and the picture gone.
            Input::Resize(..) => {
                self.screen.repaint();
                self.pace.input(Instant::now());
            }
            _ => {}
        }
        let flow = self.app.handle(input);
        self.apply(flow, true)
    }

    /// Takes the event and those behind it, a batch at a time.
    fn events(
        &mut self,
        first: A::Event,
        rest: &mut BoxStream<'static, A::Event>,
    ) -> Result<(), End> {
        let flow = self.app.handle_event(first);
        self.apply(flow, false)?;
        for _ in 1..EVENT_BATCH {
            let Some(Some(event)) = rest.next().now_or_never() else {
                break;
            };
            let flow = self.app.handle_event(event);
            self.apply(flow, false)?;
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal) -> Result<(), End> {
        match signal {
            // meant for the program that has the terminal, or has just died of it: it shared it with us
            Signal::Interrupt if self.away.is_some() || self.just_returned() => Ok(()),
            Signal::Terminate | Signal::Interrupt | Signal::Hangup => {
                Err(End::Code(signal.exit_code()))
            }
            Signal::Suspend => self.suspend(),
            Signal::Continue if self.away.is_some() => {
                self.suspended = false;
                Ok(())
            }
            Signal::Continue => {
                self.suspended = false;
                self.lifecycle.resume()?;
                self.screen.repaint();
                self.pace.input(Instant::now());
                self.notice(Notice::Resumed)
            }
        }
    }

    /// Stops; `Signal::Continue` takes up from there.
    fn suspend(&mut self) -> Result<(), End> {
        if self.suspended {
            return Ok(());
        }
        if !self.lifecycle.can_suspend() {
            return self.notice(Notice::CannotSuspend);
        }
        self.suspended = true;
        self.lifecycle.suspend()?;
        Ok(())
    }

    fn notice(&mut self, notice: Notice) -> Result<(), End> {
        let flow = self.app.notice(notice);
        self.apply(flow, true)
    }

    fn apply(&mut self, flow: Flow, by_person: bool) -> Result<(), End> {
        let now = Instant::now();
        match flow {
            Flow::Idle => {}
            Flow::Redraw if by_person => self.pace.input(now),
            Flow::Redraw => self.pace.data(now),
            Flow::RedrawNow => self.pace.input(now),
            Flow::Repaint => {
                self.screen.repaint();
                self.pace.input(now);
            }
            Flow::Suspend => self.suspend()?,
            Flow::Quit(code) => return Err(End::Code(code)),
        }
        self.requests()
    }

    fn requests(&mut self) -> Result<(), End> {
        for request in self.app.take_requests() {
            self.request(request)?;
        }
        Ok(())
    }

    fn request(&mut self, request: Request) -> Result<(), End> {
        match request {
            // Nobody hears a bell now; later it would mean nothing.
            Request::Bell | Request::Title(_) | Request::Notice(_) if !self.may_paint() => {}
            // OSC 2 of xterm; the text is free of controls
            Request::Title(text) => {
                self.screen
                    .send(format!("\x1b]2;{text}\x1b\\").as_bytes())?;
            }
            Request::Notice(notice) => {
                self.screen.send(notice.sequence().as_bytes())?;
            }
            Request::Bell => {
                self.screen.send(b"\x07")?;
            }
            Request::Copy(text) if self.tmux => {
                let copy = async move { clipboard::tmux(&text).await.map_err(|_| text) };
                self.copies.push(copy.boxed());
            }
            Request::Copy(text) => self.copies.push(ready(Err(text)).boxed()),
            // one at a time
            Request::Run(program) if self.away.is_none() && !self.suspended => {
                self.program = Some(program);
            }
            Request::Run(_) => {}
        }
        Ok(())
    }

    fn just_returned(&self) -> bool {
        self.returned.is_some_and(|at| at.elapsed() < LATE_SIGNAL)
    }

    fn go_away(&mut self, program: Program) {
        self.lifecycle.leave();
        let name = program.name();
        let run = async move {
            let ended = program.run().await;
            ended.map_err(|error| format!("{name} can't be run: {error}"))
        };
        self.away = Some(run.boxed());
    }

    /// tmux has it, or the terminal gets the text that comes back.
    fn finish_copy(&mut self, done: Result<(), String>) -> Result<Copied, CopyError> {
        match done {
            Ok(()) => Ok(Copied::Tmux),
            Err(text) => {
                let bytes = clipboard::osc52(&text)?;
                match self.screen.send(&bytes) {
                    Ok(_) => Ok(Copied::Osc52),
                    Err(e) => Err(CopyError::Terminal(e.to_string())),
                }
            }
        }
    }

    /// The terminal is ours and has taken the last frame.
    fn may_paint(&self) -> bool {
        !self.suspended && self.away.is_none() && !self.screen.is_busy()
    }

    fn paint(&mut self) -> Result<(), End> {
        let app = &mut *self.app;
        let waited_for = self.pace.is_urgent();
        let sent = self.screen.draw(|frame| app.draw(frame))?;
        self.pace.drawn(Instant::now());
        self.pace.weigh(sent.bytes, waited_for);
        if !self.screen.is_busy() {
            self.pace.sent(sent.blocked);
        }
        self.requests()
    }
}

/// Ready when the program that has the terminal has ended; never, when none has it.
async fn returned(away: &mut Option<BoxFuture<'static, Result<(), String>>>) -> Result<(), String> {
    match away {
        Some(program) => program.await,
        None => pending().await,
    }
}

/// Never ready without a deadline: nothing changed, no timer runs.
async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => pending().await,
    }
}

#[cfg(test)]
#[path = "runtime_tests.rs"]
mod tests;
