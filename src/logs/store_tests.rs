#![allow(clippy::unwrap_used)]
use super::*;
use crate::logs::LineKind;
use proptest::prelude::*;
use std::time::Duration;

fn texts(log: &Log) -> Vec<String> {
    log.lines(0..log.len())
        .map(|line| line.text.text.to_string())
        .collect()
}

#[test]
fn the_line_in_the_making_is_a_row() {
    let mut store = LogStore::default();
    store.append(&1, b"one\n10%\r20%");
    let log = store.get(&1).unwrap();
    assert_eq!(texts(log), ["one", "20%"]);
    let before = log.revision();
    store.append(&1, b"\r30%");
    assert_eq!(texts(store.get(&1).unwrap()), ["one", "30%"]);
    assert!(store.get(&1).unwrap().revision() > before);
    store.append(&1, b"\n");
    store.finish(&1);
    let log = store.get(&1).unwrap();
    assert_eq!(texts(log), ["one", "30%"]);
    assert!(log.complete());
}

#[test]
fn a_reset_log_begins_again_and_an_empty_one_exists() {
    let mut store = LogStore::default();
    store.append(&1, b"old\nhalf");
    store.reset(&1);
    store.append(&1, b"new\n");
    assert_eq!(texts(store.get(&1).unwrap()), ["new"]);
    store.append(&2, b"");
    assert!(store.get(&2).unwrap().is_empty());
    assert!(store.get(&3).is_none());
    store.retain(|key| *key == 1);
    assert_eq!(store.keys().collect::<Vec<_>>(), [&1]);
}

#[test]
fn what_is_lost_is_a_row() {
    let mut store = LogStore::default();
    store.append(&1, b"Traceback (most recent call last):\n  File");
    store.note_lost(&1, "12 MB cut by the server".into());
    store.append(&1, b"ValueError: x\n");
    let log = store.get(&1).unwrap();
    assert_eq!(
        texts(log),
        [
            "Traceback (most recent call last):",
            "  File",
            "… 12 MB cut by the server",
            "ValueError: x"
        ]
    );
    assert_eq!(log.line(2).unwrap().kind, LineKind::Notice);
    assert_eq!(log.line(3).unwrap().kind, LineKind::Start);
}

#[test]
fn logs_nobody_looks_at_are_dropped_first_oldest_first() {
    let mut store = LogStore::new(20_000);
    store.set_focus([1]);
    let text = "0123456789\n".repeat(100);
    for key in 1..=20 {
        store.append(&key, text.as_bytes());
        assert!(store.cost() <= 20_000);
    }
    assert_eq!(store.get(&1).unwrap().dropped().lines, 0);
    assert_eq!(store.get(&20).unwrap().dropped().lines, 0);
    let two = store.get(&2).unwrap();
    assert!(two.is_cut());
    assert_eq!(
        texts(two),
        ["… 100 earlier lines (1.1 kB) dropped to save memory"]
    );
    let kept = (1..=20).filter(|key| !store.get(key).unwrap().is_cut());
    assert!(kept.count() >= 8);
}

#[test]
fn one_log_keeps_its_newest_lines_and_its_first_error() {
    let mut store = LogStore::new(100_000);
    store.set_focus([1]);
    store.append(&1, b"start\nERROR: the cause\n");
    for i in 0..10_000 {
        store.append(&1, format!("line {i}\n").as_bytes());
    }
    assert!(store.cost() <= 100_000);
    let log = store.get(&1).unwrap();
    let rows = texts(log);
    assert_eq!(rows.last().unwrap(), "line 9999");
    assert_eq!(log.dropped().lines as usize + rows.len() - 1, 10_002);
    assert!(rows[0].contains("earlier lines"), "{}", rows[0]);
    let error = log.error_summary().unwrap();
    assert_eq!((error.text.as_str(), error.line), ("the cause", 0));
    assert_eq!(log.number_of(1), log.dropped().lines);
    assert_eq!(log.row_of(log.number_of(5)), 5);
    assert_eq!(log.row_of(0), 0);
}

