//! What is kept beside the audit: small documents that are replaced, and logs that only grow. What they say is text
//! to this room; whoever wrote it knows what it means.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::audit::{Copied, CopiedAsk};
use crate::model::{BackendId, LogKey, NodeId, PastNode, PastRun, PipelineKey, RunKey, SafeText};

/// A folder of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shelf {
    /// The life of each alert, by its label.
    Alerts,
    /// Silences, by id.
    Silences,
    /// Messages to channels, by number.
    Deliveries,
    /// Where somebody stopped reading a log, by reader.
    Marks,
    /// Pipelines as they were last listed, by backend and id.
    Pipelines,
    /// Shapes of runs, by their content.
    Shapes,
    /// Which of them the newest run of a pipeline has, and which node of it lies in which group, by backend and id.
    ShapesOf,
}

impl Shelf {
    pub const ALL: [Self; 7] = [
        Self::Alerts,
        Self::Silences,
        Self::Deliveries,
        Self::Marks,
        Self::Pipelines,
        Self::Shapes,
        Self::ShapesOf,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Silences => "silences",
            Self::Deliveries => "deliveries",
            Self::Marks => "marks",
            Self::Pipelines => "pipelines",
            Self::Shapes => "shapes",
            Self::ShapesOf => "shapes_of",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Log {
    /// What people did about alerts.
    Orders,
    /// What backends told.
    Events,
    /// What was told of alerts: each beginning, change and end.
    Tellings,
    /// Whole worlds, in the events that make them anew: where a replay begins.
    Worlds,
}

impl Log {
    pub const ALL: [Self; 4] = [Self::Orders, Self::Events, Self::Tellings, Self::Worlds];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Events => "events",
            Self::Tellings => "tellings",
            Self::Worlds => "worlds",
        }
    }
}

/// One change of what is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    Put {
        shelf: Shelf,
        key: String,
        body: String,
    },
    Remove {
        shelf: Shelf,
        key: String,
    },
    Append {
        log: Log,
        at: DateTime<Utc>,
        body: String,
    },
    /// Takes the place of what was known of the run. One that has ended and was forgotten ([`Kind::Runs`]) stays
    /// forgotten.
    Run(Box<PastRun>),
    /// Takes the place of what was known of the attempt; what it doesn't tell of exit code, rows, memory and processor
    /// stays as it was known.
    Node(Box<PastNode>),
    /// Takes the place of what was known of that time, unless that rests on more values: whoever starts anew in the
    /// middle of a grain knows less of it.
    Point(Point),
    /// A line of a machine's audit; kept once, however often it is written.
    Audit(Box<Copied>),
    /// The end of a failed attempt's log.
    Tail {
        log: LogKey,
        at: DateTime<Utc>,
        text: String,
    },
}

/// How wide a rollup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    Minute,
    QuarterHour,
    Hour,
    Day,
}

impl Grain {
    pub const ALL: [Self; 4] = [Self::Minute, Self::QuarterHour, Self::Hour, Self::Day];

    pub const fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::QuarterHour => 900,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// Where the grain begins in which a moment lies.
    pub fn begin(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let seconds = at.timestamp();
        let begin = seconds - seconds.rem_euclid(self.seconds());
        DateTime::from_timestamp(begin, 0).unwrap_or_default()
    }
}

/// A metric over one grain of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The metric's name and its tags, `name{tag:value,…}`, as rules write it.
    pub series: String,
    pub grain: Grain,
    /// Where the grain begins.
    pub at: DateTime<Utc>,
    pub count: u64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    pub last: f64,
}

/// What became of the runs of one pipeline of one day (UTC, by [`crate::model::Run::ordered_at`]) that have ended. It
/// outlives them.
#[derive(Clone, Debug, PartialEq)]
pub struct Day {
    pub pipeline: PipelineKey,
    /// Its midnight.
    pub at: DateTime<Utc>,
    /// Ended well, warnings included ([`PastRun::good`]).
    pub good: u64,
    /// Ended badly ([`PastRun::bad`]).
    pub bad: u64,
    /// Cancelled, or nobody knows.
    pub other: u64,
    /// How many of the good ones told when they began and ended, and how long those took together, in seconds.
    pub timed: u64,
    pub took: f64,
    /// How many of all told when they were queued and began, and how long those waited together, in seconds.
    pub queued: u64,
    pub waited: f64,
}

/// Whose runs are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    All,
    Backend(BackendId),
    Pipeline(PipelineKey),
}

/// A question about the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub of: Of,
    /// By [`crate::model::Run::ordered_at`], from (with) to (without).
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub newest_first: bool,
    pub most: usize,
}

/// How much is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Size {
    pub bytes: u64,
    /// Of that, room that is free for what comes.
    pub free: u64,
    /// Kind and number of records.
    pub records: Vec<(&'static str, u64)>,
    /// The first and the last run.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// What can be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Runs with their nodes and tails; their days stay.
    Runs,
    /// What became of the runs of a day.
    Days,
    Tails,
    Points(Grain),
    Log(Log),
}

/// The end of the log of a failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    pub log: LogKey,
    pub at: DateTime<Utc>,
    pub text: String,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Grows with every line.
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub body: String,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the history {path} can't be used: {why}")]
    Open { path: PathBuf, why: SafeText },
    #[error(
        "the history {0} was written by a newer dagtop; use that one, or move it away to begin anew"
    )]
    Newer(PathBuf),
    #[error("the history {0} is damaged; move it away to begin anew, or restore a copy of it")]
    Damaged(PathBuf),
    #[error("the history is locked by another program; what was to be written is tried again")]
    Busy,
    #[error(
        "there is no room on the disk for the history; make some, what was to be written is tried again"
    )]
    Full,
    #[error("the history {place} can't be reached: {why}; it is tried again")]
    Away { place: SafeText, why: SafeText },
    #[error("the history can't be read or written: {0}")]
    Other(SafeText),
}

