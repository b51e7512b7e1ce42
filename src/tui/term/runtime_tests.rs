#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::io::Write;
use std::sync::{Arc, Mutex};

use ratatui::layout::Size;
use ratatui::style::Style;

use super::super::caps::ColorDepth;
use super::super::input::KeyPress;
use super::*;

/// Collects what would go to the terminal and says, at each write, how many keys and events had been handled.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<Vec<u8>>>>);

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(bytes.to_vec());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Outlet for Tape {}

impl Tape {
    fn writes(&self) -> Vec<String> {
        let tape = self.0.lock().unwrap();
        tape.iter()
            .map(|w| String::from_utf8_lossy(w).replace('\x1b', "^"))
            .collect()
    }
}

/// Counts what it gets and shows the counts.
#[derive(Default)]
struct Counter {
    keys: usize,
    events: usize,
    wakes: usize,
    wake_at: Option<Instant>,
    /// Always wants to be woken "now", and goes by its own clock.
    late: bool,
    requests: Vec<Request>,
    notices: Vec<Notice>,
}

impl Application for Counter {
    type Event = u32;

    fn handle(&mut self, input: Input) -> Flow {
        match input {
            Input::Key(key) if key == KeyPress::char('q') => Flow::Quit(7),
            Input::Key(key) if key == KeyPress::ctrl('z') => Flow::Suspend,
            Input::Key(key) if key == KeyPress::char('i') => Flow::Idle,
            Input::Key(key) if key == KeyPress::char('y') => {
                self.requests.push(Request::Copy("text".to_owned()));
                Flow::Idle
            }
            Input::Key(key) if key == KeyPress::char('b') => {
                self.requests.push(Request::Bell);
                Flow::Idle
            }
            Input::Key(_) => {
                self.keys += 1;
                Flow::Redraw
            }
            _ => Flow::Idle,
        }
    }

    fn handle_event(&mut self, event: u32) -> Flow {
        if event == 0 {
            return Flow::Quit(0);
        }
        self.events += 1;
        Flow::Redraw
    }

    fn draw(&mut self, frame: &mut Frame) {
        let text = format!("k{} e{} w{}", self.keys, self.events, self.wakes);
        frame.buffer_mut().set_string(0, 0, text, Style::new());
    }

    fn next_wake(&self) -> Option<Instant> {
        if self.late {
            return Some(Instant::now());
        }
        self.wake_at
    }

    fn wake(&mut self, _now: Instant) -> Flow {
        self.wakes += 1;
        self.wake_at = None;
        Flow::Redraw
    }

    fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    fn notice(&mut self, notice: Notice) -> Flow {
        self.notices.push(notice);
        Flow::Redraw
    }
}

#[derive(Default)]
struct FakeLife {
    shell: bool,
    calls: Vec<&'static str>,
}

impl Lifecycle for FakeLife {
    fn can_suspend(&self) -> bool {
        self.shell
    }
    fn suspend(&mut self) -> io::Result<()> {
        self.calls.push("suspend");
        Ok(())
    }
    fn resume(&mut self) -> io::Result<()> {
        self.calls.push("resume");
        Ok(())
    }

    fn leave(&mut self) {}

    fn input(&mut self) -> BoxStream<'static, io::Result<Input>> {
        stream::pending().boxed()
    }
}

fn caps() -> Caps {
    Caps {
        color: ColorDepth::Ansi16,
        unicode: true,
        sync_output: false,
        ssh: false,
        tmux: false,
        dumb: false,
    }
}

fn keys(text: &str) -> BoxStream<'static, io::Result<Input>> {
    let keys: Vec<_> = text
        .chars()
        .map(|c| match c {
            'Z' => Ok(Input::Key(KeyPress::ctrl('z'))),
            c => Ok(Input::Key(KeyPress::char(c))),
        })
        .collect();
    stream::iter(keys).chain(stream::pending()).boxed()
}

/// The items, each after the number of milliseconds in front of it.
fn timed<T: Send + 'static>(items: Vec<(u64, T)>) -> BoxStream<'static, T> {
    stream::iter(items)
        .then(|(ms, item)| async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            item
        })
        .chain(stream::pending())
        .boxed()
}

fn quiet<T: Send + 'static>() -> BoxStream<'static, T> {
    stream::pending().boxed()
}

fn sources(input: BoxStream<'static, io::Result<Input>>) -> Sources<u32> {
    Sources {
        input,
        events: quiet(),
        signals: quiet(),
        hangup: pending().boxed(),
    }
}

async fn drive(
    app: &mut Counter,
    life: &mut FakeLife,
    sources: Sources<u32>,
) -> (Exit, Vec<String>) {
    let tape = Tape::default();
    let size = Box::new(|| Size::new(40, 2));
    let mut screen = Screen::new(tape.clone(), &caps(), size).unwrap();
    let caps = caps();
    let run = run(app, &mut screen, life, &caps, Pace::new(false), sources);
    let exit = tokio::time::timeout(Duration::from_secs(20), run)
        .await
        .expect("ends");
    (exit, tape.writes())
}

