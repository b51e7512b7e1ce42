//! Owns the shape of one row of a log.

use chrono::{DateTime, Utc};

use crate::model::{SafeText, StyledText};

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
        // asked of every line: all letters are compared at once
        let mut shouted = [0; 8];
        shouted.get_mut(..word.len())?.copy_from_slice(word);
        shouted.make_ascii_uppercase();
        Some(match &shouted {
            b"TRACE\0\0\0" => Self::Trace,
            b"DEBUG\0\0\0" | b"FINE\0\0\0\0" | b"VERBOSE\0" => Self::Debug,
            b"INFO\0\0\0\0" | b"NOTICE\0\0" | b"LOG\0\0\0\0\0" => Self::Info,
            b"WARN\0\0\0\0" | b"WARNING\0" => Self::Warn,
            b"ERROR\0\0\0" | b"ERR\0\0\0\0\0" | b"SEVERE\0\0" => Self::Error,
            b"FATAL\0\0\0" | b"CRITICAL" | b"CRIT\0\0\0\0" | b"PANIC\0\0\0"
            | b"EMERG\0\0\0" | b"ALERT\0\0\0" => Self::Fatal,
            _ => return None,
        })
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
