//! What events become.

use super::*;
use crate::metrics::Recorder;
use crate::model::*;
use crate::world::World;

struct Rig {
    world: World,
    store: Store,
    recorder: Recorder,
    backend: BackendId,
    at: DateTime<Utc>,
}

impl Rig {
    fn new() -> Self {
        let backend = BackendId::new("b");
        let info = BackendInfo {
            id: backend.clone(),
            name: SafeText::new("b"),
            kind: "airflow",
            read_only: false,
            protect: false,
            drives_runs: false,
            accent: None,
        };
        Self {
            world: World::new([info]),
            store: Store::default(),
            recorder: Recorder::new(),
            backend,
            at: now(),
        }
    }

    fn tell(&mut self, event: Event) {
        let stamped = Stamped {
            backend: self.backend.clone(),
            at: self.at,
            event,
        };
        self.world.apply(&stamped);
        self.recorder
            .observe(&mut self.store, &self.world, &stamped);
    }

    fn key(&self) -> PipelineKey {
        PipelineKey::new(&self.backend, "p")
    }

    fn pipeline(&self) -> Pipeline {
        let mut pipeline = Pipeline::new(self.key());
        pipeline.name = SafeText::new("Orders");
        pipeline.owner = Some(SafeText::new("ann"));
        pipeline.tags = vec![SafeText::new("gold")];
        pipeline
    }

    fn run(&self, id: &str, state: RunState) -> Run {
        let mut run = Run::new(self.key().run(id), ago(200));
        run.state = state;
        run.queued_at = Some(ago(200));
        run.started_at = Some(ago(180));
        run.ended_at = state.ended().then(|| ago(60));
        run
    }

    fn up(&mut self, requests: u64, failures: u64) {
        let stats = WireStats {
            requests,
            failures,
            bytes: 0,
            latency_us: 250_000,
        };
        self.tell(Event::Status(BackendStatus {
            reach: Reach::Up,
            stats,
            ..BackendStatus::default()
        }));
    }

    fn told(&self, name: Name) -> Vec<String> {
        told(&self.store, name)
    }
}

fn node(id: &str, state: NodeState) -> Node {
    let mut node = Node::new(NodeId::new(id));
    node.state = state;
    node.attempt = 1;
    node.queued_at = Some(ago(170));
    node.started_at = Some(ago(150));
    node.ended_at = state.ended().then(|| ago(100));
    node
}

#[test]
fn a_run_is_counted_once_when_it_ended() {
    let mut rig = Rig::new();
    let complete = true;
    rig.tell(Event::Pipelines {
        list: vec![rig.pipeline()],
        complete,
    });
    for state in [
        RunState::Queued,
        RunState::Running,
        RunState::Succeeded,
        RunState::Succeeded,
    ] {
        let list = vec![rig.run("1", state)];
        rig.tell(Event::Runs { list });
    }
    let mut noted = rig.run("1", RunState::Succeeded);
    noted.note = Some(SafeText::new("changed since"));
    rig.tell(Event::RunsComplete {
        pipeline: rig.key(),
        list: vec![noted],
    });
    let own = "owner:ann,pipeline:Orders";
    assert_eq!(
        rig.told(Name::PipelineRuns),
        [format!("{own},state:succeeded,tag:gold 1 at 60")]
    );
    assert_eq!(
        rig.told(Name::RunDuration),
        [format!("{own},state:succeeded,tag:gold 120 at 60")]
    );
    assert_eq!(
        rig.told(Name::RunWait),
        [format!("{own},tag:gold 20 at 180")]
    );
    assert_eq!(rig.told(Name::PipelineErrors), Vec::<String>::new());
    // declared, so that none is 0 rather than nothing
    assert_eq!(rig.store.of(Name::PipelineErrors).len(), 1);
    // cleared by somebody: it runs and ends once more
    rig.tell(Event::Runs {
        list: vec![rig.run("1", RunState::Running)],
    });
    rig.tell(Event::Runs {
        list: vec![rig.run("1", RunState::Succeeded)],
    });
    assert_eq!(
        rig.told(Name::PipelineRuns),
        [format!("{own},state:succeeded,tag:gold 2 at 60")]
    );
}

