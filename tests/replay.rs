//! The screen of a replay: the same as it was live, steps and jumps by keys, and nothing that could be done.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "../benches/replay.rs"]
mod day;
mod support;

use std::path::Path;

use chrono::{DateTime, Duration, TimeZone as _, Utc};
use dagtop::alerts::{Alerts, Rules};
use dagtop::engine::Watch;
use dagtop::engine::replay::{Answer, Line, Lives, Moved, Reel, Span, beside, head};
use dagtop::history::{Keeper, Log, Retold, Sqlite, Store as _, Write};
use dagtop::logs::LogStore;
use dagtop::model::*;
use dagtop::tui::app::{App, Effect, Msg, Replay, Settings, Went};
use dagtop::tui::command::{Key, TABLE, disabled_reason};
use dagtop::tui::screens;
use dagtop::tui::term::{ColorDepth, Input};
use dagtop::tui::theme::Theme;
use dagtop::world::{Changes, World};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use support::home::Home;

const SIZE: (u16, u16) = (160, 40);

fn t(seconds: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 20, 3, 0, 0).unwrap() + Duration::seconds(seconds)
}

fn info() -> BackendInfo {
    BackendInfo {
        id: BackendId::new("prod"),
        name: SafeText::new("prod"),
        kind: "airflow",
        read_only: false,
        drives_runs: false,
        protect: false,
        accent: None,
    }
}

fn watch() -> Watch {
    Watch::new(
        World::new([info()]),
        LogStore::new(1 << 20),
        Alerts::new(Rules::default()),
        Duration::minutes(2),
    )
}

fn key(name: &str) -> PipelineKey {
    PipelineKey::new(&BackendId::new("prod"), name)
}

fn run(name: &str, number: i64, state: RunState, started: i64, ended: Option<i64>) -> Event {
    let mut run = Run::new(key(name).run(number.to_string()), t(started));
    run.state = state;
    run.started_at = Some(t(started));
    run.ended_at = ended.map(t);
    Event::Runs { list: vec![run] }
}

fn nodes(name: &str, number: i64, list: &[(&str, NodeState, i64)], complete: bool) -> Event {
    let list = list.iter().map(|(name, state, at)| {
        let mut node = Node::new(NodeId::new(name));
        node.state = *state;
        node.attempt = u32::from(*state != NodeState::Pending);
        node.started_at = (*state != NodeState::Pending).then(|| t(*at));
        node.ended_at = state.ended().then(|| t(*at + 5));
        node
    });
    Event::Nodes {
        run: key(name).run(number.to_string()),
        list: list.collect(),
        complete,
    }
}

/// A night: two pipelines, one of which fails at 03:02:00 and is tried again.
fn night() -> Vec<(i64, Event)> {
    use NodeState::{Failed, Pending, Running, Succeeded};
    vec![
        (
            0,
            Event::Status(BackendStatus {
                reach: Reach::Up,
                version: SafeText::new("Airflow 3.1.0"),
                ..BackendStatus::default()
            }),
        ),
        (
            1,
            Event::Pipelines {
                list: vec![Pipeline::new(key("orders")), Pipeline::new(key("stock"))],
                complete: true,
            },
        ),
        (2, run("orders", 1, RunState::Succeeded, -3600, Some(-3000))),
        (3, run("stock", 1, RunState::Succeeded, -3500, Some(-3300))),
        (30, run("orders", 2, RunState::Running, 30, None)),
        (
            31,
            Event::Topology {
                run: key("orders").run("2"),
                topology: Topology {
                    nodes: ["extract", "load", "report"].map(NodeId::new).to_vec(),
                    groups: Vec::new(),
                    edges: vec![
                        (NodeId::new("extract"), NodeId::new("load")),
                        (NodeId::new("load"), NodeId::new("report")),
                    ],
                },
            },
        ),
        (
            32,
            nodes(
                "orders",
                2,
                &[
                    ("extract", Running, 32),
                    ("load", Pending, 0),
                    ("report", Pending, 0),
                ],
                true,
            ),
        ),
        (
            60,
            nodes(
                "orders",
                2,
                &[("extract", Succeeded, 32), ("load", Running, 60)],
                false,
            ),
        ),
        (90, run("stock", 2, RunState::Running, 90, None)),
        (120, nodes("orders", 2, &[("load", Failed, 60)], false)),
        (121, run("orders", 2, RunState::Failed, 30, Some(121))),
        (150, run("stock", 2, RunState::Succeeded, 90, Some(150))),
        (200, run("orders", 2, RunState::Running, 30, None)),
        (201, nodes("orders", 2, &[("load", Running, 201)], false)),
        (
            240,
            nodes(
                "orders",
                2,
                &[("load", Succeeded, 201), ("report", Running, 240)],
                false,
            ),
        ),
        (
            260,
            nodes("orders", 2, &[("report", Succeeded, 240)], false),
        ),
        (261, run("orders", 2, RunState::Succeeded, 30, Some(261))),
        (300, run("stock", 3, RunState::Running, 300, None)),
    ]
}

