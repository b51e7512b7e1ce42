//! What queries come to: each value is worked out by hand beside its case.

use super::*;
use crate::alerts::query::{Memory, Options, Rule};
use Name::*;

/// "3", "a=3 b=4", "-" for no data; tags of a group joined by "/".
fn value(store: &Store, query: &str) -> String {
    let rule =
        Rule::parse("r", query, Options::default()).unwrap_or_else(|e| panic!("{query}: {e}"));
    let found = rule.evaluate(store, now(), &mut Memory::default());
    let shown = found.iter().map(|finding| {
        let value = finding.value.map_or("-".to_owned(), |v| {
            let text = format!("{v:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        });
        let group: Vec<&str> = finding.group.iter().map(|(_, v)| v.as_str()).collect();
        match group.is_empty() {
            true => value,
            false => format!("{}={value}", group.join("/")),
        }
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn check(store: &Store, cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(query, want)| (query, want, value(store, &format!("{query} > 1000000"))))
        .filter(|(_, want, got)| *want != got)
        .map(|(query, want, got)| format!("{query}\n  want {want}\n  got  {got}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// a: 2 errors 30 s ago, 1 at 90 s, 5 at 400 s. b: 4 at 70 s, and nothing before.
fn errors() -> Store {
    store(&[
        (
            PipelineErrors,
            "pipeline:a",
            &[(30, 2.0), (90, 1.0), (400, 5.0)],
        ),
        (PipelineErrors, "pipeline:b", &[(70, 4.0)]),
    ])
}

#[test]
fn counts_over_every_window() {
    check(
        &errors(),
        &[
            ("sum(last_1m):sum:pipeline.errors{*}", "2"),
            ("sum(last_2m):sum:pipeline.errors{*}", "7"),
            ("sum(last_5m):sum:pipeline.errors{*}", "7"),
            ("sum(last_10m):sum:pipeline.errors{*}", "12"),
            ("sum(last_15m):sum:pipeline.errors{*}", "12"),
            ("sum(last_30m):sum:pipeline.errors{*}", "12"),
            ("sum(last_1h):sum:pipeline.errors{*}", "12"),
            ("sum(last_4h):sum:pipeline.errors{*}", "12"),
            ("sum(last_1d):sum:pipeline.errors{*}", "12"),
            ("sum(last_2d):sum:pipeline.errors{*}", "12"),
            ("sum(last_1w):sum:pipeline.errors{*}", "12"),
        ],
    );
}

#[test]
fn counts_by_every_aggregation() {
    check(
        &errors(),
        &[
            // 30 intervals of ten seconds, of which three hold 2, 4 and 1
            ("avg(last_5m):sum:pipeline.errors{*}", "0.2333"),
            ("max(last_5m):sum:pipeline.errors{*}", "4"),
            ("min(last_5m):sum:pipeline.errors{*}", "0"),
            ("last(last_5m):sum:pipeline.errors{*}", "0"),
            // 2 of two series, 4 of two, 1 of one: b was not there yet
            ("sum(last_5m):avg:pipeline.errors{*}", "4"),
            ("sum(last_5m):max:pipeline.errors{*}", "7"),
            // the other one is 0, except 90 s ago, when there was no other
            ("sum(last_5m):min:pipeline.errors{*}", "1"),
            ("sum(last_5m):sum:pipeline.errors{*}.as_count()", "7"),
            // 7 in 300 s
            ("avg(last_5m):sum:pipeline.errors{*}.as_rate()", "0.0233"),
            // 0.2 + 0.4 + 0.1 a second in their intervals
            ("sum(last_5m):sum:pipeline.errors{*}.as_rate()", "0.7"),
            ("max(last_5m):sum:pipeline.errors{*}.as_rate()", "0.4"),
            // minutes: 2 in the last, 5 in the one before
            ("max(last_5m):sum:pipeline.errors{*}.rollup(sum, 60)", "5"),
            ("last(last_5m):sum:pipeline.errors{*}.rollup(sum, 60)", "2"),
            // without the zeros: 2, 4 and 1
            ("avg(last_5m):sum:pipeline.errors{*}.fill(null)", "2.3333"),
            ("last(last_5m):sum:pipeline.errors{*}.fill(null)", "2"),
            // all windows together are three
            (
                "sum(last_1h):sum:pipeline.errors{*} by {pipeline}",
                "a=8 b=4",
            ),
            (
                "avg(last_1m):sum:pipeline.errors{*} by {pipeline}",
                "a=0.3333 b=0",
            ),
        ],
    );
}

#[test]
fn as_count_divides_totals_and_as_rate_divides_points() {
    // the example of Datadog's "as_count() in Monitor Evaluations"
    let minutes = [270, 210, 150, 90, 30];
    let errors: Vec<_> = minutes
        .iter()
        .zip([1.0, 2.0, 3.0, 4.0, 5.0])
        .map(|(a, v)| (*a, v))
        .collect();
    let total: Vec<_> = minutes.iter().map(|a| (*a, 10.0)).collect();
    let store = store(&[
        (PipelineErrors, "pipeline:a", &errors),
        (PipelineRuns, "pipeline:a", &total),
    ]);
    check(
        &store,
        &[
            (
                "sum(last_5m): sum:pipeline.errors{*}.as_rate() / sum:pipeline.runs{*}.as_rate()",
                "1.5",
            ),
            (
                "sum(last_5m): sum:pipeline.errors{*}.as_count() / sum:pipeline.runs{*}.as_count()",
                "0.3",
            ),
            (
                "sum(last_5m): 100 * sum:pipeline.errors{*}.as_count() / sum:pipeline.runs{*}.as_count()",
                "30",
            ),
        ],
    );
}

/// 10 since 700 s, 4 since 100 s; another queue 1 since 650 s.
fn queue() -> Store {
    store(&[
        (QueueLength, "queue:q", &[(700, 10.0), (100, 4.0)]),
        (QueueLength, "queue:r", &[(650, 1.0)]),
    ])
}

#[test]
fn levels_hold() {
    check(
        &queue(),
        &[
            // 19 intervals of 10 and 11 of 4
            ("avg(last_5m):avg:queue.length{queue:q}", "7.8"),
            ("max(last_5m):avg:queue.length{queue:q}", "10"),
            ("min(last_5m):avg:queue.length{queue:q}", "4"),
            ("last(last_5m):avg:queue.length{queue:q}", "4"),
            ("sum(last_1m):avg:queue.length{queue:q}", "24"),
            ("last(last_1m):sum:queue.length{*}", "5"),
            ("last(last_1m):avg:queue.length{*}", "2.5"),
            ("last(last_1m):min:queue.length{*}", "1"),
            ("last(last_1m):max:queue.length{*}", "4"),
            ("avg(last_1m):avg:queue.length{*} by {queue}", "q=4 r=1"),
            // no point lies in the last minute
            ("avg(last_1m):avg:queue.length{queue:q}.fill(null)", "-"),
            ("avg(last_1m):avg:queue.length{queue:q}.fill(zero)", "0"),
            // 4 was told 100 s ago, held by the query for 60 s more
            (
                "max(last_2m):avg:queue.length{queue:q}.fill(last, 60)",
                "10",
            ),
            ("avg(last_1h):avg:queue.length{queue:q}", "9"),
        ],
    );
}

#[test]
fn a_level_ends_with_its_source_and_with_itself() {
    let mut down = queue();
    down.down(ago(50), "b");
    check(
        &down,
        &[
            // 19 of 10, 5 of 4, then silence
            ("avg(last_5m):avg:queue.length{queue:q}", "8.75"),
            ("last(last_5m):avg:queue.length{queue:q}", "4"),
            ("sum(last_1m):avg:queue.length{queue:q}", "-"),
        ],
    );
    let mut gone = queue();
    gone.end(ago(80), QueueLength, &tags("backend:b,queue:q"));
    check(
        &gone,
        &[
            // it ended two intervals after it had become 4
            ("avg(last_5m):avg:queue.length{queue:q}", "9.4286"),
            ("last(last_1m):sum:queue.length{*}", "1"),
            ("last(last_1m):sum:queue.length{queue:q}", "-"),
        ],
    );
    let mut silent = queue();
    silent.down(ago(200), "b");
    check(&silent, &[("avg(last_1m):avg:queue.length{*}", "-")]);
    silent.up(ago(20), "b");
    check(&silent, &[("avg(last_1m):avg:queue.length{queue:q}", "4")]);
}

#[test]
fn nothing_is_counted_while_a_backend_is_silent() {
    let mut store = errors();
    store.down(ago(200), "b");
    check(
        &store,
        &[
            // what was told is there all the same: the values carry their own time
            ("sum(last_5m):sum:pipeline.errors{*}", "7"),
            ("last(last_1m):sum:pipeline.errors{pipeline:b}", "-"),
            ("sum(last_1m):sum:pipeline.errors{pipeline:b}", "-"),
        ],
    );
    // dagtop's own counts go on
    store.record(ago(30), BackendRequests, &tags("backend:b"), 3.0);
    check(&store, &[("avg(last_1m):sum:backend.requests{*}", "0.75")]);
}

#[test]
fn a_declared_count_is_zero_and_an_unknown_one_is_nothing() {
    let mut store = errors();
    check(
        &store,
        &[
            ("sum(last_5m):sum:pipeline.errors{pipeline:c}", "-"),
            (
                "sum(last_5m):default_zero(sum:pipeline.errors{pipeline:c})",
                "0",
            ),
            (
                "sum(last_5m):default_zero(sum:pipeline.errors{pipeline:c}.as_count())",
                "0",
            ),
        ],
    );
    let own = tags("backend:b,pipeline:c");
    store.declare(ago(600), PipelineErrors, &own);
    check(
        &store,
        &[("sum(last_5m):sum:pipeline.errors{pipeline:c}", "0")],
    );
    // its pipeline is gone
    store.end(ago(120), PipelineErrors, &own);
    check(
        &store,
        &[
            ("sum(last_1m):sum:pipeline.errors{pipeline:c}", "-"),
            ("sum(last_5m):sum:pipeline.errors{pipeline:c}", "0"),
        ],
    );
}

#[test]
fn what_was_measured_is_put_together_as_one() {
    let store = store(&[
        (
            StageDuration,
            "pipeline:a,stage:spark",
            &[(20, 4.0), (25, 8.0), (200, 6.0)],
        ),
        (StageDuration, "pipeline:b,stage:spark", &[(22, 3.0)]),
        (StageDuration, "pipeline:b,stage:load", &[(10, 100.0)]),
    ]);
    check(
        &store,
        &[
            // one minute holds 4, 8 and 3, another 6: (5 + 6) / 2
            (
                "avg(last_10m):avg:pipeline.stage.duration{stage:spark}",
                "5.5",
            ),
            (
                "max(last_10m):max:pipeline.stage.duration{stage:spark}",
                "8",
            ),
            (
                "min(last_10m):min:pipeline.stage.duration{stage:spark}",
                "3",
            ),
            (
                "sum(last_10m):sum:pipeline.stage.duration{stage:spark}",
                "21",
            ),
            (
                "sum(last_10m):count:pipeline.stage.duration{stage:spark}",
                "4",
            ),
            (
                "sum(last_10m):count:pipeline.stage.duration{*} by {stage}",
                "load=1 spark=4",
            ),
            (
                "last(last_10m):avg:pipeline.stage.duration{stage:spark}",
                "5",
            ),
            // each series first: (6 + 3) / 2, and 6
            (
                "avg(last_10m):avg:pipeline.stage.duration{stage:spark}.rollup(avg)",
                "5.25",
            ),
            ("avg(last_1m):avg:pipeline.stage.duration{stage:gone}", "-"),
        ],
    );
}

#[test]
fn filters_choose_series() {
    let store = store(&[
        (
            PipelineErrors,
            "pipeline:Orders Daily,kind:airflow,tag:gold,tag:nightly",
            &[(10, 1.0)],
        ),
        (
            PipelineErrors,
            "pipeline:orders_eu,kind:airflow,tag:gold",
            &[(10, 2.0)],
        ),
        (
            PipelineErrors,
            "pipeline:stock,kind:dbt,owner:ann",
            &[(10, 4.0)],
        ),
    ]);
    let cases = [
        ("*", "7"),
        ("pipeline:stock", "4"),
        ("PIPELINE:Stock", "4"),
        ("pipeline:orders_daily", "1"),
        ("pipeline:orders*", "3"),
        ("pipeline:*eu", "2"),
        ("pipeline:*rs_*", "3"),
        ("pipeline:o*_*y", "1"),
        ("pipeline:*", "7"),
        ("owner:*", "4"),
        ("!owner:*", "3"),
        ("!pipeline:stock", "3"),
        ("!pipeline:stock,!pipeline:orders_eu", "1"),
        ("kind:airflow,tag:nightly", "1"),
        ("kind:airflow , tag:gold", "3"),
        ("tag:gold AND NOT tag:nightly", "2"),
        ("tag:gold and not tag:nightly", "2"),
        ("kind:dbt OR tag:nightly", "5"),
        (
            "kind:airflow AND (pipeline:stock OR pipeline:orders_eu)",
            "2",
        ),
        ("NOT (kind:dbt OR tag:nightly)", "2"),
        ("pipeline IN (stock,orders_eu)", "6"),
        ("pipeline in (stock, orders_*)", "7"),
        ("pipeline NOT IN (stock)", "3"),
        ("kind:airflow AND pipeline NOT IN (orders_eu)", "1"),
        ("owner NOT IN (ann)", "3"),
        ("owner:bob", "-"),
    ];
    let cases: Vec<(String, &str)> = cases
        .into_iter()
        .map(|(filter, want)| {
            (
                format!("sum(last_5m):sum:pipeline.errors{{{filter}}}"),
                want,
            )
        })
        .collect();
    let cases: Vec<(&str, &str)> = cases.iter().map(|(q, w)| (q.as_str(), *w)).collect();
    check(&store, &cases);
    check(
        &store,
        &[
            (
                "sum(last_5m):sum:pipeline.errors{*} by {kind}",
                "airflow=3 dbt=4",
            ),
            // a tag that is there twice puts its series into two groups; one that is lacking is a group of its own
            (
                "sum(last_5m):sum:pipeline.errors{*} by {tag}",
                "N/A=4 gold=3 nightly=1",
            ),
            (
                "sum(last_5m):exclude_null(sum:pipeline.errors{*} by {tag})",
                "gold=3 nightly=1",
            ),
            (
                "sum(last_5m):sum:pipeline.errors{kind:airflow} by {kind,pipeline}",
                "airflow/Orders Daily=1 airflow/orders_eu=2",
            ),
        ],
    );
}

#[test]
fn native_names_are_another_way_to_write_a_metric() {
    let store = store(&[
        (RunDuration, "kind:prefect,pipeline:p", &[(10, 7.0)]),
        (RunDuration, "kind:airflow,pipeline:q", &[(10, 9.0)]),
        (
            StageDuration,
            "kind:dbt,type:table model,stage:m",
            &[(10, 2.0)],
        ),
        (
            StageDuration,
            "kind:dbt,type:unique test,stage:t",
            &[(10, 5.0)],
        ),
        (QueueOpen, "kind:airflow,queue:default_pool", &[(10, 3.0)]),
    ]);
    check(
        &store,
        &[
            ("avg(last_5m):avg:prefect.flow.duration{*}", "7"),
            ("avg(last_5m):avg:airflow.dag.duration{*}", "9"),
            ("avg(last_5m):avg:airflow.dag.duration{pipeline:p}", "-"),
            ("avg(last_5m):avg:dbt.model.duration{*}", "2"),
            ("avg(last_5m):avg:dbt.test.duration{*}", "5"),
            (
                "last(last_5m):avg:airflow.pool.open_slots{*} by {queue}",
                "default_pool=3",
            ),
        ],
    );
}

#[test]
fn arithmetic_joins_equal_groups() {
    let store = store(&[
        (PipelineErrors, "pipeline:a", &[(30, 2.0)]),
        (PipelineErrors, "pipeline:c", &[(30, 1.0)]),
        (PipelineRuns, "pipeline:a,state:failed", &[(30, 2.0)]),
        (PipelineRuns, "pipeline:a,state:succeeded", &[(30, 6.0)]),
        (PipelineRuns, "pipeline:b,state:succeeded", &[(30, 5.0)]),
        (QueueLength, "queue:q", &[(700, 6.0)]),
    ]);
    check(
        &store,
        &[
            (
                "sum(last_5m):sum:pipeline.errors{*}.as_count() / sum:pipeline.runs{*}.as_count()",
                "0.2308",
            ),
            // b never failed and c never ran: neither has a ratio
            (
                "sum(last_5m):sum:pipeline.errors{*} by {pipeline}.as_count() / sum:pipeline.runs{*} by {pipeline}.as_count()",
                "a=0.25 b=- c=-",
            ),
            (
                "sum(last_5m):default_zero(sum:pipeline.errors{*} by {pipeline}.as_count()) / sum:pipeline.runs{*} by {pipeline}.as_count()",
                "a=0.25 b=0 c=-",
            ),
            // a total goes with every group: 2 and 1 of 13
            (
                "sum(last_5m):sum:pipeline.errors{*} by {pipeline}.as_count() / sum:pipeline.runs{*}.as_count()",
                "a=0.1538 c=0.0769",
            ),
            ("avg(last_1m):avg:queue.length{*} * 2 + 1", "13"),
            ("avg(last_1m):(avg:queue.length{*} + 2) * 2", "16"),
            ("avg(last_1m):10 - avg:queue.length{*} - 1", "3"),
            ("avg(last_1m):10 - (avg:queue.length{*} - 1)", "5"),
            ("avg(last_1m):12 / avg:queue.length{*} / 2", "1"),
            ("avg(last_1m):-avg:queue.length{*}", "-6"),
            ("avg(last_1m):abs(4 - avg:queue.length{*})", "2"),
            ("avg(last_1m):ceil(avg:queue.length{*} / 4)", "2"),
            ("avg(last_1m):floor(avg:queue.length{*} / 4)", "1"),
            ("avg(last_1m):log2(avg:queue.length{*} + 2)", "3"),
            ("avg(last_1m):log10(avg:queue.length{*} - 6)", "-"),
            ("avg(last_1m):clamp_max(avg:queue.length{*}, 5)", "5"),
            ("avg(last_1m):clamp_min(avg:queue.length{*}, 8)", "8"),
            ("avg(last_1m):avg:queue.length{*} / 0", "-"),
        ],
    );
}

#[test]
fn change_compares_windows_point_by_point() {
    check(
        &queue(),
        &[
            (
                "change(avg(last_1m),5m_ago):avg:queue.length{queue:q}",
                "-6",
            ),
            (
                "change(avg(last_1m),last_5m):avg:queue.length{queue:q}",
                "-6",
            ),
            (
                "pct_change(avg(last_1m),5m_ago):avg:queue.length{queue:q}",
                "-60",
            ),
            (
                // 10 in the first of the six intervals before, then 4
                "change(avg(last_1m), 1m_ago):avg:queue.length{queue:q}",
                "-1",
            ),
            (
                "change(min(last_1m),1m_ago):avg:queue.length{queue:q}",
                "-6",
            ),
            ("change(max(last_1m),1m_ago):avg:queue.length{queue:q}", "0"),
            ("change(avg(last_1m),1h_ago):avg:queue.length{queue:q}", "-"),
            (
                "avg(last_1m):avg:queue.length{queue:q} - timeshift(avg:queue.length{queue:q}, -300)",
                "-6",
            ),
            ("avg(last_1m):hour_before(avg:queue.length{queue:q})", "-"),
        ],
    );
    check(
        &errors(),
        &[
            // 2 in the last minute, 5 in the one before
            (
                "change(sum(last_1m),1m_ago):sum:pipeline.errors{*}.as_count()",
                "-3",
            ),
            (
                "pct_change(sum(last_1m),1m_ago):sum:pipeline.errors{*}.as_count()",
                "-60",
            ),
            ("change(sum(last_1m),1m_ago):sum:pipeline.errors{*}", "-3"),
        ],
    );
    let slow = store(&[(StageDuration, "stage:s", &[(30, 9.0), (3_640, 6.0)])]);
    check(
        &slow,
        &[
            // measured once in each window, at different moments of it: the windows are compared
            (
                "change(avg(last_5m),1h_ago):avg:pipeline.stage.duration{*}",
                "3",
            ),
            (
                "pct_change(avg(last_5m),1h_ago):avg:pipeline.stage.duration{*}",
                "50",
            ),
        ],
    );
}

#[test]
fn the_short_change_is_what_a_level_moved_and_a_count_grew() {
    check(
        &queue(),
        &[
            ("change(last_5m):avg:queue.length{queue:q}", "-6"),
            ("pct_change(last_5m):avg:queue.length{queue:q}", "-60"),
            ("change(last_1m):avg:queue.length{queue:q}", "0"),
        ],
    );
    check(
        &errors(),
        &[
            ("change(last_5m):sum:pipeline.errors{*}", "7"),
            (
                "change(last_10m):sum:pipeline.errors{*} by {pipeline}",
                "a=8 b=4",
            ),
        ],
    );
}

#[test]
fn old_windows_are_as_fine_as_what_is_kept_of_them() {
    let mut store = Store::default();
    store.up(ago(6 * 86_400), "b");
    let own = tags("backend:b,pipeline:a");
    for hour in (1..=5 * 24).rev() {
        store.record(ago(hour * 3_600 - 1_700), PipelineErrors, &own, 1.0);
    }
    store.sweep(now());
    check(
        &store,
        &[
            ("sum(last_4h):sum:pipeline.errors{*}", "4"),
            ("sum(last_1d):sum:pipeline.errors{*}", "24"),
            (
                "change(sum(last_4h),1d_ago):sum:pipeline.errors{*}.as_count()",
                "0",
            ),
            ("max(last_1d):sum:pipeline.errors{*}", "1"),
            ("sum(last_1w):sum:pipeline.errors{*}", "120"),
        ],
    );
}
