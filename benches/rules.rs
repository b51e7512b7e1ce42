//! Time for rules: 1,000 of them over 10,000 series, on one core.
//!
//! `cargo bench --bench rules`. Budget: 50 ms for one evaluation of all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::{DateTime, TimeDelta, Utc};
use dagtop::alerts::query::{Options, Rule, Rulebook};
use dagtop::metrics::{Name, Store, Tags};
use dagtop::model::SafeText;
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

const RULES: usize = 1_000;
const PIPELINES: usize = 500;

fn now() -> DateTime<Utc> {
    "2026-03-02T12:00:05Z".parse().unwrap()
}

/// What 500 pipelines of four backends and two owners with four stages each make, in all 10,000 series: an hour of
/// runs every few minutes, 600 levels that move every ten seconds.
fn store() -> Store {
    let mut store = Store::default();
    let text = |text: String| SafeText::new(text);
    for backend in 0..4 {
        store.up(now() - TimeDelta::days(1), &format!("backend-{backend}"));
    }
    for pipeline in 0..PIPELINES {
        let own = Tags::new()
            .with("backend", &text(format!("backend-{}", pipeline % 4)))
            .with(
                "kind",
                &text(["airflow", "prefect", "dagster", "dbt"][pipeline % 4].into()),
            )
            .with("pipeline", &text(format!("pipeline_{pipeline}")))
            .with("owner", &text(format!("team-{}", pipeline % 2)));
        let of = |stage: usize| own.clone().with("stage", &text(format!("stage_{stage}")));
        let state = |tags: &Tags, state: &str| tags.clone().with("state", &text(state.into()));
        let mut points: Vec<(i64, Name, Tags, f64)> = Vec::new();
        for minute in (0..60).rev().filter(|minute| (minute + pipeline) % 7 == 0) {
            let age = minute as i64 * 60 + (pipeline % 60) as i64;
            let took = (pipeline % 17) as f64;
            points.push((
                age,
                Name::PipelineErrors,
                own.clone(),
                f64::from(u8::from(pipeline % 50 == 0)),
            ));
            points.push((age, Name::PipelineRuns, state(&own, "succeeded"), 1.0));
            points.push((age, Name::PipelineRuns, state(&own, "failed"), 0.0));
            points.push((age, Name::RunDuration, state(&own, "succeeded"), took));
            points.push((age, Name::RunWait, own.clone(), took / 10.0));
            for stage in 0..4 {
                let ended = state(&of(stage), "succeeded");
                points.push((age, Name::StageDuration, ended.clone(), took / 4.0));
                points.push((age, Name::StageRows, ended, 1_000.0));
                points.push((age, Name::StageErrors, of(stage), 0.0));
            }
        }
        for (age, name, tags, value) in points {
            store.record(now() - TimeDelta::seconds(age), name, &tags, value);
        }
    }
    let mut level = 0;
    'levels: for name in [
        Name::QueueLength,
        Name::QueueRunning,
        Name::QueueSlots,
        Name::QueueOpen,
    ] {
        for queue in 0.. {
            if level >= 600 {
                break;
            }
            let tags = Tags::new()
                .with("backend", &text(format!("backend-{}", queue % 4)))
                .with("queue", &text(format!("queue_{queue}")));
            for age in (0..360).rev() {
                let value = f64::from((age * 7 + queue) % 90);
                let at = now() - TimeDelta::seconds(i64::from(age) * 10);
                store.record(at, name, &tags, value);
            }
            level += 1;
            if queue == 149 {
                continue 'levels;
            }
        }
    }
    let mut filler = 0;
    while store.len() < 10_000 {
        let tags = Tags::new()
            .with("backend", &text(format!("backend-{}", filler % 4)))
            .with(
                "pipeline",
                &text(format!("pipeline_{}", filler % PIPELINES)),
            )
            .with("stage", &text(format!("stage_{}", filler / PIPELINES)));
        let at = now() - TimeDelta::seconds(i64::try_from(filler).unwrap() % 1_700);
        store.record(at, Name::StageWait, &tags, 3.0);
        filler += 1;
    }
    assert_eq!(store.len(), 10_000);
    store
}

