//! Time for "is this normal?" over a year of an hourly pipeline with 50 nodes: 8,760 runs, 438,000 attempts and more.
//!
//! `cargo bench --bench analytics`. Budget: 100 ms for any of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::OnceLock;

use chrono::{DateTime, TimeDelta, Utc};
use dagtop::analytics::bottleneck::bottlenecks;
use dagtop::analytics::changes::changes;
use dagtop::analytics::compare::compare;
use dagtop::analytics::eta::{Going, eta};
use dagtop::analytics::flaky::flaky;
use dagtop::analytics::forecast::{forecast, reaches};
use dagtop::analytics::load::load;
use dagtop::analytics::sla::{Objective, outcomes};
use dagtop::analytics::summary::summary;
use dagtop::analytics::trend::trend;
use dagtop::analytics::{Measure, Sample, Shape, normal, series};
use dagtop::model::{Node, PastNode, PastRun};
use divan::{Bencher, black_box};

#[path = "../tests/analytics/seeds.rs"]
#[allow(dead_code)]
mod seeds;

fn main() {
    divan::main();
}

const RUNS: usize = 8_760;

struct Year {
    pipe: seeds::Pipe,
    shape: Shape,
    runs: Vec<PastRun>,
    nodes: Vec<PastNode>,
    took: Vec<Sample>,
    now: DateTime<Utc>,
}

fn year() -> &'static Year {
    static YEAR: OnceLock<Year> = OnceLock::new();
    YEAR.get_or_init(|| {
        let pipe = seeds::pipe(5, 50, 1);
        let (mut runs, mut nodes) = (Vec::new(), Vec::new());
        for number in 0..RUNS {
            let (run, attempts) = pipe.run(number);
            runs.push(run);
            nodes.extend(attempts);
        }
        assert!(nodes.len() >= RUNS * 50);
        let ids = &pipe.topology.nodes;
        Year {
            shape: Shape::new(&pipe.topology, ids.iter().map(|n| (n, None))),
            took: series::of_runs(&runs, Measure::Duration),
            now: runs.last().unwrap().run.started_at.unwrap() + TimeDelta::hours(1),
            runs,
            nodes,
            pipe,
        }
    })
}

macro_rules! bench {
    ($name:ident, $year:ident => $what:expr) => {
        #[divan::bench(sample_count = 20, sample_size = 1)]
        fn $name(bencher: Bencher) {
            let $year = year();
            bencher.bench_local(|| black_box($what));
        }
    };
}

bench!(normal_of_the_pipeline, y => normal::of_pipeline(&y.runs, y.now));
bench!(normal_of_all_nodes, y => normal::of_nodes(&y.nodes, y.now));
bench!(trend_of_durations, y => trend(&y.took));
bench!(changes_of_durations, y => changes(&y.took));
bench!(flaky_nodes, y => flaky(&y.runs, &y.nodes));
bench!(bottlenecks_of_runs, y => bottlenecks(&y.runs, &y.nodes, &y.shape, 0.3));
bench!(load_by_hour, y => load(&y.runs, y.runs[0].run.started_at.unwrap(), y.now));
bench!(reaches_a_limit, y => reaches(&y.took, 1e6, y.now));
bench!(compare_two, y => compare((&y.runs[0], &y.nodes), (&y.runs[RUNS - 1], &y.nodes), Some(&y.shape)));
bench!(summary_of_the_year, y => {
    let from = y.runs[0].run.started_at.unwrap();
    summary(&y.runs, &y.nodes, (from, y.now), &|_| None, y.now)
});

#[divan::bench(sample_count = 20, sample_size = 1)]
fn forecast_of_a_week(bencher: Bencher) {
    let y = year();
    let at: Vec<DateTime<Utc>> = (0..168).map(|h| y.now + TimeDelta::hours(h)).collect();
    bencher.bench_local(|| black_box(forecast(&y.took, &at)));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn eta_of_a_run(bencher: Bencher) {
    let y = year();
    let current = y.pipe.run(RUNS);
    let now = current.0.run.started_at.unwrap() + current.0.took().unwrap() / 2;
    let (run, nodes) = seeds::seen(&y.pipe.topology, &current, now, true);
    let nodes: Vec<&Node> = nodes.iter().collect();
    let going = Going {
        run: &run,
        nodes: &nodes,
        topology: Some(&y.pipe.topology),
    };
    bencher.bench_local(|| black_box(eta(going, &y.runs, &y.nodes, now)));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn sla_of_each_run(bencher: Bencher) {
    let y = year();
    let dues: Vec<DateTime<Utc>> = y.runs.iter().map(|r| r.run.ordered_at).collect();
    let objective = Objective {
        zone: chrono_tz::Tz::Europe__Berlin,
        done_by: "04:00:00".parse().ok(),
        start_within: Some(TimeDelta::minutes(5)),
        duration_limit: Some(TimeDelta::hours(1)),
    };
    bencher.bench_local(|| black_box(outcomes(&objective, &y.runs, &dues, y.now, &|_, _| None)));
}
