//! Thresholds, recovery, holding, missing data, composites.

use std::time::Duration;

use super::*;
use crate::alerts::query::{Finding, Memory, Options, Rule, RuleError, Rulebook, Verdict};

const QUEUE: &str = "max(last_1m):max:queue.length{*}";

/// Tells a level every minute and what the rule says then: "ok warn alert none".
fn told(query: &str, options: Options, levels: &[Option<f64>]) -> String {
    let rule = Rule::parse("r", query, options).unwrap();
    let (mut store, mut memory) = (Store::default(), Memory::default());
    let own = tags("backend:b,queue:q");
    let mut said = Vec::new();
    for (minute, level) in (0..).zip(levels) {
        let at = now() + TimeDelta::minutes(minute);
        match level {
            Some(level) => {
                store.up(at, "b");
                store.record(at - TimeDelta::seconds(50), Name::QueueLength, &own, *level);
                store.record(at, Name::QueueLength, &own, *level);
            }
            None => store.down(at - TimeDelta::seconds(60), "b"),
        }
        let found = rule.evaluate(&store, at, &mut memory);
        said.push(found[0].verdict.word());
    }
    said.join(" ")
        .replace("no data", "none")
        .replace("warning", "warn")
}

fn some(levels: &[f64]) -> Vec<Option<f64>> {
    levels.iter().copied().map(Some).collect()
}

#[test]
fn thresholds_judge_in_both_directions() {
    let cases: &[(&str, Option<f64>, &[f64], &str)] = &[
        ("> 5", None, &[5.0, 6.0, 5.0], "ok alert ok"),
        (">= 5", None, &[4.0, 5.0, 6.0], "ok alert alert"),
        ("< 5", None, &[5.0, 4.0, 6.0], "ok alert ok"),
        ("<= 5", None, &[6.0, 5.0, 4.0], "ok alert alert"),
        ("== 5", None, &[4.0, 5.0, 6.0], "ok alert ok"),
        ("!= 5", None, &[4.0, 5.0, 6.0], "alert ok alert"),
        (
            "> 5",
            Some(3.0),
            &[3.0, 4.0, 6.0, 4.0, 3.0],
            "ok warn alert warn ok",
        ),
        (
            "< 3",
            Some(5.0),
            &[5.0, 4.0, 2.0, 4.0, 6.0],
            "ok warn alert warn ok",
        ),
    ];
    for (compare, warning, levels, want) in cases {
        let options = Options {
            warning: *warning,
            ..Options::default()
        };
        let got = told(&format!("{QUEUE} {compare}"), options, &some(levels));
        assert_eq!(got, *want, "{compare} {levels:?}");
    }
}

#[test]
fn an_alert_ends_beyond_its_recovery() {
    let options = Options {
        warning: Some(6.0),
        critical_recovery: Some(8.0),
        warning_recovery: Some(4.0),
        ..Options::default()
    };
    let levels = some(&[9.0, 11.0, 9.0, 8.0, 5.0, 4.0, 5.0, 7.0, 9.0, 11.0]);
    let want = "warn alert alert warn warn ok ok warn warn alert";
    assert_eq!(told(&format!("{QUEUE} > 10"), options, &levels), want);
    let low = Options {
        critical_recovery: Some(12.0),
        ..Options::default()
    };
    let levels = some(&[11.0, 9.0, 11.0, 12.0, 11.0]);
    assert_eq!(
        told(&format!("{QUEUE} < 10"), low, &levels),
        "ok alert alert ok ok"
    );
}

#[test]
fn it_must_hold_for_as_long_as_it_says() {
    let options = Options {
        hold: Duration::from_secs(120),
        ..Options::default()
    };
    let levels = some(&[6.0, 6.0, 6.0, 1.0, 6.0, 6.0, 1.0]);
    assert_eq!(
        told(&format!("{QUEUE} > 5"), options.clone(), &levels),
        "ok ok alert ok ok ok ok"
    );
    let warned = Options {
        warning: Some(3.0),
        ..options
    };
    let levels = some(&[4.0, 6.0, 6.0, 6.0, 4.0]);
    assert_eq!(
        told(&format!("{QUEUE} > 5"), warned, &levels),
        "ok ok warn alert warn"
    );
}

