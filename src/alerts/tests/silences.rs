//! When a silence is in force.

use super::*;
use crate::alerts::{SilenceError, Silences};
use crate::model::{Silence, When};
use chrono::{NaiveTime, Weekday};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn window(days: &[Weekday], start: &str, minutes: u32, zone: &str) -> Silence {
    Silence {
        id: "w".to_owned(),
        reason: SafeText::new("maintenance"),
        by: by(0),
        matchers: vec!["pipeline=*".to_owned()],
        when: When::Weekly {
            days: days.to_vec(),
            start: NaiveTime::parse_from_str(start, "%H:%M").unwrap(),
            minutes,
            zone: zone.to_owned(),
        },
    }
}

#[test]
fn windows_follow_the_clock_of_their_place() {
    use Weekday::*;
    type Case = (
        &'static [Weekday],
        &'static str,
        u32,
        &'static str,
        &'static str,
        bool,
    );
    let cases: &[Case] = &[
        (&[Sun], "02:00", 60, "UTC", "2026-11-22T02:00:00Z", true),
        (&[Sun], "02:00", 60, "UTC", "2026-11-22T02:59:59Z", true),
        (&[Sun], "02:00", 60, "UTC", "2026-11-22T03:00:00Z", false),
        (&[Sun], "02:00", 60, "UTC", "2026-11-23T02:30:00Z", false),
        (&[], "02:00", 60, "UTC", "2026-11-23T02:30:00Z", true),
        // over midnight, and longer than a day
        (&[Sat], "23:30", 120, "UTC", "2026-11-22T01:15:00Z", true),
        (&[Fri], "18:00", 3720, "UTC", "2026-11-23T07:59:00Z", true),
        (&[Fri], "18:00", 3720, "UTC", "2026-11-23T08:00:00Z", false),
        // winter and summer in Berlin
        (
            &[Sun],
            "02:00",
            60,
            "Europe/Berlin",
            "2026-11-22T01:30:00Z",
            true,
        ),
        (
            &[Sun],
            "02:00",
            60,
            "Europe/Berlin",
            "2026-07-19T00:30:00Z",
            true,
        ),
        (
            &[Sun],
            "02:00",
            60,
            "Europe/Berlin",
            "2026-07-19T01:30:00Z",
            false,
        ),
        // the night without a 02:30: it begins when the clock goes on, at 03:00
        (
            &[Sun],
            "02:30",
            60,
            "Europe/Berlin",
            "2026-03-29T00:59:00Z",
            false,
        ),
        (
            &[Sun],
            "02:30",
            60,
            "Europe/Berlin",
            "2026-03-29T01:00:00Z",
            true,
        ),
        (
            &[Sun],
            "02:30",
            60,
            "Europe/Berlin",
            "2026-03-29T02:00:00Z",
            false,
        ),
        // the night with two of them: the first counts
        (
            &[Sun],
            "02:30",
            60,
            "Europe/Berlin",
            "2026-10-25T00:30:00Z",
            true,
        ),
        (
            &[Sun],
            "02:30",
            60,
            "Europe/Berlin",
            "2026-10-25T01:29:00Z",
            true,
        ),
        (
            &[Sun],
            "02:30",
            60,
            "Europe/Berlin",
            "2026-10-25T01:30:00Z",
            false,
        ),
    ];
    for (days, start, minutes, zone, now, want) in cases {
        let mut all = Silences::default();
        all.put(window(days, start, *minutes, zone)).unwrap();
        let got = all.in_force("w", at(now));
        assert_eq!(
            got.is_some(),
            *want,
            "{days:?} {start} {zone} {now}: {got:?}"
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut all = Silences::default();
    let mut none = window(&[], "02:00", 60, "UTC");
    none.matchers.clear();
    assert_eq!(all.put(none), Err(SilenceError::NoMatcher));
    let zone = all.put(window(&[], "02:00", 60, "Europe/Atlantis"));
    assert!(zone.unwrap_err().to_string().contains("Europe/Atlantis"));
    for minutes in [0, 7 * 24 * 60 + 1] {
        let long = all.put(window(&[], "02:00", minutes, "UTC"));
        assert_eq!(long, Err(SilenceError::Length));
    }
    let back = Silence {
        when: When::Once {
            from: t(5),
            until: t(5),
        },
        ..window(&[], "02:00", 60, "UTC")
    };
    assert_eq!(all.put(back), Err(SilenceError::Backwards));
    assert_eq!(all.iter().count(), 0);
}
