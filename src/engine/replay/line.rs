//! A line of what happened, as it lies in the history: what a backend told, which shape a run has, what a person did,
//! how it stands with alerts. A line that only an older dagtop wrote is one of the first kind.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::alerts::Life;
use crate::history::ShapeOf;
use crate::model::{
    ActionId, ActionOptions, ActionRequest, ActionStatus, AlertId, BackendId, BackendInfo, Event,
    NodeState, RunState, SafeText, Stamped,
};

/// Kinds of backends that a recording may name; others are shown as "recorded".
const KINDS: [&str; 5] = ["airflow", "prefect", "dagster", "dbt", "local"];
/// What ended longer ago than this when it was told is old news.
const FRESH: chrono::Duration = chrono::Duration::minutes(10);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<ShapeOf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Acted>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerts: Option<Lives>,
    /// The first line of a whole world: which backends are watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world: Option<Vec<Watched>>,
    /// Nothing is new but that the backend answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub heart: bool,
}

/// Something that a person asked for, and what became of it. Parameters are left out, as in the audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acted {
    pub who: SafeText,
    pub asked_at: DateTime<Utc>,
    pub request: ActionRequest,
    pub status: ActionStatus,
}

/// Alerts that have changed, and those that are forgotten.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lives {
    pub changed: Vec<Life>,
    pub gone: Vec<AlertId>,
}

/// A backend as a replay shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    pub id: BackendId,
    pub name: SafeText,
    pub kind: SafeText,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accent: Option<SafeText>,
}

impl Line {
    pub fn new(at: DateTime<Utc>) -> Self {
        Self {
            at,
            backend: None,
            event: None,
            shape: None,
            action: None,
            alerts: None,
            world: None,
            heart: false,
        }
    }

    pub fn told(stamped: Stamped) -> Self {
        Self {
            backend: Some(stamped.backend),
            event: Some(stamped.event),
            ..Self::new(stamped.at)
        }
    }

    pub fn alerts(at: DateTime<Utc>, lives: Lives) -> Self {
        Self {
            alerts: Some(lives),
            ..Self::new(at)
        }
    }

    pub fn action(at: DateTime<Utc>, acted: Acted) -> Self {
        Self {
            backend: Some(acted.request.target.backend().clone()),
            action: Some(acted),
            ..Self::new(at)
        }
    }

    pub fn text(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// What a backend told, if it is such a line.
    pub fn stamped(self) -> Option<Stamped> {
        Some(Stamped {
            backend: self.backend?,
            at: self.at,
            event: self.event?,
        })
    }

    /// Whether something failed just then: a run or a node.
    pub fn fails(&self) -> bool {
        let fresh = |ended: Option<DateTime<Utc>>| ended.is_none_or(|at| self.at - at < FRESH);
        match &self.event {
            Some(Event::Runs { list } | Event::RunsComplete { list, .. }) => list
                .iter()
                .any(|r| matches!(r.state, RunState::Failed | RunState::Lost) && fresh(r.ended_at)),
            Some(Event::Nodes { list, .. }) => list
                .iter()
                .any(|n| n.state == NodeState::Failed && fresh(n.ended_at)),
            _ => false,
        }
    }
}

/// Whether a line may be about a failure: a look at its text, before it is read.
pub fn may_fail(body: &str) -> bool {
    let has = |word: &str| memchr::memmem::find(body.as_bytes(), word.as_bytes()).is_some();
    has("\"failed\"") || has("\"lost\"")
}

/// Whether a line is nothing but a heart that beats.
pub fn is_heart(body: &str) -> bool {
    body.ends_with("\"heart\":true}")
}

impl Acted {
    pub fn new(
        who: SafeText,
        asked_at: DateTime<Utc>,
        request: &ActionRequest,
        status: &ActionStatus,
    ) -> Option<Self> {
        // a plan holds the request once more, and nobody has said yes to it
        if matches!(
            status,
            ActionStatus::Planning | ActionStatus::Planned { .. }
        ) {
            return None;
        }
        let millis = u64::try_from(asked_at.timestamp_millis()).unwrap_or(0);
        let options = ActionOptions {
            params: Vec::new(),
            run_id: None,
            note: None,
            ..request.options.clone()
        };
        Some(Self {
            who,
            asked_at,
            request: ActionRequest {
                // programs count from 1, each for itself
                id: ActionId(millis * 1000 + request.id.0 % 1000),
                action: request.action,
                target: request.target.clone(),
                options,
            },
            status: status.clone(),
        })
    }
}

impl From<&BackendInfo> for Watched {
    fn from(info: &BackendInfo) -> Self {
        Self {
            id: info.id.clone(),
            name: info.name.clone(),
            kind: SafeText::new(info.kind),
            accent: info.accent.clone(),
        }
    }
}

impl From<&Watched> for BackendInfo {
    fn from(watched: &Watched) -> Self {
        let known = KINDS.iter().find(|kind| **kind == watched.kind.as_str());
        Self {
            id: watched.id.clone(),
            name: watched.name.clone(),
            kind: known.copied().unwrap_or("recorded"),
            read_only: true,
            protect: true,
            drives_runs: false,
            accent: watched.accent.clone(),
        }
    }
}
