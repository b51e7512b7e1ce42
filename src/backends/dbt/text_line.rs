//! Lines of a log as text, the format of `logs/dbt.log` when nobody chose another:
//! `[ESC[0m]HH:MM:SS.ffffff [level] [thread]: message`, a ruler with the invocation before the first
//! line of a run, further lines of a message without any beginning.
//!
//! It names neither the day nor, in most lines, the node: the day is that of the last line before
//! its reader's clock, the node is what the line's thread said it works at. Two runs of dbt at once
//! share one file and their threads have the same names, so what they do can't be told apart.

use std::collections::HashMap;

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};

use super::results::Args;
use super::said::{Level, NodeEnd, Said, What, interrupted};

/// A line may be this much ahead of our clock before it counts as yesterday's.
const AHEAD: TimeDelta = TimeDelta::minutes(10);
/// A longer message is cut, in bytes.
const MAX_TEXT: usize = 256 << 10;

/// Reads one line after the other.
#[derive(Debug, Default)]
pub struct TextReader {
    invocation: Option<String>,
    /// What each thread works at.
    at_work: HashMap<String, String>,
    /// Nodes heard of, by the name they have in messages.
    names: HashMap<String, String>,
    /// The last message, which the next line may continue.
    open: Option<Said>,
    /// The last error header, "Failure in model x": what follows in that thread is about it.
    about: Option<String>,
}

impl TextReader {
    /// Gives what is known to be whole: the message before this line, unless the line continues it.
    pub fn feed(&mut self, line: &str, now: DateTime<Utc>) -> Option<Said> {
        let line = line.trim_end_matches(['\r', '\n']);
        if let Some(invocation) = ruler(line) {
            let whole = self.flush();
            self.begin(invocation);
            return whole;
        }
        let Some((time, level, thread, text)) = header(line) else {
            if let Some(open) = &mut self.open
                && open.text.len() + line.len() < MAX_TEXT
            {
                open.text.push('\n');
                open.text.push_str(line);
            }
            return None;
        };
        let whole = self.flush();
        let node = self.node(thread, text);
        self.open = Some(Said {
            invocation: self.invocation.clone(),
            pid: None,
            at: day(time, now),
            level,
            node,
            what: What::Line,
            text: text.to_owned(),
        });
        whole
    }

    /// The last message as it is: nothing more is there to continue it.
    pub fn flush(&mut self) -> Option<Said> {
        let mut said = self.open.take()?;
        said.what = self.what(&mut said.node, &said.text);
        Some(said)
    }

    pub fn invocation(&self) -> Option<&str> {
        self.invocation.as_deref()
    }

    fn begin(&mut self, invocation: &str) {
        *self = Self {
            invocation: Some(invocation.to_owned()),
            ..Self::default()
        };
    }

    /// The node a line is about: the one its thread works at, or the one it names.
    fn node(&mut self, thread: &str, text: &str) -> Option<String> {
        if let Some(id) = text.strip_prefix("Began running node ") {
            self.names.insert(name_of(id).to_owned(), id.to_owned());
            self.at_work.insert(thread.to_owned(), id.to_owned());
            return Some(id.to_owned());
        }
        if let Some(id) = text.strip_prefix("Finished running node ") {
            self.at_work.remove(thread);
            return Some(id.to_owned());
        }
        if let Some(rest) = text.strip_prefix("CANCEL query ") {
            return rest.split_whitespace().next().map(str::to_owned);
        }
        self.at_work.get(thread).cloned()
    }

    fn what(&mut self, node: &mut Option<String>, text: &str) -> What {
        let plain = strip(text);
        let text = plain.trim_start();
        if let Some(version) = text.strip_prefix("Running with dbt=") {
            return What::Begins(version.to_owned());
        }
        if let Some(args) = text.strip_prefix("running dbt with arguments ") {
            let command = args.split_once("'invocation_command': '");
            let command = command.and_then(|(_, rest)| rest.split_once('\''));
            return command.map_or(What::Line, |(line, _)| What::Asked(Args::of_command(line)));
        }
        if text.starts_with("CANCEL query ") && node.is_some() {
            return What::NodeCancelled;
        }
        if let Some(what) = counted(text) {
            return match (node.is_some(), what) {
                // a hook has no thread of its own
                (false, _) => What::Line,
                (true, what) => what,
            };
        }
        if let Some(rest) = text.strip_prefix("Encountered an error:") {
            return What::Fatal(rest.trim().to_owned());
        }
        let traced = node.is_none() && text.starts_with("Traceback ") && interrupted(text);
        if traced || text.starts_with("Exited because of keyboard interrupt") {
            return What::Interrupted;
        }
        if text.starts_with("Nothing to do.") {
            return What::Nothing;
        }
        if let Some(stats) = text.strip_prefix("Done.") {
            let errors = stats
                .split_whitespace()
                .find_map(|w| w.strip_prefix("ERROR="));
            return What::Ends(errors.map(|n| n == "0"));
        }
        if text.starts_with("Command `") {
            let ok = text.contains("` succeeded at ");
            if ok || text.contains("` failed at ") {
                return What::Ends(Some(ok));
            }
        }
        self.explanation(node, text)
    }

