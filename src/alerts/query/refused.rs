//! What Datadog has and a rule here can't have, each with the reason: refused by name rather than misread.

/// Beginnings of monitors of other kinds.
pub(super) const MONITORS: &[&str] = &[
    "logs",
    "events",
    "processes",
    "rum",
    "formula",
    "query",
    "trace_analytics",
    "error_tracking",
    "ci_pipelines",
    "ci_tests",
    "audits",
    "slo",
    "error_budget",
    "burn_rate",
    "network",
    "database_monitoring",
    "cost",
];

const LEARNS: &str = "it learns from weeks of history, and eight days are kept";
const AFTER: &str = "it needs what comes after, so a past verdict would change";
const SERIES: &str = "it changes which groups there are; name them in the filter";
const SLOPE: &str = "compare two windows with change(avg(last_5m),5m_ago)";
const SMOOTH: &str = "aggregate over a longer window";

/// Functions by name, and why not.
pub(super) const FUNCTIONS: &[(&str, &str)] = &[
    ("anomalies", LEARNS),
    ("outliers", LEARNS),
    ("forecast", LEARNS),
    ("trend_line", AFTER),
    ("robust_trend", AFTER),
    ("piecewise_constant", AFTER),
    ("autosmooth", SMOOTH),
    ("moving_rollup", SMOOTH),
    ("ewma_3", SMOOTH),
    ("ewma_5", SMOOTH),
    ("ewma_10", SMOOTH),
    ("ewma_20", SMOOTH),
    ("median_3", SMOOTH),
    ("median_5", SMOOTH),
    ("median_7", SMOOTH),
    ("median_9", SMOOTH),
    ("derivative", SLOPE),
    ("diff", SLOPE),
    ("monotonic_diff", SLOPE),
    ("dt", SLOPE),
    ("per_second", "write .as_rate() after the count"),
    ("per_minute", "write .as_rate() after the count, times 60"),
    ("per_hour", "write .as_rate() after the count, times 3600"),
    ("cumsum", "sum over the window"),
    ("integral", "sum over the window"),
    ("top", SERIES),
    ("top_offset", SERIES),
    ("bottom", SERIES),
    ("count_nonzero", SERIES),
    ("count_not_null", SERIES),
    ("cutoff_min", "use clamp_min"),
    ("cutoff_max", "use clamp_max"),
    ("month_before", "eight days are kept"),
    ("calendar_shift", "use timeshift(query, -86400)"),
    ("interpolate", "use .fill(last) or .fill(zero)"),
];

/// What follows a query after a dot.
pub(super) const METHODS: &[(&str, &str)] = &[
    ("weighted", "an average here is one over series"),
    ("rollup_avg", "write .rollup(avg, 60)"),
    (
        "as_percentile",
        "percentiles need every value, and only sums and extremes are kept",
    ),
];

pub(super) const PERCENTILE: &str =
    "percentiles need every value, and only sums and extremes are kept";

/// `p95`, `percentile`, `median`: all want every value.
pub(super) fn percentile(word: &str) -> bool {
    let digits = word.strip_prefix('p').unwrap_or_default();
    let numbered = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    numbered || matches!(word, "percentile" | "median" | "stddev")
}