/// Pieces of logs that hang together over lines, so that the properties meet records.
fn log_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..8),
        proptest::sample::select(vec![
            "\n",
            "\r",
            "\r\n",
            "\t",
            "Traceback (most recent call last):\n",
            "  File \"x\"\n",
            "KeyError: 'x'\n",
            "2026-11-20T03:11:02Z ERROR a - b\n",
            "[2026-11-20T03:11:02.1+0000] {f.py:1} INFO - x\n",
            "java.lang.X: y\n",
            "\tat a.b(C.java:1)\n",
            "Caused by: a.BException: c\n",
            "{\"level\":\"error\",\"msg\":\"x\"}\n",
            "::group::x\n",
            "\x1b[31m",
            "ERROR: ",
            "é数",
            "\x1b]0;",
            "\u{9b}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn chunks_make_no_difference(bytes in log_bytes(), cuts in proptest::collection::vec(0usize..200, 0..20)) {
        let mut store = LogStore::default();
        store.append(&0, &bytes);
        store.finish(&0);
        let mut rest = bytes.as_slice();
        for cut in cuts {
            let (part, after) = rest.split_at(cut.min(rest.len()));
            store.append(&1, part);
            rest = after;
        }
        store.append(&1, rest);
        store.finish(&1);
        let (whole, parts) = (store.get(&0).unwrap(), store.get(&1).unwrap());
        let rows = |log: &Log| log.lines(0..log.len()).collect::<Vec<_>>();
        prop_assert_eq!(rows(whole), rows(parts));
        prop_assert_eq!(whole.error_summary(), parts.error_summary());
        prop_assert_eq!(whole.error_count(), parts.error_count());
        if let Some(row) = whole.first_error() {
            prop_assert!(whole.line(row).is_some());
        }
    }

    #[test]
    fn memory_stays_in_bounds(pieces in proptest::collection::vec((0u8..6, log_bytes()), 0..60)) {
        let mut store = LogStore::new(20_000);
        store.set_focus([0]);
        for (key, bytes) in pieces {
            store.append(&key, &bytes);
            prop_assert!(store.cost() <= 20_000);
            let sum: usize = store.keys().filter_map(|key| store.get(key)).map(Log::cost).sum();
            prop_assert_eq!(store.cost(), sum);
            let log = store.get(&key).unwrap();
            let mut seen = None;
            while let Some(row) = log.next_error(seen.unwrap_or(0)) {
                prop_assert!(seen.is_none_or(|seen| row > seen) && log.line(row).is_some());
                seen = Some(row);
            }
        }
    }
}

/// Lines that say which they are.
fn numbered(lines: std::ops::Range<u64>) -> String {
    lines
        .map(|n| format!("2026-11-20T03:11:02Z INFO x - line {n}\n"))
        .collect()
}

/// Every line that is not among the dropped is there, and says its number.
fn assert_whole(log: &Log, lines: u64) {
    let dropped = log.dropped().lines;
    assert_eq!(log.numbers(), dropped..lines);
    assert_eq!(
        log.line(0).is_some_and(|l| l.kind == LineKind::Notice),
        dropped > 0
    );
    for number in log.numbers() {
        let line = log.line(log.row_of(number)).unwrap();
        assert_eq!(line.message(), format!("line {number}"));
    }
}

#[test]
fn what_has_no_room_goes_to_disk_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let spill = Spill::new(dir.path(), 100 << 20);
    let mut store = LogStore::new(200_000).with_spill(spill);
    store.append(&2, numbered(0..100).as_bytes());
    for start in (0..20_000).step_by(500) {
        store.append(&1, numbered(start..start + 500).as_bytes());
        assert!(store.cost() <= 200_000, "{}", store.cost());
    }
    assert!(store.spilled() > 500_000);
    assert_whole(store.get(&1).unwrap(), 20_000);
    assert_whole(store.get(&2).unwrap(), 100);
    store.retain(|key| *key == 2);
    assert!(store.spilled() < 10_000);
    drop(store);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_full_place_on_disk_lets_the_oldest_go_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let spill = Spill::new(dir.path(), 300_000);
    let mut store = LogStore::new(100_000).with_spill(spill);
    for start in (0..20_000).step_by(500) {
        store.append(&1, numbered(start..start + 500).as_bytes());
        assert!(store.cost() <= 100_000);
        assert!(store.spilled() <= 300_000);
    }
    let log = store.get(&1).unwrap();
    assert!(log.is_cut());
    assert_whole(log, 20_000);
    let said = log.line(0).unwrap().text.text;
    assert!(
        said.ends_with("dropped: the place for logs on disk is full"),
        "{said}"
    );
}

#[test]
fn a_disk_that_can_not_be_written_is_told_in_the_gap() {
    let dir = tempfile::tempdir().unwrap();
    let spill = Spill::new(dir.path(), 100 << 20);
    let mut store = LogStore::new(100_000).with_spill(spill);
    store.append(&1, numbered(0..2_000).as_bytes());
    let on_disk = store.spilled();
    assert!(on_disk > 0);
    // the disk goes away with all that is on it
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        std::fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    store.append(&1, numbered(2_000..4_000).as_bytes());
    assert!(store.cost() <= 100_000);
    let log = store.get(&1).unwrap();
    let rows = texts(log);
    assert!(
        rows[0].contains("the disk can't be written: No such file"),
        "{}",
        rows[0]
    );
    assert_eq!(log.dropped().lines + rows.len() as u64 - 1, 4_000);
    assert_eq!(
        rows.last().unwrap(),
        "2026-11-20T03:11:02Z INFO x - line 3999"
    );
}

