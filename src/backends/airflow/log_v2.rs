//! Airflow 3's log: `{"content": [{"timestamp", "event", "level", "logger", "error_detail", ...}],
//! "continuation_token"}`, read record by record as it comes (a long log is one body of tens of
//! megabytes), each written as a line `2026-11-20T03:11:02.123456Z ERROR logger - event`, a structured
//! error as a Python traceback below it.

use serde_json::Value;

/// One record may not be larger.
const LARGEST: usize = 8 << 20;
/// Everything beside the records: the token.
const MOST_BESIDE: usize = 64 << 10;

/// Fields that every line repeats or that only the server needs.
const DROPPED: [&str; 18] = [
    "timestamp",
    "event",
    "level",
    "logger",
    "error_detail",
    "dag_id",
    "run_id",
    "task_id",
    "ti_id",
    "map_index",
    "try_number",
    "filename",
    "lineno",
    "category",
    "bundle_name",
    "bundle_version",
    "dag_file",
    "loc",
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Beside,
    Between,
    Inside,
}

/// Reads the records out of a body that comes in pieces.
#[derive(Debug)]
pub struct Records {
    at: At,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The last string read beside the records, to know a key by.
    string: Vec<u8>,
    beside: Vec<u8>,
    record: Vec<u8>,
    too_large: bool,
    /// Records that could not be read.
    pub bad: usize,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            at: At::Beside,
            depth: 0,
            in_string: false,
            escaped: false,
            string: Vec::new(),
            beside: Vec::new(),
            record: Vec::new(),
            too_large: false,
            bad: 0,
        }
    }
}

impl Records {
    /// Takes a piece of the body; gives the lines of the records that end in it.
    pub fn feed(&mut self, piece: &[u8], lines: &mut String) {
        for &byte in piece {
            match self.at {
                At::Beside => self.beside(byte),
                At::Between => self.between(byte, lines),
                At::Inside => self.inside(byte, lines),
            }
        }
    }

    fn beside(&mut self, byte: u8) {
        if self.beside.len() < MOST_BESIDE {
            self.beside.push(byte);
        }
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ if self.string.len() < 32 => self.string.push(byte),
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.string.clear();
            }
            b'[' if self.depth == 1 && self.string == b"content" => {
                self.beside.pop();
                self.beside.extend_from_slice(b"null");
                self.at = At::Between;
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn between(&mut self, byte: u8, lines: &mut String) {
        match byte {
            b']' => {
                self.string.clear();
                self.at = At::Beside;
            }
            b',' | b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => {
                self.record.clear();
                self.too_large = false;
                self.depth = 0;
                self.at = At::Inside;
                self.inside(byte, lines);
            }
        }
    }

    fn inside(&mut self, byte: u8, lines: &mut String) {
        // a number or null has no end of its own
        if self.depth == 0 && !self.in_string && matches!(byte, b',' | b']') {
            self.end(lines);
            return self.between(byte, lines);
        }
        if self.record.len() < LARGEST {
            self.record.push(byte);
        } else {
            self.too_large = true;
        }
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    if self.depth == 0 {
                        self.end(lines);
                    }
                }
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.end(lines);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, lines: &mut String) {
        self.at = At::Between;
        self.depth = 1;
        match serde_json::from_slice::<Value>(&self.record) {
            Ok(record) if !self.too_large => line(&record, lines),
            _ => self.bad += 1,
        }
        self.record.clear();
        if self.record.capacity() > 1 << 20 {
            self.record = Vec::new();
        }
    }

    /// At the end of the body: the token to go on with, `None` at the log's end. An error if the body
    /// was no such log.
    pub fn token(self) -> Result<Option<String>, &'static str> {
        let beside: Value = serde_json::from_slice(&self.beside).map_err(|_| "it is no JSON")?;
        if self.at != At::Beside || beside.get("content").is_none() {
            return Err("it holds no log");
        }
        Ok(beside["continuation_token"].as_str().map(str::to_owned))
    }
}

/// One record as a line, a traceback as the lines below it.
fn line(record: &Value, out: &mut String) {
    let Some(fields) = record.as_object() else {
        // 3.0 gave plain lines
        if let Some(text) = record.as_str() {
            out.push_str(text);
            out.push('\n');
        }
        return;
    };
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    if let Some(time) = text("timestamp") {
        out.push_str(time);
        out.push(' ');
        match text("level") {
            Some("warning") => out.push_str("WARN"),
            Some(level) => out.push_str(&level.to_ascii_uppercase()),
            None => out.push_str("INFO"),
        }
        out.push(' ');
        out.push_str(text("logger").filter(|l| !l.is_empty()).unwrap_or("task"));
        out.push_str(" - ");
    }
    match fields.get("event") {
        Some(Value::String(event)) => out.push_str(event),
        Some(Value::Null) | None => {}
        Some(other) => out.push_str(&other.to_string()),
    }
    for (key, value) in fields {
        if !DROPPED.contains(&key.as_str()) && !value.is_null() {
            match value {
                Value::String(text) if !text.contains(char::is_whitespace) => {
                    out.push_str(&format!(" {key}={text}"))
                }
                other => out.push_str(&format!(" {key}={other}")),
            }
        }
    }
    out.push('\n');
    if let Some(chain) = fields.get("error_detail").and_then(Value::as_array) {
        traceback(chain, "", out);
    }
}

