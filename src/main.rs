//! Reads the command line, runs the command, gives the exit code. Errors go to stderr with all their causes.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use dagtop::{cli::Cli, commands, model::SafeText};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            // help and version come this way too
            let _ = told.print();
            return if told.use_stderr() {
                commands::usage_code(std::env::args_os()).into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    // fails only when a provider is there already, and then there is one
    let _ = rustls::crypto::ring::default_provider().install_default();
    match commands::run(cli) {
        Ok(exit) => exit.into(),
        Err(error) if commands::reader_gone(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // with stderr closed too, the exit code has to be enough
            let mut text = format!("dagtop: {error:#}");
            if let Some(hint) = commands::hint(&error) {
                text.push_str("\n  ");
                text.push_str(hint);
            }
            for line in text.lines() {
                let _ = writeln!(std::io::stderr(), "{}", SafeText::new(line));
            }
            commands::failure(&error).into()
        }
    }
}
