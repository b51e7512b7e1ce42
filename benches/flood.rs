//! Key to terminal while 1,000 events a second arrive, and 5,000 that are kept in the history as well: the real loop,
//! engine, app and picture with 1,000 pipelines at 200x60; only the backend is scripted, and the terminal takes
//! everything at once.
//!
//! `cargo bench --bench flood` takes fifteen seconds. Budget: under 5 ms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dagtop::backends::{Backend, BackendError, Link, Running};
use dagtop::engine::{DutySettings, Engine, Settings};
use dagtop::history::{Audit, Place};
use dagtop::model::{
    BackendId, BackendInfo, BackendStatus, Capabilities, Event, LogChunk, LogUpdate, NodeId,
    Pipeline, PipelineKey, Reach, SafeText,
};
use dagtop::tui::app;
use dagtop::tui::monitor::{Happening, Monitor};
use dagtop::tui::term::pace::Pace;
use dagtop::tui::term::runtime::{self, Lifecycle, events_of};
use dagtop::tui::term::{
    Application, Caps, ColorDepth, Flow, Input, KeyPress, Request, Screen, Sources, ThreadOutlet,
};
use dagtop::tui::theme::Theme;
use futures_util::{FutureExt, StreamExt};
use ratatui::Frame;
use ratatui::layout::Size;
use support::stage::Stage;

const PIPELINES: usize = 1000;
const KEYS: usize = 200;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    for (name, rate, kept) in [
        ("no events", 0, false),
        ("1,000 events/s", 1_000, false),
        ("5,000 events/s, kept", 5_000, true),
    ] {
        runtime.block_on(measure(name, rate, kept));
    }
}

/// Says so many things a second: runs that start and end, and now and then a line of a log.
struct Flood {
    info: BackendInfo,
    rate: u64,
    sent: Arc<Mutex<u64>>,
}

impl Flood {
    async fn pour(self, link: Link) -> Result<Infallible, BackendError> {
        let stage = Stage::new(0, 80, 24);
        link.emit(Event::Status(BackendStatus {
            reach: Reach::Up,
            ..BackendStatus::default()
        }))
        .await?;
        let key = |n: usize| PipelineKey::new(&self.info.id, format!("pipeline_{n:04}_daily"));
        link.emit(Event::Pipelines {
            list: (0..PIPELINES).map(key).map(Pipeline::new).collect(),
            complete: true,
        })
        .await?;
        for n in 0..PIPELINES {
            link.emit(stage.change_run(n, false)).await?;
        }
        let began = Instant::now();
        let mut count = 0;
        loop {
            if self.rate == 0 {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            // as many as are due: a timer that is late makes up for it
            let due = u64::try_from(began.elapsed().as_millis()).unwrap() * self.rate / 1000;
            while count < due {
                count += 1;
                let n = usize::try_from(count * 37).unwrap() % PIPELINES;
                let event = if count % 5 == 0 {
                    let node = key(n).run("scheduled__0").node(&NodeId::new("load"));
                    let text = format!("line {count} of a log\n").into_bytes();
                    Event::Log(LogChunk {
                        key: node.log(1),
                        update: LogUpdate::Append(text),
                    })
                } else {
                    stage.change_run(n, count / 1000 % 2 == 0)
                };
                link.emit(event).await?;
            }
            *self.sent.lock().unwrap() = count;
        }
    }
}

impl Backend for Flood {
    fn info(&self) -> &BackendInfo {
        &self.info
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
    fn run(self: Box<Self>, link: Link) -> Running {
        Box::pin(self.pour(link))
    }
}

/// When keys were pressed, and which of them the frame on its way shows.
#[derive(Default)]
struct Clock {
    pressed: Option<Instant>,
    shown: Option<Instant>,
    took: Vec<Duration>,
    frames: usize,
    bytes: usize,
}

/// The monitor, with a look at what passes.
struct Timed {
    monitor: Monitor,
    clock: Arc<Mutex<Clock>>,
}

impl Application for Timed {
    type Event = Happening;

