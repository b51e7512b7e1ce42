//! How much room the history takes, by the quarter of an hour, kept among its own metrics: how fast it grows can be
//! told from that.

use chrono::{DateTime, Utc};

use super::store::{Grain, Point, Store, StoreError, Write};

/// The series under which its size is kept, bytes.
pub const SIZE: &str = "history.size{}";

#[derive(Debug, Default)]
pub(super) struct Weigh {
    last: Option<DateTime<Utc>>,
}

impl Weigh {
    /// The size as it is now, once in a quarter of an hour; `None`: it was kept already.
    pub fn step(
        &mut self,
        store: &mut dyn Store,
        now: DateTime<Utc>,
    ) -> Result<Option<Write>, StoreError> {
        let quarter = Grain::QuarterHour.begin(now);
        if self.last == Some(quarter) {
            return Ok(None);
        }
        let bytes = store.bytes()? as f64;
        let point = Write::Point(Point {
            series: SIZE.to_owned(),
            grain: Grain::Minute,
            at: Grain::Minute.begin(now),
            count: 1,
            sum: bytes,
            min: bytes,
            max: bytes,
            last: bytes,
        });
        store.write(std::slice::from_ref(&point))?;
        self.last = Some(quarter);
        Ok(Some(point))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chrono::Duration;

    use super::super::Sqlite;
    use super::*;

    #[test]
    fn the_size_is_kept_once_in_a_quarter_of_an_hour() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Sqlite::open(dir.path()).unwrap();
        let begin = DateTime::from_timestamp(1_790_000_100, 0).unwrap();
        let mut weigh = Weigh::default();
        let mut kept = 0;
        for minute in 0..60 {
            let now = begin + Duration::minutes(minute);
            kept += usize::from(weigh.step(&mut store, now).unwrap().is_some());
        }
        assert_eq!(kept, 4);
        let to = begin + Duration::hours(1);
        let points = store.points(SIZE, Grain::Minute, begin, to).unwrap();
        assert_eq!(points.len(), 4);
        assert!(points.iter().all(|p| p.last >= 4_096.0));
    }
}
