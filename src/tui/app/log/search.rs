//! What is searched: found in slices, counted, gone to as soon as it is there.

use crate::engine::Watch;
use crate::logs::{Direction, Lens, Log, Matches, Point};
use crate::query::Query;

use super::hunt::Hunt;
use super::{Anchor, LogView, Place, Sieve};

/// A search and what it has found so far.
#[derive(Debug)]
pub struct Sought {
    /// As it was typed.
    pub text: String,
    pub query: Query,
    hunt: Hunt,
    /// Goes to the first one found from there on, in this direction.
    waits: Option<(Anchor, bool)>,
}

impl Sought {
    pub(super) fn new(text: &str, query: Query, sieve: &Sieve) -> Self {
        Self {
            text: text.to_owned(),
            hunt: Hunt::new(sieve.filter_and(Some(&query))),
            query,
            waits: None,
        }
    }

    pub(super) fn again(&self) -> Self {
        Self {
            text: self.text.clone(),
            query: self.query.clone(),
            hunt: self.hunt.again(),
            waits: None,
        }
    }

    pub(super) fn restart(&mut self) {
        *self = self.again();
    }

    pub fn total(&self) -> usize {
        self.hunt.total()
    }

    /// How much was looked at, while there is more to look at.
    pub fn percent(&self) -> Option<u64> {
        (!self.hunt.done()).then(|| self.hunt.percent())
    }

    pub fn matches(&self, source: usize) -> &Matches {
        self.hunt.matches(source)
    }

    /// "3 of 218": which hit a row belongs to.
    pub fn rank(&self, lens: &Lens, at: Point) -> Option<usize> {
        let record = lens.record(at).start;
        let number = lens.log(at.source)?.number_of(record);
        if !self.matches(at.source).contains(number) {
            return None;
        }
        let starts = lens.cut(Point { row: record, ..at });
        let before = starts.into_iter().enumerate().map(|(source, row)| {
            let number = lens.log(source).map_or(0, |log| log.number_of(row));
            self.matches(source).rank(number)
        });
        Some(before.sum::<usize>() + 1)
    }

    pub(super) fn busy(&self) -> bool {
        !self.hunt.done()
    }
}

impl LogView {
    /// There is more to look at, for a search or a filter.
    pub fn busy(&self) -> bool {
        self.sieve.busy() || self.search.as_ref().is_some_and(Sought::busy)
    }

    /// Searches and filters on, about `budget` bytes each.
    pub(in crate::tui::app) fn search_on(&mut self, watch: &Watch, budget: u64) {
        if self.search.is_none() && self.sieve.wanted(0).is_none() {
            return;
        }
        let logs: Vec<Option<&Log>> = self.keys.iter().map(|key| watch.logs.get(key)).collect();
        let place = self.place;
        let from = |source: usize, log: &Log| match place {
            Place::At(at) if at.source == source => {
                (at.number.unwrap_or_default(), Direction::Forward)
            }
            Place::At(_) => (0, Direction::Forward),
            Place::Auto => match log.first_error() {
                Some(row) => (log.number_of(row), Direction::Forward),
                None => (u64::MAX, Direction::Backward),
            },
            Place::End => (u64::MAX, Direction::Backward),
        };
        self.sieve.step(&logs, from, budget);
        if let Some(search) = &mut self.search {
            search.hunt.step(&logs, from, budget);
        }
        self.arrive(watch);
    }

    /// Looks for something else from where the cursor is.
    pub(super) fn look_for(&mut self, watch: &Watch, text: &str, query: Query) {
        let mut search = Sought::new(text, query, &self.sieve);
        search.waits = self.with(watch, |lens| {
            let at = self.cursor(lens)?;
            Some((Anchor::of(lens, at), true))
        });
        self.search = Some(search);
    }

    /// The filters are other ones: what is searched is searched among what they leave.
    pub(super) fn search_again(&mut self) {
        if let Some(search) = &self.search {
            let (text, query) = (search.text.clone(), search.query.clone());
            self.search = Some(Sought::new(&text, query, &self.sieve));
        }
    }

