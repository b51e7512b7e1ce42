//! The tables: their columns, in the order in which they are written. A column is added at the end and never changes.

use chrono::{DateTime, Utc};

/// What a column holds. Any cell may be empty: not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Int,
    Float,
    Time,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    None,
    Text(String),
    Int(i64),
    Float(f64),
    Time(DateTime<Utc>),
}

impl Cell {
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        match text.as_ref() {
            "" => Self::None,
            text => Self::Text(text.to_owned()),
        }
    }

    pub(super) fn int<T: TryInto<i64>>(number: Option<T>) -> Self {
        // what has no room is not known
        number
            .and_then(|n| n.try_into().ok())
            .map_or(Self::None, Self::Int)
    }

    pub(super) fn float(number: Option<f64>) -> Self {
        number
            .filter(|n| n.is_finite())
            .map_or(Self::None, Self::Float)
    }

    pub(super) fn time(at: Option<DateTime<Utc>>) -> Self {
        at.map_or(Self::None, Self::Time)
    }

    pub(super) fn seconds(took: Option<chrono::Duration>) -> Self {
        let seconds = took.and_then(|t| t.to_std().ok());
        seconds.map_or(Self::None, |t| Self::Float(t.as_secs_f64()))
    }
}

pub(super) type Table = [(&'static str, Type)];

use Type::{Float, Int, Text, Time};

/// Values of parameters are left out: they may be secrets.
pub(super) const RUNS: [(&str, Type); 17] = [
    ("backend", Text),
    ("pipeline", Text),
    ("run", Text),
    ("state", Text),
    ("native_state", Text),
    ("health", Text),
    ("ordered_at", Time),
    ("queued_at", Time),
    ("started_at", Time),
    ("ended_at", Time),
    ("duration_seconds", Float),
    ("wait_seconds", Float),
    ("cause", Text),
    ("version", Text),
    ("note", Text),
    ("params", Text),
    ("seen_at", Time),
];

pub(super) const NODES: [(&str, Type); 15] = [
    ("backend", Text),
    ("pipeline", Text),
    ("run", Text),
    ("node", Text),
    ("attempt", Int),
    ("state", Text),
    ("queued_at", Time),
    ("started_at", Time),
    ("ended_at", Time),
    ("duration_seconds", Float),
    ("wait_seconds", Float),
    ("exit_code", Int),
    ("rows", Float),
    ("memory_bytes", Int),
    ("cpu_seconds", Float),
];

pub(super) const METRICS: [(&str, Type); 10] = [
    ("metric", Text),
    ("tags", Text),
    ("at", Time),
    ("seconds", Int),
    ("count", Int),
    ("sum", Float),
    ("mean", Float),
    ("min", Float),
    ("max", Float),
    ("last", Float),
];

pub(super) const AUDIT: [(&str, Type); 24] = [
    ("n", Int),
    ("at", Time),
    ("user", Text),
    ("uid", Int),
    ("sudo_user", Text),
    ("from", Text),
    ("host", Text),
    ("tty", Text),
    ("pid", Int),
    ("kind", Text),
    ("action", Text),
    ("target", Text),
    ("backend", Text),
    ("address", Text),
    ("step", Text),
    ("request", Int),
    ("summary", Text),
    ("what", Text),
    ("why", Text),
    ("hits", Int),
    ("params", Text),
    ("details", Text),
    ("file", Text),
    ("line", Int),
];
