//! Owns judging a value by thresholds, with what is remembered of the group.

use std::fmt;
use std::time::Duration;

use super::ast::Compare;

/// How it stands. The order is that of Datadog's severities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    Ok,
    NoData,
    Warn,
    Alert,
}

impl Verdict {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NoData => "no data",
            Self::Warn => "warning",
            Self::Alert => "alert",
        }
    }

    /// Wants attention, for a composite: anything but Ok.
    pub const fn worthy(self) -> bool {
        !matches!(self, Self::Ok)
    }
}

/// What stands beside a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Must be the number in the query, where it is given at all.
    pub critical: Option<f64>,
    pub warning: Option<f64>,
    /// An alert ends once the value is no longer beyond this.
    pub critical_recovery: Option<f64>,
    pub warning_recovery: Option<f64>,
    /// It must be so for so long.
    pub hold: Duration,
    /// Missing data is told after so long. `None`: a group without data stays what it was.
    pub no_data: Option<Duration>,
    /// Judge only when the whole window has data.
    pub full_window: bool,
    /// Look at what was so long ago, for data that comes late.
    pub delay: Duration,
}

/// A threshold that contradicts the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThresholdError {
    /// The option: "critical_recovery".
    pub key: &'static str,
    pub reason: String,
}

impl fmt::Display for ThresholdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.key, self.reason)
    }
}

impl std::error::Error for ThresholdError {}

impl Options {
    /// Whether the thresholds go together with the comparison of the query.
    pub(super) fn check(&self, compare: Compare, critical: f64) -> Result<(), ThresholdError> {
        let wrong = |key, reason: String| Err(ThresholdError { key, reason });
        if let Some(given) = self.critical
            && given != critical
        {
            return wrong(
                "critical",
                format!("is {given}, and the query says {critical}: write the same number"),
            );
        }
        let sides = [
            ("warning", self.warning, Some(critical)),
            ("critical_recovery", self.critical_recovery, Some(critical)),
            ("warning_recovery", self.warning_recovery, self.warning),
        ];
        for (key, value, limit) in sides {
            let Some(value) = value else { continue };
            let Some(limit) = limit else {
                return wrong(key, "needs a `warning`".to_owned());
            };
            let side = match compare {
                Compare::Above | Compare::AtLeast if value >= limit => "below",
                Compare::Below | Compare::AtMost if value <= limit => "above",
                Compare::Equal | Compare::Unequal => {
                    let sign = compare.sign();
                    return wrong(
                        key,
                        format!("goes with > >= < <=, and the query says {sign}"),
                    );
                }
                _ => continue,
            };
            return wrong(
                key,
                format!("must be {side} {limit}, or it would never count"),
            );
        }
        Ok(())
    }

    /// How a value stands, given how it stood before.
    pub(super) fn judge(
        &self,
        compare: Compare,
        critical: f64,
        value: f64,
        before: Verdict,
    ) -> Verdict {
        let beyond = |limit: Option<f64>| limit.is_some_and(|limit| compare.holds(value, limit));
        let alert = compare.holds(value, critical)
            || before == Verdict::Alert && beyond(self.critical_recovery);
        let warn = beyond(self.warning) || before >= Verdict::Warn && beyond(self.warning_recovery);
        match (alert, warn) {
            (true, _) => Verdict::Alert,
            (false, true) => Verdict::Warn,
            (false, false) => Verdict::Ok,
        }
    }
}
