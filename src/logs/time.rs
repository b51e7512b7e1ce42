//! Owns reading the time at the beginning of a line. A time is microseconds since 1970 UTC: lines are counted in
//! millions, so nothing here builds more than a number.

use chrono::{DateTime, Utc};

/// Microseconds since 1970 UTC.
pub(super) type Micros = i64;

const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;

pub(super) fn shown(at: Micros) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(at)
}

/// A time at the beginning of `text`: what it says (`None` for an hour without a day) and where it ends.
/// Knows `2026-11-20T03:11:02.123Z`, with a space, `/`, a comma before the fraction, a zone of any form or
/// none (then UTC), Spark's `26/11/20 03:11:02`, and `03:11:02` alone.
pub(super) fn leading(text: &str) -> Option<(Option<Micros>, usize)> {
    let mut cursor = Cursor {
        bytes: text.as_bytes(),
        at: 0,
    };
    let day = cursor.day();
    if day.is_some() {
        match cursor.peek()? {
            b'T' | b' ' | b't' => cursor.at += 1,
            _ => return None,
        }
    } else {
        cursor.at = 0;
    }
    let time = cursor.time()?;
    let zone = cursor.zone();
    let at = day.map(|day| day * DAY + time - zone * 60 * SECOND);
    Some((at, cursor.at))
}

/// A whole string that is a time.
pub(super) fn parse(text: &str) -> Option<Micros> {
    leading(text.trim()).and_then(|(at, _)| at)
}

/// Syslog's `Nov 20 03:11:02` (RFC 3164), which leaves the year out: it is the one that puts the time nearest before
/// `near`, or at most a day after it.
pub(super) fn without_year(text: &str, near: Option<Micros>) -> Option<(Option<Micros>, usize)> {
    const MONTHS: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    let bytes = text.as_bytes();
    let name = bytes.get(..3)?;
    let month = MONTHS.iter().position(|month| *month == name)? as i64 + 1;
    let mut cursor = Cursor { bytes, at: 3 };
    cursor.accept(b" ")?;
    let day = match cursor.accept(b" ") {
        Some(_) => cursor.number(1)?,
        None => cursor.number(2).or_else(|| cursor.number(1))?,
    };
    cursor.accept(b" ")?;
    let time = cursor.time()?;
    Some((nearest(month, day, time, near), cursor.at))
}

/// glog's `1120 03:11:02.123456`: month and day, no year.
pub(super) fn glog(text: &str, near: Option<Micros>) -> Option<(Option<Micros>, usize)> {
    let mut cursor = Cursor {
        bytes: text.as_bytes(),
        at: 0,
    };
    let (month, day) = (cursor.number(2)?, cursor.number(2)?);
    cursor.accept(b" ")?;
    let time = cursor.time()?;
    civil(2024, month, day)?;
    Some((nearest(month, day, time, near), cursor.at))
}

fn nearest(month: i64, day: i64, time: i64, near: Option<Micros>) -> Option<Micros> {
    let near = near?;
    let year = year_of(near.div_euclid(DAY));
    let at = |year| civil(year, month, day).map(|day| day * DAY + time);
    [year + 1, year, year - 1]
        .into_iter()
        .filter_map(at)
        .find(|at| *at <= near + DAY)
}

