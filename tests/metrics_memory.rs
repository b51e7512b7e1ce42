//! What series really take, and that the store's own figure for it is about right. This file has one test, so that the
//! process is its own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::{DateTime, TimeDelta, Utc};
use dagtop::metrics::{Name, Store, Tags};
use dagtop::model::SafeText;

/// Resident memory in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    let kb: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kb * 1024
}

#[test]
fn ten_thousand_hourly_series_take_what_is_said() {
    let now: DateTime<Utc> = "2026-03-02T12:00:05Z".parse().unwrap();
    let count = 10_000;
    let before = resident();
    let mut store = Store::default();
    let with = |tags: Tags, key, value: &str| tags.with(key, &SafeText::new(value));
    let of_team = |n| {
        let team = with(Tags::new(), "owner", &format!("team-{n}"));
        [
            ("backend", "prod-airflow"),
            ("kind", "airflow"),
            ("state", "succeeded"),
            ("tag", "gold"),
        ]
        .iter()
        .fold(team, |tags, (key, value)| with(tags, *key, value))
    };
    let teams: Vec<Tags> = (0..20).map(of_team).collect();
    for hour in (0..60).rev() {
        let at = now - TimeDelta::hours(hour);
        for n in 0..count {
            let tags = teams[n % teams.len()].clone();
            let tags = with(tags, "pipeline", &format!("pipeline_number_{n}"));
            store.record(at, Name::PipelineRuns, &tags, 1.0);
        }
        store.sweep(at);
    }
    let took = resident() - before;
    let stats = store.stats();
    println!(
        "{count} series, {} buckets: {} bytes each resident, {} by the store's own figure",
        stats.buckets,
        took / count,
        stats.bytes / count
    );
    assert_eq!((stats.series, stats.forgotten), (count, 0));
    assert!(took / count < 6_000, "{} bytes each", took / count);
    let (low, high) = (stats.bytes * 2 / 3, stats.bytes * 3 / 2);
    assert!(
        (low..high).contains(&took),
        "{took} is not about {}",
        stats.bytes
    );
}
