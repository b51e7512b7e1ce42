#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod shared;

use std::time::Duration;

use chrono::Utc;

use crate::alerts::Rules;
use crate::backends::{Backend, BackendError, Link, Request, Running};
use crate::history::Audit;
use crate::model::{
    Action, ActionId, ActionOptions, ActionRequest, ActionStatus, AlertDeed, BackendId,
    BackendInfo, BackendStatus, Capabilities, Event, Focus, Hit, Node, NodeId, NodeState,
    PipelineKey, Plan, Reach, Run, RunState, SafeText, Stamped, Support, Target, TargetKind,
};

use super::{Command, Engine, Settings};

/// A backend that does what its script says.
struct Scripted {
    info: BackendInfo,
    script: Script,
}

#[derive(Clone, Copy)]
enum Script {
    /// One failed run; plans and executes pauses; notes what it is asked to focus on.
    Obliging,
    Panics,
    WrongSettings,
}

fn info(name: &str) -> BackendInfo {
    BackendInfo {
        id: BackendId::new(name),
        name: SafeText::new(name),
        kind: "scripted",
        read_only: name.starts_with("ro"),
        protect: false,
        drives_runs: false,
        accent: None,
    }
}

fn scripted(name: &str, script: Script) -> Box<dyn Backend> {
    Box::new(Scripted {
        info: info(name),
        script,
    })
}

fn pipeline(backend: &str) -> PipelineKey {
    PipelineKey::new(&BackendId::new(backend), "orders")
}

impl Backend for Scripted {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().with(Action::Pause, TargetKind::Pipeline, Support::Yes)
    }

    fn run(self: Box<Self>, mut link: Link) -> Running {
        Box::pin(async move {
            match self.script {
                Script::Panics => panic!("scripted"),
                Script::WrongSettings => {
                    return Err(BackendError::Setup(SafeText::new("no such folder")));
                }
                Script::Obliging => {}
            }
            let key = PipelineKey::new(&self.info.id, "orders").run("1");
            let mut run = Run::new(key.clone(), Utc::now());
            run.state = RunState::Succeeded;
            let mut node = Node::new(NodeId::new("load"));
            node.state = NodeState::Failed;
            node.attempt = 2;
            link.emit(Event::Status(BackendStatus {
                reach: Reach::Up,
                ..BackendStatus::default()
            }))
            .await?;
            link.emit(Event::Runs { list: vec![run] }).await?;
            link.emit(Event::Nodes {
                run: key,
                list: vec![node],
                complete: false,
            })
            .await?;
            loop {
                tokio::select! {
                    request = link.requests.recv() => match request {
                        Some(Request::Plan(request)) => {
                            let hit = Hit { name: SafeText::new("orders"), now: SafeText::new("on"), then: SafeText::new("paused") };
                            let plan = Plan { request, summary: SafeText::new("pauses orders"), hits: vec![hit], warnings: vec![], server_preview: false };
                            link.emitter.planned(plan).await?;
                        }
                        Some(Request::Execute(plan)) => link.emitter.confirmed(plan.request.id, "paused").await?,
                        Some(Request::Refresh) => {}
                        None => return Err(crate::backends::EngineGone.into()),
                    },
                    _ = link.focus.changed() => {
                        let focus = link.focus_now();
                        let what = format!("focus {:?} tails {:?}", focus.runs, focus.tails);
                        link.emit(Event::BadRecord { what: SafeText::new(what) }).await?;
                    }
                }
            }
        })
    }
}

struct Going {
    engine: Engine,
    events: tokio::sync::mpsc::Receiver<Stamped>,
}

impl std::ops::Deref for Going {
    type Target = Engine;
    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl std::ops::DerefMut for Going {
    fn deref_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }
}

fn start(backends: Vec<Box<dyn Backend>>, dir: &tempfile::TempDir) -> Going {
    let settings = Settings {
        rules: Rules::default(),
        ..Settings::default()
    };
    let (engine, events) = Engine::start(backends, &settings, Audit::open(dir.path()));
    Going { engine, events }
}

