//! Owns log lines that are JSON objects: level, message, time and traceback under the names loggers use.

use std::ops::ControlFlow;

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
    found.read(text.as_bytes(), 0)?;
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

/// What a name means, and its place among the names that mean the same: the first one counts, and of one place the
/// one that is written first.
fn known(name: &[u8]) -> Option<(Meaning, usize)> {
    // most names are none of these
    if !matches!(
        name.first(),
        Some(b'@' | b'a' | b'c' | b'e' | b'l' | b'm' | b's' | b't')
    ) {
        return None;
    }
    let level = |place| Some((Meaning::Level, place));
    let time = |place| Some((Meaning::Time, place));
    match name {
        b"level" => level(0),
        b"levelname" => level(1),
        b"severity" => level(2),
        b"lvl" => level(3),
        b"log.level" => level(4),
        b"status" => level(5),
        b"timestamp" | b"time" | b"ts" | b"@timestamp" => time(0),
        b"asctime" => time(1),
        b"created" => time(2),
        _ if MESSAGE.iter().any(|known| known.as_bytes() == name) => Some((Meaning::Message, 0)),
        _ => {
            let trace = TRACE.iter().any(|known| known.as_bytes() == name);
            trace.then_some((Meaning::Trace, 0))
        }
    }
}

/// Values under known names, each with the place of its name in the list.
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
    fn read(&mut self, text: &[u8], offset: usize) -> Option<()> {
        members(text, |key, value| {
            if value == b"null" {
                return ControlFlow::Continue(());
            }
            if value.first() == Some(&b'{') {
                if offset == 0 && NESTS.iter().any(|nest| nest.as_bytes() == key) {
                    // broken inside, broken as a whole: `members` has seen all of it
                    let _ = self.read(value, INSIDE);
                }
                return ControlFlow::Continue(());
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
            match (self.level, self.at) {
                // nothing that follows can change them, and only an error may have a traceback
                (Some((0, level)), Some((0, _))) if !level.is_error() => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        })
    }
}

/// Calls `each` with every name and raw value of an object that fills the text, until it has heard enough; what
/// follows then is not looked at, but for the closing brace. `None` when the text is no object.
fn members<'a>(
    bytes: &'a [u8],
    mut each: impl FnMut(&'a [u8], &'a [u8]) -> ControlFlow<()>,
) -> Option<()> {
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
        let key = bytes.get(at + 1..end - 1)?;
        at = skip(end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        at = skip(at + 1);
        let end = value_end(bytes, at)?;
        if each(key, bytes.get(at..end)?).is_break() {
            return bytes.trim_ascii_end().ends_with(b"}").then_some(());
        }
        at = skip(end);
        match bytes.get(at)? {
            b',' => at = skip(at + 1),
            b'}' => return (skip(at + 1) == bytes.len()).then_some(()),
            _ => return None,
        }
    }
}

/// A value by the path of its name. `None` where that can't be told without reading everything as JSON.
pub(super) fn member(text: &[u8], path: &str) -> Option<Option<Value>> {
    /// More members than any record has.
    const MOST: usize = 128;
    let mut found = None;
    let mut sure = true;
    let mut count = 0;
    members(text, |key, value| {
        count += 1;
        sure &= count <= MOST && !key.contains(&b'\\');
        let Some(rest) = path.as_bytes().strip_prefix(key) else {
            return ControlFlow::Continue(());
        };
        let inside = value.first() == Some(&b'{');
        match rest {
            [] if !inside => match serde_json::from_slice(value) {
                Ok(value) => found = Some(value),
                Err(_) => sure = false,
            },
            [b'.', ..] if inside => sure = false,
            _ => {}
        }
        ControlFlow::Continue(())
    })?;
    sure.then_some(found)
}

/// Behind the closing quote of the string that begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += stop(bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The first quote or backslash. Most are near: the first bytes are looked at eight at a time, without a call.
fn stop(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // the lowest bit that is set is in the first byte that is zero
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let (words, _) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().take(4).enumerate() {
        let word = u64::from_le_bytes(*word);
        let found =
            zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let seen = words.len().min(4) * 8;
    memchr::memchr2(b'"', b'\\', bytes.get(seen..)?).map(|at| seen + at)
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
fn level(value: &[u8]) -> Option<Level> {
    if let Some(word) = unquoted(value) {
        return Level::from_bytes(word);
    }
    Some(
        match std::str::from_utf8(value).ok()?.parse::<u64>().ok()? {
            0..20 => Level::Trace,
            20..30 => Level::Debug,
            30..40 => Level::Info,
            40..50 => Level::Warn,
            50..60 => Level::Error,
            _ => Level::Fatal,
        },
    )
}

/// Text, or seconds or milliseconds since 1970.
fn at(value: &[u8]) -> Option<Micros> {
    if let Some(text) = unquoted(value) {
        return time::parse(text);
    }
    let number = std::str::from_utf8(value).ok()?.parse::<f64>().ok();
    let number = number.filter(|n| n.is_finite())?;
    let seconds = if number > 1e11 { number / 1e3 } else { number };
    Some((seconds * 1e6) as Micros)
}

fn unquoted(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
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