/// A file system of 1 MB, where one may be made.
struct TinyDisk(tempfile::TempDir);

impl TinyDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs"]);
        let done = mount.arg(dir.path()).output();
        done.is_ok_and(|done| done.status.success())
            .then_some(Self(dir))
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        // a directory that is left mounted is seen by whoever runs the tests
        let _ = std::process::Command::new("umount")
            .arg(self.0.path())
            .status();
    }
}

#[test]
fn a_full_disk_is_told_in_the_gap() {
    let Some(disk) = TinyDisk::mount() else {
        return eprintln!("SKIPPED: only root may mount a file system");
    };
    let spill = Spill::new(disk.0.path(), 100 << 20);
    let mut store = LogStore::new(1_000_000).with_spill(spill);
    let mut most = 0;
    for n in 0..100 {
        store.append(&1, numbered(n * 1_000..(n + 1) * 1_000).as_bytes());
        most = most.max(store.cost());
    }
    assert!(most <= 1_000_000, "{most}");
    // as much as the disk holds, no half segment, and the rest counted
    assert!(
        (500_000..=1 << 20).contains(&store.spilled()),
        "{}",
        store.spilled()
    );
    let log = store.get(&1).unwrap();
    let rows = texts(log);
    assert!(
        rows[0].contains("the disk can't be written: No space left on device"),
        "{}",
        rows[0]
    );
    assert_eq!(log.dropped().lines + rows.len() as u64 - 1, 100_000);
    assert!(
        rows.iter()
            .skip(1)
            .all(|row| row.contains(" INFO x - line "))
    );
    assert!(rows.last().unwrap().ends_with("line 99999"));
}

#[test]
fn text_on_disk_has_an_age() {
    let dir = tempfile::tempdir().unwrap();
    let day = Duration::from_secs(86_400);
    let spill = Spill::new(dir.path(), 100 << 20).kept_for(day);
    let mut store = LogStore::new(100_000).with_spill(spill);
    store.append(&1, numbered(0..5_000).as_bytes());
    store.expire(SystemTime::now());
    assert!(store.spilled() > 0 && !store.get(&1).unwrap().is_cut());
    store.expire(SystemTime::now() + 2 * day);
    assert_eq!(store.spilled(), 0);
    let log = store.get(&1).unwrap();
    assert!(
        log.line(0)
            .unwrap()
            .text
            .text
            .ends_with("removed from disk for their age")
    );
    assert_whole(log, 5_000);
}

#[test]
fn every_byte_of_a_row_can_be_seen() {
    let mut store = LogStore::default();
    store.append(&1, b"10%\r\x1b[31mred\x1b[0m\x1b]0;t\x07\n");
    let log = store.get(&1).unwrap();
    assert_eq!(log.line(0).unwrap().text.text, "red");
    assert_eq!(log.raw(0).unwrap(), "10%␍␛[31mred␛[0m␛]0;t␇");
    assert_eq!(log.raw(1), None);
}

#[test]
fn records_know_what_they_say() {
    let mut store = LogStore::default();
    store.append(
        &1,
        b"2026-11-20T03:11:02Z INFO loader - read rows=5\nodd\n{\"level\":\"error\",\"logger\":\"task\",\"event\":\"it broke\",\"n\":{\"a\":1}}\n2026-11-20T03:11:03Z ERROR x - failed\nTraceback (most recent call last):\n  File \"x\"\nKeyError: 1\n",
    );
    store.finish(&1);
    let log = store.get(&1).unwrap();
    let record = |number| log.record_of(number).unwrap();
    let first = record(0);
    assert_eq!(
        (first.source().unwrap().as_ref(), first.message().as_ref()),
        ("loader", "read rows=5")
    );
    assert_eq!(first.fields()[0].name, "rows");
    let odd = record(1);
    assert_eq!((odd.at, odd.level(), odd.text()), (first.at, None, "odd"));
    let json = record(2);
    assert_eq!(
        (json.source().unwrap().as_ref(), json.message().as_ref()),
        ("task", "it broke")
    );
    assert_eq!(json.fields().last().unwrap().name, "n.a");
    let trace = record(5);
    assert_eq!((trace.numbers.clone(), trace.cause), (3..7, Some(3)));
    assert_eq!(trace.at, record(6).at);
}
