//! Silences and maintenance windows: when nobody is told of what.

use chrono::{DateTime, Datelike as _, Duration, LocalResult, NaiveDateTime, TimeZone as _, Utc};
use chrono_tz::Tz;

use crate::model::{Alert, SafeText, Silence, Silenced, When};

use super::matchers::{Matcher, MatcherError};

/// A window may last so long at most.
const WEEK: u32 = 7 * 24 * 60;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    #[error(transparent)]
    Matcher(#[from] MatcherError),
    #[error("a silence needs at least one matcher, such as `pipeline=orders_*`")]
    NoMatcher,
    #[error("there is no time zone `{0}`; write a name like `Europe/Berlin` or `UTC`")]
    Zone(SafeText),
    #[error("the silence is over before it begins")]
    Backwards,
    #[error("a window lasts from one minute to seven days")]
    Length,
}

/// One that can be asked.
#[derive(Clone, Debug)]
struct Ready {
    silence: Silence,
    matchers: Vec<Matcher>,
    zone: Tz,
}

/// All there are, by id.
#[derive(Clone, Debug, Default)]
pub struct Silences {
    all: Vec<Ready>,
}

impl Silences {
    /// Adds one, or puts it in the place of the one with its id.
    pub fn put(&mut self, silence: Silence) -> Result<(), SilenceError> {
        let ready = ready(silence)?;
        self.all.retain(|r| r.silence.id != ready.silence.id);
        self.all.push(ready);
        Ok(())
    }

    /// Says whether there was one.
    pub fn end(&mut self, id: &str) -> bool {
        let before = self.all.len();
        self.all.retain(|r| r.silence.id != id);
        self.all.len() != before
    }

    /// What is over for good, taken away.
    pub fn expire(&mut self, now: DateTime<Utc>) -> Vec<Silence> {
        let over = |r: &Ready| matches!(r.silence.when, When::Once { until, .. } if until <= now);
        let gone = self.all.iter().filter(|r| over(r));
        let gone = gone.map(|r| r.silence.clone()).collect();
        self.all.retain(|r| !over(r));
        gone
    }

    pub fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.all.iter().map(|r| &r.silence)
    }

    /// The silence that lasts longest of those that cover an alert now.
    pub fn covers(&self, alert: &Alert, now: DateTime<Utc>) -> Option<Silenced> {
        self.all
            .iter()
            .filter_map(|r| Some((r, until(&r.silence.when, r.zone, now)?)))
            .filter(|(r, _)| r.matchers.iter().all(|m| m.matches(alert)))
            .max_by_key(|(_, until)| *until)
            .map(|(r, until)| Silenced {
                name: r.silence.reason.clone(),
                until: Some(until),
            })
    }

    /// Until when one is in force; `None`: not now.
    #[cfg(test)]
    pub fn in_force(&self, id: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let ready = self.all.iter().find(|r| r.silence.id == id)?;
        until(&ready.silence.when, ready.zone, now)
    }
}

fn ready(silence: Silence) -> Result<Ready, SilenceError> {
    if silence.matchers.is_empty() {
        return Err(SilenceError::NoMatcher);
    }
    let parsed = silence.matchers.iter().map(|text| Matcher::parse(text));
    let matchers = parsed.collect::<Result<_, _>>()?;
    let zone = match &silence.when {
        When::Once { from, until } if until <= from => return Err(SilenceError::Backwards),
        When::Once { .. } => Tz::UTC,
        When::Weekly { minutes, .. } if !(1..=WEEK).contains(minutes) => {
            return Err(SilenceError::Length);
        }
        When::Weekly { zone, .. } => zone
            .parse()
            .map_err(|_| SilenceError::Zone(SafeText::new(zone)))?,
    };
    Ok(Ready {
        silence,
        matchers,
        zone,
    })
}

/// Until when it is in force now.
fn until(when: &When, zone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match when {
        When::Once { from, until } => (*from <= now && now < *until).then_some(*until),
        When::Weekly {
            days,
            start,
            minutes,
            ..
        } => {
            let today = now.with_timezone(&zone).date_naive();
            let length = Duration::minutes(i64::from(*minutes));
            // a window that began days ago may still be open
            (0..=length.num_days() + 1)
                .filter_map(|back| today.checked_sub_signed(Duration::days(back)))
                .filter(|day| days.is_empty() || days.contains(&day.weekday()))
                .map(|day| at(zone, day.and_time(*start)))
                .filter(|begins| *begins <= now && now < *begins + length)
                .map(|begins| begins + length)
                .max()
        }
    }
}

/// The moment at which a clock on the wall shows this. Twice a year it shows an hour twice (the first time counts)
/// or leaves one out (then the first moment after the gap).
pub(super) fn at(zone: Tz, wall: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(t) | LocalResult::Ambiguous(t, _) => t.with_timezone(&Utc),
        LocalResult::None => {
            // gaps are of half an hour to a day, and begin at a whole quarter
            let quarter = Duration::minutes(15);
            let mut later = wall;
            for _ in 0..=96 {
                later += quarter;
                if let LocalResult::Single(t) | LocalResult::Ambiguous(t, _) =
                    zone.from_local_datetime(&later)
                {
                    let past = later - wall;
                    // the gap ends where the wall's own time would lie after it
                    return edge(zone, t.with_timezone(&Utc), past);
                }
            }
            zone.from_utc_datetime(&wall).with_timezone(&Utc)
        }
    }
}

/// Goes back from a moment after a gap to the first one, minute by minute.
fn edge(zone: Tz, after: DateTime<Utc>, at_most: Duration) -> DateTime<Utc> {
    let offset = |t: DateTime<Utc>| {
        use chrono::Offset as _;
        t.with_timezone(&zone).offset().fix()
    };
    let mut first = after;
    for _ in 0..at_most.num_minutes() {
        let before = first - Duration::minutes(1);
        if offset(before) != offset(after) {
            break;
        }
        first = before;
    }
    first
}
