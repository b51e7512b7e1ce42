//! Owns how times, counts and names become short text. Widths are terminal columns.

use std::borrow::Cow;

use chrono::{DateTime, Duration, Local, Utc};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

pub use crate::model::span::duration;

/// In which zone clock times are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    #[default]
    Utc,
    Local,
}

/// Where text stands in its column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    #[default]
    Left,
    Right,
}

/// As [`duration`], with seconds below an hour: "12m07". For what is being watched.
pub fn duration_fine(span: Duration) -> String {
    let s = span.num_seconds().max(0);
    if (60..3600).contains(&s) {
        format!("{}m{:02}", s / 60, s % 60)
    } else {
        duration(span)
    }
}

/// "3m ago", "in 12m", "now".
pub fn age(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let span = now - then;
    match span.num_seconds() {
        0 => "now".to_owned(),
        s if s > 0 => format!("{} ago", duration(span)),
        _ => format!("in {}", duration(-span)),
    }
}

/// "03:14:07".
pub fn clock(at: DateTime<Utc>, zone: Zone) -> String {
    in_zone(at, zone, "%H:%M:%S")
}

/// "03:14:07 UTC", "04:14:07 +01:00".
pub fn clock_with_zone(at: DateTime<Utc>, zone: Zone) -> String {
    match zone {
        Zone::Utc => in_zone(at, zone, "%H:%M:%S UTC"),
        Zone::Local => in_zone(at, zone, "%H:%M:%S %:z"),
    }
}

/// "03:14 UTC", "04:14 +01:00".
pub fn minute_with_zone(at: DateTime<Utc>, zone: Zone) -> String {
    match zone {
        Zone::Utc => in_zone(at, zone, "%H:%M UTC"),
        Zone::Local => in_zone(at, zone, "%H:%M %:z"),
    }
}

/// "04:00" on the day of `now`, else "21 04:00" within a month, else "2026-11-21".
pub fn due(at: DateTime<Utc>, now: DateTime<Utc>, zone: Zone) -> String {
    if in_zone(at, zone, "%F") == in_zone(now, zone, "%F") {
        in_zone(at, zone, "%H:%M")
    } else if (at - now).num_days().abs() < 28 {
        in_zone(at, zone, "%d %H:%M")
    } else {
        in_zone(at, zone, "%F")
    }
}

/// "2026-11-20 03:14:07".
pub fn date_time(at: DateTime<Utc>, zone: Zone) -> String {
    in_zone(at, zone, "%F %T")
}

/// "2026-11-20 03:14".
pub fn date_minute(at: DateTime<Utc>, zone: Zone) -> String {
    in_zone(at, zone, "%F %H:%M")
}

/// "2026-11-20".
pub fn date(at: DateTime<Utc>, zone: Zone) -> String {
    in_zone(at, zone, "%F")
}

/// "20 Nov".
pub fn day(at: DateTime<Utc>, zone: Zone) -> String {
    in_zone(at, zone, "%-d %b")
}

/// A label of a time ruler: "03:14", "20 03:14", with seconds where they count.
pub fn tick(at: DateTime<Utc>, zone: Zone, day: bool, seconds: bool) -> String {
    let format = match (day, seconds) {
        (false, false) => "%H:%M",
        (false, true) => "%H:%M:%S",
        (true, false) => "%d %H:%M",
        (true, true) => "%d %H:%M:%S",
    };
    in_zone(at, zone, format)
}

/// How far the clocks of a zone are ahead of UTC.
pub fn offset(at: DateTime<Utc>, zone: Zone) -> Duration {
    match zone {
        Zone::Utc => Duration::zero(),
        Zone::Local => {
            let local = at.with_timezone(&Local);
            Duration::seconds(i64::from(local.offset().local_minus_utc()))
        }
    }
}

/// "UTC", "+01:00".
pub fn zone_word(at: DateTime<Utc>, zone: Zone) -> String {
    match zone {
        Zone::Utc => "UTC".to_owned(),
        Zone::Local => in_zone(at, zone, "%:z"),
    }
}

fn in_zone(at: DateTime<Utc>, zone: Zone, format: &str) -> String {
    match zone {
        Zone::Utc => at.format(format).to_string(),
        Zone::Local => at.with_timezone(&Local).format(format).to_string(),
    }
}

