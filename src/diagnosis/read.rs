//! Owns reading a whole log for what failed: which lines are looked at, and what each of them says.

use std::collections::VecDeque;
use std::ops::Range;

use super::Class;
use super::json;
use super::judge::{Candidate, Header, Where, judge};
use super::patterns::{Noise, Patterns};
use super::trace::{Link, Part, Tracker, names_exception, own};
use super::words::boundary;
use crate::logs::{Level, LineKind, Log, LogLine};
use crate::model::SafeText;

/// Lines from the beginning of a log that are looked at, whatever they say.
pub const HEAD: u64 = 20_000;
/// Lines at its end.
pub const TAIL: u64 = 100_000;
/// Error records between them, the first ones, and the lines of each.
pub const RECORDS: usize = 2_000;
const RECORD: u64 = 200;
/// Lines before and behind such a record that are looked at with it.
const AROUND: u64 = 3;

/// A line of the log, by its number from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub line: u64,
    pub text: SafeText,
}

/// Why it failed, as far as its log says.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub class: Class,
    /// From 0 to 1: see [`super::judge`].
    pub confidence: f64,
    /// The line that tells the cause first, then what else speaks for it, then what speaks of something else.
    pub evidence: Vec<Line>,
    /// One sentence; the error itself for [`Class::Unknown`], empty when there is none.
    pub cause: SafeText,
    pub advice: Vec<SafeText>,
    /// Lines that were not looked at, in the middle of a very long log.
    pub skipped: u64,
}

/// Reads a log, at most [`HEAD`] + [`TAIL`] lines and [`RECORDS`] error records of it, so that the time is bounded.
/// `most`: lines of evidence.
pub fn read(log: &Log, patterns: &Patterns, most: usize) -> Report {
    let numbers = log.numbers();
    let mut scan = Scan::new(patterns);
    let mut looked = 0;
    for window in windows(log, numbers.clone()) {
        looked += window.end - window.start;
        scan.window();
        for number in window {
            if let Some(line) = log.line(log.row_of(number)) {
                scan.line(number + 1, &line);
            }
        }
    }
    let all: Vec<Candidate> = scan.first.into_iter().chain(scan.last).collect();
    let mut report = judge(all, scan.lines, scan.success, most);
    report.skipped = (numbers.end - numbers.start).saturating_sub(looked);
    report
}

/// The lines to look at: in order, and none twice.
fn windows(log: &Log, all: Range<u64>) -> Vec<Range<u64>> {
    let (head, tail) = (all.start + HEAD, all.end.saturating_sub(TAIL));
    if head >= tail {
        return vec![all];
    }
    let first = all.start..head;
    let mut windows = vec![first];
    for cause in log.causes(head..tail).take(RECORDS) {
        let record = log.record_numbers(cause);
        let from = record.start.saturating_sub(AROUND);
        let to = (record.end.min(record.start + RECORD).max(cause + 1) + AROUND).min(tail);
        match windows.last_mut() {
            Some(last) if last.end >= from => last.end = last.end.max(to),
            _ => windows.push(from..to),
        }
    }
    match windows.last_mut() {
        Some(last) if last.end >= tail => last.end = all.end,
        _ => windows.push(tail..all.end),
    }
    windows
}

struct Scan<'a> {
    patterns: &'a Patterns,
    tracker: Tracker,
    /// The first candidates, and the last ones behind them.
    first: Vec<Candidate>,
    last: VecDeque<Candidate>,
    /// Records read that tell of no trouble.
    lines: u64,
    /// How many lines there were when the last one said that all went well.
    success: Option<u64>,
    /// Of the record that is read: what its first line says of all of it.
    level: Option<Level>,
    handled: bool,
    cleanup: bool,
}

/// Candidates kept, half of them the first, half the last.
const MOST: usize = 4_000;

impl<'a> Scan<'a> {
    fn new(patterns: &'a Patterns) -> Self {
        Self {
            patterns,
            tracker: Tracker::default(),
            first: Vec::new(),
            last: VecDeque::new(),
            lines: 0,
            success: None,
            level: None,
            handled: false,
            cleanup: false,
        }
    }

    /// Something is left out here.
    fn window(&mut self) {
        self.tracker = Tracker::default();
        self.level = None;
        self.handled = false;
        self.cleanup = false;
    }

    fn begin(&mut self, level: Option<Level>, noise: Noise) {
        self.level = level;
        self.handled = noise.handled;
        self.cleanup = noise.cleanup;
    }

