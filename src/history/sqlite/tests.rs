#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::mpsc;

use super::*;
use crate::history::{Heard, Keeper};

fn order(n: usize) -> Write {
    Write::Append {
        log: Log::Orders,
        at: Utc::now(),
        body: format!("order {n}"),
    }
}

fn event(n: usize) -> Write {
    Write::Append {
        log: Log::Events,
        at: Utc::now(),
        body: format!("{n} {}", "x".repeat(4_000)),
    }
}

fn orders(store: &mut dyn Store) -> Vec<String> {
    let lines = store.after(Log::Orders, 0, usize::MAX).unwrap();
    lines.into_iter().map(|line| line.body).collect()
}

/// What the keeper says, without waiting for ever.
fn hear(heard: &mut mpsc::Receiver<Heard>) -> Heard {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if let Ok(heard) = heard.try_recv() {
            return heard;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nothing was heard");
}

#[test]
fn a_file_of_the_first_version_keeps_everything() {
    let dir = tempfile::tempdir().unwrap();
    let db = Connection::open(dir.path().join("history.db")).unwrap();
    // as the first released version made it
    db.execute_batch(
        "create table documents (shelf text not null, key text not null, body text not null,
           primary key (shelf, key)) without rowid;
         create table orders (seq integer primary key autoincrement, at integer not null, body text not null);
         create table events (seq integer primary key autoincrement, at integer not null, body text not null);
         create index events_at on events (at);
         insert into documents values ('alerts', 'a', '1'), ('silences', 's', '2');
         insert into orders (at, body) values (5, 'first'), (6, 'second');
         insert into events (at, body) values (7, 'told');
         pragma user_version = 1;",
    )
    .unwrap();
    drop(db);
    let mut store = Sqlite::open(dir.path()).unwrap();
    assert_eq!(orders(&mut store), ["first", "second"]);
    let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    assert_eq!(store.shelf(Shelf::Alerts).unwrap(), [pair("a", "1")]);
    assert_eq!(store.shelf(Shelf::Silences).unwrap(), [pair("s", "2")]);
    assert_eq!(store.last(Log::Events).unwrap(), 1);
    store.write(&[order(3)]).unwrap();
    assert_eq!(store.last(Log::Orders).unwrap(), 3, "numbers go on");
    store.check().unwrap();
    drop(store);
    // and once it is new it is not made new again
    let mut store = Sqlite::open(dir.path()).unwrap();
    assert_eq!(orders(&mut store).len(), 3);
}

#[test]
fn a_full_disk_loses_nothing_that_somebody_did() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Sqlite::open(dir.path()).unwrap();
    let filler: Vec<Write> = (0..50).map(event).collect();
    store.write(&filler).unwrap();
    let pages: i64 = store
        .db
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    store
        .db
        .query_row(&format!("pragma max_page_count = {pages}"), [], |_| Ok(()))
        .unwrap();
    let full = (0..50).map(event).collect::<Vec<_>>();
    let error = store.write(&full).unwrap_err();
    assert!(matches!(error, StoreError::Full), "{error:?}");
    assert_eq!(store.last(Log::Events).unwrap(), 50, "all or nothing");

    let (sender, mut heard) = mpsc::channel(8);
    let mut keeper = Keeper::start(Box::new(store), sender, true, None);
    keeper.records(full).unwrap();
    keeper.write(order(1));
    let Heard::Trouble(why) = hear(&mut heard) else {
        panic!()
    };
    assert!(why.contains("no room on the disk"), "{why}");
    keeper.write(order(2));
    // somebody makes room
    let other = Connection::open(dir.path().join("history.db")).unwrap();
    other.busy_timeout(PATIENCE).unwrap();
    other.execute("delete from events", []).unwrap();
    let Heard::Recovered { lost } = hear(&mut heard) else {
        panic!("told once")
    };
    assert_eq!(lost, 50, "events gave way, and are counted");
    keeper.close();
    let mut store = Sqlite::open(dir.path()).unwrap();
    assert_eq!(orders(&mut store), ["order 1", "order 2"]);
    store.check().unwrap();
}

#[test]
fn what_another_locks_is_written_when_it_lets_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path()).unwrap();
    store.db.busy_timeout(Duration::from_millis(50)).unwrap();
    let (sender, mut heard) = mpsc::channel(8);
    let other = Connection::open(dir.path().join("history.db")).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let mut keeper = Keeper::start(Box::new(store), sender, true, None);
    keeper.write(order(1));
    let Heard::Trouble(why) = hear(&mut heard) else {
        panic!()
    };
    assert!(why.contains("locked"), "{why}");
    other.execute_batch("rollback").unwrap();
    assert!(matches!(hear(&mut heard), Heard::Recovered { lost: 0 }));
    keeper.close();
    assert_eq!(orders(&mut Sqlite::open(dir.path()).unwrap()), ["order 1"]);
}