/// "1,812".
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// "812 B", "1.4 GB"; powers of 1000.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if n < 1000 {
        return format!("{n} B");
    }
    let mut value = n as f64;
    for unit in UNITS {
        value /= 1000.0;
        // what would be rounded to 1000 belongs to the next unit
        if value < 9.95 {
            return format!("{value:.1} {unit}");
        }
        if value < 999.5 {
            return format!("{value:.0} {unit}");
        }
    }
    format!("{:.0} EB", value)
}

/// A number a node reported: whole ones as a count, others with at most three decimals.
pub fn metric(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(value.abs() as u64));
    }
    let text = format!("{value:.3}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// "1st", "2nd", "3rd", "11th".
pub fn ordinal(n: u32) -> String {
    let suffix = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{suffix}")
}

/// "1 node", "3 nodes".
pub fn plural(n: usize, one: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {one}{s}", count(n as u64))
}

/// Columns a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The longest start of a text that fits, by grapheme.
fn head(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, g) in text.grapheme_indices(true) {
        used += g.width();
        if used > columns {
            return &text[..at];
        }
    }
    text
}

/// The longest end of a text that fits, by grapheme.
fn tail(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, g) in text.grapheme_indices(true).rev() {
        used += g.width();
        if used > columns {
            return &text[at + g.len()..];
        }
    }
    text
}

/// Shortened at its end: "orders_da…". Never wider than `columns`.
pub fn fit<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
    // most names are short ASCII: no need to walk them
    if text.len() <= columns || text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let mark = ellipsis.width();
    if columns <= mark {
        return Cow::Borrowed(head(text, columns));
    }
    Cow::Owned(format!("{}{ellipsis}", head(text, columns - mark)))
}

/// Shortened in its middle, because names often differ at their end: "load_orde…_eu_west".
pub fn fit_middle<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
    if text.len() <= columns || text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let mark = ellipsis.width();
    if columns < mark + 2 {
        return Cow::Borrowed(head(text, columns));
    }
    let room = columns - mark;
    let start = head(text, room.div_ceil(2));
    let end = tail(text, room - start.width());
    Cow::Owned(format!("{start}{ellipsis}{end}"))
}

/// Exactly `columns` wide: shortened at its end or filled with spaces.
pub fn pad(text: &str, columns: usize, align: Align, ellipsis: &str) -> String {
    let text = fit(text, columns, ellipsis);
    let fill = " ".repeat(columns.saturating_sub(text.width()));
    match align {
        Align::Left => format!("{text}{fill}"),
        Align::Right => format!("{fill}{text}"),
    }
}