    fn line(&mut self, number: u64, line: &LogLine) {
        let message = line.message();
        let bare = line.message_start() == 0;
        let part = self.tracker.read(message, bare);
        if part == Part::Frame {
            // a traceback without a header stands for itself
            if line.kind == LineKind::Start {
                self.begin(line.level, Noise::default());
            }
            return;
        }
        let text = own(message);
        if text.is_empty() {
            return;
        }
        let told = json::said(text);
        let said = told.as_deref().unwrap_or(text);
        let noise = self.patterns.noise(said);
        let first = line.kind == LineKind::Start && !matches!(part, Part::Exception { .. });
        if first && line.level.is_none_or(|level| level <= Level::Info) {
            self.lines += 1;
        }
        if line.kind == LineKind::Start {
            self.begin(line.level, noise);
        }
        if noise.success && line.level.is_none_or(|level| level <= Level::Info) && !noise.wrapper {
            self.success = Some(self.lines);
        }
        // "retrying in 3 s" behind an exception speaks of it
        let lines = self.lines;
        if noise.handled
            && let Some(newest) = self.newest()
        {
            newest.handled_behind |= newest.at + 2 >= lines;
        }
        let found = self.patterns.find(said);
        let at = match part {
            Part::Exception { link, .. } => Where::Chain(link),
            _ if line.level.is_some_and(Level::is_error) && throws(said) => {
                Where::Chain(Link::Head)
            }
            _ if line.level.or(self.level).is_some_and(Level::is_error)
                || line.level.is_none() && complains(said) =>
            {
                Where::Error
            }
            _ => match line.level {
                Some(Level::Warn) => Where::Warning,
                Some(_) => Where::Quiet,
                None => Where::Plain,
            },
        };
        if found.is_none() && !matches!(at, Where::Chain(_) | Where::Error) {
            return;
        }
        let chain = match part {
            Part::Exception { chain, .. } => Some(chain),
            _ => None,
        };
        if found.is_none() && at == Where::Chain(Link::Detail) {
            return;
        }
        let quiet = self.level.filter(|_| chain.is_some());
        self.push(Candidate {
            line: number,
            at: self.lines,
            text: line.text.text.clone(),
            said: SafeText::new(said),
            found: found.map(|(pattern, _)| (pattern.meaning.clone(), pattern.strength)),
            place: at,
            chain,
            wrapper: noise.wrapper,
            handled_behind: false,
            handled: noise.handled,
            cleanup: noise.cleanup,
            header: Header {
                handled: self.handled && chain.is_some(),
                cleanup: self.cleanup && chain.is_some(),
                warned: quiet == Some(Level::Warn),
            },
        });
    }

    fn push(&mut self, candidate: Candidate) {
        if self.first.len() < MOST / 2 {
            self.first.push(candidate);
            return;
        }
        if self.last.len() >= MOST / 2 {
            self.last.pop_front();
        }
        self.last.push_back(candidate);
    }

    fn newest(&mut self) -> Option<&mut Candidate> {
        self.last.back_mut().or_else(|| self.first.last_mut())
    }
}

/// An error by its own words, without a level that says so.
fn complains(said: &str) -> bool {
    let head = said.get(..boundary(said, 48)).unwrap_or(said);
    let small = head.to_ascii_lowercase();
    const BEGINS: [&str; 10] = [
        "error",
        "fatal",
        "fail",
        "panic",
        "exception",
        "critical",
        "killed",
        "npm err",
        "abort",
        "unhandled",
    ];
    BEGINS.iter().any(|begin| small.starts_with(begin))
        || small.contains(": error")
        || small.contains(" error:")
        || small.contains("fatal:")
        || small.contains(": line ")
        || is_complaint(head)
}

/// `ValueError: message`, perhaps behind a logger's name.
fn throws(said: &str) -> bool {
    let behind = said.split_once(": ").map_or("", |(_, rest)| rest);
    names_exception(said) || names_exception(behind)
}

/// `program: reason`, as tools say it.
fn is_complaint(head: &str) -> bool {
    let Some((program, _)) = head.split_once(": ") else {
        return false;
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    program.starts_with(|c: char| c.is_ascii_lowercase() || "./".contains(c))
        && program.len() < 24
        && program.chars().all(legal)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::logs::LogStore;

    #[test]
    fn of_a_very_long_log_a_bounded_part_is_looked_at() {
        let mut store = LogStore::default();
        let plain = |count: usize| "a plain line\n".repeat(count);
        store.append(&(), plain(60_000).as_bytes());
        store.append(&(), b"ERROR the frob is not nice\n");
        store.append(&(), plain(150_000).as_bytes());
        store.finish(&());
        let log = store.get(&()).unwrap();
        let found = windows(log, log.numbers());
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[1].contains(&60_000));
        let looked: u64 = found.iter().map(|w| w.end - w.start).sum();
        assert!(looked <= HEAD + TAIL + RECORD + 2 * AROUND, "{looked}");
        let short = 0..HEAD + TAIL;
        assert_eq!(windows(log, short.clone()), std::slice::from_ref(&short));
    }

    fn report(text: &str) -> Report {
        let mut store = LogStore::default();
        store.append(&(), text.as_bytes());
        store.finish(&());
        read(store.get(&()).unwrap(), &Patterns::builtin(), 5)
    }

    #[test]
    fn the_root_counts_before_what_wraps_it_and_what_comes_after() {
        let found = report(
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    x()\nPermissionError: [Errno 13] Permission denied: '/lake'\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"a.py\", line 3, in g\n    raise JobFailed()\nJobFailed: exit code 1\nrm: cannot remove 'tmp': No such file or directory\n",
        );
        assert_eq!(
            (found.class, found.evidence[0].line),
            (Class::Credentials, 4)
        );
        assert!(found.confidence > 0.9);
    }

    #[test]
    fn an_exception_that_is_not_known_is_the_codes_own_with_little_confidence() {
        let found = report(
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    x()\netl.FrobFailure: the frob is not nice\n",
        );
        assert_eq!((found.class, found.evidence[0].line), (Class::Code, 4));
        assert!(found.confidence < 0.4);
        assert_eq!(report("the frob is not nice\n").class, Class::Unknown);
    }
}
