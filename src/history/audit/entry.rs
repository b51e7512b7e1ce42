//! What a line says.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::model::{
    ActionRequest, ActionStatus, AlertDeed, AlertOrder, Plan, SafeText, Silence, Target,
};

/// Hits that are listed; the number of all is told.
const HITS: usize = 50;
/// Names of parameters and keys that are listed.
const NAMES: usize = 100;
/// Characters of any one text.
const TEXT: usize = 500;
/// A value of a parameter this short says little and stands everywhere.
const SHORT: usize = 6;

/// Who works here.
pub fn user() -> SafeText {
    let env = |name| std::env::var(name).ok();
    SafeText::new(
        env("USER")
            .or_else(|| env("LOGNAME"))
            .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw())),
    )
}

/// Who did it, and from where. Older lines have less of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    pub user: SafeText,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Who became this user by sudo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo_user: Option<SafeText>,
    /// The address the SSH connection came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<SafeText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<SafeText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<SafeText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
}

impl Who {
    pub fn here() -> Self {
        let env = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
        let from = env("SSH_CONNECTION");
        let tty = rustix::termios::ttyname(std::io::stdin(), Vec::new());
        Self {
            user: user(),
            uid: Some(rustix::process::getuid().as_raw()),
            sudo_user: env("SUDO_USER").map(SafeText::new),
            from: from.and_then(|c| c.split(' ').next().map(SafeText::new)),
            host: Some(host()),
            tty: tty.ok().map(|name| SafeText::from_bytes(name.as_bytes())),
            pid: Some(std::process::id()),
        }
    }
}

/// The name of this machine.
pub(super) fn host() -> SafeText {
    SafeText::from_bytes(rustix::system::uname().nodename().to_bytes())
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something was done, or was to be done, to a backend.
    #[default]
    Action,
    /// Something was done about an alert.
    Alert,
    Silence,
    /// The configuration is another one than before.
    Config,
    /// Data left the history: exports and reports.
    Export,
    /// The history was changed by hand.
    History,
    /// A program began, or began to lead.
    Program,
    /// Written by a newer dagtop.
    #[serde(other)]
    Other,
}

impl Kind {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Alert => "alert",
            Self::Silence => "silence",
            Self::Config => "config",
            Self::Export => "export",
            Self::History => "history",
            Self::Program => "program",
            Self::Other => "other",
        }
    }
}

/// How far it had come.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// A person said yes; nothing was sent yet.
    Approved,
    Requested,
    Confirmed,
    /// Also before it was sent.
    Refused,
    Unconfirmed,
    /// What needs no answer of a backend.
    Done,
    /// Written by a newer dagtop.
    #[default]
    #[serde(other)]
    Other,
}

impl Step {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Requested => "requested",
            Self::Confirmed => "confirmed",
            Self::Refused => "refused",
            Self::Unconfirmed => "unconfirmed",
            Self::Done => "done",
            Self::Other => "other",
        }
    }
}

fn none<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What was done. Values of parameters are left out, and so is every text that is one: they may be secrets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct What {
    #[serde(default)]
    pub kind: Kind,
    pub action: SafeText,
    #[serde(default)]
    pub target: SafeText,
    #[serde(default, skip_serializing_if = "none")]
    pub backend: SafeText,
    /// `BACKEND/PIPELINE/RUN/NODE`, as `dagtop act` takes it.
    #[serde(default, skip_serializing_if = "none")]
    pub address: SafeText,
    pub step: Step,
    /// Joins the steps of one request of one process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    #[serde(default, skip_serializing_if = "none")]
    pub summary: SafeText,
    /// What the backend was seen to have done.
    #[serde(default, skip_serializing_if = "none")]
    pub what: SafeText,
    #[serde(default, skip_serializing_if = "none")]
    pub why: SafeText,
    /// How many it was to hit, and the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hits: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hit: Vec<SafeText>,
    /// Names only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<SafeText>,
    /// Keys of the configuration, without their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<SafeText>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, SafeText>,
}

/// A line, without what chains it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub at: DateTime<Utc>,
    #[serde(flatten)]
    pub who: Who,
    #[serde(flatten)]
    pub what: What,
}

/// Not longer than a line of the audit should have it.
pub(super) fn cut(text: &str) -> SafeText {
    match text.char_indices().nth(TEXT) {
        None => SafeText::new(text),
        Some((at, _)) => SafeText::new(format!("{}…", &text[..at])),
    }
}

impl What {
    /// Something that is done and over.
    pub fn done(kind: Kind, action: &str, target: impl AsRef<str>) -> Self {
        Self {
            kind,
            action: SafeText::new(action),
            target: cut(target.as_ref()),
            step: Step::Done,
            ..Self::default()
        }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.with.insert(name.to_owned(), cut(value.as_ref()));
        self
    }

    fn action(request: &ActionRequest, step: Step) -> Self {
        let target = &request.target;
        Self {
            kind: Kind::Action,
            action: SafeText::new(request.action.word()),
            target: cut(&target.label()),
            backend: cut(&target.backend().safe()),
            address: cut(&target.address()),
            step,
            request: Some(request.id.0),
            ..Self::default()
        }
    }