#[test]
fn without_data_it_stays_what_it_was_until_that_is_too_long() {
    let query = format!("{QUEUE} > 5");
    let levels = [None, Some(6.0), None, None, None, Some(1.0)];
    let want = "none alert alert alert alert ok";
    assert_eq!(told(&query, Options::default(), &levels), want);
    let options = Options {
        no_data: Some(Duration::from_secs(120)),
        ..Options::default()
    };
    assert_eq!(
        told(&query, options, &levels),
        "none alert alert none none ok"
    );
}

#[test]
fn missing_data_is_overdue_only_where_the_rule_says_so() {
    let options = |no_data| Options {
        no_data,
        ..Options::default()
    };
    for (no_data, overdue) in [(None, false), (Some(Duration::from_secs(60)), true)] {
        let rule = Rule::parse(
            "r",
            "sum(last_5m):sum:pipeline.errors{*} > 0",
            options(no_data),
        )
        .unwrap();
        let (store, mut memory) = (Store::default(), Memory::default());
        let first = rule.evaluate(&store, now(), &mut memory);
        assert!(!first[0].overdue);
        let later = rule.evaluate(&store, now() + TimeDelta::seconds(60), &mut memory);
        assert_eq!(
            (later[0].verdict, later[0].value, later[0].overdue),
            (Verdict::NoData, None, overdue)
        );
    }
}

#[test]
fn groups_have_states_of_their_own_and_are_forgotten_after_a_day() {
    let mut store = store(&[
        (Name::StageDuration, "stage:a", &[(30, 9.0)]),
        (Name::StageDuration, "stage:b", &[(30, 2.0)]),
    ]);
    let query = "avg(last_5m):avg:pipeline.stage.duration{*} by {stage} > 5";
    let rule = Rule::parse("slow", query, Options::default()).unwrap();
    let mut memory = Memory::default();
    let verdicts = |found: &[Finding]| -> Vec<(String, Verdict)> {
        found
            .iter()
            .map(|f| (f.group[0].1.to_string(), f.verdict))
            .collect()
    };
    let found = rule.evaluate(&store, now(), &mut memory);
    let want = [
        ("a".to_owned(), Verdict::Alert),
        ("b".to_owned(), Verdict::Ok),
    ];
    assert_eq!(verdicts(&found), want);
    assert_eq!(
        rule.sentence(&found[0]).as_str(),
        "average of pipeline.stage.duration over 5m is 9 s, above 5 s (stage a)"
    );
    // an hour without a run: the last one was slow
    let later = now() + TimeDelta::hours(1);
    let found = rule.evaluate(&store, later, &mut memory);
    assert_eq!(verdicts(&found), want);
    assert_eq!((found[0].value, found[0].since), (None, now()));
    store.record(later, Name::StageDuration, &tags("backend:b,stage:a"), 1.0);
    let found = rule.evaluate(&store, later, &mut memory);
    assert_eq!((found[0].verdict, found[0].since), (Verdict::Ok, later));
    let found = rule.evaluate(&store, now() + TimeDelta::hours(24), &mut memory);
    assert_eq!(verdicts(&found), [("a".to_owned(), Verdict::Ok)]);
}

