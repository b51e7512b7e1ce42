//! Which runs a run is compared with: a night run with night runs, as long as there are enough of them.

use chrono::{DateTime, Datelike as _, Timelike as _, Utc, Weekday};
use serde::Serialize;

/// So many of the same time say what is usual then.
pub const ENOUGH: usize = 5;
const DAY: i64 = 24 * 60;

/// Which ones were compared, by their starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Like {
    /// The same weekday, started within an hour of the same time (UTC).
    WeekdayAndHour,
    /// Any day, within an hour of the same time.
    Hour,
    Any,
}

impl Like {
    /// The closest first.
    pub const ALL: [Self; 3] = [Self::WeekdayAndHour, Self::Hour, Self::Any];

    pub fn holds(self, one: DateTime<Utc>, other: DateTime<Utc>) -> bool {
        let within = |period: i64| {
            let apart = (minute(one) - minute(other)).rem_euclid(period);
            apart.min(period - apart) <= 60
        };
        match self {
            // a run that came before midnight is like one that came after it
            Self::WeekdayAndHour => within(7 * DAY),
            Self::Hour => within(DAY),
            Self::Any => true,
        }
    }

    /// "on Tuesdays near 02:00", "near 02:00"; empty for any.
    pub fn words(self, at: DateTime<Utc>) -> String {
        let (hour, minute) = (at.hour(), at.minute());
        let day = match at.weekday() {
            Weekday::Mon => "Mondays",
            Weekday::Tue => "Tuesdays",
            Weekday::Wed => "Wednesdays",
            Weekday::Thu => "Thursdays",
            Weekday::Fri => "Fridays",
            Weekday::Sat => "Saturdays",
            Weekday::Sun => "Sundays",
        };
        match self {
            Self::WeekdayAndHour => format!("on {day} near {hour:02}:{minute:02} UTC"),
            Self::Hour => format!("near {hour:02}:{minute:02} UTC"),
            Self::Any => String::new(),
        }
    }

    /// The closest that leaves enough of them; `None` when all are too few. What is returned is as they came.
    pub fn widen<T: Clone>(
        all: &[T],
        at: DateTime<Utc>,
        enough: usize,
        time: impl Fn(&T) -> DateTime<Utc>,
    ) -> Option<(Self, Vec<T>)> {
        Self::ALL.into_iter().find_map(|like| {
            let near = all.iter().filter(|one| like.holds(time(one), at));
            let near: Vec<T> = near.cloned().collect();
            (near.len() >= enough.max(1)).then_some((like, near))
        })
    }
}

/// The minute of the week, from Monday 00:00 UTC.
const fn minute(time: DateTime<Utc>) -> i64 {
    // 1970 began on a Thursday
    (time.timestamp().div_euclid(60) - 4 * DAY).rem_euclid(7 * DAY)
}

/// 0 to 167, from Monday 00:00 UTC.
pub fn hour_of_week(time: DateTime<Utc>) -> usize {
    usize::try_from(minute(time) / 60).unwrap_or(0).min(167)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn midnight_and_sunday_don_t_part_what_is_near() {
        let late = at("2026-03-01T23:40:00Z"); // a Sunday
        let early = at("2026-03-02T00:30:00Z");
        assert!(Like::WeekdayAndHour.holds(late, early) && Like::Hour.holds(early, late));
        assert!(!Like::WeekdayAndHour.holds(late, at("2026-03-03T00:30:00Z")));
        assert!(Like::Hour.holds(late, at("2026-03-03T00:30:00Z")));
        assert!(!Like::Hour.holds(late, at("2026-03-03T00:41:00Z")));
        assert_eq!((hour_of_week(late), hour_of_week(early)), (167, 0));
    }

    #[test]
    fn it_widens_until_there_are_enough() {
        let times = [
            at("2026-03-03T02:00:00Z"),
            at("2026-03-04T02:00:00Z"),
            at("2026-03-04T12:00:00Z"),
        ];
        let now = at("2026-03-10T02:30:00Z");
        let of = |enough| Like::widen(&times, now, enough, |t| *t).map(|(l, t)| (l, t.len()));
        assert_eq!(of(1), Some((Like::WeekdayAndHour, 1)));
        assert_eq!(of(2), Some((Like::Hour, 2)));
        assert_eq!(of(3), Some((Like::Any, 3)));
        assert_eq!(of(4), None);
        assert_eq!(
            Like::WeekdayAndHour.words(now),
            "on Tuesdays near 02:30 UTC"
        );
    }
}
