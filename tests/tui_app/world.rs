//! A small world with everything in it, made of the same events that backends send.

use chrono::{DateTime, Duration, TimeZone, Utc};
use dagtop::alerts::{Alerts, Rules};
use dagtop::engine::Watch;
use dagtop::logs::LogStore;
use dagtop::model::*;
use dagtop::world::World;

pub fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 20, 3, 14, 7).unwrap()
}

pub fn ago(minutes: i64) -> DateTime<Utc> {
    now() - Duration::minutes(minutes)
}

pub fn info(name: &str, kind: &'static str) -> BackendInfo {
    BackendInfo {
        id: BackendId::new(name),
        name: SafeText::new(name),
        kind,
        read_only: false,
        drives_runs: kind == "local",
        protect: false,
        accent: None,
    }
}

pub fn key(backend: &str, pipeline: &str) -> PipelineKey {
    PipelineKey::new(&BackendId::new(backend), pipeline)
}

pub const LATE_AFTER: Duration = Duration::minutes(2);

pub struct Builder {
    pub watch: Watch,
    /// When what comes next was observed.
    pub at: DateTime<Utc>,
}

impl Builder {
    pub fn new(backends: Vec<BackendInfo>) -> Self {
        let world = World::new(backends);
        let watch = Watch::new(
            world,
            LogStore::new(1 << 20),
            Alerts::new(Rules::default()),
            LATE_AFTER,
        );
        Self { watch, at: now() }
    }

    pub fn event(&mut self, backend: &str, event: Event) -> &mut Self {
        self.event_at(backend, self.at, event)
    }

    pub fn event_at(&mut self, backend: &str, at: DateTime<Utc>, event: Event) -> &mut Self {
        self.watch.apply(&Stamped {
            backend: BackendId::new(backend),
            at,
            event,
        });
        self
    }

    pub fn up(&mut self, backend: &str, version: &str, latency_us: u64) -> &mut Self {
        self.event(
            backend,
            Event::Status(BackendStatus {
                reach: Reach::Up,
                version: SafeText::new(version),
                stats: WireStats {
                    requests: 120,
                    failures: 1,
                    bytes: 90_000,
                    latency_us,
                },
                ..BackendStatus::default()
            }),
        )
    }

    pub fn pipeline(&mut self, pipeline: Pipeline) -> &mut Self {
        let backend = pipeline.key.backend.raw().to_owned();
        self.event(
            &backend,
            Event::Pipelines {
                list: vec![pipeline],
                complete: false,
            },
        )
    }

    pub fn run(&mut self, run: Run) -> &mut Self {
        let backend = run.key.backend().raw().to_owned();
        self.event(&backend, Event::Runs { list: vec![run] })
    }

    pub fn nodes(&mut self, run: &RunKey, list: Vec<Node>, complete: bool) -> &mut Self {
        let backend = run.backend().raw().to_owned();
        self.event(
            &backend,
            Event::Nodes {
                run: run.clone(),
                list,
                complete,
            },
        )
    }

    pub fn log(&mut self, key: LogKey, text: &str, end: bool) -> &mut Self {
        let backend = key.backend().raw().to_owned();
        let chunk = |update| {
            Event::Log(LogChunk {
                key: key.clone(),
                update,
            })
        };
        self.event(&backend, chunk(LogUpdate::Append(text.as_bytes().to_vec())));
        if end {
            self.event(&backend, chunk(LogUpdate::End));
        }
        self
    }

    /// Runs that ended well, one a day.
    pub fn past(&mut self, pipeline: &PipelineKey, runs: i64, minutes: i64) -> &mut Self {
        for day in 1..=runs {
            let at = now() - Duration::days(day);
            let mut run = Run::new(
                pipeline.run(format!("scheduled__{}", at.format("%FT%R"))),
                at,
            );
            run.state = RunState::Succeeded;
            run.native = SafeText::new("success");
            run.started_at = Some(at);
            run.ended_at = Some(at + Duration::minutes(minutes + day % 3));
            self.run(run);
        }
        self
    }

    pub fn done(mut self) -> Watch {
        self.watch.refresh(now());
        self.watch
    }
}

pub fn node(id: &str, state: NodeState, started: i64, minutes: i64) -> Node {
    let mut node = Node::new(NodeId::new(id));
    node.state = state;
    node.native = SafeText::new(state.word());
    node.kind = SafeText::new("PythonOperator");
    if !matches!(
        state,
        NodeState::Pending | NodeState::Blocked | NodeState::Queued
    ) {
        node.attempt = 1;
        node.started_at = Some(ago(started));
    }
    if state.ended() && node.attempt > 0 {
        node.ended_at = Some(ago(started) + Duration::minutes(minutes));
    }
    node
}

