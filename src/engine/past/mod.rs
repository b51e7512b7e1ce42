//! Owns what is asked of the past: questions as plain data, their answers, and the pure way from a store to them.
//! Must not know screens, and computes no statistics of its own: those are [`crate::analytics`].

mod audit;
mod capacity;
mod compare;
mod judged;
mod node;
mod pipeline;
mod room;
mod series;
mod shape;
mod sla;
#[cfg(test)]
mod tests;
mod vantage;

pub use audit::{AuditLine, AuditPage, PAGE as AUDIT_PAGE, Place as AuditPlace};
pub use capacity::{CapacityPast, QueuePast};
pub use compare::ComparePast;
pub use judged::{Band, Judged, Nodes, Shift};
pub use node::{NodePast, Try};
pub use pipeline::{Cell, Day, PipelinePast, Sample};
pub use room::{Room, room};
pub use series::{POINTS, SeriesPast, ValuePast, readable, step};
pub use sla::{SlaPast, SlaRow};
pub use vantage::{Promise, Vantage};

use std::fmt;

use chrono::Duration;

use crate::history::{Grain, Store, StoreError};
use crate::model::{LogKey, NodeId, PipelineKey, RunKey, SafeText};

/// How far back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    Day,
    Week,
    #[default]
    Month,
    Year,
}

impl Span {
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Year];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "30 days",
            Self::Year => "year",
        }
    }

    pub fn length(self) -> Duration {
        Duration::days(match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
            Self::Year => 365,
        })
    }

    /// In which grain metrics are looked at over such a time: some hundred of them.
    pub const fn grain(self) -> Grain {
        match self {
            Self::Day => Grain::Minute,
            Self::Week => Grain::QuarterHour,
            Self::Month => Grain::Hour,
            Self::Year => Grain::Day,
        }
    }

    /// The shortest that holds so much; no more than [`Span::Month`], unless somebody asks for it.
    pub fn holding(length: Duration) -> Self {
        let mut all = [Self::Day, Self::Week].into_iter();
        all.find(|s| length <= s.length()).unwrap_or(Self::Month)
    }

    pub const fn shorter(self) -> Option<Self> {
        match self {
            Self::Day => None,
            Self::Week => Some(Self::Day),
            Self::Month => Some(Self::Week),
            Self::Year => Some(Self::Month),
        }
    }

    pub const fn longer(self) -> Option<Self> {
        match self {
            Self::Day => Some(Self::Week),
            Self::Week => Some(Self::Month),
            Self::Month => Some(Self::Year),
            Self::Year => None,
        }
    }
}

/// What somebody wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    Pipeline {
        key: PipelineKey,
        /// `None`: what there is fills it ([`Span::holding`]).
        span: Option<Span>,
    },
    Node {
        pipeline: PipelineKey,
        node: NodeId,
        span: Option<Span>,
    },
    /// The end of the log of a failed attempt.
    Tail(LogKey),
    /// Two runs; without the first the last good one before the second.
    Compare {
        a: Option<RunKey>,
        b: RunKey,
    },
    Sla {
        span: Span,
    },
    Capacity {
        span: Span,
    },
    /// What a query came to over a time, at [`POINTS`] moments.
    Series {
        /// As in rules; the comparison may be left out.
        query: String,
        span: Span,
        /// The last moment, in [steps](step) from the epoch: no later than [`readable`]. What was does not change.
        upto: i64,
    },
    /// What a query comes to, as of a minute that is kept.
    Value {
        query: String,
        /// From the epoch.
        minute: i64,
    },
    /// A page of what was done on any machine, the newest first; after a line.
    Audit {
        after: Option<AuditPlace>,
    },
}

impl Question {
    /// About the same, maybe over another time.
    pub fn like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pipeline { key, .. }, Self::Pipeline { key: of, .. }) => key == of,
            (
                Self::Node { pipeline, node, .. },
                Self::Node {
                    pipeline: of,
                    node: same,
                    ..
                },
            ) => pipeline == of && node == same,
            (Self::Sla { .. }, Self::Sla { .. })
            | (Self::Capacity { .. }, Self::Capacity { .. }) => true,
            (
                Self::Series { query, span, .. },
                Self::Series {
                    query: of,
                    span: same,
                    ..
                },
            ) => query == of && span == same,
            (Self::Value { query, .. }, Self::Value { query: of, .. }) => query == of,
            (a, b) => a == b,
        }
    }

    /// Whose runs change the answer; `None`: anybody's.
    pub fn pipeline(&self) -> Option<&PipelineKey> {
        match self {
            Self::Pipeline { key, .. } | Self::Node { pipeline: key, .. } => Some(key),
            Self::Tail(log) => Some(&log.node.run.pipeline),
            Self::Compare { b, .. } => Some(&b.pipeline),
            Self::Sla { .. }
            | Self::Capacity { .. }
            | Self::Series { .. }
            | Self::Value { .. }
            | Self::Audit { .. } => None,
        }
    }

    /// Whether its answer is the same for ever.
    pub const fn settled(&self) -> bool {
        matches!(self, Self::Series { .. } | Self::Value { .. })
    }
}

#[derive(Clone, Debug)]
pub enum Answer {
    Pipeline(Box<PipelinePast>),
    Node(NodePast),
    /// `None`: nothing was kept of it.
    Tail(Option<Vec<SafeText>>),
    Compare(Box<ComparePast>),
    Sla(SlaPast),
    Capacity(Box<CapacityPast>),
    Series(SeriesPast),
    Value(ValuePast),
    Audit(AuditPage),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered(pub SafeText);

impl Unanswered {
    /// Nobody is there to answer.
    pub fn gone() -> Self {
        let why = "the thread that reads the history has ended; start dagtop again to ask it";
        Self(SafeText::new(why))
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl From<StoreError> for Unanswered {
    fn from(error: StoreError) -> Self {
        Self(SafeText::new(error.to_string()))
    }
}

/// Looks it up.
pub fn answer(
    store: &mut dyn Store,
    question: &Question,
    frame: &Vantage,
) -> Result<Answer, StoreError> {
    Ok(match question {
        Question::Pipeline { key, span } => {
            Answer::Pipeline(Box::new(pipeline::answer(store, key, *span, frame)?))
        }
        Question::Node {
            pipeline,
            node,
            span,
        } => Answer::Node(node::answer(store, pipeline, node, *span, frame)?),
        Question::Compare { a, b } => {
            Answer::Compare(Box::new(compare::answer(store, a.as_ref(), b, frame)?))
        }
        Question::Sla { span } => Answer::Sla(sla::answer(store, *span, frame)?),
        Question::Capacity { span } => {
            Answer::Capacity(Box::new(capacity::answer(store, *span, frame)?))
        }
        Question::Series { query, span, upto } => {
            Answer::Series(series::answer(store, query, *span, *upto)?)
        }
        Question::Value { query, minute } => Answer::Value(series::value(store, query, *minute)?),
        Question::Audit { after } => Answer::Audit(audit::answer(store, *after, &frame.me)?),
        Question::Tail(log) => Answer::Tail(store.tail(log)?.map(|text| {
            let lines = text.lines();
            lines.map(SafeText::new).collect()
        })),
    })
}

/// Seconds of a length.
fn seconds(span: Duration) -> f64 {
    span.num_milliseconds() as f64 / 1000.0
}
