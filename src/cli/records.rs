//! The commands of what is kept: the audit, exports, reports.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

const AUDIT_CODES: &str = "\
Exit codes: 0 listed, exported, or the chain holds; 1 it can't be read; 2 verify: the chain is broken; \
also: wrong command line.";

/// Say who did what, and whether the record of it is whole
///
/// Lists the audit, newest last; with --json one object a line. Where a team shares a history (`[history] url`), that of
/// every machine, by time. Every line of it carries the hash of the one before: `dagtop audit verify` finds a line that
/// was changed, removed, inserted or moved. Values of parameters are not in it, they may be secrets.
#[derive(Clone, Debug, Args)]
#[command(after_help = AUDIT_CODES, args_conflicts_with_subcommands = true)]
pub struct Audit {
    #[command(subcommand)]
    pub what: Option<AuditWhat>,

    #[command(flatten)]
    pub filter: AuditFilter,
}

/// Which lines. Patterns: `*` is any text, `?` one character.
#[derive(Clone, Debug, Default, Args)]
pub struct AuditFilter {
    /// Only from this time on: 2026-11-20T03:11:02Z, "2026-11-20 03:11", or how long ago: 7d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Only before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,

    /// Only of this user
    #[arg(long, value_name = "PATTERN")]
    pub user: Option<String>,

    /// Only this: retry, ack, silence, config, export, …, or a kind: action, alert, silence, config, export, history, program
    #[arg(long, value_name = "PATTERN")]
    pub action: Option<String>,

    /// Only what was done to this: its name as listed, or its address
    #[arg(long, value_name = "PATTERN")]
    pub target: Option<String>,

    /// Only on this backend
    #[arg(long, value_name = "PATTERN")]
    pub backend: Option<String>,

    /// Of the files in this folder [default: of every machine of a team, else the state directory]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum AuditWhat {
    /// Read all of it and say whether anything was changed, removed, inserted or moved
    ///
    /// Prints the hash of the last line: noted elsewhere and given with --expect later, it shows an end that was cut
    /// off, and an audit that was written anew as a whole. The history keeps one too, and it is looked at; so are its
    /// copies of the audits of all machines, and whether that of this one is what its files say.
    #[command(after_help = AUDIT_CODES)]
    Verify {
        /// A hash that was printed before: its line must still be there
        #[arg(long, value_name = "HASH")]
        expect: Vec<String>,

        /// The files in this folder, without what the history has of them [default: the state directory]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Write it for a SIEM
    #[command(after_help = AUDIT_CODES)]
    Export {
        /// JSON lines as they stand in the files, or ArcSight's Common Event Format
        #[arg(long, value_enum, default_value = "jsonl")]
        format: AuditFormat,

        /// Into this file instead of stdout
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,

        #[command(flatten)]
        filter: AuditFilter,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuditFormat {
    Jsonl,
    Cef,
}

impl AuditFormat {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Cef => "cef",
        }
    }
}

const EXPORT_CODES: &str = "\
Exit codes: 0 written, 1 the history can't be read or the file can't be written, 2 wrong command line or a configuration \
that can't be used.

Columns are added at the end and never change. Times are UTC: RFC 3339 in text, timestamps of milliseconds in Parquet. \
What is not known is empty. Of parameters there are names and no values. In CSV a text that a spreadsheet would take for \
a formula (it begins with = + - or @) gets an apostrophe before it, unless --raw; JSON lines and Parquet have all as it is.";

/// Write the history as a table, for BI tools and notebooks
///
/// Row by row, however much there is. A file has its name only when it is whole. Every export is written down in the
/// audit.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXPORT_CODES)]
pub struct Export {
    /// Which table
    #[arg(value_enum)]
    pub what: ExportWhat,

    /// How it is written
    #[arg(long, value_enum, default_value = "csv")]
    pub format: ExportFormat,

    /// From this time on: 2026-11-20T03:11:02Z, "2026-11-20 03:11", or how long ago [default: 30d]
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Before this time [default: now]
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,

    /// Only of these pipelines; `*` is any text, `?` one character
    #[arg(long, value_name = "PATTERN")]
    pub pipeline: Option<String>,

    /// Only of these backends
    #[arg(long, value_name = "PATTERN")]
    pub backend: Option<String>,

    /// Of metrics: only those whose name begins so
    #[arg(long, value_name = "PREFIX")]
    pub series: Option<String>,

    /// Of metrics: how much time a row is about
    #[arg(long, value_enum, default_value = "1h")]
    pub grain: GrainName,

    /// Into this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// CSV: leave text that looks like a formula as it is
    #[arg(long)]
    pub raw: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportWhat {
    Runs,
    /// Every attempt of every node
    Nodes,
    /// Rollups of metrics
    Metrics,
    /// Who did what
    Audit,
}

impl ExportWhat {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Nodes => "nodes",
            Self::Metrics => "metrics",
            Self::Audit => "audit",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    Csv,
    Jsonl,
    Parquet,
}

impl ExportFormat {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GrainName {
    #[value(name = "1m")]
    Minute,
    #[value(name = "15m")]
    QuarterHour,
    #[value(name = "1h")]
    Hour,
    #[value(name = "1d")]
    Day,
}
