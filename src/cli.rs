//! Owns the command line as types. Must not know how anything is done.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::config::{ColorDepth, Switch};
use crate::logs::Level;
use crate::model::{Action, NodeState};

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

const ALERTS_CODES: &str = "\
Exit codes: 0 done, 1 no such alert or silence, or the history can't be read or written, 2 wrong command line.";

const RULES_CODES: &str = "\
Exit codes: 0 done, 1 the history can't be read, 2 wrong command line or a configuration that can't be used.";

const SERVE_CODES: &str = "\
Exit codes: 0 ended by SIGTERM or SIGINT, 1 it can't go on, 2 wrong command line or a configuration \
that can't be used.";

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

const ACT_CODES: &str = "\
Exit codes:
  0  done: the backend was read again and shows it (--dry-run: the plan was printed)
  1  refused, declined, or nothing was to be done
  2  wrong command line, an address that names nothing, or a configuration that can't be used
  3  sent, and not seen to have happened
A run of a local backend lives in the process that started it: act waits for its end and prints \
what came of it; the exit code is that of the action.";

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

const NOTIFY_CODES: &str = "\
Exit codes: 0 the channel took it (or: listed), 1 it did not, 2 wrong command line, a channel that \
there is not, or a configuration that can't be used.";

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
    Silence(Silence),
    Rules(Rules),
    Serve(Serve),
    Open(Open),
    Diagnose(Diagnose),
    Doctor(Doctor),
    Notify(Notify),
    Graph(Graph),
    Completions(Completions),
}

/// Watch and operate every configured backend (the default)
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = SCREEN_CODES)]
pub struct Monitor {}

/// List alerts, and acknowledge, resolve or note them
///
/// Shows what whoever tells people (`dagtop serve`, or a `dagtop` in a terminal) last wrote down.
#[derive(Clone, Debug, Args)]
#[command(after_help = ALERTS_CODES)]
pub struct Alerts {
    #[command(subcommand)]
    pub what: Option<AlertsWhat>,

    /// Those too that are over or that follow from others
    #[arg(long)]
    pub all: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub enum AlertsWhat {
    /// Take one on: nobody else is woken for it
    Ack(AlertName),
    /// Give one back
    Unack(AlertName),
    /// Say that one is over for you: quiet until it has been gone and comes back
    Resolve(AlertName),
    /// Write something beside one
    Note {
        #[command(flatten)]
        alert: AlertName,
        text: String,
    },
}

#[derive(Clone, Debug, Args)]
pub struct AlertName {
    /// As `dagtop alerts` shows it, or a part of it that only one has
    #[arg(value_name = "ALERT")]
    pub name: String,
}

/// Ask for quiet: nobody is told of alerts that match
#[derive(Clone, Debug, Args)]
#[command(after_help = ALERTS_CODES)]
pub struct Silence {
    #[command(subcommand)]
    pub what: Option<SilenceWhat>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum SilenceWhat {
    /// Begin one, now or ahead
    Add(SilenceAdd),
    /// End one
    End {
        /// As `dagtop silence` shows it
        id: String,
    },
}

#[derive(Clone, Debug, Args)]
pub struct SilenceAdd {
    /// What is meant, all of it: pipeline=orders_*, backend!=dev, priority>P2
    #[arg(long = "match", value_name = "NAME=VALUE", required = true)]
    pub matchers: Vec<String>,

    /// How long: 30m, 2h, 1d
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub lasts: std::time::Duration,

    /// When it begins, in RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    pub from: Option<chrono::DateTime<chrono::Utc>>,

