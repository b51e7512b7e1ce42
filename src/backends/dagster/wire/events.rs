//! What happened in a run, and what its processes wrote.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::backends::dagster::gql::Rows;

use super::time::millis_text;
use super::{AssetKey, PythonError};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Events {
    #[serde(default)]
    pub cursor: Option<String>,
    #[serde(default)]
    pub has_more: bool,
    /// `messages` in a subscription.
    #[serde(default, alias = "messages")]
    pub events: Rows<Event>,
    #[serde(default)]
    pub has_more_past_events: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    #[serde(default, deserialize_with = "millis_text")]
    pub timestamp: Option<DateTime<Utc>>,
    #[serde(default)]
    pub level: String,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub step_key: Option<String>,
    /// `None`: a line that the code of a step logged.
    #[serde(default)]
    pub event_type: Option<String>,
    #[serde(default)]
    pub error: Option<PythonError>,
    /// `INTERRUPT`: it was told to stop.
    #[serde(default)]
    pub error_source: Option<String>,
    /// Where standard output goes.
    #[serde(default)]
    pub file_key: Option<String>,
    #[serde(default)]
    pub step_keys: Option<Vec<String>>,
    #[serde(default)]
    pub evaluation: Option<Evaluation>,
    #[serde(default)]
    pub metadata_entries: Vec<Metadata>,
}

impl Event {
    pub fn is(&self, kind: &str) -> bool {
        self.event_type.as_deref() == Some(kind)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    #[serde(default)]
    pub check_name: String,
    #[serde(default)]
    pub asset_key: AssetKey,
    pub success: bool,
    #[serde(default)]
    pub severity: String,
    #[serde(default)]
    pub description: Option<String>,
}

/// A number that a step reported.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    #[serde(default)]
    pub label: String,
    /// Integers come as text: they may be longer than a float can hold.
    #[serde(default)]
    pub int_repr: Option<String>,
    #[serde(default)]
    pub float_value: Option<f64>,
}

impl Metadata {
    pub fn number(&self) -> Option<f64> {
        self.float_value
            .or_else(|| self.int_repr.as_ref()?.parse().ok())
    }
}

#[derive(Debug, Default, Deserialize)]
pub struct Captured {
    #[serde(default)]
    pub stdout: Option<String>,
    #[serde(default)]
    pub stderr: Option<String>,
    /// "bytes of stdout:bytes of stderr"
    #[serde(default)]
    pub cursor: Option<String>,
}
