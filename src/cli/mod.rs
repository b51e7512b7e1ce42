//! Owns the command line as types. Must not know how anything is done.

mod act;
mod alerting;
mod history;
mod past;
mod records;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::config::{ColorDepth, Switch};
use crate::logs::Level;

pub use act::{Act, ActionName, MarkAs};
pub use alerting::{
    AlertName, Alerts, AlertsWhat, Notify, NotifyWhat, Rules, RulesWhat, Serve, Silence,
    SilenceAdd, SilenceWhat,
};
pub use history::{History, HistoryWhat};
pub use records::{
    Audit, AuditFilter, AuditFormat, AuditWhat, Export, ExportFormat, ExportWhat, GrainName,
};

pub use past::{PeriodFormat, Record, Replay, Report};

const EXIT_CODES: &str = "\
Exit codes:
  0    done, or ended by the user
  1    it could not be done
  2    wrong command line, or a configuration that can't be used
  130  interrupted (128 and the number of the signal)
status and act have more of them: see their --help.";

/// Of commands with a screen.
const SCREEN_CODES: &str = "\
Exit codes: 0 ended by the user, 1 the screen can't be shown, 2 wrong command line or a \
configuration that can't be used, 128 and the number of a signal that ended it.";

const RUN_CODES: &str = "\
Exit codes: 0 with --plain: the run went well (warnings included), else: ended by the user; \
1 it did not go well, or could not be started; 2 wrong command line, or a file that can't be used \
(every problem is told with its line and column); 130 interrupted, the run is ended then.";

const RUN_DBT_CODES: &str = "\
Exit codes: that of dbt (0 all well, 1 a node failed, 2 it could not run or was interrupted), also \
when the screen is left after its end; 1 too when dbt could not be started or was killed, \
130 interrupted, dbt is interrupted then.";

const STATUS_CODES: &str = "\
Exit codes, as monitoring plugins have them:
  0  ok
  1  warning: late or lost runs, or files that a backend can't load
  2  critical: something fails that is not paused
  3  unknown: a backend can't be asked, the configuration can't be used, or the command line is wrong
The first line ends with figures after a bar; then comes a line for each problem, with an address \
for `dagtop logs` and `dagtop act`.";

const ADDRESSES: &str = "\
Addresses: BACKEND/PIPELINE/RUN/NODE, as `dagtop status` prints them. RUN may be `latest`. \
A slash inside a name is written %2F, a percent sign %25.";

const LOGS_EXAMPLES: &str = "\
Examples:
  dagtop logs prod/orders_daily -q 'level:>=warn -heartbeat'
  dagtop logs worker-*.log --since 90m --json
  kubectl logs pod | dagtop logs - -l error
A record with its traceback is filtered and counted as one. Case matters only in the value of an \
@field and in a /regex/.";

const LOGS_CODES: &str = "\
Exit codes: 0 printed, 1 there is no log (yet), it can't be read or the backend can't be asked, \
2 wrong command line or query, an address that names nothing, or a configuration that can't be used.";

const SNAPSHOT_CODES: &str = "\
Exit codes: 0 printed, 1 nothing to print or a backend can't be asked, 2 wrong command line, \
an address that names nothing, or a configuration that can't be used.";

const GRAPH_CODES: &str = "\
Exit codes: 0 drawn, 1 the graph can't be read (the line is told) or is too large for a picture, \
2 wrong command line.";

const DIAGNOSE_CODES: &str = "\
Exit codes: 0 there is a diagnosis, 1 it can't be read, or is no log (a directory, empty, binary, \
compressed), 2 wrong command line, or a configuration that can't be used, 3 nothing that is known: \
unknown stays unknown, and a log of a run that went well has no diagnosis.

Of a very long log the first 20,000 and the last 100,000 lines and up to 2,000 error records \
between them are looked at. What comes from stdin is kept on disk while it is read, at most 1 GiB.";

