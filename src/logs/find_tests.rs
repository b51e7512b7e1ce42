#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use crate::logs::{FACETS, Level, LogStore, Record};
use crate::query::Query;
use proptest::prelude::*;

fn filter(query: &str) -> Filter {
    Filter::new(Query::parse(query, &FACETS).unwrap())
}

/// Every record, read one by one.
fn naive(log: &Log, filter: &Filter) -> Vec<u64> {
    let mut found = Vec::new();
    let mut at = log.numbers().start;
    while at < log.numbers().end {
        let record: Record = log.record_of(at).unwrap();
        if filter.holds(&record) {
            found.push(record.numbers.start);
        }
        at = record.numbers.end;
    }
    found
}

fn all(find: &mut Find, log: &Log, budget: u64) -> Vec<u64> {
    for _ in 0..100_000 {
        if find.step(log, budget).done() {
            return find.matches().within(0..u64::MAX).collect();
        }
    }
    panic!("it never ends");
}

const LOG: &str = "\
2026-11-20T03:11:02Z INFO loader - started rows=5
2026-11-20T03:11:03Z ERROR loader - it broke: Timeout
Traceback (most recent call last):
  File \"x.py\", line 3
TimeoutError: slow db-1
2026-11-20T03:11:04Z WARN other - \x1b[31mTime\x1b[0mout soon
{\"level\":\"error\",\"msg\":\"bad row\",\"ts\":\"2026-11-20T03:11:05Z\",\"rows\":12,\"dag_id\":\"orders\"}
plain text, timeout
";

#[test]
fn records_are_found_not_lines() {
    let mut store = LogStore::default();
    store.set_tags(
        &1,
        vec![("pipeline", "sales".into()), ("node", "load".into())],
    );
    store.append(&1, LOG.as_bytes());
    let log = store.get(&1).unwrap();
    for (query, expected) in [
        ("timeout", vec![1, 5, 7]),
        ("timeout db-1", vec![1]),
        ("timeout -db-1", vec![5, 7]),
        ("level:error", vec![1, 6]),
        ("level:>=warn timeout", vec![1, 5]),
        ("-level:*", vec![7]),
        ("@rows:>5", vec![6]),
        ("@rows:5", vec![0]),
        ("source:loader", vec![0, 1]),
        ("pipeline:sales level:info", vec![0]),
        ("pipeline:orders", vec![]),
        ("/db-\\d$/", vec![1]),
        ("\"bad row\" OR started", vec![0, 6]),
    ] {
        for direction in [Direction::Forward, Direction::Backward] {
            let mut find = Find::new(log, Arc::new(filter(query)), 3, direction);
            assert_eq!(all(&mut find, log, 10), expected, "{query}");
        }
    }
    let since = "2026-11-20T03:11:04Z".parse().unwrap();
    let until = "2026-11-20T03:11:05Z".parse().unwrap();
    let timed = filter("").between(Some(since), Some(until));
    assert_eq!(
        all(
            &mut Find::new(log, Arc::new(timed), 0, Direction::Forward),
            log,
            10
        ),
        [5]
    );
    let loud = filter("").at_least(Some(Level::Error));
    assert_eq!(
        all(
            &mut Find::new(log, Arc::new(loud), 0, Direction::Forward),
            log,
            10
        ),
        [1, 6]
    );
}

#[test]
fn what_is_told_by_the_index_is_not_read() {
    let mut store = LogStore::default();
    let text = "2026-11-20T03:11:02Z INFO loader - nothing much\n".repeat(50_000);
    store.append(&1, text.as_bytes());
    store.append(&1, b"2026-11-20T03:11:02Z ERROR loader - it broke\n");
    let log = store.get(&1).unwrap();
    let scanned = |query: &str, expected: usize| {
        let mut find = Find::new(log, Arc::new(filter(query)), 0, Direction::Forward);
        let mut scanned = 0;
        loop {
            let progress = find.step(log, 1 << 20);
            scanned += progress.scanned;
            if progress.done() {
                assert_eq!(find.matches().len(), expected, "{query}");
                return scanned;
            }
        }
    };
    assert_eq!(scanned("level:error", 1), 0);
    assert_eq!(scanned("-level:info", 1), 0);
    assert_eq!(scanned("level:debug nothing", 0), 0);
    // one segment of three has an error in it
    assert!(scanned("level:error broke", 1) < text.len() as u64 / 2);
    assert!(scanned("broke", 1) >= text.len() as u64);
}

#[test]
fn the_first_hit_comes_before_the_end() {
    let mut store = LogStore::default();
    store.append(&1, "nothing\n".repeat(500_000).as_bytes());
    store.append(&1, b"needle\n");
    let log = store.get(&1).unwrap();
    let mut find = Find::new(
        log,
        Arc::new(filter("needle")),
        u64::MAX,
        Direction::Backward,
    );
    let progress = find.step(log, 1);
    assert!(!progress.done());
    assert_eq!(find.matches().next(0), Some(500_000));
}

fn line() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "2026-11-20T03:11:02Z ERROR a - timeout rows=5",
        "2026-11-20T03:12:02Z INFO b - fine rows=7",
        "2026-11-20T03:10:02Z DEBUG b - Timeout",
        "Traceback (most recent call last):",
        "  File \"x\"",
        "KeyError: 'timeout'",
        "java.lang.X: fine",
        "\tat a.b(C.java:1)",
        "{\"level\":\"error\",\"msg\":\"fine\",\"rows\":9}",
        "\x1b[31mtime\x1b[0mout \x1b[1mfine",
        "10%\rfine",
        "größer als timeout",
        "plain",
        "",
        "time\u{200b}out \u{202e}",
    ])
    .prop_map(str::to_owned)
}