pub fn running(pipeline: &PipelineKey, id: &str, minutes: i64) -> Run {
    let mut run = Run::new(pipeline.run(id), ago(minutes));
    run.state = RunState::Running;
    run.native = SafeText::new("running");
    run.started_at = Some(ago(minutes));
    run.cause = SafeText::new("scheduled");
    run
}

pub const OOM: &str = "\
[2026-11-20T03:08:40.000+0000] {taskinstance.py:1157} INFO - Starting attempt 2 of 3
[2026-11-20T03:08:41.000+0000] {spark_submit.py:312} INFO - spark-submit --master yarn --class Load orders.jar
[2026-11-20T03:09:03.000+0000] {spark_submit.py:500} INFO - read 41,230,118 rows from orders_raw
[2026-11-20T03:10:44.000+0000] {spark_submit.py:500} WARNING - executor 3 lost: container killed by YARN
[2026-11-20T03:11:02.000+0000] {taskinstance.py:1824} ERROR - Task failed with exception
Traceback (most recent call last):
  File \"/opt/airflow/dags/orders.py\", line 88, in load
    submit(job, memory=\"2g\")
  File \"/opt/airflow/plugins/spark.py\", line 41, in submit
    raise SparkError(out)
plugins.spark.SparkError: java.lang.OutOfMemoryError: Java heap space
[2026-11-20T03:11:02.000+0000] {taskinstance.py:1350} INFO - Marking task as FAILED.
";

fn airflow() -> Capabilities {
    use Action::*;
    use TargetKind::*;
    let no = |why: &'static str, nearest| Support::No {
        why: why.into(),
        nearest,
    };
    Capabilities::default()
        .with(Action::Pause, Pipeline, Support::Yes)
        .with(
            Action::Pause,
            Run,
            no("Airflow can't pause a run", Some((Action::Pause, Pipeline))),
        )
        .with(Resume, Pipeline, Support::Yes)
        .with(Retry, Run, Support::Yes)
        .with(Retry, Node, Support::Yes)
        .with(Restart, Run, Support::Yes)
        .with(
            Cancel,
            Run,
            Support::But("mapped siblings that are running stop too".into()),
        )
        .with(Trigger, Pipeline, Support::Yes)
        .with(Mark, Node, Support::Yes)
        .with(Note, Run, Support::Yes)
        .with(Note, Node, Support::Yes)
        .with(Stop, Pipeline, Support::Yes)
        .with(Stop, Backend, Support::Yes)
}

pub fn local() -> Capabilities {
    use Action::*;
    use TargetKind::*;
    let no = |why: &'static str| Support::No {
        why: why.into(),
        nearest: None,
    };
    let mut all = Capabilities::default();
    for action in [Pause, Resume, Retry, Restart, Cancel] {
        all = all.with(action, Run, Support::Yes);
    }
    all.with(Trigger, Pipeline, Support::Yes)
        .with(Stop, Pipeline, Support::Yes)
        .with(Stop, Backend, Support::Yes)
        .with(Note, Run, no("local runs keep no notes"))
}

pub fn orders_run() -> RunKey {
    key("prod-airflow", "orders_daily").run("scheduled__2026-11-20T02:00")
}

/// Several backends, one of them down, one read-only, one protected; pipelines in every condition.
pub fn world() -> Watch {
    let mut prod = info("prod-airflow", "airflow");
    prod.accent = Some(SafeText::new("red"));
    let mut staging = info("staging", "airflow");
    staging.read_only = true;
    let mut vault = info("vault", "airflow");
    vault.protect = true;
    let mut b = Builder::new(vec![
        prod,
        info("local", "local"),
        staging,
        vault,
        info("adf", "airflow"),
    ]);
    for backend in ["prod-airflow", "staging", "vault", "adf"] {
        b.at = if backend == "adf" { ago(4) } else { now() };
        b.up(backend, "Airflow 3.3.2, API v2", 41_000);
        b.event(backend, Event::Capabilities(airflow()));
    }
    b.at = now();
    b.up("local", "", 200)
        .event("local", Event::Capabilities(local()));
    orders(&mut b);
    others(&mut b);
    system(&mut b);
    b.event_at(
        "adf",
        ago(4),
        Event::Status(BackendStatus {
            reach: Reach::Down {
                reason: SafeText::new("answers 429 too many requests"),
                retry_at: Some(now() + Duration::seconds(12)),
            },
            ..BackendStatus::default()
        }),
    );
    b.done()
}

