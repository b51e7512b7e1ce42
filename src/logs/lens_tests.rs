#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::sync::Arc;

use super::*;
use crate::logs::{Direction, FACETS, Filter, Find, LogStore};
use crate::query::Query;
use proptest::prelude::*;

fn matches(log: &Log, query: &str) -> Matches {
    let filter = Filter::new(Query::parse(query, &FACETS).unwrap());
    let mut find = Find::new(log, Arc::new(filter), 0, Direction::Forward);
    while !find.step(log, 1 << 20).done() {}
    find.matches().clone()
}

/// All rows in order, one by one and in the plainest way.
fn naive(lens: &Lens) -> Vec<Point> {
    let mut records = Vec::new();
    for (source, Source { log, wanted, .. }) in lens.sources.iter().enumerate() {
        let mut latest = None;
        let mut row = 0;
        while row < log.len() {
            let record = log.record(row);
            row = record.end;
            let at = log.line(record.start).unwrap().at;
            latest = latest.max(at.map(|at| at.timestamp_micros()));
            let notice = log.line(record.start).unwrap().kind == crate::logs::LineKind::Notice;
            let number = log.number_of(record.start);
            if notice || wanted.is_none_or(|w| w.contains(number)) {
                records.push((latest.or(lens.lead(source)), source, record));
            }
        }
    }
    records.sort_by_key(|(moment, source, record)| (*moment, *source, record.start));
    let mut points = Vec::new();
    for (_, source, record) in records {
        let log = lens.sources[source].log;
        let folded = lens.folds.is_folded(source, log.number_of(record.start));
        for row in record.clone() {
            if !folded || row == record.start || log.is_cause(row) {
                points.push(Point { source, row });
            }
        }
    }
    points
}

fn check(lens: &Lens) {
    let all = naive(lens);
    assert_eq!(lens.first(), all.first().copied());
    assert_eq!(lens.last(), all.last().copied());
    let Some(first) = lens.first() else {
        return;
    };
    let walked: Vec<Point> = std::iter::once(first).chain(lens.after(first)).collect();
    assert_eq!(walked, all);
    let last = lens.last().unwrap();
    let mut back: Vec<Point> = std::iter::once(last).chain(lens.before(last)).collect();
    back.reverse();
    assert_eq!(back, all);
    for (i, point) in all.iter().enumerate() {
        assert_eq!(
            lens.after(*point).next(),
            all.get(i + 1).copied(),
            "{point:?}"
        );
        assert_eq!(
            lens.before(*point).next(),
            i.checked_sub(1).map(|i| all[i]),
            "{point:?}"
        );
        assert!(lens.shows(*point), "{point:?}");
    }
}

const A: &str = "\
before any time
2026-11-20T03:00:01Z INFO a - one
2026-11-20T03:00:05Z ERROR a - two
Traceback (most recent call last):
  File \"x.py\", line 3
ValueError: bad
2026-11-20T03:00:04Z INFO a - out of order
2026-11-20T03:00:09Z INFO a - three
";
const B: &str = "\
2026-11-20T03:00:00Z INFO b - zero
2026-11-20T03:00:05Z INFO b - same moment
no time here
2026-11-20T03:00:06Z INFO b - six
2026-11-20T03:00:20Z INFO b - last, and no end of";

fn store(texts: &[&str]) -> LogStore<usize> {
    let mut store = LogStore::default();
    for (key, text) in texts.iter().enumerate() {
        store.append(&key, text.as_bytes());
    }
    store
}

fn messages(lens: &Lens) -> Vec<String> {
    let first = lens.first().unwrap();
    std::iter::once(first)
        .chain(lens.after(first))
        .map(|p| {
            lens.log(p.source)
                .unwrap()
                .line(p.row)
                .unwrap()
                .message()
                .to_owned()
        })
        .collect()
}

#[test]
fn logs_are_merged_by_time_and_lines_without_one_stay_behind_their_record() {
    let store = store(&[A, B]);
    let sources = [0, 1].map(|key| Source {
        log: store.get(&key).unwrap(),
        wanted: None,
        since: "2026-11-20T02:59:59Z".parse().ok(),
        until: None,
    });
    let folds = Folds::default();
    let lens = Lens::new(&sources, &folds);
    check(&lens);
    let shown = messages(&lens);
    let shown: Vec<&str> = shown
        .iter()
        .map(|m| m.split(" - ").last().unwrap())
        .collect();
    assert_eq!(
        shown,
        [
            "before any time",
            "zero",
            "one",
            "two",
            "Traceback (most recent call last):",
            "  File \"x.py\", line 3",
            "ValueError: bad",
            "out of order",
            "same moment",
            "no time here",
            "six",
            "three",
            "last, and no end of",
        ]
    );
    let error = lens.seek(lens.first().unwrap(), true, |s, row| {
        sources[s].log.next_error(row.saturating_sub(1))
    });
    assert_eq!(error, Some(Point { source: 0, row: 5 }));
}

#[test]
fn folded_records_show_where_they_begin_and_why() {
    let store = store(&[A]);
    let log = store.get(&0).unwrap();
    let sources = [Source {
        log,
        wanted: None,
        since: None,
        until: None,
    }];
    let mut folds = Folds::default();
    folds.toggle_all();
    let lens = Lens::new(&sources, &folds);
    check(&lens);
    let rows: Vec<usize> = lens.after(lens.first().unwrap()).map(|p| p.row).collect();
    assert_eq!(rows, [1, 2, 5, 6, 7]);
    assert_eq!(lens.hidden_after(Point { source: 0, row: 5 }), 2);
    assert_eq!(lens.hidden_after(Point { source: 0, row: 2 }), 0);
    assert_eq!(
        lens.nearest(Point { source: 0, row: 4 }),
        Some(Point { source: 0, row: 2 })
    );
}