/// Days since 1970 of a date that exists.
fn civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) {
        return None;
    }
    // years that begin in March, in eras of 400 (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms")
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The inverse, for the year alone (ibidem).
fn year_of(day: i64) -> i64 {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    year + era * 400 + i64::from(of_year >= 306)
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let part = self.bytes.get(self.at..self.at + digits)?;
        let mut n = 0;
        for b in part {
            n = n * 10 + i64::from(b.is_ascii_digit().then(|| b - b'0')?);
        }
        self.at += digits;
        Some(n)
    }

    fn accept(&mut self, wanted: &[u8]) -> Option<u8> {
        let b = self.peek().filter(|b| wanted.contains(b))?;
        self.at += 1;
        Some(b)
    }

    fn day(&mut self) -> Option<i64> {
        let short = self.bytes.get(2) == Some(&b'/');
        let year = if short {
            2000 + self.number(2)?
        } else {
            self.number(4)?
        };
        let separator = self.accept(b"-/")?;
        let month = self.number(2)?;
        self.accept(&[separator])?;
        let day = self.number(2)?;
        civil(year, month, day)
    }

    /// Microseconds of a day.
    fn time(&mut self) -> Option<i64> {
        let hour = self.number(2)?;
        self.accept(b":")?;
        let minute = self.number(2)?;
        self.accept(b":")?;
        let second = self.number(2)?;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let mut micros = 0;
        let before = self.at;
        if self.accept(b".,").is_some() {
            let mut unit = SECOND / 10;
            let start = self.at;
            while let Some(b) = self.peek().filter(u8::is_ascii_digit) {
                micros += i64::from(b - b'0') * unit;
                unit /= 10;
                self.at += 1;
            }
            if self.at == start {
                self.at = before;
            }
        }
        Some((hour * 3600 + minute * 60 + second) * SECOND + micros)
    }

    /// Minutes east of UTC; 0 when none is named.
    fn zone(&mut self) -> i64 {
        let before = self.at;
        match self.peek() {
            Some(b'Z' | b'z') => {
                self.at += 1;
                return 0;
            }
            Some(b'+' | b'-') => {}
            Some(b' ') => {
                let rest = self.bytes.get(self.at..).unwrap_or_default();
                if rest.starts_with(b" UTC") || rest.starts_with(b" GMT") {
                    self.at += 4;
                    return 0;
                }
                self.at += 1;
            }
            _ => return 0,
        }
        self.offset().unwrap_or_else(|| {
            self.at = before;
            0
        })
    }

    fn offset(&mut self) -> Option<i64> {
        let sign = if self.accept(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.number(2)?;
        let _ = self.accept(b":");
        let minutes = self.number(2)?;
        (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_usual_forms_say_the_same() {
        for text in [
            "2026-11-20T03:11:02.123000Z rest",
            "2026-11-20 03:11:02,123 rest",
            "2026-11-20T03:11:02.123+0000 rest",
            "2026-11-20T05:11:02.123+02:00 rest",
            "2026/11/20 03:11:02.123 rest",
            "26/11/20 03:11:02.123 rest",
            "2026-11-20 03:11:02.123 UTC rest",
            "2026-11-19 22:11:02.123 -0500 rest",
            "2026-11-20T03:11:02.123000999Z rest",
        ] {
            let (at, end) = leading(text).unwrap();
            assert_eq!(
                shown(at.unwrap()).unwrap().to_rfc3339(),
                "2026-11-20T03:11:02.123+00:00",
                "{text}"
            );
            assert_eq!(&text[end..], " rest");
        }
    }

    #[test]
    fn an_hour_alone_is_seen_but_not_dated() {
        assert_eq!(leading("03:11:02.5 | x"), Some((None, 10)));
        assert_eq!(leading("03:11:02. x"), Some((None, 8)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026",
            "2026-11-20",
            "2026-13-40T03:11:02",
            "2026-02-29T03:11:02",
            "25:61:61",
            "12 apples",
            "数据",
            "2026-11-2é",
        ] {
            assert_eq!(leading(text), None, "{text}");
        }
    }

    #[test]
    fn a_year_that_is_left_out_is_the_last_one_that_fits() {
        let near = parse("2026-01-02T00:00:00");
        for (text, expected) in [
            ("Jan  2 12:00:00 host", "2026-01-02T12:00:00+00:00"),
            ("Dec 31 23:59:59 host", "2025-12-31T23:59:59+00:00"),
            ("Jan 4 12:00:00 host", "2025-01-04T12:00:00+00:00"),
        ] {
            let (at, end) = without_year(text, near).unwrap();
            assert_eq!(shown(at.unwrap()).unwrap().to_rfc3339(), expected);
            assert_eq!(&text[end..], " host");
        }
        assert_eq!(without_year("Jan  2 12:00:00 x", None), Some((None, 15)));
        assert_eq!(without_year("January 2", near), None);
        assert_eq!(glog("0102 03:04:05.000006 1", near).unwrap().1, 20);
        assert_eq!(glog("1302 03:04:05.000006 1", near), None);
    }

    proptest! {
        #[test]
        fn dates_are_those_of_chrono(day in -700_000i32..2_900_000) {
            let date = chrono::NaiveDate::from_num_days_from_ce_opt(day + 719_163).unwrap();
            let (year, month, of_month) = (chrono::Datelike::year(&date), chrono::Datelike::month(&date), chrono::Datelike::day(&date));
            prop_assert_eq!(civil(year.into(), month.into(), of_month.into()), Some(i64::from(day)));
            prop_assert_eq!(year_of(i64::from(day)), i64::from(year));
        }
    }
}
