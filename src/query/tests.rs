#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::borrow::Cow;
use std::ops::Bound;

use proptest::prelude::*;

use super::pattern::{Scope, Source};
use super::*;

const FACETS: [&str; 6] = [
    "status",
    "level",
    "source",
    "service",
    "pipeline",
    "pipeline_id",
];

fn parse(text: &str) -> Query {
    Query::parse(text, &FACETS).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[derive(Default)]
struct Doc {
    text: Option<&'static str>,
    level: Option<&'static str>,
}

impl Document for Doc {
    fn text(&self) -> Option<Cow<'_, str>> {
        self.text.map(Cow::Borrowed)
    }
    fn facet(&self, name: &str) -> Option<Vec<Value<'_>>> {
        match name {
            "level" | "status" => self.level.map(|level| vec![level.into()]),
            "service" => Some(vec!["prefect".into(), "Prefect Cloud".into()]),
            "pipeline_id" => Some(vec!["42".into()]),
            _ => Some(Vec::new()),
        }
    }
    fn field(&self, path: &str) -> Option<Vec<Value<'_>>> {
        Some(match path {
            "duration" => vec![Value::Number(7.5)],
            "took" => vec!["1.5h".into()],
            "http.status" => vec![Value::Number(503.0)],
            "user" => vec!["Ann".into()],
            "when" => vec!["2026-11-20".into()],
            _ => Vec::new(),
        })
    }
    fn rank(&self, facet: &str, word: &str) -> Option<f64> {
        let words = ["debug", "info", "warn", "error"];
        let at = words
            .iter()
            .position(|known| known.eq_ignore_ascii_case(word))?;
        (facet == "level").then_some(at as f64)
    }
}

#[test]
fn the_forms_people_know() {
    let doc = Doc {
        text: Some("Connection REFUSED by db-1 (os error 111), retry 3/5"),
        level: Some("error"),
    };
    for (query, holds) in [
        ("", true),
        ("*", true),
        ("refused", true),
        ("refused db-1", true),
        ("refused AND db-2", false),
        ("db-2 OR db-1", true),
        ("a-word db-1 OR db-1 refused", true),
        ("-db-2", true),
        ("NOT refused", false),
        ("--refused", true),
        ("\"connection refused\"", true),
        ("\"refused connection\"", false),
        ("conn*", true),
        ("re?used", true),
        ("ref*by", false),
        ("err*", true),
        ("(db-2 OR db-1) retry", true),
        ("\\(os", true),
        ("3/5", true),
        ("/db-\\d/", true),
        ("/DB-\\d/", false),
        ("/DB-\\d/i", true),
        ("/var/log/x", false),
        ("level:ERROR", true),
        ("level:err*", true),
        ("level:err", false),
        ("-level:debug", true),
        ("level:>=warn", true),
        ("level:>error", false),
        ("level:(warn OR error)", true),
        ("level:(warn AND error)", false),
        ("level:(-warn)", true),
        ("service:prefect", true),
        ("service:\"prefect cloud\"", true),
        ("service:/^Pre/", true),
        ("pipeline_id:42 service:prefect", true),
        ("pipeline_id:[10 TO 42]", true),
        ("pipeline_id:[10 TO 42}", false),
        ("pipeline_id:{10 TO *]", true),
        ("pipeline:*", false),
        ("-pipeline:*", true),
        ("@duration:>5", true),
        ("@duration:>=7.5", true),
        ("@duration:<7500ms", false),
        ("@duration:7.5", true),
        ("@duration:7*", true),
        ("@took:[1h TO 2h]", true),
        ("@http.status:[500 TO 599]", true),
        ("@user:Ann", true),
        ("@user:ann", false),
        ("@when:[2026-11-01 TO 2026-12-01]", true),
        ("@none:*", false),
        ("12:30", false),
    ] {
        let parsed = parse(query);
        assert_eq!(parsed.judge(&doc), Some(holds), "{query} read as {parsed}");
    }
}

#[test]
fn and_binds_closer_than_or() {
    assert_eq!(parse("a b OR c"), parse("(a AND b) OR c"));
    assert_eq!(parse("a (b OR c)").to_string(), "a (b OR c)");
    assert_eq!(parse("level:(a OR b)").to_string(), "level:a OR level:b");
}

