//! Whatever is read can be written and read again as the same; no text makes the reader panic.

use proptest::prelude::*;

use crate::alerts::query::*;

/// As people write them. The first three are those of the README.
const WRITTEN: &[&str] = &[
    "sum(last_5m):sum:pipeline.errors{*} > 0",
    "avg(last_10m):avg:pipeline.stage.duration{stage:spark} > 5",
    "change(last_10m):avg:pipeline.runs{*} < 1",
    "avg(last_1h):avg:node.memory{kind:local,!pipeline:a} by {pipeline,stage} >= 1e9",
    "pct_change(avg(last_5m),last_1d):avg:queue.length{queue IN (a,b)} < -20.5",
    "change(avg(last_5m),1h_ago):sum:queue.length{NOT queue:web-*} != 0",
    "sum(last_4h):default_zero(sum:pipeline.errors{kind:airflow AND (owner:ann OR tag:x)}.as_count()) >= 1",
    "sum(last_5m):100 * (sum:pipeline.errors{*} by {pipeline}.as_count() / sum:pipeline.runs{*} by {pipeline}.as_count()) > 10",
    "max(last_1w):max:backend.latency{*} by {backend}.rollup(max, 60).fill(last, 300) > 2",
    "avg(last_5m):-abs(avg:queue.open{*}) - -3 <= 1",
];

#[test]
fn what_people_write_is_read() {
    for text in WRITTEN {
        let rule =
            Rule::parse("r", text, Options::default()).unwrap_or_else(|e| panic!("{text}: {e}"));
        let query = rule.query().unwrap();
        let again = Rule::parse("r", &query.to_string(), Options::default());
        let again = again.unwrap_or_else(|e| panic!("{text}: {query}: {e}"));
        assert_eq!(again.query().unwrap(), query, "{text}");
    }
    for text in ["a", "a && !b || (c)", "!(a || b) && c.d-e", "a || b && c"] {
        let Body::Composite(composite) = Rule::parse("r", text, Options::default()).unwrap().body
        else {
            panic!("{text}");
        };
        let Body::Composite(again) = Rule::parse("r", &composite.to_string(), Options::default())
            .unwrap()
            .body
        else {
            panic!("{composite}");
        };
        assert_eq!(again, composite, "{text}");
    }
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-1000i32..1000).prop_map(f64::from),
        (-1e9..1e9),
        Just(0.001),
        Just(-2.5e-7),
        Just(1e12)
    ]
}

fn seconds() -> impl Strategy<Value = u32> {
    prop_oneof![
        (1u32..=60).prop_map(|m| m * 60),
        (1u32..=48).prop_map(|h| h * 3_600),
        Just(172_800)
    ]
}

fn aggregate() -> impl Strategy<Value = Aggregate> {
    prop::sample::select(vec![
        Aggregate::Avg,
        Aggregate::Sum,
        Aggregate::Min,
        Aggregate::Max,
    ])
}

fn time() -> impl Strategy<Value = Time> {
    prop_oneof![
        (prop_oneof![aggregate(), Just(Aggregate::Last)], seconds())
            .prop_map(|(aggregate, window)| Time::Over { aggregate, window }),
        (any::<bool>(), aggregate(), seconds(), seconds()).prop_map(
            |(percent, aggregate, window, ago)| Time::Change {
                percent,
                aggregate,
                window,
                ago
            }
        ),
        seconds().prop_map(|window| Time::Growth {
            percent: false,
            window
        }),
    ]
}

fn pattern() -> impl Strategy<Value = Pattern> {
    "[a-z0-9*][a-z0-9_.:/*é-]{0,8}".prop_map(|text| Pattern::new(&text))
}

fn filter() -> impl Strategy<Value = Filter> {
    let key = || {
        prop::sample::select(vec!["backend", "kind", "pipeline", "owner"]).prop_map(str::to_owned)
    };
    let leaf = prop_oneof![
        (key(), pattern()).prop_map(|(key, value)| Filter::Tag(key, value)),
        (key(), prop::collection::vec(pattern(), 1..4))
            .prop_map(|(key, list)| Filter::In(key, list)),
    ];
    let tree = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|of| match of {
                // twice is not at all
                Filter::Not(of) => *of,
                of => Filter::Not(Box::new(of)),
            }),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            prop::collection::vec(inner, 2..4).prop_map(Filter::Or),
        ]
    });
    prop_oneof![1 => Just(Filter::All), 4 => tree]
}

fn fill() -> impl Strategy<Value = Fill> {
    prop_oneof![
        Just(Fill::Natural),
        Just(Fill::Null),
        Just(Fill::Zero),
        Just(Fill::Last(None)),
        (0u32..9_000).prop_map(|limit| Fill::Last(Some(limit)))
    ]
}

