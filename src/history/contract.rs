//! What every store must do, run against each there is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audits;
mod days;
pub(super) mod old;

pub(super) use audits::audits;
pub(super) use days::{days, orders};

use std::path::Path;

use chrono::{DateTime, Utc};

use super::audit::{Copied, CopiedAsk};
use super::*;
use crate::model::{
    BackendId, Health, NodeCounts, NodeId, NodeState, PastNode, PastRun, PipelineKey, Run, RunKey,
    RunState, SafeText,
};

pub(super) fn t(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

pub(super) fn put(shelf: Shelf, key: &str, body: &str) -> Write {
    Write::Put {
        shelf,
        key: key.to_owned(),
        body: body.to_owned(),
    }
}

pub(super) fn append(log: Log, second: i64, body: &str) -> Write {
    Write::Append {
        log,
        at: t(second),
        body: body.to_owned(),
    }
}

pub(super) fn bodies(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|l| l.body.as_str()).collect()
}

/// `open` opens the same store once more.
pub(super) fn contract(open: impl Fn() -> Box<dyn Store>) {
    let mut store = open();
    for shelf in Shelf::ALL {
        assert_eq!(store.shelf(shelf).unwrap(), []);
    }
    store
        .write(&[
            put(Shelf::Alerts, "b", "1"),
            put(Shelf::Alerts, "a", "2"),
            put(Shelf::Alerts, "b", "3"),
            put(Shelf::Silences, "a", "4"),
            append(Log::Orders, 1, "first"),
            append(Log::Events, 5, "old"),
            append(Log::Events, 9, "new"),
        ])
        .unwrap();
    let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    let alerts = [pair("a", "2"), pair("b", "3")];
    assert_eq!(store.shelf(Shelf::Alerts).unwrap(), alerts);
    assert_eq!(store.shelf(Shelf::Silences).unwrap(), [pair("a", "4")]);
    assert_eq!(
        store.document(Shelf::Silences, "a").unwrap().as_deref(),
        Some("4")
    );
    assert_eq!(store.document(Shelf::Silences, "b").unwrap(), None);

    // another program on the same store
    let mut other = open();
    assert_eq!(other.shelf(Shelf::Alerts).unwrap(), alerts, "it is on disk");
    assert!(!store.changed().unwrap(), "its own changes are no news");
    assert!(!other.changed().unwrap());
    let gone = Write::Remove {
        shelf: Shelf::Alerts,
        key: "a".to_owned(),
    };
    other
        .write(&[gone, append(Log::Orders, 2, "second")])
        .unwrap();
    assert!(store.changed().unwrap());
    assert!(!store.changed().unwrap(), "told once");
    assert_eq!(store.shelf(Shelf::Alerts).unwrap(), [pair("b", "3")]);

    let lines = store.after(Log::Orders, 0, 10).unwrap();
    assert_eq!(bodies(&lines), ["first", "second"]);
    assert_eq!(lines[1].at, t(2));
    let last = store.last(Log::Orders).unwrap();
    assert_eq!(lines[1].seq, last);
    assert_eq!(store.after(Log::Orders, last, 10).unwrap(), []);
    let one = store.after(Log::Orders, 0, 1).unwrap();
    assert_eq!(bodies(&one), ["first"]);

    let mut seen = Vec::new();
    let from = |store: &mut Box<dyn Store>, second, seen: &mut Vec<String>| {
        let mut each = |line: Line| {
            seen.push(line.body);
            true
        };
        store.since(Log::Events, t(second), &mut each).unwrap();
    };
    from(&mut store, 6, &mut seen);
    assert_eq!(seen, ["new"]);
    assert_eq!(store.forget(Kind::Log(Log::Events), t(6)).unwrap(), 1);
    seen.clear();
    from(&mut store, 0, &mut seen);
    assert_eq!(seen, ["new"]);
}

fn past(pipeline: &str, run: &str, second: i64) -> PastRun {
    let key = PipelineKey::new(&BackendId::new("prod"), pipeline).run(run);
    let mut run = Run::new(key, t(second));
    run.state = RunState::Failed;
    run.native = SafeText::new("failed");
    run.started_at = Some(t(second + 1));
    run.ended_at = Some(t(second + 61));
    run.params = vec![(SafeText::new("day"), SafeText::new("3"))];
    run.version = Some(SafeText::new("41"));
    run.counts = Some(NodeCounts::default());
    PastRun {
        run,
        health: Health::Failed,
        seen: t(second + 70),
    }
}

fn attempt(run: &RunKey, node: &str, number: u32, second: i64) -> PastNode {
    PastNode {
        run: run.clone(),
        node: NodeId::new(node),
        attempt: number,
        state: NodeState::Failed,
        queued_at: None,
        started_at: Some(t(second)),
        ended_at: Some(t(second + 10)),
        exit_code: Some(137),
        rows: Some(12.5),
        memory: Some(1 << 40),
        cpu_seconds: None,
    }
}