#[test]
fn a_full_window_has_data_at_its_start_and_few_gaps() {
    let options = Options {
        full_window: true,
        ..Options::default()
    };
    let query = "sum(last_10m):sum:pipeline.stage.duration{*} > 0";
    let rule = Rule::parse("r", query, options).unwrap();
    let minutes = |ages: &[i64]| {
        let points: Vec<_> = ages.iter().map(|minute| (minute * 60 + 30, 1.0)).collect();
        let store = store(&[(Name::StageDuration, "stage:a", &points)]);
        rule.evaluate(&store, now(), &mut Memory::default())[0].verdict
    };
    assert_eq!(minutes(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), Verdict::Alert);
    assert_eq!(
        minutes(&[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        Verdict::NoData,
        "nothing at its start"
    );
    assert_eq!(
        minutes(&[0, 1, 2, 4, 6, 8, 9]),
        Verdict::Alert,
        "three gaps"
    );
    assert_eq!(minutes(&[0, 1, 4, 6, 8, 9]), Verdict::NoData, "four gaps");
}

#[test]
fn a_delay_looks_at_what_was() {
    let store = store(&[(Name::PipelineErrors, "pipeline:a", &[(30, 2.0), (330, 1.0)])]);
    let value = |delay| {
        let options = Options {
            delay: Duration::from_secs(delay),
            ..Options::default()
        };
        let rule = Rule::parse("r", "sum(last_1m):sum:pipeline.errors{*} > 0", options).unwrap();
        rule.evaluate(&store, now(), &mut Memory::default())[0].value
    };
    assert_eq!((value(0), value(300)), (Some(2.0), Some(1.0)));
}

#[test]
fn sentences_say_what_was_found() {
    let mut store = store(&[
        (Name::PipelineErrors, "pipeline:a", &[(30, 3.0)]),
        (Name::QueueLength, "queue:q", &[(700, 7.5), (30, 15.0)]),
    ]);
    store.record(ago(10), Name::NodeMemory, &tags("backend:b,stage:s"), 1.5e9);
    let say = |query: &str, warning| {
        let options = Options {
            warning,
            ..Options::default()
        };
        let rule = Rule::parse("r", query, options).unwrap();
        let found = rule.evaluate(&store, now(), &mut Memory::default());
        rule.sentence(&found[0]).to_string()
    };
    for (query, warning, want) in [
        (
            "sum(last_5m):sum:pipeline.errors{*} > 0",
            None,
            "sum of pipeline.errors over 5m is 3, above 0",
        ),
        (
            "sum(last_5m):sum:pipeline.errors{*} > 9",
            None,
            "sum of pipeline.errors over 5m is 3",
        ),
        (
            "sum(last_5m):sum:pipeline.errors{*} > 9",
            Some(2.0),
            "sum of pipeline.errors over 5m is 3, above 2",
        ),
        (
            "sum(last_5m):sum:pipeline.errors{pipeline:x} > 9",
            None,
            "sum of pipeline.errors{pipeline:x} over 5m: no data",
        ),
        (
            "avg(last_1h):max:queue.length{queue:q} >= 1",
            None,
            "average of the maximum of queue.length{queue:q} over 1h is 8.125, at or above 1",
        ),
        (
            "pct_change(avg(last_1m),5m_ago):avg:queue.length{*} > 50",
            None,
            "change of the average of queue.length over 1m against 5m ago is 66.67 %, above 50 %",
        ),
        (
            "change(last_5m):sum:pipeline.errors{*} == 3",
            None,
            "change of the sum of pipeline.errors over 5m is 3, exactly 3",
        ),
        (
            "last(last_5m):max:node.memory{*} > 1000000000",
            None,
            "newest value of the maximum of node.memory over 5m is 1500000000 bytes, above 1000000000 bytes",
        ),
        (
            "sum(last_5m):sum:pipeline.errors{*} by {pipeline} * 2 > 0",
            None,
            "sum of sum:pipeline.errors{*} by {pipeline} * 2 over 5m is 6, above 0 (pipeline a)",
        ),
    ] {
        assert_eq!(say(query, warning), want);
    }
}

fn book(rules: &[(&str, &str)]) -> (Rulebook, Vec<String>) {
    let names: Vec<&str> = rules.iter().map(|(name, _)| *name).collect();
    let parsed = rules
        .iter()
        .map(|(name, text)| Rule::parse(name, text, Options::default()).unwrap());
    let (book, errors) = Rulebook::new(parsed.collect(), &names);
    let errors = errors
        .iter()
        .map(|e| format!("{} {}", rules[e.rule].0, e.error));
    (book, errors.collect())
}

fn verdict_of(book: &mut Rulebook, store: &Store, name: &str) -> Vec<(String, Verdict)> {
    let at = book
        .rules()
        .iter()
        .position(|rule| rule.name == name)
        .unwrap();
    let found = &book.evaluate(store, now())[at].findings;
    let group = |f: &Finding| {
        f.group
            .iter()
            .map(|(_, v)| v.to_string())
            .collect::<Vec<_>>()
            .join("/")
    };
    found.iter().map(|f| (group(f), f.verdict)).collect()
}

#[test]
fn composites_follow_datadogs_table() {
    use Verdict::{Alert, NoData, Ok, Warn};
    let judge = |text: &str, a: Verdict, b: Verdict| {
        let rule = Rule::parse("c", text, Options::default()).unwrap();
        let crate::alerts::query::Body::Composite(composite) = rule.body else {
            panic!("{text}")
        };
        composite.judge(&|name| if name == "a" { a } else { b })
    };
    for (a, b, and, or) in [
        (Alert, Warn, Warn, Alert),
        (Alert, Ok, Ok, Alert),
        (Warn, Ok, Ok, Warn),
        (NoData, Warn, NoData, Warn),
        (NoData, Ok, Ok, NoData),
        (NoData, NoData, NoData, NoData),
    ] {
        assert_eq!(
            (judge("a && b", a, b), judge("a || b", a, b)),
            (and, or),
            "{a:?} {b:?}"
        );
        assert_eq!(
            (judge("b && a", a, b), judge("b || a", a, b)),
            (and, or),
            "{a:?} {b:?}"
        );
    }
    assert_eq!(judge("a && !b", Alert, Ok), Alert);
    assert_eq!(judge("a && !b", Alert, Warn), Ok);
    assert_eq!(judge("!a", NoData, Ok), NoData);
    assert_eq!(judge("!(a && b)", Alert, Ok), Alert);
    assert_eq!(judge("a || b && !a", Ok, Alert), Alert, "&& binds closer");
}

#[test]
fn composites_meet_in_common_groups() {
    let store = store(&[
        (Name::PipelineErrors, "pipeline:p,kind:x", &[(30, 2.0)]),
        (Name::PipelineErrors, "pipeline:q,kind:x", &[(30, 0.0)]),
        (Name::RunDuration, "pipeline:p,kind:x", &[(30, 50.0)]),
        (Name::RunDuration, "pipeline:r,kind:x", &[(30, 50.0)]),
        (Name::QueueLength, "queue:z", &[(600, 9.0)]),
    ]);
    // the composites first: rules may stand in any order
    let (mut book, errors) = book(&[
        ("both", "failing && slow"),
        ("nested", "both && !quiet"),
        ("busy", "(failing || slow) && queue"),
        ("kinds", "failing && of-kind"),
        (
            "failing",
            "sum(last_5m):sum:pipeline.errors{*} by {pipeline} > 0",
        ),
        (
            "slow",
            "avg(last_5m):avg:pipeline.run.duration{*} by {pipeline} > 10",
        ),
        ("queue", "avg(last_5m):avg:queue.length{*} > 5"),
        ("quiet", "avg(last_5m):avg:queue.length{*} < 5"),
        (
            "of-kind",
            "sum(last_5m):sum:pipeline.errors{*} by {kind,pipeline} > 0",
        ),
    ]);
    assert_eq!(errors, Vec::<String>::new());
    let p = |verdict| vec![("p".to_owned(), verdict)];
    assert_eq!(verdict_of(&mut book, &store, "both"), p(Verdict::Alert));
    assert_eq!(verdict_of(&mut book, &store, "nested"), p(Verdict::Alert));
    assert_eq!(verdict_of(&mut book, &store, "busy"), p(Verdict::Alert));
    let kinds = [
        ("x/p".to_owned(), Verdict::Alert),
        ("x/q".to_owned(), Verdict::Ok),
    ];
    assert_eq!(verdict_of(&mut book, &store, "kinds"), kinds);
}

#[test]
fn composites_that_cant_work_are_told_and_the_others_work() {
    let (mut book, errors) = book(&[
        ("a", "b || good"),
        ("b", "good && a"),
        ("typo", "good && !goood"),
        ("number", "12345 && good"),
        ("apart", "good && other"),
        (
            "good",
            "sum(last_5m):sum:pipeline.errors{*} by {pipeline} > 0",
        ),
        ("other", "avg(last_5m):avg:queue.length{*} by {queue} > 0"),
    ]);
    assert_eq!(
        errors,
        [
            "a column 1: `b` can't be looked at: it is off or wrong itself, or it looks back at this rule; see the rule itself",
            "b column 9: `a` can't be looked at: it is off or wrong itself, or it looks back at this rule; see the rule itself",
            "typo column 10: there is no rule `goood`; did you mean `good`?",
            "number column 1: there is no rule `12345`; Datadog's number of a monitor means nothing here: write the rule's name",
            "apart column 1: `good` is grouped by pipeline, and another rule by queue; rules that are put together need the same groups",
        ]
    );
    assert_eq!(book.len(), 2);
    let store = store(&[(Name::PipelineErrors, "pipeline:p", &[(30, 2.0)])]);
    assert_eq!(
        verdict_of(&mut book, &store, "good"),
        [("p".to_owned(), Verdict::Alert)]
    );
}

#[test]
fn thresholds_that_contradict_are_told() {
    let options = Options::default;
    for (query, options, want) in [
        (
            "> 5",
            Options {
                critical: Some(6.0),
                ..options()
            },
            "`critical` is 6, and the query says 5: write the same number",
        ),
        (
            "> 5",
            Options {
                warning: Some(5.0),
                ..options()
            },
            "`warning` must be below 5, or it would never count",
        ),
        (
            "< 5",
            Options {
                warning: Some(4.0),
                ..options()
            },
            "`warning` must be above 5, or it would never count",
        ),
        (
            "> 5",
            Options {
                critical_recovery: Some(6.0),
                ..options()
            },
            "`critical_recovery` must be below 5, or it would never count",
        ),
        (
            "> 5",
            Options {
                warning_recovery: Some(1.0),
                ..options()
            },
            "`warning_recovery` needs a `warning`",
        ),
        (
            "> 5",
            Options {
                warning: Some(3.0),
                warning_recovery: Some(4.0),
                ..options()
            },
            "`warning_recovery` must be below 3, or it would never count",
        ),
        (
            "== 5",
            Options {
                warning: Some(4.0),
                ..options()
            },
            "`warning` goes with > >= < <=, and the query says ==",
        ),
    ] {
        let error = Rule::parse("r", &format!("{QUEUE} {query}"), options).unwrap_err();
        assert!(matches!(error, RuleError::Threshold(_)));
        assert_eq!(error.to_string(), want);
    }
    let error = Rule::parse(
        "r",
        "a && b",
        Options {
            warning: Some(1.0),
            ..options()
        },
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`warning` belongs to a query; a composite has no value"
    );
}

#[test]
fn a_mistake_is_told_where_it_stands_in_the_file() {
    let text = "\
[[rule]]
name = \"slow\"
query = \"avg(last_5m):avg:pipeline.run.durration{*} > 5\"

[[rule]]
name = \"long\"
query = '''
  sum(last_5m):sum:pipeline.errors{pipelin:a} > 5'''

[[rule]]
name = \"low\"
query = \"sum(last_5m):sum:pipeline.errors{*} > 5\"
warning = 7

[[rule]]
name = \"both\"
query = \"low && slwo\"

[[rule]]
name = \"fine\"
query = \"sum(last_5m):sum:pipeline.errors{*} > 5\"
";
    let loaded = crate::config::load::parse(std::path::Path::new("config.toml"), text).unwrap();
    let (book, problems) = super::super::read(&loaded.config.rules, &loaded.source);
    let told: Vec<String> = problems
        .iter()
        .map(crate::config::Problem::headline)
        .collect();
    assert_eq!(
        told,
        [
            "config.toml:3:27: there is no metric `pipeline.run.durration`; did you mean `pipeline.run.duration`?",
            "config.toml:8:36: pipeline.errors has no tag `pipelin`; did you mean `pipeline`?",
            "config.toml:13:11: `warning` must be below 5, or it would never count",
            "config.toml:17:17: there is no rule `slwo`; did you mean `slow`?",
        ]
    );
    assert_eq!(book.len(), 1);
}
