#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::{DateTime, Duration, Utc};

use super::past::{Past, fleet};
use super::*;
use crate::alerts::{Alerts, Rules};
use crate::history::{Grain, Place, Store};
use crate::logs::LogStore;
use crate::model::{
    Attempt, BackendInfo, BackendStatus, Health, LogChunk, LogUpdate, NodeId, NodeState, Pipeline,
    Reach, Run, RunState, SafeText, Schedule, Topology, Usage,
};
use crate::world::World;

fn t(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap()
}

fn info(name: &str) -> BackendInfo {
    BackendInfo {
        id: BackendId::new(name),
        name: SafeText::new(name),
        kind: "scripted",
        read_only: false,
        protect: false,
        drives_runs: false,
        accent: None,
    }
}

fn pipeline(name: &str) -> PipelineKey {
    PipelineKey::new(&BackendId::new("prod"), name)
}

struct Bench {
    watch: Watch,
    memory: Memory,
    now: DateTime<Utc>,
}

impl Bench {
    fn new() -> Self {
        Self {
            watch: Watch::new(
                World::new([info("prod")]),
                LogStore::default(),
                Alerts::new(Rules::default()),
                Duration::minutes(2),
            ),
            memory: Memory::default(),
            now: t(0),
        }
    }

    fn tell(&mut self, event: Event) {
        let stamped = Stamped {
            backend: BackendId::new("prod"),
            at: self.now,
            event,
        };
        if self.watch.apply(&stamped).any() {
            self.memory.observe(&self.watch.world, &stamped);
        }
    }

    fn take(&mut self) -> Vec<Write> {
        self.memory.take(&mut self.watch, usize::MAX, self.now)
    }

    fn words(&mut self) -> Vec<String> {
        self.take().iter().map(word).collect()
    }

    fn run(&mut self, state: RunState) {
        let mut run = Run::new(pipeline("a").run("1"), t(0));
        run.state = state;
        run.started_at = Some(t(1));
        run.ended_at = state.ended().then(|| t(90));
        self.tell(Event::Runs { list: vec![run] });
    }

    fn nodes(&mut self, list: Vec<Node>) {
        self.tell(Event::Nodes {
            run: pipeline("a").run("1"),
            list,
            complete: true,
        });
    }
}

fn word(write: &Write) -> String {
    match write {
        Write::Run(past) => format!("run {} {}", past.run.key.run.raw(), past.health.word()),
        Write::Node(past) => format!(
            "node {} {} {}",
            past.node.raw(),
            past.attempt,
            past.state.word()
        ),
        Write::Put { key, .. } => format!("put {key}"),
        Write::Remove { key, .. } => format!("remove {key}"),
        Write::Tail { text, .. } => format!("tail {text}"),
        Write::Audit(line) => format!("audit {}", line.n),
        Write::Point(point) => format!("point {} {:?} {}", point.series, point.grain, point.count),
        Write::Append { .. } => "append".to_owned(),
    }
}

fn node(name: &str, attempt: u32, state: NodeState) -> Node {
    let mut node = Node::new(NodeId::new(name));
    node.attempt = attempt;
    node.state = state;
    node.started_at = (attempt > 0).then(|| t(i64::from(attempt) * 10));
    node.ended_at = (attempt > 0 && state.ended()).then(|| t(i64::from(attempt) * 10 + 5));
    node
}

#[test]
fn each_change_is_handed_over_once() {
    let mut bench = Bench::new();
    bench.run(RunState::Running);
    let load = |attempt, state| node("load", attempt, state);
    bench.nodes(vec![
        load(1, NodeState::Running),
        node("next", 0, NodeState::Pending),
    ]);
    assert_eq!(bench.words(), ["run 1 running", "node load 1 running"]);
    assert_eq!(bench.words(), [""; 0], "once");
    bench.run(RunState::Running);
    bench.nodes(vec![
        load(1, NodeState::Running),
        node("next", 0, NodeState::Pending),
    ]);
    assert_eq!(bench.words(), [""; 0], "told again, nothing new");
    // what it uses grows all the time
    let mut busy = load(1, NodeState::Running);
    busy.usage = Some(Usage {
        memory_peak: 7,
        ..Usage::default()
    });
    bench.nodes(vec![busy, node("next", 0, NodeState::Pending)]);
    assert_eq!(bench.words(), [""; 0]);
    // several attempts between two looks are all kept
    bench.nodes(vec![
        load(1, NodeState::Retrying),
        node("next", 0, NodeState::Pending),
    ]);
    bench.nodes(vec![
        load(2, NodeState::Running),
        node("next", 0, NodeState::Pending),
    ]);
    bench.nodes(vec![
        load(2, NodeState::Failed),
        node("next", 0, NodeState::Blocked),
    ]);
    bench.run(RunState::Failed);
    let mut told = bench.words();
    told.sort();
    assert_eq!(
        told,
        [
            "node load 1 retrying",
            "node load 2 failed",
            "node load 2 running",
            "node next 0 blocked",
            "run 1 failed"
        ]
    );
    // an earlier attempt that was followed stays as it was; one that was not is taken from the details
    bench.nodes(vec![
        load(4, NodeState::Succeeded),
        node("next", 0, NodeState::Blocked),
    ]);
    bench.words();
    let attempt = |number| Attempt {
        number,
        state: NodeState::Failed,
        native: SafeText::default(),
        queued_at: None,
        started_at: Some(t(0)),
        ended_at: Some(t(1)),
        exit_code: Some(3),
        signal: None,
    };
    bench.tell(Event::Detail {
        node: pipeline("a").run("1").node(&NodeId::new("load")),
        detail: Detail {
            attempts: vec![attempt(2), attempt(3), attempt(4)],
            sections: Vec::new(),
        },
    });
    assert_eq!(bench.words(), ["node load 3 failed"]);
    // whoever could not write begins again
    bench.memory.anew(&bench.watch.world);
    let again = bench.words();
    assert!(again.contains(&"run 1 failed".to_owned()), "{again:?}");
    assert!(
        again.contains(&"node load 4 succeeded".to_owned()),
        "{again:?}"
    );
}