fn point(series: &str, grain: Grain, second: i64, count: u64) -> Point {
    Point {
        series: series.to_owned(),
        grain,
        at: t(second),
        count,
        sum: 3.0,
        min: 1.0,
        max: 2.0,
        last: 2.0,
    }
}

/// What a store must do with runs and what belongs to them.
pub(super) fn records(open: impl Fn() -> Box<dyn Store>) {
    let mut store = open();
    let (a1, a2, b1) = (past("a", "1", 0), past("a", "2", 100), past("b", "1", 50));
    let key = a1.run.key.clone();
    let log = key.node(&NodeId::new("load")).log(2);
    let run = |r: &PastRun| Write::Run(Box::new(r.clone()));
    let node = |n: &PastNode| Write::Node(Box::new(n.clone()));
    let (first, second) = (attempt(&key, "load", 1, 10), attempt(&key, "load", 2, 30));
    let other = attempt(&a2.run.key, "load", 1, 110);
    let unheard = attempt(&key.pipeline.run("3"), "x", 1, 300);
    store
        .write(&[
            run(&a2),
            run(&a1),
            run(&b1),
            node(&second),
            node(&first),
            node(&other),
            node(&unheard),
            Write::Point(point("x{a:b}", Grain::Minute, 0, 1)),
            Write::Point(point("x{a:b}", Grain::Minute, 60, 2)),
            Write::Point(point("x{a:b}", Grain::Minute, 60, 7)),
            Write::Point(point("x{a:b}", Grain::Hour, 0, 9)),
            Write::Point(point("y", Grain::Minute, 0, 1)),
            Write::Tail {
                log: log.clone(),
                at: t(40),
                text: "ValueError: no".to_owned(),
            },
        ])
        .unwrap();
    // told again, it takes the place of what was known
    let a1 = PastRun {
        health: Health::Succeeded,
        ..a1
    };
    store.write(&[run(&a1)]).unwrap();
    let mut store = open();
    assert_eq!(store.run(&key).unwrap(), Some(a1.clone()));
    assert_eq!(store.run(&key.pipeline.run("9")).unwrap(), None);
    assert_eq!(
        store.nodes_of(&key).unwrap(),
        [first.clone(), second.clone()]
    );
    let bare = store.run(&unheard.run).unwrap().unwrap();
    assert_eq!(bare.health, Health::Unknown, "only its node was told");
    assert_eq!(store.tail(&log).unwrap().as_deref(), Some("ValueError: no"));

    let mut ask = Ask {
        of: Of::All,
        from: t(0),
        to: t(100),
        newest_first: false,
        most: 10,
    };
    let listed = |store: &mut Box<dyn Store>, ask: &Ask| {
        let mut all = Vec::new();
        let mut each = |run: PastRun| {
            all.push(run);
            true
        };
        store.runs(ask, &mut each).unwrap();
        all
    };
    assert_eq!(listed(&mut store, &ask), [a1.clone(), b1.clone()]);
    ask.newest_first = true;
    ask.to = t(200);
    ask.most = 2;
    assert_eq!(listed(&mut store, &ask), [a2.clone(), b1.clone()]);
    ask.of = Of::Backend(BackendId::new("other"));
    assert_eq!(listed(&mut store, &ask), []);
    ask.of = Of::Pipeline(PipelineKey::new(&BackendId::new("prod"), "nothing"));
    assert_eq!(listed(&mut store, &ask), []);
    ask.of = Of::Pipeline(key.pipeline.clone());
    ask.most = 10;
    assert_eq!(listed(&mut store, &ask), [a2.clone(), a1.clone()]);
    let mut nodes = Vec::new();
    let load = NodeId::new("load");
    store
        .nodes(&ask, Some(&load), &mut |node| {
            nodes.push(node);
            true
        })
        .unwrap();
    assert_eq!(nodes, [other, first, second]);
    let recent = store.recent(2).unwrap();
    let mut recent: Vec<&str> = recent.iter().map(|r| r.run.key.run.raw()).collect();
    recent.sort_unstable();
    assert_eq!(recent, ["1", "2", "3"], "of a the newest two, and b's");

    // who knows less of a time doesn't take away what was known
    let less = Write::Point(point("x{a:b}", Grain::Minute, 60, 3));
    store.write(&[less]).unwrap();
    let of_x = store.points("x", Grain::Minute, t(0), t(60)).unwrap();
    assert_eq!(of_x, [point("x{a:b}", Grain::Minute, 0, 1)]);
    let mut first = Vec::new();
    let mut each = |point: Point| {
        first.push((point.series, point.at));
        first.len() < 2
    };
    store
        .each_point("", Grain::Minute, t(0), t(61), &mut each)
        .unwrap();
    assert_eq!(
        first,
        [("x{a:b}".to_owned(), t(0)), ("x{a:b}".to_owned(), t(60))]
    );
    let of_x = store.points("x", Grain::Minute, t(0), t(61)).unwrap();
    assert_eq!(of_x[1].count, 7);

    let silent = PastNode {
        rows: None,
        memory: None,
        exit_code: None,
        state: NodeState::Succeeded,
        ..attempt(&key, "load", 2, 30)
    };
    store.write(&[node(&silent)]).unwrap();
    let kept = store.nodes_of(&key).unwrap();
    assert_eq!(kept[1].state, NodeState::Succeeded);
    assert_eq!(
        (kept[1].rows, kept[1].memory, kept[1].exit_code),
        (Some(12.5), Some(1 << 40), Some(137))
    );
    let bytes = store.bytes().unwrap();

    let size = store.size().unwrap();
    assert!(bytes > 0 && bytes <= size.bytes);
    assert!(size.bytes > 0);
    assert!(size.records.contains(&("nodes", 4)), "{size:?}");
    let early = Write::Tail {
        log: key.node(&NodeId::new("load")).log(1),
        at: t(20),
        text: "first".to_owned(),
    };
    store.write(&[early]).unwrap();
    assert_eq!(store.tails(t(20), 10).unwrap(), []);
    let told = store.tails(t(41), 10).unwrap();
    let texts: Vec<&str> = told.iter().map(|tail| tail.text.as_str()).collect();
    assert_eq!(texts, ["first", "ValueError: no"]);
    assert_eq!((&told[1].log, told[1].at), (&log, t(40)));
    assert_eq!(store.tails(t(41), 1).unwrap(), told[..1]);
    assert_eq!(store.forget(Kind::Tails, t(41)).unwrap(), 2);
    assert_eq!(store.tail(&log).unwrap(), None);
    assert_eq!(store.forget(Kind::Points(Grain::Minute), t(60)).unwrap(), 2);
    assert_eq!(store.forget(Kind::Runs, t(60)).unwrap(), 2);
    assert_eq!(store.run(&key).unwrap(), None);
    assert_eq!(store.nodes_of(&key).unwrap(), []);
    assert!(store.run(&a2.run.key).unwrap().is_some());
    store.vacuum().unwrap();
    store.check().unwrap();
}

