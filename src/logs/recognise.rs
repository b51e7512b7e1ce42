//! Owns grouping lines into records: headers, tracebacks of Python and the JVM, continuation lines, sections.
//! Reads one line at a time and remembers only what the next one needs.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::header::{Header, header, level_prefix, trim_start};
use super::line::{Level, LineKind};
use super::mark::{
    MarkChange, Rank, exception_name, goes_on, is_complaint, is_death, is_exception, is_warning,
};

use super::time::Micros;

/// As much of `Traceback (most recent call last)` as is found fastest.
static TRACEBACK: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new("Traceback (most recent call"));

/// What a line was found to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) kind: LineKind,
    pub(super) level: Option<Level>,
    pub(super) at: Option<Micros>,
    pub(super) message: usize,
    pub(super) mark: MarkChange,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Block {
    #[default]
    None,
    /// Frames of a Python traceback. `prefixed`: every line carries the logger's header.
    Python { prefixed: bool, group: bool },
    /// Behind its cause line, where a message goes on or a chained traceback follows.
    PythonDone { prefixed: bool, chained: bool },
    /// Behind a JVM exception line, where frames follow.
    Java,
    /// Behind dbt's `Database Error in model …`, where the reason follows.
    Dbt,
    /// Behind Rust's `thread 'main' panicked at …:`, where the message follows.
    RustPanic { said: bool },
    /// Behind Go's `panic: …`, where goroutines follow.
    GoPanic,
}

/// The record that the next line may belong to.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    level: Option<Level>,
    /// Began with something known, so that indented lines are its own.
    known: bool,
    marked: bool,
    /// Its first line was the last line read.
    fresh: bool,
    /// Its lines so far.
    lines: u16,
}

/// Lines of a record at most: what goes on for longer is not one thing that was said, and must not be read as one.
pub(super) const MAX_RECORD: u16 = 4096;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recogniser {
    block: Block,
    open: Open,
}

/// A message that means trouble whatever its level says.
enum Alarm {
    Traceback { group: bool },
    Thread,
    Exception,
    RustPanic,
    GoPanic,
    Dbt,
    Shout(Level),
    Complaint,
}

impl Recogniser {
    /// `near` is about when the line was written.
    pub(super) fn read(&mut self, text: &str, near: Option<Micros>) -> Verdict {
        if self.open.lines >= MAX_RECORD {
            self.interrupt();
        }
        let mut head = header(text, near);
        if matches!(
            self.block,
            Block::Python {
                prefixed: false,
                ..
            }
        ) && head.is_some_and(|head| head.at.is_none())
            && exception_name(text).is_some()
        {
            // A class named `Error` looks like a level.
            head = None;
        }
        if text.starts_with("panic: ") {
            // Go's own word, not a level.
            head = None;
        }
        let body = head.and_then(|h| text.get(h.message..)).unwrap_or(text);
        let change = self.go_on(text, head, body);
        let mut verdict = match change {
            Some(change) => self.continuation(change),
            None => {
                self.block = Block::None;
                self.begin(text, head, body)
            }
        };
        verdict.at = head.and_then(|h| h.at);
        verdict.message = verdict.message.max(head.map_or(0, |h| h.message));
        self.open.fresh = verdict.kind == LineKind::Start;
        self.open.lines += 1;
        verdict
    }

    /// Forgets the open record: something is missing here.
    pub(super) fn interrupt(&mut self) {
        *self = Self::default();
    }

