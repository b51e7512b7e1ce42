//! Reads `[alerts]`, `[[expect]]`, `[[escalation]]` and `[[silence]]`.

use std::time::Duration;

use super::alert_types::*;
use super::reader::{Reader, Table};
use super::source::At;
use super::types::Config;

pub(super) fn alerts(mut table: Table<'_>) -> Alerts {
    let default = Alerts::default();
    let mut flag = |key, default| table.take_bool(key).unwrap_or(default);
    let mut alerts = Alerts {
        failing: flag("failing", default.failing),
        blocked: flag("blocked", default.blocked),
        late: flag("late", default.late),
        backend: flag("backend", default.backend),
        import_error: flag("import_error", default.import_error),
        node_failed: flag("node_failed", default.node_failed),
        retries_exhausted: flag("retries_exhausted", default.retries_exhausted),
        check_failed: flag("check_failed", default.check_failed),
        duration_p95: flag("duration_p95", default.duration_p95),
        rows_zero: flag("rows_zero", default.rows_zero),
        keep_events: flag("keep_events", default.keep_events),
        ..default
    };
    if let Some(at) = table.take_duration("late_after") {
        alerts.late_after = at.value;
    }
    alerts.duration_limit = positive(&mut table, "duration_limit");
    alerts.stuck = positive(&mut table, "stuck");
    alerts.queue_wait = positive(&mut table, "queue_wait");
    alerts.queue_depth = table.take_u64("queue_depth", 1..=u64::MAX);
    alerts.memory = table.take_bytes("memory").map(|at| at.value);
    alerts.duration_usual = table.take_number("duration_usual", 1.01..=1000.0);
    alerts.rows_usual = table.take_number("rows_usual", 1.01..=1_000_000.0);
    alerts.cpu = table.take_number("cpu", 0.01..=100_000.0);
    if let Some(mut priorities) = table.take_table("priority") {
        let rest = priorities.take_rest().into_iter();
        alerts.priority = rest
            .filter_map(|(rule, value)| Some((rule, value.str()?)))
            .collect();
    }
    table.finish();
    alerts
}

fn positive(table: &mut Table<'_>, key: &'static str) -> Option<Duration> {
    let at = table.take_duration(key)?;
    if at.value.is_zero() {
        let message = format!("`{key}` must be longer than nothing");
        table.reader().problem(at.span, message, None);
        return None;
    }
    Some(at.value)
}

pub(super) fn expects(tables: Vec<Table<'_>>) -> Vec<Expect> {
    let expect = |mut table: Table<'_>| {
        let pipelines = table.need_str("pipelines");
        let expect = Expect {
            pipelines: pipelines.map(|at| at.value).unwrap_or_default(),
            zone: table.take_str("zone"),
            cron: table.take_str("cron"),
            start_within: table.take_duration("start_within").map(|at| at.value),
            done_by: table.take_str("done_by"),
            fresh: positive(&mut table, "fresh"),
            finished: table.take_bool("finished").unwrap_or(false),
            target: table.take_number("target", 0.5..=0.999_99),
            duration_limit: positive(&mut table, "duration_limit"),
            after: strings(&mut table, "after")
                .into_iter()
                .map(|at| at.value)
                .collect(),
            priority: table.take_str("priority"),
            runbook: table.take_str("runbook").map(|at| at.value),
        };
        table.finish();
        expect
    };
    tables.into_iter().map(expect).collect()
}

fn strings(table: &mut Table<'_>, key: &'static str) -> Vec<At<String>> {
    table.take_strings(key).unwrap_or_default()
}

pub(super) fn escalations(tables: Vec<Table<'_>>) -> Vec<Escalation> {
    let escalation = |mut table: Table<'_>| {
        let name = table.need_str("name").map(|at| at.value);
        let escalation = Escalation {
            name: name.unwrap_or_default(),
            conditions: strings(&mut table, "match"),
            hours: table.take_table("hours").and_then(hours),
            repeat: positive(&mut table, "repeat"),
            steps: steps(&mut table),
        };
        table.finish();
        escalation
    };
    tables.into_iter().map(escalation).collect()
}

fn hours(mut table: Table<'_>) -> Option<Hours> {
    let days = strings(&mut table, "days");
    let (from, to) = (table.need_str("from"), table.need_str("to"));
    let zone = table.take_str("zone");
    table.finish();
    Some(Hours {
        days,
        from: from?,
        to: to?,
        zone,
    })
}

fn steps(table: &mut Table<'_>) -> Vec<EscalationStep> {
    let span = table.span();
    let tables = table.take_tables("step");
    if tables.is_empty() {
        let help = "add [[escalation.step]] with `after` and `channels`".to_owned();
        table
            .reader()
            .problem(span, "an escalation needs at least one step", help);
    }
    let mut last = Duration::ZERO;
    let mut all = Vec::new();
    for mut step in tables {
        let after = step.take_duration("after");
        if let Some(at) = &after
            && at.value < last
        {
            step.reader().problem(
                at.span,
                "a step comes after the one before it",
                "`after` counts from when the alert was first told".to_owned(),
            );
        }
        let after = after.map_or(last, |at| at.value);
        last = after;
        let channels = step.need("channels").and_then(|value| value.list());
        let channels = channels.iter().flatten().filter_map(|v| v.str()).collect();
        step.finish();
        all.push(EscalationStep { after, channels });
    }
    all
}

pub(super) fn silences(tables: Vec<Table<'_>>) -> Vec<SilenceWindow> {
    let silence = |mut table: Table<'_>| {
        let reason = table.need_str("reason");
        let conditions = strings(&mut table, "match");
        let start = table.need_str("start");
        let lasts = positive(&mut table, "lasts");
        if conditions.is_empty() {
            let help = "for example match = [\"pipeline=orders_*\"]".to_owned();
            let reader = table.reader();
            reader.problem(table.span(), "a silence needs at least one `match`", help);
        }
        if lasts.is_none() {
            let help = "for example lasts = \"2h\"".to_owned();
            let reader = table.reader();
            reader.problem(table.span(), "a silence needs `lasts`", help);
        }
        let days = strings(&mut table, "days");
        let zone = table.take_str("zone");
        table.finish();
        Some(SilenceWindow {
            reason: reason?,
            conditions,
            days,
            start: start?,
            lasts: lasts?,
            zone,
        })
    };
    tables.into_iter().filter_map(silence).collect()
}

/// Names of channels in escalations, to be checked like those of routes.
pub(super) fn named(config: &Config) -> impl Iterator<Item = &At<String>> {
    let steps = config.escalations.iter().flat_map(|e| &e.steps);
    steps.flat_map(|step| &step.channels)
}

/// Two policies of one name could not be told apart when one has begun.
pub(super) fn check(reader: &Reader<'_>, config: &Config) {
    let names = config.escalations.iter().map(|e| e.name.as_str());
    let mut seen = std::collections::HashSet::new();
    for name in names.filter(|name| !seen.insert(*name)) {
        let message = format!("there are two escalations called `{name}`");
        reader.problem(reader.root().span(), message, None);
    }
}