#[test]
fn what_ended_long_ago_is_no_error_of_now() {
    let mut rig = Rig::new();
    let mut old = rig.run("1", RunState::Failed);
    old.ended_at = Some(ago(7_200));
    let mut ancient = rig.run("2", RunState::Failed);
    ancient.ended_at = Some(ago(30 * 86_400));
    let mut ahead = rig.run("3", RunState::Failed);
    ahead.ended_at = Some(now() + TimeDelta::hours(1));
    rig.tell(Event::Runs {
        list: vec![old, ancient, ahead],
    });
    // one lies where it belongs, one is too old, and a clock that is ahead can't put one into the future
    assert_eq!(
        rig.told(Name::PipelineErrors),
        ["pipeline:p 1 at 0", "pipeline:p 1 at 7200"]
    );
    assert!(rig.store.stats().late > 0);
}

#[test]
fn a_failure_counts_when_it_is_seen_whatever_its_backend_calls_the_run() {
    let mut rig = Rig::new();
    rig.tell(Event::Runs {
        list: vec![rig.run("1", RunState::Running)],
    });
    let run = rig.key().run("1");
    let complete = true;
    let list = vec![
        node("load", NodeState::Failed),
        node("report", NodeState::Blocked),
    ];
    rig.tell(Event::Nodes {
        run: run.clone(),
        list: list.clone(),
        complete,
    });
    assert_eq!(rig.told(Name::PipelineErrors), ["pipeline:p 1 at 100"]);
    assert_eq!(rig.told(Name::PipelineRuns), Vec::<String>::new());
    rig.tell(Event::Nodes {
        run,
        list,
        complete,
    });
    rig.tell(Event::Runs {
        list: vec![rig.run("1", RunState::Succeeded)],
    });
    assert_eq!(rig.told(Name::PipelineErrors), ["pipeline:p 1 at 100"]);
    assert_eq!(
        rig.told(Name::PipelineRuns),
        ["pipeline:p,state:failed 1 at 60"]
    );
}

#[test]
fn attempts_are_measured_once_each() {
    let mut rig = Rig::new();
    rig.tell(Event::Runs {
        list: vec![rig.run("1", RunState::Running)],
    });
    let run = rig.key().run("1");
    let mut first = node("load", NodeState::Retrying);
    first.ended_at = Some(ago(100));
    first.kind = SafeText::new("Spark");
    first.pool = Some(SafeText::new("big"));
    let mut second = node("load", NodeState::Succeeded);
    second.attempt = 2;
    second.queued_at = None;
    second.started_at = Some(ago(80));
    second.ended_at = Some(ago(30));
    second.kind = SafeText::new("Spark");
    second.pool = Some(SafeText::new("big"));
    second.metrics = vec![
        (SafeText::new("bytes"), 5.0),
        (SafeText::new("Rows"), 1234.0),
    ];
    for node in [&first, &first, &second, &second] {
        rig.tell(Event::Nodes {
            run: run.clone(),
            list: vec![node.clone()],
            complete: false,
        });
    }
    let own = "pipeline:p,pool:big,stage:load";
    assert_eq!(
        rig.told(Name::StageErrors),
        [format!("{own},type:Spark 1 at 100")]
    );
    assert_eq!(
        rig.told(Name::StageWait),
        [format!("{own},type:Spark 20 at 150")]
    );
    assert_eq!(
        rig.told(Name::StageDuration),
        [format!("{own},state:succeeded,type:Spark 50 at 30")]
    );
    assert_eq!(
        rig.told(Name::StageRows),
        [format!("{own},state:succeeded,type:Spark 1234 at 30")]
    );
}

#[test]
fn instances_of_a_mapped_node_are_one_stage_and_what_never_ran_is_none() {
    let mut rig = Rig::new();
    rig.tell(Event::Runs {
        list: vec![rig.run("1", RunState::Running)],
    });
    let run = rig.key().run("1");
    let mut list: Vec<Node> = (0..50)
        .map(|n| {
            let mut node = node(&format!("map[{n}]"), NodeState::Succeeded);
            node.group = Some(NodeId::new("map"));
            node
        })
        .collect();
    let mut skipped = node("never", NodeState::Skipped);
    (skipped.attempt, skipped.started_at, skipped.queued_at) = (0, None, None);
    list.push(skipped);
    rig.tell(Event::Nodes {
        run,
        list,
        complete: true,
    });
    assert_eq!(
        rig.told(Name::StageDuration),
        ["pipeline:p,stage:map,state:succeeded 2500 at 100"]
    );
}

