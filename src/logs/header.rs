//! Owns recognising how a record begins: time, level, and where the message starts.

use chrono::{DateTime, Utc};

use super::line::Level;
use super::{json, time};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) level: Option<Level>,
    /// Byte offset of the message.
    pub(super) message: usize,
    /// Carries a traceback inside (JSON).
    pub(super) exception: bool,
}

/// Tokens and bytes after the time among which a level is looked for: process, thread, logger, file.
const LEVEL_TOKENS: usize = 6;
const LEVEL_BYTES: usize = 200;

/// `None` when the line begins like no logger's.
pub(super) fn header(text: &str) -> Option<Header> {
    if text.starts_with('{') {
        return json::header(text);
    }
    let bracket = usize::from(text.starts_with('['));
    let time = match text.as_bytes().get(bracket) {
        Some(b'0'..=b'9') => time::leading(text.get(bracket..)?),
        _ => None,
    };
    let Some((at, end)) = time else {
        return bare(text);
    };
    let mut end = bracket + end;
    if text.get(end..)?.starts_with(']') {
        end += 1;
    }
    // A number that goes on is no time.
    if !matches!(
        text.as_bytes().get(end),
        None | Some(b' ' | b'\t' | b'|' | b':')
    ) {
        return None;
    }
    let rest = text.get(end..)?;
    Some(match level_token(rest) {
        Some((level, at_level)) => Header {
            at,
            level: Some(level),
            message: end + after_level(rest, at_level),
            ..Header::default()
        },
        None => {
            let start = end + separator(rest).unwrap_or(rest.len() - rest.trim_start().len());
            let inner = text.get(start..).and_then(level_prefix);
            Header {
                at,
                level: inner.map(|(level, _)| level),
                message: start + inner.map_or(0, |(_, offset)| offset),
                ..Header::default()
            }
        }
    })
}

/// Without a time: a level first (`ERROR: …`, `[error] …`, ` INFO - …`), logfmt, or psql's `file:3: ERROR:`.
fn bare(text: &str) -> Option<Header> {
    let space = usize::from(text.starts_with(' '));
    let body = text.get(space..)?;
    let (level, offset) = level_prefix(body)
        .or_else(|| logfmt(body))
        .or_else(|| after_place(body))?;
    Some(Header {
        at: logfmt_time(body),
        level: Some(level),
        message: space + offset,
        ..Header::default()
    })
}

/// The level among the first words, and where the text after it begins.
fn level_token(rest: &str) -> Option<(Level, usize)> {
    let mut at = 0;
    for _ in 0..LEVEL_TOKENS {
        at += rest.get(at..)?.len()
            - rest
                .get(at..)?
                .trim_start_matches([' ', '\t', '|', ':'])
                .len();
        let token = rest.get(at..)?.split([' ', '\t', '|', '\u{a0}']).next()?;
        if token.is_empty() || at > LEVEL_BYTES {
            return None;
        }
        let word = token.trim_matches(['[', ']', '(', ')', '<', '>', ':', ',']);
        let shouted = word.bytes().all(|b| b.is_ascii_uppercase());
        if !word.is_empty()
            && (shouted || token.starts_with(['[', '<']))
            && let Some(level) = Level::from_word(word)
        {
            return Some((level, at + token.len()));
        }
        if let Some((level, _)) = logfmt(token) {
            let message = logfmt(rest).map_or(at + token.len(), |(_, offset)| offset);
            return Some((level, message));
        }
        at += token.len();
    }
    None
}

/// Skips what stands between a level and its message, but not the message's own indent.
fn after_level(rest: &str, at: usize) -> usize {
    let Some(mut tail) = rest.get(at..) else {
        return rest.len();
    };
    // `[error    ]` of structlog
    if let Some(inner) = tail.trim_start().strip_prefix(']') {
        tail = inner;
    }
    let at = rest.len() - tail.len();
    if let Some(skip) = separator(tail) {
        return at + skip;
    }
    let body = tail.trim_start();
    // `logger - message`
    let logger = body
        .split_once(" - ")
        .filter(|(name, _)| !name.contains(' ') && !name.is_empty());
    match logger {
        Some((_, message)) => rest.len() - message.len(),
        None => rest.len() - body.len(),
    }
}

/// Length of ` - `, ` | ` or `: ` at the beginning.
fn separator(text: &str) -> Option<usize> {
    let body = text.trim_start();
    let after = body.strip_prefix(['-', '|', ':'])?;
    let after = after.strip_prefix(' ').unwrap_or(after);
    Some(text.len() - after.len())
}

/// `ERROR: x`, `ERROR x`, `[error] x`, `error: x`, `Fatal error: x`, `error[E0001]: x`.
pub(super) fn level_prefix(text: &str) -> Option<(Level, usize)> {
    if let Some(inner) = text.strip_prefix('[') {
        let (word, rest) = inner.split_once(']')?;
        let level = Level::from_word(word.trim())?;
        return Some((
            level,
            text.len() - rest.trim_start_matches([' ', ':', '-']).len(),
        ));
    }
    let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = text.split_at_checked(length)?;
    if !(3..=9).contains(&length) {
        return None;
    }
    let level = Level::from_word(word)?;
    let shouted = word.bytes().all(|b| b.is_ascii_uppercase()) && word != "LOG";
    if shouted && matches!(rest.as_bytes().first(), None | Some(b' ' | b'\t' | b'|')) {
        return Some((level, after_level(text, length)));
    }
    let rest = match rest.strip_prefix(" error") {
        Some(rest) if level == Level::Fatal => rest,
        _ => rest,
    };
    let rest = match rest.split_once("]:") {
        Some((code, after)) if code.starts_with('[') && !code.contains(' ') => after,
        _ => rest.strip_prefix(':')?,
    };
    // `error::module` and `info:5432` are no levels; Python's `ERROR:root:message` is.
    if !shouted && !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    Some((level, text.len() - rest.trim_start().len()))
}