/// All of counts: they go with every kind of time but one.
fn select() -> impl Strategy<Value = Expr> {
    let rollup = prop::option::of((prop::option::of(aggregate()), prop::option::of(1u32..100)));
    let metric = prop::sample::select(vec!["pipeline.errors", "pipeline.runs"]);
    let rate = any::<bool>();
    (aggregate(), metric, filter(), rate, rollup, fill()).prop_map(
        |(space, metric, filter, rate, rollup, fill)| {
            Expr::Select(Box::new(Select {
                space,
                metric: metric.to_owned(),
                filter,
                by: Vec::new(),
                form: if rate { Form::Rate } else { Form::Plain },
                rollup: rollup
                    .map(|(aggregate, interval)| Rollup {
                        aggregate,
                        interval: interval.map(|i| i * 10),
                    })
                    .filter(|r| r.aggregate.is_some() || r.interval.is_some()),
                fill,
            }))
        },
    )
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![3 => select(), 1 => number().prop_map(Expr::Number)];
    let tree = leaf.prop_recursive(4, 16, 2, |inner| {
        let operator = prop::sample::select(vec![
            Operator::Add,
            Operator::Subtract,
            Operator::Multiply,
            Operator::Divide,
        ]);
        let function = prop_oneof![
            Just(Function::Abs),
            Just(Function::Ceil),
            Just(Function::Floor),
            Just(Function::Log2),
            Just(Function::Log10),
            Just(Function::DefaultZero),
            Just(Function::ExcludeNull),
            number().prop_map(Function::ClampMin),
            number().prop_map(Function::ClampMax),
            (1u32..3_600).prop_map(Function::Ago)
        ];
        prop_oneof![
            (operator, inner.clone(), inner.clone()).prop_map(|(o, l, r)| Expr::Binary(
                o,
                Box::new(l),
                Box::new(r)
            )),
            (function, inner.clone()).prop_map(|(f, of)| Expr::Call(f, Box::new(of))),
            // before a number it is the number's sign
            inner
                .prop_filter("a number", |of| !matches!(of, Expr::Number(_)))
                .prop_map(|of| Expr::Negative(Box::new(of))),
        ]
    });
    (tree, select())
        .prop_map(|(tree, select)| Expr::Binary(Operator::Add, Box::new(tree), Box::new(select)))
}

fn query() -> impl Strategy<Value = Query> {
    let compare = prop::sample::select(Compare::ALL.to_vec());
    let by = prop::sample::subsequence(vec!["backend", "kind", "pipeline"], 0..=3);
    (time(), expr(), compare, number(), by).prop_map(|(time, mut expr, compare, threshold, by)| {
        group(
            &mut expr,
            &by.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>(),
        );
        Query {
            time,
            expr,
            compare,
            threshold,
        }
    })
}

fn group(expr: &mut Expr, by: &[String]) {
    match expr {
        Expr::Number(_) => {}
        Expr::Select(select) => select.by = by.to_vec(),
        Expr::Negative(of) | Expr::Call(_, of) => group(of, by),
        Expr::Binary(_, left, right) => {
            group(left, by);
            group(right, by);
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(query in query()) {
        let text = query.to_string();
        let rule = Rule::parse("r", &text, Options::default());
        let rule = rule.map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
        prop_assert_eq!(rule.query().unwrap(), &query, "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        read_twice(&text)?;
    }

    /// Pieces of the language in any order get further than any text.
    #[test]
    fn no_pieces_make_it_panic(text in "((avg|sum|change|last_5m|1h_ago|p95|abs|timeshift|queue.length|pipeline.errors|as_count|rollup|fill|by|AND|OR|NOT|IN|queue|a)|[(){}:,.!*><=&| +-]|[0-9é]){0,30}") {
        read_twice(&text)?;
        read_twice(&format!("avg(last_5m):avg:queue.length{{{text}}} > 1"))?;
        read_twice(&format!("sum(last_5m):{text} > 1"))?;
    }

    /// A value is a number or nothing, whatever the points are.
    #[test]
    fn evaluation_gives_numbers(
        query in query(),
        points in prop::collection::vec((0i64..200_000, 0usize..6, -1e6..1e6), 0..40),
    ) {
        let mut store = crate::metrics::Store::default();
        store.up(super::ago(200_000), "b");
        for (age, own, value) in points {
            let tags = super::tags(&format!("backend:b,pipeline:p{own}"));
            store.record(super::ago(age), crate::metrics::Name::PipelineErrors, &tags, value);
        }
        if let Ok(rule) = Rule::parse("r", &query.to_string(), Options::default()) {
            for finding in rule.evaluate(&store, super::now(), &mut Memory::default()) {
                prop_assert!(finding.value.is_none_or(f64::is_finite));
                prop_assert!(!rule.sentence(&finding).is_empty());
            }
        }
    }
}

fn read_twice(text: &str) -> Result<(), TestCaseError> {
    match Rule::parse("r", text, Options::default()) {
        Ok(rule) => {
            let Some(query) = rule.query() else {
                return Ok(());
            };
            let again = Rule::parse("r", &query.to_string(), Options::default());
            let again = again.map_err(|e| TestCaseError::fail(format!("{query}: {e}")))?;
            prop_assert_eq!(again.query().unwrap(), query);
        }
        Err(RuleError::Query(error)) => {
            prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
            prop_assert!(!error.what.is_empty());
        }
        Err(RuleError::Threshold(_)) => {}
    }
    Ok(())
}
