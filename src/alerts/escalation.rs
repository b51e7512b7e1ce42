//! Escalation policies: who hears of an alert that nobody takes on, and when.

use chrono::{DateTime, Datelike as _, Duration, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;

use crate::model::{Alert, Escalation, SafeText};

use super::life::{Climb, Life};
use super::matchers::Matcher;

#[derive(Clone, Debug)]
pub struct Policy {
    pub name: String,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// When it holds; always, without it.
    pub hours: Option<Hours>,
    /// The waits grow.
    pub steps: Vec<Step>,
    /// The last step is repeated after so long, until somebody acknowledges.
    pub repeat: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// After the alert was first told.
    pub after: Duration,
    pub channels: Vec<String>,
}

/// Hours of the week by the clock of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// On which they begin; empty: every day.
    pub days: Vec<Weekday>,
    pub from: NaiveTime,
    /// Not after `from`: on the next day.
    pub to: NaiveTime,
    pub zone: Tz,
}

impl Hours {
    pub fn hold(&self, now: DateTime<Utc>) -> bool {
        let local = now.with_timezone(&self.zone);
        let on = |day: Weekday| self.days.is_empty() || self.days.contains(&day);
        let (time, today) = (local.time(), local.weekday());
        if self.from < self.to {
            return on(today) && self.from <= time && time < self.to;
        }
        (on(today) && time >= self.from) || (on(today.pred()) && time < self.to)
    }
}

/// Who was told of an alert, and who is next.
pub fn of(policies: &[Policy], life: &Life) -> Escalation {
    let safe = |names: &[String]| names.iter().map(SafeText::new).collect();
    let next = life.climb.as_ref().map(|climb| {
        let policy = policies.iter().find(|p| p.name == climb.policy);
        let step = policy.and_then(|p| p.steps.get(climb.step).or(p.steps.last()));
        (climb.due, step.map_or(Vec::new(), |s| safe(&s.channels)))
    });
    Escalation {
        told: safe(&life.told),
        next,
    }
}

/// The first policy that holds for an alert now.
fn choose<'a>(policies: &'a [Policy], alert: &Alert, now: DateTime<Utc>) -> Option<&'a Policy> {
    policies.iter().find(|p| {
        p.matchers.iter().all(|m| m.matches(alert))
            && p.hours.as_ref().is_none_or(|hours| hours.hold(now))
    })
}

/// Who hears of it at once beside its routes, and where it stands then.
pub fn begin(
    policies: &[Policy],
    alert: &Alert,
    now: DateTime<Utc>,
) -> (Vec<String>, Option<Climb>) {
    let Some(policy) = choose(policies, alert, now) else {
        return (Vec::new(), None);
    };
    let mut channels = Vec::new();
    let mut step = 0;
    while let Some(first) = policy
        .steps
        .get(step)
        .filter(|s| s.after <= Duration::zero())
    {
        channels.extend(first.channels.iter().cloned());
        step += 1;
    }
    (channels, next(policy, step, now, now))
}

/// Who hears of it now, and where it stands then. A policy that is no longer configured ends.
pub fn advance(
    policies: &[Policy],
    climb: &Climb,
    now: DateTime<Utc>,
) -> (Vec<String>, Option<Climb>) {
    let Some(policy) = policies.iter().find(|p| p.name == climb.policy) else {
        return (Vec::new(), None);
    };
    // after a long sleep every step that is due is taken, each channel once
    let mut channels: Vec<String> = Vec::new();
    let mut at = climb.step;
    loop {
        let Some(step) = policy
            .steps
            .get(at.min(policy.steps.len().saturating_sub(1)))
        else {
            return (channels, None);
        };
        for channel in &step.channels {
            if !channels.contains(channel) {
                channels.push(channel.clone());
            }
        }
        at += 1;
        match next(policy, at, climb.begun, now) {
            Some(climb) if climb.due <= now => {}
            climb => return (channels, climb),
        }
    }
}

fn next(policy: &Policy, step: usize, begun: DateTime<Utc>, now: DateTime<Utc>) -> Option<Climb> {
    let due = match policy.steps.get(step) {
        Some(step) => begun + step.after,
        None => now + policy.repeat?,
    };
    Some(Climb {
        policy: policy.name.clone(),
        begun,
        step: step.min(policy.steps.len()),
        due,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn hours_hold_by_the_clock_of_their_place() {
        let hours = |days: &[Weekday], from: &str, to: &str| Hours {
            days: days.to_vec(),
            from: NaiveTime::parse_from_str(from, "%H:%M").unwrap(),
            to: NaiveTime::parse_from_str(to, "%H:%M").unwrap(),
            zone: Tz::Europe__Berlin,
        };
        let week = [
            Weekday::Mon,
            Weekday::Tue,
            Weekday::Wed,
            Weekday::Thu,
            Weekday::Fri,
        ];
        let (day, night) = (
            hours(&week, "08:00", "18:00"),
            hours(&week, "18:00", "08:00"),
        );
        // Friday the 20th, an hour ahead of UTC
        for (now, by_day, by_night) in [
            ("2026-11-20T06:59:00Z", false, true),
            ("2026-11-20T07:00:00Z", true, false),
            ("2026-11-20T16:59:59Z", true, false),
            ("2026-11-20T17:00:00Z", false, true),
            // the night from Friday is Friday's, the one from Saturday nobody's
            ("2026-11-21T06:59:00Z", false, true),
            ("2026-11-21T07:00:00Z", false, false),
            ("2026-11-21T20:00:00Z", false, false),
            ("2026-11-23T06:00:00Z", false, false),
            ("2026-11-23T07:00:00Z", true, false),
        ] {
            let now = now.parse().unwrap();
            assert_eq!(
                (day.hold(now), night.hold(now)),
                (by_day, by_night),
                "{now}"
            );
        }
        assert!(
            hours(&[], "00:00", "00:00").hold(DateTime::UNIX_EPOCH),
            "always"
        );
    }
}
