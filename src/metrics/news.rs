//! Which minutes of which series were recorded and not taken yet.

use std::collections::BTreeSet;

use super::history::MINUTES;
use super::store::SeriesId;

/// So many minutes of series may wait; what comes beyond them is not taken.
const MOST: usize = 200_000;

/// How wide what is taken is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    Minute,
    Hour,
}

impl Width {
    pub const fn ticks(self) -> u32 {
        match self {
            Self::Minute => 6,
            Self::Hour => 360,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct News {
    /// By width and start.
    waiting: BTreeSet<(Width, u32, SeriesId)>,
}

impl News {
    pub(super) fn heard(&mut self, id: SeriesId, tick: u32, now: u32) {
        let width = match now.saturating_sub(tick) < MINUTES - Width::Minute.ticks() {
            true => Width::Minute,
            false => Width::Hour,
        };
        if self.waiting.len() < MOST {
            let start = tick - tick % width.ticks();
            self.waiting.insert((width, start, id));
        }
    }

    pub(super) fn gone(&mut self, id: SeriesId) {
        self.waiting.retain(|(_, _, waits)| *waits != id);
    }

    pub(super) fn take_over(&mut self, now: u32) -> Vec<(Width, u32, SeriesId)> {
        let over = |(width, start, _): &(Width, u32, SeriesId)| start + width.ticks() <= now;
        let (over, rest) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(over);
        self.waiting = rest;
        let over: BTreeSet<_> = over;
        over.into_iter().collect()
    }
}
