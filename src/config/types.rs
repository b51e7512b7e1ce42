//! The configuration as plain data. `config.example.toml` says what each key means to a user.

use std::path::PathBuf;
use std::time::Duration;

use super::alert_types::{Alerts, Escalation, Expect, SilenceWindow};
use super::channel_types::{Channel, Route};
use super::dashboards::Dashboard;
use super::history::History;
use super::secret::Secret;
use super::source::At;
use crate::model::Priority;

#[derive(Clone, Debug, Default)]
pub struct Config {
    pub ui: Ui,
    pub alerts: Alerts,
    /// Of those that match a pipeline the first counts.
    pub expects: Vec<Expect>,
    /// Of those that match an alert the first counts.
    pub escalations: Vec<Escalation>,
    pub silences: Vec<SilenceWindow>,
    /// Names are unique.
    pub rules: Vec<Rule>,
    pub dashboards: Vec<Dashboard>,
    pub logs: Logs,
    pub history: History,
    pub diagnosis: Diagnosis,
    /// Names are unique.
    pub backends: Vec<Backend>,
    /// Names are unique.
    pub channels: Vec<Channel>,
    /// In the order of the file.
    pub routes: Vec<Route>,
}

/// `[ui]`
#[derive(Clone, Debug)]
pub struct Ui {
    /// Name of a theme; the screen knows which exist.
    pub theme: Option<At<String>>,
    pub color: ColorDepth,
    pub ascii: Switch,
    /// Frames a second at most, from 1 to 120.
    pub max_fps: u32,
    pub mouse: bool,
    /// Times in UTC rather than in local time.
    pub utc: bool,
    pub sync_output: Switch,
    pub bell: bool,
    pub view: RunView,
    /// Command name and its keys, as written; the screen knows which exist.
    pub keys: Vec<(At<String>, Vec<At<String>>)>,
}

impl Default for Ui {
    fn default() -> Self {
        Self {
            theme: None,
            color: ColorDepth::Auto,
            ascii: Switch::Auto,
            max_fps: 30,
            mouse: false,
            utc: true,
            sync_output: Switch::Auto,
            bell: true,
            view: RunView::Graph,
            keys: Vec::new(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorDepth {
    Auto,
    Never,
    Ansi16,
    Ansi256,
    Rgb,
}

impl ColorDepth {
    pub const CHOICES: &[(&str, Self)] = &[
        ("auto", Self::Auto),
        ("never", Self::Never),
        ("16", Self::Ansi16),
        ("256", Self::Ansi256),
        ("rgb", Self::Rgb),
    ];
}

/// Something that is on, off, or found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    Auto,
    On,
    Off,
}

impl Switch {
    pub const CHOICES: &[(&str, Self)] =
        &[("auto", Self::Auto), ("on", Self::On), ("off", Self::Off)];
}

/// How a run is first shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunView {
    Graph,
    List,
    Timeline,
    Grid,
}

impl RunView {
    pub const CHOICES: &[(&str, Self)] = &[
        ("graph", Self::Graph),
        ("list", Self::List),
        ("timeline", Self::Timeline),
        ("grid", Self::Grid),
    ];
}

/// One `[[rule]]`: an alert of one's own. The alerts know its language.
#[derive(Clone, Debug)]
pub struct Rule {
    /// 1 to 64 of `A-Z a-z 0-9 . _ -`
    pub name: At<String>,
    pub enabled: bool,
    pub query: At<String>,
    pub priority: Priority,
    pub message: Option<String>,
    /// It must be so for so long.
    pub hold: Duration,
    pub critical: Option<At<f64>>,
    pub warning: Option<At<f64>>,
    pub critical_recovery: Option<At<f64>>,
    pub warning_recovery: Option<At<f64>>,
    /// Missing data is told after so long.
    pub no_data: Option<Duration>,
    pub full_window: bool,
    /// Data comes so late.
    pub delay: Duration,
    pub tags: Vec<String>,
    /// Where it is written what to do.
    pub runbook: Option<String>,
}

impl Rule {
    pub const PRIORITIES: &[(&str, Priority)] = &[
        ("P1", Priority::P1),
        ("P2", Priority::P2),
        ("P3", Priority::P3),
        ("P4", Priority::P4),
        ("P5", Priority::P5),
    ];
}

/// `[logs]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// Bytes of log text kept in memory, at least 1 MB.
    pub memory: u64,
    /// Bytes of log text kept on disk when memory is full; 0 for none.
    pub disk: u64,
    /// How long they are kept there at most.
    pub keep: Duration,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            memory: 64_000_000,
            disk: 1_000_000_000,
            keep: Duration::from_secs(7 * 86_400),
        }
    }
}

/// `[diagnosis]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// A file of patterns that stands before those that are shipped. Absolute.
    pub patterns: Option<PathBuf>,
}

/// One `[[backend]]`
#[derive(Clone, Debug)]
pub struct Backend {
    /// 1 to 64 of `A-Z a-z 0-9 . _ -`
    pub name: String,
    pub enabled: bool,
    /// No action may change anything there.
    pub read_only: bool,
    /// An action asks for the pipeline's name to be typed.
    pub protect: bool,
    pub accent: Option<Colour>,
    pub tags: Vec<String>,
    /// Time between two looks at what is on screen, at least 200 ms.
    pub refresh: Duration,
    pub connect_timeout: Duration,
    /// Longest silence of a server in the middle of an answer.
    pub read_timeout: Duration,
    pub kind: BackendKind,
}