fn text(
    app: &App,
    watch: &Watch,
    size: (u16, u16),
    depth: ColorDepth,
    unicode: bool,
) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    let theme = Theme::terminal(depth, unicode);
    terminal
        .draw(|frame| screens::draw(app, watch, &theme, frame))
        .unwrap();
    let buffer = terminal.backend().buffer().clone();
    let rows = (0..size.1).map(|y| {
        let cells = (0..size.0).map(|x| buffer[(x, y)].symbol().to_owned());
        cells.collect::<String>().trim_end().to_owned()
    });
    rows.collect()
}

/// The screen without what surrounds it.
fn body(lines: &[String], below: usize) -> String {
    lines[1..lines.len() - below].join("\n")
}

/// Watches the night live, keeps it as the engine does, and remembers the screen at these times.
fn live(dir: &Path, times: &[i64], keys: &[&str]) -> Vec<String> {
    let (heard, _keep) = tokio::sync::mpsc::channel(64);
    let mut keeper = Keeper::start(Box::new(Sqlite::open(dir).unwrap()), heard, true, None);
    let mut watch = watch();
    let mut screens = Vec::new();
    let mut events = night().into_iter().peekable();
    for second in 0..=320 {
        if second % 80 == 0 {
            let at = t(second);
            keeper.world(Retold::Begin {
                at,
                head: head(&watch.world, at).text().unwrap(),
            });
            keeper.world(Retold::Events(watch.world.retell(10)));
            for line in beside(&watch, at) {
                keeper.world(Retold::Line(line.text().unwrap()));
            }
            keeper.world(Retold::End);
        }
        while let Some((at, event)) = events.next_if(|(at, _)| *at <= second) {
            let stamped = Stamped {
                backend: BackendId::new("prod"),
                at: t(at),
                event,
            };
            if watch.apply(&stamped).any() {
                assert!(keeper.event(&stamped));
            }
        }
        watch.refresh(t(second));
        let (changed, gone) = watch.alerts.take_changes();
        if !changed.is_empty() || !gone.is_empty() {
            let line = Line::alerts(t(second), Lives { changed, gone });
            keeper.beside(t(second), line.text().unwrap());
        }
        if times.contains(&second) {
            // somebody looks, with one line less than a replay has
            let size = (SIZE.0, SIZE.1 - 1);
            let mut app = App::new(Settings::default(), t(second), size);
            let tell = |app: &mut App, msg| {
                for effect in app.update(&watch, msg) {
                    if let Effect::ComputeLayout(wanted) = effect {
                        app.update(&watch, Msg::LayoutReady(wanted.compute()));
                    }
                }
            };
            tell(&mut app, Msg::Refreshed);
            for key in keys {
                tell(
                    &mut app,
                    Msg::Input(Input::Key(Key::parse(key).unwrap().press())),
                );
            }
            tell(&mut app, Msg::Tick(t(second)));
            screens.push(body(&text(&app, &watch, size, ColorDepth::Ansi16, true), 1));
        }
    }
    keeper.close();
    screens
}

