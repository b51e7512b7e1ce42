#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use crate::logs::{LineKind, LogStore};
use proptest::prelude::*;
use std::io::Write;
use tempfile::TempDir;

struct Stage {
    dir: TempDir,
    store: LogStore<u8>,
}

impl Stage {
    fn new(text: &[u8]) -> Self {
        let stage = Self {
            dir: tempfile::tempdir().unwrap(),
            store: LogStore::default(),
        };
        std::fs::write(stage.path(), text).unwrap();
        stage
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("x.log")
    }

    fn open(mut self) -> Self {
        self.store.open_file(&1, self.path()).unwrap();
        self.catch_up();
        self
    }

    fn write(&self, text: &[u8]) {
        let mut options = File::options();
        let file = options.append(true).create(true).open(self.path());
        file.unwrap().write_all(text).unwrap();
    }

    fn catch_up(&mut self) -> Advance {
        loop {
            let advance = self.store.advance(&1, 1000).unwrap();
            if advance.caught_up {
                return advance;
            }
        }
    }

    fn log(&self) -> &Log {
        self.store.get(&1).unwrap()
    }

    fn rows(&self) -> Vec<String> {
        let log = self.log();
        log.lines(0..log.len())
            .map(|l| l.text.text.to_string())
            .collect()
    }
}

#[test]
fn a_file_grows_line_by_line_and_byte_by_byte() {
    let mut stage = Stage::new(b"one\ntw").open();
    assert_eq!(stage.rows(), ["one", "tw"]);
    assert_eq!(stage.log().settled(), 1);
    let revision = stage.log().revision();
    stage.catch_up();
    assert_eq!(stage.log().revision(), revision);
    for byte in b"o\nthree\n" {
        stage.write(&[*byte]);
        stage.catch_up();
    }
    assert_eq!(stage.rows(), ["one", "two", "three"]);
    assert_ne!(stage.log().revision(), revision);
    stage.write(b"four");
    stage.store.finish(&1);
    assert_eq!(stage.rows(), ["one", "two", "three", "four"]);
    assert!(stage.log().complete());
}

#[test]
fn the_text_stays_in_the_file() {
    let text = "2026-11-20T03:11:02Z INFO loader - nothing much\n".repeat(100_000);
    let stage = Stage::new(text.as_bytes()).open();
    assert_eq!(stage.log().len(), 100_000);
    assert!(
        stage.store.cost() < text.len() / 20,
        "{}",
        stage.store.cost()
    );
}

#[test]
fn a_file_cut_short_begins_again_and_says_so() {
    let mut stage = Stage::new(b"old 1\nold 2\n").open();
    // copied and cut, as logrotate's copytruncate does
    std::fs::write(stage.path(), "new\n").unwrap();
    stage.catch_up();
    assert_eq!(
        stage.rows(),
        [
            "… 2 earlier lines (12 B) are gone: their file was cut short",
            "new"
        ]
    );
    // cut and grown beyond what it was in between
    std::fs::write(stage.path(), "newer\nthan\nbefore\n").unwrap();
    stage.catch_up();
    assert_eq!(
        stage.rows(),
        [
            "… 3 earlier lines (16 B) are gone: their file was cut short",
            "newer",
            "than",
            "before"
        ]
    );
}

#[test]
fn a_file_that_is_replaced_is_read_to_its_end_first() {
    let mut stage = Stage::new(b"one\n").open();
    stage.write(b"last words");
    std::fs::rename(stage.path(), stage.dir.path().join("x.log.1")).unwrap();
    stage.catch_up();
    assert_eq!(stage.rows(), ["one", "last words"]);
    // made before its writer has moved to it
    std::fs::write(stage.path(), "").unwrap();
    let mut options = File::options();
    let mut old = options
        .append(true)
        .open(stage.dir.path().join("x.log.1"))
        .unwrap();
    old.write_all(b" and more\n").unwrap();
    stage.catch_up();
    assert_eq!(stage.rows(), ["one", "last words and more"]);
    stage.write(b"new\n");
    stage.catch_up();
    let rows = stage.rows();
    assert_eq!(
        rows[2],
        "… the file was replaced here; what follows is from the new one"
    );
    assert_eq!(
        (rows[1].as_str(), rows[3].as_str()),
        ("last words and more", "new")
    );
    assert_eq!(stage.log().line(2).unwrap().kind, LineKind::Notice);
}

