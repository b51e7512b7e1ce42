#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod mistakes;
mod round_trip;
mod rules;
mod values;

use chrono::{DateTime, TimeDelta, Utc};

use crate::metrics::{Name, Store, Tags};
use crate::model::SafeText;

/// Five seconds into a tick, so that ages in whole seconds stand clear of its borders.
pub(super) fn now() -> DateTime<Utc> {
    "2026-03-02T12:00:05Z".parse().unwrap()
}

pub(super) fn ago(seconds: i64) -> DateTime<Utc> {
    now() - TimeDelta::seconds(seconds)
}

/// `pipeline:a,state:failed`
pub(super) fn tags(text: &str) -> Tags {
    let pairs = text.split(',').filter_map(|tag| tag.split_once(':'));
    pairs.fold(Tags::new(), |tags, (key, value)| {
        tags.with(key, &SafeText::new(value))
    })
}

/// Ages in seconds, and values.
type Points<'a> = &'a [(i64, f64)];

/// Everything comes from a backend `b` that has answered for a day.
pub(super) fn store(points: &[(Name, &str, Points<'_>)]) -> Store {
    let mut store = Store::default();
    store.up(ago(86_400), "b");
    for (name, own, list) in points {
        let tags = tags(&format!("backend:b,{own}"));
        let mut list = list.to_vec();
        list.sort_by_key(|(age, _)| -age);
        for (age, value) in list {
            store.record(ago(age), *name, &tags, value);
        }
    }
    store
}
