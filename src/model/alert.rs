//! What a person should know without having looked, and what is told of it.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{PipelineKey, RunKey, SafeText, Target};

/// How soon somebody must look: P1 now, P5 some day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Priority {
    P1,
    P2,
    P3,
    P4,
    P5,
}

impl Priority {
    pub const ALL: [Self; 5] = [Self::P1, Self::P2, Self::P3, Self::P4, Self::P5];

    pub const fn word(self) -> &'static str {
        match self {
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
            Self::P4 => "P4",
            Self::P5 => "P5",
        }
    }

    /// `P1` to `P5`, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|p| p.word().eq_ignore_ascii_case(text))
    }
}

/// One alert per rule and subject: what both are called stays the same over restarts, so that an alert that is
/// found again is known again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertId {
    /// The rule's name: a built-in one's word, or as the configuration calls it.
    pub rule: String,
    /// What it is about, raw: backend and pipeline, a queue, the tags of a group.
    pub subject: String,
}

impl AlertId {
    pub fn new(rule: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            subject: subject.into(),
        }
    }

    /// `run-failing:prod/orders_daily`, as it is shown, typed and used as a key by paging services.
    pub fn label(&self) -> SafeText {
        if self.subject.is_empty() {
            return SafeText::new(&self.rule);
        }
        SafeText::new(format!("{}:{}", self.rule, self.subject))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// Its condition holds, not yet for long enough.
    Pending,
    Firing,
    Acknowledged,
    Silenced,
    Resolved,
}

impl AlertState {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Silenced => "silenced",
            Self::Resolved => "resolved",
        }
    }
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Who did something about an alert, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    pub who: SafeText,
    pub at: DateTime<Utc>,
}

/// What somebody wrote beside an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertNote {
    pub by: By,
    pub text: SafeText,
}

/// Why nobody is told of an alert for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silenced {
    /// Of the silence or maintenance window.
    pub name: SafeText,
    pub until: Option<DateTime<Utc>>,
}

/// Whom the program that tells people has told of an alert, and whom it tells next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Escalation {
    /// Channels, in the order in which they were told.
    pub told: Vec<SafeText>,
    /// When, and which, unless somebody acknowledges it. Channels of a policy that is not configured here are not known.
    pub next: Option<(DateTime<Utc>, Vec<SafeText>)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub id: AlertId,
    pub priority: Priority,
    pub state: AlertState,
    /// "orders_daily"
    pub title: SafeText,
    /// "failed at load: OutOfMemoryError"
    pub reason: SafeText,
    /// Since when its condition holds.
    pub since: DateTime<Utc>,
    /// Since when it is firing: its condition had held for long enough.
    pub fired: Option<DateTime<Utc>>,
    pub resolved: Option<DateTime<Utc>>,
    /// Who acknowledged it; it stays listed until it is over.
    pub acked: Option<By>,
    pub silenced: Option<Silenced>,
    /// It came and went too often: told once, until it is steady again.
    pub flapping: bool,
    pub notes: Vec<AlertNote>,
    /// In lists of what is going; it is made of what is remembered beside the alert.
    #[serde(skip)]
    pub escalation: Escalation,
    /// What a key would act on; none for a number over the whole fleet.
    pub target: Option<Target>,
    /// Alerts that follow from this one and are not told apart: the title of each.
    pub behind: Vec<SafeText>,
    /// What routes and silences match: `rule`, `backend`, `pipeline`, `node`, `tag`, `owner` and those of its rule.
    pub labels: Vec<(String, String)>,
    /// A page that says what to do.
    pub runbook: Option<SafeText>,
}

impl Alert {
    /// As it is when its condition is first found to hold.
    pub fn new(id: AlertId, priority: Priority, since: DateTime<Utc>) -> Self {
        Self {
            id,
            priority,
            state: AlertState::Pending,
            title: SafeText::default(),
            reason: SafeText::default(),
            since,
            fired: None,
            resolved: None,
            acked: None,
            silenced: None,
            flapping: false,
            notes: Vec::new(),
            escalation: Escalation::default(),
            target: None,
            behind: Vec::new(),
            labels: Vec::new(),
            runbook: None,
        }
    }

    pub fn pipeline(&self) -> Option<&PipelineKey> {
        self.target.as_ref()?.pipeline()
    }

    pub fn run(&self) -> Option<&RunKey> {
        self.target.as_ref()?.run()
    }

    /// Nobody has taken it on and nobody has asked for quiet.
    pub fn open(&self) -> bool {
        self.state == AlertState::Firing
    }

    /// The values of a label; some (`tag`) have more than one.
    pub fn label<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.labels
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

/// What has become of an alert that somebody should hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Occasion {
    Fired,
    /// Nobody has acknowledged it: the same again, or somebody else.
    Escalated,
    Acknowledged,
    Resolved,
    /// Nothing happened: somebody tries whether a channel works.
    Test,
}

impl Occasion {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Escalated => "escalated",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Test => "test",
        }
    }
}

/// What a channel says of an alert: all that somebody needs who was asleep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub occasion: Occasion,
    pub alert: Alert,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Names, where known, of where it happened.
    pub backend: Option<SafeText>,
    pub pipeline: Option<SafeText>,
    pub run: Option<SafeText>,
    pub node: Option<SafeText>,
    /// The cause line of the log.
    pub error: Option<SafeText>,
    /// "executor ran out of memory"
    pub cause: Option<SafeText>,
    /// "retry with more memory"
    pub advice: Option<SafeText>,
    /// End of the last run that went well.
    pub last_success: Option<DateTime<Utc>>,
    /// "must be done by 04:00, 38 min left"
    pub sla: Option<SafeText>,
    /// The page of it in its own system.
    pub url: Option<SafeText>,
    /// The command that opens it: `dagtop open prod/orders_daily`.
    pub open: SafeText,
}

impl Message {
    /// With nothing known beside the alert.
    pub fn new(occasion: Occasion, alert: Alert, at: DateTime<Utc>) -> Self {
        Self {
            occasion,
            alert,
            at,
            backend: None,
            pipeline: None,
            run: None,
            node: None,
            error: None,
            cause: None,
            advice: None,
            last_success: None,
            sla: None,
            url: None,
            open: SafeText::new("dagtop"),
        }
    }
}

/// What a person does about one alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertDeed {
    Ack,
    Unack,
    /// It is over for me, whatever its condition says: quiet until the condition has been gone and comes back.
    Resolve,
    Note(SafeText),
}

impl AlertDeed {
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Unack => "unack",
            Self::Resolve => "resolve",
            Self::Note(_) => "note",
        }
    }
}

/// A deed, with whose it is and what it is done to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertOrder {
    pub id: AlertId,
    pub by: By,
    pub deed: AlertDeed,
}