#[test]
fn a_read_file_that_is_cut_shows_rows_that_say_so() {
    let text = "some line of text\n".repeat(1000);
    let stage = Stage::new(text.as_bytes()).open();
    File::options()
        .write(true)
        .open(stage.path())
        .unwrap()
        .set_len(10)
        .unwrap();
    let row = stage.log().line(500).unwrap();
    assert_eq!(row.kind, LineKind::Notice);
    assert!(row.text.text.contains("can't be read"), "{}", row.text.text);
}

#[test]
fn giant_lines_are_cut_and_counted() {
    let mut text = b"before\n".to_vec();
    text.extend(std::iter::repeat_n(b'x', 3_000_000));
    text.extend(b"\nafter\n");
    text.extend(std::iter::repeat_n(b'y', 300_000));
    let mut stage = Stage::new(&text).open();
    stage.store.finish(&1);
    let rows = stage.rows();
    assert_eq!(rows.len(), 4);
    let cut = |row: &str| {
        let (kept, cut) = row.split_once("… +").unwrap();
        kept.len()
            + cut
                .strip_suffix(" bytes")
                .unwrap()
                .parse::<usize>()
                .unwrap()
    };
    assert_eq!((cut(&rows[1]), cut(&rows[3])), (3_000_000, 300_000));
    assert_eq!((rows[0].as_str(), rows[2].as_str()), ("before", "after"));
}

#[test]
fn the_end_can_be_seen_before_the_index_gets_there() {
    let text: String = (0..100_000)
        .map(|i| format!("2026-11-20T03:11:02Z ERROR x - line {i}\n"))
        .collect();
    let mut stage = Stage::new(text.as_bytes());
    stage.store.open_file(&1, stage.path()).unwrap();
    let rows = stage.log().peek_end(2).unwrap();
    let texts: Vec<&str> = rows.iter().map(crate::logs::LogLine::message).collect();
    assert_eq!(texts, ["line 99998", "line 99999"]);
    assert!(stage.log().is_empty());
    let first = stage.store.advance(&1, 1).unwrap();
    assert!(!first.caught_up && first.read <= CHUNK as u64);
    assert_eq!(stage.log().line(0).unwrap().message(), "line 0");
}

#[test]
fn what_is_no_file_is_an_error() {
    let mut store = LogStore::default();
    assert!(store.open_file(&1, "/nowhere/at/all").is_err());
    assert!(store.open_file(&1, "/").is_err());
    assert!(store.get(&1).is_none());
    assert!(store.advance(&2, 10).unwrap().caught_up);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn a_file_and_a_stream_give_the_same_records(
        pieces in proptest::collection::vec(prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..9),
            proptest::sample::select(vec![
                "\n", "\r", "\t", "é", "Traceback (most recent call last):\n", "  File \"x\"\n", "KeyError: 'x'\n",
                "2026-11-20T03:11:02Z ERROR a - b\n", "{\"level\":\"error\",\"msg\":\"x\"}\n", "\x1b[31m",
            ]).prop_map(|text| text.as_bytes().to_vec()),
        ], 0..60),
        cut in 0usize..100,
    ) {
        let bytes = pieces.concat();
        let (early, late) = bytes.split_at(cut.min(bytes.len()));
        let mut stage = Stage::new(early).open();
        stage.write(late);
        stage.catch_up();
        stage.store.finish(&1);
        stage.store.append(&2, &bytes);
        stage.store.finish(&2);
        let (file, stream) = (stage.log(), stage.store.get(&2).unwrap());
        let rows = |log: &Log| log.lines(0..log.len()).collect::<Vec<_>>();
        prop_assert_eq!(rows(file), rows(stream));
        prop_assert_eq!(file.error_summary(), stream.error_summary());
        prop_assert_eq!(file.error_count(), stream.error_count());
        let record = |log: &Log, n| log.record_of(n).map(|r| (r.numbers.clone(), r.at, r.cause, r.text().to_owned()));
        for number in file.numbers() {
            prop_assert_eq!(record(file, number), record(stream, number));
        }
    }
}
