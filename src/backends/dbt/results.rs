//! `target/run_results.json` and `target/sources.json`: how a command ended. Written once, at its
//! end, over those of the command before; read as streams, without the code they carry.
//!
//! <https://schemas.getdbt.com/dbt/run-results/v6.json>, <https://schemas.getdbt.com/dbt/sources/v3.json>

use std::io::Read;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::manifest::{Freshness, Loose};

/// One command's results.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    pub invocation: String,
    pub dbt_version: String,
    pub started_at: Option<DateTime<Utc>>,
    pub generated_at: Option<DateTime<Utc>>,
    pub args: Args,
    pub rows: Vec<Row>,
    /// Rows that made no sense.
    pub bad: usize,
}

/// What a command was told, as far as it decides what runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Args {
    /// "build", "run", "test", "freshness", ...
    pub which: String,
    pub select: Vec<String>,
    pub exclude: Vec<String>,
    pub full_refresh: bool,
    pub target: Option<String>,
    /// `--vars` as JSON; empty without any.
    pub vars: String,
}

/// How one node ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    pub id: String,
    /// dbt's word: "success", "error", "fail", "warn", "pass", "skipped", ...
    pub status: String,
    pub message: Option<String>,
    /// Rows that failed a test.
    pub failures: Option<u64>,
    /// Rows written.
    pub rows: Option<f64>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub relation: Option<String>,
    pub age: Option<Age>,
}

/// How old a source's data was found to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Age {
    pub loaded_at: Option<DateTime<Utc>>,
    pub measured_at: Option<DateTime<Utc>>,
    /// Limits in words.
    pub limits: String,
}

impl Results {
    pub fn read(reader: impl Read) -> Result<Self, serde_json::Error> {
        let raw: Raw = serde_json::from_reader(reader)?;
        let mut results = Self {
            invocation: raw.metadata.invocation_id.0,
            dbt_version: raw.metadata.dbt_version.0,
            started_at: raw.metadata.invocation_started_at.0.and_then(|t| time(&t)),
            generated_at: raw.metadata.generated_at.0.and_then(|t| time(&t)),
            args: raw.args.args(),
            ..Self::default()
        };
        for row in raw.results {
            let row = row.0.row();
            if row.id.is_empty() {
                results.bad += 1;
            } else {
                results.rows.push(row);
            }
        }
        // sources.json says nothing of what was asked
        if results.args.which.is_empty() && raw.metadata.dbt_schema_version.0.contains("/sources/")
        {
            results.args.which = "freshness".to_owned();
        }
        Ok(results)
    }
}

impl Args {
    /// From a command line as dbt's log has it: its words joined by spaces, so a value with spaces
    /// in it can't be told from several.
    pub fn of_command(line: &str) -> Self {
        let mut args = Self::default();
        let mut list: Option<fn(&mut Self) -> &mut Vec<String>> = None;
        let mut words = line.split_whitespace().skip(1);
        while let Some(word) = words.next() {
            match word {
                "--select" | "-s" | "--models" | "--model" | "-m" => list = Some(|a| &mut a.select),
                "--exclude" => list = Some(|a| &mut a.exclude),
                "--full-refresh" | "-f" => args.full_refresh = true,
                "--target" | "-t" => args.target = words.next().map(str::to_owned),
                _ if word.starts_with('-') => list = None,
                _ => {
                    if let Some(list) = list {
                        list(&mut args).push(word.to_owned());
                    } else if (args.which.is_empty() && COMMANDS.contains(&word))
                        || (args.which == "source" && word == "freshness")
                    {
                        word.clone_into(&mut args.which);
                    }
                }
            }
        }
        args
    }

    /// Whether it runs nodes, so that it is a run to be shown.
    pub fn runs_nodes(&self) -> bool {
        RUNNING.contains(&self.which.as_str())
    }

    /// As one would type it: "build --select a b".
    pub fn words(&self) -> String {
        let mut words = match self.which.as_str() {
            "freshness" => "source freshness".to_owned(),
            which => which.to_owned(),
        };
        for (flag, list) in [("--select", &self.select), ("--exclude", &self.exclude)] {
            if !list.is_empty() {
                words.push_str(&format!(" {flag} {}", list.join(" ")));
            }
        }
        if self.full_refresh {
            words.push_str(" --full-refresh");
        }
        words
    }
}

