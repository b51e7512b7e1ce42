//! What happened a moment ago, on one line. Never asks for a key.

use chrono::{DateTime, Duration, Utc};

use crate::model::SafeText;

/// How long a line stays: good news shortly, bad news long enough to be read after looking away.
const GOOD: Duration = Duration::seconds(6);
const BAD: Duration = Duration::seconds(20);
/// How many are remembered for the actions screen.
const KEPT: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Info,
    Good,
    Bad,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub level: Level,
    pub text: SafeText,
    pub at: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

#[derive(Clone, Debug, Default)]
pub struct Notices {
    lines: Vec<Line>,
    shown: bool,
}

impl Notices {
    pub fn say(&mut self, now: DateTime<Utc>, level: Level, text: SafeText) {
        let stay = if level == Level::Bad { BAD } else { GOOD };
        self.lines.push(Line {
            level,
            text,
            at: now,
            until: now + stay,
        });
        if self.lines.len() > KEPT {
            self.lines.remove(0);
        }
        self.shown = true;
    }

    /// The line to show now.
    pub fn current(&self) -> Option<&Line> {
        self.lines.last().filter(|_| self.shown)
    }

    /// Older ones, newest first.
    pub fn all(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().rev()
    }

    pub fn expire(&mut self, now: DateTime<Utc>) {
        if self.lines.last().is_some_and(|l| l.until <= now) {
            self.shown = false;
        }
    }

    /// Read and put away.
    pub fn dismiss(&mut self) -> bool {
        std::mem::replace(&mut self.shown, false)
    }

    pub fn wake(&self) -> Option<DateTime<Utc>> {
        self.current().map(|l| l.until)
    }
}
