//! Any input: nothing panics, no figure is not a number, and the order in which things come does not matter.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use dagtop::analytics::bottleneck::bottlenecks;
use dagtop::analytics::changes::{beside, changes};
use dagtop::analytics::compare::compare;
use dagtop::analytics::eta::{Going, eta};
use dagtop::analytics::flaky::flaky;
use dagtop::analytics::forecast::{forecast, reaches};
use dagtop::analytics::load::load;
use dagtop::analytics::sla::{Objective, budget, outcomes};
use dagtop::analytics::summary::{Promised, summary};
use dagtop::analytics::trend::trend;
use dagtop::analytics::{Sample, Shape, advice, normal};
use dagtop::model::{
    BackendId, Health, Node, NodeId, NodeState, PastNode, PastRun, PipelineKey, Progress, Run,
    RunKey, RunState, Topology,
};
use proptest::prelude::*;
use serde::Serialize;

/// Times of a month, and a few at the ends of the calendar.
fn time() -> impl Strategy<Value = DateTime<Utc>> {
    let start = super::seeds::start();
    prop_oneof![
        20 => (0i64..30 * 86_400).prop_map(move |s| start + TimeDelta::seconds(s)),
        1 => Just(DateTime::<Utc>::MIN_UTC),
        1 => Just(DateTime::<Utc>::MAX_UTC),
        1 => Just(DateTime::<Utc>::UNIX_EPOCH),
    ]
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![10 => 0.0..1000.0f64, 2 => Just(7.0), 1 => any::<f64>(), 1 => -10.0..0.0f64]
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (time(), value()).prop_map(|(at, value)| Sample { at, value });
    prop::collection::vec(sample, 0..80)
}

fn key(pipeline: usize, run: usize) -> RunKey {
    PipelineKey::new(&BackendId::new("b"), format!("p{pipeline}")).run(format!("r{run}"))
}

fn run() -> impl Strategy<Value = PastRun> {
    let times = (
        time(),
        prop::option::of(time()),
        prop::option::of(time()),
        prop::option::of(time()),
    );
    let states = prop::sample::select(vec![
        (Health::Succeeded, RunState::Succeeded),
        (Health::Succeeded, RunState::Succeeded),
        (Health::Failed, RunState::Failed),
        (Health::Running, RunState::Running),
        (Health::Cancelled, RunState::Cancelled),
    ]);
    let named = (0usize..2, 0usize..6, 0u8..3);
    (named, times, states).prop_map(
        |((pipeline, number, word), (ordered, queued, started, ended), (health, state))| {
            let mut run = Run::new(key(pipeline, number), ordered);
            (run.queued_at, run.started_at, run.ended_at) = (queued, started, ended);
            run.state = state;
            run.version = (word > 0).then(|| word.to_string().into());
            run.params = vec![("day".into(), word.to_string().into())];
            PastRun {
                run,
                health,
                seen: ordered,
            }
        },
    )
}

/// Each run once.
fn runs() -> impl Strategy<Value = Vec<PastRun>> {
    prop::collection::vec(run(), 0..12).prop_map(|mut runs| {
        runs.sort_by(|a, b| a.run.key.cmp(&b.run.key));
        runs.dedup_by(|a, b| a.run.key == b.run.key);
        runs
    })
}

fn node() -> impl Strategy<Value = PastNode> {
    let times = (
        prop::option::of(time()),
        prop::option::of(time()),
        prop::option::of(time()),
    );
    let state = prop::sample::select(NodeState::ALL.to_vec());
    let measured = (prop::option::of(value()), prop::option::of(any::<u64>()));
    let named = (0usize..2, 0usize..6, 0usize..4, 0u32..4);
    (named, times, state, measured).prop_map(
        |((pipeline, run, node, attempt), (queued, started, ended), state, (rows, memory))| {
            PastNode {
                run: key(pipeline, run),
                node: NodeId::new(format!("n{node}")),
                attempt,
                state,
                queued_at: queued,
                started_at: started,
                ended_at: ended,
                exit_code: None,
                rows,
                memory,
                cpu_seconds: rows,
            }
        },
    )
}