    /// Why, for the others
    #[arg(long)]
    pub reason: String,
}

/// List the rules, or try them against what was seen
#[derive(Clone, Debug, Args)]
#[command(after_help = RULES_CODES)]
pub struct Rules {
    #[command(subcommand)]
    pub what: Option<RulesWhat>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum RulesWhat {
    /// Every rule, with its priority and what it means (the default)
    List,
    /// What the rules would have found, and whom they would have told
    Test {
        /// How far back: 12h, 7d; what backends told is kept for 14 days
        #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration)]
        since: std::time::Duration,
    },
}

/// Watch without a screen, and tell people
///
/// The same engine as in a terminal, for a service manager (assets/dagtop.service). Of several that run on one state
/// directory one tells people; when it ends, another takes over. What happens is written to stderr, with --json one
/// object a line.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = SERVE_CODES)]
pub struct Serve {}

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

/// Try a channel for alerts, or list the channels
#[derive(Clone, Debug, Args)]
#[command(after_help = NOTIFY_CODES)]
pub struct Notify {
    #[command(subcommand)]
    pub what: NotifyWhat,
}

#[derive(Clone, Debug, Subcommand)]
pub enum NotifyWhat {
    /// Send one test message to a channel, now, and say what it answered
    ///
    /// Paging services get an event that is closed at once, with the lowest priority.
    #[command(after_help = NOTIFY_CODES)]
    Test {
        /// Its name in the configuration; one that is switched off can be tried too
        channel: String,
    },
    /// List the channels of the configuration
    #[command(after_help = NOTIFY_CODES)]
    List,
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

/// Do something to a pipeline, run or node: previewed, confirmed, read back, audited
///
/// Without --yes the plan is printed and, on a terminal, a confirmation asked for; nothing is
/// done without one.
#[derive(Clone, Debug, Args)]
#[command(after_help = format!("{ADDRESSES}\n\n{ACT_CODES}"))]
pub struct Act {
    /// What to do
    pub action: ActionName,

    /// BACKEND, BACKEND/PIPELINE, BACKEND/PIPELINE/RUN or BACKEND/PIPELINE/RUN/NODE
    pub address: String,

    /// Do it without asking
    #[arg(long)]
    pub yes: bool,

    /// The name of the pipeline (or backend), in place of --yes where the backend is protected
    /// or the action is `stop`
    #[arg(long, value_name = "NAME", conflicts_with = "yes")]
    pub confirm: Option<String>,

    /// Print the plan and do nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,

    /// trigger: a parameter; the value is JSON, or text when it is not
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    pub params: Vec<(String, String)>,

    /// trigger: an id of your own, so that doing it twice starts one run
    #[arg(long, value_name = "ID")]
    pub run_id: Option<String>,

    /// retry, mark: also everything before it
    #[arg(long)]
    pub upstream: bool,

    /// retry, mark: also everything after it
    #[arg(long)]
    pub downstream: bool,

    /// retry: only what failed or is blocked
    #[arg(long)]
    pub only_failed: bool,

    /// mark: the state to set
    #[arg(long = "as", value_name = "STATE")]
    pub mark: Option<MarkAs>,

    /// note: the text
    #[arg(long)]
    pub note: Option<String>,

    /// limit: how many may run at once
    #[arg(long, value_name = "NUMBER")]
    pub to: Option<u64>,

    /// Give up on a backend that has not answered after this many seconds
    #[arg(long, default_value_t = 20, value_name = "SECONDS")]
    pub wait: u64,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ActionName {
    Pause,
    Resume,
    Cancel,
    Retry,
    Restart,
    Trigger,
    Mark,
    Note,
    Stop,
    Limit,
}

impl ActionName {
    pub fn action(self) -> Action {
        match self {
            Self::Pause => Action::Pause,
            Self::Resume => Action::Resume,
            Self::Cancel => Action::Cancel,
            Self::Retry => Action::Retry,
            Self::Restart => Action::Restart,
            Self::Trigger => Action::Trigger,
            Self::Mark => Action::Mark,
            Self::Note => Action::Note,
            Self::Stop => Action::Stop,
            Self::Limit => Action::Limit,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MarkAs {
    Succeeded,
    Failed,
    Skipped,
}

impl MarkAs {
    pub fn state(self) -> NodeState {
        match self {
            Self::Succeeded => NodeState::Succeeded,
            Self::Failed => NodeState::Failed,
            Self::Skipped => NodeState::Skipped,
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

    /// Whose run or log: BACKEND/PIPELINE, BACKEND/PIPELINE/RUN or BACKEND/PIPELINE/RUN/NODE [default: the worst]
    pub address: Option<String>,

    /// Of the demo instead of the configured backends
    #[arg(long)]
    pub demo: bool,

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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PictureFormat {
    Text,
    Ansi,
    Svg,
}

/// `NAME=VALUE`
/// `30m`, `1h30m`, `7d`; not nothing.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    match crate::config::parse_duration(text)? {
        std::time::Duration::ZERO => Err("must be longer than nothing".to_owned()),
        // ten years: what is longer is a mistake
        long if long.as_secs() > 315_360_000 => Err("is longer than ten years".to_owned()),
        duration => Ok(duration),
    }
}

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
