//! Wider grains from narrower ones. They are always made from all that the store has of their time, so it doesn't
//! matter how often a program was started in it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};

use super::store::{Grain, Point, Shelf, Store, StoreError, Write};

/// The mark up to which everything has been rolled up.
const MARK: &str = "rolled";
/// What is older is not looked for at the start.
const BACK: Duration = Duration::hours(26);
/// A grain is made so long after its end: what is told late is in it.
const LATE: Duration = Duration::minutes(2);

/// What is to be made anew.
#[derive(Debug, Default)]
pub(super) struct Rollup {
    /// Grain and where it begins. The narrower ones come first: the wider are made from them.
    dirty: BTreeSet<(Grain, DateTime<Utc>)>,
}

/// What a grain is made of.
fn below(grain: Grain) -> Option<Grain> {
    match grain {
        Grain::Minute => None,
        Grain::QuarterHour => Some(Grain::Minute),
        Grain::Hour => Some(Grain::QuarterHour),
        Grain::Day => Some(Grain::Hour),
    }
}

fn above(grain: Grain) -> Option<Grain> {
    Grain::ALL.into_iter().find(|g| below(*g) == Some(grain))
}

impl Rollup {
    /// An earlier program may have ended before it rolled up what it wrote.
    pub(super) fn begin(&mut self, store: &mut dyn Store, now: DateTime<Utc>) {
        let marks = store.shelf(Shelf::Marks).unwrap_or_default();
        let mark = marks.iter().find(|(key, _)| key == MARK);
        let mark = mark.and_then(|(_, body)| body.parse::<DateTime<Utc>>().ok());
        let Some(mark) = mark else { return };
        let from = mark.max(now - BACK);
        for grain in [Grain::QuarterHour, Grain::Hour, Grain::Day] {
            let mut at = grain.begin(from);
            while at <= now {
                self.dirty.insert((grain, at));
                at += Duration::seconds(grain.seconds());
            }
        }
    }

    pub(super) fn written(&mut self, batch: &[Write]) {
        for write in batch {
            if let Write::Point(point) = write
                && let Some(above) = above(point.grain)
            {
                self.dirty.insert((above, above.begin(point.at)));
            }
        }
    }

    /// Makes one that is over.
    pub(super) fn step(
        &mut self,
        store: &mut dyn Store,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let over = |(grain, at): &&(Grain, DateTime<Utc>)| {
            *at + Duration::seconds(grain.seconds()) + LATE <= now
        };
        let Some((grain, at)) = self.dirty.iter().find(over).copied() else {
            return Ok(());
        };
        self.make(store, grain, at)?;
        if !self.dirty.iter().any(|dirty| over(&dirty)) {
            // all that is dirty is in a grain that is not over
            let first = self.dirty.iter().map(|(_, at)| *at).min();
            store.write(&[mark(first.unwrap_or(now))])?;
        }
        Ok(())
    }

    /// Makes all, also those that are not over.
    pub(super) fn end(&mut self, store: &mut dyn Store, now: DateTime<Utc>) {
        while let Some((grain, at)) = self.dirty.first().copied() {
            // what can't be made now is made at the next start
            if self.make(store, grain, at).is_err() {
                return;
            }
        }
        // the mark is older than what was made: those not over are made again
        let _ = store.write(&[mark(now - LATE)]);
    }

    fn make(
        &mut self,
        store: &mut dyn Store,
        grain: Grain,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if let Some(below) = below(grain) {
            let to = at + Duration::seconds(grain.seconds());
            let made = rolled(grain, at, store.points("", below, at, to)?);
            let made: Vec<Write> = made.into_iter().map(Write::Point).collect();
            store.write(&made)?;
            self.written(&made);
        }
        self.dirty.remove(&(grain, at));
        Ok(())
    }
}

fn mark(at: DateTime<Utc>) -> Write {
    Write::Put {
        shelf: Shelf::Marks,
        key: MARK.to_owned(),
        body: at.to_rfc3339(),
    }
}

/// One point of each series; `points` are in the order of time within each.
fn rolled(grain: Grain, at: DateTime<Utc>, points: Vec<Point>) -> Vec<Point> {
    let mut made: BTreeMap<String, Point> = BTreeMap::new();
    for point in points {
        match made.get_mut(&point.series) {
            Some(sum) => {
                sum.count += point.count;
                sum.sum += point.sum;
                sum.min = sum.min.min(point.min);
                sum.max = sum.max.max(point.max);
                sum.last = point.last;
            }
            None => {
                let key = point.series.clone();
                made.insert(key, Point { grain, at, ..point });
            }
        }
    }
    made.into_values().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::history::Sqlite;

    fn minute(minute: i64, count: u64, value: f64) -> Point {
        let at = DateTime::from_timestamp(1_790_000_100 + minute * 60, 0).unwrap();
        Point {
            series: "a{x:y}".to_owned(),
            grain: Grain::Minute,
            at: Grain::Minute.begin(at),
            count,
            sum: value * count as f64,
            min: value,
            max: value,
            last: value,
        }
    }

    #[test]
    fn a_program_that_is_killed_in_the_middle_halves_no_grain() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Sqlite::open(dir.path()).unwrap();
        let (one, two) = (minute(0, 2, 5.0), minute(1, 3, 7.0));
        let quarter = Grain::QuarterHour.begin(one.at);
        let mut first = Rollup::default();
        store.write(&[mark(one.at)]).unwrap();
        store.write(&[Write::Point(one.clone())]).unwrap();
        first.written(&[Write::Point(one.clone())]);
        first.step(&mut store, one.at).unwrap();
        let of = |store: &mut Sqlite, grain, at: DateTime<Utc>| {
            let points = store.points("a{", grain, at, at + Duration::seconds(1));
            points.unwrap().pop()
        };
        assert_eq!(
            of(&mut store, Grain::QuarterHour, quarter),
            None,
            "not over"
        );
        // killed; another goes on
        drop(first);
        let mut second = Rollup::default();
        second.begin(&mut store, two.at);
        store.write(&[Write::Point(two.clone())]).unwrap();
        second.written(&[Write::Point(two.clone())]);
        let later = one.at + Duration::days(2);
        for _ in 0..200 {
            second.step(&mut store, later).unwrap();
        }
        assert!(second.dirty.is_empty());
        for grain in [Grain::QuarterHour, Grain::Hour, Grain::Day] {
            let made = of(&mut store, grain, grain.begin(one.at)).unwrap();
            assert_eq!((made.count, made.sum), (5, 31.0), "{grain:?}");
            assert_eq!((made.min, made.max, made.last), (5.0, 7.0, 7.0));
        }
        // a late one reaches all that it is in, and a start that ends at once doesn't lose it
        let late = minute(2, 1, 1.0);
        store.write(&[Write::Point(late.clone())]).unwrap();
        second.written(&[Write::Point(late)]);
        second.end(&mut store, later);
        let day = of(&mut store, Grain::Day, Grain::Day.begin(one.at)).unwrap();
        assert_eq!((day.count, day.min), (6, 1.0));
    }
}
