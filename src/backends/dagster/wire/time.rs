//! Dagster's forms of time: seconds as a float, milliseconds as text, and seconds where it is asked.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};

/// Seconds since 1970 as a float: runs, steps, ticks, heartbeats.
pub fn seconds<'de, D: Deserializer<'de>>(d: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    Ok(Option::<f64>::deserialize(d)?.and_then(at_seconds))
}

/// `None` beyond what a date can be.
pub fn at_seconds(seconds: f64) -> Option<DateTime<Utc>> {
    let micros = (seconds * 1e6).round();
    // as text of milliseconds, or milliseconds as a float, it would be 50,000 years later
    (micros.is_finite() && micros.abs() < 1e17)
        .then(|| DateTime::from_timestamp_micros(micros as i64))
        .flatten()
}

/// Milliseconds since 1970 as text: events and materialisations.
pub fn millis_text<'de, D: Deserializer<'de>>(d: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<String>::deserialize(d)?;
    Ok(text
        .and_then(|text| text.parse().ok())
        .and_then(DateTime::from_timestamp_millis))
}

/// What the server wants to be asked with: seconds.
pub fn to_seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_micros() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::backends::dagster::wire::{Event, Run};
    use serde_json::json;

    #[test]
    fn all_forms_of_time_are_read_and_none_is_taken_for_another() {
        let want = "2026-11-20T02:00:00.250Z".parse::<DateTime<Utc>>().unwrap();
        let run: Run = serde_json::from_value(
            json!({"runId": "r", "jobName": "j", "creationTime": 1795140000.25,
            "startTime": null}),
        )
        .unwrap();
        assert_eq!((run.creation_time, run.start_time), (Some(want), None));
        let event: Event = serde_json::from_value(json!({"timestamp": "1795140000250"})).unwrap();
        assert_eq!(event.timestamp, Some(want));
        assert_eq!(to_seconds(want), 1_795_140_000.25);
        assert_eq!(at_seconds(1_795_140_000_250.0), None);
        assert_eq!(at_seconds(f64::NAN), None);
    }
}
