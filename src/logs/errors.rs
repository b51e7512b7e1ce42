//! Owns the errors of one log: which is read now, which is the first of each rank, how many there are.

use super::json;
use super::mark::{Mark, MarkChange, Rank, is_wrapper};
use super::recognise::Verdict;
use super::time::Micros;
use crate::model::SafeText;

/// An error with what a person wants to read of it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) mark: Mark,
    pub(super) cause: SafeText,
    pub(super) at: Option<Micros>,
}

/// The error that the lines read now belong to.
#[derive(Debug)]
struct Open {
    mark: Mark,
    /// Its cause line, and where the message begins in it.
    text: String,
    message: usize,
    started: Option<Micros>,
    at: Option<Micros>,
}

#[derive(Debug, Default)]
pub(super) struct Errors {
    open: Option<Open>,
    /// The first of every rank.
    first: [Option<Told>; 4],
}

impl Errors {
    /// Takes in a line. Returns the error that ended with the line before.
    pub(super) fn read(&mut self, number: u64, verdict: &Verdict, text: &str) -> Option<Mark> {
        match verdict.mark {
            MarkChange::None => None,
            MarkChange::New(rank) => {
                let ended = self.end();
                let rank = if is_wrapper(text) {
                    Rank::Wrapper
                } else {
                    rank
                };
                self.open = Some(Open {
                    mark: Mark::new(number, rank),
                    text: text.to_owned(),
                    message: verdict.message,
                    started: verdict.at,
                    at: verdict.at,
                });
                ended
            }
            change => {
                if let Some(open) = &mut self.open {
                    open.mark.change(number, change);
                    if matches!(change, MarkChange::Cause(_)) {
                        if is_wrapper(text) {
                            open.mark.rank = Rank::Wrapper;
                        }
                        open.text.clear();
                        open.text.push_str(text);
                        open.message = verdict.message;
                        open.at = verdict.at.or(open.started);
                    }
                }
                None
            }
        }
    }

    /// Nothing more belongs to the error read now.
    pub(super) fn end(&mut self) -> Option<Mark> {
        let open = self.open.take()?;
        let first = &mut self.first[open.mark.rank as usize];
        if first.is_none() {
            *first = Some(open.told());
        }
        Some(open.mark)
    }

    pub(super) fn open(&self) -> Option<&Mark> {
        self.open.as_ref().map(|open| &open.mark)
    }

    /// The error a person wants to read first: the first of the highest rank.
    pub(super) fn best(&self) -> Option<Told> {
        let known = self.first.iter().rev().flatten().next();
        let open = self
            .open
            .as_ref()
            .filter(|open| known.is_none_or(|known| known.mark.rank < open.mark.rank));
        open.map(Open::told).or_else(|| known.cloned())
    }

    pub(super) fn cost(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.text.capacity())
    }
}

impl Open {
    fn told(&self) -> Told {
        Told {
            mark: self.mark,
            cause: cause(self.text.get(self.message..).unwrap_or_default()),
            at: self.at,
        }
    }
}

/// What is said, without what merely leads up to it.
pub(super) fn cause(message: &str) -> SafeText {
    let message = message.trim();
    if message.starts_with('{')
        && let Some(cause) = json::cause(message)
    {
        return SafeText::new(cause);
    }
    // `Exception in thread "main" java.lang.X: …`, and py4j's `: java.lang.X: …`
    let thread = message
        .strip_prefix("Exception in thread \"")
        .and_then(|rest| rest.split_once("\" "));
    let own = thread.map_or(message, |(_, rest)| rest);
    SafeText::new(own.trim_start_matches([':', '|', ' ']))
}