/// Takes events in until one satisfies `wanted`.
async fn until(engine: &mut Going, wanted: impl Fn(&Stamped) -> bool) -> Stamped {
    tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            let stamped = engine.events.recv().await.unwrap();
            engine.apply(&stamped);
            engine.refresh();
            if wanted(&stamped) {
                return stamped;
            }
        }
    })
    .await
    .expect("the event never came")
}

fn pause(id: u64, backend: &str) -> ActionRequest {
    ActionRequest {
        id: ActionId(id),
        action: Action::Pause,
        target: Target::Pipeline(pipeline(backend)),
        options: ActionOptions::default(),
    }
}

#[tokio::test]
async fn the_log_of_the_worst_failure_is_asked_for_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = start(vec![scripted("a", Script::Obliging)], &dir);
    let told = until(&mut engine, |s| matches!(s.event, Event::BadRecord { .. })).await;
    let Event::BadRecord { what } = told.event else {
        panic!()
    };
    assert!(
        what.as_str().contains("\"load\"") && what.as_str().contains("attempt: 2"),
        "{what}"
    );
}

#[tokio::test]
async fn a_plan_is_executed_only_after_a_yes_and_is_audited() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = start(vec![scripted("a", Script::Obliging)], &dir);
    engine.command(Command::Execute(ActionId(1)));
    engine.command(Command::Plan(pause(1, "a")));
    until(&mut engine, |s| {
        matches!(
            &s.event,
            Event::Action {
                status: ActionStatus::Planned { .. },
                ..
            }
        )
    })
    .await;
    engine.command(Command::Execute(ActionId(1)));
    assert!(
        engine
            .watch
            .world
            .pending_action(&Target::Pipeline(pipeline("a")))
            .is_some()
    );
    until(&mut engine, |s| {
        matches!(
            &s.event,
            Event::Action {
                status: ActionStatus::Confirmed { .. },
                ..
            }
        )
    })
    .await;
    // a second yes to the same plan is no yes
    engine.command(Command::Execute(ActionId(1)));
    let Going { engine, events } = engine;
    drop(events);
    engine.shutdown(Duration::from_secs(5)).await;
    let audit = std::fs::read_to_string(dir.path().join("audit.jsonl")).unwrap();
    let steps: Vec<String> = audit
        .lines()
        .map(|l| {
            serde_json::from_str::<serde_json::Value>(l).unwrap()["step"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(steps, ["approved", "confirmed"]);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(dir.path().join("audit.jsonl"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_read_only_backend_is_never_asked_to_plan() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = start(vec![scripted("ro", Script::Obliging)], &dir);
    engine.command(Command::Plan(pause(4, "ro")));
    let status = &engine.watch.world.action(ActionId(4)).unwrap().status;
    assert!(matches!(status, ActionStatus::Refused { .. }), "{status:?}");
    assert!(engine.next_action() > ActionId(4));
}

#[tokio::test]
async fn a_backend_that_crashes_takes_nothing_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let backends = vec![
        scripted("bad", Script::Panics),
        scripted("wrong", Script::WrongSettings),
        scripted("good", Script::Obliging),
    ];
    let mut engine = start(backends, &dir);
    let down = |name: &'static str| {
        move |s: &Stamped| {
            s.backend == BackendId::new(name)
                && matches!(&s.event, Event::Status(b) if matches!(b.reach, Reach::Down { .. }))
        }
    };
    let mut seen = (false, false);
    while seen != (true, true) {
        let stamped = until(&mut engine, |s| matches!(s.event, Event::Status(_))).await;
        seen.0 |= down("bad")(&stamped);
        seen.1 |= down("wrong")(&stamped);
    }
    while engine.watch.fleet().iter().all(|r| r.node.is_none()) {
        until(&mut engine, |_| true).await;
    }
    let kinds: Vec<_> = engine
        .watch
        .alerts
        .firing()
        .iter()
        .map(|a| a.id.rule.as_str())
        .collect();
    assert_eq!(
        kinds
            .iter()
            .filter(|k| **k == "backend-unreachable")
            .count(),
        2
    );
    assert!(kinds.contains(&"run-failing"));
    assert!(
        engine
            .watch
            .world
            .backend(&BackendId::new("wrong"))
            .unwrap()
            .trouble()
            .unwrap()
            .as_str()
            .contains("no such folder")
    );
}

#[tokio::test]
async fn focus_reaches_only_its_backend() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = start(
        vec![
            scripted("a", Script::Obliging),
            scripted("b", Script::Obliging),
        ],
        &dir,
    );
    let run = pipeline("b").run("1");
    engine.command(Command::Focus(Focus {
        runs: vec![run],
        ..Focus::default()
    }));
    let told = until(&mut engine, |s| matches!(&s.event, Event::BadRecord { what } if what.as_str().contains("focus [RunKey"))).await;
    assert_eq!(told.backend, BackendId::new("b"));
}

#[tokio::test]
async fn shutdown_waits_for_last_words_and_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let backends = vec![
        scripted("a", Script::Obliging),
        scripted("b", Script::Panics),
    ];
    let Going { engine, events } = start(backends, &dir);
    drop(events);
    tokio::time::timeout(
        Duration::from_secs(5),
        engine.shutdown(Duration::from_secs(4)),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn an_acknowledged_alert_stays_until_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = start(vec![scripted("a", Script::Obliging)], &dir);
    while engine.watch.alerts.firing().is_empty() {
        until(&mut engine, |_| true).await;
    }
    let id = engine.watch.alerts.firing()[0].id.clone();
    engine.command(Command::Alert(id.clone(), AlertDeed::Ack));
    engine
        .watch
        .refresh(Utc::now() + chrono::Duration::seconds(5));
    assert!(engine.watch.alerts.get(&id).unwrap().acked.is_some());
    assert_eq!(engine.watch.alerts.open(), 0);
    let key = pipeline("a").run("2");
    let mut run = Run::new(key, Utc::now() + chrono::Duration::minutes(1));
    run.state = RunState::Succeeded;
    engine.apply(&Stamped {
        backend: BackendId::new("a"),
        at: Utc::now(),
        event: Event::Runs { list: vec![run] },
    });
    engine.watch.refresh(Utc::now());
    assert!(
        engine.watch.alerts.firing().is_empty(),
        "the next run was well"
    );
}

#[test]
fn a_log_in_a_file_is_read_in_slices_and_followed() {
    use std::io::Write as _;

    use crate::alerts::Alerts;
    use crate::engine::Watch;
    use crate::logs::LogStore;
    use crate::model::{LogChunk, LogUpdate};
    use crate::world::World;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("load.1.log");
    let line = "2026-11-20T03:11:02Z INFO loader - nothing much is said in this line\n";
    std::fs::write(&path, line.repeat(100_000)).unwrap();
    let alerts = Alerts::new(Rules::default());
    let late = chrono::Duration::minutes(5);
    let mut watch = Watch::new(World::new([]), LogStore::default(), alerts, late);
    let key = pipeline("b").run("r1").node(&NodeId::new("load")).log(1);
    let say = |watch: &mut Watch, update| {
        let chunk = LogChunk {
            key: key.clone(),
            update,
        };
        watch.apply(&Stamped {
            backend: BackendId::new("b"),
            at: Utc::now(),
            event: Event::Log(chunk),
        });
    };
    let rows = |watch: &Watch| watch.logs.get(&key).unwrap().len();

    // no more at once than a frame can spare
    say(&mut watch, LogUpdate::File(path.clone()));
    assert!(watch.is_reading());
    assert!((5_000..50_000).contains(&rows(&watch)), "{}", rows(&watch));
    let mut slices = 0;
    while watch.read_on(1 << 20) {
        slices += 1;
    }
    assert!((4..10).contains(&slices), "{slices}");
    assert_eq!(rows(&watch), 100_000);
    // then what makes it fast to search, when there is nothing else to do
    assert!(watch.could_get_ready());
    while watch.get_ready(1 << 20) {}
    assert!(!watch.could_get_ready() && !watch.is_reading());

    let mut file = std::fs::File::options().append(true).open(&path).unwrap();
    file.write_all(b"two\nthree").unwrap();
    say(&mut watch, LogUpdate::Grown);
    assert_eq!(rows(&watch), 100_002);
    // the same file again is not read again
    let numbers = watch.logs.get(&key).unwrap().epoch();
    say(&mut watch, LogUpdate::File(path.clone()));
    say(&mut watch, LogUpdate::End);
    let log = watch.logs.get(&key).unwrap();
    assert!(log.complete() && log.epoch() == numbers);
    assert_eq!(log.line(100_001).unwrap().text.text, "three");
    assert!(watch.logs.cost() < line.len() * 10_000);

    // what is not there is told where one looks
    say(&mut watch, LogUpdate::File(dir.path().join("gone")));
    let log = watch.logs.get(&key).unwrap();
    let last = log.line(log.len() - 1).unwrap();
    assert!(last.text.text.contains("No such file"), "{last:?}");
}

#[tokio::test]
async fn a_terminal_rings_also_where_another_program_tells_people() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[[channel]]\nname = \"here\"\nkind = \"terminal\"\n";
    let loaded = crate::config::load::parse(std::path::Path::new("/x/config.toml"), text);
    let config = loaded.unwrap().config;
    let begin = |events| {
        let settings = Settings {
            duty: super::DutySettings {
                place: Some(crate::history::Place::Folder(dir.path().to_owned())),
                channels: config.channels.clone(),
                lead: true,
                events,
                ..super::DutySettings::default()
            },
            ..Settings::from(&config)
        };
        let backends = vec![scripted("a", Script::Obliging)];
        let (engine, events) = Engine::start(backends, &settings, Audit::open(dir.path()));
        Going { engine, events }
    };
    let (first, mut second) = (begin(true), begin(false));
    assert!(first.leads() && !second.leads());
    while second.watch.alerts.firing().is_empty() {
        until(&mut second, |_| true).await;
    }
    let mut news = second.take_news().unwrap();
    let rung = async {
        loop {
            let heard = news.recv().await.unwrap();
            if let Some(screen) = second.heard(heard) {
                return screen;
            }
        }
    };
    let screen = tokio::time::timeout(Duration::from_secs(10), rung).await;
    assert!(screen.unwrap().bell);
}

