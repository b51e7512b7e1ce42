//! What is pure: lines, records, the ledger.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use crate::model::NodeState;

use super::ledger::Ledger;
use super::lines::{Lines, Reader};
use super::manifest::Manifest;
use super::record::{Record, Touched};
use super::results::{Args, Results, time};
use super::said::{NodeEnd, Said, What};
use super::text_line::{TextReader, name_of};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn said(node: Option<&str>, what: What) -> Said {
    Said {
        invocation: Some("a".to_owned()),
        pid: Some(7),
        at: at("2026-03-01T10:00:00Z"),
        level: super::said::Level::Info,
        node: node.map(str::to_owned),
        what,
        text: String::new(),
    }
}

fn ends(status: &str) -> What {
    What::NodeEnds(NodeEnd {
        status: status.to_owned(),
        ..NodeEnd::default()
    })
}

fn record() -> Record {
    let at = at("2026-03-01T09:00:00Z");
    Record::new("r".to_owned(), String::new(), Args::default(), at)
}

#[test]
fn a_command_line_says_what_was_selected() {
    let args =
        Args::of_command("dbt --log-format json build --select tag:x +orders --exclude y -f");
    assert_eq!((args.which.as_str(), args.full_refresh), ("build", true));
    assert_eq!(
        (args.select, args.exclude.len()),
        (vec!["tag:x".to_owned(), "+orders".to_owned()], 1)
    );
    assert_eq!(Args::of_command("dbt source freshness").which, "freshness");
    assert!(!Args::of_command("dbt ls --select x").runs_nodes());
    assert!(!Args::of_command("dbt").runs_nodes());
}

#[test]
fn times_are_read_in_every_form_dbt_writes() {
    let want = at("2026-03-01T10:00:00.5Z");
    for text in [
        "2026-03-01T10:00:00.500000Z",
        "2026-03-01T12:00:00.5+02:00",
        "2026-03-01T10:00:00.500000",
    ] {
        assert_eq!(time(text), Some(want), "{text}");
    }
    assert_eq!(time("yesterday"), None);
}

#[test]
fn an_end_that_comes_before_its_start_stays() {
    let mut record = record();
    record.apply(&said(Some("model.a.x"), ends("success")));
    record.apply(&said(
        Some("model.a.x"),
        What::NodeStarts { total: Some(3) },
    ));
    assert_eq!(record.nodes["model.a.x"].state, NodeState::Succeeded);
    assert_eq!(record.counts().total(), 3);
    assert_eq!(record.counts().of(NodeState::Pending), 2);
    // told twice: nothing is new
    assert_eq!(
        record.apply(&said(Some("model.a.x"), ends("success"))),
        Touched::Nothing
    );
}

#[test]
fn the_error_of_a_cancelled_query_is_no_failure() {
    let mut record = record();
    record.apply(&said(
        Some("model.a.x"),
        What::NodeStarts { total: Some(1) },
    ));
    record.apply(&said(Some("model.a.x"), What::NodeCancelled));
    record.apply(&said(Some("model.a.x"), ends("error")));
    assert_eq!(record.nodes["model.a.x"].state, NodeState::Cancelled);
}

/// As dbt 1.11 writes it when it is interrupted again while it cancels its queries.
#[test]
fn what_a_second_interrupt_breaks_is_no_failure() {
    let traceback = "Traceback (most recent call last):\n  File \"runnable.py\", line 434, in _cancel_connections\n    \
        pool.join()\nKeyboardInterrupt\n\nDuring handling of the above exception, another exception occurred:\n\n\
        _duckdb.ResourceInUseException: Resource In Use Error\n";
    let json = [
        serde_json::json!({"info": {"name": "MainEncounteredError", "ts": "2026-03-01T10:00:02Z", "invocation_id": "a"},
            "data": {"exc": "Resource In Use Error"}}),
        serde_json::json!({"info": {"name": "MainStackTrace", "ts": "2026-03-01T10:00:02Z", "invocation_id": "a"},
            "data": {"stack_trace": traceback}}),
        serde_json::json!({"info": {"name": "CommandCompleted", "ts": "2026-03-01T10:00:02Z", "invocation_id": "a"},
            "data": {"success": false}}),
    ];
    let json = json.map(|line| format!("{line}\n")).concat();
    let text = format!(
        "10:00:02.020479 [error] [MainThread]: Encountered an error:\nResource In Use Error\n\
         10:00:02.030479 [error] [MainThread]: {traceback}\n\
         10:00:02.042138 [debug] [MainThread]: Command `dbt run` failed at 10:00:02.041920 after 8.08 seconds\n"
    );
    for log in [json, text] {
        let (mut record, mut reader) = (record(), Reader::default());
        record.plan(["model.a.x", "model.a.y"].map(str::to_owned).to_vec());
        record.apply(&said(
            Some("model.a.x"),
            What::NodeStarts { total: Some(2) },
        ));
        let now = at("2026-03-01T10:00:03Z");
        let lines = log.split_inclusive('\n');
        let mut words: Vec<Said> = lines
            .flat_map(|line| reader.read(line.as_bytes(), now))
            .collect();
        words.extend(reader.flush());
        for word in &words {
            record.apply(word);
        }
        assert_eq!(record.state, crate::model::RunState::Cancelled, "{words:?}");
        assert_eq!(
            (record.native.as_str(), &record.fatal),
            ("interrupted", &None)
        );
        let told: Vec<_> = record
            .nodes
            .values()
            .map(|n| (n.state, n.native.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (NodeState::Cancelled, "cancelled"),
                (NodeState::Cancelled, "not started")
            ]
        );
    }
}