fn sqlite(dir: &Path) -> Sqlite {
    Sqlite::open(dir).unwrap()
}

#[test]
fn sqlite_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    contract(|| Box::new(sqlite(dir.path())));
    let dir = tempfile::tempdir().unwrap();
    records(|| Box::new(sqlite(dir.path())));
    sqlite(dir.path()).check().unwrap();
    let dir = tempfile::tempdir().unwrap();
    days(|| Box::new(sqlite(dir.path())));
    let dir = tempfile::tempdir().unwrap();
    orders(|| Box::new(sqlite(dir.path())));
    let dir = tempfile::tempdir().unwrap();
    audits(|| Box::new(sqlite(dir.path())));
    use std::os::unix::fs::PermissionsExt as _;
    for file in ["history.db", "history.db-wal"] {
        if let Ok(meta) = std::fs::metadata(dir.path().join(file)) {
            assert_eq!(meta.permissions().mode() & 0o077, 0, "{file}");
        }
    }
}

#[test]
fn what_is_old_goes_from_sqlite() {
    for test in old::ALL {
        let dir = tempfile::tempdir().unwrap();
        test(&|| Box::new(sqlite(dir.path())));
    }
}

#[test]
fn a_file_that_is_no_store_is_told_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let garbage = "not a database at all, ".repeat(100);
    std::fs::write(&path, &garbage).unwrap();
    let error = Sqlite::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
    assert!(error.to_string().contains("history.db"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), garbage);
    std::fs::remove_file(&path).unwrap();
    sqlite(dir.path());
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let error = Sqlite::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer(_)), "{error:?}");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let error = Sqlite::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    // where nobody may make a file, not even root
    let error = Sqlite::open(Path::new("/proc/dagtop")).unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    assert!(error.to_string().contains("/proc/dagtop"), "{error}");
}

#[test]
fn half_a_batch_is_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = sqlite(dir.path());
    // a reader that never ends keeps no writer waiting; another writer does
    let other = rusqlite::Connection::open(dir.path().join("history.db")).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let begun = std::time::Instant::now();
    let error = store.write(&[put(Shelf::Alerts, "a", "1")]).unwrap_err();
    assert!(matches!(error, StoreError::Busy), "{error:?}");
    assert!(begun.elapsed().as_secs() < 10, "it waits, not for ever");
    other.execute_batch("rollback").unwrap();
    store.write(&[put(Shelf::Alerts, "a", "1")]).unwrap();
    assert_eq!(store.shelf(Shelf::Alerts).unwrap().len(), 1);
}

#[test]
fn one_leads_until_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (Leader::new(dir.path()), Leader::new(dir.path()));
    assert!(a.lead());
    assert!(!b.lead());
    assert!(a.lead());
    drop(a);
    assert!(b.lead());
}
