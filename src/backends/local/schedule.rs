//! Cron lines, in UTC.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use croner::Cron;

/// What is wrong with a cron line.
pub fn check(line: &str) -> Result<(), String> {
    let cron = Cron::from_str(line).map_err(|e| e.to_string())?;
    cron.find_next_occurrence(&Utc::now(), false)
        .map(|_| ())
        .map_err(|_| "this time never comes".to_owned())
}

/// The first time after this one.
pub fn next(line: &str, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    Cron::from_str(line)
        .ok()?
        .find_next_occurrence(&after, false)
        .ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_next_time_is_in_utc_and_never_now() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(
            next("*/5 * * * *", at("2026-03-01T10:05:00Z")),
            Some(at("2026-03-01T10:10:00Z"))
        );
        assert_eq!(
            next("0 3 * * MON", at("2026-03-01T10:05:00Z")),
            Some(at("2026-03-02T03:00:00Z"))
        );
    }

    #[test]
    fn lines_that_mean_nothing_are_refused() {
        for line in ["", "often", "61 * * * *", "* * *", "0 0 31 2 *"] {
            assert!(check(line).is_err(), "{line} was taken");
        }
        for line in ["* * * * *", "@hourly", "0 9-17 * * 1-5"] {
            assert_eq!(check(line), Ok(()), "{line}");
        }
    }
}
