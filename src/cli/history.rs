//! The commands of the history.

use clap::{Args, Subcommand};

const HISTORY_CODES: &str = "\
Exit codes: 0 done, 1 it can't be read or written, is damaged or holds what makes no sense, 2 wrong command line or a configuration \
that can't be used.";

/// Say how much room the history takes, and give some back
#[derive(Clone, Debug, Args)]
#[command(after_help = HISTORY_CODES)]
pub struct History {
    #[command(subcommand)]
    pub what: Option<HistoryWhat>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum HistoryWhat {
    /// Bytes, records by kind, the first and the last run, and where it is (the default)
    Size,
    /// Give the room of what is gone back to the disk
    Vacuum,
    /// Let everything go now that is older than [history] in the configuration says
    Prune,
    /// Read all of it: is anything damaged?
    Check,
}