    /// The lines at the end of a run that say why nodes failed; their thread is the main one.
    fn explanation(&mut self, node: &mut Option<String>, text: &str) -> What {
        if let Some(name) = after_kind(text, &["Failure in ", "Warning in "]) {
            self.about = self.names.get(name).cloned();
            node.clone_from(&self.about);
            return What::Line;
        }
        if node.is_none() {
            node.clone_from(&self.about);
        }
        if node.is_none() {
            return What::Line;
        }
        let first = text.lines().next().unwrap_or_default();
        if let Some(path) = text.strip_prefix("compiled code at ") {
            return What::Compiled(path.trim().to_owned());
        }
        if text.starts_with("See test failures:") {
            let table = text
                .lines()
                .find_map(|l| l.trim().strip_prefix("select * from "));
            return table.map_or(What::Line, |t| What::FailingRows(t.to_owned()));
        }
        let error = first.split_once(" Error in ").is_some()
            || (first.starts_with("Got ") && first.contains(", configured to "));
        if error {
            return What::NodeError(text.trim_end().to_owned());
        }
        What::Line
    }
}

/// The invocation in `===== 15:39:40.668100 | aac3c518-… =====`.
fn ruler(line: &str) -> Option<&str> {
    let line = line.strip_prefix("====")?.trim_matches('=').trim();
    let (time, invocation) = line.split_once(" | ")?;
    NaiveTime::parse_from_str(time, "%H:%M:%S%.f").ok()?;
    Some(invocation.trim())
}

/// Time, level, thread and message.
fn header(line: &str) -> Option<(NaiveTime, Level, &str, &str)> {
    let line = line.strip_prefix("\u{1b}[0m").unwrap_or(line);
    let (time, rest) = line.split_once(" [")?;
    let time = NaiveTime::parse_from_str(time, "%H:%M:%S%.f").ok()?;
    let (level, rest) = rest.split_once(']')?;
    let level = Level::parse(level.trim())?;
    let rest = rest.strip_prefix(" [")?;
    let (thread, text) = rest.split_once("]:")?;
    Some((time, level, thread, text.strip_prefix(' ').unwrap_or(text)))
}

/// The last moment before `now` (or just after it) at this time of day.
fn day(time: NaiveTime, now: DateTime<Utc>) -> DateTime<Utc> {
    let today = now.date_naive().and_time(time).and_utc();
    if today - now > AHEAD {
        return today - Days::new(1);
    }
    // a moment after midnight our clock may still be behind it
    if now - today > TimeDelta::days(1) - AHEAD {
        return today + Days::new(1);
    }
    today
}

/// Lines that count: `2 of 25 START sql table model main.x ...... [RUN]`,
/// `2 of 25 OK created sql table model main.x ....... [OK in 0.16s]`.
fn counted(text: &str) -> Option<What> {
    let mut words = text.splitn(4, ' ');
    words.next()?.parse::<u32>().ok()?;
    if words.next()? != "of" {
        return None;
    }
    let total: u32 = words.next()?.parse().ok()?;
    let rest = words.next()?;
    if rest.starts_with("START hook") || rest.starts_with("OK hook") {
        return None;
    }
    let word = rest.split(' ').next()?;
    let status = match word {
        "START" => return Some(What::NodeStarts { total: Some(total) }),
        "OK" => "success",
        "PASS" => "pass",
        "WARN" => "warn",
        "FAIL" => "fail",
        "ERROR" => "error",
        "SKIP" => "skipped",
        "NO-OP" => "no-op",
        "PARTIAL" => "partial success",
        _ => return None,
    };
    let failures = matches!(word, "WARN" | "FAIL")
        .then(|| rest.split(' ').nth(1)?.parse().ok())
        .flatten();
    let inner = rest.rsplit_once('[').map_or("", |(_, inner)| inner);
    let inner = inner.trim_end().trim_end_matches(']');
    let (message, seconds) = match inner.rsplit_once(" in ") {
        Some((message, seconds)) => (message, seconds.trim_end_matches('s').parse().ok()),
        None => (inner, None),
    };
    Some(What::NodeEnds(NodeEnd {
        status: status.to_owned(),
        seconds,
        failures,
        message: (status == "success" && message != "OK").then(|| message.to_owned()),
        total: Some(total),
        rows: None,
    }))
}

/// The name in `Failure in model margin (models/marts/margin.sql)`.
fn after_kind<'a>(text: &'a str, starts: &[&str]) -> Option<&'a str> {
    let rest = starts.iter().find_map(|s| text.strip_prefix(s))?;
    let (_, name) = rest.split_once(' ')?;
    Some(name.split(" (").next().unwrap_or(name).trim())
}

/// How messages call a node: the last part of its id, of a test the one before its hash.
pub fn name_of(id: &str) -> &str {
    let mut parts = id.split('.');
    let kind = parts.next();
    let rest: Vec<&str> = parts.skip(1).collect();
    match (kind, rest.as_slice()) {
        (Some("test"), [name, ..]) | (_, [.., name]) => name,
        _ => id,
    }
}

/// Without colours.
fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        out.push_str(&rest[..at]);
        let code = &rest[at + 2..];
        rest = match code.find(|c: char| c.is_ascii_alphabetic()) {
            Some(end) => &code[end + 1..],
            None => "",
        };
    }
    out.push_str(rest);
    out
}
