//! Owns log lines that are JSON objects: level, message, time and traceback under the names loggers use.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::header::Header;
use super::line::Level;
use super::time;

const LEVEL: [&str; 6] = [
    "level",
    "levelname",
    "severity",
    "lvl",
    "log.level",
    "status",
];
const MESSAGE: [&str; 4] = ["message", "msg", "event", "error"];
const TIME: [&str; 6] = [
    "timestamp",
    "time",
    "ts",
    "@timestamp",
    "asctime",
    "created",
];
const TRACE: [&str; 6] = [
    "exc_info",
    "exception",
    "traceback",
    "stack_trace",
    "error.stack_trace",
    "stack",
];

pub(super) fn header(text: &str) -> Option<Header> {
    let fields = object(text)?;
    let level = find(&fields, &LEVEL).and_then(level);
    let at = find(&fields, &TIME).and_then(at);
    let said = find(&fields, &MESSAGE).is_some();
    (level.is_some() || (at.is_some() && said)).then(|| Header {
        at,
        level,
        message: 0,
        exception: find(&fields, &TRACE).and_then(last_line).is_some(),
    })
}

/// What a person wants to read of an error: the last line of its traceback, or its message.
pub(super) fn cause(text: &str) -> Option<String> {
    let fields = object(text)?;
    find(&fields, &TRACE)
        .and_then(last_line)
        .or_else(|| find(&fields, &MESSAGE).and_then(last_line))
}

fn object(text: &str) -> Option<Map<String, Value>> {
    if !text.trim_end().ends_with('}') {
        return None;
    }
    match serde_json::from_str(text).ok()? {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

/// At the top, or inside the object in which dbt (`info`) and the Elastic schema (`log`) keep them.
fn find<'a>(fields: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    let inside = |fields: &'a Map<String, Value>| {
        names
            .iter()
            .find_map(|name| fields.get(*name))
            .filter(|value| !value.is_null() && !value.is_object())
    };
    inside(fields).or_else(|| {
        ["info", "log"]
            .iter()
            .find_map(|name| fields.get(*name)?.as_object().and_then(inside))
    })
}

/// A word, or a number as bunyan and pino write it (10 trace … 60 fatal).
fn level(value: &Value) -> Option<Level> {
    match value {
        Value::String(word) => Level::from_word(word),
        Value::Number(number) => Some(match number.as_u64()? {
            0..20 => Level::Trace,
            20..30 => Level::Debug,
            30..40 => Level::Info,
            40..50 => Level::Warn,
            50..60 => Level::Error,
            _ => Level::Fatal,
        }),
        _ => None,
    }
}

/// Text, or seconds or milliseconds since 1970.
fn at(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::String(text) => time::parse(text),
        Value::Number(number) => {
            let number = number.as_f64()?;
            let seconds = if number > 1e11 { number / 1e3 } else { number };
            DateTime::from_timestamp_micros((seconds * 1e6) as i64)
        }
        _ => None,
    }
}

fn last_line(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    // A Java trace says its cause first, a Python one last.
    let java = text
        .lines()
        .any(|line| line.trim_start().starts_with("at "));
    let line = if java {
        lines.next()
    } else {
        lines.next_back()
    };
    line.map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_names_loggers_use() {
        for (text, level, dated) in [
            (
                r#"{"level":"error","message":"m","timestamp":"2026-11-20T03:11:02Z"}"#,
                Some(Level::Error),
                true,
            ),
            (
                r#"{"level":50,"msg":"m","time":1795144262123}"#,
                Some(Level::Error),
                true,
            ),
            (
                r#"{"data":{},"info":{"level":"warn","msg":"m","ts":"2026-11-20T03:11:02.5Z"}}"#,
                Some(Level::Warn),
                true,
            ),
            (
                r#"{"severity":"CRITICAL","message":"m"}"#,
                Some(Level::Fatal),
                false,
            ),
            (
                r#"{"event":"m","timestamp":"2026-11-20T03:11:02Z"}"#,
                None,
                true,
            ),
        ] {
            let h = header(text).unwrap();
            assert_eq!((h.level, h.at.is_some()), (level, dated), "{text}");
            assert_eq!(cause(text).unwrap(), "m");
        }
    }

    #[test]
    fn a_traceback_inside_gives_the_cause() {
        let python = r#"{"level":"error","message":"failed","exc_info":"Traceback (most recent call last):\n  File \"x\"\nValueError: bad\n"}"#;
        assert!(header(python).unwrap().exception);
        assert_eq!(cause(python).unwrap(), "ValueError: bad");
        let java = r#"{"level":"ERROR","message":"failed","stack_trace":"java.lang.X: bad\n\tat a.b(C.java:1)\n"}"#;
        assert_eq!(cause(java).unwrap(), "java.lang.X: bad");
    }

    #[test]
    fn other_json_is_just_text() {
        for text in [
            "{}",
            "{\"rows\":3}",
            "{\"level\":{}}",
            "{\"level\":\"error\"",
            "{broken}",
        ] {
            assert_eq!(header(text), None, "{text}");
        }
    }
}