    /// `Some` when the line belongs to the open block.
    fn go_on(&mut self, text: &str, head: Option<Header>, body: &str) -> Option<MarkChange> {
        match self.block {
            Block::None => None,
            Block::Python { prefixed, group } => {
                let own = own_text(text, head, body, prefixed)?;
                if group && let Some(inner) = own.trim_start().strip_prefix("| ") {
                    let cause = !inner.starts_with(' ') && exception_name(inner).is_some();
                    return Some(if cause {
                        MarkChange::Cause(Rank::Trace)
                    } else {
                        MarkChange::Frame
                    });
                }
                if own.is_empty() || own.starts_with([' ', '│', '╭', '╰']) {
                    return Some(MarkChange::Frame);
                }
                exception_name(own)?;
                self.block = Block::PythonDone {
                    prefixed,
                    chained: false,
                };
                Some(MarkChange::Cause(Rank::Trace))
            }
            Block::PythonDone { prefixed, chained } => {
                let own = own_text(text, head, body, prefixed)?;
                if is_chain(own) {
                    self.block = Block::PythonDone {
                        prefixed,
                        chained: true,
                    };
                    return Some(MarkChange::Extend);
                }
                if chained && is_traceback(own) {
                    self.block = Block::Python {
                        prefixed,
                        group: own.contains("Group "),
                    };
                    return Some(MarkChange::Frame);
                }
                // py4j: the JVM's exception follows on a line of its own.
                if own.strip_prefix(": ").is_some_and(is_exception) {
                    self.block = Block::Java;
                    return Some(MarkChange::Cause(Rank::Trace));
                }
                const TAIL: [&str; 6] = [
                    "[SQL:",
                    "[parameters:",
                    "(Background on",
                    "DETAIL:",
                    "HINT:",
                    "LINE ",
                ];
                let tail = TAIL.iter().any(|begin| own.starts_with(begin));
                (own.is_empty() || own.starts_with(' ') || tail).then_some(MarkChange::Extend)
            }
            Block::Java => {
                let own = trim_start(body);
                if own.starts_with("Caused by: ") {
                    return Some(MarkChange::CausedBy);
                }
                let more = own.starts_with("... ") && own.ends_with(" more");
                let frame = own.starts_with("at ") && own.len() < body.len();
                if more
                    || frame
                    || own.starts_with("Suppressed: ")
                    || own.starts_with("Driver stacktrace:")
                {
                    return Some(MarkChange::Frame);
                }
                (head.is_none() && body.starts_with(' ')).then_some(MarkChange::Extend)
            }
            Block::RustPanic { said: false } => {
                self.block = Block::RustPanic { said: true };
                let own = own_text(text, head, body, false)?;
                (!own.is_empty()).then_some(MarkChange::Cause(Rank::Trace))
            }
            Block::RustPanic { said: true } => {
                let own = own_text(text, head, body, false)?;
                let more = own.starts_with("note: ") || own.starts_with("stack backtrace:");
                (more || own.starts_with(' ')).then_some(MarkChange::Frame)
            }
            Block::GoPanic => {
                let own = own_text(text, head, body, false)?;
                let more = own.is_empty()
                    || own.starts_with([' ', '['])
                    || own.starts_with("goroutine ")
                    || own.starts_with("created by ")
                    || own.ends_with(')')
                    || own.starts_with("exit status ");
                more.then_some(MarkChange::Frame)
            }
            Block::Dbt => {
                self.block = Block::None;
                let own = body.trim_start();
                (!own.is_empty() && (head.is_none() || own.len() < body.len()))
                    .then_some(MarkChange::Cause(Rank::Logged))
            }
        }
    }

    fn begin(&mut self, text: &str, head: Option<Header>, body: &str) -> Verdict {
        if let Some(section) = section(text, body) {
            self.open = Open::default();
            return section;
        }
        match head {
            Some(head) => self.begin_logged(head, alarm(body)),
            None => self.begin_bare(body, alarm(body)),
        }
    }

    fn begin_logged(&mut self, head: Header, alarm: Option<Alarm>) -> Verdict {
        let quiet = head.level.is_none_or(|level| level == Level::Info);
        let loud = head.level.is_some_and(Level::is_error);
        let rank = match (&alarm, loud) {
            (
                Some(Alarm::Traceback { .. } | Alarm::Thread | Alarm::RustPanic | Alarm::GoPanic),
                _,
            ) => Some(Rank::Trace),
            (_, true) if head.exception => Some(Rank::Trace),
            (Some(Alarm::Complaint), false) => Some(Rank::Complaint),
            (Some(_), _) | (None, true) => Some(Rank::Logged),
            (None, false) => None,
        };
        let level = match alarm {
            Some(Alarm::Shout(level)) if quiet => Some(level),
            Some(_) if quiet => Some(Level::Error),
            _ => head.level,
        };
        self.block = match alarm {
            Some(Alarm::Traceback { group }) => Block::Python {
                prefixed: true,
                group,
            },
            Some(Alarm::Thread | Alarm::Exception) => Block::Java,
            Some(Alarm::Dbt) => Block::Dbt,
            Some(Alarm::RustPanic) => Block::RustPanic { said: false },
            Some(Alarm::GoPanic) => Block::GoPanic,
            // `WARN Lost task 0.0 …: java.lang.X: message`, with its frames.
            _ => Block::None,
        };
        self.start(level, true, rank.filter(|_| loud || quiet))
    }

    fn begin_bare(&mut self, body: &str, alarm: Option<Alarm>) -> Verdict {
        let own = trim_start(body);
        let after_header =
            self.open.fresh && self.open.known && self.open.level >= Some(Level::Warn);
        match alarm {
            Some(Alarm::Traceback { group }) => {
                self.block = Block::Python {
                    prefixed: false,
                    group,
                };
                if after_header {
                    return self.continuation(MarkChange::Frame);
                }
                self.start(Some(Level::Error), true, Some(Rank::Trace))
            }
            Some(Alarm::Exception) if after_header => {
                self.block = Block::Java;
                self.continuation(MarkChange::Cause(Rank::Trace))
            }
            Some(alarm) => {
                let (level, rank) = match alarm {
                    Alarm::Thread => (Level::Error, Rank::Trace),
                    Alarm::RustPanic | Alarm::GoPanic => (Level::Fatal, Rank::Trace),
                    Alarm::Complaint => (Level::Error, Rank::Complaint),
                    Alarm::Shout(level) => (level, Rank::Logged),
                    _ => (Level::Error, Rank::Logged),
                };
                self.block = match alarm {
                    Alarm::Thread | Alarm::Exception => Block::Java,
                    Alarm::Dbt => Block::Dbt,
                    Alarm::RustPanic => Block::RustPanic { said: false },
                    Alarm::GoPanic => Block::GoPanic,
                    _ => Block::None,
                };
                self.start(Some(level), true, Some(rank))
            }
            None if is_warning(own) => self.start(Some(Level::Warn), true, None),
            None if own.is_empty() && self.open.known => self.continuation(MarkChange::None),
            None if self.open.known && own.len() < body.len() => {
                self.continuation(MarkChange::Extend)
            }
            None if self.open.known && own.starts_with("Caused by: ") => {
                self.continuation(MarkChange::CausedBy)
            }
            None => self.start(None, false, None),
        }
    }

