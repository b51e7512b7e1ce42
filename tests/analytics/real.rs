//! The same on runs that happened: what `dagtop export` told of two pipelines of real work (sorting, packing, hashing,
//! searching; tests/lab/history) that ran for an hour on a machine with much else to do. Nothing was tuned on them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dagtop::model::{BackendId, NodeId, NodeState, PipelineKey, Run, RunState, Topology};
use dagtop::model::{Health, RunKey};
use serde::Deserialize;

use super::*;

/// Runs of a pipeline that are known before the first is foreseen.
const KNOWN: usize = 40;

#[derive(Deserialize)]
struct RunRow {
    backend: String,
    pipeline: String,
    run: String,
    state: String,
    ordered_at: DateTime<Utc>,
    queued_at: DateTime<Utc>,
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct NodeRow {
    backend: String,
    pipeline: String,
    run: String,
    node: String,
    attempt: u32,
    state: String,
    queued_at: DateTime<Utc>,
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
}

/// A pipeline's runs in their order.
struct Told {
    topology: Topology,
    runs: Vec<(PastRun, Vec<PastNode>)>,
}

fn rows<T: for<'de> Deserialize<'de>>(name: &str) -> Vec<T> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/history");
    let mut file = csv::Reader::from_path(path.join(name)).unwrap();
    file.deserialize().map(|row| row.unwrap()).collect()
}

fn key(backend: &str, pipeline: &str, run: &str) -> RunKey {
    PipelineKey::new(&BackendId::new(backend), pipeline).run(run)
}

/// Who waits for whom, as tests/lab/history says.
fn edges(pipeline: &str) -> Vec<(NodeId, NodeId)> {
    let all: &[(&str, &str)] = match pipeline {
        "orders" => &[
            ("extract", "sort"),
            ("extract", "sum"),
            ("sort", "pack"),
            ("pack", "check"),
            ("sum", "check"),
        ],
        _ => &[
            ("list", "hash"),
            ("list", "grep"),
            ("hash", "join"),
            ("grep", "join"),
        ],
    };
    let all = all.iter();
    all.map(|(a, b)| (NodeId::new(*a), NodeId::new(*b)))
        .collect()
}

fn told() -> BTreeMap<String, Told> {
    let mut nodes: BTreeMap<RunKey, Vec<PastNode>> = BTreeMap::new();
    for row in rows::<NodeRow>("nodes.csv") {
        let run = key(&row.backend, &row.pipeline, &row.run);
        assert_eq!(row.state, "succeeded");
        nodes.entry(run.clone()).or_default().push(PastNode {
            run,
            node: NodeId::new(row.node),
            attempt: row.attempt,
            state: NodeState::Succeeded,
            queued_at: Some(row.queued_at),
            started_at: Some(row.started_at),
            ended_at: Some(row.ended_at),
            exit_code: None,
            rows: None,
            memory: None,
            cpu_seconds: None,
        });
    }
    let mut all: BTreeMap<String, Told> = BTreeMap::new();
    for row in rows::<RunRow>("runs.csv") {
        let mut run = Run::new(key(&row.backend, &row.pipeline, &row.run), row.ordered_at);
        assert_eq!(row.state, "succeeded");
        run.state = RunState::Succeeded;
        run.queued_at = Some(row.queued_at);
        run.started_at = Some(row.started_at);
        run.ended_at = Some(row.ended_at);
        // one was over, and another had come, before anything was read of it
        let Some(of) = nodes.remove(&run.key) else {
            continue;
        };
        let told = all.entry(row.pipeline.clone()).or_insert_with(|| Told {
            topology: Topology {
                nodes: of.iter().map(|n| n.node.clone()).collect(),
                edges: edges(&row.pipeline),
                groups: Vec::new(),
            },
            runs: Vec::new(),
        });
        let seen = row.ended_at;
        let health = Health::Succeeded;
        told.runs.push((PastRun { run, health, seen }, of));
    }
    for told in all.values_mut() {
        told.runs.sort_by_key(|(past, _)| past.run.ordered_at);
    }
    all
}

fn length(past: &PastRun) -> f64 {
    past.took().unwrap().num_milliseconds() as f64 / 1000.0
}

/// How long the next run takes, from those before it.
#[test]
fn how_long_real_runs_take_is_foreseen() {
    for (name, told) in told() {
        let samples: Vec<Sample> = told
            .runs
            .iter()
            .map(|(past, _)| Sample {
                at: past.run.started_at.unwrap(),
                value: length(past),
            })
            .collect();
        let (mut own, mut last, mut within, mut truth) = (vec![], vec![], 0, vec![]);
        for i in KNOWN..samples.len() {
            let band = forecast(&samples[..i], &[samples[i].at]).unwrap()[0];
            own.push(band.median);
            last.push(samples[i - 1].value);
            truth.push(samples[i].value);
            within += usize::from((band.low..=band.high).contains(&samples[i].value));
        }
        let (own, last) = (errors(&truth, &own, 1.0), errors(&truth, &last, 1.0));
        let share = within as f64 / truth.len() as f64;
        println!(
            "forecast, real runs of {name}, {} of them: sMAPE {:.1} % (naive {:.1}), {:.0} % within the 90 % band",
            truth.len(),
            own.smape,
            last.smape,
            share * 100.0
        );
        assert!(truth.len() >= 60, "{name}");
        assert!(own.smape < last.smape, "{name}");
        assert!((0.8..=0.99).contains(&share), "{name}");
    }
}

/// When a run that is under way ends, asked after a quarter, a half and three quarters of it.
#[test]
fn ends_of_real_runs_are_foreseen() {
    for (name, told) in told() {
        let (mut own, mut naive, mut by90, mut count) = (0.0, 0.0, 0.0, 0.0);
        for i in KNOWN..told.runs.len() {
            let (before, current) = (&told.runs[..i], &told.runs[i]);
            let runs: Vec<PastRun> = before.iter().map(|(past, _)| past.clone()).collect();
            let nodes: Vec<PastNode> = before.iter().flat_map(|(_, of)| of.clone()).collect();
            let usual = Spread::of(runs.iter().map(length)).unwrap().median;
            let (start, end) = (
                current.0.run.started_at.unwrap(),
                current.0.run.ended_at.unwrap(),
            );
            for quarter in 1..4 {
                let now = start + (end - start) * quarter / 4;
                let (run, seen) = seeds::seen(&told.topology, current, now, false);
                let seen: Vec<&Node> = seen.iter().collect();
                let going = Going {
                    run: &run,
                    nodes: &seen,
                    topology: Some(&told.topology),
                };
                let found = eta(going, &runs, &nodes, now).unwrap();
                assert_eq!(found.by, By::Nodes);
                let seconds = |span: TimeDelta| span.num_milliseconds() as f64 / 1000.0;
                own += seconds(found.median().unwrap() - end).abs() / length(&current.0);
                let left = (usual - seconds(now - start)).max(0.0);
                naive += (left - seconds(end - now)).abs() / length(&current.0);
                by90 += f64::from(u8::from(end <= found.p90().unwrap()));
                count += 1.0;
            }
        }
        println!(
            "eta, real runs of {name}, {count} times: off by {:.1} % of the run's length (usual less elapsed: {:.1} %); {:.0} % ended by the p90",
            own / count * 100.0,
            naive / count * 100.0,
            by90 / count * 100.0
        );
        assert!(own < naive, "{name}");
    }
}