#[derive(Clone, Debug)]
pub enum BackendKind {
    Airflow(Box<Airflow>),
    Prefect(Box<Prefect>),
    Dagster(Box<Dagster>),
    Local(Local),
    Dbt(Dbt),
}

impl BackendKind {
    /// The word that stands in the file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Airflow(_) => "airflow",
            Self::Prefect(_) => "prefect",
            Self::Dagster(_) => "dagster",
            Self::Local(_) => "local",
            Self::Dbt(_) => "dbt",
        }
    }

    /// The server that it watches, if it watches one.
    pub fn server(&self) -> Option<&Server> {
        match self {
            Self::Airflow(airflow) => Some(&airflow.server),
            Self::Prefect(prefect) => Some(&prefect.server),
            Self::Dagster(dagster) => Some(&dagster.server),
            Self::Local(_) | Self::Dbt(_) => None,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Airflow {
    pub server: Server,
    pub api: AirflowApi,
    pub dags: Filter,
}

#[derive(Clone, Debug)]
pub struct Prefect {
    /// With or without the `/api` of a server of one's own; a workspace's API for Prefect Cloud.
    pub server: Server,
    /// Patterns are held against `flow/deployment`.
    pub deployments: Filter,
}

#[derive(Clone, Debug)]
pub struct Dagster {
    /// Of the webserver; of a deployment for Dagster+.
    pub server: Server,
    /// Patterns are held against the names of jobs.
    pub jobs: Filter,
}

/// How a server is reached and how it lets us in: the same keys for every kind that watches one.
#[derive(Clone, Debug)]
pub struct Server {
    /// `http` or `https`, without user, query or fragment; a path is kept (`https://host/airflow`).
    pub url: reqwest::Url,
    pub login: Login,
    pub tls: Tls,
    /// May hold a user and a password, so it is never shown.
    pub proxy: Option<Secret>,
    pub headers: Vec<(String, Secret)>,
}

#[derive(Clone, Debug)]
pub enum Login {
    None,
    /// Token login on Airflow 3, Basic on Airflow 2 and Prefect.
    Password {
        user: String,
        password: Secret,
    },
    /// A bearer token (for Prefect Cloud an API key); a `cmd:` secret is run again when it no longer works.
    Token(Secret),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AirflowApi {
    Auto,
    V1,
    V2,
}

impl AirflowApi {
    pub const CHOICES: &[(&str, Self)] =
        &[("auto", Self::Auto), ("v1", Self::V1), ("v2", Self::V2)];
}

/// Paths are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM with the certificates to trust beside those of the system.
    pub ca: Option<PathBuf>,
    /// Client certificate and its key, both or none.
    pub identity: Option<ClientIdentity>,
    /// Trust any certificate.
    pub insecure: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// Which pipelines are watched. Patterns are globs over the DAG id or the deployment's name: `*` is any text, `?` any character.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Empty means all.
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    /// Only those with at least one of these tags; empty means all.
    pub tags: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Local {
    /// Absolute paths of files or directories; the last part may hold `*`.
    pub pipelines: Vec<At<PathBuf>>,
    /// Nodes that run at once, at least 1.
    pub parallelism: u32,
    /// Time between TERM and KILL.
    pub grace: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dbt {
    /// Folder with `dbt_project.yml`. Absolute.
    pub project: PathBuf,
    /// Folder with `profiles.yml`, absolute; dbt looks for it itself when there is none here.
    pub profiles: Option<PathBuf>,
    pub target: Option<String>,
    /// A name to be found on PATH, or an absolute path.
    pub dbt: PathBuf,
    /// What a trigger runs when nobody says otherwise: one of [`Dbt::COMMANDS`].
    pub command: String,
    pub select: Vec<String>,
    pub exclude: Vec<String>,
    /// Between INT, TERM and KILL.
    pub grace: Duration,
}

impl Dbt {
    pub const COMMANDS: &[&str] = &["build", "run", "test", "seed", "snapshot", "freshness"];

    /// With everything else as it is by default.
    pub fn new(project: PathBuf) -> Self {
        Self {
            project,
            profiles: None,
            target: None,
            dbt: PathBuf::from("dbt"),
            command: "build".to_owned(),
            select: Vec::new(),
            exclude: Vec::new(),
            grace: Duration::from_secs(10),
        }
    }
}

/// A colour as written: one of the terminal's 16 or an exact one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// 0 to 15, in the order of [`Colour::NAMES`].
    Ansi(u8),
    Rgb(u8, u8, u8),
}

impl Colour {
    pub const NAMES: [&str; 16] = [
        "black",
        "red",
        "green",
        "yellow",
        "blue",
        "magenta",
        "cyan",
        "white",
        "bright-black",
        "bright-red",
        "bright-green",
        "bright-yellow",
        "bright-blue",
        "bright-magenta",
        "bright-cyan",
        "bright-white",
    ];

    /// As it is written.
    pub fn text(self) -> String {
        match self {
            Self::Ansi(index) => Self::NAMES
                .get(usize::from(index))
                .copied()
                .unwrap_or_default()
                .to_owned(),
            Self::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        }
    }

    /// A name or `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(index) = (0u8..).zip(Self::NAMES).find(|(_, name)| *name == text) {
            return Some(Self::Ansi(index.0));
        }
        let hex = text
            .strip_prefix('#')
            .filter(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let [_, r, g, b] = u32::from_str_radix(hex, 16).ok()?.to_be_bytes();
        Some(Self::Rgb(r, g, b))
    }
}