/// Every shape of rule, about as often as people write them: alone, by group, filtered, arithmetic, change, levels.
fn rules() -> Vec<Rule> {
    let query = |n: usize| match n % 20 {
        0 => "sum(last_5m):sum:pipeline.errors{*} > 0".to_owned(),
        1 => format!(
            "avg(last_10m):avg:pipeline.stage.duration{{stage:stage_{}}} > 5",
            n % 4
        ),
        2 => format!(
            "change(last_10m):avg:pipeline.runs{{owner:team-{}}} < 1",
            n % 2
        ),
        3 => "sum(last_15m):sum:pipeline.errors{*} by {pipeline} > 0".to_owned(),
        4 => format!(
            "max(last_5m):max:queue.length{{queue:queue_{}}} > 80",
            n % 150
        ),
        5 => "avg(last_5m):avg:queue.length{*} by {queue} > 60".to_owned(),
        6 => format!(
            "sum(last_30m):sum:pipeline.errors{{kind:airflow}} by {{owner}}.as_count() / sum:pipeline.runs{{kind:airflow}} by {{owner}}.as_count() > 0.{}",
            n % 9 + 1
        ),
        7 => format!(
            "avg(last_1h):avg:pipeline.run.duration{{pipeline:pipeline_{}}} > 9",
            n % PIPELINES
        ),
        8 => format!(
            "avg(last_5m):avg:pipeline.run.duration{{pipeline:pipeline_{}*}} by {{pipeline}} > 9",
            n % 50
        ),
        9 => format!(
            "sum(last_5m):sum:pipeline.stage.errors{{!stage:stage_{}}} by {{backend}} > 2",
            n % 4
        ),
        10 => format!(
            "sum(last_10m):sum:pipeline.stage.rows{{pipeline:pipeline_{},stage:stage_1}} < 5",
            n % PIPELINES
        ),
        11 => format!(
            "sum(last_5m):sum:pipeline.runs{{pipeline IN (pipeline_{},pipeline_{}) AND state:failed}} > 0",
            n % 500,
            (n + 7) % 500
        ),
        12 => format!(
            "change(avg(last_5m),15m_ago):avg:queue.running{{backend:backend-{}}} > 20",
            n % 4
        ),
        13 => format!(
            "max(last_15m):max:pipeline.queue.wait{{owner:team-{}}} by {{pipeline}} > 1",
            n % 2
        ),
        14 => format!(
            "sum(last_1h):default_zero(sum:pipeline.errors{{pipeline:pipeline_{}}}.as_count()) >= 3",
            n % 500
        ),
        15 => format!(
            "avg(last_10m):avg:queue.open{{queue:queue_{}*}} < 1",
            n % 15
        ),
        16 => format!(
            "pct_change(sum(last_15m),15m_ago):sum:pipeline.runs{{kind:dbt}} by {{pipeline}}.as_count() < -{}",
            n % 90 + 10
        ),
        17 => format!(
            "avg(last_5m):sum:pipeline.errors{{backend:backend-{}}}.as_rate() > 1",
            n % 4
        ),
        18 => format!(
            "avg(last_15m):avg:pipeline.stage.duration{{pipeline:pipeline_{}}} by {{stage}} > 4",
            n % 500
        ),
        _ => format!(
            "sum(last_5m):sum:pipeline.errors{{pipeline:pipeline_{}}} > 0",
            n % 500
        ),
    };
    (0..RULES)
        .map(|n| Rule::parse(&format!("rule-{n}"), &query(n), Options::default()).unwrap())
        .collect()
}

/// The usual: nothing new but the time.
#[divan::bench]
fn evaluate_1000_rules_over_10000_series(bencher: Bencher) {
    let store = store();
    let (mut book, errors) = Rulebook::new(rules(), &[]);
    assert!(errors.is_empty());
    let mut at = now();
    let found: usize = book
        .evaluate(&store, at)
        .iter()
        .map(|o| o.findings.len())
        .sum();
    println!("{found} groups in {RULES} rules");
    bencher.counter(ItemsCount::new(RULES)).bench_local(|| {
        at += TimeDelta::milliseconds(100);
        divan::black_box(book.evaluate(&store, at))
    });
}

/// The first time, when every rule has to find its series.
#[divan::bench]
fn first_evaluation(bencher: Bencher) {
    let store = store();
    bencher
        .counter(ItemsCount::new(RULES))
        .with_inputs(|| Rulebook::new(rules(), &[]).0)
        .bench_local_refs(|book| divan::black_box(book.evaluate(&store, now())));
}

/// Reading what stands in the configuration.
#[divan::bench]
fn parse_1000_rules(bencher: Bencher) {
    bencher.counter(ItemsCount::new(RULES)).bench_local(rules);
}

/// Taking in points of series that are there.
#[divan::bench]
fn record_1000_points(bencher: Bencher) {
    let mut store = store();
    let tags: Vec<Tags> = (0..PIPELINES)
        .map(|n| {
            Tags::new()
                .with("backend", &SafeText::new(format!("backend-{}", n % 4)))
                .with("pipeline", &SafeText::new(format!("pipeline_{n}")))
        })
        .collect();
    let mut at = now();
    bencher
        .counter(ItemsCount::new(1_000u32))
        .bench_local(move || {
            at += TimeDelta::seconds(1);
            for n in 0..1_000 {
                store.record(at, Name::PipelineErrors, &tags[n % PIPELINES], 1.0);
            }
        });
}
