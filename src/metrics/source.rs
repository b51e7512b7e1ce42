//! Owns when a backend could be heard: between those times nothing is known of its series, not even that nothing
//! happened.

use std::collections::VecDeque;

/// So many spans are remembered; the oldest go.
const SPANS: usize = 128;

/// When a backend answered, in ticks.
#[derive(Debug, Default)]
pub struct Source {
    /// From a tick on, up to but without another; the last may be open.
    spans: VecDeque<(u32, Option<u32>)>,
}

impl Source {
    pub(super) fn up(&mut self, tick: u32) {
        match self.spans.back_mut() {
            Some((_, None)) => {}
            // gone for less than a tick is not gone
            Some((_, end @ Some(_))) if end.is_some_and(|end| end >= tick) => *end = None,
            _ => {
                self.spans.push_back((tick, None));
                if self.spans.len() > SPANS {
                    self.spans.pop_front();
                }
            }
        }
    }

    pub(super) fn down(&mut self, tick: u32) {
        if let Some((from, end @ None)) = self.spans.back_mut() {
            *end = Some(tick.max(*from));
        }
    }

    /// Whether it answered at some time between two ticks.
    pub fn heard(&self, from: u32, to: u32) -> bool {
        self.spans
            .iter()
            .any(|(begin, end)| *begin < to && end.is_none_or(|end| end > from))
    }
}
