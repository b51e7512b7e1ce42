//! Owns reading the time at the beginning of a line.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};

/// A time at the beginning of `text`: what it says (`None` for an hour without a day) and where it ends.
/// Knows `2026-11-20T03:11:02.123Z`, with a space, `/`, a comma before the fraction, a zone of any form or
/// none (then UTC), Spark's `26/11/20 03:11:02`, and `03:11:02` alone.
pub(super) fn leading(text: &str) -> Option<(Option<DateTime<Utc>>, usize)> {
    let mut cursor = Cursor {
        bytes: text.as_bytes(),
        at: 0,
    };
    let date = cursor.date();
    if date.is_some() {
        match cursor.peek()? {
            b'T' | b' ' | b't' => cursor.at += 1,
            _ => return None,
        }
    } else {
        cursor.at = 0;
    }
    let time = cursor.time()?;
    let zone = cursor.zone();
    let at = date.and_then(|date| {
        let naive = NaiveDateTime::new(date, time);
        let local = FixedOffset::east_opt(zone * 60)?.from_local_datetime(&naive);
        local.single().map(|at| at.to_utc())
    });
    Some((at, cursor.at))
}

/// A whole string that is a time.
pub(super) fn parse(text: &str) -> Option<DateTime<Utc>> {
    leading(text.trim()).and_then(|(at, _)| at)
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

    fn date(&mut self) -> Option<NaiveDate> {
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
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
    }

    fn time(&mut self) -> Option<NaiveTime> {
        let hour = self.number(2)?;
        self.accept(b":")?;
        let minute = self.number(2)?;
        self.accept(b":")?;
        let second = self.number(2)?;
        let mut nanos = 0;
        let before = self.at;
        if self.accept(b".,").is_some() {
            let mut unit = 100_000_000;
            let start = self.at;
            while let Some(digit) = self.number(1) {
                nanos += digit * unit;
                unit /= 10;
            }
            if self.at == start {
                self.at = before;
            }
        }
        NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)
    }

    /// Minutes east of UTC; 0 when none is named.
    fn zone(&mut self) -> i32 {
        let before = self.at;
        if self.accept(b"Zz").is_some() {
            return 0;
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.starts_with(b" UTC") || rest.starts_with(b" GMT") {
            self.at += 4;
            return 0;
        }
        let _ = self.accept(b" ");
        self.offset().unwrap_or_else(|| {
            self.at = before;
            0
        })
    }

    fn offset(&mut self) -> Option<i32> {
        let sign = if self.accept(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.number(2)?;
        let _ = self.accept(b":");
        let minutes = self.number(2)?;
        let total = i32::try_from(hours * 60 + minutes).ok()?;
        (hours < 24 && minutes < 60).then_some(sign * total)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

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
        ] {
            let (at, end) = leading(text).unwrap();
            assert_eq!(
                at.unwrap().to_rfc3339(),
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
            "25:61:61",
            "12 apples",
            "数据",
            "2026-11-2é",
        ] {
            assert_eq!(leading(text), None, "{text}");
        }
    }
}
