//! The commands that look back: replay and record.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

const REPLAY_CODES: &str = "\
Exit codes: 0 ended by the user, or exported; 1 nothing is kept of that time, or the file can't be read; 2 wrong \
command line or a configuration that can't be used; 128 and the number of a signal that ended it.";

const RECORD_CODES: &str = "\
Exit codes: 0 recorded (with --follow: until ctrl-c), 1 nothing is kept of that time, or the file can't be written, \
2 wrong command line or a configuration that can't be used.

In the file is what backends told (pipelines, runs with their parameters, nodes, shapes, queues, health), how it stood \
with alerts, what people asked for (without parameters), and the ends of the logs of what failed. In it are no \
credentials, no settings of backends and no other logs; what a log or a parameter says is in it as it was. Only you \
can read the file until you give it away.";

const TIMES: &str = "\
Times: 03:05 (the last such time), \"2026-11-20 03:05\", 2026-11-20T03:05:00Z, or 90m for how long before the end.";

/// Show the whole screen as it was: play, pause, step, jump; nothing can be acted on
///
/// From the history of this machine, or from a file of `dagtop record`. Space plays, `.` and `,` step to the next and
/// previous event, `}` and `{` to the next and previous failure, `@` goes to a time, + and - change the speed.
#[derive(Clone, Debug, Args)]
#[command(after_help = format!("{TIMES}\n\n{REPLAY_CODES}"))]
pub struct Replay {
    /// Begin at this time
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,

    /// From when on [default: a day before the end, with --at 12 hours before that]
    #[arg(long, value_name = "TIME", conflicts_with = "file")]
    pub since: Option<String>,

    /// Until when [default: now, with --at 12 hours after that]
    #[arg(long, value_name = "TIME", conflicts_with = "file")]
    pub until: Option<String>,

    /// Write what would be shown to a file instead, for somebody else to replay
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub export: Option<PathBuf>,

    /// A recording
    pub file: Option<PathBuf>,
}

/// Record an incident to a file that `dagtop replay` shows
#[derive(Clone, Debug, Args)]
#[command(after_help = format!("{TIMES}\n\n{RECORD_CODES}"))]
pub struct Record {
    /// Where to; gets its name when it is whole
    pub file: PathBuf,

    /// From when on, of what the history keeps [default: a day before the end]
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    pub since: Option<String>,

    /// Until when [default: now]
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    pub until: Option<String>,

    /// Only this pipeline, and what is about none
    #[arg(long, value_name = "BACKEND/PIPELINE")]
    pub pipeline: Option<String>,

    /// What happens from now on at the configured backends, until ctrl-c
    #[arg(short, long)]
    pub follow: bool,
}

const REPORT_CODES: &str = "\
Exit codes: 0 printed, 1 nothing is kept of that time, or the file can't be read, 2 wrong command line or a \
configuration that can't be used.";

/// Tell what happened, for whoever reads about it afterwards
///
/// With --incident: a timeline of failures, backends, alerts and what people did, and why things failed, in Markdown.
#[derive(Clone, Debug, Args)]
#[command(after_help = format!("{TIMES}\n\n{REPORT_CODES}"))]
pub struct Report {
    /// The timeline of an incident
    #[arg(long, required_unless_present = "period")]
    pub incident: bool,

    /// The figures of so much time until now: success, promises, slowest, flakiest, on-call load, who did what
    #[arg(long, value_name = "TIME", conflicts_with_all = ["incident", "since", "until", "pipeline", "file"], value_parser = crate::config::parse_duration)]
    pub period: Option<std::time::Duration>,

    /// With --period: how it is written
    #[arg(long, value_enum, default_value = "md", requires = "period")]
    pub format: PeriodFormat,

    /// With --period: into this file instead of stdout
    #[arg(short, long, value_name = "FILE", requires = "period")]
    pub output: Option<PathBuf>,

    /// From when on [default: a day before the end]
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Until when [default: now, of a recording its end]
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,

    /// Only this pipeline, and then also its runs that went well
    #[arg(long, value_name = "BACKEND/PIPELINE")]
    pub pipeline: Option<String>,

    /// A recording, instead of the history
    pub file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PeriodFormat {
    /// Markdown with tables
    Md,
    /// One page that needs nothing else
    Html,
    /// A row for every figure
    Csv,
    Json,
}

impl PeriodFormat {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Md => "md",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}