#[test]
fn older_results_do_not_change_what_is_known_of_quality() {
    let mut ledger = Ledger::default();
    let mut seen = |status: &str, day: &str| {
        let mut record = record();
        let mut line = said(Some("test.a.t.1"), ends(status));
        line.at = at(&format!("2026-03-{day}T10:00:00Z"));
        record.apply(&line);
        ledger.take(&record);
        let entry = &ledger.entries["test.a.t.1"];
        (entry.state, entry.since.format("%d").to_string())
    };
    assert_eq!(seen("pass", "01"), (NodeState::Succeeded, "01".to_owned()));
    assert_eq!(seen("warn", "02"), (NodeState::Warned, "02".to_owned()));
    assert_eq!(seen("fail", "03"), (NodeState::Failed, "02".to_owned()));
    assert_eq!(seen("pass", "01"), (NodeState::Failed, "02".to_owned()));
    assert_eq!(seen("pass", "04"), (NodeState::Succeeded, "04".to_owned()));
}

#[test]
fn a_time_of_day_is_of_the_last_day_before_its_reader() {
    let day = |line: &str, now: &str| {
        let mut reader = TextReader::default();
        reader.feed(&format!("{line} [info ] [MainThread]: x"), at(now));
        reader.flush().unwrap().at.to_rfc3339()
    };
    assert_eq!(
        day("10:00:00.000000", "2026-03-02T10:00:01Z"),
        "2026-03-02T10:00:00+00:00"
    );
    assert_eq!(
        day("23:59:59.000000", "2026-03-02T00:00:01Z"),
        "2026-03-01T23:59:59+00:00"
    );
    assert_eq!(
        day("00:00:01.000000", "2026-03-01T23:59:58Z"),
        "2026-03-02T00:00:01+00:00"
    );
}

#[test]
fn names_are_those_of_messages() {
    for (id, name) in [
        ("model.shop.orders", "orders"),
        ("test.shop.unique_orders_id.0a1b", "unique_orders_id"),
        ("test.shop.assert_positive", "assert_positive"),
        ("source.shop.landing.clicks", "clicks"),
        ("odd", "odd"),
    ] {
        assert_eq!(name_of(id), name);
    }
}

#[test]
fn a_manifest_of_anything_else_is_refused() {
    for text in [
        "",
        "[]",
        "null",
        "{}",
        "{\"metadata\": 3}",
        "{\"metadata\": {}}",
        "{\"nodes\": {}}",
    ] {
        assert!(Manifest::read(text.as_bytes()).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn anything_may_stand_in_a_log(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut reader = Reader::default();
        let now = at("2026-03-01T10:00:00Z");
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            reader.read(line, now);
        }
        reader.flush();
        let _ = Results::read(&bytes[..]);
    }

    #[test]
    fn text_that_looks_like_dbts_is_read_without_a_panic(
        lines in proptest::collection::vec("(\u{1b}\\[0m)?(1[0-9]:00:0[0-9]\\.[0-9]{0,6})? ?\\[(info |debug|error)\\] \\[(MainThread|Thread-1 \\()\\]: (Began running node [a-z.]{0,9}|[0-9]{1,2} of [0-9]{1,2} (START|OK|FAIL 2|WARN|SKIP|ERROR)[a-z .\\[\\]é]{0,20}|Failure in [a-z]{0,3} ?[a-zé(]{0,5}|Done\\.|CANCEL query ?|[=|é ]{0,9})", 0..8),
    ) {
        let mut reader = TextReader::default();
        let mut record = record();
        let now = at("2026-03-01T10:00:00Z");
        for line in &lines {
            if let Some(said) = reader.feed(line, now) {
                record.apply(&said);
            }
        }
        record.lose();
        prop_assert!(record.nodes.values().all(|n| n.state != NodeState::Running));
    }

    #[test]
    fn cutting_a_stream_into_pieces_changes_no_line(
        text in "[a-z\n]{0,60}", cut in 0usize..60,
    ) {
        let all = text.as_bytes();
        let (a, b) = all.split_at(cut.min(all.len()));
        let read = |pieces: &[&[u8]]| {
            let (mut lines, mut out) = (Lines::default(), Vec::new());
            for piece in pieces {
                lines.feed(piece, |line| out.push(line.to_vec()));
            }
            lines.finish(|line| out.push(line.to_vec()));
            out
        };
        prop_assert_eq!(read(&[all]), read(&[a, b]));
    }
}