/// A person at the keys of a replay.
struct Session {
    app: App,
    watch: Watch,
    reel: Reel,
    wall: DateTime<Utc>,
    /// What was asked of anybody but the reel.
    others: Vec<Effect>,
}

impl Session {
    fn new(dir: &Path) -> Self {
        let span = Span {
            from: t(0),
            to: t(310),
        };
        let store = Box::new(Sqlite::open(dir).unwrap());
        let reel = Reel::open(store, vec![info()], span).unwrap();
        let wall = t(1_000_000);
        let mut app = App::new(Settings::default(), wall, SIZE);
        app.start_replay(Replay::new(reel.span(), t(0)));
        let mut session = Self {
            app,
            watch: watch(),
            reel,
            wall,
            others: Vec::new(),
        };
        session.watch.replayed = true;
        session.run(Effect::Replay(dagtop::engine::replay::Ask::To(t(0))));
        session
    }

    fn send(&mut self, msg: Msg) {
        for effect in self.app.update(&self.watch, msg) {
            self.run(effect);
        }
    }

    fn run(&mut self, effect: Effect) {
        match effect {
            Effect::Replay(ask) => match self.reel.answer(&ask).unwrap() {
                Answer::Moved(at, moved) => {
                    match moved {
                        Moved::Scene(scene) => drop(self.watch.shows(*scene)),
                        Moved::Lines(lines) => lines.into_iter().for_each(|line| {
                            self.watch.goes_on(line);
                        }),
                    }
                    self.watch.touch();
                    self.send(Msg::Went(Went::To(at)));
                    self.watch.refresh(at);
                    let all = Changes {
                        fleet: true,
                        nodes: true,
                        shape: true,
                        system: true,
                        ..Changes::default()
                    };
                    self.send(Msg::World(all));
                    self.send(Msg::Refreshed);
                }
                Answer::Nowhere(sought, forward) => {
                    self.send(Msg::Went(Went::Nowhere(sought, forward)))
                }
                Answer::Marks(more, all) => self.send(Msg::Went(Went::Marks(more, all))),
                Answer::Tails(_) => panic!("nobody asked"),
            },
            Effect::ComputeLayout(wanted) => self.send(Msg::LayoutReady(wanted.compute())),
            Effect::ComputeLanes(wanted) => self.send(Msg::LanesReady(wanted.compute())),
            other => self.others.push(other),
        }
    }

    fn wait(&mut self, milliseconds: i64) {
        self.wall += Duration::milliseconds(milliseconds);
        self.send(Msg::Tick(self.wall));
    }

    fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.split(' ') {
            self.wait(400);
            self.send(Msg::Input(Input::Key(Key::parse(key).unwrap().press())));
        }
        self
    }

    fn seconds(&self) -> i64 {
        (self.app.now - t(0)).num_seconds()
    }

    fn screen(&self) -> Vec<String> {
        text(&self.app, &self.watch, SIZE, ColorDepth::Ansi16, true)
    }
}

#[test]
fn the_screen_is_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let times = [5, 31, 70, 119, 125, 160, 199, 205, 262, 305];
    let fleet = live(dir.path(), &times, &[]);
    let mut session = Session::new(dir.path());
    let order = [3, 9, 0, 4, 5, 8, 7, 1, 2, 6];
    for n in order.into_iter().chain(0..times.len()) {
        let clock = t(times[n]).format("%H:%M:%S").to_string();
        session.run(Effect::Replay(dagtop::engine::replay::Ask::To(t(times[n]))));
        session.wait(1000);
        let shown = session.screen();
        assert_eq!(body(&shown, 2), fleet[n], "at {clock}");
        assert!(
            shown[0].contains(&format!(" REPLAY {clock} ×1 ‖")),
            "{}",
            shown[0]
        );
    }
}

#[test]
fn a_run_is_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let times = [125, 245];
    let runs = live(dir.path(), &times, &["enter"]);
    for (n, at) in times.into_iter().enumerate() {
        let mut session = Session::new(dir.path());
        session.run(Effect::Replay(dagtop::engine::replay::Ask::To(t(at))));
        session.keys("enter");
        session.wait(1000);
        assert_eq!(body(&session.screen(), 2), runs[n], "at {at}");
    }
}