#[test]
fn pipelines_are_kept_as_listed() {
    let mut bench = Bench::new();
    let list = |bench: &mut Bench, names: &[&str], next: Option<i64>, complete| {
        let list = names.iter().map(|name| Pipeline {
            schedule: Schedule {
                next: next.map(t),
                ..Schedule::default()
            },
            ..Pipeline::new(pipeline(name))
        });
        let list = list.collect();
        bench.tell(Event::Pipelines { list, complete });
        bench.words()
    };
    bench
        .memory
        .shelved([pipeline("old"), pipeline("a/b")].into_iter());
    assert_eq!(list(&mut bench, &["a/b"], None, false), ["put prod/a%2Fb"]);
    assert_eq!(list(&mut bench, &["a/b"], None, false), [""; 0]);
    assert_eq!(
        list(&mut bench, &["a/b"], Some(9), true),
        // with the shape of its runs
        ["put prod/a%2Fb", "remove prod/old", "remove prod/old"]
    );
    assert_eq!(
        list(&mut bench, &["c"], Some(9), true),
        ["put prod/c", "remove prod/a%2Fb", "remove prod/a%2Fb"]
    );
}

#[test]
fn a_fleet_seen_for_the_first_time_comes_in_pieces() {
    let mut bench = Bench::new();
    for name in 0..200 {
        let runs = (0..40).map(|n| {
            let key = pipeline(&format!("p{name}")).run(n.to_string());
            Run::new(key, t(n))
        });
        bench.tell(Event::Runs {
            list: runs.collect(),
        });
    }
    let mut all = 0;
    let mut pieces = 0;
    loop {
        let many = bench.take().len();
        assert!(many <= BATCH);
        if many == 0 {
            break;
        }
        all += many;
        pieces += 1;
    }
    assert_eq!((all, pieces), (8_000, 2));
    // no room: nothing is taken, nothing is lost
    bench.memory.anew(&bench.watch.world);
    assert!(bench.memory.take(&mut bench.watch, 10, t(1)).is_empty());
    assert_eq!(bench.take().len(), BATCH);
}

#[test]
fn the_end_of_a_failed_log_is_kept_within_bounds() {
    let mut bench = Bench::new();
    bench.run(RunState::Running);
    bench.nodes(vec![node("load", 1, NodeState::Failed)]);
    bench.words();
    let log = pipeline("a").run("1").node(&NodeId::new("load")).log(1);
    let chunk = |update| {
        Event::Log(LogChunk {
            key: log.clone(),
            update,
        })
    };
    let text: String = (0..1_000)
        .map(|n| format!("line {n} {}\n", "x".repeat(200)))
        .collect();
    bench.tell(chunk(LogUpdate::Append(text.into_bytes())));
    bench.now = t(10);
    assert_eq!(bench.words(), [""; 0], "more may come");
    bench.tell(chunk(LogUpdate::Append(b"ValueError: no\n".to_vec())));
    bench.tell(chunk(LogUpdate::End));
    bench.now = t(12);
    let told = bench.words();
    assert_eq!(told.len(), 1);
    assert!(told[0].ends_with("ValueError: no"), "{told:?}");
    assert!(told[0].starts_with("tail line 9") && told[0].len() < 9_000);
    bench.now = t(60);
    assert_eq!(bench.words(), [""; 0], "once");
}

