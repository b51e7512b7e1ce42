#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::{Duration, TimeZone as _};
use proptest::prelude::*;

use super::*;
use crate::tui::widgets::testing::{self, suffix, theme};

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 20, 3, 14, 7).unwrap()
}

/// Thirty days, one run a day; from the 12th on it takes longer; one failed, one took very long.
fn draw(buf: &mut Buffer, area: Rect, ascii: bool) {
    let day = |n: i64| now() - Duration::days(30 - n);
    let took = |n: i64| match n {
        20 => 9_000.0,
        12.. => 900.0 + (n % 3) as f64 * 40.0,
        _ => 600.0 + (n % 4) as f64 * 30.0,
    };
    let runs: Vec<_> = (0..30)
        .filter(|n| *n != 7)
        .map(|n| (day(n), took(n)))
        .collect();
    let usual: Vec<_> = (0..30)
        .map(|n| (day(n), if n < 12 { 640.0 } else { 940.0 }))
        .collect();
    let upper: Vec<_> = usual.iter().map(|(at, v)| (*at, v * 1.2)).collect();
    Chart {
        from: day(0),
        to: now(),
        unit: Unit::Duration,
        zone: Zone::Utc,
        series: &[
            (Look::Dashed, &upper),
            (Look::Line, &usual),
            (Look::Dots, &runs),
        ],
        bad: &[(day(7), Some(420.0)), (day(25), None)],
        changes: &[day(12)],
        most: Some(1_400.0),
    }
    .draw(buf, area, theme(ascii));
}

#[test]
fn looks() {
    for (width, height, ascii) in [
        (78, 12, false),
        (156, 20, false),
        (78, 12, true),
        (20, 3, false),
    ] {
        let text = testing::text(width, height, |buf, area| draw(buf, area, ascii));
        insta::assert_snapshot!(format!("chart_{width}x{height}{}", suffix(ascii)), text);
    }
}

#[test]
fn any_size() {
    testing::every_size(|buf, area| draw(buf, area, false));
    testing::every_size(|buf, area| draw(buf, area, true));
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        -1e6..1e6f64,
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::MAX),
        Just(0.0),
    ]
}

proptest! {
    #[test]
    fn any_data(
        values in prop::collection::vec((-400_000_000i64..400_000_000, number()), 0..40),
        span in -10i64..400_000_000,
        most in prop::option::of(number()),
        (width, height) in (0u16..120, 0u16..40),
        unit in prop::sample::select(vec![Unit::Duration, Unit::Bytes, Unit::Count, Unit::Share]),
        ascii: bool,
    ) {
        let points: Vec<_> = values.iter().map(|(s, v)| (now() + Duration::seconds(*s), *v)).collect();
        let bad: Vec<_> = points.iter().map(|(at, v)| (*at, Some(*v))).collect();
        let changes: Vec<_> = points.iter().map(|(at, _)| *at).collect();
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        Chart {
            from: now() - Duration::seconds(span),
            to: now(),
            unit,
            zone: Zone::Utc,
            series: &[(Look::Dots, &points), (Look::Line, &points), (Look::Dashed, &points)],
            bad: &bad,
            changes: &changes,
            most,
        }
        .draw(&mut buf, area, theme(ascii));
    }
}