#[test]
fn keys_step_play_and_jump() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path(), &[], &[]);
    let mut s = Session::new(dir.path());
    let mut steps = Vec::new();
    for _ in 0..6 {
        s.keys(".");
        steps.push(s.seconds());
    }
    assert_eq!(steps, [1, 2, 3, 30, 31, 32]);
    s.keys(", ,");
    assert_eq!(s.seconds(), 30);
    // failures: the node, then its run
    s.keys("}");
    assert_eq!(s.seconds(), 120);
    s.keys("}");
    assert_eq!(s.seconds(), 121);
    s.keys("}");
    assert_eq!(s.seconds(), 121);
    assert!(s.screen().last().unwrap().contains("no later failure"));
    s.keys("{ {");
    assert_eq!(s.seconds(), 120);
    // to the ends
    s.keys("end");
    assert_eq!(s.seconds(), 310);
    s.keys("home");
    assert_eq!(s.seconds(), 0);
    // playing: a second of the wall is a second there, then ten
    s.keys("space");
    for _ in 0..20 {
        s.wait(100);
    }
    assert_eq!(s.seconds(), 2);
    assert!(s.screen()[0].contains("×1 ▶"), "{}", s.screen()[0]);
    s.keys("+");
    let before = s.app.now;
    for _ in 0..20 {
        s.wait(100);
    }
    assert_eq!(s.app.now - before, Duration::seconds(20));
    s.keys("space");
    let before = s.app.now;
    s.wait(5_000);
    assert_eq!(s.app.now, before, "it pauses");
    // while it plays there is a timer, else there is none
    let ahead = |s: &Session| s.app.next_wake(&s.watch) - s.wall;
    assert!(ahead(&s) > Duration::seconds(1), "{}", ahead(&s));
    s.keys("space");
    assert!(ahead(&s) <= Duration::milliseconds(100));
    s.keys("space");
    // a time, written
    s.keys("@ 0 3 : 0 4 enter");
    assert_eq!(s.seconds(), 240);
    s.keys(": a t space 0 3 : 0 2 enter");
    assert_eq!(s.seconds(), 120);
    s.keys("@ n o enter");
    assert!(s.screen().join("\n").contains("this is no time"));
    s.keys("esc");
    // it ends by itself
    s.keys("end - - - { space + + +");
    for _ in 0..40 {
        s.wait(100);
    }
    assert_eq!(s.seconds(), 310);
    assert!(!s.app.replay.as_ref().unwrap().playing);
}

#[test]
fn nothing_is_done_asked_or_written() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path(), &[], &[]);
    let lines = |dir: &Path| {
        let mut store = Sqlite::open(dir).unwrap();
        Log::ALL.map(|log| store.last(log).unwrap())
    };
    let before = lines(dir.path());
    let mut s = Session::new(dir.path());
    s.keys("} }");
    let mut refused = 0;
    for row in TABLE.iter().filter(|row| row.danger || row.command.acts()) {
        let why = disabled_reason(row.command, &s.app, &s.watch);
        let why = why.unwrap_or_else(|| panic!("{} can be done", row.name));
        assert!(why.contains("this is a replay"), "{}: {why}", row.name);
        refused += 1;
    }
    assert!(refused >= 15, "{refused}");
    for screen in ["", "enter", "d", "esc esc 2", "3", "4"] {
        if !screen.is_empty() {
            s.keys(screen);
        }
        s.keys("r R p u x t m c ! a z A ctrl-x T W ctrl-r y");
        assert!(s.app.dialog.is_none(), "after {screen}");
    }
    let asked = s.others.iter().filter(|effect| {
        !matches!(
            effect,
            Effect::Engine(dagtop::engine::Command::Focus(_))
                | Effect::Copy(_)
                | Effect::CopyLines(_)
        )
    });
    assert_eq!(asked.collect::<Vec<_>>(), Vec::<&Effect>::new());
    assert_eq!(lines(dir.path()), before);
}