    fn handle(&mut self, input: Input) -> Flow {
        self.monitor.handle(input)
    }
    fn handle_event(&mut self, event: Happening) -> Flow {
        self.monitor.handle_event(event)
    }
    fn draw(&mut self, frame: &mut Frame) {
        self.monitor.draw(frame);
        let mut clock = self.clock.lock().unwrap();
        clock.shown = clock.shown.or(clock.pressed.take());
    }
    fn next_wake(&self) -> Option<Instant> {
        self.monitor.next_wake()
    }
    fn wake(&mut self, now: Instant) -> Flow {
        self.monitor.wake(now)
    }
    fn take_requests(&mut self) -> Vec<Request> {
        self.monitor.take_requests()
    }
}

struct NoShell;

impl Lifecycle for NoShell {
    fn can_suspend(&self) -> bool {
        false
    }
    fn suspend(&mut self) -> std::io::Result<()> {
        Ok(())
    }
    fn resume(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn leave(&mut self) {}

    fn input(&mut self) -> futures_util::stream::BoxStream<'static, std::io::Result<Input>> {
        Box::pin(futures_util::stream::pending())
    }
}

async fn measure(name: &str, rate: u64, kept: bool) {
    let sent = Arc::new(Mutex::new(0));
    let backend = Flood {
        info: BackendInfo {
            id: BackendId::new("prod-airflow"),
            name: SafeText::new("prod-airflow"),
            kind: "airflow",
            read_only: false,
            protect: false,
            drives_runs: false,
            accent: None,
        },
        rate,
        sent: Arc::clone(&sent),
    };
    let dir = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    if kept {
        settings.duty = DutySettings {
            place: Some(Place::Folder(dir.path().to_owned())),
            lead: true,
            events: true,
            ..DutySettings::default()
        };
    }
    let (engine, events) =
        Engine::start(vec![Box::new(backend)], &settings, Audit::open(dir.path()));
    let theme = Theme::terminal(ColorDepth::Ansi16, true);
    let (monitor, happenings) =
        Monitor::new(engine, events, app::Settings::default(), theme, (200, 60));
    let clock = Arc::new(Mutex::new(Clock::default()));
    let theirs = Arc::clone(&clock);
    let outlet = ThreadOutlet::start(move |bytes| {
        let mut clock = theirs.lock().unwrap();
        clock.frames += 1;
        clock.bytes += bytes.len();
        if let Some(pressed) = clock.shown.take() {
            clock.took.push(pressed.elapsed());
        }
        Ok(())
    })
    .unwrap();
    let caps = Caps {
        color: ColorDepth::Ansi16,
        unicode: true,
        sync_output: true,
        ssh: false,
        tmux: false,
        dumb: false,
    };
    let mut screen = Screen::new(outlet, &caps, Box::new(|| Size::new(200, 60))).unwrap();
    let (keys, input) = tokio::sync::mpsc::channel(4);
    let sources = Sources {
        input: events_of(input).map(Ok).boxed(),
        events: happenings,
        signals: futures_util::stream::pending().boxed(),
        hangup: std::future::pending().boxed(),
    };
    let mut timed = Timed {
        monitor,
        clock: Arc::clone(&clock),
    };
    let began = Instant::now();
    let typist = tokio::spawn({
        let clock = Arc::clone(&clock);
        async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            for n in 0..KEYS {
                // never in step with frames
                tokio::time::sleep(Duration::from_millis(10 + (n as u64 * 7) % 23)).await;
                clock.lock().unwrap().pressed = Some(Instant::now());
                let key = KeyPress::char(if n / 10 % 2 == 0 { 'j' } else { 'k' });
                keys.send(Input::Key(key)).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            // the end of input ends the loop
        }
    });
    runtime::run(
        &mut timed,
        &mut screen,
        &mut NoShell,
        &caps,
        Pace::new(false),
        sources,
    )
    .await;
    typist.await.unwrap();
    let seconds = began.elapsed().as_secs_f64();
    timed
        .monitor
        .into_engine()
        .shutdown(Duration::from_millis(100))
        .await;
    let mut clock = clock.lock().unwrap();
    clock.took.sort();
    let took = &clock.took;
    let at = |share: usize| took[(took.len() - 1) * share / 100];
    println!(
        "{name:20}: {} of {KEYS} keys answered; median {:?}, 90 % {:?}, 99 % {:?}, worst {:?}; {:.0} events/s, {:.1} frames/s, {:.1} KB/s",
        took.len(),
        at(50),
        at(90),
        at(99),
        at(100),
        *sent.lock().unwrap() as f64 / seconds,
        clock.frames as f64 / seconds,
        clock.bytes as f64 / 1000.0 / seconds,
    );
}
