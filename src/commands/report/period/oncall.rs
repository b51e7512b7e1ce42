//! Who was woken, and how often, by what was told of alerts.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDate, Timelike as _, Utc};
use serde::{Deserialize, Serialize};

use crate::history::{Line, Log, Store, StoreError};
use crate::model::{Message, Occasion, SafeText};

/// People sleep from this hour on, and until that one.
const NIGHT: (u32, u32) = (22, 7);

/// What is kept of a message.
#[derive(Deserialize)]
struct Told {
    message: Message,
    channels: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct OnCall {
    /// Offset of the hours and days from UTC, in seconds.
    pub zone: i32,
    /// Messages to any channel, of any kind; those that could not be read.
    pub messages: u64,
    pub unread: u64,
    /// Messages that want somebody: an alert that fired, or that nobody took on.
    pub pages: u64,
    pub night: u64,
    pub weekend: u64,
    /// Of the days of the period: those with a page, and the most of one day.
    pub days: u64,
    pub most: u64,
    /// By hour of the day.
    pub hours: [u64; 24],
    pub channels: BTreeMap<SafeText, Pages>,
    pub people: BTreeMap<SafeText, Acks>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Pages {
    pub pages: u64,
    pub night: u64,
    pub escalated: u64,
}

/// What a person took on.
#[derive(Debug, Default, Serialize)]
pub(super) struct Acks {
    pub acks: u64,
    pub night: u64,
    /// Median seconds from the firing to the acknowledgement.
    pub median: Option<f64>,
    #[serde(skip)]
    took: Vec<f64>,
}

impl OnCall {
    pub(super) fn of(
        store: &mut dyn Store,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        zone: FixedOffset,
    ) -> Result<Self, StoreError> {
        let mut load = Self {
            zone: zone.local_minus_utc(),
            ..Self::default()
        };
        let mut days: BTreeMap<NaiveDate, u64> = BTreeMap::new();
        let mut acked = BTreeSet::new();
        store.since(Log::Tellings, from, &mut |line: Line| {
            if line.at >= to {
                return false;
            }
            match serde_json::from_str::<Told>(&line.body) {
                Ok(told) => load.take(&told, line.at.with_timezone(&zone), &mut days, &mut acked),
                Err(_) => load.unread += 1,
            }
            true
        })?;
        load.days = u64::try_from(days.len()).unwrap_or(0);
        load.most = days.values().copied().max().unwrap_or(0);
        for acks in load.people.values_mut() {
            acks.took.sort_by(f64::total_cmp);
            acks.median = crate::analytics::quantile(&acks.took, 50);
        }
        Ok(load)
    }

    fn take(
        &mut self,
        told: &Told,
        at: DateTime<FixedOffset>,
        days: &mut BTreeMap<NaiveDate, u64>,
        acked: &mut BTreeSet<(SafeText, DateTime<Utc>)>,
    ) {
        let message = &told.message;
        let night = at.hour() >= NIGHT.0 || at.hour() < NIGHT.1;
        self.messages += u64::from(!told.channels.is_empty());
        let escalated = message.occasion == Occasion::Escalated;
        if escalated || message.occasion == Occasion::Fired {
            for channel in &told.channels {
                let pages = self.channels.entry(SafeText::new(channel)).or_default();
                pages.pages += 1;
                pages.night += u64::from(night);
                pages.escalated += u64::from(escalated);
                self.pages += 1;
                self.night += u64::from(night);
                self.weekend += u64::from(at.weekday().number_from_monday() > 5);
                if let Some(hour) = usize::try_from(at.hour())
                    .ok()
                    .and_then(|h| self.hours.get_mut(h))
                {
                    *hour += 1;
                }
                *days.entry(at.date_naive()).or_default() += 1;
            }
        }
        // told once to each channel, and once more when it is over
        if let Some(by) = &message.alert.acked
            && acked.insert((message.alert.id.label(), by.at))
        {
            let person = self.people.entry(by.who.clone()).or_default();
            person.acks += 1;
            let hour = by.at.with_timezone(&at.timezone()).hour();
            person.night += u64::from(hour >= NIGHT.0 || hour < NIGHT.1);
            if let Some(fired) = message.alert.fired
                && let Ok(took) = (by.at - fired).to_std()
            {
                person.took.push(took.as_secs_f64());
            }
        }
    }
}