#[test]
fn what_is_not_known_matters_only_where_it_decides() {
    let doc = Doc {
        text: None,
        level: Some("info"),
    };
    assert_eq!(parse("level:error timeout").judge(&doc), Some(false));
    assert_eq!(parse("level:info timeout").judge(&doc), None);
    assert_eq!(parse("level:info OR timeout").judge(&doc), Some(true));
    assert_eq!(parse("-level:info -timeout").judge(&doc), Some(false));
}

#[test]
fn a_mistake_shows_where_and_why() {
    for (query, column, what, help) in [
        ("a (b", 3, "never closed", "add a `)`"),
        ("a b)", 4, "closes nothing", "leave it out"),
        ("é \"b", 3, "never closed", "at the end of the phrase"),
        (
            "status:",
            1,
            "a value is missing after `status:`",
            "status:*",
        ),
        ("a status: b", 3, "a value is missing", "status:value"),
        ("sttaus:x", 1, "no facet `sttaus`", "did you mean status:?"),
        ("Error: x", 1, "no facet `Error`", "in quotes"),
        ("OR a", 1, "one is missing", "in quotes"),
        ("a AND", 6, "is missing", "write a word"),
        ("()", 2, "is missing", "write a word"),
        ("@rows", 1, "without a test", "@rows:>5"),
        ("@rows:>", 7, "a number is missing", "@rows:>5"),
        ("@rows:[1 2]", 7, "`TO` is missing", "[10 TO 20]"),
        ("@rows:[1 TO 2", 7, "never closed", "end it with"),
        ("x /a(/", 3, "unclosed group", "in quotes"),
        ("-", 2, "is missing", "write a word"),
    ] {
        let error = Query::parse(query, &FACETS).expect_err(query);
        assert_eq!(error.column, column, "{query}: {error}");
        assert!(error.what.contains(what), "{query}: {error}");
        assert!(error.help.contains(help), "{query}: {error}");
    }
    let deep = "(".repeat(10_000);
    assert!(
        Query::parse(&deep, &FACETS)
            .unwrap_err()
            .what
            .contains("too many")
    );
    let deep = "-".repeat(10_000);
    assert!(
        Query::parse(&deep, &FACETS)
            .unwrap_err()
            .what
            .contains("too many")
    );
}

#[test]
fn needles_are_in_every_text_that_matches() {
    for (query, needles) in [
        ("timeout", Some(vec!["timeout"])),
        ("a timeout level:error", Some(vec!["timeout"])),
        ("\"connection  refused\"", Some(vec!["connection"])),
        ("time*out", Some(vec!["time"])),
        ("a OR bb", Some(vec!["a", "bb"])),
        ("a OR level:error", None),
        ("-a", None),
        ("/ab/", None),
        ("/abc/", Some(vec!["abc"])),
        ("/abc|\\d/", None),
        ("abcd /abc/", Some(vec!["abcd"])),
        ("*", None),
        ("@http.status:>499", Some(vec!["status", "\\u"])),
        ("fine @http.status:*", Some(vec!["fine"])),
        ("-@rows:1", None),
    ] {
        assert_eq!(parse(query).needles(), needles, "{query}");
    }
    assert_eq!(parse("timeout").sole_needle(), Some("timeout"));
    assert_eq!(parse("\"a b\"").sole_needle(), None);
    assert_eq!(parse("a b").sole_needle(), None);
    let hits: Vec<_> = parse("err -x").highlights()[0]
        .hits("an Err, err")
        .collect();
    assert_eq!(hits, [3..6, 8..11]);
    assert_eq!(parse("err -x").highlights().len(), 1);
}

