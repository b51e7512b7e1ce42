//! How good the statistics are, on seeded series and runs whose truth is known. Each test prints its figures and
//! asserts their bounds on seeds that nothing was tuned on (tuning used seeds below 1,000).
//!
//! `cargo test --release --test analytics -- --nocapture`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "analytics/seeds.rs"]
mod seeds;

#[path = "analytics/any.rs"]
mod any;

#[path = "analytics/real.rs"]
mod real;

use chrono::{DateTime, TimeDelta, Utc};
use dagtop::analytics::changes::changes;
use dagtop::analytics::eta::{By, Going, eta};
use dagtop::analytics::forecast::forecast;
use dagtop::analytics::trend::trend;
use dagtop::analytics::{Sample, Spread};
use dagtop::model::{Node, PastNode, PastRun};
use seeds::{Make, Rng, pipe, series};

/// Seeds that nothing was tuned on; `DAGTOP_TUNE=1` takes the others. A fifth of them where the code is not optimised,
/// unless `DAGTOP_SEEDS=all` is set.
fn held_out(count: u64) -> std::ops::Range<u64> {
    let all = !cfg!(debug_assertions) || std::env::var_os("DAGTOP_SEEDS").is_some();
    let count = if all { count } else { count.div_ceil(5) };
    match std::env::var_os("DAGTOP_TUNE") {
        Some(_) => 1..1 + count,
        None => 1_001..1_001 + count,
    }
}

/// Half a year of hourly runs, and 200 days of daily ones.
const HOURLY: Make = Make {
    every: 1,
    count: 24 * 180,
    season: 0.3,
    noise: 0.08,
    follows: 0.0,
    growth: 0.0,
    steps: 0,
    sizes: (0.2, 0.6),
    outliers: 0.01,
    missing: 0.03,
};
const DAILY: Make = Make {
    every: 24,
    count: 200,
    noise: 0.06,
    ..HOURLY
};

#[derive(Default, Debug)]
struct Score {
    truth: usize,
    found: usize,
    wrong: usize,
}

impl Score {
    fn recall(&self) -> f64 {
        self.found as f64 / self.truth.max(1) as f64
    }

    fn precision(&self) -> f64 {
        self.found as f64 / (self.found + self.wrong).max(1) as f64
    }
}

fn score(name: &str, make: Make, within: TimeDelta) -> Score {
    let mut score = Score::default();
    let mut off = Vec::new();
    for seed in held_out(60) {
        let made = series(seed, make);
        let mut found: Vec<DateTime<Utc>> = changes(&made.samples).iter().map(|c| c.at).collect();
        for step in &made.steps {
            score.truth += 1;
            let near = found.iter().position(|f| (*f - *step).abs() <= within);
            if let Some(near) = near {
                score.found += 1;
                off.push((found.remove(near) - *step).abs().num_minutes() as f64 / 60.0);
            }
        }
        score.wrong += found.len();
    }
    let off = Spread::of(off).map_or(0.0, |s| s.median);
    println!(
        "changes, {name}: {} true, {} found ({off:.0} h off by median), {} missed, {} false; recall {:.2}, precision {:.2}",
        score.truth,
        score.found,
        score.truth - score.found,
        score.wrong,
        score.recall(),
        score.precision()
    );
    score
}

#[test]
fn changes_of_level_are_found() {
    let day = TimeDelta::days;
    let hourly = score("hourly", Make { steps: 2, ..HOURLY }, day(3));
    assert!(hourly.recall() >= 0.9 && hourly.precision() >= 0.9);
    let daily = score("daily", Make { steps: 2, ..DAILY }, day(5));
    assert!(daily.recall() >= 0.8 && daily.precision() >= 0.85);
    let grows = Make {
        steps: 1,
        growth: 0.4,
        ..HOURLY
    };
    let grows = score("hourly that grows", grows, day(3));
    assert!(grows.recall() >= 0.8 && grows.precision() >= 0.8);
    let gaps = Make {
        steps: 2,
        missing: 0.5,
        ..HOURLY
    };
    let gaps = score("hourly, half of it missing", gaps, day(3));
    assert!(gaps.recall() >= 0.9 && gaps.precision() >= 0.9);
    let follows = Make {
        steps: 2,
        follows: 0.4,
        ..DAILY
    };
    let follows = score("daily that follows itself", follows, day(7));
    assert!(follows.recall() >= 0.6 && follows.precision() >= 0.7);
    // near the least that is told, 5 %, and near the noise
    let small = |make: Make| Make {
        steps: 2,
        sizes: (0.06, 0.12),
        ..make
    };
    let hourly = score("hourly, steps of 6 to 13 %", small(HOURLY), day(5));
    assert!(hourly.recall() >= 0.7 && hourly.precision() >= 0.85);
    let daily = score("daily, steps of 6 to 13 %", small(DAILY), day(10));
    assert!(daily.recall() >= 0.1 && daily.precision() >= 0.6);
}

