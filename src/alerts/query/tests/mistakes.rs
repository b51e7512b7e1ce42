//! What is wrong with a text, and where.

use crate::alerts::query::{Options, Rule};

fn told(text: &str) -> String {
    match Rule::parse("r", text, Options::default()) {
        Ok(rule) => format!("taken as {:?}", rule.body),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_mistake_shows_its_column_and_the_reason() {
    let cases = [
        (
            "",
            "column 1: the text ends where a time aggregation should be; a rule reads avg(last_5m):avg:pipeline.stage.duration{stage:load} by {pipeline} > 5",
        ),
        (
            "avrg(last_5m):avg:queue.length{*} > 1",
            "column 1: `avrg` is no time aggregation; did you mean `avg`?",
        ),
        (
            "p95(last_5m):avg:queue.length{*} > 1",
            "column 1: `p95` over time can't be had; percentiles need every value, and only sums and extremes are kept: use avg or max",
        ),
        (
            "avg(5m):avg:queue.length{*} > 1",
            "column 5: `5m` is no window; write last_5m, last_2h, last_1d or last_1w",
        ),
        (
            "avg():avg:queue.length{*} > 1",
            "column 5: the window is missing; write last_5m, last_2h, last_1d or last_1w",
        ),
        (
            "avg(last_5x):avg:queue.length{*} > 1",
            "column 5: `5x` is no span of time; write 5m, 2h, 1d or 1w",
        ),
        (
            "avg(last_0m):avg:queue.length{*} > 1",
            "column 5: nothing happens in no time; a minute is the shortest",
        ),
        (
            "avg(last_30s):avg:queue.length{*} > 1",
            "column 5: seconds are shorter than any window; a minute is the shortest",
        ),
        (
            "avg(last_1mo):avg:queue.length{*} > 1",
            "column 5: a month is longer than what is kept; a week is the longest window",
        ),
        (
            "avg(last_8d):avg:queue.length{*} > 1",
            "column 5: `8d` is longer than what is kept; a week is the longest",
        ),
        (
            "avg(last_5m) avg:queue.length{*} > 1",
            "column 14: `a` stands where `:` should be; a colon stands between the time and the query",
        ),
        (
            "avg(last_5m:avg:queue.length{*} > 1",
            "column 12: `:` stands where `)` should be; write (last_5m)",
        ),
        (
            "avg(last_5m):queue.length{*} > 1",
            "column 14: a query begins with how series are put together; write avg, sum, min, max or count and a colon before the metric",
        ),
        (
            "avg(last_5m):mean:queue.length{*} > 1",
            "column 14: `mean` does not put series together; there are: avg, sum, min, max, count",
        ),
        (
            "avg(last_5m):p99:queue.length{*} > 1",
            "column 14: `p99` over series can't be had; percentiles need every value, and only sums and extremes are kept: use avg or max",
        ),
        (
            "avg(last_5m):count:queue.length{*} > 1",
            "column 14: `count` counts what was measured, and queue.length is a gauge; write sum or avg",
        ),
        (
            "avg(last_5m):avg:queue.lenght{*} > 1",
            "column 18: there is no metric `queue.lenght`; did you mean `queue.length`?",
        ),
        (
            "avg(last_5m):avg:run.duration{*} > 1",
            "column 18: there is no metric `run.duration`; did you mean `pipeline.run.duration`?",
        ),
        (
            "avg(last_5m):avg:queue.depth.now{*} > 1",
            "column 18: there is no metric `queue.depth.now`; there are: queue.length, queue.running, queue.slots, queue.open",
        ),
        (
            "avg(last_5m):avg:queue.length > 1",
            "column 31: `>` stands where `{` should be; write {*} for every series, or {key:value}",
        ),
        (
            "avg(last_5m):avg:queue.length{} > 1",
            "column 30: the braces are empty; write {*} for every series",
        ),
        (
            "avg(last_5m):avg:queue.length{* > 1",
            "column 33: `>` stands where `,`, AND, OR or `}` should be; tags are written key:value",
        ),
        (
            "avg(last_5m):avg:queue.length{*",
            "column 30: this `{` is never closed; add a `}`",
        ),
        (
            "avg(last_5m):avg:queue.length{prod} > 1",
            "column 31: `prod` has no value; write prod:value, or prod IN (one,two)",
        ),
        (
            "avg(last_5m):avg:queue.length{env:prod} > 1",
            "column 31: queue.length has no tag `env`; there are: backend, kind, queue",
        ),
        (
            "avg(last_5m):avg:queue.length{queue:} > 1",
            "column 37: a value is missing here; write key:value; `*` stands for any text",
        ),
        (
            "avg(last_5m):avg:queue.length{queue:\"a b\"} > 1",
            "column 37: values are written without quotes; a space, comma or quote in a value is written `_`",
        ),
        (
            "avg(last_5m):avg:queue.length{$env} > 1",
            "column 31: a `$variable` is a dashboard's: a rule has none; write the value",
        ),
        (
            "avg(last_5m):avg:queue.length{queue:a OR queue:b,kind:x} > 1",
            "column 49: `,` and OR don't go together; write AND, with parentheses",
        ),
        (
            "avg(last_5m):avg:queue.length{queue:a,kind:x OR queue:b} > 1",
            "column 38: `,` and OR don't go together; write AND, with parentheses",
        ),
        (
            "avg(last_5m):avg:queue.length{(queue:a} > 1",
            "column 31: this `(` is never closed; add a `)`",
        ),
        (
            "avg(last_5m):avg:queue.length{queue IN a} > 1",
            "column 40: `a` stands where `(` should be; write IN (one,two)",
        ),
        (
            "avg(last_5m):avg:queue.length{*} by {pipeline} > 1",
            "column 38: queue.length has no tag `pipeline`; there are: backend, kind, queue",
        ),
        (
            "avg(last_5m):avg:queue.length{*} by queue > 1",
            "column 37: `q` stands where `{` should be; write by {pipeline}",
        ),
        (
            "sum(last_5m):sum:pipeline.errors{*}.as_count() by {pipeline} > 1",
            "column 48: `b` stands where a comparison should be; `by {…}` stands right after the filter",
        ),
        (
            "avg(last_5m):avg:queue.length{*}.as_count() > 1",
            "column 34: `as_count()` is for counts; queue.length is a gauge; leave it out",
        ),
        (
            "avg(last_5m):sum:pipeline.errors{*}.as_count() > 1",
            "column 37: `.as_count()` goes with sum over time only; write sum(last_5m), or .as_rate() here",
        ),
        (
            "sum(last_5m):sum:pipeline.errors{*}.as_count().as_rate() > 1",
            "column 48: one of .as_count() and .as_rate() is enough; leave the others out",
        ),
        (
            "avg(last_5m):avg:queue.length{*}.rolup(sum) > 1",
            "column 34: there is no `.rolup()`; did you mean `rollup`?",
        ),
        (
            "avg(last_5m):avg:queue.length{*}.rollup() > 1",
            "column 41: `)` stands where a number of seconds should be; write .rollup(sum, 60): how, and seconds",
        ),
        (
            "avg(last_5m):avg:queue.length{*}.rollup(sum, 15) > 1",
            "column 46: not an interval of ten seconds up to a day; values are kept by ten seconds: write 10, 60, 300 …",
        ),
        (
            "avg(last_5m):avg:queue.length{*}.rollup(count) > 1",
            "column 41: `count` counts what was measured, and this is a gauge; write sum or avg",
        ),
        (
            "avg(last_5m):avg:queue.length{*}.fill(linear) > 1",
            "column 39: `linear` needs what comes after, so a past verdict would change; write .fill(last)",
        ),
        (
            "avg(last_5m):avg:queue.length{*}.weighted() > 1",
            "column 34: `.weighted()` can't be had here; an average here is one over series",
        ),
        (
            "avg(last_5m):(avg:queue.length{*} + 1).rollup(sum) > 1",
            "column 39: `.` stands where an operator should be; write it after the query inside, as in sum:pipeline.errors{*}.as_count()",
        ),
        (
            "avg(last_5m):(avg:queue.length{*} + 1 > 1",
            "column 39: `>` stands where an operator or `)` should be; one of + - * /",
        ),
        (
            "avg(last_5m):anomalies(avg:queue.length{*}, 'basic', 2) > 1",
            "column 14: `anomalies()` can't be had here; it learns from weeks of history, and eight days are kept",
        ),
        (
            "avg(last_5m):derivative(avg:queue.length{*}) > 1",
            "column 14: `derivative()` can't be had here; compare two windows with change(avg(last_5m),5m_ago)",
        ),
        (
            "avg(last_5m):abss(avg:queue.length{*}) > 1",
            "column 14: there is no function `abss`; did you mean `abs`?",
        ),
        (
            "avg(last_5m):timeshift(avg:queue.length{*}, 3600) > 1",
            "column 45: not a shift into the past within a week; write timeshift(query, -3600): seconds, back from now",
        ),
        (
            "avg(last_5m):avg:queue.length{*}",
            "column 33: the text ends where a comparison should be; one of > >= < <= == !=",
        ),
        (
            "avg(last_5m):avg:queue.length{*} = 1",
            "column 34: `=` stands where a comparison should be; equal is written ==",
        ),
        (
            "avg(last_5m):avg:queue.length{*} > high",
            "column 36: `h` stands where a number should be; a rule ends with what its value is held against",
        ),
        (
            "avg(last_5m):avg:queue.length{*} > 1 && x",
            "column 38: `&` stands where the end should be; a rule reads avg(last_5m):avg:pipeline.stage.duration{stage:load} by {pipeline} > 5",
        ),
        (
            "avg(last_5m):avg:queue.length{*} > 1e999",
            "column 36: `1` stands where a number should be; a rule ends with what its value is held against",
        ),
        (
            "avg(last_5m):5 > 3",
            "column 1: nothing is measured: there are only numbers; a rule reads avg(last_5m):avg:pipeline.stage.duration{stage:load} by {pipeline} > 5",
        ),
        (
            "pct_change(avg(last_15m)):avg:queue.length{*} > 1",
            "column 1: what it is compared with is missing; write change(avg(last_5m),1h_ago)",
        ),
        (
            "change(avg(last_5m),soon):avg:queue.length{*} > 1",
            "column 21: `soon` is no time before now; write 5m_ago, 1h_ago or 1d_ago",
        ),
        (
            "change(avg(last_1w),1w_ago):avg:queue.length{*} > 1",
            "column 1: this reaches further back than the eight days that are kept; take a shorter window or shift",
        ),
        (
            "pct_change(last_5m):sum:pipeline.errors{*} > 1",
            "column 1: a count begins at nothing, so there is no percentage of it; compare two windows: pct_change(sum(last_10m),10m_ago)",
        ),
        (
            "change(last_5m):sum:pipeline.errors{*} + avg:queue.length{*} > 1",
            "column 1: a count grows and a level moves: their changes don't go together; compare two windows: change(avg(last_10m),10m_ago)",
        ),
        (
            "avg(last_5m):sum:pipeline.errors{*} by {pipeline} / sum:pipeline.runs{*} by {state} > 1",
            "column 77: the queries are grouped differently, so no group meets its like; write by {pipeline} in both",
        ),
        (
            "logs(\"status:error\").index(\"*\").rollup(\"count\").last(\"5m\") > 1",
            "column 1: `logs(…)` is a monitor of another kind; a rule reads avg(last_5m):avg:pipeline.stage.duration{stage:load} by {pipeline} > 5",
        ),
        (
            "\"datadog.agent.up\".over(\"*\").last(2).count_by_status()",
            "column 1: service checks are another kind of monitor; backend.up says whether a backend answers",
        ),
        // a column counts characters, not bytes
        (
            "avg(last_5m):avg:queue.length{queue:größe} >> 1",
            "column 45: `>` stands where a number should be; a rule ends with what its value is held against",
        ),
        (
            "a &&",
            "column 5: the text ends where the name of a rule should be; as in: failing && !maintenance",
        ),
        (
            "a & b",
            "column 3: `&` stands where `&&`, `||` or the end should be; rules are put together with && and ||",
        ),
        ("(a || b", "column 1: this `(` is never closed; add a `)`"),
        (
            "a)",
            "column 2: `)` stands where `&&`, `||` or the end should be; this `)` closes nothing",
        ),
        (
            "a b",
            "column 3: `b` stands where `&&`, `||` or the end should be; rules are put together with && and ||",
        ),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .map(|(text, want)| (text, want, told(text)))
        .filter(|(_, want, got)| *want != got)
        .map(|(text, want, got)| format!("{text}\n  want {want}\n  got  {got}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nesting_ends_somewhere() {
    for (open, inner) in [
        ("(", "avg(last_5m):"),
        ("-", "avg(last_5m):"),
        ("!", ""),
        ("(", ""),
    ] {
        let text = format!("{inner}{}", open.repeat(10_000));
        assert!(told(&text).contains("nested too deeply"), "{open}{inner}");
    }
    let text = format!("avg(last_5m):avg:queue.length{{{}", "!(".repeat(10_000));
    assert!(told(&text).contains("nested too deeply"));
}
