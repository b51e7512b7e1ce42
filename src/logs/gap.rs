//! Owns saying what is missing at the beginning of a log, and why.

use super::line::LogLine;
use crate::model::SafeText;

/// What is not here, from the beginning of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    pub lines: u64,
    pub bytes: u64,
}

/// Why lines were let go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Reason {
    /// Memory was needed, and there is no place on disk.
    #[default]
    Memory,
    /// The place on disk is full of younger text.
    Full,
    /// They were old.
    Age,
    /// They could not be written to disk.
    Disk(String),
    /// Their file was cut short by whoever writes it.
    Truncated,
}

#[derive(Debug, Default)]
pub(super) struct Gap {
    dropped: Dropped,
    /// Of the last ones, but a disk that failed is not forgotten.
    reason: Reason,
}

impl Gap {
    pub(super) fn add(&mut self, lines: u64, bytes: u64, reason: Reason) {
        self.dropped.lines += lines;
        self.dropped.bytes += bytes;
        // memory is short because the disk fails
        if !(reason == Reason::Memory && matches!(self.reason, Reason::Disk(_))) {
            self.reason = reason;
        }
    }

    pub(super) fn dropped(&self) -> Dropped {
        self.dropped
    }

    pub(super) fn row(&self) -> Option<LogLine> {
        let Dropped { lines, bytes } = self.dropped;
        if lines == 0 {
            return None;
        }
        let why = match &self.reason {
            Reason::Memory => "dropped to save memory".to_owned(),
            Reason::Full => "dropped: the place for logs on disk is full".to_owned(),
            Reason::Age => "removed from disk for their age".to_owned(),
            Reason::Disk(why) => {
                format!("dropped: memory is full and the disk can't be written: {why}")
            }
            Reason::Truncated => "are gone: their file was cut short".to_owned(),
        };
        let what = if lines == 1 { "line" } else { "lines" };
        let text = format!(
            "… {} earlier {what} ({}) {why}",
            grouped(lines),
            size(bytes)
        );
        Some(LogLine::notice(SafeText::new(text)))
    }
}

/// `1204` as `1,204`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