fn orders(b: &mut Builder) {
    let orders = key("prod-airflow", "orders_daily");
    let mut pipeline = Pipeline::new(orders.clone());
    pipeline.owner = Some(SafeText::new("data-eng"));
    pipeline.tags = vec![SafeText::new("orders"), SafeText::new("gold")];
    pipeline.schedule = Schedule {
        text: SafeText::new("0 2 * * *"),
        next: Some(now() + Duration::hours(23)),
    };
    pipeline.doc = vec![
        SafeText::new("# When it fails"),
        SafeText::new("1. Look at load first: it needs memory."),
        SafeText::new("2. Ask data-eng before clearing extract: it bills per call."),
    ];
    pipeline.params = vec![
        ParamSpec {
            name: SafeText::new("day"),
            kind: SafeText::new("string"),
            default: serde_json::json!("2026-11-20"),
            description: SafeText::new("which day to load"),
            choices: vec![],
            required: true,
        },
        ParamSpec {
            name: SafeText::new("limit"),
            kind: SafeText::new("integer"),
            default: serde_json::json!(1000),
            description: SafeText::new("rows at most"),
            choices: vec![],
            required: false,
        },
        ParamSpec {
            name: SafeText::new("mode"),
            kind: SafeText::new("string"),
            default: serde_json::json!("full"),
            description: SafeText::default(),
            choices: vec![SafeText::new("full"), SafeText::new("delta")],
            required: false,
        },
    ];
    b.pipeline(pipeline).past(&orders, 9, 9);
    let run = orders_run();
    b.run(running(&orders, run.run.raw(), 12));
    b.event(
        "prod-airflow",
        Event::Topology {
            run: run.clone(),
            topology: Topology {
                nodes: [
                    "extract",
                    "clean",
                    "transform.join",
                    "transform.dedupe",
                    "map",
                    "load",
                    "report",
                    "audit",
                    "notify",
                ]
                .map(NodeId::new)
                .to_vec(),
                groups: vec![
                    Group {
                        id: NodeId::new("transform"),
                        name: SafeText::new("transform"),
                        parent: None,
                        mapped: false,
                    },
                    Group {
                        id: NodeId::new("map"),
                        name: SafeText::new("map"),
                        parent: None,
                        mapped: true,
                    },
                ],
                edges: [
                    ("extract", "clean"),
                    ("extract", "map"),
                    ("clean", "transform.join"),
                    ("transform.join", "transform.dedupe"),
                    ("transform.dedupe", "load"),
                    ("map", "load"),
                    ("load", "report"),
                    ("load", "notify"),
                    ("map", "audit"),
                ]
                .map(|(a, b)| (NodeId::new(a), NodeId::new(b)))
                .to_vec(),
            },
        },
    );
    let mut load = node("load", NodeState::Failed, 6, 3);
    load.attempt = 2;
    load.max_attempts = Some(3);
    load.exit_code = Some(137);
    load.host = Some(SafeText::new("worker-7"));
    load.pool = Some(SafeText::new("default_pool"));
    let mut audit = node("audit", NodeState::Running, 2, 0);
    audit.progress = Progress::new(48, 100);
    let mut list = vec![
        node("extract", NodeState::Succeeded, 12, 1),
        node("clean", NodeState::Succeeded, 11, 1),
        load,
        node("report", NodeState::Blocked, 0, 0),
        audit,
        node("notify", NodeState::Blocked, 0, 0),
    ];
    for name in ["transform.join", "transform.dedupe"] {
        let mut n = node(name, NodeState::Succeeded, 9, 1);
        n.group = Some(NodeId::new("transform"));
        list.push(n);
    }
    for i in 0..6 {
        let state = if i == 4 {
            NodeState::Retrying
        } else {
            NodeState::Succeeded
        };
        let mut n = node(&format!("map[{i}]"), state, 10, 2);
        n.group = Some(NodeId::new("map"));
        list.push(n);
    }
    b.nodes(&run, list, true);
    b.log(run.node(&NodeId::new("load")).log(2), OOM, true);
    b.log(
        run.node(&NodeId::new("load")).log(1),
        "first try\nERROR - no route to host\n",
        true,
    );
    b.event(
        "prod-airflow",
        Event::Detail {
            node: run.node(&NodeId::new("load")),
            detail: Detail {
                attempts: vec![Attempt {
                    number: 1,
                    state: NodeState::Failed,
                    native: SafeText::new("failed"),
                    queued_at: Some(ago(9)),
                    started_at: Some(ago(8)),
                    ended_at: Some(ago(7)),
                    exit_code: Some(1),
                    signal: None,
                }],
                sections: vec![(
                    SafeText::new("XCom"),
                    vec![(SafeText::new("rows_read"), SafeText::new("41230118"))],
                )],
            },
        },
    );
}