#[test]
fn what_does_not_change_is_left_alone() {
    let none = TimeDelta::zero();
    let of = |name, make| score(name, make, none).wrong as f64 / held_out(60).count() as f64;
    assert!(of("hourly, none", HOURLY) <= 0.05);
    assert!(of("daily, none", DAILY) <= 0.05);
    let outliers = Make {
        outliers: 0.1,
        ..DAILY
    };
    assert!(of("daily with 10 % outliers, none", outliers) <= 0.1);
    let grows = |make: Make| Make {
        growth: 0.5,
        ..make
    };
    assert!(of("hourly that grows, none", grows(HOURLY)) <= 0.1);
    assert!(of("daily that grows, none", grows(DAILY)) <= 0.1);
    let follows = |make: Make| Make {
        follows: 0.4,
        ..make
    };
    assert!(of("hourly that follows itself, none", follows(HOURLY)) <= 0.2);
    assert!(of("daily that follows itself, none", follows(DAILY)) <= 0.2);
}

#[test]
fn slopes_hold_the_truth() {
    let (mut covered, mut count, mut sure) = (0, 0, 0);
    for seed in held_out(60) {
        for growth in [0.0, 0.3] {
            let made = series(seed, Make { growth, ..DAILY });
            let trend = trend(&made.samples).unwrap();
            // the truth is a curve: its mean slope in the unit of the series
            let truth = trend.start * (growth.exp() - 1.0) / 200.0;
            let slack = truth.abs() * 0.15;
            count += 1;
            covered += usize::from(trend.low - slack <= truth && truth <= trend.high + slack);
            sure += usize::from(trend.sure() == (growth > 0.0));
        }
    }
    println!("slopes: {covered} of {count} intervals hold the truth, {sure} rightly sure or not");
    assert!(covered * 10 >= count * 9 && sure * 10 >= count * 9);
}

struct Errors {
    smape: f64,
    mase: f64,
}

fn errors(truth: &[f64], guess: &[f64], scale: f64) -> Errors {
    let n = truth.len() as f64;
    let pairs = || truth.iter().zip(guess);
    Errors {
        smape: pairs()
            .map(|(t, g)| 200.0 * (t - g).abs() / (t.abs() + g.abs()))
            .sum::<f64>()
            / n,
        mase: pairs().map(|(t, g)| (t - g).abs()).sum::<f64>() / n / scale,
    }
}

/// Mean errors of the forecast, the last value, and the one a week ago; and the share of values within the band.
fn forecasts(name: &str, make: Make, ahead: usize) -> ([Errors; 3], f64) {
    let week = usize::try_from(168 / make.every).unwrap();
    let mut sums = [(0.0, 0.0); 3];
    let (mut within, mut values) = (0, 0);
    let seeds = held_out(40);
    let count = seeds.clone().count() as f64;
    for seed in seeds {
        let made = series(
            seed,
            Make {
                missing: 0.0,
                ..make
            },
        );
        let cut = made.samples.len() - ahead;
        let (past, future) = made.samples.split_at(cut);
        let truth: Vec<f64> = future.iter().map(|s| s.value).collect();
        let at: Vec<DateTime<Utc>> = future.iter().map(|s| s.at).collect();
        let bands = forecast(past, &at).unwrap();
        let own: Vec<f64> = bands.iter().map(|b| b.median).collect();
        let naive = vec![past[cut - 1].value; ahead];
        let seasonal: Vec<f64> = (0..ahead)
            .map(|i| past[cut - week + i % week].value)
            .collect();
        let steps = past
            .windows(week + 1)
            .map(|w| (w[week].value - w[0].value).abs());
        let scale = steps.sum::<f64>() / (cut - week) as f64;
        for (sum, guess) in sums.iter_mut().zip([&own, &naive, &seasonal]) {
            let e = errors(&truth, guess, scale);
            sum.0 += e.smape / count;
            sum.1 += e.mase / count;
        }
        values += ahead;
        within += bands
            .iter()
            .zip(&truth)
            .filter(|(b, t)| (b.low..=b.high).contains(*t))
            .count();
    }
    let share = within as f64 / values as f64;
    println!(
        "forecast, {name}, {ahead} ahead: sMAPE {:.1} % (naive {:.1}, seasonal naive {:.1}), MASE {:.2} ({:.2}, {:.2}), {:.0} % within the 90 % band",
        sums[0].0,
        sums[1].0,
        sums[2].0,
        sums[0].1,
        sums[1].1,
        sums[2].1,
        share * 100.0
    );
    (sums.map(|(smape, mase)| Errors { smape, mase }), share)
}

