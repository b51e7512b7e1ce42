//! What the steps of one run said, by step and attempt, held in memory within bounds.

use std::collections::HashMap;

use crate::model::SafeText;

use super::events;
use super::wire::Event;

/// The lines of all steps of one run; the step that was silent for longest is let go of first.
const MOST: usize = 12 << 20;
/// The lines of one attempt; more lose their beginning: the end is what tells.
const LONGEST: usize = 4 << 20;

#[derive(Default)]
pub struct Tape {
    /// By step (none: the run itself) and attempt; 0: before the first, or never begun.
    texts: HashMap<(Option<String>, u32), Text>,
    attempts: HashMap<String, u32>,
    pub captures: Vec<Capture>,
    bytes: usize,
    turn: u64,
    /// Everything up to now is here.
    pub caught_up: bool,
    pub ended: bool,
    /// Events come by themselves.
    pub live: bool,
    pub trouble: Option<SafeText>,
}

#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    /// Bytes that were let go of before the first.
    gone: usize,
    closed: bool,
    touched: u64,
}

/// Where the standard output of a process is, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    pub key: String,
    pub steps: Vec<String>,
}

/// What a reader gets.
#[derive(Debug, Default, PartialEq)]
pub struct Piece {
    pub bytes: Vec<u8>,
    /// Where to go on.
    pub next: usize,
    /// Something before `bytes` is not held any more.
    pub lost: bool,
    /// Nothing more will come.
    pub ended: bool,
    /// All that is there up to now has been read.
    pub caught_up: bool,
    pub trouble: Option<SafeText>,
}

impl Tape {
    pub fn piece(&self, step: Option<&str>, attempt: u32, from: usize) -> Piece {
        let key = (step.map(str::to_owned), attempt);
        let mut piece = Piece {
            next: from,
            ended: self.ended,
            caught_up: self.caught_up,
            trouble: self.trouble.clone(),
            ..Piece::default()
        };
        if let Some(text) = self.texts.get(&key) {
            piece.lost = from < text.gone;
            let start = from.saturating_sub(text.gone);
            piece.bytes = text.bytes.get(start..).unwrap_or_default().to_vec();
            piece.next = text.gone + text.bytes.len();
            piece.ended |= text.closed && self.caught_up;
        }
        piece
    }

    pub fn take(&mut self, event: &Event) {
        if event.is("LOGS_CAPTURED")
            && let (Some(key), Some(steps)) = (&event.file_key, &event.step_keys)
        {
            let capture = Capture {
                key: key.clone(),
                steps: steps.clone(),
            };
            if !self.captures.contains(&capture) {
                self.captures.push(capture);
            }
        }
        let kind = event.event_type.as_deref().unwrap_or_default();
        let step = event.step_key.clone();
        let attempt = match &step {
            None => 1,
            Some(step) => {
                let attempt = self.attempts.entry(step.clone()).or_default();
                if matches!(kind, "STEP_START" | "STEP_RESTARTED") {
                    *attempt += 1;
                }
                *attempt
            }
        };
        // what led to the first attempt belongs to it
        if attempt == 1
            && kind == "STEP_START"
            && let Some(before) = self.texts.remove(&(step.clone(), 0))
        {
            self.texts.insert((step.clone(), 1), before);
        }
        let mut lines = String::new();
        events::line(event, &mut lines);
        self.turn += 1;
        let text = self.texts.entry((step, attempt)).or_default();
        text.touched = self.turn;
        text.bytes.extend_from_slice(lines.as_bytes());
        self.bytes += lines.len();
        text.closed |= matches!(
            kind,
            "STEP_SUCCESS" | "STEP_FAILURE" | "STEP_SKIPPED" | "STEP_UP_FOR_RETRY"
        );
        if text.bytes.len() > LONGEST {
            self.bytes -= text.let_go(LONGEST / 2);
        }
        while self.bytes > MOST {
            let oldest = self
                .texts
                .values_mut()
                .filter(|text| !text.bytes.is_empty())
                .min_by_key(|text| text.touched);
            let Some(oldest) = oldest else { break };
            self.bytes -= oldest.let_go(usize::MAX);
        }
    }
}

impl Text {
    /// Forgets its first bytes, whole lines. Says how many.
    fn let_go(&mut self, bytes: usize) -> usize {
        let end = match self.bytes.get(bytes..) {
            Some(rest) => memchr::memchr(b'\n', rest).map_or(self.bytes.len(), |at| bytes + at + 1),
            None => self.bytes.len(),
        };
        self.bytes.drain(..end);
        self.gone += end;
        end
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn event(kind: Option<&str>, step: Option<&str>, said: &str) -> Event {
        serde_json::from_value(
            json!({"eventType": kind, "stepKey": step, "message": said, "level": "INFO",
            "timestamp": "1795140000250"}),
        )
        .unwrap()
    }

    fn text(tape: &Tape, step: Option<&str>, attempt: u32) -> String {
        String::from_utf8(tape.piece(step, attempt, 0).bytes).unwrap()
    }

    #[test]
    fn lines_go_to_the_attempt_that_said_them() {
        let mut tape = Tape::default();
        let step = Some("load");
        for (kind, said) in [
            (Some("RESOURCE_INIT_STARTED"), "resources"),
            (Some("STEP_START"), "start"),
            (None, "first try"),
            (Some("STEP_UP_FOR_RETRY"), "again"),
            (Some("STEP_RESTARTED"), "restart"),
            (None, "second try"),
        ] {
            tape.take(&event(kind, step, said));
        }
        tape.take(&event(Some("RUN_FAILURE"), None, "the run"));
        tape.take(&event(
            None,
            Some("report"),
            "Dependencies for step report failed",
        ));
        tape.caught_up = true;
        let first = text(&tape, step, 1);
        assert!(
            first.contains("resources") && first.contains("first try") && !first.contains("second")
        );
        assert!(text(&tape, step, 2).contains("second try"));
        assert!(text(&tape, None, 1).contains("the run"));
        assert!(text(&tape, Some("report"), 0).contains("Dependencies"));
        assert!(tape.piece(step, 1, 0).ended && !tape.piece(step, 2, 0).ended);
        let all = tape.piece(step, 1, 0).next;
        assert!(tape.piece(step, 1, all).bytes.is_empty());
    }

    #[test]
    fn what_is_held_of_a_run_has_a_bound_and_what_is_lost_is_said() {
        let mut tape = Tape::default();
        let long = "x".repeat(1 << 20);
        for step in 0..20 {
            tape.take(&event(None, Some(&format!("s{step}")), &long));
        }
        assert!(tape.bytes <= MOST);
        assert!(tape.piece(Some("s0"), 0, 0).lost && !tape.piece(Some("s19"), 0, 0).lost);
        for _ in 0..6 {
            tape.take(&event(None, Some("s19"), &long));
        }
        let held: usize = tape.texts.values().map(|t| t.bytes.len()).sum();
        assert_eq!(held, tape.bytes);
        assert!(tape.piece(Some("s19"), 0, 0).bytes.len() <= LONGEST);
    }
}