/// A chain of exceptions, the one that was seen first, as Python prints it: the innermost cause first.
/// `is_cause` of an entry says that it was named as the cause (`raise … from`) of the one before it.
fn traceback(chain: &[Value], indent: &str, out: &mut String) {
    let mut push = |text: &str| {
        out.push_str(indent);
        out.push_str(text);
        out.push('\n');
    };
    for (index, error) in chain.iter().enumerate().rev() {
        let frames = error["frames"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if !frames.is_empty() {
            push("Traceback (most recent call last):");
        }
        for frame in frames {
            push(&format!(
                "  File \"{}\", line {}, in {}",
                frame["filename"].as_str().unwrap_or("?"),
                frame["lineno"],
                frame["name"].as_str().unwrap_or("?")
            ));
        }
        let kind = error["exc_type"].as_str().unwrap_or("Exception");
        let what = error["exc_value"].as_str().unwrap_or_default();
        let mut lines = what.lines();
        match lines.next() {
            Some(first) if !first.is_empty() => push(&format!("{kind}: {first}")),
            _ => push(kind),
        }
        for rest in lines {
            push(rest);
        }
        for note in error["exc_notes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            push(note);
        }
        for (number, inner) in error["exceptions"]
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
        {
            push(&format!(
                "  +---------------- {} ----------------",
                number + 1
            ));
            if let Some(inner) = inner.as_array() {
                let mut text = String::new();
                traceback(inner, &format!("{indent}  | "), &mut text);
                text.lines().for_each(&mut push);
            }
        }
        if index > 0 {
            push("");
            push(match error["is_cause"].as_bool() {
                Some(true) => {
                    "The above exception was the direct cause of the following exception:"
                }
                _ => "During handling of the above exception, another exception occurred:",
            });
            push("");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn read(body: &[u8], piece: usize) -> (String, Result<Option<String>, &'static str>, usize) {
        let (mut records, mut lines) = (Records::default(), String::new());
        for piece in body.chunks(piece) {
            records.feed(piece, &mut lines);
        }
        let bad = records.bad;
        (lines, records.token(), bad)
    }

    #[test]
    fn records_come_out_the_same_however_the_body_is_cut() {
        let body = json!({"before": {"content": [1]}, "content": [
            {"event": "::group::Log message source details"},
            {"timestamp": "2026-11-20T03:11:02.123456Z", "event": "a \"quoted\" ] } , [ { \\ \u{1b}[31mé", "level": "info",
             "logger": "lab", "ti_id": "x", "rows": 5, "why": "two words"},
            "a plain line", 7, null,
            {"timestamp": "2026-11-20T03:11:03Z", "event": "careful", "level": "warning"}],
            "continuation_token": "abc.def"});
        let body = body.to_string();
        let want = "::group::Log message source details\n\
            2026-11-20T03:11:02.123456Z INFO lab - a \"quoted\" ] } , [ { \\ \u{1b}[31mé rows=5 why=\"two words\"\n\
            a plain line\n\
            2026-11-20T03:11:03Z WARN task - careful\n";
        for piece in [1, 2, 3, 7, 64, 100_000] {
            let (lines, token, bad) = read(body.as_bytes(), piece);
            assert_eq!(lines, want, "{piece}");
            assert_eq!(token.unwrap().as_deref(), Some("abc.def"));
            assert_eq!(bad, 0);
        }
    }

    #[test]
    fn an_end_is_known_and_what_is_no_log_is_an_error() {
        assert_eq!(
            read(br#"{"content": [], "continuation_token": null}"#, 5).1,
            Ok(None)
        );
        assert_eq!(
            read(
                br#"{"continuation_token": "t", "content":[{"event":"x"}]}"#,
                5
            )
            .1
            .unwrap()
            .as_deref(),
            Some("t")
        );
        assert!(read(br#"{"content": [{"event": "x"}"#, 5).1.is_err());
        assert!(read(br#"{"detail": "no"}"#, 5).1.is_err());
        assert!(read(b"<html>", 5).1.is_err());
        assert!(read(b"", 5).1.is_err());
    }

    #[test]
    fn a_structured_error_reads_like_a_python_traceback() {
        let frame = |file: &str, line: u32, name: &str| json!({"filename": file, "lineno": line, "name": name});
        let record = json!({"timestamp": "2026-11-20T03:11:02.1Z", "event": "Task failed with exception", "level": "error", "logger": "task",
            "error_detail": [
                {"exc_type": "SchemaError", "exc_value": "column missing\n(13 of 14)", "exc_notes": ["ask the vendor"], "is_cause": false,
                 "frames": [frame("run.py", 10, "run"), frame("etl.py", 94, "check")]},
                {"exc_type": "KeyError", "exc_value": "'customer_id'", "is_cause": true, "frames": [frame("etl.py", 92, "check")]},
                {"exc_type": "OSError", "exc_value": "", "is_cause": false, "frames": []}]});
        let mut lines = String::new();
        line(&record, &mut lines);
        assert_eq!(
            lines,
            "\
2026-11-20T03:11:02.1Z ERROR task - Task failed with exception
OSError

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File \"etl.py\", line 92, in check
KeyError: 'customer_id'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File \"run.py\", line 10, in run
  File \"etl.py\", line 94, in check
SchemaError: column missing
(13 of 14)
ask the vendor
"
        );
    }

    #[test]
    fn a_group_of_exceptions_is_indented() {
        let record = json!([{"exc_type": "ExceptionGroup", "exc_value": "two", "frames": [], "exceptions": [
            [{"exc_type": "ValueError", "exc_value": "one", "frames": []}], [{"exc_type": "KeyError", "exc_value": "two", "frames": []}]]}]);
        let mut lines = String::new();
        traceback(record.as_array().unwrap(), "", &mut lines);
        assert!(
            lines.contains("  | ValueError: one\n") && lines.contains("  | KeyError: two\n"),
            "{lines}"
        );
    }
}