    /// Goes to what was waited for, when it is there.
    fn arrive(&mut self, watch: &Watch) {
        let Some((search, (from, forward))) =
            self.search.as_ref().and_then(|s| Some((s, s.waits?)))
        else {
            return;
        };
        let (hit, done) = self.with(watch, |lens| {
            let from = from.point(lens);
            let here = search.rank(lens, from).is_some();
            let hit = if here {
                Some(from)
            } else {
                hit(lens, search, from, forward)
            };
            // around the end, once everything was looked at
            let around = || match forward {
                true => lens
                    .first()
                    .and_then(|first| at_or_after(lens, search, first)),
                false => lens.last().and_then(|last| hit_at_end(lens, search, last)),
            };
            let done = !search.busy();
            (hit.or_else(|| if done { around() } else { None }), done)
        });
        if let Some(hit) = hit {
            self.with_mut(watch, |view, lens| view.go_hit(lens, hit));
        }
        if (hit.is_some() || done)
            && let Some(search) = &mut self.search
        {
            search.waits = None;
        }
    }

    /// To the next record that was found, around the end; whether there is one, or may be.
    pub(super) fn next_match(&mut self, watch: &Watch, forward: bool) -> bool {
        let Some(search) = &self.search else {
            return false;
        };
        let (total, busy) = (search.total(), search.busy());
        let next = self.with(watch, |lens| {
            let at = self.cursor(lens)?;
            let search = self.search.as_ref()?;
            let next = hit(lens, search, at, forward).or_else(|| {
                if busy {
                    return None;
                }
                match forward {
                    true => at_or_after(lens, search, lens.first()?),
                    false => hit_at_end(lens, search, lens.last()?),
                }
            });
            Some((Anchor::of(lens, at), next))
        });
        match next {
            Some((_, Some(next))) => self.with_mut(watch, |view, lens| view.go_hit(lens, next)),
            Some((at, None)) if busy => {
                if let Some(search) = &mut self.search {
                    search.waits = Some((at, forward));
                }
            }
            _ => return false,
        }
        total > 0 || busy
    }

    /// To the line of a found record that has the words in it.
    fn go_hit(&mut self, lens: &Lens, at: Point) {
        let row = self.search.as_ref().and_then(|search| {
            let highlights = search.query.highlights();
            let log = lens.log(at.source)?;
            let mut rows = lens.record(at).take(1000);
            rows.find(|row| {
                let line = log.line(*row);
                line.is_some_and(|l| highlights.iter().any(|h| h.is_match(&l.text.text)))
            })
        });
        let to = Point {
            row: row.unwrap_or(at.row),
            ..at
        };
        self.go(lens, lens.nearest(to).unwrap_or(to));
    }

    /// [`LogView::with`] for changing the place.
    pub(super) fn with_mut(&mut self, watch: &Watch, change: impl FnOnce(&mut Self, &Lens)) {
        let sieve = std::mem::take(&mut self.sieve);
        let folds = std::mem::take(&mut self.look.folds);
        let nothing = Log::default();
        let sources = super::sources(watch, &self.keys, &sieve, &nothing);
        change(self, &Lens::new(&sources, &folds));
        drop(sources);
        self.sieve = sieve;
        self.look.folds = folds;
    }
}

/// The next found record below a row's own, or the last one above it.
fn hit(lens: &Lens, search: &Sought, from: Point, forward: bool) -> Option<Point> {
    let record = lens.record(from);
    let from = Point {
        row: if forward {
            record.end.max(1) - 1
        } else {
            record.start
        },
        ..from
    };
    lens.seek(from, forward, |source, row| {
        let log = lens.log(source)?;
        let matches = search.matches(source);
        let number = match forward {
            true => matches.next(log.number_of(row)),
            false => matches.prev(log.number_of(row)),
        };
        let here = number.filter(|n| log.numbers().contains(n))?;
        Some(log.row_of(here))
    })
}

fn at_or_after(lens: &Lens, search: &Sought, at: Point) -> Option<Point> {
    match search.rank(lens, at) {
        Some(_) => Some(at),
        None => hit(lens, search, at, true),
    }
}

fn hit_at_end(lens: &Lens, search: &Sought, at: Point) -> Option<Point> {
    match search.rank(lens, at) {
        Some(_) => Some(at),
        None => hit(lens, search, at, false),
    }
}
