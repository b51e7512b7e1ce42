//! Owns printing one log as it grows, in its own order, filtered.

use std::ops::Range;
use std::sync::Arc;

use crate::logs::{Direction, Filter, Find, Log};
use crate::model::SafeText;

use super::super::print;
use super::printer::Printer;

/// Bytes that are printed at once, and searched between two looks.
const SLICE: u64 = 1 << 20;

/// What is shown of a log, and how.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) printer: Printer,
    pub(super) filter: Arc<Filter>,
}

impl Shown {
    /// Adds a record, or those of its lines that were not printed before.
    pub(super) fn record(
        &self,
        log: &Log,
        lines: Range<u64>,
        name: Option<&SafeText>,
        out: &mut String,
    ) -> anyhow::Result<()> {
        if !self.printer.whole_records() {
            for number in lines {
                self.printer.line(log, number, name, out);
            }
        } else if let Some(record) = log.record_of(lines.start) {
            self.printer.record(&record, lines.start, name, out);
        }
        if out.len() as u64 > SLICE {
            print(std::mem::take(out))?;
        }
        Ok(())
    }
}

/// How far a log has been searched and printed.
#[derive(Debug, Default)]
pub(super) struct Flow {
    pub(super) find: Option<Find>,
    /// Lines that were there when it was looked at last.
    pub(super) read: u64,
    printed: u64,
    /// The last record was held back, for it may go on.
    pub(super) waits: bool,
}

impl Flow {
    /// Looks through what has been read.
    pub(super) fn search(&mut self, log: &Log, shown: &Shown) {
        if log.numbers().end < self.read {
            // it began again
            *self = Self::default();
        }
        self.read = log.numbers().end;
        if !shown.filter.is_all() {
            let begin = || Find::new(log, Arc::clone(&shown.filter), 0, Direction::Forward);
            let find = self.find.get_or_insert_with(begin);
            while !find.step(log, SLICE).done() {}
        }
    }

    /// Prints what is new. `flush`: the last record is taken as ended.
    pub(super) fn print(&mut self, log: &Log, shown: &Shown, flush: bool) -> anyhow::Result<()> {
        let mut out = String::new();
        self.search(log, shown);
        self.waits = false;
        let lines = log.numbers();
        if self.printed < lines.start {
            shown.printer.gap(log, &mut out);
            self.printed = lines.start;
        }
        // without a filter a line is told as soon as it is there
        let by_record = self.find.is_some() || shown.printer.whole_records();
        while self.printed < lines.end {
            let record = log.record_numbers(self.printed);
            if by_record && record.end == lines.end && !flush {
                self.waits = true;
                break;
            }
            match &self.find {
                Some(find) if !find.matches().contains(record.start) => {
                    let next = find.matches().next(record.end);
                    // the last record may be one yet
                    let last = log.record_numbers(lines.end - 1).start.max(record.end);
                    self.printed = next.unwrap_or(last).min(last);
                }
                _ => {
                    shown.record(log, self.printed..record.end, None, &mut out)?;
                    self.printed = record.end;
                }
            }
        }
        print(out)
    }
}
