//! The audits of several machines on one server.

use std::path::Path;

use chrono::DateTime;

use super::bad_days::lab;
use super::shared::until;
use super::*;
use crate::history::audit::{Copier, Kind, What, copies};
use crate::history::{Audit, Heard, Keeper, Policy, Tend};

fn keeper(database: &Database, dir: &Path) -> (Keeper, tokio::sync::mpsc::Receiver<Heard>) {
    let (heard, inbox) = tokio::sync::mpsc::channel(64);
    let tend = Tend::new(Policy::default(), Some(Copier::new(dir)));
    let store = Box::new(database.open());
    (Keeper::start(store, heard, false, Some(tend)), inbox)
}

fn everything() -> CopiedAsk {
    CopiedAsk {
        from: contract::t(0),
        to: DateTime::<Utc>::MAX_UTC,
        newest_first: false,
        after: None,
        most: usize::MAX,
    }
}

/// What was done on each machine, by the times at which it was done.
fn targets(store: &mut Postgres) -> Vec<String> {
    let mut all = Vec::new();
    let mut each = |_, line: Copied| {
        all.push(line.found().unwrap().entry.what.target.to_string());
        true
    };
    store.audit(&everything(), &mut each).unwrap();
    all
}

/// Each of two machines sees what was done on the other, once, whatever becomes of the server meanwhile.
#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn what_was_done_on_every_machine_is_in_one_store_once_and_in_order() {
    let database = Database::new();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    // small files: some are put aside before they are copied
    let open = |dir: &tempfile::TempDir| Audit::open(dir.path()).unwrap().rotated_at(3_000);
    let mut audits = dirs.each_ref().map(open);
    let mut done = 0;
    let mut act = |many: i64| {
        for _ in 0..many {
            let what = What::done(Kind::Alert, "ack", done.to_string());
            let which = usize::from(done % 3 == 0);
            audits[which].write(contract::t(done), what).unwrap();
            done += 1;
        }
        done
    };
    // before anything runs
    act(10);
    let mut keepers = dirs.each_ref().map(|dir| keeper(&database, dir.path()));
    // a second program on the first machine
    let (mut second, _heard) = keeper(&database, dirs[0].path());
    let mut store = database.open();
    until("what was there is copied", || {
        targets(&mut store).len() == 10
    });
    act(10);
    until("so is what comes", || targets(&mut store).len() == 20);
    lab("halt");
    act(10);
    let trouble = keepers[0].1.blocking_recv().unwrap();
    let Heard::Trouble(why) = trouble else {
        panic!("{trouble:?}")
    };
    assert!(why.contains("it is tried again"), "{why}");
    assert!(!why.contains(&password()), "{why}");
    // one of them ends while the server is away, and begins again
    keepers[1].0.close();
    act(10);
    lab("go");
    keepers[1] = keeper(&database, dirs[1].path());
    let wanted: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    until("nothing is lost", || {
        targets(&mut store).len() >= wanted.len()
    });
    let all = act(1);
    second.close();
    for (keeper, _) in &mut keepers {
        keeper.close();
    }
    let wanted: Vec<String> = (0..all).map(|n| n.to_string()).collect();
    assert_eq!(targets(&mut store), wanted);
    for dir in &dirs {
        let told = copies(&mut store, Some(dir.path())).unwrap();
        assert_eq!(told.len(), 2);
        for copy in &told {
            let verdict = &copy.verdict;
            assert!(verdict.holds(), "{:?}", verdict.broken);
            assert_eq!((verdict.notes.len(), verdict.met.len()), (0, 1));
        }
        let lines: u64 = told.iter().map(|c| c.verdict.lines).sum();
        assert_eq!(lines, 41);
    }
}

#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn a_schema_from_before_there_were_audits_is_brought_forward() {
    let database = Database::new();
    let order = contract::append(Log::Orders, 1, "kept");
    database.open().write(&[order]).unwrap();
    for text in [
        "drop table dagtop.audit",
        "drop function dagtop.audit_stays()",
        "update dagtop.version set version = 1",
    ] {
        database.say(text);
    }
    let mut store = database.open();
    assert_eq!(store.audit_chains().unwrap(), [""; 0]);
    let lines = store.after(Log::Orders, 0, 9).unwrap();
    assert_eq!(contract::bodies(&lines), ["kept"]);
    assert_eq!(
        database.say("select version::int8 from dagtop.version"),
        Some(2)
    );
}

#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn a_copy_that_was_touched_on_the_server_is_found() {
    let database = Database::new();
    let dir = tempfile::tempdir().unwrap();
    let mut audit = Audit::open(dir.path()).unwrap();
    for n in 0..5 {
        let what = What::done(Kind::Alert, "ack", format!("t{n}"));
        audit.write(contract::t(n), what).unwrap();
    }
    let mut store = database.open();
    Copier::new(dir.path()).all(&mut store).unwrap();
    let broken = |store: &mut Postgres| -> Vec<String> {
        let told = copies(store, Some(dir.path())).unwrap();
        told[0]
            .verdict
            .broken
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(broken(&mut store), [""; 0]);
    let stays = "select count(*) from pg_trigger where tgname = 'audit_stays'";
    assert_eq!(database.say(stays), Some(1));
    database.say("alter table dagtop.audit disable trigger audit_stays");
    database.say("update dagtop.audit set body = replace(body, 't1', 't9') where n = 2");
    database.say("delete from dagtop.audit where n = 4");
    let told = broken(&mut store).join("\n");
    for wanted in [
        "line 2 was changed",
        "line 4 is missing before line 5",
        "line 4 is in the files",
    ] {
        assert!(told.contains(wanted), "{told}");
    }
}
