//! What every store must do, run against each there is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use chrono::{DateTime, Utc};

use super::*;

fn t(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

fn put(shelf: Shelf, key: &str, body: &str) -> Write {
    Write::Put {
        shelf,
        key: key.to_owned(),
        body: body.to_owned(),
    }
}

fn append(log: Log, second: i64, body: &str) -> Write {
    Write::Append {
        log,
        at: t(second),
        body: body.to_owned(),
    }
}

fn bodies(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|l| l.body.as_str()).collect()
}

/// `open` opens the same store once more.
fn contract(open: impl Fn() -> Box<dyn Store>) {
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
    assert_eq!(store.forget(Log::Events, t(6)).unwrap(), 1);
    seen.clear();
    from(&mut store, 0, &mut seen);
    assert_eq!(seen, ["new"]);
}

fn sqlite(dir: &Path) -> Sqlite {
    Sqlite::open(dir).unwrap()
}

#[test]
fn sqlite_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    contract(|| Box::new(sqlite(dir.path())));
    sqlite(dir.path()).check().unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    for file in ["history.db", "history.db-wal"] {
        if let Ok(meta) = std::fs::metadata(dir.path().join(file)) {
            assert_eq!(meta.permissions().mode() & 0o077, 0, "{file}");
        }
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
