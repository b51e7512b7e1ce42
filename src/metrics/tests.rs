#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bounds;
mod recording;

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::model::SafeText;

fn now() -> DateTime<Utc> {
    "2026-03-02T12:00:05Z".parse().unwrap()
}

fn ago(seconds: i64) -> DateTime<Utc> {
    now() - TimeDelta::seconds(seconds)
}

fn tags(text: &str) -> Tags {
    let pairs = text.split(',').filter_map(|tag| tag.split_once(':'));
    pairs.fold(Tags::new(), |tags, (key, value)| {
        tags.with(key, &SafeText::new(value))
    })
}

/// "pipeline:a,state:failed 2 at 30": every bucket of a metric, its tags (without the backend's), sum and age.
fn told(store: &Store, name: Name) -> Vec<String> {
    let mut all = Vec::new();
    for id in store.of(name) {
        let series = store.get(*id).unwrap();
        let tags: Vec<String> = series
            .tags
            .iter()
            .filter(|tag| !["backend", "kind"].contains(&&**tag.key()))
            .map(|tag| format!("{}:{}", tag.key(), tag.value()))
            .collect();
        for bucket in series.history.between(0, u32::MAX) {
            let age = i64::from(tick(now())) - i64::from(bucket.start);
            let value = if bucket.count == 0 {
                "over".to_owned()
            } else {
                bucket.sum.to_string()
            };
            all.push(format!("{} {value} at {}", tags.join(","), age * 10));
        }
    }
    all.sort();
    all
}

#[test]
fn the_table_is_in_the_order_of_its_names() {
    assert_eq!(catalog::TABLE.len(), Name::ALL.len());
    for (name, metric) in Name::ALL.iter().zip(catalog::TABLE) {
        assert_eq!(*name, metric.id);
        assert_eq!(catalog::find(metric.name).unwrap().metric.id, *name);
    }
    let mut all: Vec<&str> = catalog::names().collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count, "a name stands there twice");
    for (kind, natives) in catalog::NATIVE {
        for native in *natives {
            let metric = native.of.metric();
            assert!(metric.fed_by.contains(kind), "{} is not fed", native.name);
            assert!(native.tags.iter().all(|(key, _)| metric.tags.contains(key)));
        }
    }
}

#[test]
fn values_are_compared_as_datadog_stores_them() {
    for (text, want) in [
        ("Orders Daily", "orders_daily"),
        ("a/b-c.d:e_f", "a/b-c.d:e_f"),
        ("x,y(z)", "x_y_z_"),
        ("GRÖSSE*", "grösse*"),
    ] {
        assert_eq!(plain(text), want);
    }
    let tags = tags("b:2,a:1,b:1,b:2,c:");
    let shown: Vec<String> = tags
        .list()
        .iter()
        .map(|t| format!("{}:{}", t.key(), t.value()))
        .collect();
    assert_eq!(shown, ["a:1", "b:1", "b:2"]);
}
