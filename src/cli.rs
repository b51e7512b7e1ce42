//! Owns the command line as types. Must not know how anything is done.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::config::{ColorDepth, Switch};

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or ended by the user
  1  it could not be done
  2  wrong command line, or a configuration that can't be used";

/// top for data pipelines: every pipeline of every orchestrator in one terminal, worst first.
#[derive(Debug, Parser)]
#[command(name = "dagtop", version, after_help = EXIT_CODES, arg_required_else_help = true)]
#[command(disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,

    /// Say where the configuration, the state and the cache are kept
    #[arg(long)]
    pub paths: bool,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What every subcommand understands.
#[derive(Clone, Debug, Default, Args)]
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
    Doctor(Doctor),
    Graph(Graph),
    Completions(Completions),
}

/// Check the configuration: the file, secrets, certificates, the terminal and the place for the state
///
/// Exit codes: 0 all is well (there may be warnings), 1 something is wrong, 2 the configuration can't be used.
#[derive(Clone, Debug, Args)]
pub struct Doctor {
    /// Only these backends
    #[arg(value_name = "BACKEND")]
    pub backends: Vec<String>,
}

/// Lay out and draw a DAG
///
/// Reads an edge list (`a<TAB>b` a line), a plain DOT digraph or JSON; which one it is shows in the text.
#[derive(Clone, Debug, Args)]
pub struct Graph {
    /// The graph; `-` is standard input
    pub file: PathBuf,

    #[arg(long, value_enum, default_value = "text")]
    pub format: GraphFormat,

    /// Where the flow goes: left to right or top to bottom
    #[arg(long, value_enum, default_value = "lr")]
    pub direction: Flow,

    /// One row a node, without a frame
    #[arg(long)]
    pub compact: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
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
pub struct Completions {
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
