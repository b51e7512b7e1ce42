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
            .between(since.map(|at| at.parse().unwrap()), None);
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
