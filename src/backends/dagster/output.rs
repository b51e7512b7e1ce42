//! What the process of a step wrote to standard output and standard error, read by offset, as lines of its log.

use serde_json::json;

use crate::backends::client::Trouble;
use crate::backends::poll::Urgency;
use crate::net::http::HttpError;

use super::family::Place;
use super::shared::Shared;
use super::tape::Capture;
use super::wire::Captured;
use super::{api, gql};

/// Bytes of one stream in one answer; no line is longer.
const PIECE: usize = 64 << 10;

/// What a process wrote, where it is one step's own.
#[derive(Default)]
pub struct Output {
    cursor: Option<String>,
    read: Option<tokio::time::Instant>,
    stdout: Lines,
    stderr: Lines,
    own: Own,
    /// Nothing more will come.
    pub over: bool,
}

impl Output {
    /// What is new of it, as lines.
    pub async fn read(
        &mut self,
        shared: &Shared,
        place: &Place,
        step: &str,
        captures: &[Capture],
        ended: bool,
    ) -> Result<String, Trouble> {
        let own: Vec<&Capture> = captures
            .iter()
            .filter(|c| c.steps.len() == 1 && c.steps[0] == step)
            .collect();
        let number = usize::try_from(place.attempt).unwrap_or_default();
        let Some(capture) = number.checked_sub(1).and_then(|at| own.get(at)) else {
            self.over = ended;
            return Ok(String::new());
        };
        if self.over || (!ended && self.read.is_some_and(|at| at.elapsed() < shared.look())) {
            return Ok(String::new());
        }
        let mut text = String::new();
        loop {
            let logs = captured(
                shared,
                &place.run,
                &capture.key,
                self.cursor.as_deref(),
                PIECE,
            )
            .await?;
            let moved = logs.cursor.is_some() && logs.cursor != self.cursor;
            self.cursor = logs.cursor.clone().or(self.cursor.take());
            self.take(&logs, &mut text);
            if !moved || text.len() >= PIECE * 4 {
                self.over = ended && !moved;
                break;
            }
        }
        if self.over {
            self.end(&mut text);
        }
        self.read = Some(tokio::time::Instant::now());
        Ok(text)
    }

    fn take(&mut self, new: &Captured, out: &mut String) {
        let stdout = new.stdout.as_deref().unwrap_or_default();
        self.stdout.take(stdout, |text| line("stdout", text, out));
        let stderr = new.stderr.as_deref().unwrap_or_default();
        let own = &mut self.own;
        self.stderr.take(stderr, |text| {
            if !own.is(text) {
                line("stderr", text, out);
            }
        });
    }

    /// What stands behind the last line break.
    fn end(&mut self, out: &mut String) {
        let rest = Captured {
            stdout: self.stdout.rest(),
            stderr: self.stderr.rest(),
            cursor: None,
        };
        self.take(&rest, out);
    }
}

fn line(stream: &str, text: &str, out: &mut String) {
    out.push_str("INFO dagster.");
    out.push_str(stream);
    out.push_str(" - ");
    out.push_str(text);
    out.push('\n');
}

/// A text that comes in pieces, line by line.
#[derive(Default)]
pub struct Lines {
    /// The beginning of a line of which the end has not come.
    partial: String,
}

impl Lines {
    pub fn take(&mut self, new: &str, mut each: impl FnMut(&str)) {
        self.partial.push_str(new);
        let whole = match self.partial.rfind('\n') {
            Some(at) => at + 1,
            // a progress bar that never ends its line
            None if self.partial.len() > PIECE => self.partial.len(),
            None => return,
        };
        self.partial
            .drain(..whole)
            .as_str()
            .lines()
            .for_each(&mut each);
    }

    pub fn partial(&self) -> &str {
        &self.partial
    }

    fn rest(&mut self) -> Option<String> {
        (!self.partial.is_empty()).then_some("\n".to_owned())
    }
}

/// Tells Dagster's own lines in standard error from those of the program: they repeat the run's events.
#[derive(Clone, Copy, Default)]
enum Own {
    #[default]
    Outside,
    /// Behind a record of an error: an empty line, and its exception may follow.
    Record,
    /// Words of an exception, up to its stack.
    Exception,
    Stack,
}