#[test]
fn what_is_missing_is_shown_whatever_is_wanted() {
    let mut store = LogStore::new(40_000);
    for i in 0..3000 {
        store.append(
            &0,
            format!("2026-11-20T03:00:01Z INFO a - line {i}\n").as_bytes(),
        );
    }
    store.note_lost(&0, "12 MB cut".into());
    store.append(&0, b"after it\n");
    let log = store.get(&0).unwrap();
    assert!(log.is_cut());
    let wanted = matches(log, "line 2999");
    let sources = [Source {
        log,
        wanted: Some(&wanted),
        since: None,
        until: None,
    }];
    let folds = Folds::default();
    let lens = Lens::new(&sources, &folds);
    check(&lens);
    let shown = messages(&lens);
    assert!(shown[0].contains("earlier lines"), "{shown:?}");
    assert!(
        shown[1].ends_with("line 2999") && shown[2].contains("12 MB"),
        "{shown:?}"
    );
    assert_eq!(shown.len(), 3);
}

fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => (0u32..50, "[a-c]{1,3}").prop_map(|(s, m)| format!("2026-11-20T03:00:{s:02}Z INFO x - {m}")),
        1 => (0u32..50).prop_map(|s| format!("2026-11-20T03:00:{s:02}Z ERROR x - e\nTraceback (most recent call last):\n  File \"x\", line 1\nKeyError: a")),
        1 => Just("  behind".to_owned()),
        1 => Just("bare".to_owned()),
    ];
    (proptest::collection::vec(line, 0..150), any::<bool>())
        .prop_map(|(lines, ended)| lines.join("\n") + if ended { "\n" } else { "" })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn walking_is_the_same_as_sorting(
        texts in proptest::collection::vec(text(), 1..4),
        query in prop_oneof![Just(None), Just(Some("a")), Just(Some("level:error")), Just(Some("zzz"))],
        fold in 0u8..3,
        since in proptest::option::of(0u32..60),
    ) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let store = store(&texts);
        let nothing = Log::default();
        let logs: Vec<&Log> = (0..texts.len()).map(|k| store.get(&k).unwrap_or(&nothing)).collect();
        let wanted: Vec<Option<Matches>> = logs.iter().map(|log| query.map(|q| matches(log, q))).collect();
        let since = since.and_then(|s| format!("2026-11-20T03:00:{s:02}Z").parse().ok());
        let sources: Vec<Source> = logs.iter().zip(&wanted)
            .map(|(log, wanted)| Source { log, wanted: wanted.as_ref(), since, until: None })
            .collect();
        let mut folds = Folds::default();
        if fold > 0 { folds.toggle_all(); }
        if fold > 1 { for n in 0..40 { folds.toggle(0, n); } }
        check(&Lens::new(&sources, &folds));
    }
}

#[test]
fn what_begins_at_the_time_from_which_it_is_shown_is_walked_in_order() {
    let store = store(&[
        "2026-11-20T03:00:28Z INFO x - a",
        "2026-11-20T03:00:00Z INFO x - a",
    ]);
    let sources = [0, 1].map(|key| Source {
        log: store.get(&key).unwrap(),
        wanted: None,
        since: "2026-11-20T03:00:28Z".parse().ok(),
        until: None,
    });
    check(&Lens::new(&sources, &Folds::default()));
}

#[test]
fn a_walk_goes_on_when_the_logs_have_grown() {
    let line = |second: u32, text: &str| format!("2026-11-20T03:11:{second:02}Z INFO x - {text}\n");
    let mut store = LogStore::default();
    let a = [
        line(1, "a1"),
        line(4, "a4"),
        "  and more\n".into(),
        line(2, "a2 late"),
        "odd\n".into(),
    ];
    store.append(&0, a.concat().as_bytes());
    store.append(
        &1,
        [line(1, "b1"), line(3, "b3"), line(5, "b5")]
            .concat()
            .as_bytes(),
    );
    store.append(&2, b"");
    let folds = Folds::default();
    let mut next = [0; 3];
    let mut walk = |store: &LogStore<i32>, until: Option<u64>| {
        let sources = [0, 1, 2].map(|key| Source {
            log: store.get(&key).unwrap(),
            wanted: None,
            since: None,
            until: until.filter(|_| key == 1),
        });
        let rows = [0, 1, 2].map(|at| sources[at].log.row_of(next[at]));
        let lens = Lens::new(&sources, &folds);
        let mut seen = Vec::new();
        for point in lens.from(&rows) {
            let log = sources[point.source].log;
            next[point.source] = log.number_of(point.row) + 1;
            seen.push(format!(
                "{} {}",
                point.source,
                log.line(point.row).unwrap().message()
            ));
        }
        seen
    };
    // the last record of the second may go on
    let first = [
        "0 a1",
        "1 b1",
        "1 b3",
        "0 a4",
        "0   and more",
        "0 a2 late",
        "0 odd",
    ];
    assert_eq!(walk(&store, Some(2)), first);
    assert_eq!(walk(&store, None), ["1 b5"]);
    store.append(&2, line(1, "c1").as_bytes());
    assert_eq!(walk(&store, None), ["2 c1"]);
}
