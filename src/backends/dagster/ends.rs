//! The last lines of what a process of many steps wrote: all is read, from where it was left, and the end is kept.

use std::collections::VecDeque;

use crate::model::SafeText;
use crate::net::http::HttpError;

use super::output::{Lines, captured};
use super::shared::Shared;
use super::wire::Captured;

/// Bytes of one stream in one answer.
const PIECE: usize = 1 << 20;
/// Answers of one look; the next goes on.
const PIECES: usize = 8;
/// Lines of each stream that are kept.
const LINES: usize = 40;

/// Of one process.
#[derive(Default)]
pub struct Ends {
    /// The run and the file.
    of: (String, String),
    cursor: Option<String>,
    pub stdout: End,
    pub stderr: End,
}

/// Of one stream.
#[derive(Default)]
pub struct End {
    lines: Lines,
    /// Lines so far.
    count: usize,
    last: VecDeque<String>,
}

impl Ends {
    /// Reads what is new.
    pub async fn read(&mut self, shared: &Shared, run: &str, file: &str) -> Result<(), HttpError> {
        let of = (run.to_owned(), file.to_owned());
        if self.of != of {
            *self = Self {
                of,
                ..Self::default()
            };
        }
        for _ in 0..PIECES {
            let new = captured(shared, run, file, self.cursor.as_deref(), PIECE).await?;
            let moved = new.cursor.is_some() && new.cursor != self.cursor;
            self.take(&new);
            self.cursor = new.cursor.or(self.cursor.take());
            if !moved {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, new: &Captured) {
        self.stdout.take(new.stdout.as_deref().unwrap_or_default());
        self.stderr.take(new.stderr.as_deref().unwrap_or_default());
    }
}

impl End {
    fn take(&mut self, new: &str) {
        let (count, last) = (&mut self.count, &mut self.last);
        self.lines.take(new, |line| {
            *count += 1;
            last.push_back(line.to_owned());
            if last.len() > LINES {
                last.pop_front();
            }
        });
    }

    /// Number and text of each line; the last may not have ended.
    pub fn rows(&self) -> Vec<(SafeText, SafeText)> {
        let first = self.count - self.last.len() + 1;
        let partial = Some(self.lines.partial()).filter(|text| !text.is_empty());
        let lines = self.last.iter().map(String::as_str).chain(partial);
        (first..)
            .zip(lines)
            .map(|(number, line)| (SafeText::new(number.to_string()), SafeText::new(line)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_end_of_what_was_written_is_kept_with_the_numbers_of_its_lines() {
        let mut end = End::default();
        for number in 1..=1000 {
            end.take(&format!("line {number}\n"));
        }
        end.take("half a l");
        let rows = end.rows();
        assert_eq!(rows.len(), LINES + 1);
        let shown = |at: usize| (rows[at].0.as_str(), rows[at].1.as_str());
        assert_eq!(shown(0), ("961", "line 961"));
        assert_eq!(shown(39), ("1000", "line 1000"));
        assert_eq!(shown(40), ("1001", "half a l"));
    }
}
