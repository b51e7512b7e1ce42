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

impl Silence {
    /// A short word for a new one, from the time at which it is made.
    pub fn new_id(at: DateTime<Utc>) -> String {
        const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut rest = at.timestamp_millis().unsigned_abs();
        let mut id = String::new();
        // 35 bits of milliseconds: the same word comes back after a year
        for _ in 0..7 {
            let at = usize::try_from(rest % 32).unwrap_or(0);
            id.push(char::from(LETTERS[at]));
            rest /= 32;
        }
        id
    }
}