/// Each attempt once.
fn nodes() -> impl Strategy<Value = Vec<PastNode>> {
    prop::collection::vec(node(), 0..40).prop_map(|mut nodes| {
        let by = |n: &PastNode| (n.run.clone(), n.node.clone(), n.attempt);
        nodes.sort_by_key(by);
        nodes.dedup_by_key(|n| by(n));
        nodes
    })
}

fn topology() -> impl Strategy<Value = Topology> {
    prop::collection::vec((0usize..5, 0usize..5), 0..12).prop_map(|edges| Topology {
        nodes: (0..4).map(|i| NodeId::new(format!("n{i}"))).collect(),
        groups: Vec::new(),
        edges: edges
            .into_iter()
            .map(|(a, b)| (NodeId::new(format!("n{a}")), NodeId::new(format!("n{b}"))))
            .collect(),
    })
}

/// What is not a number is null in JSON: where nothing is optional there may be none.
fn no_null(value: &impl Serialize) -> bool {
    !serde_json::to_string(value).unwrap().contains("null")
}

fn reversed<T: Clone>(all: &[T]) -> Vec<T> {
    all.iter().rev().cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_series(samples in samples(), now in time(), limit in value()) {
        let back = reversed(&samples);
        let found = normal::norm(&samples, now);
        prop_assert!(found.is_none() || no_null(&found));
        prop_assert_eq!(found, normal::norm(&back, now));
        let verdict = normal::judge(limit, now, &samples);
        if let Some(verdict) = verdict {
            prop_assert!(verdict.deviations.is_finite() && (0.0..=1.0).contains(&verdict.above));
            let _ = verdict.words(dagtop::analytics::Measure::Duration);
        }
        prop_assert_eq!(verdict, normal::judge(limit, now, &back));
        let line = trend(&samples);
        if let Some(line) = line {
            prop_assert!(no_null(&line) && line.low <= line.per_day && line.per_day <= line.high);
        }
        prop_assert_eq!(line, trend(&back));
        let found = changes(&samples);
        for change in &found {
            prop_assert!((0.0..=1.0).contains(&change.p) && no_null(&change.before));
            let _ = change.words();
        }
        prop_assert_eq!(&found, &changes(&back));
        let ahead = [now, super::seeds::start() + TimeDelta::days(40)];
        let bands = forecast(&samples, &ahead);
        for band in bands.iter().flatten() {
            prop_assert!(no_null(band) && band.low <= band.high);
        }
        prop_assert_eq!(bands, forecast(&back, &ahead));
        let reach = reaches(&samples, limit, now);
        if let Some(reach) = &reach {
            prop_assert!(reach.earliest <= reach.when && now <= reach.earliest);
            prop_assert!(reach.latest.is_none_or(|l| reach.when <= l));
        }
        if let Some(advice) = advice::of_use(&samples, limit, reach.as_ref(), now) {
            prop_assert!(no_null(&advice.figures));
            let _ = advice.words();
        }
        prop_assert_eq!(normal::week(&samples).len(), 168);
    }

    #[test]
    fn any_runs(runs in runs(), nodes in nodes(), topology in topology(), now in time(), to in time()) {
        let (runs_back, nodes_back) = (reversed(&runs), reversed(&nodes));
        let shape = Shape::new(&topology, topology.nodes.iter().map(|n| (n, None)));
        prop_assert_eq!(normal::of_pipeline(&runs, now), normal::of_pipeline(&runs_back, now));
        prop_assert_eq!(normal::of_nodes(&nodes, now), normal::of_nodes(&nodes_back, now));
        let found = flaky(&runs, &nodes);
        prop_assert!(no_null(&found));
        prop_assert_eq!(&found, &flaky(&runs_back, &nodes_back));
        let _ = advice::of_flaky(&found);
        let found = bottlenecks(&runs, &nodes, &shape, 0.3);
        if let Some(found) = &found {
            prop_assert!(no_null(found));
            // a faster node makes no run longer, and saves no more than its share
            prop_assert!(found.nodes.iter().all(|n| n.saves >= -1e-6));
            prop_assert!(found.minimum <= found.length.max + 1e-6);
            let _ = advice::of_pipeline(found);
        }
        prop_assert_eq!(found, bottlenecks(&runs_back, &nodes_back, &shape, 0.3));
        if let [a, .., b] = &runs[..] {
            for shape in [None, Some(&shape)] {
                let found = compare((a, &nodes), (b, &nodes), shape);
                let sum: f64 = found.nodes.iter().map(|n| n.added()).sum();
                let path = found.path.b.unwrap_or(0.0) - found.path.a.unwrap_or(0.0);
                prop_assert!((sum - path).abs() <= 1e-6 * (1.0 + path.abs()), "{sum} {path}");
                prop_assert_eq!(&found, &compare((a, &nodes_back), (b, &nodes_back), shape));
            }
        }
        let _ = beside(now, &runs);
        let found = load(&runs, now, to);
        prop_assert!(found.is_none() || no_null(&found));
        if let Some(found) = found {
            let _ = advice::of_load(&found);
        }
        let objective = Objective {
            zone: Tz::Europe__Berlin,
            done_by: "02:30:00".parse().ok(),
            start_within: Some(TimeDelta::minutes(5)),
            duration_limit: Some(TimeDelta::hours(1)),
        };
        let chance = |_: &RunKey, _: DateTime<Utc>| Some(0.3);
        for dues in [vec![], vec![now, to]] {
            let found = outcomes(&objective, &runs, &dues, now, &chance);
            prop_assert_eq!(&found, &outcomes(&objective, &runs_back, &dues, now, &chance));
            let spent = budget(&found, 0.99, DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
            // the end of all time is not in it
            let within = found.iter().filter(|o| o.due < DateTime::<Utc>::MAX_UTC).count();
            prop_assert_eq!(spent.met + spent.missed + spent.open + spent.at_risk, within);
        }
        let promised = |_: &PipelineKey| Some(Promised {
            objective: objective.clone(),
            dues: vec![],
            target: 0.99,
        });
        let told = summary(&runs, &nodes, (now, to), &promised, now);
        prop_assert_eq!(told, summary(&runs_back, &nodes_back, (now, to), &promised, now));
    }

    #[test]
    fn any_run_that_goes_on(
        runs in runs(), past in nodes(), topology in topology(), now in time(), started in time(),
        states in prop::collection::vec((0usize..14, prop::option::of(time()), prop::option::of(time()), 0u64..100), 4),
        known in any::<bool>(),
    ) {
        let mut run = Run::new(key(0, 99), started);
        run.started_at = Some(started);
        run.state = RunState::Running;
        let nodes: Vec<Node> = states.into_iter().enumerate().map(|(i, (state, from, to, done))| {
            let mut node = Node::new(NodeId::new(format!("n{i}")));
            node.state = NodeState::ALL[state];
            (node.started_at, node.ended_at) = (from, to);
            node.progress = Progress::new(done, 100);
            node
        }).collect();
        let nodes: Vec<&Node> = nodes.iter().collect();
        let going = Going { run: &run, nodes: &nodes, topology: known.then_some(&topology) };
        let found = eta(going, &runs, &past, now);
        if let Some(found) = &found {
            let (median, p90) = (found.median().unwrap(), found.p90().unwrap());
            prop_assert!(now <= median && median <= p90);
            let chance = found.chance_after(p90);
            prop_assert!(chance > 0.0 && chance < 0.5);
        }
        prop_assert_eq!(found, eta(going, &reversed(&runs), &reversed(&past), now));
    }
}