#[test]
fn metrics_are_kept_minute_by_minute_when_it_is_over() {
    let mut bench = Bench::new();
    bench.now = Grain::Minute.begin(t(0));
    bench.words();
    let ended = |bench: &mut Bench, n: i64| {
        let mut run = Run::new(pipeline("a").run(n.to_string()), bench.now);
        run.state = RunState::Failed;
        run.ended_at = Some(bench.now);
        bench.tell(Event::Runs { list: vec![run] });
    };
    ended(&mut bench, 1);
    bench.now += Duration::seconds(30);
    ended(&mut bench, 2);
    let points = |bench: &mut Bench| -> Vec<String> {
        let told = bench.words().into_iter();
        told.filter(|w| w.starts_with("point") && w.contains("errors"))
            .collect()
    };
    assert_eq!(points(&mut bench), [""; 0], "the minute is not over");
    bench.now += Duration::seconds(31);
    let series = "pipeline.errors{backend:prod,kind:scripted,pipeline:a}";
    let told = points(&mut bench);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with(&format!("{series} Minute 2")), "{told:?}");
    bench.now += Duration::seconds(60);
    assert_eq!(points(&mut bench), [""; 0], "once");
}

fn written() -> (tempfile::TempDir, Box<dyn Store>) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Place::Folder(dir.path().to_owned()).open().unwrap();
    let mut bench = Bench::new();
    bench.tell(Event::Status(BackendStatus {
        reach: Reach::Up,
        ..BackendStatus::default()
    }));
    let list = ["a", "b"].map(|name| Pipeline::new(pipeline(name))).into();
    bench.tell(Event::Pipelines {
        list,
        complete: true,
    });
    bench.run(RunState::Succeeded);
    bench.nodes(vec![node("load", 1, NodeState::Failed)]);
    let mut going = Run::new(pipeline("b").run("9"), t(5));
    going.state = RunState::Running;
    bench.tell(Event::Runs { list: vec![going] });
    store.write(&bench.take()).unwrap();
    (dir, store)
}

fn remembered(store: &mut dyn Store) -> Past {
    fleet(store, &[BackendId::new("prod")]).unwrap()
}

#[test]
fn the_last_known_fleet_is_there_before_a_backend_answers_and_old() {
    let (_dir, mut store) = written();
    let bad = Write::Put {
        shelf: Shelf::Pipelines,
        key: "bad".to_owned(),
        body: "{".to_owned(),
    };
    store.write(&[bad]).unwrap();
    let past = remembered(store.as_mut());
    assert_eq!(past.bad, 1, "counted, and the others are there");
    assert!(past.trouble().is_some());
    let mut bench = Bench::new();
    bench.now = t(7_200);
    bench.watch.world.recall(past.recalled);
    bench.watch.touch();
    bench.watch.refresh(bench.now);
    let rows = |bench: &Bench| -> Vec<(String, Health, bool)> {
        let rows = bench.watch.fleet().iter();
        rows.map(|r| (r.key.pipeline.raw().to_owned(), r.health, r.stale))
            .collect()
    };
    let row = |name: &str, health, stale| (name.to_owned(), health, stale);
    // its health is as it was computed from its nodes, not as its backend called it
    let shown = [
        row("a", Health::Failed, true),
        row("b", Health::Running, true),
    ];
    assert_eq!(rows(&bench), shown);
    let backend = BackendId::new("prod");
    let since = |bench: &Bench| bench.watch.world.backend(&backend).unwrap().stale_since();
    assert_eq!(since(&bench), Some(t(0)));
    assert!(
        bench.watch.alerts.firing().is_empty(),
        "nobody is woken for it"
    );
    // nothing of it is written again, or counted as new
    bench.memory.anew(&bench.watch.world);
    assert_eq!(bench.words(), [""; 0]);

    // unreachable: it stays, and stays old
    let down = Reach::Down {
        reason: SafeText::new("no route"),
        retry_at: None,
    };
    bench.tell(Event::Status(BackendStatus {
        reach: down,
        ..BackendStatus::default()
    }));
    bench.watch.refresh(bench.now);
    assert_eq!(rows(&bench), shown);
    assert_eq!(since(&bench), Some(t(0)));

    // it answers: what is gone vanishes, what nobody tells any more is not going
    bench.tell(Event::Status(BackendStatus {
        reach: Reach::Up,
        ..BackendStatus::default()
    }));
    bench.watch.refresh(bench.now);
    assert_eq!(since(&bench), Some(t(0)), "it has told nothing yet");
    let list = vec![Pipeline::new(pipeline("b"))];
    bench.tell(Event::Pipelines {
        list,
        complete: true,
    });
    bench.watch.refresh(bench.now);
    assert_eq!(rows(&bench), [row("b", Health::Idle, false)]);
    assert_eq!(since(&bench), None);
}

