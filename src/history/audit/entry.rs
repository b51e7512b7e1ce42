//! What a line says.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::model::{SafeText, many};

use super::who::Who;

/// Characters of any one text.
const TEXT: usize = 500;

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

impl What {
    /// What else it says beside who, what, where and how far, in a few words.
    pub fn more(&self) -> String {
        let said = [&self.summary, &self.what, &self.why];
        let said = said.into_iter().filter(|text| !text.is_empty());
        let hits = self.hits.map(|n| many(n, "hit"));
        let params = (!self.params.is_empty()).then(|| {
            let names: Vec<&str> = self.params.iter().map(SafeText::as_str).collect();
            format!("params {}", names.join(" "))
        });
        let with = self
            .with
            .iter()
            .map(|(name, value)| format!("{name}: {value}"));
        let keys = self.keys.iter().map(ToString::to_string);
        let all = said.map(ToString::to_string).chain(hits).chain(params);
        all.chain(with).chain(keys).collect::<Vec<_>>().join("; ")
    }
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
