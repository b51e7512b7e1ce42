//! What is kept, how long, and how much memory it takes.

use super::*;
use crate::metrics::history::REACH;

#[test]
fn points_grow_coarser_and_nothing_is_lost_on_the_way() {
    let mut store = Store::default();
    let own = tags("backend:b,pipeline:a");
    // one every ten seconds for nine days
    let total = 9 * 86_400 / 10;
    for n in (0..total).rev() {
        store.record(ago(n * 10), Name::PipelineErrors, &own, 1.0);
    }
    store.sweep(now());
    let series = store.get(store.of(Name::PipelineErrors)[0]).unwrap();
    let sum: f64 = series.history.between(0, u32::MAX).map(|b| b.sum).sum();
    let lost = f64::from(u32::try_from(total).unwrap()) - sum;
    // all but the ninth day, and what the hour at the far end takes with it
    let day = 8_640.0;
    assert!((day..=day + 360.0).contains(&lost), "{lost}");
    // half an hour of ten seconds, 26 hours of minutes, the rest hours
    let buckets = series.history.len();
    assert!(buckets <= 180 + 1_560 + 192 + 3, "{buckets}");
}

#[test]
fn points_may_come_late_and_in_any_order() {
    let own = tags("backend:b,pipeline:a");
    let ages = [5, 700, 40, 5_000, 90_000, 200_000, 40, 6, 600_000];
    let mut store = Store::default();
    for age in ages {
        store.record(ago(age), Name::PipelineErrors, &own, 1.0);
    }
    store.record(ago(800_000), Name::PipelineErrors, &own, 1.0);
    assert_eq!(store.stats().late, 1);
    let series = store.get(store.of(Name::PipelineErrors)[0]).unwrap();
    let starts: Vec<u32> = series
        .history
        .between(0, u32::MAX)
        .map(|b| b.start)
        .collect();
    assert!(starts.is_sorted(), "{starts:?}");
    let sum: f64 = series.history.between(0, u32::MAX).map(|b| b.sum).sum();
    assert_eq!(sum, 9.0);
}

#[test]
fn no_numbers_are_refused() {
    let mut store = Store::default();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        store.record(now(), Name::QueueLength, &tags("queue:q"), value);
    }
    assert_eq!((store.len(), store.stats().refused), (0, 3));
}

#[test]
fn the_series_written_longest_ago_make_room() {
    let limits = Limits {
        series: 200,
        buckets: 1_000_000,
    };
    let mut store = Store::new(limits);
    let own = |n: i64| tags(&format!("backend:b,pipeline:p{n}"));
    for n in 0..1_000 {
        store.record(ago(10_000 - n * 10), Name::PipelineErrors, &own(n), 1.0);
        // this one is always in use
        store.record(ago(10_000 - n * 10), Name::PipelineRuns, &own(0), 1.0);
    }
    let stats = store.stats();
    assert!((198..=200).contains(&stats.series), "{}", stats.series);
    assert_eq!(stats.forgotten, 1_001 - stats.series as u64);
    assert_eq!(store.of(Name::PipelineRuns).len(), 1);
    let kept = store.of(Name::PipelineErrors);
    let newest = |id: &SeriesId| {
        let series = store.get(*id).unwrap();
        series.tags.iter().any(|tag| tag.plain() == "p999")
    };
    assert!(kept.iter().any(newest));
    // a count that was only declared takes nobody's room
    for n in 5_000..5_010 {
        store.declare(now(), Name::PipelineErrors, &own(n));
    }
    assert_eq!(
        (store.len(), store.stats().forgotten),
        (200, stats.forgotten)
    );
}

#[test]
fn history_grows_shorter_before_series_go() {
    let limits = Limits {
        series: 1_000,
        buckets: 3_000,
    };
    let mut store = Store::new(limits);
    for hour in (0..7 * 24).rev() {
        for n in 0..50 {
            let own = tags(&format!("backend:b,pipeline:p{n}"));
            store.record(ago(hour * 3_600), Name::PipelineErrors, &own, 1.0);
        }
    }
    store.sweep(now());
    let stats = store.stats();
    assert_eq!((stats.series, stats.forgotten), (50, 0));
    assert!(stats.buckets <= 3_000, "{}", stats.buckets);
    assert!(stats.reach >= 86_400 && stats.reach < u64::from(REACH) * 10);
}

/// What a series takes, of pipelines that run once an hour and of a level that moves all the time.
#[test]
fn bytes_of_a_series() {
    let per = |every: i64, span: i64, count: usize| {
        let mut store = Store::default();
        for n in 0..count {
            let own = tags(&format!(
                "backend:prod-airflow,kind:airflow,pipeline:pipeline_{n},owner:data-team,tag:gold,state:succeeded"
            ));
            for at in (0..span / every).rev() {
                store.record(ago(at * every), Name::PipelineRuns, &own, 1.0);
            }
        }
        store.sweep(now());
        let stats = store.stats();
        assert_eq!(stats.series, count);
        stats.bytes / count
    };
    let (once, day, week) = (
        per(86_400, 86_400, 200),
        per(3_600, 86_400, 200),
        per(3_600, 8 * 86_400, 200),
    );
    let dense = per(10, 8 * 86_400, 2);
    println!(
        "bytes of a series: new {once}, hourly after a day {day}, after eight days {week}, every ten seconds after eight days {dense}"
    );
    assert!(once <= 1_000, "{once}");
    assert!(day <= 2_500, "{day}");
    assert!(week <= 13_000, "{week}");
    assert!(dense <= 130_000, "{dense}");
}

#[test]
fn empty_series_go_after_a_day_and_their_tags_with_them() {
    let mut store = Store::default();
    store.declare(
        ago(90_000),
        Name::PipelineErrors,
        &tags("backend:b,pipeline:old"),
    );
    store.declare(
        ago(10),
        Name::PipelineErrors,
        &tags("backend:b,pipeline:new"),
    );
    assert_eq!(store.len(), 2);
    let epoch = store.epoch(Name::PipelineErrors);
    store.sweep(now());
    assert_eq!(store.len(), 1);
    assert!(store.epoch(Name::PipelineErrors) > epoch);
}
