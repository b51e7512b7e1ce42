//! The command that acts: which action on what, and how it is confirmed.

use clap::{Args, ValueEnum};

use crate::model::{Action, NodeState};

use super::{ADDRESSES, pair};

const ACT_CODES: &str = "\
Exit codes:
  0  done: the backend was read again and shows it (--dry-run: the plan was printed)
  1  refused, declined, or nothing was to be done
  2  wrong command line, an address that names nothing, or a configuration that can't be used
  3  sent, and not seen to have happened
A run of a local backend lives in the process that started it: act waits for its end and prints \
what came of it; the exit code is that of the action.";

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