#[test]
fn what_was_told_meanwhile_is_newer_than_what_is_remembered() {
    let (_dir, mut store) = written();
    let mut bench = Bench::new();
    bench.tell(Event::Status(BackendStatus {
        reach: Reach::Up,
        ..BackendStatus::default()
    }));
    let mut run = Run::new(pipeline("a").run("1"), t(0));
    run.state = RunState::Running;
    bench.tell(Event::Runs { list: vec![run] });
    bench
        .watch
        .world
        .recall(remembered(store.as_mut()).recalled);
    let health = |bench: &Bench, name: &str, run: &str| {
        let view = bench.watch.world.run(&pipeline(name).run(run));
        view.map(|view| view.health)
    };
    assert_eq!(health(&bench, "a", "1"), Some(Health::Running));
    assert_eq!(health(&bench, "b", "9"), Some(Health::Running));
    // one that has listed its pipelines needs no memory
    let mut bench = Bench::new();
    bench.tell(Event::Pipelines {
        list: vec![Pipeline::new(pipeline("a"))],
        complete: true,
    });
    bench
        .watch
        .world
        .recall(remembered(store.as_mut()).recalled);
    assert!(bench.watch.world.pipeline(&pipeline("b")).is_none());
    assert_eq!(health(&bench, "a", "1"), None);
    // what isn't configured stays out
    let mut world = World::new([info("dev")]);
    world.recall(remembered(store.as_mut()).recalled);
    assert_eq!(world.pipelines().count(), 0);
}

#[test]
fn the_shape_of_the_newest_run_is_kept_once_and_outlives_the_session() {
    let mut bench = Bench::new();
    let (group, ids) = (NodeId::new("g"), ["a", "b"].map(NodeId::new));
    let topology = Topology {
        nodes: ids.to_vec(),
        groups: Vec::new(),
        edges: vec![(ids[0].clone(), ids[1].clone())],
    };
    let run = |number: &str, second: i64| {
        let mut run = Run::new(pipeline("a").run(number), t(second));
        run.state = RunState::Running;
        run
    };
    let tell = |bench: &mut Bench, number: &str, topology: &Topology| {
        bench.tell(Event::Topology {
            run: pipeline("a").run(number),
            topology: topology.clone(),
        });
        let mut inside = Node::new(ids[1].clone());
        inside.group = Some(group.clone());
        bench.tell(Event::Nodes {
            run: pipeline("a").run(number),
            list: vec![Node::new(ids[0].clone()), inside],
            complete: true,
        });
    };
    let shapes = |bench: &mut Bench| -> Vec<Write> {
        let told = bench.take().into_iter();
        let shape = |w: &Write| {
            matches!(
                w,
                Write::Put {
                    shelf: Shelf::Shapes | Shelf::ShapesOf,
                    ..
                }
            )
        };
        told.filter(shape).collect()
    };
    bench.tell(Event::Runs {
        list: vec![run("2", 100)],
    });
    tell(&mut bench, "2", &topology);
    let told = shapes(&mut bench);
    assert_eq!(told.len(), 2);
    let dir = tempfile::tempdir().unwrap();
    let mut store = Place::Folder(dir.path().to_owned()).open().unwrap();
    store.write(&told).unwrap();
    let kept = history::read_shape_of(store.as_mut(), &pipeline("a"))
        .unwrap()
        .unwrap();
    let members = vec![
        (ids[0].clone(), None),
        (ids[1].clone(), Some(group.clone())),
    ];
    assert_eq!(kept, (topology.clone(), members));
    assert!(
        history::read_shape_of(store.as_mut(), &pipeline("b"))
            .unwrap()
            .is_none()
    );
    // told again, and by a run that is as it: nothing is new
    tell(&mut bench, "2", &topology);
    bench.tell(Event::Runs {
        list: vec![run("3", 200)],
    });
    tell(&mut bench, "3", &topology);
    assert_eq!(shapes(&mut bench), []);
    // an older one that somebody looks at says nothing of what runs are like now
    bench.tell(Event::Runs {
        list: vec![run("1", 0)],
    });
    let older = Topology {
        edges: Vec::new(),
        ..topology
    };
    tell(&mut bench, "1", &older);
    assert_eq!(shapes(&mut bench), []);
    bench.tell(Event::Runs {
        list: vec![run("4", 300)],
    });
    tell(&mut bench, "4", &older);
    assert_eq!(shapes(&mut bench).len(), 2);
    // what a pipeline has stays, however long nothing was told of it
    let long = crate::history::Policy {
        events: Duration::zero(),
        ..crate::history::Policy::default()
    };
    crate::history::prune(store.as_mut(), long, &mut |_| {}).unwrap();
    assert!(
        history::read_shape_of(store.as_mut(), &pipeline("a"))
            .unwrap()
            .is_some()
    );
}
