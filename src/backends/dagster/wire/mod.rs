//! What Dagster answers, as far as it is used; here the words that several answers share. Fields that may be missing in
//! older or newer versions have defaults.
//! Must not know what is asked, nor what becomes of an answer.

mod assets;
mod backfills;
mod definitions;
mod events;
mod runs;
mod system;
mod time;

use serde::Deserialize;

pub use assets::{AssetCheck, AssetNode, CheckExecution};
pub use backfills::{AssetBackfillStatus, Backfill, Backfills, PartitionStatus};
pub use definitions::{
    Job, LoadResult, Location, Repositories, Repository, Schedule, Sensor, State, Tick, Workspace,
};
pub use events::{Captured, Evaluation, Event, Events};
pub use runs::{ExecutionPlan, Run, RunGroup, RunStatus, Runs, StepStats};
pub use system::{Daemon, Instance, Permission, Pool, Slot};
pub use time::{at_seconds, to_seconds};

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    pub repository_name: String,
    pub repository_location_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct AssetKey {
    pub path: Vec<String>,
}

impl AssetKey {
    /// "prefix/name", as Dagster shows it.
    pub fn text(&self) -> String {
        self.path.join("/")
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Named {
    pub name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Results<T> {
    #[serde(default = "Vec::new")]
    pub results: Vec<T>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PythonError {
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub stack: Vec<String>,
    /// Outermost first.
    #[serde(default)]
    pub causes: Vec<PythonError>,
}

impl PythonError {
    /// What the code of the user said: the outermost is Dagster's own wrapping where there is a cause.
    pub fn own(&self) -> &Self {
        self.causes.first().unwrap_or(self)
    }
}