const DOCTOR_CODES: &str = "\
Exit codes: 0 all is well (there may be warnings), 1 something is wrong, 2 wrong command line, or \
the configuration can't be used.";

const COMPLETIONS_CODES: &str = "\
Exit codes: 0 printed, 2 wrong command line.";

/// top for data pipelines: every pipeline of every orchestrator in one terminal, worst first.
#[derive(Debug, Parser)]
#[command(name = "dagtop", version, after_help = EXIT_CODES)]
#[command(disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,

    /// Say where the configuration, the state and the cache are kept
    #[arg(long, help_heading = "Options")]
    pub paths: bool,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What every subcommand understands.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Configuration file [default: $DAGTOP_CONFIG, else ~/.config/dagtop/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Draw with plain ASCII only
    #[arg(long, global = true)]
    pub ascii: bool,

    /// How many colours to use
    #[arg(long, global = true, value_name = "COLOURS", value_enum)]
    pub color: Option<Color>,

    /// Print data as JSON, where data is printed
    #[arg(long, global = true)]
    pub json: bool,
}

impl Global {
    /// The section of the file, with what the command line says over it.
    pub fn over(&self, ui: &mut crate::config::Ui) {
        if self.ascii {
            ui.ascii = Switch::On;
        }
        if let Some(color) = self.color {
            ui.color = color.depth();
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Never,
    #[value(name = "16")]
    Ansi16,
    #[value(name = "256")]
    Ansi256,
    Rgb,
}

impl Color {
    pub fn depth(self) -> ColorDepth {
        match self {
            Self::Auto => ColorDepth::Auto,
            Self::Never => ColorDepth::Never,
            Self::Ansi16 => ColorDepth::Ansi16,
            Self::Ansi256 => ColorDepth::Ansi256,
            Self::Rgb => ColorDepth::Rgb,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Monitor(Monitor),
    Demo(Demo),
    Run(Run),
    Status(Status),
    Logs(Logs),
    Act(Act),
    Snapshot(Snapshot),
    Alerts(Alerts),
    Audit(Box<Audit>),
    Silence(Silence),
    Rules(Rules),
    Serve(Serve),
    Open(Open),
    Replay(Replay),
    Record(Record),
    Report(Report),
    Diagnose(Diagnose),
    Doctor(Doctor),
    Export(Box<Export>),
    Notify(Notify),
    History(History),
    Graph(Graph),
    Completions(Completions),
}

/// Watch and operate every configured backend (the default)
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = SCREEN_CODES)]
pub struct Monitor {}

/// Watch, beginning at one pipeline, run or node
#[derive(Clone, Debug, Args)]
#[command(after_help = SCREEN_CODES)]
pub struct Open {
    /// BACKEND/PIPELINE/RUN/NODE or its first parts, as a message about an alert has it
    pub address: String,
}

/// Run five small example pipelines as real local processes, and watch them
///
/// Nothing is installed and no configuration is read. The pipelines are written anew at each start,
/// under the state directory, where their runs and what they write are kept too.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = SCREEN_CODES)]
pub struct Demo {}

/// Run one local pipeline, or dbt, and watch it
#[derive(Clone, Debug, Args)]
#[command(after_help = RUN_CODES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Run {
    #[command(subcommand)]
    pub what: Option<RunWhat>,

    /// The pipeline, a TOML file
    #[arg(required = true)]
    pub file: Option<PathBuf>,

    /// No screen: print what happens (with --json one object a line) and end with the run
    #[arg(long)]
    pub plain: bool,

    /// A parameter of the pipeline
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    pub params: Vec<(String, String)>,
}

/// What else can be run.
#[derive(Clone, Debug, Subcommand)]
pub enum RunWhat {
    Dbt(RunDbt),
}

/// Run dbt in the project of this folder and watch it
///
/// Everything from the first word that is no option of dagtop's on is given to dbt:
/// dagtop run dbt build --select tag:nightly
#[derive(Clone, Debug, Args)]
#[command(after_help = RUN_DBT_CODES)]
pub struct RunDbt {
    /// No screen: print what happens (with --json one object a line) and end with the run
    #[arg(long)]
    pub plain: bool,