#[tokio::test]
async fn keys_that_wait_are_drained_before_a_single_frame() {
    let mut app = Counter::default();
    let input = keys("jjjjj")
        .take(5)
        .chain(timed(vec![(50, Ok(Input::Key(KeyPress::char('q'))))]));
    let (exit, writes) = drive(&mut app, &mut FakeLife::default(), sources(input.boxed())).await;
    assert_eq!((exit.code, exit.hung_up), (7, false));
    assert_eq!(writes, ["^[1Hk5 e0 w0^[?25l"]);
}

#[tokio::test]
async fn the_first_frame_does_not_wait_for_events() {
    let mut app = Counter::default();
    let mut from = sources(quiet());
    from.events = timed(vec![(30, 1), (150, 0)]);
    let (exit, writes) = drive(&mut app, &mut FakeLife::default(), from).await;
    assert_eq!(exit.code, 0);
    assert_eq!(writes, ["^[1Hk0 e0 w0^[?25l", "^[1;5H1"]);
}

#[tokio::test]
async fn a_key_is_drawn_before_the_events_that_wait() {
    let mut app = Counter::default();
    let mut from = sources(keys("j"));
    // Always more events: the key's frame must not wait for their end.
    let flood = stream::iter(std::iter::repeat_n(1, 5_000)).chain(stream::iter([0]));
    from.events = flood.chain(stream::pending()).boxed();
    let (_, writes) = drive(&mut app, &mut FakeLife::default(), from).await;
    assert_eq!(writes[0], "^[1Hk1 e0 w0^[?25l");
    assert_eq!(app.events, 5_000);
    assert!(
        writes.len() <= 2 + 5_000 / EVENT_BATCH,
        "frames are coalesced: {}",
        writes.len()
    );
}

#[tokio::test]
async fn nothing_changed_means_nothing_drawn() {
    let mut app = Counter::default();
    let input = timed(vec![
        (20, Ok(Input::Key(KeyPress::char('i')))),
        (20, Ok(Input::FocusLost)),
        (20, Ok(Input::Key(KeyPress::char('q')))),
    ]);
    let (exit, writes) = drive(&mut app, &mut FakeLife::default(), sources(input)).await;
    assert_eq!(writes.len(), 1);
    assert_eq!(exit.stats.frames, 1);
}

#[tokio::test]
async fn a_wake_is_called_once_when_its_time_has_come() {
    let mut app = Counter {
        wake_at: Some(Instant::now() + Duration::from_millis(20)),
        ..Counter::default()
    };
    let input = timed(vec![(250, Ok(Input::Key(KeyPress::char('q'))))]);
    let (_, writes) = drive(&mut app, &mut FakeLife::default(), sources(input)).await;
    assert_eq!(app.wakes, 1);
    assert_eq!(writes.last().unwrap(), "^[1;8H1");
}

#[tokio::test]
async fn an_application_that_is_always_late_is_woken_at_a_bounded_rate() {
    let mut app = Counter {
        late: true,
        ..Counter::default()
    };
    let input = timed(vec![(300, Ok(Input::Key(KeyPress::char('q'))))]);
    let start = Instant::now();
    drive(&mut app, &mut FakeLife::default(), sources(input)).await;
    let most = start.elapsed().as_millis() / MIN_WAKE_GAP.as_millis() + 1;
    assert!(
        app.wakes >= 2 && app.wakes as u128 <= most,
        "{} wakes",
        app.wakes
    );
}

#[tokio::test]
async fn signals_end_the_loop_with_their_code() {
    for (signal, code) in [
        (Signal::Terminate, 143),
        (Signal::Interrupt, 130),
        (Signal::Hangup, 129),
    ] {
        let mut from = sources(quiet());
        from.signals = timed(vec![(5, signal)]);
        let (exit, _) = drive(&mut Counter::default(), &mut FakeLife::default(), from).await;
        assert_eq!((exit.code, exit.hung_up), (code, false), "{signal:?}");
    }
}

#[tokio::test]
async fn a_terminal_that_is_gone_ends_the_loop_without_a_write() {
    let mut from = sources(quiet());
    from.hangup = ready(()).boxed();
    let (exit, writes) = drive(&mut Counter::default(), &mut FakeLife::default(), from).await;
    assert_eq!((exit.code, exit.hung_up), (129, true));
    assert!(writes.is_empty());
    // So does one that can't be read ...
    let gone = stream::iter([Err(io::Error::other("EIO"))]).chain(stream::pending());
    let (exit, _) = drive(
        &mut Counter::default(),
        &mut FakeLife::default(),
        sources(gone.boxed()),
    )
    .await;
    assert!(exit.hung_up);
    let (exit, _) = drive(
        &mut Counter::default(),
        &mut FakeLife::default(),
        sources(stream::empty().boxed()),
    )
    .await;
    assert!(exit.hung_up);
}

