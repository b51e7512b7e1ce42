//! Quiet that somebody asked for.

use chrono::{DateTime, NaiveTime, Utc, Weekday};
use serde::{Deserialize, Serialize};

use super::{By, SafeText};

/// Nobody is told of alerts that match, for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Unique; a short word that can be typed.
    pub id: String,
    pub reason: SafeText,
    pub by: By,
    /// All must match: `pipeline=orders_*`, `priority>P2`.
    pub matchers: Vec<String>,
    pub when: When,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    Once {
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    },
    /// A maintenance window on the same days of every week, by the clock of a place.
    Weekly {
        /// Empty: every day.
        days: Vec<Weekday>,
        start: NaiveTime,
        /// At most a week.
        minutes: u32,
        /// A name of the IANA time zone database.
        zone: String,
    },
}
