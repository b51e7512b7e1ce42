#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::{DateTime, Duration, Utc};

use super::{ChangeKind, changes, culprit, last_good};
use crate::model::{
    BackendId, BackendInfo, Event, Group, Node, NodeId, NodeState, Pipeline, PipelineKey, Run,
    RunState, SafeText, Stamped, Topology, Usage,
};
use crate::world::{RunView, World};

fn t(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + minutes * 60, 0).unwrap()
}

fn key() -> PipelineKey {
    PipelineKey::new(&BackendId::new("lab"), "orders")
}

fn node(name: &str, state: NodeState, from: i64, to: i64) -> Node {
    let mut node = Node::new(NodeId::new(name));
    node.state = state;
    node.attempt = 1;
    node.started_at = Some(t(from));
    node.ended_at = state.ended().then(|| t(to));
    node
}

struct Lab(World);

impl Lab {
    fn new() -> Self {
        let mut world = World::new([BackendInfo {
            id: BackendId::new("lab"),
            name: SafeText::new("lab"),
            kind: "local",
            read_only: false,
            protect: false,
            drives_runs: false,
            accent: None,
        }]);
        let pipeline = Pipeline::new(key());
        let stamped = |event| Stamped {
            backend: BackendId::new("lab"),
            at: t(0),
            event,
        };
        world.apply(&stamped(Event::Pipelines {
            list: vec![pipeline],
            complete: true,
        }));
        Self(world)
    }

    fn tell(&mut self, event: Event) {
        self.0.apply(&Stamped {
            backend: BackendId::new("lab"),
            at: t(0),
            event,
        });
    }

    fn run(
        &mut self,
        number: i64,
        state: RunState,
        params: &[(&str, &str)],
        edges: &[(&str, &str)],
        groups: Vec<Group>,
        nodes: Vec<Node>,
    ) -> &RunView {
        let run_key = key().run(number.to_string());
        let mut run = Run::new(run_key.clone(), t(number));
        run.state = state;
        run.started_at = Some(t(number));
        run.params = params
            .iter()
            .map(|(n, v)| (SafeText::new(n), SafeText::new(v)))
            .collect();
        let topology = Topology {
            nodes: nodes.iter().map(|n| n.id.clone()).collect(),
            groups,
            edges: edges
                .iter()
                .map(|(a, b)| (NodeId::new(a), NodeId::new(b)))
                .collect(),
        };
        self.tell(Event::Runs { list: vec![run] });
        self.tell(Event::Topology {
            run: run_key.clone(),
            topology,
        });
        self.tell(Event::Nodes {
            run: run_key.clone(),
            list: nodes,
            complete: true,
        });
        self.0.run(&run_key).unwrap()
    }
}

fn name(node: Option<&Node>) -> Option<&str> {
    node.map(|n| n.id.raw())
}

#[test]
fn the_culprit_is_the_failed_node_before_which_nothing_failed() {
    use NodeState::{Blocked, Failed, Succeeded};
    let mut lab = Lab::new();
    // clean-up runs always, fails because load did, and ends before it does
    let view = lab.run(
        1,
        RunState::Failed,
        &[],
        &[
            ("extract", "load"),
            ("load", "mid"),
            ("mid", "tidy"),
            ("extract", "audit"),
        ],
        vec![],
        vec![
            node("tidy", Failed, 1, 2),
            node("mid", Blocked, 1, 2),
            node("load", Failed, 3, 9),
            node("extract", Succeeded, 0, 1),
        ],
    );
    assert_eq!(name(culprit(view)), Some("load"));
    let view = lab.run(
        2,
        RunState::Failed,
        &[],
        &[],
        vec![],
        vec![
            node("b", Failed, 3, 9),
            node("a", Failed, 3, 8),
            node("c", Succeeded, 0, 1),
        ],
    );
    assert_eq!(name(culprit(view)), Some("a"));
    let view = lab.run(
        3,
        RunState::Succeeded,
        &[],
        &[],
        vec![],
        vec![node("c", Succeeded, 0, 1)],
    );
    assert_eq!(name(culprit(view)), None);
    let mut allowed = node("lint", Failed, 0, 1);
    allowed.failure_allowed = true;
    let view = lab.run(
        4,
        RunState::Failed,
        &[],
        &[],
        vec![],
        vec![allowed, node("c", Failed, 3, 4)],
    );
    assert_eq!(name(culprit(view)), Some("c"));
}