#[test]
fn usage_is_a_level_until_its_node_ends() {
    let mut rig = Rig::new();
    rig.tell(Event::Runs {
        list: vec![rig.run("1", RunState::Running)],
    });
    let run = rig.key().run("1");
    let mut running = node("load", NodeState::Running);
    running.usage = Some(Usage {
        cpu_now: 1.5,
        memory: 4096,
        ..Usage::default()
    });
    rig.at = ago(50);
    rig.tell(Event::Nodes {
        run: run.clone(),
        list: vec![running.clone()],
        complete: false,
    });
    rig.at = ago(20);
    let mut ended = running;
    ended.state = NodeState::Succeeded;
    ended.ended_at = Some(ago(20));
    for _ in 0..2 {
        rig.tell(Event::Nodes {
            run: run.clone(),
            list: vec![ended.clone()],
            complete: false,
        });
    }
    assert_eq!(
        rig.told(Name::NodeCpu),
        [
            "pipeline:p,stage:load 1.5 at 50",
            "pipeline:p,stage:load over at 20"
        ]
    );
    assert_eq!(
        rig.told(Name::NodeMemory)[0],
        "pipeline:p,stage:load 4096 at 50"
    );
}

#[test]
fn queues_are_levels_and_end_when_they_are_gone() {
    let mut rig = Rig::new();
    let queue = |name: &str, slots, waiting| Queue {
        name: SafeText::new(name),
        slots,
        running: 3,
        waiting,
        held_by: None,
    };
    rig.at = ago(100);
    rig.tell(Event::Queues(vec![
        queue("q", Some(4), 7),
        queue("free", None, 0),
    ]));
    rig.at = ago(50);
    rig.tell(Event::Queues(vec![queue("free", None, 2)]));
    assert_eq!(
        rig.told(Name::QueueLength),
        [
            "queue:free 0 at 100",
            "queue:free 2 at 50",
            "queue:q 7 at 100",
            "queue:q over at 50"
        ]
    );
    assert_eq!(
        rig.told(Name::QueueOpen),
        ["queue:q 1 at 100", "queue:q over at 50"]
    );
    assert_eq!(
        rig.told(Name::QueueSlots),
        ["queue:q 4 at 100", "queue:q over at 50"]
    );
}

#[test]
fn a_backend_is_up_or_not_and_its_requests_are_counted() {
    let mut rig = Rig::new();
    rig.at = ago(100);
    rig.up(10, 1);
    rig.at = ago(70);
    rig.up(15, 1);
    rig.at = ago(40);
    rig.tell(Event::Status(BackendStatus {
        reach: Reach::Down {
            reason: SafeText::new("gone"),
            retry_at: None,
        },
        stats: WireStats {
            requests: 18,
            failures: 4,
            bytes: 0,
            latency_us: 9,
        },
        ..BackendStatus::default()
    }));
    assert_eq!(
        rig.told(Name::BackendUp),
        [" 0 at 40", " 1 at 100", " 1 at 70"]
    );
    assert_eq!(
        rig.told(Name::BackendRequests),
        [" 10 at 100", " 3 at 40", " 5 at 70"]
    );
    assert_eq!(
        rig.told(Name::BackendFailures),
        [" 0 at 70", " 1 at 100", " 3 at 40"]
    );
    assert_eq!(
        rig.told(Name::BackendLatency),
        [" 0.25 at 100", " 0.25 at 70"]
    );
}

#[test]
fn a_pipeline_that_is_gone_is_counted_no_more() {
    let mut rig = Rig::new();
    let complete = true;
    rig.tell(Event::Pipelines {
        list: vec![rig.pipeline()],
        complete,
    });
    let errors = |rig: &Rig| {
        let of = rig.store.of(Name::PipelineErrors).iter();
        of.map(|id| rig.store.get(*id).unwrap().until)
            .collect::<Vec<_>>()
    };
    assert_eq!(errors(&rig), [None]);
    // another owner: another series, and the old one ends
    let mut given = rig.pipeline();
    given.owner = Some(SafeText::new("bob"));
    rig.tell(Event::Pipelines {
        list: vec![given],
        complete,
    });
    let there = tick(now());
    assert_eq!(errors(&rig), [Some(there), None]);
    rig.tell(Event::Pipelines {
        list: Vec::new(),
        complete,
    });
    assert_eq!(errors(&rig), [Some(there), Some(there)]);
}

#[test]
fn what_is_remembered_of_runs_goes_with_the_world() {
    let mut rig = Rig::new();
    for n in 0..3_000 {
        let mut run = rig.run(&n.to_string(), RunState::Succeeded);
        run.ordered_at = ago(100_000 - n);
        rig.tell(Event::Runs { list: vec![run] });
    }
    // the world keeps 40 runs of a pipeline; each was counted all the same
    assert!(
        rig.recorder.remembered() < 600,
        "{}",
        rig.recorder.remembered()
    );
    assert_eq!(
        rig.told(Name::PipelineRuns),
        ["pipeline:p,state:succeeded 3000 at 60"]
    );
}
