//! Owns log lines that are JSON objects: level, message, time and traceback under the names loggers use.

use serde_json::{Map, Value};

use super::header::Header;
use super::line::Level;
use super::time::{self, Micros};

const MESSAGE: [&str; 4] = ["message", "msg", "event", "error"];
const TRACE: [&str; 7] = [
    "exc_info",
    "error_detail",
    "exception",
    "traceback",
    "stack_trace",
    "error.stack_trace",
    "stack",
];

/// Objects in which dbt (`info`) and the Elastic schema (`log`) keep them.
const NESTS: [&str; 2] = ["info", "log"];

/// Reads the members that matter, without building anything: this runs over every line of a log.
pub(super) fn header(text: &str) -> Option<Header> {
    let mut found = Found::default();
    found.read(text, 0)?;
    let level = found.level.map(|(_, level)| level);
    let at = found.at.map(|(_, at)| at);
    (level.is_some() || (at.is_some() && found.said)).then_some(Header {
        at,
        level,
        message: 0,
        exception: found.trace,
    })
}

#[derive(Clone, Copy)]
enum Meaning {
    Level,
    Time,
    Message,
    Trace,
}

/// What a name means, and its place among the names that mean the same: the first one counts.
fn known(name: &str) -> Option<(Meaning, usize)> {
    let level = |place| Some((Meaning::Level, place));
    let time = |place| Some((Meaning::Time, place));
    match name {
        "level" => level(0),
        "levelname" => level(1),
        "severity" => level(2),
        "lvl" => level(3),
        "log.level" => level(4),
        "status" => level(5),
        "timestamp" => time(0),
        "time" => time(1),
        "ts" => time(2),
        "@timestamp" => time(3),
        "asctime" => time(4),
        "created" => time(5),
        // most names are none of these
        _ if !matches!(name.as_bytes().first(), Some(b'e' | b'm' | b't' | b's')) => None,
        _ if MESSAGE.contains(&name) => Some((Meaning::Message, 0)),
        _ => TRACE.contains(&name).then_some((Meaning::Trace, 0)),
    }
}

/// Values under known names, each with the place of its name in the list: the first name wins.
#[derive(Default)]
struct Found {
    level: Option<(usize, Level)>,
    at: Option<(usize, Micros)>,
    said: bool,
    trace: bool,
}

/// What stands inside comes after everything at the top.
const INSIDE: usize = 100;

impl Found {
    fn read(&mut self, text: &str, offset: usize) -> Option<()> {
        members(text, |key, value| {
            if value == "null" {
                return;
            }
            if value.starts_with('{') {
                if offset == 0 && NESTS.contains(&key) {
                    // broken inside, broken as a whole: `members` has seen all of it
                    let _ = self.read(value, INSIDE);
                }
                return;
            }
            match known(key) {
                Some((Meaning::Level, place)) => {
                    let place = place + offset;
                    if self.level.is_none_or(|(known, _)| place < known)
                        && let Some(level) = level(value)
                    {
                        self.level = Some((place, level));
                    }
                }
                Some((Meaning::Time, place)) => {
                    let place = place + offset;
                    if self.at.is_none_or(|(known, _)| place < known)
                        && let Some(at) = at(value)
                    {
                        self.at = Some((place, at));
                    }
                }
                Some((Meaning::Message, _)) => self.said = true,
                Some((Meaning::Trace, _)) => self.trace |= value.len() > 2,
                None => {}
            }
        })
    }
}