#[test]
fn groups_and_cycles_do_not_hide_the_culprit() {
    use NodeState::Failed;
    let mut lab = Lab::new();
    let group = |id: &str, parent: Option<&str>| Group {
        id: NodeId::new(id),
        name: SafeText::new(id),
        parent: parent.map(NodeId::new),
        mapped: false,
    };
    let mut inner = node("ingest.a", Failed, 5, 9);
    inner.group = Some(NodeId::new("ingest.deep"));
    let mut mart = node("mart.b", Failed, 1, 2);
    mart.group = Some(NodeId::new("mart"));
    let groups = vec![
        group("ingest", None),
        group("ingest.deep", Some("ingest")),
        group("mart", None),
    ];
    let view = lab.run(
        1,
        RunState::Failed,
        &[],
        &[("ingest", "mart")],
        groups,
        vec![mart, inner],
    );
    assert_eq!(name(culprit(view)), Some("ingest.a"));
    let view = lab.run(
        2,
        RunState::Failed,
        &[],
        &[("x", "y"), ("y", "x")],
        vec![],
        vec![node("y", Failed, 1, 5), node("x", Failed, 1, 4)],
    );
    assert_eq!(name(culprit(view)), Some("x"));
}

#[test]
fn what_changed_is_told_in_sentences() {
    use NodeState::{Failed, Skipped, Succeeded};
    let mut lab = Lab::new();
    let edges = [("extract", "load"), ("rates", "load")];
    let filled = |rows: f64, state, took: i64, memory: u64| {
        let mut extract = node("extract", Succeeded, 0, 1);
        extract.metrics = vec![(SafeText::new("rows"), rows)];
        let mut load = node("load", state, 1, 1 + took);
        load.usage = Some(Usage {
            memory_peak: memory,
            ..Usage::default()
        });
        vec![extract, load]
    };
    for number in 1..4 {
        let mut nodes = filled(100.0, Succeeded, 9, 200_000_000);
        nodes.push(node("rates", Succeeded, 0, 1));
        let params = [("region", "eu"), ("day", "1")];
        lab.run(number, RunState::Succeeded, &params, &edges, vec![], nodes);
    }
    let mut nodes = filled(240.0, Failed, 14, 900_000_000);
    nodes[1].attempt = 3;
    nodes.push(node("rates", Skipped, 0, 1));
    nodes.push(node("new", Succeeded, 0, 1));
    lab.run(
        5,
        RunState::Failed,
        &[("region", "us"), ("full", "true")],
        &edges,
        vec![],
        nodes,
    );
    let run = lab.0.run(&key().run("5")).unwrap();
    assert_eq!(last_good(&lab.0, run).unwrap().run.key.run.raw(), "3");
    let found = changes(&lab.0, run, t(99));
    let texts: Vec<&str> = found.iter().map(|c| c.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "parameter region: eu -> us",
            "parameter full is new: true",
            "parameter day is gone, it was 1",
            "new in the pipeline: new",
            "rates was skipped, succeeded last time",
            "rows of extract: 2.4x usual",
            "memory of load: 4.5x usual (900 MB)",
            "load took 14m, 9m usually",
            "load needed attempt 3, 1 last time",
        ]
    );
    assert_eq!(found[5].kind, ChangeKind::Metric);
}

#[test]
fn without_a_good_run_and_without_a_difference_nothing_is_said() {
    use NodeState::{Failed, Succeeded};
    let mut lab = Lab::new();
    lab.run(
        1,
        RunState::Failed,
        &[],
        &[],
        vec![],
        vec![node("a", Failed, 0, 1)],
    );
    let alone = lab.0.run(&key().run("1")).unwrap();
    assert_eq!(changes(&lab.0, alone, t(9)), []);
    lab.run(
        2,
        RunState::Succeeded,
        &[],
        &[],
        vec![],
        vec![node("a", Succeeded, 0, 1)],
    );
    lab.run(
        3,
        RunState::Failed,
        &[],
        &[],
        vec![],
        vec![node("a", Failed, 0, 1)],
    );
    let run = lab.0.run(&key().run("3")).unwrap();
    assert_eq!(changes(&lab.0, run, t(9) + Duration::zero()), []);
    // a good run after this one is not what it is compared with
    let first = lab.0.run(&key().run("1")).unwrap();
    assert!(last_good(&lab.0, first).is_none());
}