/// What is done is on the disk first, and in the store when the program has ended.
#[tokio::test]
async fn the_audit_of_a_program_is_copied_to_its_store() {
    let dir = tempfile::tempdir().unwrap();
    let place = crate::history::Place::Folder(dir.path().to_owned());
    let settings = Settings {
        duty: super::DutySettings {
            place: Some(place.clone()),
            lead: true,
            audit: Some(dir.path().to_owned()),
            ..super::DutySettings::default()
        },
        ..Settings::default()
    };
    let backends = vec![scripted("a", Script::Obliging)];
    let (mut engine, events) = Engine::start(backends, &settings, Audit::open(dir.path()));
    for id in ["first", "second"] {
        engine.record(crate::history::audit::What::unsilence(id));
    }
    drop(events);
    engine.shutdown(Duration::from_secs(5)).await;
    let mut store = place.open().unwrap();
    let told = crate::history::audit::copies(store.as_mut(), Some(dir.path())).unwrap();
    let verdict = &told[0].verdict;
    assert!(verdict.holds(), "{:?}", verdict.broken);
    // that it leads may be a line too
    assert!(verdict.lines >= 2 && verdict.notes.is_empty());
    let file = std::fs::read_to_string(dir.path().join("audit.jsonl")).unwrap();
    assert_eq!(u64::try_from(file.lines().count()).unwrap(), verdict.lines);
}