    fn start(&mut self, level: Option<Level>, known: bool, rank: Option<Rank>) -> Verdict {
        self.open = Open {
            level,
            known,
            marked: rank.is_some(),
            fresh: true,
            lines: 0,
        };
        Verdict {
            kind: LineKind::Start,
            level,
            at: None,
            message: 0,
            mark: rank.map_or(MarkChange::None, MarkChange::New),
        }
    }

    fn continuation(&self, change: MarkChange) -> Verdict {
        Verdict {
            kind: LineKind::Continuation,
            level: self.open.level,
            at: None,
            message: 0,
            mark: if self.open.marked {
                change
            } else {
                MarkChange::None
            },
        }
    }
}

/// The traceback's own part of a line; `None` when the line is another record's.
fn own_text<'a>(
    text: &'a str,
    head: Option<Header>,
    body: &'a str,
    prefixed: bool,
) -> Option<&'a str> {
    match head {
        None => Some(text),
        Some(_) if prefixed => Some(body),
        Some(_) => None,
    }
}

fn is_chain(text: &str) -> bool {
    text.starts_with("During handling of the above exception")
        || text.starts_with("The above exception was the direct cause")
}

fn alarm(body: &str) -> Option<Alarm> {
    let own = trim_start(body);
    if is_traceback(own) {
        return Some(Alarm::Traceback {
            group: own.contains("Exception Group "),
        });
    }
    if own.starts_with('{') {
        // an object says by itself what it is
        return None;
    }
    if own.starts_with("Exception in thread ") {
        return Some(Alarm::Thread);
    }
    if own.len() < body.len() {
        return is_dbt(own).then_some(Alarm::Dbt);
    }
    if own.starts_with("thread '") && own.ends_with(':') && own.contains(" panicked at ") {
        return Some(Alarm::RustPanic);
    }
    if own.starts_with("panic: ") {
        return Some(Alarm::GoPanic);
    }
    let sentence = goes_on(own);
    if !sentence && is_exception(own) {
        return Some(Alarm::Exception);
    }
    if is_dbt(own) {
        return Some(Alarm::Dbt);
    }
    // the first letters of levels that are errors
    if matches!(
        own.as_bytes().first(),
        Some(b'A' | b'C' | b'E' | b'F' | b'P' | b'S')
    ) && let Some((level, _)) = level_prefix(own).filter(|(level, _)| level.is_error())
    {
        return Some(Alarm::Shout(level));
    }
    let complaint = is_death(own) || !sentence && is_complaint(own);
    complaint.then_some(Alarm::Complaint)
}

fn is_traceback(text: &str) -> bool {
    let found = TRACEBACK.find(text.as_bytes());
    found.is_some_and(|at| {
        text.get(at + TRACEBACK.needle().len()..)
            .is_some_and(|t| t.starts_with(" last)"))
    })
}

fn is_dbt(text: &str) -> bool {
    if !matches!(text.as_bytes().first(), Some(b'D' | b'C' | b'R' | b'P')) {
        return false;
    }
    const KINDS: [&str; 5] = [
        "Database",
        "Compilation",
        "Runtime",
        "Parsing",
        "Dependency",
    ];
    KINDS.iter().any(|kind| {
        text.strip_prefix(kind)
            .and_then(|rest| rest.strip_prefix(" Error"))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(" in "))
    })
}

fn section(text: &str, body: &str) -> Option<Verdict> {
    let own = trim_start(body);
    if !matches!(own.as_bytes().first(), Some(b':' | b'#')) {
        return None;
    }
    let (kind, name) = if let Some(name) = own
        .strip_prefix("::group::")
        .or_else(|| own.strip_prefix("##[group]"))
    {
        (LineKind::GroupStart, name)
    } else if own.starts_with("::endgroup::") || own.starts_with("##[endgroup]") {
        (LineKind::GroupEnd, "")
    } else {
        return None;
    };
    Some(Verdict {
        kind,
        level: None,
        at: None,
        message: text.len() - name.len(),
        mark: MarkChange::None,
    })
}