    /// The folder with dbt_project.yml
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub project_dir: PathBuf,

    /// Name or path of dbt
    #[arg(long, value_name = "PROGRAM", default_value = "dbt")]
    pub dbt: PathBuf,

    /// What dbt is told [default: build]
    #[arg(
        value_name = "ARGS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub args: Vec<String>,
}

/// Look once and say how things are, as monitoring plugins do
#[derive(Clone, Debug, Args)]
#[command(after_help = STATUS_CODES)]
pub struct Status {
    /// Give up on backends that have not answered after this many seconds
    #[arg(long, default_value_t = 20, value_name = "SECONDS")]
    pub wait: u64,
}

/// Print the log of a node, or any files, merged by time
#[derive(Clone, Debug, Args)]
#[command(after_help = format!("{LOGS_EXAMPLES}\n\n{ADDRESSES}\n\n{LOGS_CODES}"))]
pub struct Logs {
    /// BACKEND/PIPELINE/RUN/NODE (without RUN the newest, without NODE the worst is taken), or files, `-` for stdin
    #[arg(required = true, value_name = "ADDRESS|FILE")]
    pub targets: Vec<String>,

    /// Only records the query holds for: words, "phrases", level:error, @rows:>5, -this, (a OR b), /regex/
    #[arg(short, long, value_name = "QUERY")]
    pub query: Option<String>,

    /// Only records of this level or a louder one
    #[arg(short, long, value_name = "LEVEL", value_enum)]
    pub level: Option<LogLevel>,

    /// Only records from this time on: 2026-11-20T03:11:02Z, "2026-11-20 03:11", or how long ago: 90m
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Only records before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,

    /// Show every byte that was written, and interpret none
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,

    /// Which attempt, from 1 [default: the last]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub attempt: Option<u32>,

    /// Wait for the log where there is none yet, and print until it ends; print what is written to a file
    #[arg(short, long)]
    pub follow: bool,

    /// Give up on a backend that has not answered after this many seconds
    #[arg(long, default_value_t = 20, value_name = "SECONDS")]
    pub wait: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl LogLevel {
    pub fn level(self) -> Level {
        match self {
            Self::Trace => Level::Trace,
            Self::Debug => Level::Debug,
            Self::Info => Level::Info,
            Self::Warn => Level::Warn,
            Self::Error => Level::Error,
            Self::Fatal => Level::Fatal,
        }
    }
}

/// Print a screen as text or picture, for an incident channel
#[derive(Clone, Debug, Args)]
#[command(after_help = format!("{ADDRESSES}\n\n{SNAPSHOT_CODES}"))]
pub struct Snapshot {
    /// Width and height in cells
    #[arg(long, default_value = "160x48", value_name = "WxH", value_parser = size)]
    pub size: (u16, u16),

    /// Which screen [default: fleet, with an address: run]
    #[arg(long)]
    pub screen: Option<ScreenName>,

    /// Plain text, text with colours, or a picture
    #[arg(long, default_value = "text")]
    pub format: PictureFormat,

    /// Whose run, log, trends or comparison: BACKEND/PIPELINE, BACKEND/PIPELINE/RUN or BACKEND/PIPELINE/RUN/NODE [default: the worst]
    pub address: Option<String>,

    /// Of the demo instead of the configured backends
    #[arg(long)]
    pub demo: bool,

    /// Of a recording instead of the configured backends
    #[arg(long, value_name = "FILE", conflicts_with_all = ["demo", "after"])]
    pub replay: Option<PathBuf>,

    /// Of this moment: 03:05, "2026-11-20 03:05"; without --replay of the history
    #[arg(long, value_name = "TIME", conflicts_with_all = ["demo", "after"])]
    pub at: Option<String>,

    /// Let the backends work for this many seconds before the picture is taken
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    pub after: u64,

