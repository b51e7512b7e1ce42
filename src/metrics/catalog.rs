//! THE table of metrics: names, units, tags, meaning, and which kinds of backend feed them. The README's is made of it.

use std::fmt::Write as _;

/// How the values of a metric come about, which decides how they are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something happened so often. Where nothing was counted it is 0, as long as its backend answers.
    Count,
    /// A level. It holds until it changes, it is over, or its backend no longer answers.
    Gauge,
    /// Something was measured once: how long a run took. Between two of them there is nothing.
    Measure,
}

impl Kind {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Gauge => "gauge",
            Self::Measure => "measure",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Bytes,
    Cores,
    /// 1 or 0.
    Flag,
    /// What is counted, in the plural: "runs".
    Of(&'static str),
}

impl Unit {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Cores => "cores",
            Self::Flag => "1 or 0",
            Self::Of(what) => what,
        }
    }
}

macro_rules! names {
    ($($name:ident),* $(,)?) => {
        /// A metric; [`Name::metric`] says everything about it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Name { $($name),* }

        impl Name {
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

names!(
    PipelineRuns,
    PipelineErrors,
    RunDuration,
    RunWait,
    StageErrors,
    StageDuration,
    StageWait,
    StageRows,
    QueueLength,
    QueueRunning,
    QueueSlots,
    QueueOpen,
    BackendUp,
    BackendLatency,
    BackendRequests,
    BackendFailures,
    NodeCpu,
    NodeMemory,
);

impl Name {
    pub fn metric(self) -> &'static Metric {
        &TABLE[self as usize]
    }
}

#[derive(Debug)]
pub struct Metric {
    pub id: Name,
    pub name: &'static str,
    pub kind: Kind,
    pub unit: Unit,
    pub tags: &'static [&'static str],
    /// One line. "Ended" and the like say which moment a value belongs to.
    pub meaning: &'static str,
    /// Kinds of backend; what feeds it there, where that needs a word.
    pub fed_by: &'static [&'static str],
    /// Told by dagtop of itself, so it is known while a backend does not answer.
    pub own: bool,
}

const EVERY: &[&str] = &["airflow", "prefect", "dagster", "dbt", "local"];
const SERVERS: &[&str] = &["airflow", "prefect", "dagster"];
const PIPELINE: &[&str] = &["backend", "kind", "pipeline", "owner", "tag"];
const RUN: &[&str] = &["backend", "kind", "pipeline", "owner", "tag", "state"];
const STAGE: &[&str] = &[
    "backend", "kind", "pipeline", "owner", "tag", "stage", "type", "pool", "host", "state",
];
const USAGE: &[&str] = &[
    "backend", "kind", "pipeline", "owner", "tag", "stage", "type", "pool", "host",
];
const QUEUE: &[&str] = &["backend", "kind", "queue"];
const BACKEND: &[&str] = &["backend", "kind"];

const fn row(
    id: Name,
    name: &'static str,
    (kind, unit): (Kind, Unit),
    tags: &'static [&'static str],
    fed_by: &'static [&'static str],
    meaning: &'static str,
) -> Metric {
    Metric {
        id,
        name,
        kind,
        unit,
        tags,
        meaning,
        fed_by,
        own: matches!(
            id,
            Name::BackendUp | Name::BackendRequests | Name::BackendFailures
        ),
    }
}

use Kind::{Count, Gauge, Measure};
use Unit::{Bytes, Cores, Flag, Of, Seconds};

/// In the order of [`Name`].
pub const TABLE: &[Metric] = &[
    row(
        Name::PipelineRuns,
        "pipeline.runs",
        (Count, Of("runs")),
        RUN,
        EVERY,
        "runs that ended, when they ended",
    ),
    row(
        Name::PipelineErrors,
        "pipeline.errors",
        (Count, Of("runs")),
        PIPELINE,
        EVERY,
        "runs in which something failed, once each, when it failed",
    ),
    row(
        Name::RunDuration,
        "pipeline.run.duration",
        (Measure, Seconds),
        RUN,
        EVERY,
        "start to end of a run, when it ended",
    ),
    row(
        Name::RunWait,
        "pipeline.queue.wait",
        (Measure, Seconds),
        PIPELINE,
        EVERY,
        "creation to start of a run, when it started",
    ),
    row(
        Name::StageErrors,
        "pipeline.stage.errors",
        (Count, Of("attempts")),
        USAGE,
        EVERY,
        "attempts of a node that failed, when they failed",
    ),
    row(
        Name::StageDuration,
        "pipeline.stage.duration",
        (Measure, Seconds),
        STAGE,
        EVERY,
        "start to end of an attempt of a node, when it ended; of runs whose nodes are listed",
    ),
    row(
        Name::StageWait,
        "pipeline.stage.queue.wait",
        (Measure, Seconds),
        USAGE,
        &["airflow", "prefect", "dagster", "local"],
        "ready to started, of an attempt of a node, when it started",
    ),
    row(
        Name::StageRows,
        "pipeline.stage.rows",
        (Measure, Of("rows")),
        STAGE,
        &["airflow", "dagster", "dbt", "local"],
        "rows a node reported, when it ended; where they stand in a log, once that was read",
    ),
    row(
        Name::QueueLength,
        "queue.length",
        (Gauge, Of("waiting")),
        QUEUE,
        &["airflow", "prefect", "dagster", "local"],
        "what waits in a queue or for a slot of a pool",
    ),
    row(
        Name::QueueRunning,
        "queue.running",
        (Gauge, Of("slots")),
        QUEUE,
        &["airflow", "prefect", "dagster", "local"],
        "slots that something running holds",
    ),
    row(
        Name::QueueSlots,
        "queue.slots",
        (Gauge, Of("slots")),
        QUEUE,
        &["airflow", "prefect", "dagster", "local"],
        "slots there are, where there is a limit",
    ),
    row(
        Name::QueueOpen,
        "queue.open",
        (Gauge, Of("slots")),
        QUEUE,
        &["airflow", "prefect", "dagster", "local"],
        "slots that nothing running holds, where there is a limit",
    ),
    row(
        Name::BackendUp,
        "backend.up",
        (Gauge, Flag),
        BACKEND,
        EVERY,
        "whether the backend answers",
    ),
    row(
        Name::BackendLatency,
        "backend.latency",
        (Gauge, Seconds),
        BACKEND,
        SERVERS,
        "request to answer, of the last answer",
    ),
    row(
        Name::BackendRequests,
        "backend.requests",
        (Count, Of("requests")),
        BACKEND,
        SERVERS,
        "requests that dagtop sent",
    ),
    row(
        Name::BackendFailures,
        "backend.failures",
        (Count, Of("requests")),
        BACKEND,
        SERVERS,
        "requests without a good answer",
    ),
    row(
        Name::NodeCpu,
        "node.cpu",
        (Gauge, Cores),
        USAGE,
        &["local"],
        "processors a running node uses: 1 is one core",
    ),
    row(
        Name::NodeMemory,
        "node.memory",
        (Gauge, Bytes),
        USAGE,
        &["local"],
        "resident memory of a running node",
    ),
];

