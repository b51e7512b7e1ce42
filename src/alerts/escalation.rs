//! Escalation policies: who hears of an alert that nobody takes on, and when.

use chrono::{DateTime, Datelike as _, Duration, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;

use crate::model::Alert;

use super::life::Climb;
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
