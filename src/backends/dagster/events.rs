//! The lines of a step's log from the events of its run.

use std::fmt::Write as _;

use chrono::SecondsFormat;

use super::table::check_text;
use super::wire::{Event, PythonError};

/// One event as lines, like any program's log: time, level, where from, what.
pub fn line(event: &Event, out: &mut String) {
    if let Some(at) = event.timestamp {
        out.push_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true));
        out.push(' ');
    }
    let mut level = event.level.as_str();
    let mut said = event.message.trim_end().to_owned();
    if let Some(found) = &event.evaluation {
        said = check_text(found).as_str().to_owned();
        if !found.success {
            level = if found.severity == "ERROR" {
                "ERROR"
            } else {
                "WARNING"
            };
        }
    }
    if said.is_empty() {
        said = event
            .event_type
            .as_deref()
            .map(|kind| kind.replace('_', " ").to_lowercase())
            .unwrap_or_default();
    }
    // a line of the program's own has no type
    let from = match &event.event_type {
        None => "log",
        Some(_) => "event",
    };
    let level = if level.is_empty() { "INFO" } else { level };
    let _ = writeln!(out, "{level} dagster.{from} - {said}");
    if let Some(error) = &event.error {
        traceback(error, out);
    }
}

/// As Python prints it: the cause of an exception before the exception. Dagster's own exception around that of the
/// program says nothing more and is left out.
fn traceback(error: &PythonError, out: &mut String) {
    let chain: Vec<&PythonError> = match error.causes.is_empty() {
        true => vec![error],
        false => error.causes.iter().rev().collect(),
    };
    for (number, error) in chain.into_iter().enumerate() {
        if number > 0 {
            out.push_str(
                "\nThe above exception was the direct cause of the following exception:\n\n",
            );
        }
        if !error.stack.is_empty() {
            out.push_str("Traceback (most recent call last):\n");
        }
        for frame in &error.stack {
            out.push_str(frame);
            if !frame.ends_with('\n') {
                out.push('\n');
            }
        }
        out.push_str(error.message.trim_end());
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::{Value, json};

    fn text(value: Value) -> String {
        let mut out = String::new();
        line(&serde_json::from_value(value).unwrap(), &mut out);
        out
    }

    #[test]
    fn a_failure_reads_like_pythons_own_traceback_without_the_wrapping() {
        let text = text(
            json!({"timestamp": "1795140000250", "level": "ERROR", "eventType": "STEP_FAILURE",
            "message": "Execution of step \"load\" failed.", "stepKey": "load", "error": {
                "message": "DagsterExecutionStepExecutionError: Error occurred\n", "stack": ["  File \"d.py\"\n"],
                "causes": [{"message": "ValueError: bad record 42\n", "stack": ["  File \"load.py\", line 65\n    raise\n"]},
                    {"message": "KeyError: 'customers'\n", "stack": ["  File \"load.py\", line 63\n"]}]}}),
        );
        assert_eq!(
            text,
            "2026-11-20T02:00:00.250Z ERROR dagster.event - Execution of step \"load\" failed.\n\
             Traceback (most recent call last):\n  File \"load.py\", line 63\nKeyError: 'customers'\n\n\
             The above exception was the direct cause of the following exception:\n\n\
             Traceback (most recent call last):\n  File \"load.py\", line 65\n    raise\nValueError: bad record 42\n"
        );
    }

    #[test]
    fn a_failed_check_is_as_loud_as_it_is_severe() {
        let check = |severity: &str, success: bool| {
            text(
                json!({"timestamp": "1795140000250", "level": "DEBUG", "eventType": "ASSET_CHECK_EVALUATION",
                "message": "Asset check 'c' on 'mart' did not pass.", "evaluation": {"success": success,
                "severity": severity, "checkName": "c", "assetKey": {"path": ["mart"]}, "description": "4 nulls"}}),
            )
        };
        assert!(
            check("WARN", false)
                .contains(" WARNING dagster.event - check c of mart failed: 4 nulls")
        );
        assert!(check("ERROR", false).contains(" ERROR dagster.event - check c of mart failed"));
        assert!(check("ERROR", true).contains(" DEBUG dagster.event - check c of mart passed"));
    }
}