/// `level=error … msg="…"`.
fn logfmt(text: &str) -> Option<(Level, usize)> {
    let head = text.get(..LEVEL_BYTES.min(text.len())).unwrap_or(text);
    let at = ["level=", "lvl=", "severity="].iter().find_map(|key| {
        let at = head.find(key)?;
        (at == 0 || head.as_bytes().get(at - 1) == Some(&b' ')).then_some(at + key.len())
    })?;
    let word = text.get(at..)?.trim_start_matches('"');
    let word = word.split([' ', '"', ',']).next()?;
    let level = Level::from_word(word)?;
    let message = text.find("msg=").map_or(0, |at| at + 4);
    Some((level, message))
}

fn logfmt_time(text: &str) -> Option<DateTime<Utc>> {
    let value = ["time=", "ts="]
        .iter()
        .find_map(|key| text.strip_prefix(key))?;
    time::parse(value.trim_start_matches('"').split(['"']).next()?)
}

/// `psql:load.sql:3: ERROR:  …`.
fn after_place(text: &str) -> Option<(Level, usize)> {
    let head = text.get(..LEVEL_BYTES.min(text.len())).unwrap_or(text);
    let at = [": ERROR: ", ": FATAL: "]
        .iter()
        .find_map(|key| head.find(key))?
        + 2;
    let (level, offset) = level_prefix(text.get(at..)?)?;
    Some((level, at + offset))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Option<(Option<Level>, bool, &str)> {
        header(text).map(|h| (h.level, h.at.is_some(), &text[h.message..]))
    }

    #[test]
    fn loggers_are_told_apart_without_configuration() {
        use Level::*;
        for (text, level, dated, message) in [
            (
                "2026-11-20T03:11:02.123456Z ERROR task.runner - it broke",
                Error,
                true,
                "it broke",
            ),
            (
                "2026-11-20T03:11:02.123456Z INFO task.stdout -   File \"x\"",
                Info,
                true,
                "  File \"x\"",
            ),
            (
                "[2026-11-20T03:11:02.123+0000] {demo.py:12} ERROR - it - broke",
                Error,
                true,
                "it - broke",
            ),
            (
                " INFO - ::group::Log message source details",
                Info,
                false,
                "::group::Log message source details",
            ),
            (
                "2026-11-20 03:11:02,123 - etl.load - WARNING - slow",
                Warn,
                true,
                "slow",
            ),
            (
                "2026-11-20 20:36:41 +0000 - dagster - DEBUG - nightly_etl - x",
                Debug,
                true,
                "nightly_etl - x",
            ),
            (
                "26/11/20 03:11:02 ERROR Executor: Exception in task 0.0",
                Error,
                true,
                "Executor: Exception in task 0.0",
            ),
            (
                "2026-11-20 03:11:02.123 [main] FATAL c.a.Loader - gone",
                Fatal,
                true,
                "gone",
            ),
            (
                "2026-11-20 03:11:02.123 UTC [812] ERROR:  relation \"x\" does not exist",
                Error,
                true,
                "relation \"x\" does not exist",
            ),
            (
                "2026-11-20T03:11:02Z [error    ] it broke",
                Error,
                true,
                "it broke",
            ),
            (
                "03:11:02.123 | ERROR   | Task run 'load' - it broke",
                Error,
                false,
                "Task run 'load' - it broke",
            ),
            ("03:11:02  Error: it broke", Error, false, "it broke"),
            ("ERROR:root:it broke", Error, false, "root:it broke"),
            ("ERROR: it broke", Error, false, "it broke"),
            ("[ERROR] it broke", Error, false, "it broke"),
            ("error: it broke", Error, false, "it broke"),
            (
                "fatal: not a git repository",
                Fatal,
                false,
                "not a git repository",
            ),
            ("Fatal error: it broke", Fatal, false, "it broke"),
            ("FATAL it broke", Fatal, false, "it broke"),
            (
                "error[E0425]: cannot find value",
                Error,
                false,
                "cannot find value",
            ),
            (
                "psql:load.sql:3: ERROR:  relation \"x\" does not exist",
                Error,
                false,
                "relation \"x\" does not exist",
            ),
            (
                "time=2026-11-20T03:11:02Z level=error msg=\"it broke\"",
                Error,
                true,
                "\"it broke\"",
            ),
        ] {
            assert_eq!(read(text), Some((Some(level), dated, message)), "{text}");
        }
    }

    #[test]
    fn a_time_alone_begins_a_record_without_a_level() {
        assert_eq!(
            read("03:11:02  Running with dbt=1.9"),
            Some((None, false, "Running with dbt=1.9"))
        );
        assert_eq!(
            read("2026-11-20 03:11:02 started"),
            Some((None, true, "started"))
        );
    }

    #[test]
    fn ordinary_text_begins_no_record() {
        for text in [
            "",
            "errors: 0",
            "no error: fine",
            "Information follows",
            "Logs are kept",
            "error_count=3",
            "  ERROR deep inside",
            "[1, 2, 3]",
            "info:5432",
            "2026-11-20",
            "12:30 lunch",
            "levels=error",
            "ERRORS 3",
            "{not json}",
            "[",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
