//! The last lines of the logs of failed attempts, once the log store has them.

use std::collections::VecDeque;

use chrono::{DateTime, Duration, Utc};

use crate::history::Write;
use crate::logs::LogStore;
use crate::model::{LogKey, NodeState, PastNode};

/// Logs that are waited for; the oldest give way.
const WAITING: usize = 256;
/// Lines and bytes of a tail.
const LINES: usize = 100;
const BYTES: usize = 8 * 1024;
/// A log that has not ended is kept as it is after this long, ...
const PATIENCE: Duration = Duration::seconds(15);
/// ... and one that nobody read is waited for no longer than this.
const GIVE_UP: Duration = Duration::minutes(30);

#[derive(Debug)]
struct Awaited {
    log: LogKey,
    since: Option<DateTime<Utc>>,
    /// It was kept before its end.
    kept: bool,
}

#[derive(Debug, Default)]
pub(super) struct Tails {
    awaited: VecDeque<Awaited>,
    looked: Option<DateTime<Utc>>,
}

impl Tails {
    pub(super) fn note(&mut self, past: &PastNode) {
        let failed = matches!(past.state, NodeState::Failed | NodeState::Retrying);
        if !failed || past.attempt == 0 {
            return;
        }
        let log = past.run.node(&past.node).log(past.attempt);
        if self.awaited.iter().any(|known| known.log == log) {
            return;
        }
        if self.awaited.len() >= WAITING {
            self.awaited.pop_front();
        }
        self.awaited.push_back(Awaited {
            log,
            since: None,
            kept: false,
        });
    }

    /// Looks once a second.
    pub(super) fn take(
        &mut self,
        logs: &LogStore<LogKey>,
        now: DateTime<Utc>,
        out: &mut Vec<Write>,
    ) {
        let soon = |at: DateTime<Utc>| (now - at).abs() < Duration::seconds(1);
        if self.awaited.is_empty() || self.looked.is_some_and(soon) {
            return;
        }
        self.looked = Some(now);
        self.awaited.retain_mut(|awaited| {
            let waited = now - *awaited.since.get_or_insert(now);
            let log = logs.get(&awaited.log).filter(|log| !log.is_empty());
            let Some(log) = log else {
                return waited < GIVE_UP;
            };
            let done = log.complete();
            if done || (waited >= PATIENCE && !awaited.kept) {
                awaited.kept = true;
                out.push(Write::Tail {
                    log: awaited.log.clone(),
                    at: now,
                    text: tail(log),
                });
            }
            !done && waited < GIVE_UP
        });
    }
}

/// Whole lines from the end, as many as there is room for.
fn tail(log: &crate::logs::Log) -> String {
    let first = log.len().saturating_sub(LINES);
    let mut lines: Vec<String> = Vec::new();
    let mut room = BYTES;
    for line in log.lines(first..log.len()).rev() {
        let text = line.text.text.as_str();
        if text.len() + 1 > room {
            break;
        }
        room -= text.len() + 1;
        lines.push(text.to_owned());
    }
    lines.reverse();
    lines.join("\n")
}