#[test]
fn completion_knows_where_one_is() {
    let facets = [
        ("level", vec!["error", "warn", "info"]),
        ("pipeline", vec!["orders daily", "customers"]),
        ("pipeline_id", vec![]),
        ("@rows", vec![]),
    ]
    .map(|(name, values)| Facet {
        name: name.to_owned(),
        doc: format!("about {name}"),
        values: values.into_iter().map(str::to_owned).collect(),
    });
    let at = |input: &str, cursor: usize| -> Vec<String> {
        complete(input, cursor, &facets)
            .into_iter()
            .map(|c| {
                format!(
                    "{}{}{}",
                    &input[..c.range.start],
                    c.text,
                    &input[c.range.end..]
                )
            })
            .collect()
    };
    let end = |input: &str| at(input, input.len());
    assert_eq!(end("pi"), ["pipeline:", "pipeline_id:"]);
    assert_eq!(end("line"), ["pipeline:", "pipeline_id:"]);
    assert_eq!(end("x -le"), ["x -level:"]);
    assert_eq!(end("(lev"), ["(level:"]);
    assert_eq!(end("@r"), ["@rows:"]);
    assert_eq!(end("level:"), ["level:error", "level:warn", "level:info"]);
    assert_eq!(end("level:r"), ["level:error", "level:warn"]);
    assert_eq!(end("level:(warn OR e"), ["level:(warn OR error"]);
    assert_eq!(end("pipeline:ord"), ["pipeline:\"orders daily\""]);
    assert_eq!(end("pipeline:\"orders d"), ["pipeline:\"orders daily\""]);
    assert_eq!(at("lev AND x", 3), ["level: AND x"]);
    assert_eq!(end("\"lev"), [""; 0]);
    assert_eq!(end("nothing"), [""; 0]);
    assert_eq!(complete("é", 1, &facets), []);
}

fn word() -> impl Strategy<Value = String> {
    let special = proptest::sample::select(vec![
        "AND", "OR", "NOT", "TO", "-", "@", "/", ":", "*", "?", "\\", "\"", "(", ")", "[", "}",
        " ", ">", "level:",
    ])
    .prop_map(str::to_owned);
    proptest::collection::vec(prop_oneof!["[a-zé0-9._-]{1,6}", special], 1..4)
        .prop_map(|parts| parts.concat())
}

fn text(pieces: Vec<Piece>, scope: Scope) -> Pattern {
    Pattern::new(Source::Glob(pieces), scope).unwrap()
}

fn leaf() -> impl Strategy<Value = Expr> {
    let value = Scope::Value { ignore_case: true };
    let field = Scope::Value { ignore_case: false };
    let key = |name: &str, is_field| Key {
        name: name.to_owned(),
        field: is_field,
    };
    prop_oneof![
        word().prop_map(|w| Expr::Text(text(vec![Piece::Literal(w)], Scope::Text))),
        word().prop_map(|w| Expr::Text(text(vec![Piece::Literal(w), Piece::Any], Scope::Text))),
        word().prop_map(move |w| Expr::Is(
            key("level", false),
            Test::Matches(text(vec![Piece::One, Piece::Literal(w)], value))
        )),
        word().prop_map(move |w| Expr::Is(
            key("a b.c", true),
            Test::Matches(text(vec![Piece::Literal(w)], field))
        )),
        Just(Expr::Is(key("source", false), Test::Exists)),
        word().prop_map(move |w| Expr::Is(
            key("rows", true),
            Test::Range(Bound::Included(Operand::new(w)), Bound::Unbounded)
        )),
        (word(), word()).prop_map(move |(a, b)| Expr::Is(
            key("rows", true),
            Test::Range(
                Bound::Excluded(Operand::new(a)),
                Bound::Included(Operand::new(b))
            )
        )),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(3, 16, 3, |inner| {
        let list = || proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            list().prop_map(Expr::And),
            list().prop_map(Expr::Or),
            inner.clone().prop_map(|e| match e {
                Expr::Not(inner) => *inner,
                e => Expr::Not(Box::new(e)),
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_out_reads_as_the_same(expr in expr()) {
        let written = expr.to_string();
        let again = Query::parse(&written, &FACETS);
        prop_assert_eq!(again.as_ref().map(Query::expr), Ok(&expr), "{}", written);
    }

    #[test]
    fn any_text_is_a_query_or_a_mistake_with_a_place(input in r#"[ab :@"()\[\]{}/\\*?<>=-]{0,30}|(AND|OR|NOT|TO|level:|@a:| ){0,9}|\PC{0,20}"#) {
        match Query::parse(&input, &FACETS) {
            Ok(query) => {
                let again = Query::parse(&query.to_string(), &FACETS).unwrap();
                prop_assert_eq!(again, query);
            }
            Err(error) => {
                prop_assert!(error.at.start <= input.len());
                prop_assert!(error.column >= 1 && !error.what.is_empty());
            }
        }
        for cursor in 0..=input.len() {
            complete(&input, cursor, &[Facet::default()]);
        }
    }
}
