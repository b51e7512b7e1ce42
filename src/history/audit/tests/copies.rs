//! What of the files is in the store, and what shows when one of the two was touched.
use super::*;
use crate::history::{Shelf, Sqlite, Store, StoreError};

fn open(dir: &Path) -> Box<dyn Store> {
    Box::new(Sqlite::open(dir).unwrap())
}

/// The lines that the store has of a machine.
fn copied(store: &mut dyn Store, dir: &Path) -> Vec<Copied> {
    let mut all = Vec::new();
    let mut each = |line| {
        all.push(line);
        true
    };
    store.audit_of(&chain_of(dir), &mut each).unwrap();
    all
}

fn bodies(lines: &[Copied]) -> Vec<String> {
    lines.iter().map(|line| line.body.clone()).collect()
}

/// Every line of the files, as it stands there.
fn filed(dir: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let each = |_: Found, raw: &[u8]| {
        all.push(String::from_utf8(raw.to_vec()).unwrap());
        Ok(true)
    };
    Trail::of(dir).unwrap().entries(each).unwrap();
    all
}

fn own(store: &mut dyn Store, dir: &Path) -> Verdict {
    let mut all = copies(store, Some(dir)).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0).verdict
}

#[test]
fn a_line_is_copied_once_whoever_copies_it_and_however_often() {
    let (dir, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    let mut store = open(place.path());
    let mut audit = Audit::open(dir).unwrap().rotated_at(1500);
    let mut copier = Copier::new(dir);
    copier.all(store.as_mut()).unwrap();
    assert_eq!(copied(store.as_mut(), dir), [], "there is no file yet");
    for n in 0..20 {
        write(&mut audit, &format!("t{n}"));
        if n % 7 == 0 {
            copier.all(store.as_mut()).unwrap();
        }
        if n % 5 == 0 {
            // another program on this machine, or this one begun anew
            Copier::new(dir).all(store.as_mut()).unwrap();
        }
    }
    copier.all(store.as_mut()).unwrap();
    assert!(dir.join("audit-0003.jsonl").exists());
    let lines = copied(store.as_mut(), dir);
    assert_eq!(bodies(&lines), filed(dir));
    let numbers: Vec<u64> = lines.iter().map(|line| line.n).collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    assert_eq!(lines[0].at, at());
    let verdict = own(store.as_mut(), dir);
    assert!(verdict.holds(), "{:?}", verdict.broken);
    assert_eq!((verdict.lines, verdict.notes.len()), (20, 0));
    assert_eq!(verdict.met.len(), 1, "the last line is noted beside them");
    write(&mut audit, "later");
    let verdict = own(store.as_mut(), dir);
    assert!(verdict.holds(), "{:?}", verdict.broken);
    assert!(texts(&verdict.notes)[0].contains("1 line of the files of this machine not yet here"));
}

#[test]
fn much_goes_in_pieces_and_what_is_no_line_of_the_chain_stays_in_the_file() {
    let (dir, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    let (mut all, _) = chain(2_300);
    all.insert(0, b"{\"user\":\"of an older version\"}\n".to_vec());
    all.push(b"{\"n\":2301,\"prev\":\"".to_vec());
    std::fs::write(dir.join("audit.jsonl"), all.concat()).unwrap();
    let mut store = open(place.path());
    let mut copier = Copier::new(dir);
    for (there, busy) in [(1_000, true), (2_000, true), (2_300, false), (2_300, false)] {
        copier.step(store.as_mut()).unwrap();
        assert_eq!(copied(store.as_mut(), dir).len(), there);
        assert_eq!(copier.busy(), busy);
    }
    write(
        &mut Audit::open(dir).unwrap(),
        "after a write that was cut off",
    );
    copier.all(store.as_mut()).unwrap();
    let lines = copied(store.as_mut(), dir);
    assert_eq!(lines.len(), 2_301);
    assert!(lines[2_300].body.contains("after a write that was cut off"));
    let verdict = own(store.as_mut(), dir);
    assert!(verdict.holds(), "{:?}", verdict.broken);
    assert_eq!(verdict.notes, []);
}

#[test]
fn what_could_not_be_copied_is_copied_later_also_by_another_program() {
    let (dir, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    let mut store = open(place.path());
    let mut audit = Audit::open(dir).unwrap();
    let mut copier = Copier::new(dir);
    write(&mut audit, "before");
    copier.all(store.as_mut()).unwrap();
    let other = rusqlite::Connection::open(place.path().join("history.db")).unwrap();
    other.execute_batch("begin immediate").unwrap();
    write(&mut audit, "meanwhile");
    let error = copier.all(store.as_mut()).unwrap_err();
    assert!(
        matches!(error, CopyError::Store(StoreError::Busy)),
        "{error:?}"
    );
    write(&mut audit, "and more");
    other.execute_batch("rollback").unwrap();
    Copier::new(dir).all(store.as_mut()).unwrap();
    assert_eq!(bodies(&copied(store.as_mut(), dir)), filed(dir));
    copier.all(store.as_mut()).unwrap();
    assert_eq!(copied(store.as_mut(), dir).len(), 3);
}

/// A program that was stopped while it wrote must not hold up whoever keeps the history.
#[test]
fn a_file_that_another_program_holds_is_not_waited_for_for_ever() {
    let (dir, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    write(&mut Audit::open(dir).unwrap(), "t");
    let mut store = open(place.path());
    let held = std::fs::File::open(dir.join("audit.jsonl")).unwrap();
    held.lock().unwrap();
    let error = Copier::new(dir).all(store.as_mut()).unwrap_err();
    assert!(error.to_string().contains("does not let go"), "{error}");
    held.unlock().unwrap();
    Copier::new(dir).all(store.as_mut()).unwrap();
    assert_eq!(copied(store.as_mut(), dir).len(), 1);
}

/// Five lines, copied.
fn five() -> (tempfile::TempDir, tempfile::TempDir, Box<dyn Store>) {
    let (dir, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut audit = Audit::open(dir.path()).unwrap();
    for n in 0..5 {
        write(&mut audit, &format!("t{n}"));
    }
    let mut store = open(place.path());
    Copier::new(dir.path()).all(store.as_mut()).unwrap();
    (dir, place, store)
}

#[test]
fn a_copy_that_was_touched_is_found() {
    let all = [
        (
            "delete from audit where n = 3",
            "line 3 is missing before line 4",
        ),
        (
            "delete from audit where n = 3",
            "line 3 is in the files of this machine, and not here",
        ),
        ("delete from audit where n >= 4", "line 5 with the hash"),
        (
            "update audit set body = replace(body, 't2', 't9') where n = 3",
            "line 3 was changed",
        ),
        (
            "update audit set at = at + 60000 where n = 3",
            "line 3 is filed under what it does not say itself",
        ),
        (
            "update audit set seq = 9 where n = 3",
            "line 3 is missing before line 4",
        ),
    ];
    for (touch, wanted) in all {
        let (dir, place, mut store) = five();
        assert!(own(store.as_mut(), dir.path()).holds());
        let db = rusqlite::Connection::open(place.path().join("history.db")).unwrap();
        let refused = db.execute_batch(touch).unwrap_err().to_string();
        assert!(
            refused.contains("the audit is only appended to"),
            "{refused}"
        );
        db.execute_batch("drop trigger audit_stays; drop trigger audit_goes_not")
            .unwrap();
        db.execute_batch(touch).unwrap();
        let told = texts(&own(store.as_mut(), dir.path()).broken);
        assert!(
            told.iter().any(|text| text.contains(wanted)),
            "{touch}: {told:?}"
        );
    }
}

#[test]
fn files_that_say_another_thing_than_their_copy_are_found() {
    let (dir, _place, mut store) = five();
    let dir = dir.path();
    let file = dir.join("audit.jsonl");
    let whole = std::fs::read_to_string(&file).unwrap();
    let mut told = |text: &str| {
        std::fs::write(&file, text).unwrap();
        texts(&own(store.as_mut(), dir).broken)
    };
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let here = |lines| {
        format!(
            "{}: {lines} here, and not in the files of this machine",
            chain_of(dir)
        )
    };
    // the end is cut off
    let cut = told(&lines[..3].concat());
    assert!(cut[0].starts_with(&here("lines 4 to 5 are")), "{cut:?}");
    // one is changed
    let changed = told(&whole.replacen("t2", "t9", 1));
    assert!(changed[0].starts_with(&here("line 3 is")), "{changed:?}");
    // all of it is written anew, with hashes that are right
    let (anew, _) = chain(5);
    let anew = told(&String::from_utf8(anew.concat()).unwrap());
    assert_eq!(anew.len(), 1, "{anew:?}");
    assert!(anew[0].contains("lines 1 to 5 are another in the files of this machine than here"));
    assert_eq!(told(&whole), [""; 0]);
}

/// Whoever may write to the store can write anything.
#[test]
fn a_line_that_was_put_into_the_store_is_told_and_reaches_no_terminal_as_it_is() {
    let (dir, _place, mut store) = five();
    let strange = Copied {
        chain: "ev\u{1b}[2Jil:/x".to_owned(),
        n: 1,
        hash: "\u{1b}]0;x".to_owned(),
        at: at(),
        body: r#"{"at":"2026-11-20T03:00:00Z","user":"eve\u001b[2J","action":"ack","target":"x","step":"done"}"#
            .to_owned(),
    };
    store
        .write(&[crate::history::Write::Audit(Box::new(strange.clone()))])
        .unwrap();
    let found = strange.found().unwrap();
    assert_eq!(found.n, None, "it is of no chain");
    let all = copies(store.as_mut(), Some(dir.path())).unwrap();
    let (good, bad): (Vec<_>, Vec<_>) = all.iter().partition(|c| c.verdict.holds());
    assert_eq!((good.len(), bad.len()), (1, 1));
    let told = format!(
        "{:?} {} {}",
        found,
        bad[0].chain,
        texts(&bad[0].verdict.broken)[0]
    );
    assert!(!told.contains('\u{1b}'), "{told}");
    assert!(told.contains("line 1 is no line of the chain"), "{told}");
}

/// The files were taken away, and the machine began anew: the copy has both, and says so.
#[test]
fn files_that_are_begun_anew_are_copied_and_told() {
    let (dir, _place, mut store) = five();
    let dir = dir.path();
    let mut copier = Copier::new(dir);
    copier.all(store.as_mut()).unwrap();
    std::fs::remove_file(dir.join("audit.jsonl")).unwrap();
    // as long as the one before, and longer
    let mut audit = Audit::open(dir).unwrap();
    for n in 0..6 {
        write(&mut audit, &format!("s{n}"));
    }
    copier.all(store.as_mut()).unwrap();
    let lines = copied(store.as_mut(), dir);
    assert_eq!(lines.len(), 11);
    assert_eq!(bodies(&lines[5..]), filed(dir));
    let verdict = own(store.as_mut(), dir);
    let told = texts(&verdict.broken);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("lines 1 to 5 are here, and not in the files"),
        "{told:?}"
    );
    assert!(texts(&verdict.notes)[0].contains("begun anew after line 5"));
    // seen from another machine both hold
    let others = copies(store.as_mut(), None).unwrap();
    assert!(others[0].verdict.holds(), "{:?}", others[0].verdict.broken);
    assert_eq!(store.shelf(Shelf::Marks).unwrap().len(), 1);
}