/// A system's own name for what is in the table: another way to write a metric with some of its tags given.
#[derive(Debug)]
pub struct Native {
    pub name: &'static str,
    pub of: Name,
    /// Beside `kind`. A value may hold `*`.
    pub tags: &'static [(&'static str, &'static str)],
}

const fn native(name: &'static str, of: Name) -> Native {
    Native {
        name,
        of,
        tags: &[],
    }
}

/// For each kind of backend the names its people know. A new backend adds its line.
pub const NATIVE: &[(&str, &[Native])] = &[
    (
        "airflow",
        &[
            native("airflow.dag.duration", Name::RunDuration),
            native("airflow.task.duration", Name::StageDuration),
            native("airflow.pool.open_slots", Name::QueueOpen),
            native("airflow.pool.running_slots", Name::QueueRunning),
        ],
    ),
    (
        "prefect",
        &[
            native("prefect.flow.duration", Name::RunDuration),
            native("prefect.task.duration", Name::StageDuration),
        ],
    ),
    (
        "dagster",
        &[
            native("dagster.run.duration", Name::RunDuration),
            native("dagster.step.duration", Name::StageDuration),
        ],
    ),
    (
        "dbt",
        &[
            native("dbt.run.duration", Name::RunDuration),
            Native {
                name: "dbt.model.duration",
                of: Name::StageDuration,
                tags: &[("type", "*model")],
            },
            Native {
                name: "dbt.test.duration",
                of: Name::StageDuration,
                tags: &[("type", "*test")],
            },
            Native {
                name: "dbt.model.rows",
                of: Name::StageRows,
                tags: &[("type", "*model")],
            },
        ],
    ),
];

/// What a name that was written means.
#[derive(Clone, Copy, Debug)]
pub struct Meaning {
    pub metric: &'static Metric,
    /// Of a native name: the kind of backend, and what else must hold.
    pub native: Option<(&'static str, &'static Native)>,
}

/// A metric by its name or by a system's own name for it.
pub fn find(name: &str) -> Option<Meaning> {
    let own = TABLE.iter().find(|metric| metric.name == name);
    if let Some(metric) = own {
        return Some(Meaning {
            metric,
            native: None,
        });
    }
    natives()
        .find(|(_, native)| native.name == name)
        .map(|found| Meaning {
            metric: found.1.of.metric(),
            native: Some(found),
        })
}

/// Every name that [`find`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    let own = TABLE.iter().map(|metric| metric.name);
    own.chain(natives().map(|(_, native)| native.name))
}

fn natives() -> impl Iterator<Item = (&'static str, &'static Native)> {
    NATIVE
        .iter()
        .flat_map(|(kind, list)| list.iter().map(move |native| (*kind, native)))
}

/// The tables of the README.
pub fn markdown() -> String {
    let mut out =
        "| metric | type | unit | tags | what | fed by |\n| --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for metric in TABLE {
        let tags: Vec<String> = metric.tags.iter().map(|tag| format!("`{tag}`")).collect();
        // a string takes any text
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} |",
            metric.name,
            metric.kind.word(),
            metric.unit.word(),
            tags.join(" "),
            metric.meaning,
            if metric.fed_by == EVERY {
                "all".to_owned()
            } else {
                metric.fed_by.join(", ")
            }
        );
    }
    out.push_str("\n| a system's own name | is |\n| --- | --- |\n");
    for (kind, native) in natives() {
        let mut tags = format!("kind:{kind}");
        for (key, value) in native.tags {
            let _ = write!(tags, ",{key}:{value}");
        }
        let _ = writeln!(
            out,
            "| `{}` | `{}{{{tags}}}` |",
            native.name,
            native.of.metric().name
        );
    }
    out
}