impl StoreError {
    /// Trying again may help.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Busy | Self::Full | Self::Away { .. })
    }
}

/// Where it is kept. Everything that implements it passes the same tests (`history::contract`).
pub trait Store: Send {
    /// All documents of a shelf, by key.
    fn shelf(&mut self, shelf: Shelf) -> Result<Vec<(String, String)>, StoreError>;

    fn document(&mut self, shelf: Shelf, key: &str) -> Result<Option<String>, StoreError>;

    /// All of it or nothing; on disk when it returns.
    fn write(&mut self, batch: &[Write]) -> Result<(), StoreError>;

    /// Lines after a number, the oldest first, at most so many.
    fn after(&mut self, log: Log, seq: i64, most: usize) -> Result<Vec<Line>, StoreError>;

    /// Lines from a time on, the oldest first by their times, handed over one by one; `false` ends it.
    fn since(
        &mut self,
        log: Log,
        from: DateTime<Utc>,
        line: &mut dyn FnMut(Line) -> bool,
    ) -> Result<(), StoreError>;

    /// The number of the last line; 0 when there is none.
    fn last(&mut self, log: Log) -> Result<i64, StoreError>;

    /// What is older than a time goes away, a few thousand records at once; says how many went. Called again until
    /// none does. Runs that are older and have ended are not taken in from then on: they were counted in their days.
    fn forget(&mut self, what: Kind, before: DateTime<Utc>) -> Result<usize, StoreError>;

    /// Runs, handed over one by one; `false` ends it.
    fn runs(&mut self, ask: &Ask, each: &mut dyn FnMut(PastRun) -> bool) -> Result<(), StoreError>;

    /// The newest runs of every pipeline, at most so many of each, the oldest first.
    fn recent(&mut self, each: usize) -> Result<Vec<PastRun>, StoreError>;

    /// Days with runs that ended, by time and pipeline; of those days that begin from `from` (its day with it) to `to`.
    fn days(&mut self, ask: &Ask) -> Result<Vec<Day>, StoreError>;

    fn run(&mut self, run: &RunKey) -> Result<Option<PastRun>, StoreError>;

    /// All attempts of the nodes of a run, in the order of their start.
    fn nodes_of(&mut self, run: &RunKey) -> Result<Vec<PastNode>, StoreError>;

    /// Attempts of the nodes of many runs, or of one node of them, in the order of the runs.
    fn nodes(
        &mut self,
        ask: &Ask,
        node: Option<&NodeId>,
        each: &mut dyn FnMut(PastNode) -> bool,
    ) -> Result<(), StoreError>;

    /// Points of the series whose text begins so, by series and time, handed over one by one; `false` ends it.
    fn each_point(
        &mut self,
        series: &str,
        grain: Grain,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        each: &mut dyn FnMut(Point) -> bool,
    ) -> Result<(), StoreError>;

    /// The same, all at once.
    fn points(
        &mut self,
        series: &str,
        grain: Grain,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Point>, StoreError> {
        let mut all = Vec::new();
        self.each_point(series, grain, from, to, &mut |point| {
            all.push(point);
            true
        })?;
        Ok(all)
    }

    fn tail(&mut self, log: &LogKey) -> Result<Option<String>, StoreError>;

    /// Tails that were written before a time, the oldest first, at most so many.
    fn tails(&mut self, before: DateTime<Utc>, most: usize) -> Result<Vec<Tail>, StoreError>;

    /// Lines of the audits of all machines, handed over one by one with their numbers in the store; `false` ends it.
    fn audit(
        &mut self,
        ask: &CopiedAsk,
        each: &mut dyn FnMut(i64, Copied) -> bool,
    ) -> Result<(), StoreError>;

    /// Every line of one machine's audit, in the order in which they came.
    fn audit_of(
        &mut self,
        chain: &str,
        each: &mut dyn FnMut(Copied) -> bool,
    ) -> Result<(), StoreError>;

    /// The line of a machine's audit that came last: its number and its hash.
    fn audit_end(&mut self, chain: &str) -> Result<Option<(u64, String)>, StoreError>;

    /// Whose audits there are.
    fn audit_chains(&mut self) -> Result<Vec<String>, StoreError>;

    fn size(&mut self) -> Result<Size, StoreError>;

    /// Bytes that are taken, without what is free: cheap enough to be asked often.
    fn bytes(&mut self) -> Result<u64, StoreError>;

    /// Gives the room of what was forgotten back to the disk.
    fn vacuum(&mut self) -> Result<(), StoreError>;

    /// Reads everything: what is wrong with it, if anything is; else how many records make no sense.
    fn check(&mut self) -> Result<u64, StoreError>;

    /// Records that made no sense and were left out of an answer, since this was last asked.
    fn left_out(&mut self) -> u64 {
        0
    }

    /// What it is and where, to be shown.
    fn about(&mut self) -> Result<SafeText, StoreError>;

    /// Whether another writer has changed anything since this was last asked.
    fn changed(&mut self) -> Result<bool, StoreError>;

    /// Calls `wake` as soon as another writer has changed what programs share, from a thread of its own, until it answers
    /// false. A store that can't hear of it is only asked ([`Store::changed`]).
    fn listen(&mut self, _wake: Box<dyn Fn() -> bool + Send>) {}
}