fn query() -> impl Strategy<Value = String> {
    let term = proptest::sample::select(vec![
        "timeout",
        "fine",
        "-timeout",
        "-fine",
        "level:error",
        "-level:info",
        "level:>=warn",
        "rows",
        "@rows:>5",
        "/[Tt]imeo/",
        "/(timeout|größer|rows=\\d) ?/",
        "/fine\\s+\\S/",
        "\"als timeout\"",
        "t*t",
        "source:b",
        "*",
        "größer",
        "(fine OR timeout)",
        "-level:*",
        "KEYERROR",
    ]);
    proptest::collection::vec(term, 0..4).prop_map(|terms| terms.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn a_search_finds_what_reading_everything_finds(
        lines in proptest::collection::vec((line(), 1usize..90), 0..30),
        more in proptest::collection::vec(line(), 0..8),
        query in query(),
        least in proptest::option::of(Just(Level::Warn)),
        since in proptest::option::of(Just("2026-11-20T03:11:00Z")),
        until in proptest::option::of(Just("2026-11-20T03:12:00Z")),
        from in 0u64..600,
        backward in any::<bool>(),
        small in any::<bool>(),
        budget in 1u64..3000,
    ) {
        let mut store = LogStore::new(if small { 40_000 } else { 64 << 20 });
        for (line, times) in &lines {
            store.append(&1, format!("{line}\n").repeat(*times).as_bytes());
        }
        store.append(&1, b"");
        let wanted = filter(&query)
            .at_least(least)
            .between(since.map(|at| at.parse().unwrap()), until.map(|at| at.parse().unwrap()));
        let direction = if backward { Direction::Backward } else { Direction::Forward };
        let wanted = Arc::new(wanted);
        let mut find = Find::new(store.get(&1).unwrap(), Arc::clone(&wanted), from, direction);
        find.step(store.get(&1).unwrap(), budget);
        // it grows while it is searched
        for line in &more {
            store.append(&1, format!("{line}\n").as_bytes());
            find.step(store.get(&1).unwrap(), budget);
        }
        let log = store.get(&1).unwrap();
        prop_assert_eq!(all(&mut find, log, budget), naive(log, &wanted));
    }
}

#[test]
fn a_record_over_two_segments_is_judged_by_its_own_time() {
    let mut store = LogStore::new(40_000);
    for (line, times) in [
        ("2026-11-20T03:12:02Z INFO b - fine rows=7", 53),
        ("2026-11-20T03:11:02Z ERROR a - timeout rows=5", 27),
        ("2026-11-20T03:10:02Z DEBUG b - Timeout", 15),
        ("  File \"x\"", 21),
        ("KeyError: 'timeout'", 38),
        ("2026-11-20T03:11:02Z ERROR a - timeout rows=5", 1),
    ] {
        store.append(&1, format!("{line}\n").repeat(times).as_bytes());
    }
    let log = store.get(&1).unwrap();
    let at = |text: &str| Some(text.parse().unwrap());
    for (since, until) in [
        (at("2026-11-20T03:11:00Z"), None),
        (None, at("2026-11-20T03:11:00Z")),
    ] {
        let wanted = Arc::new(filter("t*t").between(since, until));
        let mut find = Find::new(log, Arc::clone(&wanted), 0, Direction::Forward);
        assert_eq!(all(&mut find, log, 1), naive(log, &wanted));
    }
}

#[test]
fn what_a_process_wrote_to_is_told_where_the_log_says_so() {
    let mut store = LogStore::default();
    let log = "\
2026-11-20T03:11:02.123456Z INFO task.stdout - read 5 rows
2026-11-20T03:11:02.123456Z ERROR task.stderr - it broke
2026-11-20T03:11:03Z INFO dagster.stderr - warning
{\"log\":\"it broke\",\"stream\":\"stderr\",\"time\":\"2026-11-20T03:11:03Z\"}
{\"level\":\"info\",\"msg\":\"read a topic\",\"stream\":\"orders\",\"ts\":\"2026-11-20T03:11:04Z\"}
2026-11-20T03:11:05Z INFO loader - wrote to stderr
";
    store.append(&1, log.as_bytes());
    store.set_tags(&2, vec![("stream", "stderr".into())]);
    store.append(&2, b"a line\n{\"stream\":\"stdout\"}\n");
    let found = |key: u8, query: &str| {
        let log = store.get(&key).unwrap();
        let wanted = filter(query);
        let found = all(
            &mut Find::new(log, Arc::new(wanted.clone()), 0, Direction::Forward),
            log,
            1,
        );
        assert_eq!(found, naive(log, &wanted), "{query}");
        found
    };
    assert_eq!(found(1, "stream:stderr"), [1, 2, 3]);
    assert_eq!(found(1, "stream:stdout"), [0]);
    assert_eq!(found(1, "-stream:*"), [4, 5]);
    assert_eq!(found(1, "@stream:orders"), [4]);
    // the log knows better than what is written into it
    assert_eq!(found(2, "stream:stderr"), [0, 1]);
}

/// Bytes that a whole search reads, and what it finds.
fn read_by(log: &Log, query: &str) -> (u64, Vec<u64>) {
    let mut find = Find::new(log, Arc::new(filter(query)), 0, Direction::Forward);
    let mut scanned = 0;
    loop {
        let progress = find.step(log, 1 << 20);
        scanned += progress.scanned;
        if progress.done() {
            return (scanned, find.matches().within(0..u64::MAX).collect());
        }
    }
}

#[test]
fn a_rare_word_is_sought_only_where_it_can_be() {
    use std::fmt::Write as _;
    let mut text = String::new();
    for n in 0..60_000 {
        let word = match n {
            // across two segments, or nearly so: each is 1 MB
            11_000..11_700 if n % 50 == 0 => "needle-7f3a9c",
            30_000 => "nee\x1b[31mdle\x1b[0m-7f3a9c",
            30_001 => "na\u{ef}ve NEEDLE-7F3A9C",
            30_002 => "ta\u{17f}\u{212a}-42-q",
            _ => "thing",
        };
        let _ = writeln!(
            text,
            "2026-11-20T03:11:02Z INFO loader - read {n} rows of a {word} and went on without a word"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.log");
    std::fs::write(&path, &text).unwrap();
    let mut store = LogStore::default();
    store.open_file(&1, &path).unwrap();
    while !store.advance(&1, 1 << 20).unwrap().caught_up {}
    let spill = crate::logs::Spill::new(dir.path().join("spill"), 1 << 30);
    let mut small = LogStore::new(32 << 20).with_spill(spill);
    for _ in 0..10 {
        small.append(&1, text.as_bytes());
    }
    assert!(small.spilled() > 0);

    let queries = [
        ("needle-7f3a9c", 16),
        ("task-42", 1),
        ("needle OR task-42", 17),
        ("needle-7f3a9c -naïve", 15),
        ("nothing-of-it", 0),
    ];
    for (store, times) in [(&mut store, 1), (&mut small, 10)] {
        let log = store.get(&1).unwrap();
        let whole = log.numbers().end / 60_000 * text.len() as u64;
        let before: Vec<_> = queries.map(|(query, _)| read_by(log, query)).into();
        // while a file is read its words are seen as well
        for ((query, _), (read, _)) in queries.iter().zip(&before) {
            assert!(
                times > 1 || read * 10 < whole * 8,
                "{query}: {read} of {whole}"
            );
        }
        let (short, none) = read_by(log, "zzzz");
        assert!(
            short * 10 > whole * 9 && none.is_empty(),
            "{short} of {whole}"
        );
        let cost = store.cost();
        while store.prepare(&1, 1 << 20) {}
        // where memory is short, text makes room for digests
        assert!(times == 1 || store.cost() != cost);
        let log = store.get(&1).unwrap();
        for ((query, hits), (_, found)) in queries.into_iter().zip(before) {
            assert_eq!(found.len(), hits * times, "{query}");
            let (read, again) = read_by(log, query);
            assert_eq!(again, found, "{query}");
            // of a log of one file the last segment and those with a hit
            assert!(read * 10 < whole * 8, "{query}: {read} of {whole}");
            if times == 1 {
                assert_eq!(again, naive(log, &filter(query)), "{query}");
                assert!(hits > 0 || read < 1 << 20, "{query}: {read}");
            }
        }
        // with more time shorter ones are
        let (read, none) = read_by(log, "zzzz");
        assert!(
            read * 10 < whole * 8 && none.is_empty(),
            "{read} of {whole}"
        );
        assert!(times > 1 || read < 1 << 20, "{read}");
    }
}

/// Its words are seen while it is read only where that is the whole segment: however it is read, what is found is the
/// same.
#[test]
fn words_are_found_however_the_file_was_read() {
    use std::fmt::Write as _;
    let mut text = String::new();
    for n in 0..50_000 {
        let _ = match n % 9_000 {
            8_000 => writeln!(
                text,
                "2026-11-20T03:11:02Z INFO \x1b[1mnee\x1b[0mdle number {n}"
            ),
            8_001 => writeln!(text, "\tat noodle {n}"),
            8_002 => writeln!(text, "{}needle", "x".repeat(70_000)),
            _ => writeln!(
                text,
                "2026-11-20T03:11:02Z INFO loader - read {n} rows of a thing and went on"
            ),
        };
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.log");
    // the text is the same each time: it is read through once
    let mut whole = LogStore::default();
    whole.append(&1, text.as_bytes());
    let truth = ["needle", "noodle"].map(|word| {
        let found = naive(whole.get(&1).unwrap(), &filter(word));
        assert_eq!(found.len(), 5);
        (word, found)
    });
    for (written, step) in [(0, 1), (1 << 20, 1 << 20), (text.len() / 2, 300_000)] {
        std::fs::write(&path, &text[..written]).unwrap();
        let mut store = LogStore::default();
        store.open_file(&1, &path).unwrap();
        while !store.advance(&1, step).unwrap().caught_up {}
        std::fs::write(&path, &text).unwrap();
        while !store.advance(&1, step).unwrap().caught_up {}
        let log = store.get(&1).unwrap();
        let digests = log.segments.iter().filter(|s| s.digest.is_some()).count();
        assert!(digests >= log.segments.len() / 3, "{digests}");
        for (word, truth) in &truth {
            assert_eq!(read_by(log, word).1, *truth);
        }
    }
}

#[test]
fn digests_make_room_before_rows_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.log");
    let line = "2026-11-20T03:11:02Z INFO loader - nothing much is said in this line\n";
    std::fs::write(&path, line.repeat(100_000)).unwrap();
    let mut store = LogStore::new(150_000);
    store.open_file(&1, &path).unwrap();
    store.set_focus([1]);
    while !store.advance(&1, 1 << 20).unwrap().caught_up {}
    // there is no room for seven digests of 8 kB
    let cost = store.cost();
    assert!((100_000..150_000).contains(&cost), "{cost}");
    assert!(!store.prepare(&1, u64::MAX));
    assert_eq!(store.cost(), cost);
    assert!(!store.get(&1).unwrap().is_cut());
    // and they are not tried again
    assert!(!store.prepare(&1, u64::MAX));
    assert_eq!(store.cost(), cost);
}