#[test]
fn it_can_be_told_from_now_without_colour_and_at_any_size() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path(), &[], &[]);
    let mut s = Session::new(dir.path());
    s.keys("}");
    s.run(Effect::Replay(dagtop::engine::replay::Ask::Marks));
    for size in [(160, 48), (80, 24), (60, 15), (40, 10), (24, 6)] {
        s.send(Msg::Input(Input::Resize(size.0, size.1)));
        let plain = text(&s.app, &s.watch, size, ColorDepth::None, false);
        assert!(
            plain[0].contains("REPLAY 03:02:00"),
            "{size:?}: {}",
            plain[0]
        );
        assert!(plain.iter().all(|line| line.is_ascii()), "{size:?}");
    }
    for width in 1..60 {
        for height in 1..12 {
            s.send(Msg::Input(Input::Resize(width, height)));
            text(&s.app, &s.watch, (width, height), ColorDepth::Ansi16, true);
        }
    }
    s.send(Msg::Input(Input::Resize(80, 24)));
    let shown = text(&s.app, &s.watch, (80, 24), ColorDepth::Ansi16, true);
    let bar = &shown[22];
    assert!(
        bar.contains("2026-11-20 03:02:00") && bar.contains('█'),
        "{bar}"
    );
}

#[test]
fn an_action_and_a_tail_are_kept_without_parameters() {
    let request = ActionRequest {
        id: ActionId(3),
        action: Action::Trigger,
        target: Target::Pipeline(key("orders")),
        options: ActionOptions {
            params: vec![("password".to_owned(), serde_json::json!("hunter2"))],
            note: Some("a note".to_owned()),
            ..ActionOptions::default()
        },
    };
    let mut world = World::new([info()]);
    world.asked(request, t(100));
    let stamped = Stamped {
        backend: BackendId::new("prod"),
        at: t(101),
        event: Event::Action {
            id: ActionId(3),
            status: ActionStatus::Requested { since: t(101) },
        },
    };
    world.apply(&stamped);
    let mut all = watch();
    all.world = world;
    let lines = beside(&all, t(102));
    let text: String = lines.iter().filter_map(Line::text).collect();
    assert!(
        text.contains("trigger") && !text.contains("hunter2") && !text.contains("a note"),
        "{text}"
    );

    let dir = tempfile::tempdir().unwrap();
    live(dir.path(), &[], &[]);
    let mut store = Sqlite::open(dir.path()).unwrap();
    let log = key("orders").run("2").node(&NodeId::new("load")).log(1);
    let tail = Write::Tail {
        log: log.clone(),
        at: t(121),
        text: "out of memory".to_owned(),
    };
    store.write(&[tail]).unwrap();
    let (_, file) = dagtop::engine::replay::export(
        &mut store,
        Span {
            from: t(0),
            to: t(310),
        },
        None,
        Vec::new(),
    )
    .unwrap();
    let other = tempfile::tempdir().unwrap();
    let mut store = Sqlite::open(other.path()).unwrap();
    dagtop::engine::replay::load(file.as_slice(), &mut store).unwrap();
    let mut runs = store.tail(&log).unwrap();
    assert_eq!(runs.take().as_deref(), Some("out of memory"));
}

/// A machine whose history holds the night.
fn home() -> Home {
    let home = Home::new();
    home.here("[ui]\nutc = true");
    let state = home.path().join(".local/state/dagtop");
    live(&state, &[], &[]);
    let log = key("orders").run("2").node(&NodeId::new("load")).log(1);
    let text = "loading\njava.lang.OutOfMemoryError: Java heap space\n".to_owned();
    let tail = Write::Tail {
        log,
        at: t(121),
        text,
    };
    Sqlite::open(&state).unwrap().write(&[tail]).unwrap();
    home
}

const SPAN: [&str; 4] = [
    "--since",
    "2026-11-20 03:00",
    "--until",
    "2026-11-20 03:05:10",
];

