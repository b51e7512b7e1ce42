//! The output of a dbt that dagtop started: JSON lines on stdout, anything on stderr.

use chrono::Utc;
use tokio::time::Instant;

use crate::backends::process::{Ear, Stream};

use super::cut::tail;
use super::lines::{Lines, Reader};
use super::said::Said;
use super::store::LogFile;

/// As much of the end of stderr is kept to explain a failure, in bytes.
const MAX_COMPLAINT: usize = 4 << 10;

/// Keeps the lines and understands them.
#[derive(Debug)]
pub struct Output {
    log: LogFile,
    out: Lines,
    err: Lines,
    reader: Reader,
    heard: Heard,
    due: Option<Instant>,
}

/// What came since it was last asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    pub said: Vec<Said>,
    /// The end of what came on stderr, or on stdout without being a line of the log.
    pub complaint: String,
}

impl Output {
    pub fn new(log: LogFile) -> Self {
        Self {
            log,
            out: Lines::default(),
            err: Lines::default(),
            reader: Reader::default(),
            heard: Heard::default(),
            due: None,
        }
    }

    fn line(&mut self, from: Stream, line: &[u8]) {
        self.log.write(line);
        if !line.ends_with(b"\n") {
            self.log.write(b"\n");
        }
        let said = match from {
            Stream::Out if line.starts_with(b"{") => self.reader.read(line, Utc::now()),
            Stream::Out | Stream::Err => Vec::new(),
        };
        if said.is_empty() {
            self.heard.complain(&String::from_utf8_lossy(line));
        }
        self.heard.said.extend(said);
    }
}

impl Heard {
    fn complain(&mut self, line: &str) {
        self.complaint.push_str(line.trim_end());
        self.complaint.push('\n');
        if self.complaint.len() > MAX_COMPLAINT {
            self.complaint = tail(&self.complaint, MAX_COMPLAINT).to_owned();
        }
    }
}

impl Ear for Output {
    type Report = Heard;

    fn take(&mut self, from: Stream, bytes: &[u8], now: Instant) {
        let mut lines = std::mem::take(match from {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        });
        lines.feed(bytes, |line| self.line(from, line));
        *match from {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        } = lines;
        if self.heard != Heard::default() {
            self.due.get_or_insert(now);
        }
    }

    fn due(&self) -> Option<Instant> {
        self.due
    }

    fn report(&mut self) -> Heard {
        self.due = None;
        std::mem::take(&mut self.heard)
    }

    fn finish(&mut self) -> Heard {
        for from in [Stream::Out, Stream::Err] {
            let mut lines = std::mem::take(match from {
                Stream::Out => &mut self.out,
                Stream::Err => &mut self.err,
            });
            lines.finish(|line| self.line(from, line));
            if lines.dropped + self.log.lost > 0 {
                let text = format!(
                    "dagtop: {} lines were too long and {} bytes were not kept\n",
                    lines.dropped, self.log.lost
                );
                self.log.write(text.as_bytes());
                self.log.lost = 0;
            }
        }
        self.heard.said.extend(self.reader.flush());
        self.report()
    }
}