/// Pieces of a text, each at most `columns` wide, broken at spaces where possible. A width of 0 counts as 1;
/// a grapheme wider than the width stands alone.
pub fn wrap(text: &str, columns: usize) -> Vec<&str> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut rest = text.trim_end();
    while !rest.is_empty() {
        let fits = head(rest, columns);
        if fits.len() == rest.len() {
            lines.push(rest);
            break;
        }
        let fits = if fits.is_empty() {
            rest.graphemes(true).next().unwrap_or(rest)
        } else {
            fits
        };
        // a word that ends exactly at the edge stays whole
        let whole_word = fits.ends_with(' ') || rest[fits.len()..].starts_with(' ');
        let cut = match fits.trim_end().rfind(' ') {
            _ if whole_word => fits.len(),
            Some(space) if !fits[..space].trim().is_empty() => space + 1,
            _ => fits.len(),
        };
        lines.push(rest[..cut].trim_end());
        rest = rest[cut..].trim_start_matches(' ');
    }
    if lines.is_empty() {
        lines.push("");
    }
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use chrono::TimeZone;
    use proptest::prelude::*;

    fn at(h: u32, m: u32, s: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 20, h, m, s).unwrap()
    }

    #[test]
    fn durations() {
        for (seconds, text) in [
            (-5, "0s"),
            (0, "0s"),
            (41, "41s"),
            (59, "59s"),
            (60, "1m"),
            (12 * 60 + 59, "12m"),
            (3599, "59m"),
            (3 * 3600 + 5 * 60, "3h05"),
            (86_399, "23h59"),
            (2 * 86_400 + 4 * 3600 + 1, "2d 4h"),
            (400 * 86_400, "400d 0h"),
        ] {
            assert_eq!(duration(Duration::seconds(seconds)), text, "{seconds}");
        }
        assert_eq!(duration_fine(Duration::seconds(59)), "59s");
        assert_eq!(duration_fine(Duration::seconds(727)), "12m07");
        assert_eq!(duration_fine(Duration::seconds(3600)), "1h00");
    }

    #[test]
    fn ages_and_clocks() {
        let now = at(3, 14, 7);
        assert_eq!(age(at(3, 11, 2), now), "3m ago");
        assert_eq!(age(now, now), "now");
        assert_eq!(age(at(3, 26, 7), now), "in 12m");
        assert_eq!(clock(now, Zone::Utc), "03:14:07");
        assert_eq!(clock_with_zone(now, Zone::Utc), "03:14:07 UTC");
        assert_eq!(due(at(4, 0, 0), now, Zone::Utc), "04:00");
        assert_eq!(due(now + Duration::days(1), now, Zone::Utc), "21 03:14");
        assert_eq!(due(now + Duration::days(60), now, Zone::Utc), "2027-01-19");
        assert_eq!(clock_with_zone(now, Zone::Local).len(), 15);
    }

    #[test]
    fn counts_and_bytes() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_812, "1,812"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(n), text);
        }
        for (n, text) in [
            (0, "0 B"),
            (812, "812 B"),
            (1_000, "1.0 kB"),
            (9_960, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (1_400_000_000, "1.4 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(bytes(n), text, "{n}");
        }
        assert_eq!(metric(1234.0), "1,234");
        assert_eq!(metric(-2.0), "-2");
        assert_eq!(metric(0.25), "0.25");
        assert_eq!(metric(f64::NAN), "NaN");
    }

    #[test]
    fn words_for_numbers() {
        let all: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal).into();
        assert_eq!(
            all,
            [
                "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"
            ]
        );
        assert_eq!(plural(1, "node"), "1 node");
        assert_eq!(plural(1200, "node"), "1,200 nodes");
    }

    #[test]
    fn shortening() {
        for (columns, end, middle) in [
            (0, "", ""),
            (1, "o", "o"),
            (2, "o…", "or"),
            (5, "orde…", "or…ly"),
            (8, "orders_…", "orde…ily"),
            (12, "orders_daily", "orders_daily"),
        ] {
            assert_eq!(fit("orders_daily", columns, "…"), end);
            assert_eq!(fit_middle("orders_daily", columns, "…"), middle);
        }
        assert_eq!(fit("数据数据", 5, "…"), "数据…");
        assert_eq!(fit("数据数据", 4, "…"), "数…");
        assert_eq!(fit_middle("数据数据", 6, "…"), "数…据");
        assert_eq!(fit("e\u{301}clair", 3, "…"), "e\u{301}c…");
        assert_eq!(pad("ab", 4, Align::Right, "…"), "  ab");
        assert_eq!(pad("数据数", 4, Align::Left, "…"), "数… ");
    }

    #[test]
    fn wrapping() {
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(
            wrap("4 pipelines wait for it", 12),
            ["4 pipelines", "wait for it"]
        );
        assert_eq!(wrap("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("数据", 1), ["数", "据"]);
        assert_eq!(wrap("ab cd", 0), ["a", "b", "c", "d"]);
    }

    proptest! {
        #[test]
        fn never_wider_than_asked(text in "\\PC{0,40}", columns in 0usize..30) {
            prop_assert!(fit(&text, columns, "…").width() <= columns);
            prop_assert!(fit_middle(&text, columns, "…").width() <= columns);
            prop_assert_eq!(pad(&text, columns, Align::Left, "…").width(), columns);
            for line in wrap(&text, columns.max(2)) {
                let alone = line.graphemes(true).count() == 1;
                prop_assert!(line.width() <= columns.max(2) || alone);
            }
        }

        #[test]
        fn wrapping_loses_nothing_but_spaces(text in "[a-z 数]{0,60}", columns in 1usize..20) {
            let joined: String = wrap(&text, columns).concat();
            prop_assert_eq!(joined.replace(' ', ""), text.replace(' ', ""));
        }
    }
}