    /// Give up on backends that have not answered after this many seconds
    #[arg(long, default_value_t = 20, value_name = "SECONDS")]
    pub wait: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScreenName {
    Fleet,
    Run,
    Log,
    System,
    Alerts,
    /// Of a pipeline, or of a node
    Trends,
    /// A run against the last good one
    Compare,
    /// What was promised, and whether it was kept
    Sla,
    /// Queues, pools and busy hours
    Capacity,
    /// Of the config, by its name in the place of the address
    Dashboard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PictureFormat {
    Text,
    Ansi,
    Svg,
}

/// `NAME=VALUE`
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// `160x48`; a picture is at least one cell and at most 1000 by 1000.
fn size(text: &str) -> Result<(u16, u16), String> {
    let wrong = || "write WIDTHxHEIGHT, each from 1 to 1000, such as 160x48".to_owned();
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    let cells = |t: &str| t.parse().ok().filter(|n| (1..=1000).contains(n));
    Ok((
        cells(width).ok_or_else(wrong)?,
        cells(height).ok_or_else(wrong)?,
    ))
}

/// Check the configuration, the backends, what may be done there, and the terminal
///
/// Secrets, certificates, reachability, versions, rights and clocks of each backend, files that
/// can't be loaded, and the place for the state. Nothing is changed.
#[derive(Clone, Debug, Args)]
#[command(after_help = DOCTOR_CODES)]
pub struct Doctor {
    /// Only these backends
    #[arg(value_name = "BACKEND")]
    pub backends: Vec<String>,
}

/// Say why something failed, by its log, and what to do
///
/// Any log will do: of Python, the JVM, Spark, SQL engines, dbt, Airflow, shells and others. With
/// --json: {"class","confidence","evidence":[{"line","text"}],"cause","advice":[..]}; classes are
/// prep, definition, data, write, resources, timeout, dependency, credentials, missing_input,
/// quality, code, lost_worker, stopped and unknown.
#[derive(Clone, Debug, Args)]
#[command(after_help = DIAGNOSE_CODES)]
pub struct Diagnose {
    /// The log; `-` is standard input
    pub file: PathBuf,

    /// Lines of evidence at most, the one that tells the cause first
    #[arg(short = 'n', long, default_value_t = 5, value_name = "NUMBER")]
    pub lines: usize,
}

/// Lay out and draw a DAG
///
/// Reads an edge list (`a<TAB>b` a line), a plain DOT digraph or JSON; which one it is shows in the text.
#[derive(Clone, Debug, Args)]
#[command(after_help = GRAPH_CODES)]
pub struct Graph {
    /// The graph; `-` is standard input
    pub file: PathBuf,

    /// What comes out
    #[arg(long, value_enum, default_value = "text")]
    pub format: GraphFormat,

    /// Where the flow goes: left to right or top to bottom
    #[arg(long, value_enum, default_value = "lr")]
    pub direction: Flow,

    /// One row a node, without a frame
    #[arg(long)]
    pub compact: bool,

    /// Draw these groups as one box each; without a name all of them
    #[arg(long, value_name = "GROUP", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub collapse: Vec<String>,

    /// Only this node or collapsed group, what it depends on and what depends on it
    #[arg(long, value_name = "NODE")]
    pub focus: Option<String>,

    /// With --focus: at most so many edges away
    #[arg(long, value_name = "K", requires = "focus")]
    pub depth: Option<u32>,

    /// Cut lines of text at so many columns, 0 for never [default: the terminal's width, in a pipe never]
    #[arg(long, value_name = "COLUMNS")]
    pub width: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// Plain text
    Text,
    /// Text with colours
    Ansi,
    /// A picture
    Svg,
    /// Places, lines and figures, for other programs
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flow {
    Lr,
    Tb,
}

/// Print a completion script for a shell
///
/// For bash: dagtop completions bash > ~/.local/share/bash-completion/completions/dagtop
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_CODES)]
pub struct Completions {
    /// For which shell
    pub shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
