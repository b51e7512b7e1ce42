#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::{DateTime, Duration, Utc};
use proptest::prelude::*;

use super::*;
use crate::alerts::{Alerts, Rules};
use crate::engine::Watch;
use crate::history::{Keeper, Log, Retold, Sqlite, Store};
use crate::logs::LogStore;
use crate::model::{
    BackendId, BackendInfo, BackendStatus, Event, Node, NodeId, NodeState, Pipeline, PipelineKey,
    Reach, Run, RunState, SafeText, Stamped, Topology,
};
use crate::world::World;

fn t(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

fn id() -> BackendId {
    BackendId::new("lab")
}

fn info() -> BackendInfo {
    BackendInfo {
        id: id(),
        name: SafeText::new("lab"),
        kind: "airflow",
        read_only: false,
        protect: false,
        drives_runs: false,
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

fn key(n: usize) -> PipelineKey {
    PipelineKey::new(&id(), format!("p{n}"))
}

/// A small fleet that does many things, the same ones for the same seed.
fn events(seed: u64, count: usize) -> Vec<Stamped> {
    // few enough runs that all keep their nodes
    told(seed, count, 3, 4)
}

fn told(seed: u64, count: usize, pipelines: u64, runs: u64) -> Vec<Stamped> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut all = vec![Event::Status(BackendStatus {
        reach: Reach::Up,
        ..BackendStatus::default()
    })];
    let list: Vec<Pipeline> = (0..pipelines as usize)
        .map(|n| Pipeline::new(key(n)))
        .collect();
    all.push(Event::Pipelines {
        list,
        complete: true,
    });
    let states = [
        RunState::Queued,
        RunState::Running,
        RunState::Failed,
        RunState::Succeeded,
    ];
    for at in 0..count {
        let n = random(pipelines) as usize;
        let number = random(runs) as i64;
        let run_key = key(n).run(number.to_string());
        let mut run = Run::new(run_key.clone(), t(number * 60));
        run.started_at = Some(t(number * 60));
        run.state = states[random(4) as usize];
        run.ended_at = run.state.ended().then(|| t(at as i64));
        let nodes = |random: &mut dyn FnMut(u64) -> u64| -> Vec<Node> {
            let names = ["extract", "load", "report", "audit"];
            let known = 2 + random(3) as usize;
            names[..known]
                .iter()
                .map(|name| {
                    let mut node = Node::new(NodeId::new(name));
                    node.state = NodeState::ALL[random(NodeState::ALL.len() as u64) as usize];
                    node.attempt = 1 + random(2) as u32;
                    node.started_at = Some(t(at as i64 - 1));
                    node
                })
                .collect()
        };
        let event = match random(9) {
            0 => Event::Status(BackendStatus {
                reach: match random(2) {
                    0 => Reach::Up,
                    _ => Reach::Down {
                        reason: SafeText::new("no answer"),
                        retry_at: None,
                    },
                },
                ..BackendStatus::default()
            }),
            1 => Event::Topology {
                run: run_key,
                topology: Topology {
                    nodes: vec![NodeId::new("extract"), NodeId::new("load")],
                    groups: Vec::new(),
                    edges: (0..random(2))
                        .map(|_| (NodeId::new("extract"), NodeId::new("load")))
                        .collect(),
                },
            },
            2 | 3 => Event::Nodes {
                run: run_key,
                list: nodes(&mut random),
                complete: true,
            },
            4 => Event::Nodes {
                run: run_key,
                list: nodes(&mut random),
                complete: false,
            },
            _ => Event::Runs { list: vec![run] },
        };
        all.push(event);
    }
    let stamped = all.into_iter().enumerate().map(|(at, event)| Stamped {
        backend: id(),
        at: t(at as i64),
        event,
    });
    stamped.collect()
}

/// Everything of a world that a screen shows, in words.
fn picture(world: &World, now: DateTime<Utc>) -> String {
    let mut text = String::new();
    for b in world.backends() {
        text += &format!(
            "{:?} {:?} {:?} {:?} {}\n",
            b.info.id, b.status.reach, b.last_good, b.down_since, b.listed
        );
    }
    for row in world.fleet(now, Duration::minutes(2)) {
        text += &format!("{row:?}\n");
    }
    for p in world.pipelines() {
        text += &format!("{:?}\n", p.pipeline);
        for r in world.runs_of(&p.pipeline.key) {
            text += &format!(
                "{:?} {:?} {:?} {:?} {:?} {} {:?}\n",
                r.run,
                r.health,
                r.topology,
                r.nodes.values().collect::<Vec<_>>(),
                r.counts(),
                r.complete,
                r.moved
            );
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_world_made_of_what_it_tells_of_itself_is_the_same(seed: u64, count in 0usize..200) {
        let mut world = World::new([info()]);
        for stamped in told(seed, count, 6, 8) {
            world.apply(&stamped);
        }
        let mut other = World::new([info()]);
        for stamped in world.retell(usize::MAX) {
            other.apply(&stamped);
        }
        let now = t(count as i64 + 10);
        prop_assert_eq!(picture(&world, now), picture(&other, now));
        // piece by piece it is the same
        let mut pieces = world.retell_lists();
        let mut after = None;
        loop {
            let (more, last) = world.retell_runs(after.as_ref(), 2, usize::MAX);
            pieces.extend(more);
            after = last;
            if after.is_none() {
                break;
            }
        }
        pieces.extend(world.retell_end());
        prop_assert_eq!(pieces, world.retell(usize::MAX));
    }
}

/// Keeps events as the engine does, with a whole world after every so many, and remembers how it was.
fn kept(dir: &std::path::Path, events: &[Stamped], every: usize) -> Vec<(DateTime<Utc>, String)> {
    let (heard, _keep) = tokio::sync::mpsc::channel(64);
    let mut keeper = Keeper::start(Box::new(Sqlite::open(dir).unwrap()), heard, true, None);
    let mut watch = watch();
    let mut pictures = Vec::new();
    for (n, stamped) in events.iter().enumerate() {
        if n % every == 0 {
            let at = stamped.at - Duration::milliseconds(500);
            let head = head(&watch.world, at).text().unwrap();
            assert!(keeper.world(Retold::Begin { at, head }));
            assert!(keeper.world(Retold::Events(watch.world.retell(40))));
            for line in beside(&watch, at) {
                assert!(keeper.world(Retold::Line(line.text().unwrap())));
            }
            assert!(keeper.world(Retold::End));
        }
        if watch.apply(stamped).any() {
            assert!(keeper.event(stamped));
        }
        pictures.push((stamped.at, picture(&watch.world, stamped.at)));
    }
    keeper.close();
    pictures
}

fn reel(dir: &std::path::Path, events: &[Stamped]) -> Reel {
    let span = Span {
        from: events[0].at,
        to: events[events.len() - 1].at,
    };
    Reel::open(Box::new(Sqlite::open(dir).unwrap()), vec![info()], span).unwrap()
}

/// A reel and what is on screen.
struct Shown {
    reel: Reel,
    watch: Watch,
}

impl Shown {
    fn take(&mut self, moved: Moved) {
        match moved {
            Moved::Scene(scene) => drop(self.watch.shows(*scene)),
            Moved::Lines(lines) => {
                for line in lines {
                    self.watch.goes_on(line);
                }
            }
        }
    }

    fn go(&mut self, to: DateTime<Utc>) {
        let moved = self.reel.go(to).unwrap();
        self.take(moved);
    }

    fn picture(&self) -> String {
        picture(&self.watch.world, self.reel.at().unwrap())
    }
}

/// What is not told again when nothing is new of it.
fn without_beats(picture: &str) -> String {
    let lines = picture.lines();
    let kept = lines.map(|line| match line.split_once(" Some(") {
        Some((before, _)) if line.starts_with("\"lab\"") => before.to_owned(),
        _ => line.to_owned(),
    });
    kept.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_moment_is_shown_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let events = events(7, 400);
    let pictures = kept(dir.path(), &events, 50);
    let mut shown = Shown {
        reel: reel(dir.path(), &events),
        watch: watch(),
    };
    // at places in no order, then each after the other
    let jumps = (0..events.len()).map(|n| (n * 149) % events.len());
    for n in jumps.chain(0..events.len()) {
        let (at, picture) = &pictures[n];
        shown.go(*at);
        assert_eq!(
            without_beats(&shown.picture()),
            without_beats(picture),
            "at {at}"
        );
    }
    assert_eq!(shown.reel.unreadable(), 0);
}

#[test]
fn old_lines_are_read_and_broken_ones_counted() {
    let dir = tempfile::tempdir().unwrap();
    let events = events(3, 60);
    let mut store = Sqlite::open(dir.path()).unwrap();
    // as before there were worlds and shapes
    for stamped in &events {
        let body = serde_json::to_string(stamped).unwrap();
        let at = stamped.at;
        let log = Log::Events;
        store
            .write(&[crate::history::Write::Append { log, at, body }])
            .unwrap();
    }
    let broken = crate::history::Write::Append {
        log: Log::Events,
        at: events[59].at,
        body: "{\"at\":".to_owned(),
    };
    store.write(&[broken]).unwrap();
    let mut world = World::new([info()]);
    for stamped in &events {
        world.apply(stamped);
    }
    let mut shown = Shown {
        reel: reel(dir.path(), &events),
        watch: watch(),
    };
    let end = events[events.len() - 1].at;
    shown.go(end);
    assert_eq!(shown.picture(), picture(&world, end));
    assert_eq!(shown.reel.unreadable(), 1);
}

#[test]
fn a_damaged_world_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let events = events(5, 200);
    let pictures = kept(dir.path(), &events, 40);
    let db = rusqlite::Connection::open(dir.path().join("history.db")).unwrap();
    let changed = db.execute("update worlds set body = replace(body, '\"gzip\":\"', '\"gzip\":\"AAAA') where seq in (2, 3)", []).unwrap();
    assert_eq!(changed, 2);
    let mut shown = Shown {
        reel: reel(dir.path(), &events),
        watch: watch(),
    };
    let (at, picture) = &pictures[95];
    shown.go(*at);
    assert_eq!(without_beats(&shown.picture()), without_beats(picture));
    assert_eq!(shown.reel.unreadable(), 2);
}

#[test]
fn steps_go_to_events_and_failures_both_ways() {
    let dir = tempfile::tempdir().unwrap();
    let events = events(11, 300);
    kept(dir.path(), &events, 35);
    let mut reel = reel(dir.path(), &events);
    reel.go(events[0].at).unwrap();
    for sought in [Sought::Event, Sought::Failure] {
        reel.go(events[0].at).unwrap();
        let mut there = Vec::new();
        while let Some(at) = reel.seek(sought, true).unwrap() {
            assert!(there.last().is_none_or(|last| *last < at));
            there.push(at);
            reel.go(at).unwrap();
        }
        assert!(there.len() > 20, "{}", there.len());
        let mut back = Vec::new();
        while let Some(at) = reel.seek(sought, false).unwrap() {
            back.push(at);
            reel.go(at).unwrap();
        }
        back.reverse();
        // it began at the first event
        there.pop();
        assert_eq!(back.strip_prefix(&[events[0].at]).unwrap_or(&back), there);
    }
    let mut marks = Vec::new();
    while let Some(more) = reel.marks().unwrap() {
        marks.extend(more);
    }
    let mut failures = Vec::new();
    reel.go(events[0].at).unwrap();
    while let Some(at) = reel.seek(Sought::Failure, true).unwrap() {
        failures.push(at);
        reel.go(at).unwrap();
    }
    marks.dedup();
    assert_eq!(marks, failures);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn where_one_came_from_makes_no_difference(moves in prop::collection::vec((0u8..6, 0usize..220), 1..20)) {
        let dir = tempfile::tempdir().unwrap();
        let events = events(2, 218);
        kept(dir.path(), &events, 30);
        let mut shown = Shown { reel: reel(dir.path(), &events), watch: watch() };
        shown.go(events[0].at);
        for (what, n) in moves {
            let to = match what {
                0 => shown.reel.seek(Sought::Event, true).unwrap(),
                1 => shown.reel.seek(Sought::Event, false).unwrap(),
                2 => shown.reel.seek(Sought::Failure, true).unwrap(),
                3 => shown.reel.seek(Sought::Failure, false).unwrap(),
                // between two events too
                4 => shown.reel.at().map(|at| at + Duration::milliseconds(n as i64 * 37)),
                _ => Some(events[n].at),
            };
            if let Some(to) = to {
                shown.go(to);
            }
            let mut fresh = Shown { reel: reel(dir.path(), &events), watch: watch() };
            fresh.go(shown.reel.at().unwrap());
            prop_assert_eq!(shown.picture(), fresh.picture());
        }
    }
}

#[test]
fn a_recording_shows_the_same_as_the_history() {
    let dir = tempfile::tempdir().unwrap();
    let events = events(13, 300);
    let pictures = kept(dir.path(), &events, 60);
    let span = Span {
        from: pictures[100].0,
        to: pictures[250].0,
    };
    let mut store = Sqlite::open(dir.path()).unwrap();
    let (count, file) = export(&mut store, span, None, Vec::new()).unwrap();
    assert!(count > 100, "{count}");
    let other = tempfile::tempdir().unwrap();
    let mut store = Sqlite::open(other.path()).unwrap();
    let loaded = load(file.as_slice(), &mut store).unwrap();
    assert!(loaded.trouble.is_none());
    assert_eq!((loaded.span, loaded.events), (span, count));
    let reel = Reel::open(Box::new(store), Vec::new(), loaded.span).unwrap();
    let mut shown = Shown {
        reel,
        watch: watch(),
    };
    for n in [100, 101, 180, 140, 250] {
        let (at, picture) = &pictures[n];
        shown.go(*at);
        assert_eq!(
            without_beats(&shown.picture()),
            without_beats(picture),
            "at {n}"
        );
    }
    assert_eq!(shown.reel.unreadable(), 0);

    // one pipeline of it
    let mut store = Sqlite::open(dir.path()).unwrap();
    let (_, file) = export(&mut store, span, Some(&key(2)), Vec::new()).unwrap();
    let other = tempfile::tempdir().unwrap();
    let mut store = Sqlite::open(other.path()).unwrap();
    let loaded = load(file.as_slice(), &mut store).unwrap();
    let reel = Reel::open(Box::new(store), Vec::new(), loaded.span).unwrap();
    let mut shown = Shown {
        reel,
        watch: watch(),
    };
    shown.go(span.to);
    let all: Vec<_> = shown
        .watch
        .world
        .pipelines()
        .map(|p| p.pipeline.key.clone())
        .collect();
    assert_eq!(all, [key(2)]);
}

#[test]
fn what_is_wrong_with_a_file_is_told_and_what_could_be_read_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let events = events(17, 300);
    kept(dir.path(), &events, 60);
    let span = Span {
        from: events[0].at,
        to: events[299].at,
    };
    let mut store = Sqlite::open(dir.path()).unwrap();
    let (count, file) = export(&mut store, span, None, Vec::new()).unwrap();
    let read = |bytes: &[u8]| {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Sqlite::open(dir.path()).unwrap();
        let loaded = load(bytes, &mut store);
        let kept = store.after(Log::Events, 0, 10_000).unwrap().len() as u64;
        (loaded, kept)
    };
    // cut off
    let (loaded, kept) = read(&file[..file.len() * 2 / 3]);
    let loaded = loaded.unwrap();
    assert!(loaded.events > 0 && loaded.events < count);
    assert_eq!(kept, loaded.events);
    let trouble = loaded.trouble.unwrap().to_string();
    assert!(
        trouble.starts_with("line ") && trouble.contains("cut off"),
        "{trouble}"
    );
    // damaged in the middle: it is noticed, whatever byte it is
    let mut wrong = file.clone();
    let middle = wrong.len() / 2;
    wrong[middle] ^= 0x55;
    let (loaded, _) = read(&wrong);
    assert!(loaded.map_or(true, |l| l.trouble.is_some()));
    // something else
    for (bytes, told) in [
        (&b""[..], "empty"),
        (&b"hello, world\n"[..], "gzip"),
        (&packed("{}\n")[..], "does not say so"),
        (
            &packed("{\"dagtop_recording\":2,\"by\":\"9.0\"}\n")[..],
            "newer dagtop (9.0)",
        ),
        (&packed("[1\n")[..], "first line"),
    ] {
        let error = read(bytes).0.unwrap_err().to_string();
        assert!(error.contains(told), "{told}: {error}");
    }
    // lines that can't be: the number of the line is told
    let head = "{\"dagtop_recording\":1,\"from\":\"2026-11-20T00:00:00Z\",\"to\":\"2026-11-21T00:00:00Z\"}\n";
    let good = "{\"event\":{\"at\":\"2026-11-20T03:00:00Z\"},\"at\":1795143600000}\n";
    for (bad, told) in [
        ("{\"event\":1", "line 3"),
        ("{\"event\":{}}\n", "no time"),
        (
            "{\"event\":{\"x\":\"+262000-01-01T00:00:00Z\"},\"at\":0}\n",
            "can't be",
        ),
        ("{\"end\":5}\n", "another number"),
        ("", "cut off"),
    ] {
        let (loaded, kept) = read(&packed(&format!("{head}{good}{bad}")));
        let trouble = loaded.unwrap().trouble.unwrap().to_string();
        assert!(
            trouble.contains(told) && trouble.contains("line 3"),
            "{bad}: {trouble}"
        );
        assert_eq!(kept, 1);
    }
    // what a newer one says beside is passed over
    let (loaded, _) = read(&packed(&format!(
        "{head}{good}{{\"colour\":\"red\"}}\n{{\"end\":1}}\n"
    )));
    assert!(loaded.unwrap().trouble.is_none());
}

fn packed(text: &str) -> Vec<u8> {
    use std::io::Write as _;
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}
