//! Owns the shape of one row of a log.

use chrono::{DateTime, Utc};

use crate::model::{SafeText, StyledText};

/// A word of three to eight letters without its case, as a number: asked of every line, all letters are compared at
/// once. Its length, its first four and its last four letters.
const fn key(word: &[u8]) -> Option<(usize, u32, u32)> {
    const FOLD: u32 = 0x2020_2020;
    if word.len() == 3 {
        let all = [word[0], word[1], word[2], b' '];
        return Some((3, u32::from_le_bytes(all) | FOLD, 0));
    }
    match (word.first_chunk(), word.last_chunk()) {
        (Some(first), Some(last)) if word.len() <= 8 => Some((
            word.len(),
            u32::from_le_bytes(*first) | FOLD,
            u32::from_le_bytes(*last) | FOLD,
        )),
        _ => None,
    }
}

/// How loud a line is, quiet first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Level {
    /// The words of the usual loggers, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::from_bytes(word.as_bytes())
    }

    pub(super) fn from_bytes(word: &[u8]) -> Option<Self> {
        type Key = (usize, u32, u32);
        const fn known(word: &str) -> Key {
            match key(word.as_bytes()) {
                Some(key) => key,
                None => (0, 0, 0),
            }
        }
        const TRACE: Key = known("TRACE");
        const DEBUG: Key = known("DEBUG");
        const FINE: Key = known("FINE");
        const VERBOSE: Key = known("VERBOSE");
        const INFO: Key = known("INFO");
        const NOTICE: Key = known("NOTICE");
        const LOG: Key = known("LOG");
        const WARN: Key = known("WARN");
        const WARNING: Key = known("WARNING");
        const ERROR: Key = known("ERROR");
        const ERR: Key = known("ERR");
        const SEVERE: Key = known("SEVERE");
        const FATAL: Key = known("FATAL");
        const CRITICAL: Key = known("CRITICAL");
        const CRIT: Key = known("CRIT");
        const PANIC: Key = known("PANIC");
        const EMERG: Key = known("EMERG");
        const ALERT: Key = known("ALERT");
        let level = match key(word)? {
            TRACE => Self::Trace,
            DEBUG | FINE | VERBOSE => Self::Debug,
            INFO | NOTICE | LOG => Self::Info,
            WARN | WARNING => Self::Warn,
            ERROR | ERR | SEVERE => Self::Error,
            FATAL | CRITICAL | CRIT | PANIC | EMERG | ALERT => Self::Fatal,
            _ => return None,
        };
        Some(level)
    }

    /// The word it is searched by.
    pub fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// One letter for a narrow column.
    pub fn letter(self) -> char {
        match self {
            Self::Trace => 'T',
            Self::Debug => 'D',
            Self::Info => 'I',
            Self::Warn => 'W',
            Self::Error => 'E',
            Self::Fatal => 'F',
        }
    }

    pub fn is_error(self) -> bool {
        self >= Self::Error
    }
}

/// What a row is within its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineKind {
    /// The first line of a record.
    Start,
    /// Belongs to the record above it: a frame of a traceback, an indented line.
    Continuation,
    /// Opens a foldable section (`::group::name`); its message is the name.
    GroupStart,
    GroupEnd,
    /// Not from the log: says what is missing here.
    Notice,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub text: StyledText,
    /// Of the record the line belongs to.
    pub level: Option<Level>,
    /// Of the line itself. A log that names no zone is read as UTC.
    pub at: Option<DateTime<Utc>>,
    pub kind: LineKind,
    pub(super) message: u32,
}

impl LogLine {
    /// The line without its time, level and logger; the name of a section.
    pub fn message(&self) -> &str {
        self.text
            .text
            .get(self.message as usize..)
            .unwrap_or_default()
    }

    /// Where [`LogLine::message`] begins, in bytes of the text.
    pub fn message_start(&self) -> usize {
        self.message as usize
    }

    pub(super) fn notice(text: SafeText) -> Self {
        Self {
            text: StyledText::plain(text),
            level: None,
            at: None,
            kind: LineKind::Notice,
            message: 0,
        }
    }

    /// Bytes of memory it takes, roughly.
    pub(super) fn cost(&self) -> usize {
        /// Of the two reference counts before the text, and the allocator's own.
        const ALLOCATION: usize = 32;
        size_of::<Self>() + ALLOCATION + self.text.text.len() + size_of_val(&*self.text.spans)
    }
}
