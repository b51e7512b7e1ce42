//! The commands of alerts: who is told, what is done about them, which rules find them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

const ALERTS_CODES: &str = "\
Exit codes: 0 done, 1 no such alert or silence, or the history can't be read or written, 2 wrong command line.";

const RULES_CODES: &str = "\
Exit codes: 0 done, 1 the history can't be read, 2 wrong command line or a configuration that can't be used.";

const SERVE_CODES: &str = "\
Exit codes: 0 ended by SIGTERM or SIGINT, 1 it can't go on, 2 wrong command line or a configuration \
that can't be used.";

const NOTIFY_CODES: &str = "\
Exit codes: 0 the channel took it (or: listed), 1 it did not, 2 wrong command line, a channel that \
there is not, or a configuration that can't be used.";

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
    pub lasts: Duration,

    /// When it begins, in RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    pub from: Option<DateTime<Utc>>,

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
        since: Duration,
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

/// `30m`, `1h30m`, `7d`; not nothing.
fn duration(text: &str) -> Result<Duration, String> {
    match crate::config::parse_duration(text)? {
        Duration::ZERO => Err("must be longer than nothing".to_owned()),
        // ten years: what is longer is a mistake
        long if long.as_secs() > 315_360_000 => Err("is longer than ten years".to_owned()),
        duration => Ok(duration),
    }
}