impl Own {
    fn is(&mut self, line: &str) -> bool {
        // "2026-11-26 18:54:58 +0000 - dagster - ERROR - orders - ..."
        let mut parts = line.splitn(4, " - ");
        let dated = parts
            .next()
            .is_some_and(|at| at.len() == 25 && at.starts_with(|c: char| c.is_ascii_digit()));
        let own = if dated && parts.next() == Some("dagster") {
            *self = match parts.next() {
                Some("ERROR" | "CRITICAL") => Self::Record,
                _ => Self::Outside,
            };
            return true;
        } else {
            match *self {
                Self::Outside => None,
                Self::Record => line.is_empty().then_some(Self::Exception),
                Self::Exception if line == "Stack Trace:" => Some(Self::Stack),
                Self::Exception => Some(Self::Exception),
                Self::Stack if line.starts_with("The above exception was caused by") => {
                    Some(Self::Exception)
                }
                Self::Stack => (line.is_empty() || line.starts_with(' ')).then_some(Self::Stack),
            }
        };
        *self = own.unwrap_or_default();
        own.is_some()
    }
}

/// A piece of what a process wrote, behind the cursor ("bytes of stdout:bytes of stderr"). `most`: bytes of a stream.
pub async fn captured(
    shared: &Shared,
    run: &str,
    file: &str,
    cursor: Option<&str>,
    most: usize,
) -> Result<Captured, HttpError> {
    let variables = json!({"key": [run, "compute_logs", file], "cursor": cursor, "limit": most});
    let mut reply = gql::ask(shared, Urgency::Now, api::CAPTURED, variables).await?;
    reply.take("logs")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn shown(pieces: &[(&str, &str)]) -> String {
        let (mut output, mut out) = (Output::default(), String::new());
        for (stdout, stderr) in pieces {
            let new = Captured {
                stdout: Some((*stdout).to_owned()),
                stderr: Some((*stderr).to_owned()),
                cursor: None,
            };
            output.take(&new, &mut out);
        }
        output.end(&mut out);
        out
    }

    #[test]
    fn lines_are_put_together_from_pieces_and_the_last_needs_no_end() {
        assert_eq!(
            shown(&[("one\ntw", ""), ("o\nthr", "war"), ("ee", "ning\n")]),
            "INFO dagster.stdout - one\nINFO dagster.stdout - two\nINFO dagster.stderr - warning\nINFO dagster.stdout - three\n"
        );
    }

    #[test]
    fn a_line_that_never_ends_is_shown_and_not_held() {
        let long = "x".repeat(PIECE + 1);
        let mut lines = Lines::default();
        let mut seen = 0;
        lines.take(&long, |text| seen += text.len());
        assert_eq!((seen, lines.partial.len()), (PIECE + 1, 0));
    }

    #[test]
    fn of_standard_error_only_what_is_no_repetition_of_events_is_shown() {
        let stderr = "2026-11-26 18:54:58 +0000 - dagster - DEBUG - orders - 8a2d - 61 - load - STEP_START - Started.\n\
            low memory\n\
            2026-11-26 18:54:58 +0000 - dagster - ERROR - orders - 8a2d - 61 - load - STEP_FAILURE - Execution failed.\n\n\
            dagster._core.errors.DagsterExecutionStepExecutionError: Error occurred:\n\nValueError: bad\nrecord\n\nStack Trace:\n\
            \x20 File \"x.py\", line 1, in load\n    raise\n\n\
            The above exception was caused by the following exception:\nKeyError: 'customers'\n\nStack Trace:\n  File \"y\"\n\n\
            segmentation fault\n  indented\n\
            2026-11-26 18:54:59 +0000 - dagster - ERROR - orders - 8a2d - load - one line\n\
            out of memory\n";
        assert_eq!(
            shown(&[("", stderr)])
                .lines()
                .map(|l| l.trim_start_matches("INFO dagster.stderr - "))
                .collect::<Vec<_>>(),
            [
                "low memory",
                "segmentation fault",
                "  indented",
                "out of memory"
            ]
        );
    }
}
