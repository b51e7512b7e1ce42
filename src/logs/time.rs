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

/// A time at the beginning of a text: what it says (`None` for an hour without a day) and where it ends.
/// Knows `2026-11-20T03:11:02.123Z`, with a space, `/`, a comma before the fraction, a zone of any form or
/// none (then UTC), Spark's `26/11/20 03:11:02`, and `03:11:02` alone.
pub(super) fn leading(bytes: &[u8]) -> Option<(Option<Micros>, usize)> {
    let mut cursor = Cursor { bytes, at: 0 };
    let (day, second) = match dated(bytes) {
        Some((day, second, end)) => {
            cursor.at = end;
            (Some(day), second)
        }
        None => (None, cursor.clock()?),
    };
    let time = second * SECOND + cursor.fraction();
    let zone = cursor.zone();
    let at = day.map(|day| day * DAY + time - zone * 60 * SECOND);
    Some((at, cursor.at))
}

/// Day and second of `2026-11-20T03:11:02` or `26/11/20 03:11:02`, and where it ends.
fn dated(bytes: &[u8]) -> Option<(i64, i64, usize)> {
    let (century, from) = match bytes.get(2)? {
        b'/' => (2000, 0),
        _ => {
            let digit = |at: usize| {
                bytes
                    .get(at)?
                    .is_ascii_digit()
                    .then(|| u32::from(bytes[at] - b'0'))
            };
            (digit(0)? * 1000 + digit(1)? * 100, 2)
        }
    };
    let text: &[u8; 17] = bytes.get(from..)?.first_chunk()?;
    let [year, month, day] = pairs(text.first_chunk()?)?;
    let [hour, minute, seconds] = pairs(text.last_chunk()?)?;
    let signs = matches!(text[2], b'-' | b'/')
        && text[5] == text[2]
        && matches!(text[8], b'T' | b' ' | b't')
        && text[11] == b':'
        && text[14] == b':';
    if !signs {
        return None;
    }
    let day = civil(century + year, month, day)?;
    Some((day, second(hour, minute, seconds)?, from + 17))
}

/// The numbers of `03:11:02`, whatever stands between them. Asked of nearly every line, so all digits are looked at
/// together.
fn pairs(text: &[u8; 8]) -> Option<[u32; 3]> {
    const DIGITS: u64 = u64::from_le_bytes([0xff, 0xff, 0, 0xff, 0xff, 0, 0xff, 0xff]);
    const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]) & DIGITS;
    const HIGH: u64 = u64::from_ne_bytes([0xf0; 8]);
    const SIX: u64 = u64::from_ne_bytes([6; 8]) & DIGITS;
    let text = u64::from_le_bytes(*text) & DIGITS;
    // `0` to `9` are 0x30 to 0x39: six more is still 0x3f
    if text & HIGH != ZEROS || (text + SIX) & HIGH != ZEROS {
        return None;
    }
    let digits = text ^ ZEROS;
    let numbers = digits * 10 + (digits >> 8);
    let at = |byte: u32| (numbers >> (byte * 8)) as u32 & 0xff;
    Some([at(0), at(3), at(6)])
}

/// A second of a day.
fn second(hour: u32, minute: u32, second: u32) -> Option<i64> {
    let fine = hour < 24 && minute < 60 && second < 60;
    fine.then_some(i64::from(hour * 3600 + minute * 60 + second))
}

/// A whole string that is a time.
pub(super) fn parse(text: &[u8]) -> Option<Micros> {
    leading(text.trim_ascii()).and_then(|(at, _)| at)
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
    let month = MONTHS.iter().position(|month| *month == name)? as u32 + 1;
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

fn nearest(month: u32, day: u32, time: i64, near: Option<Micros>) -> Option<Micros> {
    let near = near?;
    let year = u32::try_from(year_of(near.div_euclid(DAY))).ok()?;
    let at = |year| civil(year, month, day).map(|day| day * DAY + time);
    [year + 1, year, year.saturating_sub(1)]
        .into_iter()
        .filter_map(at)
        .find(|at| *at <= near + DAY)
}

/// Days since 1970 of a date that exists.
fn civil(year: u32, month: u32, day: u32) -> Option<i64> {
    let leap = || year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap() => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) {
        return None;
    }
    // years that begin in March (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"), none below zero
    let (year, month) = match month {
        1 | 2 => (year + 399, month + 9),
        _ => (year + 400, month - 3),
    };
    let leaps = year / 4 - year / 100 + year / 400;
    let days = year * 365 + leaps + (153 * month + 2) / 5 + day - 1;
    Some(i64::from(days) - 719_468 - 146_097)
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

    fn number(&mut self, digits: usize) -> Option<u32> {
        let part = self.bytes.get(self.at..self.at + digits)?;
        let mut n = 0;
        for b in part {
            n = n * 10 + u32::from(b.is_ascii_digit().then(|| b - b'0')?);
        }
        self.at += digits;
        Some(n)
    }

    fn accept(&mut self, wanted: &[u8]) -> Option<u8> {
        let b = self.peek().filter(|b| wanted.contains(b))?;
        self.at += 1;
        Some(b)
    }

    /// Microseconds of a day.
    fn time(&mut self) -> Option<i64> {
        Some(self.clock()? * SECOND + self.fraction())
    }

    /// Seconds of a day.
    fn clock(&mut self) -> Option<i64> {
        let hour = self.number(2)?;
        self.accept(b":")?;
        let minute = self.number(2)?;
        self.accept(b":")?;
        second(hour, minute, self.number(2)?)
    }

    /// Microseconds of a second.
    fn fraction(&mut self) -> i64 {
        const UNITS: [i64; 6] = [100_000, 10_000, 1_000, 100, 10, 1];
        let digits = match self.peek() {
            Some(b'.' | b',') => self.bytes.get(self.at + 1..).unwrap_or_default(),
            _ => return 0,
        };
        let length = digits.iter().take_while(|b| b.is_ascii_digit()).count();
        if length > 0 {
            self.at += 1 + length;
        }
        let known = digits.iter().take(length).zip(UNITS);
        known.map(|(b, unit)| i64::from(b - b'0') * unit).sum()
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
        (hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 60 + minutes))
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
            let (at, end) = leading(text.as_bytes()).unwrap();
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
        assert_eq!(leading(b"03:11:02.5 | x"), Some((None, 10)));
        assert_eq!(leading(b"03:11:02. x"), Some((None, 8)));
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
            assert_eq!(leading(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_year_that_is_left_out_is_the_last_one_that_fits() {
        let near = parse(b"2026-01-02T00:00:00");
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
            prop_assert_eq!(civil(u32::try_from(year).unwrap(), month, of_month), Some(i64::from(day)));
            prop_assert_eq!(year_of(i64::from(day)), i64::from(year));
        }
    }
}