/// Calls `each` with every name and raw value of an object that fills the text. `None` when it is none.
fn members<'a>(text: &'a str, mut each: impl FnMut(&'a str, &'a str)) -> Option<()> {
    let bytes = text.as_bytes();
    let skip = |mut at: usize| {
        while matches!(bytes.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        at
    };
    if bytes.first() != Some(&b'{') {
        return None;
    }
    let mut at = skip(1);
    if bytes.get(at) == Some(&b'}') {
        return (skip(at + 1) == bytes.len()).then_some(());
    }
    loop {
        let end = string_end(bytes, at)?;
        let key = text.get(at + 1..end - 1)?;
        at = skip(end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        at = skip(at + 1);
        let end = value_end(bytes, at)?;
        each(key, text.get(at..end)?);
        at = skip(end);
        match bytes.get(at)? {
            b',' => at = skip(at + 1),
            b'}' => return (skip(at + 1) == bytes.len()).then_some(()),
            _ => return None,
        }
    }
}

/// Behind the closing quote of the string that begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string_end(bytes, at),
        b'{' | b'[' => {
            let (mut depth, mut at) = (0usize, at);
            loop {
                match bytes.get(at)? {
                    b'"' => {
                        at = string_end(bytes, at)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.checked_sub(1)?,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
        b'0'..=b'9' | b'-' | b't' | b'f' | b'n' => {
            let rest = bytes.get(at..)?;
            let length = rest
                .iter()
                .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
                .count();
            Some(at + length)
        }
        _ => None,
    }
}

/// A word, or a number as bunyan and pino write it (10 trace … 60 fatal).
fn level(value: &str) -> Option<Level> {
    if let Some(word) = unquoted(value) {
        return Level::from_word(word);
    }
    Some(match value.parse::<u64>().ok()? {
        0..20 => Level::Trace,
        20..30 => Level::Debug,
        30..40 => Level::Info,
        40..50 => Level::Warn,
        50..60 => Level::Error,
        _ => Level::Fatal,
    })
}

/// Text, or seconds or milliseconds since 1970.
fn at(value: &str) -> Option<Micros> {
    if let Some(text) = unquoted(value) {
        return time::parse(text);
    }
    let number = value.parse::<f64>().ok().filter(|n| n.is_finite())?;
    let seconds = if number > 1e11 { number / 1e3 } else { number };
    Some((seconds * 1e6) as Micros)
}

fn unquoted(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

/// What a person wants to read of an error: the last line of its traceback, or its message.
pub(super) fn cause(text: &str) -> Option<String> {
    let fields = object(text)?;
    find(&fields, &TRACE)
        .and_then(last_line)
        .or_else(|| find(&fields, &MESSAGE).and_then(last_line))
}

pub(super) fn object(text: &str) -> Option<Map<String, Value>> {
    if !text.trim_end().ends_with('}') {
        return None;
    }
    match serde_json::from_str(text).ok()? {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

/// At the top, or inside one of the known objects.
fn find<'a>(fields: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    let inside = |fields: &'a Map<String, Value>| {
        names
            .iter()
            .find_map(|name| fields.get(*name))
            .filter(|value| !value.is_null() && !value.is_object())
    };
    inside(fields).or_else(|| {
        NESTS
            .iter()
            .find_map(|name| fields.get(*name)?.as_object().and_then(inside))
    })
}

fn last_line(value: &Value) -> Option<String> {
    // Airflow 3 and structlog: a list, the exception that was raised first
    if let Some(first) = value.as_array().and_then(|list| list.first()) {
        let part = |name| first.get(name).and_then(Value::as_str);
        let (kind, said) = (part("exc_type")?, part("exc_value").unwrap_or_default());
        return Some(if said.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind}: {said}")
        });
    }
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
        let airflow = r#"{"level":"error","event":"Task failed","error_detail":[{"exc_type":"KeyError","exc_value":"'x'","frames":[]}]}"#;
        assert!(header(airflow).unwrap().exception);
        assert_eq!(cause(airflow).unwrap(), "KeyError: 'x'");
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
            "{\"level\":\"error\"} and more",
            "{\"level\":\"error\",}",
            "{\"level\" \"error\"}",
            "{\"a\":[{\"level\":\"error\"}]}",
        ] {
            assert_eq!(header(text), None, "{text}");
        }
    }
}