#[tokio::test]
async fn a_terminal_that_cannot_be_written_ends_the_loop() {
    struct Dead;
    impl Write for Dead {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Outlet for Dead {}
    let mut screen = Screen::new(Dead, &caps(), Box::new(|| Size::new(40, 2))).unwrap();
    let mut app = Counter::default();
    let exit = run(
        &mut app,
        &mut screen,
        &mut FakeLife::default(),
        &caps(),
        Pace::new(false),
        sources(quiet()),
    )
    .await;
    assert_eq!((exit.code, exit.hung_up), (129, true));
}

#[tokio::test]
async fn suspended_means_silent_until_continued() {
    let mut life = FakeLife {
        shell: true,
        ..FakeLife::default()
    };
    let mut app = Counter::default();
    let quit = timed(vec![(300, Ok(Input::Key(KeyPress::char('q'))))]);
    let mut from = sources(keys("jZ").take(2).chain(quit).boxed());
    from.events = timed(vec![(20, 1)]);
    from.signals = timed(vec![(150, Signal::Continue)]);
    let (_, writes) = drive(&mut app, &mut life, from).await;
    assert_eq!(life.calls, ["suspend", "resume"]);
    assert_eq!(app.notices, [Notice::Resumed]);
    // Stopped before the first frame; the event meanwhile drew nothing; one full frame afterwards.
    assert_eq!(writes, ["^[2J^[1H^[1Hk1 e1 w0^[?25l"]);
}

#[tokio::test]
async fn suspend_is_refused_where_nobody_could_continue_us() {
    let mut life = FakeLife::default();
    let mut app = Counter::default();
    let (_, _) = drive(&mut app, &mut life, sources(keys("Zq"))).await;
    assert!(life.calls.is_empty());
    assert_eq!(app.notices, [Notice::CannotSuspend]);
}

#[tokio::test]
async fn bell_and_copy_go_to_the_terminal_outside_of_frames() {
    let mut app = Counter::default();
    let quit = timed(vec![(100, Ok(Input::Key(KeyPress::char('q'))))]);
    let input = keys("by").take(2).chain(quit).boxed();
    let (_, writes) = drive(&mut app, &mut FakeLife::default(), sources(input)).await;
    assert_eq!(app.notices, [Notice::Copied(Ok(Copied::Osc52))]);
    assert!(writes.contains(&"\x07".to_owned()), "{writes:?}");
    assert!(
        writes.contains(&"^]52;c;dGV4dA==\x07".to_owned()),
        "{writes:?}"
    );
}

#[tokio::test]
async fn a_resize_repaints_even_when_the_application_does_not_care() {
    let mut app = Counter::default();
    let input = timed(vec![
        (20, Ok(Input::Resize(40, 2))),
        (50, Ok(Input::Key(KeyPress::char('q')))),
    ]);
    let (_, writes) = drive(&mut app, &mut FakeLife::default(), sources(input)).await;
    assert_eq!(writes.len(), 2);
    assert!(writes[1].starts_with("^[2J"), "{writes:?}");
}

#[tokio::test]
async fn a_stalled_terminal_stops_neither_events_nor_signals() {
    use super::super::outlet::ThreadOutlet;
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let started = Arc::new(Mutex::new(0));
    let count = Arc::clone(&started);
    let out = ThreadOutlet::start(move |_| {
        *count.lock().unwrap() += 1;
        let _ = gate.recv();
        Ok(())
    })
    .unwrap();
    let mut screen = Screen::new(out, &caps(), Box::new(|| Size::new(40, 2))).unwrap();
    let mut app = Counter::default();
    let mut from = sources(quiet());
    from.events = timed(vec![(20, 1), (20, 1), (200, 1)]);
    from.signals = timed(vec![(400, Signal::Terminate)]);
    let mut life = FakeLife::default();
    let exit = run(
        &mut app,
        &mut screen,
        &mut life,
        &caps(),
        Pace::new(false),
        from,
    )
    .await;
    assert_eq!((exit.code, app.events), (143, 3));
    assert_eq!(exit.stats.frames, 1, "frames do not queue up");
    assert_eq!(*started.lock().unwrap(), 1);
    drop(release);
}

#[tokio::test]
async fn a_frame_that_waits_is_drawn_when_the_terminal_has_room_again() {
    use super::super::outlet::ThreadOutlet;
    let tape = Tape::default();
    let mut theirs = tape.clone();
    let out = ThreadOutlet::start(move |bytes| {
        std::thread::sleep(Duration::from_millis(100));
        theirs.write_all(bytes)
    })
    .unwrap();
    let mut screen = Screen::new(out, &caps(), Box::new(|| Size::new(40, 2))).unwrap();
    let mut from = sources(timed(vec![
        (20, Ok(Input::Key(KeyPress::char('j')))),
        (20, Ok(Input::Key(KeyPress::char('j')))),
        (400, Ok(Input::Key(KeyPress::char('q')))),
    ]));
    from.events = quiet();
    let mut life = FakeLife::default();
    run(
        &mut Counter::default(),
        &mut screen,
        &mut life,
        &caps(),
        Pace::new(false),
        from,
    )
    .await;
    assert_eq!(tape.writes(), ["^[1Hk0 e0 w0^[?25l", "^[1;2H2"]);
}