#[test]
fn an_incident_goes_to_a_file_and_is_shown_elsewhere() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = home();
    let done = home.dagtop(&[&["record", "night.rec"], &SPAN[..]].concat());
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.err.contains("dagtop replay night.rec"), "{}", done.err);
    let file = home.path().join("night.rec");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let whole = std::fs::read(&file).unwrap();
    // the same from the replay's side
    let export = home.dagtop(&[&["replay", "--export", "other.rec"], &SPAN[..]].concat());
    assert_eq!(export.code, Some(0), "{}", export.err);
    let other = std::fs::read(home.path().join("other.rec")).unwrap();
    assert_eq!(other, whole);

    // where nothing is configured
    let elsewhere = Home::new();
    std::fs::write(elsewhere.path().join("night.rec"), &whole).unwrap();
    let picture = |file: &str, at: &str| {
        elsewhere.dagtop(&[
            "snapshot", "--size", "80x24", "--replay", file, "--at", at, "--screen", "run",
        ])
    };
    let shown = picture("night.rec", "2026-11-20T03:02:05Z");
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    assert!(
        shown.out.contains("REPLAY") && shown.out.contains("OutOfMemoryError"),
        "{}",
        shown.out
    );
    let state = elsewhere.path().join(".local/state/dagtop");
    let left = std::fs::read_dir(&state)
        .map(|all| all.count())
        .unwrap_or(0);
    assert_eq!(left, 0, "what it was unpacked into is gone");

    // cut off: what there is is shown, and why that is not all
    std::fs::write(elsewhere.path().join("cut.rec"), &whole[..whole.len() - 40]).unwrap();
    let cut = picture("cut.rec", "2026-11-20T03:02:05Z");
    assert_eq!(cut.code, Some(0), "{}", cut.err);
    assert!(
        cut.err.contains("cut off") && cut.err.contains("line "),
        "{}",
        cut.err
    );
    std::fs::write(elsewhere.path().join("none.rec"), "hello").unwrap();
    let none = picture("none.rec", "03:00");
    assert_eq!(none.code, Some(1));
    assert!(
        none.err.contains("none.rec") && none.err.contains("no recording"),
        "{}",
        none.err
    );

    // nothing is kept of another day, and then there is no file
    let empty = home.dagtop(&[
        "record",
        "empty.rec",
        "--since",
        "2026-10-01 03:00",
        "--until",
        "2026-10-01 04:00",
    ]);
    assert_eq!(empty.code, Some(1));
    let names = std::fs::read_dir(home.path()).unwrap();
    let names: Vec<String> = names
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names.iter().all(|name| !name.contains("empty.rec")),
        "{names:?}"
    );
}

#[test]
fn an_incident_is_told_in_order() {
    let home = home();
    let told = home.dagtop(&[&["report", "--incident"], &SPAN[..]].concat());
    assert_eq!(told.code, Some(0), "{}", told.err);
    let places: Vec<usize> = [
        "| node | orders / 2 / load | failed |",
        "| run | orders / 2 | failed |",
        "| alert | P",
        "| node | orders / 2 / load | ",
        "| run | orders / 2 | succeeded after all |",
        "## Why",
        "### orders / 2 / load, attempt 1",
        "OutOfMemoryError",
    ]
    .iter()
    .map(|part| {
        told.out
            .find(part)
            .unwrap_or_else(|| panic!("{part} in:\n{}", told.out))
    })
    .collect();
    let mut order = places.clone();
    order.remove(3);
    order.remove(2);
    assert!(order.is_sorted(), "{}", told.out);
    assert!(
        !told.out.contains("stock"),
        "what went well is not told: {}",
        told.out
    );
    let one = [
        &["report", "--incident", "--pipeline", "prod/stock"],
        &SPAN[..],
    ]
    .concat();
    let one = home.dagtop(&one);
    assert!(
        one.out.contains("| run | stock / 2 | succeeded |"),
        "{}",
        one.out
    );
    assert!(!one.out.contains("orders"), "{}", one.out);
}

/// Figures for a person, of an unoptimised build; `cargo bench --bench replay` prints those that count.
#[test]
#[ignore = "takes minutes and prints figures"]
fn a_day_of_500_pipelines() {
    day::main();
}
