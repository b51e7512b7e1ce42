//! Owns writing logs out as text, a slice at a time: one, or several merged, all or what passes a filter.

use std::sync::Arc;

use super::filter::Filter;
use super::find::{Direction, Find};
use super::lens::{Folds, Lens, Point, Source};
use super::log::Log;

/// Logs on their way to a file. Holds nothing of them: they may grow and shrink meanwhile.
#[derive(Debug)]
pub struct Export {
    filter: Option<Arc<Filter>>,
    finds: Vec<Find>,
    /// The last line that was written: its source, and its number in it.
    at: Option<(usize, u64)>,
    begun: bool,
}

impl Export {
    pub fn new(filter: Option<Filter>) -> Self {
        Self {
            filter: filter.map(Arc::new),
            finds: Vec::new(),
            at: None,
            begun: false,
        }
    }

    /// Writes about `budget` bytes more, a line each, with the name of its log before it where there are several.
    /// `false`: that was all.
    pub fn step(&mut self, logs: &[(&Log, &str)], budget: usize, out: &mut String) -> bool {
        if let Some(filter) = &self.filter {
            let new = |log| Find::new(log, Arc::clone(filter), 0, Direction::Forward);
            if self.finds.is_empty() {
                self.finds = logs.iter().map(|(log, _)| new(log)).collect();
            }
            let mut done = true;
            for (find, (log, _)) in self.finds.iter_mut().zip(logs) {
                // what comes after the beginning was not asked for, but does no harm
                done &= find.step(log, budget as u64).done();
            }
            if !done {
                return true;
            }
        }
        let sources: Vec<Source> = logs
            .iter()
            .enumerate()
            .map(|(at, (log, _))| Source {
                log,
                wanted: self.finds.get(at).map(Find::matches),
                since: None,
                until: None,
            })
            .collect();
        let folds = Folds::default();
        let lens = Lens::new(&sources, &folds);
        let full = out.len() + budget;
        let mut last = None;
        let mut write = |point: Point| {
            let Some((log, name)) = logs.get(point.source) else {
                return true;
            };
            if let Some(line) = log.line(point.row) {
                if logs.len() > 1 {
                    out.push_str(name);
                    out.push_str(": ");
                }
                out.push_str(&line.text.text);
                out.push('\n');
            }
            last = Some((point.source, log.number_of(point.row)));
            out.len() < full
        };
        let mut more = true;
        let from = match self.at {
            Some((source, number)) => logs.get(source).map(|(log, _)| Point {
                source,
                row: log.row_of(number),
            }),
            None => {
                let first = lens.first().filter(|_| !self.begun);
                if let Some(first) = first {
                    more = write(first);
                }
                first
            }
        };
        self.begun = true;
        let mut walk = from.map(|from| lens.after(from));
        let mut ended = from.is_none();
        while more && !ended {
            match walk.as_mut().and_then(Iterator::next) {
                Some(point) => more = write(point),
                None => ended = true,
            }
        }
        drop(walk);
        self.at = last.or(self.at);
        !ended
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::logs::{FACETS, LogStore};
    use crate::query::Query;

    fn all(export: &mut Export, logs: &[(&Log, &str)], budget: usize) -> String {
        let mut out = String::new();
        for _ in 0..10_000 {
            if !export.step(logs, budget, &mut out) {
                return out;
            }
        }
        out
    }

    #[test]
    fn slices_make_the_whole() {
        let mut store = LogStore::default();
        let mut text = String::new();
        for i in 0..300 {
            text += &format!(
                "2026-11-20T03:{:02}:{:02}Z INFO a - line {i}\n",
                i / 60,
                i % 60
            );
        }
        store.append(&0, text.as_bytes());
        store.append(
            &1,
            b"2026-11-20T03:00:05Z ERROR b - \x1b[31mbad\x1b[0m\n  and more\n",
        );
        let logs = [0, 1].map(|key| (store.get(&key).unwrap(), if key == 0 { "a" } else { "b" }));
        for budget in [1, 100, 1 << 20] {
            assert_eq!(all(&mut Export::new(None), &logs[..1], budget), text);
            let merged = all(&mut Export::new(None), &logs, budget);
            assert_eq!(merged.lines().count(), 302);
            assert!(
                merged
                    .contains("line 5\nb: 2026-11-20T03:00:05Z ERROR b - bad\nb:   and more\na: ")
            );
            let filter = Filter::new(Query::parse("299 OR bad", &FACETS).unwrap());
            let found = all(&mut Export::new(Some(filter)), &logs, budget);
            assert_eq!(
                found,
                "b: 2026-11-20T03:00:05Z ERROR b - bad\nb:   and more\na: 2026-11-20T03:04:59Z INFO a - line 299\n"
            );
        }
        let nothing = Log::default();
        assert_eq!(all(&mut Export::new(None), &[(&nothing, "x")], 10), "");
    }
}