fn others(b: &mut Builder) {
    let customers = key("local", "customers_sync");
    b.pipeline(Pipeline::new(customers.clone()))
        .past(&customers, 6, 5);
    let run = customers.run("7");
    b.run(running(&customers, "7", 4));
    let mut transform = node("transform", NodeState::Running, 3, 0);
    transform.progress = Progress::new(81, 100);
    b.nodes(
        &run,
        vec![
            node("fetch", NodeState::Succeeded, 4, 1),
            transform,
            node("publish", NodeState::Pending, 0, 0),
        ],
        true,
    );
    b.log(
        run.node(&NodeId::new("transform")).log(1),
        "reading customers.csv\n400 of 1000 rows\n810 of 1000 rows\n",
        false,
    );

    let mut inventory = Pipeline::new(key("prod-airflow", "inventory"));
    inventory.schedule = Schedule {
        text: SafeText::new("@hourly"),
        next: Some(ago(14)),
    };
    b.pipeline(inventory)
        .past(&key("prod-airflow", "inventory"), 5, 7);

    let long = key("prod-airflow", "marketing_attribution_weekly_eu");
    b.pipeline(Pipeline::new(long.clone())).past(&long, 8, 34);

    let billing = key("vault", "billing_export");
    let mut pipeline = Pipeline::new(billing.clone());
    pipeline.paused = true;
    b.pipeline(pipeline).past(&billing, 4, 2);

    let ledger = key("vault", "ledger_close");
    b.pipeline(Pipeline::new(ledger.clone()))
        .run(running(&ledger, "manual__1", 22));
    b.nodes(
        &ledger.run("manual__1"),
        vec![node("close", NodeState::Running, 20, 0)],
        true,
    );

    let flaky = key("prod-airflow", "flaky_import");
    b.pipeline(Pipeline::new(flaky.clone()))
        .past(&flaky, 3, 1)
        .run(running(&flaky, "r1", 3));
    let mut retry = node("fetch", NodeState::Retrying, 3, 0);
    retry.attempt = 2;
    retry.max_attempts = Some(5);
    b.nodes(&flaky.run("r1"), vec![retry], true);

    let mut broken = Pipeline::new(key("prod-airflow", "broken_dag"));
    broken.stale = Some(SafeText::new("import error: No module named 'pandas'"));
    b.pipeline(broken);

    b.pipeline(Pipeline::new(key("staging", "try_out")))
        .past(&key("staging", "try_out"), 2, 3);
    let fails = key("staging", "fails_here");
    let mut run = running(&fails, "f1", 30);
    run.state = RunState::Failed;
    run.ended_at = Some(ago(20));
    b.pipeline(Pipeline::new(fails.clone())).run(run);
    b.nodes(
        &fails.run("f1"),
        vec![node("step", NodeState::Failed, 30, 10)],
        true,
    );

    let mut new = Pipeline::new(key("local", "new_one"));
    new.schedule.text = SafeText::new("*/5 * * * *");
    b.pipeline(new);

    let ingest = key("adf", "adf_ingest");
    b.at = ago(4);
    b.pipeline(Pipeline::new(ingest.clone()))
        .past(&ingest, 3, 6)
        .run(running(&ingest, "i9", 9));
    b.nodes(
        &ingest.run("i9"),
        vec![node("copy", NodeState::Running, 8, 0)],
        true,
    );
}

fn system(b: &mut Builder) {
    b.at = now();
    b.event(
        "prod-airflow",
        Event::Queues(vec![
            Queue {
                name: SafeText::new("default_pool"),
                slots: Some(128),
                running: 31,
                waiting: 4,
                held_by: None,
            },
            Queue {
                name: SafeText::new("spark"),
                slots: Some(4),
                running: 4,
                waiting: 9,
                held_by: Some(SafeText::new("orders_daily")),
            },
        ]),
    );
    b.event(
        "prod-airflow",
        Event::Components(vec![
            Component {
                name: SafeText::new("scheduler"),
                healthy: Some(true),
                heartbeat: Some(now()),
                note: None,
            },
            Component {
                name: SafeText::new("triggerer"),
                healthy: Some(false),
                heartbeat: Some(ago(7)),
                note: Some(SafeText::new("no heartbeat")),
            },
        ]),
    );
    b.event(
        "prod-airflow",
        Event::Notices(vec![Notice {
            subject: SafeText::new("dags/broken_dag.py"),
            level: NoticeLevel::Error,
            text: vec![
                SafeText::new("Traceback (most recent call last):"),
                SafeText::new("ModuleNotFoundError: No module named 'pandas'"),
            ],
            at: Some(ago(30)),
        }]),
    );
}

/// Backends that have not answered yet, or never will.
pub fn empty(reach: Option<Reach>) -> Watch {
    let mut b = Builder::new(vec![
        info("prod-airflow", "airflow"),
        info("local", "local"),
    ]);
    if let Some(reach) = reach {
        for backend in ["prod-airflow", "local"] {
            b.event(
                backend,
                Event::Status(BackendStatus {
                    reach: reach.clone(),
                    ..BackendStatus::default()
                }),
            );
        }
    }
    b.done()
}
