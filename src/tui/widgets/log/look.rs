//! How lines are looked at.

use chrono::{DateTime, Duration, Utc};

use crate::logs::Folds;
use crate::tui::widgets::format::{self, Zone};

/// What a person has chosen of how lines are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    pub wrap: bool,
    /// Columns scrolled to the right; without effect when lines are wrapped.
    pub left: usize,
    /// Every byte as it was written, nothing interpreted.
    pub raw: bool,
    pub times: Times,
    /// Fields that stand in columns of their own.
    pub columns: Vec<String>,
    pub folds: Folds,
}

/// What stands in the column of times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// The time of day in the zone of the settings.
    #[default]
    Clock,
    /// In the other zone: UTC or the local one.
    OtherZone,
    /// Since the beginning of the log.
    SinceStart,
    /// Since the line above that has a time.
    Delta,
}

impl Times {
    pub const fn next(self) -> Self {
        match self {
            Self::Clock => Self::OtherZone,
            Self::OtherZone => Self::SinceStart,
            Self::SinceStart => Self::Delta,
            Self::Delta => Self::Clock,
        }
    }

    pub const fn word(self, zone: Zone) -> &'static str {
        match (self, zone) {
            (Self::Clock, Zone::Utc) | (Self::OtherZone, Zone::Local) => "times in UTC",
            (Self::Clock, Zone::Local) | (Self::OtherZone, Zone::Utc) => "local times",
            (Self::SinceStart, _) => "times since the start",
            (Self::Delta, _) => "times since the line above",
        }
    }

    /// At most eight columns.
    pub(super) fn shown(
        self,
        at: DateTime<Utc>,
        zone: Zone,
        start: Option<DateTime<Utc>>,
        above: Option<DateTime<Utc>>,
    ) -> String {
        let other = match zone {
            Zone::Utc => Zone::Local,
            Zone::Local => Zone::Utc,
        };
        match self {
            Self::Clock => format::clock(at, zone),
            Self::OtherZone => format::clock(at, other),
            Self::SinceStart => start.map_or_else(String::new, |start| span(at - start)),
            Self::Delta => above.map_or_else(String::new, |above| span(at - above)),
        }
    }
}

/// "+0.123", "+12m03s", "+3h05m", "-1.500".
fn span(span: Duration) -> String {
    let sign = if span < Duration::zero() { '-' } else { '+' };
    let span = span.abs();
    let (ms, s) = (span.num_milliseconds(), span.num_seconds());
    match s {
        0..100 => format!("{sign}{}.{:03}", ms / 1000, ms % 1000),
        100..3600 => format!("{sign}{}m{:02}s", s / 60, s % 60),
        3600..86_400 => format!("{sign}{}h{:02}m", s / 3600, s / 60 % 60),
        _ => format!("{sign}{}d{}h", (s / 86_400).min(999), s / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_fit_their_column() {
        for (ms, expected) in [
            (0, "+0.000"),
            (123, "+0.123"),
            (-1500, "-1.500"),
            (99_999, "+99.999"),
            (723_000, "+12m03s"),
            (11_100_000, "+3h05m"),
            (187_200_000, "+2d4h"),
            (90_000_000_000, "+999d16h"),
        ] {
            assert_eq!(span(Duration::milliseconds(ms)), expected);
            assert!(expected.len() <= 8);
        }
    }
}