/// Commands whose nodes do something in the warehouse.
const RUNNING: &[&str] = &[
    "build",
    "run",
    "test",
    "seed",
    "snapshot",
    "retry",
    "freshness",
    "clone",
];

/// Words after `dbt` that name a command.
const COMMANDS: &[&str] = &[
    "build",
    "run",
    "test",
    "seed",
    "snapshot",
    "retry",
    "source",
    "clone",
    "compile",
    "docs",
    "ls",
    "list",
    "parse",
    "deps",
    "debug",
    "clean",
    "init",
    "show",
    "run-operation",
];

/// dbt writes UTC with `Z`, with an offset, or with neither.
pub fn time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.with_timezone(&Utc));
    }
    text.parse::<chrono::NaiveDateTime>()
        .ok()
        .map(|at| at.and_utc())
}

#[derive(Deserialize)]
struct Raw {
    metadata: Metadata,
    #[serde(default)]
    results: Vec<Loose<RawRow>>,
    #[serde(default)]
    args: RawArgs,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Metadata {
    dbt_schema_version: Loose<String>,
    dbt_version: Loose<String>,
    invocation_id: Loose<String>,
    invocation_started_at: Loose<Option<String>>,
    generated_at: Loose<Option<String>>,
}

/// As in `run_results.json` and in the first lines of a log.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct RawArgs {
    which: Loose<String>,
    select: Loose<Words>,
    exclude: Loose<Words>,
    full_refresh: Loose<Option<bool>>,
    target: Loose<Option<String>>,
    vars: Loose<Option<Value>>,
}

/// A list, or its words in one text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    List(Vec<String>),
    Text(String),
}

impl Default for Words {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Words {
    fn list(self) -> Vec<String> {
        match self {
            Self::List(list) => list,
            Self::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
        }
    }
}

impl RawArgs {
    pub fn args(self) -> Args {
        let vars = match self.vars.0 {
            Some(Value::Object(map)) if !map.is_empty() => Value::Object(map).to_string(),
            _ => String::new(),
        };
        Args {
            which: self.which.0,
            select: self.select.0.list(),
            exclude: self.exclude.0.list(),
            full_refresh: self.full_refresh.0 == Some(true),
            target: self.target.0,
            vars,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawRow {
    unique_id: Loose<String>,
    status: Loose<String>,
    message: Loose<Option<String>>,
    failures: Loose<Option<u64>>,
    adapter_response: Loose<Response>,
    timing: Loose<Vec<Timing>>,
    relation_name: Loose<Option<String>>,
    error: Loose<Option<String>>,
    max_loaded_at: Loose<Option<String>>,
    snapshotted_at: Loose<Option<String>>,
    criteria: Loose<Option<Freshness>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Response {
    rows_affected: Loose<Option<f64>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Timing {
    started_at: Loose<Option<String>>,
    completed_at: Loose<Option<String>>,
}

impl RawRow {
    fn row(self) -> Row {
        let timing = self.timing.0;
        let first = timing.iter().filter_map(|t| time(t.started_at.0.as_ref()?));
        let last = timing
            .iter()
            .filter_map(|t| time(t.completed_at.0.as_ref()?));
        let at = |text: Option<String>| text.and_then(|t| time(&t));
        let age = self.snapshotted_at.0.is_some().then(|| Age {
            loaded_at: at(self.max_loaded_at.0),
            measured_at: at(self.snapshotted_at.0),
            limits: self.criteria.0.and_then(|c| c.words()).unwrap_or_default(),
        });
        Row {
            id: self.unique_id.0,
            status: self.status.0,
            message: self.message.0.or(self.error.0),
            failures: self.failures.0,
            // some adapters say -1 where they don't know
            rows: self
                .adapter_response
                .0
                .rows_affected
                .0
                .filter(|n| *n >= 0.0),
            started_at: first.min(),
            ended_at: last.max(),
            relation: self.relation_name.0,
            age,
        }
    }
}