#[test]
fn there_is_always_room_for_what_people_do() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path()).unwrap();
    store.db.busy_timeout(Duration::from_secs(30)).unwrap();
    let other = Connection::open(dir.path().join("history.db")).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let (sender, _heard) = mpsc::channel(8);
    let mut keeper = Keeper::start(Box::new(store), sender, true, None);
    keeper.write(order(0));
    // the disk does not move; what backends tell is refused at last, and nobody waits
    let begun = Instant::now();
    let mut taken = 0;
    while keeper.records((0..1_000).map(event).collect()).is_ok() {
        taken += 1_000;
        assert!(taken < 100_000, "it is bounded");
    }
    assert!(keeper.room() < 1_000);
    for n in 1..1_000 {
        assert!(keeper.write(order(n)));
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "nobody waited");
    other.execute_batch("rollback").unwrap();
    keeper.close();
    let mut store = Sqlite::open(dir.path()).unwrap();
    assert_eq!(orders(&mut store).len(), 1_000);
    assert_eq!(store.last(Log::Events).unwrap(), taken);
}

#[test]
fn a_row_that_makes_no_sense_hides_no_other() {
    use crate::model::{BackendId, Health, PipelineKey, Run};
    let dir = tempfile::tempdir().unwrap();
    let mut store = Sqlite::open(dir.path()).unwrap();
    let run = |n: i64| {
        let key = PipelineKey::new(&BackendId::new("prod"), "a").run(n.to_string());
        Write::Run(Box::new(PastRun {
            run: Run::new(key, DateTime::from_timestamp(n, 0).unwrap()),
            health: Health::Succeeded,
            seen: Utc::now(),
        }))
    };
    store.write(&[run(1), run(2), run(3)]).unwrap();
    store
        .db
        .execute(
            "update runs set native = x'ff', seen = 'never' where run = '2'",
            [],
        )
        .unwrap();
    let runs = store.recent(10).unwrap();
    let names: Vec<&str> = runs.iter().map(|r| r.run.key.run.raw()).collect();
    assert_eq!(names, ["1", "3"]);
}

#[test]
fn a_row_that_makes_no_sense_hides_no_other_and_is_counted() {
    use crate::history::contract::{self, t};
    let dir = tempfile::tempdir().unwrap();
    contract::records(|| Box::new(Sqlite::open(dir.path()).unwrap()));
    let mut store = Sqlite::open(dir.path()).unwrap();
    let ask = Ask {
        of: crate::history::Of::All,
        from: t(-1_000),
        to: t(1_000),
        newest_first: false,
        most: 10,
    };
    let count = |store: &mut Sqlite| {
        let mut runs = 0;
        store
            .runs(&ask, &mut |_| {
                runs += 1;
                true
            })
            .unwrap();
        (runs, store.left_out())
    };
    let (before, none) = count(&mut store);
    assert!(before > 1 && none == 0);
    assert_eq!(store.check().unwrap(), 0);
    let other = Connection::open(dir.path().join("history.db")).unwrap();
    other
        .execute(
            "update runs set native = x'00ff' where id = (select min(id) from runs)",
            [],
        )
        .unwrap();
    other
        .execute("update nodes set state = 'what'", [])
        .unwrap();
    assert_eq!(count(&mut store), (before - 1, 1));
    assert_eq!(store.left_out(), 0, "told once");
    let recent = store.recent(10).unwrap();
    assert_eq!((recent.len(), store.left_out()), (before - 1, 1));
    let nodes: i64 = other
        .query_row("select count(*) from nodes", [], |row| row.get(0))
        .unwrap();
    assert_eq!(store.check().unwrap(), 1 + u64::try_from(nodes).unwrap());
    assert!(nodes > 0);
    for run in recent {
        assert_eq!(store.nodes_of(&run.run.key).unwrap(), []);
    }
    assert!(store.left_out() > 0);
}

#[test]
fn points_of_a_series_are_found_without_looking_at_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path()).unwrap();
    let text = format!("explain query plan {}", records::POINTS);
    let mut plan = store.db.prepare(&text).unwrap();
    let rows = plan.query_map(params!["x", 60, 0, 1], |row| row.get(3));
    let steps: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
    assert!(steps[0].starts_with("SEARCH s USING"), "{steps:?}");
    assert!(steps[1].starts_with("SEARCH o USING"), "{steps:?}");
    assert_eq!(steps.len(), 2, "they come in their order: {steps:?}");
}
