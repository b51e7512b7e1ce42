//! Owns recognising how a record begins: time, level, and where the message starts.

use super::line::Level;
use super::mark::is_exception;
use super::time::Micros;
use super::{json, time};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) at: Option<Micros>,
    pub(super) level: Option<Level>,
    /// Byte offset of the message.
    pub(super) message: usize,
    /// Carries a traceback inside (JSON).
    pub(super) exception: bool,
}

/// Tokens and bytes after the time among which a level is looked for: process, thread, logger, file.
const LEVEL_TOKENS: usize = 6;
const LEVEL_BYTES: usize = 200;

/// `None` when the line begins like no logger's. `near` is about when it was written, for times without a year.
pub(super) fn header(text: &str, near: Option<Micros>) -> Option<Header> {
    let bytes = text.as_bytes();
    let first = *bytes.first()?;
    let bracket = usize::from(first == b'[');
    let time = match bytes.get(bracket) {
        Some(b'{') if bracket == 0 => return json::header(text),
        Some(b'0'..=b'9') => time::leading(bytes.get(bracket..)?),
        _ => None,
    };
    let Some((at, end)) = time else {
        let daemon = match first {
            b'<' | b'A'..=b'Z' => syslog(text, near).or_else(|| glog(text, near)),
            _ => None,
        };
        return daemon.or_else(|| bare(text));
    };
    let mut end = bracket + end;
    if bytes.get(end) == Some(&b']') {
        end += 1;
    }
    // A number that goes on is no time.
    if !matches!(bytes.get(end), None | Some(b' ' | b'\t' | b'|' | b':')) {
        return None;
    }
    let rest = text.get(end..)?;
    Some(match level_token(rest) {
        Some((level, at_level)) => {
            // env_logger's bracket closes behind the logger
            let open = bracket == 1 && bytes.get(end - 1) != Some(&b']');
            let logger = rest
                .get(at_level..)
                .filter(|_| open)
                .and_then(|tail| tail.find("] "));
            let skip = logger.map_or_else(|| after_level(rest, at_level), |at| at_level + at + 2);
            Header {
                at,
                level: Some(level),
                message: end + skip,
                ..Header::default()
            }
        }
        None => {
            let start = end + separator(rest).unwrap_or(rest.len() - trim_start(rest).len());
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

/// Syslog: RFC 3164's `Nov 20 03:11:02 host program[812]: …` and RFC 5424's `<34>1 2026-11-20T03:11:02Z host program …`,
/// the first with or without a priority. The severity is the priority modulo 8.
fn syslog(text: &str, near: Option<Micros>) -> Option<Header> {
    let (priority, rest) = match text.strip_prefix('<') {
        Some(after) => {
            let (number, rest) = after.split_once('>')?;
            (Some(number.parse::<u8>().ok()?), rest)
        }
        None => (None, text),
    };
    let (at, body) = match rest.strip_prefix("1 ").filter(|_| priority.is_some()) {
        Some(new) => {
            let (at, end) = time::leading(new.as_bytes())?;
            // host, program, process, message id; then structured data or a dash
            let after = new.get(end..)?.splitn(6, ' ').nth(5)?;
            let data = after
                .strip_prefix("- ")
                .or_else(|| Some(after.split_once("] ")?.1).filter(|_| after.starts_with('[')));
            (at, data.unwrap_or(after))
        }
        None => {
            let (at, end) = time::without_year(rest, near)?;
            let after = rest.get(end..)?.strip_prefix(' ')?;
            (at, after.split_once(' ')?.1)
        }
    };
    let program = body.find(": ").filter(|at| !body[..*at].contains(' '));
    let start = text.len() - program.map_or(body, |at| &body[at + 2..]).len();
    let inner = text.get(start..).and_then(level_prefix);
    let severity = priority.map(|priority| match priority % 8 {
        0..=2 => Level::Fatal,
        3 => Level::Error,
        4 => Level::Warn,
        5 | 6 => Level::Info,
        _ => Level::Debug,
    });
    Some(Header {
        at,
        level: severity.or(inner.map(|(level, _)| level)),
        message: start + inner.map_or(0, |(_, offset)| offset),
        ..Header::default()
    })
}

/// glog and klog: `E1120 03:11:02.123456   1 loader.go:12] …`.
fn glog(text: &str, near: Option<Micros>) -> Option<Header> {
    let level = match text.as_bytes().first()? {
        b'I' => Level::Info,
        b'W' => Level::Warn,
        b'E' => Level::Error,
        b'F' => Level::Fatal,
        _ => return None,
    };
    let (at, end) = time::glog(text.get(1..)?, near)?;
    let message = text.get(end + 1..)?.find("] ")? + end + 3;
    Some(Header {
        at,
        level: Some(level),
        message,
        ..Header::default()
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
    let bytes = rest.as_bytes();
    let mut at = 0;
    for _ in 0..LEVEL_TOKENS {
        while matches!(bytes.get(at), Some(b' ' | b'|' | b':')) {
            at += 1;
        }
        let after = bytes.get(at..)?;
        let stop = memchr::memchr3(b' ', b'|', b'=', after).unwrap_or(after.len());
        let pair = after.get(stop) == Some(&b'=');
        let end = match pair {
            true => memchr::memchr2(b' ', b'|', after).unwrap_or(after.len()),
            false => stop,
        };
        let token = rest.get(at..at + end)?;
        let token = match token.is_ascii() {
            true => token,
            false => token.split('\u{a0}').next()?,
        };
        if token.is_empty() || at > LEVEL_BYTES {
            return None;
        }
        let first = token.as_bytes()[0];
        // a word in capitals, or one in brackets
        if first.is_ascii_uppercase() || matches!(first, b'[' | b'<' | b'(') {
            let word = bare_word(token);
            let shouted = word.bytes().all(|b| b.is_ascii_uppercase());
            if !word.is_empty()
                && (shouted || matches!(first, b'[' | b'<'))
                && let Some(level) = Level::from_word(word)
            {
                return Some((level, at + token.len()));
            }
        }
        if pair && let Some((level, _)) = logfmt(token) {
            let message = logfmt(rest).map_or(at + token.len(), |(_, offset)| offset);
            return Some((level, message));
        }
        at += token.len();
    }
    None
}

/// A word without the brackets and signs around it.
fn bare_word(word: &str) -> &str {
    let sign = |b: &u8| matches!(b, b'[' | b']' | b'(' | b')' | b'<' | b'>' | b':' | b',');
    let bytes = word.as_bytes();
    let begin = bytes.iter().take_while(|b| sign(b)).count();
    let end = bytes.iter().rposition(|b| !sign(b));
    word.get(begin..end.map_or(begin, |end| end + 1))
        .unwrap_or_default()
}

/// As [`str::trim_start`], which looks for white space of all scripts: most texts begin with a plain character.
pub(super) fn trim_start(text: &str) -> &str {
    let spaces = text.bytes().take_while(|b| *b == b' ').count();
    let rest = text.get(spaces..).unwrap_or_default();
    match rest.as_bytes().first() {
        None | Some(0x21..=0x7e) => rest,
        Some(_) => rest.trim_start(),
    }
}

/// Skips what stands between a level and its message, but not the message's own indent.
fn after_level(rest: &str, at: usize) -> usize {
    let Some(mut tail) = rest.get(at..) else {
        return rest.len();
    };
    // `[error    ]` of structlog
    if let Some(inner) = trim_start(tail).strip_prefix(']') {
        tail = inner;
    }
    let at = rest.len() - tail.len();
    if let Some(skip) = separator(tail) {
        return at + skip;
    }
    let body = trim_start(tail);
    let word = memchr::memchr(b' ', body.as_bytes()).unwrap_or(body.len());
    let (first, tail) = body.split_at_checked(word).unwrap_or((body, ""));
    // Spring's `812 --- [main] logger : message`
    if let Some(after) = tail.strip_prefix(" --- [")
        && first.bytes().all(|b| b.is_ascii_digit())
        && let Some((_, message)) = after.split_once(" : ")
    {
        return rest.len() - message.len();
    }
    // `logger - message`
    let logger = tail.strip_prefix(" - ").filter(|_| !first.is_empty());
    match logger {
        Some(message) => rest.len() - message.len(),
        None => rest.len() - body.len(),
    }
}

/// Length of ` - `, ` | ` or `: ` at the beginning.
fn separator(text: &str) -> Option<usize> {
    let body = trim_start(text);
    if !matches!(body.as_bytes().first(), Some(b'-' | b'|' | b':')) {
        return None;
    }
    let after = body.get(1..)?;
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
    let letters = text.bytes().take(10).take_while(u8::is_ascii_alphabetic);
    let length = letters.count();
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
    // asked of every line: most have no such sign
    memchr::memchr(b'=', head.as_bytes())?;
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

fn logfmt_time(text: &str) -> Option<Micros> {
    let value = ["time=", "ts="]
        .iter()
        .find_map(|key| text.strip_prefix(key))?;
    time::parse(
        value
            .trim_start_matches('"')
            .split(['"'])
            .next()?
            .as_bytes(),
    )
}

/// `psql:load.sql:3: ERROR:  …`.
fn after_place(text: &str) -> Option<(Level, usize)> {
    let head = text.get(..LEVEL_BYTES.min(text.len())).unwrap_or(text);
    let bytes = head.as_bytes();
    let shouted = |at: &usize| {
        let rest = bytes.get(*at..).unwrap_or_default();
        rest.starts_with(b": ERROR: ") || rest.starts_with(b": FATAL: ")
    };
    let at = memchr::memchr_iter(b':', bytes).find(shouted)? + 2;
    let (level, offset) = level_prefix(text.get(at..)?)?;
    Some((level, at + offset))
}

/// Who says it: the logger, class, file or program that the header names before the message, or the message's own
/// first word as log4j and env_logger write it.
pub(super) fn source(text: &str, message: usize) -> Option<&str> {
    let (head, message) = text.split_at_checked(message)?;
    let named = head
        .split([' ', '\t', '|'])
        .filter_map(name)
        .rfind(|word| Level::from_word(word).is_none() && !matches!(*word, "UTC" | "GMT"));
    if named.is_some() || head.is_empty() {
        return named;
    }
    // `ERROR:root:…` of Python, `ERROR Executor: …` of log4j
    let python = head.ends_with(':') && !head.contains(' ');
    let end = message.find(if python { ":" } else { ": " })?;
    let word = name(&message[..end]).filter(|word| word.len() == end)?;
    (!word.contains(' ') && !is_exception(word)).then_some(word)
}

/// A word that can be a name, without brackets, line number and process number.
fn name(word: &str) -> Option<&str> {
    let word = word.trim_matches([
        '[', ']', '{', '}', '(', ')', '<', '>', ':', ',', '-', '"', '.',
    ]);
    let word = word.split(['[', '(']).next()?;
    let word = match word.rsplit_once(':') {
        Some((file, line)) if line.bytes().all(|b| b.is_ascii_digit()) => file,
        _ => word,
    };
    let begins = word.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '/' | '$'));
    (begins && word.len() <= 120).then_some(word)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Option<(Option<Level>, bool, &str)> {
        let near = time::parse(b"2026-11-21T00:00:00");
        header(text, near).map(|h| (h.level, h.at.is_some(), &text[h.message..]))
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
                "Nov 20 03:11:02 db-1 loader[812]: error: it broke",
                Error,
                true,
                "it broke",
            ),
            (
                "<27>Nov 20 03:11:02 db-1 loader[812]: it broke",
                Error,
                true,
                "it broke",
            ),
            (
                "<28>1 2026-11-20T03:11:02.003Z db-1 loader 812 ID47 - it limps",
                Warn,
                true,
                "it limps",
            ),
            (
                "E1120 03:11:02.123456       1 loader.go:12] it broke",
                Error,
                true,
                "it broke",
            ),
            (
                "[2026-11-20T03:11:02Z ERROR loader::parts] it broke",
                Error,
                true,
                "it broke",
            ),
            (
                "2026-11-20T03:11:02.123Z ERROR 812 --- [main] c.a.Loader : it broke",
                Error,
                true,
                "it broke",
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
    fn who_says_it_is_found_without_configuration() {
        for (text, wanted) in [
            (
                "2026-11-20T03:11:02.123456Z ERROR task.runner - it broke",
                Some("task.runner"),
            ),
            (
                "[2026-11-20T03:11:02.123+0000] {demo.py:12} ERROR - it broke",
                Some("demo.py"),
            ),
            (
                "2026-11-20 03:11:02,123 - etl.load - WARNING - slow",
                Some("etl.load"),
            ),
            (
                "26/11/20 03:11:02 ERROR Executor: Exception in task",
                Some("Executor"),
            ),
            (
                "2026-11-20 03:11:02.123 [main] FATAL c.a.Loader - gone",
                Some("c.a.Loader"),
            ),
            ("2026-11-20 03:11:02.123 UTC [812] ERROR:  gone", None),
            (
                "2026-11-20T03:11:02.123Z ERROR 812 --- [main] c.a.Loader : x",
                Some("c.a.Loader"),
            ),
            (
                "[2026-11-20T03:11:02Z ERROR loader::parts] it broke",
                Some("loader::parts"),
            ),
            (
                "2026-11-20T03:11:02.1Z  INFO loader::parts: read rows=5",
                Some("loader::parts"),
            ),
            (
                "Nov 20 03:11:02 db-1 loader[812]: error: it broke",
                Some("loader"),
            ),
            (
                "E1120 03:11:02.123456       1 loader.go:12] it broke",
                Some("loader.go"),
            ),
            ("ERROR:root:it broke", Some("root")),
            ("ERROR: it broke", None),
            ("2026-11-20 03:11:02 ValueError: x", None),
            ("03:11:02  Running with dbt=1.9", None),
        ] {
            let near = time::parse(b"2026-11-21T00:00:00");
            let start = header(text, near).unwrap().message;
            assert_eq!(source(text, start), wanted, "{text}");
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