    /// A person said yes.
    pub fn approved(request: &ActionRequest, plan: &Plan) -> Self {
        let mask = Mask::of(request);
        let hit = |hit: &crate::model::Hit| match hit.name.strip_prefix("param ") {
            // a value, by the backends' own word for it
            Some(name) => cut(&format!("param {name}")),
            None => {
                let (now, then) = (mask.text(&hit.now), mask.text(&hit.then));
                cut(&format!("{}: {now} -> {then}", hit.name))
            }
        };
        let options = &request.options;
        let names = options.params.iter().map(|(name, _)| cut(name));
        let mut what = Self {
            summary: mask.text(&plan.summary),
            hits: Some(u64::try_from(plan.hits.len()).unwrap_or(u64::MAX)),
            hit: plan.hits.iter().take(HITS).map(hit).collect(),
            params: names.take(NAMES).collect(),
            ..Self::action(request, Step::Approved)
        };
        let scope = options.scope;
        let words = [
            ("upstream", scope.upstream),
            ("downstream", scope.downstream),
            ("only_failed", scope.only_failed),
        ];
        let words: Vec<&str> = words.iter().filter(|w| w.1).map(|w| w.0).collect();
        let chosen = [
            ("scope", (!words.is_empty()).then(|| words.join(" "))),
            ("run_id", options.run_id.clone()),
            ("as", options.mark.map(|state| state.word().to_owned())),
            ("note", options.note.clone()),
            ("limit", options.limit.map(|limit| limit.to_string())),
        ];
        for (name, value) in chosen {
            if let Some(value) = value {
                what = what.with(name, value);
            }
        }
        what
    }

    /// What the backend said afterwards; planning leaves no line.
    pub fn status(request: &ActionRequest, status: &ActionStatus) -> Option<Self> {
        let mask = Mask::of(request);
        let step = |step| Self::action(request, step);
        Some(match status {
            ActionStatus::Planning | ActionStatus::Planned { .. } => return None,
            ActionStatus::Requested { .. } => step(Step::Requested),
            ActionStatus::Confirmed { what } => Self {
                what: mask.text(what),
                ..step(Step::Confirmed)
            },
            ActionStatus::Refused { why } => Self {
                why: mask.text(&why.to_string()),
                ..step(Step::Refused)
            },
            ActionStatus::Unconfirmed { why } => Self {
                why: mask.text(why),
                ..step(Step::Unconfirmed)
            },
        })
    }

    /// It could not even be asked for.
    pub fn impossible(action: &str, target: &Target, why: &str) -> Self {
        Self {
            kind: Kind::Action,
            backend: cut(&target.backend().safe()),
            address: cut(&target.address()),
            step: Step::Refused,
            why: cut(why),
            ..Self::done(Kind::Action, action, target.label())
        }
    }

    pub fn alert(order: &AlertOrder) -> Self {
        let what = Self::done(Kind::Alert, order.deed.word(), order.id.label());
        match &order.deed {
            AlertDeed::Note(text) => what.with("note", text),
            _ => what,
        }
    }

    pub fn silence(silence: &Silence) -> Self {
        let when = match &silence.when {
            crate::model::When::Once { from, until } => {
                format!("{} to {}", from.to_rfc3339(), until.to_rfc3339())
            }
            crate::model::When::Weekly {
                start,
                zone,
                minutes,
                ..
            } => {
                format!("weekly at {start} {zone} for {minutes} minutes")
            }
        };
        Self::done(Kind::Silence, "silence", &silence.id)
            .with("match", silence.matchers.join(" "))
            .with("when", when)
            .with("reason", &silence.reason)
    }

    pub fn unsilence(id: &str) -> Self {
        Self::done(Kind::Silence, "unsilence", id)
    }
}

/// Takes the values of a request's parameters out of what is said about it.
struct Mask {
    /// `name=value`, and `name=…`.
    pairs: Vec<(String, String)>,
    values: Vec<String>,
}

impl Mask {
    fn of(request: &ActionRequest) -> Self {
        let params = &request.options.params;
        let pairs = params.iter().flat_map(|(name, value)| {
            let said = value.as_str().map(str::to_owned);
            let told = said.into_iter().chain([value.to_string()]);
            told.map(move |value| (format!("{name}={value}"), format!("{name}=…")))
        });
        let pairs = pairs.collect();
        let mut values = Vec::new();
        let mut open: Vec<&serde_json::Value> = params.iter().map(|(_, v)| v).collect();
        while let Some(value) = open.pop() {
            match value {
                serde_json::Value::String(text) => values.push(text.clone()),
                serde_json::Value::Number(number) => values.push(number.to_string()),
                serde_json::Value::Array(all) => open.extend(all),
                serde_json::Value::Object(all) => open.extend(all.values()),
                serde_json::Value::Null | serde_json::Value::Bool(_) => {}
            }
        }
        // as it is shown
        let shown: Vec<String> = values
            .iter()
            .map(|v| SafeText::new(v).to_string())
            .collect();
        values.extend(shown);
        values.retain(|v| v.chars().count() >= SHORT);
        // the longest first: one may stand in another
        values.sort_by_key(|v| std::cmp::Reverse(v.len()));
        values.dedup();
        Self { pairs, values }
    }

    fn text(&self, text: &str) -> SafeText {
        let mut text = text.to_owned();
        for (pair, name) in &self.pairs {
            text = text.replace(pair.as_str(), name);
        }
        for value in &self.values {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), "…");
            }
        }
        cut(&text)
    }
}