#[test]
fn forecasts_are_better_than_naive_ones() {
    let steps = |make: Make| Make { steps: 1, ..make };
    let grows = |make: Make| Make {
        growth: 0.4,
        ..make
    };
    let follows = |make: Make| Make {
        follows: 0.6,
        ..make
    };
    let mut all = Vec::new();
    for (name, make, ahead) in [
        ("hourly", HOURLY, 48),
        ("hourly with a step", steps(HOURLY), 48),
        ("hourly that grows", grows(HOURLY), 168),
        ("hourly that follows itself", follows(HOURLY), 48),
        ("daily", DAILY, 14),
        ("daily with a step", steps(DAILY), 14),
        ("daily that grows", grows(DAILY), 14),
    ] {
        let (errors, share) = forecasts(name, make, ahead);
        for naive in &errors[1..] {
            assert!(errors[0].smape < naive.smape, "{name}");
            assert!(errors[0].mase < naive.mase, "{name}");
        }
        all.push(share);
    }
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    println!(
        "forecast: {:.1} % within the 90 % bands over all",
        mean * 100.0
    );
    assert!((0.85..=0.95).contains(&mean));
}

/// Mean error of the median, as a share of the run's length, of ours and of "usual less elapsed"; the shares of runs
/// that ended by the p50 and by the p90.
fn etas(name: &str, progress: bool) -> (f64, f64, f64, f64) {
    let (mut own, mut naive, mut by50, mut by90, mut count) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for seed in held_out(60) {
        let mut rng = Rng::new(seed);
        let pipe = pipe(seed, 10 + rng.below(40), [1, 6, 24][rng.below(3)]);
        let past: Vec<(PastRun, Vec<PastNode>)> = (0..80).map(|i| pipe.run(i)).collect();
        let runs: Vec<PastRun> = past.iter().map(|p| p.0.clone()).collect();
        let nodes: Vec<PastNode> = past.iter().flat_map(|p| p.1.clone()).collect();
        let usual = Spread::of(runs.iter().map(|r| r.took().unwrap().num_seconds() as f64));
        let usual = usual.unwrap().median;
        for number in 80..88 {
            let current = pipe.run(number);
            let (started, took) = (current.0.run.started_at.unwrap(), current.0.took().unwrap());
            let now = started + took * (5 + rng.below(90) as i32) / 100;
            let (run, seen) = seeds::seen(&pipe.topology, &current, now, progress);
            let seen: Vec<&Node> = seen.iter().collect();
            let going = Going {
                run: &run,
                nodes: &seen,
                topology: Some(&pipe.topology),
            };
            let found = eta(going, &runs, &nodes, now).unwrap();
            assert!(found.by == By::Nodes || progress);
            let end = current.0.run.ended_at.unwrap();
            let length = took.num_milliseconds() as f64 / 1000.0;
            let off = |guess: DateTime<Utc>| (guess - end).num_milliseconds().abs() as f64 / 1000.0;
            own += off(found.median().unwrap()) / length;
            let elapsed = (now - started).num_milliseconds() as f64 / 1000.0;
            let left = (usual - elapsed).max(0.0);
            naive += off(now + TimeDelta::milliseconds((left * 1000.0) as i64)) / length;
            by50 += f64::from(u8::from(end <= found.median().unwrap()));
            by90 += f64::from(u8::from(end <= found.p90().unwrap()));
            count += 1.0;
        }
    }
    let (own, naive, by50, by90) = (own / count, naive / count, by50 / count, by90 / count);
    println!(
        "eta, {name}, {count} runs: off by {:.1} % of the run's length (usual less elapsed: {:.1} %); {:.0} % ended by the p50, {:.0} % by the p90",
        own * 100.0,
        naive * 100.0,
        by50 * 100.0,
        by90 * 100.0
    );
    (own, naive, by50, by90)
}

#[test]
fn ends_of_runs_are_foreseen() {
    let (own, naive, by50, by90) = etas("by nodes", false);
    assert!(own < naive * 0.8);
    assert!((0.4..=0.6).contains(&by50) && (0.85..=0.95).contains(&by90));
    let (with, naive, _, by90) = etas("with progress", true);
    assert!(with < naive * 0.8 && with <= own * 1.05);
    assert!((0.82..=0.97).contains(&by90));
}

#[test]
fn bands_of_normal_hold_what_they_say() {
    let (mut within, mut count) = (0u32, 0u32);
    for seed in held_out(20) {
        let made = series(seed, HOURLY);
        for sample in made.samples.iter().skip(3_000).step_by(37) {
            let norm = dagtop::analytics::normal::norm(&made.samples, sample.at).unwrap();
            count += 1;
            within += u32::from((norm.spread.p5..=norm.spread.p95).contains(&sample.value));
        }
    }
    let share = f64::from(within) / f64::from(count);
    println!(
        "normal: {:.1} % of {count} within p5 to p95 of what came before",
        share * 100.0
    );
    assert!((0.85..=0.95).contains(&share));
}

/// What the eye sees.
#[test]
fn a_change_is_said_in_a_few_words() {
    let mut samples: Vec<Sample> = Vec::new();
    for i in 0..60 {
        let at = seeds::start() + TimeDelta::days(i);
        let wave = f64::from(u8::try_from(i % 3).unwrap());
        let value = if i < 30 { 100.0 } else { 138.0 } + wave;
        samples.push(Sample { at, value });
    }
    let found = changes(&samples);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].at, seeds::start() + TimeDelta::days(30));
    assert_eq!(found[0].words().as_str(), "since 4 Feb: +38 %");
}
