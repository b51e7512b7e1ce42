//! Times as people write them on a command line.

use chrono::{DateTime, Utc};

use crate::config::parse_duration;

use super::Usage;

/// `2026-11-20T03:11:02Z`, `2026-11-20 03:11`, `2026-11-20` (in UTC where no zone is named), or how long ago: `90m`.
pub(super) fn time(text: &str, now: DateTime<Utc>) -> anyhow::Result<DateTime<Utc>> {
    if let Ok(ago) = parse_duration(text) {
        return Ok(now - chrono::Duration::from_std(ago).unwrap_or(chrono::Duration::MAX));
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let naive = [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
    ]
    .into_iter()
    .find_map(|form| chrono::NaiveDateTime::parse_from_str(text, form).ok());
    let date = || {
        chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    naive.or_else(date).map(|at| at.and_utc()).ok_or_else(|| {
        Usage(format!(
            "`{text}` is no time; write for example 2026-11-20T03:11:02Z, \"2026-11-20 03:11\" or 90m for how long ago"
        ))
        .into()
    })
}

/// An end of a span; `None`: it has none.
pub(super) type Bound = Option<DateTime<Utc>>;

/// From one to the other, where they are named.
pub(super) fn span(
    since: Option<&String>,
    until: Option<&String>,
) -> anyhow::Result<(Bound, Bound)> {
    let now = Utc::now();
    let at = |text: Option<&String>| text.map(|text| time(text, now)).transpose();
    Ok((at(since)?, at(until)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_people_write_are_understood() {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        for (text, at) in [
            ("90m", "2026-11-20T10:30:00Z"),
            ("2026-11-20T03:11:02Z", "2026-11-20T03:11:02Z"),
            ("2026-11-20T03:11:02.5+02:00", "2026-11-20T01:11:02.5Z"),
            ("2026-11-20 03:11", "2026-11-20T03:11:00Z"),
            ("2026-11-20 03:11:02", "2026-11-20T03:11:02Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
        ] {
            assert_eq!(
                time(text, now).unwrap(),
                at.parse::<DateTime<Utc>>().unwrap(),
                "{text}"
            );
        }
        assert!(time("yesterday", now).is_err());
        assert!(time("", now).is_err());
    }
}
